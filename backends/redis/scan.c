/* SPDX-License-Identifier: MIT
 *
 * The ids of an entity type, and walks over them.
 *
 * Redis keeps keys in no order, so a walk lists the ids with SCAN, sorts them, and
 * then fetches values a window at a time with MGET.  The ids of a walk are kept between its pages, and so is the
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
  NAMES_PAGE = 10000
};

static hf_status memory(hf_error *err) {
  hf_error_set(err, HF_IO, "out of memory");
  return HF_IO;
}

/* ---- SCAN */

/* Asks each node for its next keys; cursors[i] becomes NULL when it has no more. */
static hf_status scan_step(redis_store *s, hf_slice pattern, const int *nodes, char (*cursors)[24], bool *ended,
                           int count, redis_key_fn fn, void *arg, int64_t deadline, hf_error *err) {
  redis_batch b;
  char size[16];
  int asked[REDIS_NODES];
  size_t n = 0;
  snprintf(size, sizeof size, "%d", SCAN_COUNT);
  redis_batch_init(&b, s, false);
  bool ok = true;
  for (int i = 0; i < count && ok; i++) {
    if (ended[i]) continue;
    const hf_slice words[] = {hf_text("SCAN"), hf_text(cursors[i]), hf_text("MATCH"),
                              pattern,         hf_text("COUNT"),    hf_text(size)};
    redis_command *c = redis_batch_add(&b, -1, words, 6);
    if (c) c->node = nodes[i];
    asked[n++] = i;
    ok = c != NULL;
  }
  hf_status status = ok ? redis_batch_run(&b, deadline, err) : memory(err);
  if (status == HF_OK) status = redis_batch_check(&b, err);
  for (size_t i = 0; i < n && status == HF_OK; i++) {
    const redisReply *r = b.commands[i].reply;
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 || r->element[0]->type != REDIS_REPLY_STRING ||
        r->element[0]->len >= 24 || r->element[1]->type != REDIS_REPLY_ARRAY) {
      status = hf_error_set(err, HF_IO, "Redis answers SCAN with something else");
      break;
    }
    memcpy(cursors[asked[i]], r->element[0]->str, r->element[0]->len + 1);
    ended[asked[i]] = strcmp(cursors[asked[i]], "0") == 0;
    const redisReply *keys = r->element[1];
    for (size_t k = 0; k < keys->elements && ok; k++)
      ok = keys->element[k]->type != REDIS_REPLY_STRING ||
           fn(arg, (hf_slice){keys->element[k]->str, keys->element[k]->len});
    if (!ok) status = memory(err);
  }
  redis_batch_free(&b);
  return status;
}

/* All keys that match on all masters. */
static hf_status scan_pass(redis_store *s, hf_slice pattern, redis_key_fn fn, void *arg, hf_error *err) {
  int nodes[REDIS_NODES];
  char cursors[REDIS_NODES][24];
  bool ended[REDIS_NODES] = {false}, going = true;
  hf_status status = redis_route_refresh(s, redis_deadline(s), err);
  if (status) return status;
  int count = redis_route_masters(s, nodes);
  for (int i = 0; i < count; i++) strcpy(cursors[i], "0");
  while (going && status == HF_OK) {
    /* Each step has a deadline of its own: a walk over many keys takes as long as it takes. */
    status = scan_step(s, pattern, nodes, cursors, ended, count, fn, arg, redis_deadline(s), err);
    going = false;
    for (int i = 0; i < count; i++) going |= !ended[i];
  }
  return status;
}

/* Whether keys are moving between nodes: a mark of it in what each master says of itself.  *map: a digest of who has
 * which slots, to be compared with that of another moment. */
static hf_status look_for_moves(redis_store *s, bool *moving, uint64_t *map, hf_error *err) {
  int nodes[REDIS_NODES];
  *moving = false;
  *map = 0;
  hf_status status = redis_route_refresh(s, redis_deadline(s), err);
  if (status || s->config.mode != REDIS_CLUSTER) return status;
  redis_batch b;
  redis_batch_init(&b, s, false);
  int count = redis_route_masters(s, nodes);
  bool ok = true;
  for (int i = 0; i < count && ok; i++) {
    redis_command *c = redis_batch_add(&b, -1, (const hf_slice[]){hf_text("CLUSTER"), hf_text("NODES")}, 2);
    if (c) c->node = nodes[i];
    ok = c != NULL;
  }
  status = ok ? redis_batch_run(&b, redis_deadline(s), err) : memory(err);
  if (status == HF_OK) status = redis_batch_check(&b, err);
  for (size_t i = 0; i < b.count && status == HF_OK; i++) {
    const redisReply *r = b.commands[i].reply;
    *moving |= r->type != REDIS_REPLY_STRING || strstr(r->str, " [") != NULL;
  }
  redis_batch_free(&b);
  pthread_mutex_lock(&s->lock);
  for (int i = 0; i < REDIS_SLOTS; i++) *map = (*map ^ (uint64_t)(s->slots[i] + 2)) * 0x100000001B3u;
  pthread_mutex_unlock(&s->lock);
  return status;
}

