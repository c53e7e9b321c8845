/* SPDX-License-Identifier: MIT
 *
 * The walk over LMDB's pages: nothing false on files that LMDB makes, whatever is done with it, and each kind of damage
 * found.  The files are made by LMDB itself; what is planted is found by its place in the file.
 */
#include "../backends/lmdb/page_walk.h"

#include "../backends/lmdb/feature.h"
#include "../backends/lmdb/meta.h"

#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/support.h"

/* ---- walking a file */

struct seen {
  char first[400]; /* finding */
  unsigned findings;
};

static bool note_finding(void *arg, const struct hf__lmdb_finding *f) {
  struct seen *seen = arg;
  if (!f->note && !seen->findings++) hf__lmdb_finding_text(f, seen->first, sizeof seen->first);
  return true;
}

/* Walks the file's newest commit. */
static struct hf__lmdb_totals walk_file(const char *path, struct seen *seen) {
  hf_error err;
  struct hf__lmdb_page_file file;
  struct hf__lmdb_header headers[2];
  struct hf__lmdb_totals totals;
  *seen = (struct seen){.findings = 0};
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  OK(hf__lmdb_page_file_open(fd, &file, &err));
  for (unsigned i = 0; i < 2; i++) assert_true(hf__lmdb_read_header(&file, i, &headers[i]));
  const struct hf__lmdb_header *newest = &headers[headers[1].commit > headers[0].commit];
  struct hf__lmdb_walk walk = {.file = &file, .view = newest, .arg = seen, .found = note_finding};
  OK(hf__lmdb_walk_run(&walk, &totals, &err));
  hf__lmdb_walk_free(&walk);
  close(fd);
  return totals;
}

static void assert_healthy(const char *path, const char *when, int round) {
  struct seen seen;
  struct hf__lmdb_totals t = walk_file(path, &seen);
  if (t.problems || seen.findings) fail_msg("%s, round %d: %s", when, round, seen.first);
  if (t.lost) fail_msg("%s, round %d: %llu pages lost", when, round, (unsigned long long)t.lost);
}

/* ---- files that LMDB makes */

static uint64_t seed = 1;

static unsigned draw(unsigned below) {
  seed = seed * 6364136223846793005U + 1442695040888963407U;
  return (unsigned)((seed >> 33) % below);
}

static const struct kind {
  const char *name;
  unsigned flags;
  unsigned ids, value_most;
} kinds[] = {{"signal", 0, 4000, 700},
             {"risk", 0, 40, 300},
             {"candles", MDB_INTEGERKEY, 3000, 200},
             {"notes", 0, 60, 30000},
             {"backwards", MDB_REVERSEKEY, 500, 90},
             {"tags", MDB_DUPSORT, 4, 400},
             {"times", MDB_DUPSORT | MDB_DUPFIXED | MDB_INTEGERDUP, 2, 8},
             {"fixed", MDB_DUPSORT | MDB_DUPFIXED, 9, 100},
             {"ends", MDB_DUPSORT | MDB_REVERSEDUP, 9, 50}};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct lmdb {
  MDB_env *env;
  MDB_dbi dbis[KINDS];
  char path[4300];
};

static void mdb(int rc, int line) {
  if (rc) fail_msg("line %d: %s", line, mdb_strerror(rc));
}
#define MDB(call) mdb(call, __LINE__)

static void open_lmdb(struct lmdb *l, const struct store *s, unsigned flags) {
  MDB_txn *txn;
  snprintf(l->path, sizeof l->path, "%s/plain.mdb", s->directory);
  MDB(mdb_env_create(&l->env));
  MDB(mdb_env_set_maxdbs(l->env, KINDS + 4));
  MDB(mdb_env_set_mapsize(l->env, 256 << 20));
  MDB(mdb_env_open(l->env, l->path, MDB_NOSUBDIR | MDB_NOSYNC | flags, 0600));
  MDB(mdb_txn_begin(l->env, NULL, 0, &txn));
  for (int i = 0; i < KINDS; i++) MDB(mdb_dbi_open(txn, kinds[i].name, MDB_CREATE | kinds[i].flags, &l->dbis[i]));
  MDB(mdb_txn_commit(txn));
}

