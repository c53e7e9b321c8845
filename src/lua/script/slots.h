/* SPDX-License-Identifier: MIT
 *
 * The table of slots of a handle that a script class is attached to.
 */
#ifndef HF_LUA_SCRIPT_SLOTS_H
#define HF_LUA_SCRIPT_SLOTS_H

#include "core/persist.h"
#include "lua/script/instance.h"

/* The slots of such a class, in a table that is the same for the same arguments and lives as long as the
 * process.
 *   wrapped     the slots of the store that the class extends, or NULL
 *   conditions  its loops know conditions, and may leave out what they are no to; not with `wrapped` */
const hf_backend *hfL_script_backend(uint32_t methods, const hf_backend *wrapped, uint32_t capabilities,
                                     bool conditions);

/* What is attached to the handle, or NULL if no script is. */
hfL_instance *hfL_attached_to(const hf_persist *p);

/* Where a script is attached to the handle: its class's close() is not to be called any more.  A finalizer is no place
 * for an author's method: the state may be closing, and libraries be gone. */
void hfL_forgo_close(hf_persist *p);

#endif
