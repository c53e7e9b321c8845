-- SPDX-License-Identifier: MIT
--
-- Copying: entities go over as texts, in natural order and in batches, so that memory stays flat; after each batch the
-- position is saved (position.lua), so that a copy that ends early, however it does, can be taken up again.  Writing is
-- an upsert: doing some of it twice is harmless.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local batch = require "holdfast.cli.store.batch"
local interruption = require "holdfast.cli.console.interruption"
local indexes = require "holdfast.cli.store.indexes"
local mirror = require "holdfast.cli.copying.mirror"
local mirrored = require "holdfast.cli.copying.mirrored_indexes"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local pair = require "holdfast.cli.copying.pair"
local position = require "holdfast.cli.copying.position"
local progress = require "holdfast.cli.console.progress"
local scan = require "holdfast.cli.store.scan"
local text = require "holdfast.cli.console.text"

---@class holdfast.cli.Copier
---@field copied integer        entities that reached the target
---@field before integer        those of the copy that this one goes on with
---@field counts {entity: string, copied: integer}[]  those of each name
---@field damaged {name: string, id: string, problem: string, outcome: string}[]  what was damaged in the source
---@field resumed? {entity: string, id: string, copied: integer, unreadable: integer?}  where it went on
---@field leftover? {entity: string, id: string, copied: integer}  where an earlier copy stopped that was left alone
---@field mirror? holdfast.cli.Mirror
---@field indexes? holdfast.cli.MirroredIndexes
local Copier = {}
Copier.__index = Copier

local M = {}

-- Whether the target has what the position says: one that was made again since then does not.
local function hasPosition(to, saved)
  local ok, found = pcall(function() return to:entity(saved.entity):hasValue(saved.id) end)
  if not ok and not core.isError(found, "corrupt") then error(found, 0) end
  return found and true
end

-- Where an earlier copy stopped, if we are to go on there; and says what is done about it.
local function resumePoint(args, to, where, now)
  local saved = where:load()
  if not saved then
    if args.resume then output.note(args, "there is nothing to resume: copying from the start") end
    return nil
  end
  local at = string.format("%s:%s", saved.entity, saved.id)
  if not args.resume then
    output.note(args, "an earlier copy stopped after %s; this one begins again (--resume would go on there)", at)
    return nil, saved
  end
  if not now:outside(hasPosition, to, saved) then
    output.note(args, "the target does not have %s, after which an earlier copy stopped: copying from the start", at)
    return nil, saved
  end
  output.note(args, "going on after %s; %s copied before", at,
    text.plural(saved.copied, "entity was", "entities were"))
  return saved
end

--- How many entities could not be read since the copy began.
---@return integer
function Copier:unreadable() return (self.resumed and self.resumed.unreadable or 0) + self.source.unreadable end

-- Writes the batch, again where an index of the target has made way for it.
function Copier:write()
  while true do
    local ok, count, damaged = xpcall(self.now.outside, interruption.handler, self.now, self.batch.write, self.batch)
    if ok then return count, damaged end
    if core.isError(count, "duplicate") then self.bar:finish() end
    if not self.indexes or not self.indexes:makeWay(count) then error(count, 0) end
  end
end

