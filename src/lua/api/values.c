/* SPDX-License-Identifier: MIT
 *
 * What classes in Lua need beside their stores: copies of values, the order of ids, and loops as
 * functions.
 */
#include "lua/api/api.h"

#include <lauxlib.h>

#include "base/error.h"
#include "core/persist.h"
#include "lua/codec/json.h"
#include "lua/script/steps.h"
#include "lua/state/arguments.h"
#include "lua/state/buffers.h"
#include "lua/state/context.h"
#include "lua/state/error.h"
#include "lua/state/register.h"

/* steps(what, f, s, c) -> function: see hfL_push_steps */
static int lhf_steps(lua_State *L) {
  const char *what = luaL_checkstring(L, 1);
  lua_settop(L, 4);
  hfL_push_steps(L, what);
  return 1;
}

/* The order key of the id at `index`, in the memory of `key`.
 *   function, what  for errors: "orderKey", "orderKey: an id" */
static hf_slice check_order_key(lua_State *L, int index, const char *function, const char *what, hf__key *key) {
  hf_error err;
  char number[HF_NUMBER_MAX];
  hf_slice id = hfL_check_id(L, index, what, number);
  if (hf__key_init((hf_slice){NULL, 0}, id, key, &err)) hfL_misuse(L, "%s: %s", function, err.message);
  return key->key.order;
}

/* naturalOrder(a, b) -> boolean: whether id a comes before id b, for table.sort */
static int lhf_natural_order(lua_State *L) {
  hf__key keys[2];
  hf_slice order[2];
  for (int i = 0; i < 2; i++) order[i] = check_order_key(L, i + 1, "naturalOrder", "naturalOrder: each id", &keys[i]);
  lua_pushboolean(L, hf__order_compare(order[0], order[1]) < 0);
  return 1;
}

/* orderKey(id) -> string: ids are in natural order where these are in the order of their bytes */
static int lhf_order_key(lua_State *L) {
  hf__key key;
  hf_slice order = check_order_key(L, 1, "orderKey", "orderKey: the id", &key);
  lua_pushlstring(L, order.data, order.size);
  return 1;
}

/* copy(value) -> a value that shares nothing with it; raises for what cannot be stored */
static int lhf_copy(lua_State *L) {
  hf_error err;
  hf_slice json;
  hfL_context *cx = hfL_context_of(L);
  hf_buffer *text = hfL_buffer_borrow(L, cx);
  int owner = lua_gettop(L);
  hf_status status = hfL_json_encode(L, 1, cx->codec, &json, &err);
  text->size = 0;
  if (status == HF_OK && !hf_buffer_add(text, json.data, json.size)) status = hf__no_memory(&err);
  if (status == HF_OK) status = hfL_json_decode_trusted(L, text->data, text->size, cx->codec, &err);
  hfL_buffer_return(L, cx, owner);
  if (status) hfL_raise(L, &err);
  return 1;
}

void hfL_values_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {{"steps", lhf_steps},
                                       {"copy", lhf_copy},
                                       {"naturalOrder", lhf_natural_order},
                                       {"orderKey", lhf_order_key},
                                       {NULL, NULL}};
  hfL_register(L, cx, functions);
}
