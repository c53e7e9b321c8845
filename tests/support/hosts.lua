-- SPDX-License-Identifier: MIT
--
-- For specs of the strategy host: a host without anything in it, a clock, and an exchange whose price the test decides.

local holdfast = require "holdfast"
local host = require "holdfast.host"

local M = {
  START = 1707343380000, -- a whole minute, and no multiple of 5 of them
  MINUTE = 60000,
}

local KINDS = { "Signal", "Schedule", "Risk", "Partial", "Trade", "Host" }
local number = 0

--- Empties the host, and gives its adapters a store.
---@param store? string|table  a URL, or a class; a memory store of its own if left out
---@param base? string         for a class
function M.fresh(store, base)
  host.Live.stop()
  host.run()
  host.clear()
  collectgarbage() -- backtests that were left early let go of the adapters
  collectgarbage()
  number = number + 1
  for _, kind in ipairs(KINDS) do
    holdfast["Persist" .. kind .. "Adapter"].close()
  end
  if type(store) == "table" then
    holdfast.adapters.useAll(store, base or "memory:host" .. number)
  else
    holdfast.adapters.useAll(store or "memory:host" .. number)
  end
end

--- Ends what runs, as a process that is killed does not: nothing but the loop hears of it.
function M.finish()
  host.Live.stop()
  host.run()
  host.clear()
end

--- Gives the host a clock that stands at START plus so many minutes.
function M.clock(minutes)
  local clock = host.manualClock(M.START + (minutes or 0) * M.MINUTE)
  host.setClock(clock)
  return clock
end

--- A candle of one price; `fields` override.
---@param timestamp number
---@param price number
---@param fields? table
function M.candle(timestamp, price, fields)
  local candle = { timestamp = timestamp, open = price, high = price, low = price, close = price, volume = 1 }
  for field, value in pairs(fields or {}) do candle[field] = value end
  return candle
end

--- So many candles of one price, one a minute.
function M.candles(since, limit, price)
  local list = {}
  for i = 1, limit do list[i] = M.candle(since + (i - 1) * M.MINUTE, price) end
  return list
end

--- Adds an exchange whose candles all have one price, which depends on the time.
---@param priceAt fun(minute: integer, symbol: string): number|table  minute 0 is START; a table overrides fields
---@param name? string  "test"
function M.exchange(priceAt, name)
  local exchange = { calls = 0 }
  host.addExchange {
    exchangeName = name or "test",
    getCandles = function(symbol, interval, since, limit)
      exchange.calls = exchange.calls + 1
      local list = {}
      for i = 0, limit - 1 do
        local timestamp = since + i * M.MINUTE
        local price = priceAt((timestamp - M.START) / M.MINUTE, symbol)
        list[#list + 1] = type(price) == "table" and M.candle(timestamp, 100, price) or M.candle(timestamp, price)
      end
      return list
    end,
  }
  return exchange
end

--- Hears everything.
---@return { events: table[], ticks: table[], partials: table[], errors: table[], done: table[], ids: fun(): string[] }
function M.hear()
  local heard = { events = {}, ticks = {}, partials = {}, errors = {}, done = {} }
  local function hear(event)
    local list = event.id and heard.events or heard.ticks
    list[#list + 1] = event
  end
  host.listenSignalLive(hear)
  host.listenSignalBacktest(hear)
  host.listenPartial(function(event) table.insert(heard.partials, event) end)
  host.listenError(function(event) table.insert(heard.errors, event) end)
  host.listenDone(function(event) table.insert(heard.done, event) end)
  -- "opened closed:take_profit"
  function heard.summary()
    local words = {}
    for i, e in ipairs(heard.events) do
      local why = e.closeReason or e.reason
      words[i] = (e.redelivered and "again:" or "") .. e.action .. (why and ":" .. why or "")
    end
    return table.concat(words, " ")
  end
  return heard
end

--- A fresh host with a clock, an exchange "test" whose price is 100 until it is told another, and ears.
---@return { clock: table, heard: table, pass: fun(minutes: number, at?: number|table) }  pass lives through minutes, at
--- a price (or fields of candles) from now on
function M.world(store, base)
  M.fresh(store, base)
  local history = { { from = -math.huge, price = 100 } }
  local world = { clock = M.clock(), heard = M.hear() }
  M.exchange(function(minute)
    local price
    for _, each in ipairs(history) do
      if each.from <= minute then price = each.price end
    end
    return price
  end)
  function world.pass(minutes, at)
    local clock = world.clock
    if at then history[#history + 1] = { from = (clock:now() - M.START) / M.MINUTE, price = at } end
    clock:advance(minutes * M.MINUTE)
  end
  return world
end

--- Adds a strategy that gives the same signal whenever it is asked.
---@param fields? table  of addStrategy, and of the signal
---@return number[] asked  the minutes in which it was
function M.strategy(fields)
  local strategy, asked = { strategyName = "main", interval = "1m" }, {}
  local signal = { position = "long", priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = 60 }
  for field, value in pairs(fields or {}) do
    if field == "strategyName" or field == "interval" or field == "callbacks" or field == "riskName"
      or field == "riskList" or field == "getSignal" then
      strategy[field] = value
    else
      signal[field] = value
    end
  end
  local getSignal = strategy.getSignal
  function strategy.getSignal(symbol, when)
    asked[#asked + 1] = (when - M.START) / M.MINUTE
    if getSignal then return getSignal(symbol, when) end
    local copy = {}
    for field, value in pairs(signal) do copy[field] = value end
    return copy
  end
  host.addStrategy(strategy)
  return asked
end

--- Starts the strategy "main" on BTCUSDT, or what is given.
---@return fun() stop
function M.live(name, symbol, exchangeName)
  return host.Live.background(symbol or "BTCUSDT",
    { strategyName = name or "main", exchangeName = exchangeName or "test" })
end

return M
