/* SPDX-License-Identifier: MIT
 *
 * Iterators for scripts.  An iterator is a closure over a userdata with the
 * hf_iter; the C side pages (core/iterate.c), so that no transaction is open while
 * the script's loop runs, and `break` needs no closing: the garbage collector ends it, or
 * reaching the end does.
 *
 * Loops that ask a predicate (lua/holdfast/asking.lua) have the userdata as well: they hand it a condition that stands
 * for the predicate, and again when one of its parameters has changed.
 */
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "core/persist.h"
#include "lua/api/api.h"
#include "lua/api/condition.h"
#include "lua/codec/json.h"
#include "lua/script/asked.h"
#include "lua/script/instance.h"
#include "lua/script/slots.h"
#include "lua/state/arguments.h"
#include "lua/state/buffers.h"
#include "lua/state/context.h"
#include "lua/state/error.h"
#include "lua/state/handle.h"
#include "lua/state/register.h"
#include "lua/state/revision.h"

#define ITERATOR_TYPE "holdfast.iterator"

enum yields { YIELD_KEYS, YIELD_VALUES, YIELD_PAIRS, YIELD_ENTRIES, YIELD_TEXTS, YIELD_DAMAGED };

struct iterator {
  hf_iter *iter;    /* NULL: at its end, or finalized */
  uint64_t counted; /* hf__iter_counted() at the last step */
};

static int iterator_gc(lua_State *L) {
  struct iterator *it = lua_touserdata(L, 1);
  hf_iter_close(it->iter);
  it->iter = NULL;
  return 0;
}

/* ---- ranges */

static uint64_t check_limit(lua_State *L, int index) {
  lua_Number n = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : -1;
  if (!(n >= 0 && (floor(n) == n)))
    hfL_misuse(L, "range.limit must be a whole number from 0 on, not %s",
               lua_type(L, index) == LUA_TNUMBER ? lua_tostring(L, index)
                                                 : lua_pushfstring(L, "a %s", luaL_typename(L, index)));
  return n >= HF__WHOLE_MAX ? UINT64_MAX : (uint64_t)n;
}

/* Reads {prefix=, from=, to=, reverse=, limit=, index=}.  The slices point into the table's strings. */
static void check_range(lua_State *L, int index, hf_range *out, char numbers[2][HF_NUMBER_MAX]) {
  *out = (hf_range)HF_RANGE_INIT;
  if (lua_isnoneornil(L, index)) return;
  if (!lua_istable(L, index))
    hfL_misuse(L, "the range must be a table such as {prefix=\"BTC\", limit=10}, not a %s%s", luaL_typename(L, index),
               lua_isfunction(L, index) ? ": a predicate is given as {where=predicate}" : "");
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    if (strcmp(name, "prefix") == 0) {
      if (lua_type(L, -1) != LUA_TSTRING)
        hfL_misuse(L, "range.prefix must be a string, not a %s", luaL_typename(L, -1));
      out->prefix.data = lua_tolstring(L, -1, &out->prefix.size);
    } else if (strcmp(name, "from") == 0) {
      out->from = hfL_check_id(L, -1, "range.from", numbers[0]);
    } else if (strcmp(name, "to") == 0) {
      out->to = hfL_check_id(L, -1, "range.to", numbers[1]);
    } else if (strcmp(name, "reverse") == 0) {
      if (!lua_isboolean(L, -1)) hfL_misuse(L, "range.reverse must be true or false");
      out->reverse = lua_toboolean(L, -1);
    } else if (strcmp(name, "limit") == 0) {
      out->has_limit = true;
      out->limit = check_limit(L, -1);
    } else if (strcmp(name, "index") == 0) {
      if (lua_type(L, -1) != LUA_TSTRING)
        hfL_misuse(L, "range.index must be the name of an index such as \"metadata.symbol\", not a %s",
                   luaL_typename(L, -1));
      out->index.data = lua_tolstring(L, -1, &out->index.size);
      if (!out->index.size) hfL_misuse(L, "range.index must be the name of an index, not an empty string");
    } else {
      if (strcmp(name, "where") == 0)
        hfL_misuse(L, "a range has no 'where' here; that of values, keys, entries and count may have one");
      hfL_misuse(L, "a range has no '%s': prefix, from, to, reverse, limit, index and where exist", name);
    }
  }
}

