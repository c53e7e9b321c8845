/* SPDX-License-Identifier: MIT
 *
 * Values while a condition is tested: those of Lua as far as JSON has them, and the
 * two ways of having none.
 */
#ifndef HF_CONDITION_VALUE_H
#define HF_CONDITION_VALUE_H

#include "holdfast/holdfast.h"

/* Some machines' LuaJIT keeps whole numbers as integers, which have no -0: there a division by zero is not
 * known, and neither is every modulo. */
#if defined(__x86_64__) || defined(__i386__)
#define HF__HAS_NEGATIVE_ZERO true
#else
#define HF__HAS_NEGATIVE_ZERO false
#endif

typedef enum hf__kind {
  HF__KIND_NIL,
  HF__KIND_FALSE,
  HF__KIND_TRUE,
  HF__KIND_NULL, /* holdfast.null: to Lua a light userdata, and true */
  HF__KIND_NUMBER,
  HF__KIND_TEXT,
  HF__KIND_TABLE,  /* an object or array */
  HF__KIND_ASK,    /* not known */
  HF__KIND_RAISES, /* none: Lua raises there */
} hf__kind;

typedef struct hf__value {
  hf__kind kind;
  bool is_plain; /* of a constant or parameter that is a text: JSON escapes none of its bytes */
  union {
    double number;
    hf_slice text;
    const char *table; /* where its text begins: what it is equal to, and nothing else */
  };
} hf__value;

/* What type() says of a kind that is a value. */
const char *hf__kind_name(hf__kind kind);

static inline hf__value hf__value_of_kind(hf__kind kind) { return (hf__value){.kind = kind}; }

/* Whether a kind is a value. */
static inline bool hf__kind_is_known(hf__kind kind) { return kind < HF__KIND_ASK; }

/* Whether a value is true to Lua. */
static inline bool hf__kind_is_true(hf__kind kind) { return kind > HF__KIND_FALSE; }

/* Lua's == of two values. */
bool hf__value_equal(const hf__value *a, const hf__value *b);

/* Whether two texts of the same size are equal. */
static inline bool hf__same_bytes(const char *a, const char *b, size_t size) {
  uint64_t x, y, v, w;
  if (size < 8 || size > 16) return size == 0 || memcmp(a, b, size) == 0;
  memcpy(&x, a, 8);
  memcpy(&y, b, 8);
  memcpy(&v, a + size - 8, 8);
  memcpy(&w, b + size - 8, 8);
  return ((x ^ y) | (v ^ w)) == 0;
}

/* Less than, equal to or greater than 0, as Lua has texts in order: by their bytes. */
int hf__text_order(hf_slice a, hf_slice b);

/* Where `text` is in `in` for the first time, from 1 on; 0: nowhere. */
size_t hf__text_find(hf_slice in, hf_slice text);

/* string.sub(text, from, to). */
hf_slice hf__text_sub(hf_slice text, int32_t from, int32_t to);

/* x % y as LuaJIT has it. */
double hf__number_modulo(double x, double y);

/* Whether that is what LuaJIT gives.  On arm64 its interpreter rounds product and difference once: the same only where
 * nothing is rounded. */
static inline bool hf__number_modulo_is_sure(double x, double y) {
  const double exact = 4503599627370496.0; /* 2^52 */
  if (HF__HAS_NEGATIVE_ZERO) return true;
  if (!(x >= -exact && x <= exact && y >= -exact && y <= exact)) return false;
  return x == (double)(int64_t)x && y == (double)(int64_t)y;
}

#endif
