/* SPDX-License-Identifier: MIT
 *
 * What the programs that measure share: clock, random numbers, the command line.
 * See bench.h.
 */
#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void bench_die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("hf_bench: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  exit(1);
}

double bench_now(void) {
  static int of_processor = -1;
  struct timespec t;
  if (of_processor < 0) of_processor = getenv("HOLDFAST_BENCH_CPU") != NULL;
  clock_gettime(of_processor ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

uint32_t bench_random(uint32_t *state) {
  uint32_t x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

void bench_print(double elapsed, double ops) { printf("%.6f\n", elapsed / ops); }

long bench_anonymous_kib(void) {
  char line[256];
  long kib = -1;
  FILE *f = fopen("/proc/self/status", "re");
  if (!f) bench_die("cannot read /proc/self/status");
  while (kib < 0 && fgets(line, sizeof line, f))
    if (strncmp(line, "RssAnon:", 8) == 0) kib = strtol(line + 8, NULL, 10);
  fclose(f);
  return kib;
}

void *bench_alloc(size_t size) {
  void *p = malloc(size ? size : 1);
  if (!p) bench_die("out of memory");
  return p;
}

static unsigned number(const char *text) {
  char *end;
  unsigned long n = strtoul(text, &end, 10);
  if (*end || n == 0 || n > UINT32_MAX) bench_die("not a number from 1 on: %s", text);
  return (unsigned)n;
}

struct bench_options bench_parse(int argc, char **argv) {
  struct bench_options o = {.what = argv[0],
                            .entity = "signal",
                            .ops = 100000,
                            .names = 1,
                            .threads = 1,
                            .processes = 1,
                            .group = 1,
                            .seed = 1};
  for (int option; (option = getopt(argc, argv, "d:f:e:g:n:k:p:s:t:wxy")) != -1;) switch (option) {
    case 'd': o.dir = optarg; break;
    case 'f': o.source = optarg; break;
    case 'e': o.entity = optarg; break;
    case 'n': o.ops = number(optarg); break;
    case 'k': o.names = number(optarg); break;
    case 't': o.threads = number(optarg); break;
    case 'p': o.processes = number(optarg); break;
    case 'g': o.group = number(optarg); break;
    case 's': o.seed = number(optarg); break;
    case 'w': o.near = true; break;
    case 'x': o.shuffled = true; break;
    case 'y': o.synced = true; break;
    default: exit(2);
    }
  if (!o.dir) bench_die("-d is missing");
  return o;
}
