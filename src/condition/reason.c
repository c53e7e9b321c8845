/* SPDX-License-Identifier: MIT
 *
 * Why a test gave neither yes nor no, in words: Lua's own, where Lua raises.
 */
#include <stdarg.h>
#include <stdio.h>

#include "condition/node.h"

static const char *say(hf_condition *c, const char *format, ...) HF_PRINTF(2, 3);

static const char *say(hf_condition *c, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(c->message, sizeof c->message, format, arguments);
  va_end(arguments);
  return c->message;
}

enum { NAMED = 100 };

/* Calls a place as Lua calls the last step of a path: field 'symbol'. */
static void name_place(const hf_condition *c, uint32_t number, char *out, size_t size) {
  const hf__place *place = &c->places.at[number];
  if (number == 0)
    snprintf(out, size, "the entity");
  else if (!place->key)
    snprintf(out, size, "item %u", place->item);
  else
    snprintf(out, size, "field '%.*s'", (int)(place->size - 2 < 64 ? place->size - 2 : 64), place->key + 1);
}

static void name_node(const hf_condition *c, uint16_t number, char *out, size_t size) {
  const hf__node *node = &c->nodes[number];
  switch (node->code) {
  case HF__NODE_PATH: name_place(c, node->number, out, size); break;
  case HF__NODE_ID: snprintf(out, size, "the id"); break;
  case HF__NODE_PARAMETER: snprintf(out, size, "parameter %u", node->number + 1); break;
  default: snprintf(out, size, "a result"); break;
  }
}

static const char *say_compare(hf_condition *c) {
  const char *a = hf__kind_name(c->reason.kind), *b = hf__kind_name(c->reason.other);
  if (strcmp(a, b) == 0) return say(c, "attempt to compare two %s values", a);
  return say(c, "attempt to compare %s with %s", a, b);
}

const char *hf__condition_reason(hf_condition *c) {
  const hf__reason *reason = &c->reason;
  const char *kind = hf__kind_name(reason->kind);
  char name[NAMED];
  switch (reason->why) {
  case HF__REASON_INDEX:
    if (reason->place == UINT32_MAX)
      name_node(c, reason->node, name, sizeof name);
    else
      name_place(c, reason->place, name, sizeof name);
    return say(c, "attempt to index %s (a %s value)", name, kind);
  case HF__REASON_METHOD: return say(c, "a field of a string is one of its methods");
  case HF__REASON_CALL: return say(c, "attempt to call a method of a table");
  case HF__REASON_COMPARE: return say_compare(c);
  case HF__REASON_ARITHMETIC:
    name_node(c, reason->node, name, sizeof name);
    return say(c, "attempt to perform arithmetic on %s (a %s value)", name, kind);
  case HF__REASON_COERCE:
    name_node(c, reason->node, name, sizeof name);
    return say(c, "arithmetic on %s (a string value) is not evaluated", name);
  case HF__REASON_LENGTH:
    if (reason->kind == HF__KIND_TABLE) return say(c, "the length of a table is not known");
    name_node(c, reason->node, name, sizeof name);
    return say(c, "attempt to get length of %s (a %s value)", name, kind);
  case HF__REASON_ARGUMENT: return say(c, "bad argument to a method of a string (a %s value)", kind);
  case HF__REASON_ZERO: return say(c, "a division by zero is not evaluated");
  case HF__REASON_MODULO: return say(c, "a modulo of fractions or large numbers is not evaluated");
  case HF__REASON_PARAMETER: return say(c, "a parameter is not known");
  case HF__REASON_UNKNOWN: return say(c, "a part of the condition was not understood");
  case HF__REASON_TOO_DEEP: return say(c, "the condition is nested too deeply");
  case HF__REASON_NOT_JSON: return say(c, "the entity is no JSON");
  case HF__REASON_MEMORY: return say(c, "out of memory");
  case HF__REASON_NONE: break;
  }
  return "";
}
