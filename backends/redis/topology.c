/* SPDX-License-Identifier: MIT
 *
 * Where commands go: nodes with their idle links, the master that sentinels name,
 * the slots of a cluster.
 *
 * Nodes are never removed, so that their numbers stay good without a lock.  What is
 * learnt over the network is learnt without the lock, by one thread at a time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "redis.h"

enum { MS = 1000000, RESOLVE_NS = 1000 * MS };

/* ---- nodes */

/* With the lock held.  -1: no memory, or too many nodes. */
static int find_node(hf__redis_store *s, const hf__redis_address *a) {
  for (int i = 0; i < s->node_count; i++)
    if (s->nodes[i]->address.port == a->port && strcmp(s->nodes[i]->address.host, a->host) == 0) return i;
  if (s->node_count == REDIS_NODES || !(s->nodes[s->node_count] = calloc(1, sizeof(hf__redis_node)))) return -1;
  s->nodes[s->node_count]->address = *a;
  return s->node_count++;
}

/* With the lock held: takes the idle links off the node. */
static hf__redis_connection *drop_idle(hf__redis_node *n) {
  hf__redis_connection *dropped = n->idle;
  n->idle = NULL;
  n->idle_count = 0;
  n->epoch++;
  return dropped;
}

static void close_all(hf__redis_connection *connection) {
  for (hf__redis_connection *next; connection; connection = next) {
    next = connection->next;
    hf__redis_connection_close(connection);
  }
}

int hf__redis_topology_address(hf__redis_store *s, const hf__redis_address *address) {
  pthread_mutex_lock(&s->lock);
  int node = find_node(s, address);
  pthread_mutex_unlock(&s->lock);
  return node;
}

int hf__redis_topology_slot(hf__redis_store *s, int slot) {
  pthread_mutex_lock(&s->lock);
  int node = slot < 0 ? 0 : s->slots[slot];
  pthread_mutex_unlock(&s->lock);
  return node;
}

void hf__redis_topology_moved(hf__redis_store *s, int slot, const hf__redis_address *address) {
  pthread_mutex_lock(&s->lock);
  int node = find_node(s, address);
  if (node >= 0) s->slots[slot] = (int16_t)node;
  s->stale = true; /* where one slot has moved, others have */
  pthread_mutex_unlock(&s->lock);
}

int hf__redis_topology_masters(hf__redis_store *s, int nodes[REDIS_NODES]) {
  bool seen[REDIS_NODES] = {false};
  int count = 0;
  if (s->config.mode != REDIS_CLUSTER) {
    nodes[0] = 0;
    return 1;
  }
  pthread_mutex_lock(&s->lock);
  for (int i = 0; i < REDIS_SLOTS; i++) {
    int node = s->slots[i];
    if (node < 0 || seen[node]) continue;
    seen[node] = true;
    nodes[count++] = node;
  }
  pthread_mutex_unlock(&s->lock);
  return count;
}

void hf__redis_topology_free(hf__redis_store *s) {
  for (int i = 0; i < s->node_count; i++) {
    close_all(s->nodes[i]->idle);
    free(s->nodes[i]);
  }
}

/* ---- the first words on a connection */

static bool add_words(hf__redis_batch *b, size_t count, const char *const *words) {
  if (!hf__redis_batch_open(b, -1, count)) return false;
  for (size_t i = 0; i < count; i++)
    if (!hf__redis_batch_word(b, hf_text(words[i]))) return false;
  return true;
}

#define ADD(b, ...)                                                                                                    \
  add_words(b, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), (const char *const[]){__VA_ARGS__})

static bool add_auth(hf__redis_batch *b, const char *user, const char *password) {
  if (!password || !*password) return true;
  return user ? ADD(b, "AUTH", user, password) : ADD(b, "AUTH", password);
}

/* The value of "name:value" in a reply to INFO. */
static bool info_field(const redisReply *reply, const char *name, char *out, size_t capacity) {
  *out = '\0';
  if (reply->type != REDIS_REPLY_STRING) return false;
  const char *p = strstr(reply->str, name);
  if (!p) return false;
  p += strlen(name);
  size_t size = strcspn(p, "\r\n");
  if (size >= capacity) size = capacity - 1;
  memcpy(out, p, size);
  out[size] = '\0';
  return true;
}

