/* SPDX-License-Identifier: MIT
 *
 * A host in C whose strategy is a Lua script, in one store: the host hands prices to the strategy, the strategy keeps
 * its positions with holdfast, and the host reads them back through the C API.
 *
 *     cc embed.c $(pkg-config --cflags --libs holdfast) -o embed && ./embed ./store
 */
#include <holdfast/holdfast.h>
#include <stdio.h>

static const char strategy[] = "local holdfast = require 'holdfast'\n"
                               "local positions\n"
                               "function start(base) positions = holdfast.PersistBase('position', base) end\n"
                               "function on_price(symbol, price)\n"
                               "  if not positions:hasValue(symbol) then\n"
                               "    positions:writeValue(symbol, { open = price, high = price })\n"
                               "    return 'opened'\n"
                               "  end\n"
                               "  local position = positions:readValue(symbol)\n"
                               "  if price <= position.high then return 'held' end\n"
                               "  position.high = price\n"
                               "  positions:writeValue(symbol, position)\n"
                               "  return 'raised'\n"
                               "end\n";

static int report(const hf_error *err) {
  fprintf(stderr, "%s: %s\n%s\n", hf_status_name(err->status), err->message, err->cause);
  return 1;
}

/* Calls a Lua function with a JSON array of arguments. */
static hf_status call(hf_runtime *lua, const char *function, const char *args, hf_buffer *result, hf_error *err) {
  return hf_runtime_call(lua, function, hf_text(args), result, err);
}

/* Prints every entity of one name in the store. */
static hf_status print_all(const char *entity_name, const char *base, hf_error *err) {
  hf_persist *p;
  hf_iter *iter;
  const hf_entry *entry;
  hf_status status = hf_persist_open(hf_text(entity_name), base, NULL, &p, err);
  if (status) return status;
  status = hf_iter_open(p, NULL, &iter, err);
  if (status == HF_OK) {
    while ((status = hf_iter_next(iter, &entry, err)) == HF_OK && entry)
      printf("%.*s = %.*s\n", (int)entry->id.size, entry->id.data, (int)entry->json.size, entry->json.data);
    hf_iter_close(iter);
  }
  hf_persist_close(p);
  return status;
}

int main(int argc, char **argv) {
  const char *base = argc > 1 ? argv[1] : "./embed-store";
  const char *prices[] = {"[\"BTC/USDT\", 44152.25]", "[\"BTC/USDT\", 44183.21]", "[\"BTC/USDT\", 44179.5]"};
  hf_error err;
  hf_runtime *lua = NULL;
  hf_buffer result = HF_BUFFER_INIT;

  if (hf_runtime_open(&lua, &err) || hf_runtime_run_text(lua, hf_text(strategy), "strategy", &err)) return report(&err);
  char args[4096]; /* a path with quotes or backslashes in it would have to be escaped */
  snprintf(args, sizeof args, "[\"%s\"]", base);
  if (call(lua, "start", args, NULL, &err)) return report(&err);
  for (size_t i = 0; i < sizeof prices / sizeof *prices; i++) {
    if (call(lua, "on_price", prices[i], &result, &err)) return report(&err);
    printf("%s -> %s\n", prices[i], result.data);
  }
  if (print_all("position", base, &err)) return report(&err);

  /* What a script does wrong arrives as an error with a traceback, and the host lives on. */
  if (call(lua, "on_price", "[null, 1]", NULL, &err)) printf("%s: %s\n", hf_status_name(err.status), err.message);
  hf_buffer_free(&result);
  hf_runtime_close(lua);
  return 0;
}
