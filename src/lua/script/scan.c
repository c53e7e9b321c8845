/* SPDX-License-Identifier: MIT
 *
 * The scan slot over a script's iterators.  The core asks for pages, each beginning
 * after the last one; a script gives a loop.  So the loop is kept between two pages of
 * a scan (hfL_cursor), and begun again, skipping what was seen, if it had to be
 * dropped meanwhile.
 *
 * Ids must come in natural order, each once: what comes otherwise is an error that
 * shows the two ids, since paging over it would lose entities silently.
 *
 * For the same reason a failure never comes before the ids that were pulled before it.  What is raised of one
 * damaged entity takes the place of its id among them, and the walk goes on after it; any other failure comes once all
 * of them are handed out.
 */
#include "lua/script/scan.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "core/persist.h"
#include "core/read_slots.h"
#include "lua/script/asked.h"
#include "lua/script/call.h"
#include "lua/script/read.h"
#include "lua/script/steps.h"
#include "lua/script/value.h"
#include "lua/state/error.h"

/* ---- pulling ids */

struct pull {
  hfL_call call;
  hfL_cursor *cursor;
  const hf_scan *scan;
  int slot;   /* of the cursor */
  bool begin; /* the iterator is still to be made */
  size_t wanted;
};

/* Element -2 of the instance: the iterators of its cursors, so that what they hold does not outlive it. */
static void push_iterators(lua_State *L, const hfL_instance *e) {
  hfL_push_instance(L, e);
  lua_rawgeti(L, -1, -2);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_createtable(L, HFL_CURSORS, 0);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, -2);
  }
  lua_remove(L, -2);
}

static void set_text(lua_State *L, const char *field, hf_slice text) {
  if (!text.data || !text.size) return;
  lua_pushlstring(L, text.data, text.size);
  lua_setfield(L, -2, field);
}

static void push_range(lua_State *L, const hf_scan *scan) {
  lua_createtable(L, 0, 4);
  set_text(L, "prefix", scan->id_prefix);
  if (scan->lower.data) set_text(L, "from", hf__order_key_id(scan->lower));
  if (scan->upper.data) set_text(L, "to", hf__order_key_id(scan->upper));
  if (scan->reverse) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "reverse");
  }
  if (scan->condition) hfL_asked_describe(L, scan->condition);
}

/* The id on top of the stack. */
static hf_slice check_id(lua_State *L, const hfL_call *call, int index, char number[HF_NUMBER_MAX]) {
  hf_slice id = {NULL, 0};
  if (lua_type(L, index) == LUA_TSTRING)
    id.data = lua_tolstring(L, index, &id.size);
  else if (lua_type(L, index) == LUA_TNUMBER)
    id = (hf_slice){number, hf_number_format(lua_tonumber(L, index), number)};
  else
    hfL_blame(L, call, "yielded a %s: ids are wanted", luaL_typename(L, index));
  return id;
}

enum place { BEFORE, INSIDE, AFTER };

/* Where an id lies, as seen along the scan. */
static enum place place_of(const hf_scan *scan, bool reverse, hf_slice id, hf_slice order) {
  if (scan->lower.data) {
    int c = hf__order_compare(order, scan->lower);
    if (c < 0 || (c == 0 && scan->lower_open)) return reverse ? AFTER : BEFORE;
  }
  if (scan->upper.data) {
    int c = hf__order_compare(order, scan->upper);
    if (c > 0 || (c == 0 && scan->upper_open)) return reverse ? BEFORE : AFTER;
  }
  hf_slice prefix = scan->id_prefix;
  if (!prefix.size || (id.size >= prefix.size && memcmp(id.data, prefix.data, prefix.size) == 0)) return INSIDE;
  hf_slice common = scan->order_prefix;
  int c = memcmp(order.data, common.data, order.size < common.size ? order.size : common.size);
  return c && (c > 0) != reverse ? AFTER : BEFORE;
}

/* Moves the cursor on to an order key.  False: it is not after the last one. */
static bool move_on(hfL_cursor *c, bool reverse, hf_slice order) {
  hf_slice last = {(const char *)c->last, c->last_size};
  int compared = last.size ? hf__order_compare(order, last) : reverse ? -1 : 1;
  if (reverse ? compared >= 0 : compared <= 0) return false;
  memcpy(c->last, order.data, order.size);
  c->last_size = order.size;
  return true;
}

