-- SPDX-License-Identifier: MIT
--
-- What a strategy host has left in the store, for a report: trades that ended, what is open, and how many signals wait.
-- What cannot be read, or is no trade, is complained of and left out, as in every scan (target.lua).

local core = require "holdfast.core"
local report = require "holdfast.host.report"
local trades = require "holdfast.host.state.trades"

local M = {}

local TRADE, SIGNAL, SCHEDULE = "trade", "signal", "schedule"
local NAMES_MAX = 10

-- Whether a check has no complaint.
local function isSound(store, entityName, id, check, value)
  local ok, raised = pcall(check, value, entityName .. ":" .. id)
  if ok then return true end
  raised = core.toError(raised)
  store:report(core.error("corrupt", raised.message, { entityName = entityName, entityId = id }))
  return false
end

-- Gives the sound trades of a query, one by one.
local function tradesOf(store, query)
  local persist = store:entity(TRADE)
  local each = trades.each(query, persist, "report")
  local items = store:items(persist, {}, function()
    local trade, id = each()
    return id, trade
  end)
  return function()
    for id, trade in items do
      if trade and isSound(store, TRADE, id, report.checkTrade, trade) then return trade end
    end
  end
end

-- The rows of signals of what is asked for; `check` says of one what is wrong with it.
local function rowsOf(store, entityName, query, check)
  local rows = {}
  for id, json in store:texts(store:entity(entityName)) do
    local row = core.json.decode(json)
    local isWanted = type(row) ~= "table" or (not query.strategyName or row.strategyName == query.strategyName)
      and (not query.symbol or row.symbol == query.symbol)
    if isWanted and isSound(store, entityName, id, check, row) then rows[#rows + 1] = row end
  end
  return rows
end

local function checkTable(row, name)
  if type(row) ~= "table" then error(core.error("invalid_argument", name .. " is no signal"), 0) end
end

--- The report of them, as of one moment where the store can show one.
---@param store table  target.lua
---@param query holdfast.host.TradeQuery
---@param candles any  what the report is told of them
---@return holdfast.host.Report
function M.report(store, query, candles)
  local run = { candles = candles, symbol = query.symbol, strategyName = query.strategyName,
    frameName = query.frameName, since = query.since, till = query.till }
  run.records = store:atOneMoment(store:entity(TRADE), function()
    local found = { trades = tradesOf(store, query) }
    if not query.frameName then -- backtests leave nothing open
      found.positions = rowsOf(store, SIGNAL, query, report.checkPosition)
      found.waiting = #rowsOf(store, SCHEDULE, query, checkTable)
    end
    return report.collect(found)
  end)
  return report.new(run) -- here, since candles may be in another store
end

-- ------------------------------------------------------------------------------------------- where there is nothing

local function notFound(hint, ...)
  local err = core.error("not_found", string.format(...), { entityName = TRADE })
  err.hint = hint
  error(err, 0)
end

-- The names in a set, as a text.
local function listed(set)
  local names, shown = {}, {}
  for name in pairs(set) do names[#names + 1] = name end
  table.sort(names)
  for i = 1, math.min(#names, NAMES_MAX) do shown[i] = names[i] end
  if #names > NAMES_MAX then shown[#shown + 1] = ("and %d more"):format(#names - NAMES_MAX) end
  return table.concat(shown, ", ")
end

-- What the trades of live runs, or those of backtests, are of: { symbol = set, strategyName = set, frameName = set }.
local function known(store, backtest)
  local sets, count = { symbol = {}, strategyName = {}, frameName = {} }, 0
  local each = trades.each({ backtest = backtest }, store:entity(TRADE), "report")
  while true do
    local ok, trade = pcall(each)
    if ok and not trade then return sets, count end
    if ok then
      count = count + 1
      for field, set in pairs(sets) do
        if type(trade[field]) == "string" then set[trade[field]] = true end
      end
    elseif not core.isError(trade, "corrupt") then
      error(trade, 0)
    end
  end
end

--- Raises not_found where what was asked for is nowhere in the store: then there is nothing to report, and the error
--- says what there is.  That a strategy closed nothing in some time is an answer, and raises nothing.
---@param store table
---@param query holdfast.host.TradeQuery
function M.explainNothing(store, query)
  local sets, count = known(store, query.frameName ~= nil)
  if query.frameName and not sets.frameName[query.frameName] then
    notFound(count > 0 and "there are those of " .. listed(sets.frameName) or "there are none of any frame",
      "there are no trades of a backtest of the frame '%s'", query.frameName)
  end
  if count == 0 then
    local backtests, some = known(store, true)
    if some > 0 then
      notFound("there are backtests: give --frame with one of " .. listed(backtests.frameName),
        "there are no trades of live runs in the store")
    end
    store:requireName(TRADE)
    notFound("a strategy host writes one as each signal ends, into the store of PersistTradeAdapter",
      "there are no trades in the store")
  end
  for field, what in pairs { symbol = "symbol", strategyName = "strategy" } do
    if query[field] and not sets[field][query[field]] then
      notFound("there are those of " .. listed(sets[field]), "there are no trades of the %s '%s'", what, query[field])
    end
  end
end

return M
