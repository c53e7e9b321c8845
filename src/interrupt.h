/* SPDX-License-Identifier: MIT
 *
 * The module holdfast.cli.interrupt: signals, as the command's Lua can know of them.
 */
#ifndef HF_INTERRUPT_H
#define HF_INTERRUPT_H

#include <lua.h>

/* A lua_CFunction that pushes the module, a table of functions; each says what it does in interrupt.c. */
int hf__interrupt_open(lua_State *L);

#endif
