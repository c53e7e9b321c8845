/* SPDX-License-Identifier: MIT
 *
 * The states that a power cut may leave: see crash_states.h.
 */
#include "fault/crash_states.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_MOST = 1024, STATE_SECONDS = 20, SEEN_MAX = 1 << 22, UNITS_MAX = 1 << 14 };

/* What the children share with the parent. */
struct shared {
  struct crash_counts counts;
  size_t next; /* the state that is being judged, as its number at this moment */
  char why[CRASH_WHY];
  uint64_t seen[SEEN_MAX];
};

/* What may be there or not: cells that go together.  Choice 0 is what is safe; choice k has of each cell the last value
 * that is not younger than serials[k - 1]. */
struct unit {
  size_t first, count; /* in cells */
  size_t serial_first, choices;
};

struct crash_explorer {
  struct crash_plan plan;
  struct shared *shared;
  uint64_t moment;
  /* of this moment and grain */
  struct crash_tree *tree;
  struct crash_cell **cells;
  size_t *chosen; /* for each cell, how many of its values are there */
  size_t cell_count;
  struct unit *units;
  size_t unit_count, unit_capacity;
  uint64_t *serials;
  size_t serial_count, serial_capacity;
  size_t *choice;        /* for each unit */
  uint64_t combinations; /* UINT64_MAX: more than can be counted */
  uint64_t random, state_hash;
};

