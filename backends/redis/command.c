/* SPDX-License-Identifier: MIT
 *
 * Commands as bytes, in the protocol of Redis, and their replies on one connection, in the order of the commands.  What
 * goes to several nodes, and is tried again, is in pipeline.c.
 */
#include <stdlib.h>
#include <string.h>

#include "redis.h"

void hf__redis_batch_init(hf__redis_batch *b, hf__redis_store *s, bool writes) {
  *b = (hf__redis_batch){.store = s, .writes = writes, .commands = b->few, .capacity = REDIS_FEW};
}

void hf__redis_batch_free(hf__redis_batch *b) {
  for (size_t i = 0; i < b->count; i++) freeReplyObject(b->commands[i].reply);
  if (b->commands != b->few) free(b->commands);
  hf_buffer_free(&b->text);
}

/* ---- bytes */

static bool grow(hf__redis_batch *b) {
  size_t capacity = 4 * b->capacity;
  hf__redis_command *more = malloc(capacity * sizeof *more);
  if (!more) return false;
  memcpy(more, b->commands, b->count * sizeof *more);
  if (b->commands != b->few) free(b->commands);
  b->commands = more;
  b->capacity = capacity;
  return true;
}

/* Writes "$12\r\n" or "*3\r\n"; returns the byte after it. */
static char *put_size(char *to, char kind, size_t n) {
  char digits[24];
  int count = 0;
  *to++ = kind;
  do digits[count++] = (char)('0' + n % 10);
  while (n /= 10);
  while (count) *to++ = digits[--count];
  *to++ = '\r';
  *to++ = '\n';
  return to;
}

hf__redis_command *hf__redis_batch_open(hf__redis_batch *b, int slot, size_t words) {
  if (b->count == b->capacity && !grow(b)) return NULL;
  if (!hf_buffer_reserve(&b->text, b->text.size + REDIS_TEXT)) return NULL;
  hf__redis_command *c = &b->commands[b->count++];
  *c = (hf__redis_command){.at = b->text.size, .slot = slot, .node = -1};
  char *end = put_size(b->text.data + b->text.size, '*', words);
  b->text.size = (size_t)(end - b->text.data);
  c->size = b->text.size - c->at;
  return c;
}

bool hf__redis_batch_word(hf__redis_batch *b, hf_slice word) {
  hf__redis_command *c = &b->commands[b->count - 1];
  if (!hf_buffer_reserve(&b->text, b->text.size + word.size + 32)) return false;
  char *to = put_size(b->text.data + b->text.size, '$', word.size);
  memcpy(to, word.data, word.size);
  memcpy(to + word.size, "\r\n", 2);
  b->text.size = (size_t)(to - b->text.data) + word.size + 2;
  c->size = b->text.size - c->at;
  return true;
}

hf__redis_command *hf__redis_batch_add(hf__redis_batch *b, int slot, const hf_slice *words, size_t count) {
  hf__redis_command *c = hf__redis_batch_open(b, slot, count);
  for (size_t i = 0; c && i < count; i++)
    if (!hf__redis_batch_word(b, words[i])) return NULL;
  return c;
}

/* ---- replies */

hf_status hf__redis_batch_run_on(hf__redis_batch *b, hf__redis_connection *connection, int64_t deadline,
                                 hf_error *err) {
  hf_status status = hf__redis_connection_expect_idle(connection, err);
  if (status == HF_OK) status = hf__redis_connection_send(connection, b->text.data, b->text.size, deadline, err);
  hf__redis_bounds_allow(&connection->bounds, b->count);
  for (size_t i = 0; i < b->count && status == HF_OK; i++)
    status = hf__redis_connection_receive(connection, &b->commands[i].reply, deadline, err);
  return status;
}

hf_status hf__redis_batch_check(const hf__redis_batch *b, hf_error *err) {
  for (size_t i = 0; i < b->count; i++)
    if (b->commands[i].reply->type == REDIS_REPLY_ERROR)
      return hf__redis_fail_reply(b->store->config.mode, b->commands[i].reply, err);
  return HF_OK;
}
