/* SPDX-License-Identifier: MIT
 *
 * Functions of a runtime that are looked up, or compiled, once: hf_function.
 */
#include <lauxlib.h>
#include <lua.h>

#include "unit/lua/runtime_support.h"

/* Calls, and compares the result. */
static void assert_result(hf_function *fn, const char *args, const char *expected) {
  hf_error err;
  hf_buffer result = HF_BUFFER_INIT;
  OK(hf_function_call(fn, args ? hf_text(args) : (hf_slice){NULL, 0}, &result, &err));
  assert_string_equal(result.data, expected);
  assert_int_equal(result.size, strlen(expected));
  hf_buffer_free(&result);
}

static void a_function_is_found_once(void **state) {
  struct fixture *f = *state;
  hf_error err;
  hf_function *fn[4];
  OK(run(f,
         "function add(a, b) return a + b, 'ignored' end\n"
         "strategy = {tick = function(n) return n * 2 end}\n"
         "package.preload['my.module'] = function() return {tick = function(n) return n * 3 end} end",
         &err));
  static const char *const names[] = {"add", "strategy.tick", "my.module:tick", "string.upper"};
  for (size_t i = 0; i < 4; i++) OK(hf_function_find(f->runtime, names[i], &fn[i], &err));
  /* The names are free from now on, and the collector takes nothing that has a handle. */
  OK(run(f,
         "add, strategy = nil, nil package.loaded['my.module'] = nil package.preload['my.module'] = nil\n"
         "collectgarbage() collectgarbage()",
         &err));
  for (int i = 0; i < 3; i++) {
    assert_result(fn[0], "[1,2.5]", "3.5");
    assert_result(fn[1], "[21]", "42");
    assert_result(fn[2], "[2]", "6");
    assert_result(fn[3], "[\"abc\"]", "\"ABC\"");
  }
  OK(hf_function_call(fn[0], hf_text("[1,2]"), NULL, &err));
  hf_function_free(fn[1]);
  hf_function_free(fn[3]);
  hf_function_free(fn[0]);
  assert_result(fn[2], "[2]", "6");
  hf_function_free(fn[2]);
  hf_function_free(NULL);
  assert_int_equal(lua_gettop(hf_runtime_state(f->runtime)), 0);
}

static void a_function_is_compiled_from_text(void **state) {
  struct fixture *f = *state;
  hf_error err;
  hf_function *fn;
  OK(hf_function_compile(f->runtime, hf_text("local a, b = ... calls = (calls or 0) + 1 return {a, b, calls}"), "=sum",
                         &fn, &err));
  assert_result(fn, "[1,\"x\"]", "[1,\"x\",1]");
  assert_result(fn, "[null,{}]", "[null,{},2]");
  hf_function_free(fn);
  OK(hf_function_compile(f->runtime, hf_text("error('boom')"), NULL, &fn, &err));
  FAILS(HF_SCRIPT, hf_function_call(fn, (hf_slice){NULL, 0}, NULL, &err));
  CONTAINS(err.message, "(text):1: boom");
  CONTAINS(err.cause, "traceback");
  hf_function_free(fn);
  OK(hf_function_compile(f->runtime, hf_text(""), NULL, &fn, &err));
  assert_result(fn, NULL, "null");
  hf_function_free(fn);
}

static void what_cannot_be_a_function_has_no_handle(void **state) {
  struct fixture *f = *state;
  hf_error err;
  hf_function *fn;
  OK(run(f, "t = {x = 5}", &err));
  static const char *const names[] = {"none", "t", "t.x", "t.none", "", "string:none"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    FAILS(HF_INVALID_ARGUMENT, hf_function_find(f->runtime, names[i], &fn, &err));
    CONTAINS(err.message, text_of("'%s'", names[i]));
    assert_null(fn);
  }
  FAILS(HF_SCRIPT, hf_function_find(f->runtime, "no.such.module:f", &fn, &err));
  assert_null(fn);
  FAILS(HF_SCRIPT, hf_function_compile(f->runtime, hf_text("x = = 1"), "=mine", &fn, &err));
  CONTAINS(err.message, "mine:1:");
  assert_null(fn);
}

