/* SPDX-License-Identifier: MIT
 *
 * Building a condition: node by node, operands first.  Equal paths are one node.
 */
#include <stdlib.h>

#include "condition/node.h"
#include "condition/room.h"

hf_condition *hf__condition_new(void) {
  hf_condition *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  for (unsigned i = 0; i < HF_CONDITION_PARAMETERS_MAX; i++) c->parameters[i].kind = HF__KIND_ASK;
  if (hf__places_add(&c->places, NULL, 0) == 0) return c;
  free(c);
  return NULL;
}

static void value_free(hf__value *value) {
  if (value->kind == HF__KIND_TEXT) free((void *)(uintptr_t)value->text.data);
}

void hf__condition_share(hf_condition *c) {
  if (c) c->owners++;
}

void hf__condition_free(hf_condition *c) {
  if (!c || c->owners-- > 0) return;
  for (unsigned i = 0; i < c->constant_count; i++) value_free(&c->constants[i]);
  for (unsigned i = 0; i < HF_CONDITION_PARAMETERS_MAX; i++) value_free(&c->parameters[i]);
  hf__places_free(&c->places);
  hf__room_free(c->room);
  free(c->constants);
  free(c->nodes);
  free(c->kept);
  free(c->found);
  free(c);
}

/* Adds a node; its number, or -1. */
static int add(hf_condition *c, hf__node node) {
  if (c->count >= HF_CONDITION_NODES_MAX) return -1;
  if (c->count == c->capacity) {
    unsigned capacity = c->capacity ? c->capacity * 2 : 16;
    hf__node *nodes = realloc(c->nodes, capacity * sizeof *nodes);
    if (!nodes) return -1;
    c->nodes = nodes;
    c->capacity = capacity;
  }
  c->nodes[c->count] = node;
  return (int)c->count++;
}

static bool value_of(const hf_constant *constant, hf__value *value) {
  static const hf__kind kinds[] = {
      [HF_CONSTANT_NIL] = HF__KIND_NIL,     [HF_CONSTANT_FALSE] = HF__KIND_FALSE,   [HF_CONSTANT_TRUE] = HF__KIND_TRUE,
      [HF_CONSTANT_NULL] = HF__KIND_NULL,   [HF_CONSTANT_NUMBER] = HF__KIND_NUMBER, [HF_CONSTANT_TEXT] = HF__KIND_TEXT,
      [HF_CONSTANT_UNKNOWN] = HF__KIND_ASK,
  };
  *value = hf__value_of_kind(kinds[constant->kind]);
  if (value->kind == HF__KIND_NUMBER) value->number = constant->number;
  if (value->kind != HF__KIND_TEXT) return true;
  char *copy = malloc(constant->text.size + 1);
  if (!copy) return false;
  if (constant->text.size) memcpy(copy, constant->text.data, constant->text.size);
  copy[constant->text.size] = '\0';
  value->is_plain = true;
  for (size_t i = 0; i < constant->text.size; i++)
    if ((unsigned char)copy[i] < 0x20 || copy[i] == '"' || copy[i] == '\\') value->is_plain = false;
  value->text = (hf_slice){copy, constant->text.size};
  return true;
}

int hf__condition_constant(hf_condition *c, const hf_constant *constant) {
  if (c->count >= HF_CONDITION_NODES_MAX) return -1;
  if (c->constant_count == c->constant_capacity) {
    unsigned capacity = c->constant_capacity ? c->constant_capacity * 2 : 8;
    hf__value *constants = realloc(c->constants, capacity * sizeof *constants);
    if (!constants) return -1;
    c->constants = constants;
    c->constant_capacity = capacity;
  }
  if (!value_of(constant, &c->constants[c->constant_count])) return -1;
  return add(c, (hf__node){.code = HF__NODE_CONSTANT, .number = c->constant_count++});
}

int hf__condition_parameter(hf_condition *c, unsigned number) {
  if (number >= HF_CONDITION_PARAMETERS_MAX) return -1;
  int node = add(c, (hf__node){.code = HF__NODE_PARAMETER, .number = number});
  if (node >= 0 && number >= c->parameter_count) c->parameter_count = number + 1;
  return node;
}

int hf__condition_path(hf_condition *c, hf_root root, const hf_step *steps, size_t count) {
  if (count > HF_CONDITION_STEPS_MAX) return -1;
  if (root == HF_ROOT_ID) return add(c, (hf__node){.code = count ? HF__NODE_METHOD : HF__NODE_ID});
  int64_t place = hf__places_add(&c->places, steps, count);
  if (place < 0) return -1;
  for (unsigned i = 0; i < c->count; i++)
    if (c->nodes[i].code == HF__NODE_PATH && c->nodes[i].number == place) return (int)i;
  return add(c, (hf__node){.code = HF__NODE_PATH, .number = (uint32_t)place});
}

int hf__condition_operator(hf_condition *c, hf_operator operator, const int * operands) {
  hf__node node = {.code = (uint8_t) operator};
  for (unsigned i = 0; i < hf__node_operands((uint8_t) operator); i++) {
    if (operands[i] < 0 || (unsigned)operands[i] >= c->count) return -1;
    hf__node *operand = &c->nodes[operands[i]];
    node.operand[i] = (uint16_t)operands[i];
    if (operand->depth >= node.depth) node.depth = (uint16_t)(operand->depth + 1);
  }
  if (node.depth > HF__NODE_DEPTH_MAX) return add(c, (hf__node){.code = HF__NODE_TOO_DEEP});
  for (unsigned i = 0; i < hf__node_operands((uint8_t) operator); i++)
    if (c->nodes[operands[i]].uses < UINT16_MAX) c->nodes[operands[i]].uses++;
  return add(c, node);
}

