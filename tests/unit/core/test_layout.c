/* SPDX-License-Identifier: MIT
 *
 * Public structs grow, and programs that were compiled before go on running.  The first test is the list of their
 * sizes: who changes one reads "Structs that grow" in docs/embedding.md, and then changes the list.
 */
#include "unit/support.h"

#include "base/layout.h"
#include "core/backends.h"

#if UINTPTR_MAX == UINT64_MAX
#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " has another size: see docs/embedding.md")
#else
#define SIZE(type, size) _Static_assert(sizeof(type), "")
#endif

/* Filled by Holdfast, or in arrays: these never change; what is new goes where something is reserved. */
SIZE(hf_slice, 16);
SIZE(hf_buffer, 24);
SIZE(hf_error, 5016);
SIZE(hf_info, 32);
SIZE(hf_entry, 88);
SIZE(hf_item, 48);
SIZE(hf_finding, 56);
SIZE(hf_check_report, 64);
SIZE(hf_rescued, 160);
SIZE(hf_rescue_report, 88);
SIZE(hf_verify_report, 64);
SIZE(hf_adapter_info, 56);
SIZE(hf_adapter_place, 8256);
SIZE(hf_setting, 80);
SIZE(hf_setting_value, 32);
SIZE(hf_txn_part, 48);
SIZE(hf_index_problem, 32);
SIZE(hf_change, 112);
SIZE(hf_moment, 16);

/* Filled by the caller: these grow at the end.  Their last member leaves no gap after it, in which a new one would
 * not change struct_size. */
#define GROWS(type, size, last)                                                                                        \
  SIZE(type, size);                                                                                                    \
  _Static_assert(offsetof(type, last) + sizeof(((type *)0)->last) == sizeof(type), #type " ends in a gap")
GROWS(hf_options, 40, given);
GROWS(hf_write_options, 40, expires_at);
GROWS(hf_watch_options, 96, reserved);
GROWS(hf_range, 96, index);
GROWS(hf_adapter_spec, 72, follows);

/* Filled by the core for backends, which get arrays of the first two: a change of those raises HF_BACKEND_ABI. */
SIZE(hf_key, 32);
SIZE(hf_put, 56);

/* Filled by backends: a slot more comes at the end; another order of those that there are raises HF_BACKEND_ABI. */
SIZE(hf_backend, 512);
_Static_assert(offsetof(hf_backend, refuses_writers) + sizeof(uint64_t) == sizeof(hf_backend),
               "hf_backend ends in a gap");

/* ---- callers of other versions */

/* A struct that has grown by two members since its first form, and what programs have of it. */
typedef struct grown {
  size_t struct_size;
  uint64_t first;
  uint64_t second, third;
} grown;

typedef struct newest {
  grown known;
  uint64_t fourth;
} newest;

static const hf__layout layout = HF__LAYOUT(grown, "GROWN_INIT", first);

static void an_older_program_has_the_members_that_it_knows(void **state) {
  (void)state;
  hf_error err;
  grown out, given = {.first = 1, .second = 0xAAAA, .third = 0xAAAA}; /* what lies after an older one's */
  OK(hf__layout_take(&layout, &out, &given, &err));
  assert_memory_equal(&out, (&(grown){sizeof(grown), 1, 0, 0}), sizeof out);
  given.struct_size = offsetof(grown, third);
  OK(hf__layout_take(&layout, &out, &given, &err));
  assert_memory_equal(&out, (&(grown){sizeof(grown), 1, 0xAAAA, 0}), sizeof out);
}

static void a_newer_program_may_not_ask_for_more_than_there_is(void **state) {
  (void)state;
  hf_error err;
  grown out;
  newest given = {{sizeof given, 1, 2, 3}, 0};
  OK(hf__layout_take(&layout, &out, &given, &err));
  assert_memory_equal(&out, (&(grown){sizeof(grown), 1, 2, 3}), sizeof out);
  given.fourth = (uint64_t)1 << 63;
  FAILS(HF_INVALID_ARGUMENT, hf__layout_take(&layout, &out, &given, &err));
  CONTAINS(err.message, "grown asks for something that Holdfast " HF_VERSION_STRING " does not have");
}

static void a_size_that_is_none_is_refused(void **state) {
  (void)state;
  static const size_t bad[] = {1, offsetof(grown, second) - 1, 1 << 20, SIZE_MAX};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    hf_error err;
    grown out, given = {.struct_size = bad[i]};
    FAILS(HF_INVALID_ARGUMENT, hf__layout_take(&layout, &out, &given, &err));
    CONTAINS(err.message, "start from GROWN_INIT");
  }
}

