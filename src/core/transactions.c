/* SPDX-License-Identifier: MIT
 *
 * Several transactions in one commit: hf_transactions().  Each part runs once, in a transaction of its own inside the
 * one that makes the commit, or, where the store cannot nest, in the place of that: transaction.c has how.  A part that
 * fails is undone alone.  Once something has failed for all of them, such as the room that the store has for one
 * transaction, no further part is run.
 */
#include "base/error.h"
#include "core/transaction.h"

static hf_status check_parts(const hf_txn_part *parts, size_t count, hf_error *err) {
  if (!parts && count) return hf__fail(err, HF_INVALID_ARGUMENT, "hf_transactions: there are no parts, but a count");
  for (size_t i = 0; i < count; i++) {
    if (!parts[i].run)
      return hf__fail(err, HF_INVALID_ARGUMENT, "hf_transactions: part %zu, counted from 0, has no function to run", i);
    if (parts[i].reserved[0] || parts[i].reserved[1])
      return hf__fail(err, HF_INVALID_ARGUMENT, "hf_txn_part.reserved must be 0: clear part %zu before you fill it", i);
  }
  return HF_OK;
}

static void tell(hf_txn_part *part, hf_status status, const hf_error *err) {
  part->status = status;
  if (status && part->error) *part->error = *err;
}

/* Calls the function of a part.  What it gives is a status, and an error that says so. */
static hf_status call(const hf_txn_part *part, hf_error *err) {
  err->status = HF_OK;
  hf_status status = part->run(part->arg, err);
  if (status == HF_OK) return HF_OK;
  if ((unsigned)status >= HF_STATUS_COUNT)
    return hf__fail(err, HF_INVALID_ARGUMENT, "the function of the part returned %d, which is no status", (int)status);
  if (err->status != status)
    hf__fail(err, status, "the function of the part returned %s without an error: %s", hf_status_name(status),
             hf_status_meaning(status));
  return status;
}

/* Runs a part and ends it.  False: the others cannot be run any more. */
static bool run(hf_txn_part *part, hf_error *err) {
  hf__part running;
  bool for_all = false;
  hf_status status = hf__txn_part_begin(&running, err);
  if (status == HF_OK) {
    status = call(part, err);
    status = hf__txn_part_end(&running, status, &for_all, err);
  }
  tell(part, status, err);
  return !for_all;
}

hf_status hf_transactions(hf_txn_part *parts, size_t count, hf_error *err) {
  hf_error own, why;
  hf__part group = {NULL, 0};
  size_t done = 0;
  if (!err) err = &own;
  hf_status status = check_parts(parts, count, err);
  if (status) return status;
  status = hf__txn_group_begin(&group, err);
  while (status == HF_OK && done < count)
    if (!run(&parts[done++], &why)) {
      status = hf__txn_around_failed(err);
      if (status == HF_OK) *err = why;
      if (status == HF_OK) status = why.status;
    }
  status = hf__txn_group_end(&group, status, err);
  for (size_t i = 0; i < count && status; i++)
    if (i >= done || parts[i].status == HF_OK) tell(&parts[i], status, err);
  return status;
}
