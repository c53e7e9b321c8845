/* SPDX-License-Identifier: MIT
 *
 * The slot `check`: all of LMDB's pages of a store, whether it is open or could not be opened.
 */
#ifndef HF_BACKENDS_LMDB_STORE_CHECK_H
#define HF_BACKENDS_LMDB_STORE_CHECK_H

#include "holdfast/backend.h"

/* See struct hf_backend.  `store` is an hf__lmdb_env or NULL. */
hf_status hf__lmdb_check_store(const hf_location *at, void *store, hf_check_fn fn, void *arg, hf_check_report *report,
                               hf_error *err);

#endif
