/* SPDX-License-Identifier: MIT
 *
 * What is special about the LMDB backend: records, quarantine, the look at files before they are mapped, more
 * collections than stay open, and snapshots beside writers.
 */
#include "../backends/lmdb/env.h"
#include "../backends/lmdb/filesystem.h"
#include "../backends/lmdb/header_check.h"
#include "../backends/lmdb/record.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "unit/lmdb/damage.h"

/* ---- records */

enum { TEXT_SIZE = 300 };

static size_t make_record(unsigned char *out, const char *id, size_t size) {
  char text[TEXT_SIZE];
  memset(text, 't', sizeof text);
  hf_info info = {.revision = 0x0102030405060708, .updated_at = 1704067200123};
  hf__lmdb_record_write(out, hf_text(id), (hf_slice){text, size}, &info);
  return RECORD_HEADER + size;
}

static void a_record_holds_text_revision_and_time(void **state) {
  (void)state;
  unsigned char record[RECORD_HEADER + TEXT_SIZE];
  hf_slice json;
  hf_info info;
  for (size_t size = 0; size <= TEXT_SIZE; size++) {
    MDB_val v = {make_record(record, "BTC", size), record};
    assert_null(hf__lmdb_record_read(&v, hf_text("BTC"), &json, &info));
    assert_int_equal(json.size, size);
    assert_ptr_equal(json.data, record + RECORD_HEADER);
    assert_true(info.revision == 0x0102030405060708 && info.updated_at == 1704067200123);
    assert_true(hf__lmdb_record_revision(&v) == info.revision);
  }
}

static void a_record_that_expires_holds_when(void **state) {
  (void)state;
  unsigned char record[RECORD_HEADER_EXPIRING + TEXT_SIZE];
  hf_slice json;
  hf_info info = {.revision = 7, .updated_at = 9, .expires_at = 0x0102030405060708};
  assert_int_equal(hf__lmdb_record_size(4, info.expires_at), RECORD_HEADER_EXPIRING + 4);
  hf__lmdb_record_write(record, hf_text("BTC"), hf_text("null"), &info);
  MDB_val v = {RECORD_HEADER_EXPIRING + 4, record};
  info = (hf_info){0};
  assert_null(hf__lmdb_record_read(&v, hf_text("BTC"), &json, &info));
  assert_true(info.revision == 7 && info.updated_at == 9 && info.expires_at == 0x0102030405060708);
  assert_true(hf__lmdb_record_expires_at(&v) == info.expires_at);
  assert_memory_equal(json.data, "null", 4);
  assert_ptr_equal(hf__lmdb_record_text(&v).data, json.data);
  for (size_t bit = 0; bit < v.mv_size * 8; bit++) {
    record[bit / 8] ^= (unsigned char)(1 << bit % 8);
    if (!hf__lmdb_record_read(&v, hf_text("BTC"), &json, &info)) fail_msg("bit %zu of byte %zu", bit % 8, bit / 8);
    record[bit / 8] ^= (unsigned char)(1 << bit % 8);
  }
  for (size_t size = 0; size < v.mv_size; size++) {
    MDB_val cut = {size, record};
    assert_non_null(hf__lmdb_record_read(&cut, hf_text("BTC"), &json, &info));
  }
}

static void every_flipped_bit_of_a_record_is_found(void **state) {
  (void)state;
  unsigned char record[RECORD_HEADER + TEXT_SIZE];
  hf_slice json;
  hf_info info;
  MDB_val v = {make_record(record, "BTC", TEXT_SIZE), record};
  for (size_t bit = 0; bit < v.mv_size * 8; bit++) {
    record[bit / 8] ^= (unsigned char)(1 << bit % 8);
    if (!hf__lmdb_record_read(&v, hf_text("BTC"), &json, &info)) fail_msg("bit %zu of byte %zu", bit % 8, bit / 8);
    record[bit / 8] ^= (unsigned char)(1 << bit % 8);
  }
  assert_null(hf__lmdb_record_read(&v, hf_text("BTC"), &json, &info));
}

