/* SPDX-License-Identifier: MIT
 *
 * What is stored under a key: a header and the JSON text after it.
 *
 *   offset  size
 *        0     1   version of the record, RECORD_VERSION
 *        1     1   size of the id at the end of the key, so that nobody need search for it
 *        2     2   size of the header, RECORD_HEADER; a later version may grow it
 *        4     4   CRC32C of everything from offset 8 to the end, begun with the hash of the id (record.c)
 *        8     8   updated at, ms since 1970-01-01 UTC
 *       16     8   revision: the number of the commit that wrote the record
 *       24         JSON text
 *
 * Numbers are little-endian.
 */
#ifndef HF_BACKENDS_LMDB_RECORD_H
#define HF_BACKENDS_LMDB_RECORD_H

#include <lmdb.h>

#include "holdfast/backend.h"

enum { RECORD_VERSION = 1, RECORD_HEADER = 24 };

/* Writes a record of RECORD_HEADER + json.size bytes to `out`. */
void hf__lmdb_record_write(void *out, hf_slice id, hf_slice json, const hf_info *info);

/* Checks a record and says where its text is.  NULL when it is good, otherwise what is wrong with it. */
const char *hf__lmdb_record_read(const MDB_val *record, hf_slice id, hf_slice *json, hf_info *info);

/* The id of a key whose record is damaged; {NULL, 0} if the key is no order key. */
hf_slice hf__lmdb_record_search_id(const MDB_val *key);

/* The id at the end of the record's key; {NULL, 0} if the key is no order key. */
static inline hf_slice hf__lmdb_record_id(const MDB_val *key, const MDB_val *record) {
  size_t size = record->mv_size >= 2 ? ((const unsigned char *)record->mv_data)[1] : 0;
  const char *end = (const char *)key->mv_data + key->mv_size;
  bool is_good = size && size <= HF_ID_MAX && size < key->mv_size && end[-(ptrdiff_t)size - 1] == '\0';
  return __builtin_expect(is_good, 1) ? (hf_slice){end - size, size} : hf__lmdb_record_search_id(key);
}

/* Whether the key is the order key of the id at its end. */
bool hf__lmdb_record_key_is_sound(const MDB_val *key, hf_slice id);

/* The revision of a record, without checking it; 0 if it is too short. */
uint64_t hf__lmdb_record_revision(const MDB_val *record);

/* What a record adds to the hash of its collection (sums.h): a mix of the id's hash and the checksum in its header,
 * of which alone it reads.  Part of the format. */
uint64_t hf__lmdb_record_hash(const MDB_val *record, hf_slice id);

#endif
