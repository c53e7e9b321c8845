/* SPDX-License-Identifier: MIT
 *
 * Watches, over a store that is nothing but a log: what is handed out, what is left out, who is woken, and by what.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include "unit/core/watch_log.h"

/* Longer than any machine needs: what does not come within it does not come. */
enum { LONG_MS = 60000 };

static hf_store *open_store(void) {
  hf_error err;
  hf_store *s;
  OK(hf_store_open("log:it", NULL, &s, &err));
  return s;
}

static hf_watch *open_watch(hf_store *s, const hf_watch_options *o) {
  hf_error err;
  hf_watch *w;
  OK(hf_watch_open(s, o, &w, &err));
  return w;
}

static hf_slice new_text(const char *text) { return (hf_slice){strdup(text), strlen(text)}; }

static void add_write(bool is_new, const char *name, const char *id, const char *json) {
  log_add(is_new, HF_CHANGE_WRITE, name, id, new_text(json));
  if (is_new) log_publish();
}

/* The next change, as text. */
static const char *next(hf_watch *w, int64_t timeout_ms) {
  hf_error err;
  hf_change c;
  hf_status status = hf_watch_next(w, timeout_ms, &c, &err);
  if (status) return hf_status_name(status);
  return text_of("%llu %s %.*s:%.*s %.*s%s", (unsigned long long)c.revision, hf_change_name(c.what),
                 (int)c.entity_name.size, c.entity_name.data, (int)c.id.size, c.id.data, (int)c.json.size,
                 c.json.data ? c.json.data : "", c.is_last ? "." : "");
}

static bool is_readable(const hf_watch *w) {
  struct pollfd fd = {hf_watch_fd(w), POLLIN, 0};
  return poll(&fd, 1, 0) == 1;
}

static void hands_out_commits_one_after_the_other(void **state) {
  (void)state;
  hf_store *s = open_store();
  add_write(true, "a", "1", "1");
  add_write(true, "a", "2", "[2]");
  add_write(false, "b", "2", "{}");
  log_add(false, HF_CHANGE_REMOVE, "a", "1", (hf_slice){NULL, 0});
  log_add(true, HF_CHANGE_CLEAR, "a", "", (hf_slice){NULL, 0});
  hf_watch_options o = HF_WATCH_OPTIONS_INIT;
  o.from = 1;
  hf_watch *w = open_watch(s, &o);
  assert_int_equal(hf_watch_revision(w), 0);
  assert_string_equal(next(w, 0), "1 write a:1 1.");
  assert_int_equal(hf_watch_revision(w), 1);
  assert_string_equal(next(w, 0), "2 write a:2 [2]");
  assert_string_equal(next(w, 0), "2 write b:2 {}");
  assert_int_equal(hf_watch_revision(w), 1);
  assert_string_equal(next(w, 0), "2 remove a:1 .");
  assert_int_equal(hf_watch_revision(w), 2);
  assert_string_equal(next(w, 0), "3 clear a: .");
  assert_string_equal(next(w, 0), "timeout");
  assert_string_equal(next(w, 0), "timeout");
  add_write(true, "a", "3", "3");
  assert_string_equal(next(w, 0), "4 write a:3 3.");
  hf_watch_close(w);
  hf_store_close(s);
}

static void begins_with_the_next_commit_or_a_later_one(void **state) {
  (void)state;
  hf_store *s = open_store();
  add_write(true, "a", "1", "1");
  hf_watch_options o = HF_WATCH_OPTIONS_INIT;
  o.from = 4;
  hf_watch *now = open_watch(s, NULL), *later = open_watch(s, &o);
  assert_int_equal(hf_watch_revision(now), 1);
  assert_string_equal(next(now, 0), "timeout");
  assert_string_equal(next(later, 0), "timeout");
  for (int i = 2; i <= 4; i++) add_write(true, "a", "x", text_of("%d", i));
  assert_string_equal(next(now, 0), "2 write a:x 2.");
  assert_string_equal(next(later, 0), "4 write a:x 4.");
  hf_watch_close(now);
  hf_watch_close(later);
  hf_store_close(s);
}

