-- SPDX-License-Identifier: MIT
--
-- The columns of the tables of a report in Markdown and in a page: of trades, and of what symbols and strategies came
-- to.  What they show is plain text of any origin: whoever writes it escapes it.

local figures = require "holdfast.host.report.figures"
local summary = require "holdfast.host.report.summary"

local M = {}

---@class holdfast.host.ReportColumn
---@field name string
---@field isNumber? boolean  stands at the right
---@field result? fun(one: table): number?  a gain or a loss: what is above or below zero
---@field many? "symbols"|"strategies"      there only where there are several
---@field show fun(one: table, number: integer): string

local TRADE = {
  { name = "#", isNumber = true, show = function(_, number) return tostring(number) end },
  { name = "Symbol", many = "symbols", show = function(one) return one.symbol end },
  { name = "Strategy", many = "strategies", show = function(one) return one.strategyName end },
  { name = "Side", show = function(one) return one.position end },
  { name = "Opened (UTC)", show = function(one) return figures.time(one.openedAt) end },
  { name = "Closed (UTC)", show = function(one) return figures.time(one.closedAt) end },
  { name = "Held", isNumber = true, show = function(one) return figures.duration(one.minutes) end },
  { name = "Entry", isNumber = true, show = function(one) return figures.price(one.priceOpen) end },
  { name = "Exit", isNumber = true, show = function(one) return figures.price(one.priceClose) end },
  { name = "Reason", show = function(one) return figures.words(one.reason) end },
  { name = "Pnl", isNumber = true, show = function(one) return figures.percent(one.pnl) end,
    result = function(one) return one.pnl end },
  { name = "Sum", isNumber = true, show = function(one) return figures.percent(one.cumulative) end },
  { name = "Note", show = function(one) return one.note or "" end },
}

--- Those of trades.
---@param report holdfast.host.Report
---@return holdfast.host.ReportColumn[]
function M.ofTrades(report)
  local columns = {}
  for _, column in ipairs(TRADE) do
    if not column.many or #report[column.many] > 1 then columns[#columns + 1] = column end
  end
  return columns
end

--- Those of parts: symbols, or strategies.
---@param name string  what they are
---@return holdfast.host.ReportColumn[]
function M.ofParts(name)
  local columns = { { name = "By " .. name, show = function(part) return part.name end } }
  for _, column in ipairs(summary.partColumns) do
    columns[#columns + 1] = {
      name = column.name:gsub("^%l", string.upper), isNumber = true,
      show = function(part) return column.show(part.stats) end,
      result = column.name == "total" and function(part) return part.stats.totalPnl end or nil,
    }
  end
  return columns
end

return M
