-- SPDX-License-Identifier: MIT
--
-- Entities that expire: two fields beside the framework's three, expiresAt and expiresOf.  What is written with a time
-- to live has both, and is there until expiresAt.  It counts only while expiresOf is updatedAt: a program that knows
-- nothing of it and writes the document again moves that, and what it wrote stays.
--
-- Documents that are read say themselves whether they have expired (rows.lua).  For what is listed or counted by an
-- index the others are asked for, by the index on expiresAt: the first write that needs it makes it, and where it is not
-- nothing expires.
--
-- The clock is that of whoever asks.  Removal is for later writes, a few at a time, and not for what one clock says: only
-- what expired a minute ago, by a process that has seen its clock go as one that nobody sets for ten minutes.

local core = require "holdfast.core"
local names = require "holdfast.backends.mongo.names"
local rows = require "holdfast.backends.mongo.rows"
local writer = require "holdfast.backends.mongo.writer"
local clock = require "holdfast.util.clock"

local M = {}

local INDEX = "expiresAt_1"

--- How long the two clocks have to agree, in seconds, and how far apart they may go, in ms.  Tests have less.
M.agreement, M.apart = 600, 5000

--- How often a collection is looked at, in seconds, how many documents go at once, and after how many ms.
M.pause, M.batch, M.margin = 10, 500, 60 * 1000

-- ---- the index

local function makeIndex(shared, collection)
  writer.reset()
  local command = writer.begin()
  writer.string("createIndexes", collection)
  local list = writer.array("indexes")
  local index = writer.document("0")
  local key = writer.document("key")
  writer.number("expiresAt", 1)
  writer.finish(key)
  writer.string("name", INDEX)
  writer.boolean("sparse", true)
  writer.finish(index)
  writer.finish(list)
  writer.finish(command)
  shared:command("making the index on expiresAt of " .. collection, true)
end

--- Sees to it that what expires can be found.
---@param self table
function M.ensure(self)
  if self.expires then return end
  local ok, raised = pcall(self.connection.run, self.connection, makeIndex, false, self.collection)
  if not ok and raised.code == "io" then
    error(core.error("unsupported", "what expires needs an index on expiresAt of the collection "
      .. self.collection .. ", and the server makes none: " .. raised.message), 0)
  elseif not ok then
    error(raised, 0)
  end
  self.expires = true
end

--- Whether something may expire.  Asks the server, until it may.
---@param self table
---@return boolean
function M.look(self)
  self.expires = self.expires or self.connection:run(names.hasIndexNamed, false, self.collection, INDEX)
  return self.expires
end

-- ---- which have expired

local found

local function takeGone(data, length)
  local row = rows.head(data, length)
  if row.id and row.isGone then
    found[#found + 1] = { id = row.id, expiresAt = row.expiresAt, updatedAt = row.updatedAt, isNumber = row.isNumber }
  end
end

local function findGone(shared, collection, before, limit)
  found = {}
  writer.reset()
  local filter = writer.begin()
  local field = writer.document("expiresAt")
  writer.date("$lte", before)
  writer.finish(field)
  writer.finish(filter)
  local at = writer.begin()
  rows.putProjection("entityId", "updatedAt", "expiresAt", "expiresOf")
  if limit then writer.number("limit", limit) end
  writer.finish(at)
  shared:find(collection, at, takeGone)
  return found
end

--- The ids that have expired, as {[id] = true}; nil: there are none.
---@param self table
---@return table<string, true>?
function M.gone(self)
  if not M.look(self) then return nil end
  local out
  for _, row in ipairs(self.connection:run(findGone, false, self.collection, clock.wall())) do
    out = out or {}
    out[row.id] = true
  end
  return out
end

-- ---- removing

local function removeSome(shared, collection, list)
  local batch = shared:batch(collection)
  for _, row in ipairs(list) do
    writer.reset()
    local filter = writer.begin()
    if row.isNumber then writer.number("entityId", tonumber(row.id)) else writer.string("entityId", row.id) end
    -- Only as it was seen: it may have been written again.
    writer.date("updatedAt", row.updatedAt)
    writer.date("expiresAt", row.expiresAt)
    writer.finish(filter)
    shared:addRemoval(batch, false)
  end
  local reply, errors = shared:send(batch, "removing what has expired")
  if errors then error(shared.errorOf(errors[1].code, "MongoDB: " .. errors[1].errmsg, true), 0) end
  return reply.nRemoved
end

--- Removes an entity if it has expired.  Whether it had.
---@param self table
---@param id string
---@return boolean
function M.makeWay(self, id)
  if not M.look(self) then return false end
  for _, row in ipairs(self.connection:run(findGone, false, self.collection, clock.wall())) do
    if row.id == id then return self.connection:run(removeSome, true, self.collection, { row }) > 0 end
  end
  return false
end

-- What the two clocks of this process say of each other.
local seen = {}

local function doAgree()
  local now, apart = clock.now(), clock.wall() - clock.now() * 1000
  if not seen.apart or math.abs(apart - seen.apart) > M.apart then seen.apart, seen.since = apart, now end
  return now - seen.since >= M.agreement
end

local function sweep(self)
  local list = self.connection:run(findGone, false, self.collection, clock.wall() - M.margin, M.batch)
  if #list > 0 then self.connection:run(removeSome, true, self.collection, list) end
end

--- After a write: removes a few of what has long expired, now and then.
---@param self table
function M.sweep(self)
  local agree, now = doAgree(), clock.now()
  if not self.expires or not agree or now < (self.sweptAt or -math.huge) + M.pause then return end
  self.sweptAt = now
  -- The write that it comes after has been made: whatever goes wrong here must not make it fail, and is tried again.
  pcall(sweep, self)
end

return M
