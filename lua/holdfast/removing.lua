-- SPDX-License-Identifier: MIT
--
-- removeWhere: removing what a predicate is true of.  What it was true of when the loop came by may have changed since,
-- by other processes too.  So it is asked again where nothing can change any more, in the transaction that removes; and
-- where a store has none, each is removed at the revision at which it was asked of, so that what was written since
-- stays, or is asked of again.

local asking = require "holdfast.asking"
local check = require "holdfast.check"
local core = require "holdfast.core"

local M = {}

-- Entities that are read again at once.
local BATCH = 256

-- How often an entity is asked of again that somebody has written between that and its removal.
local ATTEMPTS = 100

---@class holdfast.RemoveOptions: holdfast.Range  which are asked of; its limit is of those that are wanted
---@field race? boolean  also where the store cannot keep others from an entity: it has neither transactions nor
---removals at a revision

local function takeOptions(self, options)
  if options == nil then return nil, false end
  if type(options) ~= "table" then
    check.misuse(self, 'removeWhere: the options must be a table such as {prefix="BTC"}, not a %s', type(options))
  end
  local range, race = {}, options.race
  if race ~= nil and type(race) ~= "boolean" then check.misuse(self, "removeWhere: race must be true or false") end
  for name, value in pairs(options) do range[name] = value end
  range.race = nil
  core.checkRange(self, range)
  return range, race
end

-- Which of the ids are there, and still wanted.
local function askAgain(self, ids, ask)
  local wanted, batch = {}, {}
  for first = 1, #ids, BATCH do
    for i = first, first + BATCH - 1 do batch[i - first + 1] = ids[i] end
    local values = core.readMany(self, batch)
    for _, id in ipairs(batch) do
      if values[id] ~= nil and ask(values[id], id) then wanted[#wanted + 1] = id end
    end
  end
  return wanted
end

local function removeFound(self, ids, ask)
  local wanted = askAgain(self, ids, ask)
  if #wanted == 0 then return 0 end
  return core.removeMany(self, wanted)
end

-- The result of a call, or nil where there is no such entity.
local function unlessMissing(ok, ...)
  if ok then return ... end
  if core.isError((...), "not_found") then return nil end
  error((...), 0)
end

-- Whether it was removed: an entity that the predicate was true of at this revision.
local function removeAt(self, id, revision, ask)
  for _ = 1, ATTEMPTS do
    local gone, raised = pcall(core.removeValue, self, id, { ifRevision = revision })
    if gone then return true end
    if not core.isError(raised, "conflict") then return unlessMissing(false, raised) end
    local entry = unlessMissing(pcall(core.readEntry, self, id))
    if not entry or not ask(entry.value, id) then return false end
    revision = entry.revision
  end
  error(core.error("conflict", ("removeWhere: %s:%s was written by others each time before it could be removed: "
    .. "call again"):format(self.entityName, id)), 0)
end

-- Outside of transactions, where revisions tell what has changed.
local function removeAtRevisions(self, predicate, range)
  local ids, revisions, removed = {}, {}, 0
  for id, _, revision in asking.pairs(self, "removeWhere", predicate, range, "entries") do
    ids[#ids + 1], revisions[#revisions + 1] = id, revision or 0
  end
  local ask = asking.asker(self, "removeWhere", predicate)
  for i, id in ipairs(ids) do
    if removeAt(self, id, revisions[i], ask) then removed = removed + 1 end
  end
  return removed
end

-- With neither, each by itself: read and asked of as late as can be.
local function removeOneByOne(self, found, ask)
  local removed = 0
  for _, id in ipairs(found) do
    local entry = unlessMissing(pcall(core.readEntry, self, id))
    if entry and ask(entry.value, id) then
      local gone, raised = pcall(core.removeValue, self, id)
      if not gone then unlessMissing(false, raised) end
      if gone then removed = removed + 1 end
    end
  end
  return removed
end

--- Removes what the predicate is true of.
---@param self PersistBase
---@param predicate function
---@param options? holdfast.RemoveOptions
---@return integer removed
function M.removeWhere(self, predicate, options)
  local range, race = takeOptions(self, options)
  local supports = core.supports(self)
  if not supports.transaction then
    if supports.removeIfRevision then return removeAtRevisions(self, predicate, range) end
    if not race then
      check.unsupported(self, "removeWhere: this store has neither transactions nor removals at a revision, so what "
        .. "somebody changes meanwhile would be removed all the same: pass {race=true} if nobody does")
    end
  end
  local ids = {}
  for id in asking.pairs(self, "removeWhere", predicate, range, "pairs") do ids[#ids + 1] = id end
  if #ids == 0 then return 0 end
  local ask = asking.asker(self, "removeWhere", predicate)
  if not supports.transaction then return removeOneByOne(self, ids, ask) end
  if core.inTransaction() then return removeFound(self, ids, ask) end
  local ok, removed = pcall(core.transaction, removeFound, self, ids, ask)
  if ok then return removed end
  -- A full store has room for removals, but not for a transaction, which may write.
  if not (core.isError(removed, "full") and supports.removeIfRevision) then error(removed, 0) end
  return removeAtRevisions(self, predicate, range)
end

return M
