/* SPDX-License-Identifier: MIT
 *
 * Registering functions and types: see register.h.
 */
#include "lua/state/register.h"

#include <stdint.h>

void hfL_register(lua_State *L, int cx, const luaL_Reg *functions) {
  for (; functions->name; functions++) {
    lua_pushvalue(L, cx);
    lua_pushcclosure(L, functions->func, 1);
    lua_setfield(L, -2, functions->name);
  }
}

void hfL_push_type(lua_State *L, const char *name, lua_CFunction gc) {
  luaL_getmetatable(L, name);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, name);
}

void hfL_keep_first(lua_State *L, const char *key) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_pushlightuserdata(L, (void *)(uintptr_t)key);
    lua_pushvalue(L, -2);
    lua_rawset(L, LUA_REGISTRYINDEX);
  } else {
    lua_replace(L, -2);
  }
}
