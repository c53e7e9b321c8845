-- SPDX-License-Identifier: MIT
--
-- The statistics of a run, from its events.  The definitions are those of backtest-kit's reports, but for these:
--
--   * winRate counts every closed trade; backtest-kit leaves out trades that gave exactly zero.
--   * maxDrawdown is in percentage points of the cumulative sum of closed trades, as the curve of the report shows it;
--     backtest-kit compounds the trades and looks into them while they are open.
--   * sharpe wants two trades and annualizedSharpe no more than that; backtest-kit withholds both below 10 trades, and
--     the second below 14 days or above 365 trades a year.  Of few trades they say little: mind `closed`.
--   * Without trades the sums are 0 (backtest-kit: null); means and ratios are nil as there.

local M = {}

local minute = 60000
local year = 365 * 24 * 60 * minute

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

local function trade(event)
  local signal, pnl = event.signal, event.pnl
  return {
    id = signal.id, position = signal.position, note = signal.note,
    openedAt = signal.pendingAt, closedAt = event.closeTimestamp,
    minutes = (event.closeTimestamp - signal.pendingAt) / minute,
    priceOpen = pnl.priceOpen or signal.priceOpen, priceClose = pnl.priceClose or event.currentPrice,
    priceTakeProfit = signal.priceTakeProfit, priceStopLoss = signal.priceStopLoss,
    reason = event.closeReason, pnl = pnl.pnlPercentage,
  }
end

local function position(event)
  local signal = event.signal
  return {
    id = signal.id, position = signal.position, note = signal.note, openedAt = signal.pendingAt,
    priceOpen = signal.priceOpen, priceTakeProfit = signal.priceTakeProfit, priceStopLoss = signal.priceStopLoss,
  }
end

-- Sorts by a field and keeps what is equal in its order, which table.sort does not.
local function sortBy(list, field)
  local place = {}
  for i, one in ipairs(list) do place[one] = i end
  table.sort(list, function(a, b)
    if a[field] ~= b[field] then return a[field] < b[field] end
    return place[a] < place[b]
  end)
end

local function increment(counts, key)
  counts[key] = (counts[key] or 0) + 1
end

-- Trades, open positions and counts of what happened.
local function collect(events)
  local counts = { scheduled = 0, opened = 0, closed = 0, cancelled = 0 }
  local trades, byReason, cancelledByReason = {}, {}, {}
  local signals, known, open, waiting = 0, {}, {}, {}
  for _, event in ipairs(events) do
    local id = event.signal.id
    increment(counts, event.action)
    if not known[id] then signals, known[id] = signals + 1, true end
    waiting[id] = event.action == "scheduled" or nil
    open[id] = event.action == "opened" and position(event) or nil
    if event.action == "closed" then
      trades[#trades + 1] = trade(event)
      increment(byReason, event.closeReason)
    elseif event.action == "cancelled" then
      increment(cancelledByReason, event.reason or "unknown")
    end
  end
  local positions, waits = {}, 0
  for _, one in pairs(open) do positions[#positions + 1] = one end
  for _ in pairs(waiting) do waits = waits + 1 end
  table.sort(positions, function(a, b)
    if a.openedAt ~= b.openedAt then return a.openedAt < b.openedAt end
    return tostring(a.id) < tostring(b.id)
  end)
  sortBy(trades, "closedAt")
  counts.signals, counts.open, counts.waiting = signals, #positions, waits
  counts.trades, counts.positions = trades, positions
  counts.byReason, counts.cancelledByReason = byReason, cancelledByReason
  return counts
end

-- Gives each trade its place on the curve; returns the end of the curve and the deepest fall below its maximum.
local function walk(trades)
  local sum, maximum, deepest = 0, 0, 0
  for _, one in ipairs(trades) do
    sum = sum + one.pnl
    one.cumulative = sum
    maximum = math.max(maximum, sum)
    deepest = math.max(deepest, maximum - sum)
  end
  return sum, deepest
end

local function split(trades)
  local wins, losses = {}, {}
  for _, one in ipairs(trades) do
    if one.pnl > 0 then wins[#wins + 1] = one elseif one.pnl < 0 then losses[#losses + 1] = one end
  end
  return wins, losses
end

local function tradesPerYear(trades)
  local first, last = math.huge, -math.huge
  for _, one in ipairs(trades) do
    first, last = math.min(first, one.openedAt), math.max(last, one.closedAt)
  end
  return last > first and #trades / (last - first) * year or nil
end

local function extremes(trades)
  local best, worst
  for _, one in ipairs(trades) do
    best, worst = math.max(best or one.pnl, one.pnl), math.min(worst or one.pnl, one.pnl)
  end
  return best, worst
end

---@class holdfast.host.Trade
---@field id string
---@field position "long"|"short"
---@field note? string
---@field openedAt integer ms since 1970: pendingAt of the signal
---@field closedAt integer ms since 1970
---@field minutes number closedAt - openedAt
---@field priceOpen number
---@field priceClose number
---@field priceTakeProfit? number
---@field priceStopLoss? number
---@field reason string why it was closed: "take_profit", "stop_loss", "time_expired"
---@field pnl number percent of what was put in, after fees and slippage
---@field cumulative number percent: the sum of pnl up to and with this trade

---A win is a trade with pnl > 0, a loss one with pnl < 0; exactly 0 is neither.  All percents are 1.5 for 1.5%.
---@class holdfast.host.Statistics
---@field signals integer how many signals there were, by their ids
---@field scheduled integer events
---@field opened integer events
---@field closed integer trades; more than `opened` where a run took over positions
---@field cancelled integer events
---@field open integer opened and not closed at the end of the events
---@field waiting integer scheduled, and neither opened nor cancelled at the end of the events
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
---@field annualizedSharpe? number sharpe * sqrt(tradesPerYear)
---@field tradesPerYear? number closed / (last closedAt - first openedAt in years of 365 days)
---@field medianDurationMinutes? number
---@field averageDurationMinutes? number
---@field byReason table<string, integer> closed trades by reason
---@field cancelledByReason table<string, integer>
---@field trades holdfast.host.Trade[] in order of closedAt
---@field positions table[] what is still open, as trades without what comes with closing

--- The figures of a run.
---@param events table[] checked by the report
---@return holdfast.host.Statistics
function M.of(events)
  local stats = collect(events)
  local trades = stats.trades
  local wins, losses = split(trades)
  stats.wins, stats.losses = #wins, #losses
  stats.winRate = #trades > 0 and 100 * #wins / #trades or nil
  stats.totalPnl, stats.maxDrawdown = walk(trades)
  stats.averagePnl = mean(trades, "pnl")
  stats.bestPnl, stats.worstPnl = extremes(trades)
  stats.averageWin, stats.averageLoss = mean(wins, "pnl"), mean(losses, "pnl")
  if #wins > 0 and #losses > 0 and -stats.averageLoss * #losses > epsilon then
    stats.profitFactor = stats.averageWin * #wins / (-stats.averageLoss * #losses)
  end
  stats.deviation = deviation(trades, "pnl")
  stats.tradesPerYear = tradesPerYear(trades)
  if stats.deviation and stats.deviation > epsilon then
    stats.sharpe = stats.averagePnl / stats.deviation
    stats.annualizedSharpe = stats.tradesPerYear and stats.sharpe * math.sqrt(stats.tradesPerYear)
  end
  stats.medianDurationMinutes, stats.averageDurationMinutes = median(trades, "minutes"), mean(trades, "minutes")
  return stats
end

return M
