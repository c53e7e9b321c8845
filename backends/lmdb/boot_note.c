/* SPDX-License-Identifier: MIT
 *
 * The note of the machine's run: see boot_note.h.  It stands in the lock file.
 */
#include "boot_note.h"

#include <stdio.h>
#include <string.h>

enum { ID_SIZE = 16, MARK_SIZE = 8 };

_Static_assert(sizeof(((hf__lmdb_lock_notes *)0)->boot) == ID_SIZE + MARK_SIZE, "the room for the note");

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

bool hf__lmdb_boot_note_is_old(const hf__lmdb_lock_room *room) {
  unsigned char id[ID_SIZE];
  if (!room->notes || !this_run(id)) return false;
  const unsigned char *note = room->notes->boot;
  return memcmp(note, MARK, MARK_SIZE) != 0 || memcmp(note + MARK_SIZE, id, ID_SIZE) != 0;
}

void hf__lmdb_boot_note_set(hf__lmdb_lock_room *room) {
  unsigned char id[ID_SIZE];
  if (!room->notes || !this_run(id)) return;
  memcpy(room->notes->boot + MARK_SIZE, id, ID_SIZE);
  memcpy(room->notes->boot, MARK, MARK_SIZE);
}
