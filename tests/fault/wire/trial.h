/* SPDX-License-Identifier: MIT
 *
 * What the programs that harm connections have in common: a client of the proxy, somebody who looks at the server
 * itself, and the numbering of everything that can be tried, of which a run takes a part.
 */
#ifndef HF_TESTS_FAULT_WIRE_TRIAL_H
#define HF_TESTS_FAULT_WIRE_TRIAL_H

#include <signal.h>

#include "fault/wire/judge.h"

/* The one of this process. */
extern struct wire_trial {
  const struct wire_judge *judge;
  void *eyes;
  struct wire wire;
  struct wire_client client;
  hf_runtime *lua;
  const char *control, *only, *query;
  unsigned long parts, part, workers, worker;
  unsigned long number; /* of what can be tried: how many were seen so far */
} wire_trial;

/* SIGTERM has come: what was tried so far is all. */
extern volatile sig_atomic_t wire_trial_is_over;

/* Takes the arguments SERVER PROXY [NAME=VALUE...], starts the proxy, and opens everything:
 *   parts=N part=K      of all that can be tried only each N-th, in an order that looks random
 *   workers=N worker=K  each N-th operation; a worker has a database of its own
 *   query=TEXT          more of the client's URL
 *   only=OPERATION      no other
 *   control=NAME        a client that is wrong on purpose */
void wire_trial_start(int argc, char **argv, const struct wire_judge *judge);
void wire_trial_end(void);
/* Numbers what can be tried next, and says whether this run does; `often`: it is in so many of the parts. */
bool wire_trial_is_mine(unsigned often);
/* Whether the store has the operation, and this run does it. */
bool wire_trial_has(const struct wire_operation *o);
/* A client for the operation. */
void wire_trial_begin(const struct wire_operation *o, bool by_path);
/* Makes the state before the operation; `cold`: and a client that has not connected yet. */
void wire_trial_prepare(const struct wire_operation *o, bool cold);
/* Ends the client's connection. */
void wire_trial_forget(void);
/* How many bytes go each way where nothing is harmed.  Ends the test where the operation is not right then. */
struct wire_report wire_trial_measure(const struct wire_operation *o, bool cold);

/* A result as words, valid until the next call. */
const char *wire_result_text(hf_status status, const hf_error *err);
/* Whether the error says that the write may have happened. */
bool wire_result_is_unclear(hf_status status, const hf_error *err);

unsigned long long wire_now_ms(void);
/* How many descriptors this process has open. */
int wire_descriptors(void);
/* The most memory that it has had, in MB. */
long wire_memory_mb(void);

#endif
