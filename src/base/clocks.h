/* SPDX-License-Identifier: MIT
 *
 * Whether the wall clock can be believed.  A clock that is a year ahead for three minutes must not remove everything
 * that expires within the year: what is removed for good by the clock is only removed where the wall clock has gone
 * along with another one, which nobody sets, for a while.  What is merely not shown any more comes back with the clock.
 */
#ifndef HF_BASE_CLOCKS_H
#define HF_BASE_CLOCKS_H

#include <stdint.h>

enum {
  HF__CLOCKS_BOOT_SIZE = 40,          /* of a boot's identity, with its 0 */
  HF__CLOCKS_APART_MS = 5000,         /* by more than this the two may not differ */
  HF__CLOCKS_TOGETHER_MS = 600000,    /* for so long they have to agree */
  HF__CLOCKS_EXPIRY_MARGIN_MS = 60000 /* what expired longer ago than this may be removed */
};

/* Both clocks at one moment, in ms. */
typedef struct hf__clocks {
  char boot[HF__CLOCKS_BOOT_SIZE]; /* which start of the machine; "" where it cannot be told */
  int64_t wall;                    /* since 1970-01-01 UTC; may be set by whoever administers the machine */
  int64_t boottime;                /* since that start, also while it sleeps; nobody sets it */
} hf__clocks;

typedef enum hf__clocks_verdict {
  HF__CLOCKS_AGREE, /* they have gone along with each other for HF__CLOCKS_TOGETHER_MS */
  HF__CLOCKS_WAIT,  /* they have, not so long yet */
  HF__CLOCKS_DIFFER /* they have not, or the machine was started again: make a new note, and wait */
} hf__clocks_verdict;

/* Looks at both. */
void hf__clocks_now(hf__clocks *out);

/* Compares with a note, made earlier. */
hf__clocks_verdict hf__clocks_compare(const hf__clocks *note, const hf__clocks *now);

#endif
