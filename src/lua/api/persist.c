/* SPDX-License-Identifier: MIT
 *
 * PersistBase for scripts: the operations on one entity.  An instance is a Lua
 * table whose element 0 is the userdata with the hf_persist; the class around it is
 * lua/holdfast/PersistBase.lua.
 */
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "lua/script/script.h"

#define HANDLE_TYPE "holdfast.handle"
enum { HANDLE_MAGIC = 0x48464844 };

/* The userdata.  The magic tells it from other userdata without looking up a metatable on every call. */
struct handle {
  uint32_t magic;
  hf_persist *persist; /* NULL once collected */
};

static const char not_an_instance[] =
    "call this with a colon on an instance: store:readValue(id), where store = holdfast.PersistBase(entityName, base)";

/* A finalizer may still see an instance whose handle was finalized before it, in the same cycle or when the state
 * is closed. */
static __attribute__((noinline, cold, noreturn)) void raise_finalized(lua_State *L) {
  hf_error err;
  hf_slice name = {NULL, 0};
  lua_pushliteral(L, "entityName");
  lua_rawget(L, 1);
  if (lua_type(L, -1) == LUA_TSTRING) name.data = lua_tolstring(L, -1, &name.size);
  hf__fail(&err, HF_CLOSED, "%s is closed: make a new one", name.data ? name.data : "the store");
  hf__error_entity(&err, name, (hf_slice){NULL, 0});
  hfL_raise(L, &err);
}

/* The userdata at `index`, or NULL if it is something else. */
static struct handle *to_handle(lua_State *L, int index) {
  struct handle *h = lua_touserdata(L, index);
  bool is = h && lua_type(L, index) == LUA_TUSERDATA && lua_objlen(L, index) == sizeof *h && h->magic == HANDLE_MAGIC;
  return is ? h : NULL;
}

hf_persist *hfL_to_handle(lua_State *L, int index) {
  const struct handle *h = to_handle(L, index);
  return h ? h->persist : NULL;
}

hf_persist *hfL_check_persist(lua_State *L) {
  if (lua_type(L, 1) != LUA_TTABLE) hfL_misuse(L, "%s", not_an_instance);
  int element = hfL_context_of(L)->handle;
  lua_rawgeti(L, 1, element);
  if (element && lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_rawgeti(L, 1, 0);
  }
  const struct handle *h = to_handle(L, -1);
  if (!h) hfL_misuse(L, "%s", not_an_instance);
  lua_pop(L, 1);
  if (!h->persist) raise_finalized(L);
  return h->persist;
}

hf_slice hfL_check_id(lua_State *L, int index, const char *what, char number[HF_NUMBER_MAX]) {
  hf_slice id;
  int type = lua_type(L, index);
  if (type == LUA_TSTRING) {
    id.data = lua_tolstring(L, index, &id.size);
    return id;
  }
  if (type != LUA_TNUMBER) hfL_misuse(L, "%s must be a string or a number, not a %s", what, luaL_typename(L, index));
  lua_Number n = lua_tonumber(L, index);
  if (!isfinite(n)) hfL_misuse(L, "%s must be a finite number, not %s", what, isnan(n) ? "NaN" : "infinity");
  id.data = number;
  id.size = hf_number_format(n == 0 ? 0 : n, number); /* -0 is the id "0", as JSON.stringify has it */
  return id;
}

int hfL_raise_for(lua_State *L, hf_persist *p, hf_slice id, hf_error *err) {
  hf__error_entity(err, p->name, id);
  hfL_raise(L, err);
}

/* ---- options */

static uint64_t check_bytes(lua_State *L, int index, const char *name) {
  lua_Number n = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : -1;
  if (!(n >= 0 && n <= 9007199254740992.0 && floor(n) == n))
    hfL_misuse(L, "options.%s must be a whole number of bytes", name);
  return (uint64_t)n;
}

