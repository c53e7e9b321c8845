-- SPDX-License-Identifier: MIT
--
-- Market data for the examples: one-minute candles and signal rows, read from files or
-- made up.  What is made up has the shapes of real data and depends on nothing but
-- the seed, so that two processes, or two runs, get the same rows.

local json = require "holdfast".json

local M = {}

local MINUTE = 60 * 1000

-- A generator of numbers in [0, 1) of its own: math.random belongs to the caller.
local function numbers(seed)
  local state = seed
  return function()
    state = state * 16807 % 2147483647
    return (state - 1) / 2147483646
  end
end

-- Roughly normal, mean 0, deviation 1.
local function normal(random)
  local sum = 0
  for _ = 1, 12 do sum = sum + random() end
  return sum - 6
end

local function cents(x) return math.floor(x * 100 + 0.5) / 100 end

--- Candles of consecutive minutes, a random walk around a price.
---@param count integer
---@param options? {seed: integer?, from: integer?, price: number?, volatility: number?, silent: integer?}
---  volatility: deviation of a minute, of the price;  silent: in the first so many of each 100 minutes nobody trades
---@return table[] candles  {timestamp=, open=, high=, low=, close=, volume=}
function M.candles(count, options)
  options = options or {}
  local random = numbers(options.seed or 1)
  local time, price = options.from or 1707343380000, options.price or 44152.25
  local volatility, silent = options.volatility or 0.0006, options.silent or 0
  local rows = {}
  for i = 1, count do
    local close = cents(price * (1 + volatility * normal(random)))
    local wick = price * 0.0004
    rows[i] = {
      timestamp = time + (i - 1) * MINUTE,
      open = price,
      high = cents(math.max(price, close) + wick * random()),
      low = cents(math.min(price, close) - wick * random()),
      close = close,
      volume = math.floor(3e6 * random() * random()) / 1e5,
    }
    if (i - 1) % 100 < silent then rows[i].volume = 0 end
    price = close
  end
  return rows
end

local function identifier(random)
  return (("xxxxxxxx-xxxx-4xxx-axxx-xxxxxxxxxxxx"):gsub("x", function()
    return string.format("%x", math.floor(random() * 16))
  end))
end

local symbols = {
  { name = "BTCUSDT", share = 0.5, price = 44152.25 },
  { name = "ETHUSDT", share = 0.3, price = 2370.4 },
  { name = "SOLUSDT", share = 0.2, price = 96.12 },
}

local function pick(random)
  local x = random()
  for _, symbol in ipairs(symbols) do
    x = x - symbol.share
    if x < 0 then return symbol end
  end
  return symbols[1]
end

local function signal(random, time)
  local symbol = pick(random)
  local long = random() < 0.7
  local open = cents(symbol.price * (1 + 0.05 * normal(random)))
  local won = math.floor((0.4 + 1.6 * normal(random)) * 100 + 0.5) / 100
  local close = cents(open * (1 + (long and won or -won) / 100))
  local loss, profit = cents(open * (long and 0.98 or 1.02)), cents(open * (long and 1.03 or 0.97))
  local empty = { price = open, timestamp = time, pnlPercentage = 0, pnlCost = 0 }
  local flat = { pnlPercentage = 0, priceOpen = open, priceClose = open, pnlCost = 0, pnlEntries = 100 }
  return {
    id = identifier(random),
    symbol = symbol.name,
    exchangeName = "binance_exchange",
    strategyName = random() < 0.8 and "main_strategy" or "breakout_strategy",
    frameName = "feb_2024_frame",
    position = long and "long" or "short",
    status = random() < 0.95 and "closed" or "opened",
    priceOpen = open,
    priceTakeProfit = profit,
    priceStopLoss = loss,
    originalPriceOpen = open,
    originalPriceTakeProfit = profit,
    originalPriceStopLoss = loss,
    minuteEstimatedTime = random() < 0.9 and 60 or math.huge,
    scheduledAt = time,
    pendingAt = time,
    createdAt = time,
    timestamp = time,
    updatedAt = time + 60 * MINUTE,
    _isScheduled = false,
    cost = 100,
    priority = time + math.floor(random() * 1000),
    partialExecuted = 0,
    totalEntries = 1,
    totalPartials = 0,
    pnl = { pnlPercentage = won, priceOpen = open, priceClose = close, pnlCost = won, pnlEntries = 100 },
    _entry = { { price = open, cost = 100, timestamp = time } },
    _partial = require "holdfast".array {},
    _peak = empty,
    _fall = empty,
    peakProfit = flat,
    maxDrawdown = flat,
  }
end

--- Signal rows of several symbols, one about every three minutes.
---@param count integer
---@param options? {seed: integer?, from: integer?}
---@return table[] rows  each with an `id`
function M.signals(count, options)
  options = options or {}
  local random = numbers(options.seed or 2)
  local time = options.from or 1706745600000
  local rows = {}
  for i = 1, count do
    time = time + math.floor(1 + random() * 5) * MINUTE
    rows[i] = signal(random, time)
  end
  return rows
end

local function open(path)
  local file, reason = io.open(path, "r")
  if not file then error(reason, 0) end
  return file
end

--- Candles from a CSV file with the columns timestamp,open,high,low,close,volume.
---@param path string
---@return table[] candles
function M.readCandles(path)
  local rows = {}
  local file = open(path)
  local header = (file:read("*l") or ""):gsub("%s", "")
  if header ~= "timestamp,open,high,low,close,volume" then
    error(path .. ":1: the columns must be timestamp,open,high,low,close,volume", 0)
  end
  for line in file:lines() do
    local row = {}
    for field in line:gmatch("[^,%s]+") do row[#row + 1] = tonumber(field) end
    if #row == 6 then
      rows[#rows + 1] =
        { timestamp = row[1], open = row[2], high = row[3], low = row[4], close = row[5], volume = row[6] }
    elseif line:find("%S") then
      error(string.format("%s:%d: this is not six numbers: %s", path, #rows + 2, line), 0)
    end
  end
  file:close()
  return rows
end

--- The text of such a file; every number is read again as it was.
---@param candles table[]
---@return string
function M.formatCandles(candles)
  local lines = { "timestamp,open,high,low,close,volume" }
  for _, c in ipairs(candles) do
    lines[#lines + 1] =
      string.format("%.0f,%.17g,%.17g,%.17g,%.17g,%.17g", c.timestamp, c.open, c.high, c.low, c.close, c.volume)
  end
  return table.concat(lines, "\n") .. "\n"
end

--- Signal rows from a file with one JSON object a line, each with an `id`.
---@param path string
---@return table[] rows
function M.readSignals(path)
  local rows, number = {}, 0
  local file = open(path)
  for line in file:lines() do
    number = number + 1
    if line:find("%S") then
      local ok, row = pcall(json.decode, line)
      if not ok then error(string.format("%s:%d: %s", path, number, tostring(row)), 0) end
      if type(row) ~= "table" or type(row.id) ~= "string" then
        error(string.format("%s:%d: this row has no id", path, number), 0)
      end
      rows[#rows + 1] = row
    end
  end
  file:close()
  return rows
end

return M
