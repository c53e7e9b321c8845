/* SPDX-License-Identifier: MIT
 *
 * Methods of strings: see methods.h.  What they have in common: no patterns.  A pattern of Lua that is nothing but
 * text, with ^ before it or $ after it, is text.
 */
#include "condition/methods.h"

#include <stdlib.h>

#include "base/error.h"

/* What has a meaning in a pattern. */
static const char magic[] = "^$*+?.([%-";

static bool is_constant(const hf__term *term, hf_constant_kind kind) {
  return term->kind == HF__TERM_CONSTANT && term->constant.kind == kind;
}

static bool refuse(const hf__tree *tree, const hf__token *at, const char *why) {
  return hf__lexer_refuse(tree->lexer, at->at, at->size, "%s", why);
}

static bool has_magic(hf_slice text) {
  for (size_t i = 0; i < text.size; i++)
    if (!text.data[i] || strchr(magic, text.data[i])) return true;
  return false;
}

/* ---- find */

static bool starts_at_one(const hf__term *init) {
  return is_constant(init, HF_CONSTANT_NIL) || (is_constant(init, HF_CONSTANT_NUMBER) && init->constant.number == 1);
}

static bool call_find(hf__tree *tree, const hf__token *name, hf__term *x, hf__term *args, size_t count, hf__term *out) {
  bool plain = count == 1 && is_constant(&args[0], HF_CONSTANT_TEXT) && !has_magic(args[0].constant.text);
  if (count == 3) plain = starts_at_one(&args[1]) && is_constant(&args[2], HF_CONSTANT_TRUE);
  if (!plain)
    return refuse(tree, name,
                  "a condition finds plain text, from the beginning: x:find(text, 1, true); text at the beginning is "
                  "x:match(\"^text\")");
  if (args[0].kind == HF__TERM_CONSTANT && args[0].constant.kind != HF_CONSTANT_TEXT)
    return refuse(tree, name, "what is looked for is a string: x:find(text, 1, true)");
  if (!hf__tree_operator(tree, HF_OPERATOR_FIND, (hf__term[]){*x, args[0]}, out)) return false;
  out->several = true;
  return true;
}

/* ---- sub */

static bool call_sub(hf__tree *tree, const hf__token *name, hf__term *x, hf__term *args, size_t count, hf__term *out) {
  if (count != 1 && count != 2)
    return refuse(tree, name, "it takes the first place and the last: x:sub(1, 3), or x:sub(-3)");
  if (args[count - 1].several)
    return refuse(tree, name, "find gives two numbers to it here: put the last argument in parentheses to pass one");
  hf__term last = count == 2 ? args[1] : hf__term_number(-1);
  return hf__tree_operator(tree, HF_OPERATOR_SUBSTR, (hf__term[]){*x, args[0], last}, out);
}

/* ---- match */

/* A pattern that is text. */
struct plain {
  bool begins, ends; /* it is anchored there */
  char *text;        /* without anchors and escapes; as large as the pattern */
  size_t size;
};

static bool is_word(char c) { return hf__literal_is_name_byte(c) && c != '_'; }

/* False: it is a real pattern. */
static bool read_plain(hf_slice pattern, struct plain *out) {
  size_t i = 0, end = pattern.size;
  const char *p = pattern.data;
  if (i < end && p[i] == '^') {
    out->begins = true;
    i++;
  }
  for (; i < end; i++) {
    char c = p[i];
    if (c == '$' && i + 1 == end) {
      out->ends = true;
      break;
    }
    if (c == '%' && i + 1 < end && p[i + 1] && !is_word(p[i + 1]))
      c = p[++i];
    else if (!c || c == ')' || strchr(magic, c))
      return false;
    out->text[out->size++] = c;
  }
  return true;
}

static bool make_match(hf__tree *tree, const struct plain *plain, hf__term *x, hf__term *out) {
  hf_operator operator= plain->begins && plain->ends ? HF_OPERATOR_IS
  : plain->begins                                    ? HF_OPERATOR_BEGINS
  : plain->ends                                      ? HF_OPERATOR_ENDS
                                                     : HF_OPERATOR_FIND;
  hf__term text = hf__term_text((hf_slice){plain->text, plain->size});
  if (!hf__tree_settle(tree, &text)) return false;
  if (!hf__tree_operator(tree, operator,(hf__term[]){*x, text}, out)) return false;
  /* find gives a place, and match the text that is there. */
  return operator!= HF_OPERATOR_FIND || hf__tree_operator(tree, HF_OPERATOR_AND, (hf__term[]){*out, text}, out);
}

static bool call_match(hf__tree *tree, const hf__token *name, hf__term *x, hf__term *args, size_t count,
                       hf__term *out) {
  static const char why[] =
      "a condition matches plain text, which may be anchored: x:match(\"^text\"), x:match(\"text$\"), % before what "
      "has a meaning in patterns";
  if (count != 1 || !is_constant(&args[0], HF_CONSTANT_TEXT)) return refuse(tree, name, why);
  hf_slice pattern = args[0].constant.text;
  struct plain plain = {.text = malloc(pattern.size + 1)};
  if (!plain.text) return hf__no_memory(tree->lexer->err) == HF_OK;
  bool done = read_plain(pattern, &plain) ? make_match(tree, &plain, x, out) : refuse(tree, name, why);
  free(plain.text);
  return done;
}

/* ---- all of them */

/* Methods that a condition has no use for, and what to write. */
static const struct {
  const char *name, *instead;
} others[] = {
    {"len", "the length of a string is #x"},
    {"lower", "texts are compared as they are stored"},
    {"upper", "texts are compared as they are stored"},
    {"byte", "compare the piece of text: x:sub(1, 1) == 'A'"},
    {"gmatch", "a condition has no loops: x:find(text, 1, true)"},
    {"gsub", "a condition makes no texts but by x:sub(i, j)"},
    {"format", "a condition makes no texts but by x:sub(i, j)"},
    {"rep", "a condition makes no texts but by x:sub(i, j)"},
    {"reverse", "a condition makes no texts but by x:sub(i, j)"},
};

bool hf__method_call(hf__tree *tree, const hf__token *name, hf__term *x, hf__term *arguments, size_t count,
                     hf__term *out) {
  if (hf__token_is(name, "find")) return call_find(tree, name, x, arguments, count, out);
  if (hf__token_is(name, "sub")) return call_sub(tree, name, x, arguments, count, out);
  if (hf__token_is(name, "match")) return call_match(tree, name, x, arguments, count, out);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (hf__token_is(name, others[i].name)) return refuse(tree, name, others[i].instead);
  return refuse(tree, name, "the methods of a condition are find, sub and match");
}
