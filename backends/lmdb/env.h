/* SPDX-License-Identifier: MIT
 *
 * One LMDB environment, as the files of this folder share it.
 * README.md has a table of the files, in which each uses only those after it.
 *
 * LMDB's rules, and who keeps them here:
 *  - one environment per file and process: the core's registry, by identity;
 *  - nothing waits for a lock while it holds a pooled reader: hf__lmdb_lock();
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

#include "base/clocks.h"
#include "files.h"
#include "holdfast/backend.h"
#include "lock_room.h"
#include "page_check.h"
#include "queue.h"

enum {
  READER_POOL = 32,         /* read transactions kept for reuse; also how many threads read at once without waiting */
  DBIS_MAX = 256,           /* named databases open at once, at most: what one transaction may touch */
  OPEN_DBIS_MAX = 16,       /* named databases kept open between operations */
  REPAIRS_MAX = 8,          /* how often a transaction is begun again after a repair */
  PRESENCE_MS = 10,         /* how often unsynced writes look whether the store's files are still there */
  READER_CHECK_EVERY = 1024 /* commits between looks for reader slots of dead processes */
};

/* Names of our own databases begin with a byte that no entity name can have. */
#define META_DB "\001holdfast"
#define QUARANTINE_DB "\001quarantine"
#define INDEX_DB "\001index"
#define EXPIRY_DB "\001expiry"
#define LOG_DB "\001log"
#define HISTORY_DB "\001history"

/* A collection; one per name and environment, shared by all handles. */
typedef struct hf__lmdb_collection {
  struct hf__lmdb_collection *next;
  size_t refs;
  _Atomic MDB_dbi dbi;     /* 0: not open (or not in the store at all) */
  _Atomic bool touched;    /* used since the last search for cold ones */
  _Atomic MDB_dbi txn_dbi; /* opened by the write transaction in progress, 0 if not */
  /* Its indexes, and of which known.version that is.  See index_defs.h. */
  hf_index_set *kept, *seen; /* by writers, under write_lock; by readers, under known.lock */
  uint64_t kept_of, seen_of;
  uint64_t seen_at; /* a commit for which `seen` is right: readers of it need not look at the mark */
  uint64_t name_hash;
  /* Its number in the history, and of which known.version that is; under write_lock.  See history_store.h. */
  uint64_t number_of;
  uint32_t number;
  size_t name_size;
  char name[HF_ID_MAX + 1];
} hf__lmdb_collection;

/* How many entities a collection has, and a hash over them.  See sums.h. */
typedef struct hf__lmdb_sum {
  uint64_t count, hash;
} hf__lmdb_sum;

enum { SUMS_IN_MARK = 64 }; /* collections whose sums are in the mark that each commit leaves; part of the format */

/* The sums in the mark of a commit. */
typedef struct hf__lmdb_sums {
  size_t of; /* the commit; 0: it is not known */
  size_t count;
  struct hf__lmdb_marked_sum {
    uint64_t name_hash;
    hf__lmdb_sum sum;
  } list[SUMS_IN_MARK];
} hf__lmdb_sums;

/* What a write transaction has changed of a collection's sum. */
typedef struct hf__lmdb_delta {
  struct hf__lmdb_delta *next;
  hf__lmdb_collection *collection;
  bool cleared;    /* first it was made empty */
  hf__lmdb_sum by; /* then this was added, modulo 2^64 */
} hf__lmdb_delta;

enum { FEATURE_TEXT = 256 }; /* room for what is said of an unknown feature */

