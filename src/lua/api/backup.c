/* SPDX-License-Identifier: MIT
 *
 * Backups for scripts: core.backupStore(store, file), core.restoreStore(file, base, at) and
 * core.compactStore(base).
 */
#include <lauxlib.h>
#include <string.h>

#include "lua/api/api.h"
#include "lua/api/moment.h"
#include "lua/api/store.h"
#include "lua/state/arguments.h"
#include "lua/state/error.h"
#include "lua/state/register.h"

static const char *check_path(lua_State *L, int index, const char *what) {
  if (lua_type(L, index) != LUA_TSTRING) hfL_misuse(L, "%s must be a string, not a %s", what, luaL_typename(L, index));
  if (strlen(lua_tostring(L, index)) != lua_objlen(L, index)) hfL_misuse(L, "%s must not contain a NUL byte", what);
  return lua_tostring(L, index);
}

/* ---- progress */

struct watched {
  lua_State *L;
  int index;   /* of the function on the stack */
  bool raised; /* it did, and what is on top of the stack */
};

/* fn(done, total): whether to go on, which nil means too. */
static bool on_progress(void *arg, uint64_t done, uint64_t total) {
  struct watched *w = arg;
  lua_pushvalue(w->L, w->index);
  lua_pushnumber(w->L, (lua_Number)done);
  lua_pushnumber(w->L, (lua_Number)total);
  if (lua_pcall(w->L, 2, 1, 0)) {
    w->raised = true;
    return false;
  }
  bool goes_on = lua_isnil(w->L, -1) || lua_toboolean(w->L, -1);
  lua_pop(w->L, 1);
  return goes_on;
}

static hf_progress_fn check_progress(lua_State *L, int index) {
  luaL_checkstack(L, 16, "progress");
  if (lua_isnil(L, index)) return NULL;
  if (!lua_isfunction(L, index)) hfL_misuse(L, "progress: give a function, not a %s", luaL_typename(L, index));
  return on_progress;
}

/* ---- results */

static void set_number(lua_State *L, const char *name, double n) {
  lua_pushnumber(L, n);
  lua_setfield(L, -2, name);
}

static void push_report(lua_State *L, const hf_backup_report *r) {
  lua_createtable(L, 0, 4);
  set_number(L, "revision", (double)r->revision);
  set_number(L, "at", (double)r->at);
  set_number(L, "bytes", (double)r->bytes);
}

/* backupStore(store, file [, progress]) -> { revision=, at=, bytes=, grown= } */
static int lhf_backup_store(lua_State *L) {
  hf_error err;
  hf_backup_report report;
  lua_settop(L, 3);
  const char *file = check_path(L, 2, "backup: the file");
  struct watched w = {L, 3, false};
  hf_progress_fn fn = check_progress(L, 3);
  hf_status status = hf_store_backup(hfL_check_store(L, 1), file, fn, &w, &report, &err);
  if (w.raised) hfL_throw(L);
  if (status) hfL_raise(L, &err);
  push_report(L, &report);
  set_number(L, "grown", (double)report.grown);
  return 1;
}

/* restoreStore(file, base [, at, progress]) -> { revision=, at=, bytes= } */
static int lhf_restore_store(lua_State *L) {
  hf_error err;
  hf_backup_report report;
  hf_moment at;
  lua_settop(L, 4);
  const char *file = check_path(L, 1, "restore: the file"), *base = check_path(L, 2, "restore: the base");
  bool has_moment = hfL_check_moment(L, 3, "restore: at", &at);
  struct watched w = {L, 4, false};
  hf_progress_fn fn = check_progress(L, 4);
  hf_status status = hf_store_restore(file, base, has_moment ? &at : NULL, fn, &w, &report, &err);
  if (w.raised) hfL_throw(L);
  if (status) hfL_raise(L, &err);
  push_report(L, &report);
  return 1;
}

/* compactStore(base) -> { before=, after=, exchanged=, reason= } */
static int lhf_compact_store(lua_State *L) {
  hf_error err;
  hf_compact_report report;
  if (hf_store_compact(check_path(L, 1, "compact: the base"), NULL, NULL, &report, &err)) hfL_raise(L, &err);
  lua_createtable(L, 0, 4);
  set_number(L, "before", (double)report.before);
  set_number(L, "after", (double)report.after);
  lua_pushboolean(L, report.is_exchanged);
  lua_setfield(L, -2, "exchanged");
  if (*report.reason) {
    lua_pushstring(L, report.reason);
    lua_setfield(L, -2, "reason");
  }
  return 1;
}

void hfL_backup_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {{"backupStore", lhf_backup_store},
                                       {"restoreStore", lhf_restore_store},
                                       {"compactStore", lhf_compact_store},
                                       {NULL, NULL}};
  hfL_register(L, cx, functions);
}
