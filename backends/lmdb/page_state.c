/* SPDX-License-Identifier: MIT
 *
 * The state of a page walk: see page_state.h.
 */
#include "page_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MOST = 200, NAME_SHOWN = 120 };

static const char *tree_text(const struct hf__lmdb_tree_walk *t, char out[TEXT_MOST]) {
  if (t->kind == HF__LMDB_FREE_LIST) return "the free list";
  if (t->kind == HF__LMDB_MAIN) return "the main tree";
  size_t n = 0;
  out[n++] = '"';
  for (size_t i = 0; i < t->name.size && n < NAME_SHOWN; i++) {
    unsigned char c = (unsigned char)t->name.data[i];
    n += (size_t)snprintf(out + n, TEXT_MOST - n, c < ' ' || c == 127 ? "\\%03o" : "%c", c);
  }
  snprintf(out + n, TEXT_MOST - n, "\"");
  return out;
}

static void tell(struct hf__lmdb_tree_walk *t, uint64_t page, bool note, const char *fmt, va_list args) {
  char name[TEXT_MOST], problem[TEXT_MOST];
  struct hf__lmdb_state *s = t->state;
  *(note ? &s->totals->notes : &s->totals->problems) += 1;
  t->problems += !note;
  if (!s->walk->found || s->stopped) return;
  vsnprintf(problem, sizeof problem, fmt, args);
  struct hf__lmdb_finding f = {page, tree_text(t, name), t->name, problem, note};
  if (!s->walk->found(s->walk->arg, &f)) s->stopped = true;
}

void hf__lmdb_tell(struct hf__lmdb_tree_walk *t, uint64_t page, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  tell(t, page, false, fmt, args);
  va_end(args);
}

void hf__lmdb_tell_note(struct hf__lmdb_tree_walk *t, uint64_t page, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  tell(t, page, true, fmt, args);
  va_end(args);
}

static void set(unsigned char *bits, uint64_t page) { bits[page / 8] |= (unsigned char)(1U << page % 8); }

const char *hf__lmdb_take(struct hf__lmdb_state *s, uint64_t page) {
  struct hf__lmdb_walk *w = s->walk;
  if (page < HF__LMDB_FIRST_PAGE || page > w->view->last_page) return "cannot be";
  if (page >= w->bits) return "lies beyond the end of the file";
  if (hf__lmdb_walk_has(w, w->used, page)) return "is referred to twice";
  if (hf__lmdb_walk_has(w, w->freed, page)) return "is in use and in the free list";
  set(w->used, page);
  return NULL;
}

const char *hf__lmdb_take_free(struct hf__lmdb_state *s, uint64_t page) {
  struct hf__lmdb_walk *w = s->walk;
  if (page < HF__LMDB_FIRST_PAGE || page > w->view->last_page) return "that cannot be";
  s->totals->free++;
  if (page >= w->bits) return NULL; /* the file need not reach the last page */
  if (hf__lmdb_walk_has(w, w->used, page)) return "that is in use";
  if (hf__lmdb_walk_has(w, w->freed, page)) return "that it has already";
  set(w->freed, page);
  return NULL;
}

const char *hf__lmdb_walk_read(struct hf__lmdb_state *s, uint64_t page, void *out, size_t size) {
  int rc = hf__lmdb_read_pages(s->walk->file, page, out, size);
  if (rc > 0 && !s->walk->skip_unreadable && !s->unreadable) {
    s->stopped = true;
    s->unreadable = rc;
    s->unreadable_page = page;
  }
  return !rc ? NULL : rc > 0 ? "cannot be read" : "lies beyond the end of the file";
}

static const char *overflow_problem(struct hf__lmdb_state *s, const struct hf__lmdb_node *node, uint32_t *pages) {
  const struct hf__lmdb_page_file *file = s->walk->file;
  struct hf__lmdb_page_head head;
  const char *problem = hf__lmdb_take(s, node->big);
  if (problem) return problem;
  if ((problem = hf__lmdb_walk_read(s, node->big, &head, sizeof head))) return problem;
  if (head.page != node->big || head.flags != HF__LMDB_OVERFLOW) return "is no overflow page";
  uint64_t needed = (node->size + HF__LMDB_PAGE_HEAD - 1) / file->page_size + 1;
  if (head.pages < needed) return "has fewer pages after it than its value needs";
  for (uint32_t i = 1; i < head.pages; i++) /* ends at the file's end, or where a page is taken */
    if ((problem = hf__lmdb_take(s, node->big + i))) return "is followed by pages that are not its own";
  *pages = head.pages;
  return NULL;
}

bool hf__lmdb_take_overflow(struct hf__lmdb_tree_walk *t, uint64_t page, const struct hf__lmdb_node *node) {
  uint32_t pages = 0;
  const char *problem = overflow_problem(t->state, node, &pages);
  if (problem) {
    hf__lmdb_tell(t, page, "refers to overflow page %llu, which %s", (unsigned long long)node->big, problem);
    return false;
  }
  t->overflow += pages;
  t->state->totals->overflow += pages;
  return true;
}
