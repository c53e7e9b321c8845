/* SPDX-License-Identifier: MIT
 *
 * Several transactions in one commit: hf_transactions(), on stores that nest, on stores that have transactions and do
 * not nest, and on those that have none.
 */
#include <pthread.h>
#include <sys/wait.h>

#include "core/backends.h"
#include "core/transaction.h"
#include "unit/core/parts.h"

/* ---- one commit */

static void parts_happen_in_one_commit(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  write_text(p, "a", "0");
  uint64_t before = revision_of(p, "a");
  struct script scripts[] = {WRITES(p, "a", "1"), WRITES(p, "b", "2"), WRITES(p, "c", "3")};
  OK(ALL(scripts));
  for (size_t i = 0; i < 3; i++) assert_int_equal(all.parts[i].status, HF_OK);
  assert_entity(p, "a", "1");
  assert_entity(p, "b", "2");
  assert_entity(p, "c", "3");
  if (strcmp(((struct store *)*state)->scheme, "lmdb") == 0) {
    assert_int_equal(revision_of(p, "a"), before + 1);
    assert_int_equal(revision_of(p, "b"), before + 1);
    assert_int_equal(revision_of(p, "c"), before + 1);
  }
  OK(hf_transactions(NULL, 0, &err));
  hf_persist_close(p);
}

static void a_part_that_fails_is_undone_alone(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal"), *other = open_persist(*state, "other");
  write_text(p, "a", "0");
  struct script scripts[] = {WRITES(p, "b", "1"), FAILING(p, "a", "1", HF_CONFLICT), FAILING(other, "x", "1", HF_IO),
                             WRITES(p, "c", "1"), WRITES(other, "y", "1")};
  OK(ALL(scripts));
  assert_int_equal(all.parts[1].status, HF_CONFLICT);
  assert_string_equal(all.errors[1].message, "this part was told to fail");
  assert_int_equal(all.parts[2].status, HF_IO);
  assert_int_equal(all.parts[3].status, HF_OK);
  assert_entity(p, "a", "0");
  assert_entity(p, "b", "1");
  assert_entity(p, "c", "1");
  assert_entity(other, "x", NULL);
  assert_entity(other, "y", "1");
  hf_persist_close(p);
  hf_persist_close(other);
}

static hf_status forget_error(void *arg, hf_error *err) {
  (void)err;
  return *(const hf_status *)arg;
}

static void what_a_function_gives_is_made_a_status_and_an_error(void **state) {
  (void)state;
  hf_error err;
  hf_status wrong = (hf_status)77, full = HF_FULL;
  hf_txn_part parts[] = {{.run = forget_error, .arg = &wrong, .error = &all.errors[0]},
                         {.run = forget_error, .arg = &full, .error = &all.errors[1]},
                         {.run = forget_error, .arg = &full}};
  OK(hf_transactions(parts, 3, &err));
  assert_int_equal(parts[0].status, HF_INVALID_ARGUMENT);
  assert_string_equal(all.errors[0].message, "the function of the part returned 77, which is no status");
  assert_int_equal(parts[1].status, HF_FULL);
  assert_int_equal(all.errors[1].status, HF_FULL);
  CONTAINS(all.errors[1].message, "returned full without an error");
  assert_int_equal(parts[2].status, HF_FULL);
  OK(hf_transactions(parts, 3, NULL));
}

static void what_cannot_be_run_is_refused_before_any_is(void **state) {
  hf_error err;
  hf_txn *txn;
  hf_persist *p = open_persist(*state, "signal");
  struct script fine = WRITES(p, "a", "1");
  hf_txn_part parts[] = {{.run = play, .arg = &fine}, {.arg = &fine}};
  FAILS(HF_INVALID_ARGUMENT, hf_transactions(parts, 2, &err));
  CONTAINS(err.message, "part 1, counted from 0, has no function");
  parts[1].run = play;
  parts[1].reserved[1] = 1;
  FAILS(HF_INVALID_ARGUMENT, hf_transactions(parts, 2, &err));
  CONTAINS(err.message, "hf_txn_part.reserved must be 0");
  FAILS(HF_INVALID_ARGUMENT, hf_transactions(NULL, 1, &err));
  OK(hf_txn_begin(HF_TXN_READ, &txn, &err));
  FAILS(HF_READONLY, hf_transactions(parts, 1, &err));
  assert_int_equal(parts[0].status, HF_READONLY);
  hf_txn_abort(txn);
  assert_int_equal(fine.runs, 0);
  hf_persist_close(p);
}

