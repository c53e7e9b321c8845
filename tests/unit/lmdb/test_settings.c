/* SPDX-License-Identifier: MIT
 *
 * Settings and features of an LMDB store, and what happens where another program does not keep to them: unknown
 * features are planted, and commits of strangers made, with LMDB alone.
 */
#include "../backends/lmdb/feature.h"
#include "../backends/lmdb/gap.h"
#include "../backends/lmdb/meta.h"

#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "holdfast/backend.h"
#include "unit/support.h"

extern const hf_backend hf__backend_lmdb;

static hf_store *open_store(const struct store *s) {
  hf_error err;
  hf_store *store;
  OK(hf_store_open(s->base, NULL, &store, &err));
  return store;
}

static void set(hf_store *store, const char *name, const char *value) {
  hf_error err;
  hf_setting_value v = {.name = name, .value = value};
  OK(hf_store_settings_set(store, &v, 1, &err));
}

static const char *settings_of(hf_store *store) {
  static hf_buffer json = HF_BUFFER_INIT;
  hf_error err;
  OK(hf_store_settings_get(store, &json, &err));
  return json.data;
}

static const char *stat_of(hf_store *store) {
  static hf_buffer json = HF_BUFFER_INIT;
  hf_error err;
  OK(hf_store_stat(store, &json, &err));
  return json.data;
}

/* ---- another program, by LMDB alone, in a process of its own: LMDB forbids opening a file twice in one */

typedef int stranger_fn(MDB_txn *txn, const void *arg);

static int commit_as_stranger(const char *directory, stranger_fn *fn, const void *arg) {
  MDB_env *env;
  MDB_txn *txn;
  int rc = mdb_env_create(&env);
  if (!rc) rc = mdb_env_set_maxdbs(env, 16);
  if (!rc) rc = mdb_env_open(env, directory, MDB_NOSYNC, 0666);
  if (!rc) rc = mdb_txn_begin(env, NULL, 0, &txn);
  if (rc) return rc;
  rc = fn(txn, arg);
  return rc ? rc : mdb_txn_commit(txn);
}

static void as_stranger(const struct store *s, stranger_fn *fn, const void *arg) {
  const char *directory = text_of("%s/store", s->directory);
  int status;
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (!pid) _exit(commit_as_stranger(directory, fn, arg) ? 1 : 0);
  waitpid(pid, &status, 0);
  assert_int_equal(status, 0);
}

struct record {
  const char *key, *value;
};

static int put_meta(MDB_txn *txn, const void *arg) {
  const struct record *r = arg;
  MDB_dbi dbi;
  MDB_val k = {strlen(r->key), (void *)(uintptr_t)r->key}, v = {strlen(r->value), (void *)(uintptr_t)r->value};
  int rc = mdb_dbi_open(txn, META_DB, 0, &dbi);
  if (rc) return rc;
  rc = mdb_put(txn, dbi, &k, &v, 0);
  if (rc) return rc;
  /* and the mark that says so, as a newer version would leave it */
  uint64_t number = mdb_txn_id(txn);
  hf__lmdb_mark mark = {number, number};
  MDB_val mk = {sizeof MARK_KEY - 1, (void *)(uintptr_t)MARK_KEY}, mv = {sizeof mark, &mark};
  rc = mdb_dbi_open(txn, NULL, 0, &dbi);
  return rc ? rc : mdb_put(txn, dbi, &mk, &mv, 0);
}

/* Writes bytes under the order key of an id, as a 0.1 that has the store open: no mark. */
static int put_record(MDB_txn *txn, const void *arg) {
  const struct record *r = arg;
  unsigned char order[HF_ORDER_KEY_MAX];
  MDB_dbi dbi;
  MDB_val k = {hf_order_key(hf_text(r->key), order), order};
  MDB_val v = {strlen(r->value), (void *)(uintptr_t)r->value};
  int rc = mdb_dbi_open(txn, "signal", 0, &dbi);
  return rc ? rc : mdb_put(txn, dbi, &k, &v, 0);
}

