/* SPDX-License-Identifier: MIT
 *
 * Adapters for scripts: the table holdfast.core.adapters, on which lua/holdfast/adapters.lua builds, and classes as
 * the stores of adapters.
 *
 * A state has one set.  A class that a script registered is used by the C program too: its instance is made
 * when the adapter is first used, from whichever side, and kept in the registry until the adapter is closed.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/adapters.h"
#include "base/error.h"
#include "lua/api/api.h"
#include "lua/api/supports.h"
#include "lua/codec/json.h"
#include "lua/script/slots.h"
#include "lua/script/state.h"
#include "lua/state/arguments.h"
#include "lua/state/buffers.h"
#include "lua/state/context.h"
#include "lua/state/error.h"
#include "lua/state/handle.h"
#include "lua/state/register.h"

#define SET_TYPE "holdfast.adapters"

/* ---- the state's set */

struct set_box {
  hf_adapters *set;
  hfL_context *cx;
};

static int set_gc(lua_State *L) {
  struct set_box *box = lua_touserdata(L, 1);
  box->cx->adapters = NULL; /* finalizers of scripts may still come */
  hf_adapters_free(box->set);
  box->set = NULL;
  return 0;
}

/* hf_adapters.open: "lua:" URLs mean this state, whichever of the thread's a C program has entered last. */
static hf_status open_in_state(void *arg, hf_slice entity_name, const char *base, const hf_options *options,
                               hf_persist **out, hf_error *err) {
  hfL_context *cx = arg;
  hfL_state *state = cx->state, *latest = hfL_state_of_thread();
  if (!state || state == latest || strncmp(base, "lua:", 4) != 0)
    return hf_persist_open(entity_name, base, options, out, err);
  if (!pthread_equal(state->thread, pthread_self()))
    return hf__fail(err, HF_UNSUPPORTED, "%s lives in the thread of its runtime: use the runtime's adapters there",
                    base);
  if (latest) hfL_state_ref(latest);
  hfL_state_enter(state->L, cx);
  hf_status status = hf_persist_open(entity_name, base, options, out, err);
  if (latest && latest->L) hfL_state_enter(latest->L, latest->context);
  if (latest) hfL_state_unref(latest);
  return status;
}

hf_adapters *hfL_adapters_of(lua_State *L, hfL_context *cx) {
  hf_error err;
  if (cx->adapters) return cx->adapters;
  struct set_box *box = lua_newuserdata(L, sizeof *box);
  *box = (struct set_box){NULL, cx};
  hfL_push_type(L, SET_TYPE, set_gc);
  lua_setmetatable(L, -2);
  if (hf_adapters_new(&box->set, &err)) hfL_raise(L, &err);
  box->set->open = open_in_state;
  box->set->open_arg = cx;
  luaL_ref(L, LUA_REGISTRYINDEX);
  cx->adapters = box->set;
  hfL_state_of(L, cx)->adapters = box->set;
  return cx->adapters;
}

static hf_adapters *check_set(lua_State *L) {
  hf_adapters *set = hfL_context_of(L)->adapters;
  if (set) return set;
  hf_error err;
  hf__fail(&err, HF_CLOSED, "the adapters are closed, since their Lua state is being closed");
  hfL_raise(L, &err);
}

static hf__adapter *check_adapter(lua_State *L, int index) {
  hf_error err;
  hf_adapters *set = check_set(L);
  hf__adapter *a = hf__adapter_find(set, luaL_checkstring(L, index), &err);
  if (!a) hfL_raise(L, &err);
  return a;
}

/* ---- classes as stores */

/* A class and its base, shared by an adapter and those that follow it. */
struct shared_class {
  hfL_state *state;
  int class_ref, base_ref;
  size_t users;
};

/* arg of the hf__adapter_source. */
struct class_source {
  hfL_state *state;
  struct shared_class *shared;
  int instance_ref;
};

struct open_call {
  struct class_source *source;
  const char *entity_name;
  hf_persist **out;
};

static int open_body(lua_State *L) {
  const struct open_call *c = lua_touserdata(L, 1);
  struct class_source *s = c->source;
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->shared->class_ref);
  lua_pushstring(L, c->entity_name);
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->shared->base_ref);
  lua_call(L, 2, 1);
  int instance = lua_gettop(L);
  if (lua_istable(L, instance)) lua_rawgeti(L, instance, 0);
  hf_persist *p = hfL_to_handle(L, -1);
  if (!p)
    hfL_misuse(L,
               "the class made no instance: its init must call holdfast.PersistBase.init(self, entityName, baseDir)");
  if (p->name.size != strlen(c->entity_name) || memcmp(p->name.data, c->entity_name, p->name.size) != 0)
    hfL_misuse(
        L, "the class made an instance for \"%s\", not for \"%s\": its init must pass on the entityName that it gets",
        p->name.data, c->entity_name);
  lua_pushvalue(L, instance);
  s->instance_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  hf__persist_ref(p);
  *c->out = p;
  return 0;
}

