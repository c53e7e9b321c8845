/* SPDX-License-Identifier: MIT
 *
 * The slots of an hf_backend whose operations are the methods of a script class.
 * Each has the same form: what the class does not have itself goes to the store
 * that it extends, without entering Lua; otherwise a body runs under hfL_host_call(),
 * pushes method, instance and arguments, and takes the result apart.  Entities cross
 * as JSON text, so that neither side ever holds a value of the other.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "lua/script/script.h"

static const char *const method_names[] = {
#define METHOD_NAME(id, name) name,
    HFL_METHOD_MAP(METHOD_NAME)
#undef METHOD_NAME
};

const char *hfL_method_name(hfL_method method) { return method_names[method]; }

/* ---- calling a method */

hf_status hfL_entity_call(hfL_entity *e, hfL_method method, lua_CFunction body, hfL_call *call, hf_error *err) {
  if (!e) return hf__fail(err, HF_CLOSED, "it was closed in the middle of the operation");
  call->entity = e;
  call->method = method;
  e->refs++;
  hf_status status = hfL_host_call(e->host, body, call, err);
  if (status == HF_SCRIPT) {
    char prefix[192], message[sizeof err->message];
    size_t size = (size_t)snprintf(prefix, sizeof prefix, "%.150s:%s", e->class_name, method_names[method]);
    if (strncmp(err->message, prefix, size) != 0) {
      memcpy(message, err->message, sizeof message);
      snprintf(err->message, sizeof err->message, "%s raised: %.800s", prefix, message);
    }
  }
  hfL_entity_unref(e);
  return status;
}

/* Pushes the class's method; whatever it is. */
static void push_class_method(lua_State *L, const hfL_call *call) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, call->entity->class_ref);
  lua_getfield(L, -1, method_names[call->method]);
  lua_remove(L, -2);
}

void hfL_push_instance(lua_State *L, const hfL_entity *e) {
  if (e->instance_ref != LUA_NOREF) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->instance_ref);
  } else {
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->host->instances_ref);
    lua_rawgeti(L, -1, e->number);
    lua_remove(L, -2);
  }
  if (!lua_isnil(L, -1)) return;
  hf_error err;
  hf__fail(&err, HF_CLOSED, "the instance of %s was collected: make a new one", e->class_name);
  hfL_raise(L, &err);
}

void hfL_push_method(lua_State *L, const hfL_call *call) {
  push_class_method(L, call);
  if (!lua_isfunction(L, -1)) hfL_blame(L, call, "must be a function, not a %s", luaL_typename(L, -1));
  hfL_push_instance(L, call->entity);
}

int hfL_blame(lua_State *L, const hfL_call *call, const char *fmt, ...) {
  hf_error err;
  char text[sizeof err.message / 2];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  hf__fail(&err, HF_SCRIPT, "%.150s:%s %s", call->entity->class_name, method_names[call->method], text);
  push_class_method(L, call);
  lua_Debug ar;
  if (lua_isfunction(L, -1) && lua_getinfo(L, ">S", &ar) && ar.linedefined > 0)
    snprintf(err.where, sizeof err.where, "%s:%d", ar.short_src, ar.linedefined);
  hfL_raise(L, &err);
}

hf_slice hfL_method_json(lua_State *L, const hfL_call *call, const char *what) {
  hf_error err;
  hf_slice json;
  if (call->entity->texts && call->method != HFL_STAT) {
    if (lua_type(L, -1) != LUA_TSTRING)
      hfL_blame(L, call, "%s a %s: JSON text is wanted, since the class has encoding = \"json\"", what,
                luaL_typename(L, -1));
    json.data = lua_tolstring(L, -1, &json.size);
    if (hf_json_validate(json, &err) == HF_OK) return json;
    err.status = HF_CORRUPT; /* of what others wrote there, for all that is known */
    hfL_raise(L, &err);
  }
  if (hfL_json_encode(L, -1, call->entity->host->context->codec, &json, &err))
    hfL_blame(L, call, "%s what is no entity: %s", what, err.message);
  return json;
}

static void push_json(lua_State *L, const hfL_call *call, hf_slice json) {
  hf_error err;
  if (call->entity->texts) {
    lua_pushlstring(L, json.data, json.size);
    return;
  }
  if (hfL_json_decode_trusted(L, json.data, json.size, call->entity->host->context->codec, &err)) hfL_raise(L, &err);
}

