/* SPDX-License-Identifier: MIT
 *
 * Several threads on several stores: writers, readers, iterators, transactions, snapshots, handles that come and go,
 * collections by turns, and a map that grows under them.  What may go wrong is only what the header allows: BUSY for
 * growing beside a snapshot.  Where commits are flushed, the writers share them.  To be run under the thread sanitizer,
 * too.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "unit/support.h"

enum { THREADS = 4, ROUND_MS = 350 };

static atomic_bool stop;
static atomic_int failures;

static void fail_once(const char *what, hf_status status, const hf_error *err) {
  if (atomic_fetch_add(&failures, 1) < 5)
    fprintf(stderr, "%s: %s: %s (%s)\n", what, hf_status_name(status), status ? err->message : "",
            status ? err->cause : "");
}

/* In a thread: the call succeeds, or the thread's work ends. */
#define MUST(call)                                                                                                     \
  do {                                                                                                                 \
    hf_status must_status = (call);                                                                                    \
    if (must_status) {                                                                                                 \
      fail_once(#call, must_status, &err);                                                                             \
      goto end;                                                                                                        \
    }                                                                                                                  \
  } while (0)

#define MUST_BE(condition)                                                                                             \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fail_once(#condition, HF_OK, NULL);                                                                              \
      goto end;                                                                                                        \
    }                                                                                                                  \
  } while (0)

struct job {
  const char *base;
  int number;
  unsigned long done;
};

static void run_for(int ms, const char *base, void *(*const work[])(void *), int count) {
  pthread_t threads[16];
  struct job jobs[16];
  atomic_store(&stop, false);
  atomic_store(&failures, 0);
  for (int i = 0; i < count; i++) {
    jobs[i] = (struct job){base, i, 0};
    assert_int_equal(pthread_create(&threads[i], NULL, work[i], &jobs[i]), 0);
  }
  struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
  nanosleep(&t, NULL);
  atomic_store(&stop, true);
  for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
  assert_int_equal(atomic_load(&failures), 0);
  for (int i = 0; i < count; i++)
    if (!jobs[i].done) fail_msg("thread %d did nothing", i);
}

/* Writes pairs in one commit each, so that readers can see whether they ever see half of one. */
static void *write_pairs(void *arg) {
  struct job *job = arg;
  hf_error err;
  hf_persist *p = NULL;
  MUST(hf_persist_open(hf_text("pairs"), job->base, NULL, &p, &err));
  for (int i = 0; !atomic_load(&stop) || !job->done; i++) {
    char left[32], right[32], json[32];
    snprintf(left, sizeof left, "left-%d", i % 50);
    snprintf(right, sizeof right, "right-%d", i % 50);
    snprintf(json, sizeof json, "%d", job->number * 1000000 + i);
    hf_item items[] = {{.id = hf_text(left), .json = hf_text(json)}, {.id = hf_text(right), .json = hf_text(json)}};
    MUST(hf_persist_write_many(p, items, 2, &err));
    job->done++;
  }
end:
  hf_persist_close(p);
  return NULL;
}

static void *read_pairs(void *arg) {
  struct job *job = arg;
  hf_error err;
  hf_persist *p = NULL;
  hf_page *page = hf_page_new();
  MUST(hf_persist_open(hf_text("pairs"), job->base, NULL, &p, &err));
  for (int i = 0; !atomic_load(&stop) || !job->done; i++) {
    char left[32], right[32];
    size_t n;
    snprintf(left, sizeof left, "left-%d", i % 50);
    snprintf(right, sizeof right, "right-%d", i % 50);
    const hf_slice ids[] = {hf_text(left), hf_text(right)};
    MUST(hf_persist_read_many(p, ids, 2, page, &err));
    const hf_entry *e = hf_page_entries(page, &n);
    MUST_BE(n == 2 && e[0].status == e[1].status);
    MUST_BE(e[0].status ||
            (e[0].json.size == e[1].json.size && !memcmp(e[0].json.data, e[1].json.data, e[0].json.size)));
    job->done++;
  }
end:
  hf_page_free(page);
  hf_persist_close(p);
  return NULL;
}