/* A key that moves from a node that was not asked yet to one that was is missed; it moves once, so that a second pass
 * finds it. */
static hf_status scan_keys(redis_store *s, hf_slice pattern, redis_key_fn fn, void *arg, hf_error *err) {
  bool before, behind;
  uint64_t map, map_behind;
  hf_status status = look_for_moves(s, &before, &map, err);
  if (status == HF_OK) status = scan_pass(s, pattern, fn, arg, err);
  if (status || s->config.mode != REDIS_CLUSTER) return status;
  pthread_mutex_lock(&s->lock);
  s->stale = true;
  pthread_mutex_unlock(&s->lock);
  status = look_for_moves(s, &behind, &map_behind, err);
  if (status == HF_OK && (before || behind || map != map_behind)) status = scan_pass(s, pattern, fn, arg, err);
  return status;
}

/* ---- ids and names */

struct listing {
  hf_listing *ids;
  size_t prefix;
};

static bool add_id(void *arg, hf_slice key) {
  struct listing *l = arg;
  return key.size < l->prefix || hf_listing_add(l->ids, (hf_slice){key.data + l->prefix, key.size - l->prefix});
}

hf_status redis_list(redis_entity *e, hf_listing **out, hf_error *err) {
  struct listing l = {hf_listing_new(), e->prefix.size};
  if (!l.ids) return memory(err);
  hf_status status = scan_keys(e->store, e->pattern, add_id, &l, err);
  if (status) {
    hf_listing_free(l.ids);
    return status;
  }
  hf_listing_sort(l.ids);
  *out = l.ids;
  return HF_OK;
}

/* The name before the first ":", unescaped; names that we would write in another way are others'. */
static bool add_name(void *arg, hf_slice key) {
  hf_listing *names = arg;
  char text[REDIS_KEY_MAX], again[REDIS_KEY_MAX];
  const char *colon = memchr(key.data, ':', key.size);
  size_t size = colon ? (size_t)(colon - key.data) : sizeof text;
  if (!size || size >= sizeof text) return true;
  memcpy(text, key.data, size);
  text[size] = '\0';
  if (strlen(text) != size || !hf_url_decode(text)) return true;
  size_t written = strlen(text) <= HF_ID_MAX ? redis_escape(hf_text(text), again) : 0;
  if (written != size || memcmp(again, key.data, size) != 0) return true;
  if (!hf_listing_add(names, hf_text(text))) return false;
  if (hf_listing_size(names) >= NAMES_PAGE) hf_listing_sort(names);
  return true;
}

hf_status redis_list_names(redis_store *s, const redis_txn *txn, hf_page *page, hf_error *err) {
  hf_listing *names = hf_listing_new();
  if (!names) return memory(err);
  hf_status status = scan_keys(s, hf_text("*:*"), add_name, names, err);
  if (status == HF_OK && txn && !redis_txn_each(txn, add_name, names)) status = memory(err);
  hf_listing_sort(names);
  for (size_t i = 0; i < hf_listing_size(names) && status == HF_OK; i++)
    if (!hf_page_add(page, hf_listing_id(names, i), NULL, 0)) status = memory(err);
  hf_listing_free(names);
  return status;
}

/* ---- values */

/* What GET would answer for each key, in one MGET.  In a cluster, where keys have different homes, and an MGET is
 * refused while its slot is moving, by one GET for each: those of a node go there together.  The replies belong to the
 * batch. */
static hf_status read_values(redis_entity *e, const hf_slice *ids, size_t count, redis_batch *b,
                             const redisReply **values, hf_error *err) {
  char key[REDIS_KEY_MAX];
  bool cluster = e->store->config.mode == REDIS_CLUSTER;
  bool ok = cluster || (redis_batch_open(b, 0, count + 1) && redis_batch_word(b, hf_text("MGET")));
  for (size_t i = 0; i < count && ok; i++) {
    hf_slice name = redis_key(e, ids[i], key);
    if (cluster)
      ok = redis_batch_add(b, redis_slot(name), (const hf_slice[]){hf_text("GET"), name}, 2) != NULL;
    else
      ok = redis_batch_word(b, name);
  }
  hf_status status = ok ? redis_batch_run(b, redis_deadline(e->store), err) : memory(err);
  if (status) return status;
  const redisReply *all = b->commands[0].reply;
  if (!cluster && all->type == REDIS_REPLY_ERROR) return redis_fail_reply(e->store, all, err);
  if (!cluster && (all->type != REDIS_REPLY_ARRAY || all->elements != count))
    return hf_error_set(err, HF_IO, "Redis answers MGET with something else");
  for (size_t i = 0; i < count; i++) values[i] = cluster ? b->commands[i].reply : all->element[i];
  return HF_OK;
}

