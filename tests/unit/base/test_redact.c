/* SPDX-License-Identifier: MIT
 *
 * Passwords in URLs, and in texts that came of URLs: none may be seen.
 */
#include "base/redact.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/url.h"
#include "unit/support.h"

static void urls_show_no_password(void **state) {
  (void)state;
  static const char *const pairs[][2] = {
      {"redis://user:secret@host:6379/0", "redis://user:***@host:6379/0"},
      {"redis://:secret@host", "redis://:***@host"},
      {"redis://user:se@cr:et@host/x@y:z", "redis://user:***@host/x@y:z"},
      {"redis://u:p@h", "redis://u:***@h"},
      {"redis://host:6379/0", "redis://host:6379/0"},
      {"redis://secret@host:6379", "redis://***@host:6379"},
      {"redis+unix://:pw@/run/redis.sock?db=1", "redis+unix://:***@/run/redis.sock?db=1"},
      {"redis+unix:///run/a:b@c.sock", "redis+unix:///run/a:b@c.sock"},
      {"postgres://user@host:5432/db", "postgres://user@host:5432/db"},
      {"redis+sentinel://:a@h/m?sentinelpassword=b&db=1", "redis+sentinel://:***@h/m?sentinelpassword=***&db=1"},
      {"redis+cluster://:a@h1:1,h2:2,[::1]:3", "redis+cluster://:***@h1:1,h2:2,[::1]:3"},
      {"postgres://h/db?user=u&password=&sslPassword=x", "postgres://h/db?user=u&password=***&sslPassword=***"},
      {"postgres://h/db?pass%77ord=x&a=1", "postgres://h/db?pass%77ord=***&a=1"},
      {"postgres://h/db?password=a&b&user=u", "postgres://h/db?password=***&***&user=u"},
      {"postgres:host=h password=secret dbname=x", "postgres:host=h password=*** dbname=x"},
      {"redis://h/password=1", "redis://h/password=1"},
      {"postgres://u:p@h/db?x=a:b@c", "postgres://u:***@h/db?x=a:b@c"},
      {"postgres://h:1/db?x=a:b@c", "postgres://h:1/db?x=a:b@c"},
      {"postgres://u:p@h1:1,h2:2/db?sslpassword=q#x", "postgres://u:***@h1:1,h2:2/db?sslpassword=***"},
      {"mongodb+srv://u:p%40q@c.example/db?w=1", "mongodb+srv://u:***@c.example/db?w=1"},
      {"mongodb://u:p@a:1,b:2/?authMechanismProperties=AWS_SESSION_TOKEN:x&tls=1",
       "mongodb://u:***@a:1,b:2/?authMechanismProperties=***&tls=1"},
      {"mongodb://h/?tlsCertificateKeyFilePassword=x&proxyPassword=y",
       "mongodb://h/?tlsCertificateKeyFilePassword=***&proxyPassword=***"},
      /* what should have been escaped */
      {"redis://u:pass/word@host:1/0", "redis://u:***@host:1/0"},
      {"redis://u:pass?word@host/0", "redis://u:***@host/0"},
      {"redis://u:p@ss/word@host", "redis://u:***@host"},
      {"redis://u:p#ss@host", "redis://u:***@host"},
      {"Redis://u:p@h", "Redis://u:***@h"},
      {" redis://u:p@h", " redis://u:***@h"},
      {"no_such://u:p@h", "no_such://u:***@h"},
      /* in the URL of a script's store */
      {"lua:my.mod?base=redis%3A%2F%2Fu%3Ap%40h%2F0", "lua:my.mod?base=redis://u:***@h/0"},
      {"lua:my.mod?base=redis://u:p@h/0&x=1", "lua:my.mod?base=redis://u:***@h/0&x=1"},
      {"lua:./m.lua?base=postgres://h/db%3Fpassword=p%26user=u",
       "lua:./m.lua?base=postgres://h/db?password=***&user=u"},
      {"lua:./m.lua?base=./a%20b", "lua:./m.lua?base=./a%20b"},
      {"lmdb:./a:b@c", "lmdb:./a:b@c"},
      {"./x://a:b@c", "./x://a:b@c"},
      {"./data?password=x", "./data?password=x"},
      {"", ""},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    char *shown = hf__url_redact(pairs[i][0]);
    assert_string_equal(shown, pairs[i][1]);
    assert_int_equal(hf__url_has_secret(pairs[i][0]), strcmp(pairs[i][0], pairs[i][1]) != 0);
    free(shown);
  }
}

