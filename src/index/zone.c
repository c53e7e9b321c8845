/* SPDX-License-Identifier: MIT
 *
 * Zones: see zone.h.
 */
#include "index/zone.h"

enum {
  USED_MAX = 16 * 1024 * 1024,
  RANGES_MAX = 4096, /* of a zone; what are more are written as one */
};

const char hf__zone_classes[] = {0x10, 0x20,       0x30,       0x40,       0x50,      0x60,
                                 0x70, (char)0x80, (char)0x90, (char)0xA0, (char)0xB0};
enum { LAST = sizeof hf__zone_classes - 1 };

static const hf__zone_piece everything = {{&hf__zone_classes[0], 1}, {&hf__zone_classes[LAST], 1}, &hf__zone_all};
const hf__zone hf__zone_none = {0, NULL};
const hf__zone hf__zone_all = {1, &everything};

void *hf__zones_take(hf__zones *z, size_t size) {
  size = (size + 15) & ~(size_t)15;
  z->used += size;
  if (z->used > USED_MAX) return NULL;
  void *bytes = hf__room_take(&z->room, size);
  if (!bytes) z->failed = true;
  return bytes;
}

/* ---- making */

/* A zone that is being made: its pieces have room for all. */
struct made {
  hf__zone_piece *pieces;
  size_t count;
};

static void add(struct made *m, hf_slice lower, hf_slice upper, const hf__zone *rest) {
  hf__zone_piece *last = m->count ? &m->pieces[m->count - 1] : NULL;
  if (rest == &hf__zone_none) return;
  if (last && last->rest == rest && hf__zone_order(last->upper, lower) == 0)
    last->upper = upper;
  else
    m->pieces[m->count++] = (hf__zone_piece){lower, upper, rest};
}

static bool is_everything(const hf__zone_piece *piece) {
  return piece->rest == &hf__zone_all && hf__zone_order(piece->lower, everything.lower) == 0 &&
         hf__zone_order(piece->upper, everything.upper) == 0;
}

static const hf__zone *end(hf__zones *z, const struct made *m) {
  const hf__zone_piece *first = m->pieces;
  if (m->count == 0) return &hf__zone_none;
  if (m->count == 1 && is_everything(first)) return &hf__zone_all;
  hf__zone *zone = hf__zones_take(z, sizeof *zone);
  if (!zone) return &hf__zone_all;
  *zone = (hf__zone){m->count, m->pieces};
  return zone;
}

const hf__zone *hf__zone_of(hf__zones *z, const hf__zone_piece *pieces, size_t count) {
  if (count == 0) return &hf__zone_none;
  if (count == 1 && is_everything(pieces)) return &hf__zone_all;
  struct made m = {.pieces = hf__zones_take(z, count * sizeof *pieces)};
  if (!m.pieces) return &hf__zone_all;
  for (size_t i = 0; i < count; i++) add(&m, pieces[i].lower, pieces[i].upper, pieces[i].rest);
  return end(z, &m);
}

const hf__zone *hf__zone_from(hf__zones *z, const hf__zone *zone, unsigned number) {
  if (zone == &hf__zone_none || zone == &hf__zone_all) return zone;
  for (; number > 0; number--) zone = hf__zone_of(z, &(hf__zone_piece){everything.lower, everything.upper, zone}, 1);
  return zone;
}

/* ---- two zones */

/* Goes over two zones at once, by stretches over which neither changes. */
struct sweep {
  const hf__zone *a, *b;
  size_t next_a, next_b;
  hf_slice lower, upper;       /* the stretch */
  const hf__zone *in_a, *in_b; /* the rests there */
};

static struct sweep sweep_over(const hf__zone *a, const hf__zone *b) {
  return (struct sweep){.a = a, .b = b, .upper = {"", 0}};
}

/* Whether a piece has begun at the stretch's beginning; if not, the stretch ends before it.  If so, not after it. */
static bool is_in(const hf__zone_piece *piece, struct sweep *s) {
  bool is = piece && hf__zone_order(piece->lower, s->lower) <= 0;
  hf_slice limit = {NULL, 0};
  if (piece) limit = is ? piece->upper : piece->lower;
  if (piece && (!s->upper.data || hf__zone_order(limit, s->upper) < 0)) s->upper = limit;
  return is;
}

static bool sweep_next(struct sweep *s) {
  const hf__zone_piece *p = s->next_a < s->a->count ? &s->a->pieces[s->next_a] : NULL;
  const hf__zone_piece *q = s->next_b < s->b->count ? &s->b->pieces[s->next_b] : NULL;
  if (!p && !q) return false;
  hf_slice first = !q || (p && hf__zone_order(p->lower, q->lower) < 0) ? p->lower : q->lower;
  s->lower = hf__zone_order(first, s->upper) > 0 ? first : s->upper;
  s->upper = (hf_slice){NULL, 0};
  bool in_a = is_in(p, s), in_b = is_in(q, s);
  s->in_a = in_a ? p->rest : &hf__zone_none;
  s->in_b = in_b ? q->rest : &hf__zone_none;
  if (in_a && hf__zone_order(p->upper, s->upper) == 0) s->next_a++;
  if (in_b && hf__zone_order(q->upper, s->upper) == 0) s->next_b++;
  return true;
}

typedef const hf__zone *combine(hf__zones *z, const hf__zone *a, const hf__zone *b);

