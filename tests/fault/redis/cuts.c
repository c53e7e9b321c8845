/* SPDX-License-Identifier: MIT
 *
 * Connections to Redis that are cut at each byte; wire/cuts.c does the work.
 */
#include "fault/wire/cuts.h"
#include "fault/redis/judge.h"

int main(int argc, char **argv) { return wire_cuts(argc, argv, &redis_judge); }