/* MGET says nil also for keys of other types: those that look missing are asked for their type. */
static hf_status find_wrong(redis_entity *e, const hf_slice *ids, const redisReply **values, size_t count, bool *wrong,
                            hf_error *err) {
  char key[REDIS_KEY_MAX];
  redis_batch b;
  redis_batch_init(&b, e->store, false);
  bool ok = true;
  for (size_t i = 0; i < count && ok; i++) {
    if (!values[i] || values[i]->type != REDIS_REPLY_NIL) continue;
    hf_slice name = redis_key(e, ids[i], key);
    ok = redis_batch_add(&b, redis_slot(name), (const hf_slice[]){hf_text("TYPE"), name}, 2) != NULL;
  }
  hf_status status = !ok ? memory(err) : b.count ? redis_batch_run(&b, redis_deadline(e->store), err) : HF_OK;
  for (size_t i = 0, n = 0; b.count && i < count && status == HF_OK; i++) {
    if (!values[i] || values[i]->type != REDIS_REPLY_NIL) continue;
    const redisReply *type = b.commands[n++].reply;
    wrong[i] = type->type == REDIS_REPLY_STATUS && strcmp(type->str, "none") != 0 && strcmp(type->str, "string") != 0;
  }
  redis_batch_free(&b);
  return status;
}

static const char wrong_type[] = "its key holds another Redis type, not a string";

/* What is known of some ids after they were read. */
struct found {
  redis_batch batch; /* owns the replies */
  const redisReply **values;
  hf_slice *texts; /* of those that the transaction itself wrote */
  bool *wrong;
};

static hf_status find(redis_entity *e, redis_txn *txn, const hf_slice *ids, size_t count, struct found *f,
                      hf_error *err) {
  redis_batch_init(&f->batch, e->store, false);
  f->values = calloc(count, sizeof *f->values);
  f->texts = calloc(count, sizeof *f->texts);
  f->wrong = calloc(count, sizeof *f->wrong);
  if (!f->values || !f->texts || !f->wrong) return memory(err);
  hf_status status = txn ? redis_txn_values(txn, e, ids, count, &f->batch, f->values, f->texts, err)
                         : read_values(e, ids, count, &f->batch, f->values, err);
  return status ? status : find_wrong(e, ids, f->values, count, f->wrong, err);
}

static void found_free(struct found *f) {
  free(f->values);
  free(f->texts);
  free(f->wrong);
  redis_batch_free(&f->batch);
}

/* Adds an entry for each id.  An unreadable one ends it with HF_CORRUPT, or with keep_corrupt becomes an entry whose
 * json is what is wrong. */
static hf_status fetch(redis_entity *e, redis_txn *txn, const hf_slice *ids, size_t count, bool keep_corrupt,
                       hf_page *page, hf_error *err) {
  struct found f;
  hf_status status = find(e, txn, ids, count, &f, err);
  for (size_t i = 0; i < count && status == HF_OK; i++) {
    hf_error why;
    hf_slice json = f.texts[i];
    hf_status read = HF_OK;
    if (f.wrong[i])
      read = hf_error_set(&why, HF_CORRUPT, "%s", wrong_type);
    else if (!json.data)
      read = f.values[i] ? redis_value(e->store, f.values[i], &json, &why) : HF_NOT_FOUND;
    if (read != HF_OK && read != HF_NOT_FOUND && !(read == HF_CORRUPT && keep_corrupt)) {
      *err = why;
      status = read;
      break;
    }
    if (read == HF_CORRUPT) json = hf_text(why.message);
    if (read == HF_NOT_FOUND) json = (hf_slice){NULL, 0};
    hf_entry *entry = hf_page_add(page, ids[i], json.data, json.size);
    if (!entry) {
      status = memory(err);
      break;
    }
    entry->status = read;
    if (read == HF_OK) entry->info.revision = redis_revision(json);
  }
  found_free(&f);
  return status;
}

hf_status redis_get_many(void *store, void *txn, void *entity, const hf_key *keys, size_t count, hf_page *page,
                         hf_error *err) {
  (void)store;
  hf_status status = HF_OK;
  hf_slice ids[WINDOW_MAX];
  for (size_t first = 0; first < count && status == HF_OK; first += WINDOW_MAX) {
    size_t n = count - first < WINDOW_MAX ? count - first : WINDOW_MAX;
    for (size_t i = 0; i < n; i++) ids[i] = keys[first + i].id;
    status = fetch(entity, txn, ids, n, false, page, err);
  }
  return status;
}

/* ---- walks */

