/* SPDX-License-Identifier: MIT
 *
 * Moments of a store's past: see moment.h.
 */
#include "core/moment.h"

#include "base/error.h"

/* ---- times as texts */

/* Reads exactly so many digits. */
static bool take_digits(hf_slice *text, size_t count, int64_t *out) {
  *out = 0;
  if (text->size < count) return false;
  for (size_t i = 0; i < count; i++) {
    if (text->data[i] < '0' || text->data[i] > '9') return false;
    *out = *out * 10 + (text->data[i] - '0');
  }
  *text = (hf_slice){text->data + count, text->size - count};
  return true;
}

static bool take_char(hf_slice *text, char c) {
  if (!text->size || *text->data != c) return false;
  *text = (hf_slice){text->data + 1, text->size - 1};
  return true;
}

/* Days from 1970-01-01 to a date, which is one. */
static bool take_date(hf_slice *text, int64_t *days) {
  static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
  int64_t year, month, day;
  if (!take_digits(text, 4, &year) || !take_char(text, '-') || !take_digits(text, 2, &month) || !take_char(text, '-') ||
      !take_digits(text, 2, &day))
    return false;
  if (year < 1970 || month < 1 || month > 12 || day < 1) return false;
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (day > before[month] - before[month - 1] + (leap && month == 2)) return false;
  int64_t past = year - 1, leaps = past / 4 - past / 100 + past / 400 - 477; /* 477 until 1969 */
  *days = (year - 1970) * 365 + leaps + before[month - 1] + (leap && month > 2) + day - 1;
  return true;
}

/* "T12:00", "T12:00:00", "T12:00:00.25" */
static bool take_clock(hf_slice *text, int64_t *ms) {
  int64_t hour, minute, second = 0, digit;
  if (!take_char(text, 'T') || !take_digits(text, 2, &hour) || !take_char(text, ':') || !take_digits(text, 2, &minute))
    return false;
  if (take_char(text, ':') && !take_digits(text, 2, &second)) return false;
  if (hour > 23 || minute > 59 || second > 60) return false;
  *ms = (hour * 60 + minute) * 60000 + second * 1000;
  if (!take_char(text, '.')) return true;
  int64_t worth = 100;
  if (!text->size || *text->data < '0' || *text->data > '9') return false;
  for (; take_digits(text, 1, &digit); worth /= 10) *ms += digit * worth;
  return true;
}

/* "Z", "+02:00" */
static bool take_zone(hf_slice *text, int64_t *ms) {
  int64_t hour, minute;
  *ms = 0;
  if (take_char(text, 'Z')) return true;
  bool west = take_char(text, '-');
  if (!west && !take_char(text, '+')) return false;
  if (!take_digits(text, 2, &hour) || !take_char(text, ':') || !take_digits(text, 2, &minute)) return false;
  if (hour > 23 || minute > 59) return false;
  *ms = (hour * 60 + minute) * (west ? -60000 : 60000);
  return true;
}

bool hf__time_parse(hf_slice text, int64_t *ms) {
  enum { DAY = 86400000 };
  int64_t days, clock = 0, zone = 0;
  if (!take_date(&text, &days)) return false;
  if (text.size && (!take_clock(&text, &clock) || !take_zone(&text, &zone))) return false;
  *ms = days * DAY + clock - zone;
  return text.size == 0 && *ms >= 0;
}

/* ---- moments */

hf_status hf__moment_revision(const hf_store *store, const hf_moment *at, uint64_t *revision, hf_error *err) {
  hf_changes_reach reach;
  *revision = at->revision;
  if (at->revision && at->time) return hf__fail(err, HF_INVALID_ARGUMENT, "a moment is a revision or a time, not both");
  if (at->time < 0) return hf__fail(err, HF_INVALID_ARGUMENT, "a time before 1970: %lld ms", (long long)at->time);
  if (at->revision) return HF_OK;
  return store->backend->changes_revision_at(store->impl, at->time, revision, &reach, err);
}
