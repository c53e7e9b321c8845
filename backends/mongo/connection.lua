-- SPDX-License-Identifier: MIT
--
-- A client of libmongoc, shared by all instances with one URL: commands and finds within a deadline, and what their
-- failures mean.
--
-- A client is dropped at the first failure of its network and made again by the next operation: libmongoc itself would
-- not look at a server for five seconds after it had failed.  Making one costs no connection; a ping, which comes
-- first, does, so that a failure to connect is known to have sent nothing.  A ping also comes before a write on a
-- connection that has been idle: a server that was restarted meanwhile then costs no "may have happened".
--
-- After a fork the child has a client of its own; it does not end the parent's.

local core = require "holdfast.core"
local ffi = require "ffi"
local address = require "holdfast.backends.mongo.address"
local libmongoc = require "holdfast.backends.mongo.libmongoc"
local reader = require "holdfast.backends.mongo.reader"
local writer = require "holdfast.backends.mongo.writer"
local clock = require "holdfast.util.clock"
local process = require "holdfast.util.process"
local retry = require "holdfast.util.retry"

-- After how many seconds without an answer a connection is looked at before a write.
local IDLE = 0.05

-- Domains of libmongoc's errors.
local CLIENT, STREAM, PROTOCOL, SERVER_SELECTION, WRITE_CONCERN = 1, 2, 3, 15, 16
local AUTHENTICATE = 11 -- a code of the domain CLIENT
local TOO_BIG = 8 -- of CLIENT
local BAD_WIRE_VERSION = 15 -- of PROTOCOL

-- What codes of MongoDB's servers mean here; all others are `io`.
local CODES = {
  [50] = "timeout", [262] = "timeout",
  [11000] = "conflict", [11001] = "conflict",
  [10334] = "invalid_value", [17280] = "invalid_value", [17419] = "invalid_value", [17420] = "invalid_value",
  [171] = "unsupported",
  [14031] = "full", [12501] = "full",
  [6] = "unavailable", [7] = "unavailable", [89] = "unavailable", [91] = "unavailable", [189] = "unavailable",
  [9001] = "unavailable", [10058] = "unavailable", [10107] = "unavailable", [11600] = "unavailable",
  [11602] = "unavailable", [13435] = "unavailable", [13436] = "unavailable", [133] = "unavailable",
}

-- Those of them that say: the server was interrupted, and a write may have happened.
local INTERRUPTED = { [6] = true, [7] = true, [50] = true, [89] = true, [91] = true, [189] = true, [262] = true,
  [9001] = true, [11600] = true, [11602] = true }

local failure, documents = ffi.new("hf_bson_error_t"), ffi.new("const hf_bson_t *[1]")
local staticBson, updateBson, optionsBson, replyBson =
  ffi.new("hf_bson_t"), ffi.new("hf_bson_t"), ffi.new("hf_bson_t"), ffi.new("hf_bson_t")

local Connection = {}
Connection.__index = Connection

local shared = {} -- URL -> connection

--- For one user less.  The client is ended by the collector, since a Lua state that ends may have unloaded libmongoc.
function Connection:release()
  self.users = self.users - 1
  if self.users > 0 then return end
  self:drop()
  if shared[self.url] == self then shared[self.url] = nil end
end

-- ---- the client

function Connection:drop()
  self.client, self.collections = nil, nil
end

-- Ends a client.  In a child process it is the parent's, over whose connections nothing may be said.
local function finalizer(mongoc)
  local pid = process.id()
  return function(client)
    if process.id() ~= pid then mongoc.hf_mongoc_client_reset(client) end
    mongoc.hf_mongoc_client_destroy(client)
  end
end

local function prepare(self)
  self.mongoc, self.bson = libmongoc.load()
  local complete
  complete, self.parts = address.complete(self.rest, self.settings)
  self.uri = address.uri(complete)
  self.database = address.database(self.uri)
end

