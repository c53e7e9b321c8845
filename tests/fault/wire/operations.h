/* SPDX-License-Identifier: MIT
 *
 * What a client of a store does while the connection is harmed: operations, each with the state of the collection that
 * it begins with, the one that it leaves, and what it reads.
 *
 * A state is a text: the entities in the order of their bytes, as in `a="old" b=7`; "" is an empty collection, and
 * WIRE_NOWHERE one that has no place in the store yet.
 */
#ifndef HF_TESTS_FAULT_WIRE_OPERATIONS_H
#define HF_TESTS_FAULT_WIRE_OPERATIONS_H

#include "holdfast/holdfast.h"

enum { WIRE_STATE_MAX = 4000 };

#define WIRE_NOWHERE "-"
#define WIRE_ENTITY "cut"

/* A client: one handle, and what its last operation has read. */
struct wire_client {
  char url[300];
  hf_persist *p;
  uint64_t revision; /* that the entity had when its first try read it; 0: not yet */
  char read[WIRE_STATE_MAX];
};

struct wire_operation {
  const char *name;
  hf_status (*run)(struct wire_client *c, hf_error *err);
  const char *before, *after;
  const char *reads;     /* what it reads: in c->read */
  hf_status status;      /* where nothing is harmed */
  hf_status again;       /* of one more try, when the first one has happened */
  bool writes;           /* what it changes, it changes once */
  bool partial;          /* it may be interrupted: what is done of it is done */
  bool snapshot, nested; /* what the store must be able to do for it */
  const char *sends;     /* what is sent once, with its first write; NULL: nothing that could be told apart */
};

/* All of them; ends with a name of NULL. */
extern const struct wire_operation wire_operations[];

/* Closes the handle of the client, and opens another on the same URL. */
void wire_reopen(struct wire_client *c);

#endif
