-- SPDX-License-Identifier: MIT
--
-- Trades: what has become of signals that are over.  PersistTradeAdapter keeps them, each under an id made of its
-- signal's, so that a trade that is written twice is one.  A signal that is cancelled has one, too.
--
-- What a trade says is in its fields, flat, so that questions can be asked where it is stored; `signal` has the row
-- whole.  Trades of backtests are stored under the strategy name "backtest/FRAME/STRATEGY" and say their frame.

local adapter = require "holdfast.adapters".PersistTradeAdapter
local calendar = require "holdfast.host.calendar"
local checks = require "holdfast.host.checks"
local commits = require "holdfast.host.state.commit"
local core = require "holdfast.core"
local hash = require "holdfast.util.hash"
local signal = require "holdfast.host.state.signal"

local M = {}

local VERSION = 1

---@class holdfast.host.Trade
---@field version integer
---@field action "closed"|"cancelled"
---@field signalId string
---@field strategyName string
---@field symbol string
---@field exchangeName string
---@field frameName? string    of a backtest
---@field backtest boolean
---@field position "long"|"short"
---@field reason string        why it ended: closeReason of what closed, reason of what was cancelled
---@field pnl? number          percent, after slippage and fees; of what closed
---@field priceOpen number
---@field priceClose number    the price at the end
---@field priceTakeProfit number
---@field priceStopLoss number
---@field minuteEstimatedTime number
---@field scheduledAt number   ms
---@field openedAt? number     ms; of what closed
---@field closedAt number      ms: when it ended
---@field riskNames string[]   the risk profiles that its strategy had then
---@field eventId string       of the event that told of the end
---@field signal table         the row

--- Whether an event tells of the end of a signal.
---@param event table
---@return boolean
function M.isEnd(event) return event.action == "closed" or event.action == "cancelled" end

--- The trade that an event tells of.
---@param event table  closed or cancelled
---@param riskNames string[]  of its strategy
---@param own? table  the signal's row, where it is the trade's from now on; a copy of the event's if left out
---@return holdfast.host.Trade
function M.of(event, riskNames, own)
  local row, closed = own or event.signal, event.action == "closed"
  return {
    version = VERSION, action = event.action, signalId = row.id, strategyName = event.strategyName,
    symbol = event.symbol, exchangeName = event.exchangeName, frameName = event.frameName, backtest = event.backtest,
    position = row.position, reason = closed and event.closeReason or event.reason,
    pnl = closed and event.pnl.pnlPercentage or nil, priceOpen = row.priceOpen, priceClose = event.currentPrice,
    priceTakeProfit = row.priceTakeProfit, priceStopLoss = row.priceStopLoss,
    minuteEstimatedTime = row.minuteEstimatedTime, scheduledAt = row.scheduledAt,
    openedAt = closed and row.pendingAt or nil, closedAt = event.timestamp,
    riskNames = core.json.array { unpack(riskNames) }, eventId = event.id, signal = own or signal.copy(row),
  }
end

-- --------------------------------------------------------------------- ids

local ID_MAX = 250 -- bytes of an id
local STRATEGY_MAX, SYMBOL_MAX = 130, 70 -- where both together leave too little for the signal's
local SUFFIX = 14 -- bytes of "@" and a time

local ESCAPES = { ["%"] = "%25", ["/"] = "%2F" }

-- A part as it is in an id.
local function encoded(part) return (part:gsub("[%%/]", ESCAPES)) end

local function canBeInId(text)
  return not text:find "[^ -~]" or #text <= ID_MAX and pcall(core.orderKey, text)
end

