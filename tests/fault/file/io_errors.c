/* SPDX-License-Identifier: MIT
 *
 * What a file store says when the operating system refuses, and whether it is true; used
 * by io_error_test.sh, with iorecord_preload.c.
 *
 *   io_errors DIRECTORY
 *
 * Each operation is done again and again, and each time another one of its calls to the system fails: opening, making,
 * writing, flushing, renaming, removing, reading, looking.  Then:
 *
 *   - success means done
 *   - busy and full mean "nothing was changed", and so does whatever may be tried again
 *   - what has changed something, or may have, says so
 *   - a document is the old one or the new one, or as before in quarantine
 *   - when the system works again, so does the store
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault/iorecord.h"
#include "holdfast/backend.h"

enum { NTH_MAX = 300, TEXT_MAX = 64, IDS = 6 };

#define CHECK(condition, ...)                                                                                          \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "FAIL %s:%d: ", __FILE__, __LINE__);                                                             \
      fprintf(stderr, __VA_ARGS__);                                                                                    \
      fprintf(stderr, "\n");                                                                                           \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

static const char *const ids[IDS] = {"a", "b", "n/m/c", "n/d", "bad", "new/e"};

/* What a store has: the text of each id, "" for none, "?" for one that is corrupt. */
struct content {
  char text[IDS][TEXT_MAX];
};

static const char *text_of(const hf_error *err) {
  static char text[5000];
  snprintf(text, sizeof text, "%s: %s (%s)", hf_status_name(err->status), err->message, err->cause);
  return text;
}

static void look_at(hf_persist *p, struct content *c, const char *when) {
  hf_buffer json = HF_BUFFER_INIT;
  memset(c, 0, sizeof *c); /* they are compared as bytes */
  for (int i = 0; i < IDS; i++) {
    hf_error err;
    hf_status status = hf_persist_read(p, hf_text(ids[i]), &json, NULL, &err);
    CHECK(status == HF_OK || status == HF_NOT_FOUND || status == HF_CORRUPT, "%s: %s", when, text_of(&err));
    snprintf(c->text[i], TEXT_MAX, "%s", status == HF_OK ? json.data : status == HF_CORRUPT ? "?" : "");
  }
  hf_buffer_free(&json);
}

static void spoil(const char *directory, const char *name) {
  char path[600];
  struct timespec long_ago[2] = {{1000000000, 0}, {1000000000, 0}};
  snprintf(path, sizeof path, "%s/store/signal/%s.json", directory, name);
  int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
  CHECK(fd >= 0 && write(fd, "{oops", 5) == 5 && futimens(fd, long_ago) == 0, "%s: %s", path, strerror(errno));
  close(fd);
}

/* ---- the operations: `fill` makes what is there before, `run` changes it */

static hf_status put(hf_persist *p, const char *id, bool if_absent, hf_error *err) {
  hf_write_options options = {.if_absent = if_absent};
  return hf_persist_write(p, hf_text(id), hf_text("\"new\""), &options, NULL, err);
}

static hf_status put_new(hf_persist *p, hf_error *err) { return put(p, "new/e", false, err); }
static hf_status put_over(hf_persist *p, hf_error *err) { return put(p, "a", false, err); }
static hf_status put_if_absent(hf_persist *p, hf_error *err) { return put(p, "new/e", true, err); }
static hf_status put_if_present(hf_persist *p, hf_error *err) { return put(p, "a", true, err); }
static hf_status put_quarantined(hf_persist *p, hf_error *err) { return put(p, "bad", false, err); }
static hf_status remove_one(hf_persist *p, hf_error *err) { return hf_persist_remove(p, hf_text("a"), err); }
static hf_status remove_deep(hf_persist *p, hf_error *err) { return hf_persist_remove(p, hf_text("n/m/c"), err); }
static hf_status remove_quarantined(hf_persist *p, hf_error *err) { return hf_persist_remove(p, hf_text("bad"), err); }
static hf_status remove_all(hf_persist *p, hf_error *err) { return hf_persist_remove_all(p, err); }

static hf_status put_many(hf_persist *p, hf_error *err) {
  const hf_item items[] = {{.id = hf_text("a"), .json = hf_text("\"new\"")},
                           {.id = hf_text("n/d"), .json = hf_text("\"new\"")},
                           {.id = hf_text("new/e"), .json = hf_text("\"new\"")}};
  return hf_persist_write_many(p, items, 3, err);
}

static hf_status remove_many(hf_persist *p, hf_error *err) {
  const hf_slice three[] = {hf_text("a"), hf_text("n/d"), hf_text("n/m/c")};
  return hf_persist_remove_many(p, three, 3, NULL, err);
}

/* Reading one that is corrupt, which moves it to quarantine: it is corrupt before and after. */
static hf_status read_corrupt(hf_persist *p, hf_error *err) {
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = hf_persist_read(p, hf_text("bad"), &json, NULL, err);
  hf_buffer_free(&json);
  CHECK(status != HF_OK, "a corrupt document was read");
  return status;
}

