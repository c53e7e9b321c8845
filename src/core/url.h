/* SPDX-License-Identifier: MIT
 *
 * Store URLs: "SCHEME:REST?name=value&...", or a bare path, which means LMDB.
 */
#ifndef HF_CORE_URL_H
#define HF_CORE_URL_H

#include "holdfast/backend.h"

/* A parsed URL and the memory of its hf_location. */
typedef struct hf__url {
  hf_location at;
  hf_options options;
  char *memory;
  char *absolute; /* at.path, where it was resolved */
} hf__url;

/* Makes the path of the location absolute, where the backend's locations are paths.
 *   directory  an absolute path; NULL or "" leaves the path as it is */
hf_status hf__url_resolve(hf__url *url, const char *directory, hf_error *err);

/* Parses `base`; settings in the URL override those in `options` (NULL: defaults).
 * HF_INVALID_ARGUMENT says what to write instead, HF_UNSUPPORTED that this build lacks the backend. */
hf_status hf__url_parse(const char *base, const hf_options *options, hf__url *out, hf_error *err);
void hf__url_free(hf__url *url);

/* The backend that the URL's scheme means; NULL before hf__url_parse() succeeded. */
const hf_backend *hf__url_backend(const hf__url *url);

#endif
