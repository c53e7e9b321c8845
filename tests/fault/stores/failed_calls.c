/* SPDX-License-Identifier: MIT
 *
 * Each call to the system and each allocation of each operation on a store fails in turn, by
 * callfail_preload.c, and what the operation said is compared with what it did:
 *
 *   failed_calls BACKEND DIRECTORY PARTS PART [CONTROL]
 *
 *   BACKEND  lmdb, file or memory
 *   PARTS    of all the calls, each PARTSth is tried, in part PART (from 0); 1 and 0: all
 *   CONTROL  something is wrong on purpose, and has to be found: "lie", calls are not carried out and said to be done;
 *            "leak", an operation loses memory when an allocation fails
 *
 * After each failure: success means done, and the right answer; an error says why, and what it says of the store is
 * true; entities are the old ones or the new ones; the handles go on working; when all is closed, no memory, no
 * descriptor and no map is left; the store verifies clean.  Says how many calls were tried, and how many lost.
 */
#include <setjmp.h>
#include <signal.h>

#include "fault/callfail.h"
#include "fault/stores/operations.h"

enum { NTH_MAX = 100000, LOSSES_MAX = 4000, HANG_SECONDS = 60, FDS = 256, AGAIN_MAX = 3 };

/* Ways to fail. */
static const struct flavour {
  const char *kinds; /* as in callfail.h */
  int error;
  enum callfail_way way;
  const char *name;
} flavours[] = {
    {"a", ENOMEM, CALLFAIL_ONCE, "an allocation"},
    {"a", ENOMEM, CALLFAIL_ON, "all allocations from then on"},
    {CALLFAIL_SYSTEM, EIO, CALLFAIL_ONCE, "EIO"},
    {CALLFAIL_SYSTEM, EIO, CALLFAIL_ON, "EIO from then on"},
    {CALLFAIL_SYSTEM, ENOMEM, CALLFAIL_ONCE, "ENOMEM of the system"},
    {"cwtsn", ENOSPC, CALLFAIL_ONCE, "ENOSPC"},
    {"cwtsn", ENOSPC, CALLFAIL_ON, "ENOSPC from then on"},
    {"wt", EDQUOT, CALLFAIL_ONCE, "EDQUOT"},
    {"oc", EMFILE, CALLFAIL_ONCE, "EMFILE"},
    {"oc", EMFILE, CALLFAIL_ON, "EMFILE from then on"},
    {"ocnuxrw", EACCES, CALLFAIL_ONCE, "EACCES"},
    {"cwtnu", EROFS, CALLFAIL_ON, "EROFS from then on"},
    {"l", ENOLCK, CALLFAIL_ONCE, "ENOLCK"},
    {"l", EAGAIN, CALLFAIL_ONCE, "EAGAIN"},
    {"ocrwtslke", EINTR, CALLFAIL_ONCE, "EINTR"},
    {"rw", 1, CALLFAIL_SHORT, "a short one"},
    {"rw", 1, CALLFAIL_ON, "EPERM from then on"},
    {"wtsnuk", EIO, CALLFAIL_LATE, "EIO though it was done"},
};
enum { FLAVOURS = sizeof flavours / sizeof *flavours };

static struct fixture store;
static const char *control = "";
static int losses[2], tried[2]; /* of calls, of allocations */
static char when[256];          /* what is being tried, for whoever dies of it */
static bool lost;               /* in this try */

