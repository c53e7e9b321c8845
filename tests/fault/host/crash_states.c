/* SPDX-License-Identifier: MIT
 *
 * The power cuts that a strategy host may suffer, used by crash_states_test.sh.
 *
 *   crash_states LIFE LOG ROOT STORE SCRATCH SEED PARTS EXHAUSTIVE SAMPLES [ignore=files|folders]
 *
 * Builds the states that a power cut may have left after each operation that LOG has of `life.lua live`
 * (crash_states.h), at every PARTSth moment, the first of which the seed chooses.  On each a host goes on (life.lua
 * judge) from the minute that had begun: what was heard before and is heard then must be, together, what is heard where
 * nothing happens.
 *
 *   STORE  scheme and path in ROOT: lmdb:store, file:store
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/crash_states.h"
#include "holdfast/backend.h"

enum { REPORTED = 5 };

struct judging {
  hf_runtime *runtime;
  const char *scheme, *store;
  int minute;      /* that has begun; -1: none */
  hf_buffer heard; /* events, as JSON texts with commas between them */
  uint64_t expectation;
};

static enum crash_verdict judge_state(void *arg, const char *root, char *why) {
  const struct judging *j = arg;
  hf_error err;
  hf_buffer args = HF_BUFFER_INIT, result = HF_BUFFER_INIT;
  bool made = hf_buffer_printf(&args, "[\"%s:%s/%s%s\",%d,[", j->scheme, root, j->store,
                               strcmp(j->scheme, "lmdb") == 0 ? "?durability=nosync&mapsize=16m" : "?durability=nosync",
                               j->minute < 0 ? 0 : j->minute) &&
              (!j->heard.size || hf_buffer_add(&args, j->heard.data, j->heard.size)) && hf_buffer_printf(&args, "]]");
  if (!made) crash_die("memory");
  hf_status status = hf_runtime_call(j->runtime, "judge", (hf_slice){args.data, args.size}, &result, &err);
  bool good = status == HF_OK && result.size == 2; /* "" */
  if (status)
    snprintf(why, CRASH_WHY, "minute %d: %.1000s", j->minute, err.message);
  else if (!good)
    snprintf(why, CRASH_WHY, "minute %d: %.1000s", j->minute, result.data);
  hf_buffer_free(&args);
  hf_buffer_free(&result);
  return good ? CRASH_GOOD : CRASH_BAD;
}

/* All that is below a node is safe. */
static void settle(struct crash_tree *tree, struct crash_node *n) {
  for (size_t i = 0; i < n->entry_count; i++)
    if (n->entries[i].node) settle(tree, n->entries[i].node);
  for (size_t i = 0; i < tree->cell_count;) {
    struct crash_cell *c = &tree->cells[i];
    struct crash_node *last = c->count ? c->values[c->count - 1].node : NULL;
    if (c->node == n && c->kind == CRASH_NAME && last) {
      crash_tree_apply(tree, &(struct iorecord){.op = IORECORD_SYNC, .file = n->file}, "");
      settle(tree, last);
      i = 0;
    } else {
      i++;
    }
  }
  crash_tree_apply(tree, &(struct iorecord){.op = IORECORD_SYNC, .file = n->file}, "");
}

/* Temporary files, and those of locks, are never flushed; the kernel writes them back some time.  Else all names that
 * ever were there would be in doubt. */
static void settle_unflushed(struct crash_tree *tree, const char *store) {
  static const char *const names[] = {".tmp", ".lease"};
  const struct crash_node *n = crash_tree_child(tree, tree->root, store, strlen(store));
  for (int i = 0; n && i < 2; i++) {
    struct crash_node *below = crash_tree_child(tree, n, names[i], strlen(names[i]));
    if (below) settle(tree, below);
  }
}

static void take_mark(void *arg, struct crash_tree *tree, const char *data, size_t size) {
  struct judging *j = arg;
  static const char heard[] = "heard ", minute[] = "minute ";
  j->expectation++;
  if (size > sizeof heard && memcmp(data, heard, sizeof heard - 1) == 0) {
    size_t n = sizeof heard - 1;
    if (!(j->heard.size == 0 || hf_buffer_add(&j->heard, ",", 1)) || !hf_buffer_add(&j->heard, data + n, size - n))
      crash_die("memory");
  } else if (size > sizeof minute - 1 && memcmp(data, minute, sizeof minute - 1) == 0) {
    j->minute = (int)strtol(data + sizeof minute - 1, NULL, 10);
  }
  settle_unflushed(tree, j->store);
}

static uint64_t expect(void *arg, char *words, size_t room) {
  const struct judging *j = arg;
  snprintf(words, room, "minute %d", j->minute);
  return j->expectation;
}

static int judge(char **argv, const char *ignored) {
  hf_error err;
  struct judging j = {.scheme = argv[3], .store = strchr(argv[3], ':') + 1, .minute = -1};
  argv[3][strcspn(argv[3], ":")] = '\0';
  const char *args[] = {"judge"};
  if (hf_runtime_open(&j.runtime, &err) || hf_runtime_run_file(j.runtime, argv[0], 1, args, &err)) {
    fprintf(stderr, "FAIL: %s: %s\n", argv[0], err.message);
    return 2;
  }
  struct crash_plan plan = {
      .scratch = argv[4], .mapped = "lock.mdb", .reported = REPORTED, .judge = judge_state, .arg = &j};
  struct crash_course course = {
      .log = argv[1], .root = argv[2], .ignored = ignored, .take_mark = take_mark, .expect = expect};
  crash_take_draws(argv + 5, &plan, &course);
  int bad = crash_judge_log(&plan, &course);
  hf_buffer_free(&j.heard);
  hf_runtime_close(j.runtime);
  return bad;
}

int main(int argc, char **argv) {
  if (argc >= 10 && strchr(argv[4], ':')) return judge(argv + 1, argc > 10 ? argv[10] : "");
  fprintf(stderr, "usage: see the head of crash_states.c\n");
  return 2;
}
