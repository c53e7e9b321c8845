/* SPDX-License-Identifier: MIT
 *
 * Loops of scripts, whatever they are made of, as functions without arguments.
 */
#ifndef HF_LUA_SCRIPT_STEPS_H
#define HF_LUA_SCRIPT_STEPS_H

#include <lua.h>

#include "lua/script/call.h"

/* What a loop may give at a step: id, entity, revision, updatedAt. */
enum { HFL_RESULTS_MAX = 5 };

/* Turns the three values on top, as a method returned them for a loop (an iterator with state and control,
 * a coroutine, or a list), into one function without arguments that returns the next value, and what came with it, or
 * nil at the end.
 *   what  names the method in errors */
void hfL_push_steps(lua_State *L, const char *what);

/* For bodies: calls the method with `arguments` values after its instance, which are on top, and leaves its iterator
 * as one function. */
void hfL_call_for_steps(lua_State *L, const hfL_call *call, int arguments);

#endif
