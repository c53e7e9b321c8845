/* SPDX-License-Identifier: MIT
 *
 * The ids of a collection, and scans of them.
 *
 * Redis keeps keys in no order, so a scan lists the ids with SCAN, sorts them, and
 * then fetches values a window at a time with MGET.  The ids of a scan are kept between its pages, and so is the
 * window, unless this process has written meanwhile: then what was read ahead is read again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis.h"

enum {
  SCAN_COUNT = 2000,          /* keys that the server looks at in one step: about a millisecond */
  WINDOW_MAX = 2048,          /* values read ahead */
  WINDOW_BYTES = 1024 * 1024, /* of them, about */
  NAMES_PAGE = 10000,
  SEEN_MORE = 25000 /* keys that may come beside those that the database had */
};

/* ---- SCAN */

/* One pass over all keys that match on all masters.
 *
 * SCAN promises that it ends where the number of keys stays below some bound, and nothing else: not when, and a server
 * that is none, or has lost its wits, may answer for ever.  So the first step asks for the number of keys as well.
 * It says how long the pass may take, and how many keys can come. */
struct pass {
  hf__redis_store *store;
  hf_slice pattern;
  hf__redis_key_fn fn; /* is called for each key; false: out of memory */
  void *arg;
  hf__redis_time *time;
  bool asks_size;          /* with the next step */
  bool knows_size;         /* the server said how many keys there are: `size` */
  uint64_t size, seen;     /* keys */
  int count;               /* of masters */
  int nodes[REDIS_NODES];  /* them */
  bool ended[REDIS_NODES]; /* they have no more keys */
  char cursors[REDIS_NODES][24];
};

static bool add_to(hf__redis_batch *b, int node, const hf_slice *words, size_t count) {
  hf__redis_command *c = hf__redis_batch_add(b, -1, words, count);
  if (c) c->node = node;
  return c != NULL;
}

/* SCAN for each node that has more keys, then DBSIZE for all of those. */
static bool add_step(const struct pass *p, hf__redis_batch *b) {
  static const hf_slice dbsize = {"DBSIZE", 6};
  char size[16];
  bool ok = true;
  snprintf(size, sizeof size, "%d", SCAN_COUNT);
  for (int i = 0; i < p->count && ok; i++) {
    const hf_slice words[] = {hf_text("SCAN"), hf_text(p->cursors[i]), hf_text("MATCH"),
                              p->pattern,      hf_text("COUNT"),       hf_text(size)};
    if (!p->ended[i]) ok = add_to(b, p->nodes[i], words, 6);
  }
  for (int i = 0; i < p->count && ok && p->asks_size; i++)
    if (!p->ended[i]) ok = add_to(b, p->nodes[i], &dbsize, 1);
  return ok;
}

/* The replies to DBSIZE of the nodes that were asked.  Who may not ask must be done within the timeout. */
static hf_status take_sizes(struct pass *p, const hf__redis_command *commands, size_t count, hf_error *err) {
  uint64_t size = 0;
  for (size_t i = 0; i < count; i++) {
    const redisReply *r = commands[i].reply;
    if (r->type == REDIS_REPLY_ERROR) return HF_OK;
    if (r->type != REDIS_REPLY_INTEGER || r->integer < 0)
      return hf_error_set(err, HF_IO, "Redis answers DBSIZE with something else");
    size += (uint64_t)r->integer;
  }
  if (!p->knows_size || size > p->size) hf__redis_time_extend(p->time, size - p->size);
  if (size > p->size) p->size = size;
  p->knows_size = true;
  return HF_OK;
}

