/* SPDX-License-Identifier: MIT
 *
 * A library for LD_PRELOAD that sees what a program does to the files below one
 * directory.  It can write that down, so that replay.c can build every state that a
 * power cut might have left; make single operations fail (iorecord.h); and kill
 * the process just before the nth operation.  Environment:
 *
 *   IORECORD_ROOT  the directory, absolute; paths elsewhere are left alone
 *   IORECORD_LOG   where to write the records (iorecord.h); nowhere if not set
 *   IORECORD_KILL  n: SIGKILL before the nth operation that changes something or flushes
 *   IORECORD_KILL_AFTER  n: SIGKILL when the nth of them is done and before the program knows
 *   IORECORD_RUN   a shell command to run at that moment in place of the kill: what another program does then
 *
 * It sees calls that go through the dynamic linker: LMDB's and Holdfast's, not
 * those inside the C library (hence mkdtemp, which makes its directory there).
 * Memory maps are not seen: of the files concerned only lock.mdb is written that way.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iorecord.h"
#include "preload.h"

enum { FILES_MAX = 1024, PATHS_MAX = 8192 };

/* What is known of a descriptor below the root. */
static struct {
  bool seen, dsync, directory;
  uint64_t file;
} files[FILES_MAX];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local bool is_told_failed; /* what is recorded now */
static int log_fd = -2;                   /* -2: not looked for yet */
static long operations;
static struct {
  char kinds[16];
  int nth, error;
  bool late, fired;
} fault;

static bool below_root(const char *path) {
  static const char *root;
  if (!root) root = getenv("IORECORD_ROOT");
  size_t n = root ? strlen(root) : 0;
  return n && strncmp(path, root, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool seen(int fd) { return fd >= 0 && fd < FILES_MAX && files[fd].seen; }

static void put(const void *data, size_t size) {
  REAL(write);
  for (const char *p = data; size;) {
    ssize_t n = real_write(log_fd, p, size);
    if (n <= 0) abort();
    p += n;
    size -= (size_t)n;
  }
}

static void record(enum iorecord_op op, unsigned flags, uint64_t file, int64_t offset, const void *data, size_t size) {
  int before = errno;
  pthread_mutex_lock(&lock);
  if (log_fd == -2) {
    REAL(open);
    const char *path = getenv("IORECORD_LOG");
    log_fd = path ? real_open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644) : -1;
  }
  if (log_fd >= 0) {
    struct iorecord r = {op, flags | (is_told_failed ? IORECORD_FAILED : 0), file, offset, size};
    put(&r, sizeof r);
    put(data, size);
  }
  pthread_mutex_unlock(&lock);
  errno = before;
}

static void record_paths(enum iorecord_op op, const char *from, const char *to) {
  char both[PATHS_MAX];
  int n = snprintf(both, sizeof both, "%s%c%s", from, 0, to);
  record(op, 0, 0, 0, both, (size_t)n);
}

static void be_interrupted(void) {
  const char *command = getenv("IORECORD_RUN");
  if (!command) kill(getpid(), SIGKILL);
  pid_t child = fork();
  if (child == 0) {
    unsetenv("LD_PRELOAD");
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
  }
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child || status) abort();
}

/* Called before what can fail but changes nothing.  0, or the error it shall fail with. */
static int look(char kind) {
  int error = 0;
  pthread_mutex_lock(&lock);
  if (fault.nth && strchr(fault.kinds, kind) && --fault.nth == 0) {
    fault.fired = true;
    error = fault.error;
  }
  pthread_mutex_unlock(&lock);
  return error;
}

/* Called before each operation.  0, or the error it shall fail with. */
static int step(char kind) {
  static long kill_at = -1;
  pthread_mutex_lock(&lock);
  if (kill_at < 0) kill_at = getenv("IORECORD_KILL") ? strtol(getenv("IORECORD_KILL"), NULL, 10) : 0;
  if (++operations == kill_at) be_interrupted();
  pthread_mutex_unlock(&lock);
  return look(kind);
}