static void parts_cover_one_store(void **state) {
  hf_error err;
  struct store *elsewhere = new_store("memory");
  hf_persist *p = open_persist(*state, "signal"), *far = open_persist(elsewhere, "signal");
  struct script scripts[] = {WRITES(p, "a", "1"), WRITES(far, "b", "1"), WRITES(p, "c", "1")};
  OK(ALL(scripts));
  assert_int_equal(all.parts[1].status, HF_UNSUPPORTED);
  CONTAINS(all.errors[1].message, hf_persist_url(p));
  CONTAINS(all.errors[1].message, hf_persist_url(far));
  assert_entity(p, "a", "1");
  assert_entity(p, "c", "1");
  assert_entity(far, "b", NULL);
  hf_persist_close(p);
  hf_persist_close(far);
  teardown_store((void **)&elsewhere);
}

static hf_status begin_and_forget(const struct script *s, hf_error *err) {
  hf_txn *txn;
  hf_status status = hf_txn_begin(HF_TXN_WRITE, &txn, err);
  return status ? status : hf_persist_write(s->p, hf_text("inner"), hf_text("1"), NULL, NULL, err);
}

static void a_part_that_leaves_a_transaction_open_is_undone(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  struct script scripts[] = {WRITES(p, "a", "1"), WRITES_AND(p, "b", "1", begin_and_forget, NULL), WRITES(p, "c", "1")};
  OK(ALL(scripts));
  assert_int_equal(all.parts[1].status, HF_INVALID_ARGUMENT);
  CONTAINS(all.errors[1].message, "a transaction inside this one was not ended");
  assert_int_equal(count_of(p), 2);
  assert_false(hf__txn_is_open());
  hf_persist_close(p);
}

/* ---- inside a transaction */

static void parts_inside_a_transaction_are_nested_in_it(void **state) {
  hf_error err;
  hf_txn *txn;
  hf_persist *p = open_persist(*state, "signal");
  for (int commits = 0; commits < 2; commits++) {
    OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
    struct script scripts[] = {WRITES(p, "a", "1"), FAILING(p, "b", "1", HF_SCRIPT), WRITES(p, "c", "1")};
    OK(ALL(scripts));
    assert_int_equal(all.parts[1].status, HF_SCRIPT);
    write_text(p, "outer", "1");
    if (commits)
      OK(hf_txn_commit(txn, &err));
    else
      hf_txn_abort(txn);
    assert_int_equal(count_of(p), commits ? 3 : 0);
  }
  hf_persist_close(p);
}

static hf_status run_two_more(const struct script *s, hf_error *err) {
  struct script first = WRITES(s->p, "inner", "1"), second = FAILING(s->p, "undone", "1", HF_SCRIPT);
  hf_txn_part parts[] = {{.run = play, .arg = &first}, {.run = play, .arg = &second}};
  hf_status status = hf_transactions(parts, 2, err);
  assert_int_equal(parts[1].status, HF_SCRIPT);
  return status;
}

static void parts_may_have_parts(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  struct script scripts[] = {WRITES_AND(p, "a", "1", run_two_more, NULL),
                             {.p = p, .id = "b", .json = "1", .more = run_two_more, .gives = HF_SCRIPT}};
  OK(ALL(scripts));
  assert_int_equal(count_of(p), 2);
  assert_entity(p, "inner", "1");
  hf_persist_close(p);
}

static hf_status end_around(const struct script *s, hf_error *err) {
  (void)err;
  hf_txn_abort(s->arg);
  return HF_OK;
}

