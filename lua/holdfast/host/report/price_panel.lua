-- SPDX-License-Identifier: MIT
--
-- The panel of the price: candles, or the band that they come to where there are many, and on it the trades with their
-- targets and stops.

local figures = require "holdfast.host.report.figures"
local marks = require "holdfast.host.report.marks"
local panels = require "holdfast.host.report.panels"
local pens = require "holdfast.host.report.pen"

local colour = pens.colour

local M = {}

-- Up to so many trades each has its tooltip.
local TOOLTIPS_MAX = 400
-- Above so many trades marks are put on a grid with about MARKS_MAX places, and lines, which would hide all, are left
-- out: the picture stays as small as for fewer.
local LINES_MAX = 4000
local MARKS_MAX = 12000

local CANDLE_STEP = 4 -- pixels: where columns are nearer to each other, there is a band in the place of candles
local BODY_PART, BODY_MIN, BODY_MAX = 0.36, 1, 6 -- half of a candle's body: of the step, and in pixels
local GAP_COLUMNS = 3 -- so many columns that are missing end the band
local SMALL, SMALLEST = 6, 4 -- pixels: the sides of the triangle of an entry among many, and among very many
local SMALL_GAP = 2 -- from the price to the point of the triangle
local LEAST = 1 -- pixels: what lasts no time or moves no price is seen all the same

local BAND = 'fill-opacity=".45"'
local CLOSES = 'stroke-width="1.2" stroke-linejoin="round"'
local ZONE = 'fill-opacity=".07"'
local LEVEL = 'stroke-opacity=".55" stroke-dasharray="3 2"'
local THIN = 'fill="none" stroke-width="1.1" stroke-linecap="round" stroke-opacity=".85"'
local WAY, OPEN_WAY = 'stroke-width="1.5" stroke-dasharray="none"', 'stroke-width="1.5" stroke-dasharray="5 3"'

