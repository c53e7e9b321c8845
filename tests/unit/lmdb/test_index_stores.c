/* SPDX-License-Identifier: MIT
 *
 * Stores with indexes, as others meet them: opened to be read only, by a version that does not know indexes, copied as
 * a file, with damaged pages, and with a damaged definition.
 */
#include "../backends/lmdb/index_defs.h"
#include "../backends/lmdb/quarantine.h"
#include "../backends/lmdb/snapshot.h"

#include <sys/stat.h>

#include "unit/lmdb/indexes.h"
#include "unit/lmdb/sums.h"

enum { COUNT = 300 };

static void fill_some(hf_persist *p) {
  hf_error err;
  hf_txn *txn;
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  for (int i = 0; i < COUNT; i++) write_text(p, text_of("e%d", i), text_of("{\"n\":%d}", (i * 7) % COUNT));
  OK(hf_txn_commit(txn, &err));
}

static const char *stat_of(const struct store *s) {
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_store *store = open_store(s);
  OK(hf_store_stat(store, &json, &err));
  const char *text = text_of("%s", json.data);
  hf_buffer_free(&json);
  hf_store_close(store);
  return text;
}

/* What explain says of v.n == 7, and that the answer is right. */
static const char *explained(hf_persist *p) {
  hf_error err;
  hf_range range = HF_RANGE_INIT;
  hf_buffer json = HF_BUFFER_INIT;
  uint64_t count;
  OK(hf_condition_parse(hf_text("v.n == 7"), &range.where, &err));
  OK(hf_persist_count_where(p, &range, &count, &err));
  assert_int_equal(count, 1);
  OK(hf_persist_explain(p, &range, &json, &err));
  hf_condition_free(range.where);
  const char *text = text_of("%s", json.data);
  hf_buffer_free(&json);
  return text;
}

static void the_first_index_raises_the_store(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  hf_error err;
  const char *const path[] = {"n"};
  fill_some(p);
  CONTAINS(stat_of(s), "\"formatVersion\":1,");
  FAILS(HF_NOT_FOUND, hf_persist_index_drop(p, path, 1, &err));
  FAILS(HF_INVALID_ARGUMENT, try_index(p, "n[", false, &err));
  CONTAINS(stat_of(s), "\"formatVersion\":1,"); /* and nothing else does */
  make_index(p, "n", false);
  CONTAINS(stat_of(s), "\"formatVersion\":2,");
  CONTAINS(explained(p), "\"index\":\"n\"");
  assert_sound(s, "raised");
  hf_persist_close(p);
}

static void who_only_reads_goes_by_them(void **state) {
  const struct store *s = *state;
  hf_error err;
  uint64_t count;
  hf_options options = HF_OPTIONS_INIT;
  hf_persist *p = open_persist(s, "signal");
  fill_some(p);
  make_index(p, "n", true);
  hf_persist_close(p);
  options.read_only = true;
  OK(hf_persist_open(hf_text("signal"), s->base, &options, &p, &err));
  CONTAINS(explained(p), "\"index\":\"n\"");
  assert_agrees(p);
  FAILS(HF_READONLY, try_index(p, "m", false, &err));
  FAILS(HF_READONLY, hf_persist_index_check(p, true, NULL, NULL, &count, &err));
  const char *const path[] = {"n"};
  FAILS(HF_READONLY, hf_persist_index_drop(p, path, 1, &err));
  hf_persist_close(p);
}

static void who_does_not_know_them_only_reads(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_persist *p = open_persist(s, "signal");
  fill_some(p);
  make_index(p, "n", false);
  hf_persist_close(p);
  const hf__lmdb_feature *const *usual = hf__lmdb_features;
  const hf__lmdb_feature *const before[] = {hf__lmdb_feature_find(hf_text(FEATURE_SUMS)), NULL};
  hf__lmdb_features = before;
  p = open_persist(s, "signal");
  assert_null(strstr(explained(p), "\"index\":"));
  FAILS(HF_READONLY, hf_persist_write(p, hf_text("e1"), hf_text("{}"), NULL, NULL, &err));
  CONTAINS(err.message, "has the feature 'index' (indexes over paths), which this Holdfast");
  FAILS(HF_READONLY, hf_persist_remove_all(p, &err));
  hf_persist_close(p);
  hf__lmdb_features = usual;
  p = open_persist(s, "signal");
  assert_agrees(p);
  hf_persist_close(p);
}

