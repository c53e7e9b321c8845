/* SPDX-License-Identifier: MIT
 *
 * How script classes get handles.
 *
 * An instance asks for its own when it is made: serve() puts a script_entity behind
 * it.  What the class has, and what it promises, was found out by
 * lua/holdfast/script.lua.
 *
 * URLs that mean instances are in url.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "lua/script/script.h"

/* ---- instances */

/* What lies where on the stack of serve(). */
enum { INSTANCE = 1, NAME, SPEC, CLASS, HANDLE };

static uint32_t check_methods(lua_State *L) {
  uint32_t methods = 0;
  lua_getfield(L, SPEC, "methods");
  for (int i = 0; i < HFL_METHOD_COUNT; i++) {
    lua_getfield(L, -1, hfL_method_name((hfL_method)i));
    if (lua_toboolean(L, -1)) methods |= 1U << i;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return methods;
}

static uint32_t check_capabilities(lua_State *L) {
  uint32_t capabilities = 0;
  lua_getfield(L, SPEC, "capabilities");
#define TAKE_CAPABILITY(id, bit, name, promise)                                                                        \
  lua_getfield(L, -1, name);                                                                                           \
  if (lua_toboolean(L, -1)) capabilities |= HF_CAP_##id;                                                               \
  lua_pop(L, 1);
  HF_CAPABILITY_MAP(TAKE_CAPABILITY)
#undef TAKE_CAPABILITY
  lua_pop(L, 1);
  return capabilities;
}

static const char *spec_text(lua_State *L, const char *field) {
  lua_getfield(L, SPEC, field);
  const char *text = luaL_optstring(L, -1, "");
  lua_pop(L, 1); /* the table keeps it */
  return text;
}

static bool spec_flag(lua_State *L, const char *field) {
  lua_getfield(L, SPEC, field);
  bool flag = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return flag;
}

static void free_cursors(hfL_entity *e) {
  for (int i = 0; e->cursors && i < HFL_CURSORS; i++) hf_page_free(e->cursors[i].ids);
  free(e->cursors);
  e->cursors = NULL;
}

void hfL_entity_unref(hfL_entity *e) {
  if (--e->refs) return;
  free_cursors(e);
  hfL_host_release(e->host, e->class_ref);
  if (e->below) hf__persist_unref(e->below);
  hfL_host_unref(e->host);
  free(e->class_name);
  free(e->name);
  free(e);
}

/* The entity, without its references into Lua.  NULL: out of memory. */
static hfL_entity *new_entity(hfL_host *host, const char *class_name, hf_slice name) {
  hfL_entity *e = calloc(1, sizeof *e);
  if (!e) return NULL;
  e->class_ref = e->instance_ref = LUA_NOREF;
  e->refs = e->handles = 1;
  e->class_name = strdup(class_name);
  e->name = strndup(name.data, name.size);
  e->host = host;
  hfL_host_ref(host);
  if (e->class_name && e->name) return e;
  hfL_entity_unref(e);
  return NULL;
}

/* The store of a class of its own: the same for all instances of the class with one base. */
static hf_status adopt_store(hfL_entity *e, const hf_backend *backend, const void *class, const char *base,
                             const char *url, hf_store **store, hf_error *err) {
  char identity[HF_IDENTITY_MAX];
  snprintf(identity, sizeof identity, "%u/%p/%s", e->host->number, class, base);
  hfL_script_store *s = calloc(1, sizeof *s);
  if (!s) return hf__fail(err, HF_IO, "out of memory");
  s->host = e->host;
  hfL_host_ref(s->host);
  hf_status status = hf__store_adopt(backend, identity, url, s, store, err);
  if (status) {
    hfL_host_unref(s->host);
    free(s);
    return status;
  }
  e->store = (*store)->impl;
  e->next_open = e->store->open;
  e->store->open = e;
  return HF_OK;
}

/* Everything of serve() that allocates nothing in Lua. */
static hf_status make_handle(hfL_entity *e, hf_slice name, const void *class, const char *base, const char *url,
                             hf_persist **out, hf_error *err) {
  const hf_backend *backend = hfL_script_backend(e->methods, e->below ? e->below->backend : NULL, e->capabilities);
  if (!backend) return hf__fail(err, HF_IO, "out of memory");
  hf__server server = {.backend = backend, .entity = e, .wraps = e->below, .base = base};
  hf_status status = e->below ? HF_OK : adopt_store(e, backend, class, base, url, &server.store, err);
  if (status == HF_OK) status = hf__persist_serve(name, url, &server, out, err);
  if (status && server.store) {
    e->store->open = e->next_open;
    e->store = NULL;
    hf__store_release(server.store);
  }
  return status;
}

/* serve(instance, entityName, {class=, className=, methods=, capabilities=, ranges=, entryRanges=, base=, url=}) ->
 * handle */
static int lhf_serve(lua_State *L) {
  hf_error err;
  hf_slice name;
  char number[HF_NUMBER_MAX];
  hfL_host *host = hfL_host_of(L, hfL_context_of(L));
  if (lua_type(L, NAME) != LUA_TSTRING) hfL_misuse(L, "entityName must be a string, not a %s", luaL_typename(L, NAME));
  name = hfL_check_id(L, NAME, "entityName", number);
  lua_settop(L, SPEC);
  lua_getfield(L, SPEC, "class");
  const char *class_name = spec_text(L, "className"), *base = spec_text(L, "base"), *url = spec_text(L, "url");
  if (strlen(base) > HFL_BASE_MAX)
    hfL_misuse(L, "the base is %zu bytes long: at most %d are allowed", strlen(base), HFL_BASE_MAX);
  hf_persist **handle = hfL_push_handle(L);
  hfL_entity *e = new_entity(host, class_name, name);
  if (!e) return luaL_error(L, "not enough memory");
  e->methods = check_methods(L); /* the spec is a plain table of our own: nothing is raised */
  e->capabilities = check_capabilities(L);
  e->ranges = spec_flag(L, "ranges");
  e->entry_ranges = spec_flag(L, "entryRanges");
  e->texts = spec_flag(L, "texts");
  lua_rawgeti(L, INSTANCE, -1);
  e->below = hfL_to_handle(L, -1);
  if (e->below) hf__persist_ref(e->below);
  hf_status status = make_handle(e, name, lua_topointer(L, CLASS), base, url, handle, &err);
  if (status) {
    hfL_entity_unref(e);
    hfL_raise(L, &err);
  }
  hf__persist_ref(*handle); /* the userdata's own; from here on the userdata cleans up */
  lua_settop(L, HANDLE);
  lua_pushvalue(L, CLASS);
  e->class_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  e->number = ++host->instances;
  lua_rawgeti(L, LUA_REGISTRYINDEX, host->instances_ref);
  lua_pushvalue(L, INSTANCE);
  lua_rawseti(L, -2, e->number);
  lua_pop(L, 1);
  return 1;
}

/* ---- for scripts */

/* steps(what, f, s, c) -> function: see hfL_push_steps */
static int lhf_steps(lua_State *L) {
  const char *what = luaL_checkstring(L, 1);
  lua_settop(L, 4);
  hfL_push_steps(L, what);
  return 1;
}

/* The order key of the id at `index`, in the memory of `key`.
 *   function, what  for errors: "orderKey", "orderKey: an id" */
static hf_slice check_order_key(lua_State *L, int index, const char *function, const char *what, hf__key *key) {
  hf_error err;
  char number[HF_NUMBER_MAX];
  hf_slice id = hfL_check_id(L, index, what, number);
  if (hf__key_init((hf_slice){NULL, 0}, id, key, &err)) hfL_misuse(L, "%s: %s", function, err.message);
  return key->key.order;
}

/* naturalOrder(a, b) -> boolean: whether id a comes before id b, for table.sort */
static int lhf_natural_order(lua_State *L) {
  hf__key keys[2];
  hf_slice order[2];
  for (int i = 0; i < 2; i++) order[i] = check_order_key(L, i + 1, "naturalOrder", "naturalOrder: each id", &keys[i]);
  lua_pushboolean(L, hf__order_compare(order[0], order[1]) < 0);
  return 1;
}

/* orderKey(id) -> string: ids are in natural order where these are in the order of their bytes */
static int lhf_order_key(lua_State *L) {
  hf__key key;
  hf_slice order = check_order_key(L, 1, "orderKey", "orderKey: the id", &key);
  lua_pushlstring(L, order.data, order.size);
  return 1;
}

/* copy(value) -> a value that shares nothing with it; raises for what cannot be stored */
static int lhf_copy(lua_State *L) {
  hf_error err;
  hf_slice json;
  hfL_context *cx = hfL_context_of(L);
  hf_buffer *text = hfL_buffer_borrow(L, cx);
  int owner = lua_gettop(L);
  hf_status status = hfL_json_encode(L, 1, cx->codec, &json, &err);
  text->size = 0;
  if (status == HF_OK && !hf_buffer_add(text, json.data, json.size)) status = hf__fail(&err, HF_IO, "out of memory");
  if (status == HF_OK) status = hfL_json_decode_trusted(L, text->data, text->size, cx->codec, &err);
  hfL_buffer_return(L, cx, owner);
  if (status) hfL_raise(L, &err);
  return 1;
}

void hfL_serve_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {{"serve", lhf_serve},        {"steps", lhf_steps},
                                       {"copy", lhf_copy},          {"naturalOrder", lhf_natural_order},
                                       {"orderKey", lhf_order_key}, {NULL, NULL}};
  hfL_register(L, cx, functions);
}
