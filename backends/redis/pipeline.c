/* SPDX-License-Identifier: MIT
 *
 * Commands that are sent together.  Each goes to the node of its key, all nodes
 * work at the same time, and the replies come back in the order of the commands.
 *
 * What is sent again, until the deadline and at most config.retries times:
 *   - what was never handed to the system, since there was no connection
 *   - what the server says it did not do: MOVED, ASK, TRYAGAIN, CLUSTERDOWN, LOADING, ...
 *   - reads
 * A write that was sent and not answered is none of these: it fails, saying that it may have happened.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis.h"

enum { REDIRECTS = 16, FIRST_PAUSE_MS = 20, LONGEST_PAUSE_MS = 500, MS = 1000000 };

/* ---- one round */

struct group {
  hf__redis_connection *connection; /* NULL: there is none, and nothing was sent */
  int node;
  bool broken;
};

struct round {
  hf_status status; /* of the first thing that went wrong */
  bool lost;        /* a write was sent and not answered */
  bool redirected, passing;
};

/* Notes an error in *own, unless there is one in *err. */
static void note(struct round *r, hf_status status, const hf_error *own, hf_error *err) {
  if (r->status) return;
  r->status = status;
  *err = *own;
}

static int target(const hf__redis_batch *b, const hf__redis_command *c) {
  if (c->node >= 0) return c->node;
  return b->store->config.mode == REDIS_CLUSTER ? hf__redis_topology_slot(b->store, c->slot) : 0;
}

static hf_status send_group(hf__redis_batch *b, const struct group *g, const int *targets, int64_t deadline,
                            hf_error *err) {
  hf_buffer part = HF_BUFFER_INIT;
  bool all = true, ok = true;
  for (size_t i = 0; i < b->count && all; i++)
    all = !b->commands[i].reply && !b->commands[i].asking && targets[i] == g->node;
  if (all) return hf__redis_connection_send(g->connection, b->text.data, b->text.size, deadline, err);
  for (size_t i = 0; i < b->count && ok; i++) {
    const hf__redis_command *c = &b->commands[i];
    if (c->reply || targets[i] != g->node) continue;
    if (c->asking) ok = hf_buffer_add(&part, "*1\r\n$6\r\nASKING\r\n", 16);
    ok = ok && hf_buffer_add(&part, b->text.data + c->at, c->size);
  }
  hf_status status =
      ok ? hf__redis_connection_send(g->connection, part.data, part.size, deadline, err) : hf_error_no_memory(err);
  hf_buffer_free(&part);
  return status;
}

static hf_status receive_group(hf__redis_batch *b, const struct group *g, const int *targets, int64_t deadline,
                               hf_error *err) {
  hf_status status = HF_OK;
  hf__redis_bounds_allow(&g->connection->bounds, b->count);
  for (size_t i = 0; i < b->count && status == HF_OK; i++) {
    hf__redis_command *c = &b->commands[i];
    if (c->reply || targets[i] != g->node) continue;
    if (c->asking) {
      redisReply *unused;
      status = hf__redis_connection_receive(g->connection, &unused, deadline, err);
      if (status == HF_OK) freeReplyObject(unused);
    }
    if (status == HF_OK) status = hf__redis_connection_receive(g->connection, &c->reply, deadline, err);
  }
  return status;
}

/* Looks for replies that say that the command is to be sent again, and makes it ready for that. */
static void sort_replies(hf__redis_batch *b, const int *targets, struct round *r, hf_error *err) {
  for (size_t i = 0; i < b->count; i++) {
    hf__redis_command *c = &b->commands[i];
    if (!c->reply || targets[i] < 0 || c->reply->type != REDIS_REPLY_ERROR) continue; /* -1: of an earlier round */
    hf__redis_redirect to;
    bool moved = hf__redis_reply_begins(c->reply, "MOVED "), ask = hf__redis_reply_begins(c->reply, "ASK ");
    if (moved || ask) {
      if (b->store->config.mode != REDIS_CLUSTER ||
          !hf__redis_redirect_parse(c->reply->str, b->store->nodes[targets[i]]->address.host, &to))
        continue;
      r->redirected = true;
      if (moved) hf__redis_topology_moved(b->store, to.slot, &to.to);
      c->node = ask ? hf__redis_topology_address(b->store, &to.to) : -1;
      c->asking = ask && c->node >= 0;
    } else if (hf__redis_reply_is_passing(b->store->config.mode, c->reply)) {
      hf_error own;
      note(r, hf__redis_fail_reply(b->store->config.mode, c->reply, &own), &own, err);
      r->passing = true;
      c->node = -1;
      c->asking = false;
    } else {
      continue;
    }
    freeReplyObject(c->reply);
    c->reply = NULL;
  }
}

