/* SPDX-License-Identifier: MIT
 *
 * Indexes of script classes: see index.h.
 */
#include "lua/script/index.h"

#include <lauxlib.h>
#include <string.h>

#include "base/error.h"
#include "index/index.h"
#include "lua/codec/json.h"
#include "lua/script/value.h"
#include "lua/script/wrapped.h"
#include "lua/state/error.h"

/* Whether a definition, as hf__index_define() makes it, is that of a unique index; and its paths as JSON. */
static bool is_unique(hf_slice definition) { return memcmp(definition.data + definition.size - 5, "true}", 5) == 0; }
static hf_slice paths_of(hf_slice definition) {
  const char *unique = memrchr(definition.data, ',', definition.size);
  return (hf_slice){definition.data, (size_t)(unique - definition.data)};
}

/* ---- indexes() */

struct list_call {
  hfL_call call;
  hf_page *page;
  hf_buffer definition, name; /* of the one that is looked at */
};

/* A member of an index on top of the stack, which is true or false, or left out. */
static bool flag(lua_State *L, const hfL_call *call, const char *name, bool otherwise) {
  lua_getfield(L, -1, name);
  if (!lua_isnil(L, -1) && !lua_isboolean(L, -1))
    hfL_blame(L, call, "must give true or false as `%s` of each index, not a %s", name, luaL_typename(L, -1));
  bool value = lua_isnil(L, -1) ? otherwise : lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

/* Makes the definition of the index on top of the stack. */
static void define(lua_State *L, struct list_call *c) {
  hf_error err;
  const char *paths[HF_INDEX_PATHS_MAX];
  bool unique = flag(L, &c->call, "unique", false);
  lua_getfield(L, -1, "paths");
  size_t count = lua_istable(L, -1) ? lua_objlen(L, -1) : 0;
  if (count == 0 || count > HF_INDEX_PATHS_MAX)
    hfL_blame(L, &c->call, "must give a list of 1 to %d texts as `paths` of each index", HF_INDEX_PATHS_MAX);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (int)i + 1);
    if (lua_type(L, -1) != LUA_TSTRING)
      hfL_blame(L, &c->call, "must give texts as `paths` of each index, not a %s", luaL_typename(L, -1));
    paths[i] = lua_tostring(L, -1);
    lua_pop(L, 1); /* the list keeps it */
  }
  if (hf__index_define(paths, count, unique, &c->definition, &c->name, &err))
    hfL_blame(L, &c->call, "gave `paths` that are none: %s", err.message);
  lua_pop(L, 1);
}

/* Adds the index on top of the stack to the page. */
static void add(lua_State *L, struct list_call *c) {
  if (!lua_istable(L, -1))
    hfL_blame(L, &c->call, "must return a list of tables {paths=, unique=}, not of a %s", luaL_typename(L, -1));
  define(L, c);
  bool ready = flag(L, &c->call, "ready", true), ok;
  lua_getfield(L, -1, "entries");
  uint64_t entries = hfL_method_number(L, -1);
  bool counts = entries || (lua_type(L, -1) == LUA_TNUMBER && lua_tonumber(L, -1) == 0);
  lua_pop(L, 1);
  c->definition.size--; /* the brace that ends it */
  ok = hf_buffer_printf(&c->definition, ",\"ready\":%s", ready ? "true" : "false");
  if (ok && counts) ok = hf_buffer_printf(&c->definition, ",\"entries\":%llu", (unsigned long long)entries);
  if (!ok || !hf_buffer_add(&c->definition, "}", 1) ||
      !hf_page_add(c->page, (hf_slice){c->name.data, c->name.size}, c->definition.data, c->definition.size))
    hfL_no_memory(L);
}

static int list_body(lua_State *L) {
  struct list_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  lua_call(L, 1, 1);
  if (!lua_istable(L, -1))
    hfL_blame(L, &c->call, "must return a list of indexes, {{paths={\"symbol\"}, unique=false}}, not a %s",
              luaL_typename(L, -1));
  size_t count = lua_objlen(L, -1);
  for (size_t i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, (int)i);
    add(L, c);
    lua_pop(L, 1);
  }
  return 0;
}

static hf_status list(hfL_instance *e, hf_page *page, hf_error *err) {
  struct list_call c = {.page = page, .definition = HF_BUFFER_INIT, .name = HF_BUFFER_INIT};
  hf_status status = hfL_instance_call(e, HFL_INDEXES, list_body, &c.call, err);
  hf_buffer_free(&c.definition);
  hf_buffer_free(&c.name);
  return status;
}

hf_status hfL_script_index_list(void *store, void *txn, void *collection, hf_page *page, hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  if (hfL_is_wrapped(e, HFL_METHOD(INDEXES))) {
    HFL_FORWARD(index_list, txn, page, err);
  }
  return list(e, page, err);
}

/* ---- createIndex(paths, options, steps), dropIndex(paths) */

struct change_call {
  hfL_call call;
  hf_slice definition;
};

/* Pushes the list of the definition's paths. */
static void push_paths(lua_State *L, const struct change_call *c) {
  hf_error err;
  hfL_codec *codec = c->call.instance->state->context->codec;
  if (hfL_json_decode_trusted(L, c->definition.data, c->definition.size, codec, &err)) hfL_raise(L, &err);
  lua_getfield(L, -1, "paths");
  lua_remove(L, -2);
}

