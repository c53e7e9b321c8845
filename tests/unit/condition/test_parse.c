/* SPDX-License-Identifier: MIT
 *
 * Conditions from text: what is understood, what is refused and how, limits, parameters, and what raises.  That the
 * same text means the same in Lua is in test_parse_as_lua.c.
 */
#include "unit/support.h"

#define ENTITY                                                                                                         \
  "{\"symbol\":\"BTCUSDT\",\"priceOpen\":100.5,\"id\":\"inner\",\"v\":7,\"null\":8,\"type\":\"limit\",\"none\":null,"  \
  "\"any key\":1,\"and\":2,\"tags\":[\"a\",[\"b\"]],\"metadata\":{\"symbol\":\"ETH\",\"deep\":{\"er\":true}},"         \
  "\"\xC3\xA9t\xC3\xA9\":3,\"\":4,\"a\\nb\":\"x\\ty\"}"

static hf_condition *parsed(const char *text) {
  hf_error err;
  hf_condition *c;
  hf_status status = hf_condition_parse(hf_text(text), &c, &err);
  if (status) fail_msg("%s: %s", text, err.message);
  return c;
}

/* "yes", "no", or the message of the error. */
static const char *answer(hf_condition *c, const char *json) {
  static hf_error err;
  bool holds;
  hf_status status = hf_condition_test(c, hf_text("BTC/USDT"), hf_text(json), &holds, &err);
  if (status && holds) fail_msg("an error, and yet it holds: %s", err.message);
  return status ? err.message : holds ? "yes" : "no";
}

static const char *ask(const char *text, const char *json) {
  hf_condition *c = parsed(text);
  const char *got = answer(c, json);
  hf_condition_free(c);
  return got;
}

static void assert_asks(const char *const *texts, size_t count, const char *json, const char *expected) {
  for (size_t i = 0; i < count; i++) {
    const char *got = ask(texts[i], json);
    if (strcmp(got, expected) != 0) fail_msg("%s: expected %s, got %s", texts[i], expected, got);
  }
}

#define ALL(texts, json, expected) assert_asks(texts, sizeof(texts) / sizeof *(texts), json, expected)

static void names_are_fields_of_the_entity(void **state) {
  (void)state;
  static const char *const true_ones[] = {
      "symbol == 'BTCUSDT'",
      "v.symbol == 'BTCUSDT'",
      "v['symbol'] == [[BTCUSDT]]",
      "metadata.symbol == 'ETH'",
      "v.metadata.symbol == \"ETH\"",
      "metadata['deep'].er",
      "(metadata).deep['er']",
      "((v).metadata.deep).er",
      "id == 'BTC/USDT'",
      "v.id == 'inner'",
      "v.v == 7",
      "v.null == 8",
      "v.none == null",
      "none == null",
      "none ~= nil",
      "type == 'limit'",
      "type(type) == 'string'",
      "type(v) == 'table'",
      "type(id) == 'string'",
      "type'x' == 'string'",
      "v['any key'] == 1",
      "v[\"and\"] == 2",
      "v[''] == 4",
      "tags[1] == 'a'",
      "tags[2][1] == 'b'",
      "tags[0x1] == 'a'",
      "tags[1.0] == 'a'",
      "tags[3] == nil",
      "v.tags[ 1 ] == 'a'",
      "\xC3\xA9t\xC3\xA9 == 3",
      "v['a\\nb'] == 'x\\ty'",
      "missing == nil",
      "not missing",
      "_G == nil",
      "string == nil",
      "goto == nil",
      "v",
      "id",
      "true",
      "1",
      "''",
      "null",
      "not nil",
      "v.holdfast == nil",
      "holdfast == nil",
  };
  ALL(true_ones, ENTITY, "yes");
  static const char *const false_ones[] = {
      "symbol == 'ETH'", "nil", "false", "missing", "not v", "none == nil", "v.symbol == v.metadata.symbol", "v == id"};
  ALL(false_ones, ENTITY, "no");
  assert_string_equal(ask("v == 5", "5"), "yes");
  assert_string_equal(ask("v[1] == 5 and v[2] == nil", "[5]"), "yes");
  assert_string_equal(ask("v == null", "null"), "yes");
}

