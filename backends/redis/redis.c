/* SPDX-License-Identifier: MIT
 *
 * The backend for Redis: one key "{entityName}:{id}" for each entity, whose value is
 * its JSON text, as programs written after the guide of the framework that this project
 * implements keep them.  redis.h says where things are.
 * Two tables of slots: a cluster has no transactions and no whole batches, since its keys are on several machines.
 */
#include "redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REMOVED_AT_ONCE = 512 };

/* ---- stores */

static hf_status resolve(const hf_location *at, char identity[HF_IDENTITY_MAX], hf_error *err) {
  hf__redis_config c;
  hf_status status = hf__redis_config_parse(at, &c, err);
  hf__redis_config_free(&c);
  if (status) return status;
  int size = snprintf(identity, HF_IDENTITY_MAX, "%s:%s?%s", at->scheme, at->rest, at->query);
  if (size < HF_IDENTITY_MAX) return HF_OK;
  return hf_error_set(err, HF_INVALID_ARGUMENT, "store URL: longer than %d bytes", HF_IDENTITY_MAX - 1);
}

static void close_store(void *store) {
  hf__redis_store *s = store;
  hf__redis_topology_free(s);
  hf__redis_config_free(&s->config);
  hf_scan_cache_free(s->scans);
  pthread_mutex_destroy(&s->lock);
  pthread_mutex_destroy(&s->refreshing);
  free(s);
}

static hf_status open_store(const hf_location *at, void **store, hf_error *err) {
  hf__redis_store *s = calloc(1, sizeof *s);
  if (!s) return hf_error_no_memory(err);
  pthread_mutex_init(&s->lock, NULL);
  pthread_mutex_init(&s->refreshing, NULL);
  memset(s->slots, -1, sizeof s->slots);
  s->stale = true;
  s->scans = hf_scan_cache_new(hf__redis_open_scan_free);
  hf_status status = s->scans ? hf__redis_config_parse(at, &s->config, err) : hf_error_no_memory(err);
  if (status) {
    close_store(s);
    return status;
  }
  *store = s;
  return HF_OK;
}

/* ---- collections */

static void collection_close(void *store, void *collection) {
  hf__redis_collection *e = collection;
  hf_scan_cache_forget(((hf__redis_store *)store)->scans, e);
  hf__redis_collection_end(e);
  free(e);
}

static hf_status collection_open(void *store, hf_slice name, void **collection, hf_error *err) {
  hf__redis_collection *e = calloc(1, sizeof *e);
  if (!e || !hf__redis_collection_init(e, store, name)) {
    free(e);
    return hf_error_no_memory(err);
  }
  *collection = e;
  return HF_OK;
}

/* Connects, so that waitForInit says what is wrong. */
static hf_status collection_init(void *store, void *collection, hf_error *err) {
  (void)collection;
  hf__redis_store *s = store;
  hf__redis_batch b;
  if (s->config.mode == REDIS_CLUSTER) return hf__redis_topology_refresh(s, hf__redis_deadline(s), err);
  hf__redis_batch_init(&b, s, false);
  hf_status status = hf__redis_batch_add(&b, 0, (const hf_slice[]){hf_text("PING")}, 1)
                         ? hf__redis_batch_run(&b, hf__redis_deadline(s), err)
                         : hf_error_no_memory(err);
  if (status == HF_OK) status = hf__redis_batch_check(&b, err);
  hf__redis_batch_free(&b);
  return status;
}

/* ---- writing */

/* Whether each reply is of the type that the command has, or with may_be_nil nil; a status is OK. */
static hf_status expect(const hf__redis_batch *b, int type, bool may_be_nil, hf_error *err) {
  hf_status status = hf__redis_batch_check(b, err);
  for (size_t i = 0; i < b->count && status == HF_OK; i++) {
    const redisReply *reply = b->commands[i].reply;
    bool fits = reply->type == type && (type != REDIS_REPLY_STATUS || strcmp(reply->str, "OK") == 0);
    if (!fits && !(may_be_nil && reply->type == REDIS_REPLY_NIL)) status = hf__redis_strange(b->writes, err);
  }
  return status;
}

