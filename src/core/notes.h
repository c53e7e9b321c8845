/* SPDX-License-Identifier: MIT
 *
 * Notes: what a store keeps of itself in few words, beside its entities, such as whom it follows and how far.
 */
#ifndef HF_CORE_NOTES_H
#define HF_CORE_NOTES_H

#include "core/follows.h"

/* Whether the store of the handle keeps notes.  Opens it. */
hf_status hf__notes_are_kept(hf_persist *p, bool *kept, hf_error *err);

/* Replaces the content of *text.  In the transaction or snapshot that the thread is in.  HF_NOT_FOUND; HF_UNSUPPORTED:
 * such stores keep none. */
hf_status hf__note_get(hf_persist *p, const char *name, hf_buffer *text, hf_error *err);

/* Keeps the text; of no size: no longer.  In the thread's transaction, together with entities that are changed in it.
 * Who puts HF__NOTE_FOLLOWS is who follows: that process may write to the store, and no other. */
hf_status hf__note_put(hf_persist *p, const char *name, hf_slice text, hf_error *err);

#endif
