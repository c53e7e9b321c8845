-- SPDX-License-Identifier: MIT
--
-- The process ends as its user ends it, and another one begins some minutes later: no fault, and it must not be one.

local MINUTE = 60000

local M = {}

function M.draw(random) return { down = random(4) - 1, minutes = random(4) } end

function M.apply(world, step)
  for i = #world.processes, 1, -1 do
    local process = world.processes[i]
    world:stop(process)
    world:startIn(step.down * MINUTE, process.runs)
  end
  world:hit("restart", step.down * MINUTE)
end

return M
