-- SPDX-License-Identifier: MIT
--
-- The collector while the host works.  LuaJIT's begins a cycle whenever the heap has doubled, visits all that is alive
-- in each, and does so in steps that are hardly begun when they end: in a minute in which many open that was a third of
-- the time.  So meanwhile a heap of some size may become four times what is alive, as while entities are decoded
-- (docs/performance.md), and steps are larger, though still far below a millisecond.  A script that has set either
-- keeps what it has set.

local M = {}

local SMALL_KIB, MORE_KIB = 4 * 1024, 64 * 1024 -- a heap whose pause stays as it is; how much one may grow
local USUAL = { setpause = 200, setstepmul = 200 } -- what LuaJIT begins with
local LONG_PAUSE, LARGE_STEP = 400, 1000

local ours = {} -- by option, what we have set

local function set(option, value)
  local was = collectgarbage(option, value)
  if was == USUAL[option] then ours[option] = value else collectgarbage(option, was) end
end

local function unset(option)
  if not ours[option] then return end
  local now = collectgarbage(option, USUAL[option])
  if now ~= ours[option] then collectgarbage(option, now) end
  ours[option] = nil
end

--- Lets the heap grow, and the collector do more at a time.
function M.relax()
  set("setstepmul", LARGE_STEP)
  local heap = collectgarbage "count"
  if heap < SMALL_KIB then return end
  set("setpause", math.min(LONG_PAUSE, USUAL.setpause + math.floor(MORE_KIB * 100 / heap)))
end

--- As it was before.
function M.restore()
  unset "setstepmul"
  unset "setpause"
end

return M
