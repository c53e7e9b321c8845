/* SPDX-License-Identifier: MIT
 *
 * Unreadable documents.  They are moved to .quarantine/ENTITY, with the same path below
 * it, and a report beside them: PATH.json and PATH.json.report.  While the report has
 * this name, the id answers that it is in quarantine.  Once it has been written or removed, both
 * files get the time into their names and only remain for people.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

static const char report_suffix[] = ".report";

hf_status file_quarantine_check(const file_entity *e, hf_slice id, hf_error *err) {
  char path[FILE_PATH_MAX], text[1024], problem[256] = "";
  hf_status status = file_quarantine_path(e, id, report_suffix, path, err);
  if (status) return status;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT || errno == ENOTDIR ? HF_NOT_FOUND : file_fail(errno, "open", path, err);
  ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  text[size > 0 ? size : 0] = '\0';
  static const char mark[] = "\"problem\":\"";
  const char *from = strstr(text, mark);
  for (size_t n = 0; from && n + 1 < sizeof problem; n++, from++) {
    if (n == 0) from += sizeof mark - 1;
    if (*from == '"' || !*from) break;
    if (*from == '\\' && from[1]) from++; /* quotes and backslashes are all that is escaped in our messages */
    problem[n] = *from;
  }
  return hf_error_set(err, HF_CORRUPT, HF_IN_QUARANTINE " (%s); write or remove it to go on", problem);
}

static hf_status write_report(file_entity *e, hf_slice id, const char *from, const char *path, const char *problem,
                              hf_error *err) {
  hf_buffer text = HF_BUFFER_INIT;
  bool ok = hf_buffer_printf(&text, "{\"entityName\":") && hf_buffer_quote(&text, e->name) &&
            hf_buffer_printf(&text, ",\"entityId\":") && hf_buffer_quote(&text, id) &&
            hf_buffer_printf(&text, ",\"problem\":") && hf_buffer_quote(&text, hf_text(problem)) &&
            hf_buffer_printf(&text, ",\"quarantinedAt\":%lld,\"path\":", (long long)hf_now_ms()) &&
            hf_buffer_quote(&text, hf_text(from)) && hf_buffer_printf(&text, "}\n");
  hf_status status = ok ? file_document_write(e->store, path, (hf_slice){text.data, text.size}, false, err)
                        : hf_error_set(err, HF_IO, "out of memory");
  hf_buffer_free(&text);
  return status;
}

hf_status file_quarantine_add(file_entity *e, hf_slice id, const char *problem, hf_error *err) {
  char from[FILE_PATH_MAX], to[FILE_PATH_MAX], report[FILE_PATH_MAX];
  bool settled;
  hf_buffer json = HF_BUFFER_INIT;
  file_info info;
  hf_error why;
  hf_status status = file_document_path(e, id, from, err);
  if (status == HF_OK) status = file_quarantine_path(e, id, "", to, err);
  if (status == HF_OK) status = file_quarantine_path(e, id, report_suffix, report, err);
  if (status == HF_OK) status = file_quarantine_settle(e, id, &settled, err); /* what an earlier one left */
  if (status) return status;
  hf_status found = file_document_read(from, &json, &info, &why);
  hf_buffer_free(&json);
  if (found != HF_CORRUPT) return HF_NOT_FOUND;
  status = write_report(e, id, from, report, problem, err);
  if (status) return status;
  if (rename(from, to)) {
    int number = errno;
    file_quarantine_settle(e, id, &settled, &why);
    return number == ENOENT ? HF_NOT_FOUND : file_fail(number, "move to quarantine", from, err);
  }
  /* Somebody may have written a good one just before: that goes back, unless there is one again. */
  found = file_document_read(to, &json, &info, &why);
  hf_buffer_free(&json);
  if (found == HF_OK && renameat2(AT_FDCWD, to, AT_FDCWD, from, RENAME_NOREPLACE) == 0) {
    file_quarantine_settle(e, id, &settled, &why);
    return HF_NOT_FOUND;
  }
  if (e->store->options.durability == HF_DURABILITY_SYNC) {
    file_sync_parent(to);
    file_sync_parent(from);
  }
  file_prune_parents(from, e->folder);
  return HF_OK;
}

/* Moves a file behind its name with the time in it. */
static int put_aside(const char *path, const char *suffix) {
  char aside[FILE_PATH_MAX];
  for (int64_t now = hf_now_ms();; now++) {
    int size = snprintf(aside, sizeof aside, "%s.%lld%s", path, (long long)now, suffix);
    if (size < 0 || (size_t)size >= sizeof aside) return ENAMETOOLONG;
    char old[FILE_PATH_MAX];
    snprintf(old, sizeof old, "%s%s", path, suffix);
    if (renameat2(AT_FDCWD, old, AT_FDCWD, aside, RENAME_NOREPLACE) == 0) return 0;
    if ((errno == EINVAL || errno == ENOSYS) && access(aside, F_OK)) return rename(old, aside) ? errno : 0;
    if (errno != EEXIST) return errno;
  }
}

static int settle(const char *path, bool *settled) {
  int number = put_aside(path, "");
  if (number && number != ENOENT && number != ENOTDIR) return number;
  number = put_aside(path, report_suffix);
  *settled = number == 0;
  return number == ENOENT || number == ENOTDIR ? 0 : number;
}

hf_status file_quarantine_settle(const file_entity *e, hf_slice id, bool *settled, hf_error *err) {
  char path[FILE_PATH_MAX];
  *settled = false;
  hf_status status = file_quarantine_path(e, id, "", path, err);
  if (status) return status;
  int number = settle(path, settled);
  return number ? file_fail(number, "settle what is in quarantine at", path, err) : HF_OK;
}

struct settling {
  const file_entity *entity;
  hf_status status;
  hf_error *err;
};

static int settle_one(void *arg, int folder, const char *leaf, hf_slice id) {
  struct settling *s = arg;
  bool settled;
  (void)folder;
  (void)leaf;
  s->status = file_quarantine_settle(s->entity, id, &settled, s->err);
  return s->status ? ECANCELED : 0;
}

hf_status file_quarantine_settle_all(const file_entity *e, hf_error *err) {
  struct settling s = {e, HF_OK, err};
  int number = file_visit(e->quarantine, FILE_PART_MAX_QUARANTINE, ".json.report", settle_one, NULL, &s);
  if (s.status) return s.status;
  return number ? file_fail(number, "list", e->quarantine, err) : HF_OK;
}

static int count_one(void *arg, int folder, const char *leaf, hf_slice id) {
  (void)folder;
  (void)leaf;
  (void)id;
  ++*(uint64_t *)arg;
  return 0;
}

hf_status file_quarantine_count(const char *folder, uint64_t *count, hf_error *err) {
  *count = 0;
  int number = file_visit(folder, FILE_PART_MAX_QUARANTINE, ".json.report", count_one, NULL, count);
  return number ? file_fail(number, "list", folder, err) : HF_OK;
}