/* Called when an operation is done. */
static void done(void) {
  static long kill_after = -1;
  pthread_mutex_lock(&lock);
  if (kill_after < 0) kill_after = getenv("IORECORD_KILL_AFTER") ? strtol(getenv("IORECORD_KILL_AFTER"), NULL, 10) : 0;
  if (kill_after && operations >= kill_after) kill(getpid(), SIGKILL);
  pthread_mutex_unlock(&lock);
}

/* Carries out `call` unless it shall fail, records it if it went well, and returns from the caller. */
#define OPERATION(kind, type, call, good, ...)                                                                         \
  int error_ = step(kind);                                                                                             \
  type result_ = -1;                                                                                                   \
  if (!error_ || fault.late) {                                                                                         \
    result_ = (call);                                                                                                  \
    is_told_failed = error_ != 0;                                                                                      \
    if (good) __VA_ARGS__;                                                                                             \
    is_told_failed = false;                                                                                            \
    done();                                                                                                            \
  }                                                                                                                    \
  if (error_) {                                                                                                        \
    errno = error_;                                                                                                    \
    return -1;                                                                                                         \
  }                                                                                                                    \
  return result_

/* ---- called by programs, through iorecord.h */

SHOWN void iorecord_do_mark(const char *text);
void iorecord_do_mark(const char *text) { record(IORECORD_MARK, 0, 0, 0, text, strlen(text)); }

SHOWN bool iorecord_do_fail(const char *kinds, int nth, int error, bool late);
bool iorecord_do_fail(const char *kinds, int nth, int error, bool late) {
  pthread_mutex_lock(&lock);
  bool fired = fault.fired;
  snprintf(fault.kinds, sizeof fault.kinds, "%s", kinds);
  fault.nth = nth;
  fault.error = error;
  fault.late = late;
  fault.fired = false;
  pthread_mutex_unlock(&lock);
  return fired;
}

SHOWN bool iorecord_do_failed(void);
bool iorecord_do_failed(void) {
  pthread_mutex_lock(&lock);
  bool fired = fault.fired;
  pthread_mutex_unlock(&lock);
  return fired;
}

/* ---- names */

static int opened(int fd, const char *path, int flags, bool created) {
  struct stat st;
  if (fd < 0 || fd >= FILES_MAX || fstat(fd, &st)) return fd; /* not seen yet, so this is not made to fail */
  files[fd].seen = true;
  files[fd].dsync = (flags & O_DSYNC) != 0;
  files[fd].directory = S_ISDIR(st.st_mode);
  files[fd].file = st.st_ino;
  if (created) record(IORECORD_CREATE, 0, st.st_ino, 0, path, strlen(path));
  return fd;
}

