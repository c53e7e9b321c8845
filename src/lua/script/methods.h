/* SPDX-License-Identifier: MIT
 *
 * The methods of script classes that the bridge knows.
 */
#ifndef HF_LUA_SCRIPT_METHODS_H
#define HF_LUA_SCRIPT_METHODS_H

#include <stdint.h>

/* What a method is to a class of its own: it must have it, it may have it, or has all three of the kind or none.  Those
 * of HFL_INDEX are looked at only where the class declares supports.index: another class may have methods of these
 * names for something else. */
typedef enum hfL_method_kind { HFL_REQUIRED, HFL_OPTIONAL, HFL_TRANSACTION, HFL_INDEX } hfL_method_kind;

/* The methods that the bridge knows: the contract, which a class overrides.  A row more means that a method of this
 * name, which a class of somebody's may have today for something else, is called in place of ours: it needs a kind that
 * a class declares, as HFL_INDEX is, and a new operation that is no part of a backend goes to
 * lua/holdfast/PersistBase.lua, where the class's own wins. */
#define HFL_METHOD_MAP(X)                                                                                              \
  X(WAIT_FOR_INIT, "waitForInit", REQUIRED)                                                                            \
  X(READ_VALUE, "readValue", REQUIRED)                                                                                 \
  X(HAS_VALUE, "hasValue", REQUIRED)                                                                                   \
  X(WRITE_VALUE, "writeValue", REQUIRED)                                                                               \
  X(REMOVE_VALUE, "removeValue", REQUIRED)                                                                             \
  X(REMOVE_ALL, "removeAll", REQUIRED)                                                                                 \
  X(VALUES, "values", REQUIRED)                                                                                        \
  X(KEYS, "keys", REQUIRED)                                                                                            \
  X(READ_ENTRY, "readEntry", OPTIONAL)                                                                                 \
  X(ENTRIES, "entries", OPTIONAL)                                                                                      \
  X(COUNT, "count", OPTIONAL)                                                                                          \
  X(READ_MANY, "readMany", OPTIONAL)                                                                                   \
  X(WRITE_MANY, "writeMany", OPTIONAL)                                                                                 \
  X(REMOVE_MANY, "removeMany", OPTIONAL)                                                                               \
  X(STAT, "stat", OPTIONAL)                                                                                            \
  X(CLOSE, "close", OPTIONAL)                                                                                          \
  X(BEGIN, "begin", TRANSACTION)                                                                                       \
  X(COMMIT, "commit", TRANSACTION)                                                                                     \
  X(ROLLBACK, "rollback", TRANSACTION)                                                                                 \
  X(CREATE_INDEX, "createIndex", INDEX)                                                                                \
  X(DROP_INDEX, "dropIndex", INDEX)                                                                                    \
  X(INDEXES, "indexes", INDEX)

typedef enum hfL_method {
#define HFL_METHOD_ENUM(id, name, kind) HFL_##id,
  HFL_METHOD_MAP(HFL_METHOD_ENUM)
#undef HFL_METHOD_ENUM
      HFL_METHOD_COUNT
} hfL_method;

/* As classes spell it: "readValue". */
const char *hfL_method_name(hfL_method method);
hfL_method_kind hfL_method_kind_of(hfL_method method);

#endif
