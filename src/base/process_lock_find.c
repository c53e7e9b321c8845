/* SPDX-License-Identifier: MIT
 *
 * The locks that are held in a folder.  Looking follows no symbolic links and makes nothing; folders and files may
 * come and go meanwhile.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process_lock.h"
#include "holdfast/backend.h"

enum {
  DEPTH_MAX = 8, /* folders below the first; those of locks have two */
  HOLDER_MAX = 512
};

struct search {
  hf__lock_found_fn found;
  void *arg;
  hf_status failed; /* of the first thing that could not be looked at */
  hf_error *err;
};

static void note(struct search *s, hf_status status, const hf_error *err) {
  if (s->failed) return;
  s->failed = status;
  *s->err = *err;
}

static void note_errno(struct search *s, int number, const char *folder) {
  hf_error err;
  hf_status status = number == ENOMEM ? HF_NO_MEMORY : HF_IO;
  hf__fail(&err, status, "cannot look into the folder %s: %s", folder, strerror(number));
  hf_error_cause(&err, "errno %d", number);
  note(s, status, &err);
}

static void note_memory(struct search *s) {
  hf_error err;
  note(s, hf__no_memory(&err), &err);
}

static void look_at(struct search *s, const char *path) {
  bool held;
  char holder[HOLDER_MAX];
  hf_error err;
  hf_status status = hf_lock_look(path, &held, holder, sizeof holder, &err);
  if (status) note(s, status, &err);
  if (held && !s->found(s->arg, path, holder)) note_memory(s);
}

static bool ends_with(const char *name, const char *end) {
  size_t size = strlen(name), tail = strlen(end);
  return size > tail && strcmp(name + size - tail, end) == 0;
}

static void search_folder(struct search *s, const char *folder, int depth) {
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  if (!dir) {
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) note_errno(s, errno, folder);
    if (fd >= 0) close(fd);
    return;
  }
  const struct dirent *entry;
  while ((errno = 0, entry = readdir(dir))) {
    char *path;
    if (*entry->d_name == '.') continue;
    if (asprintf(&path, "%s/%s", folder, entry->d_name) < 0) {
      note_memory(s);
      break;
    }
    if (ends_with(path, ".lock"))
      look_at(s, path);
    else if (depth < DEPTH_MAX)
      search_folder(s, path, depth + 1); /* what is not a folder is passed over there */
    free(path);
  }
  if (!entry && errno) note_errno(s, errno, folder); /* who holds locks there may have been missed */
  closedir(dir);
}

hf_status hf__lock_find(const char *folder, hf__lock_found_fn found, void *arg, hf_error *err) {
  hf_error own;
  struct search s = {found, arg, HF_OK, err ? err : &own};
  search_folder(&s, folder, 0);
  return s.failed;
}