static void literals_are_those_of_lua(void **state) {
  (void)state;
  static const char *const strings[] = {
      "v == 'a\\nb'",    "v == \"a\\nb\"",  "v == 'a\\10b'",           "v == 'a\\010b'",
      "v == 'a\\x0Ab'",  "v == 'a\\x0ab'",  "v == 'a\\u{A}b'",         "v == 'a\\u{00000a}b'",
      "v == 'a\\\nb'",   "v == 'a\\\r\nb'", "v == 'a\\z  \n\t \\nb'",  "v == [[a\nb]]",
      "v == [[a\r\nb]]", "v == [[\na\nb]]", "v == [==[\r\na\n\rb]==]", "v == '\\97\\10\\98'",
  };
  ALL(strings, "\"a\\nb\"", "yes");
  assert_string_equal(ask("v == '\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\\''", "\"\\u0007\\b\\f\\n\\r\\t\\u000b\\\\\\\"'\""),
                      "yes");
  assert_string_equal(ask("v == '\\u{7F}\\u{7ff}\\u{20AC}\\u{1F600}'", "\"\\u007f\\u07ff\\u20ac\\ud83d\\ude00\""),
                      "yes");
  assert_string_equal(ask("v == 'a\\0b'", "\"a\\u0000b\""), "yes");
  assert_string_equal(ask("v == [=[]]]=]", "\"]]\""), "yes");
  static const char *const numbers[] = {
      "v == 16",
      "v == 0x10",
      "v == 0X10",
      "v == 1.6e1",
      "v == 1.6E+1",
      "v == 160e-1",
      "v == 16.",
      "v == 0016",
      "v == 0x1p4",
      "v == 0x.8p5",
      "v == 0x1.0P+4",
      "v == 0x80p-3",
      "v == 0b10000",
      "v == --1\n16",
      "v == - -16",
      "v == 1600000000000000000000000000000000e-32",
      "v == 0.00000000000000000000000000016e+29",
      "-v == -16",
  };
  ALL(numbers, "16", "yes");
  assert_string_equal(ask("v == .1", "0.1"), "yes");
  assert_string_equal(ask("v == 0x1p-1074", "4.9406564584124654e-324"), "yes");
  assert_string_equal(ask("v == 0x1.8p-1074", "9.8813129168249309e-324"), "yes");
  assert_string_equal(ask("v == 0x1p1024", "1e999"), "yes");
  assert_string_equal(ask("v == 1e400", "1e999"), "yes");
  assert_string_equal(ask("v == 0xffffffffffffffffff", "4722366482869645213695"), "yes");
  assert_string_equal(ask("v == 0x10000000000000801", "18446744073709555712"), "yes");
  assert_string_equal(ask("v == 9007199254740993", "9007199254740992"), "yes");
}

static void operators_bind_as_in_lua(void **state) {
  (void)state;
  static const char *const true_ones[] = {
      "1 + 2 * 3 == 7",
      "(1 + 2) * 3 == 9",
      "10 - 4 - 3 == 3",
      "8 / 4 / 2 == 1",
      "7 % 4 * 2 == 6",
      "-2 * -3 == 6",
      "- 7 % 4 == 1",
      "-(7 % 4) == -3",
      "not 1 == nil == false",
      "not (1 == nil)",
      "1 < 2 == true",
      "1 < 2 == not false",
      "nil and nil or 1",
      "1 or x.y",
      "false or nil == nil",
      "nil == false == false",
      "#'abc' + 1 == 4",
      "#'abc' * 2 == 6",
      "-#'abc' == -3",
      "not not 1",
      "1 == 1 and 2 == 2 or nil",
      "nil and x.y.z or true",
      "(nil or 2) == 2",
      "(1 and 2) == 2",
      "(nil and 2) == nil",
      "1 - -1 == 2",
      "1 - - 1 == 2",
      "2 > 1",
      "2 >= 2",
      "'a' < 'b'",
  };
  ALL(true_ones, "{}", "yes");
}

