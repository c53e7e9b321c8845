/* SPDX-License-Identifier: MIT
 *
 * When entities expire: what callers may say of it.  From that moment on nobody finds such an entity; that is the
 * backend's to see to (HF_CAP_TTL).
 */
#ifndef HF_CORE_EXPIRY_H
#define HF_CORE_EXPIRY_H

#include "core/handle.h"

/* Makes a time of what was said: a length from now on, or a time, or neither (all 0), which is never.
 * Errors: HF_INVALID_ARGUMENT: both, less than 0, or beyond HF_EXPIRES_MAX; HF_UNSUPPORTED: the store has no
 * HF_CAP_TTL. */
hf_status hf__expiry_take(const hf_persist *p, int64_t ttl, int64_t expires_at, int64_t *out, hf_error *err);

#endif
