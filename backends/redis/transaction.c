/* SPDX-License-Identifier: MIT
 *
 * Transactions, as Redis has them.  Writes are kept here until the commit sends
 * them between MULTI and EXEC, so that they happen whole or not at all.  Whatever is read from the server is watched
 * from that moment: if another client changes it before the commit, nothing is written and the commit fails with
 * HF_CONFLICT. What cannot be watched is that something is added: a loop over all entities does not see what others add
 * meanwhile.
 *
 * A transaction has a connection for itself, since what is watched belongs to the connection.
 */
#include <stdlib.h>
#include <string.h>

#include "redis.h"

/* A key that the transaction has written or removed; in a hash table with open addressing. */
struct change {
  char *key; /* NULL: free */
  size_t key_size;
  char *json; /* NULL: removed */
  size_t json_size;
  int64_t expires_at; /* 0: as the store's time to live says */
  size_t turn;        /* of all that the transaction did */
};

struct hf__redis_txn {
  hf__redis_store *store;
  hf__redis_connection *connection;
  bool broken, watching;
  struct change *changes;
  size_t count, capacity; /* capacity is a power of two */
  size_t turns;
};

/* ---- changes */

static size_t place_of(const hf__redis_txn *t, hf_slice key) {
  uint64_t hash = 14695981039346656037u; /* FNV-1a */
  for (size_t i = 0; i < key.size; i++) hash = (hash ^ (unsigned char)key.data[i]) * 1099511628211u;
  size_t place = (size_t)(hash ^ hash >> 32) & (t->capacity - 1);
  for (;; place = (place + 1) & (t->capacity - 1)) {
    const struct change *c = &t->changes[place];
    if (!c->key || (c->key_size == key.size && memcmp(c->key, key.data, key.size) == 0)) return place;
  }
}

static const struct change *find(const hf__redis_txn *t, hf_slice key) {
  if (!t->count) return NULL;
  const struct change *c = &t->changes[place_of(t, key)];
  return c->key ? c : NULL;
}

/* Whether what it wrote is there no more. */
static bool is_gone(const struct change *c) { return !c->json || (c->expires_at && c->expires_at <= hf_now_ms()); }

static bool grow(hf__redis_txn *t) {
  hf__redis_txn larger = {.capacity = t->capacity ? 2 * t->capacity : 64};
  larger.changes = calloc(larger.capacity, sizeof *larger.changes);
  if (!larger.changes) return false;
  for (size_t i = 0; i < t->capacity; i++) {
    const struct change *c = &t->changes[i];
    if (c->key) larger.changes[place_of(&larger, (hf_slice){c->key, c->key_size})] = *c;
  }
  free(t->changes);
  t->changes = larger.changes;
  t->capacity = larger.capacity;
  return true;
}

/* json.data NULL: it is removed. */
static hf_status change(hf__redis_txn *t, hf_slice key, hf_slice json, int64_t expires_at, hf_error *err) {
  if (2 * (t->count + 1) > t->capacity && !grow(t)) return hf_error_no_memory(err);
  char *text = NULL;
  if (json.data && !(text = malloc(json.size + 1))) return hf_error_no_memory(err);
  if (text) memcpy(text, json.data, json.size);
  struct change *c = &t->changes[place_of(t, key)];
  if (!c->key) {
    if (!(c->key = malloc(key.size))) {
      free(text);
      return hf_error_no_memory(err);
    }
    memcpy(c->key, key.data, key.size);
    c->key_size = key.size;
    t->count++;
  }
  free(c->json);
  c->json = text;
  c->json_size = json.size;
  c->expires_at = expires_at;
  c->turn = t->turns++;
  return HF_OK;
}

hf_status hf__redis_txn_put(hf__redis_txn *t, hf_slice key, hf_slice json, int64_t expires_at, hf_error *err) {
  return change(t, key, json, expires_at, err);
}

hf_status hf__redis_txn_remove(hf__redis_txn *t, hf_slice key, hf_error *err) {
  return change(t, key, (hf_slice){NULL, 0}, 0, err);
}

bool hf__redis_txn_removed(const hf__redis_txn *t, const hf__redis_collection *e, hf_slice id) {
  char key[REDIS_KEY_MAX];
  const struct change *c = find(t, hf__redis_key(e, id, key));
  return c && is_gone(c);
}

