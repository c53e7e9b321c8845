/* SPDX-License-Identifier: MIT
 *
 * Ids and their natural order.  An id's order key is bytes whose memcmp order is
 * the natural order of the ids: what ICU gives for numeric, base-sensitivity
 * comparison, ties broken by the bytes of the ids.  It is
 *
 *     sort code   0x00   the id itself
 *
 * The sort code never contains 0x00 and is never longer than the id, so that an order
 * key takes at most 2 * 250 + 1 bytes (LMDB allows 511) and the id can be cut
 * off its end.
 */
#ifndef HF_CORE_ORDER_H
#define HF_CORE_ORDER_H

#include "holdfast/holdfast.h"

/* Most bytes of an order key. */
#define HF__ORDER_KEY_MAX (2 * HF_ID_MAX + 1)

/* What is wrong with an id, for the error message; HF__ID_OK for a good one. */
typedef enum hf__id_problem {
  HF__ID_OK = 0,
  HF__ID_EMPTY,
  HF__ID_TOO_LONG,
  HF__ID_CONTROL, /* a byte below 0x20, 0x7f, or U+0080..U+009F */
  HF__ID_UTF8
} hf__id_problem;

/* Checks the id and writes its order key, in one pass.
 *   out       HF__ORDER_KEY_MAX bytes
 *   size      receives the length of the order key
 *   bad_byte  if not NULL, receives the offset of the offending byte */
hf__id_problem hf__order_key(hf_slice id, unsigned char *out, size_t *size, size_t *bad_byte);

/* Compares two order keys as memcmp does; the shorter of two with one beginning comes first. */
static inline int hf__order_compare(hf_slice a, hf_slice b) {
  int c = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
  return c ? c : (a.size > b.size) - (a.size < b.size);
}

/* The id at the end of an order key, pointing into it; {NULL, 0} if the bytes are no order key. */
hf_slice hf__order_key_id(hf_slice key);

/* Bytes with which the order key of every id that begins with `prefix` begins (a necessary condition,
 * not a sufficient one: "log-1" and "log-10" share a prefix but not a number).  Writes at most
 * prefix.size bytes and returns how many; may be 0.  `prefix` is a valid id or empty. */
size_t hf__order_prefix(hf_slice prefix, unsigned char *out);

#endif
