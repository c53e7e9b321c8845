/* SPDX-License-Identifier: MIT
 *
 * A data file as a row of pages, read by pread() alone: no byte of it can end the process, as it can through LMDB's
 * map, which ends where the file does and breaks where the disk does.
 */
#ifndef HF_BACKENDS_LMDB_PAGE_FILE_H
#define HF_BACKENDS_LMDB_PAGE_FILE_H

#include "holdfast/backend.h"
#include "page_format.h"

/* An open data file. */
struct hf__lmdb_page_file {
  int fd;
  uint32_t page_size;
  uint64_t pages; /* whole ones that the file has, or had when it was opened */
  bool has_tail;  /* the last one is cut off, and read as if zeros followed */
  struct hf__lmdb_moved *moved;
  size_t moved_count;
};

/* Where a page is that is not in its own place; for rescue. */
struct hf__lmdb_moved {
  uint64_t page, place;
};

/* Reads where the headers are, which is where the file's page size is; the descriptor stays the caller's.  HF_IO: also
 * where the disk does not give the first header, and the other is of no help.  HF_CORRUPT: neither header states a page
 * size that can be. */
hf_status hf__lmdb_page_file_open(int fd, struct hf__lmdb_page_file *out, hf_error *err);

/* Counts a last page that is cut off among the pages.  For rescue. */
void hf__lmdb_page_file_take_tail(struct hf__lmdb_page_file *file);

/* Reads a header page; false: it cannot be read. */
bool hf__lmdb_read_header(const struct hf__lmdb_page_file *file, unsigned which, struct hf__lmdb_header *out);

/* Reads `size` bytes from the beginning of a page on.  0, an errno, or -1: the file ends before. */
int hf__lmdb_read_pages(const struct hf__lmdb_page_file *file, uint64_t page, void *out, size_t size);

#endif
