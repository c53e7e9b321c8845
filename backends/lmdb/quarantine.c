/* SPDX-License-Identifier: MIT
 *
 * Quarantine: see quarantine.h.
 */
#include "quarantine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIX = 9, KEY_MAX = 511 };

struct place {
  unsigned char bytes[KEY_MAX];
  size_t size;
};

static MDB_val make_place(struct place *p, char state, const struct lmdb_entity *entity, hf_slice order) {
  uint64_t hash = entity->name_hash;
  p->bytes[0] = (unsigned char)state;
  memcpy(p->bytes + 1, &hash, 8);
  if (order.size) memcpy(p->bytes + PREFIX, order.data, order.size);
  p->size = PREFIX + order.size;
  return (MDB_val){p->size, p->bytes};
}

/* Whether a value in quarantine is of this entity type: hashes may collide, names do not. */
static bool is_of(const MDB_val *value, const struct lmdb_entity *entity) {
  static const char head[] = "{\"entityName\":";
  hf_buffer expected = HF_BUFFER_INIT;
  bool ok = hf_buffer_add(&expected, head, sizeof head - 1) &&
            hf_buffer_quote(&expected, (hf_slice){entity->name, entity->name_size}) && value->mv_size > expected.size &&
            memcmp(value->mv_data, expected.data, expected.size) == 0;
  hf_buffer_free(&expected);
  return ok;
}

hf_status quarantine_check(struct lmdb_env *env, MDB_txn *txn, const struct lmdb_entity *entity, const hf_key *key,
                           hf_error *err) {
  struct place p;
  MDB_val k = make_place(&p, 'q', entity, key->order), v;
  int rc = mdb_get(txn, env->quarantine_dbi, &k, &v);
  if (rc == MDB_NOTFOUND || (rc == 0 && !is_of(&v, entity))) return HF_NOT_FOUND;
  if (rc) return env_fail(env, rc, "look into quarantine", err);
  static const char mark[] = "\"problem\":\"";
  const char *text = memmem(v.mv_data, v.mv_size, mark, sizeof mark - 1), *end = NULL;
  if (text) {
    text += sizeof mark - 1;
    end = memchr(text, '"', v.mv_size - (size_t)(text - (const char *)v.mv_data));
  }
  return hf_error_set(err, HF_CORRUPT, HF_IN_QUARANTINE " (%.*s); write or remove it to go on",
                      end ? (int)(end - text) : 0, end ? text : "");
}

/* Puts a value in front of what already has its place. */
static int put_before(MDB_txn *txn, MDB_dbi dbi, MDB_val *k, const void *data, size_t size) {
  MDB_val old, v;
  hf_buffer both = HF_BUFFER_INIT;
  int rc = mdb_get(txn, dbi, k, &old);
  if (rc && rc != MDB_NOTFOUND) return rc;
  bool ok = hf_buffer_add(&both, data, size);
  if (rc == 0) ok = ok && hf_buffer_add(&both, "\n", 1) && hf_buffer_add(&both, old.mv_data, old.mv_size);
  if (ok) {
    v = (MDB_val){both.size, both.data};
    rc = mdb_put(txn, dbi, k, &v, 0);
  } else {
    rc = ENOMEM;
  }
  hf_buffer_free(&both);
  return rc;
}

int quarantine_add(struct lmdb_env *env, MDB_txn *txn, const struct lmdb_entity *entity, MDB_dbi dbi, const hf_key *key,
                   const MDB_val *record, const char *problem) {
  struct place p;
  unsigned char sound[HF_ORDER_KEY_MAX]; /* where the id is looked for, even if the record stood elsewhere */
  hf_slice order = {(const char *)sound, hf_order_key(key->id, sound)};
  MDB_val k = make_place(&p, 'q', entity, order.size ? order : key->order);
  hf_buffer v = HF_BUFFER_INIT;
  bool ok = hf_buffer_printf(&v, "{\"entityName\":") &&
            hf_buffer_quote(&v, (hf_slice){entity->name, entity->name_size}) &&
            hf_buffer_printf(&v, ",\"entityId\":") && hf_buffer_quote(&v, key->id) &&
            hf_buffer_printf(&v, ",\"at\":%lld,\"problem\":", (long long)hf_now_ms()) &&
            hf_buffer_quote(&v, hf_text(problem)) && hf_buffer_printf(&v, "}\n") &&
            hf_buffer_add(&v, record->mv_data, record->mv_size);
  int rc = ok ? put_before(txn, env->quarantine_dbi, &k, v.data, v.size) : ENOMEM;
  hf_buffer_free(&v);
  MDB_val in_entity = {key->order.size, (void *)(uintptr_t)key->order.data};
  return rc ? rc : mdb_del(txn, dbi, &in_entity, NULL);
}

