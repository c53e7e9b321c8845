/* SPDX-License-Identifier: MIT
 *
 * Which files a store is.  LMDB finds its lock file by the data file's folder, and knows nothing of the file itself:
 * two names of one data file are two lock files and no exclusion, and a data file that is exchanged while a process has
 * the former one open shares its locks and its last commit's number with another store.  Both end in lost writes.
 */
#ifndef HF_BACKENDS_LMDB_FILES_H
#define HF_BACKENDS_LMDB_FILES_H

#include <sys/types.h>

#include "holdfast/backend.h"

/* The names of LMDB's files in a store's folder. */
#define DATA_FILE "data.mdb"
#define LOCK_FILE "lock.mdb"

/* Reader slots in a lock file that we create, for all processes together. */
enum { READERS_MAX = 254 };

/* A file, whatever it is called.  All zero: none. */
typedef struct hf__lmdb_file {
  dev_t device;
  ino_t inode;
} hf__lmdb_file;

/* Where the data file is.  HF_INVALID_ARGUMENT: the path is too long. */
hf_status hf__lmdb_data_path(const char *dir, char *out, size_t capacity, hf_error *err);

/* Finds the data file.  HF_UNSUPPORTED where it has a second name, by a symbolic or a hard link; HF_NOT_FOUND, HF_IO.
 */
hf_status hf__lmdb_data_file(const char *dir, hf__lmdb_file *out, hf_error *err);

/* HF_UNSUPPORTED where the lock file has a second name: another store that has it, too, would share its locks and its
 * last commit's number.  Copies of a store that are made of links have it, where only the data file was replaced. */
hf_status hf__lmdb_check_lock_file(const char *dir, hf_error *err);

/* HF_IO for MDB_INVALID where the data file is sound: LMDB says that, too, of a lock file that it could not lock. */
hf_status hf__lmdb_fail_lock_file(const char *dir, hf_error *err);

/* Gives the lock file in the directory its blocks, before LMDB maps it: on a full disk, writing to a map without blocks
 * is a fatal signal.  HF_FULL. */
hf_status hf__lmdb_reserve_lock(const char *dir, hf_error *err);

/* Whether a file in the folder that `dir_fd` is (O_PATH will do) is this one.  By statx() for what is asked alone:
 * asking for times makes recent kernels write the inode at the next flush, which costs a fifth of a synced commit. */
bool hf__lmdb_file_is(int dir_fd, const char *name, const hf__lmdb_file *file);

/* The file of a descriptor; all zero where that cannot be told. */
hf__lmdb_file hf__lmdb_file_of(int fd);

#endif
