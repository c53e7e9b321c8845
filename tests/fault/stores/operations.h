/* SPDX-License-Identifier: MIT
 *
 * What failed_calls.c does to a store while calls fail: each operation of the C interface that
 * comes near the system.  An operation asks for nothing itself but by Holdfast, so that every
 * call that fails is one of Holdfast's or one below it.
 */
#ifndef HF_TESTS_FAULT_OPERATIONS_H
#define HF_TESTS_FAULT_OPERATIONS_H

#include <stdarg.h>

#include <cjson/cJSON.h>

#include "fault/stores/fixture.h"
#include "holdfast/backend.h"

/* What an operation that reads has read, as a text; "" for others. */
struct answer {
  char text[256];
  bool admits; /* it says itself that it is not whole: something could not be read */
};

HF_PRINTF(2, 3) static void answer(struct answer *a, const char *format, ...) {
  size_t used = strlen(a->text);
  va_list args;
  va_start(args, format);
  vsnprintf(a->text + used, sizeof a->text - used, format, args);
  va_end(args);
}

static char big_json[BIG]; /* a JSON text that fills several pages */

/* ---- opening and closing */

static hf_status open_signal(struct fixture *f, struct answer *a, hf_error *err) {
  (void)a;
  return fixture_open(f, "signal", &f->signal, err);
}

static hf_status open_read_only(struct fixture *f, struct answer *a, hf_error *err) {
  hf_options options = HF_OPTIONS_INIT;
  hf_buffer json = HF_BUFFER_INIT;
  hf_persist *p;
  options.read_only = true;
  hf_status status = hf_persist_open(hf_text("signal"), f->base, &options, &p, err);
  if (status == HF_OK) status = hf_persist_read(p, hf_text("a"), &json, NULL, err);
  if (status == HF_OK) answer(a, "%s", json.data);
  hf_persist_close(p);
  hf_buffer_free(&json);
  return status;
}

static hf_status close_all(struct fixture *f, struct answer *a, hf_error *err) {
  (void)a, (void)err;
  fixture_close(f);
  return HF_OK;
}

/* ---- reading */

static hf_status read_id(struct fixture *f, const char *id, struct answer *a, hf_error *err) {
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = hf_persist_read(f->signal, hf_text(id), &json, NULL, err);
  if (status == HF_OK) answer(a, "%s", json.data);
  hf_buffer_free(&json);
  return status;
}

static hf_status read_one(struct fixture *f, struct answer *a, hf_error *err) { return read_id(f, "c/d", a, err); }
static hf_status read_missing(struct fixture *f, struct answer *a, hf_error *err) { return read_id(f, "no", a, err); }
static hf_status read_spoiled(struct fixture *f, struct answer *a, hf_error *err) { return read_id(f, "bad", a, err); }

static hf_status has(struct fixture *f, struct answer *a, hf_error *err) {
  bool there = false, missing = false;
  hf_status status = hf_persist_has(f->signal, hf_text("c/d"), &there, err);
  if (status == HF_OK) status = hf_persist_has(f->signal, hf_text("no"), &missing, err);
  answer(a, "%d %d", there, missing);
  return status;
}

static hf_status has_spoiled(struct fixture *f, struct answer *a, hf_error *err) {
  bool there = true;
  hf_status status = hf_persist_has(f->signal, hf_text("bad"), &there, err);
  if (status == HF_OK) answer(a, "%d", there);
  return status;
}

static hf_status count(struct fixture *f, struct answer *a, hf_error *err) {
  uint64_t n = 0;
  hf_status status = hf_persist_count(f->signal, &n, err);
  answer(a, "%llu", (unsigned long long)n);
  return status;
}

static hf_status read_many(struct fixture *f, struct answer *a, hf_error *err) {
  const hf_slice ids[] = {hf_text("a"), hf_text("no"), hf_text("c/d")};
  hf_page *page = hf_page_new();
  if (!page) return hf_error_set(err, HF_NO_MEMORY, "out of memory");
  hf_status status = hf_persist_read_many(f->signal, ids, 3, page, err);
  for (size_t i = 0; i < 3 && status == HF_OK; i++) {
    const hf_entry *e = hf_page_entry(page, i);
    answer(a, "%.*s:%s ", (int)e->id.size, e->id.data, e->json.data ? e->json.data : "none");
  }
  hf_page_free(page);
  return status;
}

