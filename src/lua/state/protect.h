/* SPDX-License-Identifier: MIT
 *
 * How C enters Lua so that nothing is raised out of it.
 */
#ifndef HF_LUA_STATE_PROTECT_H
#define HF_LUA_STATE_PROTECT_H

#include <lua.h>

#include "holdfast/holdfast.h"

/* Runs body(L) with `arg` as its light userdata argument so that nothing can be raised out of it; whatever was raised
 * ends in `err` (may be NULL), with a traceback.  Leaves the stack as it was. */
hf_status hfL_protect(lua_State *L, lua_CFunction body, void *arg, hf_error *err);

#endif
