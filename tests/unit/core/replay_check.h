/* SPDX-License-Identifier: MIT
 *
 * What a store says of its past, beside the model of test_replay.c.
 */
#ifndef HF_TESTS_UNIT_CORE_REPLAY_CHECK_H
#define HF_TESTS_UNIT_CORE_REPLAY_CHECK_H

#include "unit/core/replay.h"

/* ---- as of a revision */

/* What is kept has to be told; what is not is told so, or right. */
static inline bool replay_is_kept(const struct model *m, uint64_t revision, hf_status status, const hf_error *err) {
  if (status != HF_COMPACTED) return true;
  if (m->history_from != UINT64_MAX && revision + 1 >= m->history_from)
    FAIL_AT(__FILE__, __LINE__, "revision %llu is not kept any more, from %llu on they should be: %s",
            (unsigned long long)revision, (unsigned long long)m->history_from, err->message);
  assert_true(err->revision > revision);
  return false;
}

static inline void replay_check_cell(const struct moment *then, unsigned name, unsigned id, hf_status status,
                                     const hf_buffer *json, const hf_info *info) {
  const struct cell *c = &then->state.cells[name][id];
  bool wanted = replay_is_living(c, then->time), found = status == HF_OK;
  if (!found && status != HF_NOT_FOUND) FAIL_AT(__FILE__, __LINE__, "%s", hf_status_name(status));
  if (wanted != found || (found && !replay_is_text((hf_slice){json->data, json->size}, c->serial)))
    FAIL_AT(__FILE__, __LINE__, "%s:%s as of %llu: expected %u, got %.30s", replay_names[name], replay_id(id).data,
            (unsigned long long)then->revision, wanted ? c->serial : 0, found ? json->data : "none");
  if (!found) return;
  assert_int_equal(info->revision, c->revision);
  assert_int_equal(info->expires_at, c->expires_at);
}

/* Entities one by one, every `step`th.  False: it is not kept. */
static inline bool replay_check_reads(const struct model *m, uint64_t revision, unsigned step) {
  const hf_moment at = {.revision = revision};
  hf_buffer json = HF_BUFFER_INIT;
  hf_error err;
  hf_info info;
  bool kept = true;
  for (unsigned i = (unsigned)(revision % step); kept && i < NAMES * IDS; i += step) {
    hf_status status = hf_persist_read_at(m->handles[i / IDS], replay_id(i % IDS), &at, &json, &info, &err);
    kept = replay_is_kept(m, revision, status, &err);
    if (kept) replay_check_cell(replay_at(m, revision), i / IDS, i % IDS, status, &json, &info);
  }
  hf_buffer_free(&json);
  return kept;
}

/* The id's number. */
static inline unsigned replay_number(hf_slice id) {
  for (unsigned i = 0; i < IDS; i++)
    if (replay_id(i).size == id.size && memcmp(replay_id(i).data, id.data, id.size) == 0) return i;
  FAIL_AT(__FILE__, __LINE__, "an id that nobody wrote: %.*s", (int)id.size, id.data);
  return 0;
}

/* In a snapshot of the past: a loop over a collection, in either direction. */
static inline void replay_check_loop(const struct moment *then, hf_persist *p, unsigned name, bool reverse) {
  hf_range range = HF_RANGE_INIT;
  const hf_entry *e;
  hf_iter *iter;
  hf_error err;
  hf__key before = {0}, key;
  unsigned seen = 0, living = 0;
  range.reverse = reverse;
  OK(hf_iter_open(p, &range, &iter, &err));
  for (;;) {
    OK(hf_iter_next(iter, &e, &err));
    if (!e) break;
    OK(hf__key_init(hf_text("x"), e->id, &key, &err));
    if (seen) assert_true(reverse == (hf__order_compare(before.key.order, key.key.order) > 0));
    OK(hf__key_init(hf_text("x"), replay_id(replay_number(e->id)), &before, &err));
    const struct cell *c = &then->state.cells[name][replay_number(e->id)];
    if (!replay_is_living(c, then->time) || !replay_is_text(e->json, c->serial))
      FAIL_AT(__FILE__, __LINE__, "a loop over %s as of %llu: %.*s is %.30s, expected %u", replay_names[name],
              (unsigned long long)then->revision, (int)e->id.size, e->id.data, e->json.data, c->serial);
    assert_int_equal(e->info.revision, c->revision);
    seen++;
  }
  hf_iter_close(iter);
  for (unsigned i = 0; i < IDS; i++) living += replay_is_living(&then->state.cells[name][i], then->time);
  assert_int_equal(seen, living);
}

static inline void replay_check_collection(const struct moment *then, hf_persist *p, unsigned name) {
  hf_error err;
  uint64_t count;
  unsigned living = 0;
  for (unsigned i = 0; i < IDS; i++) {
    bool found;
    OK(hf_persist_has(p, replay_id(i), &found, &err));
    assert_int_equal(found, replay_is_living(&then->state.cells[name][i], then->time));
    living += found;
  }
  OK(hf_persist_count(p, &count, &err));
  assert_int_equal(count, living);
  replay_check_loop(then, p, name, false);
  replay_check_loop(then, p, name, true);
}

