/* SPDX-License-Identifier: MIT
 *
 * Values while a condition is tested: see value.h.
 */
#include "condition/value.h"

#include <math.h>

const char *hf__kind_name(hf__kind kind) {
  static const char *const names[] = {
      [HF__KIND_NIL] = "nil",       [HF__KIND_FALSE] = "boolean", [HF__KIND_TRUE] = "boolean",
      [HF__KIND_NULL] = "userdata", [HF__KIND_NUMBER] = "number", [HF__KIND_TEXT] = "string",
      [HF__KIND_TABLE] = "table",   [HF__KIND_ASK] = "unknown",   [HF__KIND_RAISES] = "error",
  };
  return names[kind];
}

bool hf__value_equal(const hf__value *a, const hf__value *b) {
  if (a->kind != b->kind) return false;
  switch (a->kind) {
  case HF__KIND_NUMBER: return a->number == b->number;
  case HF__KIND_TEXT:
    return a->text.size == b->text.size && (a->text.size == 0 || memcmp(a->text.data, b->text.data, a->text.size) == 0);
  case HF__KIND_TABLE: return a->table == b->table;
  default: return true;
  }
}

int hf__text_order(hf_slice a, hf_slice b) {
  size_t common = a.size < b.size ? a.size : b.size;
  int order = common ? memcmp(a.data, b.data, common) : 0;
  return order ? order : (a.size > b.size) - (a.size < b.size);
}

size_t hf__text_find(hf_slice in, hf_slice text) {
  enum { SHORT = 64 }; /* where the library's way does not pay yet */
  if (text.size == 0) return 1;
  if (text.size > in.size) return 0;
  if (in.size > SHORT) {
    const char *found = memmem(in.data, in.size, text.data, text.size);
    return found ? (size_t)(found - in.data) + 1 : 0;
  }
  for (size_t i = 0; i <= in.size - text.size; i++)
    if (in.data[i] == text.data[0] && memcmp(in.data + i, text.data, text.size) == 0) return i + 1;
  return 0;
}

hf_slice hf__text_sub(hf_slice text, int32_t from, int32_t to) {
  int64_t size = (int64_t)text.size, first = from, last = to;
  if (first < 0) first += size + 1;
  if (last < 0) last += size + 1;
  if (first < 1) first = 1;
  if (last > size) last = size;
  if (first > last) return (hf_slice){"", 0};
  return (hf_slice){text.data + first - 1, (size_t)(last - first + 1)};
}

double hf__number_modulo(double x, double y) { return x - floor(x / y) * y; }
