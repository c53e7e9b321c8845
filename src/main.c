/* SPDX-License-Identifier: MIT
 *
 * The command `holdfast`: a runtime that runs lua/holdfast/cli, which is embedded
 * in it.  Everything a person sees is decided there; this file only starts it.
 */
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>

#include "holdfast/holdfast.h"
#include "lua/lua_error.h"

/* Descriptors 0, 1 and 2 must be open, or the next file that is opened takes their place and gets the output.  Standard
 * output is opened so that writing fails and is noticed. */
static void open_standard_files(void) {
  static const int modes[] = {O_RDONLY, O_RDONLY, O_WRONLY};
  for (int fd = 0; fd < 3; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd) return;
}

/* Calls require("holdfast.cli").main(list of arguments) and keeps its result as the exit code. */
static int start(lua_State *L) {
  int argc = (int)lua_tointeger(L, 1);
  char **argv = lua_touserdata(L, 2);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "holdfast.cli");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "main");
  lua_createtable(L, argc, 0);
  for (int i = 1; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i);
  }
  lua_call(L, 1, 1);
  return 1;
}

int main(int argc, char **argv) {
  hf_runtime *runtime;
  hf_error err;
  open_standard_files();
  if (hf_runtime_open(&runtime, &err)) {
    fprintf(stderr, "holdfast: %s\n", err.message);
    return 70;
  }
  lua_State *L = hf_runtime_state(runtime);
  lua_pushcfunction(L, hfL_traceback);
  lua_pushcfunction(L, start);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  int code = 70;
  if (lua_pcall(L, 2, 1, 1)) {
    hfL_to_error(L, -1, &err);
    fprintf(stderr, "holdfast: %s\n%s\n", err.message, err.cause);
  } else {
    code = (int)lua_tointeger(L, -1);
  }
  hf_runtime_close(runtime);
  return code;
}
