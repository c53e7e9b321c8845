/* SPDX-License-Identifier: MIT
 *
 * What a page walk is asked, and what it tells: findings, the pages that it came to, and totals.
 */
#ifndef HF_BACKENDS_LMDB_PAGE_REPORT_H
#define HF_BACKENDS_LMDB_PAGE_REPORT_H

#include "page_file.h"
#include "page_node.h"

/* What is wrong, or noteworthy, in one place. */
struct hf__lmdb_finding {
  uint64_t page;       /* HF__LMDB_NO_PAGE: the tree as a whole */
  const char *tree;    /* words for the tree: "the free list", "the main tree", "\"signal\"" */
  hf_slice name;       /* of the named tree; otherwise {NULL, 0} */
  const char *problem; /* the rest of a sentence that begins with the page or the tree */
  bool note;           /* no damage */
};

enum hf__lmdb_tree_kind { HF__LMDB_FREE_LIST, HF__LMDB_MAIN, HF__LMDB_NAMED, HF__LMDB_DUPLICATES };

/* How far a page that the walk came to is what was expected there. */
enum hf__lmdb_soundness {
  HF__LMDB_SOUND,
  HF__LMDB_MISNAMED, /* a leaf of the main tree in which names are not in order, and which is entered: past_names */
  HF__LMDB_DAMAGED,  /* the page is its own, but not all of it is in order */
  HF__LMDB_STRAY     /* it cannot be read, or is another one, or belongs elsewhere */
};

/* A branch or leaf, as the walk came to it; page HF__LMDB_NO_PAGE: a tree that it cannot enter. */
struct hf__lmdb_visit {
  uint64_t page;
  enum hf__lmdb_tree_kind kind;
  hf_slice name;         /* of the named tree */
  uint16_t tree_flags;   /* its order */
  bool leaf;             /* by its depth */
  hf_slice lower, upper; /* what its parents say: all keys are at least `lower` and below `upper`; {NULL, 0}: any */
  struct hf__lmdb_page content; /* bytes is NULL where it cannot be read */
  enum hf__lmdb_soundness soundness;
};

/* What the walk came by. */
struct hf__lmdb_totals {
  uint64_t commit;
  uint64_t branch, leaf, overflow; /* pages, of all trees */
  uint64_t free;                   /* pages in the free list */
  uint64_t lost;                   /* pages that are neither in a tree nor free */
  uint64_t trees, entries;         /* named ones, and what is in them */
  uint64_t problems, notes;
  bool free_list_sound;
};

/* What to walk, and whom to tell. */
struct hf__lmdb_walk {
  const struct hf__lmdb_page_file *file;
  const struct hf__lmdb_header *view; /* the commit: its trees and its last page.  Nothing else of it is looked at */
  bool past_names; /* go on below a leaf of the main tree that is damaged in its names alone; for rescue */
  void *arg;
  bool (*found)(void *arg, const struct hf__lmdb_finding *finding); /* false: stop.  May be NULL */
  void (*visited)(void *arg, const struct hf__lmdb_visit *visit);   /* may be NULL */
  bool skip_unreadable; /* tells of a page that the disk does not give, and goes on; else that ends the walk (HF_IO) */
  /* Filled on the way: a bit for each page of the file.  The caller's from the walk's end on, to be freed. */
  unsigned char *used, *freed;
  uint64_t bits; /* how many pages they tell of */
};

/* Whether a bit is set in used or freed; false for pages beyond. */
bool hf__lmdb_walk_has(const struct hf__lmdb_walk *walk, const unsigned char *bits, uint64_t page);

/* The finding as a sentence: "page 7 of "signal" bears the number 9". */
void hf__lmdb_finding_text(const struct hf__lmdb_finding *finding, char *out, size_t capacity);

#endif
