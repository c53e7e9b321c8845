/* SPDX-License-Identifier: MIT
 *
 * Free pages given back to the disk where they are, while others read and write.
 */
#ifndef HF_BACKENDS_LMDB_PUNCH_H
#define HF_BACKENDS_LMDB_PUNCH_H

#include "env.h"

/* Gives the room of all free pages that nobody can read any more back to the disk, a few at a time, so that writers
 * wait for a moment only.  HF_CORRUPT: the store is damaged, and nothing was done; HF_UNSUPPORTED: its filesystem has
 * no sparse files. */
hf_status hf__lmdb_punch(hf__lmdb_env *env, hf_error *err);

#endif
