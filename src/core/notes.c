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

/* What a handle is to a store that follows another one, to be put back where the note cannot be put. */
struct standing {
  bool is_follower, follows, read_only;
};

static struct standing become_follower(hf_persist *p, bool follows) {
  struct standing was = {atomic_exchange(&p->store->is_follower, follows), p->follows, p->options.read_only};
  if (p->follows) p->options.read_only = false;
  p->follows = false;
  return was;
}

static void put_back(hf_persist *p, const struct standing *was) {
  atomic_store(&p->store->is_follower, was->is_follower);
  p->follows = was->follows;
  p->options.read_only = was->read_only;
}

static hf_status put_note(hf_persist *p, const char *name, hf_slice text, hf_error *err) {
  void *txn;
  hf_status status = enter(p, true, &txn, err);
  if (status) return status;
  status = p->backend->note_put(p->impl, txn, hf_text(name), text, err);
  return status ? hf__persist_fail(p, txn, status, NULL, "", err) : HF_OK;
}

hf_status hf__note_put(hf_persist *p, const char *name, hf_slice text, hf_error *err) {
  bool kept;
  hf_status status = hf__notes_are_kept(p, &kept, err);
  if (status) return status;
  if (strcmp(name, HF__NOTE_FOLLOWS) != 0) return put_note(p, name, text, err);
  struct standing was = become_follower(p, text.size != 0);
  status = put_note(p, name, text, err);
  if (status) put_back(p, &was);
  return status;
}