static void ending_a_transaction_around_the_parts_ends_them(void **state) {
  hf_error err;
  hf_txn *txn;
  hf_persist *p = open_persist(*state, "signal");
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  struct script scripts[] = {WRITES(p, "a", "1"), WRITES_AND(p, "b", "1", end_around, txn), WRITES(p, "c", "1")};
  FAILS(HF_INVALID_ARGUMENT, ALL(scripts));
  CONTAINS(err.message, "was ended in one of its parts");
  assert_int_equal(scripts[2].runs, 0);
  for (size_t i = 0; i < 3; i++) assert_int_equal(all.parts[i].status, HF_INVALID_ARGUMENT);
  assert_int_equal(count_of(p), 0);
  assert_false(hf__txn_is_open());
  hf_persist_close(p);
}

/* ---- a full store */

enum { BIG = 600 * 1024 };

static char *big_text(void) {
  char *text = malloc(BIG + 3);
  memset(text, 'x', BIG + 2);
  text[0] = text[BIG + 1] = '"';
  text[BIG + 2] = '\0';
  return text;
}

static hf_persist *open_small(const struct store *s, const char *options) {
  hf_error err;
  hf_persist *p;
  OK(hf_persist_open(hf_text("signal"), text_of("%s&%s", s->base, options), NULL, &p, &err));
  return p;
}

static hf_status and_go_on(const struct script *s, hf_error *err) {
  hf_error swallowed;
  assert_int_equal(hf_persist_write(s->p, hf_text("big"), hf_text(s->arg), NULL, NULL, &swallowed), HF_FULL);
  (void)err;
  return HF_OK;
}

static void a_map_that_has_to_grow_fails_all_and_has_grown(void **state) {
  hf_error err;
  char *big = big_text();
  hf_persist *p = open_small(*state, "mapsize=524288");
  struct script scripts[] = {WRITES(p, "a", "1"), WRITES_AND(p, "b", "1", and_go_on, big), WRITES(p, "c", "1")};
  FAILS(HF_FULL, ALL(scripts));
  assert_true(err.retryable);
  CONTAINS(err.cause, "run the transaction again");
  for (size_t i = 0; i < 3; i++) assert_int_equal(all.parts[i].status, HF_FULL);
  assert_int_equal(scripts[0].runs, 1);
  assert_int_equal(scripts[1].runs, 1);
  assert_int_equal(scripts[2].runs, 0);
  assert_int_equal(count_of(p), 0);
  struct script again[] = {WRITES(p, "a", "1"), WRITES(p, "big", big), WRITES(p, "c", "1")};
  hf_status status = HF_FULL;
  for (int i = 0; status == HF_FULL && i < 4; i++) status = ALL(again);
  OK(status);
  assert_int_equal(count_of(p), 3);
  hf_persist_close(p);
  free(big);
}

static void a_transaction_around_parts_that_met_a_full_map_can_only_be_undone(void **state) {
  hf_error err;
  hf_txn *txn;
  char *big = big_text();
  hf_persist *p = open_small(*state, "mapsize=524288");
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  struct script scripts[] = {WRITES(p, "a", "1"), WRITES(p, "big", big), WRITES(p, "c", "1")};
  FAILS(HF_FULL, ALL(scripts));
  FAILS(HF_FULL, hf_persist_write(p, hf_text("d"), hf_text("1"), NULL, NULL, &err));
  FAILS(HF_FULL, ALL(scripts));
  assert_int_equal(scripts[0].runs, 1);
  FAILS(HF_FULL, hf_txn_commit(txn, &err));
  assert_int_equal(count_of(p), 0);
  hf_persist_close(p);
  free(big);
}

