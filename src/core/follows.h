/* SPDX-License-Identifier: MIT
 *
 * Handles on a store that follows another one, where the store itself does not see to it that nobody else writes: it is
 * looked at when a handle is made ready.  What was ready before goes on.
 */
#ifndef HF_CORE_FOLLOWS_H
#define HF_CORE_FOLLOWS_H

#include "core/handle.h"

/* The note of a store that follows another one: see lua/holdfast/cli/following. */
#define HF__NOTE_FOLLOWS "follows"

/* Makes the handle read-only where its store follows another one, unless this process is who follows. */
hf_status hf__follows_learn(hf_persist *p, hf_error *err);

/* The error of a handle that only reads: HF_READONLY. */
hf_status hf__follows_refuse(const hf_persist *p, hf_error *err);

#endif
