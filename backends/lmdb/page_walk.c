/* SPDX-License-Identifier: MIT
 *
 * Walking the pages of a commit: see page_walk.h.  Each tree is walked from its root on with a stack of as many levels
 * as it may have; trees are within trees three deep, so nothing here recurses further than that.  A page that is not
 * sound is told of and left alone, with all below it.
 */
#include "page_walk.h"

#include <stdlib.h>
#include <string.h>

#include "page_free.h"
#include "page_state.h"

/* One level of the way down. */
struct level {
  unsigned char *bytes; /* the page */
  uint64_t page;
  uint32_t next, count;  /* of its children */
  hf_slice lower, upper; /* between which its keys are */
};

struct way {
  struct level levels[HF__LMDB_DEPTH_MOST];
  unsigned depth; /* of the level that is looked at, from 1 on */
};

static void walk_tree(struct hf__lmdb_state *s, const struct hf__lmdb_tree *tree, enum hf__lmdb_tree_kind kind,
                      hf_slice name, uint16_t order, uint64_t *entries);

/* ---- one page */

/* The kind that a page of this level must be of; whether a leaf has nodes depends on the tree. */
static uint16_t expected_flags(const struct hf__lmdb_tree_walk *t, bool leaf) {
  if (!leaf) return HF__LMDB_BRANCH;
  bool fixed = t->kind == HF__LMDB_DUPLICATES && t->order & HF__LMDB_DUP_FIXED;
  return HF__LMDB_LEAF | (fixed ? HF__LMDB_LEAF2 : 0);
}

static hf_slice key_at(struct hf__lmdb_page page, uint32_t place, uint16_t flags) {
  struct hf__lmdb_node node;
  if (flags & HF__LMDB_LEAF2) return hf__lmdb_leaf2_at(page, place);
  hf__lmdb_node_at(page, place, flags & HF__LMDB_BRANCH, &node);
  return node.key;
}

/* Whether all keys are in order, and between those that the parents state.  The first key of a branch means nothing. */
static const char *order_problem(const struct hf__lmdb_tree_walk *t, struct hf__lmdb_page page, uint16_t flags,
                                 hf_slice lower, hf_slice upper) {
  bool values = t->kind == HF__LMDB_DUPLICATES;
  uint32_t count = hf__lmdb_node_count(page), first = flags & HF__LMDB_BRANCH ? 1 : 0;
  hf_slice last = {NULL, 0};
  for (uint32_t i = first; i < count; i++) {
    hf_slice key = key_at(page, i, flags);
    if (t->kind == HF__LMDB_FREE_LIST && key.size != sizeof(uint64_t)) return "has a key that is no commit's number";
    if (!key.size && !values) return "has an empty key";
    if (last.data && hf__lmdb_compare(t->order, values, last, key) >= 0) return "has keys that are not in order";
    if (i == first && lower.data && hf__lmdb_compare(t->order, values, lower, key) > 0)
      return "has a key below those that belong in it";
    last = key;
  }
  if (last.data && upper.data && hf__lmdb_compare(t->order, values, last, upper) >= 0)
    return "has a key above those that belong in it";
  return NULL;
}

/* What is wrong but for the keys. */
static const char *shape_problem(const struct hf__lmdb_tree_walk *t, struct hf__lmdb_page page, bool leaf) {
  uint16_t flags = hf__lmdb_head_of(page).flags, expected = expected_flags(t, leaf);
  if (flags != expected) return leaf ? "is no leaf, and should be one" : "is no branch, and should be one";
  const char *problem = hf__lmdb_nodes_problem(page);
  if (problem) return problem;
  if (hf__lmdb_node_count(page) < (leaf ? 1 : 2)) return leaf ? "is empty" : "has fewer than two children";
  return NULL;
}

/* Whether what is wrong is a key at most, and the walk is to go on below. */
static bool is_misnamed(const struct hf__lmdb_tree_walk *t, struct hf__lmdb_page page, bool leaf) {
  return t->state->walk->past_names && t->kind == HF__LMDB_MAIN && leaf && !shape_problem(t, page, leaf);
}

static const char *content_problem(const struct hf__lmdb_tree_walk *t, struct hf__lmdb_page page, bool leaf,
                                   hf_slice lower, hf_slice upper) {
  const char *problem = shape_problem(t, page, leaf);
  return problem ? problem : order_problem(t, page, hf__lmdb_head_of(page).flags, lower, upper);
}

