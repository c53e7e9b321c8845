-- SPDX-License-Identifier: MIT
--
-- The host inside a program that owns time and the market, such as examples/strategy_host.c.  The program says what
-- the market did and what time it is; what the strategies do then has been done, stored and delivered when
-- advance() returns.  Nothing here sleeps, and nothing happens in between.
--
--     embed.start(ms)               the clock is the program's from here on; before any strategy runs
--     embed.listen(fn)              fn(id, event, again): what happens to signals is delivered to it
--     embed.push(symbol, candle)    a minute that is over
--     embed.advance(ms)             it is this time now: strategies see the candles before it
--     embed.stop()
--
-- C calls them as hf_runtime_call(lua, "holdfast.host.embed:advance", ...), all but listen: a C function is given to
-- it as a function.  Scripts take their candles from here: host.addExchange { ..., getCandles = embed.getCandles }.
--
-- The listener acknowledges an event by returning.  So it is the listener that has to keep it: what a program only
-- fetched after advance() would be lost if it were killed before that.  If the program is killed before the listener
-- has returned, or shortly after it, the event is delivered again in the next process, with the same id.

local adapters = require "holdfast.adapters"
local clocks = require "holdfast.host.scheduler.clock"
local core = require "holdfast.core"
local events = require "holdfast.host.events"
local feed = require "holdfast.host.market.candle_feed"
local live = require "holdfast.host.runs.live"
local loop = require "holdfast.host.scheduler.loop"
local outbox = require "holdfast.host.state.outbox"

---@class holdfast.host.embed
local M = {}

local clock, market

local function need(what)
  if clock then return end
  error(core.error("invalid_argument", ("embed.%s: call embed.start(ms) first: it says what time it is"):format(what)),
    0)
end

--- Begins: from here on the clock is moved by advance() alone, and the market is empty.
---@param ms number  the time, ms since the epoch: of the first minute that strategies are to live through
---@param keep? integer  how many of the last candles of each symbol to keep; all, if left out
---@raise invalid_argument; busy: something runs by another clock
function M.start(ms, keep)
  local new = clocks.manual(ms)
  loop.setClock(new)
  clock, market = new, feed.new { keep = keep }
end

--- Has a function called for each event: scheduled, opened, closed, cancelled and partial, in the order in which they
--- happened.  It must have kept the event when it returns, which acknowledges it: it does not come again.  Where it
--- cannot, it must end the process, as a crash would, and not raise.  An event that comes again has the id that it had.
---@param fn fun(id: string, event: string, again: boolean)  id and event as JSON text; again: a process that was
--- killed may have received it
---@return fun() stop  ends the listening
---@raise invalid_argument
function M.listen(fn)
  if type(fn) ~= "function" then
    error(core.error("invalid_argument", ("embed.listen: give a function, not a %s"):format(type(fn))), 0)
  end
  local function deliver(event)
    if not event.id then return end -- a minute in which nothing changed
    local again = event.redelivered == true
    event.redelivered = nil -- the same event is the same text to compare
    fn(core.json.encode(event.id), core.json.encode(event), again)
  end
  local stopSignals = events.listen("signalLive", "listenSignalLive", deliver)
  local stopLevels = events.listen("partial", "listenPartial", deliver)
  return function()
    stopSignals()
    stopLevels()
  end
end

--- Adds the candle of a minute that is over: see Feed:push in feed.lua.
---@param symbol string
---@param candle { timestamp: number, open: number, high: number, low: number, close: number, volume: number }
---@raise invalid_value  it cannot be, or does not follow the one before
function M.push(symbol, candle)
  need "push"
  market:push(symbol, candle)
end

--- What an exchange gives: of the candles that were pushed.
---@param ... any  as getCandles of an exchange
---@return table[]
function M.getCandles(...)
  need "getCandles"
  return market.getCandles(...)
end

--- Moves the clock.  All that is due until then has been done when it returns, minute by minute.
---@param ms number
---@raise invalid_argument; busy: called by what runs because of it
function M.advance(ms)
  need "advance"
  clock:advanceTo(ms)
end

--- What is stored of all that runs, and was stored before it did: of each the strategy's and the symbol's name, the
--- open signal, the scheduled one, and how many events are not known to be acknowledged.  What has none of these is
--- left out.
---@return { strategyName: string, symbol: string, signal?: table, scheduled?: table, untold: integer }[]
---@raise corrupt, io, ...
function M.restored()
  local list = core.json.array {}
  for _, run in ipairs(live.list()) do
    local entry = outbox.read(run.symbol, run.strategyName)
    local one = {
      strategyName = run.strategyName, symbol = run.symbol,
      signal = adapters.PersistSignalAdapter.readSignalData(run.strategyName, run.symbol),
      scheduled = adapters.PersistScheduleAdapter.readScheduleData(run.strategyName, run.symbol),
      untold = entry and #entry.events or 0,
    }
    if one.signal or one.scheduled or one.untold > 0 then list[#list + 1] = one end
  end
  return list
end

--- Ends all strategies; what is open stays stored, for the next run.
---@return boolean ended  false: one of them waits for something, and ends when the clock is moved
function M.stop()
  need "stop"
  live.stop()
  clock:advance(0)
  return loop.count() == 0
end

return M
