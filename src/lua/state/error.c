/* SPDX-License-Identifier: MIT
 *
 * Error objects: see error.h.
 */
#include "lua/state/error.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/redact.h"
#include "lua/state/register.h"

#define ERROR_TYPE "holdfast.error"
#define TEXT_TYPE "holdfast.text"

/* The address is the key of a table in the registry, with what must be there when no memory is left: an error for each
 * status, which has its number, and functions that need not be made then. */
static char spare_key;
enum { SPARE_MAKE = HF_STATUS_COUNT, SPARE_TRACE, SPARE_NOTHING, SPARE_MESSAGES };

/* What LuaJIT raises when it has no memory, and when something is raised while an error is handled. */
static const char no_memory[] = "not enough memory", twice_raised[] = "error in error handling";

/* Pushes it; nil where the module has not been opened. */
static void push_spare(lua_State *L, int which) {
  lua_pushlightuserdata(L, &spare_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  if (!lua_istable(L, -1)) return;
  lua_rawgeti(L, -1, which);
  lua_remove(L, -2);
}

/* Whether a frame belongs to Holdfast's own modules, which are never to blame for a misuse. */
static bool is_own(const lua_Debug *ar) {
  return strncmp(ar->source, "=[holdfast", 10) == 0 || strstr(ar->source, "/lua/holdfast/") ||
         strncmp(ar->source, "@lua/holdfast/", 14) == 0;
}

/* "file:line" of the innermost line that is not ours, or "". */
static void find_line(lua_State *L, char *out, size_t capacity) {
  lua_Debug ar;
  out[0] = '\0';
  for (int level = 0; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "Sl", &ar);
    if (ar.currentline <= 0 || is_own(&ar)) continue;
    snprintf(out, capacity, "%s:%d", ar.short_src, ar.currentline);
    return;
  }
}

static int error_tostring(lua_State *L) {
  lua_getfield(L, 1, "message");
  if (!lua_isstring(L, -1)) lua_pushliteral(L, "unknown error");
  return 1;
}

/* Registered only once it is complete: a lack of memory on the way must not leave a type without __tostring. */
static void push_type(lua_State *L) {
  luaL_getmetatable(L, ERROR_TYPE);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, error_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushliteral(L, ERROR_TYPE);
  lua_setfield(L, -2, "__name");
  luaL_getmetatable(L, ERROR_TYPE); /* a finalizer may have made it meanwhile: there is to be only one */
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, ERROR_TYPE);
  } else {
    lua_replace(L, -2);
  }
}

static void set_text(lua_State *L, const char *field, const char *text) {
  if (!*text) return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, field);
}

static void make_error(lua_State *L, const hf_error *err) {
  lua_createtable(L, 0, 8);
  set_text(L, "code", hf_status_name(err->status));
  set_text(L, "message", err->message);
  set_text(L, "entityName", err->entity_name);
  set_text(L, "entityId", err->entity_id);
  set_text(L, "backend", err->backend);
  set_text(L, "cause", err->cause);
  lua_pushboolean(L, err->retryable);
  lua_setfield(L, -2, "retryable");
  if (err->revision) {
    lua_pushnumber(L, (lua_Number)err->revision);
    lua_setfield(L, -2, "revision");
  }
  char where[sizeof err->where];
  if (*err->where)
    hf__copy_text(where, sizeof where, err->where, strlen(err->where));
  else
    find_line(L, where, sizeof where);
  set_text(L, "where", where);
  push_type(L);
  lua_setmetatable(L, -2);
}

static int make(lua_State *L) {
  make_error(L, lua_touserdata(L, 1));
  return 1;
}

/* Takes out of the spare error on top what has been put into it since it was raised before, such as where that was.
 * Needs no memory. */
static void clear_spare(lua_State *L) {
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    lua_pop(L, 1);
    const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    if (strcmp(name, "code") == 0 || strcmp(name, "message") == 0 || strcmp(name, "retryable") == 0) continue;
    lua_pushvalue(L, -1);
    lua_pushnil(L);
    lua_rawset(L, -4);
  }
}

