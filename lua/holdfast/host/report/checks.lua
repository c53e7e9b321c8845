-- SPDX-License-Identifier: MIT
--
-- What a report is made of, looked at before anything is reckoned: events and candles may come from anywhere.

local core = require "holdfast.core"
local figures = require "holdfast.host.report.figures"

local finite = figures.finite

local M = {}

local SIDE_MIN, SIDE_MAX = 400, 10000 -- pixels

--- Raises that something is wrong with what a report is to be made of.
---@param format string
---@param ... any
---@raise invalid_argument
function M.refuse(format, ...)
  error(core.error("invalid_argument", "report: " .. string.format(format, ...)), 0)
end
local refuse = M.refuse

local function shown(value)
  if type(value) == "string" then return string.format("%q", figures.cut(figures.line(value), 40)) end
  if type(value) == "table" then return "a table" end
  return tostring(value)
end

-- Texts go into messages and names: what is not a text is refused here and not where it is shown.
local function checkText(value, name, optional)
  if value == nil and optional then return end
  if type(value) ~= "string" then refuse("%s must be a string, but is %s", name, shown(value)) end
end

local function checkNumber(value, name, optional)
  if value == nil and optional then return end
  if not finite(value) then refuse("%s must be a finite number, but is %s", name, shown(value)) end
end

-- The last moment that a date of JavaScript can be; os.date can show it.
local lastTime = 8.64e15

local function checkTime(value, name, optional)
  if value == nil and optional then return end
  if not finite(value) or value < 0 or value > lastTime then
    refuse("%s must be a time in ms since 1970, but is %s", name, shown(value))
  end
end

local function checkList(value, name)
  if type(value) ~= "table" then refuse("%s must be a list, but is %s", name, shown(value)) end
  for key in pairs(value) do
    if type(key) ~= "number" or key < 1 or key > #value or key % 1 ~= 0 then
      refuse("%s must be a list, but has the key %s", name, shown(key))
    end
  end
end

local function checkTable(value, name)
  if type(value) ~= "table" then refuse("%s must be a table, but is %s", name, shown(value)) end
end

local function checkPosition(position, name)
  if position ~= "long" and position ~= "short" then
    refuse('%s.position must be "long" or "short", but is %s', name, shown(position))
  end
end

local function checkSignal(signal, name)
  checkTable(signal, name)
  if signal.id == nil then refuse("%s.id is missing", name) end
  checkPosition(signal.position, name)
  checkText(signal.note, name .. ".note", true)
  checkTime(signal.scheduledAt, name .. ".scheduledAt", true)
  checkTime(signal.pendingAt, name .. ".pendingAt", true)
end

-- By the action of an event.
local byAction = {}

function byAction.scheduled() end

function byAction.opened(event, name)
  checkTime(event.signal.pendingAt, name .. ".signal.pendingAt")
  checkNumber(event.signal.priceOpen, name .. ".signal.priceOpen")
end

function byAction.closed(event, name)
  checkTime(event.signal.pendingAt, name .. ".signal.pendingAt")
  checkTime(event.closeTimestamp, name .. ".closeTimestamp")
  checkText(event.closeReason, name .. ".closeReason")
  checkTable(event.pnl, name .. ".pnl")
  checkNumber(event.pnl.pnlPercentage, name .. ".pnl.pnlPercentage")
  checkNumber(event.pnl.priceOpen, name .. ".pnl.priceOpen", event.signal.priceOpen ~= nil)
  checkNumber(event.pnl.priceClose, name .. ".pnl.priceClose", event.currentPrice ~= nil)
  checkNumber(event.signal.priceOpen, name .. ".signal.priceOpen", true)
  checkNumber(event.currentPrice, name .. ".currentPrice", true)
end

function byAction.cancelled(event, name)
  checkText(event.reason, name .. ".reason", true)
  checkTime(event.closeTimestamp, name .. ".closeTimestamp", true)
end

local function checkEvent(event, name, symbol, strategyName)
  checkTable(event, name)
  local check = byAction[event.action]
  if not check then
    refuse('%s.action must be "scheduled", "opened", "closed" or "cancelled", but is %s', name, shown(event.action))
  end
  checkSignal(event.signal, name .. ".signal")
  checkText(event.symbol, name .. ".symbol", symbol ~= nil)
  checkText(event.strategyName, name .. ".strategyName", strategyName ~= nil)
  check(event, name)
end

--- Raises unless it is a trade as PersistTradeAdapter keeps them.
---@param trade any
---@param name string  for the error
---@raise invalid_argument
function M.stored(trade, name)
  checkTable(trade, name)
  if trade.action ~= "closed" and trade.action ~= "cancelled" then
    refuse('%s.action must be "closed" or "cancelled", but is %s', name, shown(trade.action))
  end
  checkText(trade.symbol, name .. ".symbol")
  checkText(trade.strategyName, name .. ".strategyName")
  checkPosition(trade.position, name)
  checkTime(trade.closedAt, name .. ".closedAt")
  if trade.action == "cancelled" then return end
  checkTime(trade.openedAt, name .. ".openedAt")
  checkText(trade.reason, name .. ".reason")
  checkNumber(trade.pnl, name .. ".pnl")
  checkNumber(trade.priceOpen, name .. ".priceOpen")
  checkNumber(trade.priceClose, name .. ".priceClose")
