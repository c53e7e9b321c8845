/* SPDX-License-Identifier: MIT
 *
 * Which indexes a store has: see index_defs.h.
 */
#include "index_defs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "index_store.h"
#include "locks.h"
#include "meta.h"
#include "quarantine.h"

/* ---- records */

enum { HASH_DIGITS = 16, NUMBER_DIGITS = 8, NAME_SIZE = HASH_DIGITS + 1 + NUMBER_DIGITS };

static const char *const STATES[] = {
    [HF__LMDB_INDEX_NEW] = "{\"ready\":false,",
    [HF__LMDB_INDEX_AGAIN] = "{\"ready\":false,\"again\":true,",
    [HF__LMDB_INDEX_READY] = "{\"ready\":true,",
};
static const char DEFINITION[] = ",\"definition\":";

/* What follows META_INDEX in a key: the hash of the entity name, and the number. */
static hf_slice make_name(char out[NAME_SIZE + 1], const hf__lmdb_collection *c, uint32_t number) {
  snprintf(out, NAME_SIZE + 1, "%0*llx:%0*x", HASH_DIGITS, (unsigned long long)c->name_hash, NUMBER_DIGITS, number);
  return (hf_slice){out, NAME_SIZE};
}

/* The hash of the entity name in a key.  False: the key is damaged. */
static bool read_hash(hf_slice name, uint64_t *hash) {
  char digits[HASH_DIGITS + 1] = "", *end;
  if (name.size != NAME_SIZE || name.data[HASH_DIGITS] != ':') return false;
  memcpy(digits, name.data, HASH_DIGITS);
  *hash = strtoull(digits, &end, 16);
  return !*end;
}

struct listing {
  const hf__lmdb_collection *collection;
  int (*fn)(const hf__lmdb_definition *d, void *arg);
  void *arg;
};

static bool begins_with(hf_slice value, const char *text) {
  size_t n = strlen(text);
  return value.size > n && memcmp(value.data, text, n) == 0;
}

/* The state that a record tells of; what no version has written is not ready. */
static hf__lmdb_index_state state_of(hf_slice value) {
  if (begins_with(value, STATES[HF__LMDB_INDEX_READY])) return HF__LMDB_INDEX_READY;
  return begins_with(value, STATES[HF__LMDB_INDEX_AGAIN]) ? HF__LMDB_INDEX_AGAIN : HF__LMDB_INDEX_NEW;
}

/* Reads a record.  False: it is damaged. */
static bool read_record(hf_slice name, hf_slice value, char entity[HF_ID_MAX + 1], hf__lmdb_definition *out) {
  char digits[NUMBER_DIGITS + 1] = "", *end;
  if (name.size < NUMBER_DIGITS) return false;
  memcpy(digits, name.data + name.size - NUMBER_DIGITS, NUMBER_DIGITS);
  out->number = (uint32_t)strtoul(digits, &end, 16);
  out->state = state_of(value);
  out->entity_name = (hf_slice){entity, hf_json_member(value, "entityName", entity, HF_ID_MAX + 1)};
  const char *at = memmem(value.data, value.size, DEFINITION, sizeof DEFINITION - 1); /* in a text its quotes differ */
  if (!at || *end) return false;
  at += sizeof DEFINITION - 1;
  out->definition = (hf_slice){at, (size_t)(value.data + value.size - at) - 1};
  return out->definition.size > 0;
}

/* A damaged definition is that of a collection if either its key or its name says so. */
static int hand_out(hf__lmdb_env *env, MDB_txn *txn, hf_slice name, hf_slice value, void *arg) {
  const struct listing *l = arg;
  const hf__lmdb_collection *c = l->collection;
  char entity[HF_ID_MAX + 1];
  hf__lmdb_definition d = {.number = 0};
  uint64_t hash = 0;
  (void)env;
  (void)txn;
  bool has_hash = read_hash(name, &hash);
  bool is_sound = read_record(name, value, entity, &d) && has_hash && hash == hf__lmdb_name_hash(d.entity_name);
  if (c) {
    bool is_named = d.entity_name.size == c->name_size && memcmp(entity, c->name, c->name_size) == 0;
    bool is_under = has_hash && hash == c->name_hash;
    if (!is_named && (is_sound || !is_under)) return 0;
  }
  return is_sound ? l->fn(&d, l->arg) : MDB_CORRUPTED;
}

