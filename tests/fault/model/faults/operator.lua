-- SPDX-License-Identifier: MIT
--
-- What an operator does while no host runs: takes a copy, puts an older one back, with its trades or without them,
-- removes an entity; and what a read
-- may find: an entity that is damaged, and is damaged until somebody writes it again or removes it.

local MINUTE = 60000

local M = {}

local NAMES = { "signal", "schedule", "risk", "partial", "trade" }
local ACTS = { "copy", "copy", "putBack", "putBackState", "remove", "damage", "heal" }

function M.draw(random)
  return {
    act = ACTS[random(#ACTS)], name = NAMES[random(#NAMES)], which = random(8), down = random(3) - 1,
    minutes = random(4),
  }
end

-- One of the entities of a name that there are.
local function pick(world, step)
  local ids = {}
  for id in pairs(world.disk.content[step.name]) do ids[#ids + 1] = id end
  table.sort(ids)
  return ids[(step.which - 1) % math.max(#ids, 1) + 1]
end

function M.apply(world, step)
  if step.act == "copy" then
    world.copy = world:backup()
    return
  end
  world:killAll()
  local id = pick(world, step)
  if (step.act == "putBack" or step.act == "putBackState") and world.copy then
    world:restore(world.copy, step.act == "putBackState" and "trade" or nil)
    world:hit "operator"
  elseif step.act == "remove" and id and world:removeEntity(step.name, id) then
    world:hit "operator"
  elseif step.act == "damage" and id then
    world.disk.damaged[step.name .. " " .. id] = true
    world:hit "operator"
  elseif step.act == "heal" then
    world.disk:heal()
  end
  world:hit("restart", step.down * MINUTE)
  world:startIn(step.down * MINUTE)
end

return M
