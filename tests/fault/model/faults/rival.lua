-- SPDX-License-Identifier: MIT
--
-- Two processes on one store, which share symbols and risk profiles: each runs half of the strategies, and at moments
-- outside of transactions the other one goes on.  A third one that wants to run what they run is refused.  Only where
-- processes can share a store.

local core = require "holdfast.core"
local plain = require "model.plain"

local M = {}

function M.draw(random, options)
  if not options.shared then return end
  return { seed = random(1000000), often = random(6), minutes = 1 + random(5) }
end

local function halves(world)
  local runs = { {}, {} }
  for i, run in ipairs(world:runs()) do table.insert(runs[i % 2 + 1], run) end
  return runs
end

-- The other processes go on with what is due.
local function letOthers(world, process)
  for _, other in ipairs { unpack(world.processes) } do
    if other ~= process and not other.dead then
      while world.agenda:step(world.agenda.time, other) do world:hit "rival" end
    end
  end
end

function M.apply(world, step)
  world:killAll()
  for _, runs in ipairs(halves(world)) do world:start(runs) end
  local ok, raised = pcall(world.start, world)
  if ok or not core.isError(raised, "busy") then
    return world:violate("rival", "another process runs what two run already: " .. tostring(raised))
  end
  local random, isOn = plain.random(step.seed), false
  world:arm(function(_, _, _, _, process)
    if isOn or world.disk.depth > 0 or random(step.often) ~= 1 then return end
    isOn = true
    letOthers(world, process)
    isOn = false
  end)
end

return M
