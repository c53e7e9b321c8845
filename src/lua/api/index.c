/* SPDX-License-Identifier: MIT
 *
 * Indexes for scripts: createIndex, dropIndex, indexes, and how a loop would use them.
 */
#include <lauxlib.h>
#include <string.h>

#include "base/error.h"
#include "core/persist.h"
#include "lua/api/api.h"
#include "lua/codec/json.h"
#include "lua/state/arguments.h"
#include "lua/state/buffers.h"
#include "lua/state/context.h"
#include "lua/state/error.h"
#include "lua/state/handle.h"
#include "lua/state/register.h"

/* The path at `index`, which its table keeps. */
static const char *check_path(lua_State *L, int index, const char *function) {
  if (lua_type(L, index) != LUA_TSTRING)
    hfL_misuse(L, "%s: a path must be a string such as \"metadata.symbol\", not a %s", function,
               lua_isnone(L, index) ? "nil" : luaL_typename(L, index));
  const char *path = lua_tostring(L, index);
  if (strlen(path) != lua_objlen(L, index)) hfL_misuse(L, "%s: a path must not contain a NUL byte", function);
  return path;
}

/* Reads a path or a list of paths at `index`; they stay where they are.  Returns how many. */
static size_t check_paths(lua_State *L, int index, const char *function, const char *paths[HF_INDEX_PATHS_MAX]) {
  if (!lua_istable(L, index)) {
    paths[0] = check_path(L, index, function);
    return 1;
  }
  size_t count = lua_objlen(L, index), pairs = 0;
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) pairs++;
  if (count == 0 || pairs != count)
    hfL_misuse(L, "%s: the paths must be a list such as {\"strategyName\", \"symbol\"}", function);
  if (count > HF_INDEX_PATHS_MAX)
    hfL_misuse(L, "%s: an index has at most %d paths, not %d", function, HF_INDEX_PATHS_MAX, (int)count);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, index, (int)i + 1);
    paths[i] = check_path(L, -1, function);
    lua_pop(L, 1);
  }
  return count;
}

/* Reads {unique=true}. */
static bool check_unique(lua_State *L, int index) {
  bool unique = false;
  if (lua_isnoneornil(L, index)) return false;
  if (!lua_istable(L, index))
    hfL_misuse(L,
               "createIndex: the options must be a table such as {unique=true}, not a %s: several paths are a list, "
               "{\"strategyName\", \"symbol\"}",
               luaL_typename(L, index));
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    if (strcmp(name, "unique") != 0) hfL_misuse(L, "createIndex: there is no option '%s', only unique", name);
    if (!lua_isboolean(L, -1)) hfL_misuse(L, "createIndex: options.unique must be true or false");
    unique = lua_toboolean(L, -1);
  }
  return unique;
}

/* store:createIndex(path | {paths} [, {unique=true}]) */
static int lhf_create_index(lua_State *L) {
  hf_error err;
  const char *paths[HF_INDEX_PATHS_MAX];
  hf_persist *p = hfL_check_persist(L);
  size_t count = check_paths(L, 2, "createIndex", paths);
  bool unique = check_unique(L, 3);
  if (hf_persist_index_create(p, paths, count, unique, &err)) hfL_raise(L, &err);
  return 0;
}

/* store:dropIndex(path | {paths}) */
static int lhf_drop_index(lua_State *L) {
  hf_error err;
  const char *paths[HF_INDEX_PATHS_MAX];
  hf_persist *p = hfL_check_persist(L);
  size_t count = check_paths(L, 2, "dropIndex", paths);
  if (hf_persist_index_drop(p, paths, count, &err)) hfL_raise(L, &err);
  return 0;
}

/* store:indexes() -> list of {name=, paths=, unique=, ready=, entries=} */
static int lhf_indexes(lua_State *L) {
  hf_error err;
  hfL_context *cx = hfL_context_of(L);
  hf_persist *p = hfL_check_persist(L);
  hf_buffer *json = hfL_buffer_borrow(L, cx);
  int owner = lua_gettop(L);
  hf_status status = hf_persist_indexes(p, json, &err);
  if (status == HF_OK) status = hfL_json_decode(L, json->data, json->size, cx->codec, &err);
  hfL_buffer_return(L, cx, owner);
  if (status) hfL_raise(L, &err);
  return 1;
}

void hfL_index_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {
      {"createIndex", lhf_create_index}, {"dropIndex", lhf_drop_index}, {"indexes", lhf_indexes}, {NULL, NULL}};
  hfL_register(L, cx, functions);
}
