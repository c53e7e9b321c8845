/* SPDX-License-Identifier: MIT
 *
 * A note of the machine's run in which the pages of a store were last found sound.  What a power cut or a kernel crash
 * leaves is looked for once, by whoever opens the store first in the next run; a killed process leaves nothing.
 */
#ifndef HF_BACKENDS_LMDB_BOOT_NOTE_H
#define HF_BACKENDS_LMDB_BOOT_NOTE_H

#include <stdbool.h>

#include "lock_room.h"

/* Whether the note is of another run than this one, or was never made; false where neither can be told. */
bool hf__lmdb_boot_note_is_old(const hf__lmdb_lock_room *room);

/* Notes this run. */
void hf__lmdb_boot_note_set(hf__lmdb_lock_room *room);

#endif
