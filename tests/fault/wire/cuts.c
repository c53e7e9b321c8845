/* SPDX-License-Identifier: MIT
 *
 * Each operation is done once to see how many bytes go each way, and then again and again, each time cut at another
 * byte: after 0, 1, 2, ... bytes to the server, and to the client.
 *
 * Ways to cut: closed and reset, by a client that has connected before (warm) or connects now (cold), over TCP and a
 * unix socket.  Some of them also: what came together with the last byte is not handed on; each connection is cut, so
 * that trying again is in vain; nobody listens afterwards; and a rival writes between the cut and whatever comes next.
 *
 * After each:
 *   - success means done, and what was read is right
 *   - an error that does not say "may have happened" means that nothing was changed; one that does may not be retried
 *   - the state is the old one or the new one, nothing else
 *   - the server has carried the change out once at most, and what a rival has written meanwhile stays
 *   - the next call connects again and works, and a condition then tells whether the first try happened
 *   - the call ended by its deadline, and no descriptor stays open
 *
 * control=resend, forget, believe: a client that is wrong on purpose, of which this has to complain.
 */
#include "fault/wire/cuts.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault/wire/trial.h"

#define RIVAL "a=\"rival\" d=\"rival\" e=\"rival\""

enum { TIMEOUT_MS = 3000, SLACK_MS = 2000, RESTED_US = 13000, TOLD_MAX = 20, TRIES = 3 };

enum manner { PLAIN, HELD, AGAIN, REFUSED, RIVALLED, MANNERS };

static const char *const manners[MANNERS] = {"", ", held back", ", each", ", then refused", ", then a rival"};

/* One way to cut one operation. */
struct way {
  const struct wire_operation *operation;
  enum manner manner;
  bool cold, by_path;
  struct wire_plan plan;
};

static struct {
  void *rival_eyes;
  unsigned long tried[2], lost[2]; /* [1]: with a rival */
  unsigned long unclear, happened;
  unsigned long long slowest_ms;
  unsigned before_rival; /* changes until the rival came */
  bool rival_came;
} test;

