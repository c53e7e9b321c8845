/* SPDX-License-Identifier: MIT
 *
 * A recorded directory as a disk may have it: see crash_tree.h.
 */
#include "fault/crash_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_MOST = 8192 };

void crash_die(const char *what) {
  perror(what);
  exit(2);
}

void *crash_must(void *p) {
  if (!p) crash_die("memory");
  return p;
}

/* ---- hashes: a state's is the sum (by XOR) of those of its parts */

static uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

static uint64_t hash_bytes(uint64_t h, const void *data, size_t size) {
  const unsigned char *p = data;
  for (; size >= 8; p += 8, size -= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    h = mix(h ^ word) + 0x9E3779B97F4A7C15U;
  }
  while (size--) h = (h ^ *p++) * 1099511628211U;
  return mix(h);
}

static uint64_t place_hash(const struct crash_node *n, enum crash_kind kind, uint64_t place) {
  return mix(n->number * 0x9E3779B97F4A7C15U + (uint64_t)kind * 1000003U + place * 31 + 1);
}

/* Zeros count for nothing, as what lies beyond the end. */
static uint64_t sector_hash(const struct crash_tree *t, const struct crash_node *n, uint64_t sector,
                            const unsigned char *bytes) {
  static const unsigned char zeros[CRASH_SECTOR];
  return memcmp(bytes, zeros, t->sector) ? hash_bytes(place_hash(n, CRASH_CONTENT, sector), bytes, t->sector) : 0;
}

static uint64_t size_hash(const struct crash_node *n, size_t size) { return mix(place_hash(n, CRASH_SIZE, 0) + size); }

static uint64_t name_hash(const struct crash_node *n, const char *name, const struct crash_node *to) {
  return to ? hash_bytes(place_hash(n, CRASH_NAME, to->number), name, strlen(name)) : 0;
}

/* ---- nodes and what is safe of them */

static struct crash_node *new_node(struct crash_tree *t, uint64_t file, bool is_folder) {
  struct crash_node *n = crash_must(calloc(1, sizeof *n));
  *n = (struct crash_node){.next = t->nodes, .file = file, .number = ++t->node_count, .is_folder = is_folder};
  t->nodes = n;
  t->hash ^= size_hash(n, 0);
  return n;
}

/* The newest node with this number: the older ones are gone. */
static struct crash_node *find_node(const struct crash_tree *t, uint64_t file) {
  struct crash_node *n = t->nodes;
  while (n && n->file != file) n = n->next;
  return n;
}

static void reserve(struct crash_node *n, size_t capacity) {
  if (capacity <= n->capacity) return;
  size_t to = (capacity + CRASH_PAGE * 16) & ~(size_t)(CRASH_SECTOR - 1);
  n->content = crash_must(realloc(n->content, to));
  memset(n->content + n->capacity, 0, to - n->capacity);
  n->capacity = to;
}

/* The safe bytes of a sector, zeros beyond the end. */
static const unsigned char *safe_sector(const struct crash_tree *t, struct crash_node *n, uint64_t sector) {
  reserve(n, (size_t)(sector + 1) * t->sector);
  return n->content + sector * t->sector;
}

static struct crash_node **safe_entry(struct crash_node *folder, const char *name, bool make) {
  for (size_t i = 0; i < folder->entry_count; i++)
    if (strcmp(folder->entries[i].name, name) == 0) return &folder->entries[i].node;
  if (!make) return NULL;
  folder->entries = crash_must(realloc(folder->entries, (folder->entry_count + 1) * sizeof *folder->entries));
  struct crash_entry *e = &folder->entries[folder->entry_count++];
  memset(e, 0, sizeof *e);
  if ((size_t)snprintf(e->name, sizeof e->name, "%s", name) >= sizeof e->name) crash_die("a long name");
  return &e->node;
}

/* ---- cells */

static struct crash_cell *find_cell(const struct crash_tree *t, const struct crash_node *n, enum crash_kind kind,
                                    uint64_t sector, const char *name, size_t name_size) {
  for (size_t i = t->cell_count; i--;) {
    struct crash_cell *c = &t->cells[i];
    if (c->node == n && c->kind == kind && c->sector == sector &&
        (kind != CRASH_NAME || (strncmp(c->name, name, name_size) == 0 && !c->name[name_size])))
      return c;
  }
  return NULL;
}

