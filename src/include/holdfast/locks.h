/* SPDX-License-Identifier: MIT
 *
 * locks.h - names that one process at a time may own.  A part of holdfast.h, which
 * includes it: include that one.
 */
#ifndef HOLDFAST_LOCKS_H
#define HOLDFAST_LOCKS_H

#ifndef HOLDFAST_HOLDFAST_H
#error "include holdfast/holdfast.h, which has holdfast/locks.h in it"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A name that one holder at a time may own, such as "the process that trades BTCUSDT".  The name is the path of a lock
 * file; whoever asks for the same file asks for the same name.
 *
 *     hf_lock *lock;
 *     if (hf_lock_acquire("./data/.lease/trader.lock", "bot", 0, &lock, &err)) return failed(&err);
 *     ...
 *     hf_lock_release(lock);
 *
 * The kernel holds it for the process: when that ends, however it ends, kill -9 included, the lock is free.  Process
 * ids decide nothing.  Two acquisitions in one process conflict like those of two processes.
 *
 * What it does not do.  It keeps no process from the data that does not ask for the lock.  Whoever deletes the lock
 * file of a living holder can let a second one in: hf_lock_check() makes the file again, or says who has the lock now.
 * It holds on one machine, and between machines only as far as the filesystem's locks do.
 *
 * Fork.  A lock stays with the process that acquired it.  A child, of fork() or of exec(), has no share in it: it
 * does not keep it alive, and releasing it there only frees memory.  A program that becomes a daemon acquires its
 * locks afterwards.
 *
 * Threads.  Locks may be acquired and released in any thread. */
typedef struct hf_lock hf_lock;

/* Acquires the lock, or says who has it.
 *   path        the lock file.  It and missing folders above it are made, with the modes that the umask leaves of 0666
 *               and 0777; a relative path is resolved now.  A file that is there and is no lock file is refused
 *   who         what the holder is, for the message that others get: "Live.run of bot.lua".  Any bytes: control
 *               characters are replaced, and it is cut to 200.  NULL: nothing
 *   timeout_ms  how long to wait for a holder to release it; 0: not at all
 *   out         receives the lock; NULL on failure
 * Errors: HF_BUSY names the holder ("... is held by process 1234 on host alpha (Live.run of bot.lua, since
 * 2026-02-07T22:03:00Z): end that one first"), err->cause being that from "process" to the parenthesis, or, where a
 * holder has not yet said who it is, "".  HF_UNSUPPORTED: the filesystem has no locks.  HF_INVALID_ARGUMENT: no file
 * can be at the path, or one of something else is.  HF_IO, HF_FULL. */
HF_API hf_status hf_lock_acquire(const char *path, const char *who, unsigned timeout_ms, hf_lock **out, hf_error *err);

/* Whether it still is what others ask for.  Where its file has been deleted, it is made again; a holder that
 * runs for long calls this now and then, which also keeps its file young.
 * Errors: HF_BUSY: another holder acquired it meanwhile, and is named as above; this holder has lost it.  HF_CLOSED: in
 * a child process.  HF_IO, HF_FULL. */
HF_API hf_status hf_lock_check(hf_lock *lock, hf_error *err);

/* Releases the lock, deletes its file, and frees it.  NULL is ignored.  Nothing needs to be released before the
 * process ends; the file stays there then, which does no harm. */
HF_API void hf_lock_release(hf_lock *lock);

/* The lock file as an absolute path.  Valid until the release. */
HF_API const char *hf_lock_path(const hf_lock *lock);

/* Says who holds a lock, without acquiring it: nothing is made, changed or deleted, and no one who acquires it
 * meanwhile is refused.  A lock file that a killed process left is not held.  What it says was true a moment
 * ago; who has to be sure that no other comes in between acquires a lock of its own that the other looks at.
 *   path      the lock file, which need not exist; a relative path is relative to the working directory
 *   held      receives whether it is held: by another process, or this one
 *   holder    receives who does, in the words of err->cause of hf_lock_acquire(); "" where none does, and where a
 *             holder has not yet said who it is.  512 bytes are enough; less is cut
 *   capacity  bytes of holder; 0: it is not wanted
 * Errors: HF_IO: the file cannot be read, because it is another user's, for example; HF_UNSUPPORTED: the filesystem has
 * no locks; HF_INVALID_ARGUMENT: no path. */
HF_API hf_status hf_lock_look(const char *path, bool *held, char *holder, size_t capacity, hf_error *err);

#ifdef __cplusplus
}
#endif
#endif