bool hfL_push_error(lua_State *L, const hf_error *err) {
  push_spare(L, SPARE_MAKE);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    make_error(L, err);
    return true;
  }
  lua_pushlightuserdata(L, (void *)(uintptr_t)err);
  if (lua_pcall(L, 1, 1, 0) == 0) return true;
  lua_pop(L, 1);
  push_spare(L, (int)err->status);
  clear_spare(L);
  lua_pushboolean(L, err->retryable);
  lua_setfield(L, -2, "retryable"); /* it is there: needs no memory */
  push_spare(L, SPARE_MESSAGES + (int)err->status);
  lua_setfield(L, -2, "message"); /* whoever got it before may have changed it */
  return false;
}

static int do_nothing(lua_State *L) {
  (void)L;
  return 0;
}

int hfL_throw(lua_State *L) {
  push_spare(L, SPARE_NOTHING);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_pushcfunction(L, do_nothing);
  }
  lua_call(L, 0, 0);
  lua_error(L);
  __builtin_unreachable();
}

int hfL_raise(lua_State *L, const hf_error *err) {
  hfL_push_error(L, err);
  hfL_throw(L);
}

int hfL_no_memory(lua_State *L) {
  hf_error err;
  hf_error_no_memory(&err);
  hfL_raise(L, &err);
}

int hfL_misuse(lua_State *L, const char *fmt, ...) {
  hf_error err;
  char message[sizeof err.message];
  va_list args;
  va_start(args, fmt);
  vsnprintf(message, sizeof message, fmt, args);
  va_end(args);
  hf__fail(&err, HF_INVALID_ARGUMENT, "%s", message);
  if (lua_istable(L, 1)) { /* a method of an instance: name its collection */
    lua_pushliteral(L, "entityName");
    lua_rawget(L, 1);
    size_t size;
    const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
    if (name) hf__copy_text(err.entity_name, sizeof err.entity_name, name, size);
    lua_pop(L, 1);
  }
  hfL_raise(L, &err);
}

bool hfL_is_error(lua_State *L, int index) {
  if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
  push_type(L);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same;
}

static bool get_text(lua_State *L, int index, const char *field, char *out, size_t capacity) {
  size_t size;
  lua_pushstring(L, field);
  lua_rawget(L, index);
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
  if (text) hf__copy_text(out, capacity, text, size);
  lua_pop(L, 1);
  return text != NULL;
}

/* Text of any value, without calling into scripts for tables of unknown kind. */
static void value_text(lua_State *L, int index, char *out, size_t capacity) {
  size_t size;
  if (lua_type(L, index) == LUA_TSTRING || lua_type(L, index) == LUA_TNUMBER) {
    lua_pushvalue(L, index);
    const char *text = lua_tolstring(L, -1, &size);
    hf__copy_text(out, capacity, text, size);
    lua_pop(L, 1);
  } else {
    snprintf(out, capacity, "(a %s was raised)", luaL_typename(L, index));
  }
}

/* The same by its __tostring, whatever that does. */
static void raised_text(lua_State *L, int index, char *out, size_t capacity) {
  char why[256];
  const char *kind = luaL_typename(L, index);
  if (lua_type(L, index) == LUA_TSTRING || !luaL_getmetafield(L, index, "__tostring")) {
    value_text(L, index, out, capacity);
    return;
  }
  lua_pushvalue(L, index);
  int rc = lua_pcall(L, 1, 1, 0);
  if (rc == 0 && lua_isstring(L, -1)) {
    value_text(L, -1, out, capacity);
  } else if (rc == 0) {
    snprintf(out, capacity, "(a %s was raised, whose __tostring gives no text)", kind);
  } else {
    value_text(L, -1, why, sizeof why);
    snprintf(out, capacity, "(a %s was raised, whose __tostring raised: %s)", kind, why);
  }
  lua_pop(L, 1);
}

static bool is_text(lua_State *L, int index, const char *text) {
  return lua_type(L, index) == LUA_TSTRING && strcmp(lua_tostring(L, index), text) == 0;
}

