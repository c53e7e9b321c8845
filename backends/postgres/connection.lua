-- SPDX-License-Identifier: MIT
--
-- One connection to PostgreSQL: made when it is needed, and again when it was lost; statements that end by a
-- deadline; what PostgreSQL's error codes mean here.
--
-- All instances of one URL share one, so that a transaction covers them all.

local core = require "holdfast.core"
local ffi = require "ffi"
local libpq = require "holdfast.backends.postgres.libpq"
local clock = require "holdfast.util.clock"
local process = require "holdfast.util.process"
local retry = require "holdfast.util.retry"
local serverUrl = require "holdfast.util.url"

local CONNECTION_OK = 0
local POLLING_READING, POLLING_WRITING, POLLING_OK = 1, 2, 3
local COMMAND_OK, TUPLES_OK, FATAL_ERROR = 1, 2, 7
local REFUSALS = 4 -- results that may follow one that says an error, before the server is left
local DIAG_SQLSTATE, DIAG_CONSTRAINT = 67, 110 -- 'C', 'n'
local POLLIN, POLLOUT = 1, 4

local Connection = {}
Connection.__index = Connection

-- ---- errors

-- By SQLSTATE, the whole or its class.  `retryable` where it differs from what the code says.
local MEANINGS = {
  ["53100"] = { code = "full" }, -- disk_full
  ["53200"] = { code = "full" }, -- out_of_memory
  ["53"] = { code = "unavailable" }, -- too many connections, and other lack of resources
  ["57014"] = { code = "timeout" }, -- query_canceled: statement_timeout, which is the same deadline
  ["57P"] = { code = "unavailable" }, -- shutdown, crash, starting up
  ["57"] = { code = "unavailable" },
  ["08"] = { code = "unavailable" },
  ["40003"] = { code = "unavailable" }, -- statement_completion_unknown
  ["40"] = { code = "conflict" }, -- serialization failure, deadlock
  ["25P02"] = { code = "conflict" }, -- a statement of this transaction has failed before
  ["55P03"] = { code = "busy" },
  ["25006"] = { code = "readonly" }, -- a replica, or default_transaction_read_only
  ["42501"] = { code = "readonly", retryable = false }, -- no privilege
  ["28"] = { code = "unavailable", retryable = false }, -- wrong user or password
  ["3D"] = { code = "unavailable", retryable = false }, -- no such database
}

-- What libpq says itself has none.
local NO_STATE = "08000"

-- Whether the error leaves open what became of the statement: it is libpq's own, or that of a pooler which has lost its
-- server (class 08), or the server says so (statement_completion_unknown).
local function isUnclear(state) return state:sub(1, 2) == "08" or state == "40003" end

local function meaning(state)
  return MEANINGS[state] or MEANINGS[state:sub(1, 3)] or MEANINGS[state:sub(1, 2)] or { code = "io" }
end

-- An error object with PostgreSQL's words, without the password that may be in them.
function Connection:failure(code, text, retryable)
  text = core.redact(text:gsub("%s+$", ""):gsub("%s*\n%s*", "; "), self.url)
  local err = core.error(code, "PostgreSQL: " .. text)
  if retryable ~= nil then err.retryable = retryable end
  return err
end

-- What a statement was refused for; `state`, and `constraint` where it is one, are set in it for callers that expect
-- them.
function Connection:refusal(result)
  local pq = self.pq
  local field, constraint = pq.hf_PQresultErrorField(result, DIAG_SQLSTATE),
    pq.hf_PQresultErrorField(result, DIAG_CONSTRAINT)
  local state = field ~= nil and ffi.string(field) or NO_STATE
  local what = meaning(state)
  local err = self:failure(what.code, ffi.string(pq.hf_PQresultErrorMessage(result)), what.retryable)
  err.state, err.constraint = state, constraint ~= nil and ffi.string(constraint) or nil
  return err
end

-- ---- connecting

