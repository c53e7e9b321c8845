-- SPDX-License-Identifier: MIT
--
-- What a report is made of, looked at before anything is reckoned: events and candles may come from anywhere.

local core = require "holdfast.core"
local figures = require "holdfast.host.report.figures"

local finite = figures.finite

local M = {}

local SIDE_MIN, SIDE_MAX = 400, 10000 -- pixels

local function refuse(format, ...)
  error(core.error("invalid_argument", "report: " .. string.format(format, ...)), 0)
end

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

local function checkSignal(signal, name)
  checkTable(signal, name)
  if signal.id == nil then refuse("%s.id is missing", name) end
  if signal.position ~= "long" and signal.position ~= "short" then
    refuse('%s.position must be "long" or "short", but is %s', name, shown(signal.position))
  end
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

local function checkEvent(event, name)
  checkTable(event, name)
  local check = byAction[event.action]
  if not check then
    refuse('%s.action must be "scheduled", "opened", "closed" or "cancelled", but is %s', name, shown(event.action))
  end
  checkSignal(event.signal, name .. ".signal")
  check(event, name)
end

-- Hundreds of thousands: a name is only made for one that is wrong.
local function checkCandle(candle, number, before)
  local name = "candles[" .. number .. "]"
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

local function checkCandles(candles)
  checkList(candles, "candles")
  local before = -1
  for number, candle in ipairs(candles) do
    if not goodCandle(candle, before) then checkCandle(candle, number, before) end
    before = candle.timestamp
  end
end

--- Raises unless a report can be made of it.
---@param run any  see report.new
---@raise invalid_argument with the event and the field that is wrong
function M.run(run)
  checkTable(run, "the run")
  checkText(run.symbol, "symbol")
  checkText(run.strategyName, "strategyName")
  checkText(run.exchangeName, "exchangeName", true)
  checkText(run.frameName, "frameName", true)
  checkList(run.events, "events")
  for number, event in ipairs(run.events) do checkEvent(event, "events[" .. number .. "]") end
  if run.candles ~= nil then checkCandles(run.candles) end
end

--- Raises unless a picture can be of this size.
---@param options any  { width?, height? }
---@raise invalid_argument
function M.size(options)
  checkTable(options, "the options")
  for _, side in ipairs { "width", "height" } do
    local value = options[side]
    if value ~= nil and not (finite(value) and value >= SIDE_MIN and value <= SIDE_MAX) then
      refuse("%s must be a number of pixels from %d to %d, but is %s", side, SIDE_MIN, SIDE_MAX, shown(value))
    end
  end
end

return M
