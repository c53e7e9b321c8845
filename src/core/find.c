/* SPDX-License-Identifier: MIT
 *
 * Whether a loop goes by an index: see find.h.
 */
#include "core/find.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "core/candidates.h"
#include "core/change.h"
#include "core/fetch.h"
#include "core/page.h"
#include "core/persist.h"

/* When it is looked for candidates: once so many entities were looked at, for at most so many.  Looking for them takes
 * about a third of the time of a scan of as many; reading one about that of a scan of ten.  What is looked for at first
 * is found without a scan, and is little all the same: a loop may be left at an entity that a scan comes upon at once.
 */
static const struct attempt {
  uint64_t looked_at, most;
} attempts[] = {{0, 128}, {128, 1024}, {2048, 8192}, {16384, UINT64_MAX}};

enum {
  ATTEMPTS = sizeof attempts / sizeof *attempts,
  SHARE = 20,         /* candidates are read one by one where they are at most this part of the collection */
  SHARE_FIRST = 1024, /* and looked for at first where they are at most this part */
  FIRST = 16,         /* or so few */
  SPARSE = 16,        /* they are looked for again where at most this part of what a scan looked at was wanted */
  SURELY = 4,         /* so few are read whatever the size of the collection */
  PAGE_MAX = 128,     /* candidates that are read at once */
  CHECKS_MAX = 8,     /* candidates that are not what the index says for which is looked why, in one loop */
  WITHIN_MAX = 1024,  /* entries that are counted where only those within bounds of ids are wanted */
  VAIN_MAX = 1024,    /* entries that may be read in vain, and one more for each entity that is looked at */
  AGAIN_MAX = 8,      /* how often all candidates may be read from the index again, in all */
};

struct hf__find {
  hf_index_set *set;
  hf__candidates found; /* without a list: there are none, and the loop scans */
  unsigned attempt;     /* the next one; ATTEMPTS: there is none */
  bool has_base;
  hf__progress base; /* when it began */
  uint64_t vain;     /* entries that were read where that led to no candidates, whatever the condition */
  uint64_t counted;  /* entries that were read to look again */
  uint64_t first;    /* candidates, the first time */
  uint64_t changes;  /* hf__change_count() when they were collected */
  unsigned checks;   /* that may still be made */
  bool is_unusable;  /* an index is damaged, or cannot be read: true for every condition */
};

hf_status hf__find_begin(hf_persist *p, void *txn, hf__find **out, hf_error *err) {
  hf_index_set *set = NULL;
  hf_error unused;
  *out = NULL;
  if (p->backend->index_set(p->impl, txn, p->collection, &set, &unused) || !set) return HF_OK;
  hf__find *f = malloc(sizeof *f);
  if (!f) {
    hf_index_set_free(set);
    return hf__no_memory(err);
  }
  *f = (hf__find){.set = set, .checks = CHECKS_MAX};
  *out = f;
  return HF_OK;
}

void hf__find_free(hf__find *f) {
  if (!f) return;
  hf__candidates_free(&f->found);
  hf_index_set_free(f->set);
  free(f);
}

void hf__find_restart(hf__find *f) {
  if (!f) return;
  hf__candidates_free(&f->found);
  f->attempt = f->counted > 0 && f->counted > AGAIN_MAX * f->first ? ATTEMPTS : 0;
  if (f->is_unusable) f->attempt = ATTEMPTS;
  f->has_base = false;
}

bool hf__find_is_in_use(const hf__find *f) { return f && f->found.list; }

/* The loop goes on by scan, and looks no more. */
static void give_up(hf__find *f) {
  hf__candidates_free(&f->found);
  f->attempt = ATTEMPTS;
}

/* The loop goes on so for every condition that it comes to have. */
static void give_up_for_good(hf__find *f) {
  f->is_unusable = true;
  give_up(f);
}

static void warn(const hf_persist *p, const hf_error *err) {
  if (err->status != HF_NO_MEMORY)
    hf_warn("%s: a loop that could go by an index scans, since that cannot be read: %s", p->name.data, err->message);
}

