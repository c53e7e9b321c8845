/* SPDX-License-Identifier: MIT
 *
 * The table of statuses, and the error object: what its functions set, and how long texts are cut.
 */
#include "base/error.h"

#include "unit/support.h"

static void every_status_has_a_name_and_a_meaning(void **state) {
  (void)state;
  for (int i = 0; i < HF_STATUS_COUNT; i++) {
    const char *name = hf_status_name((hf_status)i);
    assert_true(strlen(name) > 1);
    assert_string_not_equal(name, "unknown");
    assert_true(strlen(hf_status_meaning((hf_status)i)) > 5);
    assert_int_equal(hf_status_from_name(name), i);
    for (int j = 0; j < i; j++) assert_string_not_equal(name, hf_status_name((hf_status)j));
  }
  assert_string_equal(hf_status_name(HF_NOT_FOUND), "not_found");
  assert_int_equal(HF_OK, 0);
}

static void a_number_that_is_no_status_is_unknown(void **state) {
  (void)state;
  assert_string_equal(hf_status_name(HF_STATUS_COUNT), "unknown");
  assert_string_equal(hf_status_name((hf_status)-1), "unknown");
  assert_true(*hf_status_meaning((hf_status)1000));
  assert_int_equal(hf_status_from_name("no such"), HF_STATUS_COUNT);
  assert_int_equal(hf_status_from_name(""), HF_STATUS_COUNT);
}

static void the_version_is_the_headers(void **state) {
  (void)state;
  assert_string_equal(hf_version(), HF_VERSION_STRING);
  char text[32];
  snprintf(text, sizeof text, "%d.%d.%d", HF_VERSION_MAJOR, HF_VERSION_MINOR, HF_VERSION_PATCH);
  assert_string_equal(hf_version(), text);
}

static void setting_an_error_sets_every_field(void **state) {
  (void)state;
  hf_error err;
  memset(&err, 'x', sizeof err);
  assert_int_equal(hf_error_set(&err, HF_CONFLICT, "at %d of %s", 3, "five"), HF_CONFLICT);
  assert_int_equal(err.status, HF_CONFLICT);
  assert_true(err.retryable);
  assert_string_equal(err.message, "at 3 of five");
  assert_string_equal(err.backend, "");
  assert_string_equal(err.entity_name, "");
  assert_string_equal(err.entity_id, "");
  assert_string_equal(err.where, "");
  assert_string_equal(err.cause, "");
  hf_error_cause(&err, "errno %d", 5);
  assert_string_equal(err.cause, "errno 5");
  hf_error_set(&err, HF_NOT_FOUND, "x");
  assert_false(err.retryable);
  assert_string_equal(err.cause, "");
}

static void a_lack_of_memory_has_a_status_of_its_own(void **state) {
  (void)state;
  hf_error err;
  assert_int_equal(hf_error_no_memory(&err), HF_NO_MEMORY);
  assert_int_equal(err.status, HF_NO_MEMORY);
  assert_false(err.retryable); /* nothing says that there will be more */
  assert_true(*err.message);
  assert_int_equal(hf_error_no_memory(NULL), HF_NO_MEMORY);
  assert_int_equal(HF_SCRIPT, 14); /* those of 0.1 keep their numbers */
  assert_int_equal(HF_NO_MEMORY, 15);
}

static void no_error_object_is_needed(void **state) {
  (void)state;
  assert_int_equal(hf_error_set(NULL, HF_IO, "%s", "x"), HF_IO);
  hf_error_cause(NULL, "%s", "x");
  hf__error_entity(NULL, hf_text("a"), hf_text("b"));
}

static void long_texts_end_in_dots_at_a_whole_character(void **state) {
  (void)state;
  hf_error err;
  char text[6000];
  for (size_t shift = 0; shift < 4; shift++) {
    memset(text, 'a', shift);
    for (size_t i = shift; i + 4 < sizeof text; i += 3) memcpy(text + i, "\xE6\x97\xA5", 4);
    hf_error_set(&err, HF_IO, "%s", text);
    hf_error_cause(&err, "%s", text);
    const char *const cut[] = {err.message, err.cause};
    const size_t rooms[] = {sizeof err.message, sizeof err.cause};
    for (int i = 0; i < 2; i++) {
      size_t n = strlen(cut[i]);
      assert_true(n < rooms[i] && n > rooms[i] - 8);
      assert_string_equal(cut[i] + n - 3, "...");
      assert_int_equal((n - 3 - shift) % 3, 0);
      assert_memory_equal(cut[i], text, n - 3);
    }
  }
}

static void names_and_ids_of_full_length_fit(void **state) {
  (void)state;
  hf_error err;
  char id[HF_ID_MAX + 1];
  memset(id, 'i', HF_ID_MAX);
  id[HF_ID_MAX] = '\0';
  hf_error_set(&err, HF_IO, "x");
  hf__error_entity(&err, hf_text(id), hf_text(id));
  assert_string_equal(err.entity_name, id);
  assert_string_equal(err.entity_id, id);
  hf__error_entity(&err, (hf_slice){NULL, 0}, hf_text("other"));
  assert_string_equal(err.entity_name, id);
  assert_string_equal(err.entity_id, "other");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_status_has_a_name_and_a_meaning),
      cmocka_unit_test(a_number_that_is_no_status_is_unknown),
      cmocka_unit_test(the_version_is_the_headers),
      cmocka_unit_test(setting_an_error_sets_every_field),
      cmocka_unit_test(a_lack_of_memory_has_a_status_of_its_own),
      cmocka_unit_test(no_error_object_is_needed),
      cmocka_unit_test(long_texts_end_in_dots_at_a_whole_character),
      cmocka_unit_test(names_and_ids_of_full_length_fit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