/* One write, whatever it comes to. */
static int change(MDB_txn *txn, const struct lmdb *l) {
  static char bytes[30000];
  unsigned which = draw(KINDS);
  const struct kind *kind = &kinds[which];
  char text[200];
  uint64_t number = draw(kind->ids);
  MDB_val key, value = {draw(kind->value_most), bytes};
  if (kind->flags & MDB_INTEGERKEY)
    key = (MDB_val){sizeof number, &number};
  else
    key = (MDB_val){(size_t)snprintf(text, sizeof text, "%0*u", 3 + (int)(number % 7) * 25, (unsigned)number), text};
  if (kind->flags & MDB_DUPSORT && value.mv_size < 2) value.mv_size = 2;
  if (kind->flags & MDB_DUPFIXED) value.mv_size = kind->value_most;
  for (size_t i = 0; i < 8 && i < value.mv_size; i++) bytes[i] = (char)draw(256);
  if (draw(3) == 0) return mdb_del(txn, l->dbis[which], &key, kind->flags & MDB_DUPSORT && draw(100) ? &value : NULL);
  if (draw(4000) == 0) return mdb_drop(txn, l->dbis[which], 0);
  return mdb_put(txn, l->dbis[which], &key, &value, 0);
}

static void commit_something(const struct lmdb *l) {
  MDB_txn *txn, *nested;
  MDB(mdb_txn_begin(l->env, NULL, 0, &txn));
  unsigned changes = draw(20) == 0 ? draw(600) : draw(8);
  for (unsigned i = 0; i <= changes; i++) {
    bool within = draw(20) == 0;
    if (within) MDB(mdb_txn_begin(l->env, txn, 0, &nested));
    int rc = change(within ? nested : txn, l);
    if (rc && rc != MDB_NOTFOUND) fail_msg("%s", mdb_strerror(rc));
    if (within && draw(3) == 0)
      mdb_txn_abort(nested);
    else if (within)
      MDB(mdb_txn_commit(nested));
  }
  if (draw(30) == 0)
    mdb_txn_abort(txn);
  else
    MDB(mdb_txn_commit(txn));
}

static void nothing_is_found_in_what_lmdb_makes(void **state) {
  struct lmdb l;
  MDB_txn *reader = NULL;
  open_lmdb(&l, *state, 0);
  const char *rounds = getenv("HOLDFAST_ROUNDS");
  for (int i = 0, n = rounds ? atoi(rounds) : 1500; i < n; i++) {
    if (draw(50) == 0 && !reader) MDB(mdb_txn_begin(l.env, NULL, MDB_RDONLY, &reader)); /* keeps pages from reuse */
    commit_something(&l);
    if (draw(50) == 0 && reader) {
      mdb_txn_abort(reader);
      reader = NULL;
    }
    assert_healthy(l.path, "a commit", i);
  }
  if (reader) mdb_txn_abort(reader);
  struct seen seen;
  struct hf__lmdb_totals t = walk_file(l.path, &seen);
  assert_int_equal(t.trees, KINDS);
  assert_true(t.entries > 1000 && t.branch > 5 && t.overflow > 20 && t.free > 20);
  mdb_env_close(l.env);
}

/* ---- damage */

/* A file of every kind of page; its map, which writes go to the file through. */
struct victim {
  char path[4300];
  unsigned char *bytes;
  size_t size;
};