static void a_function_s_errors_are_those_of_a_call(void **state) {
  struct fixture *f = *state;
  hf_error err;
  hf_buffer result = HF_BUFFER_INIT;
  hf_function *fn;
  OK(hf_function_compile(f->runtime, hf_text("local kind = ... if kind == 'nan' then return 0/0 end return print"),
                         "=f", &fn, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_function_call(fn, hf_text("5"), &result, &err));
  CONTAINS(err.message, "hf_function_call: args must be a JSON array");
  FAILS(HF_INVALID_VALUE, hf_function_call(fn, hf_text("[1,"), &result, &err));
  FAILS(HF_INVALID_VALUE, hf_function_call(fn, hf_text("[\"nan\"]"), &result, &err));
  FAILS(HF_INVALID_VALUE, hf_function_call(fn, hf_text("[]"), &result, &err));
  OK(hf_function_call(fn, hf_text("[]"), NULL, &err));
  hf_function_free(fn);
  OK(run(f, "store = require('holdfast').PersistBase('signal', 'memory:function')", &err));
  OK(hf_function_compile(f->runtime, hf_text("return store:readValue(...)"), "=f", &fn, &err));
  FAILS(HF_NOT_FOUND, hf_function_call(fn, hf_text("[\"BTC\"]"), &result, &err));
  assert_string_equal(err.entity_id, "BTC");
  assert_int_equal(hf_function_call(fn, hf_text("[\"BTC\"]"), &result, NULL), HF_NOT_FOUND);
  hf_function_free(fn);
  assert_int_equal(lua_gettop(hf_runtime_state(f->runtime)), 0);
  hf_buffer_free(&result);
}

static hf_function *late;

/* Called by a finalizer while the state is closed. */
static int call_late(lua_State *L) {
  hf_error err;
  int *status = lua_touserdata(L, lua_upvalueindex(1));
  *status = (int)hf_function_call(late, (hf_slice){NULL, 0}, NULL, &err);
  return 0;
}

static void a_function_that_outlives_its_runtime_is_closed(void **state) {
  struct fixture *f = *state;
  hf_error err;
  hf_function *other;
  int in_finalizer = HF_OK;
  OK(hf_function_compile(f->runtime, hf_text("return 1"), NULL, &late, &err));
  OK(hf_function_compile(f->runtime, hf_text("return 2"), NULL, &other, &err));
  lua_State *L = hf_runtime_state(f->runtime);
  lua_pushlightuserdata(L, &in_finalizer);
  lua_pushcclosure(L, call_late, 1);
  lua_setglobal(L, "callLate");
  OK(run(f, "kept = newproxy(true) getmetatable(kept).__gc = callLate", &err));
  hf_runtime_close(f->runtime);
  f->runtime = NULL;
  assert_int_equal(in_finalizer, HF_CLOSED);
  FAILS(HF_CLOSED, hf_function_call(late, (hf_slice){NULL, 0}, NULL, &err));
  hf_function_free(other);
  hf_function_free(late);
}

static int depth;

/* Calls the function that has called this one; the innermost frees it. */
static int call_own(lua_State *L) {
  hf_error err;
  hf_buffer result = HF_BUFFER_INIT;
  hf_status status = HF_OK;
  if (++depth == 3)
    hf_function_free(late);
  else
    status = hf_function_call(late, hf_text("[]"), &result, &err);
  lua_pushstring(L, status ? err.message : result.data ? result.data : "freed");
  hf_buffer_free(&result);
  return 1;
}

static void a_function_may_be_called_and_freed_while_it_runs(void **state) {
  struct fixture *f = *state;
  hf_error err;
  hf_buffer result = HF_BUFFER_INIT;
  lua_register(hf_runtime_state(f->runtime), "callOwn", call_own);
  depth = 0;
  OK(hf_function_compile(f->runtime, hf_text("local r = callOwn() collectgarbage() return r .. '!'"), NULL, &late,
                         &err));
  OK(hf_function_call(late, hf_text("[]"), &result, &err));
  assert_string_equal(result.data, "\"\\\"\\\\\\\"freed!\\\\\\\"!\\\"!\"");
  hf_buffer_free(&result);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_RUNTIME(a_function_is_found_once),
      IN_RUNTIME(a_function_is_compiled_from_text),
      IN_RUNTIME(what_cannot_be_a_function_has_no_handle),
      IN_RUNTIME(a_function_s_errors_are_those_of_a_call),
      IN_RUNTIME(a_function_that_outlives_its_runtime_is_closed),
      IN_RUNTIME(a_function_may_be_called_and_freed_while_it_runs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
