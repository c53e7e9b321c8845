/* SPDX-License-Identifier: MIT
 *
 * SQLite by its C API: a row for each entity, its JSON as text, and its own functions
 * on JSON for questions.  The place is a folder.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../bench.h"
#include "work.h"

#define UPSERT "INSERT OR REPLACE INTO e VALUES (?, ?)"

#define FIELD(field) "json_extract(data, '$." field "')"
#define OF_SYMBOL " WHERE " FIELD("metadata.symbol") " = 'BTCUSDT'"
#define OF_SUM " WHERE " FIELD("priceTakeProfit") " - " FIELD("priceOpen") " > 1746.3"
#define OF_SUBSTRING " WHERE instr(" FIELD("symbol") ", 'BTC') > 0"

static const char *const questions[] = {
    [QUESTION_ALL] = "SELECT data FROM e",
    [QUESTION_SYMBOL] = "SELECT data FROM e" OF_SYMBOL,
    [QUESTION_SUM] = "SELECT data FROM e" OF_SUM,
    [QUESTION_SUBSTRING] = "SELECT data FROM e" OF_SUBSTRING,
    [QUESTION_TOP] = "SELECT data FROM e ORDER BY " FIELD("priceOpen") " DESC LIMIT 10",
};

static sqlite3 *db;
static sqlite3_stmt *upsert, *by_id, *by_own_id;

static void execute(const char *sql) {
  if (sqlite3_exec(db, sql, NULL, NULL, NULL)) bench_die("sqlite: %s: %s", sql, sqlite3_errmsg(db));
}

static sqlite3_stmt *prepare(const char *sql) {
  sqlite3_stmt *s;
  if (sqlite3_prepare_v2(db, sql, -1, &s, NULL)) bench_die("sqlite: %s: %s", sql, sqlite3_errmsg(db));
  return s;
}

static void open_db(const char *place, bool is_durable, bool is_emptied) {
  char path[1024], other[1100];
  static const char *const endings[] = {"", "-wal", "-shm"};
  snprintf(path, sizeof path, "%s/e.db", place);
  mkdir(place, 0777);
  for (size_t i = 0; is_emptied && i < sizeof endings / sizeof *endings; i++) {
    snprintf(other, sizeof other, "%s%s", path, endings[i]);
    unlink(other);
  }
  if (sqlite3_open(path, &db)) bench_die("sqlite: cannot open %s", path);
  execute("PRAGMA journal_mode = WAL");
  execute(is_durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF");
  execute("PRAGMA cache_size = -1048576"); /* KiB: all of it */
  execute("CREATE TABLE IF NOT EXISTS e (id TEXT PRIMARY KEY, data TEXT)");
  upsert = prepare(UPSERT);
  by_id = prepare("SELECT data FROM e WHERE id = ?");
  by_own_id = prepare("SELECT data FROM e WHERE " FIELD("id") " = ?");
}

static size_t ask_number(const char *sql) {
  sqlite3_stmt *s = prepare(sql);
  if (sqlite3_step(s) != SQLITE_ROW) bench_die("sqlite: %s", sqlite3_errmsg(db));
  size_t n = (size_t)sqlite3_column_int64(s, 0);
  sqlite3_finalize(s);
  return n;
}

static size_t size(void) { return ask_number("SELECT count(*) FROM e"); }

static size_t count(void) { return ask_number("SELECT count(*) FROM e" OF_SYMBOL); }

static void put(const char *id, const struct text *text) {
  sqlite3_bind_text(upsert, 1, id, -1, SQLITE_STATIC);
  sqlite3_bind_text(upsert, 2, text->data, (int)text->size, SQLITE_STATIC);
  if (sqlite3_step(upsert) != SQLITE_DONE) bench_die("sqlite: %s", sqlite3_errmsg(db));
  sqlite3_reset(upsert);
}

static void load(const struct text *texts, size_t n) {
  char id[32];
  execute("BEGIN");
  for (size_t i = 0; i < n; i++) {
    snprintf(id, sizeof id, "log-%zu", i + 1);
    put(id, &texts[i]);
  }
  execute("COMMIT");
}

static void give_row(sqlite3_stmt *s, give_fn give) {
  const char *text = (const char *)sqlite3_column_text(s, 0);
  give(text, (size_t)sqlite3_column_bytes(s, 0));
}

static void get(const char *id, give_fn give) {
  sqlite3_bind_text(by_id, 1, id, -1, SQLITE_STATIC);
  if (sqlite3_step(by_id) != SQLITE_ROW) bench_die("sqlite: there is no %s", id);
  give_row(by_id, give);
  sqlite3_reset(by_id);
}

static void each(enum question question, give_fn give) {
  sqlite3_stmt *s = prepare(questions[question]);
  int rc;
  while ((rc = sqlite3_step(s)) == SQLITE_ROW) give_row(s, give);
  if (rc != SQLITE_DONE) bench_die("sqlite: %s", sqlite3_errmsg(db));
  sqlite3_finalize(s);
}

static void make_indexes(void) {
  execute("CREATE INDEX of_symbol ON e (" FIELD("metadata.symbol") ")");
  execute("CREATE INDEX of_price ON e (" FIELD("priceOpen") ")");
  execute("CREATE INDEX of_id ON e (" FIELD("id") ")");
}

static void find(const char *value, give_fn give) {
  sqlite3_bind_text(by_own_id, 1, value, -1, SQLITE_STATIC);
  while (sqlite3_step(by_own_id) == SQLITE_ROW) give_row(by_own_id, give);
  sqlite3_reset(by_own_id);
}

static void close_db(void) {
  sqlite3_finalize(by_own_id);
  sqlite3_finalize(upsert);
  sqlite3_finalize(by_id);
  sqlite3_close(db);
}

const struct peer peer = {open_db, size, load, put, get, each, count, close_db, make_indexes, find};
