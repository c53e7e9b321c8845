/* SPDX-License-Identifier: MIT
 *
 * Indexes of a collection in memory.  An index is a list like those of entities: its entries are items without a text,
 * whose order key is their position, the value and then the order key of the entity, and whose id is that order key.
 * So a snapshot copies them, and a transaction undoes them, as it does entities.
 */
#ifndef HF_BACKENDS_MEMORY_INDEXES_H
#define HF_BACKENDS_MEMORY_INDEXES_H

#include "items.h"
#include "undo.h"

/* All of a collection.  All zero: none. */
typedef struct hf__memory_indexes {
  hf_index_set *set;                       /* NULL: there is none */
  hf__memory_list entries[HF_INDEXES_MAX]; /* of the index at each place of the set */
} hf__memory_indexes;

void hf__memory_indexes_free(hf__memory_indexes *ix);
/* Makes *to a copy.  False: out of memory, and *to is none. */
bool hf__memory_indexes_copy(const hf__memory_indexes *from, hf__memory_indexes *to);

/* ---- changes of entities, noted in `undo` unless it is NULL.  False, or HF_NO_MEMORY: some may have been made. */

/* Takes out what an entity has in the indexes.
 *   next  the text that it is to have: what stays as it is is left in; data NULL: it goes */
bool hf__memory_indexes_take(hf__memory_indexes *ix, hf__memory_undo *undo, const hf__memory_item *it, hf_slice next);
/* The entities that a unique index looks at. */
typedef struct hf__memory_holders {
  const hf__memory_list *sound; /* of the collection, with or without the one that is written */
  int64_t now;                  /* those that have expired by then hold nothing */
} hf__memory_holders;

/* Puts in what an entity is to have, after what it had was taken out.  HF_DUPLICATE: a unique index forbids it, and
 * *err says so. */
hf_status hf__memory_indexes_put(hf__memory_indexes *ix, hf__memory_undo *undo, const hf__memory_holders *others,
                                 const hf_put *put, hf_error *err);
/* Takes all out: the collection is emptied. */
bool hf__memory_indexes_clear(hf__memory_indexes *ix, hf__memory_undo *undo);

/* ---- the indexes themselves */

/* Entries of an index that is to be: see hf__memory_building_start(). */
typedef struct hf__memory_building {
  hf_index_set *set;     /* has the index alone */
  hf__memory_list items; /* the entities that were looked at */
  hf__memory_list entries;
} hf__memory_building;

/* Begins to build an index: sees which entities there are.  HF_INVALID_ARGUMENT: the definition is none. */
hf_status hf__memory_building_start(hf__memory_building *b, const hf__memory_list *sound, hf_slice definition,
                                    uint32_t number, hf_error *err);
/* Makes their entries; looks at nothing else, so that no lock is needed. */
hf_status hf__memory_building_sort(hf__memory_building *b, hf_error *err);
/* Makes them those of the entities that there are by now.  HF_DUPLICATE: two of them have the same values, and the
 * index is unique. */
hf_status hf__memory_building_catch_up(hf__memory_building *b, const hf__memory_holders *entities, hf_error *err);
void hf__memory_building_free(hf__memory_building *b);

/* Adds an index with the entries that were built, which are gone from *b.  HF_INVALID_ARGUMENT: one too many. */
hf_status hf__memory_indexes_add(hf__memory_indexes *ix, hf__memory_building *b, hf_error *err);
/* Takes the index at a place out. */
hf_status hf__memory_indexes_drop(hf__memory_indexes *ix, size_t place, hf_error *err);

/* ---- reading */

/* Where the index of this name is; below 0: nowhere. */
int hf__memory_indexes_find(const hf__memory_indexes *ix, hf_slice name);
/* Adds a member of a JSON object: how many entries each has, by its name. */
bool hf__memory_indexes_describe(const hf__memory_indexes *ix, hf_buffer *json);
/* hf_backend.index_each, of the index at a place. */
void hf__memory_indexes_each(const hf__memory_indexes *ix, size_t place, const hf_index_walk *walk,
                             hf_index_entry_fn *fn, void *arg);
/* Where entries differ from those that they should be: hf_backend.index_check. */
void hf__memory_indexes_compare(const hf__memory_list *entries, const hf__memory_list *wanted, const char *name,
                                hf_index_problem_fn *fn, void *arg);

#endif
