/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target for conditions from text, without and with Lua beside it: any bytes are parsed, and
 *   - what is refused has a message, in UTF-8, with a place in it;
 *   - what is understood compiles in Lua, where it has no parameters, and gives the same there over several entities,
 * or is not known;
 *   - with parameters, it can be tested once they are set, and not before.
 * The text is copied to memory of exactly its size, so that AddressSanitizer sees a read beyond it.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                                          \
      abort();                                                                                                         \
    }                                                                                                                  \
  } while (0)

static const char *const entities[] = {
    "{}",
    "{\"a\":1,\"b\":2.5,\"s\":\"BTCUSDT\",\"t\":\"\",\"x\":{\"a\":[1,\"two\",null]},\"n\":null,\"any key\":true}",
    "{\"a\":-0,\"b\":1e999,\"s\":\"a\\u0000b\",\"t\":\"\\u20ac\",\"x\":[1,[2]],\"a\":3,\"e\":1e-320}",
    "{\"a\":\"1\",\"b\":\"x\",\"s\":5,\"x\":\"text\"}",
    "[1,{\"a\":2}]",
    "\"text\"",
    "null",
};

/* What Lua gives; "" where it says nothing about the condition: a field called type has another name there, and two of
 * Lua's rules are of no use to a condition. */
static const char in_lua[] =
    "local holdfast = require 'holdfast'\n"
    "function inLua(text, id, json)\n"
    "  local fn, problem = loadstring('return ' .. text .. '\\n')\n"
    "  if not fn then\n"
    "    return (problem:find('ambiguous syntax', 1, true) or problem:find('too many', 1, true)) and '' or problem\n"
    "  end\n"
    "  if text:find('type', 1, true) then return '' end\n"
    "  local v = holdfast.json.decode(json)\n"
    "  local own = { v = v, id = id, null = holdfast.null }\n"
    "  setfenv(fn, setmetatable({}, { __index = function(_, name)\n"
    "    if own[name] ~= nil then return own[name] end\n"
    "    return v[name]\n"
    "  end }))\n"
    "  local ok, result = pcall(fn)\n"
    "  return not ok and 'raises' or result and 'yes' or 'no'\n"
    "end\n";

static hf_runtime *runtime;

static void close_runtime(void) { hf_runtime_close(runtime); }

static void open_runtime(void) {
  hf_error err;
  CHECK(hf_runtime_open(&runtime, &err) == HF_OK);
  CHECK(hf_runtime_run_text(runtime, hf_text(in_lua), "=in_lua", &err) == HF_OK);
  atexit(close_runtime);
}

static void check_message(const hf_error *err) {
  CHECK(err->status == HF_INVALID_ARGUMENT);
  CHECK(strstr(err->message, "condition") && strstr(err->message, ": "));
  CHECK(hf__utf8_valid_prefix(hf_text(err->message)) == strlen(err->message));
}

/* "yes", "no", "raises" or "unknown". */
static const char *answer(hf_condition *c, hf_slice id, hf_slice json) {
  hf_error err;
  bool holds;
  hf_status status = hf_condition_test(c, id, json, &holds, &err);
  if (status == HF_OK) return holds ? "yes" : "no";
  CHECK(status == HF_SCRIPT && !holds);
  return strstr(err.message, " raises: ") ? "raises" : "unknown";
}

static void compare(hf_condition *c, hf_slice text, const char *json) {
  lua_State *L = hf_runtime_state(runtime);
  const char *got = answer(c, hf_text("BTC/USDT"), hf_text(json));
  lua_getglobal(L, "inLua");
  lua_pushlstring(L, text.data, text.size);
  lua_pushliteral(L, "BTC/USDT");
  lua_pushstring(L, json);
  CHECK(lua_pcall(L, 3, 1, 0) == 0);
  const char *wanted = lua_tostring(L, -1);
  bool known = *wanted && strcmp(got, "unknown") != 0;
  bool compiles = !*wanted || !strcmp(wanted, "yes") || !strcmp(wanted, "no") || !strcmp(wanted, "raises");
  if (!compiles || (known && strcmp(got, wanted) != 0)) {
    fprintf(stderr, "%.*s\nover %s\nLua: %s\nthe condition: %s\n", (int)text.size, text.data, json, wanted, got);
    abort();
  }
  lua_pop(L, 1);
}

static void check_parameters(hf_condition *c, unsigned count) {
  hf_error err;
  bool holds;
  hf_slice id = hf_text("a");
  CHECK(hf_condition_test(c, id, hf_text("{}"), &holds, &err) == HF_INVALID_ARGUMENT);
  CHECK(hf_condition_set_nil(c, count + 1, &err) == HF_INVALID_ARGUMENT);
  for (unsigned i = 1; i <= count; i++) {
    hf_status status = i % 3 == 0   ? hf_condition_set_text(c, i, hf_text("BTC"), &err)
                       : i % 3 == 1 ? hf_condition_set_number(c, i, i, &err)
                                    : hf_condition_set_null(c, i, &err);
    CHECK(status == HF_OK);
  }
  for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) answer(c, id, hf_text(entities[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!runtime) open_runtime();
  char *copy = malloc(size);
  CHECK(copy || size == 0);
  if (size) memcpy(copy, data, size);
  hf_slice text = {copy, size};
  hf_error err;
  hf_condition *c;
  if (hf_condition_parse(text, &c, &err)) {
    CHECK(!c);
    check_message(&err);
  } else {
    unsigned count = hf_condition_parameters(c);
    if (count) check_parameters(c, count);
    for (size_t i = 0; !count && i < sizeof entities / sizeof *entities; i++) compare(c, text, entities[i]);
    hf_condition_free(c);
  }
  free(copy);
  return 0;
}
