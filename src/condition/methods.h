/* SPDX-License-Identifier: MIT
 *
 * The methods of strings that a condition's text may call: find, sub and match.
 */
#ifndef HF_CONDITION_METHODS_H
#define HF_CONDITION_METHODS_H

#include "condition/tree.h"

/* More arguments than this are none that a condition understands. */
#define HF__ARGUMENTS_MAX 4

/* Makes the term for x:name(arguments).
 *   name    the token, for errors
 *   x       settled
 * False: it cannot be, and the error says why. */
bool hf__method_call(hf__tree *tree, const hf__token *name, hf__term *x, hf__term *arguments, size_t count,
                     hf__term *out);

#endif
