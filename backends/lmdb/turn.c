/* SPDX-License-Identifier: MIT
 *
 * Turns of the processes that write: see turn.h.
 */
#include "turn.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* What the lock file says of a process that waits: its number, a few bits of how often it has asked, so that one
 * waiting is told from the next, and whether somebody sleeps until that changes.  0: nobody waits. */
enum { PROCESS_BITS = 22, ASKED_BITS = 9 }; /* the kernel's numbers of processes end at 2^22 */
static const uint32_t PROCESS_MASK = (UINT32_C(1) << PROCESS_BITS) - 1;
static const uint32_t ASKED_MASK = (UINT32_C(1) << ASKED_BITS) - 1;
static const uint32_t SLEEPER = UINT32_C(1) << 31;

_Static_assert(PROCESS_BITS + ASKED_BITS == 31, "and SLEEPER");

static const int64_t NS_PER_US = 1000, NS_PER_MS = 1000000;

enum { LOOK_MS = 10 }; /* how often the process that was let go first is looked for */

static bool is_gone(uint32_t word) {
  pid_t process = (pid_t)(word & PROCESS_MASK);
  return process == 0 || (kill(process, 0) && errno == ESRCH);
}

/* Whether a word says that another process waits. */
static bool is_others(const hf__lmdb_env *env, uint32_t word) {
  return word && (word & PROCESS_MASK) != ((uint32_t)env->process & PROCESS_MASK);
}

/* The futex is in a file that processes map, each where it likes. */
static long futex(_Atomic uint32_t *word, int operation, uint32_t value, const struct timespec *most) {
  return syscall(SYS_futex, word, operation, value, most, NULL, 0);
}

/* Wakes one of those that sleep until LMDB's writer lock is free.  It looks whether it is. */
static void wake_sleeper(const hf__lmdb_env *env) {
  if (env->lock_room.writer) futex(env->lock_room.writer, FUTEX_WAKE, 1, NULL);
}

/* With LMDB's writer lock: has it wake one of those that sleep when it is let go, or this process is killed. */
static void wake_when_let_go(const hf__lmdb_env *env) {
  _Atomic uint32_t *writer = env->lock_room.writer;
  if (!writer) return;
  uint32_t word = atomic_load(writer);
  if (word == (uint32_t)syscall(SYS_gettid)) atomic_compare_exchange_strong(writer, &word, word | FUTEX_WAITERS);
}

/* Whether the lock file says that a process waits; it may be this one. */
static bool is_any_waiting(const hf__lmdb_lock_turns *turns) {
  uint64_t words = 0;
  for (int i = 0; i < HF__LMDB_TURNS / 2; i++) words |= atomic_load(&turns->pairs[i]);
  return __builtin_expect(words != 0, 0);
}

/* Has the lock file say that nobody waits, if it still says this. */
static void unsay(_Atomic uint32_t *waiting, uint32_t said) {
  uint32_t word = said;
  if (atomic_compare_exchange_strong(waiting, &word, 0)) return;
  if (word == (said | SLEEPER) && atomic_compare_exchange_strong(waiting, &word, 0))
    futex(waiting, FUTEX_WAKE, INT32_MAX, NULL);
}

/* Waits until the process that says `said` has the lock, until `end` at most: it may have been stopped, or killed. */
static void let_go_first(_Atomic uint32_t *waiting, uint32_t said, int64_t end) {
  const struct timespec most = {.tv_nsec = NS_PER_MS * LOOK_MS};
  while (!is_gone(said) && hf_clock_ns() < end) {
    uint32_t word = said;
    if (!atomic_compare_exchange_strong(waiting, &word, said | SLEEPER) && word != (said | SLEEPER)) return;
    futex(waiting, FUTEX_WAIT, said | SLEEPER, &most);
    if ((atomic_load(waiting) & ~SLEEPER) != said) return;
  }
  unsay(waiting, said);
}

/* Counts that this process is about to go before one that waits.  Whether it has done so for too long. */
static bool is_too_long(hf__lmdb_overtaken *o, uint32_t who) {
  if (o->who != who) {
    *o = (hf__lmdb_overtaken){.who = who, .since = hf_clock_ns()};
    return false;
  }
  o->times++;
  return o->times >= TURN_OVERTAKES || hf_clock_ns() - o->since >= NS_PER_US * TURN_WAIT_US;
}

/* Lets those go first that have waited for long.  They may sleep unknown to the last holder, as of a version that does
 * not look after them. */
static void let_others_go(hf__lmdb_env *env, hf__lmdb_lock_turns *turns) {
  int64_t end = 0;
  for (int i = 0; i < HF__LMDB_TURNS; i++) {
    uint32_t word = atomic_load_explicit(&turns->waiting[i], memory_order_relaxed), who = word & ~SLEEPER;
    if (!is_others(env, word) || !is_too_long(&env->overtaken[i], who)) continue;
    if (!end) end = hf_clock_ns() + NS_PER_MS * TURN_PATIENCE_MS;
    wake_sleeper(env);
    let_go_first(&turns->waiting[i], who, end);
  }
}

/* Says that this process waits.  Where it does, and *said receives what; NULL: there is no place for it. */
static _Atomic uint32_t *say(hf__lmdb_env *env, hf__lmdb_lock_turns *turns, uint32_t *said) {
  *said = ((uint32_t)env->process & PROCESS_MASK) | (env->turns_asked++ & ASKED_MASK) << PROCESS_BITS;
  for (int i = 0; i < HF__LMDB_TURNS; i++) {
    uint32_t word = atomic_load_explicit(&turns->waiting[i], memory_order_relaxed);
    if (!is_others(env, word) && atomic_compare_exchange_strong(&turns->waiting[i], &word, *said))
      return &turns->waiting[i];
  }
  return NULL;
}

int hf__lmdb_begin_in_turn(hf__lmdb_env *env, MDB_txn **txn) {
  hf__lmdb_lock_turns *turns = env->lock_room.turns;
  _Atomic uint32_t *place = NULL;
  uint32_t said;
  if (turns) {
    if (is_any_waiting(turns)) let_others_go(env, turns);
    place = say(env, turns, &said);
  }
  int rc = mdb_txn_begin(env->mdb, NULL, 0, txn);
  if (place) unsay(place, said);
  if (turns && is_any_waiting(turns)) {
    if (rc == 0)
      wake_when_let_go(env);
    else
      wake_sleeper(env); /* LMDB may have had the lock, and let it go */
  }
  return rc;
}
