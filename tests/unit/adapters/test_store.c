/* SPDX-License-Identifier: MIT
 *
 * What hosts ask of the stores of adapters: whether one transaction covers two of them, and where they are.
 */
#include <sys/stat.h>

#include "unit/support.h"

static hf_adapters *new_set(void) {
  hf_error err;
  hf_adapters *set;
  OK(hf_adapters_new(&set, &err));
  return set;
}

static void use(hf_adapters *set, const char *name, const char *base) {
  hf_error err;
  OK(hf_adapter_use(set, name, base, NULL, &err));
}

static bool share(hf_adapters *set, const char *name, const char *other) {
  hf_error err;
  bool first, second;
  OK(hf_adapters_share_store(set, name, other, &first, &err));
  OK(hf_adapters_share_store(set, other, name, &second, &err));
  assert_int_equal(first, second);
  return first;
}

static hf_adapter_place place(hf_adapters *set, const char *name) {
  hf_error err;
  hf_adapter_place out;
  OK(hf_adapter_find_place(set, name, &out, &err));
  return out;
}

static void assert_place(hf_adapters *set, const char *base, const char *directory, const char *identity) {
  use(set, "PersistRiskAdapter", base);
  hf_adapter_place p = place(set, "PersistRiskAdapter");
  assert_string_equal(p.directory, directory ? directory : "");
  assert_string_equal(p.identity, identity);
}

/* ---- one transaction */

