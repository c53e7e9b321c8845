/* SPDX-License-Identifier: MIT
 *
 * Several processes at work on one store: used by two_processes_test.sh.
 *
 *   race count BASE NAME N        adds N to each of the shared counters, and writes an entity NAME:i of its own for
 * each race watch BASE STOP          reads and iterates until the file STOP exists, and checks what it sees race check
 * BASE NAME=N ...    checks the counters' sum and the writers' own entities race create DIRECTORY ROUNDS  lets
 * processes make the same fresh store at the same moment
 */
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault/lmdb/ledger.h"

enum { COUNTERS = 3, FIXED = 100, CREATORS = 6, WRITES_EACH = 3, PAD = 400, SECONDS_MAX = 120 };

#define CHECK(condition, ...)                                                                                          \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "FAIL %s:%d: ", __FILE__, __LINE__);                                                             \
      fprintf(stderr, __VA_ARGS__);                                                                                    \
      fprintf(stderr, "\n");                                                                                           \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

static hf_error err;

static const char *text_of_error(void) {
  static char text[4400];
  snprintf(text, sizeof text, "%s: %s (%s)", hf_status_name(err.status), err.message, err.cause);
  return text;
}

static hf_persist *open_entity(const char *base, const char *name) {
  hf_persist *p;
  CHECK(hf_persist_open(hf_text(name), base, NULL, &p, &err) == HF_OK && hf_persist_init(p, &err) == HF_OK, "%s",
        text_of_error());
  return p;
}

static hf_slice format_id(char out[64], const char *name, unsigned long i) {
  return (hf_slice){out, (size_t)snprintf(out, 64, "%s:%lu", name, i)};
}

/* The counter's value; 0 and revision 0 while nobody has made it. */
static unsigned long read_counter(hf_persist *p, unsigned long i, hf_info *info) {
  static hf_buffer json = HF_BUFFER_INIT;
  char id[64];
  *info = (hf_info){0};
  hf_status status = hf_persist_read(p, format_id(id, "counter", i), &json, info, &err);
  CHECK(status == HF_OK || status == HF_NOT_FOUND, "%s", text_of_error());
  return status ? 0 : strtoul(json.data, NULL, 10);
}

/* Adds one by compare and swap.  Returns how often somebody else was faster. */
static unsigned long increment(hf_persist *p, unsigned long i) {
  for (unsigned long conflicts = 0;; conflicts++) {
    hf_info info;
    char id[64], json[32];
    unsigned long value = read_counter(p, i, &info);
    hf_write_options options = {.if_absent = !info.revision, .if_revision = info.revision, .revision = info.revision};
    hf_slice text = {json, (size_t)snprintf(json, sizeof json, "%lu", value + 1)};
    hf_status status = hf_persist_write(p, format_id(id, "counter", i), text, &options, NULL, &err);
    if (status == HF_OK) return conflicts;
    CHECK(status == HF_CONFLICT, "%s", text_of_error());
  }
}

static int count(const char *base, const char *name, unsigned long n) {
  hf_persist *shared = open_entity(base, "shared"), *own = open_entity(base, "own");
  unsigned long conflicts = 0;
  char json[PAD + 1];
  memset(json, ' ', PAD);
  memcpy(json, "[]", 2);
  for (unsigned long i = 0; i < n; i++) {
    char id[64];
    for (unsigned long c = 0; c < COUNTERS; c++) conflicts += increment(shared, c);
    CHECK(hf_persist_write(own, format_id(id, name, i), (hf_slice){json, PAD}, NULL, NULL, &err) == HF_OK, "%s",
          text_of_error());
  }
  hf_persist_close(shared);
  hf_persist_close(own);
  printf("%lu\n", conflicts);
  return 0;
}

/* One scan of the entities: in order, none twice, and all FIXED ones there. */
static void scan_all(hf_persist *own) {
  hf_iter *iter;
  const hf_entry *e;
  unsigned long fixed = 0, at, last = 0;
  CHECK(hf_iter_open(own, NULL, &iter, &err) == HF_OK, "%s", text_of_error());
  for (;;) {
    CHECK(hf_iter_next(iter, &e, &err) == HF_OK, "%s", text_of_error());
    if (!e) break;
    char text[HF_ID_MAX + 1];
    snprintf(text, sizeof text, "%.*s", (int)e->id.size, e->id.data);
    CHECK(hf_json_validate(e->json, &err) == HF_OK, "%s is no JSON", text);
    if (sscanf(text, "fixed:%lu", &at) != 1) continue;
    CHECK(at == last + 1, "fixed:%lu comes after fixed:%lu", at, last);
    last = at;
    fixed++;
  }
  hf_iter_close(iter);
  CHECK(fixed == FIXED, "a scan sees %lu of %d entities that are there all the time", fixed, FIXED);
}

