/* SPDX-License-Identifier: MIT
 *
 * Iteration in the order of an index.
 *
 * It goes from entry to entry, a page at a time, and remembers at which it was; the entities are read as they are then.
 * One whose value is no longer that of the entry has moved: it is left out here, and comes where it is now, unless the
 * iteration has passed that.  Where the entry is still there then, the index is damaged: HF_CORRUPT, which names the
 * entity.
 */
#ifndef HF_CORE_INDEX_ORDER_H
#define HF_CORE_INDEX_ORDER_H

#include "core/handle.h"

typedef struct hf__index_order hf__index_order;

/* Whether iterations over the handle may go in the order of an index; HF_UNSUPPORTED. */
hf_status hf__index_order_check(const hf_persist *p, hf_error *err);

/* Begins one.  HF_NOT_FOUND: there is no such index; HF_UNSUPPORTED; HF_NO_MEMORY. */
hf_status hf__index_order_begin(hf_persist *p, void *txn, hf_slice name, hf__index_order **out, hf_error *err);

/* The name of its index, as long as it is there. */
hf_slice hf__index_order_name(const hf__index_order *o);

/* NULL is ignored. */
void hf__index_order_free(hf__index_order *o);

/* Reads the next page, like the slot `scan`; it goes on after the one before by itself.  HF_CORRUPT: *more says whether
 * it can go on after that, too.  page->failed_at is the entity that is unreadable; where it names none, the index is.
 *   scan  ids within its bounds and with its prefix are wanted; reverse, keys_only, limit, max_bytes */
hf_status hf__index_order_page(hf__index_order *o, hf_persist *p, void *txn, const hf_scan *scan, hf_page *page,
                               bool *more, hf_error *err);

#endif
