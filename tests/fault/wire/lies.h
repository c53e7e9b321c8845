/* SPDX-License-Identifier: MIT
 *
 * Servers that drip, stall, flood and lie: the main function of redis/lies.c and postgres/lies.c.
 */
#ifndef HF_TESTS_FAULT_WIRE_LIES_H
#define HF_TESTS_FAULT_WIRE_LIES_H

#include "fault/wire/judge.h"

/* Bytes that a server might say. */
struct wire_lie {
  const char *name;
  const char *text;
  size_t size;
  bool believable; /* a sound answer to some operation, so that it may be believed */
  bool always;     /* tried in each part, instead of the answers to all writes of a client that is connected */
};

#define WIRE_LIE(name, text)                                                                                           \
  { name, text, sizeof text - 1, false, false }
#define WIRE_BELIEVABLE(name, text)                                                                                    \
  { name, text, sizeof text - 1, true, false }
/* What was believed once. */
#define WIRE_KNOWN_LIE(name, text)                                                                                     \
  { name, text, sizeof text - 1, false, true }

/* `lies` end with a name of NULL.  Arguments are those of wire_trial_start(). */
int wire_lies(int argc, char **argv, const struct wire_judge *judge, const struct wire_lie *lies);

#endif
