-- SPDX-License-Identifier: MIT
--
-- The statistics of a run, from its trades.  The definitions are those of backtest-kit's reports, but for these:
--
--   * winRate counts every closed trade; backtest-kit leaves out trades that gave exactly zero.
--   * maxDrawdown is in percentage points of the cumulative sum of closed trades, as the curve of the report shows it;
--     backtest-kit compounds the trades and looks into them while they are open.
--   * sharpe wants two trades, and what is said of a year YEAR_TRADES_MIN of them in YEAR_DAYS_MIN days; backtest-kit
--     withholds both below 10 trades, and the second below 14 days or above 365 trades a year.
--   * Without trades the sums are 0 (backtest-kit: null); means and ratios are nil as there.

local M = {}

local DAY = 24 * 60 * 60000
local YEAR = 365 * DAY

--- From so many trades on something is said of a year: the error of a sharpe of fewer is larger than most of them are.
M.YEAR_TRADES_MIN = 30
--- And from so many days on: a year is not known by an afternoon.
M.YEAR_DAYS_MIN = 14

-- A deviation or a loss below this is what rounding left of zero.
local epsilon = 1e-9

local function mean(list, field)
  if #list == 0 then return nil end
  local sum = 0
  for _, one in ipairs(list) do sum = sum + one[field] end
  return sum / #list
end

local function median(list, field)
  if #list == 0 then return nil end
  local sorted = {}
  for i, one in ipairs(list) do sorted[i] = one[field] end
  table.sort(sorted)
  local middle = math.floor(#sorted / 2)
  if #sorted % 2 == 1 then return sorted[middle + 1] end
  return (sorted[middle] + sorted[middle + 1]) / 2
end

local function deviation(list, field)
  if #list < 2 then return nil end
  local average, sum = mean(list, field), 0
  for _, one in ipairs(list) do sum = sum + (one[field] - average) ^ 2 end
  return math.sqrt(sum / (#list - 1))
end

-- The place of each trade on the curve, the end of the curve, and the deepest fall below its maximum.
local function walk(trades)
  local curve, sum, maximum, deepest = {}, 0, 0, 0
  for i, one in ipairs(trades) do
    sum = sum + one.pnl
    curve[i] = sum
    maximum = math.max(maximum, sum)
    deepest = math.max(deepest, maximum - sum)
  end
  return curve, sum, deepest
end

local function split(trades)
  local wins, losses = {}, {}
  for _, one in ipairs(trades) do
    if one.pnl > 0 then wins[#wins + 1] = one elseif one.pnl < 0 then losses[#losses + 1] = one end
  end
  return wins, losses
end

-- From the first opening to the last closing, in ms; 0 without trades.
local function spanOf(trades)
  local first, last = math.huge, -math.huge
  for _, one in ipairs(trades) do
    first, last = math.min(first, one.openedAt), math.max(last, one.closedAt)
  end
  return math.max(0, last - first)
end

local function extremes(trades)
  local best, worst
  for _, one in ipairs(trades) do
    best, worst = math.max(best or one.pnl, one.pnl), math.min(worst or one.pnl, one.pnl)
  end
  return best, worst
end

---Those of a part of a run (a symbol, a strategy) have no signals, scheduled, opened and waiting.
---A win is a trade with pnl > 0, a loss one with pnl < 0; exactly 0 is neither.  All percents are 1.5 for 1.5%.
---@class holdfast.host.Statistics
---@field signals? integer how many signals there were, by their ids
---@field scheduled? integer events
---@field opened? integer events
---@field closed integer trades; more than `opened` where a run took over positions
---@field cancelled integer events
---@field open integer opened and not closed at the end of the events
---@field waiting? integer scheduled, and neither opened nor cancelled at the end of the events
---@field wins integer
---@field losses integer
---@field winRate? number percent: 100 * wins / closed; nil without trades
---@field totalPnl number percent: the sum of pnl (the same amount put into each trade, nothing compounded)
---@field averagePnl? number percent: totalPnl / closed
---@field bestPnl? number percent
---@field worstPnl? number percent
---@field averageWin? number percent: the mean pnl of the wins
---@field averageLoss? number percent, below zero: the mean pnl of the losses
---@field profitFactor? number the sum of the wins / the sum of the losses without sign; nil unless there are both
---@field maxDrawdown number percentage points: the most that `cumulative` was below its maximum so far, which begins
---at 0; trades in order of closedAt
---@field deviation? number percent: sqrt(sum((pnl - averagePnl)^2) / (closed - 1)); nil below two trades
---@field sharpe? number averagePnl / deviation, no risk-free rate; nil where the deviation is nil or zero
---@field days number last closedAt - first openedAt in days; 0 without trades
---@field annualizedSharpe? number sharpe * sqrt(tradesPerYear)
---@field tradesPerYear? number closed / (days / 365); nil below YEAR_TRADES_MIN trades or YEAR_DAYS_MIN days
---@field holdPnl? number percent: what buying at the beginning and holding would have given (holding.lua)
---@field medianDurationMinutes? number
---@field averageDurationMinutes? number
---@field byReason table<string, integer> closed trades by reason
---@field cancelledByReason table<string, integer>
---@field trades holdfast.host.ReportedTrade[] in order of closedAt
---@field positions table[] what is still open, as trades without what comes with closing
---@field curve number[] percent: what the trades have given up to each of them, in their order

-- What is said of a year, where there is enough to say it from.
local function annualize(stats, trades)
  local span = spanOf(trades)
  stats.days = span / DAY
  if #trades < M.YEAR_TRADES_MIN or stats.days < M.YEAR_DAYS_MIN then return end
  stats.tradesPerYear = #trades / span * YEAR
  stats.annualizedSharpe = stats.sharpe and stats.sharpe * math.sqrt(stats.tradesPerYear)
end

--- The figures of a run, or of a part of it.
---@param records holdfast.host.Records
---@return holdfast.host.Statistics
function M.of(records)
  local trades, stats = records.trades, {}
  for name, count in pairs(records.counts) do stats[name] = count end
  stats.trades, stats.positions = trades, records.positions
  stats.byReason, stats.cancelledByReason = records.byReason, records.cancelledByReason
  local wins, losses = split(trades)
  stats.wins, stats.losses = #wins, #losses
  stats.winRate = #trades > 0 and 100 * #wins / #trades or nil
  stats.curve, stats.totalPnl, stats.maxDrawdown = walk(trades)
  stats.averagePnl = mean(trades, "pnl")
  stats.bestPnl, stats.worstPnl = extremes(trades)
  stats.averageWin, stats.averageLoss = mean(wins, "pnl"), mean(losses, "pnl")
  if #wins > 0 and #losses > 0 and -stats.averageLoss * #losses > epsilon then
    stats.profitFactor = stats.averageWin * #wins / (-stats.averageLoss * #losses)
  end
  stats.deviation = deviation(trades, "pnl")
  if stats.deviation and stats.deviation > epsilon then stats.sharpe = stats.averagePnl / stats.deviation end
  annualize(stats, trades)
  stats.medianDurationMinutes, stats.averageDurationMinutes = median(trades, "minutes"), mean(trades, "minutes")
  return stats
end

return M
