-- SPDX-License-Identifier: MIT
--
-- The backend for PostgreSQL: the class that postgres: URLs make instances of.  Its table, columns and documents are
-- those of programs written after the framework's guide for custom backends (table.lua, document.lua).
--
-- Ids of printable ASCII are ordered by the server, by an ICU collation that compares as the contract does.  For
-- other characters ICU has an order of its own, so that the ids that have some are listed, sorted here, and merged in.

local Connection = require "holdfast.backends.postgres.connection"
local document = require "holdfast.backends.postgres.document"
local holdfast = require "holdfast"
local stat = require "holdfast.backends.postgres.stat"
local tables = require "holdfast.backends.postgres.table"

local FIRST_PAGE, LARGEST_PAGE, PAGE_BYTES = 64, 2000, 1024 * 1024
local BATCH_COUNT, BATCH_BYTES = 5000, 8 * 1024 * 1024

local PostgresPersist = holdfast.PersistBase:extend("PostgresPersist")

PostgresPersist.encoding = "json"

PostgresPersist.supports = {
  durable = true, ifAbsent = true, revision = true, atomicBatch = true, transaction = true, snapshot = true,
  nested = true, removeIfRevision = true,
}

-- The columns that say the revision and the time of a row.
local INFO = ", xmin::text, floor(extract(epoch FROM updated_at::timestamptz) * 1000)::bigint::text"

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
  local found = connection:query("read", "SELECT to_regclass($1) IS NOT NULL, to_regclass($2) IS NOT NULL",
    { tables.quote((tables.name(self.entityName))), tables.naturalIndex(self.entityName) }, "once")
  if not (found[1] == "t" and found[2] == "t") then define(connection, tables.definition(self.entityName)) end
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

function PostgresPersist:writeValue(id, text, options)
  local values, name = { id, document.wrap(text) }, "write"
  if options and options.ifAbsent then name = "writeAbsent" end
  if options and options.ifRevision then
    name = "writeRevision"
    values[3] = ("%.0f"):format(options.ifRevision)
  end
  local revision = query(self, "write", name, values)[1]
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

