/* SPDX-License-Identifier: MIT
 *
 * The state's spare buffer: most operations need one for a moment, one at a time, so it is made
 * once and borrowed.
 */
#include "lua/state/buffers.h"

#include <lauxlib.h>

#include "lua/state/register.h"

#define BUFFER_TYPE "holdfast.buffer"

struct hfL_buffer_box {
  hf_buffer buffer;
  hfL_context *cx;
};

static int buffer_gc(lua_State *L) {
  struct hfL_buffer_box *box = lua_touserdata(L, 1);
  hf_buffer_free(&box->buffer);
  if (box->cx->spare == box) box->cx->spare = NULL; /* the state is being closed; other finalizers may follow */
  return 0;
}

static __attribute__((noinline, cold)) hf_buffer *make_buffer(lua_State *L, hfL_context *cx) {
  struct hfL_buffer_box *box = lua_newuserdata(L, sizeof *box);
  *box = (struct hfL_buffer_box){HF_BUFFER_INIT, cx};
  hfL_push_type(L, BUFFER_TYPE, buffer_gc);
  lua_setmetatable(L, -2);
  return &box->buffer;
}

hf_buffer *hfL_buffer_borrow(lua_State *L, hfL_context *cx) {
  struct hfL_buffer_box *box = cx->spare;
  if (!box) return make_buffer(L, cx);
  cx->spare = NULL;
  lua_rawgeti(L, LUA_REGISTRYINDEX, cx->spare_ref);
  return &box->buffer;
}

static __attribute__((noinline, cold)) void anchor(lua_State *L, hfL_context *cx, int index) {
  if (!cx->spare_ref) {
    lua_pushboolean(L, 0);
    cx->spare_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_pushvalue(L, index);
  lua_rawseti(L, LUA_REGISTRYINDEX, cx->spare_ref);
  cx->spare = cx->anchored = lua_touserdata(L, index);
}

void hfL_buffer_return(lua_State *L, hfL_context *cx, int index) {
  struct hfL_buffer_box *box = lua_touserdata(L, index);
  if (box == cx->anchored)
    cx->spare = box;
  else
    anchor(L, cx, index);
}

void hfL_buffer_prepare(lua_State *L, hfL_context *cx) {
  if (cx->spare) return;
  make_buffer(L, cx);
  anchor(L, cx, lua_gettop(L));
  lua_pop(L, 1);
}
