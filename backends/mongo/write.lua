-- SPDX-License-Identifier: MIT
--
-- Writing and removing.  Batches go out as commands for many documents, unordered: one that fails does not keep the
-- others from being written.  Each command has the time of an operation.
--
-- A server refuses some keys by its version, such as those that begin with $ before MongoDB 5.0.  It says so and has
-- stored nothing; the entity is then kept as its JSON text (writer.marked).

local core = require "holdfast.core"
local ffi = require "ffi"
local rows = require "holdfast.backends.mongo.rows"
local server = require "holdfast.server"
local writer = require "holdfast.backends.mongo.writer"

local M = {}

-- Of a command, at most.
local ROWS_MAX, BYTES_MAX = 1000, 8 * 1024 * 1024

-- Codes for keys that a server does not store; for a document with this id that is there already.
local REFUSED_KEYS = { [52] = true, [55] = true, [56] = true, [57] = true }
local DUPLICATE = 11000

-- How often a write that met another program's insert is done again.
local RACES = 5

local CLOCK_REALTIME = 0
local time = ffi.new("struct holdfast_timespec")

local function milliseconds()
  ffi.C.clock_gettime(CLOCK_REALTIME, time)
  return tonumber(time.tv_sec) * 1000 + math.floor(tonumber(time.tv_nsec) / 1e6)
end

-- Begins a command; returns the document and the array in it, both open.
local function beginCommand(name, collection, list)
  writer.reset()
  local command = writer.begin()
  writer.string(name, collection)
  writer.boolean("ordered", false)
  return command, writer.array(list)
end

local function putFields(text, isMarked)
  if isMarked then writer.marked("data", text) else writer.json("data", text) end
  writer.date("updatedAt", milliseconds())
end

-- One update with upsert.  An id that may be stored as a number, too, is updated wherever it is.
local function putUpdate(key, id, text, ifAbsent, isMarked)
  local one = writer.document(key)
  local query = writer.document("q")
  local mayBeNumber = rows.putIds({ id }, 1, 1)
  writer.finish(query)
  local update = writer.document("u")
  local set = writer.document(ifAbsent and "$setOnInsert" or "$set")
  putFields(text, isMarked)
  if mayBeNumber and not ifAbsent then
    writer.finish(set)
    set = writer.document("$setOnInsert")
  end
  if mayBeNumber then writer.string("entityId", id) end
  writer.finish(set)
  writer.finish(update)
  writer.boolean("upsert", true)
  if mayBeNumber then writer.boolean("multi", true) end
  writer.finish(one)
end

-- The errors of single documents in a reply: {{index=, code=, errmsg=}, ...}, or nil.
local function writeErrors(reply, doing)
  if reply.writeConcernError then
    local err = core.json.decode(reply.writeConcernError)
    error(server.lost("timeout", ("MongoDB, %s: %s"):format(doing, err.errmsg or "the write concern failed")), 0)
  end
  return reply.writeErrors and core.json.decode(reply.writeErrors) or nil
end

local function raise(shared, err, doing)
  error(shared.errorOf(err.code, ("MongoDB, %s: %s"):format(doing, err.errmsg), true), 0)
end

local function sendOne(shared, collection, id, text, ifAbsent, isMarked)
  local command, list = beginCommand("update", collection, "updates")
  putUpdate("0", id, text, ifAbsent, isMarked)
  writer.finish(list)
  writer.finish(command)
  local reply = shared:command("writing " .. id, true)
  local errors = writeErrors(reply, "writing " .. id)
  if not errors and ifAbsent and not reply.upserted then error(core.error("conflict"), 0) end
  return errors and errors[1]
end

local function writeOne(shared, collection, id, text, ifAbsent)
  local isMarked, err = false, nil
  for _ = 1, RACES do
    err = sendOne(shared, collection, id, text, ifAbsent, isMarked)
    if not err then return end
    if REFUSED_KEYS[err.code] and not isMarked then
      isMarked = true
    elseif err.code ~= DUPLICATE then
      break
    elseif ifAbsent then
      error(core.error("conflict"), 0)
    end
  end
  raise(shared, err, "writing " .. id)
end

--- Writes one entity.
---@param ifAbsent? boolean
function M.one(self, id, text, ifAbsent)
  self.connection:run(writeOne, true, self.collection, id, text, ifAbsent)
end

local lastSent

-- Sends the ids from `first` on as one command, as far as it has room: to `lastSent`.  Returns the errors.
local function sendSome(shared, collection, ids, first, batch)
  local command, list = beginCommand("update", collection, "updates")
  local last = first - 1
  repeat
    last = last + 1
    local id = ids[last]
    putUpdate(writer.index(last - first), id, batch.texts[id], false, batch.marked[id])
    local nextText = batch.texts[ids[last + 1]]
  until not nextText or last - first + 1 == ROWS_MAX or writer.size() + 2 * #nextText > BYTES_MAX
  writer.finish(list)
  writer.finish(command)
  lastSent = last
  local doing = ("writing %d entities"):format(last - first + 1)
  return writeErrors(shared:command(doing, true), doing) or {}
end

-- Which of the ids have to be sent again; raises what is no reason to.
local function again(self, ids, first, errors, marked)
  local left = {}
  for _, err in ipairs(errors) do
    local id = ids[first + err.index]
    if REFUSED_KEYS[err.code] and not marked[id] then
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
  local batch = { texts = texts, marked = marked }
  for id in pairs(texts) do ids[#ids + 1] = id end
  for _ = 1, RACES do
    local left, position = {}, 1
    while position <= #ids do
      local errors = self.connection:run(sendSome, true, self.collection, ids, position, batch)
      for _, id in ipairs(again(self, ids, position, errors, marked)) do left[#left + 1] = id end
      position = lastSent + 1
    end
    if #left == 0 then return end
    ids = left
  end
  error(core.error("unavailable", ("MongoDB: %s and others are inserted and removed all the time by other programs")
    :format(ids[1])), 0)
end

-- Sends one delete, of some ids or of everything.  Returns how many documents there were.
local function delete(shared, collection, ids, first, last)
  local doing = not ids and "removing all of " .. collection or last == first and "removing " .. ids[first]
    or ("removing %d entities"):format(last - first + 1)
  local command, list = beginCommand("delete", collection, "deletes")
  local one = writer.document("0")
  local query = writer.document("q")
  if ids then rows.putIds(ids, first, last) end
  writer.finish(query)
  writer.number("limit", 0)
  writer.finish(one)
  writer.finish(list)
  writer.finish(command)
  local reply = shared:command(doing, true)
  local errors = writeErrors(reply, doing)
  if errors then raise(shared, errors[1], doing) end
  return reply.n
end

--- Removes entities; returns how many documents there were.
---@param ids string[]
function M.remove(self, ids)
  local removed = 0
  for first = 1, #ids, ROWS_MAX do
    local last = math.min(first + ROWS_MAX - 1, #ids)
    removed = removed + self.connection:run(delete, true, self.collection, ids, first, last)
  end
  return removed
end

--- Removes whatever is in the collection.
function M.removeAll(self) self.connection:run(delete, true, self.collection) end

return M
