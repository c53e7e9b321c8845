-- SPDX-License-Identifier: MIT
--
-- Documents of a file store that another program is writing, or may be: they are never taken for corrupt while it
-- does, and for ever what they are when it is done.  Races between processes are in tests/fault.

local holdfast = require "holdfast"
local process = require "support.process"
local raises = require "support.raises"
local stores = require "support.stores"
local temp = require "support.temp"

local list = stores.list
local quote = temp.quote

-- After this, and a little for the clocks' steps, what is unreadable is corrupt; see backends/file/README.md.
local SETTLED = 2.1

local WHOLE = '{"position":"long","note":"' .. ("x"):rep(500) .. '"}'

local base, path

before_each(function()
  base = temp.quickDirectory()
  path = base .. "/signal/BTC.json"
  process.shell("mkdir " .. quote(base .. "/signal"))
end)

after_each(function()
  jit.flush()
  collectgarbage()
  collectgarbage()
  assert.same({}, temp.openFiles(), "handles are left open")
  temp.removeAll()
end)

local function open(options) return holdfast.FilePersist("signal", base, options) end

local function sleep(seconds) process.shell("sleep " .. seconds) end

local function touch(file, when) process.shell(("touch -d '%s' %s"):format(when, quote(file))) end

local function isThere(file) return process.shell("test -e " .. quote(file)).code == 0 end

-- What a program has written of a document, if the rest is still to come.
local function writeHalf() temp.writeFile(path, WHOLE:sub(1, 200)) end

-- Begins to write it in another process, which goes on after a pause.
local function writeSlowly(pause)
  process.shell(("{ printf '%%s' %s; touch %s; sleep %s; printf '%%s' %s; } >%s &"):format(quote(WHOLE:sub(1, 200)),
    quote(base .. "/begun"), pause, quote(WHOLE:sub(201)), quote(path)))
  while not isThere(base .. "/begun") do sleep(0.001) end
  os.remove(base .. "/begun")
end

local function isBusy(...)
  local err = raises.error("busy", nil, ...)
  assert.is_true(err.retryable)
  assert.equal("signal", err.entityName)
  assert.equal("BTC", err.entityId)
  assert.equal("file", err.backend)
  assert.matches("another program is writing this document.*" .. path:gsub("%p", "%%%0"), err.message)
  assert.is_false(isThere(base .. "/.quarantine/signal/BTC.json"))
  assert.is_true(isThere(path))
  return err
end

