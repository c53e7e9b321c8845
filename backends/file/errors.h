/* SPDX-License-Identifier: MIT
 *
 * What the system refuses, as errors: which status an errno has, and which failures leave open what has happened.
 */
#ifndef HF_BACKENDS_FILE_ERRORS_H
#define HF_BACKENDS_FILE_ERRORS_H

#include "holdfast/backend.h"

/* Fills the error for errno; "cannot DOING PATH: ...". */
hf_status hf__file_fail(int number, const char *doing, const char *path, hf_error *err);
/* For what fails after something was changed: makes the error one that does not say "nothing was changed", and that is
 * not to be tried again unseen.  HF_OK stays. */
hf_status hf__file_fail_late(hf_status status, hf_error *err);

#endif
