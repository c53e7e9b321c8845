/* SPDX-License-Identifier: MIT
 *
 * Instances of script classes: see instance.h.
 */
#include "lua/script/instance.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "lua/state/error.h"

const hfL_hold hfL_held_by_script = {.keeps = false};
const hfL_hold hfL_held_by_program = {.keeps = true};

static void free_cursors(hfL_instance *e) {
  for (int i = 0; e->cursors && i < HFL_CURSORS; i++) hf_page_free(e->cursors[i].ids);
  free(e->cursors);
  e->cursors = NULL;
}

void hfL_instance_unref(hfL_instance *e) {
  if (--e->refs) return;
  free_cursors(e);
  hfL_state_release(e->state, e->class_ref);
  if (e->wrapped) hf__persist_unref(e->wrapped);
  hfL_state_unref(e->state);
  free(e->class_name);
  free(e->name);
  free(e);
}

hfL_instance *hfL_instance_new(hfL_state *state, const char *class_name, hf_slice name) {
  hfL_instance *e = calloc(1, sizeof *e);
  if (!e) return NULL;
  e->class_ref = e->instance_ref = LUA_NOREF;
  e->refs = e->handles = 1;
  e->class_name = strdup(class_name);
  e->name = strndup(name.data, name.size);
  e->state = state;
  hfL_state_ref(state);
  if (e->class_name && e->name) return e;
  hfL_instance_unref(e);
  return NULL;
}

void hfL_push_instance(lua_State *L, const hfL_instance *e) {
  if (e->instance_ref != LUA_NOREF) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->instance_ref);
  } else {
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->state->instances_ref);
    lua_rawgeti(L, -1, e->number);
    lua_remove(L, -2);
  }
  if (!lua_isnil(L, -1)) return;
  hf_error err;
  hf__fail(&err, HF_CLOSED, "the instance of %s was collected: make a new one", e->class_name);
  hfL_raise(L, &err);
}
