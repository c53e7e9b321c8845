/* SPDX-License-Identifier: MIT
 *
 * Counts and hashes of what was written: a model says how many entities each collection has after changes of every
 * kind, a walk over the pages what is stored and what is there.
 */
#include "unit/lmdb/sums.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* ---- changes of every kind, and a model of how many entities they leave */

enum { NAMES = 5, IDS = 60, DEPTH = 4, MANY = 12 };

struct model {
  bool has[NAMES][IDS]; /* and so can be read */
};

struct history {
  hf_persist *p[NAMES];
  struct model levels[DEPTH]; /* of the transactions that are open, from 0 on: what is committed */
  hf_txn *txns[DEPTH];
  int depth;
  uint64_t seed;
  unsigned long done[9];
};

static unsigned draw(struct history *h, unsigned below) {
  h->seed = h->seed * 6364136223846793005U + 1442695040888963407U;
  return (unsigned)((h->seed >> 33) % below);
}

static hf_slice id_of(unsigned i) { return hf_text(text_of("%s%u", i % 3 ? "id-" : "BTC/USDT:", i)); }

static hf_slice value_of(struct history *h) {
  unsigned size = draw(h, 12) == 0 ? 9000 : draw(h, 300);
  return hf_text(text_of("{\"n\":%u,\"t\":\"%0*u\"}", draw(h, 1000000), (int)(size > 4000 ? 4000 : size + 1), 7));
}

static void write_some(struct history *h, unsigned name, unsigned id) {
  hf_error err;
  hf_write_options options = HF_WRITE_OPTIONS_INIT;
  bool *has = &h->levels[h->depth].has[name][id];
  unsigned kind = draw(h, 4);
  options.if_absent = kind == 1;
  options.if_revision = kind == 2;
  options.revision = 1;
  hf_status status = hf_persist_write(h->p[name], id_of(id), value_of(h), kind ? &options : NULL, NULL, &err);
  if ((kind == 1 || kind == 2) && status == HF_CORRUPT)
    assert_false(*has); /* it is in quarantine */
  else
    assert_int_equal(status, kind == 2 || (kind == 1 && *has) ? HF_CONFLICT : HF_OK); /* nothing has revision 1 */
  if (!status) *has = true;
}

static void write_many(struct history *h, unsigned name) {
  hf_error err;
  hf_item items[MANY];
  char ids[MANY][32];
  unsigned count = 1 + draw(h, MANY);
  for (unsigned i = 0; i < count; i++) {
    unsigned id = draw(h, IDS); /* one may come twice */
    snprintf(ids[i], sizeof ids[i], "%s", id_of(id).data);
    items[i] = (hf_item){.id = hf_text(ids[i]), .json = hf_text(i % 2 ? "[1,2,3]" : "{\"a\":1}")};
    h->levels[h->depth].has[name][id] = true;
  }
  OK(hf_persist_write_many(h->p[name], items, count, &err));
}

static void remove_many(struct history *h, unsigned name) {
  hf_error err;
  hf_slice slices[MANY];
  char ids[MANY][32];
  unsigned count = 1 + draw(h, MANY);
  for (unsigned i = 0; i < count; i++) {
    unsigned id = draw(h, IDS);
    snprintf(ids[i], sizeof ids[i], "%s", id_of(id).data);
    slices[i] = hf_text(ids[i]);
    h->levels[h->depth].has[name][id] = false;
  }
  OK(hf_persist_remove_many(h->p[name], slices, count, NULL, &err));
}

static void remove_one(struct history *h, unsigned name, unsigned id) {
  hf_error err;
  hf_info info = {0};
  hf_buffer json = HF_BUFFER_INIT;
  bool *has = &h->levels[h->depth].has[name][id];
  hf_status status;
  if (*has && draw(h, 2)) {
    OK(hf_persist_read(h->p[name], id_of(id), &json, &info, &err));
    FAILS(HF_CONFLICT, hf_persist_remove_if(h->p[name], id_of(id), 1, &err)); /* nothing has revision 1 */
    status = hf_persist_remove_if(h->p[name], id_of(id), info.revision, &err);
  } else {
    status = hf_persist_remove(h->p[name], id_of(id), &err);
  }
  if (*has) assert_int_equal(status, HF_OK);
  *has = false;
  hf_buffer_free(&json);
}

