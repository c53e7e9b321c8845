/* SPDX-License-Identifier: MIT
 *
 * The operations, as operations.h has them.  None of them keeps anything open when it fails.
 */
#include "fault/wire/operations.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OLD "a=\"old a\" b=\"old b\" c={\"size\":3} n-1=1 n-10=10 n-2=2"

/* ---- what was read */

static void note(struct wire_client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct wire_client *c, const char *format, ...) {
  size_t size = strlen(c->read);
  va_list args;
  va_start(args, format);
  vsnprintf(c->read + size, sizeof c->read - size, format, args);
  va_end(args);
}

/* PostgreSQL writes JSON with blanks of its own. */
static void note_json(struct wire_client *c, hf_slice id, hf_slice json) {
  note(c, "%s%.*s", *c->read ? " " : "", (int)id.size, id.data);
  if (!json.data) return;
  note(c, "=");
  bool quoted = false;
  for (size_t i = 0; i < json.size; i++) {
    quoted ^= json.data[i] == '"';
    if (quoted || json.data[i] != ' ') note(c, "%c", json.data[i]);
  }
}

static hf_status read_one(struct wire_client *c, const char *id, hf_info *info, hf_error *err) {
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = hf_persist_read(c->p, hf_text(id), &json, info, err);
  if (status == HF_OK) note_json(c, hf_text(id), (hf_slice){json.data, json.size});
  hf_buffer_free(&json);
  return status;
}

static hf_status put(struct wire_client *c, const char *id, const char *json, const hf_write_options *options,
                     hf_error *err) {
  return hf_persist_write(c->p, hf_text(id), hf_text(json), options, NULL, err);
}

/* ---- single entities */

static hf_status init(struct wire_client *c, hf_error *err) { return hf_persist_init(c->p, err); }

static hf_status read_value(struct wire_client *c, hf_error *err) { return read_one(c, "a", NULL, err); }

static hf_status read_missing(struct wire_client *c, hf_error *err) { return read_one(c, "d", NULL, err); }

static hf_status has(struct wire_client *c, hf_error *err) {
  bool found = false;
  hf_status status = hf_persist_has(c->p, hf_text("a"), &found, err);
  if (status == HF_OK) note(c, "%s", found ? "yes" : "no");
  return status;
}

static hf_status has_missing(struct wire_client *c, hf_error *err) {
  bool found = true;
  hf_status status = hf_persist_has(c->p, hf_text("d"), &found, err);
  if (status == HF_OK) note(c, "%s", found ? "yes" : "no");
  return status;
}

static hf_status put_new(struct wire_client *c, hf_error *err) { return put(c, "d", "\"new\"", NULL, err); }

static hf_status put_over(struct wire_client *c, hf_error *err) { return put(c, "a", "{\"size\":4}", NULL, err); }

static hf_status put_absent(struct wire_client *c, hf_error *err) {
  return put(c, "d", "\"new\"", &(hf_write_options){.if_absent = true}, err);
}

static hf_status put_present(struct wire_client *c, hf_error *err) {
  return put(c, "a", "\"new\"", &(hf_write_options){.if_absent = true}, err);
}

/* The revision is that which was read before the first try. */
static hf_status put_revision(struct wire_client *c, hf_error *err) {
  hf_info info = {.revision = c->revision};
  hf_status status = c->revision ? HF_OK : read_one(c, "a", &info, err);
  if (status) return status;
  c->revision = info.revision;
  return put(c, "a", "\"new\"", &(hf_write_options){.if_revision = true, .revision = c->revision}, err);
}

static hf_status put_wrong_revision(struct wire_client *c, hf_error *err) {
  return put(c, "a", "\"new\"", &(hf_write_options){.if_revision = true, .revision = 3}, err);
}

static hf_status remove_one(struct wire_client *c, hf_error *err) { return hf_persist_remove(c->p, hf_text("a"), err); }

static hf_status remove_missing(struct wire_client *c, hf_error *err) {
  return hf_persist_remove(c->p, hf_text("d"), err);
}

/* ---- many */

static hf_status remove_all(struct wire_client *c, hf_error *err) { return hf_persist_remove_all(c->p, err); }

static hf_status count(struct wire_client *c, hf_error *err) {
  uint64_t n = 0;
  hf_status status = hf_persist_count(c->p, &n, err);
  if (status == HF_OK) note(c, "%llu", (unsigned long long)n);
  return status;
}

static hf_status scan(struct wire_client *c, const hf_range *range, hf_error *err) {
  hf_iter *iter;
  const hf_entry *entry;
  hf_status status = hf_iter_open(c->p, range, &iter, err);
  if (status) return status;
  while ((status = hf_iter_next(iter, &entry, err)) == HF_OK && entry) note_json(c, entry->id, entry->json);
  hf_iter_close(iter);
  return status;
}

