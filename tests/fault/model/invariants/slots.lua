-- SPDX-License-Identifier: MIT
--
-- Risk slots are the open positions: whatever is open has its slot in each profile of its strategy, no profile ever has
-- more open positions than it allows, and in the end it has those slots and no others.

local M = {}

function M.begin() return {} end

local function slotsIn(world, profile)
  local list = world.disk.content.risk[profile .. "/positions"]
  local byId, count = {}, 0
  for _, slot in ipairs(list or {}) do
    byId[slot.signalId] = (byId[slot.signalId] or 0) + 1
    count = count + 1
  end
  return byId, count
end

-- The ids of the open positions of a profile.
local function openIn(world, profile)
  local open, count = {}, 0
  for key, row in pairs(world.disk.content.signal) do
    for _, name in ipairs(world.risksOf[row.strategyName] or {}) do
      if name == profile then
        open[row.id], count = key, count + 1
      end
    end
  end
  return open, count
end

local function concerns(changes)
  for _, change in ipairs(changes) do
    if change.name == "signal" or change.name == "risk" then return true end
  end
end

function M.committed(state, changes, world)
  if not concerns(changes) or state.unknown then return end
  for profile, most in pairs(world.profiles) do
    local open, count = openIn(world, profile)
    if count > most then return ("the profile %s has %d open positions and allows %d"):format(profile, count, most) end
    local slots = slotsIn(world, profile)
    for id, key in pairs(open) do
      if not slots[id] then return ("%s: %s is open without a slot in profile %s"):format(key, id, profile) end
    end
  end
end

-- Whether the slots are the open positions, and no others.
local function compare(world)
  for profile in pairs(world.profiles) do
    local open = openIn(world, profile)
    local slots = slotsIn(world, profile)
    for id, key in pairs(open) do
      if slots[id] ~= 1 then return ("%s: %s has %d slots in profile %s"):format(key, id, slots[id] or 0, profile) end
    end
    for id in pairs(slots) do
      if not open[id] then return ("the profile %s has a slot for %s, which is not open"):format(profile, id) end
    end
  end
end

--- A minute has passed in which nothing went wrong: what was left to do has been done.
function M.minute(state, _, _, world)
  if not state.unknown then return compare(world) end
end

function M.settled(state, world)
  state.unknown = nil
  return compare(world)
end

--- Positions that are open again have no slots until their runs have begun.
function M.restored(state)
  state.unknown = true
  return state
end

function M.removed(state, name)
  if name == "risk" then state.unknown = true end
end

return M
