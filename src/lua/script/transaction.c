/* SPDX-License-Identifier: MIT
 *
 * Transactions: see transaction.h.
 */
#include "lua/script/transaction.h"

#include <lauxlib.h>

#include "base/error.h"
#include "lua/script/call.h"
#include "lua/script/instance.h"

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

hf_status hfL_script_begin(void *store, hf_txn_kind kind, void *parent, void **txn, hf_error *err) {
  hfL_script_store *s = store;
  (void)parent;
  if (!s->depth) {
    for (s->in_txn = s->open; s->in_txn && !s->in_txn->ready; s->in_txn = s->in_txn->next_open) continue;
    if (!s->in_txn) return hf__fail(err, HF_CLOSED, "every instance on this store was closed");
    s->in_txn->refs++;
  }
  struct txn_call c = {.kind = kind == HF_TXN_WRITE ? "write" : "read", .depth = s->depth + 1};
  hf_status status = hfL_instance_call(s->in_txn, HFL_BEGIN, txn_body, &c.call, err);
  if (status == HF_OK) {
    s->depth++;
    *txn = s;
  } else if (!s->depth) {
    hfL_instance_unref(s->in_txn);
    s->in_txn = NULL;
  }
  return status;
}

static hf_status end(hfL_script_store *s, hfL_method method, hf_error *err) {
  struct txn_call c = {.kind = NULL};
  hfL_instance *e = s->in_txn;
  hf_status status = hfL_instance_call(e, method, txn_body, &c.call, err);
  if (--s->depth == 0) {
    s->in_txn = NULL;
    hfL_instance_unref(e);
  }
  return status;
}

hf_status hfL_script_commit(void *store, void *txn, hf_error *err) {
  (void)txn;
  return end(store, HFL_COMMIT, err);
}

void hfL_script_abort(void *store, void *txn) {
  hf_error unused;
  (void)txn;
  end(store, HFL_ROLLBACK, &unused);
}
