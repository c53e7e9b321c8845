-- SPDX-License-Identifier: MIT
--
-- Batches of entities on their way into a store, for import and copy: collected as ids
-- and JSON texts, and written together.  A batch is one commit where the store has
-- transactions, and one writeMany per entity name where it has none.
--
-- What is damaged where it comes from goes into the target's quarantine, so that it is damaged there and not missing.
-- What became of it is told, for not every store has one:
--
--   quarantined   the id answers that it is corrupt
--   kept          a sound entity has the id and stays
--   missing       the target cannot keep it so

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
---@param dropsExpiry? boolean  what expires may lose that where the store has no expiry
function M.new(open, dropsExpiry)
  return setmetatable({ open = open, dropsExpiry = dropsExpiry, persists = {}, names = {}, parts = {}, damaged = {},
    count = 0, bytes = 0 }, Batch)
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

-- When an entity is to expire in the store; nil: never, since the store cannot, and that may be lost.
function Batch:timeOf(name, id, expiresAt)
  if self:persist(name).supports.ttl then return expiresAt end
  if self.dropsExpiry then return nil end
  error(core.error("unsupported", string.format("Entity %s:%s expires, and the store that it goes into has no expiry: "
    .. "with --drop-expiry it goes there all the same, and stays", name, id), { entityName = name, entityId = id }), 0)
end

--- Adds an entity; of two with one id the later is written.
---@param name string
---@param id string
---@param json string
---@param expiresAt? integer  when it expires, ms; nil: never
---@return boolean full  whether it is time to write
function Batch:add(name, id, json, expiresAt)
  if expiresAt then expiresAt = self:timeOf(name, id, expiresAt) end
  local part = self.parts[name]
  if not part then
    part = { ids = {}, texts = {}, times = nil }
    self.parts[name] = part
    self.names[#self.names + 1] = name
  end
  local n = #part.ids + 1
  part.ids[n], part.texts[n] = id, json
  if expiresAt then
    part.times = part.times or {}
    part.times[n] = expiresAt
  end
  self.count = self.count + 1
  self.bytes = self.bytes + #json
  return self.count + #self.damaged >= MOST or self.bytes >= MOST_BYTES
end

--- Adds what is damaged (scan.lua) where it comes from.
---@param name string
---@param id string
---@param damage {problem: string, bytes?: string}
---@return boolean full  whether it is time to write
function Batch:addDamaged(name, id, damage)
  self.damaged[#self.damaged + 1] = { name = name, id = id, problem = damage.problem, bytes = damage.bytes }
  self.bytes = self.bytes + #(damage.bytes or "")
  return self.count + #self.damaged >= MOST or self.bytes >= MOST_BYTES
end

-- Whether an id answers that it is corrupt: a class may make other ids of its own, or say that nothing is missing.
local function isDamaged(persist, id)
  local ok, raised = pcall(persist.hasValue, persist, id)
  return not ok and core.isError(raised, "corrupt")
end

-- Puts one into quarantine, if that can be, and says what became of it.
local function setApart(persist, one)
  local ok, raised = pcall(core.quarantine, persist, one.id, one.problem, one.bytes)
  if ok then return isDamaged(persist, one.id) and "quarantined" or "missing" end
  if core.isError(raised, "conflict") then return "kept" end
  if core.isError(raised, "unsupported") or core.isError(raised, "invalid_argument") then return "missing" end
  error(raised, 0)
end

local function writeParts(self)
  for turn = 1, 2 do -- what expires first: it may raise the store's format, which nothing else may come before
    for _, name in ipairs(self.names) do
      local part = self.parts[name]
      if (turn == 1) == (part.times ~= nil) then
        core.writeTexts(self:persist(name), part.ids, part.texts, part.times)
      end
    end
  end
  for _, one in ipairs(self.damaged) do one.outcome = setApart(self:persist(one.name), one) end
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
---@return {name: string, id: string, problem: string, outcome: string}[] damaged  what was, and what became of it
function Batch:write()
  local count, damaged = self.count, self.damaged
  local first = self.names[1] or damaged[1] and damaged[1].name
  if not first then return 0, damaged end
  if self:persist(first).supports.transaction then commit(self) else writeParts(self) end
  self.names, self.parts, self.damaged, self.count, self.bytes = {}, {}, {}, 0, 0
  for _, one in ipairs(damaged) do one.bytes = nil end
  return count, damaged
end

return M
