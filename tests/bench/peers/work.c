/* SPDX-License-Identifier: MIT
 *
 * Measures a peer in C: see work.h.  Texts are decoded by cJSON, which is what a
 * program in C does that wants their fields.
 */
#include "work.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bench.h"

enum { BATCH = 1000, ID_MAX = 32 };

static size_t given; /* texts since this was last set to 0 */
static volatile char seen;

static void touch(const char *json, size_t size) {
  seen = json[size - 1];
  given++;
}

static void decode(const char *json, size_t size) {
  cJSON *value = cJSON_ParseWithLength(json, size);
  if (!value) bench_die("what was read is no JSON");
  cJSON_Delete(value);
  given++;
}

static struct text kept;

static void keep(const char *json, size_t size) {
  kept = (struct text){memcpy(bench_alloc(size + 1), json, size), size};
  kept.data[size] = '\0';
}

static void show(double us, size_t count) { printf("%.6f %zu\n", us, count); }

/* ---- reading and asking */

/* How many entities there are. */
static size_t size_of_store(void) {
  size_t size = peer.size();
  if (!size) bench_die("nothing is stored");
  return size;
}

static void pick_ids(char ids[][ID_MAX], size_t count, size_t size, uint32_t *state) {
  for (size_t i = 0; i < count; i++) snprintf(ids[i], ID_MAX, "log-%zu", bench_random(state) % size + 1);
}

static void measure_get(const struct bench_options *o, give_fn give) {
  static char ids[BATCH][ID_MAX];
  size_t size = size_of_store();
  double us = 0;
  for (int pass = 0; pass < 2; pass++) { /* once to warm up */
    uint32_t state = o->seed;
    us = 0;
    for (size_t done = 0; done < o->ops; done += BATCH) {
      size_t n = o->ops - done < BATCH ? o->ops - done : BATCH;
      pick_ids(ids, n, size, &state);
      double start = bench_now();
      for (size_t i = 0; i < n; i++) peer.get(ids[i], give);
      us += bench_now() - start;
    }
  }
  printf("%.6f\n", us / o->ops);
}

static void measure_each(enum question question, give_fn give) {
  size_t size = size_of_store();
  double us = 0;
  for (int pass = 0; pass < 2; pass++) {
    given = 0;
    double start = bench_now();
    peer.each(question, give);
    us = bench_now() - start;
  }
  show(us / (double)size, given);
}

static void measure_count(void) {
  size_t size = size_of_store(), count = 0;
  double us = 0;
  for (int pass = 0; pass < 2; pass++) {
    double start = bench_now();
    count = peer.count();
    us = bench_now() - start;
  }
  show(us / (double)size, count);
}

/* ---- indexes */

static void measure_index(void) {
  size_t size = size_of_store();
  double start = bench_now();
  peer.index();
  show((bench_now() - start) / (double)size, 0);
}

/* The id that an entity has in its JSON. */
static void id_of(const char *id, char value[ID_MAX * 2]) {
  peer.get(id, keep);
  cJSON *entity = cJSON_ParseWithLength(kept.data, kept.size);
  const cJSON *member = cJSON_GetObjectItemCaseSensitive(entity, "id");
  if (!cJSON_IsString(member)) bench_die("%s has no id", id);
  snprintf(value, ID_MAX * 2, "%s", member->valuestring);
  cJSON_Delete(entity);
  free(kept.data);
}

static void measure_find(const struct bench_options *o) {
  static char ids[BATCH][ID_MAX], values[BATCH][ID_MAX * 2];
  size_t size = size_of_store();
  uint32_t state = o->seed;
  double us = 0;
  for (size_t done = 0; done < o->ops; done += BATCH) {
    size_t n = o->ops - done < BATCH ? o->ops - done : BATCH;
    pick_ids(ids, n, size, &state);
    for (size_t i = 0; i < n; i++) id_of(ids[i], values[i]);
    given = 0;
    double start = bench_now();
    for (size_t i = 0; i < n; i++) peer.find(values[i], decode);
    us += bench_now() - start;
    if (given != n) bench_die("%zu were found of %zu", given, n);
  }
  printf("%.6f\n", us / o->ops);
}

