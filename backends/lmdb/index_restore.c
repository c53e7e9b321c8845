/* SPDX-License-Identifier: MIT
 *
 * Making all indexes again: see index_restore.h.  As with sums, a walk over the pages of the newest commit reads what
 * is there, which needs no handle on any database (sums_build.c).  Two entities may have the same in a unique index
 * afterwards: then both are in it.
 */
#include "index_restore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "index_defs.h"
#include "index_store.h"
#include "page_walk.h"
#include "quarantine.h"
#include "record.h"
#include "rescue_page.h"

/* A collection that has indexes. */
struct indexed {
  char *name;
  size_t name_size;
  hf_index_set *set;
};

struct restoring {
  MDB_txn *txn;
  MDB_dbi dbi;
  const struct hf__lmdb_page_file *file;
  struct indexed *list;
  size_t count;
  const struct indexed *at; /* whose leaves are walked */
  int rc;
};

static bool is_named(const struct indexed *x, hf_slice name) {
  return x->name_size == name.size && memcmp(x->name, name.data, name.size) == 0;
}

static struct indexed *add_name(struct restoring *r, hf_slice name) {
  struct indexed *list = realloc(r->list, (r->count + 1) * sizeof *list);
  if (!list) return NULL;
  r->list = list;
  list[r->count] = (struct indexed){malloc(name.size + 1), name.size, hf_index_set_new()};
  struct indexed *x = &list[r->count++];
  if (!x->name || !x->set) return NULL;
  memcpy(x->name, name.data, name.size);
  return x;
}

/* Takes a definition, whose entries go. */
static int take(const hf__lmdb_definition *d, void *arg) {
  struct restoring *r = arg;
  struct indexed *x = NULL;
  hf_error unused;
  for (size_t i = 0; i < r->count; i++)
    if (is_named(&r->list[i], d->entity_name)) x = &r->list[i];
  if (!x && !(x = add_name(r, d->entity_name))) return ENOMEM;
  hf_status status = hf_index_set_add(x->set, d->definition, d->number, d->state == HF__LMDB_INDEX_READY, &unused);
  if (status) return status == HF_NO_MEMORY ? ENOMEM : MDB_CORRUPTED;
  return 0;
}

static bool insert(void *arg, hf_slice key, hf_slice value) {
  struct restoring *r = arg;
  const hf_index_set *set = r->at->set;
  hf_index_value values[HF_INDEXES_MAX];
  MDB_val k = hf__lmdb_val(key), v = hf__lmdb_val(value);
  hf_slice text, id = hf__lmdb_record_id(&k, &v);
  hf_info unused;
  if (!hf__lmdb_record_key_is_sound(&k, id) || hf__lmdb_record_read(&v, id, &text, &unused)) return true;
  hf_index_values(set, text, values);
  for (size_t i = 0; i < hf_index_set_size(set) && r->rc == 0; i++)
    r->rc = hf__lmdb_entry_put(r->txn, r->dbi, hf_index_set_at(set, i)->number,
                               (hf_slice){(const char *)values[i].bytes, values[i].size}, key);
  return r->rc == 0;
}

static void visit(void *arg, const struct hf__lmdb_visit *v) {
  struct restoring *r = arg;
  bool out_of_memory = false;
  if (!v->leaf || v->kind != HF__LMDB_NAMED || v->soundness != HF__LMDB_SOUND || r->rc) return;
  r->at = NULL;
  for (size_t i = 0; i < r->count; i++)
    if (is_named(&r->list[i], v->name)) r->at = &r->list[i];
  if (r->at) hf__lmdb_each_value(r->file, v->content, insert, r, &out_of_memory);
  if (out_of_memory) r->rc = ENOMEM;
}

static int walk(struct restoring *r, int fd, size_t commit) {
  struct hf__lmdb_page_file file;
  struct hf__lmdb_header header;
  struct hf__lmdb_totals totals;
  hf_error unused;
  if (hf__lmdb_page_file_open(fd, &file, &unused)) return EIO;
  if (!hf__lmdb_read_header(&file, commit & 1, &header)) return EIO;
  if (header.commit != commit) return MDB_CORRUPTED;
  struct hf__lmdb_walk walk = {.file = r->file = &file, .view = &header, .arg = r, .visited = visit};
  hf_status status = hf__lmdb_walk_run(&walk, &totals, &unused);
  hf__lmdb_walk_free(&walk);
  if (status == HF_IO) return EIO;
  if (status) return ENOMEM;
  return r->rc ? r->rc : totals.problems ? MDB_CORRUPTED : 0;
}

/* Lets go what is held for ids that are not in quarantine any more: a stranger that writes or removes one does not know
 * what is held for it.  LMDB's result. */
static int let_go(struct restoring *r, hf__lmdb_env *env, const struct indexed *x) {
  hf__lmdb_collection c = {.name_size = x->name_size};
  hf__lmdb_looking looking = {env, r->txn, &c};
  int rc = 0;
  if (x->name_size >= sizeof c.name) return MDB_CORRUPTED;
  memcpy(c.name, x->name, x->name_size);
  c.name_hash = hf__lmdb_name_hash((hf_slice){x->name, x->name_size});
  for (size_t i = 0; i < hf_index_set_size(x->set) && rc == 0; i++) {
    const hf_index *index = hf_index_set_at(x->set, i);
    if (!index->unique) continue;
    rc = hf__lmdb_entries_let_go(r->txn, r->dbi, index->number, hf__lmdb_is_in_quarantine, &looking);
  }
  return rc;
}

int hf__lmdb_index_restore(hf__lmdb_env *env, MDB_txn *txn) {
  struct restoring r = {.txn = txn};
  int rc = hf__lmdb_index_each(env, txn, NULL, take, &r);
  if (rc == 0 && r.count) rc = mdb_dbi_open(txn, INDEX_DB, MDB_CREATE, &r.dbi);
  if (rc == 0 && r.count) rc = hf__lmdb_entries_clear_all(txn, r.dbi);
  if (rc == 0 && r.count) rc = walk(&r, env->data_fd, mdb_txn_id(txn) - 1);
  for (size_t i = 0; i < r.count && rc == 0; i++) rc = let_go(&r, env, &r.list[i]);
  for (size_t i = 0; i < r.count; i++) {
    hf_index_set_free(r.list[i].set);
    free(r.list[i].name);
  }
  free(r.list);
  return rc;
}
