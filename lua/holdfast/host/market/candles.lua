-- SPDX-License-Identifier: MIT
--
-- Candles as exchanges give them: asked for, checked before anybody reckons with them, and their average price.

local calendar = require "holdfast.host.calendar"
local config = require "holdfast.host.config"
local core = require "holdfast.core"

local M = {}

local FIELDS = { "open", "high", "low", "close", "volume" }

local function checkCandle(fail, i, candle)
  if type(candle) ~= "table" then fail("candle %d is a %s, not a table", i, type(candle)) end
  local timestamp = candle.timestamp
  if timestamp == nil and candle[1] ~= nil then
    fail("candle %d is a list: make it {timestamp=, open=, high=, low=, close=, volume=}", i)
  end
  if type(timestamp) ~= "number" or timestamp % 1 ~= 0 then
    fail("candle %d: timestamp is %s, not milliseconds since the epoch", i, tostring(timestamp))
  end
  if timestamp < 1e11 and timestamp > 1e8 then
    fail("candle %d: timestamp %d looks like seconds: times are milliseconds since the epoch", i, timestamp)
  end
  for _, field in ipairs(FIELDS) do
    local value = candle[field]
    if type(value) == "string" then
      fail("candle %d (%s): %s is the string %q: make it a number with tonumber", i, calendar.date(timestamp), field,
        value)
    end
    if type(value) ~= "number" or value ~= value or value == math.huge or value < 0
      or value == 0 and field ~= "volume" then
      fail("candle %d (%s): %s is %s", i, calendar.date(timestamp), field, tostring(value))
    end
  end
  if candle.high < candle.low then
    fail("candle %d (%s): high %s is below low %s", i, calendar.date(timestamp), candle.high, candle.low)
  end
end

-- Raises where one comes too late in the list, from index `first` on.
local function checkOrder(fail, list, first, last)
  for i = first, #list do
    local timestamp = type(list[i]) == "table" and list[i].timestamp
    if type(timestamp) ~= "number" then return end
    if timestamp <= last then
      fail("candle %d (%s) comes after %s: they must be in order of time, each once", i, calendar.date(timestamp),
        calendar.date(last))
    end
    last = timestamp
  end
end

local function failStart(fail, i, timestamp, step)
  fail("candle %d: its timestamp %d is not at the beginning of %s", i, timestamp,
    step == 60000 and "a minute" or "its interval")
end

--- Raises unless it is a candle.
---@param candle any
---@param who string  for the error
---@raise invalid_value
function M.check(candle, who)
  checkCandle(function(...) error(core.error("invalid_value", who .. ": " .. string.format(...)), 0) end, 1, candle)
end

--- Raises unless it is a list of candles in order of time, each once and at the beginning of its interval.  Some may be
--- missing.
---@param list any     what getCandles returned
---@param who string   for the error
---@param step number  length of a candle in ms
---@raise invalid_value
function M.checkList(list, who, step)
  local function fail(...) error(core.error("invalid_value", who .. ": " .. string.format(...)), 0) end
  if type(list) ~= "table" then fail("it must return a list of candles, not %s", tostring(list)) end
  local last = -math.huge
  for i = 1, #list do
    checkCandle(fail, i, list[i])
    local timestamp = list[i].timestamp
    if timestamp <= last then checkOrder(fail, list, i, last) end
    if timestamp % step ~= 0 then failStart(fail, i, timestamp, step) end
    last = timestamp
  end
end

