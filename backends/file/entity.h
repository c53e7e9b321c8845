/* SPDX-License-Identifier: MIT
 *
 * An open store, and a collection of it: in which folders its documents are, and which path each has.
 */
#ifndef HF_BACKENDS_FILE_ENTITY_H
#define HF_BACKENDS_FILE_ENTITY_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "holdfast/backend.h"
#include "path.h"

/* Folders beside those of collections. */
#define FILE_TEMP ".tmp"
#define FILE_QUARANTINE ".quarantine"

/* Room for any path that is built here. */
#define FILE_PATH_MAX PATH_MAX

typedef struct hf__file_store {
  char *path; /* absolute */
  hf_options options;
  char owner[20];               /* begins the names of our temporary files; "" until the first write */
  int owner_fd;                 /* the file that says that we are alive; -1: none yet */
  _Atomic unsigned long writes; /* so that the names differ */
  pthread_mutex_t lock;         /* guards owner */
  hf_scan_cache *scans;         /* their listings */
} hf__file_store;

typedef struct hf__file_collection {
  hf__file_store *store;
  hf_slice name;
  char *folder;     /* absolute path of its documents */
  char *quarantine; /* absolute path of those in quarantine */
} hf__file_collection;

/* Makes one; nothing in the store is looked at.  Fails for lack of memory only. */
hf_status hf__file_entity_new(hf__file_store *store, hf_slice name, hf__file_collection **out, hf_error *err);
/* Frees it, with what its scans left. */
void hf__file_entity_free(hf__file_collection *e);

/* Each writes an absolute path into `out`; HF_INVALID_ARGUMENT if it gets too long for the system. */

hf_status hf__file_document_path(const hf__file_collection *e, hf_slice id, char out[FILE_PATH_MAX], hf_error *err);
/* `suffix` is put after ".json". */
hf_status hf__file_quarantine_path(const hf__file_collection *e, hf_slice id, const char *suffix,
                                   char out[FILE_PATH_MAX], hf_error *err);

#endif
