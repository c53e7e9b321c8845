/* SPDX-License-Identifier: MIT
 *
 * Process locks: names, the paths of lock files, that one holder at a time may own.
 *
 * It is a lock of flock(), on a descriptor that no other process has: the kernel lets go of it when the process ends,
 * however it ends.  What the file says is for people, and decides nothing.
 *
 * Invariants.  Who has flocked the file that the path names has the lock; a flock of a file that the path names no
 * longer is worth nothing.  So only the holder may unlink the file, and while it holds the lock: whoever opened the
 * file before that finds out, and begins again.  `mutex` is held from open() until the lock is in the list, so that a
 * fork() never comes in between: the child closes what is in the list, and then has no share in any lock.
 *
 * Who only looks takes a shared lock for a moment, since flock() has no other way to ask.  So a shared flock does not
 * count: whoever finds the file locked asks for a shared lock as well, and tries again when it gets one.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/process_lock.h"

/* How a lock file begins.  A file that begins otherwise is another program's, and is left alone. */
static const char mark[] = "holdfast lease\n";
enum { MARK = sizeof mark - 1 };

enum {
  SHOWN_MAX = 1024,    /* bytes of a text that are looked at */
  WHO_MAX = 200,       /* bytes of `who` that others are told */
  HOLDER_MAX = 512,    /* of "process 1234 on host alpha (who, since when)" */
  UNLINKED_MAX = 100,  /* files that may vanish under one attempt before it counts as held */
  LOOKS_MAX = 500,     /* times that others may be found looking in one attempt before it counts as held */
  LOOK_PAUSE_US = 100, /* until they are through */
  PAUSE_FIRST_MS = 1,  /* between two attempts, doubled each time */
  PAUSE_LONGEST_MS = 20,
  YOUNG_SECONDS = 600 /* who cleans a folder of old files thinks in days */
};

struct hf_lock {
  int fd;       /* with the lock; -1 in a child process of the holder's */
  dev_t device; /* of its file */
  ino_t inode;
  char *path; /* absolute */
  char *who;  /* for the file, should it have to be made again */
  struct hf_lock *next;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static hf_lock *locks; /* those that are held */

/* ---- fork */

static void before_fork(void) { pthread_mutex_lock(&mutex); }

static void after_fork_in_parent(void) { pthread_mutex_unlock(&mutex); }

static void after_fork_in_child(void) {
  for (hf_lock *l = locks; l; l = l->next) {
    close(l->fd);
    l->fd = -1;
  }
  locks = NULL;
  pthread_mutex_unlock(&mutex);
}

__attribute__((constructor)) static void watch_fork(void) {
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* ---- what others are told */

/* Copies a text that may be shown: control characters become blanks, what is not UTF-8 question marks. */
static void copy_shown(char *out, size_t capacity, const char *text, size_t size) {
  char shown[SHOWN_MAX];
  if (size > sizeof shown) size = sizeof shown;
  memcpy(shown, text, size);
  for (size_t at = 0; (at += hf__utf8_valid_prefix((hf_slice){shown + at, size - at})) < size; at++) shown[at] = '?';
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)shown[i], next = i + 1 < size ? (unsigned char)shown[i + 1] : 0;
    if (c < 0x20 || c == 0x7f) shown[i] = ' ';
    if (c == 0xc2 && next < 0xa0) shown[i] = shown[i + 1] = ' '; /* U+0080 to U+009F */
  }
  hf__copy_text(out, capacity, shown, size);
}

/* Says in the file who holds it.  Without success the lock is as good: there is no room on the disk, for example. */
static void write_holder(int fd, const char *who) {
  char host_name[256] = "", host[128], shown[WHO_MAX + 1], since[32] = "", text[MARK + HOLDER_MAX];
  struct tm tm;
  time_t now = time(NULL);
  gethostname(host_name, sizeof host_name - 1);
  copy_shown(host, sizeof host, host_name, strlen(host_name));
  copy_shown(shown, sizeof shown, who, strnlen(who, SHOWN_MAX));
  if (gmtime_r(&now, &tm)) strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", &tm);
  int size = snprintf(text, sizeof text, "%sprocess %ld on host %s (%s%ssince %s)\n", mark, (long)getpid(), host, shown,
                      *shown ? ", " : "", since);
  if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)size, 0) != size) (void)!ftruncate(fd, 0);
}

/* What the file says of its holder; "" if that is not there yet.  Where the one before was killed it is that one for a
 * moment. */
