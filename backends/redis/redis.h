/* SPDX-License-Identifier: MIT
 *
 * What the files of this backend share.
 *
 *   redis.c         the slots
 *   stat.c          what is known of the server
 *   scan.c          the ids of a collection, and scans of them
 *   log.c           the log of changes: its setting, and writes that are logged
 *   log_read.c      reading it
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
 * Deadlines are nanoseconds on hf_clock_ns().  Each slot sets one, or a hf__redis_time where it needs many round trips,
 * and everything below keeps to it.
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
typedef struct hf__redis_bounds {
  redisReplyObjectFunctions theirs, ours; /* hiredis' own, and those that look before they call them */
  size_t elements_max;
  size_t elements, bytes; /* of the reply that is being read */
  char problem[96];       /* "": none */
} hf__redis_bounds;

/* A reader that keeps to the bounds, which must stay where they are as long as it.  NULL: out of memory. */
redisReader *hf__redis_bounds_reader(hf__redis_bounds *b);
/* Says how many elements the next reply may have, where that can be many. */
void hf__redis_bounds_allow(hf__redis_bounds *b, size_t elements);
/* What is wrong with what came so far; NULL: nothing.  To be called when there is no whole reply. */
const char *hf__redis_bounds_check(hf__redis_bounds *b, const redisReader *reader);
/* Whether that is only that there was no memory for the reply. */
bool hf__redis_bounds_is_memory(const hf__redis_bounds *b, const redisReader *reader);

/* ---- links */

typedef struct hf__redis_tls hf__redis_tls;

/* One connection.  Used by one thread at a time. */
typedef struct hf__redis_connection {
  int fd;
  hf__redis_tls *tls; /* NULL: plain */
  redisReader *reader;
  hf__redis_bounds bounds;
  hf__redis_address address;
  int timeout_ms;      /* of reads, as the socket has it now */
  bool began;          /* bytes were handed to the system since link_begin() */
  unsigned long epoch; /* of its node, when it was made */
  struct hf__redis_connection *next;
} hf__redis_connection;

/* Connects.  HF_UNAVAILABLE or HF_TIMEOUT. */
hf_status hf__redis_connection_open(const hf__redis_config *c, const hf__redis_address *address, int64_t deadline,
                                    hf__redis_connection **out, hf_error *err);
void hf__redis_connection_close(hf__redis_connection *connection);
/* Whether an idle connection can be used: the other side has neither closed it nor said something unasked, which would
 * be taken for the reply to what is sent next. */
bool hf__redis_connection_is_idle(const hf__redis_connection *connection);
/* The same as a status, with nothing sent: HF_UNAVAILABLE. */
hf_status hf__redis_connection_expect_idle(hf__redis_connection *connection, hf_error *err);
/* Whether everything that came was asked for: what is left over would be taken for the reply to another command. */
bool hf__redis_connection_is_clean(const hf__redis_connection *connection);
/* Sends all bytes; reads meanwhile what comes, so that no two buffers wait for each other. */
hf_status hf__redis_connection_send(hf__redis_connection *connection, const char *data, size_t size, int64_t deadline,
                                    hf_error *err);
/* The next reply, which may be an error reply; freed by freeReplyObject(). */
hf_status hf__redis_connection_receive(hf__redis_connection *connection, redisReply **out, int64_t deadline,
                                       hf_error *err);

/* TLS over bytes that connection.c moves. */
hf_status hf__redis_tls_new(const hf__redis_config *c, const char *host, hf__redis_tls **out, hf_error *err);
void hf__redis_tls_free(hf__redis_tls *tls);
/* One step of the handshake.  *done: it is complete. */
hf_status hf__redis_tls_handshake(hf__redis_tls *tls, bool *done, hf_error *err);
/* Encrypts; what is to be sent is then given by hf__redis_tls_pending(). */
hf_status hf__redis_tls_write(hf__redis_tls *tls, const char *data, size_t size, hf_error *err);
size_t hf__redis_tls_pending(hf__redis_tls *tls, char *out, size_t capacity);
/* Takes in received bytes; hf__redis_tls_read() gives the plain ones, 0 when there are none yet. */
hf_status hf__redis_tls_feed(hf__redis_tls *tls, const char *data, size_t size, hf_error *err);
hf_status hf__redis_tls_read(hf__redis_tls *tls, char *out, size_t capacity, size_t *size, hf_error *err);

