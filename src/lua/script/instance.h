/* SPDX-License-Identifier: MIT
 *
 * Instances of script classes, as C knows them.
 *
 * An instance of a class with methods of its own has a handle (element 0) that is
 * attached to an hfL_instance: the core checks, opens and names errors as for every
 * store, and its slots end up in the methods.  If the class extends a concrete store, the
 * instance has a second handle on that (element -1), which the methods of the
 * parent class use; whatever is not overridden goes there without Lua.
 */
#ifndef HF_LUA_SCRIPT_INSTANCE_H
#define HF_LUA_SCRIPT_INSTANCE_H

#include "core/persist.h"
#include "lua/script/methods.h"
#include "lua/script/state.h"

/* How long the base of an instance may be: identities of stores have it in them. */
enum { HFL_BASE_MAX = 400 };

/* A scan by a script's iterator, between two pages.  Its iterator is in the instance, in the list at element -2. */
typedef struct hfL_cursor {
  uint64_t scan_id; /* hf_scan.scan_id; 0: free */
  unsigned touched; /* hfL_instance.turn when it was used last */
  bool with_values; /* pulled together with their values */
  bool ended;       /* the iterator has nothing more */
  bool busy;        /* in a call that is running */
  hf_page *ids;     /* pulled from it */
  size_t next;      /* the first of them that was not handed out */
  size_t last_size, at_size;
  unsigned char last[HF__ORDER_KEY_MAX]; /* order key of the last id that was pulled */
  unsigned char at[HF__ORDER_KEY_MAX];   /* order key of the last id that was handed out */
} hfL_cursor;

/* Scans of one instance that go on at once; another one takes the place of the one that has waited longest. */
enum { HFL_CURSORS = 8 };

/* What is attached to a handle: an instance of a script class.  Shared by the instance's own handle and by those that C
 * programs opened. */
typedef struct hfL_instance {
  hfL_state *state;
  size_t refs;             /* handles and running calls */
  size_t handles;          /* 0: closed, and waiting for a running call to end */
  size_t keepers;          /* those among the handles that keep the instance: of C programs */
  char *class_name, *name; /* of the class; of the collection */
  int class_ref;           /* registry: the class */
  int instance_ref;        /* registry: the instance, while there are keepers */
  int number;              /* of the instance in the host's weak table */
  uint32_t methods;        /* 1 << hfL_method: the class has its own */
  uint32_t capabilities;
  bool ranges;                    /* keys() takes a range */
  bool entry_ranges;              /* entries() does */
  bool conditions;                /* its loops know conditions */
  bool raw;                       /* entities are JSON text in its methods, not Lua values */
  bool initialising;              /* its waitForInit is running */
  bool ready;                     /* it has run */
  hf_persist *wrapped;            /* the handle on the concrete store that the class extends; NULL: none */
  struct hfL_script_store *store; /* of a class of its own; NULL otherwise, and once closed */
  struct hfL_instance *next_open; /* on that store */
  hfL_cursor *cursors;            /* HFL_CURSORS of them; NULL: not needed yet */
  unsigned turn;                  /* counts the uses of cursors */
} hfL_instance;

/* Whether the class has this method itself. */
static inline bool hfL_instance_has(const hfL_instance *e, hfL_method method) { return e->methods >> method & 1; }

/* An entity without its references into Lua, with one reference and one handle.  NULL: out of memory. */
hfL_instance *hfL_instance_new(hfL_state *state, const char *class_name, hf_slice name);

/* Drops a reference; the last one frees it. */
void hfL_instance_unref(hfL_instance *e);

/* For bodies of hfL_state_call: pushes the instance; raises HF_CLOSED if it was collected. */
void hfL_push_instance(lua_State *L, const hfL_instance *e);

/* How a handle holds the instance that is attached to it: hf_persist.impl of such a handle, which collection_close()
 * gets. */
typedef struct hfL_hold {
  bool keeps; /* one of hfL_instance.keepers: the instance lives at least as long as the handle */
} hfL_hold;

extern const hfL_hold hfL_held_by_script;  /* the handle is in the instance, and goes with it */
extern const hfL_hold hfL_held_by_program; /* opened from C, by a URL */

/* The store of the classes of their own with one base: what their transactions bind to. */
typedef struct hfL_script_store {
  hfL_state *state;
  hfL_instance *open;   /* on it: begin, commit and rollback are called on one of them */
  hfL_instance *in_txn; /* on which it was */
  unsigned depth;       /* transactions that are open */
} hfL_script_store;

#endif
