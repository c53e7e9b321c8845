/* SPDX-License-Identifier: MIT
 *
 * Buffers and pages: memory that grows, keeps what it has, and is used again.
 */
#include "core/page.h"

#include "unit/support.h"

static void a_buffer_grows_and_ends_in_a_zero(void **state) {
  (void)state;
  hf_buffer b = HF_BUFFER_INIT;
  char expected[5001];
  for (size_t i = 0; i < 5000; i++) {
    char c = (char)('a' + i % 26);
    expected[i] = c;
    assert_true(hf_buffer_add(&b, &c, 1));
    assert_int_equal(b.size, i + 1);
    assert_int_equal(b.data[b.size], 0);
    assert_true(b.capacity > b.size);
  }
  assert_memory_equal(b.data, expected, 5000);
  assert_true(hf_buffer_add(&b, NULL, 0));
  assert_int_equal(b.size, 5000);
  hf_buffer_free(&b);
  assert_null(b.data);
  assert_int_equal(b.size, 0);
  assert_int_equal(b.capacity, 0);
  hf_buffer_free(&b);
  hf_buffer_free(NULL);
}

static void reserving_keeps_the_content(void **state) {
  (void)state;
  hf_buffer b = HF_BUFFER_INIT;
  assert_true(hf_buffer_add(&b, "abc", 3));
  assert_true(hf_buffer_reserve(&b, 100000));
  assert_true(b.capacity > 100000);
  assert_int_equal(b.size, 3);
  assert_memory_equal(b.data, "abc", 3);
  assert_true(hf_buffer_reserve(&b, 0));
  assert_true(b.capacity > 100000);
  hf_buffer_free(&b);
}

static void too_much_is_refused_and_harms_nothing(void **state) {
  (void)state;
  hf_buffer b = HF_BUFFER_INIT;
  assert_true(hf_buffer_add(&b, "abc", 3));
  assert_false(hf_buffer_reserve(&b, SIZE_MAX));
  assert_false(hf_buffer_reserve(&b, SIZE_MAX - 1));
  assert_false(hf_buffer_reserve(&b, SIZE_MAX / 2 + 1));
  assert_string_equal(b.data, "abc");
  hf_buffer_free(&b);
}

static void text_is_formatted_and_quoted_after_what_is_there(void **state) {
  (void)state;
  hf_buffer b = HF_BUFFER_INIT;
  assert_true(hf_buffer_printf(&b, "%d-%s", 7, "x"));
  assert_true(hf_buffer_quote(&b, (hf_slice){"a\"\n\0b", 5}));
  assert_true(hf_buffer_printf(&b, "%s", ""));
  assert_string_equal(b.data, "7-x\"a\\\"\\n\\u0000b\"");
  char longer[3000];
  memset(longer, 'l', sizeof longer - 1);
  longer[sizeof longer - 1] = '\0';
  size_t before = b.size;
  assert_true(hf_buffer_printf(&b, "%s!", longer));
  assert_int_equal(b.size, before + sizeof longer);
  assert_int_equal(b.data[b.size - 1], '!');
  hf_buffer_free(&b);
}

static void entries_stay_where_they_are_while_a_page_fills(void **state) {
  (void)state;
  hf_page *page = hf_page_new();
  enum { N = 3000 };
  static const char *ids[N], *texts[N];
  for (size_t i = 0; i < N; i++) {
    char id[32], json[4000];
    snprintf(id, sizeof id, "id-%zu", i);
    size_t size = i * 37 % sizeof json;
    memset(json, (int)('a' + i % 26), size);
    hf_entry *e = hf_page_add(page, hf_text(id), json, size);
    assert_non_null(e);
    ids[i] = e->id.data;
    texts[i] = e->json.data;
    assert_true(e->id.data != id);
  }
  size_t count;
  const hf_entry *entries = hf_page_entries(page, &count);
  assert_int_equal(count, N);
  for (size_t i = 0; i < N; i++) {
    char id[32];
    snprintf(id, sizeof id, "id-%zu", i);
    assert_ptr_equal(entries[i].id.data, ids[i]);
    assert_ptr_equal(entries[i].json.data, texts[i]);
    assert_int_equal(entries[i].id.size, strlen(id));
    assert_memory_equal(entries[i].id.data, id, strlen(id));
    assert_int_equal(entries[i].json.size, i * 37 % 4000);
    for (size_t k = 0; k < entries[i].json.size; k += 97)
      assert_int_equal(entries[i].json.data[k], (char)('a' + i % 26));
    assert_int_equal(entries[i].status, HF_OK);
    assert_int_equal(entries[i].info.revision, 0);
  }
  hf_page_free(page);
}

