/* SPDX-License-Identifier: MIT
 *
 * How C calls into scripts: see state.h.  A call runs on a coroutine of its own,
 * chosen by how many calls are running already.  So it never uses the stack of a coroutine
 * that is suspended in the middle of something, whatever called the C function that
 * came here; and since handler and dispatcher stay on that stack, a call allocates
 * nothing outside its pcall.
 */
#include "lua/script/state.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fork.h"
#include "lua/state/error.h"
#include "lua/state/register.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
HF__LOCK_AT_FORK(lock);
static hfL_state *hosts;
static unsigned hosts_made;
static uint64_t entries;

/* ---- calls */

struct frame {
  hfL_state *state;
  lua_CFunction body;
  void *call;
};

/* What stays on the stack of every coroutine. */
enum { HANDLER = 1, DISPATCHER, RESIDENTS = DISPATCHER };

/* Cuts off the last frame of the traceback, which is dispatch() here; nothing is left where there was no other. */
static void drop_own_frame(lua_State *L) {
  lua_getfield(L, 1, "traceback");
  const char *text = lua_tostring(L, -1), *last = text ? strrchr(text, '\n') : NULL;
  if (last && strncmp(last, "\n\t[C]: at ", 9) == 0) {
    bool alone = memchr(text, '\n', (size_t)(last - text)) == NULL;
    lua_pushlstring(L, text, alone ? 0 : (size_t)(last - text));
    lua_setfield(L, 1, "traceback");
  }
  lua_settop(L, 1);
}

/* Reports what was raised while it can still allocate safely.  Expected outcomes carry no traceback: it is slow. */
static int report(lua_State *L) {
  hfL_state *state = lua_touserdata(L, lua_upvalueindex(1));
  hf_error *err = state->errors[state->depth - 1];
  lua_settop(L, 1);
  bool expected = false;
  if (hfL_is_error(L, 1)) {
    lua_getfield(L, 1, "code");
    expected = lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), hf_status_name(HF_SCRIPT)) != 0;
    lua_settop(L, 1);
  }
  if (!expected) {
    hfL_traceback(L);
    drop_own_frame(L);
  }
  hfL_to_error(L, 1, err);
  return 0;
}

static int dispatch(lua_State *L);

static void make_thread(lua_State *L, hfL_state *state, unsigned depth) {
  lua_State *T = lua_newthread(L);
  lua_pushlightuserdata(T, state);
  lua_pushcclosure(T, report, 1);
  lua_pushcfunction(T, dispatch);
  luaL_ref(L, LUA_REGISTRYINDEX);
  state->threads[depth] = T;
}

static int dispatch(lua_State *L) {
  const struct frame *f = lua_touserdata(L, 1);
  hfL_state *state = f->state;
  if (!state->threads[state->depth]) make_thread(L, state, state->depth);
  lua_settop(L, 0);
  lua_pushlightuserdata(L, f->call);
  return f->body(L);
}

hf_status hfL_state_call(hfL_state *state, lua_CFunction body, void *call, hf_error *err) {
  if (!pthread_equal(state->thread, pthread_self()))
    return hf__fail(err, HF_UNSUPPORTED,
                    "it is a script's, and scripts live in the thread of their Lua state: open it in this thread with "
                    "a runtime of its own, or use a store that is written in C");
  if (!state->L) return hf__fail(err, HF_CLOSED, "its Lua state was closed");
  if (state->depth == HFL_DEPTH_MAX)
    return hf__fail(err, HF_SCRIPT, "methods of scripts call each other %d deep: does one call itself?", HFL_DEPTH_MAX);
  unsigned depth = state->depth++;
  lua_State *T = state->threads[depth];
  struct frame f = {state, body, call};
  state->errors[depth] = err;
  lua_pushvalue(T, DISPATCHER);
  lua_pushlightuserdata(T, &f);
  int rc = lua_pcall(T, 1, 0, HANDLER);
  state->depth = depth;
  lua_settop(T, RESIDENTS);
  if (rc == 0) return HF_OK;
  if (rc == LUA_ERRMEM) return hf__fail(err, HF_NO_MEMORY, HFL_NO_MEMORY);
  if (rc == LUA_ERRERR) return hf__fail(err, HF_SCRIPT, HFL_TWICE_RAISED);
  return err->status;
}

