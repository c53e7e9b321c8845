/* SPDX-License-Identifier: MIT
 *
 * The embedded runtime: a LuaJIT state that a C host owns.  Lua is entered only through
 * hfL_protect(); whatever is raised ends as an hf_error.
 */
#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "lua/api/api.h"
#include "lua/codec/json.h"
#include "lua/module.h"
#include "lua/script/state.h"
#include "lua/state/context.h"
#include "lua/state/error.h"
#include "lua/state/protect.h"
#include "lua/which_lua.h"

struct hf_runtime {
  lua_State *L;
  hfL_context *context; /* of the state */
  hfL_codec *codec;     /* likewise */
  hf_function *functions;
};

struct hf_function {
  hf_runtime *runtime; /* NULL: it was closed */
  int ref;             /* of the function, in the registry */
  hf_function *next, **before;
};

static int prepare(lua_State *L) {
  hf_runtime *r = lua_touserdata(L, 1);
  lua_gc(L, LUA_GCSTOP, 0);
  luaL_openlibs(L);
  hfL_install(L);
  r->context = hfL_context_get(L, hfL_codec_of);
  r->codec = hfL_codec_of(L);
  hfL_state_enter(L, r->context);
  lua_gc(L, LUA_GCRESTART, 0);
  return 0;
}

/* ---- opening */

/* Before the first call into Lua, once for all. */
static hf_status check_lua(hf_error *err) {
  static const hfL_lua_function needed[] = {HFL_LUA_FUNCTION(luaL_newstate), HFL_LUA_FUNCTION(luaL_openlibs),
                                            HFL_LUA_FUNCTION(lua_close), HFL_LUA_FUNCTION(lua_cpcall)};
  static _Atomic bool checked;
  if (checked) return HF_OK;
  hf_status status = hfL_check_lua(err);
  if (status == HF_OK) status = hfL_check_lua_functions(needed, sizeof needed / sizeof *needed, err);
  checked = status == HF_OK;
  return status;
}

hf_status hf_runtime_open(hf_runtime **out, hf_error *err) {
  *out = NULL;
  hf_status status = check_lua(err);
  if (status) return status;
  hf_runtime *r = calloc(1, sizeof *r);
  if (r) r->L = luaL_newstate();
  if (!r || !r->L) {
    free(r);
    return hf__no_memory(err);
  }
  status = hfL_protect(r->L, prepare, r, err);
  if (status) {
    hf_runtime_close(r);
    return status;
  }
  *out = r;
  return HF_OK;
}

/* Those that are left answer HF_CLOSED. */
static void leave_functions(hf_runtime *r) {
  for (hf_function *f = r->functions; f; f = f->next) f->runtime = NULL;
  r->functions = NULL;
}

void hf_runtime_close(hf_runtime *r) {
  if (!r) return;
  leave_functions(r);
  if (r->L) lua_close(r->L);
  leave_functions(r); /* what finalizers have made */
  free(r);
}

static int find_adapters(lua_State *L) {
  hf_adapters **set = lua_touserdata(L, 1);
  *set = hfL_adapters_of(L, hfL_context_get(L, hfL_codec_of));
  return 0;
}

hf_adapters *hf_runtime_adapters(hf_runtime *r) {
  hf_adapters *set = NULL;
  hfL_protect(r->L, find_adapters, &set, NULL);
  return set;
}

struct lua_State *hf_runtime_state(hf_runtime *r) {
  return r->L;
}

/* ---- running.  Each of these is the body of a hfL_protect: it may raise freely. */

struct run {
  const char *path, *name;
  hf_slice code;
  int argc;
  const char *const *argv;
  const char *caller; /* of the functions of this file, for messages */
  hf_slice args;
  hf_buffer *result;
  hf_function *function;
};

