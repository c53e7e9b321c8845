/* SPDX-License-Identifier: MIT
 *
 * An embedder's first program: C and Lua work on one store.  C writes an entity, a Lua function that C calls by name
 * reads it and writes another, and C reads that.  The store goes to the folder given as the only argument.
 * Exit status 0 if everything came back as it was written.
 */
#include <holdfast/holdfast.h>
#include <stdio.h>

static const char script[] = "local holdfast = require 'holdfast'\n"
                             "function close_position(base, price)\n"
                             "  local positions = holdfast.PersistBase('positions', base)\n"
                             "  local position = positions:readValue('BTC/USDT')\n"
                             "  position.profit = price - position.entry\n"
                             "  positions:writeValue('BTC/USDT closed', position)\n"
                             "  return positions:count()\n"
                             "end\n";

static int failed(const char *what, const hf_error *err) {
  fprintf(stderr, "%s: %s: %s\n%s\n", what, hf_status_name(err->status), err->message, err->cause);
  return 1;
}

int main(int argc, char **argv) {
  hf_error err;
  hf_persist *positions = NULL;
  hf_runtime *runtime = NULL;
  hf_buffer json = HF_BUFFER_INIT, result = HF_BUFFER_INIT;
  char args[1024];

  if (argc != 2) return fprintf(stderr, "usage: %s FOLDER\n", argv[0]), 2;
  if (strcmp(hf_version(), HF_VERSION_STRING) != 0)
    return fprintf(stderr, "header %s, library %s\n", HF_VERSION_STRING, hf_version()), 1;
  snprintf(args, sizeof args, "[\"%s\", 70500]", argv[1]);

  if (hf_persist_open(hf_text("positions"), argv[1], NULL, &positions, &err) ||
      hf_persist_write(positions, hf_text("BTC/USDT"), hf_text("{\"entry\":70000.25}"), NULL, NULL, &err))
    return failed("write", &err);
  if (hf_runtime_open(&runtime, &err) || hf_runtime_run_text(runtime, hf_text(script), "embed", &err) ||
      hf_runtime_call(runtime, "close_position", hf_text(args), &result, &err))
    return failed("script", &err);
  if (hf_persist_read(positions, hf_text("BTC/USDT closed"), &json, NULL, &err)) return failed("read", &err);
  printf("%s entities, closed: %s\n", result.data, json.data);

  int wrong = strcmp(result.data, "2") != 0 || !strstr(json.data, "\"profit\":499.75");
  hf_buffer_free(&json);
  hf_buffer_free(&result);
  hf_runtime_close(runtime);
  hf_persist_close(positions);
  return wrong;
}
