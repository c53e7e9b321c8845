/* SPDX-License-Identifier: MIT
 *
 * What a page walk tells: see page_report.h.
 */
#include "page_report.h"

#include <stdio.h>

void hf__lmdb_finding_text(const struct hf__lmdb_finding *f, char *out, size_t capacity) {
  if (f->page == HF__LMDB_NO_PAGE)
    snprintf(out, capacity, "%s %s", f->tree, f->problem);
  else
    snprintf(out, capacity, "page %llu of %s %s", (unsigned long long)f->page, f->tree, f->problem);
}

bool hf__lmdb_walk_has(const struct hf__lmdb_walk *walk, const unsigned char *bits, uint64_t page) {
  return page < walk->bits && bits[page / 8] & 1U << page % 8;
}
