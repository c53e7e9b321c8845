/* SPDX-License-Identifier: MIT
 *
 * Groups of changes that share a commit: see group.h.
 */
#include "group.h"

#include <string.h>

#include "map.h"
#include "quarantine.h"
#include "writer.h"

enum {
  CHANGED_SLOTS = 2 * GROUP_IDS, /* a power of two */
  FAILURES_MAX = 3               /* members that fail half way, until each of the others is done alone, too */
};

/* The group that a thread leads. */
struct group {
  hf__lmdb_env *env;
  hf__lmdb_txn t;
  hf__lmdb_waiters members; /* whose changes are made in the transaction */
  hf__lmdb_waiters left;    /* who wait for the next group */
  hf__lmdb_waiters alone;   /* who are to make their changes alone */
  hf__lmdb_member *failed;  /* the member that has failed half way: the transaction is of no use */
  size_t count, succeeded, ids, bytes;
  unsigned failures;               /* that were half way */
  bool holds_lock;                 /* write_lock, after its commit */
  bool is_closed;                  /* who waits is left */
  bool knows_changed;              /* `changed` is in use, which a single member does not need */
  uint64_t changed[CHANGED_SLOTS]; /* hashes of the ids that were changed; 0: free.  Equal ones do no harm */
};

static hf__lmdb_member *member_of(hf__lmdb_waiter *w) { return (hf__lmdb_member *)w; }

/* ---- ids that were changed */

static uint64_t hash_of(const hf__lmdb_member *m, size_t i) {
  const hf_key *key = (const hf_key *)(const void *)((const char *)m->keys + i * m->stride);
  uint64_t hash = hf__lmdb_name_hash(key->order) ^ m->collection->name_hash * 0x9E3779B97F4A7C15U;
  return hash ? hash : 1;
}

static uint64_t *slot_of(struct group *g, uint64_t hash) {
  size_t at = hash % CHANGED_SLOTS;
  while (g->changed[at] && g->changed[at] != hash) at = (at + 1) % CHANGED_SLOTS;
  return &g->changed[at];
}

static void note_changed(struct group *g, const hf__lmdb_member *m) {
  for (size_t i = 0; i < m->count; i++) {
    uint64_t hash = hash_of(m, i);
    *slot_of(g, hash) = hash;
  }
}

static bool has_changed(struct group *g, const hf__lmdb_member *m) {
  if (!g->succeeded) return false;
  if (!g->knows_changed) {
    g->knows_changed = true;
    memset(g->changed, 0, sizeof g->changed);
    for (hf__lmdb_waiter *w = g->members.first; w; w = w->next)
      if (member_of(w)->status == HF_OK) note_changed(g, member_of(w));
  }
  for (size_t i = 0; i < m->count; i++)
    if (*slot_of(g, hash_of(m, i))) return true;
  return false;
}

/* ---- members */

static void carry_out(struct group *g, hf__lmdb_member *m) {
  bool refused = false;
  hf__lmdb_waiters_add(&g->members, &m->waiter);
  g->count++;
  g->ids += m->count;
  g->bytes += m->bytes;
  m->status = m->run(m, g->env, &g->t, &refused);
  if (m->status == HF_OK) {
    g->succeeded++;
    if (g->knows_changed) note_changed(g, m);
  } else if (!refused) {
    g->failed = m;
  }
}

static bool has_room(const struct group *g, const hf__lmdb_member *m) {
  const hf__lmdb_collection *c = m->collection;
  if (g->ids + m->count > GROUP_IDS || g->bytes + m->bytes > GROUP_BYTES) return false;
  return c->dbi || c->txn_dbi || g->env->dbis_open + g->t.opened_count < GROUP_DBIS;
}

/* Carries out who waits, and who comes meanwhile.  Those who cannot be of this group are left. */
static void gather(struct group *g) {
  g->is_closed |= g->failed != NULL;
  for (hf__lmdb_waiter *w, *next; (w = hf__lmdb_queue_take(&g->env->queue, &g->left, g->is_closed));)
    for (; w; w = next) {
      hf__lmdb_member *m = member_of(w);
      next = w->next;
      g->is_closed |= g->failed || !has_room(g, m);
      if (g->is_closed || (g->env->overdraft && !m->frees) || has_changed(g, m))
        hf__lmdb_waiters_add(&g->left, w);
      else
        carry_out(g, m);
    }
}

/* ---- the transaction */

static bool may_use_lent_room(const struct group *g) { return g->count == 1 && member_of(g->members.first)->frees; }

static hf_status begin(struct group *g, bool frees, hf_error *err) {
  hf_status status = hf__lmdb_write_begin(g->env, &g->t, frees, err);
  if (status) return status;
  hf__lmdb_waiters_init(&g->members);
  g->failed = NULL;
  g->count = g->succeeded = g->ids = g->bytes = 0;
  g->knows_changed = false;
  return HF_OK;
}

/* Carries out the members again, in a new transaction. */
static hf_status repeat(struct group *g, hf_error *err) {
  hf__lmdb_waiter *w = g->members.first, *next;
  hf_status status = begin(g, may_use_lent_room(g), err);
  if (status) return status;
  for (; w; w = next) {
    hf__lmdb_member *m = member_of(w);
    next = w->next;
    if (g->failed) { /* it is repeated once more */
      hf__lmdb_waiters_add(&g->members, w);
      g->count++;
    } else if (has_changed(g, m)) { /* by one that was refused the time before */
      hf__lmdb_waiters_add(&g->alone, w);
    } else {
      carry_out(g, m);
    }
  }
  return HF_OK;
}

