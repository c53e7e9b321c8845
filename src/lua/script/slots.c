/* SPDX-License-Identifier: MIT
 *
 * The slots of an hf_backend whose operations are the methods of a script class.
 * Each has the same form: what the class does not have itself goes to the store
 * that it extends, without entering Lua; otherwise a body runs under hfL_state_call(),
 * pushes method, instance and arguments, and takes the result apart.
 *
 * Those that read, write, scan, count and begin transactions have files of their own;
 * here are handles, quarantine, and the tables of all of them.
 */
#include "lua/script/slots.h"

#include <lauxlib.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/fork.h"
#include "lua/script/call.h"
#include "lua/script/count.h"
#include "lua/script/index.h"
#include "lua/script/read.h"
#include "lua/script/scan.h"
#include "lua/script/transaction.h"
#include "lua/script/wrapped.h"
#include "lua/script/write.h"

/* ---- handles */

static int close_body(lua_State *L) {
  hfL_push_method(L, lua_touserdata(L, 1));
  lua_call(L, 1, 0);
  return 0;
}

static void collection_close(void *impl, void *collection) {
  const hfL_hold *hold = impl;
  hfL_instance *e = collection;
  if (hold->keeps && --e->keepers == 0) {
    hfL_call call;
    hf_error err;
    if (hfL_instance_has(e, HFL_CLOSE)) hfL_instance_call(e, HFL_CLOSE, close_body, &call, &err);
    int ref = e->instance_ref;
    e->instance_ref = LUA_NOREF;
    hfL_state_release(e->state, ref);
  }
  if (--e->handles == 0 && e->store) {
    hfL_instance **link = &e->store->open;
    while (*link && *link != e) link = &(*link)->next_open;
    if (*link) *link = e->next_open;
    e->store = NULL;
  }
  hfL_instance_unref(e);
}

static hf_status no_collection_open(void *store, hf_slice name, void **collection, hf_error *err) {
  (void)store;
  (void)name;
  (void)collection;
  return hf__fail(err, HF_UNSUPPORTED, "a class has no collections by itself: make an instance");
}

static int init_body(lua_State *L) {
  hfL_push_method(L, lua_touserdata(L, 1));
  lua_pushboolean(L, 1);
  lua_call(L, 2, 0);
  return 0;
}

static hf_status collection_init(void *store, void *collection, hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  if (e->ready || e->initialising) return HF_OK;
  hf_status status = HF_OK;
  e->refs++; /* methods may close their own instance: whoever looks at it after a call keeps it */
  if (hfL_instance_has(e, HFL_WAIT_FOR_INIT)) {
    hfL_call call;
    e->initialising = true; /* what it does with the instance must not begin it again */
    status = hfL_instance_call(e, HFL_WAIT_FOR_INIT, init_body, &call, err);
    e->initialising = false;
  }
  if (status == HF_OK && e->wrapped) status = hf_persist_init(e->wrapped, err);
  e->ready = status == HF_OK;
  hfL_instance_unref(e);
  return status;
}

/* ---- quarantine, of the wrapped store: whatever ids the class makes of its own, they are that store's */

static hf_status quarantine(void *store, void *collection, const hf_key *key, const char *problem, hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  hf__change change = {.kind = HF__CHANGE_QUARANTINE, .keys = key, .problem = problem};
  return hfL_change_wrapped(e, NULL, &change, err);
}

static hf_status quarantined(void *store, void *collection, uint64_t *count, hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  HFL_FORWARD(quarantined, count, err);
}

static hf_status quarantine_scan(void *store, void *txn, void *collection, const hf_scan *scan, hf_page *page,
                                 bool *more, hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  HFL_FORWARD(quarantine_scan, txn, scan, page, more, err);
}

static hf_status quarantine_put(void *store, void *txn, void *collection, const hf_key *key, const char *problem,
                                hf_slice bytes, hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  hf__change change = {.kind = HF__CHANGE_DAMAGE, .keys = key, .problem = problem, .bytes = bytes};
  return hfL_change_wrapped(e, txn, &change, err);
}

