/* SPDX-License-Identifier: MIT
 *
 * The lists that scripts, the command and the documents share with C, so that there is one of each: options of stores,
 * capabilities, methods of classes, URL schemes.
 */
#include <lauxlib.h>
#include <string.h>

#include "core/backends.h"
#include "core/options.h"
#include "lua/api/api.h"
#include "lua/script/methods.h"
#include "lua/script/schemes.h"
#include "lua/state/register.h"

static void set_text(lua_State *L, const char *field, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, field);
}

/* Appends the table on top to the list below it. */
static void append(lua_State *L) { lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1); }

static void push_durabilities(lua_State *L) {
  const char *name;
  lua_newtable(L);
  for (int i = 0; (name = hf_durability_name((hf_durability)i)); i++) {
    lua_pushstring(L, name);
    lua_rawseti(L, -2, i + 1);
  }
}

/* options() -> the options of stores: {{name=, key=, type=, default=, backends=, meaning=, values=}, ...} */
static int lhf_options(lua_State *L) {
  static const char *const types[] = {"durability", "bytes", "flag"};
  lua_newtable(L);
  for (const hf__option *o = hf__options; o->name; o++) {
    lua_createtable(L, 0, 8);
    set_text(L, "name", o->name);
    set_text(L, "key", o->key);
    set_text(L, "type", types[o->type]);
    set_text(L, "default", o->fallback);
    set_text(L, "backends", o->backends);
    set_text(L, "meaning", o->meaning);
    if (o->type == HF__OPTION_DURABILITY) {
      push_durabilities(L);
      lua_setfield(L, -2, "values");
    }
    append(L);
  }
  return 1;
}

/* capabilities() -> {{name=, promise=}, ...} */
static int lhf_capabilities(lua_State *L) {
  lua_newtable(L);
#define PUSH_CAPABILITY(id, bit, text, sentence)                                                                       \
  lua_createtable(L, 0, 2);                                                                                            \
  set_text(L, "name", text);                                                                                           \
  set_text(L, "promise", sentence);                                                                                    \
  append(L);
  HF_CAPABILITY_MAP(PUSH_CAPABILITY)
#undef PUSH_CAPABILITY
  return 1;
}

/* methods() -> the methods of the contract, which a class may have itself: {{name=, kind=}, ...} */
static int lhf_methods(lua_State *L) {
  static const char *const kinds[] = {"required", "optional", "transaction", "index"};
  lua_newtable(L);
  for (int i = 0; i < HFL_METHOD_COUNT; i++) {
    lua_createtable(L, 0, 2);
    set_text(L, "name", hfL_method_name((hfL_method)i));
    set_text(L, "kind", kinds[hfL_method_kind_of((hfL_method)i)]);
    append(L);
  }
  return 1;
}

static void append_scheme(lua_State *L, const char *scheme, const char *backend, bool absent) {
  const hf__script_scheme *s = hf__script_schemes;
  while (s->scheme && strcmp(s->scheme, scheme) != 0) s++;
  const char *name = s->scheme ? strrchr(s->module, '.') : NULL; /* a script's folder is the end of its module's name */
  lua_createtable(L, 0, 3);
  set_text(L, "name", scheme);
  set_text(L, "backend", name ? name + 1 : backend);
  lua_pushboolean(L, absent);
  lua_setfield(L, -2, "absent");
  append(L);
}

/* schemes() -> those of URLs, first what a backend is called by: {{name=, backend=, absent=}, ...}; absent: this build
 * has no such backend */
static int lhf_schemes(lua_State *L) {
  const hf_backend *first;
  lua_newtable(L);
  for (size_t i = 0; (first = hf__backend_at(i)); i++)
    for (const hf_backend *b = first; b; b = b->next) {
      append_scheme(L, b->name, first->name, false);
      for (const char *const *s = b->schemes; s && *s; s++) append_scheme(L, *s, first->name, false);
    }
  for (const hf__absent_scheme *s = hf__absent_schemes; s->scheme; s++) append_scheme(L, s->scheme, s->backend, true);
  return 1;
}

void hfL_lists_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {{"options", lhf_options},
                                       {"capabilities", lhf_capabilities},
                                       {"methods", lhf_methods},
                                       {"schemes", lhf_schemes},
                                       {NULL, NULL}};
  hfL_register(L, cx, functions);
}
