/* SPDX-License-Identifier: MIT
 *
 * Builds the states that a power cut might have left, from a log of
 * iorecord_preload.c, and looks at each with Holdfast.
 *
 *   replay LOG ROOT STORE SCRATCH CREATION COMMIT [ignore=files|directories]
 *
 *   ROOT      the recorded directory, which itself survives; STORE is the store's path in it
 *   SCRATCH   a directory where the states are built
 *   CREATION  how many random states after each operation until the store was open first, and
 *   COMMIT    after each one from then on
 *   ignore=   as if flushing files, or directories, did nothing: shows that the check can fail
 *
 * What may be lost: a power cut loses any part of what was not flushed, in any order.
 *  - Content of a file: sectors of 512 bytes written, and sizes set, since the file's last flush (or
 *    with O_DSYNC: that write alone is safe).
 *  - Entries of a directory: names added and removed since the directory's last flush.  A rename removes one and adds
 *    one, and either half may be lost.  This is weaker than what journalling filesystems promise.
 *
 * A state is good if Holdfast, in a child process, opens or makes the store, finds in it what ledger.h
 * demands (all that was acknowledged before the cut, nothing that had not begun), and can go on writing.
 */
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault/iorecord.h"
#include "fault/lmdb/ledger.h"

enum { SECTOR = 512, ENTRIES_MAX = 16, CHILD_SECONDS = 20, REPORTED_MAX = 5, SEEN_MAX = 1 << 18 };

/* A change of a file's content that is not flushed yet: data, or (data NULL) a new size. */
struct change {
  int64_t offset;
  size_t size;
  const unsigned char *data;
};

struct entry {
  char name[64];
  struct node *node; /* in a list of changes, NULL: the name goes away */
};

/* A file or directory: what is safe, and what is not yet. */
struct node {
  struct node *next;
  uint64_t file;
  bool directory;
  unsigned char *content;
  size_t size;
  struct change *changes;
  size_t change_count, change_capacity;
  size_t last_write; /* where the changes of the newest write begin */
  struct entry entries[ENTRIES_MAX], entry_changes[ENTRIES_MAX * 4];
  size_t entry_count, entry_change_count;
};

/* Which of the unsafe things a state has. */
enum choice { NOTHING, EVERYTHING, ONLY_CONTENT, ONLY_NAMES, TORN, RANDOM };

static struct node *nodes, *root;
static const char *root_path, *store_path, *scratch;
static bool ignore_files, ignore_directories;
static enum choice choice;
static uint64_t random_state = 20240229, density;
static struct node *torn; /* the file whose newest write is cut */
static uint64_t acknowledged, begun;
static bool opened; /* the store has been opened in the log */
static long states, creation_states, bad, distinct_skipped;
static uint64_t seen[SEEN_MAX];

__attribute__((noreturn)) static void die(const char *what) {
  perror(what);
  exit(2);
}

static void *must(void *p) {
  if (!p) die("memory");
  return p;
}

/* ---- the recorded tree */

static struct node *new_node(uint64_t file, bool directory) {
  struct node *n = must(calloc(1, sizeof *n));
  n->file = file;
  n->directory = directory;
  n->next = nodes;
  nodes = n;
  return n;
}

/* The newest node with this number: the older ones are gone. */
static struct node *find_node(uint64_t file) {
  struct node *n = nodes;
  while (n && n->file != file) n = n->next;
  return n;
}

static void apply_entry(struct entry *entries, size_t *count, const struct entry *change) {
  size_t i = 0;
  while (i < *count && strcmp(entries[i].name, change->name) != 0) i++;
  if (!change->node) {
    if (i < *count) entries[i] = entries[--*count];
    return;
  }
  if (i == ENTRIES_MAX) die("too many entries");
  entries[i] = *change;
  if (i == *count) ++*count;
}

/* A directory's entries as the running program sees them, or as `keep` leaves them. */
static size_t entries_of(const struct node *directory, bool (*keep)(void), struct entry out[ENTRIES_MAX]) {
  size_t count = directory->entry_count;
  memcpy(out, directory->entries, sizeof directory->entries);
  for (size_t i = 0; i < directory->entry_change_count; i++)
    if (!keep || keep()) apply_entry(out, &count, &directory->entry_changes[i]);
  return count;
}