/* Fills an error from a value that is not an error object. */
static void from_value(lua_State *L, int index, void (*text)(lua_State *, int, char *, size_t), hf_error *err) {
  if (is_text(L, index, no_memory)) {
    hf__fail(err, HF_NO_MEMORY, HFL_NO_MEMORY);
  } else if (is_text(L, index, twice_raised)) {
    hf__fail(err, HF_SCRIPT, HFL_TWICE_RAISED);
  } else {
    hf__fail(err, HF_SCRIPT, "%s", "");
    text(L, index, err->message, sizeof err->message);
    if (!err->message[0]) snprintf(err->message, sizeof err->message, "(an empty text was raised)");
  }
}

void hfL_to_error(lua_State *L, int index, hf_error *err) {
  if (index < 0 && index > LUA_REGISTRYINDEX) index = lua_gettop(L) + index + 1;
  char text[64];
  if (!hfL_is_error(L, index)) {
    from_value(L, index, value_text, err);
    return;
  }
  hf_status status = HF_SCRIPT;
  if (get_text(L, index, "code", text, sizeof text)) {
    hf_status named = hf_status_from_name(text);
    if (named < HF_STATUS_COUNT && named != HF_OK) status = named;
  }
  hf__fail(err, status, "%s", "");
  if (!get_text(L, index, "message", err->message, sizeof err->message)) { /* a script has changed it */
    const char *meaning = hf_status_meaning(status);
    hf__copy_text(err->message, sizeof err->message, meaning, strlen(meaning));
  }
  get_text(L, index, "entityName", err->entity_name, sizeof err->entity_name);
  get_text(L, index, "entityId", err->entity_id, sizeof err->entity_id);
  get_text(L, index, "backend", err->backend, sizeof err->backend);
  get_text(L, index, "where", err->where, sizeof err->where);
  get_text(L, index, "cause", err->cause, sizeof err->cause);
  lua_getfield(L, index, "retryable");
  if (lua_isboolean(L, -1)) err->retryable = lua_toboolean(L, -1);
  lua_pop(L, 1);
  lua_getfield(L, index, "revision");
  if (lua_type(L, -1) == LUA_TNUMBER && lua_tonumber(L, -1) > 0) err->revision = (uint64_t)lua_tonumber(L, -1);
  lua_pop(L, 1);
  size_t used = strlen(err->cause);
  lua_getfield(L, index, "traceback");
  size_t size;
  const char *traceback = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
  if (traceback && *traceback && used + 8 < sizeof err->cause) {
    if (used) err->cause[used++] = '\n';
    hf__copy_text(err->cause + used, sizeof err->cause - used, traceback, size);
  }
  lua_pop(L, 1);
}

/* trace(error object): puts the traceback of who called the handler into it. */
static int trace(lua_State *L) {
  luaL_traceback(L, L, NULL, 2);
  lua_setfield(L, 1, "traceback");
  return 0;
}

int hfL_traceback(lua_State *L) {
  lua_settop(L, 1);
  if (!hfL_is_error(L, 1)) {
    hf_error err;
    from_value(L, 1, raised_text, &err);
    if (!hfL_push_error(L, &err)) {
      lua_replace(L, 1);
      return 1;
    }
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "cause");
    lua_replace(L, 1);
  }
  lua_pushliteral(L, "traceback");
  lua_rawget(L, 1);
  bool known = lua_isstring(L, -1);
  lua_settop(L, 1);
  if (known) return 1;
  push_spare(L, SPARE_TRACE);
  if (lua_isnil(L, 2)) {
    lua_settop(L, 1);
    lua_pushcfunction(L, trace);
  }
  lua_pushvalue(L, 1);
  lua_pcall(L, 1, 0, 0); /* without memory there is none */
  lua_settop(L, 1);
  return 1;
}

/* ---- for scripts */

