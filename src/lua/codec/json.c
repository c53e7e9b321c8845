/* SPDX-License-Identifier: MIT
 *
 * The codec object and the functions that scripts call: json.encode, json.decode,
 * array, isArray.  Decoding and encoding themselves are in decode.c and
 * encode.c.
 */
#include "lua/codec/json.h"

#include <string.h>

#include "lua/state/error.h"
#include "lua/state/register.h"

/* Its address is a registry key. */
static const char codec_key;

static int codec_gc(lua_State *L) {
  hfL_codec *codec = lua_touserdata(L, 1);
  codec->closed = true;
  hf_buffer_free(&codec->buffer);
  luaL_unref(L, LUA_REGISTRYINDEX, codec->keys_ref);
  luaL_unref(L, LUA_REGISTRYINDEX, codec->shapes_ref);
  codec->keys_ref = codec->shapes_ref = LUA_NOREF;
  return 0;
}

hfL_codec *hfL_codec_new(lua_State *L) {
  luaL_checkstack(L, 8, "json codec");
  hfL_codec *codec = lua_newuserdata(L, sizeof *codec);
  memset(codec, 0, sizeof *codec);
  codec->keys_ref = codec->shapes_ref = LUA_NOREF;
  for (int i = 0; i < HFL_KEY_SETS; i++) codec->keys[i][0].string = codec->keys[i][1].string = codec;
  hfL_json_push_array_mark(L);
  codec->array_mark = lua_topointer(L, -1);
  lua_pop(L, 1);
  lua_createtable(L, HFL_KEY_SETS * 2, 0);
  codec->keys_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  hfL_shapes_reset(L, codec);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, codec_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  return codec;
}

hfL_codec *hfL_codec_of(lua_State *L) {
  luaL_checkstack(L, 8, "json codec");
  lua_pushlightuserdata(L, (void *)(uintptr_t)&codec_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  hfL_codec *codec = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (!codec) {
    hfL_codec_new(L);
    hfL_keep_first(L, &codec_key);
    codec = lua_touserdata(L, -1);
    lua_pop(L, 1);
  }
  return codec;
}

/* The codec that hfL_json_open() gave the function as its upvalue. */
static hfL_codec *upvalue_codec(lua_State *L) { return lua_touserdata(L, lua_upvalueindex(1)); }

static __attribute__((noinline, cold)) int raise_argument(lua_State *L, const char *function, const char *wants) {
  hfL_misuse(L, "%s needs %s, got %s", function, wants, lua_isnone(L, 1) ? "nothing" : luaL_typename(L, 1));
}

/* Apart, because hf_error is large and its frame would lie under the calls that succeed. */
static __attribute__((noinline)) int decode_text(lua_State *L, const char *text, size_t size, hfL_codec *codec) {
  hf_error err;
  if (hfL_json_decode(L, text, size, codec, &err)) hfL_raise(L, &err);
  return 1;
}

/* json.decode(text) -> value */
static int lhf_json_decode(lua_State *L) {
  size_t size;
  if (lua_type(L, 1) != LUA_TSTRING) return raise_argument(L, "decode", "a string");
  const char *text = lua_tolstring(L, 1, &size);
  return decode_text(L, text, size, upvalue_codec(L));
}

/* Pushes a large text.  Making a Lua string may run finalizers before it has copied the bytes, and they may
 * encode too: so the bytes move to a place of their own first. */
static __attribute__((noinline)) int push_large(lua_State *L, hfL_codec *codec, hf_slice text) {
  hf_error err;
  void *copy;
  for (;;) {
    unsigned encodes = codec->encodes;
    copy = lua_newuserdata(L, text.size);
    if (encodes == codec->encodes) break;
    lua_settop(L, 1);
    if (hfL_json_encode(L, 1, codec, &text, &err)) hfL_raise(L, &err);
  }
  memcpy(copy, text.data, text.size);
  lua_pushlstring(L, copy, text.size);
  return 1;
}

/* json.encode(value) -> text */
static int lhf_json_encode(lua_State *L) {
  hfL_codec *codec = upvalue_codec(L);
  hf_slice text;
  hf_error err;
  char copy[2048];
  if (lua_isnone(L, 1)) return raise_argument(L, "encode", "a value");
  lua_settop(L, 1);
  if (hfL_json_encode(L, 1, codec, &text, &err)) hfL_raise(L, &err);
  if (text.size > sizeof copy) return push_large(L, codec, text);
  memcpy(copy, text.data, text.size);
  lua_pushlstring(L, copy, text.size);
  return 1;
}

/* array([table]) -> the table (or a new one), marked as an array */
static int lhf_array(lua_State *L) {
  if (lua_isnone(L, 1)) {
    lua_createtable(L, 0, 0);
  } else if (!lua_istable(L, 1)) {
    return raise_argument(L, "array", "a table");
  } else {
    lua_settop(L, 1);
    if (lua_getmetatable(L, 1)) {
      if (lua_topointer(L, -1) == upvalue_codec(L)->array_mark) {
        lua_pop(L, 1);
        return 1;
      }
      return raise_argument(L, "array", "a table without a metatable of its own");
    }
  }
  hfL_json_push_array_mark(L);
  lua_setmetatable(L, -2);
  return 1;
}

/* isArray(value) -> boolean: whether it carries the mark */
static int lhf_is_array(lua_State *L) {
  lua_pushboolean(L, lua_type(L, 1) == LUA_TTABLE && lua_getmetatable(L, 1) &&
                         lua_topointer(L, -1) == upvalue_codec(L)->array_mark);
  return 1;
}

int hfL_json_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"encode", lhf_json_encode}, {"decode", lhf_json_decode}, {"array", lhf_array}, {"isArray", lhf_is_array}};
  hfL_codec_of(L);
  lua_createtable(L, 0, 5);
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)&codec_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    lua_pushcclosure(L, functions[i].func, 1);
    lua_setfield(L, -2, functions[i].name);
  }
  hfL_json_push_null(L);
  lua_setfield(L, -2, "null");
  return 1;
}
