/* SPDX-License-Identifier: MIT
 *
 * The Lua state that scripts live in, and how C calls into it.
 *
 * Threads.  Scripts live in the thread of their Lua state.  Calls from another one are
 * refused; only references may be dropped anywhere.
 */
#ifndef HF_LUA_SCRIPT_STATE_H
#define HF_LUA_SCRIPT_STATE_H

#include <lua.h>
#include <pthread.h>

#include "lua/state/context.h"

/* How deep methods may call methods through the core, before it is taken for an endless recursion. */
#define HFL_DEPTH_MAX 48

/* A Lua state, as the bridge sees it.  Lives until the last reference is dropped. */
typedef struct hfL_state {
  lua_State *L; /* NULL once the state is closed */
  pthread_t thread;
  unsigned number;      /* of this host in the process */
  uint64_t entered;     /* grows with each time that a C program enters a state */
  size_t refs;          /* guarded by the lock of all hosts, like garbage */
  hfL_context *context; /* of the state */
  void *adapters;       /* its adapters, so that leak checkers find them: they do not see Lua's memory */
  int instances_ref;    /* registry: weak table, number -> instance */
  int instances;        /* numbers given so far */
  unsigned depth;       /* calls that are running */
  lua_State *threads[HFL_DEPTH_MAX + 1]; /* a coroutine for each depth; made one ahead */
  hf_error *errors[HFL_DEPTH_MAX];       /* where the call at each depth reports */
  int *garbage;                          /* registry references that other threads dropped */
  size_t garbage_count, garbage_capacity;
  struct hfL_state *next; /* all hosts of the process */
} hfL_state;

/* The host of a state; made when first asked for.  Raises for lack of memory. */
hfL_state *hfL_state_of(lua_State *L, hfL_context *cx);

/* The host that "lua:" URLs of the calling thread mean, or NULL. */
hfL_state *hfL_state_of_thread(void);

/* A C program enters the state in the calling thread: from now on its scripts live here. */
void hfL_state_enter(lua_State *L, hfL_context *cx);

/* Of those who keep a host beyond its state. */
void hfL_state_ref(hfL_state *state);
void hfL_state_unref(hfL_state *state);

/* Releases a registry reference, at once or, from another thread than the host's, when the host is used next. */
void hfL_state_release(hfL_state *state, int ref);

/* Runs body(L), which finds `call` as a light userdata at index 1, on a coroutine that nothing else is using, so that
 * nothing is raised out of it.  What is raised ends in `err`.
 * Refused: HF_CLOSED after the state was closed, HF_UNSUPPORTED in another thread, HF_SCRIPT too deep. */
hf_status hfL_state_call(hfL_state *state, lua_CFunction body, void *call, hf_error *err);

#endif
