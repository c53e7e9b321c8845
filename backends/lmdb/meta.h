/* SPDX-License-Identifier: MIT
 *
 * What a store keeps of itself: the records of the database META_DB, and the mark that each commit of a format-2 store
 * leaves in LMDB's main database.
 */
#ifndef HF_BACKENDS_LMDB_META_H
#define HF_BACKENDS_LMDB_META_H

#include "env.h"

/* Keys of META_DB.  Values are JSON texts. */
#define META_FORMAT "format"    /* {"format":2,"createdAt":ms,"createdBy":"...","raisedAt":ms,"raisedBy":"..."} */
#define META_SETTING "setting:" /* and the name of a setting: its value */
#define META_FEATURE "feature:" /* and the name of a feature: {"unknown":"read","meaning":"..."} */
#define META_INDEX                                                                                                     \
  "index:" /* hash of an entity name, ":", number: {"ready":...,"again":true,"entityName":"...","definition":{...}} */
#define META_INDEX_LAST "indexes" /* the newest number of an index that was given out */
#define META_NOTE "note:"         /* and the name of a note: its text (notes.h) */
#define NOTE_FOLLOWS "follows"
#define META_GAPS "gaps" /* {"count":n,"from":commit,"to":commit,"at":ms}: the last two of the newest gap */

/* Formats: stores are made in the first, and read up to the newest. */
enum { FORMAT_FIRST = 1, FORMAT_MARKED = 2, FORMAT_NEWEST = 2 };

/* What a commit leaves under MARK_KEY of the main database, as little-endian numbers.  Then come the sums of a store
 * that has them (sums.h). */
#define MARK_KEY "\001commit"
typedef struct hf__lmdb_mark {
  uint64_t commit;  /* its own number */
  uint64_t changed; /* that of the commit which changed format, features or settings last */
} hf__lmdb_mark;
enum { MARK_SIZE = 16, MARK_MORE_MOST = SUMS_IN_MARK * 24 };

/* The mark of the newest commit that the transaction sees: all 0 where there is none.  LMDB's result. */
int hf__lmdb_mark_get(const hf__lmdb_env *env, MDB_txn *txn, hf__lmdb_mark *mark);
/* The same as it is stored, with what comes after it; data NULL where there is none. */
int hf__lmdb_mark_read(const hf__lmdb_env *env, MDB_txn *txn, hf_slice *value);
/* Leaves a mark, and after it more numbers, at most MARK_MORE_MOST bytes. */
int hf__lmdb_mark_put(const hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_mark *mark, hf_slice more);

/* Keeps a value under prefix and name (data NULL: keeps none any more); *changed becomes true unless it was there
 * already.  LMDB's result. */
int hf__lmdb_meta_put(const hf__lmdb_env *env, MDB_txn *txn, const char *prefix, hf_slice name, hf_slice value,
                      bool *changed);

/* The value under a key; data NULL where there is none.  Valid as long as the transaction, and until it writes.  LMDB's
 * result. */
int hf__lmdb_meta_get(const hf__lmdb_env *env, MDB_txn *txn, const char *key, hf_slice *value);

/* Calls the function for each name after a prefix, in the order of bytes; ends with the first result that is not 0.
 * That, or LMDB's. */
int hf__lmdb_meta_each(hf__lmdb_env *env, MDB_txn *txn, const char *prefix,
                       int (*fn)(hf__lmdb_env *env, MDB_txn *txn, hf_slice name, hf_slice value, void *arg), void *arg);

/* Reads the number in the format record, and where its digits end.  False: it is no such record. */
bool hf__lmdb_format_of(hf_slice record, unsigned *format, size_t *end);

#endif