static hf_status source_open(void *arg, const char *entity_name, hf_persist **out, hf_error *err) {
  struct class_source *s = arg;
  struct open_call c = {s, entity_name, out};
  return hfL_state_call(s->state, open_body, &c, err);
}

static int close_body(lua_State *L) {
  const struct class_source *s = lua_touserdata(L, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->instance_ref);
  lua_getfield(L, -1, "close");
  lua_insert(L, -2);
  lua_call(L, 1, 0);
  return 0;
}

static void release(hfL_state *state, int *ref) {
  hfL_state_release(state, *ref);
  *ref = LUA_NOREF;
}

static hf_status source_close(void *arg, hf_error *err) {
  struct class_source *s = arg;
  hf_status status = hfL_state_call(s->state, close_body, s, err);
  release(s->state, &s->instance_ref);
  return status;
}

static void shared_unref(struct shared_class *shared) {
  if (--shared->users) return;
  release(shared->state, &shared->class_ref);
  release(shared->state, &shared->base_ref);
  hfL_state_unref(shared->state);
  free(shared);
}

static void source_free(void *arg) {
  struct class_source *s = arg;
  release(s->state, &s->instance_ref);
  shared_unref(s->shared);
  hfL_state_unref(s->state);
  free(s);
}

static hf_status source_copy(const void *arg, hf__adapter_source *out, hf_error *err);

/* Makes a source of a class, which it takes a reference of. */
static hf_status source_make(struct shared_class *shared, hf__adapter_source *out, hf_error *err) {
  struct class_source *s = malloc(sizeof *s);
  if (!s) return hf__no_memory(err);
  *s = (struct class_source){shared->state, shared, LUA_NOREF};
  hfL_state_ref(s->state);
  shared->users++;
  *out = (hf__adapter_source){source_open, source_close, source_copy, source_free, s};
  return HF_OK;
}

static hf_status source_copy(const void *arg, hf__adapter_source *out, hf_error *err) {
  const struct class_source *s = arg;
  return source_make(s->shared, out, err);
}

/* Takes the references over, on failure too. */
static hf_status use_class(hf__adapter *a, hfL_state *state, int class_ref, int base_ref, const char *base,
                           const char *store, hf_error *err) {
  struct shared_class *shared = malloc(sizeof *shared);
  if (!shared) {
    release(state, &class_ref);
    release(state, &base_ref);
    return hf__no_memory(err);
  }
  *shared = (struct shared_class){state, class_ref, base_ref, 1};
  hfL_state_ref(state);
  hf__adapter_source source;
  hf_status status = source_make(shared, &source, err);
  if (status == HF_OK) {
    status = hf__adapter_use_source(a, &source, base, store, err);
    if (status) source_free(source.arg);
  }
  shared_unref(shared);
  return status;
}

/* useClass(name, class, baseDir, description, url) */
static int lhf_use_class(lua_State *L) {
  hf_error err;
  hf__adapter *a = check_adapter(L, 1);
  hfL_state *state = hfL_state_of(L, hfL_context_of(L));
  const char *store = luaL_checkstring(L, 4), *base = luaL_checkstring(L, 5);
  lua_pushvalue(L, 3);
  int base_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pushvalue(L, 2);
  int class_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  if (use_class(a, state, class_ref, base_ref, base, store, &err)) hfL_raise(L, &err);
  return 0;
}

/* useStore(name, url [, options]) */
static int lhf_use_store(lua_State *L) {
  hf_error err;
  hf_options options;
  const hf__adapter *a = check_adapter(L, 1);
  size_t size;
  const char *base = luaL_checklstring(L, 2, &size);
  if (strlen(base) != size) hfL_misuse(L, "%s: the store must not contain a NUL byte", a->spec.name);
  hfL_check_options(L, 3, &options);
  if (hf_adapter_use(a->set, a->spec.name, base, &options, &err)) hfL_raise(L, &err);
  return 0;
}

/* ---- reading and writing.  Upvalues: the context, the adapter, and the table whose function this is */