static void map_victim(struct victim *v) {
  int fd = open(v->path, O_RDWR);
  struct stat st;
  assert_int_equal(fstat(fd, &st), 0);
  v->size = (size_t)st.st_size;
  v->bytes = mmap(NULL, v->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  assert_ptr_not_equal(v->bytes, MAP_FAILED);
  close(fd);
}

static struct victim make_victim(const struct store *s) {
  struct lmdb l;
  struct victim v;
  open_lmdb(&l, s, 0);
  for (int i = 0; i < 300; i++) commit_something(&l);
  mdb_env_close(l.env);
  assert_healthy(l.path, "before damage", 0);
  memcpy(v.path, l.path, sizeof v.path);
  map_victim(&v);
  return v;
}

static void free_victim(struct victim *v) { munmap(v->bytes, v->size); }

/* The pages that a walk comes to. */
struct place {
  uint64_t page;
  enum hf__lmdb_tree_kind kind;
  uint16_t tree_flags;
  bool leaf;
};
struct places {
  struct place list[4000];
  size_t count;
};

static void note_place(void *arg, const struct hf__lmdb_visit *v) {
  struct places *places = arg;
  assert_int_equal(v->soundness, HF__LMDB_SOUND);
  assert_true(places->count < 4000);
  places->list[places->count++] = (struct place){v->page, v->kind, v->tree_flags, v->leaf};
}

static void find_places(const struct victim *v, struct places *out) {
  hf_error err;
  struct hf__lmdb_page_file file;
  struct hf__lmdb_header headers[2];
  struct hf__lmdb_totals totals;
  out->count = 0;
  int fd = open(v->path, O_RDONLY | O_CLOEXEC);
  OK(hf__lmdb_page_file_open(fd, &file, &err));
  for (unsigned i = 0; i < 2; i++) assert_true(hf__lmdb_read_header(&file, i, &headers[i]));
  struct hf__lmdb_walk walk = {
      .file = &file, .view = &headers[headers[1].commit > headers[0].commit], .arg = out, .visited = note_place};
  OK(hf__lmdb_walk_run(&walk, &totals, &err));
  hf__lmdb_walk_free(&walk);
  close(fd);
}

enum { PAGE = 4096 };

static const char *kind_of(const struct place *p) {
  static const char *const names[] = {"free list", "main tree", "named tree", "tree of values"};
  return names[p->kind];
}

/* Flips the bits of some bytes in turn; each must be found. */
static unsigned flip_all(const struct victim *v, const struct place *p, size_t at, size_t size, unsigned spared,
                         const char *what) {
  unsigned flipped = 0;
  for (unsigned bit = 0; bit < size * 8; bit++) {
    if (bit < 32 && spared & 1U << bit) continue;
    unsigned char *byte = v->bytes + p->page * PAGE + at + bit / 8;
    struct seen seen;
    *byte ^= (unsigned char)(1U << bit % 8);
    walk_file(v->path, &seen);
    if (!seen.findings) {
      *byte ^= (unsigned char)(1U << bit % 8);
      fail_msg("bit %u of %s, at byte %zu of a %s of the %s", bit, what, at, p->leaf ? "leaf" : "branch", kind_of(p));
    }
    *byte ^= (unsigned char)(1U << bit % 8);
    flipped++;
  }
  return flipped;
}

/* The words that say where things are and how long; not those of a value that the page does not have itself. */
static unsigned flip_page(const struct victim *v, const struct place *p) {
  struct hf__lmdb_page page = {v->bytes + p->page * PAGE, PAGE};
  unsigned n = flip_all(v, p, 0, 8, 0, "the page's number") + flip_all(v, p, 10, 2, 0, "its flags");
  if (hf__lmdb_head_of(page).flags & HF__LMDB_LEAF2) return n + flip_all(v, p, 12, 2, 0, "its lower bound");
  n += flip_all(v, p, 12, 4, 0, "its bounds");
  uint32_t count = hf__lmdb_node_count(page);
  for (uint32_t i = 0; i < count; i += 1 + count / 8) {
    struct hf__lmdb_node node;
    assert_null(hf__lmdb_node_at(page, i, !p->leaf, &node));
    n += flip_all(v, p, 16 + 2 * i, 2, 0, "a place");
    if (!p->leaf)
      n += flip_all(v, p, node.begin, 6, 0, "a child");
    else if (node.flags & HF__LMDB_NODE_BIG)
      n += flip_all(v, p, node.begin + 8 + node.key.size, 8, 0, "an overflow page's number");
    else
      n += flip_all(v, p, node.begin, 4, 1, "a value's size");
    if (p->leaf) n += flip_all(v, p, node.begin + 4, 2, 0, "a node's flags");
    n += flip_all(v, p, node.begin + 6, 2, 1, "a key's size"); /* an odd byte more or less can be padding */
    if (node.flags & HF__LMDB_NODE_TREE) n += flip_all(v, p, node.begin + 8 + node.key.size + 6, 42, 0, "a record");
  }
  return n;
}

static void each_bit_that_lmdb_follows_is_watched(void **state) {
  struct victim v = make_victim(*state);
  static struct places places;
  unsigned pages[4][2] = {{0}}, flipped = 0;
  find_places(&v, &places);
  for (size_t i = 0; i < places.count; i++) {
    const struct place *p = &places.list[i];
    if (pages[p->kind][p->leaf]++ < 2) flipped += flip_page(&v, p);
  }
  print_message("%u bits flipped on pages of %zu\n", flipped, places.count);
  assert_true(flipped > 5000 && pages[HF__LMDB_DUPLICATES][1] && pages[HF__LMDB_NAMED][0]);
  assert_healthy(v.path, "after each bit was set back", 0);
  free_victim(&v);
}

static void expect(const struct victim *v, const char *piece) {
  struct seen seen;
  walk_file(v->path, &seen);
  if (!seen.findings) fail_msg("not found: %s", piece);
  CONTAINS(seen.first, piece);
}

static const struct place *nth(const struct places *places, enum hf__lmdb_tree_kind kind, bool leaf, unsigned n) {
  for (size_t i = 0; i < places->count; i++)
    if (places->list[i].kind == kind && places->list[i].leaf == leaf && n-- == 0) return &places->list[i];
  fail_msg("there is no such page");
  return NULL;
}

enum { LAST_PAGE = 136 }; /* where a header has it */

static void damage_is_called_by_its_name(void **state) {
  struct victim v = make_victim(*state);
  static struct places places;
  unsigned char kept[PAGE], other[PAGE];
  find_places(&v, &places);
  unsigned char *leaf = v.bytes + nth(&places, HF__LMDB_NAMED, true, 3)->page * PAGE;
  unsigned char *next = v.bytes + nth(&places, HF__LMDB_NAMED, true, 4)->page * PAGE;
  unsigned char *branch = v.bytes + nth(&places, HF__LMDB_NAMED, false, 0)->page * PAGE;
  unsigned char *list = v.bytes + nth(&places, HF__LMDB_FREE_LIST, true, 0)->page * PAGE;

  memcpy(kept, leaf, PAGE);
  memset(leaf, 0, PAGE);
  expect(&v, "bears another page's number");
  memcpy(leaf, kept, PAGE);

  memcpy(other, next, PAGE); /* two pages in each other's place */
  memcpy(leaf, other, PAGE);
  memcpy(next, kept, PAGE);
  expect(&v, "bears another page's number");
  memcpy(next, other, PAGE);
  memcpy(leaf, kept, PAGE);

  memcpy(leaf + 16, kept + 18, 2); /* two keys in each other's place */
  memcpy(leaf + 18, kept + 16, 2);
  expect(&v, "keys that are not in order");
  memcpy(leaf, kept, PAGE);

  memcpy(kept, branch, PAGE); /* one child twice, and another not at all */
  uint16_t first, second;
  memcpy(&first, branch + 16, 2);
  memcpy(&second, branch + 18, 2);
  memcpy(branch + first, kept + second, 6);
  expect(&v, "belong in it");
  memcpy(branch, kept, PAGE);

  static const unsigned char far[6] = {0xff, 0xff, 0xff, 0xff}; /* a page that LMDB has not given out */
  memcpy(branch + first, far, sizeof far);
  expect(&v, " cannot be");
  uint64_t last[2], further = (uint64_t)1 << 40;
  for (size_t i = 0; i < 2; i++) { /* and one that it has, and the file has not */
    memcpy(&last[i], v.bytes + i * PAGE + LAST_PAGE, sizeof last[i]);
    memcpy(v.bytes + i * PAGE + LAST_PAGE, &further, sizeof further);
  }
  expect(&v, " lies beyond the end of the file");
  for (size_t i = 0; i < 2; i++) memcpy(v.bytes + i * PAGE + LAST_PAGE, &last[i], sizeof last[i]);
  memcpy(branch, kept, PAGE);

  memcpy(kept, list, PAGE); /* a page that is in use is given back */
  struct hf__lmdb_node node = {.size = 0};
  for (uint32_t n = 0; node.size < 16 || node.flags; n++)
    assert_null(hf__lmdb_node_at((struct hf__lmdb_page){list, PAGE}, n, false, &node));
  uint64_t record[2] = {1, nth(&places, HF__LMDB_NAMED, true, 3)->page};
  memcpy(list + (node.value.data - (char *)list), record, sizeof record);
  expect(&v, "is in use and in the free list");
  record[1] = 0;
  memcpy(list + (node.value.data - (char *)list), record, sizeof record);
  expect(&v, "lists page 0 that cannot be");
  memcpy(list, kept, PAGE);

  assert_healthy(v.path, "after all was set back", 0);
  assert_int_equal(truncate(v.path, (off_t)(v.size / 2 / PAGE * PAGE)), 0);
  expect(&v, "lies beyond the end of the file");
  free_victim(&v);
}

/* Whatever is done to a file, the walk ends. */
static void no_file_ends_the_process(void **state) {
  struct victim v = make_victim(*state);
  unsigned char *good = malloc(v.size);
  size_t pages = v.size / PAGE;
  unsigned found = 0, rounds = 300;
  struct seen seen;
  memcpy(good, v.bytes, v.size);
  for (unsigned i = 0; i < rounds; i++) {
    for (unsigned n = 1 + draw(4); n > 0; n--) {
      unsigned char *page = v.bytes + (2 + draw((unsigned)pages - 2)) * PAGE,
                    *from = v.bytes + draw((unsigned)pages) * PAGE;
      switch (draw(5)) {
      case 0: memset(page, draw(2) ? 0 : 0xFF, PAGE); break;
      case 1: memmove(page, from, PAGE); break;
      case 2: page[draw(48)] = (unsigned char)draw(256); break;
      case 3: page[draw(PAGE)] ^= (unsigned char)(1U << draw(8)); break;
      default:
        for (unsigned at = draw(PAGE); at < PAGE; at++) page[at] = (unsigned char)draw(256);
      }
    }
    walk_file(v.path, &seen);
    found += seen.findings > 0;
    memcpy(v.bytes, good, v.size);
  }
  assert_true(found > rounds / 4); /* some pages are free */
  assert_healthy(v.path, "after all was set back", 0);
  free(good);
  free_victim(&v);
}

/* ---- stores */

static const char *data_file(const struct store *s) { return text_of("%s/store/data.mdb", s->directory); }

static void write_bytes(const char *path, off_t at, const void *bytes, size_t size) {
  int fd = open(path, O_RDWR);
  assert_int_equal(pwrite(fd, bytes, size, at), size);
  close(fd);
}

/* A closed store of one name. */
static void fill_store(const struct store *s, int count, size_t size) {
  static char json[5000] = "\"";
  memset(json + 1, 'x', size);
  memcpy(json + 1 + size, "\"", 2);
  hf_persist *p = open_persist(s, "signal");
  for (int i = 0; i < count; i++) write_text(p, text_of("id-%d", i), json);
  hf_persist_close(p);
}

static void note_leaf(void *arg, const struct hf__lmdb_visit *v) {
  if (v->leaf && v->kind == HF__LMDB_NAMED && v->name.data[0] == 's') *(uint64_t *)arg = v->page;
}

/* A page that holds signals. */
static uint64_t find_leaf(const char *path) {
  hf_error err;
  struct hf__lmdb_page_file file;
  struct hf__lmdb_header headers[2];
  struct hf__lmdb_totals totals;
  uint64_t page = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  OK(hf__lmdb_page_file_open(fd, &file, &err));
  for (unsigned i = 0; i < 2; i++) assert_true(hf__lmdb_read_header(&file, i, &headers[i]));
  struct hf__lmdb_walk walk = {
      .file = &file, .view = &headers[headers[1].commit > headers[0].commit], .arg = &page, .visited = note_leaf};
  OK(hf__lmdb_walk_run(&walk, &totals, &err));
  hf__lmdb_walk_free(&walk);
  close(fd);
  assert_true(page);
  return page;
}

static hf_status open_with(const struct store *s, const char *check, hf_error *err) {
  hf_store *store;
  hf_status status =
      hf_store_open(text_of("lmdb:%s/store?durability=nosync&%s", s->directory, check), NULL, &store, err);
  if (status == HF_OK) hf_store_close(store);
  return status;
}

static void opening_looks_as_far_as_it_is_told(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_check_report report;
  fill_store(s, 100, 300);
  OK(hf_store_check(s->base, NULL, NULL, NULL, &report, &err));
  assert_int_equal(report.damaged, 0);
  assert_true(report.pages > 8 && report.entities == 100);
  uint64_t page = find_leaf(data_file(s)), number = 1;
  write_bytes(data_file(s), (off_t)page * PAGE, &number, sizeof number);
  FAILS(HF_CORRUPT, open_with(s, "check=pages", &err));
  CONTAINS(err.message, text_of("page %llu of \"signal\" bears another page's number", (unsigned long long)page));
  CONTAINS(err.message, "holdfast rescue");
  FAILS(HF_CORRUPT, open_with(s, "check=auto", &err)); /* it is small */
  FAILS(HF_CORRUPT, open_with(s, "create=0", &err));
  OK(open_with(s, "check=headers", &err));
  OK(open_with(s, "check=off", &err));
  FAILS(HF_INVALID_ARGUMENT, open_with(s, "check=all", &err));
  OK(hf_store_check(s->base, NULL, NULL, NULL, &report, &err));
  assert_int_equal(report.damaged, 1);
}

static void a_large_store_is_walked_once_in_each_run_of_the_machine(void **state) {
  const struct store *s = *state;
  const off_t note = 64 * 255 + 24; /* in the last reader's room */
  char mark[8];
  hf_error err;
  fill_store(s, 2500, 1500);
  struct stat st;
  assert_int_equal(stat(data_file(s), &st), 0);
  assert_true(st.st_size > 4 << 20);
  uint64_t page = find_leaf(data_file(s)), number = 1;
  write_bytes(data_file(s), (off_t)page * PAGE, &number, sizeof number);
  OK(open_with(s, "create=0", &err)); /* this run has looked at it */
  const char *lock = text_of("%s/store/lock.mdb", s->directory);
  int fd = open(lock, O_RDONLY);
  assert_int_equal(pread(fd, mark, sizeof mark, note), sizeof mark);
  close(fd);
  assert_string_equal(mark, "hf-boot");
  write_bytes(lock, note + 8, "another run here", 16);
  FAILS(HF_CORRUPT, open_with(s, "create=0", &err));
  write_bytes(data_file(s), (off_t)page * PAGE, &page, sizeof page);
  OK(open_with(s, "create=0", &err));
  write_bytes(data_file(s), (off_t)page * PAGE, &number, sizeof number);
  OK(open_with(s, "create=0", &err)); /* noted again */
}

static bool count_problem(void *arg, hf_slice name, const hf_entry *entry, const char *problem,
                          const hf_verify_report *so_far) {
  (void)so_far;
  if (!entry && problem) {
    CONTAINS(problem, "bears another page's number");
    assert_int_equal(name.size, 6);
    ++*(int *)arg;
  }
  return true;
}

static void verify_reads_no_entity_of_a_store_that_is_damaged(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_store *store;
  hf_verify_report report;
  int problems = 0;
  fill_store(s, 100, 300);
  OK(hf_store_open(s->base, NULL, &store, &err));
  OK(hf_store_verify(store, (hf_slice){NULL, 0}, true, NULL, NULL, &report, &err));
  assert_int_equal(report.entities, 100);
  uint64_t page = find_leaf(data_file(s)), number = 1;
  write_bytes(data_file(s), (off_t)page * PAGE, &number, sizeof number);
  OK(hf_store_verify(store, (hf_slice){NULL, 0}, true, count_problem, &problems, &report, &err));
  assert_int_equal(report.entities, 0);
  assert_int_equal(report.damaged, 1);
  assert_int_equal(problems, 1);
  hf_store_close(store);
}

static void a_store_that_others_write_to_is_found_sound(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_check_report report;
  fill_store(s, 300, 300);
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    hf_persist *p;
    if (hf_persist_open(hf_text("signal"), s->base, NULL, &p, NULL)) _exit(1);
    alarm(60);
    for (int i = 0;; i++) {
      char id[32];
      snprintf(id, sizeof id, "id-%d", i * 7 % 1000);
      hf_status status = i % 3 ? hf_persist_write(p, hf_text(id), hf_text("[1,2,3]"), NULL, NULL, NULL)
                               : hf_persist_remove(p, hf_text(id), NULL);
      if (status && status != HF_NOT_FOUND) _exit(1);
    }
  }
  for (int i = 0; i < 300; i++) {
    hf_status status = hf_store_check(s->base, NULL, NULL, NULL, &report, &err);
    if (status || report.damaged) {
      kill(pid, SIGKILL);
      fail_msg("look %d: %s", i, status ? err.message : "damage");
    }
  }
  int result;
  assert_int_equal(waitpid(pid, &result, WNOHANG), 0); /* it still writes */
  kill(pid, SIGKILL);
  waitpid(pid, &result, 0);
}

