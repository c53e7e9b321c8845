/* SPDX-License-Identifier: MIT
 *
 * Quarantine: see quarantine.h.
 */
#include "quarantine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

enum { PREFIX = 9, KEY_MAX = 511, PROBLEM_MAX = 256 };

uint64_t hf__lmdb_name_hash(hf_slice name) {
  uint64_t hash = 14695981039346656037U; /* FNV-1a, 64 bits */
  for (size_t i = 0; i < name.size; i++) hash = (hash ^ (unsigned char)name.data[i]) * 1099511628211U;
  return hash;
}

struct place {
  unsigned char bytes[KEY_MAX];
  size_t size;
};

static MDB_val make_place(struct place *p, char state, const hf__lmdb_collection *collection, hf_slice order) {
  uint64_t hash = collection->name_hash;
  if (order.size > KEY_MAX - PREFIX) order.size = KEY_MAX - PREFIX; /* it is none, and what is left of it will do */
  p->bytes[0] = (unsigned char)state;
  memcpy(p->bytes + 1, &hash, 8);
  if (order.size) memcpy(p->bytes + PREFIX, order.data, order.size);
  p->size = PREFIX + order.size;
  return (MDB_val){p->size, p->bytes};
}

/* The line of JSON that a value begins with. */
static hf_slice report_of(const MDB_val *value) {
  const char *end = memchr(value->mv_data, '\n', value->mv_size);
  return (hf_slice){value->mv_data, end ? (size_t)(end - (const char *)value->mv_data) : value->mv_size};
}

/* Whether a value in quarantine is of this collection: hashes may collide, names do not.  Needs no memory: without any,
 * an id in quarantine must not look like one that is not there. */
static bool is_of(const MDB_val *value, const hf__lmdb_collection *collection) {
  static const char head[] = "{\"entityName\":";
  char name[HF_ID_MAX + 2];
  hf_slice report = report_of(value);
  if (report.size < sizeof head || memcmp(report.data, head, sizeof head - 1) != 0) return false;
  size_t size = hf_json_member(report, "entityName", name, sizeof name);
  return size == collection->name_size && memcmp(name, collection->name, size) == 0;
}

/* The bytes that came last: after the report, up to the report of what was there before.  That begins like this one,
 * with the names; nothing else tells where it is. */
static hf_slice newest_bytes(const MDB_val *value) {
  static const char after_names[] = ",\"at\":";
  hf_slice report = report_of(value);
  if (report.size == value->mv_size) return (hf_slice){report.data + report.size, 0};
  hf_slice bytes = {report.data + report.size + 1, value->mv_size - report.size - 1};
  const char *names_end = memmem(report.data, report.size, after_names, sizeof after_names - 1);
  if (!names_end) return bytes;
  /* With the line break before the report: the one that the value begins with has none, so it is looked for apart. */
  size_t names = (size_t)(names_end - report.data) + sizeof after_names - 1;
  for (const char *p = bytes.data, *end = bytes.data + bytes.size; (p = memchr(p, '\n', (size_t)(end - p))); p++)
    if ((size_t)(end - p) > names && memcmp(p + 1, report.data, names) == 0)
      return (hf_slice){bytes.data, (size_t)(p - bytes.data)};
  return bytes;
}

hf_status hf__lmdb_quarantine_check(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection,
                                    const hf_key *key, hf_error *err) {
  struct place p;
  MDB_val k = make_place(&p, 'q', collection, key->order), v;
  int rc = mdb_get(txn, env->quarantine_dbi, &k, &v);
  if (rc == MDB_NOTFOUND || (rc == 0 && !is_of(&v, collection))) return HF_NOT_FOUND;
  if (rc) return hf__lmdb_fail(env, rc, "look into quarantine", err);
  char problem[PROBLEM_MAX];
  hf_json_member(report_of(&v), "problem", problem, sizeof problem);
  return hf_error_quarantined(err, problem);
}

bool hf__lmdb_is_in_quarantine(hf_slice order, void *arg) {
  const hf__lmdb_looking *l = arg;
  const hf_key key = {{NULL, 0}, order};
  hf_error unused;
  return hf__lmdb_quarantine_check(l->env, l->txn, l->collection, &key, &unused) != HF_NOT_FOUND;
}