static void push_id(lua_State *L, const hf_key *key) { lua_pushlstring(L, key->id.data, key->id.size); }

/* Whether a plain error says what the contract says of a missing entity: "Entity signal:BTC not found", behind the
 * position that Lua puts before it. */
static bool says_not_found(const hf_error *err, const hfL_entity *e, const hf_key *key, const char *verb) {
  char text[2 * HF_ID_MAX + 64];
  int size = snprintf(text, sizeof text, " Entity %s:%.*s not found%s", e->name, (int)key->id.size, key->id.data, verb);
  size_t have = strlen(err->message);
  return size > 0 && have >= (size_t)size && strcmp(err->message + have - size, text) == 0;
}

/* ---- the store below */

/* The handle on the store that the class extends, ready for its slots; NULL with *status set otherwise. */
static hf_persist *below(const hfL_entity *e, hf_status *status, hf_error *err) {
  if (!e)
    *status = hf__fail(err, HF_CLOSED, "it was closed in the middle of the operation");
  else
    *status = hf_persist_init(e->below, err);
  return *status ? NULL : e->below;
}

/* Whether an operation belongs to the store below, since none of these methods is the class's own. */
static bool is_below(const hfL_entity *e, uint32_t methods) { return !e || (e->below && !(e->methods & methods)); }

#define METHOD(id) (1U << HFL_##id)

#define FORWARD(slot, ...)                                                                                             \
  hf_status status;                                                                                                    \
  hf_persist *p = below(e, &status, err);                                                                              \
  return p ? p->backend->slot(p->impl, __VA_ARGS__) : status

/* ---- handles */

static int close_body(lua_State *L) {
  hfL_push_method(L, lua_touserdata(L, 1));
  lua_call(L, 1, 0);
  return 0;
}

static void entity_close(void *impl, void *entity) {
  hfL_entity *e = entity;
  if (impl == &hfL_keeper && --e->keepers == 0) {
    hfL_call call;
    hf_error err;
    if (hfL_entity_has(e, HFL_CLOSE)) hfL_entity_call(e, HFL_CLOSE, close_body, &call, &err);
    int ref = e->instance_ref;
    e->instance_ref = LUA_NOREF;
    hfL_host_release(e->host, ref);
  }
  if (--e->handles == 0 && e->store) {
    hfL_entity **link = &e->store->open;
    while (*link && *link != e) link = &(*link)->next_open;
    if (*link) *link = e->next_open;
    e->store = NULL;
  }
  hfL_entity_unref(e);
}

static hf_status no_entity_open(void *store, hf_slice name, void **entity, hf_error *err) {
  (void)store;
  (void)name;
  (void)entity;
  return hf__fail(err, HF_UNSUPPORTED, "a class has no entity types by itself: make an instance");
}

static int init_body(lua_State *L) {
  hfL_push_method(L, lua_touserdata(L, 1));
  lua_pushboolean(L, 1);
  lua_call(L, 2, 0);
  return 0;
}

static hf_status entity_init(void *store, void *entity, hf_error *err) {
  (void)store;
  hfL_entity *e = entity;
  if (e->ready || e->initialising) return HF_OK;
  hf_status status = HF_OK;
  e->refs++; /* methods may close their own instance: whoever looks at it behind a call keeps it */
  if (hfL_entity_has(e, HFL_WAIT_FOR_INIT)) {
    hfL_call call;
    e->initialising = true; /* what it does with the instance must not begin it again */
    status = hfL_entity_call(e, HFL_WAIT_FOR_INIT, init_body, &call, err);
    e->initialising = false;
  }
  if (status == HF_OK && e->below) status = hf_persist_init(e->below, err);
  e->ready = status == HF_OK;
  hfL_entity_unref(e);
  return status;
}

/* ---- transactions, of classes of their own: those of a store below bind to that store */

struct txn_call {
  hfL_call call;
  const char *kind;
  unsigned depth;
};

static int txn_body(lua_State *L) {
  const struct txn_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  if (c->kind) lua_pushstring(L, c->kind);
  if (c->kind) lua_pushinteger(L, (lua_Integer)c->depth);
  lua_call(L, c->kind ? 3 : 1, 0);
  return 0;
}

