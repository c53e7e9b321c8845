/* SPDX-License-Identifier: MIT
 *
 * The URL schemes that scripts under backends/ have; the build generates the table.
 */
#ifndef HF_LUA_SCRIPT_SCHEMES_H
#define HF_LUA_SCRIPT_SCHEMES_H

/* A URL scheme that a script under backends/ has. */
typedef struct hf__script_scheme {
  const char *scheme; /* "postgresql" */
  const char *module; /* that returns the class: "holdfast.backends.postgres" */
} hf__script_scheme;

/* All of them; the last one has scheme NULL. */
extern const hf__script_scheme hf__script_schemes[];

#endif
