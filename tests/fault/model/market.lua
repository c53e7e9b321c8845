-- SPDX-License-Identifier: MIT
--
-- The market of a world: prices that depend on the symbol, the minute and a seed alone, so that any minute can be lived
-- again, also one of a wrong clock.  They go up and down so fast that a position lasts a few minutes.

local plain = require "model.plain"

local MINUTE = 60000

local M = {}

---@class model.Market
---@field candle fun(symbol: string, time: number): table
---@field average fun(symbol: string, when: number): number  of the five candles before `when`: the rule of docs/host.md

---@param seed number
---@return model.Market
function M.new(seed)
  local market, known = {}, {}
  local function middle(symbol, n)
    local phase = #symbol * 1.7 + seed % 97
    return 100 * (1 + 0.009 * math.sin(n / 4.1 + phase) + 0.006 * math.sin(n / 1.7 + 2 * phase)
      + 0.004 * (plain.noise(seed, n) - 0.5))
  end
  function market.candle(symbol, time)
    local ofSymbol = known[symbol] or {}
    known[symbol] = ofSymbol
    local candle = ofSymbol[time]
    if candle then return candle end
    local n = time / MINUTE
    local open, close = middle(symbol, n), middle(symbol, n + 1)
    candle = {
      timestamp = time, open = open, close = close, volume = 1,
      high = math.max(open, close) * (1 + 0.001 * plain.noise(seed + 1, n)),
      low = math.min(open, close) * (1 - 0.001 * plain.noise(seed + 2, n)),
    }
    ofSymbol[time] = candle
    return candle
  end
  function market.average(symbol, when)
    local sum = 0
    for i = 1, 5 do
      local c = market.candle(symbol, when - i * MINUTE)
      sum = sum + (c.high + c.low + c.close) / 3
    end
    return sum / 5
  end
  return market
end

return M
