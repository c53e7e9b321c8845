/* SPDX-License-Identifier: MIT
 *
 * Reading the log of changes: see redis.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis.h"

enum { ENTRIES_MAX = 500, FIELDS = 6 };

/* An entry of the stream, as a reply has it. */
struct entry {
  uint64_t revision, place;
  int64_t at;
  hf_change_kind what;
  hf_slice key;
};

static bool parse_id(const char *text, uint64_t *revision, uint64_t *place) {
  char *end;
  *revision = strtoull(text, &end, 10);
  if (end == text || *end != '-') return false;
  *place = strtoull(end + 1, &end, 10);
  return !*end;
}

static bool is_text(const redisReply *reply, const char *text) {
  return reply->type == REDIS_REPLY_STRING && strcmp(reply->str, text) == 0;
}

/* [id, ["at", T, "what", W, "key", K]] */
static bool parse_entry(const redisReply *reply, struct entry *out) {
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[0]->type != REDIS_REPLY_STRING ||
      reply->element[1]->type != REDIS_REPLY_ARRAY || reply->element[1]->elements != FIELDS)
    return false;
  redisReply *const *field = reply->element[1]->element;
  for (size_t i = 0; i < FIELDS; i++)
    if (field[i]->type != REDIS_REPLY_STRING) return false;
  if (!is_text(field[0], "at") || !is_text(field[2], "what") || !is_text(field[4], "key")) return false;
  *out = (struct entry){.at = strtoll(field[1]->str, NULL, 10), .key = {field[5]->str, field[5]->len}};
  for (out->what = 0; out->what < HF_CHANGE_KINDS; out->what++)
    if (is_text(field[3], hf_change_name(out->what))) break;
  return out->what < HF_CHANGE_KINDS && parse_id(reply->element[0]->str, &out->revision, &out->place);
}

static hf_status strange(hf_error *err) {
  return hf_error_set(err, HF_CORRUPT,
                      "the log of changes in the stream %s has something else: turn it off and on again (changes=off, "
                      "changes=7d)",
                      REDIS_CHANGES);
}

static uint64_t number_of(const redisReply *reply, uint64_t otherwise) {
  return reply->type == REDIS_REPLY_STRING ? strtoull(reply->str, NULL, 10) : otherwise;
}

/* Reads how far the log reaches, and entries from an id on, all of one moment.  The entries belong to the batch. */
static hf_status read_entries(hf__redis_batch *b, const char *id, size_t count, hf_changes_reach *reach,
                              const redisReply **entries, hf_error *err) {
  static const char script[] = "return {redis.call('HMGET', KEYS[1], 'kept', 'from', 'revision'), "
                               "redis.call('XRANGE', KEYS[2], ARGV[1], '+', 'COUNT', ARGV[2])}";
  char number[24];
  snprintf(number, sizeof number, "%zu", count);
  *reach = (hf_changes_reach){.from = UINT64_MAX, .history_from = UINT64_MAX};
  const hf_slice words[] = {hf_text("EVAL"),        hf_text(script), hf_text("2"),   hf_text(REDIS_LOG),
                            hf_text(REDIS_CHANGES), hf_text(id),     hf_text(number)};
  hf_status status = hf__redis_batch_add(b, 0, words, 7) ? hf__redis_batch_run(b, hf__redis_deadline(b->store), err)
                                                         : hf_error_no_memory(err);
  if (status == HF_OK) status = hf__redis_batch_check(b, err);
  if (status) return status;
  const redisReply *r = b->commands[0].reply;
  if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 || r->element[0]->type != REDIS_REPLY_ARRAY ||
      r->element[0]->elements != 3 || r->element[1]->type != REDIS_REPLY_ARRAY)
    return hf__redis_strange(false, err);
  redisReply *const *head = r->element[0]->element;
  bool is_on = head[0]->type == REDIS_REPLY_STRING && head[1]->type == REDIS_REPLY_STRING;
  if (is_on) reach->from = number_of(head[1], UINT64_MAX);
  reach->newest = number_of(head[2], 0);
  *entries = r->element[1];
  return HF_OK;
}

/* ---- which are wanted, and their values */

/* What is known of the entries that were read. */
struct found {
  struct entry entries[ENTRIES_MAX];
  bool wanted[ENTRIES_MAX];
  char names[ENTRIES_MAX][REDIS_KEY_MAX];
  size_t count;
  hf__redis_batch batch; /* owns the values */
  const redisReply *values[ENTRIES_MAX];
  int64_t expiries[ENTRIES_MAX];
};

