/* SPDX-License-Identifier: MIT
 *
 * holdfast.h - the Holdfast persistence runtime, for programs that embed it.
 *
 * Holdfast stores JSON entities under ids, grouped by entity name ("signal",
 * "trading-logs", ...), in a store that a URL names ("lmdb:./data", or just
 * "./data").  This header has three layers:
 *
 *   hf_persist   one collection in one store: read, write, iterate
 *   hf_txn       several operations on one store, all or nothing
 *   hf_runtime   LuaJIT with `require "holdfast"` inside: run scripts, call them
 *
 * Stores as a whole (hf_store_...) are in holdfast/stores.h, locks (hf_lock_...) in
 * holdfast/locks.h, and the adapters of trading hosts (hf_adapter_...) in
 * holdfast/adapters.h: this header includes all three.
 *
 * A first program:
 *
 *     hf_error err;
 *     hf_persist *logs;
 *     hf_buffer json = HF_BUFFER_INIT;
 *     if (hf_persist_open(hf_text("trading-logs"), "./logs", NULL, &logs, &err) ||
 *         hf_persist_write(logs, hf_text("log-1"), hf_text("{\"n\":1}"), NULL, NULL, &err) ||
 *         hf_persist_read(logs, hf_text("log-1"), &json, NULL, &err))
 *       fprintf(stderr, "%s: %s\n", hf_status_name(err.status), err.message);
 *     hf_buffer_free(&json);
 *     hf_persist_close(logs);
 *
 * Errors.  Every function that can fail returns an hf_status, HF_OK (0) on
 * success, and takes an hf_error * as its last argument (NULL if the caller does
 * not care).  The error is written only on failure.  No function prints, exits or
 * aborts.  HF_NO_MEMORY may come from each of them and is not listed below.
 *
 * Threads.  Stores are shared by all threads of a process and safe.  One
 * hf_persist, hf_iter or hf_runtime is used by one thread at a time; open one
 * per thread (cheap: they share the store).  An hf_txn belongs to the thread
 * that began it.  Changes of several threads at once may share a commit, and
 * then have the same revision; each returns when that is durable.
 *
 * Fork.  A child process must not use handles that its parent opened (they
 * answer HF_CLOSED there, an iterator at the latest where it would read on or
 * end) and opens its own.  Closing them there is harmless, and not needed.
 *
 * Text.  Ids, entity names and JSON are UTF-8 as pointer and length; JSON is
 * stored byte for byte as given once it has been validated.
 *
 * Structs.  They grow from version to version, and programs that were compiled
 * before go on running (docs/embedding.md, "Structs that grow").  Those that the
 * caller fills begin with struct_size: start from the HF_..._INIT of the type, or
 * leave it 0, which means what the struct had in its first form.  Name members in
 * initialisers.  In those that Holdfast fills, `reserved` is 0 until it means
 * something.
 *
 * Names beginning with hf__ are private, wherever they are seen.
 */
#ifndef HOLDFAST_HOLDFAST_H
#define HOLDFAST_HOLDFAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HF_VERSION_MAJOR 0
#define HF_VERSION_MINOR 1
#define HF_VERSION_PATCH 0
#define HF_VERSION_STRING "0.1.0"

#if defined(__GNUC__)
#define HF_API __attribute__((visibility("default")))
#define HF_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define HF_API
#define HF_PRINTF(fmt, args)
#endif

/* The version of the library that is linked, as "major.minor.patch". */
HF_API const char *hf_version(void);

/* ------------------------------------------------------------------ limits */

#define HF_ID_MAX 250    /* bytes of an entity id or an entity name, at most */
#define HF_DEPTH_MAX 128 /* nested arrays and objects in an entity, at most */

/* ------------------------------------------------------------------ status */

/* One row per status: identifier, stable name (Lua's `code`), whether the same
 * call may succeed later without any change by the caller, meaning. */
