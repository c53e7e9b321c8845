/* SPDX-License-Identifier: MIT
 *
 * The module holdfast.core, and how a state comes to find the modules of Holdfast.
 */
#ifndef HF_LUA_MODULE_H
#define HF_LUA_MODULE_H

#include <lua.h>

#include "holdfast/holdfast.h"

/* The module itself. */
HF_API int luaopen_holdfast_core(lua_State *L);

/* Makes `require "holdfast"` work in the state: the core preloaded, the embedded modules findable.
 * From disk instead, when developing: first from $HOLDFAST_LUA/?.lua, and from package.path where $LUA_PATH is set. */
void hfL_install(lua_State *L);

#endif
