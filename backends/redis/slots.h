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
int redis_slot(hf_slice key);

/* What "MOVED 3999 host:port" or "ASK 3999 host:port" says. */
typedef struct redis_redirect {
  int slot;
  redis_address to;
} redis_redirect;

/* False: it is not as it should be.  `said_by`: the host of the node that said it, which an empty host means. */
bool redis_redirect_parse(const char *text, const char *said_by, redis_redirect *out);

/* One element of the reply to CLUSTER SLOTS: a range of slots and its master. */
typedef struct redis_range {
  int first, last;
  redis_address master; /* port 0: it says none that there can be */
} redis_range;

/* False: it is not as it should be.  `said_by`: the host of the node that said it, which stands for one without a name.
 */
bool redis_range_parse(const redisReply *reply, const char *said_by, redis_range *out);

#endif
