/* SPDX-License-Identifier: MIT
 *
 * What is stored under a key: a header and the JSON text after it.
 *
 *   offset  size
 *        0     1   version of the record: RECORD_VERSION, or of one that expires RECORD_EXPIRING
 *        1     1   size of the id at the end of the key, so that nobody need search for it
 *        2     2   size of the header: RECORD_HEADER, or of one that expires RECORD_HEADER_EXPIRING
 *        4     4   CRC32C of everything from offset 8 to the end, begun with the hash of the id (record.c)
 *        8     8   updated at, ms since 1970-01-01 UTC
 *       16     8   revision: the number of the commit that wrote the record
 *      (24     8   only of one that expires: when, ms since 1970-01-01 UTC, greater than 0)
 *       24 or 32   JSON text
 *
 * Numbers are little-endian.
 */
#ifndef HF_BACKENDS_LMDB_RECORD_H
#define HF_BACKENDS_LMDB_RECORD_H

#include <endian.h>
#include <lmdb.h>
#include <string.h>

#include "holdfast/backend.h"

enum { RECORD_VERSION = 1, RECORD_HEADER = 24 };
enum { RECORD_EXPIRING = 2, RECORD_HEADER_EXPIRING = 32 }; /* of one that expires */

/* Bytes of a record with a text of this size.
 *   expires_at  0: it does not expire */
static inline size_t hf__lmdb_record_size(size_t text, int64_t expires_at) {
  return (__builtin_expect(expires_at != 0, 0) ? RECORD_HEADER_EXPIRING : RECORD_HEADER) + text;
}

/* Writes a record of hf__lmdb_record_size() bytes to `out`; of info it takes all. */
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

/* When a record expires, without checking it; 0: never, or it is damaged. */
static inline int64_t hf__lmdb_record_expires_at(const MDB_val *record) {
  const unsigned char *p = record->mv_data;
  uint64_t at;
  if (__builtin_expect(record->mv_size < RECORD_HEADER_EXPIRING || p[0] != RECORD_EXPIRING, 1)) return 0;
  if (p[2] != RECORD_HEADER_EXPIRING || p[3]) return 0;
  memcpy(&at, p + RECORD_HEADER, 8);
  return (int64_t)le64toh(at);
}

/* The text of a record that is known to be sound. */
static inline hf_slice hf__lmdb_record_text(const MDB_val *record) {
  size_t header = *(const unsigned char *)record->mv_data == RECORD_EXPIRING ? RECORD_HEADER_EXPIRING : RECORD_HEADER;
  return (hf_slice){(const char *)record->mv_data + header, record->mv_size - header};
}

/* The revision of a record, without checking it; 0 if it is too short. */
uint64_t hf__lmdb_record_revision(const MDB_val *record);

/* What a record adds to the hash of its collection (sums.h): a mix of the id's hash and the checksum in its header,
 * of which alone it reads.  Part of the format. */
uint64_t hf__lmdb_record_hash(const MDB_val *record, hf_slice id);

#endif
