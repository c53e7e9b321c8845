-- SPDX-License-Identifier: MIT
--
-- Filling a candle store: from exchanges, which fail, wait and have gaps, and from CSV files; ended in the middle, and
-- by several processes at once.

local core = require "holdfast.core"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local process = require "support.process"
local raises = require "support.raises"
local temp = require "support.temp"

local MINUTE = 60000
local START = 1707264000000 -- 2024-02-07T00:00:00Z

local number = 0

local function time(minute) return START + minute * MINUTE end

local function candle(minute, high)
  return { timestamp = time(minute), open = 100, high = high or 101 + minute % 7, low = 99, close = 100.5, volume = 2 }
end

-- An exchange of the minutes [0, last], without those of `gaps`, that gives as many as it is asked for, or `most`, of
-- those that it has from `since` on.  `asked` notes its requests, in minutes.
local function exchange(last, gaps, most)
  local asked = {}
  local function getCandles(_, _, since, limit)
    asked[#asked + 1] = { (since - START) / MINUTE, limit }
    local list, minute = {}, math.max(0, (since - START) / MINUTE)
    while minute <= last and #list < math.min(limit, most or limit) do
      local inGap = false
      for _, gap in ipairs(gaps or {}) do inGap = inGap or minute >= gap[1] and minute <= gap[2] end
      if not inGap then list[#list + 1] = candle(minute) end
      minute = minute + 1
    end
    return list
  end
  return getCandles, asked
end

describe("filling a candle store", function()
  local store

  before_each(function()
    hosts.fresh()
    number = number + 1
    store = host.candleStore("memory:filled" .. number)
  end)
  after_each(function()
    hosts.finish()
    temp.removeAll()
  end)

  local function gaps()
    local list = {}
    for i, gap in ipairs(store:gaps "BTCUSDT") do
      list[i] = { (gap.from - START) / MINUTE, (gap.to - START) / MINUTE }
    end
    return list
  end

  describe("from an exchange", function()
    local function fill(getCandles, from, to, more)
      local options = { exchange = getCandles, symbol = "BTCUSDT", from = from and time(from), to = to and time(to) }
      for field, value in pairs(more or {}) do options[field] = value end
      return store:fill(options)
    end

    it("asks in pieces, keeps what comes, and asks for it once", function()
      local getCandles, asked = exchange(5000)
      assert.same({ candles = 2500, requests = 3, missing = 0 }, fill(getCandles, 0, 2500))
      assert.same({ { 0, 1000 }, { 1000, 1000 }, { 2000, 500 } }, asked)
      assert.equal(2500, store:columns("BTCUSDT").count)
      assert.same({ candles = 0, requests = 0, missing = 0 }, fill(getCandles, 0, 2500))
      assert.same({ candles = 0, requests = 0, missing = 0 }, fill(getCandles, 100, 200))
      assert.equal(3, #asked)
    end)

    it("asks for what is missing, before, between and after", function()
      local getCandles, asked = exchange(5000)
      fill(getCandles, 100, 200)
      fill(getCandles, 300, 400)
      assert.same({ candles = 100 + 100 + 101, requests = 3, missing = 0 }, fill(getCandles, 0, 500))
      -- The newest one once more, with what comes after it.
      assert.same({ { 100, 100 }, { 300, 100 }, { 0, 100 }, { 200, 100 }, { 399, 101 } }, asked)
      assert.same({}, gaps())
    end)

    it("goes on after the newest one, and corrects that", function()
      local getCandles = exchange(5000)
      store:write("BTCUSDT", { candle(10, 7777) })
      assert.same({ candles = 5, requests = 1, missing = 0 }, fill(getCandles, nil, 15))
      assert.same(candle(10), store:candles("BTCUSDT")[1])
      raises.error("invalid_argument",
        "fill: there are no candles of ETHUSDT yet: say with from= where they are to begin", fill, getCandles, nil,
        15, { symbol = "ETHUSDT" })
    end)

    it("leaves gaps that the exchange has, and fills them when it has them no longer", function()
      for _, most in ipairs { 1000, 70 } do
        local getCandles = exchange(4000, { { 50, 60 }, { 900, 2950 }, { 3333, 3333 } }, most)
        local result = fill(getCandles, 0, 4000)
        assert.same({ { 50, 61 }, { 900, 2951 }, { 3333, 3334 } }, gaps())
        assert.same({ 4000 - 11 - 2051 - 1, 11 + 2051 + 1 }, { result.candles, result.missing })
        store.persist:removeAll()
      end
      fill(exchange(4000, { { 50, 60 } }), 0, 1000)
      local getCandles, asked = exchange(4000)
      assert.same({ candles = 11, requests = 1, missing = 0 }, fill(getCandles, 0, 1000))
      assert.same({ { 50, 11 } }, asked)
    end)

    it("takes an exchange that begins later and ends earlier", function()
      local getCandles = exchange(1999)
      local result = fill(getCandles, -5000, 2500)
      assert.same({ 2000, 5000 + 500 }, { result.candles, result.missing })
    end)

    it("keeps no minute that is not over, whatever the exchange gives", function()
      local clock = host.manualClock(time(100) + 59999)
      host.setClock(clock)
      local getCandles = exchange(5000)
      assert.same({ candles = 100, requests = 1, missing = 0 }, fill(getCandles, 0))
      assert.equal(time(99), store:candles("BTCUSDT")[100].timestamp)
      clock:advance(1)
      assert.same({ candles = 2, requests = 1, missing = 0 }, fill(getCandles, 0))
      assert.same({ candles = 0, requests = 0, missing = 0 }, fill(getCandles, 0, 90000))
      host.setClock()
    end)

    it("mends what it kept while the clock was ahead", function()
      local now, clock = 50, host.manualClock(time(53)) -- three minutes ahead
      local function getCandles(_, _, since, limit) -- with the one that is under way
        local list = {}
        for minute = (since - START) / MINUTE, math.min(now, (since - START) / MINUTE + limit - 1) do
          list[#list + 1] = candle(minute, minute == now and 100.75 or nil)
        end
        return list
      end
      host.setClock(clock)
      fill(getCandles, 0)
      assert.equal(100.75, store:candles("BTCUSDT")[51].high)
      now = 60
      clock:advanceTo(time(60))
      fill(getCandles)
      for minute, each in ipairs(store:candles "BTCUSDT") do assert.same(candle(minute - 1), each) end
      host.setClock()
    end)

    it("asks again what fails, and keeps what came before where it goes on failing", function()
      host.setClock(host.manualClock(time(100000)))
      local working, asked = exchange(90000)
      local failures = 0
      local function fails(symbol, interval, since, limit)
        if since >= time(3000) and failures < 3 then
          failures = failures + 1
          error(core.error("unavailable", "the network is down"), 0)
        end
        return working(symbol, interval, since, limit)
      end
      assert.same({ candles = 4000, requests = 4, missing = 0 }, fill(fails, 0, 4000))
      assert.equal(3, failures)
      failures = -100
      local err = raises.error("unavailable", nil, fill, fails, 2000, 9000)
      assert.equal("exchange '?': getCandles('BTCUSDT', '1m', 1707503940000, 1000) raised: the network is down",
        err.message)
      failures = 3
      local before = #asked
      fill(fails, 0, 9000)
      assert.same({ 3999, 1000 }, asked[before + 1])
      assert.same({}, gaps())
      host.setClock()
    end)

    it("refuses nonsense, and keeps what came before it", function()
      host.setClock(host.manualClock(time(100000)))
      for message, change in pairs {
        ["candle 5 (2024-02-07T16:44:00Z): open is nan"] = function(list) list[5].open = 0 / 0 end,
        ["candle 2 (2024-02-07T16:40:00Z) comes after 2024-02-07T16:40:00Z: they must be in order of time, each once"] =
          function(list) list[2].timestamp = list[1].timestamp end,
        ["it must return a list of candles, not 5"] = function() return 5 end,
        ["candle 1 is a list: make it {timestamp=, open=, high=, low=, close=, volume=}"] =
          function() return { { 1, 2, 3 } } end,
        ["candle 3: its timestamp 1707324120001 is not at the beginning of a minute"] =
          function(list) list[3].timestamp = list[3].timestamp + 1 end,
      } do
        local working = exchange(9000)
        local err = raises.error("invalid_value", nil, fill, function(symbol, interval, since, limit)
          local list = working(symbol, interval, since, limit)
          return since == time(1000) and change(list) or list
        end, 0, 3000)
        assert.equal("exchange '?': getCandles('BTCUSDT', '1m', 1707324000000, 1000): " .. message, err.message)
        assert.equal(1000, store:columns("BTCUSDT").count)
        store.persist:removeAll()
      end
      host.setClock()
    end)

    it("takes the name of one, one, or its getCandles, of any interval, and tells how far it is", function()
      local getCandles = exchange(5000)
      host.addExchange { exchangeName = "mine", getCandles = getCandles }
      local told = {}
      fill("mine", 0, 1500, { progress = function(n, at) told[#told + 1] = { n, (at - START) / MINUTE } end })
      assert.same({ { 1000, 1000 }, { 1500, 1500 } }, told)
      fill({ exchangeName = "that", getCandles = getCandles }, 1500, 1600)
      assert.equal(1600, store:columns("BTCUSDT").count)
      local feed = host.candleFeed { symbol = "BTCUSDT", candles = getCandles("BTCUSDT", "1m", START, 5000) }
      fill(feed.getCandles, 0, 4800, { interval = "4h" })
      assert.equal(20, store:columns("BTCUSDT", nil, nil, { interval = "4h" }).count)
      raises.error("invalid_argument", "fill: exchangeName: there is no exchange 'x'; added were: mine", fill, "x", 0,
        10)
      raises.error("invalid_argument", "fill: exchangeName is missing", store.fill, store, { symbol = "BTCUSDT" })
      raises.error("invalid_argument", "fill: exchange.getCandles must be a function, not a nil", fill, {}, 0, 10)
      raises.error("invalid_argument", "^fill: there is no field 'till': exchange, symbol, ", fill, "mine", 0, 10,
        { till = 5 })
    end)

    it("lets others run while the exchange waits", function()
      host.setClock(host.manualClock(time(100000)))
      local working = exchange(5000)
      local result = fill(function(...)
        host.sleep(1000)
        return working(...)
      end, 0, 3000)
      assert.same({ 3000, time(100000) + 3000 }, { result.candles, host.now() })
      host.setClock()
    end)
  end)

  describe("from a CSV file", function()
    local function csv(lines)
      local path = temp.directory() .. "/candles.csv"
      temp.writeFile(path, "timestamp,open,high,low,close,volume\n" .. table.concat(lines, "\n") .. "\n")
      return path
    end

    local function line(minute, high)
      return ("%d,100,%s,99,100.5,2"):format(time(minute), high or 101 + minute % 7)
    end

    it("keeps its candles, of which some may be missing", function()
      local lines = {}
      for minute = 0, 12000 do
        if minute ~= 5000 then lines[#lines + 1] = line(minute) end
      end
      local path = csv(lines)
      assert.same({ candles = 12000, notOver = 0 }, store:readCsv(path, { symbol = "BTCUSDT" }))
      assert.same({ { 5000, 5001 } }, gaps())
      assert.same(host.readCandles(path), store:candles "BTCUSDT")
    end)

    it("leaves out what is not over, and says how much", function()
      host.setClock(host.manualClock(time(5)))
      assert.same({ candles = 5, notOver = 2 },
        store:readCsv(csv { line(0), line(1), line(2), line(3), line(4), line(5), line(6) }, { symbol = "BTCUSDT" }))
      host.setClock()
    end)

    it("says in which line something is wrong, and keeps what stands before it", function()
      local kept = { [":4: candle 3"] = 2, [":3: these are"] = 1, [":4: the candle"] = 2, [":3: the candle"] = 1 }
      for message, lines in pairs {
        [":4: candle 3 (2024-02-07T00:02:00Z): high is nan"] = { line(0), line(1), line(2, "nan") },
        [":3: these are not six numbers: 1,2,3"] = { line(0), "1,2,3" },
        [":4: the candle of 2024-02-07T00:01:00Z comes after one of the same time or a later one: sort the file"] =
          { line(0), line(1), line(1) },
        [":3: the candle of 2024-02-07T00:00:00Z does not begin at a multiple of 1m"] =
          { line(0), (line(0):gsub("^(%d+)0,", "%11,")) },
      } do
        local path = csv(lines)
        local err = raises.error("invalid_value", nil, store.readCsv, store, path, { symbol = "BTCUSDT" })
        assert.equal(path .. message, err.message)
        assert.equal(kept[message:match "^:%d: %l+ %w+"], #store:candles "BTCUSDT")
        store.persist:removeAll()
      end
      raises.error("io", "cannot read candles: /nowhere: No such file or directory", store.readCsv, store, "/nowhere",
        { symbol = "BTCUSDT" })
    end)
  end)

  describe("in other processes", function()
    -- A script that fills `symbol` from an exchange that takes a little for each request.
    local function script(folder, url, what)
      local path = folder .. "/fill.lua"
      temp.writeFile(path, ([[
        local holdfast, host = require "holdfast", require "holdfast.host"
        local store = host.candleStore(%q)
        local START, MINUTE = 1707264000000, 60000
        local part = tonumber(arg[1])
        local function getCandles(_, _, since, limit)
          local list = {}
          for i = 0, limit - 1 do
            list[i + 1] = { timestamp = since + i * MINUTE, open = 100, high = 101 + part, low = 99, close = 100,
              volume = 1 }
          end
          return list
        end
        %s
      ]]):format(url, what))
      return path
    end

    for _, kind in ipairs { "lmdb", "file" } do
      it("loses no candle that another one wrote, in a store of kind " .. kind, function()
        local folder = temp.directory()
        local path = script(folder, kind .. ":" .. folder .. "/store", [[
          local function path(i) return arg[0]:match "^(.*)/" .. "/ready" .. i end
          io.open(path(part), "w"):close()
          for i = 0, 3 do -- all begin at once
            while not os.rename(path(i), path(i)) do end
          end
          for i = part, 199, 4 do -- each its own minutes of the same day
            store:write("BTCUSDT", getCandles(nil, nil, START + i * MINUTE, 1))
          end
        ]])
        local command = {}
        for part = 0, 3 do command[#command + 1] = ("luajit %s %d &"):format(path, part) end
        local result = process.shell(table.concat(command, " ") .. " wait")
        assert.equal("", result.stderr)
        local kept = host.candleStore(kind .. ":" .. folder .. "/store")
        local columns = kept:columns "BTCUSDT"
        assert.equal(200, columns.count)
        for i = 0, 199 do assert.equal(101 + i % 4, columns.high[i]) end
      end)
    end

    it("goes on where one was killed", function()
      local folder = temp.directory()
      local url = "lmdb:" .. folder .. "/store"
      local path = script(folder, url, [[
        store:fill { exchange = function(...)
          os.execute "sleep 0.03"
          return getCandles(...)
        end, symbol = "BTCUSDT", from = START, to = START + 200000 * MINUTE }
      ]])
      local kept, count = nil, 0
      for _ = 1, 3 do
        assert.not_equal(0, process.shell(("timeout -s KILL 1.5 luajit %s 0"):format(path)).code)
        kept = host.candleStore(url)
        -- What the last one committed comes to light with the writer's lock.
        core.transaction(function() return kept.persist:count() end)
        local before = count
        count = kept:columns("BTCUSDT").count
        assert.is_true(count >= before)
      end
      assert.is_true(count > 0)
      assert.same({}, kept:gaps "BTCUSDT")
      local asked = 0
      local feed = function(_, _, since, limit)
        asked = asked + limit
        local list = {}
        for i = 0, limit - 1 do list[i + 1] = candle((since - START) / MINUTE + i) end
        return list
      end
      kept:fill { exchange = feed, symbol = "BTCUSDT", from = START, to = time(count + 10) }
      assert.equal(11, asked)
      assert.equal(count + 10, kept:columns("BTCUSDT").count)
    end)
  end)
end)
