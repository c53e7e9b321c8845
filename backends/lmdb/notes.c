/* SPDX-License-Identifier: MIT
 *
 * Notes of a store: see notes.h.
 */
#include "notes.h"

#include <errno.h>
#include <string.h>

#include "feature.h"
#include "locks.h"
#include "meta.h"
#include "readers.h"
#include "settings.h"
#include "status.h"

enum { NAME_MOST = 64 };

struct note {
  hf_slice name, text;
};

static bool is_follows(hf_slice name) {
  return name.size == sizeof NOTE_FOLLOWS - 1 && memcmp(name.data, NOTE_FOLLOWS, name.size) == 0;
}

static int find(hf__lmdb_env *env, MDB_txn *txn, hf_slice name, hf_slice *text) {
  char key[sizeof META_NOTE + NAME_MOST] = META_NOTE;
  *text = (hf_slice){NULL, 0};
  if (name.size > NAME_MOST) return 0;
  memcpy(key + sizeof META_NOTE - 1, name.data, name.size);
  return hf__lmdb_meta_get(env, txn, key, text);
}

hf_status hf__lmdb_note_get(void *store, void *txn, hf_slice name, hf_buffer *text, hf_error *err) {
  hf__lmdb_env *env = store;
  hf__lmdb_txn *in = txn;
  MDB_txn *t = in ? in->mdb : NULL;
  hf_slice found;
  hf_status status = t ? HF_OK : hf__lmdb_read_begin(env, &t, err);
  if (status) return status;
  int rc = find(env, t, name, &found);
  text->size = 0;
  if (rc)
    status = hf__lmdb_fail(env, rc, "read a note", err);
  else if (!found.data)
    status = HF_NOT_FOUND;
  else if (!hf_buffer_add(text, found.data, found.size))
    status = hf_error_no_memory(err);
  if (!in) hf__lmdb_read_end(env, t);
  return status;
}

/* The feature comes and goes with the note, so that a Holdfast that does not know of following writes nothing. */
static int put_follows(hf__lmdb_env *env, MDB_txn *txn, const struct note *n, bool *changed) {
  const hf__lmdb_feature *feature = hf__lmdb_feature_find(hf_text(FEATURE_FOLLOW));
  int rc = 0;
  if (!n->text.size)
    rc = hf__lmdb_meta_put(env, txn, META_FEATURE, hf_text(FEATURE_FOLLOW), (hf_slice){NULL, 0}, changed);
  else if ((rc = hf__lmdb_raise(env, txn, FORMAT_MARKED, changed)) == 0 && feature)
    rc = hf__lmdb_feature_add(env, txn, feature, changed);
  return rc;
}

static hf_status put_alone(hf__lmdb_env *env, hf__lmdb_txn *t, void *arg, bool *changed, hf_error *err) {
  const struct note *n = arg;
  int rc = is_follows(n->name) ? put_follows(env, t->mdb, n, changed) : 0;
  if (rc == 0) rc = hf__lmdb_meta_put(env, t->mdb, META_NOTE, n->name, n->text, changed);
  if (rc == MDB_MAP_FULL) t->map_full = true;
  if (rc == ENOMEM) return hf_error_no_memory(err);
  return rc ? hf__lmdb_fail(env, rc, "write a note", err) : HF_OK;
}

static hf_status put_in(hf__lmdb_env *env, hf__lmdb_txn *t, const struct note *n, hf_error *err) {
  hf_slice there;
  int rc = is_follows(n->name) ? find(env, t->mdb, n->name, &there) : 0;
  if (rc == 0 && is_follows(n->name) && (!there.data || !n->text.size))
    return hf_error_set(err, HF_CONFLICT, "%s does not follow another store any more, and nothing was written",
                        env->path);
  if (rc == 0) rc = hf__lmdb_meta_put(env, t->mdb, META_NOTE, n->name, n->text, &t->changed);
  if (rc == MDB_MAP_FULL) t->map_full = true;
  return rc ? hf__lmdb_fail(env, rc, "write a note", err) : HF_OK;
}

hf_status hf__lmdb_note_put(void *store, void *txn, hf_slice name, hf_slice text, hf_error *err) {
  hf__lmdb_env *env = store;
  struct note n = {name, text.size ? text : (hf_slice){NULL, 0}};
  if (name.size > NAME_MOST) return hf_error_set(err, HF_INVALID_ARGUMENT, "the name of a note is too long");
  if (txn) return put_in(env, txn, &n, err);
  if (!is_follows(name)) return hf__lmdb_resettle(env, put_alone, &n, err);
  bool was_follower = atomic_exchange(&env->is_follower, true);
  hf_status status = hf__lmdb_resettle(env, put_alone, &n, err);
  if (status || !text.size) atomic_store(&env->is_follower, status ? was_follower : false);
  return status;
}
