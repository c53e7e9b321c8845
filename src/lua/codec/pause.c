/* SPDX-License-Identifier: MIT
 *
 * The collector's pause while entities are decoded: see pause.h.
 */
#include "lua/codec/pause.h"

/* What LuaJIT begins with; and what we make of it, of a heap from 4 MiB on, as long as that lets the heap grow by no
 * more than 64 MiB.  A smaller heap stays as it is: what counts there is that it stays in the processor's caches. */
enum { PAUSE = 200, LONG_PAUSE = 400, SMALL_KIB = 4 * 1024, MORE_KIB = 64 * 1024 };

/* LuaJIT looks at the pause at the end of a cycle, so it need be long just while we allocate. */
void hfL_pause_lengthen(lua_State *L, hfL_codec *codec) {
  int heap = lua_gc(L, LUA_GCCOUNT, 0);
  if (heap < SMALL_KIB) return;
  int pause = PAUSE + (int)((int64_t)MORE_KIB * 100 / heap);
  if (pause > LONG_PAUSE) pause = LONG_PAUSE;
  int was = lua_gc(L, LUA_GCSETPAUSE, pause);
  if (was == PAUSE || (codec->pause && was == codec->pause))
    codec->pause = pause;
  else
    lua_gc(L, LUA_GCSETPAUSE, was);
}

void hfL_pause_restore(lua_State *L, hfL_codec *codec) {
  if (!codec->pause) return;
  int now = lua_gc(L, LUA_GCSETPAUSE, PAUSE);
  if (now != codec->pause) lua_gc(L, LUA_GCSETPAUSE, now);
  codec->pause = 0;
}
