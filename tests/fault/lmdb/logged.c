/* SPDX-License-Identifier: MIT
 *
 * Entities that count their writes, in a store with a log of changes; whoever is killed leaves a log by which all that
 * was written can be told again.
 *
 *   logged settings BASE CHANGES HISTORY   makes the store
 *   logged write BASE WRITER               writes all the time, says so with a line once it has begun
 *   logged check BASE SEED                 replays the log, compares it with the store and with what it was at random
 *                                          revisions, and prints how many changes there were
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "holdfast/holdfast.h"

enum { NAMES = 3, IDS = 12, LOOKS = 40, UNKNOWN = -1 };

static const char *const names[NAMES] = {"signal", "trade", "order book"};
static hf_error err;

static void check(hf_status status, const char *what) {
  if (!status) return;
  fprintf(stderr, "logged: %s: %s: %s (%s)\n", what, hf_status_name(status), err.message, err.cause);
  exit(1);
}

static unsigned draw(uint64_t *state, unsigned below) {
  *state = *state * 6364136223846793005U + 1442695040888963407U;
  return (unsigned)((*state >> 33) % below);
}

static hf_slice id_of(char out[16], unsigned id) {
  return (hf_slice){out, (size_t)snprintf(out, 16, id % 2 ? "%u" : "0%u", id / 2)};
}

static void open_all(const char *base, hf_persist *out[NAMES]) {
  for (int i = 0; i < NAMES; i++) {
    check(hf_persist_open(hf_text(names[i]), base, NULL, &out[i], &err), "open");
    check(hf_persist_init(out[i], &err), "open");
  }
}

/* ---- writing */

static long read_count(hf_persist *p, hf_slice id, const hf_moment *at) {
  static hf_buffer json = HF_BUFFER_INIT;
  hf_status status = at ? hf_persist_read_at(p, id, at, &json, NULL, &err) : hf_persist_read(p, id, &json, NULL, &err);
  if (status == HF_NOT_FOUND) return 0;
  check(status, "read");
  return strtol(json.data + 5, NULL, 10);
}

/* Each id once in a transaction, so that the log has all that it counts. */
static void write_one(hf_persist *p, bool used[IDS], uint64_t *state) {
  char bytes[16], json[3000];
  unsigned number = draw(state, IDS);
  hf_slice id = id_of(bytes, number);
  if (used[number]) return;
  used[number] = true;
  int pad = draw(state, 20) ? (int)draw(state, 200) : 2500;
  long n = read_count(p, id, NULL);
  if (n && draw(state, 6) == 0) {
    check(hf_persist_remove(p, id, &err), "remove");
    return;
  }
  snprintf(json, sizeof json, "{\"n\":%ld,\"pad\":\"%*s\"}", n + 1, pad, "");
  check(hf_persist_write(p, id, hf_text(json), NULL, NULL, &err), "write");
}

static void write_all(const char *base, uint64_t state) {
  hf_persist *p[NAMES];
  open_all(base, p);
  for (bool said = false;; said = true) {
    hf_txn *txn, *inner;
    bool used[NAMES][IDS] = {{false}};
    check(hf_txn_begin(HF_TXN_WRITE, &txn, &err), "begin");
    for (unsigned n = draw(&state, 5) + 1; n; n--) {
      unsigned name = draw(&state, NAMES), kind = draw(&state, 60);
      check(hf_txn_begin(HF_TXN_WRITE, &inner, &err), "begin");
      if (kind == 0) check(hf_persist_remove_all(p[name], &err), "clear");
      write_one(p[name], used[name], &state);
      if (kind < 6)
        hf_txn_abort(inner);
      else
        check(hf_txn_commit(inner, &err), "commit");
    }
    check(hf_txn_commit(txn, &err), "commit");
    if (!said) puts("writing"), fflush(stdout);
  }
}

/* ---- checking */

struct step {
  uint64_t revision;
  int name, id; /* id UNKNOWN: all of the name */
  long n;       /* 0: removed */
};

struct story {
  struct step *steps;
  size_t count, capacity;
  long now[NAMES][IDS]; /* UNKNOWN: not seen yet */
};

static void add(struct story *s, struct step step) {
  if (s->count == s->capacity) {
    s->capacity = s->capacity ? 2 * s->capacity : 1024;
    s->steps = realloc(s->steps, s->capacity * sizeof *s->steps);
    if (!s->steps) abort();
  }
  s->steps[s->count++] = step;
}

static int number_of(hf_slice id) {
  char bytes[16];
  for (unsigned i = 0; i < IDS; i++) {
    hf_slice one = id_of(bytes, i);
    if (one.size == id.size && memcmp(one.data, id.data, id.size) == 0) return (int)i;
  }
  return UNKNOWN;
}

static void tell_again(struct story *s, const hf_change *c) {
  struct step step = {.revision = c->revision, .id = c->id.size ? number_of(c->id) : UNKNOWN};
  while (step.name < NAMES && strncmp(names[step.name], c->entity_name.data, c->entity_name.size) != 0) step.name++;
  if (c->what == HF_CHANGE_WRITE) step.n = c->is_current ? UNKNOWN : strtol(c->json.data + 5, NULL, 10);
  add(s, step);
  if (step.id == UNKNOWN) {
    for (int i = 0; i < IDS; i++) s->now[step.name][i] = 0;
    return;
  }
  s->now[step.name][step.id] = step.n;
}

