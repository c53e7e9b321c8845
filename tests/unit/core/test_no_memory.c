/* SPDX-License-Identifier: MIT
 *
 * What operations answer when the process has no memory left: HF_NO_MEMORY, wherever that happens, and what is stored
 * is as it was or as it was to become.  The allocator is the one of this file, which refuses from the nth call on, or
 * that one alone.
 */
#include <errno.h>

#include "base/error.h"
#include "index/index.h"
#include "unit/support.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(SANITIZED) || !defined(__GLIBC__) /* the sanitizers have allocators of their own */

int main(void) { return 0; }

#else

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);

static _Thread_local bool scarce, once;
static _Thread_local long left;

static bool refused(void) {
  if (!scarce || left-- > 0) return false;
  if (once) scarce = false;
  errno = ENOMEM;
  return true;
}

void *malloc(size_t size) { return refused() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return refused() ? NULL : __libc_calloc(count, size); }
void *realloc(void *block, size_t size) { return refused() ? NULL : __libc_realloc(block, size); }

enum { ENTITIES = 30 };

static hf_status write_all(hf_persist *p, hf_error *err) {
  char ids[ENTITIES][16];
  hf_item items[ENTITIES] = {0};
  for (int i = 0; i < ENTITIES; i++) {
    snprintf(ids[i], sizeof ids[i], "id-%d", ENTITIES - i);
    items[i].id = hf_text(ids[i]);
    items[i].json = hf_text("{\"n\":1}");
  }
  hf_status status = hf_persist_write_many(p, items, ENTITIES, err);
  return status ? status : hf_persist_write(p, hf_text("one"), hf_text("[1]"), NULL, NULL, err);
}

static hf_status read_some(hf_persist *p, hf_error *err) {
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = hf_persist_read(p, hf_text("one"), &json, NULL, err);
  hf_buffer_free(&json);
  hf_page *page = hf_page_new();
  const hf_slice ids[] = {hf_text("one"), hf_text("id-1"), hf_text("none")};
  if (!page) return hf__no_memory(err);
  if (status == HF_OK) status = hf_persist_read_many(p, ids, 3, page, err);
  hf_page_free(page);
  return status;
}

static hf_status scan_all(hf_persist *p, hf_error *err) {
  hf_iter *iter;
  const hf_entry *entry = NULL;
  hf_status status = hf_iter_open(p, NULL, &iter, err);
  if (status) return status;
  do {
    status = hf_iter_next(iter, &entry, err);
  } while (status == HF_OK && entry);
  hf_iter_close(iter);
  return status;
}

static hf_status count_asked(hf_persist *p, hf_condition *condition, hf_error *err) {
  uint64_t n = 0;
  hf_iter *iter;
  const hf_entry *entry = NULL;
  hf_range range = HF_RANGE_INIT;
  range.where = condition;
  hf_status status = hf_persist_count_where(p, &range, &n, err);
  if (status) return status;
  assert_int_equal(n, 1);
  status = hf_iter_open(p, &range, &iter, err);
  if (status) return status;
  do {
    status = hf_iter_next(iter, &entry, err);
  } while (status == HF_OK && entry);
  hf_iter_close(iter);
  return status;
}

/* With an entity whose escapes have to be replaced, and a condition with a bit of everything that its text takes. */
static hf_status ask_some(hf_persist *p, hf_error *err) {
  static const char text[] = "type(v) == 'table' and not v[1] and n ~= 1 and s:sub(1, 2) == ? and (s:match('^a%-') or "
                             "n == 0x7 or #[[x]] == 2)";
  hf_condition *condition;
  hf_status status = hf_persist_write(p, hf_text("two"), hf_text("{\"s\":\"a\\u002db\"}"), NULL, NULL, err);
  if (status == HF_OK) status = hf_condition_parse(hf_text(text), &condition, err);
  if (status) return status;
  status = hf_condition_set_text(condition, 1, hf_text("a-"), err);
  if (status == HF_OK) status = count_asked(p, condition, err);
  hf_condition_free(condition);
  return status;
}

