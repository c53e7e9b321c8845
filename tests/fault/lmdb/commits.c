/* SPDX-License-Identifier: MIT
 *
 * Carries out the commits of commits.h, to be recorded by iorecord_preload.c.
 *
 *   commits write STORE QUERY SCENARIO SEED FIRST LAST [KINDS:NTH:TIMES | wait]
 *                      steps of a scenario on the store in the folder STORE, with QUERY ("?durability=nosync", or "")
 *                      for its URL.  From the opening on, the NTH operation of these KINDS fails (iorecord.h) after it
 *                      was done, as flushes fail, and then the next one of them, TIMES in all; with a negative NTH from
 *                      before the opening on.  With `wait` it says that it has the store open, and goes on when it is
 *                      sent a line
 *   commits recover STORE QUERY   opens the store, reads it all, and writes to it: what the next process does
 *
 * The log has marks: "begin N", "done N", "failed N" (may have happened), "opened", and "told" with the number of
 * entities that a reader is told of after a failure.
 */
#include "fault/lmdb/commits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault/iorecord.h"

enum { SECONDS_MAX = 120, TRIES_MAX = 8, BASE_MAX = 1024 };

static bool waits;

/* What fails. */
static struct {
  char kinds[8];
  int nth, times;
} fault;

static int fail(const char *what, const hf_error *err) {
  fprintf(stderr, "commits: %s: %s: %s (%s)\n", what, hf_status_name(err->status), err->message, err->cause);
  return 1;
}

static void mark(const char *what, uint32_t step) {
  char text[64];
  snprintf(text, sizeof text, "%s %u", what, step);
  iorecord_mark(text);
}

/* ---- the kinds of steps */

static hf_status change_one(struct commits_store *store, const struct commits_plan *plan, uint32_t step,
                            const struct commits_change *c, hf_error *err) {
  char id[32], json[COMMITS_JSON_MAX];
  hf_slice key = commits_id(c->id, id);
  if (c->removes) return hf_persist_remove_many(store->types[c->type], &key, 1, NULL, err);
  return hf_persist_write(store->types[c->type], key, commits_json(plan, step, c->type, c->id, json), NULL, NULL, err);
}

/* The changes of one level: those of the outer transaction, of the inner one that commits, of the one that does not. */
static hf_status change_level(struct commits_store *store, const struct commits_plan *plan, uint32_t step,
                              const struct commits_step *s, bool is_inner, bool undone, hf_error *err) {
  hf_txn *inner = NULL;
  hf_status status = is_inner ? hf_txn_begin(HF_TXN_WRITE, &inner, err) : HF_OK;
  for (unsigned i = 0; i < s->count && status == HF_OK; i++)
    if (s->changes[i].is_inner == is_inner && s->changes[i].undone == undone)
      status = change_one(store, plan, step, &s->changes[i], err);
  if (!is_inner) return status;
  if (status || undone) {
    hf_txn_abort(inner);
    return status;
  }
  return hf_txn_commit(inner, err);
}

static hf_status commit_transaction(struct commits_store *store, const struct commits_plan *plan, uint32_t step,
                                    const struct commits_step *s, hf_error *err) {
  hf_txn *txn;
  hf_status status = hf_txn_begin(HF_TXN_WRITE, &txn, err);
  if (status) return status;
  status = change_level(store, plan, step, s, false, false, err);
  if (status == HF_OK && s->kind == COMMITS_NESTED) status = change_level(store, plan, step, s, true, false, err);
  if (status == HF_OK && s->kind == COMMITS_NESTED) status = change_level(store, plan, step, s, true, true, err);
  if (status == HF_OK) return hf_txn_commit(txn, err);
  hf_txn_abort(txn);
  return status;
}

