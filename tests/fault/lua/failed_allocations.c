/* SPDX-License-Identifier: MIT
 *
 * Each allocation fails in turn while scripts work: those of Lua, by an allocator of this file, and those of C below
 * it, by callfail_preload.c.
 *
 *   failed_allocations BASE FOLDER SCRIPT PARTS PART [ONLY]
 *
 *   BASE     the URL of a store
 *   SCRIPT   operations.lua
 *   PARTS    of all the allocations, each PARTSth is tried, in part PART (from 0); 1 and 0: all
 *   ONLY     one of the operations; "require": the making of a state; "forget": an object of C that nobody owns is lost
 *            when Lua has no memory, and that has to be found
 *
 * LuaJIT compiles nothing here: its compiled code (2.1.0-beta3) crashes when it gets no memory, and so does the making
 * of a state, whatever runs in it.
 *
 * After each: the call says no_memory, or gives what it gives otherwise; the store has the old entities or the new
 * ones; the next call works; when the collector has run, everything of C that was made is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault/callfail.h"
#include "holdfast/holdfast.h"

enum {
  NTH_MAX = 1000000,
  NAMES_MAX = 64,
  TEXT_MAX = 2000,
  LOSSES_MAX = 40,
  HANG_SECONDS = 60,
  FDS = 64,
  AGAIN_MAX = 3
};

static hf_runtime *runtime;
static lua_State *L;
static char when[256];
static int tried, losses;
static bool lost;

static void lose(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void lose(const char *format, ...) {
  va_list args;
  fprintf(stderr, "LOST %s: ", when);
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fprintf(stderr, "\n");
  lost = true;
}

static void die(int number) {
  const char *what = number == SIGALRM ? ": it hangs\n" : ": it crashes\n";
  if (write(2, "LOST ", 5) < 0 || write(2, when, strlen(when)) < 0 || write(2, what, strlen(what)) < 0) _exit(2);
  _exit(1);
}

/* ---- Lua's allocator: the nth growing of a block fails, or all from then on */

static struct {
  lua_Alloc real;
  void *arg;
  long nth, seen;
  bool on; /* all from then on */
  bool fired;
} lua_memory;

static void *allocate(void *unused, void *block, size_t old, size_t size) {
  (void)unused;
  if (size > old) {
    long n = ++lua_memory.seen;
    if (lua_memory.nth && (n == lua_memory.nth || (n > lua_memory.nth && lua_memory.on))) {
      lua_memory.fired = true;
      return NULL;
    }
  }
  return lua_memory.real(lua_memory.arg, block, old, size);
}

/* ---- ways to fail */

enum { OF_LUA, OF_LUA_ON, OF_C, OF_C_ON, WAYS };
static const char *const way_names[WAYS] = {"of Lua", "of Lua, and all from then on", "of C",
                                            "of C, and all from then on"};

static void arm(int way, long nth) {
  lua_memory.nth = 0;
  lua_memory.seen = 0;
  lua_memory.fired = false;
  lua_memory.on = way == OF_LUA_ON;
  if (way == OF_LUA || way == OF_LUA_ON)
    lua_memory.nth = nth;
  else
    callfail_arm("a", nth, ENOMEM, way == OF_C_ON ? CALLFAIL_ON : CALLFAIL_ONCE);
}

static bool disarm(void) {
  bool fired = callfail_disarm().fired || lua_memory.fired;
  lua_memory.nth = 0;
  return fired;
}

/* ---- calling the script */

static hf_status call(const char *function, char out[TEXT_MAX], hf_error *err) {
  static hf_buffer result;
  hf_status status = hf_runtime_call(runtime, function, (hf_slice){NULL, 0}, &result, err);
  if (out) snprintf(out, TEXT_MAX, "%s", status == HF_OK ? result.data : "");
  return status;
}

static void need(hf_status status, const hf_error *err, const char *what) {
  if (status == HF_OK) return;
  fprintf(stderr, "FAIL %s: %s: %s: %s (%s)\n", when, what, hf_status_name(status), err->message, err->cause);
  exit(1);
}

static void must(const char *function, char out[TEXT_MAX]) {
  hf_error err;
  need(call(function, out, &err), &err, function);
}

static void collect(void) {
  for (int i = 0; i < 3; i++) lua_gc(L, LUA_GCCOLLECT, 0);
}

static int descriptors(void) {
  int n = 0;
  for (int fd = 0; fd < FDS; fd++) n += fcntl(fd, F_GETFD) >= 0;
  return n;
}

/* ---- trying */

