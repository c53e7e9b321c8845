/* SPDX-License-Identifier: MIT
 *
 * Conditions on entities: an expression over the fields of a JSON text, which is
 * evaluated without decoding the text.  It means what the same expression means
 * in Lua over the decoded value, to the last bit; what it cannot say for sure
 * it does not say.  Knows no store and no Lua.
 *
 * A condition comes from text (hf_condition_parse(), in holdfast.h) or, node by
 * node, from a Lua predicate that was read (lua/holdfast/condition).
 *
 * A node is made after its operands, and may be the operand of several others.
 */
#ifndef HF_CONDITION_CONDITION_H
#define HF_CONDITION_CONDITION_H

#include "holdfast/holdfast.h"

/* What an entity is to a condition. */
typedef enum hf_answer {
  HF_ANSWER_NO,     /* the predicate gives false or nil, without an error and without an effect */
  HF_ANSWER_YES,    /* it gives something true, likewise */
  HF_ANSWER_ASK,    /* neither is proved: decode it and ask the function */
  HF_ANSWER_RAISES, /* Lua raises there.  Whoever has a function to ask takes this for HF_ANSWER_ASK */
} hf_answer;

/* What an operator makes of its operands.  One row per operator: identifier, its name in tables of Lua and in
 * messages, how many operands.  All have the meaning that they have in Lua: `and` and `or` give one of their operands,
 * and do not look at the second one where the first decides; `if` gives its second or third.  An operand that raises,
 * or is not known, makes the result so. */
#define HF_OPERATOR_MAP(X)                                                                                             \
  X(NOT, "not", 1)                                                                                                     \
  X(AND, "and", 2)                                                                                                     \
  X(OR, "or", 2)                                                                                                       \
  X(IF, "if", 3)                                                                                                       \
  X(EQ, "==", 2)                                                                                                       \
  X(NE, "~=", 2)                                                                                                       \
  X(LT, "<", 2)                                                                                                        \
  X(LE, "<=", 2)                                                                                                       \
  X(GT, ">", 2)                                                                                                        \
  X(GE, ">=", 2)                                                                                                       \
  X(ADD, "+", 2)                                                                                                       \
  X(SUB, "-", 2)                                                                                                       \
  X(MUL, "*", 2)                                                                                                       \
  X(DIV, "/", 2)                                                                                                       \
  X(MOD, "%", 2)                                                                                                       \
  X(NEG, "neg", 1)                                                                                                     \
  X(LEN, "len", 1)       /* #s of a string; of an object or array: not known */                                        \
  X(TYPE, "type", 1)     /* type(x) */                                                                                 \
  X(FIND, "find", 2)     /* s:find(text, 1, true): a number or nil */                                                  \
  X(SUBSTR, "sub", 3)    /* s:sub(i, j) */                                                                             \
  X(BEGINS, "begins", 2) /* s:match("^text") as a truth: text or nil */                                                \
  X(ENDS, "ends", 2)     /* s:match("text$"), likewise */                                                              \
  X(IS, "is", 2)         /* s:match("^text$"), likewise */

typedef enum hf_operator {
#define HF_OPERATOR_ENUM(id, name, operands) HF_OPERATOR_##id,
  HF_OPERATOR_MAP(HF_OPERATOR_ENUM)
#undef HF_OPERATOR_ENUM
      HF_OPERATOR_COUNT
} hf_operator;

/* A value of Lua, as constants and parameters have it. */
typedef enum hf_constant_kind {
  HF_CONSTANT_NIL,
  HF_CONSTANT_FALSE,
  HF_CONSTANT_TRUE,
  HF_CONSTANT_NULL, /* holdfast.null */
  HF_CONSTANT_NUMBER,
  HF_CONSTANT_TEXT,
  HF_CONSTANT_UNKNOWN, /* of a parameter: something that a condition knows nothing of */
} hf_constant_kind;

typedef struct hf_constant {
  hf_constant_kind kind;
  double number;
  hf_slice text; /* any bytes.  Copied by those who are given it */
} hf_constant;

/* One step of a path: the field of an object, or the place in an array, from 1 on. */
typedef struct hf_step {
  hf_slice field; /* data NULL: a place */
  uint32_t place;
} hf_step;

/* Where a path begins. */
typedef enum hf_root { HF_ROOT_ENTITY, HF_ROOT_ID } hf_root;

/* ---- building one.  The functions that make a node give its number, or -1: out of memory, or more than
 * HF_CONDITION_NODES_MAX. */

#define HF_CONDITION_NODES_MAX 4096
#define HF_CONDITION_STEPS_MAX 16 /* in one path */
#define HF_CONDITION_PARAMETERS_MAX 64

hf_condition *hf__condition_new(void); /* NULL: out of memory */
int hf__condition_constant(hf_condition *c, const hf_constant *constant);
/* The parameter of this number, from 0 on; unknown until it is set. */
int hf__condition_parameter(hf_condition *c, unsigned number);
/* A path that leads nowhere is nil; one that indexes what cannot be indexed raises, as in Lua; a step into a string
 * gives one of its methods, or nil, which is not known. */
int hf__condition_path(hf_condition *c, hf_root root, const hf_step *steps, size_t count);
int hf__condition_operator(hf_condition *c, hf_operator operator, const int * operands);
/* Something that is not understood: raises, has effects, or gives anything. */
int hf__condition_unknown(hf_condition *c);
/* hf_condition_parse(); errors call the text `what`: "condition", "path". */
hf_status hf__condition_parse(hf_slice text, const char *what, hf_condition **out, hf_error *err);
/* Ends the building: the condition is what this node gives, as a truth.  Afterwards nothing is added.  False: out of
 * memory. */
bool hf__condition_finish(hf_condition *c, int node);

/* Another owner of it, who calls hf__condition_free(), too: it goes with the last.  NULL is ignored. */
void hf__condition_share(hf_condition *c);
/* NULL is ignored. */
void hf__condition_free(hf_condition *c);

/* Sets a parameter; holds for all later tests.  False: out of memory. */
bool hf__condition_set(hf_condition *c, unsigned number, const hf_constant *value);
/* How many it has: the highest number, and one. */
unsigned hf__condition_parameters(const hf_condition *c);
/* What a parameter was set to; HF_CONSTANT_UNKNOWN: nothing, or something unknown. */
hf_constant_kind hf__condition_parameter_kind(const hf_condition *c, unsigned number);

/* ---- using one */

/* What this entity is to it.  `json` is a valid JSON text, as stored; nothing at or after its end is read.  May be
 * called by one thread at a time for each condition. */
hf_answer hf__condition_test(hf_condition *c, hf_slice id, hf_slice json);

/* Whether no entity can be a no: then it is not worth a test. */
bool hf__condition_is_useless(const hf_condition *c);

/* What raised, or was not understood, in the last test that gave HF_ANSWER_RAISES or HF_ANSWER_ASK, such as "attempt to
 * index field 'metadata' (a nil value)"; valid until the next test. */
const char *hf__condition_reason(hf_condition *c);

/* ---- for C programs, which have no function to ask */

/* Whether all parameters are set; HF_INVALID_ARGUMENT names one that is not. */
hf_status hf__condition_check(const hf_condition *c, hf_error *err);

/* The error for an entity that the last test gave HF_ANSWER_RAISES or HF_ANSWER_ASK for: HF_SCRIPT, which names the
 * entity and hf__condition_reason(); or HF_NO_MEMORY, also for an answer that an earlier test did not have.
 *   entity_name  data NULL: none is known */
hf_status hf__condition_fail(hf_condition *c, hf_answer answer, hf_slice entity_name, hf_slice id, hf_error *err);

#endif
