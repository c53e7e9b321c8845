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
 * are never called: tables count by their raw content.
 *
 * Codec.  What is learned from the texts that went by (shapes of objects, quoted
 * keys) and the output buffer live in one hfL_codec per Lua state, reachable
 * from all its coroutines.  It belongs to that state's thread.
 *
 * Finalizers.  Any allocation in a Lua state may run a script's __gc, and that may
 * use the same codec.  So nothing here keeps data in the codec across an
 * allocation unless a nested call may change it.
 */
#ifndef HF_LUA_CODEC_JSON_H
#define HF_LUA_CODEC_JSON_H

#include <lauxlib.h>
#include <lua.h>

#include "holdfast/backend.h"

typedef struct hfL_codec hfL_codec;

/* ------------------------------------------------------------------ codec */

/* Makes a codec, pushes the userdata that owns it (keep it where the state's lifetime is its lifetime), and
 * returns it.  The array mark is shared by all codecs of a state.  Raises only for lack of memory. */
hfL_codec *hfL_codec_new(lua_State *L);

/* The state's codec, made when first asked for and kept in the registry: valid as long as the state.
 * Leaves the stack as it was. */
hfL_codec *hfL_codec_of(lua_State *L);

/* Pushes the one metatable that marks arrays. */
void hfL_json_push_array_mark(lua_State *L);

/* Pushes holdfast.null. */
#define hfL_json_push_null(L) lua_pushlightuserdata((L), NULL)

/* Whether the value at `index` is holdfast.null. */
#define hfL_json_is_null(L, index) (lua_type((L), (index)) == LUA_TLIGHTUSERDATA && !lua_touserdata((L), (index)))

/* ----------------------------------------------------------------- decode */

/* Pushes the value of one JSON text.  Strict: RFC 8259, valid UTF-8, no lone surrogates, at most HF_DEPTH_MAX deep,
 * nothing but white space around it.  Of equal keys the last one wins.
 *   text, size  need no 0 behind them; they must stay in place during the call, in which finalizers may run
 * On failure pushes nothing and returns HF_INVALID_VALUE with hf_json_validate()'s message.  Lua errors: only for lack
 * of memory or stack, or what a script's hook or finalizer raises; so nothing that needs closing may be open. */
hf_status hfL_json_decode(lua_State *L, const char *text, size_t size, hfL_codec *codec, hf_error *err);

/* The same for text that was validated before it was stored and whose checksum was just verified: does not
 * look at the UTF-8 again.  Text that is no JSON is still found, and is HF_CORRUPT. */
hf_status hfL_json_decode_trusted(lua_State *L, const char *text, size_t size, hfL_codec *codec, hf_error *err);

/* ----------------------------------------------------------------- encode */

/* Writes the value at `index` as JSON text.
 *   out  receives the text, in the codec's buffer: valid until the next encode of this codec, which a finalizer may
 *        start in any Lua allocation.  Use or copy it before the next one.
 * On failure HF_INVALID_VALUE with the path ("cannot store NaN at metadata.prices[3]"), HF_FULL for lack of
 * memory, HF_CLOSED when the state is being closed and the codec is gone.  Leaves the stack as it was.
 * Runs no finalizers itself.  Lua errors: only for lack of memory or stack; they leak nothing. */
hf_status hfL_json_encode(lua_State *L, int index, hfL_codec *codec, hf_slice *out, hf_error *err);

/* ------------------------------------------------------- callable from Lua */

/* json.decode(text) -> value */
int lhf_json_decode(lua_State *L);
/* json.encode(value) -> text */
int lhf_json_encode(lua_State *L);
/* array([table]) -> the table (or a new one), marked as an array */
int lhf_array(lua_State *L);
/* isArray(value) -> boolean: whether it carries the mark */
int lhf_is_array(lua_State *L);

/* Pushes the table {encode=, decode=, array=, isArray=, null=}. */
int hfL_json_open(lua_State *L);

/* ------------------------------------------- private to json*.c from here on */

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

struct hfL_codec {
  hf_buffer buffer;       /* encode's output */
  unsigned encodes;       /* counts them, to see that a finalizer came in between */
  bool closed;            /* finalized: the state is being closed */
  const void *array_mark; /* lua_topointer() of the array metatable */
  int keys_ref;           /* registry: the table that anchors `keys` */
  unsigned key_victim;    /* alternates between the two entries of a set */
  int shapes_ref;         /* registry: the table that anchors shapes, their keys and constructors */
  struct hfL_shape *root; /* where every object's shape begins */
  int shape_count;        /* shapes in that table */
  unsigned unlearned;     /* objects that found no room for their shape; many: forget all and learn anew */
  hfL_key keys[HFL_KEY_SETS][2];
};

/* Begins learning shapes anew: a new anchor table with nothing but the root.  Calls that are running keep the old. */
void hfL_shapes_reset(lua_State *L, hfL_codec *codec);

#endif
