-- SPDX-License-Identifier: MIT
--
-- What validations of a risk profile ask of the past: payload.trades and payload.pnl.  They read in the transaction in
-- which the slot is taken, so that what they see is what holds when the signal opens.  A backtest has its own trades,
-- in memory.

local calendar = require "holdfast.host.calendar"
local checks = require "holdfast.host.checks"
local commits = require "holdfast.host.state.commit"
local contexts = require "holdfast.host.scheduler.context"
local core = require "holdfast.core"
local signal = require "holdfast.host.state.signal"
local trades = require "holdfast.host.state.trades"

local M = {}

-- Raises where the transaction of the slots cannot read trades; also where a signal is only to wait, and there is no
-- transaction yet: it would not open.
local function checkStore(what)
  if not commits.hasTransactions "PersistRiskAdapter" then return end
  if commits.isTogether("PersistRiskAdapter", "PersistTradeAdapter") then return end
  error(core.error("unsupported", ("%s: trades are in another store than the slots of risk profiles, and one "
    .. "transaction cannot read both: register PersistTradeAdapter where PersistRiskAdapter is"):format(what),
    { entityName = "trade" }), 0)
end

-- The query, without what only this file knows; what comes after "a.b(" may be the payload, of "a:b(".
local function take(what, payload, first, second)
  local given = first
  if rawequal(first, payload) then given = second end
  if given == nil then given = {} end
  if type(given) ~= "table" then
    checks.refuse("%s: give a table such as {since=\"day\"}, not a %s", what, type(given))
  end
  local query = {}
  for field, value in pairs(given) do query[field] = value end
  local open = query.open
  if open ~= nil and type(open) ~= "boolean" then
    checks.refuse("%s: open must be true or false, not %s", what, tostring(open))
  end
  if query.backtest ~= nil or query.frameName ~= nil then
    checks.refuse("%s: trades are those of this run's kind: leave backtest and frameName out", what)
  end
  if query.since == "day" then
    query.since = calendar.startOfDay(what .. ": zone", payload.timestamp, query.zone)
  elseif query.zone ~= nil then
    checks.refuse("%s: zone says when days begin: give since=\"day\" with it", what)
  end
  query.open, query.zone = nil, nil
  query.riskName = query.riskName or payload.riskName
  return query, open
end

-- Those of a backtest: `list` is in order of their ends.
local function ofBacktest(what, list, query)
  local wanted, found = trades.matcher(trades.query(what, query)), {}
  for _, trade in ipairs(list) do
    if wanted(trade) then found[#found + 1] = trade end
  end
  return found
end

-- What open positions of the profile are worth now.
local function ofOpen(what, payload, query)
  local context = contexts.get()
  local total, unknown = 0, 0
  for _, slot in ipairs(payload.activePositions) do
    if (not query.strategyName or slot.strategyName == query.strategyName)
      and (not query.symbol or slot.symbol == query.symbol) then
      local price = context and context.known and context.known(slot.exchangeName, slot.symbol)
      if not price then unknown = unknown + 1 end
      local ok, pnl = pcall(signal.pnl, slot, price or slot.priceStopLoss)
      if not ok then
        error(core.error("corrupt", ("%s: a slot of the risk profile '%s' is none: it has no prices"):format(what,
          payload.riskName), { entityName = "risk", entityId = payload.riskName }), 0)
      end
      total = total + pnl.pnlPercentage
    end
  end
  return total, unknown
end

-- The functions that a payload has; `list` are the trades of a backtest.
local function functionsOf(payload, list)
  local function find(what, query)
    if list then
      query.backtest = true
      return ofBacktest(what, list, query)
    end
    checkStore(what)
    return trades.list(query, nil, what)
  end
  local functions = {}
  function functions.trades(...)
    local query, open = take("payload.trades", payload, ...)
    if open ~= nil then checks.refuse "payload.trades: open positions are no trades: see payload.activePositions" end
    return find("payload.trades", query)
  end
  function functions.pnl(...)
    local query, open = take("payload.pnl", payload, ...)
    local total = 0
    query.action = "closed"
    for _, trade in ipairs(find("payload.pnl", query)) do total = total + trade.pnl end
    if not open then return total end
    local value, unknown = ofOpen("payload.pnl", payload, query)
    return total + value, unknown
  end
  return functions
end

local function find(payload, name, list)
  return (name == "trades" or name == "pnl") and functionsOf(payload, list)[name] or nil
end

local LIVE = { __index = function(payload, name) return find(payload, name) end }

--- The metatable of a payload while validations are asked: it then has the functions trades and pnl.
---@param list? holdfast.host.Trade[]  those of a backtest, in order of their ends
---@return table
function M.metatable(list)
  return list and { __index = function(payload, name) return find(payload, name, list) end } or LIVE
end

return M
