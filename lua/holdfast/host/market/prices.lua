-- SPDX-License-Identifier: MIT
--
-- Prices in live mode: what an exchange gives for the minutes before a tick.  Strategies on one symbol share them.  An
-- exchange that raises, hangs or gives nonsense is asked again a few times; then the tick has failed.

local calendar = require "holdfast.host.calendar"
local calls = require "holdfast.host.scheduler.call"
local candles = require "holdfast.host.market.candles"
local checks = require "holdfast.host.checks"
local config = require "holdfast.host.config"
local loop = require "holdfast.host.scheduler.loop"
local watchdog = require "holdfast.host.scheduler.watchdog"

local M = {}

local MINUTE = 60000

-- By exchange, then symbol: the latest request, { when=, waiters=, wanted= (a function of each who waits) } and, once
-- there is an answer, { done=, failed=, price= (or what was raised), list= }.
local requests = setmetatable({}, { __mode = "k" })

-- The candles, asked for once.
local function try(exchange, symbol, interval, since, count)
  local late = watchdog.lateOf(function() return candles.describe(exchange, symbol, interval, since, count) end)
  return calls.wait(watchdog.ofUser(), late, candles.fetch, nil, exchange, symbol, interval, since, count)
end

-- Candles, asked for again where that fails, unless nobody wants them any more.
local function fetch(exchange, symbol, interval, since, count, isWanted)
  local tries = config.values.CC_GET_CANDLES_RETRY_COUNT
  for again = 0, tries do
    local ok, got = try(exchange, symbol, interval, since, count)
    if ok then return got end
    if again == tries or not isWanted() then error(got, 0) end
    loop.sleep(config.values.CC_GET_CANDLES_RETRY_DELAY_MS)
  end
end

-- What a minute's candles come to.
local function reckon(exchange, symbol, when, isWanted)
  local count = config.values.CC_AVG_PRICE_CANDLES_COUNT
  local list = fetch(exchange, symbol, "1m", when - count * MINUTE, count, isWanted)
  -- Copies, of what is asked for later: an exchange may give the same tables to others, who change them.
  local copies = {}
  for i, each in ipairs(list) do copies[i] = { timestamp = each.timestamp, low = each.low, high = each.high } end
  return candles.average(list, 1, count), copies
end

local function always() return true end

-- Whether any of those who wait for an answer still needs it.
local function isStillWanted(request)
  for _, isWanted in ipairs(request.wanted) do
    if isWanted() then return true end
  end
  return false
end

--- The average price of the last minutes before `when`.  Who asks while another one waits for the answer waits with it.
---@param exchange table
---@param symbol string
---@param when number  a whole minute
---@param isWanted? fun(): boolean  false: the caller needs it no longer
---@return number price
---@return { timestamp: number, low: number, high: number }[] list  of these candles
---@raise what the last try came to
function M.average(exchange, symbol, when, isWanted)
  local bySymbol = requests[exchange]
  if not bySymbol then
    bySymbol = {}
    requests[exchange] = bySymbol
  end
  local request = bySymbol[symbol]
  if not request or request.when ~= when or request.failed then
    request = { when = when, waiters = {}, wanted = { isWanted or always } }
    bySymbol[symbol] = request
    local ok, price, list = pcall(reckon, exchange, symbol, when, function() return isStillWanted(request) end)
    request.done, request.failed = true, not ok
    request.price, request.list = price, list
    for _, wake in ipairs(request.waiters) do wake() end
  elseif not request.done then
    table.insert(request.wanted, isWanted or always)
    loop.wait(function(wake) table.insert(request.waiters, wake) end, function() return request.done end)
  end
  if request.failed then error(request.price, 0) end
  return request.price, request.list
end

--- The average price that was last known of a symbol here, where that is no older than a minute.
---@param exchangeName string
---@param symbol string
---@param when number  a whole minute
---@return number?
function M.known(exchangeName, symbol, when)
  for exchange, bySymbol in pairs(requests) do
    local request = exchange.exchangeName == exchangeName and bySymbol[symbol]
    if request and request.done and not request.failed and math.abs(when - request.when) <= MINUTE then
      return request.price
    end
  end
end

--- Whether the newest candles that an exchange has are those before `when`, with the one that is under way: then
--- that is the time of now.
---@param exchange table
---@param symbol string
---@param when number  a whole minute
---@return boolean  false, too, where the exchange does not answer, or not with candles
function M.areNewest(exchange, symbol, when)
  local count = config.values.CC_AVG_PRICE_CANDLES_COUNT
  local since, most = when - count * MINUTE, 2 * count + 2
  local late = watchdog.lateOf(function() return candles.describe(exchange, symbol, "1m", when, count) end)
  local ok, list = calls.wait(watchdog.ofUser(), late, candles.fetch, nil, exchange, symbol, "1m", since, most, true)
  return ok and (#list == count or #list == count + 1)
end

--- The last candles that were over before `when`.
---@param exchange table
---@param symbol string
---@param interval string
---@param count number
---@param when number
---@param what string  who asks, for the error
---@return table[]
function M.last(exchange, symbol, interval, count, when, what)
  local step = calendar.intervals[interval]
  if not step then checks.refuse("%s: there is no interval '%s'", what, tostring(interval)) end
  if type(count) ~= "number" or count % 1 ~= 0 or count < 1 then
    checks.refuse("%s: the number of candles must be a whole one of at least 1, not %s", what, tostring(count))
  end
  local list = candles.fetch(exchange, symbol, interval, math.floor(when / step) * step - count * step, count)
  -- Its caller may change them; the exchange may give them to others.
  local copies = {}
  for i, candle in ipairs(list) do
    local copy = {}
    for k, v in pairs(candle) do copy[k] = v end
    copies[i] = copy
  end
  return copies
end

return M
