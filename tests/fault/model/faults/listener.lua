-- SPDX-License-Identifier: MIT
--
-- A function of the user's raises: a listener or callback before or after it has done what it is for, getSignal,
-- getCandles, or a validation.  A listener may also wait, for longer than anybody waits for it.

local holdfast = require "holdfast"
local processes = require "model.process"

local M = {}

local KINDS = { "listener", "listener", "callback", "getSignal", "getCandles", "validation" }

function M.draw(random)
  local kind = KINDS[random(#KINDS)]
  local phase = kind == "listener" and random(2) == 1 and "after" or "before"
  return {
    kind = kind, phase = phase, at = random(6), count = random(4), minutes = random(5) - 1,
    wait = phase == "after" and random(2) == 1 and random(300) * 1000 or nil, isText = random(2) == 1,
  }
end

function M.apply(world, step)
  local number = 0
  world:arm(function(kind, phase, _, _, process)
    if kind ~= step.kind or phase ~= step.phase then return end
    number = number + 1
    if number < step.at or number >= step.at + step.count then return end
    world:hit("listener", step.wait)
    if step.wait then
      world.isWaiting = true
      process.host.sleep(step.wait)
      if processes.acting() ~= process or process.dead then error("the process is gone", 0) end
    elseif step.isText then
      error("the function raises", 0)
    else
      error(holdfast.error("unavailable", "what the function calls is down"), 0)
    end
  end)
end

return M
