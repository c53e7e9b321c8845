-- SPDX-License-Identifier: MIT
--
-- Writes SVG that needs nothing else, an element a line, and has what all of a chart is drawn with: its colours and how
-- its texts look.

local figures = require "holdfast.host.report.figures"

local M = {}

M.colour = {
  card = "#ffffff", border = "#d5dae1", ink = "#16202e", text = "#4a5568", faint = "#7b8794", grid = "#e9edf2",
  midnight = "#cdd5df", price = "#334155", band = "#94a3b8", up = "#5fa8a0", down = "#d98880", win = "#0b8a6a",
  loss = "#cf3a3a", open = "#2b6cb0", equity = "#1f4e9c",
}

local FONT = "Inter,'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif"

-- How texts look; each receives its colour.
local STYLES = {
  title = 'font-size="20" font-weight="700" fill="%s"',
  subtitle = 'font-size="12" fill="%s"',
  tileName = 'font-size="10" letter-spacing=".6" fill="%s"',
  tileValue = 'font-size="19" font-weight="600" fill="%s"',
  caption = 'font-size="12" font-weight="600" fill="%s"',
  label = 'font-size="11" fill="%s"',
  badge = 'font-size="11" font-weight="600" fill="%s"',
  tick = 'font-size="11" text-anchor="middle" fill="%s"',
  strongTick = 'font-size="11" text-anchor="middle" fill="%s" font-weight="600"',
  unit = 'font-size="10" text-anchor="end" fill="%s"',
  notice = 'font-size="13" text-anchor="middle" fill="%s"',
}

-- About how wide letters of a label are, in pixels: fonts differ.
local NARROW, WIDE = 3.9, 6.7

---@class holdfast.host.Pen
local Pen = {}
Pen.__index = Pen

--- Begins a picture: a card with a border.
---@param width integer  pixels
---@param height integer
---@param title string
---@return holdfast.host.Pen
function M.new(width, height, title)
  local pen = setmetatable({}, Pen)
  pen:add('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" '
    .. 'font-family="%s" style="font-variant-numeric:tabular-nums">', width, height, width, height, FONT)
  pen:add("<title>%s</title>", figures.xml(title))
  pen:rect(0.5, 0.5, width - 1, height - 1,
    string.format('rx="8" fill="%s" stroke="%s"', M.colour.card, M.colour.border))
  return pen
end

--- Ends it.
---@return string svg
function Pen:finish()
  self:add("</svg>")
  return table.concat(self, "\n") .. "\n"
end

--- Adds an element, or the beginning or end of one.
---@param format string
---@param ... any
function Pen:add(format, ...)
  self[#self + 1] = string.format(format, ...)
end

---@param x number
---@param y number     of its base line
---@param text string  of any origin
---@param style string  one of STYLES
---@param colour string
function Pen:text(x, y, text, style, colour)
  self:add('<text x="%.1f" y="%.1f" %s>%s</text>', x, y, STYLES[style]:format(colour), figures.xml(text))
end

---@param d string  what it draws
---@param attributes string  'fill="..."'
function Pen:path(d, attributes) self:add('<path d="%s" %s/>', d, attributes) end

---@param x1 number
---@param y1 number
---@param x2 number
---@param y2 number
---@param colour string
---@param more? string  further attributes
function Pen:line(x1, y1, x2, y2, colour, more)
  self:path(string.format("M%.1f %.1fL%.1f %.1f", x1, y1, x2, y2),
    string.format('stroke="%s"%s', colour, more and " " .. more or ""))
end

---@param x number
---@param y number
---@param width number
---@param height number
---@param attributes string
function Pen:rect(x, y, width, height, attributes)
  self:add('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" %s/>', x, y, width, height, attributes)
end

--- About how wide a word is as a label.
---@param word string
---@return number pixels
function M.widthOf(word)
  local narrow = select(2, word:gsub("[ijlrtf ,.]", ""))
  return narrow * NARROW + (#word - narrow) * WIDE
end

return M
