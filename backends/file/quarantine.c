/* SPDX-License-Identifier: MIT
 *
 * Unreadable documents.  They are moved to .quarantine/ENTITY, with the same path below
 * it, and a report beside them: PATH.json and PATH.json.report.  While the report has
 * this name, the id answers that it is in quarantine.  Once it has been written or removed, both
 * files get the time into their names and only remain for people.
 *
 * What is moved must be what was read: other programs may put another file in its place, or write it, at any moment.
 * So it is looked at once more after it was moved, and put back unless there is a newer one.  A document that becomes
 * whole here, since a program had it open and was slow, or since it was moved at the wrong moment by a process that was
 * killed then, is put back when it is asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "file.h"

static const char report_suffix[] = ".report";

/* How often, and after how many µs each, the lock of quarantine is asked for. */
enum { LOCK_ATTEMPTS = 100, LOCK_PAUSE = 5000 };

enum { PROBLEM_MAX = 256, REPORT_MAX = 4096 };

/* What a report says. */
struct report {
  char problem[PROBLEM_MAX];
  int64_t at;   /* ms since 1970 */
  bool brought; /* the bytes are damaged in another store, whatever they look like: they never become a document */
};

/* In a report: the bytes came from another store.  Before the path, which may reach beyond REPORT_MAX. */
static const char brought_mark[] = ",\"brought\":true";

/* HF_NOT_FOUND: there is none. */
static hf_status read_report(const hf__file_collection *e, hf_slice id, struct report *out, hf_error *err) {
  char path[FILE_PATH_MAX], text[REPORT_MAX];
  hf_status status = hf__file_quarantine_path(e, id, report_suffix, path, err);
  if (status) return status;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT || errno == ENOTDIR ? HF_NOT_FOUND : hf__file_fail(errno, "open", path, err);
  ssize_t size = 0, more;
  while ((more = read(fd, text + size, sizeof text - 1 - (size_t)size)) > 0 || (more < 0 && errno == EINTR))
    if (more > 0) size += more;
  if (more < 0) status = hf__file_fail(errno, "read", path, err); /* what it says decides whether the document heals */
  close(fd);
  if (status) return status;
  text[size] = '\0';
  static const char mark[] = "\"quarantinedAt\":";
  const char *when = strstr(text, mark);
  out->at = when ? strtoll(when + sizeof mark - 1, NULL, 10) : 0;
  out->brought = when && strstr(when, brought_mark);
  hf_json_member((hf_slice){text, strlen(text)}, "problem", out->problem, PROBLEM_MAX);
  return HF_OK;
}

/* Flushes the folders of both names, as far as that is possible. */
static void sync_both(const hf__file_collection *e, const char *one, const char *other) {
  int fd;
  bool synced = e->store->options.durability == HF_DURABILITY_SYNC;
  if (hf__file_folder_open(one, synced, &fd) == 0) hf__file_folder_flush(fd, one);
  if (hf__file_folder_open(other, synced, &fd) == 0) hf__file_folder_flush(fd, other);
}

/* Gives a document that has become whole its name again.  False: it has not, or cannot get it. */
static bool heal(const hf__file_collection *e, hf_slice id) {
  char kept[FILE_PATH_MAX], path[FILE_PATH_MAX];
  hf_buffer json = HF_BUFFER_INIT;
  hf__file_info info;
  bool settled;
  hf_error why;
  if (e->store->options.read_only || hf__file_quarantine_path(e, id, "", kept, &why) ||
      hf__file_document_path(e, id, path, &why))
    return false;
  hf_status status = hf__file_document_read(kept, &json, &info, &why);
  hf_buffer_free(&json);
  if (status) return false;
  int number = hf__file_rename_new(kept, path);
  if (number == ENOENT && hf__file_make_parent(path, e->store->options.durability == HF_DURABILITY_SYNC) == 0)
    number = hf__file_rename_new(kept, path);
  if (number && number != EEXIST) return false;
  sync_both(e, path, kept);
  hf__file_quarantine_settle(e, id, &settled, &why);
  return true;
}