/* ---- copies of the file */

static void ignore_warning(const char *message, void *arg) {
  (void)message;
  (void)arg;
}

static void a_copy_of_the_file_has_them(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_persist *p = open_persist(s, "signal");
  fill_some(p);
  make_index(p, "n", false);
  make_index(p, "m", true);
  hf_set_warning_handler(ignore_warning, NULL);
  for (int compacts = 0; compacts < 2; compacts++) {
    struct store copy = *s;
    snprintf(copy.base, sizeof copy.base, "lmdb:%s/copy-%d?durability=nosync", s->directory, compacts);
    const char *path = text_of("%s/copy-%d", s->directory, compacts);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(mdb_env_copy2(env_of_index(p)->mdb, path, compacts ? MDB_CP_COMPACT : 0), 0);
    hf_persist *q = open_persist(&copy, "signal"); /* which counts a gap, where commits begin at 1 again */
    write_text(q, "e0", "{\"n\":7,\"m\":1}");
    assert_string_equal(ids_in_order(q, NULL, 1, false) + strlen(ids_in_order(q, NULL, 1, false)) - 4, "e299");
    assert_agrees(q);
    FAILS(HF_DUPLICATE, hf_persist_write(q, hf_text("e2"), hf_text("{\"m\":1}"), NULL, NULL, &err));
    hf_persist_close(q);
    assert_sound(&copy, "copied");
  }
  hf_set_warning_handler(NULL, NULL);
  hf_persist_close(p);
}

/* ---- strangers */

static hf_key key_of(const char *id) {
  static unsigned char bytes[HF_ORDER_KEY_MAX];
  return (hf_key){hf_text(id), {(const char *)bytes, hf_order_key(hf_text(id), bytes)}};
}

/* Has an id be in quarantine, and what a text of this kind has be held for it, as if it had been read there. */
static void lose(hf_persist *p, const char *id, const char *json) {
  hf_error err;
  hf_key key = key_of(id);
  OK(p->backend->quarantine_put(p->impl, NULL, p->collection, &key, "lost", hf_text("bytes"), &err));
  hf__lmdb_entry *e = entry_of(p, id, json);
  e->key_bytes[0] |= 0x80;
  plant_bytes(p, e->key, &e->value);
}

/* Settles an id as one does who knows nothing of what is held for it. */
static void settle_only(hf_persist *p, const char *id) {
  hf_error err;
  hf_txn *txn;
  void *t;
  size_t settled;
  hf_key key = key_of(id);
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  OK(hf__persist_enter(p, true, &t, &err));
  assert_int_equal(hf__lmdb_quarantine_settle(p->impl, ((hf__lmdb_txn *)t)->mdb, p->collection, &key, &settled), 0);
  assert_int_equal(settled, 1);
  ((hf__lmdb_txn *)t)->changed = true;
  OK(hf_txn_commit(txn, &err));
}

/* All indexes are made again, and what is held for an id in quarantine is held. */
static void what_is_held_outlives_a_stranger(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  hf_error err;
  fill_some(p);
  make_index(p, "n", true);
  lose(p, "lost", "{\"n\":5000}");
  hf_set_warning_handler(ignore_warning, NULL);
  as_stranger(s, (struct act){.name = "signal", .id = "e1", .json = "{\"n\":4000}"});
  write_text(p, "e2", "{\"n\":4001}");
  hf_set_warning_handler(NULL, NULL);
  assert_agrees(p);
  FAILS(HF_DUPLICATE, hf_persist_write(p, hf_text("e3"), hf_text("{\"n\":4000}"), NULL, NULL, &err));
  FAILS(HF_DUPLICATE, hf_persist_write(p, hf_text("e3"), hf_text("{\"n\":5000}"), NULL, NULL, &err));
  CONTAINS(err.cause, "lost is in quarantine");
  hf_persist_close(p);
}

