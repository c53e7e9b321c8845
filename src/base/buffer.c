/* SPDX-License-Identifier: MIT
 *
 * Growable bytes: hf_buffer.  Capacity at least doubles, one byte is kept for
 * the 0 after the content, and a failed growth leaves the buffer as it was.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "holdfast/backend.h"

void hf_buffer_free(hf_buffer *buffer) {
  if (!buffer) return;
  free(buffer->data);
  *buffer = (hf_buffer)HF_BUFFER_INIT;
}

bool hf_buffer_reserve(hf_buffer *buffer, size_t size) {
  if (size < buffer->capacity) return true;
  if (size > SIZE_MAX / 2) return false;
  size_t capacity = buffer->capacity ? buffer->capacity * 2 : 512;
  if (capacity <= size) capacity = size + 1;
  char *data = realloc(buffer->data, capacity);
  if (!data) return false;
  buffer->data = data;
  buffer->capacity = capacity;
  return true;
}

bool hf_buffer_add(hf_buffer *buffer, const void *data, size_t size) {
  if (size > SIZE_MAX / 2 || !hf_buffer_reserve(buffer, buffer->size + size)) return false;
  if (size) memcpy(buffer->data + buffer->size, data, size);
  buffer->size += size;
  buffer->data[buffer->size] = '\0';
  return true;
}

bool hf_buffer_printf(hf_buffer *buffer, const char *fmt, ...) {
  va_list args, again;
  va_start(args, fmt);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, fmt, args);
  va_end(args);
  bool ok = n >= 0 && hf_buffer_reserve(buffer, buffer->size + (size_t)n);
  if (ok) {
    vsnprintf(buffer->data + buffer->size, (size_t)n + 1, fmt, again);
    buffer->size += (size_t)n;
  }
  va_end(again);
  return ok;
}

/* Reads one character of a quoted string, escaped or not; *at goes on after it.  False: the text ends here. */
static bool unquote(hf_slice text, size_t *at, char *out) {
  static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
  if (*at >= text.size || text.data[*at] == '"') return false;
  *out = text.data[(*at)++];
  if (*out != '\\') return true;
  if (*at >= text.size) return false;
  char c = text.data[(*at)++];
  const char *found = strchr(letters, c);
  *out = c && found ? meanings[found - letters] : c;
  if (c != 'u') return true;
  if (text.size - *at < 4) return false;
  char digits[5] = {0};
  memcpy(digits, text.data + *at, 4);
  *at += 4;
  *out = (char)strtoul(digits, NULL, 16); /* only control characters are written so */
  return true;
}

size_t hf_json_member(hf_slice object, const char *name, char *out, size_t capacity) {
  char mark[64];
  size_t size = (size_t)snprintf(mark, sizeof mark, "\"%s\":\"", name), at = 0, used = 0;
  const char *found = memmem(object.data, object.size, mark, size);
  out[0] = '\0';
  if (!found) return 0;
  hf_slice text = {found + size, object.size - (size_t)(found - object.data) - size};
  while (used + 1 < capacity && unquote(text, &at, out + used)) used++;
  out[used] = '\0';
  return used;
}

int64_t hf_now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t hf_clock_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
