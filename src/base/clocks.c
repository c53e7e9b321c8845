/* SPDX-License-Identifier: MIT
 *
 * Two clocks: see clocks.h.
 */
#include "base/clocks.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char boot[HF__CLOCKS_BOOT_SIZE];

/* Reads which start of the machine this is; it stays the same as long as the process. */
static void read_boot(void) {
  int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t n = read(fd, boot, sizeof boot - 1);
  close(fd);
  boot[n > 0 ? n : 0] = '\0';
  boot[strcspn(boot, "\n")] = '\0';
}

static int64_t now_ms(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void hf__clocks_now(hf__clocks *out) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, read_boot);
  memcpy(out->boot, boot, sizeof out->boot);
  out->wall = now_ms(CLOCK_REALTIME);
  out->boottime = now_ms(CLOCK_BOOTTIME);
}

hf__clocks_verdict hf__clocks_compare(const hf__clocks *note, const hf__clocks *now) {
  int64_t together = now->boottime - note->boottime, apart = now->wall - note->wall - together;
  if (!*now->boot || strcmp(note->boot, now->boot) != 0 || together < 0) return HF__CLOCKS_DIFFER;
  if (apart > HF__CLOCKS_APART_MS || apart < -HF__CLOCKS_APART_MS) return HF__CLOCKS_DIFFER;
  return together < HF__CLOCKS_TOGETHER_MS ? HF__CLOCKS_WAIT : HF__CLOCKS_AGREE;
}
