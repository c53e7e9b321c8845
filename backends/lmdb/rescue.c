/* SPDX-License-Identifier: MIT
 *
 * What is left of a damaged store: see rescue.h.  It goes by the newest commit of which a header is left, never by an
 * older one: what that commit removed must not come back.
 *
 *  1. Its tree is walked twice: first to see which pages are reached more than once, which only one of those who refer
 * to them may; then for the records of the others.  A page in the free list is nobody's.
 *  2. Where the walk found a gap, leaves that are neither reached nor free were cut off by it.  Their entity name is
 * that under which the commit before reached the same page; or, of a page that was written since, that of the page with
 *     the same ids which it replaced; or that of the only gap which has room for its keys.
 *  3. What was in quarantine was present, and unreadable: it is so again.  Otherwise its id would be missing.
 *  4. What is on other pages was given back: older versions, and entities that were removed.  It is told of, no more.
 */
#include "rescue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "env.h"
#include "meta.h"
#include "other_processes.h"
#include "page_walk.h"
#include "quarantine.h"
#include "rescue_ids.h"
#include "rescue_moved.h"
#include "rescue_names.h"
#include "rescue_own.h"
#include "rescue_page.h"

enum { PATH_MOST = 4096, AMBIGUOUS = UINT32_MAX, ANY_NAME = 0, TAG_ALL = UINT32_MAX };

/* A part of a tree that the walk could not enter: keys from `lower` on and below `upper` (size 0: any) are missing. */
struct gap {
  uint32_t name; /* ANY_NAME: the main tree, and so whole trees */
  size_t lower_size, upper_size;
  unsigned char lower[HF__LMDB_KEY_MOST], upper[HF__LMDB_KEY_MOST];
};

/* What is known of each page of the file. */
struct page_info {
  uint32_t name, former; /* by which the commit's tree reaches it, and the tree of the commit before; 0: none */
  uint8_t times;         /* how often it is reached; 2 is more than once */
  bool given;            /* its records were handed out */
};

struct rescue {
  struct hf__lmdb_page_file file;
  struct hf__lmdb_header views[2];
  const struct hf__lmdb_header *view, *before; /* the commit, and the one before it; NULL: its header is damaged */
  struct hf__lmdb_walk walk;                   /* of the commit: which pages are used and free */
  struct page_info *pages;
  hf__lmdb_names names;
  struct gap *gaps;
  size_t gap_count;
  uint64_t stated;             /* entities, by the records of the named trees */
  uint64_t kept;               /* of quarantine, that were handed out */
  bool has_unknown;            /* a tree may be one of ours or of a name, so what it says of itself means nothing */
  bool has_format;             /* the record of the format was handed out */
  struct hf__lmdb_tally tally; /* of what was written and what came back */
  hf__lmdb_ids given, replaced, old;
  unsigned char *bytes; /* a page */
  hf_rescue_fn fn;
  void *arg;
  hf_rescue_report *report;
  bool stopped, out_of_memory;
};

/* ---- names */

static uint32_t name_number(struct rescue *r, hf_slice name) {
  uint32_t number;
  if (!hf__lmdb_names_number(&r->names, name, &number)) r->out_of_memory = true;
  return number;
}

/* ---- handing out */

static void emit(struct rescue *r, hf_rescue_kind kind, uint32_t name, uint64_t page, const hf__lmdb_found *f) {
  hf_rescued out = {
      .kind = kind, .id = f->id, .json = f->is_sound ? f->json : f->record, .info = f->info, .page = page};
  hf__lmdb_rescue_name *n = name ? &r->names.list[name] : NULL;
  if (n) out.entity_name = n->text;
  if (n && !n->is_valid) out.apart = n->apart = n->apart ? n->apart : page;
  if (!n && kind != HF_RESCUE_OLD) out.apart = page;
  if (out.apart && kind != HF_RESCUE_DAMAGED) out.kind = HF_RESCUE_APART;
  r->report->found[out.kind]++;
  if (!r->fn(r->arg, &out)) r->stopped = true;
}