local function newClient(self)
  if not self.uri then prepare(self) end
  local client = self.mongoc.hf_mongoc_client_new_from_uri_with_error(self.uri, failure)
  if client == nil then
    error(core.error("unavailable", core.redact(ffi.string(failure.message), self.url)), 0)
  end
  self.client = ffi.gc(client, finalizer(self.mongoc))
  self.mongoc.hf_mongoc_client_set_error_api(client, 2)
  self.pid, self.collections, self.heard = process.id(), {}, nil
end

-- ---- failures

local function explain(self, doing)
  return string.format("MongoDB, %s: %s", doing, core.redact(ffi.string(failure.message), self.url))
end

-- The error for a number and a message that a server answered.
local function errorOf(code, message, isWrite)
  local name = CODES[code] or "io"
  if isWrite and INTERRUPTED[code] then return retry.lost(name, message) end
  local err = core.error(name, message)
  if name == "timeout" then err.retryable = false end
  return err
end
Connection.errorOf = errorOf

-- Raises what `failure` says.  `began`: when it was sent; isSafe: nothing was changed, whatever happened.
local function raise(self, doing, began, isSafe)
  local domain, message = failure.domain, explain(self, doing)
  if domain == WRITE_CONCERN then error(retry.lost("timeout", message), 0) end
  local isRefused = domain == CLIENT and failure.code == AUTHENTICATE
    or domain == PROTOCOL and failure.code == BAD_WIRE_VERSION
  if domain == CLIENT and failure.code == TOO_BIG then error(core.error("invalid_value", message), 0) end
  if isRefused then
    self:drop()
    error(core.error("io", message), 0)
  end
  if domain > PROTOCOL and domain ~= SERVER_SELECTION then error(errorOf(failure.code, message, not isSafe), 0) end
  self:drop()
  local isLate = domain == STREAM and clock.now() - began >= 0.95 * self.parts.answer
  local code = isLate and "timeout" or "unavailable"
  if isSafe or domain == CLIENT or domain == SERVER_SELECTION then
    local err = core.error(code, message)
    err.retryable = code == "unavailable"
    error(err, 0)
  end
  error(retry.lost(code, message), 0)
end

-- ---- commands

-- What writer.lua has, as libbson sees it.
local function command(self)
  local data = writer.bytes()
  if not self.bson.hf_bson_init_static(staticBson, data, writer.size()) then
    error(core.error("invalid_value", "what is to be sent is no BSON that libbson takes"), 0)
  end
  return staticBson
end

local function ping(self)
  writer.reset()
  local document = writer.begin()
  writer.number("ping", 1)
  writer.finish(document)
  local began = clock.now()
  if not self.mongoc.hf_mongoc_client_command_simple(self.client, self.database, command(self), nil, nil, failure) then
    raise(self, "connecting", began, true)
  end
  self.heard = clock.now()
end

-- A client that is connected; isWrite: and surely so.
local function ready(self, isWrite)
  if self.client and self.pid ~= process.id() then self:drop() end
  if not self.client then newClient(self) end
  if not self.heard or (isWrite and clock.now() - self.heard > IDLE) then ping(self) end
end

-- One try of self.operation; made once for a connection, since LuaJIT compiles no code that makes functions.
local function attempts(self)
  return function(deadline)
    local last = self.last
    -- One that could end too late is not begun.
    if last and deadline - clock.now() < self.parts.repeats * (self.parts.select + self.parts.answer) then
      self.isOver, last.retryable = true, false
      error(last, 0)
    end
    self.deadline = deadline
    local ok, result = pcall(ready, self, self.isWrite)
    if ok then ok, result = pcall(self.operation, self, self.first, self.second, self.third, self.fourth) end
    if ok then return result end
    self.last = core.isError(result) and self.parts and result or nil
    error(result, 0)
  end
end

