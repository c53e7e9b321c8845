/* SPDX-License-Identifier: MIT
 *
 * Script classes as backends: what the files of the bridge share.
 *
 *   state.c   the Lua state that scripts live in, and how C calls into it
 *   slots.c   the slots of an hf_backend, each of which calls a method
 *   scan.c    the scan slot: pages out of a script's iterators
 *   attach.c  how an instance gets its handle
 *   url.c     URLs that mean instances: "lua:MODULE", and the schemes of backends/NAME/NAME.lua
 *
 * An instance of a class with methods of its own has a handle (element 0) that is
 * served by a script_entity: the core checks, opens and names errors as for every
 * store, and its slots end up in the methods.  If the class extends a concrete store, the
 * instance has a second handle on that (element -1), which the methods of the
 * parent class use; whatever is not overridden goes there without Lua.
 *
 * Threads.  Scripts live in the thread of their Lua state.  Calls from another one are
 * refused; only references may be dropped anywhere.
 */
#ifndef HF_LUA_SCRIPT_SCRIPT_H
#define HF_LUA_SCRIPT_SCRIPT_H

#include <pthread.h>

#include "core/persist.h"
#include "lua/state/binding.h"

/* The methods that the bridge knows, by name.  The first eight are what a class of its own must have. */
#define HFL_METHOD_MAP(X)                                                                                              \
  X(WAIT_FOR_INIT, "waitForInit")                                                                                      \
  X(READ_VALUE, "readValue")                                                                                           \
  X(HAS_VALUE, "hasValue")                                                                                             \
  X(WRITE_VALUE, "writeValue")                                                                                         \
  X(REMOVE_VALUE, "removeValue")                                                                                       \
  X(REMOVE_ALL, "removeAll")                                                                                           \
  X(VALUES, "values")                                                                                                  \
  X(KEYS, "keys")                                                                                                      \
  X(READ_ENTRY, "readEntry")                                                                                           \
  X(ENTRIES, "entries")                                                                                                \
  X(COUNT, "count")                                                                                                    \
  X(READ_MANY, "readMany")                                                                                             \
  X(WRITE_MANY, "writeMany")                                                                                           \
  X(REMOVE_MANY, "removeMany")                                                                                         \
  X(STAT, "stat")                                                                                                      \
  X(CLOSE, "close")                                                                                                    \
  X(BEGIN, "begin")                                                                                                    \
  X(COMMIT, "commit")                                                                                                  \
  X(ROLLBACK, "rollback")

typedef enum hfL_method {
#define HFL_METHOD_ENUM(id, name) HFL_##id,
  HFL_METHOD_MAP(HFL_METHOD_ENUM)
#undef HFL_METHOD_ENUM
      HFL_METHOD_COUNT
} hfL_method;

const char *hfL_method_name(hfL_method method);

/* ------------------------------------------------------------------- hosts */

/* How deep methods may call methods through the core, before it is taken for an endless recursion. */
#define HFL_DEPTH_MAX 48

/* A Lua state, as the bridge sees it.  Lives until the last reference is dropped. */
typedef struct hfL_host {
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
  struct hfL_host *next; /* all hosts of the process */
} hfL_host;

/* The host of a state; made when first asked for.  Raises for lack of memory. */
hfL_host *hfL_host_of(lua_State *L, hfL_context *cx);

/* The host that "lua:" URLs of the calling thread mean, or NULL. */
hfL_host *hfL_host_of_thread(void);

/* A C program enters the state in the calling thread: from now on its scripts live here. */
void hfL_host_enter(lua_State *L, hfL_context *cx);

void hfL_host_ref(hfL_host *host);
void hfL_host_unref(hfL_host *host);

/* Releases a registry reference, at once or, from another thread than the host's, when the host is used next. */
void hfL_host_release(hfL_host *host, int ref);

/* Runs body(L), which finds `call` as a light userdata at index 1, on a coroutine that nobody else is using, so that
 * nothing is raised out of it.  What is raised ends in `err`.
 *   what  names the caller in errors: "RedisPersist:readValue"
 * Refused: HF_CLOSED after the state was closed, HF_UNSUPPORTED in another thread, HF_SCRIPT too deep. */
hf_status hfL_host_call(hfL_host *host, lua_CFunction body, void *call, hf_error *err);

/* ---------------------------------------------------------------- entities */

/* How long the base of an instance may be: identities of stores have it in them. */
enum { HFL_BASE_MAX = 400 };