static void complain(const struct way *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void complain(const struct way *w, const char *format, ...) {
  va_list args;
  if (++test.lost[w->manner == RIVALLED] > TOLD_MAX) return;
  fprintf(stderr, "%s%s, %s, %s, %s after %llu bytes to the %s%s: ", *wire_trial.control ? "as it should: " : "FAIL ",
          w->operation->name, w->cold ? "cold" : "warm", w->by_path ? "by path" : "by port",
          w->plan.fault == WIRE_RESET ? "reset" : "closed", (unsigned long long)w->plan.at,
          w->plan.way == WIRE_TO_SERVER ? "server" : "client", manners[w->manner]);
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fprintf(stderr, "\n");
}

/* ---- the rival: a thread that writes when the server has settled, before the client hears of the cut */

static void *be_rival(void *unused) {
  (void)unused;
  while (wire_at_rival(&wire_trial.wire)) {
    test.before_rival = wire_trial.judge->changes(test.rival_eyes);
    wire_trial.judge->reset(test.rival_eyes, RIVAL);
    test.rival_came = true;
    wire_go_on(&wire_trial.wire);
  }
  return NULL;
}

/* ---- clients that are wrong on purpose */

static hf_status run(const struct wire_operation *o, hf_error *err) {
  hf_status status = o->run(&wire_trial.client, err);
  bool unclear = wire_result_is_unclear(status, err);
  if (unclear && strcmp(wire_trial.control, "resend") == 0) {
    for (int i = 0; i < TRIES && wire_result_is_unclear(status, err); i++) status = o->run(&wire_trial.client, err);
  } else if (unclear && strcmp(wire_trial.control, "forget") == 0) {
    snprintf(err->message, sizeof err->message, "it was not sent");
    err->retryable = true;
  } else if (status == HF_UNAVAILABLE && strcmp(wire_trial.control, "believe") == 0) {
    status = HF_OK;
  }
  return status;
}

/* ---- judging */

/* What the call said of itself. */
static void judge_answer(const struct way *w, hf_status status, const hf_error *err, unsigned long long ms) {
  const struct wire_operation *o = w->operation;
  bool unclear = wire_result_is_unclear(status, err);
  bool late = w->manner == RIVALLED && test.rival_came; /* what it does then, it does to what the rival wrote */
  if (ms > test.slowest_ms) test.slowest_ms = ms;
  if (ms > TIMEOUT_MS + SLACK_MS) complain(w, "it took %llu ms", ms);
  if (status == o->status) {
    if (strcmp(wire_trial.client.read, o->reads) != 0 && !late)
      complain(w, "it read %s, not %s", wire_trial.client.read, o->reads);
  } else if (status != HF_UNAVAILABLE && !late) {
    complain(w, "it says %s", wire_result_text(status, err));
  } else if (unclear && (err->retryable || !o->writes)) {
    complain(w, "it may have happened, and says %s", wire_result_text(status, err));
  } else if (!unclear && status == HF_UNAVAILABLE && !err->retryable) {
    complain(w, "it may not be tried again: %s", wire_result_text(status, err));
  }
}

/* What became of the state; returns whether it is the new one. */
static bool judge_state(const struct way *w, hf_status status, const hf_error *err) {
  const struct wire_operation *o = w->operation;
  char state[WIRE_STATE_MAX];
  wire_trial.judge->look(wire_trial.eyes, state);
  bool is_old = strcmp(state, o->before) == 0, is_new = strcmp(state, o->after) == 0;
  unsigned changes = wire_trial.judge->changes(wire_trial.eyes);
  if (!is_old && !is_new) complain(w, "the state is neither the old nor the new one: %s", state);
  if (status == o->status && !is_new) complain(w, "it says %s, and has not happened", wire_result_text(status, err));
  if (status != o->status && !is_old && !o->partial && !wire_result_is_unclear(status, err))
    complain(w, "it has happened, and says %s", wire_result_text(status, err));
  if (changes > 1) complain(w, "it was carried out %u times", changes);
  if (wire_result_is_unclear(status, err)) {
    test.unclear++;
    if (is_new && strcmp(o->before, o->after) != 0) test.happened++;
  }
  return is_new;
}

/* What a rival has written after the change was sent, or when it never is, stays.  A change whose first sending comes
 * after the rival, since a read before it was cut and tried again, may be one of what the rival wrote. */
static void judge_rival(const struct way *w, const struct wire_report *seen, hf_status status, const hf_error *err) {
  char state[WIRE_STATE_MAX];
  wire_trial.judge->look(wire_trial.eyes, state);
  unsigned changes = test.before_rival + wire_trial.judge->changes(wire_trial.eyes);
  if (changes > 1) complain(w, "it was carried out %u times: %s", changes, wire_result_text(status, err));
  bool stays =
      test.before_rival > 0 || wire_result_is_unclear(status, err) || (status == HF_UNAVAILABLE && err->retryable);
  if (w->operation->sends) stays = seen->sent_before > 0 || seen->sent == 0;
  if (seen->sent > 1) complain(w, "it was sent %u times: %s", seen->sent, wire_result_text(status, err));
  if (stays && strcmp(state, RIVAL) != 0)
    complain(w, "what a rival wrote is now %s: %s", state, wire_result_text(status, err));
  if (wire_result_is_unclear(status, err)) test.unclear++;
}

/* The next call on the same handle. */
static void judge_next(const struct way *w, bool was_new) {
  const struct wire_operation *o = w->operation;
  hf_status wanted = was_new ? o->again : o->status, status = HF_OK;
  hf_error err;
  char state[WIRE_STATE_MAX];
  *wire_trial.client.read = '\0';
  for (int i = 0; i < TRIES; i++) { /* whoever does not try again himself meets the connection that was cut unnoticed */
    status = run(o, &err);
    if (status != HF_UNAVAILABLE || !strstr(wire_trial.client.url, "retries=0")) break;
  }
  if (status != wanted)
    complain(w, "the next call says %s, not %s", wire_result_text(status, &err), hf_status_name(wanted));
  wire_trial.judge->look(wire_trial.eyes, state);
  if (strcmp(state, o->after) != 0) complain(w, "after the next call the state is %s", state);
}

/* ---- one try */

static void try_one(const struct way *w) {
  const struct wire_operation *o = w->operation;
  hf_error err = {0};
  wire_trial_prepare(o, w->cold);
  test.rival_came = false;
  wire_arm(&wire_trial.wire, &w->plan);
  unsigned long long began = wire_now_ms();
  hf_status status = run(o, &err);
  unsigned long long ms = wire_now_ms() - began;
  struct wire_report seen = wire_report(&wire_trial.wire);
  if (!seen.fired) { /* a number was a digit shorter */
    wire_arm(&wire_trial.wire, NULL);
    return;
  }
  test.tried[w->manner == RIVALLED]++;
  judge_answer(w, status, &err, ms);
  if (w->manner == RIVALLED && test.rival_came) {
    judge_rival(w, &seen, status, &err);
    wire_arm(&wire_trial.wire, NULL);
    wire_trial.judge->reset(wire_trial.eyes, o->before);
    wire_trial.client.revision = 0;
    if (status == o->status) usleep(RESTED_US);
    judge_next(w, false);
    return;
  }
  bool is_new = judge_state(w, status, &err);
  wire_arm(&wire_trial.wire, NULL);
  if (status == o->status) usleep(RESTED_US); /* it may not have noticed; what has rested is looked at */
  judge_next(w, is_new && (status == o->status || strcmp(o->before, o->after) != 0));
}

/* ---- all ways */

/* Each so many-th byte.  Manners that need more time, or say less, are fewer; and how a connection begins is always the
 * same, so that only one operation looks at each byte of it. */
static unsigned stride(const struct way *w) {
  static const unsigned strides[MANNERS] = {1, 5, 7, 11, 1};
  unsigned begins = w->operation->run == wire_operations[0].run ? 1 : 5;
  return strides[w->manner] * (w->cold ? begins : 1) * (w->cold && w->by_path ? 3 : 1);
}

static void cut_everywhere(struct way *w, const struct wire_report *whole) {
  for (int way = 0; way < WIRE_WAYS; way++) {
    for (uint64_t at = 0; at <= whole->bytes[way]; at++) {
      for (int i = 0; i < 2 * MANNERS; i++) {
        w->manner = (enum manner)(i / 2);
        if (at % stride(w) || (w->manner == RIVALLED && !w->operation->writes) || !wire_trial_is_mine(w->cold ? 1 : 8))
          continue;
        w->plan = (struct wire_plan){.way = (enum wire_way)way,
                                     .at = at,
                                     .fault = i % 2 ? WIRE_RESET : WIRE_CLOSE,
                                     .hold = w->manner == HELD,
                                     .again = w->manner == AGAIN,
                                     .refuse = w->manner == REFUSED,
                                     .rival = w->manner == RIVALLED};
        if (w->operation->sends) {
          w->plan.text_size = strlen(w->operation->sends);
          memcpy(w->plan.text, w->operation->sends, w->plan.text_size);
        }
        try_one(w);
      }
    }
  }
}

/* An operation, by a client of one kind; nothing stays open of it. */
static void try_operation(const struct wire_operation *o, bool cold, bool by_path) {
  struct way w = {.operation = o, .cold = cold, .by_path = by_path};
  int before = wire_descriptors();
  wire_trial_begin(o, by_path);
  struct wire_report whole = wire_trial_measure(o, cold);
  cut_everywhere(&w, &whole);
  wire_trial_forget();
  int after = wire_descriptors();
  struct wire_report seen = wire_report(&wire_trial.wire);
  for (int i = 0; i < 100 && seen.open; i++) { /* the proxy may still be reading the last words */
    usleep(1000);
    seen = wire_report(&wire_trial.wire);
  }
  if (after > before) complain(&w, "%d descriptors stay open of %d", after - before, after);
  if (seen.open) complain(&w, "%u connections stay open", seen.open);
}

static void try_all(void) {
  int kinds = *wire_trial.control ? 1 : 4;
  for (const struct wire_operation *o = wire_operations; o->name; o++)
    for (int i = 0; i < kinds && wire_trial_has(o); i++) try_operation(o, i % 2, i / 2);
}

int wire_cuts(int argc, char **argv, const struct wire_judge *judge) {
  pthread_t rival;
  wire_trial_start(argc, argv, judge);
  test.rival_eyes = judge->open(argv[1], wire_trial.worker);
  if (pthread_create(&rival, NULL, be_rival, NULL)) abort();
  try_all();
  fprintf(stderr, "of %lu ways: %lu were unclear, of which %lu had happened; slowest call %llu ms, memory %ld MB\n",
          wire_trial.number, test.unclear, test.happened, test.slowest_ms, wire_memory_mb());
  printf("%lu %lu %lu %lu\n", test.tried[0], test.lost[0], test.tried[1], test.lost[1]);
  wire_trial_end();
  pthread_join(rival, NULL);
  judge->close(test.rival_eyes);
  return 0;
}
