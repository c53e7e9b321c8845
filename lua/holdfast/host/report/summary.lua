-- SPDX-License-Identifier: MIT
--
-- What all texts of a report say for people, in words that they have in common: what it is of, the main figures, and
-- what there is to say beside them.

local figures = require "holdfast.host.report.figures"
local statistics = require "holdfast.host.report.statistics"

local M = {}

local MINUTES_OF_DAY = 1440

--- A ratio: 1.67.
---@param n? number
---@return string
function M.ratio(n) return figures.number(n, 2) end

--- Percentage points: 4.60 pp.
---@param n? number
---@return string
function M.points(n) return figures.finite(n) and figures.number(n, 2) .. " pp" or figures.none end

--- A part of trades that were won: 54.5%.
---@param n? number
---@return string
function M.rate(n) return figures.finite(n) and figures.number(n, 1) .. "%" or figures.none end

local function pair(a, b, show)
  if a == nil and b == nil then return figures.none end
  return show(a) .. " / " .. show(b)
end

-- How much better than holding: +1.20 pp.
local function against(stats)
  if not stats.holdPnl then return figures.none end
  return figures.signed(stats.totalPnl - stats.holdPnl, 2) .. " pp"
end

--- The main figures, name and value.
---@param stats holdfast.host.Statistics
---@return string[][]
function M.figures(stats)
  return {
    { "Trades", string.format("%d (%d won, %d lost)", stats.closed, stats.wins, stats.losses) },
    { "Win rate", M.rate(stats.winRate) },
    { "Total pnl", figures.percent(stats.totalPnl) },
    { "Average pnl", figures.percent(stats.averagePnl) },
    { "Buy and hold", figures.percent(stats.holdPnl) },
    { "Total against it", against(stats) },
    { "Best / worst", pair(stats.bestPnl, stats.worstPnl, figures.percent) },
    { "Average win / loss", pair(stats.averageWin, stats.averageLoss, figures.percent) },
    { "Profit factor", M.ratio(stats.profitFactor) },
    { "Max drawdown", M.points(stats.maxDrawdown) },
    { "Sharpe per trade", M.ratio(stats.sharpe) },
    { "Sharpe a year", M.ratio(stats.annualizedSharpe) },
    { "Median duration", figures.duration(stats.medianDurationMinutes) },
    { "Average duration", figures.duration(stats.averageDurationMinutes) },
  }
end

--- How many signals there were, and what became of them.
---@param stats holdfast.host.Statistics
---@return string
function M.signals(stats)
  local line = string.format("%d signals: %d scheduled, %d opened, %d closed, %d cancelled, %d still open, %d waiting",
    stats.signals, stats.scheduled, stats.opened, stats.closed, stats.cancelled, stats.open, stats.waiting)
  return stats.signals == 1 and line:gsub("^1 signals", "1 signal") or line
end

-- Why nothing is said of a year.
local function yearLine(stats)
  if stats.tradesPerYear or stats.closed == 0 then return nil end
  return string.format("Sharpe a year: %s in %s %s nothing of a year; it takes %d in %d days",
    stats.closed == 1 and "1 trade" or stats.closed .. " trades", figures.duration(stats.days * MINUTES_OF_DAY),
    stats.closed == 1 and "says" or "say", statistics.YEAR_TRADES_MIN, statistics.YEAR_DAYS_MIN)
end

local OPEN_MAX = 20 -- positions that are shown one by one

--- Reasons, what is still open, and why a figure is missing: a line each.
---@param report holdfast.host.Report
---@return string[]
function M.remarks(report)
  local stats, lines = report.stats, {}
  local closed, cancelled = figures.counts(stats.byReason), figures.counts(stats.cancelledByReason)
  if closed then lines[#lines + 1] = "Closed by " .. closed end
  if cancelled then lines[#lines + 1] = "Cancelled by " .. cancelled end
  lines[#lines + 1] = yearLine(stats)
  for i = 1, math.min(#stats.positions, OPEN_MAX) do
    local one = stats.positions[i]
    local whose = report:isOfMany() and " (" .. figures.line(one.symbol .. " " .. one.strategyName) .. ")" or ""
    lines[#lines + 1] = string.format("Still open: %s at %s since %s%s", one.position, figures.price(one.priceOpen),
      figures.time(one.openedAt), whose)
  end
  if #stats.positions > OPEN_MAX then
    lines[#lines + 1] = string.format("And %d more that are still open", #stats.positions - OPEN_MAX)
  end
  return lines
end

--- The columns of the tables by strategy and by symbol: what each is called, and what it says of a part.
M.partColumns = {
  { name = "trades", show = function(stats) return tostring(stats.closed) end },
  { name = "won", show = function(stats) return M.rate(stats.winRate) end },
  { name = "total", show = function(stats) return figures.percent(stats.totalPnl) end },
  { name = "average", show = function(stats) return figures.percent(stats.averagePnl) end },
  { name = "factor", show = function(stats) return M.ratio(stats.profitFactor) end },
  { name = "drawdown", show = function(stats) return M.points(stats.maxDrawdown) end },
  { name = "hold", show = function(stats) return figures.percent(stats.holdPnl) end },
  { name = "open", show = function(stats) return tostring(stats.open) end },
}

--- The tables of parts that a report has: by strategy, and by symbol, where there are several.
---@param report holdfast.host.Report
---@return { name: string, parts: { name: string, stats: holdfast.host.Statistics }[] }[]
function M.parts(report)
  local tables = {}
  if #report.strategies > 1 then tables[#tables + 1] = { name = "strategy", parts = report.strategies } end
  if #report.symbols > 1 then tables[#tables + 1] = { name = "symbol", parts = report.symbols } end
  return tables
end

return M
