/* SPDX-License-Identifier: MIT
 *
 * Leases for scripts: holdfast.core.lease(path, who [, timeoutMs]).  The object releases when it is collected, so that
 * an error on the way does not keep the name.
 */
#include <lauxlib.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/lease.h"
#include "lua/binding.h"

#define LEASE_TYPE "holdfast.lease"

struct lease_box {
  hf_lease *lease; /* NULL once it is released */
};

/* lease:release() */
static int lhf_lease_release(lua_State *L) {
  struct lease_box *box = luaL_checkudata(L, 1, LEASE_TYPE);
  hf_lease *lease = box->lease;
  box->lease = NULL;
  hf_lease_release(lease);
  return 0;
}

/* lease:check() */
static int lhf_lease_check(lua_State *L) {
  hf_error err;
  const struct lease_box *box = luaL_checkudata(L, 1, LEASE_TYPE);
  if (!box->lease) {
    hf__fail(&err, HF_CLOSED, "the lease is released");
    hfL_raise(L, &err);
  }
  if (hf_lease_check(box->lease, &err)) hfL_raise(L, &err);
  return 0;
}

static int lease_text(lua_State *L) {
  const struct lease_box *box = luaL_checkudata(L, 1, LEASE_TYPE);
  if (box->lease)
    lua_pushfstring(L, "lease of %s", hf_lease_path(box->lease));
  else
    lua_pushliteral(L, "lease (released)");
  return 1;
}

static unsigned check_timeout(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) return 0;
  lua_Number n = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : -1;
  if (!(n >= 0 && n <= (lua_Number)UINT_MAX && floor(n) == n))
    hfL_misuse(L, "lease: the timeout must be a whole number of milliseconds from 0 on, such as 5000");
  return (unsigned)n;
}

/* lease(path, who [, timeoutMs]) -> lease */
static int lhf_lease(lua_State *L) {
  hf_error err;
  char who[256];
  size_t size;
  if (lua_type(L, 1) != LUA_TSTRING || strlen(lua_tostring(L, 1)) != lua_objlen(L, 1))
    hfL_misuse(L, "lease: the path of the lock file must be a string without a NUL byte");
  if (lua_type(L, 2) != LUA_TSTRING)
    hfL_misuse(L, "lease: say who holds it, such as \"Live.run of bot.lua\", not a %s", luaL_typename(L, 2));
  unsigned timeout = check_timeout(L, 3);
  const char *text = lua_tolstring(L, 2, &size);
  if (size >= sizeof who) size = sizeof who - 1; /* more is cut off anyway */
  for (size_t i = 0; i < size; i++) who[i] = text[i] ? text[i] : ' ';
  who[size] = '\0';
  struct lease_box *box = lua_newuserdata(L, sizeof *box);
  box->lease = NULL;
  luaL_getmetatable(L, LEASE_TYPE);
  lua_setmetatable(L, -2);
  if (hf_lease_acquire(lua_tostring(L, 1), who, timeout, &box->lease, &err)) hfL_raise(L, &err);
  return 1;
}

/* leaseFolder() -> path */
static int lhf_lease_folder(lua_State *L) {
  hf_error err;
  char folder[HF__LEASE_FOLDER_MAX];
  if (hf__lease_folder(folder, &err)) hfL_raise(L, &err);
  lua_pushstring(L, folder);
  return 1;
}

void hfL_lease_open(lua_State *L, int cx) {
  static const luaL_Reg methods[] = {{"release", lhf_lease_release}, {"check", lhf_lease_check}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"lease", lhf_lease}, {"leaseFolder", lhf_lease_folder}, {NULL, NULL}};
  luaL_newmetatable(L, LEASE_TYPE);
  lua_pushcfunction(L, lhf_lease_release);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, lease_text);
  lua_setfield(L, -2, "__tostring");
  lua_newtable(L);
  hfL_register(L, cx, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  hfL_register(L, cx, functions);
}