static void a_part_that_finds_no_room_in_a_store_that_cannot_grow_fails_alone(void **state) {
  hf_error err;
  char *big = big_text();
  hf_persist *p = open_small(*state, "mapsize=524288&maxsize=524288");
  struct script scripts[] = {WRITES(p, "a", "1"), WRITES_AND(p, "b", "1", and_go_on, big), WRITES(p, "c", "1")};
  OK(ALL(scripts));
  assert_int_equal(all.parts[0].status, HF_OK);
  assert_int_equal(all.parts[1].status, HF_FULL);
  assert_int_equal(all.parts[2].status, HF_OK);
  assert_entity(p, "a", "1");
  assert_entity(p, "b", NULL);
  assert_entity(p, "c", "1");
  hf_persist_close(p);
  free(big);
}

/* ---- a commit that fails */

/* Makes *b the memory backend under this name; true when first called.  It lives as long as the process. */
static bool copy_memory(hf_backend *b, const char *name) {
  if (b->name) return false;
  *b = *hf__backend_find("memory");
  b->name = name;
  b->struct_size = sizeof *b;
  b->next = NULL;
  return true;
}

static struct store *store_of(const char *name) {
  struct store *s = new_store("memory");
  snprintf(s->base, sizeof s->base, "%s:store", name);
  return s;
}

/* Transactions that are open, and at which depth the next commit fails; 0: at none. */
static int open_depth, failing_depth;

static hf_status begin_counted(void *store, hf_txn_kind kind, void *parent, void **txn, hf_error *err) {
  open_depth++;
  return hf__backend_find("memory")->begin(store, kind, parent, txn, err);
}

static void abort_counted(void *store, void *txn) {
  open_depth--;
  hf__backend_find("memory")->abort(store, txn);
}

static hf_status commit_counted(void *store, void *txn, hf_error *err) {
  if (open_depth-- != failing_depth) return hf__backend_find("memory")->commit(store, txn, err);
  failing_depth = 0;
  hf__backend_find("memory")->abort(store, txn);
  return hf_error_set(err, HF_IO, "the disk is gone");
}

static int setup_failing(void **state) {
  static hf_backend failing;
  hf_error err;
  if (copy_memory(&failing, "failing")) {
    failing.begin = begin_counted;
    failing.commit = commit_counted;
    failing.abort = abort_counted;
    OK(hf_backend_register(&failing, &err));
  }
  *state = store_of("failing");
  return 0;
}

static void where_the_commit_fails_nothing_has_happened_and_each_part_says_so(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  write_text(p, "old", "0");
  for (int depth = 1; depth <= 2; depth++) {
    struct script scripts[] = {FAILING(p, "a", "1", HF_SCRIPT), WRITES(p, "old", "1"), WRITES(p, "c", "1")};
    failing_depth = depth;
    FAILS(HF_IO, ALL(scripts));
    assert_string_equal(err.message, "the disk is gone");
    assert_int_equal(all.parts[0].status, HF_SCRIPT);
    assert_string_equal(all.errors[0].message, "this part was told to fail");
    assert_int_equal(all.parts[1].status, HF_IO);
    assert_int_equal(all.parts[2].status, HF_IO);
    assert_string_equal(all.errors[2].message, "the disk is gone");
    assert_int_equal(scripts[2].runs, depth == 1); /* a nested commit that fails leaves the others in doubt */
    assert_int_equal(failing_depth, 0);
    assert_int_equal(open_depth, 0);
    assert_entity(p, "old", "0");
    assert_int_equal(count_of(p), 1);
  }
  hf_persist_close(p);
}

/* ---- stores that cannot do it in one */

static int setup_single(void **state) {
  static hf_backend single;
  hf_error err;
  if (copy_memory(&single, "single")) {
    single.capabilities &= ~(uint32_t)HF_CAP_NESTED;
    single.begin = begin_counted;
    single.commit = commit_counted;
    single.abort = abort_counted;
    OK(hf_backend_register(&single, &err));
  }
  *state = store_of("single");
  return 0;
}

static void without_nesting_a_commit_that_fails_is_its_parts_alone(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  struct script scripts[] = {WRITES(p, "a", "1"), WRITES(p, "b", "1")};
  failing_depth = 1;
  OK(ALL(scripts));
  assert_int_equal(all.parts[0].status, HF_IO);
  assert_string_equal(all.errors[0].message, "the disk is gone");
  assert_int_equal(all.parts[1].status, HF_OK);
  assert_entity(p, "a", NULL);
  assert_entity(p, "b", "1");
  hf_persist_close(p);
}