/* What this process knows of the store's format, features and settings.  See known.h. */
typedef struct hf__lmdb_known {
  _Atomic size_t commit;         /* everything up to this one has been looked at; 0: nothing */
  _Atomic bool gap;              /* that commit is a stranger's, see gap.h */
  _Atomic bool readable_only;    /* unknown_feature is not empty, or `follows` */
  _Atomic bool may_have_indexes; /* has_indexes, or had at some time */
  _Atomic bool may_have_expiry;  /* has_expiry */
  pthread_mutex_t lock;          /* the rest.  By hf__lmdb_lock_briefly(): no holder waits */
  unsigned format;
  bool has_features;                  /* such as this version knows, and as readers go by */
  bool keeps_sums;                    /* the store has the feature of sums.h */
  bool has_indexes;                   /* and that of index_defs.h */
  bool has_expiry;                    /* and that of expiry_keep.h */
  bool keeps_log, keeps_history;      /* as log_keep.h does */
  hf_changes_kept kept;               /* how much of the log is */
  uint64_t version;                   /* how often it was read, from 1 on */
  uint64_t changed;                   /* the commit that changed any of it last, of those looked at */
  hf_options settings;                /* the defaults, and what the settings say instead */
  bool follows;                       /* another store: who writes here is refused, see notes.h */
  char followed[FEATURE_TEXT];        /* which one, for people */
  char unknown_feature[FEATURE_TEXT]; /* for which the store may only be read, as a text; "": none */
} hf__lmdb_known;

/* Another process that waits to write, and that this one may have gone before.  See turn.h. */
typedef struct hf__lmdb_overtaken {
  uint32_t who;   /* what it says in the lock file; 0: nobody */
  unsigned times; /* transactions that this process has begun since it saw that first */
  int64_t since;  /* hf_clock_ns() then */
} hf__lmdb_overtaken;

typedef struct hf__lmdb_env {
  struct hf__lmdb_env *next; /* of this process; the core opens and closes one at a time */
  pid_t process;             /* that opened it; a child of fork() inherits the list, and none of the environments */
  hf__lmdb_file directory, data, lock; /* what they were when it was opened */
  int dir_fd;                          /* the directory, by O_PATH */
  MDB_env *mdb;
  char *path;         /* the directory */
  char *data_path;    /* the data file */
  hf_options said;    /* when it was opened */
  hf_options options; /* in force: what was said, and elsewhere what the settings say.  Changed under known.lock */
  hf__lmdb_known known;
  int64_t gap_told_at;  /* hf_clock_ns() when a gap was warned of last; 0: never */
  uint64_t applied;     /* known.changed whose settings are in force; 0: of none yet */
  hf__lmdb_check check; /* what opening looks at */
  int data_fd;
  hf__lmdb_lock_room lock_room;
  uint64_t map_size;
  unsigned page_size;
  MDB_dbi main_dbi; /* the names of all databases */
  MDB_dbi meta_dbi;
  MDB_dbi quarantine_dbi;
  hf__lmdb_collection *index;         /* INDEX_DB, which is opened as the collections are */
  hf__lmdb_collection *log, *history; /* LOG_DB and HISTORY_DB, likewise */
  hf__lmdb_collection *expiry;        /* EXPIRY_DB */
  struct {             /* under write_lock: when nothing was in quarantine, so that writes need not look */
    size_t of;         /* a commit of this process after which nothing was */
    size_t in;         /* a write transaction that found nothing there */
    size_t changed_in; /* one that has put something there, or settled it */
  } quarantine_empty;

  _Atomic(MDB_txn *) idle[READER_POOL]; /* reset read transactions, ready to be renewed */

  pthread_mutex_t readers_lock; /* readers_made, snapshots, brief, entities; held while the pool is emptied */
  unsigned readers_made;
  unsigned snapshots;       /* open snapshots: they keep the map and the databases as they are */
  unsigned brief;           /* how many of those end soon */
  _Atomic unsigned patient; /* threads that wait until those have ended; meanwhile none begins */
  hf__lmdb_collection *entities;

  pthread_mutex_t write_lock; /* the thread that writes, or opens or closes named databases */
  unsigned dbis_open;
  unsigned commits;
  unsigned turns_asked; /* how often this process has asked for LMDB's writer lock: turn.h */
  hf__lmdb_overtaken overtaken[HF__LMDB_TURNS];
  int64_t presence_checked; /* ms, see check_files_in_place() */
  bool overdraft;           /* the map is larger than its limit, see hf__lmdb_make_room() */
  bool doubtful;            /* a flush has failed, see failed_flush.h */
  bool grow;                /* a transaction ran out of map: grow before the next one */
  hf__lmdb_sums sums;       /* of the newest commit, if it was this process's */
  _Atomic bool flushes;     /* what is written is flushed, as the newest transaction has found */
  hf__lmdb_queue queue;     /* of changes that wait for a commit to share, see group.h */
  struct {                  /* the newest change that is logged: when, if it was logged until this commit */
    uint64_t of;
    int64_t at;
  } logged;
  struct { /* the oldest one when it was looked at last, in this known.version; older ones are gone */
    uint64_t of, revision;
    int64_t at;
    bool is_left; /* the log begins after it */
  } oldest;
  _Atomic bool is_follower; /* this process has put the note for which others must not write, see notes.h */
  struct {                  /* under write_lock: removing what has expired, see expiry_sweep.h */
    int64_t next;           /* hf_clock_ns() from which on it is looked for again */
    int64_t began;          /* when what was removed in the transaction in progress was; 0: nothing was */
    size_t in;              /* the write transaction in which that was done last */
  } sweep;
  struct {             /* under write_lock: the note of two clocks, see clock_note.h */
    hf__clocks note;   /* as it is in the store */
    int64_t looked_at; /* its clock that nobody sets, when that was looked at; 0: never */
  } clock;
} hf__lmdb_env;

