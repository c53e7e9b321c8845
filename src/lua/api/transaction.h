/* SPDX-License-Identifier: MIT
 *
 * Functions of scripts that run in a transaction.
 */
#ifndef HF_LUA_API_TRANSACTION_H
#define HF_LUA_API_TRANSACTION_H

#include <lua.h>

#include "core/persist.h"

/* Calls the function that lies below `arguments` values inside the transaction, and ends that.  Returns how many
 * results are on the stack. */
int hfL_run_in(lua_State *L, hf_txn *txn, int arguments);

/* Begins a snapshot of the moment that the options at `index` name: {at = moment}, nil: the present.  *looks_back says
 * whether they do. */
hf_txn *hfL_begin_snapshot(lua_State *L, int index, bool *looks_back);

#endif
