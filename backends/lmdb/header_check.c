/* SPDX-License-Identifier: MIT
 *
 * A check of both header pages of a data file, before LMDB maps it.  LMDB takes an empty file for a new store, divides
 * by whatever page size the newer header states, and follows page numbers of a damaged or truncated file out of its
 * map: each ends the process.  It writes its header pages in turn, the one whose number is even first, so that the two
 * always bear numbers of neighbouring commits; one that does not fit the other is damaged, or comes from another time.
 */
#include "header_check.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Layout of LMDB 0.9's header pages on 64-bit machines: struct MDB_page's header, then struct MDB_meta. */
enum {
  META_MAGIC = 0xBEEFC0DE,
  META_VERSION = 1,
  META_FLAG = 0x08, /* P_META */
  PAGE_SIZE_LEAST = 512,
  PAGE_SIZE_MOST = 65536,
  DEPTH_MOST = 32, /* CURSOR_STACK */
  ORDER_FLAGS = MDB_REVERSEKEY | MDB_DUPSORT | MDB_INTEGERKEY | MDB_DUPFIXED | MDB_INTEGERDUP | MDB_REVERSEDUP,
  TRIES = 20 /* another process may be writing: two looks at two pages are no one moment */
};

struct tree {
  uint32_t page_size; /* of the free list's tree: of the file; otherwise 0 */
  uint16_t flags, depth;
  uint64_t branch, leaf, overflow, entries, root;
};

struct header {
  uint64_t page;
  uint16_t pad, flags;
  uint32_t free_space;
  uint32_t magic, version;
  uint64_t address, map_size;
  struct tree trees[2]; /* free list, main */
  uint64_t last_page, commit;
};

_Static_assert(sizeof(struct header) == 152, "LMDB's page header and its meta data");

static const uint64_t PAGES_MOST = (uint64_t)1 << 48;

/* What is wrong with a tree that a header refers to; NULL: nothing.  order: which of ORDER_FLAGS it has. */
static const char *tree_problem(const struct tree *t, uint16_t order, uint64_t last_page) {
  if ((t->flags & ORDER_FLAGS) != order) return "the order of a tree cannot be"; /* LMDB asserts it */
  if (t->root == UINT64_MAX) return t->depth || t->entries ? "it counts entries of a tree that has no root" : NULL;
  if (t->root < 2 || t->root > last_page) return "it refers to a page that cannot be";
  if (!t->depth || t->depth > DEPTH_MOST) return "the depth of a tree cannot be";
  if (t->leaf == 0 || t->branch > last_page || t->leaf > last_page || t->overflow > last_page)
    return "it counts pages that cannot be";
  return NULL;
}

/* What is wrong with a header page by itself; NULL: nothing.
 *   older  it is the one that LMDB does not go by.  When the writing of a header fails, LMDB puts the number of the
 *          commit that was there back, and with it the last page, but leaves the new trees, which may lie beyond. */
static const char *header_problem(const struct header *h, unsigned which, uint32_t page_size, bool older) {
  if (h->magic != META_MAGIC || h->page != which || !(h->flags & META_FLAG)) return "it is not a header";
  if (h->version != META_VERSION) return "its version is not LMDB 0.9's";
  if (h->trees[0].page_size != page_size) return "it states another page size";
  if (h->commit && h->commit % 2 != which) return "its commit's number belongs on the other page";
  if (h->address) return "it wants a fixed address";
  if (h->last_page < 1 || h->last_page >= PAGES_MOST) return "its last page cannot be";
  for (int i = 0; i < 2; i++) {
    const char *problem = tree_problem(&h->trees[i], i == 0 ? MDB_INTEGERKEY : 0, older ? PAGES_MOST : h->last_page);
    if (problem) return problem;
  }
  return NULL;
}

static hf_status fail_read(const char *path, hf_error *err) {
  int e = errno;
  hf_error_set(err, HF_IO, "cannot read the header of %s: %s", path, strerror(e));
  hf_error_cause(err, "errno %d", e);
  return HF_IO;
}