static void visit(struct hf__lmdb_tree_walk *t, const struct level *at, bool leaf, bool readable,
                  enum hf__lmdb_soundness soundness) {
  struct hf__lmdb_walk *w = t->state->walk;
  struct hf__lmdb_visit v = {at->page, t->kind, t->name, t->order, leaf, at->lower, at->upper, {NULL, 0}, soundness};
  if (readable) v.content = (struct hf__lmdb_page){at->bytes, w->file->page_size};
  if (w->visited) w->visited(w->arg, &v);
}

/* Reads the page and checks it; tells of what is wrong. */
static bool enter_page(struct hf__lmdb_tree_walk *t, struct level *at, bool leaf) {
  struct hf__lmdb_state *s = t->state;
  uint32_t size = s->walk->file->page_size;
  struct hf__lmdb_page page = {at->bytes, size};
  enum hf__lmdb_soundness soundness = HF__LMDB_STRAY;
  bool readable = false;
  const char *problem = hf__lmdb_take(s, at->page);
  if (!problem) problem = hf__lmdb_walk_read(s, at->page, at->bytes, size);
  if (!problem) {
    readable = true;
    uint64_t number = hf__lmdb_head_of(page).page;
    if (number != at->page) problem = "bears another page's number";
  }
  if (!problem) {
    problem = content_problem(t, page, leaf, at->lower, at->upper);
    soundness = !problem ? HF__LMDB_SOUND : is_misnamed(t, page, leaf) ? HF__LMDB_MISNAMED : HF__LMDB_DAMAGED;
  }
  if (problem) hf__lmdb_tell(t, at->page, "%s", problem);
  visit(t, at, leaf, readable, soundness);
  if (soundness > HF__LMDB_MISNAMED) return false;
  *(leaf ? &t->leaf : &t->branch) += 1;
  *(leaf ? &s->totals->leaf : &s->totals->branch) += 1;
  at->next = 0;
  at->count = hf__lmdb_node_count(page);
  return true;
}

/* Shows that a tree, or all of what one has below its root, cannot be come to. */
static void visit_nothing(struct hf__lmdb_tree_walk *t) {
  struct level nothing = {.page = HF__LMDB_NO_PAGE};
  visit(t, &nothing, false, false, HF__LMDB_STRAY);
}

/* ---- what is in leaves */

/* Tells that what should be the record of a tree is none. */
static void tell_no_tree(struct hf__lmdb_tree_walk *t, uint64_t page, hf_slice key) {
  struct hf__lmdb_tree_walk absent = {t->state, t->tree, HF__LMDB_NAMED, key, 0, 0, 0, 0, 0, 0};
  hf__lmdb_tell(t, page, "has a value where the record of a tree belongs");
  if (t->kind == HF__LMDB_MAIN) visit_nothing(&absent);
}

/* A record of a tree, in a node of the main tree or, for the values under one key, of a named one. */
static void check_tree_record(struct hf__lmdb_tree_walk *t, uint64_t page, const struct hf__lmdb_node *node,
                              enum hf__lmdb_tree_kind kind) {
  struct hf__lmdb_tree tree;
  uint64_t entries = 0;
  if (node->value.size != sizeof tree || node->flags & HF__LMDB_NODE_BIG) {
    tell_no_tree(t, page, node->key);
    return;
  }
  memcpy(&tree, node->value.data, sizeof tree);
  bool named = kind == HF__LMDB_NAMED;
  if (named) t->state->totals->trees++;
  walk_tree(t->state, &tree, kind, named ? node->key : t->name, named ? tree.flags : t->order, &entries);
  t->entries += named ? 1 : entries;
  if (named && node->key.size && node->key.data[0] != '\001') t->state->totals->entries += entries;
}

/* Several values of one key, on a page within the node. */
static void check_sub_page(struct hf__lmdb_tree_walk *t, uint64_t page, const struct hf__lmdb_node *node) {
  struct hf__lmdb_page sub = {(const unsigned char *)node->value.data, (uint32_t)node->value.size};
  bool fixed = t->order & HF__LMDB_DUP_FIXED;
  uint16_t flags = hf__lmdb_head_of(sub).flags, expected = HF__LMDB_SUB | HF__LMDB_LEAF | (fixed ? HF__LMDB_LEAF2 : 0);
  struct hf__lmdb_tree_walk values = {t->state, t->tree, HF__LMDB_DUPLICATES, t->name, t->order, 0, 0, 0, 0, 0};
  const char *problem = node->flags & HF__LMDB_NODE_BIG || sub.size < HF__LMDB_PAGE_HEAD ||
                                (flags & ~0x10) != expected /* may still say that it is dirty */
                            ? "has a page of values that is none"
                            : hf__lmdb_nodes_problem(sub);
  if (!problem && !hf__lmdb_node_count(sub)) problem = "has an empty page of values";
  if (!problem) problem = order_problem(&values, sub, flags, (hf_slice){NULL, 0}, (hf_slice){NULL, 0});
  if (problem) hf__lmdb_tell(t, page, "%s", problem);
  t->entries += hf__lmdb_node_count(sub);
}

