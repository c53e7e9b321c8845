/* SPDX-License-Identifier: MIT
 *
 * Room for texts whose escapes were replaced: all of one test, given back at once.
 */
#ifndef HF_CONDITION_ROOM_H
#define HF_CONDITION_ROOM_H

#include <stdlib.h>

#include "holdfast/holdfast.h"

/* One block; the newest is the first. */
typedef struct hf__room {
  struct hf__room *next;
  size_t used, size;
  char bytes[];
} hf__room;

static inline void hf__room_free(hf__room *room) {
  for (hf__room *next; room; room = next) {
    next = room->next;
    free(room);
  }
}

/* Makes all of it free again, and keeps the newest block, which is the largest, for the next test. */
static inline void hf__room_reset(hf__room *room) {
  if (!room) return;
  hf__room_free(room->next);
  room->next = NULL;
  room->used = 0;
}

/* NULL: out of memory.  Valid until the room is reset. */
static inline char *hf__room_take(hf__room **room, size_t size) {
  if (!*room || (*room)->size - (*room)->used < size) {
    size_t larger = *room ? (*room)->size * 2 : 1024;
    if (larger < size) larger = size;
    hf__room *block = malloc(sizeof *block + larger);
    if (!block) return NULL;
    block->next = *room;
    block->used = 0;
    block->size = larger;
    *room = block;
  }
  char *bytes = (*room)->bytes + (*room)->used;
  (*room)->used += size;
  return bytes;
}

#endif