static int drop_mark(MDB_txn *txn, const void *arg) {
  (void)arg;
  MDB_dbi dbi;
  MDB_val k = {sizeof MARK_KEY - 1, (void *)(uintptr_t)MARK_KEY};
  int rc = mdb_dbi_open(txn, NULL, 0, &dbi);
  return rc ? rc : mdb_del(txn, dbi, &k, NULL);
}

static const struct record UNREADABLE = {"a", "no record"};

/* ---- warnings */

static char warned[1024];
static int warnings;

static void on_warning(const char *message, void *arg) {
  (void)arg;
  snprintf(warned, sizeof warned, "%s", message);
  warnings++;
}

/* ---- formats */

static void a_store_stays_in_format_1_until_a_setting_needs_more(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  hf_store *store = open_store(s);
  set(store, "note", "");
  set(store, "maxsize", NULL);
  set(store, "format", "1");
  CONTAINS(settings_of(store),
           "{\"changes\":\"off\",\"durability\":\"sync\",\"format\":1,\"history\":false,\"maxsize\":0,\"note\":\"\"}");
  CONTAINS(stat_of(store), "\"formatVersion\":1");
  set(store, "note", "a word");
  CONTAINS(settings_of(store), "\"format\":2,\"history\":false,\"maxsize\":0,\"note\":\"a word\"");
  CONTAINS(stat_of(store), "\"formatVersion\":2");
  CONTAINS(stat_of(store), "\"settings\":{\"note\":\"a word\"}");
  set(store, "note", NULL);
  CONTAINS(settings_of(store), "\"format\":2,\"history\":false,\"maxsize\":0,\"note\":\"\"");
  hf_error err;
  hf_setting_value lower = {.name = "format", .value = "1"};
  FAILS(HF_INVALID_ARGUMENT, hf_store_settings_set(store, &lower, 1, &err));
  CONTAINS(err.message, "never goes down");
  hf_store_close(store);
  hf_persist_close(p);
}

static uint64_t revision_after(hf_persist *p, const char *id) {
  hf_error err;
  hf_info info;
  OK(hf_persist_write(p, hf_text(id), hf_text("1"), NULL, &info, &err));
  return info.revision;
}

