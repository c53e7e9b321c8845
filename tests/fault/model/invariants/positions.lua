-- SPDX-License-Identifier: MIT
--
-- A position is opened once and closed once.  It comes by an opening alone, goes by an end alone that was durable
-- before or with it, and never comes back after that.  The same of what waits for its price.
--
-- Ids are made of the minute.  Which minutes were lived is in the outbox alone: where somebody removes that, and the
-- clock is set, a minute may come again, and its id with it.

local RANK = { idle = 0, scheduled = 1, opened = 2, closed = 3, cancelled = 3 }

local M = {}

function M.begin() return { opened = {}, waited = {}, ended = {}, moves = 0, made = {}, forgotten = {} } end

-- The entry of a strategy in what the outbox of a symbol has.
local function entryOf(levels, strategy)
  for id, entry in pairs(levels or {}) do
    if entry.strategyName == strategy then return { id = id, stage = entry.stage, at = entry.at } end
  end
end

local function isOver(world, key, id, ...)
  local strategy, symbol = key:match "^(.*)/(.*)$"
  local entry = entryOf(world.disk.content.partial[symbol .. "/levels"], strategy)
  if not entry or entry.id ~= id then return false end
  for _, stage in ipairs { ... } do
    if entry.stage == stage then return true end
  end
  return false
end

-- Notes that an id is in use; one that nobody can know any more, and whose minute may have come again, is as a new one.
local function use(state, id)
  if state.forgotten[id] and state.made[id] < state.moves then
    state.opened[id], state.waited[id], state.ended[id], state.forgotten[id] = nil, nil, nil, nil
    state.made[id] = nil
  end
  state.made[id] = state.made[id] or state.moves
end

local function signalChanged(state, change, world)
  local before, after, key = change.before, change.after, change.id
  if before and after and before.id ~= after.id then
    return ("%s: %s stands in the place of %s, which has not ended"):format(key, after.id, before.id)
  end
  if not after then
    if not isOver(world, key, before.id, "closed") then
      return ("%s: %s is gone and was not closed"):format(key, before.id)
    end
    state.ended[before.id] = "closed"
    return
  end
  if not before then use(state, after.id) end
  local over = state.ended[after.id]
  if over then return ("%s: %s is there again after it was %s"):format(key, after.id, over) end
  if before then return end
  if state.opened[after.id] then return key .. ": " .. after.id .. " is opened a second time" end
  state.opened[after.id] = true
end

local function scheduleChanged(state, change, world)
  local before, after, key = change.before, change.after, change.id
  if before and after and before.id ~= after.id then
    return ("%s: %s waits in the place of %s, which has not ended"):format(key, after.id, before.id)
  end
  if not after then
    if state.opened[before.id] or isOver(world, key, before.id, "cancelled", "closed") then return end
    return key .. ": " .. before.id .. " waited, is gone, and was not cancelled"
  end
  if not before then use(state, after.id) end
  local over = state.ended[after.id] or state.opened[after.id] and "opened"
  if over then return ("%s: %s waits again after it was %s"):format(key, after.id, over) end
  if before then return end
  if state.waited[after.id] then return key .. ": " .. after.id .. " is scheduled a second time" end
  state.waited[after.id] = true
end

-- Stages only go on, and one signal's entry goes only when that has ended.
local function stageChanged(state, old, new, key)
  if not new then
    if old and old.stage ~= "idle" then return key .. ": the entry of " .. old.id .. " is gone" end
    return
  end
  local isSame = old and old.id == new.id
  if isSame and (RANK[new.stage] < RANK[old.stage] or RANK[old.stage] == 3 and new.stage ~= old.stage) then
    return ("%s: %s was %s and is %s"):format(key, new.id, old.stage, new.stage)
  end
  if old and old.id ~= new.id and (old.stage == "opened" or old.stage == "scheduled") then
    return ("%s: the entry of %s goes while it is %s"):format(key, old.id, old.stage)
  end
  if RANK[new.stage] == 3 then state.ended[new.id] = new.stage end
end

local function outboxChanged(state, change, world)
  for _, each in ipairs(world.strategies) do
    local problem = stageChanged(state, entryOf(change.before, each.name), entryOf(change.after, each.name),
      each.name .. " in " .. change.id)
    if problem then return problem end
  end
end

local LOOKS = { signal = signalChanged, schedule = scheduleChanged, partial = outboxChanged }

function M.committed(state, changes, world)
  for _, name in ipairs { "partial", "signal", "schedule" } do -- what says why something went, first
    for _, change in ipairs(changes) do
      local problem = change.name == name and LOOKS[name](state, change, world)
      if problem then return problem end
    end
  end
end

--- Whoever is told of an end finds the position gone: where only the outbox has the end, removing that undoes it.
function M.told(_, event, _, world)
  if event.action ~= "closed" and event.action ~= "cancelled" then return end
  for _, name in ipairs { "signal", "schedule" } do
    local row = world.disk.content[name][event.strategyName .. "/" .. event.symbol]
    if row and row.id == event.signal.id then
      return ("%s was told to be %s and is still in '%s'"):format(row.id, event.action, name)
    end
  end
end

--- An older copy makes what has ended since open again; that is what docs/reliability.md says of it.
function M.restored(state, saved)
  saved.moves = state.moves
  return saved
end

--- The clock was set.
function M.clockMoved(state) state.moves = state.moves + 1 end

--- Somebody has removed the row of a position, or an outbox.
function M.removed(state, name, id, entity)
  if name == "signal" or name == "schedule" then state.ended[entity.id] = "removed" end
  if name ~= "partial" then return end
  for made in pairs(state.made) do
    if made:match "^[^/]*/([^/]*)/" == id:match "^(.*)/levels$" then state.forgotten[made] = true end
  end
end

return M