static uint64_t next_random(uint64_t *state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

struct crash_explorer *crash_explorer_new(const struct crash_plan *plan) {
  struct crash_explorer *x = crash_must(calloc(1, sizeof *x));
  x->plan = *plan;
  x->shared = mmap(NULL, sizeof *x->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (x->shared == MAP_FAILED) crash_die("mmap");
  return x;
}

void crash_explorer_free(struct crash_explorer *x) {
  munmap(x->shared, sizeof *x->shared);
  free(x->cells);
  free(x->chosen);
  free(x->units);
  free(x->serials);
  free(x->choice);
  free(x);
}

const struct crash_counts *crash_explorer_counts(const struct crash_explorer *x) { return &x->shared->counts; }

/* ---- units */

static bool is_mapped(const struct crash_explorer *x, const char *name) {
  return x->plan.mapped && strcmp(name, x->plan.mapped) == 0;
}

/* Whether nodes of this name only are the mapped file. */
static bool is_mapped_file(const struct crash_explorer *x, const struct crash_node *n) {
  const struct crash_tree *t = x->tree;
  for (size_t i = 0; i < t->cell_count; i++)
    for (size_t k = 0; t->cells[i].kind == CRASH_NAME && k < t->cells[i].count; k++)
      if (t->cells[i].values[k].node == n) return is_mapped(x, t->cells[i].name);
  for (const struct crash_node *f = t->nodes; f; f = f->next)
    for (size_t i = 0; i < f->entry_count; i++)
      if (f->entries[i].node == n) return is_mapped(x, f->entries[i].name);
  return false;
}

/* Collects the cells that matter. */
static void collect_cells(struct crash_explorer *x) {
  struct crash_tree *t = x->tree;
  crash_tree_reach(t);
  x->cells = crash_must(realloc(x->cells, (t->cell_count + 1) * sizeof(struct crash_cell *)));
  x->chosen = crash_must(realloc(x->chosen, (t->cell_count + 1) * sizeof *x->chosen));
  x->cell_count = 0;
  for (size_t i = 0; i < t->cell_count; i++) {
    struct crash_cell *c = &t->cells[i];
    bool matters = c->node->reached && (c->kind == CRASH_NAME ? !is_mapped(x, c->name) : !is_mapped_file(x, c->node));
    if (matters) x->cells[x->cell_count++] = c;
  }
}

/* Which page a cell is in: cells of one page are one unit. */
static int compare_pages(const void *a, const void *b) {
  const struct crash_cell *p = *(struct crash_cell *const *)a, *q = *(struct crash_cell *const *)b;
  if (p->node != q->node) return p->node->number < q->node->number ? -1 : 1;
  if (p->kind != q->kind) return p->kind < q->kind ? -1 : 1;
  if (p->kind == CRASH_NAME) return strcmp(p->name, q->name);
  return (p->sector > q->sector) - (p->sector < q->sector);
}

static bool is_one_page(const struct crash_tree *t, const struct crash_cell *a, const struct crash_cell *b) {
  const uint64_t in_page = CRASH_PAGE / t->sector;
  return a->node == b->node && a->kind == CRASH_CONTENT && b->kind == CRASH_CONTENT &&
         a->sector / in_page == b->sector / in_page;
}

static void add_serial(struct crash_explorer *x, struct unit *u, uint64_t serial) {
  for (size_t i = u->serial_first; i < x->serial_count; i++)
    if (x->serials[i] == serial) return;
  if (x->serial_count == x->serial_capacity) {
    x->serial_capacity = x->serial_capacity ? x->serial_capacity * 2 : 256;
    x->serials = crash_must(realloc(x->serials, x->serial_capacity * sizeof *x->serials));
  }
  x->serials[x->serial_count++] = serial;
  u->choices++;
}

/* The moments at which a unit became something that it had not been. */
static void add_serials(struct crash_explorer *x, struct unit *u) {
  for (size_t i = u->first; i < u->first + u->count; i++) {
    const struct crash_cell *c = x->cells[i];
    for (size_t k = 0; k < c->count; k++) {
      bool is_new = c->values[k].hash != c->safe_hash;
      for (size_t j = 0; j < k && u->count == 1; j++) is_new &= c->values[j].hash != c->values[k].hash;
      if (is_new || (u->count > 1 && k)) add_serial(x, u, c->values[k].serial);
    }
  }
}

static void make_units(struct crash_explorer *x, bool by_pages) {
  x->unit_count = x->serial_count = 0;
  x->combinations = 1;
  for (size_t i = 0; i < x->cell_count;) {
    if (x->unit_count == x->unit_capacity) {
      x->unit_capacity = x->unit_capacity ? x->unit_capacity * 2 : 64;
      x->units = crash_must(realloc(x->units, x->unit_capacity * sizeof *x->units));
      x->choice = crash_must(realloc(x->choice, x->unit_capacity * sizeof *x->choice));
    }
    struct unit *u = &x->units[x->unit_count];
    *u = (struct unit){.first = i, .count = 1, .serial_first = x->serial_count, .choices = 1};
    while (by_pages && i + u->count < x->cell_count && is_one_page(x->tree, x->cells[i], x->cells[i + u->count]))
      u->count++;
    i += u->count;
    add_serials(x, u);
    for (size_t k = u->first; k < i; k++) x->chosen[k] = 0;
    if (u->choices == 1) continue;
    x->unit_count++;
    bool countable = x->combinations <= UINT64_MAX / u->choices;
    x->combinations = countable ? x->combinations * u->choices : UINT64_MAX;
  }
}

/* ---- choosing a state */

/* Applies the choices of the units to their cells, and hashes the state. */
static void settle_choice(struct crash_explorer *x, uint64_t expectation) {
  uint64_t h = x->tree->hash ^ (expectation * 0x9E3779B97F4A7C15U + 1);
  for (size_t i = 0; i < x->unit_count; i++) {
    const struct unit *u = &x->units[i];
    for (size_t k = u->first; k < u->first + u->count; k++) {
      const struct crash_cell *c = x->cells[k];
      size_t n = 0;
      while (x->choice[i] && n < c->count && c->values[n].serial <= x->serials[u->serial_first + x->choice[i] - 1]) n++;
      x->chosen[k] = n;
      if (n) h ^= c->safe_hash ^ c->values[n - 1].hash;
    }
  }
  x->state_hash = h ? h : 1;
}

/* The corners: nothing, everything, one unit alone, all but one.  False: `index` is beyond them. */
static bool choose_corner(struct crash_explorer *x, size_t index) {
  if (index >= 2 + 2 * x->unit_count) return false;
  bool all = index % 2 != 0;
  for (size_t i = 0; i < x->unit_count; i++) {
    bool is_other = index >= 2 && i == (index - 2) / 2;
    x->choice[i] = all != is_other ? x->units[i].choices - 1 : 0;
  }
  return true;
}

static void choose_random(struct crash_explorer *x, size_t index) {
  x->random = (x->plan.seed * 1000003 + x->moment) * 0x9E3779B97F4A7C15U + index;
  uint64_t density = 1 + next_random(&x->random) % 7;
  for (size_t i = 0; i < x->unit_count; i++) {
    bool is_there = next_random(&x->random) % 8 < density;
    x->choice[i] = is_there ? 1 + next_random(&x->random) % (x->units[i].choices - 1) : 0;
  }
}

/* Chooses the state of this number.  False: there is none. */
static bool choose(struct crash_explorer *x, size_t index) {
  if (x->combinations <= x->plan.exhaustive) {
    if (index >= x->combinations) return false;
    for (size_t i = 0; i < x->unit_count; i++) {
      x->choice[i] = index % x->units[i].choices;
      index /= x->units[i].choices;
    }
    return true;
  }
  if (choose_corner(x, index)) return true;
  size_t beyond = index - (2 + 2 * x->unit_count);
  if (beyond >= x->plan.samples) return false;
  choose_random(x, beyond);
  return true;
}

/* Whether the state has been looked at before; it has from now on. */
static bool seen_before(struct crash_explorer *x) {
  uint64_t h = x->state_hash;
  for (size_t i = h % SEEN_MAX, tries = 0; tries < SEEN_MAX / 2; i = (i + 1) % SEEN_MAX, tries++) {
    if (x->shared->seen[i] == h) return true;
    if (!x->shared->seen[i]) {
      x->shared->seen[i] = h;
      return false;
    }
  }
  crash_die("too many states for one run");
}

/* ---- building it */

static size_t chosen_size(const struct crash_explorer *x, const struct crash_node *n) {
  for (size_t i = 0; i < x->cell_count; i++)
    if (x->cells[i]->node == n && x->cells[i]->kind == CRASH_SIZE && x->chosen[i])
      return x->cells[i]->values[x->chosen[i] - 1].size;
  return n->size;
}

static void write_file(const char *path, const void *data, size_t size) {
  int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
  if (fd < 0 || write(fd, data, size) != (ssize_t)size) crash_die(path);
  close(fd);
}

static void build_file(const struct crash_explorer *x, const struct crash_node *n, const char *path) {
  static unsigned char *bytes;
  static size_t capacity;
  size_t size = chosen_size(x, n);
  if (size + CRASH_SECTOR > capacity) {
    capacity = (size + CRASH_SECTOR) * 2;
    bytes = crash_must(realloc(bytes, capacity));
  }
  size_t safe = size < n->capacity ? size : n->capacity;
  if (safe) memcpy(bytes, n->content, safe);
  memset(bytes + safe, 0, size - safe + CRASH_SECTOR);
  for (size_t i = 0; i < x->cell_count; i++) {
    const struct crash_cell *c = x->cells[i];
    if (c->node == n && c->kind == CRASH_CONTENT && x->chosen[i] && c->sector * x->tree->sector < size)
      memcpy(bytes + c->sector * x->tree->sector, c->values[x->chosen[i] - 1].sector, x->tree->sector);
  }
  write_file(path, bytes, size);
}

/* Zeros, or anything; or there is no such file. */
static void build_mapped(struct crash_explorer *x, const char *path, size_t size) {
  static unsigned char *bytes;
  uint64_t random = x->state_hash, how = next_random(&random) % 4;
  if (how == 0) return;
  bytes = crash_must(realloc(bytes, size + 8));
  memset(bytes, 0, size + 8);
  for (size_t i = 0; i < size && how > 1; i += 8) {
    uint64_t word = next_random(&random);
    memcpy(bytes + i, &word, 8);
  }
  write_file(path, bytes, size);
}

static void build(struct crash_explorer *x, const struct crash_node *n, const char *path);

static void build_entry(struct crash_explorer *x, const char *name, const struct crash_node *n, const char *folder) {
  char path[PATH_MOST];
  if (!n) return;
  if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path) crash_die("a long path");
  if (is_mapped(x, name)) {
    size_t size = n->size;
    for (size_t i = 0; i < x->tree->cell_count; i++)
      if (x->tree->cells[i].node == n && x->tree->cells[i].kind == CRASH_SIZE)
        size = x->tree->cells[i].values[x->tree->cells[i].count - 1].size;
    build_mapped(x, path, size);
  } else {
    build(x, n, path);
  }
}

/* What an entry leads to in the chosen state. */
static const struct crash_node *entry_now(const struct crash_explorer *x, const struct crash_node *folder,
                                          const struct crash_entry *e) {
  for (size_t i = 0; i < x->cell_count; i++)
    if (x->cells[i]->node == folder && x->cells[i]->kind == CRASH_NAME && strcmp(x->cells[i]->name, e->name) == 0 &&
        x->chosen[i])
      return x->cells[i]->values[x->chosen[i] - 1].node;
  return e->node;
}

static bool is_safe_entry(const struct crash_node *folder, const char *name) {
  for (size_t i = 0; i < folder->entry_count; i++)
    if (strcmp(folder->entries[i].name, name) == 0) return true;
  return false;
}

static void build_folder(struct crash_explorer *x, const struct crash_node *n, const char *path) {
  if (mkdir(path, 0777)) crash_die(path);
  for (size_t i = 0; i < n->entry_count; i++) build_entry(x, n->entries[i].name, entry_now(x, n, &n->entries[i]), path);
  for (size_t i = 0; i < x->tree->cell_count; i++) {
    const struct crash_cell *c = &x->tree->cells[i];
    if (c->node != n || c->kind != CRASH_NAME || is_safe_entry(n, c->name)) continue;
    struct crash_entry e = {.node = is_mapped(x, c->name) ? c->values[c->count - 1].node : NULL};
    memcpy(e.name, c->name, sizeof e.name);
    build_entry(x, c->name, entry_now(x, n, &e), path);
  }
}

static void build(struct crash_explorer *x, const struct crash_node *n, const char *path) {
  if (n->is_folder)
    build_folder(x, n, path);
  else
    build_file(x, n, path);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
  (void)st, (void)kind, (void)at;
  return remove(path);
}

void crash_remove(const char *path) {
  if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) && errno != ENOENT) crash_die(path);
}

