/* SPDX-License-Identifier: MIT
 *
 * Script classes as a C program sees them: a host that opens "lua:..." must not be able to tell it
 * from a store in C.  The same script classes run as they are, and around LMDB.
 */
#include <pthread.h>

#include "holdfast/backend.h"
#include "unit/support.h"

/* A backend of its own, over texts that live in the module; and one around a memory store. */
static const char adapters[] =
    "local holdfast = require 'holdfast'\n"
    "local My = holdfast.PersistBase:extend('My')\n"
    "local all = {}\n"
    "package.loaded.my_adapter = My\n"
    "function My:init(name, base)\n"
    "  holdfast.PersistBase.init(self, name, base)\n"
    "  all[base .. name] = all[base .. name] or {}\n"
    "  self.texts = all[base .. name]\n"
    "end\n"
    "function My:waitForInit() INITS = (INITS or 0) + 1 end\n"
    "function My:readValue(id)\n"
    "  if not self.texts[id] then error(('Entity %s:%s not found'):format(self.entityName, id)) end\n"
    "  return holdfast.json.decode(self.texts[id])\n"
    "end\n"
    "function My:hasValue(id) return self.texts[id] ~= nil end\n"
    "function My:writeValue(id, v)\n"
    "  if id == 'bad' then local x = nil; x.y = 1 end\n"
    "  if id == 'full' then error(holdfast.error('full', 'no room at all')) end\n"
    "  self.texts[id] = holdfast.json.encode(v)\n"
    "end\n"
    "function My:removeValue(id)\n"
    "  if not self.texts[id] then error(holdfast.error('not_found')) end\n"
    "  self.texts[id] = nil\n"
    "end\n"
    "function My:removeAll() for id in pairs(self.texts) do self.texts[id] = nil end end\n"
    "function My:keys()\n"
    "  local ids = {}\n"
    "  for id in pairs(self.texts) do ids[#ids + 1] = id end\n"
    "  table.sort(ids, holdfast.naturalOrder)\n"
    "  return ids\n"
    "end\n"
    "function My:values() return {} end\n"
    "local Wrapped = holdfast.MemoryPersist:extend('Wrapped')\n"
    "package.loaded.my_wrapper = Wrapped\n"
    "function Wrapped:readValue(id) return holdfast.MemoryPersist.readValue(self, id) end\n"
    "function Wrapped:writeValue(id, v, options)\n"
    "  if id == 'bad' then local x = nil; x.y = 1 end\n"
    "  if id == 'full' then error(holdfast.error('full', 'no room at all')) end\n"
    "  return holdfast.MemoryPersist.writeValue(self, id, v, options)\n"
    "end\n"
    "local Hiding = holdfast.MemoryPersist:extend('Hiding')\n" /* what is stored is not what scripts see */
    "package.loaded.my_hiding = Hiding\n"
    "function Hiding:readValue(id) return { n = -holdfast.MemoryPersist.readValue(self, id).m } end\n"
    "function Hiding:writeValue(id, v, options)\n"
    "  return holdfast.MemoryPersist.writeValue(self, id, { m = -v.n }, options)\n"
    "end\n";

struct fixture {
  hf_runtime *runtime;
  char url[64];
};

static int number;

static struct fixture *setup(const char *module) {
  hf_error err;
  struct fixture *f = calloc(1, sizeof *f);
  OK(hf_runtime_open(&f->runtime, &err));
  OK(hf_runtime_run_text(f->runtime, hf_text(adapters), "=adapters", &err));
  snprintf(f->url, sizeof f->url, "lua:%s?base=test-%d", module, ++number);
  return f;
}

static int setup_own(void **state) {
  *state = setup("my_adapter");
  return 0;
}

static int setup_wrapper(void **state) {
  *state = setup("my_wrapper");
  return 0;
}

static int setup_hiding(void **state) {
  *state = setup("my_hiding");
  return 0;
}

static int teardown(void **state) {
  struct fixture *f = *state;
  hf_runtime_close(f->runtime);
  free(f);
  return 0;
}

