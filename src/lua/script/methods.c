/* SPDX-License-Identifier: MIT
 *
 * The names and kinds of the methods: see methods.h.
 */
#include "lua/script/methods.h"

static const char *const method_names[] = {
#define METHOD_NAME(id, name, kind) name,
    HFL_METHOD_MAP(METHOD_NAME)
#undef METHOD_NAME
};

static const hfL_method_kind method_kinds[] = {
#define METHOD_KIND(id, name, kind) HFL_##kind,
    HFL_METHOD_MAP(METHOD_KIND)
#undef METHOD_KIND
};

const char *hfL_method_name(hfL_method method) { return method_names[method]; }

hfL_method_kind hfL_method_kind_of(hfL_method method) { return method_kinds[method]; }
