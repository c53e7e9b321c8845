/* SPDX-License-Identifier: MIT
 *
 * When an entity expires: see expiry.h.
 */
#include "lua/api/expiry.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "holdfast/backend.h"
#include "lua/state/error.h"

int64_t hfL_check_expires_at(lua_State *L, const char *method, int index) {
  lua_Number n = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : 0;
  if (!(n >= 1 && n <= (lua_Number)HF_EXPIRES_MAX && floor(n) == n))
    hfL_misuse(L, "%s: expiresAt must be a time as readEntry gives it, ms since 1970-01-01 UTC, not %s", method,
               lua_isnumber(L, index) ? lua_tostring(L, index) : lua_pushfstring(L, "a %s", luaL_typename(L, index)));
  return (int64_t)n;
}

static int64_t check_ttl(lua_State *L, const char *method, int index) {
  int64_t ms = 0;
  size_t size;
  const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &size) : NULL;
  if (!text || strlen(text) != size || !hf_duration_parse(text, &ms))
    hfL_misuse(L, "%s: ttl must be a length of time such as \"90s\", \"15m\", \"12h\" or \"7d\", not %s", method,
               lua_isstring(L, index) ? lua_pushfstring(L, "'%s'", lua_tostring(L, index))
                                      : lua_pushfstring(L, "a %s", luaL_typename(L, index)));
  return ms;
}

bool hfL_take_expiry(lua_State *L, const char *method, const char *name, int index, hfL_expiry *out) {
  bool is_ttl = strcmp(name, "ttl") == 0;
  if (!is_ttl && strcmp(name, "expiresAt") != 0) return false;
  if (is_ttl)
    out->ttl = check_ttl(L, method, index);
  else
    out->expires_at = hfL_check_expires_at(L, method, index);
  if (out->ttl && out->expires_at) hfL_misuse(L, "%s: give ttl or expiresAt, not both", method);
  return true;
}