static hf_status begin_another(const struct script *s, hf_error *err) {
  hf_txn *txn;
  hf_status status = hf_txn_begin(HF_TXN_WRITE, &txn, err);
  if (status == HF_OK) {
    status = hf_persist_write(s->p, hf_text("inner"), hf_text("1"), NULL, NULL, err);
    hf_txn_abort(txn);
  }
  return status;
}

static void without_nesting_each_part_is_committed_by_itself(void **state) {
  hf_error err;
  hf_txn *txn;
  hf_persist *p = open_persist(*state, "signal");
  struct seen itself = {"a", 0}, later = {"a", 0};
  struct script scripts[] = {WRITES_AND(p, "a", "1", look, &itself), FAILING(p, "b", "1", HF_SCRIPT),
                             WRITES_AND(p, "c", "1", begin_another, NULL), WRITES_AND(p, "d", "1", look, &later)};
  OK(ALL(scripts));
  const hf_status expected[] = {HF_OK, HF_SCRIPT, HF_UNSUPPORTED, HF_OK};
  for (size_t i = 0; i < 4; i++) assert_int_equal(all.parts[i].status, expected[i]);
  assert_int_equal(count_of(p), 2);
  assert_true(later.revision != HF_REVISION_UNKNOWN); /* of a commit that is done */
  assert_int_equal(later.revision, itself.revision);
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  write_text(p, "e", "1");
  OK(ALL(scripts));
  assert_int_equal(all.parts[0].status, HF_UNSUPPORTED);
  OK(hf_txn_commit(txn, &err));
  assert_int_equal(count_of(p), 3);
  hf_persist_close(p);
}

static void without_transactions_parts_are_run_one_by_one(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  struct script scripts[] = {WRITES(p, "a", "1"), FAILING(p, "b", "1", HF_SCRIPT),
                             WRITES_AND(p, "c", "1", begin_another, NULL), WRITES_AND(p, "d", "1", run_two_more, NULL)};
  OK(ALL(scripts));
  const hf_status expected[] = {HF_OK, HF_SCRIPT, HF_UNSUPPORTED, HF_OK};
  for (size_t i = 0; i < 4; i++) assert_int_equal(all.parts[i].status, expected[i]);
  assert_int_equal(count_of(p), 6); /* what a part did before it failed stays */
  assert_entity(p, "b", "1");
  assert_entity(p, "undone", "1");
  assert_false(hf__txn_is_open());
  hf_persist_close(p);
}

/* ---- threads and processes */

enum { THREADS = 4, ROUNDS = 40 };

/* Counts up what all threads count in. */
static hf_status count_up(void *arg, hf_error *err) {
  hf_persist *p = arg;
  char text[24];
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = hf_persist_read(p, hf_text("n"), &json, NULL, err);
  if (status == HF_OK) snprintf(text, sizeof text, "%ld", strtol(json.data, NULL, 10) + 1);
  hf_buffer_free(&json);
  return status ? status : hf_persist_write(p, hf_text("n"), hf_text(text), NULL, NULL, err);
}

static hf_status count_up_in_vain(void *arg, hf_error *err) {
  hf_status status = count_up(arg, err);
  return status ? status : hf_error_set(err, HF_SCRIPT, "undo it");
}

static void *count_in_groups(void *arg) {
  hf_error err;
  hf_persist *p;
  if (hf_persist_open(hf_text("signal"), arg, NULL, &p, &err)) return arg;
  void *failed = NULL;
  for (int i = 0; i < ROUNDS && !failed; i++) {
    hf_txn_part parts[] = {
        {.run = count_up, .arg = p}, {.run = count_up_in_vain, .arg = p}, {.run = count_up, .arg = p}};
    if (hf_transactions(parts, 3, &err) || parts[0].status || parts[1].status != HF_SCRIPT || parts[2].status)
      failed = arg;
  }
  hf_persist_close(p);
  return failed;
}

