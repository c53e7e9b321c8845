-- SPDX-License-Identifier: MIT
--
-- A small Redis client for the examples: LuaJIT's FFI over hiredis, which is what the package
-- ioredis is to the TypeScript framework.  Connects when it is first needed, and again after the connection
-- was lost.  Every wait has an end, and what fails is an error object: `unavailable` when the server cannot be
-- reached, `timeout` when it does not answer, `io` when it refuses a command.
--
-- Needs libhiredis 0.14 (Debian 12: apt install libhiredis0.14).  Newer ones have another redisContext.

local holdfast = require "holdfast"
local ffi = require "ffi"

-- Names of our own, bound to the C functions: declarations are global to a Lua state, and other scripts make theirs.
ffi.cdef [[
  struct example_timeval { long tv_sec; long tv_usec; };
  typedef struct example_reply {
    int type;
    long long integer;
    size_t len;
    char *str;
    size_t elements;
    struct example_reply **element;
  } example_reply;
  typedef struct { int err; char errstr[128]; int fd; } example_context; /* the part that is looked at */
  example_context *example_connect(const char *ip, int port, struct example_timeval timeout)
    __asm__("redisConnectWithTimeout");
  int example_set_timeout(example_context *c, struct example_timeval timeout) __asm__("redisSetTimeout");
  example_reply *example_command(example_context *c, int argc, const char **argv, const size_t *argvlen)
    __asm__("redisCommandArgv");
  void example_free_reply(void *reply) __asm__("freeReplyObject");
  void example_free(example_context *c) __asm__("redisFree");
]]

local ok, hiredis = pcall(ffi.load, "libhiredis.so.0.14")
if not ok then error("libhiredis 0.14 is missing (Debian: apt install libhiredis0.14): " .. tostring(hiredis), 0) end

-- redisReply.type
local STRING, ARRAY, INTEGER, NIL, STATUS, ERROR = 1, 2, 3, 4, 5, 6

local EAGAIN = 11

local Redis = {}
Redis.__index = Redis

--- A client; nothing is connected yet.
---@param options? {host: string?, port: integer?, timeout: number?}  seconds that one command may take
function Redis.new(options)
  options = options or {}
  return setmetatable({
    host = options.host or os.getenv("REDIS_HOST") or "127.0.0.1",
    port = options.port or tonumber(os.getenv("REDIS_PORT")) or 6379,
    timeout = options.timeout or 5,
  }, Redis)
end

local function fail(self, code, reason)
  error(holdfast.error(code, ("Redis at %s:%d: %s"):format(self.host, self.port, reason)), 0)
end

local function connect(self)
  local timeout = ffi.new("struct example_timeval", math.floor(self.timeout), self.timeout % 1 * 1e6)
  local context = hiredis.example_connect(self.host, self.port, timeout)
  if context == nil then fail(self, "unavailable", "out of memory") end
  context = ffi.gc(context, hiredis.example_free)
  if context.err ~= 0 then fail(self, "unavailable", ffi.string(context.errstr)) end
  hiredis.example_set_timeout(context, timeout)
  self.context = context
end

-- A reply as a Lua value; false stands for Redis's nil.
local function value(reply)
  if reply.type == STRING or reply.type == STATUS then return ffi.string(reply.str, reply.len) end
  if reply.type == INTEGER then return tonumber(reply.integer) end
  if reply.type == NIL then return false end
  assert(reply.type == ARRAY, "hiredis 0.14 knows no other replies")
  local list = {}
  for i = 1, tonumber(reply.elements) do list[i] = value(reply.element[i - 1]) end
  return list
end

--- Runs a command: redis:call("SET", "key", "value").
---@param ... string
---@return string|number|boolean|table
function Redis:call(...)
  if not self.context then connect(self) end
  local count, words = select("#", ...), { ... }
  local argv, sizes = ffi.new("const char *[?]", count), ffi.new("size_t[?]", count)
  for i = 1, count do
    argv[i - 1], sizes[i - 1] = words[i], #words[i]
  end
  local reply = hiredis.example_command(self.context, count, argv, sizes)
  local errno = ffi.errno()
  if reply == nil then
    -- Whatever comes on this connection from now on may be the answer to an older command.
    local reason = ffi.string(self.context.errstr)
    self:close()
    fail(self, errno == EAGAIN and "timeout" or "unavailable", reason)
  end
  reply = ffi.gc(reply, hiredis.example_free_reply)
  if reply.type == ERROR then fail(self, "io", ffi.string(reply.str, reply.len)) end
  return value(reply)
end

--- Leaves the connection; the next call makes a new one.  It is ended by the collector, not here: this may run when the
--- Lua state ends, and then the library may have been unloaded already.
function Redis:close() self.context = nil end

return Redis
