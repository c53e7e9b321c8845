/* SPDX-License-Identifier: MIT
 *
 * Builds the states that a power cut might have left, from a log of iorecord_preload.c in which commits.c works, and
 * looks at each with Holdfast.  ../crash_states.h says which states these are, ../crash_tree.h what is supposed of a
 * disk.
 *
 *   replay LOG ROOT STORE SCRATCH SCENARIO SEED [OPTION=VALUE]...
 *
 *   ROOT        the recorded folder, which itself survives; STORE is the store's path in it
 *   SCRATCH     a folder where states are built
 *   samples=N, exhaustive=N   how many random states of a moment, and up to how many combinations it has all of them
 *   part=I/N    only every Nth moment, from the Ith on
 *   durability=MODE   of the store; all but `sync` also allow older states, and count them; `nosync` counts those that
 *               are a mixture of several, too: pages of one commit beside those of another, each sound
 *   from=failed only from the first failed operation on
 *   from=opened only from the first opening on
 *   told=1      a reader who looked after a failure must not have been told what is gone later
 *   recovery=PROGRAM:EVERY    of every EVERYth state the opening, by PROGRAM, is recorded too, and what a second power
 *               cut leaves in the midst of that is looked at as well
 *   only=headers  only where LMDB's header is written and not flushed yet
 *   sector=N    bytes that a disk writes whole (512)
 *   measure=1   older states, and stores that cannot be opened, are counted and no fault
 *   ignore=files|folders|settling   as if flushes did nothing, or as if Holdfast did not settle the headers after a
 * flush that failed: the check can fail
 *
 * A state is good if Holdfast opens or makes the store, finds in it all that was acknowledged before the cut and
 * nothing that had not begun, and can go on writing.  A commit that failed may have happened or not.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault/crash_states.h"
#include "fault/lmdb/commits_judge.h"

enum { CANDIDATES_MAX = 64, HISTORY_MAX = 4096, PATH_MOST = 1024 };
#define OLDER CRASH_OTHER
#define REFUSED ((enum crash_verdict)(CRASH_OTHER + 1))
#define MIXED ((enum crash_verdict)(CRASH_OTHER + 2))

/* What may be in the store. */
static struct {
  struct commits_state now[CANDIDATES_MAX], with_pending[CANDIDATES_MAX]; /* as it was told, and with what has begun */
  size_t count;
  uint32_t pending;                          /* the step that has begun; 0: none */
  struct commits_state history[HISTORY_MAX]; /* all that were allowed at some time */
  size_t history_count;
  uint64_t number; /* of what is expected: grows where less is allowed than before */
} expected = {.count = 1, .history_count = 1};

static struct commits_plan plan;
static const char *store_path, *query = "", *recovery;
static char scratch_inner[PATH_MOST], log_inner[PATH_MOST];
static bool may_be_older, may_be_mixed, must_be_as_told, ignores_second;
static long recovery_every, recovery_turn;
static struct crash_explorer *inner;

static uint64_t entities_of(const struct commits_state *state) {
  uint64_t count = 0;
  for (size_t i = 0; i < COMMITS_TYPES * COMMITS_IDS; i++) count += (&state->wrote[0][0])[i] != 0;
  return count;
}

/* ---- expectations */

static void add_history(const struct commits_state *state) {
  if (expected.history_count == HISTORY_MAX) crash_die("a long history");
  expected.history[expected.history_count++] = *state;
}

static void add_candidate(const struct commits_state *state) {
  for (size_t i = 0; i < expected.count; i++)
    if (memcmp(&expected.now[i], state, sizeof *state) == 0) return;
  if (expected.count == CANDIDATES_MAX) crash_die("many failures");
  expected.now[expected.count++] = *state;
}

static void end(bool done) {
  size_t count = expected.count;
  expected.pending = 0;
  if (done) {
    expected.number++;
    expected.count = 0;
  }
  for (size_t i = 0; i < count; i++) add_candidate(&expected.with_pending[i]);
}

