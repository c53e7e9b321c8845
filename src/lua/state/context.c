/* SPDX-License-Identifier: MIT
 *
 * A state's context: see context.h.
 */
#include "lua/state/context.h"

#include <string.h>

#define CONTEXT_KEY "holdfast.context"

hfL_context *hfL_context_new(lua_State *L, struct hfL_codec *codec) {
  hfL_context *cx = lua_newuserdata(L, sizeof *cx);
  memset(cx, 0, sizeof *cx);
  cx->codec = codec;
  return cx;
}

hfL_context *hfL_context_push(lua_State *L, struct hfL_codec *(*codec_of)(lua_State *)) {
  lua_getfield(L, LUA_REGISTRYINDEX, CONTEXT_KEY);
  if (!lua_isnil(L, -1)) return lua_touserdata(L, -1);
  lua_pop(L, 1);
  hfL_context *cx = hfL_context_new(L, codec_of(L));
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, CONTEXT_KEY);
  return cx;
}

hfL_context *hfL_context_get(lua_State *L, struct hfL_codec *(*codec_of)(lua_State *)) {
  hfL_context *cx = hfL_context_push(L, codec_of);
  lua_pop(L, 1);
  return cx;
}
