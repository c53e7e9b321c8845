/* SPDX-License-Identifier: MIT
 *
 * What counts and hashes of what was written are for: planted damage that no page shows is told of, and what programs
 * leave that do not know them is counted again.
 */
#include "unit/lmdb/sums.h"

#include <errno.h>

#include "holdfast/backend.h"

/* ---- damage that no page shows */

static void what_is_missing_or_replaced_is_told(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_store *store;
  hf_verify_report report;
  fill(s, "signal", 40);
  fill(s, "risk", 3);
  set(s, "format", "2");
  assert_sound(s, "raised");
  as_stranger(s, (struct act){"signal", "id-7", NULL, true, NULL});
  INCOMPLETE(s, 1, "signal", "39 entities are there, 40 were written");
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "another", "1"); /* it stays missing, whatever is written */
  OK(hf_persist_remove(p, hf_text("id-8"), &err));
  INCOMPLETE(s, 1, "signal", "39 entities are there, 40 were written");
  store = open_store(s);
  OK(hf_store_verify(store, (hf_slice){NULL, 0}, true, NULL, NULL, &report, &err));
  assert_int_equal(report.damaged, 1);
  assert_int_equal(report.incomplete, 1);
  assert_int_equal(report.entities, 42); /* what is there is read */
  assert_int_equal(report.corrupt, 0);
  hf_store_close(store);
  OK(hf_persist_remove_all(p, &err)); /* of nothing, nothing is missing */
  assert_sound(s, "removed all");
  hf_persist_close(p);
  as_stranger(s, (struct act){"risk", "id-1", "{\"n\":0}", true, NULL}); /* an older one, and sound */
  INCOMPLETE(s, 1, "risk", "as many entities are there as were written, 3, and not the same");
}

/* Exchanges one byte of the newest commit's last leaf of the main tree, after the place where the bytes are found. */
static char spoil_main(const struct store *s, const char *bytes, size_t at, char now) {
  struct looked l;
  unsigned char page[4096];
  look(s, &l);
  hf__lmdb_tally_free(&l.tally);
  int fd = open(data_file(s), O_RDWR);
  assert_int_equal(pread(fd, page, sizeof page, (off_t)l.main_leaf * 4096), sizeof page);
  unsigned char *found = NULL;
  for (size_t i = 16; i + strlen(bytes) <= sizeof page && !found; i++)
    if (memcmp(page + i, bytes, strlen(bytes)) == 0) found = page + i;
  assert_non_null(found);
  char was = (char)found[at];
  found[at] = (unsigned char)now;
  assert_int_equal(pwrite(fd, page, sizeof page, (off_t)l.main_leaf * 4096), sizeof page);
  close(fd);
  return was;
}

static void a_damaged_name_is_told(void **state) {
  const struct store *s = *state;
  set(s, "format", "2");
  fill(s, "risk", 3);
  fill(s, "signal", 18);
  spoil_main(s, "signal", 5, 'm'); /* in its order, so that the page looks sound */
  struct told t = check(s);
  assert_int_equal(t.report.damaged, 2);
  assert_int_equal(t.report.incomplete, 2);
  CONTAINS(t.all, "signam: 18 entities are there, and none was written under this name\n");
  CONTAINS(t.all,
           "\n: a collection is not there, in which 18 were written: they are under another name, which is damaged");
}

/* Where the bytes are in the newest commit's last leaf of the main tree. */
static off_t find_in_main(const struct store *s, const char *bytes) {
  struct looked l;
  unsigned char page[4096];
  look(s, &l);
  hf__lmdb_tally_free(&l.tally);
  int fd = open(data_file(s), O_RDONLY);
  assert_int_equal(pread(fd, page, sizeof page, (off_t)l.main_leaf * 4096), sizeof page);
  close(fd);
  unsigned char *found = memmem(page + 16, sizeof page - 16, bytes, strlen(bytes));
  assert_non_null(found);
  return (off_t)l.main_leaf * 4096 + (found - page);
}

static void flip(const struct store *s, off_t at, unsigned bit) {
  unsigned char byte;
  int fd = open(data_file(s), O_RDWR);
  assert_int_equal(pread(fd, &byte, 1, at), 1);
  byte ^= (unsigned char)(1U << bit);
  assert_int_equal(pwrite(fd, &byte, 1, at), 1);
  close(fd);
}

