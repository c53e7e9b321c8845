/* SPDX-License-Identifier: MIT
 *
 * When an entity expires, as scripts say it.
 */
#ifndef HF_LUA_API_EXPIRY_H
#define HF_LUA_API_EXPIRY_H

#include "core/persist.h"
#include "lua/state/context.h"

/* The options of a write that say when its value expires. */
typedef struct hfL_expiry {
  int64_t ttl, expires_at; /* as in hf_write_options */
} hfL_expiry;

/* Takes the option at the stack index, if it is one of them: ttl="1h" or expiresAt=ms.  False: it is another one.
 * Raises what is wrong with its value; `method` goes before that. */
bool hfL_take_expiry(lua_State *L, const char *method, const char *name, int index, hfL_expiry *out);

/* Checks a time in ms since 1970, as readEntry gives it. */
int64_t hfL_check_expires_at(lua_State *L, const char *method, int index);

#endif
