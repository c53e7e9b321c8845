/* SPDX-License-Identifier: MIT
 *
 * backend.h - what a storage backend implements, for backend authors.
 *
 * A backend is one `const struct hf_backend` with designated initialisers.  In
 * the tree it is a folder backends/NAME/ whose NAME.c defines
 * hf__backend_NAME; CMake finds it.  A program adds its own with
 * hf_backend_register().  backends/null is the smallest complete one: copy it.
 *
 * Who does what.  The core validates ids, names, values, ranges, options and
 * handle states, keeps the registry of open stores, names the entity in errors, and
 * is the only caller of these slots.  A backend receives exactly what is
 * documented here and trusts it.
 *
 * Errors.  A slot returns a status and, unless it says otherwise, fills *err by
 * hf_error_set() (err is never NULL here).  It never prints, exits or aborts.
 *
 * Threads.  Slots of one store are called from several threads at once.  A
 * transaction is used by the thread that began it.
 */
#ifndef HOLDFAST_BACKEND_H
#define HOLDFAST_BACKEND_H

#include "holdfast/holdfast.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Grows when the meaning or the place of an existing slot changes, or a struct that slots get
 * an array of; new slots are appended and NULL in older backends, and the structs below get
 * new members at their end. */
#define HF_BACKEND_ABI 4

/* What a backend can do beyond the required.  A capability is an obligation that the conformance
 * tests check; without it the core answers HF_UNSUPPORTED.  One row per
 * capability: identifier, bit, its name in `store.supports`, the promise. */
#define HF_CAPABILITY_MAP(X)                                                                                           \
  X(DURABLE, 0, "durable", "a write that returned survives the end of the process")                                    \
  X(TRANSACTION, 1, "transaction", "begin/commit/abort with HF_TXN_WRITE: all or nothing, reads own writes")           \
  X(SNAPSHOT, 2, "snapshot", "begin with HF_TXN_READ: every read sees one moment")                                     \
  X(NESTED, 3, "nested", "begin with a parent: an inner abort undoes the inner part only")                             \
  X(REVISION, 4, "revision", "hf_info.revision is set, and if_revision is honoured")                                   \
  X(IF_ABSENT, 5, "ifAbsent", "if_absent is honoured, also against other processes")                                   \
  X(ATOMIC_BATCH, 6, "atomicBatch", "put_many and remove_many happen whole or not at all")                             \
  X(QUARANTINE, 7, "quarantine", "unreadable records are kept apart and never deleted")                                \
  X(CHECKSUM, 8, "checksum", "a changed bit in a stored value is found when it is read")                               \
  X(SETTINGS, 9, "settings", "settings are kept in the store, and hold for every process that opens it")               \
  X(REMOVE_IF, 10, "removeIfRevision", "remove_if deletes at one revision only, also against other processes")         \
  X(INDEX, 11, "index", "indexes over paths are kept with every write, and `unique` holds against other processes")    \
  X(INDEX_ORDER, 12, "indexOrder", "iterations may go in the order of an index")                                       \
  X(CHANGES, 13, "changes", "with the setting `changes`, each commit logs in itself what it changes, to be watched")   \
  X(HISTORY, 14, "history", "with the setting `history`, values can be read as of each revision that is kept")         \
  X(TTL, 15, "ttl", "expires_at is honoured: from then on nobody finds the entity")

enum hf_capability {
#define HF_CAPABILITY_ENUM(id, bit, name, promise) HF_CAP_##id = 1 << (bit),
  HF_CAPABILITY_MAP(HF_CAPABILITY_ENUM)
#undef HF_CAPABILITY_ENUM
};

/* Where a store is: a parsed URL.  Strings live as long as the call. */
typedef struct hf_location {
  const char *scheme;        /* "lmdb" */
  const char *rest;          /* what follows "scheme:", up to '?', as written */
  const char *path;          /* the same with %XX decoded */
  const char *query;         /* parameters that are not hf_options, "k=v&k=v", only names listed in `parameters` */
  const hf_options *options; /* defaults, the caller's and the URL's together */
} hf_location;

/* A validated id. */
typedef struct hf_key {
  hf_slice id;    /* 1 to HF_ID_MAX bytes of UTF-8 without control characters */
  hf_slice order; /* order key: memcmp order of these bytes is the natural order of ids; ends in 0x00 and the id */
} hf_key;

/* A validated entity to write. */
typedef struct hf_put {
  hf_key key;
  hf_slice json;
  int64_t expires_at; /* ms since 1970-01-01 UTC; 0: never.  Only with HF_CAP_TTL */
} hf_put;

