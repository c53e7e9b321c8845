/* SPDX-License-Identifier: MIT
 *
 * The end of a backup: see backup_trailer.h.
 */
#include "backup_trailer.h"

#include <endian.h>
#include <isa-l/crc.h>
#include <string.h>

static const char MAGIC[8] = "HFBACKUP";

enum {
  VERSION = 1,
  AT_VERSION = 8,
  AT_HEADER_BYTES = 12,
  AT_BYTES = 16,
  AT_REVISION = 24,
  AT_TIME = 32,
  AT_PAGES = 52,
  AT_HEADERS = 56
};
enum { AT_OWN = BACKUP_TRAILER_SIZE - 4 };

static void put32(unsigned char *at, uint32_t n) {
  n = htole32(n);
  memcpy(at, &n, sizeof n);
}

static void put64(unsigned char *at, uint64_t n) {
  n = htole64(n);
  memcpy(at, &n, sizeof n);
}

static uint32_t get32(const unsigned char *at) {
  uint32_t n;
  memcpy(&n, at, sizeof n);
  return le32toh(n);
}

static uint64_t get64(const unsigned char *at) {
  uint64_t n;
  memcpy(&n, at, sizeof n);
  return le64toh(n);
}

static uint32_t own_sum(const unsigned char *bytes) {
  return crc32_iscsi((unsigned char *)(uintptr_t)bytes, AT_OWN, 0);
}

void hf__lmdb_trailer_write(unsigned char out[BACKUP_TRAILER_SIZE], const struct hf__lmdb_trailer *t) {
  memset(out, 0, BACKUP_TRAILER_SIZE);
  memcpy(out, MAGIC, sizeof MAGIC);
  put32(out + AT_VERSION, VERSION);
  put32(out + AT_HEADER_BYTES, t->header_bytes);
  put64(out + AT_BYTES, t->bytes);
  put64(out + AT_REVISION, t->revision);
  put64(out + AT_TIME, (uint64_t)t->at);
  put32(out + AT_PAGES, t->pages_sum);
  put32(out + AT_HEADERS, t->headers_sum);
  put32(out + AT_OWN, own_sum(out));
}

hf_status hf__lmdb_trailer_read(const unsigned char bytes[BACKUP_TRAILER_SIZE], uint64_t file_size,
                                struct hf__lmdb_trailer *out, hf_error *err) {
  if (memcmp(bytes, MAGIC, sizeof MAGIC) != 0)
    return hf_error_set(err, HF_CORRUPT,
                        "it does not end as a backup does: it was cut off, or is none; take another backup");
  if (get32(bytes + AT_OWN) != own_sum(bytes))
    return hf_error_set(err, HF_CORRUPT, "its end was changed since it was written: take another backup");
  if (get32(bytes + AT_VERSION) != VERSION)
    return hf_error_set(err, HF_UNSUPPORTED,
                        "it is a backup of version %u, and this Holdfast (%s) reads version %d: "
                        "upgrade it",
                        get32(bytes + AT_VERSION), HF_VERSION_STRING, VERSION);
  *out = (struct hf__lmdb_trailer){.bytes = get64(bytes + AT_BYTES),
                                   .header_bytes = get32(bytes + AT_HEADER_BYTES),
                                   .revision = get64(bytes + AT_REVISION),
                                   .at = (int64_t)get64(bytes + AT_TIME),
                                   .pages_sum = get32(bytes + AT_PAGES),
                                   .headers_sum = get32(bytes + AT_HEADERS)};
  if (out->bytes != file_size - BACKUP_TRAILER_SIZE)
    return hf_error_set(err, HF_CORRUPT, "it has %llu bytes and should have %llu: take another backup",
                        (unsigned long long)file_size, (unsigned long long)out->bytes + BACKUP_TRAILER_SIZE);
  return HF_OK;
}
