-- SPDX-License-Identifier: MIT
--
-- A scan over the entities of one name in which nothing is left out: what is in quarantine
-- comes in its place among the others, each once, and so does what the scan itself finds unreadable.
--
-- What is damaged is a table: `problem`, a sentence; `bytes`, as they were found, nil where nobody has them; `err`, the
-- error that reading the entity raises.

local core = require "holdfast.core"

local M = {}

local function quarantineError(name, id, problem)
  return core.error("corrupt", string.format(
    "Entity %s:%s is corrupt: it is in quarantine (%s); write or remove it to go on", name, id, problem),
    { entityName = name, entityId = id })
end

--- What is in quarantine under the name of an instance: an iterator over id and what is damaged.
---@param persist PersistBase
---@param range? table
---@return fun(): string?, table?
function M.quarantined(persist, range)
  local step = core.quarantined(persist, range)
  return function()
    local id, problem, bytes = step()
    if not id then return nil end
    return id, { problem = problem, bytes = bytes, err = quarantineError(persist.entityName, id, problem) }
  end
end

-- What is in quarantine under one id, if that can be an id at all.
local function quarantinedOne(persist, id)
  local ok, step = pcall(M.quarantined, persist, { from = id, to = id })
  if not ok then return nil end
  local _, damage = step()
  return damage
end

-- What a message says is wrong: without the name before it, and what was done about it after it.
local function problemOf(message)
  local problem = message:match(" is corrupt: (.*)$") or message
  return problem:match("^(.*); it[s ][^;]*$") or problem
end

--- What is damaged about an entity that raised `corrupt` when it was read.
---@param persist PersistBase
---@param id string
---@param err table
---@return table
function M.damageOf(persist, id, err)
  local damage = quarantinedOne(persist, id) or { problem = problemOf(err.message) }
  damage.err = err
  return damage
end

--- Those of the ids under which there is nothing.  What cannot be read, or is in quarantine, is there.
---@param persist PersistBase
---@param ids string[]
---@return string[]
function M.missing(persist, ids)
  local missing = {}
  for _, id in ipairs(ids) do
    local ok, found = pcall(persist.hasValue, persist, id)
    if not ok and not core.isError(found, "corrupt") then error(found, 0) end
    if ok and not found then missing[#missing + 1] = id end
  end
  return missing
end

-- Whether an id comes before another in the direction of the scan.  What is not a valid id, since its key was damaged,
-- comes at once.
local function comesBefore(id, other, reverse)
  local ok, before = pcall(core.naturalOrder, reverse and other or id, reverse and id or other)
  return not ok or before
end

local Scan = {}
Scan.__index = Scan

-- What the scan itself has found unreadable, by what it raised: id, nil, what is damaged.
function Scan:found(err)
  -- Each one once: a store that cannot go on after it must not keep us here.
  if not core.isError(err, "corrupt") or not err.entityId or err.entityId == self.last then error(err, 0) end
  self.last = err.entityId
  return err.entityId, nil, M.damageOf(self.persist, err.entityId, err)
end

-- The next one that is not in quarantine, in self.id, self.text, self.damage, self.expiresAt.
function Scan:advance()
  local ok, id, text, expiresAt = pcall(self.step)
  if ok then
    self.id, self.text, self.damage, self.expiresAt = id, text, nil, expiresAt
  else
    self.id, self.text, self.damage = self:found(id)
  end
end

-- The next one in quarantine, in self.apartId and self.apart.  One that has just come there was handed out already.
function Scan:advanceApart()
  repeat self.apartId, self.apart = self.nextApart() until not self.apartId or self.apartId ~= self.last
end

-- Both are advanced when they are needed, not before: what fails then does not take the one before it along.
function Scan:next()
  if self.left == 0 then return nil end
  if self.due then self:advance() end
  if self.apartDue then self:advanceApart() end
  self.due, self.apartDue = false, false
  local id, text, damage = self.id, self.text, self.damage
  local apartId, apart = self.apartId, self.apart
  if apartId and apartId ~= id and (not id or comesBefore(apartId, id, self.reverse)) then
    self.apartDue = true
    return apartId, nil, apart
  end
  if not id then return nil end
  self.due = true
  self.apartDue = apartId == id -- the scan has just found it, or somebody has written it meanwhile
  self.quiet = not apartId
  if damage then return id, text, damage end
  self.left = self.left - 1
  return id, text, nil, self.expiresAt
end

-- The same once there is nothing more in quarantine, which is nearly always so from the beginning.
function Scan:nextQuiet()
  if self.left == 0 then return nil end
  local ok, id, text, expiresAt = pcall(self.step)
  if not ok then return self:found(id) end
  self.left = self.left - 1
  return id, text, nil, expiresAt
end

--- Iterates id, what `step` gives with it, nil, and what it gives then; for what is damaged id, nil, and what is known
--- of that.  A limit counts sound entities; nothing is told of what comes after the last one that it allows.
---@param persist PersistBase
---@param range table
---@param step fun(): string?, string?, integer?  what iterates the sound ones in this range
---@return fun(): string?, string?, table?, integer?
function M.over(persist, range, step)
  local scan = setmetatable({
    persist = persist, step = step, due = true, apartDue = true, reverse = range.reverse,
    left = range.limit or math.huge,
    nextApart = M.quarantined(persist,
      { prefix = range.prefix, from = range.from, to = range.to, reverse = range.reverse }),
  }, Scan)
  return function()
    if scan.quiet then return scan:nextQuiet() end
    return scan:next()
  end
end

return M