/* ---- the structs of the header */

static void every_function_takes_its_struct_as_zero_and_as_initialised(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_persist *p = open_persist(s, "signal");
  hf_iter *iter;
  hf_adapters *set;
  const hf_entry *entry;
  hf_write_options written = HF_WRITE_OPTIONS_INIT;
  hf_range range = HF_RANGE_INIT;
  hf_adapter_spec spec = HF_ADAPTER_SPEC_INIT;
  hf_options options = HF_OPTIONS_INIT;
  spec.name = "PersistOrderAdapter";
  spec.entity_name = "order";
  spec.id = "{id}";
  OK(hf_adapters_new(&set, &err));
  for (size_t i = 0; i < 2; i++) {
    OK(hf_persist_write(p, hf_text("a"), hf_text("1"), &written, NULL, &err));
    OK(hf_iter_open(p, &range, &iter, &err));
    OK(hf_iter_next(iter, &entry, &err));
    assert_non_null(entry);
    hf_iter_close(iter);
    OK(hf_adapter_define(set, &spec, &err));
    OK(hf_adapter_use(set, spec.name, "memory:layout", &options, &err));
    written.struct_size = range.struct_size = spec.struct_size = options.struct_size = 0;
  }
  hf_adapters_free(set);
  hf_persist_close(p);
}