static void texts_show_no_password(void **state) {
  (void)state;
  static const char *const rows[][3] = {
      {"redis://u:s3cret@h", "cannot reach redis://u:s3cret@h now", "cannot reach redis://u:***@h now"},
      {"redis://u:s%2Fcret@h", "AUTH u s/cret failed, s%2Fcret", "AUTH u *** failed, ***"},
      {"redis://u:se/cret@h", "'se' is no port; cret@h is no database", "'se' is no port; ***@h is no database"},
      {"redis://u:s3cret@h", "with args: s3cr", "with args: ***"},
      {"redis://u:s3cret@h", "with args: s3cr...", "with args: ***..."},
      {"redis://u:no@h", "no reply; it said no", "*** reply; it said ***"},
      {"redis://u:no@h", "nobody knows", "nobody knows"},
      {"lua:m?base=redis%3A//u:s3%2525cret@h", "s3%cret, s3%25cret", "***, ***"},
      {"redis://u@h:1", "anything", "anything"},
      {"postgres://u@h:1", "u at h", "u at h"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char *shown = hf__text_redact(rows[i][1], rows[i][0]);
    assert_string_equal(shown, rows[i][2]);
    free(shown);
  }
}

static void errors_show_no_password(void **state) {
  (void)state;
  hf_error err;
  hf_error_set(&err, HF_IO, "it says s3cret");
  hf_error_cause(&err, "because of s3cret");
  hf__error_redact(&err, NULL);
  assert_string_equal(err.message, "it says s3cret");
  hf__error_redact(&err, "redis://:s3cret@h");
  assert_string_equal(err.message, "it says ***");
  assert_string_equal(err.cause, "because of ***");
  hf__error_redact(NULL, "redis://:s3cret@h");
}

/* ---- any URL */

static unsigned random_state = 12345;

static unsigned pick(unsigned n) {
  random_state = random_state * 1664525 + 1013904223;
  return (random_state >> 16) % n;
}

/* A password; it has "S3" in its middle, which nothing else in the URL has. */
static void make_password(char *out) {
  static const char characters[] = "abcXYZ019/?#@:&%=+.,-_~!$*()[] \\\"'\xC3\xA4";
  size_t n = 0, before = pick(5), after = pick(5);
  while (n < before) out[n++] = characters[pick(sizeof characters - 1)];
  memcpy(out + n, "SECRET", 6);
  n += 6;
  for (size_t i = 0; i < after; i++) out[n++] = characters[pick(sizeof characters - 1)];
  out[n] = '\0';
}

/* Escapes what must be, and with `all` everything. */
static void escape(const char *text, bool all, char *out) {
  for (; *text; text++) {
    if (!all && (isalnum((unsigned char)*text) || strchr("-._~", *text)))
      *out++ = *text;
    else
      out += sprintf(out, "%%%02X", (unsigned)(unsigned char)*text);
  }
  *out = '\0';
}

static void make_url(const char *password, char *out) {
  static const char *const schemes[] = {"redis",         "rediss",   "redis+unix", "redis+sentinel",
                                        "redis+cluster", "postgres", "postgresql", "mongodb",
                                        "mongodb+srv",   "mongo",    "typo",       "LUA"};
  static const char *const hosts[] = {"h", "127.0.0.1:6379", "a.example:1,b.example:2", "[::1]:5", ""};
  static const char *const tails[] = {"", "/", "/0", "/db/1", "/db?timeout=5s", "/db?a=b@c&d=e", "?x=1"};
  static const char *const names[] = {"password", "sslpassword", "sentinelpassword", "authMechanismProperties",
                                      "tlsCertificateKeyFilePassword"};
  char inner[600], escaped[1800];
  const char *scheme = schemes[pick(12)], *host = hosts[pick(5)], *tail = tails[pick(7)];
  if (pick(3))
    sprintf(inner, "%s://%s:%s@%s%s", scheme, pick(2) ? "user" : "", password, host, tail);
  else
    sprintf(inner, "%s://%s%s%c%s=%s", scheme, host, tail, strchr(tail, '?') ? '&' : '?', names[pick(5)], password);
  escape(inner, pick(2), escaped);
  if (pick(4))
    strcpy(out, inner);
  else
    sprintf(out, "lua:my.module?base=%s", escaped);
}

static void check_hidden(const char *what, const char *shown, const char *url) {
  if (strstr(shown, "SECRET")) fail_msg("%s of %s shows %s", what, url, shown);
}

static void no_url_shows_its_password(void **state) {
  (void)state;
  for (int i = 0; i < 20000; i++) {
    char password[64], written[256], url[4000], text[5000];
    hf_error err = {.message = ""};
    hf__url parsed;
    make_password(password);
    /* "1?a=SECRET@h" cannot be told from a port and a parameter */
    bool raw = pick(4) == 0 && !strchr(password, '&') && !(strchr(password, '?') && strchr(password, '='));
    if (raw)
      strcpy(written, password);
    else
      escape(password, pick(2), written);
    make_url(written, url);
    char *shown = hf__url_redact(url);
    check_hidden("the redacted form", shown, url);
    char *again = hf__url_redact(shown);
    assert_string_equal(again, shown);
    free(again);
    free(shown);
    snprintf(text, sizeof text, "could not reach %s: wrong password %s or %s", url, written, password);
    shown = hf__text_redact(text, url);
    check_hidden("a text", shown, url);
    free(shown);
    if (hf__url_parse(url, NULL, &parsed, &err) == HF_OK) hf__url_free(&parsed);
    check_hidden("an error", err.message, url);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(urls_show_no_password),
      cmocka_unit_test(texts_show_no_password),
      cmocka_unit_test(errors_show_no_password),
      cmocka_unit_test(no_url_shows_its_password),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
