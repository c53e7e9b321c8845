/* SPDX-License-Identifier: MIT
 *
 * The queue of threads that have something for the next commit, and how they sleep and are woken.  See group.h for what
 * they wait for; this file knows no LMDB.
 *
 * Who comes while nobody leads is the leader, and is not in the queue.  It takes who waits until nobody does any more;
 * from then on the next one who comes is a leader.  What it leaves goes back to the front, and the first of that is the
 * next leader.
 *
 * A system call for each thread would cost more than its change.  So all threads sleep on one of two words, those of
 * one group on one of them and those that come for the next on the other, and one call wakes them all.  What a word
 * counts is of no meaning; that it has changed keeps a thread from sleeping that has just been told.
 */
#ifndef HF_BACKENDS_LMDB_QUEUE_H
#define HF_BACKENDS_LMDB_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What a thread is told. */
enum hf__lmdb_told {
  HF__LMDB_WAIT,
  HF__LMDB_LEAD,  /* lead those who wait */
  HF__LMDB_DONE,  /* it was done */
  HF__LMDB_ALONE, /* do it yourself, in a commit of its own */
};

/* A thread that waits; it lies on its stack. */
typedef struct hf__lmdb_waiter {
  struct hf__lmdb_waiter *next;
  unsigned word;    /* on which it sleeps */
  uint32_t bit;     /* one of 32, by which some can be woken and others not */
  _Atomic int told; /* enum hf__lmdb_told: once it is not HF__LMDB_WAIT the waiter may be gone */
} hf__lmdb_waiter;

/* Waiters in order. */
typedef struct hf__lmdb_waiters {
  hf__lmdb_waiter *first, **end;
} hf__lmdb_waiters;

typedef struct hf__lmdb_queue {
  pthread_mutex_t lock; /* everything but `words`; no holder waits */
  hf__lmdb_waiters waiting;
  bool led;                  /* somebody leads them */
  unsigned groups;           /* that were closed: the parity is the word of those who come now */
  unsigned came;             /* who have waited: the bit of the next one */
  _Atomic uint32_t words[2]; /* futexes */
} hf__lmdb_queue;

/* Who is to be woken: bits on each word. */
typedef struct hf__lmdb_wake {
  uint32_t bits[2];
} hf__lmdb_wake;

static inline void hf__lmdb_waiters_init(hf__lmdb_waiters *list) {
  list->first = NULL;
  list->end = &list->first;
}

static inline void hf__lmdb_waiters_add(hf__lmdb_waiters *list, hf__lmdb_waiter *waiter) {
  waiter->next = NULL;
  *list->end = waiter;
  list->end = &waiter->next;
}

void hf__lmdb_queue_init(hf__lmdb_queue *queue);
void hf__lmdb_queue_destroy(hf__lmdb_queue *queue);

/* Comes to the queue: HF__LMDB_LEAD at once where nobody leads, otherwise waits for what it is told. */
enum hf__lmdb_told hf__lmdb_queue_join(hf__lmdb_queue *queue, hf__lmdb_waiter *waiter);

/* For the leader: takes who waits, by `next`.  NULL: the caller leads no more, since nobody waits, or because it wants
 * no more (`last`).  Then those of `left` wait on, before all others, and the first of who waits leads. */
hf__lmdb_waiter *hf__lmdb_queue_take(hf__lmdb_queue *queue, hf__lmdb_waiters *left, bool last);

/* Tells a thread that has waited, and notes that it is to be woken.  It may be gone at once. */
void hf__lmdb_queue_tell(hf__lmdb_waiter *waiter, enum hf__lmdb_told told, hf__lmdb_wake *wake);
/* Wakes those that were told. */
void hf__lmdb_queue_wake(hf__lmdb_queue *queue, const hf__lmdb_wake *wake);

#endif
