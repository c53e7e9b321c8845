/* SPDX-License-Identifier: MIT
 *
 * JSON text inside the core: checking it, and the pieces that writers of JSON
 * text share.  hf_json_validate() itself is public (holdfast.h).
 */
#ifndef HF_BASE_JSON_H
#define HF_BASE_JSON_H

#include "holdfast/holdfast.h"

/* Length of the longest prefix of `text` that is valid UTF-8 (RFC 3629: no surrogates, no overlong forms,
 * nothing above U+10FFFF); equals text.size when all of it is valid. */
size_t hf__utf8_valid_prefix(hf_slice text);

/* Most bytes that `size` bytes of string content can take once quoted and escaped, with both quotes. */
#define HF__JSON_QUOTED_MAX(size) ((size)*6 + 2)

/* Writes `text` (valid UTF-8) as a quoted JSON string, escaped as JSON.stringify does (\" \\ \b \f \n \r \t and
 * \u00xx for other control characters; U+007F and everything above as it is).  `out` has room for
 * HF__JSON_QUOTED_MAX(text.size).  Returns the byte after the closing quote. */
char *hf__json_quote(char *out, hf_slice text);

/* Adds text that may have a damaged name in it, quoted, cut after 1,024 bytes: what is not UTF-8 in it becomes a
 * question mark.  False: out of memory. */
bool hf__quote_damaged(hf_buffer *json, hf_slice text);

/* Writes the content of a string (from after its opening quote to before its closing one) with its escapes replaced.
 * `out` has room for as many bytes; it never takes more.  Returns the end of what it wrote; NULL: a broken escape, or
 * half a surrogate pair. */
char *hf__json_unescape(const char *p, const char *end, char *out);

#endif
