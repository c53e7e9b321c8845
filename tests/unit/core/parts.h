/* SPDX-License-Identifier: MIT
 *
 * Parts of hf_transactions() for tests: what each does, and what became of them.
 */
#ifndef HF_TESTS_UNIT_CORE_PARTS_H
#define HF_TESTS_UNIT_CORE_PARTS_H

#include "holdfast/backend.h"
#include "unit/support.h"

/* What a part does, step by step, and what it gives. */
struct script {
  hf_persist *p;
  const char *id, *json; /* written, where there is an id */
  hf_status gives;
  hf_status (*more)(const struct script *s, hf_error *err); /* then this is done; NULL: nothing */
  void *arg;
  int runs;
};

/* Initialisers of it: a part that writes an entity; and then does more; or fails; and one that does only that. */
#define WRITES(handle, name, text)                                                                                     \
  { .p = handle, .id = name, .json = text }
#define WRITES_AND(handle, name, text, then, with)                                                                     \
  { .p = handle, .id = name, .json = text, .more = then, .arg = with }
#define FAILING(handle, name, text, status)                                                                            \
  { .p = handle, .id = name, .json = text, .gives = status }
#define DOES(handle, then, with)                                                                                       \
  { .p = handle, .more = then, .arg = with }

/* The function of each part. */
static inline hf_status play(void *arg, hf_error *err) {
  struct script *s = arg;
  s->runs++;
  if (s->id) {
    hf_status status = hf_persist_write(s->p, hf_text(s->id), hf_text(s->json), NULL, NULL, err);
    if (status) return status;
  }
  hf_status status = s->more ? s->more(s, err) : HF_OK;
  if (status) return status;
  return s->gives ? hf_error_set(err, s->gives, "this part was told to fail") : HF_OK;
}

enum { PARTS_MAX = 8 };

/* Parts and where their errors go. */
static struct {
  hf_txn_part parts[PARTS_MAX];
  hf_error errors[PARTS_MAX];
} all;

/* Runs an array of them; what became of each is in `all` then. */
#define ALL(scripts) run_all(scripts, sizeof(scripts) / sizeof *(scripts), &err)
static inline hf_status run_all(struct script *scripts, size_t count, hf_error *err) {
  for (size_t i = 0; i < count; i++)
    all.parts[i] = (hf_txn_part){.run = play, .arg = &scripts[i], .status = HF_STATUS_COUNT, .error = &all.errors[i]};
  return hf_transactions(all.parts, count, err);
}

/* The revision of an entity that is there. */
static inline uint64_t revision_of(hf_persist *p, const char *id) {
  hf_error err;
  hf_info info;
  hf_buffer json = HF_BUFFER_INIT;
  OK(hf_persist_read(p, hf_text(id), &json, &info, &err));
  hf_buffer_free(&json);
  return info.revision;
}

/* What is known of an entity in a part. */
struct seen {
  const char *id;
  uint64_t revision;
};

/* A step: looks at what arg, a struct seen, names. */
static inline hf_status look(const struct script *s, hf_error *err) {
  struct seen *seen = s->arg;
  hf_buffer json = HF_BUFFER_INIT;
  hf_info info = {0};
  hf_status status = hf_persist_read(s->p, hf_text(seen->id), &json, &info, err);
  hf_buffer_free(&json);
  seen->revision = info.revision;
  return status;
}

#endif
