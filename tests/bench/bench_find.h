/* SPDX-License-Identifier: MIT
 *
 * What is asked of the signals (signals.lua), and what is written to collections with indexes: by Holdfast
 * (bench_find.c), and the same by bare LMDB (bench_keep.c).
 */
#ifndef HF_TESTS_BENCH_FIND_H
#define HF_TESTS_BENCH_FIND_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* One of a hundred. */
#define FIND_SYMBOL "v.metadata.symbol == 'BTCUSDT'"
#define FIND_PRICES 6.0 /* so far apart are prices, of 10 to 60,010, that one of ten thousand is between */

enum { FIND_ENTITIES = 100000, FIND_TEXT = 512 };

/* Writes the text of an entity, about 430 bytes, with the numbers that are indexed.  Returns its size. */
static inline size_t find_text(char text[FIND_TEXT], uint32_t number, uint32_t value, uint32_t turn) {
  int size = snprintf(text, FIND_TEXT,
                      "{\"id\":\"%08x-7f4e-4a53-a2c8-aa9f6f2f3a11\",\"symbol\":\"BTCUSDT\",\"a\":%u,"
                      "\"strategyName\":\"trend_follow\",\"exchangeName\":\"binance\",\"position\":\"long\",\"b\":%u,"
                      "\"priceOpen\":44152.25,\"priceTakeProfit\":45476.82,\"priceStopLoss\":43269.21,"
                      "\"minuteEstimatedTime\":720,\"scheduledAt\":1750000001000,\"pendingAt\":1750000%06u,"
                      "\"note\":\"abcdefghijklmnopqrstuvwxyz abcdefghijklm\",\"metadata\":{\"symbol\":\"BTCUSDT\","
                      "\"strategy\":\"trend_follow\",\"tags\":[\"a\",\"b\"]}}",
                      number, value, value ^ 0x5bd1e995u, turn % 1000000);
  return (size_t)size;
}

#endif
