/* SPDX-License-Identifier: MIT
 *
 * The condition that a text becomes, part by part: terms, which are made into nodes
 * when something is done with them, and the limits that all of it keeps to.
 */
#ifndef HF_CONDITION_TREE_H
#define HF_CONDITION_TREE_H

#include "condition/condition.h"
#include "condition/lexer.h"

/* Operators within each other, at most.  Of and, and of or, as many as there is room for: they are balanced. */
#define HF__TREE_HEIGHT_MAX 200

typedef enum hf__term_kind {
  HF__TERM_PATH,     /* the steps are those of the tree, until it is settled */
  HF__TERM_CONSTANT, /* may have a node already */
  HF__TERM_NODE,
} hf__term_kind;

/* What a part of the text stands for. */
typedef struct hf__term {
  hf__term_kind kind;
  hf_root root; /* of a path */
  hf_constant constant;
  int node;        /* -1: it has none yet */
  unsigned height; /* of the operators in it */
  bool several;    /* a call that gives a second value where it is the last argument of another */
} hf__term;

typedef struct hf__tree {
  hf_condition *condition;
  const hf__lexer *lexer; /* whose token errors name */
  unsigned nodes;         /* made so far */
  size_t step_count;
  hf_step steps[HF_CONDITION_STEPS_MAX]; /* of the one path that is not settled */
} hf__tree;

/* The functions give false where they fail, and the error says why. */

hf__term hf__term_constant(const hf_constant *constant);
hf__term hf__term_text(hf_slice text);
hf__term hf__term_number(double number);

/* Adds a step to the path. */
bool hf__tree_step(hf__tree *tree, const hf_step *step);

/* Makes the term's node, if it has none. */
bool hf__tree_settle(hf__tree *tree, hf__term *term);

/* A node for a parameter, from 0 on. */
bool hf__tree_parameter(hf__tree *tree, unsigned number, hf__term *out);

/* A node for an operator, on as many operands as it has.  `out` may be one of them. */
bool hf__tree_operator(hf__tree *tree, hf_operator operator, hf__term * operands, hf__term *out);

#endif
