/* SPDX-License-Identifier: MIT
 *
 * Writing the log of changes, and its setting: see redis.h.
 */
#include "redis.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define LOOK_NS INT64_C(1000000000)
enum { WAIT_MS = 1500 };

/* ---- whether there is one */

static hf_status run(hf__redis_batch *b, bool ok, int64_t deadline, hf_error *err) {
  hf_status status = ok ? hf__redis_batch_run(b, deadline, err) : hf_error_no_memory(err);
  return status ? status : hf__redis_batch_check(b, err);
}

hf_status hf__redis_log_look(hf__redis_store *s, bool *is_on, int64_t deadline, hf_error *err) {
  int64_t now = hf_clock_ns();
  *is_on = atomic_load(&s->log_is_on);
  int64_t looked_at = atomic_load(&s->log_looked_at); /* 0: not yet */
  if (s->config.mode == REDIS_CLUSTER || (looked_at && now - looked_at < LOOK_NS)) return HF_OK;
  hf__redis_batch b;
  hf__redis_batch_init(&b, s, false);
  bool ok = hf__redis_batch_add(&b, 0, (const hf_slice[]){hf_text("HEXISTS"), hf_text(REDIS_LOG), hf_text("kept")}, 3);
  hf_status status = ok ? hf__redis_batch_run(&b, deadline, err) : hf_error_no_memory(err);
  if (status == HF_OK) {
    const redisReply *reply = b.commands[0].reply;
    /* Whose user may not look at this key has writes of its own only: see the README. */
    bool is_hidden = hf__redis_reply_begins(reply, "NOPERM ");
    if (is_hidden || reply->type == REDIS_REPLY_INTEGER) {
      *is_on = !is_hidden && reply->integer == 1;
      atomic_store(&s->log_is_on, *is_on);
      atomic_store(&s->log_looked_at, now);
    } else {
      status = hf__redis_batch_check(&b, err);
      if (status == HF_OK) status = hf__redis_strange(false, err);
    }
  }
  hf__redis_batch_free(&b);
  return status;
}

/* ---- writing */

/* KEYS: the hash, the stream, and the keys to change.  ARGV: the condition, its text, and for each key what to do, with
 * up to three words: the text, and when it expires.
 *
 * An entry beyond the limit goes with a later write, a few at a time, and takes the rest of its revision with it. */
static const char apply_script[] =
    "local log, stream, condition = KEYS[1], KEYS[2], ARGV[1] "
    "if condition == 'absent' and redis.call('EXISTS', KEYS[3]) == 1 then return 0 end "
    "if condition == 'same' and redis.call('GET', KEYS[3]) ~= ARGV[2] then return 0 end "
    "local entries, at = {}, 3 "
    "for i = 3, #KEYS do "
    "  local words = tonumber(ARGV[at]) "
    "  if words == 0 then "
    "    if redis.call('DEL', KEYS[i]) == 1 then entries[#entries + 1] = 'remove' entries[#entries + 1] = KEYS[i] end "
    "  else "
    "    redis.call('SET', KEYS[i], unpack(ARGV, at + 1, at + words)) "
    "    entries[#entries + 1] = 'write' entries[#entries + 1] = KEYS[i] "
    "  end "
    "  at = at + 1 + words "
    "end "
    "if #entries == 0 then return 0 end "
    "local known = redis.call('HMGET', log, 'kept', 'age', 'revisions', 'at') "
    "if not known[1] then return #entries / 2 end "
    "local time = redis.call('TIME') "
    "local now = math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(known[4] or 0)) "
    "local revision = redis.call('HINCRBY', log, 'revision', 1) "
    "redis.call('HSET', log, 'at', string.format('%.0f', now)) "
    "for i = 1, #entries, 2 do "
    "  redis.call('XADD', stream, string.format('%.0f-%d', revision, (i - 1) / 2), "
    "    'at', string.format('%.0f', now), 'what', entries[i], 'key', entries[i + 1]) "
    "end "
    "local age, revisions, gone, last = tonumber(known[2]), tonumber(known[3]), {}, nil "
    "for _, entry in ipairs(redis.call('XRANGE', stream, '-', '+', 'COUNT', math.min(#entries + 16, 4000))) do "
    "  local number = tonumber(entry[1]:match('^%d+')) "
    "  local old = revisions > 0 and number <= revision - revisions or age > 0 and tonumber(entry[2][2]) < now - age "
    "  if not old then break end "
    "  gone[#gone + 1] = entry[1] last = number "
    "end "
    "if last then "
    "  redis.call('XDEL', stream, unpack(gone)) "
    "  if redis.call('HEXISTS', log, 'from') == 1 then redis.call('HSET', log, 'from', string.format('%.0f', last + "
    "1)) end "
    "end "
    "return #entries / 2";

static bool add_text(hf__redis_batch *b, const char *text) { return hf__redis_batch_word(b, hf_text(text)); }

