/* SPDX-License-Identifier: MIT
 *
 * PersistBase for scripts: the operations on one entity.  An instance is a Lua
 * table whose element 0 is the userdata with the hf_persist; the class around it is
 * lua/holdfast/PersistBase.lua.
 */
#include <lauxlib.h>
#include <string.h>

#include "base/error.h"
#include "core/persist.h"
#include "lua/api/api.h"
#include "lua/api/expiry.h"
#include "lua/api/moment.h"
#include "lua/api/supports.h"
#include "lua/codec/json.h"
#include "lua/script/slots.h"
#include "lua/state/arguments.h"
#include "lua/state/buffers.h"
#include "lua/state/context.h"
#include "lua/state/error.h"
#include "lua/state/handle.h"
#include "lua/state/register.h"
#include "lua/state/revision.h"

/* Options of a write: {ifAbsent=true} or {ifRevision=n}, and {ttl="1h"} or {expiresAt=ms}. */
static void check_conditions(lua_State *L, int index, hf_write_options *out) {
  hfL_expiry expiry = {0, 0};
  *out = (hf_write_options)HF_WRITE_OPTIONS_INIT;
  if (!lua_istable(L, index)) hfL_misuse(L, "writeValue: options must be a table, not a %s", luaL_typename(L, index));
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    if (strcmp(name, "ifAbsent") == 0) {
      if (!lua_isboolean(L, -1)) hfL_misuse(L, "writeValue: ifAbsent must be true or false");
      out->if_absent = lua_toboolean(L, -1);
    } else if (strcmp(name, "ifRevision") == 0) {
      if (!hfL_to_revision(L, -1, &out->revision))
        hfL_misuse(L, "writeValue: ifRevision must be a revision, as writeValue and readEntry return it");
      out->if_revision = true;
    } else if (hfL_take_expiry(L, "writeValue", name, -1, &expiry)) {
      out->ttl = expiry.ttl;
      out->expires_at = expiry.expires_at;
    } else {
      hfL_misuse(L, "writeValue: there is no option '%s': ifAbsent, ifRevision, ttl and expiresAt exist", name);
    }
  }
}

/* The condition of a removal: {ifRevision=n}.  Whether there is one. */
static bool check_removal(lua_State *L, int index, uint64_t *revision) {
  if (lua_isnoneornil(L, index)) return false;
  bool given = false;
  if (!lua_istable(L, index)) hfL_misuse(L, "removeValue: options must be a table, not a %s", luaL_typename(L, index));
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    if (strcmp(name, "ifRevision") != 0) hfL_misuse(L, "removeValue: there is no option '%s': ifRevision exists", name);
    if (!hfL_to_revision(L, -1, revision))
      hfL_misuse(L, "removeValue: ifRevision must be a revision, as writeValue and readEntry return it");
    given = true;
  }
  return given;
}

/* ---- handles */

/* open(entityName, base [, options]) -> handle */
static int lhf_open(lua_State *L) {
  hf_error err;
  hf_options options;
  char number[HF_NUMBER_MAX];
  if (lua_type(L, 1) != LUA_TSTRING) hfL_misuse(L, "entityName must be a string, not a %s", luaL_typename(L, 1));
  hf_slice name = hfL_check_id(L, 1, "entityName", number);
  if (lua_type(L, 2) != LUA_TSTRING)
    hfL_misuse(L, "the base must be a directory such as \"./data\" or a store URL, not a %s", luaL_typename(L, 2));
  size_t size;
  const char *base = lua_tolstring(L, 2, &size);
  if (strlen(base) != size) hfL_misuse(L, "the base must not contain a NUL byte");
  hfL_check_options(L, 3, &options);
  hf_persist **p = hfL_push_handle(L, hfL_forgo_close);
  if (hf_persist_open(name, base, &options, p, &err)) hfL_raise(L, &err);
  hf__persist_ref(*p); /* the userdata's own reference: the handle stays answerable after close() */
  return 1;
}

/* store:close() */
static int lhf_close(lua_State *L) {
  hf_persist_close(hfL_check_persist(L));
  return 0;
}

/* store:waitForInit([initial]) */
static int lhf_wait_for_init(lua_State *L) {
  hf_error err;
  if (hf_persist_init(hfL_check_persist(L), &err)) hfL_raise(L, &err);
  return 0;
}

/* enter(store): what every operation does first: opens the store, and joins the transaction */
static int lhf_enter(lua_State *L) {
  hf_error err;
  void *txn;
  if (hf__persist_enter(hfL_check_persist(L), false, &txn, &err)) hfL_raise(L, &err);
  return 0;
}

/* url(store) -> the store's URL without password */
static int lhf_url(lua_State *L) {
  lua_pushstring(L, hf_persist_url(hfL_check_persist(L)));
  return 1;
}

