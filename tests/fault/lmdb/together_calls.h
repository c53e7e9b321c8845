/* SPDX-License-Identifier: MIT
 *
 * A thread of together.h: what it calls, and what it notes of the answer.
 */
#ifndef HF_TESTS_FAULT_LMDB_TOGETHER_CALLS_H
#define HF_TESTS_FAULT_LMDB_TOGETHER_CALLS_H

#include <stdarg.h>
#include <unistd.h>

#include "fault/lmdb/together.h"

struct together_worker {
  struct together_ledger *ledger;
  hf_persist *types[TOGETHER_TYPES];
  uint32_t life;
  uint64_t random;
  bool may_fail; /* flushes and allocations do */
  enum together_plant plant;
  void (*tell)(const char *what, uint64_t number); /* of "b"eginnings and "e"nds; or NULL */
  uint64_t seen[TOGETHER_IDS];                     /* the revision that it saw last of each id */
  hf_buffer json;
  hf_page *page;
  char (*texts)[TOGETHER_JSON_MAX];
};

/* Ends this process: what should not happen has. */
__attribute__((noreturn, format(printf, 2, 3))) static inline void together_die(struct together_ledger *l,
                                                                                const char *format, ...) {
  char text[sizeof l->why];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (!atomic_exchange(&l->failed, true)) memcpy(l->why, text, sizeof text);
  _exit(1);
}

static inline void together_enter(struct together_worker *w, const char *base) {
  hf_error err;
  w->page = hf_page_new();
  w->texts = calloc(LINEAR_PARTS, sizeof *w->texts);
  if (!w->page || !w->texts) together_die(w->ledger, "no memory");
  if (together_open(base, w->types, &err)) together_die(w->ledger, "open: %s", err.message);
}

static inline void together_leave(struct together_worker *w) {
  together_close(w->types);
  hf_page_free(w->page);
  hf_buffer_free(&w->json);
  free(w->texts);
}

static inline hf_persist *together_of(const struct together_worker *w, uint32_t id) {
  return w->types[together_type(id)];
}

static inline bool together_lies(struct together_worker *w, enum together_plant plant) {
  return w->plant == plant && together_random(&w->random) % 8 == 0;
}

/* ---- plans */

/* Adds an id to a call; with `type` below TOGETHER_TYPES one of that type, and no id twice. */
static inline void together_add(struct together_worker *w, struct linear_call *c, unsigned type, uint8_t effect) {
  for (;;) {
    uint32_t id = (uint32_t)(together_random(&w->random) % w->ledger->ids);
    bool fits = type >= TOGETHER_TYPES || together_type(id) == type;
    for (size_t i = 0; i < c->count; i++) fits &= c->parts[i].id != id;
    if (!fits) continue;
    c->parts[c->count++] = (struct linear_part){.id = id, .need = LINEAR_ANY, .effect = effect};
    return;
  }
}

static inline void together_add_all(struct together_worker *w, struct linear_call *c, unsigned type) {
  for (uint32_t id = type; id < w->ledger->ids; id += TOGETHER_TYPES)
    c->parts[c->count++] = (struct linear_part){.id = id, .need = LINEAR_ANY, .effect = LINEAR_REMOVE};
}

