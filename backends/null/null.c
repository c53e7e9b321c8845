/* SPDX-License-Identifier: MIT
 *
 * The backend that keeps nothing: every write succeeds, every read finds nothing.
 * It is the smallest complete backend; copy this file to begin a new one.
 */
#include <string.h>

#include "holdfast/backend.h"

static hf_status resolve(const hf_location *at, char identity[HF_IDENTITY_MAX], hf_error *err) {
  (void)at;
  (void)err;
  strcpy(identity, "null");
  return HF_OK;
}

static hf_status open_store(const hf_location *at, void **store, hf_error *err) {
  (void)at;
  (void)err;
  *store = NULL;
  return HF_OK;
}

static void close_store(void *store) { (void)store; }

static hf_status collection_open(void *store, hf_slice name, void **collection, hf_error *err) {
  (void)store;
  (void)name;
  (void)err;
  *collection = NULL;
  return HF_OK;
}

static void collection_close(void *store, void *collection) {
  (void)store;
  (void)collection;
}

static hf_status get(void *store, void *txn, void *collection, const hf_key *key, hf_buffer *json, hf_info *info,
                     hf_error *err) {
  (void)store;
  (void)txn;
  (void)collection;
  (void)key;
  (void)json;
  (void)info;
  (void)err;
  return HF_NOT_FOUND;
}

static hf_status has(void *store, void *txn, void *collection, const hf_key *key, hf_error *err) {
  (void)store;
  (void)txn;
  (void)collection;
  (void)key;
  (void)err;
  return HF_NOT_FOUND;
}

static hf_status put(void *store, void *txn, void *collection, const hf_put *put, const hf_write_options *options,
                     hf_info *info, hf_error *err) {
  (void)store;
  (void)txn;
  (void)collection;
  (void)put;
  (void)options;
  (void)err;
  info->updated_at = hf_now_ms();
  return HF_OK;
}

static hf_status remove_one(void *store, void *txn, void *collection, const hf_key *key, hf_error *err) {
  return has(store, txn, collection, key, err);
}

static hf_status clear(void *store, void *txn, void *collection, hf_error *err) {
  (void)store;
  (void)txn;
  (void)collection;
  (void)err;
  return HF_OK;
}

static hf_status count(void *store, void *txn, void *collection, uint64_t *n, hf_error *err) {
  *n = 0;
  return clear(store, txn, collection, err);
}

static hf_status scan(void *store, void *txn, void *collection, const hf_scan *scan, hf_page *page, bool *more,
                      hf_error *err) {
  (void)scan;
  (void)page;
  *more = false;
  return clear(store, txn, collection, err);
}

static hf_status entities(void *store, void *txn, hf_page *page, hf_error *err) {
  (void)page;
  return clear(store, txn, NULL, err);
}

static hf_status stat_store(void *store, void *txn, void *collection, hf_buffer *json, hf_error *err) {
  (void)txn;
  (void)store;
  (void)collection;
  json->size = 0;
  return hf_buffer_printf(json, "{\"backend\":\"null\",\"entities\":0}") ? HF_OK : hf_error_no_memory(err);
}

const hf_backend hf__backend_null = {
    .abi_version = HF_BACKEND_ABI,
    .name = "null",
    .capabilities = 0,
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
};