#define HF_STATUS_MAP(X)                                                                                               \
  X(OK, "ok", false, "success")                                                                                        \
  X(NOT_FOUND, "not_found", false, "no entity has this id")                                                            \
  X(INVALID_ARGUMENT, "invalid_argument", false, "an id, name, range, option or count is unusable")                    \
  X(INVALID_VALUE, "invalid_value", false, "the entity cannot be stored as JSON")                                      \
  X(CORRUPT, "corrupt", false, "stored bytes do not match their checksum, or are no store at all")                     \
  X(CONFLICT, "conflict", true,                                                                                        \
    "ifAbsent or ifRevision did not hold: read again and decide; or the store is open with other options")             \
  X(FULL, "full", true, "no room: disk, quota or the store's size limit; nothing was changed")                         \
  X(IO, "io", false, "the operating system refused; the cause names the call")                                         \
  X(UNAVAILABLE, "unavailable", true, "the store cannot be reached now")                                               \
  X(TIMEOUT, "timeout", true, "no answer within the deadline; a write may have happened")                              \
  X(UNSUPPORTED, "unsupported", false, "this backend, or this state, does not offer the operation")                    \
  X(CLOSED, "closed", false, "the handle was closed, or belongs to the process before fork()")                         \
  X(BUSY, "busy", true, "another operation is in the way; nothing was changed")                                        \
  X(READONLY, "readonly", false, "the store, or the transaction, only allows reading")                                 \
  X(SCRIPT, "script", false, "a Lua function raised; the cause has its traceback")                                     \
  X(NO_MEMORY, "no_memory", false, "the process has no memory left for it; a write may have happened")                 \
  X(DUPLICATE, "duplicate", false, "a unique index has these values of another entity; nothing was changed")           \
  X(COMPACTED, "compacted", false, "the log of changes does not reach back so far: begin again where the error says")

typedef enum hf_status {
#define HF_STATUS_ENUM(id, name, retryable, meaning) HF_##id,
  HF_STATUS_MAP(HF_STATUS_ENUM)
#undef HF_STATUS_ENUM
      HF_STATUS_COUNT
} hf_status;

/* The stable name ("not_found"); "unknown" for a number that is not a status. */
HF_API const char *hf_status_name(hf_status status);
/* One sentence on what the status means. */
HF_API const char *hf_status_meaning(hf_status status);
/* The status with this stable name, or HF_STATUS_COUNT. */
HF_API hf_status hf_status_from_name(const char *name);

/* What went wrong.  Plain memory: lives wherever the caller put it, needs no
 * initialisation and no freeing; on failure all of it is written.  Text that does not fit ends in "...". */
typedef struct hf_error {
  hf_status status;
  bool retryable;                  /* the same call may succeed later */
  char backend[16];                /* "lmdb", "" if none was involved */
  char entity_name[HF_ID_MAX + 6]; /* "signal", "" if none */
  char entity_id[HF_ID_MAX + 6];   /* "BTC", "" if none */
  char message[1024];              /* a sentence for a person, without position */
  char where[256];                 /* "file.lua:12" of the script that misused a call, or "" */
  char cause[3072];                /* the error below this one or a Lua traceback, or "" */
  bool in_quarantine;              /* HF_CORRUPT: the bytes are in quarantine, now or already */
  uint64_t revision;               /* HF_COMPACTED: the oldest revision whose changes are kept; else 0 */
  uint64_t reserved[15];           /* 0 */
} hf_error;

/* Called with a sentence about something that is not an error of a call, but that a person should know: a server that
 * may forget, a setting that loses data.  From whatever thread came upon it; it must not call back. */
typedef void hf_warning_fn(const char *message, void *arg);

/* Sets the handler of warnings for the process; NULL, as at first, drops them.  To be called before other threads use
 * the library.  What a store warns of is also in its stat. */
HF_API void hf_set_warning_handler(hf_warning_fn *handler, void *arg);

/* ------------------------------------------------------------------- bytes */

/* Bytes that the slice does not own. */
typedef struct hf_slice {
  const char *data;
  size_t size;
} hf_slice;

/* A C string as a slice.  Valid as long as the string. */
static inline hf_slice hf_text(const char *s) {
  hf_slice v = {s, strlen(s)};
  return v;
}

/* Bytes that the caller owns and may reuse from call to call: functions that
 * fill a buffer replace its content and grow it when needed.  After success
 * data[size] is 0. */
typedef struct hf_buffer {
  char *data;
  size_t size;
  size_t capacity;
} hf_buffer;

#define HF_BUFFER_INIT                                                                                                 \
  { NULL, 0, 0 }

/* Frees the memory and leaves an empty buffer.  NULL is ignored. */
HF_API void hf_buffer_free(hf_buffer *buffer);

/* ----------------------------------------------------------------- options */

/* What a write has survived when it returns.  Crashes of the process lose
 * nothing in any mode; the modes differ in what a power cut or a crash of the
 * operating system can lose. */
