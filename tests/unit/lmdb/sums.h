/* SPDX-License-Identifier: MIT
 *
 * What the tests of counts and hashes share: what the file says of them without LMDB, what hf_store_check() says, and
 * another program that changes a store by LMDB alone.
 */
#ifndef HF_TESTS_UNIT_LMDB_SUMS_H
#define HF_TESTS_UNIT_LMDB_SUMS_H

#include "../backends/lmdb/feature.h"
#include "../backends/lmdb/meta.h"
#include "../backends/lmdb/page_walk.h"
#include "../backends/lmdb/record.h"
#include "../backends/lmdb/sums.h"
#include "../backends/lmdb/tally.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/lmdb/damage.h"

static inline hf_store *open_store(const struct store *s) {
  hf_error err;
  hf_store *store;
  OK(hf_store_open(s->base, NULL, &store, &err));
  return store;
}

static inline void set(const struct store *s, const char *name, const char *value) {
  hf_error err;
  hf_setting_value v = {.name = name, .value = value};
  hf_store *store = open_store(s);
  OK(hf_store_settings_set(store, &v, 1, &err));
  hf_store_close(store);
}

/* ---- what the file says, without LMDB */

struct looked {
  struct hf__lmdb_tally tally;
  uint64_t main_leaf; /* the last one */
};

static inline void visit(void *arg, const struct hf__lmdb_visit *v) {
  struct looked *l = arg;
  if (v->leaf && v->kind == HF__LMDB_MAIN) l->main_leaf = v->page;
  hf__lmdb_tally_visit(&l->tally, v);
}

/* Counts the newest commit; hf__lmdb_tally_free() follows. */
static inline void look(const struct store *s, struct looked *l) {
  hf_error err;
  struct hf__lmdb_page_file file;
  struct hf__lmdb_header headers[2];
  struct hf__lmdb_totals totals;
  *l = (struct looked){.main_leaf = 0};
  int fd = open(data_file(s), O_RDONLY | O_CLOEXEC);
  OK(hf__lmdb_page_file_open(fd, &file, &err));
  for (unsigned i = 0; i < 2; i++) assert_true(hf__lmdb_read_header(&file, i, &headers[i]));
  struct hf__lmdb_walk walk = {
      .file = &file, .view = &headers[headers[1].commit > headers[0].commit], .arg = l, .visited = visit};
  l->tally.walk = &walk;
  OK(hf__lmdb_walk_run(&walk, &totals, &err));
  hf__lmdb_walk_free(&walk);
  hf__lmdb_tally_end(&l->tally);
  assert_int_equal(totals.problems, 0);
  assert_false(l->tally.out_of_memory);
  close(fd);
}

/* The sum that is stored of a collection, and what is there is the same. */
static inline hf__lmdb_sum stored(const struct store *s, const char *name) {
  struct looked l;
  hf__lmdb_sum sum = {0, 0};
  look(s, &l);
  for (size_t i = 0; i < l.tally.count; i++) {
    const struct hf__lmdb_counted *c = &l.tally.collections[i];
    if (c->name.size != strlen(name) || memcmp(c->name.data, name, c->name.size) != 0) continue;
    assert_int_equal(c->found.count, c->written.count);
    assert_true(c->found.hash == c->written.hash);
    sum = c->written;
  }
  hf__lmdb_tally_free(&l.tally);
  return sum;
}

/* ---- what hf_store_check() says */

struct told {
  char first[400], name[64];
  char all[2000]; /* "NAME: text\n" of each */
  hf_check_report report;
};

static inline bool note_first(void *arg, const hf_finding *f) {
  struct told *t = arg;
  size_t n = strlen(t->all);
  snprintf(t->all + n, sizeof t->all - n, "%.*s: %s\n", (int)f->entity_name.size,
           f->entity_name.data ? f->entity_name.data : "", f->problem);
  if (*t->first) return true;
  snprintf(t->first, sizeof t->first, "%s", f->problem);
  snprintf(t->name, sizeof t->name, "%.*s", (int)f->entity_name.size, f->entity_name.data ? f->entity_name.data : "");
  return true;
}

