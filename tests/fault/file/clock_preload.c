/* SPDX-License-Identifier: MIT
 *
 * A library for LD_PRELOAD with which a program's clock is wrong: the time of day is
 * CLOCK_SHIFT seconds ahead, or back if that is negative.  With CLOCK_JUMPS, a number that chooses how, it jumps
 * again and again while the program runs: by seconds, days and years, to 1969, 1970, 2038 and 2106, and back.
 * The times of files stay those of the system, and so does the clock that nobody sets.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include "fault/preload.h"

enum { DAY = 86400, YEAR = 365 * DAY, EVERY = 5 };

/* By how much it is wrong, and where it stands. */
static const long shifts[] = {0, 1, -1, 3, -3, 60, -60, 3600, -3600, DAY, -DAY, YEAR, -YEAR};
static const long moments[] = {-DAY, 0, 5, 2147483640, 4294967290, 4294967300};
enum { SHIFTS = sizeof shifts / sizeof *shifts, MOMENTS = sizeof moments / sizeof *moments };

/* The next of a row of random numbers, whichever thread asks. */
static uint64_t next(uint64_t seed) {
  static _Atomic uint64_t count;
  uint64_t z = seed + (atomic_fetch_add(&count, 1) + 1) * 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

static long jump(long now, uint64_t seed) {
  static _Atomic long choice;
  uint64_t random = next(seed);
  if (random % EVERY == 0) atomic_store(&choice, (long)(random / EVERY % (SHIFTS + MOMENTS)));
  long at = atomic_load(&choice);
  return at < SHIFTS ? now + shifts[at] : moments[at - SHIFTS];
}

static long wrong(long now) {
  const char *shift = getenv("CLOCK_SHIFT"), *jumps = getenv("CLOCK_JUMPS");
  if (shift) now += strtol(shift, NULL, 10);
  return jumps ? jump(now, strtoull(jumps, NULL, 10)) : now;
}

SHOWN int clock_gettime(clockid_t clock, struct timespec *out) {
  REAL(clock_gettime);
  int rc = real_clock_gettime(clock, out);
  if (rc == 0 && clock == CLOCK_REALTIME) out->tv_sec = wrong(out->tv_sec);
  return rc;
}

SHOWN time_t time(time_t *out) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  if (out) *out = t.tv_sec;
  return t.tv_sec;
}

SHOWN int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  struct timespec t;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &t);
  *out = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
  return 0;
}
