/* SPDX-License-Identifier: MIT
 *
 * The table of backends that a process has, by URL scheme.
 */
#ifndef HF_CORE_BACKENDS_H
#define HF_CORE_BACKENDS_H

#include "holdfast/backend.h"

/* The backend of a URL scheme, or NULL; and all names, separated by ", ". */
const hf_backend *hf__backend_find(const char *name);
void hf__backend_names(char *out, size_t capacity);

/* The tables in turn, from 0, without what comes with each; NULL: no more. */
const hf_backend *hf__backend_at(size_t index);

/* A URL scheme that Holdfast knows and this build leaves out (HOLDFAST_BACKENDS in CMakeLists.txt). */
typedef struct hf__absent_scheme {
  const char *scheme;  /* "rediss" */
  const char *backend; /* the folder under backends/: "redis" */
} hf__absent_scheme;

/* All of them; the last one has scheme NULL. */
extern const hf__absent_scheme hf__absent_schemes[];

/* The backend of such a scheme, or NULL. */
const char *hf__backend_absent(const char *scheme);

#endif
