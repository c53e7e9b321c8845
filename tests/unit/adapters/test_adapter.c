/* SPDX-License-Identifier: MIT
 *
 * Adapters as a C program sees them: a set of its own, and that of a runtime, whose scripts register classes.
 */
#include "unit/support.h"

#define PARTS(...) ((const hf_slice[]){__VA_ARGS__}), sizeof((const hf_slice[]){__VA_ARGS__}) / sizeof(hf_slice)
#define SIGNAL PARTS(hf_text("main"), hf_text("BTCUSDT"))

enum { BUILTIN = 6 }; /* adapters that every set has */

static hf_adapters *new_set(const struct store *s) {
  hf_error err;
  hf_adapters *set;
  hf_adapter_info info;
  OK(hf_adapters_new(&set, &err));
  for (size_t i = 0; hf_adapters_at(set, i, &info); i++) OK(hf_adapter_use(set, info.spec->name, s->base, NULL, &err));
  return set;
}

/* What an adapter has; "" for nothing. */
static const char *reads(hf_adapters *set, const char *name, const hf_slice *parts, size_t count) {
  static char out[512];
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  bool found = true;
  OK(hf_adapter_read(set, name, parts, count, &json, &found, &err));
  snprintf(out, sizeof out, "%s", found ? json.data : "");
  hf_buffer_free(&json);
  return out;
}

static void it_reads_what_it_wrote(void **state) {
  hf_error err;
  hf_adapters *set = new_set(*state);
  assert_string_equal(reads(set, "PersistSignalAdapter", SIGNAL), "");
  OK(hf_adapter_write(set, "PersistSignalAdapter", SIGNAL, hf_text("{\"n\":1}"), &err));
  OK(hf_adapter_write(set, "PersistRiskAdapter", PARTS(hf_text("a/b%")), hf_text("[2]"), &err));
  assert_string_equal(reads(set, "PersistSignalAdapter", SIGNAL), "{\"n\":1}");
  assert_string_equal(reads(set, "PersistRiskAdapter", PARTS(hf_text("a/b%"))), "[2]");
  assert_string_equal(reads(set, "PersistRiskAdapter", PARTS(hf_text("a%2Fb%25"))), "");
  hf_persist *signal = open_persist(*state, "signal"), *risk = open_persist(*state, "risk");
  assert_entity(signal, "main/BTCUSDT", "{\"n\":1}");
  assert_entity(risk, "a%2Fb%25/positions", "[2]");
  OK(hf_adapter_write(set, "PersistSignalAdapter", SIGNAL, (hf_slice){NULL, 0}, &err));
  OK(hf_adapter_write(set, "PersistSignalAdapter", SIGNAL, hf_text(" null "), &err));
  OK(hf_adapter_write(set, "PersistRiskAdapter", PARTS(hf_text("a/b%")), hf_text("\tnull"), &err));
  assert_int_equal(count_of(signal) + count_of(risk), 0);
  hf_persist_close(signal);
  hf_persist_close(risk);
  hf_adapters_free(set);
}

