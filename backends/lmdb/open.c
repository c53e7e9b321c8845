/* SPDX-License-Identifier: MIT
 *
 * Opening an LMDB environment: see open.h.
 */
#include "open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "begin.h"
#include "failed_flush.h"
#include "filesystem.h"
#include "header_check.h"
#include "known.h"
#include "other_processes.h"
#include "page_check.h"
#include "pool.h"
#include "quarantine.h"
#include "status.h"

enum {
  PATH_MOST = 4096,
  INVALID_MAX = 20, /* times that a lock file is found which a process has begun to make, and was killed */
  INVALID_PAUSE_NS = 2000000
};

static const uint64_t MAP_DEFAULT = (uint64_t)64 << 30, MAP_SMALLEST = 64 << 10, MAP_LEAST_TRIED = 64 << 20;

static unsigned open_flags(const hf_options *o) {
  unsigned flags = MDB_NOTLS;
  if (o->read_only) flags |= MDB_RDONLY;
  if (o->durability == HF_DURABILITY_NOMETASYNC) flags |= MDB_NOMETASYNC;
  if (o->durability == HF_DURABILITY_NOSYNC) flags |= MDB_NOSYNC;
  return flags;
}

/* The map's size to begin with. */
static uint64_t first_map_size(const hf_options *o) {
  uint64_t size = o->map_size ? o->map_size : MAP_DEFAULT;
  if (o->max_size && size > o->max_size) size = o->max_size;
  if (size < MAP_SMALLEST) size = MAP_SMALLEST;
  return (size + 4095) & ~(uint64_t)4095;
}

/* Occupies those of the descriptors 0, 1 and 2 that are closed, so that a store's file never becomes what somebody
 * prints to. held[i] is -1 or to be closed. */
static void occupy_standard_files(int held[3]) {
  for (int i = 0; i < 3; i++) held[i] = fcntl(i, F_GETFD) < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
}

static void leave_standard_files(const int held[3]) {
  for (int i = 0; i < 3; i++)
    if (held[i] >= 0) close(held[i]);
}

static int note_own(const char *line, void *arg) {
  if (strtol(line, NULL, 10) == getpid()) *(bool *)arg = true;
  return 0;
}

/* Before this process has read, a reader's slot of its number is one that a killed process of the same number has left;
 * in a container a program always has the same.  LMDB would take it for ours and never clear it, so that no page from
 * then on could be used again.  Closing does: true where that was done, and the environment is to be opened again. */
static bool drop_namesake(hf__lmdb_env *env) {
  bool found = false;
  MDB_txn *txn;
  if (mdb_reader_list(env->mdb, note_own, &found) < 0 || !found) return false;
  if (mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &txn)) return false; /* it lives, which reading will say */
  mdb_txn_abort(txn);
  mdb_env_close(env->mdb);
  return true;
}

/* LMDB says MDB_INVALID for a data file that is none of its own, and for a lock file that it could not lock. */
static hf_status fail_invalid(const hf__lmdb_env *env, hf_error *err) {
  char data[PATH_MOST];
  hf_status status = hf__lmdb_data_path(env->path, data, sizeof data, err);
  if (status == HF_OK) status = hf__lmdb_header_check(data, err);
  return status ? status : hf__lmdb_fail_lock_file(env->path, err);
}

/* Opens env->mdb, halving the map where the address space is limited.
 *
 * LMDB lets the first process make the lock file's content, and others wait for it; where that is killed before it is
 * through they go on with no content, which is MDB_INVALID.  Closing lets one of them be the first. */
