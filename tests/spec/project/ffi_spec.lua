-- SPDX-License-Identifier: MIT
--
-- What is declared to LuaJIT's FFI is declared for the whole Lua state, and whoever comes first settles what a name
-- means.  So everything that we declare has a name of our own, and scripts declare what they like: before our
-- modules are loaded, after it, or both.

local process = require "support.process"
local temp = require "support.temp"

local source = os.getenv("HOLDFAST_SOURCE") or os.getenv("PWD")
local command = os.getenv("HOLDFAST_BIN") or "build/holdfast"

local function files(pattern)
  local list = {}
  local found = process.shell(("cd %s && ls %s"):format(temp.quote(source), pattern)).stdout
  for path in found:gmatch("[^\n]+") do list[#list + 1] = path end
  assert(#list > 0, pattern)
  return list
end

-- ---- what the declarations in a file are called

local function declarations(text)
  local blocks = {}
  for at in text:gmatch("ffi%.cdef%s*%(?%s*()") do
    local block = text:match("^%[%[(.-)%]%]", at) or text:match('^"(.-[^\\])"', at)
    assert(block, "a cdef that this spec cannot read")
    blocks[#blocks + 1] = block
  end
  return table.concat(blocks, "\n")
end

-- The names that C declarations make: of functions, types, and the tags of structs.
local function declared(text)
  local names = {}
  text = text:gsub("/%*.-%*/", " "):gsub("__asm__%s*%b()", " "):gsub("__attribute__%s*%b()", " ")
  for tag in text:gmatch("struct%s+([%w_]+)") do names[tag] = true end
  for tag in text:gmatch("union%s+([%w_]+)") do names[tag] = true end
  for tag in text:gmatch("enum%s+([%w_]+)") do names[tag] = true end
  for statement in (text:gsub("%b{}", " ")):gmatch("[^;]+") do
    local isType = statement:match("^%s*typedef")
    local name = isType and statement:match("([%w_]+)%s*$") or statement:match("([%w_]+)%s*%(")
    if name then names[name] = true end
  end
  return names
end

describe("the names that are declared to the FFI", function()
  it("are read by this spec as they are meant", function()
    local names = declared(declarations([==[
      ffi.cdef [[
      struct plain { int a; }; typedef struct { long s; } first; typedef struct tag second; /* not this; */
      const char *third(struct plain *p,
        void (*callback)(int)) __asm__("other"); unsigned fourth(void);
      ]]
      ffi.cdef("int fifth(const char *text);") ]==]))
    local list = {}
    for name in pairs(names) do list[#list + 1] = name end
    table.sort(list)
    assert.same({ "fifth", "first", "fourth", "plain", "second", "tag", "third" }, list)
  end)

  it("are our own, in all modules and examples", function()
    local wrong, count = {}, 0
    for _, pattern in ipairs { "$(find lua backends examples -name '*.lua')", "tests/bench/*.lua" } do
      for _, path in ipairs(files(pattern)) do
        local own = path:find("^examples/") and { "^example_", "^demo_" } or { "^hf_" }
        for name in pairs(declared(declarations(temp.readFile(source .. "/" .. path)))) do
          count = count + 1
          local fits = false
          for _, prefix in ipairs(own) do fits = fits or name:find(prefix) ~= nil end
          if not fits then wrong[#wrong + 1] = path .. ": " .. name end
        end
      end
    end
    table.sort(wrong)
    assert.same({}, wrong)
    assert.is_true(count > 50, "only " .. count .. " names were found")
  end)
end)

-- ---- scripts that declare

-- What the systems' headers say, which is what scripts copy.
local HEADERS = [==[
local ffi = require "ffi"
ffi.cdef [[
struct timespec { long tv_sec; long tv_nsec; };
struct timeval { long tv_sec; long tv_usec; };
struct pollfd { int fd; short events; short revents; };
struct winsize { unsigned short ws_row, ws_col, ws_xpixel, ws_ypixel; };
typedef struct _IO_FILE FILE;
int clock_gettime(int clock, struct timespec *time);
int nanosleep(const struct timespec *time, struct timespec *rest);
int poll(struct pollfd *fds, unsigned long count, int timeout);
int isatty(int fd);
int ioctl(int fd, unsigned long request, struct winsize *size);
int fileno(FILE *file);
int fsync(int fd);
int mkdir(const char *path, unsigned mode);
char *realpath(const char *path, char *resolved);
const char *strerror(int number);
int getpid(void);
int kill(int pid, int signal);
ssize_t readlink(const char *path, char *buffer, size_t size);
void free(void *memory);

typedef struct pg_conn { int mine; } PGconn;
typedef struct pg_result { int mine; } PGresult;
typedef struct _PQconninfoOption { char *keyword; char *envvar; char *compiled; char *val; char *label; char *dispchar;
  int dispsize; } PQconninfoOption;
PQconninfoOption *PQconninfoParse(const char *conninfo, char **errmsg);
void PQconninfoFree(PQconninfoOption *options);
PGconn *PQconnectdb(const char *conninfo);
void PQfinish(PGconn *conn);
int PQstatus(const PGconn *conn);

typedef struct _bson_t { uint32_t flags; uint32_t len; uint8_t padding[120]; } bson_t;
typedef struct _bson_error_t { uint32_t domain; uint32_t code; char message[504]; } bson_error_t;
typedef struct { uint64_t low; uint64_t high; } bson_decimal128_t;
typedef struct _mongoc_client_t { int mine; } mongoc_client_t;
typedef struct _mongoc_uri_t { int mine; } mongoc_uri_t;
bson_t *bson_new(void);
const uint8_t *bson_get_data(const bson_t *b);
void bson_destroy(bson_t *b);
mongoc_uri_t *mongoc_uri_new_with_error(const char *text, bson_error_t *error);
void mongoc_uri_destroy(mongoc_uri_t *uri);

typedef struct redisReply { int type; } redisReply;
typedef struct redisContext { int err; char errstr[128]; } redisContext;
redisContext *redisConnect(const char *host, int port);
void redisFree(redisContext *context);
int sodium_init(void);
void randombytes_buf(void *buffer, size_t size);
]]
]==]

-- A script uses what it has declared.
local THEIRS = [==[
local now = ffi.new("struct timespec")
assert(ffi.C.clock_gettime(1, now) == 0 and now.tv_sec + now.tv_nsec > 0, "clock_gettime")
assert(ffi.C.nanosleep(ffi.new("struct timespec", 0, 1000), nil) == 0, "nanosleep")
assert(ffi.C.poll(ffi.new("struct pollfd[1]", { { fd = -1 } }), 1, 1) == 0, "poll")
ffi.C.ioctl(0, 0x5413, ffi.new("struct winsize"))
ffi.C.isatty(1)
assert(ffi.C.fsync(ffi.C.fileno(ffi.cast("FILE *", io.stdout))) and ffi.C.kill(ffi.C.getpid(), 0) == 0)
assert(ffi.string(ffi.C.strerror(2)):find("No such file"))
assert(ffi.C.readlink("/proc/self/exe", ffi.new("char[4096]"), 4096) > 0)
local has, pq = pcall(ffi.load, "libpq.so.5")
if has then
  local why = ffi.new("char *[1]")
  local options = pq.PQconninfoParse("host=example", why)
  assert(ffi.string(options[0].keyword) ~= "", "PQconninfoParse")
  pq.PQconninfoFree(options)
end
local hasBson, bson = pcall(ffi.load, "libbson-1.0.so.0")
if hasBson then
  local document = bson.bson_new()
  assert(document.len == 5 and bson.bson_get_data(document)[0] == 5, "bson_new")
  bson.bson_destroy(document)
  local mine = ffi.new("bson_t")
  mine.len = 7
end
]==]

-- And so do we, with each module that can be loaded.
local OURS = [==[
local core = require "holdfast.core"
for name in (arg[2]):gmatch("[^,]+") do
  local ok, problem = pcall(require, name)
  assert(ok, name .. ": " .. tostring(problem))
end
package.path = arg[3] .. "/?.lua;" .. package.path
for _, name in ipairs { "retrying", "demo.process", "redis_client", "encrypted" } do
  local ok, problem = pcall(require, name)
  assert(ok or tostring(problem):find("is missing"), name .. ": " .. tostring(problem))
end
require("retrying").sleep(1)
require("demo.process").sleep(1)
assert(require("demo.process").now() > 0)
local clock, terminal = require "holdfast.util.clock", require "holdfast.cli.system.terminal"
clock.sleep(0.001)
assert(clock.now() > 0 and clock.wall() > 1.7e12 and terminal.width(1) > 0)
assert(require("holdfast.util.process").id() > 1)
assert(require("holdfast.cli.system.files").real("/") == "/")
local holdfast = require "holdfast"
local store = holdfast.PersistBase("signal", arg[1])
store:writeValue("a", 1)
assert(store:readValue("a") == 1)
-- As far as these come without a server: to the end of their deadline.
for _, url in ipairs { "postgres://127.0.0.1:1/x", "mongodb://127.0.0.1:1/x" } do
  local settings = "?connecttimeout=200ms&timeout=300ms&retries=0"
  local ok, problem = pcall(function() return holdfast.PersistBase("x", url .. settings):count() end)
  assert(not ok and (core.isError(problem, "unavailable") or core.isError(problem, "unsupported")), tostring(problem))
end
]==]

describe("a script that declares what it needs of the system", function()
  local modules = {}

  setup(function()
    for _, path in ipairs(files("$(find lua/holdfast -name '*.lua' -not -path '*/meta/*')")) do
      modules[#modules + 1] = path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
    end
    for _, path in ipairs(files("backends/*/*.lua")) do
      modules[#modules + 1] = "holdfast." .. path:gsub("%.lua$", ""):gsub("/", "."):gsub("(%w+)%.%1$", "%1")
    end
  end)

  after_each(function() temp.removeAll() end)

  local orders = {
    ["before our modules are loaded"] = { HEADERS, OURS, THEIRS, OURS },
    ["after our modules were loaded"] = { OURS, HEADERS, THEIRS, OURS },
    ["after our modules were loaded, before they are used"] = { 'require "holdfast"; require "holdfast.host"', HEADERS,
      THEIRS, OURS, THEIRS },
  }
  for name, parts in pairs(orders) do
    it(name .. " gets it, and so do we", function()
      local directory = temp.directory()
      local script = directory .. "/script.lua"
      local pieces = {}
      for i, part in ipairs(parts) do
        -- What the headers make local is seen by what follows.
        pieces[i] = part == HEADERS and part or "do " .. part .. " end"
      end
      temp.writeFile(script, table.concat(pieces, "\n"))
      local result = process.run { command, "run", script, directory .. "/store", table.concat(modules, ","),
        source .. "/examples" }
      assert.equal("", result.stderr)
      assert.equal(0, result.code)
    end)
  end
end)
