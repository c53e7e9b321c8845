/* SPDX-License-Identifier: MIT
 *
 * The slots of a cluster: which one a key has, and what nodes say about who has them.  Nothing here sends anything.
 */
#ifndef HF_BACKENDS_REDIS_SLOTS_H
#define HF_BACKENDS_REDIS_SLOTS_H

#include <hiredis/hiredis.h>

#include "config.h"

enum { REDIS_SLOTS = 16384 };

/* The slot of a key in a cluster. */
int hf__redis_slot(hf_slice key);

/* What "MOVED 3999 host:port" or "ASK 3999 host:port" says. */
typedef struct hf__redis_redirect {
  int slot;
  hf__redis_address to;
} hf__redis_redirect;

/* False: it is not as it should be.  `said_by`: the host of the node that said it, which an empty host means. */
bool hf__redis_redirect_parse(const char *text, const char *said_by, hf__redis_redirect *out);

/* One element of the reply to CLUSTER SLOTS: a range of slots and its master. */
typedef struct hf__redis_range {
  int first, last;
  hf__redis_address master; /* port 0: it says none that there can be */
} hf__redis_range;

/* False: it is not as it should be.  `said_by`: the host of the node that said it, which stands for one without a name.
 */
bool hf__redis_range_parse(const redisReply *reply, const char *said_by, hf__redis_range *out);

#endif