/* `type`: of the replies to come.  may_be_nil: or nil, which is for the caller. */
static hf_status run_writes(hf__redis_batch *b, bool ok, int type, bool may_be_nil, int64_t deadline, hf_error *err) {
  hf_status status = ok ? hf__redis_batch_run(b, deadline, err) : hf_error_no_memory(err);
  atomic_fetch_add(&b->store->writes, 1);
  if (status == HF_OK) status = b->whole ? hf__redis_check_all(b, err) : expect(b, type, may_be_nil, err);
  return status;
}

/* Makes changes that are logged: texts[i].data NULL: removed.  *changed: how many keys it has changed. */
static hf_status run_logged(hf__redis_store *s, const hf_slice *keys, const hf_slice *texts, const int64_t *expiries,
                            size_t count, bool if_absent, uint64_t *changed, hf_error *err) {
  hf__redis_batch b;
  hf__redis_batch_init(&b, s, true);
  bool ok = hf__redis_add_logged(&b, keys, texts, expiries, count, if_absent ? REDIS_IF_ABSENT : REDIS_IF_NOTHING,
                                 (hf_slice){"", 0});
  hf_status status = run_writes(&b, ok, REDIS_REPLY_INTEGER, false, hf__redis_deadline(s), err);
  long long n = status ? 0 : b.commands[0].reply->integer;
  if (n < 0 || (size_t)n > count) status = hf__redis_strange(true, err);
  *changed = (uint64_t)n;
  hf__redis_batch_free(&b);
  return status;
}

static hf_status put_many_logged(hf__redis_collection *e, const hf_put *puts, size_t count, hf_error *err) {
  hf_slice *keys = malloc(2 * count * sizeof *keys), *texts = keys ? keys + count : NULL;
  int64_t *expiries = malloc(count * sizeof *expiries);
  char *names = malloc(count * REDIS_KEY_MAX);
  uint64_t changed;
  bool ok = keys && names && expiries;
  for (size_t i = 0; i < count && ok; i++) {
    keys[i] = hf__redis_key(e, puts[i].key.id, names + i * REDIS_KEY_MAX);
    texts[i] = puts[i].json;
    expiries[i] = puts[i].expires_at;
  }
  hf_status status =
      ok ? run_logged(e->store, keys, texts, expiries, count, false, &changed, err) : hf_error_no_memory(err);
  free(keys);
  free(expiries);
  free(names);
  return status;
}

static hf_status remove_logged(hf__redis_collection *e, const hf_slice *ids, size_t count, uint64_t *removed,
                               hf_error *err) {
  char names[REMOVED_AT_ONCE][REDIS_KEY_MAX];
  hf_slice keys[REMOVED_AT_ONCE], texts[REMOVED_AT_ONCE] = {{NULL, 0}};
  int64_t expiries[REMOVED_AT_ONCE] = {0};
  hf_status status = HF_OK;
  for (size_t first = 0; first < count && status == HF_OK; first += REMOVED_AT_ONCE) {
    size_t n = count - first < REMOVED_AT_ONCE ? count - first : REMOVED_AT_ONCE;
    uint64_t gone = 0;
    for (size_t i = 0; i < n; i++) keys[i] = hf__redis_key(e, ids[first + i], names[i]);
    status = run_logged(e->store, keys, texts, expiries, n, false, &gone, err);
    *removed += gone;
    if (status && first) status = hf__redis_partly(err);
  }
  return status;
}

