/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target for the walk over LMDB's pages.  The file is one that LMDB made, with every kind of page; the input
 * changes it, either byte by byte (three words each: page, place, byte) or by pages of its own in the place of those
 * from the third on.  The walk has to end, to read no byte that is not there, and to give no page two owners.
 */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../backends/lmdb/page_walk.h"
#include "../backends/lmdb/rescue_page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                                          \
      abort();                                                                                                         \
    }                                                                                                                  \
  } while (0)

enum { PAGE = 4096, FILE_MOST = 64 * PAGE };

static uint8_t image[FILE_MOST];
static size_t image_size;

static void put_some(MDB_txn *txn, MDB_dbi dbi, unsigned count, size_t value_size) {
  static char value[12000];
  for (unsigned i = 0; i < count; i++) {
    uint64_t number = i * 7919U % 1000;
    memcpy(value, &i, sizeof i);
    MDB_val k = {sizeof number, &number}, v = {value_size, value};
    CHECK(mdb_put(txn, dbi, &k, &v, 0) == 0);
  }
}

static void make_image(void) {
  char path[] = "/tmp/holdfast-fuzz-XXXXXX", lock[64];
  int fd = mkstemp(path);
  CHECK(fd >= 0);
  unlink(path);
  close(fd);
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi dbi;
  CHECK(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, 8) == 0);
  CHECK(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOSYNC, 0600) == 0);
  const struct {
    const char *name;
    unsigned flags, count;
    size_t size;
  } trees[] = {{"plain", 0, 120, 100},
               {"big", MDB_INTEGERKEY, 3, 9000},
               {"tags", MDB_DUPSORT, 20, 24},
               {"fixed", MDB_DUPSORT | MDB_DUPFIXED, 20, 8}};
  for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
    CHECK(mdb_txn_begin(env, NULL, 0, &txn) == 0);
    CHECK(mdb_dbi_open(txn, trees[i].name, MDB_CREATE | trees[i].flags, &dbi) == 0);
    put_some(txn, dbi, trees[i].count, trees[i].size);
    uint64_t number = 1;
    MDB_val k = {sizeof number, &number};
    for (uint32_t n = 0; n < 1500 && trees[i].flags & MDB_DUPFIXED; n++) {
      uint64_t value = n * 2654435761U;
      MDB_val v = {sizeof value, &value};
      CHECK(mdb_put(txn, dbi, &k, &v, 0) == 0);
    }
    CHECK(mdb_txn_commit(txn) == 0);
  }
  mdb_env_close(env);
  FILE *file = fopen(path, "rb");
  CHECK(file);
  image_size = fread(image, 1, sizeof image, file) / PAGE * PAGE;
  fclose(file);
  unlink(path);
  snprintf(lock, sizeof lock, "%s-lock", path);
  unlink(lock);
  CHECK(image_size > 16 * PAGE && image_size < FILE_MOST);
}

static unsigned sum; /* every byte that is handed out can be read */
static const struct hf__lmdb_page_file *walked;

static bool salvage(void *arg, const hf__lmdb_found *f) {
  (void)arg;
  for (size_t i = 0; i < f->id.size; i++) sum += (unsigned char)f->id.data[i];
  for (size_t i = 0; i < f->record.size; i++) sum += (unsigned char)f->record.data[i];
  return true;
}

static void visit(void *arg, const struct hf__lmdb_visit *v) {
  bool out_of_memory;
  (void)arg;
  if (v->leaf && v->content.bytes) hf__lmdb_salvage(walked, v->content, salvage, NULL, &out_of_memory);
  for (size_t i = 0; v->content.bytes && i < v->content.size; i++) sum += v->content.bytes[i];
  for (size_t i = 0; i < v->lower.size; i++) sum += (unsigned char)v->lower.data[i];
  for (size_t i = 0; i < v->upper.size; i++) sum += (unsigned char)v->upper.data[i];
  for (size_t i = 0; i < v->name.size; i++) sum += (unsigned char)v->name.data[i];
}

static bool found(void *arg, const struct hf__lmdb_finding *f) {
  char text[400];
  hf__lmdb_finding_text(f, text, sizeof text);
  CHECK(*text);
  return arg == NULL;
}

static void walk_file(int fd) {
  hf_error err;
  struct hf__lmdb_page_file file;
  if (hf__lmdb_page_file_open(fd, &file, &err)) return;
  for (unsigned i = 0; i < 2; i++) {
    struct hf__lmdb_header header;
    struct hf__lmdb_totals totals;
    if (!hf__lmdb_read_header(&file, i, &header)) continue;
    walked = &file;
    struct hf__lmdb_walk walk = {.file = &file, .view = &header, .found = found, .visited = visit};
    if (hf__lmdb_walk_run(&walk, &totals, &err) == HF_OK) {
      CHECK(walk.bits <= file.pages);
      for (uint64_t byte = 0; byte < walk.bits / 8 && totals.free_list_sound; byte++)
        CHECK(!(walk.used[byte] & walk.freed[byte]));
      CHECK(totals.branch + totals.leaf + totals.overflow <= walk.bits + file.pages);
    }
    hf__lmdb_walk_free(&walk);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static int fd = -1;
  static uint8_t bytes[FILE_MOST];
  if (fd < 0) {
    make_image();
    fd = memfd_create("pages", MFD_CLOEXEC);
    CHECK(fd >= 0);
  }
  if (!size) return 0;
  memcpy(bytes, image, image_size);
  size_t length = image_size;
  if (data[0] & 1) {
    size_t n = size - 1 < image_size - 2 * PAGE ? size - 1 : image_size - 2 * PAGE;
    memcpy(bytes + 2 * PAGE, data + 1, n);
  } else {
    for (size_t i = 1; i + 4 <= size; i += 4)
      bytes[(size_t)(data[i] * PAGE + (data[i + 1] << 8 | data[i + 2]) % PAGE) % image_size] = data[i + 3];
    if (data[0] & 2) length = image_size * data[0] / 256;
  }
  CHECK(ftruncate(fd, (off_t)length) == 0);
  CHECK(pwrite(fd, bytes, length, 0) == (ssize_t)length);
  walk_file(fd);
  return 0;
}
