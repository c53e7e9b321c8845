/* SPDX-License-Identifier: MIT
 *
 * Damage to a data file, in turn: each bit flipped, each page zeroed, filled with ones, exchanged for another one, the
 * file cut at each sector.  For each a child checks the store, opens it, reads, loops, counts, writes, and reads again
 * what it wrote, from another opening; in format 2 it also asks what an index leads to.  It may be told that the store
 * is damaged; it may not be ended by a signal, nor go on for ever, nor be given a wrong value.
 *
 * Before that, what is left is rescued: nearly all of the records of which no byte was touched, under their names, and
 * nothing that had been removed.
 *
 *   page_flips DIR [STEP [FROM [bits]]]
 *                                     every STEP-th bit (1: all) from FROM on; with `bits` no more than that, since all
 *                                     other damage is the same each time
 *   page_flips DIR pairs COUNT SEED [NUMBER]
 *                                     two damages at once, drawn: two bits of one page, or of two; a bit, and a page
 *                                     that is zeroed, filled with ones, or exchanged for another.  With an even seed
 *                                     the store is one of format 1.  What is rescued may be apart from its name.
 *                                     With a NUMBER only that one of them is done, and stays in DIR/store
 *
 * It prints how often came what, and last a line "sums" of how many faults were tried, how many were not told of, how
 * many ended the process; how many records could be rescued, and how many were not; after how many faults rescue
 * brought back what had been removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "holdfast/holdfast.h"

enum {
  IDS = 36,
  PAGE = 4096,
  BOUNDS = 12,
  FREE_FLAGS = 44,
  TREE = 48,
  KEPT = 30,
  HANG_S = 60,
  CHANGED = 4,
  REMOVED = 2
};

static const char *const names[2] = {"signal", "risk"};
static char ids[IDS][16];
static char *values[IDS];
static char base[4000], data_path[4100], lock_path[4100];
static bool pairs, format2;
static char drawn_damage[200];
static size_t exchanged[2]; /* the pages that are in each other's place; the same: none */

#define NEED(condition)                                                                                                \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "FAIL: line %d: %s\n", __LINE__, #condition);                                                    \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

/* ---- the store */

static void make_values(void) {
  srand(7);
  for (int i = 0; i < IDS; i++) {
    snprintf(ids[i], sizeof ids[i], "id-%d", i);
    int size = i == 10 ? 9000 : i == 11 ? 5000 : 120 + rand() % 160; /* two do not fit into a page */
    values[i] = malloc((size_t)size + 64);
    int n = sprintf(values[i], "{\"n\":%d,\"t\":\"", i);
    for (int k = 0; k < size; k++) values[i][n + k] = (char)('a' + rand() % 26);
    strcpy(values[i] + n + size, "\"}");
  }
}

static bool is_of(int i, int name) { return i % 2 == name; }

/* The first one is found by an index, too. */
static bool has_index(int name) { return format2 && name == 0; }

/* Each name has its half; those from KEPT on were in the other one, too, and were removed there. */
static void build(void) {
  hf_error err;
  hf_store *store;
  hf_setting_value format = {.name = "format", .value = "2"};
  if (format2) {
    NEED(hf_store_open(base, NULL, &store, &err) == HF_OK);
    NEED(hf_store_settings_set(store, &format, 1, &err) == HF_OK);
    hf_store_close(store);
  }
  for (int name = 0; name < 2; name++) {
    hf_persist *p;
    NEED(hf_persist_open(hf_text(names[name]), base, NULL, &p, &err) == HF_OK);
    for (int i = 0; i < IDS; i++)
      if (is_of(i, name) || i >= KEPT)
        NEED(hf_persist_write(p, hf_text(ids[i]), hf_text(values[i]), NULL, NULL, &err) == HF_OK);
    for (int i = KEPT; i < IDS; i++)
      if (!is_of(i, name)) NEED(hf_persist_remove(p, hf_text(ids[i]), &err) == HF_OK);
    if (has_index(name)) NEED(hf_persist_index_create(p, &(const char *){"n"}, 1, true, &err) == HF_OK);
    hf_persist_close(p);
  }
}

/* ---- what a child sees, in memory that its parent shares */