static void white_space_and_comments_are_skipped(void **state) {
  (void)state;
  static const char *const texts[] = {
      " \t\r\n\v\fv.a==1",
      "v . a == 1",
      "v\n.\na\n==\n1",
      "a == 1 -- and a == 2",
      "a == 1 --",
      "a == 1 --[",
      "a == 1 --[=",
      "--[[ all\nof it ]] a == 1",
      "a --[==[ ]] ]==] == 1",
      "--first\na == 1",
      "--first\ra == 1",
      "a == 1 --[[x]]--[[y]]",
  };
  ALL(texts, "{\"a\":1}", "yes");
}

static void methods_look_for_plain_text(void **state) {
  (void)state;
  static const char *const true_ones[] = {
      "v:find('CUS', 1, true)",
      "v:find('CUS', 1, true) == 3",
      "v:find('CUS')",
      "v:find 'CUS'",
      "v:find[[CUS]]",
      "v:find('CUS', nil, true)",
      "v:find('', 1, true) == 1",
      "not v:find('.', 1, true)",
      "v:sub(1, 3) == 'BTC'",
      "v:sub(-4) == 'USDT'",
      "v:sub(4, -1):find('SD', 1, true) == 2",
      "(v:sub(4)):sub(1, 1) == 'U'",
      "('abc'):sub(2) == 'bc'",
      "v:match('^BTC')",
      "v:match('USDT$')",
      "v:match('^BTCUSDT$')",
      "v:match('CUS')",
      "v:match('CUS') == 'CUS'",
      "v:match('^BTC') == 'BTC'",
      "v:match('') == ''",
      "v:match('^')",
      "v:match('$')",
      "not v:match('^$')",
      "not v:match('^BTCUS$')",
      "not v:match('^USDT')",
      "not v:match('BTC$')",
      "not v:match('BTC%-')",
      "not v:match('%$')",
      "not v:match('^%^')",
      "not v:match('%.$')",
      "type(v:find('T', 1, true)) == 'number'",
      "#v:sub(1, 3) == 3",
      "v:sub((v:find('T', 1, true))) == 'TCUSDT'",
      "(v:find('T', 1, true)) == 2",
      "v:sub(1, #'abc') == 'BTC'",
  };
  ALL(true_ones, "\"BTCUSDT\"", "yes");
  assert_string_equal(ask("v:match('^a%-b%.c%%$')", "\"a-b.c%\""), "yes");
  assert_string_equal(ask("v:match('^a%-b')", "\"aab\""), "no");
  assert_string_equal(ask("id:find('/', 1, true) == 4 and id:sub(1, 3) == 'BTC'", "0"), "yes");
}

