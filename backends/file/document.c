/* SPDX-License-Identifier: MIT
 *
 * One document.  A write makes a temporary file, flushes it, renames it to its name
 * and flushes the folder: at any moment the name means the old document or the new
 * one, whole.  What fails leaves the old one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

/* Tries at making a folder that somebody else keeps removing because it is empty. */
enum { ATTEMPTS = 100 };

hf_status file_fail(int number, const char *doing, const char *path, hf_error *err) {
  hf_status status = HF_IO;
  switch (number) {
  case ENOSPC:
  case EDQUOT:
  case EFBIG: status = HF_FULL; break;
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

/* ---- folders */

static int sync_folder(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  int number = fsync(fd) && errno != EINVAL ? errno : 0; /* EINVAL: this filesystem has no such thing */
  close(fd);
  return number;
}

/* Cuts the last part off; false at the root. */
static bool to_parent(char *path) {
  char *slash = strrchr(path, '/');
  if (!slash || slash == path) return false;
  *slash = '\0';
  return true;
}

int file_sync_parent(const char *path) {
  char parent[FILE_PATH_MAX];
  strcpy(parent, path);
  return to_parent(parent) ? sync_folder(parent) : sync_folder("/");
}

int file_make_folders(const char *path, bool synced) {
  if (mkdir(path, 0777) == 0) return synced ? file_sync_parent(path) : 0;
  if (errno == EEXIST) {
    struct stat st;
    if (stat(path, &st)) return errno;
    return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
  }
  if (errno != ENOENT) return errno;
  int number = file_make_parent(path, synced);
  if (number) return number;
  if (mkdir(path, 0777) == 0) return synced ? file_sync_parent(path) : 0;
  return errno == EEXIST ? 0 : errno;
}

int file_make_parent(const char *path, bool synced) {
  char parent[FILE_PATH_MAX];
  strcpy(parent, path);
  return to_parent(parent) ? file_make_folders(parent, synced) : ENOENT;
}

void file_prune_parents(const char *path, const char *top) {
  char folder[FILE_PATH_MAX];
  size_t least = strlen(top);
  strcpy(folder, path);
  while (to_parent(folder) && strlen(folder) > least && rmdir(folder) == 0) continue;
}

/* ---- reading */

static int read_all(int fd, hf_buffer *json, size_t size) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = read(fd, json->data + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) break;
    done += (size_t)n;
  }
  json->size = done;
  json->data[done] = '\0';
  return 0;
}

hf_status file_document_read(const char *path, hf_buffer *json, file_info *info, hf_error *err) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe of that name must not stop us */
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return HF_NOT_FOUND;
  if (fd < 0) return file_fail(errno, "open", path, err);
  hf_status status = HF_OK;
  if (fstat(fd, &st))
    status = file_fail(errno, "look at", path, err);
  else if (!S_ISREG(st.st_mode))
    status = hf_error_set(err, HF_IO, "%s is no regular file: move it away", path); /* somebody else's: left alone */
  else if (!hf_buffer_reserve(json, (size_t)st.st_size))
    status = hf_error_set(err, HF_IO, "out of memory: %s has %lld bytes", path, (long long)st.st_size);
  else {
    int number = read_all(fd, json, (size_t)st.st_size);
    if (number) status = file_fail(number, "read", path, err);
  }
  close(fd);
  if (status) return status;
  *info = (file_info){json->size, (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000};
  if (json->size == 0) return hf_error_set(err, HF_CORRUPT, "the file is empty");
  hf_error why;
  if (hf_json_validate((hf_slice){json->data, json->size}, &why) == HF_OK) return HF_OK;
  return hf_error_set(err, HF_CORRUPT, "%s", why.message);
}

/* ---- writing */

static int write_all(int fd, hf_slice json) {
  while (json.size) {
    ssize_t n = write(fd, json.data, json.size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    json.data += n;
    json.size -= (size_t)n;
  }
  return 0;
}

/* Gives the temporary file its name.  EEXIST: if_absent, and there is one. */
static int give_name(const char *temp, const char *path, bool if_absent) {
  if (!if_absent) return rename(temp, path) ? errno : 0;
  if (renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (link(temp, path)) return errno; /* filesystems that cannot rename so can at least link */
  unlink(temp);
  return 0;
}

/* One try; ENOENT: the temporary file has been swept away, or the folder is missing. */
static hf_status write_once(file_store *s, const char *path, hf_slice json, bool if_absent, int *number,
                            hf_error *err) {
  char temp[FILE_PATH_MAX];
  int fd;
  hf_durability durability = s->options.durability;
  hf_status status = file_temp_open(s, temp, &fd, err);
  if (status) return status;
  *number = write_all(fd, json);
  if (*number == 0 && durability != HF_DURABILITY_NOSYNC && fdatasync(fd)) *number = errno;
  if (close(fd) && *number == 0) *number = errno;
  if (*number) {
    unlink(temp);
    return file_fail(*number, "write", temp, err);
  }
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    *number = give_name(temp, path, if_absent);
    if (*number != ENOENT) break;
    if (access(temp, F_OK)) return HF_OK; /* swept: all of it once more */
    int made = file_make_parent(path, durability == HF_DURABILITY_SYNC);
    if (made && made != ENOENT) {
      unlink(temp);
      return file_fail(made, "make the folder of", path, err);
    }
  }
  if (*number == 0) return HF_OK;
  unlink(temp);
  if (*number == EEXIST && if_absent) return HF_CONFLICT;
  if (*number == EPERM && if_absent)
    return hf_error_set(err, HF_UNSUPPORTED, "ifAbsent: the filesystem of %s has neither exclusive renames nor links",
                        path);
  return file_fail(*number, "give a document its name", path, err);
}

hf_status file_document_write(file_store *s, const char *path, hf_slice json, bool if_absent, hf_error *err) {
  hf_status status = HF_OK;
  int number = ENOENT;
  for (int attempt = 0; attempt < 3 && number == ENOENT && status == HF_OK; attempt++)
    status = write_once(s, path, json, if_absent, &number, err);
  if (status) return status;
  if (number) return file_fail(number, "keep a temporary file for", path, err);
  if (s->options.durability != HF_DURABILITY_SYNC) return HF_OK;
  number = file_sync_parent(path);
  return number ? file_fail(number, "flush the folder of", path, err) : HF_OK;
}

hf_status file_document_remove(const file_entity *e, const char *path, hf_error *err) {
  if (unlink(path)) {
    if (errno == ENOENT || errno == ENOTDIR) return HF_NOT_FOUND;
    return file_fail(errno, "remove", path, err);
  }
  if (e->store->options.durability == HF_DURABILITY_SYNC) {
    int number = file_sync_parent(path);
    if (number && number != ENOENT) return file_fail(number, "flush the folder of", path, err);
  }
  file_prune_parents(path, e->folder);
  return HF_OK;
}