enum {
  REPORTED = 1,
  REFUSED = 2,
  MISSING = 4,      /* an entity is not there, and nothing was said */
  COUNTED = 8,      /* count() is wrong */
  AFTER = 16,       /* after a write all is not as it should be */
  WRONG_VALUE = 32, /* something was read that is no entity's value */
  VERIFIED = 64     /* verify tells of something */
};
static volatile int *seen; /* then what rescue did: */
enum { HELD = 1, RESCUED, REVIVED, OLDER, APART, SEEN };

/* The file as it was, and where each record is in it, with the id before it. */
static unsigned char *good;
static size_t good_size;
static struct {
  size_t at, size;
  size_t leaf; /* of one whose value is elsewhere: the page that has its id; otherwise 0 */
} places[IDS];

static const char *value_of(int i, int name, bool after) {
  if (after && i == REMOVED + name) return NULL;
  return after && i == CHANGED + name ? "{\"changed\":true}" : values[i];
}

static int id_of(hf_slice id, int name) {
  for (int i = 0; i < IDS; i++)
    if (is_of(i, name) && id.size == strlen(ids[i]) && memcmp(id.data, ids[i], id.size) == 0) return i;
  return -1;
}

static bool same(const char *json, size_t size, const char *expected) {
  return expected && size == strlen(expected) && memcmp(json, expected, size) == 0;
}

static int look_up(hf_persist *p, int name, bool after) {
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  int found = 0;
  for (int i = 0; i < IDS; i++) {
    const char *expected = value_of(i, name, after);
    if (!is_of(i, name) || !expected) continue;
    hf_status status = hf_persist_read(p, hf_text(ids[i]), &json, NULL, &err);
    if (status == HF_OK)
      found |= same(json.data, json.size, expected) ? 0 : WRONG_VALUE;
    else
      found |= status == HF_NOT_FOUND ? MISSING : REPORTED;
  }
  hf_buffer_free(&json);
  return found;
}

static int loop(hf_persist *p, int name, bool after) {
  hf_error err;
  hf_iter *it;
  const hf_entry *entry;
  bool met[IDS] = {false};
  int found = 0;
  if (hf_iter_open(p, NULL, &it, &err)) return REPORTED;
  for (int steps = 0; steps < 100000; steps++) {
    hf_status status = hf_iter_next(it, &entry, &err);
    if (status) found |= REPORTED;
    if (status == HF_CORRUPT) continue;
    if (status || !entry) break;
    if (after && entry->id.size == 7 && memcmp(entry->id.data, "new-one", 7) == 0) continue;
    int i = id_of(entry->id, name);
    if (i < 0 || met[i] || !same(entry->json.data, entry->json.size, value_of(i, name, after))) found |= WRONG_VALUE;
    if (i >= 0) met[i] = true;
  }
  hf_iter_close(it);
  for (int i = 0; i < IDS; i++)
    if (is_of(i, name) && !met[i] && value_of(i, name, after)) found |= MISSING;
  return found;
}

/* A few by a condition that the index answers. */
static int find_some(hf_persist *p, int name, bool after) {
  enum { FROM = 20, TO = 24 };
  hf_error err;
  hf_iter *it;
  const hf_entry *entry = NULL;
  hf_range range = HF_RANGE_INIT;
  int found = 0, count = 0;
  if (hf_condition_parse(hf_text("type(v.n) == \"number\" and v.n >= 20 and v.n < 24"), &range.where, &err)) _exit(97);
  if (hf_iter_open(p, &range, &it, &err)) return REPORTED;
  for (int steps = 0; steps < 1000; steps++) {
    hf_status status = hf_iter_next(it, &entry, &err);
    if (status) found |= REPORTED;
    if (status == HF_CORRUPT) continue;
    if (status || !entry) break;
    int i = id_of(entry->id, name);
    bool is_wanted = i >= FROM && i < TO && same(entry->json.data, entry->json.size, value_of(i, name, after));
    found |= is_wanted ? 0 : WRONG_VALUE;
    count++;
  }
  hf_iter_close(it);
  hf_condition_free(range.where);
  return count < (TO - FROM) / 2 ? found | MISSING : found;
}