/* Moves one value from state 'q' to 'r'. */
static int settle_one(struct lmdb_env *env, MDB_txn *txn, MDB_val k, const MDB_val *v) {
  unsigned char settled[KEY_MAX];
  memcpy(settled, k.mv_data, k.mv_size);
  settled[0] = 'r';
  MDB_val to = {k.mv_size, settled};
  unsigned char from[KEY_MAX];
  memcpy(from, k.mv_data, k.mv_size);
  MDB_val old = {k.mv_size, from};
  char *copy = malloc(v->mv_size + 1); /* a write may move the page that v points into */
  if (!copy) return ENOMEM;
  memcpy(copy, v->mv_data, v->mv_size);
  int rc = put_before(txn, env->quarantine_dbi, &to, copy, v->mv_size);
  free(copy);
  return rc ? rc : mdb_del(txn, env->quarantine_dbi, &old, NULL);
}

bool quarantine_is_empty(struct lmdb_env *env, MDB_txn *txn) {
  MDB_stat stat;
  return mdb_stat(txn, env->quarantine_dbi, &stat) == 0 && stat.ms_entries == 0;
}

int quarantine_settle(struct lmdb_env *env, MDB_txn *txn, const struct lmdb_entity *entity, const hf_key *key,
                      size_t *settled) {
  int rc;
  *settled = 0;
  if (quarantine_is_empty(env, txn)) return 0;
  struct place p;
  MDB_val k, v;
  if (key) {
    k = make_place(&p, 'q', entity, key->order);
    rc = mdb_get(txn, env->quarantine_dbi, &k, &v);
    if (rc == 0 && is_of(&v, entity)) {
      rc = settle_one(env, txn, k, &v);
      *settled = rc == 0;
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
  }
  for (;;) { /* each settling changes the tree: look for the first one again */
    MDB_cursor *c;
    rc = mdb_cursor_open(txn, env->quarantine_dbi, &c);
    if (rc) return rc;
    k = make_place(&p, 'q', entity, (hf_slice){NULL, 0});
    rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
    while (rc == 0 && k.mv_size > PREFIX && memcmp(k.mv_data, p.bytes, PREFIX) == 0 && !is_of(&v, entity))
      rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
    bool found = rc == 0 && k.mv_size > PREFIX && memcmp(k.mv_data, p.bytes, PREFIX) == 0;
    mdb_cursor_close(c);
    if (!found) return rc == MDB_NOTFOUND ? 0 : rc;
    rc = settle_one(env, txn, k, &v);
    if (rc) return rc;
    ++*settled;
  }
}

int quarantine_count(struct lmdb_env *env, MDB_txn *txn, const struct lmdb_entity *entity, uint64_t *count) {
  MDB_cursor *c;
  struct place p;
  *count = 0;
  int rc = mdb_cursor_open(txn, env->quarantine_dbi, &c);
  if (rc) return rc;
  MDB_val k = {1, (void *)(uintptr_t) "q"}, v;
  if (entity) k = make_place(&p, 'q', entity, (hf_slice){NULL, 0});
  size_t prefix = k.mv_size;
  for (rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE); rc == 0; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
    if (k.mv_size < prefix || memcmp(k.mv_data, entity ? (const char *)p.bytes : "q", prefix) != 0) break;
    if (!entity || is_of(&v, entity)) ++*count;
  }
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}
