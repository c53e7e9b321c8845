-- SPDX-License-Identifier: MIT
--
-- What the panels of a chart have in common: the frame that holds them, with its axis of time, and of each its caption,
-- its axis of values and the badge with the last one.

local pens = require "holdfast.host.report.pen"
local scale = require "holdfast.host.report.scale"

local colour = pens.colour

local M = {}

--- Between the border of the card and what is in it, in pixels, as all lengths here.
M.MARGIN = 24
--- At the right of the panels, for the labels of their axes.
M.AXIS_ROOM = 92

local LABEL_GAP = 8 -- from a panel to the labels at its right
local MIDDLE = 4 -- from the middle of a text of a label's size to its base line
local VALUE_STEP, TIME_STEP = 34, 78 -- about what a label needs of an axis
local TIME_LABEL = 18 -- from the last panel down to the base line of the times
local DATE_LABEL = 33 -- and to that of the date which they do not say
local CAPTION, LEGEND = 10, 14 -- from a panel up to the base line of its caption, and to the middle of its marks
local LETTER = 7 -- about what a letter of a caption is wide
local MARK_GAP, ITEM_GAP = 12, 34 -- from a word of the legend to its mark, and to the word before it
local SWATCH_WIDTH, SWATCH_HEIGHT = 14, 10
local BADGE_HEIGHT, BADGE_GAP, BADGE_ROOM = 18, 3, 13 -- BADGE_ROOM: around its label
local BADGE_EDGE = 8 -- the nearest that its middle comes to the edge of a panel
local BADGE_CLEAR = 16 -- a label of the axis that is nearer to its middle would be under it
local BOLD = 1.12 -- how much wider a word is in bold

--- Attributes of an area that is no more than tinted.
---@param result string  the name of a colour
---@return string
function M.tint(result) return string.format('fill="%s" fill-opacity=".16"', colour[result]) end

---@class holdfast.host.Panel
---@field left number
---@field right number
---@field top number
---@field bottom number
---@field low number   the values at its bottom
---@field high number  and at its top
---@field y fun(value: number): number

--- Makes a panel.
---@param frame table  left, right and the scale of time
---@param top number
---@param bottom number
---@param low number
---@param high number
---@return holdfast.host.Panel
function M.new(frame, top, bottom, low, high)
  return { left = frame.left, right = frame.right, top = top, bottom = bottom, low = low, high = high,
    y = scale.linear(low, high, bottom, top) }
end

-- How many of the words of a legend there is room for, from the first on.
local function fitting(panel, title, items)
  local room = panel.right - panel.left - #title * LETTER - M.MARGIN
  for i, item in ipairs(items) do
    room = room - pens.widthOf(item[2]) - (i > 1 and ITEM_GAP or 0)
    if room < 0 then return i - 1 end
  end
  return #items
end

--- The title of a panel, and at its right what its marks mean, as far as there is room: the first matter most.
---@param pen holdfast.host.Pen
---@param panel holdfast.host.Panel
---@param title string
---@param items { [1]: fun(x: number, y: number), [2]: string }[]  what draws a mark, and its word
function M.caption(pen, panel, title, items)
  pen:text(panel.left, panel.top - CAPTION, title, "caption", colour.ink)
  local x, y = panel.right, panel.top - LEGEND
  for i = fitting(panel, title, items), 1, -1 do
    local draw, word = items[i][1], items[i][2]
    x = x - pens.widthOf(word)
    pen:text(x, y + MIDDLE, word, "label", colour.text)
    draw(x - MARK_GAP, y)
    x = x - ITEM_GAP
  end
end

--- A mark of a legend: a tinted area.
---@param pen holdfast.host.Pen
---@param result string
---@return fun(x: number, y: number)
function M.swatch(pen, result)
  return function(x, y)
    pen:rect(x - SWATCH_WIDTH / 2, y - SWATCH_HEIGHT / 2, SWATCH_WIDTH, SWATCH_HEIGHT, M.tint(result))
  end
end

--- A mark of a legend: a line.
---@param pen holdfast.host.Pen
---@param stroke string  colour
---@return fun(x: number, y: number)
function M.stroke(pen, stroke)
  return function(x, y) pen:line(x - SWATCH_WIDTH / 2, y, x + SWATCH_WIDTH / 2, y, stroke, 'stroke-width="2"') end
end

-- Where the last value of a curve stands on its axis, whole inside the panel.
local function badgeAt(panel, value)
  return math.max(panel.top + BADGE_EDGE, math.min(panel.bottom - BADGE_EDGE, panel.y(value)))
end

--- The axis of values.  No label where the badge of the last one will be.
---@param pen holdfast.host.Pen
---@param panel holdfast.host.Panel
---@param last? number
---@param show fun(value: number, decimals: integer): string
function M.valueAxis(pen, panel, last, show)
  local values, decimals = scale.values(panel.low, panel.high, math.floor((panel.bottom - panel.top) / VALUE_STEP))
  for _, value in ipairs(values) do
    local y = panel.y(value)
    pen:line(panel.left, y, panel.right, y, colour.grid)
    if not last or math.abs(badgeAt(panel, last) - y) > BADGE_CLEAR then
      pen:text(panel.right + LABEL_GAP, y + MIDDLE, show(value, decimals), "label", colour.text)
    end
  end
end

--- The axis of time, through all panels, with its labels below the last.
---@param pen holdfast.host.Pen
---@param frame table
---@param panels holdfast.host.Panel[]
function M.timeAxis(pen, frame, panels)
  if not frame.known then return end
  local labels = panels[#panels].bottom + TIME_LABEL
  local ticks = scale.times(frame.first, frame.last, math.floor((frame.right - frame.left) / TIME_STEP))
  for _, tick in ipairs(ticks) do
    local x = frame.x(tick.at)
    for _, panel in ipairs(panels) do
      pen:line(x, panel.top, x, panel.bottom, tick.strong and colour.midnight or colour.grid)
    end
    pen:text(x, labels, tick.label, tick.strong and "strongTick" or "tick", tick.strong and colour.ink or colour.text)
  end
  pen:text(frame.width - M.MARGIN, labels, "UTC", "unit", colour.faint)
  local date = scale.dateOf(ticks)
  if date then pen:text(frame.left, panels[#panels].bottom + DATE_LABEL, date, "date", colour.ink) end
end

--- The badge with the last value.
---@param pen holdfast.host.Pen
---@param panel holdfast.host.Panel
---@param value number
---@param label string
---@param fill string  colour
function M.badge(pen, panel, value, label, fill)
  local y = badgeAt(panel, value)
  pen:rect(panel.right + BADGE_GAP, y - BADGE_HEIGHT / 2, pens.widthOf(label) * BOLD + BADGE_ROOM, BADGE_HEIGHT,
    string.format('rx="3" fill="%s"', fill))
  pen:text(panel.right + LABEL_GAP, y + MIDDLE, label, "badge", colour.card)
end

return M
