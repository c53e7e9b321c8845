/* SPDX-License-Identifier: MIT
 *
 * Taking the arguments of functions that scripts call, and naming the entity where they were
 * wrong.
 */
#ifndef HF_LUA_STATE_ARGUMENTS_H
#define HF_LUA_STATE_ARGUMENTS_H

#include <lua.h>

#include "core/persist.h"

/* An id at `index`: a string as it is, a number as its JSON text in `number`.  Raises HF_INVALID_ARGUMENT naming
 * `what` for anything else. */
hf_slice hfL_check_id(lua_State *L, int index, const char *what, char number[HF_NUMBER_MAX]);

/* Whether the value at `index` is a whole number from 0 to HF__WHOLE_MAX; `out` receives it then. */
bool hfL_to_whole(lua_State *L, int index, uint64_t *out);

/* Reads an options table at `index` (nil: defaults).  Raises for unknown names and wrong types. */
void hfL_check_options(lua_State *L, int index, hf_options *out);

/* Raises with the entity named, when a value could not be encoded. */
int hfL_raise_for(lua_State *L, hf_persist *p, hf_slice id, hf_error *err) __attribute__((noreturn));

#endif
