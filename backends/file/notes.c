/* SPDX-License-Identifier: MIT
 *
 * Notes of a store: a file each beside the folders of its collections, BASE/.note-NAME.json.
 */
#include <stdio.h>
#include <string.h>

#include "file.h"

static hf_status path_of(const hf__file_store *s, hf_slice name, char out[FILE_PATH_MAX], hf_error *err) {
  int size = snprintf(out, FILE_PATH_MAX, "%s/.note-%.*s.json", s->path, (int)name.size, name.data);
  if (size >= 0 && size < FILE_PATH_MAX) return HF_OK;
  return hf_error_set(err, HF_INVALID_ARGUMENT, "the path of a note is longer than the system allows: %s", s->path);
}

hf_status hf__file_note_get(void *store, void *txn, hf_slice name, hf_buffer *text, hf_error *err) {
  char path[FILE_PATH_MAX];
  hf__file_info info;
  (void)txn;
  hf_status status = path_of(store, name, path, err);
  return status ? status : hf__file_document_read(path, text, &info, err);
}

hf_status hf__file_note_put(void *store, void *txn, hf_slice name, hf_slice text, hf_error *err) {
  char path[FILE_PATH_MAX];
  hf__file_store *s = store;
  (void)txn;
  hf_status status = path_of(s, name, path, err);
  if (status || text.size) return status ? status : hf__file_document_write(s, path, text, false, err);
  const hf__file_collection beside = {.store = s, .folder = s->path};
  status = hf__file_document_remove(&beside, path, err);
  return status == HF_NOT_FOUND ? HF_OK : status;
}