static hf_status read_cjson(struct fixture *f, struct answer *a, hf_error *err) {
  struct cJSON *value = NULL;
  hf_status status = hf_persist_read_cjson(f->signal, hf_text("a"), &value, err);
  if (status == HF_OK) answer(a, "%s", cJSON_GetStringValue(value));
  cJSON_Delete(value);
  return status;
}

/* Goes on after an error once, as a program may. */
static hf_status drain(hf_iter *iter, struct answer *a, hf_error *err) {
  const hf_entry *e;
  uint64_t n = 0, sum = 0;
  hf_status status;
  while ((status = hf_iter_next(iter, &e, err)) == HF_OK && e) {
    n++;
    for (size_t i = 0; i < e->id.size; i++) sum = sum * 31 + (unsigned char)e->id.data[i];
    sum = sum * 31 + e->json.size;
  }
  answer(a, "%llu entities %llx", (unsigned long long)n, (unsigned long long)sum);
  return status;
}

static hf_status iterate_range(hf_persist *p, const hf_range *range, struct answer *a, hf_error *err) {
  hf_iter *iter = NULL;
  hf_status status = hf_iter_open(p, range, &iter, err);
  if (status == HF_OK) status = drain(iter, a, err);
  hf_iter_close(iter);
  return status;
}

static hf_status iterate(struct fixture *f, struct answer *a, hf_error *err) {
  return iterate_range(f->signal, NULL, a, err);
}

static hf_status iterate_keys_back(struct fixture *f, struct answer *a, hf_error *err) {
  hf_range range = HF_RANGE_INIT;
  range.prefix = hf_text("many-");
  range.reverse = range.keys_only = true;
  return iterate_range(f->signal, &range, a, err);
}

/* In a loop others are written to: no transaction is open between two entities. */
static hf_status iterate_quarantined(struct fixture *f, struct answer *a, hf_error *err) {
  hf_iter *iter = NULL;
  hf_status status = hf_persist_quarantined(f->signal, NULL, &iter, err);
  if (status == HF_OK) status = drain(iter, a, err);
  hf_iter_close(iter);
  return status;
}

static hf_status stat_both(struct fixture *f, struct answer *a, hf_error *err) {
  hf_buffer json = HF_BUFFER_INIT;
  hf_store *store = NULL;
  hf_status status = hf_persist_stat(f->signal, &json, err);
  if (status == HF_OK) answer(a, "%.12s", json.data);
  if (status == HF_OK) status = hf_store_open(f->base, NULL, &store, err);
  if (status == HF_OK) status = hf_store_stat(store, &json, err);
  if (status == HF_OK) answer(a, "%.12s", json.data);
  hf_store_close(store);
  hf_buffer_free(&json);
  return status;
}

/* How many are in quarantine, by the collection and by the store. */
static hf_status stat_quarantine(struct fixture *f, struct answer *a, hf_error *err) {
  static const char name[] = "\"quarantined\":";
  hf_buffer json = HF_BUFFER_INIT;
  hf_store *store = NULL;
  hf_status status = hf_persist_stat(f->signal, &json, err);
  if (status == HF_OK) answer(a, "%.16s", strstr(json.data, name) ? strstr(json.data, name) : "none");
  if (status == HF_OK) status = hf_store_open(f->base, NULL, &store, err);
  if (status == HF_OK) status = hf_store_stat(store, &json, err);
  if (status == HF_OK) answer(a, "%.16s", strstr(json.data, name) ? strstr(json.data, name) : "none");
  hf_store_close(store);
  hf_buffer_free(&json);
  return status;
}

/* ---- writing */

static hf_status put(hf_persist *p, const char *id, const char *text, const hf_write_options *options, hf_error *err) {
  return hf_persist_write(p, hf_text(id), hf_text(text), options, NULL, err);
}

static hf_status put_new(struct fixture *f, struct answer *a, hf_error *err) {
  (void)a;
  return put(f->signal, "new/e", "\"new\"", NULL, err);
}

static hf_status put_over(struct fixture *f, struct answer *a, hf_error *err) {
  (void)a;
  return put(f->signal, "a", "\"new\"", NULL, err);
}

static hf_status put_absent(struct fixture *f, struct answer *a, hf_error *err) {
  const hf_write_options options = {.if_absent = true};
  (void)a;
  return put(f->signal, "new/e", "\"new\"", &options, err);
}

