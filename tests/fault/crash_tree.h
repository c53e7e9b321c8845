/* SPDX-License-Identifier: MIT
 *
 * A recorded directory as a disk may have it: files and folders, what of them is safe, and what is not flushed yet.
 * It is fed with the log of iorecord_preload.c and knows nothing of who wrote it.
 *
 * What may differ between the disk and what programs see is kept in cells: a sector of a file, a file's size, an entry
 * of a folder.  A cell has a safe value and the values that it was given since, in their order; a power cut leaves any
 * one of them, whatever it leaves in other cells.  So what is supposed of a disk is this:
 *
 *  - A sector, of 512 bytes unless one says otherwise, is written whole or not at all.
 *  - A flush that succeeds makes safe what the file, or folder, has then; with O_DSYNC the pages of that write alone.
 *  - Nothing else makes anything safe, or keeps any order.  A rename is two cells, and either half may be lost.  That
 * is weaker than what journalling filesystems promise.
 *  - A flush that fails (IORECORD_FAILED), as Linux has it: any part of it may have reached the disk, and what did not
 *    never will.  Programs go on to see it; a later flush writes only the pages that were written to since, and the
 * size that they need.
 */
#ifndef HF_TESTS_FAULT_CRASH_TREE_H
#define HF_TESTS_FAULT_CRASH_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault/iorecord.h"

enum { CRASH_SECTOR = 512, CRASH_PAGE = 4096, CRASH_NAME_MAX = 64 };

/* A file or a folder; whatever refers to it is one of those of its tree. */
struct crash_node {
  struct crash_node *next;
  uint64_t file; /* inode number */
  unsigned number;
  bool is_folder;
  bool reached;           /* by some state: crash_tree_reach() */
  unsigned char *content; /* what is safe of a file */
  size_t size, capacity;
  struct crash_entry *entries; /* what is safe of a folder */
  size_t entry_count;
};

/* A name in a folder. */
struct crash_entry {
  char name[CRASH_NAME_MAX];
  struct crash_node *node;
};

enum crash_kind { CRASH_CONTENT, CRASH_SIZE, CRASH_NAME };

/* A value that a cell was given. */
struct crash_value {
  uint64_t serial;         /* which record of the log gave it */
  uint64_t hash;           /* of what it is, and where */
  unsigned char *sector;   /* CRASH_CONTENT */
  size_t size;             /* CRASH_SIZE */
  struct crash_node *node; /* CRASH_NAME; NULL: the name is gone */
};

/* What is not safe. */
struct crash_cell {
  struct crash_node *node;
  enum crash_kind kind;
  uint64_t sector; /* CRASH_CONTENT: which */
  char name[CRASH_NAME_MAX];
  bool is_clean;              /* a flush of it has failed, and it was not written since */
  uint64_t safe_hash;         /* of the safe value */
  struct crash_value *values; /* in their order, without the safe one */
  size_t count, capacity;
};

struct crash_tree {
  const char *path; /* of the root, as the log has it */
  struct crash_node *root, *nodes;
  unsigned node_count;
  struct crash_cell *cells;
  size_t cell_count, cell_capacity;
  size_t sector;        /* bytes: CRASH_SECTOR, or less, a power of two */
  uint64_t serial;      /* of the record applied last */
  uint64_t hash;        /* of all that is safe */
  bool ignores_files;   /* flushes of files do nothing: a control */
  bool ignores_folders; /* those of folders */
};

/* A tree of a folder that was empty when it began to be recorded, under this path. */
struct crash_tree *crash_tree_new(const char *path);
/* A tree of what is in a folder now, all of it safe.  `path` must outlive it, and `as` is what the log will call it. */
struct crash_tree *crash_tree_load(const char *path, const char *as);
void crash_tree_free(struct crash_tree *tree);

/* Applies a record of the log.  Marks do nothing.  Returns the file that it wrote to with O_DSYNC: a state before that
 * was safe is one, too, so look, then call crash_tree_settle().  Otherwise NULL. */
struct crash_node *crash_tree_apply(struct crash_tree *tree, const struct iorecord *r, const char *data);
void crash_tree_settle(struct crash_tree *tree, struct crash_node *node, const struct iorecord *r);

/* Notes which nodes some state may reach from the root. */
void crash_tree_reach(struct crash_tree *tree);

/* What a node of the tree has under this name as programs see it; NULL: nothing. */
struct crash_node *crash_tree_child(const struct crash_tree *tree, const struct crash_node *folder, const char *name,
                                    size_t size);

/* Ends the program: memory, or a log that cannot be. */
__attribute__((noreturn)) void crash_die(const char *what);
/* NULL ends it, too. */
void *crash_must(void *p);

#endif