hf_status hf__file_quarantine_check(const hf__file_collection *e, hf_slice id, hf_error *err) {
  struct report r;
  hf_status status = read_report(e, id, &r, err);
  if (status) return status;
  if (!r.brought && heal(e, id)) return HF_OK;
  return hf_error_quarantined(err, r.problem);
}

static int heal_one(void *arg, int folder, const char *leaf, hf_slice id) {
  const hf__file_collection *e = arg;
  char report[FILE_PATH_MAX], kept[FILE_PATH_MAX];
  hf__file_info moved, now;
  struct report r;
  hf_error why;
  (void)folder;
  (void)leaf;
  /* Only those are read that have been written since they were moved. */
  if (hf__file_quarantine_path(e, id, report_suffix, report, &why) == HF_OK &&
      hf__file_quarantine_path(e, id, "", kept, &why) == HF_OK && hf__file_info_read(report, &moved) == 0 &&
      hf__file_info_read(kept, &now) == 0 && now.modified >= moved.modified && read_report(e, id, &r, &why) == HF_OK &&
      !r.brought)
    heal(e, id);
  return 0;
}

void hf__file_quarantine_heal_all(const hf__file_collection *e) {
  if (access(e->quarantine, F_OK) || e->store->options.read_only) return;
  hf__file_visit(e->quarantine, &hf__file_reports, heal_one, NULL, (void *)(uintptr_t)e);
}

static hf_status write_report(hf__file_collection *e, hf_slice id, const char *from, const char *path,
                              const char *problem, bool brought, hf_error *err) {
  hf_buffer text = HF_BUFFER_INIT;
  bool ok = hf_buffer_printf(&text, "{\"entityName\":") && hf_buffer_quote(&text, e->name) &&
            hf_buffer_printf(&text, ",\"entityId\":") && hf_buffer_quote(&text, id) &&
            hf_buffer_printf(&text, ",\"problem\":") && hf_buffer_quote(&text, hf_text(problem)) &&
            hf_buffer_printf(&text, ",\"quarantinedAt\":%lld%s,\"path\":", (long long)hf_now_ms(),
                             brought ? brought_mark : "") &&
            hf_buffer_quote(&text, hf_text(from)) && hf_buffer_printf(&text, "}\n");
  hf_status status = ok ? hf__file_document_write(e->store, path, (hf_slice){text.data, text.size}, false, err)
                        : hf_error_no_memory(err);
  hf_buffer_free(&text);
  return status;
}

/* One process at a time moves or brings documents there: two that have the same one would take each other's for old
 * ones, or write over them.
 * *fd is -1 where the filesystem has no such locks. */
static hf_status lock_folder(const hf__file_collection *e, int *fd, hf_error *err) {
  int number = hf__file_make_folders(e->quarantine, e->store->options.durability == HF_DURABILITY_SYNC);
  if (number) return hf__file_fail(number, "make", e->quarantine, err);
  *fd = open(e->quarantine, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (*fd < 0) return hf__file_fail(errno, "open", e->quarantine, err);
  for (int attempt = 0; flock(*fd, LOCK_EX | LOCK_NB); attempt++) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) break; /* it has none: then two may meet */
    if (attempt == LOCK_ATTEMPTS) {
      close(*fd);
      return hf_error_set(err, HF_BUSY, "another process is moving documents to %s: read it again", e->quarantine);
    }
    usleep(LOCK_PAUSE);
  }
  return HF_OK;
}

/* Closing alone would not do: a child of fork() may have the descriptor too, and keep the lock for as long as it lives.
 */
static void unlock_folder(int fd) {
  flock(fd, LOCK_UN);
  close(fd);
}

/* Whether what was moved is what was found before: HF_OK.  HF_NOT_FOUND: it is a readable document, or gone by now.
 * HF_BUSY: it is another one, or one that has been written since. */
