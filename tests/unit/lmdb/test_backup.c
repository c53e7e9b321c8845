/* SPDX-License-Identifier: MIT
 *
 * Backups of LMDB stores, stores made of them, and room given back: what goes with it, how revisions go on, what is
 * refused, and what happens to who has a store open.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../backends/lmdb/backup_trailer.h"
#include "holdfast/backend.h"
#include "unit/support.h"

static const char *file_of(const struct store *s) { return text_of("%s/backup", s->directory); }
static const char *other_of(const struct store *s) { return text_of("lmdb:%s/other?durability=nosync", s->directory); }
static const char *data_of(const struct store *s) { return text_of("%s/store/data.mdb", s->directory); }

static hf_store *open_store(const char *base) {
  hf_error err;
  hf_store *store;
  OK(hf_store_open(base, NULL, &store, &err));
  return store;
}

static const char *stat_of(const char *base) {
  static hf_buffer json = HF_BUFFER_INIT;
  hf_error err;
  hf_store *store = open_store(base);
  OK(hf_store_stat(store, &json, &err));
  hf_store_close(store);
  return json.data;
}

static uint64_t revision_of(const char *base) {
  const char *at = strstr(stat_of(base), "\"revision\":");
  return strtoull(at + strlen("\"revision\":"), NULL, 10);
}

static off_t size_of(const char *path) {
  struct stat st;
  return stat(path, &st) ? -1 : st.st_size;
}

static off_t room_of(const char *path) {
  struct stat st;
  return stat(path, &st) ? -1 : st.st_blocks * 512;
}

/* 400 entities, of which 300 go again, one that is large, and a setting. */
static void fill(const struct store *s) {
  hf_error err;
  char text[2000];
  hf_persist *p = open_persist(s, "signal"), *q = open_persist(s, "risk");
  hf_store *store = open_store(s->base);
  hf_setting_value note = {.name = "note", .value = "the live bot"};
  OK(hf_store_settings_set(store, &note, 1, &err));
  snprintf(text, sizeof text, "\"%01900d\"", 7);
  hf_txn *txn;
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  for (int i = 0; i < 400; i++) write_text(p, text_of("k%d", i), text);
  OK(hf_txn_commit(txn, &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  for (int i = 100; i < 400; i++) OK(hf_persist_remove(p, hf_text(text_of("k%d", i)), &err));
  OK(hf_txn_commit(txn, &err));
  char *big = malloc(300001);
  memset(big, '1', 300000);
  big[300000] = '\0';
  write_text(q, "big", big);
  free(big);
  write_text(q, "main", "{\"n\":1}");
  hf_store_close(store);
  hf_persist_close(p);
  hf_persist_close(q);
}

static void backup(const struct store *s, hf_backup_report *report) {
  hf_error err;
  hf_store *store = open_store(s->base);
  OK(hf_store_backup(store, file_of(s), NULL, NULL, report, &err));
  hf_store_close(store);
}

static bool find_damage(void *arg, const hf_finding *f) {
  (void)arg;
  FAIL_AT(__FILE__, __LINE__, "found: %s", f->problem);
  return false;
}

static void check_store(const char *base) {
  hf_error err;
  hf_check_report report;
  OK(hf_store_check(base, NULL, find_damage, NULL, &report, &err));
  assert_int_equal(report.entities, 102);
}

static void a_store_made_of_a_backup_is_the_same_and_goes_on(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_backup_report made, restored;
  hf_info info;
  for (int odd = 0; odd < 2; odd++) {
    fill(s);
    if (odd) write_text(open_persist(s, "risk"), "one more", "1");
    hf_persist *q = open_persist(s, "risk");
    OK(hf_persist_remove(q, hf_text(odd ? "one more" : "main"), &err));
    write_text(q, "main", "{\"n\":2}");
    hf_persist_close(q);
    uint64_t revision = revision_of(s->base);
    backup(s, &made);
    assert_int_equal(made.revision, revision);
    assert_int_equal(made.bytes, size_of(file_of(s)));
    assert_true(hf_now_ms() - made.at < 60000 && made.at <= hf_now_ms());
    OK(hf_store_restore(file_of(s), other_of(s), NULL, NULL, NULL, &restored, &err));
    assert_int_equal(restored.revision, revision);
    assert_int_equal(restored.at, made.at);
    assert_int_equal(revision_of(other_of(s)), revision);
    assert_int_equal(size_of(text_of("%s/other/data.mdb", s->directory)), made.bytes - BACKUP_TRAILER_SIZE);
    check_store(other_of(s));
    CONTAINS(stat_of(other_of(s)), "\"note\":\"the live bot\"");
    assert_null(strstr(stat_of(other_of(s)), "\"gaps\":{\"count\":1"));
    hf_persist *p;
    OK(hf_persist_open(hf_text("risk"), other_of(s), NULL, &p, &err));
    assert_entity(p, "main", "{\"n\":2}");
    OK(hf_persist_write(p, hf_text("main"), hf_text("3"), NULL, &info, &err));
    assert_int_equal(info.revision, revision + 1); /* one that no entity of before had */
    hf_persist_close(p);
    check_store(other_of(s));
    OK(hf_persist_open(hf_text("signal"), other_of(s), NULL, &p, &err));
    assert_int_equal(count_of(p), 100);
    hf_persist_close(p);
    assert_int_equal(system(text_of("rm -r %s/other %s/store", s->directory, s->directory)), 0);
  }
}

/* A backup is a data file, too: its end is beyond the last page, where LMDB does not look, and writes over it. */
static void a_backup_can_be_put_in_place_by_hand(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_backup_report made;
  fill(s);
  backup(s, &made);
  assert_int_equal(system(text_of("mkdir %s/other && cp %s %s/other/data.mdb", s->directory, file_of(s), s->directory)),
                   0);
  check_store(other_of(s));
  hf_persist *p;
  OK(hf_persist_open(hf_text("risk"), other_of(s), NULL, &p, &err));
  for (int i = 0; i < 50; i++) OK(hf_persist_write(p, hf_text("main"), hf_text("3"), NULL, NULL, &err));
  hf_persist_close(p);
  check_store(other_of(s));
  assert_int_equal(revision_of(other_of(s)), made.revision + 50);
}

static void a_backup_is_never_made_where_it_would_harm(void **state) {
  const struct store *s = *state;
  hf_error err;
  fill(s);
  hf_store *store = open_store(s->base);
  FAILS(HF_INVALID_ARGUMENT, hf_store_backup(store, data_of(s), NULL, NULL, NULL, &err));
  CONTAINS(err.message, "is a store's own");
  FAILS(HF_INVALID_ARGUMENT, hf_store_backup(store, text_of("%s/lock.mdb", s->directory), NULL, NULL, NULL, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_store_backup(store, s->directory, NULL, NULL, NULL, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_store_backup(store, "/dev/null", NULL, NULL, NULL, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_store_backup(store, text_of("%s/no/b", s->directory), NULL, NULL, NULL, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_store_backup(store, "", NULL, NULL, NULL, &err));
  hf_txn *txn;
  OK(hf_txn_begin(HF_TXN_READ, &txn, &err));
  FAILS(HF_UNSUPPORTED, hf_store_backup(store, file_of(s), NULL, NULL, NULL, &err));
  hf_txn_abort(txn);
  hf_store_close(store);
  FAILS(HF_INVALID_ARGUMENT, hf_store_restore(s->directory, s->base, NULL, NULL, NULL, NULL, &err));
  FAILS(HF_NOT_FOUND, hf_store_restore(file_of(s), other_of(s), NULL, NULL, NULL, NULL, &err));
  OK(hf_store_open(s->base, NULL, &store, &err));
  OK(hf_store_backup(store, file_of(s), NULL, NULL, NULL, &err));
  hf_store_close(store);
  FAILS(HF_CONFLICT, hf_store_restore(file_of(s), s->base, NULL, NULL, NULL, NULL, &err));
  CONTAINS(err.message, "there is a store at");
  check_store(s->base);
}

/* Stops at the nth call. */
static bool count_down(void *arg, uint64_t done, uint64_t total) {
  assert_true(done <= total);
  return --*(int *)arg > 0;
}

static void what_is_stopped_has_changed_nothing(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_backup_report report;
  fill(s);
  backup(s, &report);
  hf_store *store = open_store(s->base);
  write_text(open_persist(s, "risk"), "later", "1");
  int left = 2;
  FAILS(HF_BUSY, hf_store_backup(store, file_of(s), count_down, &left, NULL, &err));
  hf_store_close(store);
  assert_int_equal(size_of(file_of(s)), report.bytes); /* the one of before */
  left = 1;
  FAILS(HF_BUSY, hf_store_restore(file_of(s), other_of(s), NULL, count_down, &left, NULL, &err));
  assert_int_equal(size_of(text_of("%s/other/data.mdb", s->directory)), -1);
  assert_int_equal(system(text_of("test $(ls -A %s/other | wc -l) = 0", s->directory)), 0);
  OK(hf_store_restore(file_of(s), other_of(s), NULL, NULL, NULL, NULL, &err));
}

/* The backup as bytes. */
static unsigned char *read_backup(const struct store *s, size_t *size) {
  FILE *file = fopen(file_of(s), "rb");
  *size = (size_t)size_of(file_of(s));
  unsigned char *bytes = malloc(*size);
  assert_int_equal(fread(bytes, 1, *size, file), *size);
  fclose(file);
  return bytes;
}

static void refuse(const struct store *s, const unsigned char *bytes, size_t size, hf_status status,
                   const char *message) {
  hf_error err;
  FILE *file = fopen(file_of(s), "wb");
  if (size) assert_int_equal(fwrite(bytes, 1, size, file), size);
  fclose(file);
  FAILS(status, hf_store_restore(file_of(s), other_of(s), NULL, NULL, NULL, NULL, &err));
  CONTAINS(err.message, message);
  assert_int_equal(size_of(text_of("%s/other/data.mdb", s->directory)), -1);
}

static void a_backup_that_was_cut_or_changed_is_refused(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_backup_report report;
  size_t size;
  fill(s);
  backup(s, &report);
  unsigned char *bytes = read_backup(s, &size);
  for (size_t n = 0; n < size; n += 4096) refuse(s, bytes, n, HF_CORRUPT, n ? "cut off" : "too short");
  for (size_t n = size - BACKUP_TRAILER_SIZE; n < size; n++) refuse(s, bytes, n, HF_CORRUPT, "cut off");
  for (size_t n = 0; n < size; n += n < 8192 ? 509 : 9001) {
    bytes[n] ^= (unsigned char)(1 << n % 8);
    refuse(s, bytes, size, HF_CORRUPT, n < size - BACKUP_TRAILER_SIZE ? "changed since" : "");
    bytes[n] ^= (unsigned char)(1 << n % 8);
  }
  for (size_t n = size - BACKUP_TRAILER_SIZE; n < size; n++) {
    bytes[n] ^= 4;
    refuse(s, bytes, size, HF_CORRUPT, "");
    bytes[n] ^= 4;
  }
  unsigned char *longer = malloc(size + 4096); /* a page more before the end */
  memcpy(longer, bytes, size - BACKUP_TRAILER_SIZE);
  memset(longer + size - BACKUP_TRAILER_SIZE, 0, 4096);
  memcpy(longer + size + 4096 - BACKUP_TRAILER_SIZE, bytes + size - BACKUP_TRAILER_SIZE, BACKUP_TRAILER_SIZE);
  refuse(s, longer, size + 4096, HF_CORRUPT, "and should have");
  struct hf__lmdb_trailer trailer;
  OK(hf__lmdb_trailer_read(bytes + size - BACKUP_TRAILER_SIZE, size, &trailer, &err));
  assert_int_equal(trailer.revision, report.revision);
  FILE *file = fopen(file_of(s), "wb");
  fwrite(bytes, 1, size, file);
  fclose(file);
  OK(hf_store_restore(file_of(s), other_of(s), NULL, NULL, NULL, NULL, &err));
  check_store(other_of(s));
  free(longer);
  free(bytes);
}

static void a_damaged_store_is_not_backed_up(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_backup_report report;
  fill(s);
  backup(s, &report);
  hf_store *store = open_store(s->base);
  int fd = open(data_of(s), O_RDWR);
  unsigned char zeros[4096] = {0};
  for (int page = 30; page < 200; page++) assert_int_equal(pwrite(fd, zeros, sizeof zeros, page * 4096), 4096);
  close(fd);
  FAILS(HF_CORRUPT, hf_store_backup(store, file_of(s), NULL, NULL, NULL, &err));
  CONTAINS(err.message, "the store is damaged: page ");
  hf_store_close(store);
  assert_int_equal(size_of(file_of(s)), report.bytes);
  OK(hf_store_restore(file_of(s), other_of(s), NULL, NULL, NULL, NULL, &err));
}

/* ---- room */

static void a_store_that_nobody_has_open_gets_a_compact_file(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_compact_report report;
  fill(s);
  for (int again = 0; again < 2; again++) {
    uint64_t revision = revision_of(s->base);
    struct stat before, after;
    chmod(data_of(s), 0640);
    stat(data_of(s), &before);
    OK(hf_store_compact(s->base, NULL, NULL, &report, &err));
    stat(data_of(s), &after);
    assert_true(report.is_exchanged && !*report.reason);
    assert_true(before.st_ino != after.st_ino && (after.st_mode & 0777) == 0640);
    assert_true(report.before >= report.after && report.after <= 4096 * 200);
    assert_int_equal(revision_of(s->base), revision + 1);
    assert_null(strstr(stat_of(s->base), "\"gaps\":{\"count\":1"));
    check_store(s->base);
    assert_int_equal(system(text_of("test $(ls -A %s/store | wc -l) = 2", s->directory)), 0);
    hf_persist *p = open_persist(s, "risk");
    for (int i = 0; i < again + 1; i++) write_text(p, "main", "2");
    hf_persist_close(p);
    assert_int_equal(revision_of(s->base), revision + 2 + (uint64_t)again);
    check_store(s->base);
  }
}

static void a_store_that_is_open_here_is_left_alone(void **state) {
  const struct store *s = *state;
  hf_error err;
  fill(s);
  hf_store *store = open_store(s->base);
  FAILS(HF_BUSY, hf_store_compact(s->base, NULL, NULL, NULL, &err));
  hf_store_close(store);
  FAILS(HF_READONLY, hf_store_compact(text_of("%s&readonly=1", s->base), NULL, NULL, NULL, &err));
  OK(hf_store_compact(s->base, NULL, NULL, NULL, &err));
}

/* Another process that has the store open, in a snapshot or not, and says what it sees when it is told to go on. */
struct other {
  pid_t pid;
  int go[2], done[2];
};

static void wait_byte(int fd) {
  char c;
  if (read(fd, &c, 1) != 1) _exit(3);
}

/* Reads all, writes one more, and reads all again. */
static int be_other(const struct store *s, const struct other *o, bool in_snapshot) {
  hf_error err;
  hf_persist *p;
  hf_txn *txn = NULL;
  uint64_t n = 0;
  hf_buffer json = HF_BUFFER_INIT;
  if (hf_persist_open(hf_text("signal"), s->base, NULL, &p, &err)) return 4;
  if (in_snapshot && hf_txn_begin(HF_TXN_READ, &txn, &err)) return 5;
  if (hf_persist_count(p, &n, &err) || n != 400) return 6;
  if (write(o->done[1], "a", 1) != 1) return 7;
  wait_byte(o->go[0]);
  uint64_t expected = in_snapshot ? 400 : 100;
  if (hf_persist_count(p, &n, &err) || n != expected) return 8;
  for (uint64_t i = 0; i < expected; i++)
    if (hf_persist_read(p, hf_text(text_of("k%d", (int)i)), &json, NULL, &err) || json.size != 1902) return 9;
  hf_txn_abort(txn);
  if (hf_persist_write(p, hf_text("other"), hf_text("1"), NULL, NULL, &err)) return 10;
  if (hf_persist_count(p, &n, &err) || n != 101) return 11;
  hf_persist_close(p);
  return 0;
}

static void begin_other(const struct store *s, struct other *o, bool in_snapshot) {
  assert_int_equal(pipe(o->go) || pipe(o->done), 0);
  o->pid = fork();
  assert_true(o->pid >= 0);
  if (!o->pid) {
    close(o->go[1]); /* its end is the end of the test */
    _exit(be_other(s, o, in_snapshot));
  }
  char c;
  assert_int_equal(read(o->done[0], &c, 1), 1);
}

static void end_other(const struct other *o) {
  int status;
  assert_int_equal(write(o->go[1], "a", 1), 1);
  waitpid(o->pid, &status, 0);
  assert_int_equal(status, 0);
  for (int i = 0; i < 2; i++) {
    close(o->go[i]);
    close(o->done[i]);
  }
}

static void fill_400(const struct store *s) {
  hf_error err;
  char text[2000];
  hf_persist *p = open_persist(s, "signal");
  snprintf(text, sizeof text, "\"%01900d\"", 7);
  hf_txn *txn;
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  for (int i = 0; i < 400; i++) write_text(p, text_of("k%d", i), text);
  OK(hf_txn_commit(txn, &err));
  hf_persist_close(p);
}

static void remove_300(const struct store *s) {
  hf_error err;
  hf_persist *p = open_persist(s, "signal");
  hf_txn *txn;
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  for (int i = 100; i < 400; i++) OK(hf_persist_remove(p, hf_text(text_of("k%d", i)), &err));
  OK(hf_txn_commit(txn, &err));
  for (int i = 0; i < 3; i++) { /* so that what was given back is older than the newest */
    OK(hf_persist_write(p, hf_text("more"), hf_text("1"), NULL, NULL, &err));
    OK(hf_persist_remove(p, hf_text("more"), &err));
  }
  hf_persist_close(p);
}

/* Who has it open keeps the file; free pages are given back, but those that somebody reads. */
static void under_another_process_free_pages_are_given_back(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_compact_report report;
  struct stat before, after;
  for (int in_snapshot = 0; in_snapshot < 2; in_snapshot++) {
    struct other o;
    fill_400(s);
    OK(hf_store_compact(s->base, NULL, NULL, &report, &err));
    assert_true(report.is_exchanged);
    begin_other(s, &o, in_snapshot);
    remove_300(s);
    stat(data_of(s), &before);
    if (in_snapshot) {
      const char *stat = stat_of(s->base);
      CONTAINS(stat, text_of("\"oldestReader\":{\"pid\":%ld,\"process\":\"process %ld (", (long)o.pid, (long)o.pid));
      CONTAINS(stat, "\"commitsSince\":7}");
    }
    OK(hf_store_compact(s->base, NULL, NULL, &report, &err));
    stat(data_of(s), &after);
    assert_false(report.is_exchanged);
    CONTAINS(report.reason, text_of("process %ld (", (long)o.pid));
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_size, after.st_size);
    if (in_snapshot)
      assert_true(report.before - report.after < 30 * 4096); /* all but a few are what the snapshot sees */
    else
      assert_true(report.before - report.after > 100 * 4096);
    assert_int_equal(report.after, room_of(data_of(s)));
    end_other(&o);

    hf_persist *p = open_persist(s, "signal");
    assert_int_equal(count_of(p), 101);
    OK(hf_persist_remove_all(p, &err));
    hf_persist_close(p);
    hf_check_report found;
    OK(hf_store_check(s->base, NULL, find_damage, NULL, &found, &err));
  }
}

static bool fill_more(void *arg, uint64_t done, uint64_t total) {
  const struct store *s = arg;
  (void)done;
  (void)total;
  int status;
  pid_t pid = fork();
  if (!pid) { /* the registry of this process is locked, that of the child is a new one */
    hf_error err;
    hf_persist *p;
    hf_status wrote = hf_persist_open(hf_text("signal"), s->base, NULL, &p, &err);
    if (!wrote) wrote = hf_persist_write(p, hf_text("meanwhile"), hf_text("1"), NULL, NULL, &err);
    _exit(wrote ? 1 : 0);
  }
  waitpid(pid, &status, 0);
  assert_int_equal(status, 0);
  return true;
}

/* A commit that is made while the copy is must not be lost with the file of before. */
static void what_is_written_meanwhile_stays(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_compact_report report;
  fill(s);
  OK(hf_store_compact(s->base, fill_more, (void *)(uintptr_t)s, &report, &err));
  assert_false(report.is_exchanged);
  CONTAINS(report.reason, "written to meanwhile");
  hf_persist *p = open_persist(s, "signal");
  assert_entity(p, "meanwhile", "1");
  assert_int_equal(count_of(p), 101);
  hf_persist_close(p);
}

static void other_stores_say_what_to_use(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_store *store = open_store(s->base);
  FAILS(HF_UNSUPPORTED, hf_store_backup(store, file_of(s), NULL, NULL, NULL, &err));
  CONTAINS(err.message, "holdfast export");
  assert_int_equal(size_of(file_of(s)), -1);
  hf_store_close(store);
  FAILS(HF_UNSUPPORTED, hf_store_restore(file_of(s), s->base, NULL, NULL, NULL, NULL, &err));
  CONTAINS(err.message, "holdfast copy");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(a_store_made_of_a_backup_is_the_same_and_goes_on),
      ON_LMDB(a_backup_can_be_put_in_place_by_hand),
      ON_LMDB(a_backup_is_never_made_where_it_would_harm),
      ON_LMDB(what_is_stopped_has_changed_nothing),
      ON_LMDB(a_backup_that_was_cut_or_changed_is_refused),
      ON_LMDB(a_damaged_store_is_not_backed_up),
      ON_LMDB(a_store_that_nobody_has_open_gets_a_compact_file),
      ON_LMDB(a_store_that_is_open_here_is_left_alone),
      ON_LMDB(under_another_process_free_pages_are_given_back),
      ON_LMDB(what_is_written_meanwhile_stays),
      {"other_stores_say_what_to_use on memory", other_stores_say_what_to_use, setup_memory, teardown_store, NULL},
      {"other_stores_say_what_to_use on files", other_stores_say_what_to_use, setup_file, teardown_store, NULL},
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
