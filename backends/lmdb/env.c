/* SPDX-License-Identifier: MIT
 *
 * The LMDB environment: see env.h for the rules it keeps.
 */
#include "env.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "inspect.h"

static const uint64_t MAP_DEFAULT = (uint64_t)64 << 30, MAP_SMALLEST = 1 << 20, MAP_LARGEST = (uint64_t)64 << 40;

/* ---- errors */

hf_status env_fail(const struct lmdb_env *env, int rc, const char *doing, hf_error *err) {
  const char *hint = "";
  hf_status status = HF_IO;
  switch (rc) {
  case MDB_MAP_FULL:
    status = HF_FULL;
    hint = env->options.max_size ? ": the store has reached its size limit (maxsize)" : "";
    break;
  case ENOSPC:
  case EDQUOT:
  case EFBIG: status = HF_FULL; break;
  case EIO: { /* what LMDB reports for a short write, too */
    struct statvfs fs;
    if (statvfs(env->path, &fs) == 0 && fs.f_bavail < 64) {
      status = HF_FULL;
      hint = ": no space left on device";
    }
    break;
  }
  case MDB_READERS_FULL:
    status = HF_BUSY;
    hint = ": every reader slot is taken by a running process";
    break;
  case MDB_DBS_FULL:
    status = HF_UNSUPPORTED;
    hint = ": one transaction can touch at most 240 entity names";
    break;
  case MDB_BAD_VALSIZE:
    status = HF_INVALID_VALUE;
    hint = ": the value is too large for LMDB";
    break;
  case MDB_CORRUPTED:
  case MDB_PAGE_NOTFOUND:
  case MDB_INVALID: status = HF_CORRUPT; break;
  case MDB_VERSION_MISMATCH: status = HF_UNSUPPORTED; break;
  case EACCES:
  case EROFS:
  case EPERM: status = HF_READONLY; break;
  case EAGAIN:
  case EBUSY: status = HF_BUSY; break;
  default: break;
  }
  hf_error_set(err, status, "%s: cannot %s%s", env->path, doing, hint);
  hf_error_cause(err, "%s (%d)", mdb_strerror(rc), rc);
  if (!*hint && err) {
    size_t used = strlen(err->message), room = sizeof err->message - used;
    const char *text = mdb_strerror(rc);
    if (strlen(text) + 3 < room) {
      memcpy(err->message + used, ": ", 2);
      memcpy(err->message + used + 2, text, strlen(text) + 1);
    }
  }
  return status;
}

/* ---- opening */

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

/* Opens env->mdb, halving the map where the address space is limited. */
static hf_status open_mdb(struct lmdb_env *env, hf_error *err) {
  for (;;) {
    int rc = mdb_env_create(&env->mdb);
    if (rc) return env_fail(env, rc, "make an environment", err);
    mdb_env_set_maxdbs(env->mdb, DBIS_MAX);
    mdb_env_set_maxreaders(env->mdb, READERS_MAX);
    mdb_env_set_mapsize(env->mdb, env->map_size);
    rc = mdb_env_open(env->mdb, env->path, open_flags(&env->options), 0666);
    if (rc == 0) return HF_OK;
    mdb_env_close(env->mdb);
    env->mdb = NULL;
    if ((rc == ENOMEM || rc == EINVAL) && env->map_size > 64 * MAP_SMALLEST) { /* EINVAL: under valgrind */
      env->map_size /= 2;
      continue;
    }
    if (rc == EACCES || rc == EROFS || rc == EPERM)
      return hf_error_set(err, HF_READONLY, "%s cannot be written to (%s): make it writable%s", env->path,
                          mdb_strerror(rc),
                          env->options.read_only ? ", also lock.mdb, in which readers leave their mark"
                                                 : ", or open the store with readonly=1");
    return env_fail(env, rc, "open the store", err);
  }
}

