/* SPDX-License-Identifier: MIT
 *
 * Stores in memory: their collections, and transactions on them.
 */
#ifndef HF_BACKENDS_MEMORY_STORE_H
#define HF_BACKENDS_MEMORY_STORE_H

#include <pthread.h>

#include "indexes.h"
#include "items.h"
#include "undo.h"

/* A collection, or what a snapshot sees of it. */
typedef struct hf__memory_type {
  struct hf__memory_type *next;
  size_t name_size;
  hf__memory_list sound, damaged;
  hf__memory_indexes indexes;
  char name[HF_ID_MAX];
} hf__memory_type;

typedef struct hf__memory_store {
  pthread_mutex_t lock;
  hf__memory_type *types; /* never removed while the store is open: entity handles point to them */
  uint64_t revision;
  uint32_t last_index; /* the number that the newest index got */
  hf_buffer note;      /* the setting, as JSON text; empty: nobody set it */
} hf__memory_store;

typedef struct hf__memory_txn {
  hf_txn_kind kind;
  struct hf__memory_txn *parent;
  hf__memory_type *types; /* what a snapshot sees: copies, in the order of the store's list when it began */
  hf__memory_undo undo;   /* what a transaction has changed */
} hf__memory_txn;

/* Frees a list of collections. */
void hf__memory_types_free(hf__memory_type *t);
/* Finds a collection in a list; NULL: it is not there. */
hf__memory_type *hf__memory_types_find(hf__memory_type *t, const char *name, size_t size);

/* hf_backend.begin, commit and abort */
hf_status hf__memory_begin(void *store, hf_txn_kind kind, void *parent, void **txn, hf_error *err);
hf_status hf__memory_commit(void *store, void *txn, hf_error *err);
void hf__memory_abort(void *store, void *txn);

/* Where changes are noted; NULL: they are not, since they cannot be undone. */
hf__memory_undo *hf__memory_undo_of(hf__memory_txn *txn);

/* What an operation works on: the live collection, locked unless a transaction holds the lock, or a snapshot's copy. */
hf__memory_type *hf__memory_enter(hf__memory_store *s, hf__memory_txn *txn, hf__memory_type *live);
void hf__memory_leave(hf__memory_store *s, const hf__memory_txn *txn);

#endif
