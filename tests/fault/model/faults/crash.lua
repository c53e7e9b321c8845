-- SPDX-License-Identifier: MIT
--
-- The process is killed at some moment: before or after an operation of the store, in a transaction or between two, in
-- a listener, in a function of the user.  Another one begins at once, or some minutes later.

local MINUTE = 60000

local M = {}

--- A step at random: plain data, which is all that it takes to do it again.
function M.draw(random)
  return { at = random(random(2) == 1 and 40 or 250), down = random(3) == 1 and random(4) or 0, minutes = random(4) }
end

function M.apply(world, step)
  local left = step.at
  world:arm(function(_, _, _, _, process)
    left = left - 1
    if left ~= 0 then return end
    process.dead, process.restartIn = true, step.down * MINUTE
    world:hit("crash", step.down * MINUTE)
  end)
end

return M