static void each_bit_of_a_name_is_told(void **state) {
  const struct store *s = *state;
  static const char *const names[] = {"risk", "signal"};
  unsigned unseen = 0; /* by the walk alone */
  fill(s, "risk", 3);
  fill(s, "signal", 5);
  set(s, "format", "2");
  for (int n = 0; n < 2; n++) {
    off_t at = find_in_main(s, names[n]);
    for (unsigned bit = 0; bit < strlen(names[n]) * 8; bit++) {
      flip(s, at + bit / 8, bit % 8);
      struct told t = check(s);
      if (!t.report.damaged) fail_msg("bit %u of %s", bit, names[n]);
      unseen += t.report.damaged == t.report.incomplete;
      flip(s, at + bit / 8, bit % 8);
    }
  }
  assert_true(unseen > 20);
  assert_sound(s, "mended");
}

/* A bit of each byte after the mark; those of count and hash too. */
static void a_damaged_sum_is_told(void **state) {
  const struct store *s = *state;
  set(s, "format", "2");
  fill(s, "risk", 3);
  fill(s, "signal", 18);
  for (size_t i = 0; i < 48; i++) {
    size_t at = sizeof MARK_KEY - 1 + MARK_SIZE + i;
    char was = spoil_main(s, MARK_KEY, at, 0);
    spoil_main(s, MARK_KEY, at, (char)(was ^ 1));
    if (!check(s).report.incomplete) fail_msg("byte %zu", i);
    spoil_main(s, MARK_KEY, at, was);
    assert_sound(s, "mended");
  }
}

static void what_keeps_the_sums_up_is_not_forgotten(void **state) {
  const struct store *s = *state;
  set(s, "format", "2");
  fill(s, "signal", 18);
  as_stranger(s, (struct act){.marks = true, .forget = META_FEATURE FEATURE_SUMS});
  INCOMPLETE(s, 1, "", "not the word that they are kept up");
}

/* A bit of the checksum in a record's header: the record is told of by itself, and when it has been put aside, whether
 * the others are as they were cannot be told any more. */
static void a_damaged_checksum_is_told_and_put_aside(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_store *store;
  hf_verify_report report;
  struct told t;
  set(s, "format", "2");
  fill(s, "signal", 18);
  as_stranger(s, (struct act){"signal", "id-7", "broken", true, NULL}); /* no JSON */
  INCOMPLETE(s, 1, "signal", "and not the same");
  store = open_store(s);
  OK(hf_store_verify(store, (hf_slice){NULL, 0}, false, NULL, NULL, &report, &err));
  assert_int_equal(report.incomplete, 1);
  assert_int_equal(report.corrupt, 1);
  OK(hf_store_verify(store, (hf_slice){NULL, 0}, false, NULL, NULL, &report, &err));
  assert_int_equal(report.damaged, 0);
  assert_int_equal(report.quarantined, 1);
  hf_store_close(store);
  t = check(s);
  assert_int_equal(t.report.damaged, 0);
  assert_int_equal(t.report.notes, 1);
  CONTAINS(t.first, "and whether they are the same cannot be told any more");
  as_stranger(s, (struct act){"signal", "id-8", NULL, true, NULL}); /* how many there are can */
  INCOMPLETE(s, 1, "signal", "16 entities are there, 17 were written");
}

/* A record that says itself that it is damaged is in the sums as it was written. */
static void a_record_that_is_put_aside_leaves_the_sums_right(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  static char page[4096];
  set(s, "format", "2");
  fill(s, "signal", 18);
  int fd = open(data_file(s), O_RDWR);
  off_t size = lseek(fd, 0, SEEK_END);
  for (off_t at = 0; at < size; at += 4096) {
    assert_int_equal(pread(fd, page, sizeof page, at), sizeof page);
    char *found = memmem(page, sizeof page, "{\"n\":7}", 7);
    if (found) found[5] = '8';
    assert_int_equal(pwrite(fd, page, sizeof page, at), sizeof page);
  }
  close(fd);
  assert_sound(s, "one is corrupt, as it says itself");
  hf_persist *p = open_persist(s, "signal");
  FAILS(HF_CORRUPT, hf_persist_read(p, hf_text("id-7"), &json, NULL, &err));
  assert_int_equal(count_of(p), 17);
  assert_sound(s, "put aside");
  write_text(p, "id-7", "{\"n\":7}");
  assert_sound(s, "written again");
  assert_int_equal(stored(s, "signal").count, 18);
  hf_persist_close(p);
  hf_buffer_free(&json);
}

/* ---- programs that do not know sums */

static int warnings;

static void on_warning(const char *message, void *arg) {
  (void)message;
  (void)arg;
  warnings++;
}

