/* SPDX-License-Identifier: MIT
 *
 * Copying pages: see page_copy.h.  The walk marks each page that a tree has.  The copy has those in the same order, so
 * that the new number of a page is the count of marks before it: one pass over the file, reading and writing forwards,
 * with the numbers in nodes and heads exchanged on the way.  Runs of overflow pages stay runs.
 */
#include "page_copy.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <isa-l/crc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "meta.h"
#include "status.h"

enum {
  BLOCK = 512,         /* pages for which marks are counted at once */
  WINDOW = 1 << 18,    /* bytes that are read, changed and written at once */
  WRITE_OUT = 8 << 20, /* bytes after which the system is asked to write, so that the flush at the end is short */
  TEXT_MOST = 400
};

struct copying {
  struct hf__lmdb_copy *copy;
  struct hf__lmdb_walk walk;
  uint64_t *before;   /* for each block: marks in the blocks before it */
  uint64_t count;     /* marks */
  uint64_t mark_page; /* the leaf with the mark of the commit; HF__LMDB_NO_PAGE: none */
  unsigned char *window;
  uint64_t at;       /* bytes written */
  uint64_t overflow; /* pages that the run has left */
  char damage[TEXT_MOST];
};

/* ---- which pages */

static bool note_damage(void *arg, const struct hf__lmdb_finding *f) {
  struct copying *c = arg;
  if (f->note) return true;
  hf__lmdb_finding_text(f, c->damage, sizeof c->damage);
  return false;
}

static bool is_mark(const struct hf__lmdb_node *node) {
  return node->key.size == sizeof MARK_KEY - 1 && memcmp(node->key.data, MARK_KEY, sizeof MARK_KEY - 1) == 0 &&
         node->value.size >= MARK_SIZE;
}

/* Notes where the mark of the commit is. */
static void find_mark(void *arg, const struct hf__lmdb_visit *v) {
  struct copying *c = arg;
  struct hf__lmdb_node node;
  if (v->kind != HF__LMDB_MAIN || !v->leaf || v->soundness != HF__LMDB_SOUND) return;
  for (uint32_t i = 0, n = hf__lmdb_node_count(v->content); i < n; i++)
    if (!hf__lmdb_node_at(v->content, i, false, &node) && is_mark(&node)) c->mark_page = v->page;
}

/* Marks the pages of all trees but the free list. */
static hf_status mark_pages(struct copying *c, hf_error *err) {
  struct hf__lmdb_header view = *c->copy->view;
  struct hf__lmdb_totals totals;
  view.free = (struct hf__lmdb_tree){.pad = view.free.pad, .flags = view.free.flags, .root = HF__LMDB_NO_PAGE};
  c->walk = (struct hf__lmdb_walk){
      .file = c->copy->file, .view = &view, .arg = c, .found = note_damage, .visited = find_mark};
  hf_status status = hf__lmdb_walk_run(&c->walk, &totals, err);
  c->walk.view = NULL;
  if (status == HF_OK && *c->damage) return hf_error_set(err, HF_CORRUPT, "the store is damaged: %s", c->damage);
  return status;
}

static uint64_t count_bits(const unsigned char *bytes, uint64_t bits) {
  uint64_t n = 0, i = 0;
  for (; i + 64 <= bits; i += 64) {
    uint64_t word;
    memcpy(&word, bytes + i / 8, sizeof word);
    n += (uint64_t)__builtin_popcountll(word);
  }
  for (; i + 8 <= bits; i += 8) n += (uint64_t)__builtin_popcount(bytes[i / 8]);
  return i < bits ? n + (uint64_t)__builtin_popcount(bytes[i / 8] & ((1U << (bits - i)) - 1)) : n;
}

static hf_status count_marks(struct copying *c, hf_error *err) {
  uint64_t blocks = c->walk.bits / BLOCK + 1;
  c->before = malloc(blocks * sizeof *c->before);
  if (!c->before) return hf_error_no_memory(err);
  for (uint64_t b = 0; b < blocks; b++) {
    uint64_t left = c->walk.bits - b * BLOCK;
    c->before[b] = c->count;
    c->count += count_bits(c->walk.used + b * (BLOCK / 8), left < BLOCK ? left : BLOCK);
  }
  return HF_OK;
}

