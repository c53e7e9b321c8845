-- SPDX-License-Identifier: MIT
--
-- The collector's pause while the host works.  LuaJIT's collector begins a cycle whenever the heap has doubled, and
-- visits all that is alive in each: in a minute in which many open that was a third of the time.  So meanwhile a heap
-- of some size may become four times what is alive, as while entities are decoded (docs/performance.md).  A script that
-- has set its pause keeps it.

local M = {}

local PAUSE, LONG_PAUSE = 200, 400 -- what LuaJIT begins with; and the longest that we make of it
local SMALL_KIB, MORE_KIB = 4 * 1024, 64 * 1024 -- a heap that stays as it is; how much one may grow

local set -- by us, while it is

--- Lets the heap grow.
function M.relax()
  local heap = collectgarbage "count"
  if heap < SMALL_KIB then return end
  local pause = math.min(LONG_PAUSE, PAUSE + math.floor(MORE_KIB * 100 / heap))
  local was = collectgarbage("setpause", pause)
  if was == PAUSE then set = pause else collectgarbage("setpause", was) end
end

--- As it was before.
function M.restore()
  if not set then return end
  local now = collectgarbage("setpause", PAUSE)
  if now ~= set then collectgarbage("setpause", now) end
  set = nil
end

return M
