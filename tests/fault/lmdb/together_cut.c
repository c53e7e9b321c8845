/* SPDX-License-Identifier: MIT
 *
 * Power cuts while many threads work on the same few ids (together.h).
 *
 *   together_cut write STORE SEED THREADS LEDGER CALLS [KINDS:NTH]
 *                      threads make CALLS calls in all, to be recorded by iorecord_preload.c; what they note goes to
 * the file LEDGER.  The NTH operation of these KINDS fails after it was done (iorecord.h) together_cut judge LOG ROOT
 * STORE SCRATCH LEDGER SEED PARTS EXHAUSTIVE SAMPLES [ignore=files] builds the states that a power cut may have left
 * (../crash_states.h), and looks at each: what had been noted until then, and what is there, must be explained by one
 * order of the calls
 *
 * The log has marks: "b N" where call N begins, "e N" where it was answered.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

#include "fault/crash_states.h"
#include "fault/lmdb/together_calls.h"

enum { THREADS_MAX = 64, CALLS_MAX = 4000, SECONDS_MAX = 120, IDS = TOGETHER_TYPES * 3, PATH_MOST = 1024 };

static struct together_ledger *map_ledger(const char *path, uint64_t calls) {
  size_t size = together_size(calls);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0 || ftruncate(fd, (off_t)size)) crash_die(path);
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (p == MAP_FAILED) crash_die(path);
  close(fd);
  return p;
}

/* ---- writing */

static void tell(const char *what, uint64_t number) {
  char text[32];
  snprintf(text, sizeof text, "%s %llu", what, (unsigned long long)number);
  iorecord_mark(text);
}

static void *work(void *arg) {
  while (together_go_on(arg)) continue;
  return NULL;
}

static int write_calls(char **argv, const char *fault) {
  static struct together_worker workers[THREADS_MAX];
  pthread_t threads[THREADS_MAX];
  char base[PATH_MOST], kinds[8];
  int nth = 0;
  uint64_t seed = strtoull(argv[1], NULL, 10), calls = strtoull(argv[4], NULL, 10);
  unsigned count = (unsigned)strtoul(argv[2], NULL, 10);
  if (count > THREADS_MAX || calls > CALLS_MAX || (fault && sscanf(fault, "%7[a-z]:%d", kinds, &nth) != 2)) return 2;
  struct together_ledger *ledger = map_ledger(argv[3], calls);
  ledger->room = calls;
  ledger->ids = IDS;
  ledger->is_small = seed % 2;
  snprintf(base, sizeof base, "lmdb:%s?mapsize=64k", argv[0]);
  for (unsigned i = 0; i < count; i++) {
    workers[i] = (struct together_worker){
        .ledger = ledger, .random = seed * 1000003 + i * 104729, .may_fail = nth > 0, .tell = tell};
    together_enter(&workers[i], base);
  }
  if (hf_persist_init(workers[0].types[0], NULL)) return 1;
  if (nth) iorecord_fail(kinds, nth, EIO, true);
  for (unsigned i = 0; i < count; i++)
    if (pthread_create(&threads[i], NULL, work, &workers[i])) return 1;
  for (unsigned i = 0; i < count; i++) pthread_join(threads[i], NULL);
  for (unsigned i = 0; i < count; i++) together_leave(&workers[i]);
  return nth && !iorecord_failed();
}

/* ---- judging */

static struct {
  const char *store;
  struct together_ledger *ledger;
  uint64_t clock, answers;
  uint64_t begun[CALLS_MAX], ended[CALLS_MAX];
} noted;

static void take_mark(void *arg, struct crash_tree *tree, const char *data, size_t size) {
  char text[32];
  unsigned number;
  (void)arg;
  (void)tree;
  snprintf(text, sizeof text, "%.*s", (int)(size < 31 ? size : 31), data);
  if (sscanf(text, "b %u", &number) == 1 && number < CALLS_MAX) noted.begun[number] = ++noted.clock;
  if (sscanf(text, "e %u", &number) != 1 || number >= CALLS_MAX) return;
  noted.ended[number] = ++noted.clock;
  noted.answers++;
}

static uint64_t expect(void *arg, char *words, size_t room) {
  (void)arg;
  snprintf(words, room, "%llu calls answered", (unsigned long long)noted.answers);
  return noted.answers;
}

