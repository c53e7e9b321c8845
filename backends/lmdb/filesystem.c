/* SPDX-License-Identifier: MIT
 *
 * On what kind of filesystem a store lies: LMDB's locks and its map need a local one.  And whether one that fails is
 * full.
 */
#include "filesystem.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include "files.h"

const char *hf__lmdb_network_filesystem(long type) {
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

hf_status hf__lmdb_check_filesystem(const char *dir, hf_error *err) {
  struct statfs fs;
  if (statfs(dir, &fs)) return HF_OK;
  const char *name = hf__lmdb_network_filesystem((long)fs.f_type);
  if (!name) return HF_OK;
  return hf_error_set(err, HF_UNSUPPORTED,
                      "%s is on a network filesystem (%s), where LMDB's locks and map are not safe: use a local disk, "
                      "or say networkfs=1 if only this one machine ever opens it",
                      dir, name);
}

int hf__lmdb_explain_eio(int rc, const char *dir) {
  struct statvfs fs;
  struct rlimit limit;
  struct stat st;
  char data[4096];
  if (rc != EIO) return rc;
  if (statvfs(dir, &fs) == 0 && fs.f_bavail < 64) return ENOSPC;
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      hf__lmdb_data_path(dir, data, sizeof data, NULL) == HF_OK && stat(data, &st) == 0 &&
      (rlim_t)st.st_size + ((rlim_t)1 << 20) > limit.rlim_cur)
    return EFBIG;
  return rc;
}