/* Each text, where it is refused, and a piece of what to write instead. */
static const struct {
  const char *text, *place, *instead;
} refused[] = {
    {"", "at its end", "priceOpen > 100"},
    {" -- nothing", "at its end", "write an expression"},
    {"a = 1", "column 3, at '='", "equal is =="},
    {"a != 1", "at '!='", "unequal is ~="},
    {"a <> 1", "at '<>'", "unequal is ~="},
    {"a === 1", "at '==='", "equal is =="},
    {"a => 1", "at '=>'", "at least is >="},
    {"a && b", "at '&&'", "both is and"},
    {"a || b", "at '||'", "or"},
    {"!a", "at '!'", "not (...)"},
    {"~a", "at '~'", "not"},
    {"a ^ 2", "at '^'", "powers"},
    {"a .. b == 'x'", "column 3, at '..'", "not joined"},
    {"...", "at '...'", "?"},
    {"a // 2", "at '//'", "one division"},
    {"a /* x */", "at '/*'", "comment begins with --"},
    {"a & 1", "at '&'", "bits"},
    {"a << 1", "at '<<'", "bits"},
    {"a == {}", "at '{'", "no tables"},
    {"a == 1;", "at ';'", "one expression"},
    {"a == $1", "at '$'", "?"},
    {"a == `x`", "at '`'", "strings stand"},
    {"a == \\", "at '\\'", "no part"},
    {"a ==", "at its end", "a field, a value or ("},
    {"(a == 1", "at its end", ")"},
    {"a == 1)", "at ')'", "the end of the condition"},
    {"a b", "column 3, at 'b'", "an operator"},
    {"a AND b", "at 'AND'", "write and"},
    {"NOT a", "at 'NOT'", "write not"},
    {"a == NULL", "at 'NULL'", "write null; a field of this name is v.NULL"},
    {"a IS nil", "at 'IS'", "write =="},
    {"a == None", "at 'None'", "write null"},
    {"return a", "at 'return'", "without statements"},
    {"function(v) return v.a end", "at 'function'", "what a function of Lua would return"},
    {"a if b", "at 'if'", "one expression"},
    {"v.end", "at 'end'", "x[\"end\"]"},
    {"v.and", "at 'and'", "x[\"and\"]"},
    {"v.", "at its end", "a field's name"},
    {"v.1", "at '.1'", "an operator"},
    {"v[a]", "at 'a'", "written out"},
    {"v[?]", "at '?'", "written out"},
    {"v[1 + 1]", "at '+'", "]"},
    {"v[0]", "at '0'", "from 1 on"},
    {"v[-1]", "at '-'", "written out"},
    {"v[1.5]", "at '1.5'", "whole numbers"},
    {"v[1e10]", "at '1e10'", "whole numbers"},
    {"v[true]", "at 'true'", "written out"},
    {"v['a'", "at its end", "]"},
    {"id.x", "at '.'", "v.id"},
    {"id[1]", "at '['", "v.id"},
    {"(a or b).c", "at '.'", "only the entity"},
    {"a:sub(1, 2).x", "at '.'", "only the entity"},
    {"('x').y", "at '.'", "only the entity"},
    {"holdfast.null == a", "at 'holdfast'", "holdfast.null is null"},
    {"tonumber(a)", "at '('", "calls nothing but type(x)"},
    {"math.floor(a)", "at '('", "calls nothing but"},
    {"a 'x'", "at ''x''", "calls nothing but"},
    {"v(1)", "at '('", "calls nothing but"},
    {"type()", "at ')'", "a field"},
    {"type(a, b)", "at ','", "one argument"},
    {"a:find('x', 1)", "at 'find'", "x:find(text, 1, true)"},
    {"a:find('x', 2, true)", "at 'find'", "from the beginning"},
    {"a:find('x', 1, false)", "at 'find'", "plain text"},
    {"a:find('x.y')", "at 'find'", "plain text"},
    {"a:find(?)", "at 'find'", "plain text"},
    {"a:find(1, 1, true)", "at 'find'", "is a string"},
    {"a:find()", "at 'find'", "plain text"},
    {"a:match('^%a+$')", "at 'match'", "plain text"},
    {"a:match('(x)')", "at 'match'", "plain text"},
    {"a:match('x)')", "at 'match'", "plain text"},
    {"a:match('a.c')", "at 'match'", "plain text"},
    {"a:match('a%')", "at 'match'", "plain text"},
    {"a:match('%d')", "at 'match'", "plain text"},
    {"a:match('a\\0b')", "at 'match'", "plain text"},
    {"a:match(?)", "at 'match'", "plain text"},
    {"a:match('x', 2)", "at 'match'", "plain text"},
    {"a:sub()", "at 'sub'", "x:sub(1, 3)"},
    {"a:sub(1, 2, 3)", "at 'sub'", "x:sub(1, 3)"},
    {"a:sub(a:find('x', 1, true))", "at 'sub'", "in parentheses"},
    {"a:sub(1, a:find('x', 1, true))", "at 'sub'", "in parentheses"},
    {"a:sub(1, 2, 3, 4, 5)", "at '5'", "so many"},
    {"a:sub(1, )", "at ')'", "a field"},
    {"a:len() == 3", "at 'len'", "#x"},
    {"a:lower() == 'x'", "at 'lower'", "as they are stored"},
    {"a:foo()", "at 'foo'", "find, sub and match"},
    {"a:find", "at its end", "arguments of a method"},
    {"a:1", "at '1'", "method's name"},
    {"'abc':find('b', 1, true)", "at ':'", "an operator"},
    {"?.x", "at '.'", "an operator"},
    {"a == 'x", "at ''x'", "no end"},
    {"a == 'x\n'", "at ''x'", "no end"},
    {"a == 'x\\q'", "at '\\q'", "no such escape"},
    {"a == '\\300'", "at '\\300'", "up to \\255"},
    {"a == '\\xg0'", "at '\\x'", "two hexadecimal digits"},
    {"a == '\\u{110000}'", "at '\\u{110000'", "up to 10FFFF"},
    {"a == '\\u{d800}'", "at '\\u{d800'", "a character's number"},
    {"a == '\\u{}'", "at '\\u{'", "in braces"},
    {"a == [[x", "at '[['", "not closed"},
    {"a == 1 --[[x", "at '[['", "not closed"},
    {"a == 1x", "at '1x'", "no number of Lua"},
    {"a == 0x", "at '0x'", "no number of Lua"},
    {"a == 1e", "at '1e'", "no number of Lua"},
    {"a == 1e1048576", "at '1e1048576'", "no number of Lua"},
    {"a == 0x1p-1048576", "at '0x1p-1048576'", "no number of Lua"},
    {"a == 0x1p", "at '0x1p'", "no number of Lua"},
    {"a == 1..2", "at '1..2'", "no number of Lua"},
    {"a == 1LL", "at '1LL'", "no number of Lua"},
    {"a == 0b12", "at '0b12'", "no number of Lua"},
    {"a and\n  b and\n  c = 1", "line 3, column 5, at '='", "equal is =="},
    {"'\xC3\xA9' == a ! b", "column 10, at '!'", "not (...)"},
    {"\xFF\xFE == \x01", "at ' '", "no part"},
};

