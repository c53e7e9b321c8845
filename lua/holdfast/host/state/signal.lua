-- SPDX-License-Identifier: MIT
--
-- The arithmetic of one signal, without state: whether it may be, what it gains, how far it has come.
--
-- A signal row is a table { id, symbol, strategyName, exchangeName, position = "long"|"short", note, priceOpen,
-- priceTakeProfit, priceStopLoss, minuteEstimatedTime, scheduledAt, scheduledPrice, pendingAt }; prices in the quote
-- currency, times in ms since the epoch; scheduledPrice is the average price at scheduledAt; pendingAt is 0 while the
-- signal waits.

local config = require "holdfast.host.config"
local core = require "holdfast.core"
local newTable = require "table.new"

local M = {}

local ROW_FIELDS = 13 -- of a row, at most: room for them all at once

local FIELDS = {
  id = true, position = true, note = true, priceOpen = true, priceTakeProfit = true, priceStopLoss = true,
  minuteEstimatedTime = true,
}

-- Percentages as near as this to a limit are at it: what was reckoned as 0.5% may come out as 0.49999999999999.
local EPSILON = 1e-9

-- A value in a message: a text is told from a number.
local function shown(value) return type(value) == "string" and ("the string %q"):format(value) or tostring(value) end

local function isFinite(value) return type(value) == "number" and value == value and math.abs(value) ~= math.huge end

-- The first thing that is wrong with prices, or nil.
local function wrongPrices(s)
  for _, field in ipairs { "priceOpen", "priceTakeProfit", "priceStopLoss" } do
    local price = s[field]
    if not isFinite(price) then return ("%s must be a finite number, not %s"):format(field, shown(price)) end
    if price <= 0 then return ("%s must be positive, not %s"):format(field, price) end
  end
  local long = s.position == "long"
  local sign, settings = long and 1 or -1, config.values
  local profit = (s.priceTakeProfit - s.priceOpen) / s.priceOpen * 100 * sign
  local loss = (s.priceOpen - s.priceStopLoss) / s.priceOpen * 100 * sign
  if profit <= 0 then
    return ("priceTakeProfit of a %s must be %s priceOpen: %s, and priceOpen %s"):format(s.position,
      long and "above" or "below", s.priceTakeProfit, s.priceOpen)
  end
  if loss <= 0 then
    return ("priceStopLoss of a %s must be %s priceOpen: %s, and priceOpen %s"):format(s.position,
      long and "below" or "above", s.priceStopLoss, s.priceOpen)
  end
  if profit < settings.CC_MIN_TAKEPROFIT_DISTANCE_PERCENT - EPSILON then
    return ("priceTakeProfit is %.3f%% from priceOpen: at least %g%% are needed to cover fees and slippage")
      :format(profit, settings.CC_MIN_TAKEPROFIT_DISTANCE_PERCENT)
  end
  if loss < settings.CC_MIN_STOPLOSS_DISTANCE_PERCENT - EPSILON then
    return ("priceStopLoss is %.3f%% from priceOpen: at least %g%% are needed, or it is hit at once")
      :format(loss, settings.CC_MIN_STOPLOSS_DISTANCE_PERCENT)
  end
  if loss > settings.CC_MAX_STOPLOSS_DISTANCE_PERCENT + EPSILON then
    return ("priceStopLoss is %.3f%% from priceOpen: at most %g%% may be lost")
      :format(loss, settings.CC_MAX_STOPLOSS_DISTANCE_PERCENT)
  end
end

local function wrongTime(minutes)
  local most = config.values.CC_MAX_SIGNAL_LIFETIME_MINUTES
  if type(minutes) ~= "number" or minutes ~= minutes or minutes <= 0 or minutes ~= math.huge and minutes % 1 ~= 0 then
    return ("minuteEstimatedTime must be a whole number of minutes, not %s"):format(shown(minutes))
  end
  if minutes > most then return ("minuteEstimatedTime is %s minutes: at most %s"):format(minutes, most) end
end

-- What is wrong with the row of a signal, or nil.
local function wrong(s)
  if s.position ~= "long" and s.position ~= "short" then
    return ('position must be "long" or "short", not %s'):format(shown(s.position))
  end
  return wrongPrices(s) or wrongTime(s.minuteEstimatedTime)
end

-- A name as part of an id: two different pairs of names make two different ids.
local function escape(name) return (name:gsub("[%%/]", { ["%"] = "%25", ["/"] = "%2F" })) end

local prefixes = setmetatable({}, { __mode = "k" }) -- by context

-- What the ids of a run's signals begin with.
local function prefixOf(context)
  local prefix = prefixes[context]
  if not prefix then
    prefix = ("%s/%s/"):format(escape(context.strategyName), escape(context.symbol))
    prefixes[context] = prefix
  end
  return prefix
end

