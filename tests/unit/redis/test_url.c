/* SPDX-License-Identifier: MIT
 *
 * URLs of Redis: what they mean, and what is refused with which sentence.
 */
#include "../backends/redis/config.h"

#include "unit/support.h"

static const hf_options defaults = HF_OPTIONS_INIT;

static hf_status parse(const char *scheme, const char *rest, const char *query, hf__redis_config *c, hf_error *err) {
  const hf_location at = {.scheme = scheme, .rest = rest, .path = rest, .query = query, .options = &defaults};
  return hf__redis_config_parse(&at, c, err);
}

static void each_scheme_has_its_mode(void **state) {
  (void)state;
  static const struct {
    const char *scheme, *rest;
    hf__redis_mode mode;
    bool tls;
    const char *host;
    int port;
  } known[] = {
      {"redis", "//", REDIS_SINGLE, false, "127.0.0.1", 6379},
      {"redis", "//db.example", REDIS_SINGLE, false, "db.example", 6379},
      {"redis", "//:7000", REDIS_SINGLE, false, "127.0.0.1", 7000},
      {"rediss", "//db:65535/", REDIS_SINGLE, true, "db", 65535},
      {"redis", "//[::1]", REDIS_SINGLE, false, "::1", 6379},
      {"redis", "//[2001:db8::7]:1", REDIS_SINGLE, false, "2001:db8::7", 1},
      {"redis+unix", "///run/redis%20x.sock", REDIS_SINGLE, false, "/run/redis x.sock", 0},
      {"redis+unix", "//:pw@/r/a@b.sock", REDIS_SINGLE, false, "/r/a@b.sock", 0},
      {"redis+sentinel", "//s1/mymaster", REDIS_SENTINEL, false, "s1", 26379},
      {"redis+cluster", "//n1", REDIS_CLUSTER, false, "n1", 6379},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    hf_error err;
    hf__redis_config c;
    OK(parse(known[i].scheme, known[i].rest, "", &c, &err));
    assert_int_equal(c.mode, known[i].mode);
    assert_int_equal(c.tls, known[i].tls);
    assert_int_equal(c.seed_count, 1);
    assert_string_equal(c.seeds[0].host, known[i].host);
    assert_int_equal(c.seeds[0].port, known[i].port);
    assert_int_equal(c.database, 0);
    hf__redis_config_free(&c);
  }
}

