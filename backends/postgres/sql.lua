-- SPDX-License-Identifier: MIT
--
-- The statements of a collection, made once: each is prepared by its text.

local expiry = require "holdfast.backends.postgres.expiry"
local pages = require "holdfast.backends.postgres.page"
local tables = require "holdfast.backends.postgres.table"

local M = {}

-- Those that write an entity, for tables without the columns of expiry.lua; with them, of what never expires (Ever);
-- and of what does (Until), whose last parameter says when.
local function addWrites(sql, table)
  local function add(suffix, columns, values, sets, at)
    local insert = ("INSERT INTO %s AS held (entity_id, data, updated_at%s) VALUES ($1, $2::jsonb, NOW()%s)")
      :format(table, columns, values:format("$3"))
    local set = " DO UPDATE SET data = excluded.data, updated_at = NOW()" .. sets
    local told = " RETURNING xmin::text"
    sql["write" .. suffix] = insert .. " ON CONFLICT (entity_id)" .. set .. told
    sql["writeAbsent" .. suffix] = insert .. " ON CONFLICT (entity_id)"
      .. (columns == "" and " DO NOTHING" or set .. " WHERE " .. expiry.expired("held")) .. told
    sql["writeRevision" .. suffix] = ("UPDATE %s SET data = $2::jsonb, updated_at = NOW()%s"
      .. " WHERE entity_id = $1 AND xmin::text = $3%s"):format(table, at:format("$4"),
      columns == "" and "" or " AND " .. expiry.EXPIRED .. " IS NOT TRUE") .. told
  end
  local at, columns = expiry.at("%s"), ", expires_at, expires_of"
  local sets = ", expires_at = excluded.expires_at, expires_of = excluded.expires_of"
  add("", "", "", "", "")
  add("Ever", columns, ", NULL, NULL", sets, ", expires_at = NULL, expires_of = NULL")
  add("Until", columns, ", " .. at .. ", NOW()", sets, ", expires_at = " .. at .. ", expires_of = NOW()")
end

-- Those that write many, and remove them again.
local function addBatches(sql, table)
  local function insert(columns, values, sets)
    return ("INSERT INTO %s (entity_id, data, updated_at%s) SELECT key, value, NOW()%s FROM jsonb_each($1::jsonb)"
      .. " ON CONFLICT (entity_id) DO UPDATE SET data = excluded.data, updated_at = NOW()%s")
      :format(table, columns, values, sets)
  end
  sql.writeMany = insert("", "", "")
  sql.writeManyUntil = insert(", expires_at, expires_of",
    (", %s, CASE WHEN $2::jsonb ? key THEN NOW() END"):format(expiry.at("($2::jsonb ->> key)")),
    ", expires_at = excluded.expires_at, expires_of = excluded.expires_of")
  sql.removeMembers = "DELETE FROM " .. table .. " WHERE entity_id = ANY (ARRAY(SELECT jsonb_object_keys($1::jsonb)))"
end

-- Those that remove; with the columns, not what has expired (Living).
local function addRemovals(sql, table)
  local removals = {
    remove = "DELETE FROM " .. table .. " WHERE entity_id = $1",
    removeRevision = "DELETE FROM " .. table .. " WHERE entity_id = $1 AND xmin::text = $2",
    removeMany = "DELETE FROM " .. table .. " WHERE entity_id = ANY ($1::text[])",
  }
  for name, text in pairs(removals) do
    sql[name], sql[name .. "Living"] = text, text .. " AND " .. expiry.EXPIRED .. " IS NOT TRUE"
  end
  sql.removeAll = "DELETE FROM " .. table
end

--- The statements of a table, by name.
---@param table string  quoted
---@param from string   where its living rows are
---@return table<string, string>
function M.of(table, from)
  local sql = {
    read = "SELECT data::text" .. from .. " WHERE entity_id = $1",
    readEntry = "SELECT data::text" .. pages.INFO .. from .. " WHERE entity_id = $1",
    has = "SELECT 1" .. from .. " WHERE entity_id = $1",
    count = "SELECT count(*)::text" .. from,
    readMany = "SELECT entity_id, data::text" .. from .. " WHERE entity_id = ANY ($1::text[])",
    readEntries = "SELECT entity_id, data::text" .. pages.INFO .. from .. " WHERE entity_id = ANY ($1::text[])",
    others = "SELECT entity_id" .. from .. " WHERE " .. tables.NOT_ASCII,
  }
  addWrites(sql, table)
  addBatches(sql, table)
  addRemovals(sql, table)
  return sql
end

return M