#define DEFINE_OPEN(name)                                                                                              \
  SHOWN int name(const char *path, int flags, ...) {                                                                   \
    REAL(name);                                                                                                        \
    va_list args;                                                                                                      \
    va_start(args, flags);                                                                                             \
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;                                                          \
    va_end(args);                                                                                                      \
    if (!below_root(path)) return real_##name(path, flags, mode);                                                      \
    struct stat st;                                                                                                    \
    bool creates = (flags & O_CREAT) && lstat(path, &st) != 0;                                                         \
    int error = creates ? step('c') : look('o');                                                                       \
    if (error) {                                                                                                       \
      errno = error;                                                                                                   \
      return -1;                                                                                                       \
    }                                                                                                                  \
    return opened(real_##name(path, flags, mode), path, flags, creates);                                               \
  }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

/* The path of a name in a folder that is open; false if nothing is known of it. */
static bool path_at(int folder, const char *name, char path[PATHS_MAX]) {
  char link[64];
  if (*name == '/') return snprintf(path, PATHS_MAX, "%s", name) < PATHS_MAX && below_root(path);
  if (!seen(folder)) return false;
  snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
  ssize_t size = readlink(link, path, PATHS_MAX / 2);
  return size > 0 && snprintf(path + size, (size_t)(PATHS_MAX - size), "/%s", name) > 0;
}

/* Of what is there: nothing in this project makes files so. */
#define DEFINE_OPENAT(name)                                                                                            \
  SHOWN int name(int folder, const char *path, int flags, ...) {                                                       \
    REAL(name);                                                                                                        \
    char whole[PATHS_MAX];                                                                                             \
    va_list args;                                                                                                      \
    va_start(args, flags);                                                                                             \
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;                                                          \
    va_end(args);                                                                                                      \
    if (!path_at(folder, path, whole)) return real_##name(folder, path, flags, mode);                                  \
    int error = look('o');                                                                                             \
    if (error) {                                                                                                       \
      errno = error;                                                                                                   \
      return -1;                                                                                                       \
    }                                                                                                                  \
    return opened(real_##name(folder, path, flags, mode), whole, flags, false);                                        \
  }
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

/* Of other commands, only those that take a number or a pointer, or nothing. */
#define DEFINE_FCNTL(name)                                                                                             \
  SHOWN int name(int fd, int command, ...) {                                                                           \
    REAL(name);                                                                                                        \
    va_list args;                                                                                                      \
    va_start(args, command);                                                                                           \
    void *argument = va_arg(args, void *);                                                                             \
    va_end(args);                                                                                                      \
    int error = command == F_DUPFD_CLOEXEC && seen(fd) ? look('o') : 0;                                                \
    if (error) {                                                                                                       \
      errno = error;                                                                                                   \
      return -1;                                                                                                       \
    }                                                                                                                  \
    return real_##name(fd, command, argument);                                                                         \
  }
DEFINE_FCNTL(fcntl)
DEFINE_FCNTL(fcntl64)

SHOWN DIR *opendir(const char *path) {
  REAL(opendir);
  int error = below_root(path) ? look('o') : 0;
  if (!error) return real_opendir(path);
  errno = error;
  return NULL;
}

SHOWN ssize_t read(int fd, void *data, size_t size) {
  REAL(read);
  int error = seen(fd) ? look('r') : 0;
  if (!error) return real_read(fd, data, size);
  errno = error;
  return -1;
}

#define DEFINE_PREAD(name, offset_type)                                                                                \
  SHOWN ssize_t name(int fd, void *data, size_t size, offset_type offset) {                                            \
    REAL(name);                                                                                                        \
    int error = seen(fd) ? look('r') : 0;                                                                              \
    if (!error) return real_##name(fd, data, size, offset);                                                            \
    errno = error;                                                                                                     \
    return -1;                                                                                                         \
  }
DEFINE_PREAD(pread, off_t)
DEFINE_PREAD(pread64, off64_t)

#define DEFINE_STAT(name, type)                                                                                        \
  SHOWN int name(const char *path, type *out) {                                                                        \
    REAL(name);                                                                                                        \
    int error = below_root(path) ? look('x') : 0;                                                                      \
    if (!error) return real_##name(path, out);                                                                         \
    errno = error;                                                                                                     \
    return -1;                                                                                                         \
  }
DEFINE_STAT(stat, struct stat)
DEFINE_STAT(stat64, struct stat64)

#define DEFINE_FSTAT(name, type)                                                                                       \
  SHOWN int name(int fd, type *out) {                                                                                  \
    REAL(name);                                                                                                        \
    int error = seen(fd) ? look('x') : 0;                                                                              \
    if (!error) return real_##name(fd, out);                                                                           \
    errno = error;                                                                                                     \
    return -1;                                                                                                         \
  }
DEFINE_FSTAT(fstat, struct stat)
DEFINE_FSTAT(fstat64, struct stat64)

SHOWN int access(const char *path, int mode) {
  REAL(access);
  int error = below_root(path) ? look('x') : 0;
  if (!error) return real_access(path, mode);
  errno = error;
  return -1;
}

SHOWN int close(int fd) {
  REAL(close);
  if (seen(fd)) files[fd].seen = false;
  return real_close(fd);
}

static void made_directory(const char *path) {
  struct stat st;
  if (lstat(path, &st) == 0) record(IORECORD_MKDIR, 0, st.st_ino, 0, path, strlen(path));
}

SHOWN int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  if (!below_root(path)) return real_mkdir(path, mode);
  OPERATION('c', int, real_mkdir(path, mode), result_ == 0, made_directory(path));
}

SHOWN char *mkdtemp(char *path) {
  REAL(mkdtemp);
  int error = below_root(path) ? step('c') : 0;
  char *made = error ? NULL : real_mkdtemp(path);
  if (error) errno = error;
  if (made && below_root(path)) made_directory(made);
  return made;
}

SHOWN int rename(const char *from, const char *to) {
  REAL(rename);
  if (!below_root(to)) return real_rename(from, to);
  OPERATION('n', int, real_rename(from, to), result_ == 0, record_paths(IORECORD_RENAME, from, to));
}

SHOWN int link(const char *from, const char *to) {
  REAL(link);
  if (!below_root(to)) return real_link(from, to);
  OPERATION('n', int, real_link(from, to), result_ == 0, record_paths(IORECORD_LINK, from, to));
}

SHOWN int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  REAL(renameat2);
  if (!below_root(to)) return real_renameat2(a, from, b, to, flags);
  OPERATION('n', int, real_renameat2(a, from, b, to, flags), result_ == 0, record_paths(IORECORD_RENAME, from, to));
}

