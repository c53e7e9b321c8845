/* SPDX-License-Identifier: MIT
 *
 * Moments of a store's past: see moment.h.
 */
#include "lua/api/moment.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "core/moment.h"
#include "lua/state/arguments.h"
#include "lua/state/error.h"

#define FORMS "a revision (a whole number), a time such as \"2026-11-27T12:00:00Z\", or {time = ms since 1970}"

/* The member {time = ms} of the table at `index`. */
static bool to_time(lua_State *L, int index, int64_t *ms) {
  uint64_t time = 0;
  int members = 0;
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) members++;
  lua_getfield(L, index, "time");
  bool is_time = members == 1 && hfL_to_whole(L, -1, &time) && time;
  lua_pop(L, 1);
  *ms = (int64_t)time;
  return is_time;
}

bool hfL_check_moment(lua_State *L, int index, const char *what, hf_moment *out) {
  hf_slice text;
  if (index < 0) index = lua_gettop(L) + index + 1;
  *out = (hf_moment){0, 0};
  switch (lua_type(L, index)) {
  case LUA_TNONE:
  case LUA_TNIL: return false;
  case LUA_TNUMBER:
    if (hfL_to_whole(L, index, &out->revision) && out->revision) return true;
    break;
  case LUA_TSTRING:
    text.data = lua_tolstring(L, index, &text.size);
    if (hf__time_parse(text, &out->time) && out->time) return true;
    hfL_misuse(L, "%s: '%.60s' is no time: write it with its zone, as in \"2026-11-27T12:00:00Z\"", what, text.data);
  case LUA_TTABLE:
    if (to_time(L, index, &out->time)) return true;
    break;
  default: break;
  }
  hfL_misuse(L, "%s must be " FORMS ", not %s", what,
             lua_type(L, index) == LUA_TNUMBER ? lua_tostring(L, index) : luaL_typename(L, index));
}

bool hfL_check_at(lua_State *L, int index, const char *function, hf_moment *out) {
  char what[64];
  bool given = false;
  *out = (hf_moment){0, 0};
  if (lua_isnoneornil(L, index)) return false;
  if (!lua_istable(L, index)) hfL_misuse(L, "%s: options must be a table, not a %s", function, luaL_typename(L, index));
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    if (strcmp(name, "at") != 0) hfL_misuse(L, "%s: there is no option '%s': at exists", function, name);
    snprintf(what, sizeof what, "%s: at", function);
    given = hfL_check_moment(L, -1, what, out);
  }
  return given;
}