static hf_status open_mdb(hf__lmdb_env *env, hf_error *err) {
  hf_status status = env->options.read_only ? HF_OK : hf__lmdb_reserve_lock(env->path, err);
  if (status) return status;
  hf__lmdb_lock_room_close(&env->lock_room);
  hf__lmdb_lock_room_open(env->path, &env->lock_room);
  hf__lmdb_doubt_at_open(env);
  int invalid = 0;
  for (bool dropped = false;;) {
    int rc = mdb_env_create(&env->mdb);
    if (rc) return hf__lmdb_fail(env, rc, "make an environment", err);
    mdb_env_set_maxdbs(env->mdb, DBIS_MAX);
    mdb_env_set_maxreaders(env->mdb, READERS_MAX);
    mdb_env_set_mapsize(env->mdb, env->map_size);
    int held[3];
    occupy_standard_files(held);
    rc = mdb_env_open(env->mdb, env->path, open_flags(&env->options), 0666);
    leave_standard_files(held);
    if (rc == MDB_INVALID && ++invalid < INVALID_MAX) { /* not the data file: its headers have been looked at */
      mdb_env_close(env->mdb);
      nanosleep(&(struct timespec){0, INVALID_PAUSE_NS}, NULL);
      continue;
    }
    if (rc == 0 && !dropped && drop_namesake(env)) {
      dropped = true;
      continue;
    }
    if (rc == 0) {
      hf__lmdb_lock_room_find_writer(&env->lock_room);
      return HF_OK;
    }
    mdb_env_close(env->mdb);
    env->mdb = NULL;
    if ((rc == ENOMEM || rc == EINVAL) && env->map_size > MAP_LEAST_TRIED) { /* EINVAL: under valgrind */
      env->map_size /= 2;
      continue;
    }
    if (rc == EACCES || rc == EROFS || rc == EPERM)
      return hf_error_set(err, HF_READONLY, "%s cannot be written to (%s): make it writable%s", env->path,
                          mdb_strerror(rc),
                          env->options.read_only ? ", also lock.mdb, in which readers leave their mark"
                                                 : ", or open the store with readonly=1");
    return rc == MDB_INVALID ? fail_invalid(env, err) : hf__lmdb_fail(env, rc, "open the store", err);
  }
}

/* Opens our own databases. */
static hf_status open_own(hf__lmdb_env *env, MDB_txn *txn, hf_error *err) {
  int rc = mdb_dbi_open(txn, META_DB, 0, &env->meta_dbi);
  if (rc == 0) rc = mdb_dbi_open(txn, QUARANTINE_DB, 0, &env->quarantine_dbi);
  if (rc == 0) rc = mdb_dbi_open(txn, NULL, 0, &env->main_dbi);
  if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE)
    return hf_error_set(err, HF_CORRUPT, "%s/data.mdb is an LMDB file, but no Holdfast store: give another directory",
                        env->path);
  return rc ? hf__lmdb_fail(env, rc, "read the format", err) : HF_OK;
}

/* Begins to read; *txn is NULL where it fails. */
static int begin_reading(hf__lmdb_env *env, MDB_txn **txn) {
  int rc = hf__lmdb_begin_following(env->mdb, txn);
  if (rc) *txn = NULL;
  return rc;
}

/* Walks the pages, unless that is not to be done.  It begins again where another process is too fast for it. */
static hf_status check_pages(hf__lmdb_env *env, MDB_txn **txn, hf_error *err) {
  for (int tries = 0;; tries++) {
    hf_status status = hf__lmdb_check_at_open(env->path, *txn, env->check, &env->lock_room, err);
    if (status != HF_BUSY || tries == REPAIRS_MAX) return status;
    mdb_txn_abort(*txn);
    int rc = begin_reading(env, txn);
    if (rc) return hf__lmdb_fail(env, rc, "begin reading", err);
  }
}

/* Whether the newest commit in the data file is the one that the lock file knows.  LMDB writes the header first, so
 * that it is one ahead for a moment, and after a kill in between until the next writer comes. */
static hf_status check_newest(hf__lmdb_env *env, MDB_txn **txn, hf_error *err) {
  size_t before = mdb_txn_id(*txn), after; /* what the lock file said when each began */
  MDB_envinfo info;
  mdb_env_info(env->mdb, &info);
  mdb_txn_abort(*txn);
  int rc = begin_reading(env, txn);
  if (rc) return hf__lmdb_fail(env, rc, "begin reading", err);
  after = mdb_txn_id(*txn);
  if (info.me_last_txnid >= before && info.me_last_txnid <= after + 1) return HF_OK;
  return hf_error_set(err, HF_UNAVAILABLE,
                      "%s/" DATA_FILE
                      " is at commit %zu, and processes that have the store open are at commit %zu: the "
                      "file was exchanged under them, or its header is damaged; end them before the store is opened",
                      env->path, info.me_last_txnid, after);
}

