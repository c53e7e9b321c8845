-- SPDX-License-Identifier: MIT
--
-- libmongoc and libbson, MongoDB's client libraries in C, as LuaJIT's FFI sees them.  They are loaded when the first
-- connection is made, so that programs that use no MongoDB need not have them.

local core = require "holdfast.core"
local ffi = require "ffi"
local process = require "holdfast.util.process"

-- Names of our own, bound to the C functions: declarations are global to a Lua state, and scripts make theirs.
ffi.cdef [[
typedef struct { uint32_t domain; uint32_t code; char message[504]; } hf_bson_error_t;
typedef struct { uint32_t flags; uint32_t len; uint8_t padding[120]; } __attribute__((aligned(128))) hf_bson_t;
typedef struct { uint64_t low; uint64_t high; } hf_bson_decimal128_t;
typedef struct hf_mongoc_client_t hf_mongoc_client_t;
typedef struct hf_mongoc_collection_t hf_mongoc_collection_t;
typedef struct hf_mongoc_bulk_operation_t hf_mongoc_bulk_operation_t;
typedef struct hf_mongoc_cursor_t hf_mongoc_cursor_t;
typedef struct hf_mongoc_database_t hf_mongoc_database_t;
typedef struct hf_mongoc_uri_t hf_mongoc_uri_t;

bool hf_bson_init_static(hf_bson_t *b, const uint8_t *data, size_t length) __asm__("bson_init_static");
const uint8_t *hf_bson_get_data(const hf_bson_t *b) __asm__("bson_get_data");
void hf_bson_destroy(hf_bson_t *b) __asm__("bson_destroy");
void hf_bson_strfreev(char **list) __asm__("bson_strfreev");
void hf_bson_decimal128_to_string(const hf_bson_decimal128_t *dec, char *str) __asm__("bson_decimal128_to_string");

void hf_mongoc_init(void) __asm__("mongoc_init");
void hf_mongoc_log_set_handler(void *handler, void *user_data) __asm__("mongoc_log_set_handler");
bool hf_mongoc_uri_option_is_int32(const char *key) __asm__("mongoc_uri_option_is_int32");
bool hf_mongoc_uri_option_is_int64(const char *key) __asm__("mongoc_uri_option_is_int64");
bool hf_mongoc_uri_option_is_bool(const char *key) __asm__("mongoc_uri_option_is_bool");
bool hf_mongoc_uri_option_is_utf8(const char *key) __asm__("mongoc_uri_option_is_utf8");
hf_mongoc_uri_t *hf_mongoc_uri_new_with_error(const char *text, hf_bson_error_t *error)
  __asm__("mongoc_uri_new_with_error");
void hf_mongoc_uri_destroy(hf_mongoc_uri_t *uri) __asm__("mongoc_uri_destroy");
const char *hf_mongoc_uri_get_database(const hf_mongoc_uri_t *uri) __asm__("mongoc_uri_get_database");
hf_mongoc_client_t *hf_mongoc_client_new_from_uri_with_error(const hf_mongoc_uri_t *uri, hf_bson_error_t *error)
  __asm__("mongoc_client_new_from_uri_with_error");
bool hf_mongoc_client_set_error_api(hf_mongoc_client_t *client, int32_t version)
  __asm__("mongoc_client_set_error_api");
void hf_mongoc_client_reset(hf_mongoc_client_t *client) __asm__("mongoc_client_reset");
void hf_mongoc_client_destroy(hf_mongoc_client_t *client) __asm__("mongoc_client_destroy");
bool hf_mongoc_client_command_simple(hf_mongoc_client_t *client, const char *db, const hf_bson_t *command,
  const void *prefs, hf_bson_t *reply, hf_bson_error_t *error) __asm__("mongoc_client_command_simple");
bool hf_mongoc_client_read_command_with_opts(hf_mongoc_client_t *client, const char *db, const hf_bson_t *command,
  const void *prefs, const hf_bson_t *opts, hf_bson_t *reply, hf_bson_error_t *error)
  __asm__("mongoc_client_read_command_with_opts");
bool hf_mongoc_client_write_command_with_opts(hf_mongoc_client_t *client, const char *db, const hf_bson_t *command,
  const hf_bson_t *opts, hf_bson_t *reply, hf_bson_error_t *error) __asm__("mongoc_client_write_command_with_opts");
hf_mongoc_collection_t *hf_mongoc_client_get_collection(hf_mongoc_client_t *client, const char *db,
  const char *collection) __asm__("mongoc_client_get_collection");
void hf_mongoc_collection_destroy(hf_mongoc_collection_t *collection) __asm__("mongoc_collection_destroy");
hf_mongoc_bulk_operation_t *hf_mongoc_collection_create_bulk_operation_with_opts(hf_mongoc_collection_t *collection,
  const hf_bson_t *opts) __asm__("mongoc_collection_create_bulk_operation_with_opts");
bool hf_mongoc_bulk_operation_update_one_with_opts(hf_mongoc_bulk_operation_t *bulk, const hf_bson_t *selector,
  const hf_bson_t *update, const hf_bson_t *opts, hf_bson_error_t *error)
  __asm__("mongoc_bulk_operation_update_one_with_opts");
bool hf_mongoc_bulk_operation_update_many_with_opts(hf_mongoc_bulk_operation_t *bulk, const hf_bson_t *selector,
  const hf_bson_t *update, const hf_bson_t *opts, hf_bson_error_t *error)
  __asm__("mongoc_bulk_operation_update_many_with_opts");
bool hf_mongoc_bulk_operation_remove_one_with_opts(hf_mongoc_bulk_operation_t *bulk, const hf_bson_t *selector,
  const hf_bson_t *opts, hf_bson_error_t *error) __asm__("mongoc_bulk_operation_remove_one_with_opts");
bool hf_mongoc_bulk_operation_remove_many_with_opts(hf_mongoc_bulk_operation_t *bulk, const hf_bson_t *selector,
  const hf_bson_t *opts, hf_bson_error_t *error) __asm__("mongoc_bulk_operation_remove_many_with_opts");
uint32_t hf_mongoc_bulk_operation_execute(hf_mongoc_bulk_operation_t *bulk, hf_bson_t *reply, hf_bson_error_t *error)
  __asm__("mongoc_bulk_operation_execute");
void hf_mongoc_bulk_operation_destroy(hf_mongoc_bulk_operation_t *bulk) __asm__("mongoc_bulk_operation_destroy");
hf_mongoc_cursor_t *hf_mongoc_collection_find_with_opts(hf_mongoc_collection_t *collection, const hf_bson_t *filter,
  const hf_bson_t *opts, const void *prefs) __asm__("mongoc_collection_find_with_opts");
bool hf_mongoc_cursor_next(hf_mongoc_cursor_t *cursor, const hf_bson_t **document) __asm__("mongoc_cursor_next");
bool hf_mongoc_cursor_error(hf_mongoc_cursor_t *cursor, hf_bson_error_t *error) __asm__("mongoc_cursor_error");
void hf_mongoc_cursor_destroy(hf_mongoc_cursor_t *cursor) __asm__("mongoc_cursor_destroy");
hf_mongoc_database_t *hf_mongoc_client_get_database(hf_mongoc_client_t *client, const char *name)
  __asm__("mongoc_client_get_database");
char **hf_mongoc_database_get_collection_names_with_opts(hf_mongoc_database_t *database, const hf_bson_t *opts,
  hf_bson_error_t *error) __asm__("mongoc_database_get_collection_names_with_opts");
void hf_mongoc_database_destroy(hf_mongoc_database_t *database) __asm__("mongoc_database_destroy");
]]