/* Part of a collection, in natural order.  Bounds have data NULL when absent. */
typedef struct hf_scan {
  hf_slice lower;        /* order key of the smallest id wanted */
  hf_slice upper;        /* order key of the largest id wanted */
  bool lower_open;       /* lower itself is not wanted (a page begins after the last one) */
  bool upper_open;       /* upper itself is not wanted */
  hf_slice id_prefix;    /* if not empty: only ids that begin with these bytes */
  hf_slice order_prefix; /* if not empty: bytes that begin the order key of all those; a shortcut */
  bool reverse;          /* largest id first */
  bool keys_only;        /* leave values out */
  bool report_corrupt;   /* hand out unreadable records as entries with HF_CORRUPT instead of failing */
  size_t limit;          /* stop after this many entries, at least 1 */
  size_t max_bytes;      /* stop, after at least one entry, when their values take more than this */
  uint64_t scan_id;      /* the same for all pages of one scan, and for no other scan: for backends that keep something
                         between two pages.  Never 0 */
  bool without_info;     /* the caller does not look at hf_entry.info: leave it out where that is cheaper */

  /* Only with hf_backend.evaluates_conditions, and never with keys_only: */
  hf_condition *condition; /* add only those that hf_page_judge() wants; NULL: all */
  size_t max_looked_at;    /* with a condition: a call ends when it has looked at so many records, wanted or not:
                            * hf_page_resume() says where to go on, *more is true, and the page may be empty */
  bool count_only;         /* those that the condition holds for are counted and not added.  hf_page_judge() does it */
} hf_scan;

/* A setting to be kept, or no longer. */
typedef struct hf_setting_change {
  hf_slice name;
  hf_slice json;       /* its value, a valid one; data NULL: the standard value again, for which nothing is kept */
  const char *feature; /* what the store must have for it (hf_setting.feature); NULL: nothing */
} hf_setting_change;

/* Whom work that takes long tells how far it is. */
typedef struct hf_progress {
  hf_progress_fn fn; /* NULL: nobody */
  void *arg;
} hf_progress;

/* How a backup is made a store. */
typedef struct hf_restoring {
  hf_progress progress;
  /* Called once the store is whole, and before it is in its place, where nobody knows of it yet: opens and closes it
   * there, and may change it.  A failure ends it all.  NULL: as it is. */
  hf_status (*finish)(void *arg, const hf_location *at, hf_error *err);
  void *arg;
} hf_restoring;

/* ---- the log of changes, as storages see it */

/* Which changes are wanted. */
typedef struct hf_changes_scan {
  uint64_t from;        /* of this revision and later ones */
  uint64_t skip;        /* of the changes of `from`: so many, from the first on, are not wanted any more */
  hf_slice entity_name; /* of this name alone; data NULL: of all */
  hf_slice id_prefix;   /* of ids that begin so, and HF_CHANGE_CLEAR; empty: all */
  bool without_values;  /* leave hf_change.json out */
} hf_changes_scan;

/* How far a log reaches, and how far it was read. */
typedef struct hf_changes_reach {
  uint64_t from;         /* the oldest revision whose changes are all kept; UINT64_MAX: there is no log */
  uint64_t history_from; /* the oldest after which the store can be read as it was; UINT64_MAX: no history is kept */
  uint64_t newest;       /* revision of the store at the moment that was read */
  uint64_t next, skip;   /* hf_changes_scan.from and .skip to go on with; when all was handed out: newest + 1 and 0 */
} hf_changes_reach;

/* Room for an identity, with its 0. */
#define HF_IDENTITY_MAX 512

/* ---- indexes, as storages see them */

/* What an entity has in an index: bytes whose memcmp order is the order of the index.  Values of other entities never
 * begin with them, so an entry may be: its index, its value, its order key. */
#define HF_INDEX_VALUE_MAX 200
typedef struct hf_index_value {
  uint8_t size;   /* of bytes */
  bool is_cut;    /* a text was too long: others may have the same bytes, and not the same value */
  bool is_unique; /* the index is unique, and the value is of a kind that only one entity may have */
  unsigned char bytes[HF_INDEX_VALUE_MAX];
} hf_index_value;

/* An index. */
typedef struct hf_index {
  hf_slice name;       /* "metadata.symbol" */
  hf_slice definition; /* as JSON text, to be kept: {"paths":["metadata.symbol"],"unique":false} */
  uint32_t number;     /* the storage's own */
  bool unique;
  bool ready; /* it is built; otherwise it is only kept up, and not read */
} hf_index;

/* The indexes of a collection.  Immutable, and may be used by several threads; counted. */
typedef struct hf_index_set hf_index_set;

/* Entries of an index whose values lie between two: lower <= value < upper, by their bytes. */
typedef struct hf_index_range {
  hf_slice lower;
  hf_slice upper; /* data NULL: no end */
} hf_index_range;

