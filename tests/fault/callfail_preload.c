/* SPDX-License-Identifier: MIT
 *
 * A library for LD_PRELOAD that makes single calls to the system, and single allocations,
 * fail: those that go through the dynamic linker, which are Holdfast's, LMDB's and the
 * allocations inside the C library.  A program arms it by callfail.h, for the thread that does.
 * A whole process, in all of its threads, is armed by the environment:
 *
 *   CALLFAIL         KINDS:NTH:ERRNO:WAY, the numbers as callfail.h has them; NTH 0 counts only
 *   CALLFAIL_REPORT  a file that gets the name of the call that failed, at once, and "seen N" at the end
 *
 * Memory of before this library is ready comes from `early`, which is never given back.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "callfail.h"
#include "preload.h"

static struct {
  char kinds[32];
  long nth;
  int error;
  enum callfail_way way;
} plan;
static atomic_long calls, blocks;
static _Atomic(const char *) failed; /* the name of the first */
static bool everybody;               /* the environment has armed it */
static __thread bool mine __attribute__((tls_model("initial-exec")));
static __thread bool exempt __attribute__((tls_model("initial-exec"))); /* in what cannot stand a failure */

/* ---- deciding */

static void report(const char *text) {
  const char *path = getenv("CALLFAIL_REPORT");
  int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644) : -1;
  if (fd < 0) return;
  syscall(SYS_write, fd, text, strlen(text));
  syscall(SYS_write, fd, "\n", 1);
  syscall(SYS_close, fd);
}

/* Whether this call shall fail: 0, or the error. */
static int strike(char kind, const char *name) {
  if ((!mine && !everybody) || exempt) return 0;
  if (!strchr(plan.kinds, kind)) return 0;
  long n = atomic_fetch_add(&calls, 1) + 1;
  if (plan.nth == 0 || n < plan.nth || (n > plan.nth && plan.way != CALLFAIL_ON)) return 0;
  const char *none = NULL;
  if (atomic_compare_exchange_strong(&failed, &none, name) && everybody) report(name);
  return plan.error;
}

/* A call without an effect that could be halved. */
#define CALL(kind, name, type, bad, call)                                                                              \
  int error_ = strike(kind, name);                                                                                     \
  if (error_ && plan.way == CALLFAIL_LIE) return 0;                                                                    \
  if (error_ && plan.way != CALLFAIL_LATE) {                                                                           \
    errno = error_;                                                                                                    \
    return bad;                                                                                                        \
  }                                                                                                                    \
  type result_ = (call);                                                                                               \
  if (!error_) return result_;                                                                                         \
  errno = error_;                                                                                                      \
  return bad

/* One that only gives something: it fails or it does not. */
#define GIVE(kind, name, bad, call)                                                                                    \
  int error_ = strike(kind, name);                                                                                     \
  if (!error_) return call;                                                                                            \
  errno = error_;                                                                                                      \
  return bad

/* One that moves `size` bytes. */
#define MOVE(kind, name, size, call)                                                                                   \
  int error_ = strike(kind, name);                                                                                     \
  if (error_ && plan.way == CALLFAIL_SHORT) {                                                                          \
    size -= size / 2;                                                                                                  \
    error_ = 0;                                                                                                        \
  }                                                                                                                    \
  if (error_ && plan.way == CALLFAIL_LIE) return (ssize_t)size;                                                        \
  if (error_ && plan.way != CALLFAIL_LATE) {                                                                           \
    errno = error_;                                                                                                    \
    return -1;                                                                                                         \
  }                                                                                                                    \
  ssize_t result_ = (call);                                                                                            \
  if (!error_) return result_;                                                                                         \
  errno = error_;                                                                                                      \
  return -1

/* ---- called by programs, through callfail.h */

SHOWN void callfail_do_arm(const char *kinds, long nth, int error, int way);
void callfail_do_arm(const char *kinds, long nth, int error, int way) {
  snprintf(plan.kinds, sizeof plan.kinds, "%s", kinds);
  plan.nth = nth;
  plan.error = error;
  plan.way = (enum callfail_way)way;
  calls = 0;
  failed = NULL;
  mine = true;
}

SHOWN void callfail_do_disarm(struct callfail_report *out);
void callfail_do_disarm(struct callfail_report *out) {
  mine = false;
  const char *name = failed;
  *out = (struct callfail_report){calls, name != NULL, name ? name : ""};
}

