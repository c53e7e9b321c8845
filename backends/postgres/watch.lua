-- SPDX-License-Identifier: MIT
--
-- Watching: the changes of the log (log.lua) one after the other, and waiting for more.
--
-- On a connection of its own, which listens for the notification that each commit with changes makes.  That only ends a
-- wait: what has happened is read in the log, so none is missed for one that was lost, and where there are none, as
-- through a pooler, a second's wait ends by itself.

local clock = require "holdfast.util.clock"
local Connection = require "holdfast.backends.postgres.connection"
local document = require "holdfast.backends.postgres.document"
local expiry = require "holdfast.backends.postgres.expiry"
local holdfast = require "holdfast"
local logs = require "holdfast.backends.postgres.log"
local pages = require "holdfast.backends.postgres.page"
local tables = require "holdfast.backends.postgres.table"

local M = {}

-- How many changes are read at once; after how many seconds the log is looked at though nothing was heard, and how long
-- the whole state waits at most.
local AT_ONCE, LOOK_AGAIN, PIECE = 500, 1, 0.25

---@class holdfast.postgres.WatchOptions
---@field from? integer         begin with the changes of this revision; nil: with the next commit
---@field entityName? string    of this name alone
---@field prefix? string        of ids that begin so
---@field where? fun(value: any, id: string): any  writes only of values of which it says yes
---@field asTexts? boolean      values are given as JSON texts
---@field timeout? number       in ms: the loop ends when none came for so long; nil: never
---@field wait? fun(fd: integer, ms: number): boolean  waits for a descriptor where something else runs besides; false:
---nothing does

-- What can be called, as a `for` does.
---@class holdfast.postgres.Watch
---@field handed integer  the revision whose changes have all been handed out
local Watch = {}

local META = {
  __index = function(self, name)
    if name == "revision" then return self.handed end
    return Watch[name]
  end,
  __call = function(self) return self:next() end,
  __tostring = function() return "holdfast.Watch" end,
}

-- ---- which changes, and their values

-- The entity name of a table; long names are in its comment.
local function nameOf(self, relation)
  local known = self.names[relation]
  if known == nil then
    local result = self.connection:query("read", "SELECT obj_description(to_regclass($1), 'pg_class')",
      { tables.quote(relation) }, "once")
    known = tables.entityName(relation, result[1] or nil) or false
    self.names[relation] = known
  end
  return known or nil
end

