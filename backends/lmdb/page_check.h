/* SPDX-License-Identifier: MIT
 *
 * When a store's pages are walked, and of which commit: while others write, that which a read transaction sees.
 */
#ifndef HF_BACKENDS_LMDB_PAGE_CHECK_H
#define HF_BACKENDS_LMDB_PAGE_CHECK_H

#include <lmdb.h>

#include "boot_note.h"
#include "page_walk.h"

/* What opening looks at: the setting `check`. */
typedef enum hf__lmdb_check {
  HF__LMDB_CHECK_AUTO,    /* the headers; all pages of a small store, and of most others once in the machine's run */
  HF__LMDB_CHECK_OFF,     /* nothing */
  HF__LMDB_CHECK_HEADERS, /* the header pages */
  HF__LMDB_CHECK_PAGES    /* all pages, however many */
} hf__lmdb_check;

/* Sizes of data files: those up to the first are walked whenever they are opened, those up to the second once in each
 * run of the machine. */
enum { HF__LMDB_SMALL_FILE = 512 << 10, HF__LMDB_LARGE_FILE = 1 << 30 };

/* Reads the setting from the location's URL.  HF_INVALID_ARGUMENT. */
hf_status hf__lmdb_check_setting(const hf_location *at, hf__lmdb_check *out, hf_error *err);

/* Finds the header of the commit that the read transaction sees, and the file, by its environment's descriptor.  The
 * transaction may be renewed.  HF_BUSY: others write too fast for it, or make the file grow: begin another. */
hf_status hf__lmdb_find_view(MDB_txn *txn, struct hf__lmdb_page_file *file, struct hf__lmdb_header *view,
                             hf_error *err);

/* Walks the commit that the read transaction sees, by its environment's descriptor.  The transaction may be renewed.
 * HF_BUSY: others write too fast for it, or make the file grow: begin another. */
hf_status hf__lmdb_walk_txn(MDB_txn *txn, struct hf__lmdb_walk *walk, struct hf__lmdb_totals *totals, hf_error *err);

/* What opening does after the headers were checked and before LMDB follows anything in the file.  HF_CORRUPT says where
 * the damage is and what to do. */
hf_status hf__lmdb_check_at_open(const char *dir, MDB_txn *txn, hf__lmdb_check check, hf__lmdb_lock_room *room,
                                 hf_error *err);

#endif
