/* SPDX-License-Identifier: MIT
 *
 * URLs that mean instances of script classes:
 *
 *   lua:MODULE?base=BASE       a class of somebody's own, by module or by file
 *   lua:./file.lua?base=BASE
 *   SCHEME://...               a backend of ours that is a script: the class in
 *                              backends/NAME/NAME.lua, whose base is the whole URL.  Its schemes
 *                              stand in backends/NAME/schemes
 *
 * The instance is made in the runtime of the calling thread, with a handle that keeps
 * it.  So a C program opens a script as it opens any store.
 *
 * What the options say is for the class to say to its store, but for read_only: no change of such a handle comes to the
 * class, and none of the class to the store that it wraps.
 */
#include "lua/script/url.h"

#include <lauxlib.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "core/persist.h"
#include "core/read_slots.h"
#include "core/settings.h"
#include "lua/codec/json.h"
#include "lua/script/instance.h"
#include "lua/script/schemes.h"
#include "lua/script/slots.h"
#include "lua/script/state.h"
#include "lua/state/error.h"
#include "lua/state/handle.h"

struct open_call {
  hf_slice name;
  const char *module, *base;
  bool read_only;
  hf_persist **out;
};

/* Pushes the class that the module or file returns (lua/holdfast/load.lua); each is run once in a state. */
static void push_class(lua_State *L, const char *target) {
  size_t size = strlen(target);
  bool is_file = size > 4 && strcmp(target + size - 4, ".lua") == 0;
  char absolute[PATH_MAX];
  bool is_there = is_file && realpath(target, absolute);
  lua_getglobal(L, "require"); /* the classes that it extends are made here, wherever it looks for them */
  lua_pushliteral(L, "holdfast");
  lua_call(L, 1, 0);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "holdfast.load");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, is_file ? "file" : "module");
  lua_pushstring(L, target);
  if (is_there) lua_pushstring(L, absolute);
  lua_call(L, is_there ? 2 : 1, 1);
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
  hfL_instance *e = hfL_attached_to(p);
  if (!e) { /* a class without methods of its own: its store as it is */
    hf_options options = p->options;
    options.read_only |= c->read_only;
    if (hf_persist_open(p->name, p->base, &options, c->out, &err)) hfL_raise(L, &err);
    return 0;
  }
  if (e->instance_ref == LUA_NOREF) {
    lua_pushvalue(L, instance);
    e->instance_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  hf__attachment attachment = {.backend = p->backend,
                               .impl = (void *)(uintptr_t)&hfL_held_by_program,
                               .collection = e,
                               .store = p->wrapped ? NULL : p->store,
                               .wrapped = p->wrapped,
                               .base = p->base};
  if (hf__persist_attach(p->name, p->url, &attachment, c->out, &err)) hfL_raise(L, &err);
  if (c->read_only) hf__persist_make_read_only(*c->out);
  if (attachment.store) hf__store_ref(attachment.store);
  e->refs++;
  e->handles++;
  e->keepers++;
  return 0;
}