static void check_value(struct hf__lmdb_tree_walk *t, uint64_t page, const struct hf__lmdb_node *node) {
  if (node->flags & HF__LMDB_NODE_BIG && !hf__lmdb_take_overflow(t, page, node)) return;
  t->entries++;
}

/* Whether a value is the record of a tree, but for its flag: programs may have values of their own in the main tree. */
static bool is_like_tree(const struct hf__lmdb_tree_walk *t, const struct hf__lmdb_node *node) {
  struct hf__lmdb_tree tree;
  if (node->value.size != sizeof tree) return false;
  memcpy(&tree, node->value.data, sizeof tree);
  bool is_empty_tree = tree.root == HF__LMDB_NO_PAGE && !tree.depth;
  return is_empty_tree || (tree.depth && tree.depth <= HF__LMDB_DEPTH_MOST && tree.root >= HF__LMDB_FIRST_PAGE &&
                           tree.root <= t->state->walk->view->last_page);
}

static void check_node(struct hf__lmdb_tree_walk *t, uint64_t page, const struct hf__lmdb_node *node) {
  bool tree = node->flags & HF__LMDB_NODE_TREE, dup = node->flags & HF__LMDB_NODE_DUP;
  bool dup_sort = t->kind == HF__LMDB_NAMED && t->order & HF__LMDB_DUP_SORT;
  switch (t->kind) {
  case HF__LMDB_FREE_LIST:
    hf__lmdb_check_free_record(t, page, node);
    t->entries++;
    return;
  case HF__LMDB_MAIN:
    if (tree && !dup)
      check_tree_record(t, page, node, HF__LMDB_NAMED);
    else if (!tree && !dup && !is_like_tree(t, node))
      check_value(t, page, node);
    else
      tell_no_tree(t, page, node->key);
    return;
  default:
    if ((tree || dup) && !(dup_sort && dup))
      hf__lmdb_tell(t, page, "has a node of a kind that this tree cannot have");
    else if (tree)
      check_tree_record(t, page, node, HF__LMDB_DUPLICATES);
    else if (dup)
      check_sub_page(t, page, node);
    else
      check_value(t, page, node);
  }
}

static void check_leaf(struct hf__lmdb_tree_walk *t, const struct level *at) {
  struct hf__lmdb_page page = {at->bytes, t->state->walk->file->page_size};
  if (hf__lmdb_head_of(page).flags & HF__LMDB_LEAF2) {
    t->entries += at->count;
    return;
  }
  for (uint32_t i = 0; i < at->count && !t->state->stopped; i++) {
    struct hf__lmdb_node node;
    if (!hf__lmdb_node_at(page, i, false, &node)) check_node(t, at->page, &node);
  }
}

/* ---- trees */

/* Goes down to the next child of the level; false: out of memory. */
static bool descend(struct hf__lmdb_tree_walk *t, struct way *way) {
  struct level *at = &way->levels[way->depth - 1], *below = &way->levels[way->depth];
  struct hf__lmdb_page page = {at->bytes, t->state->walk->file->page_size};
  struct hf__lmdb_node node;
  if (!below->bytes && !(below->bytes = malloc(page.size))) return false;
  hf__lmdb_node_at(page, at->next, true, &node);
  below->page = node.child;
  below->lower = at->next ? node.key : at->lower;
  below->upper = at->upper;
  if (++at->next < at->count) {
    hf__lmdb_node_at(page, at->next, true, &node);
    below->upper = node.key;
  }
  return true;
}

/* Walks below the root, which is sound and of which the way has the first level. */
static void walk_levels(struct hf__lmdb_tree_walk *t, struct way *way) {
  while (way->depth && !t->state->stopped) {
    struct level *at = &way->levels[way->depth - 1];
    bool leaf = way->depth == t->tree->depth;
    if (leaf) check_leaf(t, at);
    if (leaf || at->next == at->count) {
      way->depth--;
      continue;
    }
    if (!descend(t, way)) {
      t->state->stopped = t->state->out_of_memory = true;
      return;
    }
    if (enter_page(t, &way->levels[way->depth], way->depth + 1 == t->tree->depth)) way->depth++;
  }
}

