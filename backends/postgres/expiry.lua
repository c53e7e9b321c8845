-- SPDX-License-Identifier: MIT
--
-- Entities that expire: two columns beside the framework's three, expires_at and expires_of.  What is written with a
-- time to live has both, and is there until expires_at by the server's clock.  It counts only while expires_of is
-- updated_at: a program that knows nothing of it and writes the row again moves that, and what it wrote stays.
--
-- A table without these columns gets them by the first write that needs them.  Statements that read do not have to
-- know: in LIVE the names stand for the columns where the table has them, and for NULL where it has not, and the server
-- looks again whenever the table was altered.
--
-- What has expired is removed a few rows at a time by later writes; not for what one clock says.  A server whose clock
-- is a year ahead for three minutes must not have everything removed: so a process removes only what has expired a
-- minute ago, and when for ten minutes it has seen the server's clock go as its own, which nobody sets.

local clock = require "holdfast.util.clock"
local holdfast = require "holdfast"
local tables = require "holdfast.backends.postgres.table"

local M = {}

--- How long the two clocks have to agree, in seconds, and how far apart they may go, in ms.  Tests have less.
M.agreement, M.apart = 600, 5000

--- How often a table is looked at, in seconds, and how many rows go at once.
M.pause, M.batch = 10, 500

--- The columns, as tables that are made here have them.
M.COLUMNS = "expires_at TIMESTAMPTZ, expires_of TIMESTAMP"

--- That a row has expired; NULL where it never does.
M.EXPIRED = "(expires_at <= NOW() AND expires_of = updated_at)"

--- Likewise of the row of a table with this name.
---@param name string
---@return string
function M.expired(name)
  return (M.EXPIRED:gsub("(%l+_%l+)", name .. ".%1"))
end

--- What stands for a table where its living rows are meant: entity_id, data, updated_at, xmin, and until.
---@param table string  quoted
---@return string
function M.live(table)
  return "(SELECT NULL::timestamptz AS expires_at, NULL::timestamp AS expires_of) AS never CROSS JOIN LATERAL"
    .. " (SELECT entity_id, data, updated_at, xmin, CASE WHEN expires_of = updated_at THEN expires_at END AS until"
    .. " FROM " .. table .. " WHERE " .. M.EXPIRED .. " IS NOT TRUE) AS live"
end

--- The time in a parameter, in ms since 1970, as the value of expires_at.
---@param parameter string
---@return string
function M.at(parameter) return ("to_timestamp(%s::bigint / 1000.0)"):format(parameter) end

--- A condition that always holds, and tells a log of changes (log.lua) what the statement removes for.
M.SAID = "(SELECT set_config('holdfast.removing', 'expire', true)) = 'expire'"

-- ---- the columns

--- Whether a table has the columns, as SQL that gives a truth; $1 is the table.
M.IS_KNOWN = "EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'expires_of'"
  .. " AND NOT attisdropped)"

local LOCK_NOT_AVAILABLE, NO_RIGHT = "55P03", "42501"

-- How long the statement may wait that needs the table for itself, and after how long it is tried again, in ms.
local IN_THE_WAY, OUT_OF_THE_WAY = 100, 200

local function alterOnce(connection, sql)
  connection:begin("write", 1)
  local ok, raised = pcall(function()
    connection:query("read", "SELECT set_config('lock_timeout', $1, true)", { tostring(IN_THE_WAY) }, "once")
    connection:query("write", sql, nil, "once")
    connection:commit()
  end)
  if not ok and connection.depth > 0 then pcall(connection.rollback, connection) end
  return ok, raised
end

local function addColumns(self)
  local connection, deadline = self.connection, clock.now() + self.connection.settings.timeout
  local columns = M.COLUMNS:gsub("expires_", "ADD COLUMN IF NOT EXISTS expires_")
  local sql = ("ALTER TABLE %s %s"):format(self.table, columns)
  repeat
    local ok, raised = alterOnce(connection, sql)
    if ok then return end
    if raised.state == NO_RIGHT then
      error(holdfast.error("unsupported", ("the table %s has no columns for what expires, and this user may not add "
        .. "them: let its owner run %s"):format(self.table, sql)), 0)
    end
    if raised.state ~= LOCK_NOT_AVAILABLE or clock.now() > deadline then error(raised, 0) end
    connection.sleep(OUT_OF_THE_WAY)
  until false
end

--- Looks whether the table has the columns by now.
---@param self table
---@return boolean
function M.look(self)
  local known = self.connection:query("read", "SELECT " .. M.IS_KNOWN, { self.table })[1] == "t"
  self.connection.expiring[self.table] = known
  return known
end

--- Whether statements may name the columns.
---@param self table
---@return boolean
function M.isKnown(self) return self.connection.expiring[self.table] or false end

--- Sees to it that the table has the columns.
---@param self table
function M.ensure(self)
  if M.isKnown(self) or M.look(self) then return end
  if self.connection.depth > 0 then
    error(holdfast.error("unsupported", ("the table %s has no columns for what expires yet, and gets none inside a "
      .. "transaction: write one entity with a time to live outside of it first"):format(self.table)), 0)
  end
  addColumns(self)
  self.connection.expiring[self.table] = true
  local index = ("CREATE INDEX CONCURRENTLY IF NOT EXISTS %s ON %s (expires_at) WHERE expires_at IS NOT NULL")
    :format(tables.expiryIndex(self.entityName), self.table)
  -- Without it removing takes longer, and nothing else: so who may not make it goes on.
  pcall(self.connection.query, self.connection, "write", index, nil, "once")
end

-- ---- removing

-- Connection -> how its server's clock goes: {apart=, since=}, and when each table is looked at next: {[table]=}.
local watched = setmetatable({}, { __mode = "k" })

-- Whether the server's clock has gone as ours for long enough.
local function doAgree(connection, seen)
  local result = connection:query("read",
    "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint::text")
  local now = clock.now()
  local apart = tonumber(result[1]) - now * 1000
  if not seen.apart or math.abs(apart - seen.apart) > M.apart then seen.apart, seen.since = apart, now end
  return now - seen.since >= M.agreement
end

local function sweep(self, seen)
  if not doAgree(self.connection, seen) then return end
  local removed = self.connection:query("write", ("DELETE FROM %s WHERE %s AND entity_id IN (SELECT entity_id FROM %s"
    .. " WHERE %s AND expires_at <= NOW() - interval '60 s' LIMIT %d FOR UPDATE SKIP LOCKED)")
    :format(self.table, M.SAID, self.table, M.EXPIRED, M.batch)).touched
  if removed == M.batch then seen.tables[self.table] = 0 end
end

--- After a write: removes a few of what has long expired, now and then.
---@param self table
function M.sweep(self)
  local connection = self.connection
  if connection.depth > 0 or not M.isKnown(self) then return end
  local seen = watched[connection] or { tables = {} }
  watched[connection] = seen
  local now = clock.now()
  if now < (seen.tables[self.table] or 0) then return end
  seen.tables[self.table] = now + M.pause
  -- The write that it comes after has been made: whatever goes wrong here must not make it fail, and is tried again.
  pcall(sweep, self, seen)
end

return M
