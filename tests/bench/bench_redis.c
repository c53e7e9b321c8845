/* SPDX-License-Identifier: MIT
 *
 * The baseline for Redis: loops over hiredis alone, on the keys and values that
 * Holdfast has written, checking nothing.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { AT_ONCE = 1000, SCANNED = 2000 };

static redisContext *connect_to(const struct bench_options *o) {
  const char *port = strrchr(o->dir, ':');
  redisContext *c = redisConnect("127.0.0.1", port ? atoi(port + 1) : 6379);
  if (!c || c->err) bench_die("redis: %s", c ? c->errstr : "out of memory");
  return c;
}

static redisReply *check(redisContext *c, void *reply) {
  redisReply *r = reply;
  if (!r) bench_die("redis: %s", c->errstr);
  if (r->type == REDIS_REPLY_ERROR) bench_die("redis: %s", r->str);
  return r;
}

struct pair {
  char key[64];
  char *value;
  size_t size;
};

/* One step of a scan of the keys of the collection; false at the end. */
static redisReply *scan(redisContext *c, const struct bench_options *o, char cursor[32]) {
  redisReply *r = check(c, redisCommand(c, "SCAN %s MATCH %s:* COUNT %d", cursor, o->entity, SCANNED));
  snprintf(cursor, 32, "%s", r->element[0]->str);
  return r;
}

/* Sends MGET for the keys. */
static redisReply *get_many(redisContext *c, const redisReply *keys) {
  const char **words = bench_alloc((keys->elements + 1) * sizeof *words);
  size_t *sizes = bench_alloc((keys->elements + 1) * sizeof *sizes);
  words[0] = "MGET";
  sizes[0] = 4;
  for (size_t i = 0; i < keys->elements; i++) {
    words[i + 1] = keys->element[i]->str;
    sizes[i + 1] = keys->element[i]->len;
  }
  redisReply *r = check(c, redisCommandArgv(c, (int)keys->elements + 1, words, sizes));
  free(words);
  free(sizes);
  return r;
}

static volatile char seen;

static size_t walk(redisContext *c, const struct bench_options *o, bool one_by_one) {
  char cursor[32] = "0";
  size_t n = 0;
  do {
    redisReply *r = scan(c, o, cursor), *keys = r->element[1];
    if (one_by_one) {
      for (size_t i = 0; i < keys->elements; i++) {
        redisReply *value = check(c, redisCommand(c, "GET %b", keys->element[i]->str, keys->element[i]->len));
        seen = value->str[value->len - 1];
        freeReplyObject(value);
      }
    } else if (keys->elements) {
      redisReply *values = get_many(c, keys);
      for (size_t i = 0; i < values->elements; i++) seen = values->element[i]->str[values->element[i]->len - 1];
      freeReplyObject(values);
    }
    n += keys->elements;
    freeReplyObject(r);
  } while (strcmp(cursor, "0") != 0);
  if (!n) bench_die("nothing is stored");
  return n;
}

static void run_walk(const struct bench_options *o) {
  redisContext *c = connect_to(o);
  bool one_by_one = strcmp(o->what, "walkOneByOne") == 0;
  if (!one_by_one) walk(c, o, false);
  double start = bench_now();
  size_t n = walk(c, o, one_by_one);
  bench_print(bench_now() - start, (double)n);
  redisFree(c);
}

/* All keys with their values. */
static struct pair *collect(redisContext *c, const struct bench_options *o, size_t *count) {
  redisReply *size = check(c, redisCommand(c, "DBSIZE"));
  struct pair *pairs = bench_alloc((size_t)(size->integer + 1) * sizeof *pairs);
  char cursor[32] = "0";
  size_t n = 0;
  do {
    redisReply *r = scan(c, o, cursor), *keys = r->element[1];
    redisReply *values = keys->elements ? get_many(c, keys) : NULL;
    for (size_t i = 0; i < keys->elements && n < (size_t)size->integer; i++, n++) {
      snprintf(pairs[n].key, sizeof pairs[n].key, "%s", keys->element[i]->str);
      pairs[n].size = values->element[i]->len;
      pairs[n].value = bench_alloc(pairs[n].size);
      memcpy(pairs[n].value, values->element[i]->str, pairs[n].size);
    }
    freeReplyObject(values);
    freeReplyObject(r);
  } while (strcmp(cursor, "0") != 0);
  freeReplyObject(size);
  *count = n;
  return pairs;
}

static void run_get(const struct bench_options *o) {
  redisContext *c = connect_to(o);
  size_t count;
  struct pair *pairs = collect(c, o, &count);
  uint32_t state = o->seed;
  double start = bench_now();
  for (unsigned i = 0; i < o->ops; i++) {
    const struct pair *p = &pairs[bench_random(&state) % count];
    redisReply *r = check(c, redisCommand(c, "GET %s", p->key));
    seen = r->str[r->len - 1];
    freeReplyObject(r);
  }
  bench_print(bench_now() - start, o->ops);
  redisFree(c);
}

static void run_put(const struct bench_options *o) {
  redisContext *c = connect_to(o);
  size_t count;
  struct pair *pairs = collect(c, o, &count);
  uint32_t state = o->seed;
  double start = bench_now();
  for (unsigned i = 0; i < o->ops; i++) {
    const struct pair *p = &pairs[bench_random(&state) % count];
    freeReplyObject(check(c, redisCommand(c, "SET %s %b", p->key, p->value, p->size)));
  }
  bench_print(bench_now() - start, o->ops);
  redisFree(c);
}

/* Writes everything once more, in pipelines. */
static void run_load(const struct bench_options *o) {
  redisContext *c = connect_to(o);
  size_t count;
  void *reply;
  struct pair *pairs = collect(c, o, &count);
  double start = bench_now();
  for (size_t first = 0; first < count; first += AT_ONCE) {
    size_t end = first + AT_ONCE < count ? first + AT_ONCE : count;
    for (size_t i = first; i < end; i++)
      redisAppendCommand(c, "SET %s %b", pairs[i].key, pairs[i].value, pairs[i].size);
    for (size_t i = first; i < end; i++) {
      redisGetReply(c, &reply);
      freeReplyObject(check(c, reply));
    }
  }
  bench_print(bench_now() - start, (double)count);
  redisFree(c);
}

const struct bench_op bench_redis_ops[] = {{"get", run_get},   {"put", run_put},           {"walk", run_walk},
                                           {"load", run_load}, {"walkOneByOne", run_walk}, {NULL, NULL}};
