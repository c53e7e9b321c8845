-- SPDX-License-Identifier: MIT
--
-- Leases as scripts see them: one holder at a time, in this process and in others, and nothing that stores mind.
-- tests/unit/base/test_process_lock.c has what happens to lock files and to children.

local another = require("support.another")
local core = require("holdfast.core")
local ffi = require("ffi")
local holder = require("support.holder")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")
local temp = require("support.temp")

local directory, path

before_each(function()
  directory = temp.directory()
  path = directory .. "/.lease/signal/main/BTCUSDT.lock"
end)

after_each(function()
  jit.flush()
  collectgarbage()
  collectgarbage()
  assert.same({}, temp.openFiles(), "leases are left")
  temp.removeAll()
end)

local function exists(name)
  local file = io.open(name)
  if file then file:close() end
  return file ~= nil
end

describe("a lease", function()
  it("has one holder, which is named to others", function()
    local first = core.lease(path, "Live.run of bot.lua")
    assert.equal("lease of " .. path, tostring(first))
    local err = raises.error("busy", nil, core.lease, path, "another")
    assert.is_true(err.retryable)
    local held, said = err.message:match("^(.*) is held by (.*): end that one first$")
    assert.equal(path, held)
    assert.equal(said, err.cause)
    assert.matches(("^process %d on host %%S+ %%(Live%%.run of bot%%.lua, since "):format(ffi.C.getpid())
      .. "%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ%)$", said)
    first:release()
  end)

  it("is free after its release, which leaves no file and may be repeated", function()
    local first = core.lease(path, "first")
    assert.is_true(exists(path))
    first:release()
    assert.is_false(exists(path))
    assert.equal("lease (released)", tostring(first))
    local second = core.lease(path, "second")
    first:release()
    raises.error("busy", nil, core.lease, path, "third")
    second:release()
  end)

  it("is free when it was collected", function()
    do local _ = core.lease(path, "first") end
    jit.flush()
    collectgarbage()
    collectgarbage()
    assert.is_false(exists(path))
  end)

  it("tells others what the holder says, fit to print", function()
    local lease = core.lease(path, "a\0b\nc\27" .. ("ü"):rep(200))
    local err = raises.error("busy", nil, core.lease, path, "")
    assert.is_nil(err.message:find("%c"))
    assert.is_truthy(err.message:find(" (a b c ü", 1, true) and err.message:find("ü..., since ", 1, true), err.message)
    lease:release()
    lease = core.lease(path, "")
    assert.matches("%S+ %(since ", raises.error("busy", nil, core.lease, path, "").message)
    lease:release()
  end)

  it("is seen by who looks, who makes nothing", function()
    local folder = directory .. "/.lease"
    assert.is_nil(core.leaseHolder(path))
    assert.same({}, core.leasesIn(folder))
    assert.is_false(exists(folder))
    local first = core.lease(path, "Live.run of bot.lua")
    local who = core.leaseHolder(path)
    assert.equal(raises.error("busy", nil, core.lease, path, "another").cause, who)
    local found, problem = core.leasesIn(folder)
    assert.same({ { path = path, holder = who } }, found)
    assert.is_nil(problem)
    first:release()
    assert.is_nil(core.leaseHolder(path))
    assert.same({}, core.leasesIn(folder))
    raises.error("invalid_argument", nil, core.leaseHolder, "a\0b")
    raises.error("invalid_argument", nil, core.leaseHolder, "")
    raises.error("invalid_argument", nil, core.leasesIn)
  end)

  it("says of a folder that it cannot be looked into", function()
    if os.execute("test $(id -u) = 0") == 0 then return pending("the superuser may look into everything") end
    core.lease(path, "x"):release()
    os.execute("chmod 0 " .. temp.quote(directory .. "/.lease/signal"))
    local found, problem = core.leasesIn(directory .. "/.lease")
    assert.same({}, found)
    assert.same({ "io", true }, { problem.code, problem.message:find("cannot look into the folder", 1, true) ~= nil })
  end)

  it("refuses what is not a path, a text or a time", function()
    raises.error("invalid_argument", nil, core.lease, nil, "x")
    raises.error("invalid_argument", nil, core.lease, "a\0b", "x")
    raises.error("invalid_argument", nil, core.lease, "", "x")
    raises.error("invalid_argument", nil, core.lease, path)
    for _, timeout in ipairs({ -1, 0.5, 0 / 0, 1 / 0, "5", 2 ^ 33 }) do
      raises.error("invalid_argument", "^lease: the timeout must be a whole number", core.lease, path, "x", timeout)
    end
    temp.writeFile(directory .. "/bot.lua", "return 1")
    raises.error("invalid_argument", "^.*/bot%.lua is a file of something else", core.lease, directory .. "/bot.lua",
      "x")
    assert.equal("return 1", temp.readFile(directory .. "/bot.lua"))
    assert.is_false(exists(path))
  end)

  it("cannot be released by something else", function()
    local lease = core.lease(path, "x")
    assert.is_false(pcall(lease.release, io.stdout))
    assert.is_false(pcall(lease.release))
    lease:release()
  end)
end)

