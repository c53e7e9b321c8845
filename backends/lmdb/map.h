/* SPDX-License-Identifier: MIT
 *
 * The size of the map, and mending an environment that refuses its work.
 */
#ifndef HF_BACKENDS_LMDB_MAP_H
#define HF_BACKENDS_LMDB_MAP_H

#include "env.h"

/* Waiting for brief snapshots.  What cannot happen beside a snapshot is HF_BUSY; where all of those are brief, it is
 * tried again, without locks and transactions in between, since theirs may need write_lock to end:
 *
 *   hf__lmdb_patience patience = {0};
 *   do status = try(); while (hf__lmdb_is_patient(env, &patience, status));
 */
typedef struct hf__lmdb_patience {
  int64_t end; /* hf_clock_ns(); 0: it has not begun */
} hf__lmdb_patience;

/* Whether to try again, after a pause.  Call until it is false. */
bool hf__lmdb_is_patient(hf__lmdb_env *env, hf__lmdb_patience *patience, hf_status status);

/* After HF_BUSY: whether it was for brief snapshots alone. */
bool hf__lmdb_is_kept_briefly(void);

/* Before a brief snapshot begins: lets those pass that wait for the ones before it. */
void hf__lmdb_let_pass(hf__lmdb_env *env);

/* Whether the map is below its size limit. */
bool hf__lmdb_can_grow(const hf__lmdb_env *env);

/* Makes room after a transaction failed for lack of map: doubles the map, unless it has grown beyond `full_size`
 * meanwhile.  HF_FULL: the size limit is reached.  HF_BUSY: a snapshot keeps the map.  Call without a transaction and
 * without write_lock.
 *   frees  the write frees more than it takes: a store at its size limit is lent some room beyond it, since LMDB needs
 *          pages to delete; it is taken back before the next write */
hf_status hf__lmdb_make_room(hf__lmdb_env *env, size_t full_size, bool frees, hf_error *err);

/* Mends what keeps a transaction from beginning: MDB_MAP_RESIZED (another process has grown the map) and MDB_PANIC (a
 * commit failed half way: LMDB refuses everything until the environment is opened again).  Any other result becomes the
 * error.  Call without a transaction. */
hf_status hf__lmdb_repair(hf__lmdb_env *env, int rc, const char *doing, hf_error *err);

/* These need write_lock, and no transaction. */
hf_status hf__lmdb_repair_locked(hf__lmdb_env *env, int rc, const char *doing, hf_error *err);
hf_status hf__lmdb_set_map_size(hf__lmdb_env *env, uint64_t size, hf_error *err);
hf_status hf__lmdb_grow_locked(hf__lmdb_env *env, hf_error *err);
hf_status hf__lmdb_make_room_locked(hf__lmdb_env *env, bool frees, hf_error *err);

#endif