static struct node *child(const struct node *directory, const char *name, size_t size) {
  struct entry entries[ENTRIES_MAX];
  size_t count = entries_of(directory, NULL, entries);
  for (size_t i = 0; i < count; i++)
    if (strncmp(entries[i].name, name, size) == 0 && entries[i].name[size] == '\0') return entries[i].node;
  return NULL;
}

/* The directory of a path below the root, and the last part of it. */
static struct node *parent_of(const char *path, const char **name) {
  struct node *n = root;
  path += strlen(root_path) + 1;
  for (const char *slash; n && (slash = strchr(path, '/')); path = slash + 1)
    n = child(n, path, (size_t)(slash - path));
  if (!n) die("a path without its directory");
  *name = path;
  return n;
}

static void change_entry(const char *path, struct node *node) {
  const char *name;
  struct node *directory = parent_of(path, &name);
  if (directory->entry_change_count == ENTRIES_MAX * 4) die("too many changes of a directory");
  struct entry *e = &directory->entry_changes[directory->entry_change_count++];
  snprintf(e->name, sizeof e->name, "%s", name);
  e->node = node;
}

static struct node *at_path(const char *path) {
  const char *name;
  struct node *directory = parent_of(path, &name);
  return child(directory, name, strlen(name));
}

static void add_change(struct node *n, int64_t offset, size_t size, const unsigned char *data) {
  if (n->change_count == n->change_capacity) {
    n->change_capacity = n->change_capacity ? n->change_capacity * 2 : 64;
    n->changes = must(realloc(n->changes, n->change_capacity * sizeof *n->changes));
  }
  n->changes[n->change_count++] = (struct change){offset, size, data};
}

/* The size of a buffer after a change, which is then applied if there is room. */
static size_t apply_change(unsigned char *content, size_t size, const struct change *c) {
  size_t offset = (size_t)c->offset;
  if (!c->data) {
    if (offset > size) memset(content + size, 0, offset - size);
    return offset;
  }
  if (offset > size) memset(content + size, 0, offset - size);
  memcpy(content + offset, c->data, c->size);
  return offset + c->size > size ? offset + c->size : size;
}

/* The most room that any choice of the changes can need. */
static size_t room_for(const struct node *n) {
  size_t room = n->size;
  for (size_t i = 0; i < n->change_count; i++) {
    size_t end = (size_t)n->changes[i].offset + n->changes[i].size;
    if (end > room) room = end;
  }
  return room;
}

/* What has changed from the given place on is safe now. */
static void flush_content(struct node *n, size_t from) {
  n->content = must(realloc(n->content, room_for(n) + 1));
  for (size_t i = from; i < n->change_count; i++) n->size = apply_change(n->content, n->size, &n->changes[i]);
  n->change_count = from;
}

static void flush_entries(struct node *n) {
  n->entry_count = entries_of(n, NULL, n->entries);
  n->entry_change_count = 0;
}

static void write_content(struct node *n, const struct iorecord *r, const unsigned char *data) {
  n->last_write = n->change_count;
  for (size_t done = 0; done < r->size;) {
    size_t size = SECTOR - (size_t)(r->offset + (int64_t)done) % SECTOR;
    if (size > r->size - done) size = r->size - done;
    add_change(n, r->offset + (int64_t)done, size, data + done);
    done += size;
  }
}

/* ---- building a state */

static bool keep_random(void) { return ledger_random(&random_state) % 8 < density; }

static bool keep_entry(void) {
  return choice == RANDOM ? keep_random() : choice == EVERYTHING || choice == ONLY_NAMES || choice == TORN;
}

static bool keep_change(const struct node *n, size_t i) {
  if (choice == TORN) return n != torn || i < n->last_write || ledger_random(&random_state) % 2;
  return choice == RANDOM ? keep_random() : choice == EVERYTHING || choice == ONLY_CONTENT;
}

