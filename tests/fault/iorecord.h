/* SPDX-License-Identifier: MIT
 *
 * What iorecord_preload.c offers to a program it is loaded into, and the format
 * of its log.  The functions are looked up when called: without the library
 * iorecord_mark() does nothing, and iorecord_fail() says so.
 */
#ifndef HF_TESTS_FAULT_IORECORD_H
#define HF_TESTS_FAULT_IORECORD_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

enum iorecord_op {
  IORECORD_CREATE = 1, /* a new file: its path */
  IORECORD_MKDIR,      /* a new directory: its path */
  IORECORD_WRITE,      /* bytes at an offset; IORECORD_DSYNC: flushed before it returned */
  IORECORD_TRUNCATE,   /* to a size, in `offset` */
  IORECORD_SYNC,       /* of a file or a directory */
  IORECORD_RENAME,     /* two paths with a NUL between them */
  IORECORD_LINK,       /* the same */
  IORECORD_UNLINK,     /* of a file or a directory: its path */
  IORECORD_MARK        /* the program's own remark */
};

enum {
  IORECORD_DSYNC = 1,
  IORECORD_FAILED =
      2 /* the program was told that it failed: of a flush, what that may leave; else nothing is recorded */
};

/* One record; `size` bytes of data, a path or text follow it. */
struct iorecord {
  uint32_t op, flags;
  uint64_t file; /* inode number; a CREATE or MKDIR begins a new file, whatever had the number before */
  int64_t offset;
  uint64_t size;
};

/* Puts a remark into the log. */
static inline void iorecord_mark(const char *text) {
  void (*mark)(const char *) = (void (*)(const char *))dlsym(RTLD_DEFAULT, "iorecord_do_mark");
  if (mark) mark(text);
}

/* Makes an operation fail: the nth (from 1) from now on whose kind is among `kinds`:
 *   c  create a file or directory    w  write to a file
 *   m  write with O_DSYNC            s  flush a file         d  flush a directory
 *   t  truncate                      n  rename or link       u  unlink
 *   o  open what is there            r  read                 x  look at a file (stat, access)
 * With `late` the operation is carried out, recorded with IORECORD_FAILED, and reported as failed all the same.  nth 0
 * disarms.  Returns whether an operation has failed since the last call; false for ever without the library. */
static inline bool iorecord_fail(const char *kinds, int nth, int error, bool late) {
  bool (*fail)(const char *, int, int, bool) =
      (bool (*)(const char *, int, int, bool))dlsym(RTLD_DEFAULT, "iorecord_do_fail");
  return fail && fail(kinds, nth, error, late);
}

/* Whether an operation has failed since iorecord_fail() was called last; it goes on waiting for one if none has. */
static inline bool iorecord_failed(void) {
  bool (*failed)(void) = (bool (*)(void))dlsym(RTLD_DEFAULT, "iorecord_do_failed");
  return failed && failed();
}

#endif