-- A URL with several hosts as one URL for each.  libpq's own way through the hosts has no deadline when it does not
-- block, and a host that does not answer would use up all of ours.
local function eachHost(url)
  local scheme, login, hosts, rest = url:match("^(%a+://)([^/?#]*@)([^/?#@]*)(.*)$")
  if not scheme then
    scheme, hosts, rest = url:match("^(%a+://)([^/?#]*)(.*)$")
    login = ""
  end
  local urls = {}
  for host in (hosts or ""):gmatch("[^,]+") do urls[#urls + 1] = scheme .. login .. host .. rest end
  return #urls > 0 and urls or { url }
end

-- Which URLs to try, one after the other.  A replica that is only preferred is looked for on all hosts, before any
-- host will do.
local function ways(url)
  local head, tail = url:match("^(.*[?&]target_session_attrs=)prefer%-standby(.*)$")
  local urls = eachHost(head and head .. "standby" .. tail or url)
  if not head then return urls end
  for _, any in ipairs(eachHost(head .. "any" .. tail)) do urls[#urls + 1] = any end
  return urls
end

--- The connection of a URL; nothing is dialled.
---@param url string
---@return table
function Connection.new(url)
  local settings, rest = serverUrl.settings(url)
  return setmetatable({
    url = url,
    settings = settings,
    urls = ways(rest),
    prepared = {}, -- SQL -> name, of this session
    expiring = {}, -- table -> whether it has the columns of expiry.lua
    preparedCount = 0,
    depth = 0, -- transactions that are open
    pollfd = ffi.new("struct hf_pg_pollfd[1]"),
  }, Connection)
end

-- Waits for the socket.  False: the deadline has passed.
function Connection:wait(conn, events, deadline)
  local p = self.pollfd
  p[0].fd, p[0].events, p[0].revents = self.pq.hf_PQsocket(conn), events, 0
  local left = deadline - clock.now()
  if left <= 0 then return false end
  return ffi.C.hf_pg_poll(p, 1, math.ceil(left * 1000)) ~= 0 or clock.now() < deadline
end

-- Raises what libpq finds wrong with a URL.
function Connection:check(url)
  local pq, why = self.pq, ffi.new("char *[1]")
  local options = pq.hf_PQconninfoParse(url, why)
  if options ~= nil then return pq.hf_PQconninfoFree(options) end
  local text = why[0] ~= nil and ffi.string(why[0]) or "not enough memory"
  pq.hf_PQfreemem(why[0])
  error(self:failure("invalid_argument", text), 0)
end

-- A connection ends with the last that knows of it.  A child process must not end that of its parent: PQfinish would
-- say goodbye to the server over the socket that both have.
local function owned(pq, conn)
  local pid = process.id()
  return ffi.gc(conn, function(c)
    if process.id() == pid then pq.hf_PQfinish(c) end
  end)
end

function Connection:dial(url, deadline)
  local pq = self.pq
  local conn = pq.hf_PQconnectStart(url)
  if conn == nil then error(self:failure("no_memory", "libpq has no memory for a connection"), 0) end
  conn = owned(pq, conn)
  -- Notices are not for the standard error, where libpq puts them: free(NULL) does nothing with them.
  pq.hf_PQsetNoticeProcessor(conn, ffi.C.hf_pg_free, nil)
  local function fail(code, retryable)
    local text = ffi.string(pq.hf_PQerrorMessage(conn))
    pq.hf_PQfinish(ffi.gc(conn, nil))
    if text == "" then text = "no connection within the deadline" end
    return nil, self:failure(code, text, retryable)
  end
  local polled = POLLING_WRITING
  while polled ~= POLLING_OK do
    if pq.hf_PQstatus(conn) == 1 then -- refused
      local text = ffi.string(pq.hf_PQerrorMessage(conn))
      if text:find("^invalid") then return fail("invalid_argument") end -- a value, such as that of sslmode
      local final = text:find("authentication") or text:find("password") or text:find("does not exist")
      if final then return fail("unavailable", false) end
      return fail("unavailable")
    end
    if not self:wait(conn, polled == POLLING_READING and POLLIN or POLLOUT, deadline) then return fail("timeout") end
    polled = pq.hf_PQconnectPoll(conn)
  end
  pq.hf_PQsetnonblocking(conn, 1)
  return conn
end

-- What each session begins with; the server is to end statements that nobody waits for any more.
local INTRODUCTION = "SELECT set_config('client_min_messages', 'error', false), "
  .. "set_config('statement_timeout', $1, false),"
  .. " set_config('client_encoding', 'UTF8', false), current_setting('server_encoding')"

function Connection:introduce(deadline)
  local milliseconds = tostring(math.ceil(self.settings.timeout * 1000))
  local result = self:exchange(INTRODUCTION, { milliseconds }, deadline, "once")
  local encoding = ffi.string(self.pq.hf_PQgetvalue(result, 0, 3))
  self.pq.hf_PQclear(result)
  if encoding ~= "UTF8" then
    error(self:failure("unsupported", "the database has the encoding " .. encoding
      .. ": create one with ENCODING 'UTF8' TEMPLATE template0"), 0)
  end
end

function Connection:connect(deadline)
  self.pq = libpq()
  local limit = math.min(deadline, clock.now() + self.settings.connectTimeout)
  local why
  self:check(self.urls[1])
  for i, url in ipairs(self.urls) do
    local now = clock.now()
    local conn, err = self:dial(url, now + (limit - now) / (#self.urls - i + 1))
    if conn then
      self.conn, self.prepared, self.preparedCount, self.pid = conn, {}, 0, process.id()
      local ok, raised = pcall(self.introduce, self, limit)
      if ok then return end
      self:drop()
      err = raised
    end
    why = err
    if err.code == "invalid_argument" or err.code == "unsupported" then break end
  end
  error(why, 0)
end

--- Waits.
---@param milliseconds integer
function Connection.sleep(milliseconds) ffi.C.hf_pg_poll(nil, 0, milliseconds) end

--- Closes it; the next statement connects again.
function Connection:drop()
  local conn = self.conn
  self.conn = nil
  if conn then self.pq.hf_PQfinish(ffi.gc(conn, nil)) end
end

-- Whether an idle connection can be used: the other side has neither closed it nor said something unasked, which would
-- be taken for the answer to what is sent next.  What libpq has read of that already, it has thrown away.
function Connection:isIdle()
  local p = self.pollfd
  p[0].fd, p[0].events, p[0].revents = self.pq.hf_PQsocket(self.conn), POLLIN, 0
  return ffi.C.hf_pg_poll(p, 1, 0) == 0
end

-- ---- statements

local STRANGE = "the server answers with something else: is it PostgreSQL?"

-- Gives the connection up in the middle of a statement: what else comes on it would be taken for an answer to what
-- comes next.
function Connection:giveUp(err)
  local sent = self.sending
  self:drop()
  if sent == "write" then error(retry.lost(err.code, err.message), 0) end
  error(err, 0)
end

function Connection:broken(code, text) self:giveUp(self:failure(code, text)) end

function Connection:lostNow()
  local text = ffi.string(self.pq.hf_PQerrorMessage(self.conn))
  self:broken("unavailable", text ~= "" and text or "the connection was lost")
end

-- Everything that was sent goes out, and the results come in; returns the last one.
function Connection:await(deadline)
  local pq, conn = self.pq, self.conn
  while true do
    local flushed = pq.hf_PQflush(conn)
    if flushed < 0 then self:lostNow() end
    if flushed == 0 and pq.hf_PQisBusy(conn) == 0 then break end
    if not self:wait(conn, flushed == 1 and POLLIN + POLLOUT or POLLIN, deadline) then
      self:broken("timeout", "no answer within the deadline")
    end
    if pq.hf_PQconsumeInput(conn) == 0 then self:lostNow() end
  end
  return pq.hf_PQgetResult(conn)
end

function Connection:collect(deadline)
  local pq, result = self.pq, self:await(deadline)
  if result == nil then self:broken("unavailable", "the server gave no result") end
  local status = pq.hf_PQresultStatus(result)
  if status == COMMAND_OK or status == TUPLES_OK then
    if self:await(deadline) ~= nil then self:broken("unavailable", "the server gave two results") end
    return result
  end
  if status ~= FATAL_ERROR then -- such as that it waits for data, which it would say for ever
    pq.hf_PQclear(result)
    self:broken("unavailable", STRANGE)
  end
  self:refuse(result, deadline)
end

-- Raises what a statement was refused for, when all has been heard.
function Connection:refuse(result, deadline)
  local pq, err = self.pq, self:refusal(result)
  pq.hf_PQclear(result)
  if isUnclear(err.state) then self:giveUp(err) end
  local rest = self:await(deadline)
  for _ = 1, REFUSALS do
    if rest == nil then break end
    pq.hf_PQclear(rest)
    rest = self:await(deadline)
  end
  if rest ~= nil then
    pq.hf_PQclear(rest)
    self:broken("unavailable", STRANGE)
  end
  -- The server may say why it ends the connection, and then end it.
  if pq.hf_PQstatus(self.conn) ~= CONNECTION_OK or err.state:sub(1, 3) == "57P" then self:drop() end
  error(err, 0)
end

local PARAMETERS_MAX = 256
local parameters = ffi.new("const char *[?]", PARAMETERS_MAX)

-- Sends one statement and returns its result, which the caller clears.
--   how  "once": without preparing it; else it is prepared, once in this session
function Connection:exchange(sql, values, deadline, how)
  local pq, conn = self.pq, self.conn
  local count = values and #values or 0
  for i = 1, count do parameters[i - 1] = values[i] end
  if how == "once" then
    local sent = pq.hf_PQsendQueryParams(conn, sql, count, nil, count > 0 and parameters or nil, nil, nil, 0)
    if sent == 0 then self:lostNow() end
    return self:collect(deadline)
  end
  local name = self.prepared[sql]
  if not name then
    local doing = self.sending
    self.sending = "prepare"
    self.preparedCount = self.preparedCount + 1
    name = "s" .. self.preparedCount
    if pq.hf_PQsendPrepare(conn, name, sql, count, nil) == 0 then self:lostNow() end
    pq.hf_PQclear(self:collect(deadline))
    self.prepared[sql] = name
    if not self:isIdle() then self:broken("unavailable", STRANGE) end
    self.sending = doing
  end
  if pq.hf_PQsendQueryPrepared(conn, name, count, count > 0 and parameters or nil, nil, nil, 0) == 0 then
    self:lostNow()
  end
  return self:collect(deadline)
end

-- Commands by their first letters, as their SQL and the server's word that they are done begin with.
local LETTERS = 5
local GIVES = { SELEC = true, EXPLA = true } -- rows
local COUNTED = { SELEC = true, INSER = true, UPDAT = true, DELET = true } -- the word has a number of rows
local ENDS = { COMMI = "ROLLB" } -- which COMMIT may be answered with

-- Whether a result, as fields() gives it, is one of this statement.
local function isAnswer(out, sql)
  local command, did = sql:sub(1, LETTERS), out.did:sub(1, LETTERS)
  if did ~= command and did ~= ENDS[command] then return false end
  if COUNTED[command] and not out.touched then return false end
  if not GIVES[command] and not sql:find(" RETURNING ", 1, true) then return out.columns == 0 end
  return out.columns > 0 and (out.touched or out.rows) == out.rows
end

-- A result as a list of its fields, row by row, false where they are null; `rows` is how many there are, `columns` how
-- many each has, `touched` how many a command has touched, nil where it does not say, `did` the command.  The result
-- itself is freed at once: Lua's collector does not know how large it is.
local function fields(pq, result)
  local rows, columns = pq.hf_PQntuples(result), pq.hf_PQnfields(result)
  local out = {
    rows = rows, columns = columns, touched = tonumber(ffi.string(pq.hf_PQcmdTuples(result))),
    did = ffi.string(pq.hf_PQcmdStatus(result)),
  }
  local n = 0
  for row = 0, rows - 1 do
    for column = 0, columns - 1 do
      n = n + 1
      out[n] = pq.hf_PQgetisnull(result, row, column) == 0
        and ffi.string(pq.hf_PQgetvalue(result, row, column), pq.hf_PQgetlength(result, row, column))
    end
  end
  pq.hf_PQclear(result)
  return out
end

local LOST = "the connection was lost in the middle of a transaction"

local function run(deadline, self, kind, sql, values, how)
  self.sending = nil
  if self.conn and self.pid ~= process.id() then self.conn, self.depth = nil, 0 end -- it is the parent's
  if self.conn and not self:isIdle() then
    if self.depth > 0 then self:broken("unavailable", LOST) end
    self:drop()
  end
  if self.depth > 0 and not self.conn then error(self:failure("unavailable", LOST, false), 0) end
  if not self.conn then self:connect(deadline) end
  self.sending = kind
  local ok, result = pcall(self.exchange, self, sql, values, deadline, how)
  self.sending = nil
  if not ok then error(result, 0) end
  local out = fields(self.pq, result)
  if not isAnswer(out, sql) then
    self.sending = kind
    self:broken("unavailable", STRANGE)
  end
  return out
end

--- Runs a statement and returns its result.  A read is tried again when the connection was lost, a write only when it
--- was not sent.
---@param kind "read"|"write"
---@param sql string
---@param values? string[]  of $1, $2, ...
---@param how? "once"       do not prepare it: it is not going to come again
---@return string[] result   see fields()
function Connection:query(kind, sql, values, how)
  if self.depth > 0 then
    -- In a transaction nothing has happened before its commit, so nothing can have happened by half.
    return run(clock.now() + self.settings.timeout, self, "read", sql, values, how)
  end
  return retry.try(self.settings, run, self, kind, sql, values, how)
end

-- ---- transactions

local BEGIN = {
  write = "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE",
  read = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
}

function Connection:begin(kind, depth)
  self:query("read", depth == 1 and BEGIN[kind] or "SAVEPOINT level" .. depth, nil, "once")
  self.depth = depth
  if depth == 1 then self.kind = kind end
end

function Connection:commit()
  local depth = self.depth
  if depth > 1 then
    self.depth = depth - 1 -- whatever comes of it
    self:query("read", "RELEASE SAVEPOINT level" .. depth, nil, "once")
    return
  end
  -- The end of a snapshot writes nothing.
  local ok, result = pcall(run, clock.now() + self.settings.timeout, self, self.kind, "COMMIT", nil, "once")
  self.depth = 0
  if not ok then error(result, 0) end
  -- After a statement that failed COMMIT does not fail: it undoes.
  if result.did ~= "COMMIT" then
    error(self:failure("conflict", "a statement of this transaction had failed, so all of it was undone"), 0)
  end
end

function Connection:rollback()
  local depth = self.depth
  local statement = depth > 1 and "ROLLBACK TO SAVEPOINT level" .. depth or "ROLLBACK"
  local ok, raised = true, nil
  if self.conn then ok, raised = pcall(self.query, self, "read", statement, nil, "once") end
  self.depth = depth - 1
  if not ok and self.conn then self:drop() end -- nothing of it may go on
  if not ok then error(raised, 0) end
end

return Connection