bool hf__redis_txn_each(const hf__redis_txn *t, hf__redis_key_fn fn, void *arg) {
  for (size_t i = 0; i < t->capacity; i++) {
    const struct change *c = &t->changes[i];
    if (c->key && !is_gone(c) && !fn(arg, (hf_slice){c->key, c->key_size})) return false;
  }
  return true;
}

struct adding {
  hf_slice prefix;
  hf_id_list *ids;
};

static bool add_id(void *arg, hf_slice key) {
  const struct adding *a = arg;
  if (key.size <= a->prefix.size || memcmp(key.data, a->prefix.data, a->prefix.size) != 0) return true;
  return hf_id_list_add(a->ids, (hf_slice){key.data + a->prefix.size, key.size - a->prefix.size});
}

hf_status hf__redis_txn_add_ids(const hf__redis_txn *t, const hf__redis_collection *e, hf_id_list *ids, hf_error *err) {
  if (!t->count) return HF_OK;
  if (!hf__redis_txn_each(t, add_id, &(struct adding){e->prefix, ids})) return hf_error_no_memory(err);
  hf_id_list_sort(ids);
  return HF_OK;
}

/* ---- reading */

/* Sorts what the server has for those that were asked for into their places. */
static hf_status take_asked(const hf__redis_batch *b, const bool *asked, const redisReply **values, int64_t *expiries,
                            size_t count, size_t wanted, hf_error *err) {
  const redisReply **found = calloc(wanted, sizeof *found);
  int64_t *times = expiries ? calloc(wanted, sizeof *times) : NULL;
  hf_status status = HF_OK;
  if (!found || (expiries && !times))
    status = hf_error_no_memory(err);
  else
    status = hf__redis_take_read(b, b->commands[1].reply, found, times, wanted, err);
  for (size_t i = 0, n = 0; i < count && status == HF_OK; i++) {
    if (!asked[i]) continue;
    if (expiries) expiries[i] = times[n];
    values[i] = found[n++];
  }
  free(found);
  free(times);
  return status;
}

hf_status hf__redis_txn_values(hf__redis_txn *t, const hf__redis_collection *e, const hf_slice *ids, size_t count,
                               hf__redis_batch *b, const redisReply **values, hf_slice *texts, int64_t *expiries,
                               int64_t deadline, hf_error *err) {
  char key[REDIS_KEY_MAX];
  size_t wanted = 0;
  bool *asked = calloc(count, sizeof *asked), ok = asked != NULL, scripts = expiries && hf__redis_may_script(t->store);
  for (size_t i = 0; i < count && ok; i++) {
    const struct change *c = find(t, hf__redis_key(e, ids[i], key));
    bool own = c && !is_gone(c);
    if (own) texts[i] = (hf_slice){c->json, c->json_size};
    if (expiries) expiries[i] = own ? c->expires_at : 0;
    asked[i] = !c;
    wanted += !c;
  }
  for (int k = 0; k < 2 && ok && wanted; k++) {
    if (k)
      ok = hf__redis_add_read(b, 0, wanted, scripts);
    else
      ok = hf__redis_batch_open(b, 0, wanted + 1) && hf__redis_batch_word(b, hf_text("WATCH"));
    for (size_t i = 0; i < count && ok; i++)
      if (asked[i]) ok = hf__redis_batch_word(b, hf__redis_key(e, ids[i], key));
  }
  hf_status status = ok ? HF_OK : hf_error_no_memory(err);
  if (status == HF_OK && wanted) {
    status = hf__redis_batch_run_on(b, t->connection, deadline, err);
    t->broken |= status != HF_OK;
    t->watching = true;
    if (status == HF_OK) status = hf__redis_batch_check(b, err);
    if (status == HF_OK) status = take_asked(b, asked, values, scripts ? expiries : NULL, count, wanted, err);
  }
  free(asked);
  if (!status || !scripts || !hf__redis_refuses_scripts(t->store, b)) return status;
  hf__redis_batch_free(b);
  hf__redis_batch_init(b, t->store, false);
  return hf__redis_txn_values(t, e, ids, count, b, values, texts, expiries, deadline, err);
}

/* ---- beginning and ending */

hf_status hf__redis_begin(void *store, hf_txn_kind kind, void *parent, void **txn, hf_error *err) {
  (void)kind;
  (void)parent;
  hf__redis_store *s = store;
  hf__redis_txn *t = calloc(1, sizeof *t);
  if (!t) return hf_error_no_memory(err);
  t->store = s;
  hf_status status = hf__redis_connection_insist(s, &t->connection, hf__redis_deadline(s), err);
  if (status) {
    free(t);
    return status;
  }
  *txn = t;
  return HF_OK;
}