static void a_record_under_another_id_or_cut_off_is_found(void **state) {
  (void)state;
  unsigned char record[RECORD_HEADER + TEXT_SIZE];
  hf_slice json;
  hf_info info;
  MDB_val v = {make_record(record, "BTC", TEXT_SIZE), record};
  assert_non_null(hf__lmdb_record_read(&v, hf_text("BTD"), &json, &info));
  assert_non_null(hf__lmdb_record_read(&v, hf_text("BT"), &json, &info));
  for (size_t size = 0; size < v.mv_size; size++) {
    MDB_val cut = {size, record};
    assert_non_null(hf__lmdb_record_read(&cut, hf_text("BTC"), &json, &info));
  }
  assert_int_equal(hf__lmdb_record_revision(&(MDB_val){RECORD_HEADER - 1, record}), 0);
}

/* ---- files */

static void network_filesystems_are_known(void **state) {
  (void)state;
  assert_string_equal(hf__lmdb_network_filesystem(0x6969), "NFS");
  assert_string_equal(hf__lmdb_network_filesystem((long)0xFF534D42), "CIFS");
  assert_string_equal(hf__lmdb_network_filesystem((long)(int)0xFF534D42), "CIFS");
  assert_string_equal(hf__lmdb_network_filesystem((long)(int)0xFE534D42), "SMB2");
  assert_string_equal(hf__lmdb_network_filesystem(0x01021997), "9P");
  static const unsigned local[] = {0xEF53, 0x01021994, 0x58465342, 0x9123683E, 0x794C7630, 0x2FC12FC1, 0};
  for (size_t i = 0; i < sizeof local / sizeof *local; i++) assert_null(hf__lmdb_network_filesystem((long)local[i]));
}

static void a_local_directory_passes(void **state) {
  const struct store *s = *state;
  hf_error err;
  OK(hf__lmdb_check_filesystem(s->directory, &err));
}

static void sound_files_pass_and_others_are_named(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  hf_persist_close(p);
  OK(hf__lmdb_header_check(data_file(s), &err));
  FAILS(HF_NOT_FOUND, hf__lmdb_header_check(text_of("%s/none", s->directory), &err));
  FAILS(HF_CORRUPT, hf__lmdb_header_check(s->directory, &err));
  static const off_t sizes[] = {4096 * 2, 4096, 160, 100, 1, 0};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    assert_int_equal(truncate(data_file(s), sizes[i]), 0);
    FAILS(HF_CORRUPT, hf__lmdb_header_check(data_file(s), &err));
    CONTAINS(err.message, data_file(s));
    p = open_persist(s, "signal");
    FAILS(HF_CORRUPT, hf_persist_init(p, &err));
    hf_persist_close(p);
    struct stat st;
    stat(data_file(s), &st);
    assert_int_equal(st.st_size, sizes[i]);
  }
}

static void a_page_size_that_cannot_be_is_refused(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  hf_persist_close(p);
  static const uint32_t sizes[] = {0, 1, 511, 4095, 4097, 1U << 31, UINT32_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    int fd = open(data_file(s), O_RDWR);
    assert_int_equal(pwrite(fd, &sizes[i], 4, 16 + 24), 4);
    close(fd);
    FAILS(HF_CORRUPT, hf__lmdb_header_check(data_file(s), &err));
  }
}

/* ---- quarantine */

static void damaged_store(const struct store *s) {
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  write_text(p, "b", "\"needle\"");
  write_text(p, "c", "3");
  hf_persist_close(p);
  damage(s, "needle", "nEedle");
}

