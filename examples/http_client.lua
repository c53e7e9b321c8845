-- SPDX-License-Identifier: MIT
--
-- A small HTTP client for the examples: LuaJIT's FFI over libcurl's multi interface.  A request waits as functions of
-- the host do (host.sleep), so that everything else runs meanwhile; its connection is kept for the next one; TLS
-- certificates are verified.  Where a manual clock makes host.sleep return at once, it waits all the same, and
-- everything with it.
--
-- Why not something else: Debian's lua-curl has no multi interface, and its only one stops everything until the
-- server has answered.  A process of curl for each request, with what is secret on its standard input, would do, but
-- keeps no connection, and is a child to end and to reap.  lua-http brings a loop of its own, and eight packages.
--
-- Nothing in C calls Lua here, which compiled Lua would not survive: libcurl writes what it receives into streams of
-- the C library, and is asked how far it is, after a millisecond at first and then each 20 ms.  That costs less than 1%
-- of a processor while a request is under way, and nothing otherwise.
--
-- What fails is an error object: `unavailable` where nobody answers, or not to the end; `timeout`; `io` for what is too
-- large.  No message has a header, a body that was sent, or more of a URL than its host: that is where secrets are.
--
-- Needs libcurl 7.87 or later (Debian 12: apt install libcurl4 ca-certificates lua-luv).

local ffi = require "ffi"
local holdfast = require "holdfast"
local host = require "holdfast.host"
local uv = require "luv"

-- Names of our own, bound to the C functions: declarations are global to a Lua state, and other scripts make theirs.
ffi.cdef [[
  typedef struct example_curl example_curl;
  typedef struct example_multi example_multi;
  typedef struct example_file example_file;
  typedef struct example_slist example_slist;
  typedef struct { int msg; example_curl *easy; union { void *whatever; int result; } data; } example_message;
  int example_global_init(long flags) __asm__("curl_global_init");
  example_curl *example_easy_init(void) __asm__("curl_easy_init");
  void example_easy_reset(example_curl *easy) __asm__("curl_easy_reset");
  void example_easy_cleanup(example_curl *easy) __asm__("curl_easy_cleanup");
  int example_easy_setopt(example_curl *easy, int option, ...) __asm__("curl_easy_setopt");
  int example_easy_getinfo(example_curl *easy, int info, ...) __asm__("curl_easy_getinfo");
  const char *example_easy_strerror(int code) __asm__("curl_easy_strerror");
  example_multi *example_multi_init(void) __asm__("curl_multi_init");
  int example_multi_cleanup(example_multi *multi) __asm__("curl_multi_cleanup");
  int example_multi_setopt(example_multi *multi, int option, ...) __asm__("curl_multi_setopt");
  int example_multi_add(example_multi *multi, example_curl *easy) __asm__("curl_multi_add_handle");
  int example_multi_remove(example_multi *multi, example_curl *easy) __asm__("curl_multi_remove_handle");
  int example_multi_perform(example_multi *multi, int *running) __asm__("curl_multi_perform");
  int example_multi_poll(example_multi *multi, void *fds, unsigned count, int ms, int *ready)
    __asm__("curl_multi_poll");
  example_message *example_multi_info_read(example_multi *multi, int *left) __asm__("curl_multi_info_read");
  example_slist *example_slist_append(example_slist *list, const char *text) __asm__("curl_slist_append");
  void example_slist_free(example_slist *list) __asm__("curl_slist_free_all");
  example_file *example_open_memstream(char **text, size_t *size) __asm__("open_memstream");
  int example_fclose(example_file *file) __asm__("fclose");
  void example_free(void *memory) __asm__("free");
  void *example_dlopen(const char *name, int flags) __asm__("dlopen");
]]

local RTLD_NOW_NODELETE = 0x1002