-- One batch reaches the target, and the position says so.
function Copier:flush()
  local count, damaged = self:write()
  for _, one in ipairs(damaged) do self.damaged[#self.damaged + 1] = one end
  if count > 0 then
    self.copied = self.copied + count
    self.last = { entity = self.name, id = self.id }
    local ok, problem = self.where:save(self.name, self.id, self.before + self.copied, self:unreadable())
    if not ok and not self.warned then
      self.bar:finish()
      output.note(self.args, "this copy cannot be resumed if it is interrupted: %s", problem)
      self.warned = true
    end
  end
  interruption.check()
end

function Copier:copyName(name, range)
  local persist, begin = self.source:entity(name), self.resumed
  self.counts[#self.counts + 1] = { entity = name, copied = 0 }
  local counter = self.counts[#self.counts]
  local resumedAt
  if begin and begin.entity == name then resumedAt, range.from = begin.id, begin.id end
  for id, json, damage, expiresAt in self.source:items(persist, range) do
    if damage then
      if self.batch:addDamaged(name, id, damage) then self:flush() end
    elseif id ~= resumedAt then
      counter.copied = counter.copied + 1
      self.name, self.id = name, id
      if self.batch:add(name, id, json, expiresAt) then self:flush() end
      self.bar:step(self.before + self.copied + self.batch.count)
    end
  end
end

-- What is damaged before the place where a copy goes on: it was told then, but this run's exit code speaks for all.
-- Where something was found unreadable then, it may not have come to quarantine, and is looked for again.
function Copier:copyDamaged(name, upTo)
  local range = options.rangeOf(self.args)
  range.to = upTo or range.to
  local persist = self.source:entity(name)
  local function add(id, damage)
    if self.batch:addDamaged(name, id, damage) then self:flush() end
  end
  if (self.resumed.unreadable or 0) > 0 then
    for id, _, damage in self.source:items(persist, range) do
      if damage then add(id, damage) end
    end
    return
  end
  for id, damage in scan.quarantined(persist, range) do
    self.source:report(damage.err)
    add(id, damage)
  end
end

function Copier:run(names)
  local begin = self.resumed
  for _, name in ipairs(names) do
    local isBefore = begin and holdfast.naturalOrder(name, begin.entity)
    if begin and (isBefore or name == begin.entity) then self:copyDamaged(name, not isBefore and begin.id or nil) end
    if not isBefore then self:copyName(name, options.rangeOf(self.args)) end
  end
  self:flush()
  if self.args.delete then self:delete(names) end
  self.where:remove()
end

-- Removes what only the target has; a position that is left says that there is nothing more to copy.
function Copier:delete(names)
  self.bar:finish()
  local bar = progress.start { label = "Deleting", unit = "entities" }
  local ok, result = xpcall(mirror.delete, interruption.handler, {
    args = self.args, source = self.source, target = self.to, now = self.now, names = names,
    unreadable = self:unreadable(), indexes = self.indexes,
    step = function(done)
      bar:step(done)
      self.deleted = done
      interruption.check()
    end,
  })
  bar:finish()
  if not ok then error(result, 0) end
  self.mirror = result
end

-- Says in what ended the copy how far it came.
function Copier:explain(raised)
  if not core.isError(raised) and not interruption.is(raised) then return raised end
  local last = self.last
  raised.copied = self.copied
  raised.hint = last and string.format("copied so far: %s, up to %s:%s; the same command with --resume goes on there",
    text.plural(self.before + self.copied, "entity", "entities"), last.entity, last.id) or "nothing was copied"
  local way = self.now:outside(indexes.hint, self.to, raised)
  if way then raised.hint = raised.hint .. "; " .. way end
  local deleted = self.deleted or 0
  if deleted > 0 then
    raised.hint = string.format("%s (%s deleted)", raised.hint, text.plural(deleted, "entity was", "entities were"))
  end
  return raised
end

--- Copies everything that is asked for, and with --delete removes what only the target has.
---@param args table
---@param source table            as target.open gives it
---@param to table                likewise
---@param names string[]          to be copied
---@param now holdfast.cli.Moment
---@param where? table            where its position is kept; that of the arguments if left out
---@return holdfast.cli.Copier
function M.copy(args, source, to, names, now, where)
  where = where or position.of(args)
  local resumed, leftover = resumePoint(args, to, where, now)
  local bar = progress.start { label = "Copying", unit = "entities", total = pair.totalOf(source, names, args),
    stride = 64 }
  local self = setmetatable({
    args = args, source = source, to = to, now = now, where = where, resumed = resumed, leftover = leftover,
    batch = batch.new(function(name) return to:entity(name) end, args.drop_expiry),
    before = resumed and resumed.copied or 0, copied = 0, counts = {}, damaged = {}, last = resumed,
    bar = bar, indexes = mirrored.new(args, source, to, now, names),
  }, Copier)
  local ok, raised = xpcall(self.run, interruption.handler, self, names)
  self.bar:finish()
  if ok then return self end
  error(self:explain(raised), 0)
end

return M
