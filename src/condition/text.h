/* SPDX-License-Identifier: MIT
 *
 * Pieces of JSON text: going over white space, strings and whole values of a text that
 * is known to be valid.  In one that is not, nothing beyond its end is read.
 */
#ifndef HF_CONDITION_TEXT_H
#define HF_CONDITION_TEXT_H

#include "holdfast/holdfast.h"

/* What lies between two quotes. */
typedef struct hf__string {
  const char *first;
  const char *close; /* the closing quote; NULL: there is none */
  bool escaped;      /* a backslash is in it */
} hf__string;

/* The first byte from `p` on that is no white space; `end` if there is none. */
static inline const char *hf__skip_space(const char *p, const char *end) {
  while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
  return p;
}

/* The string whose content begins at `p`, after its quote. */
hf__string hf__string_at(const char *p, const char *end);

/* Whether its content, with its escapes replaced, is `text`. */
bool hf__string_is(const hf__string *string, hf_slice text);

/* The byte after the value that begins at `p`; NULL: it has no end. */
const char *hf__skip_value(const char *p, const char *end);

#endif