/* Reads the format record and opens our own databases. */
static hf_status read_format(struct lmdb_env *env, MDB_txn *txn, hf_error *err) {
  MDB_val key = {sizeof FORMAT_KEY - 1, (void *)FORMAT_KEY}, value;
  int rc = mdb_dbi_open(txn, META_DB, 0, &env->meta_dbi);
  if (rc == 0) rc = mdb_get(txn, env->meta_dbi, &key, &value);
  if (rc == 0) rc = mdb_dbi_open(txn, QUARANTINE_DB, 0, &env->quarantine_dbi);
  if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE)
    return hf_error_set(err, HF_CORRUPT, "%s/data.mdb is an LMDB file, but no Holdfast store: give another directory",
                        env->path);
  if (rc) return env_fail(env, rc, "read the format", err);
  static const char head[] = "{\"format\":";
  char text[32] = "";
  if (value.mv_size > sizeof head) {
    size_t n = value.mv_size - (sizeof head - 1);
    memcpy(text, (const char *)value.mv_data + sizeof head - 1, n < sizeof text - 1 ? n : sizeof text - 1);
  }
  if (!*text || memcmp(value.mv_data, head, sizeof head - 1) != 0)
    return hf_error_set(err, HF_CORRUPT, "%s: the format record of the store is damaged", env->path);
  long format = strtol(text, NULL, 10);
  if (format != FORMAT_VERSION)
    return hf_error_set(err, HF_UNSUPPORTED,
                        "%s has store format %ld, and this Holdfast (%s) reads format %d: upgrade it", env->path,
                        format, HF_VERSION_STRING, FORMAT_VERSION);
  return HF_OK;
}

/* Everything that opening and reopening have in common. */
static hf_status start(struct lmdb_env *env, hf_error *err) {
  hf_status status = open_mdb(env, err);
  if (status) return status;
  MDB_txn *txn;
  int rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &txn);
  if (rc == MDB_READERS_FULL) {
    mdb_reader_check(env->mdb, NULL);
    rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &txn);
  }
  if (rc) {
    status = env_fail(env, rc, "begin reading", err);
  } else {
    status = read_format(env, txn, err);
    if (status)
      mdb_txn_abort(txn);
    else
      mdb_txn_commit(txn); /* keeps the handles */
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
  mdb_env_get_fd(env->mdb, &env->data_fd);
  return HF_OK;
}

hf_status env_open(const hf_location *at, struct lmdb_env **out, hf_error *err) {
  char data[4096];
  hf_status status = lmdb_data_path(at->path, data, sizeof data, err);
  if (status || (status = lmdb_inspect(data, err))) return status;
  if (!at->options->allow_network_fs && (status = lmdb_check_filesystem(at->path, err))) return status;
  struct lmdb_env *env = calloc(1, sizeof *env);
  if (!env || !(env->path = strdup(at->path))) {
    free(env);
    return hf_error_set(err, HF_IO, "out of memory");
  }
  env->options = *at->options;
  env->options.max_size &= ~(uint64_t)4095; /* LMDB counts in pages */
  env->map_size = first_map_size(&env->options);
  pthread_mutex_init(&env->gate, NULL);
  pthread_mutex_init(&env->write_lock, NULL);
  status = start(env, err);
  if (status) {
    env_close(env);
    return status;
  }
  *out = env;
  return HF_OK;
}

/* Aborts the pooled readers.  The pool is at rest. */
static void drop_readers(struct lmdb_env *env) {
  for (int i = 0; i < READER_POOL; i++) {
    MDB_txn *txn = atomic_exchange(&env->idle[i], NULL);
    if (txn) mdb_txn_abort(txn);
  }
  env->readers_made = 0;
}

void env_close(struct lmdb_env *env) {
  if (env->mdb) {
    drop_readers(env);
    if (!env->options.read_only && env->options.durability != HF_DURABILITY_SYNC) mdb_env_sync(env->mdb, 1);
    mdb_env_close(env->mdb);
  }
  for (struct lmdb_entity *e = env->entities, *next; e; e = next) {
    next = e->next;
    free(e);
  }
  pthread_mutex_destroy(&env->gate);
  pthread_mutex_destroy(&env->write_lock);
  free(env->path);
  free(env);
}

/* ---- the pool of readers */

/* Puts a reset transaction back.  There are never more of them than places. */
static void pool_put(struct lmdb_env *env, MDB_txn *txn) {
  for (;;)
    for (int i = 0; i < READER_POOL; i++) {
      MDB_txn *none = NULL;
      if (atomic_compare_exchange_strong_explicit(&env->idle[i], &none, txn, memory_order_release,
                                                  memory_order_relaxed))
        return;
    }
}

