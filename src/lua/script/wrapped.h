/* SPDX-License-Identifier: MIT
 *
 * The store that a class extends: what the class does not have itself goes there, without entering
 * Lua.
 */
#ifndef HF_LUA_SCRIPT_WRAPPED_H
#define HF_LUA_SCRIPT_WRAPPED_H

#include "base/error.h"
#include "core/change.h"
#include "core/read_slots.h"
#include "lua/script/instance.h"

/* The handle on the store that the class extends, ready for its slots; NULL with *status set otherwise. */
static inline hf_persist *hfL_wrapped(const hfL_instance *e, hf_status *status, hf_error *err) {
  if (!e)
    *status = hf__fail(err, HF_CLOSED, "it was closed in the middle of the operation");
  else
    *status = hf_persist_init(e->wrapped, err);
  return *status ? NULL : e->wrapped;
}

/* Whether an operation belongs to the wrapped store, since none of these methods is the class's own. */
static inline bool hfL_is_wrapped(const hfL_instance *e, uint32_t methods) {
  return !e || (e->wrapped && !(e->methods & methods));
}

/* The bit of a method in hfL_instance.methods. */
#define HFL_METHOD(id) (1U << HFL_##id)

/* Ends a slot that reads: has the wrapped store do the same (core/read_slots.h).  `e` and `err` under these names. */
#define HFL_FORWARD(slot, ...)                                                                                         \
  hf_status status;                                                                                                    \
  hf_persist *p = hfL_wrapped(e, &status, err);                                                                        \
  return p ? hf__slot_##slot(p, __VA_ARGS__) : status

/* Has the wrapped store make the change: the second time that it passes the door (core/change.h). */
static inline hf_status hfL_change_wrapped(const hfL_instance *e, void *txn, const hf__change *change, hf_error *err) {
  hf_status status;
  hf_persist *p = hfL_wrapped(e, &status, err);
  return p ? hf__change_apply(p, txn, change, err) : status;
}

#endif
