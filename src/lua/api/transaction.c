/* SPDX-License-Identifier: MIT
 *
 * transaction(fn) and store:snapshot(fn) for scripts.  The function runs under
 * pcall; the transaction is ended before anything it raised goes on, and since
 * pcall is a C call, the function cannot yield out of its transaction.  outside(fn) is the same for a time without one.
 */
#include <lauxlib.h>

#include "base/error.h"
#include "core/transaction.h"
#include "lua/api/api.h"
#include "lua/api/moment.h"
#include "lua/api/transaction.h"
#include "lua/state/error.h"
#include "lua/state/handle.h"
#include "lua/state/register.h"

int hfL_run_in(lua_State *L, hf_txn *txn, int arguments) {
  hf_error err;
  int below = lua_gettop(L) - arguments - 1;
  if (lua_pcall(L, arguments, LUA_MULTRET, 0)) {
    hf_txn_abort(txn);
    hfL_throw(L);
  }
  if (hf_txn_commit(txn, &err)) hfL_raise(L, &err);
  return lua_gettop(L) - below;
}

/* transaction(fn, ...) -> what fn returns */
static int lhf_transaction(lua_State *L) {
  hf_error err;
  hf_txn *txn;
  if (!lua_isfunction(L, 1)) hfL_misuse(L, "transaction: give a function, not a %s", luaL_typename(L, 1));
  if (hf_txn_begin(HF_TXN_WRITE, &txn, &err)) hfL_raise(L, &err);
  return hfL_run_in(L, txn, lua_gettop(L) - 1);
}

/* Fixes store and moment of a snapshot, which its first read does, before the function runs. */
static hf_status settle(hf_persist *p, bool looks_back, hf_error *err) {
  uint64_t unused;
  void *txn;
  return looks_back ? hf__persist_enter(p, false, &txn, err) : hf_persist_count(p, &unused, err);
}

hf_txn *hfL_begin_snapshot(lua_State *L, int index, bool *looks_back) {
  hf_error err;
  hf_txn *txn;
  hf_moment at;
  *looks_back = hfL_check_at(L, index, "snapshot", &at);
  if (*looks_back ? hf_txn_begin_at(&at, &txn, &err) : hf_txn_begin(HF_TXN_READ, &txn, &err)) hfL_raise(L, &err);
  return txn;
}

/* store:snapshot(fn [, {at=moment}]) -> what fn(store) returns */
static int lhf_snapshot(lua_State *L) {
  hf_error err;
  bool looks_back;
  hf_persist *p = hfL_check_persist(L);
  if (!lua_isfunction(L, 2)) hfL_misuse(L, "snapshot: give a function, not a %s", luaL_typename(L, 2));
  lua_settop(L, 3);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 1);
  hf_txn *txn = hfL_begin_snapshot(L, 3, &looks_back);
  if (settle(p, looks_back, &err)) {
    hf_txn_abort(txn);
    hfL_raise(L, &err);
  }
  return hfL_run_in(L, txn, 1);
}

/* outside(fn, ...) -> what fn returns */
static int lhf_outside(lua_State *L) {
  hf_error err;
  hf_txn *txn;
  if (!lua_isfunction(L, 1)) hfL_misuse(L, "outside: give a function, not a %s", luaL_typename(L, 1));
  if (hf__txn_step_outside(&txn, &err)) hfL_raise(L, &err);
  return hfL_run_in(L, txn, lua_gettop(L) - 1);
}

/* inTransaction() -> boolean */
static int lhf_in_transaction(lua_State *L) {
  lua_pushboolean(L, hf__txn_is_open());
  return 1;
}

void hfL_transaction_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {{"transaction", lhf_transaction},
                                       {"snapshot", lhf_snapshot},
                                       {"outside", lhf_outside},
                                       {"inTransaction", lhf_in_transaction},
                                       {NULL, NULL}};
  hfL_register(L, cx, functions);
}
