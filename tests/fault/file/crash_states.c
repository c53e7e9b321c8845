/* SPDX-License-Identifier: MIT
 *
 * The power cuts that a file store may suffer, used by crash_states_test.sh.
 *
 *   crash_states live URL
 *       opens a store and changes it, step by step; iorecord_preload.c records what it does
 *   crash_states judge LOG ROOT STORE SCRATCH DURABILITY SEED PARTS EXHAUSTIVE SAMPLES [ignore=files|folders]
 *       builds the states that a power cut may have left after each operation (crash_states.h) and looks at each:
 *       at every PARTSth moment, the first of which the seed chooses
 *
 * With durability sync a state is good if each id has what it had after the last step that was acknowledged or, where
 * another one had begun, what that one gives it.  With nometasync it is good if each id has, whole, something that it
 * once had, or nothing.  In both nothing may stand in the way of going on.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault/crash_states.h"
#include "holdfast/backend.h"

enum { IDS = 8, CHANGES = 4, TEXT_MAX = 4096, REPORTED = 5 };

static const char *const ids[IDS] = {"a", "b", "n/m/c", "n/d", "x/y/e", "bad", "worse", "brought"};
enum { A, B, C, D, E, BAD, WORSE, BROUGHT };

/* What an id has: the number of the step whose text it is, or one of these. */
enum { NONE = 0, CORRUPT = -1 };

enum kind {
  PUT,
  PUT_ABSENT, /* with ifAbsent */
  PUT_MANY,
  REMOVE,
  REMOVE_MANY,
  CLEAR,
  SPOIL, /* another program writes what is no JSON; reading it moves it to quarantine */
  BRING  /* bytes that are damaged in another store */
};

static const struct step {
  enum kind kind;
  int count, ids[CHANGES];
} steps[] = {{PUT, 1, {A}},
             {PUT, 1, {A}},
             {PUT, 1, {C}},
             {PUT_ABSENT, 1, {D}},
             {PUT_MANY, 4, {A, B, C, E}},
             {REMOVE, 1, {C}},
             {PUT, 1, {C}},
             {REMOVE, 1, {B}},
             {SPOIL, 1, {BAD}},
             {PUT, 1, {BAD}},
             {SPOIL, 1, {WORSE}},
             {REMOVE_MANY, 2, {WORSE, E}},
             {BRING, 1, {BROUGHT}},
             {SPOIL, 1, {WORSE}},
             {CLEAR, 0, {0}},
             {PUT, 1, {D}},
             {BRING, 1, {A}},
             {PUT, 1, {A}}};
enum { STEPS = sizeof steps / sizeof *steps };

/* What the ids have after so many steps. */
static int model[STEPS + 1][IDS];

static void make_model(void) {
  for (int n = 1; n <= STEPS; n++) {
    const struct step *s = &steps[n - 1];
    memcpy(model[n], model[n - 1], sizeof model[n]);
    for (int i = 0; s->kind == CLEAR && i < IDS; i++) model[n][i] = NONE;
    for (int i = 0; i < s->count; i++)
      model[n][s->ids[i]] = s->kind == REMOVE || s->kind == REMOVE_MANY ? NONE
                            : s->kind == SPOIL || s->kind == BRING      ? CORRUPT
                                                                        : n;
  }
}

/* The text that a step gives an id; of some sectors. */
static hf_slice text_of(int step, int id, char out[TEXT_MAX]) {
  int size = snprintf(out, TEXT_MAX, "{\"step\":%d,\"id\":\"%s\",\"text\":\"%0*d\"}", step, ids[id],
                      step % 3 ? 300 : 1100, step);
  return (hf_slice){out, (size_t)size};
}

/* ---- the life */

static void must(hf_status status, const hf_error *err, const char *what) {
  if (!status) return;
  fprintf(stderr, "FAIL: %s: %s: %s\n", what, hf_status_name(status), err->message);
  exit(1);
}

/* Another program writes a file in its place, and flushes it. */
static void spoil(const char *folder, int id) {
  char path[1000];
  struct timespec long_ago[2] = {{1000000000, 0}, {1000000000, 0}};
  snprintf(path, sizeof path, "%s/signal/%s.json", folder, ids[id]);
  int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0 || write(fd, "{oops", 5) != 5 || fsync(fd) || futimens(fd, long_ago)) crash_die(path);
  close(fd);
  *strrchr(path, '/') = '\0';
  fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || fsync(fd)) crash_die(path);
  close(fd);
}

