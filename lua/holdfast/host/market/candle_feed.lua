-- SPDX-License-Identifier: MIT
--
-- One-minute candles in memory as an exchange: read from a file, or pushed by whoever has them, such as a program in
-- C with a connection of its own.  Longer intervals are made of them.

local calendar = require "holdfast.host.calendar"
local candles = require "holdfast.host.market.candles"
local checks = require "holdfast.host.checks"
local core = require "holdfast.core"

local M = {}

local MINUTE = 60000

---@class holdfast.host.Feed
---@field getCandles fun(symbol: string, interval: string, since: number, limit: number): table[]
local Feed = {}
Feed.__index = Feed

local function listOf(feed, symbol)
  local list = feed.symbols[symbol]
  if not list then
    list = { first = 1, last = 0 }
    feed.symbols[symbol] = list
  end
  return list
end

--- Adds the next one-minute candle of a symbol.  The last one may be given again, to correct it.
---@param symbol string
---@param candle { timestamp: number, open: number, high: number, low: number, close: number, volume: number }
---@raise invalid_value  it cannot be, or does not follow the one before
function Feed:push(symbol, candle)
  if getmetatable(self) ~= Feed then checks.refuse("candleFeed: call push with a colon: feed:push(symbol, candle)") end
  local list = listOf(self, symbol)
  local before = list[list.last]
  candles.check(candle, ("feed of %s"):format(tostring(symbol)))
  if before and candle.timestamp == before.timestamp then
    list[list.last] = candle
    return
  end
  if candle.timestamp % MINUTE ~= 0 or before and candle.timestamp ~= before.timestamp + MINUTE then
    error(core.error("invalid_value", ("feed of %s: the candle of %s does not follow %s: there must be one for each "
      .. "minute"):format(symbol, calendar.date(candle.timestamp),
      before and "that of " .. calendar.date(before.timestamp) or "any minute")), 0)
  end
  list.last = list.last + 1
  list[list.last] = candle
  if self.keep and list.last - list.first >= self.keep then
    list[list.first] = nil
    list.first = list.first + 1
  end
end

-- The one-minute candles [from, to) as one; nil where one is missing.
local function merge(list, from, count)
  local start = list[list.first] and list[list.first].timestamp
  if not start then return end
  local i = list.first + (from - start) / MINUTE
  local one
  for k = i, i + count - 1 do
    local c = list[k]
    if not c then return end
    if not one then
      one = { timestamp = from, open = c.open, high = c.high, low = c.low, close = c.close, volume = c.volume }
    else
      one.high, one.low = math.max(one.high, c.high), math.min(one.low, c.low)
      one.close, one.volume = c.close, one.volume + c.volume
    end
  end
  return one
end

--- Makes a feed.
---@param options? { symbol?: string, candles?: table[], keep?: integer }  candles to begin with, and of what; how many
--- of each symbol to keep (all, if left out)
---@return holdfast.host.Feed
---@raise invalid_argument, invalid_value
function M.new(options)
  options = options or {}
  local keep = options.keep
  if keep ~= nil and (type(keep) ~= "number" or keep % 1 ~= 0 or keep < 1) then
    checks.refuse("candleFeed: keep must be a whole number of at least 1, not %s", tostring(keep))
  end
  local feed = setmetatable({ symbols = {}, keep = keep }, Feed)
  function feed.getCandles(symbol, interval, since, limit)
    local list, step = listOf(feed, symbol), calendar.intervals[interval]
    local all = {}
    for i = 0, limit - 1 do
      local one
      if step == MINUTE then
        local start = list[list.first] and list[list.first].timestamp
        one = start and list[list.first + (since - start) / MINUTE + i]
      else
        one = merge(list, since + i * step, step / MINUTE)
      end
      if not one then break end
      all[#all + 1] = one
    end
    return all
  end
  if options.candles then
    if type(options.symbol) ~= "string" then checks.refuse("candleFeed: say of which symbol the candles are") end
    for _, candle in ipairs(options.candles) do feed:push(options.symbol, candle) end
  end
  return feed
end

return M
