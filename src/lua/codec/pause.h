/* SPDX-License-Identifier: MIT
 *
 * The collector's pause while entities are decoded: how much the heap may grow before the next cycle begins.
 *
 * What is decoded soon is garbage, and each cycle visits all that is alive, which costs more than decoding where that
 * is much: 100,000 strings will do.  So the cycles are spaced out.
 */
#ifndef HF_LUA_CODEC_PAUSE_H
#define HF_LUA_CODEC_PAUSE_H

#include "lua/codec/codec.h"

/* Lengthens the pause, unless the heap is small or the script has set it.  An error that leaves the decoder leaves the
 * pause as it is, until the next hfL_pause_restore(). */
void hfL_pause_lengthen(lua_State *L, hfL_codec *codec);

/* Sets it back, unless a finalizer has set it since. */
void hfL_pause_restore(lua_State *L, hfL_codec *codec);

#endif