static hf_status put_all(hf_persist *p, const struct step *s, int n, hf_error *err) {
  static char texts[CHANGES][TEXT_MAX];
  hf_item items[CHANGES] = {{.id = {NULL, 0}}};
  for (int i = 0; i < s->count; i++) {
    items[i].id = hf_text(ids[s->ids[i]]);
    items[i].json = text_of(n, s->ids[i], texts[i]);
  }
  hf_write_options options = HF_WRITE_OPTIONS_INIT;
  options.if_absent = s->kind == PUT_ABSENT;
  if (s->kind == PUT_MANY) return hf_persist_write_many(p, items, (size_t)s->count, err);
  return hf_persist_write(p, items[0].id, items[0].json, &options, NULL, err);
}

static hf_status remove_all(hf_persist *p, const struct step *s, hf_error *err) {
  hf_slice gone[CHANGES];
  for (int i = 0; i < s->count; i++) gone[i] = hf_text(ids[s->ids[i]]);
  if (s->kind == REMOVE_MANY) return hf_persist_remove_many(p, gone, (size_t)s->count, NULL, err);
  return s->kind == CLEAR ? hf_persist_remove_all(p, err) : hf_persist_remove(p, gone[0], err);
}

static hf_status do_step(hf_persist *p, const char *folder, int n, hf_error *err) {
  const struct step *s = &steps[n - 1];
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status;
  switch (s->kind) {
  case PUT:
  case PUT_ABSENT:
  case PUT_MANY: return put_all(p, s, n, err);
  case REMOVE:
  case REMOVE_MANY:
  case CLEAR: return remove_all(p, s, err);
  case SPOIL:
    spoil(folder, s->ids[0]);
    status = hf_persist_read(p, hf_text(ids[s->ids[0]]), &json, NULL, err);
    hf_buffer_free(&json);
    return status == HF_CORRUPT ? HF_OK : status ? status : HF_IO;
  case BRING: {
    hf_slice id = hf_text(ids[s->ids[0]]);
    status = hf_persist_remove(p, id, err);
    if (status && status != HF_NOT_FOUND) return status;
    return hf_persist_quarantine(p, id, "damaged elsewhere", hf_text("{\"torn"), err);
  }
  }
  return HF_IO;
}

static int live(const char *url) {
  hf_error err;
  hf_persist *p;
  char mark[32], folder[900];
  snprintf(folder, sizeof folder, "%s", strchr(url, ':') + 1);
  folder[strcspn(folder, "?")] = '\0';
  must(hf_persist_open(hf_text("signal"), url, NULL, &p, &err), &err, "open");
  for (int n = 1; n <= STEPS; n++) {
    snprintf(mark, sizeof mark, "begin %d", n);
    iorecord_mark(mark);
    must(do_step(p, folder, n, &err), &err, mark);
    snprintf(mark, sizeof mark, "done %d", n);
    iorecord_mark(mark);
  }
  hf_persist_close(p);
  return 0;
}

/* ---- judging */

struct judging {
  const char *store;
  bool synced;
  int acknowledged, begun;
};

static int make_old(const char *path, const struct stat *st, int kind, struct FTW *at) {
  const struct timespec long_ago[2] = {{1000000000, 0}, {1000000000, 0}};
  (void)st, (void)at;
  return kind == FTW_F ? utimensat(AT_FDCWD, path, long_ago, 0) : 0;
}

static bool wrong(char *why, const char *what, const char *id, const hf_error *err) {
  snprintf(why, CRASH_WHY, "%s %s: %s: %.500s", what, id, hf_status_name(err->status), err->message);
  return false;
}

static bool may_be(const struct judging *j, int id, int value) {
  if (j->synced) return value == model[j->acknowledged][id] || value == model[j->begun][id];
  if (value == NONE) return true;
  for (int n = 0; n <= j->begun; n++)
    if (model[n][id] == value) return true;
  return false;
}

/* What the id has now.  False: it cannot be told. */
static bool value_of(hf_persist *p, int id, int *value, char *why) {
  char text[TEXT_MAX];
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = hf_persist_read(p, hf_text(ids[id]), &json, NULL, &err);
  bool known = status == HF_OK || status == HF_NOT_FOUND || status == HF_CORRUPT;
  if (!known) wrong(why, "cannot read", ids[id], &err);
  *value = status == HF_OK && sscanf(json.data, "{\"step\":%d", value) == 1 ? *value : NONE;
  if (status == HF_CORRUPT) *value = CORRUPT;
  if (status == HF_OK) {
    hf_slice expected = text_of(*value, id, text);
    known = json.size == expected.size && memcmp(json.data, expected.data, json.size) == 0;
    if (!known) snprintf(why, CRASH_WHY, "%s is not what any step wrote: %.200s", ids[id], json.data);
  }
  hf_buffer_free(&json);
  return known;
}

