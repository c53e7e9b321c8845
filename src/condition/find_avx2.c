/* SPDX-License-Identifier: MIT
 *
 * The field finder for machines with AVX2.
 */
#include "condition/find.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

/* The functions between these two, and no others, are compiled for such machines. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,pclmul,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,pclmul,popcnt")
#endif

typedef struct block64 {
  __m256i low, high;
} block64;

static inline block64 block_load(const char *p) {
  return (block64){_mm256_loadu_si256((const __m256i *)(const void *)p),
                   _mm256_loadu_si256((const __m256i *)(const void *)(p + 32))};
}

static inline uint64_t block_bits(__m256i low, __m256i high) {
  return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

typedef __m256i needle;

/* Made once: what the compiler cannot see through it does not make again for each block. */
static inline needle needle_of(char c) {
  needle n = _mm256_set1_epi8(c);
  __asm__("" : "+x"(n));
  return n;
}

static inline uint64_t block_is(block64 b, needle c) {
  return block_bits(_mm256_cmpeq_epi8(b.low, c), _mm256_cmpeq_epi8(b.high, c));
}

static inline uint64_t block_is_any(block64 b, const needle *c, unsigned count) {
  __m256i low = _mm256_cmpeq_epi8(b.low, c[0]), high = _mm256_cmpeq_epi8(b.high, c[0]);
  for (unsigned i = 1; i < count; i++) {
    low = _mm256_or_si256(low, _mm256_cmpeq_epi8(b.low, c[i]));
    high = _mm256_or_si256(high, _mm256_cmpeq_epi8(b.high, c[i]));
  }
  return block_bits(low, high);
}

static inline uint64_t block_is_with(block64 b, needle bits, needle c) {
  return block_bits(_mm256_cmpeq_epi8(_mm256_or_si256(b.low, bits), c),
                    _mm256_cmpeq_epi8(_mm256_or_si256(b.high, bits), c));
}

static inline bool block_has(block64 b, needle c) {
  __m256i any = _mm256_or_si256(_mm256_cmpeq_epi8(b.low, c), _mm256_cmpeq_epi8(b.high, c));
  return _mm256_movemask_epi8(any) != 0;
}

static inline uint64_t prefix_xor(uint64_t bits) {
  return (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)bits), _mm_set1_epi8(-1), 0));
}

#include "condition/find_blocks.h"

/* One for each number of different last bytes, so that the loop over them is none. */
static hf__found find_1(const hf__places *places, hf_slice json, const char **found) {
  return find_blocks(places, json, found, 1, false);
}

static hf__found find_2(const hf__places *places, hf_slice json, const char **found) {
  return find_blocks(places, json, found, 2, false);
}

static hf__found find_3(const hf__places *places, hf_slice json, const char **found) {
  return find_blocks(places, json, found, 3, false);
}

static hf__found find_many(const hf__places *places, hf_slice json, const char **found) {
  return find_blocks(places, json, found, HF__PLACES_LASTS + 1, false);
}

static hf__found find_items(const hf__places *places, hf_slice json, const char **found) {
  return find_blocks(places, json, found, HF__PLACES_LASTS + 1, true);
}

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

hf__finder *hf__find_avx2(const hf__places *places) {
  static hf__finder *const by_lasts[] = {find_1, find_1, find_2, find_3, find_many};
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") || !__builtin_cpu_supports("bmi2") ||
      !__builtin_cpu_supports("pclmul") || !__builtin_cpu_supports("popcnt"))
    return NULL;
  return places->has_items ? find_items : by_lasts[places->lasts];
}

#else

hf__finder *hf__find_avx2(const hf__places *places) {
  (void)places;
  return NULL;
}

#endif