static void end(hf__redis_txn *t) {
  hf__redis_connection_give(t->store, 0, t->connection, t->broken);
  for (size_t i = 0; i < t->capacity; i++) {
    free(t->changes[i].key);
    free(t->changes[i].json);
  }
  free(t->changes);
  free(t);
}

/* Nothing is watched any more, or the connection is not used again. */
static void unwatch(hf__redis_txn *t) {
  hf__redis_batch b;
  hf_error err;
  if (t->broken || !t->watching) return;
  hf__redis_batch_init(&b, t->store, false);
  t->broken = !hf__redis_batch_add(&b, 0, (const hf_slice[]){hf_text("UNWATCH")}, 1) ||
              hf__redis_batch_run_on(&b, t->connection, hf__redis_deadline(t->store), &err);
  hf__redis_batch_free(&b);
}

static int by_turn(const void *a, const void *b) {
  const struct change *x = *(const struct change *const *)a, *y = *(const struct change *const *)b;
  return x->turn < y->turn ? -1 : x->turn > y->turn;
}

/* What was changed, in order; the caller frees the list.  NULL: out of memory. */
static const struct change **in_turn(const hf__redis_txn *t) {
  const struct change **list = malloc(t->count * sizeof *list);
  size_t n = 0;
  for (size_t i = 0; list && i < t->capacity; i++)
    if (t->changes[i].key) list[n++] = &t->changes[i];
  if (list) qsort(list, n, sizeof *list, by_turn);
  return list;
}

static bool add_changes(hf__redis_batch *b, const hf_slice *keys, const hf_slice *texts, const int64_t *expiries,
                        size_t count, bool is_logged) {
  static const hf_slice multi = {"MULTI", 5}, exec = {"EXEC", 4};
  if (!is_logged) return hf__redis_add_all(b, keys, texts, expiries, count);
  return hf__redis_batch_add(b, 0, &multi, 1) &&
         hf__redis_add_logged(b, keys, texts, expiries, count, REDIS_IF_NOTHING, (hf_slice){"", 0}) &&
         hf__redis_batch_add(b, 0, &exec, 1);
}

static hf_status send_changes(hf__redis_txn *t, hf_error *err) {
  bool is_logged;
  hf__redis_batch b;
  hf_status status = hf__redis_log_look(t->store, &is_logged, hf__redis_deadline(t->store), err);
  if (status) return status;
  hf_slice *keys = malloc(t->count * sizeof *keys), *texts = malloc(t->count * sizeof *texts);
  int64_t *expiries = malloc(t->count * sizeof *expiries);
  const struct change **list = in_turn(t);
  size_t n = 0;
  for (size_t i = 0; list && keys && texts && expiries && i < t->count; i++) {
    const struct change *c = list[i];
    keys[n] = (hf_slice){c->key, c->key_size};
    expiries[n] = c->expires_at;
    texts[n++] = (hf_slice){c->json, c->json_size};
  }
  hf__redis_batch_init(&b, t->store, true);
  b.whole = true;
  bool ok = list && keys && texts && expiries && add_changes(&b, keys, texts, expiries, n, is_logged);
  status = ok ? hf__redis_batch_run_on(&b, t->connection, hf__redis_deadline(t->store), err) : hf_error_no_memory(err);
  t->broken |= status != HF_OK;
  if (status && ok && t->connection->began) status = hf__redis_lost(err);
  if (status == HF_OK) {
    status = hf__redis_check_all(&b, err);
    t->watching = false;
    t->broken = status == HF_READONLY || status == HF_UNAVAILABLE; /* the master may be another one */
  }
  hf__redis_batch_free(&b);
  free(keys);
  free(texts);
  free(expiries);
  free(list);
  atomic_fetch_add(&t->store->writes, 1);
  return status;
}

hf_status hf__redis_commit(void *store, void *txn, hf_error *err) {
  (void)store;
  hf__redis_txn *t = txn;
  hf_status status = t->count ? send_changes(t, err) : HF_OK;
  unwatch(t);
  end(t);
  return status;
}

void hf__redis_abort(void *store, void *txn) {
  (void)store;
  unwatch(txn);
  end(txn);
}
