/* SPDX-License-Identifier: MIT
 *
 * What `holdfast follow` needs: notes that a store keeps of itself (noteRead, noteWrite, notesKept), and groups of
 * changes on their way into another store (changeGroup).
 */
#include <lauxlib.h>
#include <string.h>

#include "base/error.h"
#include "core/change_group.h"
#include "core/notes.h"
#include "core/persist.h"
#include "lua/api/api.h"
#include "lua/state/arguments.h"
#include "lua/state/buffers.h"
#include "lua/state/context.h"
#include "lua/state/error.h"
#include "lua/state/handle.h"
#include "lua/state/register.h"

#define GROUP_TYPE "holdfast.changeGroup"

/* ---- notes */

static const char *check_name(lua_State *L, const char *what) {
  if (lua_type(L, 2) != LUA_TSTRING) hfL_misuse(L, "%s: name the note, not a %s", what, luaL_typename(L, 2));
  return lua_tostring(L, 2);
}

/* notesKept(instance) -> boolean */
static int lhf_notes_kept(lua_State *L) {
  hf_error err;
  bool kept;
  if (hf__notes_are_kept(hfL_check_persist(L), &kept, &err)) hfL_raise(L, &err);
  lua_pushboolean(L, kept);
  return 1;
}

/* noteRead(instance, name) -> text or nil */
static int lhf_note_read(lua_State *L) {
  hf_error err;
  const char *name = check_name(L, "noteRead");
  lua_settop(L, 2);
  hfL_context *cx = hfL_context_of(L);
  hf_buffer *text = hfL_buffer_borrow(L, cx);
  int owner = lua_gettop(L);
  hf_status status = hf__note_get(hfL_check_persist(L), name, text, &err);
  if (status == HF_OK)
    lua_pushlstring(L, text->data, text->size);
  else
    lua_pushnil(L);
  hfL_buffer_return(L, cx, owner);
  if (status && status != HF_NOT_FOUND) hfL_raise(L, &err);
  return 1;
}

/* noteWrite(instance, name, text or nil) */
static int lhf_note_write(lua_State *L) {
  hf_error err;
  hf_slice text = {NULL, 0};
  const char *name = check_name(L, "noteWrite");
  if (!lua_isnoneornil(L, 3)) text.data = luaL_checklstring(L, 3, &text.size);
  if (hf__note_put(hfL_check_persist(L), name, text, &err)) hfL_raise(L, &err);
  return 0;
}

/* baseOf(instance) -> what it was opened with, passwords and all; nil: a class of a script that was given nothing */
static int lhf_base_of(lua_State *L) {
  lua_pushstring(L, hfL_check_persist(L)->base);
  return 1;
}

/* ---- groups of changes */

struct group_box {
  hf__change_group *group;
  hf_watch *watch; /* for what comes next; NULL: nobody waits */
};

static void end_watch(struct group_box *box) {
  hf_watch_close(box->watch);
  box->watch = NULL;
}

static int group_gc(lua_State *L) {
  struct group_box *box = lua_touserdata(L, 1);
  end_watch(box);
  hf__change_group_free(box->group);
  box->group = NULL;
  return 0;
}

static hf__change_group *check_group(lua_State *L, int index) {
  struct group_box *box = luaL_checkudata(L, index, GROUP_TYPE);
  if (!box->group) luaL_argerror(L, index, "it was finalized");
  return box->group;
}

/* changeGroup([names]) -> group: of these entity names alone */
static int lhf_group_new(lua_State *L) {
  hf_error err;
  lua_settop(L, 1);
  struct group_box *box = lua_newuserdata(L, sizeof *box);
  *box = (struct group_box){NULL, NULL};
  hfL_push_type(L, GROUP_TYPE, group_gc);
  lua_setmetatable(L, -2);
  box->group = hf__change_group_new();
  if (!box->group) return hfL_no_memory(L);
  for (int i = 1; lua_istable(L, 1); i++, lua_pop(L, 1)) {
    hf_slice name;
    lua_rawgeti(L, 1, i);
    if (lua_isnil(L, -1)) break;
    name.data = luaL_checklstring(L, -1, &name.size);
    if (hf__change_group_want(box->group, name, &err)) hfL_raise(L, &err);
  }
  lua_settop(L, 2);
  return 1;
}

static uint64_t check_whole(lua_State *L, int index) {
  uint64_t n;
  if (!hfL_to_whole(L, index, &n)) luaL_argerror(L, index, "a whole number from 0 on");
  return n;
}

/* changesRead(instance, group, from, skip, most, mostBytes) -> {count=, next=, skip=, revision=, newest=, at=, whole=,
 * exact=} */
