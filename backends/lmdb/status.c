/* SPDX-License-Identifier: MIT
 *
 * What LMDB's results mean: see status.h.
 */
#include "status.h"

#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
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

hf_status hf__lmdb_say_uncertain(hf_error *err, const char *what) {
  char said[96];
  size_t more = (size_t)snprintf(said, sizeof said, "; the %s may have happened: read it before writing again", what);
  size_t size = strlen(err->message), room = sizeof err->message - more - 1;
  if (size > room) {
    size = room;
    while (size && ((unsigned char)err->message[size] & 0xC0) == 0x80) size--; /* no half character */
  }
  memcpy(err->message + size, said, more + 1);
  err->status = HF_IO; /* and not HF_FULL, after which nothing was changed */
  err->retryable = false;
  return HF_IO;
}
