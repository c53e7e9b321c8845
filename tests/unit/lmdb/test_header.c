/* SPDX-License-Identifier: MIT
 *
 * The look at LMDB's two header pages before the file is mapped: each bit of them in turn, and what programs do to
 * files.  What cannot be told from the header alone must still not end the process at open.
 */
#include "../backends/lmdb/header_check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/support.h"

enum { PAGE = 4096, HEADER = 152 };

static const char *data_file(const struct store *s) { return text_of("%s/store/data.mdb", s->directory); }

/* A closed store of a few commits; the second header page is the newest one. */
static void make_store(const struct store *s, int commits) {
  hf_persist *p = open_persist(s, "signal");
  for (int i = 0; i < commits; i++) write_text(p, text_of("k%d", i), "{\"n\":1}");
  hf_persist_close(p);
}

static void flip(const char *path, off_t byte, int bit) {
  unsigned char c;
  int fd = open(path, O_RDWR);
  assert_int_equal(pread(fd, &c, 1, byte), 1);
  c ^= (unsigned char)(1 << bit);
  assert_int_equal(pwrite(fd, &c, 1, byte), 1);
  close(fd);
}

/* Opens and reads the store in a child: its exit code, 128 and more for a signal. */
static int open_in_child(const struct store *s) {
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    alarm(20);
    hf_error err;
    hf_persist *p;
    hf_buffer json = HF_BUFFER_INIT;
    if (hf_persist_open(hf_text("signal"), s->base, NULL, &p, &err)) _exit(3);
    hf_status status = hf_persist_read(p, hf_text("k0"), &json, NULL, &err);
    _exit(status == HF_OK ? 0 : status == HF_NOT_FOUND ? 1 : 2);
  }
  int result;
  assert_int_equal(waitpid(pid, &result, 0), pid);
  return WIFSIGNALED(result) ? 128 + WTERMSIG(result) : WEXITSTATUS(result);
}

static void a_flipped_bit_of_either_header_never_ends_the_process(void **state) {
  const struct store *s = *state;
  int found = 0, harmless = 0, older = 0;
  make_store(s, 6);
  assert_int_equal(open_in_child(s), 0);
  for (int page = 0; page < 2; page++)
    for (int bit = 0; bit < HEADER * 8; bit++) {
      off_t byte = (off_t)page * PAGE + bit / 8;
      flip(data_file(s), byte, bit % 8);
      hf_error err;
      int result = hf__lmdb_header_check(data_file(s), &err) == HF_OK ? open_in_child(s) : 2;
      if (result > 2) fail_msg("bit %d of header page %d: %d", bit, page, result);
      flip(data_file(s), byte, bit % 8);
      *(result == 0 ? &harmless : result == 1 ? &older : &found) += 1;
    }
  assert_true(found > 1200);
  assert_int_equal(open_in_child(s), 0);
}

static void headers_that_do_not_belong_together_are_corrupt(void **state) {
  const struct store *s = *state;
  hf_error err;
  char old[PAGE];
  make_store(s, 3);
  int fd = open(data_file(s), O_RDWR);
  for (int page = 0; page < 2; page++) {
    assert_int_equal(pread(fd, old, PAGE, page * PAGE), PAGE);
    make_store(s, 3); /* others may have written since a header was kept */
    char now[PAGE];
    assert_int_equal(pread(fd, now, PAGE, page * PAGE), PAGE);
    OK(hf__lmdb_header_check(data_file(s), &err));
    assert_int_equal(pwrite(fd, old, PAGE, page * PAGE), PAGE);
    FAILS(HF_CORRUPT, hf__lmdb_header_check(data_file(s), &err));
    CONTAINS(err.message, "do not belong together");
    assert_int_equal(pwrite(fd, now, PAGE, page * PAGE), PAGE);
  }
  close(fd);
  OK(hf__lmdb_header_check(data_file(s), &err));
}

/* LMDB puts the number of the commit before back when the writing of a header fails, and the last page, but not the
 * trees: those of the commit that failed may lie beyond. */
static void a_header_that_could_not_be_written_is_no_damage(void **state) {
  enum { LAST_PAGE = 136, MAIN_ROOT = 128 }; /* in a header page */
  const struct store *s = *state;
  hf_error err;
  uint64_t last, beyond;
  make_store(s, 6);
  for (int page = 0; page < 2; page++) {
    uint64_t root, commits[2];
    int fd = open(data_file(s), O_RDWR);
    for (int i = 0; i < 2; i++) assert_int_equal(pread(fd, &commits[i], 8, i * PAGE + LAST_PAGE + 8), 8);
    assert_int_equal(pread(fd, &last, 8, page * PAGE + LAST_PAGE), 8);
    assert_int_equal(pread(fd, &root, 8, page * PAGE + MAIN_ROOT), 8);
    beyond = last + 3;
    assert_int_equal(pwrite(fd, &beyond, 8, page * PAGE + MAIN_ROOT), 8);
    hf_status status = hf__lmdb_header_check(data_file(s), &err);
    assert_int_equal(status, commits[page] < commits[!page] ? HF_OK : HF_CORRUPT);
    if (status == HF_OK) assert_int_equal(open_in_child(s), 0);
    assert_int_equal(pwrite(fd, &root, 8, page * PAGE + MAIN_ROOT), 8);
    close(fd);
  }
}

/* The check is not fooled by a writer that commits meanwhile. */
static void a_file_that_is_being_written_passes(void **state) {
  const struct store *s = *state;
  hf_error err;
  make_store(s, 1);
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    hf_persist *p;
    hf_options fast = HF_OPTIONS_INIT;
    fast.durability = HF_DURABILITY_NOSYNC;
    if (hf_persist_open(hf_text("signal"), s->base, &fast, &p, NULL)) _exit(1);
    alarm(20);
    for (;;)
      if (hf_persist_write(p, hf_text("k0"), hf_text("2"), NULL, NULL, NULL)) _exit(1);
  }
  for (int i = 0; i < 3000; i++) {
    hf_status status = hf__lmdb_header_check(data_file(s), &err);
    if (status) {
      kill(pid, SIGKILL);
      fail_msg("look %d: %s", i, err.message);
    }
  }
  int result;
  assert_int_equal(waitpid(pid, &result, WNOHANG), 0); /* it still writes */
  kill(pid, SIGKILL);
  waitpid(pid, &result, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(a_flipped_bit_of_either_header_never_ends_the_process),
      ON_LMDB(headers_that_do_not_belong_together_are_corrupt),
      ON_LMDB(a_header_that_could_not_be_written_is_no_damage),
      ON_LMDB(a_file_that_is_being_written_passes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
