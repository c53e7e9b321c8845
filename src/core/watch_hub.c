/* SPDX-License-Identifier: MIT
 *
 * The hub: see watch_hub.h.
 *
 * What wakes it says only that there may be something; whether there is says the store's number of commits, which is
 * compared with the one that was told last.  LMDB publishes that number after it has written its header, which is what
 * inotify tells of: the event comes before the commit can be seen.  So after an event the hub looks at once, and again
 * after ever longer times.  A writer that was stopped in between, and goes on later, is seen by the look each second.
 *
 * Nothing is lost between looking and sleeping: the hub first says that it sleeps, then looks, and whoever commits
 * afterwards finds it sleeping and writes to its descriptor.  The same holds between a watch and the hub, with `armed`:
 * the watch sets it and looks once more, the hub looks and then takes it.  Each of them exchanges the flag, and does
 * not just store it: whoever comes second has then seen what the other one did before.
 *
 * Where a store is written all the time, those who watch are told in rounds: a round is followed by a pause, which
 * grows with how many were woken and with how many rounds there were since the hub slept last, so that writing is not
 * held up by waking, and each finds more to read at once.  A commit after a time of rest is told at once.
 */
#include "core/watch_hub.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

#define US INT64_C(1000)
#define MS INT64_C(1000000)

static const int64_t looks[] = {50 * US, MS, 10 * MS, 100 * MS}; /* after an event */
enum { LOOKS = sizeof looks / sizeof *looks };

#define LOOK_AT_REST (1000 * MS)      /* for what no event came for */
#define LOOK_ALONE (3600 * 1000 * MS) /* where nobody else writes: all is told directly */
#define LOOK_WITHOUT_EVENTS (4 * MS)  /* where inotify cannot be had */
#define LOOK_UNCOUNTED (20 * MS)  /* where the store cannot say whether there is something: watches look themselves */
#define PAUSE_FOR_EACH (100 * US) /* after a round, for each watch that was woken */
#define PAUSE_MAX MS              /* as much as many rounds make of it; many watches make more */

/* A store that is watched. */
struct watched {
  hf_store *store;
  uint64_t told; /* of its commits */
  int wd;        /* at inotify; -1: none */
  int problem;   /* errno of why there is none; 0: there is, or the store has no file */
  hf__watcher *watchers;
  struct watched *next;
};

static pthread_mutex_t life = PTHREAD_MUTEX_INITIALIZER; /* who begins or ends the thread holds it; taken first */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards `stores` and what hangs on them */
static struct watched *stores;
static pthread_t thread;
/* Kept until the end of the process: a thread that commits may be about to write to it. */
static _Atomic int wake_fd = -1;
static int notify_fd = -1;
static int notify_problem; /* errno of why there is no notify_fd */
static _Atomic bool stopping, sleeping;

/* ---- looking and telling */

static uint64_t commits_seen(const hf_store *s) {
  return s->backend->commits_seen ? s->backend->commits_seen(s->impl) : 0;
}

static void ring(int fd) {
  uint64_t one = 1;
  ssize_t written = write(fd, &one, sizeof one); /* EAGAIN: it is readable as it is */
  (void)written;
}

/* Tells the watches of one store.  Returns how many had to be woken. */
static unsigned tell(struct watched *w) {
  unsigned woken = 0;
  for (hf__watcher *watcher = w->watchers; watcher; watcher = watcher->next)
    if (atomic_exchange(&watcher->armed, false)) {
      ring(watcher->fd);
      woken++;
    }
  return woken;
}

/* What the stores need of the hub. */
struct needs {
  bool is_shared; /* others may write to one of them */
  bool polls, is_uncounted;
};

/* Whether other processes may write to it. */
static bool is_shared(const hf_store *s) { return (s->backend->capabilities & HF_CAP_DURABLE) != 0; }

