/* SPDX-License-Identifier: MIT
 *
 * A compact copy of one commit: a data file with its pages alone, close together, and no free ones.  Read and written
 * page by page, without LMDB, whose own copy (mdb_env_copy with MDB_CP_COMPACT) begins to count commits at 1 again, so
 * that revisions would come twice, trusts every byte, and does not tell which commit it has copied.
 */
#ifndef HF_BACKENDS_LMDB_PAGE_COPY_H
#define HF_BACKENDS_LMDB_PAGE_COPY_H

#include "page_walk.h"

/* What to copy, and where to. */
struct hf__lmdb_copy {
  const struct hf__lmdb_page_file *file;
  const struct hf__lmdb_header *view; /* the commit; what keeps its pages from being used again is the caller's */
  uint64_t commit;                    /* the number that the copy's headers get: the commit's own, or a larger one */
  int fd;                             /* a new file */
  const hf_progress *progress;
  /* Afterwards: */
  uint64_t bytes;                  /* of the copy */
  uint32_t pages_sum, headers_sum; /* CRC32C of the pages after the headers, and of both headers */
};

/* Walks the pages first: a damaged commit is not copied, but HF_CORRUPT.  HF_BUSY: the progress function said to stop.
 * Does not flush.  HF_FULL, HF_IO, HF_NO_MEMORY. */
hf_status hf__lmdb_copy_pages(struct hf__lmdb_copy *copy, hf_error *err);

#endif