static hf_status put_many(void *store, void *txn, void *collection, const hf_put *puts, size_t count, hf_error *err) {
  hf__redis_store *s = store;
  char key[REDIS_KEY_MAX];
  hf_status status = HF_OK;
  if (txn) {
    for (size_t i = 0; i < count && status == HF_OK; i++)
      status =
          hf__redis_txn_put(txn, hf__redis_key(collection, puts[i].key.id, key), puts[i].json, puts[i].expires_at, err);
    return status;
  }
  bool is_logged;
  status = hf__redis_log_look(s, &is_logged, hf__redis_deadline(s), err);
  if (status) return status;
  if (is_logged) return put_many_logged(collection, puts, count, err);
  hf__redis_batch b;
  bool ok = true, expires = s->config.ttl_ms != 0;
  for (size_t i = 0; i < count && !expires; i++) expires = puts[i].expires_at != 0;
  hf__redis_batch_init(&b, s, true);
  if (s->config.mode == REDIS_CLUSTER || expires) {
    static const hf_slice multi = {"MULTI", 5}, exec = {"EXEC", 4};
    b.whole = s->config.mode != REDIS_CLUSTER;
    if (b.whole) ok = hf__redis_batch_add(&b, 0, &multi, 1) != NULL;
    for (size_t i = 0; i < count && ok; i++)
      ok = hf__redis_add_set(&b, hf__redis_key(collection, puts[i].key.id, key), puts[i].json, puts[i].expires_at,
                             false);
    if (b.whole && ok) ok = hf__redis_batch_add(&b, 0, &exec, 1) != NULL;
  } else { /* one command is whole by itself */
    ok = hf__redis_batch_open(&b, 0, 2 * count + 1) && hf__redis_batch_word(&b, hf_text("MSET"));
    for (size_t i = 0; i < count && ok; i++)
      ok = hf__redis_batch_word(&b, hf__redis_key(collection, puts[i].key.id, key)) &&
           hf__redis_batch_word(&b, puts[i].json);
  }
  status = run_writes(&b, ok, REDIS_REPLY_STATUS, false, hf__redis_deadline(s), err);
  hf__redis_batch_free(&b);
  return status;
}

/* Adds DEL for the ids: one command, or in a cluster one for each. */
static bool add_removals(hf__redis_batch *b, const hf__redis_collection *e, const hf_slice *ids, size_t count) {
  char key[REDIS_KEY_MAX];
  bool cluster = e->store->config.mode == REDIS_CLUSTER;
  bool ok = cluster || (hf__redis_batch_open(b, 0, count + 1) && hf__redis_batch_word(b, hf_text("DEL")));
  for (size_t i = 0; i < count && ok; i++) {
    hf_slice name = hf__redis_key(e, ids[i], key);
    if (cluster)
      ok = hf__redis_batch_add(b, hf__redis_slot(name), (const hf_slice[]){hf_text("DEL"), name}, 2) != NULL;
    else
      ok = hf__redis_batch_word(b, name);
  }
  return ok;
}

static hf_status remove_ids(hf__redis_collection *e, const hf_slice *ids, size_t count, uint64_t *removed,
                            int64_t deadline, hf_error *err) {
  bool is_logged;
  hf__redis_batch b;
  hf_status status = hf__redis_log_look(e->store, &is_logged, deadline, err);
  if (status) return status;
  if (is_logged) return remove_logged(e, ids, count, removed, err);
  hf__redis_batch_init(&b, e->store, true);
  status = run_writes(&b, add_removals(&b, e, ids, count), REDIS_REPLY_INTEGER, false, deadline, err);
  for (size_t i = 0; i < b.count && status == HF_OK; i++) {
    long long n = b.commands[i].reply->integer;
    if (n < 0 || (size_t)n > count) status = hf__redis_strange(true, err);
    if (status == HF_OK) *removed += (uint64_t)n;
  }
  hf__redis_batch_free(&b);
  return status;
}

/* ---- one entity */

/* In a transaction: HF_OK and the text, HF_NOT_FOUND or HF_CORRUPT.  The text is copied to *json unless that is NULL,
 * and *info is filled unless it is. */