/* ---- stores of format 2: the mark is a plain value in the main tree, where else trees have their records */

static void set(const struct store *s, const char *name, const char *value) {
  hf_error err;
  hf_store *store;
  hf_setting_value v = {.name = name, .value = value};
  OK(hf_store_open(s->base, NULL, &store, &err));
  OK(hf_store_settings_set(store, &v, 1, &err));
  hf_store_close(store);
}

/* A commit by LMDB alone: of a 0.1, which leaves no mark, or of a later version, which leaves a longer one. */
static int commit_as_other(const char *directory, size_t mark_size) {
  static uint64_t mark[16];
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi dbi;
  MDB_val k = {sizeof MARK_KEY - 1, (void *)(uintptr_t)MARK_KEY}, v = {mark_size, mark};
  if (mdb_env_create(&env) || mdb_env_set_maxdbs(env, 16) || mdb_env_open(env, directory, MDB_NOSYNC, 0666) ||
      mdb_txn_begin(env, NULL, 0, &txn))
    return 1;
  for (size_t i = 0; i < sizeof mark / sizeof *mark; i++) mark[i] = mdb_txn_id(txn);
  int rc = mdb_dbi_open(txn, mark_size ? NULL : "signal", 0, &dbi);
  if (!rc) rc = mark_size ? mdb_put(txn, dbi, &k, &v, 0) : mdb_drop(txn, dbi, 0);
  return rc ? rc : mdb_txn_commit(txn);
}

