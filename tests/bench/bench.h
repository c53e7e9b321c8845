/* SPDX-License-Identifier: MIT
 *
 * hf_bench: one measurement per run, printed as microseconds per operation on one
 * line.  It exists twice over: the same work by the C API (bench_c.c) and by a
 * bare loop over liblmdb on the same files (bench_raw.c), each in a process of its
 * own, since a process must not open an LMDB environment twice.  bench.lua runs
 * the two next to each other and makes the table.
 *
 * Both sides do the same accesses: access i of a run goes to the entity that the
 * i-th number of bench_random() picks, and the ids are log-1, log-2, ... in natural
 * order, so that the raw side finds the key of log-<i> as the i-th of its scan.
 */
#ifndef HF_TESTS_BENCH_H
#define HF_TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the command line asks for. */
struct bench_options {
  const char *what;   /* "get", "put", ...: see the tables at the end of bench_c.c and bench_raw.c */
  const char *dir;    /* -d: the store */
  const char *source; /* -f: for "load", the store whose records are loaded into the one at dir; a file in peers */
  const char *entity; /* -e: the entity name */
  unsigned ops;       /* -n: operations measured */
  unsigned names;     /* -k: for "names", how many entity names (name-1, ...) the accesses spread over */
  unsigned threads;   /* -t: that write at the same time: bench_crowd.h */
  unsigned processes; /* -p: likewise */
  unsigned group;     /* -g: transactions in one commit */
  uint32_t seed;      /* -s: of the accesses */
  bool synced;        /* -y: commits are flushed; otherwise the operating system writes when it likes */
  bool shuffled;      /* -x: for "load", put in random order */
  bool near;          /* -w: each thread writes to neighbouring ids of its own, and not to random ones */
};

/* One measurement: does its work and prints the result. */
struct bench_op {
  const char *name;
  void (*run)(const struct bench_options *o);
};

/* Who measures: the bare loops over LMDB, of them those that look into the records, and those that share commits; over
 * files, over hiredis and over libpq; the C API, of it asking, finding by indexes, logging and watching changes and
 * looking back beside what bare LMDB does for that, and writing together; scripts under the C API.  Each ends with name
 * NULL. */
extern const struct bench_op bench_raw_ops[], bench_look_ops[], bench_lead_ops[], bench_file_ops[], bench_redis_ops[],
    bench_postgres_ops[], bench_c_ops[], bench_where_ops[], bench_find_ops[], bench_keep_ops[], bench_changes_ops[],
    bench_watch_ops[], bench_past_ops[], bench_expiry_ops[], bench_together_ops[], bench_script_ops[];

/* The options of a command line whose first word is what to measure; ends the program where they are not right. */
struct bench_options bench_parse(int argc, char **argv);

/* Microseconds on a clock that only goes forward; with HOLDFAST_BENCH_CPU in the environment, of the processor's time
 * that this process has had. */
double bench_now(void);

/* The next number of the xorshift32 sequence; bench.lua has the same. */
uint32_t bench_random(uint32_t *state);

/* Prints microseconds per operation. */
void bench_print(double elapsed, double ops);

/* KiB of this process's memory that is not a mapped file: of a scan of LMDB, all but LMDB's map. */
long bench_anonymous_kib(void);

/* Memory, or the end of the program. */
void *bench_alloc(size_t size);

/* Ends the program with a message on stderr. */
_Noreturn void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
