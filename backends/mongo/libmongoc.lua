-- SPDX-License-Identifier: MIT
--
-- libmongoc and libbson, MongoDB's client libraries in C, as LuaJIT's FFI sees them.  They are loaded when the first
-- connection is made, so that programs that use no MongoDB need not have them.

local core = require "holdfast.core"
local ffi = require "ffi"

ffi.cdef [[
typedef struct { uint32_t domain; uint32_t code; char message[504]; } bson_error_t;
typedef struct { uint32_t flags; uint32_t len; uint8_t padding[120]; } __attribute__((aligned(128))) bson_t;
typedef struct { uint64_t low; uint64_t high; } bson_decimal128_t;
typedef struct _mongoc_client_t mongoc_client_t;
typedef struct _mongoc_collection_t mongoc_collection_t;
typedef struct _mongoc_bulk_operation_t mongoc_bulk_operation_t;
typedef struct _mongoc_cursor_t mongoc_cursor_t;
typedef struct _mongoc_database_t mongoc_database_t;
typedef struct _mongoc_uri_t mongoc_uri_t;

bool bson_init_static(bson_t *b, const uint8_t *data, size_t length);
const uint8_t *bson_get_data(const bson_t *b);
void bson_destroy(bson_t *b);
void bson_strfreev(char **list);
void bson_decimal128_to_string(const bson_decimal128_t *dec, char *str);

void mongoc_init(void);
void mongoc_log_set_handler(void *handler, void *user_data);
bool mongoc_uri_option_is_int32(const char *key);
bool mongoc_uri_option_is_int64(const char *key);
bool mongoc_uri_option_is_bool(const char *key);
bool mongoc_uri_option_is_utf8(const char *key);
mongoc_uri_t *mongoc_uri_new_with_error(const char *text, bson_error_t *error);
void mongoc_uri_destroy(mongoc_uri_t *uri);
const char *mongoc_uri_get_database(const mongoc_uri_t *uri);
mongoc_client_t *mongoc_client_new_from_uri_with_error(const mongoc_uri_t *uri, bson_error_t *error);
bool mongoc_client_set_error_api(mongoc_client_t *client, int32_t version);
void mongoc_client_reset(mongoc_client_t *client);
void mongoc_client_destroy(mongoc_client_t *client);
bool mongoc_client_command_simple(mongoc_client_t *client, const char *db, const bson_t *command, const void *prefs,
                                  bson_t *reply, bson_error_t *error);
bool mongoc_client_read_command_with_opts(mongoc_client_t *client, const char *db, const bson_t *command,
                                          const void *prefs, const bson_t *opts, bson_t *reply, bson_error_t *error);
bool mongoc_client_write_command_with_opts(mongoc_client_t *client, const char *db, const bson_t *command,
                                           const bson_t *opts, bson_t *reply, bson_error_t *error);
mongoc_collection_t *mongoc_client_get_collection(mongoc_client_t *client, const char *db, const char *collection);
void mongoc_collection_destroy(mongoc_collection_t *collection);
mongoc_bulk_operation_t *mongoc_collection_create_bulk_operation_with_opts(mongoc_collection_t *collection,
                                                                           const bson_t *opts);
bool mongoc_bulk_operation_update_one_with_opts(mongoc_bulk_operation_t *bulk, const bson_t *selector,
                                                const bson_t *update, const bson_t *opts, bson_error_t *error);
bool mongoc_bulk_operation_update_many_with_opts(mongoc_bulk_operation_t *bulk, const bson_t *selector,
                                                 const bson_t *update, const bson_t *opts, bson_error_t *error);
bool mongoc_bulk_operation_remove_one_with_opts(mongoc_bulk_operation_t *bulk, const bson_t *selector,
                                                const bson_t *opts, bson_error_t *error);
bool mongoc_bulk_operation_remove_many_with_opts(mongoc_bulk_operation_t *bulk, const bson_t *selector,
                                                 const bson_t *opts, bson_error_t *error);
uint32_t mongoc_bulk_operation_execute(mongoc_bulk_operation_t *bulk, bson_t *reply, bson_error_t *error);
void mongoc_bulk_operation_destroy(mongoc_bulk_operation_t *bulk);
mongoc_cursor_t *mongoc_collection_find_with_opts(mongoc_collection_t *collection, const bson_t *filter,
                                                  const bson_t *opts, const void *prefs);
bool mongoc_cursor_next(mongoc_cursor_t *cursor, const bson_t **document);
bool mongoc_cursor_error(mongoc_cursor_t *cursor, bson_error_t *error);
void mongoc_cursor_destroy(mongoc_cursor_t *cursor);
mongoc_database_t *mongoc_client_get_database(mongoc_client_t *client, const char *name);
char **mongoc_database_get_collection_names_with_opts(mongoc_database_t *database, const bson_t *opts,
                                                      bson_error_t *error);
void mongoc_database_destroy(mongoc_database_t *database);
int getpid(void);
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

--- The two libraries, ready: libmongoc, libbson.
function M.load()
  if not M.mongoc then
    local bson, mongoc = open("libbson-1.0.so.0"), open("libmongoc-1.0.so.0")
    mongoc.mongoc_init()
    mongoc.mongoc_log_set_handler(nil, nil) -- what goes wrong comes as an error; nothing is written to stderr
    M.mongoc, M.bson = mongoc, bson
  end
  return M.mongoc, M.bson
end

--- The digits of a Decimal128 at p.
function M.decimalText(p)
  local value, text = ffi.new("bson_decimal128_t"), ffi.new("char[64]")
  ffi.copy(value, p, 16)
  M.load()
  M.bson.bson_decimal128_to_string(value, text)
  return ffi.string(text)
end

return M
