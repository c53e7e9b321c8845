-- SPDX-License-Identifier: MIT
--
-- The chart of a report, as SVG that needs nothing else: its figures, the price with the trades on it, and below, on
-- the same axis of time, the curve of the cumulative pnl with its drawdowns.

local equityPanel = require "holdfast.host.report.equity_panel"
local figures = require "holdfast.host.report.figures"
local marks = require "holdfast.host.report.marks"
local panels = require "holdfast.host.report.panels"
local pens = require "holdfast.host.report.pen"
local pricePanel = require "holdfast.host.report.price_panel"
local scale = require "holdfast.host.report.scale"

local colour = pens.colour
local MARGIN, AXIS_ROOM = panels.MARGIN, panels.AXIS_ROOM

local M = {}

-- Lengths in pixels, from the top of the picture where they are of a place.
local TITLE, SUBTITLE = 37, 57 -- base lines
local SUBTITLE_LETTER, TITLE_PART = 6.6, 0.6 -- letters of the title are larger: fewer of them fit
local TILES_TOP, TILE_NAME, TILE_VALUE, TILE_MORE = 76, 84, 106, 122 -- base lines, but for the first
local TILE_WIDTH_MIN, TILE_GAP = 128, 14
local PANELS_TOP, PANELS_FOOT = 172, 46 -- the latter from the bottom
local BARE_TOP = 34 -- of the panels, where there is no header
local PANEL_GAP, PRICE_PART = 44, 0.64 -- between the two, and how much of their height the price gets

-- Room around what is shown, as a part of its range.
local TIME_ROOM, PRICE_ROOM, EQUITY_ROOM = 0.012, 0.05, 0.1
local HOLD_ROOM = 1.5 -- of the range of the curve: so far what holding gave is shown
local LEVELS_ROOM = 0.25 -- of the range of prices: so far targets and stops are shown
local MOMENT_ROOM = 1800000 -- ms: on both sides, where all happened at one moment

local function tiles(stats)
  local function number(n) return figures.number(n, 2) end
  local against = stats.holdPnl and figures.signed(stats.totalPnl - stats.holdPnl, 2)
  return {
    { "TOTAL PNL", figures.percent(stats.totalPnl), "average " .. figures.percent(stats.averagePnl),
      stats.closed > 0 and (stats.totalPnl > 0 and "win" or stats.totalPnl < 0 and "loss") or nil },
    { "BUY AND HOLD", figures.percent(stats.holdPnl), against and "against it " .. against .. " pp" or "" },
    { "TRADES", tostring(stats.closed), string.format("%d won, %d lost", stats.wins, stats.losses) },
    { "WIN RATE", stats.winRate and figures.number(stats.winRate, 1) .. "%" or figures.none,
      string.format("%d open, %d cancelled", stats.open, stats.cancelled) },
    { "MAX DRAWDOWN", figures.number(stats.maxDrawdown, 2) .. " pp", "of cumulative pnl" },
    { "PROFIT FACTOR", number(stats.profitFactor),
      "avg " .. figures.percent(stats.averageWin) .. " / " .. figures.percent(stats.averageLoss) },
    { "SHARPE PER TRADE", number(stats.sharpe),
      stats.annualizedSharpe and "a year " .. number(stats.annualizedSharpe) or "too few for a year" },
    { "MEDIAN DURATION", figures.duration(stats.medianDurationMinutes),
      "average " .. figures.duration(stats.averageDurationMinutes) },
  }
end

