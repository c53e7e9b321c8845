/* SPDX-License-Identifier: MIT
 *
 * The field finders: which one is used.
 */
#include "condition/find.h"

hf__finder *hf__find_best(const hf__places *places) {
  hf__finder *find = hf__find_avx2(places);
  return find ? find : hf__find_plain;
}
