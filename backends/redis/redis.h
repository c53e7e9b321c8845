/* SPDX-License-Identifier: MIT
 *
 * What the files of this backend share.
 *
 *   redis.c         the slots
 *   stat.c          what is known of the server
 *   scan.c          the ids of an entity type, and walks over them
 *   transaction.c   MULTI: what is read is watched, what is written is kept until the commit
 *   value.c         the values of entities, as commands and replies have them
 *   pipeline.c      commands that are sent together, wherever their keys live, and tried again where that is safe
 *   topology.c      nodes, their idle links, sentinels, the slots of a cluster
 *   command.c       commands as bytes, and their replies on one connection
 *   connection.c    one connection: bytes, replies, deadlines
 *   tls.c           TLS over its bytes
 *   reply.c         what is accepted as a reply
 *   errors.c        what error replies mean
 *   deadline.c      how long an operation may take
 *   slots.c         the slots of a cluster
 *   key.c           the keys of entities
 *   config.c        what a URL says
 *
 * Each calls those after it only.
 *
 * Replies are parsed by hiredis.  Its connections are not used: their timeouts count from the last byte, so that no
 * call has a deadline, and they know no TLS.
 *
 * Deadlines are nanoseconds on hf_clock_ns().  Each slot sets one, or a redis_time where it needs many round trips, and
 * everything below keeps to it.
 */
#ifndef HF_BACKENDS_REDIS_REDIS_H
#define HF_BACKENDS_REDIS_REDIS_H

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdatomic.h>

#include "config.h"
#include "errors.h"
#include "key.h"
#include "slots.h"

/* ---- replies */

/* What is accepted as a reply, and what was so far. */
typedef struct redis_bounds {
  redisReplyObjectFunctions theirs, ours; /* hiredis' own, and those that look before they call them */
  size_t elements_max;
  size_t elements, bytes; /* of the reply that is being read */
  char problem[96];       /* "": none */
} redis_bounds;

/* A reader that keeps to the bounds, which must stay where they are as long as it.  NULL: out of memory. */
redisReader *redis_bounds_reader(redis_bounds *b);
/* Says how many elements the next reply may have, where that can be many. */
void redis_bounds_allow(redis_bounds *b, size_t elements);
/* What is wrong with what came so far; NULL: nothing.  To be called when there is no whole reply. */
const char *redis_bounds_check(redis_bounds *b, const redisReader *reader);

/* ---- links */

typedef struct redis_tls redis_tls;

/* One connection.  Used by one thread at a time. */
typedef struct redis_link {
  int fd;
  redis_tls *tls; /* NULL: plain */
  redisReader *reader;
  redis_bounds bounds;
  redis_address address;
  int64_t used_at;     /* when it was returned to its pool */
  int timeout_ms;      /* of reads, as the socket has it now */
  bool began;          /* bytes were handed to the system since link_begin() */
  unsigned long epoch; /* of its node, when it was made */
  struct redis_link *next;
} redis_link;

/* Connects.  HF_UNAVAILABLE or HF_TIMEOUT. */
hf_status redis_link_open(const redis_config *c, const redis_address *address, int64_t deadline, redis_link **out,
                          hf_error *err);
void redis_link_close(redis_link *link);
/* Whether the other side has closed an idle link, or has said something unasked. */
bool redis_link_is_dead(const redis_link *link);
/* Whether everything that came was asked for: what is left over would be taken for the reply to another command. */
bool redis_link_is_clean(const redis_link *link);
/* Sends all bytes; reads meanwhile what comes, so that no two buffers wait for each other. */
hf_status redis_link_send(redis_link *link, const char *data, size_t size, int64_t deadline, hf_error *err);
/* The next reply, which may be an error reply; freed by freeReplyObject(). */
hf_status redis_link_receive(redis_link *link, redisReply **out, int64_t deadline, hf_error *err);

