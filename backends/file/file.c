/* SPDX-License-Identifier: MIT
 *
 * The backend that keeps each entity in a file of its own:
 *
 *     BASE/ENTITY/ID.json
 *
 * The layout, and the documents, are those of the class PersistBase of the framework whose
 * persistence this project implements, so that the two can read each other's stores
 * (README.md says what not).  file.h says where things are.
 */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What must fit after the path of a store. */
enum { BELOW_STORE = 64 };

/* ---- stores */

static hf_status resolve(const hf_location *at, char identity[HF_IDENTITY_MAX], hf_error *err) {
  struct stat st;
  const hf_options *o = at->options;
  if (!*at->path) return hf_error_set(err, HF_INVALID_ARGUMENT, "file: needs a directory, as in file:./data");
  if (strlen(at->path) + BELOW_STORE >= FILE_PATH_MAX) return hf__file_fail(ENAMETOOLONG, "use", at->path, err);
  if (o->max_size)
    return hf_error_set(err, HF_UNSUPPORTED, "file stores have no maxsize: use a disk quota, or an lmdb store");
  if (stat(at->path, &st)) {
    if (errno != ENOENT) return hf__file_fail(errno, "open the directory", at->path, err);
    if (o->must_exist || o->read_only) return hf_error_set(err, HF_NOT_FOUND, "there is no store at %s", at->path);
    int number = hf__file_make_folders(at->path, o->durability == HF_DURABILITY_SYNC);
    if (number || stat(at->path, &st))
      return hf__file_fail(number ? number : errno, "make the directory", at->path, err);
  }
  if (!S_ISDIR(st.st_mode)) return hf__file_fail(ENOTDIR, "use", at->path, err);
  snprintf(identity, HF_IDENTITY_MAX, "%llx:%llx", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
  return HF_OK;
}

static void close_store(void *store) {
  hf__file_store *s = store;
  hf__file_temp_close(s);
  hf_scan_cache_free(s->scans);
  pthread_mutex_destroy(&s->lock);
  free(s->path);
  free(s);
}

static void free_listing(void *kept) { hf_id_list_free(kept); }

static hf_status open_store(const hf_location *at, void **store, hf_error *err) {
  hf__file_store *s = calloc(1, sizeof *s);
  hf_scan_cache *scans = hf_scan_cache_new(free_listing);
  char *path = realpath(at->path, NULL);
  if (!s || !scans || !path) {
    hf_status status = s && scans ? hf__file_fail(errno, "find", at->path, err) : hf_error_no_memory(err);
    free(s);
    hf_scan_cache_free(scans);
    free(path);
    return status;
  }
  s->path = path;
  s->scans = scans;
  s->options = *at->options;
  s->owner_fd = -1;
  pthread_mutex_init(&s->lock, NULL);
  if (!s->options.read_only) hf__file_temp_sweep(path);
  *store = s;
  return HF_OK;
}

/* ---- collections */

static hf_status collection_open(void *store, hf_slice name, void **collection, hf_error *err) {
  hf__file_collection *e;
  hf_status status = hf__file_entity_new(store, name, &e, err);
  if (status == HF_OK) *collection = e;
  return status;
}

static void collection_close(void *store, void *collection) {
  (void)store;
  hf__file_entity_free(collection);
}

/* ---- one document */

static hf_status get(void *store, void *txn, void *collection, const hf_key *key, hf_buffer *json, hf_info *info,
                     hf_error *err) {
  (void)store;
  (void)txn;
  char path[FILE_PATH_MAX];
  hf__file_info found;
  hf_status status = hf__file_document_path(collection, key->id, path, err);
  if (status == HF_OK) status = hf__file_document_read_whole(path, false, json, &found, err);
  if (status == HF_NOT_FOUND) {
    status = hf__file_quarantine_check(collection, key->id, err);
    if (status == HF_OK) status = hf__file_document_read_whole(path, false, json, &found, err);
  }
  if (status == HF_OK && info) *info = (hf_info){.updated_at = found.modified};
  return status;
}

static hf_status has(void *store, void *txn, void *collection, const hf_key *key, hf_error *err) {
  (void)store;
  (void)txn;
  char path[FILE_PATH_MAX];
  hf_status status = hf__file_document_path(collection, key->id, path, err);
  if (status || access(path, F_OK) == 0) return status;
  if (errno != ENOENT && errno != ENOTDIR) return hf__file_fail(errno, "look for", path, err);
  return hf__file_quarantine_check(collection, key->id, err);
}

static hf_status put(void *store, void *txn, void *collection, const hf_put *put, const hf_write_options *options,
                     hf_info *info, hf_error *err) {
  (void)txn;
  char path[FILE_PATH_MAX];
  bool settled;
  hf_status status = hf__file_document_path(collection, put->key.id, path, err);
  if (status == HF_OK && options->if_absent) {
    status = hf__file_quarantine_check(collection, put->key.id, err);
    if (status == HF_NOT_FOUND) status = HF_OK;
  }
  if (status == HF_OK) status = hf__file_document_write(store, path, put->json, options->if_absent, err);
  if (status) return status;
  info->updated_at = hf_now_ms();
  /* Also where the folder of quarantine is missing, which is nearly always so, this is one failing call. */
  if (access(((hf__file_collection *)collection)->quarantine, F_OK) && (errno == ENOENT || errno == ENOTDIR))
    return HF_OK;
  return hf__file_fail_late(hf__file_quarantine_settle(collection, put->key.id, &settled, err), err);
}

static hf_status remove_one(void *store, void *txn, void *collection, const hf_key *key, hf_error *err) {
  (void)store;
  (void)txn;
  char path[FILE_PATH_MAX];
  bool settled = false;
  hf_error why;
  hf_status status = hf__file_document_path(collection, key->id, path, err);
  if (status == HF_OK) status = hf__file_document_remove(collection, path, err);
  if (status != HF_OK && status != HF_NOT_FOUND) return status;
  hf_status settling = hf__file_quarantine_settle(collection, key->id, &settled, &why);
  if (settling) {
    *err = why;
    return status == HF_OK ? hf__file_fail_late(settling, err) : settling;
  }
  return settled ? HF_OK : status;
}

/* ---- all of them */

struct clearing {
  bool synced, changed;
};

static int clear_one(void *arg, int folder, const char *leaf, hf_slice id) {
  struct clearing *c = arg;
  (void)id;
  if (unlinkat(folder, leaf, 0) == 0) {
    c->changed = true;
    return 0;
  }
  if (errno == EIO) c->changed = true; /* nobody knows */
  return errno == ENOENT ? 0 : errno;
}

static int clear_folder(void *arg, int parent, const char *name, int folder) {
  const struct clearing *c = arg;
  if (unlinkat(parent, name, AT_REMOVEDIR) == 0) return 0;
  return c->synced && fsync(folder) && errno != EINVAL ? errno : 0;
}

static hf_status clear(void *store, void *txn, void *collection, hf_error *err) {
  const hf__file_store *s = store;
  const hf__file_collection *e = collection;
  (void)txn;
  char inside[FILE_PATH_MAX];
  struct clearing c = {s->options.durability == HF_DURABILITY_SYNC, false};
  bool settled;
  int folder = -1, number = 0;
  if (snprintf(inside, sizeof inside, "%s/.", e->folder) < FILE_PATH_MAX)
    number = hf__file_folder_open(inside, c.synced, &folder);
  if (number == 0) number = hf__file_visit(e->folder, &hf__file_documents, clear_one, clear_folder, &c);
  if (number == 0 && c.changed)
    number = hf__file_folder_flush(folder, inside);
  else
    hf__file_folder_close(folder);
  hf_status status = number && number != ENOENT ? hf__file_fail(number, "clear", e->folder, err) : HF_OK;
  if (status) return c.changed ? hf__file_fail_late(status, err) : status;
  status = hf__file_quarantine_settle_all(e, &settled, err);
  return c.changed || settled ? hf__file_fail_late(status, err) : status;
}

static hf_status count(void *store, void *txn, void *collection, uint64_t *n, hf_error *err) {
  const hf__file_collection *e = collection;
  (void)store;
  (void)txn;
  hf__file_quarantine_heal_all(e);
  return hf__file_count(e->folder, &hf__file_documents, n, err);
}

/* ---- scanning */

struct page {
  const hf__file_collection *collection;
  const hf_scan *scan;
  hf_page *page;
  hf_buffer json;
  size_t bytes, added;
  bool old; /* the list was made for an earlier page: what it has may be gone */
};

/* Adds one document.  HF_NOT_FOUND: it is gone. */
static hf_status add_document(struct page *p, hf_slice id, hf_error *err) {
  char path[FILE_PATH_MAX];
  hf__file_info found = {.modified = 0};
  hf_slice text = {NULL, 0};
  hf_status status = HF_OK;
  if (!p->scan->keys_only || p->old) status = hf__file_document_path(p->collection, id, path, err);
  if (p->scan->keys_only && p->old && status == HF_OK && access(path, F_OK)) {
    if (errno == ENOENT || errno == ENOTDIR) return HF_NOT_FOUND;
    status = hf__file_fail(errno, "look for", path, err);
  }
  if (status && p->scan->keys_only) return status;
  if (!p->scan->keys_only) {
    if (status == HF_OK) status = hf__file_document_read_whole(path, p->scan->report_corrupt, &p->json, &found, err);
    text = (hf_slice){p->json.data, p->json.size};
    if (status == HF_CORRUPT && p->scan->report_corrupt)
      text = hf_text(err->message);
    else if (status) {
      if (status != HF_NOT_FOUND) hf_page_fail_at(p->page, id);
      return status;
    }
  }
  hf_entry *entry = hf_page_add(p->page, id, text.data, text.size);
  if (!entry) return hf_error_no_memory(err);
  entry->info.updated_at = found.modified;
  entry->status = status;
  p->bytes += text.size;
  p->added++;
  return HF_OK;
}

static hf_status scan_listing(struct page *p, const hf_id_list *list, bool *more, hf_error *err) {
  const hf_scan *scan = p->scan;
  size_t first, end, last = SIZE_MAX;
  hf_id_list_range(list, scan, &first, &end);
  hf_status status = HF_OK;
  while (first < end && p->added < scan->limit && !(p->added && p->bytes >= scan->max_bytes)) {
    last = scan->reverse ? --end : first++;
    hf_slice id = hf_id_list_id(list, last);
    if (!hf_scan_matches(scan, id)) continue;
    status = add_document(p, id, err);
    if (status == HF_NOT_FOUND) status = HF_OK;
    if (status) break;
  }
  *more = first < end;
  if (last != SIZE_MAX && !hf_page_resume(p->page, hf_id_list_order(list, last)) && status == HF_OK)
    status = hf_error_no_memory(err);
  return status;
}

static hf_status scan(void *store, void *txn, void *collection, const hf_scan *scan, hf_page *page, bool *more,
                      hf_error *err) {
  hf__file_store *s = store;
  (void)txn;
  hf_id_list *list = hf_scan_cache_take(s->scans, collection, scan->scan_id);
  struct page p = {.collection = collection, .scan = scan, .page = page, .old = list != NULL};
  if (!list) hf__file_quarantine_heal_all(collection);
  hf_status status = list ? HF_OK : hf__file_list(p.collection->folder, &hf__file_documents, &list, err);
  if (status) return status;
  status = scan_listing(&p, list, more, err);
  hf_buffer_free(&p.json);
  if (*more)
    hf_scan_cache_leave(s->scans, collection, scan->scan_id, list);
  else
    hf_id_list_free(list);
  return status;
}

/* ---- the store */

typedef hf_status (*name_fn)(void *arg, hf_slice name, hf_error *err);

/* Calls fn for each entity name that has a folder in `path`.  `name` has what was decoded so far. */
static hf_status each_name(const char *path, char name[HF_ID_MAX], size_t name_size, name_fn fn, void *arg,
                           hf_error *err) {
  DIR *dir = opendir(path);
  if (!dir) return errno == ENOENT ? HF_OK : hf__file_fail(errno, "list", path, err);
  hf_status status = HF_OK;
  const struct dirent *d = NULL;
  while (status == HF_OK && (errno = 0, d = readdir(dir))) {
    char below[FILE_PATH_MAX], expected[FILE_RELATIVE_MAX];
    unsigned char order[HF_ORDER_KEY_MAX];
    struct stat st;
    size_t size = name_size;
    bool continued;
    if (d->d_name[0] == '.' || !hf__file_decode_part(d->d_name, strlen(d->d_name), name, &size, &continued)) continue;
    int length = snprintf(below, sizeof below, "%s/%s", path, d->d_name);
    if (length >= FILE_PATH_MAX) continue;
    if (stat(below, &st)) {
      if (errno != ENOENT && errno != ELOOP) status = hf__file_fail(errno, "look at", below, err);
      continue;
    }
    if (!S_ISDIR(st.st_mode)) continue;
    if (continued) {
      status = each_name(below, name, size, fn, arg, err);
      continue;
    }
    hf_slice found = {name, size};
    if (!hf_order_key(found, order)) continue;
    size_t expected_size = hf__file_encode_name(found, expected);
    size_t known = strlen(below);
    if (known > expected_size && strcmp(below + known - expected_size, expected) == 0) status = fn(arg, found, err);
  }
  if (status == HF_OK && errno) status = hf__file_fail(errno, "list", path, err);
  closedir(dir);
  return status;
}

static hf_status add_name(void *arg, hf_slice name, hf_error *err) {
  return hf_page_add(arg, name, NULL, 0) ? HF_OK : hf_error_no_memory(err);
}

static hf_status entities(void *store, void *txn, hf_page *page, hf_error *err) {
  const hf__file_store *s = store;
  char name[HF_ID_MAX];
  (void)txn;
  return each_name(s->path, name, 0, add_name, page, err);
}

struct quarantine_sum {
  hf__file_store *store;
  uint64_t count;
};

/* How many of a collection are in quarantine. */
static hf_status count_quarantined(const hf__file_collection *e, uint64_t *n, hf_error *err) {
  return hf__file_count(e->quarantine, &hf__file_reports, n, err);
}

static hf_status add_quarantined(void *arg, hf_slice name, hf_error *err) {
  struct quarantine_sum *sum = arg;
  hf__file_collection *e;
  uint64_t n = 0;
  hf_status status = hf__file_entity_new(sum->store, name, &e, err);
  if (status) return status;
  status = count_quarantined(e, &n, err);
  sum->count += n;
  hf__file_entity_free(e);
  return status;
}

static hf_status quarantined(void *store, void *collection, uint64_t *n, hf_error *err) {
  hf__file_store *s = store;
  if (collection) return count_quarantined(collection, n, err);
  char path[FILE_PATH_MAX], name[HF_ID_MAX];
  struct quarantine_sum sum = {s, 0};
  snprintf(path, sizeof path, "%s/" FILE_QUARANTINE, s->path);
  hf_status status = each_name(path, name, 0, add_quarantined, &sum, err);
  *n = sum.count;
  return status;
}

static hf_status quarantine(void *store, void *collection, const hf_key *key, const char *problem, hf_error *err) {
  (void)store;
  return hf__file_quarantine_add(collection, key->id, problem, err);
}

static hf_status put_damaged(void *store, void *txn, void *collection, const hf_key *key, const char *problem,
                             hf_slice bytes, hf_error *err) {
  (void)store;
  (void)txn;
  return hf__file_quarantine_put(collection, key->id, problem, bytes, err);
}

static hf_status scan_damaged(void *store, void *txn, void *collection, const hf_scan *scan, hf_page *page, bool *more,
                              hf_error *err) {
  (void)store;
  (void)txn;
  return hf__file_quarantine_list(collection, scan, page, more, err);
}

static hf_status count_name(void *arg, hf_slice name, hf_error *err) {
  (void)name;
  (void)err;
  ++*(uint64_t *)arg;
  return HF_OK;
}

static hf_status stat_store(void *store, void *txn, void *collection, hf_buffer *json, hf_error *err) {
  const hf__file_store *s = store;
  char name[HF_ID_MAX];
  uint64_t n = 0, in_quarantine = 0;
  hf_status status =
      collection ? count(store, txn, collection, &n, err) : each_name(s->path, name, 0, count_name, &n, err);
  if (status == HF_OK) status = quarantined(store, collection, &in_quarantine, err);
  if (status) return status;
  json->size = 0;
  const hf__file_collection *e = collection;
  bool ok = hf_buffer_printf(json, "{\"backend\":\"file\"") &&
            (!e || (hf_buffer_printf(json, ",\"entityName\":") && hf_buffer_quote(json, e->name))) &&
            hf_buffer_printf(json, ",\"path\":") && hf_buffer_quote(json, hf_text(e ? e->folder : s->path)) &&
            hf_buffer_printf(json, ",\"durability\":\"%s\",\"%s\":%llu,\"quarantined\":%llu}",
                             hf_durability_name(s->options.durability), e ? "entities" : "entityNames",
                             (unsigned long long)n, (unsigned long long)in_quarantine);
  return ok ? HF_OK : hf_error_no_memory(err);
}

const hf_backend hf__backend_file = {
    .abi_version = HF_BACKEND_ABI,
    .name = "file",
    .capabilities = HF_CAP_DURABLE | HF_CAP_IF_ABSENT | HF_CAP_QUARANTINE,
    .is_path = true,
    .resolve = resolve,
    .open = open_store,
    .close = close_store,
    .collection_open = collection_open,
    .collection_close = collection_close,
    .get = get,
    .has = has,
    .put = put,
    .remove = remove_one,
    .clear = clear,
    .count = count,
    .scan = scan,
    .entities = entities,
    .stat = stat_store,
    .quarantine = quarantine,
    .quarantined = quarantined,
    .quarantine_scan = scan_damaged,
    .quarantine_put = put_damaged,
    .note_get = hf__file_note_get,
    .note_put = hf__file_note_put,
};