static hf_status put_present(struct fixture *f, struct answer *a, hf_error *err) {
  const hf_write_options options = {.if_absent = true};
  (void)a;
  return put(f->signal, "a", "\"new\"", &options, err);
}

static hf_status put_revision(struct fixture *f, struct answer *a, hf_error *err) {
  hf_write_options options = {.if_revision = true};
  hf_buffer json = HF_BUFFER_INIT;
  hf_info info;
  (void)a;
  hf_status status = hf_persist_read(f->signal, hf_text("a"), &json, &info, err);
  options.revision = info.revision;
  if (status == HF_OK) status = put(f->signal, "a", "\"new\"", &options, err);
  hf_buffer_free(&json);
  return status;
}

static hf_status put_big(struct fixture *f, struct answer *a, hf_error *err) {
  (void)a;
  return put(f->signal, "big", big_json, NULL, err);
}

static hf_status put_spoiled(struct fixture *f, struct answer *a, hf_error *err) {
  (void)a;
  return put(f->signal, "bad", "\"new\"", NULL, err);
}

static hf_status put_absent_spoiled(struct fixture *f, struct answer *a, hf_error *err) {
  const hf_write_options options = {.if_absent = true};
  (void)a;
  return put(f->signal, "bad", "\"new\"", &options, err);
}

static hf_status remove_spoiled(struct fixture *f, struct answer *a, hf_error *err) {
  (void)a;
  return hf_persist_remove(f->signal, hf_text("bad"), err);
}

static hf_status put_cjson(struct fixture *f, struct answer *a, hf_error *err) {
  (void)a;
  struct cJSON *value = cJSON_CreateString("new");
  if (!value) return hf_error_set(err, HF_NO_MEMORY, "out of memory");
  hf_status status = hf_persist_write_cjson(f->signal, hf_text("a"), value, NULL, NULL, err);
  cJSON_Delete(value);
  return status;
}

static hf_status put_many(struct fixture *f, struct answer *a, hf_error *err) {
  const hf_item items[] = {{.id = hf_text("a"), .json = hf_text("\"new\"")},
                           {.id = hf_text("c/d"), .json = hf_text("\"new\"")},
                           {.id = hf_text("new/e"), .json = hf_text("\"new\"")}};
  (void)a;
  return hf_persist_write_many(f->signal, items, 3, err);
}

static hf_status remove_one(struct fixture *f, struct answer *a, hf_error *err) {
  (void)a;
  return hf_persist_remove(f->signal, hf_text("c/d"), err);
}

static hf_status remove_many(struct fixture *f, struct answer *a, hf_error *err) {
  const hf_slice ids[] = {hf_text("a"), hf_text("no"), hf_text("c/d")};
  (void)a;
  return hf_persist_remove_many(f->signal, ids, 3, NULL, err);
}

static hf_status remove_all(struct fixture *f, struct answer *a, hf_error *err) {
  (void)a;
  return hf_persist_remove_all(f->signal, err);
}

static hf_status quarantine(struct fixture *f, struct answer *a, hf_error *err) {
  (void)a;
  return hf_persist_quarantine(f->signal, hf_text("bad"), "it was damaged elsewhere", hf_text("{oops"), err);
}

/* A name that the store has not had yet, and which is gone again afterwards: it is not looked at. */
static hf_status put_elsewhere(struct fixture *f, struct answer *a, hf_error *err) {
  hf_persist *p = NULL;
  (void)a;
  hf_status status = hf_persist_open(hf_text("other"), f->base, NULL, &p, err);
  if (status == HF_OK) status = put(p, "x", "\"new\"", NULL, err);
  hf_persist_close(p);
  return status;
}

/* ---- transactions */

static hf_status end(hf_txn *txn, hf_status status, hf_error *err) {
  if (status == HF_OK) return hf_txn_commit(txn, err);
  hf_txn_abort(txn);
  return status;
}

static hf_status commit(struct fixture *f, struct answer *a, hf_error *err) {
  hf_txn *txn;
  hf_status status = hf_txn_begin(HF_TXN_WRITE, &txn, err);
  (void)a;
  if (status) return status;
  status = put(f->signal, "a", "\"new\"", NULL, err);
  if (status == HF_OK) status = hf_persist_remove(f->signal, hf_text("c/d"), err);
  if (status == HF_OK) status = put(f->risk, "r", "\"new\"", NULL, err);
  return end(txn, status, err);
}

