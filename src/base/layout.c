/* SPDX-License-Identifier: MIT
 *
 * Structs of callers: see layout.h.
 */
#include "base/layout.h"

#include <string.h>

#include "base/error.h"

/* No struct of ours will be larger; what says so was not initialised, and is not read. */
enum { SIZE_MAX_SANE = 4096 };

static bool is_zero(const unsigned char *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (bytes[i]) return false;
  return true;
}

hf_status hf__layout_take(const hf__layout *layout, void *out, const void *given, hf_error *err) {
  size_t size;
  memcpy(&size, given, sizeof size);
  if ((size && size < layout->first) || size > SIZE_MAX_SANE)
    return hf__fail(err, HF_INVALID_ARGUMENT, "%s.struct_size is %zu: start from %s", layout->name, size, layout->init);
  if (size > layout->size && !is_zero((const unsigned char *)given + layout->size, size - layout->size))
    return hf__fail(err, HF_INVALID_ARGUMENT,
                    "%s asks for something that Holdfast %s does not have: link the library whose header the program "
                    "was compiled against",
                    layout->name, hf_version());
  if (!size) size = layout->first;
  if (size > layout->size) size = layout->size;
  memset(out, 0, layout->size);
  memcpy(out, given, size);
  memcpy(out, &layout->size, sizeof layout->size);
  return HF_OK;
}

hf_status hf__options_take(const hf_options *given, hf_options *out, hf_error *err) {
  static const hf__layout layout = HF__LAYOUT(hf_options, "HF_OPTIONS_INIT", max_size);
  return hf__layout_take(&layout, out, given, err);
}