/* Hands out what is present, each id of a name once. */
static void emit_present(struct rescue *r, hf_rescue_kind kind, uint32_t name, uint64_t page, const hf__lmdb_found *f) {
  uint32_t tag =
      name ? name : HF__LMDB_NAMES_MOST + (uint32_t)page; /* without a name, each page is a collection of its own */
  uint64_t *number = hf__lmdb_ids_at(&r->given, tag, f->id);
  if (!number) {
    r->out_of_memory = true;
    return;
  }
  if (*number) return;
  *number = 1;
  uint64_t *any = hf__lmdb_ids_at(&r->given, TAG_ALL, f->id);
  if (any)
    *any = 1;
  else
    r->out_of_memory = true;
  if (f->is_sound && name) hf__lmdb_written_back(&r->tally, r->names.list[name].text, f->record, f->id);
  emit(r, f->is_sound ? kind : HF_RESCUE_DAMAGED, name, page, f);
}

/* ---- the present tree */

static bool is_between(hf_slice id, hf_slice lower, hf_slice upper) {
  unsigned char bytes[HF_ORDER_KEY_MAX];
  hf_slice order = {(const char *)bytes, hf_order_key(id, bytes)};
  if (!order.size) return false;
  return (!lower.size || hf__lmdb_compare(0, false, lower, order) <= 0) &&
         (!upper.size || hf__lmdb_compare(0, false, order, upper) < 0);
}

struct leaf {
  struct rescue *r;
  hf_rescue_kind kind;
  uint64_t page;
  uint32_t name;
  hf_slice lower, upper;
};

static bool give_record(void *arg, const hf__lmdb_found *f) {
  struct leaf *l = arg;
  if (is_between(f->id, l->lower, l->upper)) emit_present(l->r, l->kind, l->name, l->page, f);
  return !l->r->stopped && !l->r->out_of_memory;
}

static void give_leaf(struct leaf *l, struct hf__lmdb_page page) {
  bool out_of_memory;
  hf__lmdb_salvage(&l->r->file, page, give_record, l, &out_of_memory);
  l->r->out_of_memory |= out_of_memory;
  if (l->page < l->r->walk.bits) l->r->pages[l->page].given = true;
}

/* A page that is in its place but bears a number with one other bit. */
static bool has_flipped_number(const struct rescue *r, const struct hf__lmdb_visit *v) {
  if (!v->content.bytes) return false;
  uint64_t number = hf__lmdb_head_of(v->content).page, bits = number ^ v->page;
  struct hf__lmdb_page_head other;
  if (!bits || bits & (bits - 1)) return false;
  return hf__lmdb_read_pages(&r->file, number, &other, sizeof other) != 0 || other.page == number ||
         number < HF__LMDB_FIRST_PAGE;
}

static bool is_quarantine(hf_slice name) {
  return name.size == sizeof QUARANTINE_DB - 1 && memcmp(name.data, QUARANTINE_DB, name.size) == 0;
}

static bool is_meta(hf_slice name) {
  return name.size == sizeof META_DB - 1 && memcmp(name.data, META_DB, name.size) == 0;
}

/* What stands in for an entity in quarantine. */
static void give_kept(struct leaf *l, const hf__lmdb_kept *kept) {
  struct rescue *r = l->r;
  hf__lmdb_found found = {.id = kept->id, .record = kept->bytes};
  uint64_t before = r->report->found[HF_RESCUE_DAMAGED];
  emit_present(r, HF_RESCUE_DAMAGED, name_number(r, kept->entity_name), l->page, &found);
  r->kept += r->report->found[HF_RESCUE_DAMAGED] - before;
}

/* A setting, or the like. */
static void give_setting(struct leaf *l, hf_slice key, hf_slice value) {
  hf_rescued out = {.kind = HF_RESCUE_KEPT, .id = key, .json = value, .page = l->page};
  l->r->has_format |= key.size == sizeof META_FORMAT - 1;
  if (!l->r->fn(l->r->arg, &out)) l->r->stopped = true;
}

