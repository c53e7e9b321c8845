/* SPDX-License-Identifier: MIT
 *
 * The store of a measurement as the bare loops over LMDB open it: bench_raw.c,
 * bench_look.c and bench_lead.c.
 */
#ifndef HF_TESTS_BENCH_RAW_H
#define HF_TESTS_BENCH_RAW_H

#include <lmdb.h>

#include "bench.h"

struct raw {
  MDB_env *env;
  MDB_txn *txn;   /* for reading; reset between operations */
  MDB_dbi *dbis;  /* of the collections */
  unsigned names; /* how many */
};

/* A record in memory. */
struct bench_record {
  MDB_val key, value;
};

/* Opens the store and its collections, with a read transaction that is reset. */
struct raw bench_raw_open(const struct bench_options *o, const char *dir, unsigned flags);

void bench_raw_close(struct raw *r);

/* All records of one database in natural order; without their values unless asked for. */
struct bench_record *bench_raw_collect(const struct raw *r, MDB_dbi dbi, bool values, size_t *count);

/* Ends the program if a call of LMDB has failed. */
void bench_raw_check(int rc, const char *what);
#define CHECK(call) bench_raw_check(call, #call)

#endif
