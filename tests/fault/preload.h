/* SPDX-License-Identifier: MIT
 *
 * What the libraries for LD_PRELOAD here share: they stand before functions of the C library, and call them.
 */
#ifndef HF_TESTS_FAULT_PRELOAD_H
#define HF_TESTS_FAULT_PRELOAD_H

#include <dlfcn.h>

/* Of a function that programs are to find here. */
#define SHOWN __attribute__((visibility("default")))

/* Declares real_NAME, the function of that name that the program would call without this library. */
#define REAL(name)                                                                                                     \
  static __typeof__(&name) real_##name;                                                                                \
  if (!real_##name) real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#endif