/* The value of "base=..." in a query, with %XX decoded, or "". */
static void find_base(const char *query, char out[HFL_BASE_MAX + 2]) {
  size_t n = 0;
  if (strncmp(query, "base=", 5) == 0)
    for (const char *p = query + 5; *p && *p != '&' && n <= HFL_BASE_MAX; p++) {
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

/* What a URL means: a module, and the base of its instances. */
struct target {
  const char *module;
  bool read_only;
  char base[HFL_BASE_MAX + 2]; /* longer ones are refused when the instance is made */
};

static hf_status find_target(const hf_location *at, struct target *out, hf_error *err) {
  out->read_only = at->options->read_only;
  for (const hf__script_scheme *s = hf__script_schemes; s->scheme; s++)
    if (strcmp(s->scheme, at->scheme) == 0) {
      out->module = s->module;
      snprintf(out->base, sizeof out->base, "%s:%s%s%s", at->scheme, at->rest, *at->query ? "?" : "", at->query);
      return HF_OK;
    }
  if (!*at->path)
    return hf__fail(err, HF_INVALID_ARGUMENT,
                    "lua: which adapter?  Give a module or a file: lua:my.adapter, lua:./adapter.lua");
  out->module = at->path;
  find_base(at->query, out->base);
  return HF_OK;
}

static hfL_state *find_state(const hf_location *at, hf_error *err) {
  hfL_state *state = hfL_state_of_thread();
  if (!state)
    hf__fail(err, HF_UNSUPPORTED, "a %s: store needs a Lua runtime in this thread: call hf_runtime_open() first, here",
             at->scheme);
  return state;
}

static hf_status open_target(hfL_state *state, hf_slice name, const struct target *target, hf_persist **out,
                             hf_error *err) {
  struct open_call c = {name, target->module, target->base, target->read_only, out};
  *out = NULL;
  return hfL_state_call(state, open_body, &c, err);
}

static hf_status handle_open(const hf_location *at, hf_slice entity_name, hf_persist **out, hf_error *err) {
  struct target target;
  hfL_state *state = find_state(at, err);
  hf_status status = state ? find_target(at, &target, err) : HF_UNSUPPORTED;
  return status ? status : open_target(state, entity_name, &target, out, err);
}

/* ---- whole stores by such a URL: each entity is a handle of the above */

struct lua_store {
  struct target target;
  char module[]; /* what target.module points to */
};

static hf_status resolve(const hf_location *at, char identity[HF_IDENTITY_MAX], hf_error *err) {
  struct target target;
  const hfL_state *state = find_state(at, err);
  hf_status status = state ? find_target(at, &target, err) : HF_UNSUPPORTED;
  if (status) return status;
  int size = snprintf(identity, HF_IDENTITY_MAX, "%u/%s?%s", state->number, target.module, target.base);
  if (size < HF_IDENTITY_MAX) return HF_OK;
  return hf__fail(err, HF_INVALID_ARGUMENT, "this %s: URL is too long", at->scheme);
}

static void close_store(void *store) { free(store); }

static hf_status open_store(const hf_location *at, void **store, hf_error *err) {
  struct target target;
  hf_status status = find_target(at, &target, err);
  if (status) return status;
  size_t size = strlen(target.module) + 1;
  struct lua_store *s = malloc(sizeof *s + size);
  if (!s) return hf__no_memory(err);
  memcpy(s->module, target.module, size);
  s->target = target;
  s->target.module = s->module;
  *store = s;
  return HF_OK;
}

static hf_status open_on(void *store, hf_slice name, hf_persist **out, hf_error *err) {
  const struct lua_store *s = store;
  hfL_state *state = hfL_state_of_thread();
  if (!state) return hf__fail(err, HF_UNSUPPORTED, "this lua: store belongs to another thread");
  return open_target(state, name, &s->target, out, err);
}

static hf_status collection_open(void *store, hf_slice name, void **collection, hf_error *err) {
  hf_persist *p = NULL;
  hf_status status = open_on(store, name, &p, err);
  *collection = p;
  return status;
}

static void collection_close(void *store, void *collection) {
  (void)store;
  hf_persist_close(collection);
}

static hf_status collection_init(void *store, void *collection, hf_error *err) {
  (void)store;
  return hf_persist_init(collection, err);
}

/* The slots that whole stores use; the handle's own slots do the work.  verify and stat are all there is. */

static hf_status scan(void *store, void *txn, void *collection, const hf_scan *scan, hf_page *page, bool *more,
                      hf_error *err) {
  (void)store;
  return hf__slot_scan(collection, txn, scan, page, more, err);
}

static hf_status only_handles(hf_error *err) {
  return hf__fail(err, HF_UNSUPPORTED, "a whole lua: store cannot do this: open a collection of it");
}

static hf_status get(void *store, void *txn, void *collection, const hf_key *key, hf_buffer *json, hf_info *info,
                     hf_error *err) {
  (void)store, (void)txn, (void)collection, (void)key, (void)json, (void)info;
  return only_handles(err);
}

static hf_status has(void *store, void *txn, void *collection, const hf_key *key, hf_error *err) {
  (void)store, (void)txn, (void)collection, (void)key;
  return only_handles(err);
}

static hf_status put(void *store, void *txn, void *collection, const hf_put *put, const hf_write_options *options,
                     hf_info *info, hf_error *err) {
  (void)store, (void)txn, (void)collection, (void)put, (void)options, (void)info;
  return only_handles(err);
}

static hf_status clear(void *store, void *txn, void *collection, hf_error *err) {
  (void)store, (void)txn, (void)collection;
  return only_handles(err);
}

static hf_status count(void *store, void *txn, void *collection, uint64_t *n, hf_error *err) {
  (void)store, (void)txn, (void)collection;
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
  push_class(L, c->store->target.module);
  lua_getfield(L, -1, "entityNames");
  if (!lua_isfunction(L, -1)) return 0;
  c->known = true;
  lua_pushstring(L, c->store->target.base);
  lua_call(L, 1, 1);
  if (!lua_istable(L, -1)) hfL_misuse(L, "entityNames must return a list of names, not a %s", luaL_typename(L, -1));
  for (int i = 1;; i++) {
    lua_rawgeti(L, -1, i);
    if (lua_isnil(L, -1)) return 0;
    hf_slice name;
    name.data = luaL_checklstring(L, -1, &name.size);
    hf_error err;
    if (hf__entity_name_check(name, &err)) hfL_raise(L, &err);
    if (!hf_page_add(c->page, name, NULL, 0)) return hfL_no_memory(L);
    lua_pop(L, 1);
  }
}

static hf_status entities(void *store, void *txn, hf_page *page, hf_error *err) {
  struct names_call c = {store, page, false};
  hfL_state *state = hfL_state_of_thread();
  if (!state) return hf__fail(err, HF_UNSUPPORTED, "this lua: store belongs to another thread");
  hf_status status = hfL_state_call(state, names_body, &c, err);
  if (status || c.known) return status;
  hf_persist *p;
  status = open_on(store, hf_text("entities"), &p, err);
  if (status) return status;
  status = hf_persist_init(p, err);
  if (status == HF_OK && (p->wrapped || !p->attached))
    status = hf__slot_entities(p, txn, page, err);
  else if (status == HF_OK)
    status = hf__fail(err, HF_UNSUPPORTED,
                      "this class does not say which entity names it has: give it a function entityNames(baseDir) that "
                      "returns a list");
  hf_persist_close(p);
  return status;
}

/* What is known of the store as a whole: a class may say it itself. */

struct stat_call {
  const struct lua_store *store;
  hf_buffer *json;
  bool known;
};

static int stat_body(lua_State *L) {
  struct stat_call *c = lua_touserdata(L, 1);
  push_class(L, c->store->target.module);
  lua_getfield(L, -1, "storeStat");
  if (!lua_isfunction(L, -1)) return 0;
  c->known = true;
  lua_pushstring(L, c->store->target.base);
  lua_call(L, 1, 1);
  hf_slice json;
  hf_error err;
  if (!lua_istable(L, -1)) hfL_misuse(L, "storeStat must return a table, not a %s", luaL_typename(L, -1));
  if (hfL_json_encode(L, -1, hfL_codec_of(L), &json, &err)) hfL_raise(L, &err);
  if (!hf_buffer_add(c->json, json.data, json.size)) return hfL_no_memory(L);
  return 0;
}

static hf_status stat_store(void *store, void *txn, void *collection, hf_buffer *json, hf_error *err) {
  const struct lua_store *s = store;
  (void)txn;
  if (collection) return hf_persist_stat(collection, json, err);
  struct stat_call c = {s, json, false};
  hfL_state *state = hfL_state_of_thread();
  if (!state) return hf__fail(err, HF_UNSUPPORTED, "this lua: store belongs to another thread");
  json->size = 0;
  hf_status status = hfL_state_call(state, stat_body, &c, err);
  if (status || c.known) return status;
  bool ok = hf_buffer_printf(json, "{\"backend\":\"lua\",\"module\":") &&
            hf_buffer_quote(json, hf_text(s->target.module)) && hf_buffer_printf(json, "}");
  return ok ? HF_OK : hf__no_memory(err);
}

/* Settings: a class may keep some for its whole store. */

struct settings_call {
  const struct lua_store *store;
  hf_page *page; /* receives those that are kept; NULL: the changes are to be made */
  const hf_setting_change *changes;
  size_t count;
};

/* Pushes the function of the class, and the base. */
static void push_settings_function(lua_State *L, const struct lua_store *s, const char *name) {
  push_class(L, s->target.module);
  lua_getfield(L, -1, name);
  if (!lua_isfunction(L, -1)) {
    hf_error err;
    hf__fail(&err, HF_UNSUPPORTED, "these stores keep no settings: say what they should be in the URL");
    hfL_raise(L, &err);
  }
  lua_pushstring(L, s->target.base);
}

static int settings_body(lua_State *L) {
  const struct settings_call *c = lua_touserdata(L, 1);
  hf_error err;
  if (c->page) {
    push_settings_function(L, c->store, "storeSettings");
    lua_call(L, 1, 1);
    if (!lua_istable(L, -1)) hfL_misuse(L, "storeSettings must return a table, not a %s", luaL_typename(L, -1));
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
      hf_slice name, json;
      if (lua_type(L, -2) != LUA_TSTRING) hfL_misuse(L, "storeSettings must return settings by their names");
      name.data = lua_tolstring(L, -2, &name.size);
      if (hfL_json_encode(L, -1, hfL_codec_of(L), &json, &err)) hfL_raise(L, &err);
      if (!hf_page_add(c->page, name, json.data, json.size)) return hfL_no_memory(L);
    }
    return 0;
  }
  push_settings_function(L, c->store, "storeSet");
  lua_createtable(L, 0, (int)c->count);
  for (size_t i = 0; i < c->count; i++) {
    const hf_setting_change *change = &c->changes[i];
    lua_pushlstring(L, change->name.data, change->name.size);
    hf_slice json = change->json.data ? change->json : hf_text(hf__setting_find(change->name)->standard);
    if (hfL_json_decode(L, json.data, json.size, hfL_codec_of(L), &err)) hfL_raise(L, &err);
    lua_rawset(L, -3);
  }
  lua_call(L, 2, 0);
  return 0;
}

static hf_status call_settings(struct settings_call *c, hf_error *err) {
  hfL_state *state = hfL_state_of_thread();
  if (!state) return hf__fail(err, HF_UNSUPPORTED, "this lua: store belongs to another thread");
  return hfL_state_call(state, settings_body, c, err);
}

static hf_status settings_get(void *store, hf_page *page, hf_error *err) {
  return call_settings(&(struct settings_call){.store = store, .page = page}, err);
}

/* Such stores have no format. */
static hf_status settings_put(void *store, const hf_setting_change *changes, size_t count, unsigned format,
                              hf_error *err) {
  (void)format;
  return call_settings(&(struct settings_call){.store = store, .changes = changes, .count = count}, err);
}

static const char *const settings[] = {"changes", NULL};

static const char *const lua_parameters[] = {"base", NULL};
static const char *const any_parameters[] = {"*", NULL};

#define SLOTS                                                                                                          \
  .abi_version = HF_BACKEND_ABI, .struct_size = sizeof(hf_backend), .resolve = resolve, .open = open_store,            \
  .close = close_store, .collection_open = collection_open, .collection_close = collection_close,                      \
  .collection_init = collection_init, .get = get, .has = has, .put = put, .remove = has, .clear = clear,               \
  .count = count, .scan = scan, .entities = entities, .stat = stat_store, .handle_open = handle_open,                  \
  .capabilities = HF_CAP_SETTINGS, .settings = settings, .settings_get = settings_get, .settings_put = settings_put

enum { SCHEMES_MAX = 16 };

static void register_schemes(void) {
  static const hf_backend lua_backend = {.name = "lua", .parameters = lua_parameters, SLOTS};
  static hf_backend scheme_backends[SCHEMES_MAX];
  hf_backend_register(&lua_backend, NULL);
  for (int i = 0; i < SCHEMES_MAX && hf__script_schemes[i].scheme; i++) {
    scheme_backends[i] = (hf_backend){.name = hf__script_schemes[i].scheme, .parameters = any_parameters, SLOTS};
    hf_backend_register(&scheme_backends[i], NULL);
  }
}

void hfL_urls_open(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, register_schemes);
}

__attribute__((constructor)) static void open_at_load(void) { hfL_urls_open(); }