static void threads_take_turns_by_whole_groups(void **state) {
  struct store *s = *state;
  pthread_t threads[THREADS];
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "n", "0");
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, count_in_groups, s->base), 0);
  for (int i = 0; i < THREADS; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    assert_null(failed);
  }
  assert_entity(p, "n", text_of("%d", THREADS * ROUNDS * 2));
  hf_persist_close(p);
}

static hf_status fork_in_it(const struct script *s, hf_error *err) {
  (void)err;
  *(pid_t *)s->arg = fork();
  return HF_OK;
}

static void a_child_that_comes_out_of_a_part_has_nothing_of_it(void **state) {
  hf_error err;
  pid_t pid = -1;
  hf_persist *p = open_persist(*state, "signal");
  struct script scripts[] = {WRITES(p, "a", "1"), WRITES_AND(p, "b", "1", fork_in_it, &pid), WRITES(p, "c", "1")};
  hf_status status = ALL(scripts);
  if (pid == 0) _exit(status == HF_CLOSED && scripts[2].runs == 0 && all.parts[0].status == HF_CLOSED ? 0 : 1);
  int ended;
  assert_int_equal(waitpid(pid, &ended, 0), pid);
  assert_int_equal(ended, 0);
  OK(status);
  assert_int_equal(count_of(p), 3);
  hf_persist_close(p);
}

static hf_status nest(void *arg, hf_error *err) {
  int *left = arg;
  if (--*left < 0) return HF_OK;
  hf_txn_part part = {.run = nest, .arg = left};
  hf_status status = hf_transactions(&part, 1, err);
  return status ? status : part.status ? hf_error_set(err, part.status, "the one inside failed") : HF_OK;
}

static void parts_nest_as_deep_as_transactions(void **state) {
  (void)state;
  hf_error err;
  int left = 61;
  OK(nest(&left, &err));
  left = 80;
  FAILS(HF_UNSUPPORTED, nest(&left, &err));
  assert_false(hf__txn_is_open());
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_BOTH(parts_happen_in_one_commit),
      ON_BOTH(a_part_that_fails_is_undone_alone),
      cmocka_unit_test(what_a_function_gives_is_made_a_status_and_an_error),
      ON_ALL(what_cannot_be_run_is_refused_before_any_is),
      ON_ALL(parts_cover_one_store),
      ON_BOTH(a_part_that_leaves_a_transaction_open_is_undone),
      ON_BOTH(parts_inside_a_transaction_are_nested_in_it),
      ON_BOTH(parts_may_have_parts),
      ON_BOTH(ending_a_transaction_around_the_parts_ends_them),
      ON_LMDB(a_map_that_has_to_grow_fails_all_and_has_grown),
      ON_LMDB(a_transaction_around_parts_that_met_a_full_map_can_only_be_undone),
      ON_LMDB(a_part_that_finds_no_room_in_a_store_that_cannot_grow_fails_alone),
      {"where_the_commit_fails_nothing_has_happened_and_each_part_says_so",
       where_the_commit_fails_nothing_has_happened_and_each_part_says_so, setup_failing, teardown_store, NULL},
      {"without_nesting_a_commit_that_fails_is_its_parts_alone", without_nesting_a_commit_that_fails_is_its_parts_alone,
       setup_single, teardown_store, NULL},
      {"without_nesting_each_part_is_committed_by_itself", without_nesting_each_part_is_committed_by_itself,
       setup_single, teardown_store, NULL},
      {"without_transactions_parts_are_run_one_by_one on files", without_transactions_parts_are_run_one_by_one,
       setup_file, teardown_store, NULL},
      ON_BOTH(threads_take_turns_by_whole_groups),
      ON_LMDB(a_child_that_comes_out_of_a_part_has_nothing_of_it),
      cmocka_unit_test(parts_nest_as_deep_as_transactions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
