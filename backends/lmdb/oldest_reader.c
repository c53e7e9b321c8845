/* SPDX-License-Identifier: MIT
 *
 * Who keeps a full store full: see oldest_reader.h.
 */
#include "oldest_reader.h"

#include <stdio.h>
#include <unistd.h>

#include "other_processes.h"

struct reader {
  long pid;
  size_t commit;
};

/* LMDB's list has a line for each reader: process, thread, and the commit that it reads, or "-". */
static int keep_oldest(const char *line, void *arg) {
  struct reader *oldest = arg, r;
  if (sscanf(line, "%ld %*s %zu", &r.pid, &r.commit) == 2 && r.commit < oldest->commit) *oldest = r;
  return 0;
}

void hf__lmdb_oldest_reader_text(MDB_env *mdb, char out[OLDEST_READER_TEXT]) {
  MDB_envinfo info;
  char who[PROCESS_TEXT] = "this process";
  out[0] = '\0';
  if (!mdb || mdb_env_info(mdb, &info)) return;
  struct reader oldest = {0, info.me_last_txnid};
  if (mdb_reader_list(mdb, keep_oldest, &oldest) < 0 || !oldest.pid) return;
  if (oldest.pid != getpid()) hf__lmdb_process_text((pid_t)oldest.pid, who);
  snprintf(out, OLDEST_READER_TEXT,
           "; %s has a snapshot of commit %zu open, the newest being %zu, and what was replaced or removed since makes "
           "no room until it ends that",
           who, oldest.commit, info.me_last_txnid);
}