/* Puts a value in front of what already has its place.  Each change of the quarantine begins with it. */
static int put_before(hf__lmdb_env *env, MDB_txn *txn, MDB_val *k, const void *data, size_t size) {
  MDB_val old, v;
  hf_buffer both = HF_BUFFER_INIT;
  env->quarantine_empty.changed_in = mdb_txn_id(txn);
  int rc = mdb_get(txn, env->quarantine_dbi, k, &old);
  if (rc && rc != MDB_NOTFOUND) return rc;
  bool ok = hf_buffer_add(&both, data, size);
  if (rc == 0) ok = ok && hf_buffer_add(&both, "\n", 1) && hf_buffer_add(&both, old.mv_data, old.mv_size);
  if (ok) {
    v = (MDB_val){both.size, both.data};
    rc = mdb_put(txn, env->quarantine_dbi, k, &v, 0);
  } else {
    rc = ENOMEM;
  }
  hf_buffer_free(&both);
  return rc;
}

int hf__lmdb_quarantine_keep(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection, const hf_key *key,
                             hf_slice bytes, const char *problem) {
  struct place p;
  unsigned char sound[HF_ORDER_KEY_MAX]; /* where the id is looked for, even if the record stood elsewhere */
  hf_slice order = {(const char *)sound, hf_order_key(key->id, sound)};
  MDB_val k = make_place(&p, 'q', collection, order.size ? order : key->order);
  hf_buffer v = HF_BUFFER_INIT;
  bool ok = hf_buffer_printf(&v, "{\"entityName\":") &&
            hf_buffer_quote(&v, (hf_slice){collection->name, collection->name_size}) &&
            hf_buffer_printf(&v, ",\"entityId\":") && hf_buffer_quote(&v, key->id) &&
            hf_buffer_printf(&v, ",\"at\":%lld,\"problem\":", (long long)hf_now_ms()) &&
            hf_buffer_quote(&v, hf_text(problem)) && hf_buffer_printf(&v, "}\n") &&
            hf_buffer_add(&v, bytes.data, bytes.size);
  int rc = ok ? put_before(env, txn, &k, v.data, v.size) : ENOMEM;
  hf_buffer_free(&v);
  return rc;
}

int hf__lmdb_quarantine_put(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection, const hf_key *key,
                            hf_slice bytes, const char *problem) {
  struct place p;
  MDB_val k = make_place(&p, 'q', collection, key->order), v;
  int rc = mdb_get(txn, env->quarantine_dbi, &k, &v);
  if (rc && rc != MDB_NOTFOUND) return rc;
  hf_slice there = rc == 0 && is_of(&v, collection) ? newest_bytes(&v) : (hf_slice){NULL, 0};
  bool same = rc == 0 && there.size == bytes.size && (!bytes.size || memcmp(there.data, bytes.data, bytes.size) == 0);
  return same ? 0 : hf__lmdb_quarantine_keep(env, txn, collection, key, bytes, problem);
}

/* Moves one value from state 'q' to 'r'. */
static int settle_one(hf__lmdb_env *env, MDB_txn *txn, MDB_val k, const MDB_val *v) {
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
  int rc = put_before(env, txn, &to, copy, v->mv_size);
  free(copy);
  return rc ? rc : mdb_del(txn, env->quarantine_dbi, &old, NULL);
}

/* A transaction knows it of the commit that it goes on from, if that was this process's: otherwise LMDB has to find the
 * database by its name first.  One that changes the quarantine, and may undo that in part, looks each time. */
bool hf__lmdb_quarantine_is_empty(hf__lmdb_env *env, MDB_txn *txn) {
  MDB_stat stat;
  size_t id = mdb_txn_id(txn);
  bool is_same = env->quarantine_empty.changed_in != id;
  if (is_same && env->quarantine_empty.of == id - 1) {
    env->quarantine_empty.in = id;
    return true;
  }
  if (mdb_stat(txn, env->quarantine_dbi, &stat) || stat.ms_entries) return false;
  if (is_same) env->quarantine_empty.in = id;
  return true;
}

void hf__lmdb_quarantine_forget(hf__lmdb_env *env) { env->quarantine_empty.of = env->quarantine_empty.in = 0; }