static hf_status compare(const char *path, const hf__file_info *found, hf_error *err) {
  hf_buffer json = HF_BUFFER_INIT;
  hf__file_info now;
  hf_status status = hf__file_document_read(path, &json, &now, err);
  hf_buffer_free(&json);
  if (status == HF_CORRUPT) return hf__file_is_same(found, &now) ? HF_OK : hf__file_fail_busy(path, err);
  return status == HF_OK ? HF_NOT_FOUND : status;
}

/* Moves the document.  If it was not the one that was found it goes back, unless there is a newer one. */
static hf_status move(const hf__file_collection *e, hf_slice id, const char *from, const char *to,
                      const hf__file_info *found, hf_error *err) {
  hf_error why;
  bool settled;
  if (rename(from, to)) {
    int number = errno;
    if (number == ENOENT) return HF_NOT_FOUND;
    if (access(to, F_OK)) return hf__file_fail(number, "move to quarantine", from, err); /* nothing was there before */
  }
  hf_status status = compare(to, found, err);
  if (status == HF_OK) return HF_OK;
  int number = hf__file_rename_new(to, from);
  if (number == EEXIST) hf__file_quarantine_settle(e, id, &settled, &why);
  return number == 0 || number == EEXIST || number == ENOENT ? status : HF_OK; /* it waits there to be asked for */
}

/* Writes the report and moves the document.  Under the lock. */
static hf_status add(hf__file_collection *e, hf_slice id, const char *problem, const char *from, hf_error *err) {
  char to[FILE_PATH_MAX], report[FILE_PATH_MAX];
  bool settled;
  hf_buffer json = HF_BUFFER_INIT;
  hf__file_info found, reported;
  hf_status status = hf__file_quarantine_path(e, id, "", to, err);
  if (status == HF_OK) status = hf__file_quarantine_path(e, id, report_suffix, report, err);
  if (status) return status;
  status = hf__file_document_read(from, &json, &found, err);
  hf_buffer_free(&json);
  if (status != HF_CORRUPT) return status == HF_OK ? HF_NOT_FOUND : status;
  if (hf__file_age_at(&found, hf_now_ms()) == FILE_YOUNG) return hf__file_fail_busy(from, err);
  status = hf__file_quarantine_settle(e, id, &settled, err); /* what an earlier one left */
  if (status) return status;
  status = write_report(e, id, from, report, problem, false, err);
  if (status) {
    unlink(report); /* it may be there, not flushed */
    return status;
  }
  /* The report has its time from the clock that the document has its time from, which with a file server is not ours.
   */
  if (hf__file_info_read(report, &reported) == 0 && hf__file_age_at(&found, reported.modified) == FILE_YOUNG)
    status = hf__file_fail_busy(from, err);
  else
    status = move(e, id, from, to, &found, err);
  if (status)
    unlink(report);
  else
    sync_both(e, to, from);
  return status;
}

hf_status hf__file_quarantine_add(hf__file_collection *e, hf_slice id, const char *problem, hf_error *err) {
  char from[FILE_PATH_MAX];
  int lock = -1;
  hf_status status = hf__file_document_path(e, id, from, err);
  if (status == HF_OK) status = lock_folder(e, &lock, err);
  if (status) return status;
  status = add(e, id, problem, from, err);
  unlock_folder(lock);
  if (status == HF_OK) hf__file_prune_parents(from, e->folder);
  return status;
}

/* Reads a file whole, whatever it is.  HF_NOT_FOUND: there is none. */
static hf_status read_bytes(const char *path, hf_buffer *bytes, hf_error *err) {
  char block[16384];
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  bytes->size = 0;
  if (fd < 0) return errno == ENOENT || errno == ENOTDIR ? HF_NOT_FOUND : hf__file_fail(errno, "open", path, err);
  hf_status status = HF_OK;
  for (ssize_t n; status == HF_OK && (n = read(fd, block, sizeof block)) != 0;) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      status = hf__file_fail(errno, "read", path, err);
    else if (!hf_buffer_add(bytes, block, (size_t)n))
      status = hf_error_no_memory(err);
  }
  close(fd);
  return status;
}