static MDB_txn *pool_take(struct lmdb_env *env) {
  for (int i = 0; i < READER_POOL; i++) {
    if (!atomic_load_explicit(&env->idle[i], memory_order_relaxed)) continue;
    MDB_txn *txn = atomic_exchange_explicit(&env->idle[i], NULL, memory_order_acquire);
    if (txn) return txn;
  }
  return NULL;
}

/* Takes every reader out of circulation: no pooled read is running afterwards, and none begins until exclusive_end().
 */
static void exclusive_begin(struct lmdb_env *env, MDB_txn *taken[READER_POOL]) {
  pthread_mutex_lock(&env->gate);
  for (unsigned n = 0; n < env->readers_made;) {
    MDB_txn *txn = pool_take(env);
    if (txn)
      taken[n++] = txn;
    else
      sched_yield();
  }
}

static void exclusive_end(struct lmdb_env *env, MDB_txn *taken[READER_POOL]) {
  for (unsigned n = 0; n < env->readers_made; n++) pool_put(env, taken[n]);
  pthread_mutex_unlock(&env->gate);
}

/* ---- the map's size, and reopening.  These need write_lock, and no transaction. */

static hf_status set_map_size(struct lmdb_env *env, uint64_t size, hf_error *err) {
  MDB_txn *taken[READER_POOL] = {NULL};
  hf_status status = HF_OK;
  exclusive_begin(env, taken);
  if (env->snapshots) {
    status = hf_error_set(
        err, HF_BUSY, "%s: the map must grow, but a snapshot is open in this process: try again after it", env->path);
  } else {
    int rc = mdb_env_set_mapsize(env->mdb, size);
    MDB_envinfo info;
    if (rc == 0 && mdb_env_info(env->mdb, &info) == 0) env->map_size = info.me_mapsize;
    if (rc) status = env_fail(env, rc, "resize the map", err);
  }
  exclusive_end(env, taken);
  return status;
}

static uint64_t size_limit(const struct lmdb_env *env) {
  return env->options.max_size ? env->options.max_size : MAP_LARGEST;
}

bool env_can_grow(const struct lmdb_env *env) { return env->map_size < size_limit(env); }

static hf_status grow_locked(struct lmdb_env *env, hf_error *err) {
  uint64_t limit = size_limit(env);
  if (!env_can_grow(env))
    return hf_error_set(err, HF_FULL, "%s is full: it has reached its size limit of %llu bytes (maxsize)", env->path,
                        (unsigned long long)limit);
  uint64_t size = env->map_size * 2;
  if (size > limit) size = limit;
  mdb_reader_check(env->mdb, NULL);
  return set_map_size(env, size, err);
}

hf_status env_grow(struct lmdb_env *env, hf_error *err) {
  pthread_mutex_lock(&env->write_lock);
  hf_status status = grow_locked(env, err);
  pthread_mutex_unlock(&env->write_lock);
  return status;
}

/* LMDB refuses everything after a failed write of its header page, until the environment is opened anew. */
static hf_status reopen_locked(struct lmdb_env *env, hf_error *err) {
  MDB_txn *taken[READER_POOL] = {NULL};
  hf_status status = HF_OK;
  exclusive_begin(env, taken);
  if (env->snapshots) {
    status = hf_error_set(err, HF_BUSY,
                          "%s must be reopened after a failed commit, but a snapshot is open: end it first", env->path);
  } else {
    for (unsigned n = 0; n < env->readers_made; n++) mdb_txn_abort(taken[n]);
    env->readers_made = 0;
    if (env->mdb) mdb_env_close(env->mdb);
    env->mdb = NULL;
    for (struct lmdb_entity *e = env->entities; e; e = e->next) atomic_store(&e->dbi, 0);
    status = start(env, err);
  }
  exclusive_end(env, taken);
  return status;
}

/* ---- reading */

/* A new reader for the pool, already begun; or waits until there may be one in it.  *resized: the map must be adopted.
 */
static hf_status make_reader(struct lmdb_env *env, MDB_txn **txn, bool *resized, hf_error *err) {
  hf_status status = HF_OK;
  *txn = NULL;
  *resized = false;
  pthread_mutex_lock(&env->gate);
  if (!env->mdb) {
    status = hf_error_set(err, HF_UNAVAILABLE,
                          "%s could not be reopened after a failed commit: close it and open it again", env->path);
  } else if (env->readers_made < READER_POOL) {
    int rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, txn);
    if (rc == MDB_READERS_FULL) {
      mdb_reader_check(env->mdb, NULL);
      rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, txn);
    }
    if (rc == MDB_MAP_RESIZED)
      *resized = true;
    else if (rc)
      status = env_fail(env, rc, "begin reading", err);
    else
      env->readers_made++;
  }
  pthread_mutex_unlock(&env->gate);
  if (status == HF_OK && !*txn && !*resized) sched_yield();
  return status;
}