static inline struct told check(const struct store *s) {
  hf_error err;
  struct told t = {"", "", "", {0}};
  OK(hf_store_check(s->base, NULL, note_first, &t, &t.report, &err));
  return t;
}

static inline void assert_sound(const struct store *s, const char *when) {
  struct told t = check(s);
  if (t.report.damaged || t.report.notes || t.report.incomplete) fail_msg("%s: %s: %s", when, t.name, t.first);
}

#define INCOMPLETE(s, collections, where, piece)                                                                       \
  do {                                                                                                                 \
    struct told incomplete_told = check(s);                                                                            \
    assert_int_equal(incomplete_told.report.damaged, collections);                                                     \
    assert_int_equal(incomplete_told.report.incomplete, collections);                                                  \
    assert_string_equal(incomplete_told.name, where);                                                                  \
    CONTAINS(incomplete_told.first, piece);                                                                            \
  } while (0)

/* ---- another program, by LMDB alone, in a process of its own */

struct act {
  const char *name, *id, *json; /* json NULL: the record is removed */
  bool marks;                   /* leaves a mark, so that nobody sees that it is a stranger's */
  const char *forget;           /* a key of META_DB that is removed */
};

static inline int act_in(MDB_txn *txn, const struct act *a) {
  unsigned char order[HF_ORDER_KEY_MAX], record[RECORD_HEADER + 200];
  char mark[MARK_SIZE + MARK_MORE_MOST];
  uint64_t number = mdb_txn_id(txn);
  MDB_dbi dbi, main_dbi;
  MDB_val k = {sizeof MARK_KEY - 1, (void *)(uintptr_t)MARK_KEY}, v;
  int rc = mdb_dbi_open(txn, NULL, 0, &main_dbi);
  if (!rc && a->marks && !(rc = mdb_get(txn, main_dbi, &k, &v))) {
    memcpy(mark, v.mv_data, v.mv_size);
    memcpy(mark, &number, sizeof number);
    v.mv_data = mark;
    rc = mdb_put(txn, main_dbi, &k, &v, 0);
  }
  if (!rc && a->forget) {
    rc = mdb_dbi_open(txn, META_DB, 0, &dbi);
    k = (MDB_val){strlen(a->forget), (void *)(uintptr_t)a->forget};
    return rc ? rc : mdb_del(txn, dbi, &k, NULL);
  }
  if (!rc) rc = mdb_dbi_open(txn, a->name, 0, &dbi);
  if (rc) return rc;
  k = (MDB_val){hf_order_key(hf_text(a->id), order), order};
  if (!a->json) return mdb_del(txn, dbi, &k, NULL);
  hf__lmdb_record_write(record, hf_text(a->id), hf_text(a->json), &(hf_info){.revision = 1, .updated_at = 1});
  v = (MDB_val){RECORD_HEADER + strlen(a->json), record};
  return mdb_put(txn, dbi, &k, &v, 0);
}

static inline int act_alone(const char *directory, const struct act *a) {
  MDB_env *env;
  MDB_txn *txn;
  int rc = mdb_env_create(&env);
  if (!rc) rc = mdb_env_set_maxdbs(env, 16);
  if (!rc) rc = mdb_env_open(env, directory, MDB_NOSYNC, 0666);
  if (!rc) rc = mdb_txn_begin(env, NULL, 0, &txn);
  if (!rc) rc = act_in(txn, a);
  return rc ? rc : mdb_txn_commit(txn);
}

static inline void as_stranger(const struct store *s, struct act a) {
  const char *directory = text_of("%s/store", s->directory);
  int status;
  fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (!pid) _exit(act_alone(directory, &a) ? 1 : 0);
  waitpid(pid, &status, 0);
  assert_int_equal(status, 0);
}

static inline void fill(const struct store *s, const char *name, int count) {
  hf_persist *p = open_persist(s, name);
  for (int i = 0; i < count; i++) write_text(p, text_of("id-%d", i), text_of("{\"n\":%d}", i));
  hf_persist_close(p);
}

#endif