typedef enum hf_durability {
  HF_DURABILITY_SYNC = 0,   /* nothing: data and commit record are flushed */
  HF_DURABILITY_NOMETASYNC, /* the last commits, never consistency: the commit record is flushed by the next write */
  HF_DURABILITY_NOSYNC      /* everything since the last flush, and the store may become unreadable */
} hf_durability;

/* "sync", "nometasync" or "nosync"; NULL for a number that is none of the modes. */
HF_API const char *hf_durability_name(hf_durability durability);

/* How to open a store.  Start from HF_OPTIONS_INIT; all zero means the
 * defaults.  The same settings can stand in a URL:
 * "lmdb:PATH?durability=nosync&mapsize=1g&maxsize=4g&readonly=1&create=0&networkfs=1". */
typedef struct hf_options {
  size_t struct_size; /* sizeof(hf_options), set by HF_OPTIONS_INIT; 0: up to max_size */
  hf_durability durability;
  bool read_only;        /* refuse every write, create nothing */
  bool must_exist;       /* do not create a store; HF_NOT_FOUND if there is none */
  bool allow_network_fs; /* open LMDB on a network filesystem: only if one machine alone uses it */
  uint64_t map_size;     /* bytes mapped at first; 0: the backend's default.  Grows by itself */
  uint64_t max_size;     /* bytes the store may grow to, then HF_FULL; 0: no limit */
  uint64_t given;        /* HF_GIVEN_..., or-ed: members that are meant even where they are 0 */
} hf_options;

#define HF_OPTIONS_INIT                                                                                                \
  { sizeof(hf_options), HF_DURABILITY_SYNC, false, false, false, 0, 0, 0 }

/* Options that a store may have a setting for (hf_store_settings_set()), which holds for whoever says nothing.  What is
 * not 0, or stands in the URL, was said; a program that means the 0 of a member says so in hf_options.given. */
#define HF_GIVEN_DURABILITY ((uint64_t)1)
#define HF_GIVEN_MAX_SIZE ((uint64_t)2)

/* --------------------------------------------------------- one collection */

/* PersistBase: the entities of one name in one store. */
typedef struct hf_persist hf_persist;

/* For hf_info.revision: the entity has one, which cannot be told: what a part of hf_transactions() has written, and, of
 * a HF_CONFLICT, where that is hard to say.  No entity has it. */
#define HF_REVISION_UNKNOWN UINT64_MAX

/* The latest moment at which an entity can expire, ms since 1970-01-01 UTC. */
#define HF_EXPIRES_MAX ((INT64_C(1) << 48) - 1)

/* What is known of a stored entity beside its value. */
typedef struct hf_info {
  uint64_t revision;    /* grows with every commit that writes the entity; 0 where the backend has none;
                         * HF_REVISION_UNKNOWN in hf_transactions() */
  int64_t updated_at;   /* when it was written, ms since 1970-01-01 UTC; 0 where unknown */
  int64_t expires_at;   /* from when on nobody finds it, ms since 1970-01-01 UTC; 0: never */
  uint64_t reserved[1]; /* 0 */
} hf_info;

/* Conditions on a write, and when its value expires.  All zero: none, never. */
typedef struct hf_write_options {
  size_t struct_size; /* sizeof(hf_write_options), set by HF_WRITE_OPTIONS_INIT; 0: up to revision */
  bool if_absent;     /* only if no entity has the id, else HF_CONFLICT */
  bool if_revision;   /* only if the entity's revision equals `revision`, else HF_CONFLICT */
  uint64_t revision;
  int64_t ttl;        /* ms from now, then the entity expires: nobody finds it any more; 0: as expires_at says.  Needs
                       * HF_CAP_TTL */
  int64_t expires_at; /* the same as a time, ms since 1970-01-01 UTC; 0: never.  What is over already is not found */
} hf_write_options;

#define HF_WRITE_OPTIONS_INIT                                                                                          \
  { sizeof(hf_write_options), false, false, 0, 0, 0 }

/* One entity, as iteration and batches hand it out. */
typedef struct hf_entry {
  hf_slice id;
  hf_slice json; /* data is NULL for keys-only iteration, and for a missing id in a batch */
  hf_info info;
  hf_status status;     /* HF_OK; in batches HF_NOT_FOUND; while verifying also HF_CORRUPT */
  uint64_t reserved[2]; /* 0 */
} hf_entry;

