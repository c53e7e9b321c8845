/* SPDX-License-Identifier: MIT
 *
 * Pages in each other's place: see rescue_moved.h.  Overflow pages after the first bear no number: what is there is
 * looked for where the page is from that took their place, and the record's checksum decides.
 */
#include "rescue_moved.h"

#include <stdlib.h>

enum { MOVED_MOST = 64 }; /* more of them are no accident that this can mend */

/* The number that the page in a place bears, if what is there looks like a page; HF__LMDB_NO_PAGE: it does not. */
static uint64_t number_at(const struct hf__lmdb_page_file *file, uint64_t place) {
  struct hf__lmdb_page_head head;
  if (hf__lmdb_read_pages(file, place, &head, sizeof head) || head.page >= file->pages) return HF__LMDB_NO_PAGE;
  switch (head.flags) {
  case HF__LMDB_BRANCH:
  case HF__LMDB_LEAF:
    return head.lower >= HF__LMDB_PAGE_HEAD && head.lower <= head.upper ? head.page : HF__LMDB_NO_PAGE;
  case HF__LMDB_OVERFLOW: return head.pages && head.pages <= file->pages ? head.page : HF__LMDB_NO_PAGE;
  case HF__LMDB_META: return head.page < HF__LMDB_FIRST_PAGE ? head.page : HF__LMDB_NO_PAGE;
  default: return HF__LMDB_NO_PAGE;
  }
}

static bool add(struct hf__lmdb_moved *moved, size_t *count, uint64_t page, uint64_t place) {
  for (size_t i = 0; i < *count; i++)
    if (moved[i].page == page) return true;
  if (*count == MOVED_MOST) return false;
  moved[(*count)++] = (struct hf__lmdb_moved){page, place};
  return true;
}

hf_status hf__lmdb_find_moved(struct hf__lmdb_page_file *file, hf_error *err) {
  size_t count = 0;
  struct hf__lmdb_moved *moved = calloc(MOVED_MOST, sizeof *moved);
  if (!moved) return hf_error_no_memory(err);
  bool few = true;
  for (uint64_t place = 0; place < file->pages && few; place++) {
    uint64_t number = number_at(file, place);
    if (number == HF__LMDB_NO_PAGE || number == place || number_at(file, number) == number) continue;
    bool one_bit = ((number ^ place) & ((number ^ place) - 1)) == 0;
    if (one_bit && number_at(file, number) != place) continue; /* rather a flipped bit than another page */
    few = add(moved, &count, number, place) && add(moved, &count, place, number);
  }
  file->moved = moved;
  file->moved_count = few ? count : 0;
  return HF_OK;
}