static void hands_out_large_commits_in_parts(void **state) {
  (void)state;
  enum { MANY = 3000, LARGE = 1000000 };
  hf_error err;
  hf_change c;
  hf_store *s = open_store();
  for (int i = 0; i < MANY; i++) add_write(i == 0, "a", text_of("%d", i), "1");
  for (int i = 0; i < 3; i++) {
    char *text = malloc(LARGE);
    memset(text, '1', LARGE);
    log_add(true, HF_CHANGE_WRITE, "a", "large", (hf_slice){text, LARGE});
  }
  log_publish();
  hf_watch_options o = HF_WATCH_OPTIONS_INIT;
  o.from = 1;
  hf_watch *w = open_watch(s, &o);
  for (int i = 0; i < MANY; i++) {
    OK(hf_watch_next(w, 0, &c, &err));
    assert_string_equal(text_of("%.*s", (int)c.id.size, c.id.data), text_of("%d", i));
    assert_int_equal(c.is_last, i == MANY - 1);
    assert_int_equal(hf_watch_revision(w), i == MANY - 1);
  }
  for (uint64_t i = 0; i < 3; i++) {
    OK(hf_watch_next(w, 0, &c, &err));
    assert_int_equal(c.revision, 2 + i);
    assert_int_equal(c.json.size, LARGE);
    assert_int_equal(c.json.data[LARGE - 1], '1');
  }
  FAILS(HF_TIMEOUT, hf_watch_next(w, 0, &c, &err));
  hf_watch_close(w);
  hf_store_close(s);
}

static void leaves_out_what_is_not_asked_for(void **state) {
  (void)state;
  hf_error err;
  hf_store *s = open_store();
  hf_watch_options o = HF_WATCH_OPTIONS_INIT;
  OK(hf_condition_parse(hf_text("v > 10"), &o.condition, &err));
  o.entity_name = hf_text("a");
  o.prefix = hf_text("x");
  o.from = 1;
  add_write(true, "a", "x1", "11");
  add_write(false, "a", "x2", "9"); /* left out: x1 is the last one */
  add_write(false, "a", "y", "12");
  add_write(false, "b", "x", "13");
  add_write(true, "a", "x3", "14");
  add_write(false, "a", "x4", "\"text\""); /* the condition cannot tell */
  log_add(false, HF_CHANGE_REMOVE, "a", "x1", (hf_slice){NULL, 0});
  log_add(false, HF_CHANGE_WRITE, "a", "x5", (hf_slice){NULL, 0}); /* its value is gone */
  add_write(true, "a", "x6", "1");
  hf_watch *w = open_watch(s, &o);
  assert_string_equal(next(w, 0), "1 write a:x1 11.");
  assert_string_equal(next(w, 0), "2 write a:x3 14");
  assert_string_equal(next(w, 0), "2 write a:x4 \"text\"");
  assert_string_equal(next(w, 0), "2 remove a:x1 ");
  assert_string_equal(next(w, 0), "2 write a:x5 .");
  assert_string_equal(next(w, 0), "timeout");
  assert_int_equal(hf_watch_revision(w), 3); /* all of it was seen */
  hf_watch_close(w);
  o.without_values = true;
  w = open_watch(s, &o);
  assert_string_equal(next(w, 0), "1 write a:x1 .");
  hf_watch_close(w);
  hf_condition_free(o.condition);
  hf_store_close(s);
}

static void goes_on_however_much_is_left_out(void **state) {
  (void)state;
  hf_error err;
  hf_store *s = open_store();
  hf_watch_options o = HF_WATCH_OPTIONS_INIT;
  OK(hf_condition_parse(hf_text("v == 1"), &o.condition, &err));
  o.from = 1;
  for (int i = 0; i < 15000; i++) add_write(i % 3000 == 0, "a", "x", "2");
  add_write(false, "a", "y", "1");
  hf_watch *w = open_watch(s, &o);
  assert_string_equal(next(w, 0), "5 write a:y 1.");
  assert_string_equal(next(w, 0), "timeout");
  hf_watch_close(w);
  hf_condition_free(o.condition);
  hf_store_close(s);
}