/* ---- the closure */

/* Texts up to this size are copied to the C stack, larger ones into a borrowed buffer. */
enum { SMALL_TEXT = 1024 };

/* A number of an hf_info, or nil where the backend does not know it. */
static void push_known(lua_State *L, lua_Number n) {
  if (n != 0)
    lua_pushnumber(L, n);
  else
    lua_pushnil(L);
}

/* Any allocation of Lua may run a finalizer, and that may use this very iterator, which then reads its next page over
 * the one that our entry is in.  So the entry is copied before anything is allocated.  Nothing needs marking
 * then, and nothing is left marked when an error is raised on the way: each call just gets the next entry. */
static int next_entry(lua_State *L, enum yields what) {
  hf_error err;
  const hf_entry *e = NULL;
  char id_copy[HF_ID_MAX], small[SMALL_TEXT];
  hfL_context *cx = hfL_context_of(L);
  struct iterator *it = lua_touserdata(L, lua_upvalueindex(2));
  hfL_buffer_prepare(L, cx);
  hf_status status = it->iter ? hf_iter_next(it->iter, &e, &err) : HF_OK;
  if (it->iter) it->counted = hf__iter_counted(it->iter);
  if (!e) {
    if (status) hfL_raise(L, &err);
    hf_iter_close(it->iter);
    it->iter = NULL;
    lua_pushnil(L);
    return 1;
  }
  hf_slice id = {id_copy, e->id.size}, json = e->json;
  memcpy(id_copy, e->id.data, e->id.size);
  if (what == YIELD_KEYS) {
    lua_pushlstring(L, id.data, id.size);
    return 1;
  }
  const hf_info info = e->info;
  char problem[256];
  if (what == YIELD_DAMAGED) snprintf(problem, sizeof problem, "%s", hf_entry_problem(e));
  int owner = 0;
  if (json.size <= sizeof small) {
    memcpy(small, json.data, json.size);
    json.data = small;
  } else {
    hf_buffer *large = hfL_buffer_borrow(L, cx);
    owner = lua_gettop(L);
    large->size = 0;
    if (!hf_buffer_add(large, json.data, json.size)) status = hf__no_memory(&err);
    json.data = large->data;
  }
  if (what != YIELD_VALUES) lua_pushlstring(L, id.data, id.size);
  if (status == HF_OK) {
    if (what == YIELD_DAMAGED) lua_pushstring(L, problem);
    if (what == YIELD_TEXTS || what == YIELD_DAMAGED)
      lua_pushlstring(L, json.data, json.size);
    else
      status = hfL_json_decode_trusted(L, json.data, json.size, cx->codec, &err);
  }
  if (owner) hfL_buffer_return(L, cx, owner);
  if (status) {
    hf__error_entity(&err, (hf_slice){NULL, 0}, id);
    hfL_raise(L, &err);
  }
  if (what == YIELD_DAMAGED) {
    lua_pushnumber(L, (lua_Number)info.updated_at);
    return 4;
  }
  if (what != YIELD_ENTRIES && what != YIELD_TEXTS) return what == YIELD_VALUES ? 1 : 2;
  if (what == YIELD_ENTRIES) {
    hfL_push_revision(L, &info);
    push_known(L, (lua_Number)info.updated_at);
  }
  if (!info.expires_at) return what == YIELD_ENTRIES ? 4 : 2;
  lua_pushnumber(L, (lua_Number)info.expires_at);
  return what == YIELD_ENTRIES ? 5 : 3;
}

static int next_key(lua_State *L) { return next_entry(L, YIELD_KEYS); }
static int next_value(lua_State *L) { return next_entry(L, YIELD_VALUES); }
static int next_pair(lua_State *L) { return next_entry(L, YIELD_PAIRS); }
static int next_whole(lua_State *L) { return next_entry(L, YIELD_ENTRIES); }
static int next_text(lua_State *L) { return next_entry(L, YIELD_TEXTS); }
static int next_damaged(lua_State *L) { return next_entry(L, YIELD_DAMAGED); }

