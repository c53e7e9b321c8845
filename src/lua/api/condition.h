/* SPDX-License-Identifier: MIT
 *
 * Conditions that scripts hold.
 */
#ifndef HF_LUA_API_CONDITION_H
#define HF_LUA_API_CONDITION_H

#include <lua.h>

#include "condition/condition.h"

/* The condition in the userdata at `index`, which owns it; NULL if it is none, or was finalized. */
hf_condition *hfL_to_condition(lua_State *L, int index);

#endif