static hf_status begin(void *store, hf_txn_kind kind, void *parent, void **txn, hf_error *err) {
  hfL_script_store *s = store;
  (void)parent;
  if (!s->depth) {
    for (s->in_txn = s->open; s->in_txn && !s->in_txn->ready; s->in_txn = s->in_txn->next_open) continue;
    if (!s->in_txn) return hf__fail(err, HF_CLOSED, "every instance on this store was closed");
    s->in_txn->refs++;
  }
  struct txn_call c = {.kind = kind == HF_TXN_WRITE ? "write" : "read", .depth = s->depth + 1};
  hf_status status = hfL_entity_call(s->in_txn, HFL_BEGIN, txn_body, &c.call, err);
  if (status == HF_OK) {
    s->depth++;
    *txn = s;
  } else if (!s->depth) {
    hfL_entity_unref(s->in_txn);
    s->in_txn = NULL;
  }
  return status;
}

static hf_status end(hfL_script_store *s, hfL_method method, hf_error *err) {
  struct txn_call c = {.kind = NULL};
  hfL_entity *e = s->in_txn;
  hf_status status = hfL_entity_call(e, method, txn_body, &c.call, err);
  if (--s->depth == 0) {
    s->in_txn = NULL;
    hfL_entity_unref(e);
  }
  return status;
}

static hf_status commit(void *store, void *txn, hf_error *err) {
  (void)txn;
  return end(store, HFL_COMMIT, err);
}

static void abort_txn(void *store, void *txn) {
  hf_error unused;
  (void)txn;
  end(store, HFL_ROLLBACK, &unused);
}

/* ---- one entity */

struct key_call {
  hfL_call call;
  const hf_key *key;
  hf_buffer *json;
  hf_info *info;
  bool found;
};

uint64_t hfL_method_number(lua_State *L, int index) {
  lua_Number n = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : 0;
  return n > 0 && n < 9007199254740992.0 ? (uint64_t)n : 0;
}

static uint64_t field_number(lua_State *L, const char *field) {
  lua_getfield(L, -1, field);
  uint64_t n = hfL_method_number(L, -1);
  lua_pop(L, 1);
  return n;
}

/* Copies the value on top to the caller's buffer. */
static void take_json(lua_State *L, const struct key_call *c) {
  if (lua_isnil(L, -1))
    hfL_blame(
        L, &c->call,
        "returned nil for %.*s: raise holdfast.error(\"not_found\") for an entity that does not exist, and return "
        "holdfast.null for a stored null",
        (int)c->key->id.size, c->key->id.data);
  hf_slice json = hfL_method_json(L, &c->call, "returned");
  c->json->size = 0;
  if (!hf_buffer_add(c->json, json.data, json.size)) luaL_error(L, "not enough memory");
}

static int get_body(lua_State *L) {
  const struct key_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  push_id(L, c->key);
  lua_call(L, 2, 1);
  if (c->call.method == HFL_READ_ENTRY) {
    if (!lua_istable(L, -1))
      hfL_blame(L, &c->call, "must return {id=, value=, revision=, updatedAt=}, not a %s", luaL_typename(L, -1));
    c->info->revision = field_number(L, "revision");
    c->info->updated_at = (int64_t)field_number(L, "updatedAt");
    lua_getfield(L, -1, "value");
  }
  take_json(L, c);
  return 0;
}

hf_status hfL_script_get(void *store, void *txn, void *entity, const hf_key *key, hf_buffer *json, hf_info *info,
                         hf_error *err) {
  (void)store;
  hfL_entity *e = entity;
  if (is_below(e, METHOD(READ_VALUE) | METHOD(READ_ENTRY))) {
    FORWARD(get, txn, p->entity, key, json, info, err);
  }
  struct key_call c = {.key = key, .json = json, .info = info};
  bool wants_info = info->revision != HF_REVISION_UNKNOWN;
  bool reads_entry = hfL_entity_has(e, HFL_READ_ENTRY) && (wants_info || !hfL_entity_has(e, HFL_READ_VALUE));
  *info = (hf_info){0};
  e->refs++;
  hf_status status = hfL_entity_call(e, reads_entry ? HFL_READ_ENTRY : HFL_READ_VALUE, get_body, &c.call, err);
  if (status == HF_SCRIPT && says_not_found(err, e, key, "")) status = HF_NOT_FOUND;
  hfL_entity_unref(e);
  return status;
}

