/* SPDX-License-Identifier: MIT
 *
 * A condition's text as tokens: see lexer.h.  Names and strings are pieces of memory that stays until the lexer is
 * closed.
 */
#include "condition/lexer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"

enum { SNIPPET_MAX = 40 };

static const char *const spellings[] = {
#define SPELLING(id, text) [HF__TOKEN_##id] = text,
    HF__TOKEN_MAP(SPELLING)
#undef SPELLING
};

/* What Lua, or another language, has and no condition does: longer ones before those that they begin with. */
static const struct {
  const char *text, *instead;
} refused[] = {
    {"...", "a condition has no arguments: what may change is a parameter, written ?"},
    {"..", "texts are not joined in a condition: compare the pieces, or pass the whole as a parameter, written ?"},
    {"^", "powers are not computed in a condition: multiply, or pass the result as a parameter, written ?"},
    {"~==", "unequal is ~="},
    {"!=", "unequal is ~="},
    {"<>", "unequal is ~="},
    {"===", "equal is =="},
    {"=>", "at least is >="},
    {"=<", "at most is <="},
    {"=", "nothing is assigned in a condition: equal is =="},
    {"!", "the opposite of a condition is not (...)"},
    {"~", "unequal is ~=, and the opposite of a condition not (...)"},
    {"&&", "both is and"},
    {"||", "one or the other is or"},
    {"&", "bits are not looked at in a condition; both is and"},
    {"|", "bits are not looked at in a condition; one or the other is or"},
    {"<<", "bits are not looked at in a condition"},
    {">>", "bits are not looked at in a condition"},
    {"//", "there is one division, /; a comment begins with --"},
    {"/*", "a comment begins with --, or stands in --[[ ]]"},
    {"{", "a condition makes no tables: compare their fields one by one"},
    {"}", "a condition makes no tables"},
    {";", "a condition is one expression, without statements"},
    {"$", "a parameter is written ?"},
    {"@", "a parameter is written ?"},
    {"`", "strings stand between ' or \""},
};

/* Lua's words that are none of the tokens. */
static const char *const words[] = {"break", "do",    "else",   "elseif", "end",  "for",   "function", "if",
                                    "in",    "local", "repeat", "return", "then", "until", "while"};

bool hf__lexer_open(hf__lexer *lx, hf_slice text, const char *what, hf_error *err) {
  *lx = (hf__lexer){.text = text, .what = what, .err = err};
  lx->strings = malloc(text.size + 1);
  return lx->strings != NULL;
}

void hf__lexer_close(hf__lexer *lx) { free(lx->strings); }

/* ---- errors */

/* A part of the text as people read it. */
static void snippet(hf_slice text, char out[SNIPPET_MAX]) {
  hf__copy_text(out, SNIPPET_MAX, text.data, text.size);
  for (char *p = out; *p; p++)
    if ((unsigned char)*p < ' ' || *p == 0x7F) *p = ' ';
  hf_slice copy = hf_text(out);
  for (size_t good; (good = hf__utf8_valid_prefix(copy)) < copy.size;) out[good + (size_t)(copy.data - out)] = '?';
}

bool hf__lexer_refuse(const hf__lexer *lx, size_t at, size_t size, const char *fmt, ...) {
  char what[SNIPPET_MAX], why[400], place[80] = "";
  unsigned line = 1, column = 1;
  for (size_t i = 0; i < at; i++) {
    column += ((unsigned char)lx->text.data[i] & 0xC0) != 0x80;
    if (lx->text.data[i] != '\n') continue;
    line++;
    column = 1;
  }
  va_list args;
  va_start(args, fmt);
  vsnprintf(why, sizeof why, fmt, args);
  va_end(args);
  snippet((hf_slice){lx->text.data + at, size}, what);
  if (line > 1) snprintf(place, sizeof place, "line %u, ", line);
  hf__fail(lx->err, HF_INVALID_ARGUMENT, "%s, %scolumn %u, %s%s%s: %s", lx->what, place, column,
           size ? "at '" : "at its end", size ? what : "", size ? "'" : "", why);
  return false;
}

/* ---- tokens */

static bool begins(const hf__lexer *lx, size_t at, const char *with) {
  size_t size = strlen(with);
  return lx->text.size - at >= size && memcmp(lx->text.data + at, with, size) == 0;
}

bool hf__token_is(const hf__token *token, const char *word) {
  return token->text.size == strlen(word) && memcmp(token->text.data, word, token->text.size) == 0;
}

