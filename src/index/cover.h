/* SPDX-License-Identifier: MIT
 *
 * Which entries of indexes a condition leads to: those of all entities to which it is not a sure no, and of as few
 * others as possible.  An entity that it would raise for, or that has to be asked, is one of them: for `pnl > 0` that
 * are all whose pnl is no number.
 *
 * Each node of the condition, as a truth, has three covers, sets of entries that have all entities for which it
 *   N  is not surely false: true, raises, or is not known
 *   T  is not surely true
 *   R  raises or is not known
 * and those of a node are made of those of its operands: of `a and b`, N is N(a), or R(a) with N(b), whichever is
 * smaller; where both are of one index, what they have in common.
 */
#ifndef HF_INDEX_COVER_H
#define HF_INDEX_COVER_H

#include "condition/condition.h"
#include "index/index.h"

/* Ranges of one index, apart and in its order. */
typedef struct hf__cover_part {
  size_t place; /* of the index in the set */
  hf_index_range *ranges;
  bool *is_sure; /* for each range: the condition is a sure yes to all entities in it, which need not be looked at, if
                  * that was asked for */
  size_t count;
} hf__cover_part;

/* What a condition leads to: the entries of all its parts together. */
typedef struct hf__cover {
  hf__cover_part *parts;
  size_t count;
} hf__cover;

/* How many entries a part has: exactly up to `most`, which stands for anything beyond. */
typedef uint64_t hf__cover_count_fn(const hf__cover_part *part, uint64_t most, void *arg);

/* What a cover is wanted for. */
typedef struct hf__cover_wish {
  const hf_condition *condition; /* with its parameters as they are */
  const hf_index_set *set;       /* of which those that are ready are looked at */
  uint64_t most;                 /* entries at most */
  bool sure;                     /* which ranges are sure is asked for, too */
  hf__cover_count_fn *count;
  void *arg;
} hf__cover_wish;

/* Makes the cover.  NULL: there is none, or out of memory; *why, if why is not NULL, is then a sentence, which this
 * thread's next call replaces: that no index is over a path that decides, or that the index pnl leads to more than
 * 50,000 entities.  The sentence takes about as long as the rest. */
hf__cover *hf__cover_make(const hf__cover_wish *wish, const char **why);
void hf__cover_free(hf__cover *cover);

#endif
