-- SPDX-License-Identifier: MIT
--
-- Market data for the examples: one-minute candles that are made up.  They have the shape of real ones and depend on
-- nothing but the seed, so that two processes, or two runs, get the same.  host.readCandles reads real ones.

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
---@param options? {seed: integer?, from: integer?, price: number?, volatility: number?, silent: integer?,
---  wave: integer?}
---  volatility: deviation of a minute, of the price;  silent: in the first so many of each 100 minutes nobody trades;
---  wave: the price drifts up and down, once in so many minutes
---@return table[] candles  {timestamp=, open=, high=, low=, close=, volume=}
function M.candles(count, options)
  options = options or {}
  local random = numbers(options.seed or 1)
  local time, price = options.from or 1707343380000, options.price or 44152.25
  local volatility, silent = options.volatility or 0.0006, options.silent or 0
  local rows = {}
  for i = 1, count do
    local drift = options.wave and 0.2 * math.sin(2 * math.pi * i / options.wave) or 0
    local close = cents(price * (1 + volatility * (normal(random) + drift)))
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

--- The text of a CSV file of candles; host.readCandles reads every number as it was.
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

return M
