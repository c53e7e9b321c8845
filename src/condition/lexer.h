/* SPDX-License-Identifier: MIT
 *
 * A condition's text as tokens: those of Lua, and `?`.  What no condition can have
 * is refused here, with what to write instead.
 */
#ifndef HF_CONDITION_LEXER_H
#define HF_CONDITION_LEXER_H

#include "condition/literal.h"

/* One row per token that is always written the same way: identifier, how. */
#define HF__TOKEN_MAP(X)                                                                                               \
  X(AND, "and")                                                                                                        \
  X(OR, "or")                                                                                                          \
  X(NOT, "not")                                                                                                        \
  X(TRUE, "true")                                                                                                      \
  X(FALSE, "false")                                                                                                    \
  X(NIL, "nil")                                                                                                        \
  X(EQ, "==")                                                                                                          \
  X(NE, "~=")                                                                                                          \
  X(LE, "<=")                                                                                                          \
  X(GE, ">=")                                                                                                          \
  X(LT, "<")                                                                                                           \
  X(GT, ">")                                                                                                           \
  X(ADD, "+")                                                                                                          \
  X(SUB, "-")                                                                                                          \
  X(MUL, "*")                                                                                                          \
  X(DIV, "/")                                                                                                          \
  X(MOD, "%")                                                                                                          \
  X(LEN, "#")                                                                                                          \
  X(LEFT, "(")                                                                                                         \
  X(RIGHT, ")")                                                                                                        \
  X(OPEN, "[")                                                                                                         \
  X(CLOSE, "]")                                                                                                        \
  X(DOT, ".")                                                                                                          \
  X(COLON, ":")                                                                                                        \
  X(COMMA, ",")                                                                                                        \
  X(PARAMETER, "?")

typedef enum hf__token_kind {
#define HF__TOKEN_ENUM(id, text) HF__TOKEN_##id,
  HF__TOKEN_MAP(HF__TOKEN_ENUM)
#undef HF__TOKEN_ENUM
      HF__TOKEN_END,
  HF__TOKEN_NAME,
  HF__TOKEN_WORD, /* one that Lua keeps for itself, and no condition has: "end" */
  HF__TOKEN_STRING,
  HF__TOKEN_NUMBER,
} hf__token_kind;

typedef struct hf__token {
  hf__token_kind kind;
  size_t at; /* where it begins, and how long it is, in the text */
  size_t size;
  hf_slice text; /* of a name or word; what a string stands for */
  double number;
} hf__token;

typedef struct hf__lexer {
  hf_slice text;
  hf__token token;  /* the one that hf__lexer_next() read */
  size_t end;       /* of it */
  const char *what; /* the text is, in errors: "condition" */
  char *strings;    /* what strings stand for, one after the other */
  size_t used;
  hf_error *err;
} hf__lexer;

/* Begins a text, which stays where it is, as `what` does; the first token is still to be read.  False: out of
 * memory. */
bool hf__lexer_open(hf__lexer *lx, hf_slice text, const char *what, hf_error *err);
void hf__lexer_close(hf__lexer *lx);

/* Reads the next token.  False: it cannot be, and the error says so. */
bool hf__lexer_next(hf__lexer *lx);

/* Whether a name, or what a string stands for, is this. */
bool hf__token_is(const hf__token *token, const char *word);

/* Makes the error HF_INVALID_ARGUMENT for a part of the text: what is there, its line and column, and `fmt`, which says
 * what to write.  Always false. */
bool hf__lexer_refuse(const hf__lexer *lx, size_t at, size_t size, const char *fmt, ...) HF_PRINTF(4, 5);

#endif