/* The page's number in the copy; one that is in no tree, which a sound file does not refer to, becomes none. */
static uint64_t new_number(const struct copying *c, uint64_t page) {
  if (!hf__lmdb_walk_has(&c->walk, c->walk.used, page)) return HF__LMDB_NO_PAGE;
  uint64_t block = page / BLOCK;
  return HF__LMDB_FIRST_PAGE + c->before[block] + count_bits(c->walk.used + block * (BLOCK / 8), page % BLOCK);
}

/* ---- one page */

static void renumber(const struct copying *c, unsigned char *at) {
  uint64_t page;
  memcpy(&page, at, sizeof page);
  if (page != HF__LMDB_NO_PAGE) page = new_number(c, page);
  memcpy(at, &page, sizeof page);
}

/* A branch has 48 bits of a number in three places. */
static void put_child(unsigned char *node, uint64_t page) {
  uint16_t parts[3] = {(uint16_t)page, (uint16_t)(page >> 16), (uint16_t)(page >> 32)};
  memcpy(node, parts, sizeof parts);
}

static void change_mark(const struct copying *c, unsigned char *value) {
  uint64_t commit;
  memcpy(&commit, value, sizeof commit);
  if (le64toh(commit) != c->copy->view->commit) return; /* the commit is a stranger's, and the gap stays one */
  commit = htole64(c->copy->commit);
  memcpy(value, &commit, sizeof commit);
}

static void change_nodes(const struct copying *c, uint64_t number, unsigned char *bytes, uint16_t flags) {
  struct hf__lmdb_page page = {bytes, c->copy->file->page_size};
  bool branch = flags & HF__LMDB_BRANCH;
  struct hf__lmdb_node node;
  for (uint32_t i = 0, n = hf__lmdb_node_count(page); i < n; i++) {
    if (hf__lmdb_node_at(page, i, branch, &node)) continue; /* the walk has seen that there is none such */
    unsigned char *value = bytes + node.begin + HF__LMDB_NODE_HEAD + node.key.size;
    if (branch)
      put_child(bytes + node.begin, new_number(c, node.child));
    else if (node.flags & HF__LMDB_NODE_BIG)
      renumber(c, value);
    else if (node.flags & HF__LMDB_NODE_TREE && node.value.size == sizeof(struct hf__lmdb_tree))
      renumber(c, value + offsetof(struct hf__lmdb_tree, root));
    else if (number == c->mark_page && is_mark(&node))
      change_mark(c, value);
  }
}

/* Makes a page of the file one of the copy.  False: it is not what the walk has seen. */
static bool change_page(struct copying *c, uint64_t number, unsigned char *bytes) {
  struct hf__lmdb_page_head head;
  if (c->overflow) { /* bytes of a value, without a head */
    c->overflow--;
    return true;
  }
  memcpy(&head, bytes, sizeof head);
  if (head.page != number) return false;
  if (head.flags & HF__LMDB_OVERFLOW) c->overflow = head.pages - 1;
  if (!(head.flags & (HF__LMDB_OVERFLOW | HF__LMDB_LEAF2))) change_nodes(c, number, bytes, head.flags);
  head.page = new_number(c, number);
  memcpy(bytes, &head, sizeof head);
  return true;
}

/* ---- writing */

static hf_status put(const struct copying *c, const void *bytes, size_t size, uint64_t at, hf_error *err) {
  const char *p = bytes;
  while (size) {
    ssize_t n = pwrite(c->copy->fd, p, size, (off_t)at);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) errno = ENOSPC;
    if (n <= 0) return hf__lmdb_fail_errno(err, "write", "the copy of the store");
    p += n;
    at += (uint64_t)n;
    size -= (size_t)n;
  }
  return HF_OK;
}

