/* SPDX-License-Identifier: MIT
 *
 * Entries of what expires: see expiry_store.h.
 */
#include "expiry_store.h"

#include <endian.h>
#include <errno.h>

static MDB_val make_key(unsigned char out[EXPIRY_KEY_MAX], const hf__lmdb_expiry *e) {
  uint64_t time = htobe64((uint64_t)e->at << 16);
  uint32_t number = htobe32(e->number);
  memcpy(out, &time, EXPIRY_TIME);
  memcpy(out + EXPIRY_TIME, &number, sizeof number);
  memcpy(out + EXPIRY_KEY_HEAD, e->order.data, e->order.size);
  return (MDB_val){EXPIRY_KEY_HEAD + e->order.size, out};
}

bool hf__lmdb_expiry_read(const MDB_val *k, hf__lmdb_expiry *out) {
  const char *key = k->mv_data;
  uint64_t time = 0;
  if (k->mv_size <= EXPIRY_KEY_HEAD || k->mv_size > EXPIRY_KEY_MAX) return false;
  memcpy(&time, key, EXPIRY_TIME);
  memcpy(&out->number, key + EXPIRY_TIME, sizeof out->number);
  out->at = (int64_t)(be64toh(time) >> 16);
  out->number = be32toh(out->number);
  out->order = (hf_slice){key + EXPIRY_KEY_HEAD, k->mv_size - EXPIRY_KEY_HEAD};
  return true;
}

int hf__lmdb_expiry_put(MDB_txn *txn, MDB_dbi expiry, const hf__lmdb_expiry *entry) {
  unsigned char bytes[EXPIRY_KEY_MAX];
  MDB_val k = make_key(bytes, entry), none = {0, bytes};
  return mdb_put(txn, expiry, &k, &none, 0);
}

int hf__lmdb_expiry_delete_key(MDB_txn *txn, MDB_dbi expiry, MDB_val *key) {
  int rc = mdb_del(txn, expiry, key, NULL);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int hf__lmdb_expiry_delete(MDB_txn *txn, MDB_dbi expiry, const hf__lmdb_expiry *entry) {
  unsigned char bytes[EXPIRY_KEY_MAX];
  MDB_val k = make_key(bytes, entry);
  return hf__lmdb_expiry_delete_key(txn, expiry, &k);
}

int hf__lmdb_expiry_delete_all(MDB_txn *txn, MDB_dbi expiry, uint32_t number) {
  MDB_cursor *c;
  MDB_val k, v;
  hf__lmdb_expiry e;
  int rc = mdb_cursor_open(txn, expiry, &c);
  if (rc) return rc;
  rc = mdb_cursor_get(c, &k, &v, MDB_FIRST);
  while (rc == 0) {
    bool goes = hf__lmdb_expiry_read(&k, &e) && e.number == number;
    if (goes && (rc = mdb_cursor_del(c, 0))) break;
    rc = mdb_cursor_get(c, &k, &v, goes ? MDB_GET_CURRENT : MDB_NEXT);
    if (goes && rc == EINVAL) rc = MDB_NOTFOUND; /* it was the last one */
  }
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}