static int run_file(lua_State *L) {
  const struct run *r = lua_touserdata(L, 1);
  hfL_state_enter(L, hfL_context_get(L, hfL_codec_of));
  int rc = luaL_loadfile(L, r->path);
  if (rc) {
    hf_error err;
    hf__fail(&err, rc == LUA_ERRFILE ? HF_IO : HF_SCRIPT, "%s", lua_tostring(L, -1));
    hfL_raise(L, &err);
  }
  lua_createtable(L, r->argc, 1);
  lua_pushstring(L, r->path);
  lua_rawseti(L, -2, 0);
  for (int i = 0; i < r->argc; i++) {
    lua_pushstring(L, r->argv[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setglobal(L, "arg");
  luaL_checkstack(L, r->argc, "too many arguments");
  for (int i = 0; i < r->argc; i++) lua_pushstring(L, r->argv[i]);
  lua_call(L, r->argc, 0);
  return 0;
}

static int run_text(lua_State *L) {
  const struct run *r = lua_touserdata(L, 1);
  hfL_state_enter(L, hfL_context_get(L, hfL_codec_of));
  if (luaL_loadbuffer(L, r->code.data, r->code.size, r->name)) return lua_error(L);
  lua_call(L, 0, 0);
  return 0;
}

/* Pushes what "global.field" or "module:field" names. */
static void push_function(lua_State *L, const char *name) {
  const char *colon = strchr(name, ':'), *path = name;
  if (colon) {
    lua_getglobal(L, "require");
    lua_pushlstring(L, name, (size_t)(colon - name));
    lua_call(L, 1, 1);
    path = colon + 1;
  } else {
    lua_pushvalue(L, LUA_GLOBALSINDEX);
  }
  while (*path) {
    size_t n = strcspn(path, ".");
    if (!lua_istable(L, -1)) break;
    lua_pushlstring(L, path, n);
    lua_gettable(L, -2);
    lua_remove(L, -2);
    path += n + (path[n] == '.');
  }
  if (lua_isfunction(L, -1) && !*path) return;
  hf_error err;
  hf__fail(&err, HF_INVALID_ARGUMENT, "there is no Lua function '%s' (it is a %s)", name, luaL_typename(L, -1));
  hfL_raise(L, &err);
}

/* Calls the function on top of the stack. */
static int call_pushed(lua_State *L, const struct run *r, hfL_codec *codec) {
  hf_error err;
  hf_slice json;
  int n = 0;
  if (r->args.data) {
    if (hfL_json_decode(L, r->args.data, r->args.size, codec, &err)) hfL_raise(L, &err);
    if (r->args.data[strspn(r->args.data, " \t\r\n")] != '[') hfL_misuse(L, "%s: args must be a JSON array", r->caller);
    n = (int)lua_objlen(L, -1);
    luaL_checkstack(L, n + 1, "too many arguments");
    for (int i = 1; i <= n; i++) lua_rawgeti(L, -i, i);
    lua_remove(L, -n - 1);
  }
  lua_call(L, n, 1);
  if (!r->result) return 0;
  if (lua_isnil(L, -1)) hfL_json_push_null(L);
  if (hfL_json_encode(L, -1, codec, &json, &err)) hfL_raise(L, &err);
  r->result->size = 0;
  if (!hf_buffer_add(r->result, json.data, json.size)) return hfL_no_memory(L);
  return 0;
}

static int call(lua_State *L) {
  const struct run *r = lua_touserdata(L, 1);
  hfL_state_enter(L, hfL_context_get(L, hfL_codec_of));
  push_function(L, r->name);
  return call_pushed(L, r, hfL_codec_of(L));
}

hf_status hf_runtime_run_file(hf_runtime *runtime, const char *path, int argc, const char *const *argv, hf_error *err) {
  struct run r = {.path = path, .argc = argc, .argv = argv};
  return hfL_protect(runtime->L, run_file, &r, err);
}

hf_status hf_runtime_run_text(hf_runtime *runtime, hf_slice code, const char *name, hf_error *err) {
  struct run r = {.code = code, .name = name ? name : "=(text)"};
  return hfL_protect(runtime->L, run_text, &r, err);
}

hf_status hf_runtime_call(hf_runtime *runtime, const char *function, hf_slice args, hf_buffer *result, hf_error *err) {
  struct run r = {.name = function, .caller = "hf_runtime_call", .args = args, .result = result};
  return hfL_protect(runtime->L, call, &r, err);
}

/* ---- functions that are looked up once */

static int find(lua_State *L) {
  const struct run *r = lua_touserdata(L, 1);
  hfL_state_enter(L, r->function->runtime->context);
  push_function(L, r->name);
  r->function->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

static int compile(lua_State *L) {
  const struct run *r = lua_touserdata(L, 1);
  hfL_state_enter(L, r->function->runtime->context);
  if (luaL_loadbuffer(L, r->code.data, r->code.size, r->name)) return lua_error(L);
  r->function->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

/* A handle on what `body` finds. */
static hf_status make_function(hf_runtime *runtime, lua_CFunction body, struct run *r, hf_function **out,
                               hf_error *err) {
  *out = NULL;
  hf_function *f = calloc(1, sizeof *f);
  if (!f) return hf__no_memory(err);
  f->runtime = runtime;
  r->function = f;
  hf_status status = hfL_protect(runtime->L, body, r, err);
  if (status) {
    free(f);
    return status;
  }
  f->next = runtime->functions;
  f->before = &runtime->functions;
  if (f->next) f->next->before = &f->next;
  runtime->functions = f;
  *out = f;
  return HF_OK;
}

hf_status hf_function_find(hf_runtime *runtime, const char *name, hf_function **out, hf_error *err) {
  return make_function(runtime, find, &(struct run){.name = name}, out, err);
}

hf_status hf_function_compile(hf_runtime *runtime, hf_slice code, const char *name, hf_function **out, hf_error *err) {
  return make_function(runtime, compile, &(struct run){.code = code, .name = name ? name : "=(text)"}, out, err);
}

static int call_function(lua_State *L) {
  const struct run *r = lua_touserdata(L, 1);
  const hf_runtime *runtime = r->function->runtime;
  hfL_state_enter(L, runtime->context);
  lua_rawgeti(L, LUA_REGISTRYINDEX, r->function->ref);
  return call_pushed(L, r, runtime->codec);
}

hf_status hf_function_call(hf_function *f, hf_slice args, hf_buffer *result, hf_error *err) {
  if (!f->runtime) return hf__fail(err, HF_CLOSED, "the runtime of this function was closed");
  struct run r = {.caller = "hf_function_call", .args = args, .result = result, .function = f};
  return hfL_protect(f->runtime->L, call_function, &r, err);
}

static int release(lua_State *L) {
  luaL_unref(L, LUA_REGISTRYINDEX, *(int *)lua_touserdata(L, 1));
  return 0;
}

void hf_function_free(hf_function *f) {
  if (!f) return;
  if (f->runtime) {
    *f->before = f->next;
    if (f->next) f->next->before = f->before;
    hfL_protect(f->runtime->L, release, &f->ref, NULL);
  }
  free(f);
}
