/* SPDX-License-Identifier: MIT
 *
 * Notes of stores: kept, replaced, in transactions; and that the one by which a store follows another keeps others from
 * writing to it.
 */
#include <sys/wait.h>

#include "core/notes.h"
#include "unit/support.h"

static bool is(hf_persist *p, const char *name, const char *expected) {
  hf_error err;
  hf_buffer text = HF_BUFFER_INIT;
  hf_status status = hf__note_get(p, name, &text, &err);
  bool same = expected ? status == HF_OK && strlen(expected) == text.size && memcmp(text.data, expected, text.size) == 0
                       : status == HF_NOT_FOUND;
  hf_buffer_free(&text);
  return same;
}

static hf_status put(hf_persist *p, const char *name, const char *text, hf_error *err) {
  return hf__note_put(p, name, text ? hf_text(text) : (hf_slice){NULL, 0}, err);
}

static void notes_are_kept_and_replaced(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  assert_true(is(p, "identity", NULL));
  OK(put(p, "identity", "\"me\"", &err));
  OK(put(p, "other", "1", &err));
  OK(put(p, "identity", "\"longer than it was\"", &err));
  assert_true(is(p, "identity", "\"longer than it was\""));
  OK(put(p, "identity", NULL, &err));
  OK(put(p, "identity", NULL, &err));
  assert_true(is(p, "identity", NULL));
  hf_persist *other = open_persist(*state, "other"); /* before the first goes, with which a store in memory would go */
  OK(hf_persist_init(other, &err));
  hf_persist_close(p);
  p = other;
  assert_true(is(p, "other", "1"));
  uint64_t count;
  OK(hf_persist_count(p, &count, &err));
  assert_int_equal(count, 0);
  hf_persist_close(p);
}

static void a_note_changes_with_the_entities_of_its_transaction(void **state) {
  hf_error err;
  hf_txn *txn;
  bool found;
  hf_persist *p = open_persist(*state, "signal");
  OK(put(p, "follows", "{\"n\":1}", &err));
  for (int commits = 0; commits < 2; commits++) {
    OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
    OK(hf_persist_write(p, hf_text("a"), hf_text("1"), NULL, NULL, &err));
    OK(put(p, "follows", "{\"n\":2}", &err));
    assert_true(is(p, "follows", "{\"n\":2}"));
    if (commits)
      OK(hf_txn_commit(txn, &err));
    else
      hf_txn_abort(txn);
    assert_true(is(p, "follows", commits ? "{\"n\":2}" : "{\"n\":1}"));
    OK(hf_persist_has(p, hf_text("a"), &found, &err));
    assert_int_equal(found, commits);
  }
  OK(put(p, "follows", NULL, &err));
  hf_persist_close(p);
}

static void who_was_promoted_notices_in_its_transaction(void **state) {
  hf_error err;
  hf_txn *txn;
  bool found;
  hf_persist *p = open_persist(*state, "signal");
  OK(put(p, "follows", "{\"n\":1}", &err));
  OK(put(p, "follows", NULL, &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  OK(hf_persist_write(p, hf_text("a"), hf_text("1"), NULL, NULL, &err));
  FAILS(HF_CONFLICT, put(p, "follows", "{\"n\":2}", &err));
  hf_txn_abort(txn);
  assert_true(is(p, "follows", NULL));
  OK(hf_persist_has(p, hf_text("a"), &found, &err));
  assert_false(found);
  hf_persist_close(p);
}

/* Writes in a process of its own.  The status. */
static hf_status written_elsewhere(const struct store *s) {
  int result;
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (!pid) {
    hf_persist *p;
    hf_error err;
    hf_status status = hf_persist_open(hf_text("signal"), s->base, NULL, &p, &err);
    if (status == HF_OK) status = hf_persist_write(p, hf_text("b"), hf_text("1"), NULL, NULL, &err);
    if (status == HF_READONLY && !strstr(err.message, "'holdfast promote' makes it a store of its own")) status = HF_IO;
    _exit((int)status);
  }
  waitpid(pid, &result, 0);
  assert_true(WIFEXITED(result));
  return (hf_status)WEXITSTATUS(result);
}

static void others_do_not_write_to_a_store_that_follows(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  OK(hf_persist_write(p, hf_text("a"), hf_text("1"), NULL, NULL, &err));
  assert_int_equal(written_elsewhere(*state), HF_OK);
  OK(put(p, "follows", "{\"source\":\"lmdb:/elsewhere\"}", &err));
  assert_int_equal(written_elsewhere(*state), HF_READONLY);
  OK(hf_persist_write(p, hf_text("a"), hf_text("2"), NULL, NULL, &err)); /* it is we who follow */
  hf_persist_close(p);
  assert_int_equal(written_elsewhere(*state), HF_READONLY);
  p = open_persist(*state, "signal"); /* now we do not */
  FAILS(HF_READONLY, hf_persist_write(p, hf_text("a"), hf_text("3"), NULL, NULL, &err));
  OK(put(p, "follows", "{\"source\":\"lmdb:/elsewhere\",\"again\":true}", &err));
  OK(hf_persist_write(p, hf_text("a"), hf_text("3"), NULL, NULL, &err));
  OK(put(p, "follows", NULL, &err));
  assert_int_equal(written_elsewhere(*state), HF_OK);
  OK(hf_persist_write(p, hf_text("a"), hf_text("4"), NULL, NULL, &err));
  hf_persist_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_ALL(notes_are_kept_and_replaced),
      ON_BOTH(a_note_changes_with_the_entities_of_its_transaction),
      ON_BOTH(who_was_promoted_notices_in_its_transaction),
      ON_LMDB(others_do_not_write_to_a_store_that_follows),
      {"others do not write to files that follow", others_do_not_write_to_a_store_that_follows, setup_file,
       teardown_store, NULL},
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
