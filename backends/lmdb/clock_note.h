/* SPDX-License-Identifier: MIT
 *
 * A note of two clocks in the store: whether the wall clock can be believed when something is to be removed by it for
 * good (base/clocks.h).  The note is of all processes; whoever finds that the clocks do not agree with it makes a new
 * one, and from then on all wait.
 */
#ifndef HF_BACKENDS_LMDB_CLOCK_NOTE_H
#define HF_BACKENDS_LMDB_CLOCK_NOTE_H

#include "env.h"

/* The note's key in META_DB: {"boot":"...","wall":ms,"boottime":ms} */
#define META_CLOCK "clock"

/* Whether the wall clock has gone along with the other one long enough.  In a write transaction, which may leave a new
 * note.  LMDB's result. */
int hf__lmdb_clock_agrees(hf__lmdb_env *env, MDB_txn *txn, bool *agrees);

#endif