/* Combines the rests of two zones that are neither none nor all. */
static const hf__zone *sweep(hf__zones *z, const hf__zone *a, const hf__zone *b, combine *rests) {
  struct made m = {.pieces = hf__zones_take(z, 2 * (a->count + b->count) * sizeof *m.pieces)};
  const hf__zone *rest = NULL, *of_a = NULL, *of_b = NULL;
  if (!m.pieces) return &hf__zone_all;
  for (struct sweep s = sweep_over(a, b); sweep_next(&s);) {
    if (!rest || s.in_a != of_a || s.in_b != of_b) rest = rests(z, s.in_a, s.in_b);
    of_a = s.in_a;
    of_b = s.in_b;
    add(&m, s.lower, s.upper, rest);
  }
  return end(z, &m);
}

const hf__zone *hf__zone_join(hf__zones *z, const hf__zone *a, const hf__zone *b) {
  if (a == b || a == &hf__zone_all || b == &hf__zone_none) return a;
  if (b == &hf__zone_all || a == &hf__zone_none) return b;
  return sweep(z, a, b, hf__zone_join);
}

const hf__zone *hf__zone_meet(hf__zones *z, const hf__zone *a, const hf__zone *b) {
  if (a == b || a == &hf__zone_none || b == &hf__zone_all) return a;
  if (b == &hf__zone_none || a == &hf__zone_all) return b;
  return sweep(z, a, b, hf__zone_meet);
}

/* ---- ranges */

/* Ranges that are being written: what all values have before the part that is looked at. */
struct writer {
  hf__zones *z;
  hf__zone_ranges *out;
  bool failed;
  size_t size;
  char before[HF_INDEX_VALUE_MAX];
};

static hf_slice bound(struct writer *w, hf_slice part) {
  if (w->size == 0) return part;
  char *bytes = hf__zones_take(w->z, w->size + part.size);
  if (!bytes) {
    w->failed = true;
    return part;
  }
  memcpy(bytes, w->before, w->size);
  memcpy(bytes + w->size, part.data, part.size);
  return (hf_slice){bytes, w->size + part.size};
}

static bool grow(struct writer *w) {
  hf__zone_ranges *out = w->out;
  if (out->count < out->capacity) return true;
  size_t capacity = out->capacity ? out->capacity * 4 : 8;
  hf_index_range *ranges = hf__zones_take(w->z, capacity * sizeof *ranges);
  bool *is_sure = hf__zones_take(w->z, capacity * sizeof *is_sure);
  if (!ranges || !is_sure) return false;
  if (out->count) memcpy(ranges, out->ranges, out->count * sizeof *ranges);
  if (out->count) memcpy(is_sure, out->is_sure, out->count * sizeof *is_sure);
  out->ranges = ranges;
  out->is_sure = is_sure;
  out->capacity = capacity;
  return true;
}

static void write_range(struct writer *w, hf_slice lower, hf_slice upper, bool is_sure) {
  hf__zone_ranges *out = w->out;
  hf_index_range range = {bound(w, lower), bound(w, upper)};
  hf_index_range *last = out->count ? &out->ranges[out->count - 1] : NULL;
  if (last && out->is_sure[out->count - 1] == is_sure && hf__zone_order(last->upper, range.lower) == 0) {
    last->upper = range.upper;
  } else if (out->count == RANGES_MAX) {
    last->upper = range.upper;
    out->is_sure[out->count - 1] = false;
  } else if (!grow(w)) {
    w->failed = true;
  } else {
    out->is_sure[out->count] = is_sure;
    out->ranges[out->count++] = range;
  }
}

/* Whether all values between two bounds of a class are the same, byte for byte: others then may follow it. */
static bool is_one(hf_slice lower, hf_slice upper) {
  unsigned class = (unsigned char)lower.data[0];
  const unsigned char *last = (const unsigned char *)lower.data + lower.size - 1;
  if (lower.size > 1) {
    bool whole = class == HF__INDEX_NUMBER ? lower.size == 9 : last[-1] == '\0' && *last < 0xFF;
    if (!whole) return false;
    size_t same = lower.size;
    while (same > 1 && (unsigned char)lower.data[same - 1] == 0xFF) same--;
    return same == upper.size && memcmp(lower.data, upper.data, same - 1) == 0 &&
           (unsigned char)lower.data[same - 1] + 1 == (unsigned char)upper.data[same - 1];
  }
  return class != HF__INDEX_NUMBER && class != HF__INDEX_TEXT && (class & 0x0F) == 0;
}

static void write_zone(struct writer *w, const hf__zone *zone, const hf__zone *doubt);

/* Writes what a stretch has of zones that are not the same for all that follows. */
static void write_stretch(struct writer *w, const struct sweep *s) {
  for (hf_slice lower = s->lower, upper; hf__zone_order(lower, s->upper) < 0; lower = upper) {
    upper = hf__zone_class(((unsigned char)lower.data[0] & 0xF0) + HF__INDEX_CLASS_STEP);
    if (hf__zone_order(s->upper, upper) < 0) upper = s->upper;
    if (!is_one(lower, upper)) {
      write_range(w, lower, upper, false);
      continue;
    }
    memcpy(w->before + w->size, lower.data, lower.size);
    w->size += lower.size;
    write_zone(w, s->in_a, s->in_b);
    w->size -= lower.size;
  }
}

static void write_zone(struct writer *w, const hf__zone *zone, const hf__zone *doubt) {
  for (struct sweep s = sweep_over(zone, doubt); sweep_next(&s);) {
    if (s.in_a == &hf__zone_none) continue;
    if (s.in_a == &hf__zone_all && (s.in_b == &hf__zone_all || s.in_b == &hf__zone_none))
      write_range(w, s.lower, s.upper, s.in_b == &hf__zone_none);
    else
      write_stretch(w, &s);
  }
}

bool hf__zone_write(hf__zones *z, const hf__zone *zone, const hf__zone *doubt, hf__zone_ranges *out) {
  struct writer w = {.z = z, .out = out};
  write_zone(&w, zone, doubt);
  return !w.failed;
}