static int read_all(hf_persist *p, int name, bool after) {
  hf_error err;
  uint64_t count, expected = IDS / 2;
  int found = look_up(p, name, after) | loop(p, name, after);
  if (has_index(name)) found |= find_some(p, name, after);
  hf_status status = hf_persist_count(p, &count, &err);
  if (status) return found | REPORTED;
  return found | (count != expected ? COUNTED : 0); /* one was added, and one removed */
}

static int change_all(hf_persist *p, int name) {
  hf_error err;
  if (hf_persist_write(p, hf_text("new-one"), hf_text("{}"), NULL, NULL, &err)) return REPORTED;
  if (hf_persist_write(p, hf_text(ids[CHANGED + name]), hf_text("{\"changed\":true}"), NULL, NULL, &err))
    return REPORTED;
  return hf_persist_remove(p, hf_text(ids[REMOVED + name]), &err) ? REPORTED : 0;
}

static hf_persist *open_name(int name) {
  hf_error err;
  hf_persist *p;
  if (hf_persist_open(hf_text(names[name]), base, NULL, &p, &err)) _exit(99);
  if (hf_persist_init(p, &err) == HF_OK) return p;
  *seen |= REFUSED;
  _exit(0);
}

static void compare_index(void) {
  hf_error err;
  uint64_t problems = 0;
  hf_persist *p = open_name(0);
  if (hf_persist_index_check(p, false, NULL, NULL, &problems, &err) || problems) *seen |= VERIFIED;
  hf_persist_close(p);
}

static void verify(void) {
  hf_error err;
  hf_store *store;
  if (has_index(0)) compare_index();
  hf_verify_report report;
  if (hf_store_open(base, NULL, &store, &err)) {
    *seen |= REPORTED;
    return;
  }
  hf_status status = hf_store_verify(store, (hf_slice){NULL, 0}, true, NULL, NULL, &report, &err);
  if (status || report.damaged || report.corrupt) *seen |= VERIFIED;
  hf_store_close(store);
}

/* ---- what rescue brings back */

struct rescued {
  bool named[IDS];
  int apart[IDS];
};

/* Of a record without a name only the id can tell whether it is one too many. */
static void note_apart(struct rescued *rescued, const hf_rescued *r) {
  int i = id_of(r->id, 0);
  if (i < 0) i = id_of(r->id, 1);
  if (i < 0)
    seen[REVIVED]++;
  else if (!same(r->json.data, r->json.size, values[i]))
    *seen |= WRONG_VALUE;
  else
    rescued->apart[i]++;
}

static bool note_rescued(void *arg, const hf_rescued *r) {
  struct rescued *rescued = arg;
  if (r->kind == HF_RESCUE_APART) note_apart(rescued, r);
  if (r->kind > HF_RESCUE_CUT_OFF) return true;
  int name = r->entity_name.size == 4, i = id_of(r->id, name);
  if (i < 0)
    seen[REVIVED]++;
  else if (rescued->named[i] || !same(r->json.data, r->json.size, values[i]))
    *seen |= WRONG_VALUE;
  else
    rescued->named[i] = true;
  return true;
}

static bool remember_place(void *arg, const hf_rescued *r) {
  (void)arg;
  if (r->kind != HF_RESCUE_PRESENT) return true;
  int i = id_of(r->id, r->entity_name.size == 4);
  NEED(i >= 0);
  bool big = r->json.size > PAGE / 2;
  size_t from = big ? 0 : r->page * PAGE;
  const unsigned char *text = memmem(good + from, good_size - from, r->json.data, r->json.size);
  NEED(text);
  size_t before = big ? 24 : 24 + r->id.size; /* the record's header; the id of a big one is elsewhere */
  places[i].at = (size_t)(text - good) - before;
  places[i].size = before + r->json.size;
  places[i].leaf = big ? r->page : 0;
  return true;
}

static bool is_whole_part(size_t at, size_t n, const unsigned char *image, size_t size) {
  size_t page = at / PAGE, place = page;
  if (exchanged[0] != exchanged[1] && page == exchanged[0]) place = exchanged[1];
  if (exchanged[0] != exchanged[1] && page == exchanged[1]) place = exchanged[0];
  size_t there = place * PAGE + at % PAGE;
  return there + n <= size && memcmp(image + there, good + at, n) == 0;
}

