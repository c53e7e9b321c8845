/* SPDX-License-Identifier: MIT
 *
 * How script classes get handles.
 *
 * An instance asks for its own when it is made: serve() puts a script_entity behind
 * it.  What the class has, and what it promises, was found out by
 * lua/holdfast/script.lua.
 *
 * A URL "lua:MODULE" or "lua:PATH.lua", with ?base=DIR, makes an instance in the
 * runtime of the calling thread and a handle that keeps it.  So a C program opens a
 * script as it opens any store.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "lua/script.h"

enum { BASE_MAX = 400 };

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
  hf__server server = {.backend = backend, .entity = e, .wraps = e->below};
  hf_status status = e->below ? HF_OK : adopt_store(e, backend, class, base, url, &server.store, err);
  if (status == HF_OK) status = hf__persist_serve(name, url, &server, out, err);
  if (status && server.store) {
    e->store->open = e->next_open;
    e->store = NULL;
    hf__store_release(server.store);
  }
  return status;
}

/* serve(instance, entityName, {class=, className=, methods=, capabilities=, ranges=, base=, url=}) -> handle */
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
  if (strlen(base) > BASE_MAX)
    hfL_misuse(L, "the base is %zu bytes long: at most %d are allowed", strlen(base), BASE_MAX);
  hf_persist **handle = hfL_push_handle(L);
  hfL_entity *e = new_entity(host, class_name, name);
  if (!e) return luaL_error(L, "not enough memory");
  e->methods = check_methods(L); /* the spec is a plain table of our own: nothing is raised */
  e->capabilities = check_capabilities(L);
  e->ranges = spec_flag(L, "ranges");
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

/* ---- URLs */

struct open_call {
  hf_slice name;
  const char *module, *base;
  hf_persist **out;
};

/* Pushes what the file returns; each file is run once in a state. */
static void push_file(lua_State *L, const char *path) {
  char absolute[PATH_MAX];
  if (!realpath(path, absolute)) {
    hf_error err;
    hf__fail(&err, HF_NOT_FOUND, "there is no adapter file %s", path);
    hfL_raise(L, &err);
  }
  lua_getfield(L, LUA_REGISTRYINDEX, "holdfast.files");
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_createtable(L, 0, 4);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, "holdfast.files");
  }
  lua_getfield(L, -1, absolute);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  if (luaL_loadfile(L, path)) lua_error(L);
  lua_call(L, 0, 1);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, absolute);
}

static void push_class(lua_State *L, const char *module) {
  size_t size = strlen(module);
  lua_getglobal(L, "require"); /* the classes that it extends are made here, wherever it looks for them */
  lua_pushliteral(L, "holdfast");
  lua_call(L, 1, 0);
  if (size > 4 && strcmp(module + size - 4, ".lua") == 0) {
    push_file(L, module);
  } else {
    lua_getglobal(L, "require");
    lua_pushstring(L, module);
    lua_call(L, 1, 1);
  }
  bool is_class = lua_istable(L, -1);
  if (is_class) {
    lua_pushliteral(L, "instances");
    lua_rawget(L, -2);
    is_class = lua_istable(L, -1);
    lua_pop(L, 1);
  }
  if (!is_class)
    hfL_misuse(L, "'%s' returned a %s: an adapter returns its class, made with holdfast.PersistBase:extend(\"Name\")",
               module, luaL_typename(L, -1));
}

