/* SPDX-License-Identifier: MIT
 *
 * Process locks: one holder at a time, for as long as its process lives, whatever happens to the lock file, to the
 * process and to its children.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/process_lock.h"
#include "unit/support.h"

/* In place of the C library's, to see what a filesystem without locks does. */
static int flock_fails_with;
/* What a holder unlinks after another process has opened the file, and before that one locks it. */
static const char *unlinked_meanwhile;

int flock(int fd, int operation) {
  if (unlinked_meanwhile) unlink(unlinked_meanwhile);
  unlinked_meanwhile = NULL;
  if (flock_fails_with) {
    errno = flock_fails_with;
    return -1;
  }
  return (int)syscall(SYS_flock, fd, operation);
}

static int setup_directory(void **state) {
  *state = new_directory();
  return 0;
}

static int teardown_directory(void **state) {
  remove_directory(*state);
  return 0;
}

#define IN_DIRECTORY(test)                                                                                             \
  { #test, test, setup_directory, teardown_directory, NULL }

static hf_lock *acquire(const char *path, const char *who) {
  hf_error err;
  hf_lock *lock;
  OK(hf_lock_acquire(path, who, 0, &lock, &err));
  assert_non_null(lock);
  return lock;
}

static void assert_free(const char *path) { hf_lock_release(acquire(path, "probe")); }

static void assert_held(const char *path) {
  hf_error err;
  hf_lock *lock;
  FAILS(HF_BUSY, hf_lock_acquire(path, "probe", 0, &lock, &err));
  assert_null(lock);
}

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
}

static const char *read_file(const char *path) {
  static char text[4096];
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  fclose(file);
  return text;
}

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A child process that runs fn(arg), says by a byte that it has, and waits to be ended. */
struct child {
  pid_t pid;
  int hears, tells; /* our ends of the pipes */
};

static struct child start_child(void (*fn)(const char *path), const char *path) {
  int from[2], to[2];
  assert_int_equal(pipe2(from, O_CLOEXEC) + pipe2(to, O_CLOEXEC), 0);
  struct child c = {fork(), to[1], from[0]};
  if (c.pid == 0) {
    char byte = 'x';
    close(from[0]);
    close(to[1]);
    fn(path);
    if (write(from[1], &byte, 1) != 1) _exit(1);
    _exit(read(to[0], &byte, 1) < 0); /* until our end is closed */
  }
  close(from[1]);
  close(to[0]);
  char byte;
  assert_int_equal(read(c.tells, &byte, 1), 1);
  return c;
}