static void read_holder(int fd, char holder[HOLDER_MAX]) {
  char text[MARK + HOLDER_MAX];
  ssize_t size = pread(fd, text, sizeof text, 0);
  holder[0] = '\0';
  if (size <= MARK || memcmp(text, mark, MARK) != 0) return;
  const char *end = memchr(text + MARK, '\n', (size_t)size - MARK);
  if (end) copy_shown(holder, HOLDER_MAX, text + MARK, (size_t)(end - text - MARK));
}

/* Whether the content may be replaced: it is ours, or none, or what a power cut makes of it.  0, or an errno. */
static int is_lock_file(int fd, bool *is) {
  static const char zeros[MARK];
  char begin[MARK];
  ssize_t size = pread(fd, begin, sizeof begin, 0);
  if (size < 0) return errno;
  *is = size == 0 || memcmp(begin, zeros, (size_t)size) == 0 || (size == MARK && memcmp(begin, mark, MARK) == 0);
  return 0;
}

/* ---- failing */

static hf_status fail_errno(int number, const char *doing, const char *path, hf_error *err) {
  hf_status status = HF_IO;
  if (number == ENOSPC || number == EDQUOT) status = HF_FULL;
  if (number == ENOMEM) status = HF_NO_MEMORY;
  if (number == ENOTDIR || number == EISDIR || number == ENAMETOOLONG || number == ELOOP) status = HF_INVALID_ARGUMENT;
  hf__fail(err, status, "cannot %s the lock file %s: %s%s", doing, path, strerror(number),
           status == HF_INVALID_ARGUMENT ? "; give a path at which a file can be made" : "");
  hf_error_cause(err, "errno %d", number);
  return status;
}

static hf_status fail_lock(int number, const char *path, hf_error *err) {
  if (number != ENOLCK && number != EOPNOTSUPP && number != ENOSYS && number != EINVAL)
    return fail_errno(number, "lock", path, err);
  hf__fail(err, HF_UNSUPPORTED, "the filesystem of %s has no locks (flock: %s): keep lock files on a local disk", path,
           strerror(number));
  hf_error_cause(err, "errno %d", number);
  return HF_UNSUPPORTED;
}

static hf_status fail_held(const char *path, const char *holder, hf_error *err) {
  if (!*holder) return hf__fail(err, HF_BUSY, "%s is held already: end what holds it first", path);
  hf__fail(err, HF_BUSY, "%s is held by %s: end that one first", path, holder);
  hf_error_cause(err, "%s", holder);
  return HF_BUSY;
}

/* ---- the file */

/* 0, or an errno. */
static int make_parents(const char *path) {
  char *folder = strdup(path);
  if (!folder) return ENOMEM;
  int number = 0;
  for (char *slash = strchr(folder + 1, '/'); slash && !number; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(folder, 0777) && errno != EEXIST) number = errno;
    *slash = '/';
  }
  free(folder);
  return number;
}

static hf_status open_file(const char *path, int *fd, hf_error *err) {
  struct stat st;
  for (int attempt = 0;; attempt++) {
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0666);
    if (*fd >= 0) break;
    if (errno != ENOENT || attempt == 2) return fail_errno(errno, "open", path, err);
    int number = make_parents(path);
    if (number) return fail_errno(number, "make the folder of", path, err);
  }
  int number = fstat(*fd, &st) ? errno : 0;
  if (!number && S_ISREG(st.st_mode)) return HF_OK;
  close(*fd);
  if (number) return fail_errno(number, "look at", path, err);
  return hf__fail(err, HF_INVALID_ARGUMENT, "%s is no file: a lock needs a path at which it can make one", path);
}

/* 0, or an errno. */
static int try_lock(int fd, int kind) {
  while (flock(fd, kind | LOCK_NB))
    if (errno != EINTR) return errno;
  return 0;
}

/* The same for whoever acquires, even while others look at the file. */
static int lock_file(int fd) {
  const struct timespec pause = {0, LOOK_PAUSE_US * 1000};
  int number = try_lock(fd, LOCK_EX);
  for (int looks = 0; number == EWOULDBLOCK && looks < LOOKS_MAX && try_lock(fd, LOCK_SH) == 0; looks++) {
    flock(fd, LOCK_UN);
    nanosleep(&pause, NULL);
    number = try_lock(fd, LOCK_EX);
  }
  return number;
}

