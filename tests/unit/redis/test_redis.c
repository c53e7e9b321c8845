/* SPDX-License-Identifier: MIT
 *
 * What the Redis backend knows without a server: slots and redirects of a cluster, keys, commands as bytes, and what
 * error replies mean.
 */
#include "../backends/redis/redis.h"

#include <fnmatch.h>

#include "unit/support.h"

/* The reply that these bytes are; freed by freeReplyObject(). */
static redisReply *reply_of(const char *bytes) {
  redisReader *reader = redisReaderCreate();
  void *reply = NULL;
  assert_int_equal(redisReaderFeed(reader, bytes, strlen(bytes)), REDIS_OK);
  assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
  if (!reply) fail_msg("not a whole reply: %s", bytes);
  redisReaderFree(reader);
  return reply;
}

static hf__redis_store *new_redis_store(void) {
  hf__redis_store *s = calloc(1, sizeof *s);
  assert_non_null(s);
  return s;
}

/* ---- slots */

static void a_slot_is_the_crc16_of_the_key(void **state) {
  (void)state;
  static const struct {
    const char *key;
    int slot;
  } known[] = {{"", 0},      {"foo", 12182},       {"bar", 5061}, {"hello", 866}, {"somekey", 11058},
               {"a", 15495}, {"123456789", 0x31C3}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (hf__redis_slot(hf_text(known[i].key)) != known[i].slot)
      fail_msg("%s: %d, not %d", known[i].key, hf__redis_slot(hf_text(known[i].key)), known[i].slot);
  assert_int_equal(hf__redis_slot((hf_slice){"\xff\x00\xff", 3}), 0xD193 % REDIS_SLOTS);
}

static void a_hash_tag_is_what_counts(void **state) {
  (void)state;
  static const struct {
    const char *key, *part;
  } same[] = {
      {"{user1000}.following", "user1000"},
      {"{user1000}.followers", "user1000"},
      {"signal:{BTC}:1", "BTC"},
      {"foo{{bar}}zap", "{bar"},
      {"foo{bar}{zap}", "bar"},
      {"}{foo}", "foo"},
  };
  static const char *const whole[] = {"foo{}{bar}", "{}", "{", "}", "foo{bar", "foo}bar{", "a}b{c"};
  for (size_t i = 0; i < sizeof same / sizeof *same; i++)
    if (hf__redis_slot(hf_text(same[i].key)) != hf__redis_slot(hf_text(same[i].part)))
      fail_msg("%s is not in the slot of %s", same[i].key, same[i].part);
  /* Without braces that are a pair with something between them all of the key counts: another last byte, another slot.
   */
  for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
    if (hf__redis_slot(hf_text(whole[i])) == hf__redis_slot(hf_text(text_of("%sx", whole[i]))))
      fail_msg("%s and %sx are in one slot", whole[i], whole[i]);
  assert_int_equal(hf__redis_slot(hf_text("foo{}{bar}")), 8363);
  /* The closing brace is looked for in the key only, not in what follows it in memory. */
  assert_int_equal(hf__redis_slot((hf_slice){"{foo}", 4}), hf__redis_slot(hf_text("{foo")));
}

static void redirects_name_a_slot_and_a_node(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int slot;
    const char *host;
    int port;
  } good[] = {
      {"MOVED 3999 127.0.0.1:6381", 3999, "127.0.0.1", 6381},
      {"ASK 0 redis-2.example:1", 0, "redis-2.example", 1},
      {"MOVED 16383 ::1:65535", 16383, "::1", 65535},
      {"ASK 866 2001:db8::7:7000", 866, "2001:db8::7", 7000},
      {"MOVED 3999 :6381", 3999, "said.by", 6381},
  };
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    hf__redis_redirect to;
    if (!hf__redis_redirect_parse(good[i].text, "said.by", &to)) fail_msg("refused: %s", good[i].text);
    assert_int_equal(to.slot, good[i].slot);
    assert_string_equal(to.to.host, good[i].host);
    assert_int_equal(to.to.port, good[i].port);
  }
}

