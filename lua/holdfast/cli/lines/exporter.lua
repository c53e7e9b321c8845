-- SPDX-License-Identifier: MIT
--
-- Entities on their way out as lines, with the marks of a whole export.

local core = require "holdfast.core"
local entries = require "holdfast.cli.lines.entries"
local marks = require "holdfast.cli.lines.marks"
local scan = require "holdfast.cli.store.scan"

---@class holdfast.cli.Exporter
---@field done integer     sound entities that were written
---@field damaged integer  lines about what is damaged
local Exporter = {}
Exporter.__index = Exporter

local M = {}

--- What writes the entities of a store.
---@param store table        as target.open gives it
---@param to table           as destination.open gives it
---@param bar table          as progress.start gives it
---@param definitions holdfast.cli.Definition[]  of the indexes that the first line tells of
---@return holdfast.cli.Exporter
function M.new(store, to, bar, definitions)
  local members = entries.indexes(definitions)
  local writer = marks.writer(function(line) to:write(line) end, members)
  return setmetatable({ store = store, destination = to, marks = writer, done = 0, damaged = 0, late = {}, bar = bar },
    Exporter)
end

function Exporter:writeDamaged(name, id, damage)
  local line = entries.damaged(name, id, damage)
  if not line then return end -- it was reported, like all of them
  self.marks:line(line)
  self.damaged = self.damaged + 1
end

function Exporter:exportName(name, range)
  local persist = self.store:entity(name)
  local write = entries.writer(name)
  for id, json, damage, expiresAt in self.store:items(persist, range) do
    if not damage then
      self.marks:line(write(id, json, expiresAt))
      self.done = self.done + 1
      self.bar:step(self.done)
    elseif damage.bytes then
      self:writeDamaged(name, id, damage)
    else
      self.late[#self.late + 1] = { name = name, id = id, damage = damage }
    end
  end
end

-- What was found unreadable in a snapshot stays where it was: read outside of one, its bytes come into quarantine, and
-- from there into the export.
function Exporter:exportLate()
  for _, one in ipairs(self.late) do
    local persist = self.store:entity(one.name)
    local ok, raised = pcall(core.readText, persist, one.id)
    local corrupt = not ok and core.isError(raised, "corrupt")
    self:writeDamaged(one.name, one.id, corrupt and scan.damageOf(persist, one.id, raised) or one.damage)
  end
end

--- Writes everything, from one moment of the store where it can show one.
---@param names string[]
---@param persists PersistBase[]  of the names, in use already
---@param range table
function Exporter:run(names, persists, range)
  local function scanAll()
    for _, name in ipairs(names) do self:exportName(name, range) end
  end
  if persists[1] then self.store:atOneMoment(persists[1], scanAll) end
  self:exportLate()
  self.marks:finish()
  self.destination:finish()
end

return M
