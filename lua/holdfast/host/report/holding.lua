-- SPDX-License-Identifier: MIT
--
-- Buying and holding: what the same amount would have given that each trade puts in, bought at the beginning and held,
-- once for each strategy on a symbol.  So it adds up as the sum of the trades does: a strategy that is always in the
-- market comes to it, before its fees.  Prices are those of candles, and where there are none those of the trades.

local order = require "holdfast.host.report.order"
local scale = require "holdfast.host.report.scale"

local M = {}

---@class holdfast.host.Holding
---@field symbols string[] those of which prices are known, in order
---@field bySymbol table<string, number> percent that its price has changed by
---@field runs table<string, table<string, boolean>> by symbol: the strategies that were on it
---@field curve { at: number, value: number }[] percent, of all together, in order of time

-- The prices of a symbol in order of time: { at, price }.
local function ofCandles(candles)
  local columns, step = scale.columns(candles, scale.COLUMNS_MAX)
  local points = { { at = candles[1].timestamp, price = candles[1].open } }
  for _, column in ipairs(columns) do points[#points + 1] = { at = column.timestamp + step, price = column.close } end
  return points
end

local function addPrice(bySymbol, symbol, at, price)
  if not price or price <= 0 then return end
  bySymbol[symbol] = bySymbol[symbol] or {}
  table.insert(bySymbol[symbol], { at = at, price = price })
end

-- The same for each symbol, of what was paid and got.
local function ofTrades(records)
  local bySymbol = {}
  for _, one in ipairs(records.trades) do
    addPrice(bySymbol, one.symbol, one.openedAt, one.priceOpen)
    addPrice(bySymbol, one.symbol, one.closedAt, one.priceClose)
  end
  for _, one in ipairs(records.positions) do addPrice(bySymbol, one.symbol, one.openedAt, one.priceOpen) end
  for _, points in pairs(bySymbol) do order.by(points, "at") end
  return bySymbol
end

local function runsOf(records, candles)
  local runs = {}
  for _, list in ipairs { records.trades, records.positions } do
    for _, one in ipairs(list) do
      runs[one.symbol] = runs[one.symbol] or {}
      runs[one.symbol][one.strategyName] = true
    end
  end
  if not next(runs) then
    for symbol in pairs(candles) do runs[symbol] = { [""] = true } end
  end
  return runs
end

local function countOf(set)
  local count = 0
  for _ in pairs(set) do count = count + 1 end
  return count
end

-- The sum of several curves, each a list of { at, value } in order of time.
local function sumOf(curves)
  if #curves == 1 then return curves[1] end
  local sum, total = {}, 0
  for _, curve in ipairs(curves) do
    local before = 0
    for _, point in ipairs(curve) do
      sum[#sum + 1] = { at = point.at, value = point.value - before } -- the change at first
      before = point.value
    end
  end
  order.by(sum, "at")
  for _, point in ipairs(sum) do
    total = total + point.value
    point.value = total
  end
  return sum
end

-- The changes of a price since its first one, in percent, times the number of runs on it.
local function changes(points, count)
  local curve = {}
  for i, point in ipairs(points) do
    curve[i] = { at = point.at, value = (point.price / points[1].price - 1) * 100 * count }
  end
  return curve
end

--- What holding would have given.
---@param records holdfast.host.Records
---@param candles table<string, table[]>  by symbol; none where there are none
---@return holdfast.host.Holding
function M.of(records, candles)
  local holding = { symbols = {}, bySymbol = {}, runs = runsOf(records, candles) }
  local prices, curves = ofTrades(records), {}
  for symbol in pairs(holding.runs) do
    local list = candles[symbol] and candles[symbol][1] and ofCandles(candles[symbol]) or prices[symbol]
    if list and list[1].price > 0 then
      prices[symbol] = list
      table.insert(holding.symbols, symbol)
    end
  end
  table.sort(holding.symbols)
  for i, symbol in ipairs(holding.symbols) do
    local list = prices[symbol]
    holding.bySymbol[symbol] = (list[#list].price / list[1].price - 1) * 100
    curves[i] = changes(list, countOf(holding.runs[symbol]))
  end
  holding.curve = curves[1] and sumOf(curves) or {}
  return holding
end

--- What it would have given: with all, one symbol, or one strategy.
---@param holding holdfast.host.Holding
---@param field? "symbol"|"strategyName"
---@param value? string
---@return number? percent  nil: no price is known
function M.pnl(holding, field, value)
  local sum
  for _, symbol in ipairs(holding.symbols) do
    local runs, times = holding.runs[symbol], 0
    if field == "strategyName" then
      times = runs[value] and 1 or 0
    elseif field == nil or symbol == value then
      times = countOf(runs)
    end
    if times > 0 then sum = (sum or 0) + holding.bySymbol[symbol] * times end
  end
  return sum
end

return M
