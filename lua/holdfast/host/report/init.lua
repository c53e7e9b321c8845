-- SPDX-License-Identifier: MIT
--
-- The report of a run of a trading strategy: statistics from its events, as a table for a terminal, as Markdown, as
-- JSON and as a chart.  The formulas are in holdfast.host.report.statistics.

local chart = require "holdfast.host.report.chart"
local checks = require "holdfast.host.report.checks"
local core = require "holdfast.core"
local figures = require "holdfast.host.report.figures"
local statistics = require "holdfast.host.report.statistics"

local finite, none = figures.finite, figures.none

---@class holdfast.host.Report
---@field symbol string
---@field strategyName string
---@field exchangeName? string
---@field frameName? string nil: a live run
---@field events table[]
---@field candles? table[]
---@field stats holdfast.host.Statistics
local Report = {}
Report.__index = Report

--- The report of a run.
---@param run { symbol: string, strategyName: string, exchangeName?: string, frameName?: string, events: table[],
--- candles?: table[] }  events in order of time; candles, for the chart, too
---@return holdfast.host.Report
---@raise invalid_argument with the event and the field that is wrong
local function new(run)
  checks.run(run)
  return setmetatable({
    symbol = run.symbol, strategyName = run.strategyName, exchangeName = run.exchangeName, frameName = run.frameName,
    events = run.events, candles = run.candles, stats = statistics.of(run.events),
  }, Report)
end

-- -------------------------------------------------------------------------------------------------------- summary

local function ratio(n)
  return figures.number(n, 2)
end

local function points(n)
  return figures.number(n, 2) .. " pp"
end

local function pair(a, b, show)
  if a == nil and b == nil then return none end
  return show(a) .. " / " .. show(b)
end

-- The main figures, name and value, as all texts for people show them.
local function summary(stats)
  return {
    { "Trades", string.format("%d (%d won, %d lost)", stats.closed, stats.wins, stats.losses) },
    { "Win rate", stats.winRate and figures.number(stats.winRate, 1) .. "%" or none },
    { "Total pnl", figures.percent(stats.totalPnl) },
    { "Average pnl", figures.percent(stats.averagePnl) },
    { "Best / worst", pair(stats.bestPnl, stats.worstPnl, figures.percent) },
    { "Average win / loss", pair(stats.averageWin, stats.averageLoss, figures.percent) },
    { "Profit factor", ratio(stats.profitFactor) },
    { "Max drawdown", points(stats.maxDrawdown) },
    { "Sharpe per trade", ratio(stats.sharpe) },
    { "Sharpe a year", ratio(stats.annualizedSharpe) },
    { "Median duration", figures.duration(stats.medianDurationMinutes) },
    { "Average duration", figures.duration(stats.averageDurationMinutes) },
  }
end

local function signalsLine(stats)
  local line = string.format("%d signals: %d scheduled, %d opened, %d closed, %d cancelled, %d still open, %d waiting",
    stats.signals, stats.scheduled, stats.opened, stats.closed, stats.cancelled, stats.open, stats.waiting)
  return stats.signals == 1 and line:gsub("^1 signals", "1 signal") or line
end

