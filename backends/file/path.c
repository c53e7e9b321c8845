/* SPDX-License-Identifier: MIT
 *
 * Ids as relative paths: see path.h.
 */
#include "path.h"

#include <string.h>

static const char suffix[] = ".json";
enum { SUFFIX = sizeof suffix - 1 };

struct encoder {
  char *out;
  size_t size;     /* written */
  size_t part;     /* where the current piece of a part begins */
  size_t part_max; /* of a piece */
};

/* Appends a character or an escape, which are never torn apart. */
static void put(struct encoder *e, const char *text, size_t n) {
  if (e->size - e->part + n > e->part_max - 2) { /* what follows may be longer than fits: leave room for the mark */
    memcpy(e->out + e->size, "%~/", 3);
    e->size += 3;
    e->part = e->size;
    if (*text == '.') { /* would begin a name */
      text = "%2E";
      n = 3;
    }
  }
  memcpy(e->out + e->size, text, n);
  e->size += n;
}

static size_t escaped_size(const char *data, size_t n, bool is_folder) {
  size_t size = n;
  for (size_t i = 0; i < n; i++) size += data[i] == '%' || data[i] == '/' ? 2 : 0;
  if (n && data[0] == '.') size += 2;
  if (is_folder && n >= SUFFIX && memcmp(data + n - SUFFIX, suffix, SUFFIX) == 0) size += 2;
  return size;
}

/* One part; slashes in it are escaped. */
static void put_part(struct encoder *e, const char *data, size_t n, bool is_folder) {
  size_t part_max = e->part_max;
  if (escaped_size(data, n, is_folder) <= part_max) e->part_max = part_max + 2; /* no mark will be needed */
  e->part = e->size;
  size_t dot = is_folder && n >= SUFFIX && memcmp(data + n - SUFFIX, suffix, SUFFIX) == 0 ? n - SUFFIX : n;
  if (n == 0) put(e, "%", 1);
  for (size_t i = 0; i < n; i++) {
    if (data[i] == '%')
      put(e, "%25", 3);
    else if (data[i] == '/')
      put(e, "%2F", 3);
    else if (data[i] == '.' && (i == 0 || i == dot))
      put(e, "%2E", 3);
    else
      put(e, data + i, 1);
  }
  e->part_max = part_max;
}

size_t hf__file_encode_id(hf_slice id, size_t part_max, char out[FILE_RELATIVE_MAX]) {
  struct encoder e = {.out = out, .part_max = part_max};
  const char *p = id.data, *end = id.data + id.size;
  for (;;) {
    const char *slash = memchr(p, '/', (size_t)(end - p));
    put_part(&e, p, (size_t)((slash ? slash : end) - p), slash != NULL);
    if (!slash) break;
    out[e.size++] = '/';
    p = slash + 1;
  }
  out[e.size] = '\0';
  return e.size;
}

size_t hf__file_encode_name(hf_slice name, char out[FILE_RELATIVE_MAX]) {
  struct encoder e = {.out = out, .part_max = FILE_PART_MAX};
  put_part(&e, name.data, name.size, false);
  out[e.size] = '\0';
  return e.size;
}

bool hf__file_decode_part(const char *part, size_t size, char *out, size_t *out_size, bool *continued) {
  static const struct { char text[4], meaning; } escapes[] = {{"%25", '%'}, {"%2E", '.'}, {"%2F", '/'}};
  *continued = size > 2 && memcmp(part + size - 2, "%~", 2) == 0;
  if (*continued) size -= 2;
  if (size == 1 && part[0] == '%') return !*continued;
  for (size_t i = 0; i < size; i++) {
    char c = part[i];
    if (c == '%') {
      size_t k = 0;
      while (k < 3 && (size - i < 3 || memcmp(part + i, escapes[k].text, 3) != 0)) k++;
      if (k == 3) return false;
      c = escapes[k].meaning;
      i += 2;
    }
    if (*out_size == HF_ID_MAX) return false;
    out[(*out_size)++] = c;
  }
  return true;
}