/* Makes a handle on the entities called `entity_name` in the store `base`: a
 * path (LMDB) or a store URL.  Checks its arguments and touches nothing: the
 * store is opened, and created where it does not exist, by the first operation or
 * by hf_persist_init().
 *   options  NULL for the defaults
 * Errors: HF_INVALID_ARGUMENT; HF_UNSUPPORTED: the library was built without the URL's backend.
 *
 * "lua:MODULE" or "lua:PATH.lua", with "?base=..." for its constructor, is a class in Lua (docs/adapters.md): it is
 * loaded and its instance made at once, in the runtime that this thread opened or entered last, and the handle is
 * used in this thread.  Errors then also: HF_UNSUPPORTED (no runtime here), HF_NOT_FOUND (no such file), HF_SCRIPT. */
HF_API hf_status hf_persist_open(hf_slice entity_name, const char *base, const hf_options *options, hf_persist **out,
                                 hf_error *err);

/* Opens the store, creates what is missing, validates what is there.
 * Idempotent; after a failure the next call tries again.  Every other operation
 * does this by itself.
 * Errors: HF_IO, HF_CORRUPT (no store, or damaged), HF_UNSUPPORTED (a newer format, a
 * network filesystem), HF_READONLY, HF_NOT_FOUND (must_exist), HF_CONFLICT (open in this
 * process with other options), HF_UNAVAILABLE. */
HF_API hf_status hf_persist_init(hf_persist *p, hf_error *err);

/* Closes the handle.  Iterators on it answer HF_CLOSED from now on.  NULL is
 * ignored.  The store is closed with its last handle. */
HF_API void hf_persist_close(hf_persist *p);

/* The entity name, and the store's URL without passwords.  Valid until close. */
HF_API hf_slice hf_persist_entity_name(const hf_persist *p);
HF_API const char *hf_persist_url(const hf_persist *p);

/* Copies the entity's JSON text into `json` (and what is known of it into `info`, if not NULL).
 * Errors: HF_NOT_FOUND; HF_CORRUPT (the entity has been moved to quarantine). */
HF_API hf_status hf_persist_read(hf_persist *p, hf_slice id, hf_buffer *json, hf_info *info, hf_error *err);

/* Whether an entity has this id.  HF_CORRUPT for one in quarantine. */
HF_API hf_status hf_persist_has(hf_persist *p, hf_slice id, bool *found, hf_error *err);

/* Writes the entity, new or not.  When it returns HF_OK the entity is durable as
 * the store's durability says (inside a transaction: when that commits).
 *   json     one JSON value, UTF-8, at most HF_DEPTH_MAX deep; stored as given
 *   options  NULL for an unconditional write
 *   info     if not NULL, receives the new revision and time
 * Errors: HF_INVALID_ARGUMENT, HF_INVALID_VALUE, HF_CONFLICT, HF_FULL, HF_READONLY. */
HF_API hf_status hf_persist_write(hf_persist *p, hf_slice id, hf_slice json, const hf_write_options *options,
                                  hf_info *info, hf_error *err);

/* Deletes the entity.  Errors: HF_NOT_FOUND. */
HF_API hf_status hf_persist_remove(hf_persist *p, hf_slice id, hf_error *err);

/* Deletes the entity if it still has this revision, as hf_info has it: what was written since stays.
 * Errors: HF_CONFLICT: it has another one; HF_NOT_FOUND: it is gone; HF_CORRUPT; HF_UNSUPPORTED: the store cannot
 * (HF_CAP_REMOVE_IF). */
HF_API hf_status hf_persist_remove_if(hf_persist *p, hf_slice id, uint64_t revision, hf_error *err);

/* Deletes every entity of this name, and nothing else. */
HF_API hf_status hf_persist_remove_all(hf_persist *p, hf_error *err);

/* How many entities have this name. */
HF_API hf_status hf_persist_count(hf_persist *p, uint64_t *count, hf_error *err);

/* What the backend says of this collection and its store, as a JSON object. */
HF_API hf_status hf_persist_stat(hf_persist *p, hf_buffer *json, hf_error *err);

/* Puts an id into quarantine that is damaged in another store, so that it is damaged here and not missing: it answers
 * HF_CORRUPT until it is written or removed.  For programs that move entities from store to store.
 *   problem  what is wrong with it, a short sentence: control characters are replaced, and it is cut to 250 bytes
 *   bytes    what was found there, kept for people; {NULL, 0}: nothing was
 * The same bytes once more change nothing.  Joins the thread's transaction.
 * Errors: HF_CONFLICT: a sound entity has the id, and stays; HF_UNSUPPORTED: this store keeps nothing in quarantine. */