static void what_is_not_understood_is_refused_with_what_to_write(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    hf_error err;
    hf_condition *c;
    hf_status status = hf_condition_parse(hf_text(refused[i].text), &c, &err);
    if (status != HF_INVALID_ARGUMENT || c) fail_msg("'%s' gives %s", refused[i].text, hf_status_name(status));
    if (!strstr(err.message, refused[i].place) || !strstr(err.message, refused[i].instead))
      fail_msg("'%s': expected \"%s\" and \"%s\", got \"%s\"", refused[i].text, refused[i].place, refused[i].instead,
               err.message);
    assert_int_equal(hf_condition_parse(hf_text(refused[i].text), &c, NULL), HF_INVALID_ARGUMENT);
  }
}

/* `count` times a piece, between two others. */
static char *repeated(const char *before, const char *piece, size_t count, const char *after) {
  char *text = malloc(strlen(before) + count * strlen(piece) + strlen(after) + 1), *end = stpcpy(text, before);
  assert_non_null(text);
  for (size_t i = 0; i < count; i++) end = stpcpy(end, piece);
  strcpy(end, after);
  return text;
}

static void assert_limit(char *text, const char *message) {
  hf_error err;
  hf_condition *c;
  hf_status status = hf_condition_parse(hf_text(text), &c, &err);
  if (!message && status) fail_msg("%.60s...: %s", text, err.message);
  if (message && status != HF_INVALID_ARGUMENT) fail_msg("%.60s...: %s", text, hf_status_name(status));
  if (message) CONTAINS(err.message, message);
  hf_condition_free(c);
  free(text);
}