/* Whether it gives something of hf_info: with texts, when they expire, where they can. */
static bool needs_info(const hf_persist *p, enum yields what) {
  if (what == YIELD_TEXTS) return (hf_persist_capabilities(p) & HF_CAP_TTL) != 0;
  return what == YIELD_ENTRIES || what == YIELD_DAMAGED;
}

/* Pushes the userdata and, above it, the closure over it; `kept` arguments stay below. */
static void push_iterator(lua_State *L, enum yields what, int kept) {
  static const lua_CFunction steps[] = {next_key, next_value, next_pair, next_whole, next_text, next_damaged};
  hf_error err;
  hf_range range;
  char numbers[2][HF_NUMBER_MAX];
  hf_persist *p = hfL_check_persist(L);
  lua_settop(L, kept);
  struct iterator *it = lua_newuserdata(L, sizeof *it);
  *it = (struct iterator){NULL, 0};
  hfL_push_type(L, ITERATOR_TYPE, iterator_gc);
  lua_setmetatable(L, -2);
  check_range(L, 2, &range, numbers); /* nothing is allocated from here on: a finalizer could change the table */
  range.keys_only = what == YIELD_KEYS;
  hf_status (*open)(hf_persist *, const hf_range *, hf_iter **, hf_error *) =
      what == YIELD_DAMAGED ? hf_persist_quarantined : hf_iter_open;
  if (open(p, &range, &it->iter, &err)) hfL_raise(L, &err);
  if (!needs_info(p, what)) hf__iter_without_info(it->iter);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, kept + 1);
  lua_pushvalue(L, 1); /* the instance must not be collected, and so closed, under its iterator */
  lua_pushcclosure(L, steps[what], 3);
}

static int give_iterator(lua_State *L, enum yields what) {
  push_iterator(L, what, 2);
  return 1;
}

/* checkRange(store, range): raises for what is not a range */
static int lhf_check_range(lua_State *L) {
  hf_range range;
  char numbers[2][HF_NUMBER_MAX];
  hfL_check_persist(L);
  check_range(L, 2, &range, numbers);
  return 0;
}

/* store:keys([range]) -> iterator of ids */
static int lhf_keys(lua_State *L) { return give_iterator(L, YIELD_KEYS); }
/* store:values([range]) -> iterator of entities */
static int lhf_values(lua_State *L) { return give_iterator(L, YIELD_VALUES); }
/* store:entries([range]) -> iterator of id, entity, revision, updatedAt, expiresAt; the last three nil where unknown,
 * or where it does not expire */
static int lhf_entries(lua_State *L) { return give_iterator(L, YIELD_ENTRIES); }
/* texts(store [, range]) -> iterator of id, JSON text, expiresAt (nil: it does not) */
static int lhf_texts(lua_State *L) { return give_iterator(L, YIELD_TEXTS); }

/* quarantined(store [, range]) -> iterator of id, problem, bytes, when they came there (ms; 0: unknown) */
static int lhf_quarantined(lua_State *L) { return give_iterator(L, YIELD_DAMAGED); }

/* ---- for loops that ask a predicate */

/* scan(store, range, what) -> iterator, its userdata, whether it may go by indexes once it is given a condition.  what:
 * "values", "pairs" (id, value) or "entries" */
static int lhf_scan(lua_State *L) {
  static const char *const names[] = {"values", "pairs", "entries", "texts", NULL};
  static const enum yields yields[] = {YIELD_VALUES, YIELD_PAIRS, YIELD_ENTRIES, YIELD_TEXTS};
  push_iterator(L, yields[luaL_checkoption(L, 3, NULL, names)], 2);
  lua_insert(L, 3);
  lua_pushboolean(L, hf__iter_learn_indexes(((struct iterator *)lua_touserdata(L, 4))->iter));
  return 3;
}

static struct iterator *check_iterator(lua_State *L) {
  hfL_push_type(L, ITERATOR_TYPE, iterator_gc);
  if (!lua_getmetatable(L, 1) || !lua_rawequal(L, -1, -2)) luaL_typerror(L, 1, "iterator");
  lua_pop(L, 2);
  return lua_touserdata(L, 1);
}

