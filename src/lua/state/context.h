/* SPDX-License-Identifier: MIT
 *
 * What a Lua state has one of, as far as C knows it: the context, which every function of
 * holdfast.core has as its upvalue.  What is in it belongs to others: here these are pointers
 * and no more.
 *
 * Rule of src/lua: C never holds anything that needs releasing (a transaction, a page, a
 * lock) while it calls into Lua in a way that may raise.
 */
#ifndef HF_LUA_STATE_CONTEXT_H
#define HF_LUA_STATE_CONTEXT_H

#include <lua.h>

#include "holdfast/holdfast.h"

/* One per Lua state; upvalue 1 of every function in holdfast.core. */
typedef struct hfL_context {
  struct hfL_codec *codec; /* of the state, for whoever is above and knows what it is (codec/) */
  /* The spare buffer: see hfL_buffer_borrow. */
  struct hfL_buffer_box *spare;    /* NULL while it is borrowed, or where none was made */
  struct hfL_buffer_box *anchored; /* the box that the registry keeps under spare_ref */
  int spare_ref;                   /* 0: not taken yet */
  /* Which element of an instance its functions work on: 0, or, for functions that a class of one's own calls as its
   * parent's, -1: the handle on the store that the class extends, where there is one. */
  int handle;
  struct hfL_state *state; /* for scripts that are backends (script/state.h); NULL: none yet */
  hf_adapters *adapters;   /* of the state's scripts; NULL: none yet, or the state is being closed */
} hfL_context;

/* Of the C function of holdfast.core that is running. */
#define hfL_context_of(L) ((hfL_context *)lua_touserdata((L), lua_upvalueindex(1)))

/* Makes a context that has this codec, and pushes it. */
hfL_context *hfL_context_new(lua_State *L, struct hfL_codec *codec);

/* Pushes the state's context; made when first asked for.
 *   codec_of  gives the state's codec then (hfL_codec_of) */
hfL_context *hfL_context_push(lua_State *L, struct hfL_codec *(*codec_of)(lua_State *));

/* The same, and leaves the stack as it was. */
hfL_context *hfL_context_get(lua_State *L, struct hfL_codec *(*codec_of)(lua_State *));

#endif
