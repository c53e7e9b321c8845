/* SPDX-License-Identifier: MIT
 *
 * Nothing waits while it holds a pooled reader: a process in which that happens ends and says so, where it would have
 * hung for ever.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "../backends/lmdb/map.h"
#include "../backends/lmdb/readers.h"
#include "../backends/lmdb/writer.h"
#include "core/persist.h"
#include "unit/support.h"

enum { HANGS_AFTER = 20 }; /* seconds */

/* Runs the body in a child process that holds a pooled reader, and gives how it ended; what it said goes to `said`. */
static int run_with_reader(const struct store *s, void (*body)(hf__lmdb_env *env), char *said, size_t capacity) {
  int ends[2], status = 0;
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    hf_error err;
    MDB_txn *txn;
    alarm(HANGS_AFTER);
    signal(SIGABRT, SIG_DFL); /* cmocka's handler would go on with the tests, here */
    dup2(ends[1], STDERR_FILENO);
    hf_persist *p = open_persist(s, "signal");
    OK(hf_persist_init(p, &err));
    OK(hf__lmdb_read_begin(p->impl, &txn, &err));
    body(p->impl);
    hf__lmdb_read_end(p->impl, txn);
    hf_persist_close(p);
    _exit(0);
  }
  close(ends[1]);
  size_t size = 0;
  for (ssize_t n; size + 1 < capacity && (n = read(ends[0], said + size, capacity - 1 - size)) > 0;) size += (size_t)n;
  said[size] = '\0';
  close(ends[0]);
  assert_int_equal(waitpid(child, &status, 0), child);
  return status;
}

static void grow(hf__lmdb_env *env) {
  hf_error err;
  hf__lmdb_make_room(env, env->map_size, false, &err);
}

static void set_size(hf__lmdb_env *env) {
  hf_error err;
  hf__lmdb_set_map_size(env, env->map_size * 2, &err); /* without write_lock: the pool is what it would wait for */
}

static void write_to_it(hf__lmdb_env *env) {
  hf_error err;
  hf__lmdb_txn txn;
  hf__lmdb_write_begin(env, &txn, false, &err);
}

static void read_twice(hf__lmdb_env *env) {
  hf_error err;
  MDB_txn *txn;
  hf__lmdb_read_begin(env, &txn, &err);
}

static void waiting_with_a_reader_ends_the_process(void **state) {
  void (*const bodies[])(hf__lmdb_env *) = {grow, set_size, write_to_it, read_twice};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    char said[4096];
    int status = run_with_reader(*state, bodies[i], said, sizeof said);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    CONTAINS(said, "holds a pooled reader");
  }
}

static void *write_in_another_thread(void *arg) {
  hf_error err;
  hf__lmdb_txn txn;
  OK(hf__lmdb_write_begin(arg, &txn, false, &err));
  hf__lmdb_write_abort(arg, &txn);
  return NULL;
}

static void in_another_thread(hf__lmdb_env *env) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, write_in_another_thread, env)) abort();
  pthread_join(thread, NULL);
}

static void a_reader_of_another_thread_is_no_hindrance(void **state) {
  char said[4096];
  int status = run_with_reader(*state, in_another_thread, said, sizeof said);
  assert_string_equal(said, "");
  assert_int_equal(status, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(waiting_with_a_reader_ends_the_process),
      ON_LMDB(a_reader_of_another_thread_is_no_hindrance),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
