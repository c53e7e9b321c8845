-- SPDX-License-Identifier: MIT
--
-- The machine's clock is set wrong, forwards or back, by seconds or a year, or is put right.  Exchanges have candles up
-- to the true time only, or, where they go by the same clock, for whatever time they are asked for.

local MINUTE = 60000

local M = {}

local OFFSETS = { 1000, 45000, MINUTE, 3 * MINUTE, 17 * MINUTE, 1440 * MINUTE, 365 * 1440 * MINUTE }

function M.draw(random)
  local offset = random(3) == 1 and 0 or OFFSETS[random(#OFFSETS)]
  if random(3) == 1 then offset = -math.min(offset, 17 * MINUTE) end
  return { offset = offset, believes = random(2) == 1, minutes = random(4) - 1 }
end

function M.apply(world, step)
  world:setClock(step.offset)
  world.believes = step.believes and step.offset ~= 0
  world:hit("clock", 4 * MINUTE)
end

return M