--- The candles of a window, out of what an exchange gave: none missing, in order, whole numbers and prices that can be.
--- What lies outside the window is left out.
---@param list any       what getCandles returned
---@param who string     for the error
---@param step number    length of a candle in ms
---@param since number   time of the first candle
---@param count number   how many
---@return table[] candles  fewer where the list ends before the window does
---@raise invalid_value
function M.window(list, who, step, since, count)
  local function fail(...) error(core.error("invalid_value", who .. ": " .. string.format(...)), 0) end
  if type(list) ~= "table" then fail("it must return a list of candles, not %s", tostring(list)) end
  local found, last = {}, -math.huge
  local till = since + count * step
  for i = 1, #list do
    local candle = list[i]
    checkCandle(fail, i, candle)
    local timestamp = candle.timestamp
    if timestamp <= last then checkOrder(fail, list, i, last) end
    last = timestamp
    if timestamp >= since and timestamp < till then
      local expected = since + #found * step
      if timestamp ~= expected then
        if timestamp % step ~= 0 then failStart(fail, i, timestamp, step) end
        checkOrder(fail, list, i + 1, timestamp) -- then that is what is wrong
        fail("the candle of %s is missing: the next is %s", calendar.date(expected), calendar.date(timestamp))
      end
      found[#found + 1] = candle
    end
  end
  return found
end

--- How an exchange is called in errors.
---@param exchange table
---@param symbol string
---@param interval string
---@param since number
---@param count number
function M.describe(exchange, symbol, interval, since, count)
  return ("exchange '%s': getCandles('%s', '%s', %d, %d)"):format(exchange.exchangeName, symbol, interval, since, count)
end

--- What an exchange gives; what it raises says whose it is.
---@param exchange { getCandles: function }
---@param who string  for the error
---@param ... any     for getCandles
---@return any
function M.ask(exchange, who, ...)
  local ok, got = xpcall(exchange.getCandles, core.traceback, ...)
  if ok then return got end
  got = core.toError(got)
  local failure = core.error(got.code, who .. " raised: " .. got.message, { cause = got, retryable = got.retryable })
  failure.traceback = got.traceback
  error(failure, 0)
end

--- Asks an exchange, in requests of at most CC_MAX_CANDLES_PER_REQUEST, and further where it gives fewer than it was
--- asked for: it may have a limit of its own.
---@param exchange table
---@param symbol string
---@param interval string
---@param since number    time of the first candle
---@param count number    how many
---@param partly? boolean  fewer will do, where history ends: when it gives none any more
---@return table[] candles
---@raise invalid_value  and whatever getCandles raises
function M.fetch(exchange, symbol, interval, since, count, partly)
  local step, all = calendar.intervals[interval], {}
  while #all < count do
    local from = since + #all * step
    local limit = math.min(count - #all, config.values.CC_MAX_CANDLES_PER_REQUEST)
    local who = M.describe(exchange, symbol, interval, from, limit)
    local part = M.window(M.ask(exchange, who, symbol, interval, from, limit), who, step, from, limit)
    if #part == 0 then
      if partly then break end
      error(core.error("invalid_value", ("%s: the candle of %s is missing: it gave none from then on, and %d of %d "
        .. "before"):format(M.describe(exchange, symbol, interval, since, count), calendar.date(from), #all, count)), 0)
    end
    for i = 1, #part do all[#all + 1] = part[i] end
  end
  return all
end

--- The volume-weighted average of typical prices; without volume, the mean close.
---@param candles table[]
---@param first integer
---@param last integer
---@return number
function M.average(candles, first, last)
  local sum, volume = 0, 0
  for i = first, last do
    local c = candles[i]
    sum = sum + (c.high + c.low + c.close) / 3 * c.volume
    volume = volume + c.volume
  end
  if volume > 0 then return sum / volume end
  sum = 0
  for i = first, last do sum = sum + candles[i].close end
  return sum / (last - first + 1)
end

local COLUMNS = { "timestamp", "open", "high", "low", "close", "volume" }

--- Iterates the candles of a CSV file with the columns timestamp,open,high,low,close,volume, and the lines that they
--- are in.
---@param path string
---@return fun(): table?, integer?
---@raise io; invalid_value with the line, here or when it comes to it
function M.rows(path)
  local file, reason = io.open(path, "r")
  if not file then error(core.error("io", "cannot read candles: " .. reason), 0) end
  local number, rows = 1, 0
  local function fail(...)
    file:close()
    error(core.error("invalid_value", ("%s:%d: "):format(path, number) .. string.format(...)), 0)
  end
  local header = (file:read("*l") or ""):gsub("%s", "")
  if header ~= table.concat(COLUMNS, ",") then fail("the columns must be %s", table.concat(COLUMNS, ",")) end
  return function()
    for line in file:lines() do
      number = number + 1
      local row, fields, numbers = {}, 0, 0
      for field in line:gmatch("[^,%s]+") do
        fields = fields + 1
        local value = tonumber(field)
        if value and COLUMNS[fields] then
          row[COLUMNS[fields]] = value
          numbers = numbers + 1
        end
      end
      if fields == 6 and numbers == 6 then
        rows = rows + 1
        checkCandle(fail, rows, row)
        return row, number
      elseif line:find("%S") then
        fail("these are not six numbers: %s", line)
      end
    end
    file:close()
  end
end

--- Candles from a CSV file with the columns timestamp,open,high,low,close,volume.
---@param path string
---@return table[]
---@raise io; invalid_value with the line
function M.read(path)
  local list = {}
  for row in M.rows(path) do list[#list + 1] = row end
  return list
end

return M