/* All of it in a snapshot. */
static inline bool replay_check_snapshot(const struct model *m, const hf_moment *at, const struct moment *then) {
  hf_error err;
  hf_txn *txn;
  uint64_t count;
  OK(hf_txn_begin_at(at, &txn, &err));
  hf_status status = hf_persist_count(m->handles[0], &count, &err);
  bool kept = replay_is_kept(m, then->revision, status, &err);
  if (kept) OK(status);
  for (unsigned name = 0; kept && name < NAMES; name++) replay_check_collection(then, m->handles[name], name);
  hf_txn_abort(txn);
  return kept;
}

/* ---- the history of an id */

struct telling {
  const struct model *m;
  unsigned name, id;
  uint64_t below; /* the revision of the one before */
  uint64_t oldest, seen;
  size_t expired;
};

static inline bool replay_check_change(void *arg, const hf_change *c) {
  struct telling *t = arg;
  const struct moment *then = replay_at(t->m, c->revision);
  assert_true(c->revision < t->below);
  t->below = t->oldest = c->revision;
  if (!then || then->revision != c->revision)
    FAIL_AT(__FILE__, __LINE__, "no commit had revision %d", (int)c->revision);
  const struct cell *cell = &then->state.cells[t->name][t->id];
  t->expired += c->what == HF_CHANGE_EXPIRE;
  t->seen++;
  if (c->what != HF_CHANGE_WRITE) {
    assert_false(replay_is_living(cell, then->time));
    return true;
  }
  if (cell->revision != c->revision || !replay_is_text(c->json, cell->serial))
    FAIL_AT(__FILE__, __LINE__, "%s:%s was not %.*s at %llu, but %u", replay_names[t->name], replay_id(t->id).data,
            (int)c->json.size, c->json.data, (unsigned long long)c->revision, cell->serial);
  assert_int_equal(c->expires_at, cell->expires_at);
  if (c->revision >= t->m->log_from) assert_int_equal(c->at, then->time);
  return true;
}

/* How many values the id has had in the revisions that are kept, the one before them included. */
static inline uint64_t replay_values(const struct model *m, uint64_t from, unsigned name, unsigned id) {
  uint64_t values = 0, before = 0;
  for (size_t i = 0; i < m->count; i++) {
    const struct cell *c = &m->moments[i].state.cells[name][id];
    bool may_be_told = i + 1 == m->count || m->moments[i + 1].revision >= from;
    if (c->serial && c->revision != before && may_be_told) values++;
    if (c->serial) before = c->revision;
  }
  return values;
}

static inline bool replay_count_values(void *arg, const hf_change *c) {
  *(uint64_t *)arg += c->what == HF_CHANGE_WRITE;
  return true;
}

static inline void replay_check_history(struct model *m, unsigned name, unsigned id) {
  struct telling t = {.m = m, .name = name, .id = id, .below = UINT64_MAX};
  hf_error err;
  uint64_t from, values = 0;
  OK(hf_persist_history(m->handles[name], replay_id(id), replay_check_change, &t, &from, &err));
  OK(hf_persist_history(m->handles[name], replay_id(id), replay_count_values, &values, NULL, &err));
  assert_true(from <= m->history_from);
  if (values < replay_values(m, m->history_from, name, id))
    FAIL_AT(__FILE__, __LINE__, "%s:%s has had %llu values, %llu were told", replay_names[name], replay_id(id).data,
            (unsigned long long)replay_values(m, m->history_from, name, id), (unsigned long long)values);
  m->times_expired += t.expired;
}

/* ---- the log */

struct reading {
  struct model *m;
  size_t moment, event; /* the next one that is expected: of the moment, the event */
  unsigned stops;       /* one in so many changes is not taken at first; 0: none */
  bool has_history;
};

/* Whether the commit left an id that it had written. */
static inline bool replay_is_left(const struct moment *then, const struct event *e) {
  return e->what != HF_CHANGE_WRITE || then->state.cells[e->name][e->id].revision == then->revision;
}

/* Goes on to the next event that has to come; those that need not are passed over, unless it is the change. */
static inline const struct event *replay_expected(struct reading *r, const hf_change *c) {
  for (; r->moment < r->m->count; r->moment++, r->event = 0)
    for (; r->event < r->m->moments[r->moment].events; r->event++) {
      const struct moment *then = &r->m->moments[r->moment];
      const struct event *e = &r->m->events[then->first + r->event];
      bool is_it = c && c->revision == then->revision && c->what == e->what;
      if (e->may_lack && !is_it) continue;
      if (replay_is_left(then, e)) return e;
    }
  return NULL;
}

