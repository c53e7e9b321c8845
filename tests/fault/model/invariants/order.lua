-- SPDX-License-Identifier: MIT
--
-- The events of one signal: scheduled at most once and first, opened once, levels each once and upwards, then one end;
-- and in the end each position that was opened, or has ended, has been told so.  No minute in which something changed
-- is lived a second time.

local M = {}

function M.begin() return { signals = {}, last = {} } end

-- Whether the event may come after what its signal has had.
local function isAllowed(had, event)
  local action = event.action
  if had.over then return false end
  if action == "scheduled" then return not had.scheduled and not had.opened end
  if action == "opened" then return not had.opened end
  if action == "cancelled" then return had.scheduled and not had.opened end
  if action == "closed" then return had.opened end
  local level = had[event.way] or 0
  had[event.way] = event.level
  return had.opened and event.level > level
end

local function add(state, event)
  local had = state.signals[event.signal.id] or { symbol = event.symbol }
  state.signals[event.signal.id] = had
  if had[event.id] then return end
  if not isAllowed(had, event) then
    return ("%s comes after its signal was %s"):format(event.id, had.over or had.opened and "opened" or "nothing")
  end
  had[event.id] = true
  if event.action == "closed" or event.action == "cancelled" then had.over = event.action end
  had[event.action] = true
  local key = event.strategyName .. "/" .. event.symbol
  local last = state.last[key]
  if last and event.timestamp <= last and event.action ~= "partial" and not state.moved then
    return ("%s is of a minute in which something has changed already"):format(event.id)
  end
  state.last[key] = math.max(last or 0, event.timestamp)
end

function M.committed(state, changes)
  for _, change in ipairs(changes) do
    if change.name == "partial" then
      for id, entry in pairs(change.after or {}) do
        local before = change.before and change.before[id]
        local known = {}
        for _, event in ipairs(before and before.events or {}) do known[event.id] = true end
        for _, event in ipairs(entry.events) do
          local problem = not known[event.id] and add(state, event)
          if problem then return problem end
        end
      end
    end
  end
end

function M.settled(state, world)
  for _, row in pairs(world.disk.content.signal) do
    local had = state.signals[row.id]
    if not (had and had.opened) and not state.unknown then return row.id .. " is open, and nobody was told" end
    if had and had.over then return ("%s is open, and was told to be %s"):format(row.id, had.over) end
  end
  for id, had in pairs(state.signals) do
    local isThere = false
    for _, name in ipairs { "signal", "schedule" } do
      for _, row in pairs(world.disk.content[name]) do isThere = isThere or row.id == id end
    end
    if not (isThere or had.over or had.removed or state.unknown) then return id .. " is gone, and nobody was told" end
  end
end

--- The clock was set: a minute may come once more.
function M.clockMoved(state) state.moved = true end

--- A second end of one signal is what an older copy may bring.
function M.restored(state, saved)
  saved.unknown, saved.moved = true, saved.moved or state.moved
  return saved
end

-- What is not known any more of a symbol: what was told of it, and when.
local function forget(state, symbol)
  state.unknown = true
  for id, had in pairs(state.signals) do
    if had.symbol == symbol then state.signals[id] = nil end
  end
  for key in pairs(state.last) do
    if key:match "[^/]*$" == symbol then state.last[key] = nil end
  end
end

function M.removed(state, name, id, entity)
  if name == "partial" then return forget(state, id:match "^(.*)/levels$") end
  local had = (name == "signal" or name == "schedule") and state.signals[entity.id]
  if had then had.removed = true end
end

return M