/* What cannot be looked at is not absent. */
static hf_status read_one(hf_persist *p, hf_error *err) {
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = hf_persist_read(p, hf_text("n/d"), &json, NULL, err);
  bool whole = status != HF_OK || strcmp(json.data, "\"old\"") == 0;
  CHECK(status != HF_NOT_FOUND && whole, "a document that is there was read as %s", hf_status_name(status));
  hf_buffer_free(&json);
  return status;
}

static hf_status has_one(hf_persist *p, hf_error *err) {
  bool found = true;
  hf_status status = hf_persist_has(p, hf_text("n/d"), &found, err);
  CHECK(status || found, "a document that is there was said to be absent");
  return status;
}

static hf_status count_all(hf_persist *p, hf_error *err) {
  uint64_t n = 0;
  hf_status status = hf_persist_count(p, &n, err);
  CHECK(status || n == 4, "%d documents were counted, not 4", (int)n);
  return status;
}

static hf_status list_all(hf_persist *p, hf_error *err) {
  hf_iter *iter;
  int n = 0;
  hf_status status = hf_iter_open(p, NULL, &iter, err);
  const hf_entry *entry = NULL;
  while (status == HF_OK && (status = hf_iter_next(iter, &entry, err)) == HF_OK && entry) n++;
  if (iter) hf_iter_close(iter);
  CHECK(status || n == 4, "%d documents were listed, not 4", n);
  return status;
}

static const struct operation {
  const char *name;
  hf_status (*run)(hf_persist *p, hf_error *err);
  hf_status status; /* where nothing fails */
  bool fresh;       /* in a store that is made by it */
  bool read;        /* corrupt documents have not been found yet */
} operations[] = {
    {"put new", put_new, HF_OK, false, true},
    {"put in a new store", put_new, HF_OK, true, false},
    {"put over", put_over, HF_OK, false, true},
    {"put ifAbsent", put_if_absent, HF_OK, false, true},
    {"put ifAbsent, conflict", put_if_present, HF_CONFLICT, false, true},
    {"put over quarantine", put_quarantined, HF_OK, false, true},
    {"remove", remove_one, HF_OK, false, true},
    {"remove from folders", remove_deep, HF_OK, false, true},
    {"remove from quarantine", remove_quarantined, HF_OK, false, true},
    {"removeAll", remove_all, HF_OK, false, true},
    {"writeMany", put_many, HF_OK, false, true},
    {"removeMany", remove_many, HF_OK, false, true},
    {"read", read_one, HF_OK, false, true},
    {"has", has_one, HF_OK, false, true},
    {"count", count_all, HF_OK, false, true},
    {"list", list_all, HF_OK, false, true},
    {"read a corrupt one", read_corrupt, HF_CORRUPT, false, false},
};

static int delete_one(const char *path, const struct stat *st, int type, struct FTW *at) {
  (void)st, (void)type, (void)at;
  return remove(path);
}

