/* SPDX-License-Identifier: MIT
 *
 * The baselines of asking: bare scans of LMDB that look into each record, in place.
 * What Holdfast is measured by is "checked", which computes the checksum of each; the
 * others do that and something more.  A leaf page is fetched whole when the cursor
 * enters it, without which the processor waits for each line of it.
 */
#include <isa-l/crc.h>
#include <stdio.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "bench_raw.h"

enum {
  HEADER = 24,    /* of a record, before its text */
  UNCHECKED = 8,  /* of it: version, lengths, and the checksum itself */
  PAGE = 4096,    /* of LMDB */
  LINE = 64,      /* of the processor's caches */
  ROOM = 1 << 18, /* for copies: about what a page of a scan takes */
};

static const char WANTED[] = "\"BTCUSDT\"";

/* ---- finding a field.  The texts are what Holdfast has stored: valid JSON without blanks. */

/* The place after the string whose opening quote is before p. */
static inline const char *skip_string(const char *p, const char *end) {
  for (;;) {
#ifdef __SSE2__
    for (; p + 16 <= end; p += 16) {
      __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
      __m128i stops =
          _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
      int mask = _mm_movemask_epi8(stops);
      if (!mask) continue;
      p += __builtin_ctz((unsigned)mask);
      break;
    }
#else
    (void)end;
#endif
    while (*p != '"' && *p != '\\') p++;
    if (*p == '"') return p + 1;
    p += 2;
  }
}

/* The place after the value that begins at p. */
static inline const char *skip_value(const char *p, const char *end) {
  if (*p == '"') return skip_string(p + 1, end);
  if (*p != '{' && *p != '[') {
    while (*p != ',' && *p != '}' && *p != ']') p++;
    return p;
  }
  for (int depth = 0;;) {
    char c = *p++;
    if (c == '"') p = skip_string(p, end);
    if (c == '{' || c == '[') depth++;
    if ((c == '}' || c == ']') && --depth == 0) return p;
  }
}

/* The value of a field of the object at p, or NULL. */
static inline const char *find_field(const char *p, const char *end, const char *name, size_t size) {
  if (*p++ != '{' || *p == '}') return NULL;
  for (;;) {
    const char *key = p + 1;
    if ((size_t)(end - key) > size && memcmp(key, name, size) == 0 && key[size] == '"') return key + size + 2;
    p = skip_value(skip_string(key, end) + 1, end);
    if (*p++ != ',') return NULL;
  }
}

/* Whether v.metadata.symbol == "BTCUSDT". */
static inline bool is_wanted(const char *text, const char *end) {
  const char *metadata = find_field(text, end, "metadata", 8);
  const char *symbol = metadata ? find_field(metadata, end, "symbol", 6) : NULL;
  return symbol && (size_t)(end - symbol) >= sizeof WANTED && memcmp(symbol, WANTED, sizeof WANTED - 1) == 0;
}

/* ---- scanning */

static char room[ROOM];
static volatile unsigned seen;

/* Has the page in which p lies brought to the caches. */
static inline void fetch_page(const void *p, uintptr_t *page) {
  uintptr_t here = (uintptr_t)p & ~(uintptr_t)(PAGE - 1);
  if (here == *page) return;
  *page = here;
  for (uintptr_t at = here; at < here + PAGE; at += LINE) __builtin_prefetch((const void *)at, 0, 1);
}

static inline unsigned checksum(const MDB_val *record) {
  return crc32_iscsi((unsigned char *)record->mv_data + UNCHECKED, (int)record->mv_size - UNCHECKED, 1);
}

struct looked {
  size_t records, hits;
  double us;
};

/* `finding` and `copying` are constants where this is called: the compiler makes a loop for each. */
static inline __attribute__((always_inline)) struct looked look(struct raw *r, bool finding, bool copying) {
  struct looked l = {0};
  MDB_cursor *c;
  MDB_val k, v;
  unsigned sum = 0;
  uintptr_t page = 0;
  size_t used = 0;
  double start = bench_now();
  CHECK(mdb_txn_renew(r->txn));
  CHECK(mdb_cursor_open(r->txn, r->dbis[0], &c));
  while (mdb_cursor_get(c, &k, &v, MDB_NEXT) == 0) {
    fetch_page(k.mv_data, &page);
    sum += checksum(&v);
    const char *text = (const char *)v.mv_data + HEADER, *end = (const char *)v.mv_data + v.mv_size;
    if (finding) l.hits += is_wanted(text, end);
    if (copying) {
      if (used + v.mv_size > sizeof room) used = 0;
      memcpy(room + used, text, (size_t)(end - text));
      used += v.mv_size;
    }
    l.records++;
  }
  mdb_cursor_close(c);
  mdb_txn_reset(r->txn);
  l.us = (bench_now() - start) / (double)l.records;
  seen = sum + (unsigned char)room[0];
  return l;
}

static struct looked look_checked(struct raw *r) { return look(r, false, false); }
static struct looked look_found(struct raw *r) { return look(r, true, false); }
static struct looked look_copied(struct raw *r) { return look(r, false, true); }

/* Prints the µs of a record, and how many hits there were: the second time, since the first one warms up. */
static void measure(const struct bench_options *o, struct looked (*scan)(struct raw *r)) {
  struct raw r = bench_raw_open(o, o->dir, 0);
  scan(&r);
  struct looked l = scan(&r);
  if (!l.records) bench_die("nothing is stored");
  printf("%.6f %zu\n", l.us, l.hits);
  bench_raw_close(&r);
}

static void run_checked(const struct bench_options *o) { measure(o, look_checked); }
static void run_found(const struct bench_options *o) { measure(o, look_found); }
static void run_copied(const struct bench_options *o) { measure(o, look_copied); }

const struct bench_op bench_look_ops[] = {
    {"checked", run_checked}, {"found", run_found}, {"copied", run_copied}, {NULL, NULL}};