describe("a document that another program is in the middle of writing", function()
  for what, text in pairs { ["half of it"] = WHOLE:sub(1, 200), ["an empty file"] = "" } do
    it("is busy and stays where it is: " .. what, function()
      local store = open()
      temp.writeFile(path, text)
      local err = isBusy(store.readValue, store, "BTC")
      assert.truthy(err.cause ~= "" and err.cause)
      isBusy(store.readMany, store, { "BTC" })
      temp.writeFile(path, WHOLE)
      assert.equal("long", store:readValue("BTC").position)
    end)
  end

  it("has its name: it is there, is listed and counted, and ifAbsent does not hold", function()
    local store = open()
    writeHalf()
    assert.is_true(store:hasValue("BTC"))
    assert.same({ "BTC" }, list(store:keys()))
    assert.equal(1, store:count())
    raises.error("conflict", nil, store.writeValue, store, "BTC", 1, { ifAbsent = true })
    assert.equal(WHOLE:sub(1, 200), temp.readFile(path))
  end)

  it("ends a loop with an error that names it, after what comes before it", function()
    local store = open()
    store:writeMany { A1 = 1, A2 = 2, Z = 3 }
    writeHalf()
    for _, loop in ipairs { "values", "entries", "filter" } do
      local seen = 0
      isBusy(function()
        for _ in store[loop](store, loop == "filter" and function() return true end or nil) do seen = seen + 1 end
      end)
      assert.equal(2, seen, loop)
    end
    temp.writeFile(path, WHOLE)
    assert.equal(4, #list(store:values()))
  end)

  it("can be written over and removed", function()
    local store = open()
    writeHalf()
    store:writeValue("BTC", { position = "short" })
    assert.equal("short", store:readValue("BTC").position)
    writeHalf()
    store:removeValue("BTC")
    raises.error("not_found", nil, store.readValue, store, "BTC")
    writeHalf()
    store:removeAll()
    assert.equal(0, store:count())
    assert.equal(0, store:stat().quarantined)
  end)

  it("is waited for, for a moment", function()
    local store = open()
    local started, found = 0, 0
    for _ = 1, 20 do
      writeSlowly(0.01)
      started = started + 1
      local ok, value = pcall(store.readValue, store, "BTC")
      if ok then found = found + 1 else assert.equal("busy", value.code) end
      sleep(0.03)
      assert.equal("long", store:readValue("BTC").position)
    end
    assert.is_true(found > started / 2, found .. " of " .. started)
  end)

  it("is waited for by verify until it is whole or known to be corrupt", function()
    local store = holdfast.openStore("file:" .. base)
    writeSlowly(0.7)
    local report = store:verify()
    assert.same({ 1, 0, 0 }, { report.entities, report.corrupt, report.quarantined })
    writeHalf()
    report = store:verify()
    assert.same({ 1, 1, 1 }, { report.entities, report.corrupt, report.quarantined })
    store:close()
  end)

  it("is busy for a store that was opened read-only, too", function()
    local store = open { readOnly = true }
    writeHalf()
    isBusy(store.readValue, store, "BTC")
    touch(path, "1 minute ago")
    raises.error("corrupt", nil, store.readValue, store, "BTC")
    assert.is_true(isThere(path))
  end)
end)

describe("a document that stays unreadable", function()
  it("is corrupt, and moved to quarantine, when it has not been written for two seconds", function()
    local store = open()
    writeHalf()
    isBusy(store.readValue, store, "BTC")
    sleep(SETTLED)
    local err = raises.error("corrupt", nil, store.readValue, store, "BTC")
    assert.matches("its bytes were moved to quarantine", err.message)
    assert.equal(WHOLE:sub(1, 200), temp.readFile(base .. "/.quarantine/signal/BTC.json"))
    assert.is_false(isThere(path))
  end)

  it("is not moved as long as something is written to it, however long that takes", function()
    local store = open()
    local file = assert(io.open(path, "w"))
    for i = 1, 5 do
      file:write(WHOLE:sub(100 * i - 99, 100 * i))
      file:flush()
      isBusy(store.readValue, store, "BTC")
      sleep(0.7)
    end
    file:write(WHOLE:sub(501))
    file:close()
    assert.equal("long", store:readValue("BTC").position)
  end)

  it("is corrupt after the same time when somebody has set its time ahead", function()
    local store = open()
    writeHalf()
    touch(path, "next year")
    isBusy(store.readValue, store, "BTC")
    sleep(SETTLED)
    raises.error("corrupt", nil, store.readValue, store, "BTC")
    assert.is_false(isThere(path))
  end)
end)

-- A program that has a document open and pauses so long that it is moved.
describe("a document that is finished in quarantine", function()
  local file, store

  before_each(function()
    store = open()
    store:writeValue("other", 1)
    file = assert(io.open(path, "w"))
    file:write(WHOLE:sub(1, 200))
    file:flush()
    touch(path, "1 minute ago")
    raises.error("corrupt", nil, store.readValue, store, "BTC")
    raises.error("corrupt", nil, store.readValue, store, "BTC")
    assert.is_false(isThere(path))
    assert.equal(1, store:stat().quarantined)
  end)

  after_each(function()
    store:close()
    file, store = nil, nil
  end)

  local function finish()
    file:write(WHOLE:sub(201))
    file:close()
  end

  local ways = {
    readValue = function() assert.equal("long", store:readValue("BTC").position) end,
    hasValue = function() assert.is_true(store:hasValue("BTC")) end,
    readMany = function() assert.equal("long", store:readMany({ "BTC" }).BTC.position) end,
    keys = function() assert.same({ "BTC", "other" }, list(store:keys())) end,
    values = function() assert.equal(2, #list(store:values())) end,
    count = function() assert.equal(2, store:count()) end,
    ifAbsent = function() raises.error("conflict", nil, store.writeValue, store, "BTC", 1, { ifAbsent = true }) end,
  }
  for name, ask in pairs(ways) do
    it("has its name again when it is asked for: " .. name, function()
      finish()
      ask()
      assert.equal(WHOLE, temp.readFile(path))
      assert.equal("long", store:readValue("BTC").position)
      assert.equal(0, store:stat().quarantined)
    end)
  end

  it("stays there while it is not whole", function()
    file:write(WHOLE:sub(201, 300))
    file:flush()
    assert.equal(1, store:count())
    raises.error("corrupt", nil, store.readValue, store, "BTC")
    file:close()
  end)

  it("does not come back over a newer one, nor after it was removed", function()
    store:writeValue("BTC", { position = "short" })
    finish()
    assert.equal("short", store:readValue("BTC").position)
    store:removeValue("BTC")
    raises.error("not_found", nil, store.readValue, store, "BTC")
    assert.equal(1, store:count())
    local kept = process.shell("cat " .. quote(base) .. "/.quarantine/signal/BTC.json.[0-9]*[0-9]").stdout
    assert.equal(WHOLE, kept)
  end)

  it("stays there for a store that was opened read-only", function()
    finish()
    store:close()
    local reader = open { readOnly = true }
    raises.error("corrupt", nil, reader.readValue, reader, "BTC")
    reader:close()
    assert.is_false(isThere(path))
  end)
end)

-- What else can fail is in tests/fault/file/io_errors.c.
describe("a file store without a free descriptor", function()
  it("has changed nothing when it says that it is busy", function()
    local script = base .. "/script.lua"
    temp.writeFile(script, [==[
local holdfast = require "holdfast"
local store = holdfast.FilePersist("signal", arg[1])
store:writeMany { warm = 1, ["deep/warm"] = 1 }
local refused = 0
for free = 0, 6 do
  for _, case in ipairs {
    { "writeValue", "new" .. free, 2, { ifAbsent = true }, id = "new" .. free },
    { "writeValue", "deeper/new" .. free, 2, id = "deeper/new" .. free },
    { "removeValue", "warm", id = "warm" },
    { "removeValue", "deep/warm", id = "deep/warm" },
  } do
    local before, held = store:hasValue(case.id), {}
    while true do
      local file = io.open("/dev/null")
      if not file then break end
      held[#held + 1] = file
    end
    for _ = 1, free do table.remove(held):close() end
    local ok, err = pcall(store[case[1]], store, unpack(case, 2))
    for _, file in ipairs(held) do file:close() end
    local what = case[1] .. " " .. case.id .. ", " .. free .. " free: "
    if ok then
      assert(store:hasValue(case.id) ~= before, what .. "not done")
    else
      refused = refused + 1
      assert(err.code == "busy" and err.retryable, what .. tostring(err))
      assert(store:hasValue(case.id) == before, what .. "changed, and it says " .. tostring(err))
      store[case[1]](store, unpack(case, 2)) -- as it may be
    end
    store:writeMany { warm = 1, ["deep/warm"] = 1 }
  end
end
assert(refused > 3, refused)
]==])
    local command = os.getenv("HOLDFAST_BIN") or "build/holdfast"
    local result = process.shell(("ulimit -n 40; %s run %s %s"):format(quote(command), quote(script),
      quote(base .. "/store")))
    assert.equal("", result.stderr)
    assert.equal(0, result.code)
  end)
end)
