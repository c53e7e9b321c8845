-- SPDX-License-Identifier: MIT
--
-- The candles of reports, out of a store of candles (host.candleStore): of a time, and not more of them than a chart
-- can show, since a year of minutes as tables takes as long as all else of a report.

local calendar = require "holdfast.host.calendar"

local M = {}

local MOST = 6000 -- candles of a symbol; a chart has fewer columns than a quarter of that
local MINUTE = 60000

-- The names of the intervals, the shortest first.
local INTERVALS = {}
for name in pairs(calendar.intervals) do INTERVALS[#INTERVALS + 1] = name end
table.sort(INTERVALS, function(a, b) return calendar.intervals[a] < calendar.intervals[b] end)

-- Columns as candles, those of so many ms made into one.
local function joined(columns, step)
  local list, last = {}, -1
  local first = columns.timestamp[0]
  for i = 0, columns.count - 1 do
    local place = math.floor((columns.timestamp[i] - first) / step)
    local one = list[#list]
    if place > last then
      last = place
      list[#list + 1] = { timestamp = first + place * step, open = columns.open[i], high = columns.high[i],
        low = columns.low[i], close = columns.close[i] }
    else
      one.high, one.low = math.max(one.high, columns.high[i]), math.min(one.low, columns.low[i])
      one.close = columns.close[i]
    end
  end
  return list
end

-- The shortest candles that are kept of a time; nil where there are none.
local function kept(store, symbol, from, till)
  for _, interval in ipairs(INTERVALS) do
    local columns = store:columns(symbol, from, till, { interval = interval })
    if columns.count > 0 then return columns end
  end
end

--- What a report is given as candles: of a store of candles a function that asks it, and all else as it is.
---@param candles any
---@return any
function M.of(candles)
  if type(candles) ~= "table" or type(candles.columns) ~= "function" then return candles end
  return function(symbol, from, till)
    local columns = kept(candles, symbol, math.floor(from), math.ceil(till))
    if not columns then return nil end
    local length = columns.timestamp[columns.count - 1] - columns.timestamp[0]
    local step = columns.count > MOST and math.ceil(length / MOST / MINUTE) * MINUTE or 1
    return joined(columns, step)
  end
end

return M
