/* SPDX-License-Identifier: MIT
 *
 * Whether an order explains a history: what joins its ids.  See linear.h; linear_search.c does the rest.
 */
#include "fault/linear.h"

#include <stdlib.h>
#include <string.h>

#include "fault/linear_search.h"

/* A revision of an id, and the call whose it is. */
struct write {
  uint64_t revision;
  uint32_t id, call;
};

struct check {
  const struct linear_call *calls;
  size_t count;
  uint32_t ids;
  struct linear_known known;
  struct write *writes; /* by id, then revision */
  size_t write_count;
  char *why;
};

static size_t call_of(uint32_t value) { return (value - 1) / LINEAR_PARTS; }

/* ---- revisions */

static bool has_effect(const struct linear_call *c, uint8_t effect) {
  for (size_t i = 0; i < c->count; i++)
    if (c->parts[i].effect == effect) return true;
  return false;
}

/* A call is known to have written at a revision. */
static bool learn(struct check *k, size_t call, uint64_t revision) {
  uint64_t *known = &k->known.revisions[call];
  k->known.happened[call] = true;
  if (revision && *known && *known != revision)
    return linear_wrong(k->why, "call %zu wrote at revision %llu, and at %llu", call, (unsigned long long)*known,
                        (unsigned long long)revision);
  if (revision) *known = revision;
  return true;
}

static bool learn_seen(struct check *k, size_t reader, const struct linear_part *p) {
  size_t call = call_of(p->saw), part = (p->saw - 1) % LINEAR_PARTS;
  const struct linear_call *writer = call < k->count ? &k->calls[call] : NULL;
  if (!writer || part >= writer->count || writer->parts[part].effect != LINEAR_PUT || writer->parts[part].id != p->id)
    return linear_wrong(k->why, "call %zu saw in id %u what nobody wrote there", reader, p->id);
  if (writer->outcome == LINEAR_NOT)
    return linear_wrong(k->why, "call %zu saw what call %zu wrote, which was told that it has not happened", reader,
                        call);
  return learn(k, call, p->revision);
}

static bool learn_all(struct check *k) {
  for (size_t i = 0; i < k->count; i++) {
    const struct linear_call *c = &k->calls[i];
    if (c->outcome == LINEAR_DONE && !learn(k, i, has_effect(c, LINEAR_PUT) ? c->revision : 0)) return false;
    for (size_t j = 0; j < c->count && c->outcome == LINEAR_DONE; j++)
      if (c->parts[j].need == LINEAR_VALUE && !learn_seen(k, i, &c->parts[j])) return false;
  }
  return true;
}

static int by_revision(const void *a, const void *b) {
  const struct write *x = a, *y = b;
  if (x->id != y->id) return x->id < y->id ? -1 : 1;
  return x->revision < y->revision ? -1 : x->revision > y->revision;
}

/* Lists what is known to have been written, and by whom; no id twice at one revision. */
static bool list_writes(struct check *k) {
  for (size_t i = 0; i < k->count; i++)
    for (size_t j = 0; j < k->calls[i].count && k->known.revisions[i]; j++)
      if (k->calls[i].parts[j].effect == LINEAR_PUT)
        k->writes[k->write_count++] = (struct write){k->known.revisions[i], k->calls[i].parts[j].id, (uint32_t)i};
  qsort(k->writes, k->write_count, sizeof *k->writes, by_revision);
  for (size_t i = 1; i < k->write_count; i++)
    if (by_revision(&k->writes[i - 1], &k->writes[i]) == 0)
      return linear_wrong(k->why, "calls %u and %u both changed id %u at revision %llu", k->writes[i - 1].call,
                          k->writes[i].call, k->writes[i].id, (unsigned long long)k->writes[i].revision);
  return true;
}

/* ---- time */

struct event {
  uint64_t at;
  uint32_t call;
  bool ends;
};

static int by_time(const void *a, const void *b) {
  const struct event *x = a, *y = b;
  return x->at < y->at ? -1 : x->at > y->at;
}

/* The highest revision that a call tells of: what it wrote, or saw. */
static uint64_t told_by(const struct check *k, size_t call) {
  const struct linear_call *c = &k->calls[call];
  uint64_t told = k->known.revisions[call];
  for (size_t i = 0; i < c->count; i++)
    if (c->parts[i].need == LINEAR_VALUE && c->parts[i].revision > told) told = c->parts[i].revision;
  return told;
}