/* checkId(store, id) -> the id's text; raises for what is not a valid id */
static int lhf_check_id(lua_State *L) {
  char number[HF_NUMBER_MAX];
  hf_error err;
  hf__key key;
  hf_persist *p = hfL_check_persist(L);
  hf_slice id = hfL_check_id(L, 2, "the id", number);
  if (hf__key_init(p->name, id, &key, &err)) hfL_raise(L, &err);
  lua_pushlstring(L, id.data, id.size);
  return 1;
}

/* supports(store) -> {durable=true, transaction=true, ..., readMany=true, ...}: the capabilities of the backend, and
 * which of the operations that the core would otherwise make of others it does itself */
static int lhf_supports(lua_State *L) {
  hfL_push_supports(L, hfL_check_persist(L));
  return 1;
}

/* ---- entities */

/* Reads the entity, as it was `at` a moment that is not NULL, and pushes its value; the info too. */
static void push_entity(lua_State *L, hf_persist *p, hf_slice id, const hf_moment *at, hf_info *info) {
  hfL_context *cx = hfL_context_of(L);
  hf_error err;
  hf_buffer *json = hfL_buffer_borrow(L, cx);
  int owner = lua_gettop(L);
  hf_status status = at ? hf_persist_read_at(p, id, at, json, info, &err) : hf_persist_read(p, id, json, info, &err);
  if (status == HF_OK) status = hfL_json_decode_trusted(L, json->data, json->size, cx->codec, &err);
  hfL_buffer_return(L, cx, owner);
  if (status == HF_OK) return;
  if (!*err.entity_name) hf__error_entity(&err, p->name, id);
  hfL_raise(L, &err);
}

/* store:readValue(id [, {at=moment}]) -> entity */
static int lhf_read_value(lua_State *L) {
  char number[HF_NUMBER_MAX];
  hf_moment at;
  hf_persist *p = hfL_check_persist(L);
  hf_slice id = hfL_check_id(L, 2, "readValue: the id", number);
  push_entity(L, p, id, hfL_check_at(L, 3, "readValue", &at) ? &at : NULL, NULL);
  return 1;
}

/* store:readEntry(id [, {at=moment}]) -> {id=, value=, revision=, updatedAt=} */
static int lhf_read_entry(lua_State *L) {
  char number[HF_NUMBER_MAX];
  hf_info info = {0};
  hf_moment at;
  hf_persist *p = hfL_check_persist(L);
  hf_slice id = hfL_check_id(L, 2, "readEntry: the id", number);
  bool looks_back = hfL_check_at(L, 3, "readEntry", &at);
  lua_createtable(L, 0, 4);
  int entry = lua_gettop(L);
  push_entity(L, p, id, looks_back ? &at : NULL, &info);
  lua_setfield(L, entry, "value");
  lua_pushlstring(L, id.data, id.size);
  lua_setfield(L, entry, "id");
  if (info.revision)
    hfL_push_revision(L, &info);
  else
    lua_pushnumber(L, 0);
  lua_setfield(L, entry, "revision");
  lua_pushnumber(L, (lua_Number)info.updated_at);
  lua_setfield(L, entry, "updatedAt");
  if (info.expires_at) {
    lua_pushnumber(L, (lua_Number)info.expires_at);
    lua_setfield(L, entry, "expiresAt");
  }
  lua_settop(L, entry);
  return 1;
}

/* readText(store, id) -> the entity's JSON text as stored */
static int lhf_read_text(lua_State *L) {
  char number[HF_NUMBER_MAX];
  hf_error err;
  hfL_context *cx = hfL_context_of(L);
  hf_persist *p = hfL_check_persist(L);
  hf_slice id = hfL_check_id(L, 2, "the id", number);
  hf_buffer *json = hfL_buffer_borrow(L, cx);
  int owner = lua_gettop(L);
  hf_status status = hf_persist_read(p, id, json, NULL, &err);
  if (status == HF_OK) lua_pushlstring(L, json->data, json->size);
  hfL_buffer_return(L, cx, owner);
  if (status) hfL_raise(L, &err);
  return 1;
}

/* store:hasValue(id) -> boolean */
static int lhf_has_value(lua_State *L) {
  char number[HF_NUMBER_MAX];
  hf_error err;
  bool found;
  hf_persist *p = hfL_check_persist(L);
  if (hf_persist_has(p, hfL_check_id(L, 2, "hasValue: the id", number), &found, &err)) hfL_raise(L, &err);
  lua_pushboolean(L, found);
  return 1;
}

/* Pushes the revision of what was written, if there is one to give.  Returns how many values that are. */
static int push_written(lua_State *L, const hf_info *info) {
  hfL_push_revision(L, info);
  return lua_isnil(L, -1) ? 0 : 1;
}

/* store:writeValue(id, entity [, {ifAbsent=true | ifRevision=n, ttl="1h" | expiresAt=ms}]) -> revision (nothing where
 * the store has none) */
