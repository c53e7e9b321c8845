/* SPDX-License-Identifier: MIT
 *
 * A walk over all pages of a data file that one of its commits refers to, by pread() alone.  It finds what is damaged
 * about LMDB's own structure, of which LMDB trusts every byte: a flipped bit there hides entities, ends the process, or
 * has it run in a circle.  On any file whatever the walk ends, in time that the file's size bounds.
 *
 * What it cannot see is a key, a name or a record that is damaged and still fits, or a page of before: records have
 * checksums for that, and stores of format 2 sums (sums.h).
 *
 * The walk sees one commit.  Where others write meanwhile, pages of a commit are used again once two newer ones are
 * there, unless a reader's slot holds them: begin a read transaction first, and walk the commit of that number.
 */
#ifndef HF_BACKENDS_LMDB_PAGE_WALK_H
#define HF_BACKENDS_LMDB_PAGE_WALK_H

#include "page_report.h"

/* Walks.  HF_OK whatever was found: see *totals.  HF_NO_MEMORY.  HF_IO: the disk does not give a page, of which nothing
 * is known then; see skip_unreadable.  Frees nothing of *walk: hf__lmdb_walk_free(). */
hf_status hf__lmdb_walk_run(struct hf__lmdb_walk *walk, struct hf__lmdb_totals *totals, hf_error *err);
void hf__lmdb_walk_free(struct hf__lmdb_walk *walk);

#endif