/* The reply of one node: its next cursor, and keys. */
static hf_status take_keys(struct pass *p, int node, const redisReply *r, hf_error *err) {
  if (r->type == REDIS_REPLY_ERROR) return hf__redis_fail_reply(p->store->config.mode, r, err);
  if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 || r->element[0]->type != REDIS_REPLY_STRING ||
      r->element[0]->len >= sizeof p->cursors[0] || r->element[1]->type != REDIS_REPLY_ARRAY)
    return hf_error_set(err, HF_IO, "Redis answers SCAN with something else");
  const redisReply *keys = r->element[1];
  const char *cursor = r->element[0]->str;
  p->ended[node] = strcmp(cursor, "0") == 0;
  if (!p->ended[node] && !keys->elements && strcmp(cursor, p->cursors[node]) == 0) {
    hf_error_set(err, HF_UNAVAILABLE,
                 "Redis answers SCAN %s with the same cursor and no keys, so that it would never end", cursor);
    err->retryable = false;
    return HF_UNAVAILABLE;
  }
  memcpy(p->cursors[node], cursor, r->element[0]->len + 1);
  p->seen += keys->elements;
  for (size_t k = 0; k < keys->elements; k++)
    if (keys->element[k]->type == REDIS_REPLY_STRING &&
        !p->fn(p->arg, (hf_slice){keys->element[k]->str, keys->element[k]->len}))
      return hf_error_no_memory(err);
  return HF_OK;
}

/* A key may come more than once, and there may be more keys than there were; but only so many. */
static bool has_too_many(const struct pass *p) { return p->knows_size && p->seen / 4 > p->size + SEEN_MORE; }

static hf_status fail_late(const struct pass *p, hf_error *err) {
  return hf_error_set(err, HF_TIMEOUT, "Redis: its keys were not listed within the deadline%s",
                      p->knows_size ? "" : ": allow the user DBSIZE, and it grows with the number of keys");
}

/* Whether to go on.  has_asked: the size was asked for just now. */
static hf_status check_pass(const struct pass *p, bool has_asked, hf_error *err) {
  if (has_asked && has_too_many(p)) {
    hf_error_set(err, HF_UNAVAILABLE, "Redis answers SCAN with %llu keys and more, where DBSIZE says %llu",
                 (unsigned long long)p->seen, (unsigned long long)p->size);
    err->retryable = false;
    return HF_UNAVAILABLE;
  }
  return hf__redis_time_is_over(p->time) ? fail_late(p, err) : HF_OK;
}

/* Asks each node for its next keys. */
static hf_status scan_step(struct pass *p, hf_error *err) {
  hf__redis_batch b;
  int asked[REDIS_NODES];
  size_t n = 0;
  for (int i = 0; i < p->count; i++)
    if (!p->ended[i]) asked[n++] = i;
  hf__redis_batch_init(&b, p->store, false);
  hf_status status =
      add_step(p, &b) ? hf__redis_batch_run(&b, hf__redis_time_step(p->time), err) : hf_error_no_memory(err);
  if (status == HF_OK && p->asks_size) status = take_sizes(p, b.commands + n, n, err);
  for (size_t i = 0; i < n && status == HF_OK; i++) status = take_keys(p, asked[i], b.commands[i].reply, err);
  hf__redis_batch_free(&b);
  return status;
}

static bool has_ended(const struct pass *p) {
  for (int i = 0; i < p->count; i++)
    if (!p->ended[i]) return false;
  return true;
}

static hf_status scan_pass(hf__redis_store *s, hf_slice pattern, hf__redis_key_fn fn, void *arg, hf__redis_time *time,
                           hf_error *err) {
  struct pass p = {.store = s, .pattern = pattern, .fn = fn, .arg = arg, .time = time, .asks_size = true};
  hf_status status = hf__redis_topology_refresh(s, hf__redis_time_step(time), err);
  if (status) return status;
  p.count = hf__redis_topology_masters(s, p.nodes);
  for (int i = 0; i < p.count; i++) strcpy(p.cursors[i], "0");
  for (bool begun = false;; begun = true) {
    status = scan_step(&p, err);
    if (status == HF_TIMEOUT && begun && hf__redis_time_is_over(time)) return fail_late(&p, err);
    if (status || has_ended(&p)) return status;
    status = check_pass(&p, p.asks_size, err);
    if (status) return status;
    p.asks_size = has_too_many(&p); /* it may have grown */
  }
}

