/* SPDX-License-Identifier: MIT
 *
 * Changing entities: see write.h.
 */
#include "lua/script/write.h"

#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "core/revisions.h"
#include "lua/script/value.h"
#include "lua/script/wrapped.h"
#include "lua/state/revision.h"

struct put_call {
  hfL_call call;
  const hf_put *put;
  const hf_write_options *options;
  hf_info *info;
};

static void push_options(lua_State *L, const hf_put *put, const hf_write_options *options) {
  lua_createtable(L, 0, 2);
  if (options->if_absent) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "ifAbsent");
  } else if (options->if_revision) {
    lua_pushnumber(L, (lua_Number)options->revision);
    lua_setfield(L, -2, "ifRevision");
  }
  if (!put->expires_at) return;
  lua_pushnumber(L, (lua_Number)put->expires_at);
  lua_setfield(L, -2, "expiresAt");
}

static int put_body(lua_State *L) {
  const struct put_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  hfL_push_id(L, &c->put->key);
  hfL_push_json(L, &c->call, c->put->json);
  int arguments = 3;
  if (c->options->if_absent || c->options->if_revision || c->put->expires_at) {
    arguments = 4;
    push_options(L, c->put, c->options);
  }
  lua_call(L, arguments, 1);
  if (c->call.instance->capabilities & HF_CAP_REVISION) {
    uint64_t revision = HF_REVISION_UNKNOWN;
    bool is_hidden = hf__revisions_are_hidden(); /* also from the class, by the store that it wraps */
    bool is_told = !(is_hidden && lua_isnil(L, -1));
    if (is_told && !(is_hidden ? hfL_to_revision(L, -1, &revision) : hfL_to_whole(L, -1, &revision))) revision = 0;
    if (revision == 0)
      hfL_blame(L, &c->call, "must return the entity's new revision, since supports.revision is declared, not %s",
                lua_isnumber(L, -1) ? lua_tostring(L, -1) : luaL_typename(L, -1));
    c->info->revision = revision;
  }
  c->info->updated_at = hf_now_ms();
  c->info->expires_at = c->put->expires_at;
  return 0;
}

hf_status hfL_script_put(void *store, void *txn, void *collection, const hf_put *put, const hf_write_options *options,
                         hf_info *info, hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  if (hfL_is_wrapped(e, HFL_METHOD(WRITE_VALUE))) {
    hf__change change = {.kind = HF__CHANGE_PUT, .puts = put, .options = options, .info = info};
    return hfL_change_wrapped(e, txn, &change, err);
  }
  /* The text may be in the encoder's buffer, which anything that runs in Lua may overwrite. */
  char small[2048], *copy = put->json.size <= sizeof small ? small : malloc(put->json.size);
  if (!copy) return hf__no_memory(err);
  memcpy(copy, put->json.data, put->json.size);
  hf_put copied = {.key = put->key, .json = {copy, put->json.size}, .expires_at = put->expires_at};
  struct put_call c = {.put = &copied, .options = options, .info = info};
  hf_status status = hfL_instance_call(e, HFL_WRITE_VALUE, put_body, &c.call, err);
  if (copy != small) free(copy);
  if (status == HF_CONFLICT) info->revision = HF_REVISION_UNKNOWN;
  return status;
}

struct key_call {
  hfL_call call;
  const hf_key *key;
  const uint64_t *revision; /* NULL: whatever it has */
};

static int remove_body(lua_State *L) {
  const struct key_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  hfL_push_id(L, c->key);
  if (c->revision) {
    lua_createtable(L, 0, 1);
    lua_pushnumber(L, (lua_Number)*c->revision);
    lua_setfield(L, -2, "ifRevision");
  }
  lua_call(L, c->revision ? 3 : 2, 0);
  return 0;
}

static hf_status call_remove(hfL_instance *e, const hf_key *key, const uint64_t *revision, hf_error *err) {
  struct key_call c = {.key = key, .revision = revision};
  e->refs++;
  hf_status status = hfL_instance_call(e, HFL_REMOVE_VALUE, remove_body, &c.call, err);
  if (status == HF_SCRIPT && hfL_says_not_found(err, e, key, " for deletion")) status = HF_NOT_FOUND;
  hfL_instance_unref(e);
  return status;
}

