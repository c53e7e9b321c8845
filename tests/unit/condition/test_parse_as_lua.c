/* SPDX-License-Identifier: MIT
 *
 * That the text of a condition means what it means in Lua: as_lua.lua generates, and asks both.  HOLDFAST_SEED and
 * HOLDFAST_ROUNDS ask for others, and more.
 */
#include <lauxlib.h>
#include <lua.h>

#include "unit/support.h"

/* ask(text, id, json), as as_lua.lua says. */
static int ask(lua_State *L) {
  hf_error err = {0};
  hf_slice slices[3];
  for (int i = 0; i < 3; i++) slices[i].data = luaL_checklstring(L, i + 1, &slices[i].size);
  hf_condition *c;
  bool holds;
  const char *answer = "refused";
  if (hf_condition_parse(slices[0], &c, &err) == HF_OK) {
    hf_status status = hf_condition_test(c, slices[1], slices[2], &holds, &err);
    answer = status == HF_OK ? (holds ? "yes" : "no") : strstr(err.message, " raises: ") ? "raises" : "unknown";
    if (status && status != HF_SCRIPT) answer = "another error";
    hf_condition_free(c);
  }
  lua_pushstring(L, answer);
  lua_pushstring(L, err.message);
  return 2;
}

static const char *setting(const char *name, const char *standard) {
  const char *value = getenv(name);
  return value && *value ? value : standard;
}

static void texts_mean_what_they_mean_in_lua(void **state) {
  (void)state;
  hf_error err;
  hf_runtime *runtime;
  OK(hf_runtime_open(&runtime, &err));
  lua_register(hf_runtime_state(runtime), "ask", ask);
  const char *argv[] = {setting("HOLDFAST_SEED", "16"), setting("HOLDFAST_ROUNDS", "4000"), getenv("HOLDFAST_ROUNDS")};
  OK(hf_runtime_run_file(runtime, HF_TEST_DATA "/../unit/condition/as_lua.lua", argv[2] ? 3 : 2, argv, &err));
  hf_runtime_close(runtime);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(texts_mean_what_they_mean_in_lua)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