/* Whether keys are moving between nodes: a mark of it in what each master says of itself.  *map: a digest of who has
 * which slots, to be compared with that of another moment. */
static hf_status look_for_moves(hf__redis_store *s, const hf__redis_time *time, bool *moving, uint64_t *map,
                                hf_error *err) {
  int nodes[REDIS_NODES];
  *moving = false;
  *map = 0;
  hf_status status = hf__redis_topology_refresh(s, hf__redis_time_step(time), err);
  if (status || s->config.mode != REDIS_CLUSTER) return status;
  hf__redis_batch b;
  hf__redis_batch_init(&b, s, false);
  int count = hf__redis_topology_masters(s, nodes);
  bool ok = true;
  for (int i = 0; i < count && ok; i++)
    ok = add_to(&b, nodes[i], (const hf_slice[]){hf_text("CLUSTER"), hf_text("NODES")}, 2);
  status = ok ? hf__redis_batch_run(&b, hf__redis_time_step(time), err) : hf_error_no_memory(err);
  if (status == HF_OK) status = hf__redis_batch_check(&b, err);
  for (size_t i = 0; i < b.count && status == HF_OK; i++) {
    const redisReply *r = b.commands[i].reply;
    *moving |= r->type != REDIS_REPLY_STRING || strstr(r->str, " [") != NULL;
  }
  hf__redis_batch_free(&b);
  pthread_mutex_lock(&s->lock);
  for (int i = 0; i < REDIS_SLOTS; i++) *map = (*map ^ (uint64_t)(s->slots[i] + 2)) * 0x100000001B3u;
  pthread_mutex_unlock(&s->lock);
  return status;
}

/* A key that moves from a node that was not asked yet to one that was is missed; it moves once, so that a second pass
 * finds it. */
static hf_status scan_keys(hf__redis_store *s, hf_slice pattern, hf__redis_key_fn fn, void *arg, hf__redis_time *time,
                           hf_error *err) {
  bool before, after;
  uint64_t map, map_after;
  hf_status status = look_for_moves(s, time, &before, &map, err);
  if (status == HF_OK) status = scan_pass(s, pattern, fn, arg, time, err);
  if (status || s->config.mode != REDIS_CLUSTER) return status;
  pthread_mutex_lock(&s->lock);
  s->stale = true;
  pthread_mutex_unlock(&s->lock);
  status = look_for_moves(s, time, &after, &map_after, err);
  if (status == HF_OK && (before || after || map != map_after)) status = scan_pass(s, pattern, fn, arg, time, err);
  return status;
}

/* ---- ids and names */

struct list {
  hf_id_list *ids;
  size_t prefix;
};

static bool add_id(void *arg, hf_slice key) {
  struct list *l = arg;
  return key.size < l->prefix || hf_id_list_add(l->ids, (hf_slice){key.data + l->prefix, key.size - l->prefix});
}

hf_status hf__redis_list(hf__redis_collection *e, const hf__redis_txn *txn, hf__redis_time *time, hf_id_list **out,
                         hf_error *err) {
  struct list l = {hf_id_list_new(), e->prefix.size};
  if (!l.ids) return hf_error_no_memory(err);
  hf_status status = scan_keys(e->store, e->pattern, add_id, &l, time, err);
  if (status == HF_OK) hf_id_list_sort(l.ids);
  if (status == HF_OK && txn) status = hf__redis_txn_add_ids(txn, e, l.ids, err);
  if (status) {
    hf_id_list_free(l.ids);
    return status;
  }
  *out = l.ids;
  return HF_OK;
}