static struct crash_cell *cell_of(struct crash_tree *t, struct crash_node *n, enum crash_kind kind, uint64_t sector,
                                  const char *name) {
  struct crash_cell *c = find_cell(t, n, kind, sector, name, strlen(name));
  if (c) return c;
  if (t->cell_count == t->cell_capacity) {
    t->cell_capacity = t->cell_capacity ? t->cell_capacity * 2 : 64;
    t->cells = crash_must(realloc(t->cells, t->cell_capacity * sizeof *t->cells));
  }
  c = &t->cells[t->cell_count++];
  *c = (struct crash_cell){.node = n, .kind = kind, .sector = sector};
  if ((size_t)snprintf(c->name, sizeof c->name, "%s", name) >= sizeof c->name) crash_die("a long name");
  struct crash_node **entry = kind == CRASH_NAME ? safe_entry(n, name, false) : NULL;
  c->safe_hash = kind == CRASH_CONTENT ? sector_hash(t, n, sector, safe_sector(t, n, sector))
                 : kind == CRASH_SIZE  ? size_hash(n, n->size)
                                       : name_hash(n, name, entry ? *entry : NULL);
  return c;
}

static struct crash_value *add_value(struct crash_tree *t, struct crash_cell *c) {
  if (c->count == c->capacity) {
    c->capacity = c->capacity ? c->capacity * 2 : 2;
    c->values = crash_must(realloc(c->values, c->capacity * sizeof *c->values));
  }
  c->is_clean = false;
  struct crash_value *v = &c->values[c->count++];
  *v = (struct crash_value){.serial = t->serial};
  return v;
}

static void free_cell(struct crash_cell *c) {
  for (size_t i = 0; i < c->count; i++) free(c->values[i].sector);
  free(c->values);
}

/* The last value of the cell is safe now. */
static void make_safe(struct crash_tree *t, struct crash_cell *c) {
  const struct crash_value *v = &c->values[c->count - 1];
  t->hash ^= c->safe_hash ^ v->hash;
  switch (c->kind) {
  case CRASH_CONTENT:
    reserve(c->node, (size_t)(c->sector + 1) * t->sector);
    memcpy(c->node->content + c->sector * t->sector, v->sector, t->sector);
    break;
  case CRASH_SIZE: c->node->size = v->size; break;
  case CRASH_NAME: *safe_entry(c->node, c->name, true) = v->node; break;
  }
}

/* Flushes the cells of a node: of a file those of the pages from `first` to `last`, and its size. */
static void flush(struct crash_tree *t, const struct crash_node *n, uint64_t first, uint64_t last, bool fails) {
  const uint64_t in_page = CRASH_PAGE / t->sector;
  size_t kept = 0;
  for (size_t i = 0; i < t->cell_count; i++) {
    struct crash_cell *c = &t->cells[i];
    bool is_in = c->node == n && !c->is_clean &&
                 (c->kind != CRASH_CONTENT || (c->sector / in_page >= first && c->sector / in_page <= last));
    if (is_in && fails) {
      c->is_clean = true;
    } else if (is_in) {
      make_safe(t, c);
      free_cell(c);
      continue;
    }
    t->cells[kept++] = *c;
  }
  t->cell_count = kept;
}

/* ---- what programs see */

struct crash_node *crash_tree_child(const struct crash_tree *t, const struct crash_node *folder, const char *name,
                                    size_t size) {
  const struct crash_cell *c = find_cell(t, folder, CRASH_NAME, 0, name, size);
  if (c) return c->values[c->count - 1].node;
  for (size_t i = 0; i < folder->entry_count; i++)
    if (strncmp(folder->entries[i].name, name, size) == 0 && !folder->entries[i].name[size])
      return folder->entries[i].node;
  return NULL;
}

/* The folder of a path below the root, and the last part of it. */
static struct crash_node *parent_of(const struct crash_tree *t, const char *path, const char **name) {
  struct crash_node *n = t->root;
  size_t root_size = strlen(t->path);
  if (strncmp(path, t->path, root_size) != 0 || path[root_size] != '/') crash_die(path);
  path += root_size + 1;
  for (const char *slash; n && (slash = strchr(path, '/')); path = slash + 1)
    n = crash_tree_child(t, n, path, (size_t)(slash - path));
  if (!n) crash_die("a path without its folder");
  *name = path;
  return n;
}

