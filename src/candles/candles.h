/* SPDX-License-Identifier: MIT
 *
 * Packed candles: a series of candles as a text of about 12 characters each, which is a JSON string without escapes.
 *
 * What comes back is what was given, to the last bit: prices are whole numbers of their last decimal wherever dividing
 * by the power of ten gives the same double again, and the doubles' own bits where it does not.  Times lie on a grid;
 * where some are missing they stay missing.  README.md has the format.
 *
 * Nothing here trusts a text: it may come from a damaged store.
 */
#ifndef HF_CANDLES_CANDLES_H
#define HF_CANDLES_CANDLES_H

#include "holdfast/backend.h"

/* The most candles in one text. */
#define HF__CANDLES_MAX 65536

/* Candles by column, in order of time.  Times are milliseconds since 1970. */
typedef struct hf__candle_columns {
  double *time;
  double *open;
  double *high;
  double *low;
  double *close;
  double *volume;
} hf__candle_columns;

/* A text that hf__candles_open() has looked at; refers to it. */
typedef struct hf__packed_candles {
  double step;        /* ms from one candle to the next */
  double first;       /* ms: the time of the first candle */
  double last;        /* ms: and of the last */
  size_t count;       /* how many candles */
  size_t run_count;   /* how many runs without a gap in them */
  const char *runs;   /* where the runs are said */
  const char *blocks; /* where the candles begin */
  const char *end;    /* after the last of them */
} hf__packed_candles;

/* Candles without a gap between them. */
typedef struct hf__candle_run {
  double first; /* ms: the time of the first one */
  size_t count; /* how many */
} hf__candle_run;

/* Appends the packed text of `count` candles, 1 to HF__CANDLES_MAX, that are `step` ms apart or a multiple of it, at
 * multiples of `step`.  HF_INVALID_VALUE says which candle has a time that does not follow the one before, or a number
 * that is negative or not finite; HF_NO_MEMORY.  `out` is as it was then. */
hf_status hf__candles_pack(hf_buffer *out, double step, const hf__candle_columns *columns, size_t count, hf_error *err);

/* Looks at a text: its checksum, and all that is said before the candles.  HF_CORRUPT where it is not one of ours,
 * HF_UNSUPPORTED where it is of a later version. */
hf_status hf__candles_open(hf_slice text, hf__packed_candles *out, hf_error *err);

/* Puts the runs, of which there are `run_count`, into `out`. */
void hf__candles_runs(const hf__packed_candles *packed, hf__candle_run *out);

/* How many of the candles have a time below `time`. */
size_t hf__candles_before(const hf__packed_candles *packed, double time);

/* Unpacks the candles from number `first` on, of which 0 is the first one, up to but not including number `end`.
 * There must be so many, and room for them.  HF_CORRUPT where the text is not one of ours; `out` may have been written
 * to. */
hf_status hf__candles_unpack(const hf__packed_candles *packed, size_t first, size_t end, hf__candle_columns out,
                             hf_error *err);

#endif