/* Another process has grown the map: takes its size.  Call without a transaction and without write_lock. */
static hf_status adopt_map(struct lmdb_env *env, hf_error *err) {
  pthread_mutex_lock(&env->write_lock);
  hf_status status = set_map_size(env, 0, err);
  pthread_mutex_unlock(&env->write_lock);
  return status;
}

hf_status env_read_begin(struct lmdb_env *env, MDB_txn **txn, hf_error *err) {
  for (;;) {
    hf_status status;
    MDB_txn *t = pool_take(env);
    if (t) {
      int rc = mdb_txn_renew(t);
      if (__builtin_expect(rc == 0, 1)) {
        *txn = t;
        return HF_OK;
      }
      pool_put(env, t);
      status = rc == MDB_MAP_RESIZED ? adopt_map(env, err) : env_fail(env, rc, "begin reading", err);
    } else {
      bool resized;
      status = make_reader(env, txn, &resized, err);
      if (status == HF_OK && *txn) return HF_OK;
      if (resized) status = adopt_map(env, err);
    }
    if (status) return status;
  }
}

void env_read_end(struct lmdb_env *env, MDB_txn *txn) {
  mdb_txn_reset(txn);
  pool_put(env, txn);
}

/* ---- named databases */

/* Closes those databases that have not been used lately.  Needs write_lock, and no transaction. */
static void close_cold(struct lmdb_env *env) {
  MDB_txn *taken[READER_POOL] = {NULL};
  exclusive_begin(env, taken);
  for (int pass = 0; pass < 2 && !env->snapshots && env->dbis_open > OPEN_DBIS_MAX * 3 / 4; pass++)
    for (struct lmdb_entity *e = env->entities; e && env->dbis_open > OPEN_DBIS_MAX * 3 / 4; e = e->next) {
      MDB_dbi dbi = atomic_load(&e->dbi);
      if (!dbi || atomic_exchange(&e->touched, false)) continue;
      mdb_dbi_close(env->mdb, dbi);
      atomic_store(&e->dbi, 0);
      env->dbis_open--;
    }
  exclusive_end(env, taken);
}

/* Opens the entity's database, if the store has it, in a transaction of its own. */
static hf_status open_dbi(struct lmdb_env *env, struct lmdb_entity *e, bool *exists, hf_error *err) {
  hf_status status = HF_OK;
  pthread_mutex_lock(&env->write_lock);
  *exists = atomic_load(&e->dbi) != 0;
  if (!*exists) {
    if (env->dbis_open >= OPEN_DBIS_MAX) close_cold(env);
    MDB_txn *txn;
    MDB_dbi dbi;
    int rc = env->mdb ? mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &txn) : MDB_PANIC;
    if (rc == MDB_READERS_FULL) {
      mdb_reader_check(env->mdb, NULL);
      rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &txn);
    }
    if (rc == 0) {
      rc = mdb_dbi_open(txn, e->name, 0, &dbi);
      if (rc == 0)
        mdb_txn_commit(txn); /* keeps the handle */
      else
        mdb_txn_abort(txn);
    }
    if (rc == 0) {
      atomic_store_explicit(&e->dbi, dbi, memory_order_release);
      env->dbis_open++;
      *exists = true;
    } else if (rc != MDB_NOTFOUND && rc != MDB_MAP_RESIZED) {
      status = env_fail(env, rc, "open an entity type", err);
    } else if (rc == MDB_MAP_RESIZED) {
      status = set_map_size(env, 0, err);
      *exists = true; /* look again */
    }
  }
  pthread_mutex_unlock(&env->write_lock);
  return status;
}

static bool knows_dbi(MDB_txn *txn, MDB_dbi dbi) {
  unsigned flags;
  return mdb_dbi_flags(txn, dbi, &flags) == 0;
}

