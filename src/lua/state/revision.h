/* SPDX-License-Identifier: MIT
 *
 * Revisions, as scripts see them: whole numbers, and -1 for one that cannot be told (HF_REVISION_UNKNOWN).  That is not
 * nil, since { ifRevision = nil } is no condition.
 */
#ifndef HF_LUA_STATE_REVISION_H
#define HF_LUA_STATE_REVISION_H

#include "lua/state/arguments.h"

/* Pushes the revision, or nil where the store has none. */
static inline void hfL_push_revision(lua_State *L, const hf_info *info) {
  if (!info->revision)
    lua_pushnil(L);
  else
    lua_pushnumber(L, info->revision == HF_REVISION_UNKNOWN ? -1 : (lua_Number)info->revision);
}

/* Whether the value at `index` is a revision; `out` receives it then. */
static inline bool hfL_to_revision(lua_State *L, int index, uint64_t *out) {
  if (lua_type(L, index) != LUA_TNUMBER || lua_tonumber(L, index) != -1) return hfL_to_whole(L, index, out);
  *out = HF_REVISION_UNKNOWN;
  return true;
}

#endif
