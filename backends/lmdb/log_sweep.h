/* SPDX-License-Identifier: MIT
 *
 * What is left of a log of changes, or a history, that was turned off.
 */
#ifndef HF_BACKENDS_LMDB_LOG_SWEEP_H
#define HF_BACKENDS_LMDB_LOG_SWEEP_H

#include "env.h"

/* Deletes it, a few milliseconds at a time, between which others write.  What an end of the process leaves goes with
 * the next change of settings, or with later commits once there is a log again. */
void hf__lmdb_log_sweep(hf__lmdb_env *env);

#endif
