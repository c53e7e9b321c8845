/* SPDX-License-Identifier: MIT
 *
 * Who looks at a Redis server: by hiredis, over its unix socket.  What the server has carried out stands in its own
 * statistics of commands, so each test has a server for itself.
 */
#ifndef HF_TESTS_FAULT_REDIS_JUDGE_H
#define HF_TESTS_FAULT_REDIS_JUDGE_H

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/wire/judge.h"

struct redis_judge {
  redisContext *c;
  char look[64]; /* the name of the script that looks */
};

static void redis_judge_die(const char *what, const redisContext *c) {
  fprintf(stderr, "FAIL the judge of Redis: %s: %s\n", what, c ? c->errstr : "");
  exit(1);
}

/* The next reply to a pipeline; the caller frees it. */
static redisReply *redis_judge_reply(redisContext *c) {
  void *reply;
  if (redisGetReply(c, &reply) != REDIS_OK) redis_judge_die("no reply", c);
  if (((redisReply *)reply)->type == REDIS_REPLY_ERROR) redis_judge_die(((redisReply *)reply)->str, c);
  return reply;
}

static redisReply *redis_judge_ask(redisContext *c, const char *command, const char *word) {
  if (redisAppendCommand(c, command, word) != REDIS_OK) redis_judge_die(command, c);
  return redis_judge_reply(c);
}

static void *redis_judge_open(const char *server, unsigned long worker) {
  (void)worker; /* each has a server */
  static const char look[] = "local keys, t = redis.call('KEYS', '" WIRE_ENTITY ":*'), {} table.sort(keys) "
                             "for i, key in ipairs(keys) do t[i] = key:sub(#'" WIRE_ENTITY ":' + 1) .. '=' .. "
                             "redis.call('GET', key) end return table.concat(t, ' ')";
  struct redis_judge *j = calloc(1, sizeof *j);
  if (!j) abort();
  j->c = redisConnectUnix(server);
  if (!j->c || j->c->err) redis_judge_die(server, j->c);
  redisReply *name = redis_judge_ask(j->c, "SCRIPT LOAD %s", look);
  snprintf(j->look, sizeof j->look, "%s", name->str);
  freeReplyObject(name);
  return j;
}

static void redis_judge_close(void *judge) {
  struct redis_judge *j = judge;
  redisFree(j->c);
  free(j);
}

/* The next entity of a state, as its id and its JSON; false: there are no more. */
static bool redis_judge_next(const char **state, char id[64], char json[1000]) {
  const char *equals = strchr(*state, '=');
  if (!equals) return false;
  snprintf(id, 64, "%.*s", (int)(equals - *state), *state);
  const char *end = equals + 1;
  for (bool quoted = false; *end && (quoted || *end != ' '); end++) quoted ^= *end == '"';
  snprintf(json, 1000, "%.*s", (int)(end - equals - 1), equals + 1);
  *state = *end ? end + 1 : end;
  return true;
}

static void redis_judge_reset(void *judge, const char *state) {
  struct redis_judge *j = judge;
  char id[64], json[1000], key[100];
  int count = 2;
  redisAppendCommand(j->c, "FLUSHDB");
  while (redis_judge_next(&state, id, json)) {
    snprintf(key, sizeof key, WIRE_ENTITY ":%s", id);
    redisAppendCommand(j->c, "SET %s %s", key, json);
    count++;
  }
  redisAppendCommand(j->c, "CONFIG RESETSTAT");
  while (count--) freeReplyObject(redis_judge_reply(j->c));
}

static void redis_judge_look(void *judge, char *out) {
  struct redis_judge *j = judge;
  redisReply *state = redis_judge_ask(j->c, "EVALSHA %s 0", j->look);
  snprintf(out, WIRE_STATE_MAX, "%s", state->str);
  freeReplyObject(state);
}

static unsigned redis_judge_calls(const char *statistics, const char *command) {
  char line[64];
  snprintf(line, sizeof line, "cmdstat_%s:calls=", command);
  const char *at = strstr(statistics, line);
  return at ? (unsigned)strtoul(at + strlen(line), NULL, 10) : 0;
}

/* What is in a transaction or a script was carried out with it.  A script that has MGET in it reads. */
static unsigned redis_judge_changes(void *judge) {
  struct redis_judge *j = judge;
  redisReply *statistics = redis_judge_ask(j->c, "INFO %s", "commandstats");
  const char *s = statistics->str;
  unsigned scripts = redis_judge_calls(s, "eval"), reads = redis_judge_calls(s, "mget");
  unsigned whole = redis_judge_calls(s, "exec") + (scripts > reads ? scripts - reads : 0);
  unsigned single = redis_judge_calls(s, "set") + redis_judge_calls(s, "mset") + redis_judge_calls(s, "del");
  freeReplyObject(statistics);
  return whole ? whole : single;
}

static void redis_judge_url(const struct wire *w, unsigned long worker, bool by_path, const char *query,
                            char out[300]) {
  (void)worker;
  if (by_path)
    snprintf(out, 300, "redis+unix://%s?%s", w->path, query);
  else
    snprintf(out, 300, "redis://127.0.0.1:%d?%s", w->port, query);
}

static const struct wire_judge redis_judge = {
    .open = redis_judge_open,
    .close = redis_judge_close,
    .reset = redis_judge_reset,
    .look = redis_judge_look,
    .changes = redis_judge_changes,
    .url = redis_judge_url,
};

#endif
