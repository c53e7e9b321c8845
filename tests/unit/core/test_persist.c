/* SPDX-License-Identifier: MIT
 *
 * The C API of entities, batches, iterators, transactions and stores, on LMDB and in memory.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <time.h>

#include "holdfast/backend.h"
#include "unit/support.h"

#define ID(text) hf_text(text)

/* ---- one entity */

static bool has_revisions(const hf_persist *p) { return hf_persist_capabilities(p) & HF_CAP_REVISION; }

static void an_entity_is_written_read_and_removed(void **state) {
  hf_error err;
  bool found = true;
  hf_persist *p = open_persist(*state, "signal");
  OK(hf_persist_has(p, ID("a"), &found, &err));
  assert_false(found);
  write_text(p, "a", "{\"n\": 1}");
  assert_entity(p, "a", "{\"n\": 1}");
  write_text(p, "a", "[ ]");
  assert_entity(p, "a", "[ ]");
  OK(hf_persist_has(p, ID("a"), &found, &err));
  assert_true(found);
  assert_int_equal(count_of(p), 1);
  OK(hf_persist_remove(p, ID("a"), &err));
  assert_entity(p, "a", NULL);
  OK(hf_persist_remove_all(p, &err));
  hf_persist_close(p);
}

static void a_missing_entity_is_named(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_persist *p = open_persist(s, "signal");
  FAILS(HF_NOT_FOUND, hf_persist_read(p, ID("BTC"), &json, NULL, &err));
  assert_string_equal(err.message, "Entity signal:BTC not found");
  assert_string_equal(err.entity_name, "signal");
  assert_string_equal(err.entity_id, "BTC");
  assert_string_equal(err.backend, s->scheme);
  assert_string_equal(err.where, "");
  assert_false(err.retryable);
  FAILS(HF_NOT_FOUND, hf_persist_remove(p, ID("BTC"), &err));
  assert_string_equal(err.message, "Entity signal:BTC not found for deletion");
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void info_tells_revision_and_time(void **state) {
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_info first, second, read;
  int64_t before = (int64_t)time(NULL) * 1000;
  hf_persist *p = open_persist(*state, "signal");
  OK(hf_persist_write(p, ID("a"), hf_text("1"), NULL, &first, &err));
  OK(hf_persist_write(p, ID("a"), hf_text("2"), NULL, &second, &err));
  OK(hf_persist_read(p, ID("a"), &json, &read, &err));
  assert_true(first.revision > 0 && second.revision > first.revision);
  assert_true(read.revision == second.revision);
  assert_true(read.updated_at == second.updated_at && second.updated_at >= before);
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void conditions_are_checked(void **state) {
  hf_error err;
  hf_info info;
  hf_write_options absent = {.if_absent = true}, revision = {.if_revision = true},
                   both = {.if_absent = true, .if_revision = true, .revision = 1};
  hf_persist *p = open_persist(*state, "signal");
  OK(hf_persist_write(p, ID("a"), hf_text("1"), &absent, &info, &err));
  FAILS(HF_CONFLICT, hf_persist_write(p, ID("a"), hf_text("2"), &absent, NULL, &err));
  assert_true(err.retryable);
  revision.revision = info.revision + 1000;
  FAILS(HF_CONFLICT, hf_persist_write(p, ID("a"), hf_text("2"), &revision, NULL, &err));
  revision.revision = info.revision;
  OK(hf_persist_write(p, ID("a"), hf_text("3"), &revision, &info, &err));
  FAILS(HF_CONFLICT, hf_persist_write(p, ID("none"), hf_text("3"), &revision, NULL, &err));
  revision.revision = 0;
  FAILS(HF_CONFLICT, hf_persist_write(p, ID("none"), hf_text("3"), &revision, NULL, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_persist_write(p, ID("a"), hf_text("3"), &both, NULL, &err));
  assert_entity(p, "a", "3");
  assert_entity(p, "none", NULL);
  hf_persist_close(p);
}

static void bad_ids_and_names_are_refused(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  bool found;
  char longer[HF_ID_MAX + 2];
  memset(longer, 'x', sizeof longer);
  const hf_slice bad[] = {{"", 0},    {NULL, 0},   {longer, HF_ID_MAX + 1}, {"a\0b", 3},
                          {"a\n", 2}, {"\xFF", 1}, {"\xED\xA0\x80", 3}};
  hf_persist *p = open_persist(s, "signal"), *none;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    FAILS(HF_INVALID_ARGUMENT, hf_persist_read(p, bad[i], &json, NULL, &err));
    assert_string_equal(err.entity_name, "signal");
    FAILS(HF_INVALID_ARGUMENT, hf_persist_has(p, bad[i], &found, &err));
    FAILS(HF_INVALID_ARGUMENT, hf_persist_write(p, bad[i], hf_text("1"), NULL, NULL, &err));
    FAILS(HF_INVALID_ARGUMENT, hf_persist_remove(p, bad[i], &err));
    FAILS(HF_INVALID_ARGUMENT, hf_persist_open(bad[i], s->base, NULL, &none, &err));
    assert_null(none);
  }
  assert_int_equal(count_of(p), 0);
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void ids_of_full_length_with_any_byte_work(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  char id[HF_ID_MAX + 1];
  for (int kind = 0; kind < 4; kind++) {
    for (int i = 0; i < HF_ID_MAX; i++)
      id[i] = kind == 0 ? 'z' : kind == 1 ? '9' : kind == 2 ? (i % 2 ? '1' : 'a') : '/';
    id[HF_ID_MAX] = '\0';
    write_text(p, id, "1");
    assert_entity(p, id, "1");
    id[HF_ID_MAX - 1] = '!';
    assert_entity(p, id, NULL);
  }
  assert_int_equal(count_of(p), 4);
  hf_persist_close(p);
}

static void bad_values_are_refused(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  static const char *const bad[] = {"", " ", "{", "nan", "[1,]", "\"\xFF\"", "1 2", "\"\\ud800\""};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    FAILS(HF_INVALID_VALUE, hf_persist_write(p, ID("a"), hf_text(bad[i]), NULL, NULL, &err));
    assert_string_equal(err.entity_name, "signal");
    assert_string_equal(err.entity_id, "a");
    hf_item items[] = {{.id = ID("b"), .json = hf_text("1")}, {.id = ID("a"), .json = hf_text(bad[i])}};
    FAILS(HF_INVALID_VALUE, hf_persist_write_many(p, items, 2, &err));
    assert_string_equal(err.entity_id, "a");
  }
  FAILS(HF_INVALID_VALUE, hf_persist_write(p, ID("a"), (hf_slice){NULL, 0}, NULL, NULL, &err));
  assert_int_equal(count_of(p), 0);
  hf_persist_close(p);
}

static void no_error_object_is_needed(void **state) {
  hf_buffer json = HF_BUFFER_INIT;
  hf_persist *p, *none;
  const struct store *s = *state;
  assert_int_equal(hf_persist_open(ID("signal"), s->base, NULL, &p, NULL), HF_OK);
  assert_int_equal(hf_persist_read(p, ID("a"), &json, NULL, NULL), HF_NOT_FOUND);
  assert_int_equal(hf_persist_read(p, ID(""), &json, NULL, NULL), HF_INVALID_ARGUMENT);
  assert_int_equal(hf_persist_write(p, ID("a"), hf_text("{"), NULL, NULL, NULL), HF_INVALID_VALUE);
  assert_int_equal(hf_persist_open(ID("signal"), "nosuch:x", NULL, &none, NULL), HF_INVALID_ARGUMENT);
  hf_range range = {.from = ID("\n")};
  hf_iter *iter;
  assert_int_equal(hf_iter_open(p, &range, &iter, NULL), HF_INVALID_ARGUMENT);
  hf_persist_close(p);
  hf_buffer_free(&json);
}

static void a_closed_handle_is_gone_for_good(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  hf_persist_close(p);
  hf_persist_close(NULL);
  p = open_persist(s, "signal");
  hf_persist_close(p); /* never used */
}

static void name_and_url_are_known(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  assert_int_equal(hf_persist_entity_name(p).size, 6);
  assert_string_equal(hf_persist_entity_name(p).data, "signal");
  assert_string_equal(hf_persist_url(p), s->base);
  hf_persist_close(p);
}

static void stat_is_a_json_object(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_persist *p = open_persist(s, "sig\"nal");
  write_text(p, "a", "1");
  OK(hf_persist_stat(p, &json, &err));
  cJSON *tree = cJSON_Parse(json.data);
  assert_string_equal(cJSON_GetObjectItem(tree, "backend")->valuestring, s->scheme);
  assert_string_equal(cJSON_GetObjectItem(tree, "entityName")->valuestring, "sig\"nal");
  assert_int_equal(cJSON_GetObjectItem(tree, "entities")->valueint, 1);
  cJSON_Delete(tree);
  hf_buffer_free(&json);
  hf_persist_close(p);
}

/* ---- batches */

static void a_batch_is_read_at_one_go(void **state) {
  hf_error err;
  size_t count;
  hf_persist *p = open_persist(*state, "signal");
  write_text(p, "a", "1");
  write_text(p, "b", "[2]");
  const hf_slice ids[] = {ID("b"), ID("none"), ID("a"), ID("b")};
  static const char *const expected[] = {"[2]", NULL, "1", "[2]"};
  hf_page *page = hf_page_new();
  for (int round = 0; round < 3; round++) {
    OK(hf_persist_read_many(p, ids, 4, page, &err));
    const hf_entry *e = hf_page_entries(page, &count);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < 4; i++) {
      assert_int_equal(e[i].status, expected[i] ? HF_OK : HF_NOT_FOUND);
      assert_int_equal(e[i].id.size, ids[i].size);
      assert_memory_equal(e[i].id.data, ids[i].data, ids[i].size);
      if (expected[i]) {
        assert_int_equal(e[i].json.size, strlen(expected[i]));
        assert_memory_equal(e[i].json.data, expected[i], strlen(expected[i]));
        assert_true(e[i].info.revision > 0 || !has_revisions(p));
      } else {
        assert_null(e[i].json.data);
      }
    }
  }
  OK(hf_persist_read_many(p, ids, 0, page, &err));
  hf_page_entries(page, &count);
  assert_int_equal(count, 0);
  const hf_slice bad[] = {ID("a"), ID("")};
  FAILS(HF_INVALID_ARGUMENT, hf_persist_read_many(p, bad, 2, page, &err));
  hf_page_free(page);
  hf_persist_close(p);
}

static void of_two_items_with_one_id_the_later_wins(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  hf_item items[300];
  static char ids[300][16], texts[300][16];
  for (int i = 0; i < 300; i++) {
    snprintf(ids[i], sizeof ids[i], "%d", i * 7 % 100);
    snprintf(texts[i], sizeof texts[i], "%d", i);
    items[i] = (hf_item){.id = hf_text(ids[i]), .json = hf_text(texts[i])};
  }
  OK(hf_persist_write_many(p, items, 300, &err));
  assert_int_equal(count_of(p), 100);
  for (int i = 200; i < 300; i++) assert_entity(p, ids[i], texts[i]);
  OK(hf_persist_write_many(p, items, 0, &err));
  OK(hf_persist_write_many(p, NULL, 0, &err));
  hf_persist_close(p);
}

static void a_batch_with_a_bad_id_writes_nothing(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  hf_item items[] = {{.id = ID("a"), .json = hf_text("1")}, {.id = ID(""), .json = hf_text("2")}};
  FAILS(HF_INVALID_ARGUMENT, hf_persist_write_many(p, items, 2, &err));
  assert_int_equal(count_of(p), 0);
  hf_persist_close(p);
}

static void removing_many_counts_those_that_were_there(void **state) {
  hf_error err;
  uint64_t removed = 77;
  hf_persist *p = open_persist(*state, "signal");
  write_text(p, "a", "1");
  write_text(p, "b", "2");
  const hf_slice ids[] = {ID("none"), ID("b"), ID("b")};
  OK(hf_persist_remove_many(p, ids, 3, &removed, &err));
  assert_int_equal(removed, 1);
  OK(hf_persist_remove_many(p, ids, 3, NULL, &err));
  OK(hf_persist_remove_many(p, NULL, 0, &removed, &err));
  assert_int_equal(removed, 0);
  const hf_slice bad[] = {ID("a"), ID("")};
  FAILS(HF_INVALID_ARGUMENT, hf_persist_remove_many(p, bad, 2, &removed, &err));
  assert_entity(p, "a", "1");
  hf_persist_close(p);
}

/* ---- iteration */

static void fill(hf_persist *p, int from, int to) {
  hf_error err;
  size_t n = (size_t)to - (size_t)from + 1;
  hf_item *items = calloc(n, sizeof *items);
  char(*texts)[16] = calloc(n, sizeof *texts);
  for (size_t i = 0; i < n; i++) {
    snprintf(texts[i], sizeof texts[i], "%d", from + (int)i);
    items[i] = (hf_item){.id = hf_text(texts[i]), .json = hf_text(texts[i])};
  }
  OK(hf_persist_write_many(p, items, n, &err));
  free(items);
  free(texts);
}

static void an_iterator_hands_out_everything_in_order(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  fill(p, 1, 2500);
  for (int keys_only = 0; keys_only < 2; keys_only++) {
    hf_range range = {.keys_only = keys_only == 1};
    hf_iter *iter;
    const hf_entry *e;
    OK(hf_iter_open(p, &range, &iter, &err));
    for (int i = 1; i <= 2500; i++) {
      const char *expected = text_of("%d", i);
      OK(hf_iter_next(iter, &e, &err));
      assert_non_null(e);
      assert_int_equal(e->id.size, strlen(expected));
      assert_memory_equal(e->id.data, expected, e->id.size);
      assert_int_equal(e->json.size, keys_only ? 0 : strlen(expected));
      assert_int_equal(e->status, HF_OK);
      if (!keys_only) assert_true(e->info.revision > 0 || !has_revisions(p));
    }
    for (int i = 0; i < 3; i++) {
      OK(hf_iter_next(iter, &e, &err));
      assert_null(e);
    }
    hf_iter_close(iter);
  }
  hf_iter_close(NULL);
  hf_persist_close(p);
}

static void a_range_is_copied_and_checked(void **state) {
  hf_error err;
  hf_iter *iter;
  const hf_entry *e;
  hf_persist *p = open_persist(*state, "signal");
  fill(p, 1, 100);
  char from[] = "50", prefix[] = "5";
  hf_range range = {.prefix = hf_text(prefix), .from = hf_text(from), .to = ID("99"), .has_limit = true, .limit = 2};
  OK(hf_iter_open(p, &range, &iter, &err));
  memset(from, 'x', 2);
  memset(prefix, 'x', 1);
  OK(hf_iter_next(iter, &e, &err));
  assert_memory_equal(e->id.data, "50", 2);
  OK(hf_iter_next(iter, &e, &err));
  assert_memory_equal(e->id.data, "51", 2);
  OK(hf_iter_next(iter, &e, &err));
  assert_null(e);
  hf_iter_close(iter);
  char longer[HF_ID_MAX + 2];
  memset(longer, 'x', sizeof longer);
  const hf_slice bad[] = {{"", 0}, {longer, HF_ID_MAX + 1}, {"\n", 1}, {"\xFF", 1}};
  for (size_t i = 0; i < 4; i++) {
    hf_range ranges[] = {{.from = bad[i]}, {.to = bad[i]}, {.prefix = bad[i]}};
    for (size_t k = 0; k < (bad[i].size ? 3U : 2U); k++) {
      FAILS(HF_INVALID_ARGUMENT, hf_iter_open(p, &ranges[k], &iter, &err));
      assert_null(iter);
      CONTAINS(err.message, "range.");
    }
  }
  hf_persist_close(p);
}

static void iterators_answer_closed_after_their_handle(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_iter *iter, *fresh;
  const hf_entry *e;
  hf_persist *p = open_persist(s, "signal"), *other = open_persist(s, "other");
  write_text(other, "x", "1");
  fill(p, 1, 100);
  OK(hf_iter_open(p, NULL, &iter, &err));
  OK(hf_iter_open(p, NULL, &fresh, &err));
  OK(hf_iter_next(iter, &e, &err));
  hf_persist_close(p);
  for (int i = 0; i < 2; i++) {
    FAILS(HF_CLOSED, hf_iter_next(iter, &e, &err));
    assert_null(e);
    FAILS(HF_CLOSED, hf_iter_next(fresh, &e, &err));
  }
  hf_iter_close(iter);
  hf_iter_close(fresh);
  assert_entity(other, "x", "1");
  hf_persist_close(other);
}

static void an_entry_is_valid_until_the_next_call(void **state) {
  hf_error err;
  hf_iter *iter;
  const hf_entry *e;
  hf_persist *p = open_persist(*state, "signal");
  fill(p, 1, 10);
  OK(hf_iter_open(p, NULL, &iter, &err));
  OK(hf_iter_next(iter, &e, &err));
  OK(hf_persist_remove_all(p, &err));
  fill(p, 500, 1500);
  assert_memory_equal(e->id.data, "1", 1);
  assert_memory_equal(e->json.data, "1", 1);
  hf_iter_close(iter);
  hf_persist_close(p);
}

/* ---- transactions */

static void a_transaction_commits_or_undoes_all(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn;
  hf_persist *a = open_persist(s, "a"), *b = open_persist(s, "b");
  write_text(a, "x", "0");
  for (int commit = 0; commit < 2; commit++) {
    OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
    write_text(a, "x", "1");
    write_text(b, "y", "2");
    assert_entity(a, "x", "1");
    assert_int_equal(count_of(b), 1);
    if (commit)
      OK(hf_txn_commit(txn, &err));
    else
      hf_txn_abort(txn);
    assert_entity(a, "x", commit ? "1" : "0");
    assert_entity(b, "y", commit ? "2" : NULL);
  }
  hf_persist_close(a);
  hf_persist_close(b);
}

static void an_empty_transaction_is_fine(void **state) {
  (void)state;
  hf_error err;
  hf_txn *txn;
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  OK(hf_txn_commit(txn, &err));
  OK(hf_txn_begin(HF_TXN_READ, &txn, &err));
  hf_txn_abort(txn);
  hf_txn_abort(NULL);
  FAILS(HF_INVALID_ARGUMENT, hf_txn_begin((hf_txn_kind)5, &txn, &err));
  assert_null(txn);
}

static void transactions_nest(void **state) {
  hf_error err;
  hf_txn *outer, *inner;
  hf_persist *p = open_persist(*state, "signal");
  OK(hf_txn_begin(HF_TXN_WRITE, &outer, &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &inner, &err)); /* binds both */
  write_text(p, "a", "1");
  OK(hf_txn_commit(inner, &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &inner, &err));
  write_text(p, "a", "2");
  write_text(p, "b", "2");
  hf_txn_abort(inner);
  assert_entity(p, "a", "1");
  assert_entity(p, "b", NULL);
  OK(hf_txn_begin(HF_TXN_READ, &inner, &err));
  assert_entity(p, "a", "1");
  FAILS(HF_READONLY, hf_persist_write(p, ID("c"), hf_text("3"), NULL, NULL, &err));
  OK(hf_txn_commit(inner, &err));
  OK(hf_txn_commit(outer, &err));
  assert_entity(p, "a", "1");
  assert_int_equal(count_of(p), 1);
  hf_persist_close(p);
}

static void a_transaction_left_open_inside_another_undoes_both(void **state) {
  hf_error err;
  hf_txn *outer, *inner;
  hf_persist *p = open_persist(*state, "signal");
  for (int commit = 0; commit < 2; commit++) {
    OK(hf_txn_begin(HF_TXN_WRITE, &outer, &err));
    write_text(p, "a", "1");
    OK(hf_txn_begin(HF_TXN_WRITE, &inner, &err));
    write_text(p, "b", "2");
    if (commit)
      FAILS(HF_INVALID_ARGUMENT, hf_txn_commit(outer, &err));
    else
      hf_txn_abort(outer);
    assert_int_equal(count_of(p), 0);
  }
  write_text(p, "c", "3");
  hf_persist_close(p);
}

static void a_transaction_is_on_one_store(void **state) {
  hf_error err;
  hf_txn *txn;
  bool found;
  hf_persist *p = open_persist(*state, "signal"), *other;
  OK(hf_persist_open(ID("signal"), "memory:second", NULL, &other, &err));
  for (int kind = 0; kind < 2; kind++) {
    OK(hf_txn_begin(kind ? HF_TXN_READ : HF_TXN_WRITE, &txn, &err));
    OK(hf_persist_has(p, ID("a"), &found, &err));
    FAILS(HF_UNSUPPORTED, hf_persist_has(other, ID("a"), &found, &err));
    CONTAINS(err.message, hf_persist_url(p));
    CONTAINS(err.message, "memory:second");
    assert_string_equal(err.entity_name, "signal");
    OK(hf_txn_commit(txn, &err));
  }
  hf_persist_close(p);
  hf_persist_close(other);
}

static void closing_handles_inside_a_transaction_loses_nothing(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn;
  hf_persist *keep = open_persist(s, "keep"), *p = open_persist(s, "signal");
  OK(hf_persist_init(keep, &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  write_text(p, "a", "1");
  hf_persist_close(p);
  OK(hf_txn_commit(txn, &err));
  p = open_persist(s, "signal");
  assert_entity(p, "a", "1");
  hf_persist_close(p);
  hf_persist_close(keep);
}

static void a_snapshot_only_reads(void **state) {
  hf_error err;
  hf_txn *txn, *inner;
  hf_persist *p = open_persist(*state, "signal");
  write_text(p, "a", "1");
  OK(hf_txn_begin(HF_TXN_READ, &txn, &err));
  assert_entity(p, "a", "1");
  FAILS(HF_READONLY, hf_persist_write(p, ID("a"), hf_text("2"), NULL, NULL, &err));
  FAILS(HF_READONLY, hf_persist_remove(p, ID("a"), &err));
  FAILS(HF_READONLY, hf_persist_remove_all(p, &err));
  FAILS(HF_READONLY, hf_txn_begin(HF_TXN_WRITE, &inner, &err));
  OK(hf_txn_commit(txn, &err));
  assert_entity(p, "a", "1");
  hf_persist_close(p);
}

/* ---- stores */

static void a_store_lists_its_entity_names(void **state) {
  const struct store *s = *state;
  hf_error err;
  size_t count;
  hf_store *store;
  hf_persist *p[3] = {open_persist(s, "log-10"), open_persist(s, "log-2"), open_persist(s, "never written")};
  write_text(p[0], "a", "1");
  write_text(p[1], "a", "1");
  assert_int_equal(count_of(p[2]), 0);
  OK(hf_store_open(s->base, NULL, &store, &err));
  hf_page *page = hf_page_new();
  OK(hf_store_entities(store, page, &err));
  const hf_entry *e = hf_page_entries(page, &count);
  assert_int_equal(count, 2);
  assert_memory_equal(e[0].id.data, "log-2", 5);
  assert_memory_equal(e[1].id.data, "log-10", 6);
  hf_page_free(page);
  hf_buffer json = HF_BUFFER_INIT;
  OK(hf_store_stat(store, &json, &err));
  cJSON *tree = cJSON_Parse(json.data);
  assert_string_equal(cJSON_GetObjectItem(tree, "backend")->valuestring, s->scheme);
  cJSON_Delete(tree);
  hf_buffer_free(&json);
  hf_store_close(store);
  for (int i = 0; i < 3; i++) hf_persist_close(p[i]);
}

static bool count_calls(void *arg, hf_slice name, const hf_entry *e, const char *problem, const hf_verify_report *r) {
  (void)name, (void)r;
  assert_null(e);
  assert_null(problem);
  return --*(int *)arg > 0;
}

static void a_sound_store_is_verified(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_store *store;
  hf_verify_report report;
  hf_persist *p = open_persist(s, "signal"), *other = open_persist(s, "other");
  fill(p, 1, 1000);
  write_text(other, "x", "12345");
  OK(hf_store_open(s->base, NULL, &store, &err));
  OK(hf_store_verify(store, (hf_slice){NULL, 0}, false, NULL, NULL, &report, &err));
  assert_int_equal(report.entities, 1001);
  assert_int_equal(report.bytes, 9 + 2 * 90 + 3 * 900 + 4 + 5);
  assert_int_equal(report.corrupt, 0);
  assert_int_equal(report.quarantined, 0);
  OK(hf_store_verify(store, ID("other"), true, NULL, NULL, &report, &err));
  assert_int_equal(report.entities, 1);
  OK(hf_store_verify(store, ID("none"), true, NULL, NULL, NULL, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_store_verify(store, ID(""), true, NULL, NULL, &report, &err));
  int calls = 2;
  OK(hf_store_verify(store, (hf_slice){NULL, 0}, true, count_calls, &calls, &report, &err));
  assert_int_equal(calls, 0);
  assert_true(report.entities < 1001);
  hf_store_close(store);
  hf_store_close(NULL);
  hf_persist_close(p);
  hf_persist_close(other);
}

static void what_is_damaged_elsewhere_is_damaged_here(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_iter *iter;
  const hf_entry *e;
  hf_buffer json = HF_BUFFER_INIT;
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "sound", "1");
  FAILS(HF_CONFLICT, hf_persist_quarantine(p, ID("sound"), "why", ID("bytes"), &err));
  FAILS(HF_INVALID_ARGUMENT, hf_persist_quarantine(p, ID(""), "why", ID("bytes"), &err));
  OK(hf_persist_quarantine(p, ID("a-2"), "the \"second\"\nof two", ID("by\ntes"), &err));
  OK(hf_persist_quarantine(p, ID("a-1"), "the first", (hf_slice){NULL, 0}, &err));
  FAILS(HF_CORRUPT, hf_persist_read(p, ID("a-2"), &json, NULL, &err));
  CONTAINS(err.message, "it is in quarantine (the \"second\" of two)");
  assert_true(err.in_quarantine);
  assert_string_equal(err.entity_id, "a-2");
  hf_range range = {.prefix = ID("a-"), .reverse = true};
  for (int keys_only = 0; keys_only < 2; keys_only++) {
    range.keys_only = keys_only;
    OK(hf_persist_quarantined(p, &range, &iter, &err));
    OK(hf_iter_next(iter, &e, &err));
    assert_memory_equal(e->id.data, "a-2", e->id.size);
    assert_int_equal(e->status, HF_CORRUPT);
    assert_string_equal(hf_entry_problem(e), "the \"second\" of two");
    assert_int_equal(e->json.size, keys_only ? 0 : 6);
    if (!keys_only) assert_memory_equal(e->json.data, "by\ntes", 6);
    OK(hf_iter_next(iter, &e, &err));
    assert_string_equal(hf_entry_problem(e), "the first");
    assert_int_equal(e->json.size, 0);
    OK(hf_iter_next(iter, &e, &err));
    assert_null(e);
    hf_iter_close(iter);
  }
  write_text(p, "a-2", "2");
  assert_entity(p, "a-2", "2");
  OK(hf_persist_remove(p, ID("a-1"), &err));
  OK(hf_persist_quarantined(p, NULL, &iter, &err));
  OK(hf_iter_next(iter, &e, &err));
  assert_null(e);
  hf_iter_close(iter);
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void other_options_are_a_conflict(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_persist *p = open_persist(s, "signal"), *other;
  OK(hf_persist_init(p, &err));
  hf_options options = HF_OPTIONS_INIT;
  options.read_only = true;
  OK(hf_persist_open(ID("signal"), s->base, &options, &other, &err));
  FAILS(HF_CONFLICT, hf_persist_init(other, &err));
  assert_string_equal(err.entity_name, "signal");
  assert_string_equal(err.backend, s->scheme);
  hf_persist_close(p);
  if (strcmp(s->scheme, "lmdb") == 0) OK(hf_persist_init(other, &err)); /* tried again, and now alone */
  hf_persist_close(other);
}

/* ---- cJSON */

static void trees_go_in_and_out(void **state) {
  hf_error err;
  hf_info info;
  cJSON *back;
  hf_persist *p = open_persist(*state, "signal");
  cJSON *tree =
      cJSON_Parse("{\"a\":[],\"b\":{},\"c\":[1,2.5,-0.1,null,true,false],\"d\":\"x\\\"\\n\\u00e9\",\"e\":\"\"}");
  cJSON_AddNumberToObject(tree, "inf", INFINITY);
  cJSON_AddNumberToObject(tree, "ninf", -INFINITY);
  cJSON_AddNumberToObject(tree, "third", 1.0 / 3);
  OK(hf_persist_write_cjson(p, ID("a"), tree, NULL, &info, &err));
  assert_true(info.revision > 0 || !has_revisions(p));
  assert_entity(
      p, "a",
      "{\"a\":[],\"b\":{},\"c\":[1,2.5,-0.1,null,true,false],\"d\":\"x\\\"\\n\xC3\xA9\",\"e\":\"\",\"inf\":1e999,"
      "\"ninf\":-1e999,\"third\":0.3333333333333333}");
  OK(hf_persist_read_cjson(p, ID("a"), &back, &err));
  assert_true(cJSON_Compare(tree, back, true) || isinf(cJSON_GetObjectItem(back, "inf")->valuedouble));
  assert_true(cJSON_GetObjectItem(back, "inf")->valuedouble == INFINITY);
  assert_true(cJSON_GetObjectItem(back, "ninf")->valuedouble == -INFINITY);
  assert_true(cJSON_GetObjectItem(back, "third")->valuedouble == 1.0 / 3);
  cJSON_Delete(back);
  cJSON_Delete(tree);
  hf_persist_close(p);
}

static void trees_that_cannot_be_stored_are_refused(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  cJSON *tree = cJSON_CreateObject();
  cJSON_AddNumberToObject(tree, "prices", NAN);
  FAILS(HF_INVALID_VALUE, hf_persist_write_cjson(p, ID("a"), tree, NULL, NULL, &err));
  CONTAINS(err.message, "cannot store NaN");
  CONTAINS(err.message, "prices");
  assert_string_equal(err.entity_id, "a");
  cJSON_Delete(tree);
  tree = cJSON_CreateString("\xFF");
  FAILS(HF_INVALID_VALUE, hf_persist_write_cjson(p, ID("a"), tree, NULL, NULL, &err));
  cJSON_Delete(tree);
  tree = cJSON_CreateRaw("{}");
  FAILS(HF_INVALID_VALUE, hf_persist_write_cjson(p, ID("a"), tree, NULL, NULL, &err));
  cJSON_Delete(tree);
  FAILS(HF_INVALID_VALUE, hf_persist_write_cjson(p, ID("a"), NULL, NULL, NULL, &err));
  for (int depth = HF_DEPTH_MAX; depth <= HF_DEPTH_MAX + 1; depth++) {
    tree = cJSON_CreateArray();
    for (int i = 1; i < depth; i++) {
      cJSON *outer = cJSON_CreateArray();
      cJSON_AddItemToArray(outer, tree);
      tree = outer;
    }
    if (depth == HF_DEPTH_MAX)
      OK(hf_persist_write_cjson(p, ID("deep"), tree, NULL, NULL, &err));
    else
      FAILS(HF_INVALID_VALUE, hf_persist_write_cjson(p, ID("deeper"), tree, NULL, NULL, &err));
    cJSON_Delete(tree);
  }
  assert_int_equal(count_of(p), 1);
  hf_persist_close(p);
}

static void a_nul_inside_a_string_is_not_lost_silently(void **state) {
  hf_error err;
  cJSON *tree = NULL;
  hf_persist *p = open_persist(*state, "signal");
  static const char *const with[] = {"\"a\\u0000b\"", "{\"\\u0000\":1}", "\"\\\\\\u0000\""};
  for (size_t i = 0; i < 3; i++) {
    write_text(p, "a", with[i]);
    FAILS(HF_UNSUPPORTED, hf_persist_read_cjson(p, ID("a"), &tree, &err));
    assert_null(tree);
    assert_string_equal(err.entity_id, "a");
  }
  static const char *const without[] = {"\"a\\\\u0000b\"", "\"\\u0001\"", "\"\\u00000\\\\\""};
  for (size_t i = 0; i < 2; i++) {
    write_text(p, "a", without[i]);
    OK(hf_persist_read_cjson(p, ID("a"), &tree, &err));
    cJSON_Delete(tree);
  }
  FAILS(HF_NOT_FOUND, hf_persist_read_cjson(p, ID("none"), &tree, &err));
  hf_persist_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_ALL(an_entity_is_written_read_and_removed),
      ON_ALL(a_missing_entity_is_named),
      ON_BOTH(info_tells_revision_and_time),
      ON_BOTH(conditions_are_checked),
      ON_ALL(bad_ids_and_names_are_refused),
      ON_ALL(ids_of_full_length_with_any_byte_work),
      ON_ALL(bad_values_are_refused),
      ON_ALL(no_error_object_is_needed),
      ON_ALL(a_closed_handle_is_gone_for_good),
      ON_ALL(name_and_url_are_known),
      ON_ALL(stat_is_a_json_object),
      ON_ALL(a_batch_is_read_at_one_go),
      ON_ALL(of_two_items_with_one_id_the_later_wins),
      ON_ALL(a_batch_with_a_bad_id_writes_nothing),
      ON_ALL(removing_many_counts_those_that_were_there),
      ON_ALL(an_iterator_hands_out_everything_in_order),
      ON_ALL(a_range_is_copied_and_checked),
      ON_ALL(iterators_answer_closed_after_their_handle),
      ON_ALL(an_entry_is_valid_until_the_next_call),
      ON_BOTH(a_transaction_commits_or_undoes_all),
      ON_BOTH(an_empty_transaction_is_fine),
      ON_BOTH(transactions_nest),
      ON_BOTH(a_transaction_left_open_inside_another_undoes_both),
      ON_BOTH(a_transaction_is_on_one_store),
      ON_BOTH(closing_handles_inside_a_transaction_loses_nothing),
      ON_BOTH(a_snapshot_only_reads),
      ON_ALL(a_store_lists_its_entity_names),
      ON_ALL(a_sound_store_is_verified),
      ON_ALL(what_is_damaged_elsewhere_is_damaged_here),
      ON_ALL(other_options_are_a_conflict),
      ON_ALL(trees_go_in_and_out),
      ON_ALL(trees_that_cannot_be_stored_are_refused),
      ON_ALL(a_nul_inside_a_string_is_not_lost_silently),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