SHOWN long callfail_do_blocks(void);
long callfail_do_blocks(void) { return blocks; }

__attribute__((constructor)) static void arm_by_environment(void) {
  const char *text = getenv("CALLFAIL");
  int way = 0;
  if (!text || sscanf(text, "%31[a-zA-Z]:%ld:%d:%d", plan.kinds, &plan.nth, &plan.error, &way) != 4) return;
  plan.way = (enum callfail_way)way;
  everybody = true;
}

__attribute__((destructor)) static void report_count(void) {
  char text[64];
  if (!everybody) return;
  everybody = false;
  snprintf(text, sizeof text, "seen %ld", (long)calls);
  report(text);
}

/* ---- memory */

static char early[1 << 16];
static atomic_size_t early_used;
static void *(*real_malloc)(size_t), *(*real_calloc)(size_t, size_t), *(*real_realloc)(void *, size_t),
    *(*real_aligned_alloc)(size_t, size_t);
static int (*real_posix_memalign)(void **, size_t, size_t);
static void (*real_free)(void *);
static atomic_int readiness; /* 1: being made ready, by a thread that may allocate meanwhile; 2: ready */

static bool is_early(const void *p) { return (const char *)p >= early && (const char *)p < early + sizeof early; }

/* Its size is kept before it. */
static void *early_alloc(size_t size) {
  size_t at = atomic_fetch_add(&early_used, (size + 31) & ~(size_t)15);
  if (at + size + 16 > sizeof early) abort();
  memcpy(early + at, &size, sizeof size);
  return early + at + 16;
}

static bool ready(void) {
  if (readiness == 2) return true;
  int untouched = 0;
  if (!atomic_compare_exchange_strong(&readiness, &untouched, 1)) return readiness == 2;
  real_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
  real_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
  real_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
  real_aligned_alloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc");
  real_posix_memalign = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
  real_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
  readiness = 2;
  return true;
}

static void *counted(void *p) {
  if (p) blocks++;
  return p;
}

SHOWN void *malloc(size_t size) {
  if (!ready()) return early_alloc(size);
  GIVE('a', "malloc", NULL, counted(real_malloc(size)));
}

SHOWN void *calloc(size_t count, size_t size) {
  if (!ready()) return early_alloc(count * size); /* `early` is zeros */
  GIVE('a', "calloc", NULL, counted(real_calloc(count, size)));
}

SHOWN void free(void *p) {
  if (!p || is_early(p)) return;
  blocks--;
  real_free(p);
}

SHOWN void *realloc(void *p, size_t size) {
  if (p && !is_early(p) && size == 0) {
    free(p);
    return NULL;
  }
  if (!p || is_early(p)) {
    size_t before = 0;
    void *made = malloc(size);
    if (p) memcpy(&before, (char *)p - 16, sizeof before);
    if (made && p) memcpy(made, p, before < size ? before : size);
    return made;
  }
  GIVE('a', "realloc", NULL, real_realloc(p, size));
}

SHOWN int posix_memalign(void **out, size_t alignment, size_t size) {
  if (!ready()) abort();
  int error = strike('a', "posix_memalign");
  if (error == 0) error = real_posix_memalign(out, alignment, size);
  if (error == 0) blocks++;
  return error;
}

SHOWN void *aligned_alloc(size_t alignment, size_t size) {
  if (!ready()) abort();
  GIVE('a', "aligned_alloc", NULL, counted(real_aligned_alloc(alignment, size)));
}

/* By which LuaJIT tells libgcc of its code; libgcc does not look whether it got the memory that it asks for. */
void __register_frame(void *begin);
SHOWN void __register_frame(void *begin) {
  REAL(__register_frame);
  exempt = true;
  real___register_frame(begin);
  exempt = false;
}

/* ---- maps */

