/* SPDX-License-Identifier: MIT
 *
 * What the notes of a lock file say of the commit that was begun last.
 */
#include "../backends/lmdb/failed_flush.h"

#include <sys/wait.h>
#include <unistd.h>

#include "unit/support.h"

static uint64_t begun_by(pid_t pid, uint64_t commit) { return (uint64_t)pid << HF__LMDB_COMMIT_BITS | commit; }

static pid_t dead_process(void) {
  int status;
  pid_t pid = fork();
  if (!pid) _exit(0);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return pid;
}

/* LMDB tells of a commit by its number, and its process ends the note after that. */
static void a_commit_is_open_unless_it_is_told_and_its_process_lives(void **state) {
  (void)state;
  hf__lmdb_lock_notes notes = {.begun = begun_by(getpid(), 6), .ended = 5};
  assert_true(hf__lmdb_is_commit_open(&notes, 5)); /* it failed, and its process may live on without writing */
  assert_true(hf__lmdb_is_commit_open(&notes, 6)); /* ours have ended: a killed process had our number */
  atomic_store(&notes.begun, begun_by(getppid(), 6));
  assert_false(hf__lmdb_is_commit_open(&notes, 6));
  atomic_store(&notes.begun, begun_by(dead_process(), 6));
  assert_true(hf__lmdb_is_commit_open(&notes, 6)); /* killed before it noted that it had ended */
}

static void what_is_doubted_is_never_told(void **state) {
  (void)state;
  hf__lmdb_lock_notes notes = {.begun = UINT64_MAX, .ended = 6};
  hf__lmdb_env env = {.process = getpid(), .lock_room = {.notes = &notes}};
  assert_true(hf__lmdb_is_doubtful(&env, 6));
  atomic_store(&notes.begun, begun_by(getpid(), 6));
  assert_false(hf__lmdb_is_doubtful(&env, 6)); /* it has ended */
  hf__lmdb_doubt(&env);
  assert_true(env.doubtful);
  assert_true(hf__lmdb_is_doubtful(&env, 6));
  env.doubtful = false; /* as another process sees it */
  assert_true(hf__lmdb_is_doubtful(&env, 6));
}

/* Who only reads must not be shown what the next power cut may take. */
static void opening_settles_what_a_killed_process_has_left(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf__lmdb_lock_room room;
  const char *folder = text_of("%s/store", s->directory);
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  hf_persist_close(p);

  hf__lmdb_lock_room_open(folder, &room);
  assert_non_null(room.notes);
  uint64_t newest = room.notes->ended;
  assert_int_equal(room.notes->begun, begun_by(getpid(), newest));
  atomic_store(&room.notes->begun, begun_by(dead_process(), newest));
  atomic_store(&room.notes->ended, newest - 1);
  hf__lmdb_lock_room_close(&room);

  p = open_persist(s, "signal");
  OK(hf_persist_init(p, &err));
  hf_persist_close(p);
  hf__lmdb_lock_room_open(folder, &room);
  assert_int_equal(room.notes->ended, newest);
  assert_int_equal(room.notes->begun & HF__LMDB_COMMIT_MASK, newest);
  hf__lmdb_lock_room_close(&room);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_commit_is_open_unless_it_is_told_and_its_process_lives),
      cmocka_unit_test(what_is_doubted_is_never_told),
      ON_LMDB(opening_settles_what_a_killed_process_has_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