static bool check_flag(lua_State *L, int index, const char *name) {
  if (!lua_isboolean(L, index)) hfL_misuse(L, "options.%s must be true or false", name);
  return lua_toboolean(L, index);
}

void hfL_check_options(lua_State *L, int index, hf_options *out) {
  *out = (hf_options)HF_OPTIONS_INIT;
  if (lua_isnoneornil(L, index)) return;
  if (!lua_istable(L, index)) hfL_misuse(L, "options must be a table, not a %s", luaL_typename(L, index));
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    if (strcmp(name, "durability") == 0) {
      const char *value = lua_tostring(L, -1);
      int i = 0;
      const char *known;
      while ((known = hf_durability_name((hf_durability)i)) && (!value || strcmp(value, known) != 0)) i++;
      if (!known) hfL_misuse(L, "options.durability must be \"sync\", \"nometasync\" or \"nosync\"");
      out->durability = (hf_durability)i;
    } else if (strcmp(name, "mapSize") == 0) {
      out->map_size = check_bytes(L, -1, name);
    } else if (strcmp(name, "maxSize") == 0) {
      out->max_size = check_bytes(L, -1, name);
    } else if (strcmp(name, "readOnly") == 0) {
      out->read_only = check_flag(L, -1, name);
    } else if (strcmp(name, "create") == 0) {
      out->must_exist = !check_flag(L, -1, name);
    } else if (strcmp(name, "networkFs") == 0) {
      out->allow_network_fs = check_flag(L, -1, name);
    } else {
      hfL_misuse(L, "there is no option '%s': durability, mapSize, maxSize, readOnly, create and networkFs exist",
                 name);
    }
  }
}

/* Conditions of a write: {ifAbsent=true} or {ifRevision=n}. */
static void check_conditions(lua_State *L, int index, hf_write_options *out) {
  *out = (hf_write_options)HF_WRITE_OPTIONS_INIT;
  if (!lua_istable(L, index)) hfL_misuse(L, "writeValue: options must be a table, not a %s", luaL_typename(L, index));
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    if (strcmp(name, "ifAbsent") == 0) {
      if (!lua_isboolean(L, -1)) hfL_misuse(L, "writeValue: ifAbsent must be true or false");
      out->if_absent = lua_toboolean(L, -1);
    } else if (strcmp(name, "ifRevision") == 0) {
      lua_Number n = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
      if (!(n >= 0 && n <= 9007199254740992.0 && floor(n) == n))
        hfL_misuse(L, "writeValue: ifRevision must be a revision, as writeValue and readEntry return it");
      out->if_revision = true;
      out->revision = (uint64_t)n;
    } else {
      hfL_misuse(L, "writeValue: there is no option '%s': ifAbsent and ifRevision exist", name);
    }
  }
}

/* ---- handles */

static int handle_gc(lua_State *L) {
  struct handle *h = lua_touserdata(L, 1);
  hfL_entity *script = h->persist ? hfL_served_by(h->persist) : NULL;
  /* A finalizer is no place for an author's close(): the state may be closing, and libraries be gone. */
  if (script) script->methods &= ~(1U << HFL_CLOSE);
  hf_persist_close(h->persist);
  if (h->persist) hf__persist_unref(h->persist);
  h->persist = NULL;
  return 0;
}

hf_persist **hfL_push_handle(lua_State *L) {
  struct handle *h = lua_newuserdata(L, sizeof *h);
  h->magic = HANDLE_MAGIC;
  h->persist = NULL;
  hfL_push_type(L, HANDLE_TYPE, handle_gc);
  lua_setmetatable(L, -2);
  return &h->persist;
}

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
  hf_persist **p = hfL_push_handle(L);
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

/* checkId(store, id) -> the id's text; raises for what is no id */
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

