-- SPDX-License-Identifier: MIT
--
-- Times as words of the command line, as --since and --till, --from and --to take them: "2024-02-07",
-- "2024-02-07T22:03:00Z", milliseconds since 1970, or how long ago: "90s", "15m", "24h", "7d", "4w".

local calendar = require "holdfast.host.calendar"
local core = require "holdfast.core"

local M = {}

local UNITS = { s = 1000, m = 60000, h = 3600000, d = 86400000, w = 7 * 86400000 }

--- For argparse: the time in milliseconds since 1970, or nil and what is wrong with the word.
---@param word string
---@return number?
---@return string?
function M.convert(word)
  local count, unit = word:match("^(%d+)([smhdw])$")
  if count then return math.max(0, os.time() * 1000 - tonumber(count) * UNITS[unit]) end
  local isNumber = word:find "^%d+$" ~= nil
  local ok, time = pcall(calendar.toTime, "the time", isNumber and tonumber(word) or word)
  if ok then return time end
  local reason = (isNumber or word:find "^%d%d%d%d%-") and ": " .. core.toError(time).message or ""
  return nil, ("'%s' is no time such as 2024-02-07, 2024-02-07T22:03:00Z, or 7d for a week ago%s"):format(word, reason)
end

return M
