/* SPDX-License-Identifier: MIT
 *
 * Each operation, by a client that is connected or connects now, while what the server says is harmed: it comes a byte
 * at a time, ends in the middle, comes twice, has a byte that is another one, or is replaced by, begins with, or never
 * ends with something that this server would not say.  What the client says may stall too.
 *
 *   - each call ends by its deadline, and with a code that fits
 *   - a value that is not the right one is never given, unless the server's answer was sound, so that nobody could know
 *   - success means done, an error that does not say "may have happened" that nothing was changed, and what was changed
 *     was changed once
 *   - what the process needs of memory has a bound
 *   - the next call, of a server that is itself again, works
 *
 * And while the connection is idle the server says something, which may be an answer that comes late, or twice: the
 * next operation is not harmed by it, and a transaction that has begun reads nothing of it.
 */
#include "fault/wire/lies.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/wire/trial.h"

/* An operation is up to so many calls, each of which has the timeout. */
enum { TIMEOUT_MS = 200, CALLS = 8, SLACK_MS = 2000, TOLD_MAX = 20, MEMORY_MB = 300, TRIES = 4 };

static struct {
  unsigned long tried, lost;
  unsigned long answered; /* all the same, and rightly */
  unsigned long long slowest_ms;
} test;

/* One thing that happens to an operation. */
struct harm {
  const struct wire_operation *operation;
  bool cold, believable;
  bool always; /* in each part */
  const char *name;
  struct wire_plan plan;
};

