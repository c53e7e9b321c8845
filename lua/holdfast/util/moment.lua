-- SPDX-License-Identifier: MIT
--
-- Moments of a store's past, as scripts say them: a revision, or a time.

local core = require "holdfast.core"

local M = {}

local EXAMPLES = "a revision such as 1207, or a time such as '2026-11-27T12:00:00Z'"

local function wrong(what, value)
  error(core.error("invalid_argument", string.format("%s: %s is no moment: give %s", what,
    type(value) == "string" and "'" .. value .. "'" or "a " .. type(value), EXAMPLES)), 0)
end

-- Days from 1970-01-01 to a date of the Gregorian calendar.
local function daysTo(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local era = math.floor(year / 400)
  local ofEra = year - era * 400
  return era * 146097 + ofEra * 365 + math.floor(ofEra / 4) - math.floor(ofEra / 100)
    + math.floor((153 * (month - 3) + 2) / 5) + day - 1 - 719468
end

local LENGTHS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function lengthOf(year, month)
  local isLeap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  return month == 2 and isLeap and 29 or LENGTHS[month]
end

local function dateOf(text)
  local year, month, day, rest = text:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)(.*)$"
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  if not year or year < 1970 or month < 1 or month > 12 or day < 1 or day > lengthOf(year, month) then return nil end
  return daysTo(year, month, day) * 86400000, rest
end

local function timeOf(text)
  local days, rest = dateOf(text)
  if not days or rest == "" then return days end
  local hour, minute, second, fraction = rest:match "^T(%d%d):(%d%d):(%d%d)(%.?%d*)Z$"
  hour, minute, second = tonumber(hour), tonumber(minute), tonumber(second)
  if not hour or hour > 23 or minute > 59 or second > 59 or fraction == "." then return nil end
  return days + ((hour * 60 + minute) * 60 + second) * 1000 + math.floor((tonumber("0" .. fraction)) * 1000 + 0.5)
end

--- The revision (0: a time is given) and the time in ms since 1970 (0: a revision is given) that `at` says.
---@param what string       who asks, for messages: "restore: at"
---@param at integer|string a revision; or a time in UTC: "2026-11-27", "2026-11-27T12:00:00Z", "...T12:00:00.250Z"
---@return integer revision
---@return integer time
---@raise invalid_argument
function M.read(what, at)
  if type(at) == "number" and at >= 1 and at % 1 == 0 then return at, 0 end
  local time = type(at) == "string" and timeOf(at)
  if not time then wrong(what, at) end
  return 0, time
end

return M
