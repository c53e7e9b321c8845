/* SPDX-License-Identifier: MIT
 *
 * Defining adapters: the rows that every set has, and how another one comes into a set.
 */
#include <stdlib.h>
#include <string.h>

#include "adapters/adapters.h"
#include "base/error.h"
#include "base/layout.h"

static const char *const infinite[] = {"minuteEstimatedTime", NULL};

#define FOLLOWING(adapter, collection, template, reads, writes, leader)                                                \
  {                                                                                                                    \
    .struct_size = sizeof(hf_adapter_spec), .name = (adapter), .entity_name = (collection), .id = (template),          \
    .read = (reads), .write = (writes), .infinite = infinite, .follows = (leader)                                      \
  }
#define ROW(adapter, collection, template, reads, writes) FOLLOWING(adapter, collection, template, reads, writes, NULL)

static const hf_adapter_spec rows[] = {
    ROW("PersistSignalAdapter", "signal", "{strategy}/{symbol}", "readSignalData", "writeSignalData"),
    ROW("PersistScheduleAdapter", "schedule", "{strategy}/{symbol}", "readScheduleData", "writeScheduleData"),
    ROW("PersistRiskAdapter", "risk", "{riskName}/positions", "readPositionData", "writePositionData"),
    ROW("PersistPartialAdapter", "partial", "{symbol}/levels", "readPartialData", "writePartialData"),
    FOLLOWING("PersistTradeAdapter", "trade", "{strategy}/{symbol}/{signalId}", "readTradeData", "writeTradeData",
              "PersistSignalAdapter"),
    FOLLOWING("PersistHostAdapter", "host", "{kind}/{name}", "readHostData", "writeHostData", "PersistSignalAdapter"),
};

hf_status hf_adapters_new(hf_adapters **out, hf_error *err) {
  *out = calloc(1, sizeof **out);
  if (!*out) return hf__no_memory(err);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    hf_status status = hf_adapter_define(*out, &rows[i], err);
    if (status) {
      hf_adapters_free(*out);
      *out = NULL;
      return status;
    }
  }
  return HF_OK;
}

/* ---- defining */

/* The adapter that the row is to follow.  One that follows has no followers: where a store is, is then said once. */
static hf_status find_leader(const hf_adapters *set, const hf__adapter *a, hf__adapter **out, hf_error *err) {
  *out = hf__adapter_find(set, a->spec.follows, err);
  if (!*out) return HF_INVALID_ARGUMENT;
  if (!(*out)->spec.follows) return HF_OK;
  return hf__fail(err, HF_INVALID_ARGUMENT, "%s cannot follow %s, which follows %s itself: follow that one",
                  a->spec.name, a->spec.follows, (*out)->spec.follows);
}

hf_status hf_adapter_define(hf_adapters *set, const hf_adapter_spec *spec, hf_error *err) {
  static const hf__layout layout = HF__LAYOUT(hf_adapter_spec, "HF_ADAPTER_SPEC_INIT", base);
  hf_adapter_spec taken;
  hf_status status = hf__layout_take(&layout, &taken, spec, err);
  if (status) return status;
  hf__adapter *a;
  status = hf__adapter_row_new(&taken, &a, err);
  if (status) return status;
  hf__adapter *leader = NULL;
  if (taken.follows) status = find_leader(set, a, &leader, err);
  hf__adapter **link = &set->first;
  for (; status == HF_OK && *link; link = &(*link)->next) {
    const hf__adapter *other = *link;
    if (strcmp(other->spec.name, a->spec.name) == 0) {
      if (!hf__adapter_row_same(other, a))
        status = hf__fail(err, HF_INVALID_ARGUMENT, "%s is defined already, and otherwise: choose another name",
                          a->spec.name);
      hf__adapter_row_free(a);
      return status;
    }
    if (strcmp(other->spec.entity_name, a->spec.entity_name) == 0)
      status = hf__fail(err, HF_INVALID_ARGUMENT,
                        "%s: %s has the entity name \"%s\" already, and their ids would mix: choose another",
                        a->spec.name, other->spec.name, a->spec.entity_name);
  }
  if (status == HF_OK) status = leader ? hf__adapter_join(a, leader, err) : hf__adapter_use_default(a, err);
  if (status) {
    hf__adapter_row_free(a);
    return status;
  }
  a->set = set;
  *link = a;
  return HF_OK;
}
