/* SPDX-License-Identifier: MIT
 *
 * Revisions in a commit that parts of hf_transactions() share: none is given out of what the commit has written, and
 * none is taken for it.  Where a commit gives one revision to all that it writes, as LMDB's does, a part that had it
 * could write over what a later part has written, and nobody would know.
 *
 * What a transaction has written that no part is in stays its own, as ever.  But parts see it, and cannot be told it
 * apart from the rest of the commit, so they are then given no revision at all.
 */
#ifndef HF_CORE_REVISIONS_H
#define HF_CORE_REVISIONS_H

#include "core/handle.h"

/* Before a change in a transaction: makes room for what is to be noted of it.  HF_NO_MEMORY. */
hf_status hf__revisions_reserve(size_t puts, hf_error *err);

/* Whether what is to happen at a revision of the entity cannot, since its commit has written it. */
bool hf__revisions_refuse(const hf_persist *p, const hf_key *key);

/* After a change in a transaction: notes what was written, for which there is room. */
void hf__revisions_note(const hf_persist *p, const hf_put *puts, size_t count);

/* Takes the revision that was read in a transaction out of the info, where it may be of this commit. */
void hf__revisions_hide(const hf_persist *p, const hf_key *key, hf_info *info);

/* The same for the entries of a page from `first` on. */
void hf__revisions_hide_entries(const hf_persist *p, hf_page *page, size_t first);

/* Whether the thread is in a part where what is written gets no revision. */
bool hf__revisions_are_hidden(void);

#endif
