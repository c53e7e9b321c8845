/* SPDX-License-Identifier: MIT
 *
 * The handle of an instance: element 0 of its table, and element -1 where the class extends a
 * store.
 */
#include "lua/state/handle.h"

#include <lauxlib.h>

#include "base/error.h"
#include "core/persist.h"
#include "lua/state/context.h"
#include "lua/state/error.h"
#include "lua/state/register.h"

#define HANDLE_TYPE "holdfast.handle"
enum { HANDLE_MAGIC = 0x48464844 };

/* The userdata.  The magic tells it from other userdata without looking up a metatable on every call. */
struct handle {
  uint32_t magic;
  hf_persist *persist;                /* NULL once collected */
  void (*before_close)(hf_persist *); /* see hfL_push_handle */
};

static const char not_an_instance[] =
    "call this with a colon on an instance: store:readValue(id), where store = holdfast.PersistBase(entityName, base)";

/* A finalizer may still see an instance whose handle was finalized before it, in the same cycle or when the state
 * is closed. */
static __attribute__((noinline, cold, noreturn)) void raise_finalized(lua_State *L) {
  hf_error err;
  hf_slice name = {NULL, 0};
  lua_pushliteral(L, "entityName");
  lua_rawget(L, 1);
  if (lua_type(L, -1) == LUA_TSTRING) name.data = lua_tolstring(L, -1, &name.size);
  hf__fail(&err, HF_CLOSED, "%s is closed: make a new one", name.data ? name.data : "the store");
  hf__error_entity(&err, name, (hf_slice){NULL, 0});
  hfL_raise(L, &err);
}

/* The userdata at `index`, or NULL if it is something else. */
static struct handle *to_handle(lua_State *L, int index) {
  struct handle *h = lua_touserdata(L, index);
  bool is = h && lua_type(L, index) == LUA_TUSERDATA && lua_objlen(L, index) == sizeof *h && h->magic == HANDLE_MAGIC;
  return is ? h : NULL;
}

hf_persist *hfL_to_handle(lua_State *L, int index) {
  const struct handle *h = to_handle(L, index);
  return h ? h->persist : NULL;
}

hf_persist *hfL_check_persist(lua_State *L) {
  if (lua_type(L, 1) != LUA_TTABLE) hfL_misuse(L, "%s", not_an_instance);
  int element = hfL_context_of(L)->handle;
  lua_rawgeti(L, 1, element);
  if (element && lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_rawgeti(L, 1, 0);
  }
  const struct handle *h = to_handle(L, -1);
  if (!h) hfL_misuse(L, "%s", not_an_instance);
  lua_pop(L, 1);
  if (!h->persist) raise_finalized(L);
  return h->persist;
}

static int handle_gc(lua_State *L) {
  struct handle *h = lua_touserdata(L, 1);
  if (h->persist) h->before_close(h->persist);
  hf_persist_close(h->persist);
  if (h->persist) hf__persist_unref(h->persist);
  h->persist = NULL;
  return 0;
}

hf_persist **hfL_push_handle(lua_State *L, void (*before_close)(hf_persist *)) {
  struct handle *h = lua_newuserdata(L, sizeof *h);
  h->magic = HANDLE_MAGIC;
  h->persist = NULL;
  h->before_close = before_close;
  hfL_push_type(L, HANDLE_TYPE, handle_gc);
  lua_setmetatable(L, -2);
  return &h->persist;
}