static void what_is_too_large_is_refused(void **state) {
  (void)state;
  assert_limit(repeated("", "(", 64, "1"), "is expected");
  assert_limit(repeated("", "(", 65, "1"), "nested more than 64 deep");
  assert_limit(repeated("", "(", 60000, "1"), "nested more than 64 deep");
  assert_limit(repeated("", "not ", 64, "1"), NULL);
  assert_limit(repeated("", "not ", 16000, "1"), "nested more than 64 deep");
  assert_limit(repeated("", "- ", 16000, "1"), "nested more than 64 deep");
  assert_limit(repeated("", "type(", 12000, "1"), "nested more than 64 deep");
  assert_limit(repeated("", "a:sub(", 10000, "1"), "nested more than 64 deep");
  assert_limit(repeated("v", ".a", 16, " == 1"), NULL);
  assert_limit(repeated("v", ".a", 17, " == 1"), "at most 16 steps");
  assert_limit(repeated("v", "[1]", 17, " == 1"), "at most 16 steps");
  assert_limit(repeated("1", " + 1", 150, " > 0"), NULL);
  assert_limit(repeated("1", " + 1", 250, " > 0"), "within each other");
  assert_limit(repeated("id == 'a'", " or id == 'b'", 1000, ""), NULL);
  assert_limit(repeated("id == 'a'", " and id == 'b'", 3000, ""), "too large");
  assert_limit(repeated("? == a", " or ? == a", 63, ""), NULL);
  assert_limit(repeated("? == a", " or ? == a", 64, ""), "at most 64 parameters");
  assert_limit(repeated("1", "0", 1000, ""), NULL);
  assert_limit(repeated("1", "0", 2000, ""), "too long");
  assert_limit(repeated("'", "0", 65000, "'"), NULL);
  assert_limit(repeated("'", "0", 66000, "'"), "at most 65536 bytes");
}

static void a_long_chain_is_decided_by_any_of_its_parts(void **state) {
  (void)state;
  char *text = repeated("id == 'a'", " or id == 'b'", 500, " or v == 7 and id == 'BTC/USDT'");
  hf_condition *c = parsed(text);
  assert_string_equal(answer(c, "7"), "yes");
  assert_string_equal(answer(c, "8"), "no");
  hf_condition_free(c);
  free(text);
}

static void parameters_are_set_by_number(void **state) {
  (void)state;
  hf_error err;
  hf_condition *c = parsed("price > ? and (symbol == ? or ? == symbol) and '?' ~= x --?");
  assert_int_equal(hf_condition_parameters(c), 3);
  const char *entity = "{\"price\":5,\"symbol\":\"BTC\"}";
  CONTAINS(answer(c, entity), "parameter 1 of the condition is not set");
  OK(hf_condition_set_number(c, 1, 4.5, &err));
  OK(hf_condition_set_nil(c, 2, &err));
  bool holds;
  FAILS(HF_INVALID_ARGUMENT, hf_condition_test(c, hf_text("a"), hf_text(entity), &holds, &err));
  CONTAINS(err.message, "parameter 3");
  char text[] = "BTC";
  OK(hf_condition_set_text(c, 3, hf_text(text), &err));
  text[0] = 'x';
  assert_string_equal(answer(c, entity), "yes");
  OK(hf_condition_set_number(c, 1, 5, &err));
  assert_string_equal(answer(c, entity), "no");
  OK(hf_condition_set_text(c, 1, hf_text("4"), &err));
  CONTAINS(answer(c, entity), "raises: attempt to compare string with number");
  hf_condition_free(c);

  c = parsed("a == ?");
  OK(hf_condition_set_boolean(c, 1, true, &err));
  assert_string_equal(answer(c, "{\"a\":true}"), "yes");
  OK(hf_condition_set_boolean(c, 1, false, &err));
  assert_string_equal(answer(c, "{\"a\":false}"), "yes");
  OK(hf_condition_set_null(c, 1, &err));
  assert_string_equal(answer(c, "{\"a\":null}"), "yes");
  assert_string_equal(answer(c, "{}"), "no");
  OK(hf_condition_set_nil(c, 1, &err));
  assert_string_equal(answer(c, "{}"), "yes");
  OK(hf_condition_set_text(c, 1, (hf_slice){"a\0b", 3}, &err));
  assert_string_equal(answer(c, "{\"a\":\"a\\u0000b\"}"), "yes");
  OK(hf_condition_set_text(c, 1, (hf_slice){NULL, 0}, &err));
  assert_string_equal(answer(c, "{\"a\":\"\"}"), "yes");
  FAILS(HF_INVALID_ARGUMENT, hf_condition_set_number(c, 0, 1, &err));
  CONTAINS(err.message, "counted from 1 to 1");
  FAILS(HF_INVALID_ARGUMENT, hf_condition_set_nil(c, 2, &err));
  assert_int_equal(hf_condition_set_null(c, 2, NULL), HF_INVALID_ARGUMENT);
  hf_condition_free(c);

  c = parsed("a == 1");
  assert_int_equal(hf_condition_parameters(c), 0);
  FAILS(HF_INVALID_ARGUMENT, hf_condition_set_boolean(c, 1, true, &err));
  CONTAINS(err.message, "has no parameter");
  hf_condition_free(c);
  hf_condition_free(NULL);
}

