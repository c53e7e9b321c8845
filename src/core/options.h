/* SPDX-License-Identifier: MIT
 *
 * The options of a store (hf_options): one table, which URLs, the tables of scripts, the command, messages and
 * documents are made of.
 */
#ifndef HF_CORE_OPTIONS_H
#define HF_CORE_OPTIONS_H

#include "holdfast/backend.h"

/* What the value of an option is. */
typedef enum hf__option_type {
  HF__OPTION_DURABILITY, /* the name of a mode, hf_durability */
  HF__OPTION_BYTES,      /* a number of bytes, uint64_t; in a URL with a unit if one likes */
  HF__OPTION_FLAG        /* true or false, bool; in a URL 1 or 0 */
} hf__option_type;

typedef struct hf__option {
  const char *name; /* in a URL: "mapsize" */
  const char *key;  /* in a table of a script: "mapSize" */
  hf__option_type type;
  bool is_inverted;     /* the member says the opposite: must_exist is not `create` */
  size_t member;        /* where it is in hf_options */
  uint64_t given;       /* HF_GIVEN_...: what tells in hf_options.given that it was given; 0: nothing does */
  const char *fallback; /* what it is where it is not given, as a script writes it */
  const char *backends; /* those that heed it: "lmdb, file", or "all" */
  const char *meaning;  /* a phrase for people */
} hf__option;

/* All of them; the last one has name NULL. */
extern const hf__option hf__options[];

/* The option that a URL, or a script, calls so; NULL: there is none. */
const hf__option *hf__option_by_name(const char *name);
const hf__option *hf__option_by_key(const char *key);

/* Sets what a URL says.  HF_INVALID_ARGUMENT: the text is no value of this option. */
hf_status hf__option_parse(const hf__option *option, const char *text, hf_options *out, hf_error *err);

/* Reads a number of bytes such as "1048576", "64m" or "4g".  False: it is none. */
bool hf__size_parse(const char *text, uint64_t *out);

/* Sets an option of the type. */
void hf__option_set_bytes(const hf__option *option, uint64_t bytes, hf_options *out);
void hf__option_set_flag(const hf__option *option, bool flag, hf_options *out);
/* False: no mode has this name. */
bool hf__option_set_durability(const hf__option *option, const char *mode, hf_options *out);

/* Lists for messages, separated by ", ": the options as URLs call them, as scripts do, and the modes of durability. */
enum { HF__OPTIONS_TEXT = 512 };
const char *hf__options_names(char out[HF__OPTIONS_TEXT]);
const char *hf__options_keys(char out[HF__OPTIONS_TEXT]);
const char *hf__durability_names(char out[HF__OPTIONS_TEXT]);

/* Adds a name to such a list, if it fits in. */
void hf__options_list(char out[HF__OPTIONS_TEXT], const char *name);

#endif