-- libcurl may have a thread that resolves a name when the Lua state ends, and its handles are freed after LuaJIT has
-- let go of it: it must not be unloaded.
local function load()
  local ok, library = pcall(ffi.load, "libcurl.so.4")
  if not ok then error("libcurl is missing (Debian: apt install libcurl4): " .. tostring(library), 0) end
  ffi.C.example_dlopen("libcurl.so.4", RTLD_NOW_NODELETE)
  return library
end

local curl = load()
assert(curl.example_global_init(3) == 0, "libcurl cannot be used")

-- CURLOPT_..., CURLMOPT_..., CURLINFO_..., CURLE_..., CURLMSG_...
local WRITEDATA, URL, ERRORBUFFER, USERAGENT, HTTPHEADER, HEADERDATA = 10001, 10002, 10010, 10018, 10023, 10029
local POSTFIELDS, POSTFIELDSIZE, CAINFO, NOSIGNAL, PROTOCOLS = 10015, 60, 10065, 99, 181
local TIMEOUT_MS, CONNECTTIMEOUT_MS, MAXFILESIZE, QUICK_EXIT = 155, 156, 114, 322
local MULTI_MAX_HOST_CONNECTIONS = 7
local RESPONSE_CODE, NUM_CONNECTS, SIZE_DOWNLOAD, RETRY_AFTER = 0x200002, 0x20001A, 0x600008, 0x600039
local OK, OPERATION_TIMEDOUT, FILESIZE_EXCEEDED, MSG_DONE = 0, 28, 63, 1
local HTTP_AND_HTTPS = 3
-- What trying again does not mend: a URL that is none, a certificate that is not trusted.
local LASTING = { [1] = true, [3] = true, [4] = true, [35] = true, [58] = true, [60] = true, [77] = true }

local BYTES_MAX = 8 * 1024 * 1024
local PAUSE_MAX_MS = 20

local M = {}

---@class example.Http
---@field timeout number         seconds that a request may take
---@field connectTimeout number  seconds of these for the connection
---@field cafile? string         certificates to trust in place of the system's
local Http = {}
Http.__index = Http

-- ---- secrets

--- A secret by its name: what the environment has under it, or the content of the file that NAME_FILE names, which is
--- better: the environment of a process can be seen by others of the same user.  nil: neither is set.
---@param name string
---@return string?
---@raise invalid_argument  without what was read
function M.secret(name)
  local function refuse(...) error(holdfast.error("invalid_argument", string.format(...)), 0) end
  local value, path = os.getenv(name), os.getenv(name .. "_FILE")
  local where = name
  if path and path ~= "" then
    where = path
    local file, reason = io.open(path, "r")
    if not file then refuse("%s_FILE: cannot read %s", name, reason) end
    value = file:read("*a")
    file:close()
    if not value then refuse("%s_FILE: cannot read %s: is it a file?", name, path) end
  end
  value = value and value:match("^%s*(.-)%s*$")
  if path and path ~= "" and value == "" then refuse("%s_FILE: %s is empty", name, path) end
  if value == nil or value == "" then return nil end
  if value:find("[%c%s]") then refuse("%s must be one line without blanks in it", where) end
  return value
end

--- The scheme and host of a URL, which is all of it that may be shown.
---@param url string
---@param what string  for the error
---@param hasSecret boolean  something goes there that others may not see: not in the clear, but to this machine
---@return string origin  "https://example.com:8443"
---@raise invalid_argument
function M.origin(url, what, hasSecret)
  local function refuse(text) error(holdfast.error("invalid_argument", what .. ": " .. text), 0) end
  local scheme, authority = tostring(url):match("^(%a+)://([^/?#]+)")
  scheme = scheme and scheme:lower()
  if scheme ~= "http" and scheme ~= "https" then refuse("give a URL such as https://example.com/path") end
  if url:find("[%c%s]") then refuse("there are blanks in the URL") end
  if authority:find("@", 1, true) then refuse("no user and password in the URL, please: they end up in messages") end
  local name = authority:match("^%[(.*)%]") or authority:match("^[^:]*")
  local isHere = name == "localhost" or name == "::1" or name:find("^127%.%d+%.%d+%.%d+$") ~= nil
  if scheme == "http" and hasSecret and not isHere then
    refuse(("a secret would go to %s in the clear: use https://"):format(authority))
  end
  return scheme .. "://" .. authority
