/* SPDX-License-Identifier: MIT
 *
 * The note of the machine's run: see boot_note.h.  It stands in the lock file, which is made again where it is missing
 * and does not travel with a copy of the data file.  LMDB gives each reader 64 bytes there and uses 24; the note is in
 * the rest of the last reader's, which LMDB neither reads nor writes.
 */
#include "boot_note.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

enum {
  PATH_MOST = 4096,
  READER_SIZE = 64, /* sizeof(MDB_reader), a cache line */
  READER_USED = 24,
  NOTE_AT = READER_SIZE * (READERS_MAX + 1) + READER_USED, /* two lines are before the readers */
  ID_SIZE = 16,
  MARK_SIZE = 8,
  NOTE_END = NOTE_AT + MARK_SIZE + ID_SIZE
};

static const char MARK[MARK_SIZE] = "hf-boot";

/* The kernel's name for this run, without its dashes. */
static bool this_run(unsigned char out[ID_SIZE]) {
  char text[64] = "";
  FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
  if (!file) return false;
  bool read = fgets(text, sizeof text, file) != NULL;
  fclose(file);
  unsigned digits = 0;
  for (const char *p = text; read && *p && digits < 2 * ID_SIZE; p++) {
    const char *hex = "0123456789abcdef", *digit = strchr(hex, *p);
    if (!digit) continue;
    unsigned char *byte = &out[digits / 2];
    *byte = (unsigned char)(digits++ % 2 ? *byte | (digit - hex) : (digit - hex) << 4);
  }
  return digits == 2 * ID_SIZE;
}

void hf__lmdb_boot_note_open(const char *dir, hf__lmdb_boot_note *out) {
  char path[PATH_MOST];
  struct stat st;
  *out = (hf__lmdb_boot_note){NULL, NULL};
  if ((size_t)snprintf(path, sizeof path, "%s/" LOCK_FILE, dir) >= sizeof path) return;
  int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return;
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= NOTE_END) {
    void *map = mmap(NULL, NOTE_END, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) *out = (hf__lmdb_boot_note){(unsigned char *)map + NOTE_AT, map};
  }
  close(fd);
}

void hf__lmdb_boot_note_close(hf__lmdb_boot_note *note) {
  if (note->map) munmap(note->map, NOTE_END);
  *note = (hf__lmdb_boot_note){NULL, NULL};
}

bool hf__lmdb_boot_note_is_old(const hf__lmdb_boot_note *note) {
  unsigned char id[ID_SIZE];
  if (!note->bytes || !this_run(id)) return false;
  return memcmp(note->bytes, MARK, MARK_SIZE) != 0 || memcmp(note->bytes + MARK_SIZE, id, ID_SIZE) != 0;
}

void hf__lmdb_boot_note_set(hf__lmdb_boot_note *note) {
  unsigned char id[ID_SIZE];
  if (!note->bytes || !this_run(id)) return;
  memcpy(note->bytes + MARK_SIZE, id, ID_SIZE);
  memcpy(note->bytes, MARK, MARK_SIZE);
}
