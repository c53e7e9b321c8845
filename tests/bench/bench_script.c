/* SPDX-License-Identifier: MIT
 *
 * What it costs to call a script from C and come back: a class in Lua under the C
 * API, next to its methods called in a loop in Lua.  Also a class around a store,
 * next to that store, for an operation that the class leaves alone.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "holdfast/holdfast.h"

static const char adapters[] =
    "local holdfast = require 'holdfast'\n"
    "local My = holdfast.PersistBase:extend('My')\n"
    "package.loaded.my_adapter = My\n"
    "local values = {}\n"
    "function My:waitForInit() end\n"
    "function My:readValue(id) return values[id] end\n"
    "function My:hasValue(id) return values[id] ~= nil end\n"
    "function My:writeValue(id, entity) values[id] = entity end\n"
    "function My:removeValue(id) values[id] = nil end\n"
    "function My:removeAll() values = {} end\n"
    "function My:keys() return {} end\n"
    "function My:values() return {} end\n"
    "local Around = holdfast.MemoryPersist:extend('Around')\n"
    "package.loaded.my_wrapper = Around\n"
    "function Around:removeValue(id) return holdfast.MemoryPersist.removeValue(self, id) end\n"
    /* The sums keep the compiler from leaving the calls out. */
    "function has(n) local s, x = My('signal'), 0 for i = 1, n do if My.hasValue(s, 'a') then x = x + 1 end end return "
    "x end\n"
    "function read(n) local s, x = My('signal'), 0 for i = 1, n do if My.readValue(s, 'a') then x = x + 1 end end "
    "return x end\n"
    "function write(n) local s = My('signal') for i = 1, n do My.writeValue(s, 'a', true) end end\n";

static const char signal_text[] =
    "{\"id\":\"072ecee3-c047-4000-ab69-3fb214eab000\",\"priceOpen\":49524.64,\"position\":\"long\",\"priceTakeProfit\":"
    "51010.3792,\"priceStopLoss\":48534.1472,\"minuteEstimatedTime\":60,\"symbol\":\"BTCUSDT\",\"exchangeName\":"
    "\"binance_exchange\",\"strategyName\":\"main_strategy\",\"scheduledAt\":1707888780000,\"pendingAt\":1707889320000,"
    "\"_isScheduled\":false,\"note\":\"breakout above the range of the last four hours, confirmed by volume\"}";

static hf_error err;

static void check(hf_status status) {
  if (status) bench_die("%s: %s", hf_status_name(status), err.message);
}

static double read_loop(hf_persist *p, unsigned ops) {
  hf_buffer json = HF_BUFFER_INIT;
  double start = bench_now();
  for (unsigned i = 0; i < ops; i++) check(hf_persist_read(p, hf_text("a"), &json, NULL, &err));
  double elapsed = bench_now() - start;
  hf_buffer_free(&json);
  return elapsed / ops;
}

static double write_loop(hf_persist *p, const char *json, unsigned ops) {
  hf_slice text = hf_text(json);
  double start = bench_now();
  for (unsigned i = 0; i < ops; i++) check(hf_persist_write(p, hf_text("a"), text, NULL, NULL, &err));
  return (bench_now() - start) / ops;
}

static double has_loop(hf_persist *p, unsigned ops) {
  bool found;
  double start = bench_now();
  for (unsigned i = 0; i < ops; i++) check(hf_persist_has(p, hf_text("a"), &found, &err));
  return (bench_now() - start) / ops;
}

/* The same in a loop in Lua, without C in between. */
static double lua_loop(hf_runtime *runtime, const char *function, unsigned ops) {
  char args[32];
  snprintf(args, sizeof args, "[%u]", ops);
  double start = bench_now();
  check(hf_runtime_call(runtime, function, hf_text(args), NULL, &err));
  return (bench_now() - start) / ops;
}

static hf_persist *open_signal(const char *base) {
  hf_persist *p;
  check(hf_persist_open(hf_text("signal"), base, NULL, &p, &err));
  check(hf_persist_init(p, &err));
  return p;
}

/* Prints has, read and write of `true`, each followed by the loop in Lua; read and write of a signal; a read around a
 * store, and one of the store itself. */
static void run_script(const struct bench_options *o) {
  hf_runtime *runtime;
  check(hf_runtime_open(&runtime, &err));
  check(hf_runtime_run_text(runtime, hf_text(adapters), "=adapters", &err));
  hf_persist *p = open_signal("lua:my_adapter"), *around = open_signal("lua:my_wrapper?base=bench");
  hf_persist *store = open_signal("memory:bench");
  double us[10] = {0};
  for (int pass = 0; pass < 2; pass++) { /* once to warm up */
    us[4] = write_loop(p, "true", o->ops);
    us[5] = lua_loop(runtime, "write", o->ops);
    us[0] = has_loop(p, o->ops);
    us[1] = lua_loop(runtime, "has", o->ops);
    us[2] = read_loop(p, o->ops);
    us[3] = lua_loop(runtime, "read", o->ops);
    us[7] = write_loop(p, signal_text, o->ops);
    us[6] = read_loop(p, o->ops);
    write_loop(store, signal_text, 1);
    us[8] = read_loop(around, o->ops);
    us[9] = read_loop(store, o->ops);
  }
  for (int i = 0; i < 10; i++) printf("%.6f ", us[i]);
  printf("\n");
  hf_persist_close(store);
  hf_persist_close(around);
  hf_persist_close(p);
  hf_runtime_close(runtime);
}

const struct bench_op bench_script_ops[] = {{"script", run_script}, {NULL, NULL}};