/* renameat2() without a wrapper in old C libraries; every other number is passed on with all six arguments. */
SHOWN long syscall(long number, ...) {
  REAL(syscall);
  long a[6];
  va_list args;
  va_start(args, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(args, long);
  va_end(args);
  if (number != SYS_renameat2 || !below_root((const char *)a[3]))
    return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  OPERATION('n', long, real_syscall(number, a[0], a[1], a[2], a[3], a[4]), result_ == 0,
            record_paths(IORECORD_RENAME, (const char *)a[1], (const char *)a[3]));
}

SHOWN int unlink(const char *path) {
  REAL(unlink);
  if (!below_root(path)) return real_unlink(path);
  OPERATION('u', int, real_unlink(path), result_ == 0, record(IORECORD_UNLINK, 0, 0, 0, path, strlen(path)));
}

SHOWN int unlinkat(int folder, const char *name, int flags) {
  REAL(unlinkat);
  char path[PATHS_MAX];
  if (!path_at(folder, name, path)) return real_unlinkat(folder, name, flags);
  OPERATION('u', int, real_unlinkat(folder, name, flags), result_ == 0,
            record(IORECORD_UNLINK, 0, 0, 0, path, strlen(path)));
}

SHOWN int rmdir(const char *path) {
  REAL(rmdir);
  if (!below_root(path)) return real_rmdir(path);
  OPERATION('u', int, real_rmdir(path), result_ == 0, record(IORECORD_UNLINK, 0, 0, 0, path, strlen(path)));
}

/* ---- content */

static void wrote(int fd, const void *data, size_t size, int64_t offset) {
  record(IORECORD_WRITE, files[fd].dsync ? IORECORD_DSYNC : 0, files[fd].file, offset, data, size);
}

static void wrote_parts(int fd, const struct iovec *parts, ssize_t size, int64_t offset) {
  for (; size > 0; parts++) {
    size_t n = parts->iov_len < (size_t)size ? parts->iov_len : (size_t)size;
    wrote(fd, parts->iov_base, n, offset);
    offset += (int64_t)n;
    size -= (ssize_t)n;
  }
}

#define KIND(fd) (files[fd].dsync ? 'm' : 'w')

#define DEFINE_PWRITE(name, offset_type)                                                                               \
  SHOWN ssize_t name(int fd, const void *data, size_t size, offset_type offset) {                                      \
    REAL(name);                                                                                                        \
    if (!seen(fd)) return real_##name(fd, data, size, offset);                                                         \
    OPERATION(KIND(fd), ssize_t, real_##name(fd, data, size, offset), result_ > 0,                                     \
              wrote(fd, data, (size_t)result_, offset));                                                               \
  }
DEFINE_PWRITE(pwrite, off_t)
DEFINE_PWRITE(pwrite64, off64_t)

#define DEFINE_PWRITEV(name, offset_type)                                                                              \
  SHOWN ssize_t name(int fd, const struct iovec *parts, int count, offset_type offset) {                               \
    REAL(name);                                                                                                        \
    if (!seen(fd)) return real_##name(fd, parts, count, offset);                                                       \
    OPERATION(KIND(fd), ssize_t, real_##name(fd, parts, count, offset), result_ > 0,                                   \
              wrote_parts(fd, parts, result_, offset));                                                                \
  }
DEFINE_PWRITEV(pwritev, off_t)
DEFINE_PWRITEV(pwritev64, off64_t)

SHOWN ssize_t write(int fd, const void *data, size_t size) {
  REAL(write);
  if (!seen(fd)) return real_write(fd, data, size);
  off_t offset = lseek(fd, 0, SEEK_CUR);
  OPERATION(KIND(fd), ssize_t, real_write(fd, data, size), result_ > 0, wrote(fd, data, (size_t)result_, offset));
}

SHOWN ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(writev);
  if (!seen(fd)) return real_writev(fd, parts, count);
  off_t offset = lseek(fd, 0, SEEK_CUR);
  OPERATION(KIND(fd), ssize_t, real_writev(fd, parts, count), result_ > 0, wrote_parts(fd, parts, result_, offset));
}

