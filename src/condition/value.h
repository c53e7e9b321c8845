/* SPDX-License-Identifier: MIT
 *
 * Values while a condition is tested: those of Lua as far as JSON has them, and the
 * two ways of having none.
 */
#ifndef HF_CONDITION_VALUE_H
#define HF_CONDITION_VALUE_H

#include "holdfast/holdfast.h"

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
  union {
    double number;
    hf_slice text;
    const char *table; /* where its text begins: what it is equal to, and nothing else */
  };
} hf__value;

/* What type() says of a kind that is a value. */
const char *hf__kind_name(hf__kind kind);

static inline hf__value hf__value_of_kind(hf__kind kind) { return (hf__value){.kind = kind}; }

static inline hf__value hf__value_of_number(double number) {
  return (hf__value){.kind = HF__KIND_NUMBER, .number = number};
}

static inline hf__value hf__value_of_text(const char *data, size_t size) {
  return (hf__value){.kind = HF__KIND_TEXT, .text = {data, size}};
}

static inline hf__value hf__value_of_truth(bool truth) {
  return hf__value_of_kind(truth ? HF__KIND_TRUE : HF__KIND_FALSE);
}

/* Whether a kind is a value. */
static inline bool hf__kind_is_known(hf__kind kind) { return kind < HF__KIND_ASK; }

/* Whether a value is true to Lua. */
static inline bool hf__kind_is_true(hf__kind kind) { return kind > HF__KIND_FALSE; }

/* Lua's == of two values. */
bool hf__value_equal(const hf__value *a, const hf__value *b);

/* Less than, equal to or greater than 0, as Lua has texts in order: by their bytes. */
int hf__text_order(hf_slice a, hf_slice b);

/* Where `text` is in `in` for the first time, from 1 on; 0: nowhere. */
size_t hf__text_find(hf_slice in, hf_slice text);

/* string.sub(text, from, to). */
hf_slice hf__text_sub(hf_slice text, int32_t from, int32_t to);

/* x % y as LuaJIT has it. */
double hf__number_modulo(double x, double y);

#endif