HF_API hf_status hf_persist_quarantine(hf_persist *p, hf_slice id, const char *problem, hf_slice bytes, hf_error *err);

/* ----------------------------------------------------------------- batches */

/* Entries with the memory they point into.  Opaque; make one and reuse it. */
typedef struct hf_page hf_page;
HF_API hf_page *hf_page_new(void); /* NULL when out of memory */
HF_API void hf_page_free(hf_page *page);
/* The entry at an index, from 0, of those that the last call filled in; NULL after the last.  Valid until the next
 * fill. */
HF_API const hf_entry *hf_page_entry(const hf_page *page, size_t index);
/* All of them as an array: the size of hf_entry stays what it is. */
HF_API const hf_entry *hf_page_entries(const hf_page *page, size_t *count);

/* An entity to write. */
typedef struct hf_item {
  hf_slice id;
  hf_slice json;
  int64_t expires_at;   /* from when on nobody finds it, ms since 1970-01-01 UTC; 0: never.  Needs HF_CAP_TTL */
  uint64_t reserved[1]; /* must be 0, as it is where an initialiser leaves it out */
} hf_item;

/* Reads `count` ids, at one moment where the backend has batches or snapshots.  The page receives one entry per id in
 * the order given, with status HF_NOT_FOUND where there is none. */
HF_API hf_status hf_persist_read_many(hf_persist *p, const hf_slice *ids, size_t count, hf_page *page, hf_error *err);

/* Writes all items in one commit, or none.  Of two items with one id the later wins.
 * Errors: HF_INVALID_ARGUMENT (also for what is reserved in an item), HF_INVALID_VALUE, HF_FULL, HF_READONLY. */
HF_API hf_status hf_persist_write_many(hf_persist *p, const hf_item *items, size_t count, hf_error *err);

/* Deletes those of the ids that exist, in one commit; `removed` (may be NULL) says how many. */
HF_API hf_status hf_persist_remove_many(hf_persist *p, const hf_slice *ids, size_t count, uint64_t *removed,
                                        hf_error *err);

/* -------------------------------------------------------------- conditions */

/* A condition on entities, which is evaluated where they are stored, on the stored text.  One that iterations have
 * (hf_range.where) is freed after them.  Used by one thread at a time, iterations with it included. */
typedef struct hf_condition hf_condition;

/* Makes a condition of an expression in Lua's syntax:
 *
 *     metadata.symbol == 'BTCUSDT' and priceOpen > ?
 *
 * It means what the same expression means in Lua where `v` is the decoded entity, to the last bit; an entity fulfils it
 * where it gives anything but false and nil.
 *
 *   names       v is the entity, id its id (a string), null JSON's null; every other name is a field of the entity: one
 *               that is called v, id or null is written v.v, v.id, v.null.  Further steps: v.a.b, v["any key"], a[1]
 *   parameters  each ? is one: hf_condition_set_number() and the like set it
 *   literals    all of Lua's but tables: nil, true, false, numbers, strings with their escapes, [[long brackets]]
 *   operators   or, and; < > <= >= ~= ==; + -; * / %; not, # of a string, -; with Lua's precedence, and parentheses
 *   calls       type(x); x:find(text, 1, true), x:sub(i, j), and x:match(pattern) where the pattern is plain text, with
 *               ^ before it, $ after it, both or none
 *   comments    -- and --[[ ]]
 *
 * Nothing else is understood, powers and .. included.
 *
 *   text  at most 64 KB; not kept
 *   out   receives the condition; NULL on failure
 * Errors: HF_INVALID_ARGUMENT says where, and what to write instead: "condition, column 8, at '=': nothing is assigned
 * in a condition: equal is ==". */
HF_API hf_status hf_condition_parse(hf_slice text, hf_condition **out, hf_error *err);

/* Frees it.  NULL is ignored. */
HF_API void hf_condition_free(hf_condition *c);

/* How many parameters it has. */
HF_API unsigned hf_condition_parameters(const hf_condition *c);

/* Set a parameter: the first ? in the text is number 1.  The value holds until it is set again; texts are copied.  Not
 * while an iteration with the condition is open: what it has found ahead was found with the old value.
 * Errors: HF_INVALID_ARGUMENT: the condition has no such parameter. */
