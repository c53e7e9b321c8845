/* SPDX-License-Identifier: MIT
 *
 * What the files of this backend share.
 *
 *   file.c        the slots
 *   notes.c       what a store keeps of itself
 *   quarantine.c  unreadable documents
 *   partial.c     documents that another program may be writing
 *   document.c    one document: read, write, remove
 *   temp.c        temporary files, and who they belong to
 *   list.c        folders as ids
 *   folder.c      folders: make, flush, remove
 *   entity.c      a collection: its folders, and the paths of its documents
 *   path.c        ids as paths
 *   errors.c      what the system refuses, as errors
 *
 * Each calls those after it only.
 *
 * Paths are always absolute and resolved each time, never relative to an open folder: a folder that another program
 * moves away or deletes must not take what is written afterwards with it.
 */
#ifndef HF_BACKENDS_FILE_FILE_H
#define HF_BACKENDS_FILE_FILE_H

#include "entity.h"
#include "errors.h"
#include "folder.h"

/* ---- listing */

/* A kind of file in the folders of a collection: how its name is made of an id. */
typedef struct hf__file_kind {
  size_t part_max;    /* of hf__file_encode_id() */
  const char *suffix; /* after that */
} hf__file_kind;

extern const hf__file_kind hf__file_documents; /* below hf__file_collection.folder */
extern const hf__file_kind
    hf__file_reports; /* below hf__file_collection.quarantine: of those that stand for their ids */

/* Called for each file; the path of its folder is open as `folder`.  0 to go on, or errno to stop with. */
typedef int (*hf__file_visit_fn)(void *arg, int folder, const char *leaf, hf_slice id);
/* Called for each folder below the first one, once it has been gone through; may be NULL. */
typedef int (*hf__file_leave_fn)(void *arg, int parent, const char *name, int folder);

/* Goes through the files of a kind below a folder, in no order.  A folder that is missing has none.  0 or errno. */
int hf__file_visit(const char *folder, const hf__file_kind *kind, hf__file_visit_fn visit, hf__file_leave_fn leave,
                   void *arg);

/* Their ids, in order. */
hf_status hf__file_list(const char *folder, const hf__file_kind *kind, hf_id_list **out, hf_error *err);
/* How many there are. */
hf_status hf__file_count(const char *folder, const hf__file_kind *kind, uint64_t *count, hf_error *err);

/* ---- temporary files */

/* Makes a new file for writing, and its path.  Takes possession of the store first, if that has not happened: see
 * temp.c. */
hf_status hf__file_temp_open(hf__file_store *s, char path[FILE_PATH_MAX], int *fd, hf_error *err);
/* Removes those of processes that are gone. */
void hf__file_temp_sweep(const char *store_path);
void hf__file_temp_close(hf__file_store *s);

/* ---- documents */

typedef struct hf__file_info {
  uint64_t device, inode;
  size_t size;      /* of the file; of the document after hf__file_document_read() */
  int64_t modified; /* ms since 1970; can be set by whoever owns the file */
  int64_t changed;  /* the same, and cannot be set: also of changes to the name or the owner */
} hf__file_info;

/* Reads and checks a document.  HF_NOT_FOUND, HF_CORRUPT with what is wrong, or an error of the system. */
hf_status hf__file_document_read(const char *path, hf_buffer *json, hf__file_info *info, hf_error *err);
/* What it takes from a file without reading it.  0 or errno. */
int hf__file_info_read(const char *path, hf__file_info *info);
/* Renames a file unless there is one of the new name.  0, EEXIST or another errno. */
int hf__file_rename_new(const char *from, const char *to);
/* Writes it in one step.  if_absent: HF_CONFLICT if there is a file. */
hf_status hf__file_document_write(hf__file_store *s, const char *path, hf_slice json, bool if_absent, hf_error *err);
/* HF_NOT_FOUND if there is none. */
hf_status hf__file_document_remove(const hf__file_collection *e, const char *path, hf_error *err);

/* ---- documents that another program may be writing: see partial.c */

/* An unreadable document is taken for corrupt when it has not been written for so many ms. */
#define FILE_SETTLED_MS 2000

/* Whether a program may still be writing a file. */
typedef enum hf__file_age {
  FILE_SETTLED,  /* it was written long ago */
  FILE_YOUNG,    /* it may be */
  FILE_IN_FUTURE /* its times lie ahead of the clock: only watching it tells */
} hf__file_age;

/* By a clock that is at `now`, in ms since 1970. */
hf__file_age hf__file_age_at(const hf__file_info *info, int64_t now);
/* Whether it is the same file with the same content, for all that can be seen. */
bool hf__file_is_same(const hf__file_info *a, const hf__file_info *b);
/* Says HF_BUSY for an unreadable document, with what hf__file_document_read() has put into *err as the cause. */
hf_status hf__file_fail_busy(const char *path, hf_error *err);
/* Reads a document as hf__file_document_read() does, but HF_CORRUPT is only what no process is writing.  HF_BUSY: it is
 * unreadable, and a process may be.  That is waited for, for a moment, or if `patient` until it is known. */
hf_status hf__file_document_read_whole(const char *path, bool patient, hf_buffer *json, hf__file_info *info,
                                       hf_error *err);

/* ---- notes: the slots */

hf_status hf__file_note_get(void *store, void *txn, hf_slice name, hf_buffer *text, hf_error *err);
hf_status hf__file_note_put(void *store, void *txn, hf_slice name, hf_slice text, hf_error *err);

/* ---- quarantine */

/* HF_CORRUPT, saying why, if the id is there; HF_NOT_FOUND if not.  HF_OK: what was there has become whole, and has its
 * name again. */
hf_status hf__file_quarantine_check(const hf__file_collection *e, hf_slice id, hf_error *err);
/* Gives all that have become whole their names again.  What fails stays where it is. */
void hf__file_quarantine_heal_all(const hf__file_collection *e);
/* Moves a document there.  HF_NOT_FOUND: it is readable or gone.  HF_BUSY: a process may be writing it. */
hf_status hf__file_quarantine_add(hf__file_collection *e, hf_slice id, const char *problem, hf_error *err);
/* Puts bytes there that are damaged in another store.  HF_CONFLICT: there is a sound document. */
hf_status hf__file_quarantine_put(hf__file_collection *e, hf_slice id, const char *problem, hf_slice bytes,
                                  hf_error *err);
/* Lists what is there, as the slot quarantine_scan. */
hf_status hf__file_quarantine_list(const hf__file_collection *e, const hf_scan *scan, hf_page *page, bool *more,
                                   hf_error *err);
/* The id was written or removed: what is in quarantine no longer stands for it.  *settled: there was something. */
hf_status hf__file_quarantine_settle(const hf__file_collection *e, hf_slice id, bool *settled, hf_error *err);
/* The same for all ids; with *settled it may have failed half way. */
hf_status hf__file_quarantine_settle_all(const hf__file_collection *e, bool *settled, hf_error *err);

#endif