/* Pushes the steps of the path on top of the stack, as conditions have them: names, and places from 1. */
static void push_steps(lua_State *L) {
  hf_error err;
  hf__index_path path;
  hf_slice text = {NULL, 0};
  text.data = lua_tolstring(L, -1, &text.size);
  hf_status status = hf__index_path_read(text, &path, &err);
  lua_createtable(L, (int)path.count, 0);
  for (size_t i = 0; status == HF_OK && i < path.count; i++) {
    const hf_step *step = &path.steps[i];
    if (step->field.data)
      lua_pushlstring(L, step->field.data, step->field.size);
    else
      lua_pushinteger(L, (lua_Integer)step->place);
    lua_rawseti(L, -2, (int)i + 1);
  }
  hf__index_path_free(&path);
  if (status) hfL_raise(L, &err);
}

/* Pushes the steps of each path of the list on top of the stack. */
static void push_all_steps(lua_State *L) {
  int paths = lua_gettop(L), count = (int)lua_objlen(L, paths);
  lua_createtable(L, count, 0);
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, paths, i);
    push_steps(L);
    lua_rawseti(L, -3, i);
    lua_pop(L, 1);
  }
}

static int make_body(lua_State *L) {
  const struct change_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  push_paths(L, c);
  push_all_steps(L);
  lua_createtable(L, 0, 1);
  lua_pushboolean(L, is_unique(c->definition));
  lua_setfield(L, -2, "unique");
  lua_insert(L, -2);
  lua_call(L, 4, 0);
  return 0;
}

static int drop_body(lua_State *L) {
  const struct change_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  push_paths(L, c);
  lua_call(L, 2, 0);
  return 0;
}

/* What the class's list has of the index: nothing, another one, it itself, or that it is not ready. */
enum found { NOTHING, OTHER, READY, UNREADY };
static enum found look(const hf_page *page, hf_slice definition) {
  hf_slice paths = paths_of(definition);
  static const char ready[] = ",\"ready\":true";
  for (size_t i = 0; i < page->count; i++) {
    hf_slice json = page->entries[i].json;
    if (json.size < definition.size || memcmp(json.data, paths.data, paths.size) != 0 || json.data[paths.size] != ',')
      continue;
    if (memcmp(json.data, definition.data, definition.size - 1) != 0) return OTHER;
    return memcmp(json.data + definition.size - 1, ready, sizeof ready - 1) == 0 ? READY : UNREADY;
  }
  return NOTHING;
}

static hf_status make(hfL_instance *e, hf_slice definition, hf_error *err) {
  hf_page *page = hf_page_new();
  hf_status status = page ? list(e, page, err) : hf__no_memory(err);
  enum found found = status ? NOTHING : look(page, definition);
  hf_page_free(page);
  if (status || found == READY) return status;
  if (found == OTHER) return HF_CONFLICT;
  struct change_call c = {.definition = definition};
  return hfL_instance_call(e, HFL_CREATE_INDEX, make_body, &c.call, err);
}

hf_status hfL_script_index_make(void *store, void *collection, hf_slice definition, hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  if (hfL_is_wrapped(e, HFL_METHOD(CREATE_INDEX))) {
    HFL_FORWARD(index_make, definition, err);
  }
  e->refs++; /* its methods may close it */
  hf_status status = make(e, definition, err);
  hfL_instance_unref(e);
  return status;
}

static hf_status drop(hfL_instance *e, hf_slice name, hf_error *err) {
  hf_page *page = hf_page_new();
  hf_status status = page ? list(e, page, err) : hf__no_memory(err);
  const hf_entry *found = NULL;
  for (size_t i = 0; status == HF_OK && !found && i < page->count; i++) {
    const hf_entry *entry = &page->entries[i];
    if (entry->id.size == name.size && memcmp(entry->id.data, name.data, name.size) == 0) found = entry;
  }
  struct change_call c = {0};
  if (found) c.definition = found->json;
  if (status == HF_OK) status = found ? hfL_instance_call(e, HFL_DROP_INDEX, drop_body, &c.call, err) : HF_NOT_FOUND;
  hf_page_free(page);
  return status;
}

hf_status hfL_script_index_drop(void *store, void *collection, hf_slice name, hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  if (hfL_is_wrapped(e, HFL_METHOD(DROP_INDEX))) {
    HFL_FORWARD(index_drop, name, err);
  }
  e->refs++;
  hf_status status = drop(e, name, err);
  hfL_instance_unref(e);
  return status;
}

/* ---- the wrapped store's */

hf_status hfL_script_index_set(void *store, void *txn, void *collection, hf_index_set **set, hf_error *err) {
  (void)store;
  const hfL_instance *e = collection;
  HFL_FORWARD(index_set, txn, set, err);
}

hf_status hfL_script_index_each(void *store, void *txn, void *collection, const hf_index *index,
                                const hf_index_walk *walk, hf_index_entry_fn *fn, void *arg, hf_error *err) {
  (void)store;
  const hfL_instance *e = collection;
  HFL_FORWARD(index_each, txn, index, walk, fn, arg, err);
}

hf_status hfL_script_index_check(void *store, void *collection, hf_slice name, hf_index_problem_fn *fn, void *arg,
                                 hf_error *err) {
  (void)store;
  const hfL_instance *e = collection;
  HFL_FORWARD(index_check, name, fn, arg, err);
}

hf_status hfL_script_index_rebuild(void *store, void *collection, hf_slice name, hf_error *err) {
  (void)store;
  const hfL_instance *e = collection;
  HFL_FORWARD(index_rebuild, name, err);
}
