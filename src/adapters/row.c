/* SPDX-License-Identifier: MIT
 *
 * The rows of adapters: how one is copied, checked and taken apart.
 *
 * The id of an entity is the template with each part in its place, where `%` and `/` inside a part are
 * percent-encoded.  Two tuples of parts never make one id: a part has no `/`, so that the text between two
 * parts, which must have one, says where the first of them ends.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/adapters.h"
#include "base/error.h"
#include "base/json.h"

#define DEFAULT_BASE "./dump/data"

void hf__adapter_row_free(hf__adapter *a) {
  if (a->needles)
    for (size_t i = 0; i < a->needle_count; i++) free((char *)a->needles[i].text.data);
  free(a->needles);
  free((void *)a->spec.infinite);
  free(a->memory);
  free(a);
}

/* ---- checks */

static bool is_word(const char *text, size_t size) {
  static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
  if (!size || !memchr(first, text[0], sizeof first - 1)) return false;
  for (size_t i = 1; i < size; i++)
    if (!memchr(first, text[i], sizeof first - 1) && !(text[i] >= '0' && text[i] <= '9')) return false;
  return true;
}

static hf_status check_word(const char *name, const char *what, const char *word, hf_error *err) {
  if (word && is_word(word, strlen(word)) && strlen(word) < 64) return HF_OK;
  return hf__fail(err, HF_INVALID_ARGUMENT,
                  "%s: %s must be a word of letters, digits and _, at most 63 of them, not \"%.100s\"", name, what,
                  word ? word : "");
}

/* Finds parts and literals of spec.id. */
static hf_status parse_template(hf__adapter *a, hf_error *err) {
  const char *name = a->spec.name, *at = a->spec.id;
  hf__key unused;
  if (hf__key_init((hf_slice){NULL, 0}, hf_text(at), &unused, NULL))
    return hf__fail(err, HF_INVALID_ARGUMENT,
                    "%s: the id must be 1 to %d bytes of UTF-8 without control characters: "
                    "\"{exchange}/{orderId}\"",
                    name, HF_ID_MAX);
  for (;;) {
    size_t n = strcspn(at, "{}");
    hf_slice literal = {at, n};
    a->literals[a->part_count] = literal;
    at += n;
    if (!*at) return HF_OK;
    if (a->part_count == HF_ADAPTER_PARTS_MAX)
      return hf__fail(err, HF_INVALID_ARGUMENT, "%s: the id has more than %d parts", name, HF_ADAPTER_PARTS_MAX);
    if (a->part_count > 0 && !memchr(literal.data, '/', literal.size))
      return hf__fail(err, HF_INVALID_ARGUMENT,
                      "%s: in the id \"%s\" nothing tells where {%.*s} ends: put a / between it and the next part",
                      name, a->spec.id, (int)a->parts[a->part_count - 1].size, a->parts[a->part_count - 1].data);
    const char *end = *at == '{' ? strchr(at, '}') : NULL;
    hf_slice part = {at + 1, end ? (size_t)(end - at - 1) : 0};
    if (!end || !is_word(part.data, part.size))
      return hf__fail(err, HF_INVALID_ARGUMENT,
                      "%s: the id \"%s\" must have its parts as words in braces: \"{exchange}/{orderId}\"", name,
                      a->spec.id);
    for (size_t i = 0; i < a->part_count; i++)
      if (a->parts[i].size == part.size && memcmp(a->parts[i].data, part.data, part.size) == 0)
        return hf__fail(err, HF_INVALID_ARGUMENT, "%s: the id \"%s\" has {%.*s} twice", name, a->spec.id,
                        (int)part.size, part.data);
    a->parts[a->part_count++] = part;
    at = end + 1;
  }
}

static hf_status check_row(hf__adapter *a, hf_error *err) {
  const hf_adapter_spec *s = &a->spec;
  hf_status status = check_word("defineAdapter", "the name", s->name, err);
  if (status == HF_OK) status = check_word(s->name, "read", s->read, err);
  if (status == HF_OK) status = check_word(s->name, "write", s->write, err);
  if (status == HF_OK && strcmp(s->read, s->write) == 0)
    status =
        hf__fail(err, HF_INVALID_ARGUMENT, "%s: read and write must be different names, not both %s", s->name, s->read);
  hf_error why;
  if (status == HF_OK && hf__entity_name_check(hf_text(s->entity_name), &why))
    status = hf__fail(err, HF_INVALID_ARGUMENT, "%s: %.500s", s->name, why.message);
  for (size_t i = 0; status == HF_OK && i < a->needle_count; i++) {
    hf_slice field = hf_text(s->infinite[i]);
    if (!field.size || hf__utf8_valid_prefix(field) != field.size)
      status = hf__fail(err, HF_INVALID_ARGUMENT, "%s: infinite must list names of fields", s->name);
  }
  return status ? status : parse_template(a, err);
}

/* ---- copies */

