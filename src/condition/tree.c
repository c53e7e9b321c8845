/* SPDX-License-Identifier: MIT
 *
 * The condition that a text becomes: see tree.h.
 */
#include "condition/tree.h"

#include "base/error.h"

static const unsigned operands_of[] = {
#define OPERANDS(id, name, operands) operands,
    HF_OPERATOR_MAP(OPERANDS)
#undef OPERANDS
};

hf__term hf__term_constant(const hf_constant *constant) {
  return (hf__term){.kind = HF__TERM_CONSTANT, .constant = *constant, .node = -1};
}

hf__term hf__term_text(hf_slice text) {
  return hf__term_constant(&(hf_constant){.kind = HF_CONSTANT_TEXT, .text = text});
}

hf__term hf__term_number(double number) {
  return hf__term_constant(&(hf_constant){.kind = HF_CONSTANT_NUMBER, .number = number});
}

static bool refuse(const hf__tree *tree, const char *why, unsigned most) {
  return hf__lexer_refuse(tree->lexer, tree->lexer->token.at, tree->lexer->token.size, why, most);
}

/* Looks at what a function of condition.h gave. */
static bool take(hf__tree *tree, int node, hf__term *out) {
  if (node < 0 && tree->nodes >= HF_CONDITION_NODES_MAX)
    return refuse(tree, "the condition is too large: it has more than %u parts", HF_CONDITION_NODES_MAX);
  if (node < 0) return hf__no_memory(tree->lexer->err) == HF_OK;
  tree->nodes++;
  out->node = node;
  return true;
}

bool hf__tree_step(hf__tree *tree, const hf_step *step) {
  if (tree->step_count == HF_CONDITION_STEPS_MAX)
    return refuse(tree, "a path has at most %u steps", HF_CONDITION_STEPS_MAX);
  tree->steps[tree->step_count++] = *step;
  return true;
}

bool hf__tree_settle(hf__tree *tree, hf__term *term) {
  if (term->node >= 0) return true;
  if (term->kind == HF__TERM_CONSTANT)
    return take(tree, hf__condition_constant(tree->condition, &term->constant), term);
  term->kind = HF__TERM_NODE;
  return take(tree, hf__condition_path(tree->condition, term->root, tree->steps, tree->step_count), term);
}

bool hf__tree_parameter(hf__tree *tree, unsigned number, hf__term *out) {
  *out = (hf__term){.kind = HF__TERM_NODE, .node = -1};
  return take(tree, hf__condition_parameter(tree->condition, number), out);
}

bool hf__tree_operator(hf__tree *tree, hf_operator operator, hf__term * operands, hf__term *out) {
  int nodes[3] = {-1, -1, -1};
  hf__term made = {.kind = HF__TERM_NODE, .node = -1};
  for (unsigned i = 0; i < operands_of[operator]; i++) {
    if (!hf__tree_settle(tree, &operands[i])) return false;
    nodes[i] = operands[i].node;
    if (operands[i].height >= made.height) made.height = operands[i].height + 1;
  }
  if (made.height > HF__TREE_HEIGHT_MAX)
    return refuse(tree, "more than %u operators are within each other", HF__TREE_HEIGHT_MAX);
  if (!take(tree, hf__condition_operator(tree->condition, operator, nodes), &made)) return false;
  *out = made;
  return true;
}
