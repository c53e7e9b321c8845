/* SPDX-License-Identifier: MIT
 *
 * The records that are left in one leaf, however damaged: for rescue.
 */
#ifndef HF_BACKENDS_LMDB_RESCUE_PAGE_H
#define HF_BACKENDS_LMDB_RESCUE_PAGE_H

#include "page_file.h"
#include "page_node.h"

/* One of them. */
typedef struct hf__lmdb_found {
  hf_slice id;
  hf_slice record; /* header and text, of which the checksum holds; or, unreadable, whatever is in its place */
  hf_slice json;
  hf_info info;
  bool is_sound;
  uint64_t overflow; /* the first page after its own that has the value; 0: none */
} hf__lmdb_found;

typedef bool (*hf__lmdb_found_fn)(void *arg, const hf__lmdb_found *found);

/* Hands out each record whose checksum holds, once, and where a key is sound and its record is not, that too.  Nothing
 * that was deleted from the page before is among them, though its bytes may be there.  False: fn said so, or out of
 * memory (*out_of_memory). */
bool hf__lmdb_salvage(const struct hf__lmdb_page_file *file, struct hf__lmdb_page page, hf__lmdb_found_fn fn, void *arg,
                      bool *out_of_memory);

typedef bool (*hf__lmdb_value_fn)(void *arg, hf_slice key, hf_slice value);

/* Hands out what the nodes of a leaf hold, as far as they can be read, with no look at it.  False: fn said so, or out
 * of memory. */
bool hf__lmdb_each_value(const struct hf__lmdb_page_file *file, struct hf__lmdb_page page, hf__lmdb_value_fn fn,
                         void *arg, bool *out_of_memory);

#endif