static int has_body(lua_State *L) {
  struct key_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  push_id(L, c->key);
  lua_call(L, 2, 1);
  if (!lua_isboolean(L, -1)) hfL_blame(L, &c->call, "returned a %s: true or false is wanted", luaL_typename(L, -1));
  c->found = lua_toboolean(L, -1);
  return 0;
}

static hf_status has(void *store, void *txn, void *entity, const hf_key *key, hf_error *err) {
  (void)store;
  hfL_entity *e = entity;
  if (is_below(e, METHOD(HAS_VALUE))) {
    FORWARD(has, txn, p->entity, key, err);
  }
  struct key_call c = {.key = key};
  hf_status status = hfL_entity_call(e, HFL_HAS_VALUE, has_body, &c.call, err);
  return status ? status : c.found ? HF_OK : HF_NOT_FOUND;
}

struct put_call {
  hfL_call call;
  const hf_put *put;
  const hf_write_options *options;
  hf_info *info;
};

static int put_body(lua_State *L) {
  const struct put_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  push_id(L, &c->put->key);
  push_json(L, &c->call, c->put->json);
  int arguments = 3;
  if (c->options->if_absent || c->options->if_revision) {
    arguments = 4;
    lua_createtable(L, 0, 1);
    if (c->options->if_absent) {
      lua_pushboolean(L, 1);
      lua_setfield(L, -2, "ifAbsent");
    } else {
      lua_pushnumber(L, (lua_Number)c->options->revision);
      lua_setfield(L, -2, "ifRevision");
    }
  }
  lua_call(L, arguments, 1);
  if (c->call.entity->capabilities & HF_CAP_REVISION) {
    lua_Number n = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
    if (!(n > 0 && n < 9007199254740992.0 && floor(n) == n))
      hfL_blame(L, &c->call, "must return the entity's new revision, since supports.revision is declared, not %s",
                lua_isnumber(L, -1) ? lua_tostring(L, -1) : luaL_typename(L, -1));
    c->info->revision = (uint64_t)n;
  }
  c->info->updated_at = hf_now_ms();
  return 0;
}

static hf_status put(void *store, void *txn, void *entity, const hf_put *put, const hf_write_options *options,
                     hf_info *info, hf_error *err) {
  (void)store;
  hfL_entity *e = entity;
  if (is_below(e, METHOD(WRITE_VALUE))) {
    FORWARD(put, txn, p->entity, put, options, info, err);
  }
  /* The text may be in the encoder's buffer, which anything that runs in Lua may overwrite. */
  char small[2048], *copy = put->json.size <= sizeof small ? small : malloc(put->json.size);
  if (!copy) return hf__fail(err, HF_IO, "out of memory");
  memcpy(copy, put->json.data, put->json.size);
  hf_put copied = {put->key, {copy, put->json.size}};
  struct put_call c = {.put = &copied, .options = options, .info = info};
  hf_status status = hfL_entity_call(e, HFL_WRITE_VALUE, put_body, &c.call, err);
  if (copy != small) free(copy);
  if (status == HF_CONFLICT) info->revision = HF_REVISION_UNKNOWN;
  return status;
}

static int remove_body(lua_State *L) {
  const struct key_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  push_id(L, c->key);
  lua_call(L, 2, 0);
  return 0;
}

static hf_status remove_one(void *store, void *txn, void *entity, const hf_key *key, hf_error *err) {
  (void)store;
  hfL_entity *e = entity;
  if (is_below(e, METHOD(REMOVE_VALUE))) {
    FORWARD(remove, txn, p->entity, key, err);
  }
  struct key_call c = {.key = key};
  e->refs++;
  hf_status status = hfL_entity_call(e, HFL_REMOVE_VALUE, remove_body, &c.call, err);
  if (status == HF_SCRIPT && says_not_found(err, e, key, " for deletion")) status = HF_NOT_FOUND;
  hfL_entity_unref(e);
  return status;
}

/* ---- all of them */

static int clear_body(lua_State *L) {
  hfL_push_method(L, lua_touserdata(L, 1));
  lua_call(L, 1, 0);
  return 0;
}

