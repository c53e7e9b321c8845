-- SPDX-License-Identifier: MIT
--
-- Microseconds on a clock that only goes forward (os.clock counts the processor's time: a write waits for the disk).
-- With HOLDFAST_BENCH_CPU in the environment, of the processor's time that this process has had: what does not wait can
-- be measured on a busy machine, too.

local ffi = require "ffi"

-- Under a name of our own: what a name means to FFI is settled by whoever declares it first in the process.
ffi.cdef [[
  struct hf_bench_timespec { long seconds, nanoseconds; };
  int hf_bench_clock_gettime(int clock, struct hf_bench_timespec *time) __asm__("clock_gettime");
]]

local MONOTONIC, OF_PROCESS = 1, 2
local which = os.getenv("HOLDFAST_BENCH_CPU") and OF_PROCESS or MONOTONIC
local time = ffi.new("struct hf_bench_timespec")

local M = {}

function M.now()
  ffi.C.hf_bench_clock_gettime(which, time)
  return tonumber(time.seconds) * 1e6 + tonumber(time.nanoseconds) / 1e3
end

--- The µs that one of `ops` operations takes when fn does them all; begins with a clean heap.
function M.perOperation(ops, fn)
  collectgarbage()
  local start = M.now()
  fn()
  return (M.now() - start) / ops
end

local BATCH = 1000

--- The µs of one of `ops` accesses: prepare(n) makes the list of the next n of them, and act(list) does them, which is
--- what counts.  A thousand at a time, so that the heap is not mostly the list: a real caller has few ids in hand.
---@param ops integer
---@param makePrepare fun(): fun(n: integer): table
---@param act fun(list: table)
---@return number
function M.perAccess(ops, makePrepare, act)
  local us, done
  for _ = 1, 2 do -- once to warm up
    local prepare = makePrepare()
    us, done = 0, 0
    collectgarbage()
    while done < ops do
      local n = math.min(BATCH, ops - done)
      local list = prepare(n)
      local start = M.now()
      act(list)
      us, done = us + M.now() - start, done + n
    end
  end
  return us / done
end

return M
