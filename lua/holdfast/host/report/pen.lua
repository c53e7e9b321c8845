-- SPDX-License-Identifier: MIT
--
-- Writes SVG that needs nothing else, an element a line, and has what all of a chart is drawn with: its colours and how
-- its texts look.  Colours are written as those on a light ground.  For a dark one they are exchanged: in the text, or
-- by the reader's own program with rules of CSS, one a colour, so no two names may have the same.

local figures = require "holdfast.host.report.figures"

local M = {}

M.colour = {
  card = "#ffffff", border = "#d5dae1", ink = "#16202e", text = "#4a5568", faint = "#7b8794", grid = "#e9edf2",
  midnight = "#cdd5df", price = "#334155", band = "#94a3b8", up = "#5fa8a0", down = "#d98880", win = "#0b8a6a",
  loss = "#cf3a3a", open = "#2b6cb0", equity = "#1f4e9c", hold = "#b7791f",
}

--- The same on a dark ground.
M.dark = {
  card = "#0f151c", border = "#2b3541", ink = "#e8eef4", text = "#aeb9c5", faint = "#7f8c9a", grid = "#1d2631",
  midnight = "#37434f", price = "#c7d0da", band = "#5b6b7e", up = "#4f9a92", down = "#bf7169", win = "#2cbd8c",
  loss = "#f2645f", open = "#5ba3ef", equity = "#78a9f7", hold = "#dca63f",
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
  date = 'font-size="11" fill="%s" font-weight="600"',
  notice = 'font-size="13" text-anchor="middle" stroke="' .. M.colour.card .. '" stroke-width="5" '
    .. 'stroke-linejoin="round" paint-order="stroke" fill="%s"', -- with a rim: there may be a line below it
}

-- About how wide letters of a label are, in pixels: fonts differ.
local NARROW, WIDE = 3.9, 6.7

---@class holdfast.host.Pen
local Pen = {}
Pen.__index = Pen

--- Rules of CSS that exchange the colours for those of a dark ground.
---@return string
function M.darkRules()
  local names, rules = {}, {}
  for name in pairs(M.colour) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local light, dark = M.colour[name], M.dark[name]
    rules[#rules + 1] = ('[fill="%s"]{fill:%s}[stroke="%s"]{stroke:%s}'):format(light, dark, light, dark)
  end
  return table.concat(rules)
end

---@class holdfast.host.PenOptions
---@field width integer  pixels
---@field height integer
---@field title string
---@field theme? "auto"|"light"|"dark"  auto, if left out: as the reader's screen is
---@field part? integer  which of several pictures in one page: its ids have to differ from theirs

--- Begins a picture: a card with a border.
---@param options holdfast.host.PenOptions
---@return holdfast.host.Pen
function M.new(options)
  local width, height = options.width, options.height
  local pen = setmetatable({ theme = options.theme or "auto", part = options.part or 0 }, Pen)
  pen:add('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" '
    .. 'font-family="%s" style="font-variant-numeric:tabular-nums">', width, height, width, height, FONT)
  pen:add("<title>%s</title>", figures.xml(options.title))
  if pen.theme == "auto" then pen:add("<style>@media(prefers-color-scheme:dark){%s}</style>", M.darkRules()) end
  pen:rect(0.5, 0.5, width - 1, height - 1,
    string.format('rx="8" fill="%s" stroke="%s"', M.colour.card, M.colour.border))
  return pen
end

local function darkened(svg)
  local known = {}
  for name, light in pairs(M.colour) do known[light] = M.dark[name] end
  return (svg:gsub('="(#%x+)"', function(light) return known[light] and '="' .. known[light] .. '"' end))
end

--- Ends it.
---@return string svg
function Pen:finish()
  self:add("</svg>")
  local svg = table.concat(self, "\n") .. "\n"
  return self.theme == "dark" and darkened(svg) or svg
end

--- Clips what is drawn from here to endClip to a rectangle.
---@param name string
---@param left number
---@param top number
---@param right number
---@param bottom number
function Pen:beginClip(name, left, top, right, bottom)
  local id = self.part > 0 and name .. self.part or name
  self:add('<clipPath id="%s"><rect x="%.1f" y="%.1f" width="%.1f" height="%.1f"/></clipPath>', id, left, top,
    right - left, bottom - top)
  self:add('<g clip-path="url(#%s)">', id)
end

--- Ends the clipping.
function Pen:endClip() self:add("</g>") end

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