void hfL_push_supports(lua_State *L, const hf_persist *p) {
  uint32_t capabilities = hf_persist_capabilities(p);
  const hfL_entity *script = hfL_served_by(p);
  lua_createtable(L, 0, 16);
  lua_pushboolean(L, p->backend->get_many != NULL);
  lua_setfield(L, -2, "readMany");
  lua_pushboolean(L, p->backend->put_many != NULL);
  lua_setfield(L, -2, "writeMany");
  lua_pushboolean(L, p->backend->remove_many != NULL);
  lua_setfield(L, -2, "removeMany");
  lua_pushboolean(L, !script || script->below || hfL_entity_has(script, HFL_COUNT));
  lua_setfield(L, -2, "count");
  lua_pushboolean(L, !script || script->ranges);
  lua_setfield(L, -2, "ranges");
#define PUSH_CAPABILITY(id, bit, name, promise)                                                                        \
  lua_pushboolean(L, (capabilities & HF_CAP_##id) != 0);                                                               \
  lua_setfield(L, -2, name);
  HF_CAPABILITY_MAP(PUSH_CAPABILITY)
#undef PUSH_CAPABILITY
}

/* supports(store) -> {durable=true, transaction=true, ..., readMany=true, ...}: what the backend promises, and which of
 * the operations that the core would otherwise make of others it does itself */
static int lhf_supports(lua_State *L) {
  hfL_push_supports(L, hfL_check_persist(L));
  return 1;
}

/* ---- what other files use too */

void hfL_push_type(lua_State *L, const char *name, lua_CFunction gc) {
  luaL_getmetatable(L, name);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, name);
}

#define BUFFER_TYPE "holdfast.buffer"

struct hfL_buffer_box {
  hf_buffer buffer;
  hfL_context *cx;
};

static int buffer_gc(lua_State *L) {
  struct hfL_buffer_box *box = lua_touserdata(L, 1);
  hf_buffer_free(&box->buffer);
  if (box->cx->spare == box) box->cx->spare = NULL; /* the state is being closed; other finalizers may follow */
  return 0;
}

static __attribute__((noinline, cold)) hf_buffer *make_buffer(lua_State *L, hfL_context *cx) {
  struct hfL_buffer_box *box = lua_newuserdata(L, sizeof *box);
  *box = (struct hfL_buffer_box){HF_BUFFER_INIT, cx};
  hfL_push_type(L, BUFFER_TYPE, buffer_gc);
  lua_setmetatable(L, -2);
  return &box->buffer;
}

hf_buffer *hfL_buffer_borrow(lua_State *L, hfL_context *cx) {
  struct hfL_buffer_box *box = cx->spare;
  if (!box) return make_buffer(L, cx);
  cx->spare = NULL;
  lua_rawgeti(L, LUA_REGISTRYINDEX, cx->spare_ref);
  return &box->buffer;
}

static __attribute__((noinline, cold)) void anchor(lua_State *L, hfL_context *cx, int index) {
  if (!cx->spare_ref) {
    lua_pushboolean(L, 0);
    cx->spare_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_pushvalue(L, index);
  lua_rawseti(L, LUA_REGISTRYINDEX, cx->spare_ref);
  cx->spare = cx->anchored = lua_touserdata(L, index);
}

void hfL_buffer_return(lua_State *L, hfL_context *cx, int index) {
  struct hfL_buffer_box *box = lua_touserdata(L, index);
  if (box == cx->anchored)
    cx->spare = box;
  else
    anchor(L, cx, index);
}

void hfL_buffer_prepare(lua_State *L, hfL_context *cx) {
  if (cx->spare) return;
  make_buffer(L, cx);
  anchor(L, cx, lua_gettop(L));
  lua_pop(L, 1);
}

/* ---- entities */

/* Reads the entity and pushes its value; the info too. */
static void push_entity(lua_State *L, hf_persist *p, hf_slice id, hf_info *info) {
  hfL_context *cx = hfL_context_of(L);
  hf_error err;
  hf_buffer *json = hfL_buffer_borrow(L, cx);
  int owner = lua_gettop(L);
  hf_status status = hf_persist_read(p, id, json, info, &err);
  if (status == HF_OK) status = hfL_json_decode_trusted(L, json->data, json->size, cx->codec, &err);
  hfL_buffer_return(L, cx, owner);
  if (status == HF_OK) return;
  if (!*err.entity_name) hf__error_entity(&err, p->name, id);
  hfL_raise(L, &err);
}

/* store:readValue(id) -> entity */
static int lhf_read_value(lua_State *L) {
  char number[HF_NUMBER_MAX];
  hf_persist *p = hfL_check_persist(L);
  hf_slice id = hfL_check_id(L, 2, "readValue: the id", number);
  push_entity(L, p, id, NULL);
  return 1;
}

/* store:readEntry(id) -> {id=, value=, revision=, updatedAt=} */
static int lhf_read_entry(lua_State *L) {
  char number[HF_NUMBER_MAX];
  hf_info info = {0};
  hf_persist *p = hfL_check_persist(L);
  hf_slice id = hfL_check_id(L, 2, "readEntry: the id", number);
  lua_createtable(L, 0, 4);
  int entry = lua_gettop(L);
  push_entity(L, p, id, &info);
  lua_setfield(L, entry, "value");
  lua_pushlstring(L, id.data, id.size);
  lua_setfield(L, entry, "id");
  lua_pushnumber(L, (lua_Number)info.revision);
  lua_setfield(L, entry, "revision");
  lua_pushnumber(L, (lua_Number)info.updated_at);
  lua_setfield(L, entry, "updatedAt");
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

/* store:writeValue(id, entity [, {ifAbsent=true | ifRevision=n}]) -> revision (nothing where the store has none) */
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
  if (p->served && !p->ready && hf_persist_init(p, &err)) hfL_raise(L, &err);
  if (hfL_json_encode(L, 3, hfL_context_of(L)->codec, &json, &err)) hfL_raise_for(L, p, id, &err);
  if (hf__persist_write_trusted(p, id, json, options, &info, &err)) hfL_raise(L, &err);
  if (!info.revision) return 0;
  lua_pushnumber(L, (lua_Number)info.revision);
  return 1;
}

/* writeText(store, id, json) -> revision (nothing where the store has none): JSON text stored as it is */
static int lhf_write_text(lua_State *L) {
  char number[HF_NUMBER_MAX];
  hf_error err;
  hf_info info;
  hf_slice json;
  hf_persist *p = hfL_check_persist(L);
  hf_slice id = hfL_check_id(L, 2, "the id", number);
  json.data = luaL_checklstring(L, 3, &json.size);
  if (hf_persist_write(p, id, json, NULL, &info, &err)) hfL_raise(L, &err);
  if (!info.revision) return 0;
  lua_pushnumber(L, (lua_Number)info.revision);
  return 1;
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

/* store:removeValue(id) */
static int lhf_remove_value(lua_State *L) {
  char number[HF_NUMBER_MAX];
  hf_error err;
  hf_persist *p = hfL_check_persist(L);
  if (hf_persist_remove(p, hfL_check_id(L, 2, "removeValue: the id", number), &err)) hfL_raise(L, &err);
  return 0;
}

/* store:removeAll() */
static int lhf_remove_all(lua_State *L) {
  hf_error err;
  if (hf_persist_remove_all(hfL_check_persist(L), &err)) hfL_raise(L, &err);
  return 0;
}

/* store:count() -> number */
static int lhf_count(lua_State *L) {
  hf_error err;
  uint64_t n;
  hf_persist *p = hfL_check_persist(L);
  if (!lua_isnoneornil(L, 2))
    hfL_misuse(L, "count takes no range: it counts all entities of the name; count keys(range) yourself");
  if (hf_persist_count(p, &n, &err)) hfL_raise(L, &err);
  lua_pushnumber(L, (lua_Number)n);
  return 1;
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
                                       {"count", lhf_count},
                                       {"stat", lhf_stat},
                                       {NULL, NULL}};
  hfL_register(L, cx, functions);
}