struct walk {
  hf_listing *ids;
  hf_page *ahead;       /* what was read ahead: entries in the direction of the walk */
  size_t next;          /* of them */
  size_t window;        /* how many to read next time */
  unsigned long writes; /* of the process when they were read */
};

void redis_walk_free(void *kept) {
  struct walk *w = kept;
  if (!w) return;
  hf_listing_free(w->ids);
  hf_page_free(w->ahead);
  free(w);
}

static hf_status new_walk(redis_entity *e, redis_txn *txn, struct walk **out, hf_error *err) {
  struct walk *w = calloc(1, sizeof *w);
  if (!w || !(w->ahead = hf_page_new())) {
    free(w);
    return memory(err);
  }
  hf_status status = redis_list(e, &w->ids, err);
  if (status == HF_OK && txn) status = redis_txn_add_ids(txn, e, w->ids, err);
  if (status) {
    redis_walk_free(w);
    return status;
  }
  w->writes = atomic_load(&e->store->writes);
  *out = w;
  return HF_OK;
}

/* Reads the next values: `count` ids at most, from index `at` on, in the direction of the scan. */
static hf_status read_ahead(redis_entity *e, redis_txn *txn, struct walk *w, const hf_scan *scan, size_t at,
                            size_t edge, hf_error *err) {
  hf_slice ids[WINDOW_MAX];
  size_t n = 0, have, bytes = 0;
  size_t wanted = w->window ? w->window : scan->limit < WINDOW_MAX ? scan->limit : WINDOW_MAX;
  for (size_t i = at; n < wanted && i != edge; i += scan->reverse ? (size_t)-1 : 1) {
    hf_slice id = hf_listing_id(w->ids, scan->reverse ? i - 1 : i);
    if (hf_scan_wants(scan, id)) ids[n++] = id;
  }
  hf_page_free(w->ahead);
  if (!(w->ahead = hf_page_new())) return memory(err);
  w->next = 0;
  w->writes = atomic_load(&e->store->writes);
  hf_status status = n ? fetch(e, txn, ids, n, true, w->ahead, err) : HF_OK;
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
    hf_error_set(err, HF_CORRUPT, "%.*s", (int)(text.size < 900 ? text.size : 900), text.data);
    memcpy(err->entity_id, from->id.data, from->id.size);
    err->entity_id[from->id.size] = '\0';
    return HF_CORRUPT;
  }
  hf_entry *entry = hf_page_add(page, from->id, text.data, text.size);
  if (!entry) return memory(err);
  entry->status = from->status;
  entry->info = from->info;
  return HF_OK;
}

struct position {
  size_t at, edge; /* boundaries between ids: the walk goes from one to the other */
  size_t last;     /* index of the last id that was passed; SIZE_MAX: none */
};

static hf_status fill(redis_entity *e, redis_txn *txn, struct walk *w, const hf_scan *scan, struct position *p,
                      hf_page *page, hf_error *err) {
  size_t added = 0, bytes = 0;
  while (p->at != p->edge && added < scan->limit && !(added && bytes >= scan->max_bytes)) {
    size_t index = scan->reverse ? p->at - 1 : p->at, have;
    hf_slice id = hf_listing_id(w->ids, index);
    hf_status status = HF_OK;
    if (scan->keys_only || !hf_scan_wants(scan, id)) {
      bool gone = txn && redis_txn_removed(txn, e, id);
      if (hf_scan_wants(scan, id) && !gone && (added++, !hf_page_add(page, id, NULL, 0))) return memory(err);
    } else {
      hf_page_entries(w->ahead, &have);
      if (w->next == have || w->writes != atomic_load(&e->store->writes)) {
        status = read_ahead(e, txn, w, scan, p->at, p->edge, err);
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

hf_status redis_scan(void *store, void *txn, void *entity, const hf_scan *scan, hf_page *page, bool *more,
                     hf_error *err) {
  redis_store *s = store;
  redis_entity *e = entity;
  size_t first, end;
  struct walk *w = hf_walks_take(s->walks, e, scan->walk);
  hf_status status = w ? HF_OK : new_walk(e, txn, &w, err);
  if (status) return status;
  hf_listing_range(w->ids, scan, &first, &end);
  if (end < first) end = first;
  struct position p = {scan->reverse ? end : first, scan->reverse ? first : end, SIZE_MAX};
  status = fill(e, txn, w, scan, &p, page, err);
  *more = p.at != p.edge;
  if (p.last != SIZE_MAX && !hf_page_resume(page, hf_listing_order(w->ids, p.last)) && status == HF_OK)
    status = memory(err);
  if (*more && (status == HF_OK || status == HF_CORRUPT))
    hf_walks_leave(s->walks, e, scan->walk, w);
  else
    redis_walk_free(w);
  return status;
}