static enum crash_verdict wrong(char *why, const char *what, const hf_error *err) {
  snprintf(why, CRASH_WHY, "cannot %s: %.700s (%.700s)", what, err->message, err->cause);
  return CRASH_BAD;
}

/* What is there, as calls after all others. */
static bool read_all(hf_persist **types, struct linear_call *calls, size_t *count, char *why) {
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  bool good = true;
  for (uint32_t id = 0; id < IDS && good; id++) {
    char text[32];
    hf_info info;
    uint64_t at = noted.clock + 2 + 2 * id;
    struct linear_call *c = &calls[(*count)++];
    struct linear_part *p = &c->parts[0];
    *c = (struct linear_call){.begun = at, .ended = at + 1, .outcome = LINEAR_DONE, .count = 1};
    *p = (struct linear_part){.id = id, .need = LINEAR_ABSENT};
    hf_status status = hf_persist_read(types[together_type(id)], together_id(id, text), &json, &info, &err);
    if (status == HF_NOT_FOUND) continue;
    p->need = LINEAR_VALUE;
    p->revision = info.revision;
    p->saw = status ? 0 : together_parse(json.data, json.size, noted.ledger->is_small);
    good = p->saw != 0;
    if (!good) snprintf(why, CRASH_WHY, "id %u: %.700s", id, status ? err.message : json.data);
  }
  hf_buffer_free(&json);
  return good;
}

static enum crash_verdict judge_open(hf_persist **types, hf_store *whole, char *why) {
  static struct linear_call calls[CALLS_MAX + IDS];
  hf_error err;
  hf_verify_report found;
  struct linear_report report;
  size_t count = 0;
  for (; count < atomic_load(&noted.ledger->count); count++)
    calls[count] = together_call(&noted.ledger->notes[count], noted.begun[count], noted.ended[count], noted.clock + 1);
  if (!read_all(types, calls, &count, why) || !linear_check(calls, count, IDS, &report, why)) return CRASH_BAD;
  if (hf_store_verify(whole, (hf_slice){NULL, 0}, true, NULL, NULL, &found, &err)) return wrong(why, "verify", &err);
  if (found.damaged || found.corrupt || found.quarantined) {
    snprintf(why, CRASH_WHY, "verify finds damage");
    return CRASH_BAD;
  }
  if (hf_persist_write(types[0], hf_text("probe"), hf_text("1"), NULL, NULL, &err)) return wrong(why, "write", &err);
  return CRASH_GOOD;
}

static enum crash_verdict judge(void *arg, const char *root, char *why) {
  char base[PATH_MOST];
  hf_error err;
  hf_persist *types[TOGETHER_TYPES];
  hf_store *whole = NULL;
  (void)arg;
  snprintf(base, sizeof base, "lmdb:%s/%s", root, noted.store);
  enum crash_verdict verdict = together_open(base, types, &err) || hf_store_open(base, NULL, &whole, &err)
                                   ? wrong(why, "open", &err)
                                   : judge_open(types, whole, why);
  hf_store_close(whole);
  together_close(types);
  return verdict;
}

static int judge_all(int argc, char **argv) {
  struct crash_plan plan = {.scratch = argv[3], .mapped = "lock.mdb", .reported = 3, .judge = judge};
  struct crash_course course = {
      .log = argv[0], .root = argv[1], .ignored = argc > 9 ? argv[9] : "", .take_mark = take_mark, .expect = expect};
  crash_take_draws(argv + 5, &plan, &course);
  noted.store = argv[2];
  noted.ledger = map_ledger(argv[4], CALLS_MAX);
  return crash_judge_log(&plan, &course);
}

int main(int argc, char **argv) {
  if (argc >= 7 && strcmp(argv[1], "write") == 0) {
    alarm(SECONDS_MAX); /* whatever goes wrong, nothing stays */
    return write_calls(argv + 2, argc > 7 ? argv[7] : NULL);
  }
  if (argc >= 11 && strcmp(argv[1], "judge") == 0) return judge_all(argc - 2, argv + 2);
  fprintf(stderr, "usage: see the head of together_cut.c\n");
  return 2;
}
