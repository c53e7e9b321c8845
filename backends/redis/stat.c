/* SPDX-License-Identifier: MIT
 *
 * What stat says of a Redis server: one INFO and one DBSIZE for each master.  What the user may not ask for is left
 * out, and so is all that does not look as it should.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "redis.h"

/* With more keys in the database counting one collection among them is left to count(). */
enum { COUNTED_KEYS = 100000 };

typedef enum kind { TEXT, NUMBER, SUM, SECONDS, FLAG } kind;

/* What becomes of the fields of INFO.  SUM: over all masters; the others are those of the first one. */
static const struct field {
  const char *name, *info;
  kind kind;
} fields[] = {
    {"role", "role", TEXT},
    {"uptimeSeconds", "uptime_in_seconds", NUMBER},
    {"clients", "connected_clients", SUM},
    {"replicas", "connected_slaves", SUM},
    {"usedMemoryBytes", "used_memory", SUM},
    {"maxMemoryBytes", "maxmemory", SUM},
    {"evictionPolicy", "maxmemory_policy", TEXT},
    {"evictedKeys", "evicted_keys", SUM},
    {"expiredKeys", "expired_keys", SUM},
    {"appendOnly", "aof_enabled", FLAG},
    {"lastSaveAt", "rdb_last_save_time", SECONDS},
    {"unsavedChanges", "rdb_changes_since_last_save", SUM},
};

/* The value of a field in a reply to INFO, {NULL, 0} where it has none that can be shown. */
static hf_slice find(const redisReply *reply, const char *name) {
  const hf_slice none = {NULL, 0};
  size_t size = strlen(name);
  if (reply->type != REDIS_REPLY_STRING) return none;
  for (const char *line = reply->str; line; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (strncmp(line, name, size) != 0 || line[size] != ':') continue;
    hf_slice value = {line + size + 1, strcspn(line + size + 1, "\r\n")};
    for (size_t i = 0; i < value.size; i++)
      if (!isprint((unsigned char)value.data[i])) return none;
    return value.size && value.size < 64 ? value : none;
  }
  return none;
}

/* False: it is not a whole number that JSON's readers keep exactly. */
static bool to_number(hf_slice text, unsigned long long *out) {
  if (!text.size || text.size > 15) return false;
  *out = 0;
  for (size_t i = 0; i < text.size; i++) {
    if (!isdigit((unsigned char)text.data[i])) return false;
    *out = *out * 10 + (unsigned)(text.data[i] - '0');
  }
  return true;
}

static bool add_text(hf_buffer *json, const char *name, hf_slice value) {
  return !value.data || (hf_buffer_printf(json, ",\"%s\":", name) && hf_buffer_quote(json, value));
}

/* The replies of `count` masters to INFO and DBSIZE come one after the other. */
static bool add_field(hf_buffer *json, const struct field *f, const hf__redis_command *replies, size_t count) {
  unsigned long long sum = 0, n = 0;
  hf_slice first = find(replies[0].reply, f->info);
  if (f->kind == TEXT) return add_text(json, f->name, first);
  if (!to_number(first, &sum)) return true;
  for (size_t i = 1; i < count && f->kind == SUM; i++)
    if (to_number(find(replies[2 * i].reply, f->info), &n)) sum += n;
  if (f->kind == FLAG) return hf_buffer_printf(json, ",\"%s\":%s", f->name, sum ? "true" : "false");
  return hf_buffer_printf(json, ",\"%s\":%llu", f->name, f->kind == SECONDS ? sum * 1000 : sum);
}

static bool count_keys(const hf__redis_command *replies, size_t count, uint64_t *keys) {
  *keys = 0;
  for (size_t i = 0; i < count; i++) {
    const redisReply *r = replies[2 * i + 1].reply;
    if (r->type != REDIS_REPLY_INTEGER || r->integer < 0) return false;
    *keys += (uint64_t)r->integer;
  }
  return true;
}

/* How often the file of writes is flushed: the one thing that INFO does not say. */
static bool add_fsync(hf_buffer *json, const redisReply *r) {
  bool said = r->type == REDIS_REPLY_ARRAY && r->elements == 2 && r->element[1]->type == REDIS_REPLY_STRING;
  const char *value = said ? r->element[1]->str : "";
  static const char *const known[] = {"always", "everysec", "no"};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(value, known[i]) == 0) return add_text(json, "appendFsync", hf_text(known[i]));
  return true;
}