static void complain(const struct harm *h, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void complain(const struct harm *h, const char *format, ...) {
  va_list args;
  if (++test.lost > TOLD_MAX) return;
  fprintf(stderr, "FAIL %s, %s, %s after %llu bytes to the %s%s: ", h->operation->name, h->cold ? "cold" : "warm",
          h->name, (unsigned long long)h->plan.at, h->plan.way == WIRE_TO_SERVER ? "server" : "client",
          h->plan.again ? ", always" : "");
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fprintf(stderr, "\n");
}

/* An error that may come of what a server says. */
static bool is_fitting(hf_status status) {
  return status == HF_UNAVAILABLE || status == HF_TIMEOUT || status == HF_IO || status == HF_NO_MEMORY;
}

static void judge(const struct harm *h, hf_status status, const hf_error *err, unsigned long long ms) {
  const struct wire_operation *o = h->operation;
  if (ms > test.slowest_ms) test.slowest_ms = ms;
  if (ms > CALLS * TIMEOUT_MS + SLACK_MS) complain(h, "it took %llu ms", ms);
  if (h->believable) return;
  if (status == o->status) {
    test.answered++;
    if (strcmp(wire_trial.client.read, o->reads) != 0)
      complain(h, "it read %s, not %s", wire_trial.client.read, o->reads);
  } else if (!is_fitting(status)) {
    complain(h, "it says %s", wire_result_text(status, err));
  }
}

/* What the server has done meanwhile. */
static void judge_state(const struct harm *h, hf_status status, const hf_error *err) {
  const struct wire_operation *o = h->operation;
  char state[WIRE_STATE_MAX];
  wire_trial.judge->look(wire_trial.eyes, state);
  bool is_old = strcmp(state, o->before) == 0, is_new = strcmp(state, o->after) == 0;
  unsigned changes = wire_trial.judge->changes(wire_trial.eyes);
  if (h->believable || o->partial) return;
  if (!is_old && !is_new) complain(h, "the state is neither the old nor the new one: %s", state);
  if (changes > 1) complain(h, "it was carried out %u times, and says %s", changes, wire_result_text(status, err));
  if (status == o->status && !is_new) complain(h, "it says %s, and has not happened", wire_result_text(status, err));
  if (status != o->status && !is_old && !wire_result_is_unclear(status, err))
    complain(h, "it has happened, and says %s", wire_result_text(status, err));
}

/* The server is itself again. */
static void judge_next(const struct harm *h) {
  const struct wire_operation *o = h->operation;
  hf_error err;
  wire_trial_prepare(o, false);
  hf_status status = HF_OK;
  for (int i = 0; i < TRIES; i++) { /* what is wrong with an idle connection may be noticed only by using it */
    *wire_trial.client.read = '\0';
    wire_report(&wire_trial.wire); /* what was given up may still be carried out */
    wire_trial.judge->reset(wire_trial.eyes, o->before);
    status = o->run(&wire_trial.client, &err);
    if (status != HF_UNAVAILABLE && status != HF_TIMEOUT) break;
  }
  if (status != o->status || strcmp(wire_trial.client.read, o->reads) != 0)
    complain(h, "the next call says %s and reads %s", wire_result_text(status, &err), wire_trial.client.read);
}

static void try_one(const struct harm *h) {
  const struct wire_operation *o = h->operation;
  hf_error err = {0};
  bool is_mine = wire_trial_is_mine(h->plan.fault >= WIRE_SAY && h->plan.fault <= WIRE_TWICE ? 4 : 1);
  if (!is_mine && (!h->always || wire_trial_is_over)) return;
  long memory = wire_memory_mb();
  wire_trial_prepare(o, h->cold);
  wire_arm(&wire_trial.wire, &h->plan);
  unsigned long long began = wire_now_ms();
  hf_status status = o->run(&wire_trial.client, &err);
  unsigned long long ms = wire_now_ms() - began;
  wire_trial_forget();
  struct wire_report seen = wire_report(&wire_trial.wire);
  wire_arm(&wire_trial.wire, NULL);
  wire_reopen(&wire_trial.client);
  if (seen.fired) {
    test.tried++;
    judge(h, status, &err, ms);
    judge_state(h, status, &err);
    if (wire_memory_mb() - memory > MEMORY_MB) complain(h, "it needed %ld MB", wire_memory_mb() - memory);
  }
  judge_next(h);
}

/* ---- what there is */

static void try_way(struct harm *h, const char *name, enum wire_fault fault, enum wire_way way, uint64_t at) {
  h->name = name;
  h->plan.fault = fault;
  h->plan.way = way;
  h->plan.at = at;
  try_one(h);
}

/* At each byte: silence, slowness, and another byte than the right one. */
static void harm_bytes(struct harm *h, const struct wire_report *whole) {
  unsigned step = h->cold ? 29 : 1; /* how a connection begins is always the same */
  static const char others[] = {'\0', '\xff', '-', 'Z', '9', '\n'};
  for (uint64_t at = 0; at < whole->bytes[WIRE_TO_SERVER]; at += step)
    try_way(h, "a stall", WIRE_STALL, WIRE_TO_SERVER, at);
  for (uint64_t at = 0; at < whole->bytes[WIRE_TO_CLIENT]; at += step) {
    try_way(h, "a stall", WIRE_STALL, WIRE_TO_CLIENT, at);
    h->plan.pace_us = 50;
    try_way(h, "a drip", WIRE_DRIP, WIRE_TO_CLIENT, at);
    h->plan.pace_us = TIMEOUT_MS * 1000 / 5;
    try_way(h, "a slow drip", WIRE_DRIP, WIRE_TO_CLIENT, at);
    h->believable = true; /* it may be one of a value: what checks those is TLS */
    h->plan.text_size = 1;
    h->plan.text[0] = others[at % sizeof others];
    try_way(h, "another byte", WIRE_SPOIL, WIRE_TO_CLIENT, at);
    h->believable = false;
  }
}

/* At the beginning of an answer. */
static void harm_answer(struct harm *h, const struct wire_lie *lie) {
  h->plan.text_size = lie->size;
  memcpy(h->plan.text, lie->text, lie->size);
  h->believable = lie->believable;
  h->always = lie->always && !h->cold && h->operation->writes;
  try_way(h, lie->name, WIRE_SAY, WIRE_TO_CLIENT, 0);
  try_way(h, lie->name, WIRE_ADD, WIRE_TO_CLIENT, 0);
  h->always = false;
  h->plan.again = true;
  try_way(h, lie->name, WIRE_SAY, WIRE_TO_CLIENT, 0);
  h->plan.again = false;
  if (lie->size) try_way(h, lie->name, WIRE_FLOOD, WIRE_TO_CLIENT, 0);
  h->believable = false;
}

/* ---- what comes unasked */

/* Between two operations. */
static void say_before(const struct wire_operation *o, const struct wire_lie *lie) {
  const struct harm h = {.operation = o, .name = lie->name, .plan.way = WIRE_TO_CLIENT};
  hf_error err;
  char state[WIRE_STATE_MAX];
  if (!wire_trial_is_mine(100) || !lie->size) return;
  wire_report(&wire_trial.wire);
  wire_trial_prepare(o, false);
  wire_say(&wire_trial.wire, lie->text, lie->size);
  hf_status status = o->run(&wire_trial.client, &err);
  wire_trial.judge->look(wire_trial.eyes, state);
  test.tried++;
  if (status != o->status || strcmp(wire_trial.client.read, o->reads) != 0)
    complain(&h, "said before, it says %s and reads %s", wire_result_text(status, &err), wire_trial.client.read);
  if (strcmp(state, o->after) != 0 && !o->partial) complain(&h, "said before, it leaves %s", state);
}

/* Between two reads of a transaction, the second of something that is not there. */
static void say_within(const struct wire_operation *o, const struct wire_lie *lie) {
  const struct harm h = {.operation = o, .name = lie->name, .plan.way = WIRE_TO_CLIENT};
  hf_error err;
  hf_txn *txn;
  if (!wire_trial_is_mine(100) || !lie->size) return;
  wire_trial_prepare(o, false);
  hf_status status = hf_txn_begin(HF_TXN_WRITE, &txn, &err);
  if (status == HF_OK) {
    hf_buffer json = HF_BUFFER_INIT;
    status = hf_persist_read(wire_trial.client.p, hf_text("a"), &json, NULL, &err);
    wire_say(&wire_trial.wire, lie->text, lie->size);
    if (status == HF_OK) status = hf_persist_read(wire_trial.client.p, hf_text("missing"), &json, NULL, &err);
    hf_buffer_free(&json);
    hf_txn_abort(txn);
  }
  test.tried++;
  if (status != HF_UNAVAILABLE) complain(&h, "said within a transaction, it says %s", wire_result_text(status, &err));
  judge_next(&h);
}

static void say_unasked(const struct wire_operation *o, const struct wire_lie *lies) {
  wire_arm(&wire_trial.wire, NULL);
  for (const struct wire_lie *lie = lies; lie->name; lie++) {
    say_before(o, lie);
    if (strcmp(o->name, "transaction") == 0) say_within(o, lie);
  }
}

static void harm_operation(const struct wire_operation *o, bool cold, const struct wire_lie *lies) {
  struct harm h = {.operation = o, .cold = cold};
  wire_trial_begin(o, cold);
  struct wire_report whole = wire_trial_measure(o, cold);
  harm_bytes(&h, &whole);
  h.plan.again = false;
  try_way(&h, "an answer that comes twice", WIRE_TWICE, WIRE_TO_CLIENT, 0);
  for (const struct wire_lie *lie = lies; lie->name; lie++) harm_answer(&h, lie);
  if (!cold) say_unasked(o, lies);
  wire_trial_forget();
}

int wire_lies(int argc, char **argv, const struct wire_judge *judging, const struct wire_lie *lies) {
  wire_trial_start(argc, argv, judging);
  for (const struct wire_operation *o = wire_operations; o->name; o++)
    for (int cold = 0; cold < 2 && wire_trial_has(o); cold++) harm_operation(o, cold, lies);
  fprintf(stderr, "of %lu harms: %lu were answered rightly all the same; slowest call %llu ms, memory %ld MB\n",
          wire_trial.number, test.answered, test.slowest_ms, wire_memory_mb());
  printf("%lu %lu\n", test.tried, test.lost);
  wire_trial_end();
  return 0;
}