static hf_status values(struct wire_client *c, hf_error *err) { return scan(c, NULL, err); }

static hf_status keys(struct wire_client *c, hf_error *err) {
  return scan(c, &(hf_range){.prefix = hf_text("n-"), .reverse = true, .keys_only = true}, err);
}

static hf_status read_many(struct wire_client *c, hf_error *err) {
  const hf_slice ids[] = {hf_text("n-2"), hf_text("d"), hf_text("a")};
  hf_page *page = hf_page_new();
  if (!page) abort();
  hf_status status = hf_persist_read_many(c->p, ids, 3, page, err);
  const hf_entry *entry;
  for (size_t i = 0; status == HF_OK && (entry = hf_page_entry(page, i)); i++) note_json(c, entry->id, entry->json);
  hf_page_free(page);
  return status;
}

static hf_status write_many(struct wire_client *c, hf_error *err) {
  const hf_item items[] = {{.id = hf_text("a"), .json = hf_text("\"new a\"")},
                           {.id = hf_text("d"), .json = hf_text("\"new d\"")},
                           {.id = hf_text("e"), .json = hf_text("5")}};
  return hf_persist_write_many(c->p, items, 3, err);
}

static hf_status remove_many(struct wire_client *c, hf_error *err) {
  const hf_slice ids[] = {hf_text("a"), hf_text("d"), hf_text("n-1")};
  uint64_t removed = 0;
  hf_status status = hf_persist_remove_many(c->p, ids, 3, &removed, err);
  if (status == HF_OK) note(c, "%llu", (unsigned long long)removed);
  return status;
}

/* ---- transactions */

static hf_status end(hf_txn *txn, hf_status status, hf_error *err) {
  if (status == HF_OK) return hf_txn_commit(txn, err);
  hf_txn_abort(txn);
  return status;
}

static hf_status commit(struct wire_client *c, hf_error *err) {
  hf_txn *txn;
  hf_status status = hf_txn_begin(HF_TXN_WRITE, &txn, err);
  if (status) return status;
  status = read_one(c, "a", NULL, err);
  if (status == HF_OK) status = put(c, "a", "\"new a\"", NULL, err);
  if (status == HF_OK) status = hf_persist_remove(c->p, hf_text("b"), err);
  if (status == HF_NOT_FOUND) status = HF_OK;
  if (status == HF_OK) status = put(c, "d", "\"new d\"", NULL, err);
  return end(txn, status, err);
}

static hf_status roll_back(struct wire_client *c, hf_error *err) {
  hf_txn *txn;
  hf_status status = hf_txn_begin(HF_TXN_WRITE, &txn, err);
  if (status) return status;
  status = read_one(c, "a", NULL, err);
  if (status == HF_OK) status = put(c, "a", "\"new a\"", NULL, err);
  hf_txn_abort(txn);
  return status;
}

static hf_status snapshot(struct wire_client *c, hf_error *err) {
  hf_txn *txn;
  hf_status status = hf_txn_begin(HF_TXN_READ, &txn, err);
  if (status) return status;
  status = read_one(c, "a", NULL, err);
  if (status == HF_OK) status = read_one(c, "n-10", NULL, err);
  return end(txn, status, err);
}

static hf_status nested(struct wire_client *c, hf_error *err) {
  hf_txn *outer, *inner;
  hf_status status = hf_txn_begin(HF_TXN_WRITE, &outer, err);
  if (status) return status;
  status = put(c, "a", "\"new a\"", NULL, err);
  if (status == HF_OK) status = hf_txn_begin(HF_TXN_WRITE, &inner, err);
  if (status == HF_OK) status = end(inner, put(c, "d", "\"new d\"", NULL, err), err);
  return end(outer, status, err);
}

/* ---- the store */

static hf_status stat_of(struct wire_client *c, hf_error *err) {
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = hf_persist_stat(c->p, &json, err);
  const char *entities = status == HF_OK ? strstr(json.data, "\"entities\":") : NULL;
  if (status == HF_OK) note(c, "%ld", entities ? strtol(entities + 11, NULL, 10) : -1);
  hf_buffer_free(&json);
  return status;
}

static hf_status names(struct wire_client *c, hf_error *err) {
  hf_store *store;
  hf_status status = hf_store_open(c->url, NULL, &store, err);
  if (status) return status;
  hf_page *page = hf_page_new();
  if (!page) abort();
  status = hf_store_entities(store, page, err);
  const hf_entry *entry;
  for (size_t i = 0; status == HF_OK && (entry = hf_page_entry(page, i)); i++) note_json(c, entry->id, (hf_slice){0});
  hf_page_free(page);
  hf_store_close(store);
  return status;
}

/* ---- the table */

#define AFTER_COMMIT "a=\"new a\" c={\"size\":3} d=\"new d\" n-1=1 n-10=10 n-2=2"