end

-- ---- requests

local clients = {} -- until the Lua state ends: what libcurl points to is not collected before its handles

--- A client.  Requests of one client share its connections.
---@param options? { timeout?: number, connectTimeout?: number, connections?: integer, cafile?: string }
---@return example.Http
function M.new(options)
  options = options or {}
  local self = setmetatable({
    timeout = options.timeout or 10, connectTimeout = options.connectTimeout or 5, cafile = options.cafile,
    multi = curl.example_multi_init(), idle = {}, waiting = {},
  }, Http)
  assert(self.multi ~= nil, "out of memory")
  ffi.gc(self.multi, curl.example_multi_cleanup)
  clients[#clients + 1] = self
  curl.example_multi_setopt(self.multi, MULTI_MAX_HOST_CONNECTIONS, ffi.cast("long", options.connections or 4))
  return self
end

local function long(n) return ffi.cast("long", n) end

local function number(easy, info, ctype)
  local out = ffi.new(ctype)
  return curl.example_easy_getinfo(easy, info, out) == OK and tonumber(out[0]) or 0
end

-- A stream of the C library that collects what is written into it.
local function newStream()
  local stream = { text = ffi.new("char *[1]"), size = ffi.new("size_t[1]") }
  stream.file = ffi.C.example_open_memstream(stream.text, stream.size)
  assert(stream.file ~= nil, "out of memory")
  return stream
end

local function close(stream)
  ffi.C.example_fclose(stream.file)
  local text = ffi.string(stream.text[0], stream.size[0])
  ffi.C.example_free(stream.text[0])
  return text
end

local function keyOf(easy) return tonumber(ffi.cast("intptr_t", easy)) end

-- Has all requests of the client go on, and notes which have ended.
local function drive(self)
  local count = ffi.new("int[1]")
  curl.example_multi_perform(self.multi, count)
  while true do
    local message = curl.example_multi_info_read(self.multi, count)
    if message == nil then return end
    local request = message.msg == MSG_DONE and self.waiting[keyOf(message.easy)]
    if request then request.result = message.data.result end
  end
end

--- Milliseconds of a clock that nobody sets.
---@return number
function M.elapsed() return uv.hrtime() / 1e6 end

--- Waits; others run meanwhile.  By a manual clock, time has to pass all the same.
---@param ms number
function Http:sleep(ms)
  local till = M.elapsed() + ms
  host.sleep(ms)
  local left = till - M.elapsed()
  if left > 1 then curl.example_multi_poll(self.multi, nil, 0, left, nil) end
end

local function await(self, request)
  local pause = 1
  while true do
    drive(self)
    if not request.result and number(request.easy, SIZE_DOWNLOAD, "int64_t[1]") > BYTES_MAX then
      request.result = FILESIZE_EXCEEDED
    end
    if request.result then return end
    self:sleep(pause)
    pause = math.min(pause * 1.5, PAUSE_MAX_MS)
  end
end

-- Everything that a request needs.  What libcurl keeps pointers to is in the table until the end.
local function prepare(self, given)
  local easy = table.remove(self.idle) or ffi.gc(curl.example_easy_init(), curl.example_easy_cleanup)
  assert(easy ~= nil, "out of memory")
  local request = { easy = easy, given = given, body = newStream(), head = newStream(), why = ffi.new("char[256]") }
  local function set(option, value) return curl.example_easy_setopt(easy, option, value) end
  set(URL, given.url)
  set(NOSIGNAL, long(1))
  set(PROTOCOLS, long(HTTP_AND_HTTPS))
  set(USERAGENT, "holdfast")
  set(TIMEOUT_MS, long(math.ceil(self.timeout * 1000)))
  set(CONNECTTIMEOUT_MS, long(math.ceil(self.connectTimeout * 1000)))
  set(MAXFILESIZE, long(BYTES_MAX))
  set(QUICK_EXIT, long(1)) -- or a timeout waits for the thread that resolves a name, and everything with it
  set(ERRORBUFFER, request.why)
  set(WRITEDATA, request.body.file)
  set(HEADERDATA, request.head.file)
  if self.cafile then set(CAINFO, self.cafile) end
  for _, line in ipairs(given.headers or {}) do
    request.headers = curl.example_slist_append(request.headers, line)
  end
  if given.body then
    set(POSTFIELDSIZE, long(#given.body))
    set(POSTFIELDS, given.body)
  end
  if request.headers then set(HTTPHEADER, request.headers) end
  return request
end

-- Gives back what the request had; its answer.
local function finish(self, request)
  local easy = request.easy
  local response = {
    status = number(easy, RESPONSE_CODE, "long[1]"),
    isNewConnection = number(easy, NUM_CONNECTS, "long[1]") > 0,
    retryAfter = number(easy, RETRY_AFTER, "int64_t[1]"),
  }
  self.waiting[keyOf(easy)] = nil
  curl.example_multi_remove(self.multi, easy)
  curl.example_easy_reset(easy)
  self.idle[#self.idle + 1] = easy
  response.body = close(request.body)
  close(request.head)
  if request.headers then curl.example_slist_free(request.headers) end
  return response
end

-- What a request that got no answer is told as.
local function failure(self, request)
  local result, origin = request.result, M.origin(request.given.url, "request", false)
  local code = result == OPERATION_TIMEDOUT and "timeout" or result == FILESIZE_EXCEEDED and "io" or "unavailable"
  local reason = ffi.string(request.why)
  if reason == "" then reason = ffi.string(curl.example_easy_strerror(result)) end
  if result == FILESIZE_EXCEEDED then reason = ("more than %d bytes"):format(BYTES_MAX) end
  local err = holdfast.error(code, ("%s: %s"):format(origin, reason))
  if LASTING[result] then err.retryable = false end
  return err
end

--- Sends a request and waits for the answer, whatever its status.  Redirects are not followed.
---@param given { url: string, headers?: string[], body?: string }  headers: "Name: value"; with a body it is a POST
---@return { status: integer, body: string, retryAfter: number, isNewConnection: boolean }  retryAfter: seconds, of the
--- header of that name, a number or a date; 0: there is none
---@raise unavailable, timeout, io
function Http:request(given)
  local request = prepare(self, given)
  self.waiting[keyOf(request.easy)] = request
  if curl.example_multi_add(self.multi, request.easy) ~= 0 then request.result = 2 end
  local ok, raised = true, nil
  if not request.result then ok, raised = pcall(await, self, request) end
  local err = ok and request.result ~= OK and failure(self, request)
  local response = finish(self, request)
  if not ok then error(raised, 0) end
  if err then error(err, 0) end
  return response
end

-- ---- trying again

-- Of its own, and begun at random: many bots that start from the same seed would all come back at the same moment.
local random = assert(io.open("/dev/urandom", "rb"))
local state = 1
for byte in random:read(4):gmatch(".") do state = (state * 256 + byte:byte()) % 2147483646 + 1 end
random:close()

local function chance()
  state = state * 16807 % 2147483647
  return state / 2147483647
end

--- How long to wait before the next try: twice as long each time, and at random between half of that and all of it.
---@param try integer   how many have failed
---@param first number  the first wait, in ms
---@param most number   ms
---@return number ms
function M.backoff(try, first, most)
  return math.min(first * 2 ^ math.min(try - 1, 30), most) * (0.5 + chance() / 2)
end

return M
