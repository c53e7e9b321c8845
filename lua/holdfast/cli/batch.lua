-- SPDX-License-Identifier: MIT
--
-- Batches of entities on their way into a store, for import and copy: collected as ids
-- and JSON texts, and written together.  A batch is one commit where the store has
-- transactions, and one writeMany per entity name where it has none.

local core = require "holdfast.core"
local holdfast = require "holdfast"

local MOST = 1000
local MOST_BYTES = 1024 * 1024
local GROWTHS = 20 -- how often a batch may be tried again because the store grew for it

local Batch = {}
Batch.__index = Batch

local M = {}

--- An empty batch.
---@param open fun(entityName: string): PersistBase  called once for each name
function M.new(open)
  return setmetatable({ open = open, persists = {}, names = {}, parts = {}, count = 0, bytes = 0 }, Batch)
end

--- The store's entities of this name, opened once.
---@param name string
---@return PersistBase
function Batch:persist(name)
  local persist = self.persists[name]
  if not persist then
    persist = self.open(name)
    self.persists[name] = persist
  end
  return persist
end

--- Adds an entity; of two with one id the later is written.
---@param name string
---@param id string
---@param json string
---@return boolean full  whether it is time to write
function Batch:add(name, id, json)
  local part = self.parts[name]
  if not part then
    part = { ids = {}, texts = {} }
    self.parts[name] = part
    self.names[#self.names + 1] = name
  end
  local n = #part.ids + 1
  part.ids[n], part.texts[n] = id, json
  self.count = self.count + 1
  self.bytes = self.bytes + #json
  return self.count >= MOST or self.bytes >= MOST_BYTES
end

local function writeParts(self)
  for _, name in ipairs(self.names) do
    core.writeTexts(self:persist(name), self.parts[name].ids, self.parts[name].texts)
  end
end

local function commit(self)
  for attempt = 1, GROWTHS do
    local ok, raised = pcall(holdfast.transaction, writeParts, self)
    if ok then return end
    -- A store that has to grow does so between two transactions.
    if not core.isError(raised, "full") or attempt == GROWTHS then error(raised, 0) end
  end
end

--- Writes what has been added; the batch is empty then.
---@return integer count  how many entities
function Batch:write()
  local count = self.count
  if count == 0 then return 0 end
  if self:persist(self.names[1]).supports.transaction then commit(self) else writeParts(self) end
  self.names, self.parts, self.count, self.bytes = {}, {}, 0, 0
  return count
end

return M