static hf_status commit_many(struct commits_store *store, const struct commits_plan *plan, uint32_t step,
                             const struct commits_step *s, hf_error *err) {
  static char ids[COMMITS_CHANGES_MAX][32], jsons[COMMITS_CHANGES_MAX][COMMITS_JSON_MAX];
  hf_item items[COMMITS_CHANGES_MAX];
  hf_slice keys[COMMITS_CHANGES_MAX];
  unsigned type = s->changes[0].type;
  for (unsigned i = 0; i < s->count; i++) {
    keys[i] = commits_id(s->changes[i].id, ids[i]);
    items[i] = (hf_item){.id = keys[i], .json = commits_json(plan, step, type, s->changes[i].id, jsons[i])};
  }
  return s->kind == COMMITS_REMOVE ? hf_persist_remove_many(store->types[type], keys, s->count, NULL, err)
                                   : hf_persist_write_many(store->types[type], items, s->count, err);
}

static hf_status commit_settings(const char *base, uint32_t step, hf_error *err) {
  char note[COMMITS_NOTE_MAX];
  hf_store *store;
  hf_status status = hf_store_open(base, NULL, &store, err);
  if (status) return status;
  hf_setting_value value = {.name = "note", .value = commits_note(step, note)};
  status = hf_store_settings_set(store, &value, 1, err);
  hf_store_close(store);
  return status;
}

/* Changes a byte of every copy of the entity that is in the file. */
static bool flip_copies(const char *folder, uint32_t step, unsigned type, unsigned id) {
  char path[BASE_MAX], text[64];
  struct stat st;
  size_t size = commits_mark(step, type, id, text);
  snprintf(path, sizeof path, "%s/data.mdb", folder);
  int fd = open(path, O_RDWR | O_CLOEXEC), flips = 0;
  if (fd < 0 || fstat(fd, &st)) return false;
  char *bytes = malloc((size_t)st.st_size);
  if (!bytes || pread(fd, bytes, (size_t)st.st_size, 0) != st.st_size) return false;
  for (char *p = bytes, *end = bytes + st.st_size; (p = memmem(p, (size_t)(end - p), text, size)); p++)
    flips += pwrite(fd, "S", 1, p - bytes + 2) == 1;
  free(bytes);
  bool flushed = fsync(fd) == 0;
  close(fd);
  return flushed && flips > 0;
}

static hf_status damage(struct commits_store *store, const char *folder, const struct commits_state *state,
                        const struct commits_change *c, hf_error *err) {
  char id[32];
  hf_buffer json = HF_BUFFER_INIT;
  if (!flip_copies(folder, state->wrote[c->type][c->id], c->type, c->id)) {
    fprintf(stderr, "commits: there is nothing to damage\n");
    exit(1);
  }
  hf_status status = hf_persist_read(store->types[c->type], commits_id(c->id, id), &json, NULL, err);
  hf_buffer_free(&json);
  return status == HF_CORRUPT ? HF_OK : HF_IO;
}

static hf_status commit_once(struct commits_store *store, const char *folder, const char *base,
                             const struct commits_plan *plan, const struct commits_state *state, uint32_t step,
                             hf_error *err) {
  struct commits_step s;
  commits_make(plan, state, step, &s);
  switch (s.kind) {
  case COMMITS_WRITE: return change_one(store, plan, step, &s.changes[0], err);
  case COMMITS_NAMES:
  case COMMITS_NESTED: return commit_transaction(store, plan, step, &s, err);
  case COMMITS_CLEAR: return hf_persist_remove_all(store->types[s.changes[0].type], err);
  case COMMITS_SETTINGS: return commit_settings(base, step, err);
  case COMMITS_DAMAGE: return s.count ? damage(store, folder, state, &s.changes[0], err) : HF_OK;
  default: return commit_many(store, plan, step, &s, err);
  }
}

/* A transaction for which the map has to grow is run again, as users do. */
static hf_status commit(struct commits_store *store, const char *folder, const char *base,
                        const struct commits_plan *plan, const struct commits_state *state, uint32_t step,
                        hf_error *err) {
  hf_status status = HF_FULL;
  for (int i = 0; i < TRIES_MAX && status == HF_FULL; i++)
    status = commit_once(store, folder, base, plan, state, step, err);
  return status;
}

/* ---- a run */

