/* SPDX-License-Identifier: MIT
 *
 * Records: see record.h.  The checksum is isa-l's CRC32C (about 25 ns for a
 * 430-byte signal); the id is part of it, so that a record that ends up under another
 * key is found as well.
 */
#include "record.h"

#include <endian.h>
#include <isa-l/crc.h>
#include <string.h>

static uint64_t word_at(const char *p) {
  uint64_t word;
  memcpy(&word, p, 8);
  return le64toh(word);
}

/* A hash of the id by multiplications over words of 8 bytes, of which the last one ends with the id (ids below 8 bytes
 * are padded with zeros).  Part of the format. */
static inline __attribute__((always_inline)) uint32_t id_hash(hf_slice id) {
  const uint64_t prime = 1099511628211U;
  uint64_t h = 14695981039346656037U ^ id.size, last = 0;
  if (id.size >= 8) {
    for (size_t at = 0; at + 8 < id.size; at += 8) {
      h = (h ^ word_at(id.data + at)) * prime;
      h ^= h >> 32;
    }
    last = word_at(id.data + id.size - 8);
  } else {
    for (size_t at = id.size; at > 0; at--) last = last << 8 | (unsigned char)id.data[at - 1];
  }
  h = (h ^ last) * prime;
  return (uint32_t)(h ^ (h >> 32));
}

static inline __attribute__((always_inline)) uint32_t checksum(const unsigned char *record, size_t size, hf_slice id) {
  uint32_t crc = id_hash(id);
  record += 8;
  size -= 8;
  while (__builtin_expect(size > 1 << 30, 0)) {
    crc = crc32_iscsi((unsigned char *)(uintptr_t)record, 1 << 30, crc);
    record += 1 << 30;
    size -= 1 << 30;
  }
  return crc32_iscsi((unsigned char *)(uintptr_t)record, (int)size, crc);
}

void hf__lmdb_record_write(void *out, hf_slice id, hf_slice json, const hf_info *info) {
  unsigned char *p = out;
  uint64_t updated = htole64((uint64_t)info->updated_at), revision = htole64(info->revision);
  uint64_t expires = htole64((uint64_t)info->expires_at);
  size_t size = hf__lmdb_record_size(0, info->expires_at);
  uint16_t header = htole16((uint16_t)size);
  p[0] = size == RECORD_HEADER ? RECORD_VERSION : RECORD_EXPIRING;
  p[1] = (unsigned char)id.size;
  memcpy(p + 2, &header, 2);
  memcpy(p + 8, &updated, 8);
  memcpy(p + 16, &revision, 8);
  if (size > RECORD_HEADER) memcpy(p + RECORD_HEADER, &expires, 8);
  memcpy(p + size, json.data, json.size);
  uint32_t crc = htole32(checksum(p, size + json.size, id));
  memcpy(p + 4, &crc, 4);
}

/* The size of a header that is longer than RECORD_HEADER, and when the record expires; 0: it is none that is known. */
static size_t read_expiring(const MDB_val *record, size_t header, int64_t *expires_at) {
  *expires_at = header == RECORD_HEADER_EXPIRING ? hf__lmdb_record_expires_at(record) : 0;
  return *expires_at > 0 ? header : 0;
}

const char *hf__lmdb_record_read(const MDB_val *record, hf_slice id, hf_slice *json, hf_info *info) {
  const unsigned char *p = record->mv_data;
  uint16_t size;
  uint32_t crc;
  uint64_t updated, revision;
  size_t header = RECORD_HEADER;
  if (record->mv_size < RECORD_HEADER) return "its record is shorter than a header";
  memcpy(&size, p + 2, 2);
  memcpy(&crc, p + 4, 4);
  info->expires_at = 0;
  if (__builtin_expect(p[0] != RECORD_VERSION || le16toh(size) != RECORD_HEADER, 0))
    header = read_expiring(record, le16toh(size), &info->expires_at);
  if (!header || p[1] != id.size) return "its record has an unknown header";
  if (checksum(p, record->mv_size, id) != le32toh(crc)) return "its checksum does not match";
  memcpy(&updated, p + 8, 8);
  memcpy(&revision, p + 16, 8);
  info->updated_at = (int64_t)le64toh(updated);
  info->revision = le64toh(revision);
  json->data = (const char *)p + header;
  json->size = record->mv_size - header;
  return NULL;
}

hf_slice hf__lmdb_record_search_id(const MDB_val *key) {
  const char *k = key->mv_data;
  const char *cut = memchr(k, 0, key->mv_size);
  size_t size = cut ? key->mv_size - (size_t)(cut + 1 - k) : 0;
  if (size == 0 || size > HF_ID_MAX) return (hf_slice){NULL, 0};
  return (hf_slice){k + key->mv_size - size, size};
}

bool hf__lmdb_record_key_is_sound(const MDB_val *key, hf_slice id) {
  unsigned char order[HF_ORDER_KEY_MAX];
  size_t size = hf_order_key(id, order);
  return size == key->mv_size && memcmp(order, key->mv_data, size) == 0;
}

uint64_t hf__lmdb_record_revision(const MDB_val *record) {
  uint64_t revision;
  if (record->mv_size < RECORD_HEADER) return 0;
  memcpy(&revision, (const char *)record->mv_data + 16, 8);
  return le64toh(revision);
}

uint64_t hf__lmdb_record_hash(const MDB_val *record, hf_slice id) {
  uint32_t crc = 0;
  if (record->mv_size >= 8) memcpy(&crc, (const char *)record->mv_data + 4, 4);
  uint64_t h = (uint64_t)id_hash(id) << 32 | le32toh(crc);
  h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9U; /* the end of splitmix64 */
  h = (h ^ h >> 27) * 0x94D049BB133111EBU;
  return h ^ h >> 31;
}