struct expectation {
  char before[TEXT_MAX], after[TEXT_MAX], answer[TEXT_MAX];
};

static void judge(const struct expectation *e, hf_status status, const hf_error *err, const char *got) {
  char now[TEXT_MAX];
  hf_error why;
  if (status != HF_OK && status != HF_NO_MEMORY)
    lose("it says %s: %s (%s)", hf_status_name(status), err->message, err->cause);
  if (status && !*err->message) lose("an error without a message");
  if (status == HF_OK && strcmp(got, e->answer) != 0) lose("it gives %s, and not %s", got, e->answer);
  if (lua_gettop(L) != 0) lose("the stack has %d values", lua_gettop(L));
  lua_settop(L, 0);
  if (call("content", now, &why)) {
    lose("the next call: %s: %s", hf_status_name(why.status), why.message);
    return;
  }
  bool is_old = strcmp(now, e->before) == 0, is_new = strcmp(now, e->after) == 0;
  if (status == HF_OK && !is_new) lose("it says ok, and has not done it: %s", now);
  if (!is_old && !is_new) lose("neither the old nor the new: %s", now);
}

/* One try; what of C's memory was not given back. */
static long attempt(const char *name, int way, long nth, const struct expectation *e, bool *fired) {
  char got[TEXT_MAX];
  hf_error err = {.message = ""};
  lost = false;
  snprintf(when, sizeof when, "%s, allocation %ld %s", name, nth, way_names[way]);
  must("reset", NULL);
  collect();
  long blocks = callfail_blocks();
  int open = descriptors();
  alarm(HANG_SECONDS);
  arm(way, nth);
  hf_status status = call(name, got, &err);
  *fired = disarm();
  judge(e, status, &err, got);
  alarm(0);
  must("reset", NULL);
  collect();
  if (descriptors() != open) lose("%d descriptors remain", descriptors() - open);
  return callfail_blocks() - blocks;
}

/* Memory that is kept for the next time is not lost: only what is kept each time is. */
static bool try(const char *name, int way, long nth, const struct expectation *e) {
  bool fired, again;
  long kept = attempt(name, way, nth, e, &fired);
  for (int i = 0; i < AGAIN_MAX && kept > 0 && !lost; i++) kept = attempt(name, way, nth, e, &again);
  if (kept > 0 && !lost) lose("%ld blocks of C's memory are lost", kept);
  tried += fired;
  losses += lost;
  if (losses >= LOSSES_MAX) fprintf(stderr, "and so on\n"), exit(1);
  return fired;
}

static void try_all(const char *name, long parts, long part) {
  struct expectation e;
  snprintf(when, sizeof when, "%s", name);
  for (int i = 0; i < 3; i++) { /* what is made once for all is made now */
    must("reset", NULL);
    must("content", e.before);
    must(name, e.answer);
    must("content", e.after);
  }
  for (int way = 0; way < WAYS; way++) {
    long nth = 1 + (part + way * 7) % parts;
    for (; try(name, way, nth, &e); nth += parts)
      if (nth > NTH_MAX) lose("there is no end to its allocations"), exit(1);
  }
}

/* ---- the making of a state, and of the module in it */

int luaopen_holdfast(lua_State *state);

