/* SPDX-License-Identifier: MIT
 *
 * Structs that a caller fills, who may have been compiled against an older or a newer header than this library: their
 * first member says how large they are there.  What they are read through is a copy of the size that they have here.
 */
#ifndef HF_BASE_LAYOUT_H
#define HF_BASE_LAYOUT_H

#include "holdfast/backend.h"

/* What is known of a public struct. */
typedef struct hf__layout {
  const char *name; /* "hf_range" */
  const char *init; /* what makes a right one: "HF_RANGE_INIT" */
  size_t size;      /* in this library */
  size_t first;     /* in its first form, which struct_size 0 means.  Never changes */
} hf__layout;

/* The layout of `type`, whose first form ends with the member `last`. */
#define HF__LAYOUT(type, init, last)                                                                                   \
  { #type, init, sizeof(type), offsetof(type, last) + sizeof(((type *)0)->last) }

/* Copies what a caller gave into `out`, of the layout's size; what it does not have is 0 there.
 * Errors: HF_INVALID_ARGUMENT: struct_size is none, or beyond the size here there is something that is not 0. */
hf_status hf__layout_take(const hf__layout *layout, void *out, const void *given, hf_error *err);

/* The same for hf_options. */
hf_status hf__options_take(const hf_options *given, hf_options *out, hf_error *err);

#endif
