/* SPDX-License-Identifier: MIT
 *
 * Entries of indexes: see index_store.h.
 */
#include "index_store.h"

#include <endian.h>
#include <string.h>

#include "env.h"
#include "quarantine.h"

enum { HASH = 8, CLOCK_EVERY = 64 };

static void put_number(unsigned char *out, uint32_t number) {
  number = htobe32(number);
  memcpy(out, &number, sizeof number);
}

/* Ends a key that would be too long: as much of the order key as there is room for, and a hash of it. */
static size_t end_long(unsigned char *out, size_t room, hf_slice order) {
  uint64_t hash = htobe64(hf__lmdb_name_hash(order));
  memcpy(out, order.data, room - HASH);
  memcpy(out + room - HASH, &hash, HASH);
  return room;
}

void hf__lmdb_entry_make(hf__lmdb_entry *e, uint32_t number, hf_slice value, hf_slice order) {
  unsigned char *out = e->key_bytes;
  size_t head = ENTRY_NUMBER + value.size, size = order.size, room = ENTRY_KEY_MAX - head;
  put_number(out, number);
  memcpy(out + ENTRY_NUMBER, value.data, value.size);
  e->value_bytes[0] = (unsigned char)value.size;
  e->value = (MDB_val){1, e->value_bytes};
  if (size <= room) {
    memcpy(out + head, order.data, size);
  } else {
    size = end_long(out + head, room, order);
    memcpy(e->value_bytes + 1, order.data, order.size);
    e->value.mv_size += order.size;
  }
  e->key = (MDB_val){head + size, out};
}

bool hf__lmdb_entry_read(const MDB_val *k, const MDB_val *v, hf__lmdb_stored *out) {
  const char *key = k->mv_data, *value = v->mv_data;
  if (k->mv_size <= ENTRY_NUMBER || !v->mv_size) return false;
  memcpy(&out->number, key, sizeof out->number);
  out->number = be32toh(out->number);
  out->position = (hf_slice){key + ENTRY_NUMBER, k->mv_size - ENTRY_NUMBER};
  out->value = (hf_slice){out->position.data, (unsigned char)value[0]};
  if (out->value.size >= out->position.size) return false;
  out->order = (hf_slice){out->position.data + out->value.size, out->position.size - out->value.size};
  if (v->mv_size > 1) out->order = (hf_slice){value + 1, v->mv_size - 1};
  return out->order.size <= HF_ORDER_KEY_MAX;
}

hf_slice hf__lmdb_order_id(hf_slice order) {
  const char *cut = memchr(order.data, 0, order.size);
  return cut ? (hf_slice){cut + 1, order.size - (size_t)(cut + 1 - order.data)} : order;
}

int hf__lmdb_entry_put(MDB_txn *txn, MDB_dbi index_dbi, uint32_t number, hf_slice value, hf_slice order) {
  hf__lmdb_entry e;
  hf__lmdb_entry_make(&e, number, value, order);
  return mdb_put(txn, index_dbi, &e.key, &e.value, 0);
}

