-- SPDX-License-Identifier: MIT
--
-- A table for people: columns under their titles, a line below these.  Columns in which nothing stands are left out.

local figures = require "holdfast.host.report.figures"

local M = {}

local GAP = "  "

---@class holdfast.cli.Column
---@field title string
---@field right? boolean  numbers, which end below each other

local function widthOf(column, index, rows)
  local width, isUsed = figures.length(column.title), false
  for _, row in ipairs(rows) do
    local text = row[index] or ""
    isUsed = isUsed or text ~= ""
    width = math.max(width, figures.length(text))
  end
  return isUsed and width or nil
end

local function cell(text, width, right)
  local blank = (" "):rep(width - figures.length(text))
  return right and blank .. text or text .. blank
end

--- The lines of a table.
---@param columns holdfast.cli.Column[]
---@param rows string[][]  texts on one line each; nil is an empty cell
---@return string head
---@return string rule
---@return string[] lines  one a row
function M.lines(columns, rows)
  local widths, total = {}, -#GAP
  for i, column in ipairs(columns) do
    widths[i] = widthOf(column, i, rows)
    total = total + (widths[i] and widths[i] + #GAP or 0)
  end
  local function line(textOf)
    local cells = {}
    for i, column in ipairs(columns) do
      if widths[i] then cells[#cells + 1] = cell(textOf(i), widths[i], column.right) end
    end
    return (table.concat(cells, GAP):gsub(" +$", ""))
  end
  local lines = {}
  for i, row in ipairs(rows) do lines[i] = line(function(column) return row[column] or "" end) end
  return line(function(column) return columns[column].title end), ("-"):rep(math.max(total, 0)), lines
end

return M