/* What `require "holdfast"` does in a stock luajit. */
static int load_module(lua_State *state) {
  luaL_openlibs(state);
  luaJIT_setmode(state, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
  lua_pushcfunction(state, luaopen_holdfast);
  lua_pushliteral(state, "holdfast");
  lua_call(state, 1, 1);
  return 0;
}

/* One try; what of C's memory was not given back. */
static long attempt_module(int way, long nth, bool *fired) {
  snprintf(when, sizeof when, "require, allocation %ld %s", nth, way_names[way]);
  long blocks = callfail_blocks();
  lost = false;
  lua_State *state = lua_newstate(allocate, NULL); /* LuaJIT's own: it crashes when that fails half way */
  *fired = false;
  if (!state) return 0;
  alarm(HANG_SECONDS);
  arm(way, nth);
  int rc = lua_cpcall(state, load_module, NULL);
  *fired = disarm();
  if (rc && lua_istable(state, -1)) lua_getfield(state, -1, "code");
  const char *text = rc && lua_isstring(state, -1) ? lua_tostring(state, -1) : "";
  if (rc == LUA_ERRRUN && !strstr(text, "not enough memory") && !strstr(text, "out of memory") &&
      strcmp(text, "no_memory") != 0)
    lose("it raises %s", *text ? text : luaL_typename(state, -1));
  if (!*fired && rc) lose("nothing failed, and it raises");
  if (rc) { /* the same state, now that there is memory: packages of which nothing is left may say so */
    lua_settop(state, 0);
    if (lua_cpcall(state, load_module, NULL) && !lua_isstring(state, -1)) lose("again, it raises an object");
  }
  lua_close(state);
  alarm(0);
  return callfail_blocks() - blocks;
}

/* As try(). */
static bool try_module(int way, long nth) {
  bool fired, again;
  long kept = attempt_module(way, nth, &fired);
  for (int i = 0; i < AGAIN_MAX && kept > 0 && !lost; i++) kept = attempt_module(way, nth, &again);
  if (kept > 0 && !lost) lose("%ld blocks of C's memory are lost", kept);
  tried += fired;
  losses += lost;
  return fired;
}

static bool try_runtime(long nth) {
  hf_runtime *made = NULL;
  hf_error err;
  snprintf(when, sizeof when, "hf_runtime_open, call %ld", nth);
  long blocks = callfail_blocks();
  lost = false;
  callfail_arm("am", nth, ENOMEM, CALLFAIL_ONCE);
  hf_status status = hf_runtime_open(&made, &err);
  bool fired = callfail_disarm().fired;
  if (status && status != HF_NO_MEMORY) lose("it says %s: %s", hf_status_name(status), err.message);
  if (status && made) lose("an error, and a runtime");
  hf_runtime_close(made);
  if (callfail_blocks() > blocks && nth > 1) lose("%ld blocks of C's memory are lost", callfail_blocks() - blocks);
  tried += fired;
  losses += lost;
  return fired;
}

static void try_making(long parts, long part) {
  static const int ways[] = {OF_LUA, OF_LUA_ON, OF_C};
  try_module(OF_LUA, NTH_MAX);
  for (int i = 0; i < 3; i++)
    for (long nth = 1 + part % parts; try_module(ways[i], nth); nth += parts) continue;
  for (long nth = 1; try_runtime(nth); nth++) continue;
}

/* ---- the control */

static int forget(lua_State *state) {
  char *volatile lost_then = malloc(10);
  lua_newtable(state);
  free(lost_then);
  lua_pushliteral(state, "done");
  return 1;
}

/* ---- */

static void load_operations(const char *script, const char *base, const char *folder) {
  static const char *const names[] = {"reset", "content", "operations", "names"};
  if (luaL_loadfile(L, script) == 0) {
    lua_pushstring(L, base);
    lua_pushstring(L, folder);
    if (lua_pcall(L, 2, 1, 0) == 0) {
      for (int i = 0; i < 4; i++) {
        lua_getfield(L, 1, names[i]);
        lua_setglobal(L, names[i]);
      }
      lua_settop(L, 0);
      lua_register(L, "forget", forget);
      return;
    }
  }
  fprintf(stderr, "FAIL %s\n", lua_tostring(L, -1));
  exit(1);
}

/* The names of the operations, one after the other. */
static int list_operations(char list[NAMES_MAX][64]) {
  int count = 0;
  lua_getglobal(L, "names");
  lua_call(L, 0, 1);
  for (; count < NAMES_MAX; count++) {
    lua_rawgeti(L, 1, count + 1);
    if (lua_isnil(L, -1)) break;
    snprintf(list[count], 64, "%s", lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  lua_settop(L, 0);
  return count;
}

int main(int argc, char **argv) {
  static char list[NAMES_MAX][64];
  hf_error err;
  if (argc < 6 || !callfail_is_loaded()) return 2;
  long parts = strtol(argv[4], NULL, 10), part = strtol(argv[5], NULL, 10);
  const char *only = argc > 6 ? argv[6] : NULL;
  const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGALRM};
  for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) signal(deadly[i], die);
  need(hf_runtime_open(&runtime, &err), &err, "open");
  L = hf_runtime_state(runtime);
  lua_memory.real = lua_getallocf(L, &lua_memory.arg);
  lua_setallocf(L, allocate, NULL);
  load_operations(argv[3], argv[1], argv[2]);
  int count = list_operations(list);
  for (int i = 0; i < count; i++) {
    char function[128];
    snprintf(function, sizeof function, "operations.%.63s", list[i]);
    if (!only || strcmp(only, list[i]) == 0) try_all(function, parts, part);
  }
  if (only && strcmp(only, "forget") == 0) try_all("forget", 1, 0);
  if (!only || strcmp(only, "require") == 0) try_making(parts, part);
  lua_setallocf(L, lua_memory.real, lua_memory.arg);
  hf_runtime_close(runtime);
  printf("%d %d\n", tried, losses);
  return losses ? 1 : 0;
}
