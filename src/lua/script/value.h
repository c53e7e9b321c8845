/* SPDX-License-Identifier: MIT
 *
 * What methods are given and give back.  Entities cross as JSON text, so that neither side ever
 * holds a value of the other.
 */
#ifndef HF_LUA_SCRIPT_VALUE_H
#define HF_LUA_SCRIPT_VALUE_H

#include <lua.h>

#include "lua/script/call.h"

/* For bodies: the value on top of the stack as JSON text, in the codec's buffer or in the string itself; blames the
 * method if it is none. */
hf_slice hfL_method_json(lua_State *L, const hfL_call *call, const char *what);

/* For bodies: pushes an entity as the method takes it: as a value, or as text for classes with encoding = "json". */
void hfL_push_json(lua_State *L, const hfL_call *call, hf_slice json);

/* Pushes an id. */
static inline void hfL_push_id(lua_State *L, const hf_key *key) { lua_pushlstring(L, key->id.data, key->id.size); }

/* Pushes a list of ids. */
void hfL_push_ids(lua_State *L, const hf_key *keys, size_t count);

/* For bodies: a revision or a time that a method gave, at an index: 0 for what is not a positive number. */
uint64_t hfL_method_number(lua_State *L, int index);

#endif
