/* SPDX-License-Identifier: MIT
 *
 * stores.h - stores as a whole: their entity names, settings and damage.  A part of
 * holdfast.h, which includes it: include that one.
 */
#ifndef HOLDFAST_STORES_H
#define HOLDFAST_STORES_H

#ifndef HOLDFAST_HOLDFAST_H
#error "include holdfast/holdfast.h, which has holdfast/stores.h in it"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A whole store: what its collections have in common. */
typedef struct hf_store hf_store;

/* Opens the store now.  Errors as hf_persist_init(). */
HF_API hf_status hf_store_open(const char *base, const hf_options *options, hf_store **out, hf_error *err);
HF_API void hf_store_close(hf_store *store);

/* Fills the page with one entry per entity name that has a place in the store: the name as entry.id. */
HF_API hf_status hf_store_entities(hf_store *store, hf_page *page, hf_error *err);

/* What the backend says of the store, as a JSON object. */
HF_API hf_status hf_store_stat(hf_store *store, hf_buffer *json, hf_error *err);

/* A setting that a store can keep: it lies in the store, and holds for every process that opens it.  What was said when
 * a store was opened (in its URL, in hf_options) holds more, for that process. */
typedef struct hf_setting {
  const char *name;     /* "maxsize" */
  const char *values;   /* which there are, for people: "bytes such as 1048576, 64m or 4g; 0: no limit" */
  const char *standard; /* its value where nothing is set, as JSON text */
  const char *meaning;  /* one sentence */
  const char *feature;  /* the feature that the store gets by it, or NULL */
  unsigned format;      /* the format that the store is raised to by any other value */
  uint64_t reserved[4]; /* 0 */
} hf_setting;

/* Describes the setting at this place, from 0, by name; NULL after the last.  A store need not have all of them. */
HF_API const hf_setting *hf_setting_at(size_t index);

/* The settings of the store as a JSON object, by name, the standard value where nothing is set:
 * {"durability":"sync","format":2,"maxsize":4294967296,"note":"the live bot"}.  Those that a newer Holdfast set, and
 * this one does not know, are among them.
 * Errors: HF_UNSUPPORTED: such stores keep no settings. */
HF_API hf_status hf_store_settings_get(hf_store *store, hf_buffer *json, hf_error *err);

/* A setting and what it is set to. */
typedef struct hf_setting_value {
  const char *name;
  const char *value;    /* as in a URL: "4g", "nosync"; NULL: the standard value again */
  uint64_t reserved[2]; /* must be 0 */
} hf_setting_value;

/* Sets all of them or none, in one commit that is flushed whatever the durability.  Every process that has the store
 * open obeys from its next transaction on.  Raises the store to the format that they need, which an older Holdfast
 * refuses to open (hf_setting.format; {"format", "2"} does nothing else); a format never goes down.
 * Errors: HF_INVALID_ARGUMENT names the setting and what it can be; HF_UNSUPPORTED: such stores do not have it, or
 * inside a transaction or snapshot; HF_READONLY, HF_FULL, HF_IO. */
HF_API hf_status hf_store_settings_set(hf_store *store, const hf_setting_value *values, size_t count, hf_error *err);

/* A moment of a store's past: after a commit, or at a time.  All zero: now. */
typedef struct hf_moment {
  uint64_t revision; /* after this commit; 0: `time` says it */
  int64_t time;      /* after the last commit until then, by the commits' own times; ms since 1970-01-01 UTC */
} hf_moment;

/* What hf_store_check() found in one place. */
typedef struct hf_finding {
  hf_slice entity_name; /* data NULL: it belongs to no entity name, or to all */
  uint64_t page;        /* 0: none */
  const char *problem;  /* a sentence, without its full stop */
  bool is_damage;       /* false: worth knowing, and harmless */
  bool is_incomplete;   /* it is damage of what a collection has, in a structure that is sound: what is there can be
                         * read, and is not what was written */
  uint64_t reserved[2]; /* 0 */
} hf_finding;

/* What hf_store_check() counted. */
typedef struct hf_check_report {
  uint64_t pages;       /* looked at */
  uint64_t entities;    /* that they have */
  uint64_t damaged;     /* findings that are damage */
  uint64_t notes;       /* and others */
  uint64_t incomplete;  /* of the damaged: collections that are not what was written, in a sound structure */
  uint64_t reserved[3]; /* 0 */
} hf_check_report;

