/* SPDX-License-Identifier: MIT
 *
 * Whole stores for scripts: holdfast.openStore(url), with entities, stat, settings and verify.
 */
#include <lauxlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "core/transaction.h"
#include "lua/api/api.h"
#include "lua/api/moment.h"
#include "lua/api/store.h"
#include "lua/api/transaction.h"
#include "lua/codec/json.h"
#include "lua/state/arguments.h"
#include "lua/state/buffers.h"
#include "lua/state/context.h"
#include "lua/state/error.h"
#include "lua/state/handle.h"
#include "lua/state/register.h"

#define STORE_TYPE "holdfast.store"

struct store_box {
  hf_store *store;
};

static int store_close(lua_State *L) {
  struct store_box *box = luaL_checkudata(L, 1, STORE_TYPE);
  hf_store_close(box->store);
  box->store = NULL;
  return 0;
}

hf_store *hfL_check_store(lua_State *L, int index) {
  struct store_box *box = luaL_checkudata(L, index, STORE_TYPE);
  if (!box->store) {
    hf_error err;
    hf__fail(&err, HF_CLOSED, "the store is closed: open it again");
    hfL_raise(L, &err);
  }
  return box->store;
}

static hf_store *check_store(lua_State *L) { return hfL_check_store(L, 1); }

/* openStore(base [, options]) -> store */
static int lhf_open_store(lua_State *L) {
  hf_error err;
  hf_options options;
  if (lua_type(L, 1) != LUA_TSTRING)
    hfL_misuse(L, "the base must be a directory such as \"./data\" or a store URL, not a %s", luaL_typename(L, 1));
  if (strlen(lua_tostring(L, 1)) != lua_objlen(L, 1)) hfL_misuse(L, "the base must not contain a NUL byte");
  hfL_check_options(L, 2, &options);
  struct store_box *box = lua_newuserdata(L, sizeof *box);
  box->store = NULL;
  luaL_getmetatable(L, STORE_TYPE);
  lua_setmetatable(L, -2);
  if (hf_store_open(lua_tostring(L, 1), &options, &box->store, &err)) hfL_raise(L, &err);
  return 1;
}

static hf_status take_open(const hf_backend *backend, const hf_location *at, hf_store *store, void *arg,
                           hf_error *err) {
  (void)backend;
  (void)at;
  (void)err;
  if (store) hf__store_ref(store);
  *(hf_store **)arg = store;
  return HF_OK;
}

/* openStoreAsIs(base) -> store: as this process has it open, whatever options that was with; else opened */
static int lhf_open_store_as_is(lua_State *L) {
  hf_error err;
  if (lua_type(L, 1) != LUA_TSTRING || strlen(lua_tostring(L, 1)) != lua_objlen(L, 1))
    hfL_misuse(L, "the base must be a directory such as \"./data\" or a store URL");
  struct store_box *box = lua_newuserdata(L, sizeof *box);
  box->store = NULL;
  luaL_getmetatable(L, STORE_TYPE);
  lua_setmetatable(L, -2);
  hf_status status = hf__store_look(lua_tostring(L, 1), NULL, take_open, &box->store, &err);
  if (status || !box->store) status = hf_store_open(lua_tostring(L, 1), NULL, &box->store, &err);
  if (status) hfL_raise(L, &err);
  return 1;
}

/* Adds the names as a JSON array. */
static hf_status add_names(hf_buffer *json, const hf_page *page, hf_error *err) {
  size_t count;
  const hf_entry *entries = hf_page_entries(page, &count);
  json->size = 0;
  bool ok = hf_buffer_add(json, "[", 1);
  for (size_t i = 0; i < count && ok; i++) {
    if (hf__utf8_valid_prefix(entries[i].id) != entries[i].id.size)
      return hf__fail(err, HF_CORRUPT,
                      "an entity name of the store is not valid UTF-8: it is damaged; look at it by "
                      "'holdfast verify'");
    ok = (i == 0 || hf_buffer_add(json, ",", 1)) && hf_buffer_quote(json, entries[i].id);
  }
  return ok && hf_buffer_add(json, "]", 1) ? HF_OK : hf__no_memory(err);
}

