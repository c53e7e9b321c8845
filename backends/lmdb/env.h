/* SPDX-License-Identifier: MIT
 *
 * One LMDB environment: readers, the writer, named databases, the map's size.
 *
 * LMDB's rules, and who keeps them here:
 *  - one environment per file and process: the core's registry, by identity;
 *  - the map changes size only while the process has no transaction: hf__lmdb_set_map_size()
 *    first takes every pooled reader out of circulation;
 *  - named databases are opened and closed by one thread at a time, never while
 *    a transaction that may do the same is open: both happen under write_lock;
 *  - beginning a transaction costs time for every open named database: only
 *    OPEN_DBIS_MAX of them are kept open, the others are opened when needed.
 */
#ifndef HF_BACKENDS_LMDB_ENV_H
#define HF_BACKENDS_LMDB_ENV_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "files.h"
#include "holdfast/backend.h"

enum {
  READER_POOL = 32,         /* read transactions kept for reuse; also how many threads read at once without waiting */
  READERS_MAX = 254,        /* reader slots in a lock file that we create, for all processes together */
  DBIS_MAX = 256,           /* named databases open at once, at most: what one transaction may touch */
  OPEN_DBIS_MAX = 16,       /* named databases kept open between operations */
  REPAIRS_MAX = 8,          /* how often a transaction is begun again after a repair */
  PRESENCE_MS = 10,         /* how often unsynced writes look whether the store's files are still there */
  READER_CHECK_EVERY = 1024 /* commits between looks for reader slots of dead processes */
};

/* Names of our own databases begin with a byte that no entity name can have. */
#define META_DB "\001holdfast"
#define QUARANTINE_DB "\001quarantine"

/* Version of the layout, in META_DB under FORMAT_KEY as JSON text {"format":1,...}. */
#define FORMAT_KEY "format"
enum { FORMAT_VERSION = 1 };

/* An entity type; one per name and environment, shared by all handles. */
typedef struct hf__lmdb_entity {
  struct hf__lmdb_entity *next;
  size_t refs;
  _Atomic MDB_dbi dbi;     /* 0: not open (or not in the store at all) */
  _Atomic bool touched;    /* used since the last search for cold ones */
  _Atomic MDB_dbi txn_dbi; /* opened by the write transaction in progress, 0 if not */
  uint64_t name_hash;
  size_t name_size;
  char name[HF_ID_MAX + 1];
} hf__lmdb_entity;

typedef struct hf__lmdb_env {
  struct hf__lmdb_env *next; /* of this process; the core opens and closes one at a time */
  pid_t process;             /* that opened it; a child of fork() inherits the list, and none of the environments */
  hf__lmdb_file directory, data, lock; /* what they were when it was opened */
  int dir_fd;                          /* the directory, by O_PATH */
  MDB_env *mdb;
  char *path; /* the directory */
  hf_options options;
  int data_fd;
  uint64_t map_size;
  unsigned page_size;
  MDB_dbi main_dbi; /* the names of all databases */
  MDB_dbi meta_dbi;
  MDB_dbi quarantine_dbi;

  _Atomic(MDB_txn *) idle[READER_POOL]; /* reset read transactions, ready to be renewed */

  pthread_mutex_t gate; /* readers_made, snapshots, entities; held while the pool is emptied */
  unsigned readers_made;
  unsigned snapshots; /* open snapshots: they keep the map and the databases as they are */
  hf__lmdb_entity *entities;

  pthread_mutex_t write_lock; /* the thread that writes, or opens or closes named databases */
  unsigned dbis_open;
  unsigned commits;
  int64_t presence_checked; /* ms, see check_files_in_place() */
  bool lent;                /* the map is larger than its limit, see hf__lmdb_make_room() */
  bool grow;                /* a transaction ran out of map: grow before the next one */
} hf__lmdb_env;

/* A transaction that the core holds, of either kind. */
typedef struct hf__lmdb_txn {
  MDB_txn *mdb;
  hf_txn_kind kind;
  struct hf__lmdb_txn *parent;
  bool held;                /* the core's: a write that fails for lack of map cannot be repeated here */
  bool map_full;            /* it failed so */
  size_t map_size;          /* when it began */
  bool lost;                /* a snapshot that slipped to another moment: nothing more may be read in it */
  hf__lmdb_entity **opened; /* entities whose txn_dbi it set */
  size_t opened_count, opened_capacity;
} hf__lmdb_txn;

/* Makes a store in the directory unless there is one: nothing, or a whole one, whenever it is interrupted. */
hf_status hf__lmdb_create(const hf_location *at, hf_error *err);
/* Gives the lock file in the directory its blocks, before LMDB maps it: on a full disk, writing to a map without blocks
 * is a fatal signal.  HF_FULL. */
hf_status hf__lmdb_reserve_lock(const char *dir, hf_error *err);
/* LMDB reports a short write, as on a disk that runs full, as EIO: ENOSPC or EFBIG where that is what happened,
 * otherwise rc as it is. */
int hf__lmdb_explain_eio(int rc, const char *dir);
/* The status that LMDB's result (or an errno) means. */
hf_status hf__lmdb_status(int rc);

