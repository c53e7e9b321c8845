-- SPDX-License-Identifier: MIT
--
-- The report of trading strategies, of the events of a run or of trades that a store has kept: statistics, as a table
-- for a terminal, as Markdown, as JSON, as a chart and as a page.  The formulas are in holdfast.host.report.statistics.

local chart = require "holdfast.host.report.chart"
local checks = require "holdfast.host.report.checks"
local figures = require "holdfast.host.report.figures"
local holdings = require "holdfast.host.report.holding"
local json = require "holdfast.host.report.json"
local markdown = require "holdfast.host.report.markdown"
local page = require "holdfast.host.report.page"
local period = require "holdfast.host.report.period"
local records = require "holdfast.host.report.records"
local statistics = require "holdfast.host.report.statistics"
local terminal = require "holdfast.host.report.terminal"

local WIDTH, HEIGHT = 1200, 760 -- pixels, of a chart of which no size is said

---@class holdfast.host.Report
---@field symbol? string       nil where there are several
---@field strategyName? string nil where there are several
---@field exchangeName? string
---@field frameName? string    nil: live runs
---@field candles table<string, table[]>  by symbol
---@field stats holdfast.host.Statistics
---@field strategies { name: string, stats: holdfast.host.Statistics }[]  each by itself, in order of their names
---@field symbols { name: string, stats: holdfast.host.Statistics }[]
---@field records holdfast.host.Records
---@field holding holdfast.host.Holding
local Report = {}
Report.__index = Report

-- ------------------------------------------------------------------------------------------------------------ making

local function partsOf(all, field, holding)
  local parts = {}
  for i, part in ipairs(records.parts(all, field)) do
    local stats = statistics.of(part.records)
    stats.holdPnl = holdings.pnl(holding, field, part.name)
    parts[i] = { name = part.name, stats = stats, records = part.records }
  end
  return parts
end

local function namesOf(parts)
  local names = {}
  for i, part in ipairs(parts) do names[i] = part.name end
  return names
end

--- What a report is of, out of stored trades: what is read while a store shows one moment.
---@param found { trades: table[]|fun(): table?, positions?: table[], waiting?: integer }  trades as PersistTradeAdapter
--- keeps them, a list or what gives them one by one; the rows of signals that are open, and how many wait
---@return holdfast.host.Records
---@raise invalid_argument with the trade and the field that is wrong
local function collect(found)
  checks.found(found)
  return records.ofStored(checks.each(found.trades), found.positions or {}, found.waiting or 0)
end

--- The report of a run, or of several.
---@param run { symbol?: string, strategyName?: string, exchangeName?: string, frameName?: string, events?: table[],
--- trades?: table[]|fun(): table?, positions?: table[], waiting?: integer, records?: holdfast.host.Records,
--- since?: number, till?: number,
--- candles?: table[]|table<string, table[]>|fun(symbol: string, from: number, till: number): table[]? }
--- events in order of time; or what collect() takes; or what it gave.  symbol and strategyName where there is one, and
--- of events that do not say theirs; candles, for the chart, in order of time, by symbol where there are several, or
--- what gives them: those of [from, till), with till math.huge where a position is still open
---@return holdfast.host.Report
---@raise invalid_argument with the event and the field that is wrong
local function new(run)
  checks.run(run)
  local all = run.events and records.ofEvents(run.events, run.symbol, run.strategyName) or run.records or collect(run)
  local report = setmetatable({
    exchangeName = run.exchangeName or all.exchangeName, frameName = run.frameName or all.frameName,
    since = run.since, till = run.till,
    records = all, stats = statistics.of(all),
  }, Report)
  for i, sum in ipairs(report.stats.curve) do all.trades[i].cumulative = sum end
  local symbols = namesOf(records.parts(all, "symbol"))
  report.symbol = run.symbol or not symbols[2] and symbols[1] or nil
  report.candles = period.candles(run, all, report.symbol, symbols[1] and symbols or { report.symbol })
  report.holding = holdings.of(all, report.candles)
  report.stats.holdPnl = holdings.pnl(report.holding)
  report.symbols = partsOf(all, "symbol", report.holding)
  report.strategies = partsOf(all, "strategyName", report.holding)
  report.strategyName = run.strategyName
    or not report.strategies[2] and report.strategies[1] and report.strategies[1].name or nil
  return report