/* Arms the fault again, if it has struck and is to strike again.  Whether it has. */
static bool has_struck(void) {
  if (!fault.times || !iorecord_failed()) return false;
  iorecord_fail(fault.kinds, --fault.times ? 1 : 0, EIO, true);
  return true;
}

static void arm(int nth) {
  if (fault.times) iorecord_fail(fault.kinds, nth, EIO, true);
}

/* After a failure: how many entities there are now, for whoever asks. */
static int look_around(struct commits_store *store) {
  hf_error err;
  uint64_t all = 0, count;
  for (int i = 0; i < COMMITS_TYPES; i++) {
    if (hf_persist_count(store->types[i], &count, &err)) return 0; /* it says that it cannot */
    all += count;
  }
  mark("told", (uint32_t)all);
  return 0;
}

static int write_steps(const char *folder, const char *query, const struct commits_plan *plan, uint32_t first,
                       uint32_t last) {
  char base[BASE_MAX];
  struct commits_store store;
  struct commits_state state = {{{0}}, {{0}}, 0};
  hf_error err;
  snprintf(base, sizeof base, "lmdb:%s%s", folder, query);
  for (uint32_t step = 1; step < first; step++) commits_advance(plan, &state, step);
  bool armed_early = fault.nth < 0; /* the making of the store fails */
  if (armed_early) arm(-fault.nth);
  for (int i = 0; commits_open(base, &store, &err); i++) {
    commits_close(&store);
    if (!has_struck() || i > TRIES_MAX) return fail("open", &err);
    mark("retry", 0);
  }
  mark("opened", first - 1);
  if (waits && (write(STDOUT_FILENO, "open\n", 5) != 5 || getchar() == EOF)) return 1;
  if (!armed_early) arm(fault.nth);
  for (uint32_t step = first; step <= last; step++) {
    mark("begin", step);
    bool done = commit(&store, folder, base, plan, &state, step, &err) == HF_OK, struck = has_struck();
    if (!done && !struck) return fail("commit", &err);
    mark(done ? "done" : "failed", step);
    commits_advance(plan, &state, step);
    if (struck) look_around(&store);
  }
  commits_close(&store);
  return 0;
}

static int recover(const char *folder, const char *query) {
  char base[BASE_MAX];
  struct commits_store store;
  hf_error err;
  snprintf(base, sizeof base, "lmdb:%s%s", folder, query);
  if (commits_open(base, &store, &err)) return fail("open", &err);
  for (int i = 0; i < COMMITS_TYPES; i++) {
    hf_iter *iter;
    const hf_entry *entry = NULL;
    if (hf_iter_open(store.types[i], NULL, &iter, &err)) return fail("iterate", &err);
    hf_status status;
    do {
      status = hf_iter_next(iter, &entry, &err);
      if (status && status != HF_CORRUPT) return fail("iterate", &err);
    } while (status || entry);
    hf_iter_close(iter);
  }
  iorecord_mark("opened 0");
  hf_status written = hf_persist_write(store.types[0], hf_text("probe"), hf_text("1"), NULL, NULL, &err);
  if (written == HF_OK) written = hf_persist_remove(store.types[0], hf_text("probe"), &err);
  commits_close(&store);
  return written ? fail("write", &err) : 0;
}

int main(int argc, char **argv) {
  struct commits_plan plan;
  alarm(SECONDS_MAX); /* whatever goes wrong, nothing stays */
  if (argc >= 8 && strcmp(argv[1], "write") == 0 && commits_find(argv[4], strtoull(argv[5], NULL, 10), &plan)) {
    waits = argc > 8 && strcmp(argv[8], "wait") == 0;
    if (argc > 8 && !waits && sscanf(argv[8], "%7[a-z]:%d:%d", fault.kinds, &fault.nth, &fault.times) != 3) return 2;
    return write_steps(argv[2], argv[3], &plan, (uint32_t)strtoul(argv[6], NULL, 10),
                       (uint32_t)strtoul(argv[7], NULL, 10));
  }
  if (argc == 4 && strcmp(argv[1], "recover") == 0) return recover(argv[2], argv[3]);
  fprintf(stderr, "usage: see the head of commits.c\n");
  return 2;
}