/* A snapshot began before the handle was opened: begin it anew if nothing has been committed since. */
static hf_status refresh_snapshot(struct lmdb_env *env, struct lmdb_txn *t, struct lmdb_entity *e, hf_error *err) {
  MDB_envinfo info;
  size_t moment = mdb_txn_id(t->mdb);
  mdb_env_info(env->mdb, &info);
  if (!t->lost && info.me_last_txnid == moment) {
    mdb_txn_reset(t->mdb);
    int rc = mdb_txn_renew(t->mdb);
    t->lost = rc || mdb_txn_id(t->mdb) != moment;
    if (rc) return env_fail(env, rc, "begin reading", err);
    if (!t->lost && knows_dbi(t->mdb, atomic_load(&e->dbi))) return HF_OK;
  }
  return hf_error_set(
      err, HF_BUSY,
      "%s was first used inside this snapshot, after the store had changed: make its PersistBase before the "
      "snapshot, or try again",
      e->name);
}

hf_status env_read_entity(struct lmdb_env *env, struct lmdb_txn *in, struct lmdb_entity *e, MDB_txn **txn, MDB_dbi *dbi,
                          hf_error *err) {
  if (in && in->kind == HF_TXN_WRITE) {
    *txn = in->mdb;
    return env_write_dbi(env, in, e, false, dbi, err);
  }
  for (;;) {
    MDB_dbi d = atomic_load_explicit(&e->dbi, memory_order_acquire);
    if (__builtin_expect(d == 0, 0)) {
      bool exists;
      hf_status status = open_dbi(env, e, &exists, err);
      if (status) return status;
      if (exists) continue;
    }
    if (!atomic_load_explicit(&e->touched, memory_order_relaxed))
      atomic_store_explicit(&e->touched, true, memory_order_relaxed);
    *dbi = d;
    if (in) {
      *txn = in->mdb;
      return !in->lost && (d == 0 || knows_dbi(in->mdb, d)) ? HF_OK : refresh_snapshot(env, in, e, err);
    }
    hf_status status = env_read_begin(env, txn, err);
    if (status || d == 0) return status;
    /* While we hold a reader, nobody closes databases; but somebody may have between the two lines above. */
    if (__builtin_expect(atomic_load_explicit(&e->dbi, memory_order_acquire) == d && knows_dbi(*txn, d), 1))
      return HF_OK;
    env_read_end(env, *txn);
  }
}

void env_read_entity_end(struct lmdb_env *env, struct lmdb_txn *in, MDB_txn *txn) {
  if (!in) env_read_end(env, txn);
}

hf_status env_entity_open(struct lmdb_env *env, hf_slice name, struct lmdb_entity **out, hf_error *err) {
  hf_status status = HF_OK;
  pthread_mutex_lock(&env->gate);
  struct lmdb_entity *e = env->entities;
  while (e && (e->name_size != name.size || memcmp(e->name, name.data, name.size) != 0)) e = e->next;
  if (!e) {
    e = calloc(1, sizeof *e);
    if (e) {
      memcpy(e->name, name.data, name.size);
      e->name_size = name.size;
      e->name_hash = 14695981039346656037U; /* FNV-1a, 64 bits */
      for (size_t i = 0; i < name.size; i++)
        e->name_hash = (e->name_hash ^ (unsigned char)name.data[i]) * 1099511628211U;
      e->next = env->entities;
      env->entities = e;
    } else {
      status = hf_error_set(err, HF_IO, "out of memory");
    }
  }
  if (e) e->refs++;
  pthread_mutex_unlock(&env->gate);
  *out = e;
  return status;
}

void env_entity_close(struct lmdb_env *env, struct lmdb_entity *entity) {
  pthread_mutex_lock(&env->gate);
  /* One with an open database stays on the list: the database is still open, and may be wanted again. */
  if (--entity->refs == 0 && atomic_load(&entity->dbi) == 0 && entity->txn_dbi == 0) {
    struct lmdb_entity **link = &env->entities;
    while (*link != entity) link = &(*link)->next;
    *link = entity->next;
    free(entity);
  }
  pthread_mutex_unlock(&env->gate);
}

/* ---- writing */

/* Whether the data file still has a name.  By statx for the number of links alone: asking for times, as fstat does,
 * makes recent kernels write the inode at the next flush, which costs a fifth of a synced commit.  Unsynced writes are
 * so short that they look once in PRESENCE_MS only. */