static hf_slice id_of(const struct entry *e) {
  const char *colon = memchr(e->key.data, ':', e->key.size);
  size_t at = (size_t)(colon + 1 - e->key.data);
  return (hf_slice){e->key.data + at, e->key.size - at};
}

static bool is_same(hf_slice a, hf_slice b) { return a.size == b.size && memcmp(a.data, b.data, a.size) == 0; }

static bool begins(hf_slice text, hf_slice prefix) {
  return text.size >= prefix.size && (!prefix.size || memcmp(text.data, prefix.data, prefix.size) == 0);
}

static bool is_wanted(const hf_changes_scan *scan, const struct entry *e, char name[REDIS_KEY_MAX]) {
  if (!hf__redis_key_name(e->key, name)) return false;
  if (scan->entity_name.data && !is_same(scan->entity_name, hf_text(name))) return false;
  return begins(id_of(e), scan->id_prefix);
}

/* Reads the present values of what was written and is wanted. */
static hf_status read_values(struct found *f, hf_error *err) {
  size_t n = 0;
  bool ok;
  const redisReply *values[ENTRIES_MAX];
  int64_t expiries[ENTRIES_MAX];
  for (size_t i = 0; i < f->count; i++) n += f->wanted[i] && f->entries[i].what == HF_CHANGE_WRITE;
  if (!n) return HF_OK;
  ok = hf__redis_add_read(&f->batch, 0, n, true);
  for (size_t i = 0; i < f->count && ok; i++)
    if (f->wanted[i] && f->entries[i].what == HF_CHANGE_WRITE) ok = hf__redis_batch_word(&f->batch, f->entries[i].key);
  hf_status status = ok ? hf__redis_batch_run(&f->batch, hf__redis_deadline(f->batch.store), err) : HF_NO_MEMORY;
  if (!ok) return hf_error_no_memory(err);
  if (status == HF_OK) status = hf__redis_take_read(&f->batch, f->batch.commands[0].reply, values, expiries, n, err);
  for (size_t i = 0, k = 0; i < f->count && status == HF_OK; i++) {
    if (!f->wanted[i] || f->entries[i].what != HF_CHANGE_WRITE) continue;
    f->values[i] = values[k];
    f->expiries[i] = expiries[k++];
  }
  return status;
}

static hf_change change_of(const struct found *f, size_t i) {
  const struct entry *e = &f->entries[i];
  hf_change c = {.revision = e->revision, .at = e->at, .what = e->what, .entity_name = hf_text(f->names[i])};
  c.id = id_of(e);
  c.is_current = e->what == HF_CHANGE_WRITE;
  c.is_last = i + 1 == f->count || f->entries[i + 1].revision != e->revision;
  if (f->values[i] && f->values[i]->type == REDIS_REPLY_STRING) {
    c.json = (hf_slice){f->values[i]->str, f->values[i]->len};
    c.expires_at = f->expiries[i];
  }
  return c;
}

/* Hands out what was read. */
static void hand_out(const struct found *f, bool is_all, hf_change_fn fn, void *arg, hf_changes_reach *reach) {
  for (size_t i = 0; i < f->count; i++) {
    const struct entry *e = &f->entries[i];
    hf_change c;
    if (f->wanted[i]) c = change_of(f, i);
    if (f->wanted[i] && !fn(arg, &c)) {
      reach->next = e->revision;
      reach->skip = e->place;
      return;
    }
    reach->next = e->revision;
    reach->skip = e->place + 1;
  }
  if (!is_all) return;
  reach->next = reach->newest + 1;
  reach->skip = 0;
}

/* Whether the log has what is asked for. */
static hf_status check_reach(uint64_t from, const hf_changes_reach *reach, hf_error *err) {
  if (reach->from == UINT64_MAX || from < reach->from) return hf_error_compacted(err, from, reach);
  if (from <= reach->newest + 1) return HF_OK;
  hf_error_set(err, HF_COMPACTED,
               "the newest revision is %llu, and changes up to %llu were seen: the server has lost commits, as at the "
               "failover to a replica that had not all of them: begin again",
               (unsigned long long)reach->newest, (unsigned long long)from - 1);
  err->revision = reach->newest + 1;
  return HF_COMPACTED;
}

