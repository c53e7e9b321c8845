/* SPDX-License-Identifier: MIT
 *
 * The queue of threads that have something for the next commit: see queue.h.
 */
#include "queue.h"

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "locks.h"

enum { BITS = 32 };

void hf__lmdb_queue_init(hf__lmdb_queue *q) {
  pthread_mutex_init(&q->lock, NULL);
  hf__lmdb_waiters_init(&q->waiting);
}

void hf__lmdb_queue_destroy(hf__lmdb_queue *q) { pthread_mutex_destroy(&q->lock); }

/* ---- sleeping */

static void sleep_on(_Atomic uint32_t *word, uint32_t seen, uint32_t bit) {
  syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, seen, NULL, NULL, bit);
}

/* Those that do not sleep yet see that the word has changed. */
static void wake_word(_Atomic uint32_t *word, uint32_t bits) {
  atomic_fetch_add(word, 1);
  syscall(SYS_futex, word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, bits);
}

static enum hf__lmdb_told wait_until_told(hf__lmdb_queue *q, hf__lmdb_waiter *w) {
  for (;;) {
    uint32_t seen = atomic_load(&q->words[w->word]);
    int told = atomic_load(&w->told);
    if (told != HF__LMDB_WAIT) return (enum hf__lmdb_told)told;
    sleep_on(&q->words[w->word], seen, w->bit);
  }
}

void hf__lmdb_queue_tell(hf__lmdb_waiter *w, enum hf__lmdb_told told, hf__lmdb_wake *wake) {
  wake->bits[w->word] |= w->bit;
  atomic_store(&w->told, told);
}

void hf__lmdb_queue_wake(hf__lmdb_queue *q, const hf__lmdb_wake *wake) {
  for (unsigned i = 0; i < 2; i++)
    if (wake->bits[i]) wake_word(&q->words[i], wake->bits[i]);
}

/* ---- coming and leading */

enum hf__lmdb_told hf__lmdb_queue_join(hf__lmdb_queue *q, hf__lmdb_waiter *w) {
  hf__lmdb_lock(&q->lock);
  bool leads = !q->led;
  if (leads) {
    q->led = true;
  } else {
    w->word = q->groups % 2;
    w->bit = 1U << q->came++ % BITS;
    atomic_store_explicit(&w->told, HF__LMDB_WAIT, memory_order_relaxed);
    hf__lmdb_waiters_add(&q->waiting, w);
  }
  pthread_mutex_unlock(&q->lock);
  return leads ? HF__LMDB_LEAD : wait_until_told(q, w);
}

/* Puts those of `left` before who waits, and takes the first one out to lead; NULL: there is none. */
static hf__lmdb_waiter *close_locked(hf__lmdb_queue *q, hf__lmdb_waiters *left) {
  q->groups++;
  if (left->first) {
    *left->end = q->waiting.first;
    if (!q->waiting.first) q->waiting.end = left->end;
    q->waiting.first = left->first;
  }
  hf__lmdb_waiter *leader = q->waiting.first;
  if (leader) q->waiting.first = leader->next;
  if (!q->waiting.first) q->waiting.end = &q->waiting.first;
  q->led = leader != NULL;
  return leader;
}

hf__lmdb_waiter *hf__lmdb_queue_take(hf__lmdb_queue *q, hf__lmdb_waiters *left, bool last) {
  hf__lmdb_waiter *leader = NULL;
  hf__lmdb_lock_briefly(&q->lock);
  hf__lmdb_waiter *taken = last ? NULL : q->waiting.first;
  if (taken)
    hf__lmdb_waiters_init(&q->waiting);
  else
    leader = close_locked(q, left);
  pthread_mutex_unlock(&q->lock);
  if (leader) {
    hf__lmdb_wake wake = {{0, 0}};
    hf__lmdb_queue_tell(leader, HF__LMDB_LEAD, &wake);
    hf__lmdb_queue_wake(q, &wake);
  }
  return taken;
}