/* Reads a header page.  HF_CORRUPT: the file ends before it does; *err is left to the caller. */
static hf_status read_header(int fd, off_t offset, const char *path, struct header *out, hf_error *err) {
  memset(out, 0, sizeof *out);
  ssize_t n = pread(fd, out, sizeof *out, offset);
  if (n < 0) return fail_read(path, err);
  return n < (ssize_t)sizeof *out ? HF_CORRUPT : HF_OK;
}

/* The file ends before pages that its newest header refers to. */
static hf_status check_length(const struct header h[2], const struct stat *st, const char *path, hf_error *err) {
  const struct header *newest = h[1].commit > h[0].commit ? &h[1] : &h[0];
  uint64_t pages = (uint64_t)st->st_size / newest->trees[0].page_size;
  for (int i = 0; i < 2; i++)
    if (newest->trees[i].root != UINT64_MAX && newest->trees[i].root >= pages)
      return hf_error_set(err, HF_CORRUPT, "%s is cut off: it has %llu pages and refers to page %llu", path,
                          (unsigned long long)pages, (unsigned long long)newest->trees[i].root);
  return HF_OK;
}

static hf_status check_pair(const struct header h[2], const char *path, hf_error *err) {
  uint32_t page_size = h[0].trees[0].page_size;
  for (unsigned i = 0; i < 2; i++) {
    const char *problem = header_problem(&h[i], i, page_size, h[i].commit < h[!i].commit);
    if (problem)
      return hf_error_set(err, HF_CORRUPT, "%s is damaged: %s in its %s header page; put a backup in its place", path,
                          problem, i ? "second" : "first");
  }
  uint64_t newer = h[0].commit > h[1].commit ? h[0].commit : h[1].commit;
  uint64_t older = h[0].commit > h[1].commit ? h[1].commit : h[0].commit;
  if (newer - older > 1)
    return hf_error_set(err, HF_CORRUPT,
                        "%s is damaged: its header pages are of commits %llu and %llu, which do not belong together; "
                        "put a backup in its place",
                        path, (unsigned long long)older, (unsigned long long)newer);
  return HF_OK;
}

static hf_status check(int fd, const char *path, hf_error *err) {
  struct stat st;
  struct header h[2];
  if (fstat(fd, &st)) return hf_error_set(err, HF_IO, "cannot look at %s: %s", path, strerror(errno));
  if (!S_ISREG(st.st_mode)) return hf_error_set(err, HF_CORRUPT, "%s is no regular file", path);
  if (st.st_size == 0)
    return hf_error_set(err, HF_CORRUPT, "%s is empty: put a backup in its place, or remove it for a new store", path);
  hf_status status = read_header(fd, 0, path, &h[0], err);
  if (status == HF_IO) return status;
  if (status || h[0].magic != META_MAGIC)
    return hf_error_set(err, HF_CORRUPT, "%s is not an LMDB file: give another directory, or move it away", path);
  uint32_t page_size = h[0].trees[0].page_size;
  if (page_size < PAGE_SIZE_LEAST || page_size > PAGE_SIZE_MOST || (page_size & (page_size - 1)) != 0)
    return hf_error_set(err, HF_CORRUPT, "%s is damaged: its first header page states a page size of %u bytes", path,
                        page_size);
  status = read_header(fd, (off_t)page_size, path, &h[1], err);
  if (status == HF_IO) return status;
  if (status) return hf_error_set(err, HF_CORRUPT, "%s is cut off: it ends in its second header page", path);
  status = check_pair(h, path, err);
  if (status) return status;
  if (fstat(fd, &st)) return hf_error_set(err, HF_IO, "cannot look at %s: %s", path, strerror(errno)); /* it grows */
  return check_length(h, &st, path, err);
}

hf_status hf__lmdb_header_check(const char *path, hf_error *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe of that name must not stop us */
  if (fd < 0) {
    hf_status status = errno == ENOENT ? HF_NOT_FOUND : errno == EACCES ? HF_READONLY : HF_IO;
    return hf_error_set(err, status, "cannot open %s: %s", path, strerror(errno));
  }
  hf_status status = check(fd, path, err);
  for (int i = 0; i < TRIES && status == HF_CORRUPT; i++) {
    nanosleep(&(struct timespec){0, 20000}, NULL);
    status = check(fd, path, err);
  }
  close(fd);
  return status;
}