static hf_status check_file_present(struct lmdb_env *env, hf_error *err) {
  if (env->options.durability != HF_DURABILITY_SYNC) {
    int64_t now = hf_now_ms();
    if (now - env->presence_checked >= 0 && now - env->presence_checked < PRESENCE_MS) return HF_OK;
    env->presence_checked = now;
  }
  struct statx st;
  if (statx(env->data_fd, "", AT_EMPTY_PATH, STATX_NLINK, &st) == 0 && st.stx_nlink > 0) return HF_OK;
  env->presence_checked = 0;
  return hf_error_set(err, HF_UNAVAILABLE,
                      "%s/data.mdb was deleted while the store was open: what is written now would be lost", env->path);
}

/* With write_lock held: LMDB's write transaction, after whatever repair it needs. */
static hf_status begin_locked(struct lmdb_env *env, struct lmdb_txn *t, hf_error *err) {
  if (env->grow && env->mdb) {
    env->grow = false;
    hf_error unused;
    grow_locked(env, &unused); /* where it cannot grow, the write itself will say so */
  }
  for (int repairs = 0;; repairs++) {
    hf_status status;
    int rc = env->mdb ? mdb_txn_begin(env->mdb, NULL, 0, &t->mdb) : MDB_PANIC;
    if (rc == 0) {
      status = check_file_present(env, err);
      if (status) mdb_txn_abort(t->mdb);
      return status;
    }
    if (repairs > 8) return env_fail(env, rc, "begin writing", err);
    if (rc == MDB_MAP_RESIZED)
      status = set_map_size(env, 0, err);
    else if (rc == MDB_PANIC)
      status = reopen_locked(env, err);
    else
      return env_fail(env, rc, "begin writing", err);
    if (status) return status;
  }
}

hf_status env_write_begin(struct lmdb_env *env, struct lmdb_txn *t, hf_error *err) {
  *t = (struct lmdb_txn){.kind = HF_TXN_WRITE};
  pthread_mutex_lock(&env->write_lock);
  hf_status status = begin_locked(env, t, err);
  if (status) pthread_mutex_unlock(&env->write_lock);
  return status;
}

/* Settles the handles that the transaction opened: kept, or closed by LMDB. */
static void settle_opened(struct lmdb_env *env, struct lmdb_txn *t, bool keep) {
  for (size_t i = 0; i < t->opened_count; i++) {
    struct lmdb_entity *e = t->opened[i];
    if (keep) {
      atomic_store_explicit(&e->dbi, e->txn_dbi, memory_order_release);
      env->dbis_open++;
    }
    e->txn_dbi = 0;
  }
  free(t->opened);
  t->opened = NULL;
  t->opened_count = 0;
}

hf_status env_write_commit(struct lmdb_env *env, struct lmdb_txn *t, hf_error *err) {
  int rc = mdb_txn_commit(t->mdb);
  settle_opened(env, t, rc == 0);
  hf_status status = HF_OK;
  if (rc == MDB_MAP_FULL) env->grow = true;
  if (rc) status = env_fail(env, rc, "commit", err);
  if (env->dbis_open > OPEN_DBIS_MAX) close_cold(env);
  if (++env->commits % READER_CHECK_EVERY == 0) mdb_reader_check(env->mdb, NULL);
  pthread_mutex_unlock(&env->write_lock);
  return status;
}

void env_write_abort(struct lmdb_env *env, struct lmdb_txn *t) {
  mdb_txn_abort(t->mdb);
  settle_opened(env, t, false);
  pthread_mutex_unlock(&env->write_lock);
}

hf_status env_nested_begin(struct lmdb_env *env, struct lmdb_txn *parent, struct lmdb_txn *t, hf_error *err) {
  *t = (struct lmdb_txn){.kind = HF_TXN_WRITE, .parent = parent};
  int rc = mdb_txn_begin(env->mdb, parent->mdb, 0, &t->mdb);
  return rc ? env_fail(env, rc, "begin a nested transaction", err) : HF_OK;
}

static bool remember_opened(struct lmdb_txn *t, struct lmdb_entity *e) {
  if (t->opened_count == t->opened_capacity) {
    size_t capacity = t->opened_capacity ? t->opened_capacity * 2 : 8;
    struct lmdb_entity **opened = realloc(t->opened, capacity * sizeof(struct lmdb_entity *));
    if (!opened) return false;
    t->opened = opened;
    t->opened_capacity = capacity;
  }
  t->opened[t->opened_count++] = e;
  return true;
}

