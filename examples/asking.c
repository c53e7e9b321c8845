/* SPDX-License-Identifier: MIT
 *
 * Asking a store from C, without Lua: which signals of a symbol are open above a price, how many there are, and what a
 * question says of an entity that it does not fit.
 *
 *     cc asking.c $(pkg-config --cflags --libs holdfast) -o asking && ./asking ./store
 */
#include <holdfast/holdfast.h>
#include <stdio.h>

static int report(const hf_error *err) {
  fprintf(stderr, "%s: %s\n", hf_status_name(err->status), err->message);
  return 1;
}

static hf_status write_signals(hf_persist *signals, hf_error *err) {
  const hf_item items[] = {
      {.id = hf_text("1"), .json = hf_text("{\"symbol\":\"BTCUSDT\",\"priceOpen\":44152.25,\"status\":\"open\"}")},
      {.id = hf_text("2"), .json = hf_text("{\"symbol\":\"ETHUSDT\",\"priceOpen\":2301.5,\"status\":\"open\"}")},
      {.id = hf_text("3"), .json = hf_text("{\"symbol\":\"BTCUSDT\",\"priceOpen\":43980,\"status\":\"closed\"}")},
      {.id = hf_text("4"), .json = hf_text("{\"symbol\":\"BTCUSDT\",\"priceOpen\":44210.5,\"status\":\"open\"}")},
      {.id = hf_text("5"), .json = hf_text("{\"symbol\":\"ETHUSDT\",\"status\":\"scheduled\"}")},
  };
  return hf_persist_write_many(signals, items, sizeof items / sizeof *items, err);
}

/* Prints the signals that the condition holds for. */
static hf_status print_where(hf_persist *signals, hf_condition *condition, hf_error *err) {
  hf_range range = HF_RANGE_INIT;
  hf_iter *iter;
  const hf_entry *entry;
  range.where = condition;
  hf_status status = hf_iter_open(signals, &range, &iter, err);
  if (status) return status;
  while ((status = hf_iter_next(iter, &entry, err)) == HF_OK && entry)
    printf("  %.*s %.*s\n", (int)entry->id.size, entry->id.data, (int)entry->json.size, entry->json.data);
  hf_iter_close(iter);
  return status;
}

/* The same question for several symbols: parsed once. */
static hf_status ask_for_symbols(hf_persist *signals, hf_error *err) {
  static const struct {
    const char *symbol;
    double price;
  } wanted[] = {{"BTCUSDT", 44000}, {"ETHUSDT", 2000}};
  hf_condition *above;
  uint64_t count;
  hf_range range = HF_RANGE_INIT;
  hf_status status = hf_condition_parse(hf_text("status == 'open' and symbol == ? and priceOpen > ?"), &above, err);
  if (status) return status;
  range.where = above;
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted && status == HF_OK; i++) {
    status = hf_condition_set_text(above, 1, hf_text(wanted[i].symbol), err);
    if (status == HF_OK) status = hf_condition_set_number(above, 2, wanted[i].price, err);
    if (status == HF_OK) status = hf_persist_count_where(signals, &range, &count, err);
    if (status) break;
    printf("%s above %g: %d\n", wanted[i].symbol, wanted[i].price, (int)count);
    status = print_where(signals, above, err);
  }
  hf_condition_free(above);
  return status;
}

/* One question as it comes from a person: what is wrong with it is said, and the program goes on. */
static void ask(hf_persist *signals, const char *text) {
  hf_error err;
  hf_condition *condition;
  printf("%s\n", text);
  if (hf_condition_parse(hf_text(text), &condition, &err) || print_where(signals, condition, &err))
    printf("  %s: %s\n", hf_status_name(err.status), err.message);
  hf_condition_free(condition);
}

int main(int argc, char **argv) {
  hf_error err;
  hf_persist *signals;
  if (hf_persist_open(hf_text("signal"), argc > 1 ? argv[1] : "./asking-store", NULL, &signals, &err) ||
      write_signals(signals, &err) || ask_for_symbols(signals, &err))
    return report(&err);
  /* The fifth signal has no price, and comparing nil is an error in Lua: a question says what it wants of such. */
  ask(signals, "priceOpen < 44000");
  ask(signals, "priceOpen and priceOpen < 44000");
  ask(signals, "status = 'open'");
  hf_persist_close(signals);
  return 0;
}