static void it_restores_infinity(void **state) {
  hf_adapters *set = new_set(*state);
  hf_persist *signal = open_persist(*state, "signal");
  char many[600] = "[", expected[600] = "[";
  for (int i = 0; i < 15; i++) {
    strcat(many, "{\"minuteEstimatedTime\":null},");
    strcat(expected, "{\"minuteEstimatedTime\":1e999},");
  }
  strcat(many, "null]");
  strcat(expected, "null]");
  static const char *const cases[][2] = {
      {"{\"minuteEstimatedTime\":null}", "{\"minuteEstimatedTime\":1e999}"},
      {"{\"minuteEstimatedTime\" :\n null ,\"a\":null}", "{\"minuteEstimatedTime\" :\n 1e999 ,\"a\":null}"},
      {"\"\\\"minuteEstimatedTime\\\":null\"", "\"\\\"minuteEstimatedTime\\\":null\""},
      {"\"minuteEstimatedTime\"", "\"minuteEstimatedTime\""},
      {"{\"\\\"minuteEstimatedTime\":null}", "{\"\\\"minuteEstimatedTime\":null}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_text(signal, "main/BTCUSDT", cases[i][0]);
    assert_string_equal(reads(set, "PersistSignalAdapter", SIGNAL), cases[i][1]);
  }
  write_text(signal, "main/BTCUSDT", many);
  assert_string_equal(reads(set, "PersistSignalAdapter", SIGNAL), expected);
  write_text(signal, "main/BTCUSDT", "null");
  assert_string_equal(reads(set, "PersistSignalAdapter", SIGNAL), "");
  hf_persist_close(signal);
  hf_adapters_free(set);
}

static void it_refuses_what_is_wrong(void **state) {
  hf_error err;
  hf_adapters *set = new_set(*state);
  hf_buffer json = HF_BUFFER_INIT;
  bool found;
  FAILS(HF_INVALID_ARGUMENT, hf_adapter_read(set, "PersistOrderAdapter", SIGNAL, &json, &found, &err));
  CONTAINS(err.message, "there is no adapter PersistOrderAdapter; there are PersistSignalAdapter, ");
  FAILS(HF_INVALID_ARGUMENT, hf_adapter_read(set, "PersistSignalAdapter", PARTS(hf_text("main")), &json, &found, &err));
  CONTAINS(err.message, "has 2 parts, and 1 were given");
  FAILS(HF_INVALID_ARGUMENT,
        hf_adapter_write(set, "PersistSignalAdapter", PARTS(hf_text("main"), {NULL, 0}), hf_text("1"), &err));
  CONTAINS(err.message, "symbol is empty");
  assert_string_equal(err.entity_name, "signal");
  FAILS(HF_INVALID_VALUE, hf_adapter_write(set, "PersistSignalAdapter", SIGNAL, hf_text("{"), &err));
  assert_string_equal(err.entity_id, "main/BTCUSDT");
  hf_adapter_info info;
  assert_true(hf_adapters_at(set, 0, &info));
  assert_null(info.since);
  assert_false(hf_adapters_at(set, BUILTIN, &info));
  hf_buffer_free(&json);
  hf_adapters_free(set);
}

static void it_registers_before_the_first_use_only(void **state) {
  hf_error err;
  uint64_t hold;
  hf_adapters *set = new_set(*state);
  OK(hf_adapter_write(set, "PersistSignalAdapter", SIGNAL, hf_text("1"), &err));
  FAILS(HF_BUSY, hf_adapter_use(set, "PersistSignalAdapter", "memory:other", NULL, &err));
  CONTAINS(err.message, "PersistSignalAdapter is in use (since hf_adapter_write()) with ");
  assert_false(err.retryable);
  OK(hf_adapters_hold(set, "Live.run BTCUSDT main", &hold, &err));
  FAILS(HF_BUSY, hf_adapter_use(set, "PersistRiskAdapter", "memory:other", NULL, &err));
  CONTAINS(err.message, "while Live.run BTCUSDT main runs");
  hf_adapters_release(set, hold);
  hf_adapters_release(set, hold);
  OK(hf_adapter_use(set, "PersistRiskAdapter", "memory:other", NULL, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_adapter_use(set, "PersistRiskAdapter", "nonsense:other", NULL, &err));
  hf_adapter_info info;
  assert_true(hf_adapters_at(set, 2, &info));
  assert_string_equal(info.store, "memory:other");
  OK(hf_adapter_close(set, "PersistSignalAdapter", &err));
  OK(hf_adapter_close(set, "PersistSignalAdapter", &err));
  OK(hf_adapter_use(set, "PersistSignalAdapter", "memory:other", NULL, &err));
  assert_string_equal(reads(set, "PersistSignalAdapter", SIGNAL), "");
  hf_adapters_free(set);
}

static void a_missing_store_is_no_missing_entity(void **state) {
  const struct store *s = *state;
  hf_error err;
  bool found;
  hf_buffer json = HF_BUFFER_INIT;
  hf_options options = HF_OPTIONS_INIT;
  options.must_exist = true;
  hf_adapters *set = new_set(s);
  OK(hf_adapter_use(set, "PersistSignalAdapter", text_of("lmdb:%s/none", s->directory), &options, &err));
  FAILS(HF_NOT_FOUND, hf_adapter_read(set, "PersistSignalAdapter", SIGNAL, &json, &found, &err));
  FAILS(HF_NOT_FOUND, hf_adapter_write(set, "PersistSignalAdapter", SIGNAL, (hf_slice){NULL, 0}, &err));
  hf_buffer_free(&json);
  hf_adapters_free(set);
}

static void a_relative_path_stays_where_it_was(void **state) {
  const struct store *s = *state;
  hf_error err;
  char before[4096];
  hf_adapters *set = new_set(s);
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(chdir(s->directory), 0);
  hf_status status = hf_adapter_use(set, "PersistSignalAdapter", "./here", NULL, &err);
  assert_int_equal(chdir(before), 0);
  OK(status);
  OK(hf_adapter_write(set, "PersistSignalAdapter", SIGNAL, hf_text("1"), &err));
  OK(hf_adapter_close(set, "PersistSignalAdapter", &err));
  assert_string_equal(reads(set, "PersistSignalAdapter", SIGNAL), "1");
  hf_adapter_info info;
  assert_true(hf_adapters_at(set, 0, &info));
  assert_string_equal(info.store, "lmdb:./here");
  hf_adapters_free(set);
  assert_int_equal(access(text_of("%s/here", s->directory), F_OK), 0);
}

static void it_moves_in_a_transaction(void **state) {
  hf_error err;
  hf_txn *txn;
  hf_adapters *set = new_set(*state);
  OK(hf_adapter_write(set, "PersistScheduleAdapter", SIGNAL, hf_text("1"), &err));
  for (int commits = 0; commits < 2; commits++) {
    OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
    OK(hf_adapter_write(set, "PersistSignalAdapter", SIGNAL, hf_text("1"), &err));
    OK(hf_adapter_write(set, "PersistScheduleAdapter", SIGNAL, (hf_slice){NULL, 0}, &err));
    if (commits)
      OK(hf_txn_commit(txn, &err));
    else
      hf_txn_abort(txn);
    assert_string_equal(reads(set, "PersistSignalAdapter", SIGNAL), commits ? "1" : "");
    assert_string_equal(reads(set, "PersistScheduleAdapter", SIGNAL), commits ? "" : "1");
  }
  hf_adapters_free(set);
}

static void it_defines_more(void **state) {
  static const char *const infinite[] = {"ttl\n", NULL};
  hf_error err;
  hf_adapter_info info;
  const struct store *s = *state;
  hf_adapters *set = new_set(s);
  hf_adapter_spec spec = {.name = "PersistOrderAdapter",
                          .entity_name = "order",
                          .id = "x/{exchange}/{orderId}",
                          .infinite = infinite,
                          .base = s->base};
  OK(hf_adapter_define(set, &spec, &err));
  OK(hf_adapter_define(set, &spec, &err));
  assert_true(hf_adapters_at(set, BUILTIN, &info));
  assert_string_equal(info.spec->read, "readOrderData");
  assert_false(hf_adapters_at(set, BUILTIN + 1, &info));
  OK(hf_adapter_write(set, "PersistOrderAdapter", PARTS(hf_text("a"), hf_text("/")), hf_text("{\"ttl\\n\":null}"),
                      &err));
  assert_string_equal(reads(set, "PersistOrderAdapter", PARTS(hf_text("a"), hf_text("/"))), "{\"ttl\\n\":1e999}");
  hf_persist *order = open_persist(s, "order");
  assert_entity(order, "x/a/%2F", "{\"ttl\\n\":null}");
  hf_persist_close(order);
  spec.id = "{exchange}-{orderId}";
  FAILS(HF_INVALID_ARGUMENT, hf_adapter_define(set, &spec, &err));
  hf_adapter_spec empty = {.name = NULL};
  FAILS(HF_INVALID_ARGUMENT, hf_adapter_define(set, &empty, &err));
  hf_adapters_free(set);
}

/* Where the trades are. */
static const char *trades_in(const hf_adapters *set) {
  hf_adapter_info info = {.store = NULL};
  for (size_t i = 0; hf_adapters_at(set, i, &info); i++)
    if (strcmp(info.spec->name, "PersistTradeAdapter") == 0) return info.store;
  return NULL;
}

static void some_follow_another(void **state) {
  hf_error err;
  hf_adapters *set;
  const struct store *s = *state;
  OK(hf_adapters_new(&set, &err));
  OK(hf_adapter_use(set, "PersistSignalAdapter", s->base, NULL, &err));
  const hf_slice trade[] = {hf_text("main"), hf_text("BTCUSDT"), hf_text("s1")};
  OK(hf_adapter_write(set, "PersistTradeAdapter", trade, 3, hf_text("{\"n\":1}"), &err));
  hf_persist *p = open_persist(s, "trade");
  assert_entity(p, "main/BTCUSDT/s1", "{\"n\":1}");
  hf_persist_close(p);
  FAILS(HF_BUSY, hf_adapter_use(set, "PersistSignalAdapter", "memory:another", NULL, &err));
  CONTAINS(err.message, "PersistTradeAdapter is in use");
  OK(hf_adapter_close(set, "PersistSignalAdapter", &err));
  OK(hf_adapter_use(set, "PersistSignalAdapter", "memory:another", NULL, &err));
  assert_string_equal(trades_in(set), "memory:another");
  OK(hf_adapter_use(set, "PersistTradeAdapter", "memory:own", NULL, &err));
  OK(hf_adapter_use(set, "PersistSignalAdapter", "memory:third", NULL, &err));
  assert_string_equal(trades_in(set), "memory:own");
  hf_adapter_spec spec = {.struct_size = sizeof spec,
                          .name = "PersistOrderAdapter",
                          .entity_name = "order",
                          .id = "{orderId}",
                          .follows = "PersistTradeAdapter"};
  FAILS(HF_INVALID_ARGUMENT, hf_adapter_define(set, &spec, &err));
  CONTAINS(err.message, "follows PersistSignalAdapter itself");
  spec.follows = "PersistSignalAdapter";
  OK(hf_adapter_define(set, &spec, &err));
  hf_adapter_info info;
  assert_true(hf_adapters_at(set, BUILTIN, &info));
  assert_string_equal(info.store, "memory:third");
  hf_adapters_free(set);
}

/* ---- runtimes */

static const char registers[] =
    "local holdfast = require 'holdfast'\n"
    "local Wrapped = holdfast.MemoryPersist:extend('Wrapped')\n"
    "function Wrapped:readValue(id) READS = (READS or 0) + 1 return holdfast.MemoryPersist.readValue(self, id) end\n"
    "function Wrapped:writeValue(id, v, o)\n"
    "  if id == 'main/bad' then error('no') end\n"
    "  return holdfast.MemoryPersist.writeValue(self, id, v, o)\n"
    "end\n"
    "holdfast.PersistSignalAdapter.usePersistSignalAdapter(Wrapped, NAME)\n"
    "function read() return holdfast.PersistSignalAdapter.readSignalData('main', 'BTCUSDT') end\n"
    "function reads() return READS end\n";

static hf_runtime *open_runtime(const char *name) {
  hf_error err;
  hf_runtime *runtime;
  OK(hf_runtime_open(&runtime, &err));
  OK(hf_runtime_run_text(runtime, hf_text(text_of("NAME = '%s'\n%s", name, registers)), "=registers", &err));
  return runtime;
}

static void assert_call(hf_runtime *runtime, const char *function, const char *expected) {
  hf_error err;
  hf_buffer result = HF_BUFFER_INIT;
  OK(hf_runtime_call(runtime, function, (hf_slice){NULL, 0}, &result, &err));
  assert_string_equal(result.data, expected);
  hf_buffer_free(&result);
}

static void a_class_that_a_script_registered_serves_c(void **state) {
  hf_error err;
  (void)state;
  hf_runtime *runtime = open_runtime("serves-c");
  hf_adapters *set = hf_runtime_adapters(runtime);
  assert_non_null(set);
  assert_ptr_equal(set, hf_runtime_adapters(runtime));
  OK(hf_adapter_write(set, "PersistSignalAdapter", SIGNAL, hf_text("{\"n\":1}"), &err));
  assert_string_equal(reads(set, "PersistSignalAdapter", SIGNAL), "{\"n\":1}");
  assert_call(runtime, "reads", "1");
  assert_call(runtime, "read", "{\"n\":1}");
  assert_call(runtime, "reads", "2");
  FAILS(HF_SCRIPT,
        hf_adapter_write(set, "PersistSignalAdapter", PARTS(hf_text("main"), hf_text("bad")), hf_text("1"), &err));
  assert_true(*err.cause);
  FAILS(HF_BUSY,
        hf_runtime_run_text(runtime, hf_text("require('holdfast').PersistSignalAdapter.useMemory()"), "=late", &err));
  CONTAINS(err.message, "since hf_adapter_write()) with Wrapped on serves-c");
  OK(hf_runtime_run_text(runtime, hf_text("collectgarbage() collectgarbage()"), "=gc", &err));
  OK(hf_adapter_write(set, "PersistSignalAdapter", SIGNAL, hf_text("null"), &err));
  assert_call(runtime, "read", "null");
  OK(hf_adapter_close(set, "PersistSignalAdapter", &err));
  OK(hf_adapter_use(set, "PersistSignalAdapter", "memory:from-c", NULL, &err));
  OK(hf_adapter_write(set, "PersistSignalAdapter", SIGNAL, hf_text("2"), &err));
  assert_call(runtime, "read", "2");
  assert_call(runtime, "reads", "3");
  hf_runtime_close(runtime);
}

static void a_script_can_be_registered_from_c(void **state) {
  hf_error err;
  (void)state;
  hf_runtime *runtime = open_runtime("from-c");
  OK(hf_runtime_run_text(runtime, hf_text("package.loaded.mine = require('holdfast').MemoryPersist:extend('Mine')"),
                         "=mine", &err));
  hf_adapters *set = hf_runtime_adapters(runtime);
  OK(hf_adapter_use(set, "PersistSignalAdapter", "lua:mine?base=mine", NULL, &err));
  OK(hf_adapter_write(set, "PersistSignalAdapter", SIGNAL, hf_text("3"), &err));
  assert_call(runtime, "read", "3");
  FAILS(HF_SCRIPT, hf_adapter_use(set, "PersistRiskAdapter", "lua:there.is.none", NULL, &err));
  hf_adapter_info info;
  assert_true(hf_adapters_at(set, 2, &info));
  assert_string_equal(info.store, "lmdb:./dump/data");
  hf_runtime_close(runtime);
}

static void two_runtimes_have_a_set_each(void **state) {
  hf_error err;
  (void)state;
  hf_runtime *one = open_runtime("one"), *two = open_runtime("two");
  OK(hf_adapter_write(hf_runtime_adapters(one), "PersistSignalAdapter", SIGNAL, hf_text("1"), &err));
  assert_call(two, "read", "null");
  OK(hf_adapter_write(hf_runtime_adapters(two), "PersistSignalAdapter", SIGNAL, hf_text("2"), &err));
  assert_call(one, "read", "1");
  assert_call(two, "read", "2");
  hf_runtime_close(one);
  assert_call(two, "read", "2");
  hf_runtime_close(two);
}

/* Of two objects that call the adapters when they are finalized one comes after the end of the set. */
static void a_lua_url_means_the_runtime_of_the_set(void **state) {
  static const char adapter[] = "local holdfast = require 'holdfast'\n"
                                "local Mine = holdfast.MemoryPersist:extend('Mine')\n"
                                "function Mine:writeValue(id, v, o) WRITES = (WRITES or '') .. id return "
                                "holdfast.MemoryPersist.writeValue(self, id, v, o) end\n"
                                "package.loaded.mine = Mine\n"
                                "function writes() return WRITES end\n";
  hf_error err;
  (void)state;
  hf_runtime *one = open_runtime("one"), *two = open_runtime("two"); /* two was entered last */
  OK(hf_runtime_run_text(one, hf_text(adapter), "=adapter", &err));
  OK(hf_runtime_run_text(two, hf_text(adapter), "=adapter", &err));
  hf_adapters *set = hf_runtime_adapters(one);
  OK(hf_adapter_use(set, "PersistScheduleAdapter", "lua:mine?base=set-of-one", NULL, &err));
  OK(hf_adapter_write(set, "PersistScheduleAdapter", SIGNAL, hf_text("1"), &err));
  OK(hf_adapter_close(set, "PersistScheduleAdapter", &err));
  assert_call(two, "writes", "null");
  OK(hf_adapter_write(set, "PersistScheduleAdapter", SIGNAL, hf_text("2"), &err));
  assert_call(two, "writes", "null");
  assert_call(one, "writes", "\"main/BTCUSDTmain/BTCUSDT\"");
  hf_persist *p; /* and what the thread entered last is still that */
  OK(hf_runtime_run_text(two, hf_text("local x"), "=x", &err));
  OK(hf_adapter_close(set, "PersistScheduleAdapter", &err));
  OK(hf_adapter_write(set, "PersistScheduleAdapter", SIGNAL, hf_text("3"), &err));
  OK(hf_persist_open(hf_text("signal"), "lua:mine?base=of-two", NULL, &p, &err));
  write_text(p, "of-two", "1");
  assert_call(two, "writes", "\"of-two\"");
  hf_persist_close(p);
  hf_runtime_close(two);
  OK(hf_adapter_write(set, "PersistScheduleAdapter", SIGNAL, hf_text("4"), &err));
  hf_runtime_close(one);
}

static void finalizers_find_the_adapters_closed(void **state) {
  hf_error err;
  hf_runtime *runtime;
  int closed[2] = {0, 0};
  (void)state;
  OK(hf_runtime_open(&runtime, &err));
  for (int i = 0; i < 2; i++) {
    if (i) {
      OK(hf_runtime_run_text(runtime, hf_text(text_of("NAME = 'finalizers'\n%s", registers)), "=registers", &err));
      OK(hf_runtime_run_text(runtime,
                             hf_text("read() holdfast = require('holdfast')\n"
                                     "release = holdfast.adapters.hold('a host')\n"),
                             "=use", &err));
    }
    const char *code = text_of("local proxy, ffi = newproxy(true), require('ffi')\n"
                               "KEPT = { proxy, KEPT }\n"
                               "getmetatable(proxy).__gc = function()\n"
                               "  local ok, raised = pcall(read)\n"
                               "  if not ok and raised.code == 'closed' then ffi.cast('int *', %lluULL)[0] = 1 end\n"
                               "  pcall(release)\n"
                               "  pcall(holdfast.PersistSignalAdapter.close)\n"
                               "  pcall(holdfast.adapters.list)\n"
                               "end\n",
                               (unsigned long long)(uintptr_t)&closed[i]);
    OK(hf_runtime_run_text(runtime, hf_text(code), "=finalizers", &err));
  }
  hf_runtime_close(runtime);
  assert_true(closed[0] || closed[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_BOTH(it_reads_what_it_wrote),
      ON_BOTH(it_restores_infinity),
      ON_BOTH(it_refuses_what_is_wrong),
      ON_BOTH(it_registers_before_the_first_use_only),
      ON_LMDB(a_missing_store_is_no_missing_entity),
      ON_LMDB(a_relative_path_stays_where_it_was),
      ON_BOTH(it_moves_in_a_transaction),
      ON_BOTH(it_defines_more),
      ON_BOTH(some_follow_another),
      cmocka_unit_test(a_class_that_a_script_registered_serves_c),
      cmocka_unit_test(a_script_can_be_registered_from_c),
      cmocka_unit_test(two_runtimes_have_a_set_each),
      cmocka_unit_test(a_lua_url_means_the_runtime_of_the_set),
      cmocka_unit_test(finalizers_find_the_adapters_closed),
  };
  return cmocka_run_group_tests_name("adapters", tests, NULL, NULL);
}