hf_status env_nested_commit(struct lmdb_env *env, struct lmdb_txn *t, hf_error *err) {
  /* Room in the parent's list comes first, so that nothing can fail once LMDB has committed. */
  for (size_t i = 0; i < t->opened_count; i++)
    if (!remember_opened(t->parent, t->opened[i])) {
      t->parent->opened_count -= i;
      env_nested_abort(t);
      return hf_error_set(err, HF_IO, "out of memory");
    }
  int rc = mdb_txn_commit(t->mdb);
  if (rc) {
    t->parent->opened_count -= t->opened_count;
    for (size_t i = 0; i < t->opened_count; i++) t->opened[i]->txn_dbi = 0;
  }
  free(t->opened);
  return rc ? env_fail(env, rc, "commit a nested transaction", err) : HF_OK;
}

void env_nested_abort(struct lmdb_txn *t) {
  mdb_txn_abort(t->mdb);
  for (size_t i = 0; i < t->opened_count; i++) t->opened[i]->txn_dbi = 0;
  free(t->opened);
}

hf_status env_write_dbi(struct lmdb_env *env, struct lmdb_txn *t, struct lmdb_entity *e, bool create, MDB_dbi *dbi,
                        hf_error *err) {
  if (!atomic_load_explicit(&e->touched, memory_order_relaxed)) atomic_store(&e->touched, true);
  *dbi = e->txn_dbi ? e->txn_dbi : atomic_load_explicit(&e->dbi, memory_order_relaxed);
  if (*dbi) return HF_OK;
  int rc = mdb_dbi_open(t->mdb, e->name, create ? MDB_CREATE : 0, dbi);
  if (rc == MDB_NOTFOUND) {
    *dbi = 0;
    return HF_OK;
  }
  if (rc) {
    if (rc == MDB_MAP_FULL) env->grow = true;
    return env_fail(env, rc, "open an entity type", err);
  }
  if (!remember_opened(t, e)) return hf_error_set(err, HF_IO, "out of memory");
  e->txn_dbi = *dbi;
  return HF_OK;
}

/* ---- snapshots */

/* Opens the databases of all entity types in use, so that the snapshot knows their handles. */
static hf_status open_all(struct lmdb_env *env, hf_error *err) {
  for (;;) {
    struct lmdb_entity *wanted = NULL;
    pthread_mutex_lock(&env->gate);
    unsigned open = 0;
    for (struct lmdb_entity *e = env->entities; e; e = e->next) {
      if (atomic_load(&e->dbi)) {
        open++;
      } else if (e->refs && !e->txn_dbi && !atomic_load(&e->touched)) {
        wanted = e;
        wanted->refs++;
        atomic_store(&e->touched, true);
        break;
      }
    }
    pthread_mutex_unlock(&env->gate);
    if (!wanted || open >= OPEN_DBIS_MAX) {
      if (wanted) env_entity_close(env, wanted);
      return HF_OK;
    }
    bool exists;
    hf_status status = open_dbi(env, wanted, &exists, err);
    env_entity_close(env, wanted);
    if (status) return status;
  }
}

hf_status env_snapshot_begin(struct lmdb_env *env, struct lmdb_txn *t, hf_error *err) {
  *t = (struct lmdb_txn){.kind = HF_TXN_READ};
  hf_status status = open_all(env, err);
  if (status) return status;
  for (int tries = 0;; tries++) {
    pthread_mutex_lock(&env->gate);
    int rc = env->mdb ? mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &t->mdb) : MDB_PANIC;
    if (rc == MDB_READERS_FULL) {
      mdb_reader_check(env->mdb, NULL);
      rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &t->mdb);
    }
    if (rc == 0) env->snapshots++;
    pthread_mutex_unlock(&env->gate);
    if (rc == 0) return HF_OK;
    if (rc != MDB_MAP_RESIZED || tries > 8) return env_fail(env, rc, "begin a snapshot", err);
    status = adopt_map(env, err);
    if (status) return status;
  }
}

void env_snapshot_end(struct lmdb_env *env, struct lmdb_txn *t) {
  mdb_txn_abort(t->mdb);
  pthread_mutex_lock(&env->gate);
  env->snapshots--;
  pthread_mutex_unlock(&env->gate);
}