/* ---- judging it */

static void judge(struct crash_explorer *x, const char *place, const char *label) {
  struct shared *s = x->shared;
  build(x, x->tree->root, place);
  s->why[0] = '\0';
  enum crash_verdict verdict = x->plan.judge(x->plan.arg, place, s->why);
  s->counts.verdicts[verdict]++;
  s->counts.states++;
  if (verdict == CRASH_BAD && s->counts.verdicts[CRASH_BAD] <= x->plan.reported)
    printf("  bad: %s, state %zu: %s\n", label, s->next, s->why);
  fflush(stdout);
  crash_remove(place);
}

/* All states of this moment and grain from shared->next on. */
static void judge_all(struct crash_explorer *x, const char *place, uint64_t expectation, const char *label) {
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  for (; choose(x, x->shared->next); x->shared->next++) {
    settle_choice(x, expectation);
    if (seen_before(x)) {
      x->shared->counts.same++;
      continue;
    }
    alarm(STATE_SECONDS);
    judge(x, place, label);
  }
  alarm(0);
}

static void explore_grain(struct crash_explorer *x, uint64_t expectation, const char *label) {
  char place[PATH_MOST];
  struct shared *s = x->shared;
  if ((size_t)snprintf(place, sizeof place, "%s/state", x->plan.scratch) >= sizeof place) crash_die("a long path");
  for (s->next = 0;;) {
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
      judge_all(x, place, expectation, label);
      _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) crash_die("fork");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    if (WIFEXITED(status)) crash_die("a state could not be built");
    s->counts.states++;
    if (++s->counts.verdicts[CRASH_BAD] <= x->plan.reported)
      printf("  bad: %s, state %zu: signal %d\n", label, s->next, WTERMSIG(status));
    s->next++;
    crash_remove(place);
  }
}

