/* SPDX-License-Identifier: MIT
 *
 * Moments of a store's past, as scripts name them, so that nobody takes a revision for a time: a number is a revision,
 * a text is a time such as "2026-11-27T12:00:00Z", and {time = ms} is a time, too.
 */
#ifndef HF_LUA_API_MOMENT_H
#define HF_LUA_API_MOMENT_H

#include <lua.h>

#include "core/persist.h"

/* Reads a moment at `index`; nil is none.  Raises HF_INVALID_ARGUMENT naming `what` for anything else.  False: none. */
bool hfL_check_moment(lua_State *L, int index, const char *what, hf_moment *out);

/* The same of options at `index` that have nothing but it: {at = moment}; nil is none. */
bool hfL_check_at(lua_State *L, int index, const char *function, hf_moment *out);

#endif
