/* SPDX-License-Identifier: MIT
 *
 * The mark of arrays: which tables are arrays, whatever their keys say.
 */
#ifndef HF_LUA_CODEC_MARK_H
#define HF_LUA_CODEC_MARK_H

#include <lua.h>

/* Pushes the one metatable that marks arrays. */
void hfL_json_push_array_mark(lua_State *L);

#endif
