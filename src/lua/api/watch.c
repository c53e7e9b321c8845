/* SPDX-License-Identifier: MIT
 *
 * Watches for scripts: what lua/holdfast/watching.lua makes its objects of.  Whoever waits in here waits for the whole
 * state, so that file asks for a short while only.
 */
#include <lauxlib.h>
#include <string.h>

#include "base/error.h"
#include "core/persist.h"
#include "lua/api/api.h"
#include "lua/api/condition.h"
#include "lua/api/store.h"
#include "lua/codec/json.h"
#include "lua/state/arguments.h"
#include "lua/state/buffers.h"
#include "lua/state/context.h"
#include "lua/state/error.h"
#include "lua/state/handle.h"
#include "lua/state/register.h"

#define WATCH_TYPE "holdfast.watch"

struct watch_box {
  hf_watch *watch; /* NULL: closed */
  bool has_texts;  /* values are given as JSON text */
};

static int watch_close(lua_State *L) {
  struct watch_box *box = luaL_checkudata(L, 1, WATCH_TYPE);
  hf_watch *watch = box->watch;
  box->watch = NULL;
  hf_watch_close(watch);
  return 0;
}

static struct watch_box *check_watch(lua_State *L) {
  struct watch_box *box = luaL_checkudata(L, 1, WATCH_TYPE);
  if (!box->watch) {
    hf_error err;
    hf__fail(&err, HF_CLOSED, "the watch is closed: begin another, from its revision + 1 on");
    hfL_raise(L, &err);
  }
  return box;
}

/* What lies where on the stack of watchOpen. */
enum { OPEN_STORE = 1, OPEN_FROM, OPEN_NAME, OPEN_PREFIX, OPEN_CONDITION, OPEN_TEXTS, OPEN_ARGUMENTS = OPEN_TEXTS };

static hf_slice optional_text(lua_State *L, int index) {
  hf_slice text = {NULL, 0};
  if (!lua_isnil(L, index)) text.data = luaL_checklstring(L, index, &text.size);
  return text;
}

/* The store to be watched.  An instance's is opened, and gives the entity name. */
static hf_store *check_watched(lua_State *L, hf_slice *name) {
  hf_error err;
  if (!lua_istable(L, OPEN_STORE)) return hfL_check_store(L, OPEN_STORE);
  hf_persist *p = hfL_check_persist(L);
  hf_status status = hf_persist_init(p, &err);
  if (status == HF_OK && !hf__is_innermost(p))
    status = hf__fail(&err, HF_UNSUPPORTED,
                      "%s: a class around a store may keep other values than it gives: watch the store itself, or give "
                      "the class a method watch of its own",
                      p->url);
  if (status) {
    hf__error_entity(&err, p->name, (hf_slice){NULL, 0});
    hfL_raise(L, &err);
  }
  *name = p->name;
  return p->store;
}

/* watchOpen(store or instance, from or nil, entityName or nil, prefix or nil, condition or nil, texts) -> watch
 * The condition is kept as long as the watch by whoever has that. */
static int lhf_watch_open(lua_State *L) {
  hf_error err;
  hf_watch_options o = HF_WATCH_OPTIONS_INIT;
  lua_settop(L, OPEN_ARGUMENTS);
  if (!lua_isnil(L, OPEN_FROM) && !hfL_to_whole(L, OPEN_FROM, &o.from))
    hfL_misuse(L, "watch: from must be a revision, a whole number from 0 on");
  o.entity_name = optional_text(L, OPEN_NAME);
  o.prefix = optional_text(L, OPEN_PREFIX);
  o.condition = hfL_to_condition(L, OPEN_CONDITION);
  struct watch_box *box = lua_newuserdata(L, sizeof *box);
  *box = (struct watch_box){NULL, lua_toboolean(L, OPEN_TEXTS)};
  hfL_push_type(L, WATCH_TYPE, watch_close);
  lua_setmetatable(L, -2);
  hf_store *store = check_watched(L, &o.entity_name);
  if (hf_watch_open(store, &o, &box->watch, &err)) hfL_raise(L, &err);
  return 1;
}

