/* SPDX-License-Identifier: MIT
 *
 * The module holdfast.core, and how `require "holdfast"` finds the modules that
 * are embedded in the library.
 *
 * In the runtime and the command the embedded modules win over package.path, so that a
 * stray holdfast.lua in the working directory is not taken for us.  When
 * developing, disk wins: modules are looked for in $HOLDFAST_LUA first, and, where
 * $LUA_PATH is set, in package.path before the embedded ones.  In a stock luajit,
 * `require "holdfast"` finds either the files or this library by the usual paths.
 */
#include "lua/module.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "lua/api/api.h"
#include "lua/codec/json.h"
#include "lua/embedded.h"
#include "lua/script/attach.h"
#include "lua/script/state.h"
#include "lua/script/url.h"
#include "lua/state/context.h"
#include "lua/state/error.h"
#include "lua/which_lua.h"

/* The methods of instances. */
static void open_methods(lua_State *L, int cx) {
  hfL_persist_open(L, cx);
  hfL_iterator_open(L, cx);
  hfL_batch_open(L, cx);
  hfL_index_open(L, cx);
  hfL_transaction_open(L, cx);
  hfL_history_open(L, cx);
  hfL_transactions_open(L, cx);
}

static void add_loader(lua_State *L, int position);

/* Places in package.loaders, which begins with: preloaded modules, Lua files, C libraries. */
enum { BEFORE_FILES = 2, AFTER_FILES = 3 };

/* Before anything else is called.  luaL_error is the same in every Lua. */
static void require_luajit(lua_State *L) {
  static _Atomic bool checked;
  hf_error err;
  if (checked) return;
  if (hfL_check_lua(&err)) luaL_error(L, "%s", err.message);
  checked = true;
}

int luaopen_holdfast_core(lua_State *L) {
  require_luajit(L);
  hfL_urls_open();
  /* Also where the modules come from files: those under backends/ are on no path. */
  add_loader(L, AFTER_FILES);
  hfL_state_of(L, hfL_context_push(L, hfL_codec_of));
  int cx = lua_gettop(L);
  lua_createtable(L, 0, 64);
  open_methods(L, cx);
  hfL_store_open(L, cx);
  hfL_watch_open(L, cx);
  hfL_damage_open(L, cx);
  hfL_backup_open(L, cx);
  hfL_index_check_open(L, cx);
  hfL_lock_open(L, cx);
  hfL_follow_open(L, cx);
  hfL_checksum_open(L, cx);
  hfL_attach_open(L, cx);
  hfL_values_open(L, cx);
  hfL_content_hash_open(L);
  hfL_lists_open(L, cx);
  lua_createtable(L, 0, 32); /* the methods once more, on the store that a class extends */
  hfL_context_new(L, hfL_codec_of(L))->handle = -1;
  lua_insert(L, -2);
  open_methods(L, lua_gettop(L) - 1);
  lua_remove(L, -2);
  lua_setfield(L, -2, "wrapped");
  hfL_adapters_open(L, cx);
  lua_setfield(L, -2, "adapters");
  hfL_condition_open(L, cx);
  lua_setfield(L, -2, "condition");
  hfL_candles_open(L, cx);
  lua_setfield(L, -2, "candles");
  hfL_error_open(L);
  hfL_json_open(L);
  lua_setfield(L, -2, "json");
  lua_pushstring(L, hf_version());
  lua_setfield(L, -2, "version");
  lua_replace(L, cx);
  lua_settop(L, cx);
  return 1;
}

/* ---- finding modules */

/* A package loader: the embedded module of this name. */
static int find_embedded(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  if (strcmp(name, "holdfast.core") == 0) {
    lua_pushcfunction(L, luaopen_holdfast_core);
    return 1;
  }
  for (const struct hf__embedded_module *m = hf__embedded_modules; m->name; m++) {
    if (strcmp(m->name, name) != 0) continue;
    char chunk[256];
    snprintf(chunk, sizeof chunk, "=[holdfast %s]", name);
    if (luaL_loadbuffer(L, m->source, m->size, chunk)) return lua_error(L);
    return 1;
  }
  lua_pushfstring(L, "\n\tno embedded module '%s'", name);
  return 1;
}

/* Puts find_embedded there, unless that has been done.  Always before C libraries: a second copy of Holdfast from a
 * holdfast.so would open LMDB environments that this one has open. */
static void add_loader(lua_State *L, int position) {
  lua_getfield(L, LUA_REGISTRYINDEX, "holdfast.loader");
  bool done = lua_toboolean(L, -1);
  lua_pop(L, 1);
  if (done) return;
  lua_pushboolean(L, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, "holdfast.loader");
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "loaders");
  int n = (int)lua_objlen(L, -1);
  for (int i = n; i >= position; i--) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushcfunction(L, find_embedded);
  lua_rawseti(L, -2, position);
  lua_pop(L, 2);
}

void hfL_install(lua_State *L) {
  const char *developing = getenv("HOLDFAST_LUA");
  if (developing && *developing) {
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", developing, developing, lua_tostring(L, -1));
    lua_setfield(L, -3, "path");
    lua_pop(L, 2);
  }
  add_loader(L, (developing && *developing) || getenv("LUA_PATH") ? AFTER_FILES : BEFORE_FILES);
}

/* Loads an embedded module. */
static int load_embedded(lua_State *L, const char *name) {
  lua_pushcfunction(L, find_embedded);
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
  return 1;
}

/* `require "holdfast"` in a stock luajit that found this library, and no holdfast/init.lua before it. */
HF_API int luaopen_holdfast(lua_State *L);
int luaopen_holdfast(lua_State *L) {
  require_luajit(L);
  lua_settop(L, 0);
  add_loader(L, AFTER_FILES);
  return load_embedded(L, "holdfast");
}

/* `require "holdfast.conformance"` likewise, without `require "holdfast"` before it. */
HF_API int luaopen_holdfast_conformance(lua_State *L);
int luaopen_holdfast_conformance(lua_State *L) {
  require_luajit(L);
  lua_settop(L, 0);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "holdfast");
  lua_call(L, 1, 0);
  return load_embedded(L, "holdfast.conformance");
}
