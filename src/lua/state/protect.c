/* SPDX-License-Identifier: MIT
 *
 * Entering Lua from C: see protect.h.
 */
#include "lua/state/protect.h"

#include <lauxlib.h>

#include "base/error.h"
#include "lua/state/error.h"

struct protected_call {
  lua_CFunction body;
  void *arg;
  hf_error *err;
  hf_status status;
};

/* Runs in a lua_cpcall of its own: making the handler and the body, and taking the error apart, allocate, and in any
 * allocation a script's finalizer may raise. */
static int call_body(lua_State *L) {
  struct protected_call *c = lua_touserdata(L, 1);
  lua_pushcfunction(L, hfL_traceback);
  lua_pushcfunction(L, c->body);
  lua_pushlightuserdata(L, c->arg);
  int rc = lua_pcall(L, 1, 0, 2);
  if (rc == LUA_ERRMEM)
    hf__fail(c->err, HF_NO_MEMORY, HFL_NO_MEMORY);
  else if (rc)
    hfL_to_error(L, -1, c->err);
  if (rc) c->status = c->err->status;
  return 0;
}

hf_status hfL_protect(lua_State *L, lua_CFunction body, void *arg, hf_error *err) {
  hf_error own;
  struct protected_call c = {body, arg, err ? err : &own, HF_OK};
  int top = lua_gettop(L);
  int rc = lua_cpcall(L, call_body, &c);
  if (rc == LUA_ERRMEM)
    c.status = hf__fail(c.err, HF_NO_MEMORY, HFL_NO_MEMORY);
  else if (rc) /* only looks at the value: converting it would allocate, and nothing catches an error here */
    c.status = hf__fail(c.err, HF_SCRIPT, "%s",
                        lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "(an object was raised)");
  lua_settop(L, top);
  return c.status;
}
