-- SPDX-License-Identifier: MIT
--
-- The candles of a backtest, as lists of numbers, since it goes through all of them: index 1 is the first that an
-- average needs.  They are asked for as the run comes to them.

local candles = require "holdfast.host.market.candles"
local config = require "holdfast.host.config"

local M = {}

local MINUTE = 60000

---@class holdfast.host.Series
---@field from number     ms: the time of the first one
---@field count integer   how many are loaded
---@field ended boolean   history ends with them
---@field window integer  how many make an average
---@field candles table[]  as the exchange gave them
local Series = {}
Series.__index = Series

--- Makes one, still empty.
---@param exchange table
---@param symbol string
---@param from number     ms: the time of the first candle
---@param to number       ms: and of the last
---@param window integer  how many make an average
---@return holdfast.host.Series
function M.new(exchange, symbol, from, to, window)
  return setmetatable({
    exchange = exchange, symbol = symbol, from = from, to = to, ended = false, count = 0, window = window,
    high = {}, low = {}, close = {}, weighted = {}, volume = {}, candles = {},
  }, Series)
end

--- Loads further, at least to an index.
---@param index integer
---@return boolean  false: history ends before it
function Series:load(index)
  while self.count < index and not self.ended do
    local since = self.from + self.count * MINUTE
    local want = math.min(config.values.CC_MAX_CANDLES_PER_REQUEST, (self.to - since) / MINUTE + 1)
    if want <= 0 then break end
    local list = candles.fetch(self.exchange, self.symbol, "1m", since, want, true)
    local high, low, close, weighted, volume = self.high, self.low, self.close, self.weighted, self.volume
    local n = self.count
    for i = 1, #list do
      local c = list[i]
      n = n + 1
      high[n], low[n], close[n], volume[n] = c.high, c.low, c.close, c.volume
      weighted[n] = (c.high + c.low + c.close) / 3 * c.volume
      self.candles[n] = c
    end
    self.count = n
    self.ended = #list < want
  end
  return self.count >= index
end

--- The average price over the candles that end with `last`: candles.average() over the lists.
---@param last integer
---@return number
function Series:average(last)
  local weighted, volume, sum, total = self.weighted, self.volume, 0, 0
  local first = last - self.window + 1
  for i = first, last do
    sum = sum + weighted[i]
    total = total + volume[i]
  end
  if total > 0 then return sum / total end
  sum = 0
  for i = first, last do sum = sum + self.close[i] end
  return sum / (last - first + 1)
end

return M