-- The id of a signal that was given none: its minute, or, where the last one's is not before that since a clock was
-- ahead and was put right, the number after it.  So none ever comes twice, and the same signal has the same one,
-- whatever happened in between: it can be the order's id at the exchange.
local function idOf(context, when, last)
  local prefix = prefixOf(context)
  local number = last and last:sub(1, #prefix) == prefix and tonumber(last:match("^%d+$", #prefix + 1))
  return ("%s%d"):format(prefix, number and math.max(when, number + 1) or when)
end

--- Makes the row of a new signal out of what getSignal returned.
---@param given any        {position, priceTakeProfit, priceStopLoss, minuteEstimatedTime [, priceOpen, note, id]}
---@param context table    {symbol, strategyName, exchangeName}
---@param price number     the average price now
---@param when number      now
---@param last? string     the id of the signal before it
---@return table row       pendingAt is 0 where it has to wait for priceOpen, or `when`
---@raise invalid_value    names the field
function M.new(given, context, price, when, last)
  local who = ("strategy '%s', %s: getSignal"):format(context.strategyName, context.symbol)
  local function fail(...) error(core.error("invalid_value", who .. ": " .. string.format(...)), 0) end
  if type(given) ~= "table" then fail("it must return nil or a table, not %s", shown(given)) end
  local raw = {} -- without what a metatable would run, and as it is now
  for field, value in next, given do
    if not FIELDS[field] then
      fail("a signal has no field '%s': id, position, note, priceOpen, priceTakeProfit, priceStopLoss and "
        .. "minuteEstimatedTime exist", tostring(field))
    end
    raw[field] = value
  end
  given = raw
  if given.note ~= nil and type(given.note) ~= "string" then
    fail("note must be a string, not a %s", type(given.note))
  end
  if given.id ~= nil and (type(given.id) ~= "string" or given.id == "") then
    fail("id must be a string that is not empty, not %s", shown(given.id))
  end
  local row = {
    id = given.id or idOf(context, when, last),
    symbol = context.symbol,
    strategyName = context.strategyName,
    exchangeName = context.exchangeName,
    position = given.position,
    note = given.note,
    priceOpen = given.priceOpen == nil and price or given.priceOpen,
    priceTakeProfit = given.priceTakeProfit,
    priceStopLoss = given.priceStopLoss,
    minuteEstimatedTime = given.minuteEstimatedTime == nil and config.values.CC_MAX_SIGNAL_LIFETIME_MINUTES
      or given.minuteEstimatedTime,
    scheduledAt = when,
    scheduledPrice = price,
    pendingAt = when,
  }
  local problem = wrong(row)
  if problem then fail("%s", problem) end
  if given.priceOpen ~= nil and not M.isReached(row, price) then
    row.pendingAt = 0
    return row
  end
  -- It opens at once, where the price is now.
  if M.isStopped(row, price) then
    fail("priceStopLoss %s is reached already: the price is %s", row.priceStopLoss, price)
  end
  if M.isTaken(row, price) then
    fail("priceTakeProfit %s is reached already, the price is %s", row.priceTakeProfit, price)
  end
  return row
end

--- Whether what was stored is the row of a signal; gives what is wrong.
---@param row any
---@return string|nil
function M.wrongRow(row)
  if type(row) ~= "table" then return "it is a " .. type(row) end
  for _, field in ipairs { "id", "symbol", "strategyName", "exchangeName" } do
    if type(row[field]) ~= "string" then return ("its %s is %s"):format(field, tostring(row[field])) end
  end
  for _, field in ipairs { "scheduledAt", "pendingAt", "priceOpen", "priceTakeProfit", "priceStopLoss" } do
    if not isFinite(row[field]) then return ("its %s is %s"):format(field, tostring(row[field])) end
  end
  if row.position ~= "long" and row.position ~= "short" then return "its position is " .. tostring(row.position) end
  if type(row.minuteEstimatedTime) ~= "number" then return "its minuteEstimatedTime is no number" end
end

--- Whether the price of a waiting signal has come.
---@param row table
---@param price number
function M.isReached(row, price)
  if row.position == "long" then return price <= row.priceOpen end
  return price >= row.priceOpen
end

--- Whether the price is at or beyond the stop loss.
---@param row table
---@param price number
function M.isStopped(row, price)
  if row.position == "long" then return price <= row.priceStopLoss end
  return price >= row.priceStopLoss
end

--- Whether the price is at or beyond the take profit.
---@param row table
---@param price number
function M.isTaken(row, price)
  if row.position == "long" then return price >= row.priceTakeProfit end
  return price <= row.priceTakeProfit
end

--- Whether its time is over.
---@param row table
---@param when number
function M.isExpired(row, when) return when - row.pendingAt >= row.minuteEstimatedTime * 60000 end

--- Profit and loss after slippage and fee, each way.
---@param row table
---@param close number
---@return { pnlPercentage: number, priceOpen: number, priceClose: number }  the prices with slippage
function M.pnl(row, close)
  local slippage, fee = config.values.CC_PERCENT_SLIPPAGE / 100, config.values.CC_PERCENT_FEE
  local sign = row.position == "long" and 1 or -1
  local o, c = row.priceOpen * (1 + sign * slippage), close * (1 - sign * slippage)
  return { pnlPercentage = sign * (c - o) / o * 100 - fee - fee * c / o, priceOpen = o, priceClose = c }
end

--- How far the price is on its way to take profit or stop loss.
---@param row table
---@param price number
---@return "profit"|"loss" way
---@return number percent  0 to 100
function M.progress(row, price)
  local sign = row.position == "long" and 1 or -1
  local distance = (price - row.priceOpen) * sign
  if distance >= 0 then
    return "profit", math.min(distance / math.abs(row.priceTakeProfit - row.priceOpen) * 100, 100)
  end
  return "loss", math.min(-distance / math.abs(row.priceStopLoss - row.priceOpen) * 100, 100)
end

--- The levels (10, 20, ... 100) that were reached and are not in `reached`, which receives them.
---@param reached integer[]
---@param percent number
---@return integer[]
function M.newLevels(reached, percent)
  local new = {}
  for level = 10, percent, 10 do
    local known = false
    for _, other in ipairs(reached) do known = known or other == level end
    if not known then
      new[#new + 1] = level
      reached[#reached + 1] = level
    end
  end
  return new
end

--- A copy, so that a listener that changes it changes nothing here.
---@param row any
function M.copy(row)
  if type(row) ~= "table" then return row end
  local copy = newTable(0, ROW_FIELDS)
  for k, v in pairs(row) do copy[k] = v end
  return copy
end

return M
