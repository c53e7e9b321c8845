/* SPDX-License-Identifier: MIT
 *
 * hf_persist from inside the library: the entry points that the Lua binding needs
 * beside the public ones.
 */
#ifndef HF_CORE_PERSIST_H
#define HF_CORE_PERSIST_H

#include "core/handle.h"
#include "core/order.h"
#include "core/page.h"

/* What is attached to a handle whose operations are a script's, beside the slots of a store's own backend. */
typedef struct hf__attachment {
  const hf_backend *backend; /* its slots */
  void *impl, *collection;   /* passed to them.  collection_close() gets both once, when the handle closes */
  hf_store *store;           /* to which transactions bind: a reference that the handle takes over.  NULL: wrapped's */
  hf_persist *wrapped;       /* the handle on the concrete store that the class extends, or NULL; the handle takes a
                              reference of its own */
  const char *base;          /* what the class was given; NULL: nothing.  Copied */
} hf__attachment;

/* Makes a handle with that attached; `url` is for people.  On failure the attachment's collection and store are still
 * the caller's.  Errors: HF_INVALID_ARGUMENT for the name, HF_NO_MEMORY. */
hf_status hf__persist_attach(hf_slice entity_name, const char *url, const hf__attachment *attachment, hf_persist **out,
                             hf_error *err);

/* Makes the handle of a script's class read-only, and with it what the class does to the store that it wraps.  That
 * store is opened so, unless it is open already. */
void hf__persist_make_read_only(hf_persist *p);

/* Makes a handle on a store that is open already, of which it takes a reference of its own.  The name is one that the
 * store has, or a valid one: it is not checked. */
hf_status hf__persist_on(hf_store *store, hf_slice entity_name, hf_persist **out, hf_error *err);

/* Makes another handle like one that is open and of no script: on the same store, which is not looked for again. */
hf_status hf__persist_again(const hf_persist *like, hf_persist **out, hf_error *err);

/* A validated id with the memory of its order key. */
typedef struct hf__key {
  hf_key key;
  unsigned char order[HF__ORDER_KEY_MAX];
} hf__key;

/* Validates an id and fills in its key.  HF_INVALID_ARGUMENT names the entity and says what is wrong. */
hf_status hf__key_init(hf_slice entity_name, hf_slice id, hf__key *out, hf_error *err);

/* What every operation does first: opens the store if needed, joins the thread's transaction. */
hf_status hf__persist_enter(hf_persist *p, bool writing, void **txn, hf_error *err);

/* The name as a valid entity name, or HF_INVALID_ARGUMENT. */
hf_status hf__entity_name_check(hf_slice name, hf_error *err);

/* What every operation does when a slot failed: names backend and entity in the error, tells the transaction, moves an
 * unreadable record to quarantine.  Returns the status to report.
 *   id    of the entity concerned, or {NULL, 0}
 *   verb  appended to "Entity NAME:ID not found", "" or " for deletion" */
hf_status hf__persist_fail(hf_persist *p, void *txn, hf_status status, const hf_key *key, const char *verb,
                           hf_error *err);

/* hf_persist_write() and hf_persist_write_many() for text that is known to be valid JSON: the Lua encoder's. */
hf_status hf__persist_write_trusted(hf_persist *p, hf_slice id, hf_slice json, const hf_write_options *options,
                                    hf_info *info, hf_error *err);
hf_status hf__persist_write_many_trusted(hf_persist *p, const hf_item *items, size_t count, hf_error *err);

/* For hf_scan.scan_id. */
uint64_t hf__scan_id(void);

/* The caller will not look at the hf_info of the iterator's entries.  Before its first step. */
void hf__iter_without_info(hf_iter *it);

/* For loops whose condition stands for a function: what it is no to is left out from now on; what it cannot tell is
 * handed out as what it is a yes to, or, to `count`, alone, since the yeses are only counted.  To be called again when
 * a parameter has changed: what was found ahead is found again.  The iterator shares the condition, which may be NULL:
 * from now on everything is handed out.  False: out of memory. */
bool hf__iter_ask(hf_iter *it, hf_condition *condition, bool count);

/* Whether the collection has indexes, by which the iteration finds what a condition wants when it is given one.  Before
 * its first step. */
bool hf__iter_learn_indexes(hf_iter *it);

/* Whether it reads only entities that indexes lead to, so that its condition is worth its time whatever it refuses. */
bool hf__iter_goes_by_index(const hf_iter *it);

/* hf_persist_explain() for what the iteration would do with this condition; NULL: with its own. */
hf_status hf__iter_explain(hf_iter *it, hf_condition *condition, hf_buffer *json, hf_error *err);

/* How many were counted before what hf_iter_next() gave last: an entity, a failure, or the end. */
uint64_t hf__iter_counted(const hf_iter *it);

/* How many entities conditions have looked at, those ahead of what was handed out included. */
uint64_t hf__iter_looked_at(const hf_iter *it);

void hf__persist_ref(hf_persist *p);
void hf__persist_unref(hf_persist *p);

#endif
