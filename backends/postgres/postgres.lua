-- SPDX-License-Identifier: MIT
--
-- The backend for PostgreSQL: the class that postgres: URLs make instances of.  Its table, columns and documents are
-- those of programs written after the framework's guide for custom backends (table.lua, document.lua).

local Connection = require "holdfast.backends.postgres.connection"
local document = require "holdfast.backends.postgres.document"
local expiry = require "holdfast.backends.postgres.expiry"
local found = require "holdfast.backends.postgres.found"
local holdfast = require "holdfast"
local indexes = require "holdfast.backends.postgres.index"
local logs = require "holdfast.backends.postgres.log"
local loops = require "holdfast.backends.postgres.loop"
local sqls = require "holdfast.backends.postgres.sql"
local stat = require "holdfast.backends.postgres.stat"
local tables = require "holdfast.backends.postgres.table"
local watches = require "holdfast.backends.postgres.watch"

local BATCH_COUNT, BATCH_BYTES = 5000, 8 * 1024 * 1024

local PostgresPersist = holdfast.PersistBase:extend("PostgresPersist")

PostgresPersist.encoding = "json"
PostgresPersist.conditions = true

PostgresPersist.supports = {
  durable = true, ifAbsent = true, revision = true, atomicBatch = true, transaction = true, snapshot = true,
  nested = true, removeIfRevision = true, index = true, ttl = true,
}

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
  self.from = " FROM " .. expiry.live(table)
  self.sql = sqls.of(table, self.from)
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

-- Has the log of changes have the table, where there is one: whether it has.  Who may not goes on: it is said to those
-- who watch.
local function attach(self, connection)
  if connection:query("read", "SELECT " .. logs.IS_ON, nil, "once")[1] ~= "t" then return false end
  local ok, raised = pcall(logs.attach, connection, self.table)
  if not ok and raised.code ~= "unsupported" then error(raised, 0) end
  return ok
end

function PostgresPersist:waitForInit()
  local connection = self.connection
  if connection.depth > 0 then connection = Connection.new(self.baseDir) end -- what is undone must not undo the table
  local known = connection:query("read", "SELECT to_regclass($1) IS NOT NULL, to_regclass($2) IS NOT NULL, "
    .. indexes.HAS_SOME .. ", " .. indexes.HAS_UNIQUE .. ", " .. expiry.IS_KNOWN .. ", " .. logs.HAS_TABLE,
    { self.table, tables.naturalIndex(self.entityName) }, "once")
  local isThere = known[1] == "t"
  if not (isThere and known[2] == "t") then
    define(connection, tables.definition(self.entityName, not isThere and expiry.COLUMNS or nil))
  end
  self.isIndexed, self.isUnique = known[3] == "t", known[4] == "t"
  self.connection.expiring[self.table] = known[5] == "t" or nil
  self.isLogged = known[6] == "t" or attach(self, connection)
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
    expiresAt = result[4] and tonumber(result[4]) or nil,
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
  if not ok and result.constraint and (isInner or connection.depth == 0) then
    if isInner then connection:query("read", "ROLLBACK TO SAVEPOINT guarded") end
    if indexes.makeWay(self, result, members()) then ok, result = pcall(fn) end
  end
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

-- A time in ms as the server takes it.
local function digits(number) return ("%.0f"):format(number) end

-- The statement that writes as these options say, and its values.
local function writing(self, id, stored, options)
  local values, name, expiresAt = { id, stored }, "write", options.expiresAt
  if options.ifAbsent then name = "writeAbsent" end
  if options.ifRevision then
    name = "writeRevision"
    values[3] = digits(options.ifRevision)
  end
  if expiresAt then
    expiry.ensure(self)
    values[#values + 1] = digits(expiresAt)
    return name .. "Until", values
  end
  return expiry.isKnown(self) and name .. "Ever" or name, values
end

local NOTHING = {}

-- After a write: what is done now and then.
local function finish(self)
  expiry.sweep(self)
  if self.connection.depth == 0 and self.isLogged then logs.trim(self.connection) end
end

function PostgresPersist:writeValue(id, text, options)
  options = options or NOTHING
  local stored = document.wrap(text)
  local name, values = writing(self, id, stored, options)
  local function members() return "{" .. memberText(id, stored) .. "}" end
  local revision = guarded(self, function() return query(self, "write", name, values) end, members)[1]
  -- What is in the way may have expired, in a table that has learned of that meanwhile.
  if not revision and options.ifAbsent and not expiry.isKnown(self) and expiry.look(self) then
    return PostgresPersist.writeValue(self, id, text, options)
  end
  if not revision then error(holdfast.error("conflict"), 0) end
  finish(self)
  return tonumber(revision)
end

-- The name of a statement that leaves alone what has expired, where the table knows of that.
local function living(self, name) return expiry.isKnown(self) and name .. "Living" or name end

function PostgresPersist:removeValue(id, options)
  local revision = options and options.ifRevision
  local result = query(self, "write", living(self, revision and "removeRevision" or "remove"),
    { id, revision and digits(revision) })
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

-- When entities expire, as a JSON object by their ids.
local function expiriesOf(expiresAt)
  local members = {}
  for id, at in pairs(expiresAt) do members[#members + 1] = memberText(id, digits(at)) end
  return "{" .. table.concat(members, ",") .. "}"
end

function PostgresPersist:writeMany(texts, options)
  local parts, mayRepeat = partsOf(texts), self.isUnique or self.connection.depth == 0
  local expiresAt = options and options.expiresAt
  if expiresAt and next(expiresAt) then expiry.ensure(self) end
  local expiries = expiresAt and expiriesOf(expiresAt) or "{}"
  local function write()
    for _, part in ipairs(parts) do
      if expiry.isKnown(self) then
        query(self, "write", "writeManyUntil", { part, expiries })
      else
        query(self, "write", "writeMany", { part })
      end
    end
  end
  local function members()
    local inner = {}
    for i, part in ipairs(parts) do inner[i] = part:sub(2, -2) end
    return "{" .. table.concat(inner, ",") .. "}"
  end
  local ok, raised = pcall(guarded, self, function() whole(self, #parts, write) end, members)
  if ok then return finish(self) end
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
      removed = removed + query(self, "write", living(self, "removeMany"), { part }).touched
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

-- ---- watching

--- The committed changes from now on, or from a revision on, and those that come.
---@param options? holdfast.postgres.WatchOptions
---@return holdfast.postgres.Watch
function PostgresPersist:watch(options)
  local of = { entityName = self.entityName }
  for name, value in pairs(options or {}) do of[name] = value end
  return watches.open(self.baseDir, of)
end

--- Those of all entity names.
---@param url string
---@param options? holdfast.postgres.WatchOptions
---@return holdfast.postgres.Watch
function PostgresPersist.storeWatch(url, options) return watches.open(url, options) end

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

--- The settings that the database keeps.
---@param url string
---@return table<string, any>
function PostgresPersist.storeSettings(url) return { changes = logs.setting(connectionOf(url)) } end

--- Changes them.
---@param url string
---@param values table<string, any>
function PostgresPersist.storeSet(url, values)
  if values.changes then logs.set(connectionOf(url), values.changes) end
end

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
