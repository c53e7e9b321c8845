/* SPDX-License-Identifier: MIT
 *
 * Who looks at the server itself, by a connection of its own that nothing harms: redis/judge.h and postgres/judge.h
 * have one each.  All of it ends the test where the server does not do what it is asked to.
 */
#ifndef HF_TESTS_FAULT_WIRE_JUDGE_H
#define HF_TESTS_FAULT_WIRE_JUDGE_H

#include "fault/wire/operations.h"
#include "fault/wire/proxy.h"

struct wire_judge {
  bool snapshot, nested; /* what the store can */
  bool script;           /* it is one, and needs a runtime */
  /* A connection to the server at this unix socket, for one thread, and to the database of a worker. */
  void *(*open)(const char *server, unsigned long worker);
  void (*close)(void *judge);
  /* Makes the state of the collection, and forgets all changes that were seen. */
  void (*reset)(void *judge, const char *state);
  /* The state that it has, in out[WIRE_STATE_MAX]. */
  void (*look)(void *judge, char *out);
  /* How many changes the server has carried out since the last reset(), by whomever but reset(). */
  unsigned (*changes)(void *judge);
  /* The URL of the proxy, by its port or its unix socket, with more of a query. */
  void (*url)(const struct wire *w, unsigned long worker, bool by_path, const char *query, char out[300]);
};

#endif
