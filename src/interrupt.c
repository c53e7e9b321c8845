/* SPDX-License-Identifier: MIT
 *
 * The module holdfast.cli.interrupt: signals, as the command's Lua can know of them.  There are two ways.  Long work
 * that ends at a good moment has them noted, and looks (watch).  The prompt has Ctrl-C end whatever Lua code runs, or
 * the wait for a key, and never itself (hold).
 */
#include "interrupt.h"

#include <errno.h>
#include <lauxlib.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

static volatile sig_atomic_t interruption; /* the signal that came; 0: none yet */

/* ---- long work */

static const int watched[] = {SIGINT, SIGTERM};

static void note_signal(int number) { interruption = number; }

/* What whoever started us ignores stays ignored, as nohup wants it. */
static void handle(int number, void (*handler)(int), int flags) {
  struct sigaction now, action = {.sa_handler = handler, .sa_flags = flags};
  sigemptyset(&action.sa_mask);
  if (sigaction(number, NULL, &now) == 0 && now.sa_handler != SIG_IGN) sigaction(number, &action, NULL);
}

static void handle_watched(void (*handler)(int)) {
  for (size_t i = 0; i < sizeof watched / sizeof *watched; i++)
    handle(watched[i], handler, (int)(SA_RESTART | SA_RESETHAND));
}

/* watch(): from now on SIGINT and SIGTERM do not end the process but are noted.  A second one does end it. */
static int watch(lua_State *L) {
  (void)L;
  interruption = 0;
  handle_watched(note_signal);
  return 0;
}

/* unwatch(): they end the process again */
static int unwatch(lua_State *L) {
  (void)L;
  handle_watched(SIG_DFL);
  return 0;
}

/* signal() -> the number of the signal that came since watch() or hold(), or nil */
static int noted_signal(lua_State *L) {
  if (!interruption) return 0;
  lua_pushinteger(L, interruption);
  return 1;
}

/* ---- the prompt */

/* A second Ctrl-C that comes so much later than the first one means that the code did not end. */
enum { IMPATIENCE_MS = 1000 };

/* Instructions from the first attempt to end code to the next: what code that is raised through has to put itself in
 * order.  Code that catches what is raised and goes on gets half of it each time, so that it is ended outside of
 * whatever catches, too. */
enum { GRACE = 1024 };

static const char RAISED[] = "holdfast.interrupted"; /* the key in the registry of what is raised */
static lua_State *volatile running;                  /* whose code SIGINT ends; NULL: none runs */
static pthread_t runner;                             /* the thread of that state */
static volatile sig_atomic_t noted_ms;               /* when the signal came, on a clock that nobody sets */
static int grace;                                    /* what the code gets next */

static int milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int)(((long long)now.tv_sec * 1000 + now.tv_nsec / 1000000) & 0x3fffffff);
}

/* Raises, and goes on raising should the code go on, until run() has ended. */
static void raise_interruption(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, raise_interruption, LUA_MASKCOUNT, grace);
  if (grace > 1) grace /= 2;
  lua_getfield(L, LUA_REGISTRYINDEX, RAISED);
  lua_error(L);
}

static void end_code(int number) {
  int saved = errno;
  if (!pthread_equal(pthread_self(), runner)) {
    pthread_kill(runner, number); /* a library's thread got it */
  } else if (running && interruption && milliseconds() - noted_ms >= IMPATIENCE_MS) {
    signal(number, SIG_DFL);
    raise(number);
  } else {
    if (!interruption) noted_ms = milliseconds();
    interruption = number;
    if (running) lua_sethook(running, raise_interruption, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
  }
  errno = saved;
}

/* hold(raised): from now on SIGINT is noted, ends the wait of wait(), and has the code in run() raise `raised`, again
 * and again; nothing else.  Code that does not end for a second, since it waits in C, is ended with the process by
 * another SIGINT. */
static int hold(lua_State *L) {
  lua_settop(L, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, RAISED);
  runner = pthread_self();
  running = NULL;
  interruption = 0;
  handle(SIGINT, end_code, SA_RESTART);
  return 0;
}

/* run(fn, ...) -> what pcall(fn, ...) gives.  In C, since no Lua code outside of fn may be raised in. */
static int run(lua_State *L) {
  grace = GRACE;
  running = L;
  int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  running = NULL;
  lua_sethook(L, NULL, 0, 0);
  luaL_checkstack(L, 1, "too many results");
  lua_pushboolean(L, status == 0);
  lua_insert(L, 1);
  return lua_gettop(L);
}

/* wait(fd) -> true: there is something to read, or its end; false: a signal came first */
static int wait_readable(lua_State *L) {
  struct pollfd descriptor = {.fd = (int)luaL_checkinteger(L, 1), .events = POLLIN};
  sigset_t only, before;
  int ready = 0;
  sigemptyset(&only);
  sigaddset(&only, SIGINT);
  pthread_sigmask(SIG_BLOCK, &only, &before); /* so that none comes between the look and the wait */
  while (!interruption && ready == 0) {
    ready = ppoll(&descriptor, 1, NULL, &before);
    if (ready < 0 && errno == EINTR) ready = 0;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  lua_pushboolean(L, ready != 0);
  return 1;
}

int hf__interrupt_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"watch", watch}, {"unwatch", unwatch}, {"signal", noted_signal},
                                       {"hold", hold},   {"run", run},         {"wait", wait_readable},
                                       {NULL, NULL}};
  lua_createtable(L, 0, 6);
  luaL_register(L, NULL, functions);
  return 1;
}