/* Whether no byte of a part of the file was touched, wherever its pages are. */
static bool is_whole(size_t at, size_t n, const unsigned char *image, size_t size) {
  while (n) {
    size_t part = PAGE - at % PAGE < n ? PAGE - at % PAGE : n;
    if (!is_whole_part(at, part, image, size)) return false;
    at += part;
    n -= part;
  }
  return true;
}

/* Whether no byte of the record was touched. */
static bool is_held(int i, const unsigned char *image, size_t size) {
  if (places[i].leaf && !is_whole(places[i].leaf * PAGE, PAGE, image, size)) return false;
  return is_whole(places[i].at, places[i].size, image, size);
}

static void rescue_store(const unsigned char *image, size_t size) {
  hf_error err;
  hf_rescue_report report;
  struct rescued rescued = {.apart = {0}};
  int removed = 0;
  hf_status status = hf_store_rescue(base, note_rescued, &rescued, &report, &err);
  if (status == HF_CORRUPT) return; /* neither header is left */
  if (status) _exit(98);
  for (int i = 0; i < IDS; i++) seen[REVIVED] += rescued.apart[i] > !rescued.named[i];
  if (report.newest_lost) removed = 1; /* the last commit removed one, of which the one before knows nothing */
  if (seen[REVIVED] <= removed) seen[OLDER] = seen[REVIVED], seen[REVIVED] = 0;
  for (int i = 0; i < IDS; i++) {
    bool apart = pairs && !rescued.named[i] && rescued.apart[i], found = rescued.named[i] || apart;
    bool held = is_held(i, image, size);
    if (report.free_list_lost) held = found; /* what was cut off cannot be told from what was removed */
    seen[HELD] += held;
    seen[RESCUED] += held && found;
    seen[APART] += held && apart;
  }
}

/* As it is; then, where nothing was wrong, after writes, and when it was opened again. */
static void use_store(void) {
  hf_error err;
  hf_check_report report;
  if (hf_store_check(base, NULL, NULL, NULL, &report, &err) || report.damaged > report.incomplete) *seen |= REPORTED;
  if (report.incomplete) *seen |= VERIFIED;
  for (int round = 0; round < 3 && !(round && *seen); round++) {
    hf_persist *p[2] = {open_name(0), open_name(1)};
    for (int name = 0; name < 2 && round == 1; name++) *seen |= change_all(p[name], name);
    for (int name = 0; name < 2 && !(round && *seen & REPORTED); name++) {
      int found = read_all(p[name], name, round > 0);
      *seen |= round && found & (MISSING | COUNTED) ? AFTER : found;
    }
    for (int name = 0; name < 2; name++) hf_persist_close(p[name]);
    if (round == 0) verify();
  }
  _exit(0);
}

/* ---- one run after the other */

enum { RIGHT, TOLD, HIDDEN, SILENT, COUNT_ONLY, LATER, WRONG, SIGNALLED, HUNG, OUTCOMES };
static const char *const outcomes[OUTCOMES] = {"right",
                                               "reported",
                                               "wrong until verify tells",
                                               "silently missing",
                                               "wrong count",
                                               "after writes",
                                               "wrong values",
                                               "signals",
                                               "hangs"};
static unsigned long tried, revivals, counts[OUTCOMES];

