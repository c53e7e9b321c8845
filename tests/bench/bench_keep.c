/* SPDX-License-Identifier: MIT
 *
 * The baseline of writing to a collection with two indexes: the same operations in bare LMDB, an overwritten record,
 * two old entries deleted and two new ones put, in one commit.  The records are Holdfast's, of a store that it made;
 * the entries are in a database of their own, of the same size as Holdfast's.
 */
#include <string.h>

#include "bench_find.h"
#include "bench_raw.h"

enum { ENTRY = 64 };

/* An entry: index, class, the number as bytes that are in its order, the record's key. */
static MDB_val entry(unsigned char out[ENTRY], uint32_t index, uint32_t value, MDB_val key) {
  double number = value;
  uint64_t bits;
  memcpy(&bits, &number, 8);
  bits = __builtin_bswap64(bits ^ UINT64_C(0x8000000000000000));
  index = __builtin_bswap32(index);
  memcpy(out, &index, 4);
  out[4] = 0x40;
  memcpy(out + 5, &bits, 8);
  memcpy(out + 13, key.mv_data, key.mv_size);
  return (MDB_val){13 + key.mv_size, out};
}

static uint32_t of_index(uint32_t value, uint32_t index) { return index ? value ^ 0x5bd1e995u : value; }

static void put_entry(MDB_txn *txn, MDB_dbi dbi, uint32_t index, uint32_t value, MDB_val key) {
  unsigned char bytes[ENTRY];
  MDB_val k = entry(bytes, index, of_index(value, index), key), v = {0, NULL};
  CHECK(mdb_put(txn, dbi, &k, &v, 0));
}

static void delete_entry(MDB_txn *txn, MDB_dbi dbi, uint32_t index, uint32_t value, MDB_val key) {
  unsigned char bytes[ENTRY];
  MDB_val k = entry(bytes, index, of_index(value, index), key);
  CHECK(mdb_del(txn, dbi, &k, NULL));
}

/* All entries of all records, put in one transaction. */
static MDB_dbi fill(const struct raw *r, const struct bench_record *records, size_t count) {
  MDB_txn *txn;
  MDB_dbi dbi;
  CHECK(mdb_txn_begin(r->env, NULL, 0, &txn));
  CHECK(mdb_dbi_open(txn, "bench entries", MDB_CREATE, &dbi));
  CHECK(mdb_drop(txn, dbi, 0));
  for (size_t i = 0; i < count; i++)
    for (uint32_t index = 0; index < 2; index++) put_entry(txn, dbi, index, (uint32_t)i, records[i].key);
  CHECK(mdb_txn_commit(txn));
  return dbi;
}

static void run_changed(const struct bench_options *o) {
  struct raw r = bench_raw_open(o, o->dir, o->synced ? 0 : MDB_NOSYNC);
  size_t count;
  struct bench_record *records = bench_raw_collect(&r, r.dbis[0], true, &count);
  MDB_dbi dbi = fill(&r, records, count);
  uint32_t *values = bench_alloc(count * sizeof *values), state = o->seed, next = o->seed * 31;
  char text[FIND_TEXT];
  double us = 0;
  for (size_t i = 0; i < count; i++) values[i] = (uint32_t)i;
  for (unsigned i = 0; i < o->ops + o->ops / 10; i++) {
    uint32_t number = bench_random(&state) % (uint32_t)count, value = bench_random(&next);
    find_text(text, number, value, i); /* as whoever writes does */
    MDB_val k = records[number].key, v = records[number].value;
    MDB_txn *txn;
    double start = bench_now();
    CHECK(mdb_txn_begin(r.env, NULL, 0, &txn));
    CHECK(mdb_put(txn, r.dbis[0], &k, &v, 0));
    for (uint32_t index = 0; index < 2; index++) {
      delete_entry(txn, dbi, index, values[number], records[number].key);
      put_entry(txn, dbi, index, value, records[number].key);
    }
    CHECK(mdb_txn_commit(txn));
    if (i >= o->ops / 10) us += bench_now() - start;
    values[number] = value;
  }
  bench_print(us, o->ops);
  bench_raw_close(&r);
}

const struct bench_op bench_keep_ops[] = {{"changed", run_changed}, {NULL, NULL}};
