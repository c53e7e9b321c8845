/* SPDX-License-Identifier: MIT
 *
 * What methods are given and give back: see value.h.
 */
#include "lua/script/value.h"

#include <lauxlib.h>

#include "base/number.h"
#include "lua/codec/json.h"
#include "lua/state/error.h"

hf_slice hfL_method_json(lua_State *L, const hfL_call *call, const char *what) {
  hf_error err;
  hf_slice json;
  if (call->instance->raw && call->method != HFL_STAT) {
    if (lua_type(L, -1) != LUA_TSTRING)
      hfL_blame(L, call, "%s a %s: JSON text is wanted, since the class has encoding = \"json\"", what,
                luaL_typename(L, -1));
    json.data = lua_tolstring(L, -1, &json.size);
    if (hf_json_validate(json, &err) == HF_OK) return json;
    err.status = HF_CORRUPT; /* of what others wrote there, for all that is known */
    hfL_raise(L, &err);
  }
  if (hfL_json_encode(L, -1, call->instance->state->context->codec, &json, &err))
    hfL_blame(L, call, "%s what is not an entity: %s", what, err.message);
  return json;
}

void hfL_push_json(lua_State *L, const hfL_call *call, hf_slice json) {
  hf_error err;
  if (call->instance->raw) {
    lua_pushlstring(L, json.data, json.size);
    return;
  }
  if (hfL_json_decode_trusted(L, json.data, json.size, call->instance->state->context->codec, &err)) hfL_raise(L, &err);
}

void hfL_push_ids(lua_State *L, const hf_key *keys, size_t count) {
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    hfL_push_id(L, &keys[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
}

uint64_t hfL_method_number(lua_State *L, int index) {
  lua_Number n = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : 0;
  return n > 0 && n <= HF__WHOLE_MAX ? (uint64_t)n : 0;
}