HF_API hf_status hf_condition_set_number(hf_condition *c, unsigned number, double value, hf_error *err);
HF_API hf_status hf_condition_set_text(hf_condition *c, unsigned number, hf_slice value, hf_error *err);
HF_API hf_status hf_condition_set_boolean(hf_condition *c, unsigned number, bool value, hf_error *err);
HF_API hf_status hf_condition_set_nil(hf_condition *c, unsigned number, hf_error *err);
HF_API hf_status hf_condition_set_null(hf_condition *c, unsigned number, hf_error *err);

/* Whether an entity fulfils it, for entities that come from elsewhere than an iteration with hf_range.where.
 * Errors: HF_SCRIPT: Lua would raise an error there, such as "attempt to index field 'metadata' (a nil value)", or what
 * Lua gives is not known, as for arithmetic on a string; HF_INVALID_VALUE: `json` is none; HF_INVALID_ARGUMENT: a
 * parameter is not set. */
HF_API hf_status hf_condition_test(hf_condition *c, hf_slice id, hf_slice json, bool *holds, hf_error *err);

/* --------------------------------------------------------------- iteration */

typedef struct hf_iter hf_iter;

/* Which entities, in natural id order.  All zero: all of them. */
typedef struct hf_range {
  size_t struct_size; /* sizeof(hf_range), set by HF_RANGE_INIT; 0: up to limit */
  hf_slice prefix;    /* only ids that begin with these bytes */
  hf_slice from;      /* the first id, inclusive; need not exist */
  hf_slice to;        /* the last id, inclusive; need not exist */
  bool reverse;       /* from the last to the first */
  bool keys_only;     /* leave entry.json empty: faster */
  bool has_limit;     /* at most `limit` entities */
  uint64_t limit;
  hf_condition *where; /* only those for which it is true; NULL: all.  Stays the caller's, and as it is, until the
                        * iteration is closed */
  hf_slice index; /* in the order of the index of this name, of those that it has values of that can be ordered (from
                   * null to texts); empty: natural order of ids.  Those of equal values come in the order of their ids,
                   * but for some very long ones; with `reverse` all of it is the other way round.  An entity that
                   * moves meanwhile may come twice, or not at all, but in a transaction; the others come once.
                   * HF_NOT_FOUND: no such index; HF_UNSUPPORTED without HF_CAP_INDEX_ORDER */
} hf_range;

#define HF_RANGE_INIT                                                                                                  \
  {                                                                                                                    \
    sizeof(hf_range), {NULL, 0}, {NULL, 0}, {NULL, 0}, false, false, false, 0, NULL, { NULL, 0 }                       \
  }

/* Iterates without holding a transaction between calls: any operation is safe
 * in between.  Entities present throughout are seen exactly once.
 *   range  NULL for everything
 * Errors: HF_INVALID_ARGUMENT; as hf_persist_init(). */
HF_API hf_status hf_iter_open(hf_persist *p, const hf_range *range, hf_iter **out, hf_error *err);

/* Hands out the next entity, or NULL at the end.  Valid until the next call.
 * HF_CORRUPT names an unreadable entity (now in quarantine); calling again goes on after it.
 * HF_SCRIPT: of this entity range.where says neither that it is wanted nor that it is not, such as one in which a field
 * to compare is missing, where a function would raise.  The message says why; the iteration is at its end. */
HF_API hf_status hf_iter_next(hf_iter *iter, const hf_entry **entry, hf_error *err);

/* Ends the iteration.  NULL is ignored. */
HF_API void hf_iter_close(hf_iter *iter);

/* How many entities a range has, up to its limit; NULL: all.  With range.where they are counted where they are stored.
 * Errors: as hf_iter_open() and hf_iter_next(), of which HF_CORRUPT and HF_SCRIPT end it. */
HF_API hf_status hf_persist_count_where(hf_persist *p, const hf_range *range, uint64_t *count, hf_error *err);

/* Iterates what is in quarantine of this collection: the entities that iterations leave out, since they have been
 * reported.  hf_iter_next() hands them out with entry->status HF_CORRUPT, the bytes as they were found in entry->json
 * (which are not JSON, and may be none), and when they came there in entry->info.updated_at (0: unknown); the problem
 * is in hf_entry_problem().  An id whose key was damaged may not be valid.
 *   range  NULL for everything
 * A store that keeps nothing in quarantine has nothing to hand out.  Errors: HF_UNSUPPORTED: it cannot list it. */
