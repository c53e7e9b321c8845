-- SPDX-License-Identifier: MIT
--
-- A host for trading strategies, live and over past candles, whose whole state is in the adapters: a process that
-- is killed comes back with every position.  docs/host.md is its manual.
--
--     local host = require "holdfast.host"
--
--     host.addStrategy {
--       strategyName = "main", interval = "5m",
--       getSignal = function(symbol, when)
--         local price = host.getAveragePrice(symbol)
--         return { position = "long", priceTakeProfit = price * 1.01, priceStopLoss = price * 0.99,
--           minuteEstimatedTime = 60 }
--       end,
--     }
--     host.addExchange { exchangeName = "mine", getCandles = function(symbol, interval, since, limit) ... end }
--     host.listenSignalLive(function(event) print(event.action, event.signal and event.signal.id) end)
--     host.Live.background("BTCUSDT", { strategyName = "main", exchangeName = "mine" })
--     host.run()

local backtest = require "holdfast.host.runs.backtest"
local byHand = require "holdfast.host.runs.by_hand"
local candleStore = require "holdfast.host.market.candle_store"
local candles = require "holdfast.host.market.candles"
local chartCandles = require "holdfast.host.runs.chart_candles"
local checks = require "holdfast.host.checks"
local clocks = require "holdfast.host.scheduler.clock"
local config = require "holdfast.host.config"
local contexts = require "holdfast.host.scheduler.context"
local events = require "holdfast.host.events"
local feed = require "holdfast.host.market.candle_feed"
local live = require "holdfast.host.runs.live"
local loop = require "holdfast.host.scheduler.loop"
local registry = require "holdfast.host.registry"
local report = require "holdfast.host.report"
local stored = require "holdfast.host.runs.stored"
local retention = require "holdfast.host.state.retention"
local trades = require "holdfast.host.state.trades"

-- Each listener's function ends the listening when the function that is given back is called.
---@class holdfast.host
---@field listenSignalLive fun(fn: fun(event: table)): fun()     events of live runs
---@field listenSignalBacktest fun(fn: fun(event: table)): fun() events of backtests
---@field listenPartial fun(fn: fun(event: table)): fun()        levels of profit and loss that were reached
---@field listenRisk fun(fn: fun(event: table)): fun()           signals that a risk profile refused
---@field listenError fun(fn: fun(event: table)): fun()          what the user's functions raised, and what failed
---@field listenMinute fun(fn: fun(event: table)): fun()         minutes of live runs, however they went
---@field listenDone fun(fn: fun(event: table)): fun()           runs that have ended
---@field listenProgress fun(fn: fun(event: table)): fun()       how far a backtest is
local M = {
  Live = live,
  Backtest = backtest,

  setConfig = config.set,

  --- Candles from a CSV file: see holdfast.host.market.candles.
  readCandles = candles.read,
  --- Candles in memory as an exchange: see holdfast.host.market.candle_feed.
  candleFeed = feed.new,
  --- Candles kept in a store, as an exchange: see holdfast.host.market.candle_store.
  candleStore = candleStore.new,

  -- By hand: see runs/by_hand.lua.
  close = byHand.close,
  cancel = byHand.cancel,
  answer = byHand.answer,
  takeBack = byHand.takeBack,
  pause = byHand.pause,
  resume = byHand.resume,

  -- Time.
  manualClock = clocks.manual,
  setClock = loop.setClock,
  now = loop.now,
  sleep = loop.sleep,
  --- Runs until everything has ended that runs in the background.
  run = loop.run,
}

--- The report of events that were collected; without `events`, of the trades that the adapters keep.
---@param given? holdfast.host.StoredQuery|table  see holdfast.host.Report for those of events
---@return holdfast.host.Report
---@raise invalid_argument with what is wrong
function M.report(given)
  if type(given) ~= "table" or given.events == nil and given.trades == nil then return stored.report(given) end
  local run = {}
  for name, value in pairs(given) do run[name] = value end
  run.candles = chartCandles.of(given.candles)
  return report.new(run)
end

local function add(kind, given)
  if given == M then checks.refuse("host.add...: call it with a dot, not with a colon") end
  registry.add(kind, given)
end

--- Adds a strategy.
---@param strategy { strategyName: string, interval?: string, getSignal: function, callbacks?: table, riskName?: string,
--- riskList?: string[], note?: string }
---@raise invalid_argument
function M.addStrategy(strategy) add("strategy", strategy) end

--- Adds an exchange.
---@param exchange { exchangeName: string, getCandles: function, formatPrice?: function, formatQuantity?: function,
--- note?: string }
---@raise invalid_argument
function M.addExchange(exchange) add("exchange", exchange) end

--- Adds a risk profile.
---@param risk { riskName: string, validations: table, callbacks?: table, note?: string }
---@raise invalid_argument
function M.addRisk(risk) add("risk", risk) end

--- Adds a frame: the time that a backtest covers.
---@param frame { frameName: string, interval?: string, startDate: number|string, endDate: number|string,
--- note?: string }
---@raise invalid_argument
function M.addFrame(frame) add("frame", frame) end

--- Iterates the trades of signals that are over, in the order in which they ended.
---@param query? holdfast.host.TradeQuery
---@return fun(): holdfast.host.Trade?
---@raise invalid_argument, corrupt, io, ...
function M.trades(query)
  local list, i = trades.list(query, nil, "host.trades"), 0
  return function()
    i = i + 1
    return list[i]
  end
end

-- What there is to listen to, each with its function.
local LISTENERS = {
  listenSignalLive = "signalLive", listenSignalBacktest = "signalBacktest", listenPartial = "partial",
  listenRisk = "risk", listenError = "error", listenMinute = "minute", listenDone = "done",
  listenProgress = "progress",
}
for name, kind in pairs(LISTENERS) do
  M[name] = function(fn) return events.listen(kind, name, fn) end
end

--- The average price of a symbol now, for the strategy that runs: volume-weighted, over the last five minutes.
---@param symbol string
---@return number
---@raise invalid_argument  no strategy runs here; whatever getCandles raises
function M.getAveragePrice(symbol) return contexts.need("getAveragePrice").average(symbol) end

--- The last candles of a symbol that are over now, for the strategy that runs.
---@param symbol string
---@param interval string
---@param count integer
---@return table[]
---@raise invalid_argument  no strategy runs here; whatever getCandles raises
function M.getCandles(symbol, interval, count) return contexts.need("getCandles").candles(symbol, interval, count) end

--- Now, for the strategy that runs.
---@return number  ms since the epoch
function M.getDate() return contexts.need("getDate").when end

--- In which mode the strategy runs.
---@return "live"|"backtest"
function M.getMode() return contexts.need("getMode").backtest and "backtest" or "live" end

local function format(what, symbol, value)
  local context = contexts.need(what)
  local fn = context.exchange[what]
  if fn then return fn(symbol, value) end
  -- No exponent, whatever its size: exchanges take none.
  return (("%.8f"):format(value):gsub("0+$", ""):gsub("%.$", ""))
end

--- A price as the exchange writes it: its formatPrice.
---@param symbol string
---@param price number
function M.formatPrice(symbol, price) return format("formatPrice", symbol, price) end

--- A quantity as the exchange writes it: its formatQuantity.
---@param symbol string
---@param quantity number
function M.formatQuantity(symbol, quantity) return format("formatQuantity", symbol, quantity) end

--- Forgets all that was added, all listeners and settings.  For tests.
---@raise busy  something runs
function M.clear()
  loop.setClock(nil)
  registry.clear()
  events.clear()
  config.reset()
  retention.forget()
end

return M
