/* SPDX-License-Identifier: MIT
 *
 * Random work on a store that keeps its history, replayed: what it says of its past is compared with what was noted
 * after each commit.  Of each revision all entities, one by one and in snapshots; of ids their histories; of the log
 * every change, once, in order.  Clocks go on between commits, so that entities expire, and go.
 *
 * HOLDFAST_ROUNDS (500) is how many steps there are, and as many looks at random revisions; 10000 for a long run.
 * HOLDFAST_SEED chooses them.
 */
#include "unit/core/replay_check.h"
#include "unit/core/replay_work.h"

enum { ROUNDS = 500, LOOKS_OF_ALL = 10 };

static unsigned number_from(const char *name, unsigned standard) {
  const char *text = getenv(name);
  return text && *text ? (unsigned)strtoul(text, NULL, 10) : standard;
}

/* Whether a time of expiry is kept. */
static bool has_ttl(struct model *m) {
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_info info;
  hf_write_options o = HF_WRITE_OPTIONS_INIT;
  o.expires_at = hf_now_ms() + 1000000;
  if (hf_persist_write(m->handles[0], hf_text("a"), hf_text("0"), &o, NULL, &err) != HF_OK) return false;
  OK(hf_persist_read(m->handles[0], hf_text("a"), &json, &info, &err));
  OK(hf_persist_remove_all(m->handles[0], &err));
  hf_buffer_free(&json);
  return info.expires_at == o.expires_at;
}

static struct model *begin(const struct store *store, unsigned seed) {
  struct model *m = calloc(1, sizeof *m);
  assert_non_null(m);
  m->store = store;
  m->random = seed;
  m->log_from = m->history_from = UINT64_MAX;
  replay_open(m);
  if (!(m->handles[0]->backend->capabilities & HF_CAP_HISTORY)) {
    replay_free(m);
    skip();
  }
  m->has_ttl = has_ttl(m);
  return m;
}

static uint64_t random_revision(struct model *m) {
  uint64_t oldest = m->moments[0].revision, newest = replay_newest(m)->revision;
  return oldest + replay_random(m, (unsigned)(newest - oldest + 1));
}

/* Looks at the store as of a revision.
 *   step  of the entities, every so many */
static void look(struct model *m, uint64_t revision, unsigned step) {
  const hf_moment at = {.revision = revision};
  bool kept = replay_check_reads(m, revision, step);
  if (step > 1 && replay_random(m, 3)) return;
  assert_int_equal(replay_check_snapshot(m, &at, replay_at(m, revision)), kept);
}

/* A time stands for the newest commit until then. */
static void look_at_time(struct model *m) {
  const struct moment *then = replay_at(m, random_revision(m));
  while (then + 1 < m->moments + m->count && then[1].time <= then->time) then++;
  if (m->history_from == UINT64_MAX || then->revision < m->history_from) return;
  const hf_moment at = {.time = then->time};
  assert_true(replay_check_snapshot(m, &at, then));
}

static bool take_none(void *arg, const hf_change *c) {
  (void)arg, (void)c;
  return false;
}

/* The oldest revision whose changes the store says it has. */
static uint64_t oldest_logged(const struct model *m) {
  const hf_persist *p = m->handles[0];
  const hf_changes_scan scan = {.from = 0};
  hf_changes_reach reach;
  hf_error err;
  FAILS(HF_COMPACTED, p->backend->changes_read(p->impl, &scan, take_none, NULL, &reach, &err));
  assert_int_equal(err.revision, reach.from);
  return reach.from;
}

/* The ends of what is kept, as the store tells: what is there is whole, and what is before is not there. */
static void check_ends(struct model *m) {
  uint64_t from, oldest = m->moments[0].revision;
  hf_error err;
  if (m->log_from != UINT64_MAX) replay_check_log(m, oldest_logged(m), m->history_from != UINT64_MAX);
  if (m->history_from == UINT64_MAX) return;
  OK(hf_persist_history(m->handles[0], replay_id(0), take_none, NULL, &from, &err));
  if (from > oldest) look(m, from - 1, 1);
  if (from > oldest + 1) assert_false(replay_check_reads(m, from - 2, 1));
}