static void compare_counts(struct hf__lmdb_tree_walk *t) {
  const struct {
    const char *what;
    uint64_t counted, stated;
  } rows[] = {{"branch pages", t->branch, t->tree->branch},
              {"leaf pages", t->leaf, t->tree->leaf},
              {"overflow pages", t->overflow, t->tree->overflow},
              {"entries", t->entries, t->tree->entries}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (rows[i].counted != rows[i].stated)
      hf__lmdb_tell(t, HF__LMDB_NO_PAGE, "has %llu %s and says %llu", (unsigned long long)rows[i].counted, rows[i].what,
                    (unsigned long long)rows[i].stated);
}

static bool is_empty(const struct hf__lmdb_tree *tree) {
  return !tree->depth && !tree->branch && !tree->leaf && !tree->overflow && !tree->entries;
}

static void walk_root(struct hf__lmdb_tree_walk *t) {
  const struct hf__lmdb_tree *tree = t->tree;
  struct way *way;
  if (tree->root == HF__LMDB_NO_PAGE) {
    if (is_empty(tree)) return;
    hf__lmdb_tell(t, HF__LMDB_NO_PAGE, "counts what a tree without a root cannot have");
    visit_nothing(t);
    return;
  }
  if (!tree->depth || tree->depth > HF__LMDB_DEPTH_MOST) {
    hf__lmdb_tell(t, HF__LMDB_NO_PAGE, "has a depth that cannot be");
    visit_nothing(t);
    return;
  }
  way = calloc(1, sizeof *way);
  if (way) way->levels[0].bytes = malloc(t->state->walk->file->page_size);
  if (way && way->levels[0].bytes) {
    way->levels[0].page = tree->root;
    if (enter_page(t, &way->levels[0], tree->depth == 1)) way->depth = 1;
    walk_levels(t, way);
  } else {
    t->state->stopped = t->state->out_of_memory = true;
  }
  for (unsigned i = 0; way && i < HF__LMDB_DEPTH_MOST; i++) free(way->levels[i].bytes);
  free(way);
  if (!t->problems && !t->state->stopped) compare_counts(t);
}

/* *entries: what the tree says that it has, or has. */
static void walk_tree(struct hf__lmdb_state *s, const struct hf__lmdb_tree *tree, enum hf__lmdb_tree_kind kind,
                      hf_slice name, uint16_t order, uint64_t *entries) {
  struct hf__lmdb_tree_walk t = {s, tree, kind, name, order, 0, 0, 0, 0, 0};
  walk_root(&t);
  *entries = t.entries;
}

/* Pages that no tree has and the free list neither: no damage, but nobody will use them again. */
static void count_lost(struct hf__lmdb_state *s) {
  struct hf__lmdb_walk *w = s->walk;
  if (s->totals->problems || s->stopped) return;
  for (uint64_t i = HF__LMDB_FIRST_PAGE; i < w->bits; i++)
    s->totals->lost += !hf__lmdb_walk_has(w, w->used, i) && !hf__lmdb_walk_has(w, w->freed, i);
  struct hf__lmdb_tree_walk t = {s, &w->view->free, HF__LMDB_FREE_LIST, {NULL, 0}, 0, 0, 0, 0, 0, 0};
  if (s->totals->lost)
    hf__lmdb_tell_note(&t, HF__LMDB_NO_PAGE, "lacks %llu pages that no tree has: they are lost room",
                       (unsigned long long)s->totals->lost);
}

hf_status hf__lmdb_walk_run(struct hf__lmdb_walk *walk, struct hf__lmdb_totals *totals, hf_error *err) {
  struct hf__lmdb_state s = {.walk = walk, .totals = totals};
  uint64_t unused;
  *totals = (struct hf__lmdb_totals){.commit = walk->view->commit};
  uint64_t last = walk->view->last_page;
  walk->bits = last < walk->file->pages ? last + 1 : walk->file->pages;
  walk->used = calloc(walk->bits / 8 + 1, 1);
  walk->freed = calloc(walk->bits / 8 + 1, 1);
  if (!walk->used || !walk->freed) {
    hf__lmdb_walk_free(walk);
    return hf_error_no_memory(err);
  }
  walk_tree(&s, &walk->view->free, HF__LMDB_FREE_LIST, (hf_slice){NULL, 0}, HF__LMDB_INTEGER_KEY, &unused);
  totals->free_list_sound = !totals->problems && !s.stopped;
  walk_tree(&s, &walk->view->main, HF__LMDB_MAIN, (hf_slice){NULL, 0}, 0, &unused);
  count_lost(&s);
  if (s.unreadable)
    return hf_error_set(err, HF_IO, "page %llu of the data file cannot be read: %s",
                        (unsigned long long)s.unreadable_page, strerror(s.unreadable));
  return s.out_of_memory ? hf_error_no_memory(err) : HF_OK;
}

void hf__lmdb_walk_free(struct hf__lmdb_walk *walk) {
  free(walk->used);
  free(walk->freed);
  walk->used = walk->freed = NULL;
  walk->bits = 0;
}