/* What the server may lose; into s->warnings, and to the program's handler. */
static void look_at_settings(hf__redis_store *s, hf__redis_connection *connection, int64_t deadline) {
  hf__redis_batch b;
  hf_error err;
  char policy[64] = "", aof[8] = "", text[512] = "", address[300];
  bool answered = false;
  hf__redis_batch_init(&b, s, false);
  if (ADD(&b, "INFO", "memory") && ADD(&b, "INFO", "persistence") &&
      hf__redis_batch_run_on(&b, connection, deadline, &err) == HF_OK) {
    info_field(b.commands[0].reply, "maxmemory_policy:", policy, sizeof policy);
    info_field(b.commands[1].reply, "aof_enabled:", aof, sizeof aof);
    answered = true;
    size_t n = 0;
    if (*policy && strcmp(policy, "noeviction") != 0)
      n = (size_t)snprintf(text, sizeof text,
                           "maxmemory-policy is %s, so entities vanish when memory runs out: set it to noeviction.  ",
                           policy);
    if (*aof == '0')
      n += (size_t)snprintf(text + n, sizeof text - n,
                            "appendonly is off, so a crash of the server loses the last writes: set appendonly yes, "
                            "and appendfsync always to lose none.  ");
    if (!*policy || !*aof)
      snprintf(text + n, sizeof text - n,
               "it does not say (INFO) whether it keeps what it is given: allow the user +info, or look at "
               "maxmemory-policy and appendonly yourself.  ");
  }
  hf__redis_batch_free(&b);
  size_t end = strlen(text);
  while (end && text[end - 1] == ' ') text[--end] = '\0';
  pthread_mutex_lock(&s->lock);
  bool first = !s->looked && answered;
  if (answered) s->looked = true;
  memcpy(s->warnings, text, sizeof text);
  pthread_mutex_unlock(&s->lock);
  if (first && *text) hf_warn("Redis at %s: %s", hf__redis_address_text(&connection->address, address), text);
}

static hf_status introduce(hf__redis_store *s, hf__redis_connection *connection, int64_t deadline, hf_error *err) {
  const hf__redis_config *c = &s->config;
  hf__redis_batch b;
  char database[16];
  snprintf(database, sizeof database, "%d", c->database);
  hf__redis_batch_init(&b, s, false);
  bool ok = add_auth(&b, c->user, c->password);
  if (ok && c->database) ok = ADD(&b, "SELECT", database);
  if (ok && c->mode == REDIS_SENTINEL) ok = ADD(&b, "ROLE");
  hf_status status = ok ? HF_OK : hf_error_no_memory(err);
  if (status == HF_OK && b.count) {
    status = hf__redis_batch_run_on(&b, connection, deadline, err);
    if (status == HF_OK) status = hf__redis_batch_check(&b, err);
    const redisReply *role = b.commands[b.count - 1].reply;
    if (status == HF_OK && c->mode == REDIS_SENTINEL &&
        (role->type != REDIS_REPLY_ARRAY || !role->elements || role->element[0]->type != REDIS_REPLY_STRING ||
         strcmp(role->element[0]->str, "master") != 0))
      status = hf_error_set(err, HF_UNAVAILABLE, "the server that the sentinels name is not a master (yet)");
  }
  hf__redis_batch_free(&b);
  if (status == HF_OK && !s->looked) look_at_settings(s, connection, deadline);
  return status;
}

/* ---- links */

static int64_t connect_deadline(const hf__redis_store *s, int64_t deadline) {
  int64_t now = hf_clock_ns();
  return s->config.connect_ms < (deadline - now) / MS ? now + s->config.connect_ms * MS : deadline;
}

static void set_stale(hf__redis_store *s) {
  pthread_mutex_lock(&s->lock);
  s->stale = true;
  pthread_mutex_unlock(&s->lock);
}

hf_status hf__redis_connection_take(hf__redis_store *s, int node, int64_t deadline, hf__redis_connection **out,
                                    hf_error *err) {
  hf__redis_node *n = s->nodes[node];
  for (;;) {
    pthread_mutex_lock(&s->lock);
    hf__redis_connection *connection = n->idle;
    if (connection) {
      n->idle = connection->next;
      n->idle_count--;
    }
    hf__redis_address address = n->address;
    unsigned long epoch = n->epoch;
    pthread_mutex_unlock(&s->lock);
    if (!connection) {
      int64_t by = connect_deadline(s, deadline);
      hf_status status = hf__redis_connection_open(&s->config, &address, by, &connection, err);
      if (status == HF_OK && (status = introduce(s, connection, by, err))) hf__redis_connection_close(connection);
      if (status) {
        set_stale(s);
        return status;
      }
      connection->epoch = epoch;
      *out = connection;
      return HF_OK;
    }
    if (hf__redis_connection_is_idle(connection)) {
      *out = connection;
      return HF_OK;
    }
    hf__redis_connection_close(connection);
  }
}

