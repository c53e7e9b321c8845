/* SPDX-License-Identifier: MIT
 *
 * An index from the paths that somebody wrote: its name and its definition.
 *
 * A path is what is a path in a condition: it is read as one, so that an index and a condition mean the same by the
 * same text.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "condition/lexer.h"
#include "condition/node.h"
#include "index/index.h"

enum { NAME_MAX_BYTES = 500 };

static const char shape[] = "metadata.symbol, tags[1] or v[\"any key\"]";

/* ---- reading */

void hf__index_say(char *out, size_t capacity, hf_slice text) {
  hf__copy_text(out, capacity, text.data ? text.data : "", text.size);
  size_t size = strlen(out), at = 0;
  while ((at += hf__utf8_valid_prefix((hf_slice){out + at, size - at})) < size) out[at] = '?';
}

/* Adds how to write a field whose name is the whole text, if that may be meant. */
static void suggest(hf_slice text, hf_error *err) {
  size_t size = strlen(err->message);
  if (hf__utf8_valid_prefix(text) < text.size) return;
  for (size_t i = 0; i < text.size; i++)
    if ((unsigned char)text.data[i] < ' ' || strchr("\"\\'[]", text.data[i])) return;
  if (text.size && text.size < 100 && size < sizeof err->message)
    snprintf(err->message + size, sizeof err->message - size, "; the field of this very name is v[\"%.*s\"]",
             (int)text.size, text.data);
}

static hf_status refuse(hf_slice text, const char *why, hf_error *err) {
  char copy[100];
  hf__index_say(copy, sizeof copy, text);
  return hf__fail(err, HF_INVALID_ARGUMENT, "an index is over paths such as %s, and \"%s\" is none: %s", shape, copy,
                  why);
}

/* Whether it may be the name of an index over several paths. */
static bool is_list(hf_slice text) { return memchr(text.data, ',', text.size) && !memchr(text.data, '[', text.size); }

/* Why a text is no path: in words of paths where the parser speaks of conditions. */
static const char *why_not(hf_slice text, const char *parsed) {
  if (is_list(text)) return "several paths are a list, each a text of its own";
  if (!memchr(text.data, '[', text.size) && strstr(parsed, "texts are not joined"))
    return "two points stand together: the name of a field belongs between them";
  if (strstr(parsed, ": a parameter is written ?") && strchr("$@", text.data[0]))
    return "a path begins with the name of a field, without $ or @ before it";
  if (strstr(parsed, "a condition is one expression")) return "a word of Lua is no path, and no name after a point";
  return parsed;
}

/* The path that the condition is, if it is nothing else. */
static hf_status take_path(hf_slice text, const hf_condition *c, hf__index_path *path, hf_error *err) {
  const hf__node *root = &c->nodes[c->root];
  if (root->code == HF__NODE_ID)
    return refuse(text, "loops are in the order of ids without it; a field called id is v.id", err);
  if (root->code != HF__NODE_PATH) {
    refuse(text, "it is an expression", err);
    suggest(text, err);
    return HF_INVALID_ARGUMENT;
  }
  if (root->number == 0) return refuse(text, "v is the whole entity; a field called v is v.v", err);
  const hf__place *at = c->places.at;
  for (uint32_t place = root->number; place; place = at[place].parent) path->count++;
  size_t i = path->count;
  for (uint32_t place = root->number; place; place = at[place].parent) {
    hf_step *step = &path->steps[--i];
    *step = (hf_step){.place = at[place].item};
    if (at[place].key) step->field = (hf_slice){at[place].key + 1, at[place].size - 2};
    if (at[place].key && hf__utf8_valid_prefix(step->field) < step->field.size)
      return refuse(text, "names of fields are UTF-8", err);
  }
  return HF_OK;
}

hf_status hf__index_path_read(hf_slice text, hf__index_path *path, hf_error *err) {
  hf_error parsed;
  path->count = 0;
  path->owner = NULL;
  if (!text.data || text.size == 0) return refuse(hf_text(""), "it is empty", err);
  hf_status status = hf__condition_parse(text, "path", &path->owner, &parsed);
  if (status == HF_INVALID_ARGUMENT) {
    refuse(text, why_not(text, parsed.message), err);
    suggest(text, err);
  } else if (status) {
    return hf__no_memory(err);
  }
  return status ? status : take_path(text, path->owner, path, err);
}

void hf__index_path_free(hf__index_path *path) { hf__condition_free(path->owner); }

/* ---- writing */

/* Whether a field's name can stand after a point.  -1: out of memory. */
static int is_name(hf_slice field) {
  hf__lexer lexer;
  hf_error err;
  if (field.size == 0 || !hf__literal_is_name_byte(field.data[0])) return 0;
  if (!hf__lexer_open(&lexer, field, "path", &err)) return -1;
  bool is = hf__lexer_next(&lexer) && lexer.token.kind == HF__TOKEN_NAME && lexer.token.size == field.size;
  hf__lexer_close(&lexer);
  return is;
}