void crash_explore(struct crash_explorer *x, struct crash_tree *tree, uint64_t expectation, const char *label) {
  x->tree = tree;
  x->moment++;
  struct crash_counts *counts = &x->shared->counts;
  counts->moments++;
  collect_cells(x);
  qsort(x->cells, x->cell_count, sizeof(struct crash_cell *), compare_pages);
  make_units(x, true);
  bool by_pages = x->combinations <= x->plan.exhaustive;
  counts->by_pages += by_pages;
  explore_grain(x, expectation, label);
  make_units(x, false);
  counts->exhaustive += by_pages && x->combinations <= x->plan.exhaustive;
  explore_grain(x, expectation, label);
}

/* ---- logs */

struct crash_log crash_log_open(const char *path) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &st)) crash_die(path);
  void *data = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
  if (data == MAP_FAILED) crash_die(path);
  close(fd);
  return (struct crash_log){data, (size_t)st.st_size, 0};
}

void crash_log_close(struct crash_log *log) {
  if (log->data) munmap((void *)(uintptr_t)log->data, log->size);
}

bool crash_log_next(struct crash_log *log, struct iorecord *r, const char **data) {
  if (log->at + sizeof *r > log->size) return false;
  memcpy(r, log->data + log->at, sizeof *r);
  *data = log->data + log->at + sizeof *r;
  log->at += sizeof *r + r->size;
  return true;
}

