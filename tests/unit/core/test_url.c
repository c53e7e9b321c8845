/* SPDX-License-Identifier: MIT
 *
 * Store URLs: what they mean, what is refused, and that passwords do not show.
 */
#include "core/backends.h"
#include "core/options.h"
#include "core/url.h"

#include "unit/support.h"

static void a_bare_path_is_an_lmdb_directory_as_it_is(void **state) {
  (void)state;
  hf_error err;
  static const char *const paths[] = {"./data", "/a b/%41?x=1&y", "data", "../x:y", "a/b:c", "Data:x", "C:\\x", "%"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    hf__url url;
    OK(hf__url_parse(paths[i], NULL, &url, &err));
    assert_string_equal(url.at.scheme, "lmdb");
    assert_string_equal(url.at.path, paths[i]);
    assert_string_equal(url.at.query, "");
    assert_ptr_equal(url.at.options, &url.options);
    hf__url_free(&url);
  }
}

static void a_url_has_scheme_path_and_settings(void **state) {
  (void)state;
  hf_error err;
  hf__url url;
  OK(hf__url_parse("lmdb:./a%20b%2Fc?durability=nosync&mapsize=16m&maxsize=4g&readonly=1&create=0&networkfs=true", NULL,
                   &url, &err));
  assert_string_equal(url.at.scheme, "lmdb");
  assert_string_equal(url.at.rest, "./a%20b%2Fc");
  assert_string_equal(url.at.path, "./a b/c");
  assert_int_equal(url.options.durability, HF_DURABILITY_NOSYNC);
  assert_int_equal(url.options.map_size, 16 << 20);
  assert_true(url.options.max_size == UINT64_C(4) << 30);
  assert_true(url.options.read_only && url.options.must_exist && url.options.allow_network_fs);
  hf__url_free(&url);
  OK(hf__url_parse("memory:", NULL, &url, &err));
  assert_string_equal(url.at.path, "");
  assert_int_equal(url.options.durability, HF_DURABILITY_SYNC);
  hf__url_free(&url);
  OK(hf__url_parse("lmdb:///absolute/path", NULL, &url, &err));
  assert_string_equal(url.at.path, "/absolute/path");
  hf__url_free(&url);
}

static void settings_in_the_url_override_the_options(void **state) {
  (void)state;
  hf_error err;
  hf__url url;
  hf_options options = HF_OPTIONS_INIT;
  options.durability = HF_DURABILITY_NOSYNC;
  options.map_size = 123;
  options.read_only = true;
  options.must_exist = true;
  OK(hf__url_parse("lmdb:x?durability=sync&readonly=0&create=1", &options, &url, &err));
  assert_int_equal(url.options.durability, HF_DURABILITY_SYNC);
  assert_int_equal(url.options.map_size, 123);
  assert_false(url.options.read_only);
  assert_false(url.options.must_exist);
  hf__url_free(&url);
  OK(hf__url_parse("./x", &options, &url, &err));
  assert_true(url.options.read_only);
  hf__url_free(&url);
}

static void sizes_have_units(void **state) {
  (void)state;
  hf_error err;
  static const struct {
    const char *text;
    uint64_t bytes;
  } sizes[] = {{"0", 0},
               {"1048576", 1048576},
               {"1k", 1024},
               {"3K", 3072},
               {"64m", UINT64_C(64) << 20},
               {"2T", UINT64_C(2) << 40},
               {"18446744073709551615", UINT64_MAX}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    hf__url url;
    OK(hf__url_parse(text_of("lmdb:x?mapsize=%s", sizes[i].text), NULL, &url, &err));
    assert_true(url.options.map_size == sizes[i].bytes);
    hf__url_free(&url);
  }
}

static void an_option_that_is_not_there_is_answered_with_those_that_are(void **state) {
  (void)state;
  hf_error err;
  hf__url url;
  FAILS(HF_INVALID_ARGUMENT, hf__url_parse("file:x?unknown=1", NULL, &url, &err));
  CONTAINS(err.message, "file stores have no option 'unknown'; the options are durability, mapsize");
  for (const hf__option *o = hf__options; o->name; o++) CONTAINS(err.message, o->name);
  if (hf__backend_find("redis")) {
    FAILS(HF_INVALID_ARGUMENT, hf__url_parse("redis:x?unknown=1", NULL, &url, &err));
    CONTAINS(err.message, "networkfs, timeout"); /* what the backend has beside */
  }
  FAILS(HF_INVALID_ARGUMENT, hf__url_parse("lmdb:x?durability=some", NULL, &url, &err));
  for (int i = 0; hf_durability_name((hf_durability)i); i++)
    CONTAINS(err.message, hf_durability_name((hf_durability)i));
}

