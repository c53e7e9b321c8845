/* SPDX-License-Identifier: MIT
 *
 * The values of entities: what a reply to GET has, their revisions, and the commands that write one or many of them.
 */
#include <isa-l/crc64.h>
#include <stdio.h>

#include "redis.h"

enum { PAIRS = 1000 };

/* ---- one value */

uint64_t hf__redis_revision(hf_slice json) {
  uint64_t digest = crc64_ecma_refl(0, (const unsigned char *)json.data, json.size) >> 12;
  return digest ? digest : 1;
}

hf_status hf__redis_value(const hf__redis_store *s, const redisReply *reply, hf_slice *json, hf_error *err) {
  if (reply->type == REDIS_REPLY_ERROR) return hf__redis_fail_reply(s->config.mode, reply, err);
  if (reply->type == REDIS_REPLY_NIL) return HF_NOT_FOUND;
  if (reply->type != REDIS_REPLY_STRING) return hf_error_set(err, HF_IO, "Redis answers GET with something else");
  *json = (hf_slice){reply->str, reply->len};
  hf_error why;
  if (hf_json_validate(*json, &why) == HF_OK) return HF_OK;
  return hf_error_set(err, HF_CORRUPT, "%.900s", why.message);
}

bool hf__redis_add_set(hf__redis_batch *b, hf_slice key, hf_slice json, bool if_absent) {
  char ttl[24];
  hf_slice words[6] = {hf_text("SET"), key, json};
  size_t n = 3;
  if (b->store->config.ttl_ms) {
    snprintf(ttl, sizeof ttl, "%lld", (long long)b->store->config.ttl_ms);
    words[n++] = hf_text("PX");
    words[n++] = hf_text(ttl);
  }
  if (if_absent) words[n++] = hf_text("NX");
  return hf__redis_batch_add(b, hf__redis_slot(key), words, n) != NULL;
}

/* ---- writing many at once */

static bool add_group(hf__redis_batch *b, const char *command, const hf_slice *keys, const hf_slice *texts,
                      size_t count, bool pairs) {
  if (!hf__redis_batch_open(b, hf__redis_slot(keys[0]), count * (pairs ? 2 : 1) + 1) ||
      !hf__redis_batch_word(b, hf_text(command)))
    return false;
  for (size_t i = 0; i < count; i++)
    if (!hf__redis_batch_word(b, keys[i]) || (pairs && !hf__redis_batch_word(b, texts[i]))) return false;
  return true;
}

bool hf__redis_add_all(hf__redis_batch *b, const hf_slice *keys, const hf_slice *texts, size_t count) {
  static const hf_slice multi = {"MULTI", 5}, exec = {"EXEC", 4};
  bool ttl = b->store->config.ttl_ms != 0;
  if (!hf__redis_batch_add(b, 0, &multi, 1)) return false;
  for (size_t first = 0, end; first < count; first = end) {
    bool writes = texts[first].data != NULL, ok;
    for (end = first; end < count && end - first < PAIRS && (texts[end].data != NULL) == writes;) end++;
    if (writes && ttl) end = first + 1;
    if (writes && ttl)
      ok = hf__redis_add_set(b, keys[first], texts[first], false);
    else
      ok = add_group(b, writes ? "MSET" : "DEL", keys + first, texts + first, end - first, writes);
    if (!ok) return false;
  }
  return hf__redis_batch_add(b, 0, &exec, 1) != NULL;
}

hf_status hf__redis_check_all(const hf__redis_batch *b, hf_error *err) {
  const redisReply *exec = b->commands[b->count - 1].reply;
  if (exec->type == REDIS_REPLY_NIL)
    return hf_error_set(err, HF_CONFLICT,
                        "another client has changed what this transaction has read, so nothing was written: run it "
                        "again");
  hf_status status = hf__redis_batch_check(b, err); /* the first one refused tells more than EXEC does */
  if (status == HF_OK && (exec->type != REDIS_REPLY_ARRAY || exec->elements != b->count - 2))
    status = hf__redis_strange(true, err);
  for (size_t i = 0; status == HF_OK && i < exec->elements; i++)
    if (exec->element[i]->type == REDIS_REPLY_ERROR)
      status = hf__redis_fail_reply(b->store->config.mode, exec->element[i], err);
  return status;
}