static void redirects_that_make_no_sense_are_refused(void **state) {
  (void)state;
  static const char *const bad[] = {
      "MOVED",
      "MOVED ",
      "MOVED 3999",
      "MOVED 3999 ",
      "MOVED 3999 127.0.0.1",
      "MOVED 3999 127.0.0.1:",
      "MOVED 3999 127.0.0.1:0",
      "MOVED 3999 127.0.0.1:-1",
      "MOVED 3999 127.0.0.1:x",
      "MOVED 3999 127.0.0.1:6381x",
      "MOVED 3999 127.0.0.1:65536",
      "MOVED 3999 127.0.0.1:4294973677", /* 6381 in 32 bits */
      "MOVED 3999 127.0.0.1:99999999999999999999",
      "MOVED -1 127.0.0.1:6381",
      "MOVED 16384 127.0.0.1:6381",
      "MOVED 4294971295 127.0.0.1:6381", /* 3999 in 32 bits */
      "MOVED 99999999999999999999 127.0.0.1:6381",
      "MOVED x 127.0.0.1:6381",
      "MOVED 39x 127.0.0.1:6381",
      "MOVED  127.0.0.1:6381",
  };
  hf__redis_redirect to;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (hf__redis_redirect_parse(bad[i], "said.by", &to))
      fail_msg("%s: slot %d, %s:%d", bad[i], to.slot, to.to.host, to.to.port);
  char host[256];
  memset(host, 'h', sizeof host);
  host[255] = '\0';
  assert_true(hf__redis_redirect_parse(text_of("ASK 1 %s:1", host), "said.by", &to));
  assert_string_equal(to.to.host, host);
  assert_false(hf__redis_redirect_parse(text_of("ASK 1 h%s:1", host), "said.by", &to));
}

static void ranges_of_slots_have_a_master(void **state) {
  (void)state;
  static const struct {
    const char *bytes, *host;
    int first, last;
  } good[] = {
      {"*3\r\n:0\r\n:5460\r\n*3\r\n$9\r\n127.0.0.1\r\n:7000\r\n$2\r\nid\r\n", "127.0.0.1", 0, 5460},
      {"*4\r\n:16383\r\n:16383\r\n*2\r\n$3\r\n::1\r\n:7000\r\n*2\r\n$1\r\nr\r\n:1\r\n", "::1", 16383, 16383},
      {"*3\r\n:1\r\n:2\r\n*2\r\n$0\r\n\r\n:7000\r\n", "said.by", 1, 2},
      {"*3\r\n:1\r\n:2\r\n*2\r\n$1\r\n?\r\n:7000\r\n", "said.by", 1, 2},
      {"*3\r\n:1\r\n:2\r\n*2\r\n$-1\r\n:7000\r\n", "said.by", 1, 2},
  };
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    hf__redis_range range;
    redisReply *reply = reply_of(good[i].bytes);
    if (!hf__redis_range_parse(reply, "said.by", &range)) fail_msg("refused: %s", good[i].bytes);
    assert_int_equal(range.first, good[i].first);
    assert_int_equal(range.last, good[i].last);
    assert_string_equal(range.master.host, good[i].host);
    assert_int_equal(range.master.port, 7000);
    freeReplyObject(reply);
  }
}

static void ranges_that_make_no_sense_are_refused(void **state) {
  (void)state;
  static const char *const bad[] = {
      "+OK\r\n",
      "*0\r\n",
      "*2\r\n:0\r\n:1\r\n",
      "*3\r\n$1\r\n0\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
      "*3\r\n:0\r\n$1\r\n1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
      "*3\r\n:-1\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
      "*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\nh\r\n:1\r\n",
      "*3\r\n:4294967296\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
      "*3\r\n:2\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
      "*3\r\n:0\r\n:1\r\n$1\r\nh\r\n",
      "*3\r\n:0\r\n:1\r\n*1\r\n$1\r\nh\r\n",
      "*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n$1\r\n1\r\n",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    hf__redis_range range;
    redisReply *reply = reply_of(bad[i]);
    if (hf__redis_range_parse(reply, "said.by", &range)) fail_msg("accepted: %s", bad[i]);
    freeReplyObject(reply);
  }
  char host[257];
  memset(host, 'h', sizeof host);
  host[256] = '\0';
  hf__redis_range range;
  redisReply *reply = reply_of(text_of("*3\r\n:0\r\n:1\r\n*2\r\n$256\r\n%s\r\n:1\r\n", host));
  assert_false(hf__redis_range_parse(reply, "said.by", &range));
  freeReplyObject(reply);
}