static void a_damaged_entity_is_quarantined_by_reading(void **state) {
  const struct store *s = *state;
  hf_error err;
  bool found;
  size_t count;
  damaged_store(s);
  hf_persist *p = open_persist(s, "signal");
  hf_buffer json = HF_BUFFER_INIT;
  for (int i = 0; i < 3; i++) {
    FAILS(HF_CORRUPT, hf_persist_read(p, hf_text("b"), &json, NULL, &err));
    assert_string_equal(err.entity_name, "signal");
    assert_string_equal(err.entity_id, "b");
    assert_string_equal(err.backend, "lmdb");
    CONTAINS(err.message, "quarantine");
    assert_true(err.in_quarantine);
  }
  FAILS(HF_CORRUPT, hf_persist_has(p, hf_text("b"), &found, &err));
  hf_page *page = hf_page_new();
  const hf_slice ids[] = {hf_text("a"), hf_text("b")};
  FAILS(HF_CORRUPT, hf_persist_read_many(p, ids, 2, page, &err));
  assert_string_equal(err.entity_id, "b");
  hf_page_entries(page, &count);
  hf_page_free(page);
  assert_int_equal(count_of(p), 2);
  write_text(p, "b", "2");
  assert_entity(p, "b", "2");
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void iteration_and_verify_get_past_a_damaged_key(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_persist *p = open_persist(s, "signal");
  for (int i = 0; i < 40; i++) write_text(p, text_of("k%d-marked", i), "1");
  hf_persist_close(p);
  damage(s, "k25-marked", "k15-marked"); /* the id at the end of the key; its sort code still says 25 */
  for (int verify = 1; verify >= 0; verify--) {
    hf_iter *iter;
    const hf_entry *e;
    p = open_persist(s, "signal");
    if (verify) {
      hf_store *store;
      hf_verify_report report;
      OK(hf_store_open(s->base, NULL, &store, &err));
      OK(hf_store_verify(store, (hf_slice){NULL, 0}, true, NULL, NULL, &report, &err));
      assert_int_equal(report.entities, 40);
      assert_int_equal(report.corrupt, 1);
      hf_store_close(store);
    }
    int good = 0, bad = 0;
    OK(hf_iter_open(p, NULL, &iter, &err));
    while (good + bad < 1000) {
      hf_status status = hf_iter_next(iter, &e, &err);
      if (status) bad++;
      if (!status && !e) break;
      if (!status) good++;
    }
    hf_iter_close(iter);
    assert_int_equal(good, 39);
    assert_int_equal(bad, verify ? 1 : 0); /* reported, and moved to quarantine, the first time */
    hf_persist_close(p);
  }
}

static void verify_finds_a_key_that_does_not_match_its_id(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_store *store;
  hf_verify_report report;
  unsigned char order[HF_ORDER_KEY_MAX + 1] = {0};
  char damaged[HF_ORDER_KEY_MAX + 1];
  hf_persist *p = open_persist(s, "signal");
  for (int i = 0; i < 40; i++) write_text(p, text_of("k%d-marked", i), "1");
  hf_persist_close(p);
  assert_true(hf_order_key(hf_text("k25-marked"), order) > 0); /* its sort code ends at the first 0 */
  strcpy(damaged, (const char *)order);
  damaged[strlen(damaged) - 1]++;
  damage(s, (const char *)order, damaged);
  for (int found = 1; found >= 0; found--) {
    OK(hf_store_open(s->base, NULL, &store, &err));
    OK(hf_store_verify(store, (hf_slice){NULL, 0}, false, NULL, NULL, &report, &err));
    hf_store_close(store);
    assert_int_equal(report.entities, 39 + found);
    assert_int_equal(report.corrupt, found);
    assert_int_equal(report.quarantined, 1);
  }
  hf_buffer json = HF_BUFFER_INIT;
  p = open_persist(s, "signal");
  FAILS(HF_CORRUPT, hf_persist_read(p, hf_text("k25-marked"), &json, NULL, &err));
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void iteration_reports_a_damaged_entity_once_and_goes_on(void **state) {
  const struct store *s = *state;
  hf_error err;
  const hf_entry *e;
  hf_iter *iter;
  for (int reverse = 0; reverse < 2; reverse++) {
    damaged_store(s);
    hf_persist *p = open_persist(s, "signal");
    hf_range range = {.reverse = reverse == 1, .has_limit = true, .limit = 2};
    OK(hf_iter_open(p, &range, &iter, &err));
    OK(hf_iter_next(iter, &e, &err));
    assert_memory_equal(e->id.data, reverse ? "c" : "a", 1);
    FAILS(HF_CORRUPT, hf_iter_next(iter, &e, &err));
    assert_null(e);
    assert_string_equal(err.entity_id, "b");
    OK(hf_iter_next(iter, &e, &err));
    assert_memory_equal(e->id.data, reverse ? "a" : "c", 1);
    OK(hf_iter_next(iter, &e, &err));
    assert_null(e);
    hf_iter_close(iter);
    OK(hf_persist_remove_all(p, &err));
    hf_persist_close(p);
  }
}

static bool note_corrupt(void *arg, hf_slice name, const hf_entry *e, const char *problem, const hf_verify_report *r) {
  (void)r;
  if (!e) return true;
  assert_memory_equal(name.data, "signal", 6);
  assert_memory_equal(e->id.data, "b", 1);
  assert_int_equal(e->status, HF_CORRUPT);
  CONTAINS(problem, "checksum");
  ++*(int *)arg;
  return true;
}

static void verify_finds_and_moves_it(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_verify_report report;
  hf_store *store;
  int found = 0;
  damaged_store(s);
  OK(hf_store_open(s->base, NULL, &store, &err));
  for (int i = 0; i < 2; i++) {
    OK(hf_store_verify(store, (hf_slice){NULL, 0}, true, note_corrupt, &found, &report, &err));
    assert_int_equal(report.corrupt, 1);
    assert_int_equal(report.quarantined, 0);
  }
  OK(hf_store_verify(store, (hf_slice){NULL, 0}, false, note_corrupt, &found, &report, &err));
  assert_int_equal(found, 3);
  assert_int_equal(report.entities, 3);
  assert_int_equal(report.bytes, 2);
  assert_int_equal(report.corrupt, 1);
  assert_int_equal(report.quarantined, 1);
  OK(hf_store_verify(store, (hf_slice){NULL, 0}, false, note_corrupt, &found, &report, &err));
  assert_int_equal(report.entities, 2);
  assert_int_equal(report.corrupt, 0);
  assert_int_equal(report.quarantined, 1);
  hf_store_close(store);
}

static void two_of_one_id_are_both_kept(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_persist *p;
  for (int round = 0; round < 3; round++) {
    p = open_persist(s, "signal");
    write_text(p, "b", text_of("\"needle-%d\"", round));
    hf_persist_close(p);
    damage(s, text_of("needle-%d", round), text_of("nEedle-%d", round));
    p = open_persist(s, "signal");
    FAILS(HF_CORRUPT, hf_persist_read(p, hf_text("b"), &json, NULL, &err));
    if (round == 1) OK(hf_persist_remove(p, hf_text("b"), &err));
    hf_persist_close(p);
  }
  FILE *file = fopen(data_file(s), "rb");
  char *bytes = calloc(1, 1 << 20);
  size_t size = fread(bytes, 1, 1 << 20, file);
  fclose(file);
  for (int round = 0; round < 3; round++) {
    const char *needle = text_of("nEedle-%d", round);
    assert_non_null(memmem(bytes, size, needle, strlen(needle)));
  }
  free(bytes);
  hf_buffer_free(&json);
}

/* ---- many collections */

static void more_entity_types_than_stay_open_work_in_turn(void **state) {
  const struct store *s = *state;
  enum { N = 3 * OPEN_DBIS_MAX };
  hf_persist *p[N];
  for (int i = 0; i < N; i++) p[i] = open_persist(s, text_of("name-%d", i));
  for (int round = 0; round < 6; round++)
    for (int i = 0; i < N; i++) {
      const char *id = text_of("%d", round), *json = text_of("%d", i);
      write_text(p[i], id, json);
      assert_entity(p[i], id, json);
      assert_int_equal(count_of(p[(i + N / 2) % N]), i < N / 2 ? round : round + 1);
    }
  for (int i = 0; i < N; i++) hf_persist_close(p[i]);
}

static void a_transaction_touches_more_entity_types_than_stay_open(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn;
  enum { N = 5 * OPEN_DBIS_MAX };
  hf_persist *p[N];
  for (int i = 0; i < N; i++) p[i] = open_persist(s, text_of("name-%d", i));
  for (int round = 0; round < 4; round++) {
    OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
    for (int i = 0; i < N; i++) write_text(p[i], "x", text_of("%d", round));
    if (round % 2)
      hf_txn_abort(txn);
    else
      OK(hf_txn_commit(txn, &err));
    for (int i = 0; i < N; i++) assert_entity(p[i], "x", text_of("%d", round / 2 * 2));
  }
  OK(hf_txn_begin(HF_TXN_READ, &txn, &err));
  for (int i = 0; i < N; i++) {
    hf_buffer json = HF_BUFFER_INIT;
    hf_status status = hf_persist_read(p[i], hf_text("x"), &json, NULL, &err);
    if (status && status != HF_BUSY) fail_msg("%s: %s", hf_status_name(status), err.message);
    if (!status) assert_string_equal(json.data, "2");
    hf_buffer_free(&json);
  }
  OK(hf_txn_commit(txn, &err));
  for (int i = 0; i < N; i++) hf_persist_close(p[i]);
}

static void too_many_in_one_transaction_is_a_clear_error(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn;
  enum { N = DBIS_MAX + 10 };
  hf_persist *p[N];
  hf_status status = HF_OK;
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  int i = 0;
  for (; i < N; i++) {
    p[i] = open_persist(s, text_of("name-%d", i));
    status = hf_persist_write(p[i], hf_text("x"), hf_text("1"), NULL, NULL, &err);
    if (status) break;
  }
  assert_int_equal(status, HF_UNSUPPORTED);
  assert_true(i >= 240);
  CONTAINS(err.message, "entity names");
  OK(hf_txn_commit(txn, &err));
  assert_entity(p[0], "x", "1");
  write_text(p[i], "x", "1");
  for (int k = 0; k <= i; k++) hf_persist_close(p[k]);
}

/* ---- snapshots */

struct writer {
  const struct store *store;
  hf_status status;
  hf_error err;
};

static void *write_beside(void *arg) {
  struct writer *w = arg;
  hf_persist *p = NULL;
  w->status = hf_persist_open(hf_text("signal"), w->store->base, NULL, &p, &w->err);
  if (!w->status) w->status = hf_persist_write(p, hf_text("a"), hf_text("2"), NULL, NULL, &w->err);
  if (!w->status) w->status = hf_persist_write(p, hf_text("new"), hf_text("2"), NULL, NULL, &w->err);
  if (p) hf_persist_close(p);
  return NULL;
}

static void a_snapshot_keeps_its_moment_while_others_write(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn;
  pthread_t thread;
  struct writer writer = {.store = s};
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  OK(hf_txn_begin(HF_TXN_READ, &txn, &err));
  assert_entity(p, "a", "1");
  pthread_create(&thread, NULL, write_beside, &writer);
  pthread_join(thread, NULL);
  assert_int_equal(writer.status, HF_OK);
  assert_entity(p, "a", "1");
  assert_entity(p, "new", NULL);
  assert_int_equal(count_of(p), 1);
  OK(hf_txn_commit(txn, &err));
  assert_entity(p, "a", "2");
  assert_entity(p, "new", "2");
  hf_persist_close(p);
}

static void *fill_beside(void *arg) {
  struct writer *w = arg;
  char *json = malloc(200003);
  memset(json, 'x', 200002);
  json[0] = json[200001] = '"';
  hf_persist *p = NULL;
  w->status = hf_persist_open(hf_text("big"), w->store->base, NULL, &p, &w->err);
  for (int i = 0; i < 20 && !w->status; i++) {
    char id[16];
    snprintf(id, sizeof id, "%d", i);
    w->status = hf_persist_write(p, hf_text(id), (hf_slice){json, 200002}, NULL, NULL, &w->err);
  }
  if (p) hf_persist_close(p);
  free(json);
  return NULL;
}

static void a_map_that_must_grow_beside_a_snapshot_is_busy_and_grows_after_it(void **state) {
  struct store *s = *state;
  hf_error err;
  hf_txn *txn;
  pthread_t thread;
  struct writer writer = {.store = s};
  strcat(s->base, "&mapsize=1m");
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  OK(hf_txn_begin(HF_TXN_READ, &txn, &err));
  assert_entity(p, "a", "1");
  pthread_create(&thread, NULL, fill_beside, &writer);
  pthread_join(thread, NULL);
  assert_int_equal(writer.status, HF_BUSY);
  assert_true(writer.err.retryable);
  CONTAINS(writer.err.message, "snapshot");
  assert_entity(p, "a", "1");
  OK(hf_txn_commit(txn, &err));
  pthread_create(&thread, NULL, fill_beside, &writer);
  pthread_join(thread, NULL);
  if (writer.status) fail_msg("%s", writer.err.message);
  assert_entity(p, "a", "1");
  hf_persist_close(p);
}

static void *read_beside(void *arg) {
  struct writer *w = arg;
  hf_persist *p = NULL;
  hf_buffer json = HF_BUFFER_INIT;
  w->status = hf_persist_open(hf_text("signal"), w->store->base, NULL, &p, &w->err);
  if (!w->status) w->status = hf_persist_read(p, hf_text("b"), &json, NULL, &w->err);
  if (p) hf_persist_close(p);
  hf_buffer_free(&json);
  return NULL;
}

static void what_cannot_be_moved_to_quarantine_now_is_corrupt_all_the_same(void **state) {
  struct store *s = *state;
  hf_error err;
  static char json[300003]; /* more than what the writer leaves */
  hf_txn *txn;
  pthread_t thread;
  struct writer filler = {.store = s}, reader = {.store = s};
  strcat(s->base, "&mapsize=1m");
  memset(json, 'x', sizeof json - 1);
  memcpy(json, "\"needle", 7);
  json[sizeof json - 2] = '"';
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  write_text(p, "b", json);
  hf_persist_close(p);
  damage(s, "needle", "nEedle");
  p = open_persist(s, "signal");
  OK(hf_txn_begin(HF_TXN_READ, &txn, &err));
  assert_entity(p, "a", "1");
  pthread_create(&thread, NULL, fill_beside, &filler);
  pthread_join(thread, NULL);
  assert_int_equal(filler.status, HF_BUSY);
  pthread_create(&thread, NULL, read_beside, &reader);
  pthread_join(thread, NULL);
  assert_int_equal(reader.status, HF_CORRUPT);
  CONTAINS(reader.err.message, "could not be moved to quarantine");
  assert_false(reader.err.in_quarantine);
  CONTAINS(reader.err.cause, "the map must grow");
  OK(hf_txn_commit(txn, &err));
  hf_persist_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_record_holds_text_revision_and_time),
      cmocka_unit_test(a_record_that_expires_holds_when),
      cmocka_unit_test(every_flipped_bit_of_a_record_is_found),
      cmocka_unit_test(a_record_under_another_id_or_cut_off_is_found),
      cmocka_unit_test(network_filesystems_are_known),
      ON_LMDB(a_local_directory_passes),
      ON_LMDB(sound_files_pass_and_others_are_named),
      ON_LMDB(a_page_size_that_cannot_be_is_refused),
      ON_LMDB(a_damaged_entity_is_quarantined_by_reading),
      ON_LMDB(iteration_reports_a_damaged_entity_once_and_goes_on),
      ON_LMDB(iteration_and_verify_get_past_a_damaged_key),
      ON_LMDB(verify_finds_a_key_that_does_not_match_its_id),
      ON_LMDB(verify_finds_and_moves_it),
      ON_LMDB(two_of_one_id_are_both_kept),
      ON_LMDB(more_entity_types_than_stay_open_work_in_turn),
      ON_LMDB(a_transaction_touches_more_entity_types_than_stay_open),
      ON_LMDB(too_many_in_one_transaction_is_a_clear_error),
      ON_LMDB(a_snapshot_keeps_its_moment_while_others_write),
      ON_LMDB(a_map_that_must_grow_beside_a_snapshot_is_busy_and_grows_after_it),
      ON_LMDB(what_cannot_be_moved_to_quarantine_now_is_corrupt_all_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
