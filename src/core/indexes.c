/* SPDX-License-Identifier: MIT
 *
 * Making, forgetting, listing and checking indexes.  How conditions use them is find.c.
 */
#include "index/index.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "core/persist.h"
#include "core/transaction.h"

/* What is asked of an index: its definition, and its name. */
struct asked {
  hf_buffer definition, name;
};

static void asked_free(struct asked *a) {
  hf_buffer_free(&a->definition);
  hf_buffer_free(&a->name);
}

static hf_slice name_of(const struct asked *a) { return (hf_slice){a->name.data, a->name.size}; }

static hf_status fail(hf_persist *p, hf_status status, hf_error *err) {
  return hf__persist_fail(p, NULL, status, NULL, "", err);
}

/* Says why there are no indexes, or none that can be compared: of a script's class, what to do about it. */
static void fail_unsupported(const hf_persist *p, hf_error *err) {
  if (p->backend->capabilities & HF_CAP_INDEX)
    hf__fail(
        err, HF_UNSUPPORTED,
        "the indexes are kept by the class or the server, and cannot be compared with the entities from here: drop "
        "one that is in doubt, and create it again");
  else if (p->wrapped && (p->wrapped->backend->capabilities & HF_CAP_INDEX))
    hf__fail(
        err, HF_UNSUPPORTED,
        "the class has methods of its own that give entities, or declares that it has no indexes, and those of the "
        "%s store that it extends know only what that keeps: give the class createIndex, dropIndex and indexes of "
        "its own, with supports = {index = true}",
        p->wrapped->backend->name);
  else if (p->attached && !p->wrapped)
    hf__fail(err, HF_UNSUPPORTED,
             "the class keeps no indexes: one that does has methods createIndex, dropIndex and indexes, and declares "
             "supports = {index = true}");
  else
    hf__fail(err, HF_UNSUPPORTED, "%s stores keep no indexes",
             p->wrapped ? p->wrapped->backend->name : p->backend->name);
}

/* HF_UNSUPPORTED where the store has no indexes. */
static hf_status check_supported(const hf_persist *p, bool can, hf_error *err) {
  if ((p->backend->capabilities & HF_CAP_INDEX) && can) return HF_OK;
  fail_unsupported(p, err);
  hf__error_entity(err, p->name, (hf_slice){NULL, 0});
  return HF_UNSUPPORTED;
}

/* What comes before a change of indexes, which is a commit of its own, and before a look at them. */
static hf_status begin(hf_persist *p, bool can, bool writes, hf_error *err) {
  void *txn;
  hf_status status = check_supported(p, can, err);
  if (status == HF_OK && hf__txn_is_open()) {
    status = hf__fail(err, HF_UNSUPPORTED,
                      "indexes are made, forgotten and compared by themselves: not inside a transaction or snapshot");
    hf__error_entity(err, p->name, (hf_slice){NULL, 0});
  }
  return status ? status : hf__persist_enter(p, writes, &txn, err);
}

static hf_status define(hf_persist *p, const char *const *paths, size_t count, bool unique, struct asked *a,
                        hf_error *err) {
  hf_status status = hf__index_define(paths, count, unique, &a->definition, &a->name, err);
  if (status) hf__error_entity(err, p->name, (hf_slice){NULL, 0});
  return status;
}

static hf_status fail_not_found(hf_persist *p, hf_slice name, hf_error *err) {
  hf__fail(err, HF_NOT_FOUND, "%s has no index %.*s", p->name.data, (int)name.size, name.data);
  hf__error_entity(err, p->name, (hf_slice){NULL, 0});
  return HF_NOT_FOUND;
}

static hf_status make(hf_persist *p, const struct asked *a, bool unique, hf_error *err) {
  hf_slice definition = {a->definition.data, a->definition.size};
  err->status = HF_OK;
  hf_status status = p->backend->index_make(p->impl, p->collection, definition, err);
  if (status == HF_CONFLICT && err->status != HF_CONFLICT)
    hf__fail(err, HF_CONFLICT, "%s has an index %s already, which is%s unique: drop it first", p->name.data,
             a->name.data, unique ? " not" : "");
  return status ? fail(p, status, err) : HF_OK;
}

hf_status hf_persist_index_create(hf_persist *p, const char *const *paths, size_t count, bool unique, hf_error *err) {
  hf_error own;
  struct asked a = {HF_BUFFER_INIT, HF_BUFFER_INIT};
  if (!err) err = &own;
  hf_status status = define(p, paths, count, unique, &a, err);
  if (status == HF_OK) status = begin(p, p->backend->index_make != NULL, true, err);
  if (status == HF_OK) status = make(p, &a, unique, err);
  asked_free(&a);
  return status;
}

static hf_status list(hf_persist *p, hf_page **page, hf_error *err);

/* Takes what is no path for the name of an index, such as side,n, where there is one.  *found: it is. */
static hf_status take_name(hf_persist *p, hf_slice name, struct asked *a, bool *found, hf_error *err) {
  hf_page *page;
  *found = false;
  hf_status status = list(p, &page, err);
  for (size_t i = 0; status == HF_OK && !*found && i < page->count; i++) {
    hf_slice id = page->entries[i].id;
    *found = id.size == name.size && memcmp(id.data, name.data, id.size) == 0;
  }
  a->name.size = 0;
  if (*found && !hf_buffer_add(&a->name, name.data, name.size)) status = hf__no_memory(err);
  hf_page_free(page);
  return status;
}