static struct crash_node *at_path(const struct crash_tree *t, const char *path) {
  const char *name;
  const struct crash_node *folder = parent_of(t, path, &name);
  return crash_tree_child(t, folder, name, strlen(name));
}

static size_t seen_size(const struct crash_tree *t, const struct crash_node *n) {
  const struct crash_cell *c = find_cell(t, n, CRASH_SIZE, 0, "", 0);
  return c ? c->values[c->count - 1].size : n->size;
}

/* ---- records */

static void set_name(struct crash_tree *t, const char *path, struct crash_node *to) {
  const char *name;
  struct crash_node *folder = parent_of(t, path, &name);
  struct crash_value *v = add_value(t, cell_of(t, folder, CRASH_NAME, 0, name));
  v->node = to;
  v->hash = name_hash(folder, name, to);
}

static void set_size(struct crash_tree *t, struct crash_node *n, size_t size) {
  if (size == seen_size(t, n)) return;
  struct crash_value *v = add_value(t, cell_of(t, n, CRASH_SIZE, 0, ""));
  v->size = size;
  v->hash = size_hash(n, size);
}

/* The other sectors of a page that is written to are written with it; and the file's size, where it is beyond that. */
static void soil_page(struct crash_tree *t, const struct crash_node *n, uint64_t sector) {
  const uint64_t in_page = CRASH_PAGE / t->sector;
  bool is_beyond = (sector + 1) * t->sector > n->size;
  for (size_t i = 0; i < t->cell_count; i++) {
    struct crash_cell *c = &t->cells[i];
    if (c->node != n) continue;
    if (c->kind == CRASH_CONTENT && c->sector / in_page == sector / in_page) c->is_clean = false;
    if (c->kind == CRASH_SIZE && is_beyond) c->is_clean = false;
  }
}

static void write_sector(struct crash_tree *t, struct crash_node *n, uint64_t sector, size_t at, const char *data,
                         size_t size) {
  soil_page(t, n, sector);
  struct crash_cell *c = cell_of(t, n, CRASH_CONTENT, sector, "");
  const unsigned char *before = c->count ? c->values[c->count - 1].sector : safe_sector(t, n, sector);
  unsigned char *now = crash_must(malloc(t->sector));
  memcpy(now, before, t->sector);
  memcpy(now + at, data, size);
  struct crash_value *v = add_value(t, c);
  v->sector = now;
  v->hash = sector_hash(t, n, sector, now);
}

static void write_content(struct crash_tree *t, struct crash_node *n, const struct iorecord *r, const char *data) {
  size_t offset = (size_t)r->offset;
  if (offset + r->size > seen_size(t, n)) set_size(t, n, offset + r->size);
  for (size_t done = 0; done < r->size;) {
    size_t at = (offset + done) % t->sector, size = t->sector - at;
    if (size > r->size - done) size = r->size - done;
    write_sector(t, n, (offset + done) / t->sector, at, data + done, size);
    done += size;
  }
}

/* What is cut off reads as zeros when the file grows again. */
static void truncate_content(struct crash_tree *t, struct crash_node *n, size_t size) {
  static const char zeros[CRASH_SECTOR];
  size_t end = seen_size(t, n);
  for (size_t at = size; at < end;) {
    size_t in = at % t->sector, left = t->sector - in;
    write_sector(t, n, at / t->sector, in, zeros, left);
    at += left;
  }
  set_size(t, n, size);
}

void crash_tree_settle(struct crash_tree *t, struct crash_node *n, const struct iorecord *r) {
  uint64_t first = (uint64_t)r->offset / CRASH_PAGE, last = ((uint64_t)r->offset + r->size - 1) / CRASH_PAGE;
  if (!t->ignores_files) flush(t, n, first, last, (r->flags & IORECORD_FAILED) != 0);
}

static void sync_node(struct crash_tree *t, const struct iorecord *r) {
  struct crash_node *n = find_node(t, r->file);
  if (!n || (n->is_folder ? t->ignores_folders : t->ignores_files)) return; /* none: it is above the root */
  flush(t, n, 0, UINT64_MAX, (r->flags & IORECORD_FAILED) != 0);
}

