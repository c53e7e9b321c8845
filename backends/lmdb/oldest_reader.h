/* SPDX-License-Identifier: MIT
 *
 * Who keeps a full store full.  LMDB uses a page again only when nobody reads a commit any more from before it was
 * given back, so that a process which has stopped in a snapshot makes a store grow, or keeps it at its limit.
 */
#ifndef HF_BACKENDS_LMDB_OLDEST_READER_H
#define HF_BACKENDS_LMDB_OLDEST_READER_H

#include <lmdb.h>
#include <stdbool.h>

enum { OLDEST_READER_TEXT = 256 };

/* Who reads the oldest commit. */
struct hf__lmdb_reader {
  long pid;
  size_t commit;
  size_t since; /* how many commits there were after it */
};

/* False where nobody reads an older commit than the newest. */
bool hf__lmdb_oldest_reader(MDB_env *mdb, struct hf__lmdb_reader *out);

/* Part of a sentence: "; process 1234 (bot) has ... open"; "" where nobody reads an older commit than the newest. */
void hf__lmdb_oldest_reader_text(MDB_env *mdb, char out[OLDEST_READER_TEXT]);

#endif