static inline bool replay_wrote(const struct model *m, const struct moment *then, unsigned name, unsigned id) {
  for (size_t i = 0; i < then->events; i++) {
    const struct event *e = &m->events[then->first + i];
    if (e->what == HF_CHANGE_WRITE && e->name == name && e->id == id) return true;
  }
  return false;
}

/* It was there, and had expired: long enough ago, unless it was written again. */
static inline void replay_check_expired(struct model *m, const hf_change *c, unsigned name) {
  const struct moment *before = replay_at(m, c->revision - 1);
  unsigned id = replay_number(c->id);
  assert_non_null(before);
  const struct cell *cell = &before->state.cells[name][id];
  int64_t margin = replay_wrote(m, before + 1, name, id) ? 0 : HF__CLOCKS_EXPIRY_MARGIN_MS;
  if (!cell->serial || !cell->expires_at || cell->expires_at + margin > c->at)
    FAIL_AT(__FILE__, __LINE__, "%s:%.*s expired by %llu at %lld, and it was %u, to expire at %lld", replay_names[name],
            (int)c->id.size, c->id.data, (unsigned long long)c->revision, (long long)c->at, cell->serial,
            (long long)cell->expires_at);
  m->times_expired += margin != 0;
}

static inline void replay_check_value(const struct reading *r, const hf_change *c, const struct cell *cell) {
  if (r->has_history && c->revision >= r->m->history_from) assert_false(c->is_current);
  if (c->is_current) return;
  if (!replay_is_text(c->json, cell->serial))
    FAIL_AT(__FILE__, __LINE__, "the change of %llu wrote %.*s, expected %u", (unsigned long long)c->revision,
            (int)c->json.size, c->json.data, cell->serial);
  assert_int_equal(c->expires_at, cell->expires_at);
}

static inline bool replay_take(void *arg, const hf_change *c) {
  struct reading *r = arg;
  unsigned name = 0;
  if (r->stops && replay_random(r->m, r->stops) == 0) return false;
  while (name < NAMES && (strlen(replay_names[name]) != c->entity_name.size ||
                          memcmp(replay_names[name], c->entity_name.data, c->entity_name.size) != 0))
    name++;
  assert_in_range(name, 0, NAMES - 1);
  if (c->what == HF_CHANGE_EXPIRE) {
    replay_check_expired(r->m, c, name);
    return true;
  }
  if (c->what == HF_CHANGE_WRITE && c->is_current) {
    const struct moment *then = replay_at(r->m, c->revision);
    if (then->state.cells[name][replay_number(c->id)].revision != c->revision) return true; /* not left, may be told */
  }
  const struct event *e = replay_expected(r, c);
  if (!e) FAIL_AT(__FILE__, __LINE__, "a change too many, of revision %llu", (unsigned long long)c->revision);
  const struct moment *then = &r->m->moments[r->moment];
  bool is_it = then->revision == c->revision && e->name == name && e->what == c->what &&
               (e->what == HF_CHANGE_CLEAR ? c->id.size == 0 : c->id.size && replay_number(c->id) == e->id);
  if (!is_it)
    FAIL_AT(__FILE__, __LINE__, "expected %s of %s:%s by %llu, got %s of %s:%.*s by %llu", hf_change_name(e->what),
            replay_names[e->name], e->what == HF_CHANGE_CLEAR ? "" : replay_id(e->id).data,
            (unsigned long long)then->revision, hf_change_name(c->what), replay_names[name], (int)c->id.size,
            c->id.data ? c->id.data : "", (unsigned long long)c->revision);
  assert_int_equal(c->at, then->time);
  if (c->what == HF_CHANGE_WRITE) replay_check_value(r, c, &then->state.cells[name][e->id]);
  r->event++;
  return true;
}

/* The log from a revision on, with interruptions. */
static inline void replay_check_log(struct model *m, uint64_t from, bool has_history) {
  const hf_persist *p = m->handles[0];
  struct reading r = {.m = m, .stops = replay_random(m, 3) ? 2 + replay_random(m, 20) : 0, .has_history = has_history};
  hf_changes_scan scan = {.from = from};
  hf_changes_reach reach;
  hf_error err;
  while (r.moment < m->count && m->moments[r.moment].revision < from) r.moment++;
  do {
    hf_status status = p->backend->changes_read(p->impl, &scan, replay_take, &r, &reach, &err);
    if (status) FAIL_AT(__FILE__, __LINE__, "the log from %llu: %s", (unsigned long long)scan.from, err.message);
    scan.from = reach.next;
    scan.skip = reach.skip;
  } while (reach.next <= reach.newest);
  assert_int_equal(reach.newest, replay_revision(m));
  if (replay_expected(&r, NULL))
    FAIL_AT(__FILE__, __LINE__, "a change of revision %llu is missing",
            (unsigned long long)m->moments[r.moment].revision);
}

#endif
