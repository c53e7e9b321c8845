-- SPDX-License-Identifier: MIT
--
-- Candles kept in a store: what is written, read, missing and damaged, and the store as an exchange.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local process = require "support.process"
local raises = require "support.raises"
local temp = require "support.temp"

local MINUTE, DAY = 60000, 86400000
local START = 1707264000000 -- 2024-02-07T00:00:00Z

local number = 0

-- A memory store of its own.
local function url()
  number = number + 1
  return "memory:candles" .. number
end

-- The candle of a minute after START: prices have two decimals.
local function candle(minute, fields)
  local cents = 4400000 + minute % 977 * 100 + minute % 83
  local one = { timestamp = START + minute * MINUTE, open = cents / 100, high = (cents + 525) / 100,
    low = (cents - 301) / 100, close = (cents + 100) / 100, volume = (minute % 13) / 8 }
  for field, value in pairs(fields or {}) do one[field] = value end
  return one
end

local function candlesOf(first, last)
  local list = {}
  for minute = first, last do list[#list + 1] = candle(minute) end
  return list
end

local function time(minute) return START + minute * MINUTE end

describe("a candle store", function()
  local store

  before_each(function()
    hosts.fresh()
    store = host.candleStore(url())
  end)
  after_each(function()
    hosts.finish()
    temp.removeAll()
  end)

  it("gives back what was written, to the last bit, in an entity for each day", function()
    local list = candlesOf(1000, 4000)
    list[7].open, list[8].volume, list[9].close = 44000 + 1 / 3, 0.1 + 0.2, 44007.123456789012
    assert.equal(3001, store:write("BTC/USDT", list))
    assert.same(list, store:candles("BTC/USDT"))
    local ids = {}
    for id in store.persist:keys() do ids[#ids + 1] = id end
    assert.same({ "BTC/USDT/1m/2024-02-07", "BTC/USDT/1m/2024-02-08", "BTC/USDT/1m/2024-02-09" }, ids)
    local entity = store.persist:readValue "BTC/USDT/1m/2024-02-08"
    assert.same({ 1, 1440, 1440, START + DAY, START + 2 * DAY - MINUTE },
      { entity.version, entity.count, entity.slots, entity.first, entity.last })
  end)

  it("keeps a day of an exchange in at most 14 bytes a candle", function()
    store:write("BTCUSDT", candlesOf(0, 1439))
    local text = core.json.encode(store.persist:readValue "BTCUSDT/1m/2024-02-07")
    assert.is_true(#text < 14 * 1440, #text / 1440 .. " bytes")
  end)

  it("gives columns, which are arrays of the FFI, into old ones if asked", function()
    store:write("BTCUSDT", candlesOf(0, 3000))
    local columns = store:columns("BTCUSDT", time(100), time(200))
    assert.equal(100, columns.count)
    for i = 0, 99 do assert.same(candle(100 + i), columns:candle(i)) end
    local again = store:columns("BTCUSDT", time(1500), "2024-02-08T02:00:00Z", { into = columns })
    assert.equal(columns.timestamp, again.timestamp)
    assert.same({ 60, time(1500) }, { again.count, again.timestamp[0] })
    assert.equal(3001, store:columns("BTCUSDT", nil, nil, { into = columns }).count)
    assert.equal(0, store:columns("ETHUSDT").count)
    assert.equal(0, store:columns("BTCUSDT", time(200), time(100)).count)
  end)

  it("takes columns, too", function()
    store:write("BTCUSDT", candlesOf(0, 3000))
    assert.equal(3001, store:write("COPY", store:columns "BTCUSDT"))
    assert.same(store:candles "BTCUSDT", store:candles "COPY")
  end)

  it("merges what comes in any order, and the newer one counts", function()
    store:write("BTCUSDT", candlesOf(10, 20))
    store:write("BTCUSDT", candlesOf(0, 5))
    store:write("BTCUSDT", { candle(4, { high = 50000 }), candle(7), candle(15, { high = 50001 }), candle(1441) })
    local minutes, highs = {}, {}
    for _, each in ipairs(store:candles "BTCUSDT") do
      minutes[#minutes + 1] = (each.timestamp - START) / MINUTE
      if each.high >= 50000 then highs[#highs + 1] = minutes[#minutes] end
    end
    assert.same({ 0, 1, 2, 3, 4, 5, 7, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 1441 }, minutes)
    assert.same({ 4, 15 }, highs)
  end)

  it("writes nothing where it has that already", function()
    store:write("BTCUSDT", candlesOf(0, 20))
    local before = store.persist:readEntry("BTCUSDT/1m/2024-02-07").revision
    store:write("BTCUSDT", candlesOf(5, 10))
    assert.equal(before, store.persist:readEntry("BTCUSDT/1m/2024-02-07").revision)
  end)

  it("keeps other intervals by month and year", function()
    local hours, days = {}, {}
    for i = 0, 799 do hours[#hours + 1] = candle(i * 60) end
    for i = 0, 399 do days[#days + 1] = candle(i * 1440) end
    store:write("BTCUSDT", hours, "1h")
    store:write("BTCUSDT", days, "1d")
    local ids = {}
    for id in store.persist:keys() do ids[#ids + 1] = id end
    assert.same({ "BTCUSDT/1d/2024", "BTCUSDT/1d/2025", "BTCUSDT/1h/2024-02", "BTCUSDT/1h/2024-03" }, ids)
    assert.same(hours, store:candles("BTCUSDT", nil, nil, { interval = "1h" }))
    assert.same(days, store:candles("BTCUSDT", nil, nil, { interval = "1d" }))
    assert.same({}, store:gaps("BTCUSDT", { interval = "1h" }))
    assert.same({ 29 * 24, 31 * 24, 366, 365 }, {
      store.persist:readValue("BTCUSDT/1h/2024-02").slots, store.persist:readValue("BTCUSDT/1h/2024-03").slots,
      store.persist:readValue("BTCUSDT/1d/2024").slots, store.persist:readValue("BTCUSDT/1d/2025").slots,
    })
  end)

  it("tells symbols apart whose ids look alike", function()
    for i, symbol in ipairs { "A", "A/1m", "A/1m/2024-02-07", "A/1m/2024-02-07/1m", "a", "1", "01" } do
      store:write(symbol, { candle(i), candle(1440 + i) })
    end
    for i, symbol in ipairs { "A", "A/1m", "A/1m/2024-02-07", "A/1m/2024-02-07/1m", "a", "1", "01" } do
      assert.same({ candle(i), candle(1440 + i) }, store:candles(symbol))
    end
    assert.equal(7, #store:list())
  end)

  describe("says where candles are missing", function()
    local function minutes(gaps)
      local list = {}
      for i, gap in ipairs(gaps) do
        list[i] = { (gap.from - START) / MINUTE, (gap.to - START) / MINUTE, gap.count }
      end
      return list
    end

    it("between the first and the last one, over days and within them", function()
      store:write("BTCUSDT", candlesOf(100, 200))
      store:write("BTCUSDT", candlesOf(203, 1438))
      store:write("BTCUSDT", candlesOf(5 * 1440 + 7, 5 * 1440 + 8))
      assert.same({ { 201, 203, 2 }, { 1439, 7207, 5768 } }, minutes(store:gaps "BTCUSDT"))
      assert.same({ { 1439, 1500, 61 } }, minutes(store:gaps("BTCUSDT", { from = time(300), to = time(1500) })))
      assert.same({ { 90, 100, 10 }, { 201, 202, 1 } },
        minutes(store:gaps("BTCUSDT", { from = time(90), to = time(202) })))
      assert.same({ { 0, 60, 60 } }, minutes(store:gaps("NONE", { from = time(0), to = time(60) })))
      assert.same({}, store:gaps "NONE")
      local row = store:list()[1]
      assert.same({ "BTCUSDT", "1m", time(100), time(7208), 101 + 1236 + 2, 2 + 5768, 2 },
        { row.symbol, row.interval, row.first, row.last, row.count, row.missing, row.gaps })
    end)

    it("and nowhere where none is, across the ends of days", function()
      store:write("BTCUSDT", candlesOf(1400, 1500))
      assert.same({}, store:gaps "BTCUSDT")
    end)
  end)

  describe("refuses", function()
    local function refuses(code, message, ...)
      raises.error(code, message, ...)
      assert.equal(0, store.persist:count())
    end

    it("what is no candle, and keeps nothing of the list", function()
      local function with(fields) return { candle(0), candle(1, fields) } end
      for message, list in pairs {
        ["candle 2 (2024-02-07T00:01:00Z): open is nan"] = with { open = 0 / 0 },
        ["candle 2 (2024-02-07T00:01:00Z): high is inf"] = with { high = math.huge },
        ["candle 2 (2024-02-07T00:01:00Z): close is 0"] = with { close = 0 },
        ["candle 2 (2024-02-07T00:01:00Z): volume is -1"] = with { volume = -1 },
        ['candle 2 (2024-02-07T00:01:00Z): low is the string "7": make it a number with tonumber'] = with { low = "7" },
        ["candle 2: its timestamp 1707264060001 is not at the beginning of a minute"] =
          with { timestamp = time(1) + 1 },
        ["candle 2 (2024-02-07T00:00:00Z) comes after 2024-02-07T00:00:00Z: they must be in order of time, each once"] =
          with { timestamp = time(0) },
        ["candle 2: timestamp 1707264060 looks like seconds: times are milliseconds since the epoch"] =
          with { timestamp = 1707264060 },
      } do
        refuses("invalid_value", "candleStore: write('BTCUSDT'): " .. message, store.write, store, "BTCUSDT", list)
      end
      refuses("invalid_value", "candleStore: write('BTCUSDT'): it must return a list of candles, not nil", store.write,
        store, "BTCUSDT")
    end)

    it("a candle that is not over", function()
      host.setClock(host.manualClock(time(10) + 59999))
      refuses("invalid_value", "candleStore: write('BTCUSDT'): the candle of 2024-02-07T00:10:00Z is not over: give it "
        .. "then", store.write, store, "BTCUSDT", candlesOf(5, 10))
      store:write("BTCUSDT", candlesOf(5, 9))
      host.setClock()
    end)

    it("misuse", function()
      refuses("invalid_argument", "candleStore: call write with a colon: store:write(...)", store.write, "BTCUSDT", {})
      refuses("invalid_argument", "write: symbol must be a string of 1 to 100 bytes, not an empty one", store.write,
        store, "", {})
      local function columns(options) return store:columns("BTCUSDT", 0, 1e12, options) end
      refuses("invalid_argument", "^columns: interval '7m': 1m, 3m, .* exist$", columns, { interval = "7m" })
      refuses("invalid_argument", "columns: there is no field 'inte': interval, into exist", columns, { inte = "1m" })
      refuses("invalid_argument", "columns: into must be columns, not a table", columns, { into = {} })
      refuses("invalid_argument", "^columns: from must be a time in milliseconds", store.columns, store, "BTCUSDT", "x")
      refuses("invalid_argument", "gaps: there is no field 'till': interval, from, to exist", store.gaps, store,
        "BTCUSDT", { till = 5 })
      refuses("invalid_argument", "candleStore: give the URL of a store, or a table {url=}, not a nil",
        host.candleStore)
      refuses("invalid_argument", "candleStore: url must be the URL of a store, not a nil", host.candleStore, {})
    end)

    it("writing where the store is read-only", function()
      local folder = temp.directory()
      host.candleStore("lmdb:" .. folder):write("BTCUSDT", candlesOf(0, 5))
      local script = ([[
        local holdfast, host = require "holdfast", require "holdfast.host"
        local store = host.candleStore { url = %q, readOnly = true }
        local list = store:candles "BTCUSDT"
        print(#list)
        print(select(2, pcall(store.write, store, "BTCUSDT", list)).code)
      ]]):format("lmdb:" .. folder)
      temp.writeFile(folder .. "/../only.lua", script)
      local result = process.run { "luajit", folder .. "/../only.lua" }
      os.remove(folder .. "/../only.lua")
      assert.equal("", result.stderr)
      assert.equal("6\nreadonly\n", result.stdout)
    end)
  end)

  describe("finds damage, names the entity, and does no harm", function()
    local ID = "BTCUSDT/1m/2024-02-07"

    local function damaged(code, message, change)
      store:write("BTCUSDT", candlesOf(0, 100))
      local entity = store.persist:readValue(ID)
      entity = change(entity) or entity
      store.persist:writeValue(ID, entity)
      for _, fn in ipairs {
        function() store:columns "BTCUSDT" end, function() store:list() end,
        function() store.getCandles("BTCUSDT", "1m", time(50), 1) end,
        function() store:write("BTCUSDT", { candle(101) }) end,
      } do
        local err = raises.error(code, nil, fn)
        assert.equal("Entity candles:" .. ID .. ": " .. message, err.message)
        assert.same({ "candles", ID }, { err.entityName, err.entityId })
      end
      assert.same(entity, store.persist:readValue(ID))
      store.persist:removeAll()
    end

    it("in what is stored", function()
      local sum = "the packed candles are damaged: they do not match their checksum"
      damaged("corrupt", "these are no packed candles", function() return 5 end)
      damaged("corrupt", "these are no packed candles", function(e) e.candles = nil end)
      damaged("corrupt", "these are no packed candles", function(e) e.version = "1" end)
      damaged("corrupt", "its count makes no sense", function(e) e.count = -1 end)
      damaged("corrupt", "its count makes no sense", function(e) e.count = 1e9 end)
      damaged("corrupt", "the packed candles are damaged: that is no packed text", function(e) e.candles = "" end)
      damaged("corrupt", sum, function(e) e.candles = e.candles:sub(1, -2) end)
      damaged("corrupt", sum, function(e) e.candles = e.candles:gsub("^(.....)(.)", "%1\1") end)
      damaged("corrupt", sum, function(e) e.candles = ("x"):rep(10000) end)
      damaged("unsupported", "its candles are of version 2: a later Holdfast wrote them", function(e) e.version = 2 end)
    end)

    it("in candles that are those of another entity", function()
      store:write("BTCUSDT", candlesOf(1440, 1500))
      store:write("BTCUSDT", { candle(0) }, "1d")
      local other, day = store.persist:readValue "BTCUSDT/1m/2024-02-08", store.persist:readValue "BTCUSDT/1d/2024"
      store.persist:removeAll()
      for _, entity in ipairs { other, day } do
        store.persist:writeValue(ID, entity)
        local err = raises.error("corrupt", nil, store.columns, store, "BTCUSDT", time(0), time(10))
        assert.equal("Entity candles:" .. ID .. ": its candles are not those that its name and its fields say",
          err.message)
      end
    end)

    it("as the store does, of a file that was cut", function()
      local folder = temp.directory()
      store = host.candleStore("file:" .. folder)
      store:write("BTCUSDT", candlesOf(0, 100))
      local path = process.shell("find " .. folder .. " -name '*2024-02-07*'").stdout:match "[^\n]+"
      temp.writeFile(path, temp.readFile(path):sub(1, 300))
      local code = raises.caught(store.columns, store, "BTCUSDT").code
      assert.is_true(code == "corrupt" or code == "busy", code)
    end)
  end)

  describe("as an exchange", function()
    it("gives candles as a feed of the same does, of all intervals", function()
      local list = candlesOf(0, 3 * 1440 - 1)
      store:write("BTCUSDT", list)
      local feed = host.candleFeed { symbol = "BTCUSDT", candles = list }
      for _, interval in ipairs { "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d" } do
        assert.same(feed.getCandles("BTCUSDT", interval, START, 100), store.getCandles("BTCUSDT", interval, START, 100))
        local late = START + DAY
        assert.same(feed.getCandles("BTCUSDT", interval, late, 1000), store.getCandles("BTCUSDT", interval, late, 1000))
      end
      assert.same({}, store.getCandles("BTCUSDT", "1m", START + 3 * DAY, 10))
      assert.same({}, store.getCandles("BTCUSDT", "1h", START + 3 * DAY, 10))
      assert.same({}, store.getCandles("BTCUSDT", "1m", START, 0))
      assert.same({ candle(1) }, store.getCandles("BTCUSDT", "1m", START + 1, 1))
    end)

    it("gives those of an interval that is kept itself, and makes them elsewhere", function()
      store:write("BTCUSDT", { candle(0, { high = 60000 }) }, "1h")
      store:write("BTCUSDT", candlesOf(0, 179))
      assert.equal(60000, store.getCandles("BTCUSDT", "1h", START, 1)[1].high)
      assert.equal(candle(60).open, store.getCandles("BTCUSDT", "1h", START + 60 * MINUTE, 1)[1].open)
    end)

    it("says what is missing, and ends where what is known ends", function()
      local where = "candles of BTCUSDT in " .. store.persist.url .. ": "
      local function missing(message, ...) raises.error("not_found", where .. message, store.getCandles, ...) end
      missing('there are none: fill some in with store:fill{symbol="BTCUSDT", exchange=, from=}', "BTCUSDT", "1m",
        START, 5)
      store:write("BTCUSDT", candlesOf(100, 200))
      store:write("BTCUSDT", candlesOf(205, 300))
      missing("they begin at 2024-02-07T01:40:00Z (1m), after 2024-02-07T00:00:00Z: fill in older ones, or begin later",
        "BTCUSDT", "1m", START, 200)
      local gap = "there is a gap: those from 2024-02-07T03:21:00Z to 2024-02-07T03:25:00Z (4 of 1m) are missing: fill "
        .. "them in, or do not go through it"
      missing(gap, "BTCUSDT", "1m", time(201), 1)
      missing(gap, "BTCUSDT", "15m", time(195), 1)
      assert.equal(1, #store.getCandles("BTCUSDT", "1m", time(200), 50))
      assert.equal(96, #store.getCandles("BTCUSDT", "1m", time(205), 500))
      assert.same({}, store.getCandles("BTCUSDT", "15m", time(300), 5))
      assert.equal(2, #store.getCandles("BTCUSDT", "5m", time(290), 50))
    end)
  end)

  describe("in a backtest", function()
    local function run(getCandles, first, last)
      host.clear()
      host.addExchange { exchangeName = "x", getCandles = getCandles }
      host.addStrategy {
        strategyName = "s", interval = "15m",
        getSignal = function(symbol)
          local price, list = host.getAveragePrice(symbol), host.getCandles(symbol, "5m", 3)
          local sign = list[3].close >= list[1].close and 1 or -1
          return { position = sign > 0 and "long" or "short", priceTakeProfit = price * (1 + 0.01 * sign),
            priceStopLoss = price * (1 - 0.01 * sign), minuteEstimatedTime = 240 }
        end,
      }
      host.addFrame { frameName = "f", startDate = time(first), endDate = time(last) }
      return host.Backtest.report("BTCUSDT", { strategyName = "s", exchangeName = "x", frameName = "f" })
    end

    it("gives the report that a feed gives", function()
      local list = candlesOf(0, 12 * 1440)
      store:write("BTCUSDT", list)
      local expected = run(host.candleFeed({ symbol = "BTCUSDT", candles = list }).getCandles, 60, 11 * 1440)
      local got = run(store.getCandles, 60, 11 * 1440)
      assert.is_true(expected.stats.closed > 10)
      assert.equal(expected:json(), got:json())
      assert.equal(expected:svg(), got:svg())
      assert.equal(expected:json(), run(function(...) return store.getCandles(...) end, 60, 11 * 1440):json())
    end)

    it("ends with what is known as with a feed, and fails at a gap", function()
      local list = candlesOf(0, 2000)
      store:write("BTCUSDT", list)
      local told = {}
      local function tell() host.listenError(function(failure) told[#told + 1] = failure.message end) end
      local clear = host.clear
      host.clear = function() -- of run(): a listener comes after it
        clear()
        tell()
      end
      local expected = run(host.candleFeed({ symbol = "BTCUSDT", candles = list }).getCandles, 60, 3000)
      local got = run(store.getCandles, 60, 3000)
      host.clear = clear
      assert.equal(expected:json(), got:json())
      assert.equal(2, #told)
      assert.equal(told[1], told[2])
      store:write("BTCUSDT", candlesOf(2010, 3010))
      local err = raises.error("not_found", nil, run, store.getCandles, 60, 3000)
      assert.matches("there is a gap: those from 2024%-02%-08T09:21:00Z to 2024%-02%-08T09:30:00Z %(9 of 1m%)",
        err.message)
    end)
  end)

  it("opens what version 1 wrote", function()
    store.persist:writeValue("BTC/1m/2024-02-07", {
      version = 1, count = 3, slots = 1440, first = 1707343380000, last = 1707343560000,
      candles = "1Pdk1[j]TK32211p5PPPPPPPQ`]jQ400V0C8:gnLSXn2aXGfa?Sf:2lWL10nQ<X[Fa7cf5`S_H2oY07N00?00@P0=R02Y0`B0<40"
        .. "on<ZN0",
    })
    assert.same({
      { timestamp = 1707343380000, open = 44152.25, high = 44183.21, low = 44152.23, close = 44183.21,
        volume = 33.38381 },
      { timestamp = 1707343440000, open = 44183.21, high = 44193, low = 44179.22, close = 44193, volume = 11.24962 },
      { timestamp = 1707343560000, open = 44193, high = 44193, low = 1 / 3, close = 44185.99, volume = 0 },
    }, store:candles "BTC")
    store:write("BTC", { { timestamp = 1707343500000, open = 1, high = 1, low = 1, close = 1, volume = 1 } })
    assert.equal(4, store:list()[1].count)
  end)

  describe("in a store with revisions and without transactions", function()
    local Revised = holdfast.PersistBase:extend "Revised"
    Revised.supports = { revision = true, ifAbsent = true }

    function Revised:init(entityName, baseDir)
      holdfast.PersistBase.init(self, entityName, baseDir)
      self.rows, self.revision = {}, 0
    end

    function Revised:waitForInit() end -- luacheck: ignore 212
    function Revised:hasValue(id) return self.rows[id] ~= nil end
    function Revised:readEntry(id)
      if not self.rows[id] then error(holdfast.error("not_found")) end
      return self.rows[id]
    end
    function Revised:readValue(id) return self:readEntry(id).value end
    function Revised:removeValue(id) self.rows[id] = nil end
    function Revised:removeAll() self.rows = {} end
    function Revised:keys()
      local ids = {}
      for id in pairs(self.rows) do ids[#ids + 1] = id end
      table.sort(ids, holdfast.naturalOrder)
      local i = 0
      return function()
        i = i + 1
        return ids[i]
      end
    end

    function Revised:values()
      local nextId = self:keys()
      return function()
        local id = nextId()
        return id and self:readValue(id)
      end
    end

    -- Another writer comes in between, `others` times.
    function Revised:writeValue(id, value, conditions)
      if self.others > 0 and not self.isOther then
        self.others, self.isOther = self.others - 1, true
        host.candleStore(self):write("BTC", { candle(500 + self.others) })
        self.isOther = false
      end
      local row = self.rows[id]
      local asked = conditions.ifRevision
      if conditions.ifAbsent and row or asked and (not row or row.revision ~= asked) then
        error(holdfast.error("conflict"))
      end
      assert(conditions.ifAbsent or conditions.ifRevision, "no condition")
      self.revision = self.revision + 1
      self.rows[id] = { id = id, value = core.copy(value), revision = self.revision }
      return self.revision
    end

    local function kept(others)
      local persist = Revised("candles", "revised")
      persist.others = others
      return host.candleStore(persist)
    end

    it("loses no candle of another writer", function()
      local both = kept(3)
      both:write("BTC", candlesOf(0, 10))
      assert.equal(14, #both:candles "BTC")
      assert.same({ { from = time(11), to = time(500), count = 489 } }, both:gaps "BTC")
    end)

    it("gives up where another one is always faster, and says so", function()
      local both = kept(600)
      raises.error("conflict", nil, both.write, both, "BTC", candlesOf(0, 10))
    end)
  end)

  it("keeps its candles in stores of every kind", function()
    local folder = temp.directory()
    for _, each in ipairs { "lmdb:" .. folder .. "/lmdb", "file:" .. folder .. "/file", url(),
      "lua:tests/conformance/right/memory.lua?base=" .. folder .. "/script",
      { url = "lmdb:" .. folder .. "/own", entityName = "quotes" },
      holdfast.PersistBase("mine", url()) } do
      local kept = host.candleStore(each)
      kept:write("BTCUSDT", candlesOf(1000, 2000))
      kept:write("BTCUSDT", candlesOf(1990, 3000))
      kept:write("BTCUSDT", { candle(3002) })
      assert.equal(2002, #kept:candles "BTCUSDT")
      assert.same({ { from = time(3001), to = time(3002), count = 1 } }, kept:gaps "BTCUSDT")
      assert.equal(25, #kept.getCandles("BTCUSDT", "1h", time(1020), 25))
      kept:close()
    end
    assert.equal(3, holdfast.PersistBase("quotes", "lmdb:" .. folder .. "/own"):count())
  end)
end)
