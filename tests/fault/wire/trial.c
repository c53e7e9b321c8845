/* SPDX-License-Identifier: MIT
 *
 * The parts of a trial, as trial.h has them.
 */
#include "fault/wire/trial.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct wire_trial wire_trial = {.parts = 1, .workers = 1, .control = "", .only = "", .query = ""};

volatile sig_atomic_t wire_trial_is_over;

static void end_early(int unused) {
  (void)unused;
  wire_trial_is_over = 1;
}

static void take_argument(const char *argument) {
  struct wire_trial *t = &wire_trial;
  struct {
    const char *name;
    unsigned long *number;
    const char **text;
  } all[] = {{"parts=", &t->parts, NULL},   {"part=", &t->part, NULL},   {"workers=", &t->workers, NULL},
             {"worker=", &t->worker, NULL}, {"query=", NULL, &t->query}, {"control=", NULL, &t->control},
             {"only=", NULL, &t->only}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    size_t size = strlen(all[i].name);
    if (strncmp(argument, all[i].name, size) != 0) continue;
    if (all[i].number) *all[i].number = strtoul(argument + size, NULL, 10);
    if (all[i].text) *all[i].text = argument + size;
    return;
  }
  fprintf(stderr, "FAIL what is %s?\n", argument);
  exit(1);
}

void wire_trial_start(int argc, char **argv, const struct wire_judge *judge) {
  hf_error err;
  for (int i = 3; i < argc; i++) take_argument(argv[i]);
  wire_trial.judge = judge;
  wire_start(&wire_trial.wire, argv[1], argv[2]);
  wire_trial.eyes = judge->open(argv[1], wire_trial.worker);
  if (hf_runtime_open(&wire_trial.lua, &err)) abort();
  sigaction(SIGTERM, &(struct sigaction){.sa_handler = end_early, .sa_flags = SA_RESTART}, NULL);
}

void wire_trial_end(void) {
  wire_stop(&wire_trial.wire);
  wire_trial.judge->close(wire_trial.eyes);
  hf_runtime_close(wire_trial.lua);
}

bool wire_trial_is_mine(unsigned often) {
  unsigned long parts = wire_trial.parts > often ? wire_trial.parts / often : 1;
  uint64_t z = ++wire_trial.number * 0x9E3779B97F4A7C15U; /* splitmix64 */
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  z ^= z >> 31;
  return !wire_trial_is_over && z % parts == wire_trial.part % parts;
}

bool wire_trial_has(const struct wire_operation *o) {
  const struct wire_judge *j = wire_trial.judge;
  bool is_mine = (unsigned long)(o - wire_operations) % wire_trial.workers == wire_trial.worker;
  return is_mine && !wire_trial_is_over && (!o->snapshot || j->snapshot) && (!o->nested || j->nested) &&
         (!*wire_trial.only || strcmp(wire_trial.only, o->name) == 0);
}

/* ---- the client */

void wire_trial_forget(void) {
  static const char collect[] = "jit.flush() collectgarbage() collectgarbage()"; /* compiled code keeps what it met */
  hf_error err;
  hf_persist_close(wire_trial.client.p);
  wire_trial.client.p = NULL;
  /* The connection of a script ends with the last that knows of it. */
  if (wire_trial.judge->script && hf_runtime_run_text(wire_trial.lua, hf_text(collect), "collect", &err)) abort();
}

void wire_trial_begin(const struct wire_operation *o, bool by_path) {
  const struct wire_trial *t = &wire_trial;
  t->judge->reset(t->eyes, o->before);
  t->judge->url(&t->wire, t->worker, by_path, t->query, wire_trial.client.url);
  wire_reopen(&wire_trial.client);
}

void wire_trial_prepare(const struct wire_operation *o, bool cold) {
  wire_trial.judge->reset(wire_trial.eyes, o->before);
  wire_trial.client.revision = 0;
  *wire_trial.client.read = '\0';
  if (!cold) return;
  wire_trial_forget();
  wire_reopen(&wire_trial.client);
}

/* One try; a machine with much else to do may not keep to the deadline. */
static bool measure_once(const struct wire_operation *o, bool cold, bool may_be_late) {
  hf_error err;
  wire_trial_prepare(o, cold);
  wire_arm(&wire_trial.wire, NULL);
  hf_status status = o->run(&wire_trial.client, &err);
  if (status == o->status && strcmp(wire_trial.client.read, o->reads) == 0) return true;
  if (status == HF_TIMEOUT && may_be_late) return false;
  fprintf(stderr, "FAIL %s: unharmed it says %s and reads %s\n", o->name, wire_result_text(status, &err),
          wire_trial.client.read);
  exit(1);
}

struct wire_report wire_trial_measure(const struct wire_operation *o, bool cold) {
  /* The first makes the connection that a warm client has. */
  for (int done = cold, tries = 0; done < 2; tries++) done += measure_once(o, cold, tries < 20);
  return wire_report(&wire_trial.wire);
}

/* ---- results, and what is used */

const char *wire_result_text(hf_status status, const hf_error *err) {
  static char text[1500];
  if (status == HF_OK) return "ok";
  snprintf(text, sizeof text, "%s (%s%s)", hf_status_name(status), err->message, err->retryable ? "; retryable" : "");
  return text;
}

bool wire_result_is_unclear(hf_status status, const hf_error *err) {
  return status != HF_OK && strstr(err->message, "may have happened") != NULL;
}

unsigned long long wire_now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (unsigned long long)t.tv_sec * 1000 + (unsigned long long)t.tv_nsec / 1000000;
}

int wire_descriptors(void) {
  int n = 0;
  DIR *dir = opendir("/proc/self/fd");
  while (dir && readdir(dir)) n++;
  if (dir) closedir(dir);
  return n;
}

long wire_memory_mb(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return used.ru_maxrss / 1024;
}