static void end_child(struct child c, int how) {
  if (how) kill(c.pid, how);
  close(c.hears);
  close(c.tells);
  int status;
  assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
  assert_true(how ? WIFSIGNALED(status) && WTERMSIG(status) == how : WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void hold(const char *path) {
  hf_lock *lock;
  if (hf_lock_acquire(path, "the child", 0, &lock, NULL)) _exit(1);
}

static void hold_nothing(const char *path) { (void)path; }

/* ---- one holder */

static void a_name_has_one_holder(void **state) {
  hf_error err;
  hf_lock *second;
  const char *path = text_of("%s/a.lock", (char *)*state);
  hf_lock *first = acquire(path, "Live.run of bot.lua");
  assert_string_equal(hf_lock_path(first), path);
  FAILS(HF_BUSY, hf_lock_acquire(path, "other", 0, &second, &err));
  assert_null(second);
  assert_true(err.retryable);
  CONTAINS(err.message, text_of("%s is held by process %ld on host ", path, (long)getpid()));
  CONTAINS(err.message, " (Live.run of bot.lua, since 20");
  CONTAINS(err.message, "Z): end that one first");
  assert_int_equal(strncmp(err.cause, "process ", 8), 0);
  assert_string_equal(err.cause + strlen(err.cause) - 2, "Z)");
  assert_int_equal(hf_lock_acquire(path, "other", 0, &second, NULL), HF_BUSY);
  hf_lock *beside = acquire(text_of("%s/b.lock", (char *)*state), NULL);
  hf_lock_release(beside);
  hf_lock_release(first);
  hf_lock_release(NULL);
  assert_free(path);
}

static void released_locks_leave_no_file(void **state) {
  const char *path = text_of("%s/a.lock", (char *)*state);
  hf_lock *lock = acquire(path, "x");
  assert_int_equal(access(path, F_OK), 0);
  hf_lock_release(lock);
  assert_int_equal(access(path, F_OK), -1);
}

static void missing_folders_are_made(void **state) {
  struct stat st;
  const char *folder = text_of("%s/.lease/signal/main", (char *)*state);
  mode_t before = umask(027);
  hf_lock *lock = acquire(text_of("%s/BTC.lock", folder), "x");
  umask(before);
  assert_int_equal(stat(folder, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0750);
  assert_int_equal(stat(text_of("%s/BTC.lock", folder), &st), 0);
  assert_int_equal(st.st_mode & 0777, 0640);
  hf_lock_release(lock);
}

static void a_relative_path_is_resolved_at_once(void **state) {
  hf_error err;
  char before[4096];
  hf_lock *lock;
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(chdir(*state), 0);
  hf_status status = hf_lock_acquire("sub/a.lock", "x", 0, &lock, &err);
  assert_int_equal(chdir(before), 0);
  OK(status);
  const char *path = text_of("%s/sub/a.lock", (char *)*state);
  assert_held(path);
  hf_lock_release(lock);
  assert_int_equal(access(path, F_OK), -1);
}

static void what_others_are_told_is_fit_to_print(void **state) {
  static const struct {
    const char *who, *shown;
  } cases[] = {
      {"two\nlines\tand \x1b[31m", "(two lines and  [31m, since "},
      {"\xff\xc3 \xe2\x82 ok \xc3\xa9", "(?? ?? ok \xc3\xa9, since "},
      {"a\xc2\x9b"
       "b\x7f",
       "(a  b , since "},
      {"", "host"},
      {NULL, "host"},
  };
  const char *path = text_of("%s/a.lock", (char *)*state);
  char longest[2000];
  for (size_t i = 0; i <= sizeof cases / sizeof *cases; i++) {
    bool last = i == sizeof cases / sizeof *cases;
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    hf_error err;
    hf_lock *second, *first = acquire(path, last ? longest : cases[i].who);
    FAILS(HF_BUSY, hf_lock_acquire(path, "other", 0, &second, &err));
    CONTAINS(err.message, last ? "xxx..., since " : cases[i].shown);
    CONTAINS(err.message, "): end that one first");
    if (!last && (!cases[i].who || !*cases[i].who)) CONTAINS(err.message, " (since ");
    assert_true(strlen(err.message) < 1000);
    for (const char *c = err.message; *c; c++) assert_false((unsigned char)*c < 0x20 || *c == 0x7f);
    hf_lock_release(first);
  }
}

static void a_holder_that_has_not_said_who_it_is_is_not_named(void **state) {
  static const char *const contents[] = {"", "holdfast lease\n", "holdfast lease\nprocess 12", "nonsense\nnonsense\n"};
  const char *path = text_of("%s/a.lock", (char *)*state);
  for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
    hf_error err;
    hf_lock *lock;
    write_file(path, contents[i]);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    FAILS(HF_BUSY, hf_lock_acquire(path, "x", 0, &lock, &err));
    assert_string_equal(err.message, text_of("%s is held already: end what holds it first", path));
    assert_string_equal(err.cause, "");
    close(fd);
  }
}

/* ---- the file */

static void a_file_of_something_else_is_left_alone(void **state) {
  hf_error err;
  hf_lock *lock;
  const char *path = text_of("%s/bot.lua", (char *)*state);
  write_file(path, "return 1 -- a script\n");
  FAILS(HF_INVALID_ARGUMENT, hf_lock_acquire(path, "x", 0, &lock, &err));
  CONTAINS(err.message, "is a file of something else");
  assert_string_equal(read_file(path), "return 1 -- a script\n");
  write_file(path, "short");
  FAILS(HF_INVALID_ARGUMENT, hf_lock_acquire(path, "x", 0, &lock, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_lock_acquire(*state, "x", 0, &lock, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_lock_acquire(text_of("%s/a.lock", path), "x", 0, &lock, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_lock_acquire("", "x", 0, &lock, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_lock_acquire(NULL, "x", 0, &lock, &err));
  const char *link = text_of("%s/link.lock", (char *)*state), *fifo = text_of("%s/fifo.lock", (char *)*state);
  assert_int_equal(symlink("target", link) + mkfifo(fifo, 0666), 0);
  FAILS(HF_INVALID_ARGUMENT, hf_lock_acquire(link, "x", 0, &lock, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_lock_acquire(fifo, "x", 0, &lock, &err));
  assert_int_equal(access(text_of("%s/target", (char *)*state), F_OK), -1);
}

static void a_file_that_was_left_is_taken_over(void **state) {
  const char *path = text_of("%s/a.lock", (char *)*state);
  char zeros[40] = {0};
  write_file(path, "holdfast lease\nprocess 1 on host elsewhere (an old one, since then)\nand a line more\n");
  hf_lock *lock = acquire(path, "new");
  CONTAINS(read_file(path), "(new, since ");
  assert_null(strstr(read_file(path), "line more"));
  hf_lock_release(lock);
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666); /* what a power cut can leave */
  assert_int_equal(write(fd, zeros, sizeof zeros), sizeof zeros);
  close(fd);
  assert_free(path);
}

static void a_file_that_somebody_deleted_is_not_mistaken_for_the_lock(void **state) {
  hf_lock *second;
  hf_error err;
  const char *path = text_of("%s/a.lock", (char *)*state);
  hf_lock *first = acquire(path, "first");
  assert_int_equal(unlink(path), 0);
  OK(hf_lock_acquire(path, "second", 0, &second, &err)); /* the header warns of it */
  hf_lock_release(first);
  assert_int_equal(access(path, F_OK), 0); /* the second one's */
  assert_held(path);
  hf_lock_release(second);
  assert_int_equal(access(path, F_OK), -1);
}

static void a_file_that_goes_before_it_is_locked_is_made_again(void **state) {
  struct stat st;
  const char *path = text_of("%s/a.lock", (char *)*state);
  unlinked_meanwhile = path;
  hf_lock *lock = acquire(path, "x");
  assert_int_equal(stat(path, &st), 0);
  assert_held(path);
  hf_lock_release(lock);
}

static void filesystems_without_locks_are_unsupported(void **state) {
  static const int numbers[] = {ENOLCK, EOPNOTSUPP, ENOSYS};
  const char *path = text_of("%s/a.lock", (char *)*state);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    hf_error err;
    hf_lock *lock;
    flock_fails_with = numbers[i];
    hf_status status = hf_lock_acquire(path, "x", 1000, &lock, &err);
    flock_fails_with = 0;
    FAILS(HF_UNSUPPORTED, status);
    CONTAINS(err.message, "has no locks");
  }
  assert_free(path);
}

/* ---- waiting */

static void *release_soon(void *lock) {
  usleep(60 * 1000);
  hf_lock_release(lock);
  return NULL;
}

static void waiting_ends_with_the_lock_or_with_the_timeout(void **state) {
  hf_error err;
  hf_lock *second;
  pthread_t thread;
  const char *path = text_of("%s/a.lock", (char *)*state);
  hf_lock *first = acquire(path, "first");
  int64_t begin = now_ms();
  FAILS(HF_BUSY, hf_lock_acquire(path, "second", 80, &second, &err));
  int64_t waited = now_ms() - begin;
  assert_in_range(waited, 79, 5000);
  CONTAINS(err.message, "(first, since ");
  assert_int_equal(pthread_create(&thread, NULL, release_soon, first), 0);
  OK(hf_lock_acquire(path, "second", 20000, &second, &err));
  assert_in_range(now_ms() - begin - waited, 50, 10000);
  pthread_join(thread, NULL);
  assert_held(path);
  hf_lock_release(second);
}

/* Threads that take the lock again and again, unlinking and making the file each time. */
static atomic_int inside, taken, refused;

static void *take_often(void *path) {
  for (int i = 0; i < 200; i++) {
    hf_error err;
    hf_lock *lock;
    hf_status status = hf_lock_acquire(path, "a thread", i % 2 ? 20000 : 0, &lock, &err);
    if (status == HF_BUSY && i % 2 == 0) continue;
    if (status) {
      fprintf(stderr, "%s\n", err.message);
      atomic_fetch_add(&refused, 1);
      continue;
    }
    if (atomic_fetch_add(&inside, 1) != 0) {
      fprintf(stderr, "two holders\n");
      atomic_fetch_add(&refused, 1);
    }
    atomic_fetch_add(&taken, 1);
    atomic_fetch_sub(&inside, 1);
    hf_lock_release(lock);
  }
  return NULL;
}

static void no_two_threads_hold_it_while_its_file_comes_and_goes(void **state) {
  pthread_t threads[4];
  char *path = (char *)(uintptr_t)text_of("%s/a.lock", (char *)*state);
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, take_often, path), 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  assert_int_equal(refused, 0);
  assert_in_range(taken, 400, 800);
  assert_int_equal(access(path, F_OK), -1);
}

/* Processes that do so without a pause between two attempts: a lost update would mean two holders. */
static void count_under_lock(const char *directory, int rounds) {
  char path[4200], counter[4200];
  snprintf(path, sizeof path, "%s/a.lock", directory);
  snprintf(counter, sizeof counter, "%s/counter", directory);
  for (int i = 0; i < rounds; i++) {
    hf_lock *lock;
    long n = 0;
    hf_status status;
    do status = hf_lock_acquire(path, "a process", 0, &lock, NULL);
    while (status == HF_BUSY);
    if (status) _exit(1);
    int fd = open(counter, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || pread(fd, &n, sizeof n, 0) < 0) _exit(2);
    n++;
    if (pwrite(fd, &n, sizeof n, 0) != sizeof n) _exit(3);
    close(fd);
    hf_lock_release(lock);
  }
}

static void no_update_is_lost_between_processes(void **state) {
  enum { PROCESSES = 4, ROUNDS = 150 };
  pid_t children[PROCESSES];
  for (int i = 0; i < PROCESSES; i++) {
    children[i] = fork();
    if (children[i] == 0) {
      count_under_lock(*state, ROUNDS);
      _exit(0);
    }
  }
  for (int i = 0; i < PROCESSES; i++) {
    int status;
    assert_int_equal(waitpid(children[i], &status, 0), children[i]);
    assert_int_equal(status, 0);
  }
  long n = 0;
  int fd = open(text_of("%s/counter", (char *)*state), O_RDONLY | O_CLOEXEC);
  assert_int_equal(pread(fd, &n, sizeof n, 0), sizeof n);
  close(fd);
  assert_int_equal(n, PROCESSES * ROUNDS);
}

/* ---- processes */

static void a_lock_ends_with_its_process_however_that_ends(void **state) {
  static const int ends[] = {0, SIGKILL, SIGTERM, SIGABRT};
  const char *path = text_of("%s/a.lock", (char *)*state);
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    hf_error err;
    hf_lock *lock;
    struct child c = start_child(hold, path);
    FAILS(HF_BUSY, hf_lock_acquire(path, "x", 0, &lock, &err));
    CONTAINS(err.message, text_of("is held by process %ld on host ", (long)c.pid));
    CONTAINS(err.message, "(the child, since ");
    end_child(c, ends[i]);
    assert_int_equal(access(path, F_OK), 0); /* still there, which is harmless */
    lock = acquire(path, "x");
    hf_lock_release(lock);
    assert_int_equal(access(path, F_OK), -1);
  }
}

static hf_lock *of_parent;

static void try_to_release(const char *path) {
  hf_error err;
  hf_lock *own;
  if (hf_lock_acquire(path, "x", 0, &own, &err) != HF_BUSY) _exit(2);
  hf_lock_release(of_parent);
  if (hf_lock_acquire(path, "x", 0, &own, &err) != HF_BUSY || access(path, F_OK)) _exit(3);
}

static void try_to_check(const char *path) {
  hf_error err;
  (void)path;
  if (hf_lock_check(of_parent, &err) != HF_CLOSED) _exit(4);
}

static void a_child_can_neither_release_nor_share_it(void **state) {
  const char *path = text_of("%s/a.lock", (char *)*state);
  of_parent = acquire(path, "the parent");
  end_child(start_child(try_to_check, path), 0);
  end_child(start_child(try_to_release, path), 0);
  assert_held(path);
  hf_lock_release(of_parent);
  assert_free(path);
}

/* Holds, and starts a child of its own whose pid it leaves in a file. */
static void hold_and_fork(const char *path) {
  hold(path);
  struct child c = start_child(hold_nothing, path);
  write_file(text_of("%s.pid", path), text_of("%ld", (long)c.pid));
}

static void a_child_does_not_keep_it_alive(void **state) {
  const char *path = text_of("%s/a.lock", (char *)*state);
  hf_lock *lock = acquire(path, "the parent");
  struct child c = start_child(hold_nothing, path);
  hf_lock_release(lock);
  assert_free(path);
  end_child(c, 0);

  c = start_child(hold_and_fork, path);
  assert_held(path);
  long grandchild = strtol(read_file(text_of("%s.pid", path)), NULL, 10);
  end_child(c, SIGKILL);
  assert_free(path);
  kill((pid_t)grandchild, SIGKILL); /* it would have ended by itself, with its pipe */
}

static int program_reads[2];

/* Holds, and starts a program that ends when nobody writes to its pipe any more. */
static void hold_and_start(const char *path) {
  char name[] = "cat", *words[] = {name, NULL};
  posix_spawn_file_actions_t actions;
  pid_t program;
  hold(path);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, program_reads[0], 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  if (posix_spawnp(&program, name, &actions, NULL, words, environ)) _exit(1);
  posix_spawn_file_actions_destroy(&actions);
}

static void a_program_that_was_started_does_not_keep_it_alive(void **state) {
  hf_error err;
  hf_lock *lock;
  const char *path = text_of("%s/a.lock", (char *)*state);
  assert_int_equal(pipe2(program_reads, O_CLOEXEC), 0);
  struct child c = start_child(hold_and_start, path);
  assert_held(path);
  end_child(c, SIGKILL);
  OK(hf_lock_acquire(path, "probe", 500, &lock, &err)); /* the program may still be on its way into its first line */
  hf_lock_release(lock);
  close(program_reads[0]);
  assert_int_equal(write(program_reads[1], "x", 1), 1); /* it is there: without a reader this would be an error */
  close(program_reads[1]);
}

/* Whether this process has the file open, or one of that name which is deleted. */
static bool has_open(const char *path) {
  char link[64], name[4200];
  for (int fd = 3; fd < 64; fd++) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, name, sizeof name);
    if (size >= (ssize_t)strlen(path) && memcmp(name, path, strlen(path)) == 0) return true;
  }
  return false;
}

static void *fork_often(void *path) {
  for (int i = 0; i < 40; i++) {
    pid_t child = fork();
    if (child == 0) {
      hf_lock *lock;
      alarm(20);
      if (has_open(path)) _exit(1);
      _exit(hf_lock_acquire(text_of("%s-%d", (char *)path, i), "x", 0, &lock, NULL) ? 2 : 0);
    }
    int status;
    if (waitpid(child, &status, 0) != child || status) atomic_fetch_add(&refused, 1);
  }
  return NULL;
}

static atomic_bool stops;

static void *take_until_stopped(void *path) {
  while (!stops) take_often(path);
  return NULL;
}

static void a_fork_while_other_threads_take_locks_gives_the_child_none(void **state) {
  pthread_t takes, forks;
  char *path = (char *)(uintptr_t)text_of("%s/a.lock", (char *)*state);
  refused = 0;
  assert_int_equal(pthread_create(&takes, NULL, take_until_stopped, path), 0);
  assert_int_equal(pthread_create(&forks, NULL, fork_often, path), 0);
  pthread_join(forks, NULL);
  stops = true;
  pthread_join(takes, NULL);
  assert_int_equal(refused, 0);
}

static void a_deleted_file_is_made_again_unless_somebody_was_faster(void **state) {
  hf_error err;
  hf_lock *lock, *other;
  struct stat st;
  (void)state;
  OK(hf_lock_acquire("held.lock", "first", 0, &lock, &err));
  OK(hf_lock_check(lock, &err));
  assert_int_equal(unlink("held.lock"), 0);
  OK(hf_lock_check(lock, &err));
  assert_int_equal(lstat("held.lock", &st), 0);
  assert_int_equal(hf_lock_acquire("held.lock", "second", 0, &other, &err), HF_BUSY);

  assert_int_equal(unlink("held.lock"), 0);
  OK(hf_lock_acquire("held.lock", "second", 0, &other, &err));
  assert_int_equal(hf_lock_check(lock, &err), HF_BUSY);
  assert_non_null(strstr(err.cause, "second"));
  hf_lock_release(lock); /* takes nothing from the other */
  OK(hf_lock_check(other, &err));
  assert_int_equal(hf_lock_acquire("held.lock", "third", 0, &lock, &err), HF_BUSY);
  hf_lock_release(other);
  assert_int_equal(lstat("held.lock", &st), -1);
}

static void a_checked_file_looks_new_to_who_cleans_folders(void **state) {
  static const struct timespec old[2] = {{1, 0}, {1, 0}};
  hf_error err;
  struct stat st;
  const char *path = text_of("%s/a.lock", (char *)*state);
  hf_lock *lock = acquire(path, "x");
  assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
  OK(hf_lock_check(lock, &err));
  assert_int_equal(stat(path, &st), 0);
  assert_true(st.st_mtim.tv_sec > 1);
  hf_lock_release(lock);
}

/* ---- looking */

static const char left_file[] = "holdfast lease\nprocess 1 on host elsewhere (an old one, since then)\n";

static bool looks_held(const char *path, char holder[512]) {
  bool held;
  hf_error err;
  OK(hf_lock_look(path, &held, holder, 512, &err));
  return held;
}

static void who_looks_is_told_who_holds_it(void **state) {
  hf_error err;
  hf_lock *second;
  char holder[512], short_one[8];
  bool held;
  const char *path = text_of("%s/a.lock", (char *)*state);
  hf_lock *lock = acquire(path, "Live.run of bot.lua");
  assert_true(looks_held(path, holder));
  CONTAINS(holder, text_of("process %ld on host ", (long)getpid()));
  FAILS(HF_BUSY, hf_lock_acquire(path, "other", 0, &second, &err));
  assert_string_equal(holder, err.cause);
  OK(hf_lock_look(path, &held, short_one, sizeof short_one, &err));
  assert_true(held && strlen(short_one) == 7);
  OK(hf_lock_look(path, &held, NULL, 0, NULL));
  assert_true(held);
  hf_lock_release(lock);
  assert_false(looks_held(path, holder));
  assert_string_equal(holder, "");
  FAILS(HF_INVALID_ARGUMENT, hf_lock_look("", &held, NULL, 0, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_lock_look(NULL, &held, NULL, 0, &err));

  struct child c = start_child(hold, path);
  assert_true(looks_held(path, holder));
  CONTAINS(holder, text_of("process %ld on host ", (long)c.pid));
  CONTAINS(holder, "(the child, since ");
  end_child(c, SIGKILL);
  assert_false(looks_held(path, holder));
}

static void a_file_that_goes_while_it_is_looked_at_is_not_held(void **state) {
  char holder[512];
  const char *path = text_of("%s/a.lock", (char *)*state);
  struct child c = start_child(hold, path);
  unlinked_meanwhile = path;
  assert_false(looks_held(path, holder));
  end_child(c, 0);
}

static void looking_makes_and_changes_nothing(void **state) {
  struct stat before, after;
  char holder[512];
  const char *directory = *state, *path = text_of("%s/a.lock", directory);
  assert_false(looks_held(text_of("%s/.lease/signal/a.lock", directory), holder));
  assert_int_equal(access(text_of("%s/.lease", directory), F_OK), -1);
  assert_false(looks_held(path, holder));
  assert_int_equal(access(path, F_OK), -1);
  write_file(path, left_file);
  assert_int_equal(stat(path, &before), 0);
  assert_false(looks_held(path, holder));
  assert_int_equal(stat(path, &after), 0);
  assert_true(before.st_ino == after.st_ino && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
  assert_string_equal(read_file(path), left_file);

  const char *link = text_of("%s/link.lock", directory), *fifo = text_of("%s/fifo.lock", directory);
  assert_int_equal(symlink(path, link) + mkfifo(fifo, 0666), 0);
  hf_lock *lock = acquire(path, "x");
  assert_false(looks_held(link, holder) || looks_held(fifo, holder) || looks_held(directory, holder));
  assert_false(looks_held(text_of("%s/below.lock", path), holder));
  hf_lock_release(lock);
}

static void who_cannot_look_says_so(void **state) {
  hf_error err;
  bool held;
  const char *path = text_of("%s/a.lock", (char *)*state);
  write_file(path, left_file);
  flock_fails_with = ENOLCK;
  hf_status status = hf_lock_look(path, &held, NULL, 0, &err);
  flock_fails_with = 0;
  FAILS(HF_UNSUPPORTED, status);
  assert_false(held);
  if (geteuid() == 0) return;
  assert_int_equal(chmod(path, 0), 0);
  FAILS(HF_IO, hf_lock_look(path, &held, NULL, 0, &err));
  CONTAINS(err.message, text_of("cannot look at the lock file %s: ", path));
}

/* A process that looks again and again. */
static pid_t start_looking(const char *path) {
  pid_t child = fork();
  if (child == 0) {
    bool held;
    alarm(60); /* should nobody end it */
    for (;; usleep(50)) hf_lock_look(path, &held, NULL, 0, NULL);
  }
  return child;
}

static void who_looks_is_in_nobody_s_way(void **state) {
  enum { LOOKERS = 3, ROUNDS = 2000 };
  const char *path = text_of("%s/a.lock", (char *)*state);
  pid_t lookers[LOOKERS];
  for (int i = 0; i < LOOKERS; i++) lookers[i] = start_looking(path);
  for (int i = 0; i < ROUNDS; i++) {
    write_file(path, left_file); /* where there is no file, nobody locks it to look */
    hf_lock_release(acquire(path, "x"));
  }
  for (int i = 0; i < LOOKERS; i++) {
    kill(lookers[i], SIGKILL);
    assert_int_equal(waitpid(lookers[i], NULL, 0), lookers[i]);
  }
}

/* What a search is to find. */
struct expected {
  const char *one; /* a lock file among them; NULL: any */
  bool seen;
  size_t count;
};

static bool note_found(void *arg, const char *path, const char *holder) {
  struct expected *e = arg;
  e->seen = e->seen || (e->one && strcmp(path, e->one) == 0);
  e->count++;
  CONTAINS(holder, text_of("process %ld on host ", (long)getpid()));
  return true;
}

/* A listener that has no room for what it is told. */
static bool have_no_memory(void *arg, const char *path, const char *holder) {
  ++*(size_t *)arg;
  return !*path && !*holder;
}

static void assert_found(const char *folder, size_t count, const char *one) {
  hf_error err;
  struct expected e = {one, false, 0};
  OK(hf__lock_find(folder, note_found, &e, &err));
  assert_int_equal(e.count, count);
  assert_true(e.seen || !one);
}

static void the_locks_in_a_folder_are_found(void **state) {
  char folder[4096];
  snprintf(folder, sizeof folder, "%s/.lease", (char *)*state);
  assert_found(folder, 0, NULL);
  assert_int_equal(access(folder, F_OK), -1);
  hf_lock *first = acquire(text_of("%s/signal/main/BTC.lock", folder), "x");
  hf_lock *second = acquire(text_of("%s/trader.lock", folder), "x");
  hf_lock *apart = acquire(text_of("%s/.command/1.lock", folder), "x"),
          *other = acquire(text_of("%s/a.txt", folder), "x");
  write_file(text_of("%s/signal/main/left.lock", folder), left_file);
  assert_int_equal(symlink("signal", text_of("%s/again", folder)), 0);
  assert_found(folder, 2, text_of("%s/signal/main/BTC.lock", folder));
  size_t tried = 0;
  hf_error err;
  FAILS(HF_NO_MEMORY, hf__lock_find(folder, have_no_memory, &tried, &err));
  CONTAINS(err.message, "out of memory");
  assert_int_equal(tried, 2);
  assert_found(text_of("%s/.command", folder), 1, text_of("%s/.command/1.lock", folder));
  hf_lock_release(first);
  assert_found(folder, 1, text_of("%s/trader.lock", folder));
  hf_lock_release(second);
  assert_found(folder, 0, NULL);
  hf_lock_release(apart);
  hf_lock_release(other);
}

/* ---- the user's folder */

static void the_folder_of_the_user_is_closed_to_others(void **state) {
  hf_error err;
  char folder[HF__LOCK_FOLDER_MAX];
  struct stat st;
  (void)state;
  OK(hf__lock_folder(folder, &err));
  assert_int_equal(lstat(folder, &st), 0);
  assert_true(S_ISDIR(st.st_mode));
  assert_int_equal(st.st_uid, geteuid());
  assert_int_equal(st.st_mode & 077, 0);
  OK(hf__lock_folder(folder, &err));
}

/* ---- where there is no folder to put lock files in */

/* What a process of the user, which nobody else is, makes of a folder of that owner and mode; `mode` gets what it has
 * then. */
static hf_status folder_of(uid_t user, uid_t owner, mode_t *mode) {
  struct stat st;
  int status;
  const char *above = access("/run/lock", W_OK | X_OK) == 0 ? "/run/lock" : "/tmp";
  const char *folder = text_of("%s/holdfast-%lu", above, (unsigned long)user);
  assert_int_equal(mkdir(folder, 0700), 0);
  assert_int_equal(chown(folder, owner, (gid_t)-1) + chmod(folder, *mode), 0);
  pid_t pid = fork();
  if (!pid) {
    char out[HF__LOCK_FOLDER_MAX];
    hf_error err;
    _exit(seteuid(user) ? 100 : (int)hf__lock_folder(out, &err));
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(stat(folder, &st), 0);
  *mode = st.st_mode & 07777;
  assert_int_equal(rmdir(folder), 0);
  return (hf_status)WEXITSTATUS(status);
}

static void the_folder_of_locks_is_of_one_user_alone(void **state) {
  (void)state;
  if (geteuid() != 0) skip();
  uid_t user = 1000000000 + (uid_t)getpid();
  mode_t mode = 0700;
  assert_int_equal(folder_of(user, user, &mode), HF_OK);
  mode = 0777;
  assert_int_equal(folder_of(user, user, &mode), HF_OK);
  assert_int_equal(mode, 0700);
  mode = 0777;
  assert_int_equal(folder_of(user, 0, &mode), HF_IO);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_DIRECTORY(a_name_has_one_holder),
      IN_DIRECTORY(released_locks_leave_no_file),
      IN_DIRECTORY(missing_folders_are_made),
      IN_DIRECTORY(a_relative_path_is_resolved_at_once),
      IN_DIRECTORY(what_others_are_told_is_fit_to_print),
      IN_DIRECTORY(a_holder_that_has_not_said_who_it_is_is_not_named),
      IN_DIRECTORY(a_file_of_something_else_is_left_alone),
      IN_DIRECTORY(a_file_that_was_left_is_taken_over),
      IN_DIRECTORY(a_file_that_somebody_deleted_is_not_mistaken_for_the_lock),
      IN_DIRECTORY(a_deleted_file_is_made_again_unless_somebody_was_faster),
      IN_DIRECTORY(a_file_that_goes_before_it_is_locked_is_made_again),
      IN_DIRECTORY(filesystems_without_locks_are_unsupported),
      IN_DIRECTORY(waiting_ends_with_the_lock_or_with_the_timeout),
      IN_DIRECTORY(no_two_threads_hold_it_while_its_file_comes_and_goes),
      IN_DIRECTORY(no_update_is_lost_between_processes),
      IN_DIRECTORY(a_lock_ends_with_its_process_however_that_ends),
      IN_DIRECTORY(a_child_can_neither_release_nor_share_it),
      IN_DIRECTORY(a_child_does_not_keep_it_alive),
      IN_DIRECTORY(a_program_that_was_started_does_not_keep_it_alive),
      IN_DIRECTORY(a_fork_while_other_threads_take_locks_gives_the_child_none),
      IN_DIRECTORY(a_checked_file_looks_new_to_who_cleans_folders),
      IN_DIRECTORY(who_looks_is_told_who_holds_it),
      IN_DIRECTORY(a_file_that_goes_while_it_is_looked_at_is_not_held),
      IN_DIRECTORY(looking_makes_and_changes_nothing),
      IN_DIRECTORY(who_cannot_look_says_so),
      IN_DIRECTORY(who_looks_is_in_nobody_s_way),
      IN_DIRECTORY(the_locks_in_a_folder_are_found),
      cmocka_unit_test(the_folder_of_locks_is_of_one_user_alone),
      cmocka_unit_test(the_folder_of_the_user_is_closed_to_others),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
