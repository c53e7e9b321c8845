/* SPDX-License-Identifier: MIT
 *
 * The bare loop beside the file store: the same documents in the same folder, by plain
 * system calls.  -d is the folder of one collection.  Reading opens, asks the size and
 * reads; writing opens a temporary file beside the document, writes, flushes, renames,
 * and, but for "rename", flushes the folder.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

enum { DOCUMENT_MAX = 4096 };

static char document[DOCUMENT_MAX];

/* Opens or gives up. */
static int open_file(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC, 0666);
  if (fd < 0) bench_die("cannot open %s", path);
  return fd;
}

static size_t read_document(const char *path) {
  struct stat st;
  int fd = open_file(path, O_RDONLY);
  if (fstat(fd, &st) || st.st_size > DOCUMENT_MAX) bench_die("%s is no document of this size", path);
  ssize_t n = read(fd, document, (size_t)st.st_size);
  close(fd);
  if (n != st.st_size) bench_die("cannot read %s", path);
  return (size_t)n;
}

static unsigned count_documents(const char *dir) {
  unsigned n = 0;
  DIR *d = opendir(dir);
  if (!d) bench_die("there is no folder %s", dir);
  while (readdir(d)) n++;
  closedir(d);
  if (n <= 2) bench_die("nothing is in %s", dir);
  return n - 2;
}

static void document_path(const struct bench_options *o, unsigned number, char *out, size_t size) {
  snprintf(out, size, "%s/log-%u.json", o->dir, number + 1);
}

static void run_read(const struct bench_options *o) {
  char path[1024];
  unsigned count = count_documents(o->dir);
  for (int pass = 0; pass < 2; pass++) {
    uint32_t state = o->seed;
    double start = bench_now();
    for (unsigned i = 0; i < o->ops; i++) {
      document_path(o, bench_random(&state) % count, path, sizeof path);
      read_document(path);
    }
    if (pass) bench_print(bench_now() - start, o->ops);
  }
}

static double write_all(const struct bench_options *o, unsigned ops, uint32_t *state, bool sync_folder) {
  char path[1024], temp[1024];
  unsigned count = count_documents(o->dir);
  snprintf(temp, sizeof temp, "%s/.temporary", o->dir);
  double elapsed = 0;
  for (unsigned i = 0; i < ops; i++) {
    document_path(o, bench_random(state) % count, path, sizeof path);
    size_t size = read_document(path);
    double start = bench_now();
    int fd = open_file(temp, O_WRONLY | O_CREAT | O_EXCL);
    if (write(fd, document, size) != (ssize_t)size || (o->synced && fsync(fd))) bench_die("cannot write %s", temp);
    close(fd);
    if (rename(temp, path)) bench_die("cannot rename to %s", path);
    if (sync_folder && o->synced) {
      int folder = open_file(o->dir, O_RDONLY | O_DIRECTORY);
      fsync(folder);
      close(folder);
    }
    elapsed += bench_now() - start;
  }
  return elapsed;
}

static void run_write(const struct bench_options *o) {
  uint32_t state = o->seed;
  bool sync_folder = strcmp(o->what, "rename") != 0;
  write_all(o, o->ops / 10, &state, sync_folder);
  bench_print(write_all(o, o->ops, &state, sync_folder), o->ops);
}

const struct bench_op bench_file_ops[] = {
    {"read", run_read}, {"write", run_write}, {"rename", run_write}, {NULL, NULL}};