/* A transaction that the core holds, of either kind. */
typedef struct hf__lmdb_txn {
  MDB_txn *mdb;
  hf_txn_kind kind;
  bool brief; /* a snapshot that ends soon, of which the program knows nothing */
  struct hf__lmdb_txn *parent;
  bool held;                    /* the core's: a write that fails for lack of map cannot be repeated here */
  bool map_full;                /* it failed so */
  size_t map_size;              /* when it began */
  bool changed;                 /* something may have been written: the commit leaves its number */
  bool certain;                 /* something was */
  bool resettled;               /* format, features or settings were, too */
  bool gave_expiry;             /* the store has the feature of expiry_keep.h from this transaction on */
  int64_t now;                  /* by which it is judged what has expired, ms; 0: nobody has asked yet */
  uint32_t logged;              /* changes that it has logged, with those of the ones around it: log_keep.h */
  int64_t log_time;             /* when, once there are some */
  bool gave_number;             /* a collection got its number in it, or in one within it: history_store.h */
  uint64_t at;                  /* a snapshot of the past, after this commit: history_read.h; 0: of the present */
  bool lost;                    /* a snapshot that slipped to another moment: nothing more may be read in it */
  hf__lmdb_collection **opened; /* entities whose txn_dbi it set */
  size_t opened_count, opened_capacity;
  hf__lmdb_delta *deltas;     /* those of the collections that it has changed */
  hf__lmdb_delta first_delta; /* room for the one that most transactions have */
} hf__lmdb_txn;

/* Our bytes as LMDB's, which are not const but not written to either. */
static inline MDB_val hf__lmdb_val(hf_slice s) { return (MDB_val){s.size, (void *)(uintptr_t)s.data}; }

/* Translates LMDB's result into a status with a message; `doing` is what failed ("commit"). */
hf_status hf__lmdb_fail(const hf__lmdb_env *env, int rc, const char *doing, hf_error *err);

/* Frees the memory of a collection that is on no list. */
void hf__lmdb_collection_free(hf__lmdb_collection *collection);

/* Lists the environment among those of this process, and takes it off. */
void hf__lmdb_enlist(hf__lmdb_env *env);
void hf__lmdb_delist(hf__lmdb_env *env);
/* The environment of this process that was in this directory when it was opened; NULL: none. */
const hf__lmdb_env *hf__lmdb_find_here(const char *dir);

#endif
