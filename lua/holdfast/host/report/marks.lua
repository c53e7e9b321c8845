-- SPDX-License-Identifier: MIT
--
-- The marks of trades: where they begin, how they end, and in which colour.

local pens = require "holdfast.host.report.pen"

local colour = pens.colour

local M = {}

--- Above so many trades they are thin marks without targets and stops, below the line of the price.
M.DETAILED_MAX = 80

-- Sizes in pixels.
local TRIANGLE_WIDTH, TRIANGLE_HEIGHT = 11, 9.5
local RADIUS = 4
local CROSS = 7
local OUTLINE = 1.2
local CROSS_STROKE, CROSS_HALO = 2.2, 4.5

--- Half the height of a triangle in a legend, by which it is moved to stand in the middle of its line.
M.LEGEND_SHIFT = 5

--- The triangle of an entry; its point is at the price.
---@param position "long"|"short"
---@param x number
---@param y number
---@return string d
function M.entry(position, x, y)
  return string.format("M%.1f %.1fl%g %gh-%gz", x, y, TRIANGLE_WIDTH / 2,
    position == "long" and TRIANGLE_HEIGHT or -TRIANGLE_HEIGHT, TRIANGLE_WIDTH)
end

local function circle(x, y)
  return string.format("M%.1f %.1fa%d %d 0 1 0 %d 0a%d %d 0 1 0 -%d 0z", x - RADIUS, y, RADIUS, RADIUS, 2 * RADIUS,
    RADIUS, RADIUS, 2 * RADIUS)
end

--- A cross, around a place.
---@param x number
---@param y number
---@return string d
function M.cross(x, y)
  return string.format("M%.1f %.1fl%d %dm0 -%dl-%d %d", x - CROSS / 2, y - CROSS / 2, CROSS, CROSS, CROSS, CROSS, CROSS)
end

--- Trades and what is still open.
---@param stats holdfast.host.Statistics
---@return table[]
function M.all(stats)
  local list = {}
  for _, one in ipairs(stats.trades) do list[#list + 1] = one end
  for _, one in ipairs(stats.positions) do list[#list + 1] = one end
  return list
end

--- What came of it, as the name of a colour.
---@param one table  a trade, or what is still open
---@return "open"|"win"|"loss"|"faint"
function M.resultOf(one)
  if not one.pnl then return "open" end
  return one.pnl > 0 and "win" or one.pnl < 0 and "loss" or "faint"
end

--- Attributes of a mark that is filled.
---@param result string  the name of a colour
---@return string
function M.filled(result)
  return string.format('fill="%s" stroke="%s" stroke-width="%g"', colour[result], colour.card, OUTLINE)
end

--- Crosses, each on a white one, so that it stays apart from what it lies on.
---@param pen holdfast.host.Pen
---@param d string
---@param stroke string  colour
function M.crosses(pen, d, stroke)
  for _, each in ipairs { { colour.card, CROSS_HALO }, { stroke, CROSS_STROKE } } do
    pen:path(d, string.format('fill="none" stroke="%s" stroke-width="%g" stroke-linecap="round"', each[1], each[2]))
  end
end

--- The mark where a trade ends.
---@param pen holdfast.host.Pen
---@param result string
---@param x number
---@param y number
function M.exit(pen, result, x, y)
  if result == "loss" then return M.crosses(pen, M.cross(x, y), colour.loss) end
  pen:path(circle(x, y), M.filled(result))
end

return M