local function reasonLines(stats)
  local lines = {}
  local closed, cancelled = figures.counts(stats.byReason), figures.counts(stats.cancelledByReason)
  if closed then lines[#lines + 1] = "Closed by " .. closed end
  if cancelled then lines[#lines + 1] = "Cancelled by " .. cancelled end
  for _, one in ipairs(stats.positions) do
    lines[#lines + 1] = string.format("Still open: %s at %s since %s", one.position, figures.price(one.priceOpen),
      figures.time(one.openedAt))
  end
  return lines
end

--- What the report is of: "csv, day" or "csv, live".
function Report:origin()
  local exchange = self.exchangeName and self.exchangeName .. ", " or ""
  return exchange .. (self.frameName or "live")
end

-- ---------------------------------------------------------------------------------------------------------- table

local width = 100

-- Which columns a trade has in a terminal; those with `spare` go first where the line gets too long.
local columns = {
  { name = "#", right = true, show = function(_, number) return tostring(number) end },
  { name = "side", show = function(one) return one.position end },
  { name = "opened (UTC)", show = function(one) return figures.time(one.openedAt) end },
  { name = "closed", spare = 1, show = function(one) return figures.time(one.closedAt, "%m-%d %H:%M") end },
  { name = "held", right = true, show = function(one) return figures.duration(one.minutes) end },
  { name = "entry", right = true, show = function(one) return figures.price(one.priceOpen) end },
  { name = "exit", right = true, spare = 3, show = function(one) return figures.price(one.priceClose) end },
  { name = "reason", spare = 2, show = function(one) return figures.cut(figures.words(one.reason), 16) end },
  { name = "pnl", right = true, show = function(one) return figures.percent(one.pnl) end },
  { name = "sum", right = true, show = function(one) return figures.percent(one.cumulative) end },
}

local function columnOf(column, trades)
  local made = { right = column.right, spare = column.spare, width = #column.name, cells = {} }
  for number, one in ipairs(trades) do
    local cell = column.show(one, number)
    made.cells[number] = cell
    made.width = math.max(made.width, figures.length(cell))
  end
  made.cells[0] = column.name
  return made
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

local function pad(text, to, right)
  local space = string.rep(" ", to - figures.length(text))
  return right and space .. text or text .. space
end

local function tradeLines(trades)
  local made = {}
  for i, column in ipairs(columns) do made[i] = columnOf(column, trades) end
  local gap = lengthOf(made, 2) <= width and 2 or 1
  while lengthOf(made, gap) > width and sparest(made) do table.remove(made, sparest(made)) end
  local lines = {}
  for number = 0, #trades do
    local cells = {}
    for i, column in ipairs(made) do cells[i] = pad(column.cells[number], column.width, column.right) end
    lines[#lines + 1] = (table.concat(cells, string.rep(" ", gap)):gsub("%s+$", ""))
  end
  table.insert(lines, 2, string.rep("-", math.min(width, lengthOf(made, gap))))
  return lines
end

-- Two figures a line.
local function summaryLines(stats)
  local list, lines = summary(stats), {}
  for i = 1, #list, 2 do
    local line = string.format("%-18s  %-26s", list[i][1], list[i][2])
    if list[i + 1] then line = line .. string.format("  %-18s  %s", list[i + 1][1], list[i + 1][2]) end
    lines[#lines + 1] = line
  end
  return lines
end

--- The report for a terminal, at most 100 columns wide: trades, then the main figures.
---@return string text lines, each with its line break
function Report:table()
  local heading = string.format("%s %s (%s)", self.symbol, self.strategyName, self:origin())
  local lines = { figures.line(heading), "" }
  local function append(list)
    for _, line in ipairs(list) do lines[#lines + 1] = line end
  end
  append(#self.stats.trades > 0 and tradeLines(self.stats.trades) or { "No trades." })
  append { "" }
  append(summaryLines(self.stats))
  append { "", signalsLine(self.stats) }
  append(reasonLines(self.stats))
  for i, line in ipairs(lines) do lines[i] = figures.cut(line, width) end
  return table.concat(lines, "\n") .. "\n"
end

-- ------------------------------------------------------------------------------------------------------- markdown

local function row(cells)
  return "| " .. table.concat(cells, " | ") .. " |"
end

local function markdownTrade(one, number)
  return row {
    tostring(number), one.position, figures.time(one.openedAt), figures.time(one.closedAt),
    figures.duration(one.minutes), figures.price(one.priceOpen), figures.price(one.priceClose),
    figures.markdown(figures.words(one.reason)), figures.percent(one.pnl), figures.percent(one.cumulative),
    figures.markdown(one.note or ""),
  }
end

--- The report as Markdown with tables as GitHub shows them.
---@return string text
function Report:markdown()
  local stats = self.stats
  local heading = string.format("%s %s (%s)", self.symbol, self.strategyName, self:origin())
  local lines = { "# " .. figures.markdown(figures.line(heading)), "", row { "Figure", "Value" }, "| :-- | --: |" }
  for _, one in ipairs(summary(stats)) do lines[#lines + 1] = row(one) end
  lines[#lines + 1] = ""
  lines[#lines + 1] = signalsLine(stats) .. "."
  for _, line in ipairs(reasonLines(stats)) do
    lines[#lines + 1] = ""
    lines[#lines + 1] = figures.markdown(line) .. "."
  end
  lines[#lines + 1] = ""
  if #stats.trades == 0 then
    lines[#lines + 1] = "No trades."
  else
    lines[#lines + 1] = row {
      "#", "Side", "Opened (UTC)", "Closed (UTC)", "Held", "Entry", "Exit", "Reason", "Pnl", "Sum", "Note",
    }
    lines[#lines + 1] = "| --: | :-- | :-- | :-- | --: | --: | --: | :-- | --: | --: | :-- |"
  end
  for number, one in ipairs(stats.trades) do lines[#lines + 1] = markdownTrade(one, number) end
  return table.concat(lines, "\n") .. "\n"
end

-- ----------------------------------------------------------------------------------------------------------- json

-- The fields of the JSON and their order; a field without a value is there as null.
local tradeFields = {
  "id", "position", "note", "openedAt", "closedAt", "minutes", "priceOpen", "priceClose", "priceTakeProfit",
  "priceStopLoss", "reason", "pnl", "cumulative",
}
local positionFields = { "id", "position", "note", "openedAt", "priceOpen", "priceTakeProfit", "priceStopLoss" }
local statFields = {
  "signals", "scheduled", "opened", "closed", "cancelled", "open", "waiting", "wins", "losses", "winRate", "totalPnl",
  "averagePnl", "bestPnl", "worstPnl", "averageWin", "averageLoss", "profitFactor", "maxDrawdown", "deviation",
  "sharpe", "annualizedSharpe", "tradesPerYear", "medianDurationMinutes", "averageDurationMinutes",
}

-- JSON has no infinity: what is not a finite number has no value.
local function scalar(value)
  local kind = type(value)
  if kind == "number" and finite(value) or kind == "boolean" then return core.json.encode(value) end
  if kind == "string" then return core.json.encode(figures.utf8(value)) end
  return "null"
end

local function members(record, fields)
  local parts = {}
  for i, field in ipairs(fields) do parts[i] = scalar(field) .. ":" .. scalar(record[field]) end
  return table.concat(parts, ",")
end

local function object(record, fields)
  return "{" .. members(record, fields) .. "}"
end

local function list(records, fields)
  local parts = {}
  for i, record in ipairs(records) do parts[i] = "\n" .. object(record, fields) end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function byName(counts)
  local names = {}
  for name in pairs(counts) do names[#names + 1] = name end
  table.sort(names)
  return object(counts, names)
end

--- The report as JSON text: { symbol, strategyName, exchangeName, frameName, stats } with stats as they are here.  All
--- fields are always there, null where there is no value (also for infinity), and always in the same order.
---@return string json
function Report:json()
  local stats = self.stats
  return "{" .. members(self, { "symbol", "strategyName", "exchangeName", "frameName" })
    .. ',\n"stats":{' .. members(stats, statFields)
    .. ',\n"byReason":' .. byName(stats.byReason) .. ',"cancelledByReason":' .. byName(stats.cancelledByReason)
    .. ',\n"trades":' .. list(stats.trades, tradeFields)
    .. ',\n"positions":' .. list(stats.positions, positionFields) .. "}}\n"
end

-- ------------------------------------------------------------------------------------------------------------ svg

--- The report as a picture: price with entries and exits, and the curve of the cumulative pnl.
---@param options? { width?: number, height?: number }  in pixels; 1200 by 760 if left out
---@return string svg
---@raise invalid_argument
function Report:svg(options)
  options = options or {}
  checks.size(options)
  return chart.svg(self, options.width or 1200, options.height or 760)
end

return { new = new }
