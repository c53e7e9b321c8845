/* SPDX-License-Identifier: MIT
 *
 * Adapters from inside the library: what the Lua binding needs beside the public functions.  A read or write is
 * made of steps, so that the binding can encode a value between them: hf__adapter_id(),
 * hf__adapter_enter(), then hf__adapter_get(), hf__adapter_put() or hf__adapter_clear().
 */
#ifndef HF_ADAPTERS_ADAPTERS_H
#define HF_ADAPTERS_ADAPTERS_H

#include "core/persist.h"

/* A host that runs. */
typedef struct hf__adapter_hold {
  uint64_t number;
  struct hf__adapter_hold *next;
  char what[];
} hf__adapter_hold;

struct hf_adapters {
  struct hf__adapter *first;
  hf__adapter_hold *holds; /* the latest first */
  uint64_t holds_made;
  /* Opens handles on URLs in place of hf_persist_open(), for the set of a Lua state; NULL: that one. */
  hf_status (*open)(void *arg, hf_slice entity_name, const char *base, const hf_options *options, hf_persist **out,
                    hf_error *err);
  void *open_arg;
};

/* Where the handle comes from, if not from a URL.  `arg` is the source's own. */
typedef struct hf__adapter_source {
  /* Makes the handle; the adapter takes over a reference to it.  May run scripts. */
  hf_status (*open)(void *arg, const char *entity_name, hf_persist **out, hf_error *err);
  /* Closes what open() made.  May run scripts. */
  hf_status (*close)(void *arg, hf_error *err);
  /* Makes a source of the same kind, for an adapter that follows.  Runs no scripts. */
  hf_status (*copy)(const void *arg, struct hf__adapter_source *out, hf_error *err);
  /* The adapter needs it no longer: another store was registered, or the set is freed.  Runs no scripts. */
  void (*free)(void *arg);
  void *arg;
} hf__adapter_source;

typedef struct hf__adapter {
  hf_adapters *set;
  hf_adapter_spec spec; /* no NULL but infinite and follows */
  char *memory;         /* after spec's texts */

  size_t part_count;
  hf_slice parts[HF_ADAPTER_PARTS_MAX];        /* their names, in spec.id */
  hf_slice literals[HF_ADAPTER_PARTS_MAX + 1]; /* what is before each part, and after the last */

  size_t needle_count;
  struct hf__adapter_needle {
    hf_slice text; /* a field of spec.infinite as a JSON string */
    size_t rare;   /* offset of that byte in it by which it is searched */
  } * needles;

  struct hf__adapter *leader; /* of spec.follows; NULL: none */
  bool registered;            /* a store of its own, and not that of its leader */
  char *base;                 /* the URL; for a source where it is, as far as it can say: a URL or any text */
  hf_options options;         /* for it */
  char *directory;            /* what a relative base is relative to; NULL: where the process is when it is opened, or
                                 asked for its place.  Of one that follows, its leader has it */
  hf__adapter_source source;  /* open is NULL for a URL */
  char *store;                /* hf_adapter_info.store */

  hf_persist *persist; /* NULL until it is used */
  bool opening;        /* a script's constructor is running */
  char *since;         /* hf_adapter_info.since */

  struct hf__adapter *next;
} hf__adapter;

/* The adapter of this name; NULL, with an error that lists them, if there is none. */
hf__adapter *hf__adapter_find(const hf_adapters *set, const char *name, hf_error *err);

/* Makes a row with memory of its own, in no set and without a store.  HF_INVALID_ARGUMENT says what is wrong with it.
 */
hf_status hf__adapter_row_new(const hf_adapter_spec *spec, hf__adapter **out, hf_error *err);
/* Whether they mean the same. */
bool hf__adapter_row_same(const hf__adapter *a, const hf__adapter *b);
/* Frees a row; its store has been dropped. */
void hf__adapter_row_free(hf__adapter *a);

/* Makes the row's own base its store. */
hf_status hf__adapter_use_default(hf__adapter *a, hf_error *err);

/* Makes it one that follows `leader`, in that one's store. */
hf_status hf__adapter_join(hf__adapter *a, hf__adapter *leader, hf_error *err);

/* The adapter whose registration it uses, which also says what a relative base is relative to: its leader, or itself.
 */
static inline hf__adapter *hf__adapter_home(hf__adapter *a) { return a->leader && !a->registered ? a->leader : a; }

/* Registers a source; `store` describes it, `base` says where it is.  On failure the source is the caller's still. */
hf_status hf__adapter_use_source(hf__adapter *a, const hf__adapter_source *source, const char *base, const char *store,
                                 hf_error *err);

/* Makes the handle, where there is none: runs constructors of scripts, opens no store. */
hf_status hf__adapter_make(hf__adapter *a, hf_error *err);

/* Makes another handle on the same store, the caller's own; not for one whose source is a class. */
hf_status hf__adapter_open_again(hf__adapter *a, hf_persist **out, hf_error *err);

/* An id made of parts. */
typedef struct hf__adapter_key {
  size_t size;
  char text[HF_ID_MAX + 8]; /* room for a whole word at its end */
} hf__adapter_key;

/* Joins the parts; HF_INVALID_ARGUMENT names the one that is unusable. */
hf_status hf__adapter_id(const hf__adapter *a, const hf_slice *parts, size_t count, hf__adapter_key *out,
                         hf_error *err);

/* Opens the store, where that has not happened, and notes the first use.
 *   function, where  what to say of it: "readSignalData" at "bot.lua:12"; where "" for none */
hf_status hf__adapter_enter(hf__adapter *a, const char *function, const char *where, hf_error *err);

hf_status hf__adapter_get(hf__adapter *a, const hf__adapter_key *key, hf_buffer *json, bool *found, hf_error *err);
/* The text is valid JSON. */
hf_status hf__adapter_put(hf__adapter *a, const hf__adapter_key *key, hf_slice json, hf_error *err);
hf_status hf__adapter_clear(hf__adapter *a, const hf__adapter_key *key, hf_error *err);

/* Whether one transaction can cover both, which were entered.  HF_CLOSED: one of them was closed meanwhile. */
hf_status hf__adapter_share(const hf__adapter *a, const hf__adapter *b, bool *share, hf_error *err);

/* Says where the store of a handle is, as hf_adapter_find_place() does for an adapter on the same store. */
hf_status hf__adapter_place_of(const hf_persist *p, hf_adapter_place *out, hf_error *err);

/* Names the collection in an error. */
void hf__adapter_blame(const hf__adapter *a, hf_error *err);

#endif
