/* SPDX-License-Identifier: MIT
 *
 * Conditions for the Lua side: holdfast.core.condition, which makes one of an expression
 * table, sets its parameters, and tests it on a JSON text.  What the tables are is
 * in lua/holdfast/condition/README.md; a table that occurs in several places becomes one node.
 */
#include "lua/api/condition.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "lua/api/api.h"
#include "lua/codec/mark.h"
#include "lua/state/error.h"
#include "lua/state/register.h"

#define CONDITION_TYPE "holdfast.condition"

enum { DEPTH_MAX = 2048 }; /* of tables in tables */

typedef struct condition_box {
  hf_condition *condition;
} condition_box;

static int free_condition(lua_State *L) {
  condition_box *box = lua_touserdata(L, 1);
  hf_condition *condition = box->condition;
  box->condition = NULL;
  hf__condition_free(condition);
  return 0;
}

/* The userdata at `index`; NULL if it is no condition. */
static const condition_box *to_box(lua_State *L, int index) {
  const condition_box *box = lua_touserdata(L, index);
  if (!box || !lua_getmetatable(L, index)) return NULL;
  luaL_getmetatable(L, CONDITION_TYPE);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same ? box : NULL;
}

hf_condition *hfL_to_condition(lua_State *L, int index) {
  const condition_box *box = to_box(L, index);
  return box ? box->condition : NULL;
}

static bool is_finalized(lua_State *L, int index) {
  const condition_box *box = to_box(L, index);
  return box && !box->condition;
}

static hf_condition *check_condition(lua_State *L, int index, const char *function) {
  hf_condition *condition = hfL_to_condition(L, index);
  if (!condition) hfL_misuse(L, "%s takes a condition, not a %s", function, luaL_typename(L, index));
  return condition;
}

/* ---- values */

/* The value at `index`; what a condition knows nothing of is HF_CONSTANT_UNKNOWN.  A text stays where it is. */
static hf_constant to_constant(lua_State *L, int index) {
  hf_constant constant = {.kind = HF_CONSTANT_UNKNOWN};
  switch (lua_type(L, index)) {
  case LUA_TNIL:
  case LUA_TNONE: constant.kind = HF_CONSTANT_NIL; break;
  case LUA_TBOOLEAN: constant.kind = lua_toboolean(L, index) ? HF_CONSTANT_TRUE : HF_CONSTANT_FALSE; break;
  case LUA_TNUMBER:
    constant.kind = HF_CONSTANT_NUMBER;
    constant.number = lua_tonumber(L, index);
    break;
  case LUA_TSTRING:
    constant.kind = HF_CONSTANT_TEXT;
    constant.text.data = lua_tolstring(L, index, &constant.text.size);
    break;
  case LUA_TLIGHTUSERDATA:
    if (!lua_touserdata(L, index)) constant.kind = HF_CONSTANT_NULL;
    break;
  default: break;
  }
  return constant;
}

/* ---- building */

typedef struct builder {
  lua_State *L;
  hf_condition *condition;
  int nodes; /* where the table of the nodes that were made is on the stack: expression table -> number */
  int depth;
} builder;

/* The number of a node that was made; raises where there was no room for it. */
static int made(builder *b, int node) {
  if (node < 0) hfL_misuse(b->L, "the condition has more than %d nodes", HF_CONDITION_NODES_MAX);
  return node;
}

static int build(builder *b, int table);

static int build_constant(builder *b, int table) {
  lua_rawgeti(b->L, table, 2);
  hf_constant constant = to_constant(b->L, -1);
  if (constant.kind == HF_CONSTANT_UNKNOWN)
    hfL_misuse(b->L, "a condition cannot have a %s for a constant", luaL_typename(b->L, -1));
  int node = made(b, hf__condition_constant(b->condition, &constant));
  lua_pop(b->L, 1);
  return node;
}

static int build_parameter(builder *b, int table) {
  lua_rawgeti(b->L, table, 2);
  lua_Number n = lua_tonumber(b->L, -1);
  if (!(n >= 1 && n <= HF_CONDITION_PARAMETERS_MAX && floor(n) == n))
    hfL_misuse(b->L, "a parameter of a condition has a number from 1 to %d", HF_CONDITION_PARAMETERS_MAX);
  lua_pop(b->L, 1);
  return made(b, hf__condition_parameter(b->condition, (unsigned)n - 1));
}

/* The step on top of the stack. */
static hf_step to_step(builder *b) {
  hf_step step = {{NULL, 0}, 0};
  if (lua_type(b->L, -1) == LUA_TSTRING) {
    step.field.data = lua_tolstring(b->L, -1, &step.field.size);
    return step;
  }
  lua_Number n = lua_type(b->L, -1) == LUA_TNUMBER ? lua_tonumber(b->L, -1) : 0;
  if (!(n >= 1 && n <= UINT32_MAX && floor(n) == n))
    hfL_misuse(b->L, "a step of a path is the name of a field or a place from 1 on, not a %s", luaL_typename(b->L, -1));
  step.place = (uint32_t)n;
  return step;
}