/* Which entries of an index are wanted. */
typedef struct hf_index_walk {
  const hf_index_range *ranges; /* in the order of the index, and apart */
  size_t count;
  hf_slice after; /* if not empty: goes on after this position, as the walk goes */
  bool reverse;   /* the last range first, and its last entry */
} hf_index_walk;

/* Called for each entry; false: it was enough.
 *   position  where it is in the index: begins with the value.  Valid during the call
 *   order     order key of its entity, likewise */
typedef bool hf_index_entry_fn(hf_slice position, hf_slice order, void *arg);

struct hf_backend {
  uint32_t abi_version;          /* HF_BACKEND_ABI */
  uint32_t struct_size;          /* sizeof(struct hf_backend): which slots there are; 0: up to `quarantined` */
  uint32_t capabilities;         /* enum hf_capability, or-ed */
  const char *name;              /* "lmdb"; also its URL scheme */
  const char *const *parameters; /* names of the URL parameters it takes beyond hf_options, or "*" for any; ends in
                                    NULL; NULL: none */

  bool is_path; /* what follows the scheme is a path; the core makes it absolute when a handle is made */

  /* Further URL schemes that mean this backend; ends in NULL.  hf_location.scheme says which it was. */
  const char *const *schemes;

  /* Another table that comes with this one: the same kind of storage under other schemes, with other capabilities. */
  const struct hf_backend *next;

  /* ---- stores.  The core holds its registry while it calls these three, so none may wait for a network: dial on
   * first use. */

  /* Says which store the location means: locations with equal identity are one store in this process.  Creates a
   * store that does not exist (unless options->must_exist or read_only), so that a crash at any point leaves
   * nothing or a valid store.  Called before open, and again for each further handle. */
  hf_status (*resolve)(const hf_location *at, char identity[HF_IDENTITY_MAX], hf_error *err);

  /* Opens the store; *store is passed to every other slot. */
  hf_status (*open)(const hf_location *at, void **store, hf_error *err);

  /* Closes it.  No call, transaction or entity is left. */
  void (*close)(void *store);

  /* ---- handles and collections */

  /* For a scheme whose URLs stand for handles of another kind: makes the handle, such as by hf_persist_open() with
   * another URL.  With at->options->read_only it has to be one that refuses changes.  NULL: handles of the usual kind.
   * Otherwise the other slots are for whole stores (hf_store) only. */
  hf_status (*handle_open)(const hf_location *at, hf_slice entity_name, hf_persist **out, hf_error *err);

  /* Begins to use a collection; *collection is passed to the slots below.  Cheap, creates nothing in the store, may be
   * called several times for one name.  Cannot fail but for memory. */
  hf_status (*collection_open)(void *store, hf_slice name, void **collection, hf_error *err);
  /* Called once per handle before its first operation, and by hf_persist_init(); after a failure the next operation
   * calls it again.  The place to connect, and to make what the collection needs.  May wait for a network: no lock is
   * held.  NULL: nothing to do. */
  hf_status (*collection_init)(void *store, void *collection, hf_error *err);

  /* Ends it. */
  void (*collection_close)(void *store, void *collection);

  /* ---- transactions.  NULL without HF_CAP_TRANSACTION and HF_CAP_SNAPSHOT. */

  /* Begins one.  parent is NULL, or the open transaction of this thread (only with HF_CAP_NESTED, same kind). */
  hf_status (*begin)(void *store, hf_txn_kind kind, void *parent, void **txn, hf_error *err);
  /* Ends it; txn is gone whatever the result, and on failure nothing of it was written. */
  hf_status (*commit)(void *store, void *txn, hf_error *err);
  void (*abort)(void *store, void *txn);

  /* ---- entities.  txn is NULL for an operation of its own, which is durable when it returns. */

  /* Replaces the content of *json and fills *info, which is NULL when the caller will not look at it.  HF_NOT_FOUND:
   * leave *err to the core.  HF_CORRUPT: the message says what is wrong with the bytes, and the core then calls
   * quarantine; or they are there already, as hf_error_quarantined() says. */
  hf_status (*get)(void *store, void *txn, void *collection, const hf_key *key, hf_buffer *json, hf_info *info,
                   hf_error *err);

  /* HF_OK or HF_NOT_FOUND (*err left to the core). */
  hf_status (*has)(void *store, void *txn, void *collection, const hf_key *key, hf_error *err);

  /* Inserts or replaces.  options and info are never NULL.  HF_CONFLICT: info->revision is the present revision, 0 if
   * there is no entity, HF_REVISION_UNKNOWN where that is hard to say; *err is left to the core. */
  hf_status (*put)(void *store, void *txn, void *collection, const hf_put *put, const hf_write_options *options,
                   hf_info *info, hf_error *err);

  /* Deletes.  HF_NOT_FOUND as in get. */
  hf_status (*remove)(void *store, void *txn, void *collection, const hf_key *key, hf_error *err);

