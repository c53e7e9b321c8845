/* SPDX-License-Identifier: MIT
 *
 * Writes entities that expire, and has them removed, until it is killed.  Its clocks are its own: all go on by half a
 * minute with each commit.
 *
 *   expiring URL SEED
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "holdfast/holdfast.h"

enum { MINUTE = 60000, IDS = 4000, AT_ONCE = 40 };

static int64_t passed; /* ms that the clocks are ahead of the kernel's */
static hf_error err;

int clock_gettime(clockid_t clock, struct timespec *t) {
  int rc = (int)syscall(SYS_clock_gettime, clock, t);
  t->tv_sec += passed / 1000;
  return rc;
}

static void check(hf_status status) {
  if (!status) return;
  fprintf(stderr, "expiring: %s: %s\n", hf_status_name(status), err.message);
  exit(1);
}

static void write_some(hf_persist *p, unsigned *seed) {
  char ids[AT_ONCE][16], texts[AT_ONCE][48];
  hf_item items[AT_ONCE];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  for (int i = 0; i < AT_ONCE; i++) {
    int id = rand_r(seed) % IDS;
    int64_t ttl = 1000 + rand_r(seed) % (8 * MINUTE);
    snprintf(ids[i], sizeof ids[i], "e%d", id);
    snprintf(texts[i], sizeof texts[i], "{\"n\":%d,\"u\":%d}", rand_r(seed) % 100, id);
    items[i] = (hf_item){.id = hf_text(ids[i]), .json = hf_text(texts[i])};
    if (rand_r(seed) % 8) items[i].expires_at = (int64_t)now.tv_sec * 1000 + ttl;
  }
  check(hf_persist_write_many(p, items, AT_ONCE, &err));
}

int main(int argc, char **argv) {
  hf_persist *p;
  bool removed;
  if (argc != 3) return 2;
  unsigned seed = (unsigned)strtoul(argv[2], NULL, 10);
  check(hf_persist_open(hf_text("expiring"), argv[1], NULL, &p, &err));
  for (;;) {
    write_some(p, &seed);
    passed += MINUTE / 2;
    if (rand_r(&seed) % 16) continue;
    char id[16];
    snprintf(id, sizeof id, "e%d", rand_r(&seed) % IDS);
    removed = hf_persist_remove(p, hf_text(id), &err) == HF_OK;
    if (!removed && err.status != HF_NOT_FOUND) check(err.status);
  }
}
