/* SPDX-License-Identifier: MIT
 *
 * Changes of every kind, in transactions in transactions, kept and undone; and after each commit indexes and entities
 * agree, and a unique one has kept its word.  A model of the values says which writes it had to refuse.
 */
#include "unit/core/parts.h"
#include "unit/lmdb/indexes.h"

enum { NAMES = 2, IDS = 40, DEPTH = 4, MANY = 8, VALUES = 30 };

/* What an entity has: under "u", which is unique in the first collection, and under "n". */
struct entity {
  bool is_there;
  int u, n; /* u 0: none */
};

struct model {
  struct entity at[NAMES][IDS];
};

struct history {
  hf_persist *p[NAMES];
  struct model levels[DEPTH];
  hf_txn *txns[DEPTH];
  int depth;
  uint64_t seed;
  unsigned refused, written, aborted;
};

static unsigned draw(struct history *h, unsigned below) {
  h->seed = h->seed * 6364136223846793005U + 1442695040888963407U;
  return (unsigned)((h->seed >> 33) % below);
}

/* Some order keys are as long as they get. */
static hf_slice id_of(unsigned i) {
  if (i % 5) return hf_text(text_of("id-%u", i));
  char digits[220];
  memset(digits, 'z', sizeof digits - 1);
  digits[sizeof digits - 1] = '\0';
  return hf_text(text_of("%s-%u", digits, i));
}

/* Some texts are cut. */
static hf_slice text_of_entity(const struct entity *e, unsigned noise) {
  char many[250];
  memset(many, 'x', sizeof many - 1);
  many[sizeof many - 1] = '\0';
  const char *u = "";
  if (e->u) u = e->u % 3 ? text_of(",\"u\":%d", e->u) : text_of(",\"u\":\"%s%d\"", many, e->u);
  return hf_text(text_of("{\"n\":%d%s,\"noise\":%u}", e->n, u, noise));
}

static struct entity draw_entity(struct history *h) {
  unsigned u = draw(h, VALUES);
  return (struct entity){true, u < 3 ? 0 : (int)u, (int)draw(h, 5) - 2};
}

/* Whether the model lets these be written together. */
static bool may_write(const struct history *h, unsigned name, const struct model *after) {
  (void)h;
  if (name) return true;
  for (unsigned i = 0; i < IDS; i++)
    for (unsigned j = i + 1; j < IDS; j++) {
      const struct entity *a = &after->at[0][i], *b = &after->at[0][j];
      if (a->is_there && b->is_there && a->u && a->u == b->u) return false;
    }
  return true;
}

static void write_many(struct history *h, unsigned name, unsigned count) {
  hf_error err;
  hf_item items[MANY];
  char ids[MANY][256], texts[MANY][512];
  static struct model after;
  after = h->levels[h->depth];
  for (unsigned i = 0; i < count; i++) {
    unsigned id = draw(h, IDS); /* one may come twice: the last one counts */
    struct entity e = draw_entity(h);
    snprintf(ids[i], sizeof ids[i], "%s", id_of(id).data);
    snprintf(texts[i], sizeof texts[i], "%s", text_of_entity(&e, draw(h, 3)).data);
    items[i] = (hf_item){.id = hf_text(ids[i]), .json = hf_text(texts[i])};
    after.at[name][id] = e;
  }
  bool may = may_write(h, name, &after);
  if (!may && count > 1 && h->depth) return; /* a batch that fails leaves its transaction to be undone */
  hf_status status = count == 1 ? hf_persist_write(h->p[name], items[0].id, items[0].json, NULL, NULL, &err)
                                : hf_persist_write_many(h->p[name], items, count, &err);
  if (status != (may ? HF_OK : HF_DUPLICATE))
    fail_msg("%u to write: %s, %s", count, hf_status_name(status), status ? err.message : "");
  if (may) h->levels[h->depth] = after;
  *(may ? &h->written : &h->refused) += 1;
}

/* Two swap what they have. */
static void swap(struct history *h, unsigned name) {
  hf_error err;
  unsigned a = draw(h, IDS), b = draw(h, IDS);
  struct entity *x = &h->levels[h->depth].at[name][a], *y = &h->levels[h->depth].at[name][b], z = *x;
  if (a == b || !x->is_there || !y->is_there) return;
  char ids[2][256], texts[2][512];
  for (int i = 0; i < 2; i++) {
    snprintf(ids[i], sizeof ids[i], "%s", id_of(i ? b : a).data);
    snprintf(texts[i], sizeof texts[i], "%s", text_of_entity(i ? x : y, 7).data);
  }
  hf_item items[2] = {{.id = hf_text(ids[0]), .json = hf_text(texts[0])},
                      {.id = hf_text(ids[1]), .json = hf_text(texts[1])}};
  OK(hf_persist_write_many(h->p[name], items, 2, &err));
  *x = *y;
  *y = z;
}

