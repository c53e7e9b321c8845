-- SPDX-License-Identifier: MIT
--
-- Events: durable before anybody is told, told to every listener at least once, in the order in which they became
-- durable, a second time only with `redelivered`, and never two contents under one id.  None leaves the outbox before
-- all listeners were told, and in the end it is empty.

local plain = require "model.plain"

local M = {}

function M.begin() return { contents = {}, queues = {}, places = {}, told = {} } end

local function textOf(event)
  local copy = {}
  for k, v in pairs(event) do copy[k] = v end
  copy.id, copy.redelivered = nil, nil
  return plain.text(copy)
end

-- The events of all entries in an outbox, by id.
local function eventsIn(levels)
  local byId, list = {}, {}
  for _, entry in pairs(levels or {}) do
    for _, event in ipairs(entry.events or {}) do
      byId[event.id] = event
      list[#list + 1] = event
    end
  end
  return byId, list
end

local function wasToldToAll(state, id, world)
  for who = 1, world.listeners do
    if not (state.told[who] and state.told[who][id]) then return false end
  end
  return true
end

-- A new one: its id has no other content, and it is the next that listeners of its position are told of.
local function isNew(state, event)
  local text = textOf(event)
  local known = state.contents[event.id]
  if known and known ~= text then
    return ("the event %s has two contents: %s and %s"):format(event.id, known, text)
  end
  state.contents[event.id] = text
  local key = event.strategyName .. "/" .. event.symbol
  local queue = state.queues[key] or {}
  state.queues[key] = queue
  if state.places[event.id] then return end
  queue[#queue + 1] = event.id
  state.places[event.id] = #queue
end

function M.committed(state, changes, world)
  for _, change in ipairs(changes) do
    if change.name == "partial" then
      local before = eventsIn(change.before)
      local after, list = eventsIn(change.after)
      for id in pairs(before) do
        if not after[id] and not wasToldToAll(state, id, world) then
          return ("the event %s left the outbox before all listeners were told"):format(id)
        end
      end
      for _, event in ipairs(list) do
        local problem = not before[event.id] and isNew(state, event)
        if problem then return problem end
      end
    end
  end
end

function M.told(state, event, who, world)
  local stored = eventsIn(world.disk.content.partial[event.symbol .. "/levels"])[event.id]
  if not stored then return ("the event %s is told and not durable"):format(event.id) end
  local told = state.told[who] or { last = {} }
  state.told[who] = told
  if state.contents[event.id] ~= textOf(event) then
    return ("the event %s is told as %s and stored as %s"):format(event.id, textOf(event), state.contents[event.id])
  end
  if told[event.id] then
    if not event.redelivered then return ("the event %s is told a second time as if it were new"):format(event.id) end
    return
  end
  local key = event.strategyName .. "/" .. event.symbol
  if state.places[event.id] ~= (told.last[key] or 0) + 1 then
    return ("the event %s is told before the one that came before it"):format(event.id)
  end
  told[event.id], told.last[key] = true, state.places[event.id]
end

function M.settled(state, world)
  for id, levels in pairs(world.disk.content.partial) do
    local event = next((eventsIn(levels)))
    if event then return ("%s has %s still, and nothing is to be done any more"):format(id, event) end
  end
  for _, queue in pairs(state.queues) do
    for _, id in ipairs(queue) do
      if not wasToldToAll(state, id, world) then return ("the event %s was told to nobody"):format(id) end
    end
  end
end

--- What had been told stays told: after an older copy was put back, too, no id gets another content.  What is told from
--- there on may have been told before, and what was not told may never be.
function M.restored(state, _, world)
  state.queues, state.places = {}, {}
  for who in pairs(state.told) do state.told[who] = { last = {} } end
  for _, levels in pairs(world.disk.content.partial) do
    local _, list = eventsIn(levels)
    for _, event in ipairs(list) do
      local problem = isNew(state, event)
      if problem then return state, problem end
    end
  end
  return state
end

--- Somebody has removed what was not told yet, and what says that something was: of a symbol.
function M.removed(state, name, id)
  if name ~= "partial" then return end
  local ending = "/" .. id:match "^(.*)/levels$"
  for key, queue in pairs(state.queues) do
    if key:sub(-#ending) == ending then
      for _, event in ipairs(queue) do
        state.places[event] = nil
        for _, told in pairs(state.told) do told[event] = nil end
      end
      state.queues[key] = nil
      for _, told in pairs(state.told) do told.last[key] = nil end
    end
  end
end

return M
