/* SPDX-License-Identifier: MIT
 *
 * The Lua modules that are compiled in, so that one file runs anywhere.  The build generates the table from
 * lua/holdfast (without the stubs in meta/), from the scripts under backends/ and from argparse, which the command's
 * options need.
 */
#ifndef HF_LUA_EMBEDDED_H
#define HF_LUA_EMBEDDED_H

#include <stddef.h>

/* A module's source. */
struct hf__embedded_module {
  const char *name;   /* what `require` is given: "holdfast.cli" */
  const char *source; /* Lua text, with a 0 after it */
  size_t size;        /* bytes of text, without that 0 */
};

/* All of them; the last one has name NULL. */
extern const struct hf__embedded_module hf__embedded_modules[];

#endif
