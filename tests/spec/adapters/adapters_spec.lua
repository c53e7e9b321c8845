-- SPDX-License-Identifier: MIT
--
-- Adapters as scripts see them: ids, registration and its rules, clearing, infinity, domains that scripts define, and
-- moving a signal from one adapter to another.  tests/unit/adapters/test_adapter.c has the C side, and
-- tests/fault/host/adapter_move_test.sh the kills.

local ScriptPersist = require("support.ScriptPersist")
local core = require("holdfast.core")
local holdfast = require("holdfast")
local process = require("support.process")
local raises = require("support.raises")
local stores = require("support.stores")
local temp = require("support.temp")

local signals, scheduled = holdfast.PersistSignalAdapter, holdfast.PersistScheduleAdapter
local risk, partial = holdfast.PersistRiskAdapter, holdfast.PersistPartialAdapter
local all = { signals, scheduled, risk, partial }

-- As if none had been used.
local function reset()
  for _, adapter in ipairs(all) do
    adapter.close()
    adapter.useLmdb()
  end
end

local useAll = holdfast.adapters.useAll

after_each(function() stores.leaveNothing(all) end)

for _, name in ipairs({ "lmdb", "memory" }) do describe("on " .. name, function()
  local kind = stores.kind(name)
  after_each(reset) -- before it is checked what is left
  stores.fresh(kind)

  it("each adapter reads what it wrote, under its entity name and id", function()
    useAll(kind.base)
    for _, row in ipairs({
      { signals, "readSignalData", "writeSignalData", { "main", "BTCUSDT" }, "signal", "main/BTCUSDT" },
      { scheduled, "readScheduleData", "writeScheduleData", { "main", "BTCUSDT" }, "schedule", "main/BTCUSDT" },
      { risk, "readPositionData", "writePositionData", { "portfolio" }, "risk", "portfolio/positions" },
      { partial, "readPartialData", "writePartialData", { "BTCUSDT" }, "partial", "BTCUSDT/levels" },
    }) do
      local adapter, read, write, parts, entityName, id = unpack(row)
      assert.is_nil(adapter[read](unpack(parts)))
      adapter[write](holdfast.array({ entityName }), unpack(parts))
      assert.same({ entityName }, adapter[read](unpack(parts)))
      assert.same({ id .. ' ["' .. entityName .. '"]' }, stores.content(kind.open(entityName)))
    end
  end)

  it("they are called with dots and with colons", function()
    useAll(kind.base)
    signals:writeSignalData({ n = 1 }, "main", "BTCUSDT")
    assert.equal(1, signals.readSignalData("main", "BTCUSDT").n)
    signals.writeSignalData({ n = 2 }, "main", "BTCUSDT")
    assert.equal(2, signals:readSignalData("main", "BTCUSDT").n)
    signals:writeSignalData(nil, "main", "BTCUSDT")
    assert.is_nil(signals.readSignalData("main", "BTCUSDT"))
    signals:close()
    signals:useMemory("colon")
    signals:close()
    signals:usePersistSignalAdapter(holdfast.MemoryPersist, "colon")
    assert.is_nil(signals:readSignalData("main", "BTCUSDT"))
  end)

  it("nil and null clear, and clearing nothing is fine", function()
    useAll(kind.base)
    for _, nothing in ipairs({ "nil", "null" }) do
      signals.writeSignalData({ n = 1 }, "main", "BTCUSDT")
      signals.writeSignalData(nothing == "null" and holdfast.null or nil, "main", "BTCUSDT")
      assert.is_nil(signals.readSignalData("main", "BTCUSDT"))
      assert.is_false(kind.open("signal"):hasValue("main/BTCUSDT"))
      signals.writeSignalData(nil, "main", "BTCUSDT")
    end
  end)

  it("a null that another program stored is nothing", function()
    useAll(kind.base)
    core.writeText(kind.open("signal"), "main/BTCUSDT", " null\n")
    assert.is_nil(signals.readSignalData("main", "BTCUSDT"))
    core.writeText(kind.open("signal"), "main/BTCUSDT", '"null"')
    assert.equal("null", signals.readSignalData("main", "BTCUSDT"))
    core.writeText(kind.open("signal"), "main/BTCUSDT", "[null]")
    assert.equal(holdfast.null, signals.readSignalData("main", "BTCUSDT")[1])
  end)

  it("infinity comes back, also from the null that another program wrote", function()
    useAll(kind.base)
    signals.writeSignalData({ minuteEstimatedTime = math.huge }, "main", "BTCUSDT")
    assert.equal(math.huge, signals.readSignalData("main", "BTCUSDT").minuteEstimatedTime)
    local store = kind.open("signal")
    for text, expected in pairs({
      ['{"minuteEstimatedTime":null}'] = '{"minuteEstimatedTime":1e999}',
      ['{"minuteEstimatedTime" \n:\t null }'] = '{"minuteEstimatedTime":1e999}',
      ['[{"a":[{"minuteEstimatedTime":null}]},{"minuteEstimatedTime":null}]'] =
        '[{"a":[{"minuteEstimatedTime":1e999}]},{"minuteEstimatedTime":1e999}]',
      ['{"minuteEstimatedTime":60}'] = '{"minuteEstimatedTime":60}',
      ['{"minuteEstimatedTime":"null"}'] = '{"minuteEstimatedTime":"null"}',
      ['{"minuteEstimatedTimes":null}'] = '{"minuteEstimatedTimes":null}',
      ['["minuteEstimatedTime",null]'] = '["minuteEstimatedTime",null]',
      ['{"note":"minuteEstimatedTime"}'] = '{"note":"minuteEstimatedTime"}',
      [ [[{"\"minuteEstimatedTime":null}]] ] = [[{"\"minuteEstimatedTime":null}]],
      [ [["{\"minuteEstimatedTime\":null}"]] ] = [["{\"minuteEstimatedTime\":null}"]],
      [ [["\\\"minuteEstimatedTime\\\":null"]] ] = [["\\\"minuteEstimatedTime\\\":null"]],
    }) do
      core.writeText(store, "main/BTCUSDT", text)
      assert.equal(expected, holdfast.json.encode(signals.readSignalData("main", "BTCUSDT")), text)
      assert.equal(text, core.readText(store, "main/BTCUSDT"))
    end
  end)

  it("a transaction over two adapters is undone as a whole", function()
    useAll(kind.base)
    scheduled.writeScheduleData({ n = 1 }, "main", "BTCUSDT")
    local err = raises.caught(holdfast.transaction, function()
      signals.writeSignalData(scheduled.readScheduleData("main", "BTCUSDT"), "main", "BTCUSDT")
      scheduled.writeScheduleData(nil, "main", "BTCUSDT")
      assert.is_nil(scheduled.readScheduleData("main", "BTCUSDT"))
      error("stop", 0)
    end)
    assert.equal("stop", err)
    assert.is_nil(signals.readSignalData("main", "BTCUSDT"))
    assert.equal(1, scheduled.readScheduleData("main", "BTCUSDT").n)
  end)
end) end