/* Called for each finding.  Return false to stop. */
typedef bool (*hf_check_fn)(void *arg, const hf_finding *finding);

/* Looks at the structure of a store, which its backend otherwise trusts: of LMDB, all pages; and, in a store of format
 * 2, whether each collection has as many entities as were written, and those.  It never ends the process and always
 * comes to an end, whatever is in the file, and changes nothing.  The store need not be open, and may be one
 * that cannot be opened; while it is not, the process opens and closes no other store, so fn must not.  Records are not
 * looked at: hf_store_verify().  HF_OK when it has seen everything, whatever it found; HF_NOT_FOUND; HF_UNSUPPORTED:
 * the backend has no structure to check. */
HF_API hf_status hf_store_check(const char *base, const hf_options *options, hf_check_fn fn, void *arg,
                                hf_check_report *report, hf_error *err);

/* How sure it is that what was found in a damaged store is of its present state. */
typedef enum hf_rescue_kind {
  HF_RESCUE_PRESENT, /* the tree reaches it */
  HF_RESCUE_CUT_OFF, /* the damage cut it off: nothing gave its place back, so it is present, under this entity name */
  HF_RESCUE_APART,   /* the same, but the entity name cannot be told */
  HF_RESCUE_DAMAGED, /* present, and unreadable, or in quarantine: `json` has its bytes */
  HF_RESCUE_OLD, /* on room that was given back: an older version, or removed since.  Never to be restored unasked */
  /* No records, but what the store has kept of itself: */
  HF_RESCUE_KEPT,   /* `json` is kept under `id`: "format", "setting:NAME", "feature:NAME".  It has no checksum */
  HF_RESCUE_WRITTEN /* how many entities of the name were written, and came back; a NULL name is not left */
} hf_rescue_kind;

/* One record that was found. */
typedef struct hf_rescued {
  hf_rescue_kind kind;
  hf_slice entity_name; /* data NULL: unknown; of what is apart, as much as is left of it: no valid name */
  hf_slice id;
  hf_slice json;
  hf_info info;
  uint64_t page;        /* where */
  uint64_t apart;       /* 0, or: these belong to no name, and together, with those that have the same number */
  uint64_t written;     /* of HF_RESCUE_WRITTEN: entities that the last commit left under the name */
  uint64_t back;        /* and how many of them were handed out, as present, cut off or apart */
  bool is_other;        /* as many, and not the same: one is an older version, or damaged */
  bool is_renamed;      /* those that were written under another name, of which this is what the damage has left */
  uint64_t reserved[4]; /* 0 */
} hf_rescued;

/* What hf_store_rescue() went by. */
typedef struct hf_rescue_report {
  uint64_t commit;      /* whose state it is; 0: no header was left */
  bool newest_lost;     /* a newer commit's header is damaged: what it changed is among the old */
  bool free_list_lost;  /* what was cut off cannot be told from what was removed: it is among the old */
  bool kept_lost;       /* what the store has kept of itself cannot be read, or not all of it */
  bool written_lost;    /* how many entities were written cannot be told, or not of all names; a store of format 1 does
                         * not know it, which is not this */
  uint64_t found[5];    /* records, by kind */
  uint64_t lost;        /* present ones of which nothing is left; UINT64_MAX: it cannot be told how many */
  uint64_t reserved[3]; /* 0 */
} hf_rescue_report;

/* Called for each record.  Return false to stop. */
typedef bool (*hf_rescue_fn)(void *arg, const hf_rescued *record);

/* Reads what is left of a damaged store, without opening it, and hands it out: first what is present, by page, and what
 * the store has kept of itself; then HF_RESCUE_WRITTEN; old records last, each id once.  Checksums hold for all but
 * HF_RESCUE_DAMAGED.  Changes nothing.  HF_BUSY: somebody has the store open; HF_NOT_FOUND; HF_UNSUPPORTED: the backend
 * cannot. */
HF_API hf_status hf_store_rescue(const char *base, hf_rescue_fn fn, void *arg, hf_rescue_report *report, hf_error *err);

/* Called from time to time by what works for long, so that a person sees it go on.  Return false to stop: it ends with
 * HF_BUSY, and has changed nothing.
 *   done, total  bytes, about */
typedef bool (*hf_progress_fn)(void *arg, uint64_t done, uint64_t total);