/* Has what was written go to the disk while more is read.  It is no flush, and may fail. */
static void write_out(const struct copying *c, uint64_t before) {
  if (before / WRITE_OUT == c->at / WRITE_OUT) return;
  uint64_t from = before / WRITE_OUT * WRITE_OUT;
  sync_file_range(c->copy->fd, (off_t)from, WRITE_OUT, SYNC_FILE_RANGE_WRITE);
  if (from >= WRITE_OUT)
    sync_file_range(c->copy->fd, (off_t)(from - WRITE_OUT), WRITE_OUT,
                    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}

/* Copies pages that follow each other. */
static hf_status copy_run(struct copying *c, uint64_t page, uint64_t pages, hf_error *err) {
  uint32_t size = c->copy->file->page_size;
  int rc = hf__lmdb_read_pages(c->copy->file, page, c->window, pages * size);
  if (rc > 0)
    return hf_error_set(err, HF_IO, "page %llu of the data file cannot be read: %s", (unsigned long long)page,
                        strerror(rc));
  bool ok = rc == 0;
  for (uint64_t i = 0; i < pages && ok; i++) ok = change_page(c, page + i, c->window + i * size);
  if (!ok)
    return hf_error_set(err, HF_CORRUPT, "the store is damaged: page %llu is not what it was a moment ago",
                        (unsigned long long)page);
  hf_status status = put(c, c->window, pages * size, c->at, err);
  if (status) return status;
  c->copy->pages_sum = crc32_iscsi(c->window, (int)(pages * size), c->copy->pages_sum);
  uint64_t before = c->at;
  c->at += pages * size;
  write_out(c, before);
  return HF_OK;
}

/* How many marked pages follow each other from a marked one on, as far as the window holds them. */
static uint64_t run_length(const struct copying *c, uint64_t page) {
  uint64_t n = 1, most = WINDOW / c->copy->file->page_size;
  while (n < most && hf__lmdb_walk_has(&c->walk, c->walk.used, page + n)) n++;
  return n;
}

static hf_status copy_all(struct copying *c, hf_error *err) {
  const hf_progress *p = c->copy->progress;
  uint32_t size = c->copy->file->page_size;
  uint64_t total = (c->count + HF__LMDB_FIRST_PAGE) * size;
  hf_status status = HF_OK;
  c->at = (uint64_t)HF__LMDB_FIRST_PAGE * size;
  for (uint64_t page = HF__LMDB_FIRST_PAGE; page < c->walk.bits && status == HF_OK;) {
    if (!hf__lmdb_walk_has(&c->walk, c->walk.used, page)) {
      page++;
      continue;
    }
    uint64_t pages = run_length(c, page);
    status = copy_run(c, page, pages, err);
    page += pages;
    if (status == HF_OK && p && p->fn && !p->fn(p->arg, c->at, total))
      status = hf_error_set(err, HF_BUSY, "it was stopped");
  }
  c->copy->bytes = c->at;
  return status;
}

/* Both headers: of the commit, and of the one before with the same trees, as LMDB would go by them if that were the
 * newest. */
static hf_status put_headers(struct copying *c, hf_error *err) {
  const struct hf__lmdb_header *view = c->copy->view;
  uint32_t size = c->copy->file->page_size;
  memset(c->window, 0, (size_t)2 * size);
  for (unsigned which = 0; which < 2; which++) {
    struct hf__lmdb_header h = *view;
    h.head = (struct hf__lmdb_page_head){.page = which, .flags = HF__LMDB_META};
    h.address = 0;
    h.free = (struct hf__lmdb_tree){.pad = view->free.pad, .flags = view->free.flags, .root = HF__LMDB_NO_PAGE};
    if (h.main.root != HF__LMDB_NO_PAGE) h.main.root = new_number(c, h.main.root);
    h.last_page = HF__LMDB_FIRST_PAGE + c->count - 1;
    h.commit = c->copy->commit - (c->copy->commit % 2 != which);
    memcpy(c->window + which * size, &h, sizeof h);
  }
  c->copy->headers_sum = crc32_iscsi(c->window, (int)(2 * size), 0);
  return put(c, c->window, (size_t)2 * size, 0, err);
}

hf_status hf__lmdb_copy_pages(struct hf__lmdb_copy *copy, hf_error *err) {
  struct copying c = {.copy = copy, .mark_page = HF__LMDB_NO_PAGE};
  copy->bytes = copy->pages_sum = copy->headers_sum = 0;
  c.window = malloc(WINDOW);
  hf_status status = c.window ? mark_pages(&c, err) : hf_error_no_memory(err);
  if (status == HF_OK) status = count_marks(&c, err);
  if (status == HF_OK) status = copy_all(&c, err);
  if (status == HF_OK) status = put_headers(&c, err);
  free(c.before);
  free(c.window);
  hf__lmdb_walk_free(&c.walk);
  return status;
}