static hf_persist *open_signal(const struct fixture *f) {
  hf_error err;
  hf_persist *p;
  OK(hf_persist_open(hf_text("signal"), f->url, NULL, &p, &err));
  return p;
}

static void it_is_not_written_when_it_is_read_only(void **state) {
  static const hf_item items[] = {{.id = {"b", 1}, .json = {"2", 1}}};
  const struct fixture *f = *state;
  hf_error err;
  hf_persist *p;
  hf_options options = HF_OPTIONS_INIT;
  uint64_t removed;
  options.read_only = true;
  OK(hf_persist_open(hf_text("signal"), f->url, &options, &p, &err));
  FAILS(HF_READONLY, hf_persist_write(p, hf_text("a"), hf_text("1"), NULL, NULL, &err));
  FAILS(HF_READONLY, hf_persist_remove(p, hf_text("a"), &err));
  FAILS(HF_READONLY, hf_persist_remove_all(p, &err));
  FAILS(HF_READONLY, hf_persist_write_many(p, items, 1, &err));
  FAILS(HF_READONLY, hf_persist_remove_many(p, &items[0].id, 1, &removed, &err));
  assert_int_equal(count_of(p), 0);
  hf_persist_close(p);
}

static void it_has_the_whole_contract(void **state) {
  hf_error err;
  hf_persist *p = open_signal(*state);
  bool found;
  OK(hf_persist_init(p, &err));
  write_text(p, "log-10", "[10]");
  write_text(p, "log-2", "[2]");
  write_text(p, "LOG", "{\"list\":[null,{},[]]}"); /* one key: Lua's tables have no order */
  assert_entity(p, "LOG", "{\"list\":[null,{},[]]}");
  OK(hf_persist_has(p, hf_text("log-2"), &found, &err));
  assert_true(found);
  OK(hf_persist_has(p, hf_text("nothing"), &found, &err));
  assert_false(found);
  assert_int_equal(count_of(p), 3);
  OK(hf_persist_remove(p, hf_text("LOG"), &err));
  FAILS(HF_NOT_FOUND, hf_persist_remove(p, hf_text("LOG"), &err));
  assert_string_equal(err.message, "Entity signal:LOG not found for deletion");
  hf_buffer text = HF_BUFFER_INIT;
  FAILS(HF_NOT_FOUND, hf_persist_read(p, hf_text("LOG"), &text, NULL, &err));
  assert_string_equal(err.message, "Entity signal:LOG not found");
  assert_string_equal(err.entity_name, "signal");
  assert_string_equal(err.entity_id, "LOG");
  assert_string_equal(err.backend, "lua");
  OK(hf_persist_stat(p, &text, &err));
  hf_buffer_free(&text);
  OK(hf_persist_remove_all(p, &err));
  assert_int_equal(count_of(p), 0);
  hf_persist_close(p);
}

static void it_is_checked_first(void **state) {
  hf_error err;
  hf_persist *p = open_signal(*state);
  FAILS(HF_INVALID_ARGUMENT, hf_persist_write(p, hf_text(""), hf_text("1"), NULL, NULL, &err));
  FAILS(HF_INVALID_VALUE, hf_persist_write(p, hf_text("a"), hf_text("{"), NULL, NULL, &err));
  assert_int_equal(count_of(p), 0);
  hf_persist_close(p);
}

static void its_errors_keep_their_codes(void **state) {
  hf_error err;
  hf_persist *p = open_signal(*state);
  FAILS(HF_SCRIPT, hf_persist_write(p, hf_text("bad"), hf_text("1"), NULL, NULL, &err));
  CONTAINS(err.message, ":writeValue raised: ");
  CONTAINS(err.message, "attempt to index local 'x' (a nil value)");
  CONTAINS(err.cause, "stack traceback:");
  CONTAINS(err.where, "adapters:");
  assert_string_equal(err.entity_id, "bad");
  FAILS(HF_FULL, hf_persist_write(p, hf_text("full"), hf_text("1"), NULL, NULL, &err));
  assert_string_equal(err.message, "no room at all");
  assert_true(err.retryable);
  write_text(p, "good", "1");
  hf_persist_close(p);
}