static uint64_t hash_bytes(uint64_t h, const void *data, size_t size) {
  const unsigned char *p = data;
  for (; size >= 8; p += 8, size -= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    h = (h ^ word) * 0x9E3779B97F4A7C15U;
    h ^= h >> 29;
  }
  while (size--) h = (h ^ *p++) * 1099511628211U;
  return h;
}

/* A chosen state: the files and directories that can be reached from the root. */
struct chosen {
  char path[512];
  bool directory;
  unsigned char *content;
  size_t size;
};
static struct chosen chosen[256];
static size_t chosen_count;

static void choose(const struct node *n, const char *path) {
  if (chosen_count == sizeof chosen / sizeof *chosen) die("too many files");
  struct chosen *c = &chosen[chosen_count++];
  memset(c, 0, sizeof *c);
  snprintf(c->path, sizeof c->path, "%s", path);
  c->directory = n->directory;
  if (!n->directory) {
    c->content = must(malloc(room_for(n) + 1));
    if (n->size) memcpy(c->content, n->content, n->size);
    c->size = n->size;
    for (size_t i = 0; i < n->change_count; i++)
      if (keep_change(n, i)) c->size = apply_change(c->content, c->size, &n->changes[i]);
    /* The lock file is written through a map that nobody sees: assume the worst. */
    if (choice == RANDOM && strstr(path, "/lock.mdb"))
      for (size_t i = 0; i < c->size; i++) c->content[i] = (unsigned char)ledger_random(&random_state);
    return;
  }
  struct entry entries[ENTRIES_MAX];
  size_t count = entries_of(n, keep_entry, entries);
  for (size_t i = 0; i < count; i++) {
    char below[512];
    if ((size_t)snprintf(below, sizeof below, "%s/%s", path, entries[i].name) >= sizeof below) die("a long path");
    choose(entries[i].node, below);
  }
}

/* Whether the chosen state has been looked at before. */
static bool seen_before(void) {
  uint64_t h = acknowledged * 31 + begun;
  for (size_t i = 0; i < chosen_count; i++) {
    h = hash_bytes(h, chosen[i].path, strlen(chosen[i].path));
    h = hash_bytes(h + chosen[i].size, chosen[i].content, chosen[i].size);
  }
  if (!h) h = 1;
  for (size_t i = h % SEEN_MAX;; i = (i + 1) % SEEN_MAX) {
    if (seen[i] == h) return true;
    if (!seen[i]) {
      seen[i] = h;
      return false;
    }
  }
}

static void build(void) {
  for (size_t i = 0; i < chosen_count; i++) {
    const struct chosen *c = &chosen[i];
    if (c->directory) {
      if (mkdir(c->path, 0777)) die(c->path);
      continue;
    }
    int fd = open(c->path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, c->content, c->size) != (ssize_t)c->size) die(c->path);
    close(fd);
  }
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
  (void)st, (void)kind, (void)at;
  return remove(path);
}

static void remove_tree(const char *path) {
  if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS)) die(path);
}

/* ---- judging a state */

static void look(const char *what, size_t record) {
  static struct verdict {
    bool good;
    char why[4096];
  } * verdict;
  if (!verdict) {
    verdict = mmap(NULL, sizeof *verdict, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (verdict == MAP_FAILED) die("mmap");
  }
  char top[400], base[1200];
  snprintf(top, sizeof top, "%s/state", scratch);
  chosen_count = 0;
  choose(root, top);
  if (seen_before()) {
    distinct_skipped++;
  } else {
    build();
    snprintf(base, sizeof base, "lmdb:%s/%s?mapsize=16m", top, store_path);
    verdict->good = false;
    snprintf(verdict->why, sizeof verdict->why, "nothing said");
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
      uint64_t found = 0;
      alarm(CHILD_SECONDS);
      setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
      verdict->good = ledger_check(base, acknowledged, begun, &found, verdict->why, sizeof verdict->why);
      _exit(0);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) die("fork");
    if (WIFSIGNALED(status))
      verdict->good = ledger_wrong(verdict->why, sizeof verdict->why, "signal %d", WTERMSIG(status));
    states++;
    if (!opened) creation_states++;
    if (!verdict->good && ++bad <= REPORTED_MAX)
      printf("  bad: after record %zu, %s, acknowledged %llu: %s\n", record, what, (unsigned long long)acknowledged,
             verdict->why);
    remove_tree(top);
  }
  for (size_t i = 0; i < chosen_count; i++) free(chosen[i].content);
}

