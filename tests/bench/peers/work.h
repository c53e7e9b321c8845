/* SPDX-License-Identifier: MIT
 *
 * What is measured of a peer in C: hf_peer_NAME WHAT -d PLACE, with hf_bench's options
 * (bench.h).  NAME.c says how that store does it; work.c measures, and is the same for
 * all.
 *
 *   load -f FILE -y        of an entity: all lines of FILE, JSON each, into an emptied store at once
 *   put -n N [-y]          overwriting entities with what they are, one commit each; -y: durable
 *   get -n N, values       reading, each decoded
 *   getText, valuesText    the same without decoding
 *   symbol, sum, substring the questions of questions.lua over all, in the way that the store likes best; what it gives
 *                          is decoded
 *   count                  how many of one symbol there are
 *   index                  of an entity: indexes over metadata.symbol, priceOpen and id are made, which the questions
 * and count use from then on, and each write keeps up find -n N              of one: the one that has an id (of its
 * own, in its JSON) that no other has top -n N               of a call: the ten with the largest priceOpen
 *
 * Prints the µs of an entity, and where all are read or asked, how many there were.
 */
#ifndef HF_TESTS_BENCH_PEERS_WORK_H
#define HF_TESTS_BENCH_PEERS_WORK_H

#include <stdbool.h>
#include <stddef.h>

/* Which entities are read. */
enum question { QUESTION_ALL, QUESTION_SYMBOL, QUESTION_SUM, QUESTION_SUBSTRING, QUESTION_TOP };

/* A JSON text; ends with a NUL that is not counted. */
struct text {
  char *data;
  size_t size;
};

/* Called with each text that was read, which is the store's. */
typedef void (*give_fn)(const char *json, size_t size);

/* A store.  Ids are log-1, log-2, ...; all calls end the program when they fail. */
struct peer {
  void (*open)(const char *place, bool is_durable, bool is_emptied);
  size_t (*size)(void);                                 /* how many entities it has */
  void (*load)(const struct text *texts, size_t count); /* in one commit, or in large ones */
  void (*put)(const char *id, const struct text *text); /* a commit of its own */
  void (*get)(const char *id, give_fn give);            /* the one with this id */
  void (*each)(enum question question, give_fn give);   /* all that it asks for */
  size_t (*count)(void);                                /* of one symbol */
  void (*close)(void);
  void (*index)(void);                           /* makes the indexes; NULL: it has none */
  void (*find)(const char *value, give_fn give); /* those whose JSON has this id */
};

/* Defined by each of them. */
extern const struct peer peer;

#endif
