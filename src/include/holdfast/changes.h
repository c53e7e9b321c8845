/* SPDX-License-Identifier: MIT
 *
 * changes.h - the log of a store's changes: watching it, and looking back.  A part of
 * holdfast.h, which includes it: include that one.
 *
 * A store with the setting `changes` keeps a log: each commit adds what it changed, in its own transaction, under its
 * revision.  With the setting `history` it also keeps the values that were replaced.  Old entries go once they are
 * older than the setting says, a few with each later commit.  What is kept is complete: whoever asks for more gets
 * HF_COMPACTED, and in hf_error.revision where to begin again.
 */
#ifndef HOLDFAST_CHANGES_H
#define HOLDFAST_CHANGES_H

#ifndef HOLDFAST_HOLDFAST_H
#error "include holdfast/holdfast.h, which has holdfast/changes.h in it"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What a change did: identifier, its name in scripts, what it means. */
#define HF_CHANGE_MAP(X)                                                                                               \
  X(WRITE, "write", "the entity was written, new or not")                                                              \
  X(REMOVE, "remove", "the entity was removed")                                                                        \
  X(CLEAR, "clear", "all entities of the name were removed")                                                           \
  X(EXPIRE, "expire", "the entity had expired and was removed")                                                        \
  X(QUARANTINE, "quarantine", "the entity was found unreadable and put aside")

typedef enum hf_change_kind {
#define HF_CHANGE_ENUM(id, name, meaning) HF_CHANGE_##id,
  HF_CHANGE_MAP(HF_CHANGE_ENUM)
#undef HF_CHANGE_ENUM
      HF_CHANGE_KINDS
} hf_change_kind;

/* The stable name ("write"); NULL for a number that is no kind. */
HF_API const char *hf_change_name(hf_change_kind what);

/* A committed change.  Slices are valid as long as who hands it out says. */
typedef struct hf_change {
  uint64_t revision; /* of the commit: all changes of one have the same, and those of later ones larger numbers */
  int64_t at;        /* when it was committed, ms since 1970-01-01 UTC; never less than that of an earlier one */
  hf_change_kind what;
  bool is_current; /* the value is the present one, and not that of the revision, which is not kept: without history */
  bool is_last;    /* the last one of its commit that is handed out */
  hf_slice entity_name;
  hf_slice id;          /* empty for HF_CHANGE_CLEAR */
  hf_slice json;        /* of HF_CHANGE_WRITE: the value; data NULL: it is gone by now, and is_current is true */
  int64_t expires_at;   /* of HF_CHANGE_WRITE: when the value expires, ms since 1970-01-01 UTC; 0: never */
  uint64_t reserved[4]; /* 0 */
} hf_change;

/* The newest revision of the store until the moment (NULL: now).
 * Errors: HF_COMPACTED: the log does not reach back so far; HF_UNSUPPORTED: the store keeps no log. */
HF_API hf_status hf_store_revision(hf_store *store, const hf_moment *at, uint64_t *revision, hf_error *err);

/* ---- watching */

/* What to watch.  Start from HF_WATCH_OPTIONS_INIT. */
typedef struct hf_watch_options {
  size_t struct_size;      /* sizeof(hf_watch_options) */
  uint64_t from;           /* begin with the changes of this revision; 0: with the next commit */
  hf_slice entity_name;    /* of this name alone; data NULL: of all */
  hf_slice prefix;         /* of ids that begin so; empty: all */
  hf_condition *condition; /* writes only of values for which it is not a sure no; other changes all the same.
                            * NULL: all.  Stays the caller's, and as it is, until the watch is closed */
  bool without_values;     /* leave hf_change.json out */
  uint64_t reserved[4];    /* 0 */
} hf_watch_options;

#define HF_WATCH_OPTIONS_INIT                                                                                          \
  {                                                                                                                    \
    sizeof(hf_watch_options), 0, {NULL, 0}, {NULL, 0}, NULL, false, { 0 }                                              \
  }

/* Hands out the committed changes of a store, in order, each of them once, and waits for more.  One thread at a time
 * uses it; it keeps the store open. */
typedef struct hf_watch hf_watch;

/* Errors: HF_COMPACTED; HF_UNSUPPORTED: the store keeps no log (say `changes=7d` to it), or such stores cannot; inside
 * a transaction. */
HF_API hf_status hf_watch_open(hf_store *store, const hf_watch_options *options, hf_watch **out, hf_error *err);

/* The next change, valid until the next call.
 *   timeout_ms  how long to wait for one; 0: not at all; negative: for ever
 * Errors: HF_TIMEOUT: none came; HF_COMPACTED: changes went before they were read: err->revision says where to begin
 * again; HF_UNSUPPORTED: the log was turned off; inside a transaction, and waiting in a snapshot. */
HF_API hf_status hf_watch_next(hf_watch *watch, int64_t timeout_ms, hf_change *out, hf_error *err);

/* A file descriptor that can be read (by poll, epoll, select, libuv) when there may be a change: call hf_watch_next()
 * with a timeout of 0 until it answers HF_TIMEOUT, which makes it unreadable again.  Never read or close it. */
HF_API int hf_watch_fd(const hf_watch *watch);

/* The revision whose changes have all been handed out: another watch goes on with `from` = this + 1. */
HF_API uint64_t hf_watch_revision(const hf_watch *watch);

/* NULL is ignored. */
HF_API void hf_watch_close(hf_watch *watch);

/* ---- looking back.  Needs the setting `history`; HF_UNSUPPORTED inside a transaction. */

/* Copies the entity's JSON text as it was at the moment.  A script's class around a store is asked in a snapshot of the
 * moment.
 * Errors: HF_NOT_FOUND: there was none then; HF_COMPACTED; HF_UNSUPPORTED: no history is kept; HF_INVALID_ARGUMENT:
 * there is no such revision yet. */
HF_API hf_status hf_persist_read_at(hf_persist *p, hf_slice id, const hf_moment *at, hf_buffer *json, hf_info *info,
                                    hf_error *err);

/* Called for each change.  Valid during the call.  Return false to stop. */
typedef bool (*hf_change_fn)(void *arg, const hf_change *change);

/* Calls fn for what is kept of the id, newest first: each value that it had, as HF_CHANGE_WRITE with its revision, and
 * where it was removed, what did so.  HF_OK also where nothing is kept.
 *   from  if not NULL, receives the revision from which on it is complete */
HF_API hf_status hf_persist_history(hf_persist *p, hf_slice id, hf_change_fn fn, void *arg, uint64_t *from,
                                    hf_error *err);

/* Begins a snapshot (as hf_txn_begin() with HF_TXN_READ) of the moment: until it ends, every read of the thread sees
 * the store as it was then.  The moment is of the store that the first read is of; that read answers HF_COMPACTED where
 * the store does not reach back so far. */
HF_API hf_status hf_txn_begin_at(const hf_moment *at, hf_txn **out, hf_error *err);

/* Takes all that is kept of the id out of log and history, for ever: its earlier values, and that they were changed.
 * The entity itself stays.  In one commit that is flushed; `purged` receives how many entries went.
 * Who watches, or follows, does not learn of it: what was handed out is gone. */
HF_API hf_status hf_persist_purge(hf_persist *p, hf_slice id, uint64_t *purged, hf_error *err);

#ifdef __cplusplus
}
#endif
#endif