static void look_at_all(struct node *written, size_t record, int random_count) {
  static const char *const names[] = {"nothing unflushed", "everything", "content without names",
                                      "names without content"};
  for (choice = NOTHING; choice <= ONLY_NAMES; choice++) look(names[choice], record);
  torn = written;
  choice = TORN;
  if (written && written->change_count) look("a torn write", record);
  choice = RANDOM;
  for (int i = 0; i < random_count; i++) {
    density = 1 + ledger_random(&random_state) % 7;
    look("a random part", record);
  }
}

/* ---- the log */

/* Applies a record.  Returns the file that it wrote to, if it wrote. */
static struct node *apply(const struct iorecord *r, const char *data) {
  char text[8192];
  if (r->op != IORECORD_WRITE) {
    if (r->size >= sizeof text) die("a long record");
    memcpy(text, data, r->size);
    text[r->size] = '\0';
  }
  struct node *n = r->op == IORECORD_CREATE || r->op == IORECORD_MKDIR ? new_node(r->file, r->op == IORECORD_MKDIR)
                                                                       : find_node(r->file);
  switch ((enum iorecord_op)r->op) {
  case IORECORD_CREATE:
  case IORECORD_MKDIR: change_entry(text, n); break;
  case IORECORD_WRITE:
    if (!n) die("a write to an unknown file");
    write_content(n, r, (const unsigned char *)data);
    return n;
  case IORECORD_TRUNCATE:
    if (!n) die("a truncated unknown file");
    n->last_write = n->change_count;
    add_change(n, r->offset, 0, NULL);
    break;
  case IORECORD_SYNC:
    if (!n) break; /* above the root */
    if (n->directory && !ignore_directories) flush_entries(n);
    if (!n->directory && !ignore_files) flush_content(n, 0);
    break;
  case IORECORD_RENAME:
  case IORECORD_LINK: {
    const char *to = text + strlen(text) + 1;
    change_entry(to, at_path(text));
    if (r->op == IORECORD_RENAME) change_entry(text, NULL);
    break;
  }
  case IORECORD_UNLINK: change_entry(text, NULL); break;
  case IORECORD_MARK: {
    unsigned long long step;
    if (sscanf(text, "begin %llu", &step) == 1) begun = step;
    if (sscanf(text, "done %llu", &step) == 1) {
      acknowledged = begun = step;
      opened = true;
    }
    break;
  }
  }
  return NULL;
}

static char *read_log(const char *path, size_t *size) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &st)) die(path);
  char *log = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (log == MAP_FAILED) die(path);
  close(fd);
  *size = (size_t)st.st_size;
  return log;
}

int main(int argc, char **argv) {
  if (argc < 7) {
    fprintf(stderr, "usage: see the head of replay.c\n");
    return 2;
  }
  size_t size, records = 0;
  char *log = read_log(argv[1], &size);
  root_path = argv[2];
  store_path = argv[3];
  scratch = argv[4];
  ignore_files = argc > 7 && strcmp(argv[7], "ignore=files") == 0;
  ignore_directories = argc > 7 && strcmp(argv[7], "ignore=directories") == 0;
  struct stat st;
  if (stat(root_path, &st)) die(root_path);
  root = new_node(st.st_ino, true);
  for (size_t at = 0; at + sizeof(struct iorecord) <= size; records++) {
    struct iorecord r;
    memcpy(&r, log + at, sizeof r);
    at += sizeof r;
    struct node *written = apply(&r, log + at);
    at += r.size;
    look_at_all(written, records, opened ? atoi(argv[6]) : atoi(argv[5]));
    if (written && (r.flags & IORECORD_DSYNC) && !ignore_files) {
      flush_content(written, written->last_write);
      look_at_all(NULL, records, 0);
    }
  }
  printf("operations %zu, acknowledged %llu, states %ld (%ld of creation; %ld more were the same), bad %ld\n", records,
         (unsigned long long)acknowledged, states, creation_states, distinct_skipped, bad);
  return bad != 0;
}
