/* SPDX-License-Identifier: MIT
 *
 * The status table and the error object.  One X-macro (HF_STATUS_MAP) yields
 * enum, names, retryability and meanings; nothing here can fail or allocate.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct status_row {
  const char *name;
  const char *meaning;
  bool retryable;
};

static const struct status_row rows[HF_STATUS_COUNT] = {
#define STATUS_ROW(id, name, retryable, meaning) [HF_##id] = {name, meaning, retryable},
    HF_STATUS_MAP(STATUS_ROW)
#undef STATUS_ROW
};

const char *hf_version(void) { return HF_VERSION_STRING; }

const char *hf_status_name(hf_status status) {
  return (unsigned)status < HF_STATUS_COUNT ? rows[status].name : "unknown";
}

const char *hf_status_meaning(hf_status status) {
  return (unsigned)status < HF_STATUS_COUNT ? rows[status].meaning : "unknown status";
}

hf_status hf_status_from_name(const char *name) {
  int i;
  for (i = 0; i < HF_STATUS_COUNT; i++)
    if (strcmp(rows[i].name, name) == 0) break;
  return (hf_status)i;
}

void hf__copy_text(char *out, size_t capacity, const char *text, size_t size) {
  if (size < capacity) {
    memcpy(out, text, size);
    out[size] = '\0';
    return;
  }
  size_t keep = capacity - 4;
  while (keep > 0 && ((unsigned char)text[keep] & 0xC0) == 0x80) keep--;
  memcpy(out, text, keep);
  memcpy(out + keep, "...", 4);
}

HF_PRINTF(3, 0) static void format_text(char *out, size_t capacity, const char *fmt, va_list args) {
  int n = vsnprintf(out, capacity, fmt, args);
  if (n < 0) {
    hf__copy_text(out, capacity, fmt, strlen(fmt));
  } else if ((size_t)n >= capacity) {
    size_t keep = capacity - 4;
    while (keep > 0 && ((unsigned char)out[keep] & 0xC0) == 0x80) keep--;
    memcpy(out + keep, "...", 4);
  }
}

hf_status hf_error_set(hf_error *err, hf_status status, const char *fmt, ...) {
  if (!err) return status;
  err->status = status;
  err->retryable = (unsigned)status < HF_STATUS_COUNT && rows[status].retryable;
  err->in_quarantine = false;
  err->backend[0] = err->entity_name[0] = err->entity_id[0] = err->where[0] = err->cause[0] = '\0';
  memset(err->reserved, 0, sizeof err->reserved);
  va_list args;
  va_start(args, fmt);
  format_text(err->message, sizeof err->message, fmt, args);
  va_end(args);
  return status;
}

hf_status hf_error_no_memory(hf_error *err) { return hf_error_set(err, HF_NO_MEMORY, "out of memory"); }

hf_status hf_error_quarantined(hf_error *err, const char *problem) {
  hf_error_set(err, HF_CORRUPT, "it is in quarantine (%s); write or remove it to go on", problem);
  if (err) err->in_quarantine = true;
  return HF_CORRUPT;
}

hf_status hf_error_compacted(hf_error *err, uint64_t wanted, const hf_changes_reach *reach) {
  if (reach->from == UINT64_MAX)
    return hf_error_set(err, HF_UNSUPPORTED,
                        "the store keeps no log of changes: set changes=7d, or as long as it shall reach back");
  hf_error_set(err, HF_COMPACTED,
               "changes of revision %llu are not kept any more: the oldest that are have revision %llu",
               (unsigned long long)wanted, (unsigned long long)reach->from);
  if (err) err->revision = reach->from;
  return HF_COMPACTED;
}

void hf_error_cause(hf_error *err, const char *fmt, ...) {
  if (!err) return;
  va_list args;
  va_start(args, fmt);
  format_text(err->cause, sizeof err->cause, fmt, args);
  va_end(args);
}

void hf__error_entity(hf_error *err, hf_slice entity_name, hf_slice id) {
  if (!err) return;
  if (entity_name.data) hf__copy_text(err->entity_name, sizeof err->entity_name, entity_name.data, entity_name.size);
  if (id.data) hf__copy_text(err->entity_id, sizeof err->entity_id, id.data, id.size);
}

void hf_error_id(hf_error *err, hf_slice id) { hf__error_entity(err, (hf_slice){NULL, 0}, id); }

/* ---- warnings */

static hf_warning_fn *warning_handler;
static void *warning_arg;

void hf_set_warning_handler(hf_warning_fn *handler, void *arg) {
  warning_handler = handler;
  warning_arg = arg;
}

void hf_warn(const char *fmt, ...) {
  char message[1024];
  va_list args;
  if (!warning_handler) return;
  va_start(args, fmt);
  vsnprintf(message, sizeof message, fmt, args);
  va_end(args);
  warning_handler(message, warning_arg);
}
