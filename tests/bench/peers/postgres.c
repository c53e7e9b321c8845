/* SPDX-License-Identifier: MIT
 *
 * PostgreSQL by libpq: a row for each entity, its JSON as JSONB, and the server's
 * operators on JSONB for questions.  The place is a connection URL.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bench.h"
#include "work.h"

#define UPSERT "INSERT INTO e VALUES ($1, $2::jsonb) ON CONFLICT (id) DO UPDATE SET data = excluded.data"
#define OF_SYMBOL " WHERE data->'metadata'->>'symbol' = 'BTCUSDT'"
#define OF_SUM " WHERE (data->>'priceTakeProfit')::float8 - (data->>'priceOpen')::float8 > 1746.3"
#define OF_SUBSTRING " WHERE strpos(data->>'symbol', 'BTC') > 0"

static const char *const questions[] = {
    [QUESTION_ALL] = "SELECT data::text FROM e",
    [QUESTION_SYMBOL] = "SELECT data::text FROM e" OF_SYMBOL,
    [QUESTION_SUM] = "SELECT data::text FROM e" OF_SUM,
    [QUESTION_SUBSTRING] = "SELECT data::text FROM e" OF_SUBSTRING,
    [QUESTION_TOP] = "SELECT data::text FROM e ORDER BY ((data->>'priceOpen')::float8) DESC LIMIT 10",
};

static PGconn *db;

static PGresult *check(PGresult *r) {
  ExecStatusType status = PQresultStatus(r);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN)
    bench_die("postgres: %s", PQerrorMessage(db));
  return r;
}

static void execute(const char *sql) { PQclear(check(PQexec(db, sql))); }

static void open_db(const char *place, bool is_durable, bool is_emptied) {
  db = PQconnectdb(place);
  if (PQstatus(db) != CONNECTION_OK) bench_die("postgres: %s", PQerrorMessage(db));
  execute(is_durable ? "SET synchronous_commit = on" : "SET synchronous_commit = off");
  if (is_emptied) {
    execute("SET client_min_messages = warning");
    execute("DROP TABLE IF EXISTS e");
    execute("CREATE TABLE e (id TEXT PRIMARY KEY, data JSONB NOT NULL)");
    execute("CHECKPOINT");
  }
  PQclear(check(PQprepare(db, "put", UPSERT, 2, NULL)));
  PQclear(check(PQprepare(db, "find", "SELECT data::text FROM e WHERE data->>'id' = $1", 1, NULL)));
  PQclear(check(PQprepare(db, "get", "SELECT data::text FROM e WHERE id = $1", 1, NULL)));
}

static size_t ask_number(const char *sql) {
  PGresult *r = check(PQexec(db, sql));
  size_t n = strtoul(PQgetvalue(r, 0, 0), NULL, 10);
  PQclear(r);
  return n;
}

static size_t size(void) { return ask_number("SELECT count(*) FROM e"); }
static size_t count(void) { return ask_number("SELECT count(*) FROM e" OF_SYMBOL); }

static void put(const char *id, const struct text *text) {
  const char *const values[] = {id, text->data};
  PQclear(check(PQexecPrepared(db, "put", 2, values, NULL, NULL, 0)));
}

/* One line of COPY, in which a backslash stands for itself when there are two. */
static void copy_line(size_t number, const struct text *text) {
  static char line[1 << 16];
  if (2 * text->size + 64 > sizeof line) bench_die("postgres: a text is too long");
  size_t at = (size_t)snprintf(line, 64, "log-%zu\t", number);
  for (size_t i = 0; i < text->size; i++) {
    if (text->data[i] == '\\') line[at++] = '\\';
    line[at++] = text->data[i];
  }
  line[at++] = '\n';
  if (PQputCopyData(db, line, (int)at) != 1) bench_die("postgres: %s", PQerrorMessage(db));
}

static void load(const struct text *texts, size_t n) {
  execute("COPY e FROM STDIN");
  for (size_t i = 0; i < n; i++) copy_line(i + 1, &texts[i]);
  if (PQputCopyEnd(db, NULL) != 1) bench_die("postgres: %s", PQerrorMessage(db));
  for (PGresult *r; (r = PQgetResult(db));) PQclear(check(r));
}

static void give_rows(PGresult *r, give_fn give) {
  for (int i = 0; i < PQntuples(r); i++) give(PQgetvalue(r, i, 0), (size_t)PQgetlength(r, i, 0));
  PQclear(r);
}

static void get(const char *id, give_fn give) {
  PGresult *r = check(PQexecPrepared(db, "get", 1, &id, NULL, NULL, 0));
  if (PQntuples(r) != 1) bench_die("postgres: there is no %s", id);
  give_rows(r, give);
}

static void each(enum question question, give_fn give) { give_rows(check(PQexec(db, questions[question])), give); }

static void make_indexes(void) {
  execute("CREATE INDEX ON e ((data->'metadata'->>'symbol'))");
  execute("CREATE INDEX ON e (((data->>'priceOpen')::float8))");
  execute("CREATE INDEX ON e ((data->>'id'))");
  execute("ANALYZE e");
}

static void find(const char *value, give_fn give) {
  give_rows(check(PQexecPrepared(db, "find", 1, &value, NULL, NULL, 0)), give);
}

static void close_db(void) { PQfinish(db); }

const struct peer peer = {open_db, size, load, put, get, each, count, close_db, make_indexes, find};