/* ---- looking */

static uint64_t size_of(const hf_persist *p, void *txn) {
  uint64_t count = 0;
  hf_error unused;
  return p->backend->count(p->impl, txn, p->collection, &count, &unused) ? 0 : count;
}

/* Looks for at most `most` candidates.  Whether there are so few. */
static bool look(hf__find *f, const hf__lookup *in, uint64_t most) {
  hf_error err;
  uint64_t changes = hf__change_count(in->persist);
  if (hf__candidates_find(in, most, &f->found, &err)) {
    warn(in->persist, &err);
    give_up_for_good(f);
    return false;
  }
  f->changes = changes;
  return f->found.list != NULL;
}

/* Whether so many candidates are worth reading beside a scan of the collection, where that is small. */
static bool are_few(const hf__find *f, const hf__lookup *in) {
  size_t count = hf_id_list_size(f->found.list);
  return count <= SURELY || count * SPARSE <= size_of(in->persist, in->txn);
}

/* For how many candidates is looked at first, in a collection of this size. */
static uint64_t most_at_first(uint64_t size) {
  uint64_t share = size / SHARE_FIRST, most = share < attempts[0].most ? share : attempts[0].most;
  return most > FIRST ? most : FIRST;
}

/* Whether that few are there. */
static bool first_look(hf__find *f, const hf__lookup *in) {
  if (look(f, in, FIRST)) {
    if (are_few(f, in)) return true;
    give_up(f);
    return false;
  }
  uint64_t most = most_at_first(size_of(in->persist, in->txn));
  return most > FIRST && look(f, in, most);
}

/* Once a scan has begun: unless what it finds is so much that it may end soon, or an index would be of no use. */
static bool later_look(hf__find *f, const hf__lookup *in, const struct attempt *attempt) {
  uint64_t size = size_of(in->persist, in->txn), share = size / SHARE;
  uint64_t most = share < attempt->most ? share : attempt->most;
  if (share <= attempt->most) f->attempt = ATTEMPTS; /* it is not looked for more */
  return most > most_at_first(size) && look(f, in, most);
}

/* Whether it is time for the next attempt. */
static bool is_due(hf__find *f, const hf__progress *progress) {
  if (!f->has_base) {
    f->base = *progress;
    f->has_base = true;
    if (f->vain > VAIN_MAX + progress->looked_at) f->attempt = ATTEMPTS;
  }
  return f->attempt < ATTEMPTS && progress->looked_at - f->base.looked_at >= attempts[f->attempt].looked_at;
}

/* Collects the candidates again: something was changed. */
static bool look_again(hf__find *f, const hf__lookup *in) {
  uint64_t most = 2 * hf_id_list_size(f->found.list) + FIRST;
  hf__candidates_free(&f->found);
  if (f->counted <= AGAIN_MAX * f->first && look(f, in, most)) {
    f->counted += f->found.walked;
    return true;
  }
  give_up(f);
  return false;
}

bool hf__find_try(hf__find *f, hf_persist *p, void *txn, hf_condition *condition, const hf__progress *progress) {
  hf__lookup in = {.persist = p, .txn = txn, .set = f->set, .condition = condition};
  if (f->found.list) return f->changes == hf__change_count(p) || look_again(f, &in);
  if (!is_due(f, progress)) return false;
  const struct attempt *attempt = &attempts[f->attempt];
  bool sparse = (progress->wanted - f->base.wanted) * SPARSE <= progress->looked_at - f->base.looked_at;
  f->attempt++;
  bool found = attempt == attempts ? first_look(f, &in) : sparse && later_look(f, &in, attempt);
  if (found) f->first = f->found.walked + FIRST;
  if (!found) f->vain += f->found.walked + FIRST;            /* looking costs something of its own, too */
  if (!found && f->found.walked == 0) f->attempt = ATTEMPTS; /* no index leads anywhere, and none will */
  return found;
}