static hf_status get_in(hf__redis_txn *txn, const hf__redis_collection *e, hf_slice id, hf_buffer *json, hf_info *info,
                        hf_error *err) {
  hf__redis_batch b;
  const redisReply *value = NULL;
  int64_t expires_at = 0;
  hf_slice text = {NULL, 0};
  hf__redis_batch_init(&b, e->store, false);
  hf_status status = hf__redis_txn_values(txn, e, &id, 1, &b, &value, &text, info ? &expires_at : NULL,
                                          hf__redis_deadline(e->store), err);
  if (status == HF_OK && !text.data) status = value ? hf__redis_value(e->store, value, &text, err) : HF_NOT_FOUND;
  if (status == HF_OK && info) *info = (hf_info){.revision = hf__redis_revision(text), .expires_at = expires_at};
  if (status == HF_OK && json) {
    json->size = 0;
    if (!hf_buffer_add(json, text.data, text.size)) status = hf_error_no_memory(err);
  }
  hf__redis_batch_free(&b);
  return status;
}

/* The reply to a command of one key. */
static hf_status ask(const hf__redis_collection *e, hf__redis_batch *b, const char *command, hf_slice id,
                     int64_t deadline, hf_error *err) {
  char key[REDIS_KEY_MAX];
  hf_slice name = hf__redis_key(e, id, key);
  int slot = e->store->config.mode == REDIS_CLUSTER ? hf__redis_slot(name) : 0;
  if (!hf__redis_batch_add(b, slot, (const hf_slice[]){hf_text(command), name}, 2)) return hf_error_no_memory(err);
  hf_status status = hf__redis_batch_run(b, deadline, err);
  return status ? status : hf__redis_batch_check(b, err);
}

/* The value, and when it expires. */
static hf_status get_with_info(hf__redis_collection *e, hf_slice id, hf_buffer *json, hf_info *info, hf_error *err) {
  hf_page *page = hf_page_new();
  if (!page) return hf_error_no_memory(err);
  size_t count;
  hf_key key = {.id = id};
  hf_status status = hf__redis_get_many(e->store, NULL, e, &key, 1, page, err);
  const hf_entry *entry = hf_page_entries(page, &count);
  if (status == HF_OK) status = entry->status;
  if (status == HF_OK) {
    *info = entry->info;
    json->size = 0;
    if (!hf_buffer_add(json, entry->json.data, entry->json.size)) status = hf_error_no_memory(err);
  }
  hf_page_free(page);
  return status;
}

static hf_status get(void *store, void *txn, void *collection, const hf_key *key, hf_buffer *json, hf_info *info,
                     hf_error *err) {
  if (info) *info = (hf_info){0};
  if (txn) return get_in(txn, collection, key->id, json, info, err);
  if (info && hf__redis_may_script(store)) return get_with_info(collection, key->id, json, info, err);
  hf__redis_batch b;
  hf_slice text = {NULL, 0};
  hf__redis_batch_init(&b, store, false);
  hf_status status = ask(collection, &b, "GET", key->id, hf__redis_deadline(store), err);
  if (status == HF_OK) status = hf__redis_value(store, b.commands[0].reply, &text, err);
  if (status == HF_OK) {
    json->size = 0;
    if (!hf_buffer_add(json, text.data, text.size)) status = hf_error_no_memory(err);
    if (info) info->revision = hf__redis_revision(text);
  }
  hf__redis_batch_free(&b);
  return status;
}

static hf_status has(void *store, void *txn, void *collection, const hf_key *key, hf_error *err) {
  if (txn) return get_in(txn, collection, key->id, NULL, NULL, err);
  hf__redis_batch b;
  hf__redis_batch_init(&b, store, false);
  hf_status status = ask(collection, &b, "EXISTS", key->id, hf__redis_deadline(store), err);
  if (status == HF_OK) status = expect(&b, REDIS_REPLY_INTEGER, false, err);
  if (status == HF_OK && b.commands[0].reply->integer == 0) status = HF_NOT_FOUND;
  hf__redis_batch_free(&b);
  return status;
}

