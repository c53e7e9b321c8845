/* SPDX-License-Identifier: MIT
 *
 * The store that failed_calls.c does its operations on: made again for each try, and looked at
 * afterwards.  It has a few small entities under two entity names, or what the kind of fixture
 * says.  An LMDB store is a copy of the file of one that was made before.
 */
#ifndef HF_TESTS_FAULT_FIXTURE_H
#define HF_TESTS_FAULT_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "holdfast/holdfast.h"

enum { TEXT_MAX = 48, IDS = 7, MANY = 300, BIG = 20000, DIRECTORY_MAX = 512, STORE_MAX = 540, BASE_MAX = 600 };

/* What is in the store before the operation. */
enum filling {
  FILLED,        /* a, b, c/d and, of the other name, r */
  FILLED_CLOSED, /* the same, and nobody has it open */
  ABSENT,        /* nothing: there is no store */
  SPOILED,       /* bad is unreadable, and nobody has noticed */
  QUARANTINED,   /* bad is in quarantine */
  SMALL_MAP,     /* FILLED, with a map that the next large write does not fit in */
  FORMAT_2,      /* FILLED, and a setting */
  CROWDED,       /* FILLED, and several pages of a scan more */
  INDEXED,       /* CROWDED, with an index that is unique, and one that is not */
  FILLINGS
};

/* The entities that are looked at; the last belongs to the other name. */
static const char *const fixture_ids[IDS] = {"a", "b", "c/d", "new/e", "big", "bad", "r"};

struct fixture {
  const char *backend;           /* "lmdb", "file" or "memory" */
  char directory[DIRECTORY_MAX]; /* where stores and lock files are */
  char base[BASE_MAX];
  hf_persist *signal, *risk; /* handles; NULL: none */
};

/* What a store has: the text of each id as far as it fits, "" for none, "?" for one that is corrupt. */
struct content {
  char text[IDS][TEXT_MAX];
  bool counts[2]; /* whether the number of entities of each name is the right one */
};

/* How many more there are in a crowded one: of files a few, each of which takes several calls. */
static inline int fixture_many(const struct fixture *f) { return *f->backend == 'f' ? 40 : MANY; }

static inline void fixture_die(const char *doing, const hf_error *err) {
  fprintf(stderr, "FAIL the fixture: %s: %s: %s (%s)\n", doing, hf_status_name(err->status), err->message, err->cause);
  exit(1);
}

#define FIXTURE_NEEDS(call)                                                                                            \
  do {                                                                                                                 \
    hf_error err_;                                                                                                     \
    if ((call)(&err_)) fixture_die(#call, &err_);                                                                      \
  } while (0)

static inline int fixture_delete_one(const char *path, const struct stat *st, int type, struct FTW *at) {
  (void)st, (void)type, (void)at;
  return remove(path);
}

static inline void fixture_delete(const char *path) { nftw(path, fixture_delete_one, 20, FTW_DEPTH | FTW_PHYS); }

static inline hf_status fixture_open(const struct fixture *f, const char *name, hf_persist **out, hf_error *err) {
  hf_status status = hf_persist_open(hf_text(name), f->base, NULL, out, err);
  return status ? status : hf_persist_init(*out, err);
}

static inline void fixture_close(struct fixture *f) {
  hf_persist_close(f->signal);
  hf_persist_close(f->risk);
  f->signal = f->risk = NULL;
}

static inline void fixture_put(hf_persist *p, const char *id, const char *text) {
  hf_error err;
  if (hf_persist_write(p, hf_text(id), hf_text(text), NULL, NULL, &err)) fixture_die(id, &err);
}

static inline void fixture_set(const struct fixture *f, const char *name, const char *value) {
  const hf_setting_value setting = {.name = name, .value = value};
  hf_store *store;
  hf_error err;
  if (hf_store_open(f->base, NULL, &store, &err) || hf_store_settings_set(store, &setting, 1, &err))
    fixture_die(name, &err);
  hf_store_close(store);
}

static inline void fixture_put_all(struct fixture *f, enum filling filling) {
  hf_error err;
  if (fixture_open(f, "signal", &f->signal, &err) || fixture_open(f, "risk", &f->risk, &err)) fixture_die("open", &err);
  for (int i = 0; i < 3; i++) fixture_put(f->signal, fixture_ids[i], "\"old\"");
  fixture_put(f->risk, "r", "\"old\"");
  if (filling == SPOILED) fixture_put(f->signal, "bad", "\"to-be-spoiled\"");
  if (filling == QUARANTINED &&
      hf_persist_quarantine(f->signal, hf_text("bad"), "it is damaged", hf_text("{oops"), &err))
    fixture_die("quarantine", &err);
  if (filling == FORMAT_2) fixture_set(f, "note", "a note");
  if (filling == INDEXED) {
    static const char *const n = "n", *const both[] = {"s", "n"};
    if (hf_persist_index_create(f->signal, &n, 1, true, &err) ||
        hf_persist_index_create(f->signal, both, 2, false, &err))
      fixture_die("create indexes", &err);
  }
  if (filling != CROWDED && filling != INDEXED) return;
  hf_item items[MANY];
  char ids[MANY][24], texts[MANY][32];
  for (int i = 0; i < fixture_many(f); i++) {
    snprintf(ids[i], sizeof ids[i], "many-%d", i);
    snprintf(texts[i], sizeof texts[i], filling == INDEXED ? "{\"n\":%d,\"s\":\"x\"}" : "\"one of many\"", i);
    items[i] = (hf_item){.id = hf_text(ids[i]), .json = hf_text(texts[i])};
  }
  if (hf_persist_write_many(f->signal, items, (size_t)fixture_many(f), &err)) fixture_die("write many", &err);
}

/* ---- files as bytes */

struct fixture_file {
  char *data;
  size_t size;
};

static inline struct fixture_file fixture_take(const char *path) {
  struct stat st;
  struct fixture_file file = {NULL, 0};
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &st) || !(file.data = malloc((size_t)st.st_size)) ||
      read(fd, file.data, (size_t)st.st_size) != st.st_size) {
    perror(path);
    exit(1);
  }
  file.size = (size_t)st.st_size;
  close(fd);
  return file;
}