static bool give_own(void *arg, hf_slice key, hf_slice value) {
  struct leaf *l = arg;
  hf__lmdb_kept kept;
  if (hf__lmdb_is_meta_key(key))
    give_setting(l, key, value);
  else if (hf__lmdb_quarantine_read(key, value, &kept))
    give_kept(l, &kept);
  return !l->r->stopped && !l->r->out_of_memory;
}

/* A leaf of a tree that may be ours. */
static void give_own_leaf(struct rescue *r, uint64_t page, struct hf__lmdb_page content) {
  struct leaf leaf = {.r = r, .page = page};
  bool out_of_memory = false;
  hf__lmdb_each_value(&r->file, content, give_own, &leaf, &out_of_memory);
  r->out_of_memory |= out_of_memory;
  r->pages[page].given = true;
}

/* Whether a leaf of this name may have records; what is ours in it is handed out. */
static bool has_records(struct rescue *r, hf_slice name, uint64_t page, struct hf__lmdb_page content) {
  bool is_ours = hf__lmdb_is_own(name);
  if (is_ours || hf__lmdb_may_be_own(name)) give_own_leaf(r, page, content);
  r->has_unknown |= !is_ours && name.size && name.data[0] == META_DB[0];
  return !is_ours;
}

/* Whether the page's records are those of the tree that reached it. */
static bool is_leaf_of_its_tree(const struct rescue *r, const struct hf__lmdb_visit *v) {
  if (!v->leaf || v->kind != HF__LMDB_NAMED || v->page >= r->walk.bits) return false;
  return v->soundness != HF__LMDB_STRAY || has_flipped_number(r, v);
}

static void add_gap(struct rescue *r, const struct hf__lmdb_visit *v) {
  struct gap *more = realloc(r->gaps, (r->gap_count + 1) * sizeof *more);
  if (!more) {
    r->out_of_memory = true;
    return;
  }
  r->gaps = more;
  struct gap *g = &r->gaps[r->gap_count++];
  *g = (struct gap){.name = v->kind == HF__LMDB_NAMED ? name_number(r, v->name) : ANY_NAME};
  if (!g->name) return;
  g->lower_size = v->lower.size;
  g->upper_size = v->upper.size;
  if (v->lower.size) memcpy(g->lower, v->lower.data, v->lower.size);
  if (v->upper.size) memcpy(g->upper, v->upper.data, v->upper.size);
}

/* How many entities the trees say they have, of which the page has the records. */
static uint64_t stated_in(struct hf__lmdb_page page) {
  uint64_t sum = 0;
  uint32_t count = hf__lmdb_node_count(page);
  for (uint32_t i = 0; i < count; i++) {
    struct hf__lmdb_node node;
    struct hf__lmdb_tree tree;
    if (hf__lmdb_node_at(page, i, false, &node) || hf__lmdb_is_own(node.key) || node.value.size != sizeof tree)
      continue;
    memcpy(&tree, node.value.data, sizeof tree);
    sum += tree.entries;
  }
  return sum;
}

/* The first walk: who reaches what. */
static void note_page(void *arg, const struct hf__lmdb_visit *v) {
  struct rescue *r = arg;
  if (v->kind != HF__LMDB_MAIN && v->kind != HF__LMDB_NAMED) return;
  if (v->page < r->file.pages && r->pages[v->page].times < 2) r->pages[v->page].times++;
}

/* Whether a page can have no records of a name, however damaged: what looks like some was in it before. */
static bool is_no_leaf(const struct hf__lmdb_visit *v) {
  bool is_in_place = v->soundness != HF__LMDB_STRAY;
  return is_in_place && (v->kind == HF__LMDB_MAIN || v->kind == HF__LMDB_FREE_LIST || !v->leaf);
}

