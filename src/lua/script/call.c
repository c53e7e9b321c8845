/* SPDX-License-Identifier: MIT
 *
 * Calling methods: see call.h.
 */
#include "lua/script/call.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "lua/state/error.h"

hf_status hfL_instance_call(hfL_instance *e, hfL_method method, lua_CFunction body, hfL_call *call, hf_error *err) {
  if (!e) return hf__fail(err, HF_CLOSED, "it was closed in the middle of the operation");
  call->instance = e;
  call->method = method;
  e->refs++;
  hf_status status = hfL_state_call(e->state, body, call, err);
  if (status == HF_SCRIPT) {
    char prefix[192], message[sizeof err->message];
    size_t size = (size_t)snprintf(prefix, sizeof prefix, "%.150s:%s", e->class_name, hfL_method_name(method));
    if (strncmp(err->message, prefix, size) != 0) {
      memcpy(message, err->message, sizeof message);
      snprintf(err->message, sizeof err->message, "%s raised: %.800s", prefix, message);
    }
  }
  hfL_instance_unref(e);
  return status;
}

/* Pushes the class's method; whatever it is. */
static void push_class_method(lua_State *L, const hfL_call *call) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, call->instance->class_ref);
  lua_getfield(L, -1, hfL_method_name(call->method));
  lua_remove(L, -2);
}

void hfL_push_method(lua_State *L, const hfL_call *call) {
  push_class_method(L, call);
  if (!lua_isfunction(L, -1)) hfL_blame(L, call, "must be a function, not a %s", luaL_typename(L, -1));
  hfL_push_instance(L, call->instance);
}

int hfL_blame(lua_State *L, const hfL_call *call, const char *fmt, ...) {
  hf_error err;
  char text[sizeof err.message / 2];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  hf__fail(&err, HF_SCRIPT, "%.150s:%s %s", call->instance->class_name, hfL_method_name(call->method), text);
  push_class_method(L, call);
  lua_Debug ar;
  if (lua_isfunction(L, -1) && lua_getinfo(L, ">S", &ar) && ar.linedefined > 0)
    snprintf(err.where, sizeof err.where, "%s:%d", ar.short_src, ar.linedefined);
  hfL_raise(L, &err);
}

bool hfL_says_not_found(const hf_error *err, const hfL_instance *e, const hf_key *key, const char *verb) {
  char text[2 * HF_ID_MAX + 64];
  int size = snprintf(text, sizeof text, " Entity %s:%.*s not found%s", e->name, (int)key->id.size, key->id.data, verb);
  size_t have = strlen(err->message);
  return size > 0 && have >= (size_t)size && strcmp(err->message + have - size, text) == 0;
}