static hf_status clear(void *store, void *txn, void *entity, hf_error *err) {
  (void)store;
  hfL_entity *e = entity;
  if (is_below(e, METHOD(REMOVE_ALL))) {
    FORWARD(clear, txn, p->entity, err);
  }
  hfL_call call;
  return hfL_entity_call(e, HFL_REMOVE_ALL, clear_body, &call, err);
}

struct count_call {
  hfL_call call;
  uint64_t *count;
};

static int count_body(lua_State *L) {
  const struct count_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  lua_call(L, 1, 1);
  lua_Number n = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
  if (!(n >= 0 && n < 9007199254740992.0 && floor(n) == n))
    hfL_blame(L, &c->call, "must return a whole number, not %s",
              lua_isnumber(L, -1) ? lua_tostring(L, -1) : luaL_typename(L, -1));
  *c->count = (uint64_t)n;
  return 0;
}

static hf_status count(void *store, void *txn, void *entity, uint64_t *count, hf_error *err) {
  (void)store;
  hfL_entity *e = entity;
  if (is_below(e, METHOD(COUNT) | METHOD(KEYS))) {
    FORWARD(count, txn, p->entity, count, err);
  }
  if (!hfL_entity_has(e, HFL_COUNT)) return hfL_script_count_keys(e, count, err);
  struct count_call c = {.count = count};
  return hfL_entity_call(e, HFL_COUNT, count_body, &c.call, err);
}

struct stat_call {
  hfL_call call;
  hf_buffer *json;
};

static int stat_body(lua_State *L) {
  const struct stat_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  lua_call(L, 1, 1);
  if (!lua_istable(L, -1)) hfL_blame(L, &c->call, "must return a table, not a %s", luaL_typename(L, -1));
  hf_slice json = hfL_method_json(L, &c->call, "returned");
  c->json->size = 0;
  if (!hf_buffer_add(c->json, json.data, json.size)) return luaL_error(L, "not enough memory");
  return 0;
}

static hf_status stat_entity(void *store, void *txn, void *entity, hf_buffer *json, hf_error *err) {
  hfL_entity *e = entity;
  if (is_below(e, METHOD(STAT))) {
    FORWARD(stat, txn, p->entity, json, err);
  }
  if (hfL_entity_has(e, HFL_STAT)) {
    struct stat_call c = {.json = json};
    return hfL_entity_call(e, HFL_STAT, stat_body, &c.call, err);
  }
  uint64_t n;
  e->refs++;
  hf_status status = count(store, txn, e, &n, err);
  if (status) {
    hfL_entity_unref(e);
    return status;
  }
  json->size = 0;
  bool ok = hf_buffer_printf(json, "{\"backend\":\"lua\",\"class\":") &&
            hf_buffer_quote(json, hf_text(e->class_name)) && hf_buffer_printf(json, ",\"entityName\":") &&
            hf_buffer_quote(json, hf_text(e->name)) &&
            hf_buffer_printf(json, ",\"entities\":%llu}", (unsigned long long)n);
  hfL_entity_unref(e);
  return ok ? HF_OK : hf__fail(err, HF_IO, "out of memory");
}

/* ---- batches */

struct many_call {
  hfL_call call;
  const hf_key *keys;
  const hf_put *puts;
  size_t count;
  hf_page *page;
  uint64_t *removed;
};

