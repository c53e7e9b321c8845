/* SPDX-License-Identifier: MIT
 *
 * What LMDB's results, and errnos, mean.
 */
#ifndef HF_BACKENDS_LMDB_STATUS_H
#define HF_BACKENDS_LMDB_STATUS_H

#include "holdfast/backend.h"

/* The status that LMDB's result (or an errno) means. */
hf_status hf__lmdb_status(int rc);

/* Sets the error to what errno says of doing something with a path.  HF_INVALID_ARGUMENT where the path is at fault. */
hf_status hf__lmdb_fail_errno(hf_error *err, const char *doing, const char *path);

/* Adds to an error that `what`, "write", may have happened all the same, and makes it HF_IO, which nobody repeats by
 * himself. */
hf_status hf__lmdb_say_uncertain(hf_error *err, const char *what);

#endif