-- Texts as an array literal.
local function array(ids, from, to)
  local quoted = {}
  for i = from, to do quoted[#quoted + 1] = '"' .. ids[i]:gsub('[\\"]', "\\%0") .. '"' end
  return "{" .. table.concat(quoted, ",") .. "}"
end

function PostgresPersist:readMany(ids)
  local found = {}
  for from = 1, #ids, BATCH_COUNT do
    local result = query(self, "read", "readMany", { array(ids, from, math.min(from + BATCH_COUNT - 1, #ids)) })
    for i = 1, #result, 2 do found[result[i]] = document.unwrap(result[i + 1]) end
  end
  return found
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

function PostgresPersist:writeMany(texts)
  local quote, members, parts, bytes = holdfast.json.encode, {}, {}, 0
  local function flush()
    if #members > 0 then parts[#parts + 1] = "{" .. table.concat(members, ",") .. "}" end
    members, bytes = {}, 0
  end
  for id, text in pairs(texts) do
    local member = quote(id) .. ":" .. document.wrap(text)
    members[#members + 1] = member
    bytes = bytes + #member
    if #members == BATCH_COUNT or bytes > BATCH_BYTES then flush() end
  end
  flush()
  whole(self, #parts, function()
    for _, part in ipairs(parts) do query(self, "write", "writeMany", { part }) end
  end)
end

function PostgresPersist:removeMany(ids)
  local removed = 0
  whole(self, math.ceil(#ids / BATCH_COUNT), function()
    for from = 1, #ids, BATCH_COUNT do
      local part = array(ids, from, math.min(from + BATCH_COUNT - 1, #ids))
      removed = removed + query(self, "write", "removeMany", { part }).touched
    end
  end)
  return removed
end

-- ---- loops

-- What other programs may have stored under an id that is none here is left out.
local function isId(id) return #id >= 1 and #id <= 250 and not id:find("%c") end

local function isAscii(text) return not text:find("[\128-\255]") end

-- The bytes of a page tell how many rows the next one may have.
local function nextSize(size, rows, bytes)
  local fits = rows > 0 and math.floor(PAGE_BYTES / (bytes / rows + 1)) or LARGEST_PAGE
  return math.max(1, math.min(4 * size, LARGEST_PAGE, fits))
end

local AFTER_ALL = "\239\191\191" -- U+FFFF, which ICU sorts after every character

-- For the index: what begins alike lies together, if the beginning does not end within a number.
local function prefixBounds(prefix, values, conditions)
  local head = prefix:gsub("%d+$", "")
  if head == "" then return end
  for operator, bound in pairs({ [">="] = head, ["<"] = head .. AFTER_ALL }) do
    values[#values + 1] = bound
    conditions[#conditions + 1] = ("entity_id COLLATE holdfast_natural %s $%d::text"):format(operator, #values)
  end
end

-- What a scan reads of each row beside its id.
local KEYS, TEXTS, ENTRIES = "", ", data::text", ", data::text" .. INFO

-- The SQL of a page of ASCII ids with these columns, and its values but for the last id and the size.
local function pageQuery(self, range, columns)
  local order = range.reverse and { "DESC", "<", "<=", ">=" } or { "ASC", ">", ">=", "<=" }
  local values, conditions = {}, { tables.ASCII }
  local pair = '(entity_id COLLATE holdfast_natural, entity_id COLLATE "C")'
  local function bound(operator, id)
    values[#values + 1] = id
    conditions[#conditions + 1] = ("%s %s ($%d::text, $%d::text)"):format(pair, operator, #values, #values)
  end
  -- A bound beyond ASCII is for the caller, who looks at all that comes.
  if range.from and isAscii(range.from) then bound(">=", range.from) end
  if range.to and isAscii(range.to) then bound("<=", range.to) end
  if range.prefix then
    values[#values + 1] = range.prefix
    conditions[#conditions + 1] = ("starts_with(entity_id, $%d::text)"):format(#values)
    prefixBounds(range.prefix, values, conditions)
  end
  local tail = (' ORDER BY entity_id COLLATE holdfast_natural %s, entity_id COLLATE "C" %s LIMIT $%d::int')
    :format(order[1], order[1], #values + 1)
  local head = "SELECT entity_id" .. columns .. self.from .. " WHERE "
  local firstSql = head .. table.concat(conditions, " AND ") .. tail
  conditions[#conditions + 1] = ("%s %s ($%d::text, $%d::text)"):format(pair, order[2], #values + 2, #values + 2)
  return firstSql, head .. table.concat(conditions, " AND ") .. tail, values
end

-- Steps through the ASCII ids, in the server's order, a page at a time.
local function asciiSteps(self, range, columns)
  if range.prefix and not isAscii(range.prefix) then return function() end end
  local firstSql, nextSql, values = pageQuery(self, range, columns)
  local size, last = FIRST_PAGE, nil
  local ids, texts, revisions, times, count, at, ended, given = {}, {}, {}, {}, 0, 0, false, #values
  local function fetch()
    values[given + 1], values[given + 2] = tostring(size), last
    local result = self.connection:query("read", last and nextSql or firstSql, values)
    local bytes = 0
    count, at = 0, 0
    for i = 1, #result, result.columns do
      local text = columns ~= KEYS and result[i + 1]
      last = result[i]
      bytes = bytes + (text and #text or 0)
      if isId(last) then
        count = count + 1
        ids[count], texts[count] = last, text and document.unwrap(text)
        if columns == ENTRIES then revisions[count], times[count] = tonumber(result[i + 2]), tonumber(result[i + 3]) end
      end
    end
    ended = result.rows < size
    size = nextSize(size, result.rows, bytes)
  end
  return function()
    while at == count do
      if ended then return nil end
      fetch()
    end
    at = at + 1
    return ids[at], texts[at], revisions[at], times[at]
  end
end

-- What is known of some ids: {[id] = {text, revision, time}}.
local function readEntries(self, ids)
  local found = {}
  local result = query(self, "read", "readEntries", { array(ids, 1, #ids) })
  for i = 1, #result, result.columns do
    found[result[i]] = { document.unwrap(result[i + 1]), tonumber(result[i + 2]), tonumber(result[i + 3]) }
  end
  return found
end

-- Steps through the ids that are not ASCII.
local function otherSteps(self, range, columns)
  local ids, reverse = {}, range.reverse
  local prefix = range.prefix or ""
  for _, id in ipairs(query(self, "read", "others")) do
    if isId(id) and id:sub(1, #prefix) == prefix then ids[#ids + 1] = id end
  end
  table.sort(ids, reverse and function(a, b) return holdfast.naturalOrder(b, a) end or holdfast.naturalOrder)
  local at, found, upTo = 0, {}, 0
  return function()
    while true do
      at = at + 1
      local id = ids[at]
      if not id or columns == KEYS then return id end
      if at > upTo then
        local page = { unpack(ids, at, math.min(at + FIRST_PAGE - 1, #ids)) }
        upTo, found = at + #page - 1, readEntries(self, page)
      end
      if found[id] then return id, unpack(found[id], 1, 3) end -- else it has gone
    end
  end
end

local function steps(self, range, columns)
  range = range or {}
  local nextAscii, nextOther = asciiSteps(self, range, columns), otherSteps(self, range, columns)
  local a, aText, aRevision, aTime = nextAscii()
  local b, bText, bRevision, bTime = nextOther()
  local before = holdfast.naturalOrder
  return function()
    local fromAscii = a and (not b or before(a, b) ~= (range.reverse or false))
    local id, text, revision, time
    if fromAscii then
      id, text, revision, time = a, aText, aRevision, aTime
      a, aText, aRevision, aTime = nextAscii()
    else
      id, text, revision, time = b, bText, bRevision, bTime
      if b then b, bText, bRevision, bTime = nextOther() end
    end
    return id, text, revision, time
  end
end

function PostgresPersist:entries(range, withInfo) return steps(self, range, withInfo and ENTRIES or TEXTS) end

function PostgresPersist:keys(range) return steps(self, range, KEYS) end

-- Loops over values are made of entries.
function PostgresPersist:values(range)
  local step = steps(self, range, TEXTS)
  return function()
    local _, text = step()
    return text
  end
end

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
