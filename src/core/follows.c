/* SPDX-License-Identifier: MIT
 *
 * Handles on a store that follows another one: see follows.h.
 */
#include "core/follows.h"

#include "base/error.h"

hf_status hf__follows_learn(hf_persist *p, hf_error *err) {
  const hf_backend *b = p->backend;
  hf_buffer note = HF_BUFFER_INIT;
  if (!b->note_get || b->refuses_writers || p->options.read_only || !hf__is_innermost(p)) return HF_OK;
  hf_status status = b->note_get(p->impl, NULL, hf_text(HF__NOTE_FOLLOWS), &note, err);
  hf_buffer_free(&note);
  if (status == HF_NOT_FOUND || atomic_load(&p->store->is_follower)) return HF_OK;
  p->follows = p->options.read_only = status == HF_OK;
  return status;
}

hf_status hf__follows_refuse(const hf_persist *p, hf_error *err) {
  if (!p->follows) return hf__fail(err, HF_READONLY, "store %s was opened read-only", p->store->url);
  return hf__fail(
      err, HF_READONLY,
      "%s follows another store, and takes no other changes: 'holdfast promote' makes it a store of its own",
      p->store->url);
}
