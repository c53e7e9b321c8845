-- SPDX-License-Identifier: MIT
--
-- What a report is of, the same whether it comes from the events of a run or from trades as a store keeps them: closed
-- trades in order of closing, what is still open, what was cancelled, and counts.

local order = require "holdfast.host.report.order"

local M = {}

local MINUTE = 60000

---@class holdfast.host.ReportedTrade
---@field id string
---@field symbol string
---@field strategyName string
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

---@class holdfast.host.Records
---@field trades holdfast.host.ReportedTrade[] in order of closedAt
---@field positions table[] what is still open, as trades without what comes with closing, in order of openedAt
---@field cancelled { symbol: string, strategyName: string, at?: number, price?: number }[]
---@field counts { signals: integer, scheduled: integer, opened: integer, closed: integer, cancelled: integer,
--- open: integer, waiting: integer }
---@field byReason table<string, integer> closed trades by reason
---@field cancelledByReason table<string, integer>
---@field exchangeName? string that of all; nil where they differ
---@field frameName? string    likewise

local function empty()
  return { trades = {}, positions = {}, cancelled = {}, byReason = {}, cancelledByReason = {},
    counts = { signals = 0, scheduled = 0, opened = 0, closed = 0, cancelled = 0, open = 0, waiting = 0 } }
end

local function increment(counts, key) counts[key] = (counts[key] or 0) + 1 end

-- The position of a signal that has opened, by its row.
local function positionOf(row, symbol, strategyName)
  return {
    id = row.id, symbol = symbol, strategyName = strategyName, position = row.position, note = row.note,
    openedAt = row.pendingAt, priceOpen = row.priceOpen, priceTakeProfit = row.priceTakeProfit,
    priceStopLoss = row.priceStopLoss,
  }
end

-- What all have in common in the fields that say where it was; `known` has what was found so far.
local OF_ALL = { "exchangeName", "frameName" }

local function compare(known, one)
  for _, field in ipairs(OF_ALL) do
    local value = type(one[field]) == "string" and one[field] or false
    if known[field] == nil then known[field] = value elseif known[field] ~= value then known[field] = false end
  end
end

local function take(records, known)
  for _, field in ipairs(OF_ALL) do records[field] = known[field] or nil end
end

-- Puts lists in order, and counts what they have.
local function finish(records)
  order.by(records.trades, "closedAt")
  table.sort(records.positions, function(a, b)
    if a.openedAt ~= b.openedAt then return a.openedAt < b.openedAt end
    return tostring(a.id) < tostring(b.id)
  end)
  local counts = records.counts
  counts.closed, counts.cancelled, counts.open = #records.trades, #records.cancelled, #records.positions
  return records
end

-- ----------------------------------------------------------------------------------------------------- from events

local function tradeOfEvent(event, symbol, strategyName)
  local one, pnl = positionOf(event.signal, symbol, strategyName), event.pnl
  one.closedAt = event.closeTimestamp
  one.minutes = (one.closedAt - one.openedAt) / MINUTE
  one.priceOpen, one.priceClose = pnl.priceOpen or one.priceOpen, pnl.priceClose or event.currentPrice
  one.reason, one.pnl = event.closeReason, pnl.pnlPercentage
  return one
end

