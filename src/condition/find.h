/* SPDX-License-Identifier: MIT
 *
 * The field finders: one pass over a text that finds all places of a condition.  They give
 * the same; which one is used depends on the machine.
 */
#ifndef HF_CONDITION_FIND_H
#define HF_CONDITION_FIND_H

#include "condition/places.h"

/* What a search says of the text. */
typedef enum hf__found {
  HF__FOUND_NO_JSON, /* none, as far as it was looked at */
  HF__FOUND_PLAIN,   /* there is no backslash in it */
  HF__FOUND_ESCAPES, /* there may be */
} hf__found;

/* Says in found[i] where the value at place i begins, NULL if there is none.  Of several fields of one name the last
 * counts, as in decoding.  Reads nothing outside `json`. */
typedef hf__found hf__finder(const hf__places *places, hf_slice json, const char **found);

/* The fastest one for these places on this machine. */
hf__finder *hf__find_best(const hf__places *places);

/* For any machine: value by value. */
hf__found hf__find_plain(const hf__places *places, hf_slice json, const char **found);

/* By vectors of 32 bytes; NULL where the compiler or the machine has none. */
hf__finder *hf__find_avx2(const hf__places *places);

/* What was found in a place no longer counts: it is in another field of the same name as an earlier one. */
void hf__find_forget(const hf__places *places, uint32_t place, const char **found);

#endif