static void says_what_is_not_kept(void **state) {
  (void)state;
  hf_error err;
  hf_change c;
  hf_watch *w, *other;
  hf_store *s = open_store(), *null;
  for (int i = 0; i < 9; i++) add_write(true, "a", "x", "1");
  the_log.first = 3;
  hf_watch_options o = HF_WATCH_OPTIONS_INIT;
  o.from = 3;
  FAILS(HF_COMPACTED, hf_watch_open(s, &o, &w, &err));
  assert_int_equal(err.revision, 4);
  assert_null(w);
  o.from = 4;
  OK(hf_watch_open(s, &o, &w, &err));
  for (int i = 0; i < 600; i++) add_write(true, "a", "x", "1");
  for (int i = 0; i < 6; i++) OK(hf_watch_next(w, 0, &c, &err)); /* what was read is handed out */
  the_log.first = 500;
  FAILS(HF_COMPACTED, hf_watch_next(w, 0, &c, &err));
  assert_int_equal(err.revision, 501);
  FAILS(HF_COMPACTED, hf_watch_next(w, -1, &c, &err));
  assert_int_equal(hf_watch_revision(w), 9);
  the_log.is_off = true;
  FAILS(HF_UNSUPPORTED, hf_watch_next(w, -1, &c, &err));
  FAILS(HF_UNSUPPORTED, hf_watch_open(s, NULL, &other, &err));
  CONTAINS(err.message, "changes=");
  OK(hf_store_open("null:", NULL, &null, &err));
  FAILS(HF_UNSUPPORTED, hf_watch_open(null, NULL, &other, &err));
  hf_store_close(null);
  hf_watch_close(w);
  hf_watch_close(NULL);
  hf_store_close(s);
}

static void refuses_bad_options(void **state) {
  (void)state;
  hf_error err;
  hf_watch *w;
  hf_store *s = open_store();
  hf_watch_options o = HF_WATCH_OPTIONS_INIT;
  o.struct_size = 8;
  FAILS(HF_INVALID_ARGUMENT, hf_watch_open(s, &o, &w, &err));
  o = (hf_watch_options)HF_WATCH_OPTIONS_INIT;
  o.reserved[1] = 1;
  FAILS(HF_INVALID_ARGUMENT, hf_watch_open(s, &o, &w, &err));
  o.reserved[1] = 0;
  o.entity_name = hf_text("");
  FAILS(HF_INVALID_ARGUMENT, hf_watch_open(s, &o, &w, &err));
  hf_store_close(s);
}

static void is_not_for_transactions_and_does_not_wait_in_snapshots(void **state) {
  (void)state;
  hf_error err;
  hf_change c;
  hf_txn *txn, *inner;
  hf_store *s = open_store();
  hf_watch *w = open_watch(s, NULL), *other;
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  FAILS(HF_UNSUPPORTED, hf_watch_next(w, -1, &c, &err));
  FAILS(HF_UNSUPPORTED, hf_watch_next(w, 0, &c, &err));
  FAILS(HF_UNSUPPORTED, hf_watch_open(s, NULL, &other, &err));
  OK(hf_txn_begin(HF_TXN_READ, &inner, &err));
  FAILS(HF_UNSUPPORTED, hf_watch_next(w, 0, &c, &err));
  hf_txn_abort(inner);
  hf_txn_abort(txn);
  OK(hf_txn_begin(HF_TXN_READ, &txn, &err));
  FAILS(HF_UNSUPPORTED, hf_watch_next(w, -1, &c, &err));
  FAILS(HF_TIMEOUT, hf_watch_next(w, 0, &c, &err));
  add_write(true, "a", "x", "1");
  OK(hf_watch_next(w, 0, &c, &err));
  hf_txn_abort(txn);
  hf_watch_close(w);
  hf_store_close(s);
}

static void its_descriptor_can_be_read_when_there_may_be_a_change(void **state) {
  (void)state;
  hf_error err;
  hf_persist *p;
  hf_store *s = open_store();
  hf_watch *w = open_watch(s, NULL);
  assert_true(is_readable(w)); /* nobody has looked yet */
  assert_string_equal(next(w, 0), "timeout");
  assert_false(is_readable(w));
  OK(hf_persist_open(hf_text("a"), "log:it", NULL, &p, &err));
  write_text(p, "x", "1");
  struct pollfd fd = {hf_watch_fd(w), POLLIN, 0};
  assert_int_equal(poll(&fd, 1, LONG_MS), 1);
  assert_string_equal(next(w, 0), "1 write a:x 1.");
  assert_true(is_readable(w));
  assert_string_equal(next(w, 0), "timeout");
  assert_false(is_readable(w));
  hf_persist_close(p);
  hf_watch_close(w);
  hf_store_close(s);
}

/* ---- who is woken */

static void *write_ten(void *arg) {
  for (int i = 0; i < 10; i++) write_text(arg, "x", "1");
  return NULL;
}