/* Takes ids from the iterator on top until there are enough. */
static void pull_ids(lua_State *L, struct pull *p, bool reverse, size_t wanted) {
  hfL_cursor *c = p->cursor;
  int steps = lua_gettop(L);
  while (c->ids->count < wanted) {
    char number[HF_NUMBER_MAX];
    unsigned char order[HF__ORDER_KEY_MAX];
    size_t size;
    lua_settop(L, steps);
    lua_pushvalue(L, steps);
    lua_call(L, 0, HFL_RESULTS_MAX);
    c->ended = lua_isnil(L, steps + 1);
    if (c->ended) return;
    hf_slice id = check_id(L, &p->call, steps + 1, number);
    if (hf__order_key(id, order, &size, NULL) != HF__ID_OK)
      hfL_blame(L, &p->call, "yielded \"%.*s\", which is not a valid id", (int)(id.size < 200 ? id.size : 200),
                id.data);
    hf_slice key = {(const char *)order, size};
    if (!move_on(c, reverse, key)) {
      hf_slice before = hf__order_key_id((hf_slice){(const char *)c->last, c->last_size});
      hfL_blame(L, &p->call,
                "yielded \"%.*s\" after \"%.*s\": ids must come in natural%s order, each once "
                "(table.sort(ids, holdfast.naturalOrder))",
                (int)id.size, id.data, (int)before.size, before.data, reverse ? ", here reverse," : "");
    }
    enum place place = place_of(p->scan, reverse, id, key);
    c->ended = place == AFTER;
    if (c->ended) return;
    if (place == BEFORE) continue;
    hf_slice json = {NULL, 0};
    hf_info info = {0};
    if (c->with_values) {
      info.revision = hfL_method_number(L, steps + 3);
      info.updated_at = (int64_t)hfL_method_number(L, steps + 4);
      info.expires_at = (int64_t)hfL_method_number(L, steps + 5);
      lua_settop(L, steps + 2);
      json = hfL_method_json(L, &p->call, "yielded");
    }
    hf_entry *entry = hf_page_add(c->ids, id, json.data, json.size);
    if (!entry) {
      hfL_no_memory(L);
      return;
    }
    entry->info = info;
  }
}

static void reverse_entries(hf_page *page) {
  for (size_t i = 0, j = page->count; i + 1 < j; i++) {
    hf_entry e = page->entries[i];
    page->entries[i] = page->entries[--j];
    page->entries[j] = e;
  }
}

/* Whether the iterator knows ranges, and so the way back. */
static bool knows_ranges(const hfL_instance *e, const hfL_cursor *c) {
  return c->with_values ? e->entry_ranges : e->ranges;
}

static int pull_body(lua_State *L) {
  struct pull *p = lua_touserdata(L, 1);
  hfL_cursor *c = p->cursor;
  bool ranges = knows_ranges(p->call.instance, c);
  push_iterators(L, p->call.instance);
  if (p->begin) {
    hfL_push_method(L, &p->call);
    if (ranges) push_range(L, p->scan);
    if (ranges && c->with_values) lua_pushboolean(L, !p->scan->without_info);
    hfL_call_for_steps(L, &p->call, !ranges ? 0 : c->with_values ? 2 : 1);
    lua_pushvalue(L, -1);
    lua_rawseti(L, 2, p->slot);
    p->begin = false;
  } else {
    lua_rawgeti(L, 2, p->slot);
  }
  if (p->scan->reverse && !ranges) { /* it only knows the way forward */
    pull_ids(L, p, false, SIZE_MAX);
    c->ended = true;
    reverse_entries(c->ids);
  } else {
    pull_ids(L, p, p->scan->reverse, p->wanted);
  }
  if (c->ended) {
    lua_pushboolean(L, 0);
    lua_rawseti(L, 2, p->slot);
  }
  return 0;
}

/* What the iterator has raised of one entity takes the place of its id.  Its text is the hf_error.  False: there is no
 * such place. */
