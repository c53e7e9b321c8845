-- SPDX-License-Identifier: MIT
--
-- History: whatever closes or is cancelled leaves one trade, which says what its event says.  It is written when the
-- event is durable and the row is gone, before the event leaves the outbox; it never goes while its signal is over, and
-- in the end nothing that is open or waits has one.

local plain = require "model.plain"

local M = {}

-- `orphans` are trades that were left when a copy was put back, by the ids of their events; of those in `unknown` the
-- copy has no signal, either.
function M.begin() return { ends = {}, orphans = {}, unknown = {} } end

local function isEnd(event) return event.action == "closed" or event.action == "cancelled" end

-- The events of an outbox that tell of an end, by id.
local function endsIn(levels)
  local ends = {}
  for _, entry in pairs(levels or {}) do
    for _, event in ipairs(entry.events or {}) do
      if isEnd(event) then ends[event.id] = event end
    end
  end
  return ends
end

-- Where the signal of a trade is open or waits.
local function isLive(world, trade)
  for _, name in ipairs { "signal", "schedule" } do
    for _, row in pairs(world.disk.content[name]) do
      if row.id == trade.signalId and row.scheduledAt == trade.scheduledAt then return name end
    end
  end
end

local function hasTrade(world, event)
  for _, trade in pairs(world.disk.content.trade) do
    if trade.eventId == event.id then return true end
  end
end

-- What a trade has to be, of the event alone.
local function tradeOf(event, world)
  local row, closed = event.signal, event.action == "closed"
  local risks = { unpack(world.risksOf[event.strategyName]) }
  table.sort(risks)
  return {
    version = 1, action = event.action, signalId = row.id, strategyName = event.strategyName, symbol = event.symbol,
    exchangeName = event.exchangeName, backtest = false, position = row.position,
    reason = closed and event.closeReason or event.reason, pnl = closed and event.pnl.pnlPercentage or nil,
    priceOpen = row.priceOpen, priceClose = event.currentPrice, priceTakeProfit = row.priceTakeProfit,
    priceStopLoss = row.priceStopLoss, minuteEstimatedTime = row.minuteEstimatedTime, scheduledAt = row.scheduledAt,
    openedAt = closed and row.pendingAt or nil, closedAt = event.closeTimestamp,
    riskNames = risks, eventId = event.id, signal = row,
  }
end

local function tradeChanged(change, world)
  local trade = change.after
  if not trade then
    if isLive(world, change.before) then return end
    return ("the trade of %s is gone, and its signal is over"):format(change.before.signalId)
  end
  local event = endsIn(world.disk.content.partial[trade.symbol .. "/levels"])[trade.eventId]
  if not event then return ("the trade of %s is stored, and its event is not"):format(trade.signalId) end
  local name = isLive(world, trade)
  if name then return ("the trade of %s is stored while that is in '%s'"):format(trade.signalId, name) end
  local wanted = plain.text(tradeOf(event, world))
  if plain.text(trade) ~= wanted then
    return ("the trade of %s is %s; its event says %s"):format(trade.signalId, plain.text(trade), wanted)
  end
end

local function outboxChanged(state, change, world)
  local after = endsIn(change.after)
  for id, event in pairs(endsIn(change.before)) do
    if not after[id] and not hasTrade(world, event) then
      return ("the event %s left the outbox before its trade was stored"):format(id)
    end
  end
  for id, event in pairs(after) do state.ends[event.signal.id] = id end
end

function M.committed(state, changes, world)
  for _, change in ipairs(changes) do
    local problem = change.name == "trade" and tradeChanged(change, world)
      or change.name == "partial" and outboxChanged(state, change, world)
    if problem then return problem end
  end
end

-- Whether each end that is known has its trade, and no other one; and what has not ended, none.
local function compare(state, world)
  local counts = {}
  for _, trade in pairs(world.disk.content.trade) do
    local id, known = trade.signalId, state.ends[trade.signalId]
    if isLive(world, trade) and not state.unknown[trade.eventId] then
      return id .. " has a trade and has not ended"
    end
    if known == trade.eventId then
      counts[id] = (counts[id] or 0) + 1
    elseif known and not state.orphans[trade.eventId] then
      return ("the trade of %s is of %s, and it ended by %s"):format(id, trade.eventId, known)
    end
  end
  for id in pairs(state.ends) do
    if counts[id] ~= 1 then return ("%s has ended and has %d trades"):format(id, counts[id] or 0) end
  end
end

--- A minute has passed in which nothing went wrong: what was left to do has been done.
function M.minute(state, _, _, world) return compare(state, world) end

function M.settled(state, world) return compare(state, world) end

--- What was known when the copy was made is true again.  Trades that were not put back may be of signals that it does
--- not know, whose ids and minutes may come again where the clock is set: such a signal has that trade until its own.
function M.restored(_, saved, world)
  for _, trade in pairs(world.disk.content.trade) do
    if saved.ends[trade.signalId] ~= trade.eventId then
      saved.orphans[trade.eventId] = true
      saved.unknown[trade.eventId] = not isLive(world, trade) or nil
    end
  end
  return saved
end

--- Somebody has removed a trade, or the events of which there is none yet.
function M.removed(state, name, _, entity, world)
  if name == "trade" then state.ends[entity.signalId] = nil end
  if name ~= "partial" then return end
  for id, event in pairs(endsIn(entity)) do
    if not hasTrade(world, event) and state.ends[event.signal.id] == id then state.ends[event.signal.id] = nil end
  end
end

return M
