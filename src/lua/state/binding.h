/* SPDX-License-Identifier: MIT
 *
 * What the files of the Lua binding share: the state's context, argument checks,
 * and the functions that each file puts into the module `holdfast.core`.
 *
 * Rule of this folder: C never holds anything that needs releasing (a
 * transaction, a page, a lock) while it calls into Lua in a way that may raise.
 */
#ifndef HF_LUA_STATE_BINDING_H
#define HF_LUA_STATE_BINDING_H

#include <lua.h>

#include "core/persist.h"
#include "lua/codec/json.h"
#include "lua/state/error.h"

/* One per Lua state; upvalue 1 of every function in holdfast.core. */
typedef struct hfL_context {
  hfL_codec *codec;
  /* The spare buffer: see hfL_buffer_borrow. */
  struct hfL_buffer_box *spare;    /* NULL while it is borrowed, or where none was made */
  struct hfL_buffer_box *anchored; /* the box that the registry keeps under spare_ref */
  int spare_ref;                   /* 0: not taken yet */
  /* Which element of an instance its functions work on: 0, or, for functions that a class of one's own calls as its
   * parent's, -1: the handle on the store that the class extends, where there is one. */
  int handle;
  struct hfL_host *host; /* for scripts that are backends (script.h); NULL: none yet */
  hf_adapters *adapters; /* of the state's scripts; NULL: none yet, or the state is being closed */
} hfL_context;

#define hfL_context_of(L) ((hfL_context *)lua_touserdata((L), lua_upvalueindex(1)))

/* Borrows a buffer for a text between store and codec, and pushes the userdata that owns it.  A finalizer that comes in
 * between gets another buffer.  If an error unwinds the stack, the buffer is not returned: the next call makes
 * another, and the collector frees this one.  May run finalizers, but not directly behind hfL_buffer_prepare. */
hf_buffer *hfL_buffer_borrow(lua_State *L, hfL_context *cx);
/* Returns the buffer whose owner is at `index`, for the next who needs one. */
void hfL_buffer_return(lua_State *L, hfL_context *cx, int index);
/* Makes sure that there is a buffer to borrow. */
void hfL_buffer_prepare(lua_State *L, hfL_context *cx);

/* Pushes the metatable of this name, with `gc` as its __gc.  Unlike luaL_newmetatable it registers only what is
 * complete: a lack of memory on the way cannot leave a type whose userdata are never freed. */
void hfL_push_type(lua_State *L, const char *name, lua_CFunction gc);

/* Runs body(L) with `arg` as its light userdata argument so that nothing can be raised out of it; whatever was raised
 * ends in `err` (may be NULL), with a traceback.  Leaves the stack as it was. */
hf_status hfL_protect(lua_State *L, lua_CFunction body, void *arg, hf_error *err);

/* Pushes the userdata of a handle, empty as yet, and returns its place; what is put there is the userdata's. */
hf_persist **hfL_push_handle(lua_State *L);

/* The handle in the userdata at `index`, or NULL if it is none, or was finalized. */
hf_persist *hfL_to_handle(lua_State *L, int index);

/* The handle inside the PersistBase instance at stack index 1.  Raises for anything else, and HF_CLOSED for a handle
 * that was finalized already. */
hf_persist *hfL_check_persist(lua_State *L);

/* An id at `index`: a string as it is, a number as its JSON text in `number`.  Raises HF_INVALID_ARGUMENT naming
 * `what` for anything else. */
hf_slice hfL_check_id(lua_State *L, int index, const char *what, char number[HF_NUMBER_MAX]);

/* Pushes the table of what the store of a handle supports. */
void hfL_push_supports(lua_State *L, const hf_persist *p);

/* Reads an options table at `index` (nil: defaults).  Raises for unknown names and wrong types. */
void hfL_check_options(lua_State *L, int index, hf_options *out);

/* Raises with the entity named, when a value could not be encoded. */
int hfL_raise_for(lua_State *L, hf_persist *p, hf_slice id, hf_error *err) __attribute__((noreturn));

/* Register functions into the table on top of the stack; the context is on the stack at index `cx`. */
void hfL_persist_open(lua_State *L, int cx);
void hfL_iterator_open(lua_State *L, int cx);
void hfL_batch_open(lua_State *L, int cx);
void hfL_store_open(lua_State *L, int cx);
void hfL_lease_open(lua_State *L, int cx);
void hfL_checksum_open(lua_State *L, int cx);
void hfL_transaction_open(lua_State *L, int cx);
void hfL_serve_open(lua_State *L, int cx);

/* Pushes the table holdfast.core.adapters. */
void hfL_adapters_open(lua_State *L, int cx);

/* The adapters of the state's scripts; made when first asked for.  Raises for lack of memory. */
hf_adapters *hfL_adapters_of(lua_State *L, hfL_context *cx);

/* The state's context; made when first asked for. */
hfL_context *hfL_context_get(lua_State *L);

/* Sets the functions with the context as their upvalue. */
void hfL_register(lua_State *L, int cx, const luaL_Reg *functions);

/* A Lua function that the process gave us. */
typedef struct hfL_lua_function {
  const char *name;
  const void *address; /* NULL: it has none */
} hfL_lua_function;

#define HFL_LUA_FUNCTION(name)                                                                                         \
  { #name, (const void *)(name) }

/* Whether these, or all that src/lua but the runtime uses, are LuaJIT's.  HF_UNSUPPORTED says what they are, and what
 * to do.  To be called before any of them. */
hf_status hfL_check_lua_functions(const hfL_lua_function *functions, size_t count, hf_error *err);
hf_status hfL_check_lua(hf_error *err);

/* The module itself. */
HF_API int luaopen_holdfast_core(lua_State *L);

/* Makes `require "holdfast"` work in the state: the core preloaded, the embedded modules findable.
 * From disk instead, when developing: first from $HOLDFAST_LUA/?.lua, and from package.path where $LUA_PATH is set. */
void hfL_install(lua_State *L);

#endif
