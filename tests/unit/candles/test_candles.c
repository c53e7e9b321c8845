/* SPDX-License-Identifier: MIT
 *
 * Packed candles: that they come back to the last bit, with their gaps, in any part; what is refused; and that no text,
 * cut, changed or made up, is more than an error.
 */
#include "candles/candles.h"

#include <isa-l/crc.h>
#include <math.h>

#include "candles/digits.h"
#include "unit/support.h"

#define MINUTE 60000.0
#define MOST 5000

/* What the_format_is_what_it_was() packs. */
#define FORMAT_1                                                                                                       \
  "1Pdk1[j]TK32211p5PPPPPPPQ`]jQ400V0C8:gnLSXn2aXGfa?Sf:2lWL10nQ<X[Fa7cf5`S_H2oY07N00?00@P0=R02Y0`B0<40on<ZN0"

static uint64_t random_state = UINT64_C(0x9E3779B97F4A7C15);

static uint64_t random_bits(void) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * UINT64_C(0x2545F4914F6CDD1D);
}

static unsigned below(unsigned n) { return (unsigned)((random_bits() >> 33) % n); }

typedef struct series {
  size_t count;
  double values[6][MOST];
} series;

static series given, found;

static hf__candle_columns columns_of(series *s, size_t at) {
  return (hf__candle_columns){s->values[0] + at, s->values[1] + at, s->values[2] + at,
                              s->values[3] + at, s->values[4] + at, s->values[5] + at};
}

static double decimal(double value, unsigned decimals) {
  char text[64];
  snprintf(text, sizeof text, "%.*f", (int)decimals, value);
  return strtod(text, NULL);
}

/* A walk of prices with so many decimals, and of volumes; `odd` in a thousand are no decimals. */
static void walk(size_t count, unsigned decimals, unsigned volume_decimals, double price, unsigned gaps, unsigned odd) {
  double time = 1707264000000.0, close = price;
  given.count = count;
  for (size_t i = 0; i < count; i++) {
    double open = close;
    close = fmax(open * (1 + ((double)below(2001) - 1000) / 1e6), price / 100);
    double high = fmax(open, close) * (1 + below(500) / 1e6), low = fmin(open, close) * (1 - below(500) / 1e6);
    double each[] = {time, open, high, low, close};
    for (int k = 0; k < 5; k++) given.values[k][i] = k ? decimal(each[k], decimals) : each[k];
    given.values[5][i] = decimal(below(10) ? below(1000000) / 1e4 : 0, volume_decimals);
    if (below(1000) < odd) given.values[1 + below(5)][i] = close / 3;
    time += MINUTE * (below(1000) < gaps ? 1 + below(5000) : 1);
  }
}

static hf_buffer pack(void) {
  hf_error err;
  hf_buffer text = HF_BUFFER_INIT;
  hf__candle_columns columns = columns_of(&given, 0);
  assert_int_equal(hf__candles_pack(&text, MINUTE, &columns, given.count, &err), HF_OK);
  return text;
}

/* From memory that ends where the text ends. */
static hf_slice exact(const hf_buffer *text) {
  char *copy = malloc(text->size);
  assert_non_null(copy);
  memcpy(copy, text->data, text->size);
  return (hf_slice){copy, text->size};
}

static void check_part(const hf__packed_candles *packed, size_t first, size_t end) {
  hf_error err;
  memset(&found, 0x55, sizeof found);
  assert_int_equal(hf__candles_unpack(packed, first, end, columns_of(&found, 0), &err), HF_OK);
  for (int k = 0; k < 6; k++) {
    assert_int_equal(memcmp(found.values[k], given.values[k] + first, (end - first) * sizeof(double)), 0);
    uint64_t after;
    memcpy(&after, found.values[k] + end - first, sizeof after);
    assert_true(after == UINT64_C(0x5555555555555555));
  }
}