/* Whether the path names this open file.  0, or an errno. */
static int is_at(const char *path, int fd, bool *is) {
  struct stat here, there;
  *is = false;
  if (fstat(fd, &here)) return errno;
  if (lstat(path, &there)) return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
  *is = here.st_dev == there.st_dev && here.st_ino == there.st_ino;
  return 0;
}

/* Whether the file, which is locked, is the lock: HF_OK; HF_NOT_FOUND: it is at the path no longer. */
static hf_status check_file(const char *path, int fd, hf_error *err) {
  bool there, ours = false;
  int number = is_at(path, fd, &there);
  if (!number && there) number = is_lock_file(fd, &ours);
  if (number) return fail_errno(number, "look at", path, err);
  if (!there) return HF_NOT_FOUND;
  if (ours) return HF_OK;
  return hf__fail(err, HF_INVALID_ARGUMENT, "%s is a file of something else: a lock needs a path of its own", path);
}

/* The lock is what is locked there. */
static hf_status keep(hf_lock *l, int fd, hf_error *err) {
  struct stat st;
  if (fstat(fd, &st)) {
    int number = errno;
    close(fd);
    return fail_errno(number, "look at", l->path, err);
  }
  l->fd = fd, l->device = st.st_dev, l->inode = st.st_ino;
  return HF_OK;
}

/* One attempt, under `mutex`.  HF_BUSY leaves the error alone. */
static hf_status try_acquire(hf_lock *l, char holder[HOLDER_MAX], hf_error *err) {
  holder[0] = '\0';
  for (int unlinked = 0; unlinked < UNLINKED_MAX; unlinked++) {
    int fd;
    hf_status status = open_file(l->path, &fd, err);
    if (status) return status;
    int number = lock_file(fd);
    if (number == 0) status = check_file(l->path, fd, err);
    if (number == 0 && status == HF_OK) return keep(l, fd, err);
    if (number == EWOULDBLOCK) read_holder(fd, holder);
    close(fd);
    if (status && status != HF_NOT_FOUND) return status;
    if (number) return number == EWOULDBLOCK ? HF_BUSY : fail_lock(number, l->path, err);
  }
  return HF_BUSY;
}

/* ---- acquiring */

