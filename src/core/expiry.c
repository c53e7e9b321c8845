/* SPDX-License-Identifier: MIT
 *
 * When entities expire: see expiry.h.
 */
#include "core/expiry.h"

#include "base/error.h"

static hf_status fail_beyond(hf_error *err) {
  return hf__fail(err, HF_INVALID_ARGUMENT, "the time when it expires is after the year 10888: leave it out for never");
}

hf_status hf__expiry_take(const hf_persist *p, int64_t ttl, int64_t expires_at, int64_t *out, hf_error *err) {
  *out = 0;
  if (!ttl && !expires_at) return HF_OK;
  if (!(p->backend->capabilities & HF_CAP_TTL))
    return hf__fail(
        err, HF_UNSUPPORTED,
        "%s stores have no expiry: leave out ttl and expiresAt, or wrap the store in a class that keeps them",
        p->backend->name);
  if (ttl && expires_at) return hf__fail(err, HF_INVALID_ARGUMENT, "give ttl or expiresAt, not both");
  if (ttl < 0) return hf__fail(err, HF_INVALID_ARGUMENT, "ttl must be more than 0: %lld ms are not", (long long)ttl);
  if (expires_at < 0)
    return hf__fail(err, HF_INVALID_ARGUMENT, "expiresAt is before 1970: %lld ms", (long long)expires_at);
  if (ttl > HF_EXPIRES_MAX || expires_at > HF_EXPIRES_MAX) return fail_beyond(err);
  *out = ttl ? hf_now_ms() + ttl : expires_at;
  return *out > HF_EXPIRES_MAX ? fail_beyond(err) : HF_OK;
}
