/* SPDX-License-Identifier: MIT
 *
 * The note of two clocks: see clock_note.h.
 */
#include "clock_note.h"

#include <stdio.h>
#include <string.h>

#include "meta.h"

enum { LOOK_MS = 1000, TEXT_SIZE = 160 }; /* how often the store's note is looked at again */

/* Reads the note.  False: there is none, or it is damaged. */
static bool read_note(hf_slice text, hf__clocks *out) {
  char copy[TEXT_SIZE];
  long long wall, boottime;
  if (!text.data || text.size >= sizeof copy) return false;
  memcpy(copy, text.data, text.size);
  copy[text.size] = '\0';
  memset(out, 0, sizeof *out);
  if (sscanf(copy, "{\"boot\":\"%39[^\"]\",\"wall\":%lld,\"boottime\":%lld}", out->boot, &wall, &boottime) != 3)
    return false;
  out->wall = wall;
  out->boottime = boottime;
  return true;
}

static int make_note(hf__lmdb_env *env, MDB_txn *txn, const hf__clocks *now) {
  char text[TEXT_SIZE];
  bool changed;
  int n = snprintf(text, sizeof text, "{\"boot\":\"%s\",\"wall\":%lld,\"boottime\":%lld}", now->boot,
                   (long long)now->wall, (long long)now->boottime);
  env->clock.note = *now;
  return hf__lmdb_meta_put(env, txn, META_CLOCK, (hf_slice){NULL, 0}, (hf_slice){text, (size_t)n}, &changed);
}

int hf__lmdb_clock_agrees(hf__lmdb_env *env, MDB_txn *txn, bool *agrees) {
  hf__clocks now;
  hf_slice text;
  *agrees = false;
  hf__clocks_now(&now);
  if (!*now.boot) return 0; /* nothing to compare with */
  bool is_fresh = env->clock.looked_at && now.boottime - env->clock.looked_at < LOOK_MS;
  if (is_fresh) {
    hf__clocks_verdict verdict = hf__clocks_compare(&env->clock.note, &now);
    *agrees = verdict == HF__CLOCKS_AGREE;
    if (verdict != HF__CLOCKS_DIFFER) return 0;
  }
  env->clock.looked_at = now.boottime;
  int rc = hf__lmdb_meta_get(env, txn, META_CLOCK, &text);
  if (rc) return rc;
  if (!read_note(text, &env->clock.note)) return make_note(env, txn, &now);
  hf__clocks_verdict verdict = hf__clocks_compare(&env->clock.note, &now);
  *agrees = verdict == HF__CLOCKS_AGREE;
  return verdict == HF__CLOCKS_DIFFER ? make_note(env, txn, &now) : 0;
}
