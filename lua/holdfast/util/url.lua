-- SPDX-License-Identifier: MIT
--
-- The settings that every URL of a database server has, for backends that are scripts.  backends/redis has the same in
-- C.
--
--   connecttimeout=2s   how long making a connection may take
--   timeout=5s          how long an operation may take, all its tries and connections together
--   retries=2           how often what is safe to repeat is tried again, after 20 ms, 40 ms, ... (retry.lua)

local core = require "holdfast.core"

local M = {}

local UNITS = { ms = 0.001, s = 1, m = 60, h = 3600, d = 86400 }

-- A length of time such as "500ms", "5s", "1m", "12h" or "30d", in seconds.
local function duration(text, name)
  local number, unit = text:match("^(%d+%.?%d*)(%l+)$")
  local seconds = number and UNITS[unit] and tonumber(number) * UNITS[unit]
  if seconds and seconds > 0 then return seconds end
  error(core.error("invalid_argument",
    string.format("store URL: %s must be a time such as 500ms, 5s or 1m, not '%s'", name, text)), 0)
end

local function whole(text, name)
  if text:find("^%d+$") and #text < 4 then return tonumber(text) end
  error(core.error("invalid_argument",
    string.format("store URL: %s must be a whole number, not '%s'", name, text)), 0)
end

-- The settings that every server URL may have.
local SETTINGS = {
  timeout = { field = "timeout", parse = duration },
  connecttimeout = { field = "connectTimeout", parse = duration },
  retries = { field = "retries", parse = whole },
}

--- Takes the shared settings out of a URL; the rest of it is for the client library.
---@param url string
---@return {timeout: number, connectTimeout: number, retries: integer} settings  times in seconds
---@return string url  without them
function M.settings(url)
  local settings = { timeout = 5, connectTimeout = 2, retries = 2 }
  local head, query = url:match("^([^?]*)%?(.*)$")
  if not head then return settings, url end
  local rest = {}
  for parameter in query:gmatch("[^&]+") do
    local name, value = parameter:match("^([^=]*)=(.*)$")
    local setting = SETTINGS[name]
    if setting then
      settings[setting.field] = setting.parse(value, name)
    else
      rest[#rest + 1] = parameter
    end
  end
  return settings, #rest > 0 and head .. "?" .. table.concat(rest, "&") or head
end

return M