static void change_something(struct history *h) {
  hf_error err;
  unsigned name = draw(h, NAMES), id = draw(h, IDS), kind = draw(h, 40);
  struct model *m = &h->levels[h->depth];
  if (kind < 18) {
    write_some(h, name, id);
  } else if (kind < 24) {
    write_many(h, name);
  } else if (kind < 30) {
    remove_one(h, name, id);
  } else if (kind < 36) {
    remove_many(h, name);
  } else if (kind < 38 && !m->has[name][id]) {
    OK(hf_persist_quarantine(h->p[name], id_of(id), "damaged elsewhere", hf_text("?"), &err));
  } else if (kind == 39) {
    OK(hf_persist_remove_all(h->p[name], &err));
    memset(m->has[name], 0, sizeof m->has[name]);
  }
  h->done[kind / 5]++;
}

static void begin(struct history *h) {
  hf_error err;
  h->depth++;
  OK(hf_txn_begin(HF_TXN_WRITE, &h->txns[h->depth], &err));
  h->levels[h->depth] = h->levels[h->depth - 1];
}

static void end(struct history *h, bool keep) {
  hf_error err;
  hf_txn *txn = h->txns[h->depth--];
  if (keep) {
    OK(hf_txn_commit(txn, &err));
    h->levels[h->depth] = h->levels[h->depth + 1];
  } else {
    hf_txn_abort(txn);
  }
}

/* One commit, or one that does not happen: changes by themselves, or in transactions in transactions. */
static void commit_something(struct history *h) {
  unsigned steps = draw(h, 3) ? 1 : draw(h, 30);
  for (unsigned i = 0; i < steps; i++) {
    unsigned what = draw(h, 10);
    if (what == 0 && h->depth + 1 < DEPTH)
      begin(h);
    else if (what == 1 && h->depth)
      end(h, draw(h, 3) != 0);
    else
      change_something(h);
  }
  while (h->depth) end(h, draw(h, 4) != 0);
}

static const char *const NAME[NAMES] = {"signal", "risk", "schedule", "partial", "a name of its own"};

static void open_all(struct history *h, const struct store *s) {
  for (int i = 0; i < NAMES; i++) h->p[i] = open_persist(s, NAME[i]);
}

static void close_all(struct history *h) {
  for (int i = 0; i < NAMES; i++) hf_persist_close(h->p[i]);
}

static void compare(struct history *h, const struct store *s, int round) {
  assert_sound(s, text_of("round %d", round));
  for (int name = 0; name < NAMES; name++) {
    uint64_t expected = 0;
    for (int id = 0; id < IDS; id++) expected += h->levels[0].has[name][id];
    assert_int_equal(stored(s, NAME[name]).count, expected);
  }
}

static void every_commit_keeps_counts_and_hashes(void **state) {
  const struct store *s = *state;
  struct history *h = calloc(1, sizeof *h);
  const char *rounds = getenv("HOLDFAST_ROUNDS"), *seed = getenv("HOLDFAST_SEED");
  h->seed = seed ? strtoull(seed, NULL, 10) : 1;
  open_all(h, s);
  for (int i = 0; i < 50; i++) commit_something(h); /* what was there before the sums */
  set(s, "format", "2");
  compare(h, s, -1);
  for (int i = 0, n = rounds ? atoi(rounds) : 1500; i < n; i++) {
    commit_something(h);
    if (i % 3 == 0) compare(h, s, i);
    if (draw(h, 100) == 0) { /* with databases that are not open */
      close_all(h);
      open_all(h, s);
    }
  }
  for (size_t i = 0; i < 8; i++) assert_true(h->done[i] > 20);
  close_all(h);
  free(h);
}

/* The same entities by another way have the same sum. */
static void the_order_of_writing_does_not_matter(void **state) {
  const struct store *s = *state;
  hf_error err;
  set(s, "format", "2");
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  assert_int_equal(stored(s, "signal").count, 1);
  uint64_t one = stored(s, "signal").hash;
  write_text(p, "b", "1");
  write_text(p, "c", "1");
  OK(hf_persist_remove(p, hf_text("c"), &err));
  OK(hf_persist_remove(p, hf_text("b"), &err));
  assert_true(stored(s, "signal").hash == one);
  write_text(p, "a", "1"); /* at another moment, so with another checksum */
  assert_true(stored(s, "signal").hash != one);
  OK(hf_persist_remove_all(p, &err));
  assert_int_equal(stored(s, "signal").count, 0);
  assert_true(stored(s, "signal").hash == 0);
  hf_persist_close(p);
}

