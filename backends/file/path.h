/* SPDX-License-Identifier: MIT
 *
 * Ids as relative paths.  `log-1` is log-1.json, `BTC/USDT:USDT` is
 * BTC/USDT:USDT.json: what the class PersistBase of the framework would write.  Whatever
 * could leave the folder or meet another id is escaped, so that different ids have
 * different paths and every path means one id:
 *
 *   %                                    %25
 *   a dot that begins a part             %2E       .. and hidden files
 *   an empty part, as in a//b            %
 *   a folder that ends in .json          its dot as %2E: the file of the id `a` is a.json
 *   a part too long for a file name      PIECE%~/REST
 */
#ifndef HF_BACKENDS_FILE_PATH_H
#define HF_BACKENDS_FILE_PATH_H

#include "holdfast/backend.h"

/* Longest part of a path that is written: NAME_MAX without ".json". */
#define FILE_PART_MAX 250
/* The same in quarantine, where more is appended to names. */
#define FILE_PART_MAX_QUARANTINE 220

/* Room for an encoded id or entity name, with its 0. */
#define FILE_RELATIVE_MAX 1280

/* Writes the relative path of an id, without ".json" after it.  Returns its length. */
size_t hf__file_encode_id(hf_slice id, size_t part_max, char out[FILE_RELATIVE_MAX]);

/* The same for an entity name, which is one part: its slashes are escaped, too. */
size_t hf__file_encode_name(hf_slice name, char out[FILE_RELATIVE_MAX]);

/* Appends what one part of a path means to `out`, which has room for HF_ID_MAX bytes.
 *   continued  whether the part goes on in the next one
 * False: no id has such a part. */
bool hf__file_decode_part(const char *part, size_t size, char *out, size_t *out_size, bool *continued);

#endif