static void set_text(lua_State *L, const char *name, hf_slice text) {
  lua_pushlstring(L, text.data, text.size);
  lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, lua_Number n) {
  lua_pushnumber(L, n);
  lua_setfield(L, -2, name);
}

static void set_true(lua_State *L, const char *name) {
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, name);
}

/* Pushes the table of a change, whose texts stay where they are while Lua allocates. */
static hf_status push_change(lua_State *L, const hf_change *c, hfL_codec *codec, hf_error *err) {
  lua_createtable(L, 0, 8);
  set_number(L, "revision", (lua_Number)c->revision);
  set_number(L, "at", (lua_Number)c->at);
  set_text(L, "entityName", c->entity_name);
  set_text(L, "what", hf_text(hf_change_name(c->what)));
  if (c->what != HF_CHANGE_CLEAR) set_text(L, "id", c->id);
  if (c->is_current) set_true(L, "current");
  if (c->is_last) set_true(L, "last");
  if (c->expires_at) set_number(L, "expiresAt", (lua_Number)c->expires_at);
  if (!c->json.data) return HF_OK;
  if (codec) {
    hf_status status = hfL_json_decode_trusted(L, c->json.data, c->json.size, codec, err);
    if (status) return status;
  } else {
    lua_pushlstring(L, c->json.data, c->json.size);
  }
  lua_setfield(L, -2, "value");
  return HF_OK;
}

/* Copies the texts of a change into a buffer: a finalizer, which any allocation of Lua may run, may use the watch. */
static hf_status copy_texts(hf_change *c, hf_buffer *bytes, hf_error *err) {
  hf_slice *texts[] = {&c->entity_name, &c->id, &c->json};
  size_t place = 0;
  bytes->size = 0;
  for (size_t i = 0; i < 3; i++)
    if (!hf_buffer_add(bytes, texts[i]->data, texts[i]->size)) return hf__no_memory(err);
  for (size_t i = 0; i < 3; i++) {
    if (texts[i]->data) texts[i]->data = bytes->data + place;
    place += texts[i]->size;
  }
  return HF_OK;
}

/* watchNext(watch, timeoutMs) -> {revision=, at=, entityName=, id=, what=, value=, current=, last=, expiresAt=}; nil:
 * none came */
static int lhf_watch_next(lua_State *L) {
  hf_error err;
  hf_change c;
  hfL_context *cx = hfL_context_of(L);
  lua_Integer timeout = luaL_checkinteger(L, 2);
  hf_buffer *bytes = hfL_buffer_borrow(L, cx);
  int owner = lua_gettop(L);
  struct watch_box *box = check_watch(L); /* only now: borrowing may have run a finalizer that closed it */
  bool has_texts = box->has_texts;
  hf_status status = hf_watch_next(box->watch, timeout, &c, &err);
  if (status == HF_OK) status = copy_texts(&c, bytes, &err);
  if (status == HF_OK) status = push_change(L, &c, has_texts ? NULL : cx->codec, &err);
  hfL_buffer_return(L, cx, owner);
  if (status == HF_TIMEOUT) return 0;
  if (status) hfL_raise(L, &err);
  return 1;
}

/* watchFd(watch) -> the descriptor that can be read when there may be a change */
static int lhf_watch_fd(lua_State *L) {
  lua_pushinteger(L, hf_watch_fd(check_watch(L)->watch));
  return 1;
}

/* watchRevision(watch) -> that whose changes have all been handed out */
static int lhf_watch_revision(lua_State *L) {
  lua_pushnumber(L, (lua_Number)hf_watch_revision(check_watch(L)->watch));
  return 1;
}

void hfL_watch_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {{"watchOpen", lhf_watch_open}, {"watchNext", lhf_watch_next},
                                       {"watchFd", lhf_watch_fd},     {"watchRevision", lhf_watch_revision},
                                       {"watchClose", watch_close},   {NULL, NULL}};
  hfL_register(L, cx, functions);
}