void crash_take_draws(char **words, struct crash_plan *plan, struct crash_course *course) {
  plan->seed = strtoul(words[0], NULL, 10);
  course->parts = strtoul(words[1], NULL, 10);
  plan->exhaustive = strtoul(words[2], NULL, 10);
  plan->samples = strtoul(words[3], NULL, 10);
}

static void judge_records(struct crash_explorer *x, const struct crash_plan *plan, const struct crash_course *course,
                          struct crash_tree *tree) {
  struct crash_log log = crash_log_open(course->log);
  struct iorecord r;
  const char *data;
  for (unsigned long moment = 0; crash_log_next(&log, &r, &data); moment++) {
    struct crash_node *through = crash_tree_apply(tree, &r, data);
    if (r.op == IORECORD_MARK) course->take_mark(plan->arg, tree, data, r.size);
    if (moment % course->parts == plan->seed % course->parts) {
      char words[64], label[128];
      uint64_t expectation = course->expect(plan->arg, words, sizeof words);
      snprintf(label, sizeof label, "record %lu, %s", moment, words);
      crash_explore(x, tree, expectation, label);
    }
    if (through) crash_tree_settle(tree, through, &r);
  }
  crash_log_close(&log);
}

int crash_judge_log(const struct crash_plan *plan, const struct crash_course *course) {
  struct crash_explorer *x = crash_explorer_new(plan);
  struct crash_tree *tree = crash_tree_load(course->root, course->root);
  tree->ignores_files = strcmp(course->ignored, "ignore=files") == 0;
  tree->ignores_folders = strcmp(course->ignored, "ignore=folders") == 0;
  judge_records(x, plan, course, tree);
  const struct crash_counts *c = crash_explorer_counts(x);
  printf("moments %ld (%ld whole), states %ld, bad %ld\n", c->moments, c->exhaustive, c->states,
         c->verdicts[CRASH_BAD]);
  int bad = c->verdicts[CRASH_BAD] != 0;
  crash_tree_free(tree);
  crash_explorer_free(x);
  return bad;
}