/* A store with four documents and a corrupt one, which is in quarantine with `read`. */
static hf_persist *fill(const char *directory, const struct operation *o) {
  char base[600];
  hf_persist *p;
  hf_error err;
  snprintf(base, sizeof base, "%s/store", directory);
  CHECK(nftw(base, delete_one, 20, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT, "%s: %s", base, strerror(errno));
  snprintf(base, sizeof base, "file:%s/store", directory);
  CHECK(hf_persist_open(hf_text("signal"), base, NULL, &p, &err) == HF_OK, "%s", text_of(&err));
  if (o->fresh) return p;
  for (int i = 0; i < 4; i++)
    CHECK(hf_persist_write(p, hf_text(ids[i]), hf_text("\"old\""), NULL, NULL, &err) == HF_OK, "%s", text_of(&err));
  spoil(directory, "bad");
  hf_buffer json = HF_BUFFER_INIT;
  if (o->read) CHECK(hf_persist_read(p, hf_text("bad"), &json, NULL, &err) == HF_CORRUPT, "%s: not corrupt", o->name);
  hf_buffer_free(&json);
  return p;
}

/* ---- judging */

static bool says_changed(const hf_error *err) {
  return !err->retryable && err->status != HF_BUSY && err->status != HF_FULL &&
         (strstr(err->message, "may have happened") || strstr(err->message, "of the batch's"));
}

static void judge(const struct operation *o, hf_status status, const hf_error *err, const struct content *before,
                  const struct content *now, const struct content *after, const char *when) {
  bool changed = memcmp(before, now, sizeof *now) != 0;
  if (status == HF_OK)
    CHECK(memcmp(after, now, sizeof *now) == 0, "%s: it says ok and has not done it", when);
  else if (changed)
    CHECK(says_changed(err), "%s: something has been changed, and it says %s%s", when, text_of(err),
          err->retryable ? ", retryable" : "");
  for (int i = 0; i < IDS; i++)
    CHECK(strcmp(now->text[i], before->text[i]) == 0 || strcmp(now->text[i], after->text[i]) == 0,
          "%s: %s is %s, neither the old one nor the new one", when, ids[i], now->text[i]);
  CHECK(status == HF_OK || status == o->status || *err->message, "%s: an error without a message", when);
}

/* Nothing of what was made for the operation may stay in the way. */
static void check_temporary_files(const char *directory, bool may_stay, const char *when) {
  char path[600];
  snprintf(path, sizeof path, "%s/store/.tmp", directory);
  DIR *dir = opendir(path);
  for (const struct dirent *d; dir && (d = readdir(dir));)
    CHECK(may_stay || !strchr(d->d_name, '-'), "%s: a temporary file remains: %s", when, d->d_name);
  if (dir) closedir(dir);
}

/* What has a report in quarantine is there. */
static void check_quarantine(const char *directory, const char *when) {
  char path[700];
  snprintf(path, sizeof path, "%s/store/.quarantine/signal/bad.json.report", directory);
  if (access(path, F_OK)) return;
  *strrchr(path, '.') = '\0';
  CHECK(access(path, F_OK) == 0, "%s: there is a report of what is not in quarantine", when);
}

/* A folder that could not be flushed goes again, or the next write would find it and not flush it. */
static void check_new_folder(const char *directory, const char *when) {
  char path[700];
  snprintf(path, sizeof path, "%s/store/signal/new/e.json", directory);
  if (access(path, F_OK) == 0) return;
  *strrchr(path, '/') = '\0';
  CHECK(access(path, F_OK) != 0, "%s: a folder stays that was not flushed", when);
}

static int fired, silent;

/* One try; false: the operation has fewer such calls. */
static bool attempt(const char *directory, const struct operation *o, char kind, int error, bool late, int nth,
                    const struct content *after) {
  struct content before, now;
  hf_error err;
  char when[200];
  const char kinds[] = {kind, '\0'};
  snprintf(when, sizeof when, "%s, when call %d of kind %c fails%s: %s", o->name, nth, kind, late ? " late" : "",
           strerror(error));
  hf_persist *p = fill(directory, o);
  if (o->read)
    look_at(p, &before, when);
  else
    memset(&before, 0, sizeof before);
  if (!o->read && !o->fresh)
    for (int i = 0; i < 5; i++) strcpy(before.text[i], i < 4 ? "\"old\"" : "?");
  iorecord_fail(kinds, nth, error, late);
  hf_status status = o->run(p, &err);
  bool did = iorecord_fail("", 0, 0, false);
  if (kind != 'u') check_quarantine(directory, when);
  if (kind == 'd' && status) check_new_folder(directory, when);
  look_at(p, &now, when);
  judge(o, status, &err, &before, &now, after, when);
  if (kind == 'd' && error == EINVAL) /* this filesystem cannot flush folders: there is nothing to be done about it */
    CHECK(status == o->status, "%s: %s", when, text_of(&err));
  else if (did && status == HF_OK) /* what is opened is to be flushed; but opening a store looks for leftovers, too */
    CHECK(!strchr(o->fresh || memcmp(&before, after, sizeof before) == 0 ? "sdr" : "sdor", kind), "%s: it says ok",
          when);
  check_temporary_files(directory, kind == 'u', when);
  fired += did;
  silent += did && status == o->status;
  /* And on. */
  CHECK(put(p, "a", false, &err) == HF_OK, "%s: the next write gives %s", when, text_of(&err));
  if (o->status == HF_OK && status != HF_OK && o->run != put_if_absent) {
    status = o->run(p, &err);
    CHECK(status == HF_OK || (status == HF_NOT_FOUND && strstr(o->name, "remove")), "%s: again: %s", when,
          text_of(&err));
  }
  hf_persist_close(p);
  return did;
}

static void try_all(const char *directory, const struct operation *o) {
  static const struct {
    const char *kinds;
    int error;
    bool late;
  } faults[] = {{"oc", EMFILE, false},   {"oc", ENFILE, false},   {"ocrwsdnux", EIO, false}, {"cwsdn", ENOSPC, false},
                {"cwsn", EDQUOT, false}, {"ocnu", EACCES, false}, {"nu", EIO, true},         {"sd", EIO, true},
                {"cnu", EROFS, false},   {"d", EINVAL, false}};
  struct content after;
  hf_error err;
  hf_persist *p = fill(directory, o);
  hf_status status = o->run(p, &err);
  CHECK(status == o->status, "%s: %s", o->name, text_of(&err));
  look_at(p, &after, o->name);
  hf_persist_close(p);
  for (size_t f = 0; f < sizeof faults / sizeof *faults; f++)
    for (const char *kind = faults[f].kinds; *kind; kind++) {
      int nth = 1;
      while (attempt(directory, o, *kind, faults[f].error, faults[f].late, nth, &after))
        CHECK(++nth < NTH_MAX, "%s: there is no end to calls of kind %c", o->name, *kind);
    }
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) try_all(argv[1], &operations[i]);
  CHECK(fired > 500, "only %d calls failed: the preload does not see what the store does", fired);
  printf("%d calls failed in %zu operations: what was said of each was true; %d did not matter\n", fired,
         sizeof operations / sizeof *operations, silent);
  return 0;
}