static void begin(uint32_t step) {
  if (expected.pending) end(false); /* its process was killed */
  expected.pending = step;
  for (size_t i = 0; i < expected.count; i++) {
    expected.with_pending[i] = expected.now[i];
    commits_advance(&plan, &expected.with_pending[i], step);
    add_history(&expected.with_pending[i]);
  }
}

/* Those of the candidates remain that have as many entities as somebody was told. */
static void was_told(uint64_t count) {
  size_t kept = 0;
  if (!must_be_as_told) return;
  for (size_t i = 0; i < expected.count; i++)
    if (entities_of(&expected.now[i]) == count) expected.now[kept++] = expected.now[i];
  if (!kept) crash_die("a reader was told what cannot be");
  expected.count = kept;
  expected.number++;
}

static void take_mark(const char *data, size_t size) {
  char text[64];
  unsigned step;
  snprintf(text, sizeof text, "%.*s", (int)size, data);
  if (sscanf(text, "begin %u", &step) == 1) begin(step);
  if (sscanf(text, "done %u", &step) == 1) end(true);
  if (sscanf(text, "failed %u", &step) == 1) end(false);
  if (sscanf(text, "told %u", &step) == 1) was_told(step);
}

/* ---- judging */

static bool is_among(const struct commits_state *is, const struct commits_state *states, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (memcmp(is, &states[i], sizeof *is) == 0) return true;
  return false;
}

static enum crash_verdict compare(const struct commits_state *is, char *why) {
  if (is_among(is, expected.now, expected.count) ||
      (expected.pending && is_among(is, expected.with_pending, expected.count)))
    return CRASH_GOOD;
  bool is_older = is_among(is, expected.history, expected.history_count);
  if (may_be_older && is_older) return OLDER;
  if (may_be_mixed) return MIXED;
  uint32_t newest = 0;
  for (size_t i = 0; i < COMMITS_TYPES * COMMITS_IDS; i++)
    if ((&is->wrote[0][0])[i] > newest) newest = (&is->wrote[0][0])[i];
  judge_wrong(why, "%s: the newest step in it is %u; begun: %u, %llu entities, %zu states would do",
              is_older ? "an older state" : "a state that never was", newest, expected.pending,
              (unsigned long long)entities_of(is), expected.count);
  return CRASH_BAD;
}

static enum crash_verdict judge_open(struct commits_store *store, hf_store *whole, char *why) {
  struct commits_state is;
  if (!judge_read(&plan, store, whole, &is, why)) return CRASH_BAD;
  enum crash_verdict verdict = compare(&is, why);
  if (verdict == CRASH_BAD || (verdict != MIXED && !judge_verify(whole, &is, why)) ||
      !judge_probe(&plan, store, whole, &is, why))
    return CRASH_BAD;
  return verdict;
}

static enum crash_verdict judge(void *arg, const char *root, char *why) {
  char base[PATH_MOST];
  struct commits_store store;
  hf_store *whole = NULL;
  hf_error err;
  (void)arg;
  snprintf(base, sizeof base, "lmdb:%s/%s%s", root, store_path, query);
  enum crash_verdict verdict;
  if (commits_open(base, &store, &err) || hf_store_open(base, NULL, &whole, &err)) {
    judge_failed(why, "open", &err);
    verdict = may_be_older && err.status == HF_CORRUPT ? REFUSED : CRASH_BAD;
  } else {
    verdict = judge_open(&store, whole, why);
  }
  hf_store_close(whole);
  commits_close(&store);
  return verdict;
}