/* What was held for an id that the stranger has written is nobody's. */
static void what_a_stranger_has_settled_is_let_go(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal"), *other = open_persist(s, "order");
  hf_error err;
  fill_some(p);
  make_index(other, "m", false);
  make_index(other, "n", true);
  make_index(p, "n", true);
  lose(p, "lost", "{\"n\":5000}");
  lose(p, "written", "{\"n\":5001}");
  lose(p, "written too", "{\"n\":5002}");
  settle_only(p, "written");
  settle_only(p, "written too");
  hf_set_warning_handler(ignore_warning, NULL);
  as_stranger(s, (struct act){.name = "signal", .id = "written", .json = "{\"n\":4000}"});
  write_text(p, "e3", "{\"n\":5001}");
  hf_set_warning_handler(NULL, NULL);
  write_text(p, "e4", "{\"n\":5002}");
  FAILS(HF_DUPLICATE, hf_persist_write(p, hf_text("e5"), hf_text("{\"n\":5000}"), NULL, NULL, &err));
  FAILS(HF_DUPLICATE, hf_persist_write(p, hf_text("e5"), hf_text("{\"n\":4000}"), NULL, NULL, &err));
  assert_agrees(p);
  hf_persist_close(other);
  hf_persist_close(p);
}

static void a_damaged_key_gets_no_entry_after_a_stranger(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  hf_error err;
  make_index(p, "n", true);
  write_text(p, "a", "{\"n\":1}");
  write_text(p, "b", "{\"n\":2}");
  write_text(p, "c", "{\"n\":3}");
  misplace(p, "b", "{\"n\":2}", bad_key("b", 1));
  misplace(p, "c", "{\"n\":3}", bad_key("c", 509));
  hf_set_warning_handler(ignore_warning, NULL);
  as_stranger(s, (struct act){.name = "signal", .id = "d", .json = "{\"n\":4}"});
  write_text(p, "a", "{\"n\":5}");
  hf_set_warning_handler(NULL, NULL);
  assert_string_equal(ids_in_order(p, NULL, 0, false), "d a");
  verify_all(s);
  write_text(p, "b", "{\"n\":2}");
  FAILS(HF_DUPLICATE, hf_persist_write(p, hf_text("e"), hf_text("{\"n\":2}"), NULL, NULL, &err));
  assert_agrees(p);
  hf_persist_close(p);
}

/* ---- damaged pages, and a damaged definition */

struct search {
  uint64_t page;
};

static void find_leaf(void *arg, const struct hf__lmdb_visit *v) {
  struct search *found = arg;
  if (v->leaf && v->name.size == sizeof INDEX_DB - 1 && memcmp(v->name.data, INDEX_DB, v->name.size) == 0)
    found->page = v->page;
}

/* The last leaf of the entries. */
static uint64_t leaf_of_entries(const struct store *s) {
  hf_error err;
  struct hf__lmdb_page_file file;
  struct hf__lmdb_header headers[2];
  struct hf__lmdb_totals totals;
  struct search found = {0};
  int fd = open(data_file(s), O_RDONLY | O_CLOEXEC);
  OK(hf__lmdb_page_file_open(fd, &file, &err));
  for (unsigned i = 0; i < 2; i++) assert_true(hf__lmdb_read_header(&file, i, &headers[i]));
  struct hf__lmdb_walk walk = {
      .file = &file, .view = &headers[headers[1].commit > headers[0].commit], .arg = &found, .visited = find_leaf};
  OK(hf__lmdb_walk_run(&walk, &totals, &err));
  hf__lmdb_walk_free(&walk);
  close(fd);
  assert_true(found.page > 0);
  return found.page;
}

static bool count_back(void *arg, const hf_rescued *r) {
  unsigned *back = arg;
  bool is_ours = r->entity_name.size == 6 && memcmp(r->entity_name.data, "signal", 6) == 0;
  if (r->kind <= HF_RESCUE_DAMAGED && !(is_ours && r->kind == HF_RESCUE_PRESENT))
    FAIL_AT(__FILE__, __LINE__, "what is no entity was rescued: kind %d, %.*s", (int)r->kind, (int)r->id.size,
            r->id.data);
  *back += r->kind == HF_RESCUE_PRESENT;
  return true;
}

