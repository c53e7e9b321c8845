/* SPDX-License-Identifier: MIT
 *
 * The userdata in an instance that holds its hf_persist.
 */
#ifndef HF_LUA_STATE_HANDLE_H
#define HF_LUA_STATE_HANDLE_H

#include <lua.h>

#include "holdfast/holdfast.h"

/* Pushes the userdata of a handle, empty as yet, and returns its place; what is put there is the userdata's.
 *   before_close  is called with the handle when the userdata is finalized, before the handle is closed */
hf_persist **hfL_push_handle(lua_State *L, void (*before_close)(hf_persist *));

/* The handle in the userdata at `index`, or NULL if it is none, or was finalized. */
hf_persist *hfL_to_handle(lua_State *L, int index);

/* The handle inside the PersistBase instance at stack index 1.  Raises for anything else, and HF_CLOSED for a handle
 * that was finalized already. */
hf_persist *hfL_check_persist(lua_State *L);

#endif
