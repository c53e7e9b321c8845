/* SPDX-License-Identifier: MIT
 *
 * Who keeps a full store full: see oldest_reader.h.
 */
#include "oldest_reader.h"

#include <stdio.h>
#include <unistd.h>

#include "other_processes.h"

/* LMDB's list has a line for each reader: process, thread, and the commit that it reads, or "-". */
static int keep_oldest(const char *line, void *arg) {
  struct hf__lmdb_reader *oldest = arg, r;
  if (sscanf(line, "%ld %*s %zu", &r.pid, &r.commit) == 2 && r.commit < oldest->commit) *oldest = r;
  return 0;
}

bool hf__lmdb_oldest_reader(MDB_env *mdb, struct hf__lmdb_reader *out) {
  MDB_envinfo info;
  if (!mdb || mdb_env_info(mdb, &info)) return false;
  *out = (struct hf__lmdb_reader){0, info.me_last_txnid, 0};
  if (mdb_reader_list(mdb, keep_oldest, out) < 0 || !out->pid) return false;
  out->since = info.me_last_txnid - out->commit;
  return true;
}

void hf__lmdb_oldest_reader_text(MDB_env *mdb, char out[OLDEST_READER_TEXT]) {
  struct hf__lmdb_reader oldest;
  char who[PROCESS_TEXT] = "this process";
  out[0] = '\0';
  if (!hf__lmdb_oldest_reader(mdb, &oldest)) return;
  if (oldest.pid != getpid()) hf__lmdb_process_text((pid_t)oldest.pid, who);
  snprintf(out, OLDEST_READER_TEXT,
           "; %s has a snapshot of commit %zu open, the newest being %zu, and what was replaced or removed since makes "
           "no room until it ends that",
           who, oldest.commit, oldest.commit + oldest.since);
}
