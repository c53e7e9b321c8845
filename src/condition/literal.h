/* SPDX-License-Identifier: MIT
 *
 * Literals of Lua: what strings, long brackets and numerals stand for, as LuaJIT
 * reads them.
 */
#ifndef HF_CONDITION_LITERAL_H
#define HF_CONDITION_LITERAL_H

#include "holdfast/holdfast.h"

/* A part of a text that is not understood, and why. */
typedef struct hf__fault {
  size_t at;
  size_t size;
  const char *why; /* a sentence without its full stop; lives for ever */
} hf__fault;

/* Reads the quoted string at text.data[at], and puts what it stands for into `out`, which has room for as many bytes as
 * the literal.  Returns where the literal ends; 0: it is none, and *fault says why. */
size_t hf__literal_string(hf_slice text, size_t at, char *out, size_t *size, hf__fault *fault);

/* Whether a long bracket, [[ or [==[, opens at text.data[at]. */
bool hf__literal_is_long(hf_slice text, size_t at);

/* The same as hf__literal_string() for the long bracket that opens at text.data[at].  out NULL: only where it ends. */
size_t hf__literal_long(hf_slice text, size_t at, char *out, size_t *size, hf__fault *fault);

/* Reads the numeral at text.data[at], which is a digit, or a point and a digit. */
size_t hf__literal_number(hf_slice text, size_t at, double *out, hf__fault *fault);

/* Whether a name of Lua may have the byte in it; any byte of UTF-8 beyond ASCII may be. */
bool hf__literal_is_name_byte(char c);

/* Its value as a decimal or hexadecimal digit; 16 or more: it is none. */
unsigned hf__literal_digit(char c);

#endif