/* Skips white space and comments, and says where the next token begins.  False: a comment does not end. */
static bool skip(hf__lexer *lx, size_t *at) {
  hf__fault fault;
  size_t i = lx->end;
  while (i < lx->text.size) {
    char c = lx->text.data[i];
    if (c == ' ' || (c >= '\t' && c <= '\r')) {
      i++;
    } else if (!begins(lx, i, "--")) {
      break;
    } else if (i + 2 < lx->text.size && hf__literal_is_long(lx->text, i + 2)) {
      i = hf__literal_long(lx->text, i + 2, NULL, NULL, &fault);
      if (!i) return hf__lexer_refuse(lx, fault.at, fault.size, "%s", fault.why);
    } else {
      while (i < lx->text.size && lx->text.data[i] != '\n' && lx->text.data[i] != '\r') i++;
    }
  }
  *at = i;
  return true;
}

static void read_name(hf__lexer *lx, hf__token *t) {
  while (t->at + t->size < lx->text.size && hf__literal_is_name_byte(lx->text.data[t->at + t->size])) t->size++;
  t->text = (hf_slice){lx->text.data + t->at, t->size};
  t->kind = HF__TOKEN_NAME;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (hf__token_is(t, words[i])) t->kind = HF__TOKEN_WORD;
  for (unsigned i = HF__TOKEN_AND; i <= HF__TOKEN_NIL; i++)
    if (hf__token_is(t, spellings[i])) t->kind = (hf__token_kind)i;
}

/* What a literal gave: `after` is where it ends. */
static bool end_literal(const hf__lexer *lx, hf__token *t, hf__token_kind kind, size_t after, const hf__fault *fault) {
  if (!after) return hf__lexer_refuse(lx, fault->at, fault->size, "%s", fault->why);
  t->kind = kind;
  t->size = after - t->at;
  return true;
}

static bool read_string(hf__lexer *lx, hf__token *t, bool is_long) {
  hf__fault fault;
  char *out = lx->strings + lx->used;
  size_t size = 0;
  size_t after = (is_long ? hf__literal_long : hf__literal_string)(lx->text, t->at, out, &size, &fault);
  t->text = (hf_slice){out, size};
  lx->used += size;
  return end_literal(lx, t, HF__TOKEN_STRING, after, &fault);
}

static bool read_number(hf__lexer *lx, hf__token *t) {
  hf__fault fault;
  size_t after = hf__literal_number(lx->text, t->at, &t->number, &fault);
  return end_literal(lx, t, HF__TOKEN_NUMBER, after, &fault);
}

/* Refuses what stands in the table of those that no condition has, if it is as long as that. */
static bool is_refused(const hf__lexer *lx, size_t at, size_t least, size_t most) {
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    size_t size = strlen(refused[i].text);
    if (size < least || size > most || !begins(lx, at, refused[i].text)) continue;
    return !hf__lexer_refuse(lx, at, size, "%s", refused[i].instead);
  }
  return false;
}

static bool read_symbol(hf__lexer *lx, hf__token *t) {
  if (is_refused(lx, t->at, 2, SIZE_MAX)) return false;
  for (unsigned i = HF__TOKEN_EQ; i < HF__TOKEN_END; i++)
    if (begins(lx, t->at, spellings[i])) {
      t->kind = (hf__token_kind)i;
      t->size = strlen(spellings[i]);
      return true;
    }
  if (is_refused(lx, t->at, 1, 1)) return false;
  return hf__lexer_refuse(lx, t->at, 1, "no part of a condition begins with this");
}

bool hf__lexer_next(hf__lexer *lx) {
  hf__token *t = &lx->token;
  *t = (hf__token){.kind = HF__TOKEN_END};
  if (!skip(lx, &t->at)) return false;
  if (t->at < lx->text.size) {
    const char *p = lx->text.data + t->at;
    char second = t->at + 1 < lx->text.size ? p[1] : '\0';
    bool done = true;
    if (hf__literal_digit(*p) < 10 || (*p == '.' && hf__literal_digit(second) < 10))
      done = read_number(lx, t);
    else if (hf__literal_is_name_byte(*p))
      read_name(lx, t);
    else if (*p == '\'' || *p == '"')
      done = read_string(lx, t, false);
    else if (hf__literal_is_long(lx->text, t->at))
      done = read_string(lx, t, true);
    else
      done = read_symbol(lx, t);
    if (!done) return false;
  }
  lx->end = t->at + t->size;
  return true;
}
