-- SPDX-License-Identifier: MIT
--
-- The outbox: what has happened to signals and is not acknowledged by the listeners yet, and how far each signal has
-- come.  PersistPartialAdapter keeps it.
--
-- Its entity for a symbol maps ids of signals to entries, the latest one of each strategy.  An entry has the levels
-- that were reported, so that each is reported once, and the events that were made durable together with what they
-- tell of, until all listeners have acknowledged them.  A process that is killed in between finds them there and
-- delivers them again, under the same ids: nobody misses one.  The entry stays when its signal has ended.  It then
-- remembers when that was, and when the strategy was last asked, so that a minute that was lived through is not lived
-- again.

local core = require "holdfast.core"
local newTable = require "table.new"
local partial = require "holdfast.adapters".PersistPartialAdapter

local M = {}

local ENTRY_FIELDS = 11 -- of an entry, at most: room for them all at once

---@class holdfast.host.Entry
---@field id string            of the signal; "STRATEGY/SYMBOL" while there has been none
---@field strategyName string
---@field exchangeName string
---@field stage "idle"|"scheduled"|"opened"|"closed"|"cancelled"
---@field at number            ms: the minute of its last change
---@field askedAt number       ms: the minute in which getSignal was last asked
---@field profitLevels integer[]
---@field lossLevels integer[]
---@field events table[]       durable, and not known to be acknowledged

--- The entry of a strategy that has had no signal on this symbol.
---@param strategyName string
---@param exchangeName string
---@param symbol string
---@return holdfast.host.Entry
function M.new(strategyName, exchangeName, symbol)
  return {
    id = strategyName .. "/" .. symbol, strategyName = strategyName, exchangeName = exchangeName, stage = "idle",
    at = 0, askedAt = 0, profitLevels = {}, lossLevels = {}, events = {},
  }
end

--- The entry with some fields changed, as a new one: until it is durable, the old one holds.
---@param entry holdfast.host.Entry
---@param changes table
---@return holdfast.host.Entry
function M.with(entry, changes)
  local new = newTable(0, ENTRY_FIELDS)
  for k, v in pairs(entry) do new[k] = v end
  for k, v in pairs(changes) do new[k] = v end
  return new
end

--- The entry with one more event that is to be delivered, and some fields changed, as a new one.
---@param entry holdfast.host.Entry
---@param event table
---@param changes table  receives the events, too
---@return holdfast.host.Entry
function M.withEvent(entry, event, changes)
  local list = { unpack(entry.events) }
  list[#list + 1] = event
  changes.events = list
  return M.with(entry, changes)
end

local function isList(value)
  return type(value) == "table" and (#value > 0 or next(value) == nil)
end

local LAST_TIME = 8.64e15 -- that dates can show

local function isTime(value) return type(value) == "number" and value >= 0 and value <= LAST_TIME end

local STAGES = { idle = true, scheduled = true, opened = true, closed = true, cancelled = true }
local ACTIONS = { scheduled = true, opened = true, partial = true, closed = true, cancelled = true }

local function isEvent(event)
  return type(event) == "table" and type(event.id) == "string" and ACTIONS[event.action]
    and type(event.signal) == "table"
end

-- What is wrong with an entry of ours, or nil.
local function wrongEntry(entry)
  for _, field in ipairs { "at", "askedAt" } do
    if not isTime(entry[field]) then return field .. " is no time" end
  end
  if not STAGES[entry.stage] then return "stage is " .. tostring(entry.stage) end
  for _, field in ipairs { "profitLevels", "lossLevels", "events" } do
    if not isList(entry[field]) then return field .. " is no list" end
  end
  for i, event in ipairs(entry.events) do
    if not isEvent(event) then return ("events[%d] is no event"):format(i) end
  end
end

local function corrupt(key, ...)
  error(core.error("corrupt", ("the levels of %s: "):format(key) .. string.format(...), { entityName = "partial" }), 0)
end

local function load(key)
  local levels = partial.readPartialData(key)
  if levels == nil then return {} end
  if type(levels) ~= "table" or levels[1] ~= nil then
    corrupt(key, "they are a %s, not a table of entries by signal", type(levels) == "table" and "list" or type(levels))
  end
  return next(levels) == nil and {} or levels -- an empty list is an empty table, too
end

--- The latest entry of a strategy; what names no strategy is passed over.
---@param key string  the symbol
---@param strategyName string
---@return holdfast.host.Entry?
---@raise corrupt, io, ...
function M.read(key, strategyName)
  local latest
  for id, entry in pairs(load(key)) do
    if type(entry) == "table" and entry.strategyName == strategyName then
      local wrong = wrongEntry(entry)
      if wrong then corrupt(key, "the entry %s: %s", tostring(id), wrong) end
      if not latest or entry.at > latest.at then
        entry.id = id
        latest = entry
      end
    end
  end
  return latest
end

local function refuseId(key, id, strategyName)
  error(core.error("invalid_value", ("the signal's id %s is that of strategy '%s' on %s: each needs its own"):format(id,
    tostring(strategyName), key)), 0)
end

--- Raises where the id of a new signal is that of another strategy's.
---@param key string
---@param id string
---@param strategyName string
---@raise invalid_value
function M.checkId(key, id, strategyName)
  local other = load(key)[id]
  if type(other) == "table" and other.strategyName ~= nil and other.strategyName ~= strategyName then
    refuseId(key, id, other.strategyName)
  end
end

-- Writes entries without their ids, under which they are stored.
local function store(levels, entries, key)
  for id, entry in pairs(entries) do
    entry.id, levels[id] = nil, entry
    for _, list in ipairs { entry.profitLevels, entry.lossLevels, entry.events } do core.json.array(list) end
  end
  local ok, raised = pcall(partial.writePartialData, levels, key)
  for id, entry in pairs(entries) do entry.id = id end
  if not ok then error(raised, 0) end
end

--- Puts entries in the place of those of their strategies.  Others' stay as they are.  To be called in a transaction,
--- or where nobody else writes meanwhile.
---@param key string
---@param entries holdfast.host.Entry[]
---@raise invalid_value  another strategy's signal has the same id
function M.write(key, entries)
  local levels, byId = load(key), {}
  for _, entry in ipairs(entries) do
    local other = levels[entry.id]
    if type(other) == "table" and other.strategyName ~= nil and other.strategyName ~= entry.strategyName then
      refuseId(key, entry.id, other.strategyName)
    end
    for id, each in pairs(levels) do
      if type(each) == "table" and each.strategyName == entry.strategyName then levels[id] = nil end
    end
    levels[entry.id], byId[entry.id] = entry, entry
  end
  store(levels, byId, key)
end

return M