static int lhf_changes_read(lua_State *L) {
  hf_error err;
  hf__group_read r;
  hf__change_group *g = check_group(L, 2);
  uint64_t from = check_whole(L, 3), skip = check_whole(L, 4), most = check_whole(L, 5), bytes = check_whole(L, 6);
  lua_settop(L, 6);
  lua_createtable(L, 0, 8);
  hf_persist *p = hfL_check_persist(L);
  hf_status status = hf_persist_init(p, &err);
  if (status == HF_OK && !hf__is_innermost(p))
    status = hf__fail(&err, HF_UNSUPPORTED,
                      "%s: a class around a store may keep other values than it gives: follow the "
                      "store itself",
                      p->url);
  if (status == HF_OK) status = hf__change_group_read(g, p->store, from, skip, most, bytes, &r, &err);
  if (status) hfL_raise(L, &err);
#define NUMBER(name, value) (lua_pushnumber(L, (lua_Number)(value)), lua_setfield(L, 7, name))
  NUMBER("count", r.count);
  NUMBER("next", r.next);
  NUMBER("skip", r.skip);
  NUMBER("revision", r.revision);
  NUMBER("newest", r.newest);
  NUMBER("at", r.at);
#undef NUMBER
  lua_pushboolean(L, r.is_whole);
  lua_setfield(L, 7, "whole");
  lua_pushboolean(L, r.is_exact);
  lua_setfield(L, 7, "exact");
  return 1;
}

static void push_revision(lua_State *L, uint64_t revision) {
  if (revision == UINT64_MAX)
    lua_pushnil(L);
  else
    lua_pushnumber(L, (lua_Number)revision);
}

/* changesReach(instance) -> from, historyFrom, newest: how far the log reaches back; nil: there is none */
static int lhf_changes_reach(lua_State *L) {
  hf_error err;
  hf_changes_reach reach;
  if (hf__changes_reach(hfL_check_persist(L), &reach, &err)) hfL_raise(L, &err);
  push_revision(L, reach.from);
  push_revision(L, reach.history_from);
  push_revision(L, reach.newest);
  return 3;
}

/* changesWait(instance, group, revision, ms) -> whether something was committed after that revision, for which it waits
 * so long */
static int lhf_changes_wait(lua_State *L) {
  hf_error err;
  hf_change change;
  check_group(L, 2);
  struct group_box *box = lua_touserdata(L, 2);
  hf_watch_options options = HF_WATCH_OPTIONS_INIT;
  options.from = check_whole(L, 3) + 1;
  options.without_values = true;
  uint64_t ms = check_whole(L, 4);
  hf_persist *p = hfL_check_persist(L);
  hf_status status = hf_persist_init(p, &err);
  if (status == HF_OK && !box->watch) status = hf_watch_open(p->store, &options, &box->watch, &err);
  if (status == HF_OK) status = hf_watch_next(box->watch, (int64_t)ms, &change, &err);
  if (status != HF_TIMEOUT) end_watch(box);
  if (status && status != HF_TIMEOUT) hfL_raise(L, &err);
  lua_pushboolean(L, status == HF_OK);
  return 1;
}

/* changesOf(group) -> the entity names of which it has something */
static int lhf_changes_of(lua_State *L) {
  const hf__change_group *g = check_group(L, 1);
  hf_slice name;
  lua_newtable(L);
  for (size_t i = 0; (name = hf__change_group_name(g, i)).data; i++) {
    lua_pushlstring(L, name.data, name.size);
    lua_rawseti(L, -2, (int)i + 1);
  }
  return 1;
}

/* changesApply(instance, group, place) -> written, removed, damaged, kept.  place: of the name among changesOf() */
static int lhf_changes_apply(lua_State *L) {
  hf_error err;
  hf__group_applied a = {0};
  hf__change_group *g = check_group(L, 2);
  uint64_t place = check_whole(L, 3);
  hf_persist *p = hfL_check_persist(L);
  if (!place || !hf__change_group_name(g, (size_t)place - 1).data) luaL_argerror(L, 3, "there is no such name");
  if (hf__change_group_apply(g, (size_t)place - 1, p, &a, &err)) hfL_raise(L, &err);
  lua_pushnumber(L, (lua_Number)a.written);
  lua_pushnumber(L, (lua_Number)a.removed);
  lua_pushnumber(L, (lua_Number)a.damaged);
  lua_pushnumber(L, (lua_Number)a.kept);
  return 4;
}

void hfL_follow_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {{"notesKept", lhf_notes_kept},
                                       {"baseOf", lhf_base_of},
                                       {"noteRead", lhf_note_read},
                                       {"noteWrite", lhf_note_write},
                                       {"changeGroup", lhf_group_new},
                                       {"changesRead", lhf_changes_read},
                                       {"changesReach", lhf_changes_reach},
                                       {"changesWait", lhf_changes_wait},
                                       {"changesOf", lhf_changes_of},
                                       {"changesApply", lhf_changes_apply},
                                       {NULL, NULL}};
  hfL_register(L, cx, functions);
}
