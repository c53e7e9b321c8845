-- SPDX-License-Identifier: MIT
--
-- Aligned columns for people.  Widths are settled by the rows that are known at the beginning; further ones may follow,
-- and what is wider then pushes the rest of its line to the right.  On a terminal nothing is wider than that: texts are
-- cut, and columns that have no room are left out and named.  Numbers and times are never cut.

local glyphs = require "holdfast.cli.console.glyphs"

local GAP = 2 -- blanks between columns
local LEAST = 8 -- columns of the screen to which a text may be cut

---@class holdfast.cli.Grid
---@field titles string[]
---@field widths integer[]
---@field right boolean[]   whether the column is of numbers
---@field whole boolean[]   whether nothing in it may be cut
---@field left integer[]    the numbers of the columns that have room
---@field hidden string[]   the titles of those that have none
---@field cuts boolean
local Grid = {}
Grid.__index = Grid

local M = {}

-- What a cell says: text, or a number.
local function textOf(cell)
  if cell == nil then return "" end
  if type(cell) == "number" then return string.format("%.14g", cell) end
  return type(cell) == "table" and (cell.number or cell.whole) or cell
end

local function isNumber(cell) return type(cell) == "number" or (type(cell) == "table" and cell.number ~= nil) end

-- Narrows the widest texts until all columns fit, or none can be narrowed any more.
local function narrow(self, width)
  local total = -GAP
  for i, w in ipairs(self.widths) do
    if not self.whole[i] then self.widths[i] = math.min(w, math.max(width, LEAST)) end
    total = total + self.widths[i] + GAP
  end
  while total > width do
    local widest
    for i, w in ipairs(self.widths) do
      if not self.whole[i] and w > LEAST and (not widest or w > self.widths[widest]) then widest = i end
    end
    if not widest then break end
    self.widths[widest] = self.widths[widest] - 1
    total = total - 1
  end
end

-- Leaves out the columns for which there is no room, from the right; the first stays in any case.
local function leaveOut(self, width)
  local total = -GAP
  for i, w in ipairs(self.widths) do
    total = total + w + GAP
    if i == 1 or (total <= width and #self.hidden == 0) then
      self.left[#self.left + 1] = i
    else
      self.hidden[#self.hidden + 1] = self.titles[i]
    end
  end
end

--- Settles the columns.
---@param titles string[]
---@param rows any[][]  cells: texts; numbers, or {number = text}, which stand at the right; {whole = text}, which is
---  never cut; nil is empty
---@param width? integer  of the terminal; nil: nothing is cut or left out
---@return holdfast.cli.Grid
function M.of(titles, rows, width)
  local self = setmetatable({ titles = {}, widths = {}, right = {}, whole = {}, left = {}, hidden = {},
    cuts = width ~= nil }, Grid)
  for i, title in ipairs(titles) do
    title = glyphs.harmless(title)
    local widest, numbers, others, cuttable = glyphs.width(title), 0, 0, 0
    for _, row in ipairs(rows) do
      local cell = row[i]
      widest = math.max(widest, glyphs.width(textOf(cell)))
      if isNumber(cell) then numbers = numbers + 1 elseif cell ~= nil then others = others + 1 end
      if type(cell) == "string" then cuttable = cuttable + 1 end
    end
    self.titles[i], self.widths[i] = title, widest
    self.right[i], self.whole[i] = numbers > 0 and others == 0, cuttable == 0
  end
  if width then narrow(self, width) end
  leaveOut(self, width or math.huge)
  return self
end

local function line(self, cells)
  local parts = {}
  for place, i in ipairs(self.left) do
    local shown, width = textOf(cells[i]), self.widths[i]
    if self.cuts and type(cells[i]) == "string" then shown = glyphs.cut(shown, width) end
    local isLast = place == #self.left and not self.right[i]
    parts[place] = isLast and shown or glyphs.pad(shown, width, self.right[i])
  end
  return (table.concat(parts, (" "):rep(GAP)):gsub(" +$", ""))
end

--- The line of titles.
---@return string
function Grid:head() return line(self, self.titles) end

--- A line below the titles, as wide as all columns.
---@return string
function Grid:rule()
  local total = -GAP
  for _, i in ipairs(self.left) do total = total + self.widths[i] + GAP end
  return ("-"):rep(math.max(total, 0))
end

--- The line of a row.
---@param row any[]  cells, as above; texts without control characters
---@return string
function Grid:line(row) return line(self, row) end

return M
