/* SPDX-License-Identifier: MIT
 *
 * What the files of this backend share.
 *
 *   file.c        the slots
 *   path.c        ids as paths
 *   document.c    one document: read, write, remove
 *   list.c        folders as ids
 *   quarantine.c  unreadable documents
 *   temp.c        temporary files, and who they belong to
 *
 * Paths are always absolute and walked anew, never relative to an open folder: a folder that somebody moves away or
 * deletes must not take what is written afterwards with it.
 */
#ifndef HF_BACKENDS_FILE_FILE_H
#define HF_BACKENDS_FILE_FILE_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "holdfast/backend.h"
#include "path.h"

/* Folders beside those of entity types. */
#define FILE_TEMP ".tmp"
#define FILE_QUARANTINE ".quarantine"

/* Room for any path that is built here. */
#define FILE_PATH_MAX PATH_MAX

typedef struct file_store {
  char *path; /* absolute */
  hf_options options;
  char owner[20];               /* begins the names of our temporary files; "" until the first write */
  int owner_fd;                 /* the file that says that we are alive; -1: none yet */
  _Atomic unsigned long writes; /* so that the names differ */
  pthread_mutex_t lock;         /* guards owner */
  hf_walks *walks;              /* their listings */
} file_store;

typedef struct file_entity {
  file_store *store;
  hf_slice name;
  char *folder;     /* absolute path of its documents */
  char *quarantine; /* absolute path of those in quarantine */
} file_entity;

/* ---- errors */

/* Fills the error for errno; "cannot DOING PATH: ...". */
hf_status file_fail(int number, const char *doing, const char *path, hf_error *err);

/* ---- paths.  Each writes an absolute path into `out`; HF_INVALID_ARGUMENT if it gets too long for the system. */

hf_status file_document_path(const file_entity *e, hf_slice id, char out[FILE_PATH_MAX], hf_error *err);
/* `suffix` goes behind ".json". */
hf_status file_quarantine_path(const file_entity *e, hf_slice id, const char *suffix, char out[FILE_PATH_MAX],
                               hf_error *err);

/* ---- folders */

/* Makes the folder and those above it, each flushed if `synced`.  0 or errno. */
int file_make_folders(const char *path, bool synced);
/* Makes the folder that the path lies in. */
int file_make_parent(const char *path, bool synced);
/* Flushes the folder that the path lies in.  0 or errno. */
int file_sync_parent(const char *path);
/* Removes the folders that the path lies in, up to but not `top`, as far as they are empty. */
void file_prune_parents(const char *path, const char *top);

/* ---- temporary files */

/* Makes a new file for writing, and its path.  Takes possession of the store first, if that has not happened: see
 * temp.c. */
hf_status file_temp_open(file_store *s, char path[FILE_PATH_MAX], int *fd, hf_error *err);
/* Removes those of processes that are gone. */
void file_temp_sweep(const char *store_path);
void file_temp_close(file_store *s);

/* ---- documents */

typedef struct file_info {
  size_t size;
  int64_t modified; /* ms since 1970 */
} file_info;

/* Reads and checks a document.  HF_NOT_FOUND, HF_CORRUPT with what is wrong, or an error of the system. */
hf_status file_document_read(const char *path, hf_buffer *json, file_info *info, hf_error *err);
/* Writes it in one step.  if_absent: HF_CONFLICT if there is a file. */
hf_status file_document_write(file_store *s, const char *path, hf_slice json, bool if_absent, hf_error *err);
/* HF_NOT_FOUND if there is none. */
hf_status file_document_remove(const file_entity *e, const char *path, hf_error *err);

/* ---- listing */

/* Called for each document; the path of its folder is open as `folder`.  0 to go on, or errno to stop with. */
typedef int (*file_visit_fn)(void *arg, int folder, const char *leaf, hf_slice id);
/* Called for each folder below the first one, once it has been gone through; may be NULL. */
typedef int (*file_leave_fn)(void *arg, int parent, const char *name, int folder);

/* Goes through the documents of a folder, in no order.  A folder that is missing has none.  0 or errno. */
int file_visit(const char *folder, size_t part_max, const char *suffix, file_visit_fn visit, file_leave_fn leave,
               void *arg);

/* The ids of an entity type. */
hf_status file_list(const file_entity *e, hf_listing **out, hf_error *err);

/* ---- quarantine */

/* HF_CORRUPT, saying why, if the id is there; HF_NOT_FOUND if not. */
hf_status file_quarantine_check(const file_entity *e, hf_slice id, hf_error *err);
/* Moves a document there. HF_NOT_FOUND: it is readable or gone. */
hf_status file_quarantine_add(file_entity *e, hf_slice id, const char *problem, hf_error *err);
/* The id was written or removed: what is in quarantine no longer stands for it.  *settled: there was something. */
hf_status file_quarantine_settle(const file_entity *e, hf_slice id, bool *settled, hf_error *err);
hf_status file_quarantine_settle_all(const file_entity *e, hf_error *err);
hf_status file_quarantine_count(const char *folder, uint64_t *count, hf_error *err);

#endif
