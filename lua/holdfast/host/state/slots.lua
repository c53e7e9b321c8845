-- SPDX-License-Identifier: MIT
--
-- The slots of risk profiles, as they are stored; PersistRiskAdapter keeps them.
--
-- Transitions that share a commit (together.lua) share the slots as well: each list is read once, before the first of
-- them, and written once, after the last.  A later one sees what an earlier one took; what one took that is undone is
-- undone here, too.  Lists are never changed in place: whoever changes one makes another of it.

local adapter = require "holdfast.adapters".PersistRiskAdapter
local core = require "holdfast.core"

---@class holdfast.host.Slots: holdfast.host.Book
local M = {}

local shared -- key -> { slots = list or nil, changed = boolean }, while transitions share them
local before -- key -> the same, as it was before the transition that is being done

local function load(key)
  local slots = adapter.readPositionData(key)
  if slots == nil then return {} end
  if type(slots) ~= "table" or #slots == 0 and next(slots) ~= nil then
    error(core.error("corrupt", ("the positions of the risk profile '%s' are no list"):format(key),
      { entityName = "risk" }), 0)
  end
  return slots
end

local function store(slots, key) adapter.writePositionData(slots and core.json.array(slots), key) end

--- The slots of a profile.
---@param key string
---@return holdfast.host.Slot[]  not to be changed
---@raise corrupt, io, ...
function M.read(key)
  local own = shared and shared[key]
  if own then return own.slots or {} end
  return load(key)
end

--- Puts others in their place.
---@param slots holdfast.host.Slot[]?
---@param key string
function M.write(slots, key)
  local own = shared and shared[key]
  if not own then return store(slots, key) end
  before[key] = before[key] or own
  shared[key] = { slots = slots, changed = true }
end

--- Begins to share those of some profiles.  To be called in the transaction of all.  What cannot be read is not shared:
--- whoever needs it is told why.
---@param keys table<string, true>
function M.share(keys)
  local list = {}
  for key in pairs(keys) do
    local ok, slots = pcall(load, key)
    if ok then list[key] = { slots = slots, changed = false } end
  end
  shared, before = list, {}
end

--- Does one transition of those that share them.
---@param fn fun(...)
---@param ... any
---@raise what fn raises; its changes are undone
function M.try(fn, ...)
  before = {}
  local ok, raised = pcall(fn, ...)
  if ok then return end
  for key, own in pairs(before) do shared[key] = own end
  error(raised, 0)
end

--- Writes what has changed.
function M.flush()
  for key, own in pairs(shared) do
    if own.changed then store(own.slots, key) end
  end
end

--- Shares them no more.  What was not written is forgotten.
function M.release() shared, before = nil, nil end

return M
