/* SPDX-License-Identifier: MIT
 *
 * Folders, by the paths of what lies in them.  Nothing here knows a store.
 */
#ifndef HF_BACKENDS_FILE_FOLDER_H
#define HF_BACKENDS_FILE_FOLDER_H

#include <stdbool.h>

/* Makes the folder and those above it, each flushed if `synced`.  0 or errno. */
int hf__file_make_folders(const char *path, bool synced);
/* Makes the folder that the path lies in. */
int hf__file_make_parent(const char *path, bool synced);
/* Opens the folder that the path lies in, to be flushed once something in it has been changed; not `synced`: *fd is -1,
 * and there is nothing to do.  0 or errno. */
int hf__file_folder_open(const char *path, bool synced, int *fd);
/* Flushes what was changed at the path, and closes the folder.  Should the path lie in another folder by now, that is
 * flushed, too.  0 or errno. */
int hf__file_folder_flush(int fd, const char *path);
/* Closes it without: nothing was changed. */
void hf__file_folder_close(int fd);
/* Removes the folders that the path lies in, up to but not `top`, as far as they are empty. */
void hf__file_prune_parents(const char *path, const char *top);

#endif