enum { ADAPTER = 2, SELF = 3 };

/* The first use: says where it is, which is found as it is for errors. */
static __attribute__((noinline, cold)) void enter_first(lua_State *L, hf__adapter *a, const char *function) {
  hf_error err;
  char where[sizeof err.where] = "";
  hf__fail(&err, HF_BUSY, "%s", "");
  hfL_push_error(L, &err);
  lua_getfield(L, -1, "where");
  if (lua_isstring(L, -1)) hf__copy_text(where, sizeof where, lua_tostring(L, -1), lua_objlen(L, -1));
  lua_pop(L, 2);
  if (hf__adapter_enter(a, function, where, &err)) hfL_raise(L, &err);
}

/* The adapter of a function, which lives as long as the set. */
static hf__adapter *own_adapter(lua_State *L) {
  check_set(L);
  return lua_touserdata(L, lua_upvalueindex(ADAPTER));
}

/* Makes the adapter ready for use, and the key of the parts from index `first` on. */
static void enter(lua_State *L, hf__adapter *a, int first, const char *function, hf__adapter_key *key) {
  char numbers[HF_ADAPTER_PARTS_MAX][HF_NUMBER_MAX];
  hf_slice parts[HF_ADAPTER_PARTS_MAX];
  hf_error err;
  for (size_t i = 0; i < a->part_count; i++) {
    int index = first + (int)i;
    if (__builtin_expect(lua_type(L, index) == LUA_TSTRING, 1)) {
      parts[i].data = lua_tolstring(L, index, &parts[i].size);
      continue;
    }
    char what[200];
    snprintf(what, sizeof what, "%s: %.*s", function, (int)a->parts[i].size, a->parts[i].data);
    if (lua_isnoneornil(L, index)) hfL_misuse(L, "%s is missing: give a string or a number", what);
    parts[i] = hfL_check_id(L, index, what, numbers[i]);
  }
  if (lua_gettop(L) >= first + (int)a->part_count && !lua_isnil(L, first + (int)a->part_count))
    hfL_misuse(L, "%s takes no more than what \"%s\" names: there is one argument too many", function, a->spec.id);
  if (hf__adapter_id(a, parts, a->part_count, key, &err)) hfL_raise(L, &err);
  if (__builtin_expect(!a->since, 0)) enter_first(L, a, function);
  if (hf__adapter_enter(a, function, "", &err)) hfL_raise(L, &err);
}

/* 1 if it was called with a colon, else 0. */
static int skip_self(lua_State *L) { return lua_istable(L, 1) && lua_rawequal(L, 1, lua_upvalueindex(SELF)); }

/* read(part, ...) -> entity or nil */
static int lhf_read(lua_State *L) {
  hf_error err;
  bool found = false;
  hf__adapter_key key;
  hfL_context *cx = hfL_context_of(L);
  hf__adapter *a = own_adapter(L);
  enter(L, a, 1 + skip_self(L), a->spec.read, &key);
  hf_buffer *json = hfL_buffer_borrow(L, cx);
  int owner = lua_gettop(L);
  hf_status status = hf__adapter_get(a, &key, json, &found, &err);
  if (status == HF_OK && found) status = hfL_json_decode_trusted(L, json->data, json->size, cx->codec, &err);
  hfL_buffer_return(L, cx, owner);
  if (status) {
    if (!*err.entity_name) hf__error_entity(&err, hf_text(a->spec.entity_name), (hf_slice){key.text, key.size});
    hfL_raise(L, &err);
  }
  if (!found) lua_pushnil(L);
  return 1;
}

/* write(entity or nil, part, ...) */
static int lhf_write(lua_State *L) {
  hf_error err;
  hf_slice json;
  hf__adapter_key key;
  hfL_context *cx = hfL_context_of(L);
  hf__adapter *a = own_adapter(L);
  int value = 1 + skip_self(L);
  enter(L, a, value + 1, a->spec.write, &key);
  bool clears = lua_isnoneornil(L, value);
  if (!clears && hfL_json_encode(L, value, cx->codec, &json, &err)) {
    hf__error_entity(&err, hf_text(a->spec.entity_name), (hf_slice){key.text, key.size});
    hfL_raise(L, &err);
  }
  if (!clears) clears = json.size == 4 && memcmp(json.data, "null", 4) == 0;
  if (clears ? hf__adapter_clear(a, &key, &err) : hf__adapter_put(a, &key, json, &err)) hfL_raise(L, &err);
  return 0;
}

