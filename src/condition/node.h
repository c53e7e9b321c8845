/* SPDX-License-Identifier: MIT
 *
 * Nodes of a condition, and the condition itself, for those who build and evaluate it.
 *
 * Nodes lie in one array, each after its operands.  One that is used more than once is evaluated
 * once in a test; which results are of this test its stamp says.
 */
#ifndef HF_CONDITION_NODE_H
#define HF_CONDITION_NODE_H

#include "condition/condition.h"
#include "condition/find.h"
#include "condition/places.h"
#include "condition/value.h"

/* What a node is: an operator (hf_operator), or one of these. */
enum {
  HF__NODE_CONSTANT = HF_OPERATOR_COUNT,
  HF__NODE_PARAMETER,
  HF__NODE_PATH, /* into the entity */
  HF__NODE_ID,
  HF__NODE_METHOD, /* a path into the id, which is a string */
  HF__NODE_UNKNOWN,
  HF__NODE_TOO_DEEP, /* an expression that is nested too deeply; not known, either */
};

/* How deep expressions are evaluated: what is deeper is not known. */
#define HF__NODE_DEPTH_MAX 250

typedef struct hf__node {
  uint8_t code;
  bool shared;    /* used more than once, and worth keeping */
  uint16_t depth; /* of the expression that it is */
  uint16_t uses;
  uint16_t operand[3];
  uint32_t number; /* of the constant, parameter or place */
  const hf__value
      *given; /* the value of a constant or parameter, or of an operator on nothing else, where it has one */
} hf__node;

/* A result that is kept for the rest of a test. */
typedef struct hf__kept {
  uint32_t stamp;
  hf__value value;
} hf__kept;

/* Why the last test gave HF_ANSWER_RAISES or HF_ANSWER_ASK. */
typedef struct hf__reason {
  enum {
    HF__REASON_NONE,
    HF__REASON_INDEX,      /* kind: what was indexed, at `place` */
    HF__REASON_METHOD,     /* of a string: a step of `place` into one */
    HF__REASON_CALL,       /* a method of a table */
    HF__REASON_COMPARE,    /* kind with other */
    HF__REASON_ARITHMETIC, /* kind: what is no number; node: the operand */
    HF__REASON_COERCE,     /* a string in arithmetic */
    HF__REASON_LENGTH,     /* kind; node */
    HF__REASON_ARGUMENT,   /* kind, where a method wants something else */
    HF__REASON_ZERO,       /* a division by zero, whose sign is not sure on this machine */
    HF__REASON_MODULO,     /* one whose last bit is not sure on this machine */
    HF__REASON_PARAMETER,  /* not set, or to something unknown */
    HF__REASON_UNKNOWN,
    HF__REASON_TOO_DEEP,
    HF__REASON_NOT_JSON,
    HF__REASON_MEMORY,
  } why;
  uint16_t node;
  uint32_t place;
  hf__kind kind, other;
} hf__reason;

/* Room for texts whose escapes were replaced in this test. */
struct hf__room;

struct hf_condition {
  _Atomic unsigned owners; /* more than the first */
  hf__node *nodes;
  hf__kept *kept; /* one for each node */
  unsigned count, capacity;
  uint16_t root;
  bool folds; /* some are operators on nothing but constants and parameters */

  hf__value *constants; /* texts are owned */
  unsigned constant_count, constant_capacity;

  hf__value parameters[HF_CONDITION_PARAMETERS_MAX]; /* texts are owned; HF__KIND_ASK: not known */
  unsigned parameter_count;                          /* the highest number, and one */

  hf__places places;
  hf__finder *find;
  const char **found; /* for each place */
  bool looked;        /* `found` is of this test */
  hf__found how;      /* what the finder said of it */

  /* Of the test that is going on. */
  hf_slice id, json;
  uint32_t stamp;
  struct hf__room *room;

  hf__reason reason;
  char message[256];
};

/* How many operands an operator has; other nodes have none. */
static inline unsigned hf__node_operands(uint8_t code) {
  static const uint8_t counts[HF_OPERATOR_COUNT] = {
#define HF__OPERANDS(id, name, operands) operands,
      HF_OPERATOR_MAP(HF__OPERANDS)
#undef HF__OPERANDS
  };
  return code < HF_OPERATOR_COUNT ? counts[code] : 0;
}

/* Evaluates what is on nothing but constants and parameters: now, and not in each test.  *folds: there is such a node,
 * even if it has no value now. */
void hf__condition_fold(hf_condition *c, bool *folds);

#endif