/* What a call of this kind is to do, as if it succeeds. */
static inline void together_plan(struct together_worker *w, enum together_kind kind, struct linear_call *c) {
  unsigned type = (unsigned)(together_random(&w->random) % TOGETHER_TYPES);
  size_t of_type = w->ledger->ids / TOGETHER_TYPES, count = 1 + together_random(&w->random) % of_type;
  bool removes = kind == TOGETHER_REMOVE || kind == TOGETHER_REMOVE_REVISION || kind == TOGETHER_REMOVE_MANY;
  bool writes = kind == TOGETHER_WRITE || kind == TOGETHER_WRITE_ABSENT || kind == TOGETHER_WRITE_REVISION ||
                kind == TOGETHER_WRITE_MANY;
  uint8_t effect = removes ? LINEAR_REMOVE : writes ? LINEAR_PUT : LINEAR_KEEP;
  memset(c, 0, sizeof *c);
  if (kind == TOGETHER_CLEAR)
    together_add_all(w, c, type);
  else if (kind == TOGETHER_WRITE_MANY || kind == TOGETHER_REMOVE_MANY || kind == TOGETHER_READ_MANY)
    while (c->count < count) together_add(w, c, type, effect);
  else if (kind == TOGETHER_MOMENT)
    while (c->count < (w->ledger->ids < LINEAR_PARTS ? w->ledger->ids : LINEAR_PARTS))
      together_add(w, c, TOGETHER_TYPES, effect);
  else if (kind == TOGETHER_TRANSACTION || kind == TOGETHER_PARTS)
    for (size_t i = 2 + count % 3; i; i--)
      together_add(w, c, TOGETHER_TYPES, (uint8_t)(together_random(&w->random) % 4 % 3));
  else
    together_add(w, c, TOGETHER_TYPES, effect);
  struct linear_part *p = &c->parts[0];
  if (kind == TOGETHER_WRITE_ABSENT) p->need = LINEAR_ABSENT;
  if (kind == TOGETHER_REMOVE) p->need = LINEAR_PRESENT;
  if (kind == TOGETHER_WRITE_REVISION || kind == TOGETHER_REMOVE_REVISION) p->need = LINEAR_REVISION;
}

/* ---- answers */

/* What a status means that is none of those that the call explains itself. */
static inline uint8_t together_failed(struct together_worker *w, hf_status status, const hf_error *err) {
  if (status == HF_BUSY || status == HF_FULL) return LINEAR_NOT;
  if (w->may_fail && status == HF_NO_MEMORY) return LINEAR_OPEN;
  if (w->may_fail && (status == HF_IO || status == HF_UNAVAILABLE))
    return strstr(err->message, "may have happened") ? LINEAR_OPEN : LINEAR_NOT;
  together_die(w->ledger, "%s: %s (%s)", hf_status_name(status), err->message, err->cause);
}

/* Notes what was seen of an id. */
static inline uint8_t together_note_seen(struct together_worker *w, struct linear_part *p, hf_status status,
                                         hf_slice json, uint64_t revision, const hf_error *err) {
  if (status == HF_NOT_FOUND) {
    p->need = LINEAR_ABSENT;
    return LINEAR_DONE;
  }
  if (status) {
    together_failed(w, status, err);
    return LINEAR_NOT;
  }
  p->need = LINEAR_VALUE;
  p->saw = together_parse(json.data, json.size, w->ledger->is_small);
  p->revision = revision;
  if (!p->saw) together_die(w->ledger, "id %u has what nobody wrote: %.60s, of %zu bytes", p->id, json.data, json.size);
  w->seen[p->id] = revision;
  return LINEAR_DONE;
}

static inline uint8_t together_see(struct together_worker *w, struct linear_part *p, hf_error *err) {
  char id[32];
  hf_info info = {0};
  hf_status status = hf_persist_read(together_of(w, p->id), together_id(p->id, id), &w->json, &info, err);
  return together_note_seen(w, p, status, (hf_slice){w->json.data, w->json.size}, info.revision, err);
}

/* A condition did not hold: the id is at the revision `present`; 0: that was not said. */
static inline uint8_t together_conflict(struct together_worker *w, struct linear_call *c, uint64_t present) {
  struct linear_part *p = &c->parts[0];
  if (p->need == LINEAR_REVISION && present == p->revision)
    together_die(w->ledger, "a conflict with revision %llu, which it asked for", (unsigned long long)present);
  if (p->need == LINEAR_REVISION && !present)
    p->need = LINEAR_ABSENT;
  else
    p->need = present ? LINEAR_REVISION : LINEAR_PRESENT;
  p->revision = present;
  p->effect = LINEAR_KEEP;
  return LINEAR_DONE;
}

/* ---- calls */

static inline hf_slice together_text(struct together_worker *w, uint64_t number, size_t part) {
  return together_json(linear_value(number, part), w->ledger->is_small, w->texts[part]);
}

static inline uint8_t together_read(struct together_worker *w, struct linear_call *c, bool at_one_moment) {
  hf_error err;
  hf_txn *txn = NULL;
  uint8_t outcome = LINEAR_DONE;
  hf_status status = at_one_moment ? hf_txn_begin(HF_TXN_READ, &txn, &err) : HF_OK;
  if (status) return together_failed(w, status, &err);
  for (size_t i = 0; i < c->count && outcome == LINEAR_DONE; i++) outcome = together_see(w, &c->parts[i], &err);
  hf_txn_abort(txn);
  return outcome;
}

