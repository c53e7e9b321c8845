/* SPDX-License-Identifier: MIT
 *
 * The slot `rescue`: what is left of a damaged store.
 */
#ifndef HF_BACKENDS_LMDB_RESCUE_H
#define HF_BACKENDS_LMDB_RESCUE_H

#include "holdfast/backend.h"

/* See struct hf_backend. */
hf_status hf__lmdb_rescue(const hf_location *at, hf_rescue_fn fn, void *arg, hf_rescue_report *report, hf_error *err);

#endif