static void as_other(const struct store *s, size_t mark_size) {
  const char *directory = text_of("%s/store", s->directory);
  int status;
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (!pid) _exit(commit_as_other(directory, mark_size) ? 1 : 0);
  waitpid(pid, &status, 0);
  assert_int_equal(status, 0);
}

static void ignore_warning(const char *message, void *arg) {
  (void)message;
  (void)arg;
}

static void assert_sound(const struct store *s, uint64_t entities, const char *when) {
  hf_error err;
  hf_check_report report;
  assert_healthy(data_file(s), when, 0);
  OK(hf_store_check(s->base, NULL, NULL, NULL, &report, &err));
  assert_int_equal(report.damaged, 0);
  assert_int_equal(report.notes, 0);
  assert_int_equal(report.entities, entities);
  OK(open_with(s, "check=pages", &err));
}

static int rebuild_nothing(hf__lmdb_env *env, MDB_txn *txn) {
  (void)env;
  (void)txn;
  return 0;
}

static const hf__lmdb_feature pairs = {"pairs", "read", "for a test", rebuild_nothing, false};
static const hf__lmdb_feature *known[] = {&pairs, NULL, NULL};

static void a_store_of_format_2_is_sound(void **state) {
  const struct store *s = *state;
  extern const hf_backend hf__backend_lmdb;
  hf_error err;
  fill_store(s, 50, 900);
  set(s, "format", "2");
  assert_sound(s, 50, "raised");
  set(s, "note", text_of("%0500d", 1));
  set(s, "maxsize", "1g");
  assert_sound(s, 50, "settings");

  const hf__lmdb_feature *const *usual = hf__lmdb_features;
  const char *path = text_of("%s/store", s->directory);
  hf_options options = HF_OPTIONS_INIT;
  hf_setting_change change = {hf_text("note"), hf_text("\"n\""), "pairs"};
  void *impl;
  known[1] = usual[0];
  hf__lmdb_features = known;
  OK(hf__backend_lmdb.open(&(hf_location){"lmdb", path, path, "", &options}, &impl, &err));
  OK(hf__backend_lmdb.settings_put(impl, &change, 1, 2, &err));
  hf__backend_lmdb.close(impl);
  assert_sound(s, 50, "a feature");

  as_other(s, 0);
  hf_set_warning_handler(ignore_warning, NULL);
  assert_healthy(data_file(s), "a gap", 0);
  fill_store(s, 20, 4000);
  assert_sound(s, 20, "a gap that was mended");
  hf__lmdb_features = usual;
  hf_set_warning_handler(NULL, NULL);
}