static inline uint8_t together_read_many(struct together_worker *w, struct linear_call *c) {
  hf_error err;
  hf_slice ids[LINEAR_PARTS];
  char texts[LINEAR_PARTS][32];
  uint8_t outcome = LINEAR_DONE;
  for (size_t i = 0; i < c->count; i++) ids[i] = together_id(c->parts[i].id, texts[i]);
  hf_status status = hf_persist_read_many(together_of(w, c->parts[0].id), ids, c->count, w->page, &err);
  if (status) {
    together_failed(w, status, &err);
    return LINEAR_NOT;
  }
  for (size_t i = 0; i < c->count && outcome == LINEAR_DONE; i++) {
    const hf_entry *e = hf_page_entry(w->page, i);
    outcome = together_note_seen(w, &c->parts[i], e->status, e->json, e->info.revision, &err);
  }
  return outcome;
}

static inline hf_status together_put(struct together_worker *w, uint64_t number, struct linear_call *c, size_t part,
                                     const hf_write_options *options, hf_info *info, hf_error *err) {
  char id[32];
  struct linear_part *p = &c->parts[part];
  return hf_persist_write(together_of(w, p->id), together_id(p->id, id), together_text(w, number, part), options, info,
                          err);
}

/* A write on a condition that is looked at before: a plant. */
static inline hf_status together_put_apart(struct together_worker *w, uint64_t number, struct linear_call *c,
                                           hf_info *info, hf_error *err) {
  char id[32];
  struct linear_part *p = &c->parts[0];
  hf_info present = {0};
  hf_status status = hf_persist_read(together_of(w, p->id), together_id(p->id, id), &w->json, &present, err);
  *info = present;
  if (p->need == LINEAR_REVISION ? status || present.revision != p->revision : status != HF_NOT_FOUND)
    return HF_CONFLICT;
  usleep(200);
  return together_put(w, number, c, 0, NULL, info, err);
}

static inline uint8_t together_write(struct together_worker *w, uint64_t number, struct linear_call *c) {
  hf_error err;
  hf_info info = {0}, unused;
  struct linear_part *p = &c->parts[0];
  hf_write_options options = HF_WRITE_OPTIONS_INIT;
  options.if_absent = p->need == LINEAR_ABSENT;
  options.if_revision = p->need == LINEAR_REVISION;
  options.revision = options.if_revision ? p->revision : 0;
  bool is_apart = p->need != LINEAR_ANY && together_lies(w, TOGETHER_APART);
  hf_status status =
      is_apart ? together_put_apart(w, number, c, &info, &err) : together_put(w, number, c, 0, &options, &info, &err);
  if (status == HF_CONFLICT && (options.if_absent || options.if_revision)) {
    if (together_lies(w, TOGETHER_LEFT)) together_put(w, number, c, 0, NULL, &unused, &err);
    return together_conflict(w, c, info.revision);
  }
  if (status) return together_failed(w, status, &err);
  c->revision = w->seen[p->id] = info.revision;
  return LINEAR_DONE;
}

static inline uint8_t together_remove(struct together_worker *w, struct linear_call *c) {
  char id[32];
  hf_error err;
  struct linear_part *p = &c->parts[0];
  bool has_revision = p->need == LINEAR_REVISION;
  hf_slice key = together_id(p->id, id);
  hf_status status = has_revision ? hf_persist_remove_if(together_of(w, p->id), key, p->revision, &err)
                                  : hf_persist_remove(together_of(w, p->id), key, &err);
  if (status == HF_NOT_FOUND) *p = (struct linear_part){.id = p->id, .need = LINEAR_ABSENT};
  if (status == HF_OK || status == HF_NOT_FOUND) return LINEAR_DONE;
  if (status != HF_CONFLICT || !has_revision) return together_failed(w, status, &err);
  unsigned long long present = 0;
  const char *said = strstr(err.message, " is at revision ");
  if (!said || sscanf(said, " is at revision %llu", &present) != 1)
    together_die(w->ledger, "a conflict that does not say with what: %s", err.message);
  return together_conflict(w, c, present);
}