int hf__condition_unknown(hf_condition *c) { return add(c, (hf__node){.code = HF__NODE_UNKNOWN}); }

bool hf__condition_finish(hf_condition *c, int node) {
  if (node < 0 || (unsigned)node >= c->count) return false;
  c->root = (uint16_t)node;
  c->kept = calloc(c->count, sizeof *c->kept);
  c->found = calloc(c->places.count, sizeof *c->found);
  if (!c->kept || !c->found) return false;
  c->find = hf__find_best(&c->places);
  for (unsigned i = 0; i < c->count; i++) {
    hf__node *n = &c->nodes[i];
    n->shared = n->uses > 1 && (n->code < HF_OPERATOR_COUNT || n->code == HF__NODE_PATH);
    if (n->code == HF__NODE_CONSTANT) n->given = &c->constants[n->number];
    if (n->code == HF__NODE_PARAMETER) n->given = &c->parameters[n->number];
  }
  hf__condition_fold(c, &c->folds);
  return true;
}

/* -------------------------------------------------------------- parameters */

bool hf__condition_set(hf_condition *c, unsigned number, const hf_constant *constant) {
  hf__value value;
  if (number >= HF_CONDITION_PARAMETERS_MAX || !value_of(constant, &value)) return false;
  value_free(&c->parameters[number]);
  c->parameters[number] = value;
  if (c->folds) hf__condition_fold(c, &c->folds);
  return true;
}

unsigned hf__condition_parameters(const hf_condition *c) { return c->parameter_count; }

hf_constant_kind hf__condition_parameter_kind(const hf_condition *c, unsigned number) {
  static const hf_constant_kind kinds[] = {
      [HF__KIND_NIL] = HF_CONSTANT_NIL,        [HF__KIND_FALSE] = HF_CONSTANT_FALSE,
      [HF__KIND_TRUE] = HF_CONSTANT_TRUE,      [HF__KIND_NULL] = HF_CONSTANT_NULL,
      [HF__KIND_NUMBER] = HF_CONSTANT_NUMBER,  [HF__KIND_TEXT] = HF_CONSTANT_TEXT,
      [HF__KIND_TABLE] = HF_CONSTANT_UNKNOWN,  [HF__KIND_ASK] = HF_CONSTANT_UNKNOWN,
      [HF__KIND_RAISES] = HF_CONSTANT_UNKNOWN,
  };
  return number < HF_CONDITION_PARAMETERS_MAX ? kinds[c->parameters[number].kind] : HF_CONSTANT_UNKNOWN;
}

/* ----------------------------------------------------------------- useless */

/* What a node may give that is known: false or nil, and something true. */
struct may {
  bool no, yes;
};

static struct may operator_may(const hf__node *node, const struct may *all) {
  struct may a = all[node->operand[0]], b = all[node->operand[1]], c = all[node->operand[2]];
  bool known_a = a.no || a.yes, known_b = b.no || b.yes;
  switch (node->code) {
  case HF_OPERATOR_NOT: return (struct may){a.yes, a.no};
  case HF_OPERATOR_AND: return (struct may){a.no || (a.yes && b.no), a.yes && b.yes};
  case HF_OPERATOR_OR: return (struct may){a.no && b.no, a.yes || (a.no && b.yes)};
  case HF_OPERATOR_IF: return (struct may){(a.yes && b.no) || (a.no && c.no), (a.yes && b.yes) || (a.no && c.yes)};
  case HF_OPERATOR_NEG:
  case HF_OPERATOR_LEN:
  case HF_OPERATOR_TYPE: return (struct may){false, known_a};
  case HF_OPERATOR_ADD:
  case HF_OPERATOR_SUB:
  case HF_OPERATOR_MUL:
  case HF_OPERATOR_DIV:
  case HF_OPERATOR_MOD: return (struct may){false, known_a && known_b};
  case HF_OPERATOR_SUBSTR: return (struct may){false, known_a && known_b && (c.no || c.yes)};
  default: return (struct may){known_a && known_b, known_a && known_b};
  }
}

static struct may node_may(const hf_condition *c, const hf__node *node, const struct may *all) {
  const hf__value *value = &c->parameters[0];
  switch (node->code) {
  case HF__NODE_CONSTANT: value = &c->constants[node->number]; break;
  case HF__NODE_PARAMETER: value = &c->parameters[node->number]; break;
  case HF__NODE_PATH: return (struct may){true, true};
  case HF__NODE_ID: return (struct may){false, true};
  case HF__NODE_METHOD:
  case HF__NODE_UNKNOWN:
  case HF__NODE_TOO_DEEP: return (struct may){false, false};
  default: return operator_may(node, all);
  }
  bool known = hf__kind_is_known(value->kind), truth = hf__kind_is_true(value->kind);
  return (struct may){known && !truth, known && truth};
}

bool hf__condition_is_useless(const hf_condition *c) {
  struct may all[HF_CONDITION_NODES_MAX];
  for (unsigned i = 0; i <= c->root; i++) all[i] = node_may(c, &c->nodes[i], all);
  return !all[c->root].no;
}
