-- SPDX-License-Identifier: MIT
--
-- The log of changes: what each commit changes in the tables of a schema, whoever commits it.
--
-- Triggers of the tables write it.  They run as the last thing of a transaction, and the first of them takes a lock
-- that is held until the commit can be seen: so revisions come in the order of commits, and whoever sees one sees all
-- that are smaller.  A sequence alone could not do that, since numbers are taken before commits, and commits overtake
-- each other.  The price is that commits with changes happen one after the other.
--
--   holdfast_changes    the log.  That it is there means that it is on
--   holdfast_log        one row: how much is kept, and `oldest`, the first revision whose changes are all there
--   holdfast_revisions  the last revision; never goes back, also when the log is off for a while
--   holdfast_clock      the time of the newest commit, in ms, which never goes back either
--
-- Nothing of it is read in a transaction that writes: readings are what serializable transactions fail for.

local clock = require "holdfast.util.clock"
local holdfast = require "holdfast"
local tables = require "holdfast.backends.postgres.table"

local M = {}

--- The channel of notifications; what is said on it is the schema.
M.CHANNEL = "holdfast_changes"

local FUNCTION, ROWS, EMPTIED = "holdfast_change_1", "holdfast_rows", "holdfast_emptied"

-- ---- what is made

local STATEMENTS = {
  "CREATE SEQUENCE IF NOT EXISTS holdfast_revisions",
  "CREATE SEQUENCE IF NOT EXISTS holdfast_clock",
  "CREATE TABLE IF NOT EXISTS holdfast_log (only_one BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_one),"
    .. " kept TEXT NOT NULL, oldest BIGINT NOT NULL)",
  "CREATE TABLE IF NOT EXISTS holdfast_changes (revision BIGINT, place INTEGER, at BIGINT NOT NULL, what TEXT NOT NULL,"
    .. " relation TEXT NOT NULL, entity_id TEXT, PRIMARY KEY (revision, place))",
}

-- The settings that it notes things in are of a transaction, and forgotten with it.  What is not the transaction's own
-- has another number in front.
local DEFINITION = [[CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = %s, pg_catalog, pg_temp AS $body$
DECLARE
  noted TEXT[] := string_to_array(current_setting('holdfast.change', true), ':');
  mine TEXT := txid_current()::text;
  number BIGINT;
  place INTEGER := 0;
  at BIGINT;
  kind TEXT := 'write';
BEGIN
  IF noted[1] = mine THEN
    number := noted[2]; place := noted[3]; at := noted[4];
  ELSE
    PERFORM pg_advisory_xact_lock(hashtextextended(TG_TABLE_SCHEMA, 4712));
    number := nextval('holdfast_revisions');
    at := setval('holdfast_clock', greatest((SELECT last_value FROM holdfast_clock),
      floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint));
    PERFORM pg_notify('holdfast_changes', TG_TABLE_SCHEMA);
  END IF;
  IF TG_OP = 'TRUNCATE' THEN
    INSERT INTO holdfast_changes VALUES (number, place, at, 'clear', TG_TABLE_NAME, NULL);
  ELSIF TG_OP = 'DELETE' THEN
    IF current_setting('holdfast.removing', true) = 'expire' THEN kind := 'expire'; ELSE kind := 'remove'; END IF;
    INSERT INTO holdfast_changes VALUES (number, place, at, kind, TG_TABLE_NAME, OLD.entity_id);
  ELSE
    IF TG_OP = 'UPDATE' AND OLD.entity_id <> NEW.entity_id THEN
      INSERT INTO holdfast_changes VALUES (number, place, at, 'remove', TG_TABLE_NAME, OLD.entity_id);
      place := place + 1;
    END IF;
    INSERT INTO holdfast_changes VALUES (number, place, at, 'write', TG_TABLE_NAME, NEW.entity_id);
  END IF;
  PERFORM set_config('holdfast.change', mine || ':' || number || ':' || place + 1 || ':' || at, true);
  RETURN NULL;
END $body$]]

local TRIGGERS = {
  "CREATE CONSTRAINT TRIGGER " .. ROWS .. " AFTER INSERT OR UPDATE OR DELETE ON %s DEFERRABLE INITIALLY DEFERRED"
    .. " FOR EACH ROW EXECUTE FUNCTION " .. FUNCTION .. "()",
  "CREATE TRIGGER " .. EMPTIED .. " AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION " .. FUNCTION .. "()",
}

--- SQL that gives a truth: whether there is a log, and whether it has the table $1.
M.IS_ON = "to_regclass('holdfast_changes') IS NOT NULL"
M.HAS_TABLE = "EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = to_regclass($1) AND tgname = '" .. ROWS .. "')"

