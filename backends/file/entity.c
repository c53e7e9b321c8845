/* SPDX-License-Identifier: MIT
 *
 * A collection of a store.  See entity.h.
 */
#include "entity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hf__file_entity_free(hf__file_collection *e) {
  hf_scan_cache_forget(e->store->scans, e);
  free((char *)(uintptr_t)e->name.data);
  free(e->folder);
  free(e->quarantine);
  free(e);
}

hf_status hf__file_entity_new(hf__file_store *store, hf_slice name, hf__file_collection **out, hf_error *err) {
  char relative[FILE_RELATIVE_MAX];
  hf__file_collection *e = calloc(1, sizeof *e);
  if (!e) return hf_error_no_memory(err);
  hf__file_encode_name(name, relative);
  e->store = store;
  char *copy = malloc(name.size + 1);
  if (copy) memcpy(copy, name.data, name.size);
  e->name = (hf_slice){copy, name.size};
  if (asprintf(&e->folder, "%s/%s", store->path, relative) < 0) e->folder = NULL;
  if (asprintf(&e->quarantine, "%s/" FILE_QUARANTINE "/%s", store->path, relative) < 0) e->quarantine = NULL;
  if (!copy || !e->folder || !e->quarantine) {
    hf__file_entity_free(e);
    return hf_error_no_memory(err);
  }
  *out = e;
  return HF_OK;
}

/* ---- paths */

/* Writes "FOLDER/RELATIVE.jsonSUFFIX". */
static hf_status join(const char *folder, const char *relative, const char *suffix, char out[FILE_PATH_MAX],
                      hf_error *err) {
  int size = snprintf(out, FILE_PATH_MAX, "%s/%s.json%s", folder, relative, suffix);
  if (size >= 0 && size < FILE_PATH_MAX) return HF_OK;
  return hf_error_set(err, HF_INVALID_ARGUMENT,
                      "the path of this entity is longer than the %d bytes that the system allows: use a shorter base "
                      "or id",
                      FILE_PATH_MAX - 1);
}

hf_status hf__file_document_path(const hf__file_collection *e, hf_slice id, char out[FILE_PATH_MAX], hf_error *err) {
  char relative[FILE_RELATIVE_MAX];
  hf__file_encode_id(id, FILE_PART_MAX, relative);
  return join(e->folder, relative, "", out, err);
}

hf_status hf__file_quarantine_path(const hf__file_collection *e, hf_slice id, const char *suffix,
                                   char out[FILE_PATH_MAX], hf_error *err) {
  char relative[FILE_RELATIVE_MAX];
  hf__file_encode_id(id, FILE_PART_MAX_QUARANTINE, relative);
  return join(e->quarantine, relative, suffix, out, err);
}
