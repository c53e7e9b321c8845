/* SPDX-License-Identifier: MIT
 *
 * Lua values to JSON text.
 */
#ifndef HF_LUA_CODEC_ENCODE_H
#define HF_LUA_CODEC_ENCODE_H

#include "lua/codec/codec.h"

/* Writes the value at `index` as JSON text.
 *   out  receives the text, in the codec's buffer: valid until the next encode of this codec, which a finalizer may
 *        start in any Lua allocation.  Use or copy it before the next one.
 * On failure HF_INVALID_VALUE with the path ("cannot store NaN at metadata.prices[3]"), HF_NO_MEMORY for lack of
 * memory, HF_CLOSED when the state is being closed and the codec is gone.  Leaves the stack as it was.
 * Runs no finalizers itself.  Lua errors: only for lack of memory or stack; they leak nothing. */
hf_status hfL_json_encode(lua_State *L, int index, hfL_codec *codec, hf_slice *out, hf_error *err);

#endif