static bool keep_damaged(hfL_cursor *c, const hf_scan *scan, bool reverse, const hf_error *err) {
  hf_slice id = hf_text(err->entity_id);
  unsigned char order[HF__ORDER_KEY_MAX];
  size_t size;
  if (hf__order_key(id, order, &size, NULL) != HF__ID_OK) return false;
  hf_slice key = {(const char *)order, size};
  if (!move_on(c, reverse, key)) return false;
  enum place place = place_of(scan, reverse, id, key);
  c->ended = place == AFTER;
  if (place != INSIDE) return true; /* told by an earlier page, or not asked for */
  hf_entry *entry = hf_page_add(c->ids, id, (const char *)err, sizeof *err);
  if (entry) entry->status = HF_CORRUPT;
  return entry != NULL;
}

/* Forgets what an iterator gave that knows only the way forward and did not come to its end: of a walk back nobody
 * knows where that begins.  What it raised first is what is wrong. */
static void forget_pulled(hfL_cursor *c, hf_error *err) {
  for (size_t i = 0; i < c->ids->count; i++) {
    if (c->ids->entries[i].status != HF_CORRUPT) continue;
    memcpy(err, c->ids->entries[i].json.data, sizeof *err);
    break;
  }
  hf__page_reset(c->ids);
}

/* Pulls the next ids into the empty list of the cursor.  A failure leaves there those that come before it. */
static hf_status pull(hfL_instance *e, hfL_cursor *c, const hf_scan *scan, bool *begin, hf_error *err) {
  hf__page_reset(c->ids);
  c->next = 0;
  struct pull p = {
      .cursor = c, .scan = scan, .slot = (int)(c - e->cursors) + 1, .begin = *begin, .wanted = scan->limit};
  bool whole = scan->reverse && !knows_ranges(e, c), goes_on;
  hf_status status;
  *begin = false;
  do {
    status = hfL_instance_call(e, c->with_values ? HFL_ENTRIES : HFL_KEYS, pull_body, &p.call, err);
    goes_on = status == HF_CORRUPT && !p.begin && keep_damaged(c, scan, scan->reverse && !whole, err);
  } while (goes_on && (whole || !c->ids->count) && !c->ended);
  if (goes_on) status = HF_OK;
  if (status && whole) forget_pulled(c, err);
  return status;
}

/* ---- cursors */

static hfL_cursor *find_cursor(hfL_instance *e, const hf_scan *scan, bool *begin) {
  if (!e->cursors && !(e->cursors = calloc(HFL_CURSORS, sizeof *e->cursors))) return NULL;
  hf_slice near = scan->reverse ? scan->upper : scan->lower;
  hfL_cursor *oldest = NULL;
  e->turn++;
  for (int i = 0; i < HFL_CURSORS; i++) {
    hfL_cursor *c = &e->cursors[i];
    if (c->busy) continue;
    if (c->scan_id == scan->scan_id && c->ids && near.data &&
        hf__order_compare(near, (hf_slice){(const char *)c->at, c->at_size}) == 0) {
      c->touched = e->turn;
      c->busy = true;
      *begin = false;
      return c;
    }
    if (!oldest || !c->scan_id || (oldest->scan_id && c->touched < oldest->touched)) oldest = c;
  }
  if (!oldest || (!oldest->ids && !(oldest->ids = hf_page_new()))) return NULL;
  *begin = true;
  oldest->scan_id = scan->scan_id;
  oldest->touched = e->turn;
  oldest->busy = true;
  oldest->ended = false;
  oldest->next = oldest->at_size = oldest->last_size = 0;
  hf__page_reset(oldest->ids);
  return oldest;
}

/* Replaces the ids of the cursor by ids with values, in one call where the class can.  Where one of them is damaged
 * they stay without: each is read when its turn comes, and those before it are handed out. */
