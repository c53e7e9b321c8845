/* SPDX-License-Identifier: MIT
 *
 * The metatable of arrays: see mark.h.
 */
#include "lua/codec/mark.h"

#include <stdint.h>

#include "lua/state/register.h"

/* Its address is a registry key. */
static const char mark_key;

void hfL_json_push_array_mark(lua_State *L) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)&mark_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "holdfast.array");
  lua_setfield(L, -2, "__name");
  hfL_keep_first(L, &mark_key);
}
