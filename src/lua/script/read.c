/* SPDX-License-Identifier: MIT
 *
 * Reading entities: see read.h.
 */
#include "lua/script/read.h"

#include <lauxlib.h>

#include "base/error.h"
#include "lua/script/value.h"
#include "lua/script/wrapped.h"
#include "lua/state/error.h"

struct key_call {
  hfL_call call;
  const hf_key *key;
  hf_buffer *json;
  hf_info *info;
  bool found;
};

static uint64_t field_number(lua_State *L, const char *field) {
  lua_getfield(L, -1, field);
  uint64_t n = hfL_method_number(L, -1);
  lua_pop(L, 1);
  return n;
}

/* Copies the value on top to the caller's buffer. */
static void take_json(lua_State *L, const struct key_call *c) {
  if (lua_isnil(L, -1))
    hfL_blame(
        L, &c->call,
        "returned nil for %.*s: raise holdfast.error(\"not_found\") for an entity that does not exist, and return "
        "holdfast.null for a stored null",
        (int)c->key->id.size, c->key->id.data);
  hf_slice json = hfL_method_json(L, &c->call, "returned");
  c->json->size = 0;
  if (!hf_buffer_add(c->json, json.data, json.size)) hfL_no_memory(L);
}

static int get_body(lua_State *L) {
  const struct key_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  hfL_push_id(L, c->key);
  lua_call(L, 2, 1);
  if (c->call.method == HFL_READ_ENTRY) {
    if (!lua_istable(L, -1))
      hfL_blame(L, &c->call, "must return {id=, value=, revision=, updatedAt=}, not a %s", luaL_typename(L, -1));
    hf_info said = {.revision = field_number(L, "revision"),
                    .updated_at = (int64_t)field_number(L, "updatedAt"),
                    .expires_at = (int64_t)field_number(L, "expiresAt")};
    if (c->info) *c->info = said;
    lua_getfield(L, -1, "value");
  }
  take_json(L, c);
  return 0;
}

hf_status hfL_script_get(void *store, void *txn, void *collection, const hf_key *key, hf_buffer *json, hf_info *info,
                         hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  if (hfL_is_wrapped(e, HFL_METHOD(READ_VALUE) | HFL_METHOD(READ_ENTRY))) {
    HFL_FORWARD(get, txn, key, json, info, err);
  }
  struct key_call c = {.key = key, .json = json, .info = info};
  bool reads_entry = hfL_instance_has(e, HFL_READ_ENTRY) && (info || !hfL_instance_has(e, HFL_READ_VALUE));
  if (info) *info = (hf_info){0};
  e->refs++;
  hf_status status = hfL_instance_call(e, reads_entry ? HFL_READ_ENTRY : HFL_READ_VALUE, get_body, &c.call, err);
  if (status == HF_SCRIPT && hfL_says_not_found(err, e, key, "")) status = HF_NOT_FOUND;
  hfL_instance_unref(e);
  return status;
}

static int has_body(lua_State *L) {
  struct key_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  hfL_push_id(L, c->key);
  lua_call(L, 2, 1);
  if (!lua_isboolean(L, -1)) hfL_blame(L, &c->call, "returned a %s: true or false is wanted", luaL_typename(L, -1));
  c->found = lua_toboolean(L, -1);
  return 0;
}

hf_status hfL_script_has(void *store, void *txn, void *collection, const hf_key *key, hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  if (hfL_is_wrapped(e, HFL_METHOD(HAS_VALUE))) {
    HFL_FORWARD(has, txn, key, err);
  }
  struct key_call c = {.key = key};
  hf_status status = hfL_instance_call(e, HFL_HAS_VALUE, has_body, &c.call, err);
  return status ? status : c.found ? HF_OK : HF_NOT_FOUND;
}

struct many_call {
  hfL_call call;
  const hf_key *keys;
  size_t count;
  hf_page *page;
};

static int get_many_body(lua_State *L) {
  const struct many_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  hfL_push_ids(L, c->keys, c->count);
  lua_call(L, 2, 1);
  if (!lua_istable(L, -1)) hfL_blame(L, &c->call, "must return {[id]=entity}, not a %s", luaL_typename(L, -1));
  for (size_t i = 0; i < c->count; i++) {
    hfL_push_id(L, &c->keys[i]);
    lua_rawget(L, -2);
    hf_slice json = {NULL, 0};
    if (!lua_isnil(L, -1)) json = hfL_method_json(L, &c->call, "returned");
    hf_entry *entry = hf_page_add(c->page, c->keys[i].id, json.data, json.size);
    if (!entry) return hfL_no_memory(L);
    entry->status = json.data ? HF_OK : HF_NOT_FOUND;
    lua_pop(L, 1);
  }
  return 0;
}

hf_status hfL_script_get_many(void *store, void *txn, void *collection, const hf_key *keys, size_t count, hf_page *page,
                              hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  if (hfL_is_wrapped(e, HFL_METHOD(READ_MANY))) {
    HFL_FORWARD(get_many, txn, keys, count, page, err);
  }
  struct many_call c = {.keys = keys, .count = count, .page = page};
  return hfL_instance_call(e, HFL_READ_MANY, get_many_body, &c.call, err);
}
