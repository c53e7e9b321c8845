/* SPDX-License-Identifier: MIT
 *
 * Damage for the tests of LMDB stores: bytes of values that are changed in the file.
 */
#ifndef HF_TESTS_UNIT_LMDB_DAMAGE_H
#define HF_TESTS_UNIT_LMDB_DAMAGE_H

#include "unit/support.h"

/* The data file of the test's store. */
static inline const char *data_file(const struct store *s) { return text_of("%s/store/data.mdb", s->directory); }

/* Changes the bytes of a value in the closed store's file. */
static inline void damage(const struct store *s, const char *needle, const char *other) {
  FILE *file = fopen(data_file(s), "r+b");
  assert_non_null(file);
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file), n = strlen(needle), found = 0;
  char *bytes = malloc(size);
  rewind(file);
  assert_int_equal(fread(bytes, 1, size, file), size);
  for (size_t i = 0; i + n <= size; i++) {
    if (memcmp(bytes + i, needle, n) != 0) continue;
    fseek(file, (long)i, SEEK_SET);
    fwrite(other, 1, n, file);
    found++;
  }
  assert_true(found > 0);
  fclose(file);
  free(bytes);
}

#endif
