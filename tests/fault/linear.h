/* SPDX-License-Identifier: MIT
 *
 * Checks a history of calls that threads made on a store at once: is there an order, one after the other, that explains
 * every answer, and in which a call that was answered before another one began comes before it?  (Linearizability, as
 * Herlihy and Wing have it.)
 *
 * A call has parts, one for each id that it looks at or changes, all at one moment.  Whether such an order exists is
 * searched for each id alone (Wing and Gong's search, with Lowe's memory of where it has been), and what joins the ids
 * is checked by revisions, which say in which order commits happened:
 *
 *  - What a call wrote has one revision, and an id is changed once in a commit, or ifRevision would overwrite what it
 *    does not know of.
 *  - A call that was answered before another one began has the lower revision.
 *  - Of a call that sees several ids, none was changed between what it saw of one and of another.
 *
 * Of a call without an answer, or whose answer says so, nobody knows whether it happened; it did if somebody has seen
 * what it wrote, and then all of it.  Each call writes values of its own, so that what is seen tells whose it is.
 */
#ifndef HF_TESTS_FAULT_LINEAR_H
#define HF_TESTS_FAULT_LINEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LINEAR_PARTS = 8, LINEAR_WHY = 600 };

/* What a part requires of its id, at the moment of the call. */
enum linear_need {
  LINEAR_ANY,
  LINEAR_ABSENT,
  LINEAR_PRESENT,
  LINEAR_VALUE,   /* it has the value `saw`, and `revision` where that is not 0 */
  LINEAR_REVISION /* it is at `revision` */
};

enum linear_effect { LINEAR_KEEP, LINEAR_PUT, LINEAR_REMOVE };

struct linear_part {
  uint32_t id;
  uint8_t need, effect; /* enum linear_need, enum linear_effect */
  uint32_t saw;
  uint64_t revision;
};

enum linear_outcome {
  LINEAR_OPEN, /* it may have happened, before `ended` */
  LINEAR_DONE,
  LINEAR_NOT /* it has not happened */
};

struct linear_call {
  uint64_t begun, ended; /* one clock for all: a number that grows with each beginning and each end */
  uint64_t revision;     /* that it was told of what it wrote; 0: none */
  uint8_t outcome;       /* enum linear_outcome */
  uint8_t count;
  struct linear_part parts[LINEAR_PARTS];
};

/* The value that a part of a call, by their numbers, writes. */
static inline uint32_t linear_value(size_t call, size_t part) { return (uint32_t)(call * LINEAR_PARTS + part + 1); }

/* What a history was like. */
struct linear_report {
  uint64_t writes;  /* calls that wrote, and whose revision is known */
  uint64_t shared;  /* revisions that several of them have */
  uint64_t largest; /* how many have the same, at most */
  uint64_t unknown; /* calls of which nobody knows whether they happened */
  uint64_t tried;   /* steps of the search */
};

/* Checks the history of a store that was empty at first and has the ids 0 to ids - 1.  False, and why: no order
 * explains it, or the search takes too long. */
bool linear_check(const struct linear_call *calls, size_t count, uint32_t ids, struct linear_report *report, char *why);

#endif
