-- SPDX-License-Identifier: MIT
--
-- The candles of a backtest, as lists of numbers, since it goes through all of them: index 1 is the first that an
-- average needs.  They are asked for as the run comes to them.  A candle store gives them by column, and not as tables.

local candleStore = require "holdfast.host.market.candle_store"
local candles = require "holdfast.host.market.candles"
local config = require "holdfast.host.config"

local M = {}

local MINUTE = 60000

---@class holdfast.host.Series
---@field from number     ms: the time of the first one
---@field count integer   how many are loaded
---@field ended boolean   history ends with them
---@field window integer  how many make an average
---@field candles table<integer, table>  as the exchange gave them; those of a candle store are not in it
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

local PIECE = 10000 -- candles that a candle store is asked for at once

-- What is next, by column; how many, 0 where they are to be asked for as tables.
local function loadColumns(self, since)
  local byColumn = candleStore.columnsOf(self.exchange.getCandles)
  if not byColumn then return 0 end
  local found = byColumn(self.symbol, since, math.min(PIECE, (self.to - since) / MINUTE + 1), self.columns)
  if not found then return 0 end
  self.columns = found
  local high, low, close, weighted, volume = self.high, self.low, self.close, self.weighted, self.volume
  local highs, lows, closes, volumes = found.high, found.low, found.close, found.volume
  local n = self.count
  for i = 0, found.count - 1 do
    n = n + 1
    local h, l, c, v = highs[i], lows[i], closes[i], volumes[i]
    high[n], low[n], close[n], volume[n] = h, l, c, v
    weighted[n] = (h + l + c) / 3 * v
  end
  return found.count
end

-- The same as tables; the end of history where there are fewer than are needed.
local function loadTables(self, since)
  local want = math.min(config.values.CC_MAX_CANDLES_PER_REQUEST, (self.to - since) / MINUTE + 1)
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
  self.ended = #list < want
  return #list
end

--- Loads further, at least to an index.
---@param index integer
---@return boolean  false: history ends before it
function Series:load(index)
  while self.count < index and not self.ended do
    local since = self.from + self.count * MINUTE
    if since > self.to then break end
    local found = loadColumns(self, since)
    if found == 0 then found = loadTables(self, since) end
    self.count = self.count + found
  end
  return self.count >= index
end

--- The candles from one index to another, which are loaded.
---@param first integer
---@param last integer
---@return table[]
function Series:shown(first, last)
  local list = {}
  while first <= last do
    if self.candles[first] then
      list[#list + 1], first = self.candles[first], first + 1
    else
      local since = self.from + (first - 1) * MINUTE
      local found = candles.fetch(self.exchange, self.symbol, "1m", since, math.min(last - first + 1, PIECE))
      for i = 1, #found do list[#list + 1] = found[i] end
      first = first + #found
    end
  end
  return list
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
