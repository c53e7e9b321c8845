/* SPDX-License-Identifier: MIT
 *
 * The baseline for PostgreSQL: loops over libpq alone, on the table that Holdfast
 * has made, checking nothing.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { SYNC_EACH = 500 };

static PGconn *connect_to(const struct bench_options *o) {
  PGconn *c = PQconnectdb(o->dir);
  if (PQstatus(c) != CONNECTION_OK) bench_die("postgres: %s", PQerrorMessage(c));
  return c;
}

static PGresult *check(PGconn *c, PGresult *r) {
  ExecStatusType status = PQresultStatus(r);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_PIPELINE_SYNC &&
      status != PGRES_SINGLE_TUPLE)
    bench_die("postgres: %s", PQerrorMessage(c));
  return r;
}

static void prepare(PGconn *c, const struct bench_options *o, const char *format) {
  char sql[512];
  snprintf(sql, sizeof sql, format, o->entity);
  PQclear(check(c, PQprepare(c, "s", sql, 0, NULL)));
}

#define UPSERT                                                                                                         \
  "INSERT INTO persist_%s (entity_id, data, updated_at) VALUES ($1, $2::jsonb, NOW()) ON CONFLICT (entity_id) "        \
  "DO UPDATE SET data = excluded.data, updated_at = NOW()"

static PGresult *collect(PGconn *c, const struct bench_options *o, int *count) {
  char sql[200];
  snprintf(sql, sizeof sql, "SELECT entity_id, data::text FROM persist_%s", o->entity);
  PGresult *all = check(c, PQexec(c, sql));
  *count = PQntuples(all);
  if (!*count) bench_die("nothing is stored");
  return all;
}

static void run_get(const struct bench_options *o) {
  PGconn *c = connect_to(o);
  int count;
  PGresult *all = collect(c, o, &count);
  uint32_t state = o->seed;
  prepare(c, o, "SELECT data::text FROM persist_%s WHERE entity_id = $1");
  double start = bench_now();
  for (unsigned i = 0; i < o->ops; i++) {
    const char *id = PQgetvalue(all, (int)(bench_random(&state) % (unsigned)count), 0);
    PQclear(check(c, PQexecPrepared(c, "s", 1, &id, NULL, NULL, 0)));
  }
  bench_print(bench_now() - start, o->ops);
  PQclear(all);
  PQfinish(c);
}

static void run_put(const struct bench_options *o) {
  PGconn *c = connect_to(o);
  int count;
  PGresult *all = collect(c, o, &count);
  uint32_t state = o->seed;
  prepare(c, o, UPSERT);
  double start = bench_now();
  for (unsigned i = 0; i < o->ops; i++) {
    int row = (int)(bench_random(&state) % (unsigned)count);
    const char *values[] = {PQgetvalue(all, row, 0), PQgetvalue(all, row, 1)};
    PQclear(check(c, PQexecPrepared(c, "s", 2, values, NULL, NULL, 0)));
  }
  bench_print(bench_now() - start, o->ops);
  PQclear(all);
  PQfinish(c);
}

/* Everything in natural order, a row at a time, from one statement. */
static void run_walk(const struct bench_options *o) {
  PGconn *c = connect_to(o);
  char sql[300];
  size_t n = 0;
  snprintf(
      sql, sizeof sql,
      "SELECT entity_id, data::text FROM persist_%s ORDER BY entity_id COLLATE holdfast_natural, entity_id COLLATE "
      "\"C\"",
      o->entity);
  double start = bench_now();
  PQsendQuery(c, sql);
  PQsetSingleRowMode(c);
  for (PGresult *r; (r = PQgetResult(c)); PQclear(r)) n += (size_t)PQntuples(check(c, r));
  bench_print(bench_now() - start, (double)n);
  PQfinish(c);
}

/* Those of one symbol in natural order, by a prepared statement: µs of one of them, and how many there are. */
static void run_asked(const struct bench_options *o) {
  PGconn *c = connect_to(o);
  int found = 0;
  double us = 0;
  prepare(c, o,
          "SELECT entity_id, data::text FROM persist_%s WHERE data->'metadata'->>'symbol' = 'BTCUSDT' "
          "ORDER BY entity_id COLLATE holdfast_natural, entity_id COLLATE \"C\"");
  for (unsigned i = 0; i <= o->ops; i++) {
    double start = bench_now();
    PGresult *r = check(c, PQexecPrepared(c, "s", 0, NULL, NULL, NULL, 0));
    if (i > 0) us += bench_now() - start;
    found = PQntuples(r);
    PQclear(r);
  }
  if (!found) bench_die("nothing was found");
  printf("%.6f %d\n", us / o->ops / found, found);
  PQfinish(c);
}

/* Writes everything once more, in a pipeline and one transaction. */
static void run_load(const struct bench_options *o) {
  PGconn *c = connect_to(o);
  int count;
  PGresult *all = collect(c, o, &count);
  prepare(c, o, UPSERT);
  double start = bench_now();
  PQclear(check(c, PQexec(c, "BEGIN")));
  PQenterPipelineMode(c);
  for (int first = 0; first < count; first += SYNC_EACH) {
    int end = first + SYNC_EACH < count ? first + SYNC_EACH : count;
    for (int i = first; i < end; i++) {
      const char *values[] = {PQgetvalue(all, i, 0), PQgetvalue(all, i, 1)};
      PQsendQueryPrepared(c, "s", 2, values, NULL, NULL, 0);
    }
    PQpipelineSync(c);
    for (int i = first; i <= end; i++) {
      PQclear(check(c, PQgetResult(c)));
      if (i < end) PQgetResult(c); /* the NULL after each */
    }
  }
  PQexitPipelineMode(c);
  PQclear(check(c, PQexec(c, "COMMIT")));
  bench_print(bench_now() - start, count);
  PQclear(all);
  PQfinish(c);
}

const struct bench_op bench_postgres_ops[] = {{"get", run_get},   {"put", run_put},     {"walk", run_walk},
                                              {"load", run_load}, {"asked", run_asked}, {NULL, NULL}};