/* Whether the commit did nothing else to the id: a value that it wrote and replaced again is told as what it left. */
static bool is_alone(const struct story *s, size_t at) {
  const struct step *one = &s->steps[at];
  size_t same = 0, from = at;
  while (from && s->steps[from - 1].revision == one->revision) from--;
  for (size_t i = from; i < s->count && s->steps[i].revision == one->revision; i++)
    same += s->steps[i].name == one->name && (s->steps[i].id == one->id || s->steps[i].id == UNKNOWN);
  return same == 1;
}

/* Each write counts on. */
static void check_order(const struct story *s) {
  long now[NAMES][IDS];
  for (int i = 0; i < NAMES * IDS; i++) now[i / IDS][i % IDS] = UNKNOWN;
  for (size_t i = 0; i < s->count; i++) {
    const struct step *one = &s->steps[i];
    long before = one->id == UNKNOWN ? UNKNOWN : now[one->name][one->id];
    bool counts = one->n > 0 && before != UNKNOWN && is_alone(s, i);
    for (int id = 0; id < IDS; id++)
      if (one->id == id || one->id == UNKNOWN) now[one->name][id] = one->n;
    if (!counts || one->n == before + 1) continue;
    fprintf(stderr, "logged: at revision %llu %s/%d has %ld after %ld\n", (unsigned long long)one->revision,
            names[one->name], one->id, one->n, before);
    exit(1);
  }
}

static uint64_t number_in(const char *json, const char *name) {
  const char *at = strstr(json, name);
  return at ? strtoul(at + strlen(name), NULL, 10) : 0;
}

/* What the log says of an entity at a revision; UNKNOWN: nothing, or it was written and removed since. */
static long at_revision(const struct story *s, uint64_t revision, int name, int id) {
  long n = UNKNOWN;
  for (size_t i = 0; i < s->count && s->steps[i].revision <= revision; i++)
    if (s->steps[i].name == name && (s->steps[i].id == id || s->steps[i].id == UNKNOWN)) n = s->steps[i].n;
  return n;
}

static void compare(long is, long told, int name, int id, uint64_t revision) {
  if (told == UNKNOWN || is == told) return;
  fprintf(stderr, "logged: %s/%d at revision %llu: the log tells of %ld, there is %ld\n", names[name], id,
          (unsigned long long)revision, told, is);
  exit(1);
}

static void look_back(hf_persist *const p[NAMES], const struct story *s, uint64_t from, uint64_t newest,
                      uint64_t state) {
  for (int i = 0; i < LOOKS && newest > from; i++) {
    hf_moment at = {.revision = from + draw(&state, (unsigned)(newest - from))};
    for (int name = 0; name < NAMES; name++) {
      char bytes[16];
      int id = (int)draw(&state, IDS);
      compare(read_count(p[name], id_of(bytes, (unsigned)id), &at), at_revision(s, at.revision, name, id), name, id,
              at.revision);
    }
  }
}

static void check_all(const char *base, uint64_t seed) {
  hf_store *store;
  hf_watch *watch;
  hf_change c;
  hf_persist *p[NAMES];
  hf_buffer json = HF_BUFFER_INIT;
  hf_watch_options options = HF_WATCH_OPTIONS_INIT;
  struct story s = {.count = 0};
  hf_status status;
  open_all(base, p);
  check(hf_store_open(base, NULL, &store, &err), "open");
  check(hf_store_stat(store, &json, &err), "stat");
  options.from = number_in(json.data, "\"changes\":{\"from\":");
  uint64_t history = number_in(json.data, "\"historyFrom\":"), newest = number_in(json.data, "\"revision\":");
  for (int i = 0; i < NAMES * IDS; i++) s.now[i / IDS][i % IDS] = UNKNOWN;
  check(hf_watch_open(store, &options, &watch, &err), "watch");
  while ((status = hf_watch_next(watch, 0, &c, &err)) == HF_OK) tell_again(&s, &c);
  if (status != HF_TIMEOUT) check(status, "watch");
  hf_watch_close(watch);
  check_order(&s);
  for (int name = 0; name < NAMES; name++)
    for (int id = 0; id < IDS; id++) {
      char bytes[16];
      compare(read_count(p[name], id_of(bytes, (unsigned)id), NULL), s.now[name][id], name, id, newest);
    }
  if (history) look_back(p, &s, history, newest, seed);
  printf("%zu\n", s.count);
  free(s.steps);
  hf_buffer_free(&json);
  hf_store_close(store);
  for (int i = 0; i < NAMES; i++) hf_persist_close(p[i]);
}

static void settle(const char *base, const char *changes, const char *history) {
  hf_store *store;
  hf_setting_value values[] = {{.name = "changes", .value = changes}, {.name = "history", .value = history}};
  check(hf_store_open(base, NULL, &store, &err), "open");
  check(hf_store_settings_set(store, values, 2, &err), "set");
  hf_store_close(store);
}

int main(int argc, char **argv) {
  if (argc == 5 && strcmp(argv[1], "settings") == 0)
    settle(argv[2], argv[3], argv[4]);
  else if (argc == 4 && strcmp(argv[1], "write") == 0)
    write_all(argv[2], strtoul(argv[3], NULL, 10) * 7919);
  else if (argc == 4 && strcmp(argv[1], "check") == 0)
    check_all(argv[2], strtoul(argv[3], NULL, 10));
  else
    return 2;
  return 0;
}
