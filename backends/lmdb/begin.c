/* SPDX-License-Identifier: MIT
 *
 * Beginning to read: see begin.h.
 */
#include "begin.h"

#include <stddef.h>

enum { FOLLOWS_MAX = 8 }; /* times that the map is made as large as the file */

int hf__lmdb_begin_reading(MDB_env *mdb, MDB_txn **txn) {
  int rc = mdb_txn_begin(mdb, NULL, MDB_RDONLY, txn);
  if (rc == MDB_READERS_FULL) {
    mdb_reader_check(mdb, NULL); /* some may be of dead processes */
    rc = mdb_txn_begin(mdb, NULL, MDB_RDONLY, txn);
  }
  return rc;
}

int hf__lmdb_begin_following(MDB_env *mdb, MDB_txn **txn) {
  int rc = hf__lmdb_begin_reading(mdb, txn);
  for (int tries = 0; rc == MDB_MAP_RESIZED && tries < FOLLOWS_MAX; tries++) {
    rc = mdb_env_set_mapsize(mdb, 0);
    if (rc == 0) rc = hf__lmdb_begin_reading(mdb, txn);
  }
  return rc;
}
