-- SPDX-License-Identifier: MIT
--
-- Reports of what the adapters keep: the trades of all runs, live or of backtests, and of live ones what is open.

local adapters = require "holdfast.adapters"
local chartCandles = require "holdfast.host.runs.chart_candles"
local checks = require "holdfast.host.checks"
local core = require "holdfast.core"
local report = require "holdfast.host.report"
local trades = require "holdfast.host.state.trades"

local M = {}

local FIELDS = { "since", "till", "strategyName", "symbol", "frameName", "candles" }

---@class holdfast.host.StoredQuery
---@field since? number|string      trades that ended then or later
---@field till? number|string       trades that ended before
---@field strategyName? string
---@field symbol? string
---@field frameName? string         those of backtests of this frame; left out: those of live runs
---@field candles? table[]|table<string, table[]>|function|holdfast.host.CandleStore  for the
--- chart

-- Whether a row is of what is asked for.  What is no row is told by the report.
local function isWanted(row, query)
  return type(row) ~= "table" or (query.strategyName == nil or row.strategyName == query.strategyName)
    and (query.symbol == nil or row.symbol == query.symbol)
end

local function rowsOf(collection, query)
  local rows = {}
  for row in collection:values() do
    if isWanted(row, query) then rows[#rows + 1] = row end
  end
  return rows
end

local function isInOneStore()
  return core.adapters.isSameStore("PersistTradeAdapter", "PersistSignalAdapter")
    and core.adapters.isSameStore("PersistTradeAdapter", "PersistScheduleAdapter")
end

-- Calls fn at one moment, where all that it reads is in one store that can show one.
local function atOneMoment(fn)
  local collection = adapters.PersistTradeAdapter.collection()
  if isInOneStore() and collection.supports.snapshot and not core.inTransaction() then
    return core.snapshot(collection, fn)
  end
  return fn()
end

--- The report of what is stored.
---@param given? holdfast.host.StoredQuery
---@return holdfast.host.Report
---@raise invalid_argument; corrupt, io, ...
function M.report(given)
  given = given or {}
  if type(given) ~= "table" then
    checks.refuse("host.report: give a table such as {since=\"2024-02-07\"}, not a %s", type(given))
  end
  checks.fields("host.report", given, FIELDS)
  local asked = {}
  for field, value in pairs(given) do asked[field] = value end
  asked.candles = nil
  local query = trades.query("host.report", asked)
  local live = not query.backtest -- backtests leave nothing open
  local records = atOneMoment(function()
    local each = trades.each(asked, nil, "host.report")
    return report.collect {
      trades = function() return (each()) end,
      positions = live and rowsOf(adapters.PersistSignalAdapter.collection(), query) or nil,
      waiting = live and #rowsOf(adapters.PersistScheduleAdapter.collection(), query) or nil,
    }
  end)
  return report.new {
    records = records, candles = chartCandles.of(given.candles), symbol = given.symbol,
    strategyName = given.strategyName, frameName = given.frameName, since = given.since and query.since,
    till = given.till and query.till,
  }
end

return M
