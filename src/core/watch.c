/* SPDX-License-Identifier: MIT
 *
 * Watching a store: hf_watch.  Changes are read from the store's log, some at a time, and copied, so that nothing of
 * the store is held while a program looks at them or waits.  Where reading goes on is a place in the log, and nothing
 * else is kept of what was handed out: each change comes once because the place moves past it.
 *
 * When there is none it is the hub that tells of more: see watch_hub.h.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "condition/condition.h"
#include "core/open_stores.h"
#include "core/persist.h"
#include "core/transaction.h"
#include "core/watch_hub.h"

/* What is read at a time; one change is taken whatever its size. */
enum { CHANGES_MAX = 256, BYTES_MAX = 256 * 1024, LOOKED_AT_MAX = 4096 };

/* A change that was read.  Its texts are in hf_watch.bytes, one after the other from `place` on. */
struct kept {
  hf_change change;
  size_t place;
};

struct hf_watch {
  hf__watcher watcher;
  hf_changes_scan scan; /* where to go on reading; its texts are the watch's own */
  hf_condition *condition;
  bool without_values;
  bool has_more;     /* there is more than was read */
  uint64_t seen;     /* the store's number of commits before the last reading that came to the end */
  uint64_t revision; /* all of it, and before, was handed out */
  struct kept *kept;
  size_t count, capacity, next; /* of those that were read; next: to be handed out */
  hf_buffer bytes;
  char *texts;      /* of `scan` */
  size_t looked_at; /* in this reading, and left out by the condition */
};

/* ---- reading */

/* Whether the condition leaves the change out. */
static bool is_unwanted(const hf_watch *w, const hf_change *c) {
  return w->condition && c->what == HF_CHANGE_WRITE && c->json.data &&
         hf__condition_test(w->condition, c->id, c->json) == HF_ANSWER_NO;
}

/* Whether no further change is to be read now. */
static bool is_long(const hf_watch *w, const hf_change *c) {
  if (w->looked_at < LOOKED_AT_MAX) return false;
  /* Not within a commit of which one was kept: whether another one of it comes has to be known. */
  return !w->count || w->kept[w->count - 1].change.revision != c->revision;
}

static bool has_no_room(const hf_watch *w, const hf_change *c) {
  size_t size = c->entity_name.size + c->id.size + (w->without_values ? 0 : c->json.size);
  return w->count && (w->count == CHANGES_MAX || w->bytes.size + size > BYTES_MAX);
}

/* Copies it.  False: out of memory. */
static bool keep(hf_watch *w, const hf_change *c) {
  if (w->count == w->capacity) {
    size_t capacity = w->capacity ? w->capacity * 2 : 16;
    struct kept *kept = realloc(w->kept, capacity * sizeof *kept);
    if (!kept) return false;
    w->kept = kept;
    w->capacity = capacity;
  }
  struct kept *k = &w->kept[w->count];
  *k = (struct kept){*c, w->bytes.size};
  k->change.is_last = true; /* until another one of its commit comes */
  if (w->without_values) k->change.json = (hf_slice){NULL, 0};
  if (!hf_buffer_add(&w->bytes, c->entity_name.data, c->entity_name.size) ||
      !hf_buffer_add(&w->bytes, c->id.data, c->id.size) ||
      !hf_buffer_add(&w->bytes, k->change.json.data, k->change.json.size))
    return false;
  w->count++;
  return true;
}

/* What reading needs besides the watch. */
struct reading {
  hf_watch *watch;
  bool no_memory;
};

static bool take(void *arg, const hf_change *c) {
  struct reading *r = arg;
  hf_watch *w = r->watch;
  if (is_long(w, c)) return false;
  if (is_unwanted(w, c)) {
    w->looked_at++;
    return true;
  }
  if (w->count) w->kept[w->count - 1].change.is_last = w->kept[w->count - 1].change.revision != c->revision;
  if (has_no_room(w, c)) return false;
  r->no_memory = !keep(w, c);
  return !r->no_memory;
}

static uint64_t commits_seen(const hf_store *s) {
  return s->backend->commits_seen ? s->backend->commits_seen(s->impl) : 0;
}

