/* SPDX-License-Identifier: MIT
 *
 * The one door for changes: whatever writes, removes or puts aside an entity goes through hf__change_apply(), which
 * alone calls the slots that change something.  What is to happen with every change (hooks, statistics, the expiry of
 * what was written) goes in there, and nowhere else.
 *
 * Twice through the door.  A write through a script's class that wraps a store passes for the class, and again for the
 * store, by the handle that the class wraps: whether the class hands it down without a method of its own (wrapped.h) or
 * calls its parent's.  So what is to happen once for each change belongs to the innermost handle, hf__is_innermost(),
 * and only there are key and value what the store keeps.  A class may also make several changes of one, or none.
 *
 * Nothing looks under a class.  One with readValue and writeValue of its own hides the bytes: encrypted, packed, under
 * another id.  What the innermost handle sees is therefore not what scripts see.  Whoever wants to see that (a
 * predicate, an index over fields) asks the handle that was given, whose slots call the methods, and never the one that
 * it wraps.
 *
 * What a change entails within the store is the backend's, which alone sees it: that the first write of a collection
 * creates its name, and that writing, removing or clearing settles what is in quarantine.  What has to be in the same
 * commit as the change (an index, a log of changes) is kept there, in backends/lmdb/change.c.
 */
#ifndef HF_CORE_CHANGE_H
#define HF_CORE_CHANGE_H

#include "core/handle.h"

typedef enum hf__change_kind {
  HF__CHANGE_PUT,         /* puts[0] is written */
  HF__CHANGE_PUT_MANY,    /* `count` puts are, with distinct ids in natural order; needs the slot put_many */
  HF__CHANGE_REMOVE,      /* keys[0] is removed */
  HF__CHANGE_REMOVE_IF,   /* the same if it has `revision`; needs HF_CAP_REMOVE_IF */
  HF__CHANGE_REMOVE_MANY, /* those of `count` keys that are there; needs the slot remove_many */
  HF__CHANGE_CLEAR,       /* all of the collection are */
  HF__CHANGE_QUARANTINE,  /* keys[0] is unreadable and is put aside; needs the slot quarantine, and no transaction */
  HF__CHANGE_DAMAGE       /* keys[0] is damaged elsewhere; needs the slot quarantine_put */
} hf__change_kind;

/* A change of one collection, checked by who makes it.  What its kind does not name is left out. */
typedef struct hf__change {
  hf__change_kind kind;
  const hf_put *puts;
  const hf_key *keys;
  size_t count;
  const hf_write_options *options; /* of PUT */
  uint64_t revision;               /* of REMOVE_IF */
  hf_info *info;                   /* filled in by PUT; on HF_CONFLICT as the slot says, also of REMOVE_IF */
  uint64_t *removed;               /* filled in by REMOVE_MANY */
  const char *problem;             /* of QUARANTINE and DAMAGE: what is wrong, in one line */
  hf_slice bytes;                  /* of DAMAGE: what was found */
} hf__change;

/* Makes the change in the store of the handle, which is ready, in the transaction that the thread has joined
 * there (NULL: in one of its own).  Errors are as the slots give them: hf__persist_fail() names them. */
hf_status hf__change_apply(hf_persist *p, void *txn, const hf__change *change, hf_error *err);

/* A number that is another one once this process has changed something in the collection, and again once a transaction
 * in which it did so has ended; sometimes also otherwise. */
static inline uint64_t hf__change_count(const hf_persist *p) {
  return atomic_load_explicit(&p->store->changes[p->change_group], memory_order_relaxed);
}

#endif