static const char *copy_text(char **at, const char *text) {
  size_t size = strlen(text) + 1;
  memcpy(*at, text, size);
  *at += size;
  return *at - size;
}

/* The row with its own memory; NULL: out of memory. */
static hf__adapter *copy_row(const hf_adapter_spec *spec) {
  const char *name = spec->name ? spec->name : "", *collection = spec->entity_name ? spec->entity_name : "";
  const char *id = spec->id ? spec->id : "", *base = spec->base ? spec->base : DEFAULT_BASE;
  char read[96], write[96], noun[64];
  size_t skip = strncmp(name, "Persist", 7) == 0 ? 7 : 0, size = strlen(name + skip), tail = sizeof "Adapter" - 1;
  if (size > tail && strcmp(name + skip + size - tail, "Adapter") == 0) size -= tail;
  snprintf(noun, sizeof noun, "%.*s", (int)(size < 63 ? size : 63), name + skip);
  snprintf(read, sizeof read, "read%sData", noun);
  snprintf(write, sizeof write, "write%sData", noun);
  const char *reads = spec->read ? spec->read : read, *writes = spec->write ? spec->write : write;

  hf__adapter *a = calloc(1, sizeof *a);
  if (!a) return NULL;
  while (spec->infinite && spec->infinite[a->needle_count]) a->needle_count++;
  size_t total = strlen(name) + strlen(collection) + strlen(id) + strlen(base) + strlen(reads) + strlen(writes) + 6;
  if (spec->follows) total += strlen(spec->follows) + 1;
  for (size_t i = 0; i < a->needle_count; i++) total += strlen(spec->infinite[i]) + 1;
  const char **fields = calloc(a->needle_count + 1, sizeof *fields);
  a->spec.struct_size = sizeof a->spec;
  a->spec.infinite = fields;
  a->needles = calloc(a->needle_count + 1, sizeof *a->needles);
  a->memory = malloc(total);
  if (!fields || !a->needles || !a->memory) {
    hf__adapter_row_free(a);
    return NULL;
  }
  char *at = a->memory;
  a->spec.name = copy_text(&at, name);
  a->spec.entity_name = copy_text(&at, collection);
  a->spec.id = copy_text(&at, id);
  a->spec.base = copy_text(&at, base);
  a->spec.read = copy_text(&at, reads);
  a->spec.write = copy_text(&at, writes);
  if (spec->follows) a->spec.follows = copy_text(&at, spec->follows);
  for (size_t i = 0; i < a->needle_count; i++) fields[i] = copy_text(&at, spec->infinite[i]);
  return a;
}

/* Offset of the byte that is likely to be the rarest in a trading host's JSON: most texts then need one memchr. */
static size_t find_rare(hf_slice text) {
  static const char rare_first[] = "QZXJKWYVHGFEOINLRMADCPUBST_zqxjkvwbyfghdmupclsritnoae0123456789";
  size_t best = 1, best_rank = SIZE_MAX;
  for (size_t i = 1; i + 1 < text.size; i++) {
    const char *at = memchr(rare_first, text.data[i], sizeof rare_first - 1);
    size_t rank = at ? (size_t)(at - rare_first) : 0;
    if (rank < best_rank) {
      best = i;
      best_rank = rank;
    }
  }
  return best;
}

static bool quote_needles(hf__adapter *a) {
  for (size_t i = 0; i < a->needle_count; i++) {
    hf_slice field = hf_text(a->spec.infinite[i]);
    char *quoted = malloc(HF__JSON_QUOTED_MAX(field.size));
    if (!quoted) return false;
    a->needles[i].text = (hf_slice){quoted, (size_t)(hf__json_quote(quoted, field) - quoted)};
    a->needles[i].rare = find_rare(a->needles[i].text);
  }
  return true;
}

bool hf__adapter_row_same(const hf__adapter *a, const hf__adapter *b) {
  if (strcmp(a->spec.entity_name, b->spec.entity_name) != 0 || strcmp(a->spec.id, b->spec.id) != 0 ||
      strcmp(a->spec.read, b->spec.read) != 0 || strcmp(a->spec.write, b->spec.write) != 0 ||
      strcmp(a->spec.base, b->spec.base) != 0 || a->needle_count != b->needle_count ||
      strcmp(a->spec.follows ? a->spec.follows : "", b->spec.follows ? b->spec.follows : "") != 0)
    return false;
  for (size_t i = 0; i < a->needle_count; i++)
    if (strcmp(a->spec.infinite[i], b->spec.infinite[i]) != 0) return false;
  return true;
}

hf_status hf__adapter_row_new(const hf_adapter_spec *spec, hf__adapter **out, hf_error *err) {
  hf__adapter *a = copy_row(spec);
  *out = NULL;
  if (!a) return hf__no_memory(err);
  hf_status status = check_row(a, err);
  if (status == HF_OK && !quote_needles(a)) status = hf__no_memory(err);
  if (status)
    hf__adapter_row_free(a);
  else
    *out = a;
  return status;
}
