/* SPDX-License-Identifier: MIT
 *
 * Compact copies of data files with trees of all kinds that LMDB has, made with LMDB alone: the copy has the same
 * entries by LMDB's own word, and LMDB goes on from its number.
 */
#include "../backends/lmdb/page_copy.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>

#include "holdfast/backend.h"
#include "unit/support.h"

#define LMDB(call) assert_int_equal(call, 0)

static const struct kind {
  const char *name;
  unsigned flags;
} KINDS[] = {{"plain", 0},
             {"integers", MDB_INTEGERKEY},
             {"values", MDB_DUPSORT},
             {"fixed", MDB_DUPSORT | MDB_DUPFIXED},
             {"backwards", MDB_REVERSEKEY}};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

static MDB_env *open_env(const char *folder, unsigned flags) {
  MDB_env *env;
  mkdir(folder, 0777);
  LMDB(mdb_env_create(&env));
  LMDB(mdb_env_set_maxdbs(env, 16));
  LMDB(mdb_env_set_mapsize(env, 256 << 20));
  LMDB(mdb_env_open(env, folder, flags | MDB_NOSYNC, 0666));
  return env;
}

static void put(MDB_txn *txn, MDB_dbi dbi, const void *key, size_t key_size, const void *value, size_t size) {
  MDB_val k = {key_size, (void *)(uintptr_t)key}, v = {size, (void *)(uintptr_t)value};
  LMDB(mdb_put(txn, dbi, &k, &v, 0));
}

/* Some thousand entries of each kind, with values on pages of their own among them. */
static void fill(MDB_txn *txn, MDB_dbi dbi, unsigned flags, size_t from, size_t to) {
  static char big[100000];
  for (size_t i = from; i < to; i++) {
    char key[32];
    size_t number = i, size = (size_t)snprintf(key, sizeof key, "key %06zu", i * 7919 % 100000);
    if (flags & MDB_INTEGERKEY) {
      memset(big, (int)i, sizeof big);
      put(txn, dbi, &number, sizeof number, big, i % 50 == 0 ? 5000 + i * 10 % 90000 : i % 300);
    } else if (flags & MDB_DUPSORT) {
      size_t of = i % 40 ? i % 7 : 100 + i; /* a few keys with many values, and some with one */
      snprintf(key, sizeof key, "many %zu", of);
      put(txn, dbi, key, strlen(key), &number, sizeof number);
    } else {
      memset(big, 'a' + (int)(i % 26), sizeof big);
      put(txn, dbi, key, size, big, i % 97 == 0 ? 4000 + i * 20 % 90000 : i % 400);
    }
  }
}

static void make(const char *folder, unsigned commits) {
  MDB_env *env = open_env(folder, 0);
  for (unsigned n = 0; n < commits; n++) {
    MDB_txn *txn;
    LMDB(mdb_txn_begin(env, NULL, 0, &txn));
    for (unsigned i = 0; i < KIND_COUNT; i++) {
      MDB_dbi dbi;
      LMDB(mdb_dbi_open(txn, KINDS[i].name, KINDS[i].flags | MDB_CREATE, &dbi));
      fill(txn, dbi, KINDS[i].flags, n * 400, n * 400 + 900);
      if (n % 3 == 2 && i == n % KIND_COUNT) LMDB(mdb_drop(txn, dbi, 0));
    }
    MDB_dbi empty, main_dbi;
    LMDB(mdb_dbi_open(txn, "empty", MDB_CREATE, &empty));
    LMDB(mdb_dbi_open(txn, NULL, 0, &main_dbi));
    put(txn, main_dbi, "its own", 7, "value", 5);
    LMDB(mdb_txn_commit(txn));
  }
  mdb_env_close(env);
}

/* A hash over all entries of all trees, as LMDB reads them; *entries counts. */
static uint64_t hash_of(const char *folder, size_t *entries, size_t *commit) {
  MDB_env *env = open_env(folder, MDB_RDONLY);
  MDB_txn *txn;
  uint64_t hash = 14695981039346656037U;
  *entries = 0;
  LMDB(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn));
  *commit = mdb_txn_id(txn);
  for (unsigned i = 0; i < KIND_COUNT; i++) {
    MDB_dbi dbi;
    MDB_cursor *c;
    MDB_val k, v;
    LMDB(mdb_dbi_open(txn, KINDS[i].name, KINDS[i].flags, &dbi));
    LMDB(mdb_cursor_open(txn, dbi, &c));
    while (mdb_cursor_get(c, &k, &v, MDB_NEXT) == 0) {
      ++*entries;
      for (size_t n = 0; n < k.mv_size; n++) hash = (hash ^ ((unsigned char *)k.mv_data)[n]) * 1099511628211U;
      for (size_t n = 0; n < v.mv_size; n++) hash = (hash ^ ((unsigned char *)v.mv_data)[n]) * 1099511628211U;
    }
    mdb_cursor_close(c);
  }
  mdb_txn_abort(txn);
  mdb_env_close(env);
  return hash;
}