static void every_function_refuses_a_struct_that_is_not_initialised(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_persist *p = open_persist(s, "signal");
  hf_persist *other;
  hf_iter *iter;
  hf_adapters *set;
  hf_write_options written = {.struct_size = 3};
  hf_range range = {.struct_size = 3};
  hf_adapter_spec spec = {.struct_size = 3};
  hf_options options = {.struct_size = 3};
  OK(hf_adapters_new(&set, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_persist_write(p, hf_text("a"), hf_text("1"), &written, NULL, &err));
  CONTAINS(err.message, "hf_write_options.struct_size is 3: start from HF_WRITE_OPTIONS_INIT");
  assert_string_equal(err.entity_name, "signal");
  assert_int_equal(count_of(p), 0);
  FAILS(HF_INVALID_ARGUMENT, hf_iter_open(p, &range, &iter, &err));
  CONTAINS(err.message, "start from HF_RANGE_INIT");
  FAILS(HF_INVALID_ARGUMENT, hf_adapter_define(set, &spec, &err));
  CONTAINS(err.message, "start from HF_ADAPTER_SPEC_INIT");
  FAILS(HF_INVALID_ARGUMENT, hf_adapter_use(set, "PersistRiskAdapter", "memory:layout", &options, &err));
  CONTAINS(err.message, "start from HF_OPTIONS_INIT");
  FAILS(HF_INVALID_ARGUMENT, hf_persist_open(hf_text("signal"), s->base, &options, &other, &err));
  hf_item item = {.id = hf_text("a"), .json = hf_text("1"), .reserved = {1}};
  FAILS(HF_INVALID_ARGUMENT, hf_persist_write_many(p, &item, 1, &err));
  CONTAINS(err.message, "hf_item.reserved must be 0");
  assert_int_equal(count_of(p), 0);
  hf_adapters_free(set);
  hf_persist_close(p);
}

#define RESERVED(object) assert_memory_equal((object)->reserved, zero, sizeof(object)->reserved)

static void what_holdfast_fills_has_zero_where_it_is_reserved(void **state) {
  const struct store *s = *state;
  static const uint64_t zero[16];
  hf_error err;
  hf_info info;
  hf_verify_report report;
  hf_adapter_info about;
  hf_adapter_place place;
  hf_store *store;
  hf_adapters *set;
  hf_buffer json = HF_BUFFER_INIT;
  hf_persist *p = open_persist(s, "signal");
  memset(&err, 0xAA, sizeof err);
  memset(&report, 0xAA, sizeof report);
  memset(&about, 0xAA, sizeof about);
  memset(&place, 0xAA, sizeof place);
  FAILS(HF_NOT_FOUND, hf_persist_read(p, hf_text("a"), &json, NULL, &err));
  RESERVED(&err);
  memset(&info, 0xAA, sizeof info);
  OK(hf_persist_write(p, hf_text("a"), hf_text("1"), NULL, &info, &err));
  RESERVED(&info);
  memset(&info, 0xAA, sizeof info);
  OK(hf_persist_read(p, hf_text("a"), &json, &info, &err));
  RESERVED(&info);
  OK(hf_store_open(s->base, NULL, &store, &err));
  OK(hf_store_verify(store, (hf_slice){NULL, 0}, true, NULL, NULL, &report, &err));
  RESERVED(&report);
  OK(hf_adapters_new(&set, &err));
  assert_true(hf_adapters_at(set, 0, &about));
  RESERVED(&about);
  assert_int_equal(about.spec->struct_size, sizeof *about.spec);
  OK(hf_adapter_use(set, about.spec->name, s->base, NULL, &err));
  OK(hf_adapter_find_place(set, about.spec->name, &place, &err));
  RESERVED(&place);
  hf_adapters_free(set);
  hf_store_close(store);
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void a_page_hands_out_its_entries_one_by_one(void **state) {
  const struct store *s = *state;
  static const uint64_t zero[16];
  hf_error err;
  hf_persist *p = open_persist(s, "signal");
  hf_page *page = hf_page_new();
  const hf_slice ids[] = {hf_text("b"), hf_text("none"), hf_text("a")};
  size_t count;
  assert_null(hf_page_entry(page, 0));
  write_text(p, "a", "1");
  write_text(p, "b", "2");
  OK(hf_persist_read_many(p, ids, 3, page, &err));
  const hf_entry *entries = hf_page_entries(page, &count);
  assert_int_equal(count, 3);
  for (size_t i = 0; i < 3; i++) {
    assert_ptr_equal(hf_page_entry(page, i), &entries[i]);
    assert_memory_equal(entries[i].id.data, ids[i].data, ids[i].size);
    RESERVED(&entries[i]);
    RESERVED(&entries[i].info);
  }
  assert_null(hf_page_entry(page, 3));
  assert_null(hf_page_entry(page, SIZE_MAX));
  hf_page_free(page);
  hf_persist_close(p);
}

/* ---- tables of backends */

extern const hf_backend hf__backend_null;

/* Memory of exactly this size, so that a sanitizer sees what reads more. */
static hf_backend *table(const char *name, size_t size, uint32_t struct_size, const hf_backend *next) {
  hf_backend full = hf__backend_null, *b = malloc(size);
  assert_non_null(b);
  full.name = name;
  full.struct_size = struct_size;
  full.next = next;
  memcpy(b, &full, size < sizeof full ? size : sizeof full);
  return b;
}

static void a_backend_of_an_older_header_has_the_slots_that_it_knows(void **state) {
  (void)state;
  const size_t first = offsetof(hf_backend, quarantine_scan);
  hf_error err;
  static hf_backend *volatile next, *volatile older; /* what is registered lives as long as the process */
  next = table("older-too", first, (uint32_t)first, NULL);
  older = table("older", first, 0, next);
  OK(hf_backend_register(older, &err));
  for (size_t i = 0; i < 2; i++) {
    const hf_backend *found = hf__backend_find(i ? "older-too" : "older");
    assert_non_null(found);
    const char *bytes = (const char *)found;
    for (size_t at = first; at < sizeof *found; at++) assert_int_equal(bytes[at], 0);
    assert_ptr_equal(found->get, hf__backend_null.get);
  }
  static hf_backend *volatile newer;
  newer = table("newer", sizeof *newer, sizeof *newer + 8, NULL);
  OK(hf_backend_register(newer, &err));
  assert_ptr_equal(hf__backend_find("newer"), newer);
  hf_backend *wrong = table("wrong", first, (uint32_t)first - 1, NULL);
  FAILS(HF_INVALID_ARGUMENT, hf_backend_register(wrong, &err));
  CONTAINS(err.message, "backend 'wrong': struct_size is");
  wrong->struct_size = 0;
  wrong->abi_version = HF_BACKEND_ABI - 1;
  FAILS(HF_INVALID_ARGUMENT, hf_backend_register(wrong, &err));
  free(wrong);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_older_program_has_the_members_that_it_knows),
      cmocka_unit_test(a_newer_program_may_not_ask_for_more_than_there_is),
      cmocka_unit_test(a_size_that_is_none_is_refused),
      ON_ALL(every_function_takes_its_struct_as_zero_and_as_initialised),
      ON_ALL(every_function_refuses_a_struct_that_is_not_initialised),
      ON_ALL(what_holdfast_fills_has_zero_where_it_is_reserved),
      ON_ALL(a_page_hands_out_its_entries_one_by_one),
      cmocka_unit_test(a_backend_of_an_older_header_has_the_slots_that_it_knows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