static char *absolute(const char *path) {
  char *out, *directory;
  if (*path == '/') return strdup(path);
  directory = getcwd(NULL, 0);
  if (!directory || asprintf(&out, "%s/%s", directory, path) < 0) out = NULL;
  free(directory);
  return out;
}

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pause_ms(int64_t ms) {
  const struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

static void free_lock(hf_lock *l) {
  if (l) {
    free(l->path);
    free(l->who);
  }
  free(l);
}

hf_status hf_lock_acquire(const char *path, const char *who, unsigned timeout_ms, hf_lock **out, hf_error *err) {
  char holder[HOLDER_MAX];
  hf_error own;
  if (!err) err = &own;
  *out = NULL;
  if (!path || !*path) return hf__fail(err, HF_INVALID_ARGUMENT, "the path of the lock file is empty: give one");
  hf_lock *l = calloc(1, sizeof *l);
  if (!l || !(l->path = absolute(path)) || !(l->who = strdup(who ? who : ""))) {
    free_lock(l);
    return hf__no_memory(err);
  }
  int64_t end = now_ms() + timeout_ms, left, pause = PAUSE_FIRST_MS;
  hf_status status;
  for (;;) {
    pthread_mutex_lock(&mutex);
    status = try_acquire(l, holder, err);
    if (status == HF_OK) {
      write_holder(l->fd, l->who);
      l->next = locks;
      locks = *out = l;
    }
    pthread_mutex_unlock(&mutex);
    if (status != HF_BUSY || (left = end - now_ms()) <= 0) break;
    pause_ms(pause < left ? pause : left);
    pause = pause * 2 < PAUSE_LONGEST_MS ? pause * 2 : PAUSE_LONGEST_MS;
  }
  if (status == HF_BUSY) fail_held(l->path, holder, err);
  if (status) free_lock(l);
  return status;
}

void hf_lock_release(hf_lock *lock) {
  if (!lock) return;
  pthread_mutex_lock(&mutex);
  if (lock->fd >= 0) {
    hf_lock **link = &locks;
    while (*link != lock) link = &(*link)->next;
    *link = lock->next;
    bool there;
    if (is_at(lock->path, lock->fd, &there) == 0 && there) unlink(lock->path);
    close(lock->fd);
  }
  pthread_mutex_unlock(&mutex);
  free_lock(lock);
}

/* Whether the path names the lock's file still.  That is asked before each thing that the lock is for, so it is one
 * call to the system; the file is made younger when it has become old.  0, or an errno. */
static int is_still_at(const hf_lock *l, bool *is) {
  struct stat there;
  *is = false;
  if (lstat(l->path, &there)) return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
  *is = there.st_dev == l->device && there.st_ino == l->inode;
  time_t age = time(NULL) - there.st_mtim.tv_sec;
  if (*is && (age > YOUNG_SECONDS || age < -YOUNG_SECONDS)) futimens(l->fd, NULL);
  return 0;
}

hf_status hf_lock_check(hf_lock *lock, hf_error *err) {
  char holder[HOLDER_MAX];
  hf_error own;
  if (!err) err = &own;
  hf_status status = HF_OK;
  bool there = false;
  pthread_mutex_lock(&mutex);
  int number = lock->fd < 0 ? 0 : is_still_at(lock, &there);
  if (number) {
    status = fail_errno(number, "look at", lock->path, err);
  } else if (lock->fd < 0) {
    status =
        hf__fail(err, HF_CLOSED, "the lock of %s stays with the process that acquired it, before fork()", lock->path);
  } else if (!there) {
    int before = lock->fd;
    status = try_acquire(lock, holder, err);
    if (status == HF_OK) {
      close(before);
      write_holder(lock->fd, lock->who);
    }
  }
  pthread_mutex_unlock(&mutex);
  return status == HF_BUSY ? fail_held(lock->path, holder, err) : status;
}

const char *hf_lock_path(const hf_lock *lock) { return lock->path; }

/* ---- looking */

/* Opens what may be a lock file without making or changing anything; -1 where none can be.  0, or an errno. */
static int open_to_look(const char *path, int *fd) {
  struct stat st;
  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
  if (*fd < 0) return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO ? 0 : errno;
  int number = fstat(*fd, &st) ? errno : 0;
  if (!number && S_ISREG(st.st_mode)) return 0;
  close(*fd);
  *fd = -1;
  return number;
}

/* Under `mutex`. */
static hf_status look(const char *path, bool *held, char holder[HOLDER_MAX], hf_error *err) {
  for (int unlinked = 0; unlinked < UNLINKED_MAX; unlinked++) {
    int fd, number = open_to_look(path, &fd);
    if (number) return fail_errno(number, "look at", path, err);
    if (fd < 0) return HF_OK;
    bool still_there;
    number = try_lock(fd, LOCK_SH);
    int unseen = is_at(path, fd, &still_there);
    if (number == EWOULDBLOCK) read_holder(fd, holder);
    close(fd);
    if (unseen) return fail_errno(unseen, "look at", path, err);
    if (number && number != EWOULDBLOCK) return fail_lock(number, path, err);
    *held = number == EWOULDBLOCK && still_there;
    if (number == 0 || still_there) return HF_OK;
  }
  return HF_OK;
}

hf_status hf_lock_look(const char *path, bool *held, char *holder, size_t capacity, hf_error *err) {
  char text[HOLDER_MAX] = "";
  hf_error own;
  if (!err) err = &own;
  *held = false;
  if (capacity) *holder = '\0';
  if (!path || !*path) return hf__fail(err, HF_INVALID_ARGUMENT, "the path of the lock file is empty: give one");
  pthread_mutex_lock(&mutex);
  hf_status status = look(path, held, text, err);
  pthread_mutex_unlock(&mutex);
  if (*held && capacity) hf__copy_text(holder, capacity, text, strlen(text));
  return status;
}

/* ---- where there is no folder to put lock files in */

hf_status hf__lock_folder(char out[HF__LOCK_FOLDER_MAX], hf_error *err) {
  struct stat st;
  /* /run/lock is made for this: it is not cleaned of old files, and services with a /tmp of their own see it. */
  const char *above = access("/run/lock", W_OK | X_OK) == 0 ? "/run/lock" : "/tmp";
  snprintf(out, HF__LOCK_FOLDER_MAX, "%s/holdfast-%lu", above, (unsigned long)geteuid());
  if (mkdir(out, 0700) && errno != EEXIST) return fail_errno(errno, "make the folder of", out, err);
  int fd = open(out, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  bool ours = fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid();
  bool closed = ours && ((st.st_mode & 077) == 0 || fchmod(fd, 0700) == 0);
  if (fd >= 0) close(fd);
  if (closed) return HF_OK;
  return hf__fail(err, HF_IO,
                  "%s is no folder of this user's own, so that others could take locks in it: remove it, or have the "
                  "administrator do so",
                  out);
}