/* Whether these bytes are what is in quarantine under the id. */
static hf_status is_there(const hf__file_collection *e, hf_slice id, const char *path, hf_slice bytes, bool *same,
                          hf_error *err) {
  struct report r;
  hf_buffer there = HF_BUFFER_INIT;
  *same = false;
  hf_status status = read_report(e, id, &r, err);
  if (status == HF_OK) status = read_bytes(path, &there, err);
  if (status == HF_OK) *same = there.size == bytes.size && (!bytes.size || !memcmp(there.data, bytes.data, bytes.size));
  hf_buffer_free(&there);
  return status == HF_NOT_FOUND ? HF_OK : status;
}

/* A sound document stays, an unreadable one goes to quarantine first. */
static hf_status make_way(hf__file_collection *e, hf_slice id, const char *document, hf_error *err) {
  hf_buffer json = HF_BUFFER_INIT;
  hf__file_info info;
  hf_status found = hf__file_document_read(document, &json, &info, err);
  hf_buffer_free(&json);
  if (found == HF_OK) return HF_CONFLICT;
  if (found == HF_NOT_FOUND) return HF_OK;
  if (found != HF_CORRUPT) return found;
  char problem[PROBLEM_MAX];
  snprintf(problem, sizeof problem, "%.*s", PROBLEM_MAX - 1, err->message);
  found = hf__file_quarantine_add(e, id, problem, err);
  if (found != HF_NOT_FOUND) return found;
  return hf_error_set(err, HF_BUSY, "%s is being written by another process", document);
}

/* Writes the bytes and their report, unless they are there.  Under the lock. */
static hf_status bring(hf__file_collection *e, hf_slice id, const char *document, const char *problem, hf_slice bytes,
                       hf_error *err) {
  char to[FILE_PATH_MAX], report[FILE_PATH_MAX];
  bool same, settled, synced = e->store->options.durability == HF_DURABILITY_SYNC;
  hf_status status = hf__file_quarantine_path(e, id, "", to, err);
  if (status == HF_OK) status = hf__file_quarantine_path(e, id, report_suffix, report, err);
  if (status == HF_OK) status = is_there(e, id, to, bytes, &same, err);
  if (status || same) return status;
  int number = hf__file_make_folders(e->folder, synced); /* so that the entity name is in the store */
  if (number) return hf__file_fail(number, "make the folder", e->folder, err);
  status = hf__file_quarantine_settle(e, id, &settled, err);
  if (status == HF_OK) status = hf__file_document_write(e->store, to, bytes, false, err);
  return status ? status : write_report(e, id, document, report, problem, true, err);
}

hf_status hf__file_quarantine_put(hf__file_collection *e, hf_slice id, const char *problem, hf_slice bytes,
                                  hf_error *err) {
  char document[FILE_PATH_MAX];
  int lock = -1;
  hf_status status = hf__file_document_path(e, id, document, err);
  if (status == HF_OK) status = make_way(e, id, document, err);
  if (status == HF_OK) status = lock_folder(e, &lock, err);
  if (status) return status;
  status = bring(e, id, document, problem, bytes, err);
  unlock_folder(lock);
  return status;
}

/* ---- listing */

/* Adds one of them.  HF_NOT_FOUND: it was settled meanwhile. */
static hf_status add_entry(const hf__file_collection *e, hf_slice id, bool keys_only, hf_buffer *bytes, hf_page *page,
                           hf_error *err) {
  char path[FILE_PATH_MAX];
  struct report r;
  hf_status status = read_report(e, id, &r, err);
  if (status == HF_OK && !keys_only) status = hf__file_quarantine_path(e, id, "", path, err);
  if (status == HF_OK && !keys_only) status = read_bytes(path, bytes, err);
  if (status) return status;
  hf_slice what = keys_only ? (hf_slice){NULL, 0} : (hf_slice){bytes->data ? bytes->data : "", bytes->size};
  hf_entry *entry = hf_page_add_damaged(page, id, what, hf_text(r.problem));
  if (!entry) return hf_error_no_memory(err);
  entry->info.updated_at = r.at;
  return HF_OK;
}

