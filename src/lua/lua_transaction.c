/* SPDX-License-Identifier: MIT
 *
 * transaction(fn) and store:snapshot(fn) for scripts.  The function runs under
 * pcall; the transaction is ended before anything it raised goes on, and since
 * pcall is a C call, the function cannot yield out of its transaction.
 */
#include <lauxlib.h>

#include "core/error.h"
#include "lua/binding.h"

/* Runs the function below `arguments` values in a transaction; returns how many results are on the stack. */
static int run(lua_State *L, hf_txn_kind kind, int arguments) {
  hf_error err;
  hf_txn *txn;
  if (hf_txn_begin(kind, &txn, &err)) hfL_raise(L, &err);
  int base = lua_gettop(L) - arguments; /* where the function is, and its results will be */
  int rc = lua_pcall(L, arguments, LUA_MULTRET, 0);
  if (rc) {
    hf_txn_abort(txn);
    return lua_error(L);
  }
  if (hf_txn_commit(txn, &err)) hfL_raise(L, &err);
  return lua_gettop(L) - base + 1;
}

/* transaction(fn, ...) -> what fn returns */
static int lhf_transaction(lua_State *L) {
  if (!lua_isfunction(L, 1)) hfL_misuse(L, "transaction: give a function, not a %s", luaL_typename(L, 1));
  return run(L, HF_TXN_WRITE, lua_gettop(L) - 1);
}

/* store:snapshot(fn) -> what fn(store) returns */
static int lhf_snapshot(lua_State *L) {
  hf_error err;
  hf_persist *p = hfL_check_persist(L);
  if (!lua_isfunction(L, 2)) hfL_misuse(L, "snapshot: give a function, not a %s", luaL_typename(L, 2));
  lua_settop(L, 2);
  lua_pushvalue(L, 1);
  /* The first read fixes the moment: make it before the function runs, on this store. */
  hf_txn *txn;
  uint64_t unused;
  if (hf_txn_begin(HF_TXN_READ, &txn, &err)) hfL_raise(L, &err);
  if (hf_persist_count(p, &unused, &err)) {
    hf_txn_abort(txn);
    hfL_raise(L, &err);
  }
  int rc = lua_pcall(L, 1, LUA_MULTRET, 0);
  hf_txn_abort(txn);
  if (rc) return lua_error(L);
  return lua_gettop(L) - 1;
}

void hfL_transaction_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {{"transaction", lhf_transaction}, {"snapshot", lhf_snapshot}, {NULL, NULL}};
  hfL_register(L, cx, functions);
}
