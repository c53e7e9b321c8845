-- SPDX-License-Identifier: MIT
--
-- A report for a terminal, at most WIDTH columns wide: what all came to, by strategy and by symbol where there are
-- several, then the trades.

local figures = require "holdfast.host.report.figures"
local summary = require "holdfast.host.report.summary"

local M = {}

local WIDTH = 100
local NAME_MAX = 16 -- characters of a name in a column
local PART_NAME_MAX = 24 -- and where it is what a line is of
local CELL = "%-18s  %-26s"

local function named(name) return figures.cut(figures.line(name), NAME_MAX) end

-- Which columns a trade has.  Those with `spare` go first where the line gets too long; `many` are there where there
-- are several strategies or symbols; what is plain is ASCII, so that it is as long as it has bytes.
local COLUMNS = {
  { name = "#", right = true, isPlain = true, show = function(_, number) return tostring(number) end },
  { name = "symbol", many = "symbols", show = function(one) return named(one.symbol) end },
  { name = "strategy", many = "strategies", show = function(one) return named(one.strategyName) end },
  { name = "side", isPlain = true, show = function(one) return one.position end },
  { name = "opened (UTC)", isPlain = true, show = function(one) return figures.time(one.openedAt) end },
  { name = "closed", isPlain = true, spare = 1, show = function(one) return figures.time(one.closedAt):sub(6) end },
  { name = "held", right = true, isPlain = true, show = function(one) return figures.duration(one.minutes) end },
  { name = "entry", right = true, isPlain = true, spare = 4,
    show = function(one) return figures.price(one.priceOpen) end },
  { name = "exit", right = true, isPlain = true, spare = 3,
    show = function(one) return figures.price(one.priceClose) end },
  { name = "reason", spare = 2, show = function(one) return named(figures.words(one.reason)) end },
  { name = "pnl", right = true, isPlain = true, show = function(one) return figures.percent(one.pnl) end },
  { name = "sum", right = true, isPlain = true, show = function(one) return figures.percent(one.cumulative) end },
}

local function columnOf(column, rows)
  local show, isPlain, cells, width = column.show, column.isPlain, {}, figures.length(column.name)
  for number, one in ipairs(rows) do
    local cell = show(one, number)
    cells[number] = cell
    width = math.max(width, isPlain and #cell or figures.length(cell))
  end
  cells[0] = column.name
  return { right = column.right, spare = column.spare, isPlain = isPlain, width = width, cells = cells }
end

local function lengthOf(made, gap)
  local sum = -gap
  for _, column in ipairs(made) do sum = sum + column.width + gap end
  return sum
end

local function sparest(made)
  local at
  for i, column in ipairs(made) do
    if column.spare and (not at or column.spare < made[at].spare) then at = i end
  end
  return at
end

local function pad(column, number)
  local text = column.cells[number]
  local space = string.rep(" ", column.width - (column.isPlain and #text or figures.length(text)))
  return column.right and space .. text or text .. space
end

-- The lines of a table: its heading, a rule, a line for each row.
local function tableLines(columns, rows)
  local made = {}
  for i, column in ipairs(columns) do made[i] = columnOf(column, rows) end
  local gap = lengthOf(made, 2) <= WIDTH and 2 or 1
  while lengthOf(made, gap) > WIDTH and sparest(made) do table.remove(made, sparest(made)) end
  local lines, space, cells = {}, string.rep(" ", gap), {}
  for number = 0, #rows do
    for i, column in ipairs(made) do cells[i] = pad(column, number) end
    lines[number + 1] = table.concat(cells, space, 1, #made)
  end
  table.insert(lines, 2, string.rep("-", math.min(WIDTH, lengthOf(made, gap))))
  return lines
end

local function tradeLines(report)
  local columns = {}
  for _, column in ipairs(COLUMNS) do
    if not column.many or #report[column.many] > 1 then columns[#columns + 1] = column end
  end
  return tableLines(columns, report.stats.trades)
end

local function partLines(name, parts)
  local columns = { { name = "by " .. name,
    show = function(part) return figures.cut(figures.line(part.name), PART_NAME_MAX) end } }
  for i, column in ipairs(summary.partColumns) do
    columns[i + 1] = { name = column.name, right = true, show = function(part) return column.show(part.stats) end }
  end
  return tableLines(columns, parts)
end

-- Two figures a line.
local function figureLines(stats)
  local list, lines = summary.figures(stats), {}
  for i = 1, #list, 2 do
    local line = string.format(CELL, list[i][1], list[i][2])
    if list[i + 1] then line = line .. "  " .. string.format("%-18s  %s", list[i + 1][1], list[i + 1][2]) end
    lines[#lines + 1] = line
  end
  return lines
end

--- The text.
---@param report holdfast.host.Report
---@return string text lines, each with its line break
function M.text(report)
  local lines = { figures.line(report:title() .. " (" .. report:origin() .. ")"), "" }
  local function append(list)
    for _, line in ipairs(list) do lines[#lines + 1] = line end
  end
  append(figureLines(report.stats))
  append { "", summary.signals(report.stats) }
  append(summary.remarks(report))
  for _, one in ipairs(summary.parts(report)) do
    append { "" }
    append(partLines(one.name, one.parts))
  end
  append { "" }
  append(#report.stats.trades > 0 and tradeLines(report) or { "No trades." })
  for i, line in ipairs(lines) do
    if #line > WIDTH then lines[i] = figures.cut(line, WIDTH) end
  end
  return table.concat(lines, "\n") .. "\n"
end

return M