/* Entities by an index, and in its order. */
static hf_status go_by_index(hf_persist *p, hf_error *err) {
  static const char *const paths[] = {"n", "s"};
  static hf_condition *condition; /* made once: parsing is tried above */
  hf_buffer json = HF_BUFFER_INIT;
  hf_range range = HF_RANGE_INIT;
  uint64_t n = 0, wrong = 0;
  hf_status status = HF_OK;
  if (!condition)
    status = hf_condition_parse(hf_text("type(v) == 'table' and (v.s == 'a-b' or v.n == 2)"), &condition, err);
  for (size_t i = 0; i < 2 && status == HF_OK; i++) status = hf_persist_index_create(p, &paths[i], 1, false, err);
  if (status == HF_OK) status = count_asked(p, condition, err);
  range.where = condition;
  if (status == HF_OK) status = hf_persist_explain(p, &range, &json, err);
  range.where = NULL;
  range.index = hf_text("n");
  if (status == HF_OK) status = hf_persist_count_where(p, &range, &n, err);
  if (status == HF_OK) assert_int_equal(n, ENTITIES);
  if (status == HF_OK) status = hf_persist_indexes(p, &json, err);
  if (status == HF_OK) status = hf_persist_index_check(p, false, NULL, NULL, &wrong, err);
  assert_int_equal(wrong, 0);
  for (size_t i = 0; i < 2 && status == HF_OK; i++) status = hf_persist_index_drop(p, &paths[i], 1, err);
  hf_buffer_free(&json);
  return status;
}

static hf_status look_at_store(const char *base, hf_error *err) {
  hf_store *store;
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = hf_store_open(base, NULL, &store, err);
  if (status) return status;
  hf_page *page = hf_page_new();
  status = page ? hf_store_entities(store, page, err) : hf__no_memory(err);
  if (status == HF_OK) status = hf_store_stat(store, &json, err);
  if (status == HF_OK) status = hf_store_verify(store, (hf_slice){NULL, 0}, true, NULL, NULL, NULL, err);
  hf_buffer_free(&json);
  hf_page_free(page);
  hf_store_close(store);
  return status;
}

/* A bit of everything, from opening the store to closing it. */
static hf_status work(const char *base, hf_error *err) {
  hf_persist *p;
  uint64_t n;
  hf_status status = hf_persist_open(hf_text("signal"), base, NULL, &p, err);
  if (status) return status;
  status = write_all(p, err);
  if (status == HF_OK) status = read_some(p, err);
  if (status == HF_OK) status = scan_all(p, err);
  if (status == HF_OK) status = ask_some(p, err);
  if (status == HF_OK && (hf_persist_capabilities(p) & HF_CAP_INDEX)) status = go_by_index(p, err);
  if (status == HF_OK) status = hf_persist_count(p, &n, err);
  if (status == HF_OK) status = hf_persist_remove(p, hf_text("one"), err);
  if (status == HF_OK) status = look_at_store(base, err);
  if (status == HF_OK) status = hf_persist_remove_all(p, err);
  hf_persist_close(p);
  return status;
}

static void every_lack_of_memory_says_so(const char *scheme) {
  hf_error err;
  char *directory = new_directory(), base[4200];
  snprintf(base, sizeof base, "%s:%s/store", scheme, directory);
  OK(work(base, &err));
  int failures = 0;
  hf_status status = HF_NO_MEMORY;
  for (long n = 0; status && n < 5000; n++) {
    left = n;
    scarce = true;
    status = work(base, &err);
    scarce = false;
    if (status && status != HF_NO_MEMORY && err.status != HF_NO_MEMORY)
      fail_msg("%s, allocation %ld: %s: %s (%s)", scheme, n, hf_status_name(status), err.message, err.cause);
    failures += status != HF_OK;
  }
  assert_int_equal(status, HF_OK);
  assert_true(failures > 10);
  assert_false(err.retryable);
  OK(work(base, &err));
  remove_directory(directory);
}

/* ---- transactions */

enum { IN_A_BATCH = 3 };