static void a_commit_of_this_process_wakes_who_waits(void **state) {
  (void)state;
  hf_error err;
  hf_persist *p;
  pthread_t writer;
  log_backend.capabilities &= ~(uint32_t)HF_CAP_DURABLE; /* nobody else writes, so that nothing else is looked at */
  hf_store *s = open_store();
  hf_watch *w = open_watch(s, NULL);
  OK(hf_persist_open(hf_text("a"), "log:it", NULL, &p, &err));
  for (int round = 0; round < 20; round++) {
    assert_int_equal(pthread_create(&writer, NULL, write_ten, p), 0);
    for (int i = 1; i <= 10; i++) assert_string_equal(next(w, LONG_MS), text_of("%d write a:x 1.", round * 10 + i));
    pthread_join(writer, NULL);
  }
  hf_persist_close(p);
  hf_watch_close(w);
  hf_store_close(s);
  log_backend.capabilities |= HF_CAP_DURABLE;
}

/* Where the number of commits is published so many looks after the file was written, as LMDB does it. */
static void a_commit_of_another_process_is_seen_after_the_event(void **state) {
  (void)state;
  char *directory = new_directory();
  const char *path = text_of("%s/file", directory);
  the_log.file = path;
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  hf_store *s = open_store();
  hf_watch *w = open_watch(s, NULL);
  assert_string_equal(next(w, 0), "timeout");
  /* Looks: at once, after 50 us, 1 ms, 10 ms.  Without them there is one a second, which is too few within the time. */
  enum { LOOKS = 4, ROUNDS = 5, ROUND_MS = 1500 };
  for (int i = 1; i <= ROUNDS; i++) {
    log_add(true, HF_CHANGE_WRITE, "a", "x", new_text("1"));
    atomic_store(&the_log.published_after, LOOKS);
    assert_int_equal(write(fd, "x", 1), 1);
    struct pollfd ready = {hf_watch_fd(w), POLLIN, 0};
    assert_int_equal(poll(&ready, 1, ROUND_MS), 1);
    assert_string_equal(next(w, 0), text_of("%d write a:x 1.", i));
    assert_string_equal(next(w, 0), "timeout");
  }
  hf_watch_close(w);
  hf_store_close(s);
  close(fd);
  remove_directory(directory);
}

static char warned[512];
static void note_warning(const char *message, void *arg) {
  (void)arg;
  snprintf(warned, sizeof warned, "%s", message);
}

static void without_inotify_others_are_looked_for(void **state) {
  (void)state;
  hf_error err;
  the_log.file = "/nonexistent/file";
  hf_set_warning_handler(note_warning, NULL);
  hf_store *s = open_store();
  hf_watch *w = open_watch(s, NULL);
  hf_set_warning_handler(NULL, NULL);
  CONTAINS(warned, "inotify");
  hf_buffer json = HF_BUFFER_INIT;
  OK(hf_store_stat(s, &json, &err));
  CONTAINS(json.data, ",\"watching\":\"No such file");
  hf_buffer_free(&json);
  assert_string_equal(next(w, 0), "timeout");
  add_write(true, "a", "x", "1"); /* nobody is told */
  struct pollfd ready = {hf_watch_fd(w), POLLIN, 0};
  assert_int_equal(poll(&ready, 1, 800), 1); /* a look a second would be too late */
  assert_string_equal(next(w, 0), "1 write a:x 1.");
  hf_watch_close(w);
  hf_store_close(s);
}

static void a_store_that_does_not_count_commits_is_asked(void **state) {
  (void)state;
  hf_store *s = open_store();
  log_backend.commits_seen = NULL;
  hf_watch *w = open_watch(s, NULL);
  assert_string_equal(next(w, 0), "timeout");
  add_write(true, "a", "x", "1");
  assert_string_equal(next(w, LONG_MS), "1 write a:x 1.");
  log_backend.commits_seen = log_commits_seen;
  hf_watch_close(w);
  hf_store_close(s);
}

static void sleeps_where_nothing_happens(void **state) {
  (void)state;
  hf_store *s = open_store();
  the_log.file = "/dev/null";
  hf_watch *w = open_watch(s, NULL);
  assert_string_equal(next(w, 0), "timeout");
  unsigned reads = atomic_load(&the_log.reads);
  assert_string_equal(next(w, 200), "timeout");
  assert_true(atomic_load(&the_log.reads) - reads <= 2);
  hf_watch_close(w);
  hf_store_close(s);
}

/* ---- threads and processes */

enum { WATCHERS = 16, WRITES = 400 };

