/* SPDX-License-Identifier: MIT
 *
 * Preloaded after the sanitizers into the stock luajit that runs the Lua tests.
 *
 * The programs that a test starts would inherit LD_PRELOAD; some of them leak by design, some (ps) hang under ASan.
 * So the variable goes as soon as it has done its work.
 *
 * A Lua state that closes unloads holdfast.so.  That is good for finding leaks, since what only the module's own
 * variables point to counts as lost, and bad for reading the report, which then has no names.  So with
 * HOLDFAST_KEEP_LOADED=1 nothing is unloaded: run a test that leaks once more with it to see where.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

__attribute__((constructor)) static void unpreload(void) {
  unsetenv("LD_PRELOAD");
}

int dlclose(void *handle) {
  int (*next)(void *) = (int (*)(void *))dlsym(RTLD_NEXT, "dlclose");
  return getenv("HOLDFAST_KEEP_LOADED") || !next ? 0 : next(handle);
}
