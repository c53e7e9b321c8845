/* SPDX-License-Identifier: MIT
 *
 * Random pairs of conditions and documents, each evaluated by all finders and over the decoded tree: what
 * tests/fuzz/fuzz_condition.c does with better bytes, for a second.
 *
 * HOLDFAST_PAIRS=N in the environment takes as many conditions, HOLDFAST_SEED=N another beginning.
 */
#include "../support.h"
#include "pairs.h"

static uint64_t random_state;

static uint8_t random_byte(void) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return (uint8_t)(random_state * UINT64_C(0x2545F4914F6CDD1D) >> 56);
}

static unsigned long from_environment(const char *name, unsigned long otherwise) {
  const char *text = getenv(name);
  return text ? strtoul(text, NULL, 10) : otherwise;
}

static void random_pairs_give_what_the_decoded_tree_gives(void **state) {
  unsigned long pairs = from_environment("HOLDFAST_PAIRS", 10000), seed = from_environment("HOLDFAST_SEED", 1);
  (void)state;
  random_state = UINT64_C(0x9E3779B97F4A7C15) * (seed + 1);
  for (unsigned long i = 0; i < pairs; i++) {
    uint8_t bytes[1500];
    for (size_t j = 0; j < sizeof bytes; j++) bytes[j] = random_byte();
    if (!pair_check(bytes, sizeof bytes))
      FAIL_AT(__FILE__, __LINE__, "pair %lu of seed %lu differs, see above", i, seed);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_pairs_give_what_the_decoded_tree_gives)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
