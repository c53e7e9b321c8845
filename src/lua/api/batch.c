/* SPDX-License-Identifier: MIT
 *
 * Batches for scripts: readMany, writeMany, removeMany, and for the command writeTexts.  Everything that a batch
 * needs while the core works on it lives in userdata, so that an error on the
 * way (a value that cannot be stored, a wrong id) leaks nothing.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "lua/api/api.h"
#include "lua/api/expiry.h"
#include "lua/codec/json.h"
#include "lua/state/arguments.h"
#include "lua/state/context.h"
#include "lua/state/error.h"
#include "lua/state/handle.h"
#include "lua/state/register.h"

#define PAGE_TYPE "holdfast.page"

struct page_box {
  hf_page *page;
};

static int page_gc(lua_State *L) {
  struct page_box *box = lua_touserdata(L, 1);
  hf_page_free(box->page);
  box->page = NULL;
  return 0;
}

/* Pushes a page that the garbage collector frees. */
static hf_page *push_page(lua_State *L) {
  struct page_box *box = lua_newuserdata(L, sizeof *box);
  box->page = NULL;
  hfL_push_type(L, PAGE_TYPE, page_gc);
  lua_setmetatable(L, -2);
  box->page = hf_page_new();
  if (!box->page) hfL_no_memory(L);
  return box->page;
}

/* The ids in the list at stack index 2, as an array in userdata, which is pushed.  Number ids get a text there too, the
 * others point into the list's strings: use them before Lua allocates, since a finalizer could change the list. */
static hf_slice *check_ids(lua_State *L, const char *what, size_t *count) {
  if (!lua_istable(L, 2)) hfL_misuse(L, "%s: give a list of ids, not a %s", what, luaL_typename(L, 2));
  *count = lua_objlen(L, 2);
  size_t keys = 0;
  for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) keys++;
  if (keys != *count) hfL_misuse(L, "%s: give a list of ids such as {\"a\", \"b\"}, without gaps or other keys", what);
  hf_slice *ids = lua_newuserdata(L, *count * (sizeof(hf_slice) + HF_NUMBER_MAX) + 1);
  char *numbers = (char *)(ids + *count);
  for (size_t i = 0; i < *count; i++) {
    lua_rawgeti(L, 2, (int)i + 1);
    char name[64];
    snprintf(name, sizeof name, "%s: id %zu", what, i + 1);
    ids[i] = hfL_check_id(L, -1, name, numbers + i * HF_NUMBER_MAX);
    lua_pop(L, 1);
  }
  return ids;
}

/* store:readMany(ids) -> {[id]=entity}; ids that do not exist are left out */
static int lhf_read_many(lua_State *L) {
  hf_error err;
  size_t count, found;
  hfL_context *cx = hfL_context_of(L);
  hf_persist *p = hfL_check_persist(L);
  lua_settop(L, 2);
  hf_page *page = push_page(L);
  hf_slice *ids = check_ids(L, "readMany", &count);
  if (hf_persist_read_many(p, ids, count, page, &err)) hfL_raise(L, &err);
  const hf_entry *entries = hf_page_entries(page, &found);
  lua_createtable(L, 0, (int)found);
  for (size_t i = 0; i < found; i++) {
    if (entries[i].status == HF_NOT_FOUND) continue;
    lua_rawgeti(L, 2, (int)i + 1);
    if (hfL_json_decode_trusted(L, entries[i].json.data, entries[i].json.size, cx->codec, &err))
      hfL_raise_for(L, p, entries[i].id, &err);
    lua_rawset(L, -3);
  }
  return 1;
}

/* store:removeMany(ids) -> how many there were */
static int lhf_remove_many(lua_State *L) {
  hf_error err;
  size_t count;
  uint64_t removed;
  hf_persist *p = hfL_check_persist(L);
  lua_settop(L, 2);
  hf_slice *ids = check_ids(L, "removeMany", &count);
  if (hf_persist_remove_many(p, ids, count, &removed, &err)) hfL_raise(L, &err);
  lua_pushnumber(L, (lua_Number)removed);
  return 1;
}

/* Entities to write: their texts one after the other, and where each begins. */
struct writes {
  hf_buffer texts; /* ids and JSON: copies, since a finalizer could change the table while we read it */
  hf_item *items;  /* slices hold offsets until everything is in place */
  size_t count, capacity;
};

#define WRITES_TYPE "holdfast.writes"

static int writes_gc(lua_State *L) {
  struct writes *w = lua_touserdata(L, 1);
  hf_buffer_free(&w->texts);
  free(w->items);
  memset(w, 0, sizeof *w);
  return 0;
}

static bool writes_add(struct writes *w, hf_slice id, hf_slice json, int64_t expires_at) {
  if (w->count == w->capacity) {
    size_t capacity = w->capacity ? w->capacity * 2 : 256;
    hf_item *items = realloc(w->items, capacity * sizeof *items);
    if (!items) return false;
    w->items = items;
    w->capacity = capacity;
  }
  hf_item *item = &w->items[w->count++];
  *item = (hf_item){.id = {(const char *)w->texts.size, id.size}, .expires_at = expires_at};
  if (!hf_buffer_add(&w->texts, id.data, id.size)) return false;
  item->json = (hf_slice){(const char *)w->texts.size, json.size};
  return hf_buffer_add(&w->texts, json.data, json.size);
}

