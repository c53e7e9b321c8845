/* SPDX-License-Identifier: MIT
 *
 * What decoding and encoding share.  What is learned from the texts that went by
 * (shapes of objects, quoted keys) and the output buffer live in one hfL_codec per Lua
 * state, reachable from all its coroutines.  It belongs to that state's thread.
 *
 * Finalizers.  Any allocation in a Lua state may run a script's __gc, and that may
 * use the same codec.  So nothing here keeps data in the codec across an
 * allocation unless a nested call may change it.
 */
#ifndef HF_LUA_CODEC_CODEC_H
#define HF_LUA_CODEC_CODEC_H

#include <lua.h>

#include "holdfast/backend.h"

/* Pushes holdfast.null. */
#define hfL_json_push_null(L) lua_pushlightuserdata((L), NULL)

/* Whether the value at `index` is holdfast.null. */
#define hfL_json_is_null(L, index) (lua_type((L), (index)) == LUA_TLIGHTUSERDATA && !lua_touserdata((L), (index)))

/* Longest key, in bytes and without quotes, that is remembered. */
#define HFL_KEY_MAX 45

/* Quoted keys for encoding: sets of two entries, found by the address of the key's string object.  Each key
 * is anchored in a Lua table, so its address cannot be reused while the entry stands. */
#define HFL_KEY_SETS 512

/* One remembered key: `"key":`, padded so that it can be copied in blocks of 16. */
typedef struct hfL_key {
  const void *string; /* lua_topointer() of the key; the codec: empty */
  unsigned size;      /* bytes of text */
  char text[52];      /* quoted, escaped, with the colon */
} hfL_key;

struct hfL_shape;

/* Of one Lua state. */
typedef struct hfL_codec {
  hf_buffer buffer;       /* encode's output */
  unsigned encodes;       /* counts them, to see that a finalizer came in between */
  bool closed;            /* finalized: the state is being closed */
  const void *array_mark; /* lua_topointer() of the array metatable */
  int keys_ref;           /* registry: the table that anchors `keys` */
  unsigned key_victim;    /* alternates between the two entries of a set */
  int shapes_ref;         /* registry: the table that anchors shapes, their keys and constructors */
  struct hfL_shape *root; /* where every object's shape begins */
  int shape_count;        /* shapes in that table */
  unsigned unlearned;     /* objects that found no room for their shape; many: forget all and learn again */
  int pause;              /* of the collector, as trusted decoding has set it; 0: it is the script's */
  hfL_key keys[HFL_KEY_SETS][2];
} hfL_codec;

#endif