/* Ends the transaction.  What has failed: the commit, or a member.  After a commit that has not, write_lock is held. */
static hf_status end(struct group *g, hf_error *err) {
  if (g->succeeded && !g->failed) {
    hf_status status = hf__lmdb_write_commit_locked(g->env, &g->t, err);
    g->holds_lock = status == HF_OK;
    if (status) pthread_mutex_unlock(&g->env->write_lock);
    return status;
  }
  hf__lmdb_write_abort(g->env, &g->t);
  return g->failed ? g->failed->status : HF_OK;
}

/* Gives the failure to each whose change was to be in the commit. */
static void fail_all(struct group *g, hf_status status, const hf_error *err) {
  for (hf__lmdb_waiter *w = g->members.first; w; w = w->next) {
    hf__lmdb_member *m = member_of(w);
    /* What was refused was so by what had been committed before; but a unique value may be of one in the group. */
    if (m->status && m->status != HF_DUPLICATE && m != g->failed) continue;
    m->status = status;
    *m->err = *err;
  }
}

/* Sets one member apart, to make its change alone, or with NULL all. */
static void set_apart(struct group *g, const hf__lmdb_member *which) {
  hf__lmdb_waiter *w = g->members.first, *next;
  hf__lmdb_waiters_init(&g->members);
  for (; w; w = next) {
    next = w->next;
    bool goes = !which || member_of(w) == which;
    hf__lmdb_waiters_add(goes ? &g->alone : &g->members, w);
    g->count -= goes;
  }
}

/* After a transaction that has failed with this status: carries out the group in another one, where that may help.
 * False: all members know what has become of them, or have been set apart. */
static bool again(struct group *g, hf_status status, hf_error *err) {
  bool is_single = g->count == 1, grows = status == HF_FULL && g->t.map_full, commit_failed = !grows && !g->failed;
  if (grows) {
    status = hf__lmdb_make_room(g->env, g->t.map_size, may_use_lent_room(g), err);
  } else if (g->failed) {
    if (is_single) return false;
    set_apart(g, g->failed);
    status = ++g->failures > FAILURES_MAX ? status : HF_OK;
  }
  if (status == HF_OK) status = repeat(g, err);
  if (status == HF_OK) return true;
  bool may_fit_alone = !commit_failed || status == HF_FULL; /* after which nothing has changed */
  if (is_single || !may_fit_alone)
    fail_all(g, status, err);
  else
    set_apart(g, NULL);
  return false;
}

/* Commits what was carried out, or says what has failed. */
static void finish(struct group *g) {
  hf_error err;
  hf_status status;
  do status = end(g, &err);
  while (status && again(g, status, &err));
}

/* ---- leading */

/* Tells everybody but the leader, before the next one may begin: so most of those that write on at once come in time
 * for that group (47 of 64 threads, and not 36, were in each).  Whether the leader is to make its own change alone. */
static bool tell(struct group *g, const hf__lmdb_member *own) {
  hf__lmdb_wake wake = {{0, 0}};
  bool is_apart = false;
  for (hf__lmdb_waiter *w = g->members.first, *next; w; w = next) {
    next = w->next;
    if (w != &own->waiter) hf__lmdb_queue_tell(w, HF__LMDB_DONE, &wake);
  }
  for (hf__lmdb_waiter *w = g->alone.first, *next; w; w = next) {
    next = w->next;
    if (w == &own->waiter)
      is_apart = true;
    else
      hf__lmdb_queue_tell(w, HF__LMDB_ALONE, &wake);
  }
  hf__lmdb_queue_wake(&g->env->queue, &wake);
  if (g->holds_lock) pthread_mutex_unlock(&g->env->write_lock);
  return is_apart;
}

/* Makes the change, with those of others who wait.  False: it is to be made alone. */
static bool lead(hf__lmdb_env *env, hf__lmdb_member *own, bool with_others) {
  struct group g;
  g.env = env;
  g.failures = 0;
  g.is_closed = g.holds_lock = false;
  hf__lmdb_waiters_init(&g.left);
  hf__lmdb_waiters_init(&g.alone);
  own->status = begin(&g, own->frees, own->err);
  if (own->status) {
    if (with_others) hf__lmdb_queue_take(&env->queue, &g.left, true);
    return true;
  }
  carry_out(&g, own);
  if (with_others) gather(&g);
  finish(&g);
  return !tell(&g, own);
}

static hf_status change_alone(hf__lmdb_env *env, hf__lmdb_member *m) {
  lead(env, m, false);
  return m->status;
}

hf_status hf__lmdb_change_shared(hf__lmdb_env *env, hf__lmdb_member *m) {
  bool is_small = m->count && m->count <= SHARED_IDS && m->bytes <= SHARED_BYTES;
  if (!is_small || !atomic_load_explicit(&env->flushes, memory_order_relaxed)) return change_alone(env, m);
  enum hf__lmdb_told told = hf__lmdb_queue_join(&env->queue, &m->waiter);
  if (told == HF__LMDB_DONE || (told == HF__LMDB_LEAD && lead(env, m, true))) return m->status;
  return change_alone(env, m);
}