hf_status hf__redis_count_within(void *txn, void *collection, hf__redis_time *time, uint64_t *n, hf_error *err) {
  hf_id_list *ids;
  hf_status status = hf__redis_list(collection, txn, time, &ids, err);
  if (status) return status;
  *n = hf_id_list_size(ids);
  for (size_t i = 0; txn && i < hf_id_list_size(ids); i++)
    *n -= hf__redis_txn_removed(txn, collection, hf_id_list_id(ids, i));
  hf_id_list_free(ids);
  return HF_OK;
}

/* Keys that we would write in another way are others'. */
static bool add_name(void *arg, hf_slice key) {
  hf_id_list *names = arg;
  char name[REDIS_KEY_MAX];
  if (!hf__redis_key_name(key, name)) return true;
  if (!hf_id_list_add(names, hf_text(name))) return false;
  if (hf_id_list_size(names) >= NAMES_PAGE) hf_id_list_sort(names);
  return true;
}

hf_status hf__redis_list_names(hf__redis_store *s, const hf__redis_txn *txn, hf_page *page, hf_error *err) {
  hf_id_list *names = hf_id_list_new();
  if (!names) return hf_error_no_memory(err);
  hf__redis_time time = hf__redis_time_begin(s);
  hf_status status = scan_keys(s, hf_text("*:*"), add_name, names, &time, err);
  if (status == HF_OK && txn && !hf__redis_txn_each(txn, add_name, names)) status = hf_error_no_memory(err);
  hf_id_list_sort(names);
  for (size_t i = 0; i < hf_id_list_size(names) && status == HF_OK; i++)
    if (!hf_page_add(page, hf_id_list_id(names, i), NULL, 0)) status = hf_error_no_memory(err);
  hf_id_list_free(names);
  return status;
}

/* ---- values */

/* What GET would answer for each key, in one command.  In a cluster, where keys have different homes, and an MGET is
 * refused while its slot is moving, by one for each: those of a node go there together.  The replies belong to the
 * batch.  expiries: see hf__redis_take_read(). */
static hf_status read_values(hf__redis_collection *e, const hf_slice *ids, size_t count, hf__redis_batch *b,
                             const redisReply **values, int64_t *expiries, int64_t deadline, hf_error *err) {
  char key[REDIS_KEY_MAX];
  bool cluster = e->store->config.mode == REDIS_CLUSTER;
  bool ok = cluster || hf__redis_add_read(b, 0, count, expiries != NULL);
  for (size_t i = 0; i < count && ok; i++) {
    hf_slice name = hf__redis_key(e, ids[i], key);
    if (cluster && !expiries) {
      ok = hf__redis_batch_add(b, hf__redis_slot(name), (const hf_slice[]){hf_text("GET"), name}, 2) != NULL;
    } else {
      if (cluster) ok = hf__redis_add_read(b, hf__redis_slot(name), 1, true);
      ok = ok && hf__redis_batch_word(b, name);
    }
  }
  hf_status status = ok ? hf__redis_batch_run(b, deadline, err) : hf_error_no_memory(err);
  if (status) return status;
  if (!cluster) return hf__redis_take_read(b, b->commands[0].reply, values, expiries, count, err);
  for (size_t i = 0; i < count && status == HF_OK; i++) {
    if (!expiries)
      values[i] = b->commands[i].reply;
    else
      status = hf__redis_take_read(b, b->commands[i].reply, values + i, expiries + i, 1, err);
  }
  return status;
}

/* The same; who may not run scripts does not learn when entities expire. */
static hf_status read_values_or_less(hf__redis_collection *e, const hf_slice *ids, size_t count, hf__redis_batch *b,
                                     const redisReply **values, int64_t *expiries, int64_t deadline, hf_error *err) {
  if (expiries && hf__redis_may_script(e->store)) {
    hf_status status = read_values(e, ids, count, b, values, expiries, deadline, err);
    if (!status || !hf__redis_refuses_scripts(e->store, b)) return status;
    hf__redis_batch_free(b);
    hf__redis_batch_init(b, e->store, false);
  }
  return read_values(e, ids, count, b, values, NULL, deadline, err);
}