struct crash_node *crash_tree_apply(struct crash_tree *t, const struct iorecord *r, const char *data) {
  char text[PATH_MOST] = "";
  t->serial++;
  bool is_write = r->op == IORECORD_WRITE;
  if (!is_write && r->size >= sizeof text) crash_die("a long record");
  if (!is_write) memcpy(text, data, r->size);
  struct crash_node *n = is_write || r->op == IORECORD_TRUNCATE ? find_node(t, r->file) : NULL;
  switch ((enum iorecord_op)r->op) {
  case IORECORD_CREATE:
  case IORECORD_MKDIR: set_name(t, text, new_node(t, r->file, r->op == IORECORD_MKDIR)); break;
  case IORECORD_WRITE:
    if (!n) crash_die("a write to an unknown file");
    write_content(t, n, r, data);
    return r->flags & IORECORD_DSYNC ? n : NULL;
  case IORECORD_TRUNCATE:
    if (!n) crash_die("an unknown file is cut");
    truncate_content(t, n, (size_t)r->offset);
    break;
  case IORECORD_SYNC: sync_node(t, r); break;
  case IORECORD_RENAME:
  case IORECORD_LINK: {
    struct crash_node *moved = at_path(t, text);
    set_name(t, text + strlen(text) + 1, moved);
    if (r->op == IORECORD_RENAME) set_name(t, text, NULL);
    break;
  }
  case IORECORD_UNLINK: set_name(t, text, NULL); break;
  case IORECORD_MARK: break;
  }
  return NULL;
}

/* ---- the tree as a whole */

static void reach(const struct crash_tree *t, struct crash_node *n) {
  if (!n || n->reached) return;
  n->reached = true;
  for (size_t i = 0; i < n->entry_count; i++) reach(t, n->entries[i].node);
  for (size_t i = 0; i < t->cell_count; i++)
    if (t->cells[i].node == n && t->cells[i].kind == CRASH_NAME)
      for (size_t k = 0; k < t->cells[i].count; k++) reach(t, t->cells[i].values[k].node);
}

void crash_tree_reach(struct crash_tree *t) {
  for (struct crash_node *n = t->nodes; n; n = n->next) n->reached = false;
  reach(t, t->root);
}

static void load_file(struct crash_tree *t, struct crash_node *n, const char *path, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  reserve(n, size + 1);
  if (fd < 0 || read(fd, n->content, size) != (ssize_t)size) crash_die(path);
  close(fd);
  t->hash ^= size_hash(n, 0) ^ size_hash(n, size);
  n->size = size;
  for (uint64_t s = 0; s * t->sector < size; s++) t->hash ^= sector_hash(t, n, s, safe_sector(t, n, s));
}

static struct crash_node *load(struct crash_tree *t, const char *path) {
  struct stat st;
  if (lstat(path, &st)) crash_die(path);
  struct crash_node *n = new_node(t, st.st_ino, S_ISDIR(st.st_mode));
  if (!n->is_folder) {
    load_file(t, n, path, (size_t)st.st_size);
    return n;
  }
  DIR *folder = opendir(path);
  if (!folder) crash_die(path);
  for (struct dirent *e; (e = readdir(folder));) {
    char below[PATH_MOST];
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    if ((size_t)snprintf(below, sizeof below, "%s/%s", path, e->d_name) >= sizeof below) crash_die("a long path");
    struct crash_node *child = load(t, below);
    *safe_entry(n, e->d_name, true) = child;
    t->hash ^= name_hash(n, e->d_name, child);
  }
  closedir(folder);
  return n;
}

struct crash_tree *crash_tree_new(const char *path) {
  struct stat st;
  struct crash_tree *t = crash_must(calloc(1, sizeof *t));
  if (stat(path, &st)) crash_die(path);
  t->path = path;
  t->sector = CRASH_SECTOR;
  t->root = new_node(t, st.st_ino, true);
  return t;
}

struct crash_tree *crash_tree_load(const char *path, const char *as) {
  struct crash_tree *t = crash_must(calloc(1, sizeof *t));
  t->path = as;
  t->sector = CRASH_SECTOR;
  t->root = load(t, path);
  return t;
}

void crash_tree_free(struct crash_tree *t) {
  for (size_t i = 0; i < t->cell_count; i++) free_cell(&t->cells[i]);
  free(t->cells);
  for (struct crash_node *n = t->nodes, *next; n; n = next) {
    next = n->next;
    free(n->content);
    free(n->entries);
    free(n);
  }
  free(t);
}