/* The second: the records of what one alone reaches. */
static void take_page(void *arg, const struct hf__lmdb_visit *v) {
  struct rescue *r = arg;
  if (r->stopped || r->out_of_memory) return;
  bool shared = v->page < r->file.pages && r->pages[v->page].times > 1;
  if (!shared && v->page < r->file.pages && is_no_leaf(v)) r->pages[v->page].given = true;
  if (v->kind != HF__LMDB_MAIN && v->kind != HF__LMDB_NAMED) return;
  if (!shared && (v->kind == HF__LMDB_MAIN || hf__lmdb_is_own(v->name))) hf__lmdb_tally_visit(&r->tally, v);
  if (v->soundness <= HF__LMDB_MISNAMED && !shared) {
    if (v->leaf && v->kind == HF__LMDB_MAIN) r->stated += stated_in(v->content);
    if (is_no_leaf(v)) return;
  } else {
    add_gap(r, v);
  }
  if (shared || !is_leaf_of_its_tree(r, v)) return;
  if (hf__lmdb_walk_has(&r->walk, r->walk.freed, v->page)) return;
  if (!has_records(r, v->name, v->page, v->content)) return;
  struct leaf leaf = {r, HF_RESCUE_PRESENT, v->page, name_number(r, v->name), {NULL, 0}, {NULL, 0}};
  if (r->report->free_list_lost) { /* otherwise a page that one alone reaches is its own, whatever the keys above say */
    leaf.lower = v->lower;
    leaf.upper = v->upper;
  }
  give_leaf(&leaf, v->content);
}

/* ---- the commit before, for names alone */

static bool note_replaced(void *arg, const hf__lmdb_found *f) {
  struct leaf *l = arg;
  uint64_t *number = f->is_sound ? hf__lmdb_ids_at(&l->r->replaced, (uint32_t)f->info.revision, f->id) : NULL;
  if (!number) {
    l->r->out_of_memory |= f->is_sound;
    return !f->is_sound;
  }
  *number = *number && *number != l->name ? AMBIGUOUS : l->name;
  return true;
}

static void note_former(void *arg, const struct hf__lmdb_visit *v) {
  struct rescue *r = arg;
  if (v->kind != HF__LMDB_NAMED || !v->leaf || v->soundness == HF__LMDB_STRAY || v->page >= r->walk.bits) return;
  struct page_info *info = &r->pages[v->page];
  info->former = name_number(r, v->name);
  if (!hf__lmdb_walk_has(&r->walk, r->walk.freed, v->page)) return;
  struct leaf leaf = {.r = r, .name = info->former};
  bool out_of_memory;
  hf__lmdb_salvage(&r->file, v->content, note_replaced, &leaf, &out_of_memory);
  r->out_of_memory |= out_of_memory;
}

/* ---- leaves that were cut off */

struct vote {
  struct rescue *r;
  uint32_t name;   /* that all of its older records had in pages that the commit replaced; AMBIGUOUS */
  bool is_foreign; /* one of them was in none */
  uint64_t fits;   /* a bit for each of the first gaps that has room for all of them */
  unsigned records;
};

enum { GAPS_VOTED = 64 };

static bool cast_vote(void *arg, const hf__lmdb_found *f) {
  struct vote *v = arg;
  struct rescue *r = v->r;
  if (f->is_sound && f->info.revision != r->report->commit) {
    uint64_t name = hf__lmdb_ids_get(&r->replaced, (uint32_t)f->info.revision, f->id);
    v->is_foreign |= !name;
    if (name) v->name = v->name && v->name != name ? AMBIGUOUS : (uint32_t)name;
  }
  for (size_t i = 0; i < r->gap_count && i < GAPS_VOTED; i++) {
    const struct gap *g = &r->gaps[i];
    if (!is_between(f->id, (hf_slice){(const char *)g->lower, g->lower_size},
                    (hf_slice){(const char *)g->upper, g->upper_size}))
      v->fits &= ~(1ULL << i);
  }
  v->records++;
  return true;
}

/* Whether a gap of the name has room for them. */
static bool has_room(const struct rescue *r, uint64_t fits, uint32_t name) {
  if (r->gap_count > GAPS_VOTED) return true;
  for (size_t i = 0; i < r->gap_count; i++)
    if (fits & 1ULL << i && (r->gaps[i].name == name || r->gaps[i].name == ANY_NAME)) return true;
  return false;
}