static bool check_all(const struct judging *j, hf_persist *p, char *why) {
  uint64_t present = 0, counted;
  hf_error err;
  for (int id = 0; id < IDS; id++) {
    int value, again;
    if (!value_of(p, id, &value, why) || !value_of(p, id, &again, why)) return false;
    present += value > 0;
    if (value == again && may_be(j, id, value)) continue;
    snprintf(why, CRASH_WHY,
             "%s has %d, then %d (-1: corrupt, 0: none); acknowledged %d, which gives it %d; begun %d: %d", ids[id],
             value, again, j->acknowledged, model[j->acknowledged][id], j->begun, model[j->begun][id]);
    return false;
  }
  if (hf_persist_count(p, &counted, &err)) return wrong(why, "cannot count", "", &err);
  if (counted == present) return true;
  snprintf(why, CRASH_WHY, "%llu are counted, %llu are there", (unsigned long long)counted,
           (unsigned long long)present);
  return false;
}

/* Whether everything can be written and removed, whatever lies about. */
static bool goes_on(hf_persist *p, char *why) {
  char text[TEXT_MAX];
  hf_error err;
  uint64_t counted;
  for (int id = 0; id < IDS; id++) {
    int value;
    if (hf_persist_write(p, hf_text(ids[id]), text_of(STEPS + 1, id, text), NULL, NULL, &err))
      return wrong(why, "cannot write", ids[id], &err);
    if (!value_of(p, id, &value, why)) return false;
    if (value != STEPS + 1) return snprintf(why, CRASH_WHY, "%s was not written over", ids[id]), false;
  }
  if (hf_persist_remove_all(p, &err)) return wrong(why, "cannot remove", "all", &err);
  if (hf_persist_count(p, &counted, &err)) return wrong(why, "cannot count", "", &err);
  if (counted) return snprintf(why, CRASH_WHY, "%llu were not removed", (unsigned long long)counted), false;
  return true;
}

static enum crash_verdict judge_state(void *arg, const char *root, char *why) {
  const struct judging *j = arg;
  char url[1200];
  hf_error err;
  hf_persist *p;
  if (nftw(root, make_old, 16, FTW_PHYS)) crash_die(root);
  snprintf(url, sizeof url, "file:%.900s/%s?durability=nosync", root, j->store);
  if (hf_persist_open(hf_text("signal"), url, NULL, &p, &err)) {
    wrong(why, "cannot open", "the store", &err);
    return CRASH_BAD;
  }
  bool good = check_all(j, p, why) && goes_on(p, why);
  hf_persist_close(p);
  return good ? CRASH_GOOD : CRASH_BAD;
}

/* The folder of temporary files is never flushed by the store; the kernel writes it back some time.  Else all names
 * that ever were there would be in doubt. */
static void settle_temporary(struct crash_tree *tree, const char *store) {
  struct crash_node *n = tree->root;
  for (const char *p = store; n && *p; p += strspn(p, "/")) {
    size_t size = strcspn(p, "/");
    n = crash_tree_child(tree, n, p, size);
    p += size;
  }
  n = n ? crash_tree_child(tree, n, ".tmp", 4) : NULL;
  if (n) crash_tree_apply(tree, &(struct iorecord){.op = IORECORD_SYNC, .file = n->file}, "");
}

static void take_mark(void *arg, struct crash_tree *tree, const char *data, size_t size) {
  struct judging *j = arg;
  char text[64];
  int n;
  snprintf(text, sizeof text, "%.*s", (int)size, data);
  if (sscanf(text, "begin %d", &n) == 1) j->begun = n;
  if (sscanf(text, "done %d", &n) != 1) return;
  j->acknowledged = j->begun = n;
  settle_temporary(tree, j->store);
}

static uint64_t expect(void *arg, char *words, size_t room) {
  const struct judging *j = arg;
  snprintf(words, room, "acknowledged %d of %d", j->acknowledged, j->begun);
  return (uint64_t)(j->acknowledged * 100 + j->begun);
}

static int judge(char **argv, const char *ignored) {
  struct judging j = {.store = argv[2], .synced = strcmp(argv[4], "sync") == 0};
  struct crash_plan plan = {.scratch = argv[3], .reported = REPORTED, .judge = judge_state, .arg = &j};
  struct crash_course course = {
      .log = argv[0], .root = argv[1], .ignored = ignored, .take_mark = take_mark, .expect = expect};
  crash_take_draws(argv + 5, &plan, &course);
  return crash_judge_log(&plan, &course);
}

int main(int argc, char **argv) {
  make_model();
  if (argc == 3 && strcmp(argv[1], "live") == 0) return live(argv[2]);
  if (argc >= 11 && strcmp(argv[1], "judge") == 0) return judge(argv + 2, argc > 11 ? argv[11] : "");
  fprintf(stderr, "usage: see the head of crash_states.c\n");
  return 2;
}