static void many_collections_in_one_commit(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn;
  enum { COLLECTIONS = 230 };
  hf_persist *p[COLLECTIONS];
  set(s, "format", "2");
  for (int i = 0; i < COLLECTIONS; i++) p[i] = open_persist(s, text_of("collection-%d", i));
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  for (int i = 0; i < COLLECTIONS; i++)
    for (int k = 0; k <= i % 4; k++) write_text(p[i], text_of("%d", k), "1");
  OK(hf_txn_commit(txn, &err));
  assert_sound(s, "many in one");
  for (int i = 0; i < COLLECTIONS; i += 7) write_text(p[i], "more", "1");
  assert_sound(s, "one of many");
  for (int i = 0; i < COLLECTIONS; i++) {
    assert_int_equal(stored(s, text_of("collection-%d", i)).count, 1 + i % 4 + (i % 7 == 0));
    hf_persist_close(p[i]);
  }
}

static void fill_in_child(const struct store *s, const char *name, int count) {
  int status;
  fflush(NULL);
  pid_t pid = fork();
  if (!pid) {
    hf_persist *p;
    hf_status failed =
        hf_persist_open(hf_text(name), text_of("lmdb:%s/store?durability=nosync", s->directory), NULL, &p, NULL);
    for (int i = 0; i < count && !failed; i++)
      failed = hf_persist_write(p, hf_text(text_of("id-%d", i)), hf_text("1"), NULL, NULL, NULL);
    _exit(failed ? 1 : 0);
  }
  waitpid(pid, &status, 0);
  assert_int_equal(status, 0);
}

static void processes_take_turns(void **state) {
  const struct store *s = *state;
  hf_error err;
  set(s, "format", "2");
  hf_persist *p = open_persist(s, "signal");
  for (int i = 0; i < 30; i++) {
    if (i % 3 != 1) write_text(p, text_of("id-%d", i), "2");
    if (i % 7 == 0) OK(hf_persist_remove_all(p, &err));
    fill_in_child(s, i % 2 ? "signal" : "risk", i % 5);
    write_text(p, "always", text_of("%d", i));
    assert_sound(s, text_of("turn %d", i));
  }
  hf_persist_close(p);
}

/* Commits that fail for lack of room leave the sums as they were. */
static void a_full_store_keeps_its_sums(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn;
  char *big = malloc(40001);
  memset(big, '1', 40000);
  big[40000] = '\0';
  set(s, "maxsize", "400k");
  hf_persist *p = open_persist(s, "signal");
  for (int round = 0; round < 3; round++) {
    int full = 0;
    for (int i = 0; i < 40; i++) {
      bool in_transaction = i % 3 == 0;
      if (in_transaction) OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
      if (in_transaction) write_text(p, "small", "1");
      hf_status status = hf_persist_write(p, hf_text(text_of("%d-%d", round, i)), hf_text(big), NULL, NULL, &err);
      assert_true(status == HF_OK || status == HF_FULL);
      full += status == HF_FULL;
      if (in_transaction && status)
        hf_txn_abort(txn);
      else if (in_transaction)
        assert_true((status = hf_txn_commit(txn, &err)) == HF_OK || status == HF_FULL);
      assert_sound(s, "full");
    }
    assert_true(full > 10);
    for (int i = 0; i < 40; i++) {
      hf_status status = hf_persist_remove(p, hf_text(text_of("%d-%d", round, i)), &err);
      assert_true(status == HF_OK || status == HF_NOT_FOUND);
    }
    assert_sound(s, "room again");
    assert_int_equal(stored(s, "signal").count, 1);
  }
  hf_persist_close(p);
  free(big);
}