end

-- --------------------------------------------------------------------------------------------------------- what it is

--- Whether it is of several symbols or strategies.
---@return boolean
function Report:isOfMany() return #self.symbols > 1 or #self.strategies > 1 end

local function nameOf(name, parts, many)
  if name then return name end
  return #parts == 0 and "all " .. many or #parts .. " " .. many
end

--- Of which symbol and strategy it is, or of how many: "BTCUSDT main", "3 symbols, 2 strategies".
---@return string
function Report:title()
  local symbol = nameOf(self.symbol, self.symbols, "symbols")
  return symbol .. (self.symbol and " " or ", ") .. nameOf(self.strategyName, self.strategies, "strategies")
end

--- What it is of: "csv, day" or "csv, live".
---@return string
function Report:origin()
  local text = (self.exchangeName and self.exchangeName .. ", " or "") .. (self.frameName or "live")
  if self.since then text = text .. ", since " .. figures.time(self.since) end
  if self.till then text = text .. ", till " .. figures.time(self.till) end
  return text
end

-- ------------------------------------------------------------------------------------------------------------- texts

--- The report for a terminal, at most 100 columns wide: what all came to, then the trades.
---@return string text lines, each with its line break
function Report:table() return terminal.text(self) end

--- The report as Markdown with tables as GitHub shows them.
---@return string text
function Report:markdown() return markdown.text(self) end

--- The report as JSON text: { symbol, strategyName, exchangeName, frameName, stats, byStrategy, bySymbol } with stats
--- as they are here.  All fields are always there, null where there is no value (also for infinity), and always in the
--- same order.
---@return string json
function Report:json() return json.text(self) end

-- ---------------------------------------------------------------------------------------------------------- pictures

--- What a chart shows: all, or one symbol.
---@param symbol? string
---@return holdfast.host.View
function Report:view(symbol)
  local part
  for _, one in ipairs(symbol and self:isOfMany() and self.symbols or {}) do
    if one.name == symbol then part = one end
  end
  if not part then
    if symbol and symbol ~= self.symbol then
      checks.refuse("svg: there is nothing of the symbol '%s'", figures.cut(figures.line(symbol), 40))
    end
    local only = self.symbol or ""
    return { title = self:title(), origin = self:origin(), stats = self.stats, cancelled = self.records.cancelled,
      candles = not self.symbols[2] and self.candles[only] or {}, hold = self.holding.curve }
  end
  local holding = holdings.of(part.records, { [symbol] = self.candles[symbol] })
  return { title = symbol .. " " .. nameOf(self.strategyName, self.strategies, "strategies"), origin = self:origin(),
    stats = part.stats, cancelled = part.records.cancelled, candles = self.candles[symbol] or {}, hold = holding.curve }
end

--- The report as a picture: the curve of the cumulative pnl beside what holding would have given, and, of one symbol
--- whose candles are known, the price with entries and exits.
---@param options? { width?: number, height?: number, symbol?: string, theme?: "auto"|"light"|"dark" }  in pixels; 1200
--- by 760 if left out; of one symbol where there are several; auto, if left out, is dark where the reader's screen is
---@return string svg
---@raise invalid_argument
function Report:svg(options)
  options = options or {}
  checks.picture(options)
  return chart.svg(self:view(options.symbol), { width = options.width or WIDTH, height = options.height or HEIGHT,
    theme = options.theme })
end

--- The report as one page of HTML that needs nothing else: what all came to, the charts, and the trades.
---@return string html
function Report:html() return page.html(self) end

return { new = new, collect = collect, checkTrade = checks.stored, checkPosition = checks.row }
