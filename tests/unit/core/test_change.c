/* SPDX-License-Identifier: MIT
 *
 * The one door for changes: what passes it, how often, and which handle is the innermost.  The door is taken in here
 * under another name, with one that counts in its place: the linker then leaves out the library's own.
 */
#define hf__change_apply real_change_apply
#include "core/change.c" /* NOLINT(bugprone-suspicious-include) */
#undef hf__change_apply

#include "core/persist.h"
#include "unit/support.h"

hf_status hf__change_apply(hf_persist *p, void *txn, const hf__change *change, hf_error *err);

/* What passed since forget(). */
static struct {
  hf__change_kind kind;
  bool innermost;
} passed[32];
static int passes;

hf_status hf__change_apply(hf_persist *p, void *txn, const hf__change *change, hf_error *err) {
  assert_in_range(passes, 0, sizeof passed / sizeof *passed - 1);
  passed[passes].kind = change->kind;
  passed[passes++].innermost = hf__is_innermost(p);
  return real_change_apply(p, txn, change, err);
}

static void forget(void) { passes = 0; }

/* The one change since forget() was made in the store itself. */
#define PASSED_ONCE(expected)                                                                                          \
  do {                                                                                                                 \
    assert_int_equal(passes, 1);                                                                                       \
    assert_int_equal(passed[0].kind, expected);                                                                        \
    assert_true(passed[0].innermost);                                                                                  \
    forget();                                                                                                          \
  } while (0)

/* It passed for a class, and again for the store that the class wraps. */
#define PASSED_TWICE(expected)                                                                                         \
  do {                                                                                                                 \
    assert_int_equal(passes, 2);                                                                                       \
    assert_int_equal(passed[0].kind, expected);                                                                        \
    assert_false(passed[0].innermost);                                                                                 \
    assert_int_equal(passed[1].kind, expected);                                                                        \
    assert_true(passed[1].innermost);                                                                                  \
    forget();                                                                                                          \
  } while (0)

static const hf_item items[] = {{.id = {"b", 1}, .json = {"2", 1}}, {.id = {"c", 1}, .json = {"3", 1}}};
static const hf_slice ids[] = {{"b", 1}, {"x", 1}, {"c", 1}};

static void each_change_of_a_store_passes_once(void **state) {
  hf_error err;
  uint64_t removed;
  hf_persist *p = open_persist(*state, "signal");
  forget();
  write_text(p, "a", "1");
  PASSED_ONCE(HF__CHANGE_PUT);
  OK(hf_persist_remove(p, hf_text("a"), &err));
  PASSED_ONCE(HF__CHANGE_REMOVE);
  OK(hf_persist_write_many(p, items, 2, &err));
  PASSED_ONCE(HF__CHANGE_PUT_MANY);
  OK(hf_persist_remove_many(p, ids, 3, &removed, &err));
  assert_int_equal(removed, 2);
  PASSED_ONCE(HF__CHANGE_REMOVE_MANY);
  OK(hf_persist_quarantine(p, hf_text("d"), "half of it is missing", hf_text("{"), &err));
  PASSED_ONCE(HF__CHANGE_DAMAGE);
  OK(hf_persist_remove_all(p, &err));
  PASSED_ONCE(HF__CHANGE_CLEAR);
  hf_persist_close(p);
}

/* The revision of an entity that is there. */
static uint64_t revision_of(hf_persist *p, const char *id) {
  hf_error err;
  hf_info info;
  hf_buffer json = HF_BUFFER_INIT;
  OK(hf_persist_read(p, hf_text(id), &json, &info, &err));
  hf_buffer_free(&json);
  return info.revision;
}

static void a_removal_at_a_revision_passes_once(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  write_text(p, "a", "1");
  uint64_t first = revision_of(p, "a");
  write_text(p, "a", "2");
  forget();
  FAILS(HF_CONFLICT, hf_persist_remove_if(p, hf_text("a"), first, &err));
  CONTAINS(err.message, text_of("Entity signal:a is at revision %llu, not %llu",
                                (unsigned long long)revision_of(p, "a"), (unsigned long long)first));
  PASSED_ONCE(HF__CHANGE_REMOVE_IF);
  assert_entity(p, "a", "2");
  OK(hf_persist_remove_if(p, hf_text("a"), revision_of(p, "a"), &err));
  PASSED_ONCE(HF__CHANGE_REMOVE_IF);
  FAILS(HF_NOT_FOUND, hf_persist_remove_if(p, hf_text("a"), first, &err));
  FAILS(HF_NOT_FOUND, hf_persist_remove_if(p, hf_text("a"), 0, NULL));
  FAILS(HF_INVALID_ARGUMENT, hf_persist_remove_if(p, hf_text(""), first, &err));
  OK(hf_persist_quarantine(p, hf_text("d"), "half of it is missing", hf_text("{"), &err));
  FAILS(HF_CORRUPT, hf_persist_remove_if(p, hf_text("d"), 0, &err));
  assert_true(err.in_quarantine);
  hf_persist_close(p);
  p = open_persist(*state, "nothing"); /* an entity name that the store does not have, and has not after it */
  FAILS(HF_NOT_FOUND, hf_persist_remove_if(p, hf_text("a"), first, &err));
  hf_persist_close(p);
}

