/* SPDX-License-Identifier: MIT
 *
 * JSON text to Lua values.
 */
#ifndef HF_LUA_CODEC_DECODE_H
#define HF_LUA_CODEC_DECODE_H

#include <stddef.h>

#include "lua/codec/codec.h"

/* Pushes the value of one JSON text.  Strict: RFC 8259, valid UTF-8, no lone surrogates, at most HF_DEPTH_MAX deep,
 * nothing but white space around it.  Of equal keys the last one wins.
 *   text, size  need no 0 after them; they must stay in place during the call, in which finalizers may run
 * On failure pushes nothing and returns HF_INVALID_VALUE with hf_json_validate()'s message.  Lua errors: only for lack
 * of memory or stack, or what a script's hook or finalizer raises; so nothing that needs closing may be open. */
hf_status hfL_json_decode(lua_State *L, const char *text, size_t size, hfL_codec *codec, hf_error *err);

/* The same for text that was validated before it was stored and whose checksum was just verified: does not
 * look at the UTF-8 again.  Text that is not JSON is still found, and is HF_CORRUPT. */
hf_status hfL_json_decode_trusted(lua_State *L, const char *text, size_t size, hfL_codec *codec, hf_error *err);

/* Begins learning shapes again: a new anchor table with nothing but the root.  Calls that are running keep the old. */
void hfL_shapes_reset(lua_State *L, hfL_codec *codec);

#endif
