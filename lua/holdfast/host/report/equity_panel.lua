-- SPDX-License-Identifier: MIT
--
-- The panel of the cumulative pnl: the curve, its drawdowns as the area up to its maximum so far, and beside it what
-- buying and holding would have given.

local figures = require "holdfast.host.report.figures"
local panels = require "holdfast.host.report.panels"
local pens = require "holdfast.host.report.pen"
local scale = require "holdfast.host.report.scale"

local colour = pens.colour

local M = {}

local NOTICE_RISE = 12 -- pixels: above the middle, where the line of zero is
local CURVE = 'stroke-width="1.8" stroke-linejoin="round"'
local HOLD = 'stroke-width="1.3" stroke-linejoin="round"'

local function columnSize(frame) return math.max(1, (frame.right - frame.left) / scale.COLUMNS_MAX) end

-- The curve and its running maximum as the corners of steps, in pixels.
local function corners(frame, panel, stats)
  local curve, top = { { x = frame.left, y = panel.y(0) } }, { { x = frame.left, y = panel.y(0) } }
  local maximum = 0
  local function step(list, x, value)
    list[#list + 1] = { x = x, y = list[#list].y }
    list[#list + 1] = { x = x, y = panel.y(value) }
  end
  for i, one in ipairs(stats.trades) do
    local x = frame.x(one.closedAt)
    maximum = math.max(maximum, stats.curve[i])
    step(curve, x, stats.curve[i])
    step(top, x, maximum)
  end
  curve[#curve + 1] = { x = frame.right, y = curve[#curve].y }
  top[#top + 1] = { x = frame.right, y = top[#top].y }
  local size = columnSize(frame)
  return scale.thin(curve, size), scale.thin(top, size)
end

local function pathOf(points, backwards)
  local parts = {}
  for i, point in ipairs(points) do
    parts[backwards and #points + 1 - i or i] = string.format("%.1f %.1f", point.x, point.y)
  end
  return table.concat(parts, "L")
end

local function drawHold(pen, frame, panel, hold)
  local points = {}
  for i, point in ipairs(hold) do points[i] = { x = frame.x(point.at), y = panel.y(point.value) } end
  pen:path("M" .. pathOf(scale.thin(points, columnSize(frame))),
    string.format('fill="none" stroke="%s" %s', colour.hold, HOLD))
end

local function drawCurve(pen, frame, panel, stats)
  local curve, top = corners(frame, panel, stats)
  pen:path("M" .. pathOf(top) .. "L" .. pathOf(curve, true) .. "z", panels.tint "loss")
  pen:path("M" .. pathOf(curve), string.format('fill="none" stroke="%s" %s', colour.equity, CURVE))
end

--- Draws it.
---@param pen holdfast.host.Pen
---@param frame table
---@param panel holdfast.host.Panel
---@param view holdfast.host.View
function M.draw(pen, frame, panel, view)
  local stats, total = view.stats, view.stats.totalPnl
  local isEmpty, isHeld = #stats.trades == 0, #view.hold > 1
  panels.valueAxis(pen, panel, not isEmpty and total or nil, function(value, decimals)
    return figures.signed(value, math.max(1, decimals)) .. "%"
  end)
  local legend = { { panels.stroke(pen, colour.equity), "trades" }, { panels.swatch(pen, "loss"), "drawdown" } }
  if isHeld then table.insert(legend, 2, { panels.stroke(pen, colour.hold), "buy and hold" }) end
  panels.caption(pen, panel, "Cumulative pnl", legend)
  pen:line(panel.left, panel.y(0), panel.right, panel.y(0), colour.faint)
  pen:beginClip("equity", panel.left, panel.top, panel.right, panel.bottom)
  if isHeld then drawHold(pen, frame, panel, view.hold) end
  if not isEmpty then drawCurve(pen, frame, panel, stats) end
  pen:endClip()
  if isEmpty then
    return pen:text((panel.left + panel.right) / 2, (panel.top + panel.bottom) / 2 - NOTICE_RISE, "No closed trades",
      "notice", colour.faint)
  end
  panels.badge(pen, panel, total, figures.percent(total), total < 0 and colour.loss or colour.equity)
end

return M
