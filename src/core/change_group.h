/* SPDX-License-Identifier: MIT
 *
 * Changes of one store on their way into another: a run of whole commits, read together at one moment, of which each
 * entity keeps what came last.  What the commits did one after the other is what the group does at once.
 */
#ifndef HF_CORE_CHANGE_GROUP_H
#define HF_CORE_CHANGE_GROUP_H

#include "core/handle.h"

typedef struct hf__change_group hf__change_group;

/* What was read. */
typedef struct hf__group_read {
  size_t count;        /* changes that are in the group */
  uint64_t next, skip; /* where to go on */
  uint64_t revision;   /* the newest commit all of whose changes were read */
  uint64_t newest;     /* of the store at the moment of the reading */
  int64_t at;          /* when the newest of the changes was committed; 0: there was none */
  bool is_whole;       /* it does not end within a commit */
  bool is_exact; /* no value is a later one than that of its revision, so far as what was read tells: false without
                  * history, unless everything until the newest commit was read */
} hf__group_read;

hf__change_group *hf__change_group_new(void); /* NULL: out of memory */
void hf__change_group_free(hf__change_group *group);

/* Of this name alone, together with others that were added; none: of all.  HF_NO_MEMORY. */
hf_status hf__change_group_want(hf__change_group *group, hf_slice entity_name, hf_error *err);

/* Empties the group and reads what was changed from a revision on: commits until there are `most` changes or as many
 * bytes, and of one that is larger so much; with `skip`, which goes on in such a one, only that.  *read may be filled
 * in on failure too. Errors: HF_COMPACTED, HF_UNSUPPORTED as hf_changes_read. */
hf_status hf__change_group_read(hf__change_group *group, hf_store *store, uint64_t from, uint64_t skip, size_t most,
                                size_t most_bytes, hf__group_read *read, hf_error *err);

/* How far the log of the handle's store reaches back; reach->from is UINT64_MAX where there is none that can be
 * followed.
 */
hf_status hf__changes_reach(hf_persist *p, hf_changes_reach *reach, hf_error *err);

/* Adds a change that came another way.  HF_NO_MEMORY. */
hf_status hf__change_group_add(hf__change_group *group, const hf_change *change, hf_error *err);

/* The entity names in it, by place; data NULL after the last. */
hf_slice hf__change_group_name(const hf__change_group *group, size_t place);

/* What was brought to a store. */
typedef struct hf__group_applied {
  uint64_t written, removed, damaged;
  uint64_t kept; /* of those that are damaged in the source: sound ones, which stay */
} hf__group_applied;

/* Brings what the group has of a name to the handle's store, in the thread's transaction. */
hf_status hf__change_group_apply(hf__change_group *group, size_t place, hf_persist *to, hf__group_applied *applied,
                                 hf_error *err);

#endif
