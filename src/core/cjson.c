/* SPDX-License-Identifier: MIT
 *
 * cJSON trees in and out, for C hosts.  Reading uses cJSON's parser; writing is our
 * own walk, because cJSON's printer turns infinities into null and depends on the
 * locale.  cJSON's global hooks are left alone: they belong to the host.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "core/persist.h"

/* Whether the text holds an escaped NUL, which cJSON would cut strings at. */
static bool has_escaped_nul(hf_slice json) {
  for (size_t i = 0; i + 5 < json.size; i++) {
    if (json.data[i] != '\\') continue;
    if (memcmp(json.data + i, "\\u0000", 6) == 0) return true;
    i++;
  }
  return false;
}

hf_status hf_persist_read_cjson(hf_persist *p, hf_slice id, struct cJSON **out, hf_error *err) {
  *out = NULL;
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = hf_persist_read(p, id, &json, NULL, err);
  if (status == HF_OK) {
    if (has_escaped_nul((hf_slice){json.data, json.size}))
      status = hf__fail(err, HF_UNSUPPORTED,
                        "Entity %s:%.*s has a NUL inside a string, which cJSON cannot hold: read "
                        "its text instead",
                        p->name.data, (int)id.size, id.data);
    else if (!(*out = cJSON_ParseWithLength(json.data, json.size)))
      status = hf__no_memory(err);
    if (status) hf__error_entity(err, p->name, id);
  }
  hf_buffer_free(&json);
  return status;
}

static hf_status write_node(hf_buffer *out, const cJSON *node, int depth, hf_error *err);

static hf_status write_text(hf_buffer *out, const char *text, size_t size, hf_error *err) {
  return hf_buffer_add(out, text, size) ? HF_OK : hf__no_memory(err);
}

static hf_status write_string(hf_buffer *out, const char *text, hf_error *err) {
  hf_slice s = hf_text(text ? text : "");
  if (hf__utf8_valid_prefix(s) != s.size)
    return hf__fail(err, HF_INVALID_VALUE, "cannot store a string that is not valid UTF-8: \"%s\"", s.data);
  return hf_buffer_quote(out, s) ? HF_OK : hf__no_memory(err);
}

static hf_status write_children(hf_buffer *out, const cJSON *node, int depth, hf_error *err) {
  if (depth > HF_DEPTH_MAX)
    return hf__fail(err, HF_INVALID_VALUE, "cannot store more than %d nested arrays and objects", HF_DEPTH_MAX);
  bool object = cJSON_IsObject(node);
  hf_status status = write_text(out, object ? "{" : "[", 1, err);
  for (const cJSON *c = node->child; c && status == HF_OK; c = c->next) {
    if (c != node->child) status = write_text(out, ",", 1, err);
    if (status == HF_OK && object) status = write_string(out, c->string, err);
    if (status == HF_OK && object) status = write_text(out, ":", 1, err);
    if (status == HF_OK) status = write_node(out, c, depth, err);
  }
  return status ? status : write_text(out, object ? "}" : "]", 1, err);
}

static hf_status write_node(hf_buffer *out, const cJSON *node, int depth, hf_error *err) {
  char number[HF_NUMBER_MAX];
  switch (node->type & 0xFF) {
  case cJSON_NULL: return write_text(out, "null", 4, err);
  case cJSON_False: return write_text(out, "false", 5, err);
  case cJSON_True: return write_text(out, "true", 4, err);
  case cJSON_Number: {
    size_t n = hf_number_format(node->valuedouble, number);
    if (n == 0)
      return hf__fail(err, HF_INVALID_VALUE, "cannot store NaN%s%s", node->string ? " at " : "",
                      node->string ? node->string : "");
    return write_text(out, number, n, err);
  }
  case cJSON_String: return write_string(out, node->valuestring, err);
  case cJSON_Array:
  case cJSON_Object: return write_children(out, node, depth + 1, err);
  default: return hf__fail(err, HF_INVALID_VALUE, "cannot store a cJSON item of type %d: raw or invalid", node->type);
  }
}

hf_status hf_persist_write_cjson(hf_persist *p, hf_slice id, const struct cJSON *value, const hf_write_options *options,
                                 hf_info *info, hf_error *err) {
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = value ? write_node(&json, value, 0, err)
                           : hf__fail(err, HF_INVALID_VALUE, "cannot store NULL: use cJSON_CreateNull() for null");
  if (status)
    hf__error_entity(err, p->name, id);
  else
    status = hf__persist_write_trusted(p, id, (hf_slice){json.data, json.size}, options, info, err);
  hf_buffer_free(&json);
  return status;
}