static hf_status roll_back(struct fixture *f, struct answer *a, hf_error *err) {
  hf_txn *txn;
  hf_status status = hf_txn_begin(HF_TXN_WRITE, &txn, err);
  (void)a;
  if (status) return status;
  status = put(f->signal, "a", "\"never\"", NULL, err);
  if (status == HF_OK) status = hf_persist_remove_all(f->risk, err);
  hf_txn_abort(txn);
  return status;
}

/* The outer one keeps what it did, and one of two inner ones is undone; a new name is among what is. */
static hf_status nest(struct fixture *f, struct answer *a, hf_error *err) {
  hf_txn *outer, *inner;
  hf_status status = hf_txn_begin(HF_TXN_WRITE, &outer, err);
  (void)a;
  if (status) return status;
  status = put(f->signal, "a", "\"new\"", NULL, err);
  if (status == HF_OK) status = hf_txn_begin(HF_TXN_WRITE, &inner, err);
  if (status == HF_OK) {
    status = put(f->signal, "b", "\"never\"", NULL, err);
    if (status == HF_OK) status = put_elsewhere(f, a, err);
    hf_txn_abort(inner);
  }
  if (status == HF_OK) status = hf_txn_begin(HF_TXN_WRITE, &inner, err);
  if (status == HF_OK) status = end(inner, put(f->risk, "r", "\"new\"", NULL, err), err);
  return end(outer, status, err);
}

static hf_status read_snapshot(struct fixture *f, struct answer *a, hf_error *err) {
  hf_txn *txn;
  hf_status status = hf_txn_begin(HF_TXN_READ, &txn, err);
  if (status) return status;
  status = read_one(f, a, err);
  if (status == HF_OK) status = iterate(f, a, err);
  return end(txn, status, err);
}

/* ---- indexes */

static hf_status create_index(struct fixture *f, struct answer *a, hf_error *err) {
  static const char *const path = "s";
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = hf_persist_index_create(f->signal, &path, 1, false, err);
  if (status == HF_OK) status = hf_persist_indexes(f->signal, &json, err);
  if (status == HF_OK) answer(a, "%s", json.data);
  hf_buffer_free(&json);
  return status;
}

static hf_status drop_index(struct fixture *f, struct answer *a, hf_error *err) {
  static const char *const path = "n";
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = hf_persist_index_drop(f->signal, &path, 1, err);
  if (status == HF_NOT_FOUND) status = HF_OK; /* it was dropped the first time, and that could not be told */
  if (status == HF_OK) status = hf_persist_indexes(f->signal, &json, err);
  if (status == HF_OK) answer(a, "%s", json.data);
  hf_buffer_free(&json);
  return status;
}

static hf_status put_value(struct fixture *f, struct answer *a, hf_error *err) {
  (void)a;
  return put(f->signal, "a", "{\"n\":-1,\"s\":\"y\"}", NULL, err);
}

static hf_status put_duplicate(struct fixture *f, struct answer *a, hf_error *err) {
  (void)a;
  return put(f->signal, "a", "{\"n\":7}", NULL, err);
}

/* Two change their values, and one comes. */
static hf_status put_values(struct fixture *f, struct answer *a, hf_error *err) {
  const hf_item items[] = {{.id = hf_text("a"), .json = hf_text("{\"n\":-2,\"s\":\"y\"}")},
                           {.id = hf_text("b"), .json = hf_text("{\"n\":-1,\"s\":\"y\"}")},
                           {.id = hf_text("new/e"), .json = hf_text("{\"n\":-3}")}};
  (void)a;
  return hf_persist_write_many(f->signal, items, 3, err);
}

/* What the inner one has done to the indexes is undone, and the outer one goes on with them. */
static hf_status nest_values(struct fixture *f, struct answer *a, hf_error *err) {
  hf_txn *outer, *inner;
  hf_status status = hf_txn_begin(HF_TXN_WRITE, &outer, err);
  (void)a;
  if (status) return status;
  status = put(f->signal, "a", "{\"n\":-1}", NULL, err);
  if (status == HF_OK) status = hf_txn_begin(HF_TXN_WRITE, &inner, err);
  if (status == HF_OK) {
    status = hf_persist_remove_all(f->signal, err);
    if (status == HF_OK) status = put(f->signal, "b", "{\"n\":-1}", NULL, err);
    hf_txn_abort(inner);
  }
  if (status == HF_OK) status = put(f->signal, "b", "{\"n\":-2}", NULL, err);
  return end(outer, status, err);
}