  /* Deletes all entities of the type. */
  hf_status (*clear)(void *store, void *txn, void *collection, hf_error *err);

  hf_status (*count)(void *store, void *txn, void *collection, uint64_t *count, hf_error *err);

  /* Adds entries to the page (hf_page_add) as the scan says.  *more is false when there is nothing after the last
   * one.  Holds no transaction when it returns.  HF_CORRUPT (not with report_corrupt): hf_page_fail_at names the
   * record, which is the one after the last entry added; if its key is damaged, hf_page_resume says where to go on.
   * With report_corrupt an entry whose key is damaged is the last one of its page, and hf_page_resume gives its key. */
  hf_status (*scan)(void *store, void *txn, void *collection, const hf_scan *scan, hf_page *page, bool *more,
                    hf_error *err);

  /* ---- batches.  NULL: the core loops over get, put, remove (inside a transaction where there is one). */

  /* Adds one entry per key, in the order given; HF_NOT_FOUND in entry->status for a missing one. */
  hf_status (*get_many)(void *store, void *txn, void *collection, const hf_key *keys, size_t count, hf_page *page,
                        hf_error *err);
  /* Writes all; the ids are distinct and in natural order. */
  hf_status (*put_many)(void *store, void *txn, void *collection, const hf_put *puts, size_t count, hf_error *err);
  /* Deletes those that exist and counts them. */
  hf_status (*remove_many)(void *store, void *txn, void *collection, const hf_key *keys, size_t count,
                           uint64_t *removed, hf_error *err);

  /* ---- the store as a whole */

  /* Adds one entry per entity name (as its id), in any order. */
  hf_status (*entities)(void *store, void *txn, hf_page *page, hf_error *err);

  /* Replaces *json by an object with what a person wants to know; entity may be NULL.  Never passwords. */
  hf_status (*stat)(void *store, void *txn, void *collection, hf_buffer *json, hf_error *err);

  /* ---- quarantine */

  /* Moves an unreadable record out of the way, keeping its bytes and the reason.  HF_NOT_FOUND: it is readable or
   * gone by now.  HF_BUSY: another process may be writing it, so it stays; the caller gets this error in place of
   * HF_CORRUPT. NULL without HF_CAP_QUARANTINE. */
  hf_status (*quarantine)(void *store, void *collection, const hf_key *key, const char *problem, hf_error *err);

  /* How many records of the collection (NULL: of all) are in quarantine.  NULL without HF_CAP_QUARANTINE. */
  hf_status (*quarantined)(void *store, void *collection, uint64_t *count, hf_error *err);

  /* Lists what is in quarantine of the collection, as the scan says: scan for what stands in for entities, with
   * hf_page_add_damaged() and nothing else.  keys_only leaves the bytes out, never the problem; report_corrupt means
   * nothing.  An id that is not valid (its key was damaged) comes where its order key has it; hf_page_resume says where
   * a page ends in any case.  NULL: HF_UNSUPPORTED with HF_CAP_QUARANTINE, and an empty list without. */
  hf_status (*quarantine_scan)(void *store, void *txn, void *collection, const hf_scan *scan, hf_page *page, bool *more,
                               hf_error *err);

  /* Puts an id into quarantine that is damaged in another store: from then on get and has answer HF_CORRUPT for it, as
   * if this store had found it so, until it is written or removed.  The bytes are kept as they are; they may be none.
   * Never takes the place of something good: where a sound entity has the id, that stays, and the answer is HF_CONFLICT
   * (*err left to the core).  An unreadable one goes to quarantine itself, first.  What is there already for the id
   * stays; the same bytes once more change nothing.  Durable like put.  NULL: HF_UNSUPPORTED. */
  hf_status (*quarantine_put)(void *store, void *txn, void *collection, const hf_key *key, const char *problem,
                              hf_slice bytes, hf_error *err);

  /* ---- settings.  NULL without HF_CAP_SETTINGS. */

  /* Names of those (hf_setting_at()) that these stores obey; ends in NULL. */
  const char *const *settings;

  /* Adds one entry for each setting that is kept in the store, its name as id and its value as JSON, in any order; also
   * for those that only a newer version knows.  Where the store has a format, "format" is always among them. */
  hf_status (*settings_get)(void *store, hf_page *page, hf_error *err);

  /* Makes all changes or none, in one commit that is flushed.  First raises the store to this format, unless it is
   * there already.  Writes nothing where nothing changes.  What is set holds for this store from the next transaction
   * on. */
  hf_status (*settings_put)(void *store, const hf_setting_change *changes, size_t count, unsigned format,
                            hf_error *err);

  /* Puts what the settings say, by hf_setting_take(), into *options, which come with the defaults.  Must not wait for a
   * transaction.  NULL: no setting stands for an option. */
  void (*settings_options)(void *store, hf_options *options);

  /* ---- damage of the storage itself */