static void what_a_stranger_leaves_is_counted_again(void **state) {
  const struct store *s = *state;
  struct told t;
  fill(s, "signal", 18);
  set(s, "format", "2");
  hf_persist *p = open_persist(s, "signal");
  as_stranger(s, (struct act){"signal", "stranger", "1", false, NULL});
  as_stranger(s, (struct act){"signal", "id-3", NULL, false, NULL});
  as_stranger(s, (struct act){"signal", "id-4", NULL, false, NULL});
  t = check(s);
  assert_int_equal(t.report.damaged, 0);
  assert_int_equal(t.report.notes, 1);
  CONTAINS(t.first, "another program has written to the store");
  warnings = 0;
  hf_set_warning_handler(on_warning, NULL);
  write_text(p, "b", "1");
  hf_set_warning_handler(NULL, NULL);
  assert_int_equal(warnings, 1);
  assert_sound(s, "counted again");
  assert_int_equal(stored(s, "signal").count, 18);
  hf_persist_close(p);
}

/* As an earlier state of this version left them. */
static void a_store_of_format_2_without_sums_gets_them_with_a_setting(void **state) {
  const struct store *s = *state;
  static const hf__lmdb_feature *const none[] = {NULL};
  const hf__lmdb_feature *const *usual = hf__lmdb_features;
  hf_error err;
  fill(s, "signal", 18);
  hf__lmdb_features = none;
  set(s, "note", "old");
  fill(s, "risk", 2);
  hf__lmdb_features = usual;
  fill(s, "risk", 4);
  assert_sound(s, "without");
  hf__lmdb_sum sum = {0, 0};
  struct looked l;
  look(s, &l);
  for (size_t i = 0; i < l.tally.count; i++) sum.count += l.tally.collections[i].written.count;
  assert_int_equal(sum.count, 0);
  assert_false(l.tally.keeps_sums);
  hf__lmdb_tally_free(&l.tally);
  set(s, "format", "2");
  assert_sound(s, "with");
  assert_int_equal(stored(s, "signal").count, 18);
  assert_int_equal(stored(s, "risk").count, 4);
  hf__lmdb_features = none; /* which cannot keep them up */
  hf_persist *p = open_persist(s, "risk");
  assert_int_equal(count_of(p), 4);
  FAILS(HF_READONLY, hf_persist_write(p, hf_text("x"), hf_text("1"), NULL, NULL, &err));
  CONTAINS(err.message, "'sums' (counts and hashes of what was written)");
  hf_persist_close(p);
  hf__lmdb_features = usual;
}

static int fail_to_build(hf__lmdb_env *env, MDB_txn *txn) {
  (void)env;
  (void)txn;
  return ENOSPC;
}

/* What was counted for a setting that then could not be made is not left by the next commit, which has its number. */
static void sums_that_were_not_turned_on_are_not_kept(void **state) {
  const struct store *s = *state;
  extern const hf_backend hf__backend_lmdb;
  static const hf__lmdb_feature failing = {"failing", FEATURE_READ, "for a test", fail_to_build, false};
  static const hf__lmdb_feature *features[] = {NULL, NULL, NULL};
  const hf__lmdb_feature *const *usual = hf__lmdb_features;
  hf_options options = HF_OPTIONS_INIT;
  hf_setting_change change = {hf_text("note"), hf_text("\"n\""), "failing"};
  hf_error err;
  void *impl, *collection;
  hf_info info;
  unsigned char order[HF_ORDER_KEY_MAX];
  hf_put put = {.key = {hf_text("a"), {(const char *)order, hf_order_key(hf_text("a"), order)}}, .json = hf_text("1")};
  hf_write_options plain = HF_WRITE_OPTIONS_INIT;
  hf__lmdb_features = features; /* none */
  fill(s, "signal", 18);
  set(s, "note", "old");
  features[0] = usual[0];
  features[1] = &failing;
  const char *path = text_of("%s/store", s->directory);
  OK(hf__backend_lmdb.open(&(hf_location){"lmdb", path, path, "", &options}, &impl, &err));
  OK(hf__backend_lmdb.collection_open(impl, hf_text("signal"), &collection, &err));
  FAILS(HF_FULL, hf__backend_lmdb.settings_put(impl, &change, 1, 2, &err));
  OK(hf__backend_lmdb.put(impl, NULL, collection, &put, &plain, &info, &err));
  hf__backend_lmdb.collection_close(impl, collection);
  hf__backend_lmdb.close(impl);
  assert_sound(s, "not turned on");
  hf__lmdb_features = usual;
}

