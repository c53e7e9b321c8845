-- SPDX-License-Identifier: MIT
--
-- Writing and removing.  Everything goes out by libmongoc's batches, unordered: one write that fails does not keep the
-- others from being done, and with retryWrites=true libmongoc repeats them where the server can tell.  Each batch has
-- the time of an operation.
--
-- A server refuses some keys by its version, such as those that begin with $ before MongoDB 5.0, and what one of its
-- indexes cannot have.  It says so and has stored nothing; the entity is then kept as its JSON text (writer.marked),
-- which no index looks into.

local core = require "holdfast.core"
local indexes = require "holdfast.backends.mongo.indexes"
local rows = require "holdfast.backends.mongo.rows"
local writer = require "holdfast.backends.mongo.writer"
local clock = require "holdfast.util.clock"

local M = {}

-- Of a batch, at most.
local ROWS_MAX, BYTES_MAX = 1000, 8 * 1024 * 1024

-- Codes for what a server does not store: keys; arrays at two paths of one index.
local NOT_STORED = { [52] = true, [55] = true, [56] = true, [57] = true, [171] = true }

-- The code for a document with this id, or these values, that is there already.
local DUPLICATE = 11000

-- How often a write that met another program's insert is done again.
local RACES = 5

local function putFields(text, isMarked)
  if isMarked then writer.marked("data", text) else writer.json("data", text) end
  writer.date("updatedAt", clock.wall())
end

local one = {}

-- Adds an update with upsert.  An id that may be stored as a number, too, is updated wherever it is.
local function addUpdate(shared, batch, id, text, ifAbsent, isMarked)
  one[1] = id
  writer.reset()
  local filter = writer.begin()
  local mayBeNumber = rows.putIds(one, 1, 1)
  writer.finish(filter)
  local update = writer.begin()
  local set = writer.document(ifAbsent and "$setOnInsert" or "$set")
  putFields(text, isMarked)
  if mayBeNumber and not ifAbsent then
    writer.finish(set)
    set = writer.document("$setOnInsert")
  end
  if mayBeNumber then writer.string("entityId", id) end
  writer.finish(set)
  writer.finish(update)
  local options = writer.begin()
  writer.boolean("upsert", true)
  writer.boolean("validate", false) -- by libmongoc, which would refuse empty keys
  writer.finish(options)
  shared:addUpdate(batch, update, options, mayBeNumber)
end

local function raise(shared, err, doing)
  error(shared.errorOf(err.code, ("MongoDB, %s: %s"):format(doing, err.errmsg), true), 0)
end

local function sendOne(shared, collection, id, text, ifAbsent, isMarked)
  local batch = shared:batch(collection)
  addUpdate(shared, batch, id, text, ifAbsent, isMarked)
  local reply, errors = shared:send(batch, "writing " .. id)
  if not errors and ifAbsent and reply.nUpserted == 0 then error(core.error("conflict"), 0) end
  return errors and errors[1]
end

-- Returns the unique index that has the values of another entity, where one has.
local function writeOne(shared, collection, id, text, ifAbsent)
  local isMarked, err = false, nil
  for _ = 1, RACES do
    err = sendOne(shared, collection, id, text, ifAbsent, isMarked)
    if not err then return end
    if NOT_STORED[err.code] and not isMarked then
      isMarked = true
    elseif err.code ~= DUPLICATE then
      break
    elseif indexes.refusedBy(err.errmsg) then
      return indexes.refusedBy(err.errmsg)
    elseif ifAbsent then
      error(core.error("conflict"), 0)
    end
  end
  raise(shared, err, "writing " .. id)
end

--- Writes one entity.
---@param ifAbsent? boolean
function M.one(self, id, text, ifAbsent)
  local refusedBy = self.connection:run(writeOne, true, self.collection, id, text, ifAbsent)
  if refusedBy then error(indexes.duplicate(self, refusedBy, id, text), 0) end
end

local lastSent

-- Sends the ids from `first` on, as far as a batch goes: to `lastSent`.  Returns the errors.
local function sendSome(shared, collection, ids, first, entities)
  local batch, bytes = shared:batch(collection), 0
  local last = first - 1
  repeat
    last = last + 1
    local id = ids[last]
    addUpdate(shared, batch, id, entities.texts[id], false, entities.marked[id])
    bytes = bytes + writer.size()
  until last == #ids or last - first + 1 == ROWS_MAX or bytes > BYTES_MAX
  lastSent = last
  local _, errors = shared:send(batch, ("writing %d entities"):format(last - first + 1))
  return errors or {}
end

-- Which of the ids have to be sent again; raises what is no reason to.
local function again(self, ids, first, errors, entities)
  local left, marked = {}, entities.marked
  for _, err in ipairs(errors) do
    local id = ids[first + err.index]
    local refusedBy = err.code == DUPLICATE and indexes.refusedBy(err.errmsg)
    if refusedBy then error(indexes.duplicate(self, refusedBy, id, entities.texts[id]), 0) end
    if NOT_STORED[err.code] and not marked[id] then
      marked[id] = true
    elseif err.code ~= DUPLICATE then
      raise(self.connection, err, ("writing %s, one of a batch whose others may be written"):format(id))
    end
    left[#left + 1] = id
  end
  return left
end

--- Writes many entities: {[id] = text}.
function M.many(self, texts)
  local ids, marked = {}, {}
  local entities = { texts = texts, marked = marked }
  for id in pairs(texts) do ids[#ids + 1] = id end
  for _ = 1, RACES do
    local left, position = {}, 1
    while position <= #ids do
      local errors = self.connection:run(sendSome, true, self.collection, ids, position, entities)
      for _, id in ipairs(again(self, ids, position, errors, entities)) do left[#left + 1] = id end
      position = lastSent + 1
    end
    if #left == 0 then return end
    ids = left
  end
  error(core.error("unavailable", ("MongoDB: %s and others are inserted and removed all the time by other programs")
    :format(ids[1])), 0)
end

-- Adds the removal of an id.
local function addRemoval(shared, batch, id)
  one[1] = id
  writer.reset()
  local filter = writer.begin()
  local mayBeNumber = rows.putIds(one, 1, 1)
  writer.finish(filter)
  shared:addRemoval(batch, mayBeNumber)
end

local function finishRemoval(shared, batch, doing)
  local reply, errors = shared:send(batch, doing)
  if errors then raise(shared, errors[1], doing) end
  return reply.nRemoved
end

local function removeSome(shared, collection, ids, first, last)
  local batch = shared:batch(collection)
  for i = first, last do addRemoval(shared, batch, ids[i]) end
  return finishRemoval(shared, batch,
    last == first and "removing " .. ids[first] or ("removing %d entities"):format(last - first + 1))
end

local function removeAll(shared, collection)
  local batch = shared:batch(collection)
  writer.reset()
  writer.finish(writer.begin())
  shared:addRemoval(batch, true)
  return finishRemoval(shared, batch, "removing all of " .. collection)
end

--- Removes entities; returns how many documents there were.
---@param ids string[]
function M.remove(self, ids)
  local removed = 0
  for first = 1, #ids, ROWS_MAX do
    local last = math.min(first + ROWS_MAX - 1, #ids)
    removed = removed + self.connection:run(removeSome, true, self.collection, ids, first, last)
  end
  return removed
end

--- Removes whatever is in the collection.
function M.removeAll(self) self.connection:run(removeAll, true, self.collection) end

return M
