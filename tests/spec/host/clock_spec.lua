-- SPDX-License-Identifier: MIT
--
-- The strategy host by a clock that is wrong, and is put right: what is open is watched again where the exchange shows
-- which time it is, and as long as something is not watched, somebody hears of it.

local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local uv = require "luv"

local MINUTE, HOUR, YEAR = hosts.MINUTE, 3600000, 365 * 86400000
local signals, schedules = holdfast.PersistSignalAdapter, holdfast.PersistScheduleAdapter
local partials = holdfast.PersistPartialAdapter

-- The messages of errors from the clock.
local function told(heard)
  local list = {}
  for _, failure in ipairs(heard.errors) do
    assert.equal("clock", failure.source)
    list[#list + 1] = failure.message
  end
  return list
end

describe("a live run, by a clock that somebody moves,", function()
  local world, heard

  before_each(function()
    world = hosts.world()
    heard = world.heard
  end)
  after_each(hosts.finish)

  -- Goes on at another time, as a process that begins then.
  local function jumpTo(minute)
    host.Live.stop()
    host.run()
    world.clock = hosts.clock(minute)
    hosts.live()
  end

  it("says in each hour that a position is not watched, until which time, and what to do", function()
    hosts.strategy { interval = "1d", minuteEstimatedTime = 1000 }
    jumpTo(1000)
    world.pass(1)
    assert.equal("opened", heard.summary())
    jumpTo(10)
    world.pass(180)
    local list = told(heard)
    assert.equal(4, #list) -- at once, and after one, two and three hours
    assert.equal("the clock says 2024-02-07T22:13:00Z, and what is stored is of 2024-02-08T14:43:00Z: nothing is done "
      .. "until then, and the open signal main/BTCUSDT/1707403380000 of strategy 'main' on BTCUSDT (long, since "
      .. "2024-02-08T14:43:00Z) is NOT WATCHED for 16 h 30 min. Set the clock if it is wrong now; if it was wrong "
      .. 'then, put right what is stored (docs/host.md, "When the clock was wrong")', list[1])
    assert.matches("^the clock says 2024%-02%-08T01:13:00Z.* is NOT WATCHED for 13 h 30 min", list[4])
    jumpTo(200)
    world.pass(1)
    assert.equal(5, #told(heard)) -- a process that begins says so, too
    assert.equal("opened", heard.summary())
  end)

  it("says the same of a scheduled signal, and where nothing is open", function()
    hosts.strategy { interval = "1d", priceOpen = 95 }
    jumpTo(1000)
    world.pass(1)
    jumpTo(10)
    world.pass(1)
    assert.matches("the scheduled signal main/BTCUSDT/1707403380000 of .* is NOT WATCHED", told(heard)[1])
    jumpTo(1001)
    world.pass(1, 20)
    assert.equal("scheduled cancelled:price_reject", heard.summary())
    jumpTo(10)
    world.pass(61)
    assert.matches("nothing is done until then%. Set the clock", told(heard)[2])
    assert.equal(3, #told(heard))
  end)

  it("goes on when the time has come, and says so again if the clock goes back again", function()
    hosts.strategy { interval = "1d", minuteEstimatedTime = 1000 }
    jumpTo(50)
    world.pass(1)
    jumpTo(20)
    world.pass(40, { open = 100, high = 100, low = 89, close = 100, volume = 1 })
    assert.equal("opened closed:stop_loss", heard.summary())
    assert.equal(1, #told(heard))
    jumpTo(30)
    world.pass(1)
    assert.equal(2, #told(heard))
  end)

  it("says so where something ends a day too late: the clock may have jumped ahead", function()
    hosts.strategy { interval = "1d" }
    jumpTo(0)
    world.pass(1)
    jumpTo(365 * 1440)
    world.pass(0)
    assert.equal("opened closed:time_expired", heard.summary())
    assert.same({ "the time of signal main/BTCUSDT/1707343380000 was over at 2024-02-07T23:03:00Z, and it ended at "
      .. "2025-02-06T22:03:00Z, 364 days 23 h later: either nobody ran it, or the clock has jumped ahead. If the clock "
      .. 'is wrong, end the host and set it (docs/host.md, "When the clock was wrong")' }, told(heard))
  end)

  it("says in each hour that a row which is not its own keeps it from anything", function()
    signals.writeSignalData({ hello = "there" }, "main", "BTCUSDT")
    hosts.strategy {}
    hosts.live()
    world.pass(121)
    assert.equal(3, #heard.errors)
    assert.equal("restore", heard.errors[3].source)
  end)
end)

describe("a live run, by the machine's clock,", function()
  local heard, original, offset, candles, asked
  local truth -- what time it is: that of the exchange, a whole minute

  -- Sets the machine's clock, as this process sees it.
  local function setTime(ms) offset = ms - uv.hrtime() / 1e6 end

  before_each(function()
    hosts.fresh()
    heard, original, candles, truth = hosts.hear(), uv.gettimeofday, {}, hosts.START + 100 * MINUTE
    setTime(truth)
    uv.gettimeofday = function() -- luacheck: ignore 122
      local ms = offset + uv.hrtime() / 1e6
      return math.floor(ms / 1000), math.floor(ms % 1000 * 1000)
    end
    -- An exchange that has candles until its own now, whatever ours is.
    host.addExchange {
      exchangeName = "true",
      getCandles = function(_, _, since, limit)
        local list = {}
        for i = 0, limit - 1 do
          local time = since + i * MINUTE
          if time <= truth then list[#list + 1] = hosts.candle(time, 100, candles[time]) end
        end
        return list
      end,
    }
  end)
  after_each(function()
    hosts.finish()
    uv.gettimeofday = original -- luacheck: ignore 122
  end)

  local function live(ms) -- for so long
    hosts.live("main", "BTCUSDT", "true")
    host.sleep(ms or 30)
    host.Live.stop()
    host.run()
  end

  -- What was stored while the clock was a year ahead.
  local function openAhead(fields)
    local row = {
      id = "main/BTCUSDT/" .. truth + YEAR, symbol = "BTCUSDT", strategyName = "main", exchangeName = "true",
      position = "long", priceOpen = 100, priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = 60,
      scheduledAt = truth + YEAR, scheduledPrice = 100, pendingAt = truth + YEAR,
    }
    for field, value in pairs(fields or {}) do row[field] = value end
    local waits = row.pendingAt == 0
    if waits then
      schedules.writeScheduleData(row, "main", "BTCUSDT")
    else
      signals.writeSignalData(row, "main", "BTCUSDT")
    end
    partials.writePartialData({
      [row.id] = {
        strategyName = "main", exchangeName = "true", stage = waits and "scheduled" or "opened",
        at = truth + YEAR, askedAt = truth + YEAR, profitLevels = holdfast.array {}, lossLevels = holdfast.array {},
        events = holdfast.array {},
      },
    }, "BTCUSDT")
    asked = hosts.strategy { interval = "1d" }
  end

  it("watches again what opened while the clock was ahead, and says so", function()
    openAhead()
    setTime(truth + 10)
    live()
    assert.equal("", heard.summary())
    assert.same({ "what is stored was of 2025-02-06T23:43:00Z, and the newest candles of exchange 'true' are those "
      .. "before 2024-02-07T23:43:00Z, as the clock says: the clock was wrong then. The run goes on from now, with the "
      .. "open signal main/BTCUSDT/1738885380000 of strategy 'main' on BTCUSDT (long, since 2024-02-07T23:43:00Z) "
      .. '(docs/host.md, "When the clock was wrong")' }, told(heard))
    assert.equal(truth, signals.readSignalData("main", "BTCUSDT").pendingAt)
    -- From now on its stop loss counts, and so does its time; the minute is lived once.
    candles[truth] = { low = 89 }
    truth = truth + MINUTE
    setTime(truth + 10)
    live()
    live()
    assert.equal("closed:stop_loss", heard.summary())
    assert.equal(truth, heard.events[1].timestamp)
    assert.equal(1, #told(heard))
    assert.same({}, asked)
  end)

  it("gives no id a second time, of those that it gave while the clock was ahead", function()
    local last = truth + 5 * MINUTE
    partials.writePartialData({
      ["main/BTCUSDT/" .. last] = {
        strategyName = "main", exchangeName = "true", stage = "closed", at = last + 2 * MINUTE, askedAt = last,
        profitLevels = holdfast.array {}, lossLevels = holdfast.array {}, events = holdfast.array {},
      },
    }, "BTCUSDT")
    hosts.strategy { minuteEstimatedTime = 1 }
    for _ = 1, 3 do
      setTime(truth + 10)
      live()
      truth = truth + MINUTE
    end
    local ids = {}
    for i, event in ipairs(heard.events) do ids[i] = event.action .. " " .. event.signal.id end
    -- Without that, the one of minute 5 would have the id of one that has closed.
    assert.same({ "opened main/BTCUSDT/" .. last + 1, "closed main/BTCUSDT/" .. last + 1,
      "opened main/BTCUSDT/" .. last + 2 }, ids)
  end)

  it("does not take what was before for what came after", function()
    openAhead()
    candles[truth - MINUTE] = { low = 50 } -- it may not have been open then
    setTime(truth + 10)
    live()
    assert.equal("", heard.summary())
  end)

  it("waits again for the price, and for as long", function()
    openAhead { pendingAt = 0, priceOpen = 95 }
    setTime(truth + 10)
    live()
    assert.equal(truth, schedules.readScheduleData("main", "BTCUSDT").scheduledAt)
    assert.equal(0, schedules.readScheduleData("main", "BTCUSDT").pendingAt)
    truth = truth + 119 * MINUTE
    setTime(truth + 10)
    live()
    assert.equal("waiting", heard.ticks[1].action)
    truth = truth + MINUTE
    setTime(truth + 10)
    live()
    assert.equal("cancelled:timeout", heard.summary())
  end)

  it("goes on where the writing ended in the middle", function()
    openAhead()
    local row = signals.readSignalData("main", "BTCUSDT")
    row.pendingAt, row.scheduledAt = truth - MINUTE, truth - MINUTE
    signals.writeSignalData(row, "main", "BTCUSDT")
    candles[truth - MINUTE] = { low = 89 }
    setTime(truth + 10)
    live()
    assert.equal("closed:stop_loss", heard.summary())
    assert.equal(1, #told(heard))
  end)

  it("does nothing by prices of the past where it is the clock of now that is wrong", function()
    openAhead()
    for i = 1, 20 do candles[truth - HOUR - i * MINUTE] = { low = 10, close = 20 } end
    setTime(truth - HOUR + 10)
    live()
    assert.equal("", heard.summary())
    assert.equal(1, #told(heard))
    assert.matches("is NOT WATCHED for 365 days 1 h", told(heard)[1])
    assert.equal(truth + YEAR, signals.readSignalData("main", "BTCUSDT").pendingAt)
  end)

  it("waits where the exchange does not say which time it is", function()
    openAhead()
    host.setConfig { CC_GET_CANDLES_RETRY_COUNT = 0 }
    setTime(truth + 10 * MINUTE) -- the clock is ahead still
    hosts.live("main", "BTCUSDT", "true")
    host.sleep(30)
    assert.matches("is NOT WATCHED for 364 days 23 h", heard.errors[1].message)
    assert.equal(truth + YEAR, signals.readSignalData("main", "BTCUSDT").pendingAt)
  end)

  it("goes on in the next minute where the clock is put right in the middle of one", function()
    host.setConfig { CC_GET_CANDLES_RETRY_COUNT = 0 }
    local isAhead = true
    host.addExchange {
      exchangeName = "slow",
      getCandles = function(_, _, since, limit)
        if isAhead then
          isAhead = false
          setTime(truth + MINUTE - 200)
          error("there are no candles yet", 0)
        end
        return hosts.candles(since, limit, 100)
      end,
    }
    hosts.strategy { interval = "1d" }
    setTime(truth + YEAR)
    hosts.live("main", "BTCUSDT", "slow")
    host.sleep(800)
    host.Live.stop()
    host.run()
    assert.equal("opened", heard.summary()) -- and not in a year
  end)

  it("says at once that the clock has jumped ahead", function()
    hosts.strategy { interval = "1d" }
    truth = truth + YEAR -- an exchange that believes it
    setTime(truth - YEAR - 1000)
    hosts.live("main", "BTCUSDT", "true")
    host.sleep(20)
    assert.equal("opened", heard.summary())
    setTime(truth - 500)
    host.sleep(1200)
    assert.matches("^the clock has jumped ahead by 365 days 0 h, from 2024%-02%-07T23:42:59Z to "
      .. "2025%-02%-06T23:43:00Z, or the machine slept: the open signal main/BTCUSDT/1707349320000 .* is looked "
      .. "at as of then", told(heard)[1])
    assert.equal("opened closed:time_expired", heard.summary())
  end)
end)