static inline uint8_t together_write_many(struct together_worker *w, uint64_t number, struct linear_call *c) {
  hf_error err;
  hf_item items[LINEAR_PARTS];
  char ids[LINEAR_PARTS][32];
  size_t count = c->count, half = 0;
  hf_persist *p = together_of(w, c->parts[0].id);
  for (size_t i = 0; i < count; i++)
    items[i] = (hf_item){.id = together_id(c->parts[i].id, ids[i]), .json = together_text(w, number, i)};
  if (count > 1 && together_lies(w, TOGETHER_LOST)) count--;
  if (count > 1 && together_lies(w, TOGETHER_HALVES)) half = count / 2;
  hf_status status = half ? hf_persist_write_many(p, items, half, &err) : HF_OK;
  if (half) usleep(200);
  if (!status) status = hf_persist_write_many(p, items + half, count - half, &err);
  return status ? together_failed(w, status, &err) : LINEAR_DONE;
}

/* How many were there is said, and of all or none also which. */
static inline uint8_t together_remove_many(struct together_worker *w, struct linear_call *c) {
  hf_error err;
  hf_slice ids[LINEAR_PARTS];
  char texts[LINEAR_PARTS][32];
  uint64_t removed;
  for (size_t i = 0; i < c->count; i++) ids[i] = together_id(c->parts[i].id, texts[i]);
  hf_status status = hf_persist_remove_many(together_of(w, c->parts[0].id), ids, c->count, &removed, &err);
  if (status) return together_failed(w, status, &err);
  for (size_t i = 0; i < c->count; i++)
    c->parts[i].need = removed == c->count ? LINEAR_PRESENT : removed == 0 ? LINEAR_ABSENT : LINEAR_ANY;
  return LINEAR_DONE;
}

static inline uint8_t together_clear(struct together_worker *w, struct linear_call *c) {
  hf_error err;
  hf_status status = hf_persist_remove_all(together_of(w, c->parts[0].id), &err);
  return status ? together_failed(w, status, &err) : LINEAR_DONE;
}

/* ---- transactions */

/* Looks at an id, and changes it. */
static inline uint8_t together_step(struct together_worker *w, uint64_t number, struct linear_call *c, size_t part) {
  char id[32];
  hf_error err;
  hf_info info;
  struct linear_part *p = &c->parts[part];
  hf_slice key = together_id(p->id, id);
  uint8_t outcome = together_see(w, p, &err);
  if (outcome != LINEAR_DONE || p->effect == LINEAR_KEEP) return outcome;
  hf_status status = p->effect == LINEAR_PUT ? together_put(w, number, c, part, NULL, &info, &err)
                                             : hf_persist_remove_many(together_of(w, p->id), &key, 1, NULL, &err);
  if (status) {
    together_failed(w, status, &err);
    return LINEAR_NOT;
  }
  if (p->effect == LINEAR_PUT) c->revision = info.revision;
  return LINEAR_DONE;
}

static inline uint8_t together_transact(struct together_worker *w, uint64_t number, struct linear_call *c) {
  hf_error err;
  hf_txn *txn;
  uint8_t outcome = LINEAR_DONE;
  hf_status status = hf_txn_begin(HF_TXN_WRITE, &txn, &err);
  if (status) return together_failed(w, status, &err);
  for (size_t i = 0; i < c->count && outcome == LINEAR_DONE; i++) outcome = together_step(w, number, c, i);
  if (outcome != LINEAR_DONE || together_random(&w->random) % 4 == 0) {
    hf_txn_abort(txn);
    for (size_t i = 0; i < c->count; i++) c->parts[i].effect = LINEAR_KEEP;
    c->revision = 0;
    return outcome == LINEAR_DONE ? LINEAR_DONE : LINEAR_NOT;
  }
  status = hf_txn_commit(txn, &err);
  return status ? together_failed(w, status, &err) : LINEAR_DONE;
}

/* ---- transactions that share a commit */

struct together_part {
  struct together_worker *worker;
  struct linear_call *call;
  uint64_t number;
  size_t part;
  bool is_done;
};