/* store:entities() -> list of entity names in natural order */
static int lhf_store_entities(lua_State *L) {
  hf_error err;
  hfL_context *cx = hfL_context_of(L);
  hf_buffer *names = hfL_buffer_borrow(L, cx); /* as JSON, so that the page is gone before Lua allocates */
  int owner = lua_gettop(L);
  hf_store *s = check_store(L); /* only now: borrowing may have run a finalizer that closed it */
  hf_page *page = hf_page_new();
  hf_status status = page ? hf_store_entities(s, page, &err) : hf__no_memory(&err);
  if (status == HF_OK) status = add_names(names, page, &err);
  hf_page_free(page);
  if (status == HF_OK) status = hfL_json_decode(L, names->data, names->size, cx->codec, &err);
  hfL_buffer_return(L, cx, owner);
  if (status) hfL_raise(L, &err);
  return 1;
}

/* store:stat() -> table */
static int lhf_store_stat(lua_State *L) {
  hf_error err;
  hfL_context *cx = hfL_context_of(L);
  hf_buffer *json = hfL_buffer_borrow(L, cx);
  int owner = lua_gettop(L);
  hf_store *s = check_store(L);
  hf_status status = hf_store_stat(s, json, &err);
  if (status == HF_OK) status = hfL_json_decode(L, json->data, json->size, cx->codec, &err);
  hfL_buffer_return(L, cx, owner);
  if (status) hfL_raise(L, &err);
  return 1;
}

/* store:revision([{at=moment}]) -> the newest revision until then */
static int lhf_store_revision(lua_State *L) {
  hf_error err;
  hf_moment at;
  uint64_t revision;
  check_store(L);
  bool looks_back = hfL_check_at(L, 2, "revision", &at);
  if (hf_store_revision(check_store(L), looks_back ? &at : NULL, &revision, &err)) hfL_raise(L, &err);
  lua_pushnumber(L, (lua_Number)revision);
  return 1;
}

/* store:snapshot(fn [, {at=moment}]) -> what fn(store) returns, to which all reads of the thread are of one moment */
static int lhf_store_snapshot(lua_State *L) {
  hf_error err;
  bool looks_back;
  void *unused;
  check_store(L);
  if (!lua_isfunction(L, 2)) hfL_misuse(L, "snapshot: give a function, not a %s", luaL_typename(L, 2));
  lua_settop(L, 3);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 1);
  hf_txn *txn = hfL_begin_snapshot(L, 3, &looks_back);
  hf_store *s = check_store(L);
  if (hf__txn_join(s, s->backend->capabilities, false, &unused, &err)) {
    hf_txn_abort(txn);
    hfL_raise(L, &err);
  }
  return hfL_run_in(L, txn, 1);
}

/* ---- settings */

enum { SETTINGS_AT_ONCE = 32 };

/* Whether the setting is true or false. */
static bool is_switch(const char *name) {
  const hf_setting *setting;
  for (size_t i = 0; (setting = hf_setting_at(i)); i++)
    if (strcmp(setting->name, name) == 0)
      return strcmp(setting->standard, "true") == 0 || strcmp(setting->standard, "false") == 0;
  return false;
}

/* Reads the table at index 2.  Its texts are kept by a table at index 3, since a number's text is new. */
static size_t check_settings(lua_State *L, hf_setting_value out[SETTINGS_AT_ONCE]) {
  size_t count = 0;
  if (!lua_istable(L, 2))
    hfL_misuse(L, "settings: give a table such as {note = \"...\"}, not a %s", luaL_typename(L, 2));
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) hfL_misuse(L, "settings: names are strings, not a %s", luaL_typename(L, -2));
    if (strlen(lua_tostring(L, -2)) != lua_objlen(L, -2)) hfL_misuse(L, "settings: a name must not contain a NUL byte");
    if (count == SETTINGS_AT_ONCE) hfL_misuse(L, "settings: there are not that many");
    hf_setting_value *v = &out[count++];
    *v = (hf_setting_value){.name = lua_tostring(L, -2)};
    if (hfL_json_is_null(L, -1)) continue;
    char number[HF_NUMBER_MAX];
    if (lua_type(L, -1) == LUA_TNUMBER)
      lua_pushlstring(L, number, hf_number_format(lua_tonumber(L, -1), number));
    else if (lua_type(L, -1) == LUA_TSTRING)
      lua_pushvalue(L, -1);
    else if (lua_type(L, -1) == LUA_TBOOLEAN && is_switch(v->name))
      lua_pushstring(L, lua_toboolean(L, -1) ? "true" : "false");
    else
      hfL_misuse(L, "settings: %s must be a string, a number, or holdfast.null for its standard value, not a %s",
                 v->name, luaL_typename(L, -1));
    v->value = lua_tostring(L, -1);
    if (strlen(v->value) != lua_objlen(L, -1)) hfL_misuse(L, "settings: %s must not contain a NUL byte", v->name);
    lua_rawseti(L, 3, (int)count);
  }
  return count;
}

