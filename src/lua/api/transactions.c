/* SPDX-License-Identifier: MIT
 *
 * transactions{fn, fn, ...} for scripts: several transactions in one commit.  Whatever needs memory of Lua's while they
 * run does so in lua_pcall: nothing may raise over them.  So the table of each result is made before the first begins,
 * with the fields that an error needs; a function that returns more than nothing fills it in its own part.
 */
#include <lauxlib.h>
#include <stdlib.h>

#include "base/error.h"
#include "lua/api/api.h"
#include "lua/state/error.h"
#include "lua/state/register.h"

/* Where things are on the stack. */
enum { GIVEN = 1, FUNCTIONS, RESULTS, CALL, COMPLETE };

/* A part: the function at an index of the list. */
struct script_part {
  lua_State *L;
  int index;
  bool raised; /* and what is in its result */
};

/* All of them. */
struct script_parts {
  size_t count;
  hf_txn_part *parts;
  struct script_part *scripts;
  hf_error *errors;
};

/* (function, result): calls the function, and keeps what it returns. */
static int call(lua_State *L) {
  lua_pushvalue(L, 1);
  lua_call(L, 0, LUA_MULTRET);
  int count = lua_gettop(L) - 2;
  for (int i = count; i > 0; i--) lua_rawseti(L, 2, i);
  lua_pushinteger(L, count);
  lua_setfield(L, 2, "n");
  return 0;
}

static hf_status run(void *arg, hf_error *err) {
  struct script_part *part = arg;
  lua_State *L = part->L;
  lua_pushvalue(L, CALL);
  lua_rawgeti(L, FUNCTIONS, part->index);
  lua_rawgeti(L, RESULTS, part->index);
  if (lua_pcall(L, 2, 0, 0) == 0) return HF_OK;
  hfL_to_error(L, -1, err);
  part->raised = true;
  lua_rawgeti(L, RESULTS, part->index);
  lua_insert(L, -2);
  lua_setfield(L, -2, "error"); /* it is there: needs no memory */
  lua_pop(L, 1);
  return err->status;
}

/* Pushes the result of a part that has failed, but for what it raised. */
static void push_failed(lua_State *L) {
  lua_createtable(L, 1, 3);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "ok");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "error");
  lua_pushinteger(L, 0);
  lua_setfield(L, -2, "n");
}

/* (results, parts): says in each result what became of the part. */
static int complete(lua_State *L) {
  const struct script_parts *all = lua_touserdata(L, 2);
  for (size_t i = 0; i < all->count; i++) {
    bool ok = all->parts[i].status == HF_OK;
    if (!ok && all->scripts[i].raised) continue;
    if (ok)
      lua_rawgeti(L, 1, (int)i + 1);
    else
      push_failed(L); /* what the function returned did not happen */
    lua_pushboolean(L, ok);
    lua_setfield(L, -2, "ok");
    if (ok)
      lua_pushnil(L);
    else
      hfL_push_error(L, &all->errors[i]);
    lua_setfield(L, -2, "error");
    lua_rawseti(L, 1, (int)i + 1);
  }
  return 0;
}

static int refuse_key(lua_State *L) {
  lua_pushvalue(L, -2);
  const char *key = lua_isstring(L, -1) ? lua_tostring(L, -1) : luaL_typename(L, -1);
  hfL_misuse(L, "transactions: give a list of functions: it has the key %s", key);
}

/* Copies the list, so that nobody changes it meanwhile.  Returns how many there are. */
static int take_functions(lua_State *L) {
  if (!lua_istable(L, GIVEN))
    hfL_misuse(L, "transactions: give a list of functions, not a %s", luaL_typename(L, GIVEN));
  int count = (int)lua_objlen(L, GIVEN);
  lua_createtable(L, count, 0);
  for (lua_pushnil(L); lua_next(L, GIVEN); lua_pop(L, 1)) {
    lua_Number n = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
    if (!(n >= 1 && n <= count && n == (int)n)) refuse_key(L);
  }
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, GIVEN, i);
    if (!lua_isfunction(L, -1))
      hfL_misuse(L, "transactions: give a list of functions: number %d is a %s", i, luaL_typename(L, -1));
    lua_rawseti(L, FUNCTIONS, i);
  }
  return count;
}

static void free_all(struct script_parts *all) {
  free(all->parts);
  free(all->scripts);
  free(all->errors);
}

static hf_status run_all(lua_State *L, struct script_parts *all, hf_error *err) {
  if (!all->count) return hf_transactions(NULL, 0, err);
  all->parts = calloc(all->count, sizeof *all->parts);
  all->scripts = calloc(all->count, sizeof *all->scripts);
  all->errors = calloc(all->count, sizeof *all->errors);
  if (!all->parts || !all->scripts || !all->errors) return hf__no_memory(err);
  for (size_t i = 0; i < all->count; i++) {
    all->scripts[i] = (struct script_part){L, (int)i + 1, false};
    all->parts[i] = (hf_txn_part){.run = run, .arg = &all->scripts[i], .error = &all->errors[i]};
  }
  return hf_transactions(all->parts, all->count, err);
}

/* transactions(functions) -> results: {ok=true, n=, what it returned ...} or {ok=false, error=, n=0}, in their order */
static int lhf_transactions(lua_State *L) {
  hf_error err;
  if (lua_gettop(L) > GIVEN)
    hfL_misuse(L, "transactions: give one list of functions, and nothing after it: they are called without arguments");
  lua_settop(L, GIVEN);
  struct script_parts all = {.count = (size_t)take_functions(L)};
  lua_createtable(L, (int)all.count, 0);
  for (int i = 1; i <= (int)all.count; i++) {
    push_failed(L);
    lua_rawseti(L, RESULTS, i);
  }
  lua_pushcfunction(L, call);
  lua_pushcfunction(L, complete);
  hf_status status = run_all(L, &all, &err);
  int raised = 0;
  if (status == HF_OK) {
    lua_pushvalue(L, COMPLETE);
    lua_pushvalue(L, RESULTS);
    lua_pushlightuserdata(L, &all);
    raised = lua_pcall(L, 2, 0, 0);
  }
  free_all(&all);
  if (status) hfL_raise(L, &err);
  if (raised) hfL_throw(L);
  lua_settop(L, RESULTS);
  return 1;
}

void hfL_transactions_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {{"transactions", lhf_transactions}, {NULL, NULL}};
  hfL_register(L, cx, functions);
}