void hf__redis_connection_give(hf__redis_store *s, int node, hf__redis_connection *connection, bool broken) {
  hf__redis_node *n = s->nodes[node];
  hf__redis_connection *dropped = NULL;
  if (!broken && !hf__redis_connection_is_clean(connection)) broken = true;
  pthread_mutex_lock(&s->lock);
  if (broken) {
    dropped = drop_idle(n);
    s->stale = true;
  }
  bool keep = !broken && connection->epoch == n->epoch && n->idle_count < REDIS_IDLE;
  if (keep) {
    connection->next = n->idle;
    n->idle = connection;
    n->idle_count++;
  }
  pthread_mutex_unlock(&s->lock);
  if (!keep) hf__redis_connection_close(connection);
  close_all(dropped);
}

/* ---- sentinels */

/* Asks one.  *to->port is 0 when it knows no such master. */
static hf_status ask_sentinel(hf__redis_store *s, const hf__redis_address *at, int64_t deadline, hf__redis_address *to,
                              hf_error *err) {
  hf__redis_connection *connection;
  hf__redis_batch b;
  hf_status status = hf__redis_connection_open(&s->config, at, deadline, &connection, err);
  if (status) return status;
  hf__redis_batch_init(&b, s, false);
  bool ok = add_auth(&b, NULL, s->config.sentinel_password) &&
            ADD(&b, "SENTINEL", "get-master-addr-by-name", s->config.master);
  status = ok ? hf__redis_batch_run_on(&b, connection, deadline, err) : hf_error_no_memory(err);
  if (status == HF_OK) status = hf__redis_batch_check(&b, err);
  to->port = 0;
  if (status == HF_OK) {
    const redisReply *r = b.commands[b.count - 1].reply;
    if (r->type == REDIS_REPLY_ARRAY && r->elements == 2 && r->element[0]->type == REDIS_REPLY_STRING &&
        r->element[1]->type == REDIS_REPLY_STRING && r->element[0]->len < sizeof to->host) {
      memcpy(to->host, r->element[0]->str, r->element[0]->len + 1);
      to->port = (int)strtol(r->element[1]->str, NULL, 10);
    }
  }
  hf__redis_batch_free(&b);
  hf__redis_connection_close(connection);
  return status;
}

static void set_master(hf__redis_store *s, const hf__redis_address *to) {
  hf__redis_connection *dropped = NULL;
  pthread_mutex_lock(&s->lock);
  if (!s->node_count) {
    find_node(s, to);
  } else if (s->nodes[0]->address.port != to->port || strcmp(s->nodes[0]->address.host, to->host) != 0) {
    s->nodes[0]->address = *to;
    dropped = drop_idle(s->nodes[0]);
  }
  s->stale = false;
  s->resolved_at = hf_clock_ns();
  pthread_mutex_unlock(&s->lock);
  close_all(dropped);
}

static hf_status resolve_master(hf__redis_store *s, int64_t deadline, hf_error *err) {
  hf_status status = HF_OK;
  bool answered = false;
  for (int i = 0; i < s->config.seed_count; i++) {
    hf__redis_address to;
    status = ask_sentinel(s, &s->config.seeds[i], connect_deadline(s, deadline), &to, err);
    answered |= status == HF_OK;
    if (status == HF_OK && to.port) {
      hf__redis_address swap = s->config.seeds[0]; /* who answers is asked first */
      s->config.seeds[0] = s->config.seeds[i];
      s->config.seeds[i] = swap;
      set_master(s, &to);
      return HF_OK;
    }
  }
  if (s->node_count) { /* no sentinel is there: the master that they named last may be, all the same */
    pthread_mutex_lock(&s->lock);
    s->stale = false;
    s->resolved_at = hf_clock_ns();
    pthread_mutex_unlock(&s->lock);
    return HF_OK;
  }
  if (!answered) return status;
  hf_error_set(err, HF_UNAVAILABLE, "the sentinels know no master named '%s'", s->config.master);
  err->retryable = false;
  return HF_UNAVAILABLE;
}

