-- SPDX-License-Identifier: MIT
--
-- The machine's clocks, and waiting.  LuaJIT's FFI asks the system, so that no package is needed.

local ffi = require "ffi"

-- Names of our own, bound to the C functions: declarations are global to a Lua state, and scripts make theirs.
ffi.cdef [[
struct hf_clock_timespec { long seconds; long nanoseconds; };
int hf_clock_gettime(int clock, struct hf_clock_timespec *out) __asm__("clock_gettime");
int hf_clock_poll(void *fds, unsigned long count, int timeout) __asm__("poll");
]]

local CLOCK_REALTIME, CLOCK_MONOTONIC = 0, 1

local M = {}

local time = ffi.new("struct hf_clock_timespec")

--- Seconds since some fixed moment, on a clock that nobody sets.
---@return number
function M.now()
  ffi.C.hf_clock_gettime(CLOCK_MONOTONIC, time)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) * 1e-9
end

--- Milliseconds since 1970.
---@return integer
function M.wall()
  ffi.C.hf_clock_gettime(CLOCK_REALTIME, time)
  return tonumber(time.seconds) * 1000 + math.floor(tonumber(time.nanoseconds) / 1e6)
end

--- Waits: at least so long, but for signals.
---@param seconds number
function M.sleep(seconds) ffi.C.hf_clock_poll(nil, 0, math.ceil(seconds * 1000)) end

return M