/* Tells the watches of all stores that have changed. */
static unsigned look(bool tells_uncounted, struct needs *needs) {
  unsigned woken = 0;
  *needs = (struct needs){false, false, false};
  pthread_mutex_lock(&lock);
  for (struct watched *w = stores; w; w = w->next) {
    bool is_counted = w->store->backend->commits_seen != NULL;
    uint64_t seen = commits_seen(w->store);
    needs->is_shared |= is_shared(w->store);
    needs->polls |= is_counted && w->wd < 0 && is_shared(w->store);
    needs->is_uncounted |= !is_counted;
    if (is_counted ? seen != w->told : tells_uncounted) woken += tell(w);
    w->told = seen;
  }
  pthread_mutex_unlock(&lock);
  return woken;
}

/* ---- the thread */

static void pause_for(int64_t ns) {
  struct timespec t = {ns / 1000000000, ns % 1000000000};
  nanosleep(&t, NULL);
}

static void drain(int fd) {
  char bytes[4096];
  while (read(fd, bytes, sizeof bytes) > 0)
    if (fd == wake_fd) return;
}

/* Sleeps until something happens or the time is over.  Returns whether another process, or this one, has written to a
 * store's file. */
static bool sleep_for(int64_t ns) {
  struct pollfd fds[] = {{wake_fd, POLLIN, 0}, {notify_fd, POLLIN, 0}};
  struct timespec t = {ns / 1000000000, ns % 1000000000};
  if (ppoll(fds, notify_fd < 0 ? 1 : 2, &t, NULL) <= 0) return false;
  if (fds[0].revents) drain(wake_fd);
  if (fds[1].revents) drain(notify_fd);
  return fds[1].revents != 0;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static void *run(void *unused) {
  (void)unused;
  int64_t event = 0, uncounted = 0, pause = 0;
  unsigned done = LOOKS;                           /* of the looks after the event */
  prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL); /* ns: the usual 50 us would double the shortest look's */
  while (!atomic_load(&stopping)) {
    struct needs needs;
    int64_t now = hf_clock_ns();
    bool is_time = now - uncounted >= LOOK_UNCOUNTED;
    if (is_time) uncounted = now;
    atomic_exchange(&sleeping, true);
    unsigned woken = look(is_time, &needs);
    if (woken) {
      atomic_store(&sleeping, false);
      pause = pause ? least(2 * pause, PAUSE_MAX) : PAUSE_FOR_EACH;
      pause_for(most(pause, woken * PAUSE_FOR_EACH));
      continue;
    }
    pause = 0;
    int64_t left = needs.is_shared ? LOOK_AT_REST : LOOK_ALONE;
    now = hf_clock_ns();
    while (done < LOOKS && event + looks[done] <= now) done++;
    if (done < LOOKS) left = event + looks[done] - now;
    if (needs.polls) left = least(left, LOOK_WITHOUT_EVENTS);
    if (needs.is_uncounted) left = least(left, LOOK_UNCOUNTED);
    if (sleep_for(left)) {
      event = hf_clock_ns();
      done = 0;
    }
    atomic_store(&sleeping, false);
  }
  return NULL;
}

void hf__hub_wake(void) {
  if (atomic_exchange(&sleeping, false)) ring(wake_fd);
}

/* Holds `life`. */
static hf_status begin(hf_error *err) {
  sigset_t all, before;
  if (wake_fd < 0) wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) return hf__fail(err, HF_IO, "cannot wait for changes: %s", strerror(errno));
  notify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  notify_problem = notify_fd < 0 ? errno : 0;
  atomic_store(&stopping, false);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the program's threads' */
  int failure = pthread_create(&thread, NULL, run, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!failure) return HF_OK;
  if (notify_fd >= 0) close(notify_fd);
  notify_fd = -1;
  return hf__fail(err, HF_IO, "cannot begin a thread to wait for changes: %s", strerror(failure));
}

/* Holds `life`.  No store is watched any more. */
static void end(void) {
  atomic_store(&stopping, true);
  ring(wake_fd);
  pthread_join(thread, NULL);
  atomic_store(&sleeping, false);
  if (notify_fd >= 0) close(notify_fd);
  notify_fd = -1;
}