static int open_body(lua_State *L) {
  const struct open_call *c = lua_touserdata(L, 1);
  hf_error err;
  push_class(L, c->module);
  lua_pushlstring(L, c->name.data, c->name.size);
  lua_pushstring(L, c->base);
  lua_call(L, 2, 1);
  int instance = lua_gettop(L);
  if (lua_istable(L, instance)) lua_rawgeti(L, instance, 0);
  hf_persist *p = hfL_to_handle(L, -1);
  if (!p) hfL_misuse(L, "'%s': its class made no instance", c->module);
  hfL_entity *e = hfL_served_by(p);
  if (!e) { /* a class without methods of its own: its store as it is */
    if (hf_persist_open(p->name, p->base, &p->options, c->out, &err)) hfL_raise(L, &err);
    return 0;
  }
  if (e->instance_ref == LUA_NOREF) {
    lua_pushvalue(L, instance);
    e->instance_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  hf__server server = {p->backend, (void *)(uintptr_t)&hfL_keeper, e, p->wraps ? NULL : p->store, p->wraps};
  if (hf__persist_serve(p->name, p->url, &server, c->out, &err)) hfL_raise(L, &err);
  if (server.store) hf__store_ref(server.store);
  e->refs++;
  e->handles++;
  e->keepers++;
  return 0;
}

/* The value of "base=..." in a query, with %XX decoded, or "". */
static void find_base(const char *query, char *out, size_t capacity) {
  size_t n = 0;
  if (strncmp(query, "base=", 5) == 0)
    for (const char *p = query + 5; *p && *p != '&' && n + 1 < capacity; p++) {
      const char digits[] = {p[1], p[1] ? p[2] : '\0', '\0'};
      char *end = NULL;
      unsigned long code = *p == '%' ? strtoul(digits, &end, 16) : 0;
      if (code && end == digits + 2) {
        out[n++] = (char)code;
        p += 2;
      } else {
        out[n++] = *p;
      }
    }
  out[n] = '\0';
}

static hf_status handle_open(const hf_location *at, hf_slice entity_name, hf_persist **out, hf_error *err) {
  char base[BASE_MAX + 2];
  hfL_host *host = hfL_host_of_thread();
  if (!host)
    return hf__fail(err, HF_UNSUPPORTED,
                    "lua:%s needs a Lua runtime in this thread: call hf_runtime_open() first, here", at->rest);
  if (!*at->path)
    return hf__fail(err, HF_INVALID_ARGUMENT,
                    "lua: which adapter?  Give a module or a file: lua:my.adapter, "
                    "lua:./adapter.lua");
  find_base(at->query, base, sizeof base);
  struct open_call c = {entity_name, at->path, base, out};
  *out = NULL;
  return hfL_host_call(host, open_body, &c, err);
}

/* ---- whole stores by such a URL: each entity is a handle of the above */

struct lua_store {
  char *module, *query;
};

static hf_status identify(const hf_location *at, char identity[HF_IDENTITY_MAX], hf_error *err) {
  const hfL_host *host = hfL_host_of_thread();
  if (!host)
    return hf__fail(err, HF_UNSUPPORTED,
                    "lua:%s needs a Lua runtime in this thread: call hf_runtime_open() first, here", at->rest);
  int size = snprintf(identity, HF_IDENTITY_MAX, "%u/%s?%s", host->number, at->path, at->query);
  if (size < HF_IDENTITY_MAX) return HF_OK;
  return hf__fail(err, HF_INVALID_ARGUMENT, "this lua: URL is too long");
}

static void close_store(void *store) {
  struct lua_store *s = store;
  free(s->module);
  free(s->query);
  free(s);
}

static hf_status open_store(const hf_location *at, void **store, hf_error *err) {
  struct lua_store *s = calloc(1, sizeof *s);
  if (!s) return hf__fail(err, HF_IO, "out of memory");
  s->module = strdup(at->path);
  s->query = strdup(at->query);
  *store = s;
  if (s->module && s->query) return HF_OK;
  close_store(s);
  return hf__fail(err, HF_IO, "out of memory");
}

static hf_status open_on(void *store, hf_slice name, hf_persist **out, hf_error *err) {
  const struct lua_store *s = store;
  const hf_location at = {.scheme = "lua", .rest = s->module, .path = s->module, .query = s->query};
  return handle_open(&at, name, out, err);
}

static hf_status entity_open(void *store, hf_slice name, void **entity, hf_error *err) {
  hf_persist *p = NULL;
  hf_status status = open_on(store, name, &p, err);
  *entity = p;
  return status;
}

static void entity_close(void *store, void *entity) {
  (void)store;
  hf_persist_close(entity);
}

static hf_status entity_init(void *store, void *entity, hf_error *err) {
  (void)store;
  return hf_persist_init(entity, err);
}

/* The slots that whole stores use; the handle's own slots do the work.  verify and stat are all there is. */

static hf_status scan(void *store, void *txn, void *entity, const hf_scan *scan, hf_page *page, bool *more,
                      hf_error *err) {
  (void)store;
  hf_persist *p = entity;
  return p->backend->scan(p->impl, txn, p->entity, scan, page, more, err);
}

static hf_status only_handles(hf_error *err) {
  return hf__fail(err, HF_UNSUPPORTED, "a whole lua: store cannot do this: open an entity type of it");
}

static hf_status get(void *store, void *txn, void *entity, const hf_key *key, hf_buffer *json, hf_info *info,
                     hf_error *err) {
  (void)store, (void)txn, (void)entity, (void)key, (void)json, (void)info;
  return only_handles(err);
}

static hf_status has(void *store, void *txn, void *entity, const hf_key *key, hf_error *err) {
  (void)store, (void)txn, (void)entity, (void)key;
  return only_handles(err);
}

static hf_status put(void *store, void *txn, void *entity, const hf_put *put, const hf_write_options *options,
                     hf_info *info, hf_error *err) {
  (void)store, (void)txn, (void)entity, (void)put, (void)options, (void)info;
  return only_handles(err);
}

static hf_status clear(void *store, void *txn, void *entity, hf_error *err) {
  (void)store, (void)txn, (void)entity;
  return only_handles(err);
}

static hf_status count(void *store, void *txn, void *entity, uint64_t *n, hf_error *err) {
  (void)store, (void)txn, (void)entity;
  *n = 0;
  return only_handles(err);
}

/* The entity names: of the store that the class extends; a class of its own may know them itself. */

struct names_call {
  const struct lua_store *store;
  hf_page *page;
  bool known;
};

static int names_body(lua_State *L) {
  struct names_call *c = lua_touserdata(L, 1);
  char base[BASE_MAX + 2];
  push_class(L, c->store->module);
  lua_getfield(L, -1, "entityNames");
  if (!lua_isfunction(L, -1)) return 0;
  c->known = true;
  find_base(c->store->query, base, sizeof base);
  lua_pushstring(L, base);
  lua_call(L, 1, 1);
  if (!lua_istable(L, -1)) hfL_misuse(L, "entityNames must return a list of names, not a %s", luaL_typename(L, -1));
  for (int i = 1;; i++) {
    lua_rawgeti(L, -1, i);
    if (lua_isnil(L, -1)) return 0;
    hf_slice name;
    name.data = luaL_checklstring(L, -1, &name.size);
    hf_error err;
    if (hf__entity_name_check(name, &err)) hfL_raise(L, &err);
    if (!hf_page_add(c->page, name, NULL, 0)) return luaL_error(L, "not enough memory");
    lua_pop(L, 1);
  }
}

static hf_status entities(void *store, void *txn, hf_page *page, hf_error *err) {
  struct names_call c = {store, page, false};
  hfL_host *host = hfL_host_of_thread();
  if (!host) return hf__fail(err, HF_UNSUPPORTED, "this lua: store belongs to another thread");
  hf_status status = hfL_host_call(host, names_body, &c, err);
  if (status || c.known) return status;
  hf_persist *p;
  status = open_on(store, hf_text("entities"), &p, err);
  if (status) return status;
  status = hf_persist_init(p, err);
  if (status == HF_OK && (p->wraps || !p->served))
    status = p->store->backend->entities(p->store->impl, txn, page, err);
  else if (status == HF_OK)
    status = hf__fail(err, HF_UNSUPPORTED,
                      "this class does not say which entity names it has: give it a function entityNames(baseDir) that "
                      "returns a list");
  hf_persist_close(p);
  return status;
}

static hf_status stat_store(void *store, void *txn, void *entity, hf_buffer *json, hf_error *err) {
  const struct lua_store *s = store;
  (void)txn;
  if (entity) return hf_persist_stat(entity, json, err);
  json->size = 0;
  bool ok = hf_buffer_printf(json, "{\"backend\":\"lua\",\"module\":") && hf_buffer_quote(json, hf_text(s->module)) &&
            hf_buffer_printf(json, "}");
  return ok ? HF_OK : hf__fail(err, HF_IO, "out of memory");
}

static const char *const parameters[] = {"base", NULL};

static const hf_backend lua_backend = {
    .abi_version = HF_BACKEND_ABI,
    .name = "lua",
    .parameters = parameters,
    .identify = identify,
    .open = open_store,
    .close = close_store,
    .entity_open = entity_open,
    .entity_close = entity_close,
    .entity_init = entity_init,
    .get = get,
    .has = has,
    .put = put,
    .remove = has,
    .clear = clear,
    .count = count,
    .scan = scan,
    .entities = entities,
    .stat = stat_store,
    .handle_open = handle_open,
};

__attribute__((constructor)) static void register_scheme(void) { hf_backend_register(&lua_backend, NULL); }

/* ---- for scripts */

/* steps(what, f, s, c) -> function: see hfL_push_steps */
static int lhf_steps(lua_State *L) {
  const char *what = luaL_checkstring(L, 1);
  lua_settop(L, 4);
  hfL_push_steps(L, what);
  return 1;
}

/* naturalOrder(a, b) -> boolean: whether id a comes before id b, for table.sort */
static int lhf_natural_order(lua_State *L) {
  unsigned char keys[2][HF__ORDER_KEY_MAX];
  hf_slice order[2];
  for (int i = 0; i < 2; i++) {
    char number[HF_NUMBER_MAX];
    hf_slice id = hfL_check_id(L, i + 1, "naturalOrder: each id", number);
    order[i] = (hf_slice){(const char *)keys[i], hf_order_key(id, keys[i])};
    if (!order[i].size)
      hfL_misuse(L, "naturalOrder: \"%.*s\" is no valid id", (int)(id.size < 200 ? id.size : 200), id.data);
  }
  lua_pushboolean(L, hf__order_compare(order[0], order[1]) < 0);
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
  static const luaL_Reg functions[] = {{"serve", lhf_serve},
                                       {"steps", lhf_steps},
                                       {"copy", lhf_copy},
                                       {"naturalOrder", lhf_natural_order},
                                       {NULL, NULL}};
  hfL_register(L, cx, functions);
}
