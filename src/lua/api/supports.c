/* SPDX-License-Identifier: MIT
 *
 * The table of what the store of a handle supports: the capabilities of its backend, and which of the
 * operations that the core would otherwise make of others it does itself.
 */
#include "lua/api/supports.h"

#include "core/persist.h"
#include "lua/script/instance.h"
#include "lua/script/slots.h"

void hfL_push_supports(lua_State *L, const hf_persist *p) {
  uint32_t capabilities = hf_persist_capabilities(p);
  const hfL_instance *script = hfL_attached_to(p);
  lua_createtable(L, 0, 16);
  lua_pushboolean(L, p->backend->get_many != NULL);
  lua_setfield(L, -2, "readMany");
  lua_pushboolean(L, p->backend->put_many != NULL);
  lua_setfield(L, -2, "writeMany");
  lua_pushboolean(L, p->backend->remove_many != NULL);
  lua_setfield(L, -2, "removeMany");
  lua_pushboolean(L, !script || script->wrapped || hfL_instance_has(script, HFL_COUNT));
  lua_setfield(L, -2, "count");
  lua_pushboolean(L, !script || script->ranges);
  lua_setfield(L, -2, "ranges");
#define PUSH_CAPABILITY(id, bit, name, promise)                                                                        \
  lua_pushboolean(L, (capabilities & HF_CAP_##id) != 0);                                                               \
  lua_setfield(L, -2, name);
  HF_CAPABILITY_MAP(PUSH_CAPABILITY)
#undef PUSH_CAPABILITY
}
