/* SPDX-License-Identifier: MIT
 *
 * What error replies mean.  Redis tells errors apart by their first word; the rest is for people.
 */
#include "errors.h"

#include <string.h>

bool hf__redis_reply_begins(const redisReply *reply, const char *word) {
  return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, word, strlen(word)) == 0;
}

bool hf__redis_reply_is_passing(hf__redis_mode mode, const redisReply *reply) {
  static const char *const words[] = {"TRYAGAIN ", "CLUSTERDOWN ", "LOADING ", "BUSY ", "MASTERDOWN "};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (hf__redis_reply_begins(reply, words[i])) return true;
  return mode != REDIS_SINGLE && hf__redis_reply_begins(reply, "READONLY "); /* the master is another one now */
}

hf_status hf__redis_lost(hf_error *err) {
  char message[sizeof err->message];
  memcpy(message, err->message, sizeof message);
  hf_status status = err->status == HF_TIMEOUT ? HF_TIMEOUT : HF_UNAVAILABLE;
  hf_error_set(err, status, "%.900s; the write may have happened: read it before writing again", message);
  err->retryable = false;
  return status;
}

hf_status hf__redis_partly(hf_error *err) {
  char message[sizeof err->message];
  hf_status status = err->status;
  if (strstr(err->message, "may have happened")) return status;
  memcpy(message, err->message, sizeof message);
  hf_error_set(err, status, "%.900s; part of it may have happened: read it before writing again", message);
  err->retryable = false;
  return status;
}

hf_status hf__redis_strange(bool wrote, hf_error *err) {
  hf_error_set(err, HF_IO, "Redis answers with something else: is it Redis?%s",
               wrote ? "  The write may have happened: read it before writing again" : "");
  err->retryable = false;
  return HF_IO;
}

static hf_status refuse(hf_status status, const char *text, const char *advice, hf_error *err) {
  hf_error_set(err, status, "Redis refuses: %.600s%s", text, advice);
  err->retryable = false;
  return status;
}

hf_status hf__redis_fail_reply(hf__redis_mode mode, const redisReply *reply, hf_error *err) {
  const char *text = reply->str;
  if (hf__redis_reply_begins(reply, "OOM "))
    return hf_error_set(err, HF_FULL, "Redis is at its maxmemory: %.600s", text);
  if (hf__redis_reply_begins(reply, "MISCONF "))
    return hf_error_set(err, HF_FULL, "Redis cannot write to its disk, so it takes no writes: %.600s", text);
  if (hf__redis_reply_is_passing(mode, reply) || hf__redis_reply_begins(reply, "NOREPLICAS "))
    return hf_error_set(err, HF_UNAVAILABLE, "Redis cannot do it now: %.600s", text);
  if (hf__redis_reply_begins(reply, "READONLY "))
    return hf_error_set(err, HF_READONLY, "this Redis server is a replica: %.600s", text);
  if (hf__redis_reply_begins(reply, "WRONGTYPE "))
    return hf_error_set(err, HF_CORRUPT, "its key holds another Redis type, not a string");
  if (hf__redis_reply_begins(reply, "NOAUTH "))
    return refuse(HF_UNAVAILABLE, text, " Give user and password in the URL", err);
  if (hf__redis_reply_begins(reply, "WRONGPASS ")) return refuse(HF_UNAVAILABLE, text, "", err);
  if (hf__redis_reply_begins(reply, "NOPERM ")) return refuse(HF_READONLY, text, "", err);
  return refuse(HF_IO, text, "", err);
}