/* MGET says nil also for keys of other types: those that look missing are asked for their type. */
static hf_status find_wrong(hf__redis_collection *e, const hf_slice *ids, const redisReply **values, size_t count,
                            bool *wrong, int64_t deadline, hf_error *err) {
  char key[REDIS_KEY_MAX];
  hf__redis_batch b;
  hf__redis_batch_init(&b, e->store, false);
  bool ok = true;
  for (size_t i = 0; i < count && ok; i++) {
    if (!values[i] || values[i]->type != REDIS_REPLY_NIL) continue;
    hf_slice name = hf__redis_key(e, ids[i], key);
    ok = hf__redis_batch_add(&b, hf__redis_slot(name), (const hf_slice[]){hf_text("TYPE"), name}, 2) != NULL;
  }
  hf_status status = !ok ? hf_error_no_memory(err) : b.count ? hf__redis_batch_run(&b, deadline, err) : HF_OK;
  for (size_t i = 0, n = 0; b.count && i < count && status == HF_OK; i++) {
    if (!values[i] || values[i]->type != REDIS_REPLY_NIL) continue;
    const redisReply *type = b.commands[n++].reply;
    wrong[i] = type->type == REDIS_REPLY_STATUS && strcmp(type->str, "none") != 0 && strcmp(type->str, "string") != 0;
  }
  hf__redis_batch_free(&b);
  return status;
}

static const char wrong_type[] = "its key holds another Redis type, not a string";

/* What is known of some ids after they were read. */
struct found {
  hf__redis_batch batch; /* owns the replies */
  const redisReply **values;
  hf_slice *texts; /* of those that the transaction itself wrote */
  int64_t *expiries;
  bool *wrong;
};

static hf_status find(hf__redis_collection *e, hf__redis_txn *txn, const hf_slice *ids, size_t count, bool with_info,
                      struct found *f, int64_t deadline, hf_error *err) {
  hf__redis_batch_init(&f->batch, e->store, false);
  f->values = calloc(count, sizeof *f->values);
  f->texts = calloc(count, sizeof *f->texts);
  f->wrong = calloc(count, sizeof *f->wrong);
  f->expiries = calloc(count, sizeof *f->expiries);
  if (!f->values || !f->texts || !f->wrong || !f->expiries) return hf_error_no_memory(err);
  int64_t *expiries = with_info ? f->expiries : NULL;
  hf_status status =
      txn ? hf__redis_txn_values(txn, e, ids, count, &f->batch, f->values, f->texts, expiries, deadline, err)
          : read_values_or_less(e, ids, count, &f->batch, f->values, expiries, deadline, err);
  return status ? status : find_wrong(e, ids, f->values, count, f->wrong, deadline, err);
}

static void found_free(struct found *f) {
  free(f->values);
  free(f->texts);
  free(f->wrong);
  free(f->expiries);
  hf__redis_batch_free(&f->batch);
}

/* How entries are fetched. */
struct fetching {
  bool keep_corrupt; /* an unreadable one becomes an entry whose json is what is wrong, and does not end it */
  bool with_info;    /* its info is wanted */
};

/* Adds an entry for each id.  An unreadable one ends it with HF_CORRUPT. */
static hf_status fetch(hf__redis_collection *e, hf__redis_txn *txn, const hf_slice *ids, size_t count,
                       struct fetching how, int64_t deadline, hf_page *page, hf_error *err) {
  struct found f;
  hf_status status = find(e, txn, ids, count, how.with_info, &f, deadline, err);
  for (size_t i = 0; i < count && status == HF_OK; i++) {
    hf_error why;
    hf_slice json = f.texts[i];
    hf_status read = HF_OK;
    if (f.wrong[i])
      read = hf_error_set(&why, HF_CORRUPT, "%s", wrong_type);
    else if (!json.data)
      read = f.values[i] ? hf__redis_value(e->store, f.values[i], &json, &why) : HF_NOT_FOUND;
    if (read != HF_OK && read != HF_NOT_FOUND && !(read == HF_CORRUPT && how.keep_corrupt)) {
      *err = why;
      status = read;
      break;
    }
    if (read == HF_CORRUPT) json = hf_text(why.message);
    if (read == HF_NOT_FOUND) json = (hf_slice){NULL, 0};
    hf_entry *entry = hf_page_add(page, ids[i], json.data, json.size);
    if (!entry) {
      status = hf_error_no_memory(err);
      break;
    }
    entry->status = read;
    if (read == HF_OK) entry->info = (hf_info){.revision = hf__redis_revision(json), .expires_at = f.expiries[i]};
  }
  found_free(&f);
  return status;
}