/* Has a program open the state, and records that.  False: it did not. */
static bool record_recovery(const char *root, char *why) {
  char store[PATH_MOST];
  snprintf(store, sizeof store, "%s/%s", root, store_path);
  unlink(log_inner);
  pid_t pid = fork();
  if (pid == 0) {
    char preload[PATH_MOST];
    snprintf(preload, sizeof preload, "%s/tests/fault/iorecord_preload.so", getenv("HOLDFAST_BUILD"));
    setenv("LD_PRELOAD", preload, 1);
    setenv("IORECORD_ROOT", root, 1);
    setenv("IORECORD_LOG", log_inner, 1);
    execl(recovery, recovery, "recover", store, query, (char *)NULL);
    _exit(127);
  }
  int status = -1;
  if (pid < 0 || waitpid(pid, &status, 0) != pid) crash_die("fork");
  return status == 0 || judge_wrong(why, "the next process does not get on: status %d", status);
}

/* A state, and what a second power cut leaves of it while the next process opens it. */
static enum crash_verdict judge_recovery(void *arg, const char *root, char *why) {
  if (recovery_turn++ % recovery_every) return CRASH_GOOD;
  alarm(0);
  struct crash_tree *tree = crash_tree_load(root, root);
  tree->ignores_files = ignores_second;
  if (!record_recovery(root, why)) return CRASH_BAD;
  (void)arg;
  struct crash_log log = crash_log_open(log_inner);
  struct iorecord r;
  const char *data;
  while (crash_log_next(&log, &r, &data)) {
    struct crash_node *written = crash_tree_apply(tree, &r, data);
    if (r.op == IORECORD_MARK) break; /* from here on it is a writer like any other */
    crash_explore(inner, tree, expected.number, "while it recovers");
    if (written) crash_tree_settle(tree, written, &r);
  }
  crash_log_close(&log);
  crash_tree_free(tree);
  return CRASH_GOOD;
}

/* ---- the run */

/* How many bytes of a header LMDB writes, and how many Holdfast does where it settles them. */
enum { HEADER_WRITTEN = 120, HEADER_SETTLED = 152 };

struct run {
  struct crash_plan crash;
  struct crash_tree *tree;
  const char *from; /* "failed", "opened" or NULL: as the option has it */
  bool is_on;       /* looking has begun */
  bool only_headers, skips_settling;
  long moment, part, parts;
};

static void look(struct run *run, struct crash_explorer *x, const char *when, size_t record) {
  char label[64];
  if (!run->is_on || run->moment++ % run->parts != run->part) return;
  snprintf(label, sizeof label, "%s record %zu, begun %u", when, record, expected.pending);
  crash_explore(x, run->tree, expected.number, label);
}

static void go(struct run *run, struct crash_explorer *x, const char *path) {
  struct crash_log log = crash_log_open(path);
  struct iorecord r;
  const char *data;
  for (size_t record = 0; crash_log_next(&log, &r, &data); record++) {
    bool is_synced = r.op == IORECORD_WRITE && (r.flags & IORECORD_DSYNC);
    if (run->skips_settling && is_synced && r.size == HEADER_SETTLED) continue;
    struct crash_node *written = crash_tree_apply(run->tree, &r, data);
    bool opens = r.op == IORECORD_MARK && r.size > 6 && memcmp(data, "opened", 6) == 0;
    run->is_on |= !run->from || (*run->from == 'f' ? (r.flags & IORECORD_FAILED) != 0 : opens);
    if (r.op == IORECORD_MARK) take_mark(data, r.size);
    if (!run->only_headers || (is_synced && r.size == HEADER_WRITTEN)) look(run, x, "after", record);
    if (!written) continue;
    crash_tree_settle(run->tree, written, &r);
    if (!run->only_headers) look(run, x, "after the flush of", record);
  }
  crash_log_close(&log);
}

static const char *value_of(const char *option, const char *name) {
  size_t size = strlen(name);
  return strncmp(option, name, size) == 0 && option[size] == '=' ? option + size + 1 : NULL;
}

static void take_recovery(const char *value) {
  char *text = crash_must(strdup(value)), *colon = strrchr(text, ':');
  recovery_every = colon ? strtol(colon + 1, NULL, 10) : 0;
  if (recovery_every < 1) crash_die(value);
  *colon = '\0';
  recovery = text;
}

