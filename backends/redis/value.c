/* SPDX-License-Identifier: MIT
 *
 * The values of entities: what a reply to GET has, their revisions, and the commands that write one or many of them.
 */
#include <isa-l/crc64.h>
#include <stdio.h>
#include <string.h>

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

size_t hf__redis_expiry_words(const hf__redis_store *s, int64_t expires_at, char number[24], hf_slice words[2]) {
  int64_t ms = expires_at ? expires_at : s->config.ttl_ms;
  if (!ms) return 0;
  snprintf(number, 24, "%lld", (long long)ms);
  words[0] = hf_text(expires_at ? "PXAT" : "PX");
  words[1] = hf_text(number);
  return 2;
}

bool hf__redis_add_set(hf__redis_batch *b, hf_slice key, hf_slice json, int64_t expires_at, bool if_absent) {
  char number[24];
  hf_slice words[6] = {hf_text("SET"), key, json};
  size_t n = 3 + hf__redis_expiry_words(b->store, expires_at, number, words + 3);
  if (if_absent) words[n++] = hf_text("NX");
  return hf__redis_batch_add(b, hf__redis_slot(key), words, n) != NULL;
}

/* ---- reading many at once */

/* Values, each with the time when it expires: -1 for never.  Before Redis 7.0 there is no command for that time, and
 * what is left of it counts from now. */
static const char read_script[] =
    "local values, out = redis.call('MGET', unpack(KEYS)), {} "
    "for i, key in ipairs(KEYS) do "
    "local at = values[i] and redis.pcall('PEXPIRETIME', key) or -1 "
    "if type(at) == 'table' then at = redis.call('PTTL', key) "
    "if at >= 0 then local now = redis.call('TIME') at = at + now[1] * 1000 + math.floor(now[2] / 1000) end end "
    "out[2 * i - 1], out[2 * i] = values[i], at end "
    "return out";

bool hf__redis_add_read(hf__redis_batch *b, int slot, size_t count, bool with_expiries) {
  char number[24];
  if (!with_expiries) return hf__redis_batch_open(b, slot, count + 1) && hf__redis_batch_word(b, hf_text("MGET"));
  snprintf(number, sizeof number, "%zu", count);
  return hf__redis_batch_open(b, slot, count + 3) && hf__redis_batch_word(b, hf_text("EVAL")) &&
         hf__redis_batch_word(b, hf_text(read_script)) && hf__redis_batch_word(b, hf_text(number));
}

hf_status hf__redis_take_read(const hf__redis_batch *b, const redisReply *reply, const redisReply **values,
                              int64_t *expiries, size_t count, hf_error *err) {
  size_t step = expiries ? 2 : 1;
  if (reply->type == REDIS_REPLY_ERROR) return hf__redis_fail_reply(b->store->config.mode, reply, err);
  bool fits = reply->type == REDIS_REPLY_ARRAY && reply->elements == count * step;
  for (size_t i = 0; i < count && fits; i++) {
    values[i] = reply->element[i * step];
    if (!expiries) continue;
    const redisReply *at = reply->element[i * step + 1];
    fits = at->type == REDIS_REPLY_INTEGER;
    expiries[i] = fits && at->integer > 0 ? at->integer : 0;
  }
  return fits ? HF_OK : hf_error_set(err, HF_IO, "Redis answers MGET with something else");
}

bool hf__redis_may_script(hf__redis_store *s) { return !atomic_load(&s->no_scripts); }

bool hf__redis_refuses_scripts(hf__redis_store *s, const hf__redis_batch *b) {
  for (size_t i = 0; i < b->count; i++) {
    const redisReply *reply = b->commands[i].reply;
    if (!reply || reply->type != REDIS_REPLY_ERROR || !strcasestr(reply->str, "eval")) continue;
    if (!hf__redis_reply_begins(reply, "NOPERM ") && !hf__redis_reply_begins(reply, "ERR unknown command")) continue;
    if (!atomic_exchange(&s->no_scripts, true))
      hf_warn("Redis: this user may not run EVAL, without which nobody learns when entities expire, so that copies of "
              "them do not");
    return true;
  }
  return false;
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

bool hf__redis_add_all(hf__redis_batch *b, const hf_slice *keys, const hf_slice *texts, const int64_t *expiries,
                       size_t count) {
  static const hf_slice multi = {"MULTI", 5}, exec = {"EXEC", 4};
  bool ttl = b->store->config.ttl_ms != 0;
  if (!hf__redis_batch_add(b, 0, &multi, 1)) return false;
  for (size_t first = 0, end; first < count; first = end) {
    bool writes = texts[first].data != NULL, alone = writes && (ttl || expiries[first]), ok;
    for (end = first + 1; end < count && end - first < PAIRS && !alone; end++)
      if ((texts[end].data != NULL) != writes || expiries[end]) break;
    if (alone)
      ok = hf__redis_add_set(b, keys[first], texts[first], expiries[first], false);
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
