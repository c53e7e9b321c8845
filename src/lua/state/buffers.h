/* SPDX-License-Identifier: MIT
 *
 * Buffers for texts on their way between store and codec.
 */
#ifndef HF_LUA_STATE_BUFFERS_H
#define HF_LUA_STATE_BUFFERS_H

#include <lua.h>

#include "lua/state/context.h"

/* Borrows a buffer for a text between store and codec, and pushes the userdata that owns it.  A finalizer that comes in
 * between gets another buffer.  If an error unwinds the stack, the buffer is not returned: the next call makes
 * another, and the collector frees this one.  May run finalizers, but not directly after hfL_buffer_prepare. */
hf_buffer *hfL_buffer_borrow(lua_State *L, hfL_context *cx);
/* Returns the buffer whose owner is at `index`, for the next who needs one. */
void hfL_buffer_return(lua_State *L, hfL_context *cx, int index);
/* Makes sure that there is a buffer to borrow. */
void hfL_buffer_prepare(lua_State *L, hfL_context *cx);

#endif