/* A call that begins when another one was answered writes at a higher revision than that one told of. */
static bool check_time(struct check *k) {
  struct event *events = linear_memory(2 * k->count, sizeof *events);
  size_t count = 0;
  uint64_t told = 0;
  bool good = true;
  for (size_t i = 0; i < k->count; i++) {
    events[count++] = (struct event){k->calls[i].begun, (uint32_t)i, false};
    if (k->calls[i].outcome == LINEAR_DONE) events[count++] = (struct event){k->calls[i].ended, (uint32_t)i, true};
  }
  qsort(events, count, sizeof *events, by_time);
  for (size_t i = 0; i < count && good; i++) {
    uint32_t call = events[i].call;
    uint64_t revision = k->known.revisions[call], tells = events[i].ends ? told_by(k, call) : 0;
    if (tells > told) told = tells;
    if (!events[i].ends && revision && revision <= told)
      good = linear_wrong(k->why, "call %u wrote at revision %llu, and when it began %llu had been told of", call,
                          (unsigned long long)revision, (unsigned long long)told);
  }
  free(events);
  return good;
}

/* ---- moments */

/* The first revision of an id above one; UINT64_MAX: none is known. */
static uint64_t next_revision(const struct check *k, uint32_t id, uint64_t above) {
  size_t low = 0, high = k->write_count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    const struct write *w = &k->writes[middle];
    if (w->id < id || (w->id == id && w->revision <= above))
      low = middle + 1;
    else
      high = middle;
  }
  return low < k->write_count && k->writes[low].id == id ? k->writes[low].revision : UINT64_MAX;
}

static uint64_t revision_seen(const struct check *k, const struct linear_part *p) {
  return p->need == LINEAR_VALUE ? k->known.revisions[call_of(p->saw)] : 0;
}

/* All that a call saw was there at one moment, and nothing came between that and what it wrote. */
static bool check_moment(struct check *k, size_t call) {
  const struct linear_call *c = &k->calls[call];
  uint64_t own = k->known.revisions[call], moment = own ? own - 1 : 0;
  for (size_t i = 0; i < c->count && !own; i++)
    if (revision_seen(k, &c->parts[i]) > moment) moment = revision_seen(k, &c->parts[i]);
  for (size_t i = 0; i < c->count; i++) {
    uint64_t seen = revision_seen(k, &c->parts[i]);
    if (!seen) continue;
    if (own && seen >= own)
      return linear_wrong(k->why, "call %zu saw id %u at revision %llu, and wrote at %llu", call, c->parts[i].id,
                          (unsigned long long)seen, (unsigned long long)own);
    uint64_t next = next_revision(k, c->parts[i].id, seen);
    if (next <= moment)
      return linear_wrong(k->why, "call %zu saw id %u at revision %llu, which is at %llu since, and %s %llu", call,
                          c->parts[i].id, (unsigned long long)seen, (unsigned long long)next,
                          own ? "wrote at the end of" : "another one at", (unsigned long long)moment);
  }
  return true;
}

/* ---- what it was like */

static int by_number(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static void describe(const struct check *k, struct linear_report *report) {
  uint64_t *all = linear_memory(k->count, sizeof *all), run = 0;
  for (size_t i = 0; i < k->count; i++) {
    if (k->known.revisions[i]) all[report->writes++] = k->known.revisions[i];
    report->unknown += k->calls[i].outcome == LINEAR_OPEN && !k->known.happened[i];
  }
  qsort(all, report->writes, sizeof *all, by_number);
  for (size_t i = 0; i < report->writes; i++) {
    run = i && all[i] == all[i - 1] ? run + 1 : 1;
    report->shared += run == 2;
    if (run > report->largest) report->largest = run;
  }
  free(all);
}

static bool check_all(struct check *k, struct linear_report *report) {
  if (!learn_all(k) || !list_writes(k) || !check_time(k)) return false;
  for (size_t i = 0; i < k->count; i++)
    if (k->calls[i].outcome == LINEAR_DONE && !check_moment(k, i)) return false;
  for (uint32_t id = 0; id < k->ids; id++)
    if (!linear_search(k->calls, k->count, id, &k->known, &report->tried, k->why)) return false;
  describe(k, report);
  return true;
}

bool linear_check(const struct linear_call *calls, size_t count, uint32_t ids, struct linear_report *report,
                  char *why) {
  struct check k = {.calls = calls, .count = count, .ids = ids, .why = why};
  *report = (struct linear_report){0};
  k.known.revisions = linear_memory(count, sizeof *k.known.revisions);
  k.known.happened = linear_memory(count, sizeof *k.known.happened);
  k.writes = linear_memory(count * LINEAR_PARTS, sizeof *k.writes);
  bool good = check_all(&k, report);
  free(k.known.revisions);
  free(k.known.happened);
  free(k.writes);
  return good;
}