static void what_raises_in_lua_is_an_error_in_its_words(void **state) {
  (void)state;
  static const struct {
    const char *text, *json, *reason;
  } raises[] = {
      {"metadata.symbol == 'x'", "{}", "attempt to index field 'metadata' (a nil value)"},
      {"metadata.symbol == 'x'", "{\"metadata\":5}", "attempt to index field 'metadata' (a number value)"},
      {"metadata.symbol == 'x'", "{\"metadata\":null}", "attempt to index field 'metadata' (a userdata value)"},
      {"a > 1", "{}", "attempt to compare number with nil"},
      {"a < 1", "{}", "attempt to compare nil with number"},
      {"a < 1", "{\"a\":null}", "attempt to compare userdata with number"},
      {"a < b", "{\"a\":\"x\",\"b\":1}", "attempt to compare string with number"},
      {"a < b", "{\"a\":{},\"b\":[]}", "attempt to compare two table values"},
      {"1 < 2 < 3", "{}", "attempt to compare boolean with number"},
      {"a + 1 > 2", "{}", "attempt to perform arithmetic on field 'a' (a nil value)"},
      {"-a > 2", "{\"a\":true}", "attempt to perform arithmetic on field 'a' (a boolean value)"},
      {"#a > 2", "{}", "attempt to get length of field 'a' (a nil value)"},
      {"a:find('x', 1, true)", "{}", "attempt to index field 'a' (a nil value)"},
      {"v.a == 1", "5", "attempt to index"},
  };
  for (size_t i = 0; i < sizeof raises / sizeof *raises; i++) {
    const char *got = ask(raises[i].text, raises[i].json);
    if (!strstr(got, raises[i].reason) || !strstr(got, "raises"))
      fail_msg("%s of %s: expected %s, got %s", raises[i].text, raises[i].json, raises[i].reason, got);
  }
  hf_error err;
  bool holds;
  hf_condition *c = parsed("a > 1");
  FAILS(HF_SCRIPT, hf_condition_test(c, hf_text("BTC"), hf_text("{}"), &holds, &err));
  assert_string_equal(err.entity_id, "BTC");
  CONTAINS(err.message, "Entity BTC: ");
  FAILS(HF_INVALID_VALUE, hf_condition_test(c, hf_text("BTC"), hf_text("{"), &holds, &err));
  hf_condition_free(c);
  CONTAINS(ask("a + 1 > 2", "{\"a\":\"5\"}"), "cannot be evaluated");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_fields_of_the_entity),
      cmocka_unit_test(literals_are_those_of_lua),
      cmocka_unit_test(operators_bind_as_in_lua),
      cmocka_unit_test(white_space_and_comments_are_skipped),
      cmocka_unit_test(methods_look_for_plain_text),
      cmocka_unit_test(what_is_not_understood_is_refused_with_what_to_write),
      cmocka_unit_test(what_is_too_large_is_refused),
      cmocka_unit_test(a_long_chain_is_decided_by_any_of_its_parts),
      cmocka_unit_test(parameters_are_set_by_number),
      cmocka_unit_test(what_raises_in_lua_is_an_error_in_its_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
