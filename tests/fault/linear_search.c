/* SPDX-License-Identifier: MIT
 *
 * The search of linear_search.h, of one id: calls are put into an order one by one, those first that were answered
 * before others began, and taken back where it does not go on.
 *
 * A call that changes nothing is put there as soon as its answer is right: that is never worse than later.  What is
 * left to try are the calls that change the id.  Since no value is written twice, what is still to be seen of the
 * present value forbids to change it, and a call that was made on the condition of its revision must be the next one.
 * Whatever was tried is remembered by the set of calls that are placed and the value then, and not tried again.
 */
#include "fault/linear_search.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NONE = -1, TRIED_MAX = 4000000 };

/* A part of a call, of this id. */
struct op {
  uint32_t call;
  int saw; /* LINEAR_VALUE: which op wrote it */
  uint8_t need, effect;
  bool optional; /* it may not have happened */
  bool placed;
  uint64_t begun, ended, revision; /* revision: of what it puts; 0: unknown */
  /* Of the value that it puts: */
  int left;      /* calls that change nothing, and are still to see it */
  int successor; /* the call that was made on the condition of its revision; NONE */
};

/* A beginning or an end in the list of those that are not placed; the ends have odd numbers. */
struct link {
  int before, after;
};

/* A step, so that it can be taken back. */
struct step {
  int op, value; /* the value before it */
  bool applied;  /* not: it is taken for one that has not happened */
  bool is_forced;
};

struct search {
  struct op *ops;
  struct link *links; /* two of each op, and the head */
  struct step *steps;
  int *known, known_count, next_known; /* ops that put at a known revision, in the order of those */
  int count, step_count, head, deepest, stuck_value, stuck;
  int value;       /* the op that wrote what is there; NONE: nothing is */
  uint64_t placed; /* a hash of the set of placed ones */
  uint64_t *memory, memory_size, memory_used, tried;
};

void *linear_memory(size_t count, size_t size) {
  void *p = calloc(count + 1, size);
  if (p) return p;
  perror("linear");
  exit(2);
}

bool linear_wrong(char *why, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(why, LINEAR_WHY, format, args);
  va_end(args);
  return false;
}

