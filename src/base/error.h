/* SPDX-License-Identifier: MIT
 *
 * Filling in an hf_error, inside the library.  The setters that backends need too
 * (hf_error_set, hf_error_cause, hf_error_id) are in backend.h.
 */
#ifndef HF_BASE_ERROR_H
#define HF_BASE_ERROR_H

#include "holdfast/backend.h"

/* hf_error_set() for the core: `return hf__fail(err, HF_IO, "...")`.  A macro, so that static analysis sees that its
 * value is the status. */
static inline hf_status hf__same(hf_status status) { return status; }
#define hf__fail(err, status, ...) (hf_error_set((err), (status), __VA_ARGS__), hf__same(status))

/* The same for hf_error_no_memory(). */
#define hf__no_memory(err) (hf_error_no_memory(err), hf__same(HF_NO_MEMORY))

/* Names the entity an error is about.  Slices without data leave the field as it is. */
void hf__error_entity(hf_error *err, hf_slice entity_name, hf_slice id);

/* Copies text into a fixed field, cutting it at a UTF-8 boundary and marking the cut with "...". */
void hf__copy_text(char *out, size_t capacity, const char *text, size_t size);

#endif
