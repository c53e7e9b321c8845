/* SPDX-License-Identifier: MIT
 *
 * Indexes in LMDB stores: each change of entities keeps them up, whatever becomes of the change.
 */
#include "unit/lmdb/indexes.h"

static void an_index_has_what_is_there(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  write_text(p, "c", "{\"pnl\":1}");
  write_text(p, "a", "{\"pnl\":3}");
  write_text(p, "b", "{\"pnl\":-2}");
  write_text(p, "d", "{\"other\":1}");
  write_text(p, "e", "7");
  make_index(p, "pnl", false);
  assert_agrees(p);
  assert_string_equal(ids_in_order(p, NULL, 0, false), "b c a d e");
  assert_string_equal(ids_in_order(p, NULL, 0, true), "e d a c b");
  OK(hf_persist_indexes(p, &json, &err));
  assert_string_equal(json.data,
                      "[{\"name\":\"pnl\",\"paths\":[\"pnl\"],\"unique\":false,\"ready\":true,\"entries\":5}]");
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void each_change_is_in_it(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  make_index(p, "pnl", false);
  make_index(p, "symbol", false);
  write_text(p, "a", "{\"pnl\":3,\"symbol\":\"BTC\"}");
  write_text(p, "b", "{\"pnl\":2,\"symbol\":\"ETH\"}");
  assert_agrees(p);
  assert_string_equal(ids_in_order(p, NULL, 0, false), "b a");
  write_text(p, "a", "{\"pnl\":1,\"symbol\":\"BTC\"}");
  assert_agrees(p);
  assert_string_equal(ids_in_order(p, NULL, 0, false), "a b");
  assert_string_equal(ids_in_order(p, NULL, 1, false), "a b");
  OK(hf_persist_remove(p, hf_text("a"), &err));
  assert_agrees(p);
  assert_string_equal(ids_in_order(p, NULL, 0, false), "b");
  OK(hf_persist_remove_all(p, &err));
  assert_agrees(p);
  assert_string_equal(ids_in_order(p, NULL, 0, false), "");
  hf_persist_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(an_index_has_what_is_there),
      ON_LMDB(each_change_is_in_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
