/* SPDX-License-Identifier: MIT
 *
 * Folders: making them, removing empty ones, and flushing them.  What is to be flushed
 * is opened before anything in it is changed: whoever has no descriptor left hears of it while nothing has happened.
 */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Cuts the last part off; false at the root. */
static bool to_parent(char *path) {
  char *slash = strrchr(path, '/');
  if (!slash || slash == path) return false;
  *slash = '\0';
  return true;
}

static void copy_parent(const char *path, char parent[PATH_MAX]) {
  strcpy(parent, path);
  if (!to_parent(parent)) strcpy(parent, "/");
}

/* ---- flushing */

int hf__file_folder_open(const char *path, bool synced, int *fd) {
  char parent[PATH_MAX];
  *fd = -1;
  if (!synced) return 0;
  copy_parent(path, parent);
  *fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return *fd < 0 ? errno : 0;
}

void hf__file_folder_close(int fd) {
  if (fd >= 0) close(fd);
}

static int flush(int fd) { return fsync(fd) && errno != EINVAL ? errno : 0; /* EINVAL: this filesystem cannot */ }

/* Whether the path of the folder means another one by now. */
static bool was_replaced(int fd, const char *parent) {
  struct stat ours, present;
  return fstat(fd, &ours) == 0 && stat(parent, &present) == 0 &&
         (ours.st_ino != present.st_ino || ours.st_dev != present.st_dev);
}

int hf__file_folder_flush(int fd, const char *path) {
  char parent[PATH_MAX];
  if (fd < 0) return 0;
  copy_parent(path, parent);
  int number = flush(fd);
  bool again = number == 0 && was_replaced(fd, parent);
  close(fd);
  if (!again) return number;
  number = hf__file_folder_open(path, true, &fd);
  if (number) return number == ENOENT ? 0 : number;
  number = flush(fd);
  close(fd);
  return number;
}

/* ---- making and removing */

/* ENOENT: the folder that it lies in is missing. */
static int make_folder(const char *path, bool synced) {
  struct stat st;
  int fd;
  if (stat(path, &st) == 0) return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
  if (errno != ENOENT) return errno;
  int number = hf__file_folder_open(path, synced, &fd);
  if (number) return number;
  if (mkdir(path, 0777)) {
    number = errno;
    hf__file_folder_close(fd);
    return number == EEXIST ? 0 : number;
  }
  number = hf__file_folder_flush(fd, path);
  if (number) rmdir(path); /* the next try is to flush it, too */
  return number;
}

int hf__file_make_folders(const char *path, bool synced) {
  int number = make_folder(path, synced);
  if (number != ENOENT) return number;
  number = hf__file_make_parent(path, synced);
  return number ? number : make_folder(path, synced);
}

int hf__file_make_parent(const char *path, bool synced) {
  char parent[PATH_MAX];
  strcpy(parent, path);
  return to_parent(parent) ? hf__file_make_folders(parent, synced) : ENOENT;
}

void hf__file_prune_parents(const char *path, const char *top) {
  char folder[PATH_MAX];
  size_t least = strlen(top);
  strcpy(folder, path);
  while (to_parent(folder) && strlen(folder) > least && rmdir(folder) == 0) continue;
}
