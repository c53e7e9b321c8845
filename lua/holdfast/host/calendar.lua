-- SPDX-License-Identifier: MIT
--
-- Times as scripts and people write them, always UTC, and the intervals of candles.

local checks = require "holdfast.host.checks"

local M = {}

local MINUTE = 60000

--- Lengths of the intervals of candles, in milliseconds.
M.intervals = {
  ["1m"] = MINUTE, ["3m"] = 3 * MINUTE, ["5m"] = 5 * MINUTE, ["15m"] = 15 * MINUTE, ["30m"] = 30 * MINUTE,
  ["1h"] = 60 * MINUTE, ["2h"] = 120 * MINUTE, ["4h"] = 240 * MINUTE, ["6h"] = 360 * MINUTE, ["8h"] = 480 * MINUTE,
  ["12h"] = 720 * MINUTE, ["1d"] = 1440 * MINUTE,
}

local refuse = checks.refuse

--- Raises unless there is an interval of that name.
---@param what string  for the error
---@param interval any
---@raise invalid_argument
function M.checkInterval(what, interval)
  if not M.intervals[interval] then
    local names = {}
    for name in pairs(M.intervals) do names[#names + 1] = name end
    table.sort(names, function(a, b) return M.intervals[a] < M.intervals[b] end)
    refuse("%s: interval %s: %s exist", what,
      type(interval) == "string" and "'" .. interval .. "'" or "of type " .. type(interval), table.concat(names, ", "))
  end
end

--- Milliseconds since the epoch, of such a number or of "2024-02-07T22:03:00Z" (or only its date), always UTC.
---@param what string  for the error
---@param date number|string
---@return number
function M.toTime(what, date)
  if type(date) == "number" then
    if date % 1 ~= 0 or date < 0 or date > 8.64e15 then refuse("%s: %s is no time", what, tostring(date)) end
    if date < 1e11 and date > 1e8 then
      refuse("%s: %d looks like seconds: times are milliseconds since the epoch", what, date)
    end
    return date
  end
  if type(date) == "string" and date:find "^%d+$" and #date > 8 then
    refuse("%s: the time is the text '%s': give the number, tonumber(...)", what, date)
  end
  local year, month, day, rest = tostring(date):match("^(%d%d%d%d)-(%d%d)-(%d%d)(.*)$")
  if type(date) ~= "string" or not year then
    refuse("%s must be a time in milliseconds since the epoch, or \"2024-02-07T22:03:00Z\", not %s", what,
      tostring(date))
  end
  local hour, minute, second = rest:match("^T(%d%d):(%d%d):(%d%d)%.?%d*Z$")
  if rest ~= "" and not hour then refuse("%s: write the time of day as T22:03:00Z, not '%s'", what, rest) end
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  local leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  local lengths = { 31, leap and 29 or 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
  if year < 1970 or not lengths[month] or day < 1 or day > lengths[month] then
    refuse("%s: %s is no date", what, date)
  end
  if hour and (tonumber(hour) > 23 or tonumber(minute) > 59 or tonumber(second) > 59) then
    refuse("%s: %s is no time of a day", what, date)
  end
  -- Days since the epoch, by counting years from March on.
  local y = month <= 2 and year - 1 or year
  local m = (month + 9) % 12
  local days = 365 * y + math.floor(y / 4) - math.floor(y / 100) + math.floor(y / 400)
    + math.floor((m * 306 + 5) / 10) + day - 1 - 719468
  return ((days * 24 + (tonumber(hour) or 0)) * 60 + (tonumber(minute) or 0)) * MINUTE + (tonumber(second) or 0) * 1000
end

-- Minutes that a zone is ahead of UTC: "+02:00" is 120.
local function offsetOf(zone)
  if zone == nil or zone == "UTC" or zone == "Z" then return 0 end
  local sign, hours, minutes = tostring(zone):match "^([+-])(%d%d):(%d%d)$"
  hours, minutes = tonumber(hours), tonumber(minutes)
  if not sign or hours > 14 or minutes > 59 then return nil end
  return (sign == "-" and -1 or 1) * (hours * 60 + minutes)
end

--- When the day began that a time is in.
---@param what string  for the error
---@param ms number
---@param zone? string  "+02:00": how far the days are ahead of those of UTC
---@return number ms
function M.startOfDay(what, ms, zone)
  local offset = offsetOf(zone)
  if not offset then
    refuse("%s: give the hours that days are ahead of UTC, such as \"+02:00\", not %s: names of places change their "
      .. "offset in the year", what, tostring(zone))
  end
  local day = 1440 * MINUTE
  return math.floor((ms + offset * MINUTE) / day) * day - offset * MINUTE
end

--- A time as text: 1707343380000 is "2024-02-07T22:03:00Z".
---@param ms number
---@return string
function M.date(ms)
  if type(ms) ~= "number" or ms ~= ms or math.abs(ms) > 1e15 then return tostring(ms) end
  return os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(ms / 1000))
end

return M
