/* SPDX-License-Identifier: MIT
 *
 * fork(): a child cannot use what its parent opened, opens its own instead, and does the parent no harm.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "unit/support.h"

/* In the child a failed check must end the process, not the test: it reports by its exit code, the line. */
#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "in the child, line %d: %s\n", __LINE__, #condition);                                            \
      _exit(1);                                                                                                        \
    }                                                                                                                  \
  } while (0)

static void assert_child_succeeds(pid_t child) {
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

static void inherited_handles_are_closed_and_new_ones_work(void **state) {
  const struct store *s = *state;
  hf_error err;
  const hf_entry *e;
  hf_iter *iter;
  hf_store *store;
  hf_buffer json = HF_BUFFER_INIT;
  hf_page *page = hf_page_new();
  hf_persist *p = open_persist(s, "signal"), *unopened = open_persist(s, "signal");
  write_text(p, "a", "1");
  OK(hf_iter_open(p, NULL, &iter, &err));
  OK(hf_store_open(s->base, NULL, &store, &err));
  pid_t child = fork();
  if (child == 0) {
    bool found;
    uint64_t n;
    CHECK(hf_persist_read(p, hf_text("a"), &json, NULL, &err) == HF_CLOSED);
    CHECK(strstr(err.message, "fork") != NULL);
    CHECK(strcmp(err.entity_name, "signal") == 0);
    CHECK(hf_persist_write(p, hf_text("a"), hf_text("2"), NULL, NULL, &err) == HF_CLOSED);
    CHECK(hf_persist_has(p, hf_text("a"), &found, &err) == HF_CLOSED);
    CHECK(hf_persist_count(p, &n, &err) == HF_CLOSED);
    CHECK(hf_persist_init(p, &err) == HF_CLOSED);
    CHECK(hf_iter_next(iter, &e, &err) == HF_CLOSED);
    CHECK(hf_store_stat(store, &json, &err) == HF_CLOSED);
    CHECK(hf_store_entities(store, page, &err) == HF_CLOSED);
    CHECK(hf_store_verify(store, (hf_slice){NULL, 0}, true, NULL, NULL, NULL, &err) == HF_CLOSED);
    /* A handle that was not opened yet belongs to nobody, and the child may open its own. */
    hf_persist *own = NULL;
    CHECK(hf_persist_open(hf_text("signal"), s->base, NULL, &own, &err) == HF_OK);
    if (strcmp(s->scheme, "lmdb") == 0) {
      CHECK(hf_persist_read(unopened, hf_text("a"), &json, NULL, &err) == HF_OK);
      CHECK(hf_persist_read(own, hf_text("a"), &json, NULL, &err) == HF_OK && strcmp(json.data, "1") == 0);
    }
    CHECK(hf_persist_write(own, hf_text("child"), hf_text("2"), NULL, NULL, &err) == HF_OK);
    CHECK(hf_persist_read(own, hf_text("child"), &json, NULL, &err) == HF_OK);
    hf_persist_close(own);
    hf_persist_close(unopened);
    hf_iter_close(iter);
    hf_persist_close(p);
    hf_store_close(store);
    _exit(0);
  }
  assert_child_succeeds(child);
  assert_entity(p, "a", "1");
  assert_entity(p, "child", strcmp(s->scheme, "lmdb") == 0 ? "2" : NULL);
  write_text(p, "b", "3");
  assert_entity(unopened, "b", "3");
  OK(hf_iter_next(iter, &e, &err));
  assert_memory_equal(e->id.data, "a", 1);
  hf_iter_close(iter);
  hf_store_close(store);
  hf_persist_close(p);
  hf_persist_close(unopened);
  hf_page_free(page);
  hf_buffer_free(&json);
}

static void a_transaction_stays_with_the_parent(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn, *own_txn;
  hf_persist *p = open_persist(s, "signal");
  for (int commit = 0; commit < 2; commit++) {
    OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
    write_text(p, "a", text_of("%d", commit));
    pid_t child = fork();
    if (child == 0) {
      alarm(20); /* rather than waiting for ever */
      CHECK(hf_persist_write(p, hf_text("a"), hf_text("9"), NULL, NULL, &err) == HF_CLOSED);
      if (commit)
        CHECK(hf_txn_commit(txn, &err) == HF_CLOSED);
      else
        hf_txn_abort(txn);
      if (strcmp(s->scheme, "memory") == 0) {
        hf_persist *own;
        CHECK(hf_persist_open(hf_text("signal"), s->base, NULL, &own, &err) == HF_OK);
        CHECK(hf_txn_begin(HF_TXN_WRITE, &own_txn, &err) == HF_OK);
        CHECK(hf_persist_write(own, hf_text("x"), hf_text("9"), NULL, NULL, &err) == HF_OK);
        CHECK(hf_txn_commit(own_txn, &err) == HF_OK);
        hf_persist_close(own);
      }
      _exit(0);
    }
    assert_child_succeeds(child);
    assert_entity(p, "a", text_of("%d", commit));
    OK(hf_txn_commit(txn, &err));
    assert_entity(p, "a", text_of("%d", commit));
  }
  hf_persist_close(p);
}

static void parent_and_children_write_at_once(void **state) {
  const struct store *s = *state;
  enum { CHILDREN = 3, WRITES = 100 };
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "parent", "0");
  pid_t children[CHILDREN];
  for (int c = 0; c < CHILDREN; c++) {
    children[c] = fork();
    if (children[c] != 0) continue;
    hf_error err;
    hf_persist *own;
    char id[32];
    CHECK(hf_persist_open(hf_text("signal"), s->base, NULL, &own, &err) == HF_OK);
    for (int i = 0; i < WRITES; i++) {
      snprintf(id, sizeof id, "child-%d-%d", c, i);
      CHECK(hf_persist_write(own, hf_text(id), hf_text("1"), NULL, NULL, &err) == HF_OK);
    }
    hf_persist_close(own);
    _exit(0);
  }
  for (int i = 0; i < WRITES; i++) write_text(p, text_of("parent-%d", i), "1");
  for (int c = 0; c < CHILDREN; c++) assert_child_succeeds(children[c]);
  assert_int_equal(count_of(p), 1 + WRITES * (1 + CHILDREN));
  hf_persist_close(p);
}