/* ---- references */

static void free_garbage(hfL_state *state) {
  lua_State *T = state->threads[state->depth];
  pthread_mutex_lock(&lock);
  while (state->garbage_count) luaL_unref(T, LUA_REGISTRYINDEX, state->garbage[--state->garbage_count]);
  pthread_mutex_unlock(&lock);
}

void hfL_state_release(hfL_state *state, int ref) {
  if (!state->L || ref == LUA_NOREF) return;
  if (pthread_equal(state->thread, pthread_self())) { /* replaces a value in a table: raises nothing */
    luaL_unref(state->threads[state->depth], LUA_REGISTRYINDEX, ref);
    return;
  }
  pthread_mutex_lock(&lock);
  if (state->garbage_count == state->garbage_capacity) {
    size_t capacity = state->garbage_capacity ? 2 * state->garbage_capacity : 16;
    int *more = realloc(state->garbage, capacity * sizeof *more);
    if (more) {
      state->garbage = more;
      state->garbage_capacity = capacity;
    }
  }
  /* Without memory it stays until the state is closed. */
  if (state->garbage_count < state->garbage_capacity) state->garbage[state->garbage_count++] = ref;
  pthread_mutex_unlock(&lock);
}

void hfL_state_ref(hfL_state *state) {
  pthread_mutex_lock(&lock);
  state->refs++;
  pthread_mutex_unlock(&lock);
}

void hfL_state_unref(hfL_state *state) {
  pthread_mutex_lock(&lock);
  bool last = --state->refs == 0;
  if (last) {
    hfL_state **link = &hosts;
    while (*link != state) link = &(*link)->next;
    *link = state->next;
  }
  pthread_mutex_unlock(&lock);
  if (!last) return;
  free(state->garbage);
  free(state);
}

/* ---- making */

/* The userdata whose end is the end of the state. */
struct host_box {
  hfL_state *state;
};

static int host_gc(lua_State *L) {
  struct host_box *box = lua_touserdata(L, 1);
  if (!box->state) return 0;
  box->state->L = NULL;
  box->state->context->state = NULL;
  hfL_state_unref(box->state);
  box->state = NULL;
  return 0;
}

hfL_state *hfL_state_of(lua_State *L, hfL_context *cx) {
  hfL_state *state = cx->state;
  if (state) {
    if (state->garbage_count) free_garbage(state);
    return state;
  }
  struct host_box *box = lua_newuserdata(L, sizeof *box);
  box->state = NULL;
  hfL_push_type(L, "holdfast.host", host_gc);
  lua_setmetatable(L, -2);
  state = calloc(1, sizeof *state);
  if (!state) {
    hfL_no_memory(L);
    return NULL;
  }
  state->refs = 1;
  state->context = cx;
  state->thread = pthread_self();
  pthread_mutex_lock(&lock);
  state->number = ++hosts_made;
  state->next = hosts;
  hosts = state;
  pthread_mutex_unlock(&lock);
  box->state = state;
  make_thread(L, state, 0);
  lua_createtable(L, 0, 0);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  state->instances_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  luaL_ref(L, LUA_REGISTRYINDEX); /* the box */
  state->L = L;
  cx->state = state;
  return state;
}

hfL_state *hfL_state_of_thread(void) {
  hfL_state *latest = NULL;
  pthread_mutex_lock(&lock);
  for (hfL_state *h = hosts; h; h = h->next)
    if (h->L && pthread_equal(h->thread, pthread_self()) && (!latest || h->entered >= latest->entered)) latest = h;
  pthread_mutex_unlock(&lock);
  return latest;
}

void hfL_state_enter(lua_State *L, hfL_context *cx) {
  hfL_state *state = hfL_state_of(L, cx);
  pthread_mutex_lock(&lock);
  state->thread = pthread_self();
  state->entered = ++entries;
  pthread_mutex_unlock(&lock);
}
