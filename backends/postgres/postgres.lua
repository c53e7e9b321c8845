-- SPDX-License-Identifier: MIT
--
-- The backend for PostgreSQL: the class that postgres: URLs make instances of.  Its table, columns and documents are
-- those of programs written after the framework's guide for custom backends (table.lua, document.lua).

local Connection = require "holdfast.backends.postgres.connection"
local document = require "holdfast.backends.postgres.document"
local found = require "holdfast.backends.postgres.found"
local holdfast = require "holdfast"
local indexes = require "holdfast.backends.postgres.index"
local loops = require "holdfast.backends.postgres.loop"
local stat = require "holdfast.backends.postgres.stat"
local tables = require "holdfast.backends.postgres.table"

local BATCH_COUNT, BATCH_BYTES = 5000, 8 * 1024 * 1024

local PostgresPersist = holdfast.PersistBase:extend("PostgresPersist")

PostgresPersist.encoding = "json"
PostgresPersist.conditions = true

PostgresPersist.supports = {
  durable = true, ifAbsent = true, revision = true, atomicBatch = true, transaction = true, snapshot = true,
  nested = true, removeIfRevision = true, index = true,
}

local INFO = loops.INFO

-- URL -> the connection that its instances share.
local connections = setmetatable({}, { __mode = "v" })

local function connectionOf(url)
  local shared = connections[url] or Connection.new(url)
  connections[url] = shared
  return shared
end

function PostgresPersist:init(entityName, url)
  holdfast.PersistBase.init(self, entityName, url)
  self.connection = connectionOf(url)
  local table = tables.quote((tables.name(entityName)))
  self.table = table
  -- Whether there is an index, and a unique one: known from the first use, or the first refusal, on.
  self.isIndexed, self.isUnique = false, false
  -- The statements, made once: each is prepared by its text.
  self.sql = {
    read = "SELECT data::text FROM " .. table .. " WHERE entity_id = $1",
    readEntry = "SELECT data::text" .. INFO .. " FROM " .. table .. " WHERE entity_id = $1",
    has = "SELECT 1 FROM " .. table .. " WHERE entity_id = $1",
    write = "INSERT INTO " .. table .. " (entity_id, data, updated_at) VALUES ($1, $2::jsonb, NOW())"
      .. " ON CONFLICT (entity_id) DO UPDATE SET data = excluded.data, updated_at = NOW() RETURNING xmin::text",
    writeAbsent = "INSERT INTO " .. table .. " (entity_id, data, updated_at) VALUES ($1, $2::jsonb, NOW())"
      .. " ON CONFLICT (entity_id) DO NOTHING RETURNING xmin::text",
    writeRevision = "UPDATE " .. table .. " SET data = $2::jsonb, updated_at = NOW()"
      .. " WHERE entity_id = $1 AND xmin::text = $3 RETURNING xmin::text",
    remove = "DELETE FROM " .. table .. " WHERE entity_id = $1",
    removeRevision = "DELETE FROM " .. table .. " WHERE entity_id = $1 AND xmin::text = $2",
    removeAll = "DELETE FROM " .. table,
    count = "SELECT count(*)::text FROM " .. table,
    readMany = "SELECT entity_id, data::text FROM " .. table .. " WHERE entity_id = ANY ($1::text[])",
    readEntries = "SELECT entity_id, data::text" .. INFO .. " FROM " .. table .. " WHERE entity_id = ANY ($1::text[])",
    writeMany = "INSERT INTO " .. table .. " (entity_id, data, updated_at)"
      .. " SELECT key, value, NOW() FROM jsonb_each($1::jsonb)"
      .. " ON CONFLICT (entity_id) DO UPDATE SET data = excluded.data, updated_at = NOW()",
    removeMany = "DELETE FROM " .. table .. " WHERE entity_id = ANY ($1::text[])",
    removeMembers = "DELETE FROM " .. table
      .. " WHERE entity_id = ANY (ARRAY(SELECT jsonb_object_keys($1::jsonb)))",
    others = "SELECT entity_id FROM " .. table .. " WHERE " .. tables.NOT_ASCII,
  }
  self.from = " FROM " .. table
end

-- Another session may be making the same things at this moment; then one of the two fails.
local RACES = { ["42P07"] = true, ["23505"] = true, ["42710"] = true, XX000 = true }