/* Such an address would be the path of a socket, or another port. */
static void a_master_without_a_good_port_has_none(void **state) {
  (void)state;
  static const char *const ports[] = {"0", "-1", "65536", "4294967296", "4294974296"};
  for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
    hf__redis_range range;
    redisReply *reply = reply_of(text_of("*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:%s\r\n", ports[i]));
    assert_true(hf__redis_range_parse(reply, "said.by", &range));
    if (range.master.port) fail_msg("%s: %d", ports[i], range.master.port);
    freeReplyObject(reply);
  }
}

/* ---- keys */

static hf_slice key_of(const char *name, const char *id, char out[REDIS_KEY_MAX]) {
  hf__redis_collection e;
  assert_true(hf__redis_collection_init(&e, NULL, hf_text(name)));
  hf_slice key = hf__redis_key(&e, hf_text(id), out);
  hf__redis_collection_end(&e);
  return key;
}

static void keys_are_name_and_id(void **state) {
  (void)state;
  static const struct {
    const char *name, *id, *key;
  } known[] = {
      {"signal", "BTC", "signal:BTC"},
      {"signal", "a:b%c", "signal:a:b%c"},
      {"a:b", "c", "a%3Ab:c"},
      {"a", "b:c", "a:b:c"},
      {"100%", "x", "100%25:x"},
      {"%3A", "x", "%253A:x"},
      {"\xc3\xa4/ \"{}", "x", "\xc3\xa4/ \"{}:x"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    char out[REDIS_KEY_MAX], name[REDIS_KEY_MAX];
    hf_slice key = key_of(known[i].name, known[i].id, out);
    assert_int_equal(key.size, strlen(known[i].key));
    assert_memory_equal(key.data, known[i].key, key.size);
    assert_true(hf__redis_key_name(key, name));
    assert_string_equal(name, known[i].name);
  }
}

static void the_longest_name_and_id_fit_in_a_key(void **state) {
  (void)state;
  char name[HF_ID_MAX + 1], id[HF_ID_MAX + 1], out[REDIS_KEY_MAX], again[REDIS_KEY_MAX];
  memset(name, '%', HF_ID_MAX);
  memset(id, 'i', HF_ID_MAX);
  name[HF_ID_MAX] = id[HF_ID_MAX] = '\0';
  hf_slice key = key_of(name, id, out);
  assert_int_equal(key.size, 4 * HF_ID_MAX + 1);
  assert_true(hf__redis_key_name(key, again));
  assert_string_equal(again, name);
}

static void keys_of_other_programs_have_no_name(void **state) {
  (void)state;
  static const char *const others[] = {"",       "x",       ":x", "a%3ab:x", "a%41:x",  "a%:x",     "a%2:x",
                                       "a%zz:x", "a%00b:x", "%:", "100%:x",  "a%3A%x:", "a%25%3a:x"};
  char name[REDIS_KEY_MAX], longer[3 * REDIS_KEY_MAX];
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (hf__redis_key_name(hf_text(others[i]), name)) fail_msg("%s has the name %s", others[i], name);
  assert_false(hf__redis_key_name((hf_slice){"a\0b:x", 5}, name));
  static const size_t sizes[] = {HF_ID_MAX + 1, REDIS_KEY_MAX - 1, REDIS_KEY_MAX, 2 * REDIS_KEY_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    memset(longer, 'n', sizes[i]);
    longer[sizes[i]] = ':';
    assert_false(hf__redis_key_name((hf_slice){longer, sizes[i] + 1}, name));
  }
  memset(longer, 'n', HF_ID_MAX);
  longer[HF_ID_MAX] = ':';
  assert_true(hf__redis_key_name((hf_slice){longer, HF_ID_MAX + 1}, name));
}

/* fnmatch() reads patterns as Redis does, as far as these go. */
static void a_pattern_matches_the_keys_of_its_name_only(void **state) {
  (void)state;
  static const struct {
    const char *name, *pattern, *other;
  } known[] = {
      {"signal", "signal:*", "signals:x"},
      {"a*", "a\\*:*", "abc:x"},
      {"a?", "a\\?:*", "ab:x"},
      {"[ab]", "\\[ab\\]:*", "a:x"},
      {"a\\*", "a\\\\\\*:*", "a\\b:x"},
      {"a:b", "a%3Ab:*", "a:b:x"},
      {"\\", "\\\\:*", ":x"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    hf__redis_collection e;
    char out[REDIS_KEY_MAX];
    assert_true(hf__redis_collection_init(&e, NULL, hf_text(known[i].name)));
    const char *pattern = text_of("%.*s", (int)e.pattern.size, e.pattern.data);
    assert_string_equal(pattern, known[i].pattern);
    hf_slice key = hf__redis_key(&e, hf_text("x"), out);
    assert_int_equal(fnmatch(pattern, text_of("%.*s", (int)key.size, key.data), 0), 0);
    assert_int_equal(fnmatch(pattern, known[i].other, 0), FNM_NOMATCH);
    hf__redis_collection_end(&e);
  }
}

/* ---- commands and values */

static void commands_are_arrays_of_counted_words(void **state) {
  (void)state;
  hf__redis_batch b;
  hf__redis_batch_init(&b, NULL, false);
  assert_non_null(hf__redis_batch_add(&b, 7, (const hf_slice[]){hf_text("GET"), {"a\r\n\0b", 5}}, 2));
  assert_non_null(hf__redis_batch_open(&b, -1, 12));
  for (int i = 0; i < 12; i++) assert_true(hf__redis_batch_word(&b, hf_text("")));
  const char first[] = "*2\r\n$3\r\nGET\r\n$5\r\na\r\n\0b\r\n";
  assert_int_equal(b.count, 2);
  assert_int_equal(b.commands[0].at, 0);
  assert_int_equal(b.commands[0].size, sizeof first - 1);
  assert_memory_equal(b.text.data, first, sizeof first - 1);
  assert_int_equal(b.commands[0].slot, 7);
  assert_int_equal(b.commands[1].at, sizeof first - 1);
  assert_int_equal(b.commands[1].size, 5 + 12 * 6);
  assert_memory_equal(b.text.data + b.commands[1].at, "*12\r\n$0\r\n\r\n$0\r\n\r\n", 17);
  hf__redis_batch_free(&b);
}

static void a_batch_grows(void **state) {
  (void)state;
  hf__redis_batch b;
  char big[3 * REDIS_TEXT + 1];
  memset(big, 'x', sizeof big);
  hf__redis_batch_init(&b, NULL, false);
  for (int i = 0; i < 100; i++)
    assert_non_null(hf__redis_batch_add(&b, i, (const hf_slice[]){{big, sizeof big - (size_t)i}}, 1));
  assert_int_equal(b.count, 100);
  size_t at = 0;
  for (int i = 0; i < 100; i++) {
    assert_int_equal(b.commands[i].slot, i);
    assert_int_equal(b.commands[i].node, -1);
    assert_int_equal(b.commands[i].at, at);
    at += b.commands[i].size;
  }
  assert_int_equal(b.text.size, at);
  hf__redis_batch_free(&b);
}

/* The first word of a command and how many words it has. */
static const char *summary(const hf__redis_batch *b, size_t i) {
  const char *p = b->text.data + b->commands[i].at;
  int words = atoi(p + 1);
  p = strchr(strchr(p, '\n') + 1, '\n') + 1;
  return text_of("%.*s %d", (int)strcspn(p, "\r"), p, words);
}

static void everything_is_written_in_order_between_multi_and_exec(void **state) {
  (void)state;
  enum { COUNT = 1003 };
  hf__redis_store *s = new_redis_store();
  static hf_slice keys[COUNT], texts[COUNT];
  static int64_t expiries[COUNT];
  for (size_t i = 0; i < COUNT; i++) keys[i] = hf_text("k");
  for (size_t i = 0; i < COUNT; i++) texts[i] = hf_text("1");
  texts[1001] = texts[1002] = (hf_slice){NULL, 0};
  hf__redis_batch b;
  hf__redis_batch_init(&b, s, true);
  assert_true(hf__redis_add_all(&b, keys, texts, expiries, COUNT));
  static const char *const plain[] = {"MULTI 1", "MSET 2001", "MSET 3", "DEL 3", "EXEC 1"};
  assert_int_equal(b.count, sizeof plain / sizeof *plain);
  for (size_t i = 0; i < b.count; i++) assert_string_equal(summary(&b, i), plain[i]);
  hf__redis_batch_free(&b);
  s->config.ttl_ms = 86400000;
  hf__redis_batch_init(&b, s, true);
  assert_true(hf__redis_add_all(&b, keys + 999, texts + 999, expiries + 999, 4));
  static const char *const living[] = {"MULTI 1", "SET 5", "SET 5", "DEL 3", "EXEC 1"};
  assert_int_equal(b.count, sizeof living / sizeof *living);
  for (size_t i = 0; i < b.count; i++) assert_string_equal(summary(&b, i), living[i]);
  hf_buffer_add(&b.text, "", 1);
  CONTAINS(b.text.data, "$2\r\nPX\r\n$8\r\n86400000\r\n");
  hf__redis_batch_free(&b);
  hf__redis_batch_init(&b, s, true);
  assert_true(hf__redis_add_set(&b, keys[0], texts[0], 0, true));
  assert_string_equal(summary(&b, 0), "SET 6");
  hf_buffer_add(&b.text, "", 1);
  CONTAINS(b.text.data, "$8\r\n86400000\r\n$2\r\nNX\r\n");
  hf__redis_batch_free(&b);
  free(s);
}

static void what_expires_is_set_alone_and_at_its_own_time(void **state) {
  (void)state;
  hf__redis_store *s = new_redis_store();
  const hf_slice keys[] = {hf_text("a"), hf_text("b"), hf_text("c"), hf_text("d"), hf_text("e")};
  const hf_slice texts[] = {hf_text("1"), hf_text("2"), hf_text("3"), {NULL, 0}, hf_text("5")};
  const int64_t expiries[] = {0, 0, 1893456000000, 0, 1893456000001};
  hf__redis_batch b;
  hf__redis_batch_init(&b, s, true);
  assert_true(hf__redis_add_all(&b, keys, texts, expiries, 5));
  static const char *const commands[] = {"MULTI 1", "MSET 5", "SET 5", "DEL 2", "SET 5", "EXEC 1"};
  assert_int_equal(b.count, sizeof commands / sizeof *commands);
  for (size_t i = 0; i < b.count; i++) assert_string_equal(summary(&b, i), commands[i]);
  hf_buffer_add(&b.text, "", 1);
  CONTAINS(b.text.data, "$1\r\nc\r\n$1\r\n3\r\n$4\r\nPXAT\r\n$13\r\n1893456000000\r\n");
  hf__redis_batch_free(&b);
  s->config.ttl_ms = 1000; /* of those that say nothing of their own */
  hf__redis_batch_init(&b, s, true);
  assert_true(hf__redis_add_set(&b, keys[2], texts[2], expiries[2], false));
  hf_buffer_add(&b.text, "", 1);
  CONTAINS(b.text.data, "$4\r\nPXAT\r\n$13\r\n1893456000000\r\n");
  hf__redis_batch_free(&b);
  free(s);
}

/* MULTI, MSET and EXEC with these replies. */
static hf_status check_of(const char *second, const char *exec, hf_error *err) {
  hf__redis_store *s = new_redis_store();
  hf__redis_batch b;
  hf__redis_batch_init(&b, s, true);
  assert_true(hf__redis_add_all(&b, (hf_slice[]){hf_text("k")}, (hf_slice[]){hf_text("1")}, (int64_t[]){0}, 1));
  b.commands[0].reply = reply_of("+OK\r\n");
  b.commands[1].reply = reply_of(second);
  b.commands[2].reply = reply_of(exec);
  hf_status status = hf__redis_check_all(&b, err);
  hf__redis_batch_free(&b);
  free(s);
  return status;
}

static void what_became_of_everything_is_in_the_reply_to_exec(void **state) {
  (void)state;
  hf_error err;
  OK(check_of("+QUEUED\r\n", "*1\r\n+OK\r\n", &err));
  FAILS(HF_CONFLICT, check_of("+QUEUED\r\n", "*-1\r\n", &err));
  FAILS(HF_FULL, check_of("-OOM command not allowed\r\n", "-EXECABORT discarded\r\n", &err));
  FAILS(HF_FULL, check_of("+QUEUED\r\n", "*1\r\n-MISCONF no disk\r\n", &err));
  FAILS(HF_IO, check_of("+QUEUED\r\n", "-EXECABORT discarded\r\n", &err));
  static const char *const strange[] = {"+OK\r\n", "*0\r\n", "*2\r\n+OK\r\n+OK\r\n"};
  for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
    FAILS(HF_IO, check_of("+QUEUED\r\n", strange[i], &err));
    CONTAINS(err.message, "may have happened");
  }
}

static void the_reply_to_get_is_checked(void **state) {
  (void)state;
  hf_error err;
  hf__redis_store *s = new_redis_store();
  static const struct {
    const char *bytes;
    hf_status status;
  } known[] = {
      {"$7\r\n{\"a\":1}\r\n", HF_OK},
      {"$-1\r\n", HF_NOT_FOUND},
      {"$3\r\n{a}\r\n", HF_CORRUPT},
      {"$0\r\n\r\n", HF_CORRUPT},
      {"-WRONGTYPE x\r\n", HF_CORRUPT},
      {"-LOADING x\r\n", HF_UNAVAILABLE},
      {":1\r\n", HF_IO},
      {"+OK\r\n", HF_IO},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    hf_slice json = {NULL, 0};
    redisReply *reply = reply_of(known[i].bytes);
    hf_status status = hf__redis_value(s, reply, &json, &err);
    if (status != known[i].status) fail_msg("%s: %s", known[i].bytes, hf_status_name(status));
    if (status == HF_OK) assert_memory_equal(json.data, "{\"a\":1}", 7);
    freeReplyObject(reply);
  }
  free(s);
}

/* Scripts keep revisions: they must be the same in every version. */
static void a_revision_is_a_digest_of_the_text(void **state) {
  (void)state;
  assert_true(hf__redis_revision(hf_text("123456789")) == UINT64_C(0x995DC9BBDF1939FA) >> 12);
  assert_true(hf__redis_revision(hf_text("")) == 1);
  assert_true(hf__redis_revision(hf_text("{\"a\":1}")) != hf__redis_revision(hf_text("{\"a\":2}")));
}

/* ---- errors */

static void errors_have_classes(void **state) {
  (void)state;
  static const struct {
    const char *text;
    hf_status status;
    bool passing, retryable;
    const char *says;
  } known[] = {
      {"LOADING Redis is loading the dataset in memory", HF_UNAVAILABLE, true, true, "cannot do it now"},
      {"MASTERDOWN Link with MASTER is down", HF_UNAVAILABLE, true, true, "cannot do it now"},
      {"CLUSTERDOWN The cluster is down", HF_UNAVAILABLE, true, true, "cannot do it now"},
      {"TRYAGAIN Multiple keys request during rehashing", HF_UNAVAILABLE, true, true, "cannot do it now"},
      {"BUSY Redis is busy running a script", HF_UNAVAILABLE, true, true, "cannot do it now"},
      {"NOREPLICAS Not enough good replicas to write", HF_UNAVAILABLE, false, true, "cannot do it now"},
      {"OOM command not allowed when used memory > 'maxmemory'", HF_FULL, false, true, "maxmemory"},
      {"MISCONF Redis is configured to save RDB snapshots", HF_FULL, false, true, "disk"},
      {"WRONGTYPE Operation against a key", HF_CORRUPT, false, false, "another Redis type"},
      {"NOAUTH Authentication required.", HF_UNAVAILABLE, false, false, "user and password in the URL"},
      {"WRONGPASS invalid username-password pair", HF_UNAVAILABLE, false, false, "WRONGPASS"},
      {"NOPERM User x has no permissions", HF_READONLY, false, false, "NOPERM"},
      {"ERR unknown command", HF_IO, false, false, "Redis refuses: ERR unknown command"},
      {"MOVED 3999 127.0.0.1:6381", HF_IO, false, false, "MOVED"},
      {"LOADINGS are another word", HF_IO, false, false, "LOADINGS"},
      {"BUSYKEY Target key name already exists.", HF_IO, false, false, "BUSYKEY"},
      {"", HF_IO, false, false, "Redis refuses"},
  };
  static const hf__redis_mode modes[] = {REDIS_SINGLE, REDIS_SENTINEL, REDIS_CLUSTER};
  for (size_t i = 0; i < 3 * sizeof known / sizeof *known; i++) {
    hf_error err;
    hf__redis_mode mode = modes[i % 3];
    redisReply *reply = reply_of(text_of("-%s\r\n", known[i / 3].text));
    hf_status status = hf__redis_fail_reply(mode, reply, &err);
    if (status != known[i / 3].status || err.status != status)
      fail_msg("%s: %s", known[i / 3].text, hf_status_name(status));
    if (hf__redis_reply_is_passing(mode, reply) != known[i / 3].passing) fail_msg("sent again? %s", known[i / 3].text);
    if (err.retryable != known[i / 3].retryable) fail_msg("retryable? %s", known[i / 3].text);
    CONTAINS(err.message, known[i / 3].says);
    freeReplyObject(reply);
  }
}

static void a_replica_may_be_a_passing_state_where_masters_change(void **state) {
  (void)state;
  hf_error err;
  redisReply *reply = reply_of("-READONLY You can't write against a read only replica.\r\n");
  assert_false(hf__redis_reply_is_passing(REDIS_SINGLE, reply));
  FAILS(HF_READONLY, hf__redis_fail_reply(REDIS_SINGLE, reply, &err));
  CONTAINS(err.message, "is a replica");
  static const hf__redis_mode others[] = {REDIS_SENTINEL, REDIS_CLUSTER};
  for (size_t i = 0; i < 2; i++) {
    assert_true(hf__redis_reply_is_passing(others[i], reply));
    FAILS(HF_UNAVAILABLE, hf__redis_fail_reply(others[i], reply, &err));
    assert_true(err.retryable);
  }
  freeReplyObject(reply);
}

static void only_errors_are_taken_for_errors(void **state) {
  (void)state;
  redisReply *value = reply_of("$9\r\nLOADING x\r\n"), *status = reply_of("+BUSY x\r\n");
  assert_false(hf__redis_reply_is_passing(REDIS_SINGLE, value));
  assert_false(hf__redis_reply_is_passing(REDIS_SINGLE, status));
  freeReplyObject(value);
  freeReplyObject(status);
}

static void a_lost_write_may_have_happened(void **state) {
  (void)state;
  static const hf_status before[] = {HF_TIMEOUT, HF_UNAVAILABLE, HF_IO},
                         after[] = {HF_TIMEOUT, HF_UNAVAILABLE, HF_UNAVAILABLE};
  for (size_t i = 0; i < 3; i++) {
    hf_error err;
    hf_error_set(&err, before[i], "Redis at h:1: it closed the connection");
    FAILS(after[i], hf__redis_lost(&err));
    assert_false(err.retryable);
    CONTAINS(err.message, "h:1: it closed the connection; the write may have happened");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_slot_is_the_crc16_of_the_key),
      cmocka_unit_test(a_hash_tag_is_what_counts),
      cmocka_unit_test(redirects_name_a_slot_and_a_node),
      cmocka_unit_test(redirects_that_make_no_sense_are_refused),
      cmocka_unit_test(ranges_of_slots_have_a_master),
      cmocka_unit_test(ranges_that_make_no_sense_are_refused),
      cmocka_unit_test(a_master_without_a_good_port_has_none),
      cmocka_unit_test(keys_are_name_and_id),
      cmocka_unit_test(the_longest_name_and_id_fit_in_a_key),
      cmocka_unit_test(keys_of_other_programs_have_no_name),
      cmocka_unit_test(a_pattern_matches_the_keys_of_its_name_only),
      cmocka_unit_test(commands_are_arrays_of_counted_words),
      cmocka_unit_test(a_batch_grows),
      cmocka_unit_test(everything_is_written_in_order_between_multi_and_exec),
      cmocka_unit_test(what_expires_is_set_alone_and_at_its_own_time),
      cmocka_unit_test(what_became_of_everything_is_in_the_reply_to_exec),
      cmocka_unit_test(the_reply_to_get_is_checked),
      cmocka_unit_test(a_revision_is_a_digest_of_the_text),
      cmocka_unit_test(errors_have_classes),
      cmocka_unit_test(a_replica_may_be_a_passing_state_where_masters_change),
      cmocka_unit_test(only_errors_are_taken_for_errors),
      cmocka_unit_test(a_lost_write_may_have_happened),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
