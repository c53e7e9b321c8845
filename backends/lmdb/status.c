/* SPDX-License-Identifier: MIT
 *
 * What LMDB's results mean: see status.h.
 */
#include "status.h"

#include <errno.h>
#include <lmdb.h>
#include <string.h>

hf_status hf__lmdb_status(int rc) {
  switch (rc) {
  case MDB_MAP_FULL:
  case ENOSPC:
  case EDQUOT:
  case EFBIG: return HF_FULL;
  case ENOMEM: return HF_NO_MEMORY;
  case MDB_READERS_FULL:
  case EAGAIN:
  case EBUSY: return HF_BUSY;
  case MDB_DBS_FULL:
  case MDB_VERSION_MISMATCH: return HF_UNSUPPORTED;
  case MDB_BAD_VALSIZE: return HF_INVALID_VALUE;
  case MDB_CORRUPTED:
  case MDB_PAGE_NOTFOUND:
  case MDB_INVALID: return HF_CORRUPT;
  case EACCES:
  case EROFS:
  case EPERM: return HF_READONLY;
  default: return HF_IO;
  }
}

hf_status hf__lmdb_fail_errno(hf_error *err, const char *doing, const char *path) {
  int e = errno;
  hf_error_set(err, e == ENOTDIR || e == ENAMETOOLONG ? HF_INVALID_ARGUMENT : hf__lmdb_status(e), "cannot %s %s: %s",
               doing, path, strerror(e));
  hf_error_cause(err, "errno %d", e);
  return err->status;
}

void hf__lmdb_say_it_may_have_happened(hf_error *err, const char *what) {
  char why[sizeof err->message], cause[sizeof err->cause];
  memcpy(why, err->message, sizeof why);
  memcpy(cause, err->cause, sizeof cause);
  hf_error_set(err, err->status, "%.800s; the %s may have happened: read it before writing again", why, what);
  memcpy(err->cause, cause, sizeof cause);
}