describe("a lease of another process", function()
  local taking = [[
    local core = require("holdfast.core")
    lease = core.lease(%q, "Live.run of " .. tostring(arg[0]))
  ]]

  it("keeps this one out, with that one's name, and ends with kill -9", function()
    local other = holder.start(taking:format(path))
    local err = raises.error("busy", nil, core.lease, path, "this one")
    assert.is_truthy(err.message:find(("is held by process %d on host "):format(other.pid), 1, true), err.message)
    assert.is_truthy(err.message:find("(Live.run of " .. other.script .. ", since ", 1, true), err.message)
    raises.error("busy", nil, core.lease, path, "this one", 100)
    assert.is_truthy(core.leaseHolder(path):find(("process %d on host "):format(other.pid), 1, true))
    other:kill()
    while core.leaseHolder(path) do os.execute("sleep 0.01") end
    assert.is_true(exists(path)) -- it is not held, and looking is not what removes it
    local lease = core.lease(path, "this one", 10000)
    lease:release()
    assert.is_false(exists(path))
  end)

  it("is waited for", function()
    local code = [[
      local lease = require("holdfast.core").lease(%q, "a short one")
      os.execute("touch %s/ready; sleep 0.3")
      lease:release()
    ]]
    os.execute(("LUA_CPATH=%s LUA_PATH=%s luajit -e %s &"):format(temp.quote(package.cpath), temp.quote(package.path),
      temp.quote(code:format(path, directory))))
    while not exists(directory .. "/ready") do os.execute("sleep 0.01") end
    raises.error("busy", nil, core.lease, path, "this one")
    core.lease(path, "this one", 20000):release()
  end)

  it("leaves no file when that process ends as it should", function()
    local ended = another.run(taking:format(path))
    assert.equal(0, ended.code, ended.stderr)
    assert.is_false(exists(path))
  end)
end)

for _, name in ipairs({ "lmdb", "file" }) do describe("beside a store of " .. name, function()
  local base
  before_each(function() base = name .. ":" .. directory .. "/store" end)

  local function lease(id) return core.lease(directory .. "/store/.lease/signal/" .. id .. ".lock", "spec") end

  for _, order in ipairs({ "before the store is made", "after it" }) do
    it("lock files that were made " .. order .. " are nothing to it", function()
      local first = order:find("before") and lease("a")
      local store = holdfast.PersistBase("signal", base)
      store:writeValue("a", { n = 1 })
      first = first or lease("a")
      local second = lease("b/c")
      local odd = holdfast.PersistBase(".lease", base)
      odd:writeValue("signal/a", { n = 2 })
      local whole = holdfast.openStore(base)
      assert.same({ ".lease", "signal" }, whole:entities())
      local report = whole:verify()
      assert.same({ entities = 2, corrupt = 0, quarantined = 0 },
        { entities = report.entities, corrupt = report.corrupt, quarantined = report.quarantined })
      assert.same({ "a" }, stores.list(store:keys()))
      odd:removeAll()
      store:removeAll()
      assert.equal(0, store:count() + odd:count())
      raises.error("busy", nil, lease, "a")
      raises.error("busy", nil, lease, "b/c")
      whole:close()
      store:close()
      odd:close()
      store = holdfast.PersistBase("signal", base) -- opened again, with the folder in it
      store:writeValue("a", { n = 3 })
      assert.equal(3, store:readValue("a").n)
      first:release()
      second:release()
      store:close()
    end)
  end

  it("one in the folder of the store that a crash left does not keep the store from opening", function()
    local other = holder.start(("l = require('holdfast.core').lease(%q, 'x')"):format(directory
      .. "/store/.lease/signal/a.lock"))
    other:kill()
    lease("b"):release()
    local store = holdfast.PersistBase("signal", base)
    store:writeValue("a", { n = 1 })
    assert.same({ "signal" }, holdfast.openStore(base):entities())
    core.lease(directory .. "/store/.lease/signal/a.lock", "spec", 10000):release()
    assert.equal(1, store:readValue("a").n)
    store:close()
  end)
end) end