/* After LMDB has opened the store again: whether it still is the same file. */
static hf_status check_same_file(hf__lmdb_env *env, hf_error *err) {
  hf__lmdb_file now = hf__lmdb_file_of(env->data_fd);
  if (!env->data.inode || (now.device == env->data.device && now.inode == env->data.inode)) return HF_OK;
  return hf_error_set(err, HF_UNAVAILABLE,
                      "%s/" DATA_FILE " was exchanged while the store was open: close it, and open it again",
                      env->path);
}

/* Whether the file that LMDB has opened is the one in the store's place. */
static bool is_in_place(const hf__lmdb_env *env) {
  hf__lmdb_file now = hf__lmdb_file_of(env->data_fd), there;
  hf_error unused;
  return hf__lmdb_data_file(env->path, &there, &unused) || (there.device == now.device && there.inode == now.inode);
}

/* The same for the file that is in place now: for reading alone LMDB opens it before it waits for the lock, under which
 * a compact copy may take its place (compact.h). */
static hf_status open_in_place(hf__lmdb_env *env, hf_error *err) {
  for (int tries = 0;; tries++) {
    hf_status status = open_mdb(env, err);
    if (status) return status;
    mdb_env_get_fd(env->mdb, &env->data_fd);
    if (env->data.inode || tries == REPAIRS_MAX || is_in_place(env)) return HF_OK;
    mdb_env_close(env->mdb);
    env->mdb = NULL;
  }
}

/* Everything that opening and reopening have in common. */
static hf_status start(hf__lmdb_env *env, hf_error *err) {
  hf_status status = open_in_place(env, err);
  if (status) return status;
  MDB_txn *txn;
  int rc = begin_reading(env, &txn);
  if (rc) {
    status = hf__lmdb_fail(env, rc, "begin reading", err);
  } else {
    status = check_same_file(env, err);
    if (status == HF_OK) status = check_newest(env, &txn, err);
    if (status == HF_OK) status = check_pages(env, &txn, err);
    if (status == HF_OK) status = open_own(env, txn, err);
    hf__lmdb_forget_seen(env);
    hf__lmdb_quarantine_forget(env);
    if (status == HF_OK) status = hf__lmdb_learn(env, txn, mdb_txn_id(txn), err);
    if (status == HF_OK)
      mdb_txn_commit(txn); /* keeps the handles */
    else if (txn)
      mdb_txn_abort(txn);
  }
  if (status) {
    mdb_env_close(env->mdb);
    env->mdb = NULL;
    return status;
  }
  mdb_reader_check(env->mdb, NULL);
  MDB_envinfo info;
  mdb_env_info(env->mdb, &info);
  env->map_size = info.me_mapsize;
  MDB_stat stat;
  mdb_env_stat(env->mdb, &stat);
  env->page_size = stat.ms_psize;
  env->dbis_open = 0;
  return HF_OK;
}

/* Looks at the data file and at who else has it, before LMDB opens it. */
static hf_status check_place(const hf_location *at, hf__lmdb_check check, hf_error *err) {
  char data[PATH_MOST];
  hf__lmdb_file file;
  hf_status status = hf__lmdb_data_path(at->path, data, sizeof data, err);
  if (status || (status = hf__lmdb_data_file(at->path, &file, err)) ||
      (status = hf__lmdb_check_lock_file(at->path, err)))
    return status;
  if (check != HF__LMDB_CHECK_OFF && (status = hf__lmdb_header_check(data, err))) return status;
  if (!at->options->allow_network_fs && (status = hf__lmdb_check_filesystem(at->path, err))) return status;
  if (hf__lmdb_find_here(at->path))
    return hf_error_set(err, HF_UNAVAILABLE,
                        "%s was put in the place of a file that this process still has open: close its handles "
                        "before the store is opened, or what is written would be lost",
                        data);
  return hf__lmdb_check_other_processes(at->path, &file, err);
}