/* ---- stores of classes of their own */

static hf_status no_resolve(const hf_location *at, char identity[HF_IDENTITY_MAX], hf_error *err) {
  (void)at;
  identity[0] = '\0';
  return hf__fail(err, HF_UNSUPPORTED, "no URL names this store: it is a script's");
}

static hf_status no_open(const hf_location *at, void **store, hf_error *err) {
  (void)at;
  *store = NULL;
  return hf__fail(err, HF_UNSUPPORTED, "no URL opens this store: it is a script's");
}

static void close_store(void *store) {
  hfL_script_store *s = store;
  hfL_state_unref(s->state);
  free(s);
}

static hf_status no_entities(void *store, void *txn, hf_page *page, hf_error *err) {
  (void)store;
  (void)txn;
  (void)page;
  return hf__fail(err, HF_UNSUPPORTED, "a script's store does not know which entity names it has");
}

/* ---- the tables */

/* Tables that were made; never freed, since handles and stores point to them, and few: most classes have one of a
 * handful of combinations. */
struct table {
  hf_backend backend;
  unsigned slots; /* OPTIONAL_..., or-ed: with the capabilities all in which tables differ */
  struct table *next;
};

enum {
  OPTIONAL_GET_MANY = 1,
  OPTIONAL_PUT_MANY = 2,
  OPTIONAL_REMOVE_MANY = 4,
  OPTIONAL_QUARANTINE = 8,
  OPTIONAL_QUARANTINE_SCAN = 16,
  OPTIONAL_QUARANTINE_PUT = 32,
  OPTIONAL_CONDITIONS = 64,
  OPTIONAL_INDEX = 128,      /* made, forgotten and listed */
  OPTIONAL_INDEX_EACH = 256, /* looked up by the core */
  OPTIONAL_INDEX_CHECK = 512
};

static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;
HF__LOCK_AT_FORK(tables_lock);
static struct table *tables;

/* A batch is the class's own, or the store's as long as the class leaves the single operations alone; otherwise the
 * core makes it of single operations. */
static unsigned optional_slots(uint32_t methods, const hf_backend *base) {
  unsigned slots = 0;
  bool reads = methods & (HFL_METHOD(READ_VALUE) | HFL_METHOD(READ_ENTRY));
  if ((methods & HFL_METHOD(READ_MANY)) || (base && base->get_many && !reads)) slots |= OPTIONAL_GET_MANY;
  if ((methods & HFL_METHOD(WRITE_MANY)) || (base && base->put_many && !(methods & HFL_METHOD(WRITE_VALUE))))
    slots |= OPTIONAL_PUT_MANY;
  if ((methods & HFL_METHOD(REMOVE_MANY)) || (base && base->remove_many && !(methods & HFL_METHOD(REMOVE_VALUE))))
    slots |= OPTIONAL_REMOVE_MANY;
  if (base && base->quarantine) slots |= OPTIONAL_QUARANTINE;
  if (base && base->quarantine_scan) slots |= OPTIONAL_QUARANTINE_SCAN;
  if (base && base->quarantine_put) slots |= OPTIONAL_QUARANTINE_PUT;
  return slots;
}

/* Whether the class has methods that give entities: what they give is not what the store has in its indexes. */
static bool gives_entities(uint32_t methods) {
  return methods & (HFL_METHOD(READ_VALUE) | HFL_METHOD(READ_ENTRY) | HFL_METHOD(READ_MANY) | HFL_METHOD(VALUES) |
                    HFL_METHOD(ENTRIES) | HFL_METHOD(KEYS));
}

