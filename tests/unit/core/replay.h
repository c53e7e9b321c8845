/* SPDX-License-Identifier: MIT
 *
 * A model of a store for test_replay.c: what each commit left, all of it, and what it did, in order.  Random work is
 * done in the store and in the model alike.
 *
 * Clocks are the test's: it sets them, both together, so that entities expire, and go for good, within a test.
 */
#ifndef HF_TESTS_UNIT_CORE_REPLAY_H
#define HF_TESTS_UNIT_CORE_REPLAY_H

#include <sys/syscall.h>
#include <time.h>

#include "base/clocks.h"
#include "core/persist.h"
#include "unit/support.h"

enum { NAMES = 3, IDS = 14, EVENTS_MAX = 4000 };
#define PENDING UINT64_MAX /* the revision of what the running commit has written */

static const char *const replay_names[NAMES] = {"signal", "strategy", "trading-logs"};

/* An entity.  serial 0: there is none */
struct cell {
  uint32_t serial;
  int64_t expires_at;
  uint64_t revision;
};

struct state {
  struct cell cells[NAMES][IDS];
};

/* What a commit did, as a watcher is to see it. */
struct event {
  uint8_t name, id;
  hf_change_kind what;
  bool may_lack; /* of CLEAR: what was there had expired, and may have been removed before */
};

/* What a commit left, and where its events are. */
struct moment {
  uint64_t revision;
  int64_t time;
  struct state state;
  size_t first, events;
};

struct model {
  const struct store *store;
  hf_persist *handles[NAMES];
  uint64_t random;
  uint32_t serial;
  bool has_ttl;
  struct state now;
  struct event pending[EVENTS_MAX];
  size_t pending_count;
  struct moment *moments;
  size_t count, capacity;
  struct event *events;
  size_t event_count, event_capacity;
  uint64_t log_from, history_from; /* so much has to be there; UINT64_MAX: nothing */
  uint64_t keeps;                  /* revisions; 0: by age */
  int64_t age;                     /* ms */
  size_t times_expired;            /* how many removals by a commit were seen */
};

/* ---- clocks */

static int64_t replay_ahead; /* of both clocks, ms */
static int64_t replay_apart; /* of the wall clock, besides */

/* The library's, too: it is linked to this program.  The two clocks stand still unless they are set; that for deadlines
 * goes on with them. */
int clock_gettime(clockid_t clock, struct timespec *t) {
  const int64_t start = clock == CLOCK_REALTIME ? 1800000000000 : 5000000;
  int rc = (int)syscall(SYS_clock_gettime, clock, t);
  int64_t ms = start + replay_ahead + (clock == CLOCK_REALTIME ? replay_apart : 0);
  if (clock == CLOCK_MONOTONIC) t->tv_sec += replay_ahead / 1000;
  if (clock == CLOCK_REALTIME || clock == CLOCK_BOOTTIME) *t = (struct timespec){ms / 1000, ms % 1000 * 1000000};
  return rc;
}

/* ---- small things */

static inline unsigned replay_random(struct model *m, unsigned below) {
  m->random = m->random * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)((m->random >> 33) % below);
}

/* Ids of which one begins with another, in text and as order key, and a longest one. */
static inline hf_slice replay_id(unsigned i) {
  static char longest[HF_ID_MAX + 1];
  static const char *const ids[IDS - 1] = {"0",      "00",      "01",      "a",        "a0", "item-2", "item-10",
                                           "item-9", "item-09", "item-9x", "\xc3\xa9", "zz", "z"};
  if (i < IDS - 1) return hf_text(ids[i]);
  if (!*longest) memset(longest, '9', HF_ID_MAX);
  return hf_text(longest);
}

/* The text of the entity that was written as the `serial`th; one in 13 is long. */
static inline const char *replay_text(uint32_t serial) {
  static char text[6000];
  int size = snprintf(text, sizeof text, "{\"n\":%u,\"x\":\"", serial), more = serial % 13 ? (int)serial % 40 : 5000;
  memset(text + size, 'x', (size_t)more);
  strcpy(text + size + more, "\"}");
  return text;
}

static inline bool replay_is_text(hf_slice json, uint32_t serial) {
  const char *text = replay_text(serial);
  return json.data && json.size == strlen(text) && memcmp(json.data, text, json.size) == 0;
}

