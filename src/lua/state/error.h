/* SPDX-License-Identifier: MIT
 *
 * The error object of scripts: a table {code=, message=, entityName=, entityId=,
 * backend=, cause=, retryable=, where=} whose metatable makes tostring() give the
 * message.  `where` is "file:line" of the script's own line that made the failing call.
 */
#ifndef HF_LUA_STATE_ERROR_H
#define HF_LUA_STATE_ERROR_H

#include <lua.h>

#include "holdfast/holdfast.h"

/* What is said when Lua has no memory, and when something is raised while an error is handled. */
#define HFL_NO_MEMORY "Lua ran out of memory"
#define HFL_TWICE_RAISED "an error was raised while an error was reported"

/* Pushes the error as an object.  False: there was no memory for it, and it is one that all errors of this code share
 * then, made when the module was opened: with the right `code` and `retryable`, and what the code means as `message`.
 */
bool hfL_push_error(lua_State *L, const hf_error *err);

/* Raises the value on top of the stack.  To be used in place of lua_error() where another coroutine may have run since
 * this function was called, as when a script did an operation: LuaJIT up to 2.1.0-beta3 notes which coroutine is
 * running when it enters one and when a C function returns, but not when a C function raises.  It would leave the next
 * compiled loop with the stack of the wrong one.  Entering this one sets it right. */
int hfL_throw(lua_State *L) __attribute__((noreturn));

/* Pushes the error as an object and raises it.  Release everything first. */
int hfL_raise(lua_State *L, const hf_error *err) __attribute__((noreturn));

/* Raises HF_NO_MEMORY: C has no memory left, where Lua would say so itself of its own. */
int hfL_no_memory(lua_State *L) __attribute__((noreturn));

/* Raises HF_INVALID_ARGUMENT with a message. */
int hfL_misuse(lua_State *L, const char *fmt, ...) HF_PRINTF(2, 3) __attribute__((noreturn));

/* Whether the value is an error object. */
bool hfL_is_error(lua_State *L, int index);

/* Fills an hf_error from whatever was raised: an error object keeps its fields, anything else is HF_SCRIPT with its
 * text.  Leaves the stack as it was. */
void hfL_to_error(lua_State *L, int index, hf_error *err);

/* A message handler for lua_pcall: turns any raised value into an error object (HF_SCRIPT for what was none) whose
 * `traceback` field says where it came from.  It raises nothing but what LuaJIT does where no memory is left. */
int hfL_traceback(lua_State *L);

/* Puts error, isError, toError, traceback and codes into the table on top of the stack. */
void hfL_error_open(lua_State *L);

#endif
