/* SPDX-License-Identifier: MIT
 *
 * Iterators as functions without arguments: see steps.h.
 */
#include "lua/script/steps.h"

#include <lauxlib.h>

#include "base/error.h"
#include "lua/state/error.h"

static int step_function(lua_State *L) {
  lua_settop(L, 0);
  for (int i = 1; i <= 3; i++) lua_pushvalue(L, lua_upvalueindex(i));
  lua_call(L, 2, HFL_RESULTS_MAX);
  lua_pushvalue(L, 1);
  lua_replace(L, lua_upvalueindex(3));
  return HFL_RESULTS_MAX;
}

static int step_coroutine(lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  bool begun = lua_status(co) == LUA_YIELD;
  if (!begun && (lua_status(co) != 0 || lua_gettop(co) == 0)) return 0; /* has ended */
  int rc = lua_resume(co, 0);
  if (rc != 0 && rc != LUA_YIELD) {
    lua_xmove(co, L, 1);
    hfL_throw(L);
  }
  lua_settop(co, rc == LUA_YIELD ? HFL_RESULTS_MAX : 0);
  if (rc == 0) return 0;
  lua_xmove(co, L, HFL_RESULTS_MAX);
  return HFL_RESULTS_MAX;
}

static int step_list(lua_State *L) {
  lua_Integer i = lua_tointeger(L, lua_upvalueindex(2)) + 1;
  lua_pushinteger(L, i);
  lua_replace(L, lua_upvalueindex(2));
  lua_rawgeti(L, lua_upvalueindex(1), (int)i);
  return 1;
}

/* False: they are nothing of the kind. */
static bool push_steps(lua_State *L) {
  int first = lua_gettop(L) - 2;
  bool callable = lua_isfunction(L, first);
  if (lua_istable(L, first) || lua_isuserdata(L, first)) {
    callable = luaL_getmetafield(L, first, "__call");
    lua_settop(L, first + 2);
  }
  if (callable) {
    lua_pushcclosure(L, step_function, 3);
  } else if (lua_isthread(L, first)) {
    lua_settop(L, first);
    lua_pushcclosure(L, step_coroutine, 1);
  } else if (lua_istable(L, first)) {
    lua_settop(L, first);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, step_list, 2);
  } else {
    return false;
  }
  return true;
}

void hfL_push_steps(lua_State *L, const char *what) {
  hf_error err;
  if (push_steps(L)) return;
  hf__fail(&err, HF_SCRIPT, "%s must return an iterator function, a coroutine or a list, not a %s", what,
           luaL_typename(L, -3));
  hfL_raise(L, &err);
}

void hfL_call_for_steps(lua_State *L, const hfL_call *call, int arguments) {
  lua_call(L, arguments + 1, 3);
  if (!push_steps(L))
    hfL_blame(L, call, "must return an iterator function, a coroutine or a list, not a %s", luaL_typename(L, -3));
}