-- A part that fits: its end, which tells more than its beginning, after a hash of all of it.
local function fitting(part, most)
  if canBeInId(part) and #encoded(part) <= most then return part end
  local beginning = hash.of(part) .. "~"
  return beginning .. part:gsub("[^%w._-]", "_"):sub(#beginning - most)
end

-- The first two parts of the ids of a strategy's trades on a symbol.
local function scopeOf(strategyName, symbol, frameName)
  local strategy = frameName and ("backtest/%s/%s"):format(frameName, strategyName) or strategyName
  if #encoded(strategy) + #encoded(symbol) > STRATEGY_MAX + SYMBOL_MAX then
    return fitting(strategy, STRATEGY_MAX), fitting(symbol, SYMBOL_MAX)
  end
  return strategy, symbol
end

-- How many bytes are left for the last part.
local function roomIn(strategy, symbol) return ID_MAX - 2 - SUFFIX - #encoded(strategy) - #encoded(symbol) end

-- The last part where the id is that of another signal's trade: scripts may give an id again.
local function suffixed(part, trade) return ("%s@%d"):format(part, trade.scheduledAt) end

-- Whether both are of one signal, whatever is said of its end.
local function isSameSignal(a, b) return a.signalId == b.signalId and a.scheduledAt == b.scheduledAt end

-- ----------------------------------------------------------------- writing

-- What is stored; nil, too, for what cannot be read: nothing may keep an end from being stored.
local function stored(strategy, symbol, part)
  local ok, trade = pcall(adapter.readTradeData, strategy, symbol, part)
  if ok then return type(trade) == "table" and trade or nil end
  if not commits.isUnreadable(trade) then error(trade, 0) end
end

-- Where the trade of a signal belongs, and what is there.
local function find(trade)
  local strategy, symbol = scopeOf(trade.strategyName, trade.symbol, trade.frameName)
  local part = fitting(trade.signalId, roomIn(strategy, symbol))
  local before = stored(strategy, symbol, part)
  if before and not isSameSignal(before, trade) then
    part = suffixed(part, trade)
    before = stored(strategy, symbol, part)
  end
  return strategy, symbol, part, before
end

--- Writes a trade.  Writing it again changes nothing; a second end of its signal stands in the place of the first.
---@param trade holdfast.host.Trade
---@return holdfast.host.Step
function M.step(trade)
  return {
    adapter = "PersistTradeAdapter",
    run = function()
      local strategy, symbol, part, before = find(trade)
      if before and before.eventId == trade.eventId then return end
      adapter.writeTradeData(trade, strategy, symbol, part)
    end,
  }
end

local PIECE = 1000 -- trades in one commit

local function eachPiece(list, fn)
  for first = 1, #list, PIECE do fn { unpack(list, first, math.min(first + PIECE - 1, #list)) } end
end

-- The ids and trades of a backtest.
local function idsOf(list, strategy, symbol)
  local ids, byId, count, room = {}, {}, 0, roomIn(strategy, symbol)
  local prefix = encoded(strategy) .. "/" .. encoded(symbol) .. "/"
  for i = 1, #list do
    local trade = list[i]
    local part = fitting(trade.signalId, room)
    local id = prefix .. encoded(part)
    if byId[id] then id = prefix .. encoded(suffixed(part, trade)) end
    if not byId[id] then
      count = count + 1
      ids[count] = id
    end
    byId[id] = trade
  end
  return prefix, ids, byId
end

--- Puts the trades of a backtest in the place of those of the last one of the same strategy, symbol and frame.  Where
--- there are many, in several commits.
---@param list holdfast.host.Trade[]
---@param strategyName string
---@param symbol string
---@param frameName string
---@raise io, unavailable, ...
function M.replace(list, strategyName, symbol, frameName)
  local prefix, ids, byId = idsOf(list, scopeOf(strategyName, symbol, frameName))
  local collection, gone = adapter.collection(), {}
  for id in collection:keys { prefix = prefix } do
    if not byId[id] then gone[#gone + 1] = id end
  end
  local function write()
    eachPiece(gone, function(piece) collection:removeMany(piece) end)
    eachPiece(ids, function(piece)
      local entities = {}
      for _, id in ipairs(piece) do entities[id] = byId[id] end
      collection:writeMany(entities)
    end)
  end
  local isOne = collection.supports.transaction and #gone + #ids <= PIECE
  if isOne then core.transaction(write) else write() end
end

--- Whether the signal of a row has a trade.  It has none while it is open or waits: one that is there all the same is
--- of a copy of the store that went on further, and the end is still to come.
---@param row table
---@return boolean
function M.isThere(row)
  local _, _, _, before = find { strategyName = row.strategyName, symbol = row.symbol, signalId = row.id,
    scheduledAt = row.scheduledAt }
  return before ~= nil
end

--- Removes the trade of a row's signal.
---@param row table
---@return holdfast.host.Step
function M.removal(row)
  return {
    adapter = "PersistTradeAdapter",
    run = function()
      local strategy, symbol, part = find { strategyName = row.strategyName, symbol = row.symbol, signalId = row.id,
        scheduledAt = row.scheduledAt }
      adapter.writeTradeData(nil, strategy, symbol, part)
    end,
  }
end

-- ----------------------------------------------------------------- reading

---@class holdfast.host.TradeQuery
---@field since? number|string      trades that ended then or later: ms, or "2024-02-07" or "2024-02-07T22:03:00Z"
---@field till? number|string       trades that ended before
---@field strategyName? string
---@field symbol? string
---@field riskName? string          whose strategies had this risk profile
---@field action? "closed"|"cancelled"
---@field backtest? boolean         true: those of backtests; otherwise those of live runs
---@field frameName? string         those of backtests of this frame

local FIELDS = { "since", "till", "strategyName", "symbol", "riskName", "action", "backtest", "frameName" }

local function checkText(what, given, field)
  local value = given[field]
  if value ~= nil and (type(value) ~= "string" or value == "") then
    checks.refuse("%s: %s must be a string such as \"main\", not %s", what, field,
      value == "" and "an empty one" or "a " .. type(value))
  end
end

--- A query with what was left out filled in, and times as numbers.
---@param what string  who is given it, for the error
---@param given? holdfast.host.TradeQuery
---@return table
---@raise invalid_argument
function M.query(what, given)
  if given == nil then given = {} end
  if type(given) ~= "table" then
    checks.refuse("%s: give a table such as {since=\"2024-02-07\", symbol=\"BTCUSDT\"}, not a %s", what, type(given))
  end
  checks.fields(what, given, FIELDS)
  local query = {}
  for field, value in pairs(given) do query[field] = value end
  for _, field in ipairs { "strategyName", "symbol", "riskName", "frameName" } do checkText(what, given, field) end
  if given.action ~= nil and given.action ~= "closed" and given.action ~= "cancelled" then
    checks.refuse("%s: action must be \"closed\" or \"cancelled\", not %s", what, tostring(given.action))
  end
  if given.backtest ~= nil and type(given.backtest) ~= "boolean" then
    checks.refuse("%s: backtest must be true or false, not %s", what, tostring(given.backtest))
  end
  if given.frameName and given.backtest == false then
    checks.refuse("%s: frameName is of backtests: leave backtest=false out", what)
  end
  query.since = given.since ~= nil and calendar.toTime(what .. ": since", given.since) or -math.huge
  query.till = given.till ~= nil and calendar.toTime(what .. ": till", given.till) or math.huge
  query.backtest = given.backtest == true or given.frameName ~= nil
  return query
end

-- The ids among which all that is asked for is, or nil for all ids.
local function rangeOf(query)
  if query.backtest and not (query.frameName and query.strategyName) then return nil end
  if not query.strategyName then return nil end
  if query.symbol then
    local strategy, symbol = scopeOf(query.strategyName, query.symbol, query.frameName)
    return { prefix = encoded(strategy) .. "/" .. encoded(symbol) .. "/" }
  end
  local strategy = encoded(scopeOf(query.strategyName, "", query.frameName))
  return #strategy <= STRATEGY_MAX and { prefix = strategy .. "/" } or nil -- a longer one may be cut, by the symbol
end

--- What is asked where the trades are stored.  What is no trade passes: wrong() names it.
---@param query table  of M.query
---@return fun(trade: any): boolean
function M.predicate(query)
  local since, till, backtest, frameName = query.since, query.till, query.backtest, query.frameName
  local strategyName, symbol, action = query.strategyName, query.symbol, query.action
  return function(v)
    return type(v) ~= "table" or type(v.closedAt) ~= "number"
      or v.closedAt >= since and v.closedAt < till and v.backtest == backtest
        and (strategyName == nil or v.strategyName == strategyName) and (symbol == nil or v.symbol == symbol)
        and (frameName == nil or v.frameName == frameName) and (action == nil or v.action == action)
  end
end

-- What is wrong with what is stored as a trade, or nil.
local function wrong(trade)
  if type(trade) ~= "table" then return "it is a " .. type(trade) end
  if type(trade.version) == "number" and trade.version > VERSION then
    return "it is of version " .. trade.version .. ", and this Holdfast reads version " .. VERSION
  end
  for _, field in ipairs { "closedAt", "scheduledAt", "priceOpen", "priceClose" } do
    if type(trade[field]) ~= "number" then return ("its %s is %s"):format(field, tostring(trade[field])) end
  end
  for _, field in ipairs { "signalId", "strategyName", "symbol", "action" } do
    if type(trade[field]) ~= "string" then return ("its %s is %s"):format(field, tostring(trade[field])) end
  end
  if trade.action == "closed" and type(trade.pnl) ~= "number" then return "its pnl is " .. tostring(trade.pnl) end
end

--- What keeps an end from being a trade, or nil.
---@param event table  of the outbox, which looks at less of it
---@return string?
function M.problemOf(event)
  local ok, trade = pcall(M.of, event, {})
  if not ok then return "it lacks what a trade is made of" end
  return wrong(trade)
end

local function check(trade, id)
  local problem = wrong(trade)
  if not problem then return end
  error(core.error("corrupt", ("what is stored as the trade %s is none: %s; remove it, or write it again"):format(id,
    problem), { entityName = adapter.entityName, entityId = id }), 0)
end

local function has(list, name)
  for _, each in ipairs(type(list) == "table" and list or {}) do
    if each == name then return true end
  end
  return false
end

--- Iterates stored trades as they lie in the store: by strategy, symbol and signal.
---@param query? holdfast.host.TradeQuery
---@param collection? PersistBase  the one to read; that of the adapter if left out
---@param what? string  who is given the query, for the error
---@return fun(): holdfast.host.Trade?, string?  the trade and its id
---@raise invalid_argument; the iterator: corrupt, io, ...
function M.each(query, collection, what)
  query = M.query(what or "trades", query)
  collection = collection or adapter.collection()
  local range = rangeOf(query) or {}
  range.where = M.predicate(query)
  local step = collection:entries(range)
  return function()
    while true do
      local id, trade = step()
      if id == nil then return nil end
      check(trade, id)
      if query.riskName == nil or has(trade.riskNames, query.riskName) then return trade, id end
    end
  end
end

--- Says which of trades in memory are asked for.
---@param query table  of M.query
---@return fun(trade: holdfast.host.Trade): boolean
function M.matcher(query)
  local wanted = M.predicate(query)
  return function(trade)
    return wanted(trade) and (query.riskName == nil or has(trade.riskNames, query.riskName))
  end
end

local function isBefore(a, b)
  if a.closedAt ~= b.closedAt then return a.closedAt < b.closedAt end
  if a.strategyName ~= b.strategyName then return a.strategyName < b.strategyName end
  if a.symbol ~= b.symbol then return a.symbol < b.symbol end
  return a.signalId < b.signalId
end

--- Stored trades in the order in which they ended.
---@param query? holdfast.host.TradeQuery
---@param collection? PersistBase  as above
---@param what? string  as above
---@return holdfast.host.Trade[]
---@raise invalid_argument, corrupt, io, ...
function M.list(query, collection, what)
  local list = {}
  for trade in M.each(query, collection, what) do list[#list + 1] = trade end
  table.sort(list, isBefore)
  return list
end

return M
