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
#include "core/options.h"
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

/* Sets the option to the value on top of the stack. */
static void take_option(lua_State *L, const hf__option *option, hf_options *out) {
  char modes[HF__OPTIONS_TEXT];
  uint64_t bytes;
  switch (option->type) {
  case HF__OPTION_DURABILITY:
    if (lua_type(L, -1) != LUA_TSTRING || !hf__option_set_durability(option, lua_tostring(L, -1), out))
      hfL_misuse(L, "options.%s must be one of %s", option->key, hf__durability_names(modes));
    break;
  case HF__OPTION_BYTES:
    if (!hfL_to_whole(L, -1, &bytes)) hfL_misuse(L, "options.%s must be a whole number of bytes", option->key);
    hf__option_set_bytes(option, bytes, out);
    break;
  case HF__OPTION_FLAG:
    if (!lua_isboolean(L, -1)) hfL_misuse(L, "options.%s must be true or false", option->key);
    hf__option_set_flag(option, lua_toboolean(L, -1), out);
    break;
  }
}

void hfL_check_options(lua_State *L, int index, hf_options *out) {
  char keys[HF__OPTIONS_TEXT];
  *out = (hf_options)HF_OPTIONS_INIT;
  if (lua_isnoneornil(L, index)) return;
  if (!lua_istable(L, index)) hfL_misuse(L, "options must be a table, not a %s", luaL_typename(L, index));
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    const hf__option *option = hf__option_by_key(key);
    if (!option) hfL_misuse(L, "there is no option '%s'; the options are %s", key, hf__options_keys(keys));
    take_option(L, option, out);
  }
}
