/* SPDX-License-Identifier: MIT
 *
 * How script classes get handles.  An instance asks for its own when it is made: attach() gives an hfL_instance to
 * it.  What the class has, and its capabilities, were found out by
 * lua/holdfast/class.lua.
 *
 * URLs that mean instances are in url.c.
 */
#include "lua/script/attach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "core/persist.h"
#include "lua/script/instance.h"
#include "lua/script/slots.h"
#include "lua/state/arguments.h"
#include "lua/state/context.h"
#include "lua/state/error.h"
#include "lua/state/handle.h"
#include "lua/state/register.h"

/* ---- instances */

/* What lies where on the stack of attach(). */
enum { INSTANCE = 1, NAME, SPEC, CLASS, HANDLE };

static uint32_t check_methods(lua_State *L) {
  uint32_t methods = 0;
  lua_getfield(L, SPEC, "methods");
  for (int i = 0; i < HFL_METHOD_COUNT; i++) {
    lua_getfield(L, -1, hfL_method_name((hfL_method)i));
    if (lua_toboolean(L, -1)) methods |= 1U << i;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return methods;
}

static uint32_t check_capabilities(lua_State *L) {
  uint32_t capabilities = 0;
  lua_getfield(L, SPEC, "capabilities");
#define TAKE_CAPABILITY(id, bit, name, promise)                                                                        \
  lua_getfield(L, -1, name);                                                                                           \
  if (lua_toboolean(L, -1)) capabilities |= HF_CAP_##id;                                                               \
  lua_pop(L, 1);
  HF_CAPABILITY_MAP(TAKE_CAPABILITY)
#undef TAKE_CAPABILITY
  lua_pop(L, 1);
  return capabilities;
}

static const char *spec_text(lua_State *L, const char *field) {
  lua_getfield(L, SPEC, field);
  const char *text = luaL_optstring(L, -1, "");
  lua_pop(L, 1); /* the table keeps it */
  return text;
}

static bool spec_flag(lua_State *L, const char *field) {
  lua_getfield(L, SPEC, field);
  bool flag = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return flag;
}

/* The store of a class of its own: the same for all instances of the class with one base. */
static hf_status adopt_store(hfL_instance *e, const hf_backend *backend, const void *class, const char *base,
                             const char *url, hf_store **store, hf_error *err) {
  char identity[HF_IDENTITY_MAX];
  snprintf(identity, sizeof identity, "%u/%p/%s", e->state->number, class, base);
  hfL_script_store *s = calloc(1, sizeof *s);
  if (!s) return hf__no_memory(err);
  s->state = e->state;
  hfL_state_ref(s->state);
  hf_status status = hf__store_adopt(backend, identity, url, s, store, err);
  if (status) {
    hfL_state_unref(s->state);
    free(s);
    return status;
  }
  e->store = (*store)->impl;
  e->next_open = e->store->open;
  e->store->open = e;
  return HF_OK;
}

/* Everything of attach() that allocates nothing in Lua. */
static hf_status make_handle(hfL_instance *e, hf_slice name, const void *class, const char *base, const char *url,
                             hf_persist **out, hf_error *err) {
  bool conditions = e->conditions && !e->wrapped; /* never below a class */
  const hf_backend *backend =
      hfL_script_backend(e->methods, e->wrapped ? e->wrapped->backend : NULL, e->capabilities, conditions);
  if (!backend) return hf__no_memory(err);
  hf__attachment attachment = {.backend = backend,
                               .impl = (void *)(uintptr_t)&hfL_held_by_script,
                               .collection = e,
                               .wrapped = e->wrapped,
                               .base = base};
  hf_status status = e->wrapped ? HF_OK : adopt_store(e, backend, class, base, url, &attachment.store, err);
  if (status == HF_OK) status = hf__persist_attach(name, url, &attachment, out, err);
  if (status && attachment.store) {
    e->store->open = e->next_open;
    e->store = NULL;
    hf__store_release(attachment.store);
  }
  return status;
}

/* attach(instance, entityName, {class=, className=, methods=, capabilities=, ranges=, entryRanges=, conditions=, base=,
 * url=}) -> handle */
static int lhf_attach(lua_State *L) {
  hf_error err;
  hf_slice name;
  char number[HF_NUMBER_MAX];
  hfL_state *state = hfL_state_of(L, hfL_context_of(L));
  if (lua_type(L, NAME) != LUA_TSTRING) hfL_misuse(L, "entityName must be a string, not a %s", luaL_typename(L, NAME));
  name = hfL_check_id(L, NAME, "entityName", number);
  lua_settop(L, SPEC);
  lua_getfield(L, SPEC, "class");
  const char *class_name = spec_text(L, "className"), *base = spec_text(L, "base"), *url = spec_text(L, "url");
  if (strlen(base) > HFL_BASE_MAX)
    hfL_misuse(L, "the base is %zu bytes long: at most %d are allowed", strlen(base), HFL_BASE_MAX);
  hf_persist **handle = hfL_push_handle(L, hfL_forgo_close);
  hfL_instance *e = hfL_instance_new(state, class_name, name);
  if (!e) return hfL_no_memory(L);
  e->methods = check_methods(L); /* the spec is a plain table of our own: nothing is raised */
  e->capabilities = check_capabilities(L);
  e->ranges = spec_flag(L, "ranges");
  e->entry_ranges = spec_flag(L, "entryRanges");
  e->raw = spec_flag(L, "raw");
  e->conditions = spec_flag(L, "conditions");
  lua_rawgeti(L, INSTANCE, -1);
  e->wrapped = hfL_to_handle(L, -1);
  if (e->wrapped) hf__persist_ref(e->wrapped);
  hf_status status = make_handle(e, name, lua_topointer(L, CLASS), base, url, handle, &err);
  if (status) {
    hfL_instance_unref(e);
    hfL_raise(L, &err);
  }
  hf__persist_ref(*handle); /* the userdata's own; from here on the userdata cleans up */
  lua_settop(L, HANDLE);
  lua_pushvalue(L, CLASS);
  e->class_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  e->number = ++state->instances;
  lua_rawgeti(L, LUA_REGISTRYINDEX, state->instances_ref);
  lua_pushvalue(L, INSTANCE);
  lua_rawseti(L, -2, e->number);
  lua_pop(L, 1);
  return 1;
}

void hfL_attach_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {{"attach", lhf_attach}, {NULL, NULL}};
  hfL_register(L, cx, functions);
}