static bool ask(hf__redis_batch *b, int node, size_t count, const hf_slice *words) {
  hf__redis_command *c = hf__redis_batch_add(b, -1, words, count);
  if (c) c->node = node;
  return c != NULL;
}

/* INFO and DBSIZE of each master, then CONFIG GET of the first. */
static bool ask_all(hf__redis_batch *b, const int *nodes, int count) {
  bool ok = count > 0;
  for (int i = 0; i < count && ok; i++)
    ok = ask(b, nodes[i], 1, (const hf_slice[]){hf_text("INFO")}) &&
         ask(b, nodes[i], 1, (const hf_slice[]){hf_text("DBSIZE")});
  return ok && ask(b, nodes[0], 3, (const hf_slice[]){hf_text("CONFIG"), hf_text("GET"), hf_text("appendfsync")});
}

/* What is known without asking, and of the settings that were looked at when a connection was made. */
static bool add_store(hf__redis_store *s, hf_buffer *json, hf_slice version, hf_slice warnings) {
  static const char *const modes[] = {"single", "sentinel", "cluster"};
  char address[300];
  pthread_mutex_lock(&s->lock);
  hf__redis_address at = s->nodes[0]->address;
  pthread_mutex_unlock(&s->lock);
  json->size = 0;
  bool ok = hf_buffer_printf(json, "{\"backend\":\"redis\",\"mode\":\"%s\",\"server\":", modes[s->config.mode]) &&
            hf_buffer_quote(json, hf_text(hf__redis_address_text(&at, address))) &&
            add_text(json, "version", version) &&
            hf_buffer_printf(json, ",\"database\":%d,\"tls\":%s,\"timeoutMs\":%lld,\"ttlMs\":%lld,\"warnings\":[",
                             s->config.database, s->config.tls ? "true" : "false", (long long)s->config.timeout_ms,
                             (long long)s->config.ttl_ms);
  if (ok && warnings.size) ok = hf_buffer_quote(json, warnings);
  return ok && hf_buffer_printf(json, "]");
}

static bool add_answers(hf__redis_store *s, hf_buffer *json, const hf__redis_batch *b, size_t count, bool knows_keys,
                        uint64_t keys) {
  char warnings[sizeof s->warnings];
  pthread_mutex_lock(&s->lock);
  memcpy(warnings, s->warnings, sizeof warnings);
  pthread_mutex_unlock(&s->lock);
  bool ok = add_store(s, json, find(b->commands[0].reply, "redis_version"), hf_text(warnings));
  if (ok && s->config.mode == REDIS_CLUSTER) ok = hf_buffer_printf(json, ",\"masters\":%zu", count);
  if (ok && knows_keys) ok = hf_buffer_printf(json, ",\"keys\":%llu", (unsigned long long)keys);
  for (size_t i = 0; i < sizeof fields / sizeof *fields && ok; i++)
    ok = add_field(json, &fields[i], b->commands, count);
  return ok && add_fsync(json, b->commands[b->count - 1].reply);
}

hf_status hf__redis_stat(void *store, void *txn, void *collection, hf_buffer *json, hf_error *err) {
  hf__redis_store *s = store;
  hf__redis_time time = hf__redis_time_begin(s);
  hf__redis_batch b;
  int nodes[REDIS_NODES];
  uint64_t keys = 0, entities = 0;
  hf_status status = hf__redis_topology_refresh(s, hf__redis_time_step(&time), err);
  if (status) return status;
  size_t count = (size_t)hf__redis_topology_masters(s, nodes);
  hf__redis_batch_init(&b, s, false);
  status = ask_all(&b, nodes, (int)count) ? hf__redis_batch_run(&b, hf__redis_time_step(&time), err)
                                          : hf_error_no_memory(err);
  bool knows_keys = status == HF_OK && count_keys(b.commands, count, &keys);
  bool counts = collection && knows_keys && keys <= COUNTED_KEYS;
  if (status == HF_OK && counts) status = hf__redis_count_within(txn, collection, &time, &entities, err);
  if (status == HF_OK) {
    bool ok = add_answers(s, json, &b, count, knows_keys, keys);
    if (ok && counts) ok = hf_buffer_printf(json, ",\"entities\":%llu", (unsigned long long)entities);
    status = ok && hf_buffer_printf(json, "}") ? HF_OK : hf_error_no_memory(err);
  }
  hf__redis_batch_free(&b);
  return status;
}
