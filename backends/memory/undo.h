/* SPDX-License-Identifier: MIT
 *
 * What a transaction in memory has changed, so that it can be undone: each change, newest first.  A nested one hands
 * its own to the one around it, so that beginning and committing cost nothing, however much the store has.
 */
#ifndef HF_BACKENDS_MEMORY_UNDO_H
#define HF_BACKENDS_MEMORY_UNDO_H

#include "items.h"

/* A change of one id in one list. */
typedef struct hf__memory_change {
  struct hf__memory_change *older;
  hf__memory_list *list;
  hf__memory_item *item; /* of the id: the one that was there, or the first one */
  bool was_there;
} hf__memory_change;

/* Those of a transaction.  All zero: none. */
typedef struct hf__memory_undo {
  hf__memory_change *newest, *oldest;
} hf__memory_undo;

/* These change a list, and note it, unless `undo` is NULL.  False: out of memory, and nothing was changed. */

/* As hf__memory_list_put(). */
bool hf__memory_undo_put(hf__memory_undo *undo, hf__memory_list *l, size_t at, bool replace, hf__memory_item *it);
/* As hf__memory_list_take(), whose result goes to *found. */
bool hf__memory_undo_take(hf__memory_undo *undo, hf__memory_list *l, hf_slice order, bool *found);
/* As hf__memory_list_clear(). */
bool hf__memory_undo_clear(hf__memory_undo *undo, hf__memory_list *l);

/* Undoes all changes, and forgets them. */
void hf__memory_undo_all(hf__memory_undo *undo);
/* Makes them changes of the transaction around it; NULL: forgets them, they are committed. */
void hf__memory_undo_commit(hf__memory_undo *undo, hf__memory_undo *around);

#endif
