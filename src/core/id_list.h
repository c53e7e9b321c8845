/* SPDX-License-Identifier: MIT
 *
 * What the core needs of lists of ids beside backend.h.
 */
#ifndef HF_CORE_ID_LIST_H
#define HF_CORE_ID_LIST_H

#include "holdfast/backend.h"

/* Adds an id by its order key, as hf_id_list_add() does.  False: out of memory.
 *   id_size  how many bytes at its end are the id */
bool hf__id_list_add_key(hf_id_list *list, hf_slice order, size_t id_size);

/* Whether an id is within the bounds of a scan and has its prefix. */
bool hf__scan_wants(const hf_scan *scan, hf_slice order, hf_slice id);

#endif
