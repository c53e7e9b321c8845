/* SPDX-License-Identifier: MIT
 *
 * The log of changes: a stream, written by the same script as what changes.
 *
 *   %holdfast:changes  the stream.  Its ids are REVISION-PLACE; an entry has the time of its commit, what was done, and
 *                      the key
 *   %holdfast:log      a hash: the newest revision and its time; the setting, "kept", without which there is no log, and
 *                      what it says as numbers; and "from", the oldest revision all of whose entries are there
 *
 * No entity name has such a key: "%ho" is no escape.
 *
 * A plain SET would do without it, so each process has to know whether there is a log.  It asks when it has not for a
 * second, and what it was told holds for that second only; and who turns the log on waits longer than that before it
 * says that the log is complete.
 */
#ifndef HF_BACKENDS_REDIS_LOG_H
#define HF_BACKENDS_REDIS_LOG_H

#include "redis.h"

/* Whether writes have to be logged, for those that begin now.  A cluster keeps no log. */
hf_status hf__redis_log_look(hf__redis_store *s, bool *is_on, int64_t deadline, hf_error *err);

/* What a logged write is bound to. */
typedef enum hf__redis_if { REDIS_IF_NOTHING, REDIS_IF_ABSENT, REDIS_IF_SAME } hf__redis_if;

/* Adds the command that makes changes and logs them, whole or not at all: it answers how many keys it has changed, 0
 * also where the condition does not hold.
 *   texts     data NULL: the key is removed
 *   present   with REDIS_IF_SAME: the text that the one key has to have */
bool hf__redis_add_logged(hf__redis_batch *b, const hf_slice *keys, const hf_slice *texts, const int64_t *expiries,
                          size_t count, hf__redis_if condition, hf_slice present);

/* The slots. */
hf_status hf__redis_changes_read(void *store, const hf_changes_scan *scan, hf_change_fn fn, void *arg,
                                 hf_changes_reach *reach, hf_error *err);
hf_status hf__redis_changes_revision_at(void *store, int64_t time, uint64_t *revision, hf_changes_reach *reach,
                                        hf_error *err);
hf_status hf__redis_changes_purge(void *store, void *collection, const hf_key *key, uint64_t *purged, hf_error *err);
hf_status hf__redis_settings_get(void *store, hf_page *page, hf_error *err);
hf_status hf__redis_settings_put(void *store, const hf_setting_change *changes, size_t count, unsigned format,
                                 hf_error *err);

/* Its settings; ends in NULL. */
extern const char *const hf__redis_settings[];

#define REDIS_LOG "%holdfast:log"
#define REDIS_CHANGES "%holdfast:changes"

#endif
