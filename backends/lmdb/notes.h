/* SPDX-License-Identifier: MIT
 *
 * Notes of a store: the slots.  The note NOTE_FOLLOWS is more than a text: where it is, the store follows another one
 * and refuses all who write (known.c), but the process that has put it there.
 */
#ifndef HF_BACKENDS_LMDB_NOTES_H
#define HF_BACKENDS_LMDB_NOTES_H

#include "env.h"

hf_status hf__lmdb_note_get(void *store, void *txn, hf_slice name, hf_buffer *text, hf_error *err);
/* NOTE_FOLLOWS comes and goes in commits of its own; in a transaction it can be replaced, and HF_CONFLICT says that it
 * is not there any more. */
hf_status hf__lmdb_note_put(void *store, void *txn, hf_slice name, hf_slice text, hf_error *err);

#endif