static hf_status find(struct fixture *f, struct answer *a, hf_error *err) {
  hf_range range = HF_RANGE_INIT;
  hf_condition *condition = NULL;
  hf_status status = hf_condition_parse(hf_text("v.n >= 20 and v.n < 22"), &condition, err);
  range.where = condition;
  range.prefix = hf_text("many-"); /* the others have no fields */
  if (status == HF_OK) status = iterate_range(f->signal, &range, a, err);
  hf_condition_free(condition);
  return status;
}

static hf_status go_in_order(struct fixture *f, struct answer *a, hf_error *err) {
  hf_range range = HF_RANGE_INIT;
  range.index = hf_text("n");
  range.reverse = true;
  return iterate_range(f->signal, &range, a, err);
}

/* ---- the store as a whole */

static hf_status list_entities(struct fixture *f, struct answer *a, hf_error *err) {
  hf_store *store = NULL;
  hf_page *page = hf_page_new();
  hf_status status = page ? hf_store_open(f->base, NULL, &store, err) : hf_error_set(err, HF_NO_MEMORY, "no memory");
  if (status == HF_OK) status = hf_store_entities(store, page, err);
  for (size_t i = 0; status == HF_OK && hf_page_entry(page, i); i++)
    answer(a, "%.*s ", (int)hf_page_entry(page, i)->id.size, hf_page_entry(page, i)->id.data);
  hf_store_close(store);
  hf_page_free(page);
  return status;
}

static hf_status set_note(struct fixture *f, struct answer *a, hf_error *err) {
  const hf_setting_value value = {.name = "note", .value = "another"};
  hf_buffer json = HF_BUFFER_INIT;
  hf_store *store = NULL;
  hf_status status = hf_store_open(f->base, NULL, &store, err);
  if (status == HF_OK) status = hf_store_settings_set(store, &value, 1, err);
  if (status == HF_OK) status = hf_store_settings_get(store, &json, err);
  if (status == HF_OK) answer(a, "%s", strstr(json.data, "another") ? "it is set" : "it is not set");
  hf_store_close(store);
  hf_buffer_free(&json);
  return status;
}

static hf_status verify(struct fixture *f, struct answer *a, hf_error *err) {
  hf_verify_report report = {0};
  hf_store *store = NULL;
  hf_status status = hf_store_open(f->base, NULL, &store, err);
  if (status == HF_OK) status = hf_store_verify(store, (hf_slice){NULL, 0}, false, NULL, NULL, &report, err);
  answer(a, "%llu %llu %llu", (unsigned long long)report.entities, (unsigned long long)report.corrupt,
         (unsigned long long)report.damaged);
  a->admits = report.damaged != 0;
  hf_store_close(store);
  return status;
}

static hf_status check(struct fixture *f, struct answer *a, hf_error *err) {
  hf_check_report report = {0};
  hf_status status = hf_store_check(f->base, NULL, NULL, NULL, &report, err);
  answer(a, "%llu entities, %llu damaged", (unsigned long long)report.entities, (unsigned long long)report.damaged);
  a->admits = report.damaged != 0;
  return status;
}

/* In whatever order. */
static bool take_rescued(void *arg, const hf_rescued *record) {
  unsigned *sum = arg;
  if (record->kind != HF_RESCUE_PRESENT && record->kind != HF_RESCUE_CUT_OFF) return true;
  for (size_t i = 0; i < record->id.size; i++) *sum += (unsigned)(i + 1) * (unsigned char)record->id.data[i];
  return true;
}

static hf_status rescue(struct fixture *f, struct answer *a, hf_error *err) {
  hf_rescue_report report = {0};
  unsigned sum = 0;
  hf_status status = hf_store_rescue(f->base, take_rescued, &sum, &report, err);
  answer(a, "%u, %llu lost", sum, (unsigned long long)report.lost);
  a->admits = report.lost || report.newest_lost || report.free_list_lost;
  return status;
}

/* ---- locks and adapters */

