-- SPDX-License-Identifier: MIT
--
-- The candles of a report, by symbol: those that were given with events are taken as they are; of those beside stored
-- trades, which may be of years, the ones that belong to the trades.

local checks = require "holdfast.host.report.checks"

local M = {}

local MINUTE = 60000
-- So much is shown before the first and after the last trade: a part of their time, and so many candles at least.
local ROOM_PART, ROOM_CANDLES = 0.05, 30

-- When the first trade opened, and the last one closed: for ever, where one is still open.
local function span(all)
  local first, last = math.huge, -math.huge
  for _, list in ipairs { all.trades, all.positions } do
    for _, one in ipairs(list) do first, last = math.min(first, one.openedAt), math.max(last, one.closedAt or last) end
  end
  if #all.positions > 0 then last = math.huge end
  return first, last
end

-- From when, and until when, not included, candles of this length are shown.
local function rangeOf(run, all, step)
  local first, last = span(all)
  if first == math.huge then return run.since or -math.huge, run.till or math.huge end
  local known = last < math.huge and last - first or 0
  local room = math.max(known * ROOM_PART, ROOM_CANDLES * step)
  return math.min(run.since or math.huge, first - room), run.till or run.since and math.huge or last + room
end

local function within(candles, from, till)
  local kept = {}
  for _, candle in ipairs(candles) do
    if candle.timestamp >= from and candle.timestamp < till then kept[#kept + 1] = candle end
  end
  return kept
end

-- Those that a function gives.
local function ask(run, all, symbols)
  local from, till = rangeOf(run, all, MINUTE)
  local bySymbol = {}
  for _, symbol in ipairs(symbols) do
    local list = run.candles(symbol, math.max(0, from), till)
    if list ~= nil then
      checks.candles(list, ("candles(%q)"):format(symbol))
      bySymbol[symbol] = list
    end
  end
  return bySymbol
end

-- Those that were given, by symbol; `symbol` is the only one that there is.
local function given(candles, symbol)
  if not checks.isList(candles) then return candles end
  if not candles[1] then return {} end
  if not symbol then
    checks.refuse("candles is a list, but there are several symbols: make it { SYMBOL = { candles } }")
  end
  return { [symbol] = candles }
end

--- The candles by symbol.
---@param run table    what the report is made of
---@param all holdfast.host.Records
---@param symbol? string  the only one that there is
---@param symbols string[]
---@return table<string, table[]>
function M.candles(run, all, symbol, symbols)
  if run.candles == nil then return {} end
  if type(run.candles) == "function" then return ask(run, all, symbols) end
  local bySymbol = given(run.candles, symbol)
  if run.events then return bySymbol end
  local kept = {}
  for name, list in pairs(bySymbol) do
    local step = list[2] and list[2].timestamp - list[1].timestamp or 0
    kept[name] = within(list, rangeOf(run, all, step))
  end
  return kept
end

return M