local M = {}

local function open(name)
  local ok, library = pcall(ffi.load, name)
  if ok then return library end
  local err = core.error("unavailable", "the MongoDB backend needs libmongoc, and cannot load " .. name
    .. " (on Debian: apt-get install libmongoc-1.0-0 libbson-1.0-0): " .. tostring(library))
  err.retryable = false
  error(err, 0)
end

local function readFile(path)
  local file = io.open(path)
  local text = file and file:read("*a") or ""
  if file then file:close() end
  return text
end

-- While libmongoc is loaded it makes a file in shared memory for its counters, named after the process id, and warns on
-- standard error, before it can be told not to, where there is one: a process that was killed leaves its own, and in
-- containers ids repeat.  So what has our id goes first, unless it is ours: a program may use libmongoc itself.
local function removeStaleCounters()
  if readFile("/proc/self/maps"):find("/libmongoc-1.0.so", 1, true) then return end
  os.remove("/dev/shm/mongoc-" .. process.id())
end

--- The two libraries, ready: libmongoc, libbson.
function M.load()
  if not M.mongoc then
    removeStaleCounters()
    local bson, mongoc = open("libbson-1.0.so.0"), open("libmongoc-1.0.so.0")
    mongoc.hf_mongoc_init()
    -- What goes wrong comes as an error; nothing is written to stderr.  No handler of our own: threads of libmongoc
    -- would call it, and a callback of LuaJIT may not be called by a thread that Lua does not know.
    mongoc.hf_mongoc_log_set_handler(nil, nil)
    M.mongoc, M.bson = mongoc, bson
  end
  return M.mongoc, M.bson
end

--- The digits of a Decimal128 at p.
function M.decimalText(p)
  local value, text = ffi.new("hf_bson_decimal128_t"), ffi.new("char[64]")
  ffi.copy(value, p, 16)
  M.load()
  M.bson.hf_bson_decimal128_to_string(value, text)
  return ffi.string(text)
end

return M
