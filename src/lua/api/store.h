/* SPDX-License-Identifier: MIT
 *
 * Whole stores, as other files of this folder add methods to them.
 */
#ifndef HF_LUA_API_STORE_H
#define HF_LUA_API_STORE_H

#include <lua.h>

#include "holdfast/backend.h"

/* The store at this index of the stack, which is one of holdfast.openStore(); raises where it is none, or closed. */
hf_store *hfL_check_store(lua_State *L, int index);

#endif