#define IF_UNCHANGED "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "

/* Adds the script that writes, or removes, while the key still has this text, and answers 1 when it did. */
static bool add_conditional(hf__redis_batch *b, hf_slice key, hf_slice present, const hf_put *put, bool is_logged) {
  static const char write[] = IF_UNCHANGED "redis.call('SET', KEYS[1], unpack(ARGV, 2)) return 1";
  static const char removal[] = IF_UNCHANGED "redis.call('DEL', KEYS[1]) return 1";
  char number[24];
  hf_slice text = put ? put->json : (hf_slice){NULL, 0};
  int64_t expires_at = put ? put->expires_at : 0;
  if (is_logged) return hf__redis_add_logged(b, &key, &text, &expires_at, 1, REDIS_IF_SAME, present);
  hf_slice words[8] = {hf_text("EVAL"), hf_text(put ? write : removal), hf_text("1"), key, present};
  size_t count = 5;
  if (put) words[count++] = text;
  if (put) count += hf__redis_expiry_words(b->store, expires_at, number, words + count);
  return hf__redis_batch_add(b, hf__redis_slot(key), words, count) != NULL;
}

/* Writes, or with put NULL removes, if the present text of the key has the revision: it is read, and replaced only
 * while it is the same.  HF_NOT_FOUND; HF_CONFLICT as put has it. */
static hf_status change_at_revision(hf__redis_collection *e, hf_slice id, uint64_t revision, const hf_put *put,
                                    hf_info *info, hf_error *err) {
  char name[REDIS_KEY_MAX];
  bool is_logged;
  hf__redis_batch read, write;
  hf_slice present = {NULL, 0}, key = hf__redis_key(e, id, name);
  int64_t deadline = hf__redis_deadline(e->store);
  hf__redis_batch_init(&read, e->store, false);
  hf__redis_batch_init(&write, e->store, true);
  hf_status status = hf__redis_log_look(e->store, &is_logged, deadline, err);
  if (status == HF_OK) status = ask(e, &read, "GET", id, deadline, err);
  if (status == HF_OK) status = hf__redis_value(e->store, read.commands[0].reply, &present, err);
  info->revision = status == HF_OK ? hf__redis_revision(present) : 0;
  if (status == HF_OK && info->revision != revision) status = HF_CONFLICT;
  if (status == HF_OK) {
    bool ok = add_conditional(&write, key, present, put, is_logged);
    status = run_writes(&write, ok, REDIS_REPLY_INTEGER, false, deadline, err);
    if (status == HF_OK && write.commands[0].reply->integer != 1) {
      info->revision = HF_REVISION_UNKNOWN;
      status = HF_CONFLICT;
    }
  }
  hf__redis_batch_free(&read);
  hf__redis_batch_free(&write);
  return status;
}

static hf_status put_logged(hf__redis_collection *e, const hf_put *put, const hf_write_options *options, hf_info *info,
                            hf_error *err) {
  char name[REDIS_KEY_MAX];
  uint64_t changed;
  hf_slice key = hf__redis_key(e, put->key.id, name);
  hf_status status = run_logged(e->store, &key, &put->json, &put->expires_at, 1, options->if_absent, &changed, err);
  if (status || changed) return status;
  info->revision = HF_REVISION_UNKNOWN;
  return HF_CONFLICT;
}

