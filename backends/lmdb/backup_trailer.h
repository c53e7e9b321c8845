/* SPDX-License-Identifier: MIT
 *
 * What a backup ends with: by it a whole one is told from one that was cut off or changed.  Before it the file is a
 * data file as LMDB has them, which does not look beyond its last page.
 *
 *   offset  size
 *        0     8   "HFBACKUP"
 *        8     4   version of the trailer, 1
 *       12     4   bytes of the first two pages, the headers
 *       16     8   bytes before the trailer
 *       24     8   revision
 *       32     8   the moment that the backup shows, ms since 1970-01-01 UTC
 *       40    12   0
 *       52     4   CRC32C of the pages from the third on
 *       56     4   CRC32C of the first two
 *       60     4   CRC32C of the trailer up to here
 *
 * Numbers are little-endian.
 */
#ifndef HF_BACKENDS_LMDB_BACKUP_TRAILER_H
#define HF_BACKENDS_LMDB_BACKUP_TRAILER_H

#include "holdfast/backend.h"

enum { BACKUP_TRAILER_SIZE = 64 };

struct hf__lmdb_trailer {
  uint64_t bytes, revision;
  uint32_t header_bytes;
  int64_t at;
  uint32_t pages_sum, headers_sum;
};

void hf__lmdb_trailer_write(unsigned char out[BACKUP_TRAILER_SIZE], const struct hf__lmdb_trailer *trailer);

/* Reads it, and compares it with the size of the file that it is the end of.  HF_CORRUPT, HF_UNSUPPORTED (a newer
 * version). */
hf_status hf__lmdb_trailer_read(const unsigned char bytes[BACKUP_TRAILER_SIZE], uint64_t file_size,
                                struct hf__lmdb_trailer *out, hf_error *err);

#endif
