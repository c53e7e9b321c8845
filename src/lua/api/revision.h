/* SPDX-License-Identifier: MIT
 *
 * Revisions, as scripts see them.
 */
#ifndef HF_LUA_API_REVISION_H
#define HF_LUA_API_REVISION_H

#include <lua.h>

#include "holdfast/holdfast.h"

/* Pushes the revision, or nil where there is none to give: the store has none, or it is of a commit that parts of
 * holdfast.transactions() share. */
static inline void hfL_push_revision(lua_State *L, const hf_info *info) {
  if (info->revision && info->revision != HF_REVISION_UNKNOWN)
    lua_pushnumber(L, (lua_Number)info->revision);
  else
    lua_pushnil(L);
}

#endif
