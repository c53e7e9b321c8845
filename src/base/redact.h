/* SPDX-License-Identifier: MIT
 *
 * Passwords in store URLs, and texts in which they must not be seen.  The one place for it: scripts and the command
 * come here by holdfast.core.redact().
 */
#ifndef HF_BASE_REDACT_H
#define HF_BASE_REDACT_H

#include "holdfast/backend.h"

/* The URL as it may be shown: what is secret in it becomes "***".  That is
 *   - the password in "scheme://user:password@host"; of redis: URLs also "scheme://password@host"
 *   - values of parameters whose names speak of a password, a token or a secret, and authMechanismProperties
 *   - both in URLs that are parameters, such as lua:MODULE?base=URL, which are shown without their escapes then
 * Where it can be read in more than one way, since the password has a "/", "?" or "@" that is not escaped, more is
 * hidden rather than less.  malloc'ed, NULL: out of memory. */
char *hf__url_redact(const char *url);

/* Whether there is anything to hide. */
bool hf__url_has_secret(const char *url);

/* A text in which the URL may occur, whole or in pieces, as it may be shown: without the URL's secrets, as they stand
 * there and decoded, and without the beginning of one at its end, where it was cut off.  malloc'ed, NULL: out of
 * memory. */
char *hf__text_redact(const char *text, const char *url);

/* The same with message and cause of an error; with NULL for either nothing. */
void hf__error_redact(hf_error *err, const char *url);

/* A copy of the URL if it has secrets, for hf__error_redact(); else NULL. */
char *hf__url_keep_secret(const char *url);

#endif