static void every_option_reaches_a_member_of_its_own(void **state) {
  (void)state;
  hf_error err;
  static const char *const values[] = {"nosync", "1k", "1"};
  for (const hf__option *o = hf__options; o->name; o++) {
    hf_options changed = HF_OPTIONS_INIT, plain = HF_OPTIONS_INIT;
    OK(hf__option_parse(o, o->is_inverted ? "0" : values[o->type], &changed, &err));
    assert_ptr_equal(hf__option_by_name(o->name), o);
    assert_ptr_equal(hf__option_by_key(o->key), o);
    size_t differ = 0, size = o->type == HF__OPTION_BYTES        ? sizeof(uint64_t)
                              : o->type == HF__OPTION_DURABILITY ? sizeof(hf_durability)
                                                                 : sizeof(bool);
    assert_int_equal(changed.given, o->given);
    for (size_t i = 0; i < offsetof(hf_options, given); i++)
      if (((const char *)&changed)[i] != ((const char *)&plain)[i]) {
        assert_true(i >= o->member && i < o->member + size);
        differ++;
      }
    assert_true(differ > 0);
    for (const hf__option *other = hf__options; other != o; other++) assert_true(other->member != o->member);
  }
  assert_null(hf__option_by_name("mapSize"));
  assert_null(hf__option_by_key("mapsize"));
}

static void what_cannot_be_meant_is_refused(void **state) {
  (void)state;
  hf_error err;
  static const char *const bad[] = {
      "",
      "nosuch:x",
      "a.b:c",
      "lmdb:x?unknown=1",
      "lmdb:x?durability=none",
      "lmdb:x?durability=",
      "lmdb:x?durability",
      "lmdb:x?=1",
      "lmdb:x?durability=sync&&readonly=1",
      "lmdb:x?mapsize=",
      "lmdb:x?mapsize=-1",
      "lmdb:x?mapsize=+1",
      "lmdb:x?mapsize= 1",
      "lmdb:x?mapsize=1.5m",
      "lmdb:x?mapsize=1mb",
      "lmdb:x?mapsize=99999999999999999999",
      "lmdb:x?mapsize=99999999999t",
      "lmdb:x?readonly=yes",
      "lmdb:x?create=",
      "lmdb:a%",
      "lmdb:a%4",
      "lmdb:a%zz",
      "lmdb:a%00b",
      "memory:x?durable=1",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    hf__url url;
    hf_status status = hf__url_parse(bad[i], NULL, &url, &err);
    if (status != HF_INVALID_ARGUMENT) fail_msg("'%s' gives %s", bad[i], hf_status_name(status));
    hf_persist *p;
    FAILS(HF_INVALID_ARGUMENT, hf_persist_open(hf_text("signal"), bad[i], NULL, &p, &err));
    assert_null(p);
    assert_string_equal(err.entity_name, "signal");
  }
  hf__url url;
  FAILS(HF_INVALID_ARGUMENT, hf__url_parse(NULL, NULL, &url, &err));
  FAILS(HF_INVALID_ARGUMENT, hf__url_parse("nosuch:x", NULL, &url, &err));
  CONTAINS(err.message, "no 'nosuch' store");
  CONTAINS(err.message, "lmdb");
  CONTAINS(err.message, "./nosuch:x");
}

static void options_that_were_not_initialised_are_refused(void **state) {
  (void)state;
  hf_error err;
  hf__url url;
  hf_options options = HF_OPTIONS_INIT;
  options.struct_size = offsetof(hf_options, max_size);
  FAILS(HF_INVALID_ARGUMENT, hf__url_parse("./x", &options, &url, &err));
  CONTAINS(err.message, "start from HF_OPTIONS_INIT");
  options = (hf_options)HF_OPTIONS_INIT;
  options.durability = (hf_durability)7;
  FAILS(HF_INVALID_ARGUMENT, hf__url_parse("./x", &options, &url, &err));
  options = (hf_options){.map_size = 77};
  OK(hf__url_parse("./x", &options, &url, &err));
  assert_int_equal(url.options.map_size, 77);
  assert_int_equal(url.options.struct_size, sizeof options);
  hf__url_free(&url);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_bare_path_is_an_lmdb_directory_as_it_is),
      cmocka_unit_test(a_url_has_scheme_path_and_settings),
      cmocka_unit_test(settings_in_the_url_override_the_options),
      cmocka_unit_test(sizes_have_units),
      cmocka_unit_test(what_cannot_be_meant_is_refused),
      cmocka_unit_test(an_option_that_is_not_there_is_answered_with_those_that_are),
      cmocka_unit_test(every_option_reaches_a_member_of_its_own),
      cmocka_unit_test(options_that_were_not_initialised_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
