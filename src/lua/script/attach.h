/* SPDX-License-Identifier: MIT
 *
 * How an instance of a script class gets its handle.
 */
#ifndef HF_LUA_SCRIPT_ATTACH_H
#define HF_LUA_SCRIPT_ATTACH_H

#include <lua.h>

/* Registers `attach` into the table on top of the stack; the context is on the stack at index `cx`. */
void hfL_attach_open(lua_State *L, int cx);

#endif