uint64_t hf__find_patience(const hf__find *f, uint64_t looked_at) {
  if (!f->has_base || f->attempt >= ATTEMPTS) return 0;
  uint64_t at = f->base.looked_at + attempts[f->attempt].looked_at;
  return at > looked_at ? at - looked_at : 0;
}

bool hf__find_count(hf__find *f, hf_persist *p, void *txn, const hf_scan *scan, hf_condition *condition,
                    uint64_t *count) {
  hf__lookup in = {.persist = p, .txn = txn, .set = f->set, .condition = condition};
  hf_error err;
  bool sure;
  uint64_t quarantined = 0;
  const hf_backend *b = p->backend;
  if (f->found.list || f->attempt) return false; /* it was looked for that already */
  /* What is in quarantine has its entries still, and is not counted. */
  if (b->quarantined && (b->quarantined(p->impl, p->collection, &quarantined, &err) || quarantined)) return false;
  /* Entries of ids out of bounds are gone over as well: of many, a scan within the bounds may be far less. */
  bool is_bounded = scan->lower.data || scan->upper.data || scan->id_prefix.size;
  uint64_t most = is_bounded ? WITHIN_MAX : size_of(p, txn) + FIRST;
  if (hf__candidates_count(&in, most, scan, &sure, count, &err)) {
    warn(p, &err);
    give_up_for_good(f);
    return false;
  }
  return sure;
}

/* ---- reading */

/* Which candidates are wanted next: their keys, in the order of the loop. */
static size_t choose(const hf__find *f, const hf_scan *scan, hf_key keys[PAGE_MAX]) {
  const hf_id_list *list = f->found.list;
  size_t first, end, count = 0, limit = scan->limit < PAGE_MAX ? scan->limit : PAGE_MAX;
  hf_id_list_range(list, scan, &first, &end);
  for (; first < end && count < limit; scan->reverse ? end-- : first++) {
    size_t at = scan->reverse ? end - 1 : first;
    keys[count] = (hf_key){hf_id_list_id(list, at), hf_id_list_order(list, at)};
    count += hf_scan_matches(scan, keys[count].id);
  }
  return count;
}

/* What the candidates of a page are judged by. */
struct judged {
  const hf__find *find;
  const hf_scan *scan;
  hf_page *page;
};

static hf_status judge(const hf_entry *entry, size_t place, hf__fetched *what, void *arg, hf_error *err) {
  (void)place;
  const struct judged *j = arg;
  const hf__cover *cover = j->find->found.cover;
  uint64_t counted = j->page->counted;
  bool wanted;
  hf_status status = hf_page_judge(j->page, j->scan, entry->id, entry->json, &wanted, err);
  if (status) return status;
  bool is_no = !wanted && j->page->counted == counted;
  *what = wanted ? HF__FETCHED_KEPT : HF__FETCHED_LEFT_OUT;
  if (is_no && j->find->checks && !hf__lookup_is_within(j->find->set, cover->parts, cover->count, entry->json))
    *what = HF__FETCHED_ODD;
  return HF_OK;
}

/* Looks whether a candidate has an entry that is not true.  Then the index is damaged, and may have lost others. */
static bool is_damaged_at(hf__find *f, const hf__lookup *in, const hf_key *key) {
  char names[200];
  const hf__cover *cover = f->found.cover;
  if (!f->checks) return false;
  if (!hf__lookup_is_damaged(in, cover->parts, cover->count, key)) {
    f->checks--;
    return false;
  }
  hf__candidates_names(&f->found, f->set, names, sizeof names);
  hf_warn("%s: the index %s is damaged, and a loop scans in its place: what it says of %.*s is not so; verify --repair "
          "builds it again",
          in->persist->name.data, names, (int)key->id.size, key->id.data);
  give_up_for_good(f);
  return true;
}

/* The same of the odd ones of a page. */
static bool is_damaged(hf__find *f, const hf__lookup *in, const hf__fetch *fetch) {
  for (size_t i = 0; i < fetch->odd_count; i++)
    if (is_damaged_at(f, in, &fetch->keys[fetch->odd[i]])) return true;
  return false;
}