local function isWanted(self, change)
  local name = nameOf(self, change.relation)
  if not name or (self.entityName and name ~= self.entityName) then return false end
  if change.what == "clear" then return true end
  return pages.isId(change.id) and change.id:sub(1, #self.prefix) == self.prefix
end

-- The present values of what was written, by table and id.
local function presentValues(self, changes)
  local ids, values = {}, {}
  for _, change in ipairs(changes) do
    if change.what == "write" then
      local list = ids[change.relation] or {}
      ids[change.relation] = list
      list[#list + 1] = change.id
    end
  end
  for relation, list in pairs(ids) do
    local rows = {}
    values[relation] = rows
    -- The table may have been dropped since.
    local ok, result = pcall(self.connection.query, self.connection, "read", ("SELECT entity_id, data::text,"
      .. " round(extract(epoch FROM until) * 1000)::bigint::text FROM %s WHERE entity_id = ANY ($1::text[])")
      :format(expiry.live(tables.quote(relation))), { pages.array(list, 1, #list) }, "once")
    if not ok and result.state ~= "42P01" then error(result, 0) end
    for i = 1, ok and #result or 0, 3 do
      rows[result[i]] = { text = document.unwrap(result[i + 1]), expiresAt = result[i + 2] and tonumber(result[i + 2]) }
    end
  end
  return values
end

-- A change as it is handed out; nil: its value is not wanted.
local function shown(self, change, present)
  local out = {
    revision = change.revision, at = change.at, what = change.what, entityName = nameOf(self, change.relation),
    id = change.id, last = change.isLast or nil,
  }
  if change.what ~= "write" then return out end
  out.current = true
  local row = present[change.relation][change.id]
  if not row then return out end
  local value = (self.where or not self.asTexts) and holdfast.json.decode(row.text)
  if self.where and not self.where(value, out.id) then return nil end
  if self.asTexts then out.value = row.text else out.value = value end
  out.expiresAt = row.expiresAt or nil
  return out
end

-- ---- reading on

local function compacted(revision, oldest)
  local err = holdfast.error("compacted", ("the changes of revision %d are not kept any more: begin again with %d, "
    .. "after reading what is there"):format(revision, oldest))
  err.revision = oldest
  error(err, 0)
end

-- Reads the next changes.  False: there are none.
local function fill(self)
  local changes, oldest = logs.read(self.connection, self.at, self.place, AT_ONCE + 1)
  -- Of a revision that was read to its end nothing can be missing.
  local missing = self.isWhole and self.at + 1 or self.at
  if missing < oldest then compacted(missing, oldest) end
  if self.isWhole then self.handed = math.max(self.handed, self.at) end
  local following = changes[AT_ONCE + 1]
  changes[AT_ONCE + 1] = nil
  local last = changes[#changes]
  if not last then return false end
  for i, change in ipairs(changes) do
    local beyond = changes[i + 1] or following
    change.isLast = not beyond or beyond.revision ~= change.revision
  end
  local wanted = {}
  for _, change in ipairs(changes) do
    if isWanted(self, change) then wanted[#wanted + 1] = change end
  end
  local present = presentValues(self, wanted)
  for _, change in ipairs(wanted) do
    local out = shown(self, change, present)
    if out then self.ready[#self.ready + 1] = out end
  end
  self.at, self.place, self.isWhole = last.revision, last.place, last.isLast
  return true
end

-- Hears notifications, which come unasked, so that they are not taken for an answer.
local function hear(self)
  local connection = self.connection
  local pq, conn = connection.pq, connection.conn
  if pq.hf_PQconsumeInput(conn) == 0 then return false end
  local heard = pq.hf_PQnotifies(conn)
  while heard ~= nil do
    self.hasHeard = true
    pq.hf_PQfreemem(heard)
    heard = pq.hf_PQnotifies(conn)
  end
  return pq.hf_PQstatus(conn) == 0
end

-- Listens, on whatever connection there is by now.
local function listen(self)
  local connection = self.connection
  if self.listening and self.listening == connection.conn then return end
  connection:query("read", "LISTEN " .. logs.CHANNEL, nil, "once")
  self.listening = connection.conn
end

-- Waits until there may be more.  False: the time is over.
local function wait(self, deadline)
  local connection = self.connection
  local ending = math.min(deadline, clock.now() + LOOK_AGAIN)
  while connection.conn and not self.hasHeard and clock.now() < ending do
    local left = ending - clock.now()
    if not (self.wait and self.wait(connection.pq.hf_PQsocket(connection.conn), math.max(0, left * 1000))) then
      connection:wait(connection.conn, 1, math.min(ending, clock.now() + PIECE))
    end
    if not hear(self) then connection:drop() end
  end
  self.hasHeard = false
  return clock.now() < deadline
end

--- The next change; nil: none came in time.
---@param timeout? number  in ms; nil: that of the watch
---@return table?
function Watch:next(timeout)
  timeout = timeout or self.timeout
  local deadline = timeout and clock.now() + timeout / 1000 or math.huge
  while true do
    self.given = self.given + 1
    local change = self.ready[self.given]
    self.ready[self.given] = nil
    if change then
      if change.last then self.handed = change.revision end
      return change
    end
    self.ready, self.given = {}, 0
    listen(self) -- before reading: what comes later is heard
    logs.trim(self.connection)
    if not fill(self) and not wait(self, deadline) then return nil end
  end
end

--- Ends it.
function Watch:close() self.connection:drop() end

--- Watches the tables of a schema.
---@param url string
---@param options? holdfast.postgres.WatchOptions
---@return holdfast.postgres.Watch
function M.open(url, options)
  options = options or {}
  local self = setmetatable({
    connection = Connection.new(url), names = {}, ready = {}, given = 0, entityName = options.entityName,
    prefix = options.prefix or "", where = options.where, timeout = options.timeout, wait = options.wait,
    asTexts = options.asTexts,
    hasHeard = false, place = -1, isWhole = false,
  }, META)
  self.connection.isIdle = function() return hear(self) end
  local newest, oldest = logs.reach(self.connection)
  self.at = options.from or newest + 1
  self.handed = self.at - 1
  if self.at < oldest then compacted(self.at, oldest) end
  return self
end

return M
