/* SPDX-License-Identifier: MIT
 *
 * What an iteration consists of, for those who make it: iterate.c hands out entries, iterate_pages.c reads pages of
 * them, from one of three sources: a scan; the candidates that indexes lead to (find.h), which are those that a scan
 * with the condition would give, in the same order; an index, in its own order (index_order.h).
 */
#ifndef HF_CORE_ITER_H
#define HF_CORE_ITER_H

#include "core/find.h"
#include "core/index_order.h"
#include "core/persist.h"

/* A failure that was met, and not handed out, when the iteration went back: it is still to come, at its place. */
struct hf__fence {
  struct hf__fence *after; /* a later one */
  hf_error failure;
  size_t size;
  unsigned char order[HF__ORDER_KEY_MAX]; /* where it stands */
};

struct hf_iter {
  hf_persist *persist;
  hf_page *page;
  size_t next; /* index of the entry to hand out */
  bool more;   /* there may be entities after this page */
  bool has_limit;
  bool has_failure;
  bool quarantined;         /* over what is in quarantine */
  bool judges;              /* there is a condition, and what it says of each entry is looked at */
  bool page_judged;         /* what the condition is no to is not in it */
  bool asks;                /* entries that the condition cannot tell are handed out, for a function to tell */
  bool keys_only;           /* with a condition: values are scanned, and not handed out */
  uint64_t left;            /* entities still to hand out, with has_limit */
  hf_scan scan;             /* bounds of what is still to come; its slices point into the arrays below */
  hf_error *failure;        /* of the page, raised once its entries are handed out */
  hf_condition *condition;  /* shared with whoever made it; NULL: none */
  hf__find *find;           /* looks the condition up in indexes; NULL: there are none */
  hf__index_order *ordered; /* by an index; NULL: natural order of ids */
  uint64_t counted;         /* by the condition, in the pages before this one */
  uint64_t counted_here;    /* before what was handed out last */
  uint64_t looked_at;       /* by the condition */
  uint64_t wanted;          /* of them, in pages that were judged */
  struct hf__fence *fence;  /* the next one; NULL: none */
  hf__key lower, upper;     /* order keys of the bounds */
  char prefix[HF_ID_MAX];
  unsigned char order_prefix[HF_ID_MAX];
  char upper_id[HF_ID_MAX], lower_id[HF_ID_MAX];
};

/* Sets whether entries are to be looked at, or handed out as they are. */
static inline void hf__iter_look_at_answers(hf_iter *it) {
  it->judges = it->condition && (it->scan.count_only || !it->asks || !it->page_judged);
}

/* Reads the next page, or finds that there is none. */
hf_status hf__iter_next_page(hf_iter *it, hf_error *err);

/* Goes on just after the entity that was handed out last.  False: out of memory. */
bool hf__iter_go_back(hf_iter *it);

#endif
