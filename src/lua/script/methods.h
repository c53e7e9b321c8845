/* SPDX-License-Identifier: MIT
 *
 * The methods of script classes that the bridge knows.
 */
#ifndef HF_LUA_SCRIPT_METHODS_H
#define HF_LUA_SCRIPT_METHODS_H

#include <stdint.h>

/* The methods that the bridge knows, by name.  The first eight are what a class of its own must have. */
#define HFL_METHOD_MAP(X)                                                                                              \
  X(WAIT_FOR_INIT, "waitForInit")                                                                                      \
  X(READ_VALUE, "readValue")                                                                                           \
  X(HAS_VALUE, "hasValue")                                                                                             \
  X(WRITE_VALUE, "writeValue")                                                                                         \
  X(REMOVE_VALUE, "removeValue")                                                                                       \
  X(REMOVE_ALL, "removeAll")                                                                                           \
  X(VALUES, "values")                                                                                                  \
  X(KEYS, "keys")                                                                                                      \
  X(READ_ENTRY, "readEntry")                                                                                           \
  X(ENTRIES, "entries")                                                                                                \
  X(COUNT, "count")                                                                                                    \
  X(READ_MANY, "readMany")                                                                                             \
  X(WRITE_MANY, "writeMany")                                                                                           \
  X(REMOVE_MANY, "removeMany")                                                                                         \
  X(STAT, "stat")                                                                                                      \
  X(CLOSE, "close")                                                                                                    \
  X(BEGIN, "begin")                                                                                                    \
  X(COMMIT, "commit")                                                                                                  \
  X(ROLLBACK, "rollback")

typedef enum hfL_method {
#define HFL_METHOD_ENUM(id, name) HFL_##id,
  HFL_METHOD_MAP(HFL_METHOD_ENUM)
#undef HFL_METHOD_ENUM
      HFL_METHOD_COUNT
} hfL_method;

/* As classes spell it: "readValue". */
const char *hfL_method_name(hfL_method method);

#endif