describe("ids", function()
  it("of different parts are different, whatever is in them", function()
    signals.useMemory("nasty")
    local pieces = { "a", "b", "/", "%", "%2F", "%25", "%2", "2F", "25", ".", "..", "A", "ä", " ", "\\", "levels" }
    local parts = {}
    for _, first in ipairs(pieces) do
      parts[#parts + 1] = first
      for _, second in ipairs(pieces) do parts[#parts + 1] = first .. second end
    end
    local seen = {} -- the parts as such: several ways lead to one text
    local distinct = {}
    for _, part in ipairs(parts) do
      if not seen[part] then distinct[#distinct + 1] = part end
      seen[part] = true
    end
    local count = 0
    holdfast.transaction(function()
      for _, strategy in ipairs(distinct) do
        for i = 1, #distinct, 7 do
          count = count + 1
          signals.writeSignalData({ strategy, distinct[i] }, strategy, distinct[i])
        end
      end
    end)
    local store = holdfast.MemoryPersist("signal", "nasty")
    assert.equal(count, store:count())
    for _, strategy in ipairs(distinct) do
      for i = 1, #distinct, 7 do
        local row = signals.readSignalData(strategy, distinct[i])
        assert.equal(strategy .. "|" .. distinct[i], row[1] .. "|" .. row[2])
      end
    end
    for id in store:keys() do assert.equal(1, select(2, id:gsub("/", "")), id) end
  end)

  it("have numbers as their JSON text", function()
    signals.useMemory("numbers")
    signals.writeSignalData({ n = 1 }, 1, 0.5)
    assert.equal(1, signals.readSignalData("1", "0.5").n)
    assert.same({ "1/0.5" }, stores.list(holdfast.MemoryPersist("signal", "numbers"):keys()))
    signals.writeSignalData({ n = 2 }, -0, 1e21)
    assert.equal(2, signals.readSignalData("0", "1e+21").n)
  end)

  it("name the part that is unusable, and nothing is opened", function()
    signals.useMemory("refused")
    local read, write = signals.readSignalData, signals.writeSignalData
    raises.error("invalid_argument", "symbol is empty: give a text, since it is part of the id", read, "main", "")
    local err = raises.error("invalid_argument", "^strategy is empty", write, {}, "", "BTCUSDT")
    assert.equal("signal", err.entityName)
    raises.error("invalid_argument", "readSignalData: symbol is missing: give a string or a number", read, "main")
    raises.error("invalid_argument", "writeSignalData: strategy is missing: give a string or a number", write, {})
    raises.error("invalid_argument", "readSignalData: symbol must be a string or a number, not a table", read, "a", {})
    raises.error("invalid_argument", "^readSignalData: symbol must be a finite number", read, "a", 0 / 0)
    raises.error("invalid_argument", "symbol has a control character (byte 0x00 at offset 1): take it out", read, "a",
      "b\0c")
    raises.error("invalid_argument", "^symbol has a control character", read, "a", "b\194\133c")
    raises.error("invalid_argument", "strategy is not valid UTF-8 (byte 0xff at offset 0): convert it", read, "\255",
      "a")
    raises.error("invalid_argument", "^symbol is too long %(251 bytes%)", read, "a", ("x"):rep(251))
    raises.error("invalid_argument", "^the id made of {strategy}/{symbol} is too long: shorten strategy or symbol",
      read, ("x"):rep(125), ("x"):rep(126))
    raises.error("invalid_argument", "^the id made of", read, "a", ("/"):rep(83))
    raises.error("invalid_argument", "^readSignalData takes no more than", read, "a", "b", "c")
    assert.is_nil(holdfast.adapters.list()[1].since)
    assert.is_nil(read(("x"):rep(124), ("x"):rep(125)))
    assert.is_nil(read("a", ("/"):rep(82)))
  end)
end)

describe("registration", function()
  it("is refused after the first use, saying since when and with what", function()
    signals.useMemory("first")
    local line = raises.here():gsub("%d+$", function(n) return tostring(n + 1) end)
    signals.readSignalData("main", "BTCUSDT")
    local err = raises.error("busy", ("PersistSignalAdapter is in use (since readSignalData at %s) with memory:first: "
      .. "register before the first read or write"):format(line), signals.useMemory, "second")
    assert.is_false(err.retryable)
    raises.error("busy", nil, signals.usePersistSignalAdapter, ScriptPersist)
    raises.error("busy", nil, signals.usePersistSignalAdapter, "memory:second")
    raises.error("busy", nil, signals.useDummy)
    signals.writeSignalData({ n = 1 }, "main", "BTCUSDT")
    assert.equal(1, holdfast.MemoryPersist("signal", "first"):count())
    scheduled.useMemory("second") -- the others are not concerned
  end)

  it("is refused while a host runs, saying which", function()
    local first = holdfast.adapters.hold("Live.run BTCUSDT main")
    local second = holdfast.adapters.hold("Backtest.run ETHUSDT other")
    raises.error("busy", "PersistRiskAdapter cannot change its store while Backtest.run ETHUSDT other runs: "
      .. "register before it starts", risk.useMemory, "x")
    second()
    second()
    local err = raises.error("busy", nil, risk.usePersistRiskAdapter, ScriptPersist)
    assert.matches("while Live.run BTCUSDT main runs", err.message)
    assert.is_false(err.retryable)
    first()
    risk.useMemory("x")
    raises.error("invalid_argument", nil, holdfast.adapters.hold)
    raises.error("invalid_argument", nil, holdfast.adapters.hold, "")
  end)

  it("is possible again after close", function()
    signals.useMemory("before")
    signals.writeSignalData({ n = 1 }, "main", "BTCUSDT")
    local kept = holdfast.MemoryPersist("signal", "before") -- a memory store lives as long as its handles
    kept:waitForInit()
    signals.close()
    signals.close()
    assert.equal(1, signals.readSignalData("main", "BTCUSDT").n, "without registration the same store is opened again")
    signals.close()
    signals.useMemory("after")
    assert.is_nil(signals.readSignalData("main", "BTCUSDT"))
  end)

  it("refuses a class that lacks methods, with the list", function()
    local Half = holdfast.PersistBase:extend("Half")
    function Half:readValue() end
    local err = raises.error("invalid_argument", nil, signals.usePersistSignalAdapter, Half)
    assert.matches("^Half lacks methods that every backend has: waitForInit, hasValue, writeValue, removeValue, "
      .. "removeAll, values, keys", err.message)
    assert.equal("lmdb:./dump/data", holdfast.adapters.list()[1].store)
  end)

  it("refuses what is not a class and says what to give", function()
    local instance = holdfast.MemoryPersist("signal", "x")
    for _, case in ipairs({ { "an instance", instance }, { "another table", {} }, { "nil" }, { "a number", 1 },
      { "a function", print } }) do
      local err = raises.error("invalid_argument", nil, signals.usePersistSignalAdapter, case[2])
      assert.matches("give a class made with holdfast.PersistBase:extend", err.message)
      assert.matches("this is " .. case[1] .. "$", err.message)
    end
    raises.error("invalid_argument", nil, signals.usePersistSignalAdapter, ScriptPersist, 5)
    raises.error("invalid_argument", nil, signals.usePersistSignalAdapter, "memory:x", "./base")
    raises.error("invalid_argument", nil, signals.usePersistSignalAdapter, "nonsense:x")
    raises.error("invalid_argument", nil, signals.useMemory, 5)
    raises.error("invalid_argument", nil, signals.useMemory, "x", { what = 1 })
    assert.equal("lmdb:./dump/data", holdfast.adapters.list()[1].store)
  end)

  it("takes a class of one's own, which gets entity name and base", function()
    signals.usePersistSignalAdapter(ScriptPersist, "somewhere")
    scheduled.usePersistScheduleAdapter(ScriptPersist)
    assert.same({}, ScriptPersist.bases, "nothing is made before the first use")
    signals.writeSignalData({ minuteEstimatedTime = math.huge }, "main", "BTC/USDT")
    scheduled.writeScheduleData({ n = 2 }, "main", "BTCUSDT")
    assert.same({ ["main/BTC%2FUSDT"] = '{"minuteEstimatedTime":1e999}' }, ScriptPersist.bases.somewhere.signal)
    assert.same({ ["main/BTCUSDT"] = '{"n":2}' }, ScriptPersist.bases["./dump/data"].schedule)
    ScriptPersist.bases.somewhere.signal["main/BTC%2FUSDT"] = '{"minuteEstimatedTime":null}'
    collectgarbage()
    collectgarbage()
    assert.equal(math.huge, signals.readSignalData("main", "BTC/USDT").minuteEstimatedTime)
    signals.writeSignalData(nil, "main", "BTC/USDT")
    signals.writeSignalData(nil, "main", "BTC/USDT")
    assert.is_nil(signals.readSignalData("main", "BTC/USDT"))
    raises.error("busy", "^PersistSignalAdapter is in use %(since writeSignalData at .*%) with ScriptPersist on "
      .. "somewhere", signals.useMemory, "x")
  end)

  it("keeps the instance of a class until close, and then lets it go", function()
    local closed, weak = 0, setmetatable({}, { __mode = "v" })
    do
      local Closing = ScriptPersist:extend("Closing")
      function Closing:close() closed = closed + 1 end
      signals.usePersistSignalAdapter(Closing, "closing")
      weak[1] = Closing
    end
    signals.readSignalData("main", "BTCUSDT")
    collectgarbage()
    collectgarbage()
    assert.is_not_nil(weak[1])
    assert.equal(0, closed)
    signals.close()
    assert.equal(1, closed)
    signals.useMemory("x")
    jit.flush()
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[1])
  end)

  it("can be repeated when opening has failed", function()
    local Failing = ScriptPersist:extend("Failing")
    function Failing:waitForInit() error(holdfast.error("unavailable", "no server")) end
    signals.usePersistSignalAdapter(Failing)
    raises.error("unavailable", "no server", signals.readSignalData, "main", "BTCUSDT")
    signals.usePersistSignalAdapter(ScriptPersist)
    assert.is_nil(signals.readSignalData("main", "BTCUSDT"))
  end)

  it("refuses an instance of something else, and one that needs itself", function()
    local Other = ScriptPersist:extend("Other")
    function Other:init(_, baseDir) ScriptPersist.init(self, "other", baseDir) end
    signals.usePersistSignalAdapter(Other)
    raises.error("invalid_argument", '^the class made an instance for "other"', signals.readSignalData, "main",
      "BTCUSDT")
    local Self = ScriptPersist:extend("Self")
    function Self:init() signals.readSignalData("main", "BTCUSDT") end
    signals.usePersistSignalAdapter(Self)
    raises.error("busy", "^PersistSignalAdapter is just being opened", signals.readSignalData, "main", "BTCUSDT")
  end)

  it("takes methods that encode entities of their own while one is being written", function()
    local Busy = ScriptPersist:extend("Busy")
    function Busy:init(...)
      ScriptPersist.init(self, ...)
      holdfast.json.encode({ ("x"):rep(5000) })
    end
    function Busy:waitForInit() holdfast.json.encode({ ("y"):rep(5000) }) end
    signals.usePersistSignalAdapter(Busy, "busy")
    signals.writeSignalData({ n = 1 }, "main", "BTCUSDT")
    assert.equal('{"n":1}', ScriptPersist.bases.busy.signal["main/BTCUSDT"])
  end)

  it("mixes stores", function()
    local base = temp.directory() .. "/lmdb"
    signals.useLmdb(base)
    risk.usePersistRiskAdapter(ScriptPersist, "mixed")
    scheduled.useMemory("mixed")
    partial.useDummy()
    signals.writeSignalData({ n = 1 }, "main", "BTCUSDT")
    scheduled.writeScheduleData({ n = 2 }, "main", "BTCUSDT")
    risk.writePositionData({ { n = 3 } }, "main")
    partial.writePartialData({ n = 4 }, "BTCUSDT")
    assert.equal(1, signals.readSignalData("main", "BTCUSDT").n)
    assert.equal(2, scheduled.readScheduleData("main", "BTCUSDT").n)
    assert.equal(3, risk.readPositionData("main")[1].n)
    assert.is_nil(partial.readPartialData("BTCUSDT"))
    local list = holdfast.adapters.list()
    assert.equal("lmdb:" .. base, list[1].store)
    assert.equal("memory:mixed", list[2].store)
    assert.equal("ScriptPersist on mixed", list[3].store)
    assert.equal("null:", list[4].store)
  end)

  it("says in a transaction over two stores which they are, and writes nothing", function()
    signals.useMemory("one")
    scheduled.useMemory("two")
    scheduled.writeScheduleData({ n = 1 }, "main", "BTCUSDT")
    local err = raises.error("unsupported", nil, holdfast.transaction, function()
      signals.writeSignalData({ n = 1 }, "main", "BTCUSDT")
      scheduled.writeScheduleData(nil, "main", "BTCUSDT")
    end)
    assert.matches("memory:one", err.message, 1, true)
    assert.matches("memory:two", err.message, 1, true)
    assert.is_nil(signals.readSignalData("main", "BTCUSDT"))
    assert.equal(1, scheduled.readScheduleData("main", "BTCUSDT").n)
  end)

  it("without any, all four are in ./dump/data", function()
    local directory = temp.directory()
    temp.writeFile(directory .. "/bot.lua", [[
      local holdfast = require "holdfast"
      holdfast.PersistSignalAdapter.writeSignalData({ n = 1 }, "main", "BTCUSDT")
      holdfast.PersistScheduleAdapter.writeScheduleData({ n = 2 }, "main", "BTCUSDT")
      holdfast.PersistRiskAdapter.writePositionData({ n = 3 }, "main")
      holdfast.PersistPartialAdapter.writePartialData({ n = 4 }, "BTCUSDT")
      for _, name in ipairs { "signal", "schedule", "risk", "partial" } do
        for id, value in holdfast.PersistBase(name, "./dump/data"):entries() do print(name, id, value.n) end
      end
      print(select(2, pcall(holdfast.PersistSignalAdapter.useMemory)))
    ]])
    local bin = os.getenv("HOLDFAST_BIN")
    local got = process.shell(("cd %s && %s run bot.lua"):format(temp.quote(directory), temp.quote(bin)))
    assert.equal("", got.stderr)
    assert.equal("signal\tmain/BTCUSDT\t1\nschedule\tmain/BTCUSDT\t2\nrisk\tmain/positions\t3\n"
      .. "partial\tBTCUSDT/levels\t4\nPersistSignalAdapter is in use (since writeSignalData at bot.lua:2) with "
      .. "lmdb:./dump/data: register before the first read or write\n", got.stdout)
  end)

  it("keeps the layout of the file store, and says that it has no transactions", function()
    local directory = temp.directory()
    signals.useFile(directory)
    scheduled.useFile(directory)
    signals.writeSignalData({ n = 1 }, "main", "BTCUSDT")
    assert.equal('{"n":1}', temp.readFile(directory .. "/signal/main/BTCUSDT.json"))
    local err = raises.error("unsupported", nil, holdfast.transaction, function()
      signals.writeSignalData({ n = 2 }, "main", "BTCUSDT")
    end)
    assert.matches("file", err.message)
    assert.equal(1, signals.readSignalData("main", "BTCUSDT").n)
  end)
end)

describe("one that follows another", function()
  local trades = holdfast.PersistTradeAdapter
  after_each(function()
    trades.close()
    reset()
  end)

  local function storeOf(name)
    for _, row in ipairs(holdfast.adapters.list()) do
      if row.name == name then return row.store end
    end
  end

  it("is in the store of that one, whatever is registered for it", function()
    signals.useMemory("one")
    assert.equal("memory:one", storeOf("PersistTradeAdapter"))
    trades.writeTradeData({ n = 1 }, "main", "BTCUSDT", "s1")
    assert.is_true(core.adapters.isSameStore("PersistSignalAdapter", "PersistTradeAdapter"))
    assert.same({ 'main/BTCUSDT/s1 {"n":1}' }, stores.content(holdfast.PersistBase("trade", "memory:one")))
  end)

  it("is closed with it, and goes where it goes next", function()
    signals.useMemory("one")
    trades.writeTradeData({ n = 1 }, "main", "BTCUSDT", "s1")
    raises.error("busy", "^PersistTradeAdapter is in use", signals.useMemory, "two")
    signals.close()
    signals.useMemory("two")
    assert.is_nil(trades.readTradeData("main", "BTCUSDT", "s1"))
  end)

  it("gets an instance of its own of a class", function()
    local directory = temp.directory()
    signals.usePersistSignalAdapter(ScriptPersist, directory)
    signals.writeSignalData({ n = 1 }, "main", "BTCUSDT")
    trades.writeTradeData({ n = 2 }, "main", "BTCUSDT", "s1")
    assert.equal("trade", trades.collection().entityName)
    assert.equal(2, trades.collection():readValue("main/BTCUSDT/s1").n)
    assert.equal(1, signals.collection():readValue("main/BTCUSDT").n)
  end)

  it("is where a relative path meant that one to be", function()
    local directory = temp.directory()
    temp.writeFile(directory .. "/bot.lua", [[
      local holdfast, uv = require "holdfast", require "luv"
      holdfast.PersistSignalAdapter.useLmdb("here")
      uv.fs_mkdir("elsewhere", 493)
      uv.chdir("elsewhere")
      holdfast.PersistTradeAdapter.writeTradeData({ n = 1 }, "main", "BTCUSDT", "s1")
      print(holdfast.PersistBase("trade", "../here"):count())
    ]])
    local bin = os.getenv("HOLDFAST_BIN")
    local got = process.shell(("cd %s && %s run bot.lua"):format(temp.quote(directory), temp.quote(bin)))
    assert.equal("", got.stderr)
    assert.equal("1\n", got.stdout)
  end)

  it("must follow one that there is, and that follows none", function()
    raises.error("invalid_argument", "^there is no adapter PersistNothing", holdfast.defineAdapter,
      { name = "PersistFillAdapter", entityName = "fill", id = "{id}", follows = "PersistNothing" })
    raises.error("invalid_argument", "follow that one$", holdfast.defineAdapter,
      { name = "PersistFillAdapter", entityName = "fill", id = "{id}", follows = "PersistTradeAdapter" })
  end)

  it("hands out what it stores, for questions", function()
    signals.useMemory("one")
    for i = 1, 3 do trades.writeTradeData({ pnl = i - 2 }, "main", "BTCUSDT", "s" .. i) end
    local collection = trades.collection()
    assert.equal(1, collection:count(function(v) return v.pnl > 0 end))
    collection:close()
    assert.equal(0, trades.readTradeData("main", "BTCUSDT", "s2").pnl)
  end)

  it("stays where it was registered itself", function()
    trades.useMemory("own")
    useAll("memory:all")
    assert.equal("memory:all", storeOf("PersistHostAdapter"))
    assert.equal("memory:all", storeOf("PersistTradeAdapter"))
    trades.useMemory("own")
    signals.useMemory("one")
    assert.equal("memory:own", storeOf("PersistTradeAdapter"))
    signals.close()
    assert.is_false(core.adapters.isSameStore("PersistSignalAdapter", "PersistTradeAdapter"))
  end)
end)

describe("defineAdapter", function()
  local spec = { name = "PersistOrderAdapter", entityName = "order", id = "{exchange}/{orderId}", infinite = { "ttl" } }

  it("makes one more of the same kind", function()
    local orders = holdfast.defineAdapter(spec)
    all[5] = orders
    assert.equal("PersistOrderAdapter", tostring(orders))
    orders.useMemory("orders")
    orders.writeOrderData({ ttl = 1 / 0 }, "binance", 17)
    assert.equal(math.huge, orders:readOrderData("binance", "17").ttl)
    local store = holdfast.MemoryPersist("order", "orders")
    assert.same({ "binance/17" }, stores.list(store:keys()))
    core.writeText(store, "binance/17", '{"ttl":null,"minuteEstimatedTime":null}')
    assert.same({ ttl = math.huge, minuteEstimatedTime = holdfast.null }, orders.readOrderData("binance", 17))
    assert.equal(orders, holdfast.defineAdapter(spec))
    raises.error("busy", nil, orders.usePersistOrderAdapter, ScriptPersist)
  end)

  it("refuses what would not work", function()
    local function with(changes)
      local changed = { name = "PersistXAdapter", entityName = "x", id = "{a}/{b}" }
      for field, value in pairs(changes) do changed[field] = value end
      return changed
    end
    local before = #holdfast.adapters.list()
    for _, case in ipairs({
      { { entityName = "signal" }, "PersistSignalAdapter has the entity name" },
      { { name = "PersistSignalAdapter" }, "is defined already" },
      { { name = "a b" }, "must be a word" },
      { { name = 5 }, "name must be a string" },
      { { entityName = "" }, "entity name is empty" },
      { { id = "" }, "the id must be 1 to 250 bytes" },
      { { id = "{a}-{b}" }, "nothing tells where {a} ends" },
      { { id = "{a}{b}" }, "nothing tells where {a} ends" },
      { { id = "{a}/{a}" }, "has {a} twice" },
      { { id = "{a" }, "words in braces" },
      { { id = "a}" }, "words in braces" },
      { { id = "{}" }, "words in braces" },
      { { id = "{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}" }, "more than 8 parts" },
      { { read = "same", write = "same" }, "different names" },
      { { read = "close" }, "must be a name that adapters do not have" },
      { { infinite = "ttl" }, "infinite must be a list" },
      { { infinite = { ttl = true } }, "infinite must be a list" },
      { { infinite = { "" } }, "infinite must list" },
      { { base = "nonsense:" }, "nonsense" },
      { { what = 1 }, "there is no field 'what'" },
    }) do
      local err = raises.error("invalid_argument", nil, holdfast.defineAdapter, with(case[1]))
      assert.is_truthy(err.message:find(case[2], 1, true), err.message)
    end
    raises.error("invalid_argument", nil, holdfast.defineAdapter)
    assert.equal(before, #holdfast.adapters.list())
  end)

  it("takes ids of one part, and of none", function()
    all[6] = holdfast.defineAdapter({
      name = "Settings", entityName = "settings", id = "current", read = "readSettings", write = "writeSettings",
      base = "memory:settings",
    })
    all[6].writeSettings({ n = 1 })
    assert.equal(1, all[6].readSettings().n)
    assert.same({ "current" }, stores.list(holdfast.MemoryPersist("settings", "settings"):keys()))
    raises.error("invalid_argument", nil, all[6].readSettings, "x")
  end)
end)
