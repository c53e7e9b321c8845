/* SPDX-License-Identifier: MIT
 *
 * What a store can do, told to scripts.
 */
#ifndef HF_LUA_API_SUPPORTS_H
#define HF_LUA_API_SUPPORTS_H

#include <lua.h>

#include "holdfast/holdfast.h"

/* Pushes the table of what the store of a handle supports. */
void hfL_push_supports(lua_State *L, const hf_persist *p);

#endif