/* TLS over bytes that connection.c moves. */
hf_status redis_tls_new(const redis_config *c, const char *host, redis_tls **out, hf_error *err);
void redis_tls_free(redis_tls *tls);
/* One step of the handshake.  *done: it is complete. */
hf_status redis_tls_handshake(redis_tls *tls, bool *done, hf_error *err);
/* Encrypts; what is to be sent is then given by redis_tls_pending(). */
hf_status redis_tls_write(redis_tls *tls, const char *data, size_t size, hf_error *err);
size_t redis_tls_pending(redis_tls *tls, char *out, size_t capacity);
/* Takes in received bytes; redis_tls_read() gives the plain ones, 0 when there are none yet. */
hf_status redis_tls_feed(redis_tls *tls, const char *data, size_t size, hf_error *err);
hf_status redis_tls_read(redis_tls *tls, char *out, size_t capacity, size_t *size, hf_error *err);

/* ---- stores and routes */

enum { REDIS_NODES = 512, REDIS_IDLE = 16 };

typedef struct redis_node {
  redis_address address;
  redis_link *idle; /* the one used last first */
  int idle_count;
  unsigned long epoch; /* links of earlier ones are not kept */
} redis_node;

typedef struct redis_store {
  redis_config config;
  char *url; /* without password */
  hf_options options;
  hf_walks *walks;
  _Atomic unsigned long writes; /* of this process: what was read ahead before one is read again */
  pthread_mutex_t refreshing;   /* held by the thread that asks for routes */
  pthread_mutex_t lock;         /* guards what follows */
  redis_node *nodes[REDIS_NODES];
  int node_count;
  int16_t slots[REDIS_SLOTS]; /* cluster: index of the node; -1: unknown */
  bool stale;                 /* the map of slots, or the master's address, is to be read anew */
  int64_t resolved_at;        /* when the sentinels were asked last; 0: never */
  _Atomic bool looked;        /* the server's settings were looked at */
  char warnings[512];         /* what it may lose; "" if nothing is known to */
} redis_store;

/* The deadline of an operation that begins now, and is over after one round trip or two. */
int64_t redis_deadline(const redis_store *s);

/* The time of an operation that needs a number of round trips which depends on how much there is. */
typedef struct redis_time {
  const redis_store *store;
  int64_t until;
} redis_time;

redis_time redis_time_begin(const redis_store *s);
/* There are so many keys to look at, or entities to move. */
void redis_time_extend(redis_time *t, uint64_t keys);
/* The deadline of the round trip that begins now. */
int64_t redis_time_step(const redis_time *t);
bool redis_time_is_over(const redis_time *t);

/* Makes routes known as far as necessary: the sentinels' master, the cluster's slots. */
hf_status redis_route_refresh(redis_store *s, int64_t deadline, hf_error *err);
/* The node of a slot (any number where there is no cluster), or of an address. */
int redis_route_slot(redis_store *s, int slot);
int redis_route_address(redis_store *s, const redis_address *address);
void redis_route_moved(redis_store *s, int slot, const redis_address *address);
/* The masters.  Returns how many. */
int redis_route_masters(redis_store *s, int nodes[REDIS_NODES]);

/* A link to the node, idle or new.  `careful`: one that rested is looked at first, and not taken when it is dead. */
hf_status redis_link_take(redis_store *s, int node, bool careful, int64_t deadline, redis_link **out, hf_error *err);
/* Returns it; with what went wrong on it, it is closed, and so are its idle siblings. */
void redis_link_give(redis_store *s, int node, redis_link *link, bool broken);
void redis_route_free(redis_store *s);

/* ---- commands */

typedef struct redis_command {
  size_t at, size; /* in the batch's text */
  int slot;        /* -1: any node, or the one in `node` */
  int node;        /* -1: that of the slot */
  bool asking;
  redisReply *reply; /* NULL: not yet */
} redis_command;

enum { REDIS_FEW = 4, REDIS_TEXT = 512 };

typedef struct redis_batch {
  redis_store *store;
  bool writes; /* what was sent and not answered must not be sent again */
  bool whole;  /* MULTI ... EXEC: all of it is sent again, or nothing */
  hf_buffer text;
  redis_command *commands;
  size_t count, capacity;
  redis_command few[REDIS_FEW];
} redis_batch;