static void measure_top(const struct bench_options *o) {
  given = 0;
  double start = bench_now();
  for (size_t i = 0; i < o->ops; i++) peer.each(QUESTION_TOP, decode);
  show((bench_now() - start) / o->ops, given / o->ops);
}

/* ---- writing */

static struct text *read_lines(const char *path, size_t *count) {
  size_t room = 0, line_room = 0;
  struct text *lines = NULL;
  char *line = NULL;
  FILE *f = path ? fopen(path, "re") : NULL;
  if (!f) bench_die("load needs -f FILE");
  *count = 0;
  for (ssize_t size; (size = getline(&line, &line_room, f)) > 0; line = NULL, line_room = 0) {
    if (line[size - 1] == '\n') line[--size] = '\0';
    if (*count == room) lines = realloc(lines, (room = 2 * room + 1024) * sizeof *lines);
    if (!lines) bench_die("out of memory");
    lines[(*count)++] = (struct text){line, (size_t)size};
  }
  fclose(f);
  return lines;
}

static void measure_load(const struct bench_options *o) {
  size_t count;
  struct text *texts = read_lines(o->source, &count);
  double start = bench_now();
  peer.load(texts, count);
  show((bench_now() - start) / (double)count, count);
}

/* Writes what was read before, of which no time is taken. */
static void measure_put(const struct bench_options *o) {
  static char ids[BATCH][ID_MAX];
  static struct text texts[BATCH];
  size_t size = size_of_store(), measured = 0;
  uint32_t state = o->seed;
  double us = 0;
  while (measured < o->ops) {
    size_t n = o->ops - measured < BATCH ? o->ops - measured : BATCH;
    pick_ids(ids, n, size, &state);
    for (size_t i = 0; i < n; i++) {
      peer.get(ids[i], keep);
      texts[i] = kept;
    }
    double start = bench_now();
    for (size_t i = 0; i < n; i++) peer.put(ids[i], &texts[i]);
    us += bench_now() - start;
    for (size_t i = 0; i < n; i++) free(texts[i].data);
    measured += n;
  }
  printf("%.6f\n", us / o->ops);
}

/* ---- */

static void measure(const struct bench_options *o) {
  static const char *questions[] = {[QUESTION_ALL] = "values",
                                    [QUESTION_SYMBOL] = "symbol",
                                    [QUESTION_SUM] = "sum",
                                    [QUESTION_SUBSTRING] = "substring"};
  const char *what = o->what;
  if (strcmp(what, "load") == 0) return measure_load(o);
  if (strcmp(what, "put") == 0) return measure_put(o);
  if (strcmp(what, "get") == 0) return measure_get(o, decode);
  if (strcmp(what, "getText") == 0) return measure_get(o, touch);
  if (strcmp(what, "valuesText") == 0) return measure_each(QUESTION_ALL, touch);
  if (strcmp(what, "count") == 0) return measure_count();
  if (strcmp(what, "index") == 0 && peer.index) return measure_index();
  if (strcmp(what, "find") == 0 && peer.find) return measure_find(o);
  if (strcmp(what, "top") == 0) return measure_top(o);
  for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
    if (strcmp(what, questions[i]) == 0) return measure_each((enum question)i, decode);
  bench_die("nothing is called %s", what);
}

int main(int argc, char **argv) {
  if (argc < 2) bench_die("usage: hf_peer_NAME WHAT -d PLACE [-f FILE -n OPS -s SEED -y]");
  struct bench_options o = bench_parse(argc - 1, argv + 1);
  peer.open(o.dir, o.synced, strcmp(o.what, "load") == 0);
  measure(&o);
  peer.close();
  return 0;
}
