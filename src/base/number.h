/* SPDX-License-Identifier: MIT
 *
 * Numbers between double and JSON text, independent of the locale.  Printing
 * (hf_number_format, in holdfast.h) gives JavaScript's shortest form; parsing is
 * correctly rounded.  Both share one table of 128-bit powers of ten.
 */
#ifndef HF_BASE_NUMBER_H
#define HF_BASE_NUMBER_H

#include "holdfast/holdfast.h"

/* 2^53: up to it, and not beyond, each whole number is a double of its own. */
#define HF__WHOLE_MAX 9007199254740992.0

/* Parses one JSON number at `p` (grammar of RFC 8259, no leading '+', no leading zeros, no bare '.').
 * Returns the first byte after it, or NULL if there is none or a broken one ("01", "1.", "1e").
 * Reads no byte at or after `end`.
 * Correctly rounded to nearest even; what overflows gives an infinity (1e999), what underflows a zero
 * with its sign. */
const char *hf__number_parse(const char *p, const char *end, double *out);

#endif
