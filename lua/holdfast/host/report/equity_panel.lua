-- SPDX-License-Identifier: MIT
--
-- The panel of the cumulative pnl: the curve, and its drawdowns as the area up to its maximum so far.

local figures = require "holdfast.host.report.figures"
local panels = require "holdfast.host.report.panels"
local pens = require "holdfast.host.report.pen"
local scale = require "holdfast.host.report.scale"

local colour = pens.colour

local M = {}

local NOTICE_RISE = 12 -- pixels: above the middle, where the line of zero is
local CURVE = 'stroke-width="1.8" stroke-linejoin="round"'

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
  local size = math.max(1, (frame.right - frame.left) / scale.COLUMNS_MAX)
  return scale.thin(curve, size), scale.thin(top, size)
end

local function pathOf(points, backwards)
  local parts = {}
  for i, point in ipairs(points) do
    parts[backwards and #points + 1 - i or i] = string.format("%.1f %.1f", point.x, point.y)
  end
  return table.concat(parts, "L")
end

--- Draws it.
---@param pen holdfast.host.Pen
---@param frame table
---@param panel holdfast.host.Panel
---@param report holdfast.host.Report
function M.draw(pen, frame, panel, report)
  local trades = report.stats.trades
  local total = report.stats.totalPnl
  panels.valueAxis(pen, panel, #trades > 0 and total or nil, function(value, decimals)
    return figures.signed(value, math.max(1, decimals)) .. "%"
  end)
  panels.caption(pen, panel, "Cumulative pnl", {
    { panels.stroke(pen, colour.equity), "closed trades" },
    { panels.swatch(pen, "loss"), "drawdown" },
  })
  pen:line(panel.left, panel.y(0), panel.right, panel.y(0), colour.faint)
  if #trades == 0 then
    return pen:text((panel.left + panel.right) / 2, (panel.top + panel.bottom) / 2 - NOTICE_RISE, "No closed trades",
      "notice", colour.faint)
  end
  local curve, top = corners(frame, panel, trades)
  pen:path("M" .. pathOf(top) .. "L" .. pathOf(curve, true) .. "z", panels.tint "loss")
  pen:path("M" .. pathOf(curve), string.format('fill="none" stroke="%s" %s', colour.equity, CURVE))
  panels.badge(pen, panel, total, figures.percent(total), total < 0 and colour.loss or colour.equity)
end

return M
