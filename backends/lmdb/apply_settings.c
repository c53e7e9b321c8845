/* SPDX-License-Identifier: MIT
 *
 * Obeying the settings of a store: see apply_settings.h.
 */
#include "apply_settings.h"

#include "locks.h"
#include "map.h"
#include "open.h"

bool hf__lmdb_must_apply_settings(const hf__lmdb_env *env) { return env->applied != env->known.changed; }

static void set_durability(hf__lmdb_env *env, hf_durability durability) {
  mdb_env_set_flags(env->mdb, MDB_NOSYNC, durability == HF_DURABILITY_NOSYNC);
  mdb_env_set_flags(env->mdb, MDB_NOMETASYNC, durability == HF_DURABILITY_NOMETASYNC);
}

void hf__lmdb_apply_settings(hf__lmdb_env *env) {
  hf__lmdb_lock_briefly(&env->known.lock);
  hf_options now = hf_options_in_force(&env->said, &env->known.settings);
  uint64_t changed = env->known.changed;
  now.max_size = hf__lmdb_whole_limit(now.max_size);
  bool was_held = env->options.max_size && env->map_size >= env->options.max_size;
  env->options.durability = now.durability;
  env->options.max_size = now.max_size;
  pthread_mutex_unlock(&env->known.lock);
  if (env->mdb && !env->options.read_only) {
    hf_error unused;
    set_durability(env, now.durability);
    if (now.max_size && env->map_size > now.max_size && hf__lmdb_set_map_size(env, now.max_size, &unused)) return;
    env->overdraft = false;
    if (was_held && hf__lmdb_can_grow(env)) env->grow = true; /* a transaction could not do so itself */
  }
  env->applied = changed;
}
