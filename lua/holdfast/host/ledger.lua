-- SPDX-License-Identifier: MIT
--
-- What has been told of a signal, and what is still to be told: the state that PersistPartialAdapter keeps.
--
-- Its entity for a symbol maps ids of signals to entries, the latest one of each strategy.  An entry has the levels
-- that were reported, so that each is reported once, and the events that were made durable together with what they
-- tell of, until all listeners have heard them.  A process that is killed in between finds them there and tells them
-- again, under the same ids: nobody misses one.  The entry stays when its signal has ended.  It then remembers when
-- that was, and when the strategy was last asked, so that a minute that was lived through is not lived again.

local core = require "holdfast.core"
local partial = require "holdfast.adapters".PersistPartialAdapter

local M = {}

---@class holdfast.host.Entry
---@field id string            of the signal; "STRATEGY/SYMBOL" while there has been none
---@field strategyName string
---@field exchangeName string
---@field stage "idle"|"scheduled"|"opened"|"closed"|"cancelled"
---@field at number            ms: the minute of its last change
---@field askedAt number       ms: the minute in which getSignal was last asked
---@field profitLevels integer[]
---@field lossLevels integer[]
---@field events table[]       durable, and not yet known to have been heard

--- The entry of a strategy that has had no signal on this symbol.
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
  local new = {}
  for k, v in pairs(entry) do new[k] = v end
  for k, v in pairs(changes) do new[k] = v end
  return new
end

local function isList(value)
  return type(value) == "table" and (#value > 0 or next(value) == nil)
end

local function isEntry(entry)
  return type(entry) == "table" and type(entry.strategyName) == "string" and type(entry.at) == "number"
    and type(entry.askedAt) == "number" and type(entry.stage) == "string" and isList(entry.profitLevels)
    and isList(entry.lossLevels) and isList(entry.events)
end

local function load(key)
  local levels = partial.readPartialData(key)
  if levels == nil then return {} end
  if type(levels) ~= "table" then
    error(core.error("corrupt", ("the levels of %s are a %s, not a table of entries by signal"):format(key,
      type(levels)), { entityName = "partial" }), 0)
  end
  return levels
end

--- The latest entry of a strategy; what is no entry of ours is passed over.
---@param key string  the symbol
---@param strategyName string
---@return holdfast.host.Entry?
---@raise corrupt, io, ...
function M.read(key, strategyName)
  local latest
  for id, entry in pairs(load(key)) do
    if isEntry(entry) and entry.strategyName == strategyName and (not latest or entry.at > latest.at) then
      entry.id = id
      latest = entry
    end
  end
  return latest
end

local function stored(entry)
  local copy = {}
  for k, v in pairs(entry) do copy[k] = v end
  copy.id = nil
  for _, field in ipairs { "profitLevels", "lossLevels", "events" } do copy[field] = core.json.array(copy[field]) end
  return copy
end

--- Puts entries in the place of those of their strategies.  Others' stay as they are.  To be called in a transaction,
--- or where nobody else writes meanwhile.
---@param key string
---@param entries holdfast.host.Entry[]
---@raise invalid_value  another strategy's signal has the same id
function M.write(key, entries)
  local levels = load(key)
  for _, entry in ipairs(entries) do
    local other = levels[entry.id]
    if type(other) == "table" and other.strategyName ~= nil and other.strategyName ~= entry.strategyName then
      error(core.error("invalid_value", ("the signal's id %s is that of strategy '%s' on %s: each needs its own")
        :format(entry.id, tostring(other.strategyName), key)), 0)
    end
    for id, each in pairs(levels) do
      if type(each) == "table" and each.strategyName == entry.strategyName then levels[id] = nil end
    end
    levels[entry.id] = stored(entry)
  end
  partial.writePartialData(levels, key)
end

return M
