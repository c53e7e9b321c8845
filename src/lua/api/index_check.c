/* SPDX-License-Identifier: MIT
 *
 * Indexes compared with their entities, for scripts: core.checkIndexes(persist, repair).
 */
#include <lauxlib.h>

#include "base/error.h"
#include "base/json.h"
#include "lua/api/api.h"
#include "lua/codec/json.h"
#include "lua/state/buffers.h"
#include "lua/state/context.h"
#include "lua/state/error.h"
#include "lua/state/handle.h"
#include "lua/state/register.h"

/* Problems as JSON: while they come in, the core holds what Lua could call. */
struct problems {
  hf_buffer *json;
  bool is_first;
  bool out_of_memory;
};

static void add_problem(const hf_index_problem *problem, void *arg) {
  struct problems *all = arg;
  hf_buffer *json = all->json;
  if (all->out_of_memory) return;
  bool ok = hf_buffer_printf(json, "%s{\"index\":", all->is_first ? "" : ",") &&
            hf__quote_damaged(json, hf_text(problem->index)) && hf_buffer_printf(json, ",\"entityId\":") &&
            hf__quote_damaged(json, problem->id) && hf_buffer_printf(json, ",\"problem\":") &&
            hf__quote_damaged(json, hf_text(problem->sentence)) && hf_buffer_add(json, "}", 1);
  all->is_first = false;
  all->out_of_memory = !ok;
}

/* checkIndexes(persist, repair) -> how many problems, a list of the first: { { index=, entityId=, problem= } } */
static int lhf_check_indexes(lua_State *L) {
  hf_error err;
  uint64_t count = 0;
  hfL_check_persist(L);
  bool repair = lua_toboolean(L, 2);
  hfL_context *cx = hfL_context_of(L);
  hf_buffer *json = hfL_buffer_borrow(L, cx);
  int owner = lua_gettop(L);
  hf_persist *p = hfL_check_persist(L); /* only now: borrowing may have run a finalizer that closed it */
  struct problems all = {json, true, false};
  json->size = 0;
  all.out_of_memory = !hf_buffer_add(json, "[", 1);
  hf_status status = hf_persist_index_check(p, repair, add_problem, &all, &count, &err);
  if (status == HF_OK && (all.out_of_memory || !hf_buffer_add(json, "]", 1))) status = hf__no_memory(&err);
  lua_pushnumber(L, (lua_Number)count);
  if (status == HF_OK) status = hfL_json_decode(L, json->data, json->size, cx->codec, &err);
  hfL_buffer_return(L, cx, owner);
  if (status) hfL_raise(L, &err);
  return 2;
}

void hfL_index_check_open(lua_State *L, int cx) {
  static const luaL_Reg functions[] = {{"checkIndexes", lhf_check_indexes}, {NULL, NULL}};
  hfL_register(L, cx, functions);
}
