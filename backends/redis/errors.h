/* SPDX-License-Identifier: MIT
 *
 * What error replies mean: which status they have, and which say that the server did nothing and may do it in a moment.
 */
#ifndef HF_BACKENDS_REDIS_ERRORS_H
#define HF_BACKENDS_REDIS_ERRORS_H

#include <hiredis/hiredis.h>

#include "config.h"

/* Whether it is an error reply that begins so. */
bool hf__redis_reply_begins(const redisReply *reply, const char *word);
/* Whether the server did nothing, and may do it in a moment: the command is sent again. */
bool hf__redis_reply_is_passing(hf__redis_mode mode, const redisReply *reply);
/* What an error reply means. */
hf_status hf__redis_fail_reply(hf__redis_mode mode, const redisReply *reply, hf_error *err);
/* Says that a write may have happened; `err` has what went wrong. */
hf_status hf__redis_lost(hf_error *err);
/* Says of an error that part of what was to be written may have happened, unless it says so already. */
hf_status hf__redis_partly(hf_error *err);
/* The error for a reply that is none to the command; `wrote`: a write, of which nobody knows whether it happened. */
hf_status hf__redis_strange(bool wrote, hf_error *err);

#endif
