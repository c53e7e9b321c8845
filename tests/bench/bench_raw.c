/* SPDX-License-Identifier: MIT
 *
 * The baselines: the least that a C program can do over LMDB for the same work on
 * the same file.  It opens the environment that Holdfast made, with the same
 * named database, the same keys (Holdfast's order keys) and the same records (24-byte
 * header and JSON), but checks nothing: no id, no checksum, no JSON.
 */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_raw.h"

void bench_raw_check(int rc, const char *what) {
  if (rc) bench_die("%s: %s", what, mdb_strerror(rc));
}

static MDB_env *open_env(const char *dir, unsigned flags, unsigned names) {
  MDB_env *env;
  CHECK(mdb_env_create(&env));
  CHECK(mdb_env_set_maxdbs(env, names + 4));
  CHECK(mdb_env_set_maxreaders(env, 254));
  CHECK(mdb_env_set_mapsize(env, (size_t)64 << 30)); /* as Holdfast does */
  CHECK(mdb_env_open(env, dir, flags | MDB_NOTLS, 0666));
  return env;
}

struct raw bench_raw_open(const struct bench_options *o, const char *dir, unsigned flags) {
  struct raw r = {.names = o->names};
  char name[64];
  r.env = open_env(dir, flags, o->names);
  r.dbis = bench_alloc(o->names * sizeof *r.dbis);
  CHECK(mdb_txn_begin(r.env, NULL, MDB_RDONLY, &r.txn));
  for (unsigned i = 0; i < o->names; i++) {
    snprintf(name, sizeof name, "name-%u", i + 1);
    CHECK(mdb_dbi_open(r.txn, o->names > 1 ? name : o->entity, 0, &r.dbis[i]));
  }
  CHECK(mdb_txn_commit(r.txn)); /* keeps the handles */
  CHECK(mdb_txn_begin(r.env, NULL, MDB_RDONLY, &r.txn));
  mdb_txn_reset(r.txn);
  return r;
}

void bench_raw_close(struct raw *r) {
  mdb_txn_abort(r->txn);
  mdb_env_close(r->env);
  free(r->dbis);
}

static MDB_val copy(MDB_val v) {
  char *data = bench_alloc(v.mv_size);
  memcpy(data, v.mv_data, v.mv_size);
  return (MDB_val){v.mv_size, data};
}

struct bench_record *bench_raw_collect(const struct raw *r, MDB_dbi dbi, bool values, size_t *count) {
  MDB_cursor *c;
  MDB_stat stat;
  MDB_val k, v;
  CHECK(mdb_txn_renew(r->txn));
  CHECK(mdb_stat(r->txn, dbi, &stat));
  struct bench_record *records = bench_alloc(stat.ms_entries * sizeof *records);
  size_t n = 0;
  CHECK(mdb_cursor_open(r->txn, dbi, &c));
  for (; n < stat.ms_entries && mdb_cursor_get(c, &k, &v, MDB_NEXT) == 0; n++) {
    records[n].key = copy(k);
    records[n].value = values ? copy(v) : (MDB_val){0, NULL};
  }
  mdb_cursor_close(c);
  mdb_txn_reset(r->txn);
  if (n == 0) bench_die("nothing is stored");
  *count = n;
  return records;
}

/* The records that the accesses go to, in their order, copied again so that they lie in it. */
static struct bench_record *pick(const struct raw *r, const struct bench_options *o, bool values) {
  size_t count;
  struct bench_record *all = bench_raw_collect(r, r->dbis[0], values, &count);
  struct bench_record *picked = bench_alloc(o->ops * sizeof *picked);
  uint32_t state = o->seed;
  for (unsigned i = 0; i < o->ops; i++) {
    const struct bench_record *from = &all[bench_random(&state) % count];
    picked[i].key = copy(from->key);
    picked[i].value = from->value;
  }
  return picked;
}

/* ---- reading */

static char buffer[1 << 20];
static volatile char seen;