/* A walk over a script's iterator, between two pages.  Its iterator is in the instance, in the list at element -2. */
typedef struct hfL_cursor {
  uint64_t walk;    /* hf_scan.walk; 0: free */
  unsigned touched; /* hfL_entity.turn when it was used last */
  bool with_values; /* pulled together with their values */
  bool ended;       /* the iterator has nothing more */
  bool busy;        /* in a call that is running */
  hf_page *ids;     /* pulled from it */
  size_t next;      /* the first of them that was not handed out */
  size_t last_size, at_size;
  unsigned char last[HF__ORDER_KEY_MAX]; /* order key of the last id that was pulled */
  unsigned char at[HF__ORDER_KEY_MAX];   /* order key of the last id that was handed out */
} hfL_cursor;

enum { HFL_CURSORS = 8 };

/* What serves a handle: an instance of a script class.  Shared by the instance's own handle and by those that C
 * programs opened. */
typedef struct hfL_entity {
  hfL_host *host;
  size_t refs;             /* handles and running calls */
  size_t handles;          /* 0: closed, and waiting for a running call to end */
  size_t keepers;          /* those among the handles that keep the instance: of C programs */
  char *class_name, *name; /* of the class; of the entity type */
  int class_ref;           /* registry: the class */
  int instance_ref;        /* registry: the instance, while there are keepers */
  int number;              /* of the instance in the host's weak table */
  uint32_t methods;        /* 1 << hfL_method: the class has its own */
  uint32_t capabilities;
  bool ranges;                    /* keys() takes a range */
  bool entry_ranges;              /* entries() does */
  bool texts;                     /* entities are JSON text in its methods, not Lua values */
  bool initialising;              /* its waitForInit is running */
  bool ready;                     /* it has run */
  hf_persist *below;              /* the handle on the concrete store that the class extends; NULL: none */
  struct hfL_script_store *store; /* of a class of its own; NULL otherwise, and once closed */
  struct hfL_entity *next_open;   /* on that store */
  hfL_cursor *cursors;            /* HFL_CURSORS of them; NULL: not needed yet */
  unsigned turn;                  /* counts the uses of cursors */
} hfL_entity;

static inline bool hfL_entity_has(const hfL_entity *e, hfL_method method) { return e->methods >> method & 1; }

void hfL_entity_unref(hfL_entity *e);

/* A running call of a method. */
typedef struct hfL_call {
  hfL_entity *entity;
  hfL_method method;
} hfL_call;

/* Runs a body whose argument begins with an hfL_call; errors name class and method. */
hf_status hfL_entity_call(hfL_entity *e, hfL_method method, lua_CFunction body, hfL_call *call, hf_error *err);

/* For bodies: pushes the method and the instance. */
void hfL_push_method(lua_State *L, const hfL_call *call);

/* For bodies: pushes the instance; raises HF_CLOSED if it was collected. */
void hfL_push_instance(lua_State *L, const hfL_entity *e);

/* For bodies: raises code `script`, naming class and method and the line where the method begins. */
int hfL_blame(lua_State *L, const hfL_call *call, const char *fmt, ...) HF_PRINTF(3, 4) __attribute__((noreturn));

/* For bodies: the value on top of the stack as JSON text, in the codec's buffer or in the string itself; blames the
 * method if it is none. */
hf_slice hfL_method_json(lua_State *L, const hfL_call *call, const char *what);

/* For bodies: a revision or a time that a method gave, at an index: 0 for what is no positive number. */
uint64_t hfL_method_number(lua_State *L, int index);

/* For bodies: turns the three values on top, as a method returned them for a loop (an iterator with state and control,
 * a coroutine, or a list), into one function without arguments that returns the next value, and what came with it, or
 * nil at the end. what  names the method in errors */
void hfL_push_steps(lua_State *L, const char *what);

/* ------------------------------------------------------------------- slots */

/* The slots that serve such a class, in a table that is the same for the same arguments and lives as long as the
 * process.  below: the slots of the store that the class extends, or NULL. */
const hf_backend *hfL_script_backend(uint32_t methods, const hf_backend *below, uint32_t capabilities);

/* What serves the handle, or NULL if no script does. */
hfL_entity *hfL_served_by(const hf_persist *p);

/* The scan slot, and the get slot for it (scan.c, slots.c). */
hf_status hfL_script_scan(void *store, void *txn, void *entity, const hf_scan *scan, hf_page *page, bool *more,
                          hf_error *err);
hf_status hfL_script_get(void *store, void *txn, void *entity, const hf_key *key, hf_buffer *json, hf_info *info,
                         hf_error *err);

/* How many keys the iterators of the class give. */
hf_status hfL_script_count_keys(hfL_entity *e, uint64_t *count, hf_error *err);

/* Passed to entity_close as the store by handles that keep the instance. */
extern const char hfL_keeper;

/* The store behind the classes of their own with one base: what their transactions bind to. */
typedef struct hfL_script_store {
  hfL_host *host;
  hfL_entity *open;   /* on it: begin, commit and rollback are called on one of them */
  hfL_entity *in_txn; /* on which it was */
  unsigned depth;     /* transactions that are open */
} hfL_script_store;

#endif