static void exchange(hf__redis_batch *b, struct group *groups, size_t count, const int *targets, int64_t deadline,
                     struct round *r, hf_error *err) {
  hf_error own;
  for (size_t i = 0; i < count; i++) {
    struct group *g = &groups[i];
    hf_status status = hf__redis_connection_take(b->store, g->node, deadline, &g->connection, &own);
    if (status == HF_OK && (status = send_group(b, g, targets, deadline, &own))) {
      g->broken = true;
      r->lost |= b->writes && g->connection->began;
    }
    if (status) note(r, status, &own, err);
  }
  for (size_t i = 0; i < count; i++) {
    struct group *g = &groups[i];
    if (!g->connection) continue;
    hf_status status = g->broken ? HF_OK : receive_group(b, g, targets, deadline, &own);
    if (status) {
      g->broken = true;
      r->lost |= b->writes;
      note(r, status, &own, err);
    }
    hf__redis_connection_give(b->store, g->node, g->connection, g->broken);
  }
}

/* Sends what has no reply yet.  Room for a number and a group for each command, and no more groups than nodes. */
static void run_in(hf__redis_batch *b, int *targets, struct group *groups, int64_t deadline, struct round *r,
                   hf_error *err) {
  size_t count = 0;
  hf_error own;
  hf_status status = hf__redis_topology_refresh(b->store, deadline, &own);
  if (status) {
    note(r, status, &own, err);
    return;
  }
  for (size_t i = 0; i < b->count; i++) {
    targets[i] = -1;
    if (b->commands[i].reply) continue;
    int node = targets[i] = target(b, &b->commands[i]);
    if (node < 0) continue;
    bool found = false;
    for (size_t k = 0; k < count && !found; k++) found = groups[k].node == node;
    if (!found) groups[count++] = (struct group){.node = node};
  }
  exchange(b, groups, count, targets, deadline, r, err);
  sort_replies(b, targets, r, err);
}

static void run_round(hf__redis_batch *b, int64_t deadline, struct round *r, hf_error *err) {
  int few_targets[REDIS_FEW] = {0};
  struct group few_groups[REDIS_FEW];
  *r = (struct round){.status = HF_OK};
  if (b->count <= REDIS_FEW) {
    run_in(b, few_targets, few_groups, deadline, r, err);
    return;
  }
  int *targets = calloc(b->count, sizeof *targets);
  struct group *groups = malloc(REDIS_NODES * sizeof *groups);
  if (targets && groups) {
    run_in(b, targets, groups, deadline, r, err);
  } else {
    r->status = hf_error_no_memory(err);
  }
  free(targets);
  free(groups);
}

/* ---- all rounds */

static bool is_complete(const hf__redis_batch *b) {
  for (size_t i = 0; i < b->count; i++)
    if (!b->commands[i].reply) return false;
  return true;
}

/* Whether some of the commands have a reply, at other nodes than those that fail. */
static bool is_begun(const hf__redis_batch *b) {
  for (size_t i = 0; i < b->count; i++)
    if (b->commands[i].reply) return true;
  return false;
}

/* Commands between MULTI and EXEC are sent again together or not at all. */
static void reset_whole(hf__redis_batch *b) {
  for (size_t i = 0; i < b->count; i++) {
    freeReplyObject(b->commands[i].reply);
    b->commands[i].reply = NULL;
  }
}

/* False: there is no time left. */
static bool sleep_a_little(int *pause_ms, int64_t deadline) {
  int ms = *pause_ms / 2 + (int)((uint64_t)hf_clock_ns() % (unsigned)(*pause_ms / 2 + 1));
  if (hf_clock_ns() + (int64_t)ms * MS >= deadline) return false;
  poll(NULL, 0, ms);
  *pause_ms = *pause_ms * 2 < LONGEST_PAUSE_MS ? *pause_ms * 2 : LONGEST_PAUSE_MS;
  return true;
}

hf_status hf__redis_batch_run(hf__redis_batch *b, int64_t deadline, hf_error *err) {
  int tries = 0, redirects = 0, pause_ms = FIRST_PAUSE_MS;
  for (;;) {
    struct round r;
    run_round(b, deadline, &r, err);
    if (r.lost) return hf__redis_lost(err);
    if (is_complete(b)) return HF_OK;
    if (b->whole) reset_whole(b);
    if (r.status == HF_OK && r.redirected && redirects++ < REDIRECTS) continue;
    if (r.status == HF_OK) { /* sent from node to node, or no node known for a slot */
      r.status = hf_error_set(err, HF_UNAVAILABLE, "the Redis cluster has no node for a slot, or nodes disagree");
      pthread_mutex_lock(&b->store->lock);
      b->store->stale = true;
      pthread_mutex_unlock(&b->store->lock);
    }
    bool again = err->retryable && r.status != HF_TIMEOUT && (r.passing || tries++ < b->store->config.retries);
    if (again && sleep_a_little(&pause_ms, deadline)) continue;
    return b->writes && is_begun(b) ? hf__redis_partly(err) : r.status;
  }
}

hf_status hf__redis_connection_insist(hf__redis_store *s, hf__redis_connection **out, int64_t deadline, hf_error *err) {
  int pause_ms = FIRST_PAUSE_MS;
  for (int tries = 0;; tries++) {
    hf_status status = hf__redis_topology_refresh(s, deadline, err);
    if (status == HF_OK) status = hf__redis_connection_take(s, 0, deadline, out, err);
    if (status == HF_OK) return HF_OK;
    bool again = err->retryable && status != HF_TIMEOUT && tries < s->config.retries;
    if (!again || !sleep_a_little(&pause_ms, deadline)) return status;
  }
}