HF_API hf_status hf_persist_quarantined(hf_persist *p, const hf_range *range, hf_iter **out, hf_error *err);

/* What is wrong with an entry of hf_persist_quarantined(), and of nothing else.  Valid as long as the entry. */
HF_API const char *hf_entry_problem(const hf_entry *entry);

/* ------------------------------------------------------------ transactions */

typedef struct hf_txn hf_txn;

typedef enum hf_txn_kind {
  HF_TXN_WRITE, /* reads see the transaction's own writes; all of them commit, or none */
  HF_TXN_READ   /* a snapshot: every read sees the same moment; writing is HF_READONLY */
} hf_txn_kind;

/* Begins a transaction on this thread.  Until it ends, every operation of this
 * thread joins it, on whichever handle.  It binds itself to the first store
 * that is touched; touching a second one is HF_UNSUPPORTED.  Transactions of one
 * kind nest where the backend can, at most 64 deep: an inner abort undoes the inner part only.
 * After an operation in it, be it the first, has failed with HF_FULL, HF_IO, HF_NO_MEMORY or the like, the others in it
 * fail with the same status, and so does its commit, which writes nothing.  Not so after HF_NOT_FOUND, HF_CONFLICT,
 * HF_DUPLICATE, HF_CORRUPT or what refuses an argument.
 * Other writers to the store wait until it ends, so keep it short. */
HF_API hf_status hf_txn_begin(hf_txn_kind kind, hf_txn **out, hf_error *err);

/* Commits and frees the transaction, whatever the result (but HF_INVALID_ARGUMENT on another thread than its own).  On
 * failure nothing of it was written, unless the message says that it may have happened.  Inner transactions must have
 * been ended. */
HF_API hf_status hf_txn_commit(hf_txn *txn, hf_error *err);

/* Undoes and frees the transaction.  NULL is ignored. */
HF_API void hf_txn_abort(hf_txn *txn);

/* One of several transactions that share a commit. */
typedef struct hf_txn_part {
  hf_status (*run)(void *arg, hf_error *err); /* does what the transaction is for, by any operations.  Anything but
                                               * HF_OK undoes it, and is its status; *err says why */
  void *arg;                                  /* passed to run */
  hf_status status;                           /* filled in: what became of it */
  hf_error *error;                            /* receives why, where status is not HF_OK; NULL: it is not wanted */
  uint64_t reserved[2];                       /* must be 0 */
} hf_txn_part;

/* Runs the parts, one after the other, each in a transaction of its own, and makes them happen in one commit: what
 * costs a flush is paid once.  Each is called at most once, in this thread, and may do whatever a transaction may,
 * begin transactions of its own included, which it ends.  One that fails, or in which an operation has failed so that a
 * transaction could only be undone (hf_txn_begin()), is undone alone; the others go on.  Later parts see what earlier
 * ones have written.  All cover one store, the first that is touched; an operation on another is HF_UNSUPPORTED.
 *
 * What they write gets no revision before the commit: hf_info has HF_REVISION_UNKNOWN for it, in the part that writes
 * and in those that read it, and a write or removal at whatever revision of it is HF_CONFLICT.  At HF_REVISION_UNKNOWN
 * it always is.
 *
 * HF_OK: each part has what became of it in its status, and those that are HF_OK are durable.  Anything else: none of
 * it has happened, unless the message says that it may have; then no part has HF_OK, and those that could not be run
 * any more have the same status.  HF_FULL, where the store can grow: it is larger when all of it is tried again, which
 * is the caller's to decide.
 *
 * Inside a transaction the parts are nested in that one, and durable with it; where this fails with HF_FULL, it can
 * only be undone.  Where the backend has transactions and no HF_CAP_NESTED, each part is committed by itself, after the
 * one before; where it has none, what a part has done before it failed stays.  HF_OK then says nothing but that the
 * parts were run.
 *
 *   parts  `count` of them; their status and error are filled in
 * Errors: HF_INVALID_ARGUMENT: a part without run, or reserved that is not 0: no part is run, and none filled in;
 * HF_READONLY: inside a snapshot; as hf_txn_commit(). */
HF_API hf_status hf_transactions(hf_txn_part *parts, size_t count, hf_error *err);

/* -------------------------------------------------------------------- JSON */

/* Checks that the text is one JSON value that can be stored: RFC 8259, UTF-8, no
 * lone surrogates, at most HF_DEPTH_MAX deep.  HF_INVALID_VALUE says what and where. */