const struct wire_operation wire_operations[] = {
    {"init", init, WIRE_NOWHERE, "", "", HF_OK, HF_OK, .partial = true},
    {"read", read_value, OLD, OLD, "a=\"old a\"", HF_OK, HF_OK, .writes = false},
    {"read a missing one", read_missing, OLD, OLD, "", HF_NOT_FOUND, HF_NOT_FOUND, .writes = false},
    {"has", has, OLD, OLD, "yes", HF_OK, HF_OK, .writes = false},
    {"has a missing one", has_missing, OLD, OLD, "no", HF_OK, HF_OK, .writes = false},
    {"put a new one", put_new, OLD, "a=\"old a\" b=\"old b\" c={\"size\":3} d=\"new\" n-1=1 n-10=10 n-2=2", "", HF_OK,
     HF_OK, .writes = true, .sends = "\"new\""},
    {"put over", put_over, OLD, "a={\"size\":4} b=\"old b\" c={\"size\":3} n-1=1 n-10=10 n-2=2", "", HF_OK, HF_OK,
     .writes = true, .sends = "{\"size\":4}"},
    {"put ifAbsent", put_absent, OLD, "a=\"old a\" b=\"old b\" c={\"size\":3} d=\"new\" n-1=1 n-10=10 n-2=2", "", HF_OK,
     HF_CONFLICT, .writes = true, .sends = "\"new\""},
    {"put ifAbsent over one", put_present, OLD, OLD, "", HF_CONFLICT, HF_CONFLICT, .writes = true, .sends = "\"new\""},
    {"put ifRevision", put_revision, OLD, "a=\"new\" b=\"old b\" c={\"size\":3} n-1=1 n-10=10 n-2=2", "a=\"old a\"",
     HF_OK, HF_CONFLICT, .writes = true, .sends = "\"new\""},
    {"put ifRevision of another", put_wrong_revision, OLD, OLD, "", HF_CONFLICT, HF_CONFLICT, .writes = true,
     .sends = "\"new\""},
    {"remove", remove_one, OLD, "b=\"old b\" c={\"size\":3} n-1=1 n-10=10 n-2=2", "", HF_OK, HF_NOT_FOUND,
     .writes = true},
    {"remove a missing one", remove_missing, OLD, OLD, "", HF_NOT_FOUND, HF_NOT_FOUND, .writes = true},
    {"removeAll", remove_all, OLD, "", "", HF_OK, HF_OK, .writes = true},
    {"count", count, OLD, OLD, "6", HF_OK, HF_OK, .writes = false},
    {"values", values, OLD, OLD, "a=\"old a\" b=\"old b\" c={\"size\":3} n-1=1 n-2=2 n-10=10", HF_OK, HF_OK,
     .writes = false},
    {"keys", keys, OLD, OLD, "n-10 n-2 n-1", HF_OK, HF_OK, .writes = false},
    {"readMany", read_many, OLD, OLD, "n-2=2 d a=\"old a\"", HF_OK, HF_OK, .writes = false},
    {"writeMany", write_many, OLD, "a=\"new a\" b=\"old b\" c={\"size\":3} d=\"new d\" e=5 n-1=1 n-10=10 n-2=2", "",
     HF_OK, HF_OK, .writes = true, .sends = "\"new a\""},
    {"removeMany", remove_many, OLD, "b=\"old b\" c={\"size\":3} n-10=10 n-2=2", "2", HF_OK, HF_OK, .writes = true},
    {"transaction", commit, OLD, AFTER_COMMIT, "a=\"old a\"", HF_OK, HF_OK, .writes = true, .sends = "\"new a\""},
    {"transaction undone", roll_back, OLD, OLD, "a=\"old a\"", HF_OK, HF_OK, .writes = true},
    {"snapshot", snapshot, OLD, OLD, "a=\"old a\" n-10=10", HF_OK, HF_OK, .snapshot = true},
    {"nested transaction", nested, OLD, "a=\"new a\" b=\"old b\" c={\"size\":3} d=\"new d\" n-1=1 n-10=10 n-2=2", "",
     HF_OK, HF_OK, .writes = true, .nested = true, .sends = "\"new a\""},
    {"stat", stat_of, OLD, OLD, "6", HF_OK, HF_OK, .writes = false},
    {"entities", names, OLD, OLD, WIRE_ENTITY, HF_OK, HF_OK, .writes = false},
    {NULL, NULL, NULL, NULL, NULL, HF_OK, HF_OK, .writes = false},
};

void wire_reopen(struct wire_client *c) {
  hf_error err;
  hf_persist_close(c->p);
  c->p = NULL;
  if (hf_persist_open(hf_text(WIRE_ENTITY), c->url, NULL, &c->p, &err)) {
    fprintf(stderr, "FAIL %s: %s\n", c->url, err.message);
    exit(1);
  }
}