static void damaged_pages_of_entries_lose_no_entity(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_rescue_report report;
  unsigned back = 0;
  char zeros[4096] = {0};
  hf_persist *p = open_persist(s, "signal");
  fill_some(p);
  make_index(p, "n", false);
  make_index(p, "m", false);
  hf_persist_close(p);
  uint64_t page = leaf_of_entries(s);
  int fd = open(data_file(s), O_RDWR | O_CLOEXEC);
  assert_int_equal(pwrite(fd, zeros, sizeof zeros, (off_t)(page * sizeof zeros)), sizeof zeros);
  close(fd);
  struct told t = check(s);
  assert_true(t.report.damaged > 0);
  CONTAINS(t.all, "index");
  OK(hf_persist_open(hf_text("signal"), s->base, NULL, &p, &err));
  FAILS(HF_CORRUPT, hf_persist_init(p, &err)); /* it is small, so all pages are looked at */
  hf_persist_close(p);
  OK(hf_store_rescue(s->base, count_back, &back, &report, &err));
  assert_int_equal(back, COUNT);
}

/* What another program changes of what a store keeps of its indexes. */
struct edit {
  const char *key;   /* of META_DB */
  const char *to;    /* its new value */
  const char *moved; /* the key that it gets */
  bool drops;        /* the database of entries */
};

static int edit_meta(MDB_txn *txn, const struct edit *e) {
  MDB_dbi dbi;
  MDB_val k = {strlen(e->key), (void *)(uintptr_t)e->key}, v;
  char value[400];
  int rc = mdb_dbi_open(txn, META_DB, 0, &dbi);
  if (!rc) rc = mdb_get(txn, dbi, &k, &v);
  if (rc || v.mv_size > sizeof value) return rc ? rc : MDB_BAD_VALSIZE;
  memcpy(value, v.mv_data, v.mv_size);
  v.mv_data = value;
  if (e->to) v = (MDB_val){strlen(e->to), (void *)(uintptr_t)e->to};
  if (e->moved) rc = mdb_del(txn, dbi, &k, NULL);
  if (e->moved) k = (MDB_val){strlen(e->moved), (void *)(uintptr_t)e->moved};
  return rc ? rc : mdb_put(txn, dbi, &k, &v, 0);
}

static int edit(MDB_txn *txn, const struct edit *e) {
  char mark[MARK_SIZE + MARK_MORE_MOST];
  uint64_t number = mdb_txn_id(txn);
  MDB_dbi dbi;
  MDB_val k = {sizeof MARK_KEY - 1, (void *)(uintptr_t)MARK_KEY}, v;
  int rc = e->drops ? mdb_dbi_open(txn, INDEX_DB, 0, &dbi) : edit_meta(txn, e);
  if (!rc && e->drops) rc = mdb_drop(txn, dbi, 1);
  if (!rc) rc = mdb_dbi_open(txn, NULL, 0, &dbi);
  if (!rc) rc = mdb_get(txn, dbi, &k, &v);
  if (rc) return rc;
  memcpy(mark, v.mv_data, v.mv_size); /* and this commit has changed it */
  memcpy(mark, &number, sizeof number);
  memcpy(mark + sizeof number, &number, sizeof number);
  v.mv_data = mark;
  return mdb_put(txn, dbi, &k, &v, 0);
}

static void edit_as_other(const struct store *s, struct edit e) {
  const char *directory = text_of("%s/store", s->directory);
  int status;
  fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (!pid) {
    MDB_env *env;
    MDB_txn *txn;
    int rc = mdb_env_create(&env);
    if (!rc) rc = mdb_env_set_maxdbs(env, 16);
    if (!rc) rc = mdb_env_open(env, directory, MDB_NOSYNC, 0666);
    if (!rc) rc = mdb_txn_begin(env, NULL, 0, &txn);
    if (!rc) rc = edit(txn, &e);
    _exit(rc || mdb_txn_commit(txn) ? 1 : 0);
  }
  waitpid(pid, &status, 0);
  assert_int_equal(status, 0);
}

/* ---- snapshots */

static void make_as_other(const struct store *s) {
  int status;
  fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (!pid) {
    hf_persist *p = open_persist(s, "signal");
    make_index(p, "n", false);
    hf_persist_close(p);
    _exit(0);
  }
  waitpid(pid, &status, 0);
  assert_int_equal(status, 0);
}

static size_t indexes_at(hf_persist *p, void *moment) {
  hf_error err;
  hf_index_set *set;
  OK(p->backend->index_set(p->impl, moment, p->collection, &set, &err));
  size_t size = set ? hf_index_set_size(set) : 0;
  hf_index_set_free(set);
  return size;
}