--- Runs operation(self, first, second, third, fourth) within the deadline that the URL sets, and again where that is
--- safe.  isWrite: it changes something, and an idle connection is looked at before.
---@param operation function
---@param isWrite boolean
function Connection:run(operation, isWrite, first, second, third, fourth)
  self.operation, self.isWrite, self.last, self.isOver = operation, isWrite, nil, false
  self.first, self.second, self.third, self.fourth = first, second, third, fourth
  local ok, result = pcall(retry.try, self.settings, self.attempt)
  if ok then return result end
  if self.isOver then self.last.retryable = true end -- by whoever called
  error(result, 0)
end

local reply

local function takeField(key, kind, at, after)
  if key == "$clusterTime" then return end
  local value = reader.plain(kind, at)
  if value == nil and (kind == 3 or kind == 4) then value = reader.json(kind, at, after) end
  reply[key] = value
end

-- The fields of a reply: a table by key, with documents and arrays as JSON text.
local function fields(data, length)
  reply = {}
  reader.each(data, length, takeField)
  return reply
end

--- Sends the command that writer.lua has.  `doing`: what it is, for errors.
---@param doing string
---@param isWrite? boolean
---@return table<string, any> reply  documents and arrays in it are JSON text
function Connection:command(doing, isWrite)
  local ok
  local began = clock.now()
  if isWrite then
    ok = self.mongoc.hf_mongoc_client_write_command_with_opts(self.client, self.database, command(self), nil,
      replyBson, failure)
  else
    ok = self.mongoc.hf_mongoc_client_read_command_with_opts(self.client, self.database, command(self), nil, nil,
      replyBson, failure)
  end
  local parsed, found = pcall(fields, self.bson.hf_bson_get_data(replyBson), replyBson.len)
  self.bson.hf_bson_destroy(replyBson)
  if not parsed then error(found, 0) end
  if not ok then raise(self, doing, began, not isWrite) end
  self.heard = clock.now()
  return found
end

-- ---- collections

local function collection(self, name)
  local found = self.collections[name]
  if not found then
    found = ffi.gc(self.mongoc.hf_mongoc_client_get_collection(self.client, self.database, name),
      self.mongoc.hf_mongoc_collection_destroy)
    self.collections[name] = found
  end
  return found
end

-- What writer.lua has between two places, as libbson sees it.
local function part(self, bson, from, to)
  self.bson.hf_bson_init_static(bson, writer.bytes() + from, to - from)
  return bson
end

--- Begins a batch of writes: an object for the calls below, good until Connection:send().
---@param name string  of the collection
function Connection:batch(name)
  writer.reset()
  local options = writer.begin()
  writer.boolean("ordered", false)
  writer.finish(options)
  return ffi.gc(self.mongoc.hf_mongoc_collection_create_bulk_operation_with_opts(collection(self, name), command(self)),
    self.mongoc.hf_mongoc_bulk_operation_destroy)
end

local NO_OPTIONS = string.char(5, 0, 0, 0, 0)

--- Adds an update.  writer.lua has the filter, after it the update, and from `options` on the options.
---@param isMany boolean  of all documents that the filter finds
function Connection:addUpdate(batch, update, options, isMany)
  local add = isMany and self.mongoc.hf_mongoc_bulk_operation_update_many_with_opts
    or self.mongoc.hf_mongoc_bulk_operation_update_one_with_opts
  if not add(batch, part(self, staticBson, 0, update), part(self, updateBson, update, options),
      part(self, optionsBson, options, writer.size()), failure) then
    raise(self, "adding to a batch", clock.now(), true)
  end
end