  /* Looks at the structure of the storage itself, following nothing in it that it has not checked: see
   * hf_store_check().  `store` is NULL where it is not open in this process; then the core holds its registry.
   * *report is zero; fn may be NULL.  NULL: HF_UNSUPPORTED. */
  hf_status (*check)(const hf_location *at, void *store, hf_check_fn fn, void *arg, hf_check_report *report,
                     hf_error *err);

  /* Hands out what is left of a store that is not open, see hf_store_rescue().  *report is zero.  NULL:
   * HF_UNSUPPORTED. */
  hf_status (*rescue)(const hf_location *at, hf_rescue_fn fn, void *arg, hf_rescue_report *report, hf_error *err);

  /* ---- conditions */

  /* Not 0: the slot scan obeys hf_scan.condition, where the data is: it tests records before it copies them.  Damage is
   * found and reported as without one.  0: the core tests what the scan adds. */
  uint64_t evaluates_conditions;

  /* ---- conditional removal */

  /* Deletes the entity if its revision is this one; nobody's write comes between the look and the removal.  info is
   * never NULL.  HF_CONFLICT: info->revision is the present one, or HF_REVISION_UNKNOWN; *err is left to the core.
   * HF_NOT_FOUND and HF_CORRUPT as in get.  NULL without HF_CAP_REMOVE_IF. */
  hf_status (*remove_if)(void *store, void *txn, void *collection, const hf_key *key, uint64_t revision, hf_info *info,
                         hf_error *err);

  /* ---- groups of transactions */

  /* Whether HF_FULL, which an operation in this transaction has met, passes once the transaction that it is nested in
   * has ended: the store grows then, and all of it may be tried again.  NULL: no. */
  bool (*makes_room)(void *store, void *txn);

  /* ---- indexes.  NULL without HF_CAP_INDEX.  With it put and put_many answer HF_DUPLICATE, and fill *err by
   * hf_index_fail_unique(), for what a unique index forbids; nothing is written then. */

  /* Makes an index as the definition says, and returns when it is built; others read and write meanwhile, and from the
   * first moment every write of every process keeps it up.  The same one that is there already: HF_OK once it is built;
   * what was broken off goes on.  HF_CONFLICT (*err left to the core): the other one of unique and not; with *err set:
   * it was dropped meanwhile.  HF_DUPLICATE: nothing is left of it.  More than HF_INDEXES_MAX: HF_INVALID_ARGUMENT.
   * Never in a transaction. */
  hf_status (*index_make)(void *store, void *collection, hf_slice definition, hf_error *err);

  /* Forgets the index of this name.  HF_NOT_FOUND (*err left to the core).  Never in a transaction. */
  hf_status (*index_drop)(void *store, void *collection, hf_slice name, hf_error *err);

  /* Adds one entry for each index, in any order: its name as id, and as JSON an object of "paths", "unique" and
   * "ready"; "entries", how many it has, and others are welcome. */
  hf_status (*index_list)(void *store, void *txn, void *collection, hf_page *page, hf_error *err);

  /* ---- for conditions that the core looks up in indexes.  NULL: the slot `scan` uses them by itself, or nobody does.
   */

  /* Gives a share in the indexes as they are now, which the caller frees; NULL: the collection has none.  Cheap: it is
   * called for every loop that has a condition. */
  hf_status (*index_set)(void *store, void *txn, void *collection, hf_index_set **set, hf_error *err);

  /* Calls fn for entries of one index, in its order, as the walk says, all of one moment.  HF_NOT_FOUND (*err left to
   * the core): the index is not there or not ready in what the transaction sees; then fn was not called.  Holds no
   * transaction when it returns. */
  hf_status (*index_each)(void *store, void *txn, void *collection, const hf_index *index, const hf_index_walk *walk,
                          hf_index_entry_fn *fn, void *arg, hf_error *err);

  /* Compares an index with the entities in both directions, at one moment, and calls fn (never NULL) for each problem.
   * An entry whose entity is in quarantine is none.  HF_NOT_FOUND as in index_drop. */
  hf_status (*index_check)(void *store, void *collection, hf_slice name, hf_index_problem_fn *fn, void *arg,
                           hf_error *err);

  /* Builds an index again, whatever it has.  Like index_make. */
  hf_status (*index_rebuild)(void *store, void *collection, hf_slice name, hf_error *err);

  /* ---- moments */

  /* Like begin with HF_TXN_READ and no parent, for a few reads by the core that end soon, and of which the program
   * knows nothing: what cannot happen beside a snapshot waits for these.  NULL: begin does. */
  hf_status (*begin_brief)(void *store, void **txn, hf_error *err);

  /* ---- the log of changes.  NULL without HF_CAP_CHANGES.  A store that keeps none, or not back to what is asked for,
   * answers HF_COMPACTED or HF_UNSUPPORTED by hf_error_compacted(). */