/* Notes which files the environment is made of. */
static hf_status note_files(hf__lmdb_env *env, hf_error *err) {
  struct stat st;
  env->process = getpid();
  env->dir_fd = open(env->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (env->dir_fd < 0) return hf__lmdb_fail_errno(err, "open directory", env->path);
  env->directory = hf__lmdb_file_of(env->dir_fd);
  env->data = hf__lmdb_file_of(env->data_fd);
  if (!env->directory.inode || !env->data.inode)
    return hf_error_set(err, HF_IO, "cannot look at the files of the store %s", env->path);
  if (fstatat(env->dir_fd, LOCK_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0)
    env->lock = (hf__lmdb_file){st.st_dev, st.st_ino};
  else if (errno != ENOENT)
    return hf__lmdb_fail_errno(err, "look at the lock file of", env->path);
  return HF_OK;
}

uint64_t hf__lmdb_whole_limit(uint64_t max_size) {
  if (max_size && max_size < MAP_SMALLEST) return MAP_SMALLEST;
  return max_size & ~(uint64_t)4095;
}

hf_status hf__lmdb_open(const hf_location *at, hf__lmdb_env **out, hf_error *err) {
  hf__lmdb_check check;
  hf_status status = hf__lmdb_check_setting(at, &check, err);
  if (status || (status = check_place(at, check, err))) return status;
  hf__lmdb_env *env = calloc(1, sizeof *env);
  if (!env || !(env->path = strdup(at->path)) || asprintf(&env->data_path, "%s/" DATA_FILE, at->path) < 0) {
    if (env) free(env->path);
    free(env);
    return hf_error_no_memory(err);
  }
  env->said = env->options = *at->options;
  env->check = check;
  env->options.max_size = hf__lmdb_whole_limit(env->options.max_size);
  env->map_size = first_map_size(&env->options);
  env->dir_fd = -1;
  pthread_mutex_init(&env->readers_lock, NULL);
  pthread_mutex_init(&env->write_lock, NULL);
  pthread_mutex_init(&env->known.lock, NULL);
  hf__lmdb_queue_init(&env->queue);
  status = start(env, err);
  if (status == HF_OK) status = note_files(env, err);
  hf__lmdb_enlist(env);
  if (status) {
    hf__lmdb_close(env);
    return status;
  }
  *out = env;
  return HF_OK;
}

/* Flushes what unsynced commits have left.  Nobody waits for the result. */
static void flush_last(hf__lmdb_env *env) {
  int rc = mdb_env_sync(env->mdb, 1);
  if (!rc) return;
  hf__lmdb_doubt(env);
  hf_warn("%s: what was committed last could not be flushed when the store was closed (%s): a power cut may take it",
          env->path, mdb_strerror(rc));
}

void hf__lmdb_close(hf__lmdb_env *env) {
  hf__lmdb_delist(env);
  if (env->mdb) {
    hf__lmdb_drop_readers(env);
    if (!env->options.read_only && env->options.durability != HF_DURABILITY_SYNC) flush_last(env);
    mdb_env_close(env->mdb);
  }
  hf__lmdb_lock_room_close(&env->lock_room);
  for (hf__lmdb_collection *e = env->entities, *next; e; e = next) {
    next = e->next;
    hf__lmdb_collection_free(e);
  }
  pthread_mutex_destroy(&env->readers_lock);
  pthread_mutex_destroy(&env->write_lock);
  pthread_mutex_destroy(&env->known.lock);
  hf__lmdb_queue_destroy(&env->queue);
  if (env->dir_fd >= 0) close(env->dir_fd);
  free(env->path);
  free(env->data_path);
  free(env);
}

hf_status hf__lmdb_restart(hf__lmdb_env *env, MDB_txn *taken[READER_POOL], hf_error *err) {
  for (unsigned n = 0; n < env->readers_made; n++) mdb_txn_abort(taken[n]);
  env->readers_made = 0;
  if (env->mdb) mdb_env_close(env->mdb);
  env->mdb = NULL;
  for (hf__lmdb_collection *e = env->entities; e; e = e->next) atomic_store(&e->dbi, 0);
  return start(env, err);
}