-- Columns in runs with nothing missing inside, but for a few.
local function runs(columns)
  local out = {}
  for i, column in ipairs(columns) do
    if i == 1 or column.index - columns[i - 1].index > GAP_COLUMNS then out[#out + 1] = {} end
    table.insert(out[#out], column)
  end
  return out
end

local function candlesticks(pen, frame, panel, columns, step)
  local half = math.max(BODY_MIN, math.min(BODY_MAX, frame.pixels(step) * BODY_PART))
  local wicks, bodies = { up = {}, down = {} }, { up = {}, down = {} }
  for _, column in ipairs(columns) do
    local kind = column.close >= column.open and "up" or "down"
    local x = frame.x(column.timestamp + step / 2)
    local top, bottom = panel.y(math.max(column.open, column.close)), panel.y(math.min(column.open, column.close))
    table.insert(wicks[kind], string.format("M%.1f %.1fV%.1f", x, panel.y(column.high), panel.y(column.low)))
    table.insert(bodies[kind], string.format("M%.1f %.1fh%.1fv%.1fh-%.1fz", x - half, top, 2 * half,
      math.max(LEAST, bottom - top), 2 * half))
  end
  for _, kind in ipairs { "up", "down" } do
    pen:path(table.concat(wicks[kind]), string.format('stroke="%s"', colour[kind]))
    pen:path(table.concat(bodies[kind]), string.format('fill="%s"', colour[kind]))
  end
end

-- The band from low to high.
local function band(pen, frame, panel, columns, step)
  local areas = {}
  for _, run in ipairs(runs(columns)) do
    local there, back = {}, {}
    for i, column in ipairs(run) do
      local x = frame.x(column.timestamp + step / 2)
      there[i] = string.format("%.1f %.1f", x, panel.y(column.high))
      back[#run + 1 - i] = string.format("%.1f %.1f", x, panel.y(column.low))
    end
    areas[#areas + 1] = "M" .. table.concat(there, "L") .. "L" .. table.concat(back, "L") .. "z"
  end
  pen:path(table.concat(areas), string.format('fill="%s" %s', colour.band, BAND))
end

-- The line of the closes.
local function closes(pen, frame, panel, columns, step)
  local lines = {}
  for _, run in ipairs(runs(columns)) do
    local line = {}
    for i, column in ipairs(run) do
      line[i] = string.format("%.1f %.1f", frame.x(column.timestamp + step / 2), panel.y(column.close))
    end
    lines[#lines + 1] = "M" .. table.concat(line, "L") .. (#run == 1 and "h1" or "")
  end
  pen:path(table.concat(lines), string.format('fill="none" stroke="%s" %s', colour.price, CLOSES))
end

local function tooltip(one)
  local text = string.format("%s %s\nentry %s at %s", one.position, tostring(one.id), figures.price(one.priceOpen),
    figures.time(one.openedAt))
  if one.pnl then
    text = text .. string.format("\nexit %s at %s, %s\n%s", figures.price(one.priceClose), figures.time(one.closedAt),
      figures.words(one.reason), figures.percent(one.pnl))
  end
  if one.note then text = text .. "\n" .. one.note end
  local lines = {}
  for line in (text .. "\n"):gmatch("(.-)\n") do lines[#lines + 1] = figures.xml(line) end
  return table.concat(lines, "\n")
end

-- From the entry's price to a level: a tint, and a thin line at the level where it is in the picture.
local function zone(pen, panel, from, to, price, level, result)
  if not figures.finite(level) then return end
  local y = panel.y(math.max(panel.low, math.min(panel.high, level)))
  local open = panel.y(price)
  pen:rect(from, math.min(y, open), math.max(LEAST, to - from), math.abs(open - y),
    string.format('fill="%s" %s', colour[result], ZONE))
  if level >= panel.low and level <= panel.high then
    pen:line(from, y, math.max(from + LEAST, to), y, colour[result], LEVEL)
  end
end

local function detailed(pen, frame, panel, list)
  for _, one in ipairs(list) do
    local from, to = frame.x(one.openedAt), frame.x(one.closedAt or frame.to)
    zone(pen, panel, from, to, one.priceOpen, one.priceTakeProfit, "win")
    zone(pen, panel, from, to, one.priceOpen, one.priceStopLoss, "loss")
  end
  for _, one in ipairs(list) do
    local result = marks.resultOf(one)
    local x1, y1 = frame.x(one.openedAt), panel.y(one.priceOpen)
    local x2, y2 = frame.x(one.closedAt or frame.to), panel.y(one.priceClose or one.priceOpen)
    pen:add("<g><title>%s</title>", tooltip(one))
    pen:line(x1, y1, x2, y2, colour[result], one.pnl and WAY or OPEN_WAY)
    pen:path(marks.entry(one.position, x1, y1), marks.filled(result))
    if one.pnl then marks.exit(pen, result, x2, y2) end
    pen:add("</g>")
  end
end

local function smallEntry(one, x, y, side)
  local below = one.position == "long" and 1 or -1
  return string.format("M%.1f %.1fl%g %gh-%gz", x, y + SMALL_GAP * below, side / 2, side * below, side)
end

-- A thin line from entry to exit, and a small mark where it begins.
local function thin(pen, frame, panel, list)
  for _, one in ipairs(list) do
    local result = marks.resultOf(one)
    local x1, y1 = frame.x(one.openedAt), panel.y(one.priceOpen)
    local x2, y2 = frame.x(one.closedAt or frame.to), panel.y(one.priceClose or one.priceOpen)
    pen:add("<g><title>%s</title>", tooltip(one))
    pen:path(string.format("M%.1f %.1fL%.1f %.1f", x1, y1, x2, y2),
      string.format('stroke="%s" %s', colour[result], THIN))
    pen:path(smallEntry(one, x1, y1, SMALL), string.format('fill="%s"', colour[result]))
    pen:add("</g>")
  end
end

-- The same in one path for each kind of mark; marks that fall on the same place are drawn once.
local function dense(pen, frame, panel, list)
  local paths, seen = {}, {}
  local function mark(kind, d)
    paths[kind] = paths[kind] or {}
    if not seen[kind .. d] then
      seen[kind .. d] = true
      table.insert(paths[kind], d)
    end
  end
  local cell = 1
  if #list > LINES_MAX then
    cell = math.ceil(math.sqrt((panel.right - panel.left) * (panel.bottom - panel.top) / MARKS_MAX))
  end
  local function pixel(n) return math.floor(n / cell + 0.5) * cell end
  for _, one in ipairs(list) do
    local result = marks.resultOf(one)
    local x1, y1 = pixel(frame.x(one.openedAt)), pixel(panel.y(one.priceOpen))
    mark("entry" .. result, smallEntry(one, x1, y1, SMALLEST))
    if one.pnl and #list <= LINES_MAX then
      local x2, y2 = pixel(frame.x(one.closedAt)), pixel(panel.y(one.priceClose))
      mark("way" .. result, string.format("M%d %dL%d %d", x1, y1, x2, y2))
    end
  end
  for _, result in ipairs { "faint", "open", "loss", "win" } do
    local ways, entries = paths["way" .. result], paths["entry" .. result]
    if ways then pen:path(table.concat(ways), string.format('stroke="%s" %s', colour[result], THIN)) end
    if entries then pen:path(table.concat(entries), string.format('fill="%s"', colour[result])) end
  end
end

local function cancelled(pen, frame, panel, list)
  local crosses, seen = {}, {}
  for _, one in ipairs(list) do
    local price = one.price
    if figures.finite(price) and figures.finite(one.at) and price >= panel.low and price <= panel.high then
      local x, y = math.floor(frame.x(one.at)), math.floor(panel.y(price))
      if not seen[x .. " " .. y] then crosses[#crosses + 1] = marks.cross(x, y) end
      seen[x .. " " .. y] = true
    end
  end
  if #crosses > 0 then marks.crosses(pen, table.concat(crosses), colour.faint) end
end

local function legend(pen, stats)
  local function entry(position, result)
    local shift = position == "long" and -marks.LEGEND_SHIFT or marks.LEGEND_SHIFT
    return function(x, y) pen:path(marks.entry(position, x, y + shift), marks.filled(result)) end
  end
  local isDetailed = #marks.all(stats) <= marks.DETAILED_MAX
  local function result(name)
    if not isDetailed then return panels.stroke(pen, colour[name]) end
    return function(x, y) marks.exit(pen, name, x, y) end
  end
  local items = { { entry("long", "text"), "long" }, { entry("short", "text"), "short" }, { result("win"), "won" },
    { result("loss"), "lost" } }
  if stats.open > 0 then items[#items + 1] = { entry("long", "open"), "still open" } end
  if stats.cancelled > 0 then
    items[#items + 1] = { function(x, y) marks.crosses(pen, marks.cross(x, y), colour.faint) end, "cancelled" }
  end
  if isDetailed then
    items[#items + 1] = { panels.swatch(pen, "win"), "to take profit" }
    items[#items + 1] = { panels.swatch(pen, "loss"), "to stop loss" }
  end
  return items
end

local function drawTrades(pen, frame, panel, list)
  local draw = #list <= marks.DETAILED_MAX and detailed or #list <= TOOLTIPS_MAX and thin or dense
  draw(pen, frame, panel, list)
end

--- Draws it.
---@param pen holdfast.host.Pen
---@param frame table
---@param panel holdfast.host.Panel
---@param view holdfast.host.View
---@param columns table[]  of scale.columns
---@param step number      ms from one to the next
function M.draw(pen, frame, panel, view, columns, step)
  local last, list = columns[#columns].close, marks.all(view.stats)
  panels.valueAxis(pen, panel, last, figures.number)
  panels.caption(pen, panel, "Price", legend(pen, view.stats))
  pen:beginClip("price", panel.left, panel.top, panel.right, panel.bottom)
  local areCandles, isOnTop = frame.pixels(step) >= CANDLE_STEP, #list > marks.DETAILED_MAX
  local drawPrice = areCandles and candlesticks or closes
  if not areCandles then band(pen, frame, panel, columns, step) end
  if not isOnTop then drawPrice(pen, frame, panel, columns, step) end
  cancelled(pen, frame, panel, view.cancelled)
  drawTrades(pen, frame, panel, list)
  if isOnTop then drawPrice(pen, frame, panel, columns, step) end
  pen:endClip()
  panels.badge(pen, panel, last, figures.price(last), colour.price)
end

return M
