/* SPDX-License-Identifier: MIT
 *
 * Calling the methods of an instance, and blaming them.
 */
#ifndef HF_LUA_SCRIPT_CALL_H
#define HF_LUA_SCRIPT_CALL_H

#include <lua.h>

#include "lua/script/instance.h"

/* A running call of a method. */
typedef struct hfL_call {
  hfL_instance *instance;
  hfL_method method;
} hfL_call;

/* Runs a body whose argument begins with an hfL_call; errors name class and method. */
hf_status hfL_instance_call(hfL_instance *e, hfL_method method, lua_CFunction body, hfL_call *call, hf_error *err);

/* For bodies: pushes the method and the instance. */
void hfL_push_method(lua_State *L, const hfL_call *call);

/* For bodies: raises code `script`, naming class and method and the line where the method begins. */
int hfL_blame(lua_State *L, const hfL_call *call, const char *fmt, ...) HF_PRINTF(3, 4) __attribute__((noreturn));

/* Whether a plain error says what the contract says of a missing entity, "Entity signal:BTC not found" and then `verb`,
 * after the position that Lua puts before it. */
bool hfL_says_not_found(const hf_error *err, const hfL_instance *e, const hf_key *key, const char *verb);

#endif