/* After fork() the child has neither the thread nor the watches, and must not touch what is the parent's. */
static void after_fork_in_child(void) {
  pthread_mutex_init(&life, NULL);
  pthread_mutex_init(&lock, NULL);
  stores = NULL;
  atomic_store(&sleeping, false);
  if (wake_fd >= 0) close(wake_fd);
  if (notify_fd >= 0) close(notify_fd);
  wake_fd = notify_fd = -1;
}

__attribute__((constructor)) static void watch_fork(void) { pthread_atfork(NULL, NULL, after_fork_in_child); }

/* ---- joining and leaving */

static struct watched **find(const hf_store *store) {
  struct watched **link = &stores;
  while (*link && (*link)->store != store) link = &(*link)->next;
  return link;
}

static void warn_of(const struct watched *w) {
  hf_warn("store %s: what other processes write is looked for every %d ms, since inotify cannot be had: %s%s",
          w->store->url, (int)(LOOK_WITHOUT_EVENTS / MS), strerror(w->problem),
          w->problem == EMFILE   ? " (raise fs.inotify.max_user_instances)"
          : w->problem == ENOSPC ? " (raise fs.inotify.max_user_watches)"
                                 : "");
}

/* Has the system tell of what is written to the store's file. */
static void watch_file(struct watched *w) {
  const hf_backend *b = w->store->backend;
  const char *file = b->commits_file ? b->commits_file(w->store->impl) : NULL;
  w->wd = -1;
  if (!file) return;
  if (notify_fd < 0)
    w->problem = notify_problem;
  else if ((w->wd = inotify_add_watch(notify_fd, file, IN_MODIFY)) < 0)
    w->problem = errno;
}

static struct watched *add_store(hf_store *store) {
  struct watched *w = calloc(1, sizeof *w);
  if (!w) return NULL;
  w->store = store;
  watch_file(w);
  w->told = commits_seen(store);
  return w;
}

hf_status hf__hub_join(hf__watcher *watcher, hf_error *err) {
  hf_store *store = watcher->store;
  pthread_mutex_lock(&life);
  hf_status status = stores ? HF_OK : begin(err);
  struct watched **place = status ? NULL : find(store), *made = NULL;
  if (place && !*place && !(made = add_store(store))) {
    status = hf__no_memory(err);
    if (!stores) end();
  }
  if (status == HF_OK) {
    pthread_mutex_lock(&lock);
    if (made) *place = made;
    watcher->next = (*place)->watchers;
    (*place)->watchers = watcher;
    pthread_mutex_unlock(&lock);
    atomic_fetch_add(&store->watchers, 1);
    hf__hub_wake(); /* it may have to look more often from now on */
  }
  pthread_mutex_unlock(&life);
  if (status == HF_OK && made && made->problem) warn_of(made); /* the program's function may do anything */
  return status;
}

void hf__hub_leave(hf__watcher *watcher) {
  pthread_mutex_lock(&life);
  atomic_fetch_sub(&watcher->store->watchers, 1);
  struct watched **place = find(watcher->store), *w = *place;
  pthread_mutex_lock(&lock);
  hf__watcher **link = &w->watchers;
  while (*link != watcher) link = &(*link)->next;
  *link = watcher->next;
  bool is_last = !w->watchers;
  if (is_last) *place = w->next;
  pthread_mutex_unlock(&lock);
  if (is_last) {
    if (w->wd >= 0) inotify_rm_watch(notify_fd, w->wd);
    free(w);
    if (!stores) end();
  }
  pthread_mutex_unlock(&life);
}

int hf__hub_polls(const hf_store *store) {
  pthread_mutex_lock(&life);
  const struct watched *w = *find(store);
  int problem = w ? w->problem : 0;
  pthread_mutex_unlock(&life);
  return problem;
}
