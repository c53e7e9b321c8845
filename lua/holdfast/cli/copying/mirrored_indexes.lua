-- SPDX-License-Identifier: MIT
--
-- The indexes of a mirror, for copy --delete: what its source does not have goes, as entities do.  And a unique index
-- that refuses what the source has makes way, since the order in which a mirror comes to its source's state is not the
-- one in which the source came there; copy makes it again at the end, as it makes all that the source has.

local core = require "holdfast.core"
local indexes = require "holdfast.cli.store.indexes"
local output = require "holdfast.cli.console.output"
local text = require "holdfast.cli.console.text"

---@class holdfast.cli.MirroredIndexes
---@field dropped holdfast.cli.Definition[]  those that the target had
local MirroredIndexes = {}
MirroredIndexes.__index = MirroredIndexes

local M = {}

--- The indexes of the target of a copy; nil where the copy leaves them alone: where it makes no mirror, or one of a
--- part of the ids, or by --no-indexes; or where the source keeps none.
---@param args table
---@param source table  as target.open gives it
---@param to table      likewise
---@param now holdfast.cli.Moment
---@param names string[]  those that are copied
---@return holdfast.cli.MirroredIndexes?
function M.new(args, source, to, now, names)
  if not args.delete or args.no_indexes or args.prefix or args.from or args.to or args.where then return nil end
  local any = names[1] and source:entity(names[1])
  if not any or not any.supports.index then return nil end -- it does not say which indexes are right
  return setmetatable({ args = args, source = source, to = to, now = now, dropped = {} }, MirroredIndexes)
end

-- Drops one in the target, which somebody else may have done.
function MirroredIndexes:drop(name, index)
  local persist = self.to:entity(name)
  local ok, raised = pcall(self.now.outside, self.now, core.dropIndex, persist, index.paths)
  if not ok and not core.isError(raised, "not_found") then error(raised, 0) end
  self.dropped[#self.dropped + 1] = { entity = name, paths = index.paths, unique = index.unique }
end

-- The same index of the source, where it has it.
local function ofSource(persist, index)
  local found = indexes.find(persist, index.paths)
  return found and found.unique == index.unique and found or nil
end

--- Drops the unique index of the target that has refused a write.
---@param raised any  what the write raised
---@return boolean done  false: it was something else
function MirroredIndexes:makeWay(raised)
  local name = core.isError(raised, "duplicate") and raised.entityName
  local index = name and self.now:outside(indexes.refusing, self.to, raised)
  if not index then return false end
  self:drop(name, index)
  output.note(self.args, "the unique index %s of '%s' refuses in %s what the source has, and is dropped there; %s",
    index.name, name, text.url(self.to.url), ofSource(self.source:entity(name), index)
      and "it is made again at the end, or by the next copy where this one is broken off" or "the source has none such")
  return true
end

--- Drops what the target has under a name, and the source does not.
---@param name string
---@param ours? PersistBase  nil: the source does not have the name
function MirroredIndexes:clearName(name, ours)
  for _, index in ipairs(self.now:outside(indexes.of, self.to:entity(name))) do
    if not ours or not ofSource(ours, index) then self:drop(name, index) end
  end
end

return M
