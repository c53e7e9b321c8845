/* SPDX-License-Identifier: MIT
 *
 * Reading pages: see page_file.h.
 */
#include "page_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads all of it.  0, an errno, or -1: the file ends before. */
static int read_at(int fd, void *out, size_t size, uint64_t at) {
  char *p = out;
  if (at > INT64_MAX - size) return -1;
  while (size) {
    ssize_t n = pread(fd, p, size, (off_t)at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n ? errno : -1;
    p += n;
    at += (uint64_t)n;
    size -= (size_t)n;
  }
  return 0;
}

static bool is_page_size(uint32_t n) {
  return n >= HF__LMDB_PAGE_SIZE_LEAST && n <= HF__LMDB_PAGE_SIZE_MOST && (n & (n - 1)) == 0;
}

static bool is_header(const struct hf__lmdb_header *h, unsigned which, uint32_t page_size) {
  return h->magic == HF__LMDB_MAGIC && h->head.page == which && h->free.pad == page_size;
}

/* The page size that a header states in its place; the first one's word counts more.  0: none; *error: why, where the
 * disk does not give the first. */
static uint32_t find_page_size(int fd, int *error) {
  struct hf__lmdb_header h = {0};
  int rc = read_at(fd, &h, sizeof h, 0);
  *error = rc > 0 ? rc : 0;
  if (rc == 0 && h.magic == HF__LMDB_MAGIC && is_page_size(h.free.pad)) {
    struct hf__lmdb_header other;
    if (read_at(fd, &other, sizeof other, h.free.pad) == 0 && is_header(&other, 1, h.free.pad)) return h.free.pad;
  }
  uint32_t first = is_page_size(h.free.pad) ? h.free.pad : 0;
  for (uint32_t size = HF__LMDB_PAGE_SIZE_LEAST; size <= HF__LMDB_PAGE_SIZE_MOST; size *= 2)
    if (read_at(fd, &h, sizeof h, size) == 0 && is_header(&h, 1, size)) return size;
  return first;
}

hf_status hf__lmdb_page_file_open(int fd, struct hf__lmdb_page_file *out, hf_error *err) {
  struct stat st;
  *out = (struct hf__lmdb_page_file){.fd = fd};
  if (fstat(fd, &st)) {
    hf_error_set(err, HF_IO, "cannot look at the data file: %s", strerror(errno));
    return HF_IO;
  }
  int error;
  out->page_size = find_page_size(fd, &error);
  if (!out->page_size && error) {
    hf_error_set(err, HF_IO, "the first page of the data file cannot be read: %s", strerror(error));
    return HF_IO;
  }
  if (!out->page_size) return hf_error_set(err, HF_CORRUPT, "neither header page states a page size that can be");
  out->pages = (uint64_t)st.st_size / out->page_size;
  return HF_OK;
}

/* Where a page is. */
static uint64_t place_of(const struct hf__lmdb_page_file *file, uint64_t page) {
  for (size_t i = 0; i < file->moved_count; i++)
    if (file->moved[i].page == page) return file->moved[i].place;
  return page;
}

void hf__lmdb_page_file_take_tail(struct hf__lmdb_page_file *file) {
  struct stat st;
  if (fstat(file->fd, &st) || (uint64_t)st.st_size <= file->pages * file->page_size) return;
  file->pages++;
  file->has_tail = true;
}

/* Reads what there is of the last page. */
static int read_tail(const struct hf__lmdb_page_file *file, void *out, size_t size) {
  uint64_t at = (file->pages - 1) * file->page_size;
  memset(out, 0, size);
  ssize_t n = at <= INT64_MAX ? pread(file->fd, out, size, (off_t)at) : -1;
  return n < 0 ? errno : 0;
}

int hf__lmdb_read_pages(const struct hf__lmdb_page_file *file, uint64_t page, void *out, size_t size) {
  if (!file->moved_count && !file->has_tail)
    return page < file->pages ? read_at(file->fd, out, size, page * file->page_size) : -1;
  char *p = out;
  while (size) {
    uint64_t place = place_of(file, page++);
    size_t n = size < file->page_size ? size : file->page_size;
    int rc = place >= file->pages                         ? -1
             : file->has_tail && place == file->pages - 1 ? read_tail(file, p, n)
                                                          : read_at(file->fd, p, n, place * file->page_size);
    if (rc) return rc;
    p += n;
    size -= n;
  }
  return 0;
}

bool hf__lmdb_read_header(const struct hf__lmdb_page_file *file, unsigned which, struct hf__lmdb_header *out) {
  return hf__lmdb_read_pages(file, which, out, sizeof *out) == 0;
}