/* ---- stores and routes */

enum { REDIS_NODES = 512, REDIS_IDLE = 16 };

typedef struct hf__redis_node {
  hf__redis_address address;
  hf__redis_connection *idle; /* the one used last first */
  int idle_count;
  unsigned long epoch; /* links of earlier ones are not kept */
} hf__redis_node;

typedef struct hf__redis_store {
  hf__redis_config config;
  char *url; /* without password */
  hf_options options;
  hf_scan_cache *scans;
  _Atomic unsigned long writes; /* of this process: what was read ahead before one is read again */
  pthread_mutex_t refreshing;   /* held by the thread that asks for routes */
  pthread_mutex_t lock;         /* guards what follows */
  hf__redis_node *nodes[REDIS_NODES];
  int node_count;
  int16_t slots[REDIS_SLOTS]; /* cluster: index of the node; -1: unknown */
  bool stale;                 /* the map of slots, or the master's address, is to be read again */
  int64_t resolved_at;        /* when the sentinels were asked last; 0: never */
  _Atomic bool looked;        /* the server's settings were looked at */
  _Atomic bool no_scripts;    /* the user may not run any */
  _Atomic bool log_is_on;     /* there is a log of changes, or was when it was looked for */
  _Atomic int64_t log_looked_at;
  char warnings[512]; /* what it may lose; "" if nothing is known to */
} hf__redis_store;

/* The deadline of an operation that begins now, and is over after one round trip or two. */
int64_t hf__redis_deadline(const hf__redis_store *s);

/* The time of an operation that needs a number of round trips which depends on how much there is. */
typedef struct hf__redis_time {
  const hf__redis_store *store;
  int64_t until;
} hf__redis_time;

hf__redis_time hf__redis_time_begin(const hf__redis_store *s);
/* There are so many keys to look at, or entities to move. */
void hf__redis_time_extend(hf__redis_time *t, uint64_t keys);
/* The deadline of the round trip that begins now. */
int64_t hf__redis_time_step(const hf__redis_time *t);
bool hf__redis_time_is_over(const hf__redis_time *t);

/* Makes routes known as far as necessary: the sentinels' master, the cluster's slots. */
hf_status hf__redis_topology_refresh(hf__redis_store *s, int64_t deadline, hf_error *err);
/* The node of a slot (any number where there is no cluster), or of an address. */
int hf__redis_topology_slot(hf__redis_store *s, int slot);
int hf__redis_topology_address(hf__redis_store *s, const hf__redis_address *address);
void hf__redis_topology_moved(hf__redis_store *s, int slot, const hf__redis_address *address);
/* The masters.  Returns how many. */
int hf__redis_topology_masters(hf__redis_store *s, int nodes[REDIS_NODES]);

/* A connection to the node, idle or new.  One that is not idle any more is closed. */
hf_status hf__redis_connection_take(hf__redis_store *s, int node, int64_t deadline, hf__redis_connection **out,
                                    hf_error *err);
/* Returns it; with what went wrong on it, it is closed, and so are its idle siblings. */
void hf__redis_connection_give(hf__redis_store *s, int node, hf__redis_connection *connection, bool broken);
void hf__redis_topology_free(hf__redis_store *s);

/* ---- commands */

typedef struct hf__redis_command {
  size_t at, size; /* in the batch's text */
  int slot;        /* -1: any node, or the one in `node` */
  int node;        /* -1: that of the slot */
  bool asking;
  redisReply *reply; /* NULL: not yet */
} hf__redis_command;

enum { REDIS_FEW = 4, REDIS_TEXT = 512 };

typedef struct hf__redis_batch {
  hf__redis_store *store;
  bool writes; /* what was sent and not answered must not be sent again */
  bool whole;  /* MULTI ... EXEC: all of it is sent again, or nothing */
  hf_buffer text;
  hf__redis_command *commands;
  size_t count, capacity;
  hf__redis_command few[REDIS_FEW];
} hf__redis_batch;