--- Adds a removal of what the filter finds that writer.lua has.
function Connection:addRemoval(batch, isMany)
  local add = isMany and self.mongoc.hf_mongoc_bulk_operation_remove_many_with_opts
    or self.mongoc.hf_mongoc_bulk_operation_remove_one_with_opts
  self.bson.hf_bson_init_static(optionsBson, ffi.cast("const uint8_t *", NO_OPTIONS), #NO_OPTIONS)
  if not add(batch, part(self, staticBson, 0, writer.size()), optionsBson, failure) then
    raise(self, "adding to a batch", clock.now(), true)
  end
end

local function errorList(text) return text and text ~= "[]" and core.json.decode(text) or nil end

--- Sends a batch.  Returns the reply, and the errors of single writes: {{index=, code=, errmsg=}, ...} or nil.
function Connection:send(batch, doing)
  local began, mongoc = clock.now(), self.mongoc
  local ok = mongoc.hf_mongoc_bulk_operation_execute(batch, replyBson, failure) ~= 0
  mongoc.hf_mongoc_bulk_operation_destroy(ffi.gc(batch, nil))
  local parsed, found = pcall(fields, self.bson.hf_bson_get_data(replyBson), replyBson.len)
  self.bson.hf_bson_destroy(replyBson)
  if not parsed then error(found, 0) end
  local concerns, errors = errorList(found.writeConcernErrors), errorList(found.writeErrors)
  if not ok and not concerns and not errors then raise(self, doing, began, false) end
  self.heard = clock.now()
  if concerns then
    error(retry.lost("timeout", ("MongoDB, %s: %s"):format(doing, concerns[1].errmsg or "the write concern")), 0)
  end
  return found, errors
end

-- ---- finds

-- An answer may come in many parts, each of them in time.
local function checkDeadline(self, name)
  if clock.now() < self.deadline then return end
  local err = core.error("timeout", string.format("MongoDB, reading %s: it took longer than timeout=%gs", name,
    self.settings.timeout))
  err.retryable = false
  error(err, 0)
end

local function drain(self, cursor, name, fn)
  local mongoc, bson, count = self.mongoc, self.bson, 0
  while mongoc.hf_mongoc_cursor_next(cursor, documents) do
    local document = documents[0]
    if fn(bson.hf_bson_get_data(document), document.len) then return end
    count = count + 1
    if count % 1000 == 0 then checkDeadline(self, name) end
  end
end

--- Calls fn(data, length) for each document that is found, until it returns true.  writer.lua has the filter, and
--- after it, from `at` on, the options.
---@param name string  of the collection
---@param at integer
---@param fn fun(data: ffi.cdata*, length: integer): boolean?
function Connection:find(name, at, fn)
  local mongoc, began = self.mongoc, clock.now()
  local cursor = mongoc.hf_mongoc_collection_find_with_opts(collection(self, name), part(self, staticBson, 0, at),
    part(self, optionsBson, at, writer.size()), nil)
  local ok, raised = pcall(drain, self, cursor, name, fn)
  local failed = mongoc.hf_mongoc_cursor_error(cursor, failure)
  mongoc.hf_mongoc_cursor_destroy(cursor)
  if not ok then error(raised, 0) end
  if failed then raise(self, "reading " .. name, began, true) end
  self.heard = clock.now()
end

--- Names of the collections in the database.
---@return string[]
function Connection:collectionNames()
  writer.reset()
  local options = writer.begin()
  local filter = writer.document("filter")
  writer.string("type", "collection")
  writer.finish(filter)
  writer.finish(options)
  local began, mongoc = clock.now(), self.mongoc
  local database = mongoc.hf_mongoc_client_get_database(self.client, self.database)
  local list = mongoc.hf_mongoc_database_get_collection_names_with_opts(database, command(self), failure)
  mongoc.hf_mongoc_database_destroy(database)
  if list == nil then raise(self, "listing collections", began, true) end
  local names = {}
  while list[#names] ~= nil do names[#names + 1] = ffi.string(list[#names]) end
  self.bson.hf_bson_strfreev(list)
  return names
end

-- The connection for a URL, shared with all that ask for the same; dials nothing.
local function get(url)
  local self = shared[url]
  if not self then
    local settings, rest = address.parse(url)
    self = setmetatable({ url = url, settings = settings, rest = rest, users = 0 }, Connection)
    self.attempt = attempts(self)
    shared[url] = self
  end
  self.users = self.users + 1
  return self
end

return { get = get }
