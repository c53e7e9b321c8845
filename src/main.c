/* SPDX-License-Identifier: MIT
 *
 * The command `holdfast`: a runtime that runs lua/holdfast/cli, which is embedded
 * in it.  Everything a person sees is decided there; this file starts it.
 */
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "holdfast/holdfast.h"
#include "interrupt.h"
#include "lua/state/protect.h"

/* Room for the C stack of what calls itself by way of C until Lua says "stack overflow". */
enum { STACK_BYTES = 64 << 20 };

/* Of this thread, which runs Lua; Linux lets it grow up to the limit as it is then. */
static void widen_stack(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit) || limit.rlim_cur >= STACK_BYTES) return; /* infinity is the largest number */
  limit.rlim_cur = limit.rlim_max < STACK_BYTES ? limit.rlim_max : STACK_BYTES;
  setrlimit(RLIMIT_STACK, &limit);
}

/* Descriptors 0, 1 and 2 must be open, or the next file that is opened takes their place and gets the output.  Standard
 * output is opened so that writing fails and is noticed. */
static void open_standard_files(void) {
  static const int modes[] = {O_RDONLY, O_RDONLY, O_WRONLY};
  for (int fd = 0; fd < 3; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd) return;
}

/* ---- running */

struct command {
  int argc;
  char **argv;
  int code; /* to exit with */
};

/* Calls require("holdfast.cli").main(list of arguments) and keeps its result as the exit code. */
static int start(lua_State *L) {
  struct command *c = lua_touserdata(L, 1);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, hf__interrupt_open);
  lua_setfield(L, -2, "holdfast.cli.interrupt");
  lua_getglobal(L, "require");
  lua_pushliteral(L, "holdfast.cli");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "main");
  lua_createtable(L, c->argc, 0);
  for (int i = 1; i < c->argc; i++) {
    lua_pushstring(L, c->argv[i]);
    lua_rawseti(L, -2, i);
  }
  lua_call(L, 1, 1);
  c->code = (int)lua_tointeger(L, -1);
  return 0;
}

static bool wants_json(const struct command *c) {
  for (int i = 1; i < c->argc && strcmp(c->argv[i], "--") != 0; i++)
    if (strcmp(c->argv[i], "--json") == 0) return true;
  return false;
}

static void complain_quoted(const char *text) {
  fputc('"', stderr);
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') fputc('\\', stderr);
    if ((unsigned char)*text < ' ')
      fprintf(stderr, "\\u%04x", (unsigned)*text);
    else
      fputc(*text, stderr);
  }
  fputc('"', stderr);
}

/* What lua/holdfast/cli could not say itself, as when there is no memory to say it; the exit code. */
static int fail(const struct command *c, const hf_error *err) {
  if (wants_json(c)) {
    fprintf(stderr, "{\"error\":{\"code\":\"%s\",\"message\":", hf_status_name(err->status));
    complain_quoted(err->message);
    fprintf(stderr, ",\"retryable\":%s}}\n", err->retryable ? "true" : "false");
  } else {
    fprintf(stderr, "holdfast: %s\n", err->message);
  }
  return err->status == HF_IO || err->status == HF_NO_MEMORY ? 3 : 70;
}

static void show_warning(const char *message, void *arg) {
  (void)arg;
  fprintf(stderr, "holdfast: warning: %s\n", message);
}

int main(int argc, char **argv) {
  hf_runtime *runtime;
  hf_error err;
  signal(SIGXFSZ, SIG_IGN); /* a write beyond `ulimit -f` is an error that can be said, not the end */
  open_standard_files();
  widen_stack();
  hf_set_warning_handler(show_warning, NULL);
  struct command command = {argc, argv, 70};
  if (hf_runtime_open(&runtime, &err)) return fail(&command, &err);
  if (hfL_protect(hf_runtime_state(runtime), start, &command, &err)) command.code = fail(&command, &err);
  hf_runtime_close(runtime);
  return command.code;
}