static void a_batch_without_a_slot_passes_one_by_one(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  assert_null(p->backend->put_many);
  forget();
  OK(hf_persist_write_many(p, items, 2, &err));
  assert_int_equal(passes, 2);
  assert_int_equal(passed[0].kind, HF__CHANGE_PUT);
  assert_int_equal(passed[1].kind, HF__CHANGE_PUT);
  hf_persist_close(p);
}

/* Changes the text, wherever it is in the closed store's file. */
static void damage(const struct store *s, const char *text) {
  static char bytes[1 << 20];
  FILE *file = fopen(text_of("%s/store/data.mdb", s->directory), "r+b");
  assert_non_null(file);
  size_t size = fread(bytes, 1, sizeof bytes, file), count = 0;
  for (char *p = bytes; (p = memmem(p, size - (size_t)(p - bytes), text, strlen(text))); *p = '~', count++) continue;
  assert_true(count > 0);
  rewind(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  fclose(file);
}

static void what_is_found_damaged_passes(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_verify_report report;
  hf_store *store;
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "\"read and found\"");
  write_text(p, "b", "\"scanned and found\"");
  write_text(p, "c", "\"not removed, and found\"");
  uint64_t revision = revision_of(p, "c");
  hf_persist_close(p);
  damage(s, "read and found");
  damage(s, "not removed, and found");
  damage(s, "scanned and found");
  forget();
  p = open_persist(s, "signal");
  FAILS(HF_CORRUPT, hf_persist_read(p, hf_text("a"), &json, NULL, &err));
  PASSED_ONCE(HF__CHANGE_QUARANTINE);
  FAILS(HF_CORRUPT, hf_persist_remove_if(p, hf_text("c"), revision, &err));
  assert_int_equal(passes, 2);
  assert_int_equal(passed[1].kind, HF__CHANGE_QUARANTINE);
  forget();
  hf_persist_close(p);
  OK(hf_store_open(s->base, NULL, &store, &err));
  OK(hf_store_verify(store, (hf_slice){NULL, 0}, false, NULL, NULL, &report, &err));
  assert_int_equal(report.corrupt, 1);
  assert_int_equal(report.quarantined, 3);
  PASSED_ONCE(HF__CHANGE_QUARANTINE);
  hf_store_close(store);
  hf_buffer_free(&json);
}

/* ---- classes */

static const char classes[] =
    "local holdfast = require 'holdfast'\n"
    "local Wrapper = holdfast.LmdbPersist:extend('Wrapper')\n"
    "package.loaded.wrapper = Wrapper\n"
    "function Wrapper:writeValue(id, v, options)\n"
    "  if id == 'swallowed' then return 1 end\n"
    "  return holdfast.LmdbPersist.writeValue(self, id, { hidden = v }, options)\n"
    "end\n"
    "function Wrapper:readValue(id) return holdfast.LmdbPersist.readValue(self, id).hidden end\n"
    "local Own = holdfast.PersistBase:extend('Own')\n"
    "package.loaded.own = Own\n"
    "local values = {}\n"
    "function Own:waitForInit() end\n"
    "function Own:readValue(id) return values[id] end\n"
    "function Own:hasValue(id) return values[id] ~= nil end\n"
    "function Own:writeValue(id, v) values[id] = v end\n"
    "function Own:removeValue(id) values[id] = nil end\n"
    "function Own:removeAll() values = {} end\n"
    "function Own:keys() return {} end\n"
    "function Own:values() return {} end\n";

static hf_persist *open_class(const char *url, hf_runtime **runtime) {
  hf_error err;
  hf_persist *p;
  OK(hf_runtime_open(runtime, &err));
  OK(hf_runtime_run_text(*runtime, hf_text(classes), "=classes", &err));
  OK(hf_persist_open(hf_text("signal"), url, NULL, &p, &err));
  OK(hf_persist_init(p, &err));
  forget();
  return p;
}

