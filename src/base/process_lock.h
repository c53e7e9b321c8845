/* SPDX-License-Identifier: MIT
 *
 * Process locks from inside the library: what the Lua binding needs beside the public functions.
 */
#ifndef HF_BASE_PROCESS_LOCK_H
#define HF_BASE_PROCESS_LOCK_H

#include "holdfast/holdfast.h"

#define HF__LOCK_FOLDER_MAX 64

/* The folder of this user's lock files on this machine, for what is in no folder: made where it is missing, and
 * closed to others.  It is the same for all processes of the user, whatever their environment is: two that looked in
 * different places would both get the lock.  HF_IO: another user has made it. */
hf_status hf__lock_folder(char out[HF__LOCK_FOLDER_MAX], hf_error *err);

/* Told of a lock that is held: its lock file, and what hf_lock_look() says of the holder.  Both live as long as the
 * call.  False: out of memory. */
typedef bool (*hf__lock_found_fn)(void *arg, const char *path, const char *holder);

/* Finds the locks that are held in a folder and in those below it, which need not exist, and calls found() for each.
 * Files whose names do not end in ".lock", folders whose names begin with a dot, and symbolic links are passed over.
 * What cannot be looked at does not end the search; the first such failure is returned when the rest has been seen. */
hf_status hf__lock_find(const char *folder, hf__lock_found_fn found, void *arg, hf_error *err);

#endif