/* A later part sees what the first one has written, and is given no revision of it. */
static inline void together_see_first(const struct together_part *a, hf_error *err) {
  char id[32];
  hf_info info;
  struct together_worker *w = a->worker;
  const struct linear_part *p = &a->call->parts[0];
  hf_status status = hf_persist_read(together_of(w, p->id), together_id(p->id, id), &w->json, &info, err);
  if (status) return;
  uint32_t value = together_parse(w->json.data, w->json.size, w->ledger->is_small);
  if ((p->effect == LINEAR_PUT && value != linear_value(a->number, 0)) || p->effect == LINEAR_REMOVE)
    together_die(w->ledger, "part %zu does not see what the first one did", a->part);
  if (p->effect == LINEAR_PUT && info.revision != HF_REVISION_UNKNOWN)
    together_die(w->ledger, "part %zu is given revision %llu", a->part, (unsigned long long)info.revision);
}

static inline hf_status together_run_part(void *arg, hf_error *err) {
  struct together_part *a = arg;
  struct together_worker *w = a->worker;
  struct linear_part *p = &a->call->parts[a->part];
  char id[32];
  hf_slice key = together_id(p->id, id);
  if (a->part && (a - a->part)->is_done) together_see_first(a, err);
  uint8_t outcome = together_see(w, p, err);
  if (outcome != LINEAR_DONE) return HF_BUSY;
  hf_status status = p->effect == LINEAR_REMOVE ? hf_persist_remove_many(together_of(w, p->id), &key, 1, NULL, err)
                                                : together_put(w, a->number, a->call, a->part, NULL, NULL, err);
  a->is_done = !status && p->effect != LINEAR_KEEP;
  if (status || a->is_done) return status;
  *err = (hf_error){.status = HF_INVALID_VALUE};
  return HF_INVALID_VALUE;
}

static inline uint8_t together_share(struct together_worker *w, uint64_t number, struct linear_call *c) {
  hf_error err;
  struct together_part args[LINEAR_PARTS];
  hf_txn_part parts[LINEAR_PARTS];
  for (size_t i = 0; i < c->count; i++) {
    args[i] = (struct together_part){.worker = w, .call = c, .number = number, .part = i};
    parts[i] = (hf_txn_part){.run = together_run_part, .arg = &args[i]};
  }
  size_t first = together_lies(w, TOGETHER_PARTED) ? 1 : 0;
  hf_status status = first ? hf_transactions(parts, first, &err) : HF_OK;
  if (first) usleep(200);
  args[0].is_done &= !first; /* it has a revision by then */
  if (!status) status = hf_transactions(parts + first, c->count - first, &err);
  if (status) return together_failed(w, status, &err);
  for (size_t i = 0; i < c->count; i++) {
    if (parts[i].status == HF_OK && c->parts[i].effect == LINEAR_KEEP)
      together_die(w->ledger, "a part that failed is done");
    if (parts[i].status) c->parts[i].effect = LINEAR_KEEP;
  }
  return LINEAR_DONE;
}

static inline uint8_t together_make(struct together_worker *w, enum together_kind kind, uint64_t number,
                                    struct linear_call *c) {
  switch (kind) {
  case TOGETHER_READ:
  case TOGETHER_MOMENT: return together_read(w, c, kind == TOGETHER_MOMENT);
  case TOGETHER_READ_MANY: return together_read_many(w, c);
  case TOGETHER_REMOVE:
  case TOGETHER_REMOVE_REVISION: return together_remove(w, c);
  case TOGETHER_WRITE_MANY: return together_write_many(w, number, c);
  case TOGETHER_REMOVE_MANY: return together_remove_many(w, c);
  case TOGETHER_CLEAR: return together_clear(w, c);
  case TOGETHER_TRANSACTION: return together_transact(w, number, c);
  case TOGETHER_PARTS: return together_share(w, number, c);
  default: return together_write(w, number, c);
  }
}

/* ---- plants of whole calls */

