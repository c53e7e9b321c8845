/* SPDX-License-Identifier: MIT
 *
 * A note of the machine's run in which the pages of a store were last found sound.  What a power cut or a kernel crash
 * leaves is looked for once, by whoever opens the store first in the next run; a killed process leaves nothing.
 */
#ifndef HF_BACKENDS_LMDB_BOOT_NOTE_H
#define HF_BACKENDS_LMDB_BOOT_NOTE_H

#include <stdbool.h>

/* Where a lock file has the note; bytes is NULL where it can have none. */
typedef struct hf__lmdb_boot_note {
  unsigned char *bytes;
  void *map;
} hf__lmdb_boot_note;

/* Finds the note in the lock file of the folder.  Only while this process has no environment on it: closing a
 * descriptor of the file would end LMDB's locks.  The note can be used until hf__lmdb_boot_note_close(), also after
 * LMDB has opened the store. */
void hf__lmdb_boot_note_open(const char *dir, hf__lmdb_boot_note *out);
void hf__lmdb_boot_note_close(hf__lmdb_boot_note *note);

/* Whether the note is of another run than this one, or was never made; false where neither can be told. */
bool hf__lmdb_boot_note_is_old(const hf__lmdb_boot_note *note);

/* Notes this run. */
void hf__lmdb_boot_note_set(hf__lmdb_boot_note *note);

#endif