static void iteration_is_in_natural_order(void **state) {
  hf_error err;
  hf_persist *p = open_signal(*state);
  for (int i = 300; i > 0; i--) write_text(p, text_of("id-%d", i), text_of("%d", i));
  hf_iter *it;
  const hf_entry *e;
  OK(hf_iter_open(p, NULL, &it, &err));
  for (int i = 1; i <= 300; i++) {
    OK(hf_iter_next(it, &e, &err));
    assert_non_null(e);
    assert_memory_equal(e->id.data, text_of("id-%d", i), e->id.size);
    assert_string_equal(e->json.data, text_of("%d", i));
  }
  OK(hf_iter_next(it, &e, &err));
  assert_null(e);
  hf_iter_close(it);
  hf_range range = {.from = hf_text("id-10"), .to = hf_text("id-20"), .reverse = true, .keys_only = true};
  OK(hf_iter_open(p, &range, &it, &err));
  for (int i = 20; i >= 10; i--) {
    OK(hf_iter_next(it, &e, &err));
    assert_memory_equal(e->id.data, text_of("id-%d", i), e->id.size);
    assert_null(e->json.data);
  }
  OK(hf_iter_next(it, &e, &err));
  assert_null(e);
  hf_iter_close(it);
  hf_persist_close(p);
}