static void *count_changes(void *arg) {
  hf_store *s = arg;
  hf_watch_options o = HF_WATCH_OPTIONS_INIT;
  hf_error err;
  hf_change c;
  hf_watch *w;
  uint64_t expected = 1;
  o.from = 1;
  if (hf_watch_open(s, &o, &w, &err)) return NULL;
  while (expected <= WRITES && hf_watch_next(w, LONG_MS, &c, &err) == HF_OK && c.revision == expected) {
    expected++;
    if (expected % 100 == 0) { /* the last one to leave ends the hub's thread, and the next one begins it */
      hf_watch_close(w);
      o.from = expected;
      if (hf_watch_open(s, &o, &w, &err)) return NULL;
    }
  }
  hf_watch_close(w);
  return expected == WRITES + 1 ? arg : NULL;
}

static void many_watch_while_others_write(void **state) {
  (void)state;
  hf_error err;
  hf_persist *p;
  pthread_t threads[WATCHERS];
  hf_store *s = open_store();
  OK(hf_persist_open(hf_text("a"), "log:it", NULL, &p, &err));
  for (int i = 0; i < WATCHERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, count_changes, s), 0);
  for (int i = 0; i < WRITES / 10; i++) write_ten(p);
  for (int i = 0; i < WATCHERS; i++) {
    void *result;
    pthread_join(threads[i], &result);
    assert_non_null(result);
  }
  hf_persist_close(p);
  hf_store_close(s);
}

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "in the child, line %d: %s\n", __LINE__, #condition);                                            \
      _exit(1);                                                                                                        \
    }                                                                                                                  \
  } while (0)

static void a_child_has_none_of_its_parents_watches(void **state) {
  (void)state;
  hf_error err;
  hf_change c;
  int status;
#ifdef __SANITIZE_THREAD__
  skip(); /* it allows no threads in a child of one that has some */
#endif
  hf_store *s = open_store();
  hf_watch *w = open_watch(s, NULL);
  pid_t child = fork();
  if (child == 0) {
    hf_store *own;
    hf_watch *other;
    hf_persist *p;
    CHECK(hf_watch_next(w, -1, &c, &err) == HF_CLOSED);
    CHECK(hf_watch_open(s, NULL, &other, &err) == HF_CLOSED);
    hf_watch_close(w);
    CHECK(hf_store_open("log:it", NULL, &own, &err) == HF_OK);
    CHECK(hf_watch_open(own, NULL, &other, &err) == HF_OK);
    CHECK(hf_persist_open(hf_text("a"), "log:it", NULL, &p, &err) == HF_OK);
    CHECK(hf_watch_next(other, 0, &c, &err) == HF_TIMEOUT);
    CHECK(hf_persist_write(p, hf_text("x"), hf_text("1"), NULL, NULL, &err) == HF_OK);
    CHECK(hf_watch_next(other, LONG_MS, &c, &err) == HF_OK);
    hf_watch_close(other);
    _exit(0);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  add_write(true, "a", "x", "1");
  assert_string_equal(next(w, LONG_MS), "1 write a:x 1.");
  hf_watch_close(w);
  hf_store_close(s);
}

static void a_watch_keeps_the_store_open(void **state) {
  (void)state;
  hf_store *s = open_store();
  hf_watch *w = open_watch(s, NULL);
  hf_store_close(s);
  add_write(true, "a", "x", "1");
  assert_string_equal(next(w, 0), "1 write a:x 1.");
  hf_watch_close(w);
}

#define WATCH(test)                                                                                                    \
  { #test, test, setup_log, teardown_log, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      WATCH(hands_out_commits_one_after_the_other),
      WATCH(begins_with_the_next_commit_or_a_later_one),
      WATCH(hands_out_large_commits_in_parts),
      WATCH(leaves_out_what_is_not_asked_for),
      WATCH(goes_on_however_much_is_left_out),
      WATCH(says_what_is_not_kept),
      WATCH(refuses_bad_options),
      WATCH(is_not_for_transactions_and_does_not_wait_in_snapshots),
      WATCH(its_descriptor_can_be_read_when_there_may_be_a_change),
      WATCH(a_commit_of_this_process_wakes_who_waits),
      WATCH(a_commit_of_another_process_is_seen_after_the_event),
      WATCH(without_inotify_others_are_looked_for),
      WATCH(a_store_that_does_not_count_commits_is_asked),
      WATCH(sleeps_where_nothing_happens),
      WATCH(many_watch_while_others_write),
      WATCH(a_child_has_none_of_its_parents_watches),
      WATCH(a_watch_keeps_the_store_open),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
