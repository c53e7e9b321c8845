/* SPDX-License-Identifier: MIT
 *
 * Environments: which ones this process has, and what their errors say.  See env.h.
 */
#include "env.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filesystem.h"
#include "oldest_reader.h"
#include "status.h"

/* ---- errors */

/* Whether the map has the size that it may have at most. */
static bool is_at_limit(const hf__lmdb_env *env) {
  return env->options.max_size && env->map_size >= env->options.max_size;
}

/* What a person should know beyond LMDB's own words; NULL where those say enough. */
static const char *hint_for(const hf__lmdb_env *env, int rc) {
  switch (rc) {
  case MDB_MAP_FULL:
    return is_at_limit(env) ? "the store has reached its size limit (maxsize)"
                            : "the store has no room for all of this transaction: it grows when that has ended, so run "
                              "it again";
  case MDB_READERS_FULL: return "every reader slot is taken by a running process";
  case EAGAIN:
    return "a process of the same number in another container has it open, and LMDB tells processes apart by their "
           "numbers: run containers that share a store in one PID namespace";
  case MDB_DBS_FULL: return "one transaction can touch at most 240 entity names";
  case MDB_BAD_VALSIZE: return "the value is too large for LMDB";
  default: return NULL;
  }
}

hf_status hf__lmdb_fail(const hf__lmdb_env *env, int rc, const char *doing, hf_error *err) {
  rc = hf__lmdb_explain_eio(rc, env->path);
  const char *hint = hint_for(env, rc);
  char reader[OLDEST_READER_TEXT] = "";
  hf_status status = hf__lmdb_status(rc);
  if (rc == MDB_MAP_FULL && is_at_limit(env)) hf__lmdb_oldest_reader_text(env->mdb, reader);
  hf_error_set(err, status, "%s: cannot %s: %s%s", env->path, doing, hint ? hint : mdb_strerror(rc), reader);
  hf_error_cause(err, "%s (%d)", mdb_strerror(rc), rc);
  return status;
}

void hf__lmdb_collection_free(hf__lmdb_collection *c) {
  hf_index_set_free(c->kept);
  hf_index_set_free(c->seen);
  free(c);
}

/* ---- those of this process */

static hf__lmdb_env *environments;

const hf__lmdb_env *hf__lmdb_find_here(const char *dir) {
  struct stat st;
  if (stat(dir, &st)) return NULL;
  for (const hf__lmdb_env *e = environments; e; e = e->next)
    if (e->process == getpid() && e->directory.device == st.st_dev && e->directory.inode == st.st_ino) return e;
  return NULL;
}

void hf__lmdb_enlist(hf__lmdb_env *env) {
  env->next = environments;
  environments = env;
}

void hf__lmdb_delist(hf__lmdb_env *env) {
  hf__lmdb_env **link = &environments;
  while (*link && *link != env) link = &(*link)->next;
  if (*link) *link = env->next;
}
