/* SPDX-License-Identifier: MIT
 *
 * Conditions as C programs have them, who have no function of Lua to ask: parameters, a test, and the errors where a
 * condition answers neither yes nor no.
 */
#include "base/error.h"
#include "condition/node.h"

void hf_condition_free(hf_condition *c) { hf__condition_free(c); }

unsigned hf_condition_parameters(const hf_condition *c) { return hf__condition_parameters(c); }

/* ---- parameters */

static hf_status set(hf_condition *c, unsigned number, const hf_constant *value, hf_error *err) {
  unsigned count = hf__condition_parameters(c);
  if (!count) return hf__fail(err, HF_INVALID_ARGUMENT, "the condition has no parameter: a parameter is written ?");
  if (!number || number > count)
    return hf__fail(err, HF_INVALID_ARGUMENT, "the condition has no parameter %u: they are counted from 1 to %u",
                    number, count);
  if (!hf__condition_set(c, number - 1, value)) return hf__no_memory(err);
  return HF_OK;
}

hf_status hf_condition_set_number(hf_condition *c, unsigned number, double value, hf_error *err) {
  return set(c, number, &(hf_constant){.kind = HF_CONSTANT_NUMBER, .number = value}, err);
}

hf_status hf_condition_set_text(hf_condition *c, unsigned number, hf_slice value, hf_error *err) {
  return set(c, number, &(hf_constant){.kind = HF_CONSTANT_TEXT, .text = value}, err);
}

hf_status hf_condition_set_boolean(hf_condition *c, unsigned number, bool value, hf_error *err) {
  return set(c, number, &(hf_constant){.kind = value ? HF_CONSTANT_TRUE : HF_CONSTANT_FALSE}, err);
}

hf_status hf_condition_set_nil(hf_condition *c, unsigned number, hf_error *err) {
  return set(c, number, &(hf_constant){.kind = HF_CONSTANT_NIL}, err);
}

hf_status hf_condition_set_null(hf_condition *c, unsigned number, hf_error *err) {
  return set(c, number, &(hf_constant){.kind = HF_CONSTANT_NULL}, err);
}

/* ---- tests */

hf_status hf__condition_check(const hf_condition *c, hf_error *err) {
  unsigned count = hf__condition_parameters(c);
  for (unsigned i = 0; i < count; i++)
    if (hf__condition_parameter_kind(c, i) == HF_CONSTANT_UNKNOWN)
      return hf__fail(err, HF_INVALID_ARGUMENT,
                      "parameter %u of the condition is not set: hf_condition_set_number() and the like set it", i + 1);
  return HF_OK;
}

hf_status hf__condition_fail(hf_condition *c, hf_answer answer, hf_slice entity_name, hf_slice id, hf_error *err) {
  hf_slice name = entity_name.data ? entity_name : hf_text("");
  bool told = answer == HF_ANSWER_YES || answer == HF_ANSWER_NO; /* now, where there was no memory for it before */
  if (told || c->reason.why == HF__REASON_MEMORY)
    hf__no_memory(err);
  else
    hf__fail(err, HF_SCRIPT, "Entity %.*s%s%.*s: the condition %s: %s", (int)name.size, name.data, name.size ? ":" : "",
             (int)id.size, id.data ? id.data : "", answer == HF_ANSWER_RAISES ? "raises" : "cannot be evaluated",
             hf__condition_reason(c));
  hf__error_entity(err, entity_name, id);
  return told || c->reason.why == HF__REASON_MEMORY ? HF_NO_MEMORY : HF_SCRIPT;
}

hf_status hf_condition_test(hf_condition *c, hf_slice id, hf_slice json, bool *holds, hf_error *err) {
  *holds = false;
  hf_status status = hf__condition_check(c, err);
  if (status == HF_OK) status = hf_json_validate(json, err);
  if (status) return status;
  hf_answer answer = hf__condition_test(c, id, json);
  *holds = answer == HF_ANSWER_YES;
  if (answer == HF_ANSWER_YES || answer == HF_ANSWER_NO) return HF_OK;
  return hf__condition_fail(c, answer, (hf_slice){NULL, 0}, id, err);
}
