/* SPDX-License-Identifier: MIT
 *
 * What the system refuses, as errors.  See errors.h.
 */
#include "errors.h"

#include <errno.h>
#include <string.h>

hf_status hf__file_fail(int number, const char *doing, const char *path, hf_error *err) {
  hf_status status = HF_IO;
  switch (number) {
  case ENOSPC:
  case EDQUOT:
  case EFBIG: status = HF_FULL; break;
  case ENOMEM: status = HF_NO_MEMORY; break;
  case EACCES:
  case EPERM:
  case EROFS: status = HF_READONLY; break;
  case EAGAIN:
  case EMFILE:
  case ENFILE: status = HF_BUSY; break;
  case ENAMETOOLONG: status = HF_INVALID_ARGUMENT; break;
  default: break;
  }
  hf_error_set(err, status, "cannot %s %s: %s", doing, path, strerror(number));
  hf_error_cause(err, "errno %d", number);
  return status;
}

hf_status hf__file_fail_late(hf_status status, hf_error *err) {
  static const char late[] = "; the change may have happened: read before you write again";
  if (status == HF_OK) return HF_OK;
  size_t size = strlen(err->message);
  if (size > sizeof err->message - sizeof late) {
    size = sizeof err->message - sizeof late;
    while (size && ((unsigned char)err->message[size] & 0xC0) == 0x80) size--; /* no half character */
  }
  memcpy(err->message + size, late, sizeof late);
  err->status = HF_IO;
  err->retryable = false;
  return HF_IO;
}
