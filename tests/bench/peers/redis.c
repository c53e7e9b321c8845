/* SPDX-License-Identifier: MIT
 *
 * Redis by hiredis: a key for each entity, its JSON as text, and a script in the
 * server with its cjson for questions.  The place ends with the server's port;
 * whether its writes are durable is a setting of the server.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bench.h"
#include "work.h"

enum { AT_ONCE = 1000 };

/* Calls body for each value v of text t. */
#define FOR_EACH(body)                                                                                                 \
  "local cursor, found = '0', {} repeat local step = redis.call('SCAN', cursor, 'COUNT', 1000) cursor = step[1] "      \
  "if #step[2] > 0 then for _, t in ipairs(redis.call('MGET', unpack(step[2]))) do local v = cjson.decode(t) " body    \
  " end end until cursor == '0' "
#define THOSE(condition) FOR_EACH("if " condition " then found[#found + 1] = t end") "return found"

static const char *const questions[] = {
    [QUESTION_SYMBOL] = THOSE("v.metadata.symbol == 'BTCUSDT'"),
    [QUESTION_SUM] = THOSE("v.priceTakeProfit - v.priceOpen > 1746.3"),
    [QUESTION_SUBSTRING] = THOSE("v.symbol:find('BTC', 1, true)"),
};

static redisContext *db;

static redisReply *check(void *reply) {
  redisReply *r = reply;
  if (!r) bench_die("redis: %s", db->errstr);
  if (r->type == REDIS_REPLY_ERROR) bench_die("redis: %s", r->str);
  return r;
}

static void open_db(const char *place, bool is_durable, bool is_emptied) {
  const char *port = strrchr(place, ':');
  db = redisConnect("127.0.0.1", port ? atoi(port + 1) : 6379);
  if (!db || db->err) bench_die("redis: %s", db ? db->errstr : "out of memory");
  if (is_emptied) freeReplyObject(check(redisCommand(db, "FLUSHALL")));
  (void)is_durable;
}

static size_t ask_number(redisReply *r) {
  size_t n = (size_t)r->integer;
  freeReplyObject(r);
  return n;
}

static size_t size(void) { return ask_number(check(redisCommand(db, "DBSIZE"))); }

static size_t count(void) {
  static const char script[] =
      "local n = 0 " FOR_EACH("if v.metadata.symbol == 'BTCUSDT' then n = n + 1 end") "return n";
  return ask_number(check(redisCommand(db, "EVAL %s 0", script)));
}

static void put(const char *id, const struct text *text) {
  freeReplyObject(check(redisCommand(db, "SET %s %b", id, text->data, text->size)));
}

static void load(const struct text *texts, size_t n) {
  void *reply;
  for (size_t first = 0; first < n; first += AT_ONCE) {
    size_t end = first + AT_ONCE < n ? first + AT_ONCE : n;
    for (size_t i = first; i < end; i++)
      redisAppendCommand(db, "SET log-%llu %b", (unsigned long long)i + 1, texts[i].data, texts[i].size);
    for (size_t i = first; i < end; i++) {
      redisGetReply(db, &reply);
      freeReplyObject(check(reply));
    }
  }
}

static void get(const char *id, give_fn give) {
  redisReply *r = check(redisCommand(db, "GET %s", id));
  if (r->type != REDIS_REPLY_STRING) bench_die("redis: there is no %s", id);
  give(r->str, r->len);
  freeReplyObject(r);
}

static void give_all(redisReply *r, give_fn give) {
  for (size_t i = 0; i < r->elements; i++) give(r->element[i]->str, r->element[i]->len);
  freeReplyObject(r);
}

static redisReply *get_many(const redisReply *keys) {
  const char **words = bench_alloc((keys->elements + 1) * sizeof *words);
  words[0] = "MGET";
  for (size_t i = 0; i < keys->elements; i++) words[i + 1] = keys->element[i]->str;
  redisReply *r = check(redisCommandArgv(db, (int)keys->elements + 1, words, NULL));
  free(words);
  return r;
}

static void each(enum question question, give_fn give) {
  if (question != QUESTION_ALL) return give_all(check(redisCommand(db, "EVAL %s 0", questions[question])), give);
  char cursor[32] = "0";
  do {
    redisReply *r = check(redisCommand(db, "SCAN %s COUNT %d", cursor, AT_ONCE)), *keys = r->element[1];
    snprintf(cursor, sizeof cursor, "%s", r->element[0]->str);
    if (keys->elements) give_all(get_many(keys), give);
    freeReplyObject(r);
  } while (strcmp(cursor, "0") != 0);
}

static void close_db(void) { redisFree(db); }

const struct peer peer = {open_db, size, load, put, get, each, count, close_db, NULL, NULL};