static inline void fixture_make(const char *path, const void *data, size_t size) {
  int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
    perror(path);
    exit(1);
  }
  close(fd);
}

/* Changes each copy of the entity that is to be unreadable. */
static inline void fixture_spoil(struct fixture_file *file) {
  static const char whole[] = "to-be-spoiled";
  char *at = file->data, *end = at + file->size;
  while ((at = memmem(at, (size_t)(end - at), whole, sizeof whole - 1))) *at++ = 'T';
}

/* ---- making it */

static inline void fixture_fill_lmdb(struct fixture *f, const char *store, enum filling filling) {
  static struct fixture_file made[FILLINGS];
  char path[BASE_MAX + 16];
  snprintf(path, sizeof path, "%s/data.mdb", store);
  if (!made[filling].data) {
    fixture_put_all(f, filling);
    fixture_close(f);
    made[filling] = fixture_take(path);
    if (filling == SPOILED) fixture_spoil(&made[filling]);
    fixture_delete(store);
  }
  if (mkdir(store, 0755)) perror(store), exit(1);
  fixture_make(path, made[filling].data, made[filling].size);
}

/* Documents that have just been written might become whole yet: this one is old. */
static inline void fixture_spoil_document(const char *store) {
  const struct timespec long_ago[2] = {{1000000000, 0}, {1000000000, 0}};
  char path[BASE_MAX + 32];
  snprintf(path, sizeof path, "%s/signal/bad.json", store);
  fixture_make(path, "{oops", 5);
  if (utimensat(AT_FDCWD, path, long_ago, 0)) perror(path), exit(1);
}

/* Makes the store once more.  Handles are open afterwards, unless the filling says otherwise. */
static inline void fixture_fill(struct fixture *f, enum filling filling) {
  char store[STORE_MAX];
  bool lmdb = strcmp(f->backend, "lmdb") == 0, file = strcmp(f->backend, "file") == 0;
  fixture_delete(f->directory);
  if (mkdir(f->directory, 0755)) perror(f->directory), exit(1);
  snprintf(store, sizeof store, "%s/store", f->directory);
  snprintf(f->base, sizeof f->base, "%s:%s%s", f->backend, file || lmdb ? store : "fixture",
           filling == SMALL_MAP && lmdb ? "?mapsize=64k" : "");
  if (filling == ABSENT) return;
  if (lmdb)
    fixture_fill_lmdb(f, store, filling);
  else
    fixture_put_all(f, filling);
  if (filling == SPOILED && file) fixture_spoil_document(store);
  hf_error err;
  if (filling == FILLED_CLOSED && *f->backend != 'm')
    fixture_close(f);
  else if (lmdb && (fixture_open(f, "signal", &f->signal, &err) || fixture_open(f, "risk", &f->risk, &err)))
    fixture_die("open", &err);
}

/* ---- looking at it */

static inline hf_status fixture_look_at(struct fixture *f, int i, char out[TEXT_MAX], hf_error *err) {
  hf_buffer json = HF_BUFFER_INIT;
  hf_persist *p = i == IDS - 1 ? f->risk : f->signal;
  hf_status status = hf_persist_read(p, hf_text(fixture_ids[i]), &json, NULL, err);
  snprintf(out, TEXT_MAX, "%s", status == HF_OK ? json.data : status == HF_CORRUPT ? "?" : "");
  hf_buffer_free(&json);
  return status == HF_NOT_FOUND || status == HF_CORRUPT ? HF_OK : status;
}

/* By the handles that are there, and by new ones where there are none. */
static inline hf_status fixture_look(struct fixture *f, struct content *out, hf_error *err) {
  hf_status status = HF_OK;
  memset(out, 0, sizeof *out); /* they are compared as bytes */
  if (!f->signal) status = fixture_open(f, "signal", &f->signal, err);
  if (status == HF_OK && !f->risk) status = fixture_open(f, "risk", &f->risk, err);
  for (int i = 0; i < IDS && status == HF_OK; i++) status = fixture_look_at(f, i, out->text[i], err);
  uint64_t signals = 0, risks = 0, found = 0;
  for (int i = 0; i < IDS - 1; i++) found += out->text[i][0] != '\0' && out->text[i][0] != '?';
  if (status == HF_OK) status = hf_persist_count(f->signal, &signals, err);
  if (status == HF_OK) status = hf_persist_count(f->risk, &risks, err);
  out->counts[0] = signals == found || signals == found + (uint64_t)fixture_many(f);
  out->counts[1] = risks == (out->text[IDS - 1][0] != '\0');
  return status;
}

#endif