static void *iterate_pairs(void *arg) {
  struct job *job = arg;
  hf_error err;
  hf_persist *p = NULL;
  hf_iter *iter = NULL;
  MUST(hf_persist_open(hf_text("pairs"), job->base, NULL, &p, &err));
  while (!atomic_load(&stop) || !job->done) {
    const hf_entry *e;
    int n = 0;
    hf_range range = {.reverse = job->done % 2 == 1};
    MUST(hf_iter_open(p, &range, &iter, &err));
    for (;;) {
      MUST(hf_iter_next(iter, &e, &err));
      if (!e) break;
      n++;
      MUST_BE(e->json.size > 0 && n <= 100);
    }
    hf_iter_close(iter);
    iter = NULL;
    job->done++;
  }
end:
  hf_iter_close(iter);
  hf_persist_close(p);
  return NULL;
}

/* Adds one to a counter in a transaction, and keeps a second one equal to it. */
static void *count_in_transactions(void *arg) {
  struct job *job = arg;
  hf_error err;
  hf_persist *p = NULL, *q = NULL;
  hf_txn *txn = NULL;
  hf_buffer json = HF_BUFFER_INIT;
  MUST(hf_persist_open(hf_text("counter"), job->base, NULL, &p, &err));
  MUST(hf_persist_open(hf_text("counter2"), job->base, NULL, &q, &err));
  for (int i = 0; !atomic_load(&stop) || !job->done; i++) {
    char text[32] = "0";
    MUST(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
    hf_status status = hf_persist_read(p, hf_text("n"), &json, NULL, &err);
    MUST_BE(status == HF_OK || status == HF_NOT_FOUND);
    if (status == HF_OK) snprintf(text, sizeof text, "%ld", atol(json.data) + 1);
    MUST(hf_persist_write(p, hf_text("n"), hf_text(text), NULL, NULL, &err));
    MUST(hf_persist_write(q, hf_text("n"), hf_text(text), NULL, NULL, &err));
    if (i % 5 == 4) {
      hf_txn_abort(txn);
      txn = NULL;
    } else {
      hf_txn *committed = txn;
      txn = NULL;
      MUST(hf_txn_commit(committed, &err));
      job->done++;
    }
  }
end:
  hf_txn_abort(txn);
  hf_buffer_free(&json);
  hf_persist_close(p);
  hf_persist_close(q);
  return NULL;
}

/* Both counters are equal at every moment. */
static void *compare_in_snapshots(void *arg) {
  struct job *job = arg;
  hf_error err;
  hf_persist *p = NULL, *q = NULL;
  hf_txn *txn = NULL;
  hf_buffer a = HF_BUFFER_INIT, b = HF_BUFFER_INIT;
  MUST(hf_persist_open(hf_text("counter"), job->base, NULL, &p, &err));
  MUST(hf_persist_open(hf_text("counter2"), job->base, NULL, &q, &err));
  while (!atomic_load(&stop) || !job->done) {
    MUST(hf_txn_begin(HF_TXN_READ, &txn, &err));
    hf_status first = hf_persist_read(p, hf_text("n"), &a, NULL, &err);
    hf_status second = first == HF_BUSY ? HF_BUSY : hf_persist_read(q, hf_text("n"), &b, NULL, &err);
    if (first != HF_BUSY && second != HF_BUSY) {
      MUST_BE(first == HF_OK || first == HF_NOT_FOUND);
      MUST_BE(first == second);
      MUST_BE(first || strcmp(a.data, b.data) == 0);
      job->done++;
    }
    hf_txn_abort(txn);
    txn = NULL;
  }
end:
  hf_txn_abort(txn);
  hf_buffer_free(&a);
  hf_buffer_free(&b);
  hf_persist_close(p);
  hf_persist_close(q);
  return NULL;
}

/* Handles on ever other collections come and go. */
static void *open_and_close(void *arg) {
  struct job *job = arg;
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_persist *p = NULL;
  for (int i = 0; !atomic_load(&stop) || !job->done; i++) {
    char name[32];
    snprintf(name, sizeof name, "type-%d", (i * 7 + job->number) % 40);
    MUST(hf_persist_open(hf_text(name), job->base, NULL, &p, &err));
    if (i % 3) {
      MUST(hf_persist_write(p, hf_text("x"), hf_text(name + 5), NULL, NULL, &err));
    } else {
      hf_status status = hf_persist_read(p, hf_text("x"), &json, NULL, &err);
      if (status != HF_NOT_FOUND) {
        MUST(status);
        MUST_BE(strcmp(json.data, name + 5) == 0);
      }
    }
    hf_persist_close(p);
    p = NULL;
    job->done++;
  }
end:
  hf_buffer_free(&json);
  hf_persist_close(p);
  return NULL;
}

/* Entities that need ever more room. */
static void *write_large(void *arg) {
  struct job *job = arg;
  hf_error err;
  hf_persist *p = NULL;
  enum { SIZE = 30000, MOST = 600 };
  char *json = malloc(SIZE + 1);
  memset(json, 'x', SIZE);
  json[0] = json[SIZE - 1] = '"';
  json[SIZE] = '\0';
  MUST(hf_persist_open(hf_text("large"), job->base, NULL, &p, &err));
  for (int i = 0; (!atomic_load(&stop) || i < 100) && i < MOST; i++) {
    char id[32];
    snprintf(id, sizeof id, "%d-%d", job->number, i);
    MUST(hf_persist_write(p, hf_text(id), (hf_slice){json, SIZE}, NULL, NULL, &err));
    job->done++;
  }
end:
  free(json);
  hf_persist_close(p);
  return NULL;
}

static void *read_large(void *arg) {
  struct job *job = arg;
  hf_error err;
  hf_persist *p = NULL;
  hf_iter *iter = NULL;
  MUST(hf_persist_open(hf_text("large"), job->base, NULL, &p, &err));
  while (!atomic_load(&stop) || !job->done) {
    const hf_entry *e;
    MUST(hf_iter_open(p, NULL, &iter, &err));
    for (int i = 0; i < 50; i++) {
      MUST(hf_iter_next(iter, &e, &err));
      if (!e) break;
      MUST_BE(e->json.size == 30000 && e->json.data[29999] == '"');
    }
    hf_iter_close(iter);
    iter = NULL;
    job->done++;
  }
end:
  hf_iter_close(iter);
  hf_persist_close(p);
  return NULL;
}

static void readers_never_see_half_a_batch(void **state) {
  const struct store *s = *state;
  void *(*const work[])(void *) = {write_pairs, write_pairs, read_pairs, iterate_pairs};
  run_for(ROUND_MS, s->base, work, 4);
}

static void transactions_lose_no_update_and_snapshots_are_one_moment(void **state) {
  const struct store *s = *state;
  void *(*const work[])(void *) = {count_in_transactions, count_in_transactions, compare_in_snapshots};
  run_for(ROUND_MS, s->base, work, 3);
}

static void handles_and_entity_types_come_and_go(void **state) {
  const struct store *s = *state;
  void *(*const work[])(void *) = {open_and_close, open_and_close, open_and_close, read_pairs};
  run_for(ROUND_MS, s->base, work, 4);
}

/* Many small stores, since a map doubles only a few times in the life of one. */
static void grow(const struct store *s, int count, const char *durability) {
  for (int i = 0; i < count; i++) {
    const char *base = text_of("lmdb:%s/small-%d?durability=%s&mapsize=1m", s->directory, i, durability);
    void *(*const work[])(void *) = {write_large, write_large, write_large, write_large, read_large, open_and_close};
    run_for(20, base, work, 6);
  }
}

static void the_map_grows_under_readers_and_writers(void **state) { grow(*state, 12, "nosync"); }

static void the_map_grows_under_groups(void **state) { grow(*state, 2, "sync"); }

/* ---- nothing is lost between two threads */

static void *increment(void *arg) {
  struct job *job = arg;
  hf_error err;
  hf_persist *p = NULL;
  hf_txn *txn = NULL;
  hf_buffer json = HF_BUFFER_INIT;
  MUST(hf_persist_open(hf_text("counter"), job->base, NULL, &p, &err));
  for (int i = 0; i < 200; i++) {
    char text[32];
    if (i % 2) { /* in a transaction */
      MUST(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
      MUST(hf_persist_read(p, hf_text("n"), &json, NULL, &err));
      snprintf(text, sizeof text, "%ld", atol(json.data) + 1);
      MUST(hf_persist_write(p, hf_text("n"), hf_text(text), NULL, NULL, &err));
      hf_txn *committed = txn;
      txn = NULL;
      MUST(hf_txn_commit(committed, &err));
    } else { /* by revision */
      for (;;) {
        hf_info info;
        MUST(hf_persist_read(p, hf_text("n"), &json, &info, &err));
        snprintf(text, sizeof text, "%ld", atol(json.data) + 1);
        hf_write_options options = {.if_revision = true, .revision = info.revision};
        hf_status status = hf_persist_write(p, hf_text("n"), hf_text(text), &options, NULL, &err);
        if (status == HF_CONFLICT) continue;
        MUST(status);
        break;
      }
    }
    job->done++;
  }
end:
  hf_txn_abort(txn);
  hf_buffer_free(&json);
  hf_persist_close(p);
  return NULL;
}

static void no_increment_is_lost(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "counter");
  write_text(p, "n", "0");
  void *(*const work[])(void *) = {increment, increment, increment, increment};
  run_for(1, s->base, work, THREADS);
  assert_entity(p, "n", "800");
  hf_persist_close(p);
}

/* ---- what others change is not removed */

enum { OWNED = 40 };

static atomic_ulong removed, gone;
static atomic_int waiting; /* removers that have not removed any yet: until then there is something to remove */

/* A machine that is busy may let a thread do nothing for as long as the test lasts. */
static bool goes_on(void) { return !atomic_load(&stop) || (atomic_load(&waiting) && !atomic_load(&failures)); }

/* An entity as its writer knows it: revision 0 when it was removed. */
struct owned {
  uint64_t revision;
  bool wanted;
};

/* Writes it at the revision that is known, if it is there as it was known. */
static hf_status write_owned_one(hf_persist *p, struct owned *known, const char *id, bool wanted, hf_error *err) {
  hf_info info;
  hf_write_options options = {
      .if_absent = !known->revision, .if_revision = known->revision != 0, .revision = known->revision};
  hf_status status = hf_persist_write(p, hf_text(id), hf_text(wanted ? "{\"wanted\":true}" : "{\"wanted\":false}"),
                                      &options, &info, err);
  if (status == HF_CONFLICT && known->revision) { /* it was removed as what it was */
    atomic_fetch_add(&gone, 1);
    known->revision = 0;
    return known->wanted ? HF_OK : HF_CONFLICT;
  }
  if (status == HF_OK) *known = (struct owned){info.revision, wanted};
  return status;
}

static void *write_owned(void *arg) {
  struct job *job = arg;
  hf_error err;
  struct owned known[OWNED] = {{0, false}};
  char id[32];
  hf_persist *p = NULL;
  unsigned draw = (unsigned)job->number + 7;
  MUST(hf_persist_open(hf_text("owned"), job->base, NULL, &p, &err));
  while (goes_on() || !job->done) {
    draw = draw * 1103515245U + 12345U;
    unsigned at = (draw >> 16) % OWNED;
    snprintf(id, sizeof id, "%d-%u", job->number, at);
    MUST(write_owned_one(p, &known[at], id, draw >> 30 & 1, &err));
    job->done++;
  }
end:
  hf_persist_close(p);
  return NULL;
}

/* Removes what the condition holds for, at the revision that the iteration gave. */
static void *remove_wanted(void *arg) {
  struct job *job = arg;
  hf_error err;
  hf_persist *p = NULL;
  hf_iter *it = NULL;
  hf_range range = HF_RANGE_INIT;
  const hf_entry *e;
  MUST(hf_condition_parse(hf_text("wanted"), &range.where, &err));
  MUST(hf_persist_open(hf_text("owned"), job->base, NULL, &p, &err));
  while (goes_on()) {
    uint64_t count;
    MUST(hf_persist_count_where(p, &range, &count, &err));
    MUST(hf_iter_open(p, &range, &it, &err));
    for (;;) {
      MUST(hf_iter_next(it, &e, &err));
      if (!e) break;
      hf_status status = hf_persist_remove_if(p, e->id, e->info.revision, &err);
      if (status == HF_CONFLICT || status == HF_NOT_FOUND) continue;
      MUST(status);
      atomic_fetch_add(&removed, 1);
      if (!job->done++) atomic_fetch_sub(&waiting, 1);
    }
    hf_iter_close(it);
    it = NULL;
  }
end:
  hf_iter_close(it);
  hf_condition_free(range.where);
  hf_persist_close(p);
  return NULL;
}

static void only_what_was_asked_of_is_removed(void **state) {
  const struct store *s = *state;
  hf_persist *keep = open_persist(s, "owned");
  void *(*const work[])(void *) = {write_owned, write_owned, remove_wanted, remove_wanted};
  atomic_store(&removed, 0);
  atomic_store(&gone, 0);
  atomic_store(&waiting, 2);
  run_for(ROUND_MS, s->base, work, 4);
  assert_true(atomic_load(&removed) > 0);
  /* A writer sees what has gone when it writes there next, so that some are not seen: not more than there are. */
  assert_in_range(atomic_load(&removed) - atomic_load(&gone), 0, 2 * OWNED);
  hf_persist_close(keep);
}

/* ---- runtimes */

static void *run_script(void *arg) {
  struct job *job = arg;
  hf_error err;
  hf_runtime *runtime = NULL;
  hf_buffer result = HF_BUFFER_INIT;
  char args[4400];
  MUST(hf_runtime_open(&runtime, &err));
  MUST(hf_runtime_run_text(runtime,
                           hf_text("local holdfast = require('holdfast')\n"
                                   "function work(base, number)\n"
                                   "  local store = holdfast.PersistBase('signal', base)\n"
                                   "  local shared = holdfast.PersistBase('shared', base)\n"
                                   "  for i = 1, 100 do\n"
                                   "    store:writeValue(number .. '-' .. i, {n = i, by = number})\n"
                                   "    holdfast.transaction(function()\n"
                                   "      local n = shared:hasValue('n') and shared:readValue('n') or 0\n"
                                   "      shared:writeValue('n', n + 1)\n"
                                   "    end)\n"
                                   "    if i % 20 == 0 then\n"
                                   "      for v in store:filter(function(v) return v.by == number end) do\n"
                                   "        assert(v.n <= i)\n"
                                   "      end\n"
                                   "      collectgarbage()\n"
                                   "    end\n"
                                   "  end\n"
                                   "  local mine = 0\n"
                                   "  for _ in store:keys({prefix = number .. '-'}) do mine = mine + 1 end\n"
                                   "  return mine\n"
                                   "end"),
                           "=work", &err));
  snprintf(args, sizeof args, "[\"%s\",%d]", job->base, job->number);
  MUST(hf_runtime_call(runtime, "work", hf_text(args), &result, &err));
  MUST_BE(strcmp(result.data, "100") == 0);
  job->done++;
end:
  hf_buffer_free(&result);
  hf_runtime_close(runtime);
  return NULL;
}

static void runtimes_in_two_threads_share_a_store(void **state) {
  const struct store *s = *state;
  hf_persist *keep = open_persist(s, "shared");
  write_text(keep, "n", "0");
  void *(*const work[])(void *) = {run_script, run_script};
  run_for(1, s->base, work, 2);
  assert_entity(keep, "n", "200");
  hf_persist_close(keep);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_BOTH(readers_never_see_half_a_batch),
      ON_BOTH(transactions_lose_no_update_and_snapshots_are_one_moment),
      ON_BOTH(handles_and_entity_types_come_and_go),
      ON_LMDB(the_map_grows_under_readers_and_writers),
      ON_BOTH(no_increment_is_lost),
      ON_BOTH(only_what_was_asked_of_is_removed),
      ON_BOTH(runtimes_in_two_threads_share_a_store),
      ON_SYNCED(readers_never_see_half_a_batch),
      ON_SYNCED(transactions_lose_no_update_and_snapshots_are_one_moment),
      ON_SYNCED(handles_and_entity_types_come_and_go),
      ON_SYNCED(the_map_grows_under_groups),
      ON_SYNCED(no_increment_is_lost),
      ON_SYNCED(only_what_was_asked_of_is_removed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
