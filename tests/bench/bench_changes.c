/* SPDX-License-Identifier: MIT
 *
 * What a log of changes costs writes: settings for the stores that are written to, and the baselines, which are the
 * same puts in bare LMDB with an entry after the last one of a log, and with the old record under its id and commit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_raw.h"
#include "holdfast/holdfast.h"

enum { LOG_KEY = 12, LOG_VALUE = 40, ORDER_MOST = 501 };

/* -f: "changes=7d", or "changes=7d,history=true" */
static void run_set(const struct bench_options *o) {
  hf_error err;
  hf_store *store;
  char text[200];
  hf_setting_value values[4];
  size_t count = 0;
  snprintf(text, sizeof text, "%s", o->source);
  for (char *rest = text, *one; count < 4 && (one = strsep(&rest, ",")); count++) {
    char *value = strchr(one, '=');
    if (!value) bench_die("%s is no setting", one);
    *value = '\0';
    values[count] = (hf_setting_value){.name = one, .value = value + 1};
  }
  hf_status status = hf_store_open(o->dir, NULL, &store, &err);
  if (status == HF_OK) status = hf_store_settings_set(store, values, count, &err);
  if (status) bench_die("%s: %s", hf_status_name(status), err.message);
  hf_store_close(store);
  bench_print(0, 1);
}

/* ---- bare LMDB */

static void put_big(unsigned char *out, uint64_t number) {
  number = __builtin_bswap64(number);
  memcpy(out, &number, 8);
}

static void log_one(MDB_txn *txn, MDB_dbi log) {
  unsigned char key[LOG_KEY] = {0}, value[LOG_VALUE] = {0};
  MDB_val k = {LOG_KEY, key}, v = {LOG_VALUE, value};
  put_big(key, mdb_txn_id(txn));
  CHECK(mdb_put(txn, log, &k, &v, MDB_APPEND));
}

/* The old record, and the commit that replaces it at the end of its key. */
static void keep_one(MDB_txn *txn, MDB_dbi records, MDB_dbi history, MDB_val key) {
  unsigned char bytes[ORDER_MOST + 8];
  MDB_val old, k = {key.mv_size + 8, bytes};
  memcpy(bytes, key.mv_data, key.mv_size);
  put_big(bytes + key.mv_size, mdb_txn_id(txn));
  CHECK(mdb_get(txn, records, &key, &old));
  CHECK(mdb_put(txn, history, &k, &old, 0));
}

static MDB_dbi open_own(const struct raw *r, const char *name) {
  MDB_txn *txn;
  MDB_dbi dbi;
  CHECK(mdb_txn_begin(r->env, NULL, 0, &txn));
  CHECK(mdb_dbi_open(txn, name, MDB_CREATE, &dbi));
  CHECK(mdb_txn_commit(txn));
  return dbi;
}

static void put(const struct bench_options *o, bool logs, bool keeps) {
  struct raw r = bench_raw_open(o, o->dir, o->synced ? 0 : MDB_NOSYNC);
  size_t count;
  struct bench_record *records = bench_raw_collect(&r, r.dbis[0], true, &count);
  MDB_dbi log = logs ? open_own(&r, "bench log") : 0, history = keeps ? open_own(&r, "bench history") : 0;
  uint32_t state = o->seed;
  double start = 0;
  for (unsigned i = 0; i < o->ops + o->ops / 10; i++) {
    struct bench_record *record = &records[bench_random(&state) % count];
    MDB_txn *txn;
    if (i == o->ops / 10) start = bench_now(); /* it warms up */
    CHECK(mdb_txn_begin(r.env, NULL, 0, &txn));
    if (keeps) keep_one(txn, r.dbis[0], history, record->key);
    if (logs) log_one(txn, log);
    CHECK(mdb_put(txn, r.dbis[0], &record->key, &record->value, 0));
    CHECK(mdb_txn_commit(txn));
  }
  bench_print(bench_now() - start, o->ops);
  bench_raw_close(&r);
}

static void run_bare(const struct bench_options *o) { put(o, false, false); }
static void run_bare_log(const struct bench_options *o) { put(o, true, false); }
static void run_bare_history(const struct bench_options *o) { put(o, true, true); }

const struct bench_op bench_changes_ops[] = {
    {"set", run_set}, {"bare", run_bare}, {"bareLog", run_bare_log}, {"bareHistory", run_bare_history}, {NULL, NULL}};