static hf_status hold_lock(struct fixture *f, struct answer *a, hf_error *err) {
  char path[BASE_MAX], holder[512];
  hf_lock *lock, *second = NULL;
  bool held = false;
  snprintf(path, sizeof path, "%s/locks/one.lock", f->directory);
  hf_status status = hf_lock_acquire(path, "a test", 0, &lock, err);
  if (status) return status;
  status = hf_lock_look(path, &held, holder, sizeof holder, err);
  if (status == HF_OK) answer(a, "%s", held ? "held" : "free");
  if (status == HF_OK) status = hf_lock_check(lock, err);
  if (status == HF_OK) {
    hf_error refused;
    if (hf_lock_acquire(path, "another", 0, &second, &refused) == HF_OK) answer(a, ", and twice");
  }
  hf_lock_release(second);
  hf_lock_release(lock);
  return status;
}

static hf_status use_adapter(struct fixture *f, struct answer *a, hf_error *err) {
  const hf_slice id[] = {hf_text("a")};
  hf_adapter_spec spec = HF_ADAPTER_SPEC_INIT;
  hf_adapter_place *place = NULL;
  hf_buffer json = HF_BUFFER_INIT;
  hf_adapters *set = NULL;
  bool found = false, share = false;
  spec.name = "PersistTestAdapter", spec.entity_name = "signals", spec.id = "{id}", spec.base = f->base;
  hf_status status = hf_adapters_new(&set, err);
  if (status == HF_OK) status = hf_adapter_define(set, &spec, err);
  if (status == HF_OK) status = hf_adapter_use(set, "PersistSignalAdapter", f->base, NULL, err);
  if (status == HF_OK) status = hf_adapter_write(set, "PersistTestAdapter", id, 1, hf_text("{\"n\":1}"), err);
  if (status == HF_OK) status = hf_adapter_read(set, "PersistTestAdapter", id, 1, &json, &found, err);
  if (status == HF_OK) answer(a, "%s", found ? json.data : "none");
  if (status == HF_OK) status = hf_adapters_share_store(set, "PersistTestAdapter", "PersistSignalAdapter", &share, err);
  if (status == HF_OK) answer(a, " %d", share);
  if (status == HF_OK && !(place = calloc(1, sizeof *place))) status = hf_error_set(err, HF_NO_MEMORY, "no memory");
  if (status == HF_OK) status = hf_adapter_find_place(set, "PersistTestAdapter", place, err);
  if (status == HF_OK) answer(a, " %d", place->directory[0] != '\0');
  if (status == HF_OK) status = hf_adapter_close(set, "PersistTestAdapter", err);
  hf_adapters_free(set);
  free(place);
  hf_buffer_free(&json);
  return status;
}

/* ---- the table */

enum {
  ON_LMDB = 1,
  ON_FILE = 2,
  ON_MEMORY = 4,
  ON_DISK = ON_LMDB | ON_FILE,
  ON_ALL = ON_DISK | ON_MEMORY,
  WITH_TRANSACTIONS = ON_LMDB | ON_MEMORY,
  BIT_BY_BIT = 8 /* on a file store some of it may be done, and some not */
};