static void check_runs(const hf__packed_candles *packed) {
  hf__candle_run *runs = malloc(packed->run_count * sizeof *runs);
  assert_non_null(runs);
  hf__candles_runs(packed, runs);
  size_t at = 0;
  for (size_t i = 0; i < packed->run_count; i++) {
    assert_true(i == 0 || given.values[0][at] > given.values[0][at - 1] + MINUTE);
    for (size_t k = 0; k < runs[i].count; k++, at++) {
      assert_true(given.values[0][at] == runs[i].first + (double)k * MINUTE);
    }
  }
  assert_int_equal(at, given.count);
  free(runs);
}

/* Packs what is given and looks at all that comes back.  Returns the bytes of a candle. */
static double check(void) {
  hf_error err;
  hf_buffer text = pack();
  hf_slice slice = exact(&text);
  hf__packed_candles packed;
  for (size_t i = 0; i < text.size; i++) {
    assert_true(text.data[i] >= '0' && text.data[i] <= 'p' && text.data[i] != '\\');
  }
  assert_int_equal(hf__candles_open(slice, &packed, &err), HF_OK);
  assert_int_equal(packed.count, given.count);
  assert_true(packed.first == given.values[0][0] && packed.last == given.values[0][given.count - 1]);
  check_part(&packed, 0, given.count);
  check_runs(&packed);
  for (int i = 0; i < 20; i++) {
    size_t first = below((unsigned)given.count), end = first + 1 + below((unsigned)(given.count - first));
    check_part(&packed, first, end);
    assert_int_equal(hf__candles_before(&packed, given.values[0][first]), first);
    assert_int_equal(hf__candles_before(&packed, given.values[0][first] + 1), first + 1);
    assert_int_equal(hf__candles_before(&packed, given.values[0][first] - 1), first);
  }
  assert_int_equal(hf__candles_before(&packed, -INFINITY), 0);
  assert_int_equal(hf__candles_before(&packed, INFINITY), given.count);
  double size = (double)text.size / (double)given.count;
  free((char *)(uintptr_t)slice.data);
  hf_buffer_free(&text);
  return size;
}

static void decimals_come_back(void **state) {
  (void)state;
  static const double prices[] = {0.00001234, 0.25, 1.0842, 137.5, 44152.25, 3e6};
  for (unsigned decimals = 0; decimals <= 8; decimals++) {
    for (size_t i = 0; i < sizeof prices / sizeof *prices; i++) {
      walk(1440, decimals, below(9), prices[i], 3, 0);
      if (given.values[3][0] > 0) check();
    }
  }
}

static void a_day_of_an_exchange_takes_at_most_14_bytes_a_candle(void **state) {
  (void)state;
  walk(1440, 2, 5, 44152.25, 0, 0);
  double size = check();
  assert_true(size < 14 && size > 5);
}

static void what_is_no_decimal_comes_back(void **state) {
  (void)state;
  for (unsigned odd = 1; odd <= 1000; odd *= 10) {
    walk(1440, 2, 5, 44152.25, 3, odd);
    check();
  }
}

static void any_number_comes_back(void **state) {
  (void)state;
  for (int round = 0; round < 200; round++) {
    walk(1 + below(200), 2, 5, 100, 10, 0);
    for (size_t i = 0; i < given.count; i++) {
      for (int k = 1; k < 6; k++) {
        uint64_t bits = random_bits() >> 1;
        double value;
        memcpy(&value, &bits, sizeof value);
        if (below(3) == 0 && isfinite(value)) given.values[k][i] = value;
        if (below(50) == 0) given.values[k][i] = below(2) ? 0.0 : -0.0;
      }
    }
    check();
  }
}

static void few_and_many_come_back(void **state) {
  (void)state;
  for (size_t count = 1; count < 200; count++) {
    walk(count, 3, 2, 50, 30, 5);
    check();
  }
  walk(MOST - 1, 2, 5, 44152.25, 2, 1);
  check();
}