HF_API hf_status hf_json_validate(hf_slice text, hf_error *err);

/* The shortest text that reads back as exactly this number, as JavaScript prints
 * it ("0.1", "1e+21", "-0"); infinities give 1e999 and -1e999.  At least
 * HF_NUMBER_MAX bytes in `out`; not terminated.  Returns the length, 0 for NaN. */
#define HF_NUMBER_MAX 32
HF_API size_t hf_number_format(double value, char out[HF_NUMBER_MAX]);

/* ------------------------------------------------------------------- cJSON */

struct cJSON;

/* Read and write entities as cJSON trees.  The caller owns what it receives
 * (cJSON_Delete).  cJSON cannot hold NUL inside strings: reading such an entity is
 * HF_UNSUPPORTED.  Infinity is kept. */
HF_API hf_status hf_persist_read_cjson(hf_persist *p, hf_slice id, struct cJSON **out, hf_error *err);
HF_API hf_status hf_persist_write_cjson(hf_persist *p, hf_slice id, const struct cJSON *value,
                                        const hf_write_options *options, hf_info *info, hf_error *err);

/* ----------------------------------------------------------------- runtime */

/* A LuaJIT state with Holdfast inside. */
typedef struct hf_runtime hf_runtime;

struct lua_State;

/* Makes a runtime with the standard libraries and `require "holdfast"`.
 * Errors: HF_UNSUPPORTED: the process has another Lua in the place of LuaJIT (docs/embedding.md); HF_NO_MEMORY.
 */
HF_API hf_status hf_runtime_open(hf_runtime **out, hf_error *err);
/* Closes it, and every handle its scripts left open.  NULL is ignored. */
HF_API void hf_runtime_close(hf_runtime *runtime);

/* Runs a script file with its arguments in `arg` and `...`.  HF_SCRIPT when it raises (an error object
 * keeps its own status), with the traceback in err->cause; HF_IO when it cannot be read. */
HF_API hf_status hf_runtime_run_file(hf_runtime *runtime, const char *path, int argc, const char *const *argv,
                                     hf_error *err);
/* Runs a piece of Lua; `name` is what tracebacks call it. */
HF_API hf_status hf_runtime_run_text(hf_runtime *runtime, hf_slice code, const char *name, hf_error *err);

/* Calls a Lua function by name: a global ("on_tick"), a field of one ("strategy.tick"), or of a
 * module ("my.module:tick" calls require("my.module").tick).
 *   args    JSON array of arguments, {NULL, 0} for none
 *   result  receives the first result as JSON text; "null" for none; NULL to ignore it */
HF_API hf_status hf_runtime_call(hf_runtime *runtime, const char *function, hf_slice args, hf_buffer *result,
                                 hf_error *err);

/* A Lua function of a runtime, which calls need not look up each time.  Used in the thread that uses the runtime; one
 * that outlives it answers HF_CLOSED. */
typedef struct hf_function hf_function;

/* Finds what hf_runtime_call() would call by this name.  It stays the same function when the name is given to another.
 * Errors: HF_INVALID_ARGUMENT: there is none; HF_SCRIPT: the module cannot be loaded. */
HF_API hf_status hf_function_find(hf_runtime *runtime, const char *name, hf_function **out, hf_error *err);

/* Compiles a piece of Lua, which gets its arguments as `...`: "local price, limit = ... return price > limit".  Its
 * local variables are new in each call.
 *   name  what tracebacks call it; NULL: nothing
 * Errors: HF_SCRIPT: it is not Lua. */
HF_API hf_status hf_function_compile(hf_runtime *runtime, hf_slice code, const char *name, hf_function **out,
                                     hf_error *err);

/* Calls it: arguments, result and errors as in hf_runtime_call().  It may be called, and freed, while it runs, by a C
 * function that its script has called. */
HF_API hf_status hf_function_call(hf_function *function, hf_slice args, hf_buffer *result, hf_error *err);

/* Frees the handle, also after its runtime was closed.  NULL is ignored. */
HF_API void hf_function_free(hf_function *function);

/* The Lua state, for programs that include lua.h. */
HF_API struct lua_State *hf_runtime_state(hf_runtime *runtime);

#ifdef __cplusplus
}
#endif

#include "holdfast/stores.h"

#include "holdfast/indexes.h"

#include "holdfast/changes.h"

#include "holdfast/locks.h"

#include "holdfast/adapters.h" /* the state of a trading host */

#endif