static void a_store_of_format_1_keeps_none(void **state) {
  const struct store *s = *state;
  struct looked l;
  fill(s, "signal", 18);
  look(s, &l);
  for (size_t i = 0; i < l.tally.count; i++) assert_int_equal(l.tally.collections[i].written.count, 0);
  assert_false(l.tally.keeps_sums);
  hf__lmdb_tally_free(&l.tally);
  as_stranger(s, (struct act){"signal", "id-3", NULL, false, NULL});
  assert_sound(s, "format 1");
}

/* More than the mark has room for, before there are sums, after a gap, and written to. */
static void collections_beyond_the_mark_have_sums_too(void **state) {
  const struct store *s = *state;
  enum { COLLECTIONS = SUMS_IN_MARK + 20 };
  struct looked l;
  for (int i = 0; i < COLLECTIONS; i++) fill(s, text_of("collection-%02d", i), 1 + i % 3);
  set(s, "format", "2");
  assert_sound(s, "raised");
  for (int i = 0; i < COLLECTIONS; i += 3) fill(s, text_of("collection-%02d", i), 5);
  assert_sound(s, "written to");
  as_stranger(s, (struct act){"collection-83", "id-0", NULL, false, NULL});
  as_stranger(s, (struct act){"collection-03", "id-0", NULL, false, NULL});
  hf_set_warning_handler(on_warning, NULL);
  fill(s, "collection-04", 7);
  hf_set_warning_handler(NULL, NULL);
  assert_sound(s, "counted again");
  look(s, &l);
  assert_int_equal(l.tally.marked.count, SUMS_IN_MARK);
  assert_int_equal(l.tally.count, COLLECTIONS);
  hf__lmdb_tally_free(&l.tally);
  assert_int_equal(stored(s, "collection-83").count, 2);
  assert_int_equal(stored(s, "collection-03").count, 4);
  assert_int_equal(stored(s, "collection-04").count, 7);
  as_stranger(s, (struct act){"collection-83", "id-1", NULL, true, NULL});
  INCOMPLETE(s, 1, "collection-83", "1 entity is there, 2 were written");
  as_stranger(s, (struct act){"collection-83", "id-2", NULL, true, NULL});
  INCOMPLETE(s, 1, "collection-83", "0 entities are there, 2 were written");
}

/* Both have one sum in the mark. */
static void names_of_the_same_hash_are_no_damage(void **state) {
  static const char one[] = "7mohtcOFVz", other[] = "c1E51sSEyx";
  const struct store *s = *state;
  hf_error err;
  set(s, "format", "2");
  fill(s, one, 3);
  fill(s, other, 2);
  struct told t = check(s);
  assert_int_equal(t.report.damaged, 0);
  assert_int_equal(t.report.notes, 2);
  CONTAINS(t.first, "the hash of its name is that of another one's");
  hf_persist *p = open_persist(s, other);
  OK(hf_persist_remove_all(p, &err));
  hf_persist_close(p);
  assert_int_equal(check(s).report.damaged, 0);
}

/* Nobody has read the damaged one, so that it is not in quarantine. */
static void an_overwritten_damaged_checksum_is_told(void **state) {
  const struct store *s = *state;
  fill(s, "signal", 5);
  set(s, "format", "2");
  as_stranger(s, (struct act){"signal", "id-3", "{\"n\":0}", true, NULL});
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "id-3", "{\"n\":1}");
  hf_persist_close(p);
  INCOMPLETE(s, 1, "signal", "or was damaged when it was overwritten or removed");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(what_is_missing_or_replaced_is_told),
      ON_LMDB(a_damaged_name_is_told),
      ON_LMDB(each_bit_of_a_name_is_told),
      ON_LMDB(a_damaged_sum_is_told),
      ON_LMDB(what_keeps_the_sums_up_is_not_forgotten),
      ON_LMDB(a_damaged_checksum_is_told_and_put_aside),
      ON_LMDB(a_record_that_is_put_aside_leaves_the_sums_right),
      ON_LMDB(what_a_stranger_leaves_is_counted_again),
      ON_LMDB(a_store_of_format_2_without_sums_gets_them_with_a_setting),
      ON_LMDB(sums_that_were_not_turned_on_are_not_kept),
      ON_LMDB(a_store_of_format_1_keeps_none),
      ON_LMDB(collections_beyond_the_mark_have_sums_too),
      ON_LMDB(names_of_the_same_hash_are_no_damage),
      ON_LMDB(an_overwritten_damaged_checksum_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