static void a_longer_mark_is_no_damage(void **state) {
  const struct store *s = *state;
  hf_error err;
  fill_store(s, 20, 900);
  set(s, "format", "2");
  for (size_t numbers = 2; numbers <= 16; numbers++) {
    as_other(s, numbers * sizeof(uint64_t));
    assert_healthy(data_file(s), "a longer mark", (int)numbers); /* also one of the size of a tree's record */
    OK(open_with(s, "check=pages", &err));
  }
}

static void each_bit_by_which_the_mark_is_found_is_watched(void **state) {
  const struct store *s = *state;
  static struct places places;
  struct victim v;
  unsigned flipped = 0;
  fill_store(s, 50, 900);
  set(s, "note", "a word");
  snprintf(v.path, sizeof v.path, "%s", data_file(s));
  map_victim(&v);
  find_places(&v, &places);
  for (size_t i = 0; i < places.count; i++)
    if (places.list[i].kind == HF__LMDB_MAIN) flipped += flip_page(&v, &places.list[i]);
  assert_true(flipped > 1000); /* three trees and the mark */
  assert_sound(s, 50, "after each bit was set back");
  free_victim(&v);
}

int main(void) {
  const struct CMUnitTest tests[] = {ON_LMDB(nothing_is_found_in_what_lmdb_makes),
                                     ON_LMDB(each_bit_that_lmdb_follows_is_watched),
                                     ON_LMDB(damage_is_called_by_its_name),
                                     ON_LMDB(no_file_ends_the_process),
                                     ON_LMDB(opening_looks_as_far_as_it_is_told),
                                     ON_LMDB(a_large_store_is_walked_once_in_each_run_of_the_machine),
                                     ON_LMDB(verify_reads_no_entity_of_a_store_that_is_damaged),
                                     ON_LMDB(a_store_that_others_write_to_is_found_sound),
                                     ON_LMDB(a_store_of_format_2_is_sound),
                                     ON_LMDB(a_longer_mark_is_no_damage),
                                     ON_LMDB(each_bit_by_which_the_mark_is_found_is_watched)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
