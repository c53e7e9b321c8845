/* SPDX-License-Identifier: MIT
 *
 * Whether the Lua functions that this code is bound to are LuaJIT's: to be asked before any of
 * them is called.
 */
#ifndef HF_LUA_WHICH_LUA_H
#define HF_LUA_WHICH_LUA_H

#include <stddef.h>

#include "holdfast/holdfast.h"

/* A Lua function that the process gave us. */
typedef struct hfL_lua_function {
  const char *name;
  const void *address; /* NULL: it has none */
} hfL_lua_function;

#define HFL_LUA_FUNCTION(name)                                                                                         \
  { #name, (const void *)(name) }

/* Whether these, or all that src/lua but the runtime uses, are LuaJIT's.  HF_UNSUPPORTED says what they are, and what
 * to do.  To be called before any of them. */
hf_status hfL_check_lua_functions(const hfL_lua_function *functions, size_t count, hf_error *err);
hf_status hfL_check_lua(hf_error *err);

#endif