/* A file that must not grow: the pages of a commit cannot be written, and its number comes again. */
static void a_commit_that_fails_leaves_the_sums_as_they_were(void **state) {
  const struct store *s = *state;
  hf_error err;
  struct rlimit usual, tight;
  struct stat st;
  int failed = 0;
  static char big[30001];
  memset(big, '1', sizeof big - 1);
  set(s, "format", "2");
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
  for (int i = 0; i < 20; i++) {
    assert_int_equal(stat(data_file(s), &st), 0);
    tight = (struct rlimit){(rlim_t)st.st_size, usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    hf_status status = hf_persist_write(p, hf_text(text_of("id-%d", i)), hf_text(big), NULL, NULL, &err);
    failed += status != HF_OK;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
    if (i % 2) write_text(p, "a", text_of("%d", i));
    assert_sound(s, text_of("write %d: %s", i, hf_status_name(status)));
  }
  assert_true(failed > 3);
  signal(SIGXFSZ, SIG_DFL);
  hf_persist_close(p);
}

/* What a damaged store may have in place of a mark, or of a sum. */
static void a_mark_that_is_too_short_has_no_sums(void **state) {
  static const char bytes[4096] = {1};
  hf__lmdb_sums sums;
  (void)state;
  for (size_t size = 0; size < MARK_SIZE + sizeof *sums.list; size++) {
    sums.count = 1;
    hf__lmdb_sums_read((hf_slice){bytes, size}, &sums);
    assert_int_equal(sums.count, 0);
  }
  hf__lmdb_sums_read((hf_slice){bytes, sizeof bytes}, &sums);
  assert_int_equal(sums.count, SUMS_IN_MARK);
  for (size_t size = 0; size < sizeof(hf__lmdb_sum); size++)
    assert_int_equal(hf__lmdb_sum_read((hf_slice){bytes, size}).count, 0);
  assert_int_equal(hf__lmdb_sum_read((hf_slice){bytes, sizeof(hf__lmdb_sum)}).count, 1);
}

/* ---- while others write */

/* In a child, whose failures would be told of by its parent's tests. */
static void write_for_ever(const struct store *s) {
  static struct history h;
  hf_error err;
  hf_txn *txn, *inner;
  h.seed = (uint64_t)getpid();
  for (int i = 0; i < NAMES; i++)
    if (hf_persist_open(hf_text(NAME[i]), s->base, NULL, &h.p[i], &err)) _exit(1);
  alarm(200);
  for (;;) {
    bool nested = draw(&h, 4) == 0;
    if (hf_txn_begin(HF_TXN_WRITE, &txn, &err) || (nested && hf_txn_begin(HF_TXN_WRITE, &inner, &err))) _exit(1);
    for (unsigned i = draw(&h, 8); i < 8; i++) {
      hf_persist *p = h.p[draw(&h, NAMES)];
      hf_status status = draw(&h, 3)    ? hf_persist_write(p, id_of(draw(&h, IDS)), value_of(&h), NULL, NULL, &err)
                         : draw(&h, 20) ? hf_persist_remove(p, id_of(draw(&h, IDS)), &err)
                                        : hf_persist_remove_all(p, &err);
      if (status && status != HF_NOT_FOUND) _exit(1);
    }
    if (nested && draw(&h, 2))
      hf_txn_abort(inner);
    else if (nested && hf_txn_commit(inner, &err))
      _exit(1);
    if (hf_txn_commit(txn, &err)) _exit(1);
  }
}

static void nothing_is_told_of_a_store_that_others_write_to(void **state) {
  const struct store *s = *state;
  set(s, "format", "2");
  fill(s, "signal", 30);
  fflush(NULL);
  for (int round = 0; round < 12; round++) { /* each is killed, wherever it is */
    pid_t pid = fork();
    if (!pid) write_for_ever(s);
    for (int i = 0; i < 12; i++) {
      struct told t = check(s);
      if (!t.report.damaged && !t.report.notes) continue;
      kill(pid, SIGKILL);
      fail_msg("round %d, look %d: %s: %s", round, i, t.name, t.first);
    }
    int result;
    assert_int_equal(waitpid(pid, &result, WNOHANG), 0); /* it still writes */
    kill(pid, SIGKILL);
    waitpid(pid, &result, 0);
    assert_sound(s, "killed");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(every_commit_keeps_counts_and_hashes),
      ON_LMDB(the_order_of_writing_does_not_matter),
      ON_LMDB(many_collections_in_one_commit),
      ON_LMDB(processes_take_turns),
      ON_LMDB(a_full_store_keeps_its_sums),
      ON_LMDB(a_commit_that_fails_leaves_the_sums_as_they_were),
      cmocka_unit_test(a_mark_that_is_too_short_has_no_sums),
      ON_LMDB(nothing_is_told_of_a_store_that_others_write_to),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