static hf_status read_ahead(hfL_instance *e, hfL_cursor *c, void *txn, hf_error *err) {
  size_t n = c->ids->count;
  for (size_t i = 0; i < n; i++)
    if (c->ids->entries[i].status) return HF_OK;
  hf_page *values = hf_page_new();
  hf_key *keys = calloc(n, sizeof *keys);
  hf_status status = values && keys ? HF_OK : hf__no_memory(err);
  for (size_t i = 0; i < n && status == HF_OK; i++) keys[i].id = c->ids->entries[i].id;
  if (status == HF_OK) status = hfL_script_get_many(NULL, txn, e, keys, n, values, err);
  free(keys);
  if (status) {
    hf_page_free(values);
    return status == HF_CORRUPT ? HF_OK : status;
  }
  hf_page_free(c->ids);
  c->ids = values;
  return HF_OK;
}

/* Whether only readEntry of the class can say the revision: loops and batches have it only where they give it. */
static bool needs_entry(const hfL_instance *e, const hf_scan *scan, const hf_info *info) {
  return !scan->keys_only && !scan->without_info && !info->revision && (e->capabilities & HF_CAP_REVISION) &&
         hfL_instance_has(e, HFL_READ_ENTRY);
}

/* Hands out a damaged one, of which *err says what is wrong. */
static hf_status hand_out_damaged(hf_slice id, const hf_scan *scan, hf_page *page, hf_error *err) {
  if (!scan->report_corrupt) {
    hf_page_fail_at(page, id);
    return HF_CORRUPT;
  }
  hf_entry *entry = hf_page_add(page, id, err->message, strlen(err->message));
  if (!entry) return hf__no_memory(err);
  entry->status = HF_CORRUPT;
  return HF_OK;
}

/* Adds the entity to the page.  HF_NOT_FOUND: it is gone. */
static hf_status hand_out(hfL_instance *e, void *txn, const hf_entry *from, const hf_key *key, const hf_scan *scan,
                          hf_buffer *json, hf_page *page, hf_error *err) {
  hf_slice text = from->json;
  hf_info info = from->info;
  hf_status status = from->status;
  if (status == HF_OK && !scan->keys_only && (!text.data || needs_entry(e, scan, &info))) {
    status = hfL_script_get(NULL, txn, e, key, json, &info, err);
    text = (hf_slice){json->data, json->size};
  }
  if (status == HF_CORRUPT) return hand_out_damaged(key->id, scan, page, err);
  bool wanted = true;
  if (status == HF_OK && scan->condition) status = hf_page_judge(page, scan, key->id, text, &wanted, err);
  if (status || !wanted) return status;
  hf_entry *entry = hf_page_add(page, key->id, scan->keys_only ? NULL : text.data, scan->keys_only ? 0 : text.size);
  if (!entry) return hf__no_memory(err);
  entry->info = info;
  return HF_OK;
}

/* Hands out one id of the scan, whose order key goes to `at`.  *bytes: of the page so far. */
static hf_status advance(hfL_instance *e, void *txn, const hf_entry *from, const hf_scan *scan, hf_buffer *json,
                         hf_page *page, size_t *bytes, unsigned char at[HF__ORDER_KEY_MAX], size_t *at_size,
                         hf_error *err) {
  size_t before = page->count;
  *at_size = hf_order_key(from->id, at);
  hf_key key = {from->id, {(const char *)at, *at_size}};
  hf_status status = hand_out(e, txn, from, &key, scan, json, page, err);
  if (page->count > before) *bytes += page->entries[before].json.size;
  return status == HF_NOT_FOUND ? HF_OK : status;
}

static bool is_full(const hf_page *page, const hf_scan *scan, size_t bytes) {
  return page->count >= scan->limit || (page->count && scan->max_bytes && bytes >= scan->max_bytes);
}

