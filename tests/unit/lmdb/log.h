/* SPDX-License-Identifier: MIT
 *
 * What the tests of the log of changes share: what it says, as a text, and changes of it by LMDB alone.
 */
#ifndef HF_TESTS_UNIT_LMDB_LOG_H
#define HF_TESTS_UNIT_LMDB_LOG_H

#include "../backends/lmdb/history_store.h"
#include "../backends/lmdb/log_store.h"
#include "core/open_stores.h"
#include "core/persist.h"
#include "unit/lmdb/sums.h"

/* What was handed out. */
struct logged {
  char text[8000]; /* "2 write signal/a={..}. 3 clear signal." : ". " ends what the last change of a commit says, "~"
                    * a value that is the present one, and revisions are counted from `base` */
  uint64_t base;
  size_t count, most; /* most 0: all */
  int64_t at;         /* of the newest; never goes back */
  hf_changes_reach reach;
};

static inline bool note_change(void *arg, const hf_change *c) {
  struct logged *l = arg;
  size_t n = strlen(l->text);
  if (l->most && l->count == l->most) return false;
  l->count++;
  assert_true(c->at >= l->at);
  l->at = c->at;
  n += (size_t)snprintf(l->text + n, sizeof l->text - n, "%s%llu %s %.*s%s%.*s", n ? " " : "",
                        (unsigned long long)(c->revision - l->base), hf_change_name(c->what), (int)c->entity_name.size,
                        c->entity_name.data, c->id.size ? "/" : "", (int)c->id.size, c->id.data);
  if (c->what == HF_CHANGE_WRITE)
    n += (size_t)snprintf(l->text + n, sizeof l->text - n, "=%.*s%s", c->json.data ? (int)c->json.size : 4,
                          c->json.data ? c->json.data : "gone", c->is_current ? "~" : "");
  if (c->is_last) snprintf(l->text + n, sizeof l->text - n, ".");
  return true;
}

/* The changes from base + 1 on, by calls that take so many each (0: all). */
static inline struct logged read_log(const struct store *s, hf_changes_scan scan, uint64_t base, size_t each) {
  hf_error err;
  static struct logged l;
  hf_store *store = open_store(s);
  l = (struct logged){.base = base};
  scan.from = base + 1;
  do {
    l.most = each ? l.count + each : 0;
    OK(store->backend->changes_read(store->impl, &scan, note_change, &l, &l.reach, &err));
    scan.from = l.reach.next;
    scan.skip = l.reach.skip;
  } while (l.reach.next <= l.reach.newest);
  hf_store_close(store);
  return l;
}

static inline const char *log_from(const struct store *s, uint64_t base) {
  return text_of("%s", read_log(s, (hf_changes_scan){.from = 0}, base, 0).text);
}

/* The newest revision of the store. */
static inline uint64_t newest(const struct store *s) {
  hf_store *store = open_store(s);
  uint64_t n = store->backend->commits_seen(store->impl);
  hf_store_close(store);
  return n;
}

/* How far the log reaches. */
static inline hf_changes_reach reach_of(const struct store *s) {
  hf_error err;
  hf_changes_reach reach;
  hf_changes_scan scan = {.from = UINT64_MAX >> 1};
  struct logged l = {.most = 1};
  hf_store *store = open_store(s);
  store->backend->changes_read(store->impl, &scan, note_change, &l, &reach, &err);
  hf_store_close(store);
  return reach;
}

static inline void set_two(const struct store *s, const char *changes, const char *history) {
  hf_error err;
  hf_setting_value v[] = {{.name = "changes", .value = changes}, {.name = "history", .value = history}};
  hf_store *store = open_store(s);
  OK(hf_store_settings_set(store, v, 2, &err));
  hf_store_close(store);
}

static inline const char *stat_of(const struct store *s) {
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_store *store = open_store(s);
  OK(hf_store_stat(store, &json, &err));
  const char *text = text_of("%s", json.data);
  hf_buffer_free(&json);
  hf_store_close(store);
  return text;
}

/* ---- by LMDB alone, in the closed store */

/* Runs it in a transaction that leaves the mark of the commit before, as if it were that. */
static inline int by_lmdb(const struct store *s, int (*fn)(MDB_txn *txn, void *arg), void *arg) {
  MDB_env *env;
  MDB_txn *txn;
  int rc = mdb_env_create(&env);
  if (!rc) rc = mdb_env_set_maxdbs(env, 16);
  if (!rc) rc = mdb_env_open(env, text_of("%s/store", s->directory), MDB_NOSYNC, 0666);
  if (!rc) rc = mdb_txn_begin(env, NULL, 0, &txn);
  if (!rc) rc = fn(txn, arg);
  if (!rc) {
    char mark[MARK_SIZE + MARK_MORE_MOST];
    uint64_t number = mdb_txn_id(txn);
    MDB_dbi main_dbi;
    MDB_val k = {sizeof MARK_KEY - 1, (void *)(uintptr_t)MARK_KEY}, v;
    rc = mdb_dbi_open(txn, NULL, 0, &main_dbi);
    if (!rc && !(rc = mdb_get(txn, main_dbi, &k, &v))) {
      memcpy(mark, v.mv_data, v.mv_size);
      memcpy(mark, &number, sizeof number);
      v.mv_data = mark;
      rc = mdb_put(txn, main_dbi, &k, &v, 0);
    }
    if (!rc) rc = mdb_txn_commit(txn);
  }
  mdb_env_close(env);
  return rc;
}

/* Makes all entries, and the time since when the log is whole, older by so many ms. */
static inline int age_entries(MDB_txn *txn, void *arg) {
  const int64_t *by = arg;
  MDB_dbi log;
  MDB_cursor *c;
  MDB_val k, v;
  unsigned char value[LOG_VALUE_MAX];
  int rc = mdb_dbi_open(txn, LOG_DB, 0, &log);
  if (!rc) rc = mdb_cursor_open(txn, log, &c);
  if (rc) return rc;
  for (rc = mdb_cursor_get(c, &k, &v, MDB_FIRST); !rc; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
    int64_t at;
    size_t offset = hf__lmdb_log_is_head(&k) ? 24 : 4;
    memcpy(value, v.mv_data, v.mv_size);
    memcpy(&at, value + offset, 8);
    at -= *by;
    memcpy(value + offset, &at, 8);
    v.mv_data = value;
    if ((rc = mdb_cursor_put(c, &k, &v, MDB_CURRENT))) break;
  }
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* How many entries the databases have. */
struct sizes {
  size_t log, history;
};

static inline int count_entries(MDB_txn *txn, void *arg) {
  struct sizes *out = arg;
  MDB_dbi dbi;
  MDB_stat st;
  *out = (struct sizes){0, 0};
  if (!mdb_dbi_open(txn, LOG_DB, 0, &dbi) && !mdb_stat(txn, dbi, &st)) out->log = st.ms_entries;
  if (!mdb_dbi_open(txn, HISTORY_DB, 0, &dbi) && !mdb_stat(txn, dbi, &st)) out->history = st.ms_entries;
  return 0;
}

static inline struct sizes sizes_of(const struct store *s) {
  struct sizes n = {0, 0};
  assert_int_equal(by_lmdb(s, count_entries, &n), 0);
  return n;
}

#endif