/* The only name whose gaps have room for them; 0: none, or several. */
static uint32_t name_of_gaps(const struct rescue *r, uint64_t fits) {
  uint32_t name = 0;
  if (r->gap_count > GAPS_VOTED) return 0;
  for (size_t i = 0; i < r->gap_count; i++) {
    if (r->gaps[i].name == ANY_NAME) return 0;
    if (!(fits & 1ULL << i)) continue;
    if (name && name != r->gaps[i].name) return 0;
    name = r->gaps[i].name;
  }
  return name;
}

/* The entity name of a leaf that was cut off; 0: it cannot be told. */
static uint32_t name_of_leaf(struct rescue *r, uint64_t page, struct hf__lmdb_page content) {
  struct vote vote = {r, 0, false, ~0ULL, 0};
  bool out_of_memory;
  if (r->pages[page].former) return r->pages[page].former;
  hf__lmdb_salvage(&r->file, content, cast_vote, &vote, &out_of_memory);
  r->out_of_memory |= out_of_memory;
  if (!vote.records) return 0;
  uint32_t only = name_of_gaps(r, vote.fits);
  if (only) return only;
  bool is_clear = vote.name && vote.name != AMBIGUOUS && !vote.is_foreign;
  return is_clear && has_room(r, vote.fits, vote.name) ? vote.name : 0;
}

/* Reads a page that looks like a leaf; false: it does not. */
static bool read_leaf(struct rescue *r, uint64_t page, struct hf__lmdb_page *out) {
  *out = (struct hf__lmdb_page){r->bytes, r->file.page_size};
  if (hf__lmdb_read_pages(&r->file, page, r->bytes, r->file.page_size)) return false;
  struct hf__lmdb_page_head head = hf__lmdb_head_of(*out);
  return head.page == page && head.flags == HF__LMDB_LEAF;
}

static void give_cut_off(struct rescue *r) {
  struct hf__lmdb_page page;
  for (uint64_t i = HF__LMDB_FIRST_PAGE; i < r->walk.bits && !r->stopped && !r->out_of_memory; i++) {
    if (r->pages[i].given || hf__lmdb_walk_has(&r->walk, r->walk.freed, i) || !read_leaf(r, i, &page)) continue;
    uint32_t name = name_of_leaf(r, i, page);
    if (name && !has_records(r, r->names.list[name].text, i, page)) continue;
    struct leaf leaf = {r, name ? HF_RESCUE_CUT_OFF : HF_RESCUE_APART, i, name, {NULL, 0}, {NULL, 0}};
    give_leaf(&leaf, page);
  }
}

/* ---- what was given back */

struct old {
  struct rescue *r;
  uint64_t page;
  bool telling; /* the second time: the newest of each id is known */
};

static bool note_old(void *arg, const hf__lmdb_found *f) {
  struct old *o = arg;
  struct rescue *r = o->r;
  if (!f->is_sound || hf__lmdb_ids_get(&r->given, TAG_ALL, f->id)) return true;
  uint64_t *revision = hf__lmdb_ids_at(&r->old, 0, f->id);
  if (!revision) {
    r->out_of_memory = true;
    return false;
  }
  if (!o->telling) {
    if (f->info.revision + 1 > *revision) *revision = f->info.revision + 1; /* 0 is none */
  } else if (*revision == f->info.revision + 1) {
    *revision = UINT64_MAX;
    emit(r, HF_RESCUE_OLD, 0, o->page, f);
  }
  return !r->stopped;
}

static void tell_old(struct rescue *r) {
  for (int telling = 0; telling < 2; telling++)
    for (uint64_t i = HF__LMDB_FIRST_PAGE; i < r->file.pages && !r->stopped && !r->out_of_memory; i++) {
      struct hf__lmdb_page page;
      struct old old = {r, i, telling != 0};
      bool out_of_memory;
      if (r->pages[i].given || !read_leaf(r, i, &page)) continue;
      hf__lmdb_salvage(&r->file, page, note_old, &old, &out_of_memory);
      r->out_of_memory |= out_of_memory;
    }
}

