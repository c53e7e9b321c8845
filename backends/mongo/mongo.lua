-- SPDX-License-Identifier: MIT
--
-- Entities in MongoDB, as the guide of the TypeScript framework keeps them: a collection for each entity name, and in
-- it a document {entityId, data, updatedAt} for each entity, with a unique index on entityId.  libmongoc does the
-- talking, by FFI.
--
--   writer.lua, reader.lua   BSON from and to JSON text
--   connection.lua           the client, deadlines, and what failures mean
--   address.lua              what a URL means
--   names.lua                entity names as names of collections
--   rows.lua                 documents by their ids
--   scan.lua                 all of them, in order
--   condition.lua            what a condition asks, as a query
--   queries.lua              queries as sets of documents
--   indexes.lua              indexes over fields of entities
--   write.lua                writing and removing
--   libmongoc.lua            the libraries

local core = require "holdfast.core"
local address = require "holdfast.backends.mongo.address"
local connections = require "holdfast.backends.mongo.connection"
local indexes = require "holdfast.backends.mongo.indexes"
local names = require "holdfast.backends.mongo.names"
local PersistBase = require "holdfast.PersistBase"
local rows = require "holdfast.backends.mongo.rows"
local scan = require "holdfast.backends.mongo.scan"
local write = require "holdfast.backends.mongo.write"
local writer = require "holdfast.backends.mongo.writer"

local MongoPersist = PersistBase:extend("MongoPersist")

MongoPersist.encoding = "json"
MongoPersist.supports = { durable = true, ifAbsent = true, index = true }
MongoPersist.conditions = true

-- ---- instances

function MongoPersist:init(entityName, url)
  PersistBase.init(self, entityName, url)
  address.parse(url)
end

-- The connection: shared by the instances with this URL, until each of them is closed.
local function connection(self)
  if not self.connection then self.connection = connections.get(self.baseDir) end
  return self.connection
end

local function makeIdIndex(shared, collection)
  writer.reset()
  local command = writer.begin()
  writer.string("createIndexes", collection)
  local list = writer.array("indexes")
  local index = writer.document("0")
  local key = writer.document("key")
  writer.number("entityId", 1)
  writer.finish(key)
  writer.string("name", "entityId_1")
  writer.boolean("unique", true)
  writer.finish(index)
  writer.finish(list)
  writer.finish(command)
  shared:command("making the unique index on entityId of " .. collection, true)
end

-- Returns the collection of an entity name, with its index.
local function prepare(shared, entityName)
  local collection = names.collection(shared, entityName)
  local ok, raised = pcall(makeIdIndex, shared, collection)
  -- Who may not make indexes may still use a collection that has this one.
  if not ok and not (raised.code == "io" and names.hasIndex(shared, collection)) then error(raised, 0) end
  return collection
end

function MongoPersist:waitForInit()
  -- Making what is there already changes nothing, so this may be repeated, as reads are.
  self.collection = connection(self):run(prepare, false, self.entityName)
end

function MongoPersist:close()
  if self.connection then self.connection:release() end
  self.connection = nil
end

-- ---- one entity

function MongoPersist:readEntry(id)
  local found = rows.read(self, id)
  if not found then error(core.error("not_found"), 0) end
  return { id = id, value = found.text, revision = 0, updatedAt = found.updatedAt or 0 }
end

function MongoPersist:readValue(id)
  local found = rows.read(self, id)
  return found and found.text or error(core.error("not_found"), 0)
end

function MongoPersist:hasValue(id) return rows.exists(self, id) end

function MongoPersist:writeValue(id, text, options) write.one(self, id, text, options and options.ifAbsent) end

function MongoPersist:removeValue(id)
  if write.remove(self, { id }) == 0 then error(core.error("not_found"), 0) end
end

-- ---- many

function MongoPersist:readMany(ids) return rows.readMany(self, ids) end

function MongoPersist:writeMany(texts) write.many(self, texts) end

function MongoPersist:removeMany(ids) return math.min(#ids, write.remove(self, ids)) end

function MongoPersist:removeAll() write.removeAll(self) end

function MongoPersist:keys(range) return scan.keys(self, range) end

function MongoPersist:entries(range, withInfo) return scan.entries(self, range, withInfo) end

-- Nobody calls it: loops over values are made of entries.
function MongoPersist:values(range)
  local step = scan.entries(self, range)
  return function()
    local _, text = step()
    return text
  end
end

function MongoPersist:count() return scan.count(self) end

-- ---- indexes

function MongoPersist:createIndex(paths, options) indexes.create(self, paths, options) end

function MongoPersist:dropIndex(paths) indexes.drop(self, paths) end

function MongoPersist:indexes() return indexes.list(self) end

--- What the server is asked for a loop with a condition, for people; nil: for all entities.
---@param range {where: table, parameters: any[], prefix?: string}
---@return string?
function MongoPersist:statementFor(range) return scan.statement(self, range) end

-- ---- the store

local function ask(shared, name, doing)
  writer.reset()
  local command = writer.begin()
  writer.number(name, 1)
  writer.finish(command)
  return shared:command(doing)
end

-- What dbStats calls what is of interest.
local DATABASE_STATS = { collections = "collections", objects = "documents", dataSize = "dataBytes",
  storageSize = "storageBytes", indexes = "indexes", indexSize = "indexBytes" }

-- What is known of the server and the database.  Who may not ask for sizes is told the rest.
local function databaseFacts(shared)
  local facts = {
    backend = "mongodb", url = core.redact(shared.url, shared.url), database = shared.database,
    version = tostring(ask(shared, "buildInfo", "asking for the version").version),
  }
  facts.server = "MongoDB " .. facts.version
  local ok, found = pcall(ask, shared, "dbStats", "asking for the size of the database")
  if not ok and (core.isError(found, "unavailable") or core.isError(found, "timeout")) then error(found, 0) end
  for name, shown in pairs(ok and DATABASE_STATS or {}) do
    if type(found[name]) == "number" then facts[shown] = found[name] end
  end
  return facts
end

function MongoPersist:stat()
  local facts = connection(self):run(databaseFacts, false)
  facts.collection = self.collection
  facts.entities = MongoPersist.count(self)
  return facts
end

-- Runs an operation on the connection of a URL.
local function once(url, operation)
  local shared = connections.get(url)
  local ok, result = pcall(shared.run, shared, operation, false)
  shared:release()
  if not ok then error(result, 0) end
  return result
end

--- What is known of the database that a URL means.
---@param url string
---@return table<string, any>
function MongoPersist.storeStat(url) return once(url, databaseFacts) end

--- The names of entities in the database that a URL means.
---@param url string
---@return string[]
function MongoPersist.entityNames(url) return once(url, names.list) end

return MongoPersist