void hf__redis_batch_init(hf__redis_batch *b, hf__redis_store *s, bool writes);
void hf__redis_batch_free(hf__redis_batch *b);
/* Adds a command.  NULL: out of memory. */
hf__redis_command *hf__redis_batch_add(hf__redis_batch *b, int slot, const hf_slice *words, size_t count);
/* Begins a command of that many words, which hf__redis_batch_word() adds. */
hf__redis_command *hf__redis_batch_open(hf__redis_batch *b, int slot, size_t words);
bool hf__redis_batch_word(hf__redis_batch *b, hf_slice word);
/* Sends all on one connection, once, and waits for the replies.  Nothing is said about writes. */
hf_status hf__redis_batch_run_on(hf__redis_batch *b, hf__redis_connection *connection, int64_t deadline, hf_error *err);
/* HF_OK, or that of the first error among the replies. */
hf_status hf__redis_batch_check(const hf__redis_batch *b, hf_error *err);

/* ---- pipelines */

/* Sends all, each to the node of its key, and waits for the replies.  HF_OK: each command has one, perhaps an error. */
hf_status hf__redis_batch_run(hf__redis_batch *b, int64_t deadline, hf_error *err);

/* A connection to the node 0, of a store that is not a cluster; tried again as batches are. */
hf_status hf__redis_connection_insist(hf__redis_store *s, hf__redis_connection **out, int64_t deadline, hf_error *err);

/* ---- values */

/* What a reply to GET has: the text, HF_NOT_FOUND, HF_CORRUPT, or what an error reply means. */
hf_status hf__redis_value(const hf__redis_store *s, const redisReply *reply, hf_slice *json, hf_error *err);
/* What stands for the revision of a text: 52 bits of a digest of it, never 0.  Redis keeps none, and one of ours beside
 * the text would not change when other programs write. */
uint64_t hf__redis_revision(hf_slice json);
/* What SET is told of when the value expires: no words, or two.  Returns how many.
 *   expires_at  ms since 1970; 0: after the store's time to live, where it has one */
size_t hf__redis_expiry_words(const hf__redis_store *s, int64_t expires_at, char number[24], hf_slice words[2]);
/* Adds SET. */
bool hf__redis_add_set(hf__redis_batch *b, hf_slice key, hf_slice json, int64_t expires_at, bool if_absent);
/* Adds commands, between MULTI and EXEC where they are several, that write and remove everything. */
bool hf__redis_add_all(hf__redis_batch *b, const hf_slice *keys, const hf_slice *texts, const int64_t *expiries,
                       size_t count);
/* Adds a command that reads the values of keys, which hf__redis_batch_word() adds next: `count` of them, which in a
 * cluster are of one slot.  with_expiries: and when each of them expires, all of one moment. */
bool hf__redis_add_read(hf__redis_batch *b, int slot, size_t count, bool with_expiries);
/* Whether scripts may be tried, and whether one of the batch was refused to the user: then they are not tried again. */
bool hf__redis_may_script(hf__redis_store *s);
bool hf__redis_refuses_scripts(hf__redis_store *s, const hf__redis_batch *b);
/* Looks at what such a command was answered: values[i] are the replies to GET, and expiries[i], unless that is NULL,
 * ms since 1970, 0 for never. */
hf_status hf__redis_take_read(const hf__redis_batch *b, const redisReply *reply, const redisReply **values,
                              int64_t *expiries, size_t count, hf_error *err);
/* What became of them: HF_CONFLICT when a watched key has changed. */
hf_status hf__redis_check_all(const hf__redis_batch *b, hf_error *err);

/* ---- the log of changes: a stream, written by the same script as what changes
 *
 *   %holdfast:changes  the stream.  Its ids are REVISION-PLACE; an entry has the time of its commit, what was done, and
 *                      the key
 *   %holdfast:log      a hash: the newest revision and its time; the setting, "kept", without which there is no log,
 * and what it says as numbers; and "from", the oldest revision all of whose entries are there
 *
 * No entity name has such a key: "%ho" is no escape.
 *
 * A plain SET would do without it, so each process has to know whether there is a log.  It asks when it has not for a
 * second, and what it was told holds for that second only; and who turns the log on waits longer than that before it
 * says that the log is complete. */

#define REDIS_LOG "%holdfast:log"
#define REDIS_CHANGES "%holdfast:changes"

/* Whether writes have to be logged, for those that begin now.  A cluster keeps no log. */
hf_status hf__redis_log_look(hf__redis_store *s, bool *is_on, int64_t deadline, hf_error *err);