static hf_status put_alone(hf__redis_collection *e, const hf_put *put, const hf_write_options *options, hf_info *info,
                           hf_error *err) {
  char key[REDIS_KEY_MAX];
  bool is_logged;
  hf__redis_batch b;
  hf_status status = hf__redis_log_look(e->store, &is_logged, hf__redis_deadline(e->store), err);
  if (status) return status;
  if (is_logged) return put_logged(e, put, options, info, err);
  hf__redis_batch_init(&b, e->store, true);
  bool ok = hf__redis_add_set(&b, hf__redis_key(e, put->key.id, key), put->json, put->expires_at, options->if_absent);
  status = run_writes(&b, ok, REDIS_REPLY_STATUS, options->if_absent, hf__redis_deadline(e->store), err);
  if (status == HF_OK && b.commands[0].reply->type == REDIS_REPLY_NIL) {
    info->revision = HF_REVISION_UNKNOWN;
    status = HF_CONFLICT;
  }
  hf__redis_batch_free(&b);
  return status;
}

static hf_status put_in(hf__redis_txn *txn, hf__redis_collection *e, const hf_put *put, const hf_write_options *options,
                        hf_info *info, hf_error *err) {
  char key[REDIS_KEY_MAX];
  if (options->if_absent || options->if_revision) {
    hf_status status = get_in(txn, e, put->key.id, NULL, info, err);
    if (status == HF_NOT_FOUND) info->revision = 0;
    if (status != HF_OK && status != HF_NOT_FOUND) return status;
    if (options->if_absent ? status == HF_OK : info->revision != options->revision || !info->revision)
      return HF_CONFLICT;
  }
  return hf__redis_txn_put(txn, hf__redis_key(e, put->key.id, key), put->json, put->expires_at, err);
}

static hf_status put(void *store, void *txn, void *collection, const hf_put *put, const hf_write_options *options,
                     hf_info *info, hf_error *err) {
  (void)store;
  hf_status status = txn ? put_in(txn, collection, put, options, info, err)
                     : options->if_revision
                         ? change_at_revision(collection, put->key.id, options->revision, put, info, err)
                         : put_alone(collection, put, options, info, err);
  if (status == HF_NOT_FOUND) status = HF_CONFLICT;
  if (status == HF_OK)
    *info =
        (hf_info){.revision = hf__redis_revision(put->json), .updated_at = hf_now_ms(), .expires_at = put->expires_at};
  return status;
}

static hf_status remove_one(void *store, void *txn, void *collection, const hf_key *key, hf_error *err) {
  char name[REDIS_KEY_MAX];
  uint64_t removed = 0;
  if (txn) {
    hf_status status = get_in(txn, collection, key->id, NULL, NULL, err);
    if (status != HF_OK && status != HF_CORRUPT) return status;
    return hf__redis_txn_remove(txn, hf__redis_key(collection, key->id, name), err);
  }
  hf_status status = remove_ids(collection, &key->id, 1, &removed, hf__redis_deadline(store), err);
  return status == HF_OK && !removed ? HF_NOT_FOUND : status;
}

static hf_status remove_if(void *store, void *txn, void *collection, const hf_key *key, uint64_t revision,
                           hf_info *info, hf_error *err) {
  char name[REDIS_KEY_MAX];
  (void)store;
  if (!txn) return change_at_revision(collection, key->id, revision, NULL, info, err);
  hf_status status = get_in(txn, collection, key->id, NULL, info, err);
  if (status == HF_OK && info->revision != revision) status = HF_CONFLICT;
  return status ? status : hf__redis_txn_remove(txn, hf__redis_key(collection, key->id, name), err);
}