static void lose(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void lose(const char *format, ...) {
  va_list args;
  fprintf(stderr, "LOST %s: %s: ", store.backend, when);
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fprintf(stderr, "\n");
  lost = true;
}

static const char *text_of(hf_status status, const hf_error *err) {
  static char texts[2][5000];
  static int turn; /* two of them may stand in one sentence */
  char *text = texts[turn = !turn];
  if (!status) return "ok";
  snprintf(text, sizeof texts[0], "%s: %s (%s)", hf_status_name(status), err->message, err->cause);
  return text;
}

static void die(int number) {
  const char *what = number == SIGALRM ? ": it hangs\n" : ": it crashes\n";
  if (write(2, "LOST ", 5) < 0 || write(2, when, strlen(when)) < 0 || write(2, what, strlen(what)) < 0) _exit(2);
  _exit(1);
}

/* ---- what is left */

struct leftovers {
  long blocks;
  int descriptors, maps;
};

static int count_maps(void) {
  char line[1024];
  int n = 0;
  FILE *maps = fopen("/proc/self/maps", "re");
  while (maps && fgets(line, sizeof line, maps)) n += strstr(line, store.directory) != NULL;
  if (maps) fclose(maps);
  return n;
}

static struct leftovers take_stock(void) {
  struct leftovers now = {callfail_blocks(), 0, *store.backend == 'm' ? 0 : count_maps()};
  for (int fd = 0; fd < FDS; fd++) now.descriptors += fcntl(fd, F_GETFD) >= 0;
  return now;
}

/* ---- judging */

static struct content content_before(const struct operation *o) {
  struct content c = {.counts = {true, true}};
  for (int i = 0; i < IDS && o->filling != ABSENT; i++)
    if (i < 3 || i == IDS - 1) strcpy(c.text[i], "\"old\"");
  if (o->filling == SPOILED || o->filling == QUARANTINED) strcpy(c.text[5], "?");
  return c;
}

static bool same(const struct content *a, const struct content *b) { return memcmp(a, b, sizeof *a) == 0; }

/* Whether the error admits that something may have been changed. */
static bool admits(hf_status status, const hf_error *err) {
  if (status == HF_NO_MEMORY || status == HF_TIMEOUT) return true;
  return !err->retryable && status != HF_BUSY && status != HF_FULL &&
         (strstr(err->message, "may have happened") || strstr(err->message, "of the batch's"));
}

/* A call that fails is no reason to say that an entity is missing, damaged or not wanted. */
static bool is_reason(hf_status status, const struct flavour *f, const hf_error *err) {
  if (*f->kinds == 'a') return status == HF_NO_MEMORY || (status == HF_IO && strstr(err->message, "may have happened"));
  switch (status) {
  case HF_IO:
  case HF_FULL:
  case HF_BUSY:
  case HF_NO_MEMORY:
  case HF_READONLY:
  case HF_UNAVAILABLE: return true;
  case HF_UNSUPPORTED: return strchr(f->kinds, 'l') || strchr(f->kinds, 'x');
  default: return false;
  }
}

static void judge_content(const struct operation *o, hf_status status, const hf_error *err,
                          const struct content *before, const struct content *now, const struct content *after) {
  bool bit_by_bit = *store.backend == 'f' && (o->flags & BIT_BY_BIT);
  if (status == HF_OK && !same(now, after)) lose("it says ok, and has not done it");
  if (status && !same(now, before) && !admits(status, err))
    lose("something has been changed, and it says %s", text_of(status, err));
  for (int i = 0; i < IDS; i++)
    if (strcmp(now->text[i], before->text[i]) != 0 && strcmp(now->text[i], after->text[i]) != 0)
      lose("%s is '%s', neither the old one nor the new one", fixture_ids[i], now->text[i]);
  if (!bit_by_bit && !same(now, before) && !same(now, after)) lose("a part of it has been done");
}

/* LMDB takes a file for none of its own when it cannot read its header, or not all of it, and so does what reads a
 * file without LMDB. */
static bool is_unread_header(hf_status status, const struct flavour *f, const hf_error *err) {
  return status == HF_CORRUPT && strchr(f->kinds, 'r') &&
         (strstr(err->message, "MDB_INVALID") || strstr(err->message, "neither header page"));
}

static void judge_answer(const struct operation *o, const struct flavour *f, hf_status status, const hf_error *err,
                         const struct answer *got, const struct answer *right) {
  if (status == o->status) {
    bool admits = got->admits && strchr(f->kinds, 'r');
    if (strcmp(got->text, right->text) != 0 && !admits)
      lose("the answer is '%s', and not '%s'", got->text, right->text);
  } else if (!is_reason(status, f, err) && !is_unread_header(status, f, err)) {
    lose("it says %s", text_of(status, err));
  }
  if (status && (!*err->message || err->status != status)) lose("an error without a message");
}

static void tell_problem(const hf_index_problem *problem, void *arg) {
  (void)arg;
  lose("the index %s %s %.*s", problem->index, problem->sentence, (int)problem->id.size, problem->id.data);
}

/* Indexes agree with the entities, whatever has failed. */
static void judge_indexes(void) {
  hf_error err;
  hf_status status = hf_persist_index_check(store.signal, false, tell_problem, NULL, NULL, &err);
  if (status && status != HF_UNSUPPORTED) lose("comparing indexes: %s", text_of(status, &err));
}

/* The same operation again, now that nothing fails. */
static void do_again(const struct operation *o, const struct content *after, const struct answer *right,
                     bool was_changed) {
  hf_error err;
  struct content now;
  struct answer got = {.text = ""};
  if (o->filling == FILLED_CLOSED) fixture_close(&store);
  hf_status status = o->run(&store, &got, &err);
  bool settled = was_changed && (status == HF_CONFLICT || status == HF_NOT_FOUND);
  if (status != o->status && !settled) lose("again, without a failure: %s", text_of(status, &err));
  if (status == o->status && strcmp(got.text, right->text) != 0 && !was_changed && o->filling != SPOILED)
    lose("again: '%s'", got.text);
  status = fixture_look(&store, &now, &err);
  if (status) lose("looking once more: %s", text_of(status, &err));
  if (!status && !same(&now, after)) lose("again, it has not done it");
}

/* By whoever opens it next. */
static void judge_reopened(void) {
  hf_verify_report report;
  hf_store *opened;
  hf_error err;
  hf_status status = hf_store_open(store.base, NULL, &opened, &err);
  if (status == HF_OK) status = hf_store_verify(opened, (hf_slice){NULL, 0}, true, NULL, NULL, &report, &err);
  if (status)
    lose("opened again: %s", text_of(status, &err));
  else if (report.corrupt || report.damaged)
    lose("opened again: %d corrupt, %d damaged", (int)report.corrupt, (int)report.damaged);
  hf_store_close(opened);
}

static void judge_leftovers(const struct leftovers *before, const struct leftovers *now) {
  if (now->descriptors != before->descriptors) lose("%d descriptors remain", now->descriptors - before->descriptors);
  if (now->maps != before->maps) lose("%d maps remain", now->maps - before->maps);
}

/* ---- trying */

/* What the operation does when nothing fails. */
struct expectation {
  struct content before, after;
  struct answer right;
};

static void expect(const struct operation *o, struct expectation *e) {
  hf_error err;
  snprintf(when, sizeof when, "%s", o->name);
  fixture_fill(&store, o->filling);
  memset(e, 0, sizeof *e);
  e->before = content_before(o);
  hf_status status = o->run(&store, &e->right, &err);
  if (status != o->status) fprintf(stderr, "FAIL %s: %s\n", o->name, text_of(status, &err)), exit(1);
  if (fixture_look(&store, &e->after, &err)) fixture_die(o->name, &err);
  fixture_close(&store);
}

/* One try: the nth call fails.  Gives what of memory has not been given back. */
static long attempt(const struct operation *o, const struct flavour *f, long nth, const struct expectation *e,
                    struct callfail_report *report) {
  struct leftovers first = take_stock();
  struct content now;
  struct answer got = {.text = ""};
  hf_error err = {.message = ""};
  lost = false;
  snprintf(when, sizeof when, "%s, call %ld fails (%s)", o->name, nth, f->name);
  alarm(HANG_SECONDS);
  fixture_fill(&store, o->filling);
  callfail_arm(f->kinds, nth, f->error, strcmp(control, "lie") == 0 ? CALLFAIL_LIE : f->way);
  hf_status status = o->run(&store, &got, &err);
  *report = callfail_disarm();
  snprintf(when, sizeof when, "%s, call %ld, %s, fails (%s)", o->name, nth, report->name, f->name);
  judge_answer(o, f, status, &err, &got, &e->right);
  hf_error why;
  hf_status looked = fixture_look(&store, &now, &why);
  if (looked) lose("the next read after %s: %s", text_of(status, &err), text_of(looked, &why));
  if (!looked) judge_content(o, status, &err, &e->before, &now, &e->after);
  bool once_more = (nth + (f - flavours)) % 2; /* otherwise it is opened next as the failure left it */
  if (!looked && store.signal) judge_indexes();
  if (!looked && once_more && o->run != open_signal) do_again(o, &e->after, &e->right, !same(&now, &e->before));
  if (!lost && store.signal) judge_indexes();
  fixture_close(&store);
  if (*store.backend != 'm') judge_reopened();
  struct leftovers last = take_stock();
  judge_leftovers(&first, &last);
  alarm(0);
  return last.blocks - first.blocks;
}

/* Memory that is kept for the next time is not lost: only what is kept each time is. */
static bool try(const struct operation *o, const struct flavour *f, long nth, const struct expectation *e) {
  struct callfail_report report;
  long kept = attempt(o, f, nth, e, &report);
  for (int i = 0; i < AGAIN_MAX && kept > 0 && !lost; i++) kept = attempt(o, f, nth, e, &report);
  if (kept > 0 && !lost) lose("%ld blocks of memory are lost", kept);
  bool allocation = *f->kinds == 'a';
  tried[allocation] += report.fired;
  losses[allocation] += lost;
  if (losses[0] + losses[1] >= LOSSES_MAX) fprintf(stderr, "and so on\n"), exit(1);
  return report.fired;
}

static void try_all(const struct operation *o, long parts, long part) {
  struct expectation e;
  expect(o, &e);
  for (long i = 0; i < FLAVOURS; i++) {
    long nth = 1 + (part + i * 7 + (o - operations) * 3) % parts;
    for (; try(o, &flavours[i], nth, &e); nth += parts)
      if (nth > NTH_MAX) lose("there is no end to its calls"), exit(1);
  }
}

/* ---- the controls */

static hf_status forget(struct fixture *f, struct answer *a, hf_error *err) {
  (void)f, (void)a;
  char *volatile first = malloc(10), *volatile second = malloc(10);
  if (!first || !second) return hf_error_set(err, HF_NO_MEMORY, "and one of them is forgotten");
  free(first);
  free(second);
  return HF_OK;
}

static const struct operation forgetful = {"forget", forget, FILLED, ON_ALL, HF_OK};

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  store.backend = argv[1];
  snprintf(store.directory, sizeof store.directory, "%s", argv[2]);
  long parts = strtol(argv[3], NULL, 10), part = strtol(argv[4], NULL, 10);
  if (argc > 5) control = argv[5];
  int backend = *store.backend == 'l' ? ON_LMDB : *store.backend == 'f' ? ON_FILE : ON_MEMORY;
  if (!callfail_is_loaded() || parts < 1) return 2;
  const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGALRM};
  for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) signal(deadly[i], die);
  memset(big_json, '7', sizeof big_json - 1);
  if (strcmp(control, "leak") == 0)
    try_all(&forgetful, 1, 0);
  else
    for (int i = 0; i < OPERATIONS; i++)
      if ((operations[i].flags & backend) && (argc < 7 || strcmp(argv[6], operations[i].name) == 0))
        try_all(&operations[i], parts, part);
  fixture_delete(store.directory);
  printf("%d %d %d %d\n", tried[0], losses[0], tried[1], losses[1]);
  return losses[0] + losses[1] ? 1 : 0;
}
