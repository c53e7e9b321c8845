/* SPDX-License-Identifier: MIT
 *
 * Connections to PostgreSQL that are cut at each byte; wire/cuts.c does the work.
 */
#include "fault/wire/cuts.h"
#include "fault/postgres/judge.h"

int main(int argc, char **argv) { return wire_cuts(argc, argv, &postgres_judge); }
