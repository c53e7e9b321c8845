/* SPDX-License-Identifier: MIT
 *
 * A host in C that stores through an adapter written in Lua.  To the host it is a store like any other: the same
 * calls, the same statuses, the same order.
 *
 *     cc embed_adapter.c $(pkg-config --cflags --libs holdfast) -o embed_adapter
 *     ./embed_adapter journal_adapter.lua ./journal
 */
#include <holdfast/holdfast.h>
#include <stdio.h>

static int report(const char *doing, const hf_error *err) {
  fprintf(stderr, "%s: %s: %s\n", doing, hf_status_name(err->status), err->message);
  if (*err->where) fprintf(stderr, "  at %s\n", err->where); /* the line of the adapter to look at */
  return 1;
}

/* Stores, reads, asks; returns 0 when all went well. */
static int use(hf_persist *signals, hf_buffer *json) {
  static const struct {
    const char *id, *json;
  } rows[] = {{"main/BTCUSDT", "{\"position\":\"long\",\"priceOpen\":44152.25}"},
              {"main/ETHUSDT", "{\"position\":\"short\",\"priceOpen\":2370.4}"}};
  hf_error err;
  hf_iter *iter;
  const hf_entry *entry;
  hf_status status;

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (hf_persist_write(signals, hf_text(rows[i].id), hf_text(rows[i].json), NULL, NULL, &err))
      return report("write", &err);
  if (hf_persist_read(signals, hf_text("main/BTCUSDT"), json, NULL, &err)) return report("read", &err);
  printf("main/BTCUSDT = %s\n", json->data);

  /* Not found is an answer, not a failure. */
  status = hf_persist_read(signals, hf_text("main/DOGEUSDT"), json, NULL, &err);
  if (status && status != HF_NOT_FOUND) return report("read", &err);
  printf("main/DOGEUSDT: %s\n", hf_status_name(status));

  /* The core checks what is written before the script sees it. */
  if (hf_persist_write(signals, hf_text("main/SOLUSDT"), hf_text("{\"priceOpen\":NaN}"), NULL, NULL, &err))
    printf("%s: %s\n", hf_status_name(err.status), err.message);

  if (hf_iter_open(signals, NULL, &iter, &err)) return report("iterate", &err);
  while ((status = hf_iter_next(iter, &entry, &err)) == HF_OK && entry)
    printf("%.*s: %zu bytes\n", (int)entry->id.size, entry->id.data, entry->json.size);
  hf_iter_close(iter);
  return status ? report("iterate", &err) : 0;
}

/* The host's state by what it is, not by id: signals go where the script keeps them. */
static int use_adapters(hf_adapters *set, const char *url, hf_buffer *json) {
  const hf_slice id[] = {hf_text("main"), hf_text("BTC/USDT")}; /* strategy and symbol */
  hf_error err;
  bool found;

  if (hf_adapter_use(set, "PersistSignalAdapter", url, NULL, &err)) return report("register", &err);
  if (hf_adapter_write(set, "PersistSignalAdapter", id, 2, hf_text("{\"priceOpen\":2}"), &err))
    return report("write", &err);
  if (hf_adapter_read(set, "PersistSignalAdapter", id, 2, json, &found, &err)) return report("read", &err);
  printf("signal: %s\n", found ? json->data : "none");
  if (hf_adapter_use(set, "PersistSignalAdapter", "memory:", NULL, &err)) /* too late: it is in use */
    printf("%s: %s\n", hf_status_name(err.status), err.message);
  return 0;
}

int main(int argc, char **argv) {
  hf_error err;
  hf_runtime *lua;
  hf_persist *signals;
  hf_buffer json = HF_BUFFER_INIT;
  char url[4096];

  if (argc != 3) {
    fprintf(stderr, "usage: %s ADAPTER.lua BASE\n", argv[0]);
    return 2;
  }
  /* The adapter lives in a runtime of this thread; its file is run, and its class made an instance, by opening it. */
  if (snprintf(url, sizeof url, "lua:%s?base=%s", argv[1], argv[2]) >= (int)sizeof url) {
    fprintf(stderr, "these paths are too long\n");
    return 2;
  }
  if (hf_runtime_open(&lua, &err)) return report("runtime", &err);
  int failed = 1;
  if (hf_persist_open(hf_text("signal"), url, NULL, &signals, &err)) {
    report("open", &err);
  } else {
    failed = use(signals, &json);
    hf_persist_close(signals); /* before the runtime in which it lives */
    if (!failed) failed = use_adapters(hf_runtime_adapters(lua), url, &json);
  }
  hf_buffer_free(&json);
  hf_runtime_close(lua);
  return failed;
}
