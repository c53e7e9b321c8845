/* SPDX-License-Identifier: MIT
 *
 * What the module opens: the functions that scripts call, a file each.
 */
#ifndef HF_LUA_API_API_H
#define HF_LUA_API_API_H

#include <lua.h>

#include "lua/state/context.h"

/* Each registers its functions into the table on top of the stack; the context is on the stack at index `cx`. */
void hfL_persist_open(lua_State *L, int cx);
void hfL_iterator_open(lua_State *L, int cx);
void hfL_batch_open(lua_State *L, int cx);
void hfL_index_open(lua_State *L, int cx);
void hfL_store_open(lua_State *L, int cx);
void hfL_watch_open(lua_State *L, int cx);
void hfL_damage_open(lua_State *L, int cx);
void hfL_backup_open(lua_State *L, int cx);
void hfL_index_check_open(lua_State *L, int cx);
void hfL_lock_open(lua_State *L, int cx);
void hfL_follow_open(lua_State *L, int cx);
void hfL_checksum_open(lua_State *L, int cx);
void hfL_transaction_open(lua_State *L, int cx);
void hfL_transactions_open(lua_State *L, int cx);
void hfL_history_open(lua_State *L, int cx);
void hfL_values_open(lua_State *L, int cx);
void hfL_lists_open(lua_State *L, int cx);

/* Registers its function into the table on top of the stack. */
void hfL_content_hash_open(lua_State *L);

/* Pushes the table holdfast.core.condition; the context is on the stack at index `cx`. */
void hfL_condition_open(lua_State *L, int cx);

/* Pushes the table holdfast.core.candles; the context is on the stack at index `cx`. */
void hfL_candles_open(lua_State *L, int cx);

/* Pushes the table holdfast.core.adapters. */
void hfL_adapters_open(lua_State *L, int cx);

/* The adapters of the state's scripts; made when first asked for.  Raises for lack of memory. */
hf_adapters *hfL_adapters_of(lua_State *L, hfL_context *cx);

#endif
