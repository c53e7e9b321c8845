/* SPDX-License-Identifier: MIT
 *
 * Pages that are in each other's place.
 */
#ifndef HF_BACKENDS_LMDB_RESCUE_MOVED_H
#define HF_BACKENDS_LMDB_RESCUE_MOVED_H

#include "page_file.h"

/* Looks at the number that each page bears, and notes in the file where the pages are that are not in their own places;
 * from then on they are read there.  file->moved is then to be freed.  HF_NO_MEMORY. */
hf_status hf__lmdb_find_moved(struct hf__lmdb_page_file *file, hf_error *err);

#endif
