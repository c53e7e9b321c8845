/* SPDX-License-Identifier: MIT
 *
 * Process locks for scripts, which know them as leases: holdfast.core.lease(path, who [, timeoutMs]).  The object
 * releases when it is collected, so that an error on the way does not keep the name.  Who only wants to know asks
 * leaseHolder(path) and leasesIn(folder).
 */
#include <lauxlib.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/process_lock.h"
#include "holdfast/backend.h"
#include "lua/api/api.h"
#include "lua/state/context.h"
#include "lua/state/error.h"
#include "lua/state/register.h"

#define LOCK_TYPE "holdfast.lease"

enum { HOLDER_MAX = 512 };

struct lock_box {
  hf_lock *lock; /* NULL once it is released */
};

/* lease:release() */
static int lhf_lock_release(lua_State *L) {
  struct lock_box *box = luaL_checkudata(L, 1, LOCK_TYPE);
  hf_lock *lock = box->lock;
  box->lock = NULL;
  hf_lock_release(lock);
  return 0;
}

/* lease:check() */
static int lhf_lock_check(lua_State *L) {
  hf_error err;
  const struct lock_box *box = luaL_checkudata(L, 1, LOCK_TYPE);
  if (!box->lock) {
    hf__fail(&err, HF_CLOSED, "the lease is released");
    hfL_raise(L, &err);
  }
  if (hf_lock_check(box->lock, &err)) hfL_raise(L, &err);
  return 0;
}

static int lock_text(lua_State *L) {
  const struct lock_box *box = luaL_checkudata(L, 1, LOCK_TYPE);
  if (box->lock)
    lua_pushfstring(L, "lease of %s", hf_lock_path(box->lock));
  else
    lua_pushliteral(L, "lease (released)");
  return 1;
}

static const char *check_path(lua_State *L, const char *what) {
  if (lua_type(L, 1) != LUA_TSTRING || strlen(lua_tostring(L, 1)) != lua_objlen(L, 1))
    hfL_misuse(L, "%s must be a string without a NUL byte", what);
  return lua_tostring(L, 1);
}

static unsigned check_timeout(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) return 0;
  lua_Number n = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : -1;
  if (!(n >= 0 && n <= (lua_Number)UINT_MAX && floor(n) == n))
    hfL_misuse(L, "lease: the timeout must be a whole number of milliseconds from 0 on, such as 5000");
  return (unsigned)n;
}

/* lease(path, who [, timeoutMs]) -> lease */
static int lhf_lock(lua_State *L) {
  hf_error err;
  char who[256];
  size_t size;
  const char *path = check_path(L, "lease: the path of the lock file");
  if (lua_type(L, 2) != LUA_TSTRING)
    hfL_misuse(L, "lease: say who holds it, such as \"Live.run of bot.lua\", not a %s", luaL_typename(L, 2));
  unsigned timeout = check_timeout(L, 3);
  const char *text = lua_tolstring(L, 2, &size);
  if (size >= sizeof who) size = sizeof who - 1; /* more is cut off anyway */
  for (size_t i = 0; i < size; i++) who[i] = text[i] ? text[i] : ' ';
  who[size] = '\0';
  struct lock_box *box = lua_newuserdata(L, sizeof *box);
  box->lock = NULL;
  luaL_getmetatable(L, LOCK_TYPE);
  lua_setmetatable(L, -2);
  if (hf_lock_acquire(path, who, timeout, &box->lock, &err)) hfL_raise(L, &err);
  return 1;
}

/* leaseHolder(path) -> holder or nil */
static int lhf_lock_holder(lua_State *L) {
  bool held;
  char holder[HOLDER_MAX];
  hf_error err;
  const char *path = check_path(L, "leaseHolder: the path of the lock file");
  if (hf_lock_look(path, &held, holder, sizeof holder, &err)) hfL_raise(L, &err);
  if (!held) return 0;
  lua_pushstring(L, holder);
  return 1;
}

static int page_gc(lua_State *L) {
  hf_page **page = lua_touserdata(L, 1);
  hf_page_free(*page);
  *page = NULL;
  return 0;
}

/* A page that is freed with the value on top of the stack. */
static hf_page *push_page(lua_State *L) {
  hf_page **page = lua_newuserdata(L, sizeof *page);
  *page = NULL;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, page_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  *page = hf_page_new();
  if (!*page) hfL_no_memory(L);
  return *page;
}

static bool add_found(void *page, const char *path, const char *holder) {
  return hf_page_add(page, hf_text(path), holder, strlen(holder)) != NULL;
}

/* leasesIn(folder) -> {{path=, holder=}, ...}, error or nil */
static int lhf_locks_in(lua_State *L) {
  hf_error err;
  const char *folder = check_path(L, "leasesIn: the folder");
  hf_page *page = push_page(L);
  hf_status status = hf__lock_find(folder, add_found, page, &err);
  size_t count;
  const hf_entry *found = hf_page_entries(page, &count);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_createtable(L, 0, 2);
    lua_pushlstring(L, found[i].id.data, found[i].id.size);
    lua_setfield(L, -2, "path");
    lua_pushlstring(L, found[i].json.data, found[i].json.size);
    lua_setfield(L, -2, "holder");
    lua_rawseti(L, -2, (int)i + 1);
  }
  if (!status) return 1;
  hfL_push_error(L, &err);
  return 2;
}

/* leaseFolder() -> path */
static int lhf_lock_folder(lua_State *L) {
  hf_error err;
  char folder[HF__LOCK_FOLDER_MAX];
  if (hf__lock_folder(folder, &err)) hfL_raise(L, &err);
  lua_pushstring(L, folder);
  return 1;
}

void hfL_lock_open(lua_State *L, int cx) {
  static const luaL_Reg methods[] = {{"release", lhf_lock_release}, {"check", lhf_lock_check}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"lease", lhf_lock},
                                       {"leaseFolder", lhf_lock_folder},
                                       {"leaseHolder", lhf_lock_holder},
                                       {"leasesIn", lhf_locks_in},
                                       {NULL, NULL}};
  luaL_newmetatable(L, LOCK_TYPE);
  lua_pushcfunction(L, lhf_lock_release);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, lock_text);
  lua_setfield(L, -2, "__tostring");
  lua_newtable(L);
  hfL_register(L, cx, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  hfL_register(L, cx, functions);
}
