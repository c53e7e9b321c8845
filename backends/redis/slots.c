/* SPDX-License-Identifier: MIT
 *
 * The slots of a cluster.  A slot is the CRC16 (XMODEM) of a key, or of what stands in its first {...}, modulo 16384.
 * What nodes say about slots is checked before anything is made of it: a number that is out of range would be another
 * slot, another port, or the path of a socket.
 */
#include "slots.h"

#include <string.h>

/* What stands in the first {...} of a key where that is not empty, or the key. */
static hf_slice hashed_part(hf_slice key) {
  const char *open = memchr(key.data, '{', key.size);
  if (!open) return key;
  size_t left = key.size - (size_t)(open + 1 - key.data);
  const char *close = memchr(open + 1, '}', left);
  return close && close > open + 1 ? (hf_slice){open + 1, (size_t)(close - open - 1)} : key;
}

int hf__redis_slot(hf_slice key) {
  static const uint16_t table[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50A5, 0x60C6, 0x70E7,
                                     0x8108, 0x9129, 0xA14A, 0xB16B, 0xC18C, 0xD1AD, 0xE1CE, 0xF1EF};
  unsigned crc = 0;
  key = hashed_part(key);
  for (size_t i = 0; i < key.size; i++) {
    unsigned byte = (unsigned char)key.data[i];
    crc = (crc << 4 ^ table[(crc >> 12 ^ byte >> 4) & 15]) & 0xFFFF;
    crc = (crc << 4 ^ table[(crc >> 12 ^ byte) & 15]) & 0xFFFF;
  }
  return (int)(crc % REDIS_SLOTS);
}

/* The whole number that ends at `end`; -1: it is none, or greater than max. */
static int number(const char *text, const char *end, int max) {
  int n = 0;
  for (const char *p = text; p < end; p++) {
    if (*p < '0' || *p > '9') return -1;
    n = n * 10 + (*p - '0');
    if (n > max) return -1;
  }
  return text < end ? n : -1;
}

bool hf__redis_redirect_parse(const char *text, const char *said_by, hf__redis_redirect *out) {
  const char *slot = strchr(text, ' '), *host, *colon;
  if (!slot || !(host = strchr(++slot, ' ')) || !(colon = strrchr(host, ':'))) return false;
  *out = (hf__redis_redirect){.slot = number(slot, host, REDIS_SLOTS - 1)};
  out->to.port = number(colon + 1, colon + strlen(colon), REDIS_PORT_MAX);
  size_t size = (size_t)(colon - ++host);
  if (out->slot < 0 || out->to.port <= 0 || size >= sizeof out->to.host) return false;
  memcpy(out->to.host, host, size);
  if (!size) strcpy(out->to.host, said_by);
  return true;
}

bool hf__redis_range_parse(const redisReply *reply, const char *said_by, hf__redis_range *out) {
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3) return false;
  const redisReply *master = reply->element[2];
  long long first = reply->element[0]->integer, last = reply->element[1]->integer;
  if (reply->element[0]->type != REDIS_REPLY_INTEGER || reply->element[1]->type != REDIS_REPLY_INTEGER ||
      master->type != REDIS_REPLY_ARRAY || master->elements < 2 || master->element[1]->type != REDIS_REPLY_INTEGER ||
      first < 0 || last < first || last >= REDIS_SLOTS)
    return false;
  bool named = master->element[0]->type == REDIS_REPLY_STRING && master->element[0]->len &&
               strcmp(master->element[0]->str, "?") != 0;
  const char *host = named ? master->element[0]->str : said_by;
  long long port = master->element[1]->integer;
  *out = (hf__redis_range){(int)first, (int)last, {.port = port > 0 && port <= REDIS_PORT_MAX ? (int)port : 0}};
  if (strlen(host) >= sizeof out->master.host) return false;
  strcpy(out->master.host, host);
  return true;
}