static int watch(const char *base, const char *stop) {
  hf_persist *shared = open_entity(base, "shared"), *own = open_entity(base, "own");
  unsigned long scans = 0, before[COUNTERS] = {0};
  struct stat st;
  for (unsigned long i = 1; i <= FIXED; i++) {
    char id[64];
    CHECK(hf_persist_write(own, format_id(id, "fixed", i), hf_text("[]"), NULL, NULL, &err) == HF_OK, "%s",
          text_of_error());
  }
  puts("ready");
  fflush(stdout);
  for (; stat(stop, &st); scans++) {
    scan_all(own);
    for (unsigned long c = 0; c < COUNTERS; c++) {
      hf_info info;
      unsigned long value = read_counter(shared, c, &info);
      CHECK(value >= before[c], "counter %lu went back from %lu to %lu", c, before[c], value);
      before[c] = value;
    }
  }
  hf_persist_close(shared);
  hf_persist_close(own);
  printf("%lu\n", scans);
  return 0;
}

static int check(const char *base, int count_of_writers, char **writers) {
  hf_persist *shared = open_entity(base, "shared"), *own = open_entity(base, "own");
  unsigned long sum = 0;
  uint64_t entities;
  for (int w = 0; w < count_of_writers; w++) {
    char *equals = strchr(writers[w], '=');
    CHECK(equals, "%s is not NAME=N", writers[w]);
    *equals = '\0';
    unsigned long n = strtoul(equals + 1, NULL, 10);
    for (unsigned long i = 0; i < n; i++) {
      char id[64];
      bool found;
      CHECK(hf_persist_has(own, format_id(id, writers[w], i), &found, &err) == HF_OK && found, "%s is lost", id);
    }
    sum += n;
  }
  for (unsigned long c = 0; c < COUNTERS; c++) {
    hf_info info;
    unsigned long value = read_counter(shared, c, &info);
    CHECK(value == sum, "counter %lu is %lu after %lu increments", c, value, sum);
  }
  CHECK(hf_persist_count(own, &entities, &err) == HF_OK && entities == sum + FIXED, "%llu entities",
        (unsigned long long)entities);
  hf_persist_close(shared);
  hf_persist_close(own);
  return 0;
}

/* ---- making a store together */

static int create_as(const char *base, unsigned long who) {
  hf_persist *p = open_entity(base, "member");
  for (unsigned long i = 0; i < WRITES_EACH; i++) {
    char id[64];
    CHECK(hf_persist_write(p, format_id(id, "made", who * WRITES_EACH + i), hf_text("true"), NULL, NULL, &err) == HF_OK,
          "%s", text_of_error());
  }
  hf_persist_close(p);
  return 0;
}

static void create_round(const char *base) {
  int gate[2];
  pid_t pids[CREATORS];
  CHECK(pipe(gate) == 0, "pipe");
  for (unsigned long who = 0; who < CREATORS; who++) {
    pids[who] = fork();
    CHECK(pids[who] >= 0, "fork");
    if (pids[who] == 0) {
      char byte;
      alarm(SECONDS_MAX);
      close(gate[1]);
      if (read(gate[0], &byte, 1) < 0) _exit(2); /* ends for all at once, when the parent closes its end */
      _exit(create_as(base, who));
    }
  }
  usleep(2000);
  close(gate[1]);
  close(gate[0]);
  for (int who = 0; who < CREATORS; who++) {
    int status;
    CHECK(waitpid(pids[who], &status, 0) == pids[who] && status == 0, "%s: process %d of %d ends with %#x", base, who,
          CREATORS, (unsigned)status);
  }
}

static int create(const char *directory, int rounds) {
  for (int round = 0; round < rounds; round++) {
    char base[600], command[1300];
    uint64_t count_of_all;
    snprintf(base, sizeof base, "%s/deep-%d/store", directory, round);
    create_round(base);
    hf_persist *p = open_entity(base, "member");
    CHECK(hf_persist_count(p, &count_of_all, &err) == HF_OK && count_of_all == CREATORS * WRITES_EACH,
          "round %d: %llu of %d entities", round, (unsigned long long)count_of_all, CREATORS * WRITES_EACH);
    hf_persist_close(p);
    snprintf(command, sizeof command, "test -z \"$(find '%s' -name '.holdfast-*')\"", base);
    CHECK(system(command) == 0, "round %d: a work directory remains", round);
  }
  printf("%d fresh stores, each made by %d processes at once: one store each time, nothing lost\n", rounds, CREATORS);
  return 0;
}

int main(int argc, char **argv) {
  const char *command = argc > 3 ? argv[1] : "";
  alarm(SECONDS_MAX); /* whatever goes wrong, nothing stays */
  if (strcmp(command, "count") == 0 && argc > 4) return count(argv[2], argv[3], strtoul(argv[4], NULL, 10));
  if (strcmp(command, "watch") == 0) return watch(argv[2], argv[3]);
  if (strcmp(command, "check") == 0) return check(argv[2], argc - 3, argv + 3);
  if (strcmp(command, "create") == 0) return create(argv[2], atoi(argv[3]));
  fprintf(stderr, "usage: see the head of race.c\n");
  return 2;
}