static hf_status copy_to(const char *from, const char *to, uint64_t above, hf_error *err) {
  struct hf__lmdb_page_file file;
  struct hf__lmdb_header h[2];
  mkdir(to, 0777);
  int in = open(text_of("%s/data.mdb", from), O_RDONLY);
  int out = open(text_of("%s/data.mdb", to), O_RDWR | O_CREAT | O_TRUNC, 0666);
  assert_true(in >= 0 && out >= 0);
  hf_status status = hf__lmdb_page_file_open(in, &file, err);
  assert_true(hf__lmdb_read_header(&file, 0, &h[0]) && hf__lmdb_read_header(&file, 1, &h[1]));
  const struct hf__lmdb_header *view = &h[h[1].commit > h[0].commit];
  struct hf__lmdb_copy copy = {.file = &file, .view = view, .commit = view->commit + above, .fd = out};
  if (status == HF_OK) status = hf__lmdb_copy_pages(&copy, err);
  close(in);
  close(out);
  return status;
}

static bool tell(void *arg, const struct hf__lmdb_finding *f) {
  (void)arg;
  char text[400];
  hf__lmdb_finding_text(f, text, sizeof text);
  FAIL_AT(__FILE__, __LINE__, "in the copy: %s", text);
  return false;
}

/* Walks the copy: nothing is wrong, nothing is free and nothing lost. */
static void check_sound(const char *folder, size_t commit) {
  hf_error err;
  struct hf__lmdb_page_file file;
  struct hf__lmdb_header h[2];
  struct hf__lmdb_totals totals;
  int fd = open(text_of("%s/data.mdb", folder), O_RDONLY);
  OK(hf__lmdb_page_file_open(fd, &file, &err));
  for (unsigned i = 0; i < 2; i++) assert_true(hf__lmdb_read_header(&file, i, &h[i]));
  assert_int_equal(h[commit % 2].commit, commit);
  assert_int_equal(h[!(commit % 2)].commit, commit - 1);
  for (unsigned i = 0; i < 2; i++) {
    struct hf__lmdb_walk walk = {.file = &file, .view = &h[i], .found = tell};
    OK(hf__lmdb_walk_run(&walk, &totals, &err));
    hf__lmdb_walk_free(&walk);
    assert_int_equal(totals.free, 0);
    assert_int_equal(totals.lost, 0);
    assert_int_equal(file.pages, totals.branch + totals.leaf + totals.overflow + 2);
  }
  close(fd);
}

static void a_copy_has_the_same_entries_and_goes_on_counting(void **state) {
  (void)state;
  hf_error err;
  for (unsigned commits = 1; commits <= 4; commits++)
    for (unsigned above = 0; above <= 1; above++) {
      char *folder = new_directory();
      char from[4200], to[4200];
      size_t entries, entries_there, commit, commit_there;
      snprintf(from, sizeof from, "%s/from", folder);
      snprintf(to, sizeof to, "%s/to", folder);
      make(from, commits);
      uint64_t hash = hash_of(from, &entries, &commit);
      assert_int_equal(commit, commits);
      assert_true(entries > 1000);
      OK(copy_to(from, to, above, &err));
      check_sound(to, commits + above);
      assert_true(hash_of(to, &entries_there, &commit_there) == hash);
      assert_int_equal(entries_there, entries);
      assert_int_equal(commit_there, commits + above);

      MDB_env *env = open_env(to, 0); /* LMDB writes to it, with the next number */
      MDB_txn *txn;
      MDB_dbi dbi;
      LMDB(mdb_txn_begin(env, NULL, 0, &txn));
      assert_int_equal(mdb_txn_id(txn), commits + above + 1);
      LMDB(mdb_dbi_open(txn, "plain", 0, &dbi));
      fill(txn, dbi, 0, 5000, 9000);
      LMDB(mdb_txn_commit(txn));
      mdb_env_close(env);
      hash_of(to, &entries_there, &commit_there);
      assert_int_equal(commit_there, commits + above + 1);
      assert_true(entries_there > entries);
      remove_directory(folder);
    }
}

static void a_damaged_file_is_not_copied(void **state) {
  (void)state;
  hf_error err;
  char *folder = new_directory();
  char from[4200], to[4200];
  snprintf(from, sizeof from, "%s/from", folder);
  snprintf(to, sizeof to, "%s/to", folder);
  make(from, 3);
  OK(copy_to(from, to, 0, &err));
  FILE *file = fopen(text_of("%s/data.mdb", to), "r+b");
  unsigned char zeros[4096] = {0};
  fseek(file, 10 * 4096, SEEK_SET);
  fwrite(zeros, 1, sizeof zeros, file);
  fclose(file);
  char again[4200];
  snprintf(again, sizeof again, "%s/again", folder);
  FAILS(HF_CORRUPT, copy_to(to, again, 0, &err));
  CONTAINS(err.message, "the store is damaged: page ");
  remove_directory(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_copy_has_the_same_entries_and_goes_on_counting),
      cmocka_unit_test(a_damaged_file_is_not_copied),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