hf_status hfL_script_remove(void *store, void *txn, void *collection, const hf_key *key, hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  if (hfL_is_wrapped(e, HFL_METHOD(REMOVE_VALUE))) {
    return hfL_change_wrapped(e, txn, &(hf__change){.kind = HF__CHANGE_REMOVE, .keys = key}, err);
  }
  return call_remove(e, key, NULL, err);
}

hf_status hfL_script_remove_if(void *store, void *txn, void *collection, const hf_key *key, uint64_t revision,
                               hf_info *info, hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  if (hfL_is_wrapped(e, HFL_METHOD(REMOVE_VALUE))) {
    hf__change change = {.kind = HF__CHANGE_REMOVE_IF, .keys = key, .revision = revision, .info = info};
    return hfL_change_wrapped(e, txn, &change, err);
  }
  info->revision = HF_REVISION_UNKNOWN;
  return call_remove(e, key, &revision, err);
}

static int clear_body(lua_State *L) {
  hfL_push_method(L, lua_touserdata(L, 1));
  lua_call(L, 1, 0);
  return 0;
}

hf_status hfL_script_clear(void *store, void *txn, void *collection, hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  if (hfL_is_wrapped(e, HFL_METHOD(REMOVE_ALL))) {
    return hfL_change_wrapped(e, txn, &(hf__change){.kind = HF__CHANGE_CLEAR}, err);
  }
  hfL_call call;
  return hfL_instance_call(e, HFL_REMOVE_ALL, clear_body, &call, err);
}

/* ---- batches */

struct many_call {
  hfL_call call;
  const hf_key *keys;
  const hf_put *puts;
  size_t count;
  uint64_t *removed;
};

/* Pushes {expiresAt={[id]=ms}}.  False: nothing expires, and nothing was pushed. */
static bool push_expiries(lua_State *L, const struct many_call *c) {
  bool expires = false;
  for (size_t i = 0; i < c->count && !expires; i++) expires = c->puts[i].expires_at != 0;
  if (!expires) return false;
  lua_createtable(L, 0, 1);
  lua_newtable(L);
  for (size_t i = 0; i < c->count; i++) {
    if (!c->puts[i].expires_at) continue;
    hfL_push_id(L, &c->puts[i].key);
    lua_pushnumber(L, (lua_Number)c->puts[i].expires_at);
    lua_rawset(L, -3);
  }
  lua_setfield(L, -2, "expiresAt");
  return true;
}

static int put_many_body(lua_State *L) {
  const struct many_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  lua_createtable(L, 0, (int)c->count);
  for (size_t i = 0; i < c->count; i++) {
    hfL_push_id(L, &c->puts[i].key);
    hfL_push_json(L, &c->call, c->puts[i].json);
    lua_rawset(L, -3);
  }
  lua_call(L, push_expiries(L, c) ? 3 : 2, 0);
  return 0;
}

hf_status hfL_script_put_many(void *store, void *txn, void *collection, const hf_put *puts, size_t count,
                              hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  if (hfL_is_wrapped(e, HFL_METHOD(WRITE_MANY))) {
    return hfL_change_wrapped(e, txn, &(hf__change){.kind = HF__CHANGE_PUT_MANY, .puts = puts, .count = count}, err);
  }
  struct many_call c = {.puts = puts, .count = count};
  return hfL_instance_call(e, HFL_WRITE_MANY, put_many_body, &c.call, err);
}

static int remove_many_body(lua_State *L) {
  const struct many_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  hfL_push_ids(L, c->keys, c->count);
  lua_call(L, 2, 1);
  lua_Number n = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
  if (!(n >= 0 && n <= (lua_Number)c->count && floor(n) == n))
    hfL_blame(L, &c->call, "must return how many of the ids there were, not %s",
              lua_isnumber(L, -1) ? lua_tostring(L, -1) : luaL_typename(L, -1));
  *c->removed = (uint64_t)n;
  return 0;
}

hf_status hfL_script_remove_many(void *store, void *txn, void *collection, const hf_key *keys, size_t count,
                                 uint64_t *removed, hf_error *err) {
  (void)store;
  *removed = 0;
  hfL_instance *e = collection;
  if (hfL_is_wrapped(e, HFL_METHOD(REMOVE_MANY))) {
    hf__change change = {.kind = HF__CHANGE_REMOVE_MANY, .keys = keys, .count = count, .removed = removed};
    return hfL_change_wrapped(e, txn, &change, err);
  }
  struct many_call c = {.keys = keys, .count = count, .removed = removed};
  return hfL_instance_call(e, HFL_REMOVE_MANY, remove_many_body, &c.call, err);
}