/* A name as a string of Lua, between brackets. */
static bool add_key(hf_buffer *out, hf_slice field) {
  bool ok = hf_buffer_add(out, "[\"", 2);
  for (size_t i = 0; ok && i < field.size; i++) {
    unsigned char c = (unsigned char)field.data[i];
    if (c < ' ' || c == 0x7F)
      ok = hf_buffer_printf(out, "\\%03u", c);
    else
      ok = ((c != '"' && c != '\\') || hf_buffer_add(out, "\\", 1)) && hf_buffer_add(out, &c, 1);
  }
  return ok && hf_buffer_add(out, "\"]", 2);
}

/* Adds the path after `begin`: "v", or nothing for one whose first step is a name. */
static bool add_steps(hf_buffer *out, const hf__index_path *path, const char *begin) {
  bool ok = hf_buffer_printf(out, "%s", begin);
  for (size_t i = 0; ok && i < path->count; i++) {
    const hf_step *step = &path->steps[i];
    int named = step->field.data ? is_name(step->field) : 0;
    if (!step->field.data)
      ok = hf_buffer_printf(out, "[%u]", (unsigned)step->place);
    else if (named <= 0)
      ok = named == 0 && add_key(out, step->field);
    else
      ok = (*begin == '\0' && i == 0 ? true : hf_buffer_add(out, ".", 1)) &&
           hf_buffer_add(out, step->field.data, step->field.size);
  }
  return ok;
}

/* Adds the path without v where that means the same.  False: out of memory. */
static bool add_shortest(hf_buffer *out, const hf__index_path *path) {
  hf__index_path again = {.count = 0};
  size_t before = out->size;
  int bare = path->steps[0].field.data ? is_name(path->steps[0].field) : 0;
  if (bare < 0) return false;
  if (bare && !add_steps(out, path, "")) return false;
  if (bare) {
    hf_error err;
    hf_status status = hf__index_path_read((hf_slice){out->data + before, out->size - before}, &again, &err);
    hf__index_path_free(&again);
    if (status == HF_NO_MEMORY) return false;
    if (status == HF_OK && again.count == path->count) return true;
    out->size = before;
  }
  return add_steps(out, path, "v");
}

/* Adds one of the paths to both. */
static hf_status add_path(const char *text, hf_buffer *definition, hf_buffer *name, hf_error *err) {
  hf__index_path path;
  hf_status status = hf__index_path_read(text ? hf_text(text) : hf_text(""), &path, err);
  size_t before = name->size + (name->size > 0);
  if (status == HF_OK && !((name->size == 0 || hf_buffer_add(name, ",", 1)) && add_shortest(name, &path) &&
                           (before == 0 || hf_buffer_add(definition, ",", 1)) &&
                           hf_buffer_quote(definition, (hf_slice){name->data + before, name->size - before})))
    status = hf__no_memory(err);
  hf__index_path_free(&path);
  return status;
}

/* HF_INVALID_ARGUMENT where the last path is one of those before it. */
static hf_status check_new(const hf_buffer *definition, size_t first, size_t last, hf_error *err) {
  hf_slice path = {definition->data + last, definition->size - last};
  for (const char *p = definition->data + first; p < path.data; p++)
    if ((size_t)(path.data - p) >= path.size && memcmp(p, path.data, path.size) == 0 &&
        (p[path.size] == ',' && (p[-1] == '[' || p[-1] == ',')))
      return hf__fail(err, HF_INVALID_ARGUMENT, "the path %.*s is in the index twice", (int)path.size, path.data);
  return HF_OK;
}

hf_status hf__index_define(const char *const *paths, size_t count, bool unique, hf_buffer *definition, hf_buffer *name,
                           hf_error *err) {
  static const char begin[] = "{\"paths\":[";
  hf_status status = HF_OK;
  definition->size = name->size = 0;
  if (count < 1 || count > HF_INDEX_PATHS_MAX)
    return hf__fail(err, HF_INVALID_ARGUMENT, "an index is over 1 to %d paths such as %s, and not over %zu",
                    HF_INDEX_PATHS_MAX, shape, count);
  if (!hf_buffer_add(definition, begin, sizeof begin - 1)) return hf__no_memory(err);
  for (size_t i = 0; status == HF_OK && i < count; i++) {
    size_t last = definition->size + (i > 0);
    status = add_path(paths[i], definition, name, err);
    if (status == HF_OK) status = check_new(definition, sizeof begin - 1, last, err);
  }
  if (status) return status;
  if (name->size > NAME_MAX_BYTES)
    return hf__fail(err, HF_INVALID_ARGUMENT,
                    "the paths of an index have at most %d bytes together, and these have %zu", NAME_MAX_BYTES,
                    name->size);
  return hf_buffer_printf(definition, "],\"unique\":%s}", unique ? "true" : "false") ? HF_OK : hf__no_memory(err);
}
