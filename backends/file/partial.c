/* SPDX-License-Identifier: MIT
 *
 * Documents that another program may be writing.  Ours come whole, by a rename.  Others
 * open the file, which empties it, write and close it: what is read meanwhile is a piece
 * of a document, or nothing.  So what is unreadable is corrupt only once it has been left alone for FILE_SETTLED_MS.
 * Until then it is busy, and stays where it is.
 *
 * When it was written last is its time of modification.  Where that lies far ahead of the clock it has been set,
 * and the time of its last change counts, which cannot be set.  Should that lie ahead, too, the clock has been set
 * back; then the file is watched for as long.
 *
 * A program that pauses longer than that in the middle of writing has its document moved; once it is whole it gets its
 * name back, see quarantine.c.
 */
#include <stdio.h>
#include <time.h>

#include "file.h"

/* For how long a document that may be being written is waited for, in ms: by who wants an answer now, and by others. */
enum { PATIENCE = 30, LONG_PATIENCE = 2 * FILE_SETTLED_MS };

/* Pauses between two looks, in ms. */
enum { FIRST_PAUSE = 1, LONGEST_PAUSE = 32 };

hf__file_age hf__file_age_at(const hf__file_info *info, int64_t now) {
  int64_t age = now - info->modified;
  if (age <= -FILE_SETTLED_MS) age = now - info->changed;
  if (age <= -FILE_SETTLED_MS) return FILE_IN_FUTURE;
  return age >= FILE_SETTLED_MS ? FILE_SETTLED : FILE_YOUNG;
}

bool hf__file_is_same(const hf__file_info *a, const hf__file_info *b) {
  return a->device == b->device && a->inode == b->inode && a->size == b->size && a->modified == b->modified;
}

static int64_t clock_ms(void) { return hf_clock_ns() / 1000000; }

static void pause_for(int ms) {
  struct timespec time = {0, ms * 1000000L};
  nanosleep(&time, NULL);
}

hf_status hf__file_fail_busy(const char *path, hf_error *err) {
  char problem[256];
  snprintf(problem, sizeof problem, "%.250s", err->message);
  hf_error_set(
      err, HF_BUSY,
      "another program is writing this document, or has written it within the last %d ms, and it is not whole: "
      "read it again (%s)",
      FILE_SETTLED_MS, path);
  hf_error_cause(err, "%s", problem);
  return HF_BUSY;
}

hf_status hf__file_document_read_whole(const char *path, bool patient, hf_buffer *json, hf__file_info *info,
                                       hf_error *err) {
  hf_status status = hf__file_document_read(path, json, info, err);
  if (__builtin_expect(status != HF_CORRUPT, 1)) return status;
  int64_t began = clock_ms(), since = began; /* since when it has been as it is */
  for (int pause = FIRST_PAUSE;; pause = pause < LONGEST_PAUSE ? 2 * pause : pause) {
    hf__file_info before = *info;
    pause_for(pause);
    status = hf__file_document_read(path, json, info, err);
    if (status != HF_CORRUPT) return status;
    int64_t now = clock_ms();
    hf__file_age age = hf__file_age_at(info, hf_now_ms());
    if (!hf__file_is_same(&before, info)) /* before the second look nothing is said: the first one may have come in
                                         between what the system does to a file and to its time */
      since = now;
    else if (age == FILE_SETTLED || (age == FILE_IN_FUTURE && now - since >= FILE_SETTLED_MS))
      return HF_CORRUPT;
    if (now - began >= (patient || age == FILE_IN_FUTURE ? LONG_PATIENCE : PATIENCE))
      return hf__file_fail_busy(path, err);
  }
}