static double get_all(const struct raw *r, const struct bench_record *picked, unsigned ops, bool copying) {
  char touched = 0;
  double start = bench_now();
  for (unsigned i = 0; i < ops; i++) {
    MDB_val k = picked[i].key, v;
    CHECK(mdb_txn_renew(r->txn));
    CHECK(mdb_get(r->txn, r->dbis[0], &k, &v));
    if (copying)
      memcpy(buffer, v.mv_data, v.mv_size < sizeof buffer ? v.mv_size : sizeof buffer);
    else
      touched = (char)(touched + ((const char *)v.mv_data)[v.mv_size - 1]);
    mdb_txn_reset(r->txn);
  }
  double elapsed = bench_now() - start;
  seen = (char)(touched + buffer[0]);
  return elapsed;
}

static void run_get(const struct bench_options *o) {
  struct raw r = bench_raw_open(o, o->dir, 0);
  struct bench_record *picked = pick(&r, o, false);
  bool copying = strcmp(o->what, "get") == 0;
  get_all(&r, picked, o->ops, copying);
  bench_print(get_all(&r, picked, o->ops, copying), o->ops);
  bench_raw_close(&r);
}

/* Reads the entities; of each the last byte of the key, or of the value, is touched. */
static double walk_all(const struct raw *r, bool keys, size_t *count) {
  MDB_cursor *c;
  MDB_val k, v;
  char touched = 0;
  size_t n = 0;
  double start = bench_now();
  CHECK(mdb_txn_renew(r->txn));
  CHECK(mdb_cursor_open(r->txn, r->dbis[0], &c));
  while (mdb_cursor_get(c, &k, &v, MDB_NEXT) == 0) {
    const MDB_val *x = keys ? &k : &v;
    touched = (char)(touched + ((const char *)x->mv_data)[x->mv_size - 1]);
    n++;
  }
  mdb_cursor_close(c);
  mdb_txn_reset(r->txn);
  double elapsed = bench_now() - start;
  seen = touched;
  *count = n;
  return elapsed;
}

static void run_walk(const struct bench_options *o) {
  struct raw r = bench_raw_open(o, o->dir, 0);
  bool keys = strcmp(o->what, "keys") == 0;
  size_t count;
  walk_all(&r, keys, &count);
  double elapsed = walk_all(&r, keys, &count);
  bench_print(elapsed, (double)count);
  bench_raw_close(&r);
}

static void run_count(const struct bench_options *o) {
  struct raw r = bench_raw_open(o, o->dir, 0);
  size_t sum = 0;
  double start = bench_now();
  for (unsigned i = 0; i < o->ops; i++) {
    MDB_stat stat;
    CHECK(mdb_txn_renew(r.txn));
    CHECK(mdb_stat(r.txn, r.dbis[0], &stat));
    mdb_txn_reset(r.txn);
    sum += stat.ms_entries;
  }
  bench_print(bench_now() - start, o->ops);
  seen = (char)sum;
  bench_raw_close(&r);
}

/* The first five values, copied. */
static void run_take(const struct bench_options *o) {
  struct raw r = bench_raw_open(o, o->dir, 0);
  double start = bench_now();
  for (unsigned i = 0; i < o->ops; i++) {
    MDB_cursor *c;
    MDB_val k, v;
    CHECK(mdb_txn_renew(r.txn));
    CHECK(mdb_cursor_open(r.txn, r.dbis[0], &c));
    for (int n = 0; n < 5 && mdb_cursor_get(c, &k, &v, MDB_NEXT) == 0; n++)
      memcpy(buffer, v.mv_data, v.mv_size < sizeof buffer ? v.mv_size : sizeof buffer);
    mdb_cursor_close(c);
    mdb_txn_reset(r.txn);
  }
  bench_print(bench_now() - start, o->ops);
  seen = buffer[0];
  bench_raw_close(&r);
}