hf_status hf__lmdb_open(const hf_location *at, hf__lmdb_env **out, hf_error *err);
void hf__lmdb_close(hf__lmdb_env *env);
/* The environment of this process that was in this directory when it was opened; NULL: none. */
const hf__lmdb_env *hf__lmdb_find_here(const char *dir);

/* Translates LMDB's result into a status with a message; `doing` is what failed ("commit"). */
hf_status hf__lmdb_fail(const hf__lmdb_env *env, int rc, const char *doing, hf_error *err);

/* A read transaction at the present moment, from the pool.  Give it back soon; nothing may block in between. */
hf_status hf__lmdb_read_begin(hf__lmdb_env *env, MDB_txn **txn, hf_error *err);
void hf__lmdb_read_end(hf__lmdb_env *env, MDB_txn *txn);

/* The same with the entity's database: *dbi is 0 where the entity type is not in the store.  With txn given (a
 * snapshot or write transaction of this thread), uses that. */
hf_status hf__lmdb_read_entity(hf__lmdb_env *env, hf__lmdb_txn *in, hf__lmdb_entity *entity, MDB_txn **txn,
                               MDB_dbi *dbi, hf_error *err);
/* Ends what hf__lmdb_read_entity() began; `in` as there. */
void hf__lmdb_read_entity_end(hf__lmdb_env *env, hf__lmdb_txn *in, MDB_txn *txn);

/* Begins the process's write transaction, waiting for other writers.
 *   frees  it frees more than it takes, and may use lent room */
hf_status hf__lmdb_write_begin(hf__lmdb_env *env, hf__lmdb_txn *txn, bool frees, hf_error *err);
hf_status hf__lmdb_write_commit(hf__lmdb_env *env, hf__lmdb_txn *txn, hf_error *err);
void hf__lmdb_write_abort(hf__lmdb_env *env, hf__lmdb_txn *txn);
/* A transaction inside another one. */
hf_status hf__lmdb_nested_begin(hf__lmdb_env *env, hf__lmdb_txn *parent, hf__lmdb_txn *txn, hf_error *err);
hf_status hf__lmdb_nested_commit(hf__lmdb_env *env, hf__lmdb_txn *txn, hf_error *err);
void hf__lmdb_nested_abort(hf__lmdb_txn *txn);

/* The entity's database for writing; with `create` makes it, otherwise *dbi is 0 where there is none. */
hf_status hf__lmdb_write_dbi(hf__lmdb_env *env, hf__lmdb_txn *txn, hf__lmdb_entity *entity, bool create, MDB_dbi *dbi,
                             hf_error *err);

hf_status hf__lmdb_snapshot_begin(hf__lmdb_env *env, hf__lmdb_txn *txn, hf_error *err);
void hf__lmdb_snapshot_end(hf__lmdb_env *env, hf__lmdb_txn *txn);

/* Whether the map is below its size limit. */
bool hf__lmdb_can_grow(const hf__lmdb_env *env);
/* Makes room after a transaction failed for lack of map: doubles the map, unless it has grown beyond `full_size`
 * meanwhile. frees  the write frees more than it takes: a store at its size limit is lent some room beyond it, since
 * LMDB needs pages to delete; it is taken back before the next write HF_FULL: the size limit is reached.  Call without
 * a transaction and without write_lock. */
hf_status hf__lmdb_make_room(hf__lmdb_env *env, size_t full_size, bool frees, hf_error *err);

/* Notes in the transaction, and those around it, that the map is full. */
void hf__lmdb_note_full(hf__lmdb_txn *txn);

hf_status hf__lmdb_entity_open(hf__lmdb_env *env, hf_slice name, hf__lmdb_entity **out, hf_error *err);
void hf__lmdb_entity_close(hf__lmdb_env *env, hf__lmdb_entity *entity);

/* ---- between the files of this folder */

/* A read transaction of its own, outside the pool.  LMDB's result; MDB_PANIC without an environment. */
int hf__lmdb_begin_read_txn(hf__lmdb_env *env, MDB_txn **txn);

/* Mends what keeps a transaction from beginning: MDB_MAP_RESIZED (another process has grown the map) and MDB_PANIC (a
 * commit failed half way: LMDB refuses everything until the environment is opened anew).  Any other result becomes the
 * error.  Call without a transaction. */
hf_status hf__lmdb_repair(hf__lmdb_env *env, int rc, const char *doing, hf_error *err);

/* Takes every reader out of circulation: no pooled read is running afterwards, and none begins until the end. */
void hf__lmdb_exclusive_begin(hf__lmdb_env *env, MDB_txn *taken[READER_POOL]);
void hf__lmdb_exclusive_end(hf__lmdb_env *env, MDB_txn *taken[READER_POOL]);

/* These need write_lock, and no transaction. */
hf_status hf__lmdb_repair_locked(hf__lmdb_env *env, int rc, const char *doing, hf_error *err);
hf_status hf__lmdb_set_map_size(hf__lmdb_env *env, uint64_t size, hf_error *err);
hf_status hf__lmdb_grow_locked(hf__lmdb_env *env, hf_error *err);
/* Closes databases that have not been used lately, until few enough are open. */
void hf__lmdb_close_cold(hf__lmdb_env *env);

#endif