/* Also one that begins when nothing is known of it yet, and looks for it after the store has changed. */
static void a_snapshot_has_what_another_process_made(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  void *t;
  fill_some(p);
  OK(p->backend->begin(p->impl, HF_TXN_READ, NULL, &t, &err)); /* which looks in vain */
  p->backend->abort(p->impl, t);
  make_as_other(*state);
  OK(p->backend->begin(p->impl, HF_TXN_READ, NULL, &t, &err));
  write_text(p, "new", "{\"n\":-1}");
  assert_int_equal(indexes_at(p, t), 1);
  CONTAINS(ids_in_order(p, t, 0, false), "e0 ");
  unsigned char bytes[HF_ORDER_KEY_MAX];
  const hf_key key = {hf_text("new"), {(const char *)bytes, hf_order_key(hf_text("new"), bytes)}};
  assert_int_equal(p->backend->has(p->impl, t, p->collection, &key, &err), HF_NOT_FOUND);
  p->backend->abort(p->impl, t);
  hf_persist_close(p);
}

static void looking_for_indexes_loses_no_snapshot(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  MDB_dbi dbi;
  hf__lmdb_txn t;
  fill_some(p);
  hf__lmdb_env *env = env_of_index(p);
  make_as_other(*state);
  OK(hf__lmdb_moment_begin(env, &t, &err)); /* which does not know the entries, as if there were too many collections */
  FAILS(HF_BUSY, hf__lmdb_find_in_snapshot(env, &t, env->index, &dbi, &err));
  assert_false(t.lost);
  assert_int_equal(indexes_at(p, &t), 0);
  hf__lmdb_snapshot_end(env, &t);
  hf_persist_close(p);
}

/* ---- a damaged definition */

/* The key of a definition. */
static const char *key_of_definition(const char *entity_name, unsigned number) {
  return text_of("%s%016llx:%08x", META_INDEX, (unsigned long long)hf__lmdb_name_hash(hf_text(entity_name)), number);
}

static void assert_keeps_writers_out(hf_persist *p) {
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  FAILS(HF_CORRUPT, hf_persist_write(p, hf_text("e1"), hf_text("{}"), NULL, NULL, &err));
  CONTAINS(err.message, "the definition of an index of signal is damaged");
  CONTAINS(err.message, "holdfast rescue");
  FAILS(HF_CORRUPT, hf_persist_stat(p, &json, &err));
  CONTAINS(err.message, "the definition of an index of signal is damaged");
  assert_entity(p, "e1", "{\"n\":7}");
  hf_buffer_free(&json);
}

/* Nobody writes past an index of which it is not known what it is over; reading goes on, by scans. */
static void a_damaged_definition_keeps_writers_out(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_persist *p = open_persist(s, "signal"), *other = open_persist(s, "order");
  fill_some(p);
  make_index(p, "n", false);
  make_index(other, "m", true);
  static const char *const damaged[] = {
      "", "{", "{\"ready\":true,\"entityName\":\"signal\",\"definition\":{\"paths\":[}}",
      "{\"ready\":true,\"entityName\":\"sjgnal\",\"definition\":{\"paths\":[\"n\"],\"unique\":false}}"};
  for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
    edit_as_other(s, (struct edit){.key = key_of_definition("signal", 1), .to = damaged[i]});
    assert_keeps_writers_out(p);
    write_text(other, "a", "{\"m\":1}");
    FAILS(HF_DUPLICATE, hf_persist_write(other, hf_text("b"), hf_text("{\"m\":1}"), NULL, NULL, &err));
    OK(hf_persist_remove_all(other, &err));
    write_text(other, "b", "{\"m\":1}");
    assert_agrees(other);
    OK(hf_persist_remove(other, hf_text("b"), &err));
  }
  hf_persist_close(other);
  hf_persist_close(p);
}

