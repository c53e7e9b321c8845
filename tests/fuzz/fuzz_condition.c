/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target for conditions: of any bytes a condition and some documents are made, and each of the field finders
 * gives the answer that an evaluation over the decoded tree gives.  Documents end where readable memory ends.
 */
#include "unit/condition/pairs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!pair_check(data, size)) abort();
  return 0;
}