-- ---- how much is kept

local UNITS = { s = 1000, m = 60000, h = 3600000, d = 86400000 }

--- Reads "7d" or "100000": an age in ms, or a number of revisions; nil for both: it is "off".
---@param text string
---@return integer? age
---@return integer? revisions
function M.kept(text)
  local digits, unit = text:match("^(%d+)([smhd]?)$")
  if not digits then return nil, nil end
  if unit == "" then return nil, tonumber(digits) end
  return tonumber(digits) * UNITS[unit], nil
end

-- ---- turning it on and off

local LOCK_NOT_AVAILABLE, NO_RIGHT = "55P03", "42501"
local IN_THE_WAY, OUT_OF_THE_WAY = 100, 200

local function run(connection, sql, values) return connection:query("write", sql, values, "once") end

-- Runs fn in a transaction, again and again while others use the tables that it needs for itself.
local function altering(connection, fn)
  local deadline = clock.now() + connection.settings.timeout
  repeat
    connection:begin("write", 1)
    local ok, raised = pcall(function()
      connection:query("read", "SELECT set_config('lock_timeout', $1, true)", { tostring(IN_THE_WAY) }, "once")
      fn(connection)
      connection:commit()
    end)
    if ok then return end
    if connection.depth > 0 then pcall(connection.rollback, connection) end
    if raised.state == NO_RIGHT then
      error(holdfast.error("unsupported", "this user may not make or drop what a log of changes needs (tables, a "
        .. "function, triggers of the tables): let their owner do it.  " .. raised.message), 0)
    end
    local mayPass = raised.state == LOCK_NOT_AVAILABLE or raised.code == "conflict"
    if not mayPass or clock.now() > deadline then error(raised, 0) end
    connection.sleep(OUT_OF_THE_WAY)
  until false
end

-- The tables of collections, quoted; with a condition on pg_class c.
local function relations(connection, condition)
  local result = connection:query("read", "SELECT c.relname FROM pg_class c WHERE c.relnamespace ="
    .. " current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND c.relname LIKE 'persist\\_%' AND " .. condition
    .. " ORDER BY c.relname", nil, "once")
  local out = {}
  for i, name in ipairs(result) do out[i] = tables.quote(name) end
  return out
end

local LOGGED = "EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = '" .. ROWS .. "')"

-- From the next commit on the log is complete, and not further back.
local function beginAnew(connection)
  run(connection, "UPDATE holdfast_log SET oldest = nextval('holdfast_revisions') + 1")
end

local function addTriggers(connection, table)
  for _, statement in ipairs(TRIGGERS) do run(connection, statement:format(table)) end
end

local function turnOn(connection, kept)
  local isOn = connection:query("read", "SELECT " .. M.IS_ON, nil, "once")[1] == "t"
  if not isOn then
    for _, statement in ipairs(STATEMENTS) do run(connection, statement) end
    local schema = connection:query("read", "SELECT quote_ident(current_schema())", nil, "once")[1]
    run(connection, DEFINITION:format(FUNCTION, schema))
  end
  run(connection, "INSERT INTO holdfast_log (kept, oldest) VALUES ($1, 0)"
    .. " ON CONFLICT (only_one) DO UPDATE SET kept = excluded.kept", { kept })
  local missing = relations(connection, "NOT " .. LOGGED)
  for _, table in ipairs(missing) do addTriggers(connection, table) end
  if not isOn or missing[1] then beginAnew(connection) end
end

local function turnOff(connection)
  for _, table in ipairs(relations(connection, LOGGED)) do
    for _, name in ipairs { ROWS, EMPTIED } do
      run(connection, ("DROP TRIGGER IF EXISTS %s ON %s"):format(name, table))
    end
  end
  run(connection, "DROP TABLE IF EXISTS holdfast_changes, holdfast_log")
  run(connection, ("DROP FUNCTION IF EXISTS %s()"):format(FUNCTION))
end

--- How much is kept, as the setting says it: "7d", "1000" or "off".
---@param connection table
---@return string
function M.setting(connection)
  if connection:query("read", "SELECT " .. M.IS_ON, nil, "once")[1] ~= "t" then return "off" end
  return connection:query("read", "SELECT kept FROM holdfast_log", nil, "once")[1] or "off"
end

--- Keeps so much from now on; "off": no log.
---@param connection table
---@param kept string
function M.set(connection, kept)
  altering(connection, function() if kept == "off" then turnOff(connection) else turnOn(connection, kept) end end)