static void a_change_through_a_class_passes_again_for_its_store(void **state) {
  const struct store *s = *state;
  hf_error err;
  uint64_t removed;
  hf_runtime *runtime;
  hf_persist *p = open_class(text_of("lua:wrapper?base=%s/store", s->directory), &runtime);
  assert_false(hf__is_innermost(p));
  assert_true(hf__is_innermost(p->wrapped));
  write_text(p, "a", "1"); /* by a method of the class */
  PASSED_TWICE(HF__CHANGE_PUT);
  OK(hf_persist_remove(p, hf_text("a"), &err)); /* handed down */
  PASSED_TWICE(HF__CHANGE_REMOVE);
  FAILS(HF_UNSUPPORTED, hf_persist_remove_if(p, hf_text("a"), 1, &err)); /* since it tells no revisions */
  assert_int_equal(passes, 0);
  OK(hf_persist_write_many(p, items, 2, &err)); /* one by one, since the class has no writeMany */
  assert_int_equal(passes, 4);
  forget();
  OK(hf_persist_remove_many(p, ids, 3, &removed, &err));
  PASSED_TWICE(HF__CHANGE_REMOVE_MANY);
  OK(hf_persist_quarantine(p, hf_text("d"), "half of it is missing", hf_text("{"), &err));
  PASSED_TWICE(HF__CHANGE_DAMAGE);
  OK(hf_persist_remove_all(p, &err));
  PASSED_TWICE(HF__CHANGE_CLEAR);
  write_text(p, "swallowed", "1"); /* the class wrote nothing: no change has come to the innermost handle */
  assert_int_equal(passes, 1);
  assert_false(passed[0].innermost);
  hf_persist_close(p);
  hf_runtime_close(runtime);
}

static void a_class_hides_what_its_store_holds(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_runtime *runtime;
  hf_iter *it;
  const hf_entry *e;
  hf_persist *p = open_class(text_of("lua:wrapper?base=%s/store", s->directory), &runtime);
  write_text(p, "a", "1");
  assert_entity(p, "a", "1");
  assert_entity(p->wrapped, "a", "{\"hidden\":1}");
  OK(hf_iter_open(p, NULL, &it, &err));
  OK(hf_iter_next(it, &e, &err));
  assert_string_equal(e->json.data, "1");
  hf_iter_close(it);
  hf_persist_close(p);
  hf_runtime_close(runtime);
}

static void a_class_of_its_own_is_the_innermost(void **state) {
  (void)state;
  hf_error err;
  hf_runtime *runtime;
  hf_persist *p = open_class("lua:own?base=change", &runtime);
  write_text(p, "a", "1");
  PASSED_ONCE(HF__CHANGE_PUT);
  OK(hf_persist_remove_all(p, &err));
  PASSED_ONCE(HF__CHANGE_CLEAR);
  hf_persist_close(p);
  hf_runtime_close(runtime);
}

/* Whoever keeps what it has read is to read it again, once others see what a transaction has changed. */
static void what_a_transaction_has_changed_is_heard_of_again_at_its_end(void **state) {
  hf_error err;
  hf_txn *outer, *inner;
  hf_persist *p = open_persist(*state, "signal"), *other = open_persist(*state, "other");
  write_text(p, "a", "1");
  write_text(other, "a", "1");
  uint64_t elsewhere = hf__change_count(other), before;
  OK(hf_txn_begin(HF_TXN_WRITE, &outer, &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &inner, &err));
  write_text(p, "a", "2");
  before = hf__change_count(p);
  OK(hf_txn_commit(inner, &err));
  assert_int_not_equal(hf__change_count(p), before);
  before = hf__change_count(p);
  OK(hf_txn_commit(outer, &err));
  assert_int_not_equal(hf__change_count(p), before);
  OK(hf_txn_begin(HF_TXN_WRITE, &outer, &err));
  write_text(p, "a", "3");
  before = hf__change_count(p);
  hf_txn_abort(outer);
  assert_int_not_equal(hf__change_count(p), before);
  assert_int_equal(hf__change_count(other), elsewhere);
  hf_persist_close(other);
  hf_persist_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(each_change_of_a_store_passes_once),
      ON_LMDB(a_removal_at_a_revision_passes_once),
      {"a_removal_at_a_revision_passes_once (memory)", a_removal_at_a_revision_passes_once, setup_memory,
       teardown_store, NULL},
      {"a_batch_without_a_slot_passes_one_by_one", a_batch_without_a_slot_passes_one_by_one, setup_file, teardown_store,
       NULL},
      ON_LMDB(what_is_found_damaged_passes),
      ON_LMDB(what_a_transaction_has_changed_is_heard_of_again_at_its_end),
      ON_LMDB(a_change_through_a_class_passes_again_for_its_store),
      ON_LMDB(a_class_hides_what_its_store_holds),
      cmocka_unit_test(a_class_of_its_own_is_the_innermost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
