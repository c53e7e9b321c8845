/* SPDX-License-Identifier: MIT
 *
 * A program in which the build's tests put another Lua beside Holdfast's (foreign_lua_test.sh): opens a runtime, runs
 * a line and says what came of it.  Exit status 0: it ran; 3: it was refused, with the sentence on standard output.
 *   -DTAKE_ADDRESS  also takes the address of Lua functions, as programs do that pass them on
 *   -DLOADS         loads the library that is named in an argument, in place of a linked one; then, where "later" and
 *                   another name follow, that one; with "deepbind" the library prefers what it brings itself
 */
#include <dlfcn.h>
#include <holdfast/holdfast.h>
#include <stdio.h>

#ifdef TAKE_ADDRESS
#include <lauxlib.h>
#include <lualib.h>
static void *volatile address;
static void take_addresses(void) {
  address = (void *)lua_gettop;
  address = (void *)luaL_newstate;
}
#else
static void take_addresses(void) {}
#endif

#ifdef LOADS
#define FIND(name) ((__typeof__(&name))dlsym(library, #name))
#else
#define FIND(name) name
#endif

int main(int argc, char **argv) {
  hf_error err;
  hf_runtime *runtime;
  take_addresses();
#ifdef LOADS
  void *library = argc > 1 ? dlopen(argv[1], RTLD_LAZY | RTLD_LOCAL | (argc == 3 ? RTLD_DEEPBIND : 0)) : NULL;
  if (!library || (argc > 3 && !dlopen(argv[3], RTLD_NOW | RTLD_GLOBAL))) return puts(dlerror()), 4;
#else
  (void)argc, (void)argv;
#endif
  if (FIND(hf_runtime_open)(&runtime, &err)) {
    printf("%s: %s\n", FIND(hf_status_name)(err.status), err.message);
    return 3;
  }
  if (FIND(hf_runtime_run_text)(runtime, hf_text("assert(jit and require('holdfast').version)"), "test", &err))
    return puts(err.message), 5;
  FIND(hf_runtime_close)(runtime);
  return 0;
}