/* ---- slots */

static bool take_range(hf__redis_store *s, const redisReply *reply, const char *asked_host, int16_t *slots) {
  hf__redis_range range;
  if (!hf__redis_range_parse(reply, asked_host, &range)) return false;
  if (!range.master.port) return true; /* its slots stay unknown */
  int node = hf__redis_topology_address(s, &range.master);
  if (node < 0) return false;
  for (int i = range.first; i <= range.last; i++) slots[i] = (int16_t)node;
  return true;
}

/* Asks one node for all slots. */
static hf_status ask_node(hf__redis_store *s, const hf__redis_address *at, int64_t deadline, hf_error *err) {
  int node = hf__redis_topology_address(s, at);
  hf__redis_connection *connection;
  hf__redis_batch b;
  if (node < 0) return hf_error_no_memory(err);
  hf_status status = hf__redis_connection_take(s, node, deadline, &connection, err);
  if (status) return status;
  hf__redis_batch_init(&b, s, false);
  status =
      ADD(&b, "CLUSTER", "SLOTS") ? hf__redis_batch_run_on(&b, connection, deadline, err) : hf_error_no_memory(err);
  hf__redis_connection_give(s, node, connection, status != HF_OK);
  if (status == HF_OK) status = hf__redis_batch_check(&b, err);
  if (status == HF_OK) {
    int16_t slots[REDIS_SLOTS];
    memset(slots, -1, sizeof slots);
    const redisReply *r = b.commands[0].reply;
    bool ok = r->type == REDIS_REPLY_ARRAY && r->elements;
    for (size_t i = 0; ok && i < r->elements; i++) ok = take_range(s, r->element[i], at->host, slots);
    pthread_mutex_lock(&s->lock);
    if (ok) memcpy(s->slots, slots, sizeof slots);
    if (ok) s->stale = false;
    pthread_mutex_unlock(&s->lock);
    if (!ok) status = hf_error_set(err, HF_UNAVAILABLE, "the Redis cluster has no slots yet: is it created?");
  }
  hf__redis_batch_free(&b);
  return status;
}

static hf_status read_slots(hf__redis_store *s, int64_t deadline, hf_error *err) {
  hf_status status = HF_UNAVAILABLE;
  int known = s->node_count;
  for (int i = 0; i < known; i++) {
    hf__redis_address at = s->nodes[i]->address;
    status = ask_node(s, &at, connect_deadline(s, deadline), err);
    if (status == HF_OK) return status;
  }
  for (int i = 0; i < s->config.seed_count; i++) {
    status = ask_node(s, &s->config.seeds[i], connect_deadline(s, deadline), err);
    if (status == HF_OK) return status;
  }
  return status;
}

/* ---- what is known of routes */

static bool is_needed(hf__redis_store *s) {
  pthread_mutex_lock(&s->lock);
  bool needed =
      s->stale || !s->node_count || (s->config.mode == REDIS_SENTINEL && hf_clock_ns() - s->resolved_at > RESOLVE_NS);
  if (s->config.mode == REDIS_SINGLE) needed = !s->node_count;
  pthread_mutex_unlock(&s->lock);
  return needed;
}

hf_status hf__redis_topology_refresh(hf__redis_store *s, int64_t deadline, hf_error *err) {
  if (!is_needed(s)) return HF_OK;
  if (s->config.mode == REDIS_SINGLE)
    return hf__redis_topology_address(s, &s->config.seeds[0]) < 0 ? hf_error_no_memory(err) : HF_OK;
  const struct timespec by = {deadline / (1000 * MS), deadline % (1000 * MS)};
  if (deadline <= hf_clock_ns() || pthread_mutex_clocklock(&s->refreshing, CLOCK_MONOTONIC, &by))
    return hf_error_set(err, HF_TIMEOUT, "Redis: the routes were not known within the deadline");
  hf_status status = HF_OK;
  if (is_needed(s)) /* another thread may have been faster */
    status = s->config.mode == REDIS_SENTINEL ? resolve_master(s, deadline, err) : read_slots(s, deadline, err);
  pthread_mutex_unlock(&s->refreshing);
  return status;
}