/* A condition is evaluated on what the class gives, and never on what is stored under it. */
static void it_is_asked_for_what_scripts_see(void **state) {
  hf_error err;
  hf_persist *p = open_signal(*state);
  hf_range range = HF_RANGE_INIT;
  hf_iter *it;
  const hf_entry *e;
  uint64_t n;
  for (int i = 1; i <= 300; i++) write_text(p, text_of("id-%d", i), text_of("{\"n\":%d}", i));
  OK(hf_condition_parse(hf_text("n > ? and m == nil and id ~= 'id-300'"), &range.where, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_iter_open(p, &range, &it, &err));
  OK(hf_condition_set_number(range.where, 1, 297, &err));
  OK(hf_iter_open(p, &range, &it, &err));
  for (int i = 298; i <= 299; i++) {
    OK(hf_iter_next(it, &e, &err));
    assert_non_null(e);
    assert_memory_equal(e->id.data, text_of("id-%d", i), e->id.size);
    assert_string_equal(e->json.data, text_of("{\"n\":%d}", i));
  }
  OK(hf_iter_next(it, &e, &err));
  assert_null(e);
  hf_iter_close(it);
  OK(hf_persist_count_where(p, &range, &n, &err));
  assert_int_equal(n, 2);
  hf_condition_free(range.where);
  write_text(p, "id-250", "{\"n\":0}");
  OK(hf_condition_parse(hf_text("n > 0 or x.y"), &range.where, &err));
  FAILS(HF_SCRIPT, hf_persist_count_where(p, &range, &n, &err));
  assert_string_equal(err.entity_id, "id-250");
  CONTAINS(err.message, "attempt to index field 'x' (a nil value)");
  hf_condition_free(range.where);
  hf_persist_close(p);
}

static void batches_work(void **state) {
  hf_error err;
  size_t count;
  uint64_t removed;
  hf_persist *p = open_signal(*state);
  const hf_item items[] = {{.id = hf_text("b"), .json = hf_text("2")},
                           {.id = hf_text("a"), .json = hf_text("1")},
                           {.id = hf_text("b"), .json = hf_text("3")}};
  OK(hf_persist_write_many(p, items, 3, &err));
  const hf_slice ids[] = {hf_text("b"), hf_text("x"), hf_text("a")};
  hf_page *page = hf_page_new();
  OK(hf_persist_read_many(p, ids, 3, page, &err));
  const hf_entry *entries = hf_page_entries(page, &count);
  assert_int_equal(count, 3);
  assert_string_equal(entries[0].json.data, "3");
  assert_int_equal(entries[1].status, HF_NOT_FOUND);
  assert_string_equal(entries[2].json.data, "1");
  OK(hf_persist_remove_many(p, ids, 3, &removed, &err));
  assert_int_equal(removed, 2);
  hf_page_free(page);
  hf_persist_close(p);
}

static void two_handles_share_their_data(void **state) {
  hf_persist *a = open_signal(*state), *b = open_signal(*state);
  write_text(a, "x", "1");
  assert_entity(b, "x", "1");
  hf_persist_close(a);
  assert_entity(b, "x", "1");
  hf_persist_close(b);
}

static void it_is_initialised_once_per_handle(void **state) {
  const struct fixture *f = *state;
  hf_error err;
  hf_buffer n = HF_BUFFER_INIT;
  hf_persist *p = open_signal(f);
  OK(hf_runtime_run_text(f->runtime, hf_text("function inits() return INITS or 0 end"), NULL, &err));
  OK(hf_runtime_call(f->runtime, "inits", (hf_slice){NULL, 0}, &n, &err));
  assert_string_equal(n.data, "0");
  write_text(p, "a", "1");
  OK(hf_persist_init(p, &err));
  OK(hf_runtime_call(f->runtime, "inits", (hf_slice){NULL, 0}, &n, &err));
  assert_string_equal(n.data, "1");
  hf_buffer_free(&n);
  hf_persist_close(p);
}

static void a_transaction_needs_one(void **state) {
  hf_error err;
  hf_txn *txn;
  hf_persist *p = open_signal(*state);
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  FAILS(HF_UNSUPPORTED, hf_persist_write(p, hf_text("a"), hf_text("1"), NULL, NULL, &err));
  assert_string_equal(err.message, "lua stores have no transactions");
  hf_txn_abort(txn);
  hf_persist_close(p);
}

static void a_transaction_of_the_store_below_works(void **state) {
  hf_error err;
  hf_txn *txn;
  hf_persist *p = open_signal(*state);
  assert_true(hf_persist_capabilities(p) & HF_CAP_TRANSACTION);
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  write_text(p, "a", "1");
  assert_entity(p, "a", "1");
  hf_txn_abort(txn);
  assert_entity(p, "a", NULL);
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  write_text(p, "a", "2");
  OK(hf_txn_commit(txn, &err));
  assert_entity(p, "a", "2");
  hf_write_options options = {.if_absent = true};
  FAILS(HF_CONFLICT, hf_persist_write(p, hf_text("a"), hf_text("3"), &options, NULL, &err));
  hf_persist_close(p);
}

struct other {
  const struct fixture *fixture;
  hf_persist *persist;
  hf_status status, open_status;
  hf_error err, open_err;
};

static void *in_another_thread(void *arg) {
  struct other *o = arg;
  hf_persist *p;
  o->status = hf_persist_write(o->persist, hf_text("a"), hf_text("1"), NULL, NULL, &o->err);
  o->open_status = hf_persist_open(hf_text("signal"), o->fixture->url, NULL, &p, &o->open_err);
  return NULL;
}

static void another_thread_is_refused(void **state) {
  pthread_t thread;
  hf_persist *p = open_signal(*state);
  struct other o = {.fixture = *state, .persist = p};
  write_text(p, "b", "1");
  assert_int_equal(pthread_create(&thread, NULL, in_another_thread, &o), 0);
  pthread_join(thread, NULL);
  assert_int_equal(o.status, HF_UNSUPPORTED);
  CONTAINS(o.err.message, "scripts live in the thread of their Lua state");
  assert_int_equal(o.open_status, HF_UNSUPPORTED);
  CONTAINS(o.open_err.message, "needs a Lua runtime in this thread");
  assert_int_equal(count_of(p), 1);
  hf_persist_close(p);
}

static void *close_there(void *arg) {
  hf_persist_close(arg);
  return NULL;
}

static void a_handle_may_be_closed_in_another_thread(void **state) {
  pthread_t thread;
  hf_persist *p = open_signal(*state), *q = open_signal(*state);
  write_text(p, "b", "1");
  assert_int_equal(pthread_create(&thread, NULL, close_there, p), 0);
  pthread_join(thread, NULL);
  write_text(q, "c", "1");
  hf_persist_close(q);
}

static void the_runtime_may_go_first(void **state) {
  struct fixture *f = *state;
  hf_error err;
  hf_iter *it;
  const hf_entry *e;
  hf_persist *p = open_signal(f);
  write_text(p, "a", "1");
  OK(hf_iter_open(p, NULL, &it, &err));
  hf_runtime_close(f->runtime);
  f->runtime = NULL;
  hf_status status = hf_persist_write(p, hf_text("a"), hf_text("2"), NULL, NULL, &err);
  assert_int_equal(status, HF_CLOSED);
  CONTAINS(err.message, "Lua state was closed");
  status = hf_iter_next(it, &e, &err);
  assert_int_equal(status, HF_CLOSED);
  hf_iter_close(it);
  hf_persist_close(p);
}

static void each_runtime_has_its_own(void **state) {
  const struct fixture *f = *state;
  hf_error err;
  hf_runtime *second;
  hf_persist *p = open_signal(f), *q;
  write_text(p, "a", "1");
  OK(hf_runtime_open(&second, &err));
  FAILS(HF_SCRIPT, hf_persist_open(hf_text("signal"), f->url, NULL, &q, &err)); /* the second one has no such module */
  OK(hf_runtime_run_text(second, hf_text(adapters), "=adapters", &err));
  OK(hf_persist_open(hf_text("signal"), f->url, NULL, &q, &err));
  write_text(q, "b", "2");
  assert_entity(p, "a", "1");
  hf_persist_close(q);
  hf_runtime_close(second);
  q = open_signal(f); /* the first one again */
  assert_entity(q, "a", "1");
  hf_persist_close(q);
  hf_persist_close(p);
}

static void a_whole_store_can_be_verified(void **state) {
  const struct fixture *f = *state;
  hf_error err;
  hf_store *store;
  hf_verify_report report;
  hf_persist *p = open_signal(f);
  for (int i = 0; i < 600; i++) write_text(p, text_of("%d", i), "[1]");
  OK(hf_store_open(f->url, NULL, &store, &err));
  OK(hf_store_verify(store, hf_text("signal"), false, NULL, NULL, &report, &err));
  assert_int_equal(report.entities, 600);
  assert_int_equal(report.corrupt, 0);
  hf_store_close(store);
  hf_persist_close(p);
}

static void a_script_that_calls_c_that_calls_scripts_ends(void **state) {
  const struct fixture *f = *state;
  hf_error err;
  OK(hf_runtime_run_text(f->runtime,
                         hf_text("local holdfast = require 'holdfast'\n"
                                 "local Deep = package.loaded.my_adapter:extend('Deep')\n"
                                 "package.loaded.deep = Deep\n"
                                 "function Deep:readValue(id)\n"
                                 "  return holdfast.PersistBase('signal', 'lua:deep'):readValue(id)\n"
                                 "end\n"),
                         "=deep", &err));
  hf_persist *p;
  hf_buffer text = HF_BUFFER_INIT;
  OK(hf_persist_open(hf_text("signal"), "lua:deep", NULL, &p, &err));
  FAILS(HF_SCRIPT, hf_persist_read(p, hf_text("a"), &text, NULL, &err));
  CONTAINS(err.message, "does one call itself?");
  hf_buffer_free(&text);
  hf_persist_close(p);
}

/* How a file with this text is refused, when asked for twice: `message` follows the file's name. */
static void assert_file_refused(const char *text, hf_status status, const char *message, const char *cause) {
  hf_error err;
  char *folder = new_directory(), path[512], url[520], wanted[1024];
  snprintf(path, sizeof path, "%s/x.lua", folder);
  snprintf(url, sizeof url, "lua:%s", path);
  snprintf(wanted, sizeof wanted, "%s%s", path, message);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
  for (int i = 0; i < 2; i++) {
    hf_persist *p;
    FAILS(status, hf_persist_open(hf_text("signal"), url, NULL, &p, &err));
    assert_null(p);
    assert_string_equal(err.message, wanted);
    assert_int_equal(strncmp(err.where, path, strlen(path)), 0);
    if (!*cause) assert_string_equal(err.cause, "");
    CONTAINS(err.cause, cause);
    assert_null(strstr(err.cause, "[holdfast"));
    assert_null(strstr(err.cause, "[C]"));
  }
  remove_directory(folder);
}

static void a_file_that_is_wrong_is_refused_with_its_line(void **state) {
  (void)state;
  assert_file_refused("\nreturn = 1", HF_SCRIPT, ":2: unexpected symbol near '='", "");
  assert_file_refused("local x\nlocal y = x.z", HF_SCRIPT, ":2: attempt to index local 'x' (a nil value)", "");
  assert_file_refused("local function f() error('no') end\nlocal y = f()", HF_SCRIPT, ":1: no",
                      "x.lua:2: in main chunk");
  assert_file_refused("", HF_INVALID_ARGUMENT,
                      " returned nothing: an adapter returns its class, made with "
                      "holdfast.PersistBase:extend(\"Name\")",
                      "");
}

static void without_a_runtime_it_says_so(void **state) {
  (void)state;
  hf_error err;
  hf_persist *p;
  FAILS(HF_UNSUPPORTED, hf_persist_open(hf_text("signal"), "lua:my_adapter", NULL, &p, &err));
  CONTAINS(err.message, "hf_runtime_open()");
  assert_null(p);
}

#define ON_OWN(test)                                                                                                   \
  { #test, test, setup_own, teardown, NULL }
#define ON_WRAPPER(test)                                                                                               \
  { #test " around a store", test, setup_wrapper, teardown, NULL }

#define ON_HIDING(test)                                                                                                \
  { #test " where it hides what is stored", test, setup_hiding, teardown, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_a_runtime_it_says_so),
      ON_OWN(it_has_the_whole_contract),
      ON_WRAPPER(it_has_the_whole_contract),
      ON_OWN(it_is_checked_first),
      ON_WRAPPER(it_is_checked_first),
      ON_OWN(it_is_not_written_when_it_is_read_only),
      ON_WRAPPER(it_is_not_written_when_it_is_read_only),
      ON_OWN(its_errors_keep_their_codes),
      ON_WRAPPER(its_errors_keep_their_codes),
      ON_OWN(iteration_is_in_natural_order),
      ON_WRAPPER(iteration_is_in_natural_order),
      ON_OWN(it_is_asked_for_what_scripts_see),
      ON_WRAPPER(it_is_asked_for_what_scripts_see),
      ON_HIDING(it_is_asked_for_what_scripts_see),
      ON_OWN(batches_work),
      ON_WRAPPER(batches_work),
      ON_OWN(two_handles_share_their_data),
      ON_WRAPPER(two_handles_share_their_data),
      ON_OWN(it_is_initialised_once_per_handle),
      ON_OWN(a_transaction_needs_one),
      ON_WRAPPER(a_transaction_of_the_store_below_works),
      ON_OWN(another_thread_is_refused),
      ON_OWN(a_handle_may_be_closed_in_another_thread),
      ON_WRAPPER(a_handle_may_be_closed_in_another_thread),
      ON_OWN(the_runtime_may_go_first),
      ON_OWN(each_runtime_has_its_own),
      ON_OWN(a_whole_store_can_be_verified),
      ON_WRAPPER(a_whole_store_can_be_verified),
      ON_OWN(a_script_that_calls_c_that_calls_scripts_ends),
      ON_OWN(a_file_that_is_wrong_is_refused_with_its_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