static void push_ids(lua_State *L, const struct many_call *c) {
  lua_createtable(L, (int)c->count, 0);
  for (size_t i = 0; i < c->count; i++) {
    push_id(L, &c->keys[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
}

static int get_many_body(lua_State *L) {
  const struct many_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  push_ids(L, c);
  lua_call(L, 2, 1);
  if (!lua_istable(L, -1)) hfL_blame(L, &c->call, "must return {[id]=entity}, not a %s", luaL_typename(L, -1));
  for (size_t i = 0; i < c->count; i++) {
    push_id(L, &c->keys[i]);
    lua_rawget(L, -2);
    hf_slice json = {NULL, 0};
    if (!lua_isnil(L, -1)) json = hfL_method_json(L, &c->call, "returned");
    hf_entry *entry = hf_page_add(c->page, c->keys[i].id, json.data, json.size);
    if (!entry) return luaL_error(L, "not enough memory");
    entry->status = json.data ? HF_OK : HF_NOT_FOUND;
    lua_pop(L, 1);
  }
  return 0;
}

static hf_status get_many(void *store, void *txn, void *entity, const hf_key *keys, size_t count, hf_page *page,
                          hf_error *err) {
  (void)store;
  hfL_entity *e = entity;
  if (is_below(e, METHOD(READ_MANY))) {
    FORWARD(get_many, txn, p->entity, keys, count, page, err);
  }
  struct many_call c = {.keys = keys, .count = count, .page = page};
  return hfL_entity_call(e, HFL_READ_MANY, get_many_body, &c.call, err);
}

static int put_many_body(lua_State *L) {
  const struct many_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  lua_createtable(L, 0, (int)c->count);
  for (size_t i = 0; i < c->count; i++) {
    push_id(L, &c->puts[i].key);
    push_json(L, &c->call, c->puts[i].json);
    lua_rawset(L, -3);
  }
  lua_call(L, 2, 0);
  return 0;
}

static hf_status put_many(void *store, void *txn, void *entity, const hf_put *puts, size_t count, hf_error *err) {
  (void)store;
  hfL_entity *e = entity;
  if (is_below(e, METHOD(WRITE_MANY))) {
    FORWARD(put_many, txn, p->entity, puts, count, err);
  }
  struct many_call c = {.puts = puts, .count = count};
  return hfL_entity_call(e, HFL_WRITE_MANY, put_many_body, &c.call, err);
}

static int remove_many_body(lua_State *L) {
  const struct many_call *c = lua_touserdata(L, 1);
  hfL_push_method(L, &c->call);
  push_ids(L, c);
  lua_call(L, 2, 1);
  lua_Number n = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
  if (!(n >= 0 && n <= (lua_Number)c->count && floor(n) == n))
    hfL_blame(L, &c->call, "must return how many of the ids there were, not %s",
              lua_isnumber(L, -1) ? lua_tostring(L, -1) : luaL_typename(L, -1));
  *c->removed = (uint64_t)n;
  return 0;
}

static hf_status remove_many(void *store, void *txn, void *entity, const hf_key *keys, size_t count, uint64_t *removed,
                             hf_error *err) {
  (void)store;
  hfL_entity *e = entity;
  if (is_below(e, METHOD(REMOVE_MANY))) {
    FORWARD(remove_many, txn, p->entity, keys, count, removed, err);
  }
  struct many_call c = {.keys = keys, .count = count, .removed = removed};
  return hfL_entity_call(e, HFL_REMOVE_MANY, remove_many_body, &c.call, err);
}

/* ---- quarantine, of the store below: whatever ids the class makes of its own, they are that store's */

static hf_status quarantine(void *store, void *entity, const hf_key *key, const char *problem, hf_error *err) {
  (void)store;
  hfL_entity *e = entity;
  FORWARD(quarantine, p->entity, key, problem, err);
}

static hf_status quarantined(void *store, void *entity, uint64_t *count, hf_error *err) {
  (void)store;
  hfL_entity *e = entity;
  FORWARD(quarantined, p->entity, count, err);
}

static hf_status quarantine_scan(void *store, void *txn, void *entity, const hf_scan *scan, hf_page *page, bool *more,
                                 hf_error *err) {
  (void)store;
  hfL_entity *e = entity;
  FORWARD(quarantine_scan, txn, p->entity, scan, page, more, err);
}

static hf_status quarantine_put(void *store, void *txn, void *entity, const hf_key *key, const char *problem,
                                hf_slice bytes, hf_error *err) {
  (void)store;
  hfL_entity *e = entity;
  FORWARD(quarantine_put, txn, p->entity, key, problem, bytes, err);
}

/* ---- stores of classes of their own */

static hf_status no_identify(const hf_location *at, char identity[HF_IDENTITY_MAX], hf_error *err) {
  (void)at;
  identity[0] = '\0';
  return hf__fail(err, HF_UNSUPPORTED, "no URL names this store: it is a script's");
}

static hf_status no_open(const hf_location *at, void **store, hf_error *err) {
  (void)at;
  *store = NULL;
  return hf__fail(err, HF_UNSUPPORTED, "no URL opens this store: it is a script's");
}

static void close_store(void *store) {
  hfL_script_store *s = store;
  hfL_host_unref(s->host);
  free(s);
}

static hf_status no_entities(void *store, void *txn, hf_page *page, hf_error *err) {
  (void)store;
  (void)txn;
  (void)page;
  return hf__fail(err, HF_UNSUPPORTED, "a script's store does not know which entity names it has");
}

/* ---- the tables */

/* Tables that were made; never freed, since handles and stores point to them, and few: most classes have one of a
 * handful of combinations. */
struct table {
  hf_backend backend;
  unsigned slots; /* OPTIONAL_..., or-ed: with the capabilities all in which tables differ */
  struct table *next;
};

enum {
  OPTIONAL_GET_MANY = 1,
  OPTIONAL_PUT_MANY = 2,
  OPTIONAL_REMOVE_MANY = 4,
  OPTIONAL_QUARANTINE = 8,
  OPTIONAL_QUARANTINE_SCAN = 16,
  OPTIONAL_QUARANTINE_PUT = 32
};

static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;
static struct table *tables;

/* A batch is the class's own, or the store's as long as the class leaves the single operations alone; otherwise the
 * core makes it of single operations. */
static unsigned optional_slots(uint32_t methods, const hf_backend *base) {
  unsigned slots = 0;
  bool reads = methods & (METHOD(READ_VALUE) | METHOD(READ_ENTRY));
  if ((methods & METHOD(READ_MANY)) || (base && base->get_many && !reads)) slots |= OPTIONAL_GET_MANY;
  if ((methods & METHOD(WRITE_MANY)) || (base && base->put_many && !(methods & METHOD(WRITE_VALUE))))
    slots |= OPTIONAL_PUT_MANY;
  if ((methods & METHOD(REMOVE_MANY)) || (base && base->remove_many && !(methods & METHOD(REMOVE_VALUE))))
    slots |= OPTIONAL_REMOVE_MANY;
  if (base && base->quarantine) slots |= OPTIONAL_QUARANTINE;
  if (base && base->quarantine_scan) slots |= OPTIONAL_QUARANTINE_SCAN;
  if (base && base->quarantine_put) slots |= OPTIONAL_QUARANTINE_PUT;
  return slots;
}

static struct table *new_table(unsigned slots, uint32_t capabilities) {
  struct table *t = malloc(sizeof *t);
  if (!t) return NULL;
  t->slots = slots;
  t->backend = (hf_backend){
      .abi_version = HF_BACKEND_ABI,
      .name = "lua",
      .capabilities = capabilities,
      .identify = no_identify,
      .open = no_open,
      .close = close_store,
      .entity_open = no_entity_open,
      .entity_close = entity_close,
      .entity_init = entity_init,
      .begin = begin,
      .commit = commit,
      .abort = abort_txn,
      .get = hfL_script_get,
      .has = has,
      .put = put,
      .remove = remove_one,
      .clear = clear,
      .count = count,
      .scan = hfL_script_scan,
      .get_many = slots & OPTIONAL_GET_MANY ? get_many : NULL,
      .put_many = slots & OPTIONAL_PUT_MANY ? put_many : NULL,
      .remove_many = slots & OPTIONAL_REMOVE_MANY ? remove_many : NULL,
      .entities = no_entities,
      .stat = stat_entity,
      .quarantine = slots & OPTIONAL_QUARANTINE ? quarantine : NULL,
      .quarantined = slots & OPTIONAL_QUARANTINE ? quarantined : NULL,
      .quarantine_scan = slots & OPTIONAL_QUARANTINE_SCAN ? quarantine_scan : NULL,
      .quarantine_put = slots & OPTIONAL_QUARANTINE_PUT ? quarantine_put : NULL,
  };
  return t;
}

const hf_backend *hfL_script_backend(uint32_t methods, const hf_backend *base, uint32_t capabilities) {
  unsigned slots = optional_slots(methods, base);
  pthread_mutex_lock(&tables_lock);
  struct table *t = tables;
  while (t && (t->slots != slots || t->backend.capabilities != capabilities)) t = t->next;
  if (!t && (t = new_table(slots, capabilities))) {
    t->next = tables;
    tables = t;
  }
  pthread_mutex_unlock(&tables_lock);
  return t ? &t->backend : NULL;
}

hfL_entity *hfL_served_by(const hf_persist *p) {
  return p->served && p->backend->scan == hfL_script_scan ? p->entity : NULL;
}
