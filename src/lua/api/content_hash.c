/* SPDX-License-Identifier: MIT
 *
 * Hashes of values: holdfast.core.contentHash(), FNV-1a over one text for each value, in whatever order its fields were
 * set.  The names of the fields are sorted, numbers have all their digits, and texts come after their lengths, so that
 * nothing in one can look like the end of it.  Hosts tell events by it, also those that an earlier version has
 * delivered: it stays as it is.  No protection against somebody who means to deceive.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/api/api.h"
#include "lua/state/error.h"

#define BASIS 0xcbf29ce484222325U
#define PRIME 0x100000001b3U

enum { FIELDS_MAX = 1000, FIELDS_FEW = 16 };

/* A key of a table.  With its type before it, it is its name. */
struct field {
  int at; /* where it is on the stack, which keeps its text alive */
  const char *type, *text;
  size_t size;
  char number[32]; /* the text of a number; `text` is NULL then, since sorting moves it */
};

static const char *text_of(const struct field *f) { return f->text ? f->text : f->number; }

static uint64_t add(uint64_t h, const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) h = (h ^ (unsigned char)text[i]) * PRIME;
  return h;
}

static uint64_t add_plain(uint64_t h, const char *text) { return add(h, text, strlen(text)); }

/* Digits, and what is to follow them. */
static uint64_t add_digits(uint64_t h, uint64_t number, char after) {
  char digits[24];
  char *p = digits + sizeof digits;
  *--p = after;
  do *--p = (char)('0' + number % 10);
  while (number /= 10);
  return add(h, p, (size_t)(digits + sizeof digits - p));
}

/* The length of a text that is to follow. */
static uint64_t add_length(uint64_t h, size_t size) { return add_digits(h, size, ':'); }

/* As Lua's "%.17g;" has it; most numbers are whole, and need no more than their digits. */
static uint64_t add_number(lua_State *L, uint64_t h, double value) {
  if (value >= 0 && value < 1e15 && value == (double)(uint64_t)value) return add_digits(h, (uint64_t)value, ';');
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushliteral(L, "%.17g;");
  lua_pushnumber(L, value);
  lua_call(L, 2, 1);
  h = add_plain(h, luaL_checkstring(L, -1));
  lua_pop(L, 1);
  return h;
}

static int compare_fields(const void *a, const void *b) {
  const struct field *x = a, *y = b;
  int order = strcmp(x->type, y->type);
  if (order) return order;
  order = memcmp(text_of(x), text_of(y), x->size < y->size ? x->size : y->size);
  if (order) return order;
  return (x->size > y->size) - (x->size < y->size);
}

/* The text of a number as Lua has it, which rounds what lies in the middle otherwise than C. */
static void take_number(lua_State *L, struct field *f) {
  lua_pushvalue(L, -1); /* since a key that is converted is another one */
  const char *text = lua_tolstring(L, -1, &f->size);
  if (f->size >= sizeof f->number) f->size = sizeof f->number - 1;
  memcpy(f->number, text, f->size);
  lua_pop(L, 1);
}

/* The key at the top of the stack. */
static void take_field(lua_State *L, struct field *f) {
  f->at = lua_gettop(L);
  f->type = luaL_typename(L, -1);
  f->text = NULL;
  switch (lua_type(L, -1)) {
  case LUA_TSTRING: f->text = lua_tolstring(L, -1, &f->size); break;
  case LUA_TNUMBER: take_number(L, f); break;
  default: hfL_misuse(L, "contentHash: keys must be strings and numbers, not a %s", f->type);
  }
}

/* Pushes the keys of the table at `index`, and its fields, in order, to `few` or, where they are more, memory that is
 * pushed before the keys. */
static const struct field *push_fields(lua_State *L, int index, struct field few[FIELDS_FEW], size_t *count) {
  size_t room = 0, n = 0;
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) room++;
  if (room > FIELDS_MAX) hfL_misuse(L, "contentHash: a table has more than %d fields", FIELDS_MAX);
  luaL_checkstack(L, (int)room + 8, "contentHash");
  struct field *fields = room <= FIELDS_FEW ? few : lua_newuserdata(L, room * sizeof *fields);
  lua_pushnil(L);
  while (n < room && lua_next(L, index)) { /* a finalizer may have run meanwhile, and changed the table */
    lua_pop(L, 1);
    take_field(L, &fields[n++]);
    lua_pushvalue(L, -1);
  }
  qsort(fields, n, sizeof *fields, compare_fields);
  *count = n;
  return fields;
}

static uint64_t add_value(lua_State *L, int index, uint64_t h, int depth);

static uint64_t add_table(lua_State *L, int index, uint64_t h, int depth) {
  size_t count;
  struct field few[FIELDS_FEW];
  int top = lua_gettop(L);
  if (depth >= HF_DEPTH_MAX) hfL_misuse(L, "contentHash: tables are nested more than %d deep", HF_DEPTH_MAX);
  const struct field *fields = push_fields(L, index, few, &count);
  h = add_plain(h, "{");
  for (size_t i = 0; i < count; i++) {
    const struct field *f = &fields[i];
    h = add_plain(add_length(h, strlen(f->type) + f->size), f->type);
    h = add(h, text_of(f), f->size);
    lua_pushvalue(L, f->at);
    lua_rawget(L, index);
    h = add_value(L, lua_gettop(L), h, depth + 1);
    lua_pop(L, 1);
  }
  lua_settop(L, top);
  return add_plain(h, "}");
}

static uint64_t add_value(lua_State *L, int index, uint64_t h, int depth) {
  size_t size;
  const char *text;
  switch (lua_type(L, index)) {
  case LUA_TTABLE: return add_table(L, index, h, depth);
  case LUA_TNUMBER: return add_number(L, h, lua_tonumber(L, index));
  case LUA_TBOOLEAN: return add_plain(h, lua_toboolean(L, index) ? "true" : "false");
  case LUA_TSTRING: text = lua_tolstring(L, index, &size); return add(add_length(h, size), text, size);
  default: return add_plain(h, luaL_typename(L, index));
  }
}

/* contentHash(value) -> 16 hexadecimal digits.  Upvalue: string.format */
static int lhf_content_hash(lua_State *L) {
  char digits[17];
  luaL_checkany(L, 1);
  snprintf(digits, sizeof digits, "%016llx", (unsigned long long)add_value(L, 1, BASIS, 0));
  lua_pushlstring(L, digits, 16);
  return 1;
}

void hfL_content_hash_open(lua_State *L) {
  lua_getglobal(L, LUA_STRLIBNAME);
  lua_getfield(L, -1, "format");
  lua_remove(L, -2);
  lua_pushcclosure(L, lhf_content_hash, 1);
  lua_setfield(L, -2, "contentHash");
}