  /* Calls fn for each wanted change in order, all of one moment, until it says false: the change for which it did was
   * not taken, unless it is told otherwise, and is handed out again by going on at reach->next and ->skip.  fn only
   * copies.  What a commit did to an id and did not leave (written, then removed) may be left out.  Holds no
   * transaction when it returns.  Fills *reach in any case. */
  hf_status (*changes_read)(void *store, const hf_changes_scan *scan, hf_change_fn fn, void *arg,
                            hf_changes_reach *reach, hf_error *err);

  /* The newest revision until the time, by the commits' own times; reach as above. */
  hf_status (*changes_revision_at)(void *store, int64_t time, uint64_t *revision, hf_changes_reach *reach,
                                   hf_error *err);

  /* Takes what is kept of the id out of log and history, in one commit that is flushed, and counts the entries. */
  hf_status (*changes_purge)(void *store, void *collection, const hf_key *key, uint64_t *purged, hf_error *err);

  /* A number that grows with each commit that others can see, whoever made it.  Cheap, takes no lock and no
   * transaction: it is looked at thousands of times a second. */
  uint64_t (*commits_seen)(void *store);

  /* Path of a file that every commit of every process writes to, so that inotify tells of it; valid while the store is
   * open.  The event may come before commits_seen() shows the commit.  NULL: commits of others are seen by polling. */
  const char *(*commits_file)(void *store);

  /* ---- looking back.  NULL without HF_CAP_HISTORY. */

  /* Like get, as the entity was after the commit `revision`. */
  hf_status (*get_at)(void *store, void *collection, const hf_key *key, uint64_t revision, hf_buffer *json,
                      hf_info *info, hf_error *err);

  /* Like begin with HF_TXN_READ and no parent: a snapshot of the store as it was after the commit `revision`.  Read
   * slots in it see that: get, has, get_many, scan, count, entities. */
  hf_status (*begin_at)(void *store, uint64_t revision, void **txn, hf_error *err);

  /* Hands out what is kept of an id, newest first: see hf_persist_history(). */
  hf_status (*history)(void *store, void *collection, const hf_key *key, hf_change_fn fn, void *arg,
                       hf_changes_reach *reach, hf_error *err);

  /* ---- notes: what a store keeps of itself in few words, beside its entities, such as whom it follows and how far.
   * NULL: it can keep none. */

  /* Replaces the content of *text.  HF_NOT_FOUND (*err left to the core). */
  hf_status (*note_get)(void *store, void *txn, hf_slice name, hf_buffer *text, hf_error *err);

  /* Keeps the text, which is JSON, under the name; of no size: no longer.  In the transaction like an entity, with txn
   * NULL in a commit of its own. */
  hf_status (*note_put)(void *store, void *txn, hf_slice name, hf_slice text, hf_error *err);

  /* ---- backup and room.  NULL: HF_UNSUPPORTED. */

  /* Writes all of the store as of one moment, compact, to a new file: see hf_store_backup().  Others go on meanwhile.
   *   file  the path that it will get; HF_INVALID_ARGUMENT for one that must not be replaced */
  hf_status (*backup)(void *store, const char *file, int fd, const hf_progress *progress, hf_backup_report *report,
                      hf_error *err);

  /* Makes a store of such a file, where there is none: see hf_store_restore(). */
  hf_status (*restore)(const hf_location *at, int fd, const hf_restoring *how, hf_backup_report *report, hf_error *err);

  /* Gives room that is free in the store back to the disk: see hf_store_compact().  No store opens or closes in this
   * process meanwhile, and this one is not open. */
  hf_status (*compact)(const hf_location *at, const hf_progress *progress, hf_compact_report *report, hf_error *err);

  /* Not 0: while the note "follows" is there, no process can write to the store but the one that has put it there.  0:
   * the core looks when a handle is made ready. */
  uint64_t refuses_writers;
};

typedef struct hf_backend hf_backend;

/* Adds a backend for URLs "NAME:...".  The table must live as long as the process.  HF_INVALID_ARGUMENT for another
 * abi_version, a name in use, or a missing slot (the message lists them); HF_NO_MEMORY. */
HF_API hf_status hf_backend_register(const hf_backend *backend, hf_error *err);

/* The capabilities (enum hf_capability, or-ed) of the backend of a handle; does not open the store. */
HF_API uint32_t hf_persist_capabilities(const hf_persist *p);

/* ------------------------------------------------------- for use in slots */

