/* SPDX-License-Identifier: MIT
 *
 * Trimming the log: see log_trim.h.  A commit that had to look at the oldest change each time would write to a page
 * more; so it waits until there is a little more than the setting keeps.
 */
#include "log_trim.h"

#include <endian.h>
#include <string.h>

#include "clock_note.h"
#include "collections.h"
#include "history_store.h"
#include "log_store.h"

enum { SLACK_SHARE = 8, SLACK_REVISIONS = 32, SLACK_MS = 1000 };

static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* What is done. */
struct trimming {
  hf__lmdb_env *env;
  MDB_txn *txn;
  MDB_dbi log, history; /* history 0: there is none */
  uint64_t commit;
  int64_t now;
  bool by_age; /* the clock can be trusted so far */
  hf__lmdb_log_head head;
  /* The collection of the change before */
  char name[HF_ID_MAX];
  size_t name_size;
  uint32_t number;
};

/* Whether the oldest change, as far as it is known, goes, and with it as many that it is worth looking. */
static bool is_due(const hf__lmdb_env *env, uint64_t commit) {
  const hf_changes_kept *kept = &env->known.kept;
  if (env->oldest.of != env->known.version || env->oldest.is_left) return true;
  if (kept->revisions) {
    uint64_t slack = smaller(kept->revisions / SLACK_SHARE, SLACK_REVISIONS);
    return env->oldest.revision + kept->revisions + slack <= commit;
  }
  int64_t slack = kept->age / SLACK_SHARE < SLACK_MS ? kept->age / SLACK_SHARE : SLACK_MS;
  return hf_now_ms() - env->oldest.at > kept->age + slack;
}

static bool is_out(const struct trimming *x, const hf__lmdb_log_entry *e) {
  const hf_changes_kept *kept = &x->env->known.kept;
  if (e->revision < x->head.from)
    return true; /* some of its commit went before, or it is of a log that was turned off */
  if (kept->revisions) return e->revision + kept->revisions <= x->commit;
  return x->by_age && x->now - e->at > kept->age;
}

/* Deletes the value that the change replaced.  LMDB's result. */
static int delete_kept(struct trimming *x, const hf__lmdb_log_entry *e) {
  unsigned char order[HF_ORDER_KEY_MAX];
  size_t size = hf_order_key(e->id, order);
  if (!x->history || !e->keeps || !size) return 0;
  if (x->name_size != e->entity_name.size || memcmp(x->name, e->entity_name.data, x->name_size) != 0) {
    int rc = hf__lmdb_history_number(x->env, x->txn, e->entity_name, &x->number);
    if (rc) return rc;
    memcpy(x->name, e->entity_name.data, x->name_size = e->entity_name.size);
  }
  return hf__lmdb_history_delete(x->txn, x->history, x->number, (hf_slice){(const char *)order, size}, e->revision);
}

/* What of a damaged entry is known: it goes with those before it. */
static hf__lmdb_log_entry damaged(const struct trimming *x, const MDB_val *k) {
  uint64_t revision = 0;
  if (k->mv_size == LOG_KEY) memcpy(&revision, k->mv_data, sizeof revision);
  return (hf__lmdb_log_entry){.revision = be64toh(revision), .at = x->head.since};
}

/* Deletes what is out, up to a number.  LMDB's result. */
static int delete_oldest(struct trimming *x, MDB_cursor *c, uint32_t most) {
  MDB_val k, v;
  int rc;
  bool any = false;
  while ((rc = hf__lmdb_log_seek(c, 1, 0, &k, &v)) == 0) {
    hf__lmdb_log_entry e;
    if (!hf__lmdb_log_read(&k, &v, &e)) e = damaged(x, &k);
    x->env->oldest.revision = e.revision;
    x->env->oldest.at = e.at;
    x->env->oldest.is_left = e.revision < x->head.from;
    if (!most-- || !is_out(x, &e)) break;
    if (e.revision >= x->head.from) {
      x->head.from = e.revision + 1;
      x->head.since = e.at;
      if (x->head.history_from < x->head.from) x->head.history_from = x->head.from;
      any = true;
    }
    rc = delete_kept(x, &e);
    if (rc == 0) rc = hf__lmdb_log_delete(x->txn, x->log, &k);
    if (rc) return rc;
  }
  if (rc && rc != MDB_NOTFOUND) return rc;
  x->env->oldest.of = x->env->known.version;
  return any ? hf__lmdb_log_head_put(x->txn, x->log, &x->head) : 0;
}

static hf_status open_both(struct trimming *x, const hf__lmdb_txn *t, hf_error *err) {
  hf__lmdb_txn *own = (hf__lmdb_txn *)(uintptr_t)t;
  hf_status status = hf__lmdb_write_dbi(x->env, own, x->env->log, &x->log, err);
  return status ? status : hf__lmdb_write_dbi(x->env, own, x->env->history, &x->history, err);
}

int hf__lmdb_log_trim(hf__lmdb_env *env, const hf__lmdb_txn *t) {
  struct trimming x = {.env = env, .txn = t->mdb, .commit = mdb_txn_id(t->mdb)};
  MDB_cursor *c;
  hf_error unused;
  if (!is_due(env, x.commit)) return 0;
  x.now = hf_now_ms(); /* and not the time of the commit, which stays where the clock once was */
  if (open_both(&x, t, &unused)) return t->map_full ? MDB_MAP_FULL : MDB_CORRUPTED;
  int rc = env->known.kept.age ? hf__lmdb_clock_agrees(env, x.txn, &x.by_age) : 0;
  if (rc == 0) rc = hf__lmdb_log_head_get(x.txn, x.log, &x.head);
  if (rc == 0) rc = mdb_cursor_open(x.txn, x.log, &c);
  if (rc) return rc;
  env->oldest.of = 0;
  rc = delete_oldest(&x, c, 2 * t->logged + TRIM_MORE);
  mdb_cursor_close(c);
  if (!x.by_age) env->oldest.at = x.now - env->known.kept.age; /* to ask the clock again a little later */
  return rc;
}