static void take_option(struct run *run, const char *option) {
  const char *v;
  static char text[64];
  if ((v = value_of(option, "samples")))
    run->crash.samples = strtoul(v, NULL, 10);
  else if ((v = value_of(option, "exhaustive")))
    run->crash.exhaustive = strtoul(v, NULL, 10);
  else if ((v = value_of(option, "from")))
    run->from = v;
  else if ((v = value_of(option, "told")))
    must_be_as_told = true;
  else if ((v = value_of(option, "only")))
    run->only_headers = true;
  else if ((v = value_of(option, "sector")))
    run->tree->sector = strtoul(v, NULL, 10);
  else if ((v = value_of(option, "measure")))
    may_be_older = true;
  else if ((v = value_of(option, "recovery")))
    take_recovery(v);
  else if ((v = value_of(option, "part")))
    sscanf(v, "%ld/%ld", &run->part, &run->parts);
  else if ((v = value_of(option, "ignore"))) {
    run->tree->ignores_files = strcmp(v, "files") == 0;
    run->tree->ignores_folders = strcmp(v, "folders") == 0;
    run->skips_settling = strcmp(v, "settling") == 0;
  } else if ((v = value_of(option, "durability"))) {
    may_be_older = strcmp(v, "sync") != 0;
    may_be_mixed = strcmp(v, "nosync") == 0;
    snprintf(text, sizeof text, "?durability=%s", v);
    query = text;
  } else {
    crash_die(option);
  }
}

static void report(const char *what, const struct crash_counts *c) {
  printf("%s%ld states, all different, of %ld moments (%ld with every combination of pages and sectors, %ld of pages; "
         "%ld states more were the same), bad %ld",
         what, c->states, c->moments, c->exhaustive, c->by_pages, c->same, c->verdicts[CRASH_BAD]);
  if (may_be_older)
    printf(", older %ld, refused %ld, mixed %ld", c->verdicts[OLDER], c->verdicts[REFUSED], c->verdicts[MIXED]);
  printf("\n");
}

int main(int argc, char **argv) {
  if (argc < 7 || !commits_find(argv[5], strtoull(argv[6], NULL, 10), &plan)) {
    fprintf(stderr, "usage: see the head of replay.c\n");
    return 2;
  }
  struct run run = {.parts = 1};
  run.crash = (struct crash_plan){.scratch = argv[4],
                                  .mapped = "lock.mdb",
                                  .seed = plan.seed,
                                  .exhaustive = 256,
                                  .samples = 20,
                                  .reported = 5,
                                  .judge = judge};
  store_path = argv[3];
  run.tree = crash_tree_new(argv[2]);
  for (int i = 7; i < argc; i++) take_option(&run, argv[i]);
  if (recovery) {
    struct crash_plan of_inner = run.crash;
    snprintf(scratch_inner, sizeof scratch_inner, "%s/second", argv[4]);
    snprintf(log_inner, sizeof log_inner, "%s/second-log", argv[4]);
    if (mkdir(scratch_inner, 0777)) crash_die(scratch_inner);
    of_inner.scratch = scratch_inner;
    inner = crash_explorer_new(&of_inner);
    ignores_second = run.tree->ignores_files;
    run.tree->ignores_files = false;
    run.crash.judge = judge_recovery;
  }
  struct crash_explorer *x = crash_explorer_new(&run.crash);
  go(&run, x, argv[1]);
  struct crash_counts counts = *crash_explorer_counts(x);
  report(recovery ? "first power cuts: " : "", &counts);
  long bad = counts.verdicts[CRASH_BAD];
  if (inner) {
    report("second ones: ", crash_explorer_counts(inner));
    bad += crash_explorer_counts(inner)->verdicts[CRASH_BAD];
  }
  return bad != 0;
}
