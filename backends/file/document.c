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

/* Tries at making a folder that another process keeps removing because it is empty. */
enum { ATTEMPTS = 100 };

/* ---- reading */

static int64_t to_ms(struct timespec t) { return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000; }

static hf__file_info to_info(const struct stat *st) {
  return (hf__file_info){(uint64_t)st->st_dev, (uint64_t)st->st_ino, (size_t)st->st_size, to_ms(st->st_mtim),
                         to_ms(st->st_ctim)};
}

int hf__file_info_read(const char *path, hf__file_info *info) {
  struct stat st;
  if (stat(path, &st)) return errno;
  *info = to_info(&st);
  return 0;
}

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

hf_status hf__file_document_read(const char *path, hf_buffer *json, hf__file_info *info, hf_error *err) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe of that name must not stop us */
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return HF_NOT_FOUND;
  if (fd < 0) return hf__file_fail(errno, "open", path, err);
  hf_status status = HF_OK;
  if (fstat(fd, &st))
    status = hf__file_fail(errno, "look at", path, err);
  else if (!S_ISREG(st.st_mode))
    status = hf_error_set(err, HF_IO, "%s is no regular file: move it away", path); /* another program's: left alone */
  else if (!hf_buffer_reserve(json, (size_t)st.st_size))
    status = hf_error_set(err, HF_NO_MEMORY, "out of memory: %s has %lld bytes", path, (long long)st.st_size);
  else {
    int number = read_all(fd, json, (size_t)st.st_size);
    if (number) status = hf__file_fail(number, "read", path, err);
  }
  close(fd);
  if (status) return status;
  *info = to_info(&st);
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

int hf__file_rename_new(const char *from, const char *to) {
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (link(from, to)) return errno; /* filesystems that cannot rename so can at least link */
  unlink(from);
  return 0;
}

/* Makes a temporary file with the document in it. */
static hf_status write_temp(hf__file_store *s, hf_slice json, char temp[FILE_PATH_MAX], hf_error *err) {
  int fd;
  hf_status status = hf__file_temp_open(s, temp, &fd, err);
  if (status) return status;
  int number = write_all(fd, json);
  if (number == 0 && s->options.durability != HF_DURABILITY_NOSYNC && fdatasync(fd)) number = errno;
  if (close(fd) && number == 0) number = errno;
  if (number == 0) return HF_OK;
  unlink(temp);
  return hf__file_fail(number, "write", temp, err);
}

/* What a rename or unlink is refused with leaves things as they are; but after an I/O error nobody knows. */
static hf_status fail_name(int number, const char *doing, const char *path, hf_error *err) {
  hf_status status = hf__file_fail(number, doing, path, err);
  return status == HF_IO || status == HF_NO_MEMORY ? hf__file_fail_late(status, err) : status;
}

static hf_status fail_if_absent(int number, const char *path, hf_error *err) {
  if (number == EEXIST) return HF_CONFLICT;
  if (number != EPERM) return fail_name(number, "give a document its name", path, err);
  return hf_error_set(err, HF_UNSUPPORTED, "ifAbsent: the filesystem of %s has neither exclusive renames nor links",
                      path);
}

/* Gives the temporary file its name; *folder is the open folder to flush.  HF_NOT_FOUND: it has been swept away. */
static hf_status place(const hf__file_store *s, const char *temp, const char *path, bool if_absent, int *folder,
                       hf_error *err) {
  bool synced = s->options.durability == HF_DURABILITY_SYNC;
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    int number = hf__file_folder_open(path, synced, folder);
    if (number == 0) {
      number = if_absent ? hf__file_rename_new(temp, path) : rename(temp, path) ? errno : 0;
      if (number == 0) return HF_OK;
      hf__file_folder_close(*folder);
      if (number != ENOENT && if_absent) return fail_if_absent(number, path, err);
      if (number != ENOENT) return fail_name(number, "give a document its name", path, err);
    } else if (number != ENOENT) {
      return hf__file_fail(number, "open the folder of", path, err);
    }
    if (access(temp, F_OK)) return HF_NOT_FOUND;
    number = hf__file_make_parent(path, synced);
    if (number && number != ENOENT) return hf__file_fail(number, "make the folder of", path, err);
  }
  return hf__file_fail(ENOENT, "make the folder of", path, err);
}

/* One try.  HF_NOT_FOUND: another process took the temporary file for that of a dead process. */
static hf_status write_once(hf__file_store *s, const char *path, hf_slice json, bool if_absent, hf_error *err) {
  char temp[FILE_PATH_MAX];
  int folder;
  hf_status status = write_temp(s, json, temp, err);
  if (status) return status;
  status = place(s, temp, path, if_absent, &folder, err);
  if (status) {
    unlink(temp);
    return status;
  }
  int number = hf__file_folder_flush(folder, path);
  return number ? hf__file_fail_late(hf__file_fail(number, "flush the folder of", path, err), err) : HF_OK;
}

hf_status hf__file_document_write(hf__file_store *s, const char *path, hf_slice json, bool if_absent, hf_error *err) {
  for (int attempt = 0; attempt < 3; attempt++) {
    hf_status status = write_once(s, path, json, if_absent, err);
    if (status != HF_NOT_FOUND) return status;
  }
  return hf__file_fail(ENOENT, "keep a temporary file for", path, err);
}

hf_status hf__file_document_remove(const hf__file_collection *e, const char *path, hf_error *err) {
  int folder, number = hf__file_folder_open(path, e->store->options.durability == HF_DURABILITY_SYNC, &folder);
  if (number == ENOENT || number == ENOTDIR) return HF_NOT_FOUND;
  if (number) return hf__file_fail(number, "open the folder of", path, err);
  if (unlink(path)) {
    number = errno;
    hf__file_folder_close(folder);
    return number == ENOENT || number == ENOTDIR ? HF_NOT_FOUND : fail_name(number, "remove", path, err);
  }
  number = hf__file_folder_flush(folder, path);
  if (number) return hf__file_fail_late(hf__file_fail(number, "flush the folder of", path, err), err);
  hf__file_prune_parents(path, e->folder);
  return HF_OK;
}
