/* SPDX-License-Identifier: MIT
 *
 * What callfail_preload.c offers to a program it is loaded into: one call to the system, or
 * one allocation, fails.  The functions are looked up when called: without the library
 * nothing ever fails, and callfail_is_loaded() says so.
 */
#ifndef HF_TESTS_FAULT_CALLFAIL_H
#define HF_TESTS_FAULT_CALLFAIL_H

#include <dlfcn.h>
#include <stdbool.h>

/* What becomes of the call. */
enum callfail_way {
  CALLFAIL_ONCE,  /* it is not carried out, and fails */
  CALLFAIL_ON,    /* it and all that come after it fail, until disarmed */
  CALLFAIL_LATE,  /* it is carried out, and reported as failed all the same */
  CALLFAIL_SHORT, /* it reads or writes half of what was asked */
  CALLFAIL_LIE    /* it is not carried out, and reported as done: as if its result were not looked at */
};

/* Which calls: a letter each.
 *   a  allocate                        m  map or remap memory       M  unmap it, advise
 *   o  open what is there              c  create a file or folder   k  close
 *   r  read a file or a folder         w  write                     t  truncate, reserve
 *   s  flush                           n  rename or link            u  unlink
 *   x  look at a file (stat, access)   l  lock, of files and of robust mutexes
 *   p  make a mutex, key or thread     e  clock, sleep, random numbers, name of the host, times and modes of files */
#define CALLFAIL_SYSTEM "mMockrwtsnuxlpe"

/* What has happened since it was armed. */
struct callfail_report {
  long seen;        /* calls of the kinds asked for */
  bool fired;       /* whether one has failed */
  const char *name; /* the first that did, "pwrite"; "" if none */
};

/* Makes the nth call (from 1) of these kinds fail that this thread makes from now on.  nth 0: counts only. */
static inline void callfail_arm(const char *kinds, long nth, int error, enum callfail_way way) {
  void (*arm)(const char *, long, int, int) =
      (void (*)(const char *, long, int, int))dlsym(RTLD_DEFAULT, "callfail_do_arm");
  if (arm) arm(kinds, nth, error, (int)way);
}

/* Ends that. */
static inline struct callfail_report callfail_disarm(void) {
  struct callfail_report report = {0, false, ""};
  void (*disarm)(struct callfail_report *) =
      (void (*)(struct callfail_report *))dlsym(RTLD_DEFAULT, "callfail_do_disarm");
  if (disarm) disarm(&report);
  return report;
}

/* How many blocks of memory the process has allocated and not freed. */
static inline long callfail_blocks(void) {
  long (*blocks)(void) = (long (*)(void))dlsym(RTLD_DEFAULT, "callfail_do_blocks");
  return blocks ? blocks() : 0;
}

static inline bool callfail_is_loaded(void) { return dlsym(RTLD_DEFAULT, "callfail_do_arm") != NULL; }

#endif