hf_status hf__redis_changes_read(void *store, const hf_changes_scan *scan, hf_change_fn fn, void *arg,
                                 hf_changes_reach *reach, hf_error *err) {
  char id[64];
  hf__redis_batch b;
  const redisReply *entries = NULL;
  struct found *f = calloc(1, sizeof *f);
  if (!f) return hf_error_no_memory(err);
  hf__redis_batch_init(&b, store, false);
  hf__redis_batch_init(&f->batch, store, false);
  snprintf(id, sizeof id, "%llu-%llu", (unsigned long long)scan->from, (unsigned long long)scan->skip);
  hf_status status = read_entries(&b, id, ENTRIES_MAX, reach, &entries, err);
  reach->next = scan->from;
  reach->skip = scan->skip;
  if (status == HF_OK) status = check_reach(scan->from, reach, err);
  for (size_t i = 0; status == HF_OK && i < entries->elements && i < ENTRIES_MAX; i++) {
    if (!parse_entry(entries->element[i], &f->entries[i]))
      status = strange(err);
    else
      f->wanted[i] = is_wanted(scan, &f->entries[i], f->names[i]);
    f->count++;
  }
  if (status == HF_OK && !scan->without_values) status = read_values(f, err);
  if (status == HF_OK) hand_out(f, f->count < ENTRIES_MAX, fn, arg, reach);
  hf__redis_batch_free(&b);
  hf__redis_batch_free(&f->batch);
  free(f);
  return status;
}

/* ---- times */

/* The time of the first entry from a revision on; INT64_MAX: there is none. */
static hf_status time_of(hf__redis_store *s, uint64_t revision, int64_t *at, hf_error *err) {
  char id[32];
  struct entry e;
  hf__redis_batch b;
  hf_changes_reach reach;
  const redisReply *entries;
  hf__redis_batch_init(&b, s, false);
  snprintf(id, sizeof id, "%llu-0", (unsigned long long)revision);
  hf_status status = read_entries(&b, id, 1, &reach, &entries, err);
  *at = INT64_MAX;
  if (status == HF_OK && entries->elements && !parse_entry(entries->element[0], &e)) status = strange(err);
  if (status == HF_OK && entries->elements) *at = e.at;
  hf__redis_batch_free(&b);
  return status;
}

hf_status hf__redis_changes_revision_at(void *store, int64_t time, uint64_t *revision, hf_changes_reach *reach,
                                        hf_error *err) {
  hf__redis_batch b;
  const redisReply *entries;
  int64_t at;
  hf__redis_batch_init(&b, store, false);
  hf_status status = read_entries(&b, "-", 1, reach, &entries, err);
  hf__redis_batch_free(&b);
  if (status == HF_OK && reach->from == UINT64_MAX) status = hf_error_compacted(err, 0, reach);
  if (status) return status;
  *revision = reach->newest;
  if (time == INT64_MAX) return HF_OK;
  uint64_t low = reach->from - 1,
           high = reach->newest; /* the answer is between; low: of what is before, nothing is known */
  while (low < high) {
    uint64_t middle = low + (high - low + 1) / 2;
    status = time_of(store, middle, &at, err);
    if (status) return status;
    if (at <= time)
      low = middle;
    else
      high = middle - 1;
  }
  *revision = low;
  return low >= reach->from ? HF_OK : hf_error_compacted(err, low, reach);
}

/* ---- purging */

hf_status hf__redis_changes_purge(void *store, void *collection, const hf_key *key, uint64_t *purged, hf_error *err) {
  static const char script[] =
      "local id, gone = '-', 0 "
      "while true do "
      "  local entries = redis.call('XRANGE', KEYS[1], id, '+', 'COUNT', 1000) "
      "  for _, entry in ipairs(entries) do "
      "    if entry[2][6] == KEYS[2] then gone = gone + redis.call('XDEL', KEYS[1], entry[1]) end "
      "    id = '(' .. entry[1] "
      "  end "
      "  if #entries < 1000 then return gone end "
      "end";
  char name[REDIS_KEY_MAX];
  hf__redis_batch b;
  hf__redis_batch_init(&b, store, true);
  const hf_slice words[] = {hf_text("EVAL"), hf_text(script), hf_text("2"), hf_text(REDIS_CHANGES),
                            hf__redis_key(collection, key->id, name)};
  hf_status status = hf__redis_batch_add(&b, 0, words, 5) ? hf__redis_batch_run(&b, hf__redis_deadline(store), err)
                                                          : hf_error_no_memory(err);
  if (status == HF_OK) status = hf__redis_batch_check(&b, err);
  if (status == HF_OK && b.commands[0].reply->type != REDIS_REPLY_INTEGER) status = hf__redis_strange(true, err);
  if (status == HF_OK) *purged = (uint64_t)b.commands[0].reply->integer;
  hf__redis_batch_free(&b);
  return status;
}
