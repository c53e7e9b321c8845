/* SPDX-License-Identifier: MIT
 *
 * The predicates of running loops, by the conditions that stand for them: what a class that knows conditions is given
 * in its ranges.
 */
#ifndef HF_LUA_SCRIPT_ASKED_H
#define HF_LUA_SCRIPT_ASKED_H

#include <lua.h>

#include "holdfast/holdfast.h"

/* Keeps the table at `index` (holdfast.Asked of lua/holdfast/condition) for the condition, as long as the loop does. */
void hfL_asked_keep(lua_State *L, const hf_condition *condition, int index);

/* Adds `where` and `parameters` to the range on top of the stack, where there is something for the condition. */
void hfL_asked_describe(lua_State *L, const hf_condition *condition);

#endif