end

--- Has the log have a table that was made after it was turned on.
---@param connection table
---@param table string  quoted
function M.attach(connection, table)
  altering(connection, function()
    if connection:query("read", "SELECT " .. M.HAS_TABLE, { table }, "once")[1] == "t" then return end
    addTriggers(connection, table)
    -- What was written meanwhile is not in the log.
    if connection:query("read", ("SELECT EXISTS (SELECT 1 FROM %s)"):format(table), nil, "once")[1] == "t" then
      beginAnew(connection)
    end
  end)
end

-- ---- reading

---@class holdfast.postgres.Change
---@field revision integer
---@field place integer     of the changes of its commit
---@field at integer        ms since 1970
---@field what string
---@field relation string
---@field id? string

local NO_SUCH_TABLE = "42P01"

local function unsupported()
  error(holdfast.error("unsupported", "this database keeps no log of changes: turn it on by "
    .. "'holdfast set URL changes=7d', and it begins with the next commit"), 0)
end

local function ask(connection, sql, values)
  local ok, result = pcall(connection.query, connection, "read", sql, values, "once")
  if ok then return result end
  if result.state == NO_SUCH_TABLE then unsupported() end
  error(result, 0)
end

--- The newest revision, and the oldest one whose changes are all kept.
---@param connection table
---@return integer newest
---@return integer oldest
function M.reach(connection)
  local result = ask(connection, "SELECT (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM"
    .. " holdfast_revisions)::text, oldest::text, (SELECT coalesce(max(revision), 0) FROM holdfast_changes)::text"
    .. " FROM holdfast_log")
  if result.rows == 0 then unsupported() end
  -- The sequence is ahead of commits that are going on: what all can see is the newest in the log.
  local newest, oldest = tonumber(result[3]), tonumber(result[2])
  return math.max(newest, oldest - 1), oldest
end

--- The changes after one, in order; as many as `limit`, and nothing of the log's beginning is missing between.
---@param connection table
---@param revision integer
---@param place integer     -1: before the first of the revision
---@param limit integer
---@return holdfast.postgres.Change[]
---@return integer oldest
function M.read(connection, revision, place, limit)
  -- One statement, one moment: what it does not find was not trimmed away before the oldest was looked at.
  local result = ask(connection, "SELECT l.oldest::text, c.revision::text, c.place::text, c.at::text, c.what,"
    .. " c.relation, c.entity_id FROM holdfast_log l LEFT JOIN LATERAL (SELECT * FROM holdfast_changes"
    .. " WHERE (revision, place) > ($1::bigint, $2::int) ORDER BY revision, place LIMIT $3::int) AS c ON true",
    { ("%.0f"):format(revision), tostring(place), tostring(limit) })
  if result.rows == 0 then unsupported() end
  local out = {}
  for i = 1, #result, result.columns do
    if result[i + 1] then
      out[#out + 1] = {
        revision = tonumber(result[i + 1]), place = tonumber(result[i + 2]), at = tonumber(result[i + 3]),
        what = result[i + 4], relation = result[i + 5], id = result[i + 6] or nil,
      }
    end
  end
  return out, tonumber(result[1])
end

-- ---- trimming

--- How often a log is looked at, in seconds, and how many entries go at once.
M.pause, M.batch = 10, 10000

local looked = setmetatable({}, { __mode = "k" })

local function trim(connection)
  local age, revisions = M.kept(M.setting(connection))
  if not age and not revisions then return end
  local isOld = age and "at < floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint - $1::bigint"
    or "revision <= (SELECT last_value FROM holdfast_revisions) - $1::bigint"
  local removed = run(connection, "WITH old AS (SELECT revision AS r, place AS p FROM holdfast_changes"
    .. " ORDER BY revision, place LIMIT " .. M.batch .. "), gone AS (DELETE FROM holdfast_changes USING old"
    .. " WHERE revision = r AND place = p AND " .. isOld .. " RETURNING revision)"
    .. " UPDATE holdfast_log SET oldest = greatest(oldest, (SELECT max(revision) + 1 FROM gone))"
    .. " WHERE EXISTS (SELECT 1 FROM gone)", { ("%.0f"):format(age or revisions) }).touched
  if removed > 0 then looked[connection] = 0 end
end

--- Now and then: removes some of what is not to be kept any longer.
---@param connection table
function M.trim(connection)
  if connection.depth > 0 then return end
  local now = clock.now()
  if now < (looked[connection] or 0) then return end
  looked[connection] = now + M.pause
  pcall(trim, connection) -- it comes after a write, which has been made, and is tried again
end

return M