int hf__lmdb_entry_delete(MDB_txn *txn, MDB_dbi index_dbi, uint32_t number, hf_slice value, hf_slice order) {
  hf__lmdb_entry e;
  hf__lmdb_entry_make(&e, number, value, order);
  int rc = mdb_del(txn, index_dbi, &e.key, NULL);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int hf__lmdb_entry_insert(MDB_cursor *c, const hf__lmdb_entry *e, bool *appends) {
  MDB_val k = e->key, v = e->value;
  int rc = *appends ? mdb_cursor_put(c, &k, &v, MDB_APPEND) : MDB_KEYEXIST;
  if (rc != MDB_KEYEXIST) return rc;
  *appends = false;
  rc = mdb_cursor_put(c, &k, &v, MDB_NOOVERWRITE);
  return rc == MDB_KEYEXIST ? 0 : rc;
}

/* ---- those of a number */

static int check_number(uint32_t number, const MDB_val *k) {
  unsigned char wanted[ENTRY_NUMBER];
  put_number(wanted, number);
  bool is_of = k->mv_size > ENTRY_NUMBER && memcmp(k->mv_data, wanted, ENTRY_NUMBER) == 0;
  return is_of ? 0 : MDB_NOTFOUND;
}

int hf__lmdb_entry_seek(MDB_cursor *c, uint32_t number, hf_slice position, MDB_val *k, MDB_val *v) {
  unsigned char key[ENTRY_KEY_MAX];
  size_t size = position.size < ENTRY_KEY_MAX - ENTRY_NUMBER ? position.size : ENTRY_KEY_MAX - ENTRY_NUMBER;
  put_number(key, number);
  if (size) memcpy(key + ENTRY_NUMBER, position.data, size);
  *k = (MDB_val){ENTRY_NUMBER + size, key};
  int rc = mdb_cursor_get(c, k, v, MDB_SET_RANGE);
  if (rc) k->mv_data = NULL;
  return rc ? rc : check_number(number, k);
}

int hf__lmdb_entry_step(MDB_cursor *c, uint32_t number, MDB_cursor_op op, MDB_val *k, MDB_val *v) {
  int rc = mdb_cursor_get(c, k, v, op);
  if (rc) k->mv_data = NULL;
  return rc ? rc : check_number(number, k);
}

int hf__lmdb_entries_clear(MDB_txn *txn, MDB_dbi index_dbi, uint32_t number, int64_t end, bool *more) {
  MDB_cursor *c;
  MDB_val k, v;
  const hf_slice first = {NULL, 0};
  *more = false;
  int rc = mdb_cursor_open(txn, index_dbi, &c);
  if (rc) return rc;
  for (unsigned n = 1; (rc = hf__lmdb_entry_seek(c, number, first, &k, &v)) == 0; n++) {
    *more = end && n % CLOCK_EVERY == 0 && hf_clock_ns() > end;
    if (*more || (rc = mdb_cursor_del(c, 0))) break;
  }
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int hf__lmdb_entries_number(MDB_txn *txn, MDB_dbi index_dbi, uint32_t from, uint32_t *number) {
  MDB_cursor *c;
  unsigned char key[ENTRY_NUMBER];
  MDB_val k = {sizeof key, key}, v;
  put_number(key, from);
  int rc = mdb_cursor_open(txn, index_dbi, &c);
  if (rc) return rc;
  rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
  if (rc == 0) {
    uint32_t found = UINT32_MAX;
    memcpy(&found, k.mv_data, k.mv_size < sizeof found ? k.mv_size : sizeof found);
    *number = be32toh(found);
  }
  mdb_cursor_close(c);
  return rc;
}

int hf__lmdb_entries_count(MDB_txn *txn, MDB_dbi index_dbi, uint32_t number, uint64_t *count) {
  MDB_cursor *c;
  MDB_val k, v;
  *count = 0;
  int rc = mdb_cursor_open(txn, index_dbi, &c);
  if (rc) return rc;
  for (rc = hf__lmdb_entry_seek(c, number, (hf_slice){NULL, 0}, &k, &v); rc == 0;
       rc = hf__lmdb_entry_step(c, number, MDB_NEXT, &k, &v))
    ++*count;
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Finds the first entry of the order key; MDB_NOTFOUND: none. */
static int find(MDB_cursor *c, uint32_t number, hf_slice order, MDB_val *k, MDB_val *v, hf__lmdb_stored *found) {
  int rc;
  for (rc = hf__lmdb_entry_seek(c, number, (hf_slice){NULL, 0}, k, v); rc == 0;
       rc = hf__lmdb_entry_step(c, number, MDB_NEXT, k, v))
    if (hf__lmdb_entry_read(k, v, found) && found->order.size == order.size &&
        memcmp(found->order.data, order.data, order.size) == 0)
      break;
  return rc;
}

int hf__lmdb_entries_sweep(MDB_txn *txn, MDB_dbi index_dbi, uint32_t number, hf_slice order, const hf_slice *held) {
  MDB_cursor *c;
  MDB_val k, v;
  hf__lmdb_stored found;
  int rc = mdb_cursor_open(txn, index_dbi, &c);
  if (rc) return rc;
  while ((rc = find(c, number, order, &k, &v, &found)) == 0) {
    hf__lmdb_entry e;
    if (held) hf__lmdb_entry_make(&e, hf__lmdb_held(number), found.value, *held);
    rc = mdb_cursor_del(c, 0);
    if (rc == 0 && held) rc = mdb_put(txn, index_dbi, &e.key, &e.value, 0);
    if (rc) break;
  }
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int hf__lmdb_entries_copy_held(MDB_txn *txn, MDB_dbi index_dbi, uint32_t from, uint32_t to,
                               bool (*wants)(hf_slice order, void *arg), void *arg) {
  MDB_cursor *c;
  MDB_val k, v;
  int rc = mdb_cursor_open(txn, index_dbi, &c);
  if (rc) return rc;
  for (rc = hf__lmdb_entry_seek(c, hf__lmdb_held(from), (hf_slice){NULL, 0}, &k, &v); rc == 0;
       rc = hf__lmdb_entry_step(c, hf__lmdb_held(from), MDB_NEXT, &k, &v)) {
    hf__lmdb_stored e;
    hf__lmdb_entry copy;
    if (!hf__lmdb_entry_read(&k, &v, &e) || !wants(e.order, arg)) continue;
    hf__lmdb_entry_make(&copy, hf__lmdb_held(to), e.value, e.order);
    if ((rc = mdb_put(txn, index_dbi, &copy.key, &copy.value, 0))) break;
  }
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Puts a cursor on the next one that is held of the number, and not wanted. */
static int find_unwanted(MDB_cursor *c, uint32_t number, bool (*wants)(hf_slice order, void *arg), void *arg) {
  MDB_val k, v;
  hf__lmdb_stored e;
  int rc;
  for (rc = hf__lmdb_entry_seek(c, number, (hf_slice){NULL, 0}, &k, &v); rc == 0;
       rc = hf__lmdb_entry_step(c, number, MDB_NEXT, &k, &v))
    if (!hf__lmdb_entry_read(&k, &v, &e) || !wants(e.order, arg)) break;
  return rc;
}

int hf__lmdb_entries_let_go(MDB_txn *txn, MDB_dbi index_dbi, uint32_t number, bool (*wants)(hf_slice order, void *arg),
                            void *arg) {
  MDB_cursor *c;
  int rc = mdb_cursor_open(txn, index_dbi, &c);
  if (rc) return rc;
  while ((rc = find_unwanted(c, hf__lmdb_held(number), wants, arg)) == 0)
    if ((rc = mdb_cursor_del(c, 0))) break;
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int hf__lmdb_entries_drop(MDB_txn *txn, MDB_dbi index_dbi) { return mdb_drop(txn, index_dbi, 0); }

static bool is_held(const MDB_val *k, const MDB_val *v) {
  hf__lmdb_stored e;
  return hf__lmdb_entry_read(k, v, &e) && e.number != hf__lmdb_not_held(e.number);
}

int hf__lmdb_entries_clear_all(MDB_txn *txn, MDB_dbi index_dbi) {
  MDB_cursor *c;
  MDB_val k, v;
  int rc = mdb_cursor_open(txn, index_dbi, &c);
  if (rc) return rc;
  rc = mdb_cursor_get(c, &k, &v, MDB_LAST); /* held ones come last */
  bool any_held = rc == 0 && is_held(&k, &v);
  while (any_held && rc == 0 && (rc = mdb_cursor_get(c, &k, &v, MDB_FIRST)) == 0 && !is_held(&k, &v))
    rc = mdb_cursor_del(c, 0);
  mdb_cursor_close(c);
  if (rc && rc != MDB_NOTFOUND) return rc;
  return any_held ? 0 : hf__lmdb_entries_drop(txn, index_dbi);
}
