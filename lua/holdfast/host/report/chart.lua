-- SPDX-License-Identifier: MIT
--
-- The chart of a report, as SVG that needs nothing else: the price with the trades on it, and below, on the same axis
-- of time, the curve of the cumulative pnl with its drawdowns.

local figures = require "holdfast.host.report.figures"
local scale = require "holdfast.host.report.scale"

local M = {}

local colour = {
  card = "#ffffff", border = "#d5dae1", ink = "#16202e", text = "#4a5568", faint = "#7b8794", grid = "#e9edf2",
  midnight = "#cdd5df", price = "#334155", band = "#94a3b8", up = "#5fa8a0", down = "#d98880", win = "#0b8a6a",
  loss = "#cf3a3a", open = "#2b6cb0", equity = "#1f4e9c",
}
local font = "Inter,'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif"

-- Above so many trades they are shapes merged by kind, without targets, stops and tooltips.
local mostDetailed = 400
local mostColumns = 1500
-- Above so many trades marks are put on a grid with about mostMarks places, and lines, which would hide all, are left
-- out: the picture stays as small as for fewer.
local mostLines = 4000
local mostMarks = 12000

-- ------------------------------------------------------------------------------------------------------------ pen

---@class holdfast.host.Pen
local Pen = {}
Pen.__index = Pen