/* What a logged write is bound to. */
typedef enum hf__redis_if { REDIS_IF_NOTHING, REDIS_IF_ABSENT, REDIS_IF_SAME } hf__redis_if;

/* Adds the command that makes changes and logs them, whole or not at all: it answers how many keys it has changed, 0
 * also where the condition does not hold.
 *   texts     data NULL: the key is removed
 *   present   with REDIS_IF_SAME: the text that the one key has to have */
bool hf__redis_add_logged(hf__redis_batch *b, const hf_slice *keys, const hf_slice *texts, const int64_t *expiries,
                          size_t count, hf__redis_if condition, hf_slice present);

/* The slots. */
hf_status hf__redis_changes_read(void *store, const hf_changes_scan *scan, hf_change_fn fn, void *arg,
                                 hf_changes_reach *reach, hf_error *err);
hf_status hf__redis_changes_revision_at(void *store, int64_t time, uint64_t *revision, hf_changes_reach *reach,
                                        hf_error *err);
hf_status hf__redis_changes_purge(void *store, void *collection, const hf_key *key, uint64_t *purged, hf_error *err);
hf_status hf__redis_settings_get(void *store, hf_page *page, hf_error *err);
hf_status hf__redis_settings_put(void *store, const hf_setting_change *changes, size_t count, unsigned format,
                                 hf_error *err);

/* Its settings; ends in NULL. */
extern const char *const hf__redis_settings[];

/* ---- lists and scans */

typedef bool (*hf__redis_key_fn)(void *arg, hf_slice key);
typedef struct hf__redis_txn hf__redis_txn;

/* The ids of the collection as they are in the server, and those that the transaction wrote; also those that it
 * removed.  The time grows with how many keys the server has. */
hf_status hf__redis_list(hf__redis_collection *e, const hf__redis_txn *txn, hf__redis_time *time, hf_id_list **out,
                         hf_error *err);
hf_status hf__redis_list_names(hf__redis_store *s, const hf__redis_txn *txn, hf_page *page, hf_error *err);
hf_status hf__redis_scan(void *store, void *txn, void *collection, const hf_scan *scan, hf_page *page, bool *more,
                         hf_error *err);
hf_status hf__redis_get_many(void *store, void *txn, void *collection, const hf_key *keys, size_t count, hf_page *page,
                             hf_error *err);
void hf__redis_open_scan_free(void *kept);
/* How many entities there are, within a time that has begun. */
hf_status hf__redis_count_within(void *txn, void *collection, hf__redis_time *time, uint64_t *n, hf_error *err);
hf_status hf__redis_stat(void *store, void *txn, void *collection, hf_buffer *json, hf_error *err);

/* ---- transactions */

/* What GET would answer for each id, with the transaction's own writes: values[i] is a reply that belongs to the batch,
 * or texts[i] what it wrote itself, or both are missing: it removed it.  The server watches from now on what was read.
 *   expiries  receives when each expires; NULL: nobody wants to know */
hf_status hf__redis_txn_values(hf__redis_txn *t, const hf__redis_collection *e, const hf_slice *ids, size_t count,
                               hf__redis_batch *b, const redisReply **values, hf_slice *texts, int64_t *expiries,
                               int64_t deadline, hf_error *err);
hf_status hf__redis_txn_put(hf__redis_txn *t, hf_slice key, hf_slice json, int64_t expires_at, hf_error *err);
hf_status hf__redis_txn_remove(hf__redis_txn *t, hf_slice key, hf_error *err);
/* Whether it removed the id, or what it wrote has expired. */
bool hf__redis_txn_removed(const hf__redis_txn *t, const hf__redis_collection *e, hf_slice id);
/* Calls fn for each key that it wrote.  False: fn said so. */
bool hf__redis_txn_each(const hf__redis_txn *t, hf__redis_key_fn fn, void *arg);
/* Adds the ids that it wrote to a sorted listing. */
hf_status hf__redis_txn_add_ids(const hf__redis_txn *t, const hf__redis_collection *e, hf_id_list *ids, hf_error *err);

hf_status hf__redis_begin(void *store, hf_txn_kind kind, void *parent, void **txn, hf_error *err);
hf_status hf__redis_commit(void *store, void *txn, hf_error *err);
void hf__redis_abort(void *store, void *txn);

#endif