bool hf__redis_add_logged(hf__redis_batch *b, const hf_slice *keys, const hf_slice *texts, const int64_t *expiries,
                          size_t count, hf__redis_if condition, hf_slice present) {
  static const char *const names[] = {"", "absent", "same"};
  char number[24];
  hf_slice expiry[2];
  size_t words = 5 + count + 2;
  for (size_t i = 0; i < count; i++)
    words += 1 + (texts[i].data ? 1 + hf__redis_expiry_words(b->store, expiries[i], number, expiry) : 0);
  snprintf(number, sizeof number, "%zu", count + 2);
  bool ok = hf__redis_batch_open(b, 0, words) && add_text(b, "EVAL") && add_text(b, apply_script) &&
            add_text(b, number) && add_text(b, REDIS_LOG) && add_text(b, REDIS_CHANGES);
  for (size_t i = 0; i < count && ok; i++) ok = hf__redis_batch_word(b, keys[i]);
  ok = ok && add_text(b, names[condition]) && hf__redis_batch_word(b, present);
  for (size_t i = 0; i < count && ok; i++) {
    static const char *const counts[] = {"1", NULL, "3"};
    size_t n = texts[i].data ? hf__redis_expiry_words(b->store, expiries[i], number, expiry) : 0;
    ok = add_text(b, texts[i].data ? counts[n] : "0");
    if (ok && texts[i].data) ok = hf__redis_batch_word(b, texts[i]);
    for (size_t k = 0; k < n && ok; k++) ok = hf__redis_batch_word(b, expiry[k]);
  }
  return ok;
}

/* ---- its setting */

const char *const hf__redis_settings[] = {"changes", "note", NULL};

hf_status hf__redis_settings_get(void *store, hf_page *page, hf_error *err) {
  hf__redis_batch b;
  hf__redis_batch_init(&b, store, false);
  const hf_slice words[] = {hf_text("HMGET"), hf_text(REDIS_LOG), hf_text("kept"), hf_text("note")};
  bool ok = hf__redis_batch_add(&b, 0, words, 4) != NULL;
  hf_status status = run(&b, ok, hf__redis_deadline(store), err);
  const redisReply *reply = status ? NULL : b.commands[0].reply;
  if (reply && (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)) status = hf__redis_strange(false, err);
  for (size_t i = 0; i < 2 && status == HF_OK; i++) {
    const redisReply *value = reply->element[i];
    if (value->type == REDIS_REPLY_STRING && !hf_page_add(page, hf_text(hf__redis_settings[i]), value->str, value->len))
      status = hf_error_no_memory(err);
  }
  hf__redis_batch_free(&b);
  return status;
}

/* Runs a script over the hash and the stream. */
static hf_status evaluate(hf__redis_store *s, const char *script, const hf_slice *arguments, size_t count,
                          hf_error *err) {
  hf__redis_batch b;
  hf__redis_batch_init(&b, s, true);
  const hf_slice words[] = {hf_text("EVAL"), hf_text(script), hf_text("2"), hf_text(REDIS_LOG), hf_text(REDIS_CHANGES)};
  bool ok = hf__redis_batch_open(&b, 0, 5 + count);
  for (size_t i = 0; i < 5 + count && ok; i++) ok = hf__redis_batch_word(&b, i < 5 ? words[i] : arguments[i - 5]);
  hf_status status = run(&b, ok, hf__redis_deadline(s), err);
  hf__redis_batch_free(&b);
  atomic_store(&s->log_looked_at, 0);
  return status;
}

static hf_status turn_off(hf__redis_store *s, hf_error *err) {
  static const char script[] = "redis.call('HDEL', KEYS[1], 'kept', 'age', 'revisions', 'from') "
                               "return redis.call('DEL', KEYS[2])";
  return evaluate(s, script, NULL, 0, err);
}

static hf_status turn_on(hf__redis_store *s, hf_slice json, hf_error *err) {
  static const char begin[] = "redis.call('HSET', KEYS[1], 'kept', ARGV[1], 'age', ARGV[2], 'revisions', ARGV[3]) "
                              "return redis.call('HSETNX', KEYS[1], 'revision', 0)";
  static const char complete[] = "if redis.call('HEXISTS', KEYS[1], 'kept') == 0 then return 0 end "
                                 "local revision = tonumber(redis.call('HGET', KEYS[1], 'revision')) "
                                 "return redis.call('HSETNX', KEYS[1], 'from', string.format('%.0f', revision + 1))";
  bool is_text = json.size > 1 && json.data[0] == '"';
  hf_slice text = is_text ? (hf_slice){json.data + 1, json.size - 2} : json;
  hf_changes_kept kept;
  char age[24], revisions[24];
  if (!hf_changes_kept_parse(text, &kept)) return turn_off(s, err);
  snprintf(age, sizeof age, "%lld", (long long)kept.age);
  snprintf(revisions, sizeof revisions, "%llu", (unsigned long long)kept.revisions);
  hf_status status = evaluate(s, begin, (const hf_slice[]){json, hf_text(age), hf_text(revisions)}, 3, err);
  if (status) return status;
  poll(NULL, 0, WAIT_MS); /* until all processes know of it */
  return evaluate(s, complete, NULL, 0, err);
}

/* Replaces the note; of no size: none. */
static hf_status keep_note(hf__redis_store *s, hf_slice json, hf_error *err) {
  static const char script[] = "if ARGV[1] == '' then return redis.call('HDEL', KEYS[1], 'note') end "
                               "return redis.call('HSET', KEYS[1], 'note', ARGV[1])";
  if (!json.data) json = hf_text("");
  return evaluate(s, script, &json, 1, err);
}

static bool is_note(hf_slice name) { return name.size == 4 && memcmp(name.data, "note", 4) == 0; }

hf_status hf__redis_settings_put(void *store, const hf_setting_change *changes, size_t count, unsigned format,
                                 hf_error *err) {
  hf_status status = HF_OK;
  (void)format;
  for (size_t i = 0; i < count && status == HF_OK; i++)
    status = is_note(changes[i].name) ? keep_note(store, changes[i].json, err)
             : changes[i].json.data   ? turn_on(store, changes[i].json, err)
                                      : turn_off(store, err);
  return status;
}