hf_status hf__find_page(hf__find *f, hf_persist *p, void *txn, const hf_scan *scan, hf_page *page, bool *more,
                        hf_error *err) {
  hf_key keys[PAGE_MAX];
  hf__lookup in = {.persist = p, .txn = txn, .set = f->set, .condition = scan->condition};
  struct judged judged = {f, scan, page};
  hf__fetch fetch = {.keys = keys, .max_bytes = scan->max_bytes, .judge = judge, .arg = &judged};
  fetch.count = choose(f, scan, keys);
  *more = fetch.count > 0; /* also after the last one: something may be changed before it is asked for more */
  if (!fetch.count) return HF_OK;
  hf_status status = hf__fetch_entities(p, txn, &fetch, page, err);
  if (status && status != HF_CORRUPT) return status;
  if (is_damaged(f, &in, &fetch)) return HF_OK;
  const hf_key *last = &keys[status || !fetch.done ? fetch.done : fetch.done - 1];
  if (!hf_page_resume(page, last->order)) return hf__no_memory(err);
  if (status) hf_page_fail_at(page, last->id);
  return status;
}

/* ---- explaining */

/* Adds by which index there are candidates, and how many. */
static bool write_found(hf_buffer *json, const hf__find *f) {
  char names[600]; /* of one it is the whole name */
  hf__candidates_names(&f->found, f->set, names, sizeof names);
  bool ok = !*names || (hf_buffer_printf(json, ",\"index\":") && hf__quote_damaged(json, hf_text(names)));
  return ok && hf_buffer_printf(json, ",\"candidates\":%zu", hf_id_list_size(f->found.list));
}

/* Whether a count would be answered by an index alone, also where a loop scans. */
static bool counts_alone(const hf__lookup *in, const hf_scan *scan) {
  uint64_t count;
  hf__find f = {.set = (hf_index_set *)(uintptr_t)in->set};
  return hf__find_count(&f, (hf_persist *)(uintptr_t)in->persist, in->txn, scan, in->condition, &count);
}

/* f is NULL where there are no indexes. */
static bool write_explanation(hf_buffer *json, const hf__find *f, const hf__lookup *in, const hf_scan *scan,
                              uint64_t of) {
  char can_be[100];
  bool is_found = f && f->found.list;
  const char *why = is_found ? can_be : f ? f->found.why : NULL;
  if (is_found)
    snprintf(can_be, sizeof can_be, "%zu of %llu entities can be those", hf_id_list_size(f->found.list),
             (unsigned long long)of);
  json->size = 0;
  return hf_buffer_printf(json, "{\"of\":%llu", (unsigned long long)of) && (!is_found || write_found(json, f)) &&
         hf_buffer_printf(json, ",\"asked\":\"%s\"", why && counts_alone(in, scan) ? "nothing" : "tested") &&
         (!why || (hf_buffer_printf(json, ",\"why\":") && hf__quote_damaged(json, hf_text(why)))) &&
         hf_buffer_add(json, "}", 1);
}

hf_status hf__find_explain(hf_persist *p, void *txn, const hf_scan *scan, hf_condition *condition, hf_buffer *json,
                           hf_error *err) {
  hf__find *f = NULL;
  bool can = condition && p->backend->index_each && p->backend->index_set;
  hf_status status = can ? hf__find_begin(p, txn, &f, err) : HF_OK;
  if (status) return status;
  uint64_t of = size_of(p, txn), share = of / SHARE;
  hf__lookup in = {.persist = p, .txn = txn, .set = f ? f->set : NULL, .condition = condition, .explains = true};
  if (f && look(f, &in, share > FIRST ? share : FIRST) && !are_few(f, &in)) {
    give_up(f);
    f->found.why = "an index leads to too large a part of so small a collection";
  }
  if (!write_explanation(json, f, &in, scan, of)) status = hf__no_memory(err);
  hf__find_free(f);
  return status;
}
