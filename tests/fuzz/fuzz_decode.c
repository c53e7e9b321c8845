/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target for the Lua codec: any bytes are decoded in one lasting Lua state (so that what the decoder learned
 * from earlier texts is at work), and
 *   - it accepts exactly what hf_json_validate() accepts, trusted or not;
 *   - a value that was decoded can be encoded, and decoding that text gives an equal value;
 *   - refusing leaves the stack as it was.
 * The state allocates each object by malloc and the text is copied to memory of exactly its size, so that
 * AddressSanitizer sees a read beyond either.
 */
#include <lualib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                                          \
      abort();                                                                                                         \
    }                                                                                                                  \
  } while (0)

static lua_State *L;
static hfL_codec *codec;

static void *allocate(void *arg, void *block, size_t old_size, size_t new_size) {
  (void)arg;
  (void)old_size;
  if (new_size) return realloc(block, new_size);
  free(block);
  return NULL;
}

static void close_state(void) {
  lua_close(L);
  L = NULL;
}

static void open_state(void) {
  L = lua_newstate(allocate, NULL);
  CHECK(L);
  codec = hfL_codec_of(L);
  atexit(close_state);
}

/* Whether two values are equal; tables by content.  Both indexes are absolute. */
static bool equal(int a, int b) {
  if (lua_type(L, a) != lua_type(L, b)) return false;
  if (lua_type(L, a) == LUA_TNUMBER) {
    double x = lua_tonumber(L, a), y = lua_tonumber(L, b);
    return x == y && signbit(x) == signbit(y);
  }
  if (!lua_istable(L, a)) return lua_rawequal(L, a, b);
  luaL_checkstack(L, 10, "equal");
  size_t count = 0, other = 0;
  if (lua_getmetatable(L, a) != lua_getmetatable(L, b)) return false;
  lua_settop(L, b > a ? b : a);
  int top = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, a)) {
    count++;
    lua_pushvalue(L, -2);
    lua_rawget(L, b);
    /* key, value, value of the other */
    lua_insert(L, -2);
    lua_insert(L, -2);
    if (!equal(top + 2, top + 3)) return false;
    lua_settop(L, top + 1);
  }
  lua_pushnil(L);
  while (lua_next(L, b)) {
    other++;
    lua_settop(L, top + 1);
  }
  lua_settop(L, top);
  return count == other;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  hf_error err;
  hf_slice out;
  if (!L) open_state();
  lua_settop(L, 0);
  char *text = malloc(size);
  CHECK(text || size == 0);
  if (size) memcpy(text, data, size);
  hf_slice whole = {text, size};
  hf_status valid = hf_json_validate(whole, &err);
  hf_status status = hfL_json_decode(L, text, size, codec, &err);
  CHECK((valid == HF_OK) == (status == HF_OK));
  CHECK(lua_gettop(L) == (status == HF_OK));
  if (status != HF_OK) {
    CHECK(status == HF_INVALID_VALUE && strncmp(err.message, "not JSON", 8) == 0 && err.message[8]);
    /* Not UTF-8 perhaps, which is not looked at here; it must stay within bounds all the same. */
    hfL_json_decode_trusted(L, text, size, codec, &err);
    lua_settop(L, 0);
    free(text);
    return 0;
  }
  CHECK(hfL_json_decode_trusted(L, text, size, codec, &err) == HF_OK);
  CHECK(equal(1, 2));
  free(text);
  lua_settop(L, 1);
  CHECK(hfL_json_encode(L, 1, codec, &out, &err) == HF_OK);
  CHECK(hf_json_validate(out, &err) == HF_OK);
  text = malloc(out.size);
  CHECK(text);
  memcpy(text, out.data, out.size);
  CHECK(hfL_json_decode(L, text, out.size, codec, &err) == HF_OK);
  free(text);
  CHECK(equal(1, 2));
  CHECK(lua_gettop(L) == 2);
  return 0;
}
