-- SPDX-License-Identifier: MIT
--
-- Entities to measure with: signals of a trading bot, about 430 bytes of JSON each,
-- the same on every machine.  `new(seed)` makes a generator; each call of its
-- methods gives the next entity, a fresh table.

local bit = require "bit"

local M = { SEED = 305419896 }

local Generator = {}
Generator.__index = Generator

local function product(quotes, coins)
  local symbols = {}
  for _, quote in ipairs(quotes) do
    for _, coin in ipairs(coins) do symbols[#symbols + 1] = coin .. quote end
  end
  return symbols
end

local SYMBOLS = product({ "USDT", "USDC", "EUR", "TRY", "BRL" }, {
  "BTC", "ETH", "SOL", "BNB", "XRP", "ADA", "DOGE", "DOT", "AVAX", "LINK",
  "LTC", "TRX", "ATOM", "UNI", "XLM", "NEAR", "FIL", "APT", "ARB", "OP",
})
local STRATEGIES = { "breakout_v1", "meanrev_v2", "trend_follow", "scalper_x1", "grid_maker" }
local EXCHANGES = { "binance", "bybit", "okx", "kraken" }
local TAGS = { "a", "b", "c", "d", "e" }
local NOTE = "abcdefghijklmnopqrstuvwxyz      "
local HEX = "0123456789abcdef"

--- A function that gives the xorshift32 sequence as whole numbers from 0 to 2^32 - 1.
---@param seed integer  not 0
function M.random(seed)
  local s = bit.tobit(seed)
  return function()
    s = bit.bxor(s, bit.lshift(s, 13))
    s = bit.bxor(s, bit.rshift(s, 17))
    s = bit.bxor(s, bit.lshift(s, 5))
    return s < 0 and s + 4294967296 or s
  end
end

function M.new(seed)
  return setmetatable({ random = M.random(seed), count = 0, minute = 0, price = 42000 }, Generator)
end

-- A fraction from 0 up to, not including, 1; a whole number from 0 up to, not including, n; one of a list.
function Generator:fraction() return self.random() / 4294967296 end
function Generator:below(n) return math.floor(self:fraction() * n) end
function Generator:one(list) return list[1 + self:below(#list)] end

local letters = {}
function Generator:text(alphabet, n)
  for i = 1, n do letters[i] = alphabet:byte(1 + self:below(#alphabet)) end
  return string.char(unpack(letters, 1, n))
end

function Generator:uuid()
  local h = self:text(HEX, 30)
  return string.format("%s-%s-4%s-a%s-%s", h:sub(1, 8), h:sub(9, 12), h:sub(13, 15), h:sub(16, 18), h:sub(19, 30))
end

local function cents(x) return math.floor(x * 100 + 0.5) / 100 end

--- The next signal, about 430 bytes.
function Generator:signal()
  self.count = self.count + 1
  local symbol = self:one(SYMBOLS)
  local price = cents(10 + self:fraction() * 60000) + 0.01
  local time = 1750000000000 + self.count * 1000 + self:below(1000)
  local note = self:text(NOTE, 40)
  local strategy = self:one(STRATEGIES)
  return {
    id = self:uuid(),
    symbol = symbol,
    strategyName = strategy,
    exchangeName = self:one(EXCHANGES),
    position = self:below(2) == 1 and "long" or "short",
    priceOpen = cents(price),
    priceTakeProfit = cents(price * 1.03),
    priceStopLoss = cents(price * 0.98),
    minuteEstimatedTime = 1 + self:below(1440),
    scheduledAt = time,
    pendingAt = time + self:below(60000),
    _isScheduled = self:below(2) == 1,
    note = note,
    metadata = { symbol = symbol, strategy = strategy, tags = { self:one(TAGS), self:one(TAGS) } },
  }
end

--- The next closed signal with all that a bot learned about it, about 1.2 KB.
function Generator:closedSignal()
  local s = self:signal()
  local close = cents(s.priceOpen * (0.97 + 0.06 * self:fraction()))
  local function outcome(price)
    return {
      priceOpen = s.priceOpen,
      priceClose = price,
      pnlPercentage = (price - s.priceOpen) / s.priceOpen * 100,
      pnlCost = cents(price - s.priceOpen),
      pnlEntries = 100,
    }
  end
  local function moment(price)
    return { price = price, timestamp = s.pendingAt + self:below(86400000), pnlPercentage = 0, pnlCost = 0 }
  end
  s.frameName, s.status, s.cost, s.totalEntries, s.totalPartials = "feb_2024_frame", "closed", 100, 1, 0
  s.originalPriceOpen, s.originalPriceStopLoss = s.priceOpen, s.priceStopLoss
  s.originalPriceTakeProfit, s.partialExecuted = s.priceTakeProfit, 0
  s.createdAt, s.updatedAt, s.timestamp = s.pendingAt, s.pendingAt + 3600000, s.pendingAt
  s.pnl, s.peakProfit, s.maxDrawdown = outcome(close), outcome(s.priceTakeProfit), outcome(s.priceStopLoss)
  s._peak, s._fall = moment(s.priceTakeProfit), moment(s.priceStopLoss)
  s._entry = { { price = s.priceOpen, cost = 100, timestamp = s.pendingAt } }
  return s
end

--- The next one-minute candle, about 110 bytes.
function Generator:candle()
  self.minute = self.minute + 1
  local open = self.price
  local close = cents(open * (1 + (self:fraction() - 0.5) * 0.002))
  self.price = close
  return {
    timestamp = 1707264000000 + self.minute * 60000,
    open = open,
    high = cents(math.max(open, close) * (1 + self:fraction() * 0.0005)),
    low = cents(math.min(open, close) * (1 - self:fraction() * 0.0005)),
    close = close,
    volume = math.floor(self:fraction() * 5e6) / 1e5,
  }
end

return M
