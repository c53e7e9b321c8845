-- SPDX-License-Identifier: MIT
--
-- The scales of a chart: where the ticks of an axis are and what they say, and series with more points than a picture
-- has columns, made into as many as it has.

local figures = require "holdfast.host.report.figures"

local M = {}

--- The most columns that series are made into: more are not told apart in a picture.
M.COLUMNS_MAX = 1500

local PIXEL_MAX = 1e6 -- so far outside of a picture something may be

--- A scale from a range of values to a range of pixels.  Whatever the value is, the pixel can be drawn.
---@param from number
---@param to number
---@param pixelFrom number
---@param pixelTo number
---@return fun(value: number): number
function M.linear(from, to, pixelFrom, pixelTo)
  -- In this order a range that is wider than numbers reach has a factor, too.
  local factor, half = (pixelTo - pixelFrom) / (to / 2 - from / 2), from / 2
  return function(value)
    local pixel = pixelFrom + (value / 2 - half) * factor
    if pixel ~= pixel then return pixelFrom end
    return math.max(-PIXEL_MAX, math.min(PIXEL_MAX, pixel))
  end
end

--- The range with some room on both sides; a range of one value gets room, too.
---@param low number
---@param high number
---@param part number of the range
---@return number low
---@return number high
function M.widen(low, high, part)
  local room = (high - low) * part
  if room == 0 then room = low ~= 0 and math.abs(low) * 0.01 or 1 end
  if low - room == -math.huge or high + room == math.huge or room ~= room then return low, high end
  return low - room, high + room
end

--- Round values in a range: 1, 2, 2.5 or 5 times a power of ten apart.
---@param low number
---@param high number
---@param most integer how many there may be, about
---@return number[] values
---@return integer decimals that tell them apart
function M.values(low, high, most)
  local rough = (high - low) / math.max(1, most)
  local power = 10 ^ math.floor(math.log10(rough))
  local step = 10 * power
  for _, factor in ipairs { 5, 2.5, 2, 1 } do
    if factor * power >= rough then step = factor * power end
  end
  local values, first = {}, math.ceil(low / step)
  for i = 0, math.floor(high / step) - first do values[#values + 1] = (first + i) * step end
  local decimals = 0
  while decimals < 12 and math.abs(step * 10 ^ decimals - math.floor(step * 10 ^ decimals + 0.5)) > 1e-6 do
    decimals = decimals + 1
  end
  return values, decimals
end

local minute, hour, day = 60000, 3600000, 86400000
local steps = {
  minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute, hour, 2 * hour, 3 * hour, 4 * hour, 6 * hour,
  12 * hour, day, 2 * day, 7 * day, 14 * day,
}

-- Days from 1970-01-01 to the first of a month of the Gregorian calendar; months count from 0 and may be above 11.
local function daysTo(year, month)
  year, month = year + math.floor(month / 12), month % 12 + 1
  local shifted = month > 2 and year or year - 1
  local era = math.floor(shifted / 400)
  local yearOfEra = shifted - era * 400
  local dayOfYear = math.floor((153 * (month > 2 and month - 3 or month + 9) + 2) / 5)
  local dayOfEra = yearOfEra * 365 + math.floor(yearOfEra / 4) - math.floor(yearOfEra / 100) + dayOfYear
  return era * 146097 + dayOfEra - 719468
end

-- The first days of every so many months.
local function months(from, to, step)
  local ticks = {}
  local year = os.date("!*t", math.floor(from / 1000)).year
  for month = 0, math.huge, step do
    local at = daysTo(year, month) * day
    if at > to then return ticks end
    if at >= from then
      local january = os.date("!*t", at / 1000).month == 1
      ticks[#ticks + 1] = { at = at, label = figures.time(at, january and "%Y" or "%b"), strong = january }
    end
  end
end

local function evenly(from, to, step)
  local ticks = {}
  for at = math.ceil(from / step) * step, to, step do
    local midnight = at % day == 0
    local date = figures.time(at, "%b %d"):gsub(" 0", " ")
    ticks[#ticks + 1] = { at = at, label = midnight and date or figures.time(at, "%H:%M"),
      strong = midnight and step < day }
  end
  return ticks
end

--- What the labels of ticks do not say: of which day the first hours are, or of which year the first days.
---@param ticks { at: number, label: string }[]
---@return string?
function M.dateOf(ticks)
  local first = ticks[1]
  if not first or first.label:find("^%d%d%d%d$") then return nil end
  if not first.label:find(":", 1, true) then return figures.time(first.at, "%Y") end
  return (figures.time(first.at, "%b %d, %Y"):gsub(" 0", " "))
end

--- Ticks of an axis of time, in UTC: at round times, with dates at midnight.
---@param from number ms
---@param to number ms
---@param most integer how many there may be
---@return { at: number, label: string, strong: boolean }[]
function M.times(from, to, most)
  local rough = (to - from) / math.max(1, most)
  for _, step in ipairs(steps) do
    if step >= rough then return evenly(from, to, step) end
  end
  for _, step in ipairs { 1, 2, 3, 6 } do
    if step * 30 * day >= rough then return months(from, to, step) end
  end
  local step = 12
  while step * 30 * day < rough do step = step * 2 end
  return months(from, to, step)
end

-- The usual time between two candles: the least of some that follow each other.
local function interval(candles)
  local least = math.huge
  for i = 2, math.min(#candles, 1000) do
    least = math.min(least, candles[i].timestamp - candles[i - 1].timestamp)
  end
  return least < math.huge and least or minute
end

--- Candles made into at most so many columns, each { timestamp, index, open, high, low, close }.
--- Two columns with nothing missing between them have indexes that follow each other.
---@param candles table[] in order of time
---@param most integer
---@return table[] columns
---@return number step ms from a column to the next
function M.columns(candles, most)
  if #candles == 0 then return {}, minute end
  local first, last = candles[1].timestamp, candles[#candles].timestamp
  local one = interval(candles)
  local step = math.ceil(((last - first) / one + 1) / most) * one
  local columns, column = {}, nil
  for _, candle in ipairs(candles) do
    local index = math.floor((candle.timestamp - first) / step)
    if not column or column.index ~= index then
      column = { timestamp = first + index * step, index = index, open = candle.open, high = candle.high,
        low = candle.low, close = candle.close }
      columns[#columns + 1] = column
    end
    column.high, column.low = math.max(column.high, candle.high), math.min(column.low, candle.low)
    column.close = candle.close
  end
  return columns, step
end

--- A curve of steps with at most four points for each column: what it was first, lowest, highest and last there.
---@param points { x: number, y: number }[] pixels, in order of x
---@param size number pixels a column is wide
---@return { x: number, y: number }[]
function M.thin(points, size)
  local out, i = {}, 1
  while i <= #points do
    local column, lowest, highest, last = math.floor(points[i].x / size), i, i, i
    while points[last + 1] and math.floor(points[last + 1].x / size) == column do
      last = last + 1
      if points[last].y < points[lowest].y then lowest = last end
      if points[last].y > points[highest].y then highest = last end
    end
    local kept = { i, math.min(lowest, highest), math.max(lowest, highest), last }
    for n, at in ipairs(kept) do
      if at ~= kept[n - 1] then out[#out + 1] = points[at] end
    end
    i = last + 1
  end
  return out
end

return M