--- Those of events.
---@param events table[]  checked
---@param symbol? string  of events that do not say theirs
---@param strategyName? string
---@return holdfast.host.Records
function M.ofEvents(events, symbol, strategyName)
  local records, known, open, waiting, where = empty(), {}, {}, {}, {}
  local counts = records.counts
  for _, event in ipairs(events) do
    compare(where, event)
    local signal = event.signal
    local ofSymbol, ofStrategy = event.symbol or symbol, event.strategyName or strategyName
    -- The ids of a user's own may repeat from symbol to symbol.
    local key = ofStrategy .. "\0" .. ofSymbol .. "\0" .. tostring(signal.id)
    increment(counts, event.action)
    if not known[key] then counts.signals, known[key] = counts.signals + 1, true end
    waiting[key] = event.action == "scheduled" or nil
    open[key] = event.action == "opened" and positionOf(signal, ofSymbol, ofStrategy) or nil
    if event.action == "closed" then
      table.insert(records.trades, tradeOfEvent(event, ofSymbol, ofStrategy))
      increment(records.byReason, event.closeReason)
    elseif event.action == "cancelled" then
      table.insert(records.cancelled, { symbol = ofSymbol, strategyName = ofStrategy, at = event.closeTimestamp,
        price = signal.priceOpen or event.currentPrice })
      increment(records.cancelledByReason, event.reason or "unknown")
    end
  end
  for _, one in pairs(open) do table.insert(records.positions, one) end
  for _ in pairs(waiting) do counts.waiting = counts.waiting + 1 end
  take(records, where)
  return finish(records)
end

-- ----------------------------------------------------------------------------------------------------- from a store

local function text(value) return type(value) == "string" and value or nil end

-- A trade as it is stored, without what only its store needs.
local function tradeOfStored(stored)
  return {
    id = stored.signalId, symbol = stored.symbol, strategyName = stored.strategyName, position = stored.position,
    note = type(stored.signal) == "table" and text(stored.signal.note) or nil, openedAt = stored.openedAt,
    closedAt = stored.closedAt, minutes = (stored.closedAt - stored.openedAt) / MINUTE, priceOpen = stored.priceOpen,
    priceClose = stored.priceClose, priceTakeProfit = stored.priceTakeProfit, priceStopLoss = stored.priceStopLoss,
    reason = stored.reason, pnl = stored.pnl,
  }
end

--- Those of trades as PersistTradeAdapter keeps them, and of the rows of signals.
---@param nextTrade fun(): table?  gives them one by one, checked: none is kept as it is stored
---@param positions table[]  rows of signals that are open; checked
---@param waiting integer    how many signals wait for their price
---@return holdfast.host.Records
function M.ofStored(nextTrade, positions, waiting)
  local records, where = empty(), {}
  local scheduled = waiting
  for stored in nextTrade do
    compare(where, stored)
    if stored.action == "closed" then
      table.insert(records.trades, tradeOfStored(stored))
      increment(records.byReason, stored.reason)
      if (tonumber(stored.scheduledAt) or math.huge) < stored.openedAt then scheduled = scheduled + 1 end
    else
      table.insert(records.cancelled, { symbol = stored.symbol, strategyName = stored.strategyName,
        at = stored.closedAt, price = stored.priceOpen })
      increment(records.cancelledByReason, text(stored.reason) or "unknown")
      scheduled = scheduled + 1
    end
  end
  for _, row in ipairs(positions) do
    table.insert(records.positions, positionOf(row, row.symbol, row.strategyName))
  end
  take(records, where)
  finish(records)
  local counts = records.counts
  counts.waiting, counts.scheduled, counts.opened = waiting, scheduled, counts.closed + counts.open
  counts.signals = counts.opened + counts.cancelled + waiting
  return records
end

-- ------------------------------------------------------------------------------------------------------------ parts

--- Those of each symbol, or of each strategy, in order of their names.  Counts are of what is in the lists: the others
--- are known of all together only.
---@param records holdfast.host.Records
---@param field "symbol"|"strategyName"
---@return { name: string, records: holdfast.host.Records }[]
function M.parts(records, field)
  local parts, byName = {}, {}
  for _, kind in ipairs { "trades", "positions", "cancelled" } do
    for _, one in ipairs(records[kind]) do
      local name = one[field]
      if not byName[name] then
        byName[name] = empty()
        byName[name].counts = {}
        parts[#parts + 1] = { name = name, records = byName[name] }
      end
      table.insert(byName[name][kind], one)
      if kind == "trades" then increment(byName[name].byReason, one.reason) end
    end
  end
  for _, part in ipairs(parts) do finish(part.records) end
  table.sort(parts, function(a, b) return a.name < b.name end)
  return parts
end

return M