/* A second write of the same id, in the same commit. */
static inline void together_write_twice(struct together_worker *w, uint64_t number) {
  hf_error err;
  hf_txn *txn;
  hf_info info = {0};
  struct together_note *first = &w->ledger->notes[number];
  uint64_t other = together_place(w->ledger);
  if (other == UINT64_MAX) return;
  struct together_note *second = &w->ledger->notes[other];
  second->asked = second->answered = first->asked;
  second->life = w->life;
  together_begin(w->ledger, other);
  hf_status status = hf_txn_begin(HF_TXN_WRITE, &txn, &err);
  if (status) together_die(w->ledger, "plant: %s", err.message);
  status = together_put(w, number, &first->answered, 0, NULL, &info, &err);
  if (!status) status = together_put(w, other, &second->answered, 0, NULL, &info, &err);
  if (status)
    hf_txn_abort(txn);
  else
    status = hf_txn_commit(txn, &err);
  first->answered.revision = second->answered.revision = info.revision;
  first->answered.outcome = second->answered.outcome = status ? together_failed(w, status, &err) : LINEAR_DONE;
  together_end(w->ledger, other);
}

/* Whether the call was lied about, and is done. */
static inline bool together_lie(struct together_worker *w, enum together_kind kind, uint64_t number) {
  struct together_note *n = &w->ledger->notes[number];
  hf_error err;
  hf_info info;
  if (kind != TOGETHER_WRITE || w->plant == TOGETHER_HONEST) return false;
  bool is_early = together_lies(w, TOGETHER_EARLY), is_forgotten = together_lies(w, TOGETHER_FORGOTTEN);
  if (together_lies(w, TOGETHER_TWICE)) {
    together_write_twice(w, number);
    together_end(w->ledger, number);
    return true;
  }
  if (!is_early && !is_forgotten) return false;
  n->answered.outcome = LINEAR_DONE;
  together_end(w->ledger, number);
  if (is_early) together_put(w, number, &n->asked, 0, NULL, &info, &err);
  return true;
}

/* ---- a thread */

/* Makes one call; `id` is the one to begin with, or TOGETHER_IDS.  False: the ledger is full. */
static inline bool together_go(struct together_worker *w, enum together_kind kind, uint32_t id) {
  uint64_t number = together_place(w->ledger);
  if (number == UINT64_MAX) return false;
  struct together_note *n = &w->ledger->notes[number];
  together_plan(w, kind, &n->asked);
  struct linear_part *p = &n->asked.parts[0];
  if (id < TOGETHER_IDS) p->id = id;
  if (p->need == LINEAR_REVISION) p->revision = w->seen[p->id] ? w->seen[p->id] : 1;
  n->answered = n->asked;
  n->kind = kind;
  n->life = w->life;
  if (w->tell) w->tell("b", number);
  together_begin(w->ledger, number);
  if (!together_lie(w, kind, number)) {
    n->answered.outcome = together_make(w, kind, number, &n->answered);
    together_end(w->ledger, number);
  }
  if (w->tell) w->tell("e", number);
  return true;
}

/* One call of a kind that chance chooses, or two: what a thread makes a condition of it has often just read. */
static inline bool together_go_on(struct together_worker *w) {
  static const uint8_t often[TOGETHER_KINDS] = {
      [TOGETHER_READ] = 20,       [TOGETHER_MOMENT] = 8,          [TOGETHER_READ_MANY] = 4,
      [TOGETHER_WRITE] = 22,      [TOGETHER_WRITE_ABSENT] = 10,   [TOGETHER_WRITE_REVISION] = 16,
      [TOGETHER_REMOVE] = 6,      [TOGETHER_REMOVE_REVISION] = 6, [TOGETHER_WRITE_MANY] = 7,
      [TOGETHER_REMOVE_MANY] = 3, [TOGETHER_TRANSACTION] = 4,     [TOGETHER_PARTS] = 5,
      [TOGETHER_CLEAR] = 1};
  int turn = (int)(together_random(&w->random) % 112), kind = 0;
  while (turn >= often[kind]) turn -= often[kind++];
  bool has_revision = kind == TOGETHER_WRITE_REVISION || kind == TOGETHER_REMOVE_REVISION;
  if (!has_revision || together_random(&w->random) % 4 == 0)
    return together_go(w, (enum together_kind)kind, TOGETHER_IDS);
  uint32_t id = (uint32_t)(together_random(&w->random) % w->ledger->ids);
  return together_go(w, TOGETHER_READ, id) && together_go(w, (enum together_kind)kind, id);
}

#endif
