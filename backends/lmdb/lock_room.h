/* SPDX-License-Identifier: MIT
 *
 * Room for notes in a store's lock file, which all processes share as long as the machine runs.  LMDB gives each reader
 * 64 bytes there and uses 24; the room is the rest of the last readers', which LMDB neither reads nor writes.  The lock
 * file is made again where it is missing, and does not travel with a copy of the data file; after a power cut there may
 * be anything in it.
 */
#ifndef HF_BACKENDS_LMDB_LOCK_ROOM_H
#define HF_BACKENDS_LMDB_LOCK_ROOM_H

#include <stdatomic.h>
#include <stdint.h>

/* What is in the room of the last reader: 40 bytes. */
typedef struct hf__lmdb_lock_notes {
  unsigned char boot[24];        /* boot_note.h */
  _Atomic uint64_t begun, ended; /* the commit that was begun last, and its process; and has ended: failed_flush.h */
} hf__lmdb_lock_notes;

/* What is in the room of the last but one: processes that wait for the writer's lock, turn.h. */
enum { HF__LMDB_TURNS = 10 };
typedef union hf__lmdb_lock_turns {
  _Atomic uint32_t waiting[HF__LMDB_TURNS];
  _Atomic uint64_t pairs[HF__LMDB_TURNS / 2]; /* the same, for who only asks whether all are 0 */
} hf__lmdb_lock_turns;

/* Where a lock file has the room; notes and turns are NULL where it has none. */
typedef struct hf__lmdb_lock_room {
  hf__lmdb_lock_notes *notes;
  hf__lmdb_lock_turns *turns;
  _Atomic uint32_t *writer; /* the futex of LMDB's writer lock; NULL: it is not known */
  void *map;
} hf__lmdb_lock_room;

/* Finds the room in the lock file of the folder.  Only while this process has no environment on it: closing a
 * descriptor of the file would end LMDB's locks.  It can be used until hf__lmdb_lock_room_close(), also after LMDB has
 * opened the store. */
void hf__lmdb_lock_room_open(const char *dir, hf__lmdb_lock_room *out);
void hf__lmdb_lock_room_close(hf__lmdb_lock_room *room);

/* Finds LMDB's writer lock, once LMDB has opened the store, and so has made the lock file's content. */
void hf__lmdb_lock_room_find_writer(hf__lmdb_lock_room *room);

#endif