#define DEFINE_TRUNCATE(name, offset_type)                                                                             \
  SHOWN int name(int fd, offset_type size) {                                                                           \
    REAL(name);                                                                                                        \
    if (!seen(fd)) return real_##name(fd, size);                                                                       \
    OPERATION('t', int, real_##name(fd, size), result_ == 0,                                                           \
              record(IORECORD_TRUNCATE, 0, files[fd].file, size, NULL, 0));                                            \
  }
DEFINE_TRUNCATE(ftruncate, off_t)
DEFINE_TRUNCATE(ftruncate64, off64_t)

static void resized(int fd) {
  struct stat st;
  if (fstat(fd, &st) == 0) record(IORECORD_TRUNCATE, 0, files[fd].file, st.st_size, NULL, 0);
}

/* What it adds are zeros; that it reserves room matters to no state after a crash. */
#define DEFINE_FALLOCATE(name, offset_type)                                                                            \
  SHOWN int name(int fd, int mode, offset_type offset, offset_type size) {                                             \
    REAL(name);                                                                                                        \
    if (!seen(fd)) return real_##name(fd, mode, offset, size);                                                         \
    OPERATION('t', int, real_##name(fd, mode, offset, size), result_ == 0, resized(fd));                               \
  }
DEFINE_FALLOCATE(fallocate, off_t)
DEFINE_FALLOCATE(fallocate64, off64_t)

#define DEFINE_SYNC(name)                                                                                              \
  SHOWN int name(int fd) {                                                                                             \
    REAL(name);                                                                                                        \
    if (!seen(fd)) return real_##name(fd);                                                                             \
    OPERATION(files[fd].directory ? 'd' : 's', int, real_##name(fd), result_ == 0,                                     \
              record(IORECORD_SYNC, 0, files[fd].file, 0, NULL, 0));                                                   \
  }
DEFINE_SYNC(fsync)
DEFINE_SYNC(fdatasync)
