/* SPDX-License-Identifier: MIT
 *
 * Predicates of running loops: see asked.h.  They are in a table of the registry whose values are weak.
 */
#include "lua/script/asked.h"

#include <stdint.h>

static const char *const KEY = "holdfast.asked";

static void push_table(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, KEY);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  lua_createtable(L, 0, 4);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, KEY);
}

static void push_key(lua_State *L, const hf_condition *condition) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)condition);
}

void hfL_asked_keep(lua_State *L, const hf_condition *condition, int index) {
  push_table(L);
  push_key(L, condition);
  lua_pushvalue(L, index);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

void hfL_asked_describe(lua_State *L, const hf_condition *condition) {
  int range = lua_gettop(L);
  push_table(L);
  push_key(L, condition);
  lua_rawget(L, -2);
  if (lua_istable(L, -1)) {
    int asked = lua_gettop(L);
    lua_getfield(L, asked, "expression");
    lua_setfield(L, range, "where");
    lua_getfield(L, asked, "parameters");
    lua_pushvalue(L, asked);
    lua_call(L, 1, 2);
    int count = (int)lua_tointeger(L, -1);
    lua_createtable(L, count, 0); /* a copy: the loop's own changes */
    for (int i = 1; i <= count; i++) {
      lua_rawgeti(L, asked + 1, i);
      lua_rawseti(L, -2, i);
    }
    lua_setfield(L, range, "parameters");
  }
  lua_settop(L, range);
}