static int build_path(builder *b, int table) {
  hf_step steps[HF_CONDITION_STEPS_MAX];
  lua_rawgeti(b->L, table, 2);
  const char *root = lua_type(b->L, -1) == LUA_TSTRING ? lua_tostring(b->L, -1) : "";
  bool is_id = strcmp(root, "id") == 0;
  if (!is_id && strcmp(root, "v") != 0) hfL_misuse(b->L, "a path of a condition begins with \"v\" or \"id\"");
  size_t count = lua_objlen(b->L, table) - 2;
  if (count > HF_CONDITION_STEPS_MAX)
    hfL_misuse(b->L, "a path of a condition has at most %d steps", HF_CONDITION_STEPS_MAX);
  for (size_t i = 0; i < count; i++) { /* the texts stay: their table has them */
    lua_rawgeti(b->L, table, (int)i + 3);
    steps[i] = to_step(b);
    lua_pop(b->L, 1);
  }
  lua_pop(b->L, 1);
  return made(b, hf__condition_path(b->condition, is_id ? HF_ROOT_ID : HF_ROOT_ENTITY, steps, count));
}

static const struct operator_row {
  const char *name;
  hf_operator operator;
  int operands;
} operators[] = {
#define OPERATOR_ROW(id, name, operands) {name, HF_OPERATOR_##id, operands},
    HF_OPERATOR_MAP(OPERATOR_ROW)
#undef OPERATOR_ROW
};

static const struct operator_row *find_operator(const char *name) {
  for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
    if (strcmp(operators[i].name, name) == 0) return &operators[i];
  return NULL;
}

static int build_operator(builder *b, int table, const char *name) {
  int operands[3] = {0, 0, 0};
  const struct operator_row *row = find_operator(name);
  if (!row) hfL_misuse(b->L, "a condition has no operator '%s'", name);
  for (int i = 0; i < row->operands; i++) {
    lua_rawgeti(b->L, table, i + 2);
    operands[i] = build(b, lua_gettop(b->L));
    lua_pop(b->L, 1);
  }
  return made(b, hf__condition_operator(b->condition, row->operator, operands));
}

/* The node of an expression table that was not met before. */
static int build_new(builder *b, int table) {
  lua_rawgeti(b->L, table, 1);
  const char *name = lua_type(b->L, -1) == LUA_TSTRING ? lua_tostring(b->L, -1) : "";
  lua_pop(b->L, 1); /* its table has it */
  if (strcmp(name, "const") == 0) return build_constant(b, table);
  if (strcmp(name, "param") == 0) return build_parameter(b, table);
  if (strcmp(name, "path") == 0) return build_path(b, table);
  if (strcmp(name, "unknown") == 0) return made(b, hf__condition_unknown(b->condition));
  return build_operator(b, table, name);
}