/* Reads further changes: none is left to be handed out. */
static hf_status read_some(hf_watch *w, hf_error *err) {
  const hf_store *s = w->watcher.store;
  struct reading r = {w, false};
  hf_changes_reach reach = {0};
  uint64_t seen = commits_seen(s); /* before the reading: what is committed meanwhile is seen by the next one */
  w->count = w->next = w->bytes.size = w->looked_at = 0;
  hf_status status = s->backend->changes_read(s->impl, &w->scan, take, &r, &reach, err);
  if (status == HF_OK && r.no_memory) status = hf__no_memory(err);
  if (status) {
    w->count = 0;
    return status;
  }
  if (reach.next > w->scan.from || (reach.next == w->scan.from && reach.skip > w->scan.skip)) {
    w->scan.from = reach.next;
    w->scan.skip = reach.skip;
  }
  hf_change *newest = w->count ? &w->kept[w->count - 1].change : NULL;
  if (newest && reach.skip && newest->revision == reach.next) newest->is_last = false; /* more of it may follow */
  w->has_more = reach.next <= reach.newest;
  if (!w->has_more) w->seen = seen;
  return HF_OK;
}

/* ---- handing out */

static hf_slice slice_at(const hf_watch *w, size_t *place, hf_slice s) {
  if (!s.data) return s;
  s.data = w->bytes.data + *place;
  *place += s.size;
  return s;
}

/* Hands out the next one that was read.  False: none is left. */
static bool hand_out(hf_watch *w, hf_change *out) {
  if (w->next == w->count) {
    if (!w->scan.skip && w->scan.from - 1 > w->revision) w->revision = w->scan.from - 1;
    return false;
  }
  const struct kept *k = &w->kept[w->next++];
  size_t place = k->place;
  *out = k->change;
  out->entity_name = slice_at(w, &place, out->entity_name);
  out->id = slice_at(w, &place, out->id);
  out->json = slice_at(w, &place, out->json);
  if (out->is_last) w->revision = out->revision;
  return true;
}

/* ---- waiting */

/* Makes the descriptor unreadable, until the hub makes it readable.  False: there is something to read by now. */
static bool rest(hf_watch *w) {
  uint64_t bells;
  ssize_t got = read(w->watcher.fd, &bells, sizeof bells);
  (void)got;
  atomic_exchange(&w->watcher.armed, true); /* before the look, while the hub takes it after its own */
  return commits_seen(w->watcher.store) == w->seen;
}

/* Waits until the descriptor is readable or the time is over.  False: it is over. */
static bool wait_until(const hf_watch *w, bool forever, int64_t deadline_ns) {
  struct pollfd fd = {w->watcher.fd, POLLIN, 0};
  int64_t left = forever ? 0 : deadline_ns - hf_clock_ns();
  if (!forever && left <= 0) return false;
  struct timespec t = {left / 1000000000, left % 1000000000};
  ppoll(&fd, 1, forever ? NULL : &t, NULL);
  return true;
}

static hf_status check(const hf_store *s, int64_t timeout_ms, hf_error *err) {
  if (hf__store_is_inherited(s)) return hf__store_inherited(s, err);
  if (hf__txn_is_writing()) /* a storage may have to wait for who writes: never for the thread itself */
    return hf__fail(err, HF_UNSUPPORTED, "a store is not watched inside a transaction: do it outside");
  if (timeout_ms && hf__txn_is_open())
    return hf__fail(
        err, HF_UNSUPPORTED,
        "a watch does not wait inside a snapshot, which would keep what it reads for as long: wait outside, "
        "or ask with a timeout of 0");
  return HF_OK;
}

hf_status hf_watch_next(hf_watch *w, int64_t timeout_ms, hf_change *out, hf_error *err) {
  enum { FOREVER_MS = INT32_MAX };
  hf_error own;
  if (!err) err = &own;
  hf_status status = check(w->watcher.store, timeout_ms, err);
  bool forever = timeout_ms < 0 || timeout_ms > FOREVER_MS;
  int64_t deadline = forever || !timeout_ms ? 0 : hf_clock_ns() + timeout_ms * 1000000;
  while (status == HF_OK) {
    if (hand_out(w, out)) return HF_OK;
    status = read_some(w, err);
    if (status || w->count || w->has_more) continue;
    if (!rest(w)) continue;
    if (hand_out(w, out)) return HF_OK; /* never: but it says how far it has come */
    if (!wait_until(w, forever, deadline))
      return hf__fail(err, HF_TIMEOUT, "no change within %lld ms", (long long)timeout_ms);
  }
  return hf__store_name_backend(w->watcher.store, status, err);
}

