-- SPDX-License-Identifier: MIT
--
-- A report as JSON text.  All fields are always there, null where there is no value, and always in the same order.

local core = require "holdfast.core"
local figures = require "holdfast.host.report.figures"

local M = {}

local TRADE_FIELDS = {
  "id", "symbol", "strategyName", "position", "note", "openedAt", "closedAt", "minutes", "priceOpen", "priceClose",
  "priceTakeProfit", "priceStopLoss", "reason", "pnl", "cumulative",
}
local POSITION_FIELDS = { "id", "symbol", "strategyName", "position", "note", "openedAt", "priceOpen",
  "priceTakeProfit", "priceStopLoss" }
-- What is known of a part of a run, too.
local FIGURE_FIELDS = {
  "closed", "cancelled", "open", "wins", "losses", "winRate", "totalPnl", "averagePnl", "bestPnl", "worstPnl",
  "averageWin", "averageLoss", "profitFactor", "maxDrawdown", "deviation", "sharpe", "annualizedSharpe",
  "tradesPerYear", "days", "holdPnl", "medianDurationMinutes", "averageDurationMinutes",
}
local COUNT_FIELDS = { "signals", "scheduled", "opened", "waiting" }
local OWN_FIELDS = { "symbol", "strategyName", "exchangeName", "frameName" }

-- JSON has no infinity: what is not a finite number has no value.
local function scalar(value)
  local kind = type(value)
  if kind == "string" and not value:find('[%z\1-\31\127-\255\\"/]') then return '"' .. value .. '"' end
  if kind == "number" and value % 1 == 0 and value > -1e15 and value < 1e15 and value ~= 0 then
    return string.format("%d", value)
  end
  if kind == "number" and figures.finite(value) or kind == "boolean" then return core.json.encode(value) end
  if kind == "string" then return core.json.encode(figures.utf8(value)) end
  return "null"
end

-- Each field with its colon, made once.
local keys = setmetatable({}, { __index = function(all, field)
  all[field] = '"' .. field .. '":'
  return all[field]
end })

local pieces = {} -- used again: there may be a hundred thousand records

local function members(record, fields)
  for i, field in ipairs(fields) do pieces[i] = keys[field] .. scalar(record[field]) end
  return table.concat(pieces, ",", 1, #fields)
end

local function list(records, show)
  local parts = {}
  for i, record in ipairs(records) do parts[i] = "\n{" .. show(record) .. "}" end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function listOf(records, fields)
  return list(records, function(record) return members(record, fields) end)
end

local function byName(counts)
  local names, parts = {}, {}
  for name in pairs(counts) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = scalar(name) .. ":" .. scalar(counts[name]) end
  return "{" .. table.concat(parts, ",") .. "}"
end

local function parts(field, groups)
  return list(groups, function(part)
    return ('"%s":%s,'):format(field, scalar(part.name)) .. members(part.stats, FIGURE_FIELDS)
  end)
end

--- The text: { symbol, strategyName, exchangeName, frameName, stats, byStrategy, bySymbol } with stats as a script has
--- them.
---@param report holdfast.host.Report
---@return string json
function M.text(report)
  local stats = report.stats
  return "{" .. members(report, OWN_FIELDS)
    .. ',\n"stats":{' .. members(stats, COUNT_FIELDS) .. "," .. members(stats, FIGURE_FIELDS)
    .. ',\n"byReason":' .. byName(stats.byReason) .. ',"cancelledByReason":' .. byName(stats.cancelledByReason)
    .. ',\n"trades":' .. listOf(stats.trades, TRADE_FIELDS)
    .. ',\n"positions":' .. listOf(stats.positions, POSITION_FIELDS)
    .. '},\n"byStrategy":' .. parts("strategyName", report.strategies)
    .. ',\n"bySymbol":' .. parts("symbol", report.symbols) .. "}\n"
end

return M