int hf__lmdb_index_each(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *c,
                        int (*fn)(const hf__lmdb_definition *d, void *arg), void *arg) {
  struct listing l = {c, fn, arg};
  return hf__lmdb_meta_each(env, txn, META_INDEX, hand_out, &l);
}

int hf__lmdb_index_define(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *c, uint32_t number,
                          hf_slice definition, hf__lmdb_index_state state) {
  char name[NAME_SIZE + 1];
  hf_buffer record = HF_BUFFER_INIT;
  bool unused;
  bool ok = hf_buffer_printf(&record, "%s\"entityName\":", STATES[state]) &&
            hf_buffer_quote(&record, (hf_slice){c->name, c->name_size}) &&
            hf_buffer_printf(&record, "%s", DEFINITION) && hf_buffer_add(&record, definition.data, definition.size) &&
            hf_buffer_add(&record, "}", 1);
  int rc = ok ? hf__lmdb_meta_put(env, txn, META_INDEX, make_name(name, c, number),
                                  (hf_slice){record.data, record.size}, &unused)
              : ENOMEM;
  hf_buffer_free(&record);
  return rc;
}

int hf__lmdb_index_forget(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *c, uint32_t number) {
  char name[NAME_SIZE + 1];
  bool unused;
  return hf__lmdb_meta_put(env, txn, META_INDEX, make_name(name, c, number), (hf_slice){NULL, 0}, &unused);
}

/* ---- numbers */

/* A number that was given out; one beyond those that can be is damaged, and of no index. */
static void note_number(uint32_t *last, uint64_t number) {
  if (number < ENTRY_NUMBER_MAX && number > *last) *last = (uint32_t)number;
}

static int note_defined(hf__lmdb_env *env, MDB_txn *txn, hf_slice name, hf_slice value, void *arg) {
  hf__lmdb_definition d = {.number = 0};
  char entity[HF_ID_MAX + 1];
  (void)env;
  (void)txn;
  (void)read_record(name, value, entity, &d); /* a damaged one has its number, too */
  note_number(arg, d.number);
  return 0;
}