/* ask(userdata, condition or nil, count, asked): from the next step on, what the condition is no to is left out, and,
 * to count, what it is a yes to; what was read ahead is read again.  Whoever calls keeps the iterator alive */
static int lhf_ask(lua_State *L) {
  hf_error err;
  struct iterator *it = check_iterator(L);
  hf_condition *condition = hfL_to_condition(L, 2);
  if (condition && lua_istable(L, 4)) hfL_asked_keep(L, condition, 4);
  if (it->iter && !hf__iter_ask(it->iter, condition, lua_toboolean(L, 3))) {
    hf__no_memory(&err);
    hfL_raise(L, &err);
  }
  return 0;
}

/* endIteration(userdata): no further step gives anything */
static int lhf_end_iteration(lua_State *L) {
  struct iterator *it = check_iterator(L);
  hf_iter_close(it->iter);
  it->iter = NULL;
  return 0;
}

/* explainRange(store, range, condition) -> {index=, candidates=, of=, asked=, why=}: how a loop with the condition
 * would find its entities */
static int lhf_explain(lua_State *L) {
  hf_error err;
  push_iterator(L, YIELD_VALUES, 3);
  const struct iterator *it = lua_touserdata(L, 4);
  hf_condition *condition = hfL_to_condition(L, 3);
  hfL_context *cx = hfL_context_of(L);
  hf_buffer *json = hfL_buffer_borrow(L, cx);
  int owner = lua_gettop(L);
  hf_status status = hf__iter_explain(it->iter, condition, json, &err);
  if (status == HF_OK) status = hfL_json_decode(L, json->data, json->size, cx->codec, &err);
  hfL_buffer_return(L, cx, owner);
  if (status) hfL_raise(L, &err);
  return 1;
}

/* evaluates(store) -> whether conditions are evaluated where its entities are, and not in front of it; whether that is
 * a class, in this state or of a URL; the instance of that class, where it is in this state */
static int lhf_evaluates(lua_State *L) {
  const hf_persist *p = hfL_check_persist(L);
  bool evaluates = p->backend->evaluates_conditions != 0;
  const hfL_instance *e = evaluates ? hfL_attached_to(p) : NULL;
  lua_pushboolean(L, evaluates);
  lua_pushboolean(L, e != NULL);
  if (!e || e->state != hfL_context_of(L)->state) return 2;
  hfL_push_instance(L, e);
  return 3;
}

/* counted(userdata) -> how many were counted before what the last step gave, how many conditions have looked at,
 * whether only entities that indexes lead to are read */
static int lhf_counted(lua_State *L) {
  const struct iterator *it = check_iterator(L);
  lua_pushnumber(L, (lua_Number)it->counted);
  lua_pushnumber(L, (lua_Number)(it->iter ? hf__iter_looked_at(it->iter) : 0));
  lua_pushboolean(L, it->iter && hf__iter_goes_by_index(it->iter));
  return 3;
}

/* store:count([range]) -> number */
static int lhf_count(lua_State *L) {
  hf_error err;
  hf_range range;
  char numbers[2][HF_NUMBER_MAX];
  uint64_t n;
  hf_persist *p = hfL_check_persist(L);
  check_range(L, 2, &range, numbers);
  if (hf_persist_count_where(p, lua_isnoneornil(L, 2) ? NULL : &range, &n, &err)) hfL_raise(L, &err);
  lua_pushnumber(L, (lua_Number)n);
  return 1;
}

void hfL_iterator_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {{"keys", lhf_keys},
                                       {"values", lhf_values},
                                       {"entries", lhf_entries},
                                       {"texts", lhf_texts},
                                       {"quarantined", lhf_quarantined},
                                       {"checkRange", lhf_check_range},
                                       {"scan", lhf_scan},
                                       {"ask", lhf_ask},
                                       {"counted", lhf_counted},
                                       {"endIteration", lhf_end_iteration},
                                       {"explainRange", lhf_explain},
                                       {"evaluates", lhf_evaluates},
                                       {"count", lhf_count},
                                       {NULL, NULL}};
  hfL_register(L, cx, functions);
}
