/* SPDX-License-Identifier: MIT
 *
 * Whether the Lua functions that this code is bound to are LuaJIT's.
 *
 * A process has one `lua_pcall` for everybody: the first in the order of loading, be it the program's own, a
 * preloaded library's or liblua5.4's.  Called with one of our states, another Lua's crashes.  To hide ours would not
 * help: C modules such as luv, and programs that use a runtime's state, bind to the same names.  So the runtime, and
 * the module where it is loaded, look first and refuse.
 *
 * Only LuaJIT has luaJIT_setmode: all functions must be from where that one is.  Their names are those that src/lua
 * uses (the build asks the object files), and in the module each but luaL_error is a weak reference: so that it can be
 * loaded into any Lua, to say that it is the wrong one.
 */
#include "lua/which_lua.h"

#include <dlfcn.h>
#include <lauxlib.h>
#include <link.h>
#include <lua.h>
#include <luajit.h>
#include <stdio.h>

#include "base/error.h"
#include "lua_functions.h"

#define WEAK(name) extern __typeof__(name) name __attribute__((weak));
HFL_LUA_FUNCTIONS(WEAK)
#undef WEAK
extern __typeof__(luaJIT_setmode) luaJIT_setmode __attribute__((weak));

#define ROW(name) HFL_LUA_FUNCTION(name),
static const hfL_lua_function used[] = {HFL_LUA_FUNCTIONS(ROW)};
#undef ROW

/* Where an address is, or false where nobody can say: in a program without shared libraries, which has only the Lua
 * that it was linked with; and for the entry in a program's own table by which all call a function whose address it
 * takes, after which may be any. */
static bool find_object(const void *address, Dl_info *out) {
#ifdef __GLIBC__
  const ElfW(Sym) *symbol = NULL;
  if (!dladdr1(address, out, (void **)&symbol, RTLD_DL_SYMENT)) return false;
  return !symbol || symbol->st_shndx != SHN_UNDEF;
#else
  return dladdr(address, out) != 0;
#endif
}

static hf_status fail_foreign(const hfL_lua_function *f, const Dl_info *at, const Dl_info *luajit, hf_error *err) {
  return hf__fail(err, HF_UNSUPPORTED,
                  "this process has another Lua than LuaJIT: %s comes from %s, and LuaJIT is %s.  Calling it would "
                  "crash.  Link the program with -lluajit-5.1, and with no other Lua (-llua5.x) before it or inside; "
                  "preload none",
                  f->name, at->dli_fname, luajit->dli_fname);
}

/* Both what this code is bound to, and what LuaJIT itself would still be bound to. */
static hf_status check_function(const hfL_lua_function *f, const Dl_info *luajit, hf_error *err) {
  Dl_info at;
  const void *addresses[] = {f->address, dlsym(RTLD_DEFAULT, f->name)};
  if (!f->address)
    return hf__fail(err, HF_UNSUPPORTED, "the LuaJIT of this process, %s, has no %s: link all of it, and export it",
                    luajit->dli_fname, f->name);
  for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
    if (addresses[i] && find_object(addresses[i], &at) && at.dli_fbase != luajit->dli_fbase)
      return fail_foreign(f, &at, luajit, err);
  return HF_OK;
}

hf_status hfL_check_lua_functions(const hfL_lua_function *functions, size_t count, hf_error *err) {
  Dl_info luajit;
  hf_status status = HF_OK;
  if (!luaJIT_setmode)
    return hf__fail(err, HF_UNSUPPORTED,
                    "Holdfast needs LuaJIT, and this is another Lua: run the script with luajit, or with the command "
                    "holdfast");
  if (!find_object((const void *)luaJIT_setmode, &luajit)) return HF_OK;
  for (size_t i = 0; i < count && status == HF_OK; i++) status = check_function(&functions[i], &luajit, err);
  return status;
}

hf_status hfL_check_lua(hf_error *err) { return hfL_check_lua_functions(used, sizeof used / sizeof *used, err); }
