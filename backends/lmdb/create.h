/* SPDX-License-Identifier: MIT
 *
 * Making a new store.
 */
#ifndef HF_BACKENDS_LMDB_CREATE_H
#define HF_BACKENDS_LMDB_CREATE_H

#include "holdfast/backend.h"

/* Makes a store in the directory unless there is one: nothing, or a whole one, whenever it is interrupted. */
hf_status hf__lmdb_create(const hf_location *at, hf_error *err);

#endif
