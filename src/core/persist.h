/* SPDX-License-Identifier: MIT
 *
 * hf_persist from inside the library: the handle, and the entry points that the
 * Lua binding needs beside the public ones.
 */
#ifndef HF_CORE_PERSIST_H
#define HF_CORE_PERSIST_H

#include "core/order.h"
#include "core/page.h"
#include "core/registry.h"

struct hf_persist {
  hf_store *store;           /* NULL until the first operation has opened it */
  void *entity;              /* the backend's, with store */
  const hf_backend *backend; /* that the URL names */
  char *base;                /* as given: what hf_persist_init() opens */
  char *directory;           /* where the process was then: what a relative path in base is relative to */
  char *url;                 /* the same without password, for people */
  hf_options options;
  hf_slice name; /* the entity name, 0-terminated */
  size_t refs;   /* the owner and its iterators */
  bool closed;
};

/* A validated id with the memory of its order key. */
typedef struct hf__key {
  hf_key key;
  unsigned char order[HF__ORDER_KEY_MAX];
} hf__key;

/* Validates an id and fills in its key.  HF_INVALID_ARGUMENT names the entity and says what is wrong. */
hf_status hf__key_init(hf_slice entity_name, hf_slice id, hf__key *out, hf_error *err);

/* What every operation does first: opens the store if needed, joins the thread's transaction. */
hf_status hf__persist_enter(hf_persist *p, bool writing, void **txn, hf_error *err);

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

void hf__persist_ref(hf_persist *p);
void hf__persist_unref(hf_persist *p);

#endif