local function define(connection, statements)
  for _, statement in ipairs(statements) do
    for attempt = 1, 5 do
      local ok, err = pcall(connection.query, connection, "read", statement, nil, "once")
      if ok then break end
      if not RACES[err.state] or attempt == 5 then error(err, 0) end
    end
  end
end

function PostgresPersist:waitForInit()
  local connection = self.connection
  if connection.depth > 0 then connection = Connection.new(self.baseDir) end -- what is undone must not undo the table
  local known = connection:query("read", "SELECT to_regclass($1) IS NOT NULL, to_regclass($2) IS NOT NULL, "
    .. indexes.HAS_SOME .. ", " .. indexes.HAS_UNIQUE, { self.table, tables.naturalIndex(self.entityName) }, "once")
  if not (known[1] == "t" and known[2] == "t") then define(connection, tables.definition(self.entityName)) end
  self.isIndexed, self.isUnique = known[3] == "t", known[4] == "t"
  if connection ~= self.connection then connection:drop() end
end

-- ---- one entity

local function query(self, kind, name, values) return self.connection:query(kind, self.sql[name], values) end

function PostgresPersist:readValue(id)
  local text = query(self, "read", "read", { id })[1]
  return document.unwrap(text or error(holdfast.error("not_found"), 0))
end

function PostgresPersist:readEntry(id)
  local result = query(self, "read", "readEntry", { id })
  local text = result[1] or error(holdfast.error("not_found"), 0)
  return {
    id = id,
    value = document.unwrap(text),
    revision = tonumber(result[2]),
    updatedAt = result[3] and tonumber(result[3]) or nil,
  }
end

function PostgresPersist:hasValue(id)
  return query(self, "read", "has", { id }).rows > 0
end

-- Entities as a JSON object by their ids.
local function memberText(id, stored) return holdfast.json.encode(id) .. ":" .. stored end

-- Calls fn, which writes.  Where a unique index may refuse it in a transaction, that is not to be the end of the
-- transaction.  What it was refused for is said in words of ours; `members` gives what was to be written.
local function guarded(self, fn, members)
  local connection = self.connection
  local isInner = self.isUnique and connection.depth > 0
  if isInner then connection:query("read", "SAVEPOINT guarded") end
  local ok, result = pcall(fn)
  if ok then
    if isInner then connection:query("read", "RELEASE SAVEPOINT guarded") end
    return result
  end
  if not result.constraint then error(result, 0) end
  local asked = connection
  if isInner then
    connection:query("read", "ROLLBACK TO SAVEPOINT guarded")
  elseif connection.depth > 0 then
    asked = Connection.new(self.baseDir) -- nothing can be asked on this one any more
  end
  local err = indexes.explain(self, result, members(), asked)
  if asked ~= connection then asked:drop() end
  error(err, 0)
end

function PostgresPersist:writeValue(id, text, options)
  local values, name = { id, document.wrap(text) }, "write"
  if options and options.ifAbsent then name = "writeAbsent" end
  if options and options.ifRevision then
    name = "writeRevision"
    values[3] = ("%.0f"):format(options.ifRevision)
  end
  local revision = guarded(self, function() return query(self, "write", name, values) end, function()
    return "{" .. memberText(id, values[2]) .. "}"
  end)[1]
  return tonumber(revision or error(holdfast.error("conflict"), 0))
end

function PostgresPersist:removeValue(id, options)
  local revision = options and options.ifRevision
  local result = query(self, "write", revision and "removeRevision" or "remove",
    { id, revision and ("%.0f"):format(revision) })
  if result.touched > 0 then return end
  error(holdfast.error(revision and self:hasValue(id) and "conflict" or "not_found"), 0)
end

-- ---- all of them

function PostgresPersist:removeAll() query(self, "write", "removeAll") end

function PostgresPersist:count() return tonumber(query(self, "read", "count")[1]) end

-- ---- many