hf_status hf__file_quarantine_list(const hf__file_collection *e, const hf_scan *scan, hf_page *page, bool *more,
                                   hf_error *err) {
  hf_id_list *list = NULL;
  size_t first, end, taken = 0, size = 0;
  hf_buffer bytes = HF_BUFFER_INIT;
  hf_status status = hf__file_list(e->quarantine, &hf__file_reports, &list, err);
  *more = false;
  if (status) return status;
  hf_id_list_range(list, scan, &first, &end);
  while (first < end && status == HF_OK) {
    *more = taken == scan->limit || (taken && size > scan->max_bytes);
    if (*more) break;
    size_t at = scan->reverse ? --end : first++;
    hf_slice id = hf_id_list_id(list, at);
    if (!hf_scan_matches(scan, id)) continue;
    status = add_entry(e, id, scan->keys_only, &bytes, page, err);
    if (status == HF_OK && !hf_page_resume(page, hf_id_list_order(list, at))) status = hf_error_no_memory(err);
    taken += status == HF_OK;
    size += bytes.size;
    if (status == HF_NOT_FOUND) status = HF_OK;
  }
  hf_buffer_free(&bytes);
  hf_id_list_free(list);
  return status;
}

/* ---- settling */

/* Moves a file aside: its new name has the time in it. */
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

/* The report first: with it the id is settled. */
static int settle(const char *path, bool *settled) {
  int number = put_aside(path, report_suffix);
  if (number && number != ENOENT && number != ENOTDIR) return number;
  *settled = number == 0;
  number = put_aside(path, "");
  return number == ENOENT || number == ENOTDIR ? 0 : number;
}

hf_status hf__file_quarantine_settle(const hf__file_collection *e, hf_slice id, bool *settled, hf_error *err) {
  char path[FILE_PATH_MAX], report[FILE_PATH_MAX];
  *settled = false;
  int folder = -1, number = 0;
  hf_status status = hf__file_quarantine_path(e, id, "", path, err);
  if (status == HF_OK) status = hf__file_quarantine_path(e, id, report_suffix, report, err);
  if (status) return status;
  if (access(report, F_OK) == 0)
    number = hf__file_folder_open(report, e->store->options.durability == HF_DURABILITY_SYNC, &folder);
  if (number == 0) number = settle(path, settled);
  if (number == 0 && *settled)
    number = hf__file_folder_flush(folder, report);
  else
    hf__file_folder_close(folder);
  if (number == 0) return HF_OK;
  status = hf__file_fail(number, "settle what is in quarantine at", path, err);
  return *settled || number == EIO ? hf__file_fail_late(status, err) : status; /* after EIO nobody knows */
}

struct settling {
  const hf__file_collection *collection;
  hf_status status;
  hf_error *err;
  bool *settled;
};

static int settle_one(void *arg, int folder, const char *leaf, hf_slice id) {
  struct settling *s = arg;
  bool settled;
  (void)folder;
  (void)leaf;
  s->status = hf__file_quarantine_settle(s->collection, id, &settled, s->err);
  *s->settled |= settled;
  return s->status ? ECANCELED : 0;
}

hf_status hf__file_quarantine_settle_all(const hf__file_collection *e, bool *settled, hf_error *err) {
  struct settling s = {e, HF_OK, err, settled};
  *settled = false;
  int number = hf__file_visit(e->quarantine, &hf__file_reports, settle_one, NULL, &s);
  if (s.status) return s.status;
  return number ? hf__file_fail(number, "list", e->quarantine, err) : HF_OK;
}