/* Finds which index is meant by paths, or by its name. */
static hf_status define_there(hf_persist *p, const char *const *paths, size_t count, struct asked *a, hf_error *err) {
  hf_error other;
  bool found;
  hf_status status = define(p, paths, count, false, a, err);
  if (status != HF_INVALID_ARGUMENT || count != 1 || !paths[0] || !strchr(paths[0], ',')) return status;
  hf_status read = take_name(p, hf_text(paths[0]), a, &found, &other);
  return read == HF_OK && found ? HF_OK : status;
}

hf_status hf_persist_index_drop(hf_persist *p, const char *const *paths, size_t count, hf_error *err) {
  hf_error own;
  struct asked a = {HF_BUFFER_INIT, HF_BUFFER_INIT};
  if (!err) err = &own;
  hf_status status = define_there(p, paths, count, &a, err);
  if (status == HF_OK) status = begin(p, p->backend->index_drop != NULL, true, err);
  if (status == HF_OK) {
    status = p->backend->index_drop(p->impl, p->collection, name_of(&a), err);
    if (status) status = status == HF_NOT_FOUND ? fail_not_found(p, name_of(&a), err) : fail(p, status, err);
  }
  asked_free(&a);
  return status;
}

/* ---- listing */

/* Reads the list into a new page. */
static hf_status list(hf_persist *p, hf_page **page, hf_error *err) {
  void *txn;
  *page = NULL;
  hf_status status = check_supported(p, p->backend->index_list != NULL, err);
  if (status == HF_OK) status = hf__persist_enter(p, false, &txn, err);
  if (status) return status;
  *page = hf_page_new();
  if (!*page) return hf__no_memory(err);
  status = p->backend->index_list(p->impl, txn, p->collection, *page, err);
  return status ? hf__persist_fail(p, txn, status, NULL, "", err) : HF_OK;
}

static int compare(const void *a, const void *b) {
  const hf_entry *x = a, *y = b;
  size_t size = x->id.size < y->id.size ? x->id.size : y->id.size;
  int c = memcmp(x->id.data, y->id.data, size);
  return c ? c : (x->id.size > y->id.size) - (x->id.size < y->id.size);
}

/* An entry of the list: what the store says of the index, with its name. */
static bool add(hf_buffer *json, const hf_entry *e) {
  return hf_buffer_printf(json, "%s{\"name\":", json->size > 1 ? "," : "") && hf_buffer_quote(json, e->id) &&
         hf_buffer_add(json, ",", 1) && hf_buffer_add(json, e->json.data + 1, e->json.size - 1);
}

hf_status hf_persist_indexes(hf_persist *p, hf_buffer *json, hf_error *err) {
  hf_error own;
  hf_page *page;
  if (!err) err = &own;
  hf_status status = list(p, &page, err);
  json->size = 0;
  bool ok = status != HF_OK || hf_buffer_add(json, "[", 1);
  if (status == HF_OK && page->count) qsort(page->entries, page->count, sizeof *page->entries, compare);
  for (size_t i = 0; status == HF_OK && ok && i < page->count; i++) ok = add(json, &page->entries[i]);
  if (status == HF_OK && !(ok && hf_buffer_add(json, "]", 1))) status = hf__no_memory(err);
  hf_page_free(page);
  return status;
}

/* ---- checking */

enum { TOLD_MAX = 100 }; /* problems of one index that are told */

struct check {
  hf_index_problem_fn *fn;
  void *arg;
  uint64_t found; /* of this index */
};

static void count_problem(const hf_index_problem *problem, void *arg) {
  struct check *c = arg;
  if (c->found++ < TOLD_MAX && c->fn) c->fn(problem, c->arg);
}

static hf_status check_one(hf_persist *p, hf_slice name, bool repair, struct check *c, hf_error *err) {
  hf_status status = p->backend->index_check(p->impl, p->collection, name, count_problem, c, err);
  if (status == HF_NOT_FOUND) return HF_OK; /* dropped meanwhile */
  if (status == HF_OK && c->found && repair) status = p->backend->index_rebuild(p->impl, p->collection, name, err);
  return status == HF_NOT_FOUND ? HF_OK : status;
}

hf_status hf_persist_index_check(hf_persist *p, bool repair, hf_index_problem_fn *fn, void *arg, uint64_t *problems,
                                 hf_error *err) {
  hf_error own;
  hf_page *page = NULL;
  uint64_t sum = 0;
  if (!err) err = &own;
  hf_status status = begin(p, p->backend->index_check && p->backend->index_rebuild, repair, err);
  if (status == HF_OK) status = list(p, &page, err);
  for (size_t i = 0; status == HF_OK && i < page->count; i++) {
    struct check c = {.fn = fn, .arg = arg};
    status = check_one(p, page->entries[i].id, repair, &c, err);
    if (status) status = fail(p, status, err);
    sum += c.found;
  }
  hf_page_free(page);
  if (problems) *problems = sum;
  return status;
}
