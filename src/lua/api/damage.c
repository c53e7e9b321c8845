/* SPDX-License-Identifier: MIT
 *
 * Damaged stores for scripts: core.checkStore(url) and core.rescueStore(url, fn).  Neither opens the store.
 */
#include <lauxlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "lua/api/api.h"
#include "lua/codec/json.h"
#include "lua/state/arguments.h"
#include "lua/state/buffers.h"
#include "lua/state/context.h"
#include "lua/state/error.h"
#include "lua/state/register.h"

enum { FINDINGS_MOST = 1000 };

static const char *check_base(lua_State *L) {
  if (lua_type(L, 1) != LUA_TSTRING)
    hfL_misuse(L, "the base must be a directory such as \"./data\" or a store URL, not a %s", luaL_typename(L, 1));
  if (strlen(lua_tostring(L, 1)) != lua_objlen(L, 1)) hfL_misuse(L, "the base must not contain a NUL byte");
  return lua_tostring(L, 1);
}

/* ---- checkStore */

/* Findings as JSON: while they come in, the core holds what Lua could call. */
struct findings {
  hf_buffer *json;
  unsigned count;
  bool out_of_memory;
};

static bool add_finding(void *arg, const hf_finding *f) {
  struct findings *all = arg;
  if (all->count == FINDINGS_MOST) return true;
  bool ok = hf_buffer_printf(
                all->json, "%s{\"damage\":%s,\"incomplete\":%s,\"page\":%llu,\"problem\":", all->count++ ? "," : "",
                f->is_damage ? "true" : "false", f->is_incomplete ? "true" : "false", (unsigned long long)f->page) &&
            hf__quote_damaged(all->json, hf_text(f->problem));
  if (ok && f->entity_name.data)
    ok = hf_buffer_printf(all->json, ",\"entityName\":") && hf__quote_damaged(all->json, f->entity_name);
  ok = ok && hf_buffer_add(all->json, "}", 1);
  all->out_of_memory |= !ok;
  return ok;
}

/* checkStore(base) -> { pages=, entities=, damaged=, notes=, incomplete=,
 *                       findings={ { damage=, incomplete=, page=, problem=, entityName= } } } */
static int lhf_check_store(lua_State *L) {
  hf_error err;
  hf_check_report report;
  const char *base = check_base(L);
  hfL_context *cx = hfL_context_of(L);
  hf_buffer *json = hfL_buffer_borrow(L, cx);
  int owner = lua_gettop(L);
  struct findings all = {json, 0, false};
  json->size = 0;
  hf_status status = HF_OK;
  if (!hf_buffer_add(json, "{\"findings\":[", 13)) all.out_of_memory = true;
  if (!all.out_of_memory) status = hf_store_check(base, NULL, add_finding, &all, &report, &err);
  if (status == HF_OK &&
      (all.out_of_memory || !hf_buffer_printf(json,
                                              "],\"pages\":%llu,\"entities\":%llu,\"damaged\":%llu,\"notes\":%llu,"
                                              "\"incomplete\":%llu}",
                                              (unsigned long long)report.pages, (unsigned long long)report.entities,
                                              (unsigned long long)report.damaged, (unsigned long long)report.notes,
                                              (unsigned long long)report.incomplete)))
    status = hf__no_memory(&err);
  if (status == HF_OK) status = hfL_json_decode(L, json->data, json->size, cx->codec, &err);
  hfL_buffer_return(L, cx, owner);
  if (status) hfL_raise(L, &err);
  return 1;
}

/* ---- rescueStore */

static const char *const KINDS[] = {"present", "cutOff", "apart", "damaged", "old", "kept", "written"};

struct rescue {
  lua_State *L;
  bool raised; /* the callback raised; what it raised is on top of the stack */
};

static void set_slice(lua_State *L, const char *name, hf_slice text) {
  lua_pushlstring(L, text.data ? text.data : "", text.size);
  lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, double n) {
  lua_pushnumber(L, n);
  lua_setfield(L, -2, name);
}

static void set_boolean(lua_State *L, const char *name, bool value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, name);
}

/* Under pcall, since it may run out of memory. */
static int tell_record(lua_State *L) {
  const hf_rescued *r = lua_touserdata(L, 2);
  lua_pushvalue(L, 1);
  lua_createtable(L, 0, 12);
  lua_pushstring(L, KINDS[r->kind]);
  lua_setfield(L, -2, "kind");
  if (r->entity_name.data) set_slice(L, "entityName", r->entity_name);
  set_slice(L, "id", r->id);
  set_slice(L, "text", r->json);
  set_number(L, "revision", (double)r->info.revision);
  set_number(L, "updatedAt", (double)r->info.updated_at);
  set_number(L, "page", (double)r->page);
  if (r->apart) set_number(L, "apart", (double)r->apart);
  if (r->kind == HF_RESCUE_WRITTEN) {
    set_number(L, "written", (double)r->written);
    set_number(L, "back", (double)r->back);
    set_boolean(L, "isOther", r->is_other);
    set_boolean(L, "isRenamed", r->is_renamed);
  }
  lua_call(L, 1, 0);
  return 0;
}

static bool on_record(void *arg, const hf_rescued *record) {
  struct rescue *r = arg;
  lua_pushcfunction(r->L, tell_record);
  lua_pushvalue(r->L, 2);
  lua_pushlightuserdata(r->L, (void *)(uintptr_t)record);
  r->raised = lua_pcall(r->L, 2, 0, 0) != 0;
  return !r->raised;
}

/* rescueStore(base, fn) -> { commit=, newestLost=, freeListLost=, keptLost=, writtenLost=, lost=, present=, cutOff=,
 *                           apart=, damaged=, old= } */
static int lhf_rescue_store(lua_State *L) {
  hf_error err;
  hf_rescue_report report;
  const char *base = check_base(L);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  luaL_checkstack(L, 16, "rescueStore");
  struct rescue r = {L, false};
  hf_status status = hf_store_rescue(base, on_record, &r, &report, &err);
  if (r.raised) hfL_throw(L);
  if (status) hfL_raise(L, &err);
  lua_createtable(L, 0, 11);
  set_number(L, "commit", (double)report.commit);
  set_boolean(L, "newestLost", report.newest_lost);
  set_boolean(L, "freeListLost", report.free_list_lost);
  set_boolean(L, "keptLost", report.kept_lost);
  set_boolean(L, "writtenLost", report.written_lost);
  if (report.lost != UINT64_MAX) set_number(L, "lost", (double)report.lost);
  for (size_t i = 0; i < sizeof report.found / sizeof *report.found; i++)
    set_number(L, KINDS[i], (double)report.found[i]);
  return 1;
}

void hfL_damage_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {
      {"checkStore", lhf_check_store}, {"rescueStore", lhf_rescue_store}, {NULL, NULL}};
  hfL_register(L, cx, functions);
}