void hf__lmdb_quarantine_committed(hf__lmdb_env *env, size_t commit) {
  bool was_empty = env->quarantine_empty.in == commit && env->quarantine_empty.changed_in != commit;
  env->quarantine_empty.of = was_empty ? commit : 0;
}

int hf__lmdb_quarantine_settle(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection,
                               const hf_key *key, size_t *settled) {
  int rc;
  *settled = 0;
  struct place p;
  MDB_val k, v;
  if (key) {
    k = make_place(&p, 'q', collection, key->order);
    rc = mdb_get(txn, env->quarantine_dbi, &k, &v);
    if (rc == 0 && is_of(&v, collection)) {
      rc = settle_one(env, txn, k, &v);
      *settled = rc == 0;
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
  }
  for (;;) { /* each settling changes the tree: look for the first one again */
    MDB_cursor *c;
    rc = mdb_cursor_open(txn, env->quarantine_dbi, &c);
    if (rc) return rc;
    k = make_place(&p, 'q', collection, (hf_slice){NULL, 0});
    rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
    while (rc == 0 && k.mv_size > PREFIX && memcmp(k.mv_data, p.bytes, PREFIX) == 0 && !is_of(&v, collection))
      rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
    bool found = rc == 0 && k.mv_size > PREFIX && memcmp(k.mv_data, p.bytes, PREFIX) == 0;
    mdb_cursor_close(c);
    if (!found) return rc == MDB_NOTFOUND ? 0 : rc;
    rc = settle_one(env, txn, k, &v);
    if (rc) return rc;
    ++*settled;
  }
}

int hf__lmdb_quarantine_each(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection,
                             int (*fn)(void *arg, hf_slice order), void *arg) {
  MDB_cursor *c;
  struct place p;
  MDB_val k = make_place(&p, 'q', collection, (hf_slice){NULL, 0}), v;
  int rc = mdb_cursor_open(txn, env->quarantine_dbi, &c);
  if (rc) return rc;
  for (rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE); rc == 0; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
    if (k.mv_size <= PREFIX || memcmp(k.mv_data, p.bytes, PREFIX) != 0) break;
    if (is_of(&v, collection) && (rc = fn(arg, (hf_slice){(const char *)k.mv_data + PREFIX, k.mv_size - PREFIX})))
      break;
  }
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int hf__lmdb_quarantine_count(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection, uint64_t *count) {
  MDB_cursor *c;
  struct place p;
  *count = 0;
  int rc = mdb_cursor_open(txn, env->quarantine_dbi, &c);
  if (rc) return rc;
  MDB_val k = {1, (void *)(uintptr_t) "q"}, v;
  if (collection) k = make_place(&p, 'q', collection, (hf_slice){NULL, 0});
  size_t prefix = k.mv_size;
  for (rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE); rc == 0; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
    if (k.mv_size < prefix || memcmp(k.mv_data, collection ? (const char *)p.bytes : "q", prefix) != 0) break;
    if (!collection || is_of(&v, collection)) ++*count;
  }
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* ---- listing */

/* The order key at which an entry stands in for its entity, and its id; what is left of it where the key was damaged.
 */
static hf_slice place_order(const MDB_val *k) {
  return (hf_slice){(const char *)k->mv_data + PREFIX, k->mv_size - PREFIX};
}

static hf_slice order_id(hf_slice order) {
  const char *cut = memchr(order.data, 0, order.size);
  hf_slice id = cut && cut + 1 < order.data + order.size
                    ? (hf_slice){cut + 1, order.size - (size_t)(cut + 1 - order.data)}
                    : order;
  if (id.size > HF_ID_MAX) id.size = HF_ID_MAX;
  return id;
}

/* Whether the order key is within the scan's bounds; *beyond: it lies after them, in the direction of the scan. */
static bool is_inside(const hf_scan *s, hf_slice order, bool *beyond) {
  int lower = s->lower.data ? hf__lmdb_compare_bytes(s->lower, order) : -1;
  int upper = s->upper.data ? hf__lmdb_compare_bytes(s->upper, order) : 1;
  bool above = lower < 0 || (lower == 0 && !s->lower_open), below = upper > 0 || (upper == 0 && !s->upper_open);
  *beyond = s->reverse ? !above : !below;
  return above && below;
}

/* Puts the cursor on the first entry of the collection, in the direction of the scan, that the bounds may allow. */
static int seek(MDB_cursor *c, const hf__lmdb_collection *collection, const hf_scan *s, MDB_val *k, MDB_val *v) {
  struct place p;
  hf_slice bound = s->reverse ? s->upper : s->lower;
  *k = make_place(&p, 'q', collection, bound.data ? bound : (hf_slice){NULL, 0});
  if (s->reverse && !bound.data) { /* the place after all of the type: all bytes of the hash may be 0xFF */
    size_t n = PREFIX;
    while (p.bytes[n - 1] == 0xFF) n--;
    p.bytes[n - 1]++;
    k->mv_size = n;
  }
  int rc = mdb_cursor_get(c, k, v, MDB_SET_RANGE);
  if (!s->reverse) return rc;
  if (rc == MDB_NOTFOUND) return mdb_cursor_get(c, k, v, MDB_LAST);
  bool exact = rc == 0 && bound.data && k->mv_size == p.size && memcmp(k->mv_data, p.bytes, p.size) == 0;
  return rc || exact ? rc : mdb_cursor_get(c, k, v, MDB_PREV);
}

static bool add_entry(const hf_scan *s, hf_slice order, const MDB_val *v, hf_page *page) {
  char problem[PROBLEM_MAX];
  hf_slice report = report_of(v), bytes = s->keys_only ? (hf_slice){NULL, 0} : newest_bytes(v);
  hf_slice why = {problem, hf_json_member(report, "problem", problem, sizeof problem)};
  hf_entry *e = hf_page_add_damaged(page, order_id(order), bytes, why);
  static const char at[] = ",\"at\":";
  const char *when = memmem(report.data, report.size, at, sizeof at - 1);
  if (e && when) e->info.updated_at = strtoll(when + sizeof at - 1, NULL, 10);
  return e && hf_page_resume(page, order);
}

int hf__lmdb_quarantine_list(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection, const hf_scan *s,
                             hf_page *page, bool *more) {
  struct place p;
  MDB_cursor *c;
  MDB_val k, v;
  size_t taken = 0, bytes = 0;
  make_place(&p, 'q', collection, (hf_slice){NULL, 0});
  int rc = mdb_cursor_open(txn, env->quarantine_dbi, &c);
  if (rc) return rc;
  for (rc = seek(c, collection, s, &k, &v); rc == 0; rc = mdb_cursor_get(c, &k, &v, s->reverse ? MDB_PREV : MDB_NEXT)) {
    bool beyond;
    if (k.mv_size <= PREFIX || memcmp(k.mv_data, p.bytes, PREFIX) != 0) break;
    hf_slice order = place_order(&k);
    bool inside = is_inside(s, order, &beyond);
    if (beyond) break;
    if (!inside || !is_of(&v, collection) || !hf_scan_matches(s, order_id(order))) continue;
    *more = taken == s->limit || (taken && bytes > s->max_bytes);
    if (*more) break;
    if (!add_entry(s, order, &v, page)) rc = ENOMEM;
    if (rc) break;
    bytes += v.mv_size;
    taken++;
  }
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* ---- without LMDB */

bool hf__lmdb_quarantine_read(hf_slice key, hf_slice value, hf__lmdb_kept *out) {
  uint64_t hash;
  MDB_val k = hf__lmdb_val(key), v = hf__lmdb_val(value);
  if (key.size <= PREFIX || key.data[0] != 'q' || !value.size) return false;
  memcpy(&hash, key.data + 1, sizeof hash);
  size_t size = hf_json_member(report_of(&v), "entityName", out->name, sizeof out->name);
  out->entity_name = (hf_slice){out->name, size};
  out->id = order_id(place_order(&k));
  out->bytes = newest_bytes(&v);
  return out->id.size && hash == hf__lmdb_name_hash(out->entity_name);
}

uint64_t hf__lmdb_quarantine_name(hf_slice key) {
  uint64_t hash = 0;
  if (key.size > PREFIX && (key.data[0] == 'q' || key.data[0] == 'r')) memcpy(&hash, key.data + 1, sizeof hash);
  return hash;
}