/* functions(name, table) -> read, write: for use as functions of the table, with dot or colon */
static int lhf_functions(lua_State *L) {
  static const lua_CFunction functions[] = {lhf_read, lhf_write};
  hf__adapter *a = check_adapter(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  for (size_t i = 0; i < 2; i++) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushlightuserdata(L, a);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, functions[i], 3);
  }
  return 2;
}

/* ---- the stores, for hosts */

/* Makes the adapter at `index` ready for use. */
static hf__adapter *enter_for_host(lua_State *L, int index, const char *function) {
  hf_error err;
  hf__adapter *a = check_adapter(L, index);
  if (!a->since) enter_first(L, a, function);
  if (hf__adapter_enter(a, function, "", &err)) hfL_raise(L, &err);
  return a;
}

/* collection(name) -> the instance of the class that is its store, or a new handle on its collection */
static int lhf_adapter_collection(lua_State *L) {
  hf_error err;
  hf__adapter *a = enter_for_host(L, 1, "collection");
  if (a->source.open) {
    const struct class_source *s = a->source.arg;
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->instance_ref);
    return 1;
  }
  hf_persist **p = hfL_push_handle(L, hfL_forgo_close);
  hf_persist *opened;
  if (hf__adapter_open_again(a, &opened, &err)) hfL_raise(L, &err);
  *p = opened;
  hf__persist_ref(opened); /* the userdata's own */
  return 1;
}

/* supports(name) -> as core.supports of its store */
static int lhf_adapter_supports(lua_State *L) {
  hf_error err;
  const hf__adapter *a = enter_for_host(L, 1, "supports");
  if (!a->persist) {
    hf__fail(&err, HF_CLOSED, "%s was closed in the middle of the operation", a->spec.name);
    hf__adapter_blame(a, &err);
    hfL_raise(L, &err);
  }
  hfL_push_supports(L, a->persist);
  return 1;
}

/* isSameStore(name, other) -> boolean: whether one transaction can cover both */
static int lhf_adapter_is_same_store(lua_State *L) {
  hf_error err;
  bool share;
  check_adapter(L, 2); /* first: a wrong name is no use */
  const hf__adapter *a = enter_for_host(L, 1, "isSameStore"), *b = enter_for_host(L, 2, "isSameStore");
  if (hf__adapter_share(a, b, &share, &err)) hfL_raise(L, &err);
  lua_pushboolean(L, share);
  return 1;
}

static int push_place(lua_State *L, const hf_adapter_place *place) {
  if (*place->directory)
    lua_pushstring(L, place->directory);
  else
    lua_pushnil(L);
  lua_pushstring(L, place->identity);
  return 2;
}

/* place(name) -> directory or nil, identity */
static int lhf_adapter_place(lua_State *L) {
  hf_error err;
  hf_adapter_place place;
  const hf__adapter *a = check_adapter(L, 1);
  if (hf_adapter_find_place(a->set, a->spec.name, &place, &err)) hfL_raise(L, &err);
  return push_place(L, &place);
}

/* placeOf(store) -> directory or nil, identity */
static int lhf_adapter_place_of(lua_State *L) {
  hf_error err;
  hf_adapter_place place;
  if (hf__adapter_place_of(hfL_check_persist(L), &place, &err)) hfL_raise(L, &err);
  return push_place(L, &place);
}

/* ---- the set */

static void set_text(lua_State *L, const char *field, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, field);
}

/* list() -> {{name=, entityName=, id=, read=, write=, base=, follows=, registered=, store=,
 * since=}, ...} */
static int lhf_list(lua_State *L) {
  hf_adapter_info info;
  hf_adapters *set = check_set(L);
  lua_createtable(L, 4, 0);
  const hf__adapter *a = set->first;
  for (size_t i = 0; hf_adapters_at(set, i, &info); i++, a = a->next) {
    lua_createtable(L, 0, 10);
    set_text(L, "name", info.spec->name);
    set_text(L, "entityName", info.spec->entity_name);
    set_text(L, "id", info.spec->id);
    set_text(L, "read", info.spec->read);
    set_text(L, "write", info.spec->write);
    set_text(L, "base", info.spec->base);
    if (info.spec->follows) set_text(L, "follows", info.spec->follows);
    lua_pushboolean(L, a->registered);
    lua_setfield(L, -2, "registered");
    if (info.store) set_text(L, "store", info.store);
    if (info.since) set_text(L, "since", info.since);
    lua_rawseti(L, -2, (int)i + 1);
  }
  return 1;
}

