/* SPDX-License-Identifier: MIT
 *
 * Looking back, for scripts: what an id has been, and taking that out.
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

/* What is collected, as a JSON array: nothing may be raised while the core hands it out. */
struct collected {
  hf_buffer *json;
  bool as_texts; /* values are texts, as they are stored */
  uint64_t left; /* how many more are wanted */
  bool is_short; /* of memory */
};

static bool add(void *arg, const hf_change *c) {
  struct collected *x = arg;
  hf_buffer *json = x->json;
  if (!x->left) return false;
  bool ok = hf_buffer_printf(json, "%s{\"revision\":%llu,\"what\":\"%s\"", json->size > 1 ? "," : "",
                             (unsigned long long)c->revision, hf_change_name(c->what));
  if (ok && c->at) ok = hf_buffer_printf(json, ",\"at\":%lld", (long long)c->at);
  if (ok && c->expires_at) ok = hf_buffer_printf(json, ",\"expiresAt\":%lld", (long long)c->expires_at);
  if (ok && c->json.data && x->as_texts)
    ok = hf_buffer_add(json, ",\"text\":", 8) && hf_buffer_quote(json, c->json);
  else if (ok && c->json.data)
    ok = hf_buffer_add(json, ",\"value\":", 9) && hf_buffer_add(json, c->json.data, c->json.size);
  x->is_short = !ok || !hf_buffer_add(json, "}", 1);
  x->left--;
  return !x->is_short && x->left;
}

/* The options {limit = n}. */
static uint64_t check_limit(lua_State *L, int index) {
  uint64_t limit = UINT64_MAX;
  if (lua_isnoneornil(L, index)) return limit;
  if (!lua_istable(L, index)) hfL_misuse(L, "history: options must be a table, not a %s", luaL_typename(L, index));
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    if (strcmp(name, "limit") != 0) hfL_misuse(L, "history: there is no option '%s': limit exists", name);
    if (!hfL_to_whole(L, -1, &limit)) hfL_misuse(L, "history: limit must be a whole number from 0 on");
  }
  return limit;
}

/* Collects what is kept of the id, as JSON text. */
static hf_status collect(hf_persist *p, hf_slice id, struct collected *x, uint64_t *from, hf_error *err) {
  x->json->size = 0;
  if (!hf_buffer_add(x->json, "[", 1)) return hf__no_memory(err);
  hf_status status = hf_persist_history(p, id, add, x, from, err);
  if (status == HF_OK && (x->is_short || !hf_buffer_add(x->json, "]", 1))) status = hf__no_memory(err);
  return status;
}

/* Pushes the list, and the revision. */
static int push_history(lua_State *L, bool as_texts) {
  char number[HF_NUMBER_MAX];
  hf_error err;
  uint64_t from = 0;
  hfL_context *cx = hfL_context_of(L);
  hf_persist *p = hfL_check_persist(L);
  hf_slice id = hfL_check_id(L, 2, "history: the id", number);
  struct collected x = {.as_texts = as_texts, .left = check_limit(L, 3)};
  hf_buffer *json = x.json = hfL_buffer_borrow(L, cx);
  int owner = lua_gettop(L);
  hf_status status = collect(p, id, &x, &from, &err);
  if (status == HF_OK) status = hfL_json_decode_trusted(L, json->data, json->size, cx->codec, &err);
  hfL_buffer_return(L, cx, owner);
  if (status) hfL_raise_for(L, p, id, &err);
  lua_pushnumber(L, (lua_Number)from);
  return 2;
}

/* store:history(id [, {limit=n}]) -> list of {revision=, at=, what=, value=, expiresAt=}, newest first; the revision
 * from which on it is complete */
static int lhf_history(lua_State *L) { return push_history(L, false); }

/* historyTexts(store, id [, {limit=n}]) -> the same with `text`, a value's JSON text as it is stored, for `value` */
static int lhf_history_texts(lua_State *L) { return push_history(L, true); }

/* store:purge(id) -> how many entries of log and history went */
static int lhf_purge(lua_State *L) {
  char number[HF_NUMBER_MAX];
  hf_error err;
  uint64_t purged;
  hf_persist *p = hfL_check_persist(L);
  if (hf_persist_purge(p, hfL_check_id(L, 2, "purge: the id", number), &purged, &err)) hfL_raise(L, &err);
  lua_pushnumber(L, (lua_Number)purged);
  return 1;
}

void hfL_history_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {
      {"history", lhf_history}, {"historyTexts", lhf_history_texts}, {"purge", lhf_purge}, {NULL, NULL}};
  hfL_register(L, cx, functions);
}
