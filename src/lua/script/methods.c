/* SPDX-License-Identifier: MIT
 *
 * The names of the methods: see methods.h.
 */
#include "lua/script/methods.h"

static const char *const method_names[] = {
#define METHOD_NAME(id, name) name,
    HFL_METHOD_MAP(METHOD_NAME)
#undef METHOD_NAME
};

const char *hfL_method_name(hfL_method method) { return method_names[method]; }