static hf_status write_batch(hf_persist *p, hf_error *err) {
  const hf_item items[IN_A_BATCH] = {
      {.id = hf_text("a"), .json = hf_text("1")},
      {.id = hf_text("b"), .json = hf_text("1")},
      {.id = hf_text("c"), .json = hf_text("1")},
  };
  return hf_persist_write_many(p, items, IN_A_BATCH, err);
}

static hf_status write_first(hf_persist *p, hf_error *err) {
  return hf_persist_write(p, hf_text("first"), hf_text("1"), NULL, NULL, err);
}

static hf_status remove_batch(hf_persist *p, hf_error *err) {
  const hf_slice ids[] = {hf_text("a"), hf_text("b")};
  return hf_persist_remove_many(p, ids, 2, NULL, err);
}

static hf_status read_batch(hf_persist *p, hf_error *err) {
  const hf_slice ids[] = {hf_text("a"), hf_text("b")};
  hf_page *page = hf_page_new();
  hf_status status = page ? hf_persist_read_many(p, ids, 2, page, err) : HF_OK;
  hf_page_free(page);
  return status;
}

/* The first operation of a transaction fails, and the program goes on all the same.  Its status. */
static hf_status go_on_after(hf_persist *p, hf_status (*first)(hf_persist *p, hf_error *err), long n) {
  hf_error err;
  hf_txn *txn;
  bool found;
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  left = n;
  scarce = true;
  hf_status status = first(p, &err);
  scarce = false;
  hf_status second = hf_persist_write(p, hf_text("second"), hf_text("1"), NULL, NULL, &err);
  hf_status committed = hf_txn_commit(txn, &err);
  assert_int_equal(second, status);
  assert_int_equal(committed, status);
  OK(hf_persist_has(p, hf_text("second"), &found, &err));
  assert_int_equal(found, status == HF_OK);
  if (found) OK(hf_persist_remove(p, hf_text("second"), &err));
  return status;
}

/* The same with a transaction around it, which can go on when the inner one is undone, and only then. */
static void go_on_around(hf_persist *p, bool undone) {
  hf_error err;
  hf_txn *outer, *inner;
  OK(hf_txn_begin(HF_TXN_WRITE, &outer, &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &inner, &err));
  left = 0;
  scarce = true;
  hf_status status = write_batch(p, &err);
  scarce = false;
  assert_int_equal(status, HF_NO_MEMORY);
  if (undone)
    hf_txn_abort(inner);
  else
    assert_int_equal(hf_txn_commit(inner, &err), HF_NO_MEMORY);
  assert_int_equal(write_first(p, &err), undone ? HF_OK : HF_NO_MEMORY);
  assert_int_equal(hf_txn_commit(outer, &err), undone ? HF_OK : HF_NO_MEMORY);
}

static void a_failed_operation_fails_its_transaction(const char *scheme) {
  hf_status (*const firsts[])(hf_persist *, hf_error *) = {write_first, write_batch, remove_batch, read_batch};
  char *directory = new_directory(), base[4200];
  hf_persist *p;
  hf_error err;
  snprintf(base, sizeof base, "%s:%s/store", scheme, directory);
  for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
    OK(hf_persist_open(hf_text("signal"), base, NULL, &p, &err));
    OK(write_batch(p, &err));
    hf_status status = HF_NO_MEMORY;
    for (long n = 0; status; n++) status = go_on_after(p, firsts[i], n);
    go_on_around(p, true);
    go_on_around(p, false);
    hf_persist_close(p);
  }
  remove_directory(directory);
}

/* ---- several in one commit */

/* Two entities of a part, which are both there or neither. */
static hf_status write_pair(void *arg, hf_error *err) {
  hf_persist *p = *(hf_persist **)arg;
  const char *id = (const char *)((hf_persist **)arg + 1);
  hf_status status = hf_persist_write(p, hf_text(id), hf_text("1"), NULL, NULL, err);
  return status ? status : hf_persist_write(p, hf_text(text_of("%s-too", id)), hf_text("1"), NULL, NULL, err);
}