static void every_second_candle_may_be_missing(void **state) {
  (void)state;
  walk(720, 2, 5, 100, 0, 0);
  for (size_t i = 0; i < given.count; i++) given.values[0][i] = 1707264000000.0 + 2 * MINUTE * (double)i;
  check();
}

/* ---- what is refused */

static void refuse(int column, size_t i, double value, const char *part) {
  hf_error err;
  hf_buffer text = HF_BUFFER_INIT;
  walk(10, 2, 5, 100, 0, 0);
  given.values[column][i] = value;
  hf__candle_columns columns = columns_of(&given, 0);
  assert_int_equal(hf__candles_pack(&text, MINUTE, &columns, given.count, &err), HF_INVALID_VALUE);
  assert_true(strstr(err.message, part) != NULL);
  assert_int_equal(text.size, 0);
  hf_buffer_free(&text);
}

static void what_is_no_candle_is_refused(void **state) {
  (void)state;
  refuse(1, 3, NAN, "candle 4: open is nan");
  refuse(2, 0, INFINITY, "candle 1: high is inf");
  refuse(3, 9, -1, "candle 10: low is -1");
  refuse(4, 1, -INFINITY, "candle 2: close is -inf");
  refuse(5, 1, -NAN, "candle 2: volume is");
  refuse(0, 2, 1707264000001.0, "candle 3: time 1707264000001 is no multiple of 60000 ms");
  refuse(0, 2, NAN, "candle 3: time");
  refuse(0, 2, 1707264000000.0, "candle 3: its time is not after");
  refuse(0, 9, 9e15, "candle 10: time");
  refuse(0, 0, -60000, "candle 1: time");
}

static void numbers_that_make_no_sense_are_refused(void **state) {
  (void)state;
  hf_error err;
  hf_buffer text = HF_BUFFER_INIT;
  walk(10, 2, 5, 100, 0, 0);
  hf__candle_columns columns = columns_of(&given, 0);
  assert_int_equal(hf__candles_pack(&text, MINUTE, &columns, 0, &err), HF_INVALID_VALUE);
  assert_int_equal(hf__candles_pack(&text, MINUTE, &columns, HF__CANDLES_MAX + 1, &err), HF_INVALID_VALUE);
  assert_int_equal(hf__candles_pack(&text, 0, &columns, 10, &err), HF_INVALID_VALUE);
  assert_int_equal(hf__candles_pack(&text, NAN, &columns, 10, &err), HF_INVALID_VALUE);
  assert_int_equal(hf__candles_pack(&text, 0.5, &columns, 10, &err), HF_INVALID_VALUE);
  hf_buffer_free(&text);
}

/* ---- texts that are not ours */

static void put_sum(char *text, size_t size) {
  uint32_t sum = crc32_iscsi((unsigned char *)text, (int)(size - HF__SUM_DIGITS), HF__CANDLES_SUM_SEED);
  for (unsigned i = 0; i < HF__SUM_DIGITS; i++) text[size - HF__SUM_DIGITS + i] = hf__digit(sum >> 6 * i & 63);
}

/* Does with a text all that can be done. */
static hf_status use(hf_slice text) {
  hf_error err;
  hf__packed_candles packed;
  hf_status status = hf__candles_open(text, &packed, &err);
  if (status) return status;
  hf__candle_run *runs = malloc(packed.run_count * sizeof *runs);
  double *room = malloc(packed.count * 6 * sizeof *room);
  assert_true(runs && room);
  hf__candles_runs(&packed, runs);
  size_t n = packed.count;
  hf__candle_columns out = {room, room + n, room + 2 * n, room + 3 * n, room + 4 * n, room + 5 * n};
  hf__candles_unpack(&packed, n / 2, n / 2 + hf__candles_before(&packed, packed.last) - n / 2, out, &err);
  status = hf__candles_unpack(&packed, 0, n, out, &err);
  free(room);
  free(runs);
  return status;
}

