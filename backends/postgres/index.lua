-- SPDX-License-Identifier: MIT
--
-- Indexes over paths: an index of the server for each, over what key.lua says of its fields.
--
-- Its name is made of those of the table and the paths, its definition is its comment, and that it is valid means that
-- it is ready: so every process sees the same ones.  They are built while others write (CONCURRENTLY).  A builder that
-- dies leaves one that is not valid, or has no comment; the next drops it, and begins again.  One at a time makes or
-- drops indexes of a table, who has its lock.

local Connection = require "holdfast.backends.postgres.connection"
local clock = require "holdfast.util.clock"
local expiry = require "holdfast.backends.postgres.expiry"
local fields = require "holdfast.backends.postgres.field"
local holdfast = require "holdfast"
local keys = require "holdfast.backends.postgres.key"
local paths = require "holdfast.backends.postgres.path"
local tables = require "holdfast.backends.postgres.table"

local json = holdfast.json

local M = {}

-- What the comment of an index begins with: 1 is the version of the expressions in it.
local MARK = "holdfast index 1 "

-- Builders wait for each other and for the server: longer than any other call.
local BUILD_TIMEOUT = 24 * 3600
local LOOK_AGAIN = 50 -- ms

-- How long a statement may wait that needs the table for itself, and after how long it is tried again, in ms.
local IN_THE_WAY, OUT_OF_THE_WAY = 100, 1000

-- The constraint of a table with a unique index: the server can read its documents, also those that JSONB cannot hold.
M.READABLE = "holdfast_readable"

local LOCK_NOT_AVAILABLE = "55P03"

local function refuse(code, text, ...) error(holdfast.error(code, text:format(...)), 0) end

-- ---- definitions

---@class holdfast.postgres.Index
---@field name string       its paths, with commas between
---@field paths string[]
---@field unique boolean
---@field ready boolean
---@field relation string   its name on the server

-- What is written into a definition is a literal.
local function literal(type, text) return tables.literal(text) .. "::" .. type end

