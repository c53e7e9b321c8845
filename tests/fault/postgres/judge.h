/* SPDX-License-Identifier: MIT
 *
 * Who looks at a PostgreSQL server: by libpq, over its unix socket.  A trigger notes each transaction that has changed
 * the collection's table.
 */
#ifndef HF_TESTS_FAULT_POSTGRES_JUDGE_H
#define HF_TESTS_FAULT_POSTGRES_JUDGE_H

#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/wire/judge.h"

#define POSTGRES_TABLE "persist_" WIRE_ENTITY

struct postgres_judge {
  PGconn *c;
  char server[200]; /* a URL of it for Holdfast itself */
};

/* The table is away, or has no trigger. */
static bool postgres_judge_nowhere = true;

static const char postgres_judge_tables[] =
    "CREATE TABLE IF NOT EXISTS changes (transaction BIGINT PRIMARY KEY);"
    "CREATE OR REPLACE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN INSERT INTO changes VALUES (txid_current()) ON CONFLICT DO NOTHING; RETURN NULL; END $$;";

static const char postgres_judge_trigger[] =
    "CREATE OR REPLACE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON " POSTGRES_TABLE
    " FOR EACH STATEMENT EXECUTE FUNCTION note_change()";

/* Runs statements; the first field of the last result goes to out[WIRE_STATE_MAX] unless that is NULL. */
static void postgres_judge_run(struct postgres_judge *j, char *out, const char *sql) {
  PGresult *result = PQexec(j->c, sql);
  ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    fprintf(stderr, "FAIL the judge of PostgreSQL: %s: %s\n", sql, PQerrorMessage(j->c));
    exit(1);
  }
  if (out) snprintf(out, WIRE_STATE_MAX, "%s", PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
  PQclear(result);
}

/* `server` is FOLDER/.s.PGSQL.PORT */
static void *postgres_judge_open(const char *server, unsigned long worker) {
  struct postgres_judge *j = calloc(1, sizeof *j);
  char info[300];
  const char *name = strrchr(server, '/'), *port = strrchr(server, '.');
  if (!j || !name || !port) abort();
  snprintf(info, sizeof info, "host=%.*s port=%s user=app dbname=game%lu", (int)(name - server), server, port + 1,
           worker);
  snprintf(j->server, sizeof j->server, "postgres://app@127.0.0.1:%s/game%lu", port + 1, worker);
  j->c = PQconnectdb(info);
  postgres_judge_run(j, NULL, "SET client_min_messages = error; SET synchronous_commit = off");
  postgres_judge_run(j, NULL, postgres_judge_tables);
  return j;
}

static void postgres_judge_close(void *judge) {
  struct postgres_judge *j = judge;
  PQfinish(j->c);
  free(j);
}

/* Has Holdfast make the table. */
static void postgres_judge_make(struct postgres_judge *j) {
  hf_persist *p;
  hf_error err;
  if (hf_persist_open(hf_text(WIRE_ENTITY), j->server, NULL, &p, &err) || hf_persist_init(p, &err)) {
    fprintf(stderr, "FAIL the table: %s\n", err.message);
    exit(1);
  }
  hf_persist_close(p);
  postgres_judge_run(j, NULL, postgres_judge_trigger);
  postgres_judge_nowhere = false;
}

static void postgres_judge_reset(void *judge, const char *state) {
  struct postgres_judge *j = judge;
  static _Thread_local char sql[2 * WIRE_STATE_MAX];
  if (strcmp(state, WIRE_NOWHERE) == 0) {
    postgres_judge_nowhere = true;
    postgres_judge_run(j, NULL, "DROP TABLE IF EXISTS " POSTGRES_TABLE "; DELETE FROM changes");
    return;
  }
  if (postgres_judge_nowhere) postgres_judge_make(j);
  int n = snprintf(sql, sizeof sql, "%s",
                   "BEGIN; SET LOCAL session_replication_role = replica;"
                   "DELETE FROM " POSTGRES_TABLE ";");
  const char *before = "INSERT INTO " POSTGRES_TABLE " (entity_id, data) VALUES ";
  while (*state) {
    const char *equals = strchr(state, '='), *end = equals + 1;
    for (bool quoted = false; *end && (quoted || *end != ' '); end++) quoted ^= *end == '"';
    n += snprintf(sql + n, sizeof sql - (size_t)n, "%s('%.*s', '%.*s')", before, (int)(equals - state), state,
                  (int)(end - equals - 1), equals + 1);
    before = ",";
    state = *end ? end + 1 : end;
  }
  snprintf(sql + n, sizeof sql - (size_t)n, "; DELETE FROM changes; COMMIT");
  postgres_judge_run(j, NULL, sql);
}

static void postgres_judge_look(void *judge, char *out) {
  postgres_judge_run(judge, out, "SELECT to_regclass('idx_" POSTGRES_TABLE "_natural') IS NULL");
  if (*out == 't')
    strcpy(out, WIRE_NOWHERE);
  else
    postgres_judge_run(judge, out,
                       "SELECT coalesce(string_agg(entity_id || '=' || replace(data::text, '\": ', '\":'), ' '"
                       " ORDER BY entity_id COLLATE \"C\"), '') FROM " POSTGRES_TABLE);
}

static unsigned postgres_judge_changes(void *judge) {
  char count[WIRE_STATE_MAX];
  postgres_judge_run(judge, count, "SELECT count(*) FROM changes");
  return (unsigned)strtoul(count, NULL, 10);
}

static void postgres_judge_url(const struct wire *w, unsigned long worker, bool by_path, const char *query,
                               char out[300]) {
  const char *name = strrchr(w->path, '/'), *port = strrchr(w->path, '.');
  if (by_path)
    snprintf(out, 300, "postgres://app@/game%lu?host=%.*s&port=%s&%s", worker, (int)(name - w->path), w->path, port + 1,
             query);
  else
    snprintf(out, 300, "postgres://app@127.0.0.1:%d/game%lu?%s", w->port, worker, query);
}

static const struct wire_judge postgres_judge = {
    .snapshot = true,
    .nested = true,
    .script = true,
    .open = postgres_judge_open,
    .close = postgres_judge_close,
    .reset = postgres_judge_reset,
    .look = postgres_judge_look,
    .changes = postgres_judge_changes,
    .url = postgres_judge_url,
};

#endif
