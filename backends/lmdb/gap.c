/* SPDX-License-Identifier: MIT
 *
 * Gaps: see gap.h.
 */
#include "gap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "failed_flush.h"
#include "feature.h"
#include "meta.h"
#include "sums.h"

int64_t hf__lmdb_gap_tell_ns = 60 * INT64_C(1000000000);

static int build(hf__lmdb_env *env, MDB_txn *txn, hf_slice name, hf_slice record, void *arg) {
  (void)record;
  (void)arg;
  const hf__lmdb_feature *f = hf__lmdb_feature_find(name);
  return f && f->build ? f->build(env, txn) : 0;
}

/* Notes that the commits from `from` to `to` are a stranger's, and how many gaps there were. */
static int note(hf__lmdb_env *env, MDB_txn *txn, uint64_t from, uint64_t to) {
  hf_slice old;
  char text[160];
  static const char head[] = "{\"count\":";
  bool changed;
  unsigned long count = 0;
  int rc = hf__lmdb_meta_get(env, txn, META_GAPS, &old);
  if (rc) return rc;
  if (old.size > sizeof head && old.size < sizeof text) { /* the value has no 0 after it */
    memcpy(text, old.data, old.size);
    text[old.size] = '\0';
    count = strtoul(text + sizeof head - 1, NULL, 10);
  }
  int n = snprintf(text, sizeof text, "%s%lu,\"from\":%llu,\"to\":%llu,\"at\":%lld}", head, count + 1,
                   (unsigned long long)from, (unsigned long long)to, (long long)hf_now_ms());
  return hf__lmdb_meta_put(env, txn, META_GAPS, (hf_slice){NULL, 0}, (hf_slice){text, (size_t)n}, &changed);
}

/* A program that goes on writing makes a gap with each commit: it is told of once a minute, and counted each time. */
static void warn(hf__lmdb_env *env, uint64_t from, uint64_t to) {
  int64_t now = hf_clock_ns();
  if (env->gap_told_at && now - env->gap_told_at < hf__lmdb_gap_tell_ns) return;
  env->gap_told_at = now;
  if (from > to)
    hf_warn("%s: commits are counted from 1 again, as in a copy by mdb_copy -c: revisions that were given out come a "
            "second time",
            env->path);
  else
    hf_warn("%s: commits %llu to %llu are of a program that does not know the store's format, such as a Holdfast 0.1 "
            "that had it open when the format was raised: what they left was brought up to date; end that "
            "program",
            env->path, (unsigned long long)from, (unsigned long long)to);
}

/* Everything but the commit.  LMDB's result. */
static int mend(hf__lmdb_env *env, MDB_txn *txn, uint64_t from, uint64_t to) {
  hf__lmdb_mark mark = {to + 1, env->known.changed};
  if (from > to || !mark.changed) mark.changed = to + 1; /* what it was will come again, or is lost */
  int rc = hf__lmdb_feature_each(env, txn, build, NULL);
  if (rc == 0) rc = note(env, txn, from, to);
  return rc ? rc : hf__lmdb_sums_put_mark(env, txn, &mark);
}

hf_status hf__lmdb_mend_gap(hf__lmdb_env *env, MDB_txn *txn, bool *map_full, hf_error *err) {
  hf__lmdb_mark mark;
  uint64_t newest = mdb_txn_id(txn) - 1;
  int rc = hf__lmdb_mark_get(env, txn, &mark);
  if (rc == 0 && mark.commit != newest) rc = mend(env, txn, mark.commit + 1, newest);
  if (rc)
    mdb_txn_abort(txn);
  else
    rc = hf__lmdb_commit_noted(env, txn);
  if (rc) hf__lmdb_sums_forget(env);
  *map_full = rc == MDB_MAP_FULL;
  if (rc) return hf__lmdb_fail(env, rc, "bring the store up to date after another program wrote to it", err);
  if (mark.commit > newest) env->applied = 0;
  if (mark.commit != newest) warn(env, mark.commit + 1, newest);
  atomic_store(&env->known.gap, false);
  return HF_OK;
}