static void user_and_password_are_decoded(void **state) {
  (void)state;
  static const struct {
    const char *login, *user, *password;
  } known[] = {
      {"", NULL, NULL}, {"pw@", NULL, "pw"},    {":pw@", NULL, "pw"},   {"u:pw@", "u", "pw"},
      {"u:@", "u", ""}, {"u:a:b@", "u", "a:b"}, {"u:a@b@", "u", "a@b"}, {"u%3Ax:p%40%2F%25@", "u:x", "p@/%"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    hf_error err;
    hf__redis_config c;
    OK(parse("redis", text_of("//%sh", known[i].login), "", &c, &err));
    assert_string_equal(c.seeds[0].host, "h");
    assert_true(!c.user == !known[i].user && !c.password == !known[i].password);
    if (c.user) assert_string_equal(c.user, known[i].user);
    if (c.password) assert_string_equal(c.password, known[i].password);
    hf__redis_config_free(&c);
  }
}

static void several_hosts_and_a_master(void **state) {
  (void)state;
  hf_error err;
  hf__redis_config c;
  OK(parse("redis+sentinel", "//u:p@s1,[::1]:7,s3:8/my%20master/5", "sentinelpassword=a%26b&tls=1", &c, &err));
  assert_int_equal(c.seed_count, 3);
  assert_string_equal(c.seeds[1].host, "::1");
  assert_int_equal(c.seeds[1].port, 7);
  assert_string_equal(c.seeds[2].host, "s3");
  assert_int_equal(c.seeds[2].port, 8);
  assert_string_equal(c.master, "my master");
  assert_string_equal(c.sentinel_password, "a&b");
  assert_int_equal(c.database, 5);
  assert_true(c.tls);
  hf__redis_config_free(&c);
  OK(parse("redis+cluster", "//1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16/0", "", &c, &err));
  assert_int_equal(c.seed_count, REDIS_SEEDS);
  hf__redis_config_free(&c);
}

static void settings_and_what_holds_without_them(void **state) {
  (void)state;
  hf_error err;
  hf__redis_config c;
  OK(parse("redis", "//h", "", &c, &err));
  assert_true(c.timeout_ms == 5000 && c.connect_ms == 2000 && c.ttl_ms == 0 && c.retries == 2);
  assert_true(c.verify && !c.cafile && !c.certfile && !c.keyfile);
  hf__redis_config_free(&c);
  OK(parse("rediss", "//h/1048576",
           "timeout=1m&connecttimeout=250ms&ttl=24h&retries=100&verify=0&cafile=/a%20b&certfile=c&keyfile=k", &c,
           &err));
  assert_true(c.timeout_ms == 60000 && c.connect_ms == 250 && c.ttl_ms == 86400000 && c.retries == 100);
  assert_false(c.verify);
  assert_string_equal(c.cafile, "/a b");
  assert_string_equal(c.certfile, "c");
  assert_string_equal(c.keyfile, "k");
  assert_int_equal(c.database, 1048576);
  hf__redis_config_free(&c);
  OK(parse("redis+unix", "///s", "db=3&retries=0&ttl=1s&ttl=2s", &c, &err));
  assert_true(c.database == 3 && c.retries == 0 && c.ttl_ms == 2000);
  hf__redis_config_free(&c);
}

static void bad_urls_are_refused_with_what_to_write(void **state) {
  (void)state;
  static const struct {
    const char *scheme, *rest, *query, *says;
  } bad[] = {
      {"redis", "h:6379", "", "redis: needs // and an address, as in redis://127.0.0.1:6379"},
      {"redis", "", "", "needs //"},
      {"redis", "//h:0", "", "'0' is no port: give 1 to 65535"},
      {"redis", "//h:", "", "'' is no port"},
      {"redis", "//h:65536", "", "'65536' is no port"},
      {"redis", "//h:99999999999999999999", "", "is no port"},
      {"redis", "//h:+1", "", "'+1' is no port"},
      {"redis", "//h:1x", "", "'1x' is no port"},
      {"redis", "//::1:6379", "", "is no port"},
      {"redis", "//[::1", "", "a ] is missing"},
      {"redis", "//[::1]:", "", "'' is no port"},
      {"redis", "//[::1]6379", "", "between ] and the port"},
      {"redis", "//h/x", "", "'x' is no number of a Redis database"},
      {"redis", "//h/-1", "", "'-1' is no number of a Redis database"},
      {"redis", "//h/1/2", "", "'1/2' is no number of a Redis database"},
      {"redis", "//h/1048577", "", "is no number of a Redis database"},
      {"redis", "//a,b", "", "several hosts are for redis+sentinel: and redis+cluster:"},
      {"redis", "//:secret/x@h", "", "write %2F for a /"},
      {"redis", "//u:secret%@h", "", "write %25 for a %"},
      {"redis", "//u:secret%0@h", "", "write %25 for a %"},
      {"redis", "//u:secret%zz@h", "", "percent-encoded"},
      {"redis", "//u%zz:secret@h", "", "percent-encoded"},
      {"redis+cluster", "//h/1", "", "a Redis cluster has no databases: leave /1 out"},
      {"redis+cluster", "//h", "db=2", "has no databases"},
      {"redis+cluster", "//1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "", "at most 16 hosts"},
      {"redis+sentinel", "//s1", "", "which master?"},
      {"redis+sentinel", "//s1/", "", "redis+sentinel://HOST:26379/mymaster"},
      {"redis+sentinel", "//s1//2", "", "which master?"},
      {"redis+sentinel", "//s1/m/x", "", "'x' is no number of a Redis database"},
      {"redis+unix", "//run/redis.sock", "", "needs the absolute path of a socket"},
      {"redis+unix", "//", "", "redis+unix:///run/redis/redis.sock"},
      {"redis+unix", "///run/%zz", "", "bad %-escape in the path"},
      {"redis", "//h", "timeout=5", "timeout must be a time such as 500ms, 5s or 1m, not '5'"},
      {"redis", "//h", "connecttimeout=0s", "connecttimeout must be a time"},
      {"redis", "//h", "ttl=-1s", "ttl must be a time"},
      {"redis", "//h", "tls=yes", "tls must be 0 or 1, not 'yes'"},
      {"redis", "//h", "verify=", "verify must be 0 or 1, not ''"},
      {"redis", "//h", "retries=101", "retries must be 0 to 100, not '101'"},
      {"redis", "//h", "retries=two", "retries must be 0 to 100, not 'two'"},
      {"redis", "//h", "cafile=%zz", "bad %-escape in cafile"},
      {"redis", "//h", "sentinelpassword=secret%zz", "bad %-escape in sentinelpassword"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    hf_error err;
    hf__redis_config c;
    FAILS(HF_INVALID_ARGUMENT, parse(bad[i].scheme, bad[i].rest, bad[i].query, &c, &err));
    CONTAINS(err.message, bad[i].says);
    if (strstr(err.message, "secret")) fail_msg("shows the password: %s", err.message);
    hf__redis_config_free(&c);
  }
}

static void what_is_too_long_is_refused(void **state) {
  (void)state;
  hf_error err;
  hf__redis_config c;
  char text[300];
  memset(text, 'h', sizeof text);
  text[255] = '\0';
  OK(parse("redis", text_of("//%s", text), "", &c, &err));
  assert_string_equal(c.seeds[0].host, text);
  hf__redis_config_free(&c);
  FAILS(HF_INVALID_ARGUMENT, parse("redis", text_of("//h%s:1", text), "", &c, &err));
  CONTAINS(err.message, "the host name is too long: hhhh");
  hf__redis_config_free(&c);
  text[106] = '\0';
  OK(parse("redis+unix", text_of("///%s", text), "", &c, &err));
  hf__redis_config_free(&c);
  FAILS(HF_INVALID_ARGUMENT, parse("redis+unix", text_of("///h%s", text), "", &c, &err));
  CONTAINS(err.message, "at most 107 bytes");
  hf__redis_config_free(&c);
}

static void the_server_limits_its_size_itself(void **state) {
  (void)state;
  hf_error err;
  hf__redis_config c;
  hf_options limited = HF_OPTIONS_INIT;
  limited.max_size = 1 << 20;
  const hf_location at = {.scheme = "redis", .rest = "//h", .path = "//h", .query = "", .options = &limited};
  FAILS(HF_UNSUPPORTED, hf__redis_config_parse(&at, &c, &err));
  CONTAINS(err.message, "set maxmemory on the server");
  hf__redis_config_free(&c);
}

static void addresses_are_shown_as_they_are_written(void **state) {
  (void)state;
  char out[300];
  assert_string_equal(hf__redis_address_text(&(hf__redis_address){"h", 1}, out), "h:1");
  assert_string_equal(hf__redis_address_text(&(hf__redis_address){"::1", 6379}, out), "[::1]:6379");
  assert_string_equal(hf__redis_address_text(&(hf__redis_address){"/run/a:b", 0}, out), "/run/a:b");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_scheme_has_its_mode),
      cmocka_unit_test(user_and_password_are_decoded),
      cmocka_unit_test(several_hosts_and_a_master),
      cmocka_unit_test(settings_and_what_holds_without_them),
      cmocka_unit_test(bad_urls_are_refused_with_what_to_write),
      cmocka_unit_test(what_is_too_long_is_refused),
      cmocka_unit_test(the_server_limits_its_size_itself),
      cmocka_unit_test(addresses_are_shown_as_they_are_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
