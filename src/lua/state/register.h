/* SPDX-License-Identifier: MIT
 *
 * How functions and types get into a state: the functions of holdfast.core into their table, and
 * what there is one of into the registry.
 */
#ifndef HF_LUA_STATE_REGISTER_H
#define HF_LUA_STATE_REGISTER_H

#include <lauxlib.h>
#include <lua.h>

/* Sets the functions with the context as their upvalue. */
void hfL_register(lua_State *L, int cx, const luaL_Reg *functions);

/* Pushes the metatable of this name, with `gc` as its __gc.  Unlike luaL_newmetatable it registers only what is
 * complete: a lack of memory on the way cannot leave a type whose userdata are never freed. */
void hfL_push_type(lua_State *L, const char *name, lua_CFunction gc);

/* Keeps the value on top in the registry under `key`, unless a finalizer that ran while it was made has put
 * one there already: then that one replaces it on top. */
void hfL_keep_first(lua_State *L, const char *key);

#endif