local function header(pen, frame, view)
  local subtitle = view.origin
  if frame.known then
    subtitle = subtitle .. ", " .. figures.time(frame.from) .. " to " .. figures.time(frame.to) .. " UTC"
  end
  local width = frame.width - 2 * MARGIN
  local letters = math.floor(width / SUBTITLE_LETTER)
  pen:text(MARGIN, TITLE, figures.cut(figures.line(view.title), math.floor(letters * TITLE_PART)), "title", colour.ink)
  pen:text(MARGIN, SUBTITLE, figures.cut(figures.line(subtitle), letters), "subtitle", colour.faint)

  local list = tiles(view.stats)
  local count = math.min(#list, math.floor(width / TILE_WIDTH_MIN))
  local step = width / count
  for i = 1, count do
    local label, value, more, result = unpack(list[i], 1, 4)
    local x = MARGIN + (i - 1) * step
    if i > 1 then pen:line(x - TILE_GAP, TILES_TOP, x - TILE_GAP, TILE_MORE, colour.grid) end
    pen:text(x, TILE_NAME, label, "tileName", colour.faint)
    pen:text(x, TILE_VALUE, value, "tileValue", colour[result or "ink"])
    pen:text(x, TILE_MORE, more, "label", colour.text)
  end
end

-- ---------------------------------------------------------------------------------------------------------- ranges

-- A range that grows by values; what is not a finite number does not count.
local function range()
  local low, high = math.huge, -math.huge
  return function(...)
    for i = 1, select("#", ...) do
      local value = select(i, ...)
      if figures.finite(value) then low, high = math.min(low, value), math.max(high, value) end
    end
    return low, high
  end
end

local function timeRange(view, columns, step)
  local grow = range()
  for _, one in ipairs(marks.all(view.stats)) do grow(one.openedAt, one.closedAt) end
  for _, one in ipairs(view.cancelled) do grow(one.at) end
  if #columns > 0 then
    -- To the end of the last candle: the last column may be wider.
    local list = view.candles
    local last = list[#list].timestamp
    grow(columns[1].timestamp, last + (list[2] and last - list[#list - 1].timestamp or step))
  end
  local from, to = grow()
  if from > to then return 0, 1, false end
  if from == to then return from - MOMENT_ROOM, to + MOMENT_ROOM, true end
  return from, to, true
end

-- All of the candles and trades; targets and stops only as far as they do not make the rest small, and not where they
-- are not shown.
local function priceRange(view, columns)
  local grow = range()
  for _, column in ipairs(columns) do grow(column.low, column.high) end
  local list = marks.all(view.stats)
  for _, one in ipairs(list) do grow(one.priceOpen, one.priceClose) end
  local low, high = grow()
  local room = (high - low) * LEVELS_ROOM
  local function near(price)
    return figures.finite(price) and math.max(low - room, math.min(high + room, price)) or nil
  end
  for _, one in ipairs(#list <= marks.DETAILED_MAX and list or {}) do
    grow(near(one.priceTakeProfit), near(one.priceStopLoss))
  end
  low, high = grow()
  return scale.widen(low, high, PRICE_ROOM)
end

-- All of the curve; what holding gave only as far as it does not make the curve small.
local function equityRange(view)
  local grow = range()
  grow(0)
  for _, sum in ipairs(view.stats.curve) do grow(sum) end
  local low, high = grow()
  local room = high > low and (high - low) * HOLD_ROOM or math.huge
  for _, point in ipairs(view.hold) do grow(math.max(low - room, math.min(high + room, point.value))) end
  low, high = grow()
  return scale.widen(low, high, EQUITY_ROOM)
end

-- ---------------------------------------------------------------------------------------------------------- layout

local function frameOf(view, width, height, columns, step)
  local frame = { width = width, height = height, left = MARGIN, right = width - AXIS_ROOM }
  frame.from, frame.to, frame.known = timeRange(view, columns, step)
  -- With some room, so that marks at the ends are whole.
  frame.first, frame.last = scale.widen(frame.from, frame.to, TIME_ROOM)
  frame.x = scale.linear(frame.first, frame.last, frame.left, frame.right)
  frame.pixels = function(duration) return frame.x(frame.first + duration) - frame.left end
  return frame
end

---@class holdfast.host.View  what a chart shows
---@field title string
---@field origin string
---@field stats holdfast.host.Statistics
---@field cancelled { at?: number, price?: number }[]
---@field candles table[]  none: there is no panel of the price
---@field hold { at: number, value: number }[]  percent that holding gave, in order of time

---@class holdfast.host.ChartOptions
---@field width number   pixels
---@field height number
---@field theme? "auto"|"light"|"dark"
---@field isBare? boolean  without title and figures
---@field part? integer    which of several pictures in one page

--- The chart of a view.
---@param view holdfast.host.View
---@param options holdfast.host.ChartOptions
---@return string svg
function M.svg(view, options)
  local width, height = math.floor(options.width), math.floor(options.height)
  local columns, step = scale.columns(view.candles, math.min(scale.COLUMNS_MAX, width - MARGIN - AXIS_ROOM))
  local frame = frameOf(view, width, height, columns, step)
  local pen = pens.new { width = width, height = height, title = view.title, theme = options.theme,
    part = options.part }
  if not options.isBare then header(pen, frame, view) end

  local top, bottom = options.isBare and BARE_TOP or PANELS_TOP, height - PANELS_FOOT
  local list, price = {}, nil
  if #columns > 0 then
    local middle = math.floor(top + (bottom - top) * PRICE_PART)
    price = panels.new(frame, top, middle, priceRange(view, columns))
    list[1], top = price, middle + PANEL_GAP
  end
  local equity = panels.new(frame, top, bottom, equityRange(view))
  list[#list + 1] = equity
  panels.timeAxis(pen, frame, list)
  if price then pricePanel.draw(pen, frame, price, view, columns, step) end
  equityPanel.draw(pen, frame, equity, view)
  return pen:finish()
end

return M