/* Removes those of some ids that are there, as the transaction sees it. */
static hf_status remove_some_in(hf__redis_txn *txn, hf__redis_collection *e, const hf_slice *ids, size_t count,
                                uint64_t *removed, int64_t deadline, hf_error *err) {
  hf__redis_batch b;
  const redisReply *values[REMOVED_AT_ONCE] = {NULL};
  hf_slice texts[REMOVED_AT_ONCE] = {{NULL, 0}};
  char key[REDIS_KEY_MAX];
  hf__redis_batch_init(&b, e->store, false);
  hf_status status = hf__redis_txn_values(txn, e, ids, count, &b, values, texts, NULL, deadline, err);
  for (size_t i = 0; i < count && status == HF_OK; i++) {
    bool there = texts[i].data || (values[i] && values[i]->type != REDIS_REPLY_NIL);
    if (!there || hf__redis_txn_removed(txn, e, ids[i])) continue; /* or it is here twice */
    status = hf__redis_txn_remove(txn, hf__redis_key(e, ids[i], key), err);
    *removed += status == HF_OK;
  }
  hf__redis_batch_free(&b);
  return status;
}

static hf_status remove_many(void *store, void *txn, void *collection, const hf_key *keys, size_t count,
                             uint64_t *removed, hf_error *err) {
  hf_status status = HF_OK;
  *removed = 0;
  if (!count) return HF_OK;
  hf_slice *ids = malloc(count * sizeof *ids);
  if (!ids) return hf_error_no_memory(err);
  for (size_t i = 0; i < count; i++) ids[i] = keys[i].id;
  hf__redis_time time = hf__redis_time_begin(store);
  hf__redis_time_extend(&time, count);
  if (!txn) status = remove_ids(collection, ids, count, removed, hf__redis_deadline(store), err);
  for (size_t i = 0; txn && i < count && status == HF_OK; i += REMOVED_AT_ONCE) {
    size_t n = count - i < REMOVED_AT_ONCE ? count - i : REMOVED_AT_ONCE;
    status = remove_some_in(txn, collection, ids + i, n, removed, hf__redis_time_step(&time), err);
  }
  free(ids);
  return status;
}

/* ---- all of them */

static hf_status clear_in(hf__redis_txn *txn, hf__redis_collection *e, const hf_id_list *ids, hf_error *err) {
  hf_status status = HF_OK;
  char key[REDIS_KEY_MAX];
  for (size_t i = 0; i < hf_id_list_size(ids) && status == HF_OK; i++)
    status = hf__redis_txn_remove(txn, hf__redis_key(e, hf_id_list_id(ids, i), key), err);
  return status;
}

static hf_status clear_listed(hf__redis_collection *e, const hf_id_list *ids, const hf__redis_time *time,
                              hf_error *err) {
  hf_slice some[REMOVED_AT_ONCE];
  uint64_t removed = 0;
  size_t count = hf_id_list_size(ids);
  hf_status status = HF_OK;
  for (size_t i = 0, n = 0; i < count && status == HF_OK; i += n) {
    for (n = 0; n < REMOVED_AT_ONCE && i + n < count; n++) some[n] = hf_id_list_id(ids, i + n);
    if (hf__redis_time_is_over(time))
      status = hf_error_set(err, HF_TIMEOUT, "Redis: %llu of %zu entities were removed within the deadline",
                            (unsigned long long)removed, count);
    else
      status = remove_ids(e, some, n, &removed, hf__redis_time_step(time), err);
    if (status && i > 0) status = hf__redis_partly(err);
  }
  return status;
}

static hf_status clear(void *store, void *txn, void *collection, hf_error *err) {
  hf_id_list *ids;
  hf__redis_time time = hf__redis_time_begin(store);
  hf_status status = hf__redis_list(collection, txn, &time, &ids, err);
  if (status) return status;
  hf__redis_time_extend(&time, hf_id_list_size(ids));
  status = txn ? clear_in(txn, collection, ids, err) : clear_listed(collection, ids, &time, err);
  hf_id_list_free(ids);
  return status;
}

static hf_status count(void *store, void *txn, void *collection, uint64_t *n, hf_error *err) {
  hf__redis_time time = hf__redis_time_begin(store);
  return hf__redis_count_within(txn, collection, &time, n, err);
}

static hf_status entities(void *store, void *txn, hf_page *page, hf_error *err) {
  return hf__redis_list_names(store, txn, page, err);
}