static void adapters_share_a_store_with_transactions(void **state) {
  const struct store *s = *state;
  hf_error err;
  bool yes;
  hf_adapters *set = new_set();
  hf_adapter_info info;
  use(set, "PersistSignalAdapter", s->base);
  use(set, "PersistScheduleAdapter", s->base);
  use(set, "PersistRiskAdapter", "memory:another");
  use(set, "PersistPartialAdapter", "null:");
  assert_true(share(set, "PersistSignalAdapter", "PersistScheduleAdapter"));
  assert_true(share(set, "PersistSignalAdapter", "PersistSignalAdapter"));
  assert_false(share(set, "PersistSignalAdapter", "PersistRiskAdapter"));
  assert_false(share(set, "PersistPartialAdapter", "PersistPartialAdapter"));
  for (size_t i = 0; i < 4 && hf_adapters_at(set, i, &info); i++)
    assert_string_equal(info.since, "hf_adapters_share_store()");
  FAILS(HF_INVALID_ARGUMENT, hf_adapters_share_store(set, "PersistSignalAdapter", "Persist", &yes, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_adapters_share_store(set, "Persist", "PersistSignalAdapter", &yes, &err));
  hf_adapters_free(set);
}

static void adapters_on_files_share_no_transaction(void **state) {
  const struct store *s = *state;
  hf_adapters *set = new_set();
  use(set, "PersistSignalAdapter", s->base);
  use(set, "PersistScheduleAdapter", s->base);
  assert_false(share(set, "PersistSignalAdapter", "PersistScheduleAdapter"));
  hf_adapters_free(set);
}

static void two_names_of_one_directory_are_one_store(void **state) {
  const struct store *s = *state;
  hf_adapters *set = new_set();
  const char *link = text_of("%s/link", s->directory);
  assert_int_equal(symlink("store", link), 0);
  use(set, "PersistSignalAdapter", s->base);
  use(set, "PersistScheduleAdapter", text_of("lmdb:%s?durability=nosync", link));
  assert_true(share(set, "PersistSignalAdapter", "PersistScheduleAdapter"));
  assert_string_equal(place(set, "PersistSignalAdapter").identity, place(set, "PersistScheduleAdapter").identity);
  hf_adapters_free(set);
}

static void a_store_that_cannot_be_opened_is_an_error(void **state) {
  const struct store *s = *state;
  hf_error err;
  bool yes;
  hf_adapters *set = new_set();
  use(set, "PersistSignalAdapter", text_of("lmdb:%s/none?create=0", s->directory));
  use(set, "PersistScheduleAdapter", s->base);
  FAILS(HF_NOT_FOUND, hf_adapters_share_store(set, "PersistSignalAdapter", "PersistScheduleAdapter", &yes, &err));
  FAILS(HF_NOT_FOUND, hf_adapters_share_store(set, "PersistScheduleAdapter", "PersistSignalAdapter", &yes, &err));
  assert_string_equal(err.entity_name, "signal");
  hf_adapters_free(set);
}

/* ---- places */

static void a_place_is_a_directory_without_links_as_far_as_it_exists(void **state) {
  const struct store *s = *state;
  hf_adapters *set = new_set();
  char *real = realpath(s->directory, NULL);
  assert_int_equal(mkdir(text_of("%s/real", real), 0777) + mkdir(text_of("%s/real/in", real), 0777), 0);
  assert_int_equal(symlink("real/in", text_of("%s/link", real)), 0);
  static const char *const cases[][2] = {
      {"/plain", "/plain"},
      {"//plain/./", "/plain"},
      {"/link", "/real/in"},
      {"/link/../x/y", "/real/x/y"},
      {"/none/../link/none", "/real/in/none"},
      {"/none/x/../../real/", "/real"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char expected[4200];
    snprintf(expected, sizeof expected, "%s%s", real, cases[i][1]);
    assert_place(set, text_of("%s%s", real, cases[i][0]), expected, expected);
    assert_place(set, text_of("lmdb://%s%s?durability=nosync", real, cases[i][0]), expected, expected);
    assert_place(set, text_of("file:%s%s", real, cases[i][0]), expected, expected);
  }
  assert_place(set, text_of("file:%s/100%%25", real), text_of("%s/100%%", real), text_of("%s/100%%", real));
  assert_place(set, "file:/..", "/", "/");
  assert_int_equal(access(text_of("%s/plain", real), F_OK), -1); /* nothing was created */
  hf_adapter_info info;
  assert_true(hf_adapters_at(set, 2, &info));
  assert_null(info.since);
  free(real);
  hf_adapters_free(set);
}

static void a_store_that_is_not_to_be_made_has_a_place_only_if_it_exists(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_adapter_place out;
  hf_options options = HF_OPTIONS_INIT;
  hf_adapters *set = new_set();
  for (int i = 0; i < 3; i++) {
    options.must_exist = i == 1;
    options.read_only = i == 2;
    const char *base = text_of("file:%s/none%s", s->directory, i == 0 ? "?create=0" : "");
    OK(hf_adapter_use(set, "PersistSignalAdapter", base, &options, &err));
    FAILS(HF_NOT_FOUND, hf_adapter_find_place(set, "PersistSignalAdapter", &out, &err));
    CONTAINS(err.message, "there is no store at ");
    OK(hf_adapter_use(set, "PersistSignalAdapter", s->directory, &options, &err));
    OK(hf_adapter_find_place(set, "PersistSignalAdapter", &out, &err));
  }
  hf_adapters_free(set);
}

static void servers_and_memory_have_no_directory(void **state) {
  hf_adapters *set = new_set();
  (void)state;
  assert_place(set, "memory:a", NULL, "memory:a");
  assert_place(set, "null:", NULL, "null:");
  assert_place(set, "redis://user:secret@localhost:7000/1?timeout=1s&durability=sync", NULL,
               "redis://user:***@localhost:7000/1?timeout=1s");
  hf_adapters_free(set);
}

static void a_relative_place_stays_where_it_was_asked_for(void **state) {
  const struct store *s = *state;
  hf_error err;
  char before[4096];
  hf_adapters *set = new_set();
  char *real = realpath(s->directory, NULL);
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(mkdir(text_of("%s/here", real), 0777) + chdir(text_of("%s/here", real)), 0);
  hf_adapter_place asked = place(set, "PersistSignalAdapter"); /* ./dump/data, which nobody has opened yet */
  hf_status used = hf_adapter_use(set, "PersistScheduleAdapter", "sub", NULL, &err);
  assert_int_equal(chdir(before), 0);
  OK(used);
  assert_string_equal(asked.directory, text_of("%s/here/dump/data", real));
  assert_string_equal(place(set, "PersistScheduleAdapter").directory, text_of("%s/here/sub", real));
  hf_slice id[] = {hf_text("main"), hf_text("BTCUSDT")};
  OK(hf_adapter_write(set, "PersistSignalAdapter", id, 2, hf_text("1"), &err));
  OK(hf_adapter_write(set, "PersistScheduleAdapter", id, 2, hf_text("1"), &err));
  assert_int_equal(access(text_of("%s/data.mdb", asked.directory), F_OK), 0);
  assert_string_equal(place(set, "PersistSignalAdapter").directory, asked.directory);
  OK(hf_adapter_close(set, "PersistScheduleAdapter", &err));
  assert_string_equal(place(set, "PersistScheduleAdapter").directory, text_of("%s/here/sub", real));
  free(real);
  hf_adapters_free(set);
}

static void a_place_that_is_too_long_is_refused(void **state) {
  hf_error err;
  hf_adapter_place out;
  char base[6000];
  hf_adapters *set = new_set();
  (void)state;
  for (size_t i = 0; i < sizeof base; i++) base[i] = i % 200 ? 'x' : '/';
  base[sizeof base - 1] = '\0';
  use(set, "PersistSignalAdapter", base);
  FAILS(HF_INVALID_ARGUMENT, hf_adapter_find_place(set, "PersistSignalAdapter", &out, &err));
  assert_string_equal(err.entity_name, "signal");
  FAILS(HF_INVALID_ARGUMENT, hf_adapter_find_place(set, "Persist", &out, &err));
  hf_adapters_free(set);
}

/* ---- classes in Lua */

static const char classes[] =
    "local holdfast = require 'holdfast'\n"
    "local function class(name, parent)\n"
    "  local C = parent:extend(name)\n"
    "  if parent == holdfast.PersistBase then\n"
    "    for _, method in ipairs { 'waitForInit', 'readValue', 'hasValue', 'writeValue', 'removeValue', 'removeAll',\n"
    "      'values', 'keys' } do C[method] = function() end end\n"
    "  else\n"
    "    function C:readValue(id) return parent.readValue(self, id) end\n"
    "  end\n"
    "  package.loaded[name] = C\n"
    "  return C\n"
    "end\n"
    "class('wrapped', holdfast.LmdbPersist) class('memory', holdfast.MemoryPersist) class('own', "
    "holdfast.PersistBase)\n";

static void a_lua_url_is_where_its_instance_is(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_runtime *runtime;
  char *real = realpath(s->directory, NULL);
  OK(hf_runtime_open(&runtime, &err));
  OK(hf_runtime_run_text(runtime, hf_text(classes), "=classes", &err));
  hf_adapters *set = hf_runtime_adapters(runtime);
  const char *there = text_of("%s/there", real);
  assert_place(set, text_of("lua:wrapped?base=%s", there), there, there);
  use(set, "PersistSignalAdapter", text_of("lmdb:%s", there));
  assert_true(share(set, "PersistSignalAdapter", "PersistRiskAdapter"));
  OK(hf_adapter_close(set, "PersistRiskAdapter", &err));
  assert_string_equal(place(set, "PersistRiskAdapter").directory, there);
  OK(hf_adapter_close(set, "PersistRiskAdapter", &err));
  assert_place(set, "lua:memory?base=name", NULL, "memory:name");
  assert_place(set, text_of("lua:own?base=%s", there), there, there);
  assert_place(set, "lua:own?base=http://me:secret@host/", NULL, "http://me:***@host/");
  assert_place(set, "lua:own", NULL, "lua:own");
  free(real);
  hf_runtime_close(runtime);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_BOTH(adapters_share_a_store_with_transactions),
      {"adapters_on_files_share_no_transaction", adapters_on_files_share_no_transaction, setup_file, teardown_store,
       NULL},
      ON_LMDB(two_names_of_one_directory_are_one_store),
      ON_LMDB(a_store_that_cannot_be_opened_is_an_error),
      ON_LMDB(a_place_is_a_directory_without_links_as_far_as_it_exists),
      ON_LMDB(a_store_that_is_not_to_be_made_has_a_place_only_if_it_exists),
      ON_LMDB(servers_and_memory_have_no_directory),
      ON_LMDB(a_relative_place_stays_where_it_was_asked_for),
      ON_LMDB(a_place_that_is_too_long_is_refused),
      ON_LMDB(a_lua_url_is_where_its_instance_is),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
