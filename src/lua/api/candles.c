/* SPDX-License-Identifier: MIT
 *
 * Packed candles for the host's candle store: holdfast.core.candles.  Columns are arrays that LuaJIT's FFI made,
 * `double[?]`, of which C sees the address alone: how long they are, the caller says.
 */
#include <lauxlib.h>

#include "candles/candles.h"
#include "lua/api/api.h"
#include "lua/state/arguments.h"
#include "lua/state/buffers.h"
#include "lua/state/context.h"
#include "lua/state/error.h"
#include "lua/state/register.h"

/* The type of what the FFI makes: lua.h has no name for it. */
#define TYPE_CDATA 10

static double *check_array(lua_State *L, int index) {
  if (lua_type(L, index) != TYPE_CDATA) hfL_misuse(L, "candles: a column must be an array of the FFI");
  return (double *)(uintptr_t)lua_topointer(L, index);
}

/* The columns at `index` and the five after it, from element `first` on. */
static hf__candle_columns check_columns(lua_State *L, int index, size_t first) {
  hf__candle_columns columns;
  double **each[] = {&columns.time, &columns.open, &columns.high, &columns.low, &columns.close, &columns.volume};
  for (int i = 0; i < 6; i++) *each[i] = check_array(L, index + i) + first;
  return columns;
}

static size_t check_whole(lua_State *L, int index) {
  uint64_t n;
  if (!hfL_to_whole(L, index, &n)) hfL_misuse(L, "candles: argument %d must be a whole number from 0 on", index);
  return (size_t)n;
}

static void check_open(lua_State *L, int index, hf__packed_candles *out) {
  hf_error err;
  size_t size;
  const char *text = luaL_checklstring(L, index, &size);
  if (hf__candles_open((hf_slice){text, size}, out, &err)) hfL_raise(L, &err);
}

/* pack(step, first, count, time, open, high, low, close, volume) -> text */
static int lhf_candles_pack(lua_State *L) {
  hf_error err;
  hfL_context *cx = hfL_context_of(L);
  double step = luaL_checknumber(L, 1);
  size_t first = check_whole(L, 2), count = check_whole(L, 3);
  hf__candle_columns columns = check_columns(L, 4, first);
  hf_buffer *text = hfL_buffer_borrow(L, cx);
  int owner = lua_gettop(L);
  text->size = 0;
  hf_status status = hf__candles_pack(text, step, &columns, count, &err);
  if (status == HF_OK) lua_pushlstring(L, text->data, text->size);
  hfL_buffer_return(L, cx, owner);
  if (status) hfL_raise(L, &err);
  return 1;
}

/* look(text) -> step, first, last, count */
static int lhf_candles_look(lua_State *L) {
  hf__packed_candles packed;
  check_open(L, 1, &packed);
  lua_pushnumber(L, packed.step);
  lua_pushnumber(L, packed.first);
  lua_pushnumber(L, packed.last);
  lua_pushnumber(L, (lua_Number)packed.count);
  return 4;
}

/* runs(text) -> {first, count, first, count, ...}: candles without a gap between them */
static int lhf_candles_runs(lua_State *L) {
  hf__packed_candles packed;
  check_open(L, 1, &packed);
  hf__candle_run *runs = lua_newuserdata(L, packed.run_count * sizeof *runs);
  hf__candles_runs(&packed, runs);
  lua_createtable(L, (int)(2 * packed.run_count), 0);
  for (size_t i = 0; i < packed.run_count; i++) {
    lua_pushnumber(L, runs[i].first);
    lua_rawseti(L, -2, (int)(2 * i + 1));
    lua_pushnumber(L, (lua_Number)runs[i].count);
    lua_rawseti(L, -2, (int)(2 * i + 2));
  }
  return 1;
}

/* unpack(text, from, till, first, room, time, open, high, low, close, volume) -> how many */
static int lhf_candles_unpack(lua_State *L) {
  hf_error err;
  hf__packed_candles packed;
  check_open(L, 1, &packed);
  size_t begin = hf__candles_before(&packed, luaL_checknumber(L, 2));
  size_t end = hf__candles_before(&packed, luaL_checknumber(L, 3));
  size_t first = check_whole(L, 4), room = check_whole(L, 5);
  hf__candle_columns columns = check_columns(L, 6, first);
  if (end < begin) end = begin;
  if (room < first || end - begin > room - first) hfL_misuse(L, "candles: there is no room for %d", (int)(end - begin));
  if (hf__candles_unpack(&packed, begin, end, columns, &err)) hfL_raise(L, &err);
  lua_pushnumber(L, (lua_Number)(end - begin));
  return 1;
}

void hfL_candles_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {{"pack", lhf_candles_pack},
                                       {"look", lhf_candles_look},
                                       {"runs", lhf_candles_runs},
                                       {"unpack", lhf_candles_unpack},
                                       {NULL, NULL}};
  lua_createtable(L, 0, 4);
  hfL_register(L, cx, functions);
}
