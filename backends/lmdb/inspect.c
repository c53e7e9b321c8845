/* SPDX-License-Identifier: MIT
 *
 * A look at a data file before LMDB maps it.  LMDB takes an empty file for a new
 * store and follows page numbers of a truncated one out of the map (a fatal
 * signal); an empty file, and one whose tree begins behind its end, are refused here instead.  Also: on what kind of
 * filesystem the file lies.
 */
#include "inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

/* Layout of LMDB 0.9's meta pages on 64-bit machines (struct MDB_meta behind a 16-byte page header). */
enum { META_MAGIC = 0xBEEFC0DE, META_OFFSET = 16, META_SIZE = 144 };

struct meta {
  uint32_t magic, version;
  uint64_t address, map_size;
  struct {
    uint32_t pad;
    uint16_t flags, depth;
    uint64_t branch, leaf, overflow, entries, root;
  } db[2]; /* free list, main */
  uint64_t last_page, txnid;
};

_Static_assert(sizeof(struct meta) == 136, "LMDB's meta page");

static hf_status inspect(int fd, const char *path, hf_error *err) {
  struct stat st;
  struct meta m[2];
  if (fstat(fd, &st)) return hf_error_set(err, HF_IO, "cannot look at %s: %s", path, strerror(errno));
  if (!S_ISREG(st.st_mode)) return hf_error_set(err, HF_CORRUPT, "%s is no regular file", path);
  if (st.st_size == 0)
    return hf_error_set(err, HF_CORRUPT, "%s is empty: put a backup in its place, or remove it for a new store", path);
  memset(m, 0, sizeof m);
  if (pread(fd, &m[0], sizeof m[0], META_OFFSET) < (ssize_t)sizeof m[0] || m[0].magic != META_MAGIC)
    return hf_error_set(err, HF_CORRUPT, "%s is not an LMDB file: give another directory, or move it away", path);
  uint64_t page_size = m[0].db[0].pad;
  if (page_size < 512 || page_size > 65536 || (page_size & (page_size - 1)) != 0 ||
      pread(fd, &m[1], sizeof m[1], (off_t)page_size + META_OFFSET) < (ssize_t)sizeof m[1] || m[1].magic != META_MAGIC)
    return hf_error_set(err, HF_CORRUPT, "%s is damaged: its second header page is not readable", path);
  if (fstat(fd, &st)) return hf_error_set(err, HF_IO, "cannot look at %s: %s", path, strerror(errno)); /* it grows */
  const struct meta *newest = m[1].txnid > m[0].txnid ? &m[1] : &m[0];
  uint64_t pages = (uint64_t)st.st_size / page_size;
  for (int i = 0; i < 2; i++)
    if (newest->db[i].root != UINT64_MAX && newest->db[i].root >= pages)
      return hf_error_set(err, HF_CORRUPT, "%s is cut off: it has %llu pages and refers to page %llu", path,
                          (unsigned long long)pages, (unsigned long long)newest->db[i].root);
  return HF_OK;
}

hf_status lmdb_inspect(const char *path, hf_error *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe of that name must not stop us */
  if (fd < 0) {
    hf_status status = errno == ENOENT ? HF_NOT_FOUND : errno == EACCES ? HF_READONLY : HF_IO;
    return hf_error_set(err, status, "cannot open %s: %s", path, strerror(errno));
  }
  hf_status status = inspect(fd, path, err);
  for (int i = 0; i < 3 && status == HF_CORRUPT; i++)
    status = inspect(fd, path, err); /* another process may be writing */
  close(fd);
  return status;
}

const char *lmdb_network_filesystem(long type) {
  static const struct {
    unsigned long type;
    const char *name;
  } table[] = {{0x6969, "NFS"},       {0x517B, "SMB"},       {0xFF534D42, "CIFS"},   {0xFE534D42, "SMB2"},
               {0x00C36400, "Ceph"},  {0x5346414F, "AFS"},   {0x0BD00BD0, "Lustre"}, {0x01161970, "GFS2"},
               {0x7461636F, "OCFS2"}, {0x01021997, "9P"},    {0x47504653, "GPFS"},   {0x73757245, "Coda"},
               {0x19830326, "FhGFS"}, {0xAAD7AAEA, "PanFS"}, {0x564C, "NCP"},        {0x6B414653, "kAFS"}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (((unsigned long)type & 0xFFFFFFFFUL) == table[i].type) return table[i].name;
  return NULL;
}

hf_status lmdb_check_filesystem(const char *dir, hf_error *err) {
  struct statfs fs;
  if (statfs(dir, &fs)) return HF_OK;
  const char *name = lmdb_network_filesystem((long)fs.f_type);
  if (!name) return HF_OK;
  return hf_error_set(err, HF_UNSUPPORTED,
                      "%s is on a network filesystem (%s), where LMDB's locks and map are not safe: use a local disk, "
                      "or say networkfs=1 if only this one machine ever opens it",
                      dir, name);
}