/* Those of which there are entries. */
static int note_entries(MDB_txn *txn, uint32_t *last) {
  MDB_dbi dbi;
  uint32_t number = 0;
  int rc = mdb_dbi_open(txn, INDEX_DB, 0, &dbi);
  while (rc == 0 && (rc = hf__lmdb_entries_number(txn, dbi, number, &number)) == 0) {
    note_number(last, hf__lmdb_not_held(number));
    if (number++ == UINT32_MAX) return 0;
  }
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int hf__lmdb_index_number(hf__lmdb_env *env, MDB_txn *txn, uint32_t *number) {
  hf_slice counter;
  char text[24] = "0";
  uint32_t last = 0;
  bool unused;
  int rc = hf__lmdb_meta_get(env, txn, META_INDEX_LAST, &counter);
  if (rc) return rc;
  if (counter.size && counter.size < sizeof text) { /* the value has no 0 after it */
    memcpy(text, counter.data, counter.size);
    text[counter.size] = '\0';
  }
  note_number(&last, strtoull(text, NULL, 10));
  rc = hf__lmdb_meta_each(env, txn, META_INDEX, note_defined, &last); /* the counter may be damaged */
  if (rc == 0) rc = note_entries(txn, &last);
  if (rc) return rc;
  *number = last + 1;
  int n = snprintf(text, sizeof text, "%u", *number);
  return hf__lmdb_meta_put(env, txn, META_INDEX_LAST, (hf_slice){NULL, 0}, (hf_slice){text, (size_t)n}, &unused);
}

/* ---- sets */

struct reading {
  hf_index_set *set;
  hf_status status;
  hf_error *err;
};

static int add(const hf__lmdb_definition *d, void *arg) {
  struct reading *r = arg;
  if (!r->set && !(r->set = hf_index_set_new())) r->status = hf_error_no_memory(r->err);
  if (r->status == HF_OK)
    r->status = hf_index_set_add(r->set, d->definition, d->number, d->state == HF__LMDB_INDEX_READY, r->err);
  return r->status ? EINVAL : 0;
}

hf_status hf__lmdb_index_read(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *c, hf_index_set **set,
                              hf_error *err) {
  struct reading r = {.err = err};
  int rc = hf__lmdb_index_each(env, txn, c, add, &r);
  if (rc || r.status) hf_index_set_free(r.set);
  *set = rc || r.status ? NULL : r.set;
  if (r.status == HF_INVALID_ARGUMENT || rc == MDB_CORRUPTED)
    return hf_error_set(err, HF_CORRUPT,
                        "%s: the definition of an index of %s is damaged, and what is written there could not be kept "
                        "in it: holdfast rescue takes everything else over into a new store",
                        env->path, c->name);
  if (r.status) return r.status;
  return rc ? hf__lmdb_fail(env, rc, "read the definitions of indexes", err) : HF_OK;
}

hf_status hf__lmdb_index_kept(hf__lmdb_env *env, MDB_txn *txn, hf__lmdb_collection *c, const hf_index_set **set,
                              hf_error *err) {
  *set = NULL;
  if (!env->known.has_indexes) return HF_OK;
  if (c->kept_of != env->known.version) {
    hf_index_set *fresh;
    hf_status status = hf__lmdb_index_read(env, txn, c, &fresh, err);
    if (status) return status;
    hf_index_set_free(c->kept);
    c->kept = fresh;
    c->kept_of = env->known.version;
  }
  *set = c->kept;
  return HF_OK;
}

/* Takes a share in the set that other readers know, if one was at this commit: what that has does not change. */
static bool take_again(hf__lmdb_env *env, hf__lmdb_collection *c, uint64_t commit, hf_index_set **set) {
  hf__lmdb_lock_briefly(&env->known.lock);
  bool found = c->seen && c->seen_of == env->known.version && c->seen_at == commit;
  if (found) *set = hf_index_set_share(c->seen);
  pthread_mutex_unlock(&env->known.lock);
  return found;
}

/* The same if that is what the mark of this commit tells of. */
static bool take_known(hf__lmdb_env *env, hf__lmdb_collection *c, const hf__lmdb_mark *mark, hf_index_set **set,
                       uint64_t *version) {
  hf__lmdb_lock_briefly(&env->known.lock);
  bool is_known = env->known.changed == mark->changed;
  bool found = is_known && (!env->known.has_indexes || c->seen_of == env->known.version);
  if (found && env->known.has_indexes) {
    *set = hf_index_set_share(c->seen);
    c->seen_at = mark->commit;
  }
  *version = is_known ? env->known.version : 0;
  pthread_mutex_unlock(&env->known.lock);
  return found;
}

static void keep_known(hf__lmdb_env *env, hf__lmdb_collection *c, hf_index_set *set, uint64_t version) {
  hf_index_set *old = NULL;
  hf__lmdb_lock_briefly(&env->known.lock);
  if (version && version == env->known.version && c->seen_of != version) {
    old = c->seen;
    c->seen = hf_index_set_share(set);
    c->seen_of = version;
    c->seen_at = 0;
  }
  pthread_mutex_unlock(&env->known.lock);
  hf_index_set_free(old);
}

hf_status hf__lmdb_index_seen(hf__lmdb_env *env, MDB_txn *txn, hf__lmdb_collection *c, hf_index_set **set,
                              hf_error *err) {
  hf__lmdb_mark mark;
  uint64_t version;
  *set = NULL;
  if (!atomic_load_explicit(&env->known.may_have_indexes, memory_order_relaxed)) return HF_OK;
  if (take_again(env, c, mdb_txn_id(txn), set)) return HF_OK;
  int rc = hf__lmdb_mark_get(env, txn, &mark);
  if (rc) return hf__lmdb_fail(env, rc, "read", err);
  if (mark.commit != mdb_txn_id(txn) || take_known(env, c, &mark, set, &version)) return HF_OK;
  hf_status status = hf__lmdb_index_read(env, txn, c, set, err);
  if (status == HF_OK) keep_known(env, c, *set, version);
  return status;
}
