/* SPDX-License-Identifier: MIT
 *
 * Making and forgetting indexes: see index_make.h.
 */
#include "index_make.h"

#include <errno.h>
#include <string.h>

#include "collections.h"
#include "feature.h"
#include "index_build.h"
#include "index_defs.h"
#include "index_store.h"
#include "meta.h"
#include "quarantine.h"
#include "settings.h"

/* What is done to a definition. */
struct step {
  hf__lmdb_collection *collection;
  hf_slice definition; /* to be made */
  const hf_index *as;  /* the same, read */
  hf_slice name;       /* of one that is there */
  uint32_t number;
  bool ready;  /* it is built already */
  bool again;  /* it is not, and was there before */
  bool is_own; /* this call has defined it */
};

static hf_status fail(hf__lmdb_env *env, hf__lmdb_txn *t, int rc, hf_error *err) {
  if (rc == MDB_MAP_FULL) hf__lmdb_note_full(t);
  if (rc == ENOMEM) return hf_error_no_memory(err);
  return rc ? hf__lmdb_fail(env, rc, "write", err) : HF_OK;
}

/* ---- the commits */

/* What a store needs before it has an index.  LMDB's result. */
static int prepare(hf__lmdb_env *env, hf__lmdb_txn *t, bool *changed) {
  const hf__lmdb_feature *feature = hf__lmdb_feature_find(hf_text(FEATURE_INDEX));
  int rc = hf__lmdb_raise(env, t->mdb, FORMAT_MARKED, changed);
  return rc ? rc : hf__lmdb_feature_add(env, t->mdb, feature, changed);
}

static hf_status make_database(hf__lmdb_env *env, hf__lmdb_txn *t, hf_error *err) {
  MDB_dbi dbi;
  hf_status status = hf__lmdb_write_dbi(env, t, env->index, &dbi, err);
  return status || dbi ? status : hf__lmdb_make_dbi(env, t, env->index, &dbi, err);
}

/* Defines a new one. */
static hf_status define(hf__lmdb_env *env, hf__lmdb_txn *t, struct step *s, bool *changed, hf_error *err) {
  int rc = prepare(env, t, changed);
  hf_status status = rc ? fail(env, t, rc, err) : make_database(env, t, err);
  if (status) return status;
  *changed = true;
  rc = hf__lmdb_index_number(env, t->mdb, &s->number);
  if (rc == 0) rc = hf__lmdb_index_define(env, t->mdb, s->collection, s->number, s->definition, HF__LMDB_INDEX_NEW);
  s->is_own = rc == 0;
  return fail(env, t, rc, err);
}

static int note_again(const hf__lmdb_definition *d, void *arg) {
  struct step *s = arg;
  if (d->number == s->number) s->again = d->state == HF__LMDB_INDEX_AGAIN;
  return 0;
}

/* Defines it, unless it is there. */
static hf_status begin(hf__lmdb_env *env, hf__lmdb_txn *t, void *arg, bool *changed, hf_error *err) {
  struct step *s = arg;
  hf_index_set *set;
  hf_status status = hf__lmdb_index_read(env, t->mdb, s->collection, &set, err);
  if (status) return status;
  const hf_index *there = set ? hf_index_set_find(set, s->as->name) : NULL;
  s->is_own = false;
  if (there) {
    s->number = there->number;
    s->ready = there->ready;
    status = there->unique == s->as->unique ? HF_OK : HF_CONFLICT;
    if (status == HF_OK) status = fail(env, t, hf__lmdb_index_each(env, t->mdb, s->collection, note_again, s), err);
  } else if (set && hf_index_set_size(set) == HF_INDEXES_MAX) {
    status = hf_error_set(err, HF_INVALID_ARGUMENT, "%s has %d indexes, which is the most there can be: drop one first",
                          s->collection->name, HF_INDEXES_MAX);
  } else {
    status = define(env, t, s, changed, err);
  }
  hf_index_set_free(set);
  return status;
}

/* Finds the one of the number in a transaction; NULL: it is gone.  The caller frees *set. */
static hf_status find_number(hf__lmdb_env *env, hf__lmdb_txn *t, const struct step *s, hf_index_set **set,
                             const hf_index **index, hf_error *err) {
  hf_status status = hf__lmdb_index_read(env, t->mdb, s->collection, set, err);
  *index = NULL;
  for (size_t i = 0; status == HF_OK && *set && i < hf_index_set_size(*set); i++)
    if (hf_index_set_at(*set, i)->number == s->number) *index = hf_index_set_at(*set, i);
  return status;
}

static hf_status fail_dropped(const struct step *s, hf_error *err) {
  return hf_error_set(err, HF_CONFLICT, "an index of %s was dropped while it was built", s->collection->name);
}

/* Has it be read from now on. */
static hf_status finish(hf__lmdb_env *env, hf__lmdb_txn *t, void *arg, bool *changed, hf_error *err) {
  const struct step *s = arg;
  hf_index_set *set;
  const hf_index *index;
  hf_status status = find_number(env, t, s, &set, &index, err);
  if (status == HF_OK && !index) status = fail_dropped(s, err);
  if (status == HF_OK && !index->ready) {
    *changed = true;
    status = fail(env, t,
                  hf__lmdb_index_define(env, t->mdb, s->collection, s->number, index->definition, HF__LMDB_INDEX_READY),
                  err);
  }
  hf_index_set_free(set);
  return status;
}

