/* SPDX-License-Identifier: MIT
 *
 * The codec between JSON text and Lua values, without a tree in between.  It is
 * on every read and write of a script, so it is written for speed, over nothing
 * but the public Lua C API.
 *
 *   null          <-> holdfast.null (a light userdata NULL)
 *   array         <-> table with the holdfast.array metatable; a plain table with exactly the keys 1..n, n > 0
 *   object        <-> table with string keys only; {} is the empty object
 *   number        <-> number, to the last bit; infinities are 1e999 and -1e999, -0 keeps its sign
 *   string        <-> string: valid UTF-8, NUL allowed
 *
 * Whatever else a Lua value can be is refused with the path to it.  Metamethods
 * are never called: tables count by their raw content.  What is learned on the way is in codec.h.
 */
#ifndef HF_LUA_CODEC_JSON_H
#define HF_LUA_CODEC_JSON_H

#include <lauxlib.h>
#include <lua.h>

#include "lua/codec/codec.h"
#include "lua/codec/decode.h"
#include "lua/codec/encode.h"
#include "lua/codec/mark.h"

/* Makes a codec, pushes the userdata that owns it (keep it where the state's lifetime is its lifetime), and
 * returns it.  The array mark is shared by all codecs of a state.  Raises only for lack of memory. */
hfL_codec *hfL_codec_new(lua_State *L);

/* The state's codec, made when first asked for and kept in the registry: valid as long as the state.
 * Leaves the stack as it was. */
hfL_codec *hfL_codec_of(lua_State *L);

/* Pushes the table {encode=, decode=, array=, isArray=, null=}. */
int hfL_json_open(lua_State *L);

#endif
