/* SPDX-License-Identifier: MIT
 *
 * Temporary files: everything is written into the folder .tmp first.  A process that
 * writes owns a file OWNER.lock there, locked as long as it lives, and its temporary
 * files are called OWNER-NUMBER.  So whoever opens the store later can tell what a
 * dead process left, whatever happened to process ids meanwhile: its lock is free.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file.h"

static const char lock_suffix[] = ".lock";

/* A lock that no process holds may be one that its owner has made but not locked yet: younger ones are left alone. */
enum { YOUNG_SECONDS = 5, OWNER_SIZE = 16 };

/* Becomes the owner of new temporary files.  Under the store's lock. */
static hf_status take_ownership(hf__file_store *s, hf_error *err) {
  char path[FILE_PATH_MAX];
  for (int attempt = 0; attempt < 100; attempt++) {
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
      return hf__file_fail(errno, "get random bytes for", s->path, err);
    snprintf(s->owner, sizeof s->owner, "%016llx", (unsigned long long)random);
    int size = snprintf(path, sizeof path, "%s/" FILE_TEMP "/%s%s", s->path, s->owner, lock_suffix);
    if (size < 0 || (size_t)size >= sizeof path) return hf__file_fail(ENAMETOOLONG, "make", s->path, err);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == ENOENT) {
      int number = hf__file_make_parent(path, false);
      if (number) return hf__file_fail(number, "make the folder of", path, err);
      continue;
    }
    if (fd < 0 && errno == EEXIST) continue;
    if (fd < 0) {
      s->owner[0] = '\0';
      return hf__file_fail(errno, "make", path, err);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
      s->owner_fd = fd;
      return HF_OK;
    }
    close(fd); /* another process thought that its owner was dead */
  }
  s->owner[0] = '\0';
  return hf__file_fail(EAGAIN, "lock a file in the folder .tmp of", s->path, err);
}

/* Whether the file that says that we are alive is still there for others to see. */
static bool is_owner(const hf__file_store *s) {
  struct stat st;
  return s->owner_fd >= 0 && fstat(s->owner_fd, &st) == 0 && st.st_nlink > 0;
}

static hf_status ensure_ownership(hf__file_store *s, hf_error *err) {
  hf_status status = HF_OK;
  pthread_mutex_lock(&s->lock);
  if (!is_owner(s)) {
    if (s->owner_fd >= 0) close(s->owner_fd);
    s->owner_fd = -1;
    status = take_ownership(s, err);
  }
  pthread_mutex_unlock(&s->lock);
  return status;
}

hf_status hf__file_temp_open(hf__file_store *s, char path[FILE_PATH_MAX], int *fd, hf_error *err) {
  if (s->owner_fd < 0) {
    hf_status status = ensure_ownership(s, err);
    if (status) return status;
  }
  for (int attempt = 0;; attempt++) {
    snprintf(path, FILE_PATH_MAX, "%s/" FILE_TEMP "/%s-%lu", s->path, s->owner, atomic_fetch_add(&s->writes, 1));
    *fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (*fd >= 0) return HF_OK;
    if (errno != ENOENT || attempt > 2) return hf__file_fail(errno, "make", path, err);
    hf_status status = ensure_ownership(s, err); /* another process has cleaned up */
    if (status) return status;
  }
}

void hf__file_temp_close(hf__file_store *s) {
  char path[FILE_PATH_MAX];
  if (s->owner_fd < 0) return;
  snprintf(path, sizeof path, "%s/" FILE_TEMP "/%s%s", s->path, s->owner, lock_suffix);
  unlink(path);
  close(s->owner_fd);
  s->owner_fd = -1;
}

/* Whether a file is too young to judge. */
static bool is_young(int folder, const char *name) {
  struct stat st;
  return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime + YOUNG_SECONDS > time(NULL);
}

/* Whether the owner of a temporary file lives, or may live. */
static bool owner_lives(int folder, const char *owner) {
  char name[64];
  snprintf(name, sizeof name, "%.*s%s", OWNER_SIZE, owner, lock_suffix);
  int fd = openat(folder, name, O_RDWR | O_CLOEXEC);
  if (fd < 0) return errno != ENOENT;
  bool lives = flock(fd, LOCK_EX | LOCK_NB) != 0;
  close(fd);
  return lives;
}

void hf__file_temp_sweep(const char *store_path) {
  char path[FILE_PATH_MAX];
  int size = snprintf(path, sizeof path, "%s/" FILE_TEMP, store_path);
  DIR *dir = size > 0 && (size_t)size < sizeof path ? opendir(path) : NULL;
  if (!dir) return;
  int folder = dirfd(dir);
  /* Files first, locks after them: a lock that is gone does not say whose files remain. */
  for (int locks = 0; locks < 2; locks++) {
    for (const struct dirent *d; (d = readdir(dir));) {
      size_t n = strlen(d->d_name);
      bool is_lock = n == OWNER_SIZE + sizeof lock_suffix - 1 && strcmp(d->d_name + OWNER_SIZE, lock_suffix) == 0;
      bool is_ours = is_lock || (n > OWNER_SIZE && d->d_name[OWNER_SIZE] == '-');
      if (is_ours && is_lock == locks && !is_young(folder, d->d_name) && !owner_lives(folder, d->d_name))
        unlinkat(folder, d->d_name, 0);
    }
    rewinddir(dir);
  }
  closedir(dir);
}
