/* SPDX-License-Identifier: MIT
 *
 * Room for notes in a store's lock file: see lock_room.h.
 */
#include "lock_room.h"

#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

enum {
  PATH_MOST = 4096,
  READER_SIZE = 64, /* sizeof(MDB_reader), a cache line */
  READER_USED = 24,
  ROOM_AT = READER_SIZE * (READERS_MAX + 1) + READER_USED, /* two lines are before the readers */
  ROOM_END = ROOM_AT + (int)sizeof(hf__lmdb_lock_notes),
  TURNS_AT = ROOM_AT - READER_SIZE
};

_Static_assert(sizeof(hf__lmdb_lock_notes) == READER_SIZE - READER_USED, "what LMDB leaves of a reader's slot");
_Static_assert(sizeof(hf__lmdb_lock_turns) == READER_SIZE - READER_USED, "what LMDB leaves of a reader's slot");

#ifdef __GLIBC__
/* How a lock file begins: MDB_txbody in LMDB's mdb.c, 0.9.x.  The writer's mutex follows on the next cache line, in
 * MDB_txninfo.mt2. */
struct lock_head {
  uint32_t magic, format;
  pthread_mutex_t readers;
  size_t newest;
  unsigned readers_used;
};

static const uint32_t LOCK_MAGIC = 0xBEEFC0DE, LOCK_FORMAT = 0x10001; /* MDB_MAGIC, MDB_LOCK_FORMAT */

enum { WRITER_AT = (sizeof(struct lock_head) + READER_SIZE - 1) & ~(size_t)(READER_SIZE - 1) };

_Static_assert(offsetof(pthread_mutex_t, __data.__lock) == 0, "glibc's futex is the first word of a mutex");
_Static_assert(sizeof(((pthread_mutex_t *)0)->__data.__lock) == sizeof(uint32_t), "as all futexes");
#endif

void hf__lmdb_lock_room_open(const char *dir, hf__lmdb_lock_room *out) {
  char path[PATH_MOST];
  struct stat st;
  *out = (hf__lmdb_lock_room){.map = NULL};
  if ((size_t)snprintf(path, sizeof path, "%s/" LOCK_FILE, dir) >= sizeof path) return;
  int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return;
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= ROOM_END) {
    unsigned char *map = mmap(NULL, ROOM_END, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED)
      *out = (hf__lmdb_lock_room){.notes = (hf__lmdb_lock_notes *)(void *)(map + ROOM_AT),
                                  .turns = (hf__lmdb_lock_turns *)(void *)(map + TURNS_AT),
                                  .map = map};
  }
  close(fd);
}

void hf__lmdb_lock_room_close(hf__lmdb_lock_room *room) {
  if (room->map) munmap(room->map, ROOM_END);
  *room = (hf__lmdb_lock_room){.map = NULL};
}

void hf__lmdb_lock_room_find_writer(hf__lmdb_lock_room *room) {
#ifdef __GLIBC__
  const struct lock_head *head = room->map;
  if (head && head->magic == LOCK_MAGIC && head->format == LOCK_FORMAT)
    room->writer = (_Atomic uint32_t *)(void *)((unsigned char *)room->map + WRITER_AT);
#else
  (void)room;
#endif
}