static void every_part_says_what_became_of_it(const char *scheme) {
  enum { PARTS = 3 };
  struct {
    hf_persist *p;
    char id[8];
  } pairs[PARTS];
  char *directory = new_directory(), base[4200];
  hf_status status = HF_NO_MEMORY;
  hf_error err;
  hf_persist *p;
  int alone = 0;
  snprintf(base, sizeof base, "%s:%s/store", scheme, directory);
  OK(hf_persist_open(hf_text("signal"), base, NULL, &p, &err));
  OK(write_first(p, &err));
  for (long n = 0; status; n++) {
    hf_txn_part parts[PARTS] = {0};
    for (int i = 0; i < PARTS; i++) {
      pairs[i].p = p;
      snprintf(pairs[i].id, sizeof pairs[i].id, "%d", i);
      parts[i] = (hf_txn_part){.run = write_pair, .arg = &pairs[i]};
    }
    left = n;
    scarce = true;
    hf_status all = hf_transactions(parts, PARTS, &err);
    left = 0;
    scarce = false;
    assert_int_equal(all, all ? HF_NO_MEMORY : HF_OK);
    status = all;
    for (int i = 0; i < PARTS; i++) {
      if (parts[i].status) status = parts[i].status;
      assert_int_equal(parts[i].status, parts[i].status || all ? HF_NO_MEMORY : HF_OK);
      assert_entity(p, pairs[i].id, parts[i].status ? NULL : "1");
      assert_entity(p, text_of("%s-too", pairs[i].id), parts[i].status ? NULL : "1");
    }
    alone += !all && status;
    OK(hf_persist_remove_all(p, &err));
  }
  assert_true(alone > 0);
  hf_persist_close(p);
  remove_directory(directory);
}

static void parts_of_memory(void **state) {
  (void)state;
  every_part_says_what_became_of_it("memory");
}

static void parts_of_lmdb(void **state) {
  (void)state;
  every_part_says_what_became_of_it("lmdb");
}

static void of_memory(void **state) {
  (void)state;
  a_failed_operation_fails_its_transaction("memory");
}

static void of_lmdb(void **state) {
  (void)state;
  a_failed_operation_fails_its_transaction("lmdb");
}

static void in_memory(void **state) {
  (void)state;
  every_lack_of_memory_says_so("memory");
}

static void in_files(void **state) {
  (void)state;
  every_lack_of_memory_says_so("file");
}

static void in_lmdb(void **state) {
  (void)state;
  every_lack_of_memory_says_so("lmdb");
}

/* ---- indexes */

/* The same path has one name, whatever was refused on the way: there would be two indexes over it. */
static void a_path_means_the_same_or_nothing(void **state) {
  static const char *const paths[] = {"v.metadata['symbol']", "n", "v[\"any key\"][2]"};
  hf_buffer right = HF_BUFFER_INIT, name = HF_BUFFER_INIT;
  hf_error err;
  bool refused_one = true;
  (void)state;
  OK(hf__index_define(paths, 3, false, &right, &name, &err));
  assert_string_equal(name.data, "metadata.symbol,n,v[\"any key\"][2]");
  hf_buffer_free(&name);
  for (long n = 0; refused_one; n++) {
    hf_buffer definition = HF_BUFFER_INIT;
    left = n;
    scarce = once = true;
    hf_status status = hf__index_define(paths, 3, false, &definition, &name, &err);
    refused_one = !scarce;
    scarce = once = false;
    assert_int_equal(status, refused_one ? HF_NO_MEMORY : HF_OK);
    if (status == HF_OK) assert_string_equal(definition.data, right.data);
    hf_buffer_free(&definition);
    hf_buffer_free(&name);
  }
  hf_buffer_free(&right);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(in_memory),     cmocka_unit_test(in_files),
      cmocka_unit_test(in_lmdb),       cmocka_unit_test(of_memory),
      cmocka_unit_test(of_lmdb),       cmocka_unit_test(parts_of_memory),
      cmocka_unit_test(parts_of_lmdb), cmocka_unit_test(a_path_means_the_same_or_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
