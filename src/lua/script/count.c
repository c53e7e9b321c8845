/* SPDX-License-Identifier: MIT
 *
 * Counting, and stat: see count.h.
 */
#include "lua/script/count.h"

#include <lauxlib.h>

#include "base/error.h"
#include "lua/script/steps.h"
#include "lua/script/value.h"
#include "lua/script/wrapped.h"
#include "lua/state/arguments.h"
#include "lua/state/error.h"

struct keys_call {
  hfL_call call;
  uint64_t *count;
};

static int count_keys_body(lua_State *L) {
  const struct keys_call *c = lua_touserdata(L, 1);
  uint64_t n = 0;
  bool ranges = c->call.instance->ranges;
  hfL_push_method(L, &c->call);
  if (ranges) lua_createtable(L, 0, 0); /* all of them: a range is never nil for keys() */
  hfL_call_for_steps(L, &c->call, ranges);
  int steps = lua_gettop(L);
  for (;; n++) {
    lua_pushvalue(L, steps);
    lua_call(L, 0, 1);
    if (lua_isnil(L, -1)) break;
    lua_settop(L, steps);
  }
  *c->count = n;
  return 0;
}

/* How many keys the iterators of the class give. */
static hf_status count_keys(hfL_instance *e, uint64_t *count, hf_error *err) {
  *count = 0;
  struct keys_call c = {.count = count};
  return hfL_instance_call(e, HFL_KEYS, count_keys_body, &c.call, err);
}

struct count_call {
  hfL_call call;
  uint64_t *count;
};

static int count_body(lua_State *L) {
  const struct count_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  lua_call(L, 1, 1);
  if (!hfL_to_whole(L, -1, c->count))
    hfL_blame(L, &c->call, "must return a whole number, not %s",
              lua_isnumber(L, -1) ? lua_tostring(L, -1) : luaL_typename(L, -1));
  return 0;
}

hf_status hfL_script_count(void *store, void *txn, void *collection, uint64_t *count, hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  if (hfL_is_wrapped(e, HFL_METHOD(COUNT) | HFL_METHOD(KEYS))) {
    HFL_FORWARD(count, txn, count, err);
  }
  if (!hfL_instance_has(e, HFL_COUNT)) return count_keys(e, count, err);
  struct count_call c = {.count = count};
  return hfL_instance_call(e, HFL_COUNT, count_body, &c.call, err);
}

struct stat_call {
  hfL_call call;
  hf_buffer *json;
};

static int stat_body(lua_State *L) {
  const struct stat_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  lua_call(L, 1, 1);
  if (!lua_istable(L, -1)) hfL_blame(L, &c->call, "must return a table, not a %s", luaL_typename(L, -1));
  hf_slice json = hfL_method_json(L, &c->call, "returned");
  c->json->size = 0;
  if (!hf_buffer_add(c->json, json.data, json.size)) return hfL_no_memory(L);
  return 0;
}

hf_status hfL_script_stat(void *store, void *txn, void *collection, hf_buffer *json, hf_error *err) {
  hfL_instance *e = collection;
  if (hfL_is_wrapped(e, HFL_METHOD(STAT))) {
    HFL_FORWARD(stat, txn, json, err);
  }
  if (hfL_instance_has(e, HFL_STAT)) {
    struct stat_call c = {.json = json};
    return hfL_instance_call(e, HFL_STAT, stat_body, &c.call, err);
  }
  uint64_t n;
  e->refs++;
  hf_status status = hfL_script_count(store, txn, e, &n, err);
  if (status) {
    hfL_instance_unref(e);
    return status;
  }
  json->size = 0;
  bool ok = hf_buffer_printf(json, "{\"backend\":\"lua\",\"class\":") &&
            hf_buffer_quote(json, hf_text(e->class_name)) && hf_buffer_printf(json, ",\"entityName\":") &&
            hf_buffer_quote(json, hf_text(e->name)) &&
            hf_buffer_printf(json, ",\"entities\":%llu}", (unsigned long long)n);
  hfL_instance_unref(e);
  return ok ? HF_OK : hf__no_memory(err);
}