/* Takes away the definition of a number. */
static hf_status forget_number(hf__lmdb_env *env, hf__lmdb_txn *t, void *arg, bool *changed, hf_error *err) {
  const struct step *s = arg;
  *changed = true;
  return fail(env, t, hf__lmdb_index_forget(env, t->mdb, s->collection, s->number), err);
}

/* Takes away what was begun, unless another one has built it meanwhile: then s->ready. */
static hf_status give_up(hf__lmdb_env *env, hf__lmdb_txn *t, void *arg, bool *changed, hf_error *err) {
  struct step *s = arg;
  hf_index_set *set;
  const hf_index *index;
  hf_status status = find_number(env, t, s, &set, &index, err);
  s->ready = index && index->ready;
  if (index && !s->ready) status = forget_number(env, t, s, changed, err);
  hf_index_set_free(set);
  return status;
}

/* That of a name. */
static hf_status forget_name(hf__lmdb_env *env, hf__lmdb_txn *t, void *arg, bool *changed, hf_error *err) {
  struct step *s = arg;
  hf_index_set *set;
  hf_status status = hf__lmdb_index_read(env, t->mdb, s->collection, &set, err);
  if (status) return status;
  const hf_index *there = set ? hf_index_set_find(set, s->name) : NULL;
  s->number = there ? there->number : 0;
  status = there ? forget_number(env, t, s, changed, err) : HF_NOT_FOUND;
  hf_index_set_free(set);
  return status;
}

/* Gives it another number, under which it is built; what is under the old one is cleared away. */
static hf_status renumber(hf__lmdb_env *env, hf__lmdb_txn *t, void *arg, bool *changed, hf_error *err) {
  struct step *s = arg;
  hf_index_set *set;
  MDB_dbi dbi;
  hf_status status = hf__lmdb_index_read(env, t->mdb, s->collection, &set, err);
  if (status) return status;
  const hf_index *there = set ? hf_index_set_find(set, s->name) : NULL;
  if (!there) status = HF_NOT_FOUND;
  if (there) status = make_database(env, t, err);
  if (there && status == HF_OK) status = hf__lmdb_write_dbi(env, t, env->index, &dbi, err);
  if (there && status == HF_OK) {
    hf__lmdb_looking looking = {env, t->mdb, s->collection};
    *changed = true;
    int rc = hf__lmdb_index_forget(env, t->mdb, s->collection, there->number);
    if (rc == 0) rc = hf__lmdb_index_number(env, t->mdb, &s->number);
    if (rc == 0)
      rc = hf__lmdb_index_define(env, t->mdb, s->collection, s->number, there->definition, HF__LMDB_INDEX_AGAIN);
    if (rc == 0)
      rc = hf__lmdb_entries_copy_held(t->mdb, dbi, there->number, s->number, hf__lmdb_is_in_quarantine, &looking);
    status = fail(env, t, rc, err);
  }
  hf_index_set_free(set);
  return status;
}

/* ---- the slots */

/* Builds what was defined.  Nothing is left of one with a double, nor of one for which there is no room, which would
 * keep the store full: but then only of one's own, which nobody else has begun. */
static hf_status build(hf__lmdb_env *env, struct step *s, hf_error *err) {
  hf_error unused;
  hf_status status = hf__lmdb_index_build(env, s->collection, s->number, s->again, err);
  if (status == HF_OK) status = hf__lmdb_resettle(env, finish, s, err);
  if (status == HF_CONFLICT) { /* which one it was */
    hf_slice name = s->as ? s->as->name : s->name;
    return hf_error_set(err, status, "the index %.*s of %s was dropped while it was built", (int)name.size, name.data,
                        s->collection->name);
  }
  if (status != HF_DUPLICATE && !(status == HF_FULL && s->is_own)) return status;
  hf__lmdb_resettle(env, give_up, s, &unused);
  if (s->ready) return HF_OK;
  hf__lmdb_index_clean(env);
  return status;
}

hf_status hf__lmdb_index_make(void *store, void *collection, hf_slice definition, hf_error *err) {
  hf__lmdb_env *env = store;
  struct step s = {.collection = collection, .definition = definition};
  hf_index_set *set = hf_index_set_new();
  hf_status status = set ? hf_index_set_add(set, definition, 0, false, err) : hf_error_no_memory(err);
  if (status == HF_OK) {
    s.as = hf_index_set_at(set, 0);
    status = hf__lmdb_resettle(env, begin, &s, err);
  }
  if (status == HF_OK && !s.ready) {
    hf__lmdb_index_clean(env);
    status = build(env, &s, err);
  }
  hf_index_set_free(set);
  return status;
}

hf_status hf__lmdb_index_drop(void *store, void *collection, hf_slice name, hf_error *err) {
  struct step s = {.collection = collection, .name = name};
  hf_status status = hf__lmdb_resettle(store, forget_name, &s, err);
  if (status == HF_OK) hf__lmdb_index_clean(store);
  return status;
}

hf_status hf__lmdb_index_rebuild(void *store, void *collection, hf_slice name, hf_error *err) {
  struct step s = {.collection = collection, .name = name, .again = true};
  hf_status status = hf__lmdb_resettle(store, renumber, &s, err);
  if (status == HF_OK) hf__lmdb_index_clean(store);
  return status ? status : build(store, &s, err);
}
