/* SPDX-License-Identifier: MIT
 *
 * What is accepted as a reply.
 *
 * A reply begins with its size: "*1000000000" is twelve bytes, for which hiredis reserves memory for as many pointers.
 * So sizes are looked at before anything is reserved.  Nothing that this backend asks for comes near the limits, but
 * for EXEC, whose reply has as many elements as there were commands: whoever sent them says so.
 */
#include <stdio.h>
#include <stdlib.h>

#include "redis.h"

enum { ELEMENTS_MAX = 1 << 20 };

static const size_t TEXT_MAX = (size_t)512 << 20; /* Redis' own limit of a string */
static const size_t BYTES_MAX = (size_t)1 << 30;

/* hiredis has changed this since 0.14. */
#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#define CURRENT_TASK(reader) (*(reader)->task[(reader)->ridx])
#else
typedef int element_count;
#define CURRENT_TASK(reader) ((reader)->rstack[(reader)->ridx])
#endif

static void *refuse(hf__redis_bounds *b, const char *format, unsigned long long size) {
  snprintf(b->problem, sizeof b->problem, format, size);
  return NULL;
}

static hf__redis_bounds *bounds_of(const redisReadTask *task) {
  hf__redis_bounds *b = task->privdata;
  if (!task->parent) b->elements = b->bytes = 0; /* a reply begins */
  return b;
}

static void *make_array(const redisReadTask *task, element_count count) {
  hf__redis_bounds *b = bounds_of(task);
  size_t more = (size_t)count;
  if (more > b->elements_max || b->elements + more > b->elements_max)
    return refuse(b, "it announces an answer of %llu elements, which nobody asked for", more);
  b->elements += more;
  return b->theirs.createArray(task, count);
}

static void *make_string(const redisReadTask *task, char *text, size_t size) {
  hf__redis_bounds *b = bounds_of(task);
  if ((b->bytes += size) > BYTES_MAX) return refuse(b, "an answer has more than 1 GiB", 0);
  return b->theirs.createString(task, text, size);
}

redisReader *hf__redis_bounds_reader(hf__redis_bounds *b) {
  redisReader *reader = redisReaderCreate();
  if (!reader) return NULL;
  b->theirs = b->ours = *reader->fn;
  b->ours.createArray = make_array;
  b->ours.createString = make_string;
  b->elements_max = ELEMENTS_MAX;
  b->problem[0] = '\0';
  reader->fn = &b->ours;
  reader->privdata = b;
  return reader;
}

void hf__redis_bounds_allow(hf__redis_bounds *b, size_t elements) {
  b->elements_max = elements > ELEMENTS_MAX ? elements : ELEMENTS_MAX;
}

const char *hf__redis_bounds_check(hf__redis_bounds *b, const redisReader *reader) {
  if (*b->problem || reader->err) return *b->problem ? b->problem : reader->errstr;
  size_t unread = reader->len - reader->pos;
  if (unread > BYTES_MAX) refuse(b, "an answer has more than 1 GiB", 0);
  /* What is being read is a text: its size stands there. */
  if (unread && reader->ridx >= 0 && CURRENT_TASK(reader).type == REDIS_REPLY_STRING) {
    unsigned long long size = strtoull(reader->buf + reader->pos, NULL, 10);
    if (reader->buf[reader->pos] != '-' && size > TEXT_MAX) refuse(b, "it announces a text of %llu bytes", size);
  }
  return *b->problem ? b->problem : NULL;
}

bool hf__redis_bounds_is_memory(const hf__redis_bounds *b, const redisReader *reader) {
  return !*b->problem && reader->err == REDIS_ERR_OOM; /* what we refuse is that to hiredis, too */
}
