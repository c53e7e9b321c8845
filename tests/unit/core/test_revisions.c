/* SPDX-License-Identifier: MIT
 *
 * Revisions in a commit that parts of hf_transactions() share: none is given, and none is taken.
 */
#include "unit/core/parts.h"

static void a_part_is_given_no_revision_of_its_commit(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  write_text(p, "old", "0");
  write_text(p, "changed", "0");
  uint64_t old = revision_of(p, "old");
  struct seen itself = {"a", 0}, earlier = {"a", 0}, changed = {"changed", 0}, untouched = {"old", 0},
              undone = {"old", 0};
  struct script scripts[] = {WRITES_AND(p, "a", "1", look, &itself),
                             WRITES_AND(p, "changed", "1", look, &earlier),
                             DOES(p, look, &changed),
                             DOES(p, look, &untouched),
                             FAILING(p, "old", "1", HF_SCRIPT),
                             DOES(p, look, &undone)};
  OK(ALL(scripts));
  assert_int_equal(itself.revision, HF_REVISION_UNKNOWN);
  assert_int_equal(earlier.revision, HF_REVISION_UNKNOWN);
  assert_int_equal(changed.revision, HF_REVISION_UNKNOWN);
  assert_int_equal(untouched.revision, old);
  assert_int_equal(undone.revision, old);
  assert_true(revision_of(p, "a") > old && revision_of(p, "a") != HF_REVISION_UNKNOWN);
  hf_persist_close(p);
}

/* Writes, and removes, at the revision. */
static hf_status write_at(const struct script *s, hf_error *err) {
  const struct seen *at = s->arg;
  hf_info info;
  hf_write_options options = HF_WRITE_OPTIONS_INIT;
  options.if_revision = true;
  options.revision = at->revision;
  hf_status status = hf_persist_write(s->p, hf_text(at->id), hf_text("\"at\""), &options, &info, err);
  assert_int_equal(info.revision, HF_REVISION_UNKNOWN);
  return status;
}

static hf_status remove_at(const struct script *s, hf_error *err) {
  const struct seen *at = s->arg;
  return hf_persist_remove_if(s->p, hf_text(at->id), at->revision, err);
}

static void a_part_writes_at_no_revision_of_its_commit(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  write_text(p, "old", "0");
  uint64_t old = revision_of(p, "old");
  /* Whatever number a part comes by: here the one that LMDB will give the commit. */
  struct seen next = {"a", old + 1}, unknown = {"a", HF_REVISION_UNKNOWN}, before = {"old", old}, again = {"old", old};
  struct script scripts[] = {WRITES(p, "a", "1"),         DOES(p, write_at, &next),   DOES(p, remove_at, &next),
                             DOES(p, write_at, &unknown), DOES(p, write_at, &before), DOES(p, write_at, &again)};
  OK(ALL(scripts));
  for (size_t i = 1; i < 6; i++) assert_int_equal(all.parts[i].status, i == 4 ? HF_OK : HF_CONFLICT);
  CONTAINS(all.errors[1].message, "what a commit has written has no revision before it is done");
  assert_entity(p, "a", "1");
  assert_entity(p, "old", "\"at\"");
  hf_persist_close(p);
}

/* What a page and a loop say of the revisions of "a" and "old", where they are of one commit. */
static hf_status look_at_many(const struct script *s, hf_error *err) {
  uint64_t *revisions = s->arg;
  const hf_slice ids[] = {hf_text("a"), hf_text("old")};
  hf_page *page = hf_page_new();
  hf_iter *iter;
  const hf_entry *entry;
  hf_status status = hf_persist_read_many(s->p, ids, 2, page, err);
  if (status == HF_OK) {
    revisions[0] = hf_page_entry(page, 0)->info.revision;
    revisions[1] = hf_page_entry(page, 1)->info.revision;
    status = hf_iter_open(s->p, NULL, &iter, err);
  }
  for (int i = 2; status == HF_OK && (status = hf_iter_next(iter, &entry, err)) == HF_OK && entry; i++)
    revisions[i] = entry->info.revision;
  hf_iter_close(iter);
  hf_page_free(page);
  return status;
}

static hf_status write_two(const struct script *s, hf_error *err) {
  const hf_item items[] = {{.id = hf_text("a"), .json = hf_text("1")}, {.id = hf_text("b"), .json = hf_text("1")}};
  return hf_persist_write_many(s->p, items, 2, err);
}

static void batches_and_loops_of_a_part_give_no_revision_either(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  write_text(p, "old", "0");
  uint64_t old = revision_of(p, "old"), revisions[5] = {0};
  struct script scripts[] = {DOES(p, write_two, NULL), DOES(p, look_at_many, revisions)};
  OK(ALL(scripts));
  OK(all.parts[1].status);
  assert_int_equal(revisions[0], HF_REVISION_UNKNOWN);
  assert_int_equal(revisions[1], old);
  assert_int_equal(revisions[2], HF_REVISION_UNKNOWN);
  assert_int_equal(revisions[3], HF_REVISION_UNKNOWN);
  assert_int_equal(revisions[4], old);
  hf_persist_close(p);
}

static void what_is_around_parts_keeps_its_revisions_and_not_theirs(void **state) {
  hf_error err;
  hf_txn *txn;
  hf_info info;
  hf_persist *p = open_persist(*state, "signal");
  write_text(p, "old", "0");
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  OK(hf_persist_write(p, hf_text("mine"), hf_text("1"), NULL, &info, &err));
  assert_true(info.revision && info.revision != HF_REVISION_UNKNOWN);
  struct seen mine = {"mine", 0}, at = {"mine", info.revision};
  struct script scripts[] = {DOES(p, look, &mine), WRITES(p, "theirs", "1")};
  OK(ALL(scripts));
  assert_int_equal(mine.revision, HF_REVISION_UNKNOWN); /* it is of this commit, whoever wrote it */
  struct script one = {.p = p, .arg = &at};
  hf_write_options options = HF_WRITE_OPTIONS_INIT;
  options.if_revision = true;
  options.revision = info.revision;
  OK(hf_persist_write(p, hf_text("mine"), hf_text("2"), &options, &info, &err));
  assert_true(info.revision != HF_REVISION_UNKNOWN);
  at = (struct seen){"theirs", info.revision};
  FAILS(HF_CONFLICT, write_at(&one, &err));
  assert_int_equal(revision_of(p, "theirs"), HF_REVISION_UNKNOWN);
  OK(hf_txn_commit(txn, &err));
  assert_true(revision_of(p, "theirs") != HF_REVISION_UNKNOWN);
  hf_persist_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_BOTH(a_part_is_given_no_revision_of_its_commit),
      ON_BOTH(a_part_writes_at_no_revision_of_its_commit),
      ON_BOTH(batches_and_loops_of_a_part_give_no_revision_either),
      ON_BOTH(what_is_around_parts_keeps_its_revisions_and_not_theirs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
