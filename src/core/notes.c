/* SPDX-License-Identifier: MIT
 *
 * Notes: see notes.h.
 */
#include "core/notes.h"

#include <string.h>

#include "base/error.h"
#include "core/persist.h"
#include "core/transaction.h"

hf_status hf__notes_are_kept(hf_persist *p, bool *kept, hf_error *err) {
  hf_status status = hf_persist_init(p, err);
  *kept = status == HF_OK && p->backend->note_get && p->backend->note_put;
  return status;
}

static hf_status enter(hf_persist *p, bool writing, void **txn, hf_error *err) {
  bool kept;
  hf_status status = hf__notes_are_kept(p, &kept, err);
  if (status == HF_OK && !kept)
    status = hf__fail(err, HF_UNSUPPORTED, "%s stores keep no notes of themselves", p->backend->name);
  return status ? status : hf__persist_enter(p, writing, txn, err);
}

hf_status hf__note_get(hf_persist *p, const char *name, hf_buffer *text, hf_error *err) {
  void *txn;
  hf_status status = enter(p, false, &txn, err);
  if (status) return status;
  status = p->backend->note_get(p->impl, txn, hf_text(name), text, err);
  if (status == HF_NOT_FOUND) return hf__fail(err, HF_NOT_FOUND, "the store has no note '%s'", name);
  return status ? hf__persist_fail(p, txn, status, NULL, "", err) : HF_OK;
}

static void become_follower(hf_persist *p, bool follows) {
  atomic_store(&p->store->is_follower, follows);
  if (p->follows) p->options.read_only = false;
  p->follows = false;
}

hf_status hf__note_put(hf_persist *p, const char *name, hf_slice text, hf_error *err) {
  void *txn;
  bool kept;
  hf_status status = hf__notes_are_kept(p, &kept, err);
  if (status == HF_OK && strcmp(name, HF__NOTE_FOLLOWS) == 0) become_follower(p, text.size != 0);
  if (status == HF_OK) status = enter(p, true, &txn, err);
  if (status) return status;
  status = p->backend->note_put(p->impl, txn, hf_text(name), text, err);
  return status ? hf__persist_fail(p, txn, status, NULL, "", err) : HF_OK;
}