static const struct operation {
  const char *name;
  hf_status (*run)(struct fixture *f, struct answer *a, hf_error *err);
  enum filling filling;
  int flags;
  hf_status status; /* where nothing fails */
} operations[] = {
    {"open new", open_signal, ABSENT, ON_ALL, HF_OK},
    {"open existing", open_signal, FILLED_CLOSED, ON_DISK, HF_OK},
    {"open read-only", open_read_only, FILLED_CLOSED, ON_DISK, HF_OK},
    {"close", close_all, FILLED, ON_DISK, HF_OK},
    {"read", read_one, FILLED, ON_ALL, HF_OK},
    {"read a missing one", read_missing, FILLED, ON_ALL, HF_NOT_FOUND},
    {"read a spoiled one", read_spoiled, SPOILED, ON_DISK, HF_CORRUPT},
    {"read from quarantine", read_spoiled, QUARANTINED, ON_ALL, HF_CORRUPT},
    {"has, in quarantine", has_spoiled, QUARANTINED, ON_ALL, HF_CORRUPT},
    {"has", has, FILLED, ON_ALL, HF_OK},
    {"count", count, FILLED, ON_ALL, HF_OK},
    {"readMany", read_many, FILLED, ON_ALL, HF_OK},
    {"read into cJSON", read_cjson, FILLED, ON_ALL, HF_OK},
    {"iterate", iterate, CROWDED, ON_ALL, HF_OK},
    {"iterate keys backwards", iterate_keys_back, CROWDED, ON_ALL, HF_OK},
    {"iterate quarantine", iterate_quarantined, SPOILED, ON_DISK, HF_OK},
    {"stat", stat_both, FILLED, ON_ALL, HF_OK},
    {"put new", put_new, FILLED, ON_ALL, HF_OK},
    {"put over", put_over, FILLED, ON_ALL, HF_OK},
    {"put ifAbsent", put_absent, FILLED, ON_ALL, HF_OK},
    {"put ifAbsent, conflict", put_present, FILLED, ON_ALL, HF_CONFLICT},
    {"put ifRevision", put_revision, FILLED, WITH_TRANSACTIONS, HF_OK},
    {"put a big one", put_big, SMALL_MAP, ON_ALL, HF_OK},
    {"put over a spoiled one", put_spoiled, SPOILED, ON_DISK, HF_OK},
    {"put over quarantine", put_spoiled, QUARANTINED, ON_ALL, HF_OK},
    {"put ifAbsent over quarantine", put_absent_spoiled, QUARANTINED, ON_ALL, HF_CORRUPT},
    {"remove from quarantine", remove_spoiled, QUARANTINED, ON_ALL, HF_OK},
    {"stat with quarantine", stat_quarantine, QUARANTINED, ON_ALL, HF_OK},
    {"put from cJSON", put_cjson, FILLED, ON_ALL, HF_OK},
    {"put in format 2", put_over, FORMAT_2, WITH_TRANSACTIONS, HF_OK},
    {"put a new name", put_elsewhere, FILLED, ON_ALL, HF_OK},
    {"writeMany", put_many, FILLED, ON_ALL | BIT_BY_BIT, HF_OK},
    {"remove", remove_one, FILLED, ON_ALL, HF_OK},
    {"removeMany", remove_many, FILLED, ON_ALL | BIT_BY_BIT, HF_OK},
    {"removeAll", remove_all, CROWDED, ON_ALL | BIT_BY_BIT, HF_OK},
    {"quarantine", quarantine, FILLED, ON_ALL, HF_OK},
    {"commit", commit, FILLED, WITH_TRANSACTIONS, HF_OK},
    {"roll back", roll_back, FILLED, WITH_TRANSACTIONS, HF_OK},
    {"nest", nest, FILLED, WITH_TRANSACTIONS, HF_OK},
    {"snapshot", read_snapshot, CROWDED, WITH_TRANSACTIONS, HF_OK},
    {"create an index", create_index, CROWDED, WITH_TRANSACTIONS, HF_OK},
    {"create a further index", create_index, INDEXED, WITH_TRANSACTIONS, HF_OK},
    {"drop an index", drop_index, INDEXED, WITH_TRANSACTIONS, HF_OK},
    {"put what is indexed", put_value, INDEXED, WITH_TRANSACTIONS, HF_OK},
    {"put what is not indexed", put_over, INDEXED, WITH_TRANSACTIONS, HF_OK},
    {"put a duplicate", put_duplicate, INDEXED, WITH_TRANSACTIONS, HF_DUPLICATE},
    {"writeMany, indexed", put_values, INDEXED, WITH_TRANSACTIONS, HF_OK},
    {"remove, indexed", remove_one, INDEXED, WITH_TRANSACTIONS, HF_OK},
    {"removeAll, indexed", remove_all, INDEXED, WITH_TRANSACTIONS, HF_OK},
    {"nest, indexed", nest_values, INDEXED, WITH_TRANSACTIONS, HF_OK},
    {"find", find, INDEXED, WITH_TRANSACTIONS, HF_OK},
    {"go in the order of an index", go_in_order, INDEXED, WITH_TRANSACTIONS, HF_OK},
    {"list entity names", list_entities, FILLED, ON_ALL, HF_OK},
    {"set", set_note, FILLED, WITH_TRANSACTIONS, HF_OK},
    {"set in format 2", set_note, FORMAT_2, WITH_TRANSACTIONS, HF_OK},
    {"verify", verify, SPOILED, ON_DISK, HF_OK},
    {"check", check, FILLED_CLOSED, ON_LMDB, HF_OK},
    {"rescue", rescue, FILLED_CLOSED, ON_LMDB, HF_OK},
    {"lock", hold_lock, FILLED, ON_LMDB, HF_OK},
    {"adapter", use_adapter, FILLED, ON_ALL, HF_OK},
};

enum { OPERATIONS = sizeof operations / sizeof *operations };

#endif