function Pen:add(format, ...)
  self[#self + 1] = string.format(format, ...)
end

-- attributes as text: 'fill="..."'
function Pen:text(x, y, text, attributes)
  self:add('<text x="%.1f" y="%.1f" %s>%s</text>', x, y, attributes, figures.xml(text))
end

function Pen:line(x1, y1, x2, y2, attributes)
  self:add('<path d="M%.1f %.1fL%.1f %.1f" %s/>', x1, y1, x2, y2, attributes)
end

function Pen:rect(x, y, width, height, attributes)
  self:add('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" %s/>', x, y, width, height, attributes)
end

-- ---------------------------------------------------------------------------------------------------------- shapes

local shapes = {}

-- The point of an entry's triangle is at its price.
function shapes.long(x, y)
  return string.format("M%.1f %.1fl5.5 9.5h-11z", x, y)
end

function shapes.short(x, y)
  return string.format("M%.1f %.1fl5.5 -9.5h-11z", x, y)
end

function shapes.win(x, y)
  return string.format("M%.1f %.1fa4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", x - 4, y)
end

function shapes.cross(x, y)
  return string.format("M%.1f %.1fl7 7m0 -7l-7 7", x - 3.5, y - 3.5)
end

-- Trades and what is still open.
local function everything(stats)
  local list = {}
  for _, one in ipairs(stats.trades) do list[#list + 1] = one end
  for _, one in ipairs(stats.positions) do list[#list + 1] = one end
  return list
end

local function resultOf(one)
  if not one.pnl then return "open" end
  return one.pnl > 0 and "win" or one.pnl < 0 and "loss" or "faint"
end

local function filled(result)
  return string.format('fill="%s" stroke="%s" stroke-width="1.2"', colour[result], colour.card)
end

-- A cross on a white one, so that it stays apart from what it lies on.
local function crosses(pen, d, stroke)
  pen:add('<path d="%s" fill="none" stroke="%s" stroke-width="4.5" stroke-linecap="round"/>', d, colour.card)
  pen:add('<path d="%s" fill="none" stroke="%s" stroke-width="2.2" stroke-linecap="round"/>', d, stroke)
end

local function exitMark(pen, result, x, y)
  if result == "loss" then return crosses(pen, shapes.cross(x, y), colour.loss) end
  pen:add('<path d="%s" %s/>', shapes.win(x, y), filled(result))
end

-- ---------------------------------------------------------------------------------------------------------- header

local function tiles(stats)
  local function number(n) return figures.number(n, 2) end
  return {
    { "TOTAL PNL", figures.percent(stats.totalPnl), "average " .. figures.percent(stats.averagePnl),
      stats.closed > 0 and (stats.totalPnl > 0 and "win" or stats.totalPnl < 0 and "loss") or nil },
    { "TRADES", tostring(stats.closed), string.format("%d won, %d lost", stats.wins, stats.losses) },
    { "WIN RATE", stats.winRate and figures.number(stats.winRate, 1) .. "%" or figures.none,
      string.format("%d open, %d cancelled", stats.open, stats.cancelled) },
    { "MAX DRAWDOWN", figures.number(stats.maxDrawdown, 2) .. " pp", "of cumulative pnl" },
    { "PROFIT FACTOR", number(stats.profitFactor),
      "avg " .. figures.percent(stats.averageWin) .. " / " .. figures.percent(stats.averageLoss) },
    { "SHARPE PER TRADE", number(stats.sharpe), "annualized " .. number(stats.annualizedSharpe) },
    { "MEDIAN DURATION", figures.duration(stats.medianDurationMinutes),
      "average " .. figures.duration(stats.averageDurationMinutes) },
  }
end

local function header(pen, frame, report)
  local subtitle = report:origin()
  if frame.known then
    subtitle = subtitle .. ", " .. figures.time(frame.from) .. " to " .. figures.time(frame.to) .. " UTC"
  end
  local most = math.floor((frame.width - 48) / 6.6)
  pen:text(24, 37, figures.cut(figures.line(report.symbol .. "  " .. report.strategyName), math.floor(most * 0.6)),
    string.format('font-size="20" font-weight="700" fill="%s"', colour.ink))
  pen:text(24, 57, figures.cut(figures.line(subtitle), most), string.format('font-size="12" fill="%s"', colour.faint))

  local list = tiles(report.stats)
  local count = math.min(#list, math.floor((frame.width - 48) / 128))
  local step = (frame.width - 48) / count
  for i = 1, count do
    local label, value, more, result = unpack(list[i], 1, 4)
    local x = 24 + (i - 1) * step
    if i > 1 then pen:line(x - 14, 76, x - 14, 122, string.format('stroke="%s"', colour.grid)) end
    pen:text(x, 84, label, string.format('font-size="10" letter-spacing=".6" fill="%s"', colour.faint))
    pen:text(x, 106, value, string.format('font-size="19" font-weight="600" fill="%s"', colour[result or "ink"]))
    pen:text(x, 122, more, string.format('font-size="11" fill="%s"', colour.text))
  end
end

-- ------------------------------------------------------------------------------------------------------------ axes

-- About how wide a word is at 11 pixels: fonts differ.
local function widthOf(word)
  local narrow = select(2, word:gsub("[ijlrtf ,.]", ""))
  return narrow * 3.9 + (#word - narrow) * 6.7
end

-- The title of a panel, and at its right what its marks mean: pairs of a drawing function and a word.
local function caption(pen, panel, title, items)
  pen:text(panel.left, panel.top - 10, title,
    string.format('font-size="12" font-weight="600" fill="%s"', colour.ink))
  local x, y = panel.right, panel.top - 14
  for i = #items, 1, -1 do
    local draw, word = items[i][1], items[i][2]
    x = x - widthOf(word)
    if x < panel.left + #title * 7 + 24 then return end
    pen:text(x, y + 4, word, string.format('font-size="11" fill="%s"', colour.text))
    draw(x - 12, y)
    x = x - 34
  end
end

-- Where the last value of a curve stands on its axis, whole inside the panel.
local function badgeAt(panel, value)
  return math.max(panel.top + 8, math.min(panel.bottom - 8, panel.y(value)))
end

-- No label where the badge of the last value will be.
local function valueAxis(pen, panel, last, show)
  local values, decimals = scale.values(panel.low, panel.high, math.floor((panel.bottom - panel.top) / 34))
  for _, value in ipairs(values) do
    local y = panel.y(value)
    pen:line(panel.left, y, panel.right, y, string.format('stroke="%s"', colour.grid))
    if not last or math.abs(badgeAt(panel, last) - y) > 13 then
      pen:text(panel.right + 8, y + 4, show(value, decimals), string.format('font-size="11" fill="%s"', colour.text))
    end
  end
end

local function timeAxis(pen, frame, panels)
  if not frame.known then return end
  local bottom = panels[#panels].bottom
  local ticks = scale.times(frame.first, frame.last, math.floor((frame.right - frame.left) / 78))
  for _, tick in ipairs(ticks) do
    local x = frame.x(tick.at)
    for _, panel in ipairs(panels) do
      pen:line(x, panel.top, x, panel.bottom,
        string.format('stroke="%s"', tick.strong and colour.midnight or colour.grid))
    end
    pen:text(x, bottom + 18, tick.label, string.format('font-size="11" text-anchor="middle" fill="%s"%s',
      tick.strong and colour.ink or colour.text, tick.strong and ' font-weight="600"' or ""))
  end
  pen:text(frame.width - 24, bottom + 18, "UTC",
    string.format('font-size="10" text-anchor="end" fill="%s"', colour.faint))
end

local function badge(pen, panel, value, label, fill)
  local y = badgeAt(panel, value)
  pen:rect(panel.right + 3, y - 9, widthOf(label) * 1.12 + 13, 18, string.format('rx="3" fill="%s"', fill))
  pen:text(panel.right + 8, y + 4, label, 'font-size="11" font-weight="600" fill="#ffffff"')
end

-- ----------------------------------------------------------------------------------------------------------- price

-- Columns in runs with nothing missing inside, but for a few.
local function runs(columns)
  local out = {}
  for i, column in ipairs(columns) do
    if i == 1 or column.index - columns[i - 1].index > 3 then out[#out + 1] = {} end
    table.insert(out[#out], column)
  end
  return out
end

local function candlesticks(pen, frame, panel, columns, step)
  local half = math.max(1, math.min(6, frame.pixels(step) * 0.36))
  local wicks, bodies = { up = {}, down = {} }, { up = {}, down = {} }
  for _, column in ipairs(columns) do
    local kind = column.close >= column.open and "up" or "down"
    local x = frame.x(column.timestamp + step / 2)
    local top, bottom = panel.y(math.max(column.open, column.close)), panel.y(math.min(column.open, column.close))
    table.insert(wicks[kind], string.format("M%.1f %.1fV%.1f", x, panel.y(column.high), panel.y(column.low)))
    table.insert(bodies[kind], string.format("M%.1f %.1fh%.1fv%.1fh-%.1fz", x - half, top, 2 * half,
      math.max(1, bottom - top), 2 * half))
  end
  for _, kind in ipairs { "up", "down" } do
    pen:add('<path d="%s" stroke="%s"/>', table.concat(wicks[kind]), colour[kind])
    pen:add('<path d="%s" fill="%s"/>', table.concat(bodies[kind]), colour[kind])
  end
end

-- The band from low to high, and in it the line of the closes.
local function band(pen, frame, panel, columns, step)
  local areas, lines = {}, {}
  for _, run in ipairs(runs(columns)) do
    local there, back, line = {}, {}, {}
    for i, column in ipairs(run) do
      local x = frame.x(column.timestamp + step / 2)
      there[i] = string.format("%.1f %.1f", x, panel.y(column.high))
      back[#run + 1 - i] = string.format("%.1f %.1f", x, panel.y(column.low))
      line[i] = string.format("%.1f %.1f", x, panel.y(column.close))
    end
    areas[#areas + 1] = "M" .. table.concat(there, "L") .. "L" .. table.concat(back, "L") .. "z"
    lines[#lines + 1] = "M" .. table.concat(line, "L") .. (#run == 1 and "h1" or "")
  end
  pen:add('<path d="%s" fill="%s" fill-opacity=".45"/>', table.concat(areas), colour.band)
  pen:add('<path d="%s" fill="none" stroke="%s" stroke-width="1.2" stroke-linejoin="round"/>', table.concat(lines),
    colour.price)
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
  pen:rect(from, math.min(y, open), math.max(1, to - from), math.abs(open - y),
    string.format('fill="%s" fill-opacity=".07"', colour[result]))
  if level >= panel.low and level <= panel.high then
    pen:line(from, y, math.max(from + 1, to), y,
      string.format('stroke="%s" stroke-opacity=".55" stroke-dasharray="3 2"', colour[result]))
  end
end

local function detailed(pen, frame, panel, list)
  for _, one in ipairs(list) do
    local from, to = frame.x(one.openedAt), frame.x(one.closedAt or frame.to)
    zone(pen, panel, from, to, one.priceOpen, one.priceTakeProfit, "win")
    zone(pen, panel, from, to, one.priceOpen, one.priceStopLoss, "loss")
  end
  for _, one in ipairs(list) do
    local result = resultOf(one)
    local x1, y1 = frame.x(one.openedAt), panel.y(one.priceOpen)
    local x2, y2 = frame.x(one.closedAt or frame.to), panel.y(one.priceClose or one.priceOpen)
    pen:add("<g><title>%s</title>", tooltip(one))
    pen:line(x1, y1, x2, y2, string.format('stroke="%s" stroke-width="1.5" stroke-dasharray="%s"', colour[result],
      one.pnl and "none" or "5 3"))
    pen:add('<path d="%s" %s/>', shapes[one.position](x1, y1), filled(result))
    if one.pnl then exitMark(pen, result, x2, y2) end
    pen:add("</g>")
  end
end

-- One path for each kind of mark; marks that fall on the same place are drawn once.
local function dense(pen, frame, panel, list)
  local marks, seen = {}, {}
  local function mark(kind, d)
    marks[kind] = marks[kind] or {}
    if not seen[kind .. d] then
      seen[kind .. d] = true
      table.insert(marks[kind], d)
    end
  end
  local cell = 1
  if #list > mostLines then
    cell = math.ceil(math.sqrt((panel.right - panel.left) * (panel.bottom - panel.top) / mostMarks))
  end
  local function pixel(n) return math.floor(n / cell + 0.5) * cell end
  for _, one in ipairs(list) do
    local result = resultOf(one)
    local x1, y1 = pixel(frame.x(one.openedAt)), pixel(panel.y(one.priceOpen))
    mark("entry" .. result, string.format("M%d %dl3 %dh-6z", x1, y1, one.position == "long" and 6 or -6))
    if one.pnl and #list <= mostLines then
      local x2, y2 = pixel(frame.x(one.closedAt)), pixel(panel.y(one.priceClose))
      mark("way" .. result, string.format("M%d %dL%d %d", x1, y1, x2, y2))
    end
  end
  for _, result in ipairs { "faint", "open", "loss", "win" } do
    local ways, entries = marks["way" .. result], marks["entry" .. result]
    if ways then pen:add('<path d="%s" stroke="%s"/>', table.concat(ways), colour[result]) end
    if entries then pen:add('<path d="%s" fill="%s"/>', table.concat(entries), colour[result]) end
  end
end

local function cancelled(pen, frame, panel, events)
  local marks, seen = {}, {}
  for _, event in ipairs(events) do
    local price = event.action == "cancelled" and (event.signal.priceOpen or event.currentPrice)
    if figures.finite(price) and event.closeTimestamp and price >= panel.low and price <= panel.high then
      local x, y = math.floor(frame.x(event.closeTimestamp)), math.floor(panel.y(price))
      if not seen[x .. " " .. y] then marks[#marks + 1] = shapes.cross(x, y) end
      seen[x .. " " .. y] = true
    end
  end
  if #marks > 0 then crosses(pen, table.concat(marks), colour.faint) end
end

local function priceLegend(pen, report)
  local function path(shape, attributes)
    return function(x, y) pen:add('<path d="%s" %s/>', shape(x, y), attributes) end
  end
  local function swatch(result)
    return function(x, y)
      pen:rect(x - 7, y - 5, 14, 10, string.format('fill="%s" fill-opacity=".16"', colour[result]))
    end
  end
  local items = {
    { path(function(x, y) return shapes.long(x, y - 5) end, filled "text"), "long" },
    { path(function(x, y) return shapes.short(x, y + 5) end, filled "text"), "short" },
    { function(x, y) exitMark(pen, "win", x, y) end, "won" },
    { function(x, y) exitMark(pen, "loss", x, y) end, "lost" },
  }
  if report.stats.open > 0 then
    items[#items + 1] = { path(function(x, y) return shapes.long(x, y - 5) end, filled "open"), "still open" }
  end
  if report.stats.cancelled > 0 then
    items[#items + 1] = { function(x, y) crosses(pen, shapes.cross(x, y), colour.faint) end, "cancelled" }
  end
  if #everything(report.stats) <= mostDetailed then
    table.insert(items, 1, { swatch "win", "to take profit" })
    table.insert(items, 2, { swatch "loss", "to stop loss" })
  end
  return items
end

local function pricePanel(pen, frame, panel, report, columns, step)
  local last = columns[#columns].close
  valueAxis(pen, panel, last, figures.number)
  caption(pen, panel, "Price", priceLegend(pen, report))
  pen:add('<g clip-path="url(#price)">')
  if frame.pixels(step) >= 4 then
    candlesticks(pen, frame, panel, columns, step)
  else
    band(pen, frame, panel, columns, step)
  end
  local list = everything(report.stats)
  cancelled(pen, frame, panel, report.events)
  local draw = #list <= mostDetailed and detailed or dense
  draw(pen, frame, panel, list)
  pen:add("</g>")
  badge(pen, panel, last, figures.price(last), colour.price)
end

-- ---------------------------------------------------------------------------------------------------------- equity

-- The curve and its running maximum as the corners of steps, in pixels.
local function corners(frame, panel, trades)
  local curve, top = { { x = frame.left, y = panel.y(0) } }, { { x = frame.left, y = panel.y(0) } }
  local maximum = 0
  local function step(list, x, value)
    list[#list + 1] = { x = x, y = list[#list].y }
    list[#list + 1] = { x = x, y = panel.y(value) }
  end
  for _, one in ipairs(trades) do
    local x = frame.x(one.closedAt)
    maximum = math.max(maximum, one.cumulative)
    step(curve, x, one.cumulative)
    step(top, x, maximum)
  end
  curve[#curve + 1] = { x = frame.right, y = curve[#curve].y }
  top[#top + 1] = { x = frame.right, y = top[#top].y }
  local size = math.max(1, (frame.right - frame.left) / mostColumns)
  return scale.thin(curve, size), scale.thin(top, size)
end

local function path(points, backwards)
  local parts = {}
  for i, point in ipairs(points) do
    parts[backwards and #points + 1 - i or i] = string.format("%.1f %.1f", point.x, point.y)
  end
  return table.concat(parts, "L")
end

local function equityPanel(pen, frame, panel, report)
  local trades = report.stats.trades
  local total = report.stats.totalPnl
  valueAxis(pen, panel, #trades > 0 and total or nil, function(value, decimals)
    return figures.signed(value, math.max(1, decimals)) .. "%"
  end)
  caption(pen, panel, "Cumulative pnl", {
    { function(x, y)
      pen:line(x - 7, y, x + 7, y, string.format('stroke="%s" stroke-width="2"', colour.equity))
    end, "closed trades" },
    { function(x, y)
      pen:rect(x - 7, y - 5, 14, 10, string.format('fill="%s" fill-opacity=".16"', colour.loss))
    end, "drawdown" },
  })
  pen:line(panel.left, panel.y(0), panel.right, panel.y(0), string.format('stroke="%s"', colour.faint))
  if #trades == 0 then
    return pen:text((panel.left + panel.right) / 2, (panel.top + panel.bottom) / 2 - 12, "No closed trades",
      string.format('font-size="13" text-anchor="middle" fill="%s"', colour.faint))
  end
  local curve, top = corners(frame, panel, trades)
  pen:add('<path d="M%sL%sz" fill="%s" fill-opacity=".16"/>', path(top), path(curve, true), colour.loss)
  pen:add('<path d="M%s" fill="none" stroke="%s" stroke-width="1.8" stroke-linejoin="round"/>', path(curve),
    colour.equity)
  badge(pen, panel, total, figures.percent(total), total < 0 and colour.loss or colour.equity)
end

-- ---------------------------------------------------------------------------------------------------------- layout

-- A range that grows by values; what is no finite number does not count.
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

local function timeRange(report, columns, step)
  local grow = range()
  for _, one in ipairs(everything(report.stats)) do grow(one.openedAt, one.closedAt) end
  for _, event in ipairs(report.events) do grow(event.closeTimestamp) end
  if #columns > 0 then
    -- To the end of the last candle: the last column may be wider.
    local list = report.candles
    local last = list[#list].timestamp
    grow(columns[1].timestamp, last + (list[2] and last - list[#list - 1].timestamp or step))
  end
  local from, to = grow()
  if from > to then return 0, 1, false end
  if from == to then return from - 1800000, to + 1800000, true end
  return from, to, true
end

-- All of the candles and trades; targets and stops only as far as they do not make the rest small.
local function priceRange(report, columns)
  local grow = range()
  for _, column in ipairs(columns) do grow(column.low, column.high) end
  local list = everything(report.stats)
  for _, one in ipairs(list) do grow(one.priceOpen, one.priceClose) end
  local low, high = grow()
  local room = (high - low) * 0.25
  local function near(price)
    return figures.finite(price) and math.max(low - room, math.min(high + room, price)) or nil
  end
  for _, one in ipairs(list) do grow(near(one.priceTakeProfit), near(one.priceStopLoss)) end
  low, high = grow()
  return scale.widen(low, high, 0.05)
end

local function equityRange(trades)
  local grow = range()
  grow(0)
  for _, one in ipairs(trades) do grow(one.cumulative) end
  local low, high = grow()
  return scale.widen(low, high, 0.1)
end

local function panelOf(frame, top, bottom, low, high)
  return { left = frame.left, right = frame.right, top = top, bottom = bottom, low = low, high = high,
    y = scale.linear(low, high, bottom, top) }
end

local function frameOf(report, width, height, columns, step)
  local frame = { width = width, height = height, left = 24, right = width - 92 }
  frame.from, frame.to, frame.known = timeRange(report, columns, step)
  -- With some room, so that marks at the ends are whole.
  frame.first, frame.last = scale.widen(frame.from, frame.to, 0.012)
  frame.x = scale.linear(frame.first, frame.last, frame.left, frame.right)
  frame.pixels = function(duration) return frame.x(frame.first + duration) - frame.left end
  return frame
end

local function begin(width, height, title)
  local pen = setmetatable({}, Pen)
  pen:add('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" '
    .. 'font-family="%s" style="font-variant-numeric:tabular-nums">', width, height, width, height, font)
  pen:add("<title>%s</title>", figures.xml(title))
  pen:rect(0.5, 0.5, width - 1, height - 1, string.format('rx="8" fill="%s" stroke="%s"', colour.card, colour.border))
  return pen
end

--- The chart of a report.
---@param report holdfast.host.Report
---@param width number pixels
---@param height number pixels
---@return string svg
function M.svg(report, width, height)
  width, height = math.floor(width), math.floor(height)
  local columns, step = scale.columns(report.candles or {}, math.min(mostColumns, width - 116))
  local frame = frameOf(report, width, height, columns, step)
  local pen = begin(width, height, report.symbol .. " " .. report.strategyName)
  header(pen, frame, report)

  local top, bottom = 172, height - 36
  local panels, price = {}, nil
  if #columns > 0 then
    local middle = math.floor(top + (bottom - top) * 0.64)
    price = panelOf(frame, top, middle, priceRange(report, columns))
    panels[1], top = price, middle + 44
    pen:add('<clipPath id="price"><rect x="%.1f" y="%.1f" width="%.1f" height="%.1f"/></clipPath>', price.left,
      price.top, price.right - price.left, price.bottom - price.top)
  end
  local equity = panelOf(frame, top, bottom, equityRange(report.stats.trades))
  panels[#panels + 1] = equity
  timeAxis(pen, frame, panels)
  if price then pricePanel(pen, frame, price, report, columns, step) end
  equityPanel(pen, frame, equity, report)
  pen:add("</svg>")
  return table.concat(pen, "\n") .. "\n"
end

return M
