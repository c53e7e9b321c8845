/* SPDX-License-Identifier: MIT
 *
 * Each field of LMDB's header pages, with values that cannot be: what is said of it, before LMDB sees it.
 */
#include "../backends/lmdb/header_check.h"

#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include "unit/support.h"

enum { PAGE = 4096 };

/* Where the fields are in a header page. */
enum {
  NUMBER = 0,
  FLAGS = 10,
  MAGIC = 16,
  VERSION = 20,
  ADDRESS = 24,
  PAGE_SIZE = 40,
  FREE_DEPTH = 46,
  MAIN_DEPTH = 94,
  BRANCH = 96,
  LEAF = 104,
  OVERFLOW = 112,
  ROOT = 128,
  LAST_PAGE = 136,
  COMMIT = 144
};

/* In place of a value: what is there, and so much more. */
#define MORE(n) ((uint64_t)1 << 62 | (n))

static const struct row {
  int page, at, size;
  uint64_t value;
  const char *problem;
} rows[] = {
    {0, MAGIC, 4, 1, "is not an LMDB file"},
    {1, MAGIC, 4, 1, "it is not a header in its second"},
    {0, NUMBER, 8, 1, "it is not a header in its first"},
    {1, NUMBER, 8, 3, "it is not a header in its second"},
    {0, FLAGS, 2, 0, "it is not a header in its first"},
    {1, FLAGS, 2, 2, "it is not a header in its second"},
    {0, VERSION, 4, 2, "its version is not LMDB 0.9's in its first"},
    {1, VERSION, 4, 999, "its version is not LMDB 0.9's in its second"},
    {0, PAGE_SIZE, 4, 0, "states a page size of 0 bytes"},
    {0, PAGE_SIZE, 4, 256, "states a page size of 256 bytes"},
    {0, PAGE_SIZE, 4, 4095, "states a page size of 4095 bytes"},
    {0, PAGE_SIZE, 4, 131072, "states a page size of 131072 bytes"},
    {1, PAGE_SIZE, 4, 8192, "it states another page size"},
    {0, COMMIT, 8, MORE(1), "its commit's number belongs on the other page in its first"},
    {1, COMMIT, 8, MORE(1), "its commit's number belongs on the other page in its second"},
    {0, COMMIT, 8, MORE(4), "do not belong together"},
    {1, COMMIT, 8, MORE(4), "do not belong together"},
    {1, ADDRESS, 8, 4096, "it wants a fixed address"},
    {1, LAST_PAGE, 8, 0, "its last page cannot be"},
    {0, LAST_PAGE, 8, (uint64_t)1 << 48, "its last page cannot be"},
    {1, ROOT, 8, 1, "it refers to a page that cannot be"},
    {1, ROOT, 8, 1 << 20, "it refers to a page that cannot be"},
    {0, ROOT, 8, (uint64_t)1 << 49, "it refers to a page that cannot be"},
    {1, ROOT, 8, UINT64_MAX, "it counts entries of a tree that has no root"},
    {1, MAIN_DEPTH, 2, 0, "the depth of a tree cannot be"},
    {0, MAIN_DEPTH, 2, 33, "the depth of a tree cannot be"},
    {0, FREE_DEPTH, 2, 33, "the depth of a tree cannot be"},
    {1, LEAF, 8, 0, "it counts pages that cannot be"},
    {1, LEAF, 8, 1 << 20, "it counts pages that cannot be"},
    {1, BRANCH, 8, 1 << 20, "it counts pages that cannot be"},
    {1, OVERFLOW, 8, 1 << 20, "it counts pages that cannot be"},
    {0, OVERFLOW, 8, (uint64_t)1 << 49, "it counts pages that cannot be"},
};

/* A closed store of a few commits, with pages that were given back. */
static const char *make_store(const struct store *s) {
  hf_persist *p = open_persist(s, "signal");
  for (int i = 0; i < 6; i++) write_text(p, text_of("k%d", i), "{\"n\":1}");
  hf_persist_close(p);
  return text_of("%s/store/data.mdb", s->directory);
}

static void look_at(const struct store *s, const char *path, const char *problem) {
  hf_error err;
  hf_persist *p;
  FAILS(HF_CORRUPT, hf__lmdb_header_check(path, &err));
  CONTAINS(err.message, problem);
  /* Opening asks before LMDB does. */
  OK(hf_persist_open(hf_text("signal"), s->base, NULL, &p, &err));
  FAILS(HF_CORRUPT, hf_persist_init(p, &err));
  CONTAINS(err.message, problem);
  hf_persist_close(p);
}

static void each_field_of_a_header_is_looked_at(void **state) {
  const struct store *s = *state;
  const char *path = make_store(s);
  int fd = open(path, O_RDWR);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const struct row *r = &rows[i];
    uint64_t old = 0, now = r->value;
    off_t at = (off_t)r->page * PAGE + r->at;
    assert_int_equal(pread(fd, &old, (size_t)r->size, at), r->size);
    if (now >> 62 == 1) now = old + (now & 0xff);
    assert_int_equal(pwrite(fd, &now, (size_t)r->size, at), r->size);
    look_at(s, path, r->problem);
    assert_int_equal(pwrite(fd, &old, (size_t)r->size, at), r->size);
  }
  close(fd);
  hf_error err;
  OK(hf__lmdb_header_check(path, &err));
}

/* LMDB leaves that when the writing of a header fails: the trees of the commit that failed, and the last page of the
 * one before. */
static void the_older_header_may_refer_to_pages_beyond_its_last(void **state) {
  const struct store *s = *state;
  static const int fields[] = {ROOT, BRANCH, LEAF, OVERFLOW};
  const char *path = make_store(s);
  int fd = open(path, O_RDWR);
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    hf_error err;
    uint64_t beyond = 1 << 20;
    assert_int_equal(pwrite(fd, &beyond, sizeof beyond, fields[i]), sizeof beyond);
    OK(hf__lmdb_header_check(path, &err));
  }
  close(fd);
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "k0", "{\"n\":2}");
  hf_persist_close(p);
}

static void a_file_that_is_cut_off_is_corrupt(void **state) {
  const struct store *s = *state;
  static const struct {
    off_t size;
    const char *problem;
  } cuts[] = {{2 * PAGE, "is cut off: it has 2 pages"},
              {PAGE + 100, "is cut off: it ends in its second header page"},
              {100, "is not an LMDB file"},
              {0, "is empty: put a backup in its place"}};
  const char *path = make_store(s);
  for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
    assert_int_equal(truncate(path, cuts[i].size), 0);
    look_at(s, path, cuts[i].problem);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(each_field_of_a_header_is_looked_at),
      ON_LMDB(the_older_header_may_refer_to_pages_beyond_its_last),
      ON_LMDB(a_file_that_is_cut_off_is_corrupt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
