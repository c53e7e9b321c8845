/* SPDX-License-Identifier: MIT
 *
 * The search for an order of the calls on one id: the part of linear.c that takes time.
 */
#ifndef HF_TESTS_FAULT_LINEAR_SEARCH_H
#define HF_TESTS_FAULT_LINEAR_SEARCH_H

#include "fault/linear.h"

/* What is known of each call, whatever it was told itself. */
struct linear_known {
  uint64_t *revisions; /* at which it wrote; 0: unknown */
  bool *happened;
};

/* Whether an order explains what the calls did to this id, and saw of it. */
bool linear_search(const struct linear_call *calls, size_t count, uint32_t id, const struct linear_known *known,
                   uint64_t *tried, char *why);

/* Zeroed memory for so many; ends the program where there is none. */
void *linear_memory(size_t count, size_t size);

/* Says what is wrong, and is false. */
bool linear_wrong(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