static void a_grandchild_works_too(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  pid_t child = fork();
  if (child == 0) {
    hf_error err;
    hf_persist *own;
    CHECK(hf_persist_open(hf_text("signal"), s->base, NULL, &own, &err) == HF_OK);
    CHECK(hf_persist_write(own, hf_text("b"), hf_text("1"), NULL, NULL, &err) == HF_OK);
    pid_t grandchild = fork();
    if (grandchild == 0) {
      hf_persist *third;
      CHECK(hf_persist_write(own, hf_text("c"), hf_text("1"), NULL, NULL, &err) == HF_CLOSED);
      CHECK(hf_persist_open(hf_text("signal"), s->base, NULL, &third, &err) == HF_OK);
      CHECK(hf_persist_write(third, hf_text("c"), hf_text("1"), NULL, NULL, &err) == HF_OK);
      hf_persist_close(third);
      _exit(0);
    }
    int status;
    CHECK(waitpid(grandchild, &status, 0) == grandchild && status == 0);
    CHECK(hf_persist_write(own, hf_text("d"), hf_text("1"), NULL, NULL, &err) == HF_OK);
    hf_persist_close(own);
    _exit(0);
  }
  assert_child_succeeds(child);
  assert_int_equal(count_of(p), 4);
  hf_persist_close(p);
}

/* What it has read already it may hand out, but it must not look as if that were all. */
static void a_loop_that_was_begun_does_not_end_well_in_a_child(void **state) {
  const struct store *s = *state;
  hf_error err;
  const hf_entry *e;
  hf_iter *iter;
  hf_persist *p = open_persist(s, "signal");
  for (int i = 0; i < 3; i++) write_text(p, text_of("%d", i), "1");
  OK(hf_iter_open(p, &(hf_range){.has_limit = true, .limit = 3}, &iter, &err));
  OK(hf_iter_next(iter, &e, &err));
  pid_t child = fork();
  if (child == 0) {
    hf_status status;
    do status = hf_iter_next(iter, &e, &err);
    while (!status && e);
    CHECK(status == HF_CLOSED && strstr(err.message, "fork") != NULL);
    _exit(0);
  }
  assert_child_succeeds(child);
  int left = 0;
  for (; hf_iter_next(iter, &e, &err) == HF_OK && e; left++) continue;
  assert_int_equal(left, 2);
  hf_iter_close(iter);
  hf_persist_close(p);
}

/* ---- while another thread works */

static struct {
  const struct store *store;
  atomic_bool stop;
  atomic_int failures, done;
} quarantining;

static void *fill_quarantine(void *arg) {
  hf_error err;
  hf_persist *p;
  (void)arg;
  if (hf_persist_open(hf_text("signal"), quarantining.store->base, NULL, &p, &err)) return NULL;
  for (; !atomic_load(&quarantining.stop); atomic_fetch_add(&quarantining.done, 1)) {
    hf_persist_remove_many(p, &(hf_slice){"x", 1}, 1, NULL, NULL);
    if (hf_persist_quarantine(p, hf_text("x"), "a test", hf_text("?"), &err)) {
      fprintf(stderr, "%s\n", err.message);
      atomic_fetch_add(&quarantining.failures, 1);
      break;
    }
  }
  hf_persist_close(p);
  return NULL;
}

/* They have all descriptors that were open at that moment, and live on. */
static void children_keep_no_lock_of_another_thread(void **state) {
  enum { CHILDREN = 40 };
  pid_t children[CHILDREN];
  pthread_t thread;
  quarantining.store = *state;
  assert_int_equal(pthread_create(&thread, NULL, fill_quarantine, NULL), 0);
  while (!atomic_load(&quarantining.done)) usleep(1000);
  for (int i = 0; i < CHILDREN; i++) {
    children[i] = fork();
    if (children[i] == 0) {
      pause();
      _exit(0);
    }
    usleep(500);
  }
  int done = atomic_load(&quarantining.done);
  for (int i = 0; i < 10000 && atomic_load(&quarantining.done) == done && !atomic_load(&quarantining.failures); i++)
    usleep(1000);
  atomic_store(&quarantining.stop, true);
  pthread_join(thread, NULL);
  for (int i = 0; i < CHILDREN; i++) {
    kill(children[i], SIGKILL);
    waitpid(children[i], NULL, 0);
  }
  assert_int_equal(atomic_load(&quarantining.failures), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_BOTH(inherited_handles_are_closed_and_new_ones_work),
      ON_BOTH(a_transaction_stays_with_the_parent),
      ON_LMDB(parent_and_children_write_at_once),
      ON_LMDB(a_grandchild_works_too),
      ON_BOTH(a_loop_that_was_begun_does_not_end_well_in_a_child),
      {"children_keep_no_lock_of_another_thread on files", children_keep_no_lock_of_another_thread, setup_file,
       teardown_store, NULL},
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