/* Starts an error: sets every field, the message from the format.  Returns `status`.  err may be NULL. */
HF_API hf_status hf_error_set(hf_error *err, hf_status status, const char *fmt, ...) HF_PRINTF(3, 4);
/* Starts the error of memory that could not be had.  Returns HF_NO_MEMORY. */
HF_API hf_status hf_error_no_memory(hf_error *err);
/* The error of an id whose bytes are in quarantine already.  problem: what is wrong with them.  Returns HF_CORRUPT. */
HF_API hf_status hf_error_quarantined(hf_error *err, const char *problem);
/* The error of who asks for changes that are not kept: HF_UNSUPPORTED where reach->from says that there is no log,
 * otherwise HF_COMPACTED with where to begin again.  Returns it.
 *   wanted  the revision that was asked for */
HF_API hf_status hf_error_compacted(hf_error *err, uint64_t wanted, const hf_changes_reach *reach);
/* Sets the cause of the error: the message of the layer below. */
HF_API void hf_error_cause(hf_error *err, const char *fmt, ...) HF_PRINTF(2, 3);
/* Sets the id that the error is about, where the core cannot know it: of put_many, which of them. */
HF_API void hf_error_id(hf_error *err, hf_slice id);

/* Makes room for `size` bytes and a 0 after them; the content is kept.  False: out of memory. */
HF_API bool hf_buffer_reserve(hf_buffer *buffer, size_t size);
/* Appends bytes, formatted text, or text as a quoted JSON string.  False: out of memory. */
HF_API bool hf_buffer_add(hf_buffer *buffer, const void *data, size_t size);
HF_API bool hf_buffer_printf(hf_buffer *buffer, const char *fmt, ...) HF_PRINTF(2, 3);
HF_API bool hf_buffer_quote(hf_buffer *buffer, hf_slice text);
/* The inverse: writes the text of a string member out of a JSON object without white space, whose strings are quoted as
 * by hf_buffer_quote().  What does not fit is cut off.  Returns the length; 0 where there is no such member. */
HF_API size_t hf_json_member(hf_slice object, const char *name, char *out, size_t capacity);

/* Puts the value of a setting (JSON text, as it is kept) into the option that it stands for, if it stands for one and
 * the value is one. */
HF_API void hf_setting_take(hf_slice name, hf_slice json, hf_options *options);

/* How much of the log of changes is kept, as the setting `changes` says. */
typedef struct hf_changes_kept {
  int64_t age;        /* of the commit, in ms; 0: `revisions` says it */
  uint64_t revisions; /* so many of the newest */
} hf_changes_kept;

/* Reads "7d" or "100000", without quotes.  False: it is neither, such as "off". */
HF_API bool hf_changes_kept_parse(hf_slice text, hf_changes_kept *out);

/* The options in force: what was said when the store was opened, and elsewhere what its settings say (which is what
 * hf_setting_take() made of the defaults). */
HF_API hf_options hf_options_in_force(const hf_options *said, const hf_options *settings);

/* Appends an entry to the page, copying id and value; the copies are stable until the next fill.  json_size bytes are
 * left for the caller to fill in when json is NULL and json_size is not 0.  NULL: out of memory. */
HF_API hf_entry *hf_page_add(hf_page *page, hf_slice id, const char *json, size_t json_size);

/* Appends an entry of quarantine: its bytes ({NULL, 0}: left out), and what is wrong with them, for hf_entry_problem().
 * NULL: out of memory. */
HF_API hf_entry *hf_page_add_damaged(hf_page *page, hf_slice id, hf_slice bytes, hf_slice problem);

/* What scan->condition makes of a record that is sound and within the bounds of the scan: *wanted, and it is added by
 * hf_page_add() next; or it is not, and is left out.  `json` may lie anywhere, such as in mapped memory.  HF_NO_MEMORY.
 */
HF_API hf_status hf_page_judge(hf_page *page, const hf_scan *scan, hf_slice id, hf_slice json, bool *wanted,
                               hf_error *err);

/* Says that the scan, when it goes on, goes on after this order key.  Without it the core takes the order key of the
 * last entry's id, which is the same thing unless a stored key is damaged.  False: out of memory. */
HF_API bool hf_page_resume(hf_page *page, hf_slice order);

/* Says at which entity the scan fails, for the error, and after HF_CORRUPT to go on after it.  The id is copied. */
HF_API void hf_page_fail_at(hf_page *page, hf_slice id);

/* Writes the order key of an id, at most HF_ORDER_KEY_MAX bytes.  Returns its size, 0 if the id is not valid. */
#define HF_ORDER_KEY_MAX (2 * HF_ID_MAX + 1)
HF_API size_t hf_order_key(hf_slice id, unsigned char out[HF_ORDER_KEY_MAX]);

/* Decodes %XX in place.  False: a bad escape, or an encoded NUL. */
HF_API bool hf_url_decode(char *text);

/* Reads a length of time such as "500ms", "5s", "1m", "12h" or "30d".  False: it is none. */
HF_API bool hf_duration_parse(const char *text, int64_t *ms);