static void a_definition_under_a_damaged_key_keeps_writers_out(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal"), *other = open_persist(s, "order");
  fill_some(p);
  make_index(p, "n", true);
  make_index(other, "m", true);
  const char *key = key_of_definition("signal", 1), *moved = text_of("%s", key);
  const size_t places[] = {0, 16}; /* in the hash, and after it */
  for (size_t i = 0; i < 2; i++) {
    char bad[64];
    snprintf(bad, sizeof bad, "%s", key);
    bad[sizeof META_INDEX - 1 + places[i]] = bad[sizeof META_INDEX - 1 + places[i]] == '7' ? '6' : '7';
    edit_as_other(s, (struct edit){.key = moved, .moved = bad});
    moved = text_of("%s", bad);
    assert_keeps_writers_out(p);
    write_text(other, "a", "{\"m\":1}");
  }
  hf_persist_close(other);
  hf_persist_close(p);
}

static void a_number_is_given_once(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  make_index(p, "n", false);
  drop_index(p, "n"); /* nothing is left of it */
  make_index(p, "n", false);
  const char *key = key_of_definition("signal", 2);
  edit_as_other(s, (struct edit){.key = key, .moved = key}); /* which asserts that it is there */
  hf_persist_close(p);
}

/* A number that an index has, or that entries are under, is not given to another one. */
static void a_damaged_counter_gives_no_number_twice(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal"), *empty = open_persist(s, "order");
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  static const char *const damaged[] = {"", "x", "0", "-1", "4294967295", "99999999999999999999999999999"};
  fill_some(p);
  make_index(p, "n", true);
  hf__lmdb_entry *e = entry_of(p, "e1", "{\"n\":1}");
  e->key_bytes[3] = 5; /* what a killed one has left */
  plant_bytes(p, e->key, &e->value);
  for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
    edit_as_other(s, (struct edit){.key = META_INDEX_LAST, .to = damaged[i]});
    make_index(p, text_of("m%d", (int)i), false);
    const char *key = key_of_definition("signal", i ? (unsigned)i + 7 : 6);
    edit_as_other(s, (struct edit){.key = key, .moved = key}); /* which asserts that it is there */
    if (!i) make_index(empty, "m", false);                     /* the 7, which has no entries */
  }
  OK(hf_persist_indexes(p, &json, &err));
  CONTAINS(json.data, "\"n\"");
  for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) CONTAINS(json.data, text_of("\"m%d\"", (int)i));
  FAILS(HF_DUPLICATE, hf_persist_write(p, hf_text("e2"), hf_text("{\"n\":7}"), NULL, NULL, &err));
  assert_agrees(p);
  hf_persist_close(empty);
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void a_missing_database_of_entries_is_told_and_made_again(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  hf_error err;
  uint64_t count;
  fill_some(p);
  make_index(p, "n", true);
  hf_persist_close(p);
  edit_as_other(s, (struct edit){.drops = true});
  p = open_persist(s, "signal");
  FAILS(HF_CORRUPT, hf_persist_write(p, hf_text("e1"), hf_text("{}"), NULL, NULL, &err));
  CONTAINS(err.message, "the database of indexes is missing");
  assert_string_equal(first_problem(p, false, &count), "n has no entry for the entity: e0");
  assert_int_equal(count, COUNT);
  first_problem(p, true, &count);
  assert_agrees(p);
  CONTAINS(explained(p), "\"index\":\"n\"");
  FAILS(HF_DUPLICATE, hf_persist_write(p, hf_text("e2"), hf_text("{\"n\":7}"), NULL, NULL, &err));
  hf_persist_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(the_first_index_raises_the_store),
      ON_LMDB(who_only_reads_goes_by_them),
      ON_LMDB(who_does_not_know_them_only_reads),
      ON_LMDB(a_copy_of_the_file_has_them),
      ON_LMDB(what_is_held_outlives_a_stranger),
      ON_LMDB(what_a_stranger_has_settled_is_let_go),
      ON_LMDB(a_damaged_key_gets_no_entry_after_a_stranger),
      ON_LMDB(damaged_pages_of_entries_lose_no_entity),
      ON_LMDB(a_snapshot_has_what_another_process_made),
      ON_LMDB(looking_for_indexes_loses_no_snapshot),
      ON_LMDB(a_damaged_definition_keeps_writers_out),
      ON_LMDB(a_definition_under_a_damaged_key_keeps_writers_out),
      ON_LMDB(a_number_is_given_once),
      ON_LMDB(a_damaged_counter_gives_no_number_twice),
      ON_LMDB(a_missing_database_of_entries_is_told_and_made_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