static void check_all(struct model *m, unsigned looks) {
  bool has_history = m->history_from != UINT64_MAX;
  check_ends(m);
  for (unsigned i = 0; has_history && i < looks; i++) look(m, random_revision(m), 9);
  for (unsigned i = 0; has_history && i < looks / LOOKS_OF_ALL; i++) look_at_time(m);
  if (has_history)
    for (uint64_t r = m->history_from - 1; r <= replay_newest(m)->revision && r < m->history_from + 2; r++)
      look(m, r, 1);
  for (unsigned i = 0; has_history && i < NAMES * IDS; i++) replay_check_history(m, i / IDS, i % IDS);
  for (unsigned i = 0; m->log_from != UINT64_MAX && i < LOOKS_OF_ALL; i++) {
    uint64_t newest = replay_newest(m)->revision, from = m->log_from;
    if (i && from <= newest) from += replay_random(m, (unsigned)(newest - from + 2));
    replay_check_log(m, from, has_history);
  }
}

/* Lets the clocks go on until what expires has to be gone. */
static void wait_for_expiry(struct model *m) {
  hf_error err;
  hf_write_options o = HF_WRITE_OPTIONS_INIT;
  o.expires_at = hf_now_ms() + 1;
  OK(hf_persist_write(m->handles[0], replay_id(0), hf_text(replay_text(++m->serial)), &o, NULL, &err));
  replay_written(m, 0, 0, m->serial, o.expires_at);
  replay_commit(m);
  for (int i = 0; i < 5; i++) {
    replay_ahead += HF__CLOCKS_TOGETHER_MS + HF__CLOCKS_EXPIRY_MARGIN_MS;
    OK(hf_persist_write(m->handles[1], replay_id(0), hf_text(replay_text(++m->serial)), NULL, NULL, &err));
    replay_written(m, 1, 0, m->serial, 0);
    replay_commit(m);
  }
}

static void what_was_is_told_as_it_was(void **state) {
  struct model *m = begin(*state, number_from("HOLDFAST_SEED", 9));
  unsigned rounds = number_from("HOLDFAST_ROUNDS", ROUNDS);
  replay_set(m, "1000000", true);
  for (unsigned i = 0; i < rounds; i++) {
    replay_step(m);
    if (replay_random(m, 20) == 0) look(m, random_revision(m), 1);
    if (replay_random(m, 200) == 0) check_all(m, 0);
  }
  if (m->has_ttl) wait_for_expiry(m);
  check_all(m, rounds);
  if (m->has_ttl) assert_true(m->times_expired > 0);
  replay_free(m);
}

static void what_is_kept_is_right_while_settings_change(void **state) {
  struct model *m = begin(*state, number_from("HOLDFAST_SEED", 9) + 1);
  unsigned rounds = number_from("HOLDFAST_ROUNDS", ROUNDS);
  replay_set(m, "20", true);
  for (unsigned i = 0; i < rounds; i++) {
    replay_step(m);
    if (replay_random(m, 40) == 0) {
      replay_change_settings(m);
      check_ends(m);
    }
    if (replay_random(m, 8) == 0) check_ends(m);
    if (replay_random(m, 30) == 0) check_all(m, 2);
  }
  check_all(m, rounds / 4);
  replay_free(m);
}

/* The same with handles that are closed in between. */
static void what_was_is_told_after_it_was_closed(void **state) {
  struct model *m = begin(*state, number_from("HOLDFAST_SEED", 9) + 2);
  unsigned rounds = number_from("HOLDFAST_ROUNDS", ROUNDS) / 2;
  replay_set(m, "40", true);
  for (unsigned i = 0; i < rounds; i++) {
    replay_step(m);
    if (replay_random(m, 25)) continue;
    replay_close(m);
    replay_open(m);
    check_all(m, 1);
  }
  check_all(m, rounds / 4);
  replay_free(m);
}

#define ON(name, where) cmocka_unit_test_setup_teardown(name, setup_##where, teardown_store)

int main(void) {
  const struct CMUnitTest tests[] = {
      ON(what_was_is_told_as_it_was, memory),
      ON(what_was_is_told_as_it_was, lmdb),
      ON(what_is_kept_is_right_while_settings_change, memory),
      ON(what_is_kept_is_right_while_settings_change, lmdb),
      ON(what_was_is_told_after_it_was_closed, lmdb),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