/* store:settings([values]) -> table of all settings; with values, sets those first */
static int lhf_store_settings(lua_State *L) {
  hf_error err;
  check_store(L);
  lua_settop(L, 2);
  if (!lua_isnil(L, 2)) {
    hf_setting_value values[SETTINGS_AT_ONCE];
    size_t count = check_settings(L, values);
    if (hf_store_settings_set(check_store(L), values, count, &err)) hfL_raise(L, &err);
  }
  hfL_context *cx = hfL_context_of(L);
  hf_buffer *json = hfL_buffer_borrow(L, cx);
  int owner = lua_gettop(L);
  hf_store *s = check_store(L);
  hf_status status = hf_store_settings_get(s, json, &err);
  if (status == HF_OK) status = hfL_json_decode(L, json->data, json->size, cx->codec, &err);
  hfL_buffer_return(L, cx, owner);
  if (status) hfL_raise(L, &err);
  return 1;
}

/* settingTable() -> list of {name=, values=, standard=, meaning=, format=, feature=}, as hf_setting_at() */
static int lhf_setting_table(lua_State *L) {
  const hf_setting *s;
  lua_newtable(L);
  for (int i = 0; (s = hf_setting_at((size_t)i)); i++) {
    lua_createtable(L, 0, 6);
    lua_pushstring(L, s->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, s->values);
    lua_setfield(L, -2, "values");
    lua_pushstring(L, s->standard);
    lua_setfield(L, -2, "standard");
    lua_pushstring(L, s->meaning);
    lua_setfield(L, -2, "meaning");
    lua_pushinteger(L, (lua_Integer)s->format);
    lua_setfield(L, -2, "format");
    lua_pushstring(L, s->feature);
    lua_setfield(L, -2, "feature");
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* The store of what is at stack index 1, which is taken away: a whole store, or an instance, where it is NULL until the
 * first operation has opened it. */
static const hf_store *take_store(lua_State *L) {
  const hf_store *s = lua_istable(L, 1) ? hfL_check_persist(L)->store : check_store(L);
  lua_remove(L, 1);
  return s;
}

/* isSameStore(a, b) -> boolean: whether two open stores, or those of two instances, are one, whatever their URLs are */
static int lhf_is_same_store(lua_State *L) {
  lua_settop(L, 2);
  const hf_store *a = take_store(L), *b = take_store(L);
  lua_pushboolean(L, a && a == b);
  return 1;
}

/* storeOf(instance) -> the whole store that the instance's entities are in, opened; for a class that extends a store,
 * that one */
static int lhf_store_of(lua_State *L) {
  hf_error err;
  hf_persist *p = hfL_check_persist(L);
  if (hf_persist_init(p, &err)) hfL_raise(L, &err);
  struct store_box *box = lua_newuserdata(L, sizeof *box);
  box->store = NULL;
  luaL_getmetatable(L, STORE_TYPE);
  lua_setmetatable(L, -2);
  p = hfL_check_persist(L);
  if (hf_persist_init(p, &err)) hfL_raise(L, &err); /* a finalizer may have closed it */
  hf__store_ref(p->store);
  box->store = p->store;
  return 1;
}

/* ---- verify */

/* What lies where on the stack while verify runs. */
enum { VERIFY_OPTIONS = 2, VERIFY_CALLBACK, VERIFY_NOTIFY, VERIFY_NAME };

struct verify {
  lua_State *L;
  bool raised; /* the callback raised; what it raised is on top of the stack */
};

static void push_report(lua_State *L, const hf_verify_report *r) {
  lua_createtable(L, 0, 6);
  lua_pushnumber(L, (lua_Number)r->entities);
  lua_setfield(L, -2, "entities");
  lua_pushnumber(L, (lua_Number)r->bytes);
  lua_setfield(L, -2, "bytes");
  lua_pushnumber(L, (lua_Number)r->corrupt);
  lua_setfield(L, -2, "corrupt");
  lua_pushnumber(L, (lua_Number)r->quarantined);
  lua_setfield(L, -2, "quarantined");
  lua_pushnumber(L, (lua_Number)r->damaged);
  lua_setfield(L, -2, "damaged");
  lua_pushnumber(L, (lua_Number)r->incomplete);
  lua_setfield(L, -2, "incomplete");
}

/* What the callback gets, collected for a call that may run out of memory under pcall only. */
struct notice {
  hf_slice entity_name;
  const hf_entry *entry;
  const char *problem;
  const hf_verify_report *so_far;
};

static int notify(lua_State *L) {
  const struct notice *n = lua_touserdata(L, 2);
  lua_pushvalue(L, 1);
  lua_createtable(L, 0, 4);
  lua_pushlstring(L, n->entity_name.data, n->entity_name.size);
  lua_setfield(L, -2, "entityName");
  if (n->entry) {
    lua_pushlstring(L, n->entry->id.data, n->entry->id.size);
    lua_setfield(L, -2, "entityId");
  }
  if (n->problem) {
    lua_pushstring(L, n->problem);
    lua_setfield(L, -2, "problem");
  }
  push_report(L, n->so_far);
  lua_setfield(L, -2, "report");
  lua_call(L, 1, 1);
  lua_pushboolean(L, lua_isnil(L, -1) || lua_toboolean(L, -1));
  return 1;
}

static bool on_verify(void *arg, hf_slice entity_name, const hf_entry *entry, const char *problem,
                      const hf_verify_report *so_far) {
  struct verify *v = arg;
  struct notice n = {entity_name, entry, problem, so_far};
  lua_pushvalue(v->L, VERIFY_NOTIFY);
  lua_pushvalue(v->L, VERIFY_CALLBACK);
  lua_pushlightuserdata(v->L, &n);
  if (lua_pcall(v->L, 2, 1, 0)) {
    v->raised = true;
    return false;
  }
  bool go_on = lua_toboolean(v->L, -1);
  lua_pop(v->L, 1);
  return go_on;
}

/* store:verify([{entityName=, dryRun=, onEvent=function({entityName=, entityId=, problem=, report=})}]) -> report */
static int lhf_store_verify(lua_State *L) {
  hf_error err;
  hf_verify_report report;
  hf_slice name = {NULL, 0};
  bool dry_run = false;
  check_store(L);
  lua_settop(L, VERIFY_OPTIONS);
  luaL_checkstack(L, 16, "verify");
  lua_pushnil(L); /* VERIFY_CALLBACK */
  lua_pushcfunction(L, notify);
  lua_pushnil(L); /* VERIFY_NAME: kept here, since the callback may change the options */
  if (!lua_isnil(L, 2)) {
    if (!lua_istable(L, 2)) hfL_misuse(L, "verify: options must be a table, not a %s", luaL_typename(L, 2));
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
      const char *option = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
      if (strcmp(option, "dryRun") == 0) {
        if (!lua_isboolean(L, -1)) hfL_misuse(L, "verify: dryRun must be true or false");
        dry_run = lua_toboolean(L, -1);
      } else if (strcmp(option, "entityName") == 0) {
        if (lua_type(L, -1) != LUA_TSTRING) hfL_misuse(L, "verify: entityName must be a string");
        name.data = lua_tolstring(L, -1, &name.size);
        lua_pushvalue(L, -1);
        lua_replace(L, VERIFY_NAME);
      } else if (strcmp(option, "onEvent") == 0) {
        if (!lua_isfunction(L, -1)) hfL_misuse(L, "verify: onEvent must be a function");
        lua_pushvalue(L, -1);
        lua_replace(L, VERIFY_CALLBACK);
      } else {
        hfL_misuse(L, "verify: there is no option '%s': entityName, dryRun and onEvent exist", option);
      }
    }
  }
  struct verify v = {L, false};
  hf_status status = hf_store_verify(check_store(L), name, dry_run, lua_isnil(L, VERIFY_CALLBACK) ? NULL : on_verify,
                                     &v, &report, &err);
  if (v.raised) hfL_throw(L);
  if (status) hfL_raise(L, &err);
  push_report(L, &report);
  return 1;
}

void hfL_store_open(lua_State *L, int cx) {
  static const luaL_Reg methods[] = {{"entities", lhf_store_entities}, {"stat", lhf_store_stat},
                                     {"settings", lhf_store_settings}, {"verify", lhf_store_verify},
                                     {"revision", lhf_store_revision}, {"snapshot", lhf_store_snapshot},
                                     {"close", store_close},           {NULL, NULL}};
  static const luaL_Reg functions[] = {{"openStore", lhf_open_store},       {"openStoreAsIs", lhf_open_store_as_is},
                                       {"isSameStore", lhf_is_same_store},  {"storeOf", lhf_store_of},
                                       {"settingTable", lhf_setting_table}, {NULL, NULL}};
  luaL_newmetatable(L, STORE_TYPE);
  lua_pushcfunction(L, store_close);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  hfL_register(L, cx, methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "__index");
  lua_setfield(L, -3, "storeMethods"); /* for those that are written in Lua */
  lua_pop(L, 1);
  hfL_register(L, cx, functions);
}