/* ---- notes: entities of a name that none can have, since its escape is wrong */

static hf_status begin_note(hf__redis_store *s, hf__redis_collection *e, hf_error *err) {
  static const char prefix[] = "%holdfast:";
  if (!hf__redis_collection_init(e, s, hf_text("holdfast"))) return hf_error_no_memory(err);
  free((char *)(uintptr_t)e->prefix.data);
  e->prefix = (hf_slice){strdup(prefix), sizeof prefix - 1};
  if (e->prefix.data) return HF_OK;
  hf__redis_collection_end(e);
  return hf_error_no_memory(err);
}

static hf_status note_get(void *store, void *txn, hf_slice name, hf_buffer *text, hf_error *err) {
  hf__redis_collection e;
  const hf_key key = {.id = name};
  hf_status status = begin_note(store, &e, err);
  if (status) return status;
  status = get(store, txn, &e, &key, text, NULL, err);
  hf__redis_collection_end(&e);
  return status;
}

static hf_status note_put(void *store, void *txn, hf_slice name, hf_slice text, hf_error *err) {
  static const hf_write_options always = HF_WRITE_OPTIONS_INIT;
  hf__redis_collection e;
  hf_info unused;
  const hf_put what = {.key = {.id = name}, .json = text};
  hf_status status = begin_note(store, &e, err);
  if (status) return status;
  status = text.size ? put(store, txn, &e, &what, &always, &unused, err) : remove_one(store, txn, &e, &what.key, err);
  hf__redis_collection_end(&e);
  return status == HF_NOT_FOUND ? HF_OK : status;
}

/* ---- tables */

static const char *const parameters[] = {
    "timeout",  "connecttimeout", "retries",          "ttl", "db", "tls", "verify", "cafile",
    "certfile", "keyfile",        "sentinelpassword", NULL};

#define SLOTS                                                                                                          \
  .abi_version = HF_BACKEND_ABI, .parameters = parameters, .resolve = resolve, .open = open_store,                     \
  .close = close_store, .collection_open = collection_open, .collection_close = collection_close,                      \
  .collection_init = collection_init, .get = get, .has = has, .put = put, .remove = remove_one, .clear = clear,        \
  .count = count, .scan = hf__redis_scan, .get_many = hf__redis_get_many, .put_many = put_many,                        \
  .remove_many = remove_many, .entities = entities, .stat = hf__redis_stat, .remove_if = remove_if,                    \
  .note_get = note_get, .note_put = note_put

static const hf_backend cluster = {
    .name = "redis+cluster",
    .capabilities = HF_CAP_DURABLE | HF_CAP_REVISION | HF_CAP_IF_ABSENT | HF_CAP_REMOVE_IF | HF_CAP_TTL,
    SLOTS,
};

static const char *const schemes[] = {"rediss", "redis+unix", "redis+sentinel", NULL};

extern const hf_backend hf__backend_redis;
const hf_backend hf__backend_redis = {
    .name = "redis",
    .capabilities = HF_CAP_DURABLE | HF_CAP_TRANSACTION | HF_CAP_REVISION | HF_CAP_IF_ABSENT | HF_CAP_ATOMIC_BATCH |
                    HF_CAP_REMOVE_IF | HF_CAP_TTL | HF_CAP_SETTINGS | HF_CAP_CHANGES,
    SLOTS,
    .struct_size = sizeof(hf_backend),
    .settings = hf__redis_settings,
    .settings_get = hf__redis_settings_get,
    .settings_put = hf__redis_settings_put,
    .changes_read = hf__redis_changes_read,
    .changes_revision_at = hf__redis_changes_revision_at,
    .changes_purge = hf__redis_changes_purge,
    .begin = hf__redis_begin,
    .commit = hf__redis_commit,
    .abort = hf__redis_abort,
    .schemes = schemes,
    .next = &cluster,
};
