/* SPDX-License-Identifier: MIT
 *
 * Stores in memory: transactions on them, and commits.
 */
#ifndef HF_BACKENDS_MEMORY_STORE_H
#define HF_BACKENDS_MEMORY_STORE_H

#include <pthread.h>

#include "base/clocks.h"
#include "collection.h"
#include "log.h"
#include "undo.h"

/* The settings that are kept, as JSON texts; empty: nobody set it. */
typedef struct hf__memory_settings {
  hf_buffer changes, history, note;
} hf__memory_settings;

typedef struct hf__memory_store {
  pthread_mutex_t lock;
  hf__memory_type *types; /* never removed while the store is open: entity handles point to them */
  uint64_t revision;      /* of the newest commit; also read without the lock, hence atomic */
  bool is_changed;        /* by the running commit */
  uint32_t last_index;    /* the number that the newest index got */
  hf__memory_settings settings;
  hf__memory_log log;
  hf__memory_list notes; /* hf_backend.note_put: their names are ids */
  hf__clocks clocks;     /* when both clocks began to go together */
} hf__memory_store;

typedef struct hf__memory_txn {
  hf_txn_kind kind;
  struct hf__memory_txn *parent;
  hf__memory_type *types; /* what a snapshot sees: copies, in the order of the store's list when it began */
  hf__memory_list notes;  /* likewise */
  hf__memory_undo undo;   /* what a transaction has changed */
  size_t logged;          /* how many entries the log had when it began */
  bool is_past;           /* it sees the store as it was after a commit */
  int64_t now;            /* when it, or the outermost around it, began: by this what it sees expires */
} hf__memory_txn;

/* hf_backend.begin, commit and abort */
hf_status hf__memory_begin(void *store, hf_txn_kind kind, void *parent, void **txn, hf_error *err);
hf_status hf__memory_commit(void *store, void *txn, hf_error *err);
void hf__memory_abort(void *store, void *txn);
/* Has a snapshot see what there is now, under the lock.  False: out of memory. */
bool hf__memory_see(const hf__memory_store *s, hf__memory_txn *t, bool with_indexes);
/* NULL is ignored. */
void hf__memory_txn_free(hf__memory_txn *t);

/* Where changes are noted; NULL: they are not, since they cannot be undone. */
hf__memory_undo *hf__memory_undo_of(hf__memory_txn *txn);

/* What an operation works on: the live collection, locked unless a transaction holds the lock, or a snapshot's copy. */
hf__memory_type *hf__memory_enter(hf__memory_store *s, hf__memory_txn *txn, hf__memory_type *live);
/* Ends the operation; without a transaction what it has changed is committed. */
void hf__memory_leave(hf__memory_store *s, const hf__memory_txn *txn);

/* By which time entities have expired. */
int64_t hf__memory_now(const hf__memory_txn *txn);

/* The revision that the running commit has. */
static inline uint64_t hf__memory_next(const hf__memory_store *s) { return s->revision + 1; }

#endif