/* The node of the expression table at `table`. */
static int build(builder *b, int table) {
  lua_State *L = b->L;
  if (!lua_istable(L, table)) hfL_misuse(L, "a node of a condition is a table, not a %s", luaL_typename(L, table));
  if (++b->depth > DEPTH_MAX || !lua_checkstack(L, 8))
    hfL_misuse(L, "a condition has at most %d operators in each other", DEPTH_MAX);
  lua_pushvalue(L, table);
  lua_rawget(L, b->nodes);
  int node = lua_isnil(L, -1) ? -1 : (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  if (node < 0) {
    node = build_new(b, table);
    lua_pushvalue(L, table);
    lua_pushinteger(L, node);
    lua_rawset(L, b->nodes);
  }
  b->depth--;
  return node;
}

/* ---- what Lua calls */

/* new(expression) -> condition */
static int lhf_condition_new(lua_State *L) {
  if (!lua_istable(L, 1)) hfL_misuse(L, "condition.new takes an expression table, not a %s", luaL_typename(L, 1));
  lua_settop(L, 1);
  condition_box *box = lua_newuserdata(L, sizeof *box);
  box->condition = NULL;
  hfL_push_type(L, CONDITION_TYPE, free_condition);
  lua_setmetatable(L, 2);
  lua_newtable(L);
  box->condition = hf__condition_new();
  if (!box->condition) hfL_no_memory(L);
  builder b = {.L = L, .condition = box->condition, .nodes = 3, .depth = 0};
  if (!hf__condition_finish(box->condition, build(&b, 1))) hfL_no_memory(L);
  lua_settop(L, 2);
  return 1;
}

/* set(condition, number, value) -> boolean: false where it was finalized, and a finalizer goes on with its loop */
static int lhf_condition_set(lua_State *L) {
  if (is_finalized(L, 1)) {
    lua_pushboolean(L, 0);
    return 1;
  }
  hf_condition *condition = check_condition(L, 1, "condition.set");
  lua_Integer number = luaL_checkinteger(L, 2);
  if (number < 1 || number > HF_CONDITION_PARAMETERS_MAX)
    hfL_misuse(L, "condition.set: the parameters have numbers from 1 to %d", HF_CONDITION_PARAMETERS_MAX);
  hf_constant value = to_constant(L, 3);
  if (!hf__condition_set(condition, (unsigned)number - 1, &value)) hfL_no_memory(L);
  lua_pushboolean(L, 1);
  return 1;
}

/* test(condition, id, json) -> "no"|"yes"|"ask"|"raises" [, reason] */
static int lhf_condition_test(lua_State *L) {
  static const char *const names[] = {"no", "yes", "ask", "raises"};
  hf_error err;
  hf_slice id, json;
  hf_condition *condition = check_condition(L, 1, "condition.test");
  id.data = luaL_checklstring(L, 2, &id.size);
  json.data = luaL_checklstring(L, 3, &json.size);
  if (hf_json_validate(json, &err)) hfL_raise(L, &err);
  hf_answer answer = hf__condition_test(condition, id, json);
  lua_pushstring(L, names[answer]);
  if (answer != HF_ANSWER_ASK && answer != HF_ANSWER_RAISES) return 1;
  lua_pushstring(L, hf__condition_reason(condition));
  return 2;
}

/* isUseless(condition) -> boolean: whether no entity can be a "no" */
static int lhf_condition_is_useless(lua_State *L) {
  lua_pushboolean(L, hf__condition_is_useless(check_condition(L, 1, "condition.isUseless")));
  return 1;
}

/* ---- what predicates take for granted */

/* The only entry of the table on top of the stack is pushed, key and value.  False: it has none or more, and nothing
 * is. */
static bool push_only_entry(lua_State *L) {
  int table = lua_gettop(L);
  lua_pushnil(L);
  if (!lua_next(L, table)) return false;
  lua_pushvalue(L, -2);
  if (!lua_next(L, table)) return true;
  lua_settop(L, table);
  return false;
}

/* Whether the metatable on top of the stack has a field that changes what comparing means. */
static bool compares(lua_State *L) {
  static const char *const fields[] = {"__lt", "__le", "__eq"};
  bool found = false;
  for (size_t i = 0; i < sizeof fields / sizeof *fields && !found; i++) {
    lua_pushstring(L, fields[i]);
    lua_rawget(L, -2);
    found = !lua_isnil(L, -1);
    lua_pop(L, 1);
  }
  return found;
}

/* Pushes what the metatable on top of the stack has for __index.  False, nothing pushed: it changes what comparing
 * means. */
static bool push_index(lua_State *L) {
  if (push_only_entry(L)) { /* as LuaJIT makes it: all but always */
    if (lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), "__index") == 0) return true;
    lua_pop(L, 2);
  }
  if (compares(L)) return false;
  lua_pushliteral(L, "__index");
  lua_rawget(L, -2);
  return true;
}

/* Whether the mark of arrays has been given more than its name. */
static bool mark_is_changed(lua_State *L) {
  hfL_json_push_array_mark(L);
  return !push_only_entry(L);
}

/* Whether plain values have a metatable: nil, booleans, numbers, JSON's null. */
static bool plain_values_have_metatables(lua_State *L) {
  lua_settop(L, 0);
  lua_pushnil(L);
  lua_pushboolean(L, 1);
  lua_pushnumber(L, 0);
  lua_pushlightuserdata(L, NULL);
  for (int i = 1; i <= 4; i++)
    if (lua_getmetatable(L, i)) return true;
  return false;
}

/* Whether a hook sees what a predicate does.  One that comes every so many instructions, as a watchdog's, does not. */
static bool is_watched(lua_State *L) { return (lua_gethookmask(L) & (LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE)) != 0; }

/* plainStrings() -> the table that the methods of strings come from; nil where values of JSON have been given
 * metatables, or a hook sees every call, so that a predicate may mean something else here */
static int lhf_condition_plain_strings(lua_State *L) {
  if (is_watched(L) || plain_values_have_metatables(L) || mark_is_changed(L)) return 0;
  lua_pushliteral(L, "");
  if (!lua_getmetatable(L, -1) || !push_index(L)) return 0;
  return lua_istable(L, -1) ? 1 : 0;
}

void hfL_condition_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {{"new", lhf_condition_new},
                                       {"set", lhf_condition_set},
                                       {"test", lhf_condition_test},
                                       {"isUseless", lhf_condition_is_useless},
                                       {"plainStrings", lhf_condition_plain_strings},
                                       {NULL, NULL}};
  lua_createtable(L, 0, 8);
  hfL_register(L, cx, functions);
}