hf_status hf__redis_get_many(void *store, void *txn, void *collection, const hf_key *keys, size_t count, hf_page *page,
                             hf_error *err) {
  hf_status status = HF_OK;
  hf_slice ids[WINDOW_MAX];
  hf__redis_time time = hf__redis_time_begin(store);
  hf__redis_time_extend(&time, count);
  for (size_t first = 0; first < count && status == HF_OK; first += WINDOW_MAX) {
    size_t n = count - first < WINDOW_MAX ? count - first : WINDOW_MAX;
    for (size_t i = 0; i < n; i++) ids[i] = keys[first + i].id;
    status = fetch(collection, txn, ids, n, (struct fetching){false, true}, hf__redis_time_step(&time), page, err);
  }
  return status;
}

/* ---- scans */

struct open_scan {
  hf_id_list *ids;
  hf_page *ahead;       /* what was read ahead: entries in the direction of the scan */
  size_t next;          /* of them */
  size_t window;        /* how many to read next time */
  unsigned long writes; /* of the process when they were read */
};

void hf__redis_open_scan_free(void *kept) {
  struct open_scan *w = kept;
  if (!w) return;
  hf_id_list_free(w->ids);
  hf_page_free(w->ahead);
  free(w);
}

static hf_status new_open_scan(hf__redis_collection *e, hf__redis_txn *txn, hf__redis_time *time,
                               struct open_scan **out, hf_error *err) {
  struct open_scan *w = calloc(1, sizeof *w);
  if (!w || !(w->ahead = hf_page_new())) {
    free(w);
    return hf_error_no_memory(err);
  }
  hf_status status = hf__redis_list(e, txn, time, &w->ids, err);
  if (status) {
    hf__redis_open_scan_free(w);
    return status;
  }
  w->writes = atomic_load(&e->store->writes);
  *out = w;
  return HF_OK;
}

/* Reads the next values: `count` ids at most, from index `at` on, in the direction of the scan. */
static hf_status read_ahead(hf__redis_collection *e, hf__redis_txn *txn, struct open_scan *w, const hf_scan *scan,
                            size_t at, size_t edge, int64_t deadline, hf_error *err) {
  hf_slice ids[WINDOW_MAX];
  size_t n = 0, have, bytes = 0;
  size_t wanted = w->window ? w->window : scan->limit < WINDOW_MAX ? scan->limit : WINDOW_MAX;
  for (size_t i = at; n < wanted && i != edge; i += scan->reverse ? (size_t)-1 : 1) {
    hf_slice id = hf_id_list_id(w->ids, scan->reverse ? i - 1 : i);
    if (hf_scan_matches(scan, id)) ids[n++] = id;
  }
  hf_page_free(w->ahead);
  if (!(w->ahead = hf_page_new())) return hf_error_no_memory(err);
  w->next = 0;
  w->writes = atomic_load(&e->store->writes);
  struct fetching how = {.keep_corrupt = true, .with_info = !scan->without_info};
  hf_status status = n ? fetch(e, txn, ids, n, how, deadline, w->ahead, err) : HF_OK;
  if (status) return status;
  const hf_entry *entries = hf_page_entries(w->ahead, &have);
  for (size_t i = 0; i < have; i++) bytes += entries[i].json.size;
  size_t fits = n ? WINDOW_BYTES / (bytes / n + 1) : WINDOW_MAX;
  w->window = 4 * wanted < WINDOW_MAX ? 4 * wanted : WINDOW_MAX;
  if (fits < w->window) w->window = fits ? fits : 1;
  return HF_OK;
}