/* Makes an empty one, pushes the userdata that owns it. */
static struct writes *push_writes(lua_State *L) {
  struct writes *w = lua_newuserdata(L, sizeof *w);
  memset(w, 0, sizeof *w);
  hfL_push_type(L, WRITES_TYPE, writes_gc);
  lua_setmetatable(L, -2);
  return w;
}

/* Everything is in place: the slices get their addresses. */
static void writes_settle(struct writes *w) {
  for (size_t i = 0; i < w->count; i++) {
    w->items[i].id.data = w->texts.data + (size_t)w->items[i].id.data;
    w->items[i].json.data = w->texts.data + (size_t)w->items[i].json.data;
  }
}

/* In a table, 1 and "1" are two keys; here they are one id. */
static void check_unique(lua_State *L, hf_slice number) {
  lua_pushlstring(L, number.data, number.size);
  lua_rawget(L, 2);
  if (!lua_isnil(L, -1))
    hfL_misuse(L, "writeMany: %.*s and \"%.*s\" are one id: give one of them", (int)number.size, number.data,
               (int)number.size, number.data);
  lua_pop(L, 1);
}

/* Options of a batch, {ttl="1h"} or {expiresAt=ms}: when all of it expires; 0: never. */
static int64_t check_expiry(lua_State *L, int index) {
  hfL_expiry expiry = {0, 0};
  if (lua_isnoneornil(L, index)) return 0;
  if (!lua_istable(L, index)) hfL_misuse(L, "writeMany: options must be a table, not a %s", luaL_typename(L, index));
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    if (!hfL_take_expiry(L, "writeMany", name, -1, &expiry))
      hfL_misuse(L, "writeMany: there is no option '%s': ttl and expiresAt exist", name);
  }
  return expiry.ttl ? hf_now_ms() + expiry.ttl : expiry.expires_at;
}

/* store:writeMany({[id]=entity} [, {ttl="1h" | expiresAt=ms}]): all of them in one commit, or none */
static int lhf_write_many(lua_State *L) {
  hf_error err;
  hfL_context *cx = hfL_context_of(L);
  hf_persist *p = hfL_check_persist(L);
  lua_settop(L, 3);
  if (!lua_istable(L, 2)) hfL_misuse(L, "writeMany: give a table {[id]=entity}, not a %s", luaL_typename(L, 2));
  int64_t expires_at = check_expiry(L, 3);
  struct writes *w = push_writes(L);
  for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
    char number[HF_NUMBER_MAX];
    hf_slice json;
    hf_slice id = hfL_check_id(L, -2, "writeMany: each id", number);
    if (hfL_json_encode(L, -1, cx->codec, &json, &err)) {
      size_t used = strlen(err.message);
      snprintf(err.message + used, sizeof err.message - used, " (of the entity with id %.*s)", (int)id.size, id.data);
      hfL_raise_for(L, p, id, &err);
    }
    if (!writes_add(w, id, json, expires_at)) hfL_no_memory(L); /* the codec's buffer is done with */
    if (id.data == number) check_unique(L, id);
  }
  writes_settle(w);
  if (hf__persist_write_many_trusted(p, w->items, w->count, &err)) hfL_raise(L, &err);
  hf_buffer_free(&w->texts); /* may be large: not left to the collector */
  return 0;
}

/* writeTexts(store, ids, texts [, times]): JSON texts stored as they are, all of them in one commit, or none.  Two
 * lists, and of an id that is there twice the later text wins; `times` has for the places of those that expire when
 * they do, ms. */
static int lhf_write_texts(lua_State *L) {
  hf_error err;
  hf_persist *p = hfL_check_persist(L);
  lua_settop(L, 4);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TTABLE);
  if (lua_isnil(L, 4)) { /* nothing expires */
    lua_newtable(L);
    lua_replace(L, 4);
  }
  int count = (int)lua_objlen(L, 2);
  if ((int)lua_objlen(L, 3) != count) hfL_misuse(L, "writeTexts: there must be as many texts as ids");
  struct writes *w = push_writes(L);
  for (int i = 1; i <= count; i++, lua_pop(L, 3)) {
    char number[HF_NUMBER_MAX];
    hf_slice json;
    lua_rawgeti(L, 2, i);
    lua_rawgeti(L, 3, i);
    hf_slice id = hfL_check_id(L, -2, "writeTexts: each id", number);
    if (lua_type(L, -1) != LUA_TSTRING) hfL_misuse(L, "writeTexts: each text must be a string");
    json.data = lua_tolstring(L, -1, &json.size);
    lua_rawgeti(L, 4, i);
    if (!writes_add(w, id, json, lua_isnil(L, -1) ? 0 : hfL_check_expires_at(L, "writeTexts", -1))) hfL_no_memory(L);
  }
  writes_settle(w);
  if (hf_persist_write_many(p, w->items, w->count, &err)) hfL_raise(L, &err);
  hf_buffer_free(&w->texts);
  return 0;
}

void hfL_batch_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {{"readMany", lhf_read_many},
                                       {"writeMany", lhf_write_many},
                                       {"writeTexts", lhf_write_texts},
                                       {"removeMany", lhf_remove_many},
                                       {NULL, NULL}};
  hfL_register(L, cx, functions);
}