static void put_image(const unsigned char *image, size_t size) {
  int fd = open(data_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  NEED(fd >= 0 && write(fd, image, size) == (ssize_t)size);
  close(fd);
}

static int classify(int result) {
  if (WIFSIGNALED(result)) return WTERMSIG(result) == SIGALRM ? HUNG : SIGNALLED;
  NEED(WEXITSTATUS(result) == 0);
  if (*seen & WRONG_VALUE) return WRONG;
  if (*seen & (REPORTED | REFUSED)) return TOLD;
  if (*seen & AFTER) return LATER;
  if (*seen & VERIFIED) return *seen & (MISSING | COUNTED) ? HIDDEN : TOLD;
  return *seen & MISSING ? SILENT : *seen & COUNTED ? COUNT_ONLY : RIGHT;
}

static struct {
  const char *what;
  unsigned long held, rescued, apart, revived;
} rows[12];

/* The row of a kind of damage. */
static int row_of(const char *what) {
  int i = 0;
  while (rows[i].what && strcmp(rows[i].what, what) != 0) i++;
  rows[i].what = what;
  return i;
}

static void try(const unsigned char *image, size_t size, const char *what, unsigned long where) {
  int result, row = row_of(what);
  put_image(image, size);
  for (int i = 0; i < SEEN; i++) seen[i] = 0;
  pid_t child = fork();
  if (child == 0) {
    alarm(HANG_S);
    rescue_store(image, size);
    use_store();
  }
  NEED(waitpid(child, &result, 0) == child);
  int outcome = classify(result);
  tried++;
  counts[outcome]++;
  rows[row].held += (unsigned long)seen[HELD];
  rows[row].rescued += (unsigned long)seen[RESCUED];
  rows[row].apart += (unsigned long)seen[APART];
  rows[row].revived += (unsigned long)seen[REVIVED];
  revivals += seen[REVIVED] != 0;
  if (seen[RESCUED] < seen[HELD] || seen[REVIVED])
    printf("rescued %d of %d, revived %d: %s %lu%s\n", seen[RESCUED], seen[HELD], seen[REVIVED], what, where,
           drawn_damage);
  if (outcome > HIDDEN) printf("%s: %s %lu%s\n", outcomes[outcome], what, where, drawn_damage);
  if (outcome >= SIGNALLED) unlink(lock_path);
}

static void flip_bit(unsigned char *image, unsigned long bit) {
  image[bit / 8] ^= (unsigned char)(1U << bit % 8);
  try(image, good_size, "bit", bit);
  image[bit / 8] = good[bit / 8];
}

/* Every so many bits; and all that say which nodes a page has, after which room in it may be taken for one, and in
 * which order the trees of a header are. */
static void flip_bits(unsigned long step, unsigned long from) {
  size_t size = good_size;
  unsigned char *image = malloc(size);
  memcpy(image, good, size);
  for (unsigned long bit = from; bit < size * 8; bit += step) flip_bit(image, bit);
  for (size_t page = 0; page < size / PAGE && step > 1; page++)
    for (unsigned long bit = 0; bit < 32; bit++) flip_bit(image, (page * PAGE + BOUNDS) * 8 + bit);
  for (unsigned long bit = 0; bit < 64 && step > 1; bit++) /* of either header and tree, 16 */
    flip_bit(image, (bit / 32 * PAGE + FREE_FLAGS + bit / 16 % 2 * TREE) * 8 + bit % 16);
  free(image);
}

/* The file as it was, but for two pages in each other's place. */
static void exchange(unsigned char *image, size_t p, size_t q) {
  memcpy(image, good, good_size);
  memcpy(image + p * PAGE, good + q * PAGE, PAGE);
  memcpy(image + q * PAGE, good + p * PAGE, PAGE);
  exchanged[0] = p;
  exchanged[1] = q;
}

static void spoil_pages(void) {
  size_t size = good_size;
  unsigned char *image = malloc(size);
  size_t pages = size / PAGE;
  for (size_t p = 0; p < pages; p++) {
    memcpy(image, good, size);
    memset(image + p * PAGE, 0, PAGE);
    try(image, size, "zeroed page", p);
    memset(image + p * PAGE, 0xFF, PAGE);
    try(image, size, "page of ones", p);
    for (size_t q = p + 1; q < pages; q++) {
      exchange(image, p, q);
      try(image, size, "exchanged pages", p * 1000 + q);
    }
    exchanged[0] = exchanged[1];
  }
  for (size_t cut = 0; cut < size; cut += 512) try(good, cut, "cut at", cut);
  free(image);
}

/* ---- two at once */

static uint64_t drawn;

static size_t draw(size_t below) {
  uint64_t z = drawn += 0x9E3779B97F4A7C15U; /* splitmix64 */
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
  z = (z ^ z >> 27) * 0x94D049BB133111EBU;
  return (size_t)((z ^ z >> 31) % below);
}

/* Flips a bit of the page; every other time in its head, or in where its first nodes are. */
static unsigned long flip(unsigned char *image, size_t page) {
  size_t byte = page * PAGE + draw(draw(2) ? PAGE : 96), bit = draw(8);
  image[byte] ^= (unsigned char)(1U << bit);
  return (unsigned long)(byte * 8 + bit);
}

static void try_pair(unsigned char *image, size_t pages, unsigned long number, bool skip) {
  static const char *const kinds[] = {"two bits of a page", "bits of two pages", "a bit, a zeroed page",
                                      "a bit, a page of ones", "a bit, exchanged pages"};
  size_t kind = draw(sizeof kinds / sizeof *kinds), p = draw(pages), q = (p + 1 + draw(pages - 1)) % pages;
  memcpy(image, good, good_size);
  if (kind == 4) exchange(image, p, q);
  if (kind == 2 || kind == 3) memset(image + q * PAGE, kind == 2 ? 0 : 0xFF, PAGE);
  unsigned long first = flip(image, kind == 4 ? draw(pages) : p), second = first;
  while (kind < 2 && second == first) second = flip(image, kind ? q : p);
  snprintf(drawn_damage, sizeof drawn_damage, " (pages %zu and %zu, bytes 0x%lx and 0x%lx)", p, q, first / 8,
           second / 8);
  if (!skip && memcmp(image, good, good_size) != 0) try(image, good_size, kinds[kind], number);
  exchanged[0] = exchanged[1];
}

static void try_pairs(unsigned long count, uint64_t seed, const char *only) {
  unsigned char *image = malloc(good_size);
  unsigned long number = only ? strtoul(only, NULL, 10) : 0;
  NEED(image);
  drawn = seed * 1000003;
  for (unsigned long i = 0; i < count; i++) try_pair(image, good_size / PAGE, i, only && i != number);
  free(image);
}

int main(int argc, char **argv) {
  NEED(argc >= 2);
  snprintf(base, sizeof base, "%s/store", argv[1]);
  snprintf(data_path, sizeof data_path, "%s/data.mdb", base);
  snprintf(lock_path, sizeof lock_path, "%s/lock.mdb", base);
  pairs = argc >= 5 && strcmp(argv[2], "pairs") == 0;
  uint64_t seed = pairs ? strtoull(argv[4], NULL, 10) : 0;
  format2 = !pairs || seed % 2;
  unsigned long step = argc > 2 ? strtoul(argv[2], NULL, 10) : 1, from = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
  setvbuf(stdout, NULL, _IOLBF, 0);
  make_values();
  pid_t builder = fork(); /* this process opens no store, so that its children may */
  int result;
  if (builder == 0) {
    build();
    exit(0);
  }
  NEED((step || pairs) && waitpid(builder, &result, 0) == builder && result == 0);
  seen = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  struct stat st;
  int fd = open(data_path, O_RDONLY);
  NEED(fd >= 0 && fstat(fd, &st) == 0 && seen != MAP_FAILED);
  good_size = (size_t)st.st_size;
  good = malloc(good_size);
  NEED(good && read(fd, good, good_size) == (ssize_t)good_size);
  close(fd);
  NEED(hf_store_rescue(base, remember_place, NULL, NULL, NULL) == HF_OK);
  try(good, good_size, "no damage", 0);
  NEED(counts[RIGHT] == 1);
  if (pairs) {
    try_pairs(from, seed, argc > 5 ? argv[5] : NULL);
  } else {
    flip_bits(step, from);
    if (argc <= 4) spoil_pages();
  }
  bool enough = true;
  unsigned long held = 0, rescued = 0;
  for (int i = 0; rows[i].what; i++) {
    printf("%s: rescued %lu of %lu, %lu of them apart, revived %lu\n", rows[i].what, rows[i].rescued, rows[i].held,
           rows[i].apart, rows[i].revived);
    enough &= rows[i].rescued * 100 >= rows[i].held * 99 && !rows[i].revived;
    held += rows[i].held;
    rescued += rows[i].rescued;
  }
  printf("%zu pages, tried %lu:", good_size / PAGE, tried);
  for (int i = 0; i < OUTCOMES; i++) printf(" %s %lu%s", outcomes[i], counts[i], i + 1 < OUTCOMES ? "," : "\n");
  unsigned long untold = counts[SILENT] + counts[COUNT_ONLY] + counts[LATER] + counts[WRONG];
  unsigned long ended = counts[SIGNALLED] + counts[HUNG];
  printf("sums %lu %lu %lu %lu %lu %lu\n", tried, untold, ended, held, held - rescued, revivals);
  return enough && !untold && !ended ? 0 : 1;
}