static void what_writes_nothing_leaves_no_number(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn;
  uint64_t removed;
  hf_slice missing = hf_text("missing");
  hf_write_options once = HF_WRITE_OPTIONS_INIT;
  once.if_absent = true;
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  hf_store *store = open_store(s);
  set(store, "format", "2");
  uint64_t before = revision_after(p, "a");
  FAILS(HF_NOT_FOUND, hf_persist_remove(p, missing, &err));
  FAILS(HF_CONFLICT, hf_persist_write(p, hf_text("a"), hf_text("2"), &once, NULL, &err));
  OK(hf_persist_remove_many(p, &missing, 1, &removed, &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  assert_entity(p, "a", "1");
  FAILS(HF_NOT_FOUND, hf_persist_remove(p, missing, &err));
  OK(hf_txn_commit(txn, &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  write_text(p, "b", "1");
  hf_txn_abort(txn);
  set(store, "format", "2");
  assert_int_equal(revision_after(p, "a"), before + 1);
  hf_store_close(store);
  hf_persist_close(p);
}

/* Every way to write, and not one of them is taken for a stranger's. */
static void no_commit_of_ours_is_a_gap(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn, *inner;
  hf_slice ids[] = {hf_text("c"), hf_text("d")};
  hf_item items[] = {{.id = ids[0], .json = hf_text("1")}, {.id = ids[1], .json = hf_text("2")}};
  hf_store *store = open_store(s);
  set(store, "format", "2");
  hf_persist *p = open_persist(s, "signal"), *other = open_persist(s, "other");
  warnings = 0;
  hf_set_warning_handler(on_warning, NULL);
#define NO_GAP(what)                                                                                                   \
  do {                                                                                                                 \
    what;                                                                                                              \
    write_text(p, "after", "1");                                                                                       \
    if (warnings) fail_msg("%s: %s", #what, warned);                                                                   \
  } while (0)
  NO_GAP(write_text(p, "a", "1"));
  NO_GAP(OK(hf_persist_write_many(p, items, 2, &err)));
  NO_GAP(OK(hf_persist_remove_many(p, ids, 2, NULL, &err)));
  NO_GAP(OK(hf_persist_remove(p, hf_text("a"), &err)));
  NO_GAP(OK(hf_persist_quarantine(p, hf_text("q"), "damaged", hf_text("?"), &err)));
  NO_GAP(OK(hf_persist_quarantine(p, hf_text("q"), "damaged", hf_text("?"), &err)));
  NO_GAP(OK(hf_persist_remove(p, hf_text("q"), &err)));
  NO_GAP(OK(hf_persist_quarantine(other, hf_text("q"), "damaged", hf_text("?"), &err)));
  NO_GAP(OK(hf_persist_remove_all(other, &err)));
  NO_GAP(OK(hf_persist_remove_all(p, &err)));
  NO_GAP(OK(hf_persist_remove_all(p, &err)));
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &inner, &err));
  write_text(p, "a", "1");
  OK(hf_txn_commit(inner, &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &inner, &err));
  write_text(p, "b", "1");
  hf_txn_abort(inner);
  NO_GAP(OK(hf_txn_commit(txn, &err)));
  hf_persist *fresh = open_persist(s, "fresh");
  hf_write_options second = HF_WRITE_OPTIONS_INIT;
  second.if_revision = true;
  second.revision = 7;
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err)); /* makes the name, and nothing else */
  FAILS(HF_CONFLICT, hf_persist_write(fresh, ids[0], hf_text("1"), &second, NULL, &err));
  NO_GAP(OK(hf_txn_commit(txn, &err)));
  as_stranger(s, put_record, &UNREADABLE);
  write_text(p, "b", "1");
  assert_int_equal(warnings, 1);
  hf_buffer json = HF_BUFFER_INIT;
  FAILS(HF_CORRUPT, hf_persist_read(p, hf_text("a"), &json, NULL, &err));
  CONTAINS(err.message, "moved to quarantine");
  write_text(p, "after", "1");
  assert_int_equal(warnings, 1);
  hf_set_warning_handler(NULL, NULL);
  hf_buffer_free(&json);
  hf_persist_close(fresh);
  hf_persist_close(other);
  hf_persist_close(p);
  hf_store_close(store);
}

/* ---- features */

static int rebuilt;
static int rebuild_result;
static bool turned_on; /* the store has it already: what calls now is a gap */

static int build(hf__lmdb_env *env, MDB_txn *txn) {
  hf__lmdb_mark mark;
  assert_true(mdb_txn_id(txn) > 1);
  if (turned_on) {
    assert_int_equal(hf__lmdb_mark_get(env, txn, &mark), 0);
    assert_true(mark.commit + 1 < mdb_txn_id(txn));
  }
  rebuilt++;
  return rebuild_result;
}

static const hf__lmdb_feature counted = {"counted", FEATURE_READ, "counts of what there is", build, false};
static const hf__lmdb_feature *const known[] = {&counted, NULL};

static void what_a_stranger_leaves_is_rebuilt(void **state) {
  const struct store *s = *state;
  hf_error err;
  const hf__lmdb_feature *const *usual = hf__lmdb_features;
  hf__lmdb_features = known;
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  void *impl;
  hf_options options = HF_OPTIONS_INIT;
  const char *path = text_of("%s/store", s->directory);
  hf_persist_close(p);
  /* As the core would for a setting that needs the feature. */
  OK(hf__backend_lmdb.open(&(hf_location){"lmdb", path, path, "", &options}, &impl, &err));
  hf_setting_change change = {hf_text("note"), hf_text("\"n\""), "counted"};
  rebuild_result = ENOSPC; /* one that cannot be built is not turned on */
  FAILS(HF_FULL, hf__backend_lmdb.settings_put(impl, &change, 1, 2, &err));
  rebuild_result = rebuilt = 0;
  OK(hf__backend_lmdb.settings_put(impl, &change, 1, 2, &err));
  assert_int_equal(rebuilt, 1); /* out of what was there before */
  turned_on = true;
  OK(hf__backend_lmdb.settings_put(impl, &change, 1, 2, &err));
  assert_int_equal(rebuilt, 1);
  rebuilt = 0;
  change.feature = "nosuch";
  FAILS(HF_UNSUPPORTED, hf__backend_lmdb.settings_put(impl, &change, 1, 2, &err));
  hf__backend_lmdb.close(impl);

  p = open_persist(s, "signal");
  hf_store *store = open_store(s);
  CONTAINS(stat_of(store), "\"features\":[\"counted\"]");
  write_text(p, "b", "1");
  assert_int_equal(rebuilt, 0);
  warnings = 0;
  hf_set_warning_handler(on_warning, NULL);
  as_stranger(s, put_record, &(struct record){"x", "stranger"});
  as_stranger(s, put_record, &(struct record){"y", "stranger"});
  rebuild_result = ENOSPC; /* a rebuild that fails keeps everybody from writing */
  FAILS(HF_FULL, hf_persist_write(p, hf_text("c"), hf_text("1"), NULL, NULL, &err));
  CONTAINS(err.message, "up to date after another program wrote to it");
  assert_int_equal(warnings, 0);
  rebuild_result = 0;
  rebuilt = 0;
  write_text(p, "c", "1");
  assert_int_equal(rebuilt, 1);
  assert_int_equal(warnings, 1);
  CONTAINS(warned, "5 to 6 are of a program that does not know the store's format");
  CONTAINS(stat_of(store), "\"gaps\":{\"count\":1,\"from\":5,\"to\":6,\"at\":");
  write_text(p, "d", "1");
  assert_int_equal(rebuilt, 1);
  as_stranger(s, put_record, &(struct record){"w", "stranger"}); /* told of just now: counted, and not told again */
  write_text(p, "d", "2");
  assert_int_equal(warnings, 1);
  CONTAINS(stat_of(store), "\"gaps\":{\"count\":2,");
  rebuilt = 1;
  hf_store_close(store);
  hf_persist_close(p);

  as_stranger(s, put_record, &(struct record){"z", "stranger"}); /* and nobody has it open */
  p = open_persist(s, "signal");
  OK(hf_persist_init(p, &err));
  assert_int_equal(rebuilt, 2);
  as_stranger(s, drop_mark, NULL);
  write_text(p, "e", "1");
  assert_int_equal(rebuilt, 3);
  hf_set_warning_handler(NULL, NULL);
  hf__lmdb_features = usual;
  hf_persist_close(p);
}

/* A program that writes whenever it can: as often as a gap is mended, there is another. */
static const struct store *stubborn;
static int strangers;

static void write_again(const char *message, void *arg) {
  on_warning(message, arg);
  if (strangers-- > 0) as_stranger(stubborn, put_record, &(struct record){"x", "stranger"});
}

static void a_stranger_that_is_faster_again_and_again_keeps_us_waiting(void **state) {
  const struct store *s = stubborn = *state;
  hf_error err;
  hf_txn *txn;
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  hf_store *store = open_store(s);
  set(store, "format", "2");
  int64_t usual = hf__lmdb_gap_tell_ns;
  hf__lmdb_gap_tell_ns = 0; /* the stranger writes when we warn */
  for (int in_transaction = 0; in_transaction < 2; in_transaction++) {
    as_stranger(s, put_record, &(struct record){"x", "stranger"});
    warnings = 0;
    strangers = 20;
    hf_set_warning_handler(write_again, NULL);
    if (in_transaction) OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
    FAILS(HF_BUSY, hf_persist_write(p, hf_text("b"), hf_text("2"), NULL, NULL, &err));
    CONTAINS(err.message, "another program writes to it all the time");
    assert_true(err.retryable);
    if (in_transaction) hf_txn_abort(txn);
    hf_set_warning_handler(on_warning, NULL);
    write_text(p, "b", "2");
    assert_entity(p, "b", "2");
  }
  hf__lmdb_gap_tell_ns = usual;
  hf_set_warning_handler(NULL, NULL);
  hf_store_close(store);
  hf_persist_close(p);
}

static int leave_mark(MDB_txn *txn, const void *arg) {
  MDB_dbi dbi;
  MDB_val k = {sizeof MARK_KEY - 1, (void *)(uintptr_t)MARK_KEY};
  MDB_val v = {sizeof(hf__lmdb_mark), (void *)(uintptr_t)arg};
  int rc = mdb_dbi_open(txn, NULL, 0, &dbi);
  return rc ? rc : mdb_put(txn, dbi, &k, &v, 0);
}

static void set_in_child(const struct store *s, const char *name, const char *value) {
  int status;
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (!pid) {
    hf_store *store;
    hf_setting_value v = {.name = name, .value = value};
    if (hf_store_open(text_of("lmdb:%s/store", s->directory), NULL, &store, NULL)) _exit(1);
    _exit(hf_store_settings_set(store, &v, 1, NULL) ? 2 : 0);
  }
  waitpid(pid, &status, 0);
  assert_int_equal(status, 0);
}

/* As after mdb_copy -c: the mark is of commits that are still to come, and one of them changes a setting. */
static void settings_are_obeyed_where_commits_are_counted_again(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_persist *p;
  hf_store *store;
  OK(hf_persist_open(hf_text("signal"), text_of("lmdb:%s/store", s->directory), NULL, &p, &err));
  write_text(p, "a", "1");
  OK(hf_store_open(text_of("lmdb:%s/store", s->directory), NULL, &store, &err));
  set(store, "durability", "nometasync");
  as_stranger(s, leave_mark, &(hf__lmdb_mark){1000, 7});
  warnings = 0;
  hf_set_warning_handler(on_warning, NULL);
  write_text(p, "a", "2");
  hf_set_warning_handler(NULL, NULL);
  CONTAINS(warned, "counted from 1 again");
  CONTAINS(stat_of(store), "\"revision\":6");
  static const char *const durabilities[] = {"sync", "nosync", "nometasync"};
  for (int i = 0; i < 6; i++) {
    set_in_child(s, "durability", durabilities[i % 3]);
    write_text(p, "b", "1");
    CONTAINS(stat_of(store), text_of("\"durability\":\"%s\",\"readOnly\"", durabilities[i % 3]));
  }
  hf_store_close(store);
  hf_persist_close(p);
}

/* As after mdb_dump and mdb_load, which leave the mark out. */
static void settings_are_obeyed_where_the_mark_is_lost(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_store *store;
  const char *base = text_of("lmdb:%s/store", s->directory);
  OK(hf_store_open(base, NULL, &store, &err));
  set(store, "durability", "nometasync");
  hf_store_close(store);
  as_stranger(s, drop_mark, NULL);
  hf_set_warning_handler(on_warning, NULL);
  OK(hf_store_open(base, NULL, &store, &err));
  hf_persist *p;
  OK(hf_persist_open(hf_text("signal"), base, NULL, &p, &err));
  write_text(p, "a", "1");
  hf_set_warning_handler(NULL, NULL);
  CONTAINS(stat_of(store), "\"durability\":\"nometasync\",\"readOnly\"");
  hf_persist_close(p);
  hf_store_close(store);
}

/* Has a process of its own in a write transaction, until it is killed. */
static pid_t start_writing_as_stranger(const struct store *s) {
  const char *directory = text_of("%s/store", s->directory);
  int ready[2];
  char byte;
  assert_int_equal(pipe(ready), 0);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (!pid) {
    MDB_env *env;
    MDB_txn *txn;
    int rc = mdb_env_create(&env);
    if (!rc) rc = mdb_env_open(env, directory, MDB_NOSYNC, 0666);
    if (!rc) rc = mdb_txn_begin(env, NULL, 0, &txn);
    if (rc || write(ready[1], "!", 1) != 1) _exit(1);
    alarm(5);
    for (;;) pause();
  }
  assert_int_equal(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  close(ready[1]);
  return pid;
}

static void who_reads_does_not_wait_for_a_stranger_that_writes(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  hf_store *store = open_store(s);
  set(store, "format", "2");
  hf_store_close(store);
  hf_persist_close(p);
  as_stranger(s, put_record, &UNREADABLE);
  pid_t stranger = start_writing_as_stranger(s);
  int status;
  store = open_store(s);
  assert_int_equal(waitpid(stranger, &status, WNOHANG), 0); /* it still writes */
  kill(stranger, SIGKILL);
  waitpid(stranger, &status, 0);
  warnings = 0;
  hf_set_warning_handler(on_warning, NULL);
  OK(hf_persist_open(hf_text("signal"), s->base, NULL, &p, &err));
  write_text(p, "b", "1");
  assert_int_equal(warnings, 1);
  hf_set_warning_handler(NULL, NULL);
  hf_store_close(store);
  hf_persist_close(p);
}

static void a_feature_that_may_be_read_is_read_and_not_written(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  write_text(p, "b", "2");
  hf_store *store = open_store(s);
  set(store, "format", "2");
  as_stranger(s, put_record, &UNREADABLE);
  for (int again = 0; again < 2; again++) { /* while it is open, and opened again */
    if (again) {
      hf_store_close(store);
      hf_persist_close(p);
      p = open_persist(s, "signal");
      store = open_store(s);
    } else {
      as_stranger(s, put_meta,
                  &(struct record){"feature:log", "{\"unknown\":\"read\",\"meaning\":\"a log of changes\"}"});
    }
    assert_entity(p, "b", "2");
    assert_int_equal(count_of(p), 2);
    FAILS(HF_CORRUPT, hf_persist_read(p, hf_text("a"), &json, NULL, &err));
    CONTAINS(err.message, "could not be moved to quarantine");
    CONTAINS(err.cause, "'log' (a log of changes)");
    FAILS(HF_READONLY, hf_persist_write(p, hf_text("c"), hf_text("1"), NULL, NULL, &err));
    CONTAINS(err.message, "has the feature 'log' (a log of changes), which this Holdfast");
    CONTAINS(err.message, "it may read the store");
    hf_setting_value v = {.name = "note", .value = "x"};
    FAILS(HF_READONLY, hf_store_settings_set(store, &v, 1, &err));
    CONTAINS(stat_of(store), "\"features\":[\"log\",\"sums\"]");
    CONTAINS(stat_of(store), "\"revision\":6");
  }
  hf_store_close(store);
  hf_persist_close(p);
  hf_buffer_free(&json);
}

static void a_feature_that_must_be_known_keeps_everybody_out(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn;
  hf_buffer json = HF_BUFFER_INIT;
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  hf_store *store = open_store(s);
  set(store, "format", "2");
  as_stranger(s, put_meta,
              &(struct record){"feature:packed", "{\"unknown\":\"refuse\",\"meaning\":\"packed records\"}"});
  FAILS(HF_UNSUPPORTED, hf_persist_read(p, hf_text("a"), &json, NULL, &err));
  CONTAINS(err.message, "has the feature 'packed' (packed records), which this Holdfast");
  CONTAINS(err.message, "upgrade it");
  FAILS(HF_UNSUPPORTED, hf_persist_write(p, hf_text("a"), hf_text("1"), NULL, NULL, &err));
  OK(hf_txn_begin(HF_TXN_READ, &txn, &err));
  FAILS(HF_UNSUPPORTED, hf_persist_read(p, hf_text("a"), &json, NULL, &err));
  hf_txn_abort(txn);
  hf_store_close(store);
  hf_persist_close(p);
  p = open_persist(s, "signal");
  FAILS(HF_UNSUPPORTED, hf_persist_init(p, &err));
  CONTAINS(err.message, "'packed' (packed records)");
  hf_persist_close(p);
  hf_buffer_free(&json);
}

static void what_a_newer_version_set_is_kept_and_shown(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_store *store = open_store(s);
  set(store, "note", "old");
  as_stranger(s, put_meta, &(struct record){"setting:zeal", "{\"level\":11}"});
  as_stranger(s, put_meta, &(struct record){"setting:maxsize", "1048576"});
  CONTAINS(settings_of(store), "\"maxsize\":1048576,\"note\":\"old\",\"zeal\":{\"level\":11}}");
  set(store, "note", "new");
  CONTAINS(settings_of(store), "\"note\":\"new\",\"zeal\":{\"level\":11}}");
  CONTAINS(stat_of(store), "\"zeal\":{\"level\":11}");
  hf_setting_value v = {.name = "zeal", .value = "1"};
  FAILS(HF_INVALID_ARGUMENT, hf_store_settings_set(store, &v, 1, &err));
  as_stranger(s, put_meta, &(struct record){"format", "{\"format\":3}"});
  FAILS(HF_UNSUPPORTED, hf_store_settings_set(store, &v, 1, &err));
  CONTAINS(err.message, "has store format 3, and this Holdfast");
  hf_store_close(store);
}

/* ---- threads */

enum { WORKERS = 4, WORK = 300 };

struct worker {
  char base[4300];
  int number;
  char failed[1200];
};

static void *work(void *arg) {
  struct worker *w = arg;
  hf_error err;
  hf_persist *p;
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = hf_persist_open(hf_text("signal"), w->base, NULL, &p, &err);
  for (int i = 0; i < WORK && !status; i++) {
    char id[32];
    snprintf(id, sizeof id, "%d-%d", w->number, i);
    status = hf_persist_write(p, hf_text(id), hf_text("1"), NULL, NULL, &err);
    if (!status) status = hf_persist_read(p, hf_text(id), &json, NULL, &err);
    if (!status && i % 10 == 0) status = hf_persist_stat(p, &json, &err);
  }
  if (status) snprintf(w->failed, sizeof w->failed, "%s: %s", hf_status_name(status), err.message);
  hf_buffer_free(&json);
  hf_persist_close(p);
  return NULL;
}

static void settings_change_while_threads_work(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_store *store;
  pthread_t threads[WORKERS];
  struct worker workers[WORKERS] = {{"", 0, ""}};
  const char *const durabilities[] = {"nosync", "nometasync", NULL}, *const sizes[] = {"64m", "32m", "0"};
  OK(hf_store_open(text_of("lmdb:%s/store", s->directory), NULL, &store, &err));
  set(store, "durability", "nosync");
  warnings = 0;
  hf_set_warning_handler(on_warning, NULL);
  for (int i = 0; i < WORKERS; i++) {
    snprintf(workers[i].base, sizeof workers[i].base, "lmdb:%s/store", s->directory);
    workers[i].number = i;
    assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
  }
  for (int i = 0; i < 30; i++) {
    set(store, "durability", durabilities[i % 3]);
    set(store, "maxsize", sizes[i % 3]);
  }
  for (int i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < WORKERS; i++)
    if (*workers[i].failed) fail_msg("worker %d: %s", i, workers[i].failed);
  CONTAINS(settings_of(store),
           "{\"changes\":\"off\",\"durability\":\"sync\",\"format\":2,\"history\":false,\"maxsize\":0,");
  CONTAINS(stat_of(store), "\"durability\":\"sync\"");
  if (warnings) fail_msg("%s", warned);
  hf_set_warning_handler(NULL, NULL);
  hf_store_close(store);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(a_store_stays_in_format_1_until_a_setting_needs_more),
      ON_LMDB(what_writes_nothing_leaves_no_number),
      ON_LMDB(no_commit_of_ours_is_a_gap),
      ON_LMDB(what_a_stranger_leaves_is_rebuilt),
      ON_LMDB(a_stranger_that_is_faster_again_and_again_keeps_us_waiting),
      ON_LMDB(settings_are_obeyed_where_commits_are_counted_again),
      ON_LMDB(settings_are_obeyed_where_the_mark_is_lost),
      ON_LMDB(who_reads_does_not_wait_for_a_stranger_that_writes),
      ON_LMDB(a_feature_that_may_be_read_is_read_and_not_written),
      ON_LMDB(a_feature_that_must_be_known_keeps_everybody_out),
      ON_LMDB(what_a_newer_version_set_is_kept_and_shown),
      ON_LMDB(settings_change_while_threads_work),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