static void remove_some(struct history *h, unsigned name) {
  hf_error err;
  hf_slice slices[MANY];
  char ids[MANY][256];
  unsigned count = 1 + draw(h, MANY);
  for (unsigned i = 0; i < count; i++) {
    unsigned id = draw(h, IDS);
    snprintf(ids[i], sizeof ids[i], "%s", id_of(id).data);
    slices[i] = hf_text(ids[i]);
    h->levels[h->depth].at[name][id].is_there = false;
  }
  OK(hf_persist_remove_many(h->p[name], slices, count, NULL, &err));
}

static void change_something(struct history *h) {
  hf_error err;
  unsigned name = draw(h, NAMES), kind = draw(h, 40);
  if (kind < 20)
    write_many(h, name, 1);
  else if (kind < 28)
    write_many(h, name, 2 + draw(h, MANY - 2));
  else if (kind < 31)
    swap(h, name);
  else if (kind < 37)
    remove_some(h, name);
  else if (kind == 38 && draw(h, 3) == 0) {
    OK(hf_persist_remove_all(h->p[name], &err));
    memset(h->levels[h->depth].at[name], 0, sizeof h->levels[h->depth].at[name]);
  }
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
    h->aborted++;
    hf_txn_abort(txn);
  }
}

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

/* Makes, forgets or builds an index again now and then; the unique one stays. */
static void change_indexes(struct history *h) {
  hf_error err;
  static const char *const paths[] = {"n", "noise", "u"};
  unsigned name = draw(h, NAMES), which = draw(h, name ? 3 : 2);
  const char *const path[] = {paths[which]};
  if (draw(h, 2)) {
    make_index(h->p[name], paths[which], false);
  } else {
    hf_status status = hf_persist_index_drop(h->p[name], path, 1, &err);
    assert_true(status == HF_OK || status == HF_NOT_FOUND);
  }
  if (draw(h, 3) == 0) OK(h->p[0]->backend->index_rebuild(h->p[0]->impl, h->p[0]->collection, hf_text("u"), &err));
}

static void all_agree(struct history *h, const char *when) {
  for (int i = 0; i < NAMES; i++) {
    uint64_t count;
    const char *first = first_problem(h->p[i], false, &count);
    if (count) fail_msg("%s: %d problems, first %s", when, (int)count, first);
    uint64_t there = 0;
    for (unsigned j = 0; j < IDS; j++) there += h->levels[0].at[i][j].is_there;
    assert_int_equal(count_of(h->p[i]), there);
  }
}

static void whatever_happens_they_agree(void **state) {
  const struct store *s = *state;
  struct history h = {.seed = 19};
  static const char *const names[NAMES] = {"signal", "order"};
  for (int i = 0; i < NAMES; i++) h.p[i] = open_persist(s, names[i]);
  make_index(h.p[0], "u", true);
  make_index(h.p[1], "n", false);
  for (int round = 0; round < 1500; round++) {
    commit_something(&h);
    if (round % 40 == 7) change_indexes(&h);
    all_agree(&h, text_of("round %d", round));
  }
  assert_true(h.refused > 100 && h.written > 500 && h.aborted > 100);
  for (int i = 0; i < NAMES; i++) hf_persist_close(h.p[i]);
}

static void a_part_that_fails_takes_its_entries_with_it(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  make_index(p, "n", true);
  struct script scripts[] = {WRITES(p, "a", "{\"n\":1}"), FAILING(p, "b", "{\"n\":2}", HF_INVALID_VALUE),
                             WRITES(p, "c", "{\"n\":2}"), WRITES(p, "d", "{\"n\":1}")};
  ALL(scripts);
  assert_int_equal(all.parts[0].status, HF_OK);
  assert_int_equal(all.parts[1].status, HF_INVALID_VALUE);
  assert_int_equal(all.parts[2].status, HF_OK);
  assert_int_equal(all.parts[3].status, HF_DUPLICATE);
  assert_string_equal(ids_in_order(p, NULL, 0, false), "a c");
  assert_agrees(p);
  hf_persist_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(whatever_happens_they_agree),
      ON_LMDB(a_part_that_fails_takes_its_entries_with_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
