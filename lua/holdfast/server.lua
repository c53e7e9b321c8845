-- SPDX-License-Identifier: MIT
--
-- What backends for database servers share when they are scripts: the settings that every server URL
-- has, deadlines, retrying, and keeping passwords out of what people read.  backends/redis has the same
-- rules in C.
--
--   connecttimeout=2s   how long making a connection may take
--   timeout=5s          how long an operation may take, all its tries and connections together
--   retries=2           how often what is safe to repeat is tried again, after 20 ms, 40 ms, ...
--
-- What is safe to repeat: everything that was not sent, and reads.  A write whose reply was lost is never repeated: it
-- is reported by M.lost().

local core = require "holdfast.core"
local ffi = require "ffi"

-- Names of our own, bound to the C functions: declarations are global to a Lua state, and scripts make theirs.
ffi.cdef [[
struct hf_server_timespec { long tv_sec; long tv_nsec; };
int hf_server_clock_gettime(int clock, struct hf_server_timespec *time) __asm__("clock_gettime");
int hf_server_poll(void *fds, unsigned long count, int timeout) __asm__("poll");
int hf_server_getpid(void) __asm__("getpid");
]]

local CLOCK_MONOTONIC = 1
local FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5

local M = {}

local UNITS = { ms = 0.001, s = 1, m = 60, h = 3600, d = 86400 }

--- A length of time such as "500ms", "5s", "1m", "12h" or "30d", in seconds.
---@param text string
---@param name string  of the setting, for the error
---@return number
function M.duration(text, name)
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
  timeout = { field = "timeout", parse = M.duration },
  connecttimeout = { field = "connectTimeout", parse = M.duration },
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

--- The URL, or any text that a client library made of it, without the URL's passwords.
---@param text string
---@param url string
---@return string
M.redact = core.redact

-- ---- time

local now = ffi.new("struct hf_server_timespec")

--- Seconds on a clock that only goes forward.
---@return number
function M.clock()
  ffi.C.hf_server_clock_gettime(CLOCK_MONOTONIC, now)
  return tonumber(now.tv_sec) + tonumber(now.tv_nsec) * 1e-9
end

--- Waits.
---@param seconds number
function M.sleep(seconds) ffi.C.hf_server_poll(nil, 0, math.ceil(seconds * 1000)) end

-- ---- errors and retrying

--- The error for a write of which nobody knows whether it happened: the connection was lost, or the deadline
--- passed, between sending it and the reply.
---@param code "unavailable"|"timeout"
---@param message string
---@return holdfast.Error
function M.lost(code, message)
  local err = core.error(code, message .. "; the write may have happened: read it before writing again")
  err.retryable = false
  return err
end

-- The tries behind the first one, which raised `err`.
local function tryAgain(settings, deadline, err, operation, ...)
  local pause = FIRST_PAUSE
  for _ = 1, settings.retries do
    local again = core.isError(err) and err.retryable and err.code == "unavailable"
    local wait = pause * (0.5 + math.random() / 2)
    if not again or M.clock() + wait >= deadline then break end
    M.sleep(wait)
    pause = math.min(2 * pause, LONGEST_PAUSE)
    local ok, result = pcall(operation, deadline, ...)
    if ok then return result end
    err = result
  end
  error(err, 0)
end

--- Runs operation(deadline, ...), and again after a pause when it raised an error that is retryable.
--- What is not safe to repeat must raise one that is not (M.lost).
---@generic T
---@param settings {timeout: number, retries: integer}
---@param operation fun(deadline: number, ...): T  deadline: on M.clock()
---@return T
function M.try(settings, operation, ...)
  local deadline = M.clock() + settings.timeout
  local ok, result = pcall(operation, deadline, ...)
  if ok then return result end
  return tryAgain(settings, deadline, result, operation, ...)
end

return M