/* Hands out one entry.  HF_NOT_FOUND: it is gone. */
static hf_status hand_out(const hf_entry *from, const hf_scan *scan, hf_page *page, hf_error *err) {
  if (from->status == HF_NOT_FOUND) return HF_NOT_FOUND;
  hf_slice text = from->json;
  if (from->status == HF_CORRUPT && !scan->report_corrupt) {
    hf_page_fail_at(page, from->id);
    return hf_error_set(err, HF_CORRUPT, "%.*s", (int)(text.size < 900 ? text.size : 900), text.data);
  }
  hf_entry *entry = hf_page_add(page, from->id, text.data, text.size);
  if (!entry) return hf_error_no_memory(err);
  entry->status = from->status;
  entry->info = from->info;
  return HF_OK;
}

struct position {
  size_t at, edge; /* boundaries between ids: the scan goes from one to the other */
  size_t last;     /* index of the last id that was passed; SIZE_MAX: none */
};

static hf_status fill(hf__redis_collection *e, hf__redis_txn *txn, struct open_scan *w, const hf_scan *scan,
                      struct position *p, const hf__redis_time *time, hf_page *page, hf_error *err) {
  size_t added = 0, bytes = 0;
  while (p->at != p->edge && added < scan->limit && !(added && bytes >= scan->max_bytes)) {
    size_t index = scan->reverse ? p->at - 1 : p->at, have;
    hf_slice id = hf_id_list_id(w->ids, index);
    hf_status status = HF_OK;
    if (scan->keys_only || !hf_scan_matches(scan, id)) {
      bool gone = txn && hf__redis_txn_removed(txn, e, id);
      if (hf_scan_matches(scan, id) && !gone && (added++, !hf_page_add(page, id, NULL, 0)))
        return hf_error_no_memory(err);
    } else {
      hf_page_entries(w->ahead, &have);
      if (w->next == have || w->writes != atomic_load(&e->store->writes)) {
        status = read_ahead(e, txn, w, scan, p->at, p->edge, hf__redis_time_step(time), err);
        if (status) return status;
      }
      const hf_entry *from = &hf_page_entries(w->ahead, &have)[w->next++];
      status = hand_out(from, scan, page, err);
      if (status == HF_OK) added++;
      bytes += from->json.size;
    }
    p->last = index;
    p->at = scan->reverse ? p->at - 1 : p->at + 1;
    if (status && status != HF_NOT_FOUND) return status;
  }
  return HF_OK;
}

hf_status hf__redis_scan(void *store, void *txn, void *collection, const hf_scan *scan, hf_page *page, bool *more,
                         hf_error *err) {
  hf__redis_store *s = store;
  hf__redis_collection *e = collection;
  size_t first, end;
  hf__redis_time time = hf__redis_time_begin(s);
  struct open_scan *w = hf_scan_cache_take(s->scans, e, scan->scan_id);
  hf_status status = w ? HF_OK : new_open_scan(e, txn, &time, &w, err);
  if (status) return status;
  hf_id_list_range(w->ids, scan, &first, &end);
  if (end < first) end = first;
  struct position p = {scan->reverse ? end : first, scan->reverse ? first : end, SIZE_MAX};
  status = fill(e, txn, w, scan, &p, &time, page, err);
  *more = p.at != p.edge;
  if (p.last != SIZE_MAX && !hf_page_resume(page, hf_id_list_order(w->ids, p.last)) && status == HF_OK)
    status = hf_error_no_memory(err);
  if (*more && (status == HF_OK || status == HF_CORRUPT))
    hf_scan_cache_leave(s->scans, e, scan->scan_id, w);
  else
    hf__redis_open_scan_free(w);
  return status;
}