-- The field at a path; nil where the server can have no index over it.
local function fieldOf(path)
  local steps = paths.steps(path)
  return steps and fields.new(steps, #steps)
end

local function fieldsOf(list)
  local out = {}
  for i, path in ipairs(list) do
    out[i] = fieldOf(path) or refuse("invalid_argument", "the server can have no index over the path %s", path)
  end
  return out
end

-- What key.lua says of booleans, numbers and strings.
local COUNTING = "('f', 'k', 'n', 's')"

-- That a row counts for a unique index: it has a boolean, a number or a string at each path.
local function countsText(list)
  local parts = {}
  for i, field in ipairs(list) do parts[i] = ("left(%s, 1) IN %s"):format(field:key(literal), COUNTING) end
  return table.concat(parts, " AND ")
end

-- The columns of an index over these fields.
local function columnsOf(list)
  local columns = {}
  for i, field in ipairs(list) do columns[i] = field:key(literal) end
  return columns
end

-- The statement that makes an index.
local function definition(self, relation, list, unique)
  local columns = columnsOf(list)
  if unique then -- those that do not count differ by their ids
    columns[#columns + 1] = ("(CASE WHEN %s THEN '' ELSE entity_id END)"):format(countsText(list))
  end
  for i, column in ipairs(columns) do columns[i] = "(" .. column .. ")" end
  return ("CREATE %sINDEX CONCURRENTLY %s ON %s (%s)"):format(unique and "UNIQUE " or "", relation, self.table,
    table.concat(columns, ", "))
end

-- ---- what there is

-- An index is ready where the statements that are to use it can name its function.
local LIST = "SELECT c.relname, i.indisunique, i.indisvalid AND i.indisready AND to_regprocedure('" .. keys.SIGNATURE
  .. "') IS NOT NULL, obj_description(c.oid, 'pg_class')"
  .. " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass($1)"
  .. " AND obj_description(c.oid, 'pg_class') LIKE '" .. MARK .. "%'"

local function byName(a, b) return a.name < b.name end

--- The indexes of a collection, in the order of their names.
---@param self table
---@return holdfast.postgres.Index[]
function M.list(self)
  local result, out = self.connection:query("read", LIST, { self.table }), {}
  for i = 1, #result, 4 do
    local ok, known = pcall(json.decode, result[i + 3]:sub(#MARK + 1))
    if ok and type(known) == "table" and type(known.paths) == "table" then
      out[#out + 1] = {
        name = table.concat(known.paths, ","), paths = known.paths, unique = result[i + 1] == "t",
        ready = result[i + 2] == "t", relation = result[i],
      }
    end
  end
  table.sort(out, byName)
  return out
end

--- Whether the table has an index of ours, and whether it has a unique one, as SQL that gives a truth; $1 is the table.
M.HAS_SOME = "EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = to_regclass($1)"
  .. " AND obj_description(i.indexrelid, 'pg_class') LIKE '" .. MARK .. "%')"
M.HAS_UNIQUE = M.HAS_SOME:gsub("WHERE", "WHERE i.indisunique AND", 1)

--- The indexes that statements can use, as the fields of each.
---@param self table
---@return holdfast.postgres.Field[][]
function M.lookup(self)
  local out = {}
  for _, index in ipairs(M.list(self)) do
    local fieldsOfIndex = {}
    for i, path in ipairs(index.ready and index.paths or {}) do fieldsOfIndex[i] = fieldOf(path) end
    if #fieldsOfIndex > 0 then out[#out + 1] = fieldsOfIndex end
  end
  return out
end

-- ---- making and dropping

-- A connection for what takes long.
local function patient(self)
  local connection = Connection.new(self.baseDir)
  connection.settings = setmetatable({ timeout = BUILD_TIMEOUT }, { __index = connection.settings })
  return connection
end

-- Instead of connecting again: the lock has gone with the session.
local function lost(connection)
  error(connection:failure("unavailable", "the connection was lost while an index was made or dropped", false), 0)
end

-- Calls fn with a connection that has the lock of the table's indexes.
local function alone(self, fn)
  local connection = patient(self)
  local function run()
    -- Not by waiting for it in a statement: a build waits for all statements that began before it.
    local sql = "SELECT pg_try_advisory_lock(hashtextextended($1::text, 4711))"
    while connection:query("read", sql, { self.table }, "once")[1] ~= "t" do connection.sleep(LOOK_AGAIN) end
    connection.connect = lost
    fn(connection)
  end
  local ok, raised = pcall(run)
  connection:drop() -- and with it the lock
  if not ok then error(raised, 0) end
end

local function execute(connection, sql) connection:query("write", sql, nil, "once") end

-- Runs a statement that needs the table for itself, for a moment.  Everybody else's come after it while it waits for
-- transactions that have read the table: so it waits shortly, and again and again.
local function alter(connection, sql)
  local deadline = clock.now() + BUILD_TIMEOUT
  repeat
    connection:begin("write", 1)
    local ok, raised = pcall(function()
      connection:query("read", "SELECT set_config('lock_timeout', $1, true)", { tostring(IN_THE_WAY) }, "once")
      execute(connection, sql)
      connection:commit()
    end)
    if ok then return end
    if connection.depth > 0 then pcall(connection.rollback, connection) end
    if raised.state ~= LOCK_NOT_AVAILABLE or clock.now() > deadline then error(raised, 0) end
    connection.sleep(OUT_OF_THE_WAY)
  until false
end

-- What is there under the name: nil, or whether it is unique, and whether it was made to the end.
local function look(connection, relation)
  local result = connection:query("read", "SELECT indisunique, indisvalid AND indisready AND"
    .. " coalesce(obj_description(indexrelid, 'pg_class'), '') LIKE '" .. MARK .. "%' FROM pg_index"
    .. " WHERE indexrelid = to_regclass($1)", { relation }, "once")
  if result.rows == 0 then return nil end
  return { unique = result[1] == "t", whole = result[2] == "t" }
end

-- Makes the function that indexes are made of.  Two may do that at the same time.
local function makeFunction(connection)
  local function isThere()
    return connection:query("read", "SELECT to_regprocedure($1) IS NOT NULL", { keys.SIGNATURE }, "once")[1] == "t"
  end
  if isThere() then return end
  local ok, raised = pcall(execute, connection, keys.DEFINITION)
  if not ok and not isThere() then error(raised, 0) end
end

-- ---- what a unique index cannot compare

-- Raises where something of that kind is there.
local function refuseUnreadable(self, connection)
  local result = connection:query("read", ("SELECT entity_id FROM %s WHERE NOT (%s) LIMIT 1"):format(self.table,
    keys.IS_READABLE), nil, "once")
  if result.rows == 0 then return end
  refuse("unsupported", "a unique index cannot compare \"%s\", which has what JSONB cannot hold (NUL or half a "
    .. "surrogate pair in a text, a number with thousands of digits)", result[1])
end

-- From here on it is refused.
local function constrain(self, connection)
  local known = connection:query("read", "SELECT convalidated FROM pg_constraint WHERE conrelid = to_regclass($1)"
    .. " AND conname = $2", { self.table, M.READABLE }, "once")
  if known[1] == "t" then return end
  refuseUnreadable(self, connection)
  if known.rows == 0 then
    alter(connection, ("ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s) NOT VALID"):format(self.table, M.READABLE,
      keys.IS_READABLE))
  end
  local ok, raised = pcall(execute, connection, ("ALTER TABLE %s VALIDATE CONSTRAINT %s"):format(self.table,
    M.READABLE))
  if ok then return end
  if raised.state == "23514" then refuseUnreadable(self, connection) end -- it was written meanwhile
  error(raised, 0)
end

-- It is allowed again where there is no unique index.
local function unconstrain(self, connection)
  local result = connection:query("read", "SELECT EXISTS (SELECT 1 FROM pg_constraint WHERE conrelid = to_regclass($1)"
    .. " AND conname = $2) AND NOT " .. M.HAS_UNIQUE, { self.table, M.READABLE }, "once")
  if result[1] ~= "t" then return end
  alter(connection, ("ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s"):format(self.table, M.READABLE))
end

-- ---- making and dropping one

-- Two entities that have the same values already.
local function twins(self, connection, list)
  local columns = table.concat(columnsOf(list), ", ")
  local ok, result = pcall(connection.query, connection, "read", ("SELECT min(entity_id COLLATE \"C\"),"
    .. " max(entity_id COLLATE \"C\") FROM %s WHERE %s GROUP BY %s HAVING count(*) > 1 LIMIT 1")
    :format(self.table, countsText(list), columns), nil, "once")
  if ok and result.rows == 1 then return result[1], result[2] end
  return nil
end

local function build(self, connection, relation, index, list)
  local ok, raised = pcall(execute, connection, definition(self, relation, list, index.unique))
  if ok then return end
  pcall(execute, connection, "DROP INDEX CONCURRENTLY IF EXISTS " .. relation)
  if raised.state ~= "23505" then error(raised, 0) end
  local a, b = twins(self, connection, list)
  refuse("duplicate", "there is no unique index %s: %s", index.name, a and ("\"%s\" and \"%s\" have the same there")
    :format(a, b) or "two entities have the same there")
end

local function make(self, connection, relation, index, list)
  local there = look(connection, relation)
  local isWhole = there and there.whole
  if isWhole and there.unique ~= (index.unique or false) then
    refuse("conflict", "there is an index %s that is %s: drop it first", index.name,
      there.unique and "unique" or "not unique")
  end
  if there and not isWhole then execute(connection, "DROP INDEX CONCURRENTLY IF EXISTS " .. relation) end
  makeFunction(connection)
  if index.unique then constrain(self, connection) end
  if not isWhole then build(self, connection, relation, index, list) end
  execute(connection, ("COMMENT ON INDEX %s IS %s"):format(relation,
    tables.literal(MARK .. json.encode({ paths = index.paths }))))
  execute(connection, "ANALYZE " .. self.table) -- what the server knows of expressions it knows by an index
end

local function relationOf(self, list) return tables.index(self.entityName, table.concat(list, ",")) end

local function outside(self, what)
  if self.connection.depth > 0 then
    refuse("unsupported", "%s is not for transactions: it is a commit of its own", what)
  end
end

--- Makes an index, or goes on where making it was broken off.
---@param self table
---@param list string[]
---@param options? {unique: boolean?}
function M.create(self, list, options)
  outside(self, "createIndex")
  local index = { paths = list, name = table.concat(list, ","), unique = options and options.unique or false }
  local relation, known = relationOf(self, list), fieldsOf(list)
  alone(self, function(connection)
    local ok, raised = pcall(make, self, connection, relation, index, known)
    -- Also what one that died has left.
    local isFree, why = pcall(unconstrain, self, connection)
    if not ok then error(raised, 0) end
    if not isFree then error(why, 0) end
  end)
  self.isIndexed, self.isUnique = true, self.isUnique or index.unique
end

--- Forgets an index.
---@param self table
---@param list string[]
function M.drop(self, list)
  outside(self, "dropIndex")
  local relation = relationOf(self, list)
  alone(self, function(connection)
    if not look(connection, relation) then error(holdfast.error("not_found"), 0) end
    execute(connection, "DROP INDEX CONCURRENTLY IF EXISTS " .. relation)
    unconstrain(self, connection)
  end)
end

-- ---- what a unique index forbids

-- The index of ours that is called so on the server, or nil.
local function byRelation(self, connection, relation)
  for _, index in ipairs(M.list({ connection = connection, table = self.table })) do
    if index.relation == relation then return index end
  end
  return nil
end

-- What was to be written, $1, as rows of an id, `new`, and of what it has in an index: c1, c2, ...
local function givenSql(columns)
  local names = {}
  for i, column in ipairs(columns) do names[i] = column .. " AS c" .. i end
  return ("(SELECT key AS new, %s FROM (SELECT key, value AS data FROM jsonb_each($1::jsonb)) AS given OFFSET 0)")
    :format(table.concat(names, ", "))
end

-- The two entities: the one that was to be written, and the one that has the values already.
local function rivals(self, connection, list, members)
  local columns, equal = columnsOf(list), {}
  for i, column in ipairs(columns) do equal[i] = column .. " = c" .. i end
  local new = givenSql(columns)
  local result = connection:query("read", ("SELECT new, entity_id FROM %s AS n JOIN %s ON %s WHERE %s"
    .. " AND NOT $1::jsonb ? entity_id LIMIT 1"):format(new, self.table, table.concat(equal, " AND "),
    countsText(list)), { members }, "once")
  if result.rows == 1 then return result[1], result[2] end
  for i in ipairs(columns) do equal[i] = ("a.c%d = b.c%d"):format(i, i) end
  local counts = {}
  for i in ipairs(list) do counts[i] = ("left(a.c%d, 1) IN %s"):format(i, COUNTING) end
  result = connection:query("read", ("SELECT a.new, b.new FROM %s AS a JOIN %s AS b ON %s WHERE a.new > b.new AND %s"
    .. " LIMIT 1"):format(new, new, table.concat(equal, " AND "), table.concat(counts, " AND ")), { members }, "once")
  return result[1], result[2]
end

--- Removes what has expired and has values in a unique index that something else is to have.  Whether there was any.
---@param self table
---@param raised table    what the connection has raised
---@param members string  what was to be written, as a JSON object by ids
---@return boolean
function M.makeWay(self, raised, members)
  if raised.state ~= "23505" or not expiry.isKnown(self) then return false end
  local found = byRelation(self, self.connection, raised.constraint)
  if not found then return false end
  local columns, equal = columnsOf(fieldsOf(found.paths)), {}
  for i, column in ipairs(columns) do equal[i] = ("n.c%d = %s"):format(i, column) end
  return self.connection:query("write", ("DELETE FROM %s USING %s AS n WHERE %s AND %s"):format(self.table,
    givenSql(columns), table.concat(equal, " AND "), expiry.EXPIRED), { members }, "once").touched > 0
end

--- The error for a write that a unique index of ours has refused; the server's own where it was something else.
---@param self table
---@param raised table      what the connection has raised
---@param members string    what was to be written, as a JSON object by ids
---@param connection table  one on which statements can run
---@return table
function M.explain(self, raised, members, connection)
  if raised.constraint == M.READABLE then
    return holdfast.error("unsupported", "the collection has a unique index, and the server cannot compare this entity "
      .. "by it: it has what JSONB cannot hold (NUL or half a surrogate pair in a text, a number with thousands of "
      .. "digits)")
  end
  if raised.state ~= "23505" then return raised end
  self.isUnique = true
  local found = byRelation(self, connection, raised.constraint)
  if not found then return raised end
  local ok, id, holder = pcall(rivals, self, connection, fieldsOf(found.paths), members)
  local err = holdfast.error("duplicate", ("the unique index %s has these values already%s"):format(found.name,
    ok and holder and (": they are those of \"%s\""):format(holder) or ""))
  if ok then err.entityId = id or nil end
  err.entityName = self.entityName
  return err
end

return M