static const char *spec_text(lua_State *L, const char *field, bool optional) {
  lua_getfield(L, 1, field);
  if (!(optional && lua_isnil(L, -1)) && lua_type(L, -1) != LUA_TSTRING)
    hfL_misuse(L, "defineAdapter: %s must be a string, not a %s", field, luaL_typename(L, -1));
  const char *text = lua_tostring(L, -1);
  if (text && strlen(text) != lua_objlen(L, -1)) hfL_misuse(L, "defineAdapter: %s must not contain a NUL byte", field);
  lua_pop(L, 1); /* the table keeps it */
  return text;
}

/* define({name=, entityName=, id=, read=, write=, infinite=, base=, follows=}) */
static int lhf_define(lua_State *L) {
  enum { FIELDS_MAX = 32 };
  const char *infinite[FIELDS_MAX + 1] = {NULL};
  hf_error err;
  hf_adapters *set = check_set(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  hf_adapter_spec spec = {.struct_size = sizeof spec,
                          .name = spec_text(L, "name", false),
                          .entity_name = spec_text(L, "entityName", false),
                          .id = spec_text(L, "id", false),
                          .read = spec_text(L, "read", true),
                          .write = spec_text(L, "write", true),
                          .base = spec_text(L, "base", true),
                          .infinite = infinite,
                          .follows = spec_text(L, "follows", true)};
  lua_getfield(L, 1, "infinite");
  if (!lua_isnil(L, -1) && !lua_istable(L, -1))
    hfL_misuse(L, "defineAdapter: infinite must be a list of names of fields, not a %s", luaL_typename(L, -1));
  for (int i = 0; lua_istable(L, -1); i++) {
    lua_rawgeti(L, -1, i + 1);
    if (lua_isnil(L, -1)) {
      if (lua_objlen(L, -2) == 0) {
        lua_pushvalue(L, -2);
        lua_pushnil(L);
        if (lua_next(L, -2)) hfL_misuse(L, "defineAdapter: infinite must be a list: {\"minuteEstimatedTime\"}");
      }
      break;
    }
    if (i == FIELDS_MAX) hfL_misuse(L, "defineAdapter: infinite has more than %d fields", FIELDS_MAX);
    if (lua_type(L, -1) != LUA_TSTRING || strlen(lua_tostring(L, -1)) != lua_objlen(L, -1))
      hfL_misuse(L, "defineAdapter: infinite must be a list of names of fields");
    infinite[i] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  if (hf_adapter_define(set, &spec, &err)) hfL_raise(L, &err);
  return 0;
}

/* close(name) */
static int lhf_close(lua_State *L) {
  hf_error err;
  const hf__adapter *a = check_adapter(L, 1);
  if (hf_adapter_close(a->set, a->spec.name, &err)) hfL_raise(L, &err);
  return 0;
}

static int release_hold(lua_State *L) {
  hf_adapters *set = hfL_context_of(L)->adapters;
  if (set) hf_adapters_release(set, (uint64_t)lua_tonumber(L, lua_upvalueindex(2)));
  return 0;
}

/* hold(what) -> function that releases it */
static int lhf_hold(lua_State *L) {
  hf_error err;
  uint64_t hold;
  hf_adapters *set = check_set(L);
  if (lua_type(L, 1) != LUA_TSTRING) hfL_misuse(L, "hold: say what runs, such as \"Live.run BTCUSDT main\"");
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushnumber(L, 0);
  lua_pushcclosure(L, release_hold, 2); /* first: nothing may be raised once it is held */
  if (hf_adapters_hold(set, lua_tostring(L, 1), &hold, &err)) hfL_raise(L, &err);
  lua_pushnumber(L, (lua_Number)hold);
  lua_setupvalue(L, -2, 2);
  return 1;
}

void hfL_adapters_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {{"list", lhf_list},
                                       {"define", lhf_define},
                                       {"useClass", lhf_use_class},
                                       {"useStore", lhf_use_store},
                                       {"close", lhf_close},
                                       {"functions", lhf_functions},
                                       {"hold", lhf_hold},
                                       {"collection", lhf_adapter_collection},
                                       {"supports", lhf_adapter_supports},
                                       {"isSameStore", lhf_adapter_is_same_store},
                                       {"place", lhf_adapter_place},
                                       {"placeOf", lhf_adapter_place_of},
                                       {NULL, NULL}};
  hfL_adapters_of(L, lua_touserdata(L, cx));
  lua_createtable(L, 0, 16);
  hfL_register(L, cx, functions);
}
