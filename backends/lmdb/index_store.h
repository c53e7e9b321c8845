/* SPDX-License-Identifier: MIT
 *
 * Entries of indexes: one database for those of all indexes of a store (README.md has the format).
 *
 *   key    number of the index, 4 bytes, big-endian; the value that the entity has; the order key of its id
 *   value  one byte: how many bytes of the key are the entity's value
 *
 * An order key may be nearly as long as LMDB's keys may be.  Where the three together are longer, the key ends with
 * the first bytes of the order key and a hash of it, and the value goes on with the whole order key.  So entries of
 * one value are in the natural order of their ids, but for some of very long ids.
 *
 * Values that a unique index keeps for what is in quarantine lie under the number with its highest bit set: no
 * iteration and no count comes by them.
 */
#ifndef HF_BACKENDS_LMDB_INDEX_STORE_H
#define HF_BACKENDS_LMDB_INDEX_STORE_H

#include <lmdb.h>

#include "holdfast/backend.h"

enum { ENTRY_KEY_MAX = 511, ENTRY_NUMBER = 4, ENTRY_NUMBER_MAX = INT32_MAX };

/* The number under which the values of what is in quarantine are, for that of an index; and the other way. */
static inline uint32_t hf__lmdb_held(uint32_t number) { return number | UINT32_C(1) << 31; }
static inline uint32_t hf__lmdb_not_held(uint32_t number) { return number & ~(UINT32_C(1) << 31); }

/* An entry to be stored. */
typedef struct hf__lmdb_entry {
  MDB_val key, value;
  unsigned char key_bytes[ENTRY_KEY_MAX], value_bytes[1 + HF_ORDER_KEY_MAX];
} hf__lmdb_entry;

/* Makes the entry of an entity, whose value and order key are no longer than such can be. */
void hf__lmdb_entry_make(hf__lmdb_entry *entry, uint32_t number, hf_slice value, hf_slice order);

/* An entry as it is stored; all points into it. */
typedef struct hf__lmdb_stored {
  uint32_t number;
  hf_slice position; /* the key after the number */
  hf_slice value, order;
} hf__lmdb_stored;

/* Reads one.  False: it is damaged. */
bool hf__lmdb_entry_read(const MDB_val *key, const MDB_val *value, hf__lmdb_stored *out);

/* The id at the end of an order key. */
hf_slice hf__lmdb_order_id(hf_slice order);

/* What follows gives LMDB's results.  One that is there already stays as it is, and one that is not there is no
 * failure of deleting. */
int hf__lmdb_entry_put(MDB_txn *txn, MDB_dbi index_dbi, uint32_t number, hf_slice value, hf_slice order);
int hf__lmdb_entry_delete(MDB_txn *txn, MDB_dbi index_dbi, uint32_t number, hf_slice value, hf_slice order);

/* Puts one by a cursor, after the last of all while *appends.  One that is there stays. */
int hf__lmdb_entry_insert(MDB_cursor *c, const hf__lmdb_entry *entry, bool *appends);

/* The smallest number from `from` on that has entries; MDB_NOTFOUND: none. */
int hf__lmdb_entries_number(MDB_txn *txn, MDB_dbi index_dbi, uint32_t from, uint32_t *number);

/* Puts a cursor on the first entry of a number at or after a position: MDB_NOTFOUND where there is none; the cursor is
 * on the first one of a later number then, or with k->mv_data NULL at the end of all. */
int hf__lmdb_entry_seek(MDB_cursor *c, uint32_t number, hf_slice position, MDB_val *k, MDB_val *v);
/* The next one of this number (with MDB_PREV the one before): MDB_NOTFOUND likewise. */
int hf__lmdb_entry_step(MDB_cursor *c, uint32_t number, MDB_cursor_op op, MDB_val *k, MDB_val *v);

/* Deletes entries of a number until `end` (hf_clock_ns(); 0: all).  *more: some are left. */
int hf__lmdb_entries_clear(MDB_txn *txn, MDB_dbi index_dbi, uint32_t number, int64_t end, bool *more);

/* How many entries a number has. */
int hf__lmdb_entries_count(MDB_txn *txn, MDB_dbi index_dbi, uint32_t number, uint64_t *count);

/* Takes the entries of one entity out of a number, by looking at all of them, since its value is not known.
 *   held  they go to the held ones of the number, under this order key; NULL: nowhere */
int hf__lmdb_entries_sweep(MDB_txn *txn, MDB_dbi index_dbi, uint32_t number, hf_slice order, const hf_slice *held);

/* Copies what is held of one number to another one, for those order keys that are wanted. */
int hf__lmdb_entries_copy_held(MDB_txn *txn, MDB_dbi index_dbi, uint32_t from, uint32_t to,
                               bool (*wants)(hf_slice order, void *arg), void *arg);

/* Deletes what is held of a number for other order keys than those that are wanted. */
int hf__lmdb_entries_let_go(MDB_txn *txn, MDB_dbi index_dbi, uint32_t number, bool (*wants)(hf_slice order, void *arg),
                            void *arg);

/* Deletes all entries; the other one, all that are not held. */
int hf__lmdb_entries_drop(MDB_txn *txn, MDB_dbi index_dbi);
int hf__lmdb_entries_clear_all(MDB_txn *txn, MDB_dbi index_dbi);

#endif