static inline bool replay_is_living(const struct cell *c, int64_t now) {
  return c->serial && !(c->expires_at && c->expires_at <= now);
}

static inline void *replay_room(void *array, size_t count, size_t *capacity, size_t size) {
  if (count < *capacity) return array;
  *capacity = *capacity ? *capacity * 2 : 256;
  array = realloc(array, *capacity * size);
  assert_non_null(array);
  return array;
}

/* ---- events */

static inline void replay_event(struct model *m, unsigned name, unsigned id, hf_change_kind what, bool may_lack) {
  assert_in_range(m->pending_count, 0, EVENTS_MAX - 1);
  m->pending[m->pending_count++] = (struct event){(uint8_t)name, (uint8_t)id, what, may_lack};
}

static inline void replay_written(struct model *m, unsigned name, unsigned id, uint32_t serial, int64_t expires_at) {
  struct cell *c = &m->now.cells[name][id];
  if (!c->serial || c->revision != PENDING) replay_event(m, name, id, HF_CHANGE_WRITE, false);
  *c = (struct cell){serial, expires_at, PENDING};
}

/* ---- moments */

static inline const struct moment *replay_newest(const struct model *m) {
  return m->count ? &m->moments[m->count - 1] : NULL;
}

/* What the store was after the commit; NULL: nobody looked yet. */
static inline const struct moment *replay_at(const struct model *m, uint64_t revision) {
  size_t low = 0, high = m->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (m->moments[middle].revision <= revision)
      low = middle + 1;
    else
      high = middle;
  }
  return low ? &m->moments[low - 1] : NULL;
}

static inline uint64_t replay_revision(const struct model *m) {
  const hf_persist *p = m->handles[0];
  return p->backend->commits_seen(p->impl);
}

/* What need not be kept any more, after a commit. */
static inline void replay_may_go(struct model *m, uint64_t newest, int64_t now) {
  uint64_t from = m->keeps && newest >= m->keeps ? newest - m->keeps + 1 : 0;
  for (size_t i = m->count; m->age && !from && i; i--)
    if (m->moments[i - 1].time < now - m->age) from = m->moments[i - 1].revision + 1;
  if (m->log_from < from) m->log_from = from;
  if (m->history_from < from) m->history_from = from;
}

static inline bool replay_note_time(void *time, const hf_change *c) {
  *(int64_t *)time = c->at;
  return false;
}

/* When the newest commit was made, as its changes say: one that has none (what it did was undone) is not told of. */
static inline int64_t replay_time(const struct model *m, uint64_t revision) {
  const struct moment *newest = replay_newest(m);
  const hf_persist *p = m->handles[0];
  const hf_changes_scan scan = {.from = revision, .without_values = true};
  hf_changes_reach reach;
  hf_error err;
  int64_t now = hf_now_ms(), before = newest ? newest->time : 0, time = before;
  bool is_on = m->log_from != UINT64_MAX && (m->keeps || m->age);
  if (!is_on) return before > now ? before : now;
  OK(p->backend->changes_read(p->impl, &scan, replay_note_time, &time, &reach, &err));
  if (m->pending_count && !m->pending->may_lack) assert_int_equal(time, before > now ? before : now);
  return time;
}

/* A commit was made, or nothing happened: notes what it left. */
static inline void replay_commit(struct model *m) {
  uint64_t revision = replay_revision(m);
  const struct moment *newest = replay_newest(m);
  if (newest && newest->revision == revision) {
    assert_int_equal(m->pending_count, 0);
    return;
  }
  int64_t time = replay_time(m, revision);
  for (unsigned i = 0; i < NAMES * IDS; i++) {
    struct cell *c = &m->now.cells[i / IDS][i % IDS];
    if (c->revision == PENDING) c->revision = revision;
  }
  assert_true(!newest || newest->revision < revision);
  m->moments = replay_room(m->moments, m->count, &m->capacity, sizeof *m->moments);
  m->moments[m->count++] = (struct moment){revision, time, m->now, m->event_count, m->pending_count};
  for (size_t i = 0; i < m->pending_count; i++) {
    m->events = replay_room(m->events, m->event_count, &m->event_capacity, sizeof *m->events);
    m->events[m->event_count++] = m->pending[i];
  }
  m->pending_count = 0;
  replay_may_go(m, revision, hf_now_ms());
}

#endif