#define DEFINE_MMAP(name, offset_type)                                                                                 \
  SHOWN void *name(void *at, size_t size, int access, int flags, int fd, offset_type offset) {                         \
    REAL(name);                                                                                                        \
    GIVE('m', #name, MAP_FAILED, real_##name(at, size, access, flags, fd, offset));                                    \
  }
DEFINE_MMAP(mmap, off_t)
DEFINE_MMAP(mmap64, off64_t)

/* The fifth argument is there with MREMAP_FIXED only, which nobody uses. */
SHOWN void *mremap(void *at, size_t before, size_t size, int flags, ...) {
  REAL(mremap);
  GIVE('m', "mremap", MAP_FAILED, real_mremap(at, before, size, flags));
}

/* It is carried out whatever it says, or the map would be left, which nobody could help. */
SHOWN int munmap(void *at, size_t size) {
  REAL(munmap);
  int error = strike('M', "munmap"), result = real_munmap(at, size);
  if (error) errno = error;
  return error && plan.way != CALLFAIL_LIE ? -1 : result;
}

SHOWN int madvise(void *at, size_t size, int advice) {
  REAL(madvise);
  CALL('M', "madvise", int, -1, real_madvise(at, size, advice));
}

SHOWN int msync(void *at, size_t size, int flags) {
  REAL(msync);
  CALL('s', "msync", int, -1, real_msync(at, size, flags));
}

/* ---- opening and closing */

#define DEFINE_OPEN(name)                                                                                              \
  SHOWN int name(const char *path, int flags, ...) {                                                                   \
    REAL(name);                                                                                                        \
    va_list args;                                                                                                      \
    va_start(args, flags);                                                                                             \
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;                                                          \
    va_end(args);                                                                                                      \
    GIVE(flags &O_CREAT ? 'c' : 'o', #name, -1, real_##name(path, flags, mode));                                       \
  }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

#define DEFINE_OPENAT(name)                                                                                            \
  SHOWN int name(int folder, const char *path, int flags, ...) {                                                       \
    REAL(name);                                                                                                        \
    va_list args;                                                                                                      \
    va_start(args, flags);                                                                                             \
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;                                                          \
    va_end(args);                                                                                                      \
    GIVE(flags &O_CREAT ? 'c' : 'o', #name, -1, real_##name(folder, path, flags, mode));                               \
  }
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

#define DEFINE_FOPEN(name)                                                                                             \
  SHOWN FILE *name(const char *path, const char *mode) {                                                               \
    REAL(name);                                                                                                        \
    GIVE(*mode == 'r' ? 'o' : 'c', #name, NULL, real_##name(path, mode));                                              \
  }
DEFINE_FOPEN(fopen)
DEFINE_FOPEN(fopen64)

SHOWN DIR *opendir(const char *path) {
  REAL(opendir);
  GIVE('o', "opendir", NULL, real_opendir(path));
}

SHOWN DIR *fdopendir(int fd) {
  REAL(fdopendir);
  GIVE('o', "fdopendir", NULL, real_fdopendir(fd));
}

/* However it ends, the descriptor is closed on Linux. */
SHOWN int close(int fd) {
  REAL(close);
  int error = strike('k', "close"), result = real_close(fd);
  if (error) errno = error;
  return error && plan.way != CALLFAIL_LIE ? -1 : result;
}

static bool is_lock(int command) { return command == F_SETLK || command == F_SETLKW || command == F_GETLK; }

/* Of other commands, only those that take a number or a pointer, or nothing. */
#define DEFINE_FCNTL(name)                                                                                             \
  SHOWN int name(int fd, int command, ...) {                                                                           \
    REAL(name);                                                                                                        \
    va_list args;                                                                                                      \
    va_start(args, command);                                                                                           \
    void *argument = va_arg(args, void *);                                                                             \
    va_end(args);                                                                                                      \
    if (!is_lock(command) && command != F_DUPFD_CLOEXEC && command != F_DUPFD)                                         \
      return real_##name(fd, command, argument);                                                                       \
    GIVE(is_lock(command) ? 'l' : 'o', #name, -1, real_##name(fd, command, argument));                                 \
  }
DEFINE_FCNTL(fcntl)
DEFINE_FCNTL(fcntl64)

/* ---- reading */

SHOWN ssize_t read(int fd, void *data, size_t size) {
  REAL(read);
  MOVE('r', "read", size, real_read(fd, data, size));
}

#define DEFINE_PREAD(name, offset_type)                                                                                \
  SHOWN ssize_t name(int fd, void *data, size_t size, offset_type offset) {                                            \
    REAL(name);                                                                                                        \
    MOVE('r', #name, size, real_##name(fd, data, size, offset));                                                       \
  }
DEFINE_PREAD(pread, off_t)
DEFINE_PREAD(pread64, off64_t)

/* Leaves a stream as an error of the system does, for ferror(). */
static void spoil(FILE *file, int error) {
  file->_flags |= 0x20;
  errno = error;
}

SHOWN char *fgets(char *out, int size, FILE *file) {
  REAL(fgets);
  int error = strike('r', "fgets");
  if (!error || plan.way == CALLFAIL_SHORT) return real_fgets(out, size, file);
  spoil(file, error);
  return NULL;
}

SHOWN size_t fread(void *out, size_t size, size_t count, FILE *file) {
  REAL(fread);
  int error = strike('r', "fread");
  if (!error || plan.way == CALLFAIL_SHORT) return real_fread(out, size, count, file); /* never short but at the end */
  spoil(file, error);
  return 0;
}

#define DEFINE_READDIR(name, type)                                                                                     \
  SHOWN type *name(DIR *dir) {                                                                                         \
    REAL(name);                                                                                                        \
    GIVE(plan.way == CALLFAIL_SHORT ? '-' : 'r', #name, NULL, real_##name(dir));                                       \
  }
DEFINE_READDIR(readdir, struct dirent)
DEFINE_READDIR(readdir64, struct dirent64)

/* ---- writing */

/* Where a process says why it fails: what cannot be said cannot be judged. */
static bool is_complaint(int fd) { return everybody && fd == STDERR_FILENO; }

SHOWN ssize_t write(int fd, const void *data, size_t size) {
  REAL(write);
  if (is_complaint(fd)) return real_write(fd, data, size);
  MOVE('w', "write", size, real_write(fd, data, size));
}

#define DEFINE_PWRITE(name, offset_type)                                                                               \
  SHOWN ssize_t name(int fd, const void *data, size_t size, offset_type offset) {                                      \
    REAL(name);                                                                                                        \
    MOVE('w', #name, size, real_##name(fd, data, size, offset));                                                       \
  }
DEFINE_PWRITE(pwrite, off_t)
DEFINE_PWRITE(pwrite64, off64_t)

static size_t size_of(const struct iovec *parts, int count) {
  size_t size = 0;
  for (int i = 0; i < count; i++) size += parts[i].iov_len;
  return size;
}

/* A short one writes half of the first part. */
#define DEFINE_VECTOR(name, parameters, head, tail)                                                                    \
  SHOWN ssize_t name parameters {                                                                                      \
    REAL(name);                                                                                                        \
    size_t all = size_of(parts, count), size = all;                                                                    \
    struct iovec part = {parts->iov_base, parts->iov_len - parts->iov_len / 2};                                        \
    MOVE('w', #name, size, size == all ? real_##name(head, parts, count tail) : real_##name(head, &part, 1 tail));     \
  }
#define NOTHING
#define OFFSET , offset
DEFINE_VECTOR(writev, (int fd, const struct iovec *parts, int count), fd, NOTHING)
DEFINE_VECTOR(pwritev, (int fd, const struct iovec *parts, int count, off_t offset), fd, OFFSET)
DEFINE_VECTOR(pwritev64, (int fd, const struct iovec *parts, int count, off64_t offset), fd, OFFSET)

/* Of a stream; what is left in its buffer is not lost.  A short one is carried out: streams try the rest themselves. */
static int strike_stream(const char *name, FILE *file) {
  int error = file && is_complaint(fileno(file)) ? 0 : strike('w', name);
  return plan.way == CALLFAIL_SHORT ? 0 : error;
}

SHOWN size_t fwrite(const void *data, size_t size, size_t count, FILE *file) {
  REAL(fwrite);
  int error = strike_stream("fwrite", file);
  if (error && plan.way == CALLFAIL_LIE) return count;
  size_t done = error && plan.way != CALLFAIL_LATE ? 0 : real_fwrite(data, size, count, file);
  if (!error) return done;
  spoil(file, error);
  return 0;
}

SHOWN int fflush(FILE *file) {
  REAL(fflush);
  int error = strike_stream("fflush", file);
  if (error && plan.way == CALLFAIL_LIE) return 0;
  int result = error && plan.way != CALLFAIL_LATE ? EOF : real_fflush(file);
  if (error) errno = error;
  return error ? EOF : result;
}

/* The stream is gone however it ends. */
SHOWN int fclose(FILE *file) {
  REAL(fclose);
  int error = strike('k', "fclose"), result = real_fclose(file);
  if (error) errno = error;
  return error && plan.way != CALLFAIL_LIE ? EOF : result;
}

#define DEFINE_TRUNCATE(name, offset_type)                                                                             \
  SHOWN int name(int fd, offset_type size) {                                                                           \
    REAL(name);                                                                                                        \
    CALL('t', #name, int, -1, real_##name(fd, size));                                                                  \
  }
DEFINE_TRUNCATE(ftruncate, off_t)
DEFINE_TRUNCATE(ftruncate64, off64_t)

#define DEFINE_FALLOCATE(name, offset_type)                                                                            \
  SHOWN int name(int fd, int mode, offset_type offset, offset_type size) {                                             \
    REAL(name);                                                                                                        \
    CALL('t', #name, int, -1, real_##name(fd, mode, offset, size));                                                    \
  }
DEFINE_FALLOCATE(fallocate, off_t)
DEFINE_FALLOCATE(fallocate64, off64_t)

/* Calls whose arguments are handed on as they are, and which give 0 or -1. */
#define DEFINE_PLAIN(kind, name, parameters, arguments)                                                                \
  SHOWN int name parameters {                                                                                          \
    REAL(name);                                                                                                        \
    CALL(kind, #name, int, -1, real_##name arguments);                                                                 \
  }
DEFINE_PLAIN('s', fsync, (int fd), (fd))
DEFINE_PLAIN('s', fdatasync, (int fd), (fd))
DEFINE_PLAIN('s', sync_file_range, (int fd, off64_t from, off64_t size, unsigned flags), (fd, from, size, flags))

/* ---- names */

DEFINE_PLAIN('c', mkdir, (const char *path, mode_t mode), (path, mode))
DEFINE_PLAIN('c', mkdirat, (int folder, const char *path, mode_t mode), (folder, path, mode))
DEFINE_PLAIN('n', rename, (const char *from, const char *to), (from, to))
DEFINE_PLAIN('n', link, (const char *from, const char *to), (from, to))
DEFINE_PLAIN('n', renameat2, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags))
DEFINE_PLAIN('u', unlink, (const char *path), (path))
DEFINE_PLAIN('u', unlinkat, (int folder, const char *name, int flags), (folder, name, flags))
DEFINE_PLAIN('u', rmdir, (const char *path), (path))
DEFINE_PLAIN('u', remove, (const char *path), (path))

SHOWN char *mkdtemp(char *path) {
  REAL(mkdtemp);
  GIVE('c', "mkdtemp", NULL, real_mkdtemp(path));
}

/* Every number but that of renameat2() is passed on with all six arguments. */
SHOWN long syscall(long number, ...) {
  REAL(syscall);
  long a[6];
  va_list args;
  va_start(args, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(args, long);
  va_end(args);
  if (number != SYS_renameat2) return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  CALL('n', "renameat2", long, -1, real_syscall(number, a[0], a[1], a[2], a[3], a[4]));
}

/* ---- looking */

#define DEFINE_GIVEN(kind, name, parameters, arguments)                                                                \
  SHOWN int name parameters {                                                                                          \
    REAL(name);                                                                                                        \
    GIVE(kind, #name, -1, real_##name arguments);                                                                      \
  }
DEFINE_GIVEN('x', stat, (const char *path, struct stat *out), (path, out))
DEFINE_GIVEN('x', stat64, (const char *path, struct stat64 *out), (path, out))
DEFINE_GIVEN('x', lstat, (const char *path, struct stat *out), (path, out))
DEFINE_GIVEN('x', lstat64, (const char *path, struct stat64 *out), (path, out))
DEFINE_GIVEN('x', fstat, (int fd, struct stat *out), (fd, out))
DEFINE_GIVEN('x', fstat64, (int fd, struct stat64 *out), (fd, out))
DEFINE_GIVEN('x', fstatat, (int folder, const char *path, struct stat *out, int flags), (folder, path, out, flags))
DEFINE_GIVEN('x', fstatat64, (int folder, const char *path, struct stat64 *out, int flags), (folder, path, out, flags))
DEFINE_GIVEN('x', statfs, (const char *path, struct statfs *out), (path, out))
DEFINE_GIVEN('x', fstatfs, (int fd, struct statfs *out), (fd, out))
DEFINE_GIVEN('x', statvfs, (const char *path, struct statvfs *out), (path, out))
DEFINE_GIVEN('x', statfs64, (const char *path, struct statfs64 *out), (path, out))
DEFINE_GIVEN('x', statvfs64, (const char *path, struct statvfs64 *out), (path, out))
DEFINE_GIVEN('x', statx, (int folder, const char *path, int flags, unsigned mask, struct statx *out),
             (folder, path, flags, mask, out))
DEFINE_GIVEN('x', access, (const char *path, int mode), (path, mode))
DEFINE_GIVEN('x', faccessat, (int folder, const char *path, int mode, int flags), (folder, path, mode, flags))

/* What LMDB was compiled against; headers do not declare it any more. */
int __fxstat(int version, int fd, struct stat *out);
DEFINE_GIVEN('x', __fxstat, (int version, int fd, struct stat *out), (version, fd, out))

SHOWN off_t lseek(int fd, off_t offset, int whence) {
  REAL(lseek);
  GIVE('x', "lseek", -1, real_lseek(fd, offset, whence));
}

SHOWN off64_t lseek64(int fd, off64_t offset, int whence) {
  REAL(lseek64);
  GIVE('x', "lseek64", -1, real_lseek64(fd, offset, whence));
}

SHOWN int fseeko64(FILE *file, off64_t offset, int whence) {
  REAL(fseeko64);
  GIVE('x', "fseeko64", -1, real_fseeko64(file, offset, whence));
}

SHOWN char *realpath(const char *path, char *out) {
  REAL(realpath);
  GIVE('x', "realpath", NULL, real_realpath(path, out));
}

SHOWN char *getcwd(char *out, size_t size) {
  REAL(getcwd);
  GIVE('x', "getcwd", NULL, real_getcwd(out, size));
}

/* ---- locks and threads */

DEFINE_PLAIN('l', flock, (int fd, int operation), (fd, operation))

/* These give the error and leave errno alone. */
#define DEFINE_PTHREAD(kind, name, parameters, arguments, may_fail)                                                    \
  SHOWN int name parameters {                                                                                          \
    REAL(name);                                                                                                        \
    int error = (may_fail) ? strike(kind, #name) : 0;                                                                  \
    return error ? error : real_##name arguments;                                                                      \
  }
enum { ROBUST = 16 }; /* in a mutex's kind, as glibc has it */

/* No other mutex fails: the kinds that Holdfast has of its own cannot. */
DEFINE_PTHREAD('l', pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex), mutex->__data.__kind &ROBUST)
DEFINE_PTHREAD('p', pthread_mutex_init, (pthread_mutex_t * mutex, const pthread_mutexattr_t *attributes),
               (mutex, attributes), true)
DEFINE_PTHREAD('p', pthread_key_create, (pthread_key_t * key, void (*end)(void *)), (key, end), true)
DEFINE_PTHREAD('p', pthread_create,
               (pthread_t * thread, const pthread_attr_t *attributes, void *(*body)(void *), void *arg),
               (thread, attributes, body, arg), true)

/* ---- the rest */

DEFINE_GIVEN('e', clock_gettime, (clockid_t clock, struct timespec *out), (clock, out))
DEFINE_GIVEN('e', nanosleep, (const struct timespec *wanted, struct timespec *left), (wanted, left))
DEFINE_GIVEN('e', usleep, (useconds_t microseconds), (microseconds))
DEFINE_GIVEN('e', eventfd, (unsigned count, int flags), (count, flags))
DEFINE_GIVEN('e', inotify_init1, (int flags), (flags))
DEFINE_GIVEN('e', inotify_add_watch, (int fd, const char *path, uint32_t events), (fd, path, events))
DEFINE_GIVEN('e', gethostname, (char *out, size_t size), (out, size))
DEFINE_GIVEN('e', futimens, (int fd, const struct timespec times[2]), (fd, times))
DEFINE_GIVEN('e', fchmod, (int fd, mode_t mode), (fd, mode))
DEFINE_GIVEN('e', fchown, (int fd, uid_t user, gid_t group), (fd, user, group))

SHOWN ssize_t getrandom(void *out, size_t size, unsigned flags) {
  REAL(getrandom);
  GIVE('e', "getrandom", -1, real_getrandom(out, size, flags));
}