static void a_page_is_used_again(void **state) {
  (void)state;
  hf_page *page = hf_page_new();
  size_t count;
  for (int round = 0; round < 20; round++) {
    hf__page_reset(page);
    hf_page_entries(page, &count);
    assert_int_equal(count, 0);
    for (int i = 0; i < 50 * round; i++) {
      hf_entry *e = hf_page_add(page, hf_text("id"), "123", 3);
      e->status = HF_CORRUPT;
      e->info.revision = 9;
    }
    hf_entry *e = hf_page_add(page, hf_text("last"), NULL, 0);
    assert_int_equal(e->status, HF_OK);
    assert_int_equal(e->info.revision, 0);
    hf_page_entries(page, &count);
    assert_int_equal(count, 50 * round + 1);
  }
  hf_page_free(page);
  hf_page_free(NULL);
}

static void room_for_a_value_may_be_filled_later(void **state) {
  (void)state;
  hf_page *page = hf_page_new();
  hf_entry *e = hf_page_add(page, hf_text("a"), NULL, 100000);
  assert_non_null(e->json.data);
  memset((char *)(uintptr_t)e->json.data, 'v', 100000);
  hf_entry *none = hf_page_add(page, hf_text("b"), NULL, 0);
  assert_null(none->json.data);
  size_t count;
  const hf_entry *entries = hf_page_entries(page, &count);
  assert_int_equal(entries[0].json.size, 100000);
  assert_int_equal(entries[0].json.data[99999], 'v');
  hf_page_free(page);
}

static void a_quoted_member_is_read_back(void **state) {
  (void)state;
  static const char texts[][16] = {"", "plain", "\"", "\\", "a\nb\tc\1\x1f", "\xc3\xa9\"}", "\"x\":\"y\""};
  char out[32];
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    hf_buffer b = HF_BUFFER_INIT;
    assert_true(hf_buffer_printf(&b, "{\"n\":") && hf_buffer_quote(&b, hf_text("\"x\":\"no\"")) &&
                hf_buffer_printf(&b, ",\"x\":") && hf_buffer_quote(&b, hf_text(texts[i])) && hf_buffer_add(&b, "}", 1));
    hf_slice object = {b.data, b.size};
    assert_int_equal(hf_json_member(object, "x", out, sizeof out), strlen(texts[i]));
    assert_string_equal(out, texts[i]);
    assert_int_equal(hf_json_member(object, "y", out, sizeof out), 0);
    assert_int_equal(hf_json_member(object, "x", out, 1), 0);
    for (size_t cut = 0; cut < b.size; cut++) { /* nothing is read after the end */
      char *copy = malloc(cut + 1);
      memcpy(copy, b.data, cut);
      hf_json_member((hf_slice){copy, cut}, "x", out, sizeof out);
      free(copy);
    }
    hf_buffer_free(&b);
  }
}

static void where_a_scan_failed_is_kept_until_the_next(void **state) {
  (void)state;
  hf_page *page = hf_page_new();
  char id[HF_ID_MAX + 8];
  memset(id, 'i', sizeof id);
  assert_null(page->failed_at.data);
  hf_page_fail_at(page, (hf_slice){id, HF_ID_MAX});
  id[0] = 'x';
  assert_int_equal(page->failed_at.size, HF_ID_MAX);
  assert_int_equal(page->failed_at.data[0], 'i');
  hf_page_fail_at(page, (hf_slice){id, sizeof id}); /* what is left of a damaged key */
  assert_int_equal(page->failed_at.size, HF_ID_MAX);
  hf_page_fail_at(page, (hf_slice){NULL, 0});
  assert_non_null(page->failed_at.data);
  assert_int_equal(page->failed_at.size, 0);
  hf__page_reset(page);
  assert_null(page->failed_at.data);
  hf_page_free(page);
}

static void a_new_page_is_empty(void **state) {
  (void)state;
  hf_page *page = hf_page_new();
  size_t count = 7;
  hf_page_entries(page, &count);
  assert_int_equal(count, 0);
  hf_page_free(page);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_buffer_grows_and_ends_in_a_zero),
      cmocka_unit_test(reserving_keeps_the_content),
      cmocka_unit_test(too_much_is_refused_and_harms_nothing),
      cmocka_unit_test(text_is_formatted_and_quoted_after_what_is_there),
      cmocka_unit_test(entries_stay_where_they_are_while_a_page_fills),
      cmocka_unit_test(a_page_is_used_again),
      cmocka_unit_test(room_for_a_value_may_be_filled_later),
      cmocka_unit_test(where_a_scan_failed_is_kept_until_the_next),
      cmocka_unit_test(a_new_page_is_empty),
      cmocka_unit_test(a_quoted_member_is_read_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
