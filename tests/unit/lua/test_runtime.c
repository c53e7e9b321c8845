/* SPDX-License-Identifier: MIT
 *
 * The embedded runtime: running scripts, calling functions, and what comes back when they fail.
 */
#include <lauxlib.h>
#include <lua.h>

#include "unit/lua/runtime_support.h"

static const char *make_file(const struct fixture *f, const char *name, const char *text) {
  const char *path = text_of("%s/%s", f->directory, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
  return path;
}

/* Calls, and compares the result. */
static void assert_call(struct fixture *f, const char *function, const char *args, const char *expected) {
  hf_error err;
  hf_buffer result = HF_BUFFER_INIT;
  OK(hf_runtime_call(f->runtime, function, args ? hf_text(args) : (hf_slice){NULL, 0}, &result, &err));
  assert_string_equal(result.data, expected);
  assert_int_equal(result.size, strlen(expected));
  hf_buffer_free(&result);
}

static void holdfast_is_there(void **state) {
  struct fixture *f = *state;
  hf_error err;
  OK(run(f,
         "local holdfast = require('holdfast')\n"
         "local store = holdfast.PersistBase('signal', 'memory:runtime')\n"
         "store:writeValue('a', {n = 1})\n"
         "assert(store:readValue('a').n == 1)",
         &err));
}

static void a_file_gets_its_arguments(void **state) {
  struct fixture *f = *state;
  hf_error err;
  const char *path = make_file(f, "script.lua",
                               "local a, b = ...\n"
                               "assert(select('#', ...) == 2 and a == 'one' and b == 'two words')\n"
                               "assert(#arg == 2 and arg[1] == a and arg[2] == b)\n"
                               "assert(arg[0]:match('script.lua$'))\n"
                               "ran = true");
  const char *const argv[] = {"one", "two words"};
  OK(hf_runtime_run_file(f->runtime, path, 2, argv, &err));
  lua_State *L = hf_runtime_state(f->runtime);
  lua_getglobal(L, "ran");
  assert_true(lua_toboolean(L, -1));
  lua_pop(L, 1);
  assert_int_equal(lua_gettop(L), 0);
  path = make_file(f, "none.lua", "assert(select('#', ...) == 0 and #arg == 0)");
  OK(hf_runtime_run_file(f->runtime, path, 0, NULL, &err));
}

static void many_arguments_fit(void **state) {
  struct fixture *f = *state;
  hf_error err;
  enum { N = 3000 };
  const char *argv[N];
  for (int i = 0; i < N; i++) argv[i] = "x";
  const char *path = make_file(f, "many.lua", "assert(select('#', ...) == 3000)");
  OK(hf_runtime_run_file(f->runtime, path, N, argv, &err));
}

static void a_file_that_cannot_be_read_is_io(void **state) {
  struct fixture *f = *state;
  hf_error err;
  const char *path = text_of("%s/none.lua", f->directory);
  FAILS(HF_IO, hf_runtime_run_file(f->runtime, path, 0, NULL, &err));
  CONTAINS(err.message, "none.lua");
  FAILS(HF_IO, hf_runtime_run_file(f->runtime, f->directory, 0, NULL, &err));
}

static void a_syntax_error_names_file_and_line(void **state) {
  struct fixture *f = *state;
  hf_error err;
  const char *path = make_file(f, "broken.lua", "local x = 1\nlocal y = = 2\n");
  FAILS(HF_SCRIPT, hf_runtime_run_file(f->runtime, path, 0, NULL, &err));
  CONTAINS(err.message, "broken.lua:2:");
  FAILS(HF_SCRIPT, run(f, "x = = 1", &err));
  CONTAINS(err.message, "test:1:");
}

static void a_raise_has_message_line_and_traceback(void **state) {
  struct fixture *f = *state;
  hf_error err;
  FAILS(HF_SCRIPT,
        run(f, "local function inner()\n  error('boom')\nend\nlocal function outer() inner() return 1 end\nouter()",
            &err));
  assert_string_equal(err.message, "test:2: boom");
  assert_string_equal(err.where, "test:2");
  CONTAINS(err.cause, "traceback");
  CONTAINS(err.cause, "test:2:");
  CONTAINS(err.cause, "test:4:");
  CONTAINS(err.cause, "test:5:");
  FAILS(HF_SCRIPT, run(f, "local t\nreturn t.x", &err));
  CONTAINS(err.message, "attempt to index");
  assert_string_equal(err.where, "test:2");
}

static void an_error_object_keeps_its_fields(void **state) {
  struct fixture *f = *state;
  hf_error err;
  FAILS(HF_NOT_FOUND, run(f,
                          "local holdfast = require('holdfast')\n"
                          "local store = holdfast.PersistBase('signal', 'memory:fields')\n"
                          "local v = store:readValue('BTC')\nprint(v)",
                          &err));
  assert_string_equal(err.message, "Entity signal:BTC not found");
  assert_string_equal(err.entity_name, "signal");
  assert_string_equal(err.entity_id, "BTC");
  assert_string_equal(err.backend, "memory");
  assert_string_equal(err.where, "test:3");
  assert_false(err.retryable);
  CONTAINS(err.cause, "test:3:");
  FAILS(HF_BUSY, run(f, "error(require('holdfast').error('busy', 'later', {cause = 'the moon'}))", &err));
  assert_true(err.retryable);
  CONTAINS(err.cause, "the moon");
}

static void anything_may_be_raised(void **state) {
  struct fixture *f = *state;
  hf_error err;
  static const char *const raises[] = {
      "error()",
      "error(nil)",
      "error(5)",
      "error(true)",
      "error({})",
      "error(print)",
      "error(('x'):rep(10000))",
      "error(setmetatable({}, {__tostring = function() return 'custom' end}))",
      "error(setmetatable({}, {__tostring = function() error('again') end}))",
      "error(setmetatable({}, {__tostring = function() return 5 end}))",
      "error(coroutine.create(print))",
      "debug.traceback = nil error('x')",
      "debug = nil error('x')",
  };
  for (size_t i = 0; i < sizeof raises / sizeof *raises; i++) {
    hf_status status = run(f, raises[i], &err);
    if (status != HF_SCRIPT || err.status != HF_SCRIPT || !*err.message)
      fail_msg("%s gives %s '%s'", raises[i], hf_status_name(status), err.message);
  }
  assert_int_equal(lua_gettop(hf_runtime_state(f->runtime)), 0);
  OK(run(f, "x = 1", &err));
}

static void endless_recursion_is_an_error(void **state) {
  struct fixture *f = *state;
  hf_error err;
  FAILS(HF_SCRIPT, run(f, "local function r() return 1 + r() end r()", &err));
  CONTAINS(err.message, "stack overflow");
  OK(run(f, "x = 1", &err));
}

static void no_error_object_is_needed(void **state) {
  struct fixture *f = *state;
  assert_int_equal(run(f, "error('x')", NULL), HF_SCRIPT);
  assert_int_equal(run(f, "x = = 1", NULL), HF_SCRIPT);
  assert_int_equal(hf_runtime_call(f->runtime, "none", (hf_slice){NULL, 0}, NULL, NULL), HF_INVALID_ARGUMENT);
}

static void a_global_function_is_called(void **state) {
  struct fixture *f = *state;
  hf_error err;
  OK(run(f, "function add(a, b) return a + b, 'ignored' end function nothing() end function echo(v) return v end",
         &err));
  assert_call(f, "add", "[1,2.5]", "3.5");
  assert_call(f, "nothing", NULL, "null");
  assert_call(f, "nothing", "[]", "null");
  assert_call(f, "echo", "[{\"a\":[]}]", "{\"a\":[]}");
  assert_call(f, "echo", "[[null,{},[]]]", "[null,{},[]]");
  assert_call(f, "echo", "[1e999]", "1e999");
  assert_call(f, "echo", "[null]", "null");
  assert_call(f, "echo", "[false]", "false");
  assert_call(f, "echo", NULL, "null");
  OK(hf_runtime_call(f->runtime, "add", hf_text("[1,2]"), NULL, &err));
}

static void fields_and_modules_are_found(void **state) {
  struct fixture *f = *state;
  hf_error err;
  OK(run(f,
         "strategy = {tick = function(n) return n * 2 end, deep = {er = {f = function() return 'deep' end}}}\n"
         "package.preload['my.module'] = function() return {tick = function(n) return n * 3 end, "
         "sub = {f = function() return 'sub' end}} end",
         &err));
  assert_call(f, "strategy.tick", "[21]", "42");
  assert_call(f, "strategy.deep.er.f", NULL, "\"deep\"");
  assert_call(f, "my.module:tick", "[2]", "6");
  assert_call(f, "my.module:sub.f", NULL, "\"sub\"");
  assert_call(f, "string.upper", "[\"abc\"]", "\"ABC\"");
}

static void what_is_no_function_is_refused(void **state) {
  struct fixture *f = *state;
  hf_error err;
  hf_buffer result = HF_BUFFER_INIT;
  OK(run(f, "t = {x = 5}", &err));
  static const char *const names[] = {"none", "t",  "t.x",  "t.x.y", "t.none",      "none.field", "",
                                      ".",    "t.", "t..x", ".t",    "string:none", "string:"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    FAILS(HF_INVALID_ARGUMENT, hf_runtime_call(f->runtime, names[i], (hf_slice){NULL, 0}, &result, &err));
    CONTAINS(err.message, text_of("'%s'", names[i]));
  }
  FAILS(HF_SCRIPT, hf_runtime_call(f->runtime, "no.such.module:f", (hf_slice){NULL, 0}, &result, &err));
  CONTAINS(err.message, "no.such.module");
  hf_buffer_free(&result);
}

static void arguments_are_a_json_array(void **state) {
  struct fixture *f = *state;
  hf_error err;
  hf_buffer result = HF_BUFFER_INIT;
  OK(run(f, "function count(...) return select('#', ...) end", &err));
  static const char *const bad[] = {"5", "\"x\"", "null", "{\"a\":1}", "{}"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    hf_status status = hf_runtime_call(f->runtime, "count", hf_text(bad[i]), &result, &err);
    if (status != HF_INVALID_ARGUMENT) fail_msg("arguments %s give %s", bad[i], hf_status_name(status));
  }
  FAILS(HF_INVALID_VALUE, hf_runtime_call(f->runtime, "count", hf_text("[1,"), &result, &err));
  FAILS(HF_INVALID_VALUE, hf_runtime_call(f->runtime, "count", hf_text(""), &result, &err));
  assert_call(f, "count", "[1,null,3,null]", "4");
  char *many = malloc(2 * 5000 + 2);
  size_t n = 0;
  for (int i = 0; i < 5000; i++) {
    many[n++] = i ? ',' : '[';
    many[n++] = '1';
  }
  many[n++] = ']';
  many[n] = '\0';
  assert_call(f, "count", many, "5000");
  free(many);
  hf_buffer_free(&result);
}

static void a_result_that_is_no_json_is_refused(void **state) {
  struct fixture *f = *state;
  hf_error err;
  hf_buffer result = HF_BUFFER_INIT;
  OK(run(f, "function f() return print end function nan() return 0/0 end function boom() error('boom') end", &err));
  FAILS(HF_INVALID_VALUE, hf_runtime_call(f->runtime, "f", (hf_slice){NULL, 0}, &result, &err));
  FAILS(HF_INVALID_VALUE, hf_runtime_call(f->runtime, "nan", (hf_slice){NULL, 0}, &result, &err));
  OK(hf_runtime_call(f->runtime, "f", (hf_slice){NULL, 0}, NULL, &err));
  FAILS(HF_SCRIPT, hf_runtime_call(f->runtime, "boom", (hf_slice){NULL, 0}, &result, &err));
  assert_string_equal(err.message, "test:1: boom");
  CONTAINS(err.cause, "test:1:");
  assert_int_equal(lua_gettop(hf_runtime_state(f->runtime)), 0);
  hf_buffer_free(&result);
}

static struct fixture *nested_fixture;

static int call_again(lua_State *L) {
  hf_error err;
  hf_buffer result = HF_BUFFER_INIT;
  hf_status status = hf_runtime_call(nested_fixture->runtime, "inner", hf_text("[4]"), &result, &err);
  lua_pushstring(L, status ? err.message : result.data);
  hf_buffer_free(&result);
  return 1;
}

static void calls_may_be_made_from_a_c_function_of_a_script(void **state) {
  struct fixture *f = nested_fixture = *state;
  hf_error err;
  lua_register(hf_runtime_state(f->runtime), "callAgain", call_again);
  OK(run(f, "function inner(n) return n * n end function outer() return callAgain() end", &err));
  assert_call(f, "outer", NULL, "\"16\"");
}

static void closing_closes_what_scripts_left_open(void **state) {
  struct fixture *f = *state;
  hf_error err;
  const char *base = text_of("%s/store", f->directory);
  OK(run(f,
         text_of("local holdfast = require('holdfast')\n"
                 "store = holdfast.PersistBase('signal', '%s')\n"
                 "store:writeValue('a', 1)\n"
                 "step = store:keys() step()\n"
                 "whole = holdfast.openStore('%s')",
                 base, base),
         &err));
  hf_runtime_close(f->runtime);
  f->runtime = NULL;
  hf_options options = HF_OPTIONS_INIT;
  options.durability = HF_DURABILITY_NOSYNC; /* conflicts while the store is open */
  hf_persist *p;
  OK(hf_persist_open(hf_text("signal"), base, &options, &p, &err));
  assert_entity(p, "a", "1");
  hf_persist_close(p);
  hf_runtime_close(NULL);
}

static void runtimes_share_stores_and_nothing_else(void **state) {
  struct fixture *f = *state;
  hf_error err;
  hf_runtime *other;
  OK(hf_runtime_open(&other, &err));
  OK(run(f, "store = require('holdfast').PersistBase('signal', 'memory:shared') store:writeValue('a', 1)", &err));
  OK(hf_runtime_run_text(other,
                         hf_text("assert(store == nil)\n"
                                 "local s = require('holdfast').PersistBase('signal', 'memory:shared')\n"
                                 "assert(s:readValue('a') == 1) s:writeValue('a', 2)"),
                         NULL, &err));
  OK(run(f, "assert(store:readValue('a') == 2)", &err));
  hf_runtime_close(other);
}

/* In a coroutine, the runtime's own state is not the one that runs. */
static void calls_may_be_made_from_a_coroutine(void **state) {
  struct fixture *f = nested_fixture = *state;
  hf_error err;
  lua_register(hf_runtime_state(f->runtime), "callAgain", call_again);
  OK(run(f,
         "function inner(n) if boom then error('boom', 0) end return n * n end\n"
         "function outer()\n"
         "  local function deeper(n) if n == 0 then return callAgain() end local r = deeper(n - 1) return r end\n"
         "  local co = coroutine.wrap(function(a) local r = deeper(30) a = coroutine.yield(r .. a) return a end)\n"
         "  local x = co('1') return {x, co('2')}\n"
         "end",
         &err));
  for (int i = 0; i < 100; i++) assert_call(f, "outer", NULL, "[\"161\",\"2\"]");
  OK(run(f, "boom = true", &err));
  assert_call(f, "outer", NULL, "[\"boom1\",\"2\"]");
}

/* A finalizer may raise in any allocation: that too ends as an error, and never in a panic. */
static void a_finalizer_that_raises_ends_nothing(void **state) {
  struct fixture *f = *state;
  hf_error err;
  hf_buffer result = HF_BUFFER_INIT;
  static const char message[] = "from the finalizer";
  OK(run(f,
         "jit.off() collectgarbage('setpause', 0) collectgarbage('setstepmul', 100000000) collectgarbage()\n"
         "function plant() getmetatable(newproxy(true)).__gc = function() error('from the finalizer', 0) end end\n"
         "function good() plant() end\n"
         "function bad() plant() plant() error({}) end",
         &err));
  int raised = 0;
  for (int i = 0; i < 3000; i++) {
    lua_State *L = hf_runtime_state(f->runtime);
    hf_status status = hf_runtime_call(f->runtime, i % 2 ? "good" : "bad", (hf_slice){NULL, 0}, &result, &err);
    if (status && status != HF_SCRIPT) fail_msg("%s: %s", hf_status_name(status), err.message);
    if (status && strcmp(err.message, message) == 0) raised++;
    assert_int_equal(lua_gettop(L), 0);
    status = hf_runtime_run_text(f->runtime, hf_text("plant()"), NULL, NULL);
    if (status && status != HF_SCRIPT) fail_msg("%s", hf_status_name(status));
    assert_int_equal(lua_gettop(L), 0);
  }
  if (!raised) fail_msg("no finalizer raised");
  hf_buffer_free(&result);
}

/* An allocator that refuses everything once `left` allocations were made. */
static struct {
  lua_Alloc real;
  void *arg;
  long left;
} scarce;

static void *allocate(void *unused, void *block, size_t old, size_t size) {
  (void)unused;
  if (size > old && scarce.left-- <= 0) return NULL;
  return scarce.real(scarce.arg, block, old, size);
}

static void lack_of_memory_ends_nothing(void **state) {
  struct fixture *f = *state;
  hf_error err;
  hf_buffer result = HF_BUFFER_INIT;
  lua_State *L = hf_runtime_state(f->runtime);
  OK(run(f,
         "holdfast = require('holdfast') store = holdfast.PersistBase('signal', 'memory:scarce')\n"
         "for i = 1, 40 do store:writeValue(i, {n = i, text = ('x'):rep(i)}) end\n"
         "function work(boom)\n"
         "  local own = holdfast.PersistBase('signal', 'memory:scarce')\n"
         "  local n = 0\n"
         "  for id, v in own:entries() do n = n + (type(v) == 'table' and v.n or 0) end\n"
         "  own:writeMany{[n] = {n}, x = n} own:readMany{'x', n} own:removeMany{'x', n}\n"
         "  local s = holdfast.openStore('memory:scarce') s:verify{onEvent = function() end} s:entities() s:close()\n"
         "  if boom then error({}) end\n"
         "  own:readValue('none')\n"
         "end",
         &err));
  scarce.real = lua_getallocf(L, &scarce.arg);
  for (int boom = 0; boom < 2; boom++) {
    int refused = 0;
    for (long n = 0; n < 3000; n++) {
      scarce.left = n;
      lua_setallocf(L, allocate, NULL);
      hf_status status =
          hf_runtime_call(f->runtime, "work", hf_text(boom ? "[true]" : "[false]"), n % 2 ? &result : NULL, &err);
      lua_setallocf(L, scarce.real, scarce.arg);
      assert_int_equal(lua_gettop(L), 0);
      if (status == (boom ? HF_SCRIPT : HF_NOT_FOUND) && scarce.left > 0) break;
      if (status == HF_OK) fail_msg("no error with %ld allocations", n);
      if (status != HF_NO_MEMORY && status != (boom ? HF_SCRIPT : HF_NOT_FOUND))
        fail_msg("%ld allocations: %s: %s", n, hf_status_name(status), err.message);
      refused++;
    }
    assert_true(scarce.left > 0);
    assert_true(refused > 10);
  }
  OK(run(f, "for i = 1, 40 do assert(store:readValue(i).n == i) end collectgarbage()", &err));
  hf_buffer_free(&result);
}

static void a_function_without_memory_is_an_error(void **state) {
  struct fixture *f = *state;
  lua_State *L = hf_runtime_state(f->runtime);
  hf_error err;
  hf_buffer result = HF_BUFFER_INIT;
  hf_function *fn = NULL;
  int refused = 0;
  OK(run(f, "function double(n) return n * 2 end", &err));
  scarce.real = lua_getallocf(L, &scarce.arg);
  for (long n = 0; n < 1000; n++) {
    scarce.left = n;
    lua_setallocf(L, allocate, NULL);
    hf_status status = n % 2 ? hf_function_find(f->runtime, "double", &fn, &err)
                             : hf_function_compile(f->runtime, hf_text("return 2 * ..."), "=double", &fn, &err);
    if (status == HF_OK) status = hf_function_call(fn, hf_text("[\"4\"]"), &result, &err);
    hf_function_free(fn);
    lua_setallocf(L, scarce.real, scarce.arg);
    assert_int_equal(lua_gettop(L), 0);
    if (status == HF_OK && scarce.left > 0) break;
    if (status != HF_OK && status != HF_NO_MEMORY) fail_msg("%s: %s", hf_status_name(status), err.message);
    refused++;
  }
  assert_true(scarce.left > 0);
  assert_true(refused > 5);
  assert_string_equal(result.data, "8");
  hf_buffer_free(&result);
}

/* What a script catches without memory: an error object, with the right code whatever else it lacks, or the one text
 * that LuaJIT raises itself. */
static void an_error_without_memory_is_one_all_the_same(void **state) {
  struct fixture *f = *state;
  lua_State *L = hf_runtime_state(f->runtime);
  hf_error err;
  OK(run(f,
         "local holdfast = require('holdfast')\n"
         "local pcall, store = pcall, holdfast.MemoryPersist('signal', 'scarce')\n"
         "store:writeValue('a', 1)\n"
         "function miss() return select(2, pcall(store.readValue, store, 'none')) end\n"
         "function clash() return select(2, pcall(store.writeValue, store, 'a', 2, { ifAbsent = true })) end\n"
         "miss() clash()",
         &err));
  scarce.real = lua_getallocf(L, &scarce.arg);
  static const struct { const char *function, *code; } cases[] = {{"miss", "not_found"}, {"clash", "conflict"}};
  for (size_t i = 0; i < 2; i++) {
    int whole = 0, spare = 0, text = 0;
    for (long n = 0; n < 200 && whole < 5; n++) {
      lua_getglobal(L, cases[i].function);
      scarce.left = n;
      lua_setallocf(L, allocate, NULL);
      int rc = lua_pcall(L, 0, 1, 0);
      lua_setallocf(L, scarce.real, scarce.arg);
      if (rc || lua_type(L, -1) == LUA_TSTRING) {
        assert_string_equal(lua_tostring(L, -1), "not enough memory");
        text++;
      } else {
        assert_int_equal(lua_type(L, -1), LUA_TTABLE);
        lua_getfield(L, -1, "code");
        assert_string_equal(lua_tostring(L, -1), cases[i].code);
        lua_getfield(L, -2, "message");
        if (strstr(lua_tostring(L, -1), "there was no memory to say more")) {
          lua_getfield(L, -3, "traceback");
          assert_true(lua_isnil(L, -1)); /* it is not from where it was raised before */
          lua_pop(L, 1);
          spare++;
        } else {
          whole++;
        }
        lua_pop(L, 2);
        lua_pushliteral(L, "old");
        lua_setfield(L, -2, "traceback");
        lua_pushliteral(L, "changed"); /* by whoever got it: the next one hears the truth all the same */
        lua_setfield(L, -2, "message");
      }
      lua_pop(L, 1);
    }
    if (!spare || whole < 5)
      fail_msg("%s: %d without memory, %d texts, %d whole", cases[i].function, spare, text, whole);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_RUNTIME(holdfast_is_there),
      IN_RUNTIME(a_file_gets_its_arguments),
      IN_RUNTIME(many_arguments_fit),
      IN_RUNTIME(a_file_that_cannot_be_read_is_io),
      IN_RUNTIME(a_syntax_error_names_file_and_line),
      IN_RUNTIME(a_raise_has_message_line_and_traceback),
      IN_RUNTIME(an_error_object_keeps_its_fields),
      IN_RUNTIME(anything_may_be_raised),
      IN_RUNTIME(endless_recursion_is_an_error),
      IN_RUNTIME(no_error_object_is_needed),
      IN_RUNTIME(a_global_function_is_called),
      IN_RUNTIME(fields_and_modules_are_found),
      IN_RUNTIME(what_is_no_function_is_refused),
      IN_RUNTIME(arguments_are_a_json_array),
      IN_RUNTIME(a_result_that_is_no_json_is_refused),
      IN_RUNTIME(calls_may_be_made_from_a_c_function_of_a_script),
      IN_RUNTIME(calls_may_be_made_from_a_coroutine),
      IN_RUNTIME(a_finalizer_that_raises_ends_nothing),
      IN_RUNTIME(lack_of_memory_ends_nothing),
      IN_RUNTIME(a_function_without_memory_is_an_error),
      IN_RUNTIME(an_error_without_memory_is_one_all_the_same),
      IN_RUNTIME(closing_closes_what_scripts_left_open),
      IN_RUNTIME(runtimes_share_stores_and_nothing_else),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
