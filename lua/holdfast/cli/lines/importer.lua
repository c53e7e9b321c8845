-- SPDX-License-Identifier: MIT
--
-- Entities out of lines on their way into a store: in batches, each whole or not at all.  Since a write is an upsert,
-- the same import can always be run again.

local core = require "holdfast.core"
local entries = require "holdfast.cli.lines.entries"
local indexes = require "holdfast.cli.store.indexes"
local jsonlines = require "holdfast.cli.lines.jsonlines"
local text = require "holdfast.cli.console.text"

---@class holdfast.cli.Importer
---@field imported integer     entities that were written
---@field quarantined integer  of those that are damaged in the import
---@field indexes holdfast.cli.Definition[]  that the lines tell of
local Importer = {}
Importer.__index = Importer

local M = {}

--- What writes the entities of lines into a store.
---@param store table     as target.open gives it
---@param writes table    as batch.new gives it
---@param reader? table   as marks.reader gives it: looks whether the lines are those of whole exports
---@return holdfast.cli.Importer
function M.new(store, writes, reader)
  return setmetatable({ store = store, batch = writes, reader = reader, lines = {}, imported = 0, quarantined = 0,
    indexes = {} }, Importer)
end

-- Takes an entity out of a line; true when it is time to write.  What is wrong with it is raised while its line is
-- known.
function Importer:add(number, line, entityName)
  local name, id, json, damage, definitions, expiresAt = entries.parse(line, entityName)
  for _, one in ipairs(definitions or {}) do self.indexes[#self.indexes + 1] = one end
  if not name then return false end
  local ok, checked = pcall(core.checkId, self.batch:persist(name), id)
  if not ok and (not damage or id == "") then error(checked, 0) end
  if ok then id = checked end -- else its key was damaged: the batch says that it cannot be kept
  self.lines[#self.lines + 1] = { number = number, name = name, id = id }
  if damage then return self.batch:addDamaged(name, id, damage) end
  return self.batch:add(name, id, json, expiresAt)
end

-- Why a line about something damaged could not be followed.
local REFUSALS = {
  kept = "Entity %s:%s is damaged in the import (%s); the store has a sound one, which stays",
  missing = "Entity %s:%s is damaged in the import (%s), and this store cannot keep it as damaged: it is left out",
}

function Importer:tell(one)
  if one.outcome == "quarantined" then
    self.quarantined = self.quarantined + 1
  else
    self.store:report(core.error("corrupt", REFUSALS[one.outcome]:format(one.name, one.id, one.problem),
      { entityName = one.name, entityId = one.id }))
  end
end

function Importer:flush()
  local lines = self.lines
  local count, damaged = self.batch:write()
  self.imported = self.imported + count
  for _, one in ipairs(damaged) do self:tell(one) end
  if #lines > 0 then self.lastLine = lines[#lines].number end
  self.lines = {}
end

-- The line that gave the entity which could not be written, if the error names one.
function Importer:lineOf(err)
  for i = #self.lines, 1, -1 do
    local line = self.lines[i]
    if line.id == err.entityId and line.name == err.entityName then return line.number end
  end
end

--- Says in what was raised where the import stopped.
---@param err any
function Importer:explain(err)
  if core.isError(err) then
    local way = indexes.hint(self.store, err)
    local line = self.current or self:lineOf(err)
    if line then err.message = string.format("line %d: %s", line, err.message) end
    err.line, err.imported = line, self.imported
    err.hint = self.imported == 0 and "nothing was imported"
      or string.format("imported so far: %s, up to line %d; running the whole import again is safe",
        text.plural(self.imported, "entity", "entities"), self.lastLine)
    if way then err.hint = err.hint .. "; " .. way end
  end
  return err
end

--- Reads and writes all lines.
---@param file file*
---@param entityName? string  for all lines, whatever they say
---@param bar table           as progress.start gives it
function Importer:run(file, entityName, bar)
  for number, line, read in jsonlines.lines(file) do
    if line:find("%S") then
      self.current = number
      if self.reader then self.reader:add(line, number) end
      local full = self:add(number, line, entityName)
      self.current = nil
      if full then self:flush() end
    end
    bar:step(read)
  end
  self:flush()
end

return M
