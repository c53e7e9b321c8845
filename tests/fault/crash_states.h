/* SPDX-License-Identifier: MIT
 *
 * The states that a power cut may leave of a recorded directory at one moment, each built and judged.
 *
 * Units are what may be there or not: first the pages of 4096 bytes (a page with all that was written to it until some
 * moment), then the sectors; and sizes and names.  If they have at most `exhaustive` combinations,
 * every one is looked at; else some (the corners: nothing, everything, one unit alone, all but one) and `samples`
 * random ones, which the seed chooses.  A state that was there before, under the same expectations, is not judged
 * again.
 *
 * A child judges the states of a moment one after the other, so that there are thousands a second; where one of them
 * ends it, by a signal or by the clock, that state is bad, and another child goes on after it.
 */
#ifndef HF_TESTS_FAULT_CRASH_STATES_H
#define HF_TESTS_FAULT_CRASH_STATES_H

#include "fault/crash_tree.h"

/* What a state is.  Those from CRASH_OTHER on are the judge's own. */
enum crash_verdict { CRASH_GOOD, CRASH_BAD, CRASH_OTHER, CRASH_VERDICTS = 8 };

/* Looks at the state that lies in the folder `root`; may change it.  `why` has room for CRASH_WHY bytes: what is wrong.
 */
typedef enum crash_verdict (*crash_judge_fn)(void *arg, const char *root, char *why);
enum { CRASH_WHY = 2048 };

/* What was seen, of all moments. */
struct crash_counts {
  long moments, states; /* states: all different */
  long exhaustive;      /* moments of which all pages, and all sectors, were combined */
  long by_pages;        /* moments of which all pages were */
  long same;            /* states that had been there */
  long verdicts[CRASH_VERDICTS];
  long unreported; /* bad ones beyond those that were told of */
};

/* How to look. */
struct crash_plan {
  const char *scratch; /* a folder; states are built in it */
  const char *mapped;  /* a file of this name is written through maps, which no log sees: it has any content, or is
                        * missing.  NULL: none */
  uint64_t seed;
  size_t exhaustive; /* at most so many combinations of units are all looked at */
  size_t samples;    /* else so many random ones */
  long reported;     /* how many bad states are told of */
  crash_judge_fn judge;
  void *arg;
};

/* An exploration of many moments. */
struct crash_explorer;
struct crash_explorer *crash_explorer_new(const struct crash_plan *plan);
void crash_explorer_free(struct crash_explorer *x);

/* Looks at the states that there may be now.  States under another `expectation` are others.  `label` names the moment
 * in what is reported. */
void crash_explore(struct crash_explorer *x, struct crash_tree *tree, uint64_t expectation, const char *label);

const struct crash_counts *crash_explorer_counts(const struct crash_explorer *x);

/* Deletes a folder with all that is in it; none is fine. */
void crash_remove(const char *path);

/* A log, record by record. */
struct crash_log {
  const char *data;
  size_t size, at;
};
struct crash_log crash_log_open(const char *path);
void crash_log_close(struct crash_log *log);
/* The next record, and its data.  False: there is none. */
bool crash_log_next(struct crash_log *log, struct iorecord *r, const char **data);

/* A judge of all that a log has: after each record the states that there may be, at every `parts`th moment, the first
 * of which the seed chooses. */
struct crash_course {
  const char *log, *root; /* what was recorded, and the folder as it was before */
  unsigned long parts;
  const char *ignored; /* "ignore=files" or "ignore=folders": those are never flushed; another: nothing is */
  /* A mark was written to the log. */
  void (*take_mark)(void *arg, struct crash_tree *tree, const char *data, size_t size);
  /* What is expected now, as a number, and in words. */
  uint64_t (*expect)(void *arg, char *words, size_t room);
};

/* Takes SEED PARTS EXHAUSTIVE SAMPLES from a command line. */
void crash_take_draws(char **words, struct crash_plan *plan, struct crash_course *course);

/* Judges it, and says in a line how much that was.  1: there were bad states; 0. */
int crash_judge_log(const struct crash_plan *plan, const struct crash_course *course);

#endif
