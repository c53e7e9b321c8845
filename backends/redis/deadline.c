/* SPDX-License-Identifier: MIT
 *
 * How long operations may take.
 *
 * One that is answered at once has the store's timeout.  One that looks at all keys, or moves many entities, takes
 * longer the more there are, also on a healthy server; it has the timeout again for every KEYS_SHARE of them.  Each of
 * its round trips ends by the timeout, whatever is left, so that a server that is silent is noticed as soon as
 * elsewhere.  Both together mean that every operation ends, whatever the server answers.
 */
#include "redis.h"

enum { MS = 1000000, KEYS_SHARE = 10000 };

/* More keys than a server of any size has: what claims to have more gets no more time. */
static const uint64_t KEYS_MAX = (uint64_t)1 << 32;

/* `ms` from `begin` on; far away where that is more than the clock can count. */
static int64_t after(int64_t begin, int64_t ms) { return ms > (INT64_MAX - begin) / MS ? INT64_MAX : begin + ms * MS; }

int64_t hf__redis_deadline(const hf__redis_store *s) { return after(hf_clock_ns(), s->config.timeout_ms); }

hf__redis_time hf__redis_time_begin(const hf__redis_store *s) {
  return (hf__redis_time){.store = s, .until = hf__redis_deadline(s)};
}

void hf__redis_time_extend(hf__redis_time *t, uint64_t keys) {
  int64_t shares = (int64_t)((keys < KEYS_MAX ? keys : KEYS_MAX) / KEYS_SHARE), ms = t->store->config.timeout_ms;
  t->until = after(t->until, shares > INT64_MAX / ms ? INT64_MAX : shares * ms);
}

int64_t hf__redis_time_step(const hf__redis_time *t) {
  int64_t step = hf__redis_deadline(t->store);
  return step < t->until ? step : t->until;
}

bool hf__redis_time_is_over(const hf__redis_time *t) { return hf_clock_ns() >= t->until; }