int hf_watch_fd(const hf_watch *w) { return w->watcher.fd; }

uint64_t hf_watch_revision(const hf_watch *w) { return w->revision; }

/* ---- opening */

/* Says what to read, and copies the caller's texts. */
static hf_status take_options(hf_watch *w, const hf_watch_options *options, hf_error *err) {
  hf_watch_options o = HF_WATCH_OPTIONS_INIT;
  if (options && options->struct_size >= offsetof(hf_watch_options, reserved))
    memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
  else if (options)
    return hf__fail(err, HF_INVALID_ARGUMENT, "hf_watch_options.struct_size is too small: use HF_WATCH_OPTIONS_INIT");
  for (size_t i = 0; i < sizeof o.reserved / sizeof *o.reserved; i++)
    if (o.reserved[i]) return hf__fail(err, HF_INVALID_ARGUMENT, "hf_watch_options.reserved must be 0");
  if (o.entity_name.data) {
    hf_status status = hf__entity_name_check(o.entity_name, err);
    if (status) return status;
  }
  if (o.condition) {
    hf_status status = hf__condition_check(o.condition, err);
    if (status) return status;
  }
  char *texts = w->texts = malloc(o.entity_name.size + o.prefix.size + 1);
  if (!texts) return hf__no_memory(err);
  if (o.entity_name.data) {
    memcpy(texts, o.entity_name.data, o.entity_name.size);
    w->scan.entity_name = (hf_slice){texts, o.entity_name.size};
  }
  if (o.prefix.size) memcpy(texts + o.entity_name.size, o.prefix.data, o.prefix.size);
  w->scan.id_prefix = (hf_slice){texts + o.entity_name.size, o.prefix.size};
  w->scan.from = o.from;
  w->scan.without_values = o.without_values && !o.condition;
  w->without_values = o.without_values;
  w->condition = o.condition;
  return HF_OK;
}

/* Where it begins, and what is there of it by now. */
static hf_status begin(hf_watch *w, hf_error *err) {
  const hf_store *s = w->watcher.store;
  if (!w->scan.from) {
    hf_changes_reach reach = {0};
    uint64_t newest = 0;
    hf_status status = s->backend->changes_revision_at(s->impl, INT64_MAX, &newest, &reach, err);
    if (status) return status;
    if (reach.from == UINT64_MAX) return hf_error_compacted(err, newest, &reach);
    w->scan.from = newest + 1;
  }
  w->revision = w->scan.from - 1;
  return read_some(w, err);
}

static void free_watch(hf_watch *w) {
  free(w->kept);
  hf_buffer_free(&w->bytes);
  free(w->texts);
  free(w);
}

hf_status hf_watch_open(hf_store *store, const hf_watch_options *options, hf_watch **out, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  *out = NULL;
  hf_status status = check(store, 0, err);
  if (status) return status;
  const hf_backend *b = store->backend;
  if (!(b->capabilities & HF_CAP_CHANGES) || !b->changes_read || !b->changes_revision_at)
    return hf__fail(err, HF_UNSUPPORTED, "%s stores keep no log of changes that could be watched", b->name);
  hf_watch *w = calloc(1, sizeof *w);
  if (!w) return hf__no_memory(err);
  w->watcher.store = store;
  status = take_options(w, options, err);
  w->watcher.fd = status ? -1 : eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK); /* there may be changes at once */
  if (status == HF_OK && w->watcher.fd < 0)
    status = hf__fail(err, HF_IO, "cannot wait for changes: %s", strerror(errno));
  if (status == HF_OK) status = begin(w, err);
  if (status == HF_OK) status = hf__hub_join(&w->watcher, err);
  if (status == HF_OK) {
    hf__store_ref(store);
    *out = w;
    return HF_OK;
  }
  if (w->watcher.fd >= 0) close(w->watcher.fd);
  free_watch(w);
  return hf__store_name_backend(store, status, err);
}

void hf_watch_close(hf_watch *w) {
  if (!w) return;
  if (!hf__store_is_inherited(w->watcher.store)) hf__hub_leave(&w->watcher);
  close(w->watcher.fd);
  hf__store_release(w->watcher.store);
  free_watch(w);
}