/* What the commit has and nobody got. */
static uint64_t count_lost(const struct rescue *r) {
  const uint64_t *found = r->report->found;
  uint64_t given =
      found[HF_RESCUE_PRESENT] + found[HF_RESCUE_CUT_OFF] + found[HF_RESCUE_APART] + found[HF_RESCUE_DAMAGED];
  for (size_t i = 0; i < r->gap_count; i++)
    if (r->gaps[i].name == ANY_NAME || is_quarantine(r->names.list[r->gaps[i].name].text)) return UINT64_MAX;
  if (r->has_unknown) return UINT64_MAX;
  given -= r->kept; /* which the trees do not count */
  return r->view ? r->stated > given ? r->stated - given : 0 : UINT64_MAX;
}

/* Says of each name how many of its entities came back, where the store knows how many there were. */
static void tell_written(struct rescue *r) {
  bool known, whole = true, is_meta_whole = r->has_format;
  if (r->stopped || r->out_of_memory) return;
  for (size_t i = 0; i < r->gap_count; i++) {
    uint32_t name = r->gaps[i].name;
    whole &= name != ANY_NAME;
    is_meta_whole &= name == ANY_NAME || !is_meta(r->names.list[name].text);
  }
  if (!hf__lmdb_tell_written(&r->tally, r->report->commit, whole, &r->names, r->fn, r->arg, &known)) r->stopped = true;
  r->out_of_memory |= r->tally.out_of_memory;
  r->report->kept_lost = !is_meta_whole;
  r->report->written_lost = known ? !whole : r->tally.keeps_sums || !is_meta_whole;
}

/* ---- which commit */

static void note_newest_free(void *arg, const struct hf__lmdb_visit *v) {
  uint64_t *newest = arg, commit;
  struct hf__lmdb_node node;
  uint32_t count = v->content.bytes ? hf__lmdb_node_count(v->content) : 0;
  if (v->kind != HF__LMDB_FREE_LIST || !v->leaf || v->soundness != HF__LMDB_SOUND || !count) return;
  if (hf__lmdb_node_at(v->content, count - 1, false, &node) || node.key.size != sizeof commit) return;
  memcpy(&commit, node.key.data, sizeof commit);
  if (commit > *newest) *newest = commit;
}

/* Whether a header can be used; *newest_free: the last commit of its free list, which is its own where that gave pages
 * back, as nearly all do; 0: not known. */
static bool is_usable(struct rescue *r, const struct hf__lmdb_header *h, unsigned which, uint64_t *newest_free) {
  struct hf__lmdb_totals totals;
  hf_error unused;
  struct hf__lmdb_header view = *h;
  *newest_free = 0;
  view.commit = UINT64_MAX; /* whatever the header says */
  struct hf__lmdb_walk walk = {
      .file = &r->file, .view = &view, .arg = newest_free, .visited = note_newest_free, .skip_unreadable = true};
  hf_status status = hf__lmdb_walk_run(&walk, &totals, &unused);
  hf__lmdb_walk_free(&walk);
  if (status == HF_NO_MEMORY) { /* not the header's fault: an older one would bring back what was removed */
    r->out_of_memory = true;
    return false;
  }
  if (!totals.free_list_sound) *newest_free = 0;
  bool is_header = h->magic == HF__LMDB_MAGIC && h->head.page == which;
  return status == HF_OK && (is_header || (!totals.problems && totals.leaf));
}

/* Whether the numbers of both headers belong together, as they do where neither is damaged. */
static bool are_neighbours(const struct hf__lmdb_header h[2]) {
  return h[0].commit % 2 == 0 && (h[0].commit + 1 == h[1].commit || h[1].commit + 1 == h[0].commit);
}

static void choose_view(struct rescue *r) {
  uint64_t commits[2], newest_free[2] = {0, 0};
  bool usable[2] = {false, false};
  for (unsigned i = 0; i < 2; i++)
    if (hf__lmdb_read_header(&r->file, i, &r->views[i])) usable[i] = is_usable(r, &r->views[i], i, &newest_free[i]);
  bool trusted = are_neighbours(r->views);
  for (unsigned i = 0; i < 2; i++) {
    commits[i] = trusted || !newest_free[i] ? r->views[i].commit : newest_free[i];
    if (!usable[i]) commits[i] = 0;
    if (usable[i] && !commits[i]) commits[i] = 1;
  }
  unsigned newer = commits[1] > commits[0];
  if (!commits[newer]) return;
  r->view = &r->views[newer];
  r->views[newer].commit = commits[newer];
  if (commits[!newer] && commits[!newer] + 1 == commits[newer]) r->before = &r->views[!newer];
  r->report->commit = commits[newer];
  r->report->newest_lost = !r->before;
}