/* What hf_store_backup() and hf_store_restore() did. */
typedef struct hf_backup_report {
  uint64_t revision;    /* whose state it is */
  int64_t at;           /* the moment that the backup shows, when it was begun; ms since 1970-01-01 UTC */
  uint64_t bytes;       /* of the file */
  uint64_t grown;       /* bytes by which the store's file grew meanwhile, for what was kept for the backup to read */
  uint64_t reserved[4]; /* 0 */
} hf_backup_report;

/* Writes all of the store as of one moment to a file, while others write: compact, written under another name beside
 * it, flushed, and then renamed.  The file ends with a trailer by which hf_store_restore() tells a whole one from one
 * that was cut off.  A file that is there is replaced by a whole one only.
 *   fn  may be NULL
 * Errors: HF_UNSUPPORTED: such stores have no backup of their own (use `holdfast export`); HF_CORRUPT: the store is
 * damaged; HF_FULL, HF_IO. */
HF_API hf_status hf_store_backup(hf_store *store, const char *file, hf_progress_fn fn, void *arg,
                                 hf_backup_report *report, hf_error *err);

/* Makes a store of a backup, in a place where there is none.  After a crash there is none, or all of it.  Its revisions
 * go on where the backup's end.
 *   at  as of this moment, as far as the backup's own history reaches: what has changed since is put back in one
 * commit, the next one, whose revision the report gives.  NULL: as it was backed up fn  may be NULL Errors:
 * HF_CONFLICT: there is a store; HF_CORRUPT: the file is no backup, or was cut off or changed; HF_COMPACTED,
 * HF_UNSUPPORTED: its history does not reach back so far; HF_FULL, HF_IO. */
HF_API hf_status hf_store_restore(const char *file, const char *base, const hf_moment *at, hf_progress_fn fn, void *arg,
                                  hf_backup_report *report, hf_error *err);

/* What hf_store_compact() did. */
typedef struct hf_compact_report {
  uint64_t before;      /* bytes on the disk */
  uint64_t after;       /* likewise */
  bool is_exchanged;    /* a compact copy took the file's place, since nobody else had it open; otherwise free pages
                         * that no reader can see were given back where they are */
  char reason[256];     /* why not, as a sentence without its full stop; "" where it was */
  uint64_t reserved[4]; /* 0 */
} hf_compact_report;

/* Gives room that is free in the store back to the disk.  The store must not be open in this process.  Whether a host
 * works on it is for the caller to see: under a host that has it open, nothing is exchanged.
 *   fn  may be NULL
 * Errors: HF_BUSY: it is open in this process; HF_CORRUPT: the store is damaged; HF_UNSUPPORTED; HF_FULL, HF_IO. */
HF_API hf_status hf_store_compact(const char *base, hf_progress_fn fn, void *arg, hf_compact_report *report,
                                  hf_error *err);

/* What hf_store_verify() counted. */
typedef struct hf_verify_report {
  uint64_t entities;    /* looked at */
  uint64_t bytes;       /* of JSON text */
  uint64_t corrupt;     /* found unreadable in this run */
  uint64_t quarantined; /* in quarantine now, from this run and earlier ones */
  uint64_t damaged;     /* damage that hf_store_check() found, which comes first: no entity was read if there is any but
                         * the incomplete */
  uint64_t incomplete;  /* of the damaged: collections that are not what was written, in a sound structure */
  uint64_t reserved[2]; /* 0 */
} hf_verify_report;

/* Called for each unreadable entity (entry->status is HF_CORRUPT, `problem` says why), with entry NULL and a `problem`
 * for damage of the store itself, and with both NULL from time to time for progress.  Return false to stop. */
typedef bool (*hf_verify_fn)(void *arg, hf_slice entity_name, const hf_entry *entry, const char *problem,
                             const hf_verify_report *so_far);

/* Reads every entity of one name (or, with entity_name.data NULL, of all) and checks header, checksum, key
 * and JSON.  Unreadable ones go to quarantine unless `dry_run`.  Before that it does what hf_store_check() does, and
 * reads nothing where that finds damage of the structure.  Returns HF_OK when the scan completed, whatever it found. */
HF_API hf_status hf_store_verify(hf_store *store, hf_slice entity_name, bool dry_run, hf_verify_fn fn, void *arg,
                                 hf_verify_report *report, hf_error *err);

#ifdef __cplusplus
}
#endif
#endif