function PostgresPersist:readMany(ids)
  local texts = {}
  for from = 1, #ids, BATCH_COUNT do
    local part = loops.array(ids, from, math.min(from + BATCH_COUNT - 1, #ids))
    local result = query(self, "read", "readMany", { part })
    for i = 1, #result, 2 do texts[result[i]] = document.unwrap(result[i + 1]) end
  end
  return texts
end

-- Runs fn as a whole: in a transaction of its own where none is open.
local function whole(self, parts, fn)
  local connection = self.connection
  if parts < 2 or connection.depth > 0 then return fn() end
  connection:begin("write", 1)
  local ok, raised = pcall(fn)
  if not ok then
    pcall(connection.rollback, connection)
    error(raised, 0)
  end
  connection:commit()
end

-- What is to be written as JSON objects, each for one statement.
local function partsOf(texts)
  local members, parts, bytes = {}, {}, 0
  local function flush()
    if #members > 0 then parts[#parts + 1] = "{" .. table.concat(members, ",") .. "}" end
    members, bytes = {}, 0
  end
  for id, text in pairs(texts) do
    local member = memberText(id, document.wrap(text))
    members[#members + 1] = member
    bytes = bytes + #member
    if #members == BATCH_COUNT or bytes > BATCH_BYTES then flush() end
  end
  flush()
  return parts
end

function PostgresPersist:writeMany(texts)
  local parts, mayRepeat = partsOf(texts), self.isUnique or self.connection.depth == 0
  local function write()
    for _, part in ipairs(parts) do query(self, "write", "writeMany", { part }) end
  end
  local function members()
    local inner = {}
    for i, part in ipairs(parts) do inner[i] = part:sub(2, -2) end
    return "{" .. table.concat(inner, ",") .. "}"
  end
  local ok, raised = pcall(guarded, self, function() whole(self, #parts, write) end, members)
  if ok then return end
  if raised.code ~= "duplicate" or not mayRepeat then error(raised, 0) end
  -- The server looks at each row as it writes it, in whatever order.  What is exchanged within the batch needs the old
  -- rows to go first.
  guarded(self, function()
    whole(self, 2, function()
      for _, part in ipairs(parts) do query(self, "write", "removeMembers", { part }) end
      write()
    end)
  end, members)
end

function PostgresPersist:removeMany(ids)
  local removed = 0
  whole(self, math.ceil(#ids / BATCH_COUNT), function()
    for from = 1, #ids, BATCH_COUNT do
      local part = loops.array(ids, from, math.min(from + BATCH_COUNT - 1, #ids))
      removed = removed + query(self, "write", "removeMany", { part }).touched
    end
  end)
  return removed
end

-- ---- loops

function PostgresPersist:entries(range, withInfo)
  return loops.steps(self, range, withInfo and loops.ENTRIES or loops.TEXTS)
end

function PostgresPersist:keys(range) return loops.steps(self, range, loops.KEYS) end

-- Loops over values are made of entries.
function PostgresPersist:values(range)
  local step = loops.steps(self, range, loops.TEXTS)
  return function()
    local _, text = step()
    return text
  end
end

--- The statement that finds what a range asks for, for people; nil where it asks nothing that the server could tell.
---@param range holdfast.Range
---@return string?
function PostgresPersist:statementFor(range) return found.statementFor(self, range) end

-- ---- indexes

local function listOf(paths) return type(paths) == "table" and paths or { paths } end

--- Makes an index over paths; returns when it is built.  Others read and write meanwhile.
---@param paths string|string[]
---@param options? {unique: boolean?}
function PostgresPersist:createIndex(paths, options) indexes.create(self, listOf(paths), options) end

--- Forgets an index.
---@param paths string|string[]
function PostgresPersist:dropIndex(paths) indexes.drop(self, listOf(paths)) end

--- The indexes of the collection.
---@return holdfast.postgres.Index[]
function PostgresPersist:indexes() return indexes.list(self) end

-- ---- transactions

function PostgresPersist:begin(kind, depth) self.connection:begin(kind, depth) end

function PostgresPersist:commit() self.connection:commit() end

function PostgresPersist:rollback() self.connection:rollback() end

-- ---- the store

function PostgresPersist:stat() return stat.table(self.connection, self.url, self.entityName) end

--- What is known of the database.
---@param url string
---@return table<string, any>
function PostgresPersist.storeStat(url) return stat.database(connectionOf(url), url) end

--- The entity names that have a table, in the schema where new ones would be made.
---@param url string
---@return string[]
function PostgresPersist.entityNames(url)
  local connection, names = connectionOf(url), {}
  local result = connection:query("read", "SELECT relname, obj_description(oid, 'pg_class') FROM pg_class"
    .. " WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND relname LIKE 'persist\\_%'")
  for i = 1, #result, 2 do names[#names + 1] = tables.entityName(result[i], result[i + 1] or nil) end
  table.sort(names)
  return names
end

return PostgresPersist