/* ---- all of it */

static hf_status walk_commit(struct rescue *r, const struct hf__lmdb_header *view, struct hf__lmdb_walk *walk,
                             void (*visited)(void *, const struct hf__lmdb_visit *), struct hf__lmdb_totals *totals,
                             hf_error *err) {
  *walk = (struct hf__lmdb_walk){
      .file = &r->file, .view = view, .past_names = true, .skip_unreadable = true, .arg = r, .visited = visited};
  return hf__lmdb_walk_run(walk, totals, err);
}

static hf_status give_present(struct rescue *r, hf_error *err) {
  struct hf__lmdb_totals totals;
  struct hf__lmdb_walk again;
  hf_status status = walk_commit(r, r->view, &r->walk, note_page, &totals, err);
  if (status) return status;
  r->report->free_list_lost = !totals.free_list_sound;
  status = walk_commit(r, r->view, &again, take_page, &totals, err);
  hf__lmdb_walk_free(&again);
  if (status || !r->gap_count || r->report->free_list_lost) return status;
  if (r->before) {
    status = walk_commit(r, r->before, &again, note_former, &totals, err);
    hf__lmdb_walk_free(&again);
  }
  if (status == HF_OK) give_cut_off(r);
  return status;
}

static hf_status rescue_file(struct rescue *r, hf_error *err) {
  hf_status status = hf__lmdb_find_moved(&r->file, err);
  if (status) return status;
  r->pages = calloc(r->file.pages + 1, sizeof *r->pages);
  r->bytes = malloc(r->file.page_size);
  if (!r->pages || !r->bytes) return hf_error_no_memory(err);
  choose_view(r);
  if (r->out_of_memory) return hf_error_no_memory(err);
  if (r->view)
    status = give_present(r, err);
  else
    r->report->newest_lost = r->report->free_list_lost = true;
  if (status == HF_OK) tell_written(r);
  r->report->lost = count_lost(r);
  if (status == HF_OK) tell_old(r);
  return status ? status : r->out_of_memory ? hf_error_no_memory(err) : HF_OK;
}

static void free_rescue(struct rescue *r) {
  hf__lmdb_names_free(&r->names);
  hf__lmdb_tally_free(&r->tally);
  hf__lmdb_walk_free(&r->walk);
  hf__lmdb_ids_free(&r->given);
  hf__lmdb_ids_free(&r->replaced);
  hf__lmdb_ids_free(&r->old);
  free(r->file.moved);
  free(r->pages);
  free(r->gaps);
  free(r->bytes);
}

hf_status hf__lmdb_rescue(const hf_location *at, hf_rescue_fn fn, void *arg, hf_rescue_report *report, hf_error *err) {
  char path[PATH_MOST], who[PROCESS_TEXT] = "this process";
  hf_status status = hf__lmdb_data_path(at->path, path, sizeof path, err);
  if (status) return status;
  if (hf__lmdb_find_here(at->path) || hf__lmdb_find_other_process(at->path, who))
    return hf_error_set(err, HF_BUSY, "%s has the store open: end that first", who);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return hf_error_set(err, errno == ENOENT ? HF_NOT_FOUND : HF_IO, "cannot open %s: %s", path, strerror(errno));
  struct rescue *r = calloc(1, sizeof *r);
  if (r) {
    r->fn = fn;
    r->arg = arg;
    r->report = report;
    status = hf__lmdb_page_file_open(fd, &r->file, err);
    if (status == HF_OK) hf__lmdb_page_file_take_tail(&r->file);
    if (status == HF_OK) status = rescue_file(r, err);
    free_rescue(r);
  } else {
    status = hf_error_no_memory(err);
  }
  free(r);
  close(fd);
  return status;
}
