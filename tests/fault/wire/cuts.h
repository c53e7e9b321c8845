/* SPDX-License-Identifier: MIT
 *
 * Connections that are cut at each byte: the main function of redis/cuts.c and postgres/cuts.c.
 */
#ifndef HF_TESTS_FAULT_WIRE_CUTS_H
#define HF_TESTS_FAULT_WIRE_CUTS_H

#include "fault/wire/judge.h"

/* Arguments are those of wire_trial_start(). */
int wire_cuts(int argc, char **argv, const struct wire_judge *judge);

#endif
