/* SPDX-License-Identifier: MIT
 *
 * Arguments of scripts: see arguments.h.
 */
#include "lua/state/arguments.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "lua/state/error.h"

hf_slice hfL_check_id(lua_State *L, int index, const char *what, char number[HF_NUMBER_MAX]) {
  hf_slice id;
  int type = lua_type(L, index);
  if (type == LUA_TSTRING) {
    id.data = lua_tolstring(L, index, &id.size);
    return id;
  }
  if (type != LUA_TNUMBER) hfL_misuse(L, "%s must be a string or a number, not a %s", what, luaL_typename(L, index));
  lua_Number n = lua_tonumber(L, index);
  if (!isfinite(n)) hfL_misuse(L, "%s must be a finite number, not %s", what, isnan(n) ? "NaN" : "infinity");
  id.data = number;
  id.size = hf_number_format(n == 0 ? 0 : n, number); /* -0 is the id "0", as JSON.stringify has it */
  return id;
}

bool hfL_to_whole(lua_State *L, int index, uint64_t *out) {
  lua_Number n = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : -1;
  if (!(n >= 0 && n <= HF__WHOLE_MAX && floor(n) == n)) return false;
  *out = (uint64_t)n;
  return true;
}

int hfL_raise_for(lua_State *L, hf_persist *p, hf_slice id, hf_error *err) {
  hf__error_entity(err, p->name, id);
  hfL_raise(L, err);
}

/* ---- options */

static uint64_t check_bytes(lua_State *L, int index, const char *name) {
  uint64_t n;
  if (!hfL_to_whole(L, index, &n)) hfL_misuse(L, "options.%s must be a whole number of bytes", name);
  return n;
}

static bool check_flag(lua_State *L, int index, const char *name) {
  if (!lua_isboolean(L, index)) hfL_misuse(L, "options.%s must be true or false", name);
  return lua_toboolean(L, index);
}

void hfL_check_options(lua_State *L, int index, hf_options *out) {
  *out = (hf_options)HF_OPTIONS_INIT;
  if (lua_isnoneornil(L, index)) return;
  if (!lua_istable(L, index)) hfL_misuse(L, "options must be a table, not a %s", luaL_typename(L, index));
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    if (strcmp(name, "durability") == 0) {
      const char *value = lua_tostring(L, -1);
      int i = 0;
      const char *known;
      while ((known = hf_durability_name((hf_durability)i)) && (!value || strcmp(value, known) != 0)) i++;
      if (!known) hfL_misuse(L, "options.durability must be \"sync\", \"nometasync\" or \"nosync\"");
      out->durability = (hf_durability)i;
    } else if (strcmp(name, "mapSize") == 0) {
      out->map_size = check_bytes(L, -1, name);
    } else if (strcmp(name, "maxSize") == 0) {
      out->max_size = check_bytes(L, -1, name);
    } else if (strcmp(name, "readOnly") == 0) {
      out->read_only = check_flag(L, -1, name);
    } else if (strcmp(name, "create") == 0) {
      out->must_exist = !check_flag(L, -1, name);
    } else if (strcmp(name, "networkFs") == 0) {
      out->allow_network_fs = check_flag(L, -1, name);
    } else {
      hfL_misuse(L, "there is no option '%s': durability, mapSize, maxSize, readOnly, create and networkFs exist",
                 name);
    }
  }
}