/* Reads spread over many collections, whose databases are all open. */
static void run_names(const struct bench_options *o) {
  struct raw r = bench_raw_open(o, o->dir, 0);
  struct bench_record **all = bench_alloc(o->names * sizeof *all);
  MDB_dbi *dbis = bench_alloc(o->ops * sizeof *dbis);
  struct bench_record *picked = bench_alloc(o->ops * sizeof *picked);
  size_t count = 0;
  for (unsigned i = 0; i < o->names; i++) all[i] = bench_raw_collect(&r, r.dbis[i], false, &count);
  uint32_t state = o->seed;
  for (unsigned i = 0; i < o->ops; i++) {
    unsigned name = bench_random(&state) % o->names;
    dbis[i] = r.dbis[name];
    picked[i].key = copy(all[name][bench_random(&state) % count].key);
  }
  for (int pass = 0; pass < 2; pass++) {
    double start = bench_now();
    for (unsigned i = 0; i < o->ops; i++) {
      MDB_val k = picked[i].key, v;
      CHECK(mdb_txn_renew(r.txn));
      CHECK(mdb_get(r.txn, dbis[i], &k, &v));
      memcpy(buffer, v.mv_data, v.mv_size < sizeof buffer ? v.mv_size : sizeof buffer);
      mdb_txn_reset(r.txn);
    }
    if (pass) bench_print(bench_now() - start, o->ops);
  }
  seen = buffer[0];
  bench_raw_close(&r);
}

/* ---- writing */

static double put_all(const struct raw *r, const struct bench_record *picked, unsigned ops) {
  double start = bench_now();
  for (unsigned i = 0; i < ops; i++) {
    MDB_txn *txn;
    MDB_val k = picked[i].key, v = picked[i].value;
    CHECK(mdb_txn_begin(r->env, NULL, 0, &txn));
    CHECK(mdb_put(txn, r->dbis[0], &k, &v, 0));
    CHECK(mdb_txn_commit(txn));
  }
  return bench_now() - start;
}

/* Overwrites entities, one commit each. */
static void run_put(const struct bench_options *o) {
  struct raw r = bench_raw_open(o, o->dir, o->synced ? 0 : MDB_NOSYNC);
  struct bench_record *picked = pick(&r, o, true);
  put_all(&r, picked, o->ops / 10);
  bench_print(put_all(&r, picked, o->ops), o->ops);
  bench_raw_close(&r);
}

/* Puts all records of the store `source` into the empty store `dir`, in one transaction. */
static void run_load(const struct bench_options *o) {
  struct raw from = bench_raw_open(o, o->source, 0);
  size_t count;
  struct bench_record *records = bench_raw_collect(&from, from.dbis[0], true, &count);
  bench_raw_close(&from);
  uint32_t state = o->seed;
  for (size_t i = o->shuffled ? count : 0; i > 1; i--) {
    size_t other = bench_random(&state) % i;
    struct bench_record swapped = records[i - 1];
    records[i - 1] = records[other];
    records[other] = swapped;
  }
  MDB_env *env = open_env(o->dir, o->synced ? 0 : MDB_NOSYNC, 1);
  MDB_txn *txn;
  MDB_dbi dbi;
  double start = bench_now();
  CHECK(mdb_txn_begin(env, NULL, 0, &txn));
  CHECK(mdb_dbi_open(txn, o->entity, MDB_CREATE, &dbi));
  for (size_t i = 0; i < count; i++) CHECK(mdb_put(txn, dbi, &records[i].key, &records[i].value, 0));
  CHECK(mdb_txn_commit(txn));
  bench_print(bench_now() - start, (double)count);
  mdb_env_close(env);
}

const struct bench_op bench_raw_ops[] = {
    {"get", run_get},   {"touch", run_get},   {"walk", run_walk}, {"keys", run_walk}, {"count", run_count},
    {"take", run_take}, {"names", run_names}, {"put", run_put},   {"load", run_load}, {NULL, NULL}};
