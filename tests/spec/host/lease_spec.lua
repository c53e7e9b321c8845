-- SPDX-License-Identifier: MIT
--
-- Who runs a strategy on a symbol, and who changes an entity: one at a time, in this process and in others.

local ScriptPersist = require("support.ScriptPersist")
local core = require("holdfast.core")
local ffi = require("ffi")
local holder = require("support.holder")
local holdfast = require("holdfast")
local lease = require("holdfast.host.state.lock")
local raises = require("support.raises")
local stores = require("support.stores")
local temp = require("support.temp")

local signals, risk = holdfast.PersistSignalAdapter, holdfast.PersistRiskAdapter

local directory

before_each(function()
  directory = temp.directory()
  signals.useLmdb(directory)
  risk.useFile(directory)
end)

after_each(function() stores.leaveNothing { signals, risk } end)

-- The lock files in a folder.
local function locks(folder)
  local pipe = io.popen("cd " .. temp.quote(folder or directory .. "/.lease") .. " 2>/dev/null && find . -type f")
  local found = {}
  for line in pipe:lines() do found[#found + 1] = line:sub(3) end
  pipe:close()
  table.sort(found)
  return found
end

local function here() return ("process %d on host "):format(ffi.C.getpid()) end

describe("take", function()
  it("gives a strategy and a symbol to one, and names it to others", function()
    local first = lease.take("main", "BTCUSDT", "bot.lua")
    local err = raises.error("busy", nil, lease.take, "main", "BTCUSDT", "other.lua")
    assert.equal("signal", err.entityName)
    local said = err.message:match("^strategy 'main' on BTCUSDT is run by (.*): only one process may run it; "
      .. "end that one first$")
    assert.equal(here(), said:sub(1, #here()))
    assert.matches(" %(bot%.lua, since %d+%-%d+%-%d+T%d+:%d+:%d+Z%)$", said)
    assert.is_truthy(err.cause:find("/.lease/signal/main/BTCUSDT.lock", 1, true))
    local others = { lease.take("main", "ETHUSDT"), lease.take("other", "BTCUSDT") }
    assert.same({ "signal/main/BTCUSDT.lock", "signal/main/ETHUSDT.lock", "signal/other/BTCUSDT.lock" }, locks())
    first:release()
    first:release()
    local second = lease.take("main", "BTCUSDT")
    first:release()
    raises.error("busy", nil, lease.take, "main", "BTCUSDT")
    for _, other in ipairs({ second, unpack(others) }) do other:release() end
    assert.same({}, locks())
  end)

  it("keeps other processes out until that process ends, however it ends", function()
    local other = holder.start(([[
      require("holdfast").PersistSignalAdapter.useLmdb(%q)
      taken = require("holdfast.host.state.lock").take("main", "BTCUSDT")
    ]]):format(directory .. "/./"))
    local err = raises.error("busy", nil, lease.take, "main", "BTCUSDT")
    assert.is_truthy(err.message:find(("strategy 'main' on BTCUSDT is run by process %d on host "):format(other.pid),
      1, true), err.message)
    assert.is_truthy(err.message:find("(" .. other.script .. ", since ", 1, true), err.message)
    other:kill()
    core.lease(directory .. "/.lease/signal/main/BTCUSDT.lock", "waits", 10000):release()
    lease.take("main", "BTCUSDT"):release()
  end)

  it("comes before the store is used, or after, and is nothing to the store", function()
    local first = lease.take("main", "BTCUSDT")
    assert.same({ "signal/main/BTCUSDT.lock" }, locks())
    assert.is_nil(holdfast.adapters.list()[1].since)
    signals.writeSignalData({ n = 1 }, "main", "BTCUSDT")
    local second = lease.take("main", "ETHUSDT")
    raises.error("busy", nil, lease.take, "main", "BTCUSDT")
    assert.equal(1, signals.readSignalData("main", "BTCUSDT").n)
    first:release()
    second:release()
  end)

  it("tells names apart, whatever they are", function()
    local names = { "a", "A", "a/b", "a%2Fb", "a%b", ".", "..", "a.lock", "a~b", "ü", "a b", "\n", ("x"):rep(300),
      ("x"):rep(301), ("ü"):rep(100), ("ü"):rep(99) .. "u" }
    local taken = {}
    for _, strategy in ipairs(names) do
      for _, symbol in ipairs({ "BTCUSDT", strategy }) do taken[#taken + 1] = lease.take(strategy, symbol) end
    end
    assert.equal(#taken, #locks())
    for _, path in ipairs(locks()) do assert.matches("^signal/[^/.]+/[^/.]+%.lock$", path) end
    lease.exclusive("PersistSignalAdapter", "a", function() end) -- a.lock, where a strategy is called so
    for _, name in ipairs(names) do raises.error("busy", nil, lease.take, name, name) end
    for _, each in ipairs(taken) do each:release() end
    assert.same({}, locks())
  end)

  it("is released when it was collected", function()
    lease.take("main", "BTCUSDT")
    signals.close()
    signals.useMemory("collected")
    lease.take("main", "BTCUSDT")
    jit.flush()
    collectgarbage()
    collectgarbage()
    assert.same({}, locks())
    lease.take("main", "BTCUSDT"):release()
  end)

  it("knows who of this state has a store in memory", function()
    for _, register in ipairs({ function() signals.useMemory("one") end, signals.useDummy }) do
      signals.close()
      register()
      local first = lease.take("main", "BTCUSDT", "the first")
      local err = raises.error("busy", nil, lease.take, "main", "BTCUSDT")
      assert.matches("^strategy 'main' on BTCUSDT is run by this process %(the first, since 2.*Z%): only one ",
        err.message)
      local second = lease.take("main", "ETHUSDT")
      first:release()
      local third = lease.take("main", "BTCUSDT")
      first:release()
      raises.error("busy", nil, lease.take, "main", "BTCUSDT")
      third:release()
      second:release()
      assert.same({}, locks())
    end
    signals.close()
    signals.useMemory("one")
    local first = lease.take("main", "BTCUSDT")
    signals.close()
    signals.useMemory("two")
    lease.take("main", "BTCUSDT"):release()
    first:release()
  end)

  it("has a folder of the user's own for a server", function()
    local url = "http://me:secret@127.0.0.1/" .. directory
    signals.usePersistSignalAdapter(ScriptPersist, url)
    local first = lease.take("main", "BTCUSDT")
    assert.matches("^strategy 'main' on BTCUSDT is run by process", raises.error("busy", nil, lease.take, "main",
      "BTCUSDT").message)
    local path = first.key
    assert.equal(core.leaseFolder(), path:sub(1, #core.leaseFolder()))
    assert.is_nil(path:find("secret", 1, true))
    assert.same({ "signal/main/BTCUSDT.lock" }, locks(path:match("^(.*)/signal/")))
    local other = holder.start(([[
      local holdfast = require("holdfast")
      local Other = require("support.ScriptPersist"):extend("Other")
      holdfast.PersistSignalAdapter.usePersistSignalAdapter(Other, %q)
      ok, raised = pcall(require("holdfast.host.state.lock").take, "main", "BTCUSDT")
      assert(not ok and holdfast.isError(raised, "busy"), raised)
    ]]):format(url:gsub("secret", "changed")))
    other:kill()
    first:release()
    signals.usePersistSignalAdapter(ScriptPersist, url .. "/other")
    local second = lease.take("main", "BTCUSDT")
    assert.is_not.equal(path, second.key)
    second:release()
    for _, made in ipairs({ path, second.key }) do os.execute("rm -r " .. temp.quote(made:match("^(.*)/signal/"))) end
  end)

  it("makes no store of a directory that is missing and is not to be made", function()
    signals.close()
    signals.useFile(directory .. "/mistyped", { create = false })
    raises.error("not_found", nil, lease.take, "main", "BTCUSDT")
    raises.error("not_found", nil, signals.readSignalData, "main", "BTCUSDT")
  end)

  it("refuses what names nothing", function()
    raises.error("invalid_argument", "^take: the name of the strategy must be a string", lease.take)
    raises.error("invalid_argument", "^take: the symbol must be a string that is not empty, not an empty one$",
      lease.take, "main", "")
    raises.error("invalid_argument", "^take: who must be a string", lease.take, "main", "BTCUSDT", 5)
    assert.same({}, locks())
  end)
end)

describe("exclusive", function()
  it("runs the function with its arguments and gives its results, nil too", function()
    local function results(...) return select("#", ...), ... end
    assert.same({ 4, 1, nil, "x" }, { results(lease.exclusive("PersistRiskAdapter", "main", function(a, b, ...)
      assert.same({ "risk/main.lock" }, locks())
      return a, b, ...
    end, 1, nil, "x", nil)) })
    assert.same({}, locks())
  end)

  it("ends when the function raises, and raises the same", function()
    local raised = holdfast.error("conflict", "mine")
    assert.equal(raised, raises.caught(lease.exclusive, "PersistRiskAdapter", "main", error, raised))
    assert.equal("text", raises.caught(lease.exclusive, "PersistRiskAdapter", "main", error, "text", 0))
    assert.is_nil(raises.caught(lease.exclusive, "PersistRiskAdapter", "main", error))
    assert.same({}, locks())
  end)

  it("is for one adapter and id", function()
    local order = {}
    lease.exclusive("PersistRiskAdapter", "a", function()
      lease.exclusive("PersistRiskAdapter", "b", function() order[1] = "b" end)
      lease.exclusive("PersistSignalAdapter", "a", function() order[2] = "a" end)
    end)
    assert.same({ "b", "a" }, order)
  end)

  it("does not wait for what waits for it", function()
    local began = os.time()
    local err
    lease.exclusive("PersistRiskAdapter", "a", function()
      err = raises.error("busy", nil, lease.exclusive, "PersistRiskAdapter", "a", error)
    end)
    assert.is_true(os.time() - began < 4)
    assert.matches("^Entity risk:a is being changed by process .*: nothing was changed, try again$", err.message)
    assert.same({ "risk", "a" }, { err.entityName, err.entityId })
    assert.is_true(err.retryable)
    risk.close()
    risk.useMemory("x")
    lease.exclusive("PersistRiskAdapter", "a", function()
      err = raises.error("busy", nil, lease.exclusive, "PersistRiskAdapter", "a", error)
    end)
    assert.matches("^Entity risk:a is being changed by this process ", err.message)
  end)

  it("waits for another process, and no longer than 5 seconds", function()
    local other = holder.start(([[
      holdfast = require("holdfast")
      holdfast.PersistRiskAdapter.useFile(%q)
      require("holdfast.host.state.lock").exclusive("PersistRiskAdapter", "a", function()
        io.open(arg[1] .. "/ready", "w"):close()
        os.execute("sleep 0.3")
      end)
      held = require("holdfast.core").lease(%q, "for long")
    ]]):format(directory, directory .. "/.lease/risk/b.lock"))
    local ran
    lease.exclusive("PersistRiskAdapter", "a", function() ran = true end)
    assert.is_true(ran)
    core.lease(directory .. "/.lease/risk/c.lock", "x"):release()
    while pcall(function() core.lease(directory .. "/.lease/risk/b.lock", "x"):release() end) do
      os.execute("sleep 0.02")
    end
    local began = os.time()
    local err = raises.error("busy", nil, lease.exclusive, "PersistRiskAdapter", "b", error)
    assert.is_true(os.time() - began >= 4 and os.time() - began <= 10)
    assert.matches("^Entity risk:b is being changed by process .*%(for long, since ", err.message)
    other:kill()
  end)

  it("loses no update of several processes", function()
    local code = [[
      local holdfast = require("holdfast")
      local lease, risk = require("holdfast.host.state.lock"), holdfast.PersistRiskAdapter
      risk.useFile(%q, { durability = "nosync" })
      for _ = 1, 40 do
        lease.exclusive("PersistRiskAdapter", "main", function()
          local state = risk.readPositionData("main") or { n = 0 }
          state.n = state.n + 1
          risk.writePositionData(state, "main")
        end)
      end
    ]]
    local command = ("LUA_CPATH=%s LUA_PATH=%s luajit -e %s"):format(temp.quote(package.cpath),
      temp.quote(package.path), temp.quote(code:format(directory)))
    assert.equal(0, os.execute(command .. " & " .. command .. " & a=$!; " .. command .. " && wait $a"))
    for _ = 1, 200 do
      if risk.readPositionData("main").n == 120 then break end
      os.execute("sleep 0.05")
    end
    assert.equal(120, risk.readPositionData("main").n)
    assert.same({}, locks())
  end)

  it("refuses what is not an adapter, an id or a function", function()
    raises.error("invalid_argument", "^exclusive: there is no adapter Persist; there are PersistSignalAdapter, ",
      lease.exclusive, "Persist", "a", print)
    raises.error("invalid_argument", "^exclusive: the id must be", lease.exclusive, "PersistRiskAdapter", "", print)
    raises.error("invalid_argument", "^exclusive: give a function to run, not a nil$", lease.exclusive,
      "PersistRiskAdapter", "a")
  end)
end)
