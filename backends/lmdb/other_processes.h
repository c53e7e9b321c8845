/* SPDX-License-Identifier: MIT
 *
 * Which other processes have a store open.  LMDB says only that there are some; the kernel knows them by the locks on
 * the lock file, and what they have open by /proc.
 */
#ifndef HF_BACKENDS_LMDB_OTHER_PROCESSES_H
#define HF_BACKENDS_LMDB_OTHER_PROCESSES_H

#include "files.h"

/* Room for "process 1234 (bot)", with its 0. */
enum { PROCESS_TEXT = 64 };

/* Writes down what people know a process by: "process 1234 (bot)". */
void hf__lmdb_process_text(pid_t pid, char out[PROCESS_TEXT]);

/* Whether another process has the lock file in the folder open as LMDB does, and writes down which; where more than one
 * has, any of them.  False also where the kernel does not let us see it.  Not while this process has an environment
 * there: looking would lose its locks. */
bool hf__lmdb_find_other_process(const char *dir, char out[PROCESS_TEXT]);

/* The same by the file itself, also while this process has an environment there; of a process that has the data file
 * open, too. */
bool hf__lmdb_find_other_holder(const hf__lmdb_file *lock, const hf__lmdb_file *data, char out[PROCESS_TEXT]);

/* HF_UNAVAILABLE, and says who, where another process has the store open with another data file than this one, which
 * was put in its place since.  A process of which that cannot be told is passed over. */
hf_status hf__lmdb_check_other_processes(const char *dir, const hf__lmdb_file *data, hf_error *err);

#endif