static void a_changed_text_is_corrupt(void **state) {
  (void)state;
  walk(300, 2, 5, 100, 10, 5);
  hf_buffer text = pack();
  hf_slice slice = exact(&text);
  char *bytes = (char *)(uintptr_t)slice.data;
  for (size_t i = 0; i < slice.size; i++) {
    char before = bytes[i];
    bytes[i] = (char)(before ^ (1 << below(7)));
    assert_int_equal(use(slice), HF_CORRUPT);
    bytes[i] = before;
  }
  for (size_t size = 0; size < slice.size; size++) assert_int_equal(use((hf_slice){bytes, size}), HF_CORRUPT);
  assert_int_equal(use(slice), HF_OK);
  free(bytes);
  hf_buffer_free(&text);
}

/* With a checksum that is right, whatever the text says. */
static void a_made_up_text_is_read_within_its_bounds(void **state) {
  (void)state;
  size_t sound = 0, damaged = 0;
  for (int round = 0; round < 20000; round++) {
    if (round % 100 == 0) walk(1 + below(300), 2, 5, 100, 10, 5);
    hf_buffer text = pack();
    if (below(3) == 0 && text.size > 20) text.size -= below((unsigned)text.size - 10);
    for (unsigned n = below(4); n > 0; n--) text.data[below(40) % text.size] = (char)below(256);
    for (unsigned n = below(4); n > 0; n--) text.data[below((unsigned)text.size)] = (char)below(256);
    if (text.size > HF__SUM_DIGITS) put_sum(text.data, text.size);
    hf_slice slice = exact(&text);
    hf_status status = use(slice);
    assert_true(status == HF_OK || status == HF_CORRUPT || status == HF_UNSUPPORTED);
    if (status) damaged++;
    if (!status) sound++;
    free((char *)(uintptr_t)slice.data);
    hf_buffer_free(&text);
  }
  assert_true(sound > 1000 && damaged > 1000);
}

static void a_later_version_is_unsupported(void **state) {
  (void)state;
  walk(3, 2, 5, 100, 0, 0);
  hf_buffer text = pack();
  text.data[0]++;
  put_sum(text.data, text.size);
  assert_int_equal(use((hf_slice){text.data, text.size}), HF_UNSUPPORTED);
  hf_buffer_free(&text);
}

/* What version 1 looks like: texts that are stored must be read for ever. */
static void the_format_is_what_it_was(void **state) {
  (void)state;
  hf_error err;
  hf__packed_candles packed;
  static const double rows[3][6] = {{1707343380000.0, 44152.25, 44183.21, 44152.23, 44183.21, 33.38381},
                                    {1707343440000.0, 44183.21, 44193, 44179.22, 44193, 11.24962},
                                    {1707343560000.0, 44193, 44193, 1.0 / 3, 44185.99, 0}};
  for (size_t i = 0; i < 3; i++) {
    for (int k = 0; k < 6; k++) given.values[k][i] = rows[i][k];
  }
  given.count = 3;
  hf_buffer text = pack();
  assert_string_equal(text.data, FORMAT_1);
  assert_int_equal(hf__candles_open((hf_slice){text.data, text.size}, &packed, &err), HF_OK);
  check_part(&packed, 0, 3);
  hf_buffer_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(decimals_come_back),
      cmocka_unit_test(a_day_of_an_exchange_takes_at_most_14_bytes_a_candle),
      cmocka_unit_test(what_is_no_decimal_comes_back),
      cmocka_unit_test(any_number_comes_back),
      cmocka_unit_test(few_and_many_come_back),
      cmocka_unit_test(every_second_candle_may_be_missing),
      cmocka_unit_test(what_is_no_candle_is_refused),
      cmocka_unit_test(numbers_that_make_no_sense_are_refused),
      cmocka_unit_test(a_changed_text_is_corrupt),
      cmocka_unit_test(a_made_up_text_is_read_within_its_bounds),
      cmocka_unit_test(a_later_version_is_unsupported),
      cmocka_unit_test(the_format_is_what_it_was),
  };
  return cmocka_run_group_tests_name("candles", tests, NULL, NULL);
}
