-- SPDX-License-Identifier: MIT
--
-- What makes a copy a mirror: removing from the target what the source does not have, for copy --delete.  It begins
-- when the target has acknowledged all that was copied, looks at ids only, and asks the source once more for each id
-- before that goes.  A source that is empty or damaged is no model: nothing is deleted after it unless that is forced.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local moments = require "holdfast.cli.copying.moment"
local options = require "holdfast.cli.console.options"
local scan = require "holdfast.cli.store.scan"
local text = require "holdfast.cli.console.text"
local where = require "holdfast.cli.store.where"

local setOf = moments.setOf

local MOST = 1000 -- ids that are removed together

---@class holdfast.cli.Mirror
---@field deleted integer  entities that were removed
---@field kept integer     entities that only the target has and that were left there, as `refusal` says
---@field counts {entity: string, deleted: integer}[]  those of each name of which some were removed
---@field refusal? string  why nothing was deleted
local Mirror = {}
Mirror.__index = Mirror

local M = {}

-- An iterator over ids.  One that cannot be read, or is in quarantine, is there all the same; but what is not a valid
-- id, since its key was damaged, names nothing that could be removed.
local function idsOf(persist, range)
  local step = scan.over(persist, range, range.where and where.texts(persist, range) or persist:keys(range))
  return function()
    while true do
      local id, _, damage = step()
      if not damage or pcall(core.orderKey, id) then return id end
    end
  end
end

local function nothing() end

-- An iterator over the ids that only the second of two iterators in natural order has.
local function extras(nextOurs, nextTheirs)
  local ours = nextOurs()
  return function()
    for theirs in nextTheirs do
      while ours and ours ~= theirs and holdfast.naturalOrder(ours, theirs) do ours = nextOurs() end
      if ours ~= theirs then return theirs end
    end
  end
end

-- ------------------------------------------------------------ may it be done

local function isEmpty(self)
  for _, name in ipairs(self.names) do
    local range = options.rangeOf(self.args)
    range.limit = 1
    if idsOf(self.source:entity(name), range)() then return false end
  end
  return true
end

local function quarantined(self)
  local total = 0
  for _, name in ipairs(self.names) do total = total + (self.source:entity(name):stat().quarantined or 0) end
  return total
end

-- Why the source is no model; nil if it is one.
local function refusalOf(self, unreadable)
  local url = text.url(self.source.url)
  local damaged = math.max(unreadable, quarantined(self)) -- which may be outside the range, or come after the copy
  if damaged > 0 then
    return string.format("%s of %s cannot be read", text.plural(damaged, "entity", "entities"), url)
  end
  return isEmpty(self) and url .. " has nothing of what was to be copied" or nil
end

-- ---------------------------------------------------------------- the target

-- Removes the ids, or counts them where nothing is to be removed.
function Mirror:remove(persist, ours, ids, counter)
  if ours then ids = scan.missing(ours, ids) end -- the source may have got them meanwhile
  if self.refusal then
    self.kept = self.kept + #ids
  elseif #ids > 0 then
    local removed = self.now:outside(persist.removeMany, persist, ids)
    counter.deleted = counter.deleted + removed
    self.deleted = self.deleted + removed
  end
  self.step(self.deleted + self.kept)
end

-- Clears what only the target has under a name; `ours` is nil where the source does not have the name.
function Mirror:clearName(name, ours)
  local range = options.rangeOf(self.args)
  local counter = { entity = name, deleted = 0 }
  local persist = self.target:entity(name)
  local theirs = self.now:outsideEach(self.now:outside(idsOf, persist, range))
  local ids = {}
  for id in extras(ours and idsOf(ours, range) or nothing, theirs) do
    ids[#ids + 1] = id
    if #ids == MOST then
      self:remove(persist, ours, ids, counter)
      ids = {}
    end
  end
  self:remove(persist, ours, ids, counter)
  if counter.deleted > 0 then self.counts[#self.counts + 1] = counter end
end

function Mirror:run(theirs)
  for _, name in ipairs(theirs) do
    local known = self.now:namesNow()
    local has = known and setOf(known)[name] or not known
    -- A name that the source got meanwhile was not copied, and is left for the next time.
    if self.wanted[name] or not has then
      local ours = has and self.source:entity(name) or nil
      self:clearName(name, ours)
      if self.indexes and not self.refusal then self.indexes:clearName(name, ours) end
    end
  end
end

--- The names under which a mirror may remove something: all of the target's, or those asked for that it has.
---@param target table
---@param args {entity?: string[]}
---@param names string[]  those that are copied
---@return string[]
function M.namesOf(target, args, names)
  local theirs = moments.known(target)
  if not theirs then return names end -- it cannot tell what else it has
  if not args.entity then return theirs end
  local has, list = setOf(theirs), {}
  for _, name in ipairs(names) do
    if has[name] then list[#list + 1] = name end
  end
  return list
end

--- Removes from the target what the source does not have, where the source can be a model.
---@param context {args: table, source: table, target: table, now: holdfast.cli.Moment, names: string[],
---   unreadable: integer, indexes?: holdfast.cli.MirroredIndexes, step: fun(done: integer)}  names: those that were
---   copied; unreadable: entities that could not be copied; step: called after each batch, and may raise
---@return holdfast.cli.Mirror
function M.delete(context)
  local self = setmetatable({
    args = context.args, source = context.source, target = context.target, now = context.now, names = context.names,
    wanted = setOf(context.names), step = context.step, indexes = context.indexes, deleted = 0, kept = 0, counts = {},
  }, Mirror)
  local why = not self.args.force and refusalOf(self, context.unreadable) or nil
  self.refusal = why
  self:run(self.now:outside(M.namesOf, self.target, self.args, self.names))
  if why and self.kept > 0 then
    self.refusal = string.format("nothing was deleted, since %s; only in %s: %s, which --force deletes", why,
      text.url(self.target.url), text.plural(self.kept, "entity", "entities"))
  else
    self.refusal = nil
  end
  return self
end

return M