static uint64_t hash(uint64_t z) {
  z += 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

/* ---- what was tried */

static bool put_hash(uint64_t *memory, uint64_t size, uint64_t h) {
  uint64_t at = h & (size - 1);
  while (memory[at] && memory[at] != h) at = (at + 1) & (size - 1);
  bool is_new = !memory[at];
  memory[at] = h;
  return is_new;
}

/* Whether a call writes what nobody is known to have seen: whose value it is then matters to none. */
static bool is_unseen(const struct op *op) { return op->effect == LINEAR_PUT && !op->revision; }

/* A number for what is there: the same where nobody can tell it apart. */
static int state_of(const struct search *s, int value) {
  return value != NONE && is_unseen(&s->ops[value]) ? s->count : value;
}

/* Whether the placed ones, with this value, were not there before. */
static bool is_new(struct search *s, uint64_t placed, int value) {
  uint64_t h = hash(hash(placed) + (uint64_t)(state_of(s, value) + 2)) | 1;
  if (2 * s->memory_used >= s->memory_size) {
    uint64_t size = 2 * s->memory_size, *larger = linear_memory(size, sizeof *larger);
    for (uint64_t i = 0; i < s->memory_size; i++)
      if (s->memory[i]) put_hash(larger, size, s->memory[i]);
    free(s->memory);
    s->memory = larger;
    s->memory_size = size;
  }
  bool fresh = put_hash(s->memory, s->memory_size, h);
  s->memory_used += fresh;
  return fresh;
}

/* ---- the list */

static void unlink_one(struct search *s, int link) {
  s->links[s->links[link].before].after = s->links[link].after;
  s->links[s->links[link].after].before = s->links[link].before;
}

static void link_again(struct search *s, int link) {
  s->links[s->links[link].before].after = link;
  s->links[s->links[link].after].before = link;
}

/* ---- steps */

/* What changes nothing, and what is done on the condition of a value, is counted at that value. */
static bool is_pure(const struct op *op) { return op->effect == LINEAR_KEEP; }

static bool is_known_put(const struct op *op) { return op->effect == LINEAR_PUT && op->revision && !op->optional; }

static bool holds(const struct search *s, const struct op *op) {
  switch (op->need) {
  case LINEAR_ANY: return true;
  case LINEAR_ABSENT: return s->value == NONE;
  case LINEAR_PRESENT: return s->value != NONE;
  case LINEAR_VALUE: return s->value == op->saw;
  default: return s->value != NONE && !s->ops[s->value].revision; /* a revision of which nothing is known */
  }
}

/* Whether a call that changes the id may be the next one. */
static bool may_follow(const struct search *s, int number) {
  const struct op *op = &s->ops[number];
  if (!holds(s, op)) return false;
  if (is_known_put(op) && s->known[s->next_known] != number) return false;
  if (s->value == NONE) return true;
  const struct op *present = &s->ops[s->value];
  return !present->left && (present->successor == NONE || present->successor == number);
}

static int value_after(const struct search *s, int number) {
  uint8_t effect = s->ops[number].effect;
  return effect == LINEAR_PUT ? number : effect == LINEAR_REMOVE ? NONE : s->value;
}

static void place(struct search *s, int number, bool applied, bool is_forced) {
  struct op *op = &s->ops[number];
  s->steps[s->step_count++] = (struct step){number, s->value, applied, is_forced};
  op->placed = true;
  s->placed ^= hash((uint64_t)number);
  unlink_one(s, 2 * number + 1);
  unlink_one(s, 2 * number);
  if (applied && is_pure(op) && op->need == LINEAR_VALUE) s->ops[op->saw].left--;
  if (applied && is_known_put(op)) s->next_known++;
  if (applied) s->value = value_after(s, number);
}

static struct step take_back(struct search *s) {
  struct step step = s->steps[--s->step_count];
  struct op *op = &s->ops[step.op];
  op->placed = false;
  s->placed ^= hash((uint64_t)step.op);
  link_again(s, 2 * step.op);
  link_again(s, 2 * step.op + 1);
  if (step.applied && is_pure(op) && op->need == LINEAR_VALUE) s->ops[op->saw].left++;
  if (step.applied && is_known_put(op)) s->next_known--;
  s->value = step.value;
  return step;
}

/* Places all calls that change nothing and whose answer is right now.  The first end that is left; the head: none. */
static int place_pure(struct search *s) {
  int at = s->links[s->head].after;
  while (at != s->head && at % 2 == 0) {
    int after = s->links[at].after;
    if (is_pure(&s->ops[at / 2]) && holds(s, &s->ops[at / 2])) {
      place(s, at / 2, true, true);
      after = s->links[at].after; /* its own end may have been next */
    }
    at = after;
  }
  return at;
}

/* ---- the search */

/* Choices at a moment, in the order in which they are tried: calls that have happened, those that may have, and that
 * the one whose end comes first has not. */
enum turn { CERTAIN, OPTIONAL, ABSTAIN, TURNS };

static bool are_alike(const struct op *a, const struct op *b) {
  return a->need == b->need && a->effect == b->effect && a->optional == b->optional && a->need != LINEAR_VALUE &&
         a->need != LINEAR_REVISION && (a->effect == LINEAR_REMOVE || (is_unseen(a) && is_unseen(b)));
}

/* Whether a choice is no better than another one: of calls that are alike the one that ends first is enough, and what
 * may not have happened has not where it makes no difference. */
static bool is_idle(const struct search *s, int number, int end) {
  const struct op *op = &s->ops[number];
  if (op->optional && state_of(s, value_after(s, number)) == state_of(s, s->value)) return true;
  for (int at = s->links[s->head].after; at != end; at = s->links[at].after) {
    const struct op *other = &s->ops[at / 2];
    bool ends_first = other->ended == op->ended ? other < op : other->ended < op->ended;
    if (ends_first && are_alike(op, other)) return true;
  }
  return false;
}

/* Places one choice of this turn, or of a later one: the first after the link `from`; NONE: of all.  False: there is
 * none. */
static bool place_next(struct search *s, enum turn turn, int from, int end) {
  for (; turn < ABSTAIN; turn++, from = NONE)
    for (int at = from == NONE ? s->links[s->head].after : s->links[from].after; at != end; at = s->links[at].after) {
      const struct op *op = &s->ops[at / 2];
      if (is_pure(op) || op->optional != (turn == OPTIONAL) || !may_follow(s, at / 2)) continue;
      if (is_idle(s, at / 2, end)) continue;
      s->tried++;
      if (!is_new(s, s->placed ^ hash((uint64_t)(at / 2)), value_after(s, at / 2))) continue;
      place(s, at / 2, true, false);
      return true;
    }
  if (end != s->head && s->ops[end / 2].optional) {
    s->tried++;
    if (!is_new(s, s->placed ^ hash((uint64_t)(end / 2)), s->value)) return false;
    place(s, end / 2, false, false);
    return true;
  }
  return false;
}

/* Takes back steps until there is another choice, and places that. */
static bool try_another(struct search *s) {
  while (s->step_count) {
    struct step step = take_back(s);
    if (step.is_forced || !step.applied) continue;
    int end = s->links[s->head].after;
    while (end != s->head && end % 2 == 0) end = s->links[end].after;
    if (place_next(s, s->ops[step.op].optional ? OPTIONAL : CERTAIN, 2 * step.op, end)) return true;
  }
  return false;
}

/* Whether there is an order. */
static bool search(struct search *s) {
  for (;;) {
    int end = place_pure(s);
    if (s->step_count > s->deepest) {
      s->deepest = s->step_count;
      s->stuck = end;
      s->stuck_value = s->value;
    }
    if (s->links[s->head].after == s->head) return true;
    if (s->tried > TRIED_MAX) return false;
    if (!place_next(s, CERTAIN, NONE, end) && !try_another(s)) return false;
  }
}

/* ---- building */

static struct op make_op(const struct linear_call *c, uint32_t call, const struct linear_part *p,
                         const struct linear_known *known) {
  return (struct op){.call = call,
                     .saw = NONE,
                     .need = p->need,
                     .effect = p->effect,
                     .optional = c->outcome == LINEAR_OPEN && !known->happened[call],
                     .begun = c->begun,
                     .ended = c->ended,
                     .revision = p->effect == LINEAR_PUT ? known->revisions[call] : 0,
                     .successor = NONE};
}

static const struct linear_part *part_of(const struct linear_call *c, uint32_t id) {
  for (size_t i = 0; i < c->count; i++)
    if (c->parts[i].id == id) return &c->parts[i];
  return NULL;
}

static void collect(struct search *s, const struct linear_call *calls, size_t count, uint32_t id,
                    const struct linear_known *known) {
  s->ops = linear_memory(count, sizeof *s->ops);
  for (size_t i = 0; i < count; i++) {
    const struct linear_part *p = calls[i].outcome == LINEAR_NOT ? NULL : part_of(&calls[i], id);
    if (!p || (calls[i].outcome == LINEAR_OPEN && p->effect == LINEAR_KEEP)) continue;
    s->ops[s->count++] = make_op(&calls[i], (uint32_t)i, p, known);
  }
}

static const struct search *sorted; /* by qsort(), which passes nothing on */

static int by_revision(const void *a, const void *b) {
  uint64_t x = sorted->ops[*(const int *)a].revision, y = sorted->ops[*(const int *)b].revision;
  return x < y ? -1 : x > y;
}

static int by_time(const void *a, const void *b) {
  const struct op *x = &sorted->ops[*(const int *)a / 2], *y = &sorted->ops[*(const int *)b / 2];
  uint64_t of_x = *(const int *)a % 2 ? x->ended : x->begun, of_y = *(const int *)b % 2 ? y->ended : y->begun;
  return of_x < of_y ? -1 : of_x > of_y;
}

static void list_known(struct search *s) {
  s->known = linear_memory((size_t)s->count, sizeof *s->known);
  for (int i = 0; i < s->count; i++)
    if (is_known_put(&s->ops[i])) s->known[s->known_count++] = i;
  sorted = s;
  qsort(s->known, (size_t)s->known_count, sizeof *s->known, by_revision);
}

static void link_all(struct search *s) {
  int total = 2 * s->count, *order = linear_memory((size_t)total, sizeof *order);
  s->head = total;
  s->links = linear_memory((size_t)total + 1, sizeof *s->links);
  for (int i = 0; i < total; i++) order[i] = i;
  sorted = s;
  qsort(order, (size_t)total, sizeof *order, by_time);
  s->links[s->head] = (struct link){s->head, s->head};
  for (int i = 0; i < total; i++) {
    s->links[order[i]] = (struct link){s->links[s->head].before, s->head};
    link_again(s, order[i]);
  }
  free(order);
}

static int find_call(const struct search *s, uint32_t call) {
  int low = 0, high = s->count;
  while (low < high) {
    int middle = (low + high) / 2;
    if (s->ops[middle].call < call)
      low = middle + 1;
    else
      high = middle;
  }
  return low < s->count && s->ops[low].call == call ? low : NONE;
}

static int find_revision(const struct search *s, uint64_t revision) {
  int low = 0, high = s->known_count;
  while (low < high) {
    int middle = (low + high) / 2;
    if (s->ops[s->known[middle]].revision < revision)
      low = middle + 1;
    else
      high = middle;
  }
  return low < s->known_count && s->ops[s->known[low]].revision == revision ? s->known[low] : NONE;
}

/* Finds whose value each call saw, or made a condition of. */
static bool connect(struct search *s, const struct linear_call *calls, uint32_t id, char *why) {
  for (int i = 0; i < s->count; i++) {
    struct op *op = &s->ops[i];
    const struct linear_part *p = part_of(&calls[op->call], id);
    if (op->need == LINEAR_VALUE) op->saw = find_call(s, (p->saw - 1) / LINEAR_PARTS);
    if (op->need == LINEAR_REVISION) op->saw = find_revision(s, p->revision);
    if (op->need == LINEAR_VALUE && op->saw == NONE)
      return linear_wrong(why, "call %u saw in id %u what was never there", op->call, id);
    if (op->saw == NONE) continue;
    op->need = LINEAR_VALUE;
    struct op *writer = &s->ops[op->saw];
    if (op->optional) continue;
    if (is_pure(op)) {
      writer->left++;
    } else if (writer->successor != NONE) {
      return linear_wrong(why, "calls %u and %u both changed id %u at the value of call %u", op->call,
                          s->ops[writer->successor].call, id, writer->call);
    } else {
      writer->successor = i;
    }
  }
  return true;
}

static bool explain(const struct search *s, const struct linear_call *calls, uint32_t id, char *why) {
  static const char *const needs[] = {"whatever there is", "nothing", "anything", "the value of call", "a revision"};
  static const char *const effects[] = {"looked", "wrote", "removed"};
  if (s->tried > TRIED_MAX) return linear_wrong(why, "id %u: %u calls, and the search takes too long", id, s->count);
  const struct op *op = &s->ops[s->stuck / 2];
  const struct linear_call *c = &calls[op->call];
  int present = s->stuck_value;
  return linear_wrong(why,
                      "id %u: no order explains call %u (of %llu to %llu), which %s where it found %s %d at revision "
                      "%llu; there was %s %d",
                      id, op->call, (unsigned long long)c->begun, (unsigned long long)c->ended, effects[op->effect],
                      needs[op->need], op->saw == NONE ? 0 : (int)s->ops[op->saw].call,
                      (unsigned long long)part_of(c, id)->revision, present == NONE ? "nothing" : "the value of call",
                      present == NONE ? 0 : (int)s->ops[present].call);
}

bool linear_search(const struct linear_call *calls, size_t count, uint32_t id, const struct linear_known *known,
                   uint64_t *tried, char *why) {
  struct search s = {.value = NONE, .deepest = NONE, .memory_size = 1 << 12};
  collect(&s, calls, count, id, known);
  list_known(&s);
  link_all(&s);
  s.steps = linear_memory((size_t)s.count, sizeof *s.steps);
  s.memory = linear_memory(s.memory_size, sizeof *s.memory);
  bool good = connect(&s, calls, id, why) && (search(&s) || explain(&s, calls, id, why));
  *tried += s.tried;
  free(s.ops);
  free(s.links);
  free(s.steps);
  free(s.known);
  free(s.memory);
  return good;
}
