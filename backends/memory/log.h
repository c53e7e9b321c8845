/* SPDX-License-Identifier: MIT
 *
 * The log of changes of a store in memory: an array of what was changed, oldest first.  An entry has what the id was
 * before, so that going back from the present, entry by entry, leads to every revision that is kept.  A transaction
 * that is undone cuts off what it has added.
 */
#ifndef HF_BACKENDS_MEMORY_LOG_H
#define HF_BACKENDS_MEMORY_LOG_H

#include "items.h"

struct hf__memory_type;

/* A change of an id, or of a whole collection. */
typedef struct hf__memory_log_entry {
  uint64_t revision;
  int64_t at; /* when it was committed, ms since 1970-01-01 UTC; 0: it is not yet */
  hf_change_kind what;
  bool is_part;                 /* what a removeAll did to one entity: looking back needs it, and nobody else sees it */
  struct hf__memory_type *type; /* the live collection */
  hf__memory_item *key;         /* has the id alone; NULL: of the whole collection */
  hf__memory_item *old;         /* the entity before; NULL: there was none, or no history is kept */
  hf__memory_item *damaged;     /* likewise what was in quarantine */
} hf__memory_log_entry;

/* All zero: none is kept. */
typedef struct hf__memory_log {
  hf_changes_kept kept;
  bool is_on, keeps_history;
  uint64_t from, history_from; /* hf_changes_reach, while they are kept */
  int64_t since;               /* the time from which the commit before `from` was the newest one */
  int64_t time;                /* of the newest commit: times never go back */
  size_t count, capacity;
  hf__memory_log_entry *entries;
} hf__memory_log;

/* A change that is about to happen to an id. */
typedef struct hf__memory_logged {
  hf_change_kind what;
  bool is_part;
  struct hf__memory_type *type;
  hf_slice order; /* the id's; data NULL: of the whole collection */
  uint64_t revision;
  hf__memory_item *old, *damaged; /* what there is; NULL: nothing */
} hf__memory_logged;

/* Adds an entry, unless no log is kept, or the commit has written the id already and writes it again.  False: out of
 * memory. */
bool hf__memory_log_add(hf__memory_log *log, const hf__memory_logged *change);
/* Takes out those after the first `count`. */
void hf__memory_log_cut(hf__memory_log *log, size_t count);
/* The running commit, of this revision, is done at this time: lets some of the oldest go that are not to be kept.
 *   by_age  whether the wall clock is believed */
void hf__memory_log_commit(hf__memory_log *log, uint64_t revision, int64_t now, bool by_age);
/* Whether what is oldest should go by its age, as this clock says. */
bool hf__memory_log_is_old(const hf__memory_log *log, int64_t now);
/* Turns it on, off, or to another length, by the commit of this revision and time. */
void hf__memory_log_set(hf__memory_log *log, const hf_changes_kept *kept, bool history, uint64_t revision, int64_t now);
/* Takes out all entries of an id.  Returns how many. */
uint64_t hf__memory_log_purge(hf__memory_log *log, const struct hf__memory_type *type, hf_slice order);
void hf__memory_log_free(hf__memory_log *log);

/* ---- reading */

/* The first entry of this revision or a later one. */
size_t hf__memory_log_find(const hf__memory_log *log, uint64_t revision);
/* Whether the entry is of the id. */
bool hf__memory_log_is_of(const hf__memory_log_entry *e, const struct hf__memory_type *type, hf_slice order);
/* When the newest commit until the revision was, which is not before that before `from`. */
int64_t hf__memory_log_time(const hf__memory_log *log, uint64_t revision);
/* Fills in how far it reaches. */
void hf__memory_log_reach(const hf__memory_log *log, uint64_t newest, hf_changes_reach *reach);

#endif
