-- SPDX-License-Identifier: MIT
--
-- What stat says of a PostgreSQL server, of the database, and of the table of a collection.  All of it is kept by
-- the server at hand, but for the rows of a small table, which are counted.  What the user has no right to see is null
-- there, and left out here: no statement of these fails for that, since one that did would end a transaction.

local core = require "holdfast.core"
local tables = require "holdfast.backends.postgres.table"

local M = {}

-- Name -> SQL, and what it becomes: "text", "number", "flag".
local DATABASE = {
  { "version", "current_setting('server_version', true)", "text" },
  { "database", "current_database()", "text" },
  { "schema", "current_schema()", "text" },
  { "user", "current_user", "text" },
  { "replica", "pg_is_in_recovery()", "flag" },
  { "databaseBytes", "CASE WHEN has_database_privilege(current_database(), 'CONNECT')"
    .. " THEN pg_database_size(current_database()) END", "number" },
  { "connections", "(SELECT numbackends FROM pg_stat_database WHERE datname = current_database())", "number" },
  { "maxConnections", "current_setting('max_connections', true)", "number" },
  { "defaultIsolation", "current_setting('default_transaction_isolation', true)", "text" },
  { "synchronousCommit", "current_setting('synchronous_commit', true)", "text" },
  { "fsync", "current_setting('fsync', true) = 'on'", "flag" },
  { "fullPageWrites", "current_setting('full_page_writes', true) = 'on'", "flag" },
  { "startedAt", "floor(extract(epoch FROM pg_postmaster_start_time()) * 1000)::bigint", "number" },
}

-- Of a table in a database; TABLE is to_regclass of it, or null.
local TABLE = {
  { "bytes", "pg_total_relation_size(TABLE)", "number" },
  { "tableBytes", "pg_table_size(TABLE)", "number" },
  { "indexBytes", "pg_indexes_size(TABLE)", "number" },
  { "indexes", "(SELECT count(*) FROM pg_index WHERE indrelid = TABLE)", "number" },
  -- As the planner does: what a page held when it was last analyzed, times the pages that there are.
  { "entitiesEstimated", "(SELECT CASE WHEN relpages > 0 THEN floor(greatest(reltuples, 0)::float8 / relpages"
    .. " * (pg_relation_size(oid) / current_setting('block_size')::int))::bigint"
    .. " ELSE (SELECT n_live_tup FROM pg_stat_all_tables WHERE relid = TABLE) END"
    .. " FROM pg_class WHERE oid = TABLE)", "number" },
  { "deadRows", "(SELECT n_dead_tup FROM pg_stat_all_tables WHERE relid = TABLE)", "number" },
  { "vacuumedAt", "(SELECT floor(extract(epoch FROM greatest(last_vacuum, last_autovacuum)) * 1000)::bigint"
    .. " FROM pg_stat_all_tables WHERE relid = TABLE)", "number" },
  { "mayRead", "has_table_privilege(TABLE, 'SELECT')", "flag" },
}

-- A table up to this size is read to count its rows: a moment.
local COUNTED_BYTES = 16 * 1024 * 1024

local CONVERT = {
  text = function(text) return text end,
  number = tonumber,
  flag = function(text) return text == "t" end,
}

local function ask(connection, into, fields, values)
  local expressions = {}
  for i, field in ipairs(fields) do expressions[i] = "(" .. field[2]:gsub("TABLE", "to_regclass($1)") .. ")::text" end
  local result = connection:query("read", "SELECT " .. table.concat(expressions, ", "), values, "once")
  for i, field in ipairs(fields) do
    local text = result[i]
    if text and field[3] == "flag" then text = text:sub(1, 1) end
    if text then into[field[1]] = CONVERT[field[3]](text) end
  end
  return into
end

--- What is known of the database that a connection is to.
---@param connection table
---@param url string
---@return table<string, any>
function M.database(connection, url)
  return ask(connection, { backend = "postgres", url = core.redact(url), isolation = "serializable" }, DATABASE)
end

--- The same, and what is known of the table of an entity name.
---@param connection table
---@param url string
---@param entityName string
---@return table<string, any>
function M.table(connection, url, entityName)
  local name = (tables.name(entityName))
  local facts = ask(connection, M.database(connection, url), TABLE, { tables.quote(name) })
  facts.table = name
  if facts.mayRead and facts.tableBytes <= COUNTED_BYTES then
    facts.entities = tonumber(connection:query("read", "SELECT count(*)::text FROM " .. tables.quote(name), nil,
      "once")[1])
    facts.entitiesEstimated = nil
  end
  facts.mayRead = nil
  return facts
end

return M
