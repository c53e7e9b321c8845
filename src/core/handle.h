/* SPDX-License-Identifier: MIT
 *
 * What a handle on a collection consists of.
 */
#ifndef HF_CORE_HANDLE_H
#define HF_CORE_HANDLE_H

#include "core/open_stores.h"

struct hf_persist {
  hf_store *store;           /* NULL until the first operation has opened it */
  const hf_backend *backend; /* whose slots the handle calls: the one that the URL names, or a script's class */
  void *impl;                /* passed to its slots as the store */
  void *collection;          /* passed to its slots; NULL until it was opened, unless attached */
  bool ready;                /* the first operation may go: store and collection are open */
  bool attached;             /* by a script's class, which `collection` belongs to: see hf__persist_attach() */
  hf_persist *wrapped;       /* the handle that is wrapped by the script's class, or NULL */
  char *base;                /* as given: what hf_persist_init() opens; for a script's class what it was given */
  char *directory;           /* where the process was then: what a relative path in base is relative to */
  char *url;                 /* the same without password, for people */
  char *secret;              /* what no message may show the passwords of: a URL for hf__error_redact(), or NULL */
  hf_options options;   /* those of its store.  read_only is the handle's: a class's may be where its store's is not */
  hf_slice name;        /* the entity name, 0-terminated */
  size_t refs;          /* the owner and its iterators */
  uint8_t change_group; /* in which its changes are counted */
  bool closed;
  bool follows; /* its store follows another one, and takes no changes of ours: read_only is set for that */
};

/* Whether nothing lies below the handle: what it writes is what its store keeps.  False for the handle of a script's
 * class that wraps a store, whose writes come down to the handle that it wraps (see change.h). */
static inline bool hf__is_innermost(const hf_persist *p) { return !p->wrapped; }

#endif