/* error(code, message [, fields]) -> error object */
static int lhf_error(lua_State *L) {
  hf_error err;
  const char *code = lua_tostring(L, 1);
  hf_status status = code ? hf_status_from_name(code) : HF_STATUS_COUNT;
  if (status == HF_STATUS_COUNT || status == HF_OK) {
    char known[512] = "";
    for (int i = HF_OK + 1; i < HF_STATUS_COUNT; i++) {
      strcat(known, " ");
      strcat(known, hf_status_name((hf_status)i));
    }
    hfL_misuse(L, "holdfast.error: there is no code '%s'; the codes are:%s", code ? code : luaL_typename(L, 1), known);
  }
  hf__fail(&err, status, "%s", lua_isstring(L, 2) ? lua_tostring(L, 2) : hf_status_meaning(status));
  hfL_push_error(L, &err);
  if (lua_istable(L, 3)) {
    static const char *const fields[] = {"entityName", "entityId", "backend", "cause", "retryable", "where"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
      lua_getfield(L, 3, fields[i]);
      if (lua_isnil(L, -1))
        lua_pop(L, 1);
      else
        lua_setfield(L, -2, fields[i]);
    }
  }
  return 1;
}

/* isError(value [, code]) -> boolean */
static int lhf_is_error(lua_State *L) {
  bool is = hfL_is_error(L, 1);
  if (is && lua_isstring(L, 2)) {
    lua_getfield(L, 1, "code");
    is = lua_rawequal(L, 2, -1);
  }
  lua_pushboolean(L, is);
  return 1;
}

/* toError(raised) -> error object */
static int lhf_to_error(lua_State *L) {
  hf_error err;
  lua_settop(L, 1);
  if (hfL_is_error(L, 1)) return 1;
  from_value(L, 1, raised_text, &err);
  hfL_push_error(L, &err);
  return 1;
}

static int text_gc(lua_State *L) {
  char **text = lua_touserdata(L, 1);
  free(*text);
  *text = NULL;
  return 0;
}

/* redact(text [, url]) -> text without the secrets of the URL; without one the text is a URL itself */
static int lhf_redact(lua_State *L) {
  const char *text = luaL_checkstring(L, 1), *url = luaL_optstring(L, 2, text);
  char **shown = lua_newuserdata(L, sizeof *shown);
  *shown = NULL;
  hfL_push_type(L, TEXT_TYPE, text_gc);
  lua_setmetatable(L, -2);
  *shown = strcmp(text, url) == 0 ? hf__url_redact(url) : hf__text_redact(text, url);
  lua_pushstring(L, *shown ? *shown : "***");
  return 1;
}

/* The message handler, for xpcall in our own modules. */
static int lhf_traceback(lua_State *L) { return hfL_traceback(L); }

static void make_spares(lua_State *L) {
  static const lua_CFunction functions[] = {make, trace, do_nothing};
  hf_error err;
  lua_pushlightuserdata(L, &spare_key);
  lua_createtable(L, SPARE_MESSAGES + HF_STATUS_COUNT, 0);
  for (int i = HF_OK + 1; i < HF_STATUS_COUNT; i++) {
    hf__fail(&err, (hf_status)i, "%s (there was no memory to say more)", hf_status_meaning((hf_status)i));
    make_error(L, &err);
    lua_rawseti(L, -2, i);
    lua_pushstring(L, err.message);
    lua_rawseti(L, -2, SPARE_MESSAGES + i);
  }
  for (int i = 0; i < (int)(sizeof functions / sizeof *functions); i++) {
    lua_pushcfunction(L, functions[i]);
    lua_rawseti(L, -2, SPARE_MAKE + i);
  }
  lua_rawset(L, LUA_REGISTRYINDEX);
}

void hfL_error_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"error", lhf_error},      {"isError", lhf_is_error},
                                       {"toError", lhf_to_error}, {"traceback", lhf_traceback},
                                       {"redact", lhf_redact},    {NULL, NULL}};
  luaL_register(L, NULL, functions);
  make_spares(L);
  lua_createtable(L, 0, HF_STATUS_COUNT);
  for (int i = HF_OK + 1; i < HF_STATUS_COUNT; i++) {
    lua_pushstring(L, hf_status_meaning((hf_status)i));
    lua_setfield(L, -2, hf_status_name((hf_status)i));
  }
  lua_setfield(L, -2, "codes");
}