/* Nanoseconds on a clock that only goes forward, for deadlines. */
HF_API int64_t hf_clock_ns(void);

/* Hands a warning to the program's handler (hf_set_warning_handler()): for what is not an error of this call, but loses
 * something later.  Never passwords. */
HF_API void hf_warn(const char *fmt, ...) HF_PRINTF(1, 2);

/* ---- for storages that can list the ids of a collection only as a whole, and in no order */

/* Ids in natural order. */
typedef struct hf_id_list hf_id_list;

HF_API hf_id_list *hf_id_list_new(void); /* NULL: out of memory */
HF_API void hf_id_list_free(hf_id_list *list);
/* Adds an id, copying it.  What is not a valid id is left out.  False: out of memory. */
HF_API bool hf_id_list_add(hf_id_list *list, hf_slice id);
/* Puts them in order, each once.  To be called when all have been added, before any of the following. */
HF_API void hf_id_list_sort(hf_id_list *list);
HF_API size_t hf_id_list_size(const hf_id_list *list);
/* The id, and the order key, at an index.  Valid until something is added. */
HF_API hf_slice hf_id_list_id(const hf_id_list *list, size_t index);
HF_API hf_slice hf_id_list_order(const hf_id_list *list, size_t index);
/* Those within the bounds of a scan are at *first up to before *end; its prefix is for hf_scan_matches(). */
HF_API void hf_id_list_range(const hf_id_list *list, const hf_scan *scan, size_t *first, size_t *end);
/* Whether an id within the bounds of a scan has its prefix. */
HF_API bool hf_scan_matches(const hf_scan *scan, hf_slice id);

/* What scans keep between two pages, such as their id lists: of the last few scans only.  A scan whose things were
 * dropped makes them again, and goes on after the last id.  May be used by several threads. */
typedef struct hf_scan_cache hf_scan_cache;

/* free_kept frees what is dropped.  NULL: out of memory. */
HF_API hf_scan_cache *hf_scan_cache_new(void (*free_kept)(void *kept));
HF_API void hf_scan_cache_free(hf_scan_cache *cache);
/* Takes what this scan (hf_scan.scan_id) over this collection left; NULL: nothing. */
HF_API void *hf_scan_cache_take(hf_scan_cache *cache, const void *collection, uint64_t scan_id);
/* Leaves it for the next page. */
HF_API void hf_scan_cache_leave(hf_scan_cache *cache, const void *collection, uint64_t scan_id, void *kept);
/* Drops what the scans over a collection left: it is being closed. */
HF_API void hf_scan_cache_forget(hf_scan_cache *cache, const void *collection);

/* ---- for storages that keep indexes */

/* Makes an empty set.  NULL: out of memory. */
HF_API hf_index_set *hf_index_set_new(void);
/* Adds an index, before the set is shared.  HF_INVALID_ARGUMENT: the definition is none, or one index too many;
 * HF_NO_MEMORY. */
HF_API hf_status hf_index_set_add(hf_index_set *set, hf_slice definition, uint32_t number, bool ready, hf_error *err);
/* Another owner of it.  NULL is ignored, and given back. */
HF_API hf_index_set *hf_index_set_share(hf_index_set *set);
/* Gives up a share.  NULL is ignored. */
HF_API void hf_index_set_free(hf_index_set *set);
HF_API size_t hf_index_set_size(const hf_index_set *set);
/* The index at a place from 0 on.  Valid as long as the set. */
HF_API const hf_index *hf_index_set_at(const hf_index_set *set, size_t place);
/* A number that a backend keeps with the index at a place, for as long as the set is there; 0 at first.  By any thread.
 */
HF_API uint64_t hf_index_set_note(const hf_index_set *set, size_t place);
HF_API void hf_index_set_keep_note(hf_index_set *set, size_t place, uint64_t note);
/* The index of this name; NULL: none. */
HF_API const hf_index *hf_index_set_find(const hf_index_set *set, hf_slice name);

/* Writes what an entity has in each index of the set, values[i] in that at place i: HF_INDEXES_MAX has room for all.
 * One pass over the text, which is sound JSON, and may lie anywhere. */
HF_API void hf_index_values(const hf_index_set *set, hf_slice json, hf_index_value *values);

/* Whether two texts have the same values in an index, however long: for unique values that are cut. */
HF_API bool hf_index_same(const hf_index_set *set, size_t place, hf_slice a, hf_slice b);

/* Sets the error of a write that a unique index forbids.  Returns HF_DUPLICATE.
 *   holder  id of the entity that has the values */
HF_API hf_status hf_index_fail_unique(hf_error *err, const hf_index *index, hf_slice holder);

/* Milliseconds since 1970-01-01 UTC, for hf_info.updated_at. */
HF_API int64_t hf_now_ms(void);

#ifdef __cplusplus
}
#endif
#endif