void redis_batch_init(redis_batch *b, redis_store *s, bool writes);
void redis_batch_free(redis_batch *b);
/* Adds a command.  NULL: out of memory. */
redis_command *redis_batch_add(redis_batch *b, int slot, const hf_slice *words, size_t count);
/* Begins a command of that many words, which redis_batch_word() adds. */
redis_command *redis_batch_open(redis_batch *b, int slot, size_t words);
bool redis_batch_word(redis_batch *b, hf_slice word);
/* Sends all on one link, once, and waits for the replies.  Nothing is said about writes. */
hf_status redis_batch_run_on(redis_batch *b, redis_link *link, int64_t deadline, hf_error *err);
/* HF_OK, or that of the first error among the replies. */
hf_status redis_batch_check(const redis_batch *b, hf_error *err);

/* ---- pipelines */

/* Sends all, each to the node of its key, and waits for the replies.  HF_OK: each command has one, perhaps an error. */
hf_status redis_batch_run(redis_batch *b, int64_t deadline, hf_error *err);

/* A link to the node 0, of a store that is no cluster; tried again as batches are. */
hf_status redis_link_insist(redis_store *s, redis_link **out, int64_t deadline, hf_error *err);

/* ---- values */

/* What a reply to GET has: the text, HF_NOT_FOUND, HF_CORRUPT, or what an error reply means. */
hf_status redis_value(const redis_store *s, const redisReply *reply, hf_slice *json, hf_error *err);
/* What stands for the revision of a text: 52 bits of a digest of it, never 0.  Redis keeps none, and one of ours beside
 * the text would not change when other programs write. */
uint64_t redis_revision(hf_slice json);
/* Adds SET with the store's time to live. */
bool redis_add_set(redis_batch *b, hf_slice key, hf_slice json, bool if_absent);
/* Adds commands, between MULTI and EXEC where they are several, that write and remove everything. */
bool redis_add_all(redis_batch *b, const hf_slice *keys, const hf_slice *texts, size_t count);
/* What became of them: HF_CONFLICT when a watched key has changed. */
hf_status redis_check_all(const redis_batch *b, hf_error *err);

/* ---- lists and walks */

typedef bool (*redis_key_fn)(void *arg, hf_slice key);
typedef struct redis_txn redis_txn;

/* The ids of the entity type as they are in the server, and those that the transaction wrote; also those that it
 * removed.  The time grows with how many keys the server has. */
hf_status redis_list(redis_entity *e, const redis_txn *txn, redis_time *time, hf_listing **out, hf_error *err);
hf_status redis_list_names(redis_store *s, const redis_txn *txn, hf_page *page, hf_error *err);
hf_status redis_scan(void *store, void *txn, void *entity, const hf_scan *scan, hf_page *page, bool *more,
                     hf_error *err);
hf_status redis_get_many(void *store, void *txn, void *entity, const hf_key *keys, size_t count, hf_page *page,
                         hf_error *err);
void redis_walk_free(void *walk);
/* How many entities there are, within a time that has begun. */
hf_status redis_count_within(void *txn, void *entity, redis_time *time, uint64_t *n, hf_error *err);
hf_status redis_stat(void *store, void *txn, void *entity, hf_buffer *json, hf_error *err);

/* ---- transactions */

/* What GET would answer for each id, with the transaction's own writes: values[i] is a reply that belongs to the batch,
 * or texts[i] what it wrote itself, or both are missing: it removed it.  The server watches from now on what was read.
 */
hf_status redis_txn_values(redis_txn *t, const redis_entity *e, const hf_slice *ids, size_t count, redis_batch *b,
                           const redisReply **values, hf_slice *texts, int64_t deadline, hf_error *err);
hf_status redis_txn_put(redis_txn *t, hf_slice key, hf_slice json, hf_error *err);
hf_status redis_txn_remove(redis_txn *t, hf_slice key, hf_error *err);
/* Whether it removed the id. */
bool redis_txn_removed(const redis_txn *t, const redis_entity *e, hf_slice id);
/* Calls fn for each key that it wrote.  False: fn said so. */
bool redis_txn_each(const redis_txn *t, redis_key_fn fn, void *arg);
/* Adds the ids that it wrote to a sorted listing. */
hf_status redis_txn_add_ids(const redis_txn *t, const redis_entity *e, hf_listing *ids, hf_error *err);

hf_status redis_begin(void *store, hf_txn_kind kind, void *parent, void **txn, hf_error *err);
hf_status redis_commit(void *store, void *txn, hf_error *err);
void redis_abort(void *store, void *txn);

#endif
