/* SPDX-License-Identifier: MIT
 *
 * Checksums for scripts: holdfast.core.checksum(), CRC-64/XZ over text in any number of pieces.  By isa-l, which is
 * faster than a disk: what tells a whole export from a cut one.  No protection against somebody who means to deceive.
 */
#include <isa-l/crc64.h>
#include <lauxlib.h>
#include <stdio.h>

#include "lua/api/api.h"
#include "lua/state/register.h"

#define CHECKSUM_TYPE "holdfast.checksum"

/* checksum:add(text) */
static int lhf_checksum_add(lua_State *L) {
  uint64_t *sum = luaL_checkudata(L, 1, CHECKSUM_TYPE);
  size_t size;
  const char *text = luaL_checklstring(L, 2, &size);
  *sum = crc64_ecma_refl(*sum, (const unsigned char *)text, size);
  return 0;
}

/* checksum:text() -> 16 hexadecimal digits */
static int lhf_checksum_text(lua_State *L) {
  const uint64_t *sum = luaL_checkudata(L, 1, CHECKSUM_TYPE);
  char text[17];
  snprintf(text, sizeof text, "%016llx", (unsigned long long)*sum);
  lua_pushstring(L, text);
  return 1;
}

/* checksum() -> a checksum of nothing yet */
static int lhf_checksum(lua_State *L) {
  uint64_t *sum = lua_newuserdata(L, sizeof *sum);
  *sum = 0;
  luaL_getmetatable(L, CHECKSUM_TYPE);
  lua_setmetatable(L, -2);
  return 1;
}

void hfL_checksum_open(lua_State *L, int cx) {
  static const luaL_Reg methods[] = {{"add", lhf_checksum_add}, {"text", lhf_checksum_text}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"checksum", lhf_checksum}, {NULL, NULL}};
  luaL_newmetatable(L, CHECKSUM_TYPE);
  lua_newtable(L);
  hfL_register(L, cx, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  hfL_register(L, cx, functions);
}