/* Indexes are the class's own, or the store's where the class gives what is stored; otherwise there are none. */
static unsigned index_slots(uint32_t methods, const hf_backend *base, uint32_t capabilities) {
  if (!(capabilities & HF_CAP_INDEX)) return 0;
  if (methods & HFL_METHOD(CREATE_INDEX)) return OPTIONAL_INDEX;
  if (!base || !base->index_make || gives_entities(methods)) return 0;
  return OPTIONAL_INDEX | (base->index_set ? OPTIONAL_INDEX_EACH : 0) | (base->index_check ? OPTIONAL_INDEX_CHECK : 0);
}

static struct table *new_table(unsigned slots, uint32_t capabilities) {
  struct table *t = malloc(sizeof *t);
  if (!t) return NULL;
  t->slots = slots;
  t->backend = (hf_backend){
      .abi_version = HF_BACKEND_ABI,
      .name = "lua",
      .capabilities = capabilities,
      .resolve = no_resolve,
      .open = no_open,
      .close = close_store,
      .collection_open = no_collection_open,
      .collection_close = collection_close,
      .collection_init = collection_init,
      .begin = hfL_script_begin,
      .commit = hfL_script_commit,
      .abort = hfL_script_abort,
      .get = hfL_script_get,
      .has = hfL_script_has,
      .put = hfL_script_put,
      .remove = hfL_script_remove,
      .clear = hfL_script_clear,
      .count = hfL_script_count,
      .scan = hfL_script_scan,
      .get_many = slots & OPTIONAL_GET_MANY ? hfL_script_get_many : NULL,
      .put_many = slots & OPTIONAL_PUT_MANY ? hfL_script_put_many : NULL,
      .remove_many = slots & OPTIONAL_REMOVE_MANY ? hfL_script_remove_many : NULL,
      .entities = no_entities,
      .stat = hfL_script_stat,
      .quarantine = slots & OPTIONAL_QUARANTINE ? quarantine : NULL,
      .quarantined = slots & OPTIONAL_QUARANTINE ? quarantined : NULL,
      .quarantine_scan = slots & OPTIONAL_QUARANTINE_SCAN ? quarantine_scan : NULL,
      .quarantine_put = slots & OPTIONAL_QUARANTINE_PUT ? quarantine_put : NULL,
      .evaluates_conditions = slots & OPTIONAL_CONDITIONS ? 1 : 0,
      .remove_if = capabilities & HF_CAP_REMOVE_IF ? hfL_script_remove_if : NULL,
      .index_make = slots & OPTIONAL_INDEX ? hfL_script_index_make : NULL,
      .index_drop = slots & OPTIONAL_INDEX ? hfL_script_index_drop : NULL,
      .index_list = slots & OPTIONAL_INDEX ? hfL_script_index_list : NULL,
      .index_set = slots & OPTIONAL_INDEX_EACH ? hfL_script_index_set : NULL,
      .index_each = slots & OPTIONAL_INDEX_EACH ? hfL_script_index_each : NULL,
      .index_check = slots & OPTIONAL_INDEX_CHECK ? hfL_script_index_check : NULL,
      .index_rebuild = slots & OPTIONAL_INDEX_CHECK ? hfL_script_index_rebuild : NULL,
  };
  return t;
}

const hf_backend *hfL_script_backend(uint32_t methods, const hf_backend *base, uint32_t capabilities, bool conditions) {
  unsigned slots = optional_slots(methods, base) | index_slots(methods, base, capabilities);
  if (conditions) slots |= OPTIONAL_CONDITIONS;
  pthread_mutex_lock(&tables_lock);
  struct table *t = tables;
  while (t && (t->slots != slots || t->backend.capabilities != capabilities)) t = t->next;
  if (!t && (t = new_table(slots, capabilities))) {
    t->next = tables;
    tables = t;
  }
  pthread_mutex_unlock(&tables_lock);
  return t ? &t->backend : NULL;
}

hfL_instance *hfL_attached_to(const hf_persist *p) { return p->attached ? p->collection : NULL; }

void hfL_forgo_close(hf_persist *p) {
  hfL_instance *script = hfL_attached_to(p);
  if (script) script->methods &= ~HFL_METHOD(CLOSE);
}
