/* SPDX-License-Identifier: MIT
 *
 * The log of changes: one database for all collections (README.md has the format).
 *
 *   key    revision, 8 bytes, big-endian; which change of its commit it is, 4 bytes, big-endian
 *   value  kind of the change; flags; size of the entity name, 2 bytes; when it was committed, 8 bytes;
 *          the entity name; the id
 *
 * The first key, 12 zero bytes, has the head: how far the log reaches.  A log without a head is one that was turned
 * off; what is left of it is nobody's.  Numbers in values are little-endian.
 */
#ifndef HF_BACKENDS_LMDB_LOG_STORE_H
#define HF_BACKENDS_LMDB_LOG_STORE_H

#include <lmdb.h>

#include "holdfast/backend.h"

#define FEATURE_CHANGES "changes"
#define SETTING_CHANGES "changes"
#define SETTING_HISTORY "history"

enum { LOG_KEY = 12, LOG_VALUE_HEAD = 12, LOG_VALUE_MAX = LOG_VALUE_HEAD + 2 * HF_ID_MAX };

/* How far a log reaches. */
typedef struct hf__lmdb_log_head {
  uint64_t from;         /* the oldest revision all of whose changes are there */
  uint64_t history_from; /* the oldest of whose changes all replaced values are kept, so that the store can be read as
                          * of this revision less 1, and later; UINT64_MAX: none are kept */
  uint64_t hole;         /* the commit that found that another program had written before it; 0: none has */
  int64_t since;         /* from this time on, ms, until the first change, the store was as of the revision from - 1 */
  uint64_t purged;       /* the commit that took an id out last: of revisions until then changes may be missing */
} hf__lmdb_log_head;

/* A change as it is logged. */
typedef struct hf__lmdb_log_entry {
  uint64_t revision;
  uint32_t nth; /* of the changes of its commit, from 0 on */
  hf_change_kind what;
  bool keeps; /* what was replaced is in the history, under this revision */
  int64_t at; /* when it was committed, ms */
  hf_slice entity_name;
  hf_slice id; /* empty: all ids of the name.  HF_CHANGE_CLEAR with an id only says that it keeps: it tells of nothing
                * that the one without does not tell of */
} hf__lmdb_log_entry;

/* What follows gives LMDB's results. */

/* Puts one after the last: MDB_KEYEXIST where it does not come after it. */
int hf__lmdb_log_append(MDB_txn *txn, MDB_dbi log, const hf__lmdb_log_entry *entry);

/* Takes one out, whatever its key is. */
int hf__lmdb_log_delete(MDB_txn *txn, MDB_dbi log, const MDB_val *key);
/* Takes all out, the head too. */
int hf__lmdb_log_drop(MDB_txn *txn, MDB_dbi log);
/* Takes out what comes first in a log or a history, until `end` (hf_clock_ns()).  *more: some are left. */
int hf__lmdb_log_delete_some(MDB_txn *txn, MDB_dbi log, int64_t end, bool *more);

/* The head; MDB_NOTFOUND: there is none. */
int hf__lmdb_log_head_get(MDB_txn *txn, MDB_dbi log, hf__lmdb_log_head *head);
int hf__lmdb_log_head_put(MDB_txn *txn, MDB_dbi log, const hf__lmdb_log_head *head);
int hf__lmdb_log_head_delete(MDB_txn *txn, MDB_dbi log);

/* Puts a cursor on the first one that is this or comes after it, never on the head; MDB_NOTFOUND: there is none. */
int hf__lmdb_log_seek(MDB_cursor *c, uint64_t revision, uint32_t nth, MDB_val *k, MDB_val *v);
/* On the last one of all. */
int hf__lmdb_log_last(MDB_cursor *c, MDB_val *k, MDB_val *v);

/* When the newest one was committed, or where there is none, from when on the log knows what there was; 0: neither. */
int hf__lmdb_log_newest_time(MDB_txn *txn, MDB_dbi log, int64_t *at);

/* Reads one; slices point into it.  False: it is damaged. */
bool hf__lmdb_log_read(const MDB_val *key, const MDB_val *value, hf__lmdb_log_entry *out);

/* Whether the key is that of the head. */
bool hf__lmdb_log_is_head(const MDB_val *key);
/* Reads the head out of its value.  False: it is damaged. */
bool hf__lmdb_log_head_read(const MDB_val *value, hf__lmdb_log_head *out);

#endif