end

--- Raises unless it is the row of a signal that has opened.
---@param row any
---@param name string  for the error
---@raise invalid_argument
function M.row(row, name)
  checkSignal(row, name)
  checkText(row.symbol, name .. ".symbol")
  checkText(row.strategyName, name .. ".strategyName")
  checkTime(row.pendingAt, name .. ".pendingAt")
  checkNumber(row.priceOpen, name .. ".priceOpen")
end

-- Hundreds of thousands: a name is only made for one that is wrong.
local function checkCandle(candle, name, before)
  checkTable(candle, name)
  checkTime(candle.timestamp, name .. ".timestamp")
  for _, field in ipairs { "open", "high", "low", "close" } do checkNumber(candle[field], name .. "." .. field) end
  if candle.timestamp <= before then refuse("%s.timestamp must be after the one before it", name) end
end

local function goodCandle(candle, before)
  return type(candle) == "table" and finite(candle.timestamp) and candle.timestamp > before
    and candle.timestamp <= lastTime and finite(candle.open) and finite(candle.high) and finite(candle.low)
    and finite(candle.close)
end

--- Raises unless it is a list of candles in order of time.
---@param candles any
---@param name string  for the error
---@raise invalid_argument
function M.candles(candles, name)
  checkList(candles, name)
  local before = -1
  for number, candle in ipairs(candles) do
    if not goodCandle(candle, before) then checkCandle(candle, ("%s[%d]"):format(name, number), before) end
    before = candle.timestamp
  end
end

--- Whether candles are of one symbol, and not by symbol.
---@param candles table
---@return boolean
function M.isList(candles) return candles[1] ~= nil or next(candles) == nil end

local function checkAllCandles(candles)
  if type(candles) == "function" then return end -- what it gives is looked at when it does
  checkTable(candles, "candles")
  if M.isList(candles) then return M.candles(candles, "candles") end
  for symbol, list in pairs(candles) do
    if type(symbol) ~= "string" then
      refuse("candles must be a list, or lists by symbol, but has the key %s", shown(symbol))
    end
    M.candles(list, ("candles[%s]"):format(shown(symbol)))
  end
end

local function goodTime(value) return finite(value) and value >= 0 and value <= lastTime end

-- The same as M.stored says, for hundreds of thousands: no name is made.
local function goodTrade(trade)
  return type(trade) == "table" and trade.action == "closed" and type(trade.symbol) == "string"
    and type(trade.strategyName) == "string" and (trade.position == "long" or trade.position == "short")
    and goodTime(trade.closedAt) and goodTime(trade.openedAt) and type(trade.reason) == "string" and finite(trade.pnl)
    and finite(trade.priceOpen) and finite(trade.priceClose)
end

--- Gives trades one by one, each looked at.
---@param trades table[]|fun(): table?
---@return fun(): table?  raises invalid_argument for one that is none
function M.each(trades)
  local number, nextTrade = 0, trades
  if type(trades) == "table" then nextTrade = function() return trades[number] end end
  return function()
    number = number + 1
    local trade = nextTrade()
    if trade ~= nil and not goodTrade(trade) then M.stored(trade, "trades[" .. number .. "]") end
    return trade
  end
end

--- Raises unless it is what a store has: but for trades, which are looked at one by one.
---@param found any  { trades, positions?, waiting? }
---@raise invalid_argument
function M.found(found)
  if type(found.trades) ~= "function" then checkList(found.trades, "trades") end
  if found.positions ~= nil then checkList(found.positions, "positions") end
  for number, row in ipairs(found.positions or {}) do M.row(row, "positions[" .. number .. "]") end
  checkNumber(found.waiting, "waiting", true)
end

--- Raises unless a report can be made of it.
---@param run any  see report.new
---@raise invalid_argument with the event and the field that is wrong
function M.run(run)
  checkTable(run, "the run")
  for _, field in ipairs { "symbol", "strategyName", "exchangeName", "frameName" } do
    checkText(run[field], field, true)
  end
  checkTime(run.since, "since", true)
  checkTime(run.till, "till", true)
  if run.trades ~= nil and run.events ~= nil then refuse("give events or trades, not both") end
  if run.trades == nil and run.records == nil then
    checkList(run.events, "events")
    for number, event in ipairs(run.events) do
      checkEvent(event, "events[" .. number .. "]", run.symbol, run.strategyName)
    end
  end
  if run.candles ~= nil then checkAllCandles(run.candles) end
end

local THEMES = { auto = true, light = true, dark = true }

--- Raises unless a picture can be so.
---@param options any  { width?, height?, symbol?, theme? }
---@raise invalid_argument
function M.picture(options)
  checkTable(options, "the options")
  for _, side in ipairs { "width", "height" } do
    local value = options[side]
    if value ~= nil and not (finite(value) and value >= SIDE_MIN and value <= SIDE_MAX) then
      refuse("%s must be a number of pixels from %d to %d, but is %s", side, SIDE_MIN, SIDE_MAX, shown(value))
    end
  end
  checkText(options.symbol, "symbol", true)
  if options.theme ~= nil and not THEMES[options.theme] then
    refuse('theme must be "auto", "light" or "dark", but is %s', shown(options.theme))
  end
end

return M