/* Over the class's own iterator. */
static hf_status scan_script(hfL_instance *e, void *txn, const hf_scan *scan, hf_page *page, bool *more,
                             hf_error *err) {
  bool begin;
  hfL_cursor *c = find_cursor(e, scan, &begin);
  if (!c)
    return hf__fail(err, HF_NO_MEMORY, "no cursor for %s: out of memory, or its iteration iterates itself",
                    e->class_name);
  c->with_values = !scan->keys_only && hfL_instance_has(e, HFL_ENTRIES);
  hf_buffer json = HF_BUFFER_INIT;
  hf_error raised;
  hf_status status = HF_OK, later = HF_OK; /* of the iterator, after the ids that it gave */
  size_t bytes = 0, looked_at = 0;
  while (status == HF_OK && !is_full(page, scan, bytes) && !(scan->condition && looked_at == scan->max_looked_at)) {
    if (c->next < c->ids->count) {
      looked_at++;
      const hf_entry *from = &c->ids->entries[c->next++];
      if (from->status == HF_CORRUPT) memcpy(err, from->json.data, sizeof *err);
      status = advance(e, txn, from, scan, &json, page, &bytes, c->at, &c->at_size, err);
      continue;
    }
    if (later || c->ended) break;
    later = pull(e, c, scan, &begin, &raised);
    if (later == HF_OK && c->ids->count && !scan->keys_only && !c->with_values && hfL_instance_has(e, HFL_READ_MANY) &&
        !needs_entry(e, scan, &c->ids->entries->info))
      status = read_ahead(e, c, txn, err);
  }
  hf_buffer_free(&json);
  c->busy = false;
  if (status == HF_OK && later && c->next == c->ids->count) {
    status = later;
    *err = raised;
  }
  if (c->at_size && !hf_page_resume(page, (hf_slice){(const char *)c->at, c->at_size})) status = hf__no_memory(err);
  *more = status == HF_OK && !(c->ended && c->next == c->ids->count);
  if (later || (!*more && status != HF_CORRUPT)) c->scan_id = 0; /* begun again, it comes to the failure again */
  return status;
}

/* Over the ids of the wrapped store, with the class's own values.  Of a damaged key the id may be any, so the store has
 * to say which are: the class cannot read them, and would take them for removed. */
static hf_status scan_wrapped(hfL_instance *e, void *txn, const hf_scan *scan, hf_page *page, bool *more,
                              hf_error *err) {
  hf_persist *p = e->wrapped;
  hf_page *ids = hf_page_new();
  if (!ids) return hf__no_memory(err);
  hf_scan keys = *scan;
  hf_buffer json = HF_BUFFER_INIT;
  hf_error raised;
  unsigned char at[HF__ORDER_KEY_MAX];
  size_t bytes = 0, i = 0, at_size = 0;
  keys.keys_only = keys.report_corrupt = true;
  hf_status status = HF_OK, later = hf__slot_scan(p, txn, &keys, ids, more, &raised);
  while (status == HF_OK && i < ids->count && !is_full(page, scan, bytes)) {
    const hf_entry *from = &ids->entries[i++];
    if (from->status == HF_CORRUPT) hf__fail(err, HF_CORRUPT, "%.*s", (int)from->json.size, from->json.data);
    status = advance(e, txn, from, scan, &json, page, &bytes, at, &at_size, err);
  }
  hf_slice end = {(const char *)at, at_size};
  if (i < ids->count)
    *more = true;
  else if (ids->resume.data)
    end = ids->resume;
  if (status == HF_OK && later && i == ids->count) {
    status = later;
    *err = raised;
    if (ids->failed_at.data) hf_page_fail_at(page, ids->failed_at);
  }
  if (end.size && !hf_page_resume(page, end)) status = hf__no_memory(err);
  hf_buffer_free(&json);
  hf_page_free(ids);
  return status;
}

hf_status hfL_script_scan(void *store, void *txn, void *collection, const hf_scan *scan, hf_page *page, bool *more,
                          hf_error *err) {
  (void)store;
  hfL_instance *e = collection;
  if (!e) return hf__fail(err, HF_CLOSED, "it was closed in the middle of the operation");
  hf_status status;
  e->refs++; /* a script may close it */
  if (!e->wrapped || hfL_instance_has(e, HFL_KEYS) || (hfL_instance_has(e, HFL_ENTRIES) && !scan->keys_only)) {
    status = scan_script(e, txn, scan, page, more, err);
  } else {
    hf_persist *p = e->wrapped;
    status = hf_persist_init(p, err);
    if (status == HF_OK)
      status = scan->keys_only || !(hfL_instance_has(e, HFL_READ_VALUE) || hfL_instance_has(e, HFL_READ_ENTRY))
                   ? hf__slot_scan(p, txn, scan, page, more, err)
                   : scan_wrapped(e, txn, scan, page, more, err);
  }
  hfL_instance_unref(e);
  return status;
}
