-- SPDX-License-Identifier: MIT
--
-- A report as Markdown with tables as GitHub shows them: what all came to, by strategy and by symbol where there are
-- several, then the trades.

local columnsOf = require "holdfast.host.report.columns"
local figures = require "holdfast.host.report.figures"
local summary = require "holdfast.host.report.summary"

local M = {}

local function row(cells) return "| " .. table.concat(cells, " | ") .. " |" end

-- Adds a table: its heading, its rule, a line for each row.
local function addTable(lines, columns, rows)
  local names, rules = {}, {}
  for i, column in ipairs(columns) do names[i], rules[i] = column.name, column.isNumber and "--:" or ":--" end
  lines[#lines + 1] = row(names)
  lines[#lines + 1] = row(rules)
  for number, one in ipairs(rows) do
    local cells = {}
    for i, column in ipairs(columns) do cells[i] = figures.markdown(column.show(one, number)) end
    lines[#lines + 1] = row(cells)
  end
end

--- The text.
---@param report holdfast.host.Report
---@return string text
function M.text(report)
  local stats = report.stats
  local heading = figures.line(report:title() .. " (" .. report:origin() .. ")")
  local lines = { "# " .. figures.markdown(heading), "", row { "Figure", "Value" }, row { ":--", "--:" } }
  for _, one in ipairs(summary.figures(stats)) do lines[#lines + 1] = row(one) end
  lines[#lines + 1] = ""
  lines[#lines + 1] = summary.signals(stats) .. "."
  for _, line in ipairs(summary.remarks(report)) do
    lines[#lines + 1] = ""
    lines[#lines + 1] = figures.markdown(line) .. "."
  end
  for _, one in ipairs(summary.parts(report)) do
    lines[#lines + 1] = ""
    addTable(lines, columnsOf.ofParts(one.name), one.parts)
  end
  lines[#lines + 1] = ""
  if #stats.trades > 0 then
    addTable(lines, columnsOf.ofTrades(report), stats.trades)
  else
    lines[#lines + 1] = "No trades."
  end
  return table.concat(lines, "\n") .. "\n"
end

return M