static int lhf_write_value(lua_State *L) {
  char number[HF_NUMBER_MAX];
  hf_error err;
  hf_slice json;
  hf_info info;
  hf_write_options conditions, *options = NULL;
  hf_persist *p = hfL_check_persist(L);
  hf_slice id = hfL_check_id(L, 2, "writeValue: the id", number);
  if (!lua_isnoneornil(L, 4)) {
    check_conditions(L, 4, &conditions);
    options = &conditions;
  }
  if (lua_isnoneornil(L, 3)) {
    hf__fail(&err, HF_INVALID_VALUE, "cannot store nil: use holdfast.null for null, or removeValue to delete");
    hfL_raise_for(L, p, id, &err);
  }
  /* Before encoding: opening may run scripts that encode, too, into the same buffer. */
  if (p->attached && !p->ready && hf_persist_init(p, &err)) hfL_raise(L, &err);
  if (hfL_json_encode(L, 3, hfL_context_of(L)->codec, &json, &err)) hfL_raise_for(L, p, id, &err);
  if (hf__persist_write_trusted(p, id, json, options, &info, &err)) hfL_raise(L, &err);
  return push_written(L, &info);
}

/* writeText(store, id, json [, {ttl="1h" | expiresAt=ms}]) -> revision (nothing where the store has none): JSON text
 * stored as it is */
static int lhf_write_text(lua_State *L) {
  char number[HF_NUMBER_MAX];
  hf_error err;
  hf_info info;
  hf_slice json;
  hf_persist *p = hfL_check_persist(L);
  hf_slice id = hfL_check_id(L, 2, "the id", number);
  hf_write_options options = HF_WRITE_OPTIONS_INIT;
  json.data = luaL_checklstring(L, 3, &json.size);
  if (!lua_isnoneornil(L, 4)) check_conditions(L, 4, &options);
  if (hf_persist_write(p, id, json, &options, &info, &err)) hfL_raise(L, &err);
  return push_written(L, &info);
}

/* quarantine(store, id, problem [, bytes]): puts an id that is damaged elsewhere into quarantine */
static int lhf_quarantine(lua_State *L) {
  char number[HF_NUMBER_MAX];
  hf_error err;
  hf_persist *p = hfL_check_persist(L);
  hf_slice id = hfL_check_id(L, 2, "quarantine: the id", number), bytes = {NULL, 0};
  const char *problem = luaL_checkstring(L, 3);
  if (!lua_isnoneornil(L, 4)) bytes.data = luaL_checklstring(L, 4, &bytes.size);
  if (hf_persist_quarantine(p, id, problem, bytes, &err)) hfL_raise(L, &err);
  return 0;
}

/* store:removeValue(id [, {ifRevision=n}]) */
static int lhf_remove_value(lua_State *L) {
  char number[HF_NUMBER_MAX];
  hf_error err;
  uint64_t revision;
  hf_persist *p = hfL_check_persist(L);
  hf_slice id = hfL_check_id(L, 2, "removeValue: the id", number);
  bool only_if = check_removal(L, 3, &revision);
  if (only_if ? hf_persist_remove_if(p, id, revision, &err) : hf_persist_remove(p, id, &err)) hfL_raise(L, &err);
  return 0;
}

/* store:removeAll() */
static int lhf_remove_all(lua_State *L) {
  hf_error err;
  if (hf_persist_remove_all(hfL_check_persist(L), &err)) hfL_raise(L, &err);
  return 0;
}

/* store:stat() -> table */
static int lhf_stat(lua_State *L) {
  hf_error err;
  hfL_context *cx = hfL_context_of(L);
  hf_persist *p = hfL_check_persist(L);
  hf_buffer *json = hfL_buffer_borrow(L, cx);
  int owner = lua_gettop(L);
  hf_status status = hf_persist_stat(p, json, &err);
  if (status == HF_OK) status = hfL_json_decode(L, json->data, json->size, cx->codec, &err);
  hfL_buffer_return(L, cx, owner);
  if (status) hfL_raise(L, &err);
  return 1;
}

void hfL_persist_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {{"open", lhf_open},
                                       {"close", lhf_close},
                                       {"waitForInit", lhf_wait_for_init},
                                       {"enter", lhf_enter},
                                       {"url", lhf_url},
                                       {"checkId", lhf_check_id},
                                       {"supports", lhf_supports},
                                       {"readValue", lhf_read_value},
                                       {"readEntry", lhf_read_entry},
                                       {"readText", lhf_read_text},
                                       {"hasValue", lhf_has_value},
                                       {"writeValue", lhf_write_value},
                                       {"writeText", lhf_write_text},
                                       {"quarantine", lhf_quarantine},
                                       {"removeValue", lhf_remove_value},
                                       {"removeAll", lhf_remove_all},
                                       {"stat", lhf_stat},
                                       {NULL, NULL}};
  hfL_register(L, cx, functions);
}
